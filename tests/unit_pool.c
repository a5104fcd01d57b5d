/* unit_pool.c - blocks are whole, apart, given back; memory follows what is taken; owning is what can fail.
 */
#include "failing_malloc.h"
#include "pool.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 5000, WORDS = 6 };

static uint64_t *blocks[BLOCKS];

static void fill(uint64_t *block, uint64_t with)
{
    for (size_t i = 0; i < WORDS; i++)
        block[i] = with + i;
}

static bool is_filled(const uint64_t *block, uint64_t with)
{
    for (size_t i = 0; i < WORDS; i++)
        if (block[i] != with + i)
            return false;
    return true;
}

static void take(struct pool *pool, size_t from, size_t to)
{
    CHECK(pool_own(pool, to - from));
    for (size_t i = from; i < to; i++) {
        blocks[i] = pool_take(pool);
        fill(blocks[i], i);
    }
}

static size_t slab_count(const struct pool *pool)
{
    size_t count = 0;
    for (struct list_node *n = list_first(&pool->slabs); n; n = list_next(&pool->slabs, n))
        count++;
    return count;
}

static void blocks_lie_apart_and_keep_what_is_written(void)
{
    struct pool pool;
    pool_init(&pool, WORDS * sizeof(uint64_t));
    take(&pool, 0, BLOCKS);
    for (size_t i = 0; i < BLOCKS; i += 3) {
        pool_give(&pool, blocks[i]);
        take(&pool, i, i + 1);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        CHECK(is_filled(blocks[i], i));
    CHECK_EQUAL(pool.taken, BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++)
        pool_give(&pool, blocks[i]);
    pool_done(&pool);
}

static void slabs_of_which_nothing_is_taken_are_freed_but_for_one_or_two(void)
{
    struct pool pool;
    pool_init(&pool, WORDS * sizeof(uint64_t));
    take(&pool, 0, BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++)
        pool_give(&pool, blocks[i * 7 % BLOCKS]);
    CHECK_EQUAL(pool.taken, 0);
    CHECK(slab_count(&pool) <= 2);
    pool_done(&pool);
}

static void what_is_owned_is_not_freed_and_can_be_taken_without_memory(void)
{
    struct pool pool;
    pool_init(&pool, WORDS * sizeof(uint64_t));
    take(&pool, 0, BLOCKS / 2);
    CHECK(pool_own(&pool, BLOCKS / 2));
    for (size_t i = 0; i < BLOCKS / 2; i++)
        pool_give(&pool, blocks[i]);
    malloc_fails_at = malloc_calls + 1;
    for (size_t i = 0; i < BLOCKS / 2; i++)
        blocks[i] = pool_take(&pool);
    malloc_fails_at = 0;
    CHECK_EQUAL(pool.owned, 0);
    for (size_t i = 0; i < BLOCKS / 2; i++)
        pool_give(&pool, blocks[i]);
    pool_done(&pool);
}

static void owning_fails_without_memory_and_then_nothing_is_owned(void)
{
    struct pool pool;
    pool_init(&pool, WORDS * sizeof(uint64_t));
    malloc_fails_at = malloc_calls + 2;
    CHECK(!pool_own(&pool, BLOCKS));
    malloc_fails_at = 0;
    CHECK_EQUAL(pool.owned, 0);
    CHECK(pool_own(&pool, 1));
    pool_disown(&pool, 1);
    pool_done(&pool);
}

static const struct unit_test tests[] = {
    UNIT(blocks_lie_apart_and_keep_what_is_written),
    UNIT(slabs_of_which_nothing_is_taken_are_freed_but_for_one_or_two),
    UNIT(what_is_owned_is_not_freed_and_can_be_taken_without_memory),
    UNIT(owning_fails_without_memory_and_then_nothing_is_owned),
};

int main(void)
{
    return unit_run("pool", tests, sizeof tests / sizeof *tests);
}
