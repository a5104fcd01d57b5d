/* item.c - see item.h. */
#include "item.h"

#include <stdlib.h>
#include <string.h>

/* What the allocator adds to a block, roughly. */
enum { BLOCK_OVERHEAD = 16 };

struct item *item_new(const struct put_item *put, struct bytes key)
{
    assert(put->body.size <= UINT32_MAX);
    assert(key.size <= MQ_KEY_SIZE_MAX);
    struct item *item = malloc(sizeof *item + key.size + put->body.size);
    if (!item)
        return NULL;
    memset(item, 0, sizeof *item);
    heap_entry_init(&item->place);
    item->body_size = (uint32_t)put->body.size;
    item->key_size = (uint16_t)key.size;
    if (key.size)
        memcpy(item->data, key.data, key.size);
    if (put->body.size)
        memcpy(item->data + key.size, put->body.data, put->body.size);
    return item;
}

void item_free(struct item *item)
{
    if (!item)
        return;
    assert(!list_has(&item->node));
    assert(!heap_has(&item->place));
    free(item);
}

struct bytes item_key(const struct item *item)
{
    return (struct bytes){item->data, item->key_size};
}

struct bytes item_body(const struct item *item)
{
    return (struct bytes){item->data + item->key_size, item->body_size};
}

size_t item_cost(size_t body_size, size_t key_size)
{
    return sizeof(struct item) + BLOCK_OVERHEAD + body_size + key_size;
}

size_t item_cost_of(const struct item *item)
{
    return item_cost(item->body_size, item->key_size);
}
