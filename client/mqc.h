/* mqc.h - the C client of mq: queue.Queue for every process you have.
 *
 *     #include <mqc.h>
 *
 *     struct mqc *mq;
 *     struct mqc_queue *jobs;
 *     struct mqc_item *item;
 *     mqc_open(NULL, NULL, &mq);                       // the broker at $MQ_SERVER, else tcp://127.0.0.1:7420
 *     mqc_queue_open(mq, "jobs", NULL, &jobs);         // makes a plain FIFO if there is none
 *     mqc_put(jobs, "hello", 5, MQ_FOREVER);
 *     mqc_get(jobs, MQ_FOREVER, &item);
 *     printf("%.*s\n", (int)mqc_item_size(item), (const char *)mqc_item_body(item));
 *     mqc_task_done(item);
 *     mqc_close(mq);
 *
 * Build with `cc program.c $(pkg-config --cflags --libs libmqc)`. Every call that can fail returns an enum
 * mq_status, MQ_OK being 0; mqc_error() says more in words. Results (ret_...) are written on MQ_OK only,
 * unless a call says otherwise. Complete programs are in client/examples.
 *
 * THREADS. Any thread may use any handle at any time, and as many at once as like; they share one connection
 * and none holds up another. An item belongs to whoever has it: do not take or free it while another thread
 * uses it. Puts without a time-out through one handle share requests, so that many threads need few. The
 * library keeps one thread of its own (all signals blocked), started with the first get or async put, and
 * libzmq its I/O thread.
 *
 * TIME-OUTS are milliseconds: MQ_NOWAIT (0), a positive number, or MQ_FOREVER (-1). Any other negative number
 * is MQ_INVALID and is checked first. The broker says MQ_EMPTY, MQ_FULL and MQ_TIMED_OUT, so that a time-out
 * that races an item loses nothing (exceptions: mqc_flush, and puts behind async ones). A call that has no
 * answer by its time-out plus the connect time-out gives up with MQ_DISCONNECTED; calls without a time-out
 * count as MQ_NOWAIT. A call with MQ_FOREVER waits as long as there is a broker, and gives up when there has
 * been none for the connect time-out.
 *
 * RECONNECTS. A lost connection is made again by itself as long as somebody waits or holds items, and the
 * session goes on: what was not answered is asked again under its old number, and the broker answers a
 * repeated request with the first answer. So a put is stored exactly once, and items on their way are not
 * lost. What a program can notice:
 *   MQ_DISCONNECTED  no broker within the time above. A put may or may not have been stored. A get's items
 *                    that arrive later go back untouched; a task_done or release is still delivered if the
 *                    broker comes back to this session.
 *   MQ_LEASE_LOST    the client was away for longer than the broker's resume grace (3 s), or the lease was
 *                    over: the item went back to its queue and may be in other hands. Its body can still
 *                    be read.
 *   MQ_SESSION_LOST  the broker does not know the session any more (one without a data directory was
 *                    restarted, say): the request may or may not have happened, and is not repeated. A new
 *                    session is begun by itself: queue handles are opened again with the settings they were
 *                    opened with, blocked gets go on, and the handle stays usable. Items of the old session
 *                    are MQ_LEASE_LOST. A handle that the broker refuses to open again returns that refusal
 *                    from its calls until a later session opens it.
 *
 * DURABILITY. What a broker with a data directory has answered is on disk (unless it syncs in intervals, or
 * the queue is transient; `sync` in mqc_broker_stat tells), and its restart is no more than a lost
 * connection: the session goes on, and keeps its items if it comes back within the grace. When its disk is
 * full puts are MQ_TEMPORARY; when its disk has failed, whatever would change something is, and what was
 * under way is never answered: calls with a time-out end with MQ_DISCONNECTED, others when the broker does.
 *
 * LEASES. A got item is leased to this session until task_done, release, the lease's end, or the session's
 * end. Leases with a time limit are renewed by the library at a third of their time while the program holds
 * the item, unless the option no_renew is set.
 *
 * PREFETCH. A queue handle opened with `prefetch` fetches items ahead of the program, at most so many: most
 * gets are then answered without asking the broker, in order, and task_dones share requests. Without it, the
 * default, the library holds nothing that was not asked for, as queue.Queue does. What lies ahead is leased
 * and renewed, so others cannot have it; therefore the library holds about what the program uses up in 20 ms:
 * it begins with what a get wants, fetches twice as much whenever the last was used up in 10 ms, and gives
 * back, untouched and in its old place, what has not been asked for in about 20 ms. All goes back at once
 * when the handle or the client is closed, and (while there is a line) before a join, purge, remove or
 * immediate shutdown of its queue. An item whose lease is known to be lost is not handed out. More urgent
 * items that are put later do not overtake what lies ahead. Of other threads on the same handle, each gets
 * the next item. Gets with auto_done ask the broker. Of such a handle, mqc_task_done, mqc_queue_task_done and
 * mqc_task_done_many without ret_each return MQ_OK as soon as the library has noted it. The broker is told
 * before the next request of this client, when there are 256, and at the latest after 10 ms; by mqc_flush,
 * which returns the first refusal since the last one; and by mqc_close, but that cannot tell what was
 * refused. A few hundred make sense for small items.
 *
 * FORK. A handle belongs to the process that opened it. In a child every call returns MQ_INVALID, and closing
 * or freeing does nothing, harmlessly. Bodies stay readable. A child that lives on should exec: it shares the
 * parent's connection, whose end the broker cannot see while the child has it open.
 *
 * LIFETIMES. Handles are closed with mqc_queue_close() and mqc_close(), in any order; after mqc_close() queue
 * handles and items may only be closed and freed. An item lives until a call takes it or mqc_item_free().
 *
 * THE USUAL. Calls that ask the broker can all return, besides what they list themselves:
 *   MQ_INVALID       an argument is NULL, out of range or not allowed here; something reserved is not zero;
 *                    or this is a child after fork()
 *   MQ_DISCONNECTED, MQ_SESSION_LOST     as above
 *   MQ_CLOSED        mqc_close() was called; whether the request has happened is not known
 *   MQ_LIMIT         a limit of the broker is reached; mqc_error() says which, `mq stat` shows them
 *   MQ_TEMPORARY     the broker refuses it for now, for memory or disk, say; mqc_error() says why
 *   MQ_DENIED        not allowed to this client
 *   MQ_UNSUPPORTED   this broker does not know the request
 *   MQ_NO_MEMORY     out of memory, threads or file descriptors; nothing has happened unless the call says so
 * and calls about a queue also
 *   MQ_NO_QUEUE      there is no such queue, or it was removed meanwhile
 *   MQ_EXISTS        a later session could not open the handle again with its settings */
