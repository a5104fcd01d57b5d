/* unit_inspect.c - --check and --salvage on real directories: what they say, how they end, what they change.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "failing_malloc.h"
#include "facts.h"
#include "inspect.h"
#include "segment.h"
#include "unit.h"

enum { FILE_SIZE = 65536 };
static const uint64_t SALT = 0x1122334455667788;

static char directory[32];
static char *said, *warned; /* by the last inspection */

/* The log that is being written. */
static struct facts facts;
static uint64_t segment, offset, sequence;

static void path_of(const char *name, char ret[256])
{
    snprintf(ret, 256, "%s/%s", directory, name);
}

static void put_bytes(const char *name, uint64_t at, const void *bytes, size_t size)
{
    char path[256];
    path_of(name, path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0);
    CHECK(pwrite(fd, bytes, size, (off_t)at) == (ssize_t)size);
    close(fd);
}

static void begin(void)
{
    strcpy(directory, "/tmp/mq-inspect-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    said = warned = NULL;
    segment = offset = 0;
    sequence = 1;
    facts_init(&facts, true);
}

static void end(void)
{
    char path[300];
    struct dirent *entry;
    DIR *dir = opendir(directory);
    while (dir && (entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        unlink(path);
    }
    closedir(dir);
    CHECK(rmdir(directory) == 0);
    free(said);
    free(warned);
    facts_done(&facts);
}

/* ---- a log ---- */

static void open_segment(uint64_t number, uint64_t first_needed)
{
    static uint8_t zeros[FILE_SIZE];
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    char name[DISK_NAME_MAX];
    struct segment_head head = {
        .version = SEGMENT_VERSION, .segment = number, .salt = SALT, .sequence = sequence};
    segment_name(number, name);
    segment_write_head(&head, bytes);
    put_bytes(name, 0, zeros, sizeof zeros);
    put_bytes(name, 0, bytes, sizeof bytes);
    segment = number;
    offset = SEGMENT_HEAD_SIZE;
    struct fact checkpoint = {
        .kind = FACT_CHECKPOINT, .first_id = 1, .next_session = 1, .next_queue = 1, .segment = first_needed};
    facts_add(&facts, &checkpoint);
}

/* What was gathered becomes a group. Where it is. */
static uint64_t write_group(void)
{
    char name[DISK_NAME_MAX];
    uint8_t *data;
    size_t size, capacity;
    uint64_t at = offset;
    CHECK(facts_reserve(&facts, 8));
    facts_take(&facts, NULL, 0, &data, &size, &capacity);
    struct group_head head = {
        .segment = segment, .sequence = sequence++, .size = (uint32_t)(size - GROUP_HEAD_SIZE)};
    group_seal(data, &head, SALT);
    segment_name(segment, name);
    put_bytes(name, offset, data, group_bytes(head.size));
    offset += group_bytes(head.size);
    free(data);
    return at;
}

static void add_queue(void)
{
    struct fact session = {.kind = FACT_SESSION, .cause.session = 1, .name = {"client", 6}, .next_number = 1};
    facts_add(&facts, &session);
    struct settings settings = {.given = MQ_SETTINGS_ALL, .kind = MQ_KIND_FIFO};
    struct fact queue = {
        .kind = FACT_QUEUE, .queue = 1, .name = {"q", 1}, .created = settings, .settings = settings};
    facts_add(&facts, &queue);
}

static void add_items(uint64_t queue, uint64_t first, uint64_t count)
{
    struct fact stored = {.kind = FACT_STORED,
                          .cause = {1, first},
                          .queue = queue,
                          .time_ms = 1,
                          .first_id = first,
                          .total = count};
    facts_begin(&facts, &stored);
    for (uint64_t i = 0; i < count; i++)
        facts_item(&facts, false, (struct bytes){"", 0}, (struct bytes){"body", 4});
    facts_end(&facts);
}

/* Segment 1 with two groups: a queue, and items 1 to 3; segment 2: items 4 and 5. Where the second group is.
 */
static uint64_t write_log(void)
{
    open_segment(1, 1);
    add_queue();
    write_group();
    add_items(1, 1, 3);
    uint64_t at = write_group();
    open_segment(2, 1);
    write_group();
    add_items(1, 4, 2);
    write_group();
    return at;
}

static void harm(uint64_t number, uint64_t at)
{
    char name[DISK_NAME_MAX];
    segment_name(number, name);
    put_bytes(name, at, "\xff\xff\xff", 3);
}

/* ---- looking ---- */

static enum ending inspect(enum ending (*act)(const char *path, FILE *out, FILE *err), const char *path)
{
    size_t said_size, warned_size;
    free(said);
    free(warned);
    FILE *out = open_memstream(&said, &said_size), *err = open_memstream(&warned, &warned_size);
    enum ending code = act(path, out, err);
    fclose(out);
    fclose(err);
    return code;
}

static bool text_is(const char *seen, const char *expected)
{
    bool is_same = strcmp(seen, expected) == 0;
    if (!is_same)
        printf("\n    seen:\n%s\n    expected:\n%s\n", seen, expected);
    return is_same;
}

static bool is_there(const char *name)
{
    char path[256];
    path_of(name, path);
    return access(path, F_OK) == 0;
}

static void a_whole_log_is_said_to_be_whole(void)
{
    begin();
    write_log();
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_OK);
    CHECK(strstr(said, "2 segments, 4 groups, ") == said);
    CHECK(strstr(said, " bytes of facts\n1 queue, 5 items waiting, 0 items leased, 1 session\nwhole\n") !=
          NULL);
    CHECK(text_is(warned, ""));
    CHECK_EQUAL(inspect(inspect_salvage, directory), ENDING_OK);
    CHECK(strstr(said, "whole: nothing was changed\n") != NULL);
    end();
}

static void an_empty_directory_is_whole(void)
{
    begin();
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_OK);
    CHECK(text_is(said, "0 segments, 0 groups, 0 bytes of facts\n"
                        "0 queues, 0 items waiting, 0 items leased, 0 sessions\nwhole\n"));
    CHECK_EQUAL(inspect(inspect_salvage, directory), ENDING_OK);
    end();
}

