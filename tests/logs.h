/* logs.h - logs on a fake disk, written group by group, and what a recovery makes of them. For unit_recover*.
 *
 * A group's facts are its sequence, as text, over and over, so that it can be told whether they are right. */
#ifndef MQ_LOGS_H
#define MQ_LOGS_H

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fake_disk.h"
#include "recover.h"
#include "unit.h"

enum { FILE_SIZE = 16384, LOG_GROUPS_MAX = 256 };
static const uint64_t SALT = 0x1122334455667788;

static struct fake_disk *fake;
static struct disk disk;
static struct log {
    uint64_t segment, offset, sequence;
    char name[DISK_NAME_MAX];
    int handle;
} writing; /* where the next group goes */

/* What the last recovery said. */
static struct recover_found found;
static struct seen {
    uint64_t sequences[LOG_GROUPS_MAX], count, doubtful; /* groups; the first of them that is doubtful */
    uint64_t stop_at;                                    /* on_group says no at this sequence */
    unsigned events;
    char last_event[128];
} seen;

static inline void logs_begin(void)
{
    fake = fake_disk_new();
    disk = fake_disk_calls(fake);
    writing = (struct log){.sequence = 1, .handle = -1};
    seen.stop_at = 0;
}

static inline void logs_end(void)
{
    CHECK_EQUAL(fake_disk_handles(fake), 0);
    fake_disk_free(fake);
}

static inline const char *name_of(uint64_t segment)
{
    static char name[DISK_NAME_MAX];
    segment_name(segment, name);
    return name;
}

/* A file of zeros with a head, on disk; groups go there from now on. */
static inline void log_segment(uint64_t segment)
{
    static uint8_t bytes[FILE_SIZE];
    struct segment_head head = {
        .version = SEGMENT_VERSION, .segment = segment, .salt = SALT, .sequence = writing.sequence};
    memset(bytes, 0, sizeof bytes);
    segment_write_head(&head, bytes);
    fake_disk_put(fake, name_of(segment), bytes, sizeof bytes);
    writing.segment = segment;
    writing.offset = SEGMENT_HEAD_SIZE;
    strcpy(writing.name, name_of(segment));
}

static inline void fill_facts(uint8_t *facts, size_t size, uint64_t sequence)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%" PRIu64 ".", sequence);
    for (size_t i = 0; i < size; i++)
        facts[i] = (uint8_t)text[i % (size_t)length];
}

/* Writes the next group where it belongs, without a sync. Where it is. */
static inline uint64_t log_write(size_t size, uint64_t unsynced)
{
    uint64_t offset = writing.offset;
    uint8_t *group = malloc(group_bytes(size));
    struct group_head head = {.segment = writing.segment,
                              .sequence = writing.sequence,
                              .unsynced = unsynced,
                              .size = (uint32_t)size};
    fill_facts(group + GROUP_HEAD_SIZE, size, writing.sequence);
    group_seal(group, &head, SALT);
    int handle = disk.calls->open(disk.context, writing.name, 0);
    CHECK(handle >= 0);
    CHECK_EQUAL(disk.calls->write(disk.context, handle, offset, group, group_bytes(size)), 0);
    CHECK_EQUAL(disk.calls->close(disk.context, handle), 0);
    writing.offset += group_bytes(size);
    writing.sequence++;
    free(group);
    return offset;
}

static inline void log_sync(void)
{
    int handle = disk.calls->open(disk.context, writing.name, 0);
    CHECK_EQUAL(disk.calls->sync(disk.context, handle), 0);
    CHECK_EQUAL(disk.calls->close(disk.context, handle), 0);
}

static inline uint64_t log_group(size_t size)
{
    uint64_t offset = log_write(size, 0);
    log_sync();
    return offset;
}

static inline bool see_group(void *context, const struct recover_group *group, const char **ret_why)
{
    struct seen *s = context;
    uint8_t *expected = malloc(group->facts.size + 1);
    fill_facts(expected, group->facts.size, group->sequence);
    bool is_right = memcmp(expected, group->facts.data, group->facts.size) == 0;
    free(expected);
    CHECK(is_right && s->count < LOG_GROUPS_MAX);
    CHECK(s->count == 0 || group->sequence > s->sequences[s->count - 1]);
    CHECK(group->is_doubtful || s->doubtful == 0);
    if (group->is_doubtful && s->doubtful == 0)
        s->doubtful = group->sequence;
    s->sequences[s->count++] = group->sequence;
    *ret_why = "it is the one that we stop at";
    return group->sequence != s->stop_at;
}

static inline void see_event(void *context, const char *what, uint64_t segment, uint64_t offset,
                             uint64_t bytes)
{
    struct seen *s = context;
    s->events++;
    snprintf(s->last_event, sizeof s->last_event, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %s", segment, offset,
             bytes, what);
}

static inline enum recover_result recover_as(bool salvage, bool only_looks)
{
    struct recover_options options = {.salvage = salvage,
                                      .only_looks = only_looks,
                                      .on_group = see_group,
                                      .on_event = see_event,
                                      .context = &seen};
    seen = (struct seen){.stop_at = seen.stop_at};
    return recover(&disk, &options, &found);
}

static inline enum recover_result recover_now(void)
{
    return recover_as(false, false);
}

/* Was damage found here, and does the text say so? */
static inline bool is_damaged_at(uint64_t segment, uint64_t offset)
{
    char where[128];
    snprintf(where, sizeof where, "%s: damaged at offset %" PRIu64 ": ", name_of(segment), offset);
    bool is_said = strncmp(found.text, where, strlen(where)) == 0 && strstr(found.text, "--salvage DIR");
    if (!is_said)
        printf("\n    expected %s..., seen %s\n", where, found.text);
    return is_said && found.failed_segment == segment && found.failed_offset == offset;
}

static inline bool event_was(const char *expected)
{
    if (strcmp(expected, seen.last_event) != 0)
        printf("\n    expected %s, seen %s\n", expected, seen.last_event);
    return strcmp(expected, seen.last_event) == 0;
}

/* Segments 3, 4 and 5 with groups 1 to 7; ends where group 8 would go. */
static inline void three_segments(void)
{
    log_segment(3);
    log_group(100);
    log_group(1);
    log_segment(4);
    log_group(300);
    log_group(8);
    log_group(77);
    log_segment(5);
    log_group(50);
    log_group(200);
}

/* Segments 3, 4 and 5 with groups 1 to 8, of so many bytes of facts each. */
enum { SIZE = 100, GROUP = 144 };
static inline void eight_groups(void)
{
    log_segment(3);
    log_group(SIZE);
    log_group(SIZE);
    log_segment(4);
    for (int i = 0; i < 4; i++)
        log_group(SIZE);
    log_segment(5);
    log_group(SIZE);
    log_group(SIZE);
    CHECK_EQUAL(writing.offset, SEGMENT_HEAD_SIZE + 2 * GROUP);
}

static inline uint64_t place_of(unsigned n)
{
    return SEGMENT_HEAD_SIZE + (uint64_t)n * GROUP;
}

static inline bool has_seen(const char *expected)
{
    char text[1024] = "";
    for (uint64_t i = 0; i < seen.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%" PRIu64, i ? " " : "",
                 seen.sequences[i]);
    if (strcmp(text, expected) != 0)
        printf("\n    groups %s, expected %s\n", text, expected);
    return strcmp(text, expected) == 0;
}

#endif
