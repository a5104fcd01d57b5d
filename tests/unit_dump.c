/* unit_dump.c - exports: records come back as they were, whatever else is refused or waited for, and only
 * streams that make sense are followed to their end. Bytes end where an unreadable page begins. */
#include "dump.h"
#include "samples.h"
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

static struct codec *here, *there;

static const struct dump_record records[] = {
    {.kind = DUMP_BEGIN},
    {.kind = DUMP_QUEUE,
     .name = TEXT("jobs"),
     .settings = {MQ_SETTINGS_ALL, MQ_KIND_PRIORITY, 1000, 60000, true},
     .is_shut_down = true,
     .is_immediate = true},
    {.kind = DUMP_QUEUE,
     .name = TEXT("\xc3\xa4rger"),
     .settings = {MQ_SETTINGS_ALL, MQ_KIND_FIFO, INT64_MIN, INT64_MAX, false}},
    {.kind = DUMP_ITEM, .item = {.id = 7, .body = TEXT("first")}},
    {.kind = DUMP_ITEM,
     .item = {.id = UINT64_MAX,
              .deliveries = UINT32_MAX,
              .is_leased = true,
              .body = TEXT("with\0key"),
              .key = TEXT("\1\x80\0\0\0\0\0\0\0\0\0")}},
    {.kind = DUMP_ITEM, .item = {.id = 0}},
    {.kind = DUMP_QUEUE_END, .count = UINT64_MAX},
    {.kind = DUMP_END, .count = 2},
};

static bool same(struct bytes a, struct bytes b)
{
    return a.size == b.size && (!a.size || memcmp(a.data, b.data, a.size) == 0);
}

static void check_same(const struct dump_record *seen, const struct dump_record *expected)
{
    CHECK_EQUAL(seen->kind, expected->kind);
    CHECK(same(seen->name, expected->name));
    CHECK_EQUAL(seen->settings.given, expected->settings.given);
    CHECK_EQUAL(seen->settings.kind, expected->settings.kind);
    CHECK_EQUAL(seen->settings.maxsize, expected->settings.maxsize);
    CHECK_EQUAL(seen->settings.lease_ms, expected->settings.lease_ms);
    CHECK_EQUAL(seen->settings.is_transient, expected->settings.is_transient);
    CHECK_EQUAL(seen->is_shut_down, expected->is_shut_down);
    CHECK_EQUAL(seen->is_immediate, expected->is_immediate);
    CHECK_EQUAL(seen->item.id, expected->item.id);
    CHECK_EQUAL(seen->item.deliveries, expected->item.deliveries);
    CHECK_EQUAL(seen->item.is_leased, expected->item.is_leased);
    CHECK(same(seen->item.body, expected->item.body));
    CHECK(same(seen->item.key, expected->item.key));
    CHECK_EQUAL(seen->count, expected->count);
}

static void every_record_comes_back_as_it_was_whatever_follows(void)
{
    uint8_t stream[256];
    for (size_t i = 0; i < COUNT(records); i++) {
        struct bytes bytes;
        struct dump_record seen;
        size_t size;
        const char *why = NULL;
        CHECK_EQUAL(dump_write(here, &records[i], &bytes), MQ_OK);
        memset(stream, 0xc1, sizeof stream);
        memcpy(stream, bytes.data, bytes.size);
        CHECK_EQUAL(dump_read(there, (struct bytes){stream, sizeof stream}, &seen, &size, &why), DUMP_RECORD);
        CHECK_EQUAL(size, bytes.size);
        check_same(&seen, &records[i]);
    }
}

static uint8_t *page_before_nothing(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED && mprotect(pages + size, size, PROT_NONE) == 0);
    return pages + size;
}

static void a_record_that_is_cut_anywhere_waits_for_more(void)
{
    uint8_t *end = page_before_nothing();
    for (size_t i = 0; i < COUNT(records); i++) {
        struct bytes whole;
        struct dump_record seen;
        size_t size;
        const char *why;
        CHECK_EQUAL(dump_write(here, &records[i], &whole), MQ_OK);
        for (size_t cut = 0; cut < whole.size; cut++) {
            memcpy(end - cut, whole.data, cut);
            CHECK_EQUAL(dump_read(there, (struct bytes){end - cut, cut}, &seen, &size, &why), DUMP_MORE);
        }
    }
}

#define BAD(literal, reason)                                                                                 \
    {                                                                                                        \
        TEXT(literal), reason                                                                                \
    }

