/* unit_engine_shelf.c - backlogs larger than memory: what waits long leaves memory and comes back in time,
 * whatever the shelf and malloc do. */
#include "failing_malloc.h"
#include "fake_shelf.h"
#include "rig.h"
#include "rig_facts.h"
#include "rig_restart.h"

#include <string.h>

enum { LIMIT = 1 << 20, BODY = 100, BATCH = 256, FOLD = 20, MEMORY = LIMIT / 200 /* items, about */ };

static struct fake_shelf fake;
static bool may_exceed;

static struct rig begin(enum mq_kind kind, bool is_durable)
{
    fake_shelf_init(&fake);
    may_exceed = false;
    return rig_new((struct rig_options){.kind = kind,
                                        .memory_limit = LIMIT,
                                        .is_durable = is_durable,
                                        .shelf = &fake.shelf,
                                        .in_flight_max = UINT32_MAX});
}

static struct broker_stat look(const struct rig *r)
{
    struct broker_stat stat;
    engine_stat(r->engine, &stat);
    return stat;
}

/* Where nothing can go, leases take memory above the limit. */
static void check_memory(const struct rig *r)
{
    struct broker_stat stat = look(r);
    CHECK(stat.memory <= LIMIT || (may_exceed && stat.leased > 0));
    CHECK((stat.shelved > 0) == (stat.shelved_items > 0));
}

static void put(struct rig *r, const char *queue, size_t count)
{
    for (; count > 0; count -= count < BATCH ? count : BATCH) {
        rig_put(r, QUEUE(queue), BULK(count < BATCH ? count : BATCH, BODY), OK);
        check_memory(r);
    }
}

/* Gets and finishes so many; ids go up, or down. *id: the last one. */
static void get(struct rig *r, const char *queue, size_t count, bool is_down, uint64_t *id)
{
    while (count > 0) {
        rig_get(r, SESSION(2), QUEUE(queue), MAX((uint32_t)(count < BATCH ? count : BATCH)), AUTO_DONE, OK);
        const struct rig_reply *reply = rig_last(r);
        CHECK(reply->answer.item_count > 0);
        for (size_t i = 0; i < reply->answer.item_count; i++) {
            CHECK(is_down ? reply->items[i].id < *id : reply->items[i].id > *id);
            CHECK_EQUAL(reply->items[i].size, BODY);
            *id = reply->items[i].id;
        }
        count -= reply->answer.item_count;
        check_memory(r);
    }
}

static void twenty_fold(enum mq_kind kind, bool is_durable)
{
    const size_t count = FOLD * MEMORY;
    struct rig r = begin(kind, is_durable);
    uint64_t id = kind == MQ_KIND_FIFO ? 0 : UINT64_MAX;
    put(&r, "q", count);
    struct broker_stat stat = look(&r);
    CHECK_EQUAL(stat.ready, count);
    CHECK(stat.shelved > (FOLD - 2) * (uint64_t)LIMIT);
    CHECK(stat.shelved_items < count);
    get(&r, "q", count, kind == MQ_KIND_LIFO, &id);
    rig_get(&r, SESSION(2), SAYS(MQ_EMPTY));
    CHECK_EQUAL(look(&r).memory, 0);
    CHECK_EQUAL(fake.count, 0);
    CHECK_EQUAL(fake.puts, fake.gets); /* and each byte only once */
    rig_free(&r);
}

static void a_backlog_of_twenty_times_the_memory_comes_back_in_order(void)
{
    twenty_fold(MQ_KIND_FIFO, false);
    twenty_fold(MQ_KIND_FIFO, true);
}

static void a_stack_of_twenty_times_the_memory_comes_back_in_order(void)
{
    twenty_fold(MQ_KIND_LIFO, false);
    twenty_fold(MQ_KIND_LIFO, true);
}

static void a_long_backlog_stays_as_long_while_items_come_and_go(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    uint64_t id = 0;
    put(&r, "q", 5 * MEMORY);
    for (size_t i = 0; i < 10; i++) {
        put(&r, "q", MEMORY);
        get(&r, "q", MEMORY, false, &id);
    }
    CHECK_EQUAL(look(&r).ready, 5 * MEMORY);
    CHECK(fake.size < 6 * (size_t)LIMIT);
    get(&r, "q", 5 * MEMORY, false, &id);
    rig_free(&r);
}

static void what_waits_in_one_queue_makes_room_for_others(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    uint64_t first = 0, second = UINT64_MAX, third = 0;
    rig_open(&r, QUEUE("stack"), KIND(MQ_KIND_LIFO), OK);
    rig_open(&r, QUEUE("later"), OK);
    put(&r, "q", MEMORY - BATCH);
    put(&r, "stack", MEMORY);
    put(&r, "later", 2 * MEMORY);
    put(&r, "q", 1);
    get(&r, "stack", MEMORY, true, &second);
    get(&r, "later", 2 * MEMORY, false, &third);
    get(&r, "q", MEMORY - BATCH + 1, false, &first);
    rig_free(&r);
}

