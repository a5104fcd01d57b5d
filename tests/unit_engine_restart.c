/* The broker is killed and comes back: what was promised is kept, and repeats get the first answer. */
#include "rig.h"
#include "rig_facts.h"
#include "rig_restart.h"

#include <stdlib.h>
#include <string.h>

/* ---- repeats ---- */

static void a_repeated_put_gets_the_first_answer_and_stores_nothing(void)
{
    struct rig r = rig_durable();
    uint64_t number = rig_put(&r, BODIES("a", "b", "c"), LOST, OK);
    uint64_t first = rig_last(&r)->ids[0];
    rig_restart(&r);
    rig_resume(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.number, number);
    CHECK_EQUAL(rig_last(&r)->answer.count, 3);
    CHECK_EQUAL(rig_last(&r)->ids[0], first);
    CHECK_EQUAL(rig_last(&r)->ids[2], first + 2);
    CHECK_SIZES(&r, "q", 3, 0);
    rig_free(&r);
}

static void a_repeated_get_gets_the_same_items(void)
{
    struct rig r = rig_durable_of(MQ_KIND_LIFO, 0, 0);
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, SESSION(2), MAX(2), LOST, GIVES("c b"));
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "c b");
    CHECK_SIZES(&r, "q", 1, 2);
    rig_done(&r, SESSION(2), ITEMS("c", "b"), OK);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void of_a_repeated_get_what_has_gone_back_is_left_out(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 0, 100);
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), MAX(2), LOST, GIVES("a b"));
    rig_drop(&r, SESSION(2));
    rig_run_to(&r, 100); /* both leases are over */
    rig_get(&r, SESSION(3), GIVES("a#2"));
    rig_restart(&r);
    rig_hello(&r, SESSION(2), RESUME, OK);
    rig_repeat(&r, SESSION(2), NUMBER(1), SAYS(MQ_LEASE_LOST));
    rig_free(&r);
}

static void a_repeated_task_done_gets_the_first_answer(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, SESSION(2), MAX(2), GIVES("a b"));
    rig_done(&r, SESSION(2), ITEMS("a"), LOST, OK);
    rig_done(&r, SESSION(2), ITEMS("b", "b"), LOST, SAYS(MQ_TOO_MANY_DONE));
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(2), MQ_TOO_MANY_DONE, "");
    CHECK_EQUAL(rig_last(&r)->answer.refusal_count, 1);
    CHECK_EQUAL(rig_last(&r)->answer.refusals[0].id, rig_id(&r, "b"));
    CHECK_SIZES(&r, "q", 1, 0);
    CHECK_EQUAL(rig_look(&r, "q").done, 2);
    rig_free(&r);
}

static void what_is_refused_wholly_is_refused_again(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 0, 100);
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), MAX(1), GIVES("a"));
    rig_run_to(&r, 100);
    rig_release(&r, SESSION(2), ITEMS("a"), LOST, SAYS(MQ_LEASE_LOST));
    rig_extend(&r, SESSION(2), ITEMS("a"), LEASE_OF(5), LOST, SAYS(MQ_TOO_MANY_DONE));
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_LEASE_LOST, "");
    CHECK_REPLY(&r, SESSION(2), MQ_TOO_MANY_DONE, "");
    rig_free(&r);
}

static void a_repeated_release_gets_the_first_answer(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, SESSION(2), MAX(2), GIVES("a b"));
    rig_release(&r, SESSION(2), ITEMS("a"), LOST, OK);
    rig_release(&r, SESSION(2), ITEMS("b"), UNTOUCHED, LOST, OK);
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_get(&r, SESSION(3), MAX(9), GIVES("a#2 b c"));
    rig_free(&r);
}

static void a_repeated_extend_gets_the_first_answer(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 0, 100);
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_extend(&r, SESSION(2), ITEMS("a"), LEASE_OF(700), LOST, OK);
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_run_to(&r, 699);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_run_to(&r, 700);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void a_repeated_purge_or_remove_gets_the_first_answer(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_purge(&r, LOST, OK);
    rig_put(&r, SESSION(2), BODIES("d", "e"), OK);
    rig_restart(&r);
    rig_resume(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 3);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_remove(&r, FORCE, LOST, OK);
    rig_open(&r, SESSION(3), OK);
    rig_restart(&r);
    rig_resume(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    CHECK_EQUAL(rig_look(&r, "q").puts, 0); /* it is the new one, and still there */
    rig_free(&r);
}

static void what_made_or_changed_a_queue_is_answered_again(void)
{
    struct rig r = rig_durable();
    rig_open(&r, QUEUE("w"), MAXSIZE(5), LOST, OK);
    rig_set(&r, QUEUE("w"), MAXSIZE(7), LOST, OK);
    rig_shut_down(&r, QUEUE("w"), LOST, OK);
    rig_restart(&r);
    rig_resume(&r);
    for (int i = 0; i < 3; i++)
        CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_EQUAL(rig_look(&r, "w").settings.maxsize, 7);
    CHECK(rig_look(&r, "w").is_shut_down);
    rig_free(&r);
}

static void what_changed_nothing_starts_anew(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 1, 0);
    rig_get(&r, SESSION(2), LOST, SAYS(MQ_EMPTY));
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, SESSION(3), BODY("b"), LOST, SAYS(MQ_FULL));
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "a"); /* now it is not empty */
    rig_resume(&r, SESSION(3));
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_free(&r);
}

