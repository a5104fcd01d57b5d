/* bench_queue.h - the queue that a run uses: one that is empty, and gone afterwards if the run made it. */
#ifndef MQ_BENCH_QUEUE_H
#define MQ_BENCH_QUEUE_H

#include "bench_options.h"

/* Makes the queue, or sees that it is empty and nobody else gets from it; cli->queue is its handle, and
 * options->kind its kind. CLI_OK, or the failure has been reported. *ret_is_ours is always written. */
int bench_queue_open(struct cli *cli, struct bench_options *options, bool *ret_is_ours);

/* Removes it if it is ours; otherwise tells what was left in it. Returns the code, or why that failed. */
int bench_queue_leave(struct cli *cli, const struct bench_options *options, bool is_ours, int code);

#endif
