/* mqc_client.h - the handle of libmqc: everything that the threads of one client share, behind one lock.
 *
 * Private to the library. All functions of the private headers (mqc_*.h) are called with the lock held unless
 * they say otherwise. Names here are hidden in both libraries; only mqc_* of mqc.h is global.
 *
 * The rooms: mqc_wire is the socket and who is at its other end; mqc_call lets callers wait and makes one of
 * them read for all; mqc_lane is puts that share requests, and mqc_async those that nobody waits for;
 * mqc_item is what has arrived; mqc_lease what is held; mqc_ahead what was fetched before anybody asked;
 * mqc_gather what is done and not told yet; mqc_helper the library's thread.
 */
#ifndef MQ_MQC_CLIENT_H
#define MQ_MQC_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "conversation.h"
#include "mqc.h"
#include "mqc_async.h"
#include "mqc_gather.h"
#include "mqc_helper.h"
#include "mqc_wire.h"
#include "table.h"

#define NEVER UINT64_MAX /* a point in time */

enum {
    CONFIRM_WITHIN_MS = 10, /* an auto-done answer that no request confirms */
    QUIET_MS = 10,          /* an answer that no thread waits for is read by the helper after this */
    SAFETY_POLL_MS = 1000,  /* a leader never sleeps longer; see safety_polls */
    CALL_TEXT_SIZE = 256,
    CLIENT_TIMEOUT_MS = 5000 /* connect and close time-out, by default */
};

struct mqc {
    unsigned forks; /* before it was opened: in a child there has been one more */
    char *endpoint;
    char name[MQ_CLIENT_NAME_SIZE_MAX + 1];
    int64_t connect_timeout_ms, close_timeout_ms; /* or MQ_FOREVER */
    bool no_renew;

    pthread_mutex_t lock; /* guards all that follows, but `interrupts` */
    unsigned references;  /* the program's one, and one of each queue handle */
    bool closing;
    bool connecting;       /* mqc_open waits for the line */
    unsigned users;        /* calls under way */
    pthread_cond_t unused; /* users has become 0 */

    struct conversation conversation;
    struct wire wire;

    struct list waiting;      /* calls with a thread that waits, in the order they came */
    struct call *leader;      /* the one whose thread sleeps in poll(), or NULL */
    bool polling;             /* somebody sleeps in poll() on wake_fd */
    int wake_fd;              /* wakes that somebody */
    atomic_uint interrupts;   /* by mqc_interrupt */
    unsigned interrupts_seen; /* ... that have interrupted something */
    size_t detached;          /* exchanges under way that no thread waits for */
    size_t quiet;             /* ... whose answers are for whoever reads next, until quiet_due_ms */
    unsigned quiet_turn;      /* from 1; which of them count there */
    uint64_t quiet_due_ms;
    uint64_t safety_polls; /* wake-ups that came too late: must stay 0 */

    unsigned generation;   /* of leases: when it grows, all that was held is lost */
    struct table leases;   /* of this generation, by id */
    struct list renewals;  /* of struct limit: those that are to be renewed */
    uint64_t renew_due_ms; /* the first of them */
    uint64_t flush_due_ms; /* confirmations must be sent by then */
    struct list queues;    /* handles to be opened again in a new session */
    struct helper helper;
    struct async async;
    struct gather gather;
    unsigned ahead_turn;
    struct list aheads; /* of struct lookahead: what gets have fetched ahead, or are about to */
};

uint64_t monotonic_ms(void);
uint64_t add_ms(uint64_t time_ms, int64_t span_ms); /* negative: NEVER */

/* Begins a call: takes the lock. Does not on MQ_INVALID (NULL, a child after fork) and MQ_CLOSED. */
enum mq_status client_enter(struct mqc *m);
/* Ends it: gives up the lock. Returns the status. */
enum mq_status client_leave(struct mqc *m, enum mq_status status);

/* Remembers this thread's failure in words (NULL or empty: those of the status); needs no lock. Returns the
 * status. `m` is NULL for a failed mqc_open, or if there is no handle. */
enum mq_status client_fail(const struct mqc *m, enum mq_status status, const char *text);

/* A child after fork: nothing may be touched, not even the lock. Needs no lock. */
bool client_is_foreign(const struct mqc *m);

/* For what may happen after mqc_close() too. Unlocking frees the memory when no reference is left. */
void client_lock(struct mqc *m);
void client_unlock(struct mqc *m);

bool is_timeout(int64_t timeout_ms); /* 0, positive, or MQ_FOREVER */
bool is_zero(const uint64_t *reserved, size_t count);

#endif
