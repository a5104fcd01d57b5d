/* unit_engine_replay_calls.c - answers that were not confirmed are given again after facts were replayed. */
#include "replay_log.h"

#include <string.h>

/* Session 1 comes back and asks for the first answer to this request again. */
static struct answer answer_again(struct rig *r, uint64_t number, enum mq_verb verb)
{
    static struct put_item puts[8];
    static const uint64_t ids[] = {1, 2, 3};
    struct session *s;
    void *old, *peer;
    struct welcome welcome;
    struct hello hello = {.version = MQ_PROTOCOL_VERSION, .resume = true, .next_number = 9};
    struct range awaited = {number, number};
    hello.awaited = (struct ranges){&awaited, 1};
    memset(hello.id, OLD + 1, sizeof hello.id);
    CHECK_EQUAL(engine_hello(r->engine, RIG_EPOCH_MS, &hello, r, &s, &old, &welcome), MQ_OK);
    struct request req = {.verb = verb, .number = number, .queue = mq_bytes("q"), .puts = puts, .ids = ids};
    req.put_count = req.id_count = verb == MQ_VERB_PUT ? 4 : 3;
    for (size_t i = 0; i < 4; i++)
        puts[i].body = (struct bytes){&"abcd"[i], 1};
    req.max = 4;
    const char *why;
    CHECK_EQUAL(engine_submit(r->engine, RIG_EPOCH_MS, s, &req, &why), MQ_OK);
    engine_check(r->engine);
    struct answer answer;
    CHECK(engine_next_reply(r->engine, UINT64_MAX, &peer, &answer));
    CHECK_EQUAL(answer.number, number);
    CHECK_EQUAL(answer.verb, verb);
    return answer;
}

static void a_put_that_was_cut_off_goes_on_behind_what_it_has_stored(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored_of(&l, 1, 1, "a", 4);
    add_stored(&l, 2, 2, "x");
    add_stored_of(&l, 1, 3, "b", 4);
    struct rig r = begin(&l);
    struct answer answer = answer_again(&r, 1, MQ_VERB_PUT);
    CHECK_EQUAL(answer.status, MQ_OK);
    CHECK_EQUAL(answer.count, 4);
    CHECK_EQUAL(answer.id_range_count, 2);
    CHECK_EQUAL(answer.ids[0].first, 1);
    CHECK_EQUAL(answer.ids[0].last, 1);
    CHECK_EQUAL(answer.ids[1].first, 3);
    CHECK_EQUAL(answer.ids[1].last, 5);
    rig_get(&r, SESSION(2), MAX(9), GIVES("a x b c d"));
    rig_free(&r);
}

