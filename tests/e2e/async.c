/* async.c - async puts, and puts of many threads that share requests, over real brokers: everything arrives
 * once and in order, nobody waits for another, whatever happens to line and broker. */
#include <stdatomic.h>
#include <string.h>

#include "client.h"
#include "proxy.h"
#include "server.h"
#include "team.h"

static struct server server;

/* Results of async puts whose bodies are numbers from 0. */
struct tally {
    atomic_int ok, lost;
    uint64_t last_id;
};

static void count(void *context, enum mq_status status, uint64_t id)
{
    struct tally *tally = context;
    REQUIRE(status == MQ_OK || status == MQ_SESSION_LOST);
    if (status == MQ_OK)
        REQUIRE(id > tally->last_id);
    if (status == MQ_OK)
        tally->last_id = id;
    atomic_fetch_add(status == MQ_OK ? &tally->ok : &tally->lost, 1);
}

static void put_number(struct mqc_queue *queue, int number, struct tally *tally)
{
    struct mqc_put put = {.body = &number, .size = sizeof number};
    OK(mqc_put_async(queue, &put, count, tally));
}

static int number_of(const struct mqc_item *item)
{
    int number;
    REQUIRE(mqc_item_size(item) == sizeof number);
    memcpy(&number, mqc_item_body(item), sizeof number);
    return number;
}

/* Takes the items from `first` to before `end`, whose numbers must follow one another. */
static void take_numbers(struct mqc_queue *queue, int first, int end)
{
    enum { AT_ONCE = 1000 };
    static struct mqc_item *items[AT_ONCE];
    while (first < end) {
        size_t taken = 0;
        OK(mqc_get_many(queue, AT_ONCE, 6 * LIMIT_MS, items, &taken));
        for (size_t i = 0; i < taken; i++)
            REQUIRE(number_of(items[i]) == first++);
        OK(mqc_task_done_many(items, taken, NULL));
    }
    REQUIRE(first == end);
}

/* ---- In order ------------------------------------------------------------------------------------------ */

struct stream {
    struct mqc_queue *puts, *gets; /* of two clients */
    int count;
    struct tally tally;
};

static void stream(void *context, int index)
{
    struct stream *s = context;
    if (index == 1) {
        take_numbers(s->gets, 0, s->count);
        return;
    }
    for (int i = 0; i < s->count; i++)
        put_number(s->puts, i, &s->tally);
}

static void run_stream(const char *put_at, const char *get_at, int items, int64_t maxsize)
{
    static struct stream s;
    struct mqc *producer = client_with_patience(put_at), *consumer = client_with_patience(get_at);
    s = (struct stream){.count = items};
    s.puts = queue_bounded(producer, "stream", maxsize);
    s.gets = queue_open(consumer, "stream");
    struct team *team = team_start(2, stream, &s);
    team_end(team);
    CHECK_EQUAL(mqc_flush(producer, MQ_FOREVER), MQ_OK);
    CHECK_EQUAL(atomic_load(&s.tally.ok), items);
    struct mqc_queue_stat stat = stat_of(s.gets);
    CHECK_EQUAL(stat.puts, items);
    CHECK_EQUAL(stat.unfinished, 0);
    CHECK_EQUAL(mqc_queue_remove(s.gets, false, NULL), MQ_OK);
    mqc_queue_close(s.puts);
    mqc_queue_close(s.gets);
    mqc_close(producer);
    mqc_close(consumer);
}

static void a_million_async_puts_arrive_once_and_in_order(void)
{
    run_stream(server.tcp, server.ipc, 1000000, 0);
}

static void async_puts_into_a_small_queue_arrive_once_and_in_order(void)
{
    run_stream(server.ipc, server.ipc, 3000, 1);
    run_stream(server.tcp, server.tcp, 30000, 100);
}

static void async_puts_over_a_line_that_is_cut_arrive_once_and_in_order(void)
{
    enum { CUT_EVERY = 50000 };
    struct proxy *proxy = proxy_start(server.tcp, 1);
    proxy_cut_every(proxy, CUT_EVERY);
    run_stream(proxy_endpoint(proxy), server.ipc, 60000, 2000);
    printf("\n    cut %u times ", proxy_cuts(proxy));
    CHECK(proxy_cuts(proxy) > 5);
    proxy_stop(proxy);
}

/* ---- Threads on one handle ----------------------------------------------------------------------------- */

enum { THREADS = 16, EACH = 200 };

struct crowd {
    struct mqc_queue *puts, *gets;
    atomic_int seen[THREADS]; /* items of each thread that have come out */
};

/* Puts and takes: what each thread has put comes out in its order. */
static void put_and_take(void *context, int index)
{
    struct crowd *crowd = context;
    for (int i = 0; index < THREADS && i < EACH; i++) {
        int body[2] = {index, i};
        OK(mqc_put(crowd->puts, body, sizeof body, MQ_FOREVER));
    }
    for (int i = 0; index == THREADS && i < THREADS * EACH; i++) {
        struct mqc_item *item;
        int body[2];
        OK(mqc_get(crowd->gets, LIMIT_MS, &item));
        memcpy(body, mqc_item_body(item), sizeof body);
        REQUIRE(atomic_fetch_add(&crowd->seen[body[0]], 1) == body[1]);
        OK(mqc_task_done(item));
    }
}