static void a_put_of_more_than_fits_memory_is_stored_piece_by_piece(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    uint64_t id = 0;
    rig_put(&r, BULK(MEMORY + 2000, BODY), OK);
    CHECK(look(&r).memory <= LIMIT);
    get(&r, "q", MEMORY + 2000, false, &id);
    rig_free(&r);
}

/* The largest go, too, each in a chunk of its own. */
static void large_bodies_leave_memory_like_small_ones(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    for (size_t i = 0; i < 200; i++) {
        rig_put(&r, BULK(1, LIMIT / 10 - i), OK);
        check_memory(&r);
    }
    for (size_t i = 0; i < 200; i++) {
        rig_get(&r, SESSION(2), AUTO_DONE, OK);
        CHECK_EQUAL(rig_last(&r)->items[0].size, LIMIT / 10 - i);
        check_memory(&r);
    }
    rig_free(&r);
}

static void what_was_taken_stays_in_memory_and_comes_back_to_its_place(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    uint64_t id = 0;
    put(&r, "q", 5 * MEMORY);
    rig_get(&r, SESSION(3), MAX(1000), OK);
    put(&r, "q", MEMORY);
    get(&r, "q", 3 * MEMORY, false, &id);
    rig_bye(&r, SESSION(3));
    id = 0;
    get(&r, "q", 1000, false, &id);
    CHECK_EQUAL(id, 1000);
    get(&r, "q", 3 * MEMORY - 1000, false, &id);
    CHECK_EQUAL(id, 6 * MEMORY);
    rig_free(&r);
}

/* ---- after a restart ---- */

static void after_a_restart_a_backlog_larger_than_memory_is_there_and_memory_is_not_exceeded(void)
{
    const enum mq_kind kinds[] = {MQ_KIND_FIFO, MQ_KIND_LIFO};
    for (size_t k = 0; k < 2; k++) {
        struct rig r = begin(kinds[k], true);
        bool is_down = kinds[k] == MQ_KIND_LIFO;
        uint64_t id = is_down ? UINT64_MAX : 0;
        put(&r, "q", 6 * MEMORY);
        get(&r, "q", MEMORY, is_down, &id);
        rig_restart(&r);
        check_memory(&r);
        CHECK(look(&r).shelved > 3 * (uint64_t)LIMIT);
        rig_resume(&r, SESSION(1));
        rig_resume(&r, SESSION(2));
        put(&r, "q", 1);
        if (is_down)
            get(&r, "q", 1, false, &(uint64_t){id});
        get(&r, "q", 5 * MEMORY + !is_down, is_down, &id);
        CHECK_EQUAL(look(&r).ready, 0);
        rig_free(&r);
    }
}

/* What compaction has written again comes last, and is older than all before. */
static void what_was_moved_in_the_log_takes_its_place_and_can_be_put_away(void)
{
    const enum mq_kind kinds[] = {MQ_KIND_FIFO, MQ_KIND_LIFO};
    for (size_t k = 0; k < 2; k++) {
        struct rig r = begin(kinds[k], true);
        bool is_down = kinds[k] == MQ_KIND_LIFO;
        uint64_t id = is_down ? UINT64_MAX : 0;
        rig_begin_segment(&r);
        uint64_t old = r.segment;
        put(&r, "q", 3 * MEMORY);
        rig_begin_segment(&r);
        put(&r, "q", 3 * MEMORY);
        rig_go_through(&r, old, 1 << 20);
        CHECK(!engine_needs(r.engine, old));
        rig_drop_segment(&r, old);
        rig_restart(&r);
        check_memory(&r);
        CHECK_EQUAL(look(&r).ready, 6 * MEMORY);
        CHECK(look(&r).shelved > 4 * (uint64_t)LIMIT);
        rig_resume(&r, SESSION(1));
        get(&r, "q", 6 * MEMORY, is_down, &id);
        rig_free(&r);
    }
}

/* ---- looking ---- */

static void a_peek_shows_both_ends_and_leaves_everything_where_it_is(void)
{
    const enum mq_kind kinds[] = {MQ_KIND_FIFO, MQ_KIND_LIFO};
    for (size_t k = 0; k < 2; k++) {
        struct rig r = begin(kinds[k], false);
        put(&r, "q", FOLD * MEMORY);
        fake.gets = 0;
        struct broker_stat before = look(&r);
        for (size_t last = 0; last < 2; last++) {
            rig_peek(&r, MAX(1000), .last = last, OK);
            const struct rig_reply *reply = rig_last(&r);
            CHECK_EQUAL(reply->answer.item_count, 1000);
            bool is_high = last == (kinds[k] == MQ_KIND_FIFO);
            for (size_t i = 0; i < 1000; i++) {
                uint64_t low = is_high ? FOLD * MEMORY - 999 : 1;
                CHECK_EQUAL(reply->items[i].id, kinds[k] == MQ_KIND_FIFO ? low + i : low + 999 - i);
            }
        }
        CHECK(k == 0 || fake.gets > 0);
        CHECK_EQUAL(look(&r).memory, before.memory);
        CHECK_EQUAL(look(&r).shelved, before.shelved);
        rig_free(&r);
    }
}

