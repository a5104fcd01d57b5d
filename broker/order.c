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
    assert(list_is_empty(&order->chunks) && !order->tail && !order->first_away && !order->last_away);
    assert(order->away_size == 0);
    pile_done(&order->pile);
}

struct bytes order_key(const struct order *order, const struct put_item *put)
{
    return put->key.size || order->kind != MQ_KIND_PRIORITY ? put->key : key_zero();
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

/* Something in it has died or was taken. */
static void look_after(struct order *order, struct chunk *chunk)
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

/* What a stack has left in the chunk below, it does not come back to soon. */
static void begin_tail(struct order *order, struct chunk *chunk)
{
    struct chunk *old = order->tail;
    order->tail = NULL;
    if (old)
        look_after(order, old);
    struct list_node *node = list_last(&order->chunks);
    struct chunk *below = node && order->kind == MQ_KIND_LIFO ? CONTAINER_OF(node, struct chunk, node) : NULL;
    list_append(&order->chunks, &chunk->node);
    order->tail = chunk;
    if (below && !below->is_away)
        look_after(order, below);
}

/* ---- coming in ---- */

/* The record becomes part of the order. Items of priority queues are known by themselves: see append(). */
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
    item_begins(order->stock, item);
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

/* How many of these go into a chunk with this room, and how much of it they take. */
static size_t count_fitting(const struct order *order, const struct put_item *puts, size_t count, size_t room,
                            size_t *ret_bytes)
{
    size_t fitting = 0;
    *ret_bytes = 0;
    while (fitting < count && bytes_of(order, &puts[fitting]) <= room - *ret_bytes)
        *ret_bytes += bytes_of(order, &puts[fitting++]);
    return fitting;
}

/* Chunks for all of these: each of full size at most, or for one item. `wanted`: how much more the last one
 * should have room for; 0: nothing. False: out of memory. *ret_chain NULL: there is nothing to store. */
static bool make_chain(struct order *order, const struct put_item *puts, size_t count, size_t wanted,
                       uint64_t now_ms, struct chunk **ret_chain)
{
    struct chunk *last = NULL;
    *ret_chain = NULL;
    for (size_t at = 0, bytes; at < count;) {
        size_t fitting = count_fitting(order, puts + at, count - at, chunk_full_room, &bytes);
        if (fitting == 0)
            bytes = bytes_of(order, &puts[at]);
        at += fitting ? fitting : 1;
        struct chunk *chunk =
            chunk_new(order->stock, bytes, at == count && wanted ? wanted + bytes : 0, now_ms);
        if (!chunk) {
            chunk_free_chain(order->stock, *ret_chain);
            return false;
        }
        if (last)
            chunk_chain(last, chunk);
        else
            *ret_chain = chunk;
        last = chunk;
    }
    return true;
}

/* Takes the first chunk out of the chain. */
static struct chunk *unchain(struct chunk **chain)
{
    struct chunk *chunk = *chain;
    *chain = chunk_next(chunk);
    chunk_chain(chunk, NULL);
    return chunk;
}

bool order_put(struct order *order, const struct put_item *puts, size_t count, uint64_t first_id,
               uint64_t now_ms)
{
    struct chunk *chain;
    size_t bytes, here = count_fitting(order, puts, count, tail_room(order, now_ms), &bytes);
    if (!reserve_places(order, count))
        return false;
    if (!make_chain(order, puts + here, count - here, order->size + 1, now_ms, &chain)) {
        unreserve_places(order, count);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (i == here || (i > here && bytes_of(order, &puts[i]) > chunk_room(order->tail)))
            begin_tail(order, unchain(&chain));
        store_record(order, append(order, order->tail, &puts[i]), first_id + i, now_ms);
    }
    assert(!chain);
    return true;
}

bool order_copy(struct order *order, const struct put_item *puts, size_t count, uint64_t now_ms,
                struct intake *ret_intake)
{
    struct chunk *chain;
    if (!reserve_places(order, count))
        return false;
    if (!make_chain(order, puts, count, 0, now_ms, &chain)) {
        unreserve_places(order, count);
        return false;
    }
    struct chunk *chunk = chain;
    for (size_t i = 0; i < count; i++) {
        if (bytes_of(order, &puts[i]) > chunk_room(chunk))
            chunk = chunk_next(chunk);
        chunk->is_open = true;
        append(order, chunk, &puts[i]);
    }
    *ret_intake = (struct intake){.next = chunk_first(chain), .rest = chain, .left = count};
    return true;
}

/* Of the chunks of an intake the one that is being stored is the tail, and those behind it are a chain. */
struct record *order_intake_next(const struct order *order, const struct intake *intake,
                                 struct record *record)
{
    struct record *next = record_next(record);
    if (next)
        return next;
    struct chunk *chunk = record_chunk(record);
    struct chunk *following = chunk == order->tail ? intake->rest : chunk_next(chunk);
    return following ? chunk_first(following) : NULL;
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

struct put_item order_intake_item(const struct order *order, const struct intake *intake)
{
    struct size_pair size = order_intake_size(order, intake);
    const uint8_t *data = intake->next->data;
    return (struct put_item){.key = {data, size.key}, .body = {data + size.key, size.body}};
}

/* What is small compared with the order does not stay in a chunk of its own. False: it has to. */
static bool absorb(struct order *order, struct intake *intake, uint64_t now_ms)
{
    enum { SMALL_PART = 4 };
    size_t bytes = intake->rest->live_size;
    if (bytes > chunk_full_room / SMALL_PART || bytes > order->size / SMALL_PART)
        return false;
    if (tail_room(order, now_ms) < bytes) {
        struct chunk *tail = chunk_new(order->stock, bytes, order->size + 1, now_ms);
        if (!tail)
            return false;
        begin_tail(order, tail);
    }
    struct chunk *from = unchain(&intake->rest);
    intake->next = chunk_absorb(order->tail, from);
    order->tail->is_open = true;
    chunk_free(order->stock, from);
    return true;
}

void order_store(struct order *order, struct intake *intake, uint64_t id, uint64_t now_ms)
{
    if (record_chunk(intake->next) != order->tail && !absorb(order, intake, now_ms))
        begin_tail(order, unchain(&intake->rest));
    struct record *record = intake->next;
    struct chunk *chunk = record_chunk(record);
    assert(chunk == order->tail && chunk->is_open);
    intake->next = order_intake_next(order, intake, record);
    intake->left--;
    chunk->is_open = intake->next && record_chunk(intake->next) == chunk;
    store_record(order, record, id, now_ms);
}

/* Priority: each has room in the pile and a struct item. */
static void drop_places(struct order *order, const struct intake *intake)
{
    for (struct record *r = intake->next; r; r = order_intake_next(order, intake, r)) {
        pile_disown(&order->pile, 1);
        pool_give(&order->stock->items, record_item(r));
        r->state = RECORD_RAW;
    }
}

void order_drop(struct order *order, struct intake *intake)
{
    if (!intake->next)
        return;
    if (order->kind == MQ_KIND_PRIORITY)
        drop_places(order, intake);
    struct chunk *chunk = record_chunk(intake->next);
    if (chunk == order->tail) {
        chunk->is_open = false;
        chunk_cut(chunk, intake->next);
        look_after(order, chunk);
    }
    chunk_free_chain(order->stock, intake->rest);
    *intake = (struct intake){.next = NULL};
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

struct chunk *order_next_chunk(const struct order *order)
{
    const struct list *chunks = &order->chunks;
    bool is_stack = order->kind == MQ_KIND_LIFO;
    struct list_node *node = is_stack ? list_last(chunks) : list_first(chunks);
    for (; node; node = is_stack ? list_prev(chunks, node) : list_next(chunks, node))
        if (CONTAINER_OF(node, struct chunk, node)->fresh > 0)
            return CONTAINER_OF(node, struct chunk, node);
    return NULL;
}

/* The best fresh record; NULL: none. */
static struct record *first_fresh(const struct order *order)
{
    struct chunk *chunk = order->kind == MQ_KIND_PRIORITY ? NULL : order_next_chunk(order);
    if (!chunk)
        return NULL;
    assert(!chunk->is_away);
    return record_at(chunk, order->kind == MQ_KIND_LIFO ? chunk->last : chunk->first);
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
