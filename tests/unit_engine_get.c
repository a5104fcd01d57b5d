/* unit_engine_get.c - the rules of get: how many, in which order, for how long, and who is first. */
#include "rig.h"

/* ---- one and many, at once and later ---- */

static void a_get_takes_what_is_ready_at_once(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, FOREVER, GIVES("a"));
    CHECK_EQUAL(rig_last(&r)->items[0].deliveries, 1);
    CHECK_EQUAL(rig_last(&r)->items[0].id, rig_id(&r, "a"));
    CHECK_SIZES(&r, "q", 0, 1);
    rig_free(&r);
}

static void a_get_of_many_takes_up_to_so_many_without_waiting_for_more(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, MAX(2), FOREVER, GIVES("a b"));
    rig_get(&r, MAX(2), FOREVER, GIVES("c"));
    CHECK_SIZES(&r, "q", 0, 3);
    rig_free(&r);
}

static void an_empty_queue_says_so_at_once_if_the_get_does_not_wait(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_get(&r, SAYS(MQ_EMPTY));
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 0);
    rig_get(&r, MAX(5), SAYS(MQ_EMPTY));
    rig_free(&r);
}

static void a_timed_get_says_empty_when_its_time_is_over_and_not_before(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_get(&r, AT(5), TIMEOUT(500), WAITS);
    CHECK_EQUAL(rig_look(&r, "q").getters, 1);
    rig_run_to(&r, 504);
    CHECK_NO_REPLY(&r);
    rig_run_to(&r, 505);
    CHECK_REPLY(&r, SESSION(1), MQ_EMPTY, "");
    CHECK_EQUAL(rig_look(&r, "q").getters, 0);
    rig_put(&r, BODY("a"), OK);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void a_waiting_get_of_many_takes_what_comes_first(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_get(&r, SESSION(2), MAX(5), FOREVER, WAITS);
    rig_put(&r, BODIES("a", "b"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "a b");
    rig_free(&r);
}

static void a_deadline_racing_an_item_loses_nothing(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_get(&r, AT(1), SESSION(2), TIMEOUT(500), WAITS);
    rig_sleep_to(&r, 501);
    rig_put(&r, BODY("a"), OK);
    rig_run_to(&r, 502);
    CHECK(rig_next(&r) != NULL);
    if (rig_next(&r)->answer.status == MQ_OK) {
        CHECK_REPLY(&r, SESSION(2), MQ_OK, "a");
        CHECK_SIZES(&r, "q", 0, 1);
    } else {
        CHECK_REPLY(&r, SESSION(2), MQ_EMPTY, "");
        CHECK_SIZES(&r, "q", 1, 0);
    }
    rig_free(&r);
}

static void deadlines_are_met_in_their_own_order(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_get(&r, SESSION(2), TIMEOUT(300), WAITS);
    rig_get(&r, SESSION(3), TIMEOUT(100), WAITS);
    rig_get(&r, SESSION(4), TIMEOUT(200), WAITS);
    rig_run_to(&r, 150);
    CHECK_REPLY(&r, SESSION(3), MQ_EMPTY, "");
    CHECK_NO_REPLY(&r);
    rig_sleep_to(&r, 900);
    rig_run_to(&r, 900);
    CHECK_REPLY(&r, SESSION(4), MQ_EMPTY, "");
    CHECK_REPLY(&r, SESSION(2), MQ_EMPTY, "");
    rig_free(&r);
}

static void a_get_never_makes_a_queue(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_get(&r, QUEUE("missing"), FOREVER, SAYS(MQ_NO_QUEUE));
    rig_stat(&r, QUEUE("missing"), SAYS(MQ_NO_QUEUE));
    rig_free(&r);
}

/* ---- the frame ---- */

static void a_get_stops_at_the_frame_limit(void)
{
    struct rig r = rig_new((struct rig_options){.frame_max = 10000});
    rig_put(&r, BULK(9, 3000), OK);
    rig_get(&r, MAX(9), OK);
    size_t got = rig_last(&r)->answer.item_count;
    CHECK(got >= 2);
    CHECK(got <= 3);
    rig_get(&r, MAX(9), OK);
    got += rig_last(&r)->answer.item_count;
    CHECK_SIZES(&r, "q", 9 - got, got);
    rig_free(&r);
}

static void a_get_takes_at_least_one_item_whatever_its_size(void)
{
    struct rig r = rig_new((struct rig_options){.frame_max = 1000});
    rig_put(&r, BULK(2, 5000), OK);
    rig_get(&r, MAX(2), OK);
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 1);
    CHECK_EQUAL(rig_last(&r)->items[0].size, 5000);
    rig_free(&r);
}

static void a_get_of_many_takes_a_mebibyte_at_most(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BULK(4, 400 << 10), OK);
    rig_get(&r, MAX(9), OK);
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 2);
    rig_get(&r, MAX(9), OK);
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 2);
    rig_free(&r);
}

