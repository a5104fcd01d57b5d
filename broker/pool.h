/* pool.h - blocks of one size, taken and given back one by one without asking the allocator each time.
 *
 * Blocks come from slabs of about 32 KiB; when the last block of a slab comes back, the slab is freed, unless
 * few others are left.
 * Room is *owned* before it is used, as in heap.h: pool_own() is the only function that allocates, and who
 * owns a block can always take it. A block's bytes are whatever they were. */
#ifndef MQ_POOL_H
#define MQ_POOL_H

#include "list.h"

struct pool {
    size_t block_size;
    struct list slabs;  /* those with blocks that are not taken */
    size_t free, owned; /* blocks not taken; of these, spoken for: owned <= free */
    size_t taken;
};

void pool_init(struct pool *pool, size_t block_size);
void pool_done(struct pool *pool); /* every block must be back, and nothing owned */

/* The right to take `count` more blocks. False: out of memory, nothing changed. */
bool pool_own(struct pool *pool, size_t count);
void pool_disown(struct pool *pool, size_t count);

void *pool_take(struct pool *pool); /* uses up one that is owned */
void pool_give(struct pool *pool, void *block);

#endif
