/* unit_engine_failure.c - a durable engine whose facts cannot be written down: for a while, or never again.
 */
#include "rig.h"
#include "rig_facts.h"

#include <string.h>

#define FULL   "disk is full"
#define BROKEN "the disk is broken"

static struct rig durable(void)
{
    return rig_new((struct rig_options){.is_durable = true, .silent = true});
}

static struct rig slow(void)
{
    return rig_new((struct rig_options){.is_durable = true, .is_slow = true, .silent = true});
}

static void refuse_puts(struct rig *r, const char *why)
{
    engine_refuse_puts(r->engine, RIG_EPOCH_MS + r->now_ms, why);
    rig_settle(r);
}

static void fail(struct rig *r)
{
    engine_fail(r->engine, RIG_EPOCH_MS + r->now_ms, BROKEN);
    rig_settle(r);
}

static struct broker_stat look(const struct rig *r)
{
    struct broker_stat stat;
    engine_stat(r->engine, &stat);
    return stat;
}

static void check_text(const struct rig *r, const char *text)
{
    CHECK(strcmp(rig_last(r)->text, text) == 0);
}

/* ---- puts are refused ---- */

static void a_put_is_refused_at_once_with_the_reason(void)
{
    struct rig r = durable();
    refuse_puts(&r, FULL);
    rig_put(&r, BODY("a"), SAYS(MQ_TEMPORARY));
    check_text(&r, FULL);
    rig_put(&r, BODIES("a", "b"), FOREVER, SAYS(MQ_TEMPORARY));
    check_text(&r, FULL);
    CHECK_FACTS(&r, "");
    refuse_puts(&r, NULL);
    rig_put(&r, BODY("a"), OK);
    rig_free(&r);
}

static void everything_but_puts_goes_on_when_puts_are_refused(void)
{
    struct rig r = durable();
    rig_put(&r, BODIES("a", "b", "c"), OK);
    refuse_puts(&r, FULL);
    rig_get(&r, MAX(3), GIVES("a b c"));
    rig_done(&r, ITEMS("a"), OK);
    rig_release(&r, ITEMS("b"), OK);
    rig_extend(&r, ITEMS("c"), LEASE_OF(10), OK);
    rig_open(&r, QUEUE("x"), OK);
    rig_set(&r, QUEUE("x"), MAXSIZE(3), OK);
    rig_purge(&r, OK);
    rig_shut_down(&r, OK);
    rig_remove(&r, FORCE, OK);
    rig_hello(&r, SESSION(2), OK);
    rig_free(&r);
}

static void a_put_that_waits_goes_on_waiting_while_puts_are_refused(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .silent = true, .maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, BODIES("b", "c"), FOREVER, WAITS);
    rig_put(&r, SESSION(2), BODY("d"), TIMEOUT(100), WAITS);
    refuse_puts(&r, FULL);
    rig_get(&r, SESSION(3), GIVES("a"));
    rig_run_to(&r, 150);
    CHECK_REPLY(&r, SESSION(2), MQ_TEMPORARY, "");
    check_text(&r, FULL);
    CHECK_NO_REPLY(&r);
    refuse_puts(&r, NULL);
    rig_get(&r, SESSION(3), GIVES("b"));
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

static void a_queue_that_is_shut_down_or_full_says_so_first(void)
{
    struct rig r = durable();
    rig_shut_down(&r, OK);
    refuse_puts(&r, FULL);
    rig_put(&r, BODY("a"), SAYS(MQ_SHUT_DOWN));
    rig_put(&r, QUEUE("none"), BODY("a"), SAYS(MQ_NO_QUEUE));
    rig_free(&r);
}

