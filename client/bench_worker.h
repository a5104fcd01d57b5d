/* bench_worker.h - what a thread does in one phase: put, or get and finish, as fast as it can or on schedule,
 * and measure that.
 *
 * It reads the clock once a request: the end of one is the beginning of the next. With --batch auto there are
 * no requests to be seen; there it times one item in sixteen or so. */
#ifndef MQ_BENCH_WORKER_H
#define MQ_BENCH_WORKER_H

#include "bench_floor.h"

struct bench_job {
    struct bench_floor *floor;
    struct bench_phase *phase;
    struct bench_worker *worker;
    struct mqc *mqc;
    struct mqc_queue *queue;
};

/* A failure is left on the floor. */
void bench_produce(struct bench_job *job);
void bench_consume(struct bench_job *job);

/* The last call of this thread has failed: "producer 3: put: ...". */
void bench_job_fail(const struct bench_job *job, const char *call, enum mq_status status);

/* Calls bench_phase_complete() once the broker has no unfinished item left. */
void bench_job_complete(const struct bench_job *job);

#endif
