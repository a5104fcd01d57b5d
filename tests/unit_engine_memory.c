/* unit_engine_memory.c - the engine without memory: one scenario with every verb, run once for each of its
 * allocations with that one failing; and by an engine that is durable, once for each step, with no room for
 * the facts of the next.
 *
 * Whatever fails says so (TEMPORARY for the request as such, NO_MEMORY as its answer, fewer items for a get
 * that was already promised some), has changed nothing, noted nothing, and succeeds when it is asked again.
 * At the end nothing is lost. */
#include "engine.h"
#include "failing_malloc.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { SEATS = 24, QUEUES = 20, HELD_MAX = 256, ANSWERS = 256, GRACE_MS = 1000, WAITING = -1 };

/* A connected session, and what it was told. */
struct seat {
    struct session *session;
    uint64_t next_number;
    int answers[ANSWERS]; /* status by number, WAITING if there is none */
    uint64_t counts[ANSWERS];
    uint64_t held[HELD_MAX];
    size_t held_count;
    size_t item_count; /* in the last answer */
};

struct bench {
    struct engine *engine;
    uint64_t steps, take_at, fails_then; /* durable: see take_facts() */
    uint64_t now_ms;
    struct seat seats[SEATS];
};

static uint64_t failures_seen;

/* Has an allocation failed since the last time this was asked? */
static bool has_failed(void)
{
    bool failed = malloc_failures > failures_seen;
    failures_seen = malloc_failures;
    return failed;
}

static void note_answer(struct seat *seat, const struct answer *answer)
{
    size_t at = answer->number % ANSWERS;
    seat->item_count = answer->item_count;
    seat->answers[at] = (int)answer->status;
    seat->counts[at] = answer->count;
    for (size_t i = 0; answer->verb == MQ_VERB_GET && i < answer->item_count; i++) {
        CHECK(seat->held_count < HELD_MAX);
        seat->held[seat->held_count++] = answer->items[i].id;
    }
}

/* Once, facts are taken away, and only what is small has room: whatever needs more asks for memory then. */
static void take_facts(struct bench *b)
{
    const size_t spare = FACTS_SPARE + 2 * FACTS_HEAD;
    uint8_t *block;
    size_t size, capacity;
    if (++b->steps == b->take_at && facts_are_there(engine_facts(b->engine))) {
        facts_take(engine_facts(b->engine), __real_malloc(spare), spare, &block, &size, &capacity);
        free(block);
        malloc_fails_at = malloc_calls + b->fails_then;
    }
    engine_taken(b->engine, b->now_ms); /* what was postponed goes on */
}

static void settle(struct bench *b)
{
    void *peer;
    struct answer answer;
    take_facts(b);
    while (engine_next_reply(b->engine, UINT64_MAX, &peer, &answer))
        note_answer(peer, &answer);
    engine_check(b->engine);
    CHECK(!engine_facts(b->engine)->is_broken);
}

/* What a failed request must not have changed. */
static void check_same(struct bench *b, const struct broker_stat *before, uint64_t position)
{
    struct broker_stat now;
    engine_stat(b->engine, &now);
    CHECK_EQUAL(facts_position(engine_facts(b->engine)), position);
    CHECK_EQUAL(now.live_bytes, before->live_bytes);
    CHECK_EQUAL(now.queues, before->queues);
    CHECK_EQUAL(now.sessions, before->sessions);
    CHECK_EQUAL(now.connected, before->connected);
    CHECK_EQUAL(now.ready, before->ready);
    CHECK_EQUAL(now.leased, before->leased);
    CHECK_EQUAL(now.waiting, before->waiting);
    CHECK_EQUAL(now.puts, before->puts);
    CHECK_EQUAL(now.gets, before->gets);
    CHECK_EQUAL(now.done, before->done);
    CHECK_EQUAL(now.returned, before->returned);
    CHECK_EQUAL(now.discarded, before->discarded);
    CHECK_EQUAL(now.memory, before->memory);
}

