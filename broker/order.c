/* order.c - see order.h. */
#include "order.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"

void order_init(struct order *order, enum mq_kind kind, struct stock *stock)
{
    *order = (struct order){.stock = stock, .kind = kind};
    list_init(&order->chunks);
    pile_init(&order->pile);
}

void order_done(struct order *order)
{
    assert(order->count == 0 && order->size == 0);
    assert(list_is_empty(&order->chunks) && !order->tail);
    pile_done(&order->pile);
}

struct bytes order_key(const struct order *order, const struct put_item *put)
{
    return put->key.size || order->kind != MQ_KIND_PRIORITY ? put->key : key_zero();
}

/* The first bytes of the key decide most comparisons without touching the item. No key begins like another
 * (key.h), so these tell all if only zeros follow. */
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

/* Something in it has died or was taken. A chunk that is being filled, or emptied from one end, is left as it
 * is until nothing lives in it. */
static void look_after(struct order *order, struct chunk *chunk)
{
    bool is_used = chunk->fresh > 0 || (chunk == order->tail && chunk->live > 0);
    if (chunk == order->tail && chunk->live == 0)
        order->tail = NULL;
    if (!is_used && list_has(&chunk->node) && !chunk->is_sparse)
        list_remove(&chunk->node);
    if (chunk->live == 0)
        chunk_free(order->stock, chunk);
    else if (!is_used && !chunk->is_sparse && chunk_is_sparse(chunk))
        chunk_wait(order->stock, chunk);
}

/* Were a stack to leave few items in each chunk before it grows again, those would keep it. A FIFO comes back
 * for them. */
static void shrink_top(struct order *order)
{
    struct list_node *node = list_last(&order->chunks);
    struct chunk *top = node ? CONTAINER_OF(node, struct chunk, node) : NULL;
    if (order->kind != MQ_KIND_LIFO || !top || !chunk_is_sparse(top))
        return;
    struct chunk *to = chunk_shrunk(order->stock, top);
    if (!to)
        return; /* without memory it stays */
    list_insert_before(&top->node, &to->node);
    list_remove(&top->node);
    chunk_free(order->stock, top);
}

static void begin_tail(struct order *order, struct chunk *chunk)
{
    struct chunk *old = order->tail;
    order->tail = NULL;
    if (old)
        look_after(order, old);
    shrink_top(order);
    list_append(&order->chunks, &chunk->node);
    order->tail = chunk;
}

/* ---- coming in ---- */

/* The record becomes part of the order. Items of priority queues are known by themselves: see hold_all(). */
static void store_record(struct order *order, struct record *record, uint64_t id, uint64_t now_ms)
{
    order->count++;
    order->size += record_bytes(record->size);
    if (order->kind != MQ_KIND_PRIORITY) {
        record_store(record, id, now_ms);
        return;
    }
    struct item *item = record_item(record);
    item->id = id;
    item->stored_ms = now_ms;
    pile_add(&order->pile, item, rank_of(order, item));
}

static struct record *append(struct order *order, struct chunk *chunk, const struct put_item *put)
{
    struct bytes key = order_key(order, put);
    struct record *record = chunk_append(chunk, key, put->body);
    if (order->kind != MQ_KIND_PRIORITY)
        return record;
    struct item *item = pool_take(&order->stock->items);
    *item = (struct item){.record = record, .size = record->size, .key_size = (uint16_t)key.size};
    record_hold(record, item);
    return record;
}

static size_t bytes_of(const struct order *order, const struct put_item *put)
{
    return record_bytes(put->body.size + order_key(order, put).size);
}

/* Room in the pile and struct items, where they are needed from the beginning. */
static bool reserve_places(struct order *order, size_t count)
{
    if (order->kind != MQ_KIND_PRIORITY)
        return true;
    if (!pile_own(&order->pile, count))
        return false;
    if (pool_own(&order->stock->items, count))
        return true;
    pile_disown(&order->pile, count);
    return false;
}

static void unreserve_places(struct order *order, size_t count)
{
    if (order->kind != MQ_KIND_PRIORITY)
        return;
    pile_disown(&order->pile, count);
    pool_disown(&order->stock->items, count);
}

/* May this be stored in the tail? Ages in a chunk have 32 bits. */
static size_t tail_room(const struct order *order, uint64_t now_ms)
{
    const struct chunk *tail = order->tail;
    return tail && now_ms - tail->first_ms < UINT32_MAX ? chunk_room(tail) : 0;
}

