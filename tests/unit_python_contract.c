/* unit_python_contract.c - the rules of Python's queue as its own tests check them, said to the engine. */
#include "rig.h"

/* What CPython's own tests of `queue` (3.14: Lib/test/test_queue.py) check, said of one engine in virtual
 * time. Threads are sessions, a blocked thread is a request that waits, join() of a thread is the check that
 * nothing is left unanswered. The deliberate differences are in the README; the same rules are checked over a
 * real broker by the end-to-end tests. */

enum { QUEUE_SIZE = 5, KINDS = 3 };

static struct rig bounded(int kind, int64_t maxsize)
{
    return rig_new((struct rig_options){.kind = (enum mq_kind)kind, .maxsize = maxsize});
}

/* Everything taken by a session is done. */
static void done_last(struct rig *r, int session)
{
    const struct rig_reply *got = rig_last(r);
    for (size_t i = 0; i < got->answer.item_count; i++)
        rig_done(r, SESSION(session), IDS(got->items[i].id), OK);
}

static void check_empty(struct rig *r)
{
    CHECK_EQUAL(rig_look(r, "q").ready, 0);
    rig_get(r, SAYS(MQ_EMPTY));
}

/* ---- BaseQueueTestMixin ---- */

static void simple_queue_test(struct rig *r, int kind)
{
    static const char *orders[KINDS] = {"111 333 222", "222 333 111", "111 222 333"};
    check_empty(r);
    if (kind == MQ_KIND_PRIORITY)
        rig_put(r, BODIES("111", "333", "222"), KEYS(111, 333, 222), OK);
    else
        rig_put(r, BODIES("111", "333", "222"), OK);
    rig_get(r, MAX(3), GIVES(orders[kind]));
    for (int i = 0; i < QUEUE_SIZE - 1; i++)
        rig_put(r, BODY("x"), OK);
    CHECK_EQUAL(rig_look(r, "q").ready, QUEUE_SIZE - 1);
    rig_put(r, BODY("last"), OK);
    CHECK_EQUAL(rig_look(r, "q").ready, QUEUE_SIZE);
    rig_put(r, BODY("full"), SAYS(MQ_FULL));
    rig_put(r, BODY("full"), TIMEOUT(10), WAITS);
    rig_run_to(r, r->now_ms + 10);
    CHECK_REPLY(r, SESSION(1), MQ_FULL, "");
    rig_put(r, BODY("blocked"), FOREVER, WAITS);
    rig_get(r, SESSION(2), OK);
    CHECK_REPLY(r, SESSION(1), MQ_OK, "");
    rig_put(r, BODY("timed"), TIMEOUT(10000), WAITS);
    rig_get(r, SESSION(2), OK);
    CHECK_REPLY(r, SESSION(1), MQ_OK, "");
    for (int i = 0; i < QUEUE_SIZE; i++)
        rig_get(r, OK);
    check_empty(r);
    rig_get(r, TIMEOUT(10), WAITS);
    rig_run_to(r, r->now_ms + 10);
    CHECK_REPLY(r, SESSION(1), MQ_EMPTY, "");
    rig_get(r, FOREVER, WAITS);
    rig_put(r, SESSION(2), BODY("a"), OK);
    CHECK_REPLY(r, SESSION(1), MQ_OK, "a");
    rig_get(r, TIMEOUT(10000), WAITS);
    rig_put(r, SESSION(2), BODY("b"), OK);
    CHECK_REPLY(r, SESSION(1), MQ_OK, "b");
}

static void a_basic_queue_works_twice_on_the_same_instance(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct rig r = bounded(kind, QUEUE_SIZE);
        simple_queue_test(&r, kind);
        simple_queue_test(&r, kind);
        rig_free(&r);
    }
}

static void task_done_on_a_fresh_queue_is_too_many(void)
{
    struct rig r = bounded(MQ_KIND_FIFO, 0);
    rig_done(&r, IDS(1), SAYS(MQ_TOO_MANY_DONE));
    rig_free(&r);
}

