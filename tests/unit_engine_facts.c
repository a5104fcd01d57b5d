/* unit_engine_facts.c - which facts a request makes. */
#include "rig.h"
#include "rig_facts.h"

static struct rig durable(void)
{
    return rig_new((struct rig_options){.is_durable = true, .silent = true});
}

/* ---- which facts ---- */

static void an_engine_in_memory_makes_no_facts(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, GIVES("a"));
    rig_done(&r, ITEMS("a"), OK);
    CHECK_EQUAL(engine_position(r.engine), 0);
    CHECK(!facts_are_there(engine_facts(r.engine)));
    rig_free(&r);
}

static void a_put_stores_its_items_in_one_fact(void)
{
    struct rig r = durable();
    uint64_t number = rig_put(&r, AT(7), BODIES("a", "b", "c"), OK);
    CHECK_EQUAL(number, 2);
    CHECK_FACTS(&r, "STORED 1/2 #1 1 a b c");
    CHECK_EQUAL(rig_fact(&r, FACT_STORED).time_ms, RIG_EPOCH_MS + 7);
    rig_free(&r);
}

static void items_of_a_priority_queue_are_stored_with_their_keys(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .kind = MQ_KIND_PRIORITY});
    rig_put(&r, BODIES("a", "b"), KEYS(5, 6), OK);
    struct fact stored = rig_fact(&r, FACT_STORED);
    struct fact_reader reader = {0};
    struct put_item item;
    CHECK(fact_next_item(&reader, &stored, true, &item));
    CHECK(item.key.size > 0 && item.body.size == 1);
    CHECK_FACTS(&r, "STORED 1/2 #1 1 a b");
    rig_put(&r, BODY("c"), OK); /* without a key it has key 0 */
    stored = rig_fact(&r, FACT_STORED);
    CHECK(fact_next_item(&reader, &stored, true, &item));
    CHECK(item.key.size > 0);
    rig_free(&r);
}

static void a_put_that_waits_makes_a_fact_each_time_some_of_it_is_stored(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .silent = true, .maxsize = 2});
    rig_put(&r, BODIES("a", "b", "c", "d", "e"), FOREVER, WAITS);
    CHECK_FACTS(&r, "STORED 1/2 #1 1 a b of 5");
    rig_get(&r, SESSION(2), MAX(2), GIVES("a b"));
    CHECK_FACTS(&r, "SESSION 2 client-2; TAKEN 2/1 #1 1-2; STORED 1/2 #1 3 c d of 5");
    rig_get(&r, SESSION(2), GIVES("c"));
    CHECK_FACTS(&r, "TAKEN 2/2 #1 3; STORED 1/2 #1 5 e of 5");
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

static void a_partial_put_says_so(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .maxsize = 2});
    rig_put(&r, BODIES("a", "b", "c"), PARTIAL, OK);
    CHECK_FACTS(&r, "STORED 1/2 #1 1 a b of 3 partial");
    rig_free(&r);
}

static void a_put_that_stores_nothing_makes_no_fact(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    CHECK_FACTS(&r, "STORED 1/2 #1 1 a");
    rig_put(&r, BODY("b"), SAYS(MQ_FULL));
    rig_put(&r, BODY("c"), QUEUE("none"), SAYS(MQ_NO_QUEUE));
    CHECK_FACTS(&r, "CONFIRMED 1 2");
    rig_free(&r);
}

static void a_get_notes_what_it_has_taken(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .silent = true, .lease_ms = 500});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_facts(&r);
    rig_get(&r, MAX(2), GIVES("a b"));
    CHECK_FACTS(&r, "TAKEN 1/3 #1 1-2 lease 500");
    rig_get(&r, AUTO_DONE, GIVES("c"));
    CHECK_FACTS(&r, "TAKEN 1/4 #1 3 auto_done lease 500");
    CHECK_EQUAL(rig_fact(&r, FACT_TAKEN).count, 1);
    rig_get(&r, SAYS(MQ_EMPTY));
    CHECK_FACTS(&r, "");
    rig_free(&r);
}

