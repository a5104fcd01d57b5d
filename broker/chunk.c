/* chunk.c - see chunk.h. */
#include "chunk.h"

#include <stdlib.h>
#include <string.h>

#include "item.h"

_Static_assert(sizeof(struct record) == 24, "a record's head has six words");
_Static_assert(sizeof(void *) <= sizeof((struct record){0}.word), "an address fits a record");
enum { RECORD_SIZE_MAX = (1 << 27) - 1 };
_Static_assert((int)MQ_FRAME_SIZE_MAX <= (int)RECORD_SIZE_MAX, "what fits a frame fits a record");

/* Sizes of chunks as the allocator likes them; a larger put has a chunk of its own. */
enum {
    SIZE_MIN = 1 << 10,
    SIZE_FULL = 64 << 10,
    BLOCK_HEAD = 16,
    SPARE_MAX = 16,
    SPARSE_PART = 4,
    SPARSE_MAX = 32
};

void stock_init(struct stock *stock)
{
    *stock = (struct stock){.spare = NULL};
    pool_init(&stock->items, sizeof(struct item));
    table_init(&stock->index);
    list_init(&stock->sparse);
}

const size_t chunk_full_room = SIZE_FULL - BLOCK_HEAD - sizeof(struct chunk);

static struct chunk *take_spare(struct stock *stock)
{
    struct chunk *chunk = stock->spare;
    stock->spare = chunk_next(chunk);
    stock->spare_count--;
    return chunk;
}

void stock_done(struct stock *stock)
{
    assert(list_is_empty(&stock->sparse));
    while (stock->spare)
        free(take_spare(stock));
    assert(stock->away_count == 0 && stock->away_items == 0 && stock->away_cost == 0);
    free(stock->scratch);
    assert(stock->index.count == 0);
    table_done(&stock->index);
    pool_done(&stock->items);
}

/* Without head. */
static struct chunk *chunk_alloc(struct stock *stock, size_t size)
{
    bool is_full_size = size == SIZE_FULL - BLOCK_HEAD;
    return is_full_size && stock->spare ? take_spare(stock) : malloc(size);
}

struct chunk *chunk_like(struct stock *stock, const struct chunk *head)
{
    bool is_full_size = head->capacity == SIZE_FULL - BLOCK_HEAD;
    struct chunk *chunk = chunk_alloc(stock, is_full_size ? head->capacity : head->used);
    if (!chunk)
        return NULL;
    *chunk = *head;
    chunk->capacity = is_full_size ? head->capacity : head->used;
    chunk->is_away = false;
    return chunk;
}

/* The smallest of the sizes 1, 4, 16, 64 KiB that has room for what is wanted, less what the allocator adds;
 * or just enough, if nothing more is wanted, or room for more is needed. */
static size_t size_for(size_t room, size_t wanted)
{
    size_t head = sizeof(struct chunk) + BLOCK_HEAD, size = SIZE_MIN;
    while (size < SIZE_FULL && size - head < wanted)
        size *= 4;
    bool is_enough = wanted > 0 && size - head >= room;
    return is_enough ? size - BLOCK_HEAD : room + sizeof(struct chunk);
}

struct chunk *chunk_new(struct stock *stock, size_t room, size_t wanted, uint64_t now_ms)
{
    size_t size = size_for(room, wanted);
    assert(size <= UINT32_MAX);
    struct chunk *chunk = chunk_alloc(stock, size);
    if (!chunk)
        return NULL;
    *chunk = (struct chunk){.capacity = (uint32_t)size, .used = sizeof *chunk, .first_ms = now_ms};
    return chunk;
}

static void stop_waiting(struct stock *stock, struct chunk *chunk)
{
    list_remove(&chunk->node);
    chunk->is_sparse = false;
    stock->sparse_count--;
}

void chunk_free(struct stock *stock, struct chunk *chunk)
{
    if (chunk->is_sparse)
        stop_waiting(stock, chunk);
    if (chunk == stock->restored)
        stock->restored = NULL;
    assert(!list_has(&chunk->node));
    if (chunk->capacity != SIZE_FULL - BLOCK_HEAD || stock->spare_count == SPARE_MAX) {
        free(chunk);
        return;
    }
    chunk_chain(chunk, stock->spare);
    stock->spare = chunk;
    stock->spare_count++;
}