static void a_request_about_more_items_than_allowed_is_invalid(void)
{
    struct rig r = rig_new((struct rig_options){.items_max = 3});
    rig_put(&r, BODIES("a", "b", "c", "d"), SAYS(MQ_INVALID));
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, MAX(4), FOREVER, SAYS(MQ_INVALID));
    rig_get(&r, MAX(3), GIVES("a b c"));
    rig_done(&r, IDS(1, 2, 3, 4), SAYS(MQ_INVALID));
    rig_done(&r, ITEMS("a", "b", "c"), OK);
    rig_free(&r);
}

/* ---- fairness ---- */

static void a_blocked_get_is_served_in_arrival_order(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_get(&r, AT(1), SESSION(4), TIMEOUT(500), WAITS);
    rig_get(&r, AT(5), SESSION(2), TIMEOUT(500), WAITS);
    rig_put(&r, AT(9), SESSION(3), BODY("a"));
    CHECK_REPLY(&r, SESSION(4), MQ_OK, "a"); /* who waits for an item hears of it before who puts it */
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    CHECK_NO_REPLY(&r);
    rig_put(&r, AT(9), SESSION(3), BODY("b"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "b");
    rig_free(&r);
}

static void a_new_get_never_overtakes_a_waiting_one(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_get(&r, SESSION(2), FOREVER, WAITS);
    rig_get(&r, SESSION(3), SAYS(MQ_EMPTY));
    rig_put(&r, BODIES("a", "b"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "a");
    rig_get(&r, SESSION(3), GIVES("b"));
    rig_free(&r);
}

static void a_thousand_waiting_gets_each_get_exactly_one_item_in_arrival_order(void)
{
    struct rig r = rig_new((struct rig_options){0});
    for (int i = 0; i < 1000; i++)
        rig_get(&r, SESSION(2 + i % 10), FOREVER, WAITS);
    rig_put(&r, BULK(1000, 10), OK);
    uint64_t last_id = 0;
    for (int i = 0; i < 1000; i++) {
        CHECK_REPLY(&r, SESSION(2 + i % 10), MQ_OK, NULL);
        CHECK_EQUAL(rig_last(&r)->answer.item_count, 1);
        CHECK(rig_last(&r)->items[0].id > last_id);
        last_id = rig_last(&r)->items[0].id;
    }
    CHECK_SIZES(&r, "q", 0, 1000);
    rig_free(&r);
}

static void several_gets_of_one_session_may_wait(void)
{
    struct rig r = rig_new((struct rig_options){0});
    uint64_t first = rig_get(&r, FOREVER, WAITS), second = rig_get(&r, FOREVER, WAITS);
    rig_put(&r, SESSION(2), BODIES("a", "b"), OK);
    CHECK_EQUAL(CHECK_REPLY(&r, SESSION(1), MQ_OK, "a")->answer.number, first);
    CHECK_EQUAL(CHECK_REPLY(&r, SESSION(1), MQ_OK, "b")->answer.number, second);
    rig_free(&r);
}

/* ---- order ---- */

static void a_fifo_gives_the_oldest_first(void)
{
    struct rig r = rig_new((struct rig_options){.kind = MQ_KIND_FIFO});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_put(&r, BODY("c"), OK);
    rig_get(&r, MAX(9), GIVES("a b c"));
    rig_free(&r);
}

static void a_lifo_gives_the_newest_first(void)
{
    struct rig r = rig_new((struct rig_options){.kind = MQ_KIND_LIFO});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_put(&r, BODY("c"), OK);
    rig_get(&r, GIVES("c"));
    rig_put(&r, BODY("d"), OK);
    rig_get(&r, MAX(9), GIVES("d b a"));
    rig_free(&r);
}

static void a_priority_queue_gives_the_lowest_key_first_and_ties_in_arrival_order(void)
{
    struct rig r = rig_new((struct rig_options){.kind = MQ_KIND_PRIORITY});
    rig_put(&r, BODIES("5a", "-1a", "5b", "7"), KEYS(5, -1, 5, 7), OK);
    rig_put(&r, BODIES("0", "-1b", "5c"), KEYS(0, -1, 5), OK);
    rig_get(&r, MAX(9), GIVES("-1a -1b 0 5a 5b 5c 7"));
    rig_free(&r);
}

static void no_key_means_0(void)
{
    struct rig r = rig_new((struct rig_options){.kind = MQ_KIND_PRIORITY});
    rig_put(&r, BODIES("1", "0a", "-1"), KEYS(1, 0, -1), OK);
    rig_put(&r, BODY("none"), OK);
    rig_put(&r, BODY("0b"), KEYS(0), OK);
    rig_get(&r, MAX(9), GIVES("-1 0a none 0b 1"));
    CHECK(rig_last(&r)->items[2].key.size > 0);
    rig_free(&r);
}

static void what_is_released_takes_its_old_place_in_a_fifo(void)
{
    struct rig r = rig_new((struct rig_options){.kind = MQ_KIND_FIFO});
    rig_put(&r, BODIES("a", "b", "c", "d"), OK);
    rig_get(&r, MAX(3), GIVES("a b c"));
    rig_put(&r, BODY("e"), OK);
    rig_release(&r, ITEMS("c", "a"), UNTOUCHED, OK);
    rig_get(&r, MAX(9), GIVES("a c d e"));
    rig_free(&r);
}

static void what_is_released_takes_its_old_place_in_a_lifo(void)
{
    struct rig r = rig_new((struct rig_options){.kind = MQ_KIND_LIFO});
    rig_put(&r, BODIES("a", "b", "c", "d"), OK);
    rig_get(&r, MAX(3), GIVES("d c b"));
    rig_put(&r, BODY("e"), OK);
    rig_release(&r, ITEMS("b", "d"), UNTOUCHED, OK);
    rig_get(&r, MAX(9), GIVES("e d b a"));
    rig_free(&r);
}

static void what_is_released_takes_its_old_place_in_a_priority_queue(void)
{
    struct rig r = rig_new((struct rig_options){.kind = MQ_KIND_PRIORITY});
    rig_put(&r, BODIES("1a", "1b", "2", "1c"), KEYS(1, 1, 2, 1), OK);
    rig_get(&r, MAX(2), GIVES("1a 1b"));
    rig_put(&r, BODIES("1d", "0"), KEYS(1, 0), OK);
    rig_release(&r, ITEMS("1b"), UNTOUCHED, OK);
    rig_release(&r, ITEMS("1a"), UNTOUCHED, OK);
    rig_get(&r, MAX(9), GIVES("0 1a 1b 1c 1d 2"));
    rig_free(&r);
}

/* ---- auto-done ---- */

static void auto_done_items_are_done_when_the_session_confirms_them_not_before(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    rig_put(&r, SESSION(2), BODIES("a", "b"), OK);
    uint64_t number = rig_get(&r, MAX(2), AUTO_DONE, GIVES("a b"));
    CHECK_SIZES(&r, "q", 0, 2);
    rig_confirm(&r, AT(10), RANGES({number, number}));
    CHECK_SIZES(&r, "q", 0, 0);
    CHECK_EQUAL(rig_look(&r, "q").done, 2);
    rig_free(&r);
}

static void auto_done_items_that_were_never_confirmed_come_back(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    rig_put(&r, SESSION(2), BODIES("a", "b"), OK);
    rig_get(&r, MAX(2), AUTO_DONE, GIVES("a b"), LOST);
    rig_drop(&r, AT(10));
    rig_run_to(&r, 10000);
    rig_get(&r, SESSION(2), MAX(9), GIVES("a#2 b#2"));
    rig_free(&r);
}

static void an_auto_done_item_can_be_given_back_until_it_is_confirmed(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    rig_put(&r, SESSION(2), BODIES("a", "b"), OK);
    uint64_t number = rig_get(&r, MAX(2), AUTO_DONE, GIVES("a b"));
    rig_release(&r, ITEMS("b"), UNTOUCHED, OK);
    rig_confirm(&r, RANGES({number, number}));
    CHECK_SIZES(&r, "q", 1, 0);
    rig_done(&r, ITEMS("a"), SAYS(MQ_TOO_MANY_DONE));
    rig_get(&r, SESSION(2), GIVES("b"));
    rig_free(&r);
}

static void a_joiner_waits_for_the_confirmation_of_auto_done_items(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    rig_put(&r, SESSION(2), BODY("a"), OK);
    rig_join(&r, SESSION(2), FOREVER, WAITS);
    uint64_t number = rig_get(&r, AUTO_DONE, GIVES("a"));
    CHECK_NO_REPLY(&r);
    rig_confirm(&r, RANGES({number, number}));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_free(&r);
}

/* ---- credit ---- */

static void a_session_that_does_not_confirm_gets_no_more_than_its_credit(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true, .in_flight_max = 1000});
    rig_put(&r, SESSION(2), BULK(9, 600), OK);
    uint64_t first = rig_get(&r, OK), second = rig_get(&r, OK);
    rig_get(&r, SAYS(MQ_LIMIT));
    rig_get(&r, TIMEOUT(500), WAITS);
    CHECK_SIZES(&r, "q", 7, 2);
    rig_confirm(&r, AT(100), RANGES({first, second}));
    CHECK_REPLY(&r, SESSION(1), MQ_OK, NULL);
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 1);
    rig_free(&r);
}

