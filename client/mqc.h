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
 */
#ifndef MQC_H
#define MQC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mq_types.h"

#ifdef __cplusplus
extern "C" {
#endif

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
};
struct mqc_options {
    uint32_t given;
    const char *client_name; /* shown by `mq ps`; default: the program's name and pid */
    int64_t
        connect_timeout_ms; /* how long the broker may be out of reach before a call gives up; default 5000 */
    int64_t close_timeout_ms; /* the most that mqc_close waits for the broker; default 5000 */
    bool no_renew;            /* do not renew leases for the program */
    uint64_t reserved[12];    /* zero, else MQ_INVALID */
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
    int64_t maxsize;  /* bound on waiting items; 0 or less: none */
    int64_t lease_ms; /* how long a lease lasts unless renewed; 0: as long as the session */
    uint64_t reserved[12];
};

/* A priority. Zero-initialised: none. Made by mqc_key_*; pointers are borrowed, not copied. */
struct mqc_key {
    enum mq_key_type type;
    int64_t integer;
    double real;
    const void *data; /* string, bytes */
    size_t size;
    const struct mqc_key *elements; /* tuple */
    size_t count;
    uint64_t reserved[2];
};
struct mqc_key mqc_key_int(int64_t value);
struct mqc_key mqc_key_double(double value);
struct mqc_key mqc_key_string(const char *text);
struct mqc_key mqc_key_bytes(const void *data, size_t size);
struct mqc_key mqc_key_tuple(const struct mqc_key *elements, size_t count);

/* One item to put. Zero-initialised: empty and plain. */
struct mqc_put {
    const void *body;
    size_t size;
    struct mqc_key priority; /* only for priority queues */
    uint64_t reserved[8];
};

/* What to get. */
struct mqc_get {
    struct mqc_queue *const *queues;
    size_t queue_count; /* 1; more is MQ_UNSUPPORTED */
    size_t max;         /* 1..65536 */
    int64_t timeout_ms;
    bool auto_done; /* done as soon as they have arrived; items may then only be read and freed */
    uint64_t reserved[8];
};

struct mqc_queue_stat {
    char name[256];
    enum mq_kind kind;
    bool is_shut_down;
    bool is_immediate;
    int64_t maxsize;
    int64_t lease_ms;
    uint64_t size; /* waiting items */
    uint64_t leased;
    uint64_t unfinished;
    uint64_t bytes;
    uint64_t getters, putters, joiners;
    uint64_t puts, gets, done, redelivered, returned, discarded;
    uint64_t age_ms, oldest_ms;
    uint64_t reserved[16];
};

struct mqc_broker_stat {
    char version[64];
    uint64_t uptime_ms;
    uint64_t queues, sessions, connected;
    uint64_t ready, leased, waiting;
    uint64_t puts, gets, done, redelivered, returned, discarded;
    uint64_t repeats, sessions_lost, forgotten;
    uint64_t memory, memory_limit;
    uint64_t body_max, queues_max, sessions_max, items_max, frame_max, waiting_max, unconfirmed_max,
        in_flight_max;
    uint64_t resume_grace_ms, remember_ms;
    uint64_t reserved[16];
};

struct mqc_session_wait {
    char what[16]; /* "put", "get", "join"; for held items "lease" */
    char queue[256];
    uint64_t count;
};
struct mqc_session {
    uint64_t number;
    char name[256];
    bool connected;
    uint64_t age_ms, idle_ms, waiting, leased;
    struct mqc_session_wait waits[8], holds[8];
    size_t wait_count, hold_count;
    uint64_t reserved[8];
};

const char *mqc_strerror(enum mq_status status);
const char *mqc_version(void);

enum mq_status mqc_open(const char *endpoint, const struct mqc_options *options, struct mqc **ret_mqc);
void mqc_close(struct mqc *mqc);
void mqc_interrupt(struct mqc *mqc);
const char *mqc_error(const struct mqc *mqc);

