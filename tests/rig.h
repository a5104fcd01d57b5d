/* rig.h - the engine on a bench: virtual time, numbered sessions, replies read one by one.
 *
 * A step is one event at one moment; its words are given in any order:
 *
 *     rig_get(&r, AT(5), SESSION(2), TIMEOUT(500), WAITS);
 *     rig_put(&r, AT(9), SESSION(3), BODIES("a", "b"), OK);
 *     CHECK_REPLY(&r, SESSION(2), MQ_OK, "a");
 *
 * What a step does not say is plain: now, session 1, queue "q", no waiting, one item. A session says hello
 * when it is first used. A step that says what comes of it (OK, SAYS, GIVES, WAITS, REFUSED) is checked and
 * its own reply taken; all other replies are read in the order in which they were decided, and rig_free()
 * finds none unread. The rig is a faithful client: it confirms with its next request what it has received,
 * unless it was made `silent`. engine_check() runs after every step and every tick. */
#ifndef MQ_RIG_H
#define MQ_RIG_H

#include "engine.h"
#include "unit.h"

/* The engine's clock does not start at 0, so that a forgotten "now" shows. */
enum { RIG_EPOCH_MS = 1000000 };

enum { RIG_ITEMS = 16, RIG_SESSIONS = 48, RIG_LOOKER = RIG_SESSIONS - 1 };

#define RIG_ZERO UINT32_MAX /* where 0 means not said */

enum rig_expectation { RIG_ANYTHING, RIG_ANSWER, RIG_SILENCE, RIG_REFUSAL };

struct rig_step {
    enum mq_verb verb;
    const char *file;
    unsigned line;
    uint64_t at_ms;
    int session;
    const char *queue;
    int64_t timeout_ms;
    const char *bodies[RIG_ITEMS]; /* put: these; task_done, release, extend: the items that had these */
    size_t bulk_count, bulk_size;  /* put: so many bodies of that size */
    int64_t keys[RIG_ITEMS];
    bool is_keyed;
    struct bytes raw_key; /* of the first item */
    uint64_t ids[RIG_ITEMS];
    int64_t maxsize, queue_lease_ms, lease_ms;
    bool is_transient;
    enum mq_kind kind;
    uint32_t given;
    uint32_t max;
    uint64_t number, after_number; /* number 0: the session's next; one that was sent: said again */
    bool partial, auto_done, untouched, immediate, force, last, by_id, leased, create;
    bool resume;
    uint32_t version;
    const char *client_name; /* "client-N" */
    uint64_t next_number;
    struct range ranges[RIG_ITEMS]; /* confirmed, or (hello) awaited */
    bool has_ranges;
    enum rig_expectation expects;
    enum mq_status status;
    const char *gives;
    bool is_lost;   /* the client never receives the reply */
    bool is_unsent; /* the broker has not yet sent what it answered */
};

/* The words. */
#define AT(ms)                .at_ms = (ms)
#define SESSION(n)            .session = (n)
#define QUEUE(name)           .queue = (name)
#define TIMEOUT(ms)           .timeout_ms = (ms)
#define FOREVER               .timeout_ms = MQ_FOREVER_MS
#define BODY(text)            .bodies = {(text)}
#define BODIES(...)           .bodies = {__VA_ARGS__}
#define ITEMS(...)            .bodies = {__VA_ARGS__}
#define BULK(n, bytes)        .bulk_count = (n), .bulk_size = (bytes)
#define KEYS(...)             .keys = {__VA_ARGS__}, .is_keyed = true
#define RAW_KEY(b)            .raw_key = (b)
#define IDS(...)              .ids = {__VA_ARGS__}
#define MAXSIZE(n)            .maxsize = (n), .given = MQ_SETTING_MAXSIZE
#define KIND(k)               .kind = (k), .given = MQ_SETTING_KIND
#define LEASE(ms)             .queue_lease_ms = (ms), .given = MQ_SETTING_LEASE
#define TRANSIENT(is)         .is_transient = (is), .given = MQ_SETTING_TRANSIENT
#define SETTINGS(k, size, ms) .kind = (k), .maxsize = (size), .queue_lease_ms = (ms), .given = MQ_SETTINGS_ALL
#define LEASE_OF(ms)          .lease_ms = (ms)
#define MAX(n)                .max = (n)
#define MAX_OF_0              .max = RIG_ZERO
#define NUMBER(n)             .number = (n)
#define AFTER(n)              .after_number = (n)
#define PARTIAL               .partial = true
#define AUTO_DONE             .auto_done = true
#define UNTOUCHED             .untouched = true
#define IMMEDIATE             .immediate = true
#define FORCE                 .force = true
#define LAST                  .last = true
#define AFTER_ID(n)           .by_id = true, .after_number = (n)
#define LEASED                .leased = true
#define CREATE                .create = true
#define RESUME                .resume = true
#define VERSION(n)            .version = (n)
#define CLIENT_NAME(text)     .client_name = (text)
#define NEXT_NUMBER(n)        .next_number = (n)
#define RANGES(...)           .ranges = {__VA_ARGS__}, .has_ranges = true
#define OK                    .expects = RIG_ANSWER, .status = MQ_OK
#define SAYS(s)               .expects = RIG_ANSWER, .status = (s)
#define GIVES(text)           .expects = RIG_ANSWER, .status = MQ_OK, .gives = (text)
#define WAITS                 .expects = RIG_SILENCE
#define NOTHING_HAPPENS       .expects = RIG_SILENCE
#define REFUSED(s)            .expects = RIG_REFUSAL, .status = (s)
#define LOST                  .is_lost = true
#define UNSENT                .is_unsent = true

