/* unit_journal_read.c - old segments that are read again. */
#include "failing_malloc.h"
#include "journal_bench.h"

/* Reads a whole segment and returns how many groups there were; their facts count up from `fill`. */
static int read_all(struct bench *b, uint64_t segment, uint8_t fill)
{
    int count = 0;
    for (uint64_t offset = 0; offset != UINT64_MAX;) {
        struct bytes facts;
        while (!journal_read(b->journal, segment, offset, &facts, &offset)) {
            CHECK_EQUAL(stat_of(b).state, JOURNAL_OK);
            CHECK(step(b, JOURNAL_FILER));
        }
        if (facts.size == 0)
            continue;
        uint8_t expected = (uint8_t)(fill + count++);
        CHECK_EQUAL(((const uint8_t *)facts.data)[0], expected);
        CHECK_EQUAL(((const uint8_t *)facts.data)[facts.size - 1], expected);
    }
    return count;
}

static void an_old_segment_is_read_group_by_group(void)
{
    struct bench b = bench_begun();
    int groups = 1;
    for (; !journal_wants_segment(b.journal); groups++)
        put_group(&b, 7000);
    put_group(&b, 100);
    CHECK_EQUAL(read_all(&b, 1, 1), groups);
    CHECK_EQUAL(read_all(&b, 1, 1), groups); /* and once more */
    bench_free(&b);
}

static void groups_larger_than_a_piece_are_read_too(void)
{
    struct journal_options options = bench_options(0);
    options.segment_size = 8 << 20;
    struct bench b = bench_found(fake_disk_new(), options, (struct recover_found){0});
    work(&b);
    put_group(&b, 1000);
    int groups = 1;
    for (; !journal_wants_segment(b.journal); groups++)
        put_group(&b, groups % 2 ? 300000 : 2500000);
    put_group(&b, 100);
    CHECK_EQUAL(read_all(&b, 1, 1), groups);
    bench_free(&b);
}

static void a_segment_ends_where_the_next_one_begins(void)
{
    struct bench b = bench_begun();
    fill_until(&b, 3);
    journal_drop(b.journal, 2); /* full of old groups, and used again for a group or two */
    work(&b);
    uint64_t next = journal_next_segment(b.journal);
    fill_until(&b, next);
    uint64_t count = stat_of(&b).groups;
    take(&b, 10, b.fill, true);
    work(&b);
    CHECK_EQUAL(read_all(&b, next, (uint8_t)count), 1);
    bench_free(&b);
}

static void a_segment_is_not_read_before_the_next_one_has_its_name(void)
{
    struct bench b = bench_begun();
    struct bytes facts;
    uint64_t next;
    take(&b, 100, 2, true);
    CHECK(!journal_read(b.journal, 1, 0, &facts, &next));
    CHECK(!step(&b, JOURNAL_FILER) || b.jobs[JOURNAL_READ] == 0);
    CHECK(step(&b, JOURNAL_WRITER));
    CHECK_EQUAL(read_all(&b, 1, 1), 1);
    bench_free(&b);
}

static void gaps_are_passed_over(void)
{
    struct bench b = bench_begun();
    put_group(&b, 1000);
    put_group(&b, 1000);
    put_group(&b, 1000);
    take(&b, 100, 5, true);
    work(&b);
    uint64_t size, at = SEGMENT_HEAD_SIZE + group_bytes(100);
    char name[DISK_NAME_MAX];
    segment_name(1, name);
    uint8_t *bytes = malloc(SEGMENT);
    memcpy(bytes, segment_bytes(b.fake, 1, &size), SEGMENT);
    struct group_head gap = {.segment = 1,
                             .sequence = 2,
                             .next = 4,
                             .flags = GROUP_GAP,
                             .size = (uint32_t)(2 * group_bytes(1000) - GROUP_HEAD_SIZE)};
    group_write_gap(bytes + at, &gap, SALT);
    fake_disk_put(b.fake, name, bytes, SEGMENT);
    free(bytes);
    struct bytes facts;
    uint64_t offset = 0;
    while (!journal_read(b.journal, 1, 0, &facts, &offset))
        CHECK(step(&b, JOURNAL_FILER));
    CHECK_EQUAL(facts.size, 100);
    CHECK(journal_read(b.journal, 1, offset, &facts, &offset));
    CHECK_EQUAL(facts.size, 1000);
    CHECK_EQUAL(((const uint8_t *)facts.data)[0], 4);
    CHECK_EQUAL(offset, UINT64_MAX);
    bench_free(&b);
}

