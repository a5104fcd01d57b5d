/* unit_engine_lifetime.c - the rules of sessions that are left: grace, remember, bye, and a broker that was
 * frozen. */
#include "rig.h"

/* ---- the grace ---- */

static void within_the_grace_a_session_keeps_what_it_waits_for_and_holds(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    uint64_t join = rig_join(&r, FOREVER, WAITS);
    rig_drop(&r, AT(1000));
    rig_run_to(&r, 3999);
    CHECK_SIZES(&r, "q", 0, 1);
    CHECK_EQUAL(rig_look(&r, "q").joiners, 1);
    rig_hello(&r, AT(3999), RESUME, SAYS(MQ_OK));
    rig_repeat(&r, NUMBER(join), WAITS);
    rig_done(&r, AT(9000), ITEMS("a"), OK);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

static void every_lost_connection_has_the_whole_grace(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    for (uint64_t at_ms = 1000; at_ms < 20000; at_ms += 2900) {
        rig_drop(&r, AT(at_ms));
        rig_hello(&r, AT(at_ms + 2500), RESUME, SAYS(MQ_OK));
    }
    rig_done(&r, ITEMS("a"), OK);
    rig_free(&r);
}

static void after_the_grace_leases_go_back_to_their_old_places(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, SESSION(2), BODIES("a", "b", "c", "d"), OK);
    rig_get(&r, MAX(3), GIVES("a b c"));
    rig_done(&r, ITEMS("b"), OK);
    rig_drop(&r, AT(1000));
    rig_run_to(&r, 3999);
    CHECK_SIZES(&r, "q", 1, 2);
    rig_run_to(&r, 4000);
    CHECK_SIZES(&r, "q", 3, 0);
    CHECK_EQUAL(rig_look_at_broker(&r).sessions_lost, 1);
    rig_get(&r, SESSION(2), MAX(9), GIVES("a#2 c#2 d"));
    rig_free(&r);
}

static void ten_items_of_a_killed_consumer_go_to_another_in_order(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"), OK);
    rig_get(&r, SESSION(2), MAX(10), OK);
    rig_get(&r, SESSION(3), MAX(20), FOREVER, WAITS);
    rig_drop(&r, AT(500), SESSION(2));
    rig_run_to(&r, 4000);
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "0#2 1#2 2#2 3#2 4#2 5#2 6#2 7#2 8#2 9#2");
    rig_free(&r);
}

static void after_the_grace_what_was_held_is_lease_lost(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, SESSION(2), BODIES("a", "b", "c"), OK);
    rig_get(&r, MAX(3), GIVES("a b c"));
    rig_drop(&r, AT(1000));
    rig_hello(&r, AT(5000), RESUME, SAYS(MQ_OK));
    rig_extend(&r, ITEMS("a"), LEASE_OF(9), SAYS(MQ_LEASE_LOST));
    rig_release(&r, ITEMS("b"), SAYS(MQ_LEASE_LOST));
    rig_done(&r, ITEMS("c"), SAYS(MQ_LEASE_LOST));
    CHECK_SIZES(&r, "q", 3, 0);
    rig_free(&r);
}

static void after_the_grace_waiting_requests_are_cancelled_with_session_lost(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_open(&r, QUEUE("empty"), OK);
    uint64_t put = rig_put(&r, BODIES("a", "b", "c"), FOREVER, WAITS);
    uint64_t get = rig_get(&r, QUEUE("empty"), TIMEOUT(100000), WAITS);
    uint64_t join = rig_join(&r, FOREVER, WAITS);
    rig_drop(&r, AT(1000));
    rig_run_to(&r, 4000);
    CHECK_EQUAL(rig_look(&r, "q").putters, 0);
    CHECK_EQUAL(rig_look(&r, "q").joiners, 0);
    CHECK_EQUAL(rig_look(&r, "empty").getters, 0);
    rig_hello(&r, AT(8000), RESUME, SAYS(MQ_OK));
    CHECK_NO_REPLY(&r);
    rig_repeat(&r, NUMBER(put), SAYS(MQ_SESSION_LOST));
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    rig_repeat(&r, NUMBER(get), SAYS(MQ_SESSION_LOST));
    rig_repeat(&r, NUMBER(join), SAYS(MQ_SESSION_LOST));
    CHECK_SIZES(&r, "q", 2, 0);
    rig_free(&r);
}

