/* unit_engine_shutdown.c - the rules of join and shutdown. */
#include "rig.h"

/* ---- join ---- */

static void a_join_returns_at_once_when_nothing_is_unfinished(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_join(&r, OK);
    rig_join(&r, FOREVER, OK);
    rig_free(&r);
}

static void a_join_waits_until_all_is_done_not_only_taken(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_join(&r, SESSION(2), FOREVER, WAITS);
    CHECK_EQUAL(rig_look(&r, "q").joiners, 1);
    rig_get(&r, MAX(2), GIVES("a b"));
    rig_done(&r, ITEMS("a"), OK);
    CHECK_NO_REPLY(&r);
    rig_done(&r, ITEMS("b"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_EQUAL(rig_look(&r, "q").joiners, 0);
    rig_free(&r);
}

static void many_may_join(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    for (int i = 2; i < 12; i++)
        rig_join(&r, SESSION(i), FOREVER, WAITS);
    rig_get(&r, GIVES("a"));
    rig_done(&r, ITEMS("a"), OK);
    for (int i = 2; i < 12; i++)
        CHECK_REPLY(&r, SESSION(i), MQ_OK, "");
    rig_free(&r);
}

static void a_timed_join_says_timed_out(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_join(&r, SAYS(MQ_TIMED_OUT));
    rig_join(&r, AT(10), TIMEOUT(90), WAITS);
    rig_run_to(&r, 99);
    CHECK_NO_REPLY(&r);
    rig_run_to(&r, 100);
    CHECK_REPLY(&r, SESSION(1), MQ_TIMED_OUT, "");
    rig_free(&r);
}

static void what_comes_back_keeps_joiners_waiting(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 100});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_join(&r, AT(1), SESSION(2), FOREVER, WAITS);
    rig_get(&r, AT(1), MAX(2), GIVES("a b"));
    rig_release(&r, AT(2), ITEMS("a"), OK);
    rig_run_to(&r, 500);
    CHECK_NO_REPLY(&r);
    rig_get(&r, MAX(2), GIVES("a#2 b#2"));
    rig_done(&r, ITEMS("a", "b"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_free(&r);
}

static void a_join_of_a_missing_queue_says_so(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_join(&r, QUEUE("missing"), FOREVER, SAYS(MQ_NO_QUEUE));
    rig_free(&r);
}

/* ---- graceful shutdown ---- */

static void after_a_shutdown_puts_fail_and_gets_drain_what_is_left(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_shut_down(&r, OK);
    CHECK(rig_look(&r, "q").is_shut_down);
    CHECK(!rig_look(&r, "q").is_immediate);
    rig_put(&r, BODY("c"), SAYS(MQ_SHUT_DOWN));
    rig_put(&r, BODY("c"), FOREVER, SAYS(MQ_SHUT_DOWN));
    rig_get(&r, GIVES("a"));
    rig_get(&r, FOREVER, GIVES("b"));
    rig_get(&r, SAYS(MQ_SHUT_DOWN));
    rig_get(&r, FOREVER, SAYS(MQ_SHUT_DOWN));
    rig_done(&r, ITEMS("a", "b"), OK);
    rig_free(&r);
}

static void a_shutdown_ends_waiting_getters(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_get(&r, SESSION(2), FOREVER, WAITS);
    rig_get(&r, SESSION(3), TIMEOUT(500), WAITS);
    rig_shut_down(&r, AT(10));
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(2), MQ_SHUT_DOWN, "");
    CHECK_REPLY(&r, SESSION(3), MQ_SHUT_DOWN, "");
    rig_run_to(&r, 1000);
    rig_free(&r);
}

static void a_shutdown_ends_waiting_putters_with_what_they_have_stored(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_put(&r, SESSION(2), BODIES("a", "b", "c"), FOREVER, WAITS);
    rig_put(&r, SESSION(3), BODY("d"), TIMEOUT(500), WAITS);
    rig_shut_down(&r, OK);
    CHECK_REPLY(&r, SESSION(2), MQ_SHUT_DOWN, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    CHECK_REPLY(&r, SESSION(3), MQ_SHUT_DOWN, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 0);
    rig_get(&r, MAX(9), GIVES("a b"));
    rig_get(&r, SAYS(MQ_SHUT_DOWN));
    rig_free(&r);
}

static void what_comes_back_after_a_graceful_shutdown_is_ready_again(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    rig_shut_down(&r, OK);
    rig_get(&r, SAYS(MQ_SHUT_DOWN));
    rig_release(&r, ITEMS("a"), OK);
    rig_get(&r, GIVES("a#2"));
    rig_done(&r, ITEMS("a"), OK);
    rig_free(&r);
}

static void after_a_graceful_shutdown_join_waits_for_what_is_unfinished(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, GIVES("a"));
    rig_join(&r, SESSION(2), FOREVER, WAITS);
    rig_shut_down(&r, OK);
    rig_join(&r, SESSION(3), FOREVER, WAITS);
    rig_get(&r, GIVES("b"));
    rig_done(&r, ITEMS("a"), OK);
    CHECK_NO_REPLY(&r);
    rig_done(&r, ITEMS("b"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_free(&r);
}

/* ---- immediate shutdown ---- */

static void an_immediate_shutdown_discards_what_waits(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, GIVES("a"));
    rig_shut_down(&r, IMMEDIATE, OK);
    CHECK_SIZES(&r, "q", 0, 1);
    CHECK(rig_look(&r, "q").is_immediate);
    CHECK_EQUAL(rig_look(&r, "q").discarded, 2);
    rig_get(&r, SAYS(MQ_SHUT_DOWN));
    rig_put(&r, BODY("d"), SAYS(MQ_SHUT_DOWN));
    rig_free(&r);
}

static void an_immediate_shutdown_ends_waiting_getters_and_putters(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_open(&r, QUEUE("empty"), OK);
    rig_get(&r, SESSION(2), QUEUE("empty"), FOREVER, WAITS);
    rig_put(&r, SESSION(3), BODIES("a", "b"), FOREVER, WAITS);
    rig_shut_down(&r, IMMEDIATE, OK);
    CHECK_REPLY(&r, SESSION(3), MQ_SHUT_DOWN, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 1);
    CHECK_SIZES(&r, "q", 0, 0);
    rig_shut_down(&r, QUEUE("empty"), IMMEDIATE, OK);
    CHECK_REPLY(&r, SESSION(2), MQ_SHUT_DOWN, "");
    rig_free(&r);
}

static void items_taken_before_an_immediate_shutdown_stay_unfinished_until_done(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, GIVES("a"));
    rig_join(&r, SESSION(2), FOREVER, WAITS);
    rig_shut_down(&r, IMMEDIATE, OK);
    CHECK_NO_REPLY(&r);
    rig_done(&r, ITEMS("a"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_free(&r);
}

static void what_comes_back_after_an_immediate_shutdown_is_discarded_and_counted(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 100});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, AT(1), MAX(2), GIVES("a b"));
    rig_get(&r, AT(1), SESSION(3), GIVES("c"));
    rig_join(&r, AT(2), SESSION(2), FOREVER, WAITS);
    rig_shut_down(&r, IMMEDIATE, OK);
    rig_release(&r, AT(3), ITEMS("a"), OK);
    CHECK_SIZES(&r, "q", 0, 2);
    CHECK_EQUAL(rig_look(&r, "q").discarded, 1);
    rig_bye(&r, AT(4), SESSION(3));
    CHECK_SIZES(&r, "q", 0, 1);
    CHECK_NO_REPLY(&r);
    rig_run_to(&r, 101);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_EQUAL(rig_look(&r, "q").discarded, 3);
    CHECK_EQUAL(rig_look(&r, "q").unfinished, 0);
    rig_free(&r);
}