static void a_get_tells_how_many_items_it_has_taken_not_for_the_first_time(void)
{
    struct rig r = durable();
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, MAX(2), GIVES("a b"));
    rig_release(&r, ITEMS("a", "b"), OK);
    rig_facts(&r);
    rig_get(&r, MAX(3), GIVES("a#2 b#2 c"));
    CHECK_FACTS(&r, "TAKEN 1/5 #1 1-3 again 2");
    rig_free(&r);
}

static void a_getter_that_waits_takes_after_the_put_has_stored(void)
{
    struct rig r = durable();
    rig_get(&r, SESSION(2), FOREVER, WAITS);
    CHECK_FACTS(&r, "SESSION 2 client-2");
    rig_put(&r, BODY("a"));
    CHECK_FACTS(&r, "STORED 1/2 #1 1 a; TAKEN 2/1 #1 1");
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "a");
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

static void done_released_and_extended_items_are_noted_as_runs(void)
{
    struct rig r = durable();
    rig_put(&r, BODIES("a", "b", "c", "d", "e"), OK);
    rig_get(&r, MAX(5), GIVES("a b c d e"));
    rig_facts(&r);
    rig_done(&r, ITEMS("a", "b"), OK);
    CHECK_FACTS(&r, "DONE 1/4 1-2");
    rig_extend(&r, ITEMS("c", "e"), LEASE_OF(900), OK);
    CHECK_FACTS(&r, "EXTENDED 1/5 3 5 lease 900");
    rig_release(&r, ITEMS("c"), OK);
    CHECK_FACTS(&r, "RETURNED 1/6 3");
    rig_release(&r, ITEMS("e", "d"), UNTOUCHED, OK);
    CHECK_FACTS(&r, "RETURNED 1/7 5 4 untouched");
    rig_free(&r);
}

static void what_is_refused_is_noted_behind_what_was_done(void)
{
    struct rig r = durable();
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, MAX(2), GIVES("a b"));
    rig_facts(&r);
    rig_done(&r, IDS(2, 77, 1, 2), SAYS(MQ_TOO_MANY_DONE));
    CHECK_FACTS(&r, "DONE 1/4 2 1; REFUSED 1/4 task_done 77 TOO_MANY_DONE 2 TOO_MANY_DONE");
    rig_free(&r);
}

static void a_request_of_which_all_is_refused_is_noted_with_its_verb(void)
{
    struct rig r = durable();
    rig_release(&r, IDS(5), SAYS(MQ_TOO_MANY_DONE));
    CHECK_FACTS(&r, "REFUSED 1/2 release 5 TOO_MANY_DONE");
    rig_extend(&r, IDS(5), SAYS(MQ_TOO_MANY_DONE));
    CHECK_FACTS(&r, "REFUSED 1/3 extend 5 TOO_MANY_DONE");
    rig_free(&r);
}

static void a_lease_that_is_over_is_noted_without_a_call(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .silent = true, .lease_ms = 100});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, MAX(2), GIVES("a b"));
    rig_facts(&r);
    rig_run_to(&r, 150);
    CHECK_FACTS(&r, "RETURNED 1 1 lost; RETURNED 1 2 lost");
    rig_free(&r);
}

static void what_a_cancelled_get_gives_back_is_noted_with_its_call(void)
{
    struct rig r = durable();
    rig_put(&r, BODY("a"), OK);
    uint64_t number = rig_get(&r, AUTO_DONE, GIVES("a"));
    rig_facts(&r);
    rig_cancel(&r, NUMBER(number), SAYS(MQ_LEASE_LOST));
    CHECK_FACTS(&r, "RETURNED 1/3 1 untouched");
    rig_cancel(&r, NUMBER(number), SAYS(MQ_LEASE_LOST));
    CHECK_FACTS(&r, "");
    rig_free(&r);
}

