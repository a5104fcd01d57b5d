/* unit_engine_put.c - the rules of put: room, waiting, order, time-outs, what is refused. */
#include "rig.h"

#include <string.h>

/* ---- room ---- */

static void a_put_is_stored_at_once_when_there_is_room(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    CHECK_EQUAL(rig_last(&r)->answer.count, 1);
    CHECK(rig_last(&r)->ids[0] > 0);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void a_full_queue_refuses_a_put_that_does_not_wait(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, BODY("b"), OK);
    rig_put(&r, BODY("c"), SAYS(MQ_FULL));
    CHECK_EQUAL(rig_last(&r)->answer.count, 0);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_free(&r);
}

static void a_maxsize_of_0_or_less_is_infinite(void)
{
    const int64_t sizes[] = {0, -1, INT64_MIN};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct rig r = rig_new((struct rig_options){.maxsize = sizes[i]});
        rig_put(&r, BULK(1000, 10), OK);
        rig_put(&r, BODY("one more"), OK);
        CHECK_SIZES(&r, "q", 1001, 0);
        rig_free(&r);
    }
}

static void only_waiting_items_take_room(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_put(&r, BODY("b"), OK);
    rig_put(&r, BODY("c"), SAYS(MQ_FULL));
    CHECK_SIZES(&r, "q", 1, 1);
    rig_free(&r);
}

static void a_put_waits_until_an_item_is_taken(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, AT(10), SESSION(2), BODY("b"), FOREVER, WAITS);
    CHECK_EQUAL(rig_look(&r, "q").putters, 1);
    rig_get(&r, AT(100000000), SESSION(3), GIVES("a"));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 1);
    CHECK_EQUAL(rig_look(&r, "q").putters, 0);
    rig_get(&r, SESSION(3), GIVES("b"));
    rig_free(&r);
}

static void a_timed_put_says_full_when_its_time_is_over_and_not_before(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, AT(10), SESSION(2), BODY("b"), TIMEOUT(500), WAITS);
    rig_run_to(&r, 509);
    CHECK_NO_REPLY(&r);
    rig_run_to(&r, 510);
    CHECK_REPLY(&r, SESSION(2), MQ_FULL, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 0);
    rig_get(&r, AT(511), GIVES("a"));
    rig_get(&r, AT(512), SAYS(MQ_EMPTY));
    rig_free(&r);
}

static void a_timed_put_is_stored_when_room_appears_in_time(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, AT(10), SESSION(2), BODY("b"), TIMEOUT(500), WAITS);
    rig_get(&r, AT(509), GIVES("a"));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_run_to(&r, 2000);
    CHECK_NO_REPLY(&r);
    CHECK_SIZES(&r, "q", 1, 1);
    rig_free(&r);
}

static void room_and_time_out_at_once_lose_nothing(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, AT(10), SESSION(2), BODY("b"), TIMEOUT(500), WAITS);
    rig_sleep_to(&r, 600);
    rig_get(&r, GIVES("a"));
    rig_run_to(&r, 601);
    const struct rig_reply *put = rig_read(&r, &(struct rig_step){.session = 2, .status = MQ_OK});
    CHECK_SIZES(&r, "q", put->answer.count, 1);
    rig_free(&r);
}

/* ---- maxsize changes ---- */

static void growing_serves_waiting_putters_in_arrival_order(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, AT(1), SESSION(2), BODY("b"), FOREVER, WAITS);
    rig_put(&r, AT(2), SESSION(3), BODY("c"), FOREVER, WAITS);
    rig_put(&r, AT(3), SESSION(4), BODY("d"), FOREVER, WAITS);
    rig_set(&r, AT(4), SESSION(5), MAXSIZE(3), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    CHECK_NO_REPLY(&r);
    rig_set(&r, AT(5), SESSION(5), MAXSIZE(0), OK);
    CHECK_REPLY(&r, SESSION(4), MQ_OK, "");
    rig_get(&r, MAX(9), GIVES("a b c d"));
    rig_free(&r);
}

static void shrinking_below_the_size_just_keeps_it_full(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 3});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_set(&r, MAXSIZE(1), OK);
    CHECK_SIZES(&r, "q", 3, 0);
    rig_put(&r, SESSION(2), BODY("d"), FOREVER, WAITS);
    rig_get(&r, GIVES("a"));
    rig_get(&r, GIVES("b"));
    CHECK_NO_REPLY(&r);
    rig_put(&r, SESSION(3), BODY("e"), SAYS(MQ_FULL));
    rig_get(&r, GIVES("c"));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_free(&r);
}

/* ---- many ---- */

