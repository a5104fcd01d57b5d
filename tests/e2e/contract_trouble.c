/* contract_trouble.c - rules 35 to 45 of Python's queues: calls that fail leave no trace, many producers and
 * consumers lose and double nothing, and what has been taken and done is forgotten. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

/* Puts that the broker refuses, whatever the time-out: a key that cannot be, and a body that is too big. */
static void refused_puts(struct ends q)
{
    static const int64_t timeouts[] = {MQ_NOWAIT, 50, MQ_FOREVER};
    struct mqc_key not_a_number = mqc_key_double(__builtin_nan(""));
    size_t size = broker_stat_of(contract_client(0)).body_max + 1;
    void *big = calloc(1, size);
    CHECK(big != NULL);
    for (int i = 0; i < 3; i++) {
        struct mqc_put bad_key = {.body = "x", .size = 1, .priority = not_a_number};
        struct mqc_put bad_size = {.body = big, .size = size};
        CHECK_EQUAL(mqc_put_item(q.mine, &bad_key, timeouts[i], NULL), MQ_INVALID);
        CHECK_EQUAL(mqc_put_item(q.mine, &bad_size, timeouts[i], NULL), MQ_TOO_BIG);
    }
    free(big);
}

static void failing_put(enum mq_kind kind)
{
    struct ends q = queue_new(kind, CAPACITY);
    for (int round = 0; round < 2; round++) {
        refused_puts(q);
        CHECK_EQUAL(stat_of(q.mine).size, 0);
        fill(q);
        CHECK(is_full(q.mine));
        refused_puts(q);
        CHECK_EQUAL(put_number(q, 9, MQ_NOWAIT), MQ_FULL);
        CHECK_EQUAL(stat_of(q.mine).size, CAPACITY);
        drain(q);
    }
    queue_drop(q);
}

static void a_put_that_fails_takes_no_room_and_no_turn(void)
{
    for_each_kind(failing_put);
}

static void failing_get(enum mq_kind kind)
{
    struct ends q = queue_new(kind, CAPACITY);
    struct mqc_item *items[1];
    size_t count;
    for (int round = 0; round < 2; round++) {
        fill(q);
        CHECK_EQUAL(mqc_get_many(q.theirs, 0, MQ_FOREVER, items, &count), MQ_INVALID);
        CHECK_EQUAL(mqc_get(q.theirs, -7, items), MQ_INVALID);
        CHECK_EQUAL(stat_of(q.mine).size, CAPACITY);
        drain(q);
    }
    queue_drop(q);
}

static void a_get_that_fails_takes_no_item(void)
{
    for_each_kind(failing_get);
}

static void a_getter_that_gave_up_takes_no_later_item(void)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    CHECK_EQUAL(try_get(q.theirs, 10), MQ_EMPTY);
    CHECK_EQUAL(stat_of(q.mine).getters, 0);
    put_text(q.mine, "x");
    CHECK_EQUAL(stat_of(q.mine).size, 1);
    take_text(q.mine, "x");
    queue_drop(q);
}

static void an_unbounded_queue_counts_and_is_in_order(void)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    struct mqc_item *item;
    for (int i = 1; i <= 4; i++)
        CHECK_EQUAL(put_number(q, i, i % 2 ? MQ_FOREVER : MQ_NOWAIT), MQ_OK);
    CHECK_EQUAL(stat_of(q.mine).size, 4);
    take_number(q.mine, 1);
    CHECK_EQUAL(mqc_get_nowait(q.mine, &item), MQ_OK);
    CHECK(item_is(item, "2"));
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    CHECK_EQUAL(mqc_get(q.mine, 100, &item), MQ_OK);
    CHECK(item_is(item, "3"));
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    take_number(q.mine, 4);
    CHECK_EQUAL(stat_of(q.mine).size, 0);
    CHECK_EQUAL(try_get(q.mine, MQ_NOWAIT), MQ_EMPTY);
    CHECK_EQUAL(try_get(q.mine, 1), MQ_EMPTY);
    queue_drop(q);
}

static void a_negative_time_out_of_a_get_is_invalid_even_if_an_item_is_there(void)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    put_text(q.mine, "x");
    CHECK_EQUAL(try_get(q.mine, -2), MQ_INVALID);
    take_text(q.mine, "x");
    queue_drop(q);
}

/* Producers put the numbers 0..items-1, shared out among them; consumers mark what they get until they get an
 * empty body. */
struct crowd {
    struct ends q;
    int items, members;
    int64_t timeout_ms; /* of each get */
    atomic_int next;
    atomic_int *seen;
};

