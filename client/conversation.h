/* conversation.h - the client's half of a session: numbers, what is unanswered, confirmations, resume.
 *
 * Pure: no sockets, no clock, no randomness, no allocation. The owner (the client library, or the simulator)
 * tells it that the line is up or down and what has arrived, and asks conversation_next() what to send. The
 * other half is the broker's engine; PROTOCOL.md "Sessions" is the contract between them.
 *
 * An exchange is one request and its answer. Until it has a number it is pending; then it is unanswered until
 * its answer arrives. The first connection that gets a welcome establishes the session; after a lost line the
 * next hello resumes it, and what is unanswered is repeated with the same numbers, in order, before anything
 * new. If the broker does not know the session any more, it starts anew under another id: see
 * conversation_restart(). */
#ifndef MQ_CONVERSATION_H
#define MQ_CONVERSATION_H

#include "list.h"
#include "proto.h"

enum { CONVERSATION_WINDOW = MQ_WAITING_MAX + 512 }; /* unanswered requests at most; the rest is pending */

/* The owner allocates it, fills in request, deadline_ms and owner (the rest is zero), and keeps it and all
 * that the request points to until it comes back from conversation_answer() or conversation_next_lost(). */
struct exchange {
    struct list_node node;
    struct request request; /* number (0: pending) and timeout_ms are the conversation's to set */
    uint64_t deadline_ms;   /* put, get, join: when the user's time is over; UINT64_MAX: never */
    void *owner;
    size_t size;      /* body bytes of a put, counted while unanswered */
    bool sent;        /* on this connection */
    bool withdrawn;   /* the user does not wait for it any more */
    bool cancel_sent; /* on this connection */
    bool again;       /* a get that goes on: it goes before what was never sent */
    bool reopens;     /* came by conversation_reopen() */
    bool lost;        /* ended by conversation_restart() or _abandon() */
};

enum conversation_line {
    LINE_DOWN,
    LINE_SILENT,  /* hello to be sent */
    LINE_GREETED, /* hello sent */
    LINE_READY
};

struct conversation {
    uint8_t id[MQ_SESSION_ID_SIZE];
    enum conversation_line line;
    bool established; /* the broker has said welcome to this id */
    bool confirm_now; /* send the confirmations even if no request carries them */
    bool bye;         /* to be said, or said */
    bool bye_sent;    /* on this connection */
    uint64_t next_number;
    struct bytes name;      /* the client's, for the hello; borrowed */
    size_t window;          /* unanswered requests at most, from the welcome's limits */
    uint64_t in_flight_max; /* from the welcome */
    size_t in_flight;       /* body bytes of unanswered puts */
    struct list openings;   /* pending reopens of queue handles; they go before everything else */
    struct list pending;    /* exchanges without a number, in the order of conversation_add() */
    struct list unanswered; /* ascending numbers */
    size_t unanswered_count;
    size_t repeats_due; /* of the unanswered, those not sent on this connection */
    size_t cancels_due; /* of those that were: withdrawn, and the cancel is still to be sent */
    struct list lost;   /* ended by conversation_restart() or _abandon(), to be collected */
    struct range confirms[CONVERSATION_WINDOW + 1]; /* answers received and not yet confirmed, ascending */
    size_t confirm_count;                           /* ranges */
    size_t confirm_answers;                         /* numbers in them */
    size_t confirm_size;                            /* item bytes in those answers */
    struct range awaited[CONVERSATION_WINDOW];      /* what the last resuming hello pointed to */
};

void conversation_init(struct conversation *c, struct bytes name);

/* A fresh connection is there. fresh_id is used if no session is established (each attempt needs its own).
 * Once the line is down nothing of the old connection may be handed in any more. */
void conversation_line_up(struct conversation *c, const uint8_t fresh_id[MQ_SESSION_ID_SIZE]);
void conversation_line_down(struct conversation *c);

/* A request to send when its turn comes. Each exchange ends exactly once. */
void conversation_add(struct conversation *c, struct exchange *x);

/* Like conversation_add, before everything that is pending: opening a handle again in a new session. */
void conversation_reopen(struct conversation *c, struct exchange *x);

/* The user gave up. True: it had no number yet, and is the owner's again. False: the request is cancelled at
 * the broker, and the exchange still ends by its answer (which may bring items nobody wants, but never
 * those of an auto-done get: they go back). What the request points to is not needed any more, the exchange
 * itself is. */
bool conversation_withdraw(struct conversation *c, struct exchange *x);

/* The next frame to send, to be encoded before the next call; false: nothing now. */
bool conversation_next(struct conversation *c, uint64_t now_ms, struct client_frame *ret);

/* The hello was answered. MQ_OK: go on with conversation_next(). MQ_SESSION_LOST: the broker does not know
 * the session; call conversation_restart(). Anything else (the broker's reason, or MQ_INVALID for a welcome
 * that nobody asked for): this connection is of no use, call conversation_line_down(). */
enum mq_status conversation_welcome(struct conversation *c, const struct welcome *welcome);

/* Begins a new session under fresh_id on this connection. Unanswered gets, opens and looks (peek, stat, list,
 * sessions, ping) become pending again: in order, before what is pending, with the time they have left, and
 * reopens before all else. What was withdrawn and everything else that was sent, as well as pending requests
 * about items of the old session, move to the lost list. A lost exchange with request.number 0 was never
 * sent. */
void conversation_restart(struct conversation *c, const uint8_t fresh_id[MQ_SESSION_ID_SIZE]);
struct exchange *conversation_next_lost(struct conversation *c); /* NULL: no more */

/* The owner gives up the whole conversation: every exchange moves to the lost list. */
void conversation_abandon(struct conversation *c);

/* The unanswered exchange of this number; NULL: none. */
struct exchange *conversation_find(const struct conversation *c, uint64_t number);

/* An answer has arrived. The exchange that it ends, or NULL: a repeated answer, or a get that goes on: one
 * that the broker had cancelled while the client was away, or whose items all went back meanwhile, is asked
 * again. */
struct exchange *conversation_answer(struct conversation *c, const struct answer *answer);

/* Confirmations that no request has carried yet; conversation_flush() makes conversation_next() send them.
 * It does so by itself when they hold back many answers or bytes. */
bool conversation_has_confirms(const struct conversation *c);
void conversation_flush(struct conversation *c);

/* Ends the session: conversation_next() yields the bye after all that is pending, and nothing after it. What
 * is unanswered then may stay so: the broker has forgotten it. */
void conversation_bye(struct conversation *c);

/* Asserts every invariant; for tests. */
void conversation_check(const struct conversation *c);

#endif