static void a_directory_that_is_not_there_is_not_made(void)
{
    begin();
    CHECK_EQUAL(inspect(inspect_check, "/tmp/mq-inspect-none"), ENDING_NO_DIRECTORY);
    CHECK(text_is(warned, "mq-broker: /tmp/mq-inspect-none: there is no such directory\n"));
    CHECK_EQUAL(inspect(inspect_salvage, "/tmp/mq-inspect-none"), ENDING_NO_DIRECTORY);
    CHECK(access("/tmp/mq-inspect-none", F_OK) != 0 && errno == ENOENT);
    CHECK_EQUAL(inspect(inspect_check, "/dev/null"), ENDING_NO_DIRECTORY);
    CHECK(text_is(said, ""));
    end();
}

static void a_directory_that_is_in_use_is_left_alone(void)
{
    struct disk disk;
    begin();
    write_log();
    CHECK(disk_open(directory, &disk) == 0 && disk_lock(&disk) == 0);
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_IN_USE);
    CHECK(strstr(warned, "in use by another mq-broker") != NULL);
    CHECK_EQUAL(inspect(inspect_salvage, directory), ENDING_IN_USE);
    disk_close(&disk);
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_OK);
    end();
}

/* It may be the wrong directory. */
static void files_that_are_there_are_left_alone(void)
{
    static const char *const names[] = {"shelf", "notes", "1.spare"};
    begin();
    write_log();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put_bytes(names[i], 0, "precious", 8);
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_OK);
    CHECK_EQUAL(inspect(inspect_salvage, directory), ENDING_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];
        struct stat stat_buffer;
        path_of(names[i], path);
        CHECK_EQUAL(stat(path, &stat_buffer), 0);
        CHECK_EQUAL(stat_buffer.st_size, 8);
    }
    end();
}

static void damage_is_told_with_its_place_and_can_be_salvaged(void)
{
    char expected[256];
    begin();
    uint64_t at = write_log();
    harm(1, at + 50);
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_BAD);
    snprintf(expected, sizeof expected,
             "0000000000000001.segment: offset %" PRIu64 ", %" PRIu64 " bytes: damaged\n", at,
             FILE_SIZE - at);
    CHECK(strncmp(said, expected, strlen(expected)) == 0);
    CHECK(strstr(said, "\n1 queue, 2 items waiting, 0 items leased, 1 session\nlost: 1 group, ") != NULL);
    snprintf(expected, sizeof expected, "damaged: mq-broker --salvage %s keeps what can be read\n",
             directory);
    CHECK(strstr(said, expected) != NULL);
    CHECK(!is_there("0000000000000001.damaged"));
    CHECK_EQUAL(inspect(inspect_salvage, directory), ENDING_OK);
    CHECK(strstr(said, " bytes: damaged\nlost: 1 group, ") != NULL);
    CHECK(strstr(said, "\n1 queue, 2 items waiting, 0 items leased, 1 session\nwhole again; ") != NULL);
    CHECK(is_there("0000000000000001.damaged"));
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_OK);
    CHECK(strstr(said, "a gap that was left by --salvage\n") != NULL);
    CHECK(strstr(said, "lost: 1 group, 0 bytes in 0 places\nwhole\n") != NULL);
    end();
}

