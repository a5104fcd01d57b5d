/* unit_disk.c - the real disk behind disk.h: a directory of this machine. */
#include "disk.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct bench {
    char parent[64], path[80];
    struct disk disk;
};

static struct bench bench_new(void)
{
    struct bench b = {.parent = "/tmp/unit_disk_XXXXXX"};
    CHECK(mkdtemp(b.parent) != NULL);
    snprintf(b.path, sizeof b.path, "%s/data", b.parent);
    CHECK_EQUAL(disk_open(b.path, &b.disk), 0);
    return b;
}

static void note_name(void *context, const char *name, uint64_t size)
{
    (void)size;
    strcpy(context, name);
}

/* A name in the directory; "": there is none. */
static void any_name(struct bench *b, char ret_name[256])
{
    ret_name[0] = '\0';
    CHECK_EQUAL(b->disk.calls->list(b->disk.context, note_name, ret_name), 0);
}

static void bench_free(struct bench *b)
{
    char name[256];
    while (any_name(b, name), name[0])
        CHECK_EQUAL(b->disk.calls->remove(b->disk.context, name), 0);
    disk_close(&b->disk);
    CHECK_EQUAL(rmdir(b->path), 0);
    CHECK_EQUAL(rmdir(b->parent), 0);
}

static int open_file(struct bench *b, const char *name, int make)
{
    return b->disk.calls->open(b->disk.context, name, make);
}

static void close_file(struct bench *b, int handle)
{
    CHECK_EQUAL(b->disk.calls->close(b->disk.context, handle), 0);
}

/* A file of these bytes. */
static void make_file(struct bench *b, const char *name, const char *bytes)
{
    int handle = open_file(b, name, true);
    CHECK(handle >= 0);
    CHECK_EQUAL(b->disk.calls->write(b->disk.context, handle, 0, bytes, strlen(bytes)), 0);
    b->disk.calls->flush(b->disk.context, handle, 0, strlen(bytes));
    CHECK_EQUAL(b->disk.calls->sync(b->disk.context, handle), 0);
    close_file(b, handle);
}

static void check_file(struct bench *b, const char *name, const char *expected)
{
    char bytes[100];
    int handle = open_file(b, name, false);
    CHECK(handle >= 0);
    int64_t size = b->disk.calls->read(b->disk.context, handle, 0, bytes, sizeof bytes);
    CHECK_EQUAL(size, strlen(expected));
    CHECK(memcmp(bytes, expected, (size_t)size) == 0);
    close_file(b, handle);
}

/* ---- the directory ---- */

static void a_directory_is_made_and_is_for_its_owner_alone(void)
{
    struct bench b = bench_new();
    struct stat stat_of_it;
    CHECK_EQUAL(stat(b.path, &stat_of_it), 0);
    CHECK_EQUAL(stat_of_it.st_mode & 0777, 0700);
    make_file(&b, "a", "x");
    struct disk again;
    CHECK_EQUAL(disk_open(b.path, &again), 0); /* one that is there is taken */
    disk_close(&again);
    check_file(&b, "a", "x");
    bench_free(&b);
}

static void what_is_no_directory_is_not_opened(void)
{
    struct bench b = bench_new();
    struct disk other;
    char path[100];
    make_file(&b, "file", "x");
    snprintf(path, sizeof path, "%s/file", b.path);
    CHECK_EQUAL(disk_open(path, &other), -ENOTDIR);
    snprintf(path, sizeof path, "%s/none/data", b.path);
    CHECK_EQUAL(disk_open(path, &other), -ENOENT);
    CHECK_EQUAL(disk_open("", &other), -ENOENT);
    bench_free(&b);
}

static void one_process_has_the_directory(void)
{
    struct bench b = bench_new();
    struct disk other;
    CHECK_EQUAL(disk_open(b.path, &other), 0);
    CHECK_EQUAL(disk_lock(&other), 0);
    CHECK_EQUAL(disk_lock(&b.disk), -EWOULDBLOCK);
    disk_close(&other);
    CHECK_EQUAL(disk_lock(&b.disk), 0);
    bench_free(&b);
}

static void a_directory_that_is_only_looked_at_stays_as_it_is(void)
{
    struct bench b = bench_new();
    struct disk look;
    char name[256];
    CHECK_EQUAL(disk_look("/tmp/unit_disk_none", &look), -ENOENT);
    CHECK_EQUAL(disk_look(b.path, &look), 0);
    CHECK_EQUAL(disk_lock(&look), 0); /* nobody's */
    CHECK_EQUAL(look.calls->open(look.context, "new", true), -EROFS);
    any_name(&b, name);
    CHECK(name[0] == '\0');
    disk_close(&look);
    CHECK_EQUAL(disk_lock(&b.disk), 0);
    CHECK_EQUAL(disk_look(b.path, &look), 0);
    CHECK_EQUAL(disk_lock(&look), -EWOULDBLOCK);
    int handle = look.calls->open(look.context, "lock", false);
    CHECK(handle >= 0);
    CHECK(look.calls->write(look.context, handle, 0, "x", 1) < 0);
    CHECK_EQUAL(look.calls->close(look.context, handle), 0);
    disk_close(&look);
    bench_free(&b);
}

static void a_lock_that_is_no_file_is_said_so(void)
{
    struct bench b = bench_new();
    char path[100];
    snprintf(path, sizeof path, "%s/lock", b.path);
    CHECK_EQUAL(mkdir(path, 0700), 0);
    CHECK_EQUAL(disk_lock(&b.disk), -EISDIR);
    CHECK_EQUAL(rmdir(path), 0);
    bench_free(&b);
}

