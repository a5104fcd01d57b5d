/* chunk.h - where items lie: records of a few bytes more than their keys and bodies, one behind the other.
 *
 * A record is written once, when its item comes in, and stays where it is until the item is gone, or until
 * little else is left in its chunk and what is left moves to a smaller one (chunk_shrunk). A chunk has 64 KiB
 * at most, or one record. A waiting item that was never taken is nothing but its record: the item's id is in
 * it. One that is *held* (taken, or come back, or in a priority queue) has a struct item besides, which the
 * record points to, so that it can move.
 *
 * Everything in a record is four bytes wide: a hundred bytes of body take 124, and nothing is lost to
 * alignment. The idea of bodies in a log of their own, apart from the index of what is known of them, is
 * common to log-structured stores. */
#ifndef MQ_CHUNK_H
#define MQ_CHUNK_H

#include "list.h"
#include "pool.h"
#include "proto.h"
#include "shelf.h"
#include "table.h"

struct item;

enum record_state {
    RECORD_RAW,   /* of a put that waits; in no order yet */
    RECORD_FRESH, /* waits, was never taken */
    RECORD_HELD,  /* has a struct item */
    RECORD_DEAD
};

struct record {
    uint32_t offset; /* of this record in its chunk */
    uint32_t below;  /* fresh: offset of the one that was the last fresh one before it; 0: none */
    uint32_t size : 27, state : 2;
    uint32_t age_ms;  /* fresh: stored so long after the chunk's first_ms, at most */
    uint32_t word[2]; /* fresh: the item's id. held: the address of its struct item */
    uint8_t data[];   /* key, then body: `size` bytes */
};

struct chunk {
    struct list_node node;    /* in its order, while it has fresh records or is the one being filled; else in
                                 its stock's list of sparse ones; or its next is that of a chain */
    uint32_t capacity, used;  /* bytes, this head included */
    uint32_t live, live_size; /* records that are not dead; their bytes, heads included */
    uint32_t fresh;           /* records */
    uint32_t first, last;     /* while fresh: offsets. FIFO: the first fresh one; all: the last one */
    bool is_sparse;           /* in its stock's list of those */
    bool is_open;             /* records of a put that waits lie in it, and must not move */
    bool is_away;             /* only this head is in memory: see struct away */
    uint64_t first_ms;
};

/* A chunk in which all that lives is fresh may be put away on a shelf. In its list this takes its place: the
 * head of the chunk, and what must be known of it without getting it back. */
struct away {
    struct chunk head;   /* is_away */
    uint64_t place, sum; /* on the shelf; a checksum of its bytes */
    uint64_t first_id, last_id, oldest_ms;
    size_t body_size; /* of all its items */
};

/* What all queues of an engine share. */
struct stock {
    struct pool items; /* of struct item */
    bool is_indexed;   /* items known by themselves are found by their ids: see item.h */
    struct table index;
    struct chunk *spare; /* chunks of full size, a few: linked by node.next */
    size_t spare_count;
    struct list sparse; /* chunks in which little is left, and that are in no order's list; oldest first */
    size_t sparse_count;
    const struct shelf *shelf; /* NULL: none */
    void *scratch;             /* room for a chunk, while there is a shelf that was used */
    uint64_t away_count;       /* chunks on the shelf */
    uint64_t away_items, away_cost;
    bool has_failed;        /* the last one could not be put away */
    const char *lost;       /* what is on the shelf cannot be got back, and why (static); NULL: it can */
    struct chunk *restored; /* where the next item goes that was known by itself before; NULL: nowhere yet */
    size_t restored_size;   /* bytes of all that went there */
};

void stock_init(struct stock *stock);
void stock_done(struct stock *stock);

/* What a chunk of full size has room for. */
extern const size_t chunk_full_room;

/* A raw record in a chunk for items that are held from the beginning. NULL: out of memory. */
struct record *chunk_restore(struct stock *stock, struct bytes key, struct bytes body);
/* No more of them come. */
void chunk_end_restored(struct stock *stock);

/* A chunk for `room` bytes of records, and up to 64 KiB if so much is wanted (0: no more than needed). NULL:
 * out of memory. */
struct chunk *chunk_new(struct stock *stock, size_t room, size_t wanted, uint64_t now_ms);
/* One with this head, room for what is in use, and no records yet. NULL: out of memory. */
struct chunk *chunk_like(struct stock *stock, const struct chunk *head);
void chunk_free(struct stock *stock, struct chunk *chunk); /* it is in no list */

