/* unit_engine_shelf_trouble.c - backlogs larger than memory on a shelf that is full, fails or loses what it
 * has, and without memory to come back to. */
#include "failing_malloc.h"
#include "rig_shelf.h"

#include <string.h>

/* ---- a full shelf ---- */

static size_t fill(struct rig *r)
{
    for (size_t count = 0;; count += 100) {
        rig_put(r, BULK(100, BODY));
        enum mq_status status = rig_next(r)->answer.status;
        CHECK_REPLY(r, SESSION(1), status, NULL);
        check_memory(r);
        if (status == MQ_OK)
            continue;
        CHECK_EQUAL(status, MQ_TEMPORARY);
        CHECK(strcmp(rig_last(r)->text, "memory limit") == 0);
        return count;
    }
}

static void a_full_shelf_refuses_puts_as_full_memory_does(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    uint64_t id = 0;
    fake.size_max = 3 * LIMIT;
    may_exceed = true;
    size_t count = fill(&r);
    CHECK(count > 3 * MEMORY && count < 8 * MEMORY);
    get(&r, "q", 2 * MEMORY, false, &id);
    rig_run_to(&r, 1000);
    size_t more = fill(&r);
    CHECK(more > MEMORY);
    get(&r, "q", count + more - 2 * MEMORY, false, &id);
    rig_free(&r);
}

static void a_put_that_waits_goes_on_when_the_shelf_has_room_again(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    fake.put_fails = true;
    size_t count = fill(&r);
    CHECK(count < 2 * MEMORY);
    rig_put(&r, SESSION(2), BULK(50, BODY), FOREVER, WAITS);
    rig_run_to(&r, 3000);
    CHECK_NO_REPLY(&r);
    fake.put_fails = false;
    rig_run_to(&r, 4001);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, NULL);
    check_memory(&r);
    rig_free(&r);
}

/* Whatever it is that it waits for. */
static void a_put_that_waits_does_not_keep_the_broker_busy(void)
{
    struct rig r = begin(MQ_KIND_FIFO, true);
    put(&r, "q", 1);
    rig_put(&r, SESSION(3), BULK(1, LIMIT), FOREVER, WAITS); /* for the rest to be gone */
    engine_tick(r.engine, RIG_EPOCH_MS + r.now_ms);
    CHECK(engine_deadline_ms(r.engine) > RIG_EPOCH_MS + r.now_ms);
    rig_run_to(&r, 5000);
    CHECK_NO_REPLY(&r);
    rig_get(&r, SESSION(2), OK);
    rig_done(&r, SESSION(2), IDS(1), OK);
    CHECK_REPLY(&r, SESSION(3), MQ_OK, NULL);
    rig_free(&r);
}

static void a_shelf_that_fails_is_not_asked_again_for_every_put(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    rig_open(&r, QUEUE("p"), OK);
    put(&r, "p", 1000);
    fake.put_fails = true;
    fill(&r);
    fake.put_fails = false;
    rig_put(&r, BULK(1, LIMIT / 4), SAYS(MQ_TEMPORARY));
    CHECK_EQUAL(fake.puts, 0);
    rig_run_to(&r, 1001);
    rig_put(&r, BULK(1, LIMIT / 4), OK);
    CHECK(fake.puts > 0);
    rig_free(&r);
}

static void a_priority_queue_stays_in_memory_and_the_others_make_room_for_it(void)
{
    struct rig r = begin(MQ_KIND_PRIORITY, false);
    rig_open(&r, QUEUE("p"), OK);
    put(&r, "p", MEMORY - BATCH);
    put(&r, "q", MEMORY / 2);
    CHECK(look(&r).shelved_items > MEMORY / 4);
    size_t more = fill(&r);
    CHECK(more < MEMORY);
    uint64_t id = 0;
    may_exceed = true;
    get(&r, "q", MEMORY / 2 + more, false, &id);
    rig_free(&r);
}

/* ---- what is lost ---- */

