/* engine_state.h - what the engine knows. Private to engine_*.c.
 *
 *     engine ── queues (by name) ── items waiting, leases, calls that wait
 *        └───── sessions (by id) ── calls (waiting, or answered and not yet confirmed), leases
 *
 * A call is one request and its answer, from the moment it is accepted until the client confirms the answer.
 * A lease is one item in the hands of one session. Only engine_new(), engine_hello() and engine_submit()
 * can fail for memory: what a later step needs is reserved by the request that makes that step possible, or
 * the step waits until there is memory. (A get reserves one lease; when it is served it takes more if there
 * is memory for more. What is left in a chunk moves to a smaller one if there is memory for that. Facts that
 * find no room are made after the next ones were taken away. And whoever writes a checkpoint or moves what
 * lives is told if there is none.)
 *
 * Each event changes state, *marks* the queues it touched, and ends with engine_settle(), which serves marked
 * queues until nothing moves. */
#ifndef MQ_ENGINE_STATE_H
#define MQ_ENGINE_STATE_H

#include "engine.h"
#include "heap.h"
#include "ledger.h"
#include "list.h"
#include "queue.h"
#include "table.h"

enum {
    FROZEN_MS = 1000,      /* this much beyond the deadline: the broker itself was frozen */
    FREEZE_WATCH_MS = 250, /* how often time is looked at while deadlines of sessions or leases run */
    ANSWER_MARGIN = 1024,  /* bytes of a frame that are not items */
    FAIR_SIZE = 1 << 20,   /* a get of many takes so many bytes of items, or one item, */
    FAIR_MARGIN = 16,      /* ... each of which counts so much more: MQ_ITEMS_MAX of no size are fine */
    ITEM_MARGIN = 32,      /* bytes that an item adds to a frame beside key and body */
    KEPT_MIN = 16 << 20,   /* unconfirmed answers may take so much memory even if its limit is lower */
    KEPT_FAIR = 64 << 10,  /* ... and so much of each session even if all together take too much */
    /* Leases that ended under a session and that it has not asked about: so many of one session, so many of
     * all, and so many of each session even then. */
    LOST_LEASES_MAX = 65536,
    LOST_ALL_MAX = 4 * LOST_LEASES_MAX,
    LOST_FAIR = 256,
    SHORT_MS = 100 /* when facts had no room: so long until it is tried again */
};

/* Deadlines that a freeze of the broker moves. */
enum timer_kind { TIMER_SESSION, TIMER_LEASE };
struct timer {
    struct heap_entry entry;
    enum timer_kind kind;
};

struct call {
    struct table_node by_number;
    struct list_node of_session;
    struct list_node of_queue;  /* while it waits */
    struct list_node of_outbox; /* while its answer is to be sent */
    struct heap_entry deadline;
    struct session *session;
    struct queue *queue; /* while it waits */
    uint64_t number;
    enum mq_verb verb;
    bool waits; /* for its answer; from call_enter() on, in a line */
    bool owns_deadline;
    bool auto_done;     /* get */
    bool partial;       /* put */
    bool of_broker;     /* stat: not of a queue */
    bool is_noted;      /* facts tell of it: that it was confirmed must be told, too */
    bool is_cut;        /* a put that a restart has cut off: answered so far, goes on when it is repeated */
    uint64_t cut_queue; /* ... in the queue of this number; 0: it is not known in which */
    uint64_t position;  /* once answered: what must be safe before the answer leaves */
    uint64_t total;     /* put: items in the request */
    enum mq_status status;
    const char *text;       /* static, or NULL */
    uint64_t count;         /* put: stored; purge, remove: discarded */
    uint32_t max;           /* get */
    struct intake unstored; /* put: items that wait for room */
    size_t unstored_size;   /* put: their bodies */
    struct range *ids;      /* put: of what is stored */
    size_t id_count, id_capacity;
    struct range only_ids[1]; /* `ids` of a put that was stored at once, or has one item */
    bool has_spare;           /* get, while it waits: one lease is reserved for it */
    struct list leases;       /* get: what was handed out and is still held, in order */
    int64_t lease_ms;         /* get */
    size_t reply_size; /* bytes of items, rows, ids and refusals: what the answer takes until confirmed */
    struct refusal *refusals; /* task_done, release, extend */
    size_t refusal_count;
    void *rows; /* peek, stat, list, sessions: one block, texts included */
    size_t row_count;
    uint64_t newest; /* peek by id: the last item's id that had been given */
};

