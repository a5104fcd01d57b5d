/* order.c - see order.h. */
#include "order.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"

static struct item *item_at_node(const struct list_node *node)
{
    return node ? CONTAINER_OF(node, struct item, node) : NULL;
}

static struct item *item_at_place(const struct heap_entry *entry)
{
    return entry ? CONTAINER_OF(entry, struct item, place) : NULL;
}

static int compare_ids(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_keys(const struct heap_entry *a, const struct heap_entry *b)
{
    const struct item *x = item_at_place(a), *y = item_at_place(b);
    int by_key = key_compare(item_key(x), item_key(y));
    return by_key ? by_key : compare_ids(x->id, y->id);
}

/* The first bytes of the key decide most comparisons without touching the item. */
static uint64_t key_rank(const struct item *item)
{
    uint64_t rank = 0;
    for (size_t i = 0; i < sizeof rank; i++)
        rank = rank << 8 | (i < item->key_size ? item->data[i] : 0);
    return rank;
}

static uint64_t rank_of(const struct order *order, const struct item *item)
{
    switch (order->kind) {
    case MQ_KIND_FIFO:
        return item->id;
    case MQ_KIND_LIFO:
        return ~item->id;
    case MQ_KIND_PRIORITY:
        return key_rank(item);
    }
    abort();
}

int order_compare(const struct order *order, const struct item *a, const struct item *b)
{
    uint64_t x = rank_of(order, a), y = rank_of(order, b);
    if (x != y || order->kind != MQ_KIND_PRIORITY)
        return compare_ids(x, y);
    return compare_keys(&a->place, &b->place);
}

void order_init(struct order *order, enum mq_kind kind)
{
    memset(order, 0, sizeof *order);
    order->kind = kind;
    list_init(&order->fresh);
    heap_init(&order->places, kind == MQ_KIND_PRIORITY ? compare_keys : NULL);
}

void order_done(struct order *order)
{
    assert(order->count == 0);
    assert(order->places.owned == 0);
    heap_done(&order->places);
}

bool order_reserve_store(struct order *order, size_t count)
{
    return order->kind != MQ_KIND_PRIORITY || heap_own(&order->places, count);
}

void order_unreserve_store(struct order *order, size_t count)
{
    if (order->kind == MQ_KIND_PRIORITY)
        heap_disown(&order->places, count);
}

bool order_reserve_take(struct order *order, size_t count)
{
    return order->kind == MQ_KIND_PRIORITY || heap_own(&order->places, count);
}

void order_unreserve_take(struct order *order, size_t count)
{
    if (order->kind != MQ_KIND_PRIORITY)
        heap_disown(&order->places, count);
}

void order_add(struct order *order, struct item *item)
{
    if (order->kind == MQ_KIND_PRIORITY) {
        heap_add(&order->places, &item->place, rank_of(order, item));
    } else {
        assert(list_is_empty(&order->fresh) || item_at_node(list_last(&order->fresh))->id < item->id);
        list_append(&order->fresh, &item->node);
    }
    order->count++;
}

void order_return(struct order *order, struct item *item)
{
    heap_add(&order->places, &item->place, rank_of(order, item));
    order->count++;
}

static struct item *first_fresh(const struct order *order)
{
    return item_at_node(order->kind == MQ_KIND_LIFO ? list_last(&order->fresh) : list_first(&order->fresh));
}

struct item *order_first(const struct order *order)
{
    struct item *fresh = first_fresh(order), *returned = item_at_place(heap_first(&order->places));
    if (!fresh || !returned)
        return fresh ? fresh : returned;
    return order_compare(order, fresh, returned) < 0 ? fresh : returned;
}

/* Takes it out of its place; says whether that was in the heap. */
static bool unlink_item(struct order *order, struct item *item)
{
    bool placed = heap_has(&item->place);
    if (placed)
        heap_remove(&order->places, &item->place);
    else
        list_remove(&item->node);
    order->count--;
    return placed;
}

struct item *order_take(struct order *order)
{
    struct item *item = order_first(order);
    assert(item);
    /* One that had come back owns room already: the taker's reservation replaces it. */
    if (unlink_item(order, item) && order->kind != MQ_KIND_PRIORITY)
        heap_disown(&order->places, 1);
    return item;
}

void order_forget(struct order *order)
{
    heap_disown(&order->places, 1);
}

struct item *order_discard(struct order *order)
{
    const struct heap *places = &order->places;
    struct item *item = item_at_node(list_first(&order->fresh));
    if (!item && places->count > 0)
        item = item_at_place(places->nodes[places->count - 1].entry);
    if (item && unlink_item(order, item))
        heap_disown(&order->places, 1);
    return item;
}

struct item *order_oldest(const struct order *order)
{
    if (order->kind == MQ_KIND_LIFO && !list_is_empty(&order->fresh))
        return item_at_node(list_first(&order->fresh));
    return order_first(order);
}

static void swap(const struct item **items, size_t a, size_t b)
{
    const struct item *item = items[a];
    items[a] = items[b];
    items[b] = item;
}

static void sift_down(const struct order *order, const struct item **items, size_t count)
{
    for (size_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && order_compare(order, items[child + 1], items[child]) < 0)
            child++;
        if (order_compare(order, items[at], items[child]) < 0)
            return;
        swap(items, at, child);
    }
}

