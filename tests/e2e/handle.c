/* handle.c - the life of a client handle: many threads on it, interrupting, closing, forking, a broker that
 * is away. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"
#include "client.h"
#include "server.h"

static struct server server;

static void a_put_blocked_on_a_full_queue_holds_up_no_get_on_the_same_handle(void)
{
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *queue = queue_bounded(mqc, "both-ends", 1);
    for (int i = 0; i < 200; i++) {
        put_text(queue, "first");
        struct call *put = call_put(queue, "second", MQ_FOREVER);
        if (i % 2)
            WAIT_UNTIL(stat_of(queue).putters == 1, LIMIT_MS);
        take_text(queue, "first");
        CHECK_EQUAL(call_end(put, NULL), MQ_OK);
        take_text(queue, "second");
    }
    mqc_queue_close(queue);
    mqc_close(mqc);
}

/* A get, a put and a join that all wait. */
struct blocked {
    struct mqc *mqc;
    struct mqc_queue *full, *empty;
    struct call *get, *put, *join;
};

static struct blocked block(const char *full, const char *empty)
{
    struct blocked b = {.mqc = client_open(server.ipc)};
    b.full = queue_bounded(b.mqc, full, 1);
    b.empty = queue_open(b.mqc, empty);
    put_text(b.full, "x");
    b.get = call_get(b.empty, MQ_FOREVER);
    b.put = call_put(b.full, "y", MQ_FOREVER);
    b.join = call_join(b.full, MQ_FOREVER);
    WAIT_UNTIL(stat_of(b.empty).getters == 1, LIMIT_MS);
    WAIT_UNTIL(stat_of(b.full).putters == 1 && stat_of(b.full).joiners == 1, LIMIT_MS);
    return b;
}

static void check_ended_with(struct blocked *b, enum mq_status status)
{
    CHECK_EQUAL(call_end(b->get, NULL), status);
    CHECK_EQUAL(call_end(b->put, NULL), status);
    CHECK_EQUAL(call_end(b->join, NULL), status);
}

static struct mqc *interrupted_by_signal;

static void on_signal(int signal)
{
    (void)signal;
    mqc_interrupt(interrupted_by_signal);
}

static void an_interrupt_from_a_signal_handler_ends_blocked_calls_and_nothing_else(void)
{
    struct blocked b = block("interrupted-full", "interrupted-empty");
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
    interrupted_by_signal = b.mqc;
    CHECK(sigaction(SIGUSR1, &action, &old) == 0);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    check_ended_with(&b, MQ_INTERRUPTED);
    CHECK(sigaction(SIGUSR1, &old, NULL) == 0);
    CHECK_EQUAL(stat_of(b.empty).getters, 0);
    CHECK_EQUAL(stat_of(b.full).putters, 0);
    CHECK_EQUAL(stat_of(b.full).joiners, 0);
    take_text(b.full, "x");
    put_text(b.full, "goes on");
    take_text(b.full, "goes on");
    mqc_queue_close(b.full);
    mqc_queue_close(b.empty);
    mqc_close(b.mqc);
}

static void an_interrupt_that_races_an_item_loses_nothing(void)
{
    struct mqc *mqc = client_open(server.ipc), *other = client_open(server.ipc);
    struct mqc_queue *queue = queue_open(mqc, "raced"), *same = queue_open(other, "raced");
    int got = 0, rounds = 200;
    for (int i = 0; i < rounds; i++) {
        struct mqc_item *item = NULL;
        struct call *get = call_get(queue, MQ_FOREVER);
        WAIT_UNTIL(stat_of(same).getters == 1, LIMIT_MS);
        put_text(same, "x");
        mqc_interrupt(mqc);
        enum mq_status status = call_end(get, &item);
        CHECK(status == MQ_OK || status == MQ_INTERRUPTED);
        if (status == MQ_OK) {
            got++;
            CHECK_EQUAL(mqc_task_done(item), MQ_OK);
            enum mq_status left = try_get(queue, 1); /* the interrupt, if it came after the get */
            CHECK(left == MQ_INTERRUPTED || left == MQ_EMPTY);
        } else {
            item = get_item(same);
            CHECK_EQUAL(mqc_item_deliveries(item), 1);
            CHECK_EQUAL(mqc_task_done(item), MQ_OK);
        }
        CHECK_EQUAL(stat_of(same).unfinished, 0);
    }
    printf("\n    %d of %d got the item before the interrupt ", got, rounds);
    mqc_queue_close(queue);
    mqc_queue_close(same);
    mqc_close(mqc);
    mqc_close(other);
}

