/* crash.c - processes that die, freeze and start again: what they held, waited for and had put is where the
 * contract says it is. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "child.h"
#include "client.h"
#include "server.h"

static struct server server;

/* Takes ten items and never does them. */
static void hold_ten(void *context, int report_fd)
{
    (void)context;
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "held");
    for (int i = 0; i < 10; i++)
        get_item(queue);
    REQUIRE(write(report_fd, "x", 1) == 1);
    for (;;)
        pause();
}

static void the_items_of_a_killed_consumer_are_anothers_in_order_within_4_s(void)
{
    struct child consumer;
    char held;
    child_start(&consumer, hold_ten, NULL);
    struct mqc *mqc = client_open(server.ipc);
    struct mqc_queue *queue = queue_open(mqc, "held");
    put_texts(queue, 10);
    child_read(&consumer, &held, 1);
    CHECK_EQUAL(stat_of(queue).leased, 10);
    child_kill(&consumer);
    uint64_t killed_ms = clock_ms();
    for (int i = 0; i < 10; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        struct mqc_item *item = get_item(queue);
        CHECK(item_is(item, text));
        CHECK_EQUAL(mqc_item_deliveries(item), 2);
        CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    }
    CHECK(clock_ms() - killed_ms < 4000);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

/* Puts 0, 1, ... and reports each that is stored. */
static void put_for_ever(void *context, int report_fd)
{
    (void)context;
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "cut-off");
    for (int i = 0;; i++) {
        OK(mqc_put(queue, &i, sizeof i, MQ_FOREVER));
        REQUIRE(write(report_fd, &i, sizeof i) == sizeof i);
    }
}

static void what_a_killed_producer_was_told_is_stored_is_there_and_nothing_twice(void)
{
    struct child producer;
    int stored = -1, number;
    child_start(&producer, put_for_ever, NULL);
    for (int i = 0; i < 300; i++)
        child_read(&producer, &stored, sizeof stored);
    child_kill(&producer);
    struct mqc *mqc = client_open(server.ipc);
    struct mqc_queue *queue = queue_open(mqc, "cut-off");
    int count = (int)stat_of(queue).size;
    CHECK(count > stored);
    for (int i = 0; i < count; i++) {
        struct mqc_item *item = get_item(queue);
        memcpy(&number, mqc_item_body(item), sizeof number);
        CHECK_EQUAL(number, i);
        CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    }
    mqc_queue_close(queue);
    mqc_close(mqc);
}

/* A client that only the test ends: it goes on through whatever happens to the broker. */
static void produce_and_consume(void *context, int report_fd)
{
    atomic_int *done = context;
    (void)report_fd;
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "frozen");
    for (;;) {
        put_text(queue, "x");
        OK(mqc_task_done(get_item(queue)));
        atomic_fetch_add(done, 1);
    }
}

