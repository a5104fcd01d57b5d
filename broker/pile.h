/* pile.h - items by rank, the lowest first: a heap of which only the first or the last is ever taken out, so
 * that items need not know their place in it, and moving one touches nothing but the heap.
 *
 * Equal ranks are decided by key, where ranks do not tell all of it, and then by id. Room is *owned* before
 * it is used, as in heap.h: pile_own() is the only function that allocates. Eight children a node: a third of
 * the levels of two, and the eight lie side by side. */
#ifndef MQ_PILE_H
#define MQ_PILE_H

#include "item.h"

enum { PILE_CHILDREN = 8 };

struct pile_rank {
    uint64_t number;
    bool tells_all; /* equal numbers mean equal keys */
};

struct pile_node {
    uint64_t rank, id;
    struct item *item;
};

struct pile {
    struct pile_node *nodes;
    size_t count, owned, capacity; /* count <= owned <= capacity */
    bool asks_keys;                /* a rank that does not tell all is, or was, among them */
};

void pile_init(struct pile *pile);
void pile_done(struct pile *pile); /* must be empty, and nothing owned */

/* Gets or gives back the right to add `count` more. An item's place stays owned while it is in the pile.
 * False: out of memory, nothing changed. pile_disown() may give memory back. */
bool pile_own(struct pile *pile, size_t count);
void pile_disown(struct pile *pile, size_t count);

void pile_add(struct pile *pile, struct item *item, struct pile_rank rank);
struct item *pile_first(const struct pile *pile);        /* NULL: empty */
struct item *pile_take(struct pile *pile);               /* the first; not from an empty one */
struct item *pile_take_at(struct pile *pile, size_t at); /* of the array: after a look at all of it */
struct item *pile_take_last(struct pile *pile);          /* the one that is the least work */

/* Rank, then key, then id: is a before b? */
bool pile_is_before(const struct pile *pile, const struct pile_node *a, const struct pile_node *b);

/* The children of the node at this place of the array: [first, end). */
void pile_children(const struct pile *pile, size_t at, size_t *ret_first, size_t *ret_end);

void pile_check(const struct pile *pile); /* asserts the order */

#endif
