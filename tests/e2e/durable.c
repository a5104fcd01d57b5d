/* durable.c - a broker with a data directory that is killed or stopped and starts again: what it has
 * acknowledged is there, and its clients go on. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "client.h"
#include "server.h"

enum { INTERVAL_MS = 200 };

static struct server server;
static bool has_interval;

static void kill_and_restart(void)
{
    server_kill(&server);
    server_restart(&server);
}

static void stop_and_restart(void)
{
    server_stop(&server);
    server_restart(&server);
}

/* That an item was handed out is told before it is on disk: if that is lost, the item is there again. */
static void all_is_on_disk(struct mqc *mqc)
{
    WAIT_UNTIL(broker_stat_of(mqc).unsafe_bytes == 0, LIMIT_MS);
}

/* --- what is there --- */

enum { MANY = 10000 };

static void put_many(struct mqc_queue *queue)
{
    static int numbers[MANY];
    static struct mqc_put puts[MANY];
    size_t stored = 0;
    for (int i = 0; i < MANY; i++) {
        numbers[i] = i;
        puts[i] = (struct mqc_put){.body = &numbers[i], .size = sizeof numbers[i]};
    }
    OK(mqc_put_many(queue, puts, MANY, MQ_FOREVER, &stored));
    CHECK_EQUAL(stored, MANY);
}

/* Takes all numbers from `first` on, in order, and no more. */
static void take_numbers(struct mqc_queue *queue, int first, int end)
{
    enum { AT_ONCE = 100 };
    struct mqc_item *items[AT_ONCE];
    while (first < end) {
        size_t count = 0;
        OK(mqc_get_many(queue, AT_ONCE, LIMIT_MS, items, &count));
        for (size_t i = 0; i < count; i++) {
            int number = -1;
            memcpy(&number, mqc_item_body(items[i]), sizeof number);
            CHECK_EQUAL(number, first++);
            CHECK_EQUAL(mqc_item_deliveries(items[i]), 1);
        }
        CHECK_EQUAL(mqc_task_done_many(items, count, NULL), MQ_OK);
    }
    CHECK_EQUAL(first, end);
}

static void check_all_is_there_after(void (*trouble)(void), const char *name)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, name);
    put_many(queue);
    if (has_interval && trouble == kill_and_restart)
        all_is_on_disk(mqc);
    mqc_queue_close(queue);
    mqc_close(mqc);
    trouble();
    mqc = client_open(server.ipc);
    queue = queue_open(mqc, name);
    CHECK_EQUAL(stat_of(queue).size, MANY);
    take_numbers(queue, 0, MANY);
    CHECK_EQUAL(try_get(queue, MQ_NOWAIT), MQ_EMPTY);
    if (has_interval)
        all_is_on_disk(mqc);
    trouble();
    CHECK_EQUAL(stat_of(queue).unfinished, 0);
    CHECK_EQUAL(stat_of(queue).done, MANY);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void ten_thousand_items_are_all_there_and_in_order_after_a_kill(void)
{
    check_all_is_there_after(kill_and_restart, "killed");
}

static void ten_thousand_items_are_all_there_and_in_order_after_a_stop(void)
{
    check_all_is_there_after(stop_and_restart, "stopped");
}