static void threads_that_put_into_a_queue_of_one_block_each_other_never(void)
{
    static struct crowd crowd;
    struct mqc *mqc = client_open(server.ipc);
    crowd.puts = queue_bounded(mqc, "narrow", 1);
    crowd.gets = queue_open(mqc, "narrow");
    struct team *team = team_start(THREADS + 1, put_and_take, &crowd);
    team_end(team);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQUAL(atomic_load(&crowd.seen[i]), EACH);
    mqc_queue_close(crowd.puts);
    mqc_queue_close(crowd.gets);
    mqc_close(mqc);
}

/* ---- Several queues, and the end ----------------------------------------------------------------------- */

static void async_puts_that_wait_for_room_do_not_hold_up_those_into_another_queue(void)
{
    struct tally stuck = {0}, free = {0};
    struct mqc *mqc = client_open(server.tcp);
    struct mqc_queue *full = queue_bounded(mqc, "stuck", 1), *roomy = queue_open(mqc, "free");
    for (int i = 0; i < 10; i++) {
        put_number(full, i, &stuck);
        put_number(roomy, i, &free);
    }
    WAIT_UNTIL(atomic_load(&free.ok) == 10, LIMIT_MS);
    CHECK_EQUAL(mqc_flush(mqc, 1), MQ_TIMED_OUT);
    CHECK_EQUAL(mqc_put_nowait(full, "x", 1), MQ_FULL);
    CHECK_EQUAL(mqc_put_nowait(roomy, "x", 1), MQ_OK);
    take_numbers(full, 0, 10);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK_EQUAL(atomic_load(&stuck.ok), 10);
    mqc_queue_close(full);
    mqc_queue_close(roomy);
    mqc_close(mqc);
}

static void a_close_stores_what_was_accepted(void)
{
    struct tally tally = {0};
    struct mqc *mqc = client_open(server.tcp), *other = client_open(server.ipc);
    struct mqc_queue *queue = queue_open(mqc, "closed-soon"), *same = queue_open(other, "closed-soon");
    for (int i = 0; i < 5000; i++)
        put_number(queue, i, &tally);
    mqc_queue_close(queue);
    mqc_close(mqc);
    CHECK_EQUAL(atomic_load(&tally.ok), 5000);
    take_numbers(same, 0, 5000);
    mqc_queue_close(same);
    mqc_close(other);
}

/* What waited at the broker that went is lost, and said to be; what had only gathered is stored by the next.
 */
static void a_broker_that_was_restarted_gets_what_was_not_under_way(void)
{
    enum { PUTS = 1000, ROOM = 10 };
    struct tally tally = {0};
    struct mqc *mqc = client_with_patience(server.tcp);
    struct mqc_queue *queue = queue_bounded(mqc, "restarted", ROOM);
    for (int i = 0; i < PUTS; i++)
        put_number(queue, i, &tally);
    WAIT_UNTIL(stat_of(queue).putters == 1 && atomic_load(&tally.ok) == ROOM, LIMIT_MS);
    server_stop(&server);
    server_restart(&server);
    WAIT_UNTIL(atomic_load(&tally.ok) == 2 * ROOM, LIMIT_MS);
    int lost = atomic_load(&tally.lost);
    printf("\n    %d of %d lost ", lost, PUTS);
    take_numbers(queue, ROOM + lost, PUTS);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_SESSION_LOST);
    CHECK_EQUAL(atomic_load(&tally.ok) + lost, PUTS);
    CHECK_EQUAL(atomic_load(&tally.lost), lost);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static int run_million(void)
{
    static const struct unit_test tests[] = {UNIT(a_million_async_puts_arrive_once_and_in_order)};
    return unit_run("async_million", tests, sizeof tests / sizeof *tests);
}

/* Many connections are lost while their hello is on its way. */
static int run_cut(void)
{
    static const struct unit_test tests[] = {
        UNIT(async_puts_over_a_line_that_is_cut_arrive_once_and_in_order),
        UNIT(async_puts_over_a_line_that_is_cut_arrive_once_and_in_order),
        UNIT(async_puts_over_a_line_that_is_cut_arrive_once_and_in_order),
    };
    return unit_run("async_cut", tests, sizeof tests / sizeof *tests);
}

static int run_rest(void)
{
    static const struct unit_test tests[] = {
        UNIT(async_puts_into_a_small_queue_arrive_once_and_in_order),
        UNIT(async_puts_over_a_line_that_is_cut_arrive_once_and_in_order),
        UNIT(threads_that_put_into_a_queue_of_one_block_each_other_never),
        UNIT(async_puts_that_wait_for_room_do_not_hold_up_those_into_another_queue),
        UNIT(a_close_stores_what_was_accepted),
        UNIT(a_broker_that_was_restarted_gets_what_was_not_under_way),
    };
    return unit_run("async", tests, sizeof tests / sizeof *tests);
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "";
    server_start(&server, NULL);
    int failed = strcmp(part, "million") == 0 ? run_million()
                 : strcmp(part, "cut") == 0   ? run_cut()
                                              : run_rest();
    server_end(&server);
    return failed;
}
