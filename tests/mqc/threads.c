/* threads.c - many threads over one handle: every answer reaches its thread, and nobody is woken too late.
 *
 * A leader never sleeps longer than a second; what it finds then that nobody woke it for is counted, and one
 * such find is a lost wake-up. */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "mqc_client.h"
#include "server.h"

enum { THREADS = 16, ROUND_TRIPS = 600 };

static struct server server;

struct worker {
    pthread_t thread;
    struct mqc *mqc;
    int number;
};

static void *ping(void *context)
{
    struct worker *w = context;
    for (int i = 0; i < 2 * ROUND_TRIPS; i++)
        REQUIRE(mqc_ping(w->mqc, NULL) == MQ_OK);
    return NULL;
}

/* Each thread's own queue: what it gets must be what it has just put. */
static void *put_and_get_own(void *context)
{
    struct worker *w = context;
    char name[32];
    snprintf(name, sizeof name, "own-%d", w->number);
    struct mqc_queue *queue = queue_open(w->mqc, name);
    for (int i = 0; i < ROUND_TRIPS / 2; i++) {
        int body[2] = {w->number, i};
        struct mqc_item *item = NULL;
        REQUIRE(mqc_put(queue, body, sizeof body, MQ_FOREVER) == MQ_OK);
        REQUIRE(mqc_get(queue, MQ_FOREVER, &item) == MQ_OK);
        REQUIRE(mqc_item_size(item) == sizeof body && memcmp(mqc_item_body(item), body, sizeof body) == 0);
        REQUIRE(mqc_task_done(item) == MQ_OK);
    }
    mqc_queue_close(queue);
    return NULL;
}

/* Pairs of threads: the even one blocks in gets, the odd one in puts on a queue of one. */
static void *hand_over(void *context)
{
    struct worker *w = context;
    char name[32];
    snprintf(name, sizeof name, "pair-%d", w->number / 2);
    struct mqc_queue *queue = queue_bounded(w->mqc, name, 1);
    for (int i = 0; i < ROUND_TRIPS; i++) {
        int seen;
        struct mqc_item *item = NULL;
        if (w->number % 2) {
            REQUIRE(mqc_put(queue, &i, sizeof i, MQ_FOREVER) == MQ_OK);
            continue;
        }
        REQUIRE(mqc_get(queue, MQ_FOREVER, &item) == MQ_OK);
        memcpy(&seen, mqc_item_body(item), sizeof seen);
        REQUIRE(seen == i);
        REQUIRE(mqc_task_done(item) == MQ_OK);
    }
    mqc_queue_close(queue);
    return NULL;
}

/* Time-outs that race items, and auto-done gets, whose confirmations are the helper's at times. */
static void *get_in_a_hurry(void *context)
{
    struct worker *w = context;
    struct mqc_queue *queue = queue_open(w->mqc, "hurry");
    struct mqc_get get = {.queues = &queue, .queue_count = 1, .max = 4, .timeout_ms = 1, .auto_done = true};
    for (int i = 0; i < ROUND_TRIPS / 4; i++) {
        struct mqc_item *items[4];
        size_t count = 0;
        if (w->number % 2)
            REQUIRE(mqc_put(queue, &i, sizeof i, MQ_FOREVER) == MQ_OK);
        enum mq_status status = mqc_get_with(w->mqc, &get, items, &count);
        REQUIRE(status == MQ_OK || status == MQ_EMPTY);
        for (size_t k = 0; k < count; k++)
            mqc_item_free(items[k]);
    }
    mqc_queue_close(queue);
    return NULL;
}

static void run_on_one_handle(void *(*work)(void *), const char *endpoint)
{
    struct worker workers[THREADS];
    struct mqc *mqc = client_open(endpoint);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.mqc = mqc, .number = i};
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK_EQUAL(pthread_join(workers[i].thread, NULL), 0);
    CHECK_EQUAL(mqc->safety_polls, 0);
    mqc_close(mqc);
}

static void round_trips_of_many_threads_are_never_woken_too_late(void)
{
    run_on_one_handle(ping, server.ipc);
    run_on_one_handle(ping, server.tcp);
}

static void every_thread_gets_its_own_items(void)
{
    run_on_one_handle(put_and_get_own, server.ipc);
}

static void threads_that_block_each_other_go_on(void)
{
    run_on_one_handle(hand_over, server.tcp);
}

static void time_outs_that_race_items_lose_none(void)
{
    run_on_one_handle(get_in_a_hurry, server.ipc);
    struct mqc *mqc = client_open(server.ipc);
    struct mqc_queue *queue = queue_open(mqc, "hurry");
    struct mqc_queue_stat stat;
    CHECK_EQUAL(mqc_stat(queue, &stat), MQ_OK);
    CHECK_EQUAL(stat.puts, THREADS / 2 * (ROUND_TRIPS / 4));
    CHECK_EQUAL(stat.done + stat.size, stat.puts);
    CHECK_EQUAL(stat.leased, 0);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(round_trips_of_many_threads_are_never_woken_too_late),
        UNIT(every_thread_gets_its_own_items),
        UNIT(threads_that_block_each_other_go_on),
        UNIT(time_outs_that_race_items_lose_none),
    };
    server_start(&server, NULL);
    int failed = unit_run("threads", tests, sizeof tests / sizeof *tests);
    server_end(&server);
    return failed;
}
