/* unit_engine_shelf_random.c - random work in queues of all kinds that need many times the memory there is,
 * on a shelf and with a malloc that fail now and then: nothing is lost, doubled or changed. */
#include "failing_malloc.h"
#include "fake_shelf.h"
#include "engine.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum {
    QUEUES = 4,
    LIMIT = 1000000,
    BODY_MAX = 3000,
    BATCH_MAX = 120,
    SEATS = 4,
    HELD_MAX = 4096,
    IDS_MAX = 1 << 20
};

struct seat {
    struct session *session;
    uint64_t next_number;
    uint64_t held[HELD_MAX];
    size_t held_count;
    int queue; /* asked about last */
    bool waits, auto_done;
    enum mq_status status; /* of the last answer */
};

static struct {
    struct engine *e;
    uint64_t now_ms, random;
    struct seat seats[SEATS];
    uint8_t queue_of[IDS_MAX]; /* of each id that was seen */
    bool is_out[IDS_MAX];      /* it was handed out and has not been given back */
    uint64_t fifo_last[QUEUES];
    bool has_returned[QUEUES]; /* anything */
    uint64_t away_most;
} b;

static struct fake_shelf fake;

static uint64_t next_random(uint64_t below)
{
    b.random = b.random * 6364136223846793005u + 1442695040888963407u;
    return (b.random >> 33) % below;
}

static bool is_fifo(int queue)
{
    return queue % 3 == MQ_KIND_FIFO;
}

/* A body says in which queue it was put, and that all of it is there. */
static size_t write_body(uint8_t *body, int queue)
{
    size_t size = 8 + next_random(next_random(4) ? 500 : BODY_MAX - 8);
    memset(body, (int)(size & 0x7f), size);
    body[0] = (uint8_t)queue;
    memcpy(body + 1, &(uint32_t){(uint32_t)size}, sizeof(uint32_t));
    return size;
}

static void check_body(struct bytes body, int queue)
{
    const uint8_t *data = body.data;
    uint32_t size;
    CHECK(body.size >= 8 && data[0] == queue);
    memcpy(&size, data + 1, sizeof size);
    CHECK_EQUAL(body.size, size);
    for (size_t i = 5; i < body.size; i++)
        CHECK(data[i] == (body.size & 0x7f));
}

static void see_item(struct seat *seat, const struct item_view *item)
{
    check_body(item->body, seat->queue);
    CHECK(item->id < IDS_MAX && !b.is_out[item->id]);
    if (is_fifo(seat->queue) && item->deliveries == 1 && !b.has_returned[seat->queue]) {
        CHECK(item->id > b.fifo_last[seat->queue]);
        b.fifo_last[seat->queue] = item->id;
    }
    b.is_out[item->id] = true;
    b.queue_of[item->id] = (uint8_t)seat->queue;
    if (!seat->auto_done)
        seat->held[seat->held_count++] = item->id;
}

static void see_answer(struct seat *seat, const struct answer *answer)
{
    for (size_t i = 0; answer->verb == MQ_VERB_GET && i < answer->item_count; i++)
        see_item(seat, &answer->items[i]);
    for (size_t i = 0; answer->verb == MQ_VERB_PEEK && i < answer->item_count; i++)
        check_body(answer->items[i].body, seat->queue);
    seat->waits = false;
    seat->status = answer->status;
}

static void throw_facts_away(void)
{
    struct facts *facts = engine_facts(b.e);
    static uint8_t *block; /* the one of last time */
    static size_t capacity;
    uint8_t *data;
    size_t size, more;
    if (!facts_are_there(facts))
        return;
    facts_take(facts, block, capacity, &data, &size, &more);
    block = data;
    capacity = more;
    engine_taken(b.e, b.now_ms);
}

static void settle(void)
{
    void *peer;
    struct answer answer;
    while (engine_next_reply(b.e, UINT64_MAX, &peer, &answer))
        see_answer(peer, &answer);
    engine_check(b.e);
    throw_facts_away();
    struct broker_stat stat;
    engine_stat(b.e, &stat);
    if (stat.shelved_items > b.away_most)
        b.away_most = stat.shelved_items;
}