#ifndef MQC_H
#define MQC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mq_types.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define MQ_NOWAIT  0    /* a time-out: do not wait */
#define MQ_FOREVER (-1) /* a time-out: wait; any other negative one is MQ_INVALID */

struct mqc;       /* one client: a session with a broker */
struct mqc_queue; /* a handle of one queue */
struct mqc_item;  /* an item taken, or peeked at */

/* Options of mqc_open; zero-initialise, then set what is wanted and its bit in `given`. */
enum mqc_option {
    MQC_OPTION_CLIENT_NAME = 1 << 0,
    MQC_OPTION_CONNECT_TIMEOUT = 1 << 1,
    MQC_OPTION_CLOSE_TIMEOUT = 1 << 2,
    MQC_OPTION_NO_RENEW = 1 << 3,
    MQC_OPTION_ASYNC_ITEMS = 1 << 4,
    MQC_OPTION_ASYNC_BYTES = 1 << 5,
    MQC_OPTION_ASYNC_REFUSES = 1 << 6,
};
struct mqc_options {
    uint32_t given;
    const char *client_name;    /* shown by `mq ps`, at most 255 bytes of UTF-8; default: program and pid */
    int64_t connect_timeout_ms; /* how long the broker may be out of reach before a call gives up; at least 1,
                                   or MQ_FOREVER; default 5000 */
    int64_t close_timeout_ms; /* the most that mqc_close waits for the broker, or MQ_FOREVER; default 5000 */
    bool no_renew;            /* do not renew leases for the program */
    bool async_refuses;       /* mqc_put_async: a full window is MQ_FULL at once, instead of blocking */
    size_t async_items;       /* ... the window: most items without a result, at least 1; default 65536 */
    size_t async_bytes;       /* ... and bytes of their bodies, at least 1; default 16 MiB. One larger body
                                 alone is fine */
    uint64_t reserved[10];    /* zero, else MQ_INVALID */
};

