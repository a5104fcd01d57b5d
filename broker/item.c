/* item.c - see item.h. */
#include "item.h"

/* What is known of an indexed item besides lies behind it, in the same block. */
struct place {
    struct table_node node;
    struct lease *holder;
};

_Static_assert(sizeof(struct place) + 2 * sizeof(void *) <= ITEM_INDEX_COST,
               "an index takes more than is counted");

static struct place *place_of(const struct item *item)
{
    return (struct place *)(void *)(item + 1);
}

void stock_index(struct stock *stock)
{
    assert(stock->items.taken == 0 && stock->items.owned == 0);
    pool_done(&stock->items);
    pool_init(&stock->items, sizeof(struct item) + sizeof(struct place));
    stock->is_indexed = true;
}

struct lease *item_holder(const struct item *item)
{
    return place_of(item)->holder;
}

void item_tell_holder(struct item *item, struct lease *lease)
{
    place_of(item)->holder = lease;
}

/* Ids count up, and items of neighbouring ids come and go together: eight neighbours share the same line of
 * the processor's cache. */
static uint64_t hash_of(uint64_t id)
{
    return table_hash_number(id >> 3) << 3 | (id & 7);
}

void item_enter(struct stock *stock, struct item *item)
{
    struct place *place = place_of(item);
    place->holder = NULL;
    table_add(&stock->index, &place->node, hash_of(item->id));
}

void item_leave(struct stock *stock, struct item *item)
{
    table_remove(&stock->index, &place_of(item)->node);
}

struct item *item_find(const struct stock *stock, uint64_t id)
{
    uint64_t hash = hash_of(id);
    for (struct table_node *n = table_first(&stock->index, hash); n; n = table_next(n, hash)) {
        struct item *item = (struct item *)(void *)n - 1;
        if (item->id == id)
            return item;
    }
    return NULL;
}
