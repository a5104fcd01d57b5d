/* unit_journal_full.c - the full disk, and whatever else is short: what waits, what is given away, and when
 * it is tried again. */
#include "journal_bench.h"

/* Room for the reserve and so many segments. */
static struct bench bench_small(uint64_t segments)
{
    struct bench b = bench_new();
    fake_disk_limit(b.fake, (RESERVE + segments) * SEGMENT);
    work(&b);
    put_group(&b, 100);
    return b;
}

/* Of the reserve of two, one and half of the last segment are left for sure. */
static void the_disk_is_full_when_only_the_reserve_is_left(void)
{
    struct bench b = bench_small(2);
    while (stat_of(&b).state == JOURNAL_OK)
        put_group(&b, 20000);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_FULL);
    CHECK_EQUAL(stat_of(&b).error, -ENOSPC);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE - 1);
    CHECK_EQUAL(stat_of(&b).segments, 3);
    CHECK(stat_of(&b).used < SEGMENT / 2 + 20000);
    fill_until(&b, 4); /* what may go on has the reserve */
    CHECK_EQUAL(stat_of(&b).spares, 0);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_FULL);
    bench_free(&b);
}

static struct bench bench_full(void)
{
    struct bench b = bench_small(2);
    while (stat_of(&b).state == JOURNAL_OK)
        put_group(&b, 20000);
    return b;
}

static void a_full_disk_is_tried_again_every_second(void)
{
    struct bench b = bench_full();
    uint64_t tries = b.jobs[JOURNAL_PREPARE];
    CHECK_EQUAL(journal_deadline_ms(b.journal), b.now_ms + 1000);
    tick(&b, 999);
    work(&b);
    CHECK_EQUAL(b.jobs[JOURNAL_PREPARE], tries);
    tick(&b, 1);
    work(&b);
    CHECK_EQUAL(b.jobs[JOURNAL_PREPARE], tries + 1);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_FULL);
    fake_disk_limit(b.fake, 0);
    tick(&b, 1000);
    work(&b);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE + 1);
    CHECK_EQUAL(journal_deadline_ms(b.journal), UINT64_MAX);
    bench_free(&b);
}

static void a_segment_that_goes_makes_room_at_once(void)
{
    struct bench b = bench_full();
    CHECK_EQUAL(stat_of(&b).spares, RESERVE - 1);
    journal_drop(b.journal, 1);
    work(&b);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_FULL);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE);
    journal_drop(b.journal, 2);
    work(&b);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE + 1);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
    bench_free(&b);
}

static void a_spare_is_given_for_a_group_that_needs_the_room(void)
{
    struct bench b = bench_full();
    uint64_t left = stat_of(&b).size + SEGMENT / 2;
    fake_disk_limit(b.fake, left);
    put_group(&b, 2 * SEGMENT);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE - 2);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_FULL);
    bench_free(&b);
}

static void what_is_half_made_is_given_first(void)
{
    struct journal_options options = bench_options(0);
    options.segment_size = 10 << 20;
    struct bench b = bench_found(fake_disk_new(), options, (struct recover_found){0});
    fake_disk_limit(b.fake, 3 * options.segment_size + (5 << 20));
    work(&b);
    put_group(&b, 100);
    put_group(&b, 9 << 20);
    put_group(&b, 100);
    put_group(&b, 6 << 20);
    CHECK_EQUAL(stat_of(&b).segments, 2);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_FULL);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE - 1);
    CHECK_EQUAL(stat_of(&b).size, 3 * options.segment_size + (4 << 20));
    put_group(&b, 5 << 20); /* one MiB longer */
    CHECK_EQUAL(stat_of(&b).spares, RESERVE - 1);
    bench_free(&b);
}

static void a_group_without_any_room_waits_for_it_and_nothing_is_lost(void)
{
    struct bench b = bench_full();
    fill_until(&b, 4);
    CHECK(!journal_has_spare(b.journal));
    uint64_t safe = journal_safe(b.journal);
    take(&b, 2 * SEGMENT, 1, false);
    work(&b);
    CHECK_EQUAL(journal_safe(b.journal), safe);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_FULL);
    tick(&b, 1000);
    work(&b);
    CHECK_EQUAL(journal_safe(b.journal), safe);
    fake_disk_limit(b.fake, 0);
    tick(&b, 1000);
    work(&b);
    CHECK_EQUAL(journal_safe(b.journal), b.position);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
    bench_free(&b);
}

