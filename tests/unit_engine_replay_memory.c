/* Replay without memory stops with that reason, wherever it was, and leaves an engine that can be freed. */
#include "failing_malloc.h"
#include "replay_log.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS = 3000 };

static void add_many(struct log_rig *l, uint64_t call, uint64_t first_id)
{
    static const uint8_t body[100];
    facts_begin(
        &l->facts,
        &(struct fact){
            .kind = FACT_STORED, .cause = {1, call}, .queue = 1, .first_id = first_id, .total = ITEMS});
    for (int i = 0; i < ITEMS; i++)
        facts_item(&l->facts, false, (struct bytes){0}, (struct bytes){body, sizeof body});
    facts_end(&l->facts);
}

/* Something of each kind. */
static struct log_rig new_full_log(enum mq_kind kind)
{
    struct log_rig l = new_plain_log(kind);
    engine_free(l.engine);
    l.engine = NULL;
    add(&l, session_of(2));
    add(&l, queue_of(2, "other", MQ_KIND_FIFO));
    add_stored_of(&l, 1, 1, "ab", 9);
    add_stored(&l, 2, 3, "cde");
    add_stored_of(&l, 1, 10, "fg", 9);
    add_many(&l, 3, 20);
    uint64_t first = kind == MQ_KIND_LIFO ? 20 + ITEMS - 1 : 1,
             step = kind == MQ_KIND_LIFO ? (uint64_t)-1 : 1;
    ADD_IDS(&l, taken_of(4, 2), first, first + step);
    ADD_IDS(&l, about_items(FACT_DONE, 5), first);
    ADD_IDS(&l, about_items(FACT_RETURNED, 6), first + step);
    struct fact refused = about_items(FACT_REFUSED, 7);
    refused.verb = MQ_VERB_TASK_DONE;
    facts_begin(&l.facts, &refused);
    for (uint64_t id = 1; id < 9; id++)
        facts_refusal(&l.facts, (struct refusal){id, MQ_LEASE_LOST});
    facts_end(&l.facts);
    for (uint64_t id = 6; id < 10; id++)
        add_moved(&l, id, "moved", id % 2 ? 1 : 0, id == 7 ? 2 : 0, 0);
    ADD_IDS(&l, ((struct fact){.kind = FACT_CONFIRMED, .cause.session = 1}), 2, 3);
    add(&l, (struct fact){.kind = FACT_LAPSED, .cause.session = 2});
    return l;
}

static void replay_failing_at(struct bytes bytes, uint64_t at, bool lenient, bool *ret_failed)
{
    const char *why = NULL;
    struct engine *e = new_engine();
    uint64_t failures = malloc_failures;
    malloc_fails_at = malloc_calls + at;
    bool ok = engine_replay(e, bytes, SEGMENT, lenient, &why);
    malloc_fails_at = 0;
    *ret_failed = malloc_failures > failures;
    CHECK_EQUAL(ok, !why);
    CHECK(*ret_failed || ok);
    if (ok) { /* it could do without */
        CHECK(engine_begin(e, RIG_EPOCH_MS));
        engine_check(e);
    } else {
        CHECK(!strcmp(why, "out of memory"));
    }
    engine_free(e);
}

static void replay_without_memory_says_so(void)
{
    for (enum mq_kind kind = MQ_KIND_FIFO; kind <= MQ_KIND_LIFO; kind++)
        for (int lenient = 0; lenient < 2; lenient++) {
            struct log_rig l = new_full_log(kind);
            struct bytes bytes = facts_bytes(&l.facts);
            bool failed = true;
            uint64_t at = 1;
            for (; failed; at++)
                replay_failing_at(bytes, at, lenient, &failed);
            CHECK(at > 20);
            facts_done(&l.facts);
        }
}

int main(void)
{
    static const struct unit_test tests[] = {UNIT(replay_without_memory_says_so)};
    return unit_run("engine_replay_memory", tests, sizeof tests / sizeof *tests);
}
