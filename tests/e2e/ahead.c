/* ahead.c - consumers that fetch ahead, at a real broker: nothing is lost, doubled, out of order or hoarded.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"
#include "child.h"
#include "client.h"
#include "server.h"
#include "team.h"

enum { PREFETCH = 64 };

static struct server server;

static struct mqc_queue *queue_ahead(struct mqc *mqc, const char *name)
{
    struct mqc_queue *queue = NULL;
    struct mqc_queue_options options = {.prefetch = PREFETCH};
    OK(mqc_queue_open(mqc, name, &options, &queue));
    return queue;
}

static void take_number(struct mqc_queue *queue, int number)
{
    char text[16];
    struct mqc_item *item = NULL;
    snprintf(text, sizeof text, "%d", number);
    OK(mqc_get(queue, MQ_FOREVER, &item));
    CHECK(item_is(item, text));
    CHECK_EQUAL(mqc_item_deliveries(item), 1);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
}

/* A client with a handle that fetches ahead, which has taken so many items as fast as it could. */
struct consumer {
    struct mqc *mqc;
    struct mqc_queue *queue;
};

static struct consumer consumer_new(const char *name, int quickly)
{
    struct consumer c = {.mqc = client_open(server.ipc)};
    c.queue = queue_ahead(c.mqc, name);
    for (int i = 0; i < quickly; i++)
        take_number(c.queue, i);
    return c;
}

static void consumer_free(struct consumer *c)
{
    mqc_queue_close(c->queue);
    mqc_close(c->mqc);
}

static void a_consumer_gets_its_items_in_order_whatever_its_pace(void)
{
    enum { ITEMS = 3000 };
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "paced");
    put_texts(queue, ITEMS);
    struct consumer c = consumer_new("paced", 0);
    for (int i = 0; i < ITEMS; i++) {
        take_number(c.queue, i);
        if (i % 300 == 299)
            let_pass(60); /* so that what lies ahead goes back */
    }
    CHECK_EQUAL(mqc_flush(c.mqc, MQ_FOREVER), MQ_OK);
    CHECK_EQUAL(stat_of(queue).done, ITEMS);
    CHECK_EQUAL(stat_of(queue).unfinished, 0);
    CHECK_EQUAL(stat_of(queue).redelivered, 0);
    consumer_free(&c);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void a_consumer_at_a_long_task_keeps_no_items_from_others(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "long-task");
    put_texts(queue, 1000);
    struct consumer c = consumer_new("long-task", 500);
    struct mqc_item *item = get_item(c.queue); /* its long task */
    CHECK(item_is(item, "500"));
    WAIT_UNTIL(stat_of(queue).leased == 1, LIMIT_MS);
    for (int i = 501; i < 1000; i++)
        take_number(queue, i);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    CHECK_EQUAL(mqc_join(queue, LIMIT_MS), MQ_OK);
    consumer_free(&c);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void a_join_does_not_wait_for_what_lies_ahead_of_its_own_program(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "joined");
    put_texts(queue, 100);
    struct consumer c = consumer_new("joined", 50);
    struct call *join = call_join(c.queue, MQ_FOREVER);
    WAIT_UNTIL(stat_of(queue).joiners == 1, LIMIT_MS);
    CHECK_EQUAL(stat_of(queue).leased, 0);
    for (int i = 50; i < 100; i++)
        take_number(queue, i);
    CHECK_EQUAL(call_end(join, NULL), MQ_OK);
    consumer_free(&c);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void after_a_shutdown_what_lies_ahead_is_still_handed_out(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "ended");
    struct mqc_item *none;
    put_texts(queue, 100);
    struct consumer c = consumer_new("ended", 50);
    CHECK_EQUAL(mqc_shutdown(queue, false), MQ_OK);
    for (int i = 50; i < 100; i++)
        take_number(c.queue, i);
    CHECK_EQUAL(mqc_get(c.queue, MQ_FOREVER, &none), MQ_SHUT_DOWN);
    consumer_free(&c);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void a_put_is_seen_by_the_next_get_that_does_not_wait(void)
{
    struct consumer c = consumer_new("seen", 0);
    for (int i = 0; i < 500; i++) {
        put_text(c.queue, "x");
        take_text(c.queue, "x");
        CHECK_EQUAL(try_get(c.queue, MQ_NOWAIT), MQ_EMPTY);
    }
    consumer_free(&c);
}

