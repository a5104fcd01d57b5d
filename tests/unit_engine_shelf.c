/* unit_engine_shelf.c - backlogs larger than memory: what waits long leaves memory and comes back in time
 * and in its place. */
#include "rig.h"
#include "rig_facts.h"
#include "rig_restart.h"
#include "rig_shelf.h"

static void twenty_fold(enum mq_kind kind, bool is_durable)
{
    const size_t count = FOLD * MEMORY;
    struct rig r = begin(kind, is_durable);
    uint64_t id = kind == MQ_KIND_FIFO ? 0 : UINT64_MAX;
    put(&r, "q", count);
    struct broker_stat stat = look(&r);
    CHECK_EQUAL(stat.ready, count);
    CHECK(stat.shelved > (FOLD - 2) * (uint64_t)LIMIT);
    CHECK(stat.shelved_items < count);
    get(&r, "q", count, kind == MQ_KIND_LIFO, &id);
    rig_get(&r, SESSION(2), SAYS(MQ_EMPTY));
    CHECK_EQUAL(look(&r).memory, 0);
    CHECK_EQUAL(fake.count, 0);
    CHECK_EQUAL(fake.puts, fake.gets); /* and each byte only once */
    rig_free(&r);
}

static void a_backlog_of_twenty_times_the_memory_comes_back_in_order(void)
{
    twenty_fold(MQ_KIND_FIFO, false);
    twenty_fold(MQ_KIND_FIFO, true);
}

static void a_stack_of_twenty_times_the_memory_comes_back_in_order(void)
{
    twenty_fold(MQ_KIND_LIFO, false);
    twenty_fold(MQ_KIND_LIFO, true);
}

static void a_long_backlog_stays_as_long_while_items_come_and_go(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    uint64_t id = 0;
    put(&r, "q", 5 * MEMORY);
    for (size_t i = 0; i < 10; i++) {
        put(&r, "q", MEMORY);
        get(&r, "q", MEMORY, false, &id);
    }
    CHECK_EQUAL(look(&r).ready, 5 * MEMORY);
    CHECK(fake.size < 6 * (size_t)LIMIT);
    get(&r, "q", 5 * MEMORY, false, &id);
    rig_free(&r);
}

static void what_waits_in_one_queue_makes_room_for_others(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    uint64_t first = 0, second = UINT64_MAX, third = 0;
    rig_open(&r, QUEUE("stack"), KIND(MQ_KIND_LIFO), OK);
    rig_open(&r, QUEUE("later"), OK);
    put(&r, "q", MEMORY - BATCH);
    put(&r, "stack", MEMORY);
    put(&r, "later", 2 * MEMORY);
    put(&r, "q", 1);
    get(&r, "stack", MEMORY, true, &second);
    get(&r, "later", 2 * MEMORY, false, &third);
    get(&r, "q", MEMORY - BATCH + 1, false, &first);
    rig_free(&r);
}

static void a_put_of_more_than_fits_memory_is_stored_piece_by_piece(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    uint64_t id = 0;
    rig_put(&r, BULK(MEMORY + 2000, BODY), OK);
    CHECK(look(&r).memory <= LIMIT);
    get(&r, "q", MEMORY + 2000, false, &id);
    rig_free(&r);
}

/* The largest go, too, each in a chunk of its own. */
static void large_bodies_leave_memory_like_small_ones(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    for (size_t i = 0; i < 200; i++) {
        rig_put(&r, BULK(1, LIMIT / 10 - i), OK);
        check_memory(&r);
    }
    for (size_t i = 0; i < 200; i++) {
        rig_get(&r, SESSION(2), AUTO_DONE, OK);
        CHECK_EQUAL(rig_last(&r)->items[0].size, LIMIT / 10 - i);
        check_memory(&r);
    }
    rig_free(&r);
}

static void what_was_taken_stays_in_memory_and_comes_back_to_its_place(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    uint64_t id = 0;
    put(&r, "q", 5 * MEMORY);
    rig_get(&r, SESSION(3), MAX(1000), OK);
    put(&r, "q", MEMORY);
    get(&r, "q", 3 * MEMORY, false, &id);
    rig_bye(&r, SESSION(3));
    id = 0;
    get(&r, "q", 1000, false, &id);
    CHECK_EQUAL(id, 1000);
    get(&r, "q", 3 * MEMORY - 1000, false, &id);
    CHECK_EQUAL(id, 6 * MEMORY);
    rig_free(&r);
}