static void only_regular_files_are_listed(void)
{
    struct bench b = bench_new();
    char path[100], name[256];
    snprintf(path, sizeof path, "%s/directory", b.path);
    CHECK_EQUAL(mkdir(path, 0700), 0);
    any_name(&b, name);
    CHECK(strcmp(name, "") == 0);
    make_file(&b, "7.spare", "seven");
    any_name(&b, name);
    CHECK(strcmp(name, "7.spare") == 0);
    CHECK_EQUAL(rmdir(path), 0);
    bench_free(&b);
}

/* ---- files ---- */

static void a_file_has_what_was_written_wherever(void)
{
    struct bench b = bench_new();
    char bytes[10];
    make_file(&b, "a", "abcdef");
    int handle = open_file(&b, "a", false);
    CHECK_EQUAL(b.disk.calls->write(b.disk.context, handle, 3, "XYZW", 4), 0);
    CHECK_EQUAL(b.disk.calls->read(b.disk.context, handle, 2, bytes, 3), 3);
    CHECK(memcmp(bytes, "cXY", 3) == 0);
    CHECK_EQUAL(b.disk.calls->read(b.disk.context, handle, 5, bytes, 10), 2); /* the end */
    CHECK_EQUAL(b.disk.calls->read(b.disk.context, handle, 50, bytes, 10), 0);
    CHECK_EQUAL(b.disk.calls->cut(b.disk.context, handle, 2), 0);
    CHECK_EQUAL(b.disk.calls->sync(b.disk.context, handle), 0);
    close_file(&b, handle);
    check_file(&b, "a", "ab");
    make_file(&b, "a", "new");
    check_file(&b, "a", "new");
    bench_free(&b);
}

static void names_can_be_given_and_taken(void)
{
    struct bench b = bench_new();
    make_file(&b, "a", "1");
    make_file(&b, "b", "2");
    CHECK_EQUAL(b.disk.calls->rename(b.disk.context, "a", "b"), 0);
    CHECK_EQUAL(b.disk.calls->sync_names(b.disk.context), 0);
    check_file(&b, "b", "1");
    CHECK_EQUAL(open_file(&b, "a", false), -ENOENT);
    CHECK_EQUAL(b.disk.calls->rename(b.disk.context, "a", "c"), -ENOENT);
    CHECK_EQUAL(b.disk.calls->remove(b.disk.context, "a"), -ENOENT);
    bench_free(&b);
}

static void what_fails_says_why(void)
{
    struct bench b = bench_new();
    make_file(&b, "a", "1");
    int handle = open_file(&b, "a", false), closed = handle + 1;
    char byte;
    CHECK_EQUAL(b.disk.calls->read(b.disk.context, closed, 0, &byte, 1), -EBADF);
    CHECK_EQUAL(b.disk.calls->write(b.disk.context, closed, 0, "x", 1), -EBADF);
    CHECK_EQUAL(b.disk.calls->sync(b.disk.context, closed), -EBADF);
    CHECK_EQUAL(b.disk.calls->cut(b.disk.context, closed, 0), -EBADF);
    CHECK_EQUAL(b.disk.calls->close(b.disk.context, closed), -EBADF);
    close_file(&b, handle);
    bench_free(&b);
}

/* A link could lead anywhere. */
static void links_are_not_followed(void)
{
    struct bench b = bench_new();
    char path[100];
    snprintf(path, sizeof path, "%s/link", b.path);
    CHECK_EQUAL(symlink("/dev/null", path), 0);
    CHECK_EQUAL(open_file(&b, "link", false), -ELOOP);
    CHECK_EQUAL(open_file(&b, "link", true), -ELOOP);
    CHECK_EQUAL(unlink(path), 0);
    bench_free(&b);
}

static void a_limit_on_files_is_an_error_that_can_be_read(void)
{
    struct bench b = bench_new();
    struct rlimit old, low;
    signal(SIGXFSZ, SIG_IGN); /* as it is blocked in the journal's threads */
    CHECK_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = (struct rlimit){.rlim_cur = 4096, .rlim_max = old.rlim_max};
    int handle = open_file(&b, "a", true);
    setrlimit(RLIMIT_FSIZE, &low);
    char *bytes = calloc(1, 8192);
    int error = b.disk.calls->write(b.disk.context, handle, 0, bytes, 8192);
    setrlimit(RLIMIT_FSIZE, &old);
    free(bytes);
    CHECK_EQUAL(error, -EFBIG);
    close_file(&b, handle);
    bench_free(&b);
}

static const struct unit_test tests[] = {
    UNIT(a_directory_is_made_and_is_for_its_owner_alone),
    UNIT(what_is_no_directory_is_not_opened),
    UNIT(one_process_has_the_directory),
    UNIT(a_directory_that_is_only_looked_at_stays_as_it_is),
    UNIT(a_lock_that_is_no_file_is_said_so),
    UNIT(only_regular_files_are_listed),
    UNIT(a_file_has_what_was_written_wherever),
    UNIT(names_can_be_given_and_taken),
    UNIT(what_fails_says_why),
    UNIT(links_are_not_followed),
    UNIT(a_limit_on_files_is_an_error_that_can_be_read),
};

int main(void)
{
    return unit_run("disk", tests, sizeof tests / sizeof *tests);
}
