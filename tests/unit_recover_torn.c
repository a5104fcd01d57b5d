/* unit_recover_torn.c - what a crash leaves at the end of a log is cut off; what was read is on disk before
 * it counts; and a disk or a malloc that fails meanwhile is told from damage. */
#include "failing_malloc.h"
#include "logs.h"

/* ---- torn ends ---- */

/* Writes a group that is not synced behind those of three segments, and crashes. */
static uint64_t crash_in_group(size_t size, struct fake_crash crash)
{
    logs_begin();
    three_segments();
    uint64_t offset = log_write(size, 0);
    fake_disk_crash(fake, &crash);
    return offset;
}

static void a_group_that_is_torn_anywhere_is_cut_off(void)
{
    const size_t size = 1111;
    uint64_t begin = crash_in_group(size, (struct fake_crash){.bytes = FAKE_LOST});
    uint64_t end = begin + group_bytes(size);
    logs_end();
    for (uint64_t at = begin; at <= end; at++) {
        crash_in_group(size, (struct fake_crash){.torn = "0000000000000005.segment", .torn_at = at});
        CHECK_EQUAL(recover_now(), RECOVER_OK);
        bool is_whole = at + (end - begin - GROUP_HEAD_SIZE - size) >= end; /* the last bytes are zeros */
        CHECK_EQUAL(found.groups, 7 + is_whole);
        CHECK_EQUAL(found.used, is_whole ? end : begin);
        CHECK_EQUAL(found.sequence, 8 + is_whole);
        bool is_told = at >= begin + GROUP_HEAD_SIZE && !is_whole;
        if (at >= begin + GROUP_HEAD_SIZE)
            CHECK_EQUAL(found.cut, is_told ? end - begin : 0);
        CHECK_EQUAL(seen.events, found.cut > 0);
        logs_end();
    }
}

static void pages_of_the_last_group_come_in_any_order(void)
{
    for (uint64_t pages = 0; pages < 8; pages++) {
        crash_in_group(9000,
                       (struct fake_crash){.picked = "0000000000000005.segment", .picked_pages = pages});
        CHECK_EQUAL(recover_now(), RECOVER_OK);
        CHECK_EQUAL(found.groups, 7 + (pages == 7));
        logs_end();
    }
}

static void whatever_a_crash_leaves_of_the_last_group_is_an_end(void)
{
    unsigned whole = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        crash_in_group(3000, (struct fake_crash){.bytes = FAKE_CHANCE, .seed = seed});
        CHECK_EQUAL(recover_now(), RECOVER_OK);
        CHECK(found.groups == 7 || found.groups == 8);
        whole += found.groups == 8;
        logs_end();
    }
    CHECK(whole > 10 && whole < 290);
}

static void the_log_goes_on_where_it_was_torn(void)
{
    uint64_t begin =
        crash_in_group(1000, (struct fake_crash){.torn = "0000000000000005.segment", .torn_at = 5000});
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    writing.offset = found.used;
    writing.sequence = found.sequence;
    CHECK_EQUAL(log_group(40), begin);
    log_group(60);
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(found.groups == 9 && found.sequence == 10 && found.cut == 0);
    logs_end();
}

static void what_a_recycled_segment_held_before_is_nothing(void)
{
    logs_begin();
    log_segment(5);
    writing.sequence = 4;
    while (writing.offset < FILE_SIZE - 200)
        log_group(70);
    uint64_t size;
    uint8_t *old = malloc(FILE_SIZE);
    memcpy(old, fake_disk_bytes(fake, name_of(5), &size), FILE_SIZE);
    writing.sequence = 1;
    log_segment(6);
    struct segment_head head = {.version = 1, .segment = 6, .salt = SALT, .sequence = 1};
    segment_write_head(&head, old);
    fake_disk_put(fake, name_of(6), old, FILE_SIZE);
    fake_disk_remove(fake, name_of(5));
    free(old);
    for (int i = 0; i < 20; i++) {
        log_group(i % 3 ? 70 : 69);
        CHECK_EQUAL(recover_now(), RECOVER_OK);
        CHECK_EQUAL(found.groups, i + 1);
    }
    logs_end();
}

/* An item's body with groups in it, as somebody may put them who guesses all but the salt. */
static void a_body_that_looks_like_groups_is_no_group(void)
{
    logs_begin();
    log_segment(1);
    log_group(10);
    enum { BODY = 2048 };
    uint8_t *group = calloc(1, group_bytes(BODY));
    for (uint64_t at = GROUP_HEAD_SIZE; at + 200 < BODY; at += 104) {
        struct group_head fake_head = {.segment = 1, .sequence = 3 + at / 104, .size = 64};
        group_seal(group + at, &fake_head, at % 16 ? SALT + 1 : SALT + (1ull << 63));
    }
    struct group_head head = {.segment = 1, .sequence = 2, .size = BODY};
    group_seal(group, &head, SALT);
    for (uint64_t damaged = 0; damaged < 3; damaged++) {
        group[GROUP_HEAD_SIZE + BODY - 1] = (uint8_t)damaged;
        int handle = disk.calls->open(disk.context, name_of(1), 0);
        CHECK_EQUAL(disk.calls->write(disk.context, handle, writing.offset, group, group_bytes(BODY)), 0);
        CHECK_EQUAL(disk.calls->close(disk.context, handle), 0);
        if (damaged > 0) {
            CHECK_EQUAL(recover_now(), RECOVER_OK);
            CHECK_EQUAL(found.groups, 1);
        }
    }
    free(group);
    logs_end();
}

