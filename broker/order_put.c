/* order_put.c - items come in: stored at once, or copied (an intake) and stored one by one as there is room.
 *
 * They go into the tail, and what does not fit there into chunks behind it, of which the last one is the next
 * tail. Those of an intake have chunks of their own, whose records are raw until each is stored. */
#include "order_parts.h"

/* What a stack has left in the chunk below, it does not come back to soon. */
static void begin_tail(struct order *order, struct chunk *chunk)
{
    struct chunk *old = order->tail;
    order->tail = NULL;
    if (old)
        order_look_after(order, old);
    struct list_node *node = list_last(&order->chunks);
    struct chunk *below = order->kind == MQ_KIND_LIFO ? chunk_at(node) : NULL;
    list_append(&order->chunks, &chunk->node);
    order->tail = chunk;
    if (below && !below->is_away)
        order_look_after(order, below);
}

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
    pile_add(&order->pile, item, order_rank(order, item_key(item), id));
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

/* Where items are known by themselves from the beginning. */
static bool reserve_places(struct order *order, size_t count)
{
    return order->kind != MQ_KIND_PRIORITY || order_own_places(order, count);
}

static void unreserve_places(struct order *order, size_t count)
{
    if (order->kind == MQ_KIND_PRIORITY)
        order_disown_places(order, count);
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

/* ---- what waits for room ---- */

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
        order_look_after(order, chunk);
    }
    chunk_free_chain(order->stock, intake->rest);
    *intake = (struct intake){.next = NULL};
}
