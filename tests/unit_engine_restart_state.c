/* The broker is killed and comes back: items, leases, queues and sessions are as they were. */
#include "rig.h"
#include "rig_facts.h"
#include "rig_restart.h"

#include <stdlib.h>
#include <string.h>

/* ---- leases ---- */

static void who_comes_back_in_time_keeps_what_it_held(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, SESSION(2), MAX(2), GIVES("a b"));
    rig_restart(&r);
    rig_run_to(&r, 2999);
    rig_resume(&r, SESSION(2));
    rig_run_to(&r, 10000);
    CHECK_SIZES(&r, "q", 1, 2);
    rig_done(&r, SESSION(2), ITEMS("a"), OK);
    rig_release(&r, SESSION(2), ITEMS("b"), OK);
    rig_get(&r, SESSION(3), MAX(9), GIVES("b#2 c"));
    rig_free(&r);
}

static void who_does_not_loses_it_and_is_told(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), MAX(2), GIVES("a b"));
    rig_restart(&r);
    rig_run_to(&r, 3000);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_resume(&r, SESSION(2));
    CHECK_EQUAL(r.welcome.lapses, 1);
    rig_done(&r, SESSION(2), ITEMS("a"), SAYS(MQ_LEASE_LOST));
    rig_done(&r, SESSION(2), ITEMS("a"), SAYS(MQ_LEASE_LOST)); /* nobody knows better */
    rig_free(&r);
}

static void what_a_session_may_have_held_before_is_lost_and_not_too_many(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    rig_done(&r, SESSION(2), ITEMS("b"), SAYS(MQ_LEASE_LOST));
    rig_extend(&r, SESSION(2), ITEMS("b"), SAYS(MQ_LEASE_LOST));
    rig_done(&r, SESSION(3), ITEMS("b"), SAYS(MQ_TOO_MANY_DONE)); /* it was not there before */
    rig_put(&r, SESSION(3), BODY("c"), OK);
    rig_done(&r, SESSION(2), ITEMS("c"), SAYS(MQ_TOO_MANY_DONE)); /* nor was this item */
    rig_free(&r);
}

static void a_lease_with_a_time_out_begins_anew(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 0, 1000);
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_run_to(&r, 900);
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    rig_run_to(&r, 1899);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_run_to(&r, 1900);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void a_restart_is_no_delivery(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODY("a"), OK);
    for (int i = 0; i < 3; i++)
        rig_restart(&r);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_restart(&r);
    rig_run_to(&r, 3000);
    rig_get(&r, SESSION(3), GIVES("a#2"));
    rig_free(&r);
}

static void auto_done_items_are_done_once_they_are_confirmed(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), AUTO_DONE, LOST, GIVES("a"));
    rig_get(&r, SESSION(3), AUTO_DONE, GIVES("b"));
    rig_confirm(&r, SESSION(3), RANGES({1, 1}));
    r.sessions[3].sent[0].is_confirmed = true;
    rig_restart(&r);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "a");
    rig_restart(&r);
    rig_resume(&r, SESSION(2)); /* it is not awaited any more, so it has arrived */
    CHECK_SIZES(&r, "q", 0, 0);
    rig_free(&r);
}

static void a_get_that_is_taken_back_is_so_after_a_restart(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODY("a"), OK);
    uint64_t number = rig_get(&r, SESSION(2), AUTO_DONE, LOST, GIVES("a"));
    r.sessions[2].sent[number - 1].step.verb = MQ_VERB_GET;
    rig_cancel(&r, SESSION(2), NUMBER(number), SAYS(MQ_LEASE_LOST));
    rig_restart(&r);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_get(&r, SESSION(3), GIVES("a"));
    rig_free(&r);
}

/* ---- queues ---- */

static void what_came_back_has_its_place_again(void)
{
    const char *const orders[] = {
        [MQ_KIND_FIFO] = "b#2 c#2 e", [MQ_KIND_LIFO] = "e#2 c#2 a", [MQ_KIND_PRIORITY] = "b#2 a#2 e"};
    for (enum mq_kind kind = MQ_KIND_FIFO; kind <= MQ_KIND_PRIORITY; kind++) {
        struct rig r = rig_durable_of(kind, 0, 0);
        if (kind == MQ_KIND_PRIORITY)
            rig_put(&r, BODIES("a", "b", "c", "d", "e"), KEYS(3, 1, 0, 2, 4), OK);
        else
            rig_put(&r, BODIES("a", "b", "c", "d", "e"), OK);
        rig_get(&r, SESSION(2), MAX(4), OK);
        rig_done(&r, SESSION(2),
                 ITEMS(kind == MQ_KIND_FIFO   ? "a"
                       : kind == MQ_KIND_LIFO ? "b"
                                              : "c",
                       "d"),
                 OK);
        rig_bye(&r, SESSION(2));
        rig_restart(&r);
        rig_get(&r, SESSION(3), MAX(9), GIVES(orders[kind]));
        rig_free(&r);
    }
}

