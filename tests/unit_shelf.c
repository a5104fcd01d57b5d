/* unit_shelf.c - the real shelf, a file: what is put comes back, space is given back, and failures are told.
 */
#include "shelf.h"
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 64 << 10, PAGE = 4096 };

static char directory[] = "/var/tmp/mq_shelf_XXXXXX", path[64];
static struct shelf shelf;
static uint8_t data[SIZE], seen[SIZE];

static void begin(struct shelf_options options)
{
    CHECK_EQUAL(shelf_open(directory, &options, &shelf), 0);
}

static void end(void)
{
    shelf_close(&shelf);
    CHECK(!shelf.context);
}

/* The same bytes for the same number. */
static void make(uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(number * 31 + i / 7);
}

static uint64_t put(uint64_t number, size_t size)
{
    uint64_t place = UINT64_MAX;
    make(number, size);
    CHECK_EQUAL(shelf.calls->put(shelf.context, data, size, &place), 0);
    return place;
}

static void get(uint64_t number, uint64_t place, size_t size)
{
    make(number, size);
    memset(seen, 0, sizeof seen);
    CHECK_EQUAL(shelf.calls->get(shelf.context, place, seen, size), 0);
    CHECK(memcmp(seen, data, size) == 0);
}

static void forget(uint64_t place, size_t size)
{
    shelf.calls->forget(shelf.context, place, size);
}

static struct stat file(void)
{
    struct stat file;
    CHECK_EQUAL(stat(path, &file), 0);
    return file;
}

static uint64_t used(void)
{
    return (uint64_t)file().st_blocks * 512;
}

/* ---- */

static void what_is_put_comes_back_as_often_as_it_is_wanted(void)
{
    const size_t sizes[] = {1, 100, PAGE, PAGE + 1, SIZE - 1, SIZE};
    uint64_t places[60];
    begin((struct shelf_options){.region_size = 0});
    for (size_t i = 0; i < 60; i++)
        places[i] = put(i, sizes[i % 6]);
    for (size_t i = 60; i-- > 0;) {
        shelf.calls->soon(shelf.context, places[i], sizes[i % 6]);
        get(i, places[i], sizes[i % 6]);
        get(i, places[i], sizes[i % 6]);
        forget(places[i], sizes[i % 6]);
    }
    end();
}

static void places_ascend(void)
{
    uint64_t last = 0;
    begin((struct shelf_options){.region_size = 0});
    CHECK_EQUAL(put(0, SIZE), 0);
    for (size_t i = 1; i < 100; i++) {
        uint64_t place = put(i, SIZE - i);
        CHECK_EQUAL(place, last + SIZE);
        last = place;
    }
    end();
}

static void a_file_that_was_there_is_emptied_and_nobody_else_may_read_it(void)
{
    begin((struct shelf_options){.region_size = 0});
    put(1, SIZE);
    struct shelf first = shelf;
    CHECK_EQUAL(file().st_size, SIZE);
    CHECK_EQUAL(file().st_mode & 0777, 0600);
    begin((struct shelf_options){.region_size = 0});
    CHECK_EQUAL(file().st_size, 0);
    end();
    shelf_close(&first);
}

static void without_a_name_nothing_is_seen_of_it(void)
{
    unlink(path);
    begin((struct shelf_options){.without_name = true});
    put(1, SIZE);
    CHECK(access(path, F_OK) != 0);
    end();
}

static void what_is_forgotten_takes_no_space(void)
{
    uint64_t places[512];
    begin((struct shelf_options){.region_size = 0});
    CHECK(shelf_stat(&shelf).has_holes);
    for (size_t i = 0; i < 512; i++)
        places[i] = put(i, SIZE);
    CHECK(used() >= 512 * SIZE);
    for (size_t i = 0; i < 256; i++) /* in the order of places, and against it */
        forget(places[i], SIZE);
    CHECK(used() <= 257 * SIZE);
    for (size_t i = 511; i >= 384; i--)
        forget(places[i], SIZE);
    CHECK(used() <= 129 * SIZE);
    for (size_t i = 256; i < 384; i += 2) /* and with gaps: all but the last */
        forget(places[i], SIZE);
    CHECK(used() <= 67 * SIZE);
    CHECK_EQUAL(shelf_stat(&shelf).live, 64 * SIZE);
    for (size_t i = 257; i < 384; i += 2)
        get(i, places[i], SIZE);
    end();
}

static void an_empty_file_begins_anew(void)
{
    const bool without[] = {false, true};
    for (size_t i = 0; i < 2; i++) {
        begin((struct shelf_options){.without_holes = without[i]});
        CHECK_EQUAL(shelf_stat(&shelf).has_holes, !without[i]);
        for (int round = 0; round < 3; round++) {
            uint64_t first = put(1, SIZE), second = put(2, 10);
            CHECK_EQUAL(first, 0);
            forget(first, SIZE);
            get(2, second, 10);
            forget(second, 10);
            CHECK_EQUAL(file().st_size, 0);
        }
        end();
    }
}

