/* mqc_call.h - one request on its way, and the thread that waits for its answer.
 *
 * Leader and followers: of all threads that wait, one polls the line without the lock; whoever reads an
 * answer ends the call it belongs to and wakes its thread. A leader that leaves wakes one follower to lead. A
 * call is on the heap because it may outlive its thread: a request that was given up still gets an answer. */
#ifndef MQ_MQC_CALL_H
#define MQ_MQC_CALL_H

#include <zmq.h>

#include "mqc_client.h"

struct mqc_queue;

struct call {
    struct exchange exchange;
    struct list_node waiting; /* in mqc.waiting */
    struct mqc *mqc;
    struct mqc_queue *queue; /* a reference, or NULL */

    /* Makes what the items of the answer need, before the answer counts. False: out of memory; the call then
     * returns that, and the items go back. Not called if nobody wants the answer, or it has no items. */
    bool (*prepare)(struct call *call, const struct answer *answer, zmq_msg_t *frame);
    /* The exchange has ended; answer is NULL if there was none. Results must be copied. If the call is left,
     * `context` must not be used: its thread has gone on. */
    void (*on_end)(struct call *call, const struct answer *answer);
    void *context;

    /* A local call is no request of its own: it waits for something else in this client. Its thread gives up:
     * takes back what that is. True: nothing is to be expected any more. False: the word is still to come,
     * which is not for calls that end `for_good`. NULL: not a local call. */
    bool (*take_back)(struct call *call, bool for_good);
    uint64_t over_ms;    /* local: its time is over, */
    enum mq_status over; /* ... and this is its status then */
    bool is_patient;     /* local: it does not mind that there is no broker */

    pthread_cond_t wake;
    int64_t timeout_ms; /* the user's; of calls without one: 0 */
    uint64_t started_ms;
    uint64_t word_due_ms; /* if it awaits the broker's word */
    bool may_be_interrupted;
    bool interrupted;
    bool awaits_word;  /* an interrupted put: was it stored? */
    bool stopped;      /* its thread does not wait any more, and `status` says why */
    bool left;         /* nobody wants the answer */
    bool orphan;       /* nobody waits for it, but it is wanted: the helper reads it */
    bool ended;        /* it is not in the conversation (yet, any more) */
    bool dropped;      /* to be freed when it ends */
    uint64_t sequence; /* of async_begin(), for gathered task_dones */
    unsigned quiet;    /* is m->quiet_turn: one of m->quiet */
    enum mq_status status;
    char text[CALL_TEXT_SIZE];

    size_t id_count;      /* of task_done, release, extend */
    uint64_t *ids;        /* ... its own */
    enum mq_status *each; /* ... their statuses */
    uint64_t one_id;      /* what these point to if there is but one */
    enum mq_status one_each;
};

/* A request of this verb; queue may be NULL. The caller fills in exchange.request and drops the call in the
 * end. NULL: out of memory, which is then this thread's failure. */
struct call *call_new(struct mqc *m, enum mq_verb verb, struct mqc_queue *queue);
/* Gives it room for ids; false: out of memory, which is then this thread's failure. */
bool call_reserve_ids(struct call *call, size_t count);

/* Puts, gets, joins. Such calls can be interrupted, unless the time-out is 0. */
void call_set_timeout(struct call *call, int64_t timeout_ms);

/* Asks the broker and waits; the lock is given up meanwhile. A failure is then this thread's. NULL gives
 * MQ_NO_MEMORY, so that nobody need ask whether call_new() succeeded. */
enum mq_status call_run(struct call *call);
/* Asks, and does not wait. The call is freed when it ends. */
void call_detach(struct call *call);
/* The same, and the answer is for whoever reads the line next: the helper is not woken for it, and reads the
 * line for it only when it has been missing for a while. */
void call_detach_quietly(struct call *call);
/* Asks now, and waits later if at all: call_adopt() then makes it the caller's, who drops it; otherwise it is
 * freed when it ends. */
void call_begin(struct call *call);
enum mq_status call_adopt(struct call *call, int64_t timeout_ms);
/* Nobody will adopt it: the helper reads its answer. */
void call_orphan(struct call *call);
/* Does its thread wait for what may take long? */
bool call_is_blocked(const struct call *call);
/* Nobody waits for it any more: its thread, if there is one, goes on with this status. */
void call_withdraw(struct call *call, enum mq_status status);
/* Is the library's thread to read the line for an answer that nobody waits for? */
bool call_is_awaited_by_helper(const struct mqc *m);
/* For the helper: quiet answers that are missing are not for others to read any more. */
uint64_t call_quiet_due_ms(const struct mqc *m);
void call_end_quiet(struct mqc *m, uint64_t now_ms);

/* An interrupt that has met no blocked call is taken by this one, which does not block. */
bool call_take_interrupt(struct mqc *m);

/* Asks to open a handle again. The call stays its owner's. */
void call_reopen(struct call *call);
/* Asks, and does not wait. The call stays its owner's, who sees to it that somebody reads the answer. */
void call_send(struct call *call);
/* Takes it back; false: it is under way, and its answer tells what became of it. */
bool call_unsend(struct call *call);

/* A local call lives on its thread's stack, between these two. */
void call_init_local(struct call *call, struct mqc *m, bool (*take_back)(struct call *call, bool for_good));
void call_done_local(struct call *call);
/* Waits until call_end(), or gives up. What it waits for must have been sent: it begins without a look at the
 * line, because mostly another thread looks. The lock is given up meanwhile. A failure is then this thread's.
 */
enum mq_status call_wait(struct call *call);
void call_end(struct call *call, enum mq_status status, const char *text);
/* The caller has seen what it wanted: frees the call now, or when it ends. NULL is fine. */
void call_drop(struct call *call);

/* For wire: what becomes of exchanges. */
bool call_prepare(struct exchange *x, const struct answer *answer, zmq_msg_t *frame);
void call_answered(struct exchange *x, const struct answer *answer);
void call_lost(struct exchange *x);
/* All leases are lost: whatever was said about them is not to be said of later leases of the same items. */
void call_lose_leases(struct mqc *m);
/* It cannot go on, e.g. for memory: its thread gets the status, the broker a cancel. */
void call_fail(struct exchange *x, enum mq_status status);

/* Wakes every waiting thread, to look at what has changed. */
void call_wake_all(struct mqc *m);

/* Sleeps until something arrives on the line, somebody calls call_wake_all(), until_ms, or the wire has
 * something to do; the lock is given up meanwhile. `leader` is the caller's call, or NULL. */
void call_poll(struct mqc *m, struct call *leader, uint64_t until_ms);

#endif