static void a_transient_queue_takes_puts_while_others_refuse_them(void)
{
    struct rig r = durable();
    rig_open(&r, QUEUE("t"), TRANSIENT(true), OK);
    refuse_puts(&r, FULL);
    rig_put(&r, QUEUE("t"), BODY("a"), OK);
    rig_put(&r, BODY("b"), SAYS(MQ_TEMPORARY));
    fail(&r);
    rig_put(&r, QUEUE("t"), BODY("a"), SAYS(MQ_TEMPORARY));
    check_text(&r, BROKEN);
    rig_free(&r);
}

static void a_transient_queue_does_not_stand_behind_a_put_that_waits_for_the_disk(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .silent = true, .maxsize = 1});
    rig_open(&r, QUEUE("t"), TRANSIENT(true), OK);
    rig_open(&r, QUEUE("u"), OK);
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, BODY("b"), FOREVER, WAITS);
    refuse_puts(&r, FULL);
    rig_get(&r, SESSION(3), GIVES("a"));
    rig_put(&r, SESSION(2), QUEUE("t"), BODY("c"), OK);
    rig_put(&r, SESSION(2), QUEUE("u"), BODY("d"), SAYS(MQ_TEMPORARY));
    check_text(&r, FULL);
    refuse_puts(&r, NULL);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

/* ---- too much is not written down yet ---- */

static void puts_wait_while_too_many_facts_were_not_taken(void)
{
    struct rig r = rig_new(
        (struct rig_options){.is_durable = true, .is_slow = true, .silent = true, .backlog_max = 10000});
    rig_hello(&r, SESSION(2), OK);
    rig_put(&r, BULK(11, 1000), WAITS);
    rig_put(&r, BODY("a"), WAITS); /* refused, which is told in its turn */
    rig_put(&r, BODY("b"), FOREVER, WAITS);
    rig_get(&r, SESSION(2), MAX(11), WAITS);
    CHECK_EQUAL(look(&r).ready, 0);
    CHECK_EQUAL(look(&r).leased, 11);
    rig_take(&r);
    CHECK_EQUAL(look(&r).ready, 1);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(1), MQ_TEMPORARY, "");
    check_text(&r, "too much is not yet on disk");
    CHECK_EQUAL(rig_next(&r)->session, 2);
    rig_read(&r, &(struct rig_step){.session = 2, .status = MQ_OK});
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

/* ---- failure ---- */

static void after_a_failure_nothing_can_be_changed(void)
{
    struct rig r = durable();
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, GIVES("a"));
    rig_facts(&r);
    fail(&r);
    rig_put(&r, BODY("c"), SAYS(MQ_TEMPORARY));
    check_text(&r, BROKEN);
    rig_get(&r, SAYS(MQ_TEMPORARY));
    rig_done(&r, ITEMS("a"), SAYS(MQ_TEMPORARY));
    rig_release(&r, ITEMS("a"), SAYS(MQ_TEMPORARY));
    rig_extend(&r, ITEMS("a"), LEASE_OF(10), SAYS(MQ_TEMPORARY));
    rig_open(&r, QUEUE("x"), SAYS(MQ_TEMPORARY));
    rig_open(&r, SAYS(MQ_TEMPORARY));
    rig_set(&r, MAXSIZE(3), SAYS(MQ_TEMPORARY));
    rig_join(&r, FOREVER, SAYS(MQ_TEMPORARY));
    rig_purge(&r, SAYS(MQ_TEMPORARY));
    rig_shut_down(&r, SAYS(MQ_TEMPORARY));
    rig_remove(&r, FORCE, SAYS(MQ_TEMPORARY));
    check_text(&r, BROKEN);
    CHECK_FACTS(&r, "");
    CHECK_SIZES(&r, "q", 1, 1);
    rig_free(&r);
}

static void after_a_failure_what_only_looks_is_answered_at_once(void)
{
    struct rig r = slow();
    rig_put(&r, BODIES("a", "b"), WAITS);
    fail(&r);
    rig_ping(&r, OK);
    rig_stat(&r, OK);
    rig_list(&r, MAX(9), OK);
    rig_sessions(&r, MAX(9), OK);
    rig_peek(&r, MAX(2), GIVES("a b"));
    CHECK_EQUAL(rig_look_at_broker(&r).ready, 2);
    rig_free(&r);
}