static void a_broker_that_was_frozen_for_2_s_goes_on_as_if_nothing_had_been(void)
{
    enum { CLIENTS = 4 };
    struct child clients[CLIENTS];
    atomic_int *done = shared_memory(sizeof *done);
    for (int i = 0; i < CLIENTS; i++)
        child_start(&clients[i], produce_and_consume, done);
    struct mqc *mqc = client_open(server.ipc);
    struct mqc_queue *queue = queue_open(mqc, "frozen"), *empty = queue_open(mqc, "frozen-empty");
    WAIT_UNTIL(atomic_load(done) > 100, LIMIT_MS);
    struct call *get = call_get(empty, MQ_FOREVER);
    uint64_t lost_before = broker_stat_of(mqc).sessions_lost;
    server_freeze(&server);
    let_pass(2000);
    server_thaw(&server);
    int after_freeze = atomic_load(done);
    WAIT_UNTIL(atomic_load(done) > after_freeze + 100, LIMIT_MS);
    CHECK(!call_is_over(get));
    CHECK_EQUAL(stat_of(queue).returned, 0);
    CHECK_EQUAL(stat_of(queue).redelivered, 0);
    CHECK_EQUAL(broker_stat_of(mqc).sessions_lost, lost_before);
    for (int i = 0; i < CLIENTS; i++)
        child_kill(&clients[i]);
    mqc_interrupt(mqc);
    CHECK_EQUAL(call_end(get, NULL), MQ_INTERRUPTED);
    mqc_queue_close(empty);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void a_broker_without_data_that_starts_again_has_lost_the_session_and_says_so(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *bounded = queue_bounded(mqc, "bounded", 1), *empty = queue_open(mqc, "empty");
    put_text(empty, "held");
    struct mqc_item *held = get_item(empty);
    put_text(bounded, "lost with the broker");
    struct call *put = call_put(bounded, "blocked", MQ_FOREVER), *join = call_join(bounded, MQ_FOREVER);
    struct call *get = call_get(empty, MQ_FOREVER);
    WAIT_UNTIL(stat_of(bounded).putters == 1 && stat_of(bounded).joiners == 1, LIMIT_MS);
    WAIT_UNTIL(stat_of(empty).getters == 1, LIMIT_MS);
    server_kill(&server);
    server_restart(&server);

    CHECK_EQUAL(call_end(put, NULL), MQ_SESSION_LOST);
    CHECK_EQUAL(call_end(join, NULL), MQ_SESSION_LOST);
    CHECK(item_is(held, "held"));
    CHECK_EQUAL(mqc_task_done(held), MQ_LEASE_LOST);
    CHECK_EQUAL(stat_of(bounded).maxsize, 1);
    put_text(bounded, "fills it");
    CHECK_EQUAL(try_put(bounded, MQ_NOWAIT), MQ_FULL);
    CHECK(!call_is_over(get));
    struct mqc_item *item;
    put_text(empty, "for the blocked get");
    CHECK_EQUAL(call_end(get, &item), MQ_OK);
    CHECK(item_is(item, "for the blocked get"));
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    mqc_queue_close(bounded);
    mqc_queue_close(empty);
    mqc_close(mqc);
}

static void ids_grow_and_are_not_given_twice_by_a_broker_that_starts_again(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "ids");
    uint64_t first = put_for_id(queue), second = put_for_id(queue);
    CHECK(second > first);
    server_kill(&server);
    server_restart(&server);
    CHECK(put_for_id(queue) > second);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static struct mqc *client_that_does_not_renew(void)
{
    struct mqc_options options = {.given = MQC_OPTION_NO_RENEW, .no_renew = true};
    struct mqc *mqc = NULL;
    OK(mqc_open(server.tcp, &options, &mqc));
    return mqc;
}

static struct mqc_queue *queue_with_lease(struct mqc *mqc, const char *name, int64_t lease_ms)
{
    struct mqc_queue_options options = {.given = MQ_SETTING_LEASE, .lease_ms = lease_ms};
    struct mqc_queue *queue = NULL;
    OK(mqc_queue_open(mqc, name, &options, &queue));
    return queue;
}

static void a_lease_that_is_over_gives_the_item_to_another_and_refuses_the_first(void)
{
    struct mqc *slow = client_that_does_not_renew(), *other = client_open(server.tcp);
    struct mqc_queue *queue = queue_with_lease(slow, "short-lease", 100),
                     *same = queue_open(other, "short-lease");
    put_text(queue, "x");
    struct mqc_item *first = get_item(queue), *second = get_item(same);
    CHECK_EQUAL(mqc_item_deliveries(first), 1);
    CHECK_EQUAL(mqc_item_deliveries(second), 2);
    CHECK_EQUAL(mqc_item_id(first), mqc_item_id(second));
    CHECK_EQUAL(mqc_task_done(first), MQ_LEASE_LOST);
    CHECK_EQUAL(mqc_task_done(second), MQ_OK);
    CHECK_EQUAL(stat_of(queue).unfinished, 0);
    mqc_queue_close(queue);
    mqc_queue_close(same);
    mqc_close(slow);
    mqc_close(other);
}

static void an_item_that_comes_back_to_the_same_client_is_lost_to_whoever_had_it_first(void)
{
    struct mqc *mqc = client_that_does_not_renew();
    struct mqc_queue *queue = queue_with_lease(mqc, "same-client", 100);
    put_text(queue, "x");
    struct mqc_item *first = get_item(queue), *second = get_item(queue);
    CHECK_EQUAL(mqc_item_id(first), mqc_item_id(second));
    CHECK_EQUAL(mqc_extend(second, 60000), MQ_OK);
    CHECK_EQUAL(mqc_task_done(first), MQ_LEASE_LOST);
    CHECK_EQUAL(mqc_task_done(second), MQ_OK);
    CHECK_EQUAL(stat_of(queue).unfinished, 0);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void an_extended_lease_lasts_longer(void)
{
    struct mqc *mqc = client_that_does_not_renew();
    struct mqc_queue *queue = queue_with_lease(mqc, "extended", 1000);
    put_text(queue, "x");
    struct mqc_item *item = get_item(queue);
    CHECK_EQUAL(mqc_extend(item, 60000), MQ_OK);
    CHECK_EQUAL(try_get(queue, 1500), MQ_EMPTY);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void a_lease_is_renewed_for_as_long_as_the_program_holds_the_item(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_with_lease(mqc, "renewed", 1000);
    put_text(queue, "x");
    struct mqc_item *item = get_item(queue);
    CHECK_EQUAL(try_get(queue, 2500), MQ_EMPTY);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    put_text(queue, "y");
    mqc_item_free(get_item(queue));
    item = get_item(queue);
    CHECK_EQUAL(mqc_item_deliveries(item), 2);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(the_items_of_a_killed_consumer_are_anothers_in_order_within_4_s),
        UNIT(what_a_killed_producer_was_told_is_stored_is_there_and_nothing_twice),
        UNIT(a_broker_that_was_frozen_for_2_s_goes_on_as_if_nothing_had_been),
        UNIT(a_lease_that_is_over_gives_the_item_to_another_and_refuses_the_first),
        UNIT(an_item_that_comes_back_to_the_same_client_is_lost_to_whoever_had_it_first),
        UNIT(an_extended_lease_lasts_longer),
        UNIT(a_lease_is_renewed_for_as_long_as_the_program_holds_the_item),
        UNIT(a_broker_without_data_that_starts_again_has_lost_the_session_and_says_so),
        UNIT(ids_grow_and_are_not_given_twice_by_a_broker_that_starts_again),
    };
    server_start(&server, NULL);
    int status = unit_run("crash", tests, sizeof tests / sizeof *tests);
    server_end(&server);
    return status;
}
