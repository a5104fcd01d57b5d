/* item.h - one item: an id, a key, a body, and its node for every place it can be.
 *
 * An item is in exactly one place: in a put that waits, in its queue's order, or leased. It copies key and
 * body once, from the frame; they stay where they are until the item is freed. */
#ifndef MQ_ITEM_H
#define MQ_ITEM_H

#include "heap.h"
#include "list.h"
#include "proto.h"

struct item {
    uint64_t id; /* 0 until it is stored in a queue */
    uint64_t stored_ms;
    struct list_node node;   /* in a waiting put, or in its order's fresh list */
    struct heap_entry place; /* in its order's heap */
    uint32_t deliveries;     /* hand-outs so far */
    uint32_t body_size;
    uint16_t key_size;
    uint8_t data[]; /* key, then body */
};

struct item *item_new(const struct put_item *put, struct bytes key); /* NULL: out of memory */
void item_free(struct item *item);

struct bytes item_key(const struct item *item);
struct bytes item_body(const struct item *item);

/* What an item of this size costs, in bytes of memory; and what its lease costs on top. */
enum { ITEM_LEASE_COST = 192 };
size_t item_cost(size_t body_size, size_t key_size);
size_t item_cost_of(const struct item *item);

#endif