struct rig_item {
    uint64_t id;
    uint32_t deliveries;
    bool is_leased;
    size_t size;
    const char *body; /* NUL-terminated as well */
    struct bytes key;
};

/* A reply, copied; lives as long as the rig. */
struct rig_reply {
    int session;
    bool is_taken;
    struct answer answer; /* without items, names and texts: */
    const char *text;
    const uint64_t *ids;
    const struct rig_item *items;
    const char *bodies; /* joined by spaces; from its second hand-out on (peek: first) a body has "#count" */
};

struct rig_sent {
    struct rig_step step;
    uint64_t ids[RIG_ITEMS];
    bool is_received, is_confirmed;
    int replies_due; /* 1 when sent; one more for each repeat that is answered */
};

struct rig_session {
    struct session *handle; /* NULL: not connected */
    unsigned connection;    /* counts hellos; its peer is made of both numbers */
    struct rig_sent *sent;  /* number n at [n - 1] */
    size_t sent_count, sent_capacity;
};

struct rig_options {
    enum mq_kind kind;
    int64_t maxsize;
    int64_t lease_ms;
    bool without_queue; /* "q" is not made */
    bool silent;        /* nothing is confirmed but by rig_confirm() */
    /* 0: the default */
    uint64_t memory_limit, resume_grace_ms, remember_ms;
    uint32_t body_max, frame_max, items_max, queues_max, sessions_max, remembered_max, waiting_max,
        unconfirmed_max, in_flight_max;
    uint64_t backlog_max, first_item;
    bool no_auto_create;
    const struct shelf *shelf;
    bool is_durable; /* see rig_facts.h */
    bool is_slow, is_forgetful;
};

struct rig {
    struct engine *engine;
    struct engine_options options;
    uint64_t now_ms;
    bool silent;
    bool is_holding; /* nothing is sent after this step */
    struct rig_session sessions[RIG_SESSIONS];
    struct rig_reply **replies;
    size_t reply_count, reply_capacity;
    size_t reply_first;      /* all before it are taken */
    size_t reply_last;       /* the one that was checked last */
    struct rig_known *known; /* ids by body */
    struct rig_chunk *chunks;
    struct welcome welcome; /* the last */
    int old_peer;           /* session * 1000 + connection that the last hello replaced, 0: none */
    const char *why;        /* the last refusal's */
    bool is_durable, is_slow;
    bool has_changed_mode;    /* replies left before they were safe, and do not any more; or the reverse */
    uint64_t safe;            /* durable: the position up to which replies leave */
    uint64_t segment;         /* to which what is taken next belongs */
    struct rig_group *groups; /* of facts, all that were ever taken */
    size_t group_count;
    uint64_t facts_read; /* the position up to which they were checked */
    char *fact_text;
};

struct rig rig_new(struct rig_options options);
/* Around an engine that is there already, whose time is RIG_EPOCH_MS. */
struct rig rig_around(struct engine *engine);
void rig_free(struct rig *r); /* no reply may be left unread */

/* Runs one step; returns its request's number. */
uint64_t rig_step(struct rig *r, const struct rig_step *step);

#define RIG_STEP(r, code, ...)                                                                               \
    rig_step((r), &(struct rig_step){.verb = (code), .file = __FILE__, .line = __LINE__, __VA_ARGS__})

