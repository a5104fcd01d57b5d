/* unit_engine_lease.c - the rules of what is held: task_done, release, extend, and leases that are over. */
#include "rig.h"

/* What the last answer refused at this index. */
static void check_refusal(const struct rig *r, size_t index, uint64_t id, enum mq_status status)
{
    CHECK(index < rig_last(r)->answer.refusal_count);
    CHECK_EQUAL(rig_last(r)->answer.refusals[index].id, id);
    CHECK_EQUAL(rig_last(r)->answer.refusals[index].status, status);
}

/* ---- task_done ---- */

static void task_done_ends_leases(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, MAX(3), GIVES("a b c"));
    rig_done(&r, ITEMS("a", "c"), OK);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_done(&r, ITEMS("b"), OK);
    CHECK_SIZES(&r, "q", 0, 0);
    CHECK_EQUAL(rig_look(&r, "q").done, 3);
    rig_free(&r);
}

static void task_done_for_an_item_never_held_is_too_many(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_done(&r, IDS(4711), SAYS(MQ_TOO_MANY_DONE));
    check_refusal(&r, 0, 4711, MQ_TOO_MANY_DONE);
    rig_put(&r, BODY("a"), OK);
    rig_done(&r, ITEMS("a"), SAYS(MQ_TOO_MANY_DONE));
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void task_done_twice_is_too_many(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, MAX(2), GIVES("a b"));
    rig_done(&r, ITEMS("a"), OK);
    rig_done(&r, ITEMS("a"), SAYS(MQ_TOO_MANY_DONE));
    rig_done(&r, ITEMS("b", "b"), SAYS(MQ_TOO_MANY_DONE));
    CHECK_EQUAL(rig_last(&r)->answer.refusal_count, 1);
    CHECK_SIZES(&r, "q", 0, 0);
    rig_free(&r);
}

static void nobody_ends_the_lease_of_another_session(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    rig_done(&r, SESSION(2), ITEMS("a"), SAYS(MQ_TOO_MANY_DONE));
    rig_release(&r, SESSION(2), ITEMS("a"), SAYS(MQ_TOO_MANY_DONE));
    rig_extend(&r, SESSION(2), ITEMS("a"), LEASE_OF(10), SAYS(MQ_TOO_MANY_DONE));
    CHECK_SIZES(&r, "q", 0, 1);
    rig_done(&r, ITEMS("a"), OK);
    rig_free(&r);
}

static void each_id_is_judged_alone_and_the_status_is_the_first_refusal(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 100});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, AT(1), GIVES("a"));
    rig_run_to(&r, 101);
    rig_get(&r, SESSION(2), GIVES("a#2"));
    rig_get(&r, MAX(2), GIVES("b c"));
    rig_done(&r, IDS(rig_id(&r, "b"), rig_id(&r, "a"), 9999, rig_id(&r, "c")), SAYS(MQ_LEASE_LOST));
    CHECK_EQUAL(rig_last(&r)->answer.refusal_count, 2);
    check_refusal(&r, 0, rig_id(&r, "a"), MQ_LEASE_LOST);
    check_refusal(&r, 1, 9999, MQ_TOO_MANY_DONE);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_free(&r);
}

