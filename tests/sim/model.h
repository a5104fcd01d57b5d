/* model.h - the broker's rules once more, too simple to be wrong: plain arrays, linear searches, no
 * reservations, nothing cached, nothing cleverer than a loop.
 *
 * The simulator tells the model everything it tells the engine, in the same order; model_reply() then
 * compares each of the engine's replies with the one that is due, and model_settled() asserts that none is
 * missing. */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "engine.h"

enum {
    MODEL_QUEUES = 16,
    MODEL_SESSIONS = 256,
    MODEL_CALLS = 8192,
    MODEL_ITEMS = 32768,
    MODEL_KEY_SIZE = 64,
    MODEL_ROWS = 64,
    MODEL_ITEM_MARGIN = 32, /* bytes that an item adds to a frame */
    TAG_SIZE = 8            /* a body begins with its tag, by which the item is told from all others */
};

struct model_queue {
    char name[32];
    struct settings created, settings;
    bool is_shut_down, is_immediate;
    uint64_t made_ms, puts, gets, done, redelivered, returned, discarded;
    uint64_t waits_for_memory; /* 0: it does not; else its turn */
};

struct model_item {
    uint64_t id, tag, stored_ms;
    size_t size, key_size;
    uint8_t key[MODEL_KEY_SIZE];
    uint32_t deliveries;
    struct model_queue *queue;
    struct model_session *holder; /* NULL: it waits */
    struct model_call *call;      /* the unconfirmed get that took it */
    uint64_t taken;               /* grows with each hand-out */
    uint64_t due_ms;              /* end of the lease; UINT64_MAX: none */
};

struct model_call {
    struct model_session *session;
    struct model_queue *queue;
    enum mq_verb verb;
    uint64_t number, due_ms;
    bool waits, is_owed, auto_done, partial;
    enum mq_status status;
    uint64_t count;
    uint32_t max;
    struct model_item *unstored; /* put: copies, [0..unstored_count) still to be stored */
    size_t unstored_first, unstored_count;
    uint64_t *ids; /* put: of what is stored */
    int64_t lease_ms;
    size_t reply_size;
    struct refusal *refusals;
    size_t refusal_count;
    struct model_look *look; /* peek, stat, list, sessions: what was seen, else NULL */
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
    uint32_t lapses;
    uint64_t *lost; /* ids */
    size_t lost_count, lost_capacity;
};

struct model {
    struct engine_options options;
    uint64_t now_ms, turn, next_item, next_session;
    struct model_queue *queues[MODEL_QUEUES];
    struct model_session *sessions[MODEL_SESSIONS];
    struct model_call *calls[MODEL_CALLS]; /* in the order of arrival */
    struct model_item *items[MODEL_ITEMS]; /* in the order of their ids */
    size_t queue_count, session_count, call_count, item_count;
    struct model_queue *marked[MODEL_QUEUES]; /* changed, to be served */
    size_t marked_count;
    bool memory_freed, feeding;
    uint64_t puts, gets, done, redelivered, returned, discarded, repeats, sessions_lost, forgotten;
    void (*on_stored)(void *context, uint64_t tag);
    void (*on_done)(void *context, uint64_t tag);
    void *context;
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

void model_reply(struct model *m, const void *peer, const struct answer *answer);
void model_settled(const struct model *m);

/* What is left to do, for the quiet end of a run. */
size_t model_ready(const struct model *m, const struct model_queue *q);
size_t model_unfinished(const struct model *m, const struct model_queue *q);
size_t model_waiting(const struct model *m, enum mq_verb verb);

struct model_queue *model_queue(const struct model *m, struct bytes name); /* NULL: none */

#endif