static void lose(bool flips_bits, const char *why)
{
    struct rig r = begin(MQ_KIND_FIFO, true);
    put(&r, "q", 5 * MEMORY);
    fake.get_fails = !flips_bits;
    fake.flips_bits = flips_bits;
    CHECK(!engine_failure(r.engine));
    rig_get(&r, SESSION(3), QUEUE("empty"), FOREVER, SAYS(MQ_NO_QUEUE));
    rig_open(&r, SESSION(3), QUEUE("empty"), OK);
    rig_get(&r, SESSION(3), QUEUE("empty"), FOREVER, WAITS);
    uint64_t last = 0;
    for (;;) { /* all that is in memory comes */
        rig_get(&r, SESSION(2), MAX(BATCH), AUTO_DONE);
        if (engine_failure(r.engine))
            break;
        CHECK_REPLY(&r, SESSION(2), MQ_OK, NULL);
        for (size_t i = 0; i < rig_last(&r)->answer.item_count; i++)
            CHECK_EQUAL(rig_last(&r)->items[i].id, ++last);
    }
    CHECK(last > 0 && last < 2 * MEMORY);
    CHECK_REPLY(&r, SESSION(3), MQ_TEMPORARY, NULL);
    CHECK(strcmp(rig_last(&r)->text, why) == 0);
    CHECK_REPLY(&r, SESSION(2), rig_next(&r)->answer.status, NULL); /* the last ones, or none */
    CHECK(strcmp(engine_failure(r.engine), why) == 0);
    rig_get(&r, SESSION(2), SAYS(MQ_TEMPORARY));
    CHECK(strcmp(rig_last(&r)->text, why) == 0);
    rig_put(&r, BULK(1, BODY), SAYS(MQ_TEMPORARY));
    rig_purge(&r, SAYS(MQ_TEMPORARY));
    rig_stat(&r, OK);
    rig_list(&r, OK);
    rig_peek(&r, LAST, OK);
    rig_free(&r);
    CHECK_EQUAL(fake.count, 0);
}

static void what_cannot_be_read_back_is_a_failure_with_a_reason(void)
{
    lose(false, "what was put away on the shelf cannot be read back");
}

static void what_is_not_what_was_put_away_is_a_failure_and_never_shown(void)
{
    lose(true, "what was put away on the shelf is not what is read back");
}

static void a_peek_that_meets_what_is_lost_says_so(void)
{
    struct rig r = begin(MQ_KIND_LIFO, true);
    put(&r, "q", 5 * MEMORY);
    fake.get_fails = true;
    rig_peek(&r, LAST, SAYS(MQ_TEMPORARY));
    CHECK(strcmp(rig_last(&r)->text, "what was put away on the shelf cannot be read back") == 0);
    CHECK(engine_failure(r.engine) != NULL);
    rig_peek(&r, AFTER_ID(0), MAX(10), SAYS(MQ_TEMPORARY));
    rig_free(&r);
}

/* ---- no memory ---- */

/* A session without a rig, which has memory of its own. */
struct user {
    struct engine *e;
    struct session *session;
    uint64_t now_ms, next_number, last_id;
    enum mq_status status; /* of the last answer */
    size_t answers, items;
};

static void read_answers(struct user *u)
{
    void *peer;
    struct answer answer;
    while (engine_next_reply(u->e, UINT64_MAX, &peer, &answer)) {
        u->answers++;
        u->status = answer.status;
        for (size_t i = 0; answer.verb == MQ_VERB_GET && i < answer.item_count; i++) {
            CHECK_EQUAL(answer.items[i].id, ++u->last_id);
            u->items++;
        }
    }
    engine_check(u->e);
}

static void ask(struct user *u, struct request req)
{
    const char *why;
    struct range confirms = {1, u->next_number - 1};
    req.number = u->next_number++;
    req.queue = mq_bytes("q");
    req.confirms = (struct ranges){&confirms, confirms.last > 0};
    CHECK_EQUAL(engine_submit(u->e, u->now_ms, u->session, &req, &why), MQ_OK);
    read_answers(u);
}