static void one_task_done_may_be_about_several_queues(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_open(&r, QUEUE("p"), OK);
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, QUEUE("p"), BODY("b"), OK);
    rig_get(&r, GIVES("a"));
    rig_get(&r, QUEUE("p"), GIVES("b"));
    rig_join(&r, SESSION(2), FOREVER, WAITS);
    rig_join(&r, SESSION(3), QUEUE("p"), FOREVER, WAITS);
    rig_done(&r, ITEMS("a", "b"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_free(&r);
}

/* ---- release ---- */

static void release_as_tried_counts_the_delivery(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    rig_release(&r, ITEMS("a"), OK);
    rig_get(&r, GIVES("a#2"));
    rig_release(&r, ITEMS("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a#3"));
    CHECK_EQUAL(rig_look(&r, "q").redelivered, 2);
    CHECK_EQUAL(rig_look(&r, "q").returned, 2);
    CHECK_EQUAL(rig_look(&r, "q").gets, 3);
    rig_free(&r);
}

static void release_as_untouched_does_not_count_the_delivery(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    rig_release(&r, ITEMS("a"), UNTOUCHED, OK);
    rig_get(&r, GIVES("a"));
    rig_release(&r, ITEMS("a"), OK);
    rig_get(&r, GIVES("a#2"));
    rig_release(&r, ITEMS("a"), UNTOUCHED, OK);
    rig_get(&r, GIVES("a#2"));
    rig_free(&r);
}

static void a_released_item_goes_to_the_first_waiting_getter(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    rig_get(&r, SESSION(3), FOREVER, WAITS);
    rig_get(&r, SESSION(2), FOREVER, WAITS);
    rig_release(&r, ITEMS("a"), OK);
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "a#2");
    CHECK_NO_REPLY(&r);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_put(&r, BODY("b"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "b");
    rig_free(&r);
}

static void what_comes_back_always_has_room_and_the_queue_is_simply_full(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, MAX(2), GIVES("a b"));
    rig_put(&r, BODIES("c", "d"), OK);
    rig_put(&r, SESSION(2), BODY("e"), FOREVER, WAITS);
    rig_release(&r, ITEMS("a", "b"), OK);
    CHECK_SIZES(&r, "q", 4, 0);
    rig_put(&r, SESSION(3), BODY("f"), SAYS(MQ_FULL));
    rig_get(&r, MAX(2), GIVES("a#2 b#2"));
    CHECK_NO_REPLY(&r);
    rig_get(&r, GIVES("c"));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_free(&r);
}

static void a_release_of_what_is_not_held_is_refused(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, MAX(2), GIVES("a b"));
    rig_release(&r, ITEMS("a"), OK);
    rig_release(&r, ITEMS("a", "b"), SAYS(MQ_TOO_MANY_DONE));
    CHECK_EQUAL(rig_last(&r)->answer.refusal_count, 1);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_free(&r);
}

/* ---- the end of a lease ---- */

static void without_a_lease_setting_a_lease_lasts_as_long_as_the_session(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    CHECK_EQUAL(rig_last(&r)->answer.lease_ms, 0);
    rig_run_to(&r, 1000000000);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_done(&r, ITEMS("a"), OK);
    rig_free(&r);
}

static void a_lease_that_is_over_puts_the_item_back(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 1000});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, AT(50), GIVES("a"));
    CHECK_EQUAL(rig_last(&r)->answer.lease_ms, 1000);
    rig_run_to(&r, 1049);
    CHECK_SIZES(&r, "q", 1, 1);
    rig_run_to(&r, 1050);
    CHECK_SIZES(&r, "q", 2, 0);
    CHECK_EQUAL(rig_look(&r, "q").returned, 1);
    rig_done(&r, ITEMS("a"), SAYS(MQ_LEASE_LOST));
    rig_get(&r, SESSION(2), MAX(2), GIVES("a#2 b"));
    rig_free(&r);
}

static void a_lease_that_is_over_serves_a_waiting_getter(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 1000});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(50), GIVES("a"));
    rig_get(&r, AT(60), SESSION(2), FOREVER, WAITS);
    rig_run_to(&r, 1050);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "a#2");
    rig_done(&r, ITEMS("a"), SAYS(MQ_LEASE_LOST));
    rig_done(&r, SESSION(2), ITEMS("a"), OK);
    rig_free(&r);
}

static void every_verb_on_a_lost_lease_says_lease_lost(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 100});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, AT(1), MAX(3), GIVES("a b c"));
    rig_run_to(&r, 200);
    rig_release(&r, ITEMS("a"), SAYS(MQ_LEASE_LOST));
    rig_extend(&r, ITEMS("b"), LEASE_OF(100), SAYS(MQ_LEASE_LOST));
    rig_done(&r, ITEMS("c"), SAYS(MQ_LEASE_LOST));
    CHECK_SIZES(&r, "q", 3, 0);
    rig_free(&r);
}

static void a_late_task_done_is_fenced_even_when_the_item_is_done_by_another(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 100});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(1), GIVES("a"));
    rig_get(&r, AT(200), SESSION(2), GIVES("a#2"));
    rig_done(&r, SESSION(2), ITEMS("a"), OK);
    rig_done(&r, ITEMS("a"), SAYS(MQ_LEASE_LOST));
    CHECK_EQUAL(rig_look(&r, "q").done, 1);
    rig_free(&r);
}

