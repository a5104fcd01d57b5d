/* unit_keeper.c - what goes on between engine and journal: when a group is made, when an answer may leave,
 * and what the engine is told. How much space the log takes is in unit_keeper_space.c. */
#include "failing_malloc.h"
#include "keeper_bench.h"

static struct bench bench_with_queue(uint64_t interval_ms)
{
    struct bench b = bench_new(interval_ms);
    open_queue(&b, "q", MQ_KIND_FIFO);
    return b;
}

/* ---- groups ---- */

static void the_first_group_is_a_checkpoint_that_opens_the_first_segment(void)
{
    struct bench b = bench_new(0); /* waits until it is not busy */
    CHECK_EQUAL(stat_of(&b).segments, 1);
    CHECK_EQUAL(stat_of(&b).groups, 1);
    CHECK(!keeper_is_busy(b.keeper));
    CHECK_EQUAL(keeper_deadline_ms(b.keeper), UINT64_MAX);
    bench_free(&b);
}

static void an_answer_leaves_when_its_group_is_on_disk(void)
{
    struct bench b = bench_with_queue(0);
    submit_put(&b, "q", 1, 100, 0);
    turn(&b);
    read_answers(&b);
    CHECK(b.answered < b.number);
    CHECK(keeper_is_busy(b.keeper));
    CHECK(step(&b, JOURNAL_WRITER));
    read_answers(&b);
    CHECK_EQUAL(b.answered, b.number);
    turn(&b);
    CHECK(!keeper_is_busy(b.keeper));
    bench_free(&b);
}

static void while_a_group_is_written_the_next_one_gathers(void)
{
    struct bench b = bench_with_queue(0);
    uint64_t groups = stat_of(&b).groups;
    for (int i = 0; i < 10; i++) {
        submit_put(&b, "q", 1, 100, 0);
        turn(&b);
    }
    CHECK(step(&b, JOURNAL_WRITER));
    read_answers(&b);
    CHECK_EQUAL(b.answered, b.number - 9);
    turn(&b);
    CHECK(step(&b, JOURNAL_WRITER));
    read_answers(&b);
    CHECK_EQUAL(b.answered, b.number);
    CHECK_EQUAL(stat_of(&b).groups, groups + 2);
    bench_free(&b);
}

static void what_nobody_waits_for_waits_for_company(void)
{
    struct bench b = bench_with_queue(0);
    put(&b, "q", 1, 100, 0);
    put(&b, "q", 1, 100, 0);
    uint64_t groups = stat_of(&b).groups;
    submit(&b, &(struct request){.verb = MQ_VERB_GET, .queue = mq_bytes("q"), .max = 1});
    read_answers(&b); /* at once */
    CHECK_EQUAL(b.answered, b.number);
    turn(&b);
    CHECK(!step(&b, JOURNAL_WRITER));
    CHECK(keeper_is_busy(b.keeper));
    CHECK_EQUAL(keeper_deadline_ms(b.keeper), b.now_ms + KEEPER_LAZY_MS);
    b.now_ms += KEEPER_LAZY_MS - 1;
    turn(&b);
    CHECK(!step(&b, JOURNAL_WRITER));
    b.now_ms++;
    turn(&b);
    CHECK(step(&b, JOURNAL_WRITER));
    CHECK_EQUAL(keeper_deadline_ms(b.keeper), UINT64_MAX);
    CHECK_EQUAL(get(&b, "q", 1), 1);
    turn(&b);
    submit_put(&b, "q", 1, 100, 0); /* company */
    turn(&b);
    CHECK(step(&b, JOURNAL_WRITER));
    CHECK_EQUAL(stat_of(&b).groups, groups + 2);
    turn(&b);
    CHECK(!keeper_is_busy(b.keeper));
    bench_free(&b);
}

static void with_an_interval_all_is_on_disk_in_the_end(void)
{
    struct bench b = bench_with_queue(100);
    put(&b, "q", 1, 100, 0);
    settle(&b);
    CHECK(keeper_is_busy(b.keeper));
    b.now_ms += 100;
    settle(&b);
    CHECK(!keeper_is_busy(b.keeper));
    bench_free(&b);
}