static void without_descriptors_it_waits_and_no_spare_is_given_away(void)
{
    struct bench b = bench_begun();
    while (!journal_wants_segment(b.journal))
        put_group(&b, 20000);
    uint64_t spares = stat_of(&b).spares;
    fake_disk_fail(b.fake, FAKE_OPEN, 1, EMFILE, false);
    take(&b, 100, 1, true);
    work(&b);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_FULL);
    CHECK_EQUAL(stat_of(&b).error, -EMFILE);
    CHECK_EQUAL(stat_of(&b).spares, spares - 1);
    tick(&b, 1000);
    work(&b);
    CHECK_EQUAL(journal_safe(b.journal), b.position);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
    bench_free(&b);
}

/* It waits for what may come soon, not for room that nobody is asked for any more. */
static void memory_that_was_short_once_is_not_waited_for(void)
{
    struct bench b = bench_begun();
    while (stat_of(&b).spares <= RESERVE)
        put_group(&b, 20000);
    fake_disk_fail(b.fake, FAKE_WRITE, 1, ENOMEM, false);
    take(&b, 100, 1, false);
    work(&b);
    CHECK(journal_safe(b.journal) < b.position);
    CHECK_EQUAL(journal_deadline_ms(b.journal), b.now_ms + 1000);
    tick(&b, 1000);
    work(&b);
    CHECK_EQUAL(journal_safe(b.journal), b.position);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
    CHECK_EQUAL(journal_deadline_ms(b.journal), UINT64_MAX);
    bench_free(&b);
}

/* A loop that found a time that is past would not sleep until the job is done. */
static void while_a_group_is_tried_again_no_time_is_waited_for(void)
{
    struct bench b = bench_begun();
    struct journal_job job;
    while (stat_of(&b).spares <= RESERVE)
        put_group(&b, 20000);
    fake_disk_fail(b.fake, FAKE_WRITE, 1, ENOMEM, false);
    take(&b, 100, 1, false);
    work(&b);
    tick(&b, 1000);
    CHECK(journal_next_job(b.journal, JOURNAL_WRITER, &job));
    CHECK(!step(&b, JOURNAL_FILER));
    CHECK_EQUAL(journal_deadline_ms(b.journal), UINT64_MAX);
    journal_do(&b.disk, &b.open[JOURNAL_WRITER], &job);
    journal_job_done(b.journal, b.now_ms, JOURNAL_WRITER, &job);
    CHECK_EQUAL(journal_safe(b.journal), b.position);
    bench_free(&b);
}

/* The filer has found what the writer has not: nothing else would wake it. */
static void a_group_that_waits_is_tried_again_even_if_a_spare_was_made_meanwhile(void)
{
    struct bench b = bench_begun();
    while (!journal_wants_segment(b.journal))
        put_group(&b, 20000);
    fake_disk_fail(b.fake, FAKE_OPEN, 1, EMFILE, false);
    take(&b, 100, 1, true);
    CHECK(step(&b, JOURNAL_WRITER));
    fake_disk_fail(b.fake, FAKE_OPEN, 2, EMFILE, false);
    tick(&b, 1000);
    CHECK(step(&b, JOURNAL_FILER));
    CHECK(step(&b, JOURNAL_WRITER));
    CHECK(journal_safe(b.journal) < b.position);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE);
    CHECK_EQUAL(journal_deadline_ms(b.journal), b.now_ms + 1000);
    tick(&b, 1000);
    work(&b);
    CHECK_EQUAL(journal_safe(b.journal), b.position);
    bench_free(&b);
}

static void a_segment_that_cannot_go_for_want_of_descriptors_goes_later(void)
{
    static const unsigned calls[] = {FAKE_LIST, FAKE_RENAME};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct bench b = bench_begun();
        fill_until(&b, 2);
        work(&b);
        journal_drop(b.journal, 1);
        fake_disk_fail(b.fake, calls[i], 1, EMFILE, false);
        CHECK(step(&b, JOURNAL_FILER));
        CHECK_EQUAL(b.jobs[JOURNAL_DROP], 1);
        CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
        CHECK_EQUAL(journal_deadline_ms(b.journal), b.now_ms + 1000);
        work(&b);
        CHECK_EQUAL(b.jobs[JOURNAL_DROP], 1);
        tick(&b, 1000);
        work(&b);
        CHECK_EQUAL(b.jobs[JOURNAL_DROP], 2);
        CHECK_EQUAL(journal_first_segment(b.journal), 2);
        CHECK_EQUAL(journal_deadline_ms(b.journal), UINT64_MAX);
        bench_free(&b);
    }
}

