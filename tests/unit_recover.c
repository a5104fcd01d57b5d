/* unit_recover.c - a log is read back as it was written, and damage is named. */
#include "logs.h"

static void an_empty_directory_is_an_empty_log(void)
{
    logs_begin();
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(found.first == 0 && found.last == 0 && found.salt == 0 && found.sequence == 1 && found.used == 0);
    CHECK(found.text[0] == '\0');
    logs_end();
}

static void groups_come_in_order_through_all_segments(void)
{
    logs_begin();
    three_segments();
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(found.first == 3 && found.last == 5 && found.salt == SALT);
    CHECK_EQUAL(found.sequence, 8);
    CHECK_EQUAL(found.used, writing.offset);
    CHECK(found.groups == 7 && found.bytes == 736 && found.cut == 0 && found.gaps == 0 && found.damages == 0);
    CHECK(seen.count == 7 && seen.sequences[0] == 1 && seen.sequences[6] == 7 && seen.doubtful == 0);
    CHECK_EQUAL(seen.events, 0);
    logs_end();
}

static void nobody_need_be_told(void)
{
    struct recover_options options = {.salvage = false};
    logs_begin();
    three_segments();
    log_write(100, 0);
    fake_disk_crash(fake, &(struct fake_crash){.torn = name_of(5), .torn_at = writing.offset - 20});
    CHECK_EQUAL(recover(&disk, &options, &found), RECOVER_OK);
    CHECK_EQUAL(found.groups, 7);
    logs_end();
}

static void a_segment_may_be_full_to_the_last_byte_and_longer(void)
{
    logs_begin();
    log_segment(1);
    log_group(FILE_SIZE - SEGMENT_HEAD_SIZE - GROUP_HEAD_SIZE);
    CHECK_EQUAL(writing.offset, FILE_SIZE);
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK_EQUAL(found.used, FILE_SIZE);
    log_group(100);
    log_segment(2);
    log_group(100);
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(found.groups == 3 && found.last == 2);
    logs_end();
}

static void a_group_may_be_larger_than_what_is_read_at_a_time(void)
{
    logs_begin();
    log_segment(1);
    log_group(10);
    log_group(5000001);
    log_group(10);
    log_group(1048576);
    log_segment(2);
    log_group(10);
    log_group(3000000);
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(found.groups == 6 && found.used == writing.offset);
    logs_end();
}

static void many_small_groups_come_through_the_pieces_that_are_read(void)
{
    logs_begin();
    log_segment(1);
    for (int i = 0; i < 200; i++)
        log_write((size_t)(i * 997 % 30011), 0);
    log_sync();
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(found.groups == 200 && found.used == writing.offset);
    logs_end();
}

static void other_files_are_none_of_its_business(void)
{
    logs_begin();
    three_segments();
    fake_disk_put(fake, "lock", "1", 1);
    fake_disk_put(fake, "0000000000000009.damaged", "1", 1);
    fake_disk_put(fake, "2.spare", "1", 1);
    log_segment(2);
    fake_disk_rename(fake, name_of(2), "1.spare"); /* with an old number in its head */
    log_segment(6);
    fake_disk_rename(fake, name_of(6), "3.spare"); /* which was to be opened when the end came */
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(found.first == 3 && found.last == 5 && found.groups == 7);
    logs_end();
}

static void a_log_without_its_beginning_goes_on_from_where_it_begins(void)
{
    logs_begin();
    three_segments();
    fake_disk_remove(fake, name_of(3));
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    CHECK(found.first == 4 && found.groups == 5 && seen.sequences[0] == 3 && found.sequence == 8);
    logs_end();
}

static void whoever_takes_the_groups_may_stop(void)
{
    logs_begin();
    three_segments();
    seen.stop_at = 4;
    CHECK_EQUAL(recover_now(), RECOVER_STOPPED);
    CHECK_EQUAL(seen.count, 4);
    CHECK(is_damaged_at(4, SEGMENT_HEAD_SIZE + group_bytes(300)));
    CHECK(strstr(found.text, "it is the one that we stop at") != NULL);
    logs_end();
}

