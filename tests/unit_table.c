/* unit_table.c - table.h against a plain array of flags. */
#include "failing_malloc.h"
#include "list.h"
#include "table.h"
#include "unit.h"

#include <string.h>

enum { THINGS = 5000 };

struct thing {
    uint64_t number;
    bool present;
    unsigned seen;
    struct table_node node;
};

static struct thing *find(const struct table *table, uint64_t number, uint64_t hash)
{
    for (struct table_node *n = table_first(table, hash); n; n = table_next(n, hash)) {
        struct thing *thing = CONTAINER_OF(n, struct thing, node);
        if (thing->number == number)
            return thing;
    }
    return NULL;
}

/* Everything present is found and walked over once, and nothing else. */
static void compare(const struct table *table, struct thing *things, uint64_t (*hash)(uint64_t))
{
    size_t present = 0, walked = 0;
    for (size_t i = 0; i < THINGS; i++) {
        CHECK(find(table, i, hash(i)) == (things[i].present ? &things[i] : NULL));
        present += things[i].present;
        things[i].seen = 0;
    }
    for (struct table_node *n = table_walk(table, NULL); n; n = table_walk(table, n), walked++) {
        CHECK(CONTAINER_OF(n, struct thing, node)->present);
        CHECK_EQUAL(CONTAINER_OF(n, struct thing, node)->seen++, 0);
    }
    CHECK_EQUAL(table->count, present);
    CHECK_EQUAL(walked, present);
}

static void toggle(struct table *table, struct thing *thing, uint64_t hash)
{
    if (thing->present)
        table_remove(table, &thing->node);
    else
        table_add(table, &thing->node, hash);
    thing->present = !thing->present;
}

static void things_init(struct thing things[THINGS])
{
    for (size_t i = 0; i < THINGS; i++)
        things[i] = (struct thing){.number = i};
}

static uint64_t bad_hash(uint64_t number)
{
    return number % 3;
}

static void random_steps(uint64_t (*hash)(uint64_t), int step_count)
{
    static struct thing things[THINGS];
    struct table table;
    table_init(&table);
    things_init(things);
    uint64_t random = 88172645463325252u;
    for (int step = 0; step < step_count; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t i = (size_t)((random >> 33) % THINGS);
        malloc_always_fails = (random >> 20) % 4 == 0;
        toggle(&table, &things[i], hash(i));
        malloc_always_fails = false;
        if (step % 50 == 0)
            compare(&table, things, hash);
    }
    compare(&table, things, hash);
    table_done(&table);
}

static void whatever_is_added_and_removed_is_found_until_it_is_removed(void)
{
    random_steps(table_hash_number, 10000);
}

static void things_of_equal_hash_are_told_apart_by_the_caller(void)
{
    random_steps(bad_hash, 2000);
}

static void a_table_grows_and_shrinks_with_its_count(void)
{
    static struct thing things[THINGS];
    struct table table;
    table_init(&table);
    things_init(things);
    for (size_t i = 0; i < THINGS; i++) {
        toggle(&table, &things[i], table_hash_number(i));
        CHECK(table.mask + 1 >= table.count);
    }
    for (size_t i = 0; i < THINGS; i++) {
        toggle(&table, &things[i], table_hash_number(i));
        CHECK(table.mask + 1 <= 1024 || table.mask + 1 <= 8 * table.count);
    }
    compare(&table, things, table_hash_number);
    table_done(&table);
}

static void adding_works_without_any_memory(void)
{
    static struct thing things[THINGS];
    struct table table;
    table_init(&table);
    things_init(things);
    malloc_always_fails = true;
    for (size_t i = 0; i < THINGS; i++)
        toggle(&table, &things[i], table_hash_number(i));
    malloc_always_fails = false;
    CHECK_EQUAL(table.mask, 0);
    compare(&table, things, table_hash_number);
    toggle(&table, &things[0], table_hash_number(0));
    toggle(&table, &things[0], table_hash_number(0));
    CHECK(table.mask > 0);
    compare(&table, things, table_hash_number);
    table_done(&table);
}

static void an_empty_table_has_nothing_to_find_or_walk(void)
{
    struct table table;
    table_init(&table);
    CHECK(table_first(&table, 0) == NULL);
    CHECK(table_walk(&table, NULL) == NULL);
    table_done(&table);
}

static void numbers_in_a_row_spread_over_the_buckets(void)
{
    unsigned buckets[256] = {0};
    for (uint64_t i = 0; i < 2560; i++)
        buckets[table_hash_number(i) & 255]++;
    for (size_t i = 0; i < 256; i++)
        CHECK(buckets[i] < 40);
}

static const struct unit_test tests[] = {
    UNIT(whatever_is_added_and_removed_is_found_until_it_is_removed),
    UNIT(things_of_equal_hash_are_told_apart_by_the_caller),
    UNIT(a_table_grows_and_shrinks_with_its_count),
    UNIT(adding_works_without_any_memory),
    UNIT(an_empty_table_has_nothing_to_find_or_walk),
    UNIT(numbers_in_a_row_spread_over_the_buckets),
};

int main(void)
{
    return unit_run("table", tests, sizeof tests / sizeof *tests);
}