/* Settings to open a queue with; see enum mq_setting for `given`. */
enum mqc_open_mode {
    MQC_OPEN_AUTO = 0,   /* make a missing queue, unless the broker runs with --auto-create off */
    MQC_OPEN_CREATE = 1, /* make a missing queue */
    MQC_OPEN_NAME =
        2 /* never: the handle is only a name, and calls return MQ_NO_QUEUE while there is no queue */
};
struct mqc_queue_options {
    uint32_t given;
    enum mq_kind kind;
    enum mqc_open_mode mode;
    int64_t maxsize;   /* bound on waiting items; 0 or less: none */
    int64_t lease_ms;  /* how long a lease lasts unless renewed; 0: as long as the session */
    uint32_t prefetch; /* items that gets of this handle may fetch ahead, at most 65536; 0: none. A matter of
                          the handle, not of the queue; see PREFETCH */
    bool is_transient; /* its items need not survive the broker: they are in memory only, even with --data */
    uint64_t reserved[11]; /* zero, else MQ_INVALID */
};

/* A priority. Zero-initialised: none, which on a priority queue is integer 0. Made by mqc_key_*; pointers are
 * borrowed, not copied. Numbers (integers and doubles compared exactly) come before strings, strings before
 * bytes, bytes before tuples; the lowest is got first. */
struct mqc_key {
    enum mq_key_type type;
    int64_t integer;
    double real;
    const void *data; /* string, bytes */
    size_t size;
    const struct mqc_key *elements; /* tuple */
    size_t count;
    uint64_t reserved[2]; /* zero, else MQ_INVALID */
};
struct mqc_key mqc_key_int(int64_t value);
struct mqc_key mqc_key_double(double value);     /* NaN is refused by the put */
struct mqc_key mqc_key_string(const char *text); /* UTF-8 */
struct mqc_key mqc_key_bytes(const void *data, size_t size);
struct mqc_key mqc_key_tuple(const struct mqc_key *elements, size_t count);

/* One item to put. Zero-initialised: empty and plain. */
struct mqc_put {
    const void *body; /* may be NULL if size is 0 */
    size_t size;
    struct mqc_key priority; /* only for priority queues */
    uint64_t reserved[8];    /* zero, else MQ_INVALID */
};

/* What to get. */
struct mqc_get {
    struct mqc_queue *const *queues;
    size_t queue_count; /* 1; more is MQ_UNSUPPORTED */
    size_t max;         /* 1..65536 */
    int64_t timeout_ms;
    bool auto_done;       /* done as soon as they have arrived; items may then only be read and freed */
    uint64_t reserved[8]; /* zero, else MQ_INVALID */
};

/* What to peek at. Zero-initialise, then set what is wanted. */
struct mqc_peek {
    size_t max;           /* at least 1 */
    bool last;            /* the last items instead of the first */
    bool by_id;           /* items with ids above `after`, in the order of ids, whatever the queue's kind */
    bool leased;          /* by_id: also those that somebody has */
    uint64_t after;       /* by_id */
    uint64_t reserved[8]; /* zero, else MQ_INVALID */
};