/* ---- after a restart ---- */

static void after_a_restart_a_backlog_larger_than_memory_is_there_and_memory_is_not_exceeded(void)
{
    const enum mq_kind kinds[] = {MQ_KIND_FIFO, MQ_KIND_LIFO};
    for (size_t k = 0; k < 2; k++) {
        struct rig r = begin(kinds[k], true);
        bool is_down = kinds[k] == MQ_KIND_LIFO;
        uint64_t id = is_down ? UINT64_MAX : 0;
        put(&r, "q", 6 * MEMORY);
        get(&r, "q", MEMORY, is_down, &id);
        rig_restart(&r);
        check_memory(&r);
        CHECK(look(&r).shelved > 3 * (uint64_t)LIMIT);
        rig_resume(&r, SESSION(1));
        rig_resume(&r, SESSION(2));
        put(&r, "q", 1);
        if (is_down)
            get(&r, "q", 1, false, &(uint64_t){id});
        get(&r, "q", 5 * MEMORY + !is_down, is_down, &id);
        CHECK_EQUAL(look(&r).ready, 0);
        rig_free(&r);
    }
}

/* What compaction has written again comes last, and is older than all before. */
static void what_was_moved_in_the_log_takes_its_place_and_can_be_put_away(void)
{
    const enum mq_kind kinds[] = {MQ_KIND_FIFO, MQ_KIND_LIFO};
    for (size_t k = 0; k < 2; k++) {
        struct rig r = begin(kinds[k], true);
        bool is_down = kinds[k] == MQ_KIND_LIFO;
        uint64_t id = is_down ? UINT64_MAX : 0;
        rig_begin_segment(&r);
        uint64_t old = r.segment;
        put(&r, "q", 3 * MEMORY);
        rig_begin_segment(&r);
        put(&r, "q", 3 * MEMORY);
        rig_go_through(&r, old, 1 << 20);
        CHECK(!engine_needs(r.engine, old));
        rig_drop_segment(&r, old);
        rig_restart(&r);
        check_memory(&r);
        CHECK_EQUAL(look(&r).ready, 6 * MEMORY);
        CHECK(look(&r).shelved > 4 * (uint64_t)LIMIT);
        rig_resume(&r, SESSION(1));
        get(&r, "q", 6 * MEMORY, is_down, &id);
        rig_free(&r);
    }
}

/* ---- looking ---- */

static void a_peek_shows_both_ends_and_leaves_everything_where_it_is(void)
{
    const enum mq_kind kinds[] = {MQ_KIND_FIFO, MQ_KIND_LIFO};
    for (size_t k = 0; k < 2; k++) {
        struct rig r = begin(kinds[k], false);
        put(&r, "q", FOLD * MEMORY);
        fake.gets = 0;
        struct broker_stat before = look(&r);
        for (size_t last = 0; last < 2; last++) {
            rig_peek(&r, MAX(1000), .last = last, OK);
            const struct rig_reply *reply = rig_last(&r);
            CHECK_EQUAL(reply->answer.item_count, 1000);
            bool is_high = last == (kinds[k] == MQ_KIND_FIFO);
            for (size_t i = 0; i < 1000; i++) {
                uint64_t low = is_high ? FOLD * MEMORY - 999 : 1;
                CHECK_EQUAL(reply->items[i].id, kinds[k] == MQ_KIND_FIFO ? low + i : low + 999 - i);
            }
        }
        CHECK(k == 0 || fake.gets > 0);
        CHECK_EQUAL(look(&r).memory, before.memory);
        CHECK_EQUAL(look(&r).shelved, before.shelved);
        rig_free(&r);
    }
}

