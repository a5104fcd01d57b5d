/* unit_engine_safe.c - what has to be safe before an answer leaves. */
#include "rig.h"
#include "rig_facts.h"

/* Nothing is safe but by rig_sync(). */
static struct rig slow(void)
{
    return rig_new((struct rig_options){.is_durable = true, .is_slow = true, .silent = true});
}

static void an_answer_that_depends_on_a_fact_leaves_when_that_is_safe(void)
{
    struct rig r = slow();
    rig_put(&r, BODIES("a", "b"), WAITS);
    rig_take(&r);
    CHECK_NO_REPLY(&r);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_get(&r, MAX(2), GIVES("a b"));
    rig_release(&r, ITEMS("a"), WAITS);
    rig_extend(&r, ITEMS("b"), LEASE_OF(50), WAITS);
    rig_done(&r, ITEMS("b"), WAITS);
    rig_done(&r, ITEMS("b"), WAITS);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(1), MQ_TOO_MANY_DONE, "");
    rig_free(&r);
}

static void whatever_changes_a_queue_is_answered_when_it_is_safe(void)
{
    struct rig r = slow();
    rig_open(&r, QUEUE("x"), WAITS);
    rig_set(&r, QUEUE("x"), MAXSIZE(3), WAITS);
    rig_purge(&r, QUEUE("x"), WAITS);
    rig_shut_down(&r, QUEUE("x"), WAITS);
    rig_remove(&r, QUEUE("x"), WAITS);
    CHECK_NO_REPLY(&r);
    rig_sync(&r);
    for (int i = 0; i < 5; i++)
        CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

static void a_get_of_items_that_are_safe_leaves_at_once(void)
{
    struct rig r = slow();
    rig_put(&r, BODIES("a", "b"), WAITS);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_get(&r, GIVES("a"));
    rig_get(&r, AUTO_DONE, GIVES("b"));
    rig_get(&r, SAYS(MQ_EMPTY));
    rig_confirm(&r, RANGES({2, 5}));
    CHECK_FACTS(&r, "STORED 1/2 #1 1 a b; TAKEN 1/3 #1 1; TAKEN 1/4 #1 2 auto_done; CONFIRMED 1 2-4");
    rig_free(&r);
}

static void a_get_waits_for_the_put_of_the_items_that_it_gives(void)
{
    struct rig r = slow();
    rig_hello(&r, SESSION(2), OK);
    rig_sync(&r);
    rig_put(&r, BODY("a"), WAITS);
    rig_get(&r, SESSION(2), WAITS);
    rig_take(&r);
    CHECK_NO_REPLY(&r);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "a");
    rig_free(&r);
}

static void answers_leave_in_the_order_in_which_they_were_decided(void)
{
    struct rig r = slow();
    rig_put(&r, BODY("a"), WAITS);
    uint64_t first = engine_position(r.engine);
    rig_stat(&r, WAITS);
    rig_put(&r, BODY("b"), WAITS);
    CHECK(engine_position(r.engine) > first);
    rig_take(&r);
    r.safe = first;
    rig_ping(&r, OK);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.verb, MQ_VERB_PUT);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.verb, MQ_VERB_STAT);
    CHECK_NO_REPLY(&r);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

