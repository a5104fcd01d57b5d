/* unit_journal_files.c - spares, the full disk, segments that go, and segments that are read again. */
#include "failing_malloc.h"
#include "journal_bench.h"

/* ---- names ---- */

static void spares_have_names_of_their_own(void)
{
    char name[DISK_NAME_MAX];
    journal_spare_name(7, name);
    CHECK(strcmp(name, "7.spare") == 0);
    CHECK_EQUAL(journal_spare_of_name("7.spare"), 7);
    CHECK_EQUAL(journal_spare_of_name("64.spare"), 64);
    static const char *const others[] = {"",
                                         ".spare",
                                         "0.spare",
                                         "07.spare",
                                         "7.spare ",
                                         "7.spares",
                                         "-7.spare",
                                         "+7.spare",
                                         "7x.spare",
                                         "lock",
                                         "99999999999999999999.spare",
                                         "111111111111111111111.spare"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CHECK_EQUAL(journal_spare_of_name(others[i]), 0);
}

static void spares_that_were_not_finished_or_have_another_size_are_removed_at_the_beginning(void)
{
    struct fake_disk *fake = fake_disk_new();
    uint8_t *bytes = calloc(1, SEGMENT + 1);
    fake_disk_put(fake, "1.spare", bytes, SEGMENT - 1);
    fake_disk_put(fake, "2.spare", bytes, SEGMENT);
    fake_disk_put(fake, "3.spare", bytes, SEGMENT + 1);
    fake_disk_put(fake, "65.spare", bytes, SEGMENT);
    fake_disk_put(fake, "lock", bytes, 0);
    free(bytes);
    struct bench b = bench_found(fake, bench_options(0), (struct recover_found){0});
    CHECK_EQUAL(stat_of(&b).spares, 1);
    CHECK_EQUAL(stat_of(&b).size, SEGMENT);
    CHECK_EQUAL(size_on_disk(&b), SEGMENT);
    CHECK(journal_is_ready(b.journal));
    work(&b);
    put_group(&b, 100);
    bench_free(&b);
}

/* ---- spares ---- */

static void the_first_spare_is_made_at_once_and_the_reserve_behind_it(void)
{
    struct bench b = bench_new();
    work(&b);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE + 1);
    CHECK_EQUAL(stat_of(&b).reserved, RESERVE * SEGMENT);
    bench_free(&b);
}

static void zeros_are_written_in_pieces_and_synced_before_the_spare_is_one(void)
{
    struct journal_options options = bench_options(0);
    options.segment_size = 10 << 20;
    struct bench b = bench_found(fake_disk_new(), options, (struct recover_found){0});
    for (int i = 0; i < 2; i++) {
        CHECK(step(&b, JOURNAL_FILER));
        CHECK_EQUAL(stat_of(&b).spares, 0);
        CHECK_EQUAL(fake_disk_count(b.fake, FAKE_SYNC), 0);
    }
    CHECK(step(&b, JOURNAL_FILER));
    CHECK_EQUAL(stat_of(&b).spares, 1);
    CHECK_EQUAL(fake_disk_count(b.fake, FAKE_SYNC), 1);
    bench_free(&b);
}

/* A segment goes for each that is opened, as soon as so much of that one is used. */
static void in_the_long_run_nothing_is_made_anew(void)
{
    for (uint64_t used = 0; used < SEGMENT; used += SEGMENT / 8) {
        struct bench b = bench_begun();
        uint64_t made = b.jobs[JOURNAL_PREPARE];
        CHECK_EQUAL(made, RESERVE + 1);
        for (int i = 0; i < 300; i++) {
            put_group(&b, 5000);
            uint64_t last = journal_next_segment(b.journal) - 1;
            if (last > 1 && stat_of(&b).used > used)
                journal_drop(b.journal, last - 1);
            work(&b);
            CHECK(stat_of(&b).size <= (RESERVE + 3) * SEGMENT);
        }
        CHECK(b.jobs[JOURNAL_PREPARE] <= made + 1);
        CHECK_EQUAL(b.jobs[JOURNAL_DISCARD], 0);
        CHECK(b.jobs[JOURNAL_DROP] > 4);
        bench_free(&b);
    }
}

static void a_log_that_grows_has_the_next_spare_made_at_once(void)
{
    struct bench b = bench_begun();
    fill_until(&b, 4);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE + 1);
    bench_free(&b);
}