static void a_dead_sessions_waiters_hold_up_nobody(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_open(&r, QUEUE("empty"), OK);
    rig_put(&r, SESSION(2), BODIES("a", "b"), FOREVER, WAITS);
    rig_get(&r, SESSION(2), QUEUE("empty"), FOREVER, WAITS);
    rig_put(&r, SESSION(3), BODY("c"), FOREVER, WAITS);
    rig_drop(&r, AT(10), SESSION(2));
    rig_run_to(&r, 3010);
    rig_get(&r, MAX(9), GIVES("a"));
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_put(&r, QUEUE("empty"), BODY("d"), OK);
    rig_get(&r, QUEUE("empty"), GIVES("d"));
    rig_free(&r);
}

static void a_request_decided_within_the_grace_is_no_session_lost(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, SESSION(2), BODY("a"), OK);
    uint64_t put = rig_put(&r, BODY("b"), FOREVER, WAITS);
    rig_drop(&r, AT(1000));
    rig_get(&r, AT(2000), SESSION(2), GIVES("a"));
    rig_hello(&r, AT(9000), RESUME, SAYS(MQ_OK));
    rig_repeat(&r, NUMBER(put), OK);
    CHECK_SIZES(&r, "q", 1, 1);
    rig_free(&r);
}

/* ---- remembered ---- */