static void a_ping_waits_for_nothing(void)
{
    struct rig r = slow();
    rig_put(&r, BODY("a"), WAITS);
    rig_ping(&r, OK);
    CHECK_EQUAL(rig_last(&r)->answer.verb, MQ_VERB_PING);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

static void a_new_session_moves_the_position_and_a_resumed_one_does_not(void)
{
    struct rig r = slow();
    uint64_t position = engine_position(r.engine);
    rig_hello(&r, SESSION(2), OK);
    CHECK(engine_position(r.engine) > position);
    position = engine_position(r.engine);
    rig_drop(&r, SESSION(2));
    rig_hello(&r, SESSION(2), RESUME, OK);
    CHECK_EQUAL(engine_position(r.engine), position);
    rig_bye(&r, SESSION(2));
    CHECK(engine_position(r.engine) > position);
    rig_free(&r);
}

static void who_comes_back_is_told_of_a_lapse_when_that_is_safe(void)
{
    struct rig r = slow();
    rig_drop(&r, SESSION(1));
    uint64_t position = engine_position(r.engine);
    rig_run_to(&r, 4000);
    CHECK_EQUAL(engine_position(r.engine), position);
    rig_hello(&r, RESUME, OK);
    CHECK_EQUAL(r.welcome.lapses, 1);
    CHECK(engine_position(r.engine) > position);
    rig_free(&r);
}

static void a_join_is_answered_when_the_end_of_the_last_item_is_safe(void)
{
    struct rig r = slow();
    rig_put(&r, BODY("a"), WAITS);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    uint64_t number = rig_get(&r, AUTO_DONE, GIVES("a"));
    rig_join(&r, FOREVER, WAITS);
    rig_confirm(&r, RANGES({number, number}));
    CHECK_NO_REPLY(&r);
    rig_join(&r, WAITS);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

/* Else the client could confirm what it has never seen, and a restart take it for done. */
static void an_answer_that_has_lost_an_item_meanwhile_waits_until_that_is_safe(void)
{
    struct rig r = slow();
    rig_set(&r, LEASE(10), WAITS);
    rig_put(&r, BODIES("a"), WAITS);
    rig_get(&r, AUTO_DONE, WAITS);
    uint64_t position = engine_position(r.engine);
    rig_run_to(&r, 20);
    CHECK_FACTS(
        &r, "QUEUE 1/2 #1 set q; STORED 1/3 #1 1 a; TAKEN 1/4 #1 1 auto_done lease 10; RETURNED 1 1 lost");
    rig_take(&r);
    r.safe = position;
    rig_ping(&r, OK);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_NO_REPLY(&r);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_LEASE_LOST, "");
    rig_free(&r);
}

static void an_answer_to_a_cancelled_get_waits_until_its_items_are_back(void)
{
    struct rig r = slow();
    rig_put(&r, BODY("a"), WAITS);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    uint64_t number = rig_get(&r, AUTO_DONE, LOST, GIVES("a"));
    rig_cancel(&r, NUMBER(number), WAITS);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_LEASE_LOST, "");
    rig_free(&r);
}

static void a_repeat_waits_for_what_its_first_answer_waits_for(void)
{
    struct rig r = slow();
    uint64_t number = rig_put(&r, BODY("a"), WAITS);
    rig_repeat(&r, NUMBER(number), WAITS);
    rig_drop(&r, SESSION(1));
    rig_hello(&r, RESUME, OK);
    rig_repeat(&r, NUMBER(number), WAITS);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(an_answer_that_depends_on_a_fact_leaves_when_that_is_safe),
    UNIT(whatever_changes_a_queue_is_answered_when_it_is_safe),
    UNIT(a_get_of_items_that_are_safe_leaves_at_once),
    UNIT(a_get_waits_for_the_put_of_the_items_that_it_gives),
    UNIT(answers_leave_in_the_order_in_which_they_were_decided),
    UNIT(a_ping_waits_for_nothing),
    UNIT(a_new_session_moves_the_position_and_a_resumed_one_does_not),
    UNIT(who_comes_back_is_told_of_a_lapse_when_that_is_safe),
    UNIT(a_join_is_answered_when_the_end_of_the_last_item_is_safe),
    UNIT(an_answer_that_has_lost_an_item_meanwhile_waits_until_that_is_safe),
    UNIT(an_answer_to_a_cancelled_get_waits_until_its_items_are_back),
    UNIT(a_repeat_waits_for_what_its_first_answer_waits_for),
};

int main(void)
{
    return unit_run("engine: safe", tests, sizeof tests / sizeof *tests);
}
