/* unit_bench_tally.c - what `mq bench` finds wrong: each way in which an item can go astray is seen as that.
 */
#include "bench_tally.h"
#include "unit.h"

#include <string.h>

enum { SIZE = 100, PRODUCERS = 3, ITEMS = 200, RUN = 77 };

static _Atomic uint64_t seen[PRODUCERS * 4];
static struct bench_tally tally;
static struct bench_findings findings;
static uint64_t next[PRODUCERS];
static unsigned char body[SIZE];

static void begin(void)
{
    memset(seen, 0, sizeof seen);
    memset(next, 0, sizeof next);
    findings = (struct bench_findings){0};
    tally = (struct bench_tally){
        .run = RUN, .size = SIZE, .producers = PRODUCERS, .items_max = ITEMS, .seen = seen};
    CHECK(bench_tally_words(ITEMS) * PRODUCERS == sizeof seen / sizeof *seen);
}

static void make(uint32_t run, uint16_t producer, uint64_t sequence)
{
    uint64_t pattern = bench_item_fill(body, SIZE, producer);
    bench_item_stamp(
        body, (struct bench_stamp){.run = run, .producer = producer, .sequence = sequence, .time_ns = 5},
        pattern);
}

static bool see(void)
{
    struct bench_stamp stamp;
    return bench_tally_see(&tally, &findings, next, body, SIZE, &stamp);
}

static void put_all(void)
{
    for (uint16_t producer = 0; producer < PRODUCERS; producer++)
        for (uint64_t i = 0; i < ITEMS; i++) {
            make(RUN, producer, i);
            CHECK(see());
        }
}

static uint64_t lost(void)
{
    uint64_t count = 0;
    for (unsigned producer = 0; producer < PRODUCERS; producer++)
        count += bench_tally_lost(&tally, producer, ITEMS);
    return count;
}

static void check_findings(uint64_t good, uint64_t corrupt, uint64_t foreign, uint64_t doubled,
                           uint64_t misordered)
{
    CHECK_EQUAL(findings.seen, good);
    CHECK_EQUAL(findings.corrupt, corrupt);
    CHECK_EQUAL(findings.foreign, foreign);
    CHECK_EQUAL(findings.doubled, doubled);
    CHECK_EQUAL(findings.misordered, misordered);
}

static void nothing_is_wrong_if_each_item_comes_once_and_in_order(void)
{
    begin();
    put_all();
    CHECK_EQUAL(lost(), 0);
    check_findings(PRODUCERS * ITEMS, 0, 0, 0, 0);
}

static void an_item_is_read_as_it_was_stamped(void)
{
    struct bench_stamp stamp = {.run = 1, .producer = 2, .is_timed = 1, .sequence = 3, .time_ns = 4}, read;
    uint64_t pattern = bench_item_fill(body, SIZE, 9);
    bench_item_stamp(body, stamp, pattern);
    CHECK(bench_item_read(body, SIZE, SIZE, &read));
    CHECK_EQUAL(read.run, 1);
    CHECK_EQUAL(read.producer, 2);
    CHECK_EQUAL(read.is_timed, 1);
    CHECK_EQUAL(read.sequence, 3);
    CHECK_EQUAL(read.time_ns, 4);
}

static void the_smallest_item_is_a_stamp(void)
{
    struct bench_stamp stamp = {.sequence = 3}, read;
    uint64_t pattern = bench_item_fill(body, BENCH_ITEM_SIZE_MIN, 9);
    bench_item_stamp(body, stamp, pattern);
    CHECK(bench_item_read(body, BENCH_ITEM_SIZE_MIN, BENCH_ITEM_SIZE_MIN, &read));
    CHECK_EQUAL(read.sequence, 3);
    CHECK(!bench_item_read(body, BENCH_ITEM_SIZE_MIN - 1, BENCH_ITEM_SIZE_MIN - 1, &read));
    CHECK(!bench_item_read(body, 0, 0, &read));
}

static void a_lost_item_is_missed_wherever_it_was(void)
{
    for (uint64_t missing = 0; missing < ITEMS; missing++) {
        begin();
        for (uint64_t i = 0; i < ITEMS; i++) {
            make(RUN, 1, i);
            if (i != missing)
                CHECK(see());
        }
        CHECK_EQUAL(bench_tally_lost(&tally, 1, ITEMS), 1);
        CHECK_EQUAL(bench_tally_lost(&tally, 1, missing), 0);
        check_findings(ITEMS - 1, 0, 0, 0, 0);
    }
}