struct lease {
    struct table_node by_item;
    struct list_node of_session; /* held, or lost */
    struct list_node of_queue;
    struct list_node of_call; /* the get that took it, until that is confirmed */
    struct timer timer;
    struct item *item; /* NULL: lost */
    uint64_t id;       /* of the item */
    uint32_t losses;   /* a lost one: how often its session lost the item and has not asked about it */
    struct session *session;
    struct queue *queue;
    struct call *call; /* NULL: its get is confirmed */
    int64_t lease_ms;  /* how long it lasts, as last said; 0: as long as the session */
};

struct session {
    struct table_node by_id, by_number;
    struct list_node of_engine;
    struct list_node of_ended; /* while ended */
    struct timer timer;        /* while disconnected and not ended: resume_grace */
    uint64_t forget_ms;        /* while ended: when `remember` is over */
    uint8_t id[MQ_SESSION_ID_SIZE];
    uint64_t number; /* public */
    void *peer;      /* NULL: no connection */
    bool ended;      /* resume_grace is over */
    uint32_t lapses; /* how often that happened */
    uint64_t next_number;
    /* It was there before a restart. Of numbers below this one that have no call the broker does not know
     * whether they had been answered: those that are asked again start anew, the others may be left out. A
     * client asks again in order, so on its connection those below unsure_from are settled. */
    uint64_t unsure_from, unsure_until;
    bool is_replayed;
    struct list calls; /* ascending numbers */
    uint32_t waiting, unconfirmed;
    size_t unstored_size;    /* of its waiting puts */
    size_t unconfirmed_size; /* bytes of items in unconfirmed answers */
    size_t kept_size;        /* memory of those: all but what gets have leased */
    struct list leases;
    uint64_t leased;
    struct list lost; /* leases that ended under it, oldest first, one an item */
    uint64_t lost_count;
    uint64_t since_ms, heard_ms;
    size_t name_size;
    char name[];
};

struct engine {
    struct engine_options options;
    struct stock stock; /* of items */
    struct pool call_pool, lease_pool;
    uint64_t now_ms, started_ms;
    uint64_t begun_ms, postponed_ms; /* engine_begin(), and by how much deadlines were moved since */
    struct table queues, queue_numbers;
    struct queue **queue_list; /* by name, ascending */
    size_t queue_list_capacity;
    struct table sessions; /* by id */
    struct table session_numbers;
    struct list session_list; /* ascending public numbers */
    struct list ended;        /* sessions, ascending forget_ms */
    size_t ended_count;
    uint64_t connected;
    uint64_t next_session, next_item;
    struct table calls;  /* by session and number */
    struct table leases; /* by session and item: many sessions may have lost the same one */
    struct heap waits;   /* deadlines of calls */
    struct heap lives;   /* deadlines of sessions and leases */
    struct list marked;
    struct list starved; /* queues whose putters wait for memory, in turn */
    bool memory_freed;   /* the first of them may go on */
    bool feeding;        /* ... and is the one being served */
    struct list outbox;
    uint64_t ready, leased, waiting, lost;
    uint64_t stored_size;   /* memory of items in queues, and of their leases */
    uint64_t unstored_size; /* memory of items in waiting puts */
    uint64_t starved_size;  /* ... of starved queues */
    uint64_t kept_size;     /* memory of unconfirmed answers */
    struct totals totals;
    uint64_t repeats, sessions_lost, forgotten;
    struct facts facts;
    struct ledger ledger;     /* of items that facts tell of */
    uint64_t live_size;       /* bytes that these take in the log, about */
    uint64_t next_queue;      /* number */
    uint64_t segment;         /* where facts go */
    uint64_t checkpoint_size; /* bytes of the last one */
    struct {
        size_t at, fact_at; /* where engine_move() stopped in a fact, and where that begins; 0: it did not */
        uint64_t items;     /* of the fact, before that */
    } moving;
    uint64_t ids_until;  /* ids below it are reserved by a fact */
    uint64_t begun_item; /* ids below it were given before this process began */
    uint64_t dropped;    /* segments up to it may be gone; 0: none */
    bool is_replaying;
    bool was_forgetful;       /* before the restart */
    bool is_short;            /* replay ended for want of memory */
    const char *refuses_puts; /* NULL: it does not */
    uint64_t facts_max;       /* more must not be gathered by puts */
    const char *failure;      /* NULL: none */
    struct data_stat data;    /* as the caller told it */
    uint64_t safe;            /* the position that the caller has told last */
    bool is_postponed;        /* something was, as facts had no room */
    struct list urgent;       /* answers that wait for nothing */
    size_t room_turn;         /* whose chunks go to the shelf next, of queue_list */
    uint64_t room_retry_ms;   /* nothing goes there before */
    uint64_t room_look_ms;    /* when puts that wait for memory are looked at again */
    struct item_view *views;  /* MQ_ITEMS_MAX: the items of the reply being drained */
    struct lease **found;     /* MQ_ITEMS_MAX: the leases that a request names */
};

