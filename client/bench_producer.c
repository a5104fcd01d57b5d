/* bench_producer.c - the putting half of bench_worker.h. */
#include "bench_random.h"
#include "bench_worker.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    HANDOFF_PAUSE_US = 200, /* for the consumer to wait in its get again */
    HANDOFF_LOOK_US = 50,
    TIMED_MASK = 15,        /* of items that the library batches one in 16 is timed, at random, */
    TIMED_RATE_MAX = 100000 /* ... but all if no more a second are asked for */
};

struct producer {
    const struct bench_job *job;
    const struct bench_options *options;
    struct histogram *latency;
    unsigned char *bodies; /* one for each item of a batch */
    struct mqc_put *puts;
    uint64_t *times_ns; /* when each item of the batch was put, or was to be */
    uint64_t pattern;
    uint64_t random;
    uint64_t next, quota; /* sequence numbers */
    uint64_t now_ns;
    size_t timed; /* items so far */
};

static bool producer_init(struct producer *p, const struct bench_job *job)
{
    const struct bench_options *o = &job->floor->options;
    unsigned index = job->worker->index;
    *p = (struct producer){.job = job,
                           .options = o,
                           .latency = &job->worker->latency,
                           .random = job->phase->tally.run + (uint64_t)index,
                           .quota = bench_phase_quota(job->phase, index)};
    p->bodies = malloc(o->batch * o->size);
    p->puts = calloc(o->batch, sizeof *p->puts);
    p->times_ns = calloc(o->batch, sizeof *p->times_ns);
    if (!p->bodies || !p->puts || !p->times_ns)
        return false;
    for (size_t i = 0; i < o->batch; i++) {
        p->puts[i] = (struct mqc_put){.body = p->bodies + i * o->size, .size = o->size};
        p->pattern = bench_item_fill(p->bodies + i * o->size, o->size, index);
    }
    return true;
}

static void producer_done(struct producer *p)
{
    free(p->bodies);
    free(p->puts);
    free(p->times_ns);
}

/* When this producer's item is due: those of all producers take turns. */
static uint64_t due_ns(const struct producer *p, uint64_t sequence)
{
    double turn = (double)sequence * p->job->phase->tally.producers + p->job->worker->index;
    return p->job->phase->start_ns + (uint64_t)(turn * 1e9 / p->options->rate);
}

/* Interrupted early if the run is given up. */
static void sleep_until(const struct producer *p, uint64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                             .tv_nsec = (long)(until_ns % 1000000000)};
    while (!p->job->floor->stops && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        continue;
}

static bool is_over(const struct producer *p)
{
    const struct bench_phase *phase = p->job->phase;
    if (p->job->floor->stops || p->next >= p->quota)
        return true;
    if (phase->quota)
        return false;
    uint64_t next_ns = p->options->rate > 0 ? due_ns(p, p->next) : p->now_ns;
    return next_ns >= phase->deadline_ns;
}

/* With --rate waits until an item is due. Returns how many go into the next request. */
static size_t count_due(struct producer *p)
{
    size_t count = p->options->batch;
    if (count > p->quota - p->next)
        count = (size_t)(p->quota - p->next);
    if (p->options->rate <= 0)
        return count;
    uint64_t first_ns = due_ns(p, p->next);
    if (first_ns > p->now_ns) {
        sleep_until(p, first_ns);
        p->now_ns = bench_now_ns();
    }
    size_t due = 1;
    while (due < count && due_ns(p, p->next + due) <= p->now_ns)
        due++;
    return due;
}

static void stamp(struct producer *p, size_t count, bool is_timed)
{
    const struct bench_job *job = p->job;
    struct bench_stamp stamp = {
        .run = job->phase->tally.run, .producer = (uint16_t)job->worker->index, .is_timed = is_timed};
    for (size_t i = 0; i < count; i++) {
        stamp.sequence = p->next + i;
        stamp.time_ns = p->options->rate > 0 ? due_ns(p, stamp.sequence) : p->now_ns;
        p->times_ns[i] = stamp.time_ns;
        bench_item_stamp(p->bodies + i * p->options->size, stamp, p->pattern);
        if (p->options->kind == MQ_KIND_PRIORITY)
            p->puts[i].priority = mqc_key_int((int64_t)(bench_random(&p->random) >> 1));
    }
}