static void a_new_session_may_look(void)
{
    struct rig r = slow();
    fail(&r);
    rig_hello(&r, SESSION(2), OK);
    CHECK_EQUAL(engine_position(r.engine), 0);
    rig_stat(&r, SESSION(2), OK);
    rig_get(&r, SESSION(2), SAYS(MQ_TEMPORARY));
    CHECK_FACTS(&r, "");
    rig_bye(&r, SESSION(2));
    rig_free(&r);
}

static void whoever_waits_at_a_failure_is_refused(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .silent = true, .maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, SESSION(2), BODY("b"), FOREVER, WAITS);
    rig_join(&r, SESSION(3), FOREVER, WAITS);
    rig_open(&r, QUEUE("x"), OK);
    rig_get(&r, SESSION(4), QUEUE("x"), FOREVER, WAITS);
    fail(&r);
    CHECK_REPLY(&r, SESSION(2), MQ_TEMPORARY, "");
    check_text(&r, BROKEN);
    CHECK_REPLY(&r, SESSION(3), MQ_TEMPORARY, "");
    CHECK_REPLY(&r, SESSION(4), MQ_TEMPORARY, "");
    rig_free(&r);
}

static void what_was_not_safe_at_a_failure_is_never_told_however_often_it_is_asked_for(void)
{
    struct rig r = slow();
    uint64_t number = rig_put(&r, BODY("a"), WAITS);
    rig_take(&r);
    fail(&r);
    rig_repeat(&r, NUMBER(number), NOTHING_HAPPENS);
    rig_stat(&r, OK);
    rig_drop(&r, SESSION(1));
    rig_hello(&r, RESUME, OK);
    rig_repeat(&r, NUMBER(number), NOTHING_HAPPENS);
    rig_cancel(&r, NUMBER(number), NOTHING_HAPPENS);
    rig_stat(&r, OK);
    rig_free(&r);
}

/* With an interval all may leave as it is decided, until the disk is behind; then answers are held back. */
static void what_was_held_back_at_a_failure_is_never_told_though_answers_left_at_once_before(void)
{
    struct rig r = slow();
    r.safe = UINT64_MAX;
    rig_put(&r, BODY("a"), OK);
    r.safe = 0;
    uint64_t number = rig_put(&r, BODY("b"), WAITS);
    fail(&r);
    rig_drop(&r, SESSION(1));
    rig_hello(&r, RESUME, OK);
    rig_repeat(&r, NUMBER(number), NOTHING_HAPPENS);
    rig_free(&r);
}

static void what_was_safe_at_a_failure_is_told_again(void)
{
    struct rig r = slow();
    uint64_t put = rig_put(&r, BODY("a"), WAITS);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    uint64_t get = rig_get(&r, LOST, GIVES("a"));
    rig_put(&r, BODY("b"), WAITS);
    fail(&r);
    rig_drop(&r, SESSION(1));
    rig_hello(&r, RESUME, RANGES({put, get}), OK);
    rig_repeat(&r, NUMBER(put), OK);
    rig_repeat(&r, NUMBER(get), GIVES("a"));
    rig_free(&r);
}

static void what_becomes_safe_although_it_failed_later_is_told(void)
{
    struct rig r = slow();
    rig_put(&r, BODY("a"), WAITS);
    rig_take(&r);
    uint64_t position = engine_position(r.engine);
    rig_put(&r, BODY("b"), WAITS);
    fail(&r);
    r.safe = position;
    rig_stat(&r, OK);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.verb, MQ_VERB_PUT);
    CHECK_NO_REPLY(&r);
    rig_free(&r);
}

