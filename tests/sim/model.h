/* model.h - the broker's rules once more, too simple to be wrong: plain arrays, linear searches, no
 * reservations, nothing cached, nothing cleverer than a loop.
 *
 * The simulator tells the model everything it tells the engine, in the same order; model_reply() then
 * compares each of the engine's replies with the one that is due, and model_settled() asserts that none is
 * missing.
 *
 * Of a durable broker the model knows what must survive: a log that is perfect is a row of copies of the
 * model, one for each group of facts that is taken away. A restart finds some group to be the last one; what
 * the broker then knows is that group's copy, without what only a living process can know
 * (model_restart()). */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "engine.h"

enum {
    MODEL_QUEUES = 16,
    MODEL_SESSIONS = 256,
    MODEL_KEY_SIZE = 64,
    MODEL_ROWS = 64,
    MODEL_ITEM_MARGIN = 32, /* bytes that an item adds to a frame */
    TAG_SIZE = 8            /* a body begins with its tag, by which the item is told from all others */
};

struct model_queue {
    char name[32];
    struct settings created, settings;
    bool is_shut_down, is_immediate;
    uint64_t number, made_ms, puts, gets, done, redelivered, returned, discarded;
    uint64_t waits_for_memory; /* 0: it does not; else its turn */
    struct model_queue *copy;  /* while the model is copied */
};

struct model_item {
    uint64_t id, tag, stored_ms;
    size_t size, key_size;
    uint8_t key[MODEL_KEY_SIZE];
    uint32_t deliveries;
    bool is_known;  /* by itself: it was taken, or has a priority */
    uint64_t group; /* that tells of it */
    struct model_queue *queue;
    struct model_session *holder; /* NULL: it waits */
    struct model_call *call;      /* the unconfirmed get that took it */
    uint64_t taken;               /* grows with each hand-out */
    uint64_t place;               /* among those that its holder has; a restart may change that */
    int64_t lease_ms;             /* as last said */
    uint64_t due_ms;              /* end of the lease; UINT64_MAX: none */
};

/* What a checkpoint tells of a put. */
struct model_mark {
    uint64_t turn;
    enum mq_status status;
    bool is_cut;
};

struct model_call {
    struct model_session *session;
    struct model_queue *queue;
    enum mq_verb verb;
    uint64_t number, due_ms;
    bool waits, is_owed, auto_done, partial;
    bool at_once;   /* a put for all of which there is room */
    bool is_noted;  /* there are facts of it, so it survives */
    bool is_cut;    /* a put that a restart has cut off, and that goes on when it is repeated */
    bool is_urgent; /* its answer waits for nothing */
    enum mq_status status;
    uint64_t count, total;
    struct model_mark *marks; /* put: what checkpoints told of it */
    size_t mark_count;
    uint64_t stored_in, cut_queue; /* a put: its queue; and as the broker knows it when it is cut off */
    uint64_t needs;                /* the group that must be safe before its answer leaves */
    uint64_t stored, answered;     /* turns */
    uint64_t owed;                 /* in which event */
    uint32_t max;
    struct model_item *unstored; /* put: copies, [0..unstored_count) still to be stored */
    size_t unstored_first, unstored_count;
    uint64_t *ids;                 /* put: of what is stored */
    uint64_t *untold;              /* ... 0, or the turn when, in a transient queue, of which no fact tells */
    size_t ranges, range_capacity; /* ... as the engine keeps them */
    int64_t lease_ms;
    size_t reply_size;
    struct refusal *refusals;
    size_t refusal_count;
    struct model_look *look; /* peek, stat, list, sessions: what was seen, else NULL */
    struct model_call *copy;
};

/* What was true when a look was started. */
struct model_look {
    struct model_item items[MODEL_ROWS];
    size_t item_count;
    uint64_t newest;
    struct model_queue queues[MODEL_QUEUES];
    struct queue_stat stats[MODEL_QUEUES];
    size_t queue_count;
    struct broker_stat broker;
    bool is_of_broker;
    struct session_row sessions[MODEL_SESSIONS];
    size_t session_count;
};

