/* bench_worker.c - what producers and consumers have in common. See bench_worker.h. */
#include "bench_worker.h"

enum { JOIN_MS = 10000 }; /* nobody works any more */

bool bench_job_fail(const struct bench_job *job, const char *call, enum mq_status status)
{
    const char *text = mqc_error(job->mqc);
    bench_floor_fail(job->floor, status, "%s %u: %s: %s", job->worker->is_producer ? "producer" : "consumer",
                     job->worker->index + 1, call, *text ? text : mqc_strerror(status));
    return false;
}

bool bench_job_flush(const struct bench_job *job, const char *call)
{
    enum mq_status status;
    do
        status = mqc_flush(job->mqc, MQ_FOREVER);
    while (status == MQ_INTERRUPTED && !job->floor->stops);
    return status == MQ_OK || bench_job_fail(job, call, status);
}

/* Where each task_done was waited for, it was the last. Otherwise some may still be on their way: the broker
 * knows when there are no more. */
void bench_job_complete(const struct bench_job *job)
{
    enum mq_status status = MQ_OK;
    if (job->floor->options.mode == BENCH_AUTO && job->phase->kind != BENCH_PUTS) {
        do
            status = mqc_join(job->queue, JOIN_MS);
        while (status == MQ_INTERRUPTED && !job->floor->stops);
    }
    if (status == MQ_OK)
        bench_phase_complete(job->phase);
    else
        bench_job_fail(job, "join", status);
}
