/* line.c - a bad network between clients and broker: cut at random, down for long, slow; and any bytes as
 * bodies. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "client.h"
#include "proxy.h"
#include "server.h"
#include "team.h"

enum { ITEMS = 10000, THREADS = 4, BODY_MAX = 16 << 20 };

static struct server server;

/* Items 0..ITEMS-1 on their way through a line that is cut again and again. */
struct trip {
    struct mqc_queue *puts, *gets; /* of two clients */
    atomic_int next;
    atomic_int taken, done, lost; /* gets, task_dones that were OK, and those that were too late */
    atomic_int ended[ITEMS];      /* task_dones that were OK, of each */
};

static void produce(struct trip *trip)
{
    int number;
    while ((number = atomic_fetch_add(&trip->next, 1)) < ITEMS)
        OK(mqc_put(trip->puts, &number, sizeof number, MQ_FOREVER));
}

static void consume(struct trip *trip)
{
    struct mqc_item *item;
    int number;
    enum mq_status status;
    while ((status = mqc_get(trip->gets, MQ_FOREVER, &item)) == MQ_OK) {
        REQUIRE(mqc_item_size(item) == sizeof number);
        memcpy(&number, mqc_item_body(item), sizeof number);
        atomic_fetch_add(&trip->taken, 1);
        status = mqc_task_done(item);
        REQUIRE(status == MQ_OK || status == MQ_LEASE_LOST);
        if (status == MQ_OK)
            atomic_fetch_add(&trip->ended[number], 1);
        atomic_fetch_add(status == MQ_OK ? &trip->done : &trip->lost, 1);
    }
    REQUIRE(status == MQ_SHUT_DOWN);
}

static void travel(void *context, int index)
{
    if (index % 2)
        consume(context);
    else
        produce(context);
}

static void whatever_happens_to_the_line_each_put_is_stored_once_and_each_item_done_once(void)
{
    static struct trip trip;
    enum { LONGER_THAN_THE_GRACE_MS = 8000, CUT_EVERY = 25000 };
    struct proxy *proxy = proxy_start(server.tcp, 1);
    struct mqc *observer = client_open(server.ipc), *producer = client_with_patience(proxy_endpoint(proxy)),
               *consumer = client_with_patience(proxy_endpoint(proxy));
    struct mqc_queue *queue = queue_open(observer, "trip");
    trip.puts = queue_open(producer, "trip");
    trip.gets = queue_open(consumer, "trip");
    proxy_cut_every(proxy, CUT_EVERY);
    struct team *team = team_start(2 * THREADS, travel, &trip);
    WAIT_UNTIL(atomic_load(&trip.done) > ITEMS / 3, 6 * LIMIT_MS);
    struct mqc_item *held = get_item(trip.gets);
    proxy_set_down(proxy, true);
    let_pass(LONGER_THAN_THE_GRACE_MS);
    proxy_set_down(proxy, false);
    CHECK_EQUAL(mqc_task_done(held), MQ_LEASE_LOST);
    WAIT_UNTIL(stat_of(queue).puts == ITEMS && stat_of(queue).unfinished == 0, 6 * LIMIT_MS);
    CHECK_EQUAL(mqc_shutdown(queue, false), MQ_OK);
    team_end(team);
    struct mqc_queue_stat stat = stat_of(queue);
    printf("\n    cut %u times, %d leases lost, %llu repeats answered ", proxy_cuts(proxy),
           atomic_load(&trip.lost), (unsigned long long)broker_stat_of(observer).repeats);
    CHECK(proxy_cuts(proxy) > 20);
    CHECK_EQUAL(stat.puts, ITEMS);
    CHECK_EQUAL(stat.done, ITEMS);
    CHECK_EQUAL(atomic_load(&trip.done), ITEMS);
    CHECK_EQUAL(atomic_load(&trip.taken), ITEMS + atomic_load(&trip.lost));
    for (int i = 0; i < ITEMS; i++)
        CHECK_EQUAL(atomic_load(&trip.ended[i]), 1);
    proxy_cut_every(proxy, 0);
    mqc_queue_close(trip.puts);
    mqc_queue_close(trip.gets);
    mqc_queue_close(queue);
    mqc_close(producer);
    mqc_close(consumer);
    mqc_close(observer);
    proxy_stop(proxy);
}

