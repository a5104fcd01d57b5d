/* proto.h - the words of the protocol as C: verbs, limits, and the structs that requests and answers are.
 *
 * PROTOCOL.md is the contract; this is its vocabulary. Nothing here does I/O and nothing here knows how the
 * bytes look: codec.h turns these structs into frames and back. All pointers in these structs are borrowed:
 * in a decoded struct they point into the frame or the codec's scratch memory, and live as long as those. */
#ifndef MQ_PROTO_H
#define MQ_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mq_types.h"

/* X(NAME, code on the wire, word) */
#define MQ_VERB_MAP(X)                                                                                       \
    X(HELLO, 1, "hello")     /* client opens or resumes its session; broker answers with the same verb */    \
    X(CONFIRM, 2, "confirm") /* client has received answers; never answered */                               \
    X(CANCEL, 3, "cancel")   /* withdraws the request of this number, seen or not */                         \
    X(BYE, 4, "bye")         /* client ends its session; broker answers with the same verb */                \
    X(REFUSED, 5, "refused") /* broker only: this connection is of no use, with the reason */                \
    X(PROBE, 6, "probe")     /* broker only: is the connection there? clients ignore it */                   \
    X(OPEN, 10, "open")                                                                                      \
    X(SET, 11, "set")                                                                                        \
    X(REMOVE, 12, "remove")                                                                                  \
    X(PUT, 13, "put")                                                                                        \
    X(GET, 14, "get")                                                                                        \
    X(TASK_DONE, 15, "task_done")                                                                            \
    X(RELEASE, 16, "release")                                                                                \
    X(EXTEND, 17, "extend")                                                                                  \
    X(JOIN, 18, "join")                                                                                      \
    X(SHUT_DOWN, 19, "shut_down")                                                                            \
    X(PURGE, 20, "purge")                                                                                    \
    X(PEEK, 21, "peek")                                                                                      \
    X(STAT, 22, "stat")                                                                                      \
    X(LIST, 23, "list")                                                                                      \
    X(SESSIONS, 24, "sessions")                                                                              \
    X(PING, 25, "ping")

#define MQ_VERB_ENUM(name, code, word) MQ_VERB_##name = (code),
enum mq_verb { MQ_VERB_MAP(MQ_VERB_ENUM) };
#undef MQ_VERB_ENUM

#define MQ_PROTOCOL_VERSION 1
#define MQ_DEFAULT_ENDPOINT "tcp://127.0.0.1:7420"

enum {
    MQ_SESSION_ID_SIZE = 16,
    MQ_NAME_SIZE_MAX = 255,        /* bytes of UTF-8 in a queue's name */
    MQ_CLIENT_NAME_SIZE_MAX = 255, /* bytes of UTF-8 in a client's name */
    MQ_KEY_SIZE_MAX = 1024,        /* bytes of an encoded key */
    MQ_KEY_DEPTH_MAX = 8,          /* tuples within tuples */
    MQ_ITEMS_MAX = 65536,          /* items, or ids, in one request or answer */
    MQ_RANGES_MAX = 4096,          /* ranges of numbers in one confirmation */
    MQ_ROWS_MAX = 1000,            /* rows in one answer to list, sessions or peek */
    MQ_WAITS_MAX = 8,              /* kinds of waits, and of held queues, shown of one session */
    MQ_QUEUES_MAX = 100000,
    MQ_SESSIONS_MAX = 100000,
    MQ_WAITING_MAX = 1024,     /* waiting requests of one session */
    MQ_UNCONFIRMED_MAX = 1024, /* answers of one session that it has not confirmed */
    MQ_BODY_SIZE_MAX = 16 << 20,
    MQ_FRAME_SIZE_MAX = 64 << 20,
    MQ_IN_FLIGHT_SIZE_MAX = 64 << 20 /* bytes under way per session and direction */
};

#define MQ_FOREVER_MS (-1) /* the only negative time-out */

/* In a decoded open or set: it gave a setting that this version does not know, and must be refused. */
#define MQ_SETTING_UNKNOWN (1u << 31)

/* Some bytes that somebody else owns. A text is UTF-8. data may be NULL when size is 0. */
struct bytes {
    const void *data;
    size_t size;
};

/* Request numbers first..last, both included. */
struct range {
    uint64_t first, last;
};

struct ranges {
    const struct range *list;
    size_t count;
};

/* A queue's settings; `given` says which of them this struct speaks of. */
struct settings {
    uint32_t given;    /* enum mq_setting, or-ed; maybe MQ_SETTING_UNKNOWN */
    enum mq_kind kind; /* how waiting items are ordered; fixed for the queue's life */
    int64_t maxsize;   /* bound on waiting items; 0 or less: none */
    int64_t lease_ms;  /* how long a lease lasts; 0: as long as the session */
    bool is_transient; /* its items are in memory only, whatever the broker keeps; for the queue's life */
};