static void a_queue_is_compared_with_what_it_was_made_with(void)
{
    struct rig r = rig_durable();
    rig_open(&r, QUEUE("w"), SETTINGS(MQ_KIND_PRIORITY, 5, 70), OK);
    rig_set(&r, QUEUE("w"), MAXSIZE(9), OK);
    rig_restart(&r);
    rig_open(&r, SESSION(2), QUEUE("w"), SETTINGS(MQ_KIND_PRIORITY, 5, 70), OK);
    rig_open(&r, SESSION(2), QUEUE("w"), MAXSIZE(9), SAYS(MQ_EXISTS));
    CHECK_EQUAL(rig_look(&r, "w").settings.maxsize, 9);
    rig_free(&r);
}

static void a_transient_queue_survives_without_its_items(void)
{
    struct rig r = rig_durable();
    rig_open(&r, QUEUE("t"), TRANSIENT(true), OK);
    rig_put(&r, QUEUE("t"), BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), QUEUE("t"), GIVES("a"));
    rig_purge(&r, SESSION(3), QUEUE("t"), OK);
    rig_restart(&r);
    CHECK_SIZES(&r, "t", 0, 0);
    rig_resume(&r, SESSION(2));
    rig_done(&r, SESSION(2), ITEMS("a"), SAYS(MQ_LEASE_LOST));
    rig_resume(&r);
    rig_put(&r, QUEUE("t"), BODY("c"), OK);
    CHECK_SIZES(&r, "t", 1, 0);
    rig_free(&r);
}

static void a_queue_that_was_shut_down_stays_so(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_shut_down(&r, OK);
    rig_restart(&r);
    rig_resume(&r);
    rig_put(&r, BODY("c"), SAYS(MQ_SHUT_DOWN));
    rig_shut_down(&r, IMMEDIATE, OK);
    rig_restart(&r);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_run_to(&r, 3000); /* what comes back is discarded */
    CHECK_SIZES(&r, "q", 0, 0);
    rig_get(&r, SESSION(3), SAYS(MQ_SHUT_DOWN));
    rig_free(&r);
}

/* The items were stored, and taken, in a segment that has gone. */
static void what_came_back_after_an_immediate_shutdown_is_never_counted_as_done(void)
{
    struct rig r = rig_durable();
    rig_begin_segment(&r);
    rig_put(&r, BODIES("a", "b", "c", "d", "e", "f"), OK);
    rig_get(&r, SESSION(2), MAX(3), GIVES("a b c"));
    rig_get(&r, SESSION(3), MAX(2), GIVES("d e"));
    rig_shut_down(&r, IMMEDIATE, OK);
    rig_begin_segment(&r);
    rig_done(&r, SESSION(2), ITEMS("a"), OK);
    rig_release(&r, SESSION(2), ITEMS("b"), OK);
    CHECK_EQUAL(rig_fact(&r, FACT_QUEUE).totals.discarded, 2);
    rig_bye(&r, SESSION(3));
    CHECK_EQUAL(rig_fact(&r, FACT_QUEUE).totals.discarded, 4);
    rig_go_through(&r, 1, 1 << 20);
    rig_drop_segment(&r, 1);
    rig_restart(&r);
    struct queue_stat q = rig_look(&r, "q");
    CHECK_EQUAL(q.leased, 1);
    CHECK_EQUAL(q.done, 1);
    CHECK_EQUAL(q.returned, 3);
    CHECK_EQUAL(q.discarded, 4);
    rig_run_to(&r, 3000); /* what is left comes back, too */
    rig_restart(&r);
    CHECK_EQUAL(rig_look(&r, "q").done, 1);
    CHECK_EQUAL(rig_look(&r, "q").discarded, 5);
    rig_free(&r);
}