/* A body of random bytes that can be made again from its seed. */
static void make_body(unsigned char *body, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        body[i] = (unsigned char)(seed >> 56);
    }
}

static size_t size_of_body(int number)
{
    switch (number) {
    case 0:
        return 0;
    case 1:
        return BODY_MAX;
    case 2:
        return 1;
    default:
        return (size_t)number * 2654435761u % (number % 10 ? 3000 : 100000);
    }
}

static void a_thousand_random_bodies_come_out_byte_for_byte(void)
{
    enum { BODIES = 1000 };
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "bodies");
    unsigned char *body = malloc(BODY_MAX);
    CHECK(body != NULL);
    for (int i = 0; i < BODIES; i++) {
        make_body(body, size_of_body(i), (uint64_t)i);
        CHECK_EQUAL(mqc_put(queue, body, size_of_body(i), MQ_FOREVER), MQ_OK);
    }
    for (int i = 0; i < BODIES; i++) {
        struct mqc_item *item = get_item(queue);
        make_body(body, size_of_body(i), (uint64_t)i);
        CHECK_EQUAL(mqc_item_size(item), size_of_body(i));
        CHECK(memcmp(mqc_item_body(item), body, size_of_body(i)) == 0);
        CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    }
    CHECK_EQUAL(mqc_put(queue, body, BODY_MAX, MQ_FOREVER), MQ_OK);
    struct mqc_put big = {.body = body, .size = BODY_MAX + 1};
    CHECK_EQUAL(mqc_put_item(queue, &big, MQ_FOREVER, NULL), MQ_TOO_BIG);
    free(body);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void the_biggest_body_gets_through_a_slow_line(void)
{
    struct proxy *proxy = proxy_start(server.tcp, 1);
    struct mqc *mqc = client_open(proxy_endpoint(proxy));
    struct mqc_queue *queue = queue_open(mqc, "slow");
    unsigned char *body = malloc(BODY_MAX);
    CHECK(body != NULL);
    make_body(body, BODY_MAX, 7);
    proxy_set_rate(proxy, 2000000);
    uint64_t before_ms = clock_ms();
    CHECK_EQUAL(mqc_put(queue, body, BODY_MAX, MQ_FOREVER), MQ_OK);
    struct mqc_item *item = NULL;
    CHECK_EQUAL(mqc_get(queue, MQ_FOREVER, &item), MQ_OK);
    CHECK_EQUAL(mqc_item_size(item), BODY_MAX);
    CHECK(memcmp(mqc_item_body(item), body, BODY_MAX) == 0);
    CHECK_EQUAL(mqc_item_deliveries(item), 1);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    CHECK_EQUAL(proxy_cuts(proxy), 0);
    CHECK(clock_ms() - before_ms > 2 * 8000);
    free(body);
    mqc_queue_close(queue);
    mqc_close(mqc);
    proxy_stop(proxy);
}

int main(int argc, char **argv)
{
    static const struct unit_test cut[] = {
        UNIT(whatever_happens_to_the_line_each_put_is_stored_once_and_each_item_done_once)};
    static const struct unit_test bodies[] = {UNIT(a_thousand_random_bodies_come_out_byte_for_byte),
                                              UNIT(the_biggest_body_gets_through_a_slow_line)};
    bool is_cut = argc == 2 && !strcmp(argv[1], "cut");
    if (!is_cut && (argc != 2 || strcmp(argv[1], "bodies") != 0)) {
        fprintf(stderr, "usage: %s cut|bodies\n", argv[0]);
        return 64;
    }
    server_start(&server, NULL);
    int status = is_cut ? unit_run("cut", cut, sizeof cut / sizeof *cut)
                        : unit_run("bodies", bodies, sizeof bodies / sizeof *bodies);
    server_end(&server);
    return status;
}