/* ---- numbers ---- */

static void numbers_go_on_where_the_client_is(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODY("a"), OK);
    for (int i = 0; i < 5; i++)
        rig_stat(&r, OK); /* no fact tells of these */
    rig_restart(&r);
    rig_resume(&r);
    rig_put(&r, BODY("b"), OK);
    rig_put(&r, BODY("c"), OK);
    rig_get(&r, SESSION(2), MAX(9), GIVES("a b c"));
    rig_free(&r);
}

static void a_gap_in_new_numbers_is_refused_as_ever(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODY("a"), OK);
    rig_stat(&r, OK);
    rig_restart(&r);
    rig_resume(&r);
    rig_put(&r, NUMBER(9), BODY("x"), REFUSED(MQ_INVALID));
    rig_put(&r, BODY("b"), OK);
    rig_put(&r, NUMBER(9), BODY("x"), REFUSED(MQ_INVALID));
    rig_put(&r, NUMBER(UINT64_MAX), BODY("x"), REFUSED(MQ_INVALID));
    rig_free(&r);
}

static void what_waited_waits_again_when_it_is_repeated(void)
{
    struct rig r = rig_durable();
    rig_get(&r, SESSION(2), FOREVER, WAITS);
    rig_put(&r, SESSION(2), QUEUE("other"), BODY("x"), SAYS(MQ_NO_QUEUE));
    rig_open(&r, SESSION(2), QUEUE("other"), OK); /* a later number is known */
    rig_join(&r, SESSION(3), FOREVER, OK);
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_NO_REPLY(&r);
    CHECK_EQUAL(rig_look(&r, "q").getters, 1);
    rig_resume(&r);
    rig_put(&r, BODY("a"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "a");
    rig_free(&r);
}

static void a_join_waits_again(void)
{
    struct rig r = rig_durable();
    rig_put(&r, BODY("a"), OK);
    rig_join(&r, SESSION(2), FOREVER, WAITS);
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    rig_get(&r, SESSION(3), GIVES("a"));
    CHECK_NO_REPLY(&r);
    rig_done(&r, SESSION(3), ITEMS("a"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_free(&r);
}

static void a_cancel_of_what_is_not_known_any_more_is_answered(void)
{
    struct rig r = rig_durable();
    uint64_t number = rig_get(&r, SESSION(2), FOREVER, WAITS);
    rig_restart(&r);
    rig_hello(&r, SESSION(2), RESUME, OK);
    r.sessions[2].sent[number - 1].step.verb = MQ_VERB_CANCEL;
    rig_cancel(&r, SESSION(2), NUMBER(number), SAYS(MQ_INTERRUPTED));
    rig_put(&r, SESSION(3), BODY("a"), OK);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

/* ---- puts that were cut off ---- */

static void a_put_that_was_cut_off_goes_on_when_it_is_repeated(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 2, 0);
    rig_put(&r, BODIES("a", "b", "c", "d"), FOREVER, WAITS);
    rig_restart(&r);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_resume(&r);
    CHECK_NO_REPLY(&r);
    rig_get(&r, SESSION(2), MAX(9), GIVES("a b"));
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 4);
    rig_get(&r, SESSION(2), MAX(9), GIVES("c d"));
    rig_free(&r);
}

static void a_put_may_be_cut_off_again_and_again(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 1, 0);
    uint64_t number = rig_put(&r, BODIES("a", "b", "c", "d"), FOREVER, WAITS);
    const char *const bodies[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        rig_restart(&r);
        rig_resume(&r);
        rig_get(&r, SESSION(2 + i), MAX(9), GIVES(bodies[i]));
    }
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.number, number);
    CHECK_EQUAL(rig_last(&r)->answer.count, 4);
    rig_get(&r, SESSION(7), MAX(9), GIVES("d"));
    rig_free(&r);
}