/* A chunk for those that the tail has no room for; *ret_chunk NULL: it has for all. False: out of memory. */
static bool make_room(struct order *order, const struct put_item *puts, size_t count, uint64_t now_ms,
                      struct chunk **ret_chunk)
{
    size_t room = tail_room(order, now_ms), at = 0, rest = 0;
    *ret_chunk = NULL;
    while (at < count && bytes_of(order, &puts[at]) <= room)
        room -= bytes_of(order, &puts[at++]);
    for (; at < count; at++)
        rest += bytes_of(order, &puts[at]);
    if (rest)
        *ret_chunk = chunk_new(order->stock, rest, order->size + rest, now_ms);
    return !rest || *ret_chunk;
}

bool order_put(struct order *order, const struct put_item *puts, size_t count, uint64_t first_id,
               uint64_t now_ms)
{
    struct chunk *next;
    if (!reserve_places(order, count))
        return false;
    if (!make_room(order, puts, count, now_ms, &next)) {
        unreserve_places(order, count);
        return false;
    }
    bool goes_on = tail_room(order, now_ms) > 0;
    for (size_t i = 0; i < count; i++) {
        if (next && (!goes_on || bytes_of(order, &puts[i]) > chunk_room(order->tail))) {
            begin_tail(order, next);
            next = NULL;
        }
        goes_on = true;
        store_record(order, append(order, order->tail, &puts[i]), first_id + i, now_ms);
    }
    assert(!next);
    return true;
}

bool order_copy(struct order *order, const struct put_item *puts, size_t count, uint64_t now_ms,
                struct intake *ret_intake)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += bytes_of(order, &puts[i]);
    if (!reserve_places(order, count))
        return false;
    struct chunk *chunk = chunk_new(order->stock, bytes, 0, now_ms);
    if (!chunk) {
        unreserve_places(order, count);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        append(order, chunk, &puts[i]);
    *ret_intake = (struct intake){.chunk = chunk, .next = chunk_first(chunk), .left = count};
    return true;
}

static struct size_pair record_sizes(const struct order *order, const struct record *record)
{
    size_t key = order->kind == MQ_KIND_PRIORITY ? record_item(record)->key_size : 0;
    return (struct size_pair){.body = record->size - key, .key = key};
}

struct size_pair order_intake_size(const struct order *order, const struct intake *intake)
{
    return record_sizes(order, intake->next);
}

void order_store(struct order *order, struct intake *intake, uint64_t id, uint64_t now_ms)
{
    struct record *record = intake->next;
    if (order->tail != intake->chunk)
        begin_tail(order, intake->chunk);
    intake->next = record_next(record);
    intake->left--;
    store_record(order, record, id, now_ms);
}

/* Priority: each has room in the pile and a struct item. */
static void drop_places(struct order *order, struct record *from)
{
    for (struct record *r = from; r; r = record_next(r)) {
        pile_disown(&order->pile, 1);
        pool_give(&order->stock->items, record_item(r));
        r->state = RECORD_RAW;
    }
}

void order_drop(struct order *order, struct intake *intake)
{
    struct chunk *chunk = intake->chunk;
    if (!intake->next)
        return;
    if (order->kind == MQ_KIND_PRIORITY)
        drop_places(order, intake->next);
    chunk_cut(chunk, intake->next);
    *intake = (struct intake){.chunk = NULL};
    look_after(order, chunk);
}

/* ---- going out ---- */

bool order_reserve_take(struct order *order, size_t count)
{
    if (order->kind == MQ_KIND_PRIORITY)
        return true;
    if (!pile_own(&order->pile, count))
        return false;
    if (pool_own(&order->stock->items, count))
        return true;
    pile_disown(&order->pile, count);
    return false;
}

void order_unreserve_take(struct order *order, size_t count)
{
    if (order->kind == MQ_KIND_PRIORITY)
        return;
    pile_disown(&order->pile, count);
    pool_disown(&order->stock->items, count);
}

/* The best fresh record; NULL: none. */
static struct record *first_fresh(const struct order *order)
{
    return order->kind == MQ_KIND_PRIORITY ? NULL : order_next_fresh(order, false, NULL);
}

struct order_first order_first(const struct order *order)
{
    struct record *fresh = first_fresh(order);
    const struct pile *pile = &order->pile;
    assert(order->count > 0);
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
    leave_fresh(order, record);
    record_hold(record, item);
    look_after(order, record_chunk(record));
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
    look_after(order, chunk);
}

void order_forget(struct order *order, struct item *item)
{
    kill(order, item->record);
    pool_give(&order->stock->items, item);
    pile_disown(&order->pile, 1);
}

bool order_discard(struct order *order, struct size_pair *ret_size)
{
    struct record *record = first_fresh(order);
    struct item *item = record || order->pile.count == 0 ? NULL : pile_take_last(&order->pile);
    if (!record && !item)
        return false;
    if (item)
        record = item->record;
    *ret_size = item ? item_size(item) : (struct size_pair){.body = record->size};
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