/* Chains of chunks that are in no list: the next one; and freeing them all (NULL is fine). */
static inline struct chunk *chunk_next(const struct chunk *chunk)
{
    return (struct chunk *)(void *)chunk->node.next;
}

static inline void chunk_chain(struct chunk *chunk, struct chunk *next)
{
    chunk->node.next = next ? &next->node : NULL;
}

void chunk_free_chain(struct stock *stock, struct chunk *chain);

static inline size_t record_bytes(size_t size)
{
    return (sizeof(struct record) + size + 3) & ~(size_t)3;
}

static inline size_t chunk_room(const struct chunk *chunk)
{
    return chunk->capacity - chunk->used;
}

static inline struct record *record_at(struct chunk *chunk, uint32_t offset)
{
    return (struct record *)(void *)((uint8_t *)chunk + offset);
}

static inline struct chunk *record_chunk(struct record *record)
{
    return (struct chunk *)(void *)((uint8_t *)record - record->offset);
}

/* The record behind this one, whatever its state; NULL: it is the last. */
struct record *record_next(struct record *record);
struct record *chunk_first(struct chunk *chunk); /* NULL: no records */
/* The same among fresh ones. */
struct record *record_next_fresh(struct record *record);
struct record *chunk_first_fresh(struct chunk *chunk);

/* A raw record behind all others; there must be room. */
struct record *chunk_append(struct chunk *chunk, struct bytes key, struct bytes body);
/* Removes this record and all behind it, which must be raw. */
void chunk_cut(struct chunk *chunk, struct record *from);

/* Raw -> fresh, as the last one; fresh -> held. */
void record_store(struct record *record, uint64_t id, uint64_t now_ms);
void record_hold(struct record *record, struct item *item);
void record_kill(struct record *record);

uint64_t record_id(const struct record *record);       /* of a fresh one */
uint64_t record_stored_ms(struct record *record);      /* of a fresh one */
struct item *record_item(const struct record *record); /* of a held one */

/* Has little enough left in it that what is left should move? */
bool chunk_is_sparse(const struct chunk *chunk);
/* A copy without what is dead, in no list; items know their new records. No record may be raw. NULL: out of
 * memory, nothing changed. */
struct chunk *chunk_shrunk(struct stock *stock, struct chunk *chunk);
/* Copies of all records of the other chunk, which are raw or held, behind those that are there; there must be
 * room. Items know their new records, and `from` is to be freed. Returns the first copy. */
struct record *chunk_absorb(struct chunk *chunk, struct chunk *from);
/* A new chunk, in no list, to which this fresh record and all behind it have moved. NULL: out of memory. */
struct chunk *chunk_split(struct stock *stock, struct record *from);
/* A sparse chunk that is in no list waits here for the end of the few that live in it; when there are many
 * such chunks, the oldest is shrunk. */
void chunk_wait(struct stock *stock, struct chunk *chunk);

/* ---- away: chunk_away.c ---- */

static inline struct away *chunk_away(struct chunk *chunk)
{
    assert(chunk->is_away);
    return (struct away *)(void *)chunk;
}

/* The head that takes its place in its list; all that lives in the chunk must be fresh. NULL: the shelf has
 * no room, or there is no memory for the head; nothing changed. */
struct chunk *chunk_put_away(struct stock *stock, struct chunk *chunk);
/* The chunk that takes the head's place. NULL: out of memory, or (stock->lost) it cannot be had. */
struct chunk *chunk_bring_back(struct stock *stock, struct chunk *away);
/* A copy of what is away, to be looked at: it is not in the list, but knows its neighbours there. To be given
 * back before anything changes. NULL: as before. */
struct chunk *chunk_copy_away(struct stock *stock, struct chunk *away);
void chunk_free_copy(struct stock *stock, struct chunk *copy);
/* The ids of all fresh ones, ascending, valid until the next call; NULL: they cannot be had (stock->lost). */
const uint64_t *chunk_ids_away(struct stock *stock, struct chunk *away);
/* It is in no list any more, and nobody wants it. */
void chunk_forget_away(struct stock *stock, struct chunk *away);
/* It will be wanted soon. */
void chunk_expect_away(struct stock *stock, struct chunk *away);

#endif