static void facts_that_make_no_sense_are_damage_though_their_bytes_are_right(void)
{
    char expected[256];
    begin();
    write_log();
    add_items(7, 6, 1);
    uint64_t at = write_group();
    add_items(1, 7, 1);
    write_group();
    for (int times = 0; times < 2; times++) {
        CHECK_EQUAL(inspect(inspect_check, directory), ENDING_BAD);
        snprintf(expected, sizeof expected,
                 "0000000000000002.segment: offset %" PRIu64 ": these facts make no sense: "
                 "a fact tells of a queue that is not there\n",
                 at);
        CHECK(strncmp(said, expected, strlen(expected)) == 0);
        CHECK(strstr(said, "1 queue, 6 items waiting") != NULL);
    }
    CHECK_EQUAL(inspect(inspect_salvage, directory), ENDING_OK);
    CHECK(strstr(said, "1 queue, 6 items waiting") != NULL);
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_OK);
    end();
}

static void older_segments_that_are_missing_are_noticed(void)
{
    begin();
    open_segment(5, 4);
    add_queue();
    write_group();
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_BAD);
    CHECK(strstr(said, "older segments are missing\n") == said);
    CHECK_EQUAL(inspect(inspect_salvage, directory), ENDING_OK);
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_OK);
    end();
}

static void older_segments_that_were_dropped_are_not_missed(void)
{
    begin();
    open_segment(5, 5);
    add_queue();
    write_group();
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_OK);
    end();
    begin();
    open_segment(5, 3);
    struct fact dropped = {.kind = FACT_DROPPED, .segment = 4};
    facts_add(&facts, &dropped);
    write_group();
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_OK);
    end();
}

static void a_newer_log_is_refused(void)
{
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    struct segment_head head = {.version = 9, .segment = 2, .salt = SALT, .sequence = 3};
    begin();
    write_log();
    segment_write_head(&head, bytes);
    put_bytes("0000000000000002.segment", 0, bytes, sizeof bytes);
    CHECK_EQUAL(inspect(inspect_salvage, directory), ENDING_BAD);
    CHECK(strstr(warned, "0000000000000002.segment: was written by a newer mq-broker, in format 9") != NULL);
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_BAD);
    end();
}

static void what_is_hopeless_is_left_as_it_is(void)
{
    begin();
    write_log();
    harm(1, 20);
    harm(1, 26);
    harm(2, 20);
    harm(2, 26);
    CHECK_EQUAL(inspect(inspect_salvage, directory), ENDING_BAD);
    CHECK(strstr(warned, "no other segment has a good head") != NULL);
    CHECK(!is_there("0000000000000001.damaged"));
    end();
}

static void a_torn_end_is_no_damage(void)
{
    begin();
    write_log();
    add_items(1, 6, 4);
    uint64_t at = write_group();
    harm(2, at + 60);
    CHECK_EQUAL(inspect(inspect_check, directory), ENDING_OK);
    CHECK(strstr(said, "bytes: a torn end\n") != NULL && strstr(said, "5 items waiting") != NULL);
    end();
}

static void without_memory_nothing_is_said_to_be_damaged(void)
{
    for (uint64_t nth = 1;; nth++) {
        begin();
        write_log();
        malloc_failures = 0;
        malloc_fails_at = malloc_calls + nth;
        enum ending code = inspect(nth % 2 ? inspect_check : inspect_salvage, directory);
        malloc_fails_at = 0;
        CHECK(code == ENDING_OK || code == ENDING_INTERNAL || code == ENDING_DISK);
        CHECK(malloc_failures > 0 || code == ENDING_OK);
        CHECK(!is_there("0000000000000001.damaged") && (code == ENDING_OK) == (warned[0] == '\0'));
        end();
        if (malloc_failures == 0)
            return;
    }
}

static void output_that_cannot_be_written_is_a_failure(void)
{
    begin();
    write_log();
    FILE *full = fopen("/dev/full", "w"), *err = fopen("/dev/null", "w");
    CHECK(full != NULL && err != NULL);
    CHECK_EQUAL(inspect_check(directory, full, err), ENDING_DISK);
    fclose(full);
    fclose(err);
    end();
}

static const struct unit_test tests[] = {
    UNIT(a_whole_log_is_said_to_be_whole),
    UNIT(an_empty_directory_is_whole),
    UNIT(a_directory_that_is_not_there_is_not_made),
    UNIT(a_directory_that_is_in_use_is_left_alone),
    UNIT(files_that_are_there_are_left_alone),
    UNIT(damage_is_told_with_its_place_and_can_be_salvaged),
    UNIT(facts_that_make_no_sense_are_damage_though_their_bytes_are_right),
    UNIT(older_segments_that_are_missing_are_noticed),
    UNIT(older_segments_that_were_dropped_are_not_missed),
    UNIT(a_newer_log_is_refused),
    UNIT(what_is_hopeless_is_left_as_it_is),
    UNIT(a_torn_end_is_no_damage),
    UNIT(without_memory_nothing_is_said_to_be_damaged),
    UNIT(output_that_cannot_be_written_is_a_failure),
};

int main(void)
{
    return unit_run("inspect", tests, sizeof tests / sizeof *tests);
}