static void a_put_that_was_cut_off_has_its_own_time_again(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 2, 0);
    rig_put(&r, BODIES("a", "b", "c"), TIMEOUT(100), WAITS);
    rig_restart(&r);
    rig_resume(&r);
    rig_run_to(&r, 100);
    CHECK_REPLY(&r, SESSION(1), MQ_FULL, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    rig_free(&r);
}

static void a_put_that_was_cut_off_may_find_its_queue_gone(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 2, 0);
    rig_put(&r, BODIES("a", "b", "c"), FOREVER, WAITS);
    rig_restart(&r);
    rig_remove(&r, SESSION(2), FORCE, OK);
    rig_resume(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_NO_QUEUE, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    rig_free(&r);
}

static void a_put_that_was_cut_off_and_is_not_repeated_stays_as_it_is(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 2, 0);
    rig_put(&r, BODIES("a", "b", "c"), TIMEOUT(10), WAITS);
    rig_run_to(&r, 10);
    CHECK_REPLY(&r, SESSION(1), MQ_FULL, "");
    rig_restart(&r);
    rig_resume(&r); /* its answer is not awaited */
    rig_get(&r, SESSION(2), MAX(9), GIVES("a b"));
    CHECK_SIZES(&r, "q", 0, 2);
    rig_free(&r);
}

static void a_put_that_was_cut_off_can_be_cancelled(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 2, 0);
    uint64_t number = rig_put(&r, BODIES("a", "b", "c"), FOREVER, WAITS);
    rig_restart(&r);
    rig_hello(&r, RESUME, OK);
    rig_cancel(&r, NUMBER(number), SAYS(MQ_INTERRUPTED));
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    rig_get(&r, SESSION(2), MAX(9), GIVES("a b"));
    rig_free(&r);
}

static void a_put_of_a_session_that_lapses_does_not_go_on(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 2, 0);
    rig_put(&r, BODIES("a", "b", "c"), FOREVER, WAITS);
    rig_restart(&r);
    rig_run_to(&r, 3000);
    rig_resume(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_SESSION_LOST, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    rig_get(&r, SESSION(2), MAX(9), GIVES("a b"));
    CHECK_SIZES(&r, "q", 0, 2);
    rig_free(&r);
    r = rig_durable_of(MQ_KIND_FIFO, 2, 0); /* and if that was before */
    rig_put(&r, BODIES("a", "b", "c"), FOREVER, WAITS);
    rig_drop(&r);
    rig_run_to(&r, 3000);
    rig_restart(&r);
    rig_resume(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_SESSION_LOST, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    rig_free(&r);
}

static void a_partial_put_that_stored_something_was_content(void)
{
    struct rig r = rig_durable_of(MQ_KIND_FIFO, 2, 0);
    rig_put(&r, BODIES("a", "b", "c"), FOREVER, PARTIAL, LOST, OK);
    rig_restart(&r);
    rig_resume(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_free(&r);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(a_repeated_put_gets_the_first_answer_and_stores_nothing),
        UNIT(a_repeated_get_gets_the_same_items),
        UNIT(of_a_repeated_get_what_has_gone_back_is_left_out),
        UNIT(a_repeated_task_done_gets_the_first_answer),
        UNIT(what_is_refused_wholly_is_refused_again),
        UNIT(a_repeated_release_gets_the_first_answer),
        UNIT(a_repeated_extend_gets_the_first_answer),
        UNIT(a_repeated_purge_or_remove_gets_the_first_answer),
        UNIT(what_made_or_changed_a_queue_is_answered_again),
        UNIT(what_changed_nothing_starts_anew),
        UNIT(numbers_go_on_where_the_client_is),
        UNIT(a_gap_in_new_numbers_is_refused_as_ever),
        UNIT(what_waited_waits_again_when_it_is_repeated),
        UNIT(a_join_waits_again),
        UNIT(a_cancel_of_what_is_not_known_any_more_is_answered),
        UNIT(a_put_that_was_cut_off_goes_on_when_it_is_repeated),
        UNIT(a_put_may_be_cut_off_again_and_again),
        UNIT(a_put_that_was_cut_off_has_its_own_time_again),
        UNIT(a_put_that_was_cut_off_may_find_its_queue_gone),
        UNIT(a_put_that_was_cut_off_and_is_not_repeated_stays_as_it_is),
        UNIT(a_put_that_was_cut_off_can_be_cancelled),
        UNIT(a_put_of_a_session_that_lapses_does_not_go_on),
        UNIT(a_partial_put_that_stored_something_was_content),
    };
    return unit_run("engine_restart", tests, sizeof tests / sizeof *tests);
}