/* A sync is asked for when its interval is over, and does not come back. */
static void with_an_interval_answers_wait_for_a_disk_that_is_two_intervals_behind(void)
{
    struct bench b = bench_with_queue(100);
    struct journal_job job;
    settle(&b);
    b.now_ms += 100;
    settle(&b);
    CHECK_EQUAL(keeper_safe(b.keeper, b.now_ms + 1000000), UINT64_MAX); /* nothing is unsynced */
    put(&b, "q", 1, 100, 0);
    uint64_t since_ms = b.now_ms, told = stat_of(&b).on_disk;
    b.now_ms += 100;
    turn(&b);
    CHECK(journal_next_job(b.journal, JOURNAL_WRITER, &job));
    CHECK_EQUAL(job.work, JOURNAL_SYNC);
    submit_put(&b, "q", 1, 100, 0); /* taken, and not yet written */
    turn(&b);
    CHECK_EQUAL(keeper_safe(b.keeper, since_ms + 200), UINT64_MAX);
    CHECK_EQUAL(keeper_safe(b.keeper, since_ms + 201), told);
    b.now_ms = since_ms + 250;
    submit_put(&b, "q", 1, 100, 0); /* not yet taken */
    turn(&b);
    journal_do(&b.disk, &b.open[JOURNAL_WRITER], &job);
    journal_job_done(b.journal, b.now_ms, JOURNAL_WRITER, &job);
    CHECK(stat_of(&b).on_disk > told);
    CHECK_EQUAL(keeper_safe(b.keeper, since_ms + 300), UINT64_MAX); /* the second put's age counts now */
    CHECK_EQUAL(keeper_safe(b.keeper, since_ms + 301), stat_of(&b).on_disk);
    CHECK(step(&b, JOURNAL_WRITER)); /* it is written, at last, but not synced */
    CHECK_EQUAL(keeper_safe(b.keeper, since_ms + 301), stat_of(&b).on_disk);
    journal_hurry(b.journal);
    settle(&b);
    CHECK_EQUAL(keeper_safe(b.keeper, b.now_ms + 1000000), UINT64_MAX);
    bench_free(&b);
}

/* While one group is written the next one gathers, and its answers are told. */
static void what_is_told_is_as_old_as_that_and_not_as_its_group(void)
{
    struct bench b = bench_with_queue(100);
    settle(&b);
    b.now_ms += 100;
    settle(&b);
    uint64_t first_ms = b.now_ms;
    submit_put(&b, "q", 1, 100, 0);
    turn(&b);
    b.now_ms = first_ms + 50;
    submit_put(&b, "q", 1, 100, 0);
    turn(&b);
    b.now_ms = first_ms + 100;
    CHECK(step(&b, JOURNAL_WRITER));
    turn(&b);
    b.now_ms = first_ms + 200;
    turn(&b);
    CHECK(step(&b, JOURNAL_WRITER)); /* the first one is synced, the second one taken and not yet written */
    CHECK(stat_of(&b).unsafe > 0);
    CHECK_EQUAL(keeper_safe(b.keeper, first_ms + 50 + 200), UINT64_MAX);
    CHECK_EQUAL(keeper_safe(b.keeper, first_ms + 50 + 201), stat_of(&b).on_disk);
    bench_free(&b);
}

static void a_checkpoint_for_which_there_is_no_memory_is_written_later(void)
{
    struct bench b = bench_with_queue(0);
    while (!journal_wants_segment(b.journal))
        put(&b, "q", 64, 100, 0);
    uint64_t segments = stat_of(&b).segments;
    for (int i = 0; i < 5; i++) {
        submit_put(&b, "q", 1, 100, 0);
        malloc_always_fails = true;
        turn(&b);
        malloc_always_fails = false;
        wait_for_answer(&b);
    }
    put(&b, "q", 1, 100, 0);
    put(&b, "q", 1, 100, 0);
    CHECK(stat_of(&b).segments > segments);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
    bench_free(&b);
}

static void without_memory_there_is_no_keeper(void)
{
    struct bench b = bench_new(0);
    malloc_always_fails = true;
    struct keeper *k = keeper_new(b.engine, b.journal);
    malloc_always_fails = false;
    CHECK(k == NULL);
    keeper_free(NULL);
    bench_free(&b);
}

/* ---- the full disk ---- */

