/* bench_consumer.c - the getting half of bench_worker.h. */
#include "bench_worker.h"

#include <stdlib.h>

struct consumer {
    const struct bench_job *job;
    const struct bench_options *options;
    struct mqc_item **items;
    uint64_t *next; /* by producer: the order is checked; or NULL */
    uint64_t now_ns;
};

/* Only of a FIFO and only to one consumer is an order promised: what somebody gives back is got later. */
static bool checks_order(const struct bench_options *o)
{
    return o->kind == MQ_KIND_FIFO && bench_getters(o) == 1;
}

static bool consumer_init(struct consumer *c, const struct bench_job *job)
{
    const struct bench_options *o = &job->floor->options;
    *c = (struct consumer){.job = job, .options = o};
    c->items = calloc(o->batch, sizeof *c->items);
    if (checks_order(o))
        c->next = calloc(bench_putters(o), sizeof *c->next);
    return c->items && (c->next || !checks_order(o));
}

static void consumer_done(struct consumer *c)
{
    free(c->items);
    free(c->next);
}

static enum mq_status get_some(struct consumer *c, size_t *ret_count)
{
    if (c->options->mode == BENCH_BATCH)
        return mqc_get_many(c->job->queue, c->options->batch, MQ_FOREVER, c->items, ret_count);
    *ret_count = 1;
    return mqc_get(c->job->queue, MQ_FOREVER, &c->items[0]);
}

static enum mq_status finish(struct consumer *c, size_t count)
{
    if (c->options->mode == BENCH_BATCH)
        return mqc_task_done_many(c->items, count, NULL);
    return mqc_task_done(c->items[0]);
}

/* An item put on another processor may look as if it came from the future, by a hair. */
static uint64_t since(const struct consumer *c, uint64_t time_ns)
{
    return c->now_ns > time_ns ? c->now_ns - time_ns : 0;
}

/* Items of one request were put at one time: they are counted together. */
static void judge(struct consumer *c, size_t count)
{
    struct bench_worker *worker = c->job->worker;
    struct bench_stamp stamp = {0};
    uint64_t time_ns = 0, alike = 0;
    for (size_t i = 0; i < count; i++) {
        const struct mqc_item *item = c->items[i];
        if (!bench_tally_see(&c->job->phase->tally, &worker->findings, c->next, mqc_item_body(item),
                             mqc_item_size(item), &stamp) ||
            !stamp.is_timed)
            continue;
        if (stamp.time_ns != time_ns && alike) {
            histogram_add(&worker->latency, since(c, time_ns), alike);
            alike = 0;
        }
        time_ns = stamp.time_ns;
        alike++;
    }
    if (alike)
        histogram_add(&worker->latency, since(c, time_ns), alike);
}

/* Gets, judges and finishes what one request brings. False: it failed. */
static bool work(struct consumer *c)
{
    struct bench_worker *worker = c->job->worker;
    size_t count = 0;
    enum mq_status status = get_some(c, &count);
    if (status == MQ_INTERRUPTED)
        return true;
    if (status != MQ_OK)
        return bench_job_fail(c->job, "get", status);
    c->now_ns = bench_now_ns();
    judge(c, count);
    if (worker->requests++ == 0)
        worker->first_ns = c->now_ns;
    uint64_t before_ns = c->now_ns;
    status = finish(c, count);
    if (status != MQ_OK)
        return bench_job_fail(c->job, "task_done", status);
    c->now_ns = bench_now_ns();
    histogram_add(&worker->done_latency, c->now_ns - before_ns, count);
    bench_worker_count(worker, count);
    if (bench_phase_done(c->job->phase, count))
        bench_job_complete(c->job);
    return true;
}

/* The same where the library batches: an item at a time, and the clock is read for those alone that have been
 * timed. Whether each task_done was accepted is only known at the end. */
static bool work_ahead(struct consumer *c)
{
    struct bench_worker *worker = c->job->worker;
    struct bench_stamp stamp;
    struct mqc_item *item;
    enum mq_status status = mqc_get(c->job->queue, MQ_FOREVER, &item);
    if (status == MQ_INTERRUPTED)
        return true;
    if (status != MQ_OK)
        return bench_job_fail(c->job, "get", status);
    if (worker->first_ns == 0)
        worker->first_ns = bench_now_ns();
    if (bench_tally_see(&c->job->phase->tally, &worker->findings, c->next, mqc_item_body(item),
                        mqc_item_size(item), &stamp) &&
        stamp.is_timed) {
        c->now_ns = bench_now_ns();
        histogram_add(&worker->latency, since(c, stamp.time_ns), 1);
    }
    status = mqc_task_done(item);
    if (status != MQ_OK)
        return bench_job_fail(c->job, "task_done", status);
    bench_worker_count(worker, 1);
    if (bench_phase_done(c->job->phase, 1))
        bench_job_complete(c->job);
    return true;
}

static void run(struct consumer *c)
{
    const struct bench_floor *floor = c->job->floor;
    bool (*step)(struct consumer *) = c->options->mode == BENCH_AUTO ? work_ahead : work;
    while (!floor->is_over && !floor->stops && step(c))
        continue;
    if (c->options->mode == BENCH_AUTO && !floor->stops)
        bench_job_flush(c->job, "task_done");
}

void bench_consume(struct bench_job *job)
{
    struct consumer c;
    if (consumer_init(&c, job))
        run(&c);
    else
        bench_floor_fail(job->floor, MQ_NO_MEMORY, "consumer %u: out of memory", job->worker->index + 1);
    consumer_done(&c);
}