static void a_partial_put_is_content_with_what_it_has_stored(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    facts_begin(&l.facts, &(struct fact){.kind = FACT_STORED,
                                         .cause = {1, 1},
                                         .queue = 1,
                                         .first_id = 1,
                                         .total = 4,
                                         .flags = FACT_PARTIAL});
    facts_item(&l.facts, false, (struct bytes){0}, mq_bytes("a"));
    facts_end(&l.facts);
    struct rig r = begin(&l);
    struct answer answer = answer_again(&r, 1, MQ_VERB_PUT);
    CHECK_EQUAL(answer.status, MQ_OK);
    CHECK_EQUAL(answer.count, 1);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void refusals_are_told_again(void)
{
    for (enum mq_verb verb = MQ_VERB_TASK_DONE; verb <= MQ_VERB_EXTEND; verb++) {
        struct log_rig l = new_plain_log(MQ_KIND_FIFO);
        add_stored(&l, 1, 1, "ab");
        ADD_IDS(&l, taken_of(2, 1), 1);
        struct fact refused = about_items(FACT_REFUSED, 3);
        refused.verb = verb;
        facts_begin(&l.facts, &refused);
        facts_refusal(&l.facts, (struct refusal){2, MQ_LEASE_LOST});
        facts_refusal(&l.facts, (struct refusal){3, MQ_TOO_MANY_DONE});
        facts_end(&l.facts);
        struct rig r = begin(&l);
        struct answer answer = answer_again(&r, 3, verb);
        CHECK_EQUAL(answer.status, MQ_LEASE_LOST);
        CHECK_EQUAL(answer.refusal_count, 2);
        CHECK_EQUAL(answer.refusals[1].id, 3);
        CHECK_EQUAL(answer.refusals[1].status, MQ_TOO_MANY_DONE);
        rig_free(&r);
    }
}

/* Each in an engine of its own. */
static void check_answer(struct bytes facts, uint64_t number, enum mq_verb verb)
{
    const char *why = NULL;
    struct engine *e = new_engine();
    CHECK(engine_replay(e, facts, SEGMENT, false, &why) && engine_begin(e, RIG_EPOCH_MS));
    struct rig r = rig_around(e);
    struct answer answer = answer_again(&r, number, verb);
    if (verb == MQ_VERB_PUT) {
        CHECK_EQUAL(answer.count, 4);
        CHECK_EQUAL(answer.id_range_count, 3);
        CHECK_EQUAL(answer.ids[2].first, 100);
    } else if (verb == MQ_VERB_PURGE) {
        CHECK_EQUAL(answer.count, 17);
    } else if (verb == MQ_VERB_GET) {
        CHECK_EQUAL(answer.item_count, 2);
        CHECK_EQUAL(answer.items[0].id, 31);
        CHECK_EQUAL(answer.items[0].deliveries, 2);
        CHECK_EQUAL(answer.items[1].id, 30);
    } else {
        CHECK_EQUAL(answer.status, MQ_LEASE_LOST);
        CHECK_EQUAL(answer.refusal_count, 1);
    }
    rig_free(&r);
}

static void a_checkpoint_tells_of_answers_that_are_not_confirmed(void)
{
    struct log_rig l = {.engine = new_engine()};
    facts_init(&l.facts, true);
    struct fact checkpoint = checkpoint_of(100, 2, 2), queue = queue_of(1, "q", MQ_KIND_FIFO);
    facts_add(&l.facts, &checkpoint);
    queue.totals = (struct fact_totals){.puts = 9, .gets = 3, .done = 1};
    add(&l, queue);
    add(&l, session_of(1));
    struct fact put = {.kind = FACT_CALL, .cause = {1, 4}, .verb = MQ_VERB_PUT, .count = 3, .total = 4};
    put.flags = FACT_CUT;
    ADD_IDS(&l, put, 10, 11, 20);
    add(&l, (struct fact){.kind = FACT_CALL, .cause = {1, 5}, .verb = MQ_VERB_PURGE, .count = 17});
    struct fact get = {.kind = FACT_CALL, .cause = {1, 6}, .verb = MQ_VERB_GET};
    ADD_IDS(&l, get, 31, 30);
    struct fact done = {
        .kind = FACT_CALL, .cause = {1, 7}, .verb = MQ_VERB_TASK_DONE, .status = MQ_LEASE_LOST};
    add(&l, done);
    struct fact refused = about_items(FACT_REFUSED, 7);
    facts_begin(&l.facts, &refused);
    facts_refusal(&l.facts, (struct refusal){2, MQ_LEASE_LOST});
    facts_end(&l.facts);
    facts_count(&l.facts, 0);
    add_moved(&l, 30, "second", 1, 1, 6);
    add_moved(&l, 31, "first", 2, 1, 6);
    struct bytes bytes = facts_bytes(&l.facts);
    check_answer(bytes, 4, MQ_VERB_PUT);
    check_answer(bytes, 5, MQ_VERB_PURGE);
    check_answer(bytes, 6, MQ_VERB_GET);
    check_answer(bytes, 7, MQ_VERB_TASK_DONE);
    engine_free(l.engine);
    facts_done(&l.facts);
}

static const struct unit_test tests[] = {
    UNIT(a_put_that_was_cut_off_goes_on_behind_what_it_has_stored),
    UNIT(a_partial_put_is_content_with_what_it_has_stored),
    UNIT(refusals_are_told_again),
    UNIT(a_checkpoint_tells_of_answers_that_are_not_confirmed),
};

int main(void)
{
    return unit_run("engine: replayed calls", tests, sizeof tests / sizeof *tests);
}
