/* dump.h - queues and their items as a stream of bytes: what `mq export` writes and `mq import` reads.
 *
 * A stream is msgpack values one behind the other, called records, each an array; PROTOCOL.md "Exports" is
 * the table of them. Streams may follow one another. Nothing here does I/O: writing makes the bytes of one
 * record, reading takes one record from the beginning of some bytes, and a *course* says whether records come
 * in an order that makes sense. Bytes that are read may be anything. */
#ifndef MQ_DUMP_H
#define MQ_DUMP_H

#include "codec.h"

#define DUMP_NAME "mq export"

enum {
    DUMP_VERSION = 1,
    DUMP_RECORD_MAX = MQ_FRAME_SIZE_MAX + 64 /* bytes; whatever fits a frame fits a record */
};

enum dump_kind {
    DUMP_BEGIN, /* its code is the name of the format */
    DUMP_QUEUE = 1,
    DUMP_ITEM = 2,
    DUMP_QUEUE_END = 3,
    DUMP_END = 4
};

/* Fields that a kind does not have are zero. Texts, keys and bodies are borrowed. */
struct dump_record {
    enum dump_kind kind;
    struct bytes name;        /* QUEUE */
    struct settings settings; /* QUEUE: all given */
    bool is_shut_down;        /* QUEUE: for information, like the next one */
    bool is_immediate;
    struct item_view item; /* ITEM; all but key and body for information */
    uint64_t count;        /* QUEUE_END: its items; END: queues */
};

/* The record's bytes, valid until the codec's next use. MQ_TOO_BIG, MQ_NO_MEMORY. */
enum mq_status dump_write(struct codec *codec, const struct dump_record *record, struct bytes *ret_bytes);

enum dump_found {
    DUMP_RECORD, /* and *ret_size is how many bytes it has */
    DUMP_MORE,   /* what is there is only the beginning of one */
    DUMP_BAD     /* it cannot be one, *ret_why says why (static) */
};

/* The record that the bytes begin with; it points into them. */
enum dump_found dump_read(struct codec *codec, struct bytes bytes, struct dump_record *ret_record,
                          size_t *ret_size, const char **ret_why);

/* How far a stream is. Zero-initialised: at its beginning. */
struct dump_course {
    bool has_begun, is_in_queue;
    bool is_whole; /* a stream has ended, and no other one has begun */
    uint64_t items, queues;
};

/* The next record. NULL, or what is wrong with its coming now (static). */
const char *dump_follow(struct dump_course *course, const struct dump_record *record);

#endif
