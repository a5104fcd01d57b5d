/* A log of which something is lost: what is left is taken for true, as far as it goes. */
#include "replay_log.h"

#include <string.h>

#include "key.h"

/* Facts are missing here: what follows is read leniently. */
static struct rig begin_leniently(struct log_rig *l)
{
    CHECK(!replay(l, true));
    facts_done(&l->facts);
    CHECK(engine_begin(l->engine, RIG_EPOCH_MS));
    engine_check(l->engine);
    return rig_around(l->engine);
}

static void add_keyed(struct log_rig *l, uint64_t call, uint64_t first_id, const char *bodies)
{
    size_t count = strlen(bodies);
    facts_begin(
        &l->facts,
        &(struct fact){
            .kind = FACT_STORED, .cause = {1, call}, .queue = 1, .first_id = first_id, .total = count});
    for (size_t i = 0; i < count; i++) {
        uint8_t encoded[MQ_KEY_SIZE_MAX];
        struct key key = {.type = MQ_KEY_INT, .integer = (int64_t)(i * 5 % count)};
        size_t size;
        CHECK_EQUAL(key_encode(&key, encoded, &size), MQ_OK);
        facts_item(&l->facts, true, (struct bytes){encoded, size}, (struct bytes){bodies + i, 1});
    }
    facts_end(&l->facts);
}

static void what_was_taken_out_of_turn_is_held_and_what_was_before_it_waits_on(void)
{
    const char *const rests[] = {
        [MQ_KIND_FIFO] = "a b c e f", [MQ_KIND_LIFO] = "f e c b a", [MQ_KIND_PRIORITY] = "a f e c b"};
    for (enum mq_kind kind = MQ_KIND_FIFO; kind <= MQ_KIND_PRIORITY; kind++) {
        struct log_rig l = new_plain_log(kind);
        if (kind == MQ_KIND_PRIORITY)
            add_keyed(&l, 1, 1, "abcdef");
        else
            add_stored(&l, 1, 1, "abcdef");
        ADD_IDS(&l, taken_of(2, 1), 4);
        struct rig r = begin_leniently(&l);
        CHECK_SIZES(&r, "q", 5, 1);
        rig_get(&r, SESSION(2), MAX(9), GIVES(rests[kind]));
        rig_run_to(&r, 3000);
        rig_get(&r, SESSION(2), MAX(9), GIVES("d#2"));
        rig_free(&r);
    }
}

static void one_after_the_other_is_taken_out_of_turn(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "abcdefgh");
    ADD_IDS(&l, taken_of(2, 3), 4, 5, 7);
    ADD_IDS(&l, taken_of(3, 3), 2, 8, 1);
    ADD_IDS(&l, about_items(FACT_DONE, 4), 4, 8);
    struct rig r = begin_leniently(&l);
    CHECK_SIZES(&r, "q", 2, 4);
    rig_get(&r, SESSION(2), MAX(9), GIVES("c f"));
    rig_free(&r);
}

static void who_is_done_with_an_item_has_had_it(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add(&l, session_of(2));
    add(&l, queue_of(2, "other", MQ_KIND_LIFO));
    add_stored(&l, 1, 1, "abcd");
    ADD_IDS(&l, taken_of(2, 1), 1);
    ADD_IDS(&l, ((struct fact){.kind = FACT_DONE, .cause = {2, 1}}), 1, 3);
    ADD_IDS(&l, ((struct fact){.kind = FACT_RETURNED, .cause = {2, 2}}), 2);
    ADD_IDS(&l, ((struct fact){.kind = FACT_EXTENDED, .cause = {2, 3}, .lease_ms = 5}), 4);
    struct rig r = begin_leniently(&l);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_get(&r, SESSION(3), MAX(9), GIVES("b d"));
    CHECK_EQUAL(rig_look(&r, "q").done, 2);
    rig_free(&r);
}

static void a_checkpoint_tells_what_is_missing(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored_of(&l, 1, 1, "a", 3);
    size_t at = facts_size(&l.facts);
    add(&l, checkpoint_of(50, 3, 4));
    add(&l, (struct fact){.kind = FACT_IDS, .first_id = 90});
    struct fact changed = queue_of(1, "q", MQ_KIND_FIFO);
    changed.settings.maxsize = 7;
    changed.totals = (struct fact_totals){.puts = 10, .gets = 9, .done = 9};
    add(&l, changed);
    add(&l, queue_of(3, "new", MQ_KIND_LIFO));
    add(&l, session_of(1));
    add(&l, session_of(2));
    struct fact put = {.kind = FACT_CALL, .cause = {1, 1}, .verb = MQ_VERB_PUT, .count = 2, .total = 3};
    put.flags = FACT_CUT;
    ADD_IDS(&l, put, 1, 5);
    facts_count(&l.facts, at);
    add_stored_of(&l, 1, 60, "c", 3);
    struct rig r = begin_leniently(&l);
    CHECK_EQUAL(rig_look(&r, "q").settings.maxsize, 7);
    CHECK_EQUAL(rig_look(&r, "new").settings.kind, MQ_KIND_LIFO);
    CHECK_EQUAL(rig_look_at_broker(&r).sessions, 3); /* the looker's, too */
    rig_get(&r, SESSION(3), MAX(9), GIVES("a c"));
    rig_free(&r);
}

static void of_two_queues_of_one_name_the_later_one_is_right(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    ADD_IDS(&l, taken_of(2, 1), 1);
    add(&l, queue_of(4, "q", MQ_KIND_LIFO));
    add(&l, queue_of(3, "q", MQ_KIND_FIFO));
    struct rig r = begin_leniently(&l);
    CHECK_SIZES(&r, "q", 0, 0);
    CHECK_EQUAL(rig_look(&r, "q").settings.kind, MQ_KIND_LIFO);
    CHECK_EQUAL(rig_look_at_broker(&r).queues, 1);
    rig_free(&r);
}

static void items_of_a_put_by_nobody_are_kept(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    facts_begin(&l.facts,
                &(struct fact){.kind = FACT_STORED, .cause = {9, 1}, .queue = 1, .first_id = 5, .total = 1});
    facts_item(&l.facts, false, (struct bytes){0}, mq_bytes("a"));
    facts_end(&l.facts);
    add_moved(&l, 3, "b", 1, 9, 1);
    struct rig r = begin_leniently(&l);
    rig_get(&r, SESSION(2), MAX(9), GIVES("b#2 a"));
    rig_free(&r);
}

static void a_log_may_begin_anywhere(void)
{
    struct log_rig l = {.engine = new_engine()};
    facts_init(&l.facts, true);
    add_stored(&l, 1, 1, "lost");
    add(&l, session_of(1));
    add(&l, queue_of(1, "q", MQ_KIND_FIFO));
    add_stored(&l, 2, 10, "a");
    struct rig r = begin_leniently(&l);
    rig_get(&r, SESSION(2), MAX(9), GIVES("a"));
    rig_free(&r);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(what_was_taken_out_of_turn_is_held_and_what_was_before_it_waits_on),
        UNIT(one_after_the_other_is_taken_out_of_turn),
        UNIT(who_is_done_with_an_item_has_had_it),
        UNIT(a_checkpoint_tells_what_is_missing),
        UNIT(of_two_queues_of_one_name_the_later_one_is_right),
        UNIT(items_of_a_put_by_nobody_are_kept),
        UNIT(a_log_may_begin_anywhere),
    };
    return unit_run("engine_replay_lenient", tests, sizeof tests / sizeof *tests);
}