static void a_session_that_comes_back_late_gets_its_first_answers(void)
{
    struct rig r = rig_new((struct rig_options){0});
    uint64_t put = rig_put(&r, BODY("a"), OK, LOST);
    uint64_t get = rig_get(&r, GIVES("a"), LOST);
    rig_drop(&r, AT(1000));
    rig_hello(&r, AT(602000), RESUME, SAYS(MQ_OK));
    rig_repeat(&r, NUMBER(put), OK);
    CHECK_EQUAL(rig_last(&r)->ids[0], rig_id(&r, "a"));
    rig_repeat(&r, NUMBER(get), SAYS(MQ_LEASE_LOST));
    CHECK_SIZES(&r, "q", 1, 0);
    rig_get(&r, GIVES("a#2"));
    rig_drop(&r, AT(610000));
    rig_run_to(&r, 613000);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void a_session_that_stays_away_is_forgotten(void)
{
    struct rig r = rig_new((struct rig_options){.resume_grace_ms = 50, .remember_ms = 100});
    uint64_t put = rig_put(&r, BODY("a"), OK, LOST);
    rig_drop(&r, AT(10));
    rig_run_to(&r, 159);
    CHECK_EQUAL(rig_look_at_broker(&r).sessions, 2);
    rig_run_to(&r, 160);
    CHECK_EQUAL(rig_look_at_broker(&r).sessions, 1);
    rig_hello(&r, RESUME, SAYS(MQ_SESSION_LOST));
    rig_hello(&r, SAYS(MQ_OK));
    CHECK_EQUAL(rig_put(&r, BODY("b"), OK), put - 1);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_free(&r);
}

static void only_so_many_ended_sessions_are_remembered_the_oldest_are_forgotten_first(void)
{
    struct rig r = rig_new((struct rig_options){.remembered_max = 2});
    for (int i = 2; i < 6; i++)
        rig_put(&r, SESSION(i), BODY("a"), OK, LOST);
    rig_drop(&r, AT(10), SESSION(4));
    rig_drop(&r, AT(20), SESSION(2));
    rig_drop(&r, AT(30), SESSION(5));
    rig_drop(&r, AT(40), SESSION(3));
    rig_run_to(&r, 3100);
    CHECK_EQUAL(rig_look_at_broker(&r).forgotten, 2);
    rig_hello(&r, SESSION(4), RESUME, SAYS(MQ_SESSION_LOST));
    rig_hello(&r, SESSION(2), RESUME, SAYS(MQ_SESSION_LOST));
    rig_hello(&r, SESSION(5), RESUME, SAYS(MQ_OK));
    rig_repeat(&r, SESSION(5), NUMBER(1), OK);
    rig_hello(&r, SESSION(3), RESUME, SAYS(MQ_OK));
    rig_repeat(&r, SESSION(3), NUMBER(1), OK);
    CHECK_SIZES(&r, "q", 4, 0);
    rig_free(&r);
}

static void an_ended_session_is_forgotten_when_a_new_one_needs_its_room(void)
{
    struct rig r = rig_new((struct rig_options){.sessions_max = 2});
    rig_hello(&r, SESSION(2), SAYS(MQ_OK));
    rig_drop(&r, AT(10), SESSION(2));
    rig_hello(&r, AT(20), SESSION(3), SAYS(MQ_LIMIT));
    rig_hello(&r, AT(4000), SESSION(3), SAYS(MQ_OK));
    rig_hello(&r, SESSION(2), RESUME, SAYS(MQ_SESSION_LOST));
    rig_free(&r);
}

/* ---- bye ---- */

static void a_bye_ends_a_session_at_once(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_put(&r, SESSION(2), BODIES("b", "c"), FOREVER, WAITS);
    rig_join(&r, SESSION(2), FOREVER, WAITS);
    rig_bye(&r, SESSION(2));
    CHECK_SIZES(&r, "q", 2, 0);
    CHECK_EQUAL(rig_look(&r, "q").putters, 0);
    CHECK_EQUAL(rig_look(&r, "q").joiners, 0);
    CHECK_EQUAL(rig_look_at_broker(&r).sessions_lost, 0);
    rig_hello(&r, SESSION(2), RESUME, SAYS(MQ_SESSION_LOST));
    rig_get(&r, MAX(9), GIVES("a#2 b"));
    rig_free(&r);
}

static void a_bye_may_carry_the_last_confirmations(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    rig_put(&r, BODIES("a", "b"), OK);
    uint64_t number = rig_get(&r, SESSION(2), AUTO_DONE, GIVES("a"));
    rig_get(&r, SESSION(2), AUTO_DONE, GIVES("b"), LOST);
    rig_bye(&r, SESSION(2), RANGES({number, number}));
    CHECK_SIZES(&r, "q", 1, 0);
    CHECK_EQUAL(rig_look(&r, "q").done, 1);
    rig_free(&r);
}

static void what_a_bye_gives_back_serves_others(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_get(&r, SESSION(3), FOREVER, WAITS);
    rig_bye(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "a#2");
    rig_free(&r);
}

/* ---- a frozen broker ---- */

static void when_the_broker_was_frozen_sessions_have_their_grace_still(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    rig_drop(&r, AT(100));
    rig_sleep_to(&r, 10100);
    rig_run_to(&r, 12800);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_run_to(&r, 13100);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void when_the_broker_was_frozen_leases_last_as_much_longer(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 1000});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(100), GIVES("a"));
    rig_sleep_to(&r, 5100);
    rig_run_to(&r, 5800);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_run_to(&r, 6100);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void when_the_broker_was_frozen_ended_sessions_are_remembered_as_much_longer(void)
{
    struct rig r = rig_new((struct rig_options){.resume_grace_ms = 10, .remember_ms = 5000});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_extend(&r, SESSION(2), ITEMS("a"), LEASE_OF(100000), OK);
    rig_drop(&r, AT(100));
    rig_run_to(&r, 200);
    rig_sleep_to(&r, 20000);
    rig_hello(&r, RESUME, SAYS(MQ_OK));
    rig_free(&r);
}

static void a_freeze_does_not_move_the_time_outs_of_requests(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 1000});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(100), GIVES("a"));
    rig_get(&r, AT(100), SESSION(2), TIMEOUT(2000), WAITS);
    rig_sleep_to(&r, 5000);
    rig_run_to(&r, 5000);
    CHECK_REPLY(&r, SESSION(2), MQ_EMPTY, "");
    rig_free(&r);
}