static void totals_of_queues_count_on_and_those_of_the_broker_do_not(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, SESSION(2), MAX(2), OK);
    rig_done(&r, SESSION(2), ITEMS("a"), OK);
    rig_release(&r, SESSION(2), ITEMS("b"), OK);
    rig_get(&r, SESSION(2), OK);
    rig_purge(&r, OK);
    rig_restart(&r);
    struct queue_stat q = rig_look(&r, "q");
    CHECK_EQUAL(q.puts, 3);
    CHECK_EQUAL(q.gets, 3);
    CHECK_EQUAL(q.done, 1);
    CHECK_EQUAL(q.redelivered, 1);
    CHECK_EQUAL(q.returned, 1);
    CHECK_EQUAL(q.discarded, 1);
    CHECK_EQUAL(rig_look_at_broker(&r).puts, 0);
    rig_free(&r);
}

static void ids_are_never_given_twice(void)
{
    struct rig r = rig_durable();
    uint64_t last = 0;
    for (int i = 0; i < 5; i++) {
        rig_put(&r, SESSION(2 + i), BODY("x"), OK);
        CHECK(rig_id(&r, "x") > last);
        last = rig_id(&r, "x");
        rig_restart(&r);
    }
    rig_free(&r);
}

/* ---- sessions ---- */

static void sessions_are_remembered_and_numbers_count_on(void)
{
    struct rig r = rig_durable();
    rig_put(&r, SESSION(2), BODY("a"), LOST, OK);
    rig_drop(&r, SESSION(2));
    rig_run_to(&r, 3000);
    rig_hello(&r, SESSION(3), OK);
    uint64_t third = r.welcome.session;
    rig_bye(&r, SESSION(3));
    rig_restart(&r);
    rig_hello(&r, SESSION(4), OK);
    CHECK(r.welcome.session > third);
    rig_hello(&r, SESSION(3), RESUME, SAYS(MQ_SESSION_LOST));
    rig_run_to(&r, 602999); /* all of `remember` again */
    rig_resume(&r, SESSION(2));
    CHECK_EQUAL(r.welcome.lapses, 1);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_free(&r);
}

static void a_session_that_ended_is_forgotten_in_time(void)
{
    struct rig r = rig_durable();
    rig_put(&r, SESSION(2), BODY("a"), OK);
    rig_drop(&r, SESSION(2));
    rig_run_to(&r, 3000);
    rig_restart(&r);
    rig_run_to(&r, 603000);
    rig_hello(&r, SESSION(2), RESUME, SAYS(MQ_SESSION_LOST));
    rig_restart(&r);
    rig_hello(&r, SESSION(2), RESUME, SAYS(MQ_SESSION_LOST));
    rig_free(&r);
}

static void a_session_that_came_back_is_as_any_other(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), LOST, GIVES("a"));
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "a");
    rig_drop(&r, SESSION(2));
    rig_resume(&r, SESSION(2));
    rig_get(&r, SESSION(2), GIVES("b"));
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    rig_done(&r, SESSION(2), ITEMS("a", "b"), OK);
    rig_free(&r);
}

/* ---- what was not safe ---- */

static void what_was_not_safe_is_as_if_it_had_never_been_and_starts_anew(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .is_slow = true});
    rig_put(&r, BODY("a"));
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_put(&r, BODY("b"), WAITS);
    rig_get(&r, SESSION(2)); /* its fact is lost, too */
    rig_restart(&r);
    CHECK_EQUAL(engine_facts(r.engine)->is_on, true);
    rig_resume(&r);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_get(&r, SESSION(3), MAX(9));
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "a b");
    rig_free(&r);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(who_comes_back_in_time_keeps_what_it_held),
        UNIT(who_does_not_loses_it_and_is_told),
        UNIT(what_a_session_may_have_held_before_is_lost_and_not_too_many),
        UNIT(a_lease_with_a_time_out_begins_anew),
        UNIT(a_restart_is_no_delivery),
        UNIT(auto_done_items_are_done_once_they_are_confirmed),
        UNIT(a_get_that_is_taken_back_is_so_after_a_restart),
        UNIT(what_came_back_has_its_place_again),
        UNIT(a_queue_is_compared_with_what_it_was_made_with),
        UNIT(a_transient_queue_survives_without_its_items),
        UNIT(a_queue_that_was_shut_down_stays_so),
        UNIT(what_came_back_after_an_immediate_shutdown_is_never_counted_as_done),
        UNIT(totals_of_queues_count_on_and_those_of_the_broker_do_not),
        UNIT(ids_are_never_given_twice),
        UNIT(sessions_are_remembered_and_numbers_count_on),
        UNIT(a_session_that_ended_is_forgotten_in_time),
        UNIT(a_session_that_came_back_is_as_any_other),
        UNIT(what_was_not_safe_is_as_if_it_had_never_been_and_starts_anew),
    };
    return unit_run("engine_restart_state", tests, sizeof tests / sizeof *tests);
}
