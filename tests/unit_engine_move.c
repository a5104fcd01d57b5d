/* unit_engine_move.c - what lives in an old segment is written again, and the segment is not needed then. */
#include "failing_malloc.h"
#include "rig.h"
#include "rig_facts.h"

#include <stdlib.h>
#include <string.h>

static struct rig rig_of(struct rig_options options)
{
    options.is_durable = options.silent = true;
    struct rig r = rig_new(options);
    rig_begin_segment(&r);
    return r;
}

/* Segment 1 is gone through; what is written is in segment 2. */
static void move_all(struct rig *r)
{
    if (r->segment == 1)
        rig_begin_segment(r);
    rig_facts(r);
    rig_go_through(r, 1, 1 << 20);
    engine_check(r->engine);
    CHECK(!engine_needs(r->engine, 1));
}

static void an_item_that_waits_is_written_again_as_it_was_stored(void)
{
    struct rig r = rig_of((struct rig_options){0});
    rig_put(&r, AT(5), BODIES("a", "b"), OK);
    CHECK(engine_needs(r.engine, 1));
    rig_run_to(&r, 100);
    move_all(&r);
    CHECK_FACTS(&r, "MOVED #1 1 a b");
    CHECK_EQUAL(rig_fact(&r, FACT_MOVED).time_ms, RIG_EPOCH_MS + 5);
    CHECK_EQUAL(rig_fact(&r, FACT_MOVED).deliveries, 0);
    CHECK(engine_needs(r.engine, 2));
    rig_free(&r);
}

static void what_is_done_is_not_written_again(void)
{
    struct rig r = rig_of((struct rig_options){0});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, MAX(2), GIVES("a b"));
    rig_done(&r, ITEMS("b"), OK);
    rig_purge(&r, OK);
    move_all(&r);
    CHECK_FACTS(&r, "MOVED 1/3 #1 1 a");
    rig_done(&r, ITEMS("a"), OK);
    CHECK(!engine_needs(r.engine, 2));
    rig_free(&r);
}

static void a_leased_item_tells_in_whose_hands_it_is(void)
{
    struct rig r = rig_of((struct rig_options){.lease_ms = 700});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    uint64_t number = rig_get(&r, SESSION(2), MAX(2), GIVES("a b"));
    rig_extend(&r, SESSION(2), ITEMS("b"), LEASE_OF(9000), OK);
    CHECK_EQUAL(number, 1);
    move_all(&r);
    CHECK_FACTS(&r, "MOVED 2/1 #1 1 a lease 700; MOVED 2/1 #1 2 b lease 9000; MOVED #1 3 c");
    rig_free(&r);
}

