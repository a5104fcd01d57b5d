/* The broker is killed and comes back, and its clients know more than its log, or other things. */
#include "rig.h"
#include "rig_facts.h"
#include "rig_restart.h"

/* Answers are told before they are safe. */
static struct rig forgetful(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .is_slow = true, .is_forgetful = true});
    r.safe = UINT64_MAX;
    return r;
}

/* The broker is killed; what was taken since then is lost. */
static void restart_at(struct rig *r, uint64_t position)
{
    rig_take(r);
    r->safe = position;
    rig_restart(r);
    r->safe = UINT64_MAX;
}

static void what_was_done_for_all_its_consumer_knows_is_not_held_by_it_for_ever(void)
{
    struct rig r = forgetful();
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, SESSION(2), MAX(2), GIVES("a b"));
    rig_take(&r);
    uint64_t position = facts_position(engine_facts(r.engine));
    rig_done(&r, SESSION(2), ITEMS("a"), OK);
    restart_at(&r, position);
    rig_resume(&r, SESSION(2));
    CHECK_EQUAL(r.welcome.lapses, 1); /* so it knows that it holds nothing any more */
    CHECK_SIZES(&r, "q", 3, 0);
    rig_done(&r, SESSION(2), ITEMS("b"), SAYS(MQ_LEASE_LOST));
    restart_at(&r, UINT64_MAX); /* the log tells it, too */
    CHECK_SIZES(&r, "q", 3, 0);
    rig_resume(&r, SESSION(2));
    CHECK_EQUAL(r.welcome.lapses, 1);
    rig_get(&r, SESSION(3), MAX(9), GIVES("a#2 b#2 c"));
    rig_free(&r);
}

static void how_answers_left_before_the_restart_counts_not_how_they_leave_now(void)
{
    struct rig r = forgetful();
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), MAX(2), GIVES("a b"));
    rig_take(&r);
    uint64_t position = facts_position(engine_facts(r.engine));
    rig_done(&r, SESSION(2), ITEMS("a"), OK);
    r.options.is_forgetful = false;
    r.has_changed_mode = true;
    restart_at(&r, position);
    rig_resume(&r, SESSION(2));
    CHECK_EQUAL(r.welcome.lapses, 1);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_free(&r);

    r = rig_new((struct rig_options){.is_durable = true});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), MAX(2), GIVES("a b"));
    rig_get(&r, SESSION(2), MAX(1), SAYS(MQ_EMPTY)); /* is not written down: its client knows more */
    r.options.is_forgetful = true;
    r.has_changed_mode = true;
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_EQUAL(r.welcome.lapses, 0);
    CHECK_SIZES(&r, "q", 0, 2);
    rig_free(&r);
}

/* It was told that it had lost the item: confirming that does not make the item done. */
static void lost_and_forgotten(bool knows_more)
{
    struct rig r = forgetful();
    r.silent = true;
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), AUTO_DONE, LOST, GIVES("a"));
    rig_take(&r);
    uint64_t position = facts_position(engine_facts(r.engine));
    rig_drop(&r, SESSION(2));
    rig_run_to(&r, 4000);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_LEASE_LOST, "");
    if (knows_more)
        rig_ping(&r, SESSION(2), OK);
    restart_at(&r, position);
    rig_resume(&r, SESSION(2));
    CHECK_EQUAL(r.welcome.lapses, 1);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_get(&r, SESSION(3), GIVES("a#2"));
    rig_free(&r);
}

static void what_a_get_gave_is_not_done_because_it_is_forgotten_that_it_was_lost(void)
{
    lost_and_forgotten(false);
    lost_and_forgotten(true);
}

static void where_all_that_is_told_is_safe_what_a_get_gave_is_done_when_it_is_not_awaited(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .silent = true});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), AUTO_DONE, GIVES("a"));
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_EQUAL(r.welcome.lapses, 0);
    CHECK_SIZES(&r, "q", 0, 0);
    CHECK_EQUAL(rig_look(&r, "q").done, 1);
    rig_free(&r);
}

static void who_knows_no_more_than_the_log_keeps_what_it_holds(void)
{
    struct rig r = forgetful();
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, SESSION(2), MAX(2), GIVES("a b"));
    rig_take(&r);
    uint64_t position = facts_position(engine_facts(r.engine));
    rig_done(&r, SESSION(2), ITEMS("a"), LOST, OK);
    rig_get(&r, SESSION(2), QUEUE("p"), LOST, SAYS(MQ_NO_QUEUE));
    restart_at(&r, position);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(2), MQ_NO_QUEUE, "");
    CHECK_EQUAL(r.welcome.lapses, 0);
    CHECK_SIZES(&r, "q", 1, 1);
    rig_done(&r, SESSION(2), ITEMS("b"), OK);
    rig_free(&r);
}

static void where_all_that_is_told_is_safe_who_comes_back_keeps_what_it_holds(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_ping(&r, SESSION(2), OK); /* of which the log knows nothing */
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_SIZES(&r, "q", 0, 1);
    rig_free(&r);
}

static void an_answer_without_an_item_that_was_removed_waits_for_the_removal(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .is_slow = true, .silent = true});
    rig_open(&r, QUEUE("p"), CREATE, WAITS);
    rig_put(&r, QUEUE("p"), BODY("a"), WAITS);
    rig_get(&r, QUEUE("p"), SESSION(2), AUTO_DONE, WAITS);
    rig_take(&r);
    uint64_t position = facts_position(engine_facts(r.engine));
    rig_remove(&r, QUEUE("p"), SESSION(3), FORCE, WAITS);
    rig_take(&r);
    r.safe = position;
    rig_ping(&r, OK); /* what may leave, does */
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    CHECK_NO_REPLY(&r);
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(2), MQ_LEASE_LOST, "");
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_free(&r);
}

