/* item.c - see item.h. */
#include "item.h"

/* Its place in the index lies behind the item, in the same block. */
static struct table_node *node_of(struct item *item)
{
    return (struct table_node *)(void *)(item + 1);
}

void stock_index(struct stock *stock)
{
    assert(stock->items.taken == 0 && stock->items.owned == 0);
    pool_done(&stock->items);
    pool_init(&stock->items, sizeof(struct item) + sizeof(struct table_node));
    stock->is_indexed = true;
}

/* Ids count up, and items of neighbouring ids come and go together: eight neighbours share the same line of
 * the processor's cache. */
static uint64_t hash_of(uint64_t id)
{
    return table_hash_number(id >> 3) << 3 | (id & 7);
}

void item_enter(struct stock *stock, struct item *item)
{
    table_add(&stock->index, node_of(item), hash_of(item->id));
}

void item_leave(struct stock *stock, struct item *item)
{
    table_remove(&stock->index, node_of(item));
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