/* A file of 16 regions of four places: there is always one to begin, as long as few things stay. */
static void regions_are_used_again_when_nothing_lies_there_any_more(void)
{
    const bool without[] = {false, true};
    for (size_t k = 0; k < 2; k++) {
        uint64_t places[1000], stays;
        begin((struct shelf_options){.region_size = 4 * SIZE, .without_holes = without[k]});
        stays = put(7777, SIZE);
        for (size_t i = 0; i < 1000; i++) {
            places[i] = put(i, SIZE);
            if (i >= 20) {
                get(i - 20, places[i - 20], SIZE);
                forget(places[i - 20], SIZE);
            }
        }
        for (size_t i = 980; i < 1000; i++)
            get(i, places[i], SIZE);
        get(7777, stays, SIZE);
        CHECK(file().st_size <= 16 * 4 * SIZE);
        CHECK_EQUAL(shelf_stat(&shelf).live, 21 * SIZE);
        end();
    }
}

static void a_full_file_takes_nothing_more_until_a_region_is_empty(void)
{
    uint64_t place, places[64];
    begin((struct shelf_options){.region_size = 4 * SIZE});
    for (size_t i = 0; i < 64; i++)
        places[i] = put(i, SIZE);
    CHECK_EQUAL(shelf.calls->put(shelf.context, data, 1, &place), -ENOSPC);
    CHECK_EQUAL(shelf_stat(&shelf).error, -ENOSPC);
    for (size_t i = 20; i < 23; i++)
        forget(places[i], SIZE);
    CHECK_EQUAL(shelf.calls->put(shelf.context, data, 1, &place), -ENOSPC);
    forget(places[23], SIZE);
    CHECK_EQUAL(put(99, SIZE), 20 * SIZE);
    CHECK_EQUAL(shelf_stat(&shelf).error, 0);
    for (size_t i = 24; i < 64; i++)
        get(i, places[i], SIZE);
    get(99, 20 * SIZE, SIZE);
    end();
}

static void what_is_larger_than_a_region_is_refused(void)
{
    uint64_t place;
    begin((struct shelf_options){.region_size = SIZE / 2});
    CHECK_EQUAL(shelf.calls->put(shelf.context, data, SIZE, &place), -ENOSPC);
    put(1, SIZE / 2);
    end();
}

static void a_write_that_fails_is_told_and_what_lies_there_stays(void)
{
    struct rlimit old, tight = {10 * SIZE + SIZE / 2, RLIM_INFINITY};
    uint64_t places[10], place;
    begin((struct shelf_options){.region_size = 0});
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tight.rlim_max = old.rlim_max;
    CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &tight), 0);
    for (size_t i = 0; i < 10; i++)
        places[i] = put(i, SIZE);
    CHECK_EQUAL(shelf.calls->put(shelf.context, data, SIZE, &place), -EFBIG); /* half of it was written */
    CHECK_EQUAL(shelf_stat(&shelf).error, -EFBIG);
    CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    CHECK_EQUAL(put(10, SIZE), 10 * SIZE);
    for (size_t i = 0; i < 10; i++)
        get(i, places[i], SIZE);
    get(10, 10 * SIZE, SIZE);
    end();
}

static void what_the_file_does_not_have_cannot_be_got(void)
{
    begin((struct shelf_options){.region_size = 0});
    uint64_t first = put(1, SIZE), second = put(2, SIZE);
    CHECK_EQUAL(truncate(path, SIZE + SIZE / 2), 0);
    get(1, first, SIZE);
    CHECK_EQUAL(shelf.calls->get(shelf.context, second, seen, SIZE), -EIO);
    end();
}

static void a_directory_that_is_not_there_has_no_shelf(void)
{
    struct shelf_options options = {.region_size = 0};
    char deep[PATH_MAX + 10];
    memset(deep, 'x', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    CHECK_EQUAL(shelf_open("/var/tmp/mq_shelf_none", &options, &shelf), -ENOENT);
    CHECK_EQUAL(shelf_open(deep, &options, &shelf), -ENAMETOOLONG);
    struct shelf none = {NULL, NULL};
    shelf_close(&none);
}

static const struct unit_test tests[] = {
    UNIT(what_is_put_comes_back_as_often_as_it_is_wanted),
    UNIT(places_ascend),
    UNIT(a_file_that_was_there_is_emptied_and_nobody_else_may_read_it),
    UNIT(without_a_name_nothing_is_seen_of_it),
    UNIT(what_is_forgotten_takes_no_space),
    UNIT(an_empty_file_begins_anew),
    UNIT(regions_are_used_again_when_nothing_lies_there_any_more),
    UNIT(a_full_file_takes_nothing_more_until_a_region_is_empty),
    UNIT(what_is_larger_than_a_region_is_refused),
    UNIT(a_write_that_fails_is_told_and_what_lies_there_stays),
    UNIT(what_the_file_does_not_have_cannot_be_got),
    UNIT(a_directory_that_is_not_there_has_no_shelf),
};

int main(void)
{
    if (!mkdtemp(directory))
        return 1;
    snprintf(path, sizeof path, "%s/shelf", directory);
    int result = unit_run("shelf", tests, sizeof tests / sizeof *tests);
    unlink(path);
    rmdir(directory);
    return result;
}
