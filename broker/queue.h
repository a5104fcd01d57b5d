/* queue.h - one queue: settings, waiting items in their order, counts.
 *
 * It knows no time-outs and no sessions: the lists of who waits and of what is leased are only anchored here,
 * the engine fills them. unfinished = order.count + leased, always. */
#ifndef MQ_QUEUE_H
#define MQ_QUEUE_H

#include "order.h"
#include "table.h"

/* Totals since the queue was made; the engine keeps the same for the whole broker. */
struct totals {
    uint64_t puts, gets, done, redelivered, returned, discarded;
};

struct queue {
    struct table_node by_name, by_number;
    uint64_t number;          /* never given twice */
    struct settings created;  /* what an open is compared with */
    struct settings settings; /* what is in force */
    struct order order;
    struct list leases; /* what was taken and is not yet done */
    uint64_t leased;
    uint64_t bytes;                        /* bodies of waiting and leased items */
    struct list getters, putters, joiners; /* waiting calls, in arrival order */
    uint64_t getter_count, putter_count, joiner_count;
    struct list_node marked;  /* it has changed and is to be served */
    struct list_node starved; /* a putter waits for memory */
    uint64_t unstored_size;   /* memory of items in its waiting puts */
    bool is_shut_down, is_immediate;
    bool owes_totals; /* what came back was discarded, and no fact tells that yet */
    uint64_t made_ms;
    struct totals totals;
    size_t name_size;
    char name[];
};

/* A plain FIFO where `settings` does not say otherwise. NULL: out of memory. */
struct queue *queue_new(struct bytes name, const struct settings *settings, struct stock *stock,
                        uint64_t now_ms);
void queue_free(struct queue *q); /* it must be empty, and nobody may wait */

struct bytes queue_name(const struct queue *q);
uint64_t queue_unfinished(const struct queue *q);

/* How many more items fit below maxsize; UINT64_MAX: any number. */
uint64_t queue_room(const struct queue *q);

/* The first setting given in `wanted` that differs from what the queue was created with; 0: none. */
enum mq_setting queue_difference(const struct queue *q, const struct settings *wanted);

/* Changes what `wanted` gives. Kind and transient are for its life, and not among it. */
void queue_set(struct queue *q, const struct settings *wanted);

void queue_describe(const struct queue *q, uint64_t now_ms, struct queue_stat *ret_stat);

void queue_check(const struct queue *q);

#endif