/* A queue as the broker sees it. Counts of puts to discarded are since the queue was made. */
struct mqc_queue_stat {
    char name[256];
    enum mq_kind kind;
    bool is_shut_down;
    bool is_immediate; /* ... immediately */
    bool is_transient;
    int64_t maxsize;
    int64_t lease_ms;
    uint64_t size; /* waiting items */
    uint64_t leased;
    uint64_t unfinished;                /* size + leased */
    uint64_t bytes;                     /* bodies of the unfinished items */
    uint64_t getters, putters, joiners; /* waiting calls */
    uint64_t puts, gets, done;          /* items stored, handed out, finished */
    uint64_t redelivered;               /* hand-outs that were not an item's first */
    uint64_t returned;                  /* items that came back */
    uint64_t discarded;                 /* by purge, immediate shutdown, forced remove */
    uint64_t age_ms;                    /* since the queue was made */
    uint64_t oldest_ms;                 /* how long the oldest waiting item has existed; 0: none waits */
    uint64_t reserved[16];
};

/* The broker in numbers. Counts of puts to forgotten are since it started. */
struct mqc_broker_stat {
    char version[64];
    uint64_t uptime_ms;
    uint64_t queues, sessions, connected; /* connected: sessions with a connection */
    uint64_t ready, leased, waiting;      /* items; waiting calls */
    uint64_t puts, gets, done, redelivered, returned, discarded;
    uint64_t repeats;              /* requests answered a second time */
    uint64_t sessions_lost;        /* sessions whose leases went back because the client stayed away */
    uint64_t forgotten;            /* ended sessions dropped to keep what is remembered bounded */
    uint64_t memory, memory_limit; /* bytes */
    uint64_t body_max, queues_max, sessions_max, items_max, frame_max, waiting_max, unconfirmed_max,
        in_flight_max;
    uint64_t resume_grace_ms, remember_ms;
    uint64_t pid; /* of its process, on the machine where it runs; 0: not told */
    /* What an answer promises: "none", in memory only; "always", on disk; "interval", on disk soon: a
     * crash of the machine loses at most what was answered within two sync_interval_ms. */
    char sync[16];
    /* Of the data directory: "none"; "ok"; "full": puts are refused; "failed": all that changes something is.
     */
    char data[16];
    uint64_t sync_interval_ms;
    uint64_t log_segments, log_bytes; /* its files */
    uint64_t unsafe_bytes;            /* not yet on disk */
    uint64_t live_bytes;              /* about what a log would take that had nothing but what lives */
    uint64_t shelved, shelved_items;  /* what waits in a file for room in memory: bytes as `memory`, items */
    uint64_t reserved[4];
};

struct mqc_session_wait {
    char what[16]; /* "put", "get", "join"; for held items "lease" */
    char queue[256];
    uint64_t count;
};
struct mqc_session {
    uint64_t number; /* public */
    char name[256];  /* the client's */
    bool connected;
    uint64_t age_ms, idle_ms; /* since its first hello, since it was last heard */
    uint64_t waiting, leased; /* calls, items */
    struct mqc_session_wait waits[8], holds[8];
    size_t wait_count, hold_count;
    uint64_t reserved[8];
};

/* The status in words, "queue is full"; static. And the library's version, "1.2.3". */
const char *mqc_strerror(enum mq_status status);
const char *mqc_version(void);

/* ---- The client ---------------------------------------------------------------------------------------- */

/* Begins a session with the broker at `endpoint` (tcp://HOST:PORT, ipc://PATH; NULL: $MQ_SERVER, else
 * tcp://127.0.0.1:7420). `options` may be NULL. *ret_mqc is the caller's, to close.
 * MQ_DISCONNECTED: no broker within the connect time-out, and mqc_error(NULL) says what was tried.
 * MQ_INVALID: not an endpoint, or options. MQ_UNSUPPORTED: a broker of another protocol version. MQ_DENIED;
 * MQ_LIMIT, MQ_TEMPORARY: the broker had no room for a session all that time. MQ_NO_MEMORY. */
enum mq_status mqc_open(const char *endpoint, const struct mqc_options *options, struct mqc **ret_mqc);

