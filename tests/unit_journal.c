/* unit_journal.c - groups: what is safe when, and what a failure means. Spares, the full disk and old
 * segments have files of their own, unit_journal_*.c. */
#include "failing_malloc.h"
#include "journal_bench.h"

/* ---- the first segment ---- */

static void an_empty_directory_takes_no_group_until_a_spare_is_ready(void)
{
    struct bench b = bench_new();
    CHECK(!journal_is_ready(b.journal));
    CHECK(journal_wants_segment(b.journal));
    CHECK(!stat_of(&b).is_open);
    CHECK_EQUAL(journal_next_segment(b.journal), 1);
    CHECK_EQUAL(journal_first_segment(b.journal), 1);
    CHECK(step(&b, JOURNAL_FILER));
    CHECK(journal_is_ready(b.journal));
    CHECK_EQUAL(stat_of(&b).spares, 1);
    CHECK_EQUAL(stat_of(&b).size, SEGMENT);
    bench_free(&b);
}

static void a_segment_is_on_disk_with_its_name_before_its_first_group_is_safe(void)
{
    struct bench b = bench_new();
    CHECK(step(&b, JOURNAL_FILER));
    take(&b, 100, 7, true);
    CHECK_EQUAL(journal_safe(b.journal), 0);
    CHECK(!journal_is_ready(b.journal));
    CHECK_EQUAL(stat_of(&b).unsafe, GROUP_HEAD_SIZE + 100);
    CHECK(step(&b, JOURNAL_WRITER));
    CHECK_EQUAL(journal_safe(b.journal), 100);
    CHECK_EQUAL(stat_of(&b).unsafe, 0);
    CHECK_EQUAL(stat_of(&b).on_disk, 100);
    CHECK_EQUAL(stat_of(&b).segments, 1);
    CHECK(stat_of(&b).is_open);
    struct fake_disk *after = fake_disk_clone(b.fake);
    fake_disk_crash(after, &(struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    CHECK(has_group(after, 1, SEGMENT_HEAD_SIZE, 7));
    fake_disk_free(after);
    bench_free(&b);
}

static void groups_lie_one_behind_the_other_and_count_up(void)
{
    struct bench b = bench_begun();
    uint64_t offset = SEGMENT_HEAD_SIZE, size;
    put_group(&b, 1);
    put_group(&b, 33);
    static const size_t sizes[] = {100, 1, 33};
    for (uint64_t i = 0; i < 3; i++) {
        struct group_head head;
        const uint8_t *bytes = segment_bytes(b.fake, 1, &size);
        CHECK(group_read((struct bytes){bytes + offset, size - offset}, 1, SALT, &head));
        CHECK_EQUAL(head.sequence, i + 1);
        CHECK_EQUAL(head.unsynced, 0);
        CHECK_EQUAL(head.size, sizes[i]);
        offset += group_bytes(sizes[i]);
    }
    CHECK_EQUAL(stat_of(&b).used, offset);
    CHECK_EQUAL(stat_of(&b).groups, 3);
    CHECK_EQUAL(stat_of(&b).bytes, offset - SEGMENT_HEAD_SIZE);
    CHECK_EQUAL(stat_of(&b).synced, 3);
    bench_free(&b);
}

static void a_block_comes_back_when_its_group_is_written(void)
{
    struct bench b = bench_begun();
    size_t capacity = 0;
    take(&b, 100, 1, false);
    CHECK(journal_give_back(b.journal, &capacity) == NULL);
    work(&b);
    uint8_t *block = journal_give_back(b.journal, &capacity);
    CHECK(block != NULL);
    CHECK_EQUAL(capacity, GROUP_HEAD_SIZE + 100 + GROUP_ALIGNMENT);
    CHECK(journal_give_back(b.journal, &capacity) == NULL);
    free(block);
    for (int i = 0; i < 3; i++) { /* nobody asks for them */
        take(&b, 100, 1, false);
        work(&b);
    }
    bench_free(&b);
}

static void a_new_segment_is_wanted_when_the_last_one_is_nearly_full(void)
{
    struct bench b = bench_begun();
    CHECK(!journal_wants_segment(b.journal));
    while (stat_of(&b).used < SEGMENT / 8 * 7) {
        CHECK(!journal_wants_segment(b.journal));
        put_group(&b, 1000);
    }
    CHECK(journal_wants_segment(b.journal));
    CHECK_EQUAL(journal_next_segment(b.journal), 2);
    put_group(&b, 1000);
    CHECK(!journal_wants_segment(b.journal));
    CHECK_EQUAL(journal_next_segment(b.journal), 3);
    bench_free(&b);
}

static void a_checkpoint_that_fills_a_segment_does_not_make_each_group_open_another(void)
{
    struct bench b = bench_begun();
    fill_until(&b, 2);
    while (!journal_wants_segment(b.journal))
        put_group(&b, 30000);
    put_group(&b, SEGMENT);
    int groups = 0;
    for (; !journal_wants_segment(b.journal); groups++)
        put_group(&b, 30000);
    CHECK(groups > 10);
    bench_free(&b);
}

static void a_group_that_is_larger_than_what_is_left_makes_the_file_longer(void)
{
    struct bench b = bench_begun();
    put_group(&b, 3 * SEGMENT);
    CHECK_EQUAL(stat_of(&b).segments, 1);
    uint64_t size;
    CHECK(segment_bytes(b.fake, 1, &size) != NULL);
    CHECK_EQUAL(size, stat_of(&b).used);
    CHECK(journal_wants_segment(b.journal));
    struct fake_disk *after = fake_disk_clone(b.fake);
    fake_disk_crash(after, &(struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    CHECK(has_group(after, 1, SEGMENT_HEAD_SIZE + group_bytes(100), b.fill));
    fake_disk_free(after);
    bench_free(&b);
}

/* ---- what is safe survives whatever the power does ---- */

struct told {
    uint64_t segment, offset;
    uint8_t fill;
};

enum { GROUPS = 300 };

/* All groups that are safe, unless their segment was dropped, are there after a crash. */
static void check_told(struct bench *b, const struct told *told, size_t count, uint64_t seed)
{
    struct fake_crash crash = {.names = FAKE_CHANCE, .bytes = FAKE_CHANCE, .seed = seed};
    if (seed % 3 == 0)
        crash.names = crash.bytes = FAKE_LOST;
    struct fake_disk *after = fake_disk_clone(b->fake);
    fake_disk_crash(after, &crash);
    for (size_t i = 0; i < count; i++)
        if (told[i].segment >= journal_first_segment(b->journal))
            CHECK(has_group(after, told[i].segment, told[i].offset, told[i].fill));
    fake_disk_free(after);
}

/* Groups of all sizes; segments are dropped as they become old; each group waits for a few jobs of the other
 * hand, so that these come between all its moments. */
static size_t put_and_look(struct bench *b, uint64_t seed, struct told *told)
{
    size_t count = 0;
    for (uint64_t n = 0; n < GROUPS && stat_of(b).state != JOURNAL_FAILED; n++) {
        for (uint64_t i = 0; (i < n % 4 || !journal_is_ready(b->journal)) && step(b, JOURNAL_FILER); i++)
            ;
        if (!journal_is_ready(b->journal))
            break;
        bool opens = opens_next(b);
        uint64_t offset = opens ? SEGMENT_HEAD_SIZE : stat_of(b).used;
        take(b, 1 + n * 7919 * seed % 20000, (uint8_t)n, opens);
        if (n % 2)
            step(b, JOURNAL_FILER);
        step(b, JOURNAL_WRITER);
        give_back(b);
        if (journal_safe(b->journal) == b->position)
            told[count++] = (struct told){journal_next_segment(b->journal) - 1, offset, (uint8_t)n};
        if (journal_next_segment(b->journal) > 3 && stat_of(b).state != JOURNAL_FAILED)
            journal_drop(b->journal, journal_next_segment(b->journal) - 3);
        if (n % 16 == seed % 16)
            check_told(b, told, count, seed + n);
    }
    check_told(b, told, count, seed);
    return count;
}

static void what_is_safe_is_there_after_a_power_failure(void)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct told told[GROUPS];
        struct bench b = bench_new();
        CHECK_EQUAL(put_and_look(&b, seed, told), GROUPS);
        CHECK(journal_first_segment(b.journal) > 5);
        bench_free(&b);
    }
}

/* ---- failures ---- */

/* Each call of the disk in turn fails once: with that all is over, unless nothing depended on it. */
static void after_a_failed_call_nothing_becomes_safe_any_more(void)
{
    for (uint64_t nth = 1;; nth++) {
        struct told told[GROUPS];
        struct bench b = bench_new();
        fake_disk_fail(b.fake, FAKE_ANY & ~FAKE_CLOSE & ~FAKE_LIST, nth, EIO, false);
        size_t count = put_and_look(&b, 5, told);
        bool has_failed = fake_disk_failures(b.fake) > 0;
        CHECK_EQUAL(has_failed, stat_of(&b).state == JOURNAL_FAILED);
        CHECK_EQUAL(has_failed, count < GROUPS);
        if (has_failed) {
            struct journal_job job;
            CHECK_EQUAL(stat_of(&b).error, -EIO);
            CHECK(!journal_is_ready(b.journal));
            CHECK(!journal_next_job(b.journal, JOURNAL_WRITER, &job));
            CHECK(!journal_next_job(b.journal, JOURNAL_FILER, &job));
            CHECK_EQUAL(journal_deadline_ms(b.journal), UINT64_MAX);
        }
        bench_free(&b);
        if (!has_failed)
            break;
        nth += nth / 16; /* all of the first ones, some of the many alike */
    }
}

static void a_sync_that_fails_is_never_tried_again(void)
{
    for (int error = 0; error < 2; error++) {
        struct bench b = bench_begun();
        take(&b, 100, 1, false);
        fake_disk_fail(b.fake, FAKE_SYNC, 1, error ? ENOSPC : EIO, false);
        work(&b);
        CHECK_EQUAL(stat_of(&b).state, JOURNAL_FAILED);
        CHECK_EQUAL(stat_of(&b).error, -EIO);
        CHECK_EQUAL(journal_safe(b.journal), 100);
        tick(&b, 100000);
        work(&b);
        CHECK_EQUAL(journal_safe(b.journal), 100);
        CHECK(!journal_is_ready(b.journal));
        bench_free(&b);
    }
}

static void a_job_that_ends_well_after_the_failure_changes_nothing(void)
{
    struct bench b = bench_new();
    struct journal_job write, prepare;
    CHECK(step(&b, JOURNAL_FILER));
    take(&b, 100, 1, true);
    CHECK(journal_next_job(b.journal, JOURNAL_WRITER, &write));
    CHECK(journal_next_job(b.journal, JOURNAL_FILER, &prepare));
    prepare.error = -EIO;
    journal_job_done(b.journal, b.now_ms, JOURNAL_FILER, &prepare);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_FAILED);
    journal_do(&b.disk, &b.open[JOURNAL_WRITER], &write);
    CHECK_EQUAL(write.error, 0);
    journal_job_done(b.journal, b.now_ms, JOURNAL_WRITER, &write);
    CHECK_EQUAL(journal_safe(b.journal), 0);
    bench_free(&b);
}

/* ---- syncs from time to time ---- */

static struct bench bench_interval(uint64_t interval_ms)
{
    struct bench b = bench_found(fake_disk_new(), bench_options(interval_ms), (struct recover_found){0});
    work(&b);
    put_group(&b, 100);
    return b;
}

/* The next broker must know how this one was told to answer, whatever it is told itself. */
static void a_segment_tells_whether_answers_may_have_left_before_they_were_safe(void)
{
    for (uint64_t interval_ms = 0; interval_ms <= 50; interval_ms += 50) {
        struct bench b = bench_found(fake_disk_new(), bench_options(interval_ms), (struct recover_found){0});
        struct recover_options options = {0};
        struct recover_found found;
        work(&b);
        put_group(&b, 100);
        bench_end(&b);
        CHECK_EQUAL(recover(&b.disk, &options, &found), RECOVER_OK);
        CHECK_EQUAL(found.is_lazy, interval_ms > 0);
        b = bench_found(b.fake, bench_options(50 - interval_ms), found); /* the other way */
        work(&b);
        take(&b, 100, 1, opens_next(&b));
        work(&b);
        bench_end(&b);
        CHECK_EQUAL(recover(&b.disk, &options, &found), RECOVER_OK);
        CHECK(found.is_lazy); /* what was answered lazily is in this segment, or was told since then */
        fake_disk_free(b.fake);
    }
}

static void with_an_interval_what_was_taken_may_be_told_and_syncs_follow(void)
{
    struct bench b = bench_interval(50);
    CHECK_EQUAL(stat_of(&b).synced, 1); /* a segment is always opened for good */
    CHECK_EQUAL(journal_deadline_ms(b.journal), UINT64_MAX);
    take(&b, 200, 2, false);
    CHECK_EQUAL(journal_safe(b.journal), 300);
    CHECK_EQUAL(stat_of(&b).on_disk, 100);
    work(&b);
    CHECK_EQUAL(stat_of(&b).unsafe, GROUP_HEAD_SIZE + 200);
    CHECK_EQUAL(journal_deadline_ms(b.journal), b.now_ms + 50);
    tick(&b, 30);
    put_group(&b, 300); /* does not put it off */
    CHECK_EQUAL(journal_deadline_ms(b.journal), b.now_ms + 20);
    tick(&b, 19);
    CHECK(!step(&b, JOURNAL_WRITER));
    tick(&b, 1);
    CHECK(step(&b, JOURNAL_WRITER));
    CHECK_EQUAL(b.jobs[JOURNAL_SYNC], 1);
    CHECK_EQUAL(stat_of(&b).unsafe, 0);
    CHECK_EQUAL(stat_of(&b).on_disk, 600);
    CHECK_EQUAL(journal_deadline_ms(b.journal), UINT64_MAX);
    bench_free(&b);
}

static void a_group_tells_how_many_before_it_were_not_synced(void)
{
    struct bench b = bench_interval(50);
    put_group(&b, 100);
    put_group(&b, 100);
    for (uint64_t i = 0; i < 3; i++) {
        struct group_head head;
        uint64_t size, offset = SEGMENT_HEAD_SIZE + i * group_bytes(100);
        const uint8_t *bytes = segment_bytes(b.fake, 1, &size);
        CHECK(group_read((struct bytes){bytes + offset, size - offset}, 1, SALT, &head));
        CHECK_EQUAL(head.unsynced, i == 2 ? 1 : 0);
    }
    bench_free(&b);
}

static void a_segment_is_synced_before_the_next_one_is_opened(void)
{
    struct bench b = bench_interval(1000000);
    while (!journal_wants_segment(b.journal))
        put_group(&b, 1000);
    uint64_t last = stat_of(&b).used - group_bytes(1000);
    uint8_t fill = b.fill;
    take(&b, 100, 0, true);
    CHECK(step(&b, JOURNAL_WRITER));
    CHECK_EQUAL(b.jobs[JOURNAL_SYNC], 1);
    struct fake_disk *after = fake_disk_clone(b.fake);
    fake_disk_crash(after, &(struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    CHECK(has_group(after, 1, last, fill));
    fake_disk_free(after);
    work(&b);
    CHECK_EQUAL(stat_of(&b).unsafe, 0);
    bench_free(&b);
}

static void a_hurried_sync_does_not_wait_for_its_time(void)
{
    struct bench b = bench_interval(1000000);
    put_group(&b, 100);
    CHECK(stat_of(&b).unsafe > 0);
    journal_hurry(b.journal);
    work(&b);
    CHECK_EQUAL(stat_of(&b).unsafe, 0);
    put_group(&b, 100);
    CHECK_EQUAL(stat_of(&b).unsafe, 0);
    bench_free(&b);
}

static void a_group_that_is_being_written_when_it_is_hurried_is_synced_at_once(void)
{
    struct bench b = bench_interval(1000000);
    struct journal_job job;
    take(&b, 100, 1, opens_next(&b));
    CHECK(journal_next_job(b.journal, JOURNAL_WRITER, &job));
    CHECK(!job.sync);
    journal_hurry(b.journal);
    journal_do(&b.disk, &b.open[JOURNAL_WRITER], &job);
    journal_job_done(b.journal, b.now_ms, JOURNAL_WRITER, &job);
    CHECK_EQUAL(journal_deadline_ms(b.journal), b.now_ms);
    work(&b);
    CHECK_EQUAL(stat_of(&b).unsafe, 0);
    bench_free(&b);
}

static void a_failed_sync_ends_all_with_an_interval_too(void)
{
    struct bench b = bench_interval(50);
    put_group(&b, 100);
    fake_disk_fail(b.fake, FAKE_SYNC, 1, EIO, false);
    tick(&b, 50);
    work(&b);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_FAILED);
    CHECK_EQUAL(stat_of(&b).on_disk, 100);
    CHECK(!journal_is_ready(b.journal));
    bench_free(&b);
}

/* ---- beginning again ---- */

static struct recover_found found_after(const struct bench *b)
{
    struct journal_stat stat = stat_of(b);
    return (struct recover_found){
        .first = journal_first_segment(b->journal),
        .last = journal_next_segment(b->journal) - 1,
        .used = stat.used,
        .sequence = stat.groups + 1,
        .salt = SALT,
    };
}

static void a_journal_goes_on_where_the_last_one_ended(void)
{
    struct bench old = bench_begun();
    fill_until(&old, 3);
    struct recover_found found = found_after(&old);
    uint64_t used = stat_of(&old).used;
    bench_end(&old);
    struct bench b = bench_found(old.fake, bench_options(0), found);
    CHECK_EQUAL(stat_of(&b).segments, 3);
    CHECK_EQUAL(stat_of(&b).size, size_on_disk(&b));
    CHECK(journal_is_ready(b.journal));
    take(&b, 100, 55, false);
    work(&b);
    CHECK(has_group(b.fake, 3, used, 55));
    bench_free(&b);
}

static void what_a_killed_broker_had_not_synced_is_synced_first(void)
{
    struct bench old = bench_found(fake_disk_new(), bench_options(1000), (struct recover_found){0});
    work(&old);
    put_group(&old, 100);
    put_group(&old, 100);
    struct recover_found found = found_after(&old);
    fake_disk_kill(old.fake);
    old.open[JOURNAL_WRITER].handle = -1;
    bench_end(&old);
    struct bench b = bench_found(old.fake, bench_options(1000), found);
    struct fake_disk *after = fake_disk_clone(b.fake);
    fake_disk_crash(after, &(struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    CHECK(has_group(after, 1, SEGMENT_HEAD_SIZE + group_bytes(100), old.fill));
    fake_disk_free(after);
    bench_free(&b);
}

static void a_beginning_that_fails_says_so(void)
{
    struct bench old = bench_begun();
    struct recover_found found = found_after(&old);
    struct journal_files files;
    bench_end(&old);
    fake_disk_put(old.fake, "9.spare", "short", 5);
    static const unsigned calls[] = {FAKE_LIST, FAKE_OPEN, FAKE_SYNC, FAKE_REMOVE, FAKE_SYNC_NAMES};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        fake_disk_fail(old.fake, calls[i], 1, EIO, false);
        CHECK_EQUAL(journal_begin(&old.disk, &found, SEGMENT, &files), -EIO);
        if (calls[i] == FAKE_REMOVE || i < 3)
            fake_disk_put(old.fake, "9.spare", "short", 5);
    }
    CHECK_EQUAL(fake_disk_handles(old.fake), 0);
    fake_disk_free(old.fake);
}

static void without_memory_there_is_no_journal(void)
{
    struct journal_options options = bench_options(0);
    struct recover_found found = {0};
    struct journal_files files = {0};
    malloc_always_fails = true;
    struct journal *j = journal_new(&options, &found, &files, 0);
    malloc_always_fails = false;
    CHECK(j == NULL);
    journal_free(NULL);
}

static const struct unit_test tests[] = {
    UNIT(an_empty_directory_takes_no_group_until_a_spare_is_ready),
    UNIT(a_segment_is_on_disk_with_its_name_before_its_first_group_is_safe),
    UNIT(groups_lie_one_behind_the_other_and_count_up),
    UNIT(a_block_comes_back_when_its_group_is_written),
    UNIT(a_new_segment_is_wanted_when_the_last_one_is_nearly_full),
    UNIT(a_checkpoint_that_fills_a_segment_does_not_make_each_group_open_another),
    UNIT(a_group_that_is_larger_than_what_is_left_makes_the_file_longer),
    UNIT(what_is_safe_is_there_after_a_power_failure),
    UNIT(after_a_failed_call_nothing_becomes_safe_any_more),
    UNIT(a_sync_that_fails_is_never_tried_again),
    UNIT(a_job_that_ends_well_after_the_failure_changes_nothing),
    UNIT(a_segment_tells_whether_answers_may_have_left_before_they_were_safe),
    UNIT(with_an_interval_what_was_taken_may_be_told_and_syncs_follow),
    UNIT(a_group_tells_how_many_before_it_were_not_synced),
    UNIT(a_segment_is_synced_before_the_next_one_is_opened),
    UNIT(a_hurried_sync_does_not_wait_for_its_time),
    UNIT(a_group_that_is_being_written_when_it_is_hurried_is_synced_at_once),
    UNIT(a_failed_sync_ends_all_with_an_interval_too),
    UNIT(a_journal_goes_on_where_the_last_one_ended),
    UNIT(what_a_killed_broker_had_not_synced_is_synced_first),
    UNIT(a_beginning_that_fails_says_so),
    UNIT(without_memory_there_is_no_journal),
};

int main(void)
{
    return unit_run("journal", tests, sizeof tests / sizeof *tests);
}
