/* mqc_lane.h - puts through one queue handle that share requests: those of mqc_put_async, and those of
 * threads that put for ever, which ride along.
 *
 * The lane says what leaves together; here it meets the conversation and the threads that wait. Puts with a
 * time-out are requests of their own, sent when it is their turn: when the async puts before them have their
 * results. A turn with MQ_NOWAIT is in a hurry: then the lane's requests do not wait for room either, and the
 * broker's FULL is the answer to whom hurries; the lane's items stay and wait again. */
#ifndef MQ_MQC_LANE_H
#define MQ_MQC_LANE_H

#include "lane.h"
#include "mqc_call.h"

struct mqc_queue;

struct puts {
    struct lane lane;
    struct call *flight;   /* the request under way, used again and again; NULL before the first */
    struct list_node node; /* in mqc.async.flights while it is under way */
    struct list turns;     /* of puts that wait for theirs */
    unsigned hurried;      /* of them, those that do not want to wait */
    uint64_t accepted;     /* sequence of the last async put */
    uint64_t landed;       /* ... of the last that has its result */
};

void puts_init(struct mqc_queue *q);
void puts_done(struct mqc_queue *q);

/* Adds an async item, whose body and key are copied. MQ_NO_MEMORY: nothing has changed. */
enum mq_status puts_add(struct mqc_queue *q, const struct put_item *put, const struct bundle_item *item);
/* Makes a request of what has gathered, if none is under way. True: wire_turn() would send it. */
bool puts_go(struct mqc_queue *q);

/* Puts an item and waits for ever. */
enum mq_status puts_ride(struct mqc_queue *q, const struct put_item *put, uint64_t *ret_id);
/* Waits for the turn of a put with this time-out. MQ_FULL: there was no room for those before it. */
enum mq_status puts_await_turn(struct mqc_queue *q, int64_t timeout_ms);

/* The first `count` items get this status, wherever they are. */
void puts_refuse(struct mqc_queue *q, size_t count, enum mq_status status);

struct mqc_queue *puts_queue(struct list_node *node); /* whose puts.node it is */

#endif