/* A segment of a few groups that is complete, and another behind it. */
static struct bench bench_readable(void)
{
    struct bench b = bench_begun();
    for (int i = 0; i < 3; i++)
        put_group(&b, 1000);
    take(&b, 100, 5, true);
    work(&b);
    return b;
}

static void check_read_fails(struct bench *b)
{
    b->is_damaged = true;
    struct bytes facts;
    uint64_t offset = 0;
    while (offset != UINT64_MAX && stat_of(b).state != JOURNAL_FAILED)
        if (!journal_read(b->journal, 1, offset, &facts, &offset))
            step(b, JOURNAL_FILER);
    CHECK_EQUAL(stat_of(b).state, JOURNAL_FAILED);
    bench_free(b);
}

static void damage_that_appears_in_an_old_segment_ends_all(void)
{
    static const struct {
        uint64_t segment, offset;
    } damages[] = {
        {1, 9}, {2, 33}, {1, SEGMENT_HEAD_SIZE}, {1, SEGMENT_HEAD_SIZE + 50}, {1, SEGMENT_HEAD_SIZE + 145}};
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct bench b = bench_readable();
        char name[DISK_NAME_MAX];
        segment_name(damages[i].segment, name);
        fake_disk_flip(b.fake, name, damages[i].offset, 1);
        check_read_fails(&b);
    }
    static const uint64_t sizes[] = {
        0, 100, SEGMENT_HEAD_SIZE, SEGMENT_HEAD_SIZE + 20, SEGMENT_HEAD_SIZE + 100, SEGMENT_HEAD_SIZE + 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bench b = bench_readable();
        char name[DISK_NAME_MAX];
        segment_name(1, name);
        fake_disk_cut(b.fake, name, sizes[i]);
        check_read_fails(&b);
    }
    struct bench b = bench_readable();
    fake_disk_fail(b.fake, FAKE_READ, 2, EIO, false);
    check_read_fails(&b);
}

static void reading_waits_for_memory_and_for_descriptors(void)
{
    struct bench b = bench_readable();
    struct bytes facts;
    uint64_t offset = 0;
    malloc_always_fails = true;
    bool is_read = journal_read(b.journal, 1, 0, &facts, &offset);
    malloc_always_fails = false;
    CHECK(!is_read);
    CHECK(!step(&b, JOURNAL_FILER) || b.jobs[JOURNAL_READ] == 0);
    CHECK(!journal_read(b.journal, 1, 0, &facts, &offset));
    fake_disk_fail(b.fake, FAKE_OPEN, 1, EMFILE, false);
    CHECK(step(&b, JOURNAL_FILER));
    CHECK_EQUAL(journal_deadline_ms(b.journal), b.now_ms + 1000);
    CHECK(!step(&b, JOURNAL_FILER) || b.jobs[JOURNAL_READ] == 1);
    tick(&b, 1000);
    CHECK_EQUAL(read_all(&b, 1, 1), 4);
    bench_free(&b);
}

static const struct unit_test tests[] = {
    UNIT(an_old_segment_is_read_group_by_group),
    UNIT(groups_larger_than_a_piece_are_read_too),
    UNIT(a_segment_ends_where_the_next_one_begins),
    UNIT(a_segment_is_not_read_before_the_next_one_has_its_name),
    UNIT(gaps_are_passed_over),
    UNIT(damage_that_appears_in_an_old_segment_ends_all),
    UNIT(reading_waits_for_memory_and_for_descriptors),
};

int main(void)
{
    return unit_run("journal_read", tests, sizeof tests / sizeof *tests);
}
