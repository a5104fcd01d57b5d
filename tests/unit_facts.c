/* unit_facts.c - facts being written: what takes room, what waits for them, and what without memory. */
#include "failing_malloc.h"
#include "facts.h"
#include "unit.h"

#include <stdlib.h>

/* Facts with items, with ids and with refusals. */
static void write_each_rest(struct facts *f)
{
    facts_begin(f, &(struct fact){.kind = FACT_STORED});
    facts_item(f, false, (struct bytes){0}, mq_bytes("body"));
    facts_end(f);
    facts_begin(f, &(struct fact){.kind = FACT_DONE});
    facts_id(f, 7);
    facts_ids(f, (struct range){9, 500});
    facts_end(f);
    facts_begin(f, &(struct fact){.kind = FACT_REFUSED});
    facts_refusal(f, (struct refusal){12, MQ_TOO_MANY_DONE});
    facts_end(f);
}

static void nothing_is_written_when_facts_are_off(void)
{
    struct facts f;
    facts_init(&f, false);
    CHECK(facts_reserve(&f, SIZE_MAX / 2));
    write_each_rest(&f);
    facts_add(&f, &(struct fact){.kind = FACT_LAPSED});
    CHECK(!facts_are_there(&f) && !f.data);
    CHECK_EQUAL(facts_position(&f), 0);
    CHECK_EQUAL(f.needed, 0);
    facts_done(&f);
}

static void only_what_is_not_lazy_moves_what_is_needed(void)
{
    struct facts f;
    facts_init(&f, true);
    facts_add_lazily(&f, &(struct fact){.kind = FACT_LAPSED});
    CHECK_EQUAL(f.needed, 0);
    facts_add(&f, &(struct fact){.kind = FACT_GONE});
    uint64_t needed = f.needed;
    CHECK_EQUAL(needed, facts_position(&f));
    facts_begin(&f, &(struct fact){.kind = FACT_TAKEN});
    facts_id(&f, 1);
    facts_end_lazily(&f);
    CHECK_EQUAL(f.needed, needed);
    CHECK(facts_position(&f) > needed);
    facts_done(&f);
}

static void ids_that_count_up_are_one_run(void)
{
    struct facts f;
    facts_init(&f, true);
    facts_begin(&f, &(struct fact){.kind = FACT_DONE});
    size_t before = facts_size(&f);
    for (uint64_t id = 1000; id < 9000; id++)
        facts_id(&f, id);
    facts_ids(&f, (struct range){9000, UINT64_MAX - 2});
    facts_ids(&f, (struct range){UINT64_MAX - 1, UINT64_MAX - 1});
    facts_end(&f);
    CHECK(facts_size(&f) - before <= FACT_RUN_MAX);
    struct fact_reader r;
    struct fact fact;
    struct range run;
    fact_read(&r, facts_bytes(&f));
    CHECK(fact_next(&r, &fact));
    CHECK(fact_next_run(&r, &fact, &run));
    CHECK(run.first == 1000 && run.last == UINT64_MAX - 1);
    CHECK(!fact_next_run(&r, &fact, &run));
    facts_done(&f);
}

static void a_single_id_near_the_last_one_takes_two_bytes(void)
{
    struct facts f;
    facts_init(&f, true);
    facts_begin(&f, &(struct fact){.kind = FACT_DONE});
    facts_id(&f, (uint64_t)1 << 60);
    facts_id(&f, ((uint64_t)1 << 60) - 1);
    size_t before = facts_size(&f);
    for (uint64_t id = 2; id < 52; id++) /* as a stack gives them */
        facts_id(&f, ((uint64_t)1 << 60) - id);
    facts_end(&f);
    CHECK(facts_size(&f) - before <= 50 * 2 + FACT_RUN_MAX);
    facts_done(&f);
}

static void a_checkpoint_says_how_much_belongs_to_it(void)
{
    struct facts f;
    facts_init(&f, true);
    facts_add(&f, &(struct fact){.kind = FACT_LAPSED, .cause.session = 5});
    size_t at = facts_size(&f);
    facts_add_lazily(&f, &(struct fact){.kind = FACT_CHECKPOINT, .first_id = 77, .segment = UINT64_MAX});
    size_t inside = facts_size(&f);
    for (size_t i = 0; i < 100; i++)
        facts_add_lazily(&f, &(struct fact){.kind = FACT_SESSION, .cause.session = i});
    facts_count(&f, at);
    struct fact_reader r;
    struct fact fact;
    fact_read(&r, facts_bytes(&f));
    CHECK(fact_next(&r, &fact));
    CHECK(fact_next(&r, &fact));
    CHECK_EQUAL(fact.kind, FACT_CHECKPOINT);
    CHECK_EQUAL(fact.first_id, 77);
    CHECK_EQUAL(fact.count, facts_size(&f) - inside);
    CHECK_EQUAL(fact.count, r.left.size);
    facts_done(&f);
}

static void what_is_taken_away_leaves_positions_counting_on(void)
{
    struct facts f;
    uint8_t *data, *second;
    size_t size, capacity;
    facts_init(&f, true);
    facts_add(&f, &(struct fact){.kind = FACT_LAPSED, .cause.session = 1});
    uint64_t position = facts_position(&f);
    facts_take(&f, NULL, 0, &data, &size, &capacity);
    CHECK_EQUAL(size, FACTS_HEAD + position);
    CHECK(capacity >= size + 8);
    CHECK(!facts_are_there(&f));
    CHECK_EQUAL(facts_position(&f), position);
    facts_add(&f, &(struct fact){.kind = FACT_LAPSED, .cause.session = 2});
    CHECK_EQUAL(facts_position(&f), 2 * position);
    facts_take(&f, data, capacity, &second, &size, &capacity);
    CHECK_EQUAL(size, FACTS_HEAD + position);
    facts_add(&f, &(struct fact){.kind = FACT_LAPSED, .cause.session = 3});
    CHECK(f.data == data);
    CHECK_EQUAL(facts_position(&f), 3 * position);
    free(second);
    facts_done(&f);
}