static void a_walk_goes_through_what_is_away_page_by_page(void)
{
    struct rig r = begin(MQ_KIND_LIFO, false);
    put(&r, "q", 4 * MEMORY);
    uint64_t after = 0;
    while (after < 4 * MEMORY) {
        rig_peek(&r, AFTER_ID(after), MAX(1000), OK);
        const struct rig_reply *reply = rig_last(&r);
        CHECK(reply->answer.item_count > 0);
        for (size_t i = 0; i < reply->answer.item_count; i++)
            CHECK_EQUAL(reply->items[i].id, ++after);
    }
    check_memory(&r);
    rig_free(&r);
}

static void the_age_of_the_oldest_is_known_though_it_is_away(void)
{
    struct rig r = begin(MQ_KIND_LIFO, false);
    rig_put(&r, BODY("a"), OK);
    rig_run_to(&r, 5000);
    put(&r, "q", 4 * MEMORY);
    uint64_t gets = fake.gets;
    CHECK_EQUAL(rig_look(&r, "q").oldest_ms, 5000);
    CHECK_EQUAL(fake.gets, gets);
    rig_free(&r);
}

/* ---- the end of many ---- */

/* Ids that count up need not be read. */
static void a_purge_does_not_read_what_nobody_wants(void)
{
    for (int is_durable = 0; is_durable < 2; is_durable++) {
        struct rig r = begin(MQ_KIND_FIFO, is_durable);
        put(&r, "q", FOLD * MEMORY);
        rig_purge(&r, OK);
        CHECK_EQUAL(rig_last(&r)->answer.count, FOLD * MEMORY);
        CHECK_EQUAL(fake.gets, 0);
        CHECK_EQUAL(fake.count, 0);
        CHECK_EQUAL(look(&r).memory, 0);
        CHECK_EQUAL(look(&r).live_bytes, 0);
        rig_free(&r);
    }
}

/* Those of two queues do not. */
static void what_is_discarded_unseen_is_not_alive_any_more(void)
{
    struct rig r = begin(MQ_KIND_FIFO, true);
    rig_open(&r, QUEUE("p"), KIND(MQ_KIND_LIFO), OK);
    for (size_t i = 0; i < MEMORY / 10; i++) {
        put(&r, "q", 17);
        put(&r, "p", 33);
    }
    CHECK(look(&r).shelved_items > 3 * MEMORY);
    rig_shut_down(&r, QUEUE("p"), IMMEDIATE, OK);
    CHECK(fake.gets > 0);
    rig_remove(&r, FORCE, OK);
    CHECK_EQUAL(fake.count, 0);
    CHECK_EQUAL(look(&r).live_bytes, 0);
    rig_free(&r);
}

static void an_engine_ends_without_reading_what_is_away(void)
{
    struct rig r = begin(MQ_KIND_FIFO, false);
    put(&r, "q", FOLD * MEMORY);
    fake.get_fails = true;
    rig_free(&r);
    CHECK_EQUAL(fake.count, 0);
    CHECK_EQUAL(fake.gets, 0);
}

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
    UNIT(a_backlog_of_twenty_times_the_memory_comes_back_in_order),
    UNIT(a_stack_of_twenty_times_the_memory_comes_back_in_order),
    UNIT(a_long_backlog_stays_as_long_while_items_come_and_go),
    UNIT(what_waits_in_one_queue_makes_room_for_others),
    UNIT(a_put_of_more_than_fits_memory_is_stored_piece_by_piece),
    UNIT(large_bodies_leave_memory_like_small_ones),
    UNIT(what_was_taken_stays_in_memory_and_comes_back_to_its_place),
    UNIT(after_a_restart_a_backlog_larger_than_memory_is_there_and_memory_is_not_exceeded),
    UNIT(what_was_moved_in_the_log_takes_its_place_and_can_be_put_away),
    UNIT(a_peek_shows_both_ends_and_leaves_everything_where_it_is),
    UNIT(a_walk_goes_through_what_is_away_page_by_page),
    UNIT(the_age_of_the_oldest_is_known_though_it_is_away),
    UNIT(a_purge_does_not_read_what_nobody_wants),
    UNIT(what_is_discarded_unseen_is_not_alive_any_more),
    UNIT(an_engine_ends_without_reading_what_is_away),
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
    return unit_run("engine: shelf", tests, sizeof tests / sizeof *tests);
}