static void only_answers_that_facts_tell_of_are_noted_when_confirmed(void)
{
    struct rig r = durable();
    rig_put(&r, BODY("a"), OK);
    rig_ping(&r, OK);
    rig_get(&r, GIVES("a"));
    rig_get(&r, SAYS(MQ_EMPTY));
    rig_stat(&r, OK);
    rig_done(&r, ITEMS("a"), OK);
    rig_facts(&r);
    rig_confirm(&r, RANGES({2, 7}));
    CHECK_FACTS(&r, "CONFIRMED 1 2 4 7");
    rig_confirm(&r, RANGES({2, 7}));
    CHECK_FACTS(&r, "");
    rig_free(&r);
}

static void what_a_resuming_client_does_not_await_is_noted_as_confirmed(void)
{
    struct rig r = durable();
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, BODY("b"), LOST, OK);
    rig_put(&r, BODY("c"), OK);
    rig_drop(&r, SESSION(1));
    rig_facts(&r);
    rig_hello(&r, RESUME, OK);
    CHECK_FACTS(&r, "CONFIRMED 1 2 4");
    rig_repeat(&r, NUMBER(3), OK);
    rig_free(&r);
}

static void queues_are_noted_when_made_changed_and_shut_down(void)
{
    struct rig r = durable();
    rig_open(&r, QUEUE("x"), MAXSIZE(3), OK);
    CHECK_FACTS(&r, "QUEUE 1/2 #2 open x");
    rig_open(&r, QUEUE("x"), OK);
    rig_open(&r, QUEUE("x"), MAXSIZE(4), SAYS(MQ_EXISTS));
    CHECK_FACTS(&r, "");
    rig_set(&r, QUEUE("x"), MAXSIZE(9), OK);
    CHECK_FACTS(&r, "QUEUE 1/5 #2 set x");
    CHECK_EQUAL(rig_fact(&r, FACT_QUEUE).settings.maxsize, 9);
    CHECK_EQUAL(rig_fact(&r, FACT_QUEUE).created.maxsize, 3);
    rig_shut_down(&r, QUEUE("x"), OK);
    CHECK_FACTS(&r, "QUEUE 1/6 #2 shut_down x shut_down");
    rig_shut_down(&r, QUEUE("x"), IMMEDIATE, OK);
    CHECK_FACTS(&r, "QUEUE 1/7 #2 shut_down x shut_down immediate");
    rig_free(&r);
}

static void a_queue_is_noted_with_its_totals_after_what_the_fact_does(void)
{
    struct rig r = durable();
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, GIVES("a"));
    rig_done(&r, ITEMS("a"), OK);
    rig_shut_down(&r, IMMEDIATE, OK);
    struct fact_totals totals = rig_fact(&r, FACT_QUEUE).totals;
    CHECK_EQUAL(totals.puts, 3);
    CHECK_EQUAL(totals.gets, 1);
    CHECK_EQUAL(totals.done, 1);
    CHECK_EQUAL(totals.discarded, 2);
    rig_free(&r);
}

static void purging_and_removing_tell_how_many_items_went(void)
{
    struct rig r = durable();
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, GIVES("a"));
    rig_facts(&r);
    rig_remove(&r, SAYS(MQ_BUSY));
    CHECK_FACTS(&r, "");
    rig_purge(&r, OK);
    CHECK_FACTS(&r, "PURGED 1/5 #1 1");
    rig_remove(&r, FORCE, OK);
    CHECK_FACTS(&r, "REMOVED 1/6 #1 1");
    rig_free(&r);
}

