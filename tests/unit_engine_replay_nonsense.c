/* A log that makes no sense is refused with a reason, or (leniently) what makes none is passed over. */
#include "replay_log.h"

#include <string.h>

/* Strictly it is refused; leniently it is passed over, and the engine begins. The log is copied before. */
static void check_nonsense(struct log_rig *l, const char *file, unsigned line)
{
    struct bytes bytes = facts_bytes(&l->facts);
    const char *why = NULL;
    struct engine *lenient = new_engine();
    bool is_refused = !engine_replay(l->engine, bytes, SEGMENT, false, &why);
    if (!is_refused || !why || !*why)
        printf("\n    %s:%u: is not refused\n", file, line);
    CHECK(is_refused && why && *why);
    CHECK(engine_replay(lenient, bytes, SEGMENT, true, &why));
    CHECK(engine_begin(lenient, RIG_EPOCH_MS));
    engine_check(lenient);
    engine_free(lenient);
    engine_free(l->engine);
    facts_done(&l->facts);
}
#define CHECK_NONSENSE(l) check_nonsense((l), __FILE__, __LINE__)

static void a_log_that_does_not_begin_with_a_checkpoint_is_refused(void)
{
    struct log_rig l = {.engine = new_engine()};
    facts_init(&l.facts, true);
    add(&l, session_of(1));
    CHECK_NONSENSE(&l);
}

static void what_refers_to_nothing_is_refused(void)
{
    const struct fact facts[] = {
        {.kind = FACT_STORED, .cause = {1, 1}, .queue = 9, .first_id = 1, .total = 1},
        {.kind = FACT_STORED, .cause = {9, 1}, .queue = 1, .first_id = 1, .total = 1},
        {.kind = FACT_TAKEN, .cause = {9, 1}, .queue = 1, .count = 1},
        {.kind = FACT_TAKEN, .cause = {1, 1}, .queue = 9, .count = 1},
        {.kind = FACT_DONE, .cause = {9, 1}},
        {.kind = FACT_RETURNED, .cause = {9, 1}},
        {.kind = FACT_EXTENDED, .cause = {9, 1}},
        {.kind = FACT_EXTENDED, .cause = {1, 1}, .lease_ms = -1},
        {.kind = FACT_REFUSED, .cause = {9, 1}, .verb = MQ_VERB_EXTEND},
        {.kind = FACT_REFUSED, .cause = {1, 1}, .verb = MQ_VERB_PUT},
        {.kind = FACT_MOVED, .queue = 9, .first_id = 1},
        {.kind = FACT_MOVED, .queue = 1, .first_id = 1, .cause = {9, 1}},
        {.kind = FACT_REMOVED, .cause = {1, 1}, .queue = 9},
        {.kind = FACT_REMOVED, .cause = {9, 1}, .queue = 1},
        {.kind = FACT_PURGED, .cause = {1, 1}, .queue = 9},
        {.kind = FACT_CONFIRMED, .cause.session = 9},
        {.kind = FACT_LAPSED, .cause.session = 9},
        {.kind = FACT_GONE, .cause.session = 9},
        {.kind = FACT_CALL, .cause = {1, 1}, .verb = MQ_VERB_PURGE}, /* in no checkpoint */
        {.kind = FACT_CHECKPOINT, .count = 1000, .first_id = 1, .next_session = 1, .next_queue = 1},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        struct log_rig l = new_plain_log(MQ_KIND_FIFO);
        add(&l, facts[i]);
        CHECK_NONSENSE(&l);
    }
}

static void nonsense_about_queues_is_refused(void)
{
    struct fact facts[8];
    for (size_t i = 0; i < 8; i++)
        facts[i] = queue_of(2, "other", MQ_KIND_FIFO);
    facts[0].queue = 1; /* another name */
    facts[1].queue = 0;
    facts[2].name = mq_bytes("q"); /* a second one */
    facts[3].name = mq_bytes("no name");
    facts[4].settings.kind = MQ_KIND_LIFO; /* not as made */
    facts[5].settings.lease_ms = -1;
    facts[6].settings.given = MQ_SETTING_KIND;
    facts[7].flags = FACT_IMMEDIATE; /* and not shut down */
    for (size_t i = 0; i < 8; i++) {
        struct log_rig l = new_plain_log(MQ_KIND_FIFO);
        add(&l, facts[i]);
        CHECK_NONSENSE(&l);
    }
}

static void nonsense_about_sessions_is_refused(void)
{
    struct fact facts[4];
    for (size_t i = 0; i < 4; i++)
        facts[i] = session_of(2);
    facts[0].cause.session = 0;
    facts[1].cause.session = 1;                                       /* another id */
    memset(facts[2].session_id, OLD + 1, sizeof facts[2].session_id); /* the same id */
    facts[3].next_number = 0;
    for (size_t i = 0; i < 4; i++) {
        struct log_rig l = new_plain_log(MQ_KIND_FIFO);
        add(&l, facts[i]);
        CHECK_NONSENSE(&l);
    }
}