/* engine.c */
void engine_clock(struct engine *e, uint64_t now_ms);
uint64_t engine_later_ms(const struct engine *e, uint64_t wait_ms); /* so many ms from now */
void engine_mark(struct engine *e, struct queue *q);
bool engine_serve(struct engine *e, struct queue *q); /* until nothing moves; true: something did */
void engine_settle(struct engine *e);

/* engine_call.c: calls from birth to confirmation */
struct call *call_new(struct engine *e, struct session *s, const struct request *req);
struct call *call_find(const struct engine *e, const struct session *s, uint64_t number);
struct list *call_line(const struct call *call, uint64_t **ret_count);
enum mq_status call_enter(struct engine *e, struct call *call, struct queue *q, int64_t timeout_ms);
void call_stay(struct engine *e, struct call *call);
void call_answer(struct engine *e, struct call *call, enum mq_status status, const char *text);
void call_go_on(struct engine *e, struct call *call); /* was answered, and is to be answered again */
void call_send(struct engine *e, struct call *call);
void call_free(struct engine *e, struct call *call);
void call_take_back(struct engine *e, struct call *call);
void call_confirm(struct engine *e, struct session *s, struct ranges confirms);
void call_confirm_others(struct engine *e, struct session *s, struct ranges awaited);
size_t call_kept_size(const struct call *call); /* memory that its answer takes */
bool call_is_crowded(const struct engine *e);
bool call_crowds_out(const struct engine *e, const struct session *s);
struct call *call_first(const struct list *line); /* NULL: nobody waits */
void call_answer_all(struct engine *e, struct list *line, enum mq_status status);
void call_expire(struct engine *e, struct call *call); /* its time is over */

/* engine_put.c */
void put_submit(struct engine *e, struct call *call, const struct request *req);
bool put_serve(struct engine *e, struct queue *q); /* true: something moved */
bool put_memory_fits(const struct engine *e, const struct queue *q, size_t cost);
void put_unstarve(struct engine *e, struct queue *q);
void put_starve_first(struct engine *e, struct queue *q);
void put_drop_unstored(struct engine *e, struct call *call);
bool put_reserve_ids(struct call *call, size_t count); /* room for more ranges; false: out of memory */
void put_note_ids(struct call *call, struct range ids);
/* So many items, of these sizes together, are in the queue now, from e->next_item on. */
void put_count_stored(struct engine *e, struct queue *q, size_t count, size_t size, size_t cost);
enum mq_status put_refusal(const struct engine *e, const struct queue *q, size_t cost, const char **ret_text);
size_t put_next_cost(const struct queue *q, const struct call *call); /* of the first item that waits */

/* engine_fact.c: what must survive is noted when it happens, before anybody is told. Who says note_*() does
 * so in the order of the rules. */
static inline bool note_is_on(const struct engine *e)
{
    return e->facts.is_on;
}

/* Does anything of this queue's items go into facts? */
static inline bool note_is_of(const struct engine *e, const struct queue *q)
{
    return e->options.is_durable && !q->settings.is_transient;
}

/* Room for what will be noted; false: out of memory. For all that a request writes by itself; for a grant of
 * so many items, or any small fact; for the next ids; for an item of a put that waits. */
bool note_reserve_request(struct engine *e, const struct request *req);
static inline bool note_reserve(struct engine *e, const struct request *req)
{
    return !note_is_on(e) || note_reserve_request(e, req);
}
bool note_reserve_runs(struct engine *e, size_t count);
bool note_reserve_ids(struct engine *e, const struct queue *q, size_t count);
bool note_reserve_item(struct engine *e, const struct queue *q, const struct put_item *item);
void note_postponed(struct engine *e); /* there was none, and a step stays for later */