void chunk_free_chain(struct stock *stock, struct chunk *chain)
{
    while (chain) {
        struct chunk *next = chunk_next(chain);
        chunk_chain(chain, NULL);
        chunk_free(stock, chain);
        chain = next;
    }
}

struct record *chunk_first(struct chunk *chunk)
{
    return chunk->used > sizeof *chunk ? record_at(chunk, sizeof *chunk) : NULL;
}

static struct record *fresh_from(struct record *record)
{
    while (record && record->state != RECORD_FRESH)
        record = record_next(record);
    return record;
}

struct record *record_next_fresh(struct record *record)
{
    return fresh_from(record_next(record));
}

struct record *chunk_first_fresh(struct chunk *chunk)
{
    return fresh_from(chunk_first(chunk));
}

struct record *record_next(struct record *record)
{
    struct chunk *chunk = record_chunk(record);
    uint32_t next = record->offset + (uint32_t)record_bytes(record->size);
    return next < chunk->used ? record_at(chunk, next) : NULL;
}

struct record *chunk_append(struct chunk *chunk, struct bytes key, struct bytes body)
{
    size_t size = key.size + body.size, bytes = record_bytes(size);
    assert(bytes <= chunk_room(chunk));
    struct record *record = record_at(chunk, chunk->used);
    record->offset = chunk->used;
    assert(size <= RECORD_SIZE_MAX);
    record->size = size & RECORD_SIZE_MAX;
    record->state = RECORD_RAW;
    if (key.size)
        memcpy(record->data, key.data, key.size);
    if (body.size)
        memcpy(record->data + key.size, body.data, body.size);
    chunk->used += (uint32_t)bytes;
    chunk->live++;
    chunk->live_size += (uint32_t)bytes;
    return record;
}

void chunk_cut(struct chunk *chunk, struct record *from)
{
    for (struct record *r = from; r; r = record_next(r)) {
        assert(r->state == RECORD_RAW);
        chunk->live--;
        chunk->live_size -= (uint32_t)record_bytes(r->size);
    }
    chunk->used = from->offset;
}

/* Becomes the last of its chunk's fresh ones. */
static void join_fresh(struct chunk *chunk, struct record *record)
{
    if (chunk->fresh++ == 0) {
        chunk->first = record->offset;
        chunk->last = 0;
    }
    record->state = RECORD_FRESH;
    record->below = chunk->last;
    chunk->last = record->offset;
}

void record_store(struct record *record, uint64_t id, uint64_t now_ms)
{
    struct chunk *chunk = record_chunk(record);
    uint64_t age_ms = now_ms - chunk->first_ms;
    assert(record->state == RECORD_RAW);
    record->age_ms = age_ms < UINT32_MAX ? (uint32_t)age_ms : UINT32_MAX;
    memcpy(record->word, &id, sizeof id);
    join_fresh(chunk, record);
}

void record_hold(struct record *record, struct item *item)
{
    assert(record->state == RECORD_RAW || record->state == RECORD_FRESH);
    record_chunk(record)->fresh -= record->state == RECORD_FRESH;
    record->state = RECORD_HELD;
    memcpy(record->word, &item, sizeof item);
}

void record_kill(struct record *record)
{
    struct chunk *chunk = record_chunk(record);
    assert(record->state != RECORD_DEAD);
    chunk->fresh -= record->state == RECORD_FRESH;
    chunk->live--;
    chunk->live_size -= (uint32_t)record_bytes(record->size);
    record->state = RECORD_DEAD;
}

uint64_t record_id(const struct record *record)
{
    uint64_t id;
    assert(record->state == RECORD_FRESH);
    memcpy(&id, record->word, sizeof id);
    return id;
}

uint64_t record_stored_ms(struct record *record)
{
    assert(record->state == RECORD_FRESH);
    return record_chunk(record)->first_ms + record->age_ms;
}

struct item *record_item(const struct record *record)
{
    struct item *item;
    assert(record->state == RECORD_HELD);
    memcpy(&item, record->word, sizeof item);
    return item;
}

