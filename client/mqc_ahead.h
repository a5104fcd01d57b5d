/* mqc_ahead.h - what a handle with prefetch has fetched ahead of its program; ahead.h says when and how much.
 *
 * Items that lie here are leased and renewed like those that the program holds, but it has never seen them:
 * they go back untouched, and a lost one is dropped. Each answer to a get gives its first items to who asked,
 * then to others that wait for an item of the same handle at the broker, and the rest lies here. At most one
 * fetch per handle is under way in the background; a get that finds nothing here waits for that. */
#ifndef MQ_MQC_AHEAD_H
#define MQ_MQC_AHEAD_H

#include "ahead.h"
#include "mqc_item.h"

/* A get. */
struct taker {
    struct list_node node; /* in lookahead.takers */
    struct call *call;
    struct mqc_item **items; /* the program's */
    size_t max, count;
    struct batch *batch; /* made for an answer that is about to count */
};

struct lookahead {
    uint32_t prefetch; /* as the handle was opened; 0: none, and task_dones are not gathered */
    struct ahead policy;
    struct list items; /* oldest first */
    size_t count;
    struct call *fetch;    /* under way in the background, or NULL */
    struct taker nobody;   /* whose it is */
    struct list takers;    /* gets that wait for the broker, in the order they came */
    struct list_node node; /* in mqc.aheads, while there are items or a fetch */
    unsigned turn;         /* of ahead_give_back() */
};

void ahead_open(struct mqc_queue *q, uint32_t prefetch);
/* A fetch has begun, or ended. */
void ahead_set_fetch(struct mqc_queue *q, struct call *fetch);

/* Takes what lies ahead, at most what the taker wants. False: nothing. */
bool ahead_take(struct mqc_queue *q, struct taker *taker);
/* The fetch that is under way becomes the taker's, who waits for it. True: *ret_status is how the get ends;
 * false: there is none, or it has found nothing, but it was asked too early to say so. */
bool ahead_take_fetch(struct mqc_queue *q, int64_t timeout_ms, struct taker *taker,
                      enum mq_status *ret_status);
/* Items of an answer, from this one on, that nobody has yet. */
void ahead_add(struct mqc_queue *q, struct batch *batch, size_t from, int64_t lease_ms);
/* Its lease was lost. */
void ahead_drop(struct mqc_item *item);

/* Before anything whose outcome depends on it: what handles of this queue have ahead goes back, untouched.
 * May give up the lock, to wait for what is on its way. */
void ahead_give_back(struct mqc *m, const char *name);
/* The handle is closed: all goes back, what is on its way too when it has come. */
void ahead_end(struct mqc_queue *q);
/* The client is closed: waits for what is on its way, until due_ms, and all goes back. */
void ahead_close(struct mqc *m, uint64_t due_ms);
/* All leases are lost, or nobody will ask for what lies ahead. */
void ahead_lose_all(struct mqc *m);

/* For the helper. */
uint64_t ahead_due_ms(const struct mqc *m);
void ahead_work(struct mqc *m, uint64_t now_ms);

#endif