static enum mq_status try_request(struct bench *b, struct seat *seat, struct request *req)
{
    const char *why = NULL;
    req->number = seat->next_number;
    CHECK(req->number < ANSWERS);
    seat->answers[req->number] = WAITING;
    enum mq_status status = engine_submit(b->engine, b->now_ms, seat->session, req, &why);
    settle(b);
    CHECK(status == MQ_OK || status == MQ_TEMPORARY);
    CHECK(status == MQ_OK || why != NULL);
    seat->next_number += status == MQ_OK;
    return status;
}

/* Asks until memory is no reason any more; what did not work has changed nothing. The answer's status, or
 * WAITING. */
static int ask(struct bench *b, int number, struct request req)
{
    struct seat *seat = &b->seats[number];
    for (int attempt = 0;; attempt++) {
        struct broker_stat before;
        uint64_t position = facts_position(engine_facts(b->engine));
        engine_stat(b->engine, &before);
        enum mq_status status = try_request(b, seat, &req);
        int answer = status == MQ_OK ? seat->answers[req.number] : WAITING;
        if (status == MQ_OK && answer != MQ_NO_MEMORY)
            return answer;
        CHECK_EQUAL(attempt, 0);
        CHECK(has_failed());
        check_same(b, &before, position);
    }
}

static void hello(struct bench *b, int number, bool resume)
{
    struct seat *seat = &b->seats[number];
    struct hello hello = {.version = MQ_PROTOCOL_VERSION, .resume = resume, .id = {(uint8_t)number}};
    struct range awaited = {1, seat->next_number - 1};
    struct welcome welcome;
    void *old_peer;
    hello.name = mq_bytes("memory");
    hello.next_number = resume ? seat->next_number : 0;
    hello.awaited = (struct ranges){&awaited, resume && awaited.last > 0};
    uint64_t position = facts_position(engine_facts(b->engine));
    enum mq_status status =
        engine_hello(b->engine, b->now_ms, &hello, seat, &seat->session, &old_peer, &welcome);
    settle(b);
    if (status != MQ_OK) {
        CHECK_EQUAL(status, MQ_TEMPORARY);
        CHECK(has_failed());
        CHECK_EQUAL(facts_position(engine_facts(b->engine)), position);
        status = engine_hello(b->engine, b->now_ms, &hello, seat, &seat->session, &old_peer, &welcome);
        settle(b);
    }
    CHECK_EQUAL(status, MQ_OK);
    if (!resume)
        seat->next_number = 1;
}

static void pass(struct bench *b, uint64_t ms)
{
    for (uint64_t until = b->now_ms + ms; b->now_ms < until;) {
        uint64_t due = engine_deadline_ms(b->engine);
        b->now_ms = due < until ? (due > b->now_ms ? due : b->now_ms) : until;
        engine_tick(b->engine, b->now_ms);
        settle(b);
    }
}

static const char *queue_name(int number)
{
    static char names[QUEUES][16];
    snprintf(names[number], sizeof names[number], "queue%d", number);
    return names[number];
}

static struct request about(enum mq_verb verb, int queue)
{
    return (struct request){.verb = verb, .queue = mq_bytes(queue_name(queue)), .max = 10};
}

static int put(struct bench *b, int seat, int queue, size_t count, int64_t timeout_ms)
{
    static const char body[100];
    struct put_item items[16];
    memset(items, 0, sizeof items);
    struct request req = about(MQ_VERB_PUT, queue);
    CHECK(count <= 16);
    for (size_t i = 0; i < count; i++)
        items[i].body = (struct bytes){body, 10 * i % sizeof body};
    req.puts = items;
    req.put_count = count;
    req.timeout_ms = timeout_ms;
    return ask(b, seat, req);
}

static int get(struct bench *b, int seat, int queue, uint32_t max, int64_t timeout_ms)
{
    struct request req = about(MQ_VERB_GET, queue);
    req.max = max;
    req.timeout_ms = timeout_ms;
    return ask(b, seat, req);
}