static void what_is_done_stays_done(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "done");
    put_many(queue);
    take_numbers(queue, 0, 100);
    kill_and_restart();
    take_numbers(queue, 100, 200);
    kill_and_restart();
    CHECK_EQUAL(stat_of(queue).size, MANY - 200);
    CHECK_EQUAL(stat_of(queue).done, 200);
    OK(mqc_purge(queue, NULL));
    kill_and_restart();
    CHECK_EQUAL(stat_of(queue).size, 0);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void a_queue_is_as_it_was(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_of_kind(mqc, "as-it-was", MQ_KIND_LIFO, 3);
    struct mqc_queue_options options = {.given = MQ_SETTING_MAXSIZE, .maxsize = 2};
    put_texts(queue, 2);
    OK(mqc_queue_set(queue, &options));
    OK(mqc_shutdown(queue, false));
    kill_and_restart();
    struct mqc_queue_stat stat = stat_of(queue);
    CHECK_EQUAL(stat.kind, MQ_KIND_LIFO);
    CHECK_EQUAL(stat.maxsize, 2);
    CHECK(stat.is_shut_down && !stat.is_immediate);
    CHECK_EQUAL(stat.puts, 2);
    CHECK_EQUAL(try_put(queue, MQ_NOWAIT), MQ_SHUT_DOWN);
    take_text(queue, "1");
    take_text(queue, "0");
    CHECK_EQUAL(try_get(queue, MQ_FOREVER), MQ_SHUT_DOWN);
    OK(mqc_queue_remove(queue, false, NULL));
    kill_and_restart();
    CHECK_EQUAL(mqc_stat(queue, &stat), MQ_NO_QUEUE);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void ids_are_not_given_twice(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "ids");
    uint64_t first = put_for_id(queue), second = put_for_id(queue);
    CHECK(second > first);
    kill_and_restart();
    CHECK(put_for_id(queue) > second);
    OK(mqc_purge(queue, NULL));
    mqc_queue_close(queue);
    mqc_close(mqc);
}

/* --- clients that were there --- */

static void a_client_goes_on_with_what_it_held_and_waited_for(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *bounded = queue_bounded(mqc, "bounded", 1), *empty = queue_open(mqc, "empty");
    put_text(empty, "held");
    struct mqc_item *held = get_item(empty), *item;
    all_is_on_disk(mqc);
    put_text(bounded, "survives the broker");
    struct call *put = call_put(bounded, "blocked", MQ_FOREVER), *join = call_join(bounded, MQ_FOREVER);
    struct call *get = call_get(empty, MQ_FOREVER);
    WAIT_UNTIL(stat_of(bounded).putters == 1 && stat_of(bounded).joiners == 1, LIMIT_MS);
    WAIT_UNTIL(stat_of(empty).getters == 1, LIMIT_MS);
    kill_and_restart();
    WAIT_UNTIL(stat_of(bounded).putters == 1 && stat_of(bounded).joiners == 1, LIMIT_MS);
    WAIT_UNTIL(stat_of(empty).getters == 1, LIMIT_MS);
    CHECK_EQUAL(stat_of(empty).leased, 1);
    CHECK_EQUAL(mqc_task_done(held), MQ_OK);
    take_text(bounded, "survives the broker");
    CHECK_EQUAL(call_end(put, NULL), MQ_OK);
    take_text(bounded, "blocked");
    CHECK_EQUAL(call_end(join, NULL), MQ_OK);
    put_text(empty, "for the blocked get");
    CHECK_EQUAL(call_end(get, &item), MQ_OK);
    CHECK(item_is(item, "for the blocked get"));
    CHECK_EQUAL(mqc_item_deliveries(item), 1);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    mqc_queue_close(bounded);
    mqc_queue_close(empty);
    mqc_close(mqc);
}

static void what_a_client_held_that_does_not_come_back_is_anothers(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "left");
    put_text(queue, "x");
    struct mqc_item *item = get_item(queue);
    all_is_on_disk(mqc);
    server_kill(&server);
    mqc_queue_close(queue);
    mqc_item_free(item);
    mqc_close(mqc);
    server_restart(&server);
    mqc = client_open(server.tcp);
    queue = queue_open(mqc, "left");
    CHECK_EQUAL(mqc_get(queue, LIMIT_MS, &item), MQ_OK);
    CHECK_EQUAL(mqc_item_deliveries(item), 2);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

/* --- the directory --- */

static void data_path(char path[160])
{
    broker_path(&server.broker, "data", path, 160);
}

