/* journal_bench.h - a journal over a fake disk, whose jobs are done by hand, so that every moment between two
 * of them can be looked at. After each step the journal is checked, and its size compared with the disk's. */
#ifndef MQ_JOURNAL_BENCH_H
#define MQ_JOURNAL_BENCH_H

#include "fake_disk.h"
#include "journal.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENT = 256 << 10, SALT = 77, RESERVE = 2 };

struct bench {
    struct fake_disk *fake;
    struct disk disk;
    struct journal *journal;
    struct journal_handle open[JOURNAL_HANDS];
    uint64_t now_ms, position;
    uint64_t jobs[JOURNAL_READ + 1]; /* done, by work */
    uint8_t fill;                    /* of the last group's facts */
    bool is_damaged;                 /* by the test: sizes are not compared any more */
};

static inline struct journal_options bench_options(uint64_t interval_ms)
{
    return (struct journal_options){
        .segment_size = SEGMENT, .sync_interval_ms = interval_ms, .reserve = RESERVE, .salt = SALT};
}

/* A journal for what was found on this disk. */
static inline struct bench bench_found(struct fake_disk *fake, struct journal_options options,
                                       struct recover_found found)
{
    struct bench b = {.fake = fake, .disk = fake_disk_calls(fake), .now_ms = 1000};
    struct journal_files files;
    CHECK_EQUAL(journal_begin(&b.disk, &found, options.segment_size, &files), 0);
    b.journal = journal_new(&options, &found, &files, b.now_ms);
    CHECK(b.journal != NULL);
    for (int i = 0; i < JOURNAL_HANDS; i++)
        b.open[i].handle = -1;
    return b;
}

static inline struct bench bench_new(void)
{
    return bench_found(fake_disk_new(), bench_options(0), (struct recover_found){0});
}

/* The journal goes, the disk stays. */
static inline void bench_end(struct bench *b)
{
    for (int i = 0; i < JOURNAL_HANDS; i++)
        journal_close(&b->disk, &b->open[i]);
    CHECK_EQUAL(fake_disk_handles(b->fake), 0);
    journal_free(b->journal);
}

static inline void bench_free(struct bench *b)
{
    bench_end(b);
    fake_disk_free(b->fake);
}

static inline struct journal_stat stat_of(const struct bench *b)
{
    struct journal_stat stat;
    journal_check(b->journal);
    journal_stat(b->journal, &stat);
    return stat;
}

static inline void add_size(void *context, const char *name, uint64_t size)
{
    (void)name;
    *(uint64_t *)context += size;
}

static inline uint64_t size_on_disk(struct bench *b)
{
    uint64_t size = 0;
    CHECK_EQUAL(b->disk.calls->list(b->disk.context, add_size, &size), 0);
    return size;
}

/* One job of a hand; false: there was none. */
static inline bool step(struct bench *b, enum journal_hand hand)
{
    struct journal_job job;
    if (!journal_next_job(b->journal, hand, &job))
        return false;
    journal_check(b->journal);
    journal_do(&b->disk, &b->open[hand], &job);
    journal_job_done(b->journal, b->now_ms, hand, &job);
    b->jobs[job.work]++;
    struct journal_stat stat = stat_of(b);
    if (stat.state == JOURNAL_OK && !b->is_damaged)
        CHECK_EQUAL(stat.size, size_on_disk(b));
    return true;
}

static inline void work(struct bench *b)
{
    while (step(b, JOURNAL_WRITER) || step(b, JOURNAL_FILER))
        ;
}

static inline void tick(struct bench *b, uint64_t ms)
{
    b->now_ms += ms;
    journal_tick(b->journal, b->now_ms);
}

/* Takes a group of so many bytes of facts, each of the value `fill`. */
static inline void take(struct bench *b, size_t size, uint8_t fill, bool opens)
{
    size_t capacity = GROUP_HEAD_SIZE + size + GROUP_ALIGNMENT;
    uint8_t *data = malloc(capacity);
    memset(data, fill, capacity);
    b->position += size;
    b->fill = fill;
    journal_take(b->journal, b->now_ms, b->now_ms, data, GROUP_HEAD_SIZE + size, capacity, b->position,
                 opens);
    journal_check(b->journal);
}

static inline void give_back(struct bench *b)
{
    size_t capacity = 0;
    uint8_t *block = journal_give_back(b->journal, &capacity);
    CHECK(!block || capacity > 0);
    free(block);
}

static inline bool opens_next(const struct bench *b)
{
    return journal_wants_segment(b->journal) && journal_has_spare(b->journal);
}

/* A group from beginning to end, in a new segment when one is wanted. */
static inline void put_group(struct bench *b, size_t size)
{
    CHECK(journal_is_ready(b->journal));
    take(b, size, (uint8_t)(b->fill + 1), opens_next(b));
    work(b);
    CHECK_EQUAL(journal_safe(b->journal), b->position);
    give_back(b);
}

/* A journal that has its first segment and all spares. */
static inline struct bench bench_begun(void)
{
    struct bench b = bench_new();
    work(&b);
    put_group(&b, 100);
    return b;
}

/* Groups until this segment is the last one. */
static inline void fill_until(struct bench *b, uint64_t segment)
{
    while (journal_next_segment(b->journal) <= segment)
        put_group(b, 30000);
}

/* The bytes of a segment, as programs see them; NULL: there is no such file. */
static inline const uint8_t *segment_bytes(struct fake_disk *fake, uint64_t segment, uint64_t *ret_size)
{
    char name[DISK_NAME_MAX];
    segment_name(segment, name);
    return fake_disk_bytes(fake, name, ret_size);
}

/* Is there a group of such facts at this place? */
static inline bool has_group(struct fake_disk *fake, uint64_t segment, uint64_t offset, uint8_t fill)
{
    uint64_t size;
    struct group_head head;
    const uint8_t *bytes = segment_bytes(fake, segment, &size);
    return bytes && offset < size &&
           group_read((struct bytes){bytes + offset, size - offset}, segment, SALT, &head) && head.size > 0 &&
           bytes[offset + GROUP_HEAD_SIZE] == fill;
}

#endif