static void a_full_disk_refuses_puts_and_nothing_else(void)
{
    struct bench b = bench_with_queue(0);
    uint64_t ids[BENCH_ITEMS];
    fake_disk_limit(b.fake, 10 * SEGMENT);
    while (submit_put(&b, "q", 64, 100, 0), wait_for_answer(&b), b.seen.status == MQ_OK)
        ;
    CHECK_EQUAL(b.seen.status, MQ_TEMPORARY);
    CHECK(strcmp(b.seen.text, "disk is full") == 0);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_FULL);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE);
    for (int i = 0; stat_of(&b).state == JOURNAL_FULL; i++) {
        CHECK_EQUAL(get(&b, "q", 64), 64);
        memcpy(ids, b.seen.ids, sizeof ids);
        task_done(&b, ids, 64);
        CHECK(i < 1000);
    }
    put(&b, "q", 64, 100, 0);
    bench_free(&b);
}

/* So many puts, all at once; each of them is answered, whatever with. */
static void put_a_burst(struct bench *b, size_t puts, size_t items)
{
    for (size_t i = 0; i < puts; i++)
        submit_put(b, "q", items, BENCH_BODY, 0);
    wait_for_answer(b);
    if (b->seen.status == MQ_OK)
        return;
    CHECK_EQUAL(b->seen.status, MQ_TEMPORARY);
    CHECK(strcmp(b->seen.text, "disk is full") == 0 ||
          strcmp(b->seen.text, "too much is not yet on disk") == 0);
}

/* At whatever moment the disk gets full: what was let in can be written. */
static void a_put_is_let_in_only_if_what_is_there_holds_it(void)
{
    for (uint64_t room = 0; room < 4 * SEGMENT; room += SEGMENT / 7) {
        struct bench b = bench_with_queue(0);
        size_t items = 1 + room / 4096 % 61, puts = 1 + room / 1024 % 41;
        while (stat_of(&b).log < 4 * SEGMENT)
            put_a_burst(&b, puts, items);
        fake_disk_limit(b.fake, fake_disk_used(b.fake) + room);
        for (int i = 0; stat_of(&b).state != JOURNAL_FULL; i++) {
            put_a_burst(&b, puts, items);
            b.now_ms += 100;
            CHECK(i < 1000);
        }
        for (int i = 0; stat_of(&b).state == JOURNAL_FULL; i++) {
            get_done(&b, "q", 32);
            b.now_ms += 100;
            CHECK(i < 1000);
        }
        turn(&b);
        put(&b, "q", 1, BENCH_BODY, 0);
        bench_free(&b);
    }
}

static void a_put_that_waits_for_room_goes_on_when_there_is_some(void)
{
    struct bench b = bench_with_queue(0);
    static uint8_t body[BENCH_BODY];
    struct put_item puts[BENCH_ITEMS];
    for (size_t i = 0; i < BENCH_ITEMS; i++)
        puts[i] = (struct put_item){.body = {body, sizeof body}};
    for (int i = 0; i < 10; i++) /* ten segments in all */
        submit(&b, &(struct request){.verb = MQ_VERB_PUT,
                                     .queue = mq_bytes("q"),
                                     .puts = puts,
                                     .put_count = BENCH_ITEMS,
                                     .timeout_ms = MQ_FOREVER_MS});
    CHECK(facts_size(engine_facts(b.engine)) < 2 * SEGMENT);
    wait_for_answer(&b);
    CHECK_EQUAL(b.seen.status, MQ_OK);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
    bench_free(&b);
}

static void puts_go_on_when_somebody_makes_room(void)
{
    struct bench b = bench_with_queue(0);
    fake_disk_limit(b.fake, 5 * SEGMENT);
    while (submit_put(&b, "q", 64, 100, 0), wait_for_answer(&b), b.seen.status == MQ_OK)
        ;
    fake_disk_limit(b.fake, 0);
    b.now_ms += 1000;
    settle(&b);
    put(&b, "q", 64, 100, 0);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
    bench_free(&b);
}

/* ---- the end ---- */