static void a_getter_without_credit_holds_up_no_other_session(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true, .in_flight_max = 1000});
    rig_put(&r, SESSION(2), BULK(2, 1000), OK);
    uint64_t number = rig_get(&r, OK);
    rig_get(&r, FOREVER, WAITS);
    rig_get(&r, SESSION(3), OK);
    rig_get(&r, SESSION(4), FOREVER, WAITS);
    rig_put(&r, SESSION(2), BULK(1, 10), OK);
    CHECK_REPLY(&r, SESSION(4), MQ_OK, NULL);
    rig_put(&r, SESSION(2), BULK(1, 10), OK);
    CHECK_NO_REPLY(&r);
    rig_confirm(&r, RANGES({number, number}));
    CHECK_REPLY(&r, SESSION(1), MQ_OK, NULL);
    rig_free(&r);
}

static void one_get_of_many_stops_at_the_credit(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true, .in_flight_max = 1000});
    rig_put(&r, SESSION(2), BULK(9, 400), OK);
    rig_get(&r, MAX(9), OK);
    size_t got = rig_last(&r)->answer.item_count;
    CHECK(got >= 2);
    CHECK(got <= 3);
    rig_free(&r);
}

static void a_confirmation_serves_who_waited_for_it_before_the_request_that_carries_it(void)
{
    struct rig r = rig_new((struct rig_options){.in_flight_max = 1000});
    rig_put(&r, SESSION(2), BULK(1, 1500), OK);
    uint64_t large = rig_get(&r, OK, LOST);
    rig_put(&r, SESSION(2), BODY("b"), OK);
    rig_get(&r, FOREVER, WAITS); /* for credit: the item is there */
    rig_repeat(&r, NUMBER(large), OK);
    rig_get(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "b");
    CHECK_REPLY(&r, SESSION(1), MQ_EMPTY, "");
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(a_get_takes_what_is_ready_at_once),
    UNIT(a_get_of_many_takes_up_to_so_many_without_waiting_for_more),
    UNIT(an_empty_queue_says_so_at_once_if_the_get_does_not_wait),
    UNIT(a_timed_get_says_empty_when_its_time_is_over_and_not_before),
    UNIT(a_waiting_get_of_many_takes_what_comes_first),
    UNIT(a_deadline_racing_an_item_loses_nothing),
    UNIT(deadlines_are_met_in_their_own_order),
    UNIT(a_get_never_makes_a_queue),
    UNIT(a_get_stops_at_the_frame_limit),
    UNIT(a_get_takes_at_least_one_item_whatever_its_size),
    UNIT(a_get_of_many_takes_a_mebibyte_at_most),
    UNIT(a_request_about_more_items_than_allowed_is_invalid),
    UNIT(a_blocked_get_is_served_in_arrival_order),
    UNIT(a_new_get_never_overtakes_a_waiting_one),
    UNIT(a_thousand_waiting_gets_each_get_exactly_one_item_in_arrival_order),
    UNIT(several_gets_of_one_session_may_wait),
    UNIT(a_fifo_gives_the_oldest_first),
    UNIT(a_lifo_gives_the_newest_first),
    UNIT(a_priority_queue_gives_the_lowest_key_first_and_ties_in_arrival_order),
    UNIT(no_key_means_0),
    UNIT(what_is_released_takes_its_old_place_in_a_fifo),
    UNIT(what_is_released_takes_its_old_place_in_a_lifo),
    UNIT(what_is_released_takes_its_old_place_in_a_priority_queue),
    UNIT(auto_done_items_are_done_when_the_session_confirms_them_not_before),
    UNIT(auto_done_items_that_were_never_confirmed_come_back),
    UNIT(an_auto_done_item_can_be_given_back_until_it_is_confirmed),
    UNIT(a_joiner_waits_for_the_confirmation_of_auto_done_items),
    UNIT(a_session_that_does_not_confirm_gets_no_more_than_its_credit),
    UNIT(a_getter_without_credit_holds_up_no_other_session),
    UNIT(one_get_of_many_stops_at_the_credit),
    UNIT(a_confirmation_serves_who_waited_for_it_before_the_request_that_carries_it),
};

int main(void)
{
    return unit_run("engine: get", tests, sizeof tests / sizeof *tests);
}