enum mq_status mqc_queue_open(struct mqc *mqc, const char *name, const struct mqc_queue_options *options,
                              struct mqc_queue **ret_queue);
void mqc_queue_close(struct mqc_queue *queue);

enum mq_status mqc_put(struct mqc_queue *queue, const void *body, size_t size, int64_t timeout_ms);
enum mq_status mqc_put_nowait(struct mqc_queue *queue, const void *body, size_t size);
enum mq_status mqc_put_item(struct mqc_queue *queue, const struct mqc_put *put, int64_t timeout_ms,
                            uint64_t *ret_id);
enum mq_status mqc_put_many(struct mqc_queue *queue, const struct mqc_put *puts, size_t count,
                            int64_t timeout_ms, size_t *ret_stored);
/* The same, and the ids of the stored items in ret_ids[0..*ret_stored), which holds `count`. */
enum mq_status mqc_put_many_ids(struct mqc_queue *queue, const struct mqc_put *puts, size_t count,
                                int64_t timeout_ms, size_t *ret_stored, uint64_t *ret_ids);

enum mq_status mqc_get(struct mqc_queue *queue, int64_t timeout_ms, struct mqc_item **ret_item);
enum mq_status mqc_get_nowait(struct mqc_queue *queue, struct mqc_item **ret_item);
enum mq_status mqc_get_many(struct mqc_queue *queue, size_t max, int64_t timeout_ms,
                            struct mqc_item **ret_items, size_t *ret_count);
enum mq_status mqc_get_with(struct mqc *mqc, const struct mqc_get *get, struct mqc_item **ret_items,
                            size_t *ret_count);

const void *mqc_item_body(const struct mqc_item *item);
size_t mqc_item_size(const struct mqc_item *item);
uint64_t mqc_item_id(const struct mqc_item *item);
uint32_t mqc_item_deliveries(const struct mqc_item *item);
struct mqc_key mqc_item_priority(const struct mqc_item *item);
const char *mqc_item_queue_name(const struct mqc_item *item);

enum mq_status mqc_task_done(struct mqc_item *item);
enum mq_status mqc_task_done_many(struct mqc_item **items, size_t count, enum mq_status *ret_each);
enum mq_status mqc_queue_task_done(struct mqc_queue *queue);
enum mq_status mqc_release(struct mqc_item *item, int64_t delay_ms);
enum mq_status mqc_release_untouched(struct mqc_item *item);
enum mq_status mqc_extend(struct mqc_item *item, int64_t lease_ms);
void mqc_item_free(struct mqc_item *item);

enum mq_status mqc_join(struct mqc_queue *queue, int64_t timeout_ms);
enum mq_status mqc_shutdown(struct mqc_queue *queue, bool immediate);

enum mq_status mqc_stat(struct mqc_queue *queue, struct mqc_queue_stat *ret_stat);
enum mq_status mqc_broker_stat(struct mqc *mqc, struct mqc_broker_stat *ret_stat);
enum mq_status mqc_peek(struct mqc_queue *queue, size_t max, bool last, struct mqc_item **ret_items,
                        size_t *ret_count);
enum mq_status mqc_purge(struct mqc_queue *queue, uint64_t *ret_discarded);
enum mq_status mqc_queue_set(struct mqc_queue *queue, const struct mqc_queue_options *options);
enum mq_status mqc_queue_remove(struct mqc_queue *queue, bool force, uint64_t *ret_discarded);
enum mq_status mqc_queue_list(struct mqc *mqc, const char *after, struct mqc_queue_stat *ret_rows, size_t max,
                              size_t *ret_count);
enum mq_status mqc_sessions(struct mqc *mqc, uint64_t after, struct mqc_session *ret_rows, size_t max,
                            size_t *ret_count);
enum mq_status mqc_ping(struct mqc *mqc, uint64_t *ret_round_trip_us);

#ifdef __cplusplus
}
#endif
#endif
