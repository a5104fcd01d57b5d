/* unit_fake_disk.c - the disk that tests run on loses what it should, and nothing else. */
#include <errno.h>
#include <string.h>

#include "fake_disk.h"
#include "unit.h"

static struct fake_disk *f;
static struct disk disk;

static void begin(void)
{
    f = fake_disk_new();
    disk = fake_disk_calls(f);
}

static void finish(void)
{
    fake_disk_free(f);
}

static int make(const char *name)
{
    int handle = disk.calls->open(disk.context, name, 1);
    CHECK(handle >= 0);
    return handle;
}

static int fill(int handle, uint64_t offset, char with, size_t size)
{
    static char bytes[16384];
    memset(bytes, with, size);
    return disk.calls->write(disk.context, handle, offset, bytes, size);
}

static int sync_file(int handle)
{
    return disk.calls->sync(disk.context, handle);
}

static void sync_names(void)
{
    CHECK_EQUAL(disk.calls->sync_names(disk.context), 0);
}

static bool is_there(const char *name)
{
    uint64_t size;
    return fake_disk_bytes(f, name, &size) != NULL;
}

static uint64_t size_of(const char *name)
{
    uint64_t size = UINT64_MAX;
    CHECK(fake_disk_bytes(f, name, &size) != NULL);
    return size;
}

/* The bytes of a file, a run of equal ones after the other: "a4096 b10". */
static bool looks_like(const char *name, const char *runs)
{
    char text[256] = "";
    uint64_t size = 0, n = 0;
    const uint8_t *bytes = fake_disk_bytes(f, name, &size);
    for (uint64_t i = 0; bytes && i < size; i += n) {
        for (n = 1; i + n < size && bytes[i + n] == bytes[i]; n++)
            ;
        size_t end = strlen(text);
        snprintf(text + end, sizeof text - end, "%s%c%u", i ? " " : "", bytes[i] ? bytes[i] : '0',
                 (unsigned)n);
    }
    if (strcmp(text, runs) != 0)
        printf("\n    %s is %s, expected %s\n", name, text, runs);
    return strcmp(text, runs) == 0;
}

static void crash(struct fake_crash how)
{
    fake_disk_crash(f, &how);
}

/* A file of 4096 a's that are synced, with 6000 b's that are not over their end and beyond. */
static int half_synced(void)
{
    int handle = make("x");
    CHECK_EQUAL(fill(handle, 0, 'a', 4096), 0);
    CHECK_EQUAL(sync_file(handle), 0);
    sync_names();
    CHECK_EQUAL(fill(handle, 4000, 'b', 6000), 0);
    CHECK(looks_like("x", "a4000 b6000"));
    return handle;
}

static void what_is_written_is_read(void)
{
    char bytes[8];
    begin();
    int handle = make("x");
    CHECK_EQUAL(fill(handle, 3, 'a', 4), 0);
    CHECK_EQUAL(disk.calls->read(disk.context, handle, 1, bytes, sizeof bytes), 6);
    CHECK(memcmp(bytes, "\0\0aaaa", 6) == 0);
    CHECK_EQUAL(disk.calls->read(disk.context, handle, 7, bytes, sizeof bytes), 0);
    CHECK_EQUAL(disk.calls->close(disk.context, handle), 0);
    CHECK_EQUAL(disk.calls->open(disk.context, "y", 0), -ENOENT);
    CHECK_EQUAL(fake_disk_handles(f), 0);
    finish();
}

