/* order_peek.c - the waiting items of an order, looked at without moving any. */
#include "order.h"

#include <stdlib.h>

#include "key.h"

static struct chunk *chunk_at(const struct list_node *node)
{
    return node ? CONTAINER_OF(node, struct chunk, node) : NULL;
}

/* ---- fresh records ---- */

static struct record *fresh_from(struct record *record)
{
    while (record && record->state != RECORD_FRESH)
        record = record_next(record);
    return record;
}

/* Towards larger ids. Of a FIFO all records behind the first fresh one are fresh; in a stack, some before and
 * between may be in other hands. */
static struct record *oldest_in(const struct order *order, struct chunk *chunk)
{
    return order->kind == MQ_KIND_FIFO ? record_at(chunk, chunk->first) : fresh_from(chunk_first(chunk));
}

static struct record *go_up(const struct order *order, struct record *record)
{
    struct record *next = record ? fresh_from(record_next(record)) : NULL;
    struct list_node *node =
        record ? list_next(&order->chunks, &record_chunk(record)->node) : list_first(&order->chunks);
    while (!next && node) {
        if (chunk_at(node)->fresh > 0)
            next = oldest_in(order, chunk_at(node));
        node = list_next(&order->chunks, node);
    }
    return next;
}

/* Towards smaller ids. What lies below a record may have been taken in a FIFO, and then all below that. */
static struct record *go_down(const struct order *order, struct record *record)
{
    if (record && record->below) {
        struct record *below = record_at(record_chunk(record), record->below);
        if (below->state == RECORD_FRESH)
            return below;
    }
    struct list_node *node =
        record ? list_prev(&order->chunks, &record_chunk(record)->node) : list_last(&order->chunks);
    for (; node; node = list_prev(&order->chunks, node))
        if (chunk_at(node)->fresh > 0)
            return record_at(chunk_at(node), chunk_at(node)->last);
    return NULL;
}

struct record *order_next_fresh(const struct order *order, bool last, struct record *record)
{
    bool goes_up = (order->kind == MQ_KIND_LIFO) == last;
    return goes_up ? go_up(order, record) : go_down(order, record);
}

static uint64_t last_id(struct chunk *chunk)
{
    return record_id(record_at(chunk, chunk->last));
}

/* All that lies before it has been passed. */
static bool is_passed_before(const struct order *order, struct chunk *chunk, uint64_t id)
{
    return chunk && chunk->fresh > 0 && record_id(oldest_in(order, chunk)) <= id;
}

struct record *order_fresh_after(struct order *order, uint64_t id)
{
    struct list_node *node = list_first(&order->chunks);
    if (is_passed_before(order, order->walked, id))
        node = &order->walked->node;
    while (node && (chunk_at(node)->fresh == 0 || last_id(chunk_at(node)) <= id))
        node = list_next(&order->chunks, node);
    if (!node)
        return NULL;
    order->walked = chunk_at(node);
    struct record *record = oldest_in(order, order->walked);
    while (record_id(record) <= id)
        record = fresh_from(record_next(record));
    return record;
}

struct record *order_fresh_up(const struct order *order, struct record *record)
{
    return go_up(order, record);
}

uint64_t order_oldest_ms(const struct order *order)
{
    struct record *oldest = order->kind == MQ_KIND_PRIORITY ? NULL : go_up(order, NULL);
    const struct item *returned = pile_first(&order->pile);
    if (oldest && returned && order->kind == MQ_KIND_FIFO && returned->id < record_id(oldest))
        return returned->stored_ms;
    if (oldest)
        return record_stored_ms(oldest);
    return returned ? returned->stored_ms : UINT64_MAX;
}

/* ---- the first and the last ---- */

static struct item_view view_fresh(struct record *record)
{
    return (struct item_view){.id = record_id(record), .body = {record->data, record->size}};
}

static struct item_view view_item(const struct item *item)
{
    return (struct item_view){
        .id = item->id, .deliveries = item->deliveries, .body = item_body(item), .key = item_key(item)};
}

