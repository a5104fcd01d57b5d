/* race.c - the referee: forks the roles, holds the clock, counts, and prints the result.
 *
 * The racers' processes share one page of counters and two arrays of latencies with the referee. Client
 * libraries may start threads, so nothing of theirs runs in the referee's process, which forks. */
#include "race.h"
#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SETTLE_US = 200, /* in handoff: how long the consumer has been blocked when the next put comes */
};

struct latencies {
    uint32_t count;
    uint32_t ns[RACE_LATENCIES];
};

struct track {
    pthread_barrier_t start;
    sem_t finish;
    atomic_long done;  /* acknowledged */
    atomic_long taken; /* in sync and handoff: acknowledged one by one */
    double finished_s;
    struct latencies puts, handoffs;
};

static struct race race = {
    .mode = "sync",
    .endpoint = "",
    .variant = "",
    .count = 10000,
    .size = 100,
    .producers = 1,
    .consumers = 1,
    .batch = 100,
    .window = 1,
};
static struct track *track;
static const struct racer *racer;

void race_fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    fprintf(stderr, "%s: ", racer->name);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    _exit(1);
}

void *race_alloc(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        race_fail("out of memory");
    return memory;
}

void race_address(const struct race *asked, char ret_host[RACE_ENDPOINT_MAX], int *ret_port)
{
    const char *colon = strrchr(asked->endpoint, ':');
    size_t size = colon ? (size_t)(colon - asked->endpoint) : RACE_ENDPOINT_MAX;
    if (size >= RACE_ENDPOINT_MAX)
        race_fail("not HOST:PORT: %s", asked->endpoint);
    memcpy(ret_host, asked->endpoint, size);
    ret_host[size] = '\0';
    *ret_port = atoi(colon + 1);
}

/* --- the roles --- */

static void latency_add(struct latencies *all, double since_s)
{
    if (all->count < RACE_LATENCIES)
        all->ns[all->count++] = (uint32_t)((clock_now_s() - since_s) * 1e9);
}

static bool is_mode(const char *mode)
{
    return strcmp(race.mode, mode) == 0;
}

/* When the i-th put counts as begun, having waited for that moment. */
static double put_due_s(long i, double start_s)
{
    if (is_mode("handoff")) {
        while (atomic_load(&track->taken) < i)
            usleep(SETTLE_US / 10);
        usleep(SETTLE_US);
    }
    if (race.rate <= 0)
        return clock_now_s();
    double due_s = start_s + (double)i / race.rate;
    clock_sleep_until_s(due_s);
    return due_s;
}

/* Whoever ends the last item stops the clock. */
static void count_done(void *seat, long count)
{
    if (count == 0 || atomic_fetch_add(&track->done, count) + count < race.count)
        return;
    if (racer->settle)
        racer->settle(seat);
    track->finished_s = clock_now_s();
    sem_post(&track->finish);
}

static void run_producer(int index)
{
    void *seat = racer->enter(&race, true);
    long count = race.count / race.producers + (index < race.count % race.producers ? 1 : 0);
    pthread_barrier_wait(&track->start);
    if (is_mode("batch")) {
        racer->produce(seat, count);
        return;
    }
    double start_s = clock_now_s();
    for (long i = 0; i < count; i++) {
        double since_s = put_due_s(i, start_s);
        memcpy(race.body, &since_s, sizeof since_s);
        racer->put(seat, race.body, race.size);
        latency_add(&track->puts, since_s);
    }
    if (race.consumers == 0)
        count_done(seat, count);
}

static _Noreturn void run_consumer(void)
{
    void *seat = racer->enter(&race, false);
    char *body = race_alloc(RACE_BODY_MAX);
    pthread_barrier_wait(&track->start);
    while (is_mode("batch"))
        count_done(seat, racer->consume(seat));
    for (;;) {
        double since_s;
        racer->get(seat, body);
        memcpy(&since_s, body, sizeof since_s);
        latency_add(&track->handoffs, since_s);
        if (racer->acknowledge)
            racer->acknowledge(seat);
        atomic_fetch_add(&track->taken, 1);
        count_done(seat, 1);
    }
}

/* --- the referee --- */

static pid_t roles[2 * RACE_ROLES_MAX];
static int role_count;

static void end_roles(void)
{
    for (int i = 0; i < role_count; i++)
        if (roles[i] > 0) {
            kill(roles[i], SIGKILL);
            waitpid(roles[i], NULL, 0);
        }
}

static _Noreturn void give_up(const char *why)
{
    fprintf(stderr, "%s: %s with %ld of %ld acknowledged\n", racer->name, why, atomic_load(&track->done),
            race.count);
    end_roles();
    exit(1);
}

static void prepare(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (racer->prepare)
            racer->prepare(&race);
        _exit(0);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
        give_up("could not prepare");
}

static void start_roles(void)
{
    for (int i = 0; i < race.producers + race.consumers; i++) {
        pid_t pid = fork();
        if (pid < 0)
            give_up("could not fork");
        if (pid == 0) {
            if (i >= race.producers)
                run_consumer();
            run_producer(i);
            _exit(0);
        }
        roles[role_count++] = pid;
    }
}

/* Consumers never end by themselves, producers only when they are through: any other end is the end of the
 * race. */