static void more_spares_than_are_wanted_go(void)
{
    struct fake_disk *fake = fake_disk_new();
    uint8_t *bytes = calloc(1, SEGMENT);
    for (uint64_t i = 1; i <= 64; i++) {
        char name[DISK_NAME_MAX];
        journal_spare_name(i, name);
        fake_disk_put(fake, name, bytes, SEGMENT);
    }
    free(bytes);
    struct bench b = bench_found(fake, bench_options(0), (struct recover_found){0});
    CHECK_EQUAL(stat_of(&b).spares, 64);
    work(&b);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE + 2);
    CHECK_EQUAL(stat_of(&b).size, (RESERVE + 2) * SEGMENT);
    journal_limit(b.journal, SEGMENT);
    work(&b);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE);
    bench_free(&b);
}

static void a_spare_that_is_being_removed_is_nobodys(void)
{
    struct bench b = bench_begun();
    fill_until(&b, 2);
    struct recover_found found = {
        .first = 1, .last = 2, .used = stat_of(&b).used, .sequence = stat_of(&b).groups + 1, .salt = SALT};
    bench_end(&b);
    struct journal_options options = bench_options(0);
    options.reserve = 0;
    b = bench_found(b.fake, options, found);
    journal_limit(b.journal, 0);
    struct journal_job discard;
    CHECK(journal_next_job(b.journal, JOURNAL_FILER, &discard));
    CHECK_EQUAL(discard.work, JOURNAL_DISCARD);
    uint32_t left = (uint32_t)stat_of(&b).spares;
    for (; left > 0; left--) {
        take(&b, 100, 1, true);
        CHECK(step(&b, JOURNAL_WRITER));
    }
    CHECK(!journal_has_spare(b.journal));
    journal_do(&b.disk, &b.open[JOURNAL_FILER], &discard);
    CHECK_EQUAL(discard.error, 0);
    journal_job_done(b.journal, b.now_ms, JOURNAL_FILER, &discard);
    CHECK_EQUAL(stat_of(&b).size, size_on_disk(&b));
    bench_free(&b);
}

/* ---- segments that go ---- */

static void a_segment_goes_only_when_all_that_was_taken_is_on_disk(void)
{
    for (uint64_t interval = 0; interval <= 1000; interval += 1000) {
        struct bench b = bench_found(fake_disk_new(), bench_options(interval), (struct recover_found){0});
        work(&b);
        fill_until(&b, 3);
        take(&b, 100, 1, false);
        journal_drop(b.journal, 1);
        CHECK(!step(&b, JOURNAL_FILER) || b.jobs[JOURNAL_DROP] == 0);
        CHECK(step(&b, JOURNAL_WRITER));
        if (interval) {
            CHECK(!step(&b, JOURNAL_FILER));
            tick(&b, interval);
            CHECK(step(&b, JOURNAL_WRITER));
        }
        take(&b, 100, 1, false); /* what comes later does not matter */
        CHECK(step(&b, JOURNAL_FILER));
        CHECK_EQUAL(b.jobs[JOURNAL_DROP], 1);
        CHECK_EQUAL(journal_first_segment(b.journal), 2);
        bench_free(&b);
    }
}

static void segments_go_oldest_first_and_to_be_told_twice_does_no_harm(void)
{
    struct bench b = bench_begun();
    fill_until(&b, 6);
    journal_drop(b.journal, 3);
    journal_drop(b.journal, 2);
    journal_drop(b.journal, 3);
    for (uint64_t first = 2; first <= 4; first++) {
        while (b.jobs[JOURNAL_DROP] < first - 1)
            CHECK(step(&b, JOURNAL_FILER));
        CHECK_EQUAL(journal_first_segment(b.journal), first);
    }
    work(&b);
    CHECK_EQUAL(journal_first_segment(b.journal), 4);
    CHECK_EQUAL(stat_of(&b).segments, 3);
    bench_free(&b);
}