static void what_was_reserved_is_written_without_memory(void)
{
    enum { SIZE = 1 << 20 };
    static const uint8_t body[SIZE];
    struct facts f;
    facts_init(&f, true);
    malloc_always_fails = true;
    CHECK(!facts_reserve(&f, 1));
    CHECK(!f.is_broken && !f.data);
    malloc_always_fails = false;
    CHECK(facts_reserve(&f, 3 * SIZE + 100));
    malloc_always_fails = true;
    facts_begin(&f, &(struct fact){.kind = FACT_STORED});
    for (size_t i = 0; i < 3; i++)
        facts_item(&f, false, (struct bytes){0}, (struct bytes){body, SIZE});
    facts_end(&f);
    CHECK(!f.is_broken);
    /* What nobody reserved takes the spare. */
    for (size_t size = 0; size < FACTS_SPARE / 2; size = facts_size(&f) - 3 * SIZE)
        facts_add(&f, &(struct fact){.kind = FACT_LAPSED});
    CHECK(!f.is_broken);
    CHECK(!facts_reserve(&f, 1));
    malloc_always_fails = false;
    CHECK(facts_reserve(&f, 1));
    facts_done(&f);
}

static void facts_without_memory_are_broken_for_good_and_end_with_a_whole_one(void)
{
    static const uint8_t body[1 << 20];
    struct facts f;
    facts_init(&f, true);
    CHECK(facts_reserve(&f, 1));
    facts_add(&f, &(struct fact){.kind = FACT_GONE, .cause.session = 3});
    size_t size = facts_size(&f);
    malloc_always_fails = true;
    facts_begin(&f, &(struct fact){.kind = FACT_STORED});
    for (size_t i = 0; i < 3; i++)
        facts_item(&f, false, (struct bytes){0}, (struct bytes){body, sizeof body});
    facts_end(&f);
    malloc_always_fails = false;
    CHECK(f.is_broken);
    CHECK_EQUAL(facts_size(&f), size);
    CHECK(f.needed == UINT64_MAX);
    CHECK(!facts_reserve(&f, 1));
    write_each_rest(&f);
    CHECK_EQUAL(facts_size(&f), size);
    CHECK(f.needed == UINT64_MAX);
    facts_done(&f);
}

static void without_memory_from_the_beginning_facts_are_broken(void)
{
    struct facts f;
    facts_init(&f, true);
    malloc_always_fails = true;
    facts_add(&f, &(struct fact){.kind = FACT_GONE, .cause.session = 3});
    malloc_always_fails = false;
    CHECK(f.is_broken && !facts_are_there(&f));
    facts_done(&f);
}

/* When memory for twice as much is not there, memory for enough may be. */
static void growing_is_content_with_enough(void)
{
    struct facts f;
    facts_init(&f, true);
    CHECK(facts_reserve(&f, 1 << 20));
    size_t capacity = f.capacity;
    malloc_fails_at = malloc_calls + 1;
    CHECK(facts_reserve(&f, (1 << 20) + 1));
    malloc_fails_at = 0;
    CHECK_EQUAL(f.capacity, capacity + 1);
    facts_done(&f);
}

static void what_was_written_since_a_mark_can_be_undone(void)
{
    struct facts f;
    facts_init(&f, true);
    facts_add(&f, &(struct fact){.kind = FACT_GONE, .cause.session = 3});
    struct facts_mark mark = facts_mark(&f);
    size_t size = facts_size(&f);
    uint64_t needed = f.needed;
    facts_add(&f, &(struct fact){.kind = FACT_GONE, .cause.session = 4});
    facts_undo(&f, mark);
    CHECK_EQUAL(facts_size(&f), size);
    CHECK_EQUAL(f.needed, needed);
    malloc_always_fails = true;
    while (!f.is_broken)
        facts_add(&f, &(struct fact){.kind = FACT_GONE, .cause.session = 4});
    malloc_always_fails = false;
    facts_undo(&f, mark);
    CHECK(!f.is_broken);
    CHECK_EQUAL(facts_size(&f), size);
    CHECK_EQUAL(f.needed, needed);
    facts_done(&f);
}

static const struct unit_test tests[] = {
    UNIT(nothing_is_written_when_facts_are_off),
    UNIT(only_what_is_not_lazy_moves_what_is_needed),
    UNIT(ids_that_count_up_are_one_run),
    UNIT(a_single_id_near_the_last_one_takes_two_bytes),
    UNIT(a_checkpoint_says_how_much_belongs_to_it),
    UNIT(what_is_taken_away_leaves_positions_counting_on),
    UNIT(what_was_reserved_is_written_without_memory),
    UNIT(facts_without_memory_are_broken_for_good_and_end_with_a_whole_one),
    UNIT(without_memory_from_the_beginning_facts_are_broken),
    UNIT(growing_is_content_with_enough),
    UNIT(what_was_written_since_a_mark_can_be_undone),
};

int main(void)
{
    return unit_run("facts", tests, sizeof tests / sizeof *tests);
}
