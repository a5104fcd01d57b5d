/* bench_worker.h - what a thread does in one phase: put, or get and finish, as fast as it can or on schedule,
 * and measure that.
 *
 * It reads the clock once a request: the end of one is the beginning of the next. With --batch auto there are
 * no requests to be seen; there it times one item in sixteen or so. */
#ifndef MQ_BENCH_WORKER_H
#define MQ_BENCH_WORKER_H

#include "bench_floor.h"

/* An item that is timed and has no result yet. */
struct bench_timing {
    struct histogram *latency;
    uint64_t since_ns;
};

struct bench_job {
    struct bench_floor *floor;
    struct bench_phase *phase;
    struct bench_worker *worker;
    struct mqc *mqc;
    struct mqc_queue *queue;
    struct bench_timing
        *timings; /* window + 1 of each producer, a ring, to stay until the client is closed */
};

/* A failure is left on the floor. */
void bench_produce(struct bench_job *job);
void bench_consume(struct bench_job *job);

/* The last call of this thread has failed: "producer 3: put: ...". False. */
bool bench_job_fail(const struct bench_job *job, const char *call, enum mq_status status);

/* Waits for what the library has gathered; `call` is what its failure is to be called. False: it failed. */
bool bench_job_flush(const struct bench_job *job, const char *call);

/* Calls bench_phase_complete() once the broker has no unfinished item left. */
void bench_job_complete(const struct bench_job *job);

/* So many items more. Only the worker itself calls it: the director reads. */
static inline void bench_worker_count(struct bench_worker *worker, uint64_t count)
{
    uint64_t items = atomic_load_explicit(&worker->items, memory_order_relaxed);
    atomic_store_explicit(&worker->items, items + count, memory_order_relaxed);
}

#endif
