/* contract_shutdown.c - rules 19 to 34 of Python's queue.Queue: shutdown, graceful and immediate. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "contract.h"

static void shutdown_of_empty(enum mq_kind kind)
{
    struct ends q = queue_new(kind, 0);
    CHECK_EQUAL(mqc_shutdown(q.theirs, false), MQ_OK);
    CHECK_EQUAL(try_put(q.mine, MQ_FOREVER), MQ_SHUT_DOWN);
    CHECK_EQUAL(try_get(q.mine, MQ_FOREVER), MQ_SHUT_DOWN);
    queue_drop(q);
}

static void an_empty_queue_that_is_shut_down_refuses_put_and_get(void)
{
    for_each_kind(shutdown_of_empty);
}

static void shutdown_of_nonempty(enum mq_kind kind)
{
    struct ends q = queue_new(kind, 0);
    CHECK_EQUAL(put_number(q, 1, MQ_FOREVER), MQ_OK);
    CHECK_EQUAL(mqc_shutdown(q.theirs, false), MQ_OK);
    take_number(q.mine, 1);
    CHECK_EQUAL(try_get(q.mine, MQ_FOREVER), MQ_SHUT_DOWN);
    queue_drop(q);
}

static void what_waits_in_a_shut_down_queue_is_still_delivered(void)
{
    for_each_kind(shutdown_of_nonempty);
}

static void immediate_shutdown_of_nonempty(enum mq_kind kind)
{
    struct ends q = queue_new(kind, 0);
    CHECK_EQUAL(put_number(q, 1, MQ_FOREVER), MQ_OK);
    CHECK_EQUAL(mqc_shutdown(q.theirs, true), MQ_OK);
    CHECK_EQUAL(try_get(q.mine, MQ_FOREVER), MQ_SHUT_DOWN);
    CHECK_EQUAL(stat_of(q.mine).discarded, 1);
    queue_drop(q);
}

static void an_immediate_shutdown_discards_what_waits(void)
{
    for_each_kind(immediate_shutdown_of_nonempty);
}

static void a_shutdown_may_be_repeated_and_is_never_undone(void)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    CHECK(!stat_of(q.mine).is_shut_down);
    CHECK_EQUAL(mqc_shutdown(q.mine, false), MQ_OK);
    CHECK(stat_of(q.mine).is_shut_down);
    CHECK_EQUAL(mqc_shutdown(q.mine, true), MQ_OK);
    CHECK(stat_of(q.mine).is_shut_down);
    CHECK_EQUAL(mqc_shutdown(q.mine, false), MQ_OK);
    CHECK(stat_of(q.mine).is_shut_down);
    CHECK_EQUAL(try_put(q.mine, MQ_NOWAIT), MQ_SHUT_DOWN);
    queue_drop(q);
}

static void graceful_in_one_thread(enum mq_kind kind)
{
    struct ends q = queue_new(kind, 2);
    struct mqc_item *items[2];
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(put_number(q, i, MQ_NOWAIT), MQ_OK);
    CHECK_EQUAL(mqc_shutdown(q.mine, false), MQ_OK);
    CHECK_EQUAL(put_number(q, 2, MQ_FOREVER), MQ_SHUT_DOWN);
    CHECK_EQUAL(put_number(q, 2, MQ_NOWAIT), MQ_SHUT_DOWN);
    for (int i = 0; i < 2; i++)
        items[i] = get_item(q.mine);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(mqc_task_done(items[i]), MQ_OK);
    CHECK_EQUAL(mqc_join(q.mine, LIMIT_MS), MQ_OK);
    CHECK_EQUAL(try_get(q.mine, MQ_FOREVER), MQ_SHUT_DOWN);
    CHECK_EQUAL(try_get(q.mine, MQ_NOWAIT), MQ_SHUT_DOWN);
    CHECK_EQUAL(try_get(q.mine, 1000), MQ_SHUT_DOWN);
    queue_drop(q);
}

static void after_a_graceful_shutdown_the_items_are_done_and_joined_as_before(void)
{
    for_each_kind(graceful_in_one_thread);
}

static void immediate_in_one_thread(enum mq_kind kind)
{
    struct ends q = queue_new(kind, 2);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(put_number(q, i, MQ_NOWAIT), MQ_OK);
    CHECK_EQUAL(mqc_shutdown(q.mine, true), MQ_OK);
    CHECK_EQUAL(put_number(q, 2, MQ_FOREVER), MQ_SHUT_DOWN);
    CHECK_EQUAL(put_number(q, 2, MQ_NOWAIT), MQ_SHUT_DOWN);
    CHECK_EQUAL(try_get(q.mine, MQ_FOREVER), MQ_SHUT_DOWN);
    CHECK_EQUAL(try_get(q.mine, MQ_NOWAIT), MQ_SHUT_DOWN);
    CHECK_EQUAL(mqc_queue_task_done(q.mine), MQ_TOO_MANY_DONE);
    CHECK_EQUAL(mqc_join(q.mine, LIMIT_MS), MQ_OK);
    queue_drop(q);
}

static void after_an_immediate_shutdown_nothing_is_left_to_be_done(void)
{
    for_each_kind(immediate_in_one_thread);
}

/* Writers and readers that go on until the queue is shut down in the middle of their work. */
struct rush {
    struct ends q;
    atomic_int taken, ended_readers, ended_writers;
    bool immediate;
};