/* Ends the session: blocked calls return MQ_CLOSED, and when all have returned, what mqc_put_async accepted
 * is carried out and the broker is told, both together for at most close_timeout_ms. All that the session
 * held goes back to its queues at once; without a connection, when the broker's grace is over. To be called
 * once, and not from a signal handler; afterwards `mqc` is not to be used any more. NULL is fine. */
void mqc_close(struct mqc *mqc);

/* Makes blocked calls return MQ_INTERRUPTED; async-signal-safe. It works once: on every put, get, join
 * and flush with a time-out other than MQ_NOWAIT, and every mqc_put_async before a full window, that is
 * blocked at that moment; if there is none, on the next such call, so that a signal between a check and the
 * call is not lost. Several interrupts before that count as one. Other calls are not interrupted.
 *
 * An interrupted put asks the broker whether it was stored and waits for the word, at most the connect
 * time-out: it returns MQ_OK if it was, MQ_INTERRUPTED if it was not (mqc_put_many says how many were), and
 * MQ_DISCONNECTED if there was no word. Items on their way to an interrupted get go back untouched, not
 * counted as a delivery. */
void mqc_interrupt(struct mqc *mqc);

/* This thread's last failure in words, if it was on this client, else ""; with NULL, if it was without a
 * client, as that of mqc_open is. Never NULL; valid until this thread's next call. */
const char *mqc_error(const struct mqc *mqc);

/* ---- Queues -------------------------------------------------------------------------------------------- */

/* A handle of the queue `name` (1 to 255 bytes of UTF-8 without spaces and control characters). With
 * `options` NULL: MQC_OPEN_AUTO, and if it is made, a plain FIFO. Only the given settings are compared with
 * those the queue was created with. *ret_queue is the caller's, to close. MQ_EXISTS: the queue was created
 * with other settings; mqc_error() names one. MQ_NO_QUEUE: there is none, and the broker does not make queues
 * by itself. Or the usual. With MQC_OPEN_NAME the broker is not asked, and no settings may be given. */
enum mq_status mqc_queue_open(struct mqc *mqc, const char *name, const struct mqc_queue_options *options,
                              struct mqc_queue **ret_queue);

/* Calls that are blocked on it go on, and items stay valid; leases of freed items are kept until mqc_close.
 * What it has fetched ahead goes back. NULL is fine. */
void mqc_queue_close(struct mqc_queue *queue);

/* Changes settings of the running queue, for all its users: maxsize, lease_ms. MQ_INVALID: kind or
 * is_transient is given, which are for the queue's life, or prefetch is not 0. Or the usual of a queue.
 * `mode` is not looked at. */
enum mq_status mqc_queue_set(struct mqc_queue *queue, const struct mqc_queue_options *options);

/* Removes the queue itself: waiting calls on it return MQ_NO_QUEUE, items taken from it become MQ_LEASE_LOST.
 * MQ_BUSY: it has unfinished items and `force` is not set. Or the usual of a queue. *ret_discarded (may be
 * NULL): how many items went with it. */
enum mq_status mqc_queue_remove(struct mqc_queue *queue, bool force, uint64_t *ret_discarded);

/* ---- Putting ------------------------------------------------------------------------------------------- */

/* Stores an item, once; waits for room for at most timeout_ms. The body is not needed after the return.
 * MQ_FULL: no room in that time, be it for this item or for the async puts through this handle before it.
 * MQ_SHUT_DOWN: the queue takes no more, waiting puts included. MQ_TOO_BIG: a body over the broker's limit,
 * or a key over 1024 bytes. MQ_INVALID: also a priority on a queue of another kind, or a key that is none.
 * MQ_LIMIT: also too many waiting puts of this client. MQ_TEMPORARY: the broker's memory limit, all that
 * time; or its disk is full or has failed, told at once. MQ_INTERRUPTED: not stored. Or the usual of a queue.
 */
enum mq_status mqc_put(struct mqc_queue *queue, const void *body, size_t size, int64_t timeout_ms);
enum mq_status mqc_put_nowait(struct mqc_queue *queue, const void *body, size_t size);