/* Works on item 50, with more ahead, until it is killed. */
static void take_some_and_hang(void *context, int report_fd)
{
    (void)context;
    struct mqc *mqc = client_open(server.ipc);
    struct mqc_queue *queue = queue_ahead(mqc, "killed");
    put_texts(queue, 200);
    for (int i = 0; i < 50; i++)
        OK(mqc_task_done(get_item(queue)));
    OK(mqc_flush(mqc, MQ_FOREVER));
    (void)get_item(queue);
    REQUIRE(write(report_fd, "x", 1) == 1);
    pause();
}

static void what_lay_ahead_of_a_killed_consumer_comes_back_in_order(void)
{
    char byte, text[16];
    struct child child;
    child_start(&child, take_some_and_hang, NULL);
    child_read(&child, &byte, 1);
    child_kill(&child);
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "killed");
    WAIT_UNTIL(stat_of(queue).size == 150, LIMIT_MS);
    for (int i = 50; i < 200; i++) {
        snprintf(text, sizeof text, "%d", i);
        take_text(queue, text);
    }
    CHECK_EQUAL(stat_of(queue).unfinished, 0);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

enum { SHARED_ITEMS = 20000, CONSUMERS = 4 };
static atomic_uchar seen[SHARED_ITEMS];

static void consume_shared(struct mqc *mqc, struct mqc_queue *queue)
{
    struct mqc_item *item;
    while (mqc_get(queue, MQ_FOREVER, &item) == MQ_OK) {
        char text[16] = "";
        memcpy(text, mqc_item_body(item), mqc_item_size(item));
        REQUIRE(atomic_fetch_add(&seen[atoi(text)], 1) == 0);
        OK(mqc_task_done(item));
    }
    OK(mqc_flush(mqc, MQ_FOREVER));
}

static void consume_alone(void *context, int index)
{
    (void)context;
    (void)index;
    struct consumer c = consumer_new("shared", 0);
    consume_shared(c.mqc, c.queue);
    consumer_free(&c);
}

static void consume_together(void *context, int index)
{
    struct consumer *c = context;
    (void)index;
    consume_shared(c->mqc, c->queue);
}

/* All come once: while some are put, and until the shutdown. */
static void consume_by_many(const char *name, team_member *member, void *context)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, name);
    memset(seen, 0, sizeof seen);
    struct team *team = team_start(CONSUMERS, member, context);
    put_texts(queue, SHARED_ITEMS);
    CHECK_EQUAL(mqc_join(queue, MQ_FOREVER), MQ_OK);
    CHECK_EQUAL(mqc_shutdown(queue, false), MQ_OK);
    team_end(team);
    for (int i = 0; i < SHARED_ITEMS; i++)
        CHECK(seen[i] == 1);
    CHECK_EQUAL(stat_of(queue).done, SHARED_ITEMS);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void four_consumers_get_each_item_once(void)
{
    consume_by_many("shared", consume_alone, NULL);
}

static void four_threads_on_one_handle_get_each_item_once(void)
{
    struct consumer c = consumer_new("shared-handle", 0);
    consume_by_many("shared-handle", consume_together, &c);
    consumer_free(&c);
}

static void a_forked_child_takes_nothing_of_what_lies_ahead(void)
{
    int status;
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "forked-ahead");
    put_texts(queue, 100);
    struct consumer c = consumer_new("forked-ahead", 50);
    pid_t child = fork();
    if (child == 0) {
        struct mqc_item *none;
        bool refused = mqc_get(c.queue, MQ_NOWAIT, &none) == MQ_INVALID;
        consumer_free(&c);
        _exit(refused ? 0 : 1);
    }
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK_EQUAL(status, 0);
    for (int i = 50; i < 100; i++)
        take_number(c.queue, i);
    consumer_free(&c);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(what_lay_ahead_of_a_killed_consumer_comes_back_in_order), /* it forks */
        UNIT(a_consumer_gets_its_items_in_order_whatever_its_pace),
        UNIT(a_consumer_at_a_long_task_keeps_no_items_from_others),
        UNIT(a_join_does_not_wait_for_what_lies_ahead_of_its_own_program),
        UNIT(after_a_shutdown_what_lies_ahead_is_still_handed_out),
        UNIT(a_put_is_seen_by_the_next_get_that_does_not_wait),
        UNIT(four_consumers_get_each_item_once),
        UNIT(four_threads_on_one_handle_get_each_item_once),
        UNIT(a_forked_child_takes_nothing_of_what_lies_ahead),
    };
    server_start(&server, NULL);
    int failed = unit_run("ahead", tests, sizeof tests / sizeof *tests);
    server_end(&server);
    return failed;
}
