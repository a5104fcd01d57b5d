/* mqc_item.h - items: views into the frame they came in.
 *
 * All items of one answer are one batch, one piece of memory: the frame is kept until the last of its items
 * is freed, the rest until the last of their leases is over too. */
#ifndef MQ_MQC_ITEM_H
#define MQ_MQC_ITEM_H

#include "mqc_call.h"
#include "mqc_key.h"

struct batch;

/* A lease that may end by itself: what the library must remember of it. */
struct limit {
    struct mqc_item *item;
    struct list_node renew_node; /* in mqc.renewals, while it is renewed */
    int64_t lease_ms;
    uint64_t renew_at_ms;
};

struct item_key {
    struct mqc_key key;
    void *parts; /* what it points to, or NULL */
};

/* Small, because there are many: what few items need is in arrays of the batch. */
struct mqc_item {
    struct batch *batch;
    const void *body;
    uint64_t id;
    uint32_t size;
    uint32_t deliveries;
    struct list_node lease_node; /* in its queue's leases, or in what lies ahead there */
    struct table_node id_node;   /* in mqc.leases, unless the lease is lost */
    bool freed;                  /* by the program; only the lease is left */
    bool leased;                 /* and that has not ended */
    bool lost;                   /* it went back, and has come to this client again as another mqc_item */
    bool ahead;                  /* fetched ahead: the program does not have it yet */
    bool held;                   /* peeked at: somebody has it */
};

struct batch {
    zmq_msg_t frame;
    struct mqc *mqc;
    struct mqc_queue *queue; /* a reference, until the last item is freed */
    unsigned generation;     /* of leases */
    bool leases;             /* these are leased items: neither peeked at nor auto-done */
    size_t items_left;       /* not freed */
    size_t references;       /* items not freed, and leases */
    size_t count;
    struct limit *limits;  /* of each item; NULL: no lease has one */
    struct item_key *keys; /* of each item; NULL: they have none */
    struct mqc_item items[];
};

/* Items of an answer; moves the frame. NULL: out of memory, nothing has changed. */
struct batch *batch_new(struct mqc_queue *queue, const struct answer *answer, zmq_msg_t *frame);
void batch_unref(struct batch *batch);          /* one less: a lease */
bool batch_reserve_limits(struct batch *batch); /* room for them; false: out of memory */
/* NULL: its lease lasts as long as the session. */
struct limit *item_limit(const struct mqc_item *item);

/* The program does not have it any more. */
void item_forget(struct mqc_item *item);

#endif