static void a_put_of_many_that_does_not_wait_stores_what_fits_and_says_how_many(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_put(&r, BODIES("a", "b", "c", "d"), SAYS(MQ_FULL));
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    CHECK_EQUAL(rig_last(&r)->ids[1], rig_id(&r, "b"));
    rig_get(&r, MAX(9), GIVES("a b"));
    rig_free(&r);
}

static void a_put_of_many_is_accepted_item_by_item_as_room_appears(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_put(&r, SESSION(2), BODIES("a", "b", "c", "d"), FOREVER, WAITS);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_get(&r, GIVES("a"));
    CHECK_NO_REPLY(&r);
    CHECK_SIZES(&r, "q", 2, 1);
    rig_get(&r, GIVES("b"));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 4);
    CHECK_EQUAL(rig_last(&r)->ids[3], rig_id(&r, "d"));
    rig_get(&r, MAX(9), GIVES("c d"));
    rig_free(&r);
}

static void a_put_of_many_whose_time_is_over_keeps_what_was_stored(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_put(&r, SESSION(2), BODIES("a", "b", "c", "d"), TIMEOUT(100), WAITS);
    rig_get(&r, AT(50), GIVES("a"));
    rig_run_to(&r, 100);
    CHECK_REPLY(&r, SESSION(2), MQ_FULL, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 3);
    rig_get(&r, MAX(9), GIVES("b c"));
    rig_get(&r, MAX(9), SAYS(MQ_EMPTY));
    rig_free(&r);
}

static void a_put_of_many_passes_through_a_small_queue_to_waiting_getters(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_get(&r, SESSION(2), MAX(9), FOREVER, WAITS);
    rig_get(&r, SESSION(3), MAX(9), FOREVER, WAITS);
    rig_put(&r, BODIES("a", "b", "c"), OK);
    CHECK_EQUAL(rig_last(&r)->answer.count, 3);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "a b");
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "c");
    rig_free(&r);
}

/* ---- partial puts ---- */

static void a_partial_put_stores_what_fits_and_is_answered_with_how_many(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_put(&r, BODIES("a", "b", "c", "d"), FOREVER, PARTIAL, OK);
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    CHECK_EQUAL(rig_last(&r)->ids[1], rig_id(&r, "b"));
    CHECK_SIZES(&r, "q", 2, 0);
    rig_get(&r, MAX(9), GIVES("a b"));
    rig_free(&r);
}

static void a_partial_put_waits_until_its_first_item_can_be_stored(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, SESSION(2), BODIES("b", "c"), FOREVER, PARTIAL, WAITS);
    rig_put(&r, SESSION(3), BODY("d"), FOREVER, WAITS);
    rig_get(&r, GIVES("a"));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 1);
    CHECK_NO_REPLY(&r);
    rig_get(&r, GIVES("b"));
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_free(&r);
}

static void a_partial_put_that_fits_is_stored_whole(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b", "c"), FOREVER, PARTIAL, OK);
    CHECK_EQUAL(rig_last(&r)->answer.count, 3);
    rig_free(&r);
}

static void a_partial_put_of_which_nothing_fits_in_time_is_refused_like_any_other(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, SESSION(2), BODIES("b", "c"), PARTIAL, SAYS(MQ_FULL));
    rig_put(&r, SESSION(2), BODIES("b", "c"), TIMEOUT(100), PARTIAL, WAITS);
    rig_run_to(&r, 100);
    CHECK_REPLY(&r, SESSION(2), MQ_FULL, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 0);
    rig_free(&r);
}

static void a_partial_put_that_does_not_wait_is_ok_if_anything_is_stored(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODIES("a", "b"), PARTIAL, OK);
    CHECK_EQUAL(rig_last(&r)->answer.count, 1);
    rig_free(&r);
}

/* ---- order ---- */

static void waiting_putters_are_served_in_arrival_order(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, AT(1), SESSION(4), BODY("b"), FOREVER, WAITS);
    rig_put(&r, AT(1), SESSION(2), BODY("c"), FOREVER, WAITS);
    rig_put(&r, AT(2), SESSION(3), BODY("d"), FOREVER, WAITS);
    rig_get(&r, GIVES("a"));
    CHECK_REPLY(&r, SESSION(4), MQ_OK, "");
    rig_get(&r, GIVES("b"));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_get(&r, GIVES("c"));
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_get(&r, GIVES("d"));
    rig_free(&r);
}

static void a_waiting_put_of_many_is_stored_whole_before_the_next_putter(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, SESSION(2), BODIES("a", "b", "c"), FOREVER, WAITS);
    rig_put(&r, SESSION(3), BODY("d"), FOREVER, WAITS);
    rig_get(&r, GIVES("a"));
    rig_get(&r, GIVES("b"));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_get(&r, GIVES("c"));
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_get(&r, GIVES("d"));
    rig_free(&r);
}

