/* contract_put_get.c - rules 1 to 18 of Python's queue.Queue: sizes, blocking, time-outs, task_done and join,
 * for FIFO, LIFO and priority queues alike. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

static void new_queue(enum mq_kind kind)
{
    struct ends q = queue_new(kind, CAPACITY);
    CHECK_EQUAL(stat_of(q.mine).size, 0);
    CHECK_EQUAL(stat_of(q.mine).unfinished, 0);
    CHECK(!is_full(q.mine));
    queue_drop(q);
}

static void a_new_queue_is_empty_and_not_full(void)
{
    for_each_kind(new_queue);
}

static void order(enum mq_kind kind)
{
    static const int in[3] = {111, 333, 222};
    static const int out[3][3] = {[MQ_KIND_FIFO] = {111, 333, 222},
                                  [MQ_KIND_LIFO] = {222, 333, 111},
                                  [MQ_KIND_PRIORITY] = {111, 222, 333}};
    struct ends q = queue_new(kind, 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(put_number(q, in[i], MQ_FOREVER), MQ_OK);
    for (int i = 0; i < 3; i++)
        take_number(q.theirs, out[kind][i]);
    queue_drop(q);
}

static void items_come_out_in_the_order_of_the_kind(void)
{
    for_each_kind(order);
}

static void filling(enum mq_kind kind)
{
    struct ends q = queue_new(kind, CAPACITY);
    for (int i = 0; i < CAPACITY - 1; i++)
        CHECK_EQUAL(put_number(q, i, MQ_FOREVER), MQ_OK);
    CHECK_EQUAL(stat_of(q.mine).size, CAPACITY - 1);
    CHECK(!is_full(q.mine));
    CHECK_EQUAL(put_number(q, CAPACITY - 1, MQ_FOREVER), MQ_OK);
    CHECK(is_full(q.mine));
    queue_drop(q);
}

static void a_queue_is_full_after_as_many_puts_as_maxsize_and_not_before(void)
{
    for_each_kind(filling);
}

static void refused_put(enum mq_kind kind)
{
    struct ends q = queue_new(kind, CAPACITY);
    fill(q);
    CHECK_EQUAL(put_number(q, 9, MQ_NOWAIT), MQ_FULL);
    uint64_t before = clock_ms();
    CHECK_EQUAL(put_number(q, 9, 30), MQ_FULL);
    CHECK(clock_ms() - before >= 30);
    drain(q);
    queue_drop(q);
}

static void a_put_on_a_full_queue_is_full_at_once_or_when_its_time_is_over(void)
{
    for_each_kind(refused_put);
}

static void blocked_put(struct ends q, int64_t timeout_ms)
{
    fill(q);
    struct call *put = call_put(q.theirs, "late", timeout_ms);
    WAIT_UNTIL(stat_of(q.mine).putters == 1, LIMIT_MS);
    CHECK(!call_is_over(put));
    CHECK_EQUAL(stat_of(q.mine).size, CAPACITY);
    OK(mqc_task_done(get_item(q.mine)));
    CHECK_EQUAL(call_end(put, NULL), MQ_OK);
    CHECK_EQUAL(stat_of(q.mine).size, CAPACITY);
    for (int i = 0; i < CAPACITY; i++)
        OK(mqc_task_done(get_item(q.mine)));
}

static void blocking_put(enum mq_kind kind)
{
    struct ends q = queue_new(kind, CAPACITY);
    blocked_put(q, MQ_FOREVER);
    blocked_put(q, 10 * LIMIT_MS);
    queue_drop(q);
}

static void a_put_on_a_full_queue_blocks_until_another_thread_gets(void)
{
    for_each_kind(blocking_put);
}

static void emptying(enum mq_kind kind)
{
    struct ends q = queue_new(kind, CAPACITY);
    fill(q);
    drain(q);
    CHECK_EQUAL(stat_of(q.mine).size, 0);
    CHECK_EQUAL(stat_of(q.mine).unfinished, 0);
    queue_drop(q);
}

static void as_many_gets_as_puts_empty_the_queue(void)
{
    for_each_kind(emptying);
}

static void refused_get(enum mq_kind kind)
{
    struct ends q = queue_new(kind, CAPACITY);
    CHECK_EQUAL(try_get(q.mine, MQ_NOWAIT), MQ_EMPTY);
    uint64_t before = clock_ms();
    CHECK_EQUAL(try_get(q.mine, 30), MQ_EMPTY);
    CHECK(clock_ms() - before >= 30);
    queue_drop(q);
}

static void a_get_on_an_empty_queue_is_empty_at_once_or_when_its_time_is_over(void)
{
    for_each_kind(refused_get);
}

static void blocked_get(struct ends q, int64_t timeout_ms)
{
    struct mqc_item *item;
    struct call *get = call_get(q.theirs, timeout_ms);
    WAIT_UNTIL(stat_of(q.mine).getters == 1, LIMIT_MS);
    CHECK(!call_is_over(get));
    CHECK_EQUAL(put_number(q, 7, MQ_NOWAIT), MQ_OK);
    CHECK_EQUAL(call_end(get, &item), MQ_OK);
    CHECK(item_is(item, "7"));
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
}

static void blocking_get(enum mq_kind kind)
{
    struct ends q = queue_new(kind, CAPACITY);
    blocked_get(q, MQ_FOREVER);
    blocked_get(q, 10 * LIMIT_MS);
    queue_drop(q);
}

static void a_get_on_an_empty_queue_blocks_until_another_thread_puts(void)
{
    for_each_kind(blocking_get);
}

static void reuse(enum mq_kind kind)
{
    struct ends q = queue_new(kind, CAPACITY);
    for (int round = 0; round < 2; round++) {
        fill(q);
        CHECK_EQUAL(put_number(q, 9, MQ_NOWAIT), MQ_FULL);
        drain(q);
        CHECK_EQUAL(try_get(q.mine, MQ_NOWAIT), MQ_EMPTY);
        blocked_put(q, MQ_FOREVER);
        blocked_get(q, MQ_FOREVER);
    }
    queue_drop(q);
}

static void a_queue_that_was_full_and_empty_is_as_good_as_new(void)
{
    for_each_kind(reuse);
}

static void task_done_on_a_fresh_queue_is_one_too_many(void)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    CHECK_EQUAL(mqc_queue_task_done(q.mine), MQ_TOO_MANY_DONE);
    queue_drop(q);
}

struct sum {
    struct ends q;
    atomic_int total;
};

/* A worker of join's tests: a negative number ends it. */
static void add_up(void *context, int index)
{
    struct sum *sum = context;
    (void)index;
    for (;;) {
        struct mqc_item *item = get_item(sum->q.theirs);
        char text[16] = "";
        memcpy(text, mqc_item_body(item), mqc_item_size(item));
        int number = atoi(text);
        atomic_fetch_add(&sum->total, number > 0 ? number : 0);
        OK(mqc_task_done(item));
        if (number < 0)
            return;
    }
}

