/* unit_engine_checkpoint.c - what a segment begins with: all that is to be known beside the items. */
#include "failing_malloc.h"
#include "rig.h"
#include "rig_facts.h"

#include <string.h>

static struct rig rig_of(struct rig_options options)
{
    options.is_durable = options.silent = true;
    return rig_new(options);
}

/* Begins a segment; what was before counts as checked. */
static void begin_segment(struct rig *r)
{
    rig_take(r);
    rig_facts(r);
    rig_begin_segment(r);
}

/* What the last checkpoint tells behind its first two facts (CHECKPOINT, IDS, of which no text is made). */
#define CHECK_CHECKPOINT(r, text)                                                                            \
    do {                                                                                                     \
        begin_segment(r);                                                                                    \
        CHECK_FACTS(r, "CHECKPOINT; " text);                                                                 \
    } while (0)

static void a_checkpoint_tells_what_comes_next_and_how_much_belongs_to_it(void)
{
    struct rig r = rig_of((struct rig_options){.first_item = 100});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_hello(&r, SESSION(2), OK);
    begin_segment(&r);
    struct fact checkpoint = rig_fact(&r, FACT_CHECKPOINT);
    CHECK_EQUAL(checkpoint.first_id, 102);
    CHECK_EQUAL(checkpoint.next_session, 3);
    CHECK_EQUAL(checkpoint.next_queue, 2);
    CHECK_EQUAL(checkpoint.segment, 1);
    CHECK_EQUAL(rig_fact(&r, FACT_IDS).first_id, 100 + (1 << 24));
    struct fact_reader reader;
    struct fact fact;
    fact_read(&reader, r.groups[r.group_count - 1].facts);
    CHECK(fact_next(&reader, &fact));
    CHECK_EQUAL(fact.kind, FACT_CHECKPOINT);
    CHECK_EQUAL(fact.count, reader.left.size);
    rig_free(&r);
}

static void an_engine_of_which_nothing_is_known_has_a_checkpoint(void)
{
    struct rig r = rig_of((struct rig_options){.without_queue = true});
    begin_segment(&r);
    CHECK_FACTS(&r, "CHECKPOINT");
    CHECK_EQUAL(rig_fact(&r, FACT_IDS).first_id, rig_fact(&r, FACT_CHECKPOINT).first_id + (1 << 24));
    rig_free(&r);
}

static void queues_are_told_with_settings_flags_and_totals(void)
{
    struct rig r = rig_of((struct rig_options){.maxsize = 7});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, GIVES("a"));
    rig_release(&r, ITEMS("a"), OK);
    rig_get(&r, GIVES("a#2"));
    rig_done(&r, ITEMS("a"), OK);
    rig_set(&r, MAXSIZE(9), OK);
    rig_shut_down(&r, OK);
    rig_confirm(&r, RANGES({1, 99}));
    CHECK_CHECKPOINT(&r, "QUEUE #1 - q shut_down; SESSION 1 client-1");
    struct fact queue = rig_fact(&r, FACT_QUEUE);
    CHECK_EQUAL(queue.settings.maxsize, 9);
    CHECK_EQUAL(queue.created.maxsize, 7);
    CHECK_EQUAL(queue.settings.given, MQ_SETTINGS_ALL);
    CHECK_EQUAL(queue.created.given, MQ_SETTINGS_ALL);
    CHECK_EQUAL(queue.time_ms, RIG_EPOCH_MS);
    CHECK_EQUAL(queue.totals.puts, 3);
    CHECK_EQUAL(queue.totals.gets, 2);
    CHECK_EQUAL(queue.totals.done, 1);
    CHECK_EQUAL(queue.totals.redelivered, 1);
    CHECK_EQUAL(queue.totals.returned, 1);
    CHECK_EQUAL(queue.totals.discarded, 0);
    rig_free(&r);
}

static void a_transient_queue_is_told_without_its_items(void)
{
    struct rig r = rig_of((struct rig_options){.without_queue = true});
    rig_open(&r, QUEUE("t"), TRANSIENT(true), OK);
    rig_put(&r, QUEUE("t"), BODY("a"), OK);
    rig_get(&r, QUEUE("t"), GIVES("a"));
    CHECK_CHECKPOINT(&r, "QUEUE #1 - t; SESSION 1 client-1; CALL 1/1");
    CHECK(rig_fact(&r, FACT_QUEUE).settings.is_transient);
    CHECK_EQUAL(rig_fact(&r, FACT_QUEUE).totals.puts, 0);
    rig_free(&r);
}

