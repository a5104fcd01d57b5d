/* bench_crew.c - see bench_crew.h. */
#include "bench_crew.h"
#include "bench_worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LEAVE_WITHIN_MS = 5000, LOOK_EVERY_MS = 5 };

static struct mqc *volatile crew_client; /* to be interrupted, if it is open */

static void on_interrupt(int number)
{
    (void)number;
    int saved = errno;
    if (crew_client)
        mqc_interrupt(crew_client);
    errno = saved;
}

/* The director alone listens to the terminal, and nobody outlives it. */
static void set_signals(const struct bench_floor *floor)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != floor->director)
        _exit(CLI_INTERNAL);
    /* What is due at a time is to be put at that time, and not when it is convenient. */
    prctl(PR_SET_TIMERSLACK, 1UL);
}

static bool open_client(struct bench_floor *floor, const struct bench_crew *crew, struct bench_job *job)
{
    char name[64];
    const char *kind = crew->is_producer ? "producer" : "consumer";
    unsigned number = floor->workers[crew->first].index + 1;
    snprintf(name, sizeof name, "mq bench %s %u [%ld]", kind, number, (long)getpid());
    struct mqc_options options = {
        .given = MQC_OPTION_CLIENT_NAME | MQC_OPTION_CONNECT_TIMEOUT | MQC_OPTION_CLOSE_TIMEOUT,
        .client_name = name,
        .connect_timeout_ms = floor->connect_timeout_ms,
        .close_timeout_ms = 1000,
        .async_items = floor->options.window,
    };
    struct mqc_queue_options queue = {.mode = MQC_OPEN_NAME};
    if (floor->options.mode == BENCH_AUTO)
        options.given |= MQC_OPTION_ASYNC_ITEMS;
    if (floor->options.mode == BENCH_AUTO && !crew->is_producer)
        queue.prefetch = (uint32_t)floor->options.window;
    enum mq_status status = mqc_open(floor->endpoint, &options, &job->mqc);
    crew_client = job->mqc;
    if (status == MQ_OK)
        status = mqc_queue_open(job->mqc, floor->options.queue_name, &queue, &job->queue);
    if (status != MQ_OK)
        bench_floor_fail(floor, status, "%s %u: %s", kind, number, mqc_error(job->mqc));
    return status == MQ_OK;
}

static uint64_t cpu_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000000000 + (uint64_t)spent.tv_nsec;
}

static void *work(void *context)
{
    struct bench_job *job = context;
    if (job->worker->is_producer)
        bench_produce(job);
    else
        bench_consume(job);
    return NULL;
}

/* What a worker has measured before was of the warm-up. */
static void reset(struct bench_worker *worker)
{
    bool is_producer = worker->is_producer;
    unsigned index = worker->index;
    memset(worker, 0, sizeof *worker);
    worker->is_producer = is_producer;
    worker->index = index;
}

static void run_phase(const struct bench_crew *crew, const struct bench_job *common, struct bench_job *jobs,
                      pthread_t *threads)
{
    unsigned started = 0;
    for (unsigned i = 0; i < crew->count; i++) {
        jobs[i] = *common;
        jobs[i].worker = &common->floor->workers[crew->first + i];
        jobs[i].timings = common->timings + i * (common->floor->options.window + 1);
        reset(jobs[i].worker);
    }
    while (started < crew->count && pthread_create(&threads[started], NULL, work, &jobs[started]) == 0)
        started++;
    if (started < crew->count)
        bench_floor_fail(common->floor, MQ_NO_MEMORY, "cannot start as many threads");
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

/* Interrupts are not meant for this wait. */
static void await_gate(struct bench_floor *floor, unsigned index)
{
    while (sem_wait(&floor->gates[index]) != 0)
        continue;
}

static void run_phases(struct bench_floor *floor, struct bench_crew *crew, struct bench_job *job)
{
    struct bench_job *jobs = calloc(crew->count, sizeof *jobs);
    pthread_t *threads = calloc(crew->count, sizeof *threads);
    if (!jobs || !threads)
        bench_floor_fail(floor, MQ_NO_MEMORY, "out of memory");
    for (unsigned i = 0; i < floor->phase_count; i++) {
        sem_post(&floor->reported);
        await_gate(floor, i + 1);
        if (floor->stops)
            break;
        job->phase = &floor->phases[i];
        uint64_t before_ns = cpu_ns();
        if (bench_phase_has(job->phase, crew->is_producer))
            run_phase(crew, job, jobs, threads);
        if (job->phase->kind != BENCH_WARM_UP)
            crew->cpu_ns += cpu_ns() - before_ns;
    }
    sem_post(&floor->reported);
    free(jobs);
    free(threads);
}

static void crew_main(struct bench_floor *floor, struct bench_crew *crew)
{
    struct bench_job job = {.floor = floor};
    size_t timing_count = crew->count * (floor->options.window + 1);
    struct bench_timing *timings = calloc(timing_count, sizeof *timings);
    set_signals(floor);
    job.timings = timings;
    await_gate(floor, 0);
    if (!timings)
        bench_floor_fail(floor, MQ_NO_MEMORY, "out of memory");
    if (!floor->stops && open_client(floor, crew, &job))
        run_phases(floor, crew, &job);
    crew_client = NULL;
    mqc_queue_close(job.queue);
    mqc_close(job.mqc);
    free(timings);
}

bool bench_crews_start(struct bench_floor *floor)
{
    for (unsigned i = 0; i < floor->crew_count; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            crew_main(floor, &floor->crews[i]);
            _exit(CLI_OK);
        }
        if (pid < 0) {
            int reason = errno;
            floor->stops = true;
            bench_crews_end(floor);
            errno = reason;
            return false;
        }
        floor->crews[i].pid = pid;
    }
    return true;
}

void bench_crews_interrupt(const struct bench_floor *floor)
{
    for (unsigned i = 0; i < floor->crew_count; i++)
        if (floor->crews[i].pid)
            kill(floor->crews[i].pid, SIGUSR1);
}

static void tell_end(struct bench_floor *floor, const struct bench_crew *crew, int status)
{
    const char *kind = crew->is_producer ? "producer" : "consumer";
    if (WIFSIGNALED(status))
        bench_floor_fail(floor, MQ_CLOSED, "a %s's process was killed by signal %d", kind, WTERMSIG(status));
    else
        bench_floor_fail(floor, MQ_CLOSED, "a %s's process has ended with code %d", kind,
                         WEXITSTATUS(status));
}

unsigned bench_crews_look(struct bench_floor *floor)
{
    unsigned count = 0;
    for (unsigned i = 0; i < floor->crew_count; i++) {
        struct bench_crew *crew = &floor->crews[i];
        int status = 0;
        if (crew->pid && waitpid(crew->pid, &status, WNOHANG) != 0) {
            crew->pid = 0;
            if (status != 0)
                tell_end(floor, crew, status);
        }
        count += crew->pid != 0;
    }
    return count;
}

void bench_crews_end(struct bench_floor *floor)
{
    for (unsigned i = 0; i < floor->crew_count * (BENCH_PHASES_MAX + 1); i++)
        sem_post(&floor->gates[i % (BENCH_PHASES_MAX + 1)]);
    for (int waited_ms = 0; bench_crews_look(floor) > 0; waited_ms += LOOK_EVERY_MS) {
        bool is_late = waited_ms >= LEAVE_WITHIN_MS;
        for (unsigned i = 0; i < floor->crew_count; i++)
            if (floor->crews[i].pid)
                kill(floor->crews[i].pid, is_late ? SIGKILL : SIGUSR1);
        usleep(LOOK_EVERY_MS * 1000);
    }
}
