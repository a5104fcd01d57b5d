/* unit_segment.c - the bytes of segments and groups. */
#include <stdlib.h>
#include <string.h>

#include "segment.h"
#include "unit.h"

enum { FACTS = 45 };
static const uint64_t SALT = 0x1122334455667788;

static uint8_t group[256];

/* A sealed group with FACTS bytes; where it ends. */
static size_t sealed(struct group_head head)
{
    memset(group, 0xee, sizeof group);
    for (size_t i = 0; i < head.size; i++)
        group[GROUP_HEAD_SIZE + i] = (uint8_t)i;
    group_seal(group, &head, SALT);
    return group_bytes(head.size);
}

static bool is_valid(size_t size, uint64_t segment, uint64_t salt)
{
    struct group_head head;
    /* In a block of this very size, so that reading beyond it is noticed. */
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, group, size);
    bool valid = group_read((struct bytes){copy, size}, segment, salt, &head);
    free(copy);
    return valid;
}

static const struct group_head some = {.segment = 3, .sequence = 9, .unsynced = 2, .size = FACTS};

static void a_group_is_read_as_it_was_sealed(void)
{
    struct group_head head;
    size_t size = sealed(some);
    CHECK_EQUAL(size, 88);
    CHECK_EQUAL(group[GROUP_HEAD_SIZE + FACTS], 0);
    CHECK_EQUAL(group[size - 1], 0);
    CHECK_EQUAL(group[size], 0xee);
    CHECK(group_read((struct bytes){group, sizeof group}, 3, SALT, &head));
    CHECK(head.segment == 3 && head.sequence == 9 && head.size == FACTS && head.flags == 0);
    CHECK(head.unsynced == 2 && head.next == 0);
    CHECK_EQUAL(group[GROUP_HEAD_SIZE + 1], 1);
}

static void a_group_without_facts_is_one(void)
{
    CHECK_EQUAL(sealed((struct group_head){.segment = 3, .sequence = 9}), GROUP_HEAD_SIZE);
    CHECK(is_valid(GROUP_HEAD_SIZE, 3, SALT));
}

static void a_group_of_another_segment_or_directory_is_none(void)
{
    size_t size = sealed(some);
    CHECK(is_valid(size, 3, SALT));
    CHECK(!is_valid(size, 4, SALT));
    CHECK(!is_valid(size, 3, SALT + 1));
}

static void a_group_that_is_cut_short_is_none(void)
{
    for (size_t size = sealed(some); size-- > 0;)
        CHECK(!is_valid(size, 3, SALT));
}

