/* chunk_away.c - chunks that go to the shelf and come back. What a chunk has besides its head goes there as
 * it is: fresh records know their places in the chunk, and nothing else.
 *
 * What comes back is compared with a checksum: a write that the system took and then could not do shows
 * itself here. Then what is on the shelf is *lost*, of all queues: nobody knows how much more there is. */
#include "chunk.h"

#include <stdlib.h>
#include <xxhash.h>

#include "item.h"

static uint8_t *bytes_of(struct chunk *chunk)
{
    return (uint8_t *)chunk + sizeof *chunk;
}

static size_t size_of(const struct chunk *chunk)
{
    return chunk->used - sizeof *chunk;
}

/* What the head must know beside what it knew. */
static void describe(struct away *away, struct chunk *chunk)
{
    struct record *first = chunk_first_fresh(chunk);
    away->first_id = record_id(first);
    away->last_id = record_id(record_at(chunk, chunk->last));
    away->oldest_ms = record_stored_ms(first);
    away->sum = XXH3_64bits(bytes_of(chunk), size_of(chunk));
    away->body_size = 0;
    for (struct record *r = first; r; r = record_next_fresh(r))
        away->body_size += r->size;
}

/* It takes the place of the other in its list. */
static void replace(struct chunk *chunk, struct chunk *by)
{
    by->node = (struct list_node){NULL, NULL};
    list_insert_before(&chunk->node, &by->node);
    list_remove(&chunk->node);
}

struct chunk *chunk_put_away(struct stock *stock, struct chunk *chunk)
{
    assert(chunk->fresh > 0 && chunk->fresh == chunk->live && !chunk->is_open && !chunk->is_sparse);
    if (!stock->scratch)
        stock->scratch = malloc(chunk_full_room);
    struct away *away = stock->scratch ? malloc(sizeof *away) : NULL;
    stock->has_failed = true;
    if (!away)
        return NULL;
    *away = (struct away){.head = *chunk};
    describe(away, chunk);
    if (stock->shelf->calls->put(stock->shelf->context, bytes_of(chunk), size_of(chunk), &away->place) != 0) {
        free(away);
        return NULL;
    }
    stock->has_failed = false;
    away->head.is_away = true;
    replace(chunk, &away->head);
    chunk_free(stock, chunk);
    stock->away_count++;
    stock->away_items += away->head.fresh;
    stock->away_cost += chunk_cost(&away->head);
    return &away->head;
}

static bool get(struct stock *stock, const struct away *away, void *data)
{
    size_t size = size_of(&away->head);
    if (stock->shelf->calls->get(stock->shelf->context, away->place, data, size) != 0)
        stock->lost = "what was put away on the shelf cannot be read back";
    else if (XXH3_64bits(data, size) != away->sum)
        stock->lost = "what was put away on the shelf is not what is read back";
    return !stock->lost;
}

struct chunk *chunk_copy_away(struct stock *stock, struct chunk *chunk)
{
    struct away *away = chunk_away(chunk);
    struct chunk *copy = stock->lost ? NULL : chunk_like(stock, &away->head);
    if (copy && get(stock, away, bytes_of(copy)))
        return copy;
    if (copy)
        chunk_free_copy(stock, copy);
    return NULL;
}

void chunk_free_copy(struct stock *stock, struct chunk *copy)
{
    copy->node = (struct list_node){NULL, NULL};
    chunk_free(stock, copy);
}

struct chunk *chunk_bring_back(struct stock *stock, struct chunk *away)
{
    struct chunk *chunk = chunk_copy_away(stock, away);
    if (!chunk)
        return NULL;
    replace(away, chunk);
    chunk_forget_away(stock, away);
    return chunk;
}

const uint64_t *chunk_ids_away(struct stock *stock, struct chunk *chunk)
{
    struct away *away = chunk_away(chunk);
    uint64_t *ids = stock->scratch;
    uint8_t *data = stock->scratch;
    size_t count = 0, size = size_of(chunk);
    assert(size <= chunk_full_room); /* a larger one has one record, whose id is known */
    if (stock->lost || !get(stock, away, data))
        return NULL;
    for (size_t at = 0; at < size;) {
        const struct record *record = (const struct record *)(void *)(data + at);
        at += record_bytes(record->size);
        if (record->state == RECORD_FRESH)
            ids[count++] = record_id(record); /* over what was looked at already */
    }
    assert(count == chunk->fresh);
    return ids;
}

void chunk_forget_away(struct stock *stock, struct chunk *chunk)
{
    struct away *away = chunk_away(chunk);
    stock->shelf->calls->forget(stock->shelf->context, away->place, size_of(chunk));
    stock->away_count--;
    stock->away_items -= chunk->fresh;
    stock->away_cost -= chunk_cost(chunk);
    free(away);
}

void chunk_expect_away(struct stock *stock, struct chunk *chunk)
{
    struct away *away = chunk_away(chunk);
    stock->shelf->calls->soon(stock->shelf->context, away->place, size_of(chunk));
}
