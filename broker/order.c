/* order.c - see order.h. */
#include "order_parts.h"

#include <stdlib.h>

void order_init(struct order *order, enum mq_kind kind, struct stock *stock)
{
    *order = (struct order){.stock = stock, .kind = kind};
    list_init(&order->chunks);
    pile_init(&order->pile);
}

void order_done(struct order *order)
{
    assert(order->count == 0 && order->size == 0);
    assert(list_is_empty(&order->chunks) && !order->tail && !order->first_away && !order->last_away);
    assert(order->away_size == 0);
    pile_done(&order->pile);
}

/* The first bytes of the key decide most comparisons without touching the item. No key is another one with
 * only zeros behind it, so these tell all if only zeros follow. */
static struct pile_rank key_rank(struct bytes key)
{
    const uint8_t *data = key.data;
    struct pile_rank rank = {.number = 0, .tells_all = true};
    for (size_t i = 0; i < sizeof rank.number; i++)
        rank.number = rank.number << 8 | (i < key.size ? data[i] : 0);
    for (size_t i = sizeof rank.number; i < key.size && rank.tells_all; i++)
        rank.tells_all = data[i] == 0;
    return rank;
}

struct pile_rank order_rank(const struct order *order, struct bytes key, uint64_t id)
{
    switch (order->kind) {
    case MQ_KIND_FIFO:
        return (struct pile_rank){id, true};
    case MQ_KIND_LIFO:
        return (struct pile_rank){~id, true};
    case MQ_KIND_PRIORITY:
        return key_rank(key);
    }
    abort();
}

static struct pile_rank rank_of(const struct order *order, const struct item *item)
{
    return order_rank(order, item_key(item), item->id);
}

/* ---- chunks ---- */

/* It leaves the list. */
static void unlist(struct order *order, struct chunk *chunk)
{
    list_remove(&chunk->node);
    if (order->walked == chunk)
        order->walked = NULL;
}

/* What lives in a chunk of the order's list moves to a smaller one, in the same place. */
static void shrink(struct order *order, struct chunk *chunk)
{
    struct chunk *to = chunk_shrunk(order->stock, chunk);
    if (!to)
        return; /* without memory it stays */
    list_insert_before(&chunk->node, &to->node);
    unlist(order, chunk);
    chunk_free(order->stock, chunk);
}

/* The chunk that is emptied from one end: of a FIFO the first, of a stack the last. */
static bool is_emptied(const struct order *order, const struct chunk *chunk)
{
    const struct list *chunks = &order->chunks;
    return &chunk->node == (order->kind == MQ_KIND_LIFO ? list_last(chunks) : list_first(chunks));
}

/* Is what little lives in it, fresh records among it, worth to be moved? One that is emptied from one end
 * will soon be empty, unless it is nearly all that the order has. */
static bool is_worth_shrinking(const struct order *order, const struct chunk *chunk)
{
    if (chunk->is_open || !chunk_is_sparse(chunk))
        return false;
    return !is_emptied(order, chunk) || order->size < chunk->capacity / 4;
}

/* One that is being filled is left alone, until it has filled up with what is dead. */
static bool is_filled(const struct chunk *chunk)
{
    return !chunk->is_open && chunk->used > chunk->capacity / 2 && chunk_is_sparse(chunk);
}

void order_look_after(struct order *order, struct chunk *chunk)
{
    if (chunk == order->tail && (chunk->live == 0 || is_filled(chunk)))
        order->tail = NULL;
    if (chunk == order->tail || chunk->is_sparse) {
        if (chunk->live == 0)
            chunk_free(order->stock, chunk);
        return;
    }
    if (chunk->fresh > 0) {
        if (is_worth_shrinking(order, chunk))
            shrink(order, chunk);
        return;
    }
    if (list_has(&chunk->node))
        unlist(order, chunk);
    if (chunk->live == 0)
        chunk_free(order->stock, chunk);
    else if (!chunk->is_open && chunk_is_sparse(chunk))
        chunk_wait(order->stock, chunk);
}

/* ---- going out ---- */

bool order_own_places(struct order *order, size_t count)
{
    if (!pile_own(&order->pile, count))
        return false;
    if (pool_own(&order->stock->items, count))
        return true;
    pile_disown(&order->pile, count);
    return false;
}