/* A client that keeps copies of the broker's own files in a queue has right salts in bodies. */
static void a_body_that_holds_older_groups_of_the_log_is_no_group(void)
{
    logs_begin();
    log_segment(1);
    for (int i = 0; i < 5; i++)
        log_group(30);
    uint64_t size;
    uint8_t body[1024];
    memcpy(body, fake_disk_bytes(fake, name_of(1), &size) + SEGMENT_HEAD_SIZE, 5 * group_bytes(30));
    fake_disk_crash(fake, &(struct fake_crash){.bytes = FAKE_LOST});
    int handle = disk.calls->open(disk.context, name_of(1), 0);
    CHECK_EQUAL(disk.calls->write(disk.context, handle, writing.offset + 48, body, 5 * group_bytes(30)), 0);
    CHECK_EQUAL(disk.calls->close(disk.context, handle), 0);
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(found.groups == 5 && found.used == writing.offset);
    logs_end();
}

/* ---- what may not be on disk ---- */

static void what_was_read_is_on_disk_before_all_is_well(void)
{
    for (int failed_sync = 0; failed_sync < 2; failed_sync++) {
        logs_begin();
        three_segments();
        log_write(3000, 0);
        if (failed_sync) {
            int handle = disk.calls->open(disk.context, name_of(5), 0);
            fake_disk_fail(fake, FAKE_SYNC, 1, EIO, false);
            CHECK_EQUAL(disk.calls->sync(disk.context, handle), -EIO);
        }
        fake_disk_kill(fake);
        CHECK_EQUAL(recover_now(), RECOVER_OK);
        CHECK_EQUAL(found.groups, 8);
        fake_disk_crash(fake, &(struct fake_crash){.bytes = FAKE_LOST, .names = FAKE_LOST});
        CHECK_EQUAL(recover_now(), RECOVER_OK);
        CHECK_EQUAL(found.groups, 8);
        logs_end();
    }
}

static void names_that_were_read_are_on_disk_before_all_is_well(void)
{
    logs_begin();
    three_segments();
    fake_disk_rename(fake, name_of(5), "1.spare");
    CHECK_EQUAL(disk.calls->rename(disk.context, "1.spare", name_of(5)), 0);
    fake_disk_kill(fake);
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    fake_disk_crash(fake, &(struct fake_crash){.bytes = FAKE_LOST, .names = FAKE_LOST});
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK_EQUAL(found.last, 5);
    logs_end();
}

static void a_look_changes_nothing(void)
{
    logs_begin();
    three_segments();
    log_write(3000, 0);
    uint64_t calls = fake_disk_count(fake, FAKE_ANY & ~(FAKE_LIST | FAKE_OPEN | FAKE_CLOSE | FAKE_READ));
    CHECK_EQUAL(recover_as(false, true), RECOVER_OK);
    CHECK_EQUAL(found.groups, 8);
    CHECK_EQUAL(fake_disk_count(fake, FAKE_ANY & ~(FAKE_LIST | FAKE_OPEN | FAKE_CLOSE | FAKE_READ)), calls);
    logs_end();
}

/* On a file system that never writes in place there may be no room even for what is there already. */
static void a_disk_without_room_to_write_again_is_synced(void)
{
    logs_begin();
    three_segments();
    fake_disk_fail(fake, FAKE_WRITE, 1, ENOSPC, true);
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK_EQUAL(fake_disk_failures(fake), 1);
    logs_end();
}

/* ---- groups that are not synced one by one (an interval) ---- */

static const char last_name[] = "0000000000000005.segment";

/* Groups 8, 9, 10 and 11, a page or more each, on their way to the disk; `synced` of them are there. */
static uint64_t interval_groups(unsigned synced, uint64_t picked)
{
    uint64_t places[4];
    logs_begin();
    three_segments();
    log_group(4096 - GROUP_HEAD_SIZE - (writing.offset % 4096));
    for (unsigned i = 0; i < 4; i++) {
        places[i] = log_write(2048 - GROUP_HEAD_SIZE, i < synced ? i : i - synced);
        if (i + 1 == synced)
            log_sync();
    }
    fake_disk_crash(fake, &(struct fake_crash){.picked = last_name, .picked_pages = picked});
    return places[0];
}

static void groups_that_were_never_safe_go_with_the_torn_end(void)
{
    uint64_t at = interval_groups(0, 2); /* the first page of two is lost: groups 9 and 10 */
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(found.groups == 8 && found.used == at && found.sequence == 9);
    CHECK_EQUAL(found.cut, 8192);
    CHECK_EQUAL(seen.events, 2);
    logs_end();
}