/* ---- damage ---- */

/* Which group of the three segments is at this offset: where it begins, and how many are before it. */
static uint64_t group_at(uint64_t segment, uint64_t offset, unsigned *ret_before)
{
    static const size_t sizes[3][3] = {{100, 1, 0}, {300, 8, 77}, {50, 200, 0}};
    static const unsigned before[3] = {0, 2, 5};
    uint64_t at = SEGMENT_HEAD_SIZE;
    unsigned n = before[segment - 3];
    for (int i = 0; i < 3 && sizes[segment - 3][i] && offset >= at + group_bytes(sizes[segment - 3][i]);
         i++) {
        at += group_bytes(sizes[segment - 3][i]);
        n++;
    }
    *ret_before = n;
    return offset < SEGMENT_HEAD_SIZE ? 0 : at;
}

static void a_wrong_bit_anywhere_is_damage_with_a_place_or_a_torn_end(void)
{
    static const unsigned until[3] = {2, 5, 7};
    logs_begin();
    three_segments();
    for (uint64_t segment = 3; segment <= 5; segment++)
        for (uint64_t offset = 0; offset < FILE_SIZE; offset += offset >= 5000 ? 97 : 1) {
            unsigned before;
            uint64_t at = group_at(segment, offset, &before);
            fake_disk_flip(fake, name_of(segment), offset, 1u << offset % 8);
            enum recover_result result = recover_as(false, true);
            if (offset < SEGMENT_HEAD_SIZE || (before < until[segment - 3] && before != 6)) {
                CHECK_EQUAL(result, RECOVER_DAMAGED);
                CHECK(is_damaged_at(segment, at));
                CHECK_EQUAL(seen.count, offset < SEGMENT_HEAD_SIZE ? 0 : before);
            } else {
                CHECK_EQUAL(result, RECOVER_OK);
                CHECK_EQUAL(found.groups, before == 6 ? 6 : 7);
            }
            fake_disk_flip(fake, name_of(segment), offset, 1u << offset % 8);
        }
    logs_end();
}

/* A segment gets its name when its first group is on disk. */
static void the_first_group_of_the_last_segment_is_never_torn(void)
{
    logs_begin();
    three_segments();
    log_segment(6);
    CHECK_EQUAL(recover_now(), RECOVER_DAMAGED);
    CHECK(is_damaged_at(6, SEGMENT_HEAD_SIZE));
    logs_end();
}

static void a_segment_that_is_missing_is_damage(void)
{
    logs_begin();
    three_segments();
    fake_disk_remove(fake, name_of(4));
    CHECK_EQUAL(recover_now(), RECOVER_DAMAGED);
    CHECK(is_damaged_at(4, 0) && strstr(found.text, "it is missing"));
    log_segment(1ull << 62);
    CHECK_EQUAL(recover_now(), RECOVER_DAMAGED);
    CHECK(is_damaged_at(1ull << 62, 0) && strstr(found.text, "no segment 6 is there"));
    logs_end();
}

static void a_file_that_is_cut_short_is_damage_or_a_torn_end(void)
{
    for (uint64_t size = 0; size < 4096 + 500; size += size < 4000 ? 500 : 1)
        for (uint64_t segment = 3; segment <= 5; segment++) {
            logs_begin();
            three_segments();
            fake_disk_cut(fake, name_of(segment), size);
            unsigned before;
            uint64_t at = group_at(segment, size, &before);
            bool is_last = segment == 5 && size >= 4096 + group_bytes(50);
            bool is_whole = segment < 5 && before == (segment == 3 ? 2 : 5);
            CHECK_EQUAL(recover_now(), is_last || is_whole ? RECOVER_OK : RECOVER_DAMAGED);
            CHECK(is_last || is_whole || is_damaged_at(segment, at));
            logs_end();
        }
}

