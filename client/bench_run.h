/* bench_run.h - a whole run, directed: queue, crews, phase after phase, and what came of it. */
#ifndef MQ_BENCH_RUN_H
#define MQ_BENCH_RUN_H

#include "bench_floor.h"

/* Of the measured phases together. Times in ns; durations of 0, and memory of 0, are not known. */
struct bench_outcome {
    uint64_t items;
    uint64_t run_ns, put_ns, get_ns; /* first put to last task_done; the puts; the gets and task_dones */
    uint64_t put_requests, get_requests;
    struct histogram put, handoff, done;
    struct bench_findings findings;
    uint64_t lost;
    bool knows_broker_cpu;
    uint64_t broker_cpu_ns, producers_cpu_ns, consumers_cpu_ns;
    uint64_t rss_before, rss_full, rss_end, rss_peak; /* bytes; full: between puts and gets of --fill */
    char version[64];                                 /* the broker's */
};

/* What the workers have left on the floor; the memory figures are the director's. */
void bench_outcome_gather(const struct bench_floor *floor, struct bench_outcome *out);

/* CLI_OK; CLI_INTERNAL: an item was lost, doubled, changed or out of order, and that has been reported. */
int bench_outcome_judge(struct cli *cli, const struct bench_floor *floor, const struct bench_outcome *out);

/* Returns the exit code; what is not CLI_OK has been reported, a wrong item, too. The memory for *ret_outcome
 * is the caller's. */
int bench_run(struct cli *cli, struct bench_floor *floor, struct bench_outcome *ret_outcome);

#endif
