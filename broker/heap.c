/* heap.c - see heap.h.
 *
 * The nodes carry the ranks, so that most comparisons touch no entry. Moving a node tells its entry the new
 * index; that is the only place where the two can come apart, hence place(). */
#include "heap.h"

#include <assert.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 16 };

static void place(struct heap *heap, size_t index, struct heap_node node)
{
    heap->nodes[index] = node;
    node.entry->index = index;
}

static bool is_before(const struct heap *heap, struct heap_node a, struct heap_node b)
{
    if (a.rank != b.rank)
        return a.rank < b.rank;
    return heap->tie && heap->tie(a.entry, b.entry) < 0;
}

static void sift_up(struct heap *heap, size_t index, struct heap_node node)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!is_before(heap, node, heap->nodes[parent]))
            break;
        place(heap, index, heap->nodes[parent]);
        index = parent;
    }
    place(heap, index, node);
}

static void sift_down(struct heap *heap, size_t index, struct heap_node node)
{
    for (size_t child; (child = 2 * index + 1) < heap->count; index = child) {
        if (child + 1 < heap->count && is_before(heap, heap->nodes[child + 1], heap->nodes[child]))
            child++;
        if (!is_before(heap, heap->nodes[child], node))
            break;
        place(heap, index, heap->nodes[child]);
    }
    place(heap, index, node);
}

void heap_init(struct heap *heap, int (*tie)(const struct heap_entry *a, const struct heap_entry *b))
{
    *heap = (struct heap){.tie = tie};
}

void heap_done(struct heap *heap)
{
    free(heap->nodes);
    heap_init(heap, heap->tie);
}

static bool resize(struct heap *heap, size_t capacity)
{
    struct heap_node *nodes = realloc(heap->nodes, capacity * sizeof *nodes);
    if (!nodes)
        return false;
    heap->nodes = nodes;
    heap->capacity = capacity;
    return true;
}

bool heap_own(struct heap *heap, size_t count)
{
    const size_t limit = SIZE_MAX / 2 / sizeof *heap->nodes; /* so that doubling cannot overflow */
    if (count > limit || heap->owned > limit - count)
        return false;
    size_t owned = heap->owned + count;
    size_t capacity = heap->capacity ? heap->capacity : CAPACITY_MIN;
    while (capacity < owned)
        capacity *= 2;
    if (capacity > heap->capacity && !resize(heap, capacity))
        return false;
    heap->owned = owned;
    return true;
}

void heap_disown(struct heap *heap, size_t count)
{
    assert(count <= heap->owned - heap->count);
    heap->owned -= count;
    /* Halve at a quarter, so that a count that swings about a power of two does not move memory. */
    size_t capacity = heap->capacity;
    while (capacity > CAPACITY_MIN && heap->owned < capacity / 4)
        capacity /= 2;
    if (capacity < heap->capacity)
        (void)resize(heap, capacity); /* without memory it just stays large */
}

void heap_entry_init(struct heap_entry *entry)
{
    entry->index = HEAP_NONE;
}

void heap_add(struct heap *heap, struct heap_entry *entry, uint64_t rank)
{
    assert(!heap_has(entry));
    assert(heap->count < heap->owned);
    sift_up(heap, heap->count++, (struct heap_node){.rank = rank, .entry = entry});
}

void heap_remove(struct heap *heap, struct heap_entry *entry)
{
    size_t index = entry->index;
    assert(index < heap->count);
    assert(heap->nodes[index].entry == entry);
    entry->index = HEAP_NONE;
    struct heap_node last = heap->nodes[--heap->count];
    if (index == heap->count)
        return;
    if (index > 0 && is_before(heap, last, heap->nodes[(index - 1) / 2]))
        sift_up(heap, index, last);
    else
        sift_down(heap, index, last);
}

struct heap_entry *heap_first(const struct heap *heap)
{
    return heap->count ? heap->nodes[0].entry : NULL;
}

uint64_t heap_first_rank(const struct heap *heap)
{
    return heap->count ? heap->nodes[0].rank : UINT64_MAX;
}

uint64_t heap_rank(const struct heap *heap, const struct heap_entry *entry)
{
    assert(entry->index < heap->count);
    assert(heap->nodes[entry->index].entry == entry);
    return heap->nodes[entry->index].rank;
}

void heap_shift(struct heap *heap, uint64_t by)
{
    bool cut = false;
    for (size_t i = 0; i < heap->count; i++) {
        bool beyond = heap->nodes[i].rank > UINT64_MAX - 1 - by;
        heap->nodes[i].rank = beyond ? UINT64_MAX - 1 : heap->nodes[i].rank + by;
        cut |= beyond;
    }
    if (!cut || !heap->tie)
        return;
    for (size_t i = heap->count / 2; i-- > 0;) /* ranks that have become equal are ordered by their ties */
        sift_down(heap, i, heap->nodes[i]);
}

void heap_check(const struct heap *heap)
{
    assert(heap->count <= heap->owned);
    assert(heap->owned <= heap->capacity);
    for (size_t i = 0; i < heap->count; i++) {
        assert(heap->nodes[i].entry->index == i);
        assert(i == 0 || !is_before(heap, heap->nodes[i], heap->nodes[(i - 1) / 2]));
    }
}