enum { WRITERS = 4, WRITER_PUTS = 16384, READERS = 6, SHUTDOWN_AFTER = 1500 };

static void write_in_rush(void *context, int index)
{
    struct rush *rush = context;
    enum mq_status status = MQ_OK;
    for (int i = 0; i < WRITER_PUTS && status == MQ_OK; i++)
        status = mqc_put(index % 2 ? rush->q.theirs : rush->q.mine, "x", 1, MQ_FOREVER);
    REQUIRE(status == MQ_SHUT_DOWN);
    atomic_fetch_add(&rush->ended_writers, 1);
}

static void read_in_rush(void *context, int index)
{
    struct rush *rush = context;
    struct mqc_queue *queue = index % 2 ? rush->q.theirs : rush->q.mine;
    struct mqc_item *item;
    enum mq_status status;
    while ((status = mqc_get(queue, MQ_FOREVER, &item)) == MQ_OK) {
        OK(mqc_task_done(item));
        if (atomic_fetch_add(&rush->taken, 1) == SHUTDOWN_AFTER)
            OK(mqc_shutdown(queue, rush->immediate));
    }
    REQUIRE(status == MQ_SHUT_DOWN);
    atomic_fetch_add(&rush->ended_readers, 1);
}

static void rush(bool immediate)
{
    struct rush r = {.q = queue_new(MQ_KIND_FIFO, 0), .immediate = immediate};
    struct call *joins[2] = {NULL, NULL};
    OK(mqc_put(r.q.mine, "x", 1, MQ_FOREVER));
    for (int i = 0; i < 2; i++)
        joins[i] = call_join(r.q.theirs, MQ_FOREVER);
    struct team *writers = team_start(WRITERS, write_in_rush, &r);
    struct team *readers = team_start(READERS, read_in_rush, &r);
    team_end(writers);
    team_end(readers);
    CHECK_EQUAL(atomic_load(&r.ended_readers), READERS);
    CHECK_EQUAL(atomic_load(&r.ended_writers), WRITERS);
    CHECK_EQUAL(stat_of(r.q.mine).size, 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(call_end(joins[i], NULL), MQ_OK);
    queue_drop(r.q);
}

static void a_graceful_shutdown_in_a_rush_ends_every_reader_and_writer_once(void)
{
    rush(false);
}

static void an_immediate_shutdown_in_a_rush_also_frees_the_joiners(void)
{
    rush(true);
}

static void late_getters(enum mq_kind kind)
{
    struct ends q = queue_new(kind, 2);
    struct call *gets[3];
    int ok = 0, shut_down = 0;
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(put_number(q, i, MQ_NOWAIT), MQ_OK);
    CHECK_EQUAL(mqc_shutdown(q.mine, false), MQ_OK);
    for (int i = 0; i < 3; i++)
        gets[i] = call_get_done(q.theirs, MQ_FOREVER);
    for (int i = 0; i < 3; i++) {
        enum mq_status status = call_end(gets[i], NULL);
        ok += status == MQ_OK;
        shut_down += status == MQ_SHUT_DOWN;
    }
    CHECK_EQUAL(ok, 2);
    CHECK_EQUAL(shut_down, 1);
    queue_drop(q);
}

static void of_three_getters_of_two_items_one_is_told_of_the_shutdown(void)
{
    for_each_kind(late_getters);
}

static void getters_after_immediate(enum mq_kind kind)
{
    struct ends q = queue_new(kind, 2);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(put_number(q, i, MQ_NOWAIT), MQ_OK);
    CHECK_EQUAL(mqc_shutdown(q.mine, true), MQ_OK);
    struct call *gets[2] = {call_get(q.theirs, MQ_FOREVER), call_get(q.theirs, MQ_FOREVER)};
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(call_end(gets[i], NULL), MQ_SHUT_DOWN);
    queue_drop(q);
}

static void getters_of_an_immediately_shut_down_full_queue_get_nothing(void)
{
    for_each_kind(getters_after_immediate);
}

static void putters_at_shutdown(bool immediate)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 2);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(put_number(q, i, MQ_NOWAIT), MQ_OK);
    struct call *puts[2] = {call_put(q.theirs, "a", MQ_FOREVER), call_put(q.theirs, "b", 10 * LIMIT_MS)};
    WAIT_UNTIL(stat_of(q.mine).putters > 0, LIMIT_MS);
    CHECK_EQUAL(mqc_shutdown(q.mine, immediate), MQ_OK);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(call_end(puts[i], NULL), MQ_SHUT_DOWN);
    CHECK_EQUAL(stat_of(q.mine).puts, 2);
    queue_drop(q);
}