static void sessions_are_noted_when_they_come_lapse_and_go(void)
{
    struct rig r = durable();
    rig_hello(&r, AT(5), SESSION(2), OK);
    CHECK_FACTS(&r, "SESSION 2 client-2");
    CHECK_EQUAL(rig_fact(&r, FACT_SESSION).time_ms, RIG_EPOCH_MS + 5);
    CHECK_EQUAL(rig_fact(&r, FACT_SESSION).next_number, 1);
    CHECK_EQUAL(rig_fact(&r, FACT_SESSION).session_id[3], 2);
    rig_drop(&r, SESSION(2));
    rig_hello(&r, SESSION(2), RESUME, OK);
    CHECK_FACTS(&r, "");
    rig_drop(&r, SESSION(2));
    rig_run_to(&r, 4000);
    CHECK_FACTS(&r, "LAPSED 2");
    rig_run_to(&r, 605000);
    CHECK_FACTS(&r, "GONE 2");
    rig_hello(&r, SESSION(3), OK);
    rig_facts(&r);
    rig_bye(&r, SESSION(3));
    CHECK_FACTS(&r, "GONE 3");
    rig_free(&r);
}

static void what_a_bye_confirms_is_noted_before_it_is_gone(void)
{
    struct rig r = durable();
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), AUTO_DONE, GIVES("a"));
    rig_get(&r, SESSION(2), AUTO_DONE, GIVES("b"));
    rig_facts(&r);
    rig_bye(&r, SESSION(2), RANGES({1, 1}));
    CHECK_FACTS(&r, "CONFIRMED 2 1; GONE 2");
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void a_session_that_makes_room_for_a_new_one_is_gone(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .sessions_max = 2});
    rig_hello(&r, SESSION(2), OK);
    rig_drop(&r, SESSION(2));
    rig_run_to(&r, 4000);
    rig_facts(&r);
    rig_hello(&r, SESSION(3), OK);
    CHECK_FACTS(&r, "GONE 2; SESSION 3 client-3");
    rig_free(&r);
}

static void a_refused_hello_makes_no_fact(void)
{
    struct rig r = durable();
    rig_hello(&r, SESSION(2), RESUME, SAYS(MQ_SESSION_LOST));
    rig_hello(&r, SESSION(1), SAYS(MQ_EXISTS));
    CHECK_FACTS(&r, "");
    rig_free(&r);
}

static void ids_are_noted_in_blocks_long_before_they_are_given(void)
{
    const uint64_t block = 1 << 24;
    struct rig r = rig_new((struct rig_options){.is_durable = true, .first_item = 100});
    rig_put(&r, BODY("a"), OK);
    CHECK_EQUAL(rig_fact(&r, FACT_IDS).first_id, 100 + block);
    size_t groups = r.group_count;
    rig_put(&r, BODY("b"), OK);
    CHECK_EQUAL(rig_fact(&r, FACT_IDS).first_id, 100 + block);
    CHECK(r.group_count > groups);
    rig_free(&r);
}

/* ---- transient queues ---- */

static struct rig with_transient(void)
{
    struct rig r = rig_new((struct rig_options){.is_durable = true, .silent = true});
    rig_open(&r, QUEUE("t"), TRANSIENT(true), OK);
    rig_put(&r, BODY("durable"), OK);
    rig_get(&r, GIVES("durable"));
    rig_facts(&r);
    r.is_slow = true;
    rig_sync(&r);
    return r;
}

static void items_of_a_transient_queue_make_no_facts_and_their_answers_wait_for_nothing(void)
{
    struct rig r = with_transient();
    rig_put(&r, QUEUE("t"), BODIES("a", "b", "c"), OK);
    rig_get(&r, QUEUE("t"), MAX(2), GIVES("a b"));
    rig_extend(&r, ITEMS("a", "b"), LEASE_OF(50), OK);
    rig_done(&r, ITEMS("a"), OK);
    rig_run_to(&r, 100);
    CHECK_FACTS(&r, "");
    r.is_slow = false;
    CHECK_SIZES(&r, "t", 2, 0);
    rig_free(&r);
}

