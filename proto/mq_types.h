/* mq_types.h - the few words that programs, protocol and broker share: statuses, kinds, settings, key types.
 *
 * Part of the public interface: installed beside mqc.h, which includes it. Numbers here are on the wire and
 * never change their meaning; new ones are added at the end. */
#ifndef MQ_TYPES_H
#define MQ_TYPES_H

/* Every answer that mq can give. This one list makes the enum, the code on the wire, the text, and (a test
 * compares them) the table in PROTOCOL.md. */

#define MQ_STATUS_MAP(X)                                                                                     \
    X(OK, 0, "ok")                                                                                           \
    X(EMPTY, 1, "queue is empty")                                                                            \
    X(FULL, 2, "queue is full")                                                                              \
    X(SHUT_DOWN, 3, "queue is shut down")                                                                    \
    X(TIMED_OUT, 4, "timed out")                                                                             \
    X(TOO_MANY_DONE, 5, "task_done for an item that this session does not hold")                             \
    X(LEASE_LOST, 6, "lease is over, the item went back")                                                    \
    X(SESSION_LOST, 7, "session is lost, the request may or may not have happened")                          \
    X(NO_QUEUE, 8, "no such queue")                                                                          \
    X(EXISTS, 9, "exists with other settings")                                                               \
    X(INVALID, 10, "invalid argument")                                                                       \
    X(TOO_BIG, 11, "too big")                                                                                \
    X(LIMIT, 12, "limit reached")                                                                            \
    X(TEMPORARY, 13, "temporarily refused")                                                                  \
    X(DENIED, 14, "denied")                                                                                  \
    X(DISCONNECTED, 15, "broker cannot be reached")                                                          \
    X(CLOSED, 16, "handle is closed")                                                                        \
    X(INTERRUPTED, 17, "interrupted")                                                                        \
    X(NO_MEMORY, 18, "out of memory")                                                                        \
    X(UNSUPPORTED, 19, "not supported by this broker")                                                       \
    X(BUSY, 20, "queue has unfinished items")

#define MQ_STATUS_ENUM(name, code, text) MQ_##name = (code),
enum mq_status { MQ_STATUS_MAP(MQ_STATUS_ENUM) };
#undef MQ_STATUS_ENUM

/* The order in which a queue gives out what waits; fixed for the queue's life. */
enum mq_kind {
    MQ_KIND_FIFO = 0,    /* oldest first */
    MQ_KIND_LIFO = 1,    /* newest first */
    MQ_KIND_PRIORITY = 2 /* lowest key first, ties oldest first */
};

/* Which settings a struct of settings speaks of, or-ed: 0 can be a value. */
enum mq_setting {
    MQ_SETTING_KIND = 1 << 0,
    MQ_SETTING_MAXSIZE = 1 << 1,
    MQ_SETTING_LEASE = 1 << 2,
    MQ_SETTING_TRANSIENT = 1 << 3,
    MQ_SETTINGS_ALL = MQ_SETTING_KIND | MQ_SETTING_MAXSIZE | MQ_SETTING_LEASE | MQ_SETTING_TRANSIENT
};

/* Types of keys, in their order; integers and doubles are ordered together. */
enum mq_key_type { MQ_KEY_NONE = 0, MQ_KEY_INT, MQ_KEY_DOUBLE, MQ_KEY_STRING, MQ_KEY_BYTES, MQ_KEY_TUPLE };

#endif