static void any_bit_that_is_another_makes_a_group_invalid(void)
{
    size_t size = sealed(some);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        group[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!is_valid(size, 3, SALT));
        group[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK(is_valid(size, 3, SALT));
}

static void a_gap_is_valid_whatever_lies_behind_its_head(void)
{
    struct group_head head = {.segment = 3, .sequence = 9, .next = 12, .size = 1000, .flags = GROUP_GAP};
    group_write_gap(group, &head, SALT);
    memset(&head, 0, sizeof head);
    CHECK(group_read((struct bytes){group, GROUP_HEAD_SIZE}, 3, SALT, &head));
    CHECK(head.next == 12 && head.sequence == 9 && head.size == 1000 && head.flags == GROUP_GAP);
    CHECK_EQUAL(head.unsynced, 0);
    for (size_t bit = 0; bit < 8 * GROUP_HEAD_SIZE; bit++) {
        group[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!is_valid(GROUP_HEAD_SIZE, 3, SALT));
        group[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void bytes_of_a_group_take_a_multiple_of_8(void)
{
    CHECK_EQUAL(group_bytes(0), 40);
    CHECK_EQUAL(group_bytes(1), 48);
    CHECK_EQUAL(group_bytes(8), 48);
    CHECK_EQUAL(group_bytes(9), 56);
    CHECK_EQUAL(group_bytes(UINT32_MAX), (1LL << 32) + 40);
}

static void the_format_of_a_group_stays_as_it_is(void)
{
    static const uint8_t expected[] = {
        0xcd, 0x44, 0x44, 0x44, 0x0b, 0, 0xda, 0x72, 3, 0, 0, 0, 0, 0, 0, 0, 9,   0,   0,   0, 0, 0, 0, 0,
        3,    0,    0,    0,    0,    0, 0,    0,    2, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c', 0, 0, 0, 0, 0};
    struct group_head head = {.segment = 3, .sequence = 9, .unsynced = 2, .size = 3};
    memcpy(group + GROUP_HEAD_SIZE, "abc", 3);
    group_seal(group, &head, SALT);
    CHECK(memcmp(group, expected, sizeof expected) == 0);
}

static void a_group_is_found_by_its_mark(void)
{
    static uint8_t bytes[512];
    memset(bytes, 0, sizeof bytes);
    CHECK_EQUAL(group_find((struct bytes){bytes, sizeof bytes}, SALT), sizeof bytes);
    memcpy(bytes + 160, group, sealed(some));
    CHECK_EQUAL(group_find((struct bytes){bytes, sizeof bytes}, SALT), 160);
    CHECK_EQUAL(group_find((struct bytes){bytes + 4, sizeof bytes - 4}, SALT), sizeof bytes - 4);
    CHECK_EQUAL(group_find((struct bytes){bytes, 163}, SALT), 163);
    CHECK_EQUAL(group_find((struct bytes){bytes, 164}, SALT), 160);
    CHECK_EQUAL(group_find((struct bytes){bytes, sizeof bytes}, 0), sizeof bytes);
}

static void a_mark_is_never_zero(void)
{
    static const uint8_t zeros[64];
    CHECK_EQUAL(group_find((struct bytes){zeros, sizeof zeros}, 0), sizeof zeros);
    CHECK_EQUAL(group_find((struct bytes){zeros, sizeof zeros}, 0x100000001), sizeof zeros);
}

/* ---- heads of segments ---- */

static const struct segment_head some_head = {
    .version = SEGMENT_VERSION, .segment = 3, .salt = 0x8877665544332211, .sequence = 5, .flags = 1};

static void a_head_is_read_as_it_was_written(void)
{
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    struct segment_head head;
    segment_write_head(&some_head, bytes);
    CHECK_EQUAL(segment_read_head(bytes, &head), SEGMENT_OK);
    CHECK(head.version == 1 && head.segment == 3 && head.salt == some_head.salt && head.sequence == 5 &&
          head.flags == 1);
    CHECK(memcmp(bytes, "MQSEGMNT", 8) == 0 && bytes[8] == 1 && bytes[16] == 3 && bytes[24] == 0x11);
}

static void any_bit_of_a_head_that_is_another_is_noticed(void)
{
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    struct segment_head head;
    segment_write_head(&some_head, bytes);
    for (size_t bit = 0; bit < 8 * SEGMENT_HEAD_SIZE; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_EQUAL(segment_read_head(bytes, &head), bit < 64 ? SEGMENT_NOT_ONE : SEGMENT_DAMAGED);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_newer_version_is_told_from_a_damaged_one(void)
{
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    struct segment_head head = some_head;
    head.version = SEGMENT_VERSION + 1;
    segment_write_head(&head, bytes);
    CHECK_EQUAL(segment_read_head(bytes, &head), SEGMENT_NEWER);
    CHECK_EQUAL(head.version, SEGMENT_VERSION + 1);
    head.version = 0;
    segment_write_head(&head, bytes);
    CHECK_EQUAL(segment_read_head(bytes, &head), SEGMENT_DAMAGED);
}

static void zeros_are_no_head_and_no_group(void)
{
    static const uint8_t zeros[SEGMENT_HEAD_SIZE];
    struct segment_head head;
    struct group_head group_head;
    CHECK_EQUAL(segment_read_head(zeros, &head), SEGMENT_NOT_ONE);
    CHECK(!group_read((struct bytes){zeros, sizeof zeros}, 0, 0, &group_head));
}

static void a_name_tells_the_segment_and_back(void)
{
    char name[DISK_NAME_MAX];
    segment_name(42, name);
    CHECK(strcmp(name, "0000000000000042.segment") == 0);
    CHECK_EQUAL(segment_of_name(name), 42);
    segment_name(UINT64_MAX, name);
    CHECK(segment_of_name(name) == UINT64_MAX);
}

static void other_names_are_no_segments(void)
{
    static const char *const names[] = {"",
                                        "lock",
                                        "42.segment",
                                        "0000000000000042",
                                        "0000000000000042.segments",
                                        "0000000000000042.segment.damaged",
                                        "0000000000000000.segment",
                                        "00000000000000042.segment",
                                        "000000000000004x.segment",
                                        "-000000000000042.segment",
                                        "99999999999999999999.segment",
                                        "018446744073709551615.segment"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK_EQUAL(segment_of_name(names[i]), 0);
}

static const struct unit_test tests[] = {
    UNIT(a_group_is_read_as_it_was_sealed),
    UNIT(a_group_without_facts_is_one),
    UNIT(a_group_of_another_segment_or_directory_is_none),
    UNIT(a_group_that_is_cut_short_is_none),
    UNIT(any_bit_that_is_another_makes_a_group_invalid),
    UNIT(a_gap_is_valid_whatever_lies_behind_its_head),
    UNIT(bytes_of_a_group_take_a_multiple_of_8),
    UNIT(a_group_is_found_by_its_mark),
    UNIT(a_mark_is_never_zero),
    UNIT(the_format_of_a_group_stays_as_it_is),
    UNIT(a_head_is_read_as_it_was_written),
    UNIT(any_bit_of_a_head_that_is_another_is_noticed),
    UNIT(a_newer_version_is_told_from_a_damaged_one),
    UNIT(zeros_are_no_head_and_no_group),
    UNIT(a_name_tells_the_segment_and_back),
    UNIT(other_names_are_no_segments),
};

int main(void)
{
    return unit_run("segment", tests, sizeof tests / sizeof *tests);
}