static void of_items_of_both_kinds_only_the_durable_ones_are_noted(void)
{
    struct rig r = with_transient();
    rig_put(&r, QUEUE("t"), BODY("a"), OK);
    rig_get(&r, QUEUE("t"), GIVES("a"));
    rig_done(&r, ITEMS("a", "durable"), WAITS);
    CHECK_FACTS(&r, "DONE 1/7 1");
    rig_sync(&r);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

/* ---- what is alive ---- */

static void what_lives_is_counted_until_it_is_done_discarded_or_removed(void)
{
    struct rig r = durable();
    CHECK_EQUAL(rig_look_at_broker(&r).live_bytes, 0);
    rig_put(&r, BULK(10, 100), OK);
    uint64_t live = rig_look_at_broker(&r).live_bytes;
    CHECK(live >= 1000 && live <= 1300);
    rig_get(&r, SESSION(2), MAX(4), OK);
    CHECK_EQUAL(rig_look_at_broker(&r).live_bytes, live);
    rig_done(&r, SESSION(2), IDS(1, 2, 3, 4), OK);
    CHECK_EQUAL(rig_look_at_broker(&r).live_bytes, live * 6 / 10);
    rig_get(&r, SESSION(2), AUTO_DONE, MAX(2), OK);
    rig_confirm(&r, SESSION(2), RANGES({3, 3}));
    CHECK_EQUAL(rig_look_at_broker(&r).live_bytes, live * 4 / 10);
    rig_get(&r, SESSION(2), OK);
    rig_purge(&r, OK);
    CHECK_EQUAL(rig_look_at_broker(&r).live_bytes, live / 10);
    rig_remove(&r, FORCE, OK);
    CHECK_EQUAL(rig_look_at_broker(&r).live_bytes, 0);
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(an_engine_in_memory_makes_no_facts),
    UNIT(a_put_stores_its_items_in_one_fact),
    UNIT(items_of_a_priority_queue_are_stored_with_their_keys),
    UNIT(a_put_that_waits_makes_a_fact_each_time_some_of_it_is_stored),
    UNIT(a_partial_put_says_so),
    UNIT(a_put_that_stores_nothing_makes_no_fact),
    UNIT(a_get_notes_what_it_has_taken),
    UNIT(a_get_tells_how_many_items_it_has_taken_not_for_the_first_time),
    UNIT(a_getter_that_waits_takes_after_the_put_has_stored),
    UNIT(done_released_and_extended_items_are_noted_as_runs),
    UNIT(what_is_refused_is_noted_behind_what_was_done),
    UNIT(a_request_of_which_all_is_refused_is_noted_with_its_verb),
    UNIT(a_lease_that_is_over_is_noted_without_a_call),
    UNIT(what_a_cancelled_get_gives_back_is_noted_with_its_call),
    UNIT(only_answers_that_facts_tell_of_are_noted_when_confirmed),
    UNIT(what_a_resuming_client_does_not_await_is_noted_as_confirmed),
    UNIT(queues_are_noted_when_made_changed_and_shut_down),
    UNIT(a_queue_is_noted_with_its_totals_after_what_the_fact_does),
    UNIT(purging_and_removing_tell_how_many_items_went),
    UNIT(sessions_are_noted_when_they_come_lapse_and_go),
    UNIT(what_a_bye_confirms_is_noted_before_it_is_gone),
    UNIT(a_session_that_makes_room_for_a_new_one_is_gone),
    UNIT(a_refused_hello_makes_no_fact),
    UNIT(ids_are_noted_in_blocks_long_before_they_are_given),
    UNIT(items_of_a_transient_queue_make_no_facts_and_their_answers_wait_for_nothing),
    UNIT(of_items_of_both_kinds_only_the_durable_ones_are_noted),
    UNIT(what_lives_is_counted_until_it_is_done_discarded_or_removed),
};

int main(void)
{
    return unit_run("engine facts", tests, sizeof tests / sizeof *tests);
}