/* The same with a priority; *ret_id (may be NULL) is the item's id: ids grow in the order of acceptance and
 * are never used twice. */
enum mq_status mqc_put_item(struct mqc_queue *queue, const struct mqc_put *put, int64_t timeout_ms,
                            uint64_t *ret_id);

/* Stores `count` items in order, as room appears, in as few requests as fit; the time-out is for all of them.
 * Stops at the first refusal and returns it; no items are MQ_OK. *ret_stored (may be NULL) is always written:
 * the first *ret_stored items are stored; with MQ_DISCONNECTED, MQ_SESSION_LOST and MQ_CLOSED at least these.
 * Every item is checked before the first is sent: MQ_INVALID and MQ_TOO_BIG found here mean that none was
 * stored. Statuses as of mqc_put. */
enum mq_status mqc_put_many(struct mqc_queue *queue, const struct mqc_put *puts, size_t count,
                            int64_t timeout_ms, size_t *ret_stored);
/* The same, and the ids of the stored items in ret_ids[0..*ret_stored), which holds `count`. */
enum mq_status mqc_put_many_ids(struct mqc_queue *queue, const struct mqc_put *puts, size_t count,
                                int64_t timeout_ms, size_t *ret_stored, uint64_t *ret_ids);

/* Hands the item to the library, which copies body and priority, and returns; many such items share a
 * request. The items of one queue handle, and what mqc_put puts through it, are stored in the order of the
 * calls. Calls that are no puts do not wait for them: before mqc_join, say, comes mqc_flush.
 *
 * MQ_OK: the item is accepted, and `on_done` (may be NULL) will be called once with its result: MQ_OK and its
 * id, or a status of mqc_put; it waits for room like mqc_put with MQ_FOREVER, and gives up like that with
 * MQ_DISCONNECTED. Anything else: not accepted, and on_done is not called.
 *
 * The items that have no result yet, and those whose on_done has not returned, are the window, bounded by the
 * options async_items and async_bytes of mqc_open. A full one blocks the call until there is room in it; with
 * the option async_refuses it is MQ_FULL, and mqc_error() speaks of the window.
 *
 * on_done is called on the library's thread, without locks, in the order of the calls of one handle. It may
 * call anything but mqc_close, but should be short: that thread also renews leases. A put of its own is not
 * held up by those whose on_done has not returned. mqc_close waits for results, at most its close time-out,
 * then the rest is MQ_CLOSED. Closing the queue handle changes nothing.
 *
 * MQ_INTERRUPTED, MQ_DISCONNECTED: while it was blocked. MQ_INVALID, MQ_TOO_BIG: as of mqc_put, as far as the
 * library can see. MQ_NO_MEMORY: also no thread to be had. MQ_NO_QUEUE, MQ_EXISTS: the handle could not be
 * opened again. MQ_CLOSED. */
typedef void mqc_put_done(void *context, enum mq_status status, uint64_t id);
enum mq_status mqc_put_async(struct mqc_queue *queue, const struct mqc_put *put, mqc_put_done *on_done,
                             void *context);

/* Waits until every item that mqc_put_async accepted before has its result and its on_done has returned, and
 * until every task_done that was gathered before (see prefetch) is answered. Calls of other threads meanwhile
 * are not waited for. Called by an on_done, it waits for results only.
 * Returns the first refusal since the last flush that told one, which is the status of an item or a
 * task_done, and mqc_error() has its words; MQ_OK if there was none. MQ_TIMED_OUT: results are missing after
 * timeout_ms (with MQ_NOWAIT: now). MQ_INTERRUPTED, MQ_CLOSED, MQ_INVALID. */
enum mq_status mqc_flush(struct mqc *mqc, int64_t timeout_ms);

/* ---- Getting ------------------------------------------------------------------------------------------- */