static int ids(struct bench *b, int seat, enum mq_verb verb, const uint64_t *list, size_t count)
{
    return ask(b, seat, (struct request){.verb = verb, .ids = list, .id_count = count, .lease_ms = 0});
}

static int finish_all(struct bench *b, int seat)
{
    uint64_t list[HELD_MAX];
    size_t count = b->seats[seat].held_count;
    memcpy(list, b->seats[seat].held, count * sizeof *list);
    b->seats[seat].held_count = 0;
    return count ? ids(b, seat, MQ_VERB_TASK_DONE, list, count) : MQ_OK;
}

/* Everything of the queue, done by this seat. A get that finds too little memory brings less, so it goes on.
 */
static void empty(struct bench *b, int seat, int queue)
{
    while (get(b, seat, queue, 10, 0) == MQ_OK)
        CHECK_EQUAL(finish_all(b, seat), MQ_OK);
}

/* ---- the scenario ---- */

/* One FIFO, LIFO, priority queue after the other; the fourth is bounded, the fifth has short leases. */
static void open_queues(struct bench *b)
{
    for (int i = 0; i < QUEUES; i++) {
        struct request req = about(MQ_VERB_OPEN, i);
        req.settings = (struct settings){.kind = (enum mq_kind)(i % 3), .given = MQ_SETTINGS_ALL};
        req.settings.maxsize = i == 3 ? 3 : 0;
        req.settings.lease_ms = i == 4 ? 50 : 0;
        CHECK_EQUAL(ask(b, 0, req), MQ_OK);
    }
    struct request set = about(MQ_VERB_SET, 5);
    set.settings = (struct settings){.maxsize = 100, .given = MQ_SETTING_MAXSIZE};
    CHECK_EQUAL(ask(b, 0, set), MQ_OK);
}

static void put_and_get(struct bench *b)
{
    for (int queue = 0; queue < 3; queue++) {
        CHECK_EQUAL(put(b, 0, queue, 16, 0), MQ_OK);
        CHECK_EQUAL(put(b, 0, queue, 1, 0), MQ_OK);
        CHECK_EQUAL(get(b, 1, queue, 7, 0), MQ_OK);
    }
    CHECK_EQUAL(finish_all(b, 1), MQ_OK);
    CHECK_EQUAL(get(b, 1, 0, 3, 0), MQ_OK);
    CHECK_EQUAL(ids(b, 1, MQ_VERB_EXTEND, b->seats[1].held, 1), MQ_OK);
    uint64_t unknown[3] = {b->seats[1].held[0], 77777, 88888};
    CHECK_EQUAL(ids(b, 1, MQ_VERB_TASK_DONE, unknown, 3), MQ_TOO_MANY_DONE);
    CHECK_EQUAL(ids(b, 1, MQ_VERB_RELEASE, b->seats[1].held + 1, b->seats[1].held_count - 1),
                b->seats[1].held_count > 1 ? MQ_OK : MQ_INVALID);
    b->seats[1].held_count = 0;
    CHECK_EQUAL(ask(b, 1, (struct request){.verb = MQ_VERB_PING}), MQ_OK);
}

static void wait_for_items_and_room(struct bench *b)
{
    CHECK_EQUAL(get(b, 1, 6, 10, 5000), WAITING);
    CHECK_EQUAL(get(b, 2, 6, 10, MQ_FOREVER_MS), WAITING);
    CHECK_EQUAL(put(b, 0, 6, 8, 0), MQ_OK);
    CHECK(b->seats[1].held_count > 0);
    CHECK_EQUAL(put(b, 0, 6, 8, 0), MQ_OK);
    CHECK(b->seats[2].held_count > 0);
    CHECK_EQUAL(put(b, 0, 3, 8, 60000), WAITING);
    uint64_t waiting = b->seats[0].next_number - 1;
    struct request join = about(MQ_VERB_JOIN, 3);
    join.timeout_ms = 60000;
    CHECK_EQUAL(ask(b, 1, join), WAITING);
    uint64_t joining = b->seats[1].next_number - 1;
    empty(b, 2, 3);
    CHECK_EQUAL(b->seats[0].answers[waiting], MQ_OK);
    CHECK_EQUAL(b->seats[0].counts[waiting], 8);
    CHECK_EQUAL(b->seats[1].answers[joining], MQ_OK);
    CHECK_EQUAL(put(b, 0, 3, 8, 60000), WAITING);
    struct request cancel = {.verb = MQ_VERB_CANCEL, .number = b->seats[0].next_number - 1};
    const char *why;
    CHECK_EQUAL(engine_submit(b->engine, b->now_ms, b->seats[0].session, &cancel, &why), MQ_OK);
    settle(b);
    CHECK_EQUAL(b->seats[0].answers[cancel.number], MQ_INTERRUPTED);
    CHECK_EQUAL(finish_all(b, 1), MQ_OK);
    CHECK_EQUAL(finish_all(b, 2), MQ_OK);
}