static void joined_sum(struct ends q)
{
    enum { WORKERS = 2, ITEMS = 100 };
    struct sum sum = {.q = q};
    struct team *team = team_start(WORKERS, add_up, &sum);
    for (int i = 0; i < ITEMS; i++)
        CHECK_EQUAL(put_number(q, i, MQ_FOREVER), MQ_OK);
    CHECK_EQUAL(mqc_join(q.mine, LIMIT_MS), MQ_OK);
    CHECK_EQUAL(atomic_load(&sum.total), ITEMS * (ITEMS - 1) / 2);
    for (int i = 0; i < WORKERS; i++)
        CHECK_EQUAL(put_number(q, -1, MQ_FOREVER), MQ_OK);
    CHECK_EQUAL(mqc_join(q.mine, LIMIT_MS), MQ_OK);
    team_end(team);
}

static void joining(enum mq_kind kind)
{
    struct ends q = queue_new(kind, 0);
    joined_sum(q);
    joined_sum(q);
    CHECK_EQUAL(mqc_queue_task_done(q.theirs), MQ_TOO_MANY_DONE);
    queue_drop(q);
}

static void join_returns_when_all_items_are_done_and_can_be_called_again(void)
{
    for_each_kind(joining);
}

static void task_done_without_an_item_ends_the_oldest_lease_of_the_handle(void)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    put_texts(q.mine, 2);
    mqc_item_free(get_item(q.mine));
    mqc_item_free(get_item(q.mine));
    CHECK_EQUAL(mqc_queue_task_done(q.mine), MQ_OK);
    CHECK_EQUAL(stat_of(q.mine).unfinished, 1);
    CHECK_EQUAL(mqc_queue_task_done(q.mine), MQ_OK);
    CHECK_EQUAL(mqc_join(q.mine, MQ_NOWAIT), MQ_OK);
    CHECK_EQUAL(mqc_queue_task_done(q.mine), MQ_TOO_MANY_DONE);
    queue_drop(q);
}

