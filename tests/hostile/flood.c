/* flood.c - peers that send without end, never read, or come in crowds. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peer.h"
#include "raw.h"
#include "wait.h"

static struct broker broker;
static struct peer witness;

enum { GROWTH_KB = 16 << 10 };

static void start(void)
{
    static const char *const arguments[] = {
        "--bind", "tcp://127.0.0.1:0", "--resume-grace", "0", "--remember", "0", NULL};
    broker_start(&broker, arguments, NULL);
    peer_join(&witness, &broker);
    peer_works(&witness, "witness");
}

static void begin(void)
{
    broker = (struct broker){0};
    start();
}

static void end(void)
{
    peer_works(&witness, "witness");
    peer_close(&witness);
    broker_stop(&broker);
}

/* Sends what `next` makes until the broker has cut the line, or the peer's time is over. */
static void flood_until_cut_off(struct peer *p, void (*next)(struct peer *p))
{
    uint64_t deadline = clock_ms() + LIMIT_MS;
    while (!broker_said(&broker, "event=cut_off")) {
        CHECK(clock_ms() < deadline);
        for (int i = 0; i < 1000; i++)
            next(p);
        peer_works(&witness, "witness");
    }
}

/* Claims to have received what it never read. */
static void ask_and_confirm(struct peer *p)
{
    struct range all = {1, p->next_number - 1};
    struct request stat = {.verb = MQ_VERB_STAT, .number = p->next_number++};
    if (all.last > 0)
        stat.confirms = (struct ranges){&all, 1};
    peer_send_request(p, &stat);
}

static void say_hello_again(struct peer *p)
{
    struct hello hello = {.version = 99};
    peer_send_hello(p, &hello);
}

/* A peer that never reads, and has a session. */
static void join_deaf(struct peer *p)
{
    peer_open_with(p, &broker, NULL, 1);
    struct hello hello = peer_hello_new(p);
    peer_send_hello(p, &hello);
}

static void check_cut_off(void (*next)(struct peer *p))
{
    struct peer deaf;
    begin();
    size_t before = broker_memory_kb(&broker);
    join_deaf(&deaf);
    flood_until_cut_off(&deaf, next);
    CHECK(broker_memory_kb(&broker) < before + GROWTH_KB);
    peer_close(&deaf);
    end();
}

static void who_reads_no_answers_is_cut_off(void)
{
    check_cut_off(ask_and_confirm);
}

static void who_says_hello_without_end_and_reads_nothing_is_cut_off(void)
{
    check_cut_off(say_hello_again);
}

static void put_large_item(size_t size)
{
    struct put_item item = {.body = {calloc(1, size), size}};
    struct request put = {.verb = MQ_VERB_PUT, .queue = mq_bytes("witness"), .puts = &item, .put_count = 1};
    CHECK_EQUAL(peer_ask(&witness, put).count, 1);
    free((void *)(uintptr_t)item.body.data);
}

/* Each time the answer is the same item, to be kept until it is read. Requests that come in one turn would
 * get one answer, so the witness is asked between them. */
static void ask_for_it_again(struct peer *deaf, int times)
{
    struct request get = {.verb = MQ_VERB_GET, .number = 1, .queue = mq_bytes("witness"), .max = 1};
    struct request ping = {.verb = MQ_VERB_PING};
    for (int i = 0; i < times; i++) {
        peer_send_request(deaf, &get);
        CHECK_EQUAL(peer_ask(&witness, ping).status, MQ_OK);
    }
}

/* What it took goes back when it is cut off. */
static void who_asks_for_large_answers_and_reads_none_is_cut_off(void)
{
    enum { SIZE = 4 << 20 };
    struct peer deaf;
    begin();
    put_large_item(SIZE);
    join_deaf(&deaf);
    uint64_t deadline = clock_ms() + LIMIT_MS;
    while (!broker_said(&broker, "event=cut_off")) {
        CHECK(clock_ms() < deadline);
        ask_for_it_again(&deaf, 5);
    }
    struct request get = {.verb = MQ_VERB_GET, .queue = mq_bytes("witness"), .max = 1, .timeout_ms = 10000};
    CHECK_EQUAL(peer_ask(&witness, get).items[0].body.size, SIZE);
    peer_close(&deaf);
    end();
}

/* Each keeps below what one may have, but together they have more than there is for those who do not read:
 * three do, or some more if the broker sees several of their requests at once. */
static void many_who_read_nothing_share_what_there_is(void)
{
    enum { SIZE = 16 << 20, TIMES = 19, MANY = 10 };
    static const char *const arguments[] = {"--bind", "tcp://127.0.0.1:0", "--memory-limit", "200M", NULL};
    struct peer deaf[MANY];
    broker = (struct broker){0};
    broker_start(&broker, arguments, NULL);
    peer_join(&witness, &broker);
    peer_works(&witness, "witness");
    size_t count = 0;
    while (count < MANY && !broker_said(&broker, "event=cut_off")) {
        put_large_item(SIZE);
        join_deaf(&deaf[count]);
        ask_for_it_again(&deaf[count++], TIMES);
        CHECK(count > 1 || !broker_said(&broker, "event=cut_off"));
    }
    broker_wait_said(&broker, "event=cut_off");
    for (size_t i = 0; i < count; i++)
        peer_close(&deaf[i]);
    struct request removal = {.verb = MQ_VERB_REMOVE, .queue = mq_bytes("witness"), .force = true};
    CHECK_EQUAL(peer_ask(&witness, removal).status, MQ_OK);
    end();
}