static void a_close_ends_blocked_calls_and_gives_the_leases_back(void)
{
    struct blocked b = block("closed-full", "closed-empty");
    struct mqc *other = client_open(server.ipc);
    struct mqc_queue *full = queue_open(other, "closed-full");
    struct mqc_item *item = get_item(b.full);
    CHECK_EQUAL(call_end(b.put, NULL), MQ_OK);
    mqc_close(b.mqc);
    CHECK_EQUAL(call_end(b.get, NULL), MQ_CLOSED);
    CHECK_EQUAL(call_end(b.join, NULL), MQ_CLOSED);
    struct mqc_item *again = get_item(full);
    CHECK(item_is(again, "x"));
    CHECK_EQUAL(mqc_item_deliveries(again), 2);
    CHECK_EQUAL(mqc_task_done(again), MQ_OK);
    take_text(full, "y");
    mqc_item_free(item);
    mqc_queue_close(b.full);
    mqc_queue_close(b.empty);
    mqc_queue_close(full);
    mqc_close(other);
}

static void after_a_close_calls_on_its_queues_and_items_say_so(void)
{
    struct mqc *mqc = client_open(server.ipc);
    struct mqc_queue *queue = queue_open(mqc, "used-after-close");
    put_texts(queue, 2);
    struct mqc_item *item = get_item(queue);
    struct mqc_queue_stat stat;
    mqc_close(mqc);
    CHECK_EQUAL(try_put(queue, MQ_FOREVER), MQ_CLOSED);
    CHECK_EQUAL(try_get(queue, MQ_FOREVER), MQ_CLOSED);
    CHECK_EQUAL(mqc_join(queue, MQ_FOREVER), MQ_CLOSED);
    CHECK_EQUAL(mqc_stat(queue, &stat), MQ_CLOSED);
    CHECK(item_is(item, "0"));
    CHECK_EQUAL(mqc_task_done(item), MQ_CLOSED);
    mqc_queue_close(queue);
}

/* What the child of a fork sees: each call is refused, and nothing reaches the broker. */
static bool calls_are_refused(struct mqc *mqc, struct mqc_queue *queue, struct mqc_item *item)
{
    struct mqc_queue_stat stat;
    struct mqc_item *none;
    bool refused = mqc_put(queue, "x", 1, MQ_FOREVER) == MQ_INVALID && mqc_stat(queue, &stat) == MQ_INVALID &&
                   mqc_get(queue, MQ_FOREVER, &none) == MQ_INVALID && mqc_join(queue, 0) == MQ_INVALID &&
                   mqc_task_done(item) == MQ_INVALID;
    mqc_queue_close(queue);
    mqc_close(mqc);
    return refused;
}