static void a_put_that_waits_is_told_how_much_is_stored_only_if_that_is_safe(void)
{
    struct rig r =
        rig_new((struct rig_options){.is_durable = true, .is_slow = true, .silent = true, .maxsize = 1});
    rig_hello(&r, SESSION(2), OK);
    rig_open(&r, SESSION(2), QUEUE("x"), MAXSIZE(1), WAITS);
    rig_put(&r, BODIES("a", "b"), FOREVER, WAITS);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_put(&r, SESSION(2), QUEUE("x"), BODIES("c", "d"), FOREVER, WAITS);
    fail(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_TEMPORARY, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 1);
    CHECK_NO_REPLY(&r);
    rig_free(&r);
}

static void no_session_lapses_and_no_lease_ends_after_a_failure(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .silent = true, .lease_ms = 100});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_drop(&r, SESSION(2));
    fail(&r);
    CHECK_EQUAL(engine_deadline_ms(r.engine), UINT64_MAX);
    r.now_ms = 700000;
    engine_tick(r.engine, RIG_EPOCH_MS + r.now_ms);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_hello(&r, SESSION(2), RESUME, OK);
    CHECK_EQUAL(r.welcome.lapses, 0);
    rig_free(&r);
}

/* It may be that the log does not know that it has ended. */
static void a_session_that_had_ended_is_not_welcome_after_a_failure(void)
{
    struct rig r = durable();
    rig_drop(&r, SESSION(1));
    rig_run_to(&r, 5000);
    fail(&r);
    rig_hello(&r, RESUME, SAYS(MQ_TEMPORARY));
    rig_free(&r);
}

static void an_answer_whose_items_would_have_to_go_back_is_not_told_after_a_failure(void)
{
    struct rig r = durable();
    rig_put(&r, BODY("a"), OK);
    uint64_t number = rig_get(&r, AUTO_DONE, LOST, GIVES("a"));
    fail(&r);
    rig_cancel(&r, NUMBER(number), NOTHING_HAPPENS);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_free(&r);
}

static void the_first_failure_is_the_one_that_is_told(void)
{
    struct rig r = durable();
    fail(&r);
    engine_fail(r.engine, RIG_EPOCH_MS + r.now_ms, "something else");
    refuse_puts(&r, FULL);
    rig_put(&r, BODY("a"), SAYS(MQ_TEMPORARY));
    check_text(&r, BROKEN);
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(a_put_is_refused_at_once_with_the_reason),
    UNIT(everything_but_puts_goes_on_when_puts_are_refused),
    UNIT(a_put_that_waits_goes_on_waiting_while_puts_are_refused),
    UNIT(a_queue_that_is_shut_down_or_full_says_so_first),
    UNIT(a_transient_queue_takes_puts_while_others_refuse_them),
    UNIT(a_transient_queue_does_not_stand_behind_a_put_that_waits_for_the_disk),
    UNIT(puts_wait_while_too_many_facts_were_not_taken),
    UNIT(after_a_failure_nothing_can_be_changed),
    UNIT(after_a_failure_what_only_looks_is_answered_at_once),
    UNIT(a_new_session_may_look),
    UNIT(whoever_waits_at_a_failure_is_refused),
    UNIT(what_was_not_safe_at_a_failure_is_never_told_however_often_it_is_asked_for),
    UNIT(what_was_held_back_at_a_failure_is_never_told_though_answers_left_at_once_before),
    UNIT(what_was_safe_at_a_failure_is_told_again),
    UNIT(what_becomes_safe_although_it_failed_later_is_told),
    UNIT(a_put_that_waits_is_told_how_much_is_stored_only_if_that_is_safe),
    UNIT(no_session_lapses_and_no_lease_ends_after_a_failure),
    UNIT(a_session_that_had_ended_is_not_welcome_after_a_failure),
    UNIT(an_answer_whose_items_would_have_to_go_back_is_not_told_after_a_failure),
    UNIT(the_first_failure_is_the_one_that_is_told),
};

int main(void)
{
    return unit_run("engine failure", tests, sizeof tests / sizeof *tests);
}