static void a_lease_whose_get_is_confirmed_has_no_call(void)
{
    struct rig r = rig_of((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_confirm(&r, SESSION(2), RANGES({1, 1}));
    rig_get(&r, SESSION(2), GIVES("b"));
    move_all(&r);
    CHECK_FACTS(&r, "MOVED 2 #1 1 a; MOVED 2/2 #1 2 b");
    CHECK_EQUAL(rig_fact(&r, FACT_MOVED).deliveries, 1);
    rig_free(&r);
}

static void an_item_that_is_done_once_confirmed_says_so(void)
{
    struct rig r = rig_of((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), AUTO_DONE, GIVES("a"));
    rig_get(&r, SESSION(2), AUTO_DONE, GIVES("b"));
    rig_confirm(&r, SESSION(2), RANGES({1, 1}));
    move_all(&r);
    CHECK_FACTS(&r, "MOVED 2/2 #1 2 b auto_done");
    rig_free(&r);
}

static void an_item_that_came_back_keeps_its_deliveries(void)
{
    struct rig r = rig_of((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    rig_release(&r, ITEMS("a"), OK);
    rig_get(&r, GIVES("a#2"));
    rig_release(&r, ITEMS("a"), OK);
    rig_get(&r, GIVES("a#3"));
    rig_release(&r, ITEMS("a"), UNTOUCHED, OK);
    move_all(&r);
    CHECK_FACTS(&r, "MOVED #1 1 a");
    CHECK_EQUAL(rig_fact(&r, FACT_MOVED).deliveries, 2);
    CHECK_EQUAL(rig_fact(&r, FACT_MOVED).lease_ms, 0);
    rig_free(&r);
}

static void what_a_lost_session_held_waits_again(void)
{
    struct rig r = rig_of((struct rig_options){.resume_grace_ms = 100});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_drop(&r, SESSION(2));
    rig_run_to(&r, 1000);
    move_all(&r);
    CHECK_FACTS(&r, "MOVED #1 1 a");
    CHECK_EQUAL(rig_fact(&r, FACT_MOVED).deliveries, 1);
    rig_free(&r);
}

static void an_item_is_in_the_hands_of_who_has_it_now(void)
{
    struct rig r = rig_of((struct rig_options){.lease_ms = 100});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_run_to(&r, 200); /* session 2 has lost it */
    rig_get(&r, SESSION(3), GIVES("a#2"));
    move_all(&r);
    CHECK_FACTS(&r, "MOVED 3/1 #1 1 a lease 100");
    rig_free(&r);
}

static void keys_are_written_again(void)
{
    struct rig r = rig_of((struct rig_options){.kind = MQ_KIND_PRIORITY});
    rig_put(&r, BODIES("a", "b"), KEYS(5, 4), OK);
    rig_get(&r, GIVES("b"));
    move_all(&r);
    CHECK_FACTS(&r, "MOVED #1 1 a keyed; MOVED 1/3 #1 2 b keyed");
    rig_begin_segment(&r);
    rig_facts(&r);
    rig_go_through(&r, 2, 1 << 20);
    CHECK_FACTS(&r, "MOVED #1 1 a keyed; MOVED 1/3 #1 2 b keyed");
    rig_free(&r);
}

static void what_was_written_again_is_written_again_later(void)
{
    struct rig r = rig_of((struct rig_options){0});
    rig_put(&r, AT(5), BODIES("a", "b"), OK);
    move_all(&r);
    rig_get(&r, MAX(1), GIVES("a"));
    for (uint64_t segment = 2; segment < 70; segment++) {
        rig_begin_segment(&r);
        rig_facts(&r);
        CHECK(engine_needs(r.engine, segment));
        rig_go_through(&r, segment, 1 << 20);
        CHECK(!engine_needs(r.engine, segment));
        CHECK_FACTS(&r, "MOVED 1/3 #1 1 a; MOVED #1 2 b");
        CHECK_EQUAL(rig_fact(&r, FACT_MOVED).time_ms, RIG_EPOCH_MS + 5);
    }
    rig_free(&r);
}

/* As after a restart in the middle of it. */
static void going_through_a_segment_twice_writes_twice(void)
{
    struct rig r = rig_of((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_begin_segment(&r);
    size_t at = 0, groups = r.group_count;
    for (size_t i = 0; i < groups; i++, at = 0)
        if (r.groups[i].segment == 1)
            CHECK(engine_move(r.engine, r.groups[i].facts, &at, 1 << 20));
    move_all(&r);
    CHECK_FACTS(&r, "MOVED #1 1 a b");
    rig_free(&r);
}

static void a_removed_queue_leaves_nothing_to_be_written(void)
{
    struct rig r = rig_of((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_remove(&r, FORCE, OK);
    rig_open(&r, QUEUE("q"), OK); /* another one */
    CHECK(!engine_needs(r.engine, 1));
    move_all(&r);
    CHECK_FACTS(&r, "");
    rig_free(&r);
}

static void a_transient_queue_has_nothing_in_segments(void)
{
    struct rig r = rig_of((struct rig_options){0});
    rig_open(&r, QUEUE("t"), TRANSIENT(true), OK);
    rig_put(&r, QUEUE("t"), BODIES("a", "b"), OK);
    rig_get(&r, QUEUE("t"), GIVES("a"));
    CHECK(!engine_needs(r.engine, 1));
    move_all(&r);
    CHECK_FACTS(&r, "");
    rig_free(&r);
}

static void neighbours_of_the_same_state_are_written_together(void)
{
    struct rig r = rig_of((struct rig_options){.kind = MQ_KIND_LIFO});
    rig_put(&r, BODIES("a", "b", "c", "d", "e", "f", "g", "h"), OK);
    rig_put(&r, AT(3), BODIES("i", "j"), OK);
    rig_get(&r, MAX(4), GIVES("j i h g"));
    rig_get(&r, MAX(2), GIVES("f e"));
    rig_release(&r, ITEMS("f"), OK);
    rig_release(&r, ITEMS("e"), UNTOUCHED, OK);
    rig_done(&r, ITEMS("h"), OK);
    move_all(&r);
    CHECK_FACTS(&r, "MOVED #1 1 a b c d e; MOVED #1 6 f; MOVED 1/4 #1 7 g; MOVED 1/4 #1 9 i j");
    rig_begin_segment(&r);
    rig_facts(&r);
    rig_go_through(&r, 2, 1 << 20);
    CHECK_FACTS(&r, "MOVED #1 1 a b c d e; MOVED #1 6 f; MOVED 1/4 #1 7 g; MOVED 1/4 #1 9 i j");
    rig_done(&r, ITEMS("i"), OK);
    rig_begin_segment(&r);
    rig_facts(&r);
    rig_go_through(&r, 3, 1);
    CHECK_FACTS(&r, "MOVED #1 1 a; MOVED #1 2 b; MOVED #1 3 c; MOVED #1 4 d; MOVED #1 5 e; MOVED #1 6 f; "
                    "MOVED 1/4 #1 7 g; MOVED 1/4 #1 10 j");
    rig_begin_segment(&r);
    rig_facts(&r);
    rig_go_through(&r, 4, 1 << 20);
    CHECK_FACTS(&r, "MOVED #1 1 a b c d e; MOVED #1 6 f; MOVED 1/4 #1 7 g; MOVED 1/4 #1 10 j");
    rig_free(&r);
}

/* ---- a piece at a time ---- */

/* How many items have been written again, each once and in their order, from this group on. */
static uint64_t count_moved(const struct rig *r, size_t group)
{
    uint64_t count = 0;
    for (size_t i = group; i < r->group_count; i++) {
        struct fact_reader reader;
        struct fact fact;
        struct put_item put;
        fact_read(&reader, r->groups[i].facts);
        while (fact_next(&reader, &fact)) {
            if (fact.kind == FACT_MOVED)
                CHECK_EQUAL(fact.first_id, count + 1);
            while (fact.kind == FACT_MOVED && fact_next_item(&reader, &fact, false, &put))
                count++;
        }
    }
    return count;
}

static size_t moved_bytes(struct rig *r, struct bytes facts, size_t *at, size_t budget)
{
    uint64_t before = facts_position(engine_facts(r->engine));
    CHECK(engine_move(r->engine, facts, at, budget));
    return (size_t)(facts_position(engine_facts(r->engine)) - before);
}

static void it_stops_when_the_budget_is_used_up_also_within_one_put(void)
{
    enum { ITEM = 100, BUDGET = 1000 };
    static const char body[] = "-------------------------------------------------------------------------";
    struct rig r = rig_of((struct rig_options){0});
    for (int i = 0; i < 3; i++)
        rig_put(
            &r,
            BODIES(body, body, body, body, body, body, body, body, body, body, body, body, body, body, body),
            OK);
    rig_begin_segment(&r);
    rig_facts(&r);
    r.is_slow = true;
    size_t pieces = 0;
    for (size_t i = 0; i < r.group_count; i++)
        for (size_t at = 0; r.groups[i].segment == 1 && at < r.groups[i].facts.size; pieces++)
            CHECK(moved_bytes(&r, r.groups[i].facts, &at, BUDGET) < BUDGET + ITEM);
    CHECK(pieces >= 45 * 85 / BUDGET);
    engine_moved(r.engine, 1);
    rig_take(&r);
    CHECK_EQUAL(count_moved(&r, 0), 45);
    rig_free(&r);
}

static void reading_what_is_dead_uses_up_the_budget_slowly(void)
{
    static const char body[] = "-------------------------------------------------------------------------";
    struct rig r = rig_of((struct rig_options){0});
    for (int i = 0; i < 64; i++) {
        rig_put(&r, BODIES(body, body, body, body, body, body, body, body, body, body), OK);
        rig_purge(&r, OK);
    }
    rig_begin_segment(&r);
    size_t read = 0;
    for (size_t i = 0; i < r.group_count; i++)
        for (size_t at = 0; r.groups[i].segment == 1 && at < r.groups[i].facts.size;) {
            size_t before = at;
            CHECK_EQUAL(moved_bytes(&r, r.groups[i].facts, &at, 1), 0);
            CHECK(at > before);
            read += at - before;
        }
    CHECK(read > 64 * 10 * 70);
    rig_free(&r);
}

/* What it stopped in has died meanwhile, and another segment is gone through. */
static void a_put_that_was_left_in_the_middle_is_not_taken_for_another_one(void)
{
    static const char body[] = "-------------------------------------------------------------------------";
    struct rig r = rig_of((struct rig_options){0});
    rig_put(&r, BODIES(body, body, body), OK);
    struct bytes facts = r.groups[r.group_count - 1].facts;
    rig_begin_segment(&r);
    size_t at = 0;
    CHECK(moved_bytes(&r, facts, &at, 10) > 0);
    CHECK(at < facts.size);
    rig_purge(&r, OK);
    rig_put(&r, BODIES("x", "y", "z"), OK);
    rig_begin_segment(&r);
    rig_facts(&r);
    rig_go_through(&r, 2, 1);
    CHECK_FACTS(&r, "MOVED #1 4 x; MOVED #1 5 y; MOVED #1 6 z");
    rig_free(&r);
}

static void without_memory_it_stops_where_it_is_and_goes_on_later(void)
{
    static char body[300000]; /* more than the spare has room for, soon */
    memset(body, 'x', sizeof body - 1);
    struct rig r = rig_of((struct rig_options){0});
    for (int i = 0; i < 12; i++)
        rig_put(&r, BODIES(body, body), OK);
    rig_begin_segment(&r);
    size_t groups = r.group_count, failures = 0;
    for (size_t i = 0; i < groups; i++)
        for (size_t at = 0; r.groups[i].segment == 1 && at < r.groups[i].facts.size;) {
            malloc_always_fails = true;
            bool ok = engine_move(r.engine, r.groups[i].facts, &at, 1 << 30);
            malloc_always_fails = false;
            failures += !ok;
            CHECK(ok || !engine_facts(r.engine)->is_broken);
            if (!ok)
                CHECK(engine_move(r.engine, r.groups[i].facts, &at, 1));
        }
    CHECK(failures > 0);
    engine_moved(r.engine, 1);
    rig_take(&r);
    CHECK_EQUAL(count_moved(&r, groups), 24);
    rig_free(&r);
}

static void facts_that_make_no_sense_are_not_gone_through(void)
{
    struct rig r = rig_of((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    struct bytes facts = r.groups[r.group_count - 1].facts;
    rig_begin_segment(&r);
    uint8_t *cut = malloc(facts.size);
    CHECK(cut != NULL);
    memcpy(cut, facts.data, facts.size);
    size_t at = 0;
    CHECK(!engine_move(r.engine, (struct bytes){cut, facts.size - 1}, &at, 1 << 20)); /* a fact */
    CHECK(at < facts.size - 10);
    cut[facts.size - 2] = 100; /* an item */
    CHECK(!engine_move(r.engine, (struct bytes){cut, facts.size}, &at, 1 << 20));
    CHECK(at < facts.size - 10);
    free(cut);
    rig_free(&r);
}

static void segments_that_are_to_go_are_noted(void)
{
    struct rig r = rig_of((struct rig_options){0});
    uint64_t needed = engine_position(r.engine);
    engine_dropping(r.engine, 7);
    CHECK_EQUAL(engine_position(r.engine), needed);
    rig_take(&r);
    CHECK_EQUAL(rig_fact(&r, FACT_DROPPED).segment, 7);
    rig_free(&r);
}

static void what_lives_is_about_what_a_new_log_would_take(void)
{
    struct rig r = rig_of((struct rig_options){0});
    for (int i = 0; i < 100; i++)
        rig_put(&r, BODIES("aaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbb", "c", "d"), OK);
    rig_confirm(&r, RANGES({1, 1000}));
    for (int i = 0; i < 50; i++)
        rig_get(&r, MAX(4));
    rig_begin_segment(&r);
    uint64_t before = facts_position(engine_facts(r.engine)), live = engine_live_size(r.engine);
    struct bytes checkpoint = r.groups[r.group_count - 1].facts;
    rig_go_through(&r, 1, 1 << 20);
    uint64_t size = facts_position(engine_facts(r.engine)) - before + checkpoint.size;
    CHECK(size > live / 2 && size < 2 * live);
    r.reply_first = r.reply_count; /* whatever they were */
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(an_item_that_waits_is_written_again_as_it_was_stored),
    UNIT(what_is_done_is_not_written_again),
    UNIT(a_leased_item_tells_in_whose_hands_it_is),
    UNIT(a_lease_whose_get_is_confirmed_has_no_call),
    UNIT(an_item_that_is_done_once_confirmed_says_so),
    UNIT(an_item_that_came_back_keeps_its_deliveries),
    UNIT(what_a_lost_session_held_waits_again),
    UNIT(an_item_is_in_the_hands_of_who_has_it_now),
    UNIT(keys_are_written_again),
    UNIT(what_was_written_again_is_written_again_later),
    UNIT(going_through_a_segment_twice_writes_twice),
    UNIT(a_removed_queue_leaves_nothing_to_be_written),
    UNIT(a_transient_queue_has_nothing_in_segments),
    UNIT(neighbours_of_the_same_state_are_written_together),
    UNIT(it_stops_when_the_budget_is_used_up_also_within_one_put),
    UNIT(reading_what_is_dead_uses_up_the_budget_slowly),
    UNIT(a_put_that_was_left_in_the_middle_is_not_taken_for_another_one),
    UNIT(without_memory_it_stops_where_it_is_and_goes_on_later),
    UNIT(facts_that_make_no_sense_are_not_gone_through),
    UNIT(segments_that_are_to_go_are_noted),
    UNIT(what_lives_is_about_what_a_new_log_would_take),
};

int main(void)
{
    return unit_run("engine_move", tests, sizeof tests / sizeof *tests);
}
