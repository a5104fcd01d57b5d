/* item.h - an item that is known by itself: it was taken at least once, or is in a priority queue. All other
 * waiting items are but records, see chunk.h. */
#ifndef MQ_ITEM_H
#define MQ_ITEM_H

#include "chunk.h"

struct lease;

struct item {
    struct record *record;
    uint64_t id; /* 0 until it is stored in a queue */
    uint64_t stored_ms;
    uint32_t deliveries; /* hand-outs so far */
    uint32_t size;       /* of key and body together */
    uint16_t key_size;
};

struct size_pair {
    size_t body, key;
};

static inline struct size_pair item_size(const struct item *item)
{
    return (struct size_pair){.body = item->size - item->key_size, .key = item->key_size};
}

static inline struct bytes item_key(const struct item *item)
{
    return (struct bytes){item->record->data, item->key_size};
}

static inline struct bytes item_body(const struct item *item)
{
    return (struct bytes){item->record->data + item->key_size, item->size - item->key_size};
}

/* Key and body are going to be read: small ones are fetched into the processor's cache, large ones fetch
 * themselves. */
static inline void item_fetch_body(const struct item *item)
{
    enum { LINE = 64, LINES_MAX = 4 };
    const uint8_t *record = (const uint8_t *)item->record;
    for (size_t at = 0; at < sizeof *item->record + item->size && at < LINES_MAX * LINE; at += LINE)
        __builtin_prefetch(record + at);
}

/* The item is going to end: what its end needs is fetched into the processor's cache. */
static inline void item_fetch(const struct item *item)
{
    __builtin_prefetch(record_chunk(item->record));
}

/* What an item of this size costs, in bytes of memory, and what its lease costs on top. Each is counted as if
 * it were known by itself, since it may be one day: then it has a struct item, and a place in a pile. */
enum { ITEM_LEASE_COST = 192, ITEM_COST = sizeof(struct item) + 8 + 24 };

/* ... and what a chunk costs that is away, instead of its items. */
enum { AWAY_COST = sizeof(struct away) + 16 };

/* Where items are found by their ids, each that is known by itself costs so much more, about. */
enum { ITEM_INDEX_COST = 40 };

static inline size_t item_cost(size_t body_size, size_t key_size)
{
    return record_bytes(body_size + key_size) + ITEM_COST;
}

/* Of all that live in it. */
static inline size_t chunk_cost(const struct chunk *chunk)
{
    return chunk->live_size + chunk->live * (size_t)ITEM_COST;
}

/* From now on items of this stock that are known by themselves are found by their ids. There may be none. */
void stock_index(struct stock *stock);
struct item *item_find(const struct stock *stock, uint64_t id); /* NULL: it is not known by itself */

/* Who holds an item that was taken, as last told; NULL: nobody. Known only where items are indexed. */
struct lease *item_holder(const struct item *item);
void item_tell_holder(struct item *item, struct lease *lease);
static inline void item_hold(struct stock *stock, struct item *item, struct lease *lease)
{
    if (stock->is_indexed)
        item_tell_holder(item, lease);
}

void item_enter(struct stock *stock, struct item *item);
void item_leave(struct stock *stock, struct item *item);

/* The item has its id, and is known by itself from now on; it is not any more. */
static inline void item_begins(struct stock *stock, struct item *item)
{
    if (stock->is_indexed)
        item_enter(stock, item);
}
static inline void item_ends(struct stock *stock, struct item *item)
{
    if (stock->is_indexed)
        item_leave(stock, item);
}

#endif