static void queue_join_test(struct rig *r)
{
    rig_join(r, SESSION(4), OK);
    for (int i = 0; i < 100; i++)
        rig_put(r, BODY("x"), OK);
    rig_join(r, SESSION(4), FOREVER, WAITS);
    for (int i = 0; i < 100; i++) {
        CHECK_NO_REPLY(r);
        rig_get(r, SESSION(2 + i % 2), OK);
        done_last(r, 2 + i % 2);
    }
    CHECK_REPLY(r, SESSION(4), MQ_OK, "");
    rig_put(r, BODIES("-1", "-1"), OK);
    rig_join(r, SESSION(4), FOREVER, WAITS);
    rig_get(r, SESSION(2), MAX(2), OK);
    uint64_t last = rig_last(r)->items[1].id;
    done_last(r, 2);
    CHECK_REPLY(r, SESSION(4), MQ_OK, "");
    rig_done(r, SESSION(2), IDS(last), SAYS(MQ_TOO_MANY_DONE));
}

static void join_returns_when_all_100_items_are_done_and_works_twice(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct rig r = bounded(kind, 0);
        queue_join_test(&r);
        queue_join_test(&r);
        rig_free(&r);
    }
}

static void a_negative_time_out_is_invalid_room_is_no_excuse(void)
{
    struct rig r = bounded(MQ_KIND_FIFO, 1);
    rig_put(&r, BODY("1"), TIMEOUT(-1000), SAYS(MQ_INVALID));
    rig_get(&r, TIMEOUT(-1000), SAYS(MQ_INVALID));
    rig_put(&r, BODY("1"), OK);
    rig_get(&r, TIMEOUT(-1000), SAYS(MQ_INVALID));
    rig_free(&r);
}

static void nowait_puts_fill_and_nowait_gets_drain(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct rig r = bounded(kind, QUEUE_SIZE);
        for (int i = 0; i < QUEUE_SIZE; i++)
            rig_put(&r, BODY("x"), OK);
        rig_put(&r, BODY("x"), SAYS(MQ_FULL));
        for (int i = 0; i < QUEUE_SIZE; i++)
            rig_get(&r, OK);
        rig_get(&r, SAYS(MQ_EMPTY));
        rig_free(&r);
    }
}

static void issue_10110_a_shrunk_queue_is_full_as_long_as_it_holds_that_many(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct rig r = bounded(kind, 3);
        rig_put(&r, BODIES("a", "b", "c"), OK);
        rig_put(&r, BODY("d"), SAYS(MQ_FULL));
        CHECK_EQUAL(rig_look(&r, "q").ready, 3);
        rig_set(&r, MAXSIZE(2), OK);
        rig_put(&r, BODY("d"), SAYS(MQ_FULL));
        rig_free(&r);
    }
}

/* ---- FailingQueue ---- */

static void a_put_that_fails_leaves_size_room_and_waiters_as_they_were(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = QUEUE_SIZE, .body_max = 4});
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < QUEUE_SIZE - 1; i++)
            rig_put(&r, BODY("x"), OK);
        rig_put(&r, BODY("too big"), SAYS(MQ_TOO_BIG));
        rig_put(&r, BODY("too big"), TIMEOUT(100), SAYS(MQ_TOO_BIG));
        CHECK_EQUAL(rig_look(&r, "q").ready, QUEUE_SIZE - 1);
        rig_put(&r, BODY("last"), OK);
        rig_put(&r, SESSION(2), BODY("wait"), FOREVER, WAITS);
        rig_put(&r, BODY("too big"), FOREVER, SAYS(MQ_TOO_BIG));
        rig_put(&r, BODY("full"), SAYS(MQ_FULL));
        rig_get(&r, OK);
        CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
        for (int i = 0; i < QUEUE_SIZE; i++)
            rig_get(&r, OK);
        check_empty(&r);
    }
    rig_free(&r);
}