static void lose_leases_and_sessions(struct bench *b)
{
    CHECK_EQUAL(put(b, 0, 4, 5, 0), MQ_OK);
    CHECK_EQUAL(get(b, 2, 4, 5, 0), MQ_OK);
    pass(b, 200); /* without memory to note it a lease ends a little later */
    CHECK_EQUAL(finish_all(b, 2), MQ_LEASE_LOST);
    CHECK_EQUAL(get(b, 2, 0, 5, 0), MQ_OK);
    CHECK_EQUAL(get(b, 2, 7, 5, MQ_FOREVER_MS), WAITING);
    uint64_t waiting = b->seats[2].next_number - 1;
    engine_disconnect(b->engine, b->now_ms, b->seats[2].session);
    settle(b);
    pass(b, GRACE_MS + 200);
    hello(b, 2, true);
    struct request again = about(MQ_VERB_GET, 7);
    const char *why;
    again.number = waiting;
    CHECK_EQUAL(engine_submit(b->engine, b->now_ms, b->seats[2].session, &again, &why), MQ_OK);
    settle(b);
    CHECK_EQUAL(b->seats[2].answers[waiting], MQ_SESSION_LOST);
    CHECK_EQUAL(finish_all(b, 2), MQ_LEASE_LOST);
    for (int i = 3; i < SEATS; i++)
        hello(b, i, false);
}

static void look(struct bench *b)
{
    for (int queue = 0; queue < 3; queue++) {
        struct request peek = about(MQ_VERB_PEEK, queue);
        CHECK_EQUAL(ask(b, 3, peek), MQ_OK);
        peek.last = true;
        CHECK_EQUAL(ask(b, 3, peek), MQ_OK);
        CHECK(b->seats[3].item_count >= 9);
        peek = about(MQ_VERB_PEEK, queue);
        peek.by_id = peek.leased = true;
        CHECK_EQUAL(ask(b, 3, peek), MQ_OK);
        CHECK(b->seats[3].item_count >= 9);
        CHECK_EQUAL(ask(b, 3, about(MQ_VERB_STAT, queue)), MQ_OK);
    }
    CHECK_EQUAL(ask(b, 3, (struct request){.verb = MQ_VERB_STAT}), MQ_OK);
    CHECK_EQUAL(ask(b, 3, (struct request){.verb = MQ_VERB_LIST, .max = 100}), MQ_OK);
    CHECK_EQUAL(ask(b, 3, (struct request){.verb = MQ_VERB_SESSIONS, .max = 100}), MQ_OK);
}

static void get_auto_done(struct bench *b)
{
    struct request req = about(MQ_VERB_GET, 1);
    req.auto_done = true;
    CHECK_EQUAL(ask(b, 4, req), MQ_OK);
    struct range all = {1, b->seats[4].next_number - 1};
    engine_confirm(b->engine, b->now_ms, b->seats[4].session, (struct ranges){&all, 1});
    settle(b);
    b->seats[4].held_count = 0;
}