/* One item on its way in. */
struct put_item {
    struct bytes body;
    struct bytes key; /* encoded, see key.h; size 0: no key */
};

/* One item on its way out (get, peek). */
struct item_view {
    uint64_t id;
    uint32_t deliveries; /* hand-outs, this one included */
    bool is_leased;      /* peek by id: somebody has it */
    struct bytes body;
    struct bytes key; /* encoded; size 0: the queue is not a priority queue */
};

/* One id of a task_done, release or extend that was refused, and why. */
struct refusal {
    uint64_t id;
    enum mq_status status; /* MQ_TOO_MANY_DONE or MQ_LEASE_LOST */
};

/* Anything a client asks of a session: all verbs from MQ_VERB_OPEN on, and MQ_VERB_CANCEL.
 * Fields that a verb does not name are zero. */
struct request {
    enum mq_verb verb;
    uint64_t number;             /* consecutive within the session, from 1 */
    struct ranges confirms;      /* answers received since the last request */
    struct bytes queue;          /* all but the ids' verbs, sessions and ping. stat: empty means the broker */
    int64_t timeout_ms;          /* put, get, join: 0 no wait, > 0 at most that long, MQ_FOREVER_MS */
    const struct put_item *puts; /* put */
    size_t put_count;            /* put: 1..MQ_ITEMS_MAX */
    const uint64_t *ids;         /* task_done, release, extend: item ids */
    size_t id_count;             /* 1..MQ_ITEMS_MAX */
    struct settings settings;    /* open, set */
    int64_t lease_ms;            /* extend: from now; 0: as long as the session */
    uint64_t after_number;       /* sessions: rows with a larger number; peek by id: items with a larger id */
    uint32_t max;                /* get, peek: items; list, sessions: rows; at least 1 */
    bool partial;                /* put: waits for room for its first item, stores what fits, is answered */
    bool auto_done;              /* get: items are done once the session confirms the answer */
    bool untouched;              /* release: the delivery is not counted */
    bool immediate;              /* shut_down: also discard what waits */
    bool force;                  /* remove: even with unfinished items */
    bool last;                   /* peek: from the end of the order */
    bool by_id;                  /* peek: in the order of ids, whatever the queue's */
    bool leased;                 /* peek by id: also items that somebody has */
    bool create;                 /* open: make it even if the broker does not make queues by itself */
};

/* What `stat Q` and each row of `list` tell. */
struct queue_stat {
    struct bytes name;
    struct settings settings; /* all given: what is in force now */
    uint64_t ready;           /* waiting items (qsize) */
    uint64_t leased;
    uint64_t unfinished;                /* ready + leased */
    uint64_t bytes;                     /* bodies of all unfinished items */
    uint64_t getters, putters, joiners; /* waiting requests */
    uint64_t puts, gets, done;          /* items stored, handed out, finished since the queue was made */
    uint64_t redelivered;               /* hand-outs that were not an item's first */
    uint64_t returned;                  /* items that came back: released, lease over, session over */
    uint64_t discarded;                 /* by purge, immediate shutdown, forced remove */
    uint64_t age_ms;                    /* since the queue was made */
    uint64_t oldest_ms; /* age of the item that waits longest (LIFO: never taken; priority: the next one) */
    bool is_shut_down;
    bool is_immediate; /* ... immediately */
};

/* How what must survive is written down, and how that goes; part of what `stat` without a queue tells. */
struct data_stat {
    struct bytes sync;         /* "none": in memory only; "always"; "interval" */
    struct bytes state;        /* "none"; "ok"; "full": puts are refused; "failed": all changes are */
    uint64_t sync_interval_ms; /* "interval": what was answered in two of them may be lost */
    uint64_t log_segments;     /* files */
    uint64_t log_bytes;        /* of all files, those that are ready to be used included */
    uint64_t unsafe_bytes;     /* written down or to be, and not yet on disk */
};

/* What `stat` without a queue tells. */
struct broker_stat {
    struct bytes version;
    struct data_stat data;
    uint64_t live_bytes; /* that a log would take which had nothing but what lives */
    uint64_t uptime_ms;
    uint64_t pid;                         /* its process, where it runs; 0: not told */
    uint64_t queues, sessions, connected; /* connected: sessions with a connection */
    uint64_t ready, leased, waiting;      /* items; waiting requests */
    uint64_t puts, gets, done, redelivered, returned, discarded;
    uint64_t repeats;              /* requests that were answered a second time */
    uint64_t sessions_lost;        /* sessions whose leases went back because the client stayed away */
    uint64_t forgotten;            /* ended sessions dropped to keep `remember` bounded */
    uint64_t memory, memory_limit; /* bytes of items and waiting puts */
    uint64_t shelved;              /* ... and of items that are not in memory but on the shelf */
    uint64_t shelved_items;
    uint64_t body_max, queues_max, sessions_max, items_max, frame_max, waiting_max, unconfirmed_max,
        in_flight_max;
    uint64_t resume_grace_ms, remember_ms;
};

