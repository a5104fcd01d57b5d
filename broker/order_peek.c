/* order_peek.c - the waiting items of an order, looked at without moving any. */
#include "order_parts.h"

#include <stdlib.h>

#include "key.h"

/* ---- fresh records, of which some may be away ---- */

void order_free_copies(const struct order *order, struct order_copies *copies)
{
    for (size_t i = 0; i < copies->count; i++)
        chunk_free_copy(order->stock, copies->list[i]);
    free(copies->list);
    *copies = (struct order_copies){.list = NULL};
}

static bool keep_copy(struct order_copies *copies, struct chunk *copy)
{
    if (copies->count == copies->capacity) {
        size_t capacity = copies->capacity ? 2 * copies->capacity : 8;
        struct chunk **list = realloc(copies->list, capacity * sizeof *list);
        if (!list)
            return false;
        copies->list = list;
        copies->capacity = capacity;
    }
    copies->list[copies->count++] = copy;
    copies->size += copy->capacity;
    return true;
}

/* The chunk itself, or a copy of it; NULL: is_cut, or also failed. */
static struct chunk *present(struct order_walk *walk, struct chunk *chunk)
{
    if (!chunk->is_away)
        return chunk;
    walk->is_cut = walk->copies->size > 0 && walk->copies->size + chunk->used > walk->copies->size_max;
    if (walk->is_cut)
        return NULL;
    struct chunk *copy = chunk_copy_away(walk->order->stock, chunk);
    if (copy && keep_copy(walk->copies, copy))
        return copy;
    if (copy)
        chunk_free_copy(walk->order->stock, copy);
    walk->is_cut = walk->failed = true;
    return NULL;
}

/* Of a FIFO all records behind the first fresh one are fresh; in a stack, some before and between may be in
 * other hands. */
static struct record *lowest_in(const struct order *order, struct chunk *chunk)
{
    return order->kind == MQ_KIND_FIFO ? record_at(chunk, chunk->first) : chunk_first_fresh(chunk);
}

/* What lies below a record may have been taken in a FIFO, and then all below that. */
static struct record *below(struct record *record)
{
    struct record *next = record->below ? record_at(record_chunk(record), record->below) : NULL;
    return next && next->state == RECORD_FRESH ? next : NULL;
}

static struct list_node *neighbour(const struct order_walk *walk, const struct record *record)
{
    const struct list *chunks = &walk->order->chunks;
    if (!record)
        return walk->goes_up ? list_first(chunks) : list_last(chunks);
    struct list_node *node = &record_chunk((struct record *)(uintptr_t)record)->node;
    return walk->goes_up ? list_next(chunks, node) : list_prev(chunks, node);
}

struct record *order_fresh_next(struct order_walk *walk, struct record *record)
{
    const struct list *chunks = &walk->order->chunks;
    struct record *next = NULL;
    if (record)
        next = walk->goes_up ? record_next_fresh(record) : below(record);
    if (next)
        return next;
    struct list_node *node = neighbour(walk, record);
    while (node && chunk_at(node)->fresh == 0)
        node = walk->goes_up ? list_next(chunks, node) : list_prev(chunks, node);
    struct chunk *chunk = node ? present(walk, chunk_at(node)) : NULL;
    if (!chunk)
        return NULL;
    return walk->goes_up ? lowest_in(walk->order, chunk) : record_at(chunk, chunk->last);
}

static struct order_walk walk_from(const struct order *order, bool last, struct order_copies *copies)
{
    return (struct order_walk){
        .order = order, .copies = copies, .goes_up = (order->kind == MQ_KIND_LIFO) == last};
}

uint64_t order_first_id(const struct order *order, struct chunk *chunk)
{
    return chunk->is_away ? chunk_away(chunk)->first_id : record_id(lowest_in(order, chunk));
}

static uint64_t last_id(struct chunk *chunk)
{
    return chunk->is_away ? chunk_away(chunk)->last_id : record_id(record_at(chunk, chunk->last));
}

/* All that lies before it has been passed. */
static bool is_passed_before(const struct order *order, struct chunk *chunk, uint64_t id)
{
    return chunk && chunk->fresh > 0 && order_first_id(order, chunk) <= id;
}

struct chunk *order_chunk_above(struct order *order, uint64_t id)
{
    struct list_node *node = list_first(&order->chunks);
    if (is_passed_before(order, order->walked, id))
        node = &order->walked->node;
    while (node && (chunk_at(node)->fresh == 0 || last_id(chunk_at(node)) <= id))
        node = list_next(&order->chunks, node);
    if (node)
        order->walked = chunk_at(node);
    return chunk_at(node);
}

