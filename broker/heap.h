/* heap.h - a binary min-heap of things that know their place in it, so that any can be taken out.
 *
 * Ordered by rank; equal ranks by the `tie` function, which makes the order total. Room is *owned* before it
 * is used: heap_own() is the only function that allocates, and whoever owns a slot can always be added. */
#ifndef MQ_HEAP_H
#define MQ_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_NONE SIZE_MAX

struct heap_entry {
    size_t index; /* HEAP_NONE: in no heap */
};

struct heap_node {
    uint64_t rank;
    struct heap_entry *entry;
};

struct heap {
    struct heap_node *nodes;
    size_t count, owned, capacity;                                      /* count <= owned <= capacity */
    int (*tie)(const struct heap_entry *a, const struct heap_entry *b); /* NULL: ranks alone decide */
};

void heap_init(struct heap *heap, int (*tie)(const struct heap_entry *a, const struct heap_entry *b));
void heap_done(struct heap *heap); /* frees the nodes, not the entries */

/* Gets or gives back the right to add `count` more entries. An entry's slot stays owned while it is in the
 * heap. False: out of memory, nothing changed. heap_disown() may give memory back. */
bool heap_own(struct heap *heap, size_t count);
void heap_disown(struct heap *heap, size_t count);

void heap_entry_init(struct heap_entry *entry);
static inline bool heap_has(const struct heap_entry *entry)
{
    return entry->index != HEAP_NONE;
}

void heap_add(struct heap *heap, struct heap_entry *entry, uint64_t rank);
void heap_remove(struct heap *heap, struct heap_entry *entry);
struct heap_entry *heap_first(const struct heap *heap); /* NULL: empty */
uint64_t heap_first_rank(const struct heap *heap);      /* UINT64_MAX: empty */
uint64_t heap_rank(const struct heap *heap, const struct heap_entry *entry);

/* Adds `by` to every rank, never beyond UINT64_MAX - 1: ranks that meet there are ordered by their ties. */
void heap_shift(struct heap *heap, uint64_t by);

void heap_check(const struct heap *heap); /* asserts order and indices */

#endif