static void end_queues(struct bench *b)
{
    struct request shut = about(MQ_VERB_SHUT_DOWN, 1), gone = about(MQ_VERB_REMOVE, 2);
    CHECK_EQUAL(get(b, 5, 2, 2, 0), MQ_OK);
    gone.force = true;
    CHECK_EQUAL(ask(b, 0, gone), MQ_OK);
    CHECK_EQUAL(finish_all(b, 5), MQ_LEASE_LOST);
    shut.immediate = true;
    CHECK_EQUAL(ask(b, 0, shut), MQ_OK);
    CHECK_EQUAL(ask(b, 0, about(MQ_VERB_PURGE, 4)), MQ_OK);
    struct range none = {1, 0};
    CHECK_EQUAL(get(b, 6, 0, 2, 0), MQ_OK);
    engine_bye(b->engine, b->now_ms, b->seats[6].session, (struct ranges){&none, 0});
    settle(b);
}

static void check_nothing_is_lost(struct bench *b)
{
    struct broker_stat stat;
    for (int queue = 0; queue < QUEUES; queue++)
        empty(b, 7, queue);
    engine_stat(b->engine, &stat);
    CHECK_EQUAL(stat.ready, 0);
    CHECK_EQUAL(stat.leased, 0);
    CHECK_EQUAL(stat.memory, 0);
    CHECK_EQUAL(stat.puts, stat.done + stat.discarded);
    CHECK_EQUAL(stat.puts, 3 * 17 + 8 + 8 + 8 + 3 + 5);
}

static void run(struct bench *b)
{
    hello(b, 0, false);
    hello(b, 1, false);
    hello(b, 2, false);
    open_queues(b);
    put_and_get(b);
    wait_for_items_and_room(b);
    lose_leases_and_sessions(b);
    look(b);
    get_auto_done(b);
    end_queues(b);
    check_nothing_is_lost(b);
}

static struct bench run_all(struct engine_options options, uint64_t take_at, uint64_t fails_then)
{
    struct bench b = {.now_ms = 1000, .take_at = take_at, .fails_then = fails_then};
    options.resume_grace_ms = GRACE_MS;
    malloc_calls = malloc_failures = failures_seen = 0;
    b.engine = engine_new(&options, b.now_ms);
    if (!b.engine) {
        CHECK(has_failed());
        b.engine = engine_new(&options, b.now_ms);
    }
    CHECK(b.engine != NULL);
    run(&b);
    engine_free(b.engine);
    malloc_fails_at = 0;
    return b;
}

/* The whole scenario, with this allocation failing (0: none). Returns how many there were. */
static uint64_t run_failing(uint64_t number, bool is_durable)
{
    struct engine_options options;
    engine_options_default(&options);
    options.is_durable = is_durable;
    malloc_fails_at = number;
    run_all(options, 0, 0);
    CHECK_EQUAL(malloc_failures, number > 0 && number <= malloc_calls);
    return malloc_calls;
}

static void whichever_allocation_fails_nothing_is_lost_and_all_goes_on(void)
{
    for (int is_durable = 0; is_durable < 2; is_durable++) {
        uint64_t count = run_failing(0, is_durable);
        CHECK(count > 100);
        for (uint64_t number = 1; number <= count; number++)
            run_failing(number, is_durable);
    }
}

static void what_could_not_be_noted_has_not_happened(void)
{
    struct engine_options options;
    engine_options_default(&options);
    options.is_durable = true;
    uint64_t steps = run_all(options, 0, 0).steps, failures = 0;
    CHECK(steps > 100);
    for (uint64_t step = 1; step <= steps; step++)
        for (uint64_t fails_then = 1; fails_then <= 3; fails_then++) {
            run_all(options, step, fails_then);
            failures += malloc_failures;
        }
    CHECK(failures > steps);
}

static const struct unit_test tests[] = {
    UNIT(whichever_allocation_fails_nothing_is_lost_and_all_goes_on),
    UNIT(what_could_not_be_noted_has_not_happened),
};

int main(void)
{
    return unit_run("engine: memory", tests, sizeof tests / sizeof *tests);
}