static void what_cannot_become_a_record_is_refused_with_the_reason(void)
{
    static const struct {
        struct bytes bytes;
        const char *reason;
    } bad[] = {
        BAD("{\"json\"", "not an export"),
        BAD("\x1f\x8b\x08", "not an export"),
        BAD("\x93\xa8mq expor", "not an export"),
        BAD("\x93\xa9mq export\x02", "newer version"),
        BAD("\x93\xa9mq export\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "newer version"),
        BAD("\x92\xa9mq export\x01", "too few"),
        BAD("\x94\xa9mq export\x01\x80\x00", "too many"),
        BAD("\x93\x05\x00\x80", "newer version"),
        BAD("\x93\x00\x00\x80", "not an export"),
        BAD("\x93\xff\x00\x80", "not an export"),
        BAD("\x94\x01\xa0\x80\x80", "name"),
        BAD("\x94\x01\xa3"
            "a b\x80\x80",
            "name"),
        BAD("\x94\x01\xa1q\x81\xa4kind\x03\x80", "out of range"),
        BAD("\x94\x01\xa1q\x81\xa8lease_ms\xff\x80", "out of range"),
        BAD("\x94\x01\xa1q\x81\xa3ttl\x05\x80", "does not know"),
        BAD("\x94\x01\xa1q\x81\xa9transient\x01\x80", "wrong type"),
        BAD("\x96\x02\x01\x00\xa1x\xc4\x00\x80", "wrong type"),
        BAD("\x96\x02\x01\xff\xc4\x00\xc4\x00\x80", "wrong type"),
        BAD("\x96\x02\x01\x00\xc4\x00\xc4\x01\x09\x80", "key"),
        BAD("\x96\x02\x01\x00\xc4\x00\xc4\x00\x81\xa1x\x91\x91\x91\x91\x91\x91\x91\x91\x91\x00", "deeply"),
        BAD("\x93\x03\xc7\x01\x80", "not part of"),
        BAD("\x93\x03\xff\x80", "wrong type"),
    };
    uint8_t *end = page_before_nothing();
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct dump_record seen;
        size_t size;
        const char *why = "";
        struct bytes bytes = {end - bad[i].bytes.size, bad[i].bytes.size};
        memcpy(end - bytes.size, bad[i].bytes.data, bytes.size);
        enum dump_found found = dump_read(there, bytes, &seen, &size, &why);
        if (found != DUMP_BAD || !strstr(why, bad[i].reason))
            printf("\n    %zu: %d, %s, not %s\n", i, (int)found, why, bad[i].reason);
        CHECK_EQUAL(found, DUMP_BAD);
        CHECK(strstr(why, bad[i].reason) != NULL);
    }
}

/* Bodies of four gigabytes are promised, and never come. */
static void a_record_longer_than_any_frame_is_refused_once_there_is_so_much_of_it(void)
{
    static const char head[] = "\x96\x02\x01\x00\xc6\xff\xff\xff\xff";
    struct dump_record seen;
    size_t size;
    const char *why = "";
    uint8_t *bytes = calloc(1, DUMP_RECORD_MAX);
    CHECK(bytes != NULL);
    memcpy(bytes, head, sizeof head - 1);
    CHECK_EQUAL(dump_read(there, (struct bytes){bytes, DUMP_RECORD_MAX - 1}, &seen, &size, &why), DUMP_MORE);
    CHECK_EQUAL(dump_read(there, (struct bytes){bytes, DUMP_RECORD_MAX}, &seen, &size, &why), DUMP_BAD);
    CHECK(strstr(why, "too long") != NULL);
    free(bytes);
}

static void whatever_fits_a_frame_fits_a_record_and_more_is_too_big(void)
{
    struct dump_record record = {.kind = DUMP_ITEM, .item.id = UINT64_MAX};
    struct bytes bytes;
    uint8_t *body = calloc(1, MQ_FRAME_SIZE_MAX);
    CHECK(body != NULL);
    record.item.body = (struct bytes){body, MQ_FRAME_SIZE_MAX - 64};
    CHECK_EQUAL(dump_write(here, &record, &bytes), MQ_OK);
    CHECK(bytes.size <= DUMP_RECORD_MAX);
    record.item.body.size = MQ_FRAME_SIZE_MAX;
    CHECK_EQUAL(dump_write(here, &record, &bytes), MQ_TOO_BIG);
    free(body);
}

/* What a newer version says on top, in maps, is passed over. */
static void what_is_optional_and_unknown_is_ignored(void)
{
    static const struct bytes known[] = {
        TEXT("\x93\xa9mq export\x01\x81\xa4time\x05"),
        TEXT("\x94\x01\xa1q\x80\x82\xa3new\x90\xa9immediate\xc2"),
        TEXT("\x96\x02\x01\x00\xc4\x00\xc4\x00\x81\x01\xc0"),
        TEXT("\x93\x03\x01\x81\xa3sum\xc4\x01x"),
        TEXT("\x93\x04\x01\x81\xa3sum\xc4\x01x"),
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        struct dump_record seen;
        size_t size;
        const char *why = "";
        CHECK_EQUAL(dump_read(there, known[i], &seen, &size, &why), DUMP_RECORD);
        CHECK_EQUAL(size, known[i].size);
        CHECK_EQUAL(seen.kind, i);
        CHECK(i != DUMP_QUEUE || seen.settings.given == MQ_SETTINGS_ALL);
    }
}

/* ---- the course ---- */