/* Takes the next item; waits for one for at most timeout_ms. The item is the caller's until a call takes it.
 * MQ_EMPTY: none in that time. MQ_SHUT_DOWN: the queue is shut down and nothing waits. MQ_LIMIT: too many
 * waiting calls of this client; or, with MQ_NOWAIT, too many bytes on their way to it. MQ_INTERRUPTED: no
 * item was taken. MQ_NO_MEMORY: also items that arrived and had to go back. Or the usual of a queue, but not
 * MQ_SESSION_LOST: a get is asked again. */
enum mq_status mqc_get(struct mqc_queue *queue, int64_t timeout_ms, struct mqc_item **ret_item);
enum mq_status mqc_get_nowait(struct mqc_queue *queue, struct mqc_item **ret_item);

/* Waits until there is one item, then takes up to `max` (1..65536) of those that are there, in order, and at
 * most 1 MiB of them; with prefetch, of those that lie ahead, if any do. ret_items holds `max`.
 * Statuses as of mqc_get. */
enum mq_status mqc_get_many(struct mqc_queue *queue, size_t max, int64_t timeout_ms,
                            struct mqc_item **ret_items, size_t *ret_count);

/* The same, with all choices. MQ_UNSUPPORTED: more than one queue. Statuses as of mqc_get. */
enum mq_status mqc_get_with(struct mqc *mqc, const struct mqc_get *get, struct mqc_item **ret_items,
                            size_t *ret_count);

/* An item's parts; they live as long as the item, and stay as they are whatever happens to the lease. The
 * body is never NULL; it has no end mark. Deliveries counts hand-outs, this one included; of an item peeked
 * at, those before. The priority of an item from a queue of another kind has type MQ_KEY_NONE; a number that
 * is a whole int64 is an integer. */
const void *mqc_item_body(const struct mqc_item *item);
size_t mqc_item_size(const struct mqc_item *item);
uint64_t mqc_item_id(const struct mqc_item *item);
uint32_t mqc_item_deliveries(const struct mqc_item *item);
struct mqc_key mqc_item_priority(const struct mqc_item *item);
const char *mqc_item_queue_name(const struct mqc_item *item);
/* Of an item peeked at: somebody had it. Of others: false. */
bool mqc_item_is_leased(const struct mqc_item *item);

/* ---- Done with an item --------------------------------------------------------------------------------- */

/* The work is done: the item is gone for good. Takes the item, whatever it returns. Of a handle with
 * prefetch, what the broker says is told by mqc_flush. MQ_LEASE_LOST: the lease was over and the item went
 * back, or its queue was removed. MQ_TOO_MANY_DONE: this session does not hold it. MQ_INVALID: also an item
 * that was peeked at or was auto-done. MQ_NO_MEMORY: not done, as after mqc_item_free. MQ_DISCONNECTED: may
 * be done, now or when the broker is back. Or the usual. */
enum mq_status mqc_task_done(struct mqc_item *item);

/* Each item is judged alone: ret_each[i] (may be NULL) is its status, always written; for it the call waits
 * for the broker even with prefetch. Takes all items,
 * whatever it returns, which is the first status of ret_each that is not MQ_OK. All must be of one client.
 * Statuses as of mqc_task_done; no items are MQ_OK. */
enum mq_status mqc_task_done_many(struct mqc_item **items, size_t count, enum mq_status *ret_each);

/* The anonymous form of queue.Queue: the oldest lease that was got through this handle and not ended yet, be
 * the item freed or not. MQ_TOO_MANY_DONE: there is none. MQ_LEASE_LOST: that one was lost; it counts as
 * ended. MQ_NO_MEMORY: it is still there. Or the usual. An item that is not freed stays readable, and is
 * then only to be freed. */
enum mq_status mqc_queue_task_done(struct mqc_queue *queue);

/* Gives the item back to its old place, the delivery counted or (untouched) not. Takes the item, whatever it
 * returns. delay_ms is 0; a positive one is MQ_UNSUPPORTED, a negative one MQ_INVALID, and the lease is then
 * as after mqc_item_free. Statuses as of mqc_task_done. */