static void garbage_without_end_fills_neither_memory_nor_log(void)
{
    struct peer loud;
    char path[128];
    struct stat log;
    begin();
    peer_open(&loud, &broker);
    size_t before = broker_memory_kb(&broker);
    for (int i = 0; i < 20000; i++) {
        peer_send(&loud, "garbage", 7);
        if (i % 1000 == 0)
            peer_works(&witness, "witness");
    }
    peer_expect_refused(&loud, MQ_INVALID);
    peer_works(&witness, "witness");
    CHECK(broker_memory_kb(&broker) < before + GROWTH_KB);
    broker_path(&broker, "stderr", path, sizeof path);
    CHECK(stat(path, &log) == 0 && log.st_size < 10000);
    peer_close(&loud);
    end();
}

/* It has a session and a connection, but nothing in it lives: nobody answers ZeroMQ's pings. */
static void who_answers_no_heartbeat_is_closed(void)
{
    static const char *const arguments[] = {
        "--bind", "tcp://127.0.0.1:0", "--heartbeat", "100ms", "--heartbeat-timeout", "300ms", NULL};
    struct peer words;
    broker = (struct broker){0};
    broker_start(&broker, arguments, NULL);
    peer_join(&witness, &broker);
    peer_open(&words, &broker);
    struct hello hello = peer_hello_new(&words);
    struct bytes frame;
    CHECK_EQUAL(codec_encode_hello(words.codec, &hello, &frame), MQ_OK);
    int fd = raw_connect_dealer(&broker);
    raw_send(fd, (const uint8_t[]){0, (uint8_t)frame.size}, 2);
    raw_send(fd, frame.data, frame.size);
    raw_wait_closed(fd);
    close(fd);
    uint64_t deadline = clock_ms() + LIMIT_MS;
    struct request stat = {.verb = MQ_VERB_STAT};
    while (peer_ask(&witness, stat).broker->connected > 1)
        CHECK(clock_ms() < deadline);
    peer_close(&words);
    end();
}

static void come_and_go(int count)
{
    for (int i = 0; i < count; i++) {
        struct peer guest;
        peer_join(&guest, &broker);
        if (i % 10 == 0)
            peer_works(&guest, "guests");
        peer_close(&guest);
    }
}

static void sessions_that_come_and_vanish_leave_nothing(void)
{
    begin();
    come_and_go(300);
    size_t before = broker_memory_kb(&broker);
    come_and_go(300);
    CHECK(broker_memory_kb(&broker) < before + GROWTH_KB);
    uint64_t deadline = clock_ms() + LIMIT_MS;
    struct request stat = {.verb = MQ_VERB_STAT};
    while (peer_ask(&witness, stat).broker->sessions > 1)
        CHECK(clock_ms() < deadline);
    end();
}

static size_t descriptors_wanted;

static bool has_descriptors(void *context)
{
    (void)context;
    return broker_descriptors(&broker) == descriptors_wanted;
}

/* More connections than the broker may open: those that have one go on, and when the crowd leaves, others can
 * come again. */
static void a_crowd_at_the_door_keeps_nobody_inside_from_working(void)
{
    enum { CROWD = 300 };
    static int crowd[CROWD];
    broker = (struct broker){.descriptors_max = 128};
    start();
    size_t usual = broker_descriptors(&broker);
    for (int i = 0; i < CROWD; i++)
        crowd[i] = raw_connect(&broker);
    broker_wait_said(&broker, "event=connections_near_limit");
    peer_works(&witness, "witness");
    for (int i = 0; i < CROWD; i++)
        close(crowd[i]);
    descriptors_wanted = usual;
    wait_until(has_descriptors, NULL, "the crowd to be gone");
    struct peer late;
    peer_join(&late, &broker);
    peer_works(&late, "late");
    peer_close(&late);
    end();
}

static const struct unit_test tests[] = {
    UNIT(who_reads_no_answers_is_cut_off),
    UNIT(who_says_hello_without_end_and_reads_nothing_is_cut_off),
    UNIT(who_asks_for_large_answers_and_reads_none_is_cut_off),
    UNIT(many_who_read_nothing_share_what_there_is),
    UNIT(garbage_without_end_fills_neither_memory_nor_log),
    UNIT(who_answers_no_heartbeat_is_closed),
    UNIT(sessions_that_come_and_vanish_leave_nothing),
    UNIT(a_crowd_at_the_door_keeps_nobody_inside_from_working),
};

int main(void)
{
    return unit_run("flood", tests, sizeof tests / sizeof *tests);
}