static void joiners_return_when_an_immediate_shutdown_discards_the_last_item(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_join(&r, SESSION(2), FOREVER, WAITS);
    rig_join(&r, SESSION(3), FOREVER, WAITS);
    rig_shut_down(&r, IMMEDIATE, OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_free(&r);
}

/* ---- twice ---- */

static void shutting_down_again_changes_nothing(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_shut_down(&r, OK);
    rig_shut_down(&r, OK);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_get(&r, GIVES("a"));
    rig_free(&r);
}

static void immediate_may_follow_graceful(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_shut_down(&r, OK);
    rig_shut_down(&r, IMMEDIATE, OK);
    CHECK_SIZES(&r, "q", 0, 0);
    rig_get(&r, SAYS(MQ_SHUT_DOWN));
    rig_free(&r);
}

static void graceful_after_immediate_does_not_undo_it(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    rig_shut_down(&r, IMMEDIATE, OK);
    rig_shut_down(&r, OK);
    CHECK(rig_look(&r, "q").is_immediate);
    rig_release(&r, ITEMS("a"), OK);
    CHECK_SIZES(&r, "q", 0, 0);
    rig_free(&r);
}

static void a_queue_that_is_removed_and_made_again_is_not_shut_down(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_shut_down(&r, OK);
    rig_open(&r, OK);
    rig_put(&r, BODY("a"), SAYS(MQ_SHUT_DOWN));
    rig_remove(&r, OK);
    rig_open(&r, OK);
    rig_put(&r, BODY("a"), OK);
    rig_free(&r);
}

static void growing_and_purging_a_queue_that_is_shut_down_wakes_no_put(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_shut_down(&r, OK);
    rig_set(&r, MAXSIZE(10), OK);
    rig_put(&r, BODY("b"), SAYS(MQ_SHUT_DOWN));
    rig_purge(&r, OK);
    rig_get(&r, SAYS(MQ_SHUT_DOWN));
    rig_free(&r);
}

static void a_shutdown_of_a_missing_queue_says_so(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_shut_down(&r, QUEUE("missing"), SAYS(MQ_NO_QUEUE));
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(a_join_returns_at_once_when_nothing_is_unfinished),
    UNIT(a_join_waits_until_all_is_done_not_only_taken),
    UNIT(many_may_join),
    UNIT(a_timed_join_says_timed_out),
    UNIT(what_comes_back_keeps_joiners_waiting),
    UNIT(a_join_of_a_missing_queue_says_so),
    UNIT(after_a_shutdown_puts_fail_and_gets_drain_what_is_left),
    UNIT(a_shutdown_ends_waiting_getters),
    UNIT(a_shutdown_ends_waiting_putters_with_what_they_have_stored),
    UNIT(what_comes_back_after_a_graceful_shutdown_is_ready_again),
    UNIT(after_a_graceful_shutdown_join_waits_for_what_is_unfinished),
    UNIT(an_immediate_shutdown_discards_what_waits),
    UNIT(an_immediate_shutdown_ends_waiting_getters_and_putters),
    UNIT(items_taken_before_an_immediate_shutdown_stay_unfinished_until_done),
    UNIT(what_comes_back_after_an_immediate_shutdown_is_discarded_and_counted),
    UNIT(joiners_return_when_an_immediate_shutdown_discards_the_last_item),
    UNIT(shutting_down_again_changes_nothing),
    UNIT(immediate_may_follow_graceful),
    UNIT(graceful_after_immediate_does_not_undo_it),
    UNIT(a_queue_that_is_removed_and_made_again_is_not_shut_down),
    UNIT(growing_and_purging_a_queue_that_is_shut_down_wakes_no_put),
    UNIT(a_shutdown_of_a_missing_queue_says_so),
};

int main(void)
{
    return unit_run("engine: join and shutdown", tests, sizeof tests / sizeof *tests);
}