static void a_segment_that_became_longer_is_cut_when_it_becomes_a_spare(void)
{
    struct bench b = bench_begun();
    put_group(&b, 2 * SEGMENT);
    take(&b, 100, 1, true);
    CHECK(step(&b, JOURNAL_WRITER));
    journal_drop(b.journal, 1);
    CHECK(step(&b, JOURNAL_FILER));
    CHECK_EQUAL(b.jobs[JOURNAL_DROP], 1);
    CHECK_EQUAL(size_on_disk(&b), (RESERVE + 1) * SEGMENT);
    CHECK_EQUAL(stat_of(&b).size, (RESERVE + 1) * SEGMENT);
    bench_free(&b);
}

static void a_segment_that_is_too_short_for_a_spare_is_removed(void)
{
    struct bench b = bench_begun();
    take(&b, 100, 1, true);
    CHECK(step(&b, JOURNAL_WRITER));
    char name[DISK_NAME_MAX];
    segment_name(1, name);
    fake_disk_cut(b.fake, name, SEGMENT - 8);
    struct recover_found found = {
        .first = 1, .last = 2, .used = stat_of(&b).used, .sequence = 3, .salt = SALT};
    bench_end(&b);
    b = bench_found(b.fake, bench_options(0), found);
    uint64_t spares = stat_of(&b).spares;
    journal_drop(b.journal, 1);
    CHECK(step(&b, JOURNAL_FILER));
    CHECK_EQUAL(stat_of(&b).spares, spares);
    CHECK_EQUAL(stat_of(&b).size, size_on_disk(&b));
    bench_free(&b);
}

static void a_name_that_finds_no_room_is_done_without(void)
{
    struct bench b = bench_begun();
    take(&b, 100, 1, true);
    CHECK(step(&b, JOURNAL_WRITER));
    journal_drop(b.journal, 1);
    fake_disk_fail(b.fake, FAKE_RENAME, 1, ENOSPC, false);
    CHECK(step(&b, JOURNAL_FILER));
    CHECK_EQUAL(stat_of(&b).state, JOURNAL_OK);
    CHECK_EQUAL(stat_of(&b).spares, RESERVE - 1);
    CHECK_EQUAL(size_on_disk(&b), RESERVE * SEGMENT);
    bench_free(&b);
}

static void a_dropped_segment_never_comes_back_with_other_bytes(void)
{
    struct bench b = bench_begun();
    for (int i = 0; i < 200; i++) {
        put_group(&b, 20000);
        uint64_t last = journal_next_segment(b.journal) - 1;
        if (last > 1)
            journal_drop(b.journal, last - 1);
        while (step(&b, JOURNAL_FILER)) {
            struct fake_disk *after = fake_disk_clone(b.fake);
            fake_disk_crash(
                after, &(struct fake_crash){.names = FAKE_CHANCE, .bytes = FAKE_KEPT, .seed = (uint64_t)i});
            for (uint64_t segment = 1; segment <= last; segment++) {
                uint64_t size;
                struct segment_head head;
                const uint8_t *bytes = segment_bytes(after, segment, &size);
                if (bytes) {
                    CHECK_EQUAL(segment_read_head(bytes, &head), SEGMENT_OK);
                    CHECK_EQUAL(head.segment, segment);
                }
            }
            fake_disk_free(after);
        }
    }
    bench_free(&b);
}

/* ---- the full disk ---- */

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

/* ---- reading ---- */

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
    UNIT(spares_have_names_of_their_own),
    UNIT(spares_that_were_not_finished_or_have_another_size_are_removed_at_the_beginning),
    UNIT(the_first_spare_is_made_at_once_and_the_reserve_behind_it),
    UNIT(zeros_are_written_in_pieces_and_synced_before_the_spare_is_one),
    UNIT(in_the_long_run_nothing_is_made_anew),
    UNIT(a_log_that_grows_has_the_next_spare_made_at_once),
    UNIT(more_spares_than_are_wanted_go),
    UNIT(a_spare_that_is_being_removed_is_nobodys),
    UNIT(a_segment_goes_only_when_all_that_was_taken_is_on_disk),
    UNIT(segments_go_oldest_first_and_to_be_told_twice_does_no_harm),
    UNIT(a_segment_that_became_longer_is_cut_when_it_becomes_a_spare),
    UNIT(a_segment_that_is_too_short_for_a_spare_is_removed),
    UNIT(a_name_that_finds_no_room_is_done_without),
    UNIT(a_dropped_segment_never_comes_back_with_other_bytes),
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
    return unit_run("journal_files", tests, sizeof tests / sizeof *tests);
}