static void look_for_the_fallen(void)
{
    for (int i = 0; i < role_count; i++) {
        int status;
        if (roles[i] <= 0 || waitpid(roles[i], &status, WNOHANG) <= 0)
            continue;
        roles[i] = 0;
        if (status != 0 || i >= race.producers)
            give_up("somebody fell");
    }
}

/* It looks seldom, so as not to take part in the race itself. */
static void wait_for_the_finish(double start_s)
{
    for (bool is_finished = false; !is_finished;) {
        struct timespec next = clock_realtime_in_ms(100);
        if (sem_timedwait(&track->finish, &next) == 0)
            is_finished = true;
        else if (errno != ETIMEDOUT && errno != EINTR)
            give_up("cannot wait");
        if (!is_finished)
            look_for_the_fallen();
        if (clock_now_s() > start_s + RACE_TIMEOUT_S)
            give_up("timed out");
    }
}

/* All that was put is acknowledged, but a producer may not have its last answer yet; what it does then is
 * checked too. */
static void wait_for_the_producers(void)
{
    for (int i = 0; i < race.producers; i++) {
        int status = 0;
        if (roles[i] > 0 && (waitpid(roles[i], &status, 0) < 0 || status != 0))
            give_up("a producer fell");
        roles[i] = 0;
    }
}

static double clients_cpu_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static void print_latencies(const char *name, struct latencies *all)
{
    static const char *const points[] = {"p50", "p99", "max"};
    static const double shares[] = {.5, .99, 1};
    for (int i = 0; i < 3 && all->count > 0; i++)
        printf(",\"%s_%s_us\":%.2f", name, points[i], clock_quantile_us(all->ns, all->count, shares[i]));
}

static void print_result(double seconds, double broker_s, uint64_t written)
{
    double millions = (double)race.count / 1e6;
    printf("{\"peer\":\"%s\",\"mode\":\"%s\",\"items\":%ld,\"size\":%zu,\"producers\":%d,\"consumers\":%d,"
           "\"batch\":%d,\"window\":%d,\"seconds\":%.6f,\"items_per_second\":%.0f,"
           "\"broker_cpu_s_per_million\":%.4f,\"clients_cpu_s_per_million\":%.4f",
           racer->name, race.mode, race.count, race.size, race.producers, race.consumers, race.batch,
           race.window, seconds, (double)race.count / seconds, broker_s / millions,
           clients_cpu_s() / millions);
    printf(",\"written_per_body_byte\":%.3f", (double)written / (double)race.count / (double)race.size);
    struct latencies *of[] = {&track->puts, &track->handoffs};
    const char *names[] = {"put", "handoff"};
    for (int i = 0; i < 2; i++)
        print_latencies(names[i], of[i]);
    puts("}");
}

static void run(void)
{
    prepare();
    start_roles();
    pthread_barrier_wait(&track->start);
    double start_s = clock_now_s(), broker_s = clock_cpu_s(race.broker);
    uint64_t written = clock_written_bytes(race.broker);
    wait_for_the_finish(start_s);
    broker_s = clock_cpu_s(race.broker) - broker_s;
    written = clock_written_bytes(race.broker) - written;
    wait_for_the_producers();
    end_roles();
    if (atomic_load(&track->done) != race.count)
        give_up("ended");
    print_result(track->finished_s - start_s, broker_s, written);
}

static bool read_option(int option, const char *value)
{
    switch (option) {
    case 'm':
        race.mode = value;
        return is_mode("batch") || is_mode("sync") || is_mode("handoff");
    case 'e':
        race.endpoint = value;
        return strlen(value) < RACE_ENDPOINT_MAX;
    case 'v':
        race.variant = value;
        return true;
    case 'n':
        return (race.count = atol(value)) > 0;
    case 's':
        race.size = (size_t)atol(value);
        return race.size >= sizeof(double) && race.size <= RACE_BODY_MAX;
    case 'p':
        return (race.producers = atoi(value)) > 0 && race.producers <= RACE_ROLES_MAX;
    case 'c':
        return (race.consumers = atoi(value)) >= 0 && race.consumers <= RACE_ROLES_MAX;
    case 'b':
        return (race.batch = atoi(value)) > 0;
    case 'w':
        return (race.window = atoi(value)) > 0;
    case 'r':
        return (race.rate = atof(value)) > 0;
    case 'B':
        return (race.broker = (pid_t)atol(value)) > 0;
    default:
        return false;
    }
}

static bool read_options(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "m:e:v:n:s:p:c:b:w:r:B:")) != -1)
        if (!read_option(option, optarg))
            return false;
    return optind == argc &&
           (is_mode("batch") ? race.consumers > 0 : race.producers == 1 && race.consumers <= 1);
}

int race_main(int argc, char **argv, const struct racer *of)
{
    racer = of;
    if (!read_options(argc, argv)) {
        fprintf(stderr, "%s: not options of a race; race.h tells them\n", of->name);
        return 64;
    }
    race.body = race_alloc(RACE_BODY_MAX);
    memset(race.body, 'x', RACE_BODY_MAX);
    track = mmap(NULL, sizeof *track, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_barrierattr_t shared;
    pthread_barrierattr_init(&shared);
    pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    if (track == MAP_FAILED || sem_init(&track->finish, 1, 0) ||
        pthread_barrier_init(&track->start, &shared, (unsigned)(race.producers + race.consumers + 1)))
        race_fail("no shared memory");
    run();
    return 0;
}