enum { LARGE = 70000, LARGE_COUNT = 100 }; /* each in a chunk of its own, for which there is no spare one */

static void user_begin(struct user *u)
{
    static const char body[LARGE];
    struct put_item large = {.body = {body, LARGE}};
    struct engine_options options;
    struct welcome welcome;
    void *old;
    struct hello hello = {.version = MQ_PROTOCOL_VERSION, .id = {7}};
    fake_shelf_init(&fake);
    engine_options_default(&options);
    options.memory_limit = LIMIT;
    options.shelf = &fake.shelf;
    *u = (struct user){.e = engine_new(&options, 0), .next_number = 1};
    CHECK_EQUAL(engine_hello(u->e, 0, &hello, u, &u->session, &old, &welcome), MQ_OK);
    ask(u, (struct request){.verb = MQ_VERB_OPEN});
    for (size_t i = 0; i < LARGE_COUNT; i++)
        ask(u, (struct request){.verb = MQ_VERB_PUT, .puts = &large, .put_count = 1});
    CHECK_EQUAL(u->status, MQ_OK);
    CHECK(fake.count > LARGE_COUNT / 2);
}

static const struct request get_one = {.verb = MQ_VERB_GET, .max = 1, .auto_done = true};

/* Gets until the next one is away. */
static void empty_memory(struct user *u)
{
    ask(u, get_one); /* what a get takes besides is there from now on */
    malloc_always_fails = true;
    do
        ask(u, get_one);
    while (u->status == MQ_OK);
    malloc_always_fails = false;
    CHECK_EQUAL(u->status, MQ_NO_MEMORY);
    CHECK(u->items > 1 && u->items < LARGE_COUNT);
}

static void without_memory_to_come_back_a_get_is_told_so_and_nothing_is_lost(void)
{
    struct user u;
    user_begin(&u);
    empty_memory(&u);
    while (u.items < LARGE_COUNT) {
        ask(&u, get_one);
        CHECK_EQUAL(u.status, MQ_OK);
    }
    engine_free(u.e);
}

static void a_get_that_waits_for_memory_is_served_when_there_is_some(void)
{
    struct user u;
    struct request wait = get_one;
    user_begin(&u);
    empty_memory(&u);
    size_t items = u.items, answers = u.answers;
    wait.timeout_ms = MQ_FOREVER_MS;
    malloc_always_fails = true;
    ask(&u, wait);
    u.now_ms = engine_deadline_ms(u.e);
    engine_tick(u.e, u.now_ms);
    read_answers(&u);
    CHECK_EQUAL(u.answers, answers);
    malloc_always_fails = false;
    u.now_ms = engine_deadline_ms(u.e);
    engine_tick(u.e, u.now_ms);
    read_answers(&u);
    CHECK_EQUAL(u.answers, answers + 1);
    CHECK_EQUAL(u.items, items + 1);
    engine_free(u.e);
}

static const struct unit_test tests[] = {
    UNIT(a_full_shelf_refuses_puts_as_full_memory_does),
    UNIT(a_put_that_waits_goes_on_when_the_shelf_has_room_again),
    UNIT(a_put_that_waits_does_not_keep_the_broker_busy),
    UNIT(a_shelf_that_fails_is_not_asked_again_for_every_put),
    UNIT(a_priority_queue_stays_in_memory_and_the_others_make_room_for_it),
    UNIT(what_cannot_be_read_back_is_a_failure_with_a_reason),
    UNIT(what_is_not_what_was_put_away_is_a_failure_and_never_shown),
    UNIT(a_peek_that_meets_what_is_lost_says_so),
    UNIT(without_memory_to_come_back_a_get_is_told_so_and_nothing_is_lost),
    UNIT(a_get_that_waits_for_memory_is_served_when_there_is_some),
};

int main(void)
{
    return unit_run("engine: shelf, in trouble", tests, sizeof tests / sizeof *tests);
}