static void a_spare_that_cannot_be_removed_for_want_of_room_goes_later(void)
{
    static const int errors[] = {ENOSPC, EDQUOT, EFBIG, ENOMEM};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct bench b = bench_begun();
        while (stat_of(&b).spares <= RESERVE)
            put_group(&b, 20000);
        uint64_t spares = stat_of(&b).spares;
        fake_disk_fail(b.fake, FAKE_REMOVE, 1, errors[i], false);
        journal_limit(b.journal, SEGMENT);
        work(&b); /* does not try it again and again */
        CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
        CHECK_EQUAL(fake_disk_failures(b.fake), 1);
        CHECK_EQUAL(stat_of(&b).spares, spares);
        CHECK_EQUAL(journal_deadline_ms(b.journal), b.now_ms + 1000);
        tick(&b, 1000);
        work(&b);
        CHECK_EQUAL(stat_of(&b).spares, RESERVE);
        CHECK_EQUAL(journal_deadline_ms(b.journal), UINT64_MAX);
        put_group(&b, 100);
        bench_free(&b);
    }
}

/* A limit on files: no spare that goes helps. */
static void a_file_that_may_not_be_longer_is_a_full_disk_until_it_may(void)
{
    struct bench b = bench_begun();
    while (stat_of(&b).spares <= RESERVE)
        put_group(&b, 20000);
    uint64_t safe = journal_safe(b.journal), spares = stat_of(&b).spares;
    fake_disk_fail(b.fake, FAKE_WRITE, 1, EFBIG, true);
    take(&b, 100, 1, false);
    for (int i = 1; i <= 3; i++) {
        work(&b);
        CHECK_EQUAL(fake_disk_failures(b.fake), (uint64_t)i); /* once a second */
        CHECK_EQUAL(stat_of(&b).state, JOURNAL_FULL);
        CHECK_EQUAL(stat_of(&b).error, -EFBIG);
        CHECK_EQUAL(stat_of(&b).spares, spares);
        CHECK_EQUAL(journal_safe(b.journal), safe);
        tick(&b, 1000);
        CHECK_EQUAL(stat_of(&b).state, JOURNAL_FULL);
    }
    fake_disk_fail(b.fake, 0, 0, 0, false);
    work(&b);
    CHECK_EQUAL(journal_safe(b.journal), b.position);
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
    bench_free(&b);
}

static void a_spare_that_cannot_be_cut_is_removed(void)
{
    static const unsigned calls[] = {FAKE_OPEN, FAKE_CUT};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct bench b = bench_begun();
        put_group(&b, 2 * SEGMENT);
        take(&b, 100, 1, true);
        CHECK(step(&b, JOURNAL_WRITER));
        journal_drop(b.journal, 1);
        fake_disk_fail(b.fake, calls[i], 1, EMFILE, false);
        CHECK(step(&b, JOURNAL_FILER));
        CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
        CHECK_EQUAL(size_on_disk(&b), RESERVE * SEGMENT);
        bench_free(&b);
    }
}

static const struct unit_test tests[] = {
    UNIT(the_disk_is_full_when_only_the_reserve_is_left),
    UNIT(a_full_disk_is_tried_again_every_second),
    UNIT(a_segment_that_goes_makes_room_at_once),
    UNIT(a_spare_is_given_for_a_group_that_needs_the_room),
    UNIT(what_is_half_made_is_given_first),
    UNIT(a_group_without_any_room_waits_for_it_and_nothing_is_lost),
    UNIT(without_descriptors_it_waits_and_no_spare_is_given_away),
    UNIT(memory_that_was_short_once_is_not_waited_for),
    UNIT(while_a_group_is_tried_again_no_time_is_waited_for),
    UNIT(a_group_that_waits_is_tried_again_even_if_a_spare_was_made_meanwhile),
    UNIT(a_segment_that_cannot_go_for_want_of_descriptors_goes_later),
    UNIT(a_spare_that_cannot_be_removed_for_want_of_room_goes_later),
    UNIT(a_file_that_may_not_be_longer_is_a_full_disk_until_it_may),
    UNIT(a_spare_that_cannot_be_cut_is_removed),
};

int main(void)
{
    return unit_run("journal_full", tests, sizeof tests / sizeof *tests);
}