struct record *order_fresh_after(struct order *order, uint64_t id, struct order_copies *copies,
                                 struct order_walk *ret_walk)
{
    *ret_walk = (struct order_walk){.order = order, .copies = copies, .goes_up = true};
    struct chunk *chunk = order_chunk_above(order, id);
    if (chunk)
        chunk = present(ret_walk, chunk);
    struct record *record = chunk ? lowest_in(order, chunk) : NULL;
    while (record && record_id(record) <= id)
        record = record_next_fresh(record);
    return record;
}

/* The oldest fresh one: its id, and when it was stored. False: there is none. */
static bool oldest_fresh(const struct order *order, uint64_t *ret_id, uint64_t *ret_ms)
{
    const struct list *chunks = &order->chunks;
    struct list_node *node = list_first(chunks);
    while (node && chunk_at(node)->fresh == 0)
        node = list_next(chunks, node);
    struct chunk *chunk = chunk_at(node);
    if (!chunk)
        return false;
    struct record *record = chunk->is_away ? NULL : lowest_in(order, chunk);
    *ret_id = order_first_id(order, chunk);
    *ret_ms = record ? record_stored_ms(record) : chunk_away(chunk)->oldest_ms;
    return true;
}

uint64_t order_oldest_ms(const struct order *order)
{
    uint64_t id, stored_ms;
    const struct item *returned = pile_first(&order->pile);
    if (!oldest_fresh(order, &id, &stored_ms))
        return returned ? returned->stored_ms : UINT64_MAX;
    if (returned && order->kind == MQ_KIND_FIFO && returned->id < id)
        return returned->stored_ms;
    return stored_ms;
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

/* Merges fresh records with the best of the pile. Where the walk is cut, nobody knows what comes next. */
static size_t merge_first(struct order_walk *walk, size_t max, struct item_view *ret_items,
                          const struct item_view *returned, size_t returned_count)
{
    struct record *record = order_fresh_next(walk, NULL);
    size_t next = 0, count = 0;
    while (count < max && !walk->is_cut && (record || next < returned_count)) {
        struct item_view fresh = record ? view_fresh(record) : (struct item_view){0};
        if (record && (next == returned_count || is_before(walk->order, &fresh, &returned[next]))) {
            ret_items[count++] = fresh;
            record = count < max ? order_fresh_next(walk, record) : NULL;
        } else {
            ret_items[count++] = returned[next++];
        }
    }
    return count;
}

static bool peek_first(struct order_walk *walk, size_t max, struct item_view *ret_items, size_t *ret_count)
{
    const struct pile *pile = &walk->order->pile;
    size_t most = max < pile->count ? max : pile->count;
    struct item_view *returned = malloc((most + 1) * sizeof *returned);
    size_t *open = malloc((most + 1) * PILE_CHILDREN * sizeof *open);
    bool ok = returned && open;
    if (ok)
        *ret_count = merge_first(walk, max, ret_items, returned, peek_pile(pile, most, returned, open));
    free(returned);
    free(open);
    return ok && !walk->failed;
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

/* The pile is walked from its end, where most of the last ones are. If the walk is cut, all that is behind
 * the fresh ones that were seen is known, but nothing before. */
static bool peek_last(struct order_walk *walk, size_t max, struct item_view *ret_items, size_t *ret_count)
{
    const struct order *order = walk->order;
    struct record *record = order_fresh_next(walk, NULL);
    size_t count = 0;
    while (record && count < max) {
        count = keep_last(order, count, max, ret_items, view_fresh(record));
        record = count < max ? order_fresh_next(walk, record) : NULL;
    }
    if (walk->is_cut)
        max = count;
    for (size_t i = order->pile.count; i > 0; i--)
        count = keep_last(order, count, max, ret_items, view_item(order->pile.nodes[i - 1].item));
    sort_kept(order, ret_items, count);
    *ret_count = count;
    return !walk->failed;
}

bool order_peek(const struct order *order, bool last, size_t max, struct item_view *ret_items,
                size_t *ret_count, struct order_copies *copies)
{
    struct order_walk walk = walk_from(order, last, copies);
    return last ? peek_last(&walk, max, ret_items, ret_count) : peek_first(&walk, max, ret_items, ret_count);
}