static void an_id_is_stored_once(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 5, "ab");
    add_stored(&l, 2, 6, "c");
    CHECK_NONSENSE(&l);
    l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 0, "ab");
    CHECK_NONSENSE(&l);
    l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, UINT64_MAX - 1, "ab");
    CHECK_NONSENSE(&l);
}

static void a_put_stores_as_many_items_as_it_has(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored_of(&l, 1, 1, "abc", 2);
    CHECK_NONSENSE(&l);
    l = new_plain_log(MQ_KIND_FIFO);
    add_stored_of(&l, 1, 1, "ab", 3);
    add_stored_of(&l, 1, 3, "cd", 3);
    CHECK_NONSENSE(&l);
    l = new_plain_log(MQ_KIND_FIFO);
    add_stored_of(&l, 1, 1, "", 1);
    CHECK_NONSENSE(&l);
    l = new_plain_log(MQ_KIND_FIFO);
    add_stored_of(&l, 1, 1, "a", 1000000);
    CHECK_NONSENSE(&l);
}

static void nothing_is_stored_in_a_queue_that_is_shut_down_or_transient(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    struct fact shut_down = queue_of(1, "q", MQ_KIND_FIFO);
    shut_down.flags = FACT_SHUT_DOWN;
    add(&l, shut_down);
    add_stored(&l, 1, 1, "a");
    CHECK_NONSENSE(&l);
    l = new_log();
    add(&l, session_of(1));
    struct fact transient = queue_of(1, "q", MQ_KIND_FIFO);
    transient.created.is_transient = transient.settings.is_transient = true;
    add(&l, transient);
    add_stored(&l, 1, 1, "a");
    CHECK_NONSENSE(&l);
}

static void items_are_taken_in_their_turn(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    ADD_IDS(&l, taken_of(2, 1), 2);
    CHECK_NONSENSE(&l);
    l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    ADD_IDS(&l, taken_of(2, 1), 1);
    ADD_IDS(&l, taken_of(3, 1), 1);
    CHECK_NONSENSE(&l);
    l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    ADD_IDS(&l, taken_of(2, 2), 1);
    CHECK_NONSENSE(&l);
    l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    facts_begin(&l.facts, &(struct fact){.kind = FACT_TAKEN, .cause = {1, 2}, .queue = 1, .count = 5});
    facts_ids(&l.facts, (struct range){1, UINT64_MAX - 1});
    facts_end(&l.facts);
    CHECK_NONSENSE(&l);
}

static void only_who_holds_an_item_speaks_of_it(void)
{
    const enum fact_kind kinds[] = {FACT_DONE, FACT_RETURNED, FACT_EXTENDED};
    for (size_t i = 0; i < 3; i++) {
        struct log_rig l = new_plain_log(MQ_KIND_FIFO);
        add_stored(&l, 1, 1, "ab");
        ADD_IDS(&l, about_items(kinds[i], 2), 1);
        CHECK_NONSENSE(&l);
        l = new_plain_log(MQ_KIND_FIFO);
        add(&l, session_of(2));
        add_stored(&l, 1, 1, "ab");
        ADD_IDS(&l, taken_of(2, 1), 1);
        ADD_IDS(&l, ((struct fact){.kind = kinds[i], .cause = {2, 1}}), 1);
        CHECK_NONSENSE(&l);
    }
}

static void one_request_is_of_one_kind(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    ADD_IDS(&l, taken_of(1, 1), 1);
    CHECK_NONSENSE(&l);
    l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    add(&l, (struct fact){.kind = FACT_PURGED, .cause = {1, 1}, .queue = 1, .count = 2});
    CHECK_NONSENSE(&l);
    l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    ADD_IDS(&l, about_items(FACT_DONE, 1), 40);
    CHECK_NONSENSE(&l);
}

static void bytes_that_are_no_facts_are_refused(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    struct bytes bytes = facts_bytes(&l.facts);
    for (size_t size = 1; size < bytes.size; size++) {
        const char *why = NULL;
        struct engine *e = new_engine();
        bool ok = engine_replay(e, (struct bytes){bytes.data, size}, SEGMENT, false, &why);
        CHECK_EQUAL(ok, why == NULL);
        if (ok) { /* cut between two facts */
            CHECK(engine_begin(e, RIG_EPOCH_MS));
            engine_check(e);
        }
        engine_free(e);
    }
    engine_free(l.engine);
    facts_done(&l.facts);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(a_log_that_does_not_begin_with_a_checkpoint_is_refused),
        UNIT(what_refers_to_nothing_is_refused),
        UNIT(nonsense_about_queues_is_refused),
        UNIT(nonsense_about_sessions_is_refused),
        UNIT(an_id_is_stored_once),
        UNIT(a_put_stores_as_many_items_as_it_has),
        UNIT(nothing_is_stored_in_a_queue_that_is_shut_down_or_transient),
        UNIT(items_are_taken_in_their_turn),
        UNIT(only_who_holds_an_item_speaks_of_it),
        UNIT(one_request_is_of_one_kind),
        UNIT(bytes_that_are_no_facts_are_refused),
    };
    return unit_run("engine_replay_nonsense", tests, sizeof tests / sizeof *tests);
}
