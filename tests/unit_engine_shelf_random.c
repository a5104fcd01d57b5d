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
    MARKS_MAX = 1 << 20,
    GROUPS_MAX = 1 << 14,
    BLOCK_SIZE = 1 << 20
};

struct seat {
    struct session *session;
    uint64_t next_number;
    uint64_t held[HELD_MAX]; /* ids */
    uint32_t held_marks[HELD_MAX];
    size_t held_count;
    int queue; /* asked about last */
    bool waits, auto_done;
    enum mq_status status; /* of the last answer */
};

/* Facts, as they were taken away together. */
struct group {
    uint64_t segment;
    uint8_t *data;
    size_t size;
};

static struct {
    struct engine *e;
    uint64_t now_ms, random;
    struct seat seats[SEATS];
    bool is_out[MARKS_MAX]; /* of each body: it was handed out and has not been given back */
    uint8_t queue_of[MARKS_MAX];
    uint32_t next_mark;
    uint64_t fifo_last[QUEUES];
    bool has_returned[QUEUES]; /* anything */
    uint64_t away_most, put_count, purged_count;
    struct group groups[GROUPS_MAX];
    size_t group_count, restarts;
    uint64_t segment;
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

/* A body says in which queue it was put and which one it is, and it can be seen that all of it is there. */
struct head {
    uint32_t queue, mark, size;
};

static size_t write_body(uint8_t *body, int queue)
{
    struct head head = {.queue = (uint32_t)queue, .mark = b.next_mark++};
    head.size = (uint32_t)(sizeof head + next_random(next_random(4) ? 500 : BODY_MAX - sizeof head));
    CHECK(head.mark < MARKS_MAX);
    memset(body, (int)(head.mark & 0x7f), head.size);
    memcpy(body, &head, sizeof head);
    return head.size;
}

static struct head read_body(struct bytes body, int queue)
{
    const uint8_t *data = body.data;
    struct head head;
    CHECK(body.size >= sizeof head);
    memcpy(&head, data, sizeof head);
    CHECK(head.queue == (uint32_t)queue && head.size == body.size && head.mark < b.next_mark);
    for (size_t i = sizeof head; i < body.size; i++)
        if (data[i] != (head.mark & 0x7f))
            CHECK(false);
    return head;
}

static void see_item(struct seat *seat, const struct item_view *item)
{
    struct head head = read_body(item->body, seat->queue);
    CHECK(!b.is_out[head.mark]);
    if (is_fifo(seat->queue) && item->deliveries == 1 && !b.has_returned[seat->queue]) {
        CHECK(item->id > b.fifo_last[seat->queue]);
        b.fifo_last[seat->queue] = item->id;
    }
    b.is_out[head.mark] = true;
    b.queue_of[head.mark] = (uint8_t)seat->queue;
    if (seat->auto_done)
        return;
    seat->held_marks[seat->held_count] = head.mark;
    seat->held[seat->held_count++] = item->id;
}

static void see_answer(struct seat *seat, const struct answer *answer)
{
    for (size_t i = 0; answer->verb == MQ_VERB_GET && i < answer->item_count; i++)
        see_item(seat, &answer->items[i]);
    for (size_t i = 0; answer->verb == MQ_VERB_PEEK && i < answer->item_count; i++)
        read_body(answer->items[i].body, seat->queue);
    b.put_count += answer->verb == MQ_VERB_PUT ? answer->count : 0;
    b.purged_count += answer->verb == MQ_VERB_PURGE ? answer->count : 0;
    seat->waits = false;
    seat->status = answer->status;
}

/* Facts are on disk as soon as they are taken away. */
static void take_facts(void)
{
    struct facts *facts = engine_facts(b.e);
    uint8_t *data, *empty;
    size_t size, capacity;
    if (!facts_are_there(facts))
        return;
    CHECK(b.group_count < GROUPS_MAX);
    malloc_fails_at = 0; /* there is always a block for the next ones */
    empty = malloc(BLOCK_SIZE);
    facts_take(facts, empty, BLOCK_SIZE, &data, &size, &capacity);
    b.groups[b.group_count++] = (struct group){b.segment, data, size};
    engine_taken(b.e, b.now_ms);
}

/* The next facts go to a new segment, which begins with a checkpoint. */
static void begin_segment(void)
{
    take_facts();
    CHECK(engine_checkpoint(b.e, b.segment + 1, b.group_count ? b.groups[0].segment : 1));
    b.segment++;
    take_facts();
}

static void settle(void)
{
    void *peer;
    struct answer answer;
    while (engine_next_reply(b.e, UINT64_MAX, &peer, &answer))
        see_answer(peer, &answer);
    engine_check(b.e);
    take_facts();
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
    if (status == MQ_TEMPORARY) { /* it has not happened, for want of memory */
        malloc_fails_at = 0;
        status = engine_submit(b.e, b.now_ms, seat->session, &req, &why);
    }
    CHECK_EQUAL(status, MQ_OK);
    seat->next_number++;
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
    for (size_t i = 0; i < count && verb == MQ_VERB_RELEASE; i++) {
        b.is_out[seat->held_marks[i]] = false;
        b.has_returned[b.queue_of[seat->held_marks[i]]] = true;
    }
    seat->held_count -= count;
    memmove(seat->held, seat->held + count, seat->held_count * sizeof *seat->held);
    memmove(seat->held_marks, seat->held_marks + count, seat->held_count * sizeof *seat->held_marks);
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

static struct engine *make_engine(bool is_durable)
{
    struct engine_options options;
    engine_options_default(&options);
    options.memory_limit = LIMIT;
    options.shelf = &fake.shelf;
    options.is_durable = is_durable;
    struct engine *e = engine_new(&options, b.now_ms);
    CHECK(e != NULL);
    return e;
}

static void say_hello(struct seat *seat, bool resume)
{
    struct hello hello = {.version = MQ_PROTOCOL_VERSION, .resume = resume};
    struct welcome welcome;
    void *old;
    hello.id[0] = (uint8_t)(seat - b.seats);
    hello.next_number = resume ? seat->next_number : 0;
    CHECK_EQUAL(engine_hello(b.e, b.now_ms, &hello, seat, &seat->session, &old, &welcome), MQ_OK);
    settle();
}

static void begin(uint64_t seed, bool is_durable)
{
    memset(&b, 0, sizeof b);
    b.random = seed;
    fake_shelf_init(&fake);
    b.e = make_engine(is_durable);
    if (is_durable)
        begin_segment();
    for (int i = 0; i < SEATS; i++) {
        b.seats[i].next_number = 1;
        say_hello(&b.seats[i], false);
    }
    for (int i = 0; i < QUEUES; i++) { /* what has priority stays in memory, hence few of them */
        struct settings settings = {.given = MQ_SETTING_KIND | MQ_SETTING_MAXSIZE,
                                    .kind = (enum mq_kind)(i % 3)};
        settings.maxsize = i % 3 == MQ_KIND_PRIORITY ? 200 : 0;
        ask(&b.seats[0], (struct request){.verb = MQ_VERB_OPEN, .settings = settings}, i);
    }
}

/* ---- segments and restarts ---- */

/* What lives in the oldest segment is written again. */
static void compact(void)
{
    uint64_t oldest = b.groups[0].segment;
    begin_segment();
    for (size_t i = 0, count = b.group_count; i < count; i++) {
        const uint8_t *data = b.groups[i].data + FACTS_HEAD;
        struct bytes facts = {data, b.groups[i].size - FACTS_HEAD};
        for (size_t at = 0; b.groups[i].segment == oldest && at < facts.size;)
            CHECK(engine_move(b.e, facts, &at, 1 << 20));
    }
    engine_moved(b.e, oldest);
    settle();
    CHECK(!engine_needs(b.e, oldest));
    size_t kept = 0;
    for (size_t i = 0; i < b.group_count; i++)
        if (b.groups[i].segment > oldest)
            b.groups[kept++] = b.groups[i];
        else
            free(b.groups[i].data);
    b.group_count = kept;
}

static void replay(void)
{
    const char *why = NULL;
    for (size_t i = 0; i < b.group_count; i++) {
        struct bytes facts = {b.groups[i].data + FACTS_HEAD, b.groups[i].size - FACTS_HEAD};
        if (!engine_replay(b.e, facts, b.groups[i].segment, false, &why))
            printf("%s\n", why);
        CHECK(!why);
    }
    CHECK(engine_begin(b.e, b.now_ms));
}

/* At a moment when nobody waits for an answer. What was handed out stays in the same hands. */
static void restart(void)
{
    for (int i = 0; i < SEATS; i++)
        if (b.seats[i].waits)
            return;
    if (next_random(2))
        compact();
    engine_free(b.e);
    CHECK_EQUAL(fake.count, 0);
    b.e = make_engine(true);
    fake.put_fails = false;
    replay();
    settle();
    for (int i = 0; i < SEATS; i++)
        say_hello(&b.seats[i], true);
    begin_segment();
    b.restarts++;
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
    if (b.group_count > 0 && next_random(100) == 0)
        restart();
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
    CHECK_EQUAL(fake.count, 0);
    uint64_t out_count = 0;
    for (size_t i = 0; i < MARKS_MAX; i++)
        out_count += b.is_out[i];
    CHECK_EQUAL(out_count, b.put_count - b.purged_count);
}

static void run(uint64_t seed, bool is_durable)
{
    begin(seed, is_durable);
    for (int i = 0; i < 1500; i++)
        step();
    CHECK(b.away_most > 2000);
    CHECK_EQUAL(b.restarts > 0, is_durable);
    drain();
    engine_free(b.e);
    while (b.group_count > 0)
        free(b.groups[--b.group_count].data);
}

static void random_work_on_a_shelf_loses_nothing_and_changes_nothing(void)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        run(seed, false);
}

static void nor_does_it_in_a_durable_engine_that_is_killed_again_and_again(void)
{
    for (uint64_t seed = 11; seed <= 14; seed++)
        run(seed, true);
}

static const struct unit_test tests[] = {
    UNIT(random_work_on_a_shelf_loses_nothing_and_changes_nothing),
    UNIT(nor_does_it_in_a_durable_engine_that_is_killed_again_and_again),
};

int main(void)
{
    return unit_run("engine: shelf, at random", tests, sizeof tests / sizeof *tests);
}
