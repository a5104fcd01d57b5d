/* pool.c - see pool.h. */
#include "pool.h"

#include <stdlib.h>

enum { SLAB_SIZE = 32 << 10, BLOCKS_MIN = 8 };

/* Each block knows its slab; while it is not taken, the next of those lies where its bytes begin. */
struct slot {
    struct slab *slab;
    struct slot *next;
};

struct slab {
    struct list_node node;
    struct slot *given;   /* blocks that were taken and came back */
    size_t taken, untold; /* untold: blocks that were never taken, all at the end */
    _Alignas(max_align_t) char blocks[];
};

static size_t slot_size(const struct pool *pool)
{
    return offsetof(struct slot, next) + pool->block_size;
}

static size_t blocks_of_slab(const struct pool *pool)
{
    size_t count = SLAB_SIZE / slot_size(pool);
    return count > BLOCKS_MIN ? count : BLOCKS_MIN;
}

void pool_init(struct pool *pool, size_t block_size)
{
    assert(block_size % sizeof(void *) == 0 && block_size > 0);
    *pool = (struct pool){.block_size = block_size};
    list_init(&pool->slabs);
}

static void slab_free(struct pool *pool, struct slab *slab)
{
    assert(slab->taken == 0);
    list_remove(&slab->node);
    pool->free -= blocks_of_slab(pool);
    free(slab);
}

void pool_done(struct pool *pool)
{
    struct list_node *node;
    assert(pool->taken == 0 && pool->owned == 0);
    while ((node = list_first(&pool->slabs)))
        slab_free(pool, CONTAINER_OF(node, struct slab, node));
}

static bool add_slab(struct pool *pool)
{
    size_t count = blocks_of_slab(pool);
    struct slab *slab = malloc(sizeof *slab + count * slot_size(pool));
    if (!slab)
        return false;
    slab->node = (struct list_node){0};
    slab->given = NULL;
    slab->taken = 0;
    slab->untold = count;
    list_append(&pool->slabs, &slab->node);
    pool->free += count;
    return true;
}

/* A slab of which nothing is taken goes back, if enough is left for those who own blocks, and some. */
static void free_if_spare(struct pool *pool, struct slab *slab)
{
    size_t count = blocks_of_slab(pool);
    if (slab->taken == 0 && pool->free - count >= pool->owned + count / 2)
        slab_free(pool, slab);
}

bool pool_own(struct pool *pool, size_t count)
{
    while (pool->free - pool->owned < count)
        if (!add_slab(pool))
            return false;
    pool->owned += count;
    return true;
}

void pool_disown(struct pool *pool, size_t count)
{
    assert(pool->owned >= count);
    pool->owned -= count;
}

void *pool_take(struct pool *pool)
{
    assert(pool->owned > 0);
    struct slab *slab = CONTAINER_OF(pool->slabs.head.next, struct slab, node);
    struct slot *slot = slab->given;
    if (slot)
        slab->given = slot->next;
    else
        slot = (struct slot *)(void *)(slab->blocks + --slab->untold * slot_size(pool));
    slot->slab = slab;
    slab->taken++;
    if (!slab->given && slab->untold == 0)
        list_remove(&slab->node);
    pool->owned--;
    pool->free--;
    pool->taken++;
    return &slot->next;
}

void pool_give(struct pool *pool, void *block)
{
    struct slot *slot = CONTAINER_OF(block, struct slot, next);
    struct slab *slab = slot->slab;
    assert(slab->taken > 0);
    if (!list_has(&slab->node))
        list_prepend(&pool->slabs, &slab->node);
    slot->next = slab->given;
    slab->given = slot;
    slab->taken--;
    pool->free++;
    pool->taken--;
    free_if_spare(pool, slab);
}