static enum mq_status put_some(struct producer *p, const struct mqc_put *puts, size_t count,
                               size_t *ret_stored)
{
    struct mqc_queue *queue = p->job->queue;
    if (p->options->mode == BENCH_BATCH)
        return mqc_put_many(queue, puts, count, MQ_FOREVER, ret_stored);
    enum mq_status status;
    if (puts->priority.type == MQ_KEY_NONE)
        status = mqc_put(queue, puts->body, puts->size, MQ_FOREVER);
    else
        status = mqc_put_item(queue, puts, MQ_FOREVER, NULL);
    *ret_stored = status == MQ_OK;
    return status;
}

/* An interrupt that was meant for a get of before, or that comes when the run is given up, only stops a put
 * that had to wait. */
static bool put_all(struct producer *p, size_t count)
{
    size_t stored = 0;
    while (stored < count) {
        size_t more = 0;
        enum mq_status status = put_some(p, p->puts + stored, count - stored, &more);
        stored += more;
        p->next += more;
        if (status == MQ_OK)
            continue;
        if (status != MQ_INTERRUPTED)
            return bench_job_fail(p->job, "put", status);
        if (p->job->floor->stops)
            return false;
    }
    return true;
}

static void measure(struct producer *p, size_t count)
{
    struct bench_worker *worker = p->job->worker;
    p->now_ns = bench_now_ns();
    worker->requests++;
    if (p->options->rate <= 0) {
        histogram_add(p->latency, p->now_ns - p->times_ns[0], count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        histogram_add(p->latency, p->now_ns - p->times_ns[i], 1);
}

/* One item at a time between producer and consumer. */
static void await_handoff(struct producer *p)
{
    while (p->job->phase->done < p->next && !p->job->floor->stops)
        usleep(HANDOFF_LOOK_US);
    usleep(HANDOFF_PAUSE_US);
    p->now_ns = bench_now_ns();
}

/* Puts what goes into one request, and waits for it. False: it failed. */
static bool step(struct producer *p)
{
    if (p->options->mode == BENCH_HANDOFF)
        await_handoff(p);
    size_t count = count_due(p);
    if (p->job->worker->requests == 0)
        p->job->worker->first_ns = p->now_ns;
    stamp(p, count, true);
    if (!put_all(p, count))
        return false;
    measure(p, count);
    bench_worker_count(p->job->worker, count);
    return true;
}

/* On the library's thread, which alone measures while items are under way. */
static void on_timed(void *context, enum mq_status status, uint64_t id)
{
    (void)id;
    const struct bench_timing *timing = context;
    if (status == MQ_OK)
        histogram_add(timing->latency, bench_now_ns() - timing->since_ns, 1);
}

/* The same where the library batches: an item at a time. What is refused is told by the flush at the end. */
static bool step_async(struct producer *p)
{
    bool times_all = p->options->rate > 0 && p->options->rate <= TIMED_RATE_MAX;
    bool is_timed = times_all || (bench_random(&p->random) & TIMED_MASK) == 0 || p->next == 0;
    struct bench_timing *timing = &p->job->timings[p->timed % (p->options->window + 1)];
    if (is_timed)
        p->now_ns = bench_now_ns();
    count_due(p);
    if (p->next == 0)
        p->job->worker->first_ns = p->now_ns;
    stamp(p, 1, is_timed);
    enum mq_status status;
    do {
        *timing = (struct bench_timing){.latency = p->latency, .since_ns = p->times_ns[0]};
        status = mqc_put_async(p->job->queue, p->puts, is_timed ? on_timed : NULL, timing);
    } while (status == MQ_INTERRUPTED && !p->job->floor->stops);
    if (status == MQ_INTERRUPTED)
        return false;
    if (status != MQ_OK)
        return bench_job_fail(p->job, "put", status);
    p->timed += is_timed;
    p->next++;
    bench_worker_count(p->job->worker, 1);
    return true;
}

static void run(struct producer *p)
{
    bool (*put)(struct producer *) = p->options->mode == BENCH_AUTO ? step_async : step;
    p->now_ns = bench_now_ns();
    while (!is_over(p) && put(p))
        continue;
    if (p->options->mode == BENCH_AUTO) {
        bench_job_flush(p->job, "put");
        p->now_ns = bench_now_ns();
    }
    p->job->worker->last_ns = p->now_ns;
}

void bench_produce(struct bench_job *job)
{
    struct producer p;
    if (producer_init(&p, job))
        run(&p);
    else
        bench_floor_fail(job->floor, MQ_NO_MEMORY, "producer %u: out of memory", job->worker->index + 1);
    if (bench_phase_put(job->phase, p.next))
        bench_job_complete(job);
    producer_done(&p);
}
