/* unit_journal_spares.c - spares, and the segments that go and become spares. */
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

/* ---- a log that goes on ---- */

/* Comes back to a log of two segments, without spares. */
static struct bench bench_back(uint64_t interval_ms)
{
    struct bench b = bench_begun();
    fill_until(&b, 2);
    struct recover_found found = {
        .first = 1, .last = 2, .used = stat_of(&b).used, .sequence = stat_of(&b).groups + 1, .salt = SALT};
    bench_end(&b);
    for (uint64_t spare = 1; spare <= 9; spare++) {
        char name[DISK_NAME_MAX];
        journal_spare_name(spare, name);
        b.disk.calls->remove(b.disk.context, name);
    }
    return bench_found(b.fake, bench_options(interval_ms), found);
}

static void what_goes_on_in_an_old_segment_does_not_stand_for_one_of_its_own(void)
{
    struct bench b = bench_back(100);
    take(&b, 100, 1, false);
    CHECK(step(&b, JOURNAL_WRITER));
    CHECK(journal_wants_segment(b.journal));
    CHECK(!stat_of(&b).has_opened);
    work(&b);
    take(&b, 100, 1, true);
    CHECK(!journal_wants_segment(b.journal));
    CHECK(!stat_of(&b).has_opened); /* not yet on disk */
    work(&b);
    CHECK(stat_of(&b).has_opened);
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

static const struct unit_test tests[] = {
    UNIT(spares_have_names_of_their_own),
    UNIT(spares_that_were_not_finished_or_have_another_size_are_removed_at_the_beginning),
    UNIT(the_first_spare_is_made_at_once_and_the_reserve_behind_it),
    UNIT(zeros_are_written_in_pieces_and_synced_before_the_spare_is_one),
    UNIT(in_the_long_run_nothing_is_made_anew),
    UNIT(a_log_that_grows_has_the_next_spare_made_at_once),
    UNIT(more_spares_than_are_wanted_go),
    UNIT(a_spare_that_is_being_removed_is_nobodys),
    UNIT(what_goes_on_in_an_old_segment_does_not_stand_for_one_of_its_own),
    UNIT(a_segment_goes_only_when_all_that_was_taken_is_on_disk),
    UNIT(segments_go_oldest_first_and_to_be_told_twice_does_no_harm),
    UNIT(a_segment_that_became_longer_is_cut_when_it_becomes_a_spare),
    UNIT(a_segment_that_is_too_short_for_a_spare_is_removed),
    UNIT(a_name_that_finds_no_room_is_done_without),
    UNIT(a_dropped_segment_never_comes_back_with_other_bytes),
};

int main(void)
{
    return unit_run("journal_spares", tests, sizeof tests / sizeof *tests);
}