static void in_a_forked_child_every_call_is_invalid_and_harmless(void)
{
    struct mqc *mqc = client_open(server.ipc);
    struct mqc_queue *queue = queue_open(mqc, "forked");
    put_text(queue, "x");
    struct mqc_item *item = get_item(queue);
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(calls_are_refused(mqc, queue, item) ? 0 : 1);
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK_EQUAL(status, 0);
    CHECK_EQUAL(stat_of(queue).leased, 1);
    CHECK_EQUAL(stat_of(queue).size, 0);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    put_text(queue, "goes on");
    take_text(queue, "goes on");
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static struct mqc_options patience(int64_t connect_timeout_ms)
{
    return (struct mqc_options){.given = MQC_OPTION_CONNECT_TIMEOUT,
                                .connect_timeout_ms = connect_timeout_ms};
}

static void a_broker_that_is_away_is_told_of_within_the_connect_time_out(void)
{
    struct mqc_options options = patience(300);
    struct mqc *mqc = NULL;
    server_stop(&server);
    uint64_t before = clock_ms();
    CHECK_EQUAL(mqc_open(server.tcp, &options, &mqc), MQ_DISCONNECTED);
    uint64_t took = clock_ms() - before;
    CHECK(took >= 300 && took < 3000);
    CHECK(strlen(mqc_error(NULL)) > 0);
    server_restart(&server);
}

/* mqc_open on another thread. Not the broker: it would die with the thread that started it. */
struct opening {
    struct mqc *mqc;
    enum mq_status status;
};

static void *open_patiently(void *context)
{
    struct opening *opening = context;
    struct mqc_options options = patience(LIMIT_MS);
    opening->status = mqc_open(server.tcp, &options, &opening->mqc);
    return NULL;
}

static void a_broker_that_comes_back_within_the_connect_time_out_is_no_error(void)
{
    struct opening opening = {.mqc = NULL};
    pthread_t thread;
    struct mqc *mqc = client_with_patience(server.tcp);
    struct mqc_queue *queue = queue_open(mqc, "back-again");
    server_stop(&server);
    struct call *get = call_get(queue, MQ_FOREVER);
    CHECK(pthread_create(&thread, NULL, open_patiently, &opening) == 0);
    server_restart(&server);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    CHECK_EQUAL(opening.status, MQ_OK);
    put_text(queue, "x");
    CHECK_EQUAL(call_end(get, NULL), MQ_OK);
    mqc_queue_close(queue);
    mqc_close(mqc);
    mqc_close(opening.mqc);
}

static void what_is_not_known_is_refused_in_words(void)
{
    struct mqc_options reserved = {.reserved = {1}}, unknown = {.given = 1u << 31};
    struct mqc *mqc = NULL;
    CHECK_EQUAL(mqc_open(server.tcp, &reserved, &mqc), MQ_INVALID);
    CHECK_EQUAL(mqc_open(server.tcp, &unknown, &mqc), MQ_INVALID);
    CHECK_EQUAL(mqc_open("carrier pigeon", NULL, &mqc), MQ_INVALID);
    CHECK(strlen(mqc_error(NULL)) > 0);
    mqc = client_open(server.tcp);
    struct mqc_queue *queue = NULL, *same = queue_bounded(mqc, "known", 3);
    struct mqc_queue_options other = {.given = MQ_SETTING_MAXSIZE, .maxsize = 4};
    CHECK_EQUAL(mqc_queue_open(mqc, "known", &other, &queue), MQ_EXISTS);
    CHECK(strstr(mqc_error(mqc), "maxsize") != NULL);
    CHECK_EQUAL(mqc_queue_open(mqc, "two words", NULL, &queue), MQ_INVALID);
    CHECK_EQUAL(mqc_queue_open(mqc, "", NULL, &queue), MQ_INVALID);
    mqc_queue_close(same);
    mqc_close(mqc);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(a_put_blocked_on_a_full_queue_holds_up_no_get_on_the_same_handle),
        UNIT(an_interrupt_from_a_signal_handler_ends_blocked_calls_and_nothing_else),
        UNIT(an_interrupt_that_races_an_item_loses_nothing),
        UNIT(a_close_ends_blocked_calls_and_gives_the_leases_back),
        UNIT(after_a_close_calls_on_its_queues_and_items_say_so),
        UNIT(in_a_forked_child_every_call_is_invalid_and_harmless),
        UNIT(what_is_not_known_is_refused_in_words),
        UNIT(a_broker_that_is_away_is_told_of_within_the_connect_time_out),
        UNIT(a_broker_that_comes_back_within_the_connect_time_out_is_no_error),
    };
    server_start(&server, NULL);
    int status = unit_run("handle", tests, sizeof tests / sizeof *tests);
    server_end(&server);
    return status;
}