static void ask(struct seat *seat, struct request req, int queue)
{
    static char names[QUEUES][8] = {"a", "b", "c", "d"};
    const char *why;
    struct range confirms = {1, seat->next_number - 1};
    req.number = seat->next_number;
    if (!req.ids)
        req.queue = mq_bytes(names[queue]);
    req.confirms = (struct ranges){&confirms, confirms.last > 0};
    seat->queue = queue;
    seat->auto_done = req.auto_done;
    seat->waits = true;
    enum mq_status status = engine_submit(b.e, b.now_ms, seat->session, &req, &why);
    CHECK(status == MQ_OK || status == MQ_TEMPORARY);
    seat->next_number += status == MQ_OK;
    seat->waits &= status == MQ_OK;
    settle();
}

static void put(struct seat *seat)
{
    static uint8_t bodies[BATCH_MAX][BODY_MAX];
    struct put_item puts[BATCH_MAX];
    int queue = (int)next_random(QUEUES);
    size_t count = 1 + next_random(BATCH_MAX);
    for (size_t i = 0; i < count; i++)
        puts[i] = (struct put_item){.body = {bodies[i], write_body(bodies[i], queue)}};
    struct request req = {
        .verb = MQ_VERB_PUT, .puts = puts, .put_count = count, .partial = next_random(4) == 0};
    req.timeout_ms = next_random(3) ? 0 : (int64_t)next_random(2000);
    ask(seat, req, queue);
}

static void get(struct seat *seat)
{
    if (seat->held_count + 2 * BATCH_MAX > HELD_MAX)
        return;
    struct request req = {.verb = MQ_VERB_GET,
                          .max = (uint32_t)(1 + next_random(BATCH_MAX)),
                          .auto_done = next_random(2),
                          .timeout_ms = next_random(3) ? 0 : (int64_t)next_random(1000)};
    ask(seat, req, (int)next_random(QUEUES));
}

/* Some of those held are done, or go back. */
static void end_some(struct seat *seat, enum mq_verb verb)
{
    uint64_t ids[BATCH_MAX];
    size_t count = 0;
    while (count < BATCH_MAX && count < seat->held_count)
        count++;
    count = count ? 1 + next_random(count) : 0;
    if (count == 0)
        return;
    memcpy(ids, seat->held, count * sizeof *ids);
    seat->held_count -= count;
    memmove(seat->held, seat->held + count, seat->held_count * sizeof *ids);
    for (size_t i = 0; i < count && verb == MQ_VERB_RELEASE; i++) {
        b.is_out[ids[i]] = false;
        b.has_returned[b.queue_of[ids[i]]] = true;
    }
    struct request req = {.verb = verb, .ids = ids, .id_count = count, .untouched = next_random(2)};
    malloc_fails_at = 0; /* a verb on ids that is not done would be asked again: that is tested elsewhere */
    ask(seat, req, 0);
}

static void finish(struct seat *seat)
{
    end_some(seat, MQ_VERB_TASK_DONE);
}

static void give_back(struct seat *seat)
{
    end_some(seat, MQ_VERB_RELEASE);
}

static void peek(struct seat *seat)
{
    struct request req = {
        .verb = MQ_VERB_PEEK, .max = 1 + (uint32_t)next_random(200), .last = next_random(2)};
    req.by_id = next_random(2);
    req.after_number = req.by_id ? next_random(10000) : 0;
    ask(seat, req, (int)next_random(QUEUES));
}

static void purge(struct seat *seat)
{
    if (next_random(25) == 0)
        ask(seat, (struct request){.verb = MQ_VERB_PURGE}, (int)next_random(QUEUES));
}