#define rig_open(r, ...)      RIG_STEP(r, MQ_VERB_OPEN, __VA_ARGS__)
#define rig_set(r, ...)       RIG_STEP(r, MQ_VERB_SET, __VA_ARGS__)
#define rig_remove(r, ...)    RIG_STEP(r, MQ_VERB_REMOVE, __VA_ARGS__)
#define rig_put(r, ...)       RIG_STEP(r, MQ_VERB_PUT, __VA_ARGS__)
#define rig_get(r, ...)       RIG_STEP(r, MQ_VERB_GET, __VA_ARGS__)
#define rig_done(r, ...)      RIG_STEP(r, MQ_VERB_TASK_DONE, __VA_ARGS__)
#define rig_release(r, ...)   RIG_STEP(r, MQ_VERB_RELEASE, __VA_ARGS__)
#define rig_extend(r, ...)    RIG_STEP(r, MQ_VERB_EXTEND, __VA_ARGS__)
#define rig_join(r, ...)      RIG_STEP(r, MQ_VERB_JOIN, __VA_ARGS__)
#define rig_shut_down(r, ...) RIG_STEP(r, MQ_VERB_SHUT_DOWN, __VA_ARGS__)
#define rig_purge(r, ...)     RIG_STEP(r, MQ_VERB_PURGE, __VA_ARGS__)
#define rig_peek(r, ...)      RIG_STEP(r, MQ_VERB_PEEK, __VA_ARGS__)
#define rig_stat(r, ...)      RIG_STEP(r, MQ_VERB_STAT, __VA_ARGS__)
#define rig_list(r, ...)      RIG_STEP(r, MQ_VERB_LIST, __VA_ARGS__)
#define rig_sessions(r, ...)  RIG_STEP(r, MQ_VERB_SESSIONS, __VA_ARGS__)
#define rig_ping(r, ...)      RIG_STEP(r, MQ_VERB_PING, __VA_ARGS__)
#define rig_cancel(r, ...)    RIG_STEP(r, MQ_VERB_CANCEL, __VA_ARGS__)
#define rig_hello(r, ...)     RIG_STEP(r, MQ_VERB_HELLO, __VA_ARGS__)
#define rig_bye(r, ...)       RIG_STEP(r, MQ_VERB_BYE, __VA_ARGS__)
#define rig_confirm(r, ...)   RIG_STEP(r, MQ_VERB_CONFIRM, __VA_ARGS__)

/* Sends the request of this NUMBER once more. */
uint64_t rig_repeat_step(struct rig *r, const struct rig_step *step);
#define rig_repeat(r, ...)                                                                                   \
    rig_repeat_step((r), &(struct rig_step){.file = __FILE__, .line = __LINE__, __VA_ARGS__})

/* The session's connection is cut. */
void rig_drop_step(struct rig *r, const struct rig_step *step);
#define rig_drop(r, ...) rig_drop_step((r), &(struct rig_step){__VA_ARGS__})

/* After something was done to the engine itself: it is checked, and what it says is read. */
void rig_settle(struct rig *r);

/* Time passes and what is due happens when it is due; or nobody looks at the clock until then. */
void rig_run_to(struct rig *r, uint64_t at_ms);
void rig_sleep_to(struct rig *r, uint64_t at_ms);

/* The next unread reply of all, NULL: none; and the same, checked and taken. */
const struct rig_reply *rig_next(const struct rig *r);
const struct rig_reply *rig_read(struct rig *r, const struct rig_step *who);
#define CHECK_REPLY(r, who, want, text)                                                                      \
    rig_read((r),                                                                                            \
             &(struct rig_step){who, .file = __FILE__, .line = __LINE__, .status = (want), .gives = (text)})
#define CHECK_NO_REPLY(r) rig_check_none((r), __FILE__, __LINE__)
void rig_check_none(struct rig *r, const char *file, unsigned line);

/* The reply that was checked last. */
const struct rig_reply *rig_last(const struct rig *r);

/* What stat says of a queue, and of the broker, asked by a session of its own. */
struct queue_stat rig_look(struct rig *r, const char *queue);
struct broker_stat rig_look_at_broker(struct rig *r);
#define CHECK_SIZES(r, name, is_ready, is_leased)                                                            \
    do {                                                                                                     \
        struct queue_stat rig_seen = rig_look((r), (name));                                                  \
        CHECK_EQUAL(rig_seen.ready, (is_ready));                                                             \
        CHECK_EQUAL(rig_seen.leased, (is_leased));                                                           \
        CHECK_EQUAL(rig_seen.unfinished, (is_ready) + (is_leased));                                          \
    } while (0)

/* The id of the item that had this body, as far as replies have told. */
uint64_t rig_id(const struct rig *r, const char *body);

#endif