static void a_session_that_ended_has_ended_whatever_it_was_refused_before(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true});
    rig_put(&r, BODY("a"), OK);
    rig_done(&r, SESSION(2), ITEMS("a"), LOST, SAYS(MQ_TOO_MANY_DONE));
    rig_drop(&r, SESSION(2));
    rig_run_to(&r, 4000);
    rig_begin_segment(&r);
    rig_drop_segment(&r, 0);
    rig_restart(&r);
    rig_run_to(&r, 10000);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_TOO_MANY_DONE, "");
    CHECK_EQUAL(r.welcome.lapses, 1);
    rig_free(&r);
}

static void a_put_that_the_removal_of_its_queue_cut_off_does_not_go_on_in_another(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true});
    rig_open(&r, QUEUE("p"), MAXSIZE(2), CREATE, OK);
    rig_put(&r, SESSION(2), QUEUE("p"), BODIES("a", "b", "c"), TIMEOUT(60000), WAITS);
    rig_remove(&r, QUEUE("p"), FORCE, OK);
    CHECK_REPLY(&r, SESSION(2), MQ_NO_QUEUE, "");
    r.sessions[2].sent[0].is_received = false; /* that is lost on its way */
    rig_open(&r, QUEUE("p"), CREATE, OK);
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_NO_QUEUE, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    CHECK_SIZES(&r, "p", 0, 0);
    rig_free(&r);
}

/* The first checkpoint is on disk before anybody is served. */
static void ids_are_reserved_before_the_first_one_is_told(void)
{
    struct rig r = forgetful();
    rig_begin_segment(&r);
    uint64_t position = facts_position(engine_facts(r.engine));
    rig_put(&r, BODY("a"), OK);
    restart_at(&r, position);
    rig_begin_segment(&r);
    rig_put(&r, SESSION(2), BODY("b"), OK);
    CHECK(rig_id(&r, "b") > rig_id(&r, "a"));
    CHECK(rig_fact(&r, FACT_IDS).first_id >= (uint64_t)1 << 32); /* more than can be given in an interval */
    rig_free(&r);
}

static void who_could_not_come_back_yet_has_the_whole_grace_from_when_it_can(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .lease_ms = 5000});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_restart(&r);
    for (int i = 0; i < 4; i++) { /* a slow disk, the first checkpoint */
        r.now_ms += 700 + 600 * (uint64_t)i;
        engine_taken(r.engine, RIG_EPOCH_MS + r.now_ms);
    }
    engine_open(r.engine, RIG_EPOCH_MS + r.now_ms);
    uint64_t open_ms = r.now_ms;
    rig_run_to(&r, open_ms + 2999);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_resume(&r, SESSION(2));
    rig_run_to(&r, open_ms + 4999);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_run_to(&r, open_ms + 5000);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void what_starts_anew_starts_once_however_often_it_arrives(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .silent = true});
    uint64_t number = rig_get(&r, SESSION(2), LOST, SAYS(MQ_EMPTY));
    rig_restart(&r);
    rig_resume(&r, SESSION(2));
    CHECK_REPLY(&r, SESSION(2), MQ_EMPTY, "");
    rig_confirm(&r, SESSION(2), RANGES({number, number}));
    rig_resume(&r, SESSION(1));
    rig_put(&r, BODY("a"), OK);
    rig_repeat(&r, SESSION(2), NUMBER(number), NOTHING_HAPPENS);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void who_has_come_back_after_it_lapsed_has_all_of_the_grace_again(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .resume_grace_ms = 100});
    rig_ping(&r, SESSION(2), OK);
    rig_drop(&r, SESSION(2));
    rig_ping(&r, AT(200), OK);
    rig_hello(&r, SESSION(2), RESUME, OK);
    CHECK_EQUAL(r.welcome.lapses, 1);
    rig_restart(&r);
    rig_resume(&r, SESSION(1));
    rig_ping(&r, AT(400), OK);
    rig_hello(&r, SESSION(2), RESUME, OK);
    CHECK_EQUAL(r.welcome.lapses, 2);
    rig_free(&r);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(how_answers_left_before_the_restart_counts_not_how_they_leave_now),
        UNIT(what_was_done_for_all_its_consumer_knows_is_not_held_by_it_for_ever),
        UNIT(what_a_get_gave_is_not_done_because_it_is_forgotten_that_it_was_lost),
        UNIT(where_all_that_is_told_is_safe_what_a_get_gave_is_done_when_it_is_not_awaited),
        UNIT(who_knows_no_more_than_the_log_keeps_what_it_holds),
        UNIT(where_all_that_is_told_is_safe_who_comes_back_keeps_what_it_holds),
        UNIT(an_answer_without_an_item_that_was_removed_waits_for_the_removal),
        UNIT(a_session_that_ended_has_ended_whatever_it_was_refused_before),
        UNIT(a_put_that_the_removal_of_its_queue_cut_off_does_not_go_on_in_another),
        UNIT(ids_are_reserved_before_the_first_one_is_told),
        UNIT(who_could_not_come_back_yet_has_the_whole_grace_from_when_it_can),
        UNIT(what_starts_anew_starts_once_however_often_it_arrives),
        UNIT(who_has_come_back_after_it_lapsed_has_all_of_the_grace_again),
    };
    return unit_run("engine_restart_known", tests, sizeof tests / sizeof *tests);
}
