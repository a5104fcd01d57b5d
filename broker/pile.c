/* pile.c - see pile.h. */
#include "pile.h"

#include <stdlib.h>

#include "key.h"

enum { CAPACITY_MIN = 8 };

void pile_init(struct pile *pile)
{
    *pile = (struct pile){.nodes = NULL};
}

void pile_done(struct pile *pile)
{
    assert(pile->count == 0 && pile->owned == 0);
    free(pile->nodes);
    pile_init(pile);
}

static bool resize(struct pile *pile, size_t capacity)
{
    struct pile_node *nodes = realloc(pile->nodes, capacity * sizeof *nodes);
    if (!nodes)
        return false;
    pile->nodes = nodes;
    pile->capacity = capacity;
    return true;
}

bool pile_own(struct pile *pile, size_t count)
{
    const size_t limit = SIZE_MAX / 2 / sizeof *pile->nodes; /* so that doubling cannot overflow */
    if (count > limit || pile->owned > limit - count)
        return false;
    size_t capacity = pile->capacity ? pile->capacity : CAPACITY_MIN;
    while (capacity < pile->owned + count)
        capacity *= 2;
    if (capacity > pile->capacity && !resize(pile, capacity))
        return false;
    pile->owned += count;
    return true;
}

/* One that nobody needs takes hardly any memory; one that is hardly used, half. */
void pile_disown(struct pile *pile, size_t count)
{
    assert(pile->owned >= pile->count + count);
    pile->owned -= count;
    if (pile->owned == 0 && pile->capacity > CAPACITY_MIN) {
        free(pile->nodes);
        pile_init(pile);
    } else if (pile->capacity > CAPACITY_MIN && pile->owned < pile->capacity / 8) {
        (void)resize(pile, pile->capacity / 2); /* too large is no harm */
    }
}

bool pile_is_before(struct pile_node a, struct pile_node b)
{
    if (a.rank != b.rank)
        return a.rank < b.rank;
    int by_key = key_compare(item_key(a.item), item_key(b.item));
    return by_key ? by_key < 0 : a.item->id < b.item->id;
}

static void sift_up(struct pile *pile, size_t at, struct pile_node node)
{
    while (at > 0) {
        size_t parent = (at - 1) / PILE_CHILDREN;
        if (!pile_is_before(node, pile->nodes[parent]))
            break;
        pile->nodes[at] = pile->nodes[parent];
        at = parent;
    }
    pile->nodes[at] = node;
}

void pile_children(const struct pile *pile, size_t at, size_t *ret_first, size_t *ret_end)
{
    *ret_first = PILE_CHILDREN * at + 1;
    *ret_end = *ret_first + PILE_CHILDREN < pile->count ? *ret_first + PILE_CHILDREN : pile->count;
}

static void sift_down(struct pile *pile, size_t at, struct pile_node node)
{
    for (;;) {
        size_t child, end;
        pile_children(pile, at, &child, &end);
        if (child >= end)
            break;
        size_t best = child;
        while (++child < end)
            if (pile_is_before(pile->nodes[child], pile->nodes[best]))
                best = child;
        if (!pile_is_before(pile->nodes[best], node))
            break;
        pile->nodes[at] = pile->nodes[best];
        at = best;
    }
    pile->nodes[at] = node;
}

void pile_add(struct pile *pile, struct item *item, uint64_t rank)
{
    assert(pile->count < pile->owned);
    sift_up(pile, pile->count++, (struct pile_node){rank, item});
}

struct item *pile_first(const struct pile *pile)
{
    return pile->count ? pile->nodes[0].item : NULL;
}

struct item *pile_take(struct pile *pile)
{
    assert(pile->count > 0);
    struct item *first = pile->nodes[0].item;
    struct pile_node last = pile->nodes[--pile->count];
    if (pile->count)
        sift_down(pile, 0, last);
    return first;
}

struct item *pile_take_last(struct pile *pile)
{
    assert(pile->count > 0);
    return pile->nodes[--pile->count].item;
}

void pile_check(const struct pile *pile)
{
    assert(pile->count <= pile->owned && pile->owned <= pile->capacity);
    for (size_t i = 1; i < pile->count; i++)
        assert(!pile_is_before(pile->nodes[i], pile->nodes[(i - 1) / PILE_CHILDREN]));
}