static void a_walk_goes_through_what_is_away_page_by_page(void)
{
    struct rig r = begin(MQ_KIND_LIFO, false);
    put(&r, "q", 4 * MEMORY);
    uint64_t after = 0;
    while (after < 4 * MEMORY) {
        rig_peek(&r, AFTER_ID(after), MAX(1000), OK);
        const struct rig_reply *reply = rig_last(&r);
        CHECK(reply->answer.item_count > 0);
        for (size_t i = 0; i < reply->answer.item_count; i++)
            CHECK_EQUAL(reply->items[i].id, ++after);
    }
    check_memory(&r);
    rig_free(&r);
}

static void the_age_of_the_oldest_is_known_though_it_is_away(void)
{
    struct rig r = begin(MQ_KIND_LIFO, false);
    rig_put(&r, BODY("a"), OK);
    rig_run_to(&r, 5000);
    put(&r, "q", 4 * MEMORY);
    uint64_t gets = fake.gets;
    CHECK_EQUAL(rig_look(&r, "q").oldest_ms, 5000);
    CHECK_EQUAL(fake.gets, gets);
    rig_free(&r);
}

/* ---- the end of many ---- */

/* Ids that count up need not be read. */
static void a_purge_does_not_read_what_nobody_wants(void)
{
    for (int is_durable = 0; is_durable < 2; is_durable++) {
        struct rig r = begin(MQ_KIND_FIFO, is_durable);
        put(&r, "q", FOLD * MEMORY);
        rig_purge(&r, OK);
        CHECK_EQUAL(rig_last(&r)->answer.count, FOLD * MEMORY);
        CHECK_EQUAL(fake.gets, 0);
        CHECK_EQUAL(fake.count, 0);
        CHECK_EQUAL(look(&r).memory, 0);
        CHECK_EQUAL(look(&r).live_bytes, 0);
        rig_free(&r);
    }
}

/* Those of two queues do not. */
static void what_is_discarded_unseen_is_not_alive_any_more(void)
{
    struct rig r = begin(MQ_KIND_FIFO, true);
    rig_open(&r, QUEUE("p"), KIND(MQ_KIND_LIFO), OK);
    for (size_t i = 0; i < MEMORY / 10; i++) {
        put(&r, "q", 17);
        put(&r, "p", 33);
    }
    CHECK(look(&r).shelved_items > 3 * MEMORY);
    rig_shut_down(&r, QUEUE("p"), IMMEDIATE, OK);
    CHECK(fake.gets > 0);
    rig_remove(&r, FORCE, OK);
    CHECK_EQUAL(fake.count, 0);
    CHECK_EQUAL(look(&r).live_bytes, 0);
    rig_free(&r);
}

static void an_engine_ends_without_reading_what_is_away(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    put(&r, "q", FOLD * MEMORY);
    fake.get_fails = true;
    rig_free(&r);
    CHECK_EQUAL(fake.count, 0);
    CHECK_EQUAL(fake.gets, 0);
}

static const struct unit_test tests[] = {
    UNIT(a_backlog_of_twenty_times_the_memory_comes_back_in_order),
    UNIT(a_stack_of_twenty_times_the_memory_comes_back_in_order),
    UNIT(a_long_backlog_stays_as_long_while_items_come_and_go),
    UNIT(what_waits_in_one_queue_makes_room_for_others),
    UNIT(a_put_of_more_than_fits_memory_is_stored_piece_by_piece),
    UNIT(large_bodies_leave_memory_like_small_ones),
    UNIT(what_was_taken_stays_in_memory_and_comes_back_to_its_place),
    UNIT(after_a_restart_a_backlog_larger_than_memory_is_there_and_memory_is_not_exceeded),
    UNIT(what_was_moved_in_the_log_takes_its_place_and_can_be_put_away),
    UNIT(a_peek_shows_both_ends_and_leaves_everything_where_it_is),
    UNIT(a_walk_goes_through_what_is_away_page_by_page),
    UNIT(the_age_of_the_oldest_is_known_though_it_is_away),
    UNIT(a_purge_does_not_read_what_nobody_wants),
    UNIT(what_is_discarded_unseen_is_not_alive_any_more),
    UNIT(an_engine_ends_without_reading_what_is_away),
};

int main(void)
{
    return unit_run("engine: shelf", tests, sizeof tests / sizeof *tests);
}
