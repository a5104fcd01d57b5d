/* unit_pile.c - the lowest comes first, whatever order things came in; room is owned, used and given back. */
#include "failing_malloc.h"
#include "pile.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS = 3000, LARGE = 1 << 20 /* in large pages */ };

static struct item items[ITEMS];
static struct record nothing;
static uint64_t chance = 1;

static uint64_t next_random(uint64_t below)
{
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (chance >> 33) % below;
}

static void items_init(void)
{
    for (size_t i = 0; i < ITEMS; i++)
        items[i] = (struct item){.record = &nothing, .id = i + 1};
}

static void items_come_out_by_rank_and_equal_ranks_by_id(void)
{
    struct pile pile;
    static uint64_t ranks[ITEMS];
    uint64_t last_rank = 0, last_id = 0;
    items_init();
    pile_init(&pile);
    CHECK(pile_own(&pile, ITEMS));
    for (size_t i = 0; i < ITEMS; i++) {
        ranks[i] = next_random(ITEMS / 4);
        pile_add(&pile, &items[i], (struct pile_rank){ranks[i], true});
        pile_check(&pile);
    }
    for (size_t i = 0; i < ITEMS; i++) {
        CHECK(pile_first(&pile) != NULL);
        struct item *item = pile_take(&pile);
        uint64_t rank = ranks[item - items];
        CHECK(rank > last_rank || (rank == last_rank && item->id > last_id));
        last_rank = rank;
        last_id = item->id;
        pile_check(&pile);
        pile_disown(&pile, 1);
    }
    CHECK(pile_first(&pile) == NULL);
    pile_done(&pile);
}

/* Keys longer than a rank, alike in what the rank tells. */
static void what_ranks_do_not_tell_is_decided_by_keys(void)
{
    enum { KEYS = 50, KEY_SIZE = 12 };
    static uint64_t memory[KEYS][16];
    struct pile pile;
    items_init();
    pile_init(&pile);
    CHECK(pile_own(&pile, KEYS));
    for (size_t i = 0; i < KEYS; i++) {
        struct record *record = (struct record *)(void *)memory[i];
        record->data[KEY_SIZE - 1] = (uint8_t)(i * 7 % KEYS);
        items[i].record = record;
        items[i].size = items[i].key_size = KEY_SIZE;
        pile_add(&pile, &items[i], (struct pile_rank){5, false});
        pile_check(&pile);
    }
    for (size_t i = 0; i < KEYS; i++) {
        const uint8_t *key = item_key(pile_take(&pile)).data;
        CHECK_EQUAL(key[KEY_SIZE - 1], i);
        pile_disown(&pile, 1);
    }
    pile_done(&pile);
}

static void a_pile_that_is_not_used_any_more_takes_little_memory(void)
{
    struct pile pile;
    pile_init(&pile);
    CHECK(pile_own(&pile, ITEMS));
    CHECK(pile.capacity >= ITEMS);
    pile_disown(&pile, ITEMS - 1);
    CHECK(pile.capacity < ITEMS);
    pile_disown(&pile, 1);
    CHECK(pile.capacity * sizeof *pile.nodes <= 256);
    pile_done(&pile);
}

static void owning_fails_without_memory_or_for_absurd_numbers_and_changes_nothing(void)
{
    struct pile pile;
    pile_init(&pile);
    malloc_fails_at = malloc_calls + 1;
    CHECK(!pile_own(&pile, 1));
    malloc_fails_at = malloc_calls + 1;
    CHECK(!pile_own(&pile, LARGE));
    malloc_fails_at = 0;
    CHECK(!pile_own(&pile, SIZE_MAX));
    CHECK_EQUAL(pile.owned, 0);
    CHECK(pile_own(&pile, LARGE));
    pile_disown(&pile, LARGE);
    pile_done(&pile);
}

static void the_last_is_what_is_least_work_to_take(void)
{
    struct pile pile;
    items_init();
    pile_init(&pile);
    CHECK(pile_own(&pile, 10));
    for (size_t i = 0; i < 10; i++)
        pile_add(&pile, &items[i], (struct pile_rank){next_random(5), true});
    for (size_t i = 0; i < 10; i++) {
        pile_take_last(&pile);
        pile_check(&pile);
    }
    CHECK_EQUAL(pile.count, 0);
    pile_disown(&pile, 10);
    pile_done(&pile);
}

static const struct unit_test tests[] = {
    UNIT(items_come_out_by_rank_and_equal_ranks_by_id),
    UNIT(what_ranks_do_not_tell_is_decided_by_keys),
    UNIT(a_pile_that_is_not_used_any_more_takes_little_memory),
    UNIT(owning_fails_without_memory_or_for_absurd_numbers_and_changes_nothing),
    UNIT(the_last_is_what_is_least_work_to_take),
};

int main(void)
{
    return unit_run("pile", tests, sizeof tests / sizeof *tests);
}
