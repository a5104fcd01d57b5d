/* unit_ahead.c - ahead.h: how far a consumer runs ahead, in numbers and times. */
#include "ahead.h"
#include "unit.h"

enum { LIMIT = 256 };

/* A program whose gets want one item, on a queue that always has more. */
struct program {
    struct ahead ahead;
    size_t buffered;
    uint64_t now_ms;
};

static struct program program_new(uint32_t limit)
{
    struct program p = {.now_ms = 1000};
    ahead_init(&p.ahead, limit);
    return p;
}

/* The items of a fetch come. The first `wanted` go to the program at once. */
static void arrive(struct program *p, size_t asked, size_t count, size_t wanted)
{
    bool was_empty = p->buffered == 0;
    ahead_arrived(&p->ahead, asked, count, count * 100, p->now_ms);
    p->buffered += count > wanted ? count - wanted : 0;
    if (was_empty && p->buffered)
        ahead_watch(&p->ahead, p->now_ms);
}

/* One get, and what it fetches. How many items it has asked for: 0 if it was answered from what lay ahead and
 * nothing was fetched. */
static size_t get(struct program *p, size_t wanted)
{
    if (!p->buffered) {
        size_t asked = ahead_ask(&p->ahead, wanted, 0, p->now_ms);
        arrive(p, asked, asked, wanted);
        return asked;
    }
    size_t count = wanted < p->buffered ? wanted : p->buffered;
    p->buffered -= count;
    if (!ahead_took(&p->ahead, count, p->buffered))
        return 0;
    size_t asked = ahead_ask(&p->ahead, 0, p->buffered, p->now_ms);
    arrive(p, asked, asked, 0);
    return asked;
}

/* A program that has used up its items quickly for a while, and has as many as may lie ahead. */
static struct program quick_program(void)
{
    struct program p = program_new(LIMIT);
    while (p.ahead.window < LIMIT || p.buffered < LIMIT)
        get(&p, 1);
    return p;
}

static size_t look(struct program *p)
{
    size_t keep = ahead_look(&p->ahead, p->buffered, p->now_ms);
    CHECK(keep <= p->buffered);
    p->buffered = keep;
    return keep;
}

static void without_a_limit_a_get_asks_for_what_it_wants(void)
{
    struct program p = program_new(0);
    for (int i = 0; i < 10; i++)
        CHECK_EQUAL(get(&p, 1), 1);
    CHECK_EQUAL(get(&p, 500), 500);
    CHECK_EQUAL(p.buffered, 0);
}

static void the_first_get_asks_for_no_more_than_it_wants(void)
{
    struct program p = program_new(LIMIT);
    CHECK_EQUAL(get(&p, 1), 1);
    CHECK_EQUAL(p.buffered, 0);
}

static void the_window_doubles_while_items_are_used_up_quickly_and_never_exceeds_the_limit(void)
{
    struct program p = program_new(LIMIT);
    size_t asked, largest = 0;
    for (int i = 0; i < 2000; i++) {
        asked = get(&p, 1);
        CHECK(asked <= 2 * largest || largest == 0);
        largest = asked > largest ? asked : largest;
        CHECK(p.buffered <= LIMIT);
    }
    CHECK_EQUAL(p.ahead.window, LIMIT);
}

static void more_is_fetched_when_half_of_the_window_is_used_up(void)
{
    struct program p = quick_program();
    for (size_t left = LIMIT - 1; left > LIMIT / 2; left--)
        CHECK_EQUAL(get(&p, 1), 0);
    CHECK_EQUAL(get(&p, 1), LIMIT / 2);
}

static void a_consumer_that_takes_its_time_has_only_what_it_works_on(void)
{
    struct program p = program_new(LIMIT);
    for (int i = 0; i < 100; i++, p.now_ms += AHEAD_LOOK_MS / 2) {
        CHECK_EQUAL(get(&p, 1), 1);
        CHECK_EQUAL(p.buffered, 0);
    }
}

static void items_that_a_program_has_not_come_back_from_say_nothing_about_its_pace(void)
{
    struct program p = program_new(LIMIT);
    p.ahead.window = 4;
    size_t asked = ahead_ask(&p.ahead, 2, 0, p.now_ms);
    CHECK_EQUAL(asked, 4);
    ahead_arrived(&p.ahead, 4, 4, 400, p.now_ms);
    CHECK_EQUAL(ahead_ask(&p.ahead, 0, 0, p.now_ms), 4);
    CHECK(ahead_took(&p.ahead, 1, 1));
    CHECK_EQUAL(ahead_ask(&p.ahead, 0, 1, p.now_ms), 8);
}

static void a_get_that_asks_itself_fetches_more_only_for_another_like_it(void)
{
    struct program p = program_new(LIMIT);
    p.ahead.window = 64;
    ahead_ask(&p.ahead, 64, 0, p.now_ms);
    ahead_arrived(&p.ahead, 64, 64, 6400, p.now_ms);
    CHECK(ahead_took(&p.ahead, 0, 0));
    ahead_ask(&p.ahead, 1, 0, p.now_ms + AHEAD_LOOK_MS);
    ahead_arrived(&p.ahead, 64, 64, 6400, p.now_ms);
    CHECK(!ahead_took(&p.ahead, 0, 63));
}

static void a_get_of_many_needs_no_time_to_find_its_window(void)
{
    struct program p = program_new(LIMIT);
    CHECK_EQUAL(get(&p, 100), 100);
    CHECK_EQUAL(p.buffered, 0);
    CHECK_EQUAL(get(&p, 100), 200);
    CHECK_EQUAL(p.buffered, 100);
}

