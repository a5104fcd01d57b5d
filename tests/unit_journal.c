/* unit_journal.c - the journal over a disk that tells what is synced: what is safe when, and what a failure
 * means. Each job is done by hand, so that every moment between two of them can be looked at. */
#include "fake_disk.h"
#include "journal.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENT = 256 << 10, SALT = 77 };

struct bench {
    struct fake_disk *fake;
    struct disk disk;
    struct journal *journal;
    struct journal_handle open[JOURNAL_HANDS];
    uint64_t now_ms, position;
    uint8_t fill; /* of the last group's facts */
};

static struct journal_options options_of(uint64_t interval_ms)
{
    return (struct journal_options){
        .segment_size = SEGMENT, .sync_interval_ms = interval_ms, .reserve = 2, .salt = SALT};
}

static struct bench bench_on(struct fake_disk *fake, struct journal_options options)
{
    struct bench b = {.fake = fake, .disk = fake_disk_calls(fake), .now_ms = 1000};
    struct recover_found found = {0};
    struct journal_files files;
    CHECK_EQUAL(journal_begin(&b.disk, &found, options.segment_size, &files), 0);
    b.journal = journal_new(&options, &found, &files, b.now_ms);
    CHECK(b.journal != NULL);
    for (int i = 0; i < JOURNAL_HANDS; i++)
        b.open[i].handle = -1;
    return b;
}

static struct bench bench_new(void)
{
    return bench_on(fake_disk_new(), options_of(0));
}

static void bench_free(struct bench *b)
{
    for (int i = 0; i < JOURNAL_HANDS; i++)
        journal_close(&b->disk, &b->open[i]);
    CHECK_EQUAL(fake_disk_handles(b->fake), 0);
    journal_free(b->journal);
    fake_disk_free(b->fake);
}

static struct journal_stat stat_of(const struct bench *b)
{
    struct journal_stat stat;
    journal_check(b->journal);
    journal_stat(b->journal, &stat);
    return stat;
}

/* One job of a hand; false: there was none. */
static bool step(struct bench *b, enum journal_hand hand)
{
    struct journal_job job;
    if (!journal_next_job(b->journal, hand, &job))
        return false;
    journal_do(&b->disk, &b->open[hand], &job);
    journal_job_done(b->journal, b->now_ms, hand, &job);
    journal_check(b->journal);
    return true;
}

static void work(struct bench *b)
{
    while (step(b, JOURNAL_WRITER) || step(b, JOURNAL_FILER))
        ;
}

/* Takes a group of so many bytes of facts, each of the value `fill`. */
static void take(struct bench *b, size_t size, uint8_t fill, bool opens)
{
    size_t capacity = GROUP_HEAD_SIZE + size + GROUP_ALIGNMENT;
    uint8_t *data = malloc(capacity);
    memset(data, fill, capacity);
    b->position += size;
    journal_take(b->journal, b->now_ms, data, GROUP_HEAD_SIZE + size, capacity, b->position, opens);
    journal_check(b->journal);
}

static void give_back(struct bench *b)
{
    size_t capacity = 0;
    uint8_t *block = journal_give_back(b->journal, &capacity);
    CHECK(!block || capacity > 0);
    free(block);
}

/* A group from beginning to end, in a new segment when one is wanted. */
static void put_group(struct bench *b, size_t size)
{
    work(b);
    CHECK(journal_is_ready(b->journal));
    bool opens = journal_wants_segment(b->journal) && journal_has_spare(b->journal);
    take(b, size, ++b->fill, opens);
    work(b);
    CHECK_EQUAL(journal_safe(b->journal), b->position);
    give_back(b);
}

/* Does this segment have this group, as programs see the file? */
static bool has_group(struct bench *b, uint64_t segment, uint64_t offset, uint8_t fill)
{
    char name[DISK_NAME_MAX];
    uint64_t size;
    struct group_head head;
    segment_name(segment, name);
    const uint8_t *bytes = fake_disk_bytes(b->fake, name, &size);
    return bytes && offset < size &&
           group_read((struct bytes){bytes + offset, size - offset}, segment, SALT, &head) && head.size > 0 &&
           bytes[offset + GROUP_HEAD_SIZE] == fill;
}

/* ---- the first segment ---- */

static void an_empty_directory_takes_no_group_until_a_spare_is_ready(void)
{
    struct bench b = bench_new();
    CHECK(!journal_is_ready(b.journal));
    CHECK(journal_wants_segment(b.journal));
    CHECK_EQUAL(journal_next_segment(b.journal), 1);
    CHECK_EQUAL(journal_first_segment(b.journal), 1);
    CHECK(step(&b, JOURNAL_FILER));
    CHECK(journal_is_ready(b.journal));
    CHECK_EQUAL(stat_of(&b).spares, 1);
    CHECK_EQUAL(stat_of(&b).size, SEGMENT);
    bench_free(&b);
}

static void the_first_group_is_safe_when_the_power_may_fail(void)
{
    struct bench b = bench_new();
    CHECK(step(&b, JOURNAL_FILER));
    take(&b, 100, 7, true);
    CHECK_EQUAL(journal_safe(b.journal), 0);
    CHECK(!journal_is_ready(b.journal));
    CHECK_EQUAL(stat_of(&b).unsafe, 140);
    CHECK(step(&b, JOURNAL_WRITER));
    CHECK_EQUAL(journal_safe(b.journal), 100);
    CHECK_EQUAL(stat_of(&b).unsafe, 0);
    CHECK_EQUAL(stat_of(&b).segments, 1);
    fake_disk_crash(b.fake, &(struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    CHECK(has_group(&b, 1, SEGMENT_HEAD_SIZE, 7));
    b.open[JOURNAL_WRITER].handle = -1;
    bench_free(&b);
}

static const struct unit_test tests[] = {
    UNIT(an_empty_directory_takes_no_group_until_a_spare_is_ready),
    UNIT(the_first_group_is_safe_when_the_power_may_fail),
};

int main(void)
{
    (void)put_group;
    return unit_run("journal", tests, sizeof tests / sizeof *tests);
}