static bool is_before(const struct order *order, const struct item_view *a, const struct item_view *b)
{
    int by_key = order->kind == MQ_KIND_PRIORITY ? key_compare(a->key, b->key) : 0;
    if (by_key)
        return by_key < 0;
    return order->kind == MQ_KIND_LIFO ? a->id > b->id : a->id < b->id;
}

/* A heap of places in the pile, the best on top. */
static void open_sift_down(const struct pile *pile, size_t *open, size_t count)
{
    for (size_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count &&
            pile_is_before(pile, &pile->nodes[open[child + 1]], &pile->nodes[open[child]]))
            child++;
        if (pile_is_before(pile, &pile->nodes[open[at]], &pile->nodes[open[child]]))
            return;
        size_t place = open[at];
        open[at] = open[child];
        open[child] = place;
    }
}

static void open_add(const struct pile *pile, size_t *open, size_t count, size_t place)
{
    size_t at = count;
    const struct pile_node *node = &pile->nodes[place];
    for (; at > 0 && pile_is_before(pile, node, &pile->nodes[open[(at - 1) / 2]]); at = (at - 1) / 2)
        open[at] = open[(at - 1) / 2];
    open[at] = place;
}

/* The best of the pile, best first: its root, then always the best child of what was chosen. `open` has room
 * for PILE_CHILDREN places an item. */
static size_t peek_pile(const struct pile *pile, size_t max, struct item_view *ret_items, size_t *open)
{
    size_t open_count = 0, chosen = 0;
    if (pile->count > 0)
        open[open_count++] = 0;
    while (chosen < max && open_count > 0) {
        size_t best = open[0], child, end;
        ret_items[chosen++] = view_item(pile->nodes[best].item);
        open[0] = open[--open_count];
        open_sift_down(pile, open, open_count);
        for (pile_children(pile, best, &child, &end); child < end; child++)
            open_add(pile, open, open_count++, child);
    }
    return chosen;
}

/* Merges fresh records with the best of the pile. */
static size_t merge_first(const struct order *order, size_t max, struct item_view *ret_items,
                          const struct item_view *returned, size_t returned_count)
{
    struct record *record = order_next_fresh(order, false, NULL);
    size_t next = 0, count = 0;
    while (count < max && (record || next < returned_count)) {
        struct item_view fresh = record ? view_fresh(record) : (struct item_view){0};
        if (record && (next == returned_count || is_before(order, &fresh, &returned[next]))) {
            ret_items[count++] = fresh;
            record = order_next_fresh(order, false, record);
        } else {
            ret_items[count++] = returned[next++];
        }
    }
    return count;
}

static bool peek_first(const struct order *order, size_t max, struct item_view *ret_items, size_t *ret_count)
{
    size_t most = max < order->pile.count ? max : order->pile.count;
    struct item_view *returned = malloc((most + 1) * sizeof *returned);
    size_t *open = malloc((most + 1) * PILE_CHILDREN * sizeof *open);
    bool ok = returned && open;
    if (ok)
        *ret_count =
            merge_first(order, max, ret_items, returned, peek_pile(&order->pile, most, returned, open));
    free(returned);
    free(open);
    return ok;
}

/* The views are a heap, the one that is the first to give way on top. */
static void sift_down(const struct order *order, struct item_view *items, size_t count)
{
    for (size_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && is_before(order, &items[child + 1], &items[child]))
            child++;
        if (is_before(order, &items[at], &items[child]))
            return;
        struct item_view item = items[at];
        items[at] = items[child];
        items[child] = item;
    }
}

/* Keeps the item if it is among the `max` last ones so far. */
static size_t keep_last(const struct order *order, size_t count, size_t max, struct item_view *items,
                        struct item_view item)
{
    size_t at = count;
    if (count == max) {
        if (is_before(order, &items[0], &item)) {
            items[0] = item;
            sift_down(order, items, count);
        }
        return count;
    }
    for (; at > 0 && is_before(order, &item, &items[(at - 1) / 2]); at = (at - 1) / 2)
        items[at] = items[(at - 1) / 2];
    items[at] = item;
    return count + 1;
}