static void items_that_were_not_put_are_not_missed(void)
{
    begin();
    make(RUN, 0, 0);
    CHECK(see());
    CHECK_EQUAL(bench_tally_lost(&tally, 0, 1), 0);
    CHECK_EQUAL(bench_tally_lost(&tally, 1, 0), 0);
    CHECK_EQUAL(bench_tally_lost(&tally, 1, ITEMS), ITEMS);
}

static void a_doubled_item_is_seen_as_that(void)
{
    begin();
    put_all();
    CHECK(see());
    check_findings(PRODUCERS * ITEMS, 0, 0, 1, 1);
}

static void another_consumer_sees_a_doubled_item_too(void)
{
    struct bench_findings others = {0};
    struct bench_stamp stamp;
    begin();
    make(RUN, 2, 130);
    CHECK(see());
    CHECK(bench_tally_see(&tally, &others, NULL, body, SIZE, &stamp));
    CHECK_EQUAL(others.doubled, 1);
    CHECK_EQUAL(others.misordered, 0);
    bench_findings_add(&findings, &others);
    check_findings(1, 0, 0, 1, 0);
}

static void any_changed_bit_is_seen(void)
{
    for (size_t bit = 0; bit < SIZE * 8; bit++) {
        begin();
        make(RUN, 1, 7);
        body[bit / 8] ^= (unsigned char)(1 << bit % 8);
        CHECK(!see());
        check_findings(0, 1, 0, 0, 0);
    }
    CHECK_EQUAL(bench_tally_lost(&tally, 1, 8), 8);
}

static void another_size_is_seen(void)
{
    struct bench_stamp stamp;
    begin();
    make(RUN, 1, 7);
    CHECK(!bench_tally_see(&tally, &findings, next, body, SIZE - 1, &stamp));
    CHECK(!bench_tally_see(&tally, &findings, next, body, 0, &stamp));
    check_findings(0, 2, 0, 0, 0);
}

static void another_producers_pattern_is_seen(void)
{
    unsigned char foreign[SIZE];
    begin();
    make(RUN, 2, 7);
    memcpy(foreign, body, SIZE);
    make(RUN, 1, 7);
    memcpy(body + BENCH_ITEM_SIZE_MIN, foreign + BENCH_ITEM_SIZE_MIN, SIZE - BENCH_ITEM_SIZE_MIN);
    CHECK(!see());
    check_findings(0, 1, 0, 0, 0);
}

static void an_item_of_another_run_is_none_of_ours(void)
{
    begin();
    make(RUN + 1, 0, 0);
    CHECK(!see());
    make(RUN, PRODUCERS, 0);
    CHECK(!see());
    make(RUN, 0, ITEMS);
    CHECK(!see());
    check_findings(0, 0, 3, 0, 0);
}

static void an_item_after_a_later_one_is_out_of_order(void)
{
    begin();
    make(RUN, 0, 1);
    CHECK(see());
    make(RUN, 1, 0);
    CHECK(see());
    make(RUN, 0, 0);
    CHECK(see());
    check_findings(3, 0, 0, 0, 1);
}

static void order_is_not_looked_at_where_none_is_promised(void)
{
    struct bench_stamp stamp;
    begin();
    for (uint64_t i = ITEMS; i-- > 0;) {
        make(RUN, 0, i);
        CHECK(bench_tally_see(&tally, &findings, NULL, body, SIZE, &stamp));
    }
    check_findings(ITEMS, 0, 0, 0, 0);
}

static const struct unit_test tests[] = {
    UNIT(nothing_is_wrong_if_each_item_comes_once_and_in_order),
    UNIT(an_item_is_read_as_it_was_stamped),
    UNIT(the_smallest_item_is_a_stamp),
    UNIT(a_lost_item_is_missed_wherever_it_was),
    UNIT(items_that_were_not_put_are_not_missed),
    UNIT(a_doubled_item_is_seen_as_that),
    UNIT(another_consumer_sees_a_doubled_item_too),
    UNIT(any_changed_bit_is_seen),
    UNIT(another_size_is_seen),
    UNIT(another_producers_pattern_is_seen),
    UNIT(an_item_of_another_run_is_none_of_ours),
    UNIT(an_item_after_a_later_one_is_out_of_order),
    UNIT(order_is_not_looked_at_where_none_is_promised),
};

int main(void)
{
    return unit_run("bench_tally", tests, sizeof tests / sizeof *tests);
}