bool chunk_is_sparse(const struct chunk *chunk)
{
    return chunk->capacity > SIZE_MIN && chunk->live_size < chunk->capacity / SPARSE_PART;
}

/* The record's head comes along; its place and its neighbour are new. */
static void move(struct record *from, struct chunk *to)
{
    struct record *record = record_at(to, to->used);
    memcpy(record, from, sizeof *from + from->size);
    record->offset = to->used;
    to->used += (uint32_t)record_bytes(from->size);
    if (from->state == RECORD_FRESH)
        join_fresh(to, record);
    else
        record_item(record)->record = record;
}

struct chunk *chunk_shrunk(struct stock *stock, struct chunk *chunk)
{
    struct chunk *to = chunk_new(stock, chunk->live_size, 0, chunk->first_ms);
    if (!to)
        return NULL;
    for (struct record *r = chunk_first(chunk); r; r = record_next(r)) {
        assert(r->state != RECORD_RAW);
        if (r->state != RECORD_DEAD)
            move(r, to);
    }
    to->live = chunk->live;
    to->live_size = chunk->live_size;
    return to;
}

struct record *chunk_absorb(struct chunk *chunk, struct chunk *from)
{
    struct record *first = record_at(chunk, chunk->used);
    assert(chunk_room(chunk) >= from->used - sizeof *from);
    for (struct record *r = chunk_first(from); r; r = record_next(r)) {
        struct record *record = record_at(chunk, chunk->used);
        assert(r->state == RECORD_RAW || r->state == RECORD_HELD);
        memcpy(record, r, sizeof *r + r->size);
        record->offset = chunk->used;
        if (r->state == RECORD_HELD)
            record_item(r)->record = record;
        chunk->used += (uint32_t)record_bytes(r->size);
    }
    chunk->live += from->live;
    chunk->live_size += from->live_size;
    return first;
}

struct chunk *chunk_split(struct stock *stock, struct record *from)
{
    struct chunk *chunk = record_chunk(from), *to;
    assert(from->state == RECORD_FRESH && !chunk->is_open);
    to = chunk_new(stock, chunk->used - from->offset, 0, chunk->first_ms);
    if (!to)
        return NULL;
    for (struct record *r = from; r; r = record_next(r)) {
        if (r->state == RECORD_DEAD)
            continue;
        chunk->fresh -= r->state == RECORD_FRESH;
        chunk->live--;
        chunk->live_size -= (uint32_t)record_bytes(r->size);
        to->live++;
        to->live_size += (uint32_t)record_bytes(r->size);
        move(r, to);
    }
    chunk->last = from->below;
    chunk->used = from->offset;
    return to;
}

void chunk_wait(struct stock *stock, struct chunk *chunk)
{
    list_append(&stock->sparse, &chunk->node);
    chunk->is_sparse = true;
    if (++stock->sparse_count <= SPARSE_MAX)
        return;
    struct chunk *oldest = CONTAINER_OF(list_first(&stock->sparse), struct chunk, node);
    stop_waiting(stock, oldest);
    if (chunk_shrunk(stock, oldest)) /* else it stays as it is, without memory */
        chunk_free(stock, oldest);
}

/* It is in no list, and left alone while more may come. */
void chunk_end_restored(struct stock *stock)
{
    struct chunk *chunk = stock->restored;
    stock->restored = NULL;
    if (!chunk)
        return;
    chunk->is_open = false;
    if (chunk_is_sparse(chunk))
        chunk_wait(stock, chunk);
}

struct record *chunk_restore(struct stock *stock, struct bytes key, struct bytes body)
{
    size_t bytes = record_bytes(key.size + body.size);
    if (!stock->restored || chunk_room(stock->restored) < bytes) {
        struct chunk *chunk = chunk_new(stock, bytes, stock->restored_size + bytes, 0);
        if (!chunk)
            return NULL;
        chunk_end_restored(stock);
        stock->restored = chunk;
        chunk->is_open = true;
    }
    stock->restored_size += bytes;
    return chunk_append(stock->restored, key, body);
}