static void a_new_put_never_overtakes_a_waiting_one(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_put(&r, SESSION(2), BODY("c"), FOREVER, WAITS);
    rig_put(&r, SESSION(3), BODY("d"), SAYS(MQ_FULL));
    rig_put(&r, SESSION(3), BODY("e"), TIMEOUT(9), WAITS);
    rig_get(&r, AT(5), MAX(2), GIVES("a b"));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_get(&r, MAX(9), GIVES("c e"));
    rig_free(&r);
}

static void a_put_nowait_behind_a_waiting_put_of_the_same_session_is_full(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODIES("a", "b"), FOREVER, WAITS);
    rig_put(&r, BODY("c"), SAYS(MQ_FULL));
    rig_get(&r, GIVES("a"));
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_get(&r, GIVES("b"));
    rig_free(&r);
}

static void a_waiting_put_holds_up_no_other_queue_and_no_other_verb(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODIES("a", "b"), FOREVER, WAITS);
    rig_open(&r, QUEUE("other"), OK);
    rig_put(&r, QUEUE("other"), BODY("c"), OK);
    rig_get(&r, QUEUE("other"), GIVES("c"));
    rig_done(&r, ITEMS("c"), OK);
    rig_ping(&r, OK);
    CHECK_NO_REPLY(&r);
    rig_get(&r, GIVES("a"));
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

static void a_full_first_putter_that_gives_up_lets_the_next_one_go_on(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, SESSION(2), BODIES("b", "c"), TIMEOUT(100), WAITS);
    rig_put(&r, SESSION(3), BODY("d"), FOREVER, WAITS);
    rig_run_to(&r, 100);
    CHECK_REPLY(&r, SESSION(2), MQ_FULL, "");
    rig_get(&r, GIVES("a"));
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_get(&r, GIVES("d"));
    rig_free(&r);
}

/* ---- what is refused ---- */

static void a_time_out_of_minus_2_is_invalid_and_checked_before_all_else(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), TIMEOUT(-2), SAYS(MQ_INVALID));
    rig_get(&r, TIMEOUT(-2), SAYS(MQ_INVALID));
    rig_join(&r, TIMEOUT(INT64_MIN), SAYS(MQ_INVALID));
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, TIMEOUT(-2), SAYS(MQ_INVALID));
    rig_put(&r, BODY("b"), TIMEOUT(-2), SAYS(MQ_INVALID));
    rig_shut_down(&r, IMMEDIATE, OK);
    rig_put(&r, BODY("a"), TIMEOUT(-2), SAYS(MQ_INVALID));
    rig_get(&r, TIMEOUT(-3), SAYS(MQ_INVALID));
    rig_put(&r, QUEUE("missing"), BODY("a"), TIMEOUT(-2), SAYS(MQ_INVALID));
    rig_get(&r, QUEUE("missing"), TIMEOUT(-2), SAYS(MQ_INVALID));
    rig_join(&r, QUEUE("missing"), TIMEOUT(-2), SAYS(MQ_INVALID));
    rig_free(&r);
}

static void the_longest_time_outs_do_not_overflow(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, SESSION(2), BODY("b"), TIMEOUT(INT64_MAX), WAITS);
    rig_join(&r, SESSION(3), TIMEOUT(INT64_MAX), WAITS);
    rig_run_to(&r, 1000);
    CHECK_NO_REPLY(&r);
    rig_get(&r, GIVES("a"));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_free(&r);
}

static void a_body_above_the_limit_is_too_big_and_nothing_of_its_request_is_stored(void)
{
    struct rig r = rig_new((struct rig_options){.body_max = 4});
    rig_put(&r, BULK(1, 4), OK);
    rig_put(&r, BULK(1, 5), SAYS(MQ_TOO_BIG));
    rig_put(&r, BODIES("a", "bb", "ccccc", "d"), SAYS(MQ_TOO_BIG));
    rig_put(&r, BODIES("a", "ccccc"), FOREVER, SAYS(MQ_TOO_BIG));
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void an_empty_body_is_an_item(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY(""), OK);
    rig_get(&r, OK);
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 1);
    CHECK_EQUAL(rig_last(&r)->items[0].size, 0);
    rig_free(&r);
}

static void a_key_is_invalid_where_there_are_no_priorities(void)
{
    const enum mq_kind kinds[] = {MQ_KIND_FIFO, MQ_KIND_LIFO};
    for (size_t i = 0; i < 2; i++) {
        struct rig r = rig_new((struct rig_options){.kind = kinds[i]});
        rig_put(&r, BODY("a"), KEYS(0), SAYS(MQ_INVALID));
        CHECK_SIZES(&r, "q", 0, 0);
        rig_free(&r);
    }
}

