/* torture.c - a broker with a data directory is killed again and again under producers and consumers that
 * live on.
 *
 *     e2e_torture [--kills N] [--minutes M] [--seed N] [--restarts]
 *
 * Four queues (FIFO, LIFO, priority, and a FIFO with one consumer), all bounded, small segments. The broker
 * is killed with -9 at random moments and started again; now and then a producer or a consumer is killed,
 * too. Nobody else may see anything but a pause. What everybody was told is in a book (torture_book.h) that
 * is judged at the end: no acknowledged put is lost or stored twice, no acknowledged task_done undone, order
 * kept, and what a consumer holds stays its own over all restarts. With --restarts the broker is asked to
 * stop instead, no client is killed, and nothing at all may be handed out twice. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "client.h"
#include "server.h"
#include "torture_book.h"

enum {
    KILLS = 200,
    PAUSE_MAX_MS = 120, /* from the ready line to the next kill */
    BATCH_MAX = 40,
    HELD_MAX = 64, /* items that a consumer has in hand */
    QUEUE_MAX = 2000,
    KILLS_A_CLIENT = 12 /* ... of the broker between two of clients */
};

static struct server server;
static unsigned seed = 1;
static bool restarts; /* instead of kills */
static struct child producers[BOOK_PRODUCERS], consumers[BOOK_CONSUMERS];

struct role {
    uint32_t index;
};
static struct role roles[BOOK_CONSUMERS] = {{0}, {1}, {2}, {3}, {4}};

static unsigned below(unsigned count)
{
    return (unsigned)rand() % count;
}

static struct mqc_queue *open_queue(struct mqc *mqc, uint32_t index)
{
    static const char *const names[BOOK_QUEUES] = {"fifo", "lifo", "priority", "single"};
    static const enum mq_kind kinds[BOOK_QUEUES] = {MQ_KIND_FIFO, MQ_KIND_LIFO, MQ_KIND_PRIORITY,
                                                    MQ_KIND_FIFO};
    return queue_of_kind(mqc, names[index], kinds[index], QUEUE_MAX);
}

/* --- producers --- */

struct producer {
    uint32_t index;
    struct mqc *mqc;
    struct mqc_queue *queues[BOOK_QUEUES];
};

static struct mqc_put put_of(const struct slip *slip)
{
    struct mqc_put put = {.body = slip, .size = sizeof *slip};
    if (slip->queue == 2)
        put.priority = mqc_key_int((int64_t)(slip->index % 7));
    return put;
}

static void put_one(struct producer *p, uint32_t queue)
{
    struct slip slip;
    uint64_t id = 0;
    if (!book_next(p->index, queue, &slip))
        return;
    struct mqc_put put = put_of(&slip);
    OK(mqc_put_item(p->queues[queue], &put, MQ_FOREVER, &id));
    book_stored(&slip, id);
}

static void put_some(struct producer *p, uint32_t queue)
{
    struct slip slips[BATCH_MAX];
    struct mqc_put puts[BATCH_MAX];
    size_t count = 0, most = 1 + below(BATCH_MAX), stored = 0;
    while (count < most && book_next(p->index, queue, &slips[count])) {
        puts[count] = put_of(&slips[count]);
        count++;
    }
    if (count == 0)
        return;
    OK(mqc_put_many(p->queues[queue], puts, count, MQ_FOREVER, &stored));
    REQUIRE(stored == count);
    for (size_t i = 0; i < count; i++)
        book_stored(&slips[i], 0);
}

static void on_put_done(void *context, enum mq_status status, uint64_t id)
{
    struct slip *slip = context;
    OK(status);
    book_stored(slip, id);
    free(slip);
}

static void put_async(struct producer *p, uint32_t queue)
{
    for (unsigned left = 1 + below(BATCH_MAX); left > 0; left--) {
        struct slip *slip = malloc(sizeof *slip);
        REQUIRE(slip);
        if (!book_next(p->index, queue, slip)) {
            free(slip);
            return;
        }
        struct mqc_put put = put_of(slip);
        OK(mqc_put_async(p->queues[queue], &put, on_put_done, slip));
    }
    OK(mqc_flush(p->mqc, MQ_FOREVER));
}