static void sift_up(const struct order *order, const struct item **items, size_t at)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (order_compare(order, items[at], items[parent]) >= 0)
            return;
        swap(items, at, parent);
        at = parent;
    }
}

/* The best items of the heap, best first: its root, then always the best child of what was chosen. `open` is
 * a heap of those children, with room for max + 1. */
static size_t peek_heap(const struct order *order, size_t max, const struct item **ret_items,
                        const struct item **open)
{
    const struct heap *heap = &order->places;
    size_t open_count = 0, chosen = 0;
    if (heap->count > 0)
        open[open_count++] = item_at_place(heap->nodes[0].entry);
    while (chosen < max && open_count > 0) {
        const struct item *best = open[0];
        size_t index = best->place.index;
        ret_items[chosen++] = best;
        open[0] = open[--open_count];
        sift_down(order, open, open_count);
        for (size_t child = 2 * index + 1; child <= 2 * index + 2 && child < heap->count; child++) {
            open[open_count] = item_at_place(heap->nodes[child].entry);
            sift_up(order, open, open_count++);
        }
    }
    return chosen;
}

/* Keeps `item` if it is among the `max` last ones so far: a heap, whose root is the first to give way. */
static size_t keep_last(const struct order *order, size_t count, size_t max, const struct item **items,
                        const struct item *item)
{
    if (count == max) {
        if (order_compare(order, item, items[0]) > 0) {
            items[0] = item;
            sift_down(order, items, count);
        }
        return count;
    }
    items[count] = item;
    sift_up(order, items, count);
    return count + 1;
}

/* Makes the heap of keep_last() a list, best first. */
static void sort_kept(const struct order *order, const struct item **items, size_t count)
{
    for (size_t left = count; left > 1;) {
        swap(items, 0, --left);
        sift_down(order, items, left);
    }
    for (size_t i = 0; i < count / 2; i++)
        swap(items, i, count - 1 - i);
}

/* The heap is walked from its end, where most of the last ones are. */
static size_t peek_last(const struct order *order, size_t max, const struct item **ret_items)
{
    bool lifo = order->kind == MQ_KIND_LIFO;
    const struct list_node *node = lifo ? list_first(&order->fresh) : list_last(&order->fresh);
    size_t count = 0;
    for (size_t i = 0; node && i < max; i++) {
        count = keep_last(order, count, max, ret_items, item_at_node(node));
        node = lifo ? list_next(&order->fresh, node) : list_prev(&order->fresh, node);
    }
    for (size_t i = order->places.count; i > 0; i--)
        count = keep_last(order, count, max, ret_items, item_at_place(order->places.nodes[i - 1].entry));
    sort_kept(order, ret_items, count);
    return count;
}

/* Merges what is in the list with the best of the heap. */
static size_t merge_first(const struct order *order, size_t max, const struct item **ret_items,
                          const struct item **placed, size_t placed_count)
{
    bool lifo = order->kind == MQ_KIND_LIFO;
    const struct list_node *node = lifo ? list_last(&order->fresh) : list_first(&order->fresh);
    size_t next = 0, count = 0;
    while (count < max && (node || next < placed_count)) {
        const struct item *fresh = item_at_node(node);
        if (fresh && (next == placed_count || order_compare(order, fresh, placed[next]) < 0)) {
            ret_items[count++] = fresh;
            node = lifo ? list_prev(&order->fresh, node) : list_next(&order->fresh, node);
        } else {
            ret_items[count++] = placed[next++];
        }
    }
    return count;
}

static bool peek_first(const struct order *order, size_t max, const struct item **ret_items,
                       size_t *ret_count)
{
    const struct item **placed = malloc((max + 1) * sizeof *placed);
    const struct item **open = malloc((max + 1) * sizeof *open);
    bool ok = placed && open;
    if (ok) {
        size_t placed_count = peek_heap(order, max, placed, open);
        *ret_count = merge_first(order, max, ret_items, placed, placed_count);
    }
    free(placed);
    free(open);
    return ok;
}

bool order_peek(const struct order *order, bool last, size_t max, const struct item **ret_items,
                size_t *ret_count)
{
    assert(max > 0);
    if (!last)
        return peek_first(order, max, ret_items, ret_count);
    *ret_count = peek_last(order, max, ret_items);
    return true;
}
