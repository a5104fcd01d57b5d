/* crowd.c - many at once: 50 producer and 50 consumer processes, 1,000 clients, 1,000 blocked gets, idle
 * clients. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "child.h"
#include "client.h"
#include "server.h"

enum { PRODUCERS = 50, CONSUMERS = 50, PUTS = 2000, BATCH = 20 };

static struct server server;

struct tally {
    atomic_uint seen[PRODUCERS][PUTS];
    atomic_int producers, consumers; /* numbers given out */
};

struct job {
    int producer, number;
};

static void produce(void *context, int report_fd)
{
    struct tally *tally = context;
    (void)report_fd;
    struct mqc *mqc = client_open(server.ipc);
    struct mqc_queue *queue = queue_open(mqc, "crowd");
    struct job jobs[BATCH];
    struct mqc_put puts[BATCH];
    int me = atomic_fetch_add(&tally->producers, 1);
    for (int first = 0; first < PUTS; first += BATCH) {
        size_t stored = 0;
        for (int i = 0; i < BATCH; i++) {
            jobs[i] = (struct job){.producer = me, .number = first + i};
            puts[i] = (struct mqc_put){.body = &jobs[i], .size = sizeof jobs[i]};
        }
        OK(mqc_put_many(queue, puts, BATCH, MQ_FOREVER, &stored));
        REQUIRE(stored == BATCH);
    }
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void consume(void *context, int report_fd)
{
    struct tally *tally = context;
    (void)report_fd;
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "crowd");
    struct mqc_item *items[BATCH];
    int last[PRODUCERS];
    size_t count;
    enum mq_status status;
    memset(last, -1, sizeof last);
    while ((status = mqc_get_many(queue, BATCH, MQ_FOREVER, items, &count)) == MQ_OK) {
        for (size_t i = 0; i < count; i++) {
            struct job job;
            REQUIRE(mqc_item_size(items[i]) == sizeof job);
            memcpy(&job, mqc_item_body(items[i]), sizeof job);
            REQUIRE(job.number > last[job.producer]);
            last[job.producer] = job.number;
            atomic_fetch_add(&tally->seen[job.producer][job.number], 1);
        }
        OK(mqc_task_done_many(items, count, NULL));
    }
    REQUIRE(status == MQ_SHUT_DOWN);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void fifty_producer_and_fifty_consumer_processes_lose_and_double_nothing(void)
{
    struct child producers[PRODUCERS], consumers[CONSUMERS];
    struct tally *tally = shared_memory(sizeof *tally);
    for (int i = 0; i < CONSUMERS; i++)
        child_start(&consumers[i], consume, tally);
    for (int i = 0; i < PRODUCERS; i++)
        child_start(&producers[i], produce, tally);
    for (int i = 0; i < PRODUCERS; i++)
        CHECK_EQUAL(child_wait(&producers[i], 6 * LIMIT_MS), 0);
    struct mqc *mqc = client_open(server.ipc);
    struct mqc_queue *queue = queue_open(mqc, "crowd");
    CHECK_EQUAL(mqc_shutdown(queue, false), MQ_OK);
    for (int i = 0; i < CONSUMERS; i++)
        CHECK_EQUAL(child_wait(&consumers[i], 6 * LIMIT_MS), 0);
    for (int i = 0; i < PRODUCERS * PUTS; i++)
        CHECK_EQUAL(atomic_load(&tally->seen[i / PUTS][i % PUTS]), 1);
    struct mqc_queue_stat stat = stat_of(queue);
    CHECK_EQUAL(stat.unfinished, 0);
    CHECK_EQUAL(stat.done, PRODUCERS * PUTS);
    CHECK_EQUAL(stat.redelivered, 0);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

enum { CLIENT_PROCESSES = 10, CLIENTS_EACH = 100 };

/* Opens a hundred clients, puts an item with each, reports, and closes them when the test says so. */
static void open_a_hundred(void *context, int report_fd)
{
    atomic_int *may_close = context;
    struct mqc *clients[CLIENTS_EACH];
    for (int i = 0; i < CLIENTS_EACH; i++) {
        clients[i] = client_with_patience(i % 2 ? server.tcp : server.ipc);
        struct mqc_queue *queue = queue_open(clients[i], "thousand");
        put_text(queue, "x");
        mqc_queue_close(queue);
    }
    REQUIRE(write(report_fd, "x", 1) == 1);
    struct wait wait = wait_begin(6 * LIMIT_MS);
    while (!atomic_load(may_close))
        REQUIRE(wait_again(&wait));
    for (int i = 0; i < CLIENTS_EACH; i++)
        mqc_close(clients[i]);
}

static void a_thousand_clients_at_once_are_served(void)
{
    struct child children[CLIENT_PROCESSES];
    atomic_int *may_close = shared_memory(sizeof *may_close);
    char ready;
    for (int i = 0; i < CLIENT_PROCESSES; i++)
        child_start(&children[i], open_a_hundred, may_close);
    for (int i = 0; i < CLIENT_PROCESSES; i++)
        child_read(&children[i], &ready, 1);
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "thousand");
    CHECK_EQUAL(broker_stat_of(mqc).connected, CLIENT_PROCESSES * CLIENTS_EACH + 1);
    CHECK_EQUAL(stat_of(queue).size, CLIENT_PROCESSES * CLIENTS_EACH);
    atomic_store(may_close, 1);
    for (int i = 0; i < CLIENT_PROCESSES; i++)
        CHECK_EQUAL(child_wait(&children[i], 3 * LIMIT_MS), 0);
    WAIT_UNTIL(broker_stat_of(mqc).sessions == 1, LIMIT_MS);
    CHECK_EQUAL(mqc_purge(queue, NULL), MQ_OK);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void a_thousand_blocked_gets_each_get_one_item_in_the_order_of_arrival(void)
{
    enum { HANDLES = 10, GETS = 1000 };
    static struct call *gets[GETS];
    struct mqc *clients[HANDLES];
    struct mqc_queue *queues[HANDLES];
    for (int i = 0; i < HANDLES; i++) {
        clients[i] = client_open(server.tcp);
        queues[i] = queue_open(clients[i], "blocked");
    }
    for (int i = 0; i < GETS; i++) {
        gets[i] = call_get(queues[i % HANDLES], MQ_FOREVER);
        WAIT_UNTIL(stat_of(queues[0]).getters == (uint64_t)i + 1, LIMIT_MS);
    }
    put_texts(queues[0], GETS);
    for (int i = 0; i < GETS; i++) {
        char text[16];
        struct mqc_item *item;
        snprintf(text, sizeof text, "%d", i);
        CHECK_EQUAL(call_end(gets[i], &item), MQ_OK);
        CHECK(item_is(item, text));
        CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    }
    CHECK_EQUAL(stat_of(queues[0]).unfinished, 0);
    for (int i = 0; i < HANDLES; i++) {
        mqc_queue_close(queues[i]);
        mqc_close(clients[i]);
    }
}

/* What the broker has used in some time of doing nothing in particular. */
struct cost {
    uint64_t switches; /* voluntary context switches */
    uint64_t cpu_ms;
};

static struct cost cost_of(int ms)
{
    const struct broker *b = &server.broker;
    struct cost before = {broker_switches(b), broker_cpu_ms(b)};
    let_pass(ms);
    struct cost cost = {broker_switches(b) - before.switches, broker_cpu_ms(b) - before.cpu_ms};
    printf("\n    in %d ms: %llu voluntary switches, %llu ms of CPU ", ms, (unsigned long long)cost.switches,
           (unsigned long long)cost.cpu_ms);
    return cost;
}

static void idle_clients_cost_next_to_nothing(void)
{
    enum { IDLE = 100, MS = 6000 };
    struct mqc *clients[IDLE];
    for (int i = 0; i < IDLE; i++)
        clients[i] = client_open(server.tcp);
    struct cost cost = cost_of(MS);
    /* A heartbeat in 5 s and its answer, of each. */
    CHECK(cost.switches <= 8 * IDLE);
    CHECK(cost.cpu_ms <= 100);
    for (int i = 0; i < IDLE; i++)
        mqc_close(clients[i]);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(fifty_producer_and_fifty_consumer_processes_lose_and_double_nothing),
        UNIT(a_thousand_clients_at_once_are_served),
        UNIT(a_thousand_blocked_gets_each_get_one_item_in_the_order_of_arrival),
        UNIT(idle_clients_cost_next_to_nothing),
    };
    allow_files(16384);
    server_start(&server, NULL);
    int status = unit_run("crowd", tests, sizeof tests / sizeof *tests);
    server_end(&server);
    return status;
}