struct session_wait {
    enum mq_verb verb; /* put, get or join */
    struct bytes queue;
    uint64_t count; /* requests (waits), or items (holds; verb is then MQ_VERB_TASK_DONE) */
};

struct session_row {
    uint64_t number;   /* public; the session's id is its owner's secret */
    struct bytes name; /* the client's, as it said in its hello */
    bool connected;
    uint64_t age_ms;                         /* since its first hello */
    uint64_t idle_ms;                        /* since its last request */
    uint64_t waiting;                        /* requests */
    uint64_t leased;                         /* items */
    struct session_wait waits[MQ_WAITS_MAX]; /* by verb and queue, the first MQ_WAITS_MAX of them */
    struct session_wait holds[MQ_WAITS_MAX];
    size_t wait_count, hold_count;
};

/* The answer to a request. Fields that the verb does not name are zero. */
struct answer {
    enum mq_verb verb;
    uint64_t number;
    enum mq_status status;
    struct bytes text;       /* why, in words, where the status alone does not tell; may be empty */
    uint64_t count;          /* put: items stored; purge, remove: items discarded */
    const struct range *ids; /* put: ids of the stored items, in the order of the request */
    size_t id_range_count;
    uint64_t newest;               /* peek by id: no item in the queue had a larger id */
    int64_t lease_ms;              /* get: how long these leases last; 0: as long as the session */
    const struct item_view *items; /* get, peek */
    size_t item_count;
    const struct refusal *refusals; /* task_done, release, extend; status is the first one's */
    size_t refusal_count;
    const struct queue_stat *queues; /* stat of a queue (one), list */
    size_t queue_count;
    const struct broker_stat *broker; /* stat of the broker; else NULL */
    const struct session_row *sessions;
    size_t session_count;
};

/* A client's first frame on a connection. */
struct hello {
    uint32_t version;
    bool resume;                    /* false: a new session of this id */
    uint8_t id[MQ_SESSION_ID_SIZE]; /* random, secret */
    uint64_t next_number;           /* resume: the number of the next new request */
    struct ranges awaited;          /* resume: numbers below it whose answers have not arrived */
    struct bytes name;              /* for people: program and pid, say */
};

/* The broker's answer to a hello. With another status than MQ_OK, only status, version and text count. */
struct welcome {
    enum mq_status status; /* OK; SESSION_LOST (resume: unknown here); EXISTS (new: id is taken);
                              UNSUPPORTED (version); LIMIT; INVALID; TEMPORARY */
    uint32_t version;      /* the broker's */
    uint64_t session;      /* public number */
    uint32_t body_max, frame_max, items_max, waiting_max, unconfirmed_max, in_flight_max;
    uint32_t resume_grace_ms, heartbeat_ms;
    uint32_t
        lapses; /* how often the session has been away for longer than the grace: what it held went back */
    struct bytes text;
};

/* What a client sends: `verb` tells which member counts. */
struct client_frame {
    enum mq_verb verb;
    struct hello hello;     /* MQ_VERB_HELLO */
    struct ranges confirms; /* MQ_VERB_CONFIRM, MQ_VERB_BYE */
    struct request request; /* all others */
};

/* What a broker sends. */
struct broker_frame {
    enum mq_verb verb;
    struct welcome welcome; /* MQ_VERB_HELLO */
    struct answer answer;   /* verbs of requests, CANCEL's too: verb is that of the request it withdrew or
                               repeated;   MQ_VERB_BYE: status only */
    enum mq_status status;  /* MQ_VERB_REFUSED: why, and `text` in words. MQ_VERB_PROBE has nothing */
    struct bytes text;
};

const char *mq_status_name(enum mq_status status); /* "FULL"; "?" if unknown */
const char *mq_status_text(enum mq_status status); /* "queue is full"; "unknown status" */
const char *mq_verb_name(enum mq_verb verb);       /* "task_done"; "?" if unknown */
const char *mq_kind_name(enum mq_kind kind);       /* "priority" */
bool mq_kind_from_name(const char *name, enum mq_kind *ret_kind);
bool mq_utf8_is_valid(struct bytes text);

/* 1..MQ_NAME_SIZE_MAX bytes of UTF-8 without spaces and control characters. */
bool mq_name_is_valid(struct bytes name);

struct bytes mq_bytes(const char *text); /* of a C string; NULL gives no bytes */

#endif
