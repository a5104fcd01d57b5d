/* fact.h - facts: what must survive the broker, the bytes in which they are written down, and how they are
 * read back. facts.h writes them.
 *
 * The engine appends facts in the order of its rules; whoever reads them back in that order can build the
 * same queues, items, leases, sessions and unconfirmed answers again. A fact is a kind (one byte), a size
 * (four bytes, little-endian) and as many bytes of fields: numbers as LEB128 varints, signed ones zigzag,
 * texts as a size and bytes, settings as `given` and those that are given. The first line of each kind below
 * names its fields in their order; all others are zero. `cause` is session and call, 0 and 0 where no request
 * caused it.
 *
 * CHECKPOINT
 *   - count, first_id (next item), next_session, next_queue, segment (the first one that is needed)
 *   - So many bytes of facts behind it belong to it: queues, sessions and calls as they are at this moment.
 * IDS
 *   - first_id
 *   - All ids below it may have been given.
 * QUEUE
 *   - cause, verb, queue, name, created, settings, flags (SHUT_DOWN, IMMEDIATE), time_ms (made), totals
 *   - Made, or changed, by a request of this verb (0: by none): it replaces what was known. IMMEDIATE also
 *     discards what waits.
 * REMOVED
 *   - cause, queue, count
 * PURGED
 *   - cause, queue, count
 *   - All that waits in it is discarded.
 * STORED
 *   - cause, queue, time_ms, first_id, total (items in the request), flags (PARTIAL), then items
 *   - An item is key (only in priority queues) and body; ids count up from first_id.
 * MOVED
 *   - queue, first_id, time_ms (stored), deliveries, cause (of the lease; session 0: the items wait; call 0:
 *     their get is confirmed), lease_ms, flags (AUTO_DONE, KEYED), then items, as above
 *   - All that is to be known of them. One that is already known by its id is the same one.
 * TAKEN
 *   - cause, queue, lease_ms, flags (AUTO_DONE), count (items), redelivered, then runs of ids
 * DONE
 *   - cause, then runs of ids
 * RETURNED
 *   - cause (call 0: the lease was over), flags (UNTOUCHED, LOST: its time was over), then runs of ids
 * EXTENDED
 *   - cause, lease_ms, then runs of ids
 * REFUSED
 *   - cause, verb, then pairs of id and status
 *   - Refusals of the DONE, RETURNED or EXTENDED before it, of a request that changed nothing else, or of the
 *     CALL before it.
 * SESSION
 *   - cause.session, session_id, name, time_ms (since), next_number, lapses, flags (ENDED)
 *   - It is new, or has come back after it had lapsed.
 * CALL
 *   - cause, verb, status, count, total, lease_ms, flags (AUTO_DONE, PARTIAL, CUT), then runs of ids
 *   - Only in checkpoints: an answer that is not confirmed. Ids: of a put, those stored; of a get, those that
 *     are still held, in the order of the answer.
 * CONFIRMED
 *   - cause.session, then runs of request numbers
 * LAPSED
 *   - cause.session
 *   - Its grace is over, its leases go back.
 * GONE
 *   - cause.session
 *   - It said bye, or is forgotten; what it holds goes back.
 * DROPPED
 *   - segment
 *   - Segments up to it are needed no more, and may be missing.
 *
 * Nothing is ever renumbered. A kind that a reader does not know makes the log a newer one, not a bad one. */
#ifndef MQ_FACT_H
#define MQ_FACT_H

#include "proto.h"

enum fact_kind {
    FACT_CHECKPOINT = 1,
    FACT_IDS = 2,
    FACT_QUEUE = 3,
    FACT_REMOVED = 4,
    FACT_PURGED = 5,
    FACT_STORED = 6,
    FACT_MOVED = 7,
    FACT_TAKEN = 8,
    FACT_DONE = 9,
    FACT_RETURNED = 10,
    FACT_EXTENDED = 11,
    FACT_REFUSED = 12,
    FACT_SESSION = 13,
    FACT_CALL = 14,
    FACT_CONFIRMED = 15,
    FACT_LAPSED = 16,
    FACT_GONE = 17,
    FACT_DROPPED = 18,
    FACT_KINDS
};

enum fact_flag {
    FACT_SHUT_DOWN = 1 << 0,
    FACT_IMMEDIATE = 1 << 1,
    FACT_PARTIAL = 1 << 2,
    FACT_AUTO_DONE = 1 << 3,
    FACT_UNTOUCHED = 1 << 4,
    FACT_LOST = 1 << 5,
    FACT_ENDED = 1 << 6,
    FACT_CUT = 1 << 7, /* a put that was cut off by a restart: `count` of its items are stored */
    FACT_KEYED = 1 << 8
};

/* Totals of a queue, as they stand. */
struct fact_totals {
    uint64_t puts, gets, done, redelivered, returned, discarded;
};

/* One fact, of any kind; see the table above. */
struct fact {
    enum fact_kind kind;
    struct {
        uint64_t session, call;
    } cause;
    uint64_t queue, first_id, time_ms, count, total, redelivered;
    uint64_t next_session, next_queue, segment, next_number;
    uint32_t flags, deliveries, lapses;
    int64_t lease_ms;
    enum mq_verb verb;
    enum mq_status status;
    struct bytes name;
    struct settings created, settings;
    struct fact_totals totals;
    uint8_t session_id[MQ_SESSION_ID_SIZE];
    struct bytes rest; /* reading: items, runs or refusals that are still to be read; valid like the facts */
    uint64_t last_run; /* reading: where the run before ended */
};

/* ---- reading ---- */

/* Whatever the bytes are, reading stays within them. */
struct fact_reader {
    struct bytes left;
    const char *why; /* NULL, or what is wrong; then nothing more is read */
};

void fact_read(struct fact_reader *r, struct bytes facts); /* begins */
bool fact_next(struct fact_reader *r, struct fact *ret);   /* false: at the end, or r->why */
/* The next item, run or refusal of this fact; false: no more, or r->why. Names, keys, bodies point into the
 * facts. */
bool fact_next_item(struct fact_reader *r, struct fact *fact, bool is_keyed, struct put_item *ret);
bool fact_next_run(struct fact_reader *r, struct fact *fact, struct range *ret);
bool fact_next_refusal(struct fact_reader *r, struct fact *fact, struct refusal *ret);

const char *fact_kind_name(enum fact_kind kind); /* "STORED"; "?" */

#endif