static void a_delay_of_up_to_a_second_is_no_freeze(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 300});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(100), GIVES("a"));
    rig_sleep_to(&r, 1100);
    rig_run_to(&r, 1100);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void a_freeze_that_a_request_ends_counts_too(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 1000});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(100), GIVES("a"));
    rig_sleep_to(&r, 5000);
    rig_done(&r, ITEMS("a"), OK);
    CHECK_SIZES(&r, "q", 0, 0);
    rig_free(&r);
}

static void a_freeze_counts_once_however_many_requests_have_waited(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 1000});
    rig_open(&r, QUEUE("empty"), OK);
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(100), GIVES("a"));
    rig_get(&r, SESSION(2), QUEUE("empty"), TIMEOUT(100), WAITS);
    rig_sleep_to(&r, 5000);
    for (int i = 0; i < 9; i++)
        rig_ping(&r, SESSION(3), OK);
    rig_run_to(&r, 5899);
    CHECK_REPLY(&r, SESSION(2), MQ_EMPTY, "");
    CHECK_SIZES(&r, "q", 0, 1);
    rig_run_to(&r, 5900);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void sessions_that_end_at_the_same_moment_end_in_the_order_of_their_numbers(void)
{
    struct rig r = rig_new((struct rig_options){.remembered_max = 1});
    rig_ping(&r, SESSION(2), OK);
    rig_ping(&r, SESSION(3), OK);
    rig_drop(&r, AT(100), SESSION(3));
    rig_drop(&r, AT(100), SESSION(2));
    rig_run_to(&r, 5000);
    rig_hello(&r, SESSION(2), RESUME, SAYS(MQ_SESSION_LOST));
    rig_hello(&r, SESSION(3), RESUME, SAYS(MQ_OK));
    rig_free(&r);
}

static void an_engine_without_deadlines_asks_for_no_tick(void)
{
    struct rig r = rig_new((struct rig_options){0});
    CHECK_EQUAL(engine_deadline_ms(r.engine), UINT64_MAX);
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    rig_get(&r, FOREVER, WAITS);
    CHECK_EQUAL(engine_deadline_ms(r.engine), UINT64_MAX);
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(within_the_grace_a_session_keeps_what_it_waits_for_and_holds),
    UNIT(every_lost_connection_has_the_whole_grace),
    UNIT(after_the_grace_leases_go_back_to_their_old_places),
    UNIT(ten_items_of_a_killed_consumer_go_to_another_in_order),
    UNIT(after_the_grace_what_was_held_is_lease_lost),
    UNIT(after_the_grace_waiting_requests_are_cancelled_with_session_lost),
    UNIT(a_dead_sessions_waiters_hold_up_nobody),
    UNIT(a_request_decided_within_the_grace_is_no_session_lost),
    UNIT(a_session_that_comes_back_late_gets_its_first_answers),
    UNIT(a_session_that_stays_away_is_forgotten),
    UNIT(only_so_many_ended_sessions_are_remembered_the_oldest_are_forgotten_first),
    UNIT(an_ended_session_is_forgotten_when_a_new_one_needs_its_room),
    UNIT(a_bye_ends_a_session_at_once),
    UNIT(a_bye_may_carry_the_last_confirmations),
    UNIT(what_a_bye_gives_back_serves_others),
    UNIT(when_the_broker_was_frozen_sessions_have_their_grace_still),
    UNIT(when_the_broker_was_frozen_leases_last_as_much_longer),
    UNIT(when_the_broker_was_frozen_ended_sessions_are_remembered_as_much_longer),
    UNIT(a_freeze_does_not_move_the_time_outs_of_requests),
    UNIT(a_delay_of_up_to_a_second_is_no_freeze),
    UNIT(a_freeze_that_a_request_ends_counts_too),
    UNIT(a_freeze_counts_once_however_many_requests_have_waited),
    UNIT(sessions_that_end_at_the_same_moment_end_in_the_order_of_their_numbers),
    UNIT(an_engine_without_deadlines_asks_for_no_tick),
};

int main(void)
{
    return unit_run("engine: sessions' lifetime", tests, sizeof tests / sizeof *tests);
}