struct model_session {
    uint8_t id[MQ_SESSION_ID_SIZE];
    uint64_t number, next_number, since_ms, heard_ms;
    void *peer;
    uint64_t due_ms; /* UINT64_MAX: connected */
    uint64_t ended;  /* 0: it has not; else when, in turns */
    uint64_t lapsed; /* when it did the last time, in turns */
    uint32_t lapses;
    bool is_replayed;
    uint64_t given; /* numbers below it, before or after a restart that has forgotten some */
    uint64_t unsure_from, unsure_until; /* numbers below it that have no call may be asked anew */
    uint64_t *lost;                     /* ids */
    size_t lost_count, lost_capacity;
    struct model_session *copy;
};

struct model {
    struct engine_options options;
    uint64_t now_ms, turn, event, next_queue, next_item, next_session;
    struct model_queue *queues[MODEL_QUEUES];
    struct model_session *sessions[MODEL_SESSIONS];
    struct model_call **calls; /* in the order of arrival */
    struct model_item **items; /* in the order of their ids */
    size_t queue_count, session_count, call_count, item_count, call_room, item_room;
    struct model_queue *marked[MODEL_QUEUES]; /* changed, to be served */
    size_t marked_count;
    bool memory_freed, feeding;
    uint64_t puts, gets, done, redelivered, returned, discarded, repeats, sessions_lost, forgotten;
    /* What must survive. Groups count up from 1. */
    uint64_t group;  /* the one that facts are gathered for */
    bool has_facts;  /* ... and there are some */
    uint64_t needed; /* all up to this one must be safe before what is decided now may be told */
    uint64_t safe; /* all up to this one are, or may be told all the same; with an interval also less again */
    uint64_t ids_until, begun_item;
    bool is_short;     /* too many facts have not been taken away yet */
    bool refuses_puts; /* the disk is full */
    bool has_failed;
    void (*on_stored)(const struct model_item *item, uint64_t group);
    void (*on_done)(const struct model_item *item, uint64_t group);
};

struct model *model_new(const struct engine_options *options, uint64_t now_ms);
void model_free(struct model *m);

/* What the engine's functions of these names do. model_clock() comes before each. */
void model_clock(struct model *m, uint64_t now_ms);
enum mq_status model_hello(struct model *m, const struct hello *hello, void *peer, void **ret_old_peer,
                           const struct model_session **ret_session);
void model_disconnect(struct model *m, const void *peer);
void model_bye(struct model *m, const void *peer, struct ranges confirms);
void model_confirm(struct model *m, const void *peer, struct ranges confirms);
enum mq_status model_submit(struct model *m, const void *peer, const struct request *req);
void model_tick(struct model *m);
uint64_t model_deadline_ms(const struct model *m);

/* Returns the group that the answer depends on; 0: none. */
uint64_t model_reply(struct model *m, const void *peer, const struct answer *answer);
void model_settled(const struct model *m);

/* What is left to do, for the quiet end of a run. */
size_t model_ready(const struct model *m, const struct model_queue *q);
size_t model_unfinished(const struct model *m, const struct model_queue *q);
uint64_t model_memory(const struct model *m); /* all that counts against the limit */
size_t model_waiting(const struct model *m, enum mq_verb verb);

struct model_queue *model_queue(const struct model *m, struct bytes name); /* NULL: none */

/* ---- what must survive (model_log.c) ---- */

struct model *model_copy(const struct model *m);  /* without what would not survive */
void model_taken(struct model *m, bool is_short); /* the group was taken away, the next one begins */
void model_checkpoint(struct model *m);           /* the next group begins with one */
void model_limit_facts(struct model *m, bool is_short);
void model_refuse_puts(struct model *m, bool refuses);
void model_fail(struct model *m);

/* The log ends with this copy's group, and begins with a checkpoint that was written in turn `checkpoint`: a
 * new process begins. What is a matter of the engine's memory alone, it is asked for then. */
void model_restart(struct model *m, uint64_t now_ms, uint64_t checkpoint);
void model_adopt(struct model *m, const struct engine *e);

#endif