static void a_segment_under_a_wrong_name_is_damage(void)
{
    logs_begin();
    three_segments();
    fake_disk_rename(fake, name_of(5), "x");
    fake_disk_rename(fake, name_of(4), name_of(5));
    fake_disk_rename(fake, "x", name_of(4));
    CHECK_EQUAL(recover_now(), RECOVER_DAMAGED);
    CHECK(is_damaged_at(4, 0) && strstr(found.text, "another segment under this name"));
    logs_end();
}

static void a_segment_of_another_directory_is_damage(void)
{
    struct segment_head head = {.version = 1, .segment = 5, .salt = SALT + 1, .sequence = 6};
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    logs_begin();
    three_segments();
    segment_write_head(&head, bytes);
    fake_disk_put(fake, name_of(5), bytes, sizeof bytes);
    CHECK_EQUAL(recover_now(), RECOVER_DAMAGED);
    CHECK(is_damaged_at(5, 0) && strstr(found.text, "of another directory"));
    logs_end();
}

static void a_segment_that_begins_too_early_or_too_late_is_damage(void)
{
    logs_begin();
    three_segments();
    writing.sequence = 5;
    log_segment(5);
    log_group(10);
    CHECK_EQUAL(recover_now(), RECOVER_DAMAGED);
    CHECK(is_damaged_at(5, 0) && strstr(found.text, "were there before"));
    writing.sequence = 8;
    log_segment(5);
    log_group(10);
    CHECK_EQUAL(recover_now(), RECOVER_DAMAGED);
    CHECK(is_damaged_at(4, 4096 + group_bytes(300) + group_bytes(8) + group_bytes(77)));
    CHECK(strstr(found.text, "groups 6 to 7 cannot be read;") != NULL);
    logs_end();
}

static void a_newer_format_is_refused_by_its_name(void)
{
    struct segment_head head = {.version = 2, .segment = 5, .salt = SALT + 1, .sequence = 9};
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    logs_begin();
    three_segments();
    fake_disk_flip(fake, name_of(3), 5000, 1);
    fake_disk_flip(fake, name_of(3), 4000, 1);
    segment_write_head(&head, bytes);
    fake_disk_put(fake, name_of(5), bytes, sizeof bytes);
    for (int salvage = 0; salvage < 2; salvage++) {
        CHECK_EQUAL(recover_as(salvage, false), RECOVER_NEWER);
        CHECK(strcmp(found.text, "0000000000000005.segment: was written by a newer mq-broker, in format 2; "
                                 "this one knows formats up to 1") == 0);
        CHECK_EQUAL(found.failed_segment, 5);
    }
    logs_end();
}

static const struct unit_test tests[] = {
    UNIT(an_empty_directory_is_an_empty_log),
    UNIT(groups_come_in_order_through_all_segments),
    UNIT(nobody_need_be_told),
    UNIT(a_segment_may_be_full_to_the_last_byte_and_longer),
    UNIT(a_group_may_be_larger_than_what_is_read_at_a_time),
    UNIT(many_small_groups_come_through_the_pieces_that_are_read),
    UNIT(other_files_are_none_of_its_business),
    UNIT(a_log_without_its_beginning_goes_on_from_where_it_begins),
    UNIT(whoever_takes_the_groups_may_stop),
    UNIT(a_wrong_bit_anywhere_is_damage_with_a_place_or_a_torn_end),
    UNIT(the_first_group_of_the_last_segment_is_never_torn),
    UNIT(a_segment_that_is_missing_is_damage),
    UNIT(a_file_that_is_cut_short_is_damage_or_a_torn_end),
    UNIT(a_segment_under_a_wrong_name_is_damage),
    UNIT(a_segment_of_another_directory_is_damage),
    UNIT(a_segment_that_begins_too_early_or_too_late_is_damage),
    UNIT(a_newer_format_is_refused_by_its_name),
};

int main(void)
{
    return unit_run("recover", tests, sizeof tests / sizeof *tests);
}