static void begin(uint64_t seed, bool is_durable)
{
    struct engine_options options;
    memset(&b, 0, sizeof b);
    b.random = seed;
    fake_shelf_init(&fake);
    engine_options_default(&options);
    options.memory_limit = LIMIT;
    options.shelf = &fake.shelf;
    options.is_durable = is_durable;
    b.e = engine_new(&options, 0);
    for (int i = 0; i < SEATS; i++) {
        struct hello hello = {.version = MQ_PROTOCOL_VERSION, .id = {(uint8_t)i}};
        struct welcome welcome;
        void *old;
        b.seats[i].next_number = 1;
        CHECK_EQUAL(engine_hello(b.e, 0, &hello, &b.seats[i], &b.seats[i].session, &old, &welcome), MQ_OK);
    }
    for (int i = 0; i < QUEUES; i++) { /* what has priority stays in memory, hence few of them */
        struct settings settings = {.given = MQ_SETTING_KIND | MQ_SETTING_MAXSIZE,
                                    .kind = (enum mq_kind)(i % 3)};
        settings.maxsize = i % 3 == MQ_KIND_PRIORITY ? 200 : 0;
        ask(&b.seats[0], (struct request){.verb = MQ_VERB_OPEN, .settings = settings}, i);
    }
}

static void pass(uint64_t ms)
{
    for (uint64_t until = b.now_ms + ms; b.now_ms < until;) {
        uint64_t due = engine_deadline_ms(b.e);
        b.now_ms = due < until ? (due > b.now_ms ? due : b.now_ms + 1) : until;
        engine_tick(b.e, b.now_ms);
        settle();
    }
}

static void step(void)
{
    static void (*const steps[])(struct seat * seat) = {put, put,    put,    put,       put,  get,
                                                        get, finish, finish, give_back, peek, purge};
    struct seat *seat = &b.seats[next_random(SEATS)];
    fake.put_fails = next_random(5) == 0;
    malloc_fails_at = next_random(4) == 0 ? malloc_calls + 1 + next_random(8) : 0;
    if (!seat->waits)
        steps[next_random(sizeof steps / sizeof *steps)](seat);
    malloc_fails_at = 0;
    if (next_random(4) == 0)
        pass(next_random(300));
}

/* Nothing fails any more, nobody puts, and everything is done. */
static void drain(void)
{
    struct broker_stat stat;
    fake.put_fails = false;
    pass(10000);
    for (int i = 0; i < SEATS; i++) {
        CHECK(!b.seats[i].waits);
        while (b.seats[i].held_count > 0)
            finish(&b.seats[i]);
    }
    for (int queue = 0; queue < QUEUES; queue++)
        do
            ask(&b.seats[0], (struct request){.verb = MQ_VERB_GET, .max = 500, .auto_done = true}, queue);
        while (b.seats[0].status == MQ_OK);
    for (int i = 0; i < SEATS; i++) /* confirms what was asked before */
        ask(&b.seats[i], (struct request){.verb = MQ_VERB_PING}, 0);
    engine_stat(b.e, &stat);
    CHECK_EQUAL(stat.ready, 0);
    CHECK_EQUAL(stat.leased, 0);
    CHECK_EQUAL(stat.memory, 0);
    CHECK_EQUAL(stat.puts, stat.done + stat.discarded);
    CHECK_EQUAL(fake.count, 0);
}

static void run(uint64_t seed, bool is_durable)
{
    begin(seed, is_durable);
    for (int i = 0; i < 1500; i++)
        step();
    CHECK(b.away_most > 2000);
    drain();
    engine_free(b.e);
}

static void random_work_on_a_shelf_loses_nothing_and_changes_nothing(void)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        run(seed, false);
}

static void nor_does_it_in_a_durable_engine(void)
{
    for (uint64_t seed = 11; seed <= 14; seed++)
        run(seed, true);
}

static const struct unit_test tests[] = {
    UNIT(random_work_on_a_shelf_loses_nothing_and_changes_nothing),
    UNIT(nor_does_it_in_a_durable_engine),
};

int main(void)
{
    return unit_run("engine: shelf, at random", tests, sizeof tests / sizeof *tests);
}
