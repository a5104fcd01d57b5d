/* order_restore.c - items that come back after a restart, with ids that are given. */
#include "order_parts.h"

uint64_t order_last_fresh_id(const struct order *order)
{
    for (struct list_node *n = list_last(&order->chunks); n; n = list_prev(&order->chunks, n)) {
        struct chunk *chunk = chunk_at(n);
        if (chunk->is_away)
            return chunk_away(chunk)->last_id;
        if (chunk->fresh > 0)
            return record_id(record_at(chunk, chunk->last));
    }
    return 0;
}

struct item *order_restore(struct order *order, const struct put_item *put, uint64_t id, uint64_t stored_ms,
                           uint32_t deliveries)
{
    struct bytes key = order_key(order, put);
    if (!order_own_places(order, 1))
        return NULL;
    struct record *record = chunk_restore(order->stock, key, put->body);
    if (!record) {
        order_disown_places(order, 1);
        return NULL;
    }
    struct item *item = pool_take(&order->stock->items);
    *item = (struct item){.record = record,
                          .id = id,
                          .stored_ms = stored_ms,
                          .deliveries = deliveries,
                          .size = record->size,
                          .key_size = (uint16_t)key.size};
    record_hold(record, item);
    item_begins(order->stock, item);
    return item;
}

/* ---- fresh ones between others ---- */

/* The chunk has ids below this one and above: from the first one above on, it becomes another. */
static struct chunk *split(struct order *order, struct chunk *chunk, uint64_t id)
{
    if (chunk->is_away)
        chunk = order_bring_back(order, chunk);
    struct record *record = chunk ? chunk_first_fresh(chunk) : NULL;
    while (record && record_id(record) < id)
        record = record_next_fresh(record);
    struct chunk *above = record ? chunk_split(order->stock, record) : NULL;
    if (!above)
        return NULL;
    list_insert_before(chunk->node.next, &above->node);
    if (order->tail == chunk)
        order->tail = above;
    return above;
}

static bool has_room(const struct chunk *chunk, size_t bytes, uint64_t now_ms)
{
    return chunk && !chunk->is_away && !chunk->is_open && chunk_room(chunk) >= bytes &&
           (now_ms < chunk->first_ms || now_ms - chunk->first_ms < UINT32_MAX);
}

/* The chunk right below, or a new one; that is larger than the last new one if ids count up. */
static struct chunk *make_room(struct order *order, struct chunk *above, size_t bytes, uint64_t now_ms)
{
    struct chunk *below = chunk_at(list_prev(&order->chunks, &above->node));
    if (has_room(below, bytes, now_ms))
        return below;
    size_t wanted = below && below == order->walked ? (size_t)2 * below->capacity : bytes;
    struct chunk *chunk = chunk_new(order->stock, bytes, wanted, now_ms);
    if (chunk)
        list_insert_before(&above->node, &chunk->node);
    return chunk;
}

bool order_put_older(struct order *order, const struct put_item *put, uint64_t id, uint64_t now_ms)
{
    struct chunk *walked = order->walked, *above = order_chunk_above(order, id);
    assert(order->kind != MQ_KIND_PRIORITY && above);
    order->walked = walked;
    if (order_first_id(order, above) < id)
        above = split(order, above, id);
    struct chunk *chunk = above ? make_room(order, above, record_bytes(put->body.size), now_ms) : NULL;
    if (!chunk)
        return false;
    struct record *record = chunk_append(chunk, (struct bytes){NULL, 0}, put->body);
    record_store(record, id, now_ms > chunk->first_ms ? now_ms : chunk->first_ms);
    order->count++;
    order->size += record_bytes(record->size);
    order->walked = chunk;
    order->has_gaps = true;
    return true;
}

/* ---- out of turn ---- */

/* The first fresh one, brought back to memory if need be. NULL: there is none, or no memory. */
static struct record *fetch_first(struct order *order)
{
    struct chunk *chunk = order_next_chunk(order);
    if (chunk && chunk->is_away)
        chunk = order_bring_back(order, chunk);
    return chunk ? order_next_in(order, chunk) : NULL;
}

static struct item *take_record(struct order *order, struct record *record)
{
    return order_take(order, (struct order_first){.record = record, .size = record->size});
}

/* Else it does not wait here. */
static bool is_fresh(struct order *order, uint64_t id)
{
    struct chunk *next = order_next_chunk(order);
    if (!next)
        return false;
    if (!next->is_away && record_id(fetch_first(order)) == id)
        return true;
    struct order_copies copies = {.size_max = chunk_full_room};
    struct order_walk walk;
    struct record *record = order_fresh_after(order, id - 1, &copies, &walk);
    bool is_it = record && record_id(record) == id;
    order_free_copies(order, &copies);
    return is_it;
}

static struct item *take_fresh_out(struct order *order, uint64_t id)
{
    struct record *record = fetch_first(order);
    for (; record && record_id(record) != id; record = fetch_first(order)) {
        if (!order_reserve_take(order, 1))
            return NULL;
        order_return(order, take_record(order, record));
    }
    return record ? take_record(order, record) : NULL;
}

static struct item *take_returned_out(struct order *order, const struct item *item)
{
    struct pile *pile = &order->pile;
    size_t at = 0;
    while (at < pile->count && pile->nodes[at].item != item)
        at++;
    if (at == pile->count)
        return NULL;
    if (order->kind != MQ_KIND_PRIORITY)
        order_unreserve_take(order, 1);
    order->count--;
    order->size -= record_bytes(item->record->size);
    return pile_take_at(pile, at);
}

struct item *order_take_out(struct order *order, uint64_t id, bool *ret_no_memory)
{
    const struct item *known = item_find(order->stock, id);
    *ret_no_memory = false;
    if (known)
        return item_holder(known) ? NULL : take_returned_out(order, known);
    if (order->kind == MQ_KIND_PRIORITY || !is_fresh(order, id))
        return NULL;
    struct item *item = take_fresh_out(order, id);
    *ret_no_memory = !item;
    return item;
}