void order_disown_places(struct order *order, size_t count)
{
    pile_disown(&order->pile, count);
    pool_disown(&order->stock->items, count);
}

bool order_reserve_take(struct order *order, size_t count)
{
    return order->kind == MQ_KIND_PRIORITY || order_own_places(order, count);
}

void order_unreserve_take(struct order *order, size_t count)
{
    if (order->kind != MQ_KIND_PRIORITY)
        order_disown_places(order, count);
}

struct chunk *order_next_chunk(const struct order *order)
{
    const struct list *chunks = &order->chunks;
    bool is_stack = order->kind == MQ_KIND_LIFO;
    struct list_node *node = is_stack ? list_last(chunks) : list_first(chunks);
    for (; node; node = is_stack ? list_prev(chunks, node) : list_next(chunks, node))
        if (chunk_at(node)->fresh > 0)
            return chunk_at(node);
    return NULL;
}

/* The best fresh record; NULL: none. */
static struct record *first_fresh(const struct order *order)
{
    struct chunk *chunk = order->kind == MQ_KIND_PRIORITY ? NULL : order_next_chunk(order);
    if (!chunk)
        return NULL;
    assert(!chunk->is_away);
    return order_next_in(order, chunk);
}

/* What came back is better than all that is away. */
static bool is_first_returned(const struct order *order)
{
    return order->first_away && order_next_chunk(order)->is_away && !order_next_is_away(order);
}

struct order_first order_first(const struct order *order)
{
    const struct pile *pile = &order->pile;
    assert(order->count > 0);
    struct record *fresh = is_first_returned(order) ? NULL : first_fresh(order);
    if (fresh && pile->count > 0 &&
        order_rank(order, (struct bytes){0}, record_id(fresh)).number > pile->nodes[0].rank)
        fresh = NULL;
    return (struct order_first){.record = fresh, .size = fresh ? fresh->size : pile_first(pile)->size};
}

/* Takes the fresh record, the first of its kind, out of the list of those. */
static void leave_fresh(struct order *order, struct record *record)
{
    struct chunk *chunk = record_chunk(record);
    struct record *next = record_next(record);
    if (order->kind == MQ_KIND_LIFO)
        chunk->last = record->below;
    else if (next)
        chunk->first = next->offset;
}

static struct item *take_fresh(struct order *order, struct record *record)
{
    struct item *item = pool_take(&order->stock->items);
    *item = (struct item){.record = record,
                          .id = record_id(record),
                          .stored_ms = record_stored_ms(record),
                          .size = record->size};
    item_begins(order->stock, item);
    leave_fresh(order, record);
    record_hold(record, item);
    order_look_after(order, record_chunk(record));
    return item;
}

/* One that had come back owns room in the pile and is known already: what was reserved for it is too much. */
static struct item *take_returned(struct order *order)
{
    struct item *item = pile_take(&order->pile);
    if (order->kind != MQ_KIND_PRIORITY)
        order_unreserve_take(order, 1);
    return item;
}

struct item *order_take(struct order *order, struct order_first first)
{
    order->count--;
    order->size -= record_bytes(first.size);
    return first.record ? take_fresh(order, first.record) : take_returned(order);
}

void order_return(struct order *order, struct item *item)
{
    pile_add(&order->pile, item, rank_of(order, item));
    order->count++;
    order->size += record_bytes(item->record->size);
}

static void kill(struct order *order, struct record *record)
{
    struct chunk *chunk = record_chunk(record);
    record_kill(record);
    order_look_after(order, chunk);
}

void order_forget(struct order *order, struct item *item)
{
    item_ends(order->stock, item);
    kill(order, item->record);
    pool_give(&order->stock->items, item);
    pile_disown(&order->pile, 1);
}

bool order_discard(struct order *order, struct size_pair *ret_size, uint64_t *ret_id)
{
    struct record *record = first_fresh(order);
    struct item *item = record || order->pile.count == 0 ? NULL : pile_take_last(&order->pile);
    if (!record && !item)
        return false;
    if (item)
        record = item->record;
    *ret_size = item ? item_size(item) : (struct size_pair){.body = record->size};
    *ret_id = item ? item->id : record_id(record);
    order->count--;
    order->size -= record_bytes(record->size);
    if (item) {
        order_forget(order, item);
    } else {
        leave_fresh(order, record);
        kill(order, record);
    }
    return true;
}
