/* unit_stranger.c - files that have the names of mq-broker's own, in a directory that is not its own. */
#include "fake_disk.h"
#include "journal.h"
#include "stranger.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 8192 };

static char found[DISK_NAME_MAX];

static int find(struct fake_disk *fake)
{
    struct disk disk = fake_disk_calls(fake);
    int error = stranger_find(&disk, found);
    CHECK_EQUAL(fake_disk_count(fake, FAKE_WRITE | FAKE_CUT | FAKE_RENAME | FAKE_REMOVE), 0);
    CHECK_EQUAL(fake_disk_handles(fake), 0);
    return error;
}

static void find_none(struct fake_disk *fake)
{
    CHECK_EQUAL(find(fake), 0);
    CHECK(strcmp(found, "") == 0);
    fake_disk_free(fake);
}

static struct fake_disk *disk_with(const char *name, const void *bytes, uint64_t size)
{
    struct fake_disk *fake = fake_disk_new();
    fake_disk_put(fake, name, bytes, size);
    return fake;
}

static void an_empty_directory_and_one_that_was_left_early_have_no_stranger(void)
{
    static const uint8_t zeros[SIZE];
    uint8_t head[SIZE] = {0};
    segment_write_head(&(struct segment_head){.version = 1, .segment = 1, .salt = 7, .sequence = 1}, head);
    find_none(fake_disk_new());
    find_none(disk_with("notes", "precious", 8));
    find_none(disk_with("lock", "", 0));
    find_none(disk_with("shelf", "", 0));
    find_none(disk_with("1.spare", zeros, SIZE));
    find_none(disk_with("64.spare", zeros, 100));
    find_none(disk_with("2.spare", head, SIZE)); /* about to become a segment */
}

static void what_has_such_a_name_and_something_else_in_it_is_one(void)
{
    static const char *const names[] = {"lock", "shelf", "1.spare", "64.spare", "65.spare"};
    uint8_t bytes[SIZE] = "precious";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct fake_disk *fake = disk_with(names[i], bytes, i % 2 ? SIZE : 8);
        CHECK_EQUAL(find(fake), 0);
        CHECK(strcmp(found, names[i]) == 0);
        fake_disk_free(fake);
    }
}

static void beside_a_log_nothing_is_one(void)
{
    struct fake_disk *fake = disk_with("0000000000000005.segment", "anything", 8);
    fake_disk_put(fake, "shelf", "anything", 8);
    fake_disk_put(fake, "65.spare", "anything", 8);
    fake_disk_put(fake, "3.spare", "anything", 8);
    find_none(fake);
}

static void calls_that_fail_are_told(void)
{
    for (uint64_t i = 0; i < 3; i++) {
        static const unsigned calls[] = {FAKE_LIST, FAKE_OPEN, FAKE_READ};
        struct fake_disk *fake = disk_with("1.spare", "precious", 8);
        fake_disk_fail(fake, calls[i], 1, EIO, false);
        CHECK_EQUAL(find(fake), -EIO);
        fake_disk_free(fake);
    }
}

static const struct unit_test tests[] = {
    UNIT(an_empty_directory_and_one_that_was_left_early_have_no_stranger),
    UNIT(what_has_such_a_name_and_something_else_in_it_is_one),
    UNIT(beside_a_log_nothing_is_one),
    UNIT(calls_that_fail_are_told),
};

int main(void)
{
    return unit_run("stranger", tests, sizeof tests / sizeof *tests);
}