void note_live(struct engine *e, const struct queue *q, uint64_t first, size_t count, size_t cost);
void note_end(struct engine *e, uint64_t id, size_t cost);
static inline void note_gone(struct engine *e, const struct queue *q, uint64_t id, size_t cost)
{
    if (note_is_of(e, q))
        note_end(e, id, cost);
}
void note_gone_away(struct engine *e, const struct queue *q, const struct order_gone *gone);
/* A put's items, before they are counted: the next ids are theirs. Nothing else is noted before the end. */
void note_stored(struct engine *e, struct call *call, const struct queue *q, const struct request *req);
void note_stored_begin(struct engine *e, const struct call *call, const struct queue *q);
void note_stored_item(struct engine *e, const struct queue *q, const struct put_item *item);
void note_stored_end(struct engine *e, struct call *call, const struct queue *q);
/* The next block of ids, if it is time. With the first checkpoint, which is on disk before anything is told,
 * so that no id is given twice even if answers do not wait for the disk. */
void note_next_ids(struct engine *e);

void note_taken(struct engine *e, struct call *call, const struct queue *q, size_t count,
                uint64_t redelivered);
/* What a task_done, release or extend does to each lease, and refuses; before the lease ends. */
void note_lease(struct engine *e, const struct call *call, const struct request *req,
                const struct lease *lease);
void note_leases_end(struct engine *e, struct call *call);
void note_lease_over(struct engine *e, const struct lease *lease);
void note_taken_back(struct engine *e, struct call *call);

/* These checkpoints write, too. */
struct fact note_of_call(enum fact_kind kind, const struct call *call);
struct fact note_of_queue(const struct queue *q); /* without a cause */
struct fact note_of_session(const struct session *s);
void note_leased_ids(struct engine *e, const struct call *call); /* of a get: those still held, in order */
bool note_refusals_begin(struct engine *e, const struct call *call); /* false: there are none */
void note_queue(struct engine *e, struct call *call, const struct queue *q);
void note_totals(struct engine *e, struct queue *q); /* if it owes them */
void note_emptied(struct engine *e, struct call *call, const struct queue *q);

void note_session(struct engine *e, const struct session *s);
void note_lapsed(struct engine *e, const struct session *s);
void note_bye(struct engine *e, const struct session *s);
void note_forgotten(struct engine *e, const struct session *s);
void note_confirmation(struct engine *e, const struct call *call);
static inline void note_confirmed(struct engine *e,
                                  const struct call *call) /* of one session, until the end */
{
    if (call->is_noted && note_is_on(e))
        note_confirmation(e, call);
}
void note_confirmed_end(struct engine *e);
void note_all_needed(struct engine *e);

/* engine_safe.c */
struct list *safe_outbox(struct engine *e, const struct call *call); /* where its answer is to wait */
/* NULL: nothing is against it. */
const char *safe_put_refusal(const struct engine *e, const struct queue *q, size_t cost);
void safe_go_on(struct engine *e);
void safe_fail(struct engine *e, const char *why);

/* engine_room.c */
uint64_t engine_memory(const struct engine *e);                    /* bytes of items and waiting puts */
uint64_t room_used(const struct engine *e, const struct queue *q); /* ... that a put into q must count */
void room_make(struct engine *e, struct queue *q, size_t cost);    /* for so much more in q, if that can be */
/* The item that the queue hands out next is in memory, if there is one. False: there is no memory for it, or
 * (e->stock.lost) it cannot be had. */
bool room_bring_back(struct engine *e, struct queue *q);
static inline bool room_fetch(struct engine *e, struct queue *q)
{
    return !q->order.first_away || room_bring_back(e, q);
}
uint64_t room_deadline_ms(const struct engine *e);
void room_tick(struct engine *e);

/* engine_get.c */
void get_submit(struct engine *e, struct call *call, const struct request *req);
bool get_serve(struct engine *e, struct queue *q);
size_t get_frame_room(const struct engine *e); /* bytes of items in one answer */
bool get_has_credit(const struct engine *e, const struct session *s);
void get_credit_grown(struct engine *e, struct session *s);