static void a_session_that_gets_a_lost_item_again_holds_it_again(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 100});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(1), GIVES("a"));
    rig_get(&r, AT(150), GIVES("a#2"));
    rig_done(&r, AT(160), ITEMS("a"), OK);
    CHECK_SIZES(&r, "q", 0, 0);
    rig_free(&r);
}

static void a_late_task_done_does_not_end_a_new_lease_that_the_client_cannot_know_of(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 100, .silent = true});
    rig_put(&r, BODY("a"), OK);
    uint64_t first = rig_get(&r, AT(0), GIVES("a"));
    rig_confirm(&r, AT(1), RANGES({first, first}));
    rig_run_to(&r, 101);
    uint64_t second = rig_get(&r, AT(102), GIVES("a#2"));
    rig_extend(&r, AT(103), ITEMS("a"), LEASE_OF(1000), OK);
    rig_done(&r, AT(104), ITEMS("a"), SAYS(MQ_LEASE_LOST));
    CHECK_SIZES(&r, "q", 0, 1);
    rig_confirm(&r, AT(105), RANGES({second, second}));
    rig_done(&r, AT(106), ITEMS("a"), OK);
    rig_free(&r);
}

static void only_so_many_lost_leases_are_remembered(void)
{
    enum { REMEMBERED = 65536 };
    struct rig r = rig_new((struct rig_options){.lease_ms = 100});
    rig_put(&r, BULK(REMEMBERED, 0), OK);
    uint64_t first = rig_last(&r)->ids[0];
    rig_get(&r, AT(1), MAX(REMEMBERED), OK);
    rig_run_to(&r, 101);
    rig_open(&r, QUEUE("p"), LEASE(100), OK);
    rig_put(&r, QUEUE("p"), BODY("a"), OK);
    rig_get(&r, QUEUE("p"), GIVES("a"));
    rig_run_to(&r, 201);
    CHECK_SIZES(&r, "q", REMEMBERED, 0);
    rig_done(&r, IDS(first + 1), SAYS(MQ_LEASE_LOST));
    rig_done(&r, IDS(first + REMEMBERED), SAYS(MQ_LEASE_LOST));
    rig_done(&r, IDS(first), SAYS(MQ_TOO_MANY_DONE));
    rig_free(&r);
}

static void when_many_leases_were_lost_each_session_is_told_of_its_latest_ones(void)
{
    enum { REMEMBERED = 65536, SESSIONS = 4, SHARE = 256 };
    struct rig r = rig_new((struct rig_options){.lease_ms = 1000});
    for (int session = 1; session <= SESSIONS; session++) {
        rig_put(&r, BULK(REMEMBERED, 0), OK);
        rig_get(&r, SESSION(session), MAX(REMEMBERED), OK);
    }
    rig_run_to(&r, 1000);
    rig_open(&r, QUEUE("p"), LEASE(1000), OK);
    rig_put(&r, QUEUE("p"), BULK(SHARE + 1, 0), OK);
    uint64_t first = rig_last(&r)->ids[0];
    rig_get(&r, QUEUE("p"), SESSION(SESSIONS + 1), MAX(SHARE + 1), OK);
    rig_run_to(&r, 2000);
    rig_done(&r, SESSION(SESSIONS + 1), IDS(first), SAYS(MQ_TOO_MANY_DONE));
    rig_done(&r, SESSION(SESSIONS + 1), IDS(first + 1), SAYS(MQ_LEASE_LOST));
    rig_done(&r, SESSION(SESSIONS + 1), IDS(first + SHARE), SAYS(MQ_LEASE_LOST));
    rig_free(&r);
}

static void an_item_lost_several_times_is_lease_lost_as_often(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 100});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(1), GIVES("a"));
    rig_get(&r, AT(102), GIVES("a#2"));
    rig_get(&r, AT(203), GIVES("a#3"));
    rig_run_to(&r, 304);
    rig_extend(&r, ITEMS("a"), LEASE_OF(100), SAYS(MQ_LEASE_LOST));
    for (int i = 0; i < 3; i++)
        rig_done(&r, ITEMS("a"), SAYS(MQ_LEASE_LOST));
    rig_done(&r, ITEMS("a"), SAYS(MQ_TOO_MANY_DONE));
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