static void what_went_with_the_torn_end_never_comes_back(void)
{
    for (int crashes = 0; crashes < 2; crashes++) {
        interval_groups(0, 2);
        CHECK_EQUAL(recover_now(), RECOVER_OK);
        if (crashes)
            fake_disk_crash(fake, &(struct fake_crash){.bytes = FAKE_LOST, .names = FAKE_LOST});
        writing.offset = found.used;
        writing.sequence = found.sequence;
        log_group(2048 - GROUP_HEAD_SIZE);
        log_group(2048 - GROUP_HEAD_SIZE);
        CHECK_EQUAL(recover_now(), RECOVER_OK);
        CHECK(found.groups == 10 && found.sequence == 11);
        logs_end();
    }
}

static void groups_that_had_been_synced_are_not_cut_off(void)
{
    uint64_t at = interval_groups(2, 1); /* all there */
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK_EQUAL(found.groups, 12);
    fake_disk_flip(fake, last_name, at + 100, 1);
    CHECK_EQUAL(recover_now(), RECOVER_DAMAGED);
    CHECK(is_damaged_at(5, at));
    logs_end();
}

static void with_an_interval_all_that_may_not_be_on_disk_is_written_again(void)
{
    interval_groups(0, 3);
    writing.sequence = 13;
    log_write(100, 4);
    int handle = disk.calls->open(disk.context, last_name, 0);
    fake_disk_fail(fake, FAKE_SYNC, 1, EIO, false);
    CHECK_EQUAL(disk.calls->sync(disk.context, handle), -EIO);
    fake_disk_kill(fake);
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK_EQUAL(found.groups, 13);
    fake_disk_crash(fake, &(struct fake_crash){.bytes = FAKE_LOST, .names = FAKE_LOST});
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK_EQUAL(found.groups, 13);
    logs_end();
}

/* ---- failures ---- */

static void a_disk_that_fails_at_any_call_is_told_from_damage(void)
{
    for (uint64_t nth = 1;; nth++) {
        interval_groups(0, 2);
        fake_disk_fail(fake, FAKE_ANY & ~FAKE_CLOSE, nth, EIO, false);
        enum recover_result result = recover_now();
        bool failed = fake_disk_failures(fake) > 0;
        CHECK_EQUAL(result, failed ? RECOVER_FAILED : RECOVER_OK);
        CHECK(!failed || strstr(found.text, "Input/output error"));
        CHECK_EQUAL(fake_disk_handles(fake), 0);
        CHECK(failed || nth > 10);
        fake_disk_fail(fake, 0, 0, 0, false);
        CHECK_EQUAL(recover_now(), RECOVER_OK);
        CHECK_EQUAL(found.groups, 8);
        logs_end();
        if (!failed)
            return;
    }
}

static void without_memory_it_says_so(void)
{
    for (uint64_t nth = 1;; nth++) {
        logs_begin();
        three_segments();
        log_group(2000000);
        struct recover_options options = {.salvage = false};
        malloc_failures = 0;
        malloc_fails_at = malloc_calls + nth;
        enum recover_result result = recover(&disk, &options, &found);
        malloc_fails_at = 0;
        bool failed = malloc_failures > 0;
        CHECK_EQUAL(result, failed ? RECOVER_FAILED : RECOVER_OK);
        CHECK(!failed || strstr(found.text, "Cannot allocate memory"));
        logs_end();
        if (!failed) {
            CHECK(nth > 2);
            return;
        }
    }
}

static const struct unit_test tests[] = {
    UNIT(a_group_that_is_torn_anywhere_is_cut_off),
    UNIT(pages_of_the_last_group_come_in_any_order),
    UNIT(whatever_a_crash_leaves_of_the_last_group_is_an_end),
    UNIT(the_log_goes_on_where_it_was_torn),
    UNIT(what_a_recycled_segment_held_before_is_nothing),
    UNIT(a_body_that_looks_like_groups_is_no_group),
    UNIT(a_body_that_holds_older_groups_of_the_log_is_no_group),
    UNIT(what_was_read_is_on_disk_before_all_is_well),
    UNIT(names_that_were_read_are_on_disk_before_all_is_well),
    UNIT(a_look_changes_nothing),
    UNIT(a_disk_without_room_to_write_again_is_synced),
    UNIT(groups_that_were_never_safe_go_with_the_torn_end),
    UNIT(what_went_with_the_torn_end_never_comes_back),
    UNIT(groups_that_had_been_synced_are_not_cut_off),
    UNIT(with_an_interval_all_that_may_not_be_on_disk_is_written_again),
    UNIT(a_disk_that_fails_at_any_call_is_told_from_damage),
    UNIT(without_memory_it_says_so),
};

int main(void)
{
    return unit_run("recover: torn ends", tests, sizeof tests / sizeof *tests);
}
