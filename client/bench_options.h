/* bench_options.h - what a run of `mq bench` is to do. */
#ifndef MQ_BENCH_OPTIONS_H
#define MQ_BENCH_OPTIONS_H

#include "cli.h"

enum bench_mode {
    BENCH_AUTO,   /* the library batches: mqc_put_async, prefetch */
    BENCH_BATCH,  /* mqc_put_many, mqc_get_many, mqc_task_done_many, each waited for */
    BENCH_SYNC,   /* mqc_put, mqc_get, mqc_task_done, each waited for */
    BENCH_HANDOFF /* ... and the next put waits until the item is done and the consumer blocked in its get */
};

struct bench_options {
    enum bench_mode mode;
    unsigned producers, consumers;
    bool threads;        /* all producers share one handle, and so do all consumers */
    bool fill;           /* all puts before the first get */
    size_t size;         /* of a body */
    uint64_t count;      /* items; 0: for duration_ms */
    int64_t duration_ms; /* of the puts */
    int64_t warm_up_ms;  /* 0: none */
    size_t batch;        /* items a request at most */
    size_t window;       /* BENCH_AUTO: items in flight of a producer, and fetched ahead by a consumer */
    unsigned lanes;      /* requests in flight of each: BENCH_BATCH has threads for them, others have 1 */
    double rate;         /* puts a second of all producers together; 0: as fast as it goes */
    enum mq_kind kind;
    int64_t maxsize;      /* of the queue */
    char queue_name[256]; /* a name of its own unless --queue was given */
    bool csv;
};

extern const struct cli_option bench_option_list[];

/* How many threads put, and get, over how many clients each. */
static inline unsigned bench_putters(const struct bench_options *o)
{
    return o->producers * o->lanes;
}
static inline unsigned bench_getters(const struct bench_options *o)
{
    return o->consumers * o->lanes;
}

/* From the command line. CLI_OK, or the failure has been reported. */
int bench_options_read(struct cli *cli, struct bench_options *ret_options);

/* "auto", "batch", "sync", "handoff". */
const char *bench_mode_name(enum bench_mode mode);

#endif