/* Letters stand for records: begin, queue, item, QUEUE_END with so many items, END with so many queues. */
static struct dump_record record_of(const char *letters)
{
    switch (*letters) {
    case 'b':
        return (struct dump_record){.kind = DUMP_BEGIN};
    case 'q':
        return (struct dump_record){.kind = DUMP_QUEUE};
    case 'i':
        return (struct dump_record){.kind = DUMP_ITEM};
    case 'e':
        return (struct dump_record){.kind = DUMP_QUEUE_END, .count = (uint64_t)(letters[1] - '0')};
    default:
        CHECK_EQUAL(*letters, 'z');
        return (struct dump_record){.kind = DUMP_END, .count = (uint64_t)(letters[1] - '0')};
    }
}

static const char *follow(const char *letters, bool *ret_is_whole)
{
    struct dump_course course = {0};
    const char *why = NULL;
    for (; *letters && !why; letters += *letters == 'e' || *letters == 'z' ? 2 : 1) {
        struct dump_record record = record_of(letters);
        why = dump_follow(&course, &record);
    }
    *ret_is_whole = course.is_whole;
    return why;
}

static void a_stream_is_whole_at_its_end_and_nowhere_else(void)
{
    static const char *const whole[] = {"bz0", "bqe0z1", "bqiie2z1", "bqie1qe0qiiie3z3", "bz0bqie1z1"};
    static const char *const cut[] = {"", "b", "bq", "bqi", "bqie1", "bqie1q", "bz0b", "bz0bqe0"};
    bool is_whole;
    for (size_t i = 0; i < COUNT(whole); i++)
        CHECK(follow(whole[i], &is_whole) == NULL && is_whole);
    for (size_t i = 0; i < COUNT(cut); i++)
        CHECK(follow(cut[i], &is_whole) == NULL && !is_whole);
}

static void records_out_of_order_and_wrong_counts_are_refused(void)
{
    static const char *const bad[] = {"q",      "i",      "z0",   "e0",    "bb",    "bi",    "be0",
                                      "bqq",    "bqb",    "bqz1", "bz1",   "bqe1",  "bqie0", "bqiiie2",
                                      "bqe0z0", "bqe0z2", "bz0q", "bz0z0", "bqe0i", "bqe0e0"};
    bool is_whole;
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK(follow(bad[i], &is_whole) != NULL);
    CHECK(strstr(follow("bqie0", &is_whole), "missing") != NULL);
    CHECK(strstr(follow("q", &is_whole), "not an export") != NULL);
}

/* ---- the example of PROTOCOL.md ---- */

static size_t hex_bytes(const char *text, uint8_t *out)
{
    size_t count = 0;
    for (; *text; text += strspn(text, " \n"), text += *text ? 2 : 0, count++) {
        text += strspn(text, " \n");
        if (!*text)
            break;
        char byte[] = {text[0], text[1], '\0'};
        out[count] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return count;
}

static void the_example_of_the_document_is_a_whole_stream_and_written_again_the_same_bytes(void)
{
    static char text[1 << 20];
    uint8_t stream[512];
    struct dump_course course = {0};
    FILE *file = fopen("proto/PROTOCOL.md", "r");
    CHECK(file != NULL && fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    char *begin = strstr(text, "93 a9 6d 71 20 65 78 70 6f 72 74");
    CHECK(begin != NULL);
    *strstr(begin, "```") = '\0';
    size_t size = hex_bytes(begin, stream);
    for (size_t at = 0, step; at < size; at += step) {
        struct dump_record record;
        struct bytes again;
        const char *why = "";
        CHECK_EQUAL(dump_read(there, (struct bytes){stream + at, size - at}, &record, &step, &why),
                    DUMP_RECORD);
        CHECK(dump_follow(&course, &record) == NULL);
        CHECK_EQUAL(dump_write(here, &record, &again), MQ_OK);
        CHECK(same(again, (struct bytes){stream + at, step}));
    }
    CHECK(course.is_whole);
}

static const struct unit_test tests[] = {
    UNIT(every_record_comes_back_as_it_was_whatever_follows),
    UNIT(a_record_that_is_cut_anywhere_waits_for_more),
    UNIT(what_cannot_become_a_record_is_refused_with_the_reason),
    UNIT(a_record_longer_than_any_frame_is_refused_once_there_is_so_much_of_it),
    UNIT(whatever_fits_a_frame_fits_a_record_and_more_is_too_big),
    UNIT(what_is_optional_and_unknown_is_ignored),
    UNIT(a_stream_is_whole_at_its_end_and_nowhere_else),
    UNIT(records_out_of_order_and_wrong_counts_are_refused),
    UNIT(the_example_of_the_document_is_a_whole_stream_and_written_again_the_same_bytes),
};

int main(void)
{
    here = codec_new();
    there = codec_new();
    int failed = !here || !there || unit_run("dump", tests, sizeof tests / sizeof *tests);
    codec_free(here);
    codec_free(there);
    return failed;
}
