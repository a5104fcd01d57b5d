/* unit_recover_salvage_trouble.c - a salvage on a disk that fails, without memory, and of logs with any harm.
 */
#include "failing_malloc.h"
#include "logs.h"

/* ---- trouble ---- */

static int64_t (*read_really)(void *, int, uint64_t, void *, size_t);

/* A page of the second segment is unreadable, whoever reads it. */
static int64_t read_badly(void *context, int handle, uint64_t offset, void *data, size_t size)
{
    static const uint64_t bad = 8192;
    int64_t count = read_really(context, handle, offset, data, size);
    bool is_it = count > 0 && offset < bad + 100 && bad < offset + (uint64_t)count && *(uint8_t *)data != 1;
    return is_it ? -EIO : count;
}

static void what_the_disk_cannot_read_is_passed_over(void)
{
    logs_begin();
    log_segment(3);
    log_group(4096 - GROUP_HEAD_SIZE);
    log_group(2048 - GROUP_HEAD_SIZE);
    log_group(SIZE);
    CHECK_EQUAL(recover_now(), RECOVER_OK);
    struct disk_calls calls = *disk.calls;
    const struct disk_calls *good = disk.calls;
    read_really = calls.read;
    calls.read = read_badly;
    disk.calls = &calls;
    CHECK_EQUAL(recover_now(), RECOVER_FAILED);
    CHECK(strstr(found.text, "0000000000000003.segment: cannot be read: Input/output error") != NULL);
    CHECK_EQUAL(recover_as(true, true), RECOVER_OK);
    CHECK(has_seen("1") && seen.events == 1 && event_was("3 8192 4096 the disk cannot read this"));
    disk.calls = good;
    logs_end();
}

/* Any call fails; after that another attempt does all of it. */
static void a_salvage_that_fails_can_be_done_again(void)
{
    for (uint64_t nth = 1;; nth++) {
        logs_begin();
        eight_groups();
        fake_disk_flip(fake, name_of(3), 9, 1);
        fake_disk_flip(fake, name_of(4), place_of(1) + 60, 4);
        log_segment(6);
        log_group(SIZE);
        fake_disk_remove(fake, name_of(5));
        fake_disk_fail(fake, FAKE_ANY & ~FAKE_CLOSE, nth, EACCES, false);
        enum recover_result result = recover_as(true, false);
        bool failed = fake_disk_failures(fake) > 0;
        CHECK(result == RECOVER_OK || (failed && result == RECOVER_FAILED));
        CHECK_EQUAL(fake_disk_handles(fake), 0);
        fake_disk_crash(fake, &(struct fake_crash){.names = nth % 2, .bytes = FAKE_CHANCE, .seed = nth});
        CHECK_EQUAL(recover_as(true, false), RECOVER_OK);
        CHECK(has_seen("1 2 3 5 6 9"));
        CHECK_EQUAL(recover_now(), RECOVER_OK);
        logs_end();
        if (!failed) {
            CHECK(nth > 30);
            return;
        }
    }
}

static void without_memory_nothing_is_changed_for_the_worse(void)
{
    for (uint64_t nth = 1;; nth++) {
        logs_begin();
        eight_groups();
        fake_disk_flip(fake, name_of(4), place_of(1) + 60, 4);
        fake_disk_remove(fake, name_of(3));
        log_segment(7);
        log_group(SIZE);
        struct recover_options options = {.salvage = true};
        malloc_failures = 0;
        malloc_fails_at = malloc_calls + nth;
        enum recover_result result = recover(&disk, &options, &found);
        malloc_fails_at = 0;
        bool failed = malloc_failures > 0;
        CHECK_EQUAL(result, failed ? RECOVER_FAILED : RECOVER_OK);
        CHECK_EQUAL(recover_as(true, false), RECOVER_OK);
        CHECK(has_seen("3 5 6 7 8 9"));
        logs_end();
        if (!failed)
            return;
    }
}

/* ---- whatever happens ---- */

static uint64_t dice;

static uint64_t roll(uint64_t sides)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (dice >> 33) % sides;
}

static void harm(void)
{
    uint64_t segment = 3 + roll(3), kind = roll(8), size;
    char other[DISK_NAME_MAX];
    if (!fake_disk_bytes(fake, name_of(segment), &size))
        return;
    uint64_t offset = roll(2) ? roll(size ? size : 1) : roll(4096 + 4 * GROUP) % (size ? size : 1);
    segment_name(3 + roll(4), other);
    if (kind < 4 && size > 0)
        fake_disk_flip(fake, name_of(segment), offset, (unsigned)(1 + roll(255)));
    else if (kind == 4)
        fake_disk_cut(fake, name_of(segment), offset);
    else if (kind == 5 && roll(2))
        fake_disk_remove(fake, name_of(segment));
    else if (kind == 6 && roll(2) && strcmp(other, name_of(segment)) != 0)
        fake_disk_rename(fake, name_of(segment), other);
    else if (kind == 7)
        for (uint64_t i = offset; i < size && i < offset + 700; i++)
            fake_disk_flip(fake, name_of(segment), i, (unsigned)roll(256));
}

static void after_salvage_any_log_is_whole(void)
{
    unsigned salvaged = 0;
    dice = 1;
    for (int i = 0; i < 1000; i++) {
        uint64_t kept[LOG_GROUPS_MAX], count;
        logs_begin();
        eight_groups();
        for (uint64_t n = 1 + roll(4); n > 0; n--)
            harm();
        enum recover_result result = recover_as(true, false);
        CHECK(result == RECOVER_OK || (result == RECOVER_DAMAGED && strstr(found.text, "no other segment")));
        if (result == RECOVER_OK) {
            count = seen.count;
            memcpy(kept, seen.sequences, sizeof kept);
            CHECK_EQUAL(recover_now(), RECOVER_OK);
            CHECK(seen.count == count && memcmp(kept, seen.sequences, count * sizeof *kept) == 0);
        }
        salvaged += result == RECOVER_OK;
        logs_end();
    }
    CHECK(salvaged > 900);
}

static const struct unit_test tests[] = {
    UNIT(what_the_disk_cannot_read_is_passed_over),
    UNIT(a_salvage_that_fails_can_be_done_again),
    UNIT(without_memory_nothing_is_changed_for_the_worse),
    UNIT(after_salvage_any_log_is_whole),
};

int main(void)
{
    return unit_run("recover: salvage, in trouble", tests, sizeof tests / sizeof *tests);
}