static void a_second_broker_is_refused_and_the_first_goes_on(void)
{
    char path[160];
    data_path(path);
    const char *const arguments[] = {"--bind", "tcp://127.0.0.1:0", "--data", path, NULL};
    struct broker second = {0};
    broker_start(&second, arguments, NULL);
    CHECK_EQUAL(broker_wait(&second), 75);
    CHECK(broker_said(&second, "is in use by another mq-broker"));
    broker_remove(&second);
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "first");
    put_text(queue, "x");
    kill_and_restart();
    take_text(queue, "x");
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void what_cannot_be_a_directory_is_refused(void)
{
    static const struct {
        const char *path;
        int code;
    } bad[] = {{"/dev/null", 78}, {"/no/such/parent", 78}, {"/proc/self/mq", 78}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *const arguments[] = {"--bind", "tcp://127.0.0.1:0", "--data", bad[i].path, NULL};
        struct broker b = {0};
        broker_start(&b, arguments, NULL);
        CHECK_EQUAL(broker_wait(&b), bad[i].code);
        CHECK(broker_said(&b, bad[i].path));
        broker_remove(&b);
    }
}

static void stat_tells_how_it_is_written(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_broker_stat stat = broker_stat_of(mqc);
    CHECK(strcmp(stat.sync, "always") == 0);
    CHECK(strcmp(stat.data, "ok") == 0);
    CHECK_EQUAL(stat.sync_interval_ms, 0);
    CHECK(stat.log_segments > 0 && stat.log_bytes > 0);
    CHECK(stat.live_bytes < stat.log_bytes);
    mqc_close(mqc);
}

static void an_answer_does_not_wait_for_the_interval(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "at-once");
    struct mqc_broker_stat stat = broker_stat_of(mqc);
    CHECK(strcmp(stat.sync, "interval") == 0);
    CHECK_EQUAL(stat.sync_interval_ms, INTERVAL_MS);
    bool was_unsafe = false;
    for (int i = 0; i < 100; i++) {
        put_text(queue, "x");
        was_unsafe |= broker_stat_of(mqc).unsafe_bytes > 0;
    }
    CHECK(was_unsafe);
    all_is_on_disk(mqc);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void a_broker_with_data_sleeps_when_nothing_happens(void)
{
    uint64_t before = 1, after = 0;
    WAIT_UNTIL((before = broker_switches(&server.broker), let_pass(1000),
                after = broker_switches(&server.broker), before == after),
               LIMIT_MS);
}

static int run_always(void)
{
    static const struct unit_test tests[] = {
        UNIT(ten_thousand_items_are_all_there_and_in_order_after_a_kill),
        UNIT(ten_thousand_items_are_all_there_and_in_order_after_a_stop),
        UNIT(what_is_done_stays_done),
        UNIT(a_queue_is_as_it_was),
        UNIT(ids_are_not_given_twice),
        UNIT(a_client_goes_on_with_what_it_held_and_waited_for),
        UNIT(what_a_client_held_that_does_not_come_back_is_anothers),
        UNIT(a_second_broker_is_refused_and_the_first_goes_on),
        UNIT(what_cannot_be_a_directory_is_refused),
        UNIT(stat_tells_how_it_is_written),
        UNIT(a_broker_with_data_sleeps_when_nothing_happens),
    };
    return unit_run("durable", tests, sizeof tests / sizeof *tests);
}

static int run_interval(void)
{
    static const struct unit_test tests[] = {
        UNIT(ten_thousand_items_are_all_there_and_in_order_after_a_kill),
        UNIT(ten_thousand_items_are_all_there_and_in_order_after_a_stop),
        UNIT(an_answer_does_not_wait_for_the_interval),
        UNIT(a_broker_with_data_sleeps_when_nothing_happens),
    };
    return unit_run("durable_interval", tests, sizeof tests / sizeof *tests);
}

int main(int argc, char **argv)
{
    char sync[32];
    has_interval = argc > 1 && strcmp(argv[1], "interval") == 0;
    snprintf(sync, sizeof sync, "interval=%dms", INTERVAL_MS);
    setenv("E2E_DATA", has_interval ? sync : "always", 1);
    server_start(&server, NULL);
    int failed = has_interval ? run_interval() : run_always();
    server_end(&server);
    return failed;
}