static void a_get_of_more_than_the_limit_asks_for_what_it_wants(void)
{
    struct program p = program_new(8);
    for (int i = 0; i < 10; i++)
        CHECK_EQUAL(get(&p, 100), 100);
    CHECK_EQUAL(p.buffered, 0);
}

static void at_the_end_of_the_queue_nothing_is_fetched_in_the_background(void)
{
    struct program p = quick_program();
    arrive(&p, 10, 3, 0);
    while (p.buffered)
        CHECK_EQUAL(get(&p, 1), 0);
    CHECK_EQUAL(get(&p, 1), LIMIT);
    arrive(&p, 10, 0, 0);
    while (p.buffered)
        CHECK_EQUAL(get(&p, 1), 0);
}

static void an_answer_that_was_as_large_as_answers_get_is_not_the_end_of_the_queue(void)
{
    struct program p = quick_program();
    ahead_arrived(&p.ahead, LIMIT, LIMIT / 2, AHEAD_SIZE_MAX, p.now_ms);
    CHECK(ahead_took(&p.ahead, 1, 0));
    ahead_arrived(&p.ahead, LIMIT, LIMIT / 2, AHEAD_SIZE_MAX - 1, p.now_ms);
    CHECK(!ahead_took(&p.ahead, 1, 0));
}

static void large_bodies_are_fetched_in_small_numbers(void)
{
    struct program p = quick_program();
    ahead_arrived(&p.ahead, 4, 4, 4 * (AHEAD_SIZE_MAX / 3), p.now_ms);
    CHECK_EQUAL(ahead_ask(&p.ahead, 1, 0, p.now_ms), 3);
    ahead_arrived(&p.ahead, 3, 3, 3 * (size_t)(2 * AHEAD_SIZE_MAX), p.now_ms);
    CHECK_EQUAL(ahead_ask(&p.ahead, 1, 0, p.now_ms), 1);
    CHECK(!ahead_took(&p.ahead, 1, 0));
    ahead_arrived(&p.ahead, 1, 1, 0, p.now_ms);
    CHECK_EQUAL(ahead_ask(&p.ahead, 1, 0, p.now_ms), LIMIT);
}

static void what_nobody_asks_for_goes_back_and_the_program_begins_anew(void)
{
    struct program p = quick_program();
    p.now_ms = ahead_look_ms(&p.ahead);
    look(&p); /* at the time in which it was quick */
    CHECK(p.buffered > 0);
    p.now_ms = ahead_look_ms(&p.ahead) - 1;
    CHECK(look(&p) > 0);
    p.now_ms++;
    CHECK_EQUAL(look(&p), 0);
    CHECK_EQUAL(get(&p, 1), 1);
}

static void a_consumer_that_becomes_slow_keeps_what_it_uses_up_in_two_looks(void)
{
    struct program p = quick_program();
    p.now_ms = ahead_look_ms(&p.ahead);
    look(&p);
    p.buffered = LIMIT;
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(get(&p, 1), 0);
    p.now_ms = ahead_look_ms(&p.ahead);
    CHECK_EQUAL(look(&p), 8);
    CHECK_EQUAL(p.ahead.window, 8);
}

static void a_look_that_comes_late_counts_the_time_that_has_passed(void)
{
    struct program p = quick_program();
    p.now_ms = ahead_look_ms(&p.ahead);
    look(&p);
    p.buffered = LIMIT;
    for (int i = 0; i < 20; i++)
        CHECK_EQUAL(get(&p, 1), 0);
    p.now_ms = ahead_look_ms(&p.ahead) + 9 * AHEAD_LOOK_MS;
    CHECK_EQUAL(look(&p), 4);
}

static void a_quick_consumer_keeps_all(void)
{
    struct program p = quick_program();
    p.now_ms = ahead_look_ms(&p.ahead);
    look(&p);
    for (int i = 0; i < 1000; i++)
        get(&p, 1);
    size_t before = p.buffered;
    p.now_ms = ahead_look_ms(&p.ahead);
    CHECK_EQUAL(look(&p), before);
    CHECK_EQUAL(p.ahead.window, LIMIT);
}

static void a_program_that_lost_all_begins_anew(void)
{
    struct program p = program_new(LIMIT);
    while (p.ahead.window < LIMIT)
        get(&p, 1);
    p.buffered = 0;
    ahead_reset(&p.ahead);
    CHECK_EQUAL(get(&p, 1), 1);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(without_a_limit_a_get_asks_for_what_it_wants),
        UNIT(the_first_get_asks_for_no_more_than_it_wants),
        UNIT(the_window_doubles_while_items_are_used_up_quickly_and_never_exceeds_the_limit),
        UNIT(more_is_fetched_when_half_of_the_window_is_used_up),
        UNIT(a_consumer_that_takes_its_time_has_only_what_it_works_on),
        UNIT(items_that_a_program_has_not_come_back_from_say_nothing_about_its_pace),
        UNIT(a_get_that_asks_itself_fetches_more_only_for_another_like_it),
        UNIT(a_get_of_many_needs_no_time_to_find_its_window),
        UNIT(a_get_of_more_than_the_limit_asks_for_what_it_wants),
        UNIT(at_the_end_of_the_queue_nothing_is_fetched_in_the_background),
        UNIT(an_answer_that_was_as_large_as_answers_get_is_not_the_end_of_the_queue),
        UNIT(large_bodies_are_fetched_in_small_numbers),
        UNIT(what_nobody_asks_for_goes_back_and_the_program_begins_anew),
        UNIT(a_consumer_that_becomes_slow_keeps_what_it_uses_up_in_two_looks),
        UNIT(a_look_that_comes_late_counts_the_time_that_has_passed),
        UNIT(a_quick_consumer_keeps_all),
        UNIT(a_program_that_lost_all_begins_anew),
    };
    return unit_run("ahead", tests, sizeof tests / sizeof *tests);
}