static void bytes_that_are_no_key_are_invalid(void)
{
    const struct bytes bad[] = {{"\xff", 1}, {"\0\0\0", 3}, {"abcdefgh", 8}};
    struct rig r = rig_new((struct rig_options){.kind = MQ_KIND_PRIORITY});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        rig_put(&r, BODIES("a", "b"), RAW_KEY(bad[i]), SAYS(MQ_INVALID));
    CHECK_SIZES(&r, "q", 0, 0);
    rig_free(&r);
}

static void a_put_into_a_missing_queue_says_so_and_makes_none(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, QUEUE("missing"), BODY("a"), FOREVER, SAYS(MQ_NO_QUEUE));
    rig_stat(&r, QUEUE("missing"), SAYS(MQ_NO_QUEUE));
    rig_free(&r);
}

/* ---- ids ---- */

static void ids_grow_in_acceptance_order_over_all_queues(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_open(&r, QUEUE("p"), OK);
    rig_put(&r, BODIES("a", "b"), FOREVER, WAITS);
    rig_put(&r, QUEUE("p"), SESSION(2), BODY("c"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_put(&r, QUEUE("p"), SESSION(2), BODY("d"), OK);
    CHECK(rig_id(&r, "a") < rig_id(&r, "c"));
    CHECK(rig_id(&r, "c") < rig_id(&r, "b"));
    CHECK(rig_id(&r, "b") < rig_id(&r, "d"));
    rig_free(&r);
}

static void ids_are_never_used_twice(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, GIVES("a"));
    rig_done(&r, ITEMS("a"), OK);
    rig_purge(&r, OK);
    rig_put(&r, BODY("d"), OK);
    CHECK(rig_id(&r, "d") > rig_id(&r, "c"));
    rig_remove(&r, FORCE, OK);
    rig_open(&r, OK);
    rig_put(&r, BODY("e"), OK);
    CHECK(rig_id(&r, "e") > rig_id(&r, "d"));
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(a_put_is_stored_at_once_when_there_is_room),
    UNIT(a_full_queue_refuses_a_put_that_does_not_wait),
    UNIT(a_maxsize_of_0_or_less_is_infinite),
    UNIT(only_waiting_items_take_room),
    UNIT(a_put_waits_until_an_item_is_taken),
    UNIT(a_timed_put_says_full_when_its_time_is_over_and_not_before),
    UNIT(a_timed_put_is_stored_when_room_appears_in_time),
    UNIT(room_and_time_out_at_once_lose_nothing),
    UNIT(growing_serves_waiting_putters_in_arrival_order),
    UNIT(shrinking_below_the_size_just_keeps_it_full),
    UNIT(a_put_of_many_that_does_not_wait_stores_what_fits_and_says_how_many),
    UNIT(a_put_of_many_is_accepted_item_by_item_as_room_appears),
    UNIT(a_put_of_many_whose_time_is_over_keeps_what_was_stored),
    UNIT(a_put_of_many_passes_through_a_small_queue_to_waiting_getters),
    UNIT(a_partial_put_stores_what_fits_and_is_answered_with_how_many),
    UNIT(a_partial_put_waits_until_its_first_item_can_be_stored),
    UNIT(a_partial_put_that_fits_is_stored_whole),
    UNIT(a_partial_put_of_which_nothing_fits_in_time_is_refused_like_any_other),
    UNIT(a_partial_put_that_does_not_wait_is_ok_if_anything_is_stored),
    UNIT(waiting_putters_are_served_in_arrival_order),
    UNIT(a_waiting_put_of_many_is_stored_whole_before_the_next_putter),
    UNIT(a_new_put_never_overtakes_a_waiting_one),
    UNIT(a_put_nowait_behind_a_waiting_put_of_the_same_session_is_full),
    UNIT(a_waiting_put_holds_up_no_other_queue_and_no_other_verb),
    UNIT(a_full_first_putter_that_gives_up_lets_the_next_one_go_on),
    UNIT(a_time_out_of_minus_2_is_invalid_and_checked_before_all_else),
    UNIT(the_longest_time_outs_do_not_overflow),
    UNIT(a_body_above_the_limit_is_too_big_and_nothing_of_its_request_is_stored),
    UNIT(an_empty_body_is_an_item),
    UNIT(a_key_is_invalid_where_there_are_no_priorities),
    UNIT(bytes_that_are_no_key_are_invalid),
    UNIT(a_put_into_a_missing_queue_says_so_and_makes_none),
    UNIT(ids_grow_in_acceptance_order_over_all_queues),
    UNIT(ids_are_never_used_twice),
};

int main(void)
{
    return unit_run("engine: put", tests, sizeof tests / sizeof *tests);
}