static void produce(void *context, int report_fd)
{
    static void (*const ways[])(struct producer *, uint32_t) = {put_one, put_some, put_async};
    (void)report_fd;
    struct producer p = {.index = ((const struct role *)context)->index,
                         .mqc = client_with_patience(server.tcp)};
    srand(seed * 1000 + p.index + (unsigned)clock_ms());
    for (uint32_t q = 0; q < BOOK_QUEUES; q++)
        p.queues[q] = open_queue(p.mqc, q);
    while (!atomic_load(&book->is_over) && atomic_load(&book->next[p.index]) < BOOK_ITEMS)
        ways[below(3)](&p, below(BOOK_QUEUES));
    for (uint32_t q = 0; q < BOOK_QUEUES; q++)
        mqc_queue_close(p.queues[q]);
    mqc_close(p.mqc);
}

/* --- consumers --- */

struct consumer {
    uint32_t index, queue;
    struct mqc *mqc;
    struct mqc_queue *handle;
    struct mqc_item *held[HELD_MAX];
    struct slip slips[HELD_MAX];
    size_t count;
    uint64_t highest; /* single: id */
};

static bool is_single(const struct consumer *c)
{
    return c->queue == BOOK_QUEUES - 1;
}

/* Whoever has a FIFO alone gets its items in the order of their ids; only what it has had before comes again.
 */
static void check_order(struct consumer *c, const struct mqc_item *item, const struct slip *slip)
{
    uint64_t id = mqc_item_id(item);
    bool is_again = atomic_load(&book->entries[slip->producer][slip->index].taken) > 1;
    REQUIRE(id > c->highest || is_again);
    c->highest = id > c->highest ? id : c->highest;
}

static void take(struct consumer *c)
{
    size_t count = 0, room = HELD_MAX - c->count;
    size_t most = 1 + below((unsigned)(room < BATCH_MAX ? room : BATCH_MAX));
    enum mq_status status = mqc_get_many(c->handle, most, 100, c->held + c->count, &count);
    REQUIRE(status == MQ_OK || status == MQ_EMPTY);
    for (size_t i = 0; i < count; i++, c->count++) {
        c->slips[c->count] = book_taken(c->held[c->count], c->index, c->queue);
        if (is_single(c))
            check_order(c, c->held[c->count], &c->slips[c->count]);
    }
}

/* The first of those in hand are done; now and then they go back. */
static void finish(struct consumer *c, size_t count)
{
    enum mq_status each[HELD_MAX];
    bool goes_back = !is_single(c) && !restarts && below(10) == 0;
    if (goes_back) {
        for (size_t i = 0; i < count; i++) {
            book_given_back(&c->slips[i]); /* before: it may be somebody else's before the answer is here */
            enum mq_status status = mqc_release(c->held[i], 0);
            REQUIRE(status == MQ_OK || status == MQ_LEASE_LOST);
        }
    } else if (count > 0) {
        for (size_t i = 0; i < count; i++)
            book_finishing(&c->slips[i]);
        mqc_task_done_many(c->held, count, each);
        for (size_t i = 0; i < count; i++)
            book_done(&c->slips[i], each[i]);
    }
    c->count -= count;
    memmove(c->held, c->held + count, c->count * sizeof *c->held);
    memmove(c->slips, c->slips + count, c->count * sizeof *c->slips);
}

static void consume(void *context, int report_fd)
{
    (void)report_fd;
    struct consumer c = {.index = ((const struct role *)context)->index,
                         .mqc = client_with_patience(server.ipc)};
    c.queue = c.index < BOOK_QUEUES ? c.index : 0; /* the FIFO has two */
    srand(seed * 2000 + c.index + (unsigned)clock_ms());
    c.handle = open_queue(c.mqc, c.queue);
    while (!atomic_load(&book->is_drained) || c.count > 0) {
        if (c.count < HELD_MAX && !atomic_load(&book->is_drained))
            take(&c);
        if (below(3) > 0 || c.count > HELD_MAX / 2 || atomic_load(&book->is_over))
            finish(&c, atomic_load(&book->is_over) ? c.count : below((unsigned)c.count + 1));
    }
    mqc_queue_close(c.handle);
    mqc_close(c.mqc);
}

/* --- the torturer --- */

static void start_consumer(uint32_t index)
{
    child_start(&consumers[index], consume, &roles[index]);
}