static void putters_that_wait_for_room_are_refused_by_either_shutdown(void)
{
    putters_at_shutdown(false);
    putters_at_shutdown(true);
}

static void joiners_return_normally_after_an_immediate_shutdown(void)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    put_text(q.mine, "x");
    struct call *joins[2] = {call_join(q.theirs, MQ_FOREVER), call_join(q.theirs, MQ_FOREVER)};
    WAIT_UNTIL(stat_of(q.mine).joiners == 2, LIMIT_MS);
    CHECK_EQUAL(mqc_shutdown(q.mine, true), MQ_OK);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(call_end(joins[i], NULL), MQ_OK);
    queue_drop(q);
}

static void joiners_wait_for_what_a_graceful_shutdown_leaves(void)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    put_text(q.mine, "x");
    struct call *joins[2] = {call_join(q.theirs, MQ_FOREVER), call_join(q.theirs, MQ_FOREVER)};
    WAIT_UNTIL(stat_of(q.mine).joiners == 2, LIMIT_MS);
    CHECK_EQUAL(mqc_shutdown(q.mine, false), MQ_OK);
    struct mqc_item *item = get_item(q.mine);
    CHECK_EQUAL(stat_of(q.mine).joiners, 2);
    CHECK(!call_is_over(joins[0]) && !call_is_over(joins[1]));
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(call_end(joins[i], NULL), MQ_OK);
    queue_drop(q);
}

static void put_and_join(bool immediate)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    put_text(q.mine, "x");
    CHECK_EQUAL(stat_of(q.mine).unfinished, 1);
    struct call *join = call_join(q.theirs, MQ_FOREVER);
    WAIT_UNTIL(stat_of(q.mine).joiners == 1, LIMIT_MS);
    CHECK_EQUAL(mqc_shutdown(q.mine, immediate), MQ_OK);
    CHECK_EQUAL(try_put(q.mine, MQ_FOREVER), MQ_SHUT_DOWN);
    if (immediate)
        CHECK_EQUAL(try_get(q.mine, MQ_NOWAIT), MQ_SHUT_DOWN);
    else
        take_text(q.mine, "x");
    CHECK_EQUAL(call_end(join, NULL), MQ_OK);
    queue_drop(q);
}