static void a_get_that_fails_leaves_the_item_where_it_is(void)
{
    struct rig r = bounded(MQ_KIND_FIFO, 0);
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), GIVES("a"), LOST);
    rig_release(&r, SESSION(2), ITEMS("a"), UNTOUCHED, OK);
    CHECK_EQUAL(rig_look(&r, "q").ready, 1);
    rig_get(&r, GIVES("a"));
    rig_free(&r);
}

/* ---- SimpleQueue ---- */

static void one_producer_and_one_consumer_see_100_items_in_order(void)
{
    struct rig r = bounded(MQ_KIND_FIFO, 0);
    uint64_t last_id = 0;
    for (int i = 0; i < 100; i++) {
        if (i % 3 == 0)
            rig_get(&r, SESSION(2), FOREVER, WAITS);
        rig_put(&r, BODY("x"), OK);
        if (i % 3)
            rig_get(&r, SESSION(2), FOREVER, OK);
        else
            CHECK_REPLY(&r, SESSION(2), MQ_OK, "x");
        CHECK(rig_last(&r)->items[0].id > last_id);
        last_id = rig_last(&r)->items[0].id;
    }
    check_empty(&r);
    rig_free(&r);
}

/* Each put falls into the same moment as a getter's deadline. */
static void no_item_is_lost_when_a_time_out_races_a_put(void)
{
    struct rig r = bounded(MQ_KIND_FIFO, 0);
    uint64_t received = 0, expired = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        rig_get(&r, SESSION(2), TIMEOUT(1), WAITS);
        if (i % 2)
            rig_sleep_to(&r, r.now_ms + 1);
        else
            rig_run_to(&r, r.now_ms + 1);
        rig_put(&r, BODY("x"), OK);
        rig_run_to(&r, r.now_ms + 1);
        enum mq_status status = rig_next(&r)->answer.status;
        CHECK_REPLY(&r, SESSION(2), status, NULL);
        received += status == MQ_OK;
        expired += status == MQ_EMPTY;
        if (status == MQ_EMPTY)
            rig_get(&r, SESSION(2), GIVES("x"));
        done_last(&r, 2);
    }
    CHECK_EQUAL(received + expired, 1000);
    CHECK(expired >= 500);
    CHECK_EQUAL(rig_look(&r, "q").done, 1000);
    rig_free(&r);
}

static void memory_for_an_item_is_given_back_when_it_is_done(void)
{
    struct rig r = bounded(MQ_KIND_FIFO, 0);
    uint64_t before = rig_look_at_broker(&r).memory;
    rig_put(&r, BULK(1, 100000), OK);
    rig_get(&r, OK);
    CHECK(rig_look_at_broker(&r).memory >= before + 100000);
    rig_done(&r, IDS(r.replies[r.reply_count - 2]->items[0].id), OK);
    CHECK_EQUAL(rig_look_at_broker(&r).memory, before);
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(a_basic_queue_works_twice_on_the_same_instance),
    UNIT(task_done_on_a_fresh_queue_is_too_many),
    UNIT(join_returns_when_all_100_items_are_done_and_works_twice),
    UNIT(a_negative_time_out_is_invalid_room_is_no_excuse),
    UNIT(nowait_puts_fill_and_nowait_gets_drain),
    UNIT(issue_10110_a_shrunk_queue_is_full_as_long_as_it_holds_that_many),
    UNIT(a_put_that_fails_leaves_size_room_and_waiters_as_they_were),
    UNIT(a_get_that_fails_leaves_the_item_where_it_is),
    UNIT(one_producer_and_one_consumer_see_100_items_in_order),
    UNIT(no_item_is_lost_when_a_time_out_races_a_put),
    UNIT(memory_for_an_item_is_given_back_when_it_is_done),
};

int main(void)
{
    return unit_run("Python's contract", tests, sizeof tests / sizeof *tests);
}