static void check_is_over(struct bench *b, const char *why)
{
    uint64_t number = b->number, answered = b->answered;
    submit_put(b, "q", 1, 100, 0);
    turn(b);
    read_answers(b);
    CHECK_EQUAL(b->answered, answered + 1); /* the new one; what was under way is never told */
    CHECK_EQUAL(b->number, number + 1);
    CHECK_EQUAL(b->seen.status, MQ_TEMPORARY);
    CHECK(strcmp(b->seen.text, why) == 0);
    CHECK(!keeper_is_busy(b->keeper));
    CHECK_EQUAL(keeper_deadline_ms(b->keeper), UINT64_MAX);
    CHECK(!step(b, JOURNAL_WRITER));
}

static void a_failed_sync_is_never_answered_and_all_else_is_refused(void)
{
    struct bench b = bench_with_queue(0);
    submit_put(&b, "q", 1, 100, 0);
    turn(&b);
    fake_disk_fail(b.fake, FAKE_SYNC, 1, EIO, false);
    CHECK(step(&b, JOURNAL_WRITER));
    turn(&b);
    read_answers(&b);
    CHECK(b.answered < b.number);
    check_is_over(&b, "the data directory failed: Input/output error");
    bench_free(&b);
}

static void what_can_not_be_written_down_for_want_of_memory_ends_all(void)
{
    struct bench b = bench_with_queue(0);
    submit_put(&b, "q", 1, 100, 0);
    engine_facts(b.engine)->is_broken = true;
    turn(&b);
    check_is_over(&b, "the data directory failed: out of memory");
    bench_free(&b);
}

/* ---- crashes ---- */

/* At any moment between two jobs. What was put and answered is there, once, unless it was asked to be done.
 */
static void what_was_answered_survives(void)
{
    uint64_t random = 17;
    struct bench b = bench_with_queue(0);
    uint64_t least = 0, most = 0, held[BENCH_ITEMS];
    for (uint64_t crash = 1; crash <= 40; crash++) {
        for (int i = 0; i < 120; i++) {
            size_t count = 1 + (random = random * 6364136223846793005 + 1) % 60;
            put(&b, "q", count, 300, 0);
            least += count;
            most += count;
            count = get(&b, "q", 64);
            memcpy(held, b.seen.ids, sizeof held);
            if (count == 0 || i % 9 == 0)
                continue;
            task_done(&b, held, count);
            least -= count;
            most -= count;
        }
        submit_put(&b, "q", 10, 300, 0);
        most += 10;
        for (uint64_t i = 0; i < crash % 7; i++) {
            turn(&b);
            step(&b, i % 2 ? JOURNAL_FILER : JOURNAL_WRITER);
        }
        bench_kill(&b);
        fake_disk_crash(b.fake,
                        &(struct fake_crash){.names = FAKE_CHANCE, .bytes = FAKE_CHANCE, .seed = crash});
        bench_start(&b);
        struct broker_stat stat;
        engine_stat(b.engine, &stat);
        CHECK(stat.ready + stat.leased >= least);
        CHECK(stat.ready + stat.leased <= most);
        least = most = stat.ready + stat.leased;
        b.number = b.answered = 0; /* another client */
        b.client++;
    }
    CHECK(journal_first_segment(b.journal) > 10);
    bench_free(&b);
}

static const struct unit_test tests[] = {
    UNIT(the_first_group_is_a_checkpoint_that_opens_the_first_segment),
    UNIT(an_answer_leaves_when_its_group_is_on_disk),
    UNIT(while_a_group_is_written_the_next_one_gathers),
    UNIT(what_nobody_waits_for_waits_for_company),
    UNIT(with_an_interval_all_is_on_disk_in_the_end),
    UNIT(with_an_interval_answers_wait_for_a_disk_that_is_two_intervals_behind),
    UNIT(what_is_told_is_as_old_as_that_and_not_as_its_group),
    UNIT(a_checkpoint_for_which_there_is_no_memory_is_written_later),
    UNIT(without_memory_there_is_no_keeper),
    UNIT(a_full_disk_refuses_puts_and_nothing_else),
    UNIT(a_put_is_let_in_only_if_what_is_there_holds_it),
    UNIT(a_put_that_waits_for_room_goes_on_when_there_is_some),
    UNIT(puts_go_on_when_somebody_makes_room),
    UNIT(a_failed_sync_is_never_answered_and_all_else_is_refused),
    UNIT(what_can_not_be_written_down_for_want_of_memory_ends_all),
    UNIT(what_was_answered_survives),
};

int main(void)
{
    return unit_run("keeper", tests, sizeof tests / sizeof *tests);
}
