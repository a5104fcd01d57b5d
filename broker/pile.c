/* pile.c - see pile.h. */
#include "pile.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "key.h"

enum { CAPACITY_MIN = 8, LARGE_PAGE = 2 << 20, LARGE_SIZE = 4 * LARGE_PAGE };

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

/* Each level of a large pile is another place in memory, which the processor finds quicker by large pages;
 * they have to be whole and aligned, or they are none. */
static struct pile_node *new_nodes(size_t capacity)
{
    size_t size = capacity * sizeof(struct pile_node);
    if (size < LARGE_SIZE)
        return malloc(size);
    struct pile_node *nodes = aligned_alloc(LARGE_PAGE, (size + LARGE_PAGE - 1) & ~(size_t)(LARGE_PAGE - 1));
    if (nodes)
        (void)madvise(nodes, size, MADV_HUGEPAGE); /* where there are none, nothing changes */
    return nodes;
}

static bool resize(struct pile *pile, size_t capacity)
{
    struct pile_node *nodes = new_nodes(capacity);
    if (!nodes)
        return false;
    if (pile->count)
        memcpy(nodes, pile->nodes, pile->count * sizeof *nodes);
    free(pile->nodes);
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

bool pile_is_before(const struct pile *pile, const struct pile_node *a, const struct pile_node *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    int by_key = pile->asks_keys ? key_compare(item_key(a->item), item_key(b->item)) : 0;
    return by_key ? by_key < 0 : a->id < b->id;
}

static void sift_up(struct pile *pile, size_t at, struct pile_node node)
{
    while (at > 0) {
        size_t parent = (at - 1) / PILE_CHILDREN;
        if (!pile_is_before(pile, &node, &pile->nodes[parent]))
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

static size_t best_of(const struct pile *pile, size_t first, size_t end)
{
    size_t best = first;
    for (size_t i = first + 1; i < end; i++)
        if (pile_is_before(pile, &pile->nodes[i], &pile->nodes[best]))
            best = i;
    return best;
}

/* Items lie anywhere in memory, and in a large queue in none of the processor's caches. Of what comes near
 * the top, to be taken soon, the item is fetched; of what is next, also what it points to. */
static void fetch_early(const struct pile_node *node, size_t at)
{
    if (at == 0)
        __builtin_prefetch(node->item->record);
    else if (at <= PILE_CHILDREN)
        __builtin_prefetch(node->item);
}

static void sift_down(struct pile *pile, size_t at, struct pile_node node)
{
    size_t first, end;
    for (pile_children(pile, at, &first, &end); first < end; pile_children(pile, at, &first, &end)) {
        size_t best = best_of(pile, first, end);
        if (!pile_is_before(pile, &pile->nodes[best], &node))
            break;
        pile->nodes[at] = pile->nodes[best];
        fetch_early(&pile->nodes[at], at);
        at = best;
    }
    pile->nodes[at] = node;
}

void pile_add(struct pile *pile, struct item *item, struct pile_rank rank)
{
    assert(pile->count < pile->owned);
    pile->asks_keys = !rank.tells_all || (pile->asks_keys && pile->count > 0);
    sift_up(pile, pile->count++, (struct pile_node){rank.number, item->id, item});
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

struct item *pile_take_at(struct pile *pile, size_t at)
{
    assert(at < pile->count);
    struct item *item = pile->nodes[at].item;
    struct pile_node last = pile->nodes[--pile->count];
    if (at == pile->count)
        return item;
    if (at > 0 && pile_is_before(pile, &last, &pile->nodes[(at - 1) / PILE_CHILDREN]))
        sift_up(pile, at, last);
    else
        sift_down(pile, at, last);
    return item;
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
        assert(!pile_is_before(pile, &pile->nodes[i], &pile->nodes[(i - 1) / PILE_CHILDREN]));
}
