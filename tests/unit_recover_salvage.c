/* unit_recover_salvage.c - what can be read of a damaged log is kept, and what cannot is said. */
#include "logs.h"

/* A look finds what salvage finds, and changes nothing; then salvage; then the log is whole, and goes on. */
static void salvage_and_go_on(const char *expected)
{
    const unsigned changes = FAKE_ANY & ~(FAKE_LIST | FAKE_OPEN | FAKE_CLOSE | FAKE_READ);
    uint64_t changed = fake_disk_count(fake, changes), damages, lost;
    CHECK_EQUAL(recover_now(), RECOVER_DAMAGED);
    CHECK_EQUAL(recover_as(true, true), RECOVER_OK);
    CHECK(has_seen(expected));
    CHECK_EQUAL(fake_disk_count(fake, changes), changed);
    damages = found.damages;
    lost = found.lost;
    CHECK_EQUAL(recover_as(true, false), RECOVER_OK);
    CHECK(has_seen(expected) && seen.events >= damages);
    CHECK(damages > 0 && found.damages == damages && found.lost == lost);
    fake_disk_crash(fake, &(struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    uint64_t lost_groups = found.lost_groups;
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(has_seen(expected));
    CHECK(found.damages == 0 && found.is_salvaged && seen.doubtful == seen.sequences[0] &&
          found.lost_groups == lost_groups);
    strcpy(writing.name, name_of(found.last));
    writing.segment = found.last;
    writing.offset = found.used;
    writing.sequence = found.sequence;
    log_group(SIZE);
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK_EQUAL(found.sequence, writing.sequence);
}

static bool is_copy_of(const char *copy, const uint8_t *bytes, uint64_t size)
{
    uint64_t copy_size;
    const uint8_t *copied = fake_disk_bytes(fake, copy, &copy_size);
    return copied && copy_size == size && memcmp(copied, bytes, size) == 0;
}

static bool is_there(const char *name)
{
    uint64_t size;
    return fake_disk_bytes(fake, name, &size) != NULL;
}

static void a_group_that_cannot_be_read_becomes_a_gap(void)
{
    uint8_t before[FILE_SIZE];
    uint64_t size;
    logs_begin();
    eight_groups();
    fake_disk_flip(fake, name_of(4), place_of(1) + 60, 4);
    memcpy(before, fake_disk_bytes(fake, name_of(4), &size), FILE_SIZE);
    salvage_and_go_on("1 2 3 5 6 7 8");
    CHECK(found.gaps == 1 && found.lost_groups == 1);
    CHECK(event_was("4 4240 144 a gap that was left by --salvage"));
    CHECK(is_copy_of("0000000000000004.damaged", before, FILE_SIZE));
    CHECK(!is_there("0000000000000003.damaged") && !is_there("0000000000000005.damaged"));
    logs_end();
}

static void a_look_tells_of_every_damage(void)
{
    logs_begin();
    eight_groups();
    fake_disk_flip(fake, name_of(3), place_of(1) + 60, 4);
    fake_disk_flip(fake, name_of(4), place_of(0) + 60, 4);
    fake_disk_flip(fake, name_of(4), place_of(2) + 60, 4);
    CHECK_EQUAL(recover_as(true, true), RECOVER_OK);
    CHECK_EQUAL(found.damages, 3);
    CHECK_EQUAL(found.lost, FILE_SIZE - place_of(1) + 2 * GROUP);
    CHECK_EQUAL(found.lost_groups, 3);
    CHECK_EQUAL(seen.events, 3);
    CHECK(event_was("4 4384 144 damaged"));
    CHECK(has_seen("1 4 6 7 8"));
    logs_end();
}

static void a_wrong_byte_anywhere_costs_a_group_or_none(void)
{
    for (uint64_t segment = 3; segment <= 5; segment++)
        for (uint64_t offset = 0; offset < place_of(4); offset += offset < 40 || offset >= 4096 ? 3 : 500) {
            logs_begin();
            eight_groups();
            fake_disk_flip(fake, name_of(segment), offset, 0x55);
            bool was_damaged = recover_as(false, true) == RECOVER_DAMAGED;
            CHECK_EQUAL(recover_as(true, false), RECOVER_OK);
            CHECK_EQUAL(found.damages, was_damaged);
            CHECK(seen.count >= (offset < 4096 ? 8 : 7) &&
                  is_there("0000000000000003.damaged") <= was_damaged);
            uint64_t count = seen.count;
            CHECK_EQUAL(recover_now(), RECOVER_OK);
            CHECK_EQUAL(seen.count, count);
            logs_end();
        }
}

static void a_gap_may_be_the_first_or_last_of_a_segment(void)
{
    logs_begin();
    eight_groups();
    fake_disk_flip(fake, name_of(3), place_of(0) + 60, 4);
    fake_disk_flip(fake, name_of(4), place_of(3) + 60, 4);
    salvage_and_go_on("2 3 4 5 7 8");
    logs_end();
}

static void the_first_group_of_the_last_segment_may_be_lost(void)
{
    logs_begin();
    eight_groups();
    fake_disk_flip(fake, name_of(5), place_of(0) + 60, 4);
    salvage_and_go_on("1 2 3 4 5 6 8");
    logs_end();
    logs_begin();
    eight_groups();
    log_segment(6);
    salvage_and_go_on("1 2 3 4 5 6 7 8");
    logs_end();
}

static void a_torn_end_is_still_cut_off(void)
{
    logs_begin();
    eight_groups();
    log_group(SIZE);
    fake_disk_flip(fake, name_of(5), place_of(2) + 60, 4);
    fake_disk_flip(fake, name_of(4), place_of(1) + 60, 4);
    salvage_and_go_on("1 2 3 5 6 7 8");
    logs_end();
}

static void a_segment_that_is_missing_becomes_one_with_a_gap(void)
{
    logs_begin();
    eight_groups();
    fake_disk_remove(fake, name_of(4));
    salvage_and_go_on("1 2 7 8");
    CHECK(found.gaps == 1 && found.lost_groups == 4);
    CHECK(!is_there("0000000000000004.damaged"));
    logs_end();
}

static void more_segments_may_be_missing_in_a_row(void)
{
    logs_begin();
    eight_groups();
    for (uint64_t segment = 6; segment < 9; segment++) {
        log_segment(segment);
        log_group(SIZE);
    }
    for (uint64_t segment = 4; segment < 8; segment++)
        fake_disk_remove(fake, name_of(segment));
    salvage_and_go_on("1 2 11");
    CHECK_EQUAL(found.lost_groups, 8);
    logs_end();
}

static void too_many_missing_segments_are_not_made(void)
{
    logs_begin();
    eight_groups();
    log_segment(1000000);
    log_group(SIZE);
    CHECK_EQUAL(recover_as(true, false), RECOVER_DAMAGED);
    CHECK(is_damaged_at(1000000, 0));
    logs_end();
}

static void a_head_that_cannot_be_read_is_written_again(void)
{
    for (uint64_t segment = 3; segment <= 5; segment++)
        for (uint64_t offset = 0; offset < 48; offset++) {
            logs_begin();
            eight_groups();
            fake_disk_flip(fake, name_of(segment), offset, 0xff);
            salvage_and_go_on("1 2 3 4 5 6 7 8");
            CHECK(found.lost_groups == 0 && found.gaps == 0);
            logs_end();
        }
}

static void a_head_and_what_is_behind_it_may_be_lost(void)
{
    static const char *const left[3] = {"2 3 4 5 6 7 8", "1 2 4 5 6 7 8", "1 2 3 4 5 6 8"};
    for (uint64_t segment = 3; segment <= 5; segment++) {
        logs_begin();
        eight_groups();
        fake_disk_flip(fake, name_of(segment), 10, 0xff);
        fake_disk_flip(fake, name_of(segment), place_of(0) + 41, 0xff);
        salvage_and_go_on(left[segment - 3]);
        CHECK_EQUAL(found.lost_groups, 1);
        logs_end();
    }
}

static void a_segment_of_which_nothing_is_left_is_a_gap(void)
{
    static const char *const left[3] = {"3 4 5 6 7 8", "1 2 7 8", "1 2 3 4 5 6"};
    for (uint64_t segment = 3; segment <= 5; segment++)
        for (uint64_t size = 0; size <= FILE_SIZE; size += FILE_SIZE / 4) {
            static const uint8_t zeros[FILE_SIZE];
            logs_begin();
            eight_groups();
            fake_disk_put(fake, name_of(segment), zeros, size);
            salvage_and_go_on(left[segment - 3]);
            logs_end();
        }
}

static void a_file_that_is_cut_short_keeps_what_it_has(void)
{
    for (uint64_t size = place_of(1); size < place_of(2); size++) {
        logs_begin();
        eight_groups();
        fake_disk_cut(fake, name_of(4), size);
        salvage_and_go_on("1 2 3 7 8");
        logs_end();
    }
}

static void a_salt_is_taken_from_a_damaged_head_if_there_is_no_other(void)
{
    logs_begin();
    log_segment(3);
    log_group(SIZE);
    log_group(SIZE);
    fake_disk_flip(fake, name_of(3), 2000, 1);
    salvage_and_go_on("1 2");
    logs_end();
}

static void without_a_salt_nothing_can_be_kept_and_nothing_is_changed(void)
{
    logs_begin();
    log_segment(3);
    log_group(SIZE);
    fake_disk_flip(fake, name_of(3), 25, 1);
    CHECK_EQUAL(recover_as(true, false), RECOVER_DAMAGED);
    CHECK(is_damaged_at(3, 0) && strstr(found.text, "no other segment has a good head"));
    CHECK_EQUAL(fake_disk_written(fake), group_bytes(SIZE));
    logs_end();
}

static void a_segment_of_another_directory_is_replaced(void)
{
    struct segment_head head = {.version = 1, .segment = 4, .salt = SALT + 1, .sequence = 3};
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    logs_begin();
    eight_groups();
    segment_write_head(&head, bytes);
    fake_disk_put(fake, name_of(4), bytes, sizeof bytes);
    salvage_and_go_on("1 2 7 8");
    CHECK(is_copy_of("0000000000000004.damaged", bytes, sizeof bytes));
    logs_end();
}

static void segments_that_tell_the_same_again_are_replaced(void)
{
    logs_begin();
    eight_groups();
    writing.sequence = 4;
    log_segment(5);
    for (int i = 0; i < 5; i++)
        log_group(SIZE);
    salvage_and_go_on("1 2 3 4 5 6 8");
    logs_end();
}

/* ---- again and again ---- */

static void a_log_may_be_salvaged_more_than_once(void)
{
    logs_begin();
    eight_groups();
    fake_disk_flip(fake, name_of(4), place_of(1) + 60, 4);
    CHECK_EQUAL(recover_as(true, false), RECOVER_OK);
    fake_disk_flip(fake, name_of(4), place_of(2) + 60, 4);
    CHECK_EQUAL(recover_as(true, false), RECOVER_OK);
    CHECK(found.gaps == 1 && found.damages == 1 && found.lost_groups == 2);
    CHECK(is_there("0000000000000004.damaged") && is_there("0000000000000004.2.damaged"));
    fake_disk_flip(fake, name_of(4), place_of(1) + 20, 4); /* the gap itself */
    CHECK_EQUAL(recover_as(true, false), RECOVER_OK);
    CHECK(is_there("0000000000000004.3.damaged"));
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(has_seen("1 2 3 6 7 8") && found.gaps == 2);
    logs_end();
}

static void what_is_behind_damage_is_doubtful_and_later_all_that_was_there(void)
{
    logs_begin();
    eight_groups();
    fake_disk_flip(fake, name_of(4), place_of(1) + 60, 4);
    CHECK_EQUAL(recover_as(true, false), RECOVER_OK);
    CHECK(seen.doubtful == 5 && !found.is_salvaged);
    writing.sequence = found.sequence;
    log_segment(6);
    log_group(SIZE);
    fake_disk_remove(fake, name_of(3));
    fake_disk_remove(fake, name_of(4));
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(has_seen("7 8 9") && seen.doubtful == 7 && found.is_salvaged);
    fake_disk_remove(fake, name_of(5));
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(has_seen("9") && seen.doubtful == 0 && !found.is_salvaged);
    logs_end();
}

static void a_whole_log_may_be_doubted(void)
{
    logs_begin();
    eight_groups();
    struct recover_options options = {
        .salvage = true, .doubts = true, .on_group = see_group, .context = &seen};
    seen = (struct seen){.stop_at = 0};
    CHECK_EQUAL(recover(&disk, &options, &found), RECOVER_OK);
    CHECK(seen.doubtful == 1 && found.damages == 0);
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(has_seen("1 2 3 4 5 6 7 8") && seen.doubtful == 1 && found.is_salvaged);
    logs_end();
}

static void a_whole_log_is_left_as_it_is(void)
{
    logs_begin();
    eight_groups();
    CHECK_EQUAL(recover_as(true, false), RECOVER_OK);
    CHECK(found.damages == 0 && seen.events == 0 && has_seen("1 2 3 4 5 6 7 8"));
    CHECK(!is_there("0000000000000003.damaged"));
    logs_end();
}

static void without_room_there_is_no_copy(void)
{
    logs_begin();
    eight_groups();
    fake_disk_flip(fake, name_of(4), place_of(1) + 60, 4);
    fake_disk_limit(fake, fake_disk_used(fake) + 5000);
    CHECK_EQUAL(recover_as(true, false), RECOVER_OK);
    CHECK(seen.events == 2 && !is_there("0000000000000004.damaged"));
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(has_seen("1 2 3 5 6 7 8"));
    logs_end();
}

static const struct unit_test tests[] = {
    UNIT(a_group_that_cannot_be_read_becomes_a_gap),
    UNIT(a_look_tells_of_every_damage),
    UNIT(a_wrong_byte_anywhere_costs_a_group_or_none),
    UNIT(a_gap_may_be_the_first_or_last_of_a_segment),
    UNIT(the_first_group_of_the_last_segment_may_be_lost),
    UNIT(a_torn_end_is_still_cut_off),
    UNIT(a_segment_that_is_missing_becomes_one_with_a_gap),
    UNIT(more_segments_may_be_missing_in_a_row),
    UNIT(too_many_missing_segments_are_not_made),
    UNIT(a_head_that_cannot_be_read_is_written_again),
    UNIT(a_head_and_what_is_behind_it_may_be_lost),
    UNIT(a_segment_of_which_nothing_is_left_is_a_gap),
    UNIT(a_file_that_is_cut_short_keeps_what_it_has),
    UNIT(a_salt_is_taken_from_a_damaged_head_if_there_is_no_other),
    UNIT(without_a_salt_nothing_can_be_kept_and_nothing_is_changed),
    UNIT(a_segment_of_another_directory_is_replaced),
    UNIT(segments_that_tell_the_same_again_are_replaced),
    UNIT(a_log_may_be_salvaged_more_than_once),
    UNIT(what_is_behind_damage_is_doubtful_and_later_all_that_was_there),
    UNIT(a_whole_log_may_be_doubted),
    UNIT(a_whole_log_is_left_as_it_is),
    UNIT(without_room_there_is_no_copy),
};

int main(void)
{
    return unit_run("recover_salvage", tests, sizeof tests / sizeof *tests);
}