static void negative_time_out(enum mq_kind kind)
{
    struct ends q = queue_new(kind, CAPACITY);
    CHECK_EQUAL(put_number(q, 1, -2), MQ_INVALID);
    CHECK_EQUAL(try_get(q.mine, -2), MQ_INVALID);
    CHECK_EQUAL(stat_of(q.mine).size, 0);
    queue_drop(q);
}

static void a_negative_time_out_is_invalid_even_where_nothing_has_to_be_waited_for(void)
{
    for_each_kind(negative_time_out);
}

static void nowait(enum mq_kind kind)
{
    struct ends q = queue_new(kind, CAPACITY);
    struct mqc_item *item;
    for (int i = 0; i < CAPACITY; i++)
        CHECK_EQUAL(put_number(q, i, MQ_NOWAIT), MQ_OK);
    CHECK_EQUAL(mqc_put_nowait(q.mine, "x", 1), MQ_FULL);
    for (int i = 0; i < CAPACITY; i++) {
        CHECK_EQUAL(mqc_get_nowait(q.theirs, &item), MQ_OK);
        CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    }
    CHECK_EQUAL(mqc_get_nowait(q.theirs, &item), MQ_EMPTY);
    queue_drop(q);
}

static void puts_and_gets_without_waiting_go_as_far_as_maxsize(void)
{
    for_each_kind(nowait);
}

static void shrinking(enum mq_kind kind)
{
    struct ends q = queue_new(kind, 3);
    struct mqc_queue_options smaller = {.given = MQ_SETTING_MAXSIZE, .maxsize = 2};
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(put_number(q, i, MQ_NOWAIT), MQ_OK);
    CHECK_EQUAL(put_number(q, 3, MQ_NOWAIT), MQ_FULL);
    CHECK_EQUAL(mqc_queue_set(q.mine, &smaller), MQ_OK);
    CHECK_EQUAL(stat_of(q.mine).size, 3);
    CHECK_EQUAL(put_number(q, 3, MQ_NOWAIT), MQ_FULL);
    OK(mqc_task_done(get_item(q.mine)));
    CHECK_EQUAL(put_number(q, 3, MQ_NOWAIT), MQ_FULL);
    OK(mqc_task_done(get_item(q.mine)));
    CHECK_EQUAL(put_number(q, 3, MQ_NOWAIT), MQ_OK);
    queue_drop(q);
}

static void a_queue_shrunk_below_its_size_stays_full(void)
{
    for_each_kind(shrinking);
}

int main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT(a_new_queue_is_empty_and_not_full),                                      /* rule 1 */
        UNIT(items_come_out_in_the_order_of_the_kind),                                /* 2 */
        UNIT(a_queue_is_full_after_as_many_puts_as_maxsize_and_not_before),           /* 3 */
        UNIT(a_put_on_a_full_queue_is_full_at_once_or_when_its_time_is_over),         /* 4, 5 */
        UNIT(a_put_on_a_full_queue_blocks_until_another_thread_gets),                 /* 6, 7 */
        UNIT(as_many_gets_as_puts_empty_the_queue),                                   /* 8 */
        UNIT(a_get_on_an_empty_queue_is_empty_at_once_or_when_its_time_is_over),      /* 9 */
        UNIT(a_get_on_an_empty_queue_blocks_until_another_thread_puts),               /* 10 */
        UNIT(a_queue_that_was_full_and_empty_is_as_good_as_new),                      /* 11 */
        UNIT(task_done_on_a_fresh_queue_is_one_too_many),                             /* 12 */
        UNIT(join_returns_when_all_items_are_done_and_can_be_called_again),           /* 13, 14, 15 */
        UNIT(task_done_without_an_item_ends_the_oldest_lease_of_the_handle),          /* 15 */
        UNIT(a_negative_time_out_is_invalid_even_where_nothing_has_to_be_waited_for), /* 16 */
        UNIT(puts_and_gets_without_waiting_go_as_far_as_maxsize),                     /* 17 */
        UNIT(a_queue_shrunk_below_its_size_stays_full),                               /* 18 */
    };
    return contract_run(argc, argv, tests, sizeof tests / sizeof *tests);
}