static void produce(void *context, int index)
{
    struct crowd *c = context;
    struct mqc_queue *queue = index % 2 ? c->q.theirs : c->q.mine;
    int number;
    while ((number = atomic_fetch_add(&c->next, 1)) < c->items)
        OK(mqc_put(queue, &number, sizeof number, MQ_FOREVER));
}

static struct mqc_item *get_patiently(struct mqc_queue *queue, int64_t timeout_ms)
{
    struct mqc_item *item = NULL;
    enum mq_status status;
    while ((status = mqc_get(queue, timeout_ms, &item)) == MQ_EMPTY)
        ;
    REQUIRE(status == MQ_OK);
    return item;
}

static void consume(void *context, int index)
{
    struct crowd *c = context;
    struct mqc_queue *queue = index % 2 ? c->q.theirs : c->q.mine;
    for (bool goes_on = true; goes_on;) {
        struct mqc_item *item = get_patiently(queue, c->timeout_ms);
        goes_on = mqc_item_size(item) > 0;
        if (goes_on) {
            int number;
            memcpy(&number, mqc_item_body(item), sizeof number);
            atomic_fetch_add(&c->seen[number], 1);
        }
        OK(mqc_task_done(item));
    }
}

static void crowd(int members, int items, int64_t timeout_ms)
{
    struct crowd c = {
        .q = queue_new(MQ_KIND_FIFO, 0), .items = items, .members = members, .timeout_ms = timeout_ms};
    c.seen = calloc((size_t)items, sizeof *c.seen);
    CHECK(c.seen != NULL);
    struct team *consumers = team_start(members, consume, &c);
    struct team *producers = team_start(members, produce, &c);
    team_end(producers);
    for (int i = 0; i < members; i++)
        CHECK_EQUAL(mqc_put(c.q.mine, "", 0, MQ_FOREVER), MQ_OK);
    team_end(consumers);
    for (int i = 0; i < items; i++)
        CHECK_EQUAL(atomic_load(&c.seen[i]), 1);
    CHECK_EQUAL(stat_of(c.q.mine).unfinished, 0);
    free(c.seen);
    queue_drop(c.q);
}

static void one_consumer_gets_what_one_producer_put_in_order(void)
{
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    struct call *get = call_get(q.theirs, MQ_FOREVER);
    struct mqc_item *item;
    put_texts(q.mine, 100);
    CHECK_EQUAL(call_end(get, &item), MQ_OK);
    CHECK(item_is(item, "0"));
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    for (int i = 1; i < 100; i++)
        take_number(q.theirs, i);
    queue_drop(q);
}

static void fifty_producers_and_fifty_consumers_lose_and_double_nothing(void)
{
    crowd(50, 10000, MQ_FOREVER);
}

static void consumers_that_poll_lose_and_double_nothing(void)
{
    crowd(8, 2000, MQ_NOWAIT);
}

static void a_time_out_that_races_a_put_loses_nothing(void)
{
    crowd(50, 1000, 1);
}

static void an_item_that_is_done_is_forgotten(void)
{
    enum { SIZE = 128 << 10 }; /* half a small segment */
    struct ends q = queue_new(MQ_KIND_FIFO, 0);
    char *body = calloc(1, SIZE);
    CHECK(body != NULL);
    CHECK_EQUAL(mqc_put(q.mine, body, SIZE, MQ_FOREVER), MQ_OK);
    free(body);
    CHECK_EQUAL(stat_of(q.mine).bytes, SIZE);
    struct mqc_item *item = get_item(q.mine);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    CHECK_EQUAL(stat_of(q.mine).bytes, 0);
    WAIT_UNTIL(broker_stat_of(contract_client(0)).memory < SIZE, LIMIT_MS);
    queue_drop(q);
}

int main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT(a_put_that_fails_takes_no_room_and_no_turn),                       /* rules 35, 37 */
        UNIT(a_get_that_fails_takes_no_item),                                   /* 36, 37 */
        UNIT(a_getter_that_gave_up_takes_no_later_item),                        /* 36 */
        UNIT(an_unbounded_queue_counts_and_is_in_order),                        /* 38, 39 */
        UNIT(a_negative_time_out_of_a_get_is_invalid_even_if_an_item_is_there), /* 40 */
        UNIT(one_consumer_gets_what_one_producer_put_in_order),                 /* 41 */
        UNIT(fifty_producers_and_fifty_consumers_lose_and_double_nothing),      /* 42 */
        UNIT(consumers_that_poll_lose_and_double_nothing),                      /* 43 */
        UNIT(a_time_out_that_races_a_put_loses_nothing),                        /* 43 */
        UNIT(an_item_that_is_done_is_forgotten),                                /* 44 */
    };
    return contract_run(argc, argv, tests, sizeof tests / sizeof *tests);
}