static void a_joiner_of_one_item_returns_after_either_shutdown(void)
{
    put_and_join(false);
    put_and_join(true);
}

static void getters_and_joiners_all_succeed_when_a_shutdown_leaves_enough(void)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    put_texts(q.mine, 2);
    CHECK_EQUAL(stat_of(q.mine).unfinished, stat_of(q.mine).size);
    struct call *joins[2] = {call_join(q.theirs, MQ_FOREVER), call_join(q.mine, MQ_FOREVER)};
    WAIT_UNTIL(stat_of(q.mine).joiners == 2, LIMIT_MS);
    CHECK_EQUAL(mqc_shutdown(q.mine, false), MQ_OK);
    struct call *gets[2] = {call_get_done(q.theirs, MQ_FOREVER), call_get_done(q.mine, MQ_FOREVER)};
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(call_end(gets[i], NULL), MQ_OK);
        CHECK_EQUAL(call_end(joins[i], NULL), MQ_OK);
    }
    queue_drop(q);
}

static void a_getter_blocked_on_an_empty_queue_is_woken_by_a_graceful_shutdown(void)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    struct call *get = call_get(q.theirs, MQ_FOREVER);
    WAIT_UNTIL(stat_of(q.mine).getters == 1, LIMIT_MS);
    CHECK_EQUAL(mqc_shutdown(q.mine, false), MQ_OK);
    CHECK_EQUAL(call_end(get, NULL), MQ_SHUT_DOWN);
    queue_drop(q);
}

static void items_taken_before_an_immediate_shutdown_stay_unfinished(void)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    put_texts(q.mine, 3);
    struct mqc_item *item = get_item(q.mine);
    CHECK_EQUAL(mqc_shutdown(q.mine, true), MQ_OK);
    CHECK_EQUAL(stat_of(q.mine).unfinished, 1);
    CHECK_EQUAL(mqc_join(q.mine, 10), MQ_TIMED_OUT);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    CHECK_EQUAL(mqc_join(q.mine, MQ_NOWAIT), MQ_OK);
    queue_drop(q);
}

int main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT(an_empty_queue_that_is_shut_down_refuses_put_and_get),               /* rule 19 */
        UNIT(what_waits_in_a_shut_down_queue_is_still_delivered),                 /* 20 */
        UNIT(an_immediate_shutdown_discards_what_waits),                          /* 21 */
        UNIT(a_shutdown_may_be_repeated_and_is_never_undone),                     /* 22 */
        UNIT(after_a_graceful_shutdown_the_items_are_done_and_joined_as_before),  /* 23 */
        UNIT(after_an_immediate_shutdown_nothing_is_left_to_be_done),             /* 24 */
        UNIT(a_graceful_shutdown_in_a_rush_ends_every_reader_and_writer_once),    /* 25 */
        UNIT(an_immediate_shutdown_in_a_rush_also_frees_the_joiners),             /* 26 */
        UNIT(of_three_getters_of_two_items_one_is_told_of_the_shutdown),          /* 27 */
        UNIT(getters_of_an_immediately_shut_down_full_queue_get_nothing),         /* 28 */
        UNIT(putters_that_wait_for_room_are_refused_by_either_shutdown),          /* 29 */
        UNIT(joiners_return_normally_after_an_immediate_shutdown),                /* 30 */
        UNIT(joiners_wait_for_what_a_graceful_shutdown_leaves),                   /* 31 */
        UNIT(a_joiner_of_one_item_returns_after_either_shutdown),                 /* 32 */
        UNIT(getters_and_joiners_all_succeed_when_a_shutdown_leaves_enough),      /* 33 */
        UNIT(a_getter_blocked_on_an_empty_queue_is_woken_by_a_graceful_shutdown), /* 34 */
        UNIT(items_taken_before_an_immediate_shutdown_stay_unfinished),
    };
    return contract_run(argc, argv, tests, sizeof tests / sizeof *tests);
}