static void what_was_synced_stays(void)
{
    begin();
    half_synced();
    crash((struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    CHECK(looks_like("x", "a4096"));
    CHECK_EQUAL(fake_disk_handles(f), 0);
    finish();
}

static void what_was_not_synced_may_stay(void)
{
    begin();
    half_synced();
    crash((struct fake_crash){.names = FAKE_KEPT, .bytes = FAKE_KEPT});
    CHECK(looks_like("x", "a4000 b6000"));
    crash((struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    CHECK(looks_like("x", "a4000 b6000"));
    finish();
}

static void a_write_is_torn_where_one_likes(void)
{
    begin();
    half_synced();
    crash((struct fake_crash){.torn = "x", .torn_at = 7001});
    CHECK(looks_like("x", "a4000 b3001"));
    finish();
    begin();
    half_synced();
    crash((struct fake_crash){.torn = "x", .torn_at = 4003});
    CHECK(looks_like("x", "a4000 b3 a93"));
    finish();
}

static void pages_come_in_any_order(void)
{
    begin();
    half_synced();
    crash((struct fake_crash){.picked = "x", .picked_pages = 4});
    CHECK(looks_like("x", "a4096 04096 b1808"));
    finish();
    begin();
    half_synced();
    crash((struct fake_crash){.picked = "x", .picked_pages = 2});
    CHECK(looks_like("x", "a4096 b4096 01808"));
    finish();
}

static void chance_never_touches_what_was_synced(void)
{
    unsigned all = 0, none = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint64_t size;
        begin();
        half_synced();
        crash((struct fake_crash){.names = FAKE_CHANCE, .bytes = FAKE_CHANCE, .seed = seed});
        const uint8_t *bytes = fake_disk_bytes(f, "x", &size);
        CHECK(size == 4096 || size == 10000);
        for (uint64_t i = 0; i < size; i++)
            CHECK(i < 4000 ? bytes[i] == 'a' : bytes[i] == (i < 4096 ? 'a' : 0) || bytes[i] == 'b');
        all += size == 10000 && bytes[4000] == 'b' && bytes[9999] == 'b';
        none += size == 4096 && bytes[4095] == 'a';
        finish();
    }
    CHECK(all > 10 && none > 10);
}

static void names_that_were_not_synced_are_lost_or_kept(void)
{
    bool seen[2][2][2] = {{{false}}};
    for (uint64_t seed = 0; seed < 300; seed++) {
        begin();
        fake_disk_put(f, "x", "x", 1);
        fake_disk_put(f, "y", "y", 1);
        make("z");
        CHECK_EQUAL(disk.calls->rename(disk.context, "x", "w"), 0);
        CHECK_EQUAL(disk.calls->remove(disk.context, "y"), 0);
        CHECK(!is_there("x") && !is_there("y") && is_there("z") && is_there("w"));
        crash((struct fake_crash){.names = FAKE_CHANCE, .bytes = FAKE_CHANCE, .seed = seed});
        CHECK(is_there("x") != is_there("w"));
        CHECK(!is_there("z") || size_of("z") == 0);
        seen[is_there("x")][is_there("y")][is_there("z")] = true;
        finish();
    }
    for (int i = 0; i < 8; i++)
        CHECK(seen[i >> 2][i >> 1 & 1][i & 1]);
}

static void names_that_were_synced_stay(void)
{
    begin();
    make("z");
    CHECK_EQUAL(disk.calls->rename(disk.context, "z", "x"), 0);
    sync_names();
    crash((struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    CHECK(is_there("x") && !is_there("z"));
    CHECK_EQUAL(disk.calls->rename(disk.context, "z", "y"), -ENOENT);
    CHECK_EQUAL(disk.calls->remove(disk.context, "z"), -ENOENT);
    finish();
}

static void a_killed_process_loses_nothing_on_disk(void)
{
    begin();
    half_synced();
    fake_disk_kill(f);
    CHECK(looks_like("x", "a4000 b6000") && fake_disk_handles(f) == 0);
    crash((struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    CHECK(looks_like("x", "a4096"));
    finish();
}

static void what_a_failed_sync_left_out_is_clean_all_the_same(void)
{
    begin();
    int handle = half_synced();
    fake_disk_fail(f, FAKE_SYNC, 1, EIO, false);
    CHECK_EQUAL(sync_file(handle), -EIO);
    CHECK_EQUAL(sync_file(handle), 0);
    CHECK(looks_like("x", "a4000 b6000"));
    fake_disk_evict(f);
    CHECK(!looks_like("x", "a4000 b6000"));
    finish();
}

static void the_call_that_is_to_fail_fails(void)
{
    begin();
    int handle = make("x");
    fake_disk_fail(f, FAKE_WRITE | FAKE_SYNC, 2, EIO, false);
    CHECK_EQUAL(disk.calls->sync_names(disk.context), 0);
    CHECK_EQUAL(fill(handle, 0, 'a', 10), 0);
    CHECK_EQUAL(fill(handle, 10, 'b', 10), -EIO);
    CHECK(looks_like("x", "a10 b5"));
    CHECK_EQUAL(fill(handle, 10, 'b', 10), 0);
    fake_disk_fail(f, FAKE_ANY, 1, EACCES, true);
    CHECK_EQUAL(disk.calls->open(disk.context, "x", 0), -EACCES);
    CHECK_EQUAL(disk.calls->list(disk.context, NULL, NULL), -EACCES);
    CHECK_EQUAL(disk.calls->cut(disk.context, handle, 1), -EACCES);
    CHECK_EQUAL(disk.calls->close(disk.context, handle), -EACCES);
    CHECK_EQUAL(fake_disk_handles(f), 0);
    CHECK_EQUAL(fake_disk_failures(f), 5);
    finish();
}

static void a_full_disk_takes_what_fits(void)
{
    begin();
    fake_disk_limit(f, 4096);
    int handle = make("x");
    CHECK_EQUAL(fill(handle, 0, 'a', 3000), 0);
    CHECK_EQUAL(fill(handle, 3000, 'b', 3000), -ENOSPC);
    CHECK(looks_like("x", "a3000 b1096"));
    CHECK_EQUAL(fill(handle, 0, 'c', 4096), 0);
    CHECK_EQUAL(disk.calls->cut(disk.context, handle, 5000), -ENOSPC);
    CHECK_EQUAL(disk.calls->cut(disk.context, handle, 1000), 0);
    CHECK_EQUAL(fake_disk_used(f), 1024);
    CHECK_EQUAL(fill(handle, 2000, 'd', 1000), 0);
    CHECK(looks_like("x", "c1000 01000 d1000"));
    finish();
}

static void a_removed_file_takes_room_until_it_is_closed(void)
{
    begin();
    int handle = make("x");
    fill(handle, 0, 'a', 512);
    sync_names();
    CHECK_EQUAL(disk.calls->remove(disk.context, "x"), 0);
    CHECK_EQUAL(fake_disk_used(f), 512);
    CHECK_EQUAL(disk.calls->close(disk.context, handle), 0);
    sync_names();
    CHECK_EQUAL(fake_disk_used(f), 0);
    finish();
}

static void a_clone_goes_its_own_way(void)
{
    begin();
    half_synced();
    struct fake_disk *first = f;
    f = fake_disk_clone(first);
    CHECK(looks_like("x", "a4000 b6000") && fake_disk_handles(f) == 0);
    crash((struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    CHECK(looks_like("x", "a4096"));
    finish();
    f = first;
    CHECK(looks_like("x", "a4000 b6000"));
    finish();
}

static void one_may_meddle_with_files(void)
{
    begin();
    fake_disk_put(f, "x", "aaaa", 4);
    fake_disk_flip(f, "x", 1, 'a' ^ 'b');
    fake_disk_rename(f, "x", "y");
    fake_disk_cut(f, "y", 3);
    fake_disk_put(f, "z", "a", 1);
    fake_disk_remove(f, "z");
    crash((struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    CHECK(looks_like("y", "a1 b1 a1") && !is_there("x") && !is_there("z"));
    finish();
}

static const struct unit_test tests[] = {
    UNIT(what_is_written_is_read),
    UNIT(what_was_synced_stays),
    UNIT(what_was_not_synced_may_stay),
    UNIT(a_write_is_torn_where_one_likes),
    UNIT(pages_come_in_any_order),
    UNIT(chance_never_touches_what_was_synced),
    UNIT(names_that_were_not_synced_are_lost_or_kept),
    UNIT(names_that_were_synced_stay),
    UNIT(a_killed_process_loses_nothing_on_disk),
    UNIT(what_a_failed_sync_left_out_is_clean_all_the_same),
    UNIT(the_call_that_is_to_fail_fails),
    UNIT(a_full_disk_takes_what_fits),
    UNIT(a_removed_file_takes_room_until_it_is_closed),
    UNIT(a_clone_goes_its_own_way),
    UNIT(one_may_meddle_with_files),
};

int main(void)
{
    return unit_run("fake_disk", tests, sizeof tests / sizeof *tests);
}