/* Makes the heap of keep_last() a list, best first. */
static void sort_kept(const struct order *order, struct item_view *items, size_t count)
{
    for (size_t left = count; left > 1;) {
        struct item_view first = items[0];
        items[0] = items[--left];
        items[left] = first;
        sift_down(order, items, left);
    }
    for (size_t i = 0; i < count / 2; i++) {
        struct item_view item = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = item;
    }
}

/* The pile is walked from its end, where most of the last ones are. */
static size_t peek_last(const struct order *order, size_t max, struct item_view *ret_items)
{
    struct record *record = order_next_fresh(order, true, NULL);
    size_t count = 0;
    for (size_t i = 0; record && i < max; i++) {
        count = keep_last(order, count, max, ret_items, view_fresh(record));
        record = order_next_fresh(order, true, record);
    }
    for (size_t i = order->pile.count; i > 0; i--)
        count = keep_last(order, count, max, ret_items, view_item(order->pile.nodes[i - 1].item));
    sort_kept(order, ret_items, count);
    return count;
}

bool order_peek(const struct order *order, bool last, size_t max, struct item_view *ret_items,
                size_t *ret_count)
{
    if (!last)
        return peek_first(order, max, ret_items, ret_count);
    *ret_count = peek_last(order, max, ret_items);
    return true;
}

/* ---- walking everything, for tests ---- */

static void add(struct order_sum *sum, size_t body_size, size_t key_size)
{
    sum->items++;
    sum->body_size += body_size;
    sum->cost += item_cost(body_size, key_size);
}

struct order_sum order_sum(const struct order *order)
{
    struct order_sum sum = {0};
    for (struct record *r = order_next_fresh(order, true, NULL); r; r = order_next_fresh(order, true, r))
        add(&sum, r->size, 0);
    for (size_t i = 0; i < order->pile.count; i++) {
        const struct item *item = order->pile.nodes[i].item;
        add(&sum, item_body(item).size, item->key_size);
    }
    return sum;
}

struct order_sum order_intake_sum(const struct order *order, const struct intake *intake)
{
    struct order_sum sum = {0};
    struct intake at = *intake;
    for (; at.next; at.next = order_intake_next(order, intake, at.next)) {
        struct size_pair size = order_intake_size(order, &at);
        add(&sum, size.body, size.key);
    }
    assert(sum.items == intake->left);
    return sum;
}

static void check_chunk(const struct order *order, struct chunk *chunk)
{
    uint32_t live = 0, live_size = 0, fresh = 0;
    for (struct record *r = chunk_first(chunk); r; r = record_next(r)) {
        if (r->state == RECORD_DEAD)
            continue;
        live++;
        live_size += (uint32_t)record_bytes(r->size);
        fresh += r->state == RECORD_FRESH;
        assert(r->state != RECORD_HELD || record_item(r)->record == r);
    }
    assert(live == chunk->live && live_size == chunk->live_size && fresh == chunk->fresh);
    assert(live > 0);
    assert(fresh > 0 || chunk == order->tail);
}

void order_check(const struct order *order)
{
    size_t fresh = 0, size = 0;
    uint64_t last_id = 0;
    for (const struct list_node *n = list_first(&order->chunks); n; n = list_next(&order->chunks, n))
        check_chunk(order, chunk_at(n));
    assert(!order->tail || chunk_at(list_last(&order->chunks)) == order->tail);
    for (struct record *r = go_up(order, NULL); r; r = go_up(order, r), fresh++) {
        assert(record_id(r) > last_id);
        last_id = record_id(r);
        size += record_bytes(r->size);
    }
    for (size_t i = 0; i < order->pile.count; i++) {
        const struct item *item = order->pile.nodes[i].item;
        assert(order->pile.nodes[i].rank == order_rank(order, item_key(item), item->id).number);
        assert(order->pile.nodes[i].id == item->id && item->size == item->record->size);
        assert(record_item(item->record) == item);
        size += record_bytes(item->record->size);
    }
    assert(order->kind != MQ_KIND_PRIORITY || fresh == 0);
    assert(!order->walked || list_has(&order->walked->node));
    assert(order->count == fresh + order->pile.count && size == order->size);
    pile_check(&order->pile);
}