static void start_producer(uint32_t index)
{
    child_start(&producers[index], produce, &roles[index]);
}

/* Its session is over when the grace is; until then nobody gets what it held. (The grace is long, so that a
 * slow machine, where a client needs a while to come back, does not look like a broken promise.) */
static void kill_a_client(void)
{
    uint32_t index = (uint32_t)below(BOOK_QUEUES - 1);
    if (below(2)) {
        child_kill(&producers[index]);
        start_producer(index);
    } else {
        child_kill(&consumers[index]);
        book_died(index);
        start_consumer(index);
    }
}

static void restart_the_broker(void)
{
    let_pass((int)below(PAUSE_MAX_MS));
    server_stop(&server);
    server_restart(&server);
}

static void kill_the_broker(void)
{
    let_pass((int)below(PAUSE_MAX_MS));
    atomic_store(&book->kill_ms,
                 clock_ms() + 1000000); /* until it is over, any moment may have been the last */
    server_kill(&server);
    atomic_store(&book->kill_ms, clock_ms());
    server_restart(&server);
}

static bool is_empty(struct mqc *mqc)
{
    for (uint32_t q = 0; q < BOOK_QUEUES; q++) {
        struct mqc_queue *queue = open_queue(mqc, q);
        struct mqc_queue_stat stat = stat_of(queue);
        mqc_queue_close(queue);
        if (stat.unfinished > 0)
            return false;
    }
    return true;
}

static void end_clients(void)
{
    atomic_store(&book->is_over, true);
    for (int i = 0; i < BOOK_PRODUCERS; i++)
        REQUIRE(child_wait(&producers[i], 2 * LIMIT_MS) == 0);
    struct mqc *mqc = client_with_patience(server.tcp);
    WAIT_UNTIL(is_empty(mqc), 2 * LIMIT_MS);
    mqc_close(mqc);
    atomic_store(&book->is_drained, true);
    for (int i = 0; i < BOOK_CONSUMERS; i++)
        REQUIRE(child_wait(&consumers[i], 2 * LIMIT_MS) == 0);
}

/* A new book, and so many kills. */
static void torture(int kills)
{
    memset(book, 0, sizeof *book);
    for (uint32_t i = 0; i < BOOK_PRODUCERS; i++)
        start_producer(i);
    for (uint32_t i = 0; i < BOOK_CONSUMERS; i++)
        start_consumer(i);
    for (int i = 1; i <= kills; i++) {
        if (restarts)
            restart_the_broker();
        else
            kill_the_broker();
        if (!restarts && i % KILLS_A_CLIENT == 0)
            kill_a_client();
    }
    end_clients();
    book_judge();
    REQUIRE(!restarts || (atomic_load(&book->again) == 0 && atomic_load(&book->forgotten) == 0));
    printf("torture: seed %u, %d kills: %llu items stored, %llu done, %llu handed out again, %llu hand-outs "
           "forgotten\n",
           seed, kills, (unsigned long long)atomic_load(&book->stored),
           (unsigned long long)atomic_load(&book->done), (unsigned long long)atomic_load(&book->again),
           (unsigned long long)atomic_load(&book->forgotten));
}

static int usage(void)
{
    fprintf(stderr, "usage: e2e_torture [--kills N] [--minutes M] [--seed N] [--restarts]\n");
    return 64;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"kills", required_argument, NULL, 'k'},
                                            {"minutes", required_argument, NULL, 'm'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"restarts", no_argument, NULL, 'r'},
                                            {0}};
    int kills = KILLS, option;
    double minutes = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'k')
            kills = atoi(optarg);
        else if (option == 'm')
            minutes = atof(optarg);
        else if (option == 's')
            seed = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'r')
            restarts = true;
        else
            return usage();
    }
    static const char *const arguments[] = {"--segment-size", "1M",  "--log-level", "warn",
                                            "--resume-grace", "15s", NULL};
    REQUIRE(setenv("E2E_DATA", "always", 1) == 0); /* server_start() gives it a data directory */
    book = shared_memory(sizeof *book);
    server_start(&server, arguments);
    uint64_t end_ms = clock_ms() + (uint64_t)(minutes * 60000);
    do {
        srand(seed);
        torture(kills);
        seed++;
    } while (clock_ms() < end_ms);
    server_end(&server);
    return 0;
}