enum mq_status mqc_release(struct mqc_item *item, int64_t delay_ms);
enum mq_status mqc_release_untouched(struct mqc_item *item);

/* The lease lasts lease_ms from now (0: as long as the session), and is renewed for as long each time.
 * MQ_LEASE_LOST, MQ_TOO_MANY_DONE, MQ_INVALID as of mqc_task_done. Or the usual. */
enum mq_status mqc_extend(struct mqc_item *item, int64_t lease_ms);

/* Forgets the item, not its lease: that stays for mqc_queue_task_done, is no longer renewed, and goes back at
 * mqc_close. NULL is fine. */
void mqc_item_free(struct mqc_item *item);

/* ---- The whole queue ----------------------------------------------------------------------------------- */

/* Waits until no item is unfinished (waiting or leased). MQ_TIMED_OUT: some still were. MQ_INTERRUPTED.
 * MQ_LIMIT: also too many waiting calls of this client. Or the usual of a queue. A shut-down queue is joined
 * like any other. */
enum mq_status mqc_join(struct mqc_queue *queue, int64_t timeout_ms);

/* No more puts, for ever. Gets drain what is left, then return MQ_SHUT_DOWN; `immediate` discards what waits.
 * Again is fine, immediate after the other too. Or the usual of a queue. */
enum mq_status mqc_shutdown(struct mqc_queue *queue, bool immediate);

/* Discards what waits, not what is leased. *ret_discarded may be NULL. Or the usual of a queue. */
enum mq_status mqc_purge(struct mqc_queue *queue, uint64_t *ret_discarded);

/* ---- Looking: changes nothing, creates nothing --------------------------------------------------------- */

/* The next items without taking them, or with `last` the last ones, in the same order. ret_items holds
 * `max` (at least 1; one call returns at most 1000); *ret_count is 0 if nothing waits. The items may only be
 * read and freed. Or the usual of a queue. */
enum mq_status mqc_peek(struct mqc_queue *queue, size_t max, bool last, struct mqc_item **ret_items,
                        size_t *ret_count);

/* The same, with all choices. With by_id it is a page of a walk through the queue in the order in which items
 * were stored: at most 1 MiB of them, or one item, and *ret_newest (may be NULL) is the largest id that the
 * broker had given; else that is 0. A walk begins with `after` 0, goes on with the id of the last item, and
 * is over when *ret_count is 0, or comes to ids above the first page's *ret_newest, which were stored later.
 * With `leased` it passes each item once that is neither done nor discarded all the time, wherever it is
 * meanwhile. `max` may then be above 1000. MQ_INVALID: also `last` with by_id; `leased` or `after` without.
 * MQ_UNSUPPORTED: the broker does not know by_id. */
enum mq_status mqc_peek_with(struct mqc_queue *queue, const struct mqc_peek *peek,
                             struct mqc_item **ret_items, size_t *ret_count, uint64_t *ret_newest);

/* The usual (of a queue). */
enum mq_status mqc_stat(struct mqc_queue *queue, struct mqc_queue_stat *ret_stat);
enum mq_status mqc_broker_stat(struct mqc *mqc, struct mqc_broker_stat *ret_stat);

/* Queues by name, those after `after` (NULL: from the first); sessions by number, those above `after` (0:
 * from the first). ret_rows holds `max` (at least 1; one call returns at most 1000). *ret_count 0: that was
 * all; to go on, pass the last row's name or number. Or the usual. */
enum mq_status mqc_queue_list(struct mqc *mqc, const char *after, struct mqc_queue_stat *ret_rows, size_t max,
                              size_t *ret_count);
enum mq_status mqc_sessions(struct mqc *mqc, uint64_t after, struct mqc_session *ret_rows, size_t max,
                            size_t *ret_count);

/* Times one round trip to the broker: *ret_round_trip_us (may be NULL) in microseconds. The usual. */
enum mq_status mqc_ping(struct mqc *mqc, uint64_t *ret_round_trip_us);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