static void sessions_are_told_with_their_numbers_and_whether_they_have_ended(void)
{
    struct rig r = rig_of((struct rig_options){.without_queue = true, .resume_grace_ms = 100});
    rig_hello(&r, SESSION(1), OK);
    rig_hello(&r, AT(7), SESSION(2), OK);
    rig_ping(&r, SESSION(2), OK);
    rig_ping(&r, SESSION(2), OK);
    rig_drop(&r, SESSION(2));
    rig_run_to(&r, 1000);
    rig_hello(&r, SESSION(3), OK);
    rig_bye(&r, SESSION(3));
    CHECK_CHECKPOINT(&r, "SESSION 1 client-1; SESSION 2 client-2 ended");
    struct fact session = rig_fact(&r, FACT_SESSION);
    CHECK_EQUAL(session.next_number, 3);
    CHECK_EQUAL(session.lapses, 1);
    CHECK_EQUAL(session.time_ms, RIG_EPOCH_MS + 7);
    CHECK_EQUAL(session.session_id[3], 2);
    rig_free(&r);
}

static void only_answers_that_are_noted_and_not_confirmed_are_told(void)
{
    struct rig r = rig_of((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, BODY("b"), OK);
    rig_ping(&r, OK);
    rig_stat(&r, OK);
    rig_get(&r, QUEUE("none"), SAYS(MQ_NO_QUEUE));
    rig_join(&r, FOREVER, WAITS);
    rig_get(&r, SESSION(2), MAX(9), GIVES("a b"));
    rig_get(&r, SESSION(2), FOREVER, WAITS);
    rig_confirm(&r, RANGES({1, 2}));
    CHECK_CHECKPOINT(&r, "QUEUE #1 - q; SESSION 1 client-1; CALL 1/3 2; SESSION 2 client-2; CALL 2/1 1-2");
    rig_free(&r);
}

static struct fact last_call(const struct rig *r, enum mq_verb verb, enum mq_status status)
{
    struct fact call = rig_fact(r, FACT_CALL);
    CHECK_EQUAL(call.verb, verb);
    CHECK_EQUAL(call.status, status);
    return call;
}

static void each_verbs_answer_has_what_it_takes(void)
{
    struct rig r = rig_of((struct rig_options){.without_queue = true, .lease_ms = 0});
    rig_open(&r, QUEUE("q"), LEASE(500), OK);
    begin_segment(&r);
    last_call(&r, MQ_VERB_OPEN, MQ_OK);
    rig_set(&r, MAXSIZE(2), OK);
    begin_segment(&r);
    last_call(&r, MQ_VERB_SET, MQ_OK);
    rig_put(&r, BODIES("a", "b", "c"), PARTIAL, OK);
    begin_segment(&r);
    struct fact call = last_call(&r, MQ_VERB_PUT, MQ_OK);
    CHECK_EQUAL(call.count, 2);
    CHECK_EQUAL(call.total, 3);
    CHECK_EQUAL(call.flags, FACT_PARTIAL);
    rig_get(&r, AUTO_DONE, MAX(2), GIVES("a b"));
    begin_segment(&r);
    call = last_call(&r, MQ_VERB_GET, MQ_OK);
    CHECK_EQUAL(call.lease_ms, 500);
    CHECK_EQUAL(call.flags, FACT_AUTO_DONE);
    rig_put(&r, BODIES("d", "e"), OK);
    rig_purge(&r, OK);
    begin_segment(&r);
    CHECK_EQUAL(last_call(&r, MQ_VERB_PURGE, MQ_OK).count, 2);
    rig_shut_down(&r, OK);
    begin_segment(&r);
    last_call(&r, MQ_VERB_SHUT_DOWN, MQ_OK);
    rig_remove(&r, FORCE, OK);
    begin_segment(&r);
    CHECK_EQUAL(last_call(&r, MQ_VERB_REMOVE, MQ_OK).count, 2);
    rig_free(&r);
}

static void what_was_refused_is_told_behind_the_answer(void)
{
    struct rig r = rig_of((struct rig_options){.without_queue = true});
    rig_done(&r, IDS(5, 6), SAYS(MQ_TOO_MANY_DONE));
    rig_release(&r, IDS(7), SAYS(MQ_TOO_MANY_DONE));
    CHECK_CHECKPOINT(&r,
                     "SESSION 1 client-1; CALL 1/1; REFUSED 1/1 task_done 5 TOO_MANY_DONE 6 TOO_MANY_DONE; "
                     "CALL 1/2; REFUSED 1/2 release 7 TOO_MANY_DONE");
    last_call(&r, MQ_VERB_RELEASE, MQ_TOO_MANY_DONE);
    rig_free(&r);
}

static void a_get_tells_only_of_what_is_still_held_in_the_order_of_its_answer(void)
{
    struct rig r = rig_of((struct rig_options){.kind = MQ_KIND_PRIORITY});
    rig_put(&r, BODIES("a", "b", "c", "d"), KEYS(4, 3, 2, 1), OK);
    rig_get(&r, SESSION(2), MAX(4), GIVES("d c b a"));
    rig_done(&r, SESSION(2), ITEMS("c"), OK);
    rig_bye(&r, SESSION(1));
    CHECK_CHECKPOINT(&r, "QUEUE #1 - q; SESSION 2 client-2; CALL 2/1 4 2 1; CALL 2/2");
    rig_free(&r);
}

static void a_put_that_waits_and_has_stored_some_is_told_as_cut_off(void)
{
    struct rig r = rig_of((struct rig_options){.maxsize = 2});
    rig_put(&r, BODIES("a", "b", "c", "d"), FOREVER, WAITS);
    rig_put(&r, BODY("e"), FOREVER, WAITS); /* has stored nothing */
    CHECK_CHECKPOINT(&r, "QUEUE #1 - q; SESSION 1 client-1; CALL 1/2 1-2 cut");
    struct fact call = last_call(&r, MQ_VERB_PUT, MQ_SESSION_LOST);
    CHECK_EQUAL(call.count, 2);
    CHECK_EQUAL(call.total, 4);
    rig_cancel(&r, NUMBER(2), SAYS(MQ_INTERRUPTED)); /* answered now: that is its answer */
    CHECK_CHECKPOINT(&r, "QUEUE #1 - q; SESSION 1 client-1; CALL 1/2 1-2");
    rig_free(&r);
}

static void facts_go_to_the_new_segment_from_then_on(void)
{
    struct rig r = rig_of((struct rig_options){0});
    begin_segment(&r);
    rig_put(&r, BODY("a"), OK);
    begin_segment(&r);
    rig_put(&r, BODY("b"), OK);
    CHECK(!engine_needs(r.engine, 0));
    CHECK(engine_needs(r.engine, 1));
    rig_get(&r, GIVES("a"));
    rig_done(&r, ITEMS("a"), OK);
    rig_go_through(&r, 1, 1 << 20); /* ids of one page are looked after together */
    CHECK(!engine_needs(r.engine, 1));
    CHECK(engine_needs(r.engine, 2));
    rig_free(&r);
}

static void nothing_waits_for_a_checkpoint(void)
{
    struct rig r = rig_of((struct rig_options){.is_slow = true});
    rig_sync(&r);
    uint64_t needed = engine_position(r.engine);
    CHECK(engine_checkpoint(r.engine, 5, 1));
    CHECK_EQUAL(engine_position(r.engine), needed);
    CHECK(facts_are_there(engine_facts(r.engine)));
    rig_free(&r);
}

static void without_memory_there_is_no_checkpoint_and_nothing_has_happened(void)
{
    struct rig r = rig_of((struct rig_options){.unconfirmed_max = 100000});
    struct facts *facts = engine_facts(r.engine);
    rig_put(&r, BODY("a"), OK);
    rig_take(&r);
    for (uint64_t fails_at = 1;; fails_at++) {
        uint64_t position = facts_position(facts), needed = engine_position(r.engine);
        malloc_fails_at = malloc_calls + fails_at;
        bool ok = engine_checkpoint(r.engine, r.segment + 1, 1);
        malloc_fails_at = 0;
        if (ok)
            break;
        CHECK(!facts_are_there(facts) && !facts->is_broken);
        CHECK_EQUAL(facts_position(facts), position);
        CHECK_EQUAL(engine_position(r.engine), needed);
        CHECK(fails_at < 20);
    }
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(a_checkpoint_tells_what_comes_next_and_how_much_belongs_to_it),
    UNIT(an_engine_of_which_nothing_is_known_has_a_checkpoint),
    UNIT(queues_are_told_with_settings_flags_and_totals),
    UNIT(a_transient_queue_is_told_without_its_items),
    UNIT(sessions_are_told_with_their_numbers_and_whether_they_have_ended),
    UNIT(only_answers_that_are_noted_and_not_confirmed_are_told),
    UNIT(each_verbs_answer_has_what_it_takes),
    UNIT(what_was_refused_is_told_behind_the_answer),
    UNIT(a_get_tells_only_of_what_is_still_held_in_the_order_of_its_answer),
    UNIT(a_put_that_waits_and_has_stored_some_is_told_as_cut_off),
    UNIT(facts_go_to_the_new_segment_from_then_on),
    UNIT(nothing_waits_for_a_checkpoint),
    UNIT(without_memory_there_is_no_checkpoint_and_nothing_has_happened),
};

int main(void)
{
    return unit_run("engine_checkpoint", tests, sizeof tests / sizeof *tests);
}
