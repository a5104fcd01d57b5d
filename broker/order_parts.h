/* order_parts.h - what the files of an order share. Private to order*.c. */
#ifndef MQ_ORDER_PARTS_H
#define MQ_ORDER_PARTS_H

#include "order.h"

static inline struct chunk *chunk_at(const struct list_node *node) /* of the order's list; NULL: none */
{
    return node ? CONTAINER_OF(node, struct chunk, node) : NULL;
}

/* The fresh record of this chunk that is taken before all others of it. */
static inline struct record *order_next_in(const struct order *order, struct chunk *chunk)
{
    return record_at(chunk, order->kind == MQ_KIND_LIFO ? chunk->last : chunk->first);
}

/* Room in the pile and struct items for so many that are known by themselves. False: out of memory, nothing
 * changed. */
bool order_own_places(struct order *order, size_t count);
void order_disown_places(struct order *order, size_t count);

/* Something in this chunk has died or was taken: it may be freed, or what lives in it moved. */
void order_look_after(struct order *order, struct chunk *chunk);

#endif
