/* mqc_queue.h - a handle of one queue: its name, how to open it again, and the leases got through it.
 *
 * Referred to by the program, by calls under way, and by items; freed with the last of them. */
#ifndef MQ_MQC_QUEUE_H
#define MQ_MQC_QUEUE_H

#include "mqc_ahead.h"
#include "mqc_lane.h"
#include "mqc_lease.h"

struct mqc_queue {
    struct mqc *mqc; /* a reference */
    unsigned references;
    struct list_node node; /* in mqc.queues; not if it is only a name */
    struct puts puts;      /* those that share requests */
    struct list leases;    /* of mqc_item that the program has or had, oldest first */
    struct lookahead ahead;
    struct call *open;      /* its opening, used again for every new session; NULL: only a name */
    enum mq_status refusal; /* of its last opening */
    char refusal_text[CALL_TEXT_SIZE];
    char name[MQ_NAME_SIZE_MAX + 1];
};

void queue_ref(struct mqc_queue *queue);
void queue_unref(struct mqc_queue *queue);

/* client_enter() for a call about a queue; besides, MQ_INVALID for NULL, and the refusal of its opening. The
 * queue is referred to until queue_leave(). */
enum mq_status queue_enter(struct mqc_queue *queue);
enum mq_status queue_leave(struct mqc_queue *queue, enum mq_status status);
/* The same for calls with a time-out, which is checked first. */
enum mq_status queue_enter_timed(struct mqc_queue *queue, int64_t timeout_ms);

struct bytes queue_name(const struct mqc_queue *queue);

/* In a new session: every handle is opened again before anything else is asked. */
void queue_reopen_all(struct mqc *m);

#endif
