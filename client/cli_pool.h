/* cli_pool.h - `mq work`: slots that each take an item, run the command over it, and finish it.
 *
 * A slot is a thread that works on one item at a time; the library fetches as much ahead as two items a slot,
 * and gives back what is not worked on soon. What failed is held by the pool: until the pause before its next
 * try is over or, in a run that has an end, until that. What succeeded is told to the broker by the main
 * thread, many at a time, while the slots go on. It also looks after signals, pauses and the end. */
#ifndef MQ_CLI_POOL_H
#define MQ_CLI_POOL_H

#include <pthread.h>

#include "cli.h"
#include "cli_run.h"

enum {
    CLI_POOL_SLOTS_MAX = 1000, /* a session may have 1024 waiting requests */
    CLI_POOL_FINISHED_MAX = 256
};

struct cli_pool;

struct cli_slot {
    struct cli_pool *pool;
    pthread_t thread;
    struct cli_run run;
    int64_t pause_ms; /* before the next look at a queue that is empty but not finished */
};

/* A failed item. */
struct cli_held {
    struct mqc_item *item;
    int64_t due_ms; /* when to give it back; INT64_MAX: at the end */
};

struct cli_pool {
    struct cli *cli;
    size_t slot_count;
    bool all;       /* ends when nothing is left */
    int64_t wanted; /* ends after so many; -1: no bound */
    struct cli_slot *slots;
    int wake_fd;      /* wakes the main thread */
    int signal_count; /* main thread only */
    int last_signal;

    pthread_mutex_t output; /* one run's output at a time */
    pthread_mutex_t lock;   /* guards all that follows, and pids of runs */
    pthread_cond_t room;    /* fewer are held, or it ends */
    bool ending;            /* nothing more is taken */
    int code;               /* why, as an exit code */
    size_t alive;           /* slots whose thread has not ended */
    size_t fetching;        /* slots that may be blocked in a call for the broker */
    int64_t taken;
    uint64_t done, failed;                            /* runs */
    struct mqc_item *finished[CLI_POOL_FINISHED_MAX]; /* their command succeeded; to be done */
    size_t finished_count;
    struct cli_held *held;
    size_t held_count, held_capacity, held_size;
};

/* Works until the end. The exit code of what ended it, reported: CLI_OK also if some failed. */
int cli_pool_run(struct cli_pool *pool);

#endif