/* ---- extend and settings ---- */

static void extend_renews_a_lease_from_now(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 1000});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(50), GIVES("a"));
    rig_extend(&r, AT(900), ITEMS("a"), LEASE_OF(500), OK);
    rig_run_to(&r, 1399);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_run_to(&r, 1400);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void extend_may_also_shorten_a_lease(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(50), GIVES("a"));
    rig_extend(&r, AT(100), ITEMS("a"), LEASE_OF(10), OK);
    rig_run_to(&r, 110);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void extend_by_0_makes_a_lease_last_as_long_as_the_session(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 100});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(1), GIVES("a"));
    rig_extend(&r, AT(50), ITEMS("a"), LEASE_OF(0), OK);
    rig_run_to(&r, 1000000);
    rig_done(&r, ITEMS("a"), OK);
    rig_free(&r);
}

static void a_lease_of_less_than_0_is_invalid(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    rig_extend(&r, ITEMS("a"), LEASE_OF(-1), SAYS(MQ_INVALID));
    rig_set(&r, LEASE(-1), SAYS(MQ_INVALID));
    rig_open(&r, QUEUE("p"), LEASE(-1), SAYS(MQ_INVALID));
    rig_done(&r, ITEMS("a"), OK);
    rig_free(&r);
}

static void the_longest_lease_does_not_overflow(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = INT64_MAX});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(1), GIVES("a"));
    rig_extend(&r, AT(2), ITEMS("a"), LEASE_OF(INT64_MAX), OK);
    rig_run_to(&r, 20000);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_free(&r);
}

static void a_changed_lease_setting_counts_for_what_is_taken_from_then_on(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 1000});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, AT(1), GIVES("a"));
    rig_set(&r, AT(2), LEASE(100), OK);
    rig_get(&r, AT(3), GIVES("b"));
    CHECK_EQUAL(rig_last(&r)->answer.lease_ms, 100);
    rig_run_to(&r, 103);
    CHECK_SIZES(&r, "q", 1, 1);
    rig_peek(&r, GIVES("b#1"));
    rig_run_to(&r, 1001);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(task_done_ends_leases),
    UNIT(task_done_for_an_item_never_held_is_too_many),
    UNIT(task_done_twice_is_too_many),
    UNIT(nobody_ends_the_lease_of_another_session),
    UNIT(each_id_is_judged_alone_and_the_status_is_the_first_refusal),
    UNIT(one_task_done_may_be_about_several_queues),
    UNIT(release_as_tried_counts_the_delivery),
    UNIT(release_as_untouched_does_not_count_the_delivery),
    UNIT(a_released_item_goes_to_the_first_waiting_getter),
    UNIT(what_comes_back_always_has_room_and_the_queue_is_simply_full),
    UNIT(a_release_of_what_is_not_held_is_refused),
    UNIT(without_a_lease_setting_a_lease_lasts_as_long_as_the_session),
    UNIT(a_lease_that_is_over_puts_the_item_back),
    UNIT(a_lease_that_is_over_serves_a_waiting_getter),
    UNIT(every_verb_on_a_lost_lease_says_lease_lost),
    UNIT(a_late_task_done_is_fenced_even_when_the_item_is_done_by_another),
    UNIT(a_session_that_gets_a_lost_item_again_holds_it_again),
    UNIT(a_late_task_done_does_not_end_a_new_lease_that_the_client_cannot_know_of),
    UNIT(only_so_many_lost_leases_are_remembered),
    UNIT(when_many_leases_were_lost_each_session_is_told_of_its_latest_ones),
    UNIT(an_item_lost_several_times_is_lease_lost_as_often),
    UNIT(extend_renews_a_lease_from_now),
    UNIT(extend_may_also_shorten_a_lease),
    UNIT(extend_by_0_makes_a_lease_last_as_long_as_the_session),
    UNIT(a_lease_of_less_than_0_is_invalid),
    UNIT(the_longest_lease_does_not_overflow),
    UNIT(a_changed_lease_setting_counts_for_what_is_taken_from_then_on),
};

int main(void)
{
    return unit_run("engine: leases", tests, sizeof tests / sizeof *tests);
}