/* engine_lease.c */
/* The right to so many more leases; and with it, to take so many items of the queue. False: out of memory. */
bool lease_own(struct engine *e, size_t count);
void lease_disown(struct engine *e, size_t count);
bool lease_reserve(struct engine *e, struct queue *q, size_t count);
void lease_unreserve(struct engine *e, struct queue *q, size_t count);
void lease_begin(struct engine *e, struct call *call, struct queue *q, struct item *item); /* uses one */
/* The same, but nothing is counted as handed out. `call`: NULL, or the get that took it. */
void lease_hold(struct engine *e, struct session *s, struct call *call, struct queue *q, struct item *item,
                int64_t lease_ms);
struct lease *lease_find(const struct engine *e, const struct session *s, uint64_t id); /* held; NULL: not */
void lease_last(struct engine *e, struct lease *lease, int64_t lease_ms);               /* from now on */
void lease_done(struct engine *e, struct lease *lease);
void lease_return(struct engine *e, struct lease *lease, bool untouched, bool remember);
void lease_revoke(struct engine *e, struct lease *lease); /* its queue is removed */
void lease_forget(struct engine *e, struct lease *lease); /* a lost one */
void lease_submit(struct engine *e, struct call *call, const struct request *req);

/* engine_manage.c */
struct queue *queue_find(const struct engine *e, struct bytes name);
struct queue *queue_by_number(const struct engine *e, uint64_t number); /* NULL: none */
/* NULL: out of memory. The settings are checked, nothing has this name or number yet. */
struct queue *queue_make(struct engine *e, struct bytes name, const struct settings *settings,
                         uint64_t number);
void queue_drop(struct engine *e, struct queue *q);             /* with all that is in it; nobody may wait */
const char *queue_bad_setting(const struct settings *settings); /* NULL: they make sense */
struct queue *queue_or_answer(struct engine *e, struct call *call, const struct request *req);
void open_submit(struct engine *e, struct call *call, const struct request *req);
void set_submit(struct engine *e, struct call *call, const struct request *req);
void remove_submit(struct engine *e, struct call *call, const struct request *req);
void join_submit(struct engine *e, struct call *call, const struct request *req);
void shut_down_submit(struct engine *e, struct call *call, const struct request *req);
void purge_submit(struct engine *e, struct call *call, const struct request *req);
void queue_discard_ready(struct engine *e, struct queue *q);
void item_discarded(struct engine *e, struct queue *q, uint64_t id, struct size_pair size);
size_t queue_list_after(const struct engine *e, struct bytes name); /* index of the first larger name */

/* engine_look.c */
/* One block for `count` rows of `row_size` and `text_size` bytes behind them. False: out of memory. */
bool look_take_rows(struct call *call, size_t count, size_t row_size, size_t text_size, char **ret_text);
size_t look_room(const struct engine *e); /* bytes of items in the answer to a peek */
void peek_submit(struct engine *e, struct call *call, const struct request *req);
void stat_submit(struct engine *e, struct call *call, const struct request *req);
void list_submit(struct engine *e, struct call *call, const struct request *req);
void sessions_submit(struct engine *e, struct call *call, const struct request *req);
void ping_submit(struct engine *e, struct call *call, const struct request *req);

/* engine_walk.c */
enum mq_status walk_page(struct engine *e, struct call *call, struct queue *q, const struct request *req);

/* engine_session.c */
struct session *session_find(const struct engine *e, const uint8_t id[MQ_SESSION_ID_SIZE]);
struct session *session_by_number(const struct engine *e, uint64_t number); /* NULL: none */
/* NULL: out of memory. Nothing has this id or number yet. */
struct session *session_make(struct engine *e, const uint8_t id[MQ_SESSION_ID_SIZE], struct bytes name,
                             uint64_t number);
void session_return_leases(struct engine *e, struct session *s, bool remember);
void session_leave_ended(struct engine *e, struct session *s);
struct session *session_of_timer(struct timer *timer);
void session_end(struct engine *e, struct session *s); /* resume_grace is over */
void session_postpone_all(struct engine *e, uint64_t by_ms);
struct session *session_first_ended(const struct engine *e); /* NULL: none */
uint64_t session_first_forget_ms(const struct engine *e);    /* UINT64_MAX: none */
void session_free(struct engine *e, struct session *s);

#endif
