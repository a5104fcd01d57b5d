/* unit_codec_hostile.c - any bytes are refused with a reason or decoded to a sound struct; never read beyond,
 * never blown up. Frames end where an unreadable page begins. */
#include "unit.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "codec.h"
#include "samples.h"

static struct codec *codec, *second;
static struct sample samples[SAMPLE_COUNT];
static uint8_t *page_end; /* the byte before it can be read, it cannot */

static uint8_t *page_before_nothing(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages != MAP_FAILED && mprotect(pages + size, size, PROT_NONE) == 0 ? pages + size : NULL;
}

static struct bytes at_page_end(const void *data, size_t size)
{
    memcpy(page_end - size, data, size);
    return (struct bytes){page_end - size, size};
}

/* Decodes; what was accepted is encoded again, which reads all of it, and must be accepted again. */
static enum mq_status decode_client(struct bytes frame, const char **ret_why)
{
    struct client_frame f;
    struct bytes again;
    enum mq_status status = codec_decode_client(codec, frame, &f, ret_why);
    if (status != MQ_OK || (f.verb == MQ_VERB_HELLO && f.hello.version != MQ_PROTOCOL_VERSION))
        return status;
    if (strcmp(mq_verb_name(f.verb), "?") == 0) /* only its number is understood */
        return status;
    CHECK_EQUAL(encode_client_frame(codec, &f, &again), MQ_OK);
    CHECK_EQUAL(codec_decode_client(second, again, &f, ret_why), MQ_OK);
    return MQ_OK;
}

static enum mq_status decode_broker(struct bytes frame, const char **ret_why)
{
    struct broker_frame f;
    struct bytes again;
    enum mq_status status = codec_decode_broker(codec, frame, &f, ret_why);
    if (status != MQ_OK || (f.verb == MQ_VERB_HELLO && f.welcome.version != MQ_PROTOCOL_VERSION))
        return status;
    CHECK_EQUAL(encode_broker_frame(codec, &f, &again), MQ_OK);
    CHECK_EQUAL(codec_decode_broker(second, again, &f, ret_why), MQ_OK);
    return MQ_OK;
}

static enum mq_status decode(bool from_client, struct bytes frame, const char **ret_why)
{
    *ret_why = NULL;
    enum mq_status status = from_client ? decode_client(frame, ret_why) : decode_broker(frame, ret_why);
    CHECK(status == MQ_OK || (status == MQ_INVALID && *ret_why));
    return status;
}

static void every_sample_is_accepted(void)
{
    const char *why;
    samples_encode(codec, samples); /* for the tests after this one, too */
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct bytes frame = at_page_end(samples[i].data, samples[i].size);
        CHECK_EQUAL(decode(samples[i].from_client, frame, &why), MQ_OK);
    }
}

static void every_truncation_of_every_message_is_refused(void)
{
    const char *why;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        for (size_t size = 0; size < samples[i].size; size++) {
            struct bytes frame = at_page_end(samples[i].data, size);
            CHECK_EQUAL(decode(samples[i].from_client, frame, &why), MQ_INVALID);
        }
    }
}

static void a_message_with_a_byte_behind_it_is_refused(void)
{
    const char *why;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        uint8_t *data = page_end - samples[i].size - 1;
        memcpy(data, samples[i].data, samples[i].size);
        page_end[-1] = 0xc0;
        CHECK_EQUAL(decode(samples[i].from_client, (struct bytes){data, samples[i].size + 1}, &why),
                    MQ_INVALID);
        CHECK(strcmp(why, "frame has bytes left over") == 0);
    }
}

static void every_change_of_one_byte_is_survived(void)
{
    const char *why;
    size_t accepted = 0, refused = 0;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct bytes frame = at_page_end(samples[i].data, samples[i].size);
        for (size_t at = 0; at < frame.size; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                page_end[at - frame.size] = (uint8_t)byte;
                bool good = decode(samples[i].from_client, frame, &why) == MQ_OK;
                accepted += good;
                refused += !good;
            }
            page_end[at - frame.size] = samples[i].data[at];
        }
    }
    CHECK(accepted > 1000 && refused > 1000);
}

static void a_message_of_one_side_sent_by_the_other_is_survived(void)
{
    const char *why;
    for (size_t i = 0; i < SAMPLE_COUNT; i++)
        decode(!samples[i].from_client, at_page_end(samples[i].data, samples[i].size), &why);
}

struct bad {
    const char *why;
    size_t size;
    const char *data;
};
#define BAD(why, literal)                                                                                    \
    {                                                                                                        \
        why, sizeof literal - 1, literal                                                                     \
    }

static void check_bad(bool from_client, const struct bad *bad, size_t count)
{
    const char *why;
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(decode(from_client, at_page_end(bad[i].data, bad[i].size), &why), MQ_INVALID);
        if (strcmp(why, bad[i].why) != 0)
            printf("\n    frame %zu: refused with \"%s\", expected \"%s\"\n", i, why, bad[i].why);
        CHECK(strcmp(why, bad[i].why) == 0);
    }
}

static void what_is_not_one_array_is_refused(void)
{
    static const struct bad bad[] = {
        BAD("frame is not an array", ""),
        BAD("frame is not an array", "\xc0"),
        BAD("frame is not an array", "\x81\x01\x02"),
        BAD("frame is not an array", "GET / HTTP/1.1\r\n"),
        BAD("frame has bytes left over", "\x91\x06\x91\x06"),
        BAD("frame has a type that is not part of the protocol", "\x91\xc1"),
        BAD("frame has a type that is not part of the protocol", "\x91\xd4\x01\x02"),
        BAD("frame has a type that is not part of the protocol", "\x91\xc7\x01\x02\x03"),
        BAD("frame is nested too deeply", "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"),
        BAD("frame is nested too deeply", "\x91\x81\x01\x91\x81\x01\x91\x81\x01\x91\x81\x01\x90"),
    };
    check_bad(true, bad, COUNT(bad));
    check_bad(false, bad, COUNT(bad));
}

static void huge_lengths_are_refused_at_once(void)
{
    static const struct bad bad[] = {
        BAD("frame is cut short", "\xdd\xff\xff\xff\xff"),
        BAD("frame is cut short", "\xdd\xff\xff\xff"),
        BAD("frame is cut short", "\xdc\xff\xff"),
        BAD("frame is cut short", "\x91\xdf\xff\xff\xff\xff"),
        BAD("frame is cut short", "\x91\xdf\x80\x00\x00\x00"),
        BAD("frame is cut short", "\x91\xde\xff\xff"),
        BAD("frame is cut short", "\x91\xdb\xff\xff\xff\xff"),
        BAD("frame is cut short", "\x91\xda\xff\xff"),
        BAD("frame is cut short", "\x91\xc6\xff\xff\xff\xff"),
        BAD("frame is cut short", "\x91\xc5\xff\xff"),
        BAD("frame is cut short", "\x91\xd9\xff"),
        BAD("frame is cut short", "\x91\xc4\xff"),
        BAD("frame is cut short", "\x91\xcf\xff"),
        BAD("frame is cut short", "\x91\xbf"),
        BAD("frame is cut short", "\x9f\x01"),
    };
    check_bad(true, bad, COUNT(bad));
    check_bad(false, bad, COUNT(bad));
}

static void requests_of_the_wrong_shape_are_refused_with_the_reason(void)
{
    static const struct bad bad[] = {
        BAD("too few fields", "\x90"),
        BAD("a field has the wrong type", "\x91\xa1x"),
        BAD("a field has the wrong type", "\x91\xff"),
        BAD("a number is too large", "\x91\xcd\x01\x00"),
        BAD("unknown verb", "\x91\x00"),
        BAD("unknown verb", "\x91\x06"),
        BAD("unknown verb", "\x91\x09"),
        BAD("too few fields", "\x92\x19\x01"),
        BAD("too few fields", "\x93\x19\x01\x90"),
        BAD("too many fields", "\x95\x19\x01\x90\x80\xc0"),
        BAD("a field has the wrong type", "\x94\x19\x01\x90\x90"),
        BAD("a field has the wrong type", "\x94\x19\xff\x90\x80"),
        BAD("a field has the wrong type", "\x94\x19\x01\xc0\x80"),
        BAD("a range has no end", "\x94\x19\x01\x91\x01\x80"),
        BAD("a range ends before it begins", "\x94\x19\x01\x92\x02\x01\x80"),
        BAD("ranges are not in order", "\x94\x19\x01\x94\x01\x02\x02\x03\x80"),
        BAD("a field has the wrong type", "\x94\x19\x01\x92\xc0\x01\x80"),
        BAD("a session id has 16 bytes", "\x98\x01\x01\xc4\x01x\xc2\x01\x90\xa0\x80"),
        BAD("a field has the wrong type", "\x98\x01\x01\xa1x\xc2\x01\x90\xa0\x80"),
        BAD("a field has the wrong type", "\x97\x0d\x01\x90\xc4\x01q\x00\x90\x80"),
        BAD("a field has the wrong type", "\x97\x0d\x01\x90\xa1q\xc0\x90\x80"),
        BAD("a number is too large", "\x97\x0d\x01\x90\xa1q\xcf\x80\0\0\0\0\0\0\0\x90\x80"),
        BAD("an item is a body, or a body and a key", "\x97\x0d\x01\x90\xa1q\x00\x91\xa1x\x80"),
        BAD("an item is a body, or a body and a key", "\x97\x0d\x01\x90\xa1q\x00\x91\x90\x80"),
        BAD("an item is a body, or a body and a key", "\x97\x0d\x01\x90\xa1q\x00\x91\x91\xc4\x00\x80"),
        BAD("an item is a body, or a body and a key", "\x97\x0d\x01\x90\xa1q\x00\x91\x92\xc4\x00\xa0\x80"),
        BAD("an item is a body, or a body and a key",
            "\x97\x0d\x01\x90\xa1q\x00\x91\x92\xc4\x00\xc4\x00\x80"),
        BAD("an item is a body, or a body and a key",
            "\x97\x0d\x01\x90\xa1q\x00\x91\x93\xc4\x00\xc4\x00\xc0\x80"),
        BAD("a field has the wrong type", "\x97\x0a\x01\x90\xa1q\x01\x80\x80"),
        BAD("a field has the wrong type", "\x97\x0a\x01\x90\xa1q\xc2\x90\x80"),
        BAD("a field has the wrong type", "\x97\x0a\x01\x90\xa1q\xc2\x81\xa4kind\xc0\x80"),
        BAD("too many ids", "\x95\x0f\x01\x90\x92\x00\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x80"),
        BAD("too many ids", "\x95\x0f\x01\x90\x94\x00\x00\x01\xce\x00\x01\x00\x00\x80"),
        BAD("a number is too large", "\x98\x0e\x01\x90\xa1q\xcf\0\0\0\1\0\0\0\0\x00\xc2\x80"),
        BAD("too many fields", "\x94\x03\x01\x90\x80"),
    };
    check_bad(true, bad, COUNT(bad));
}

#define ITEM "an item is its id, deliveries and body, and maybe a key"

static void answers_of_the_wrong_shape_are_refused_with_the_reason(void)
{
    static const struct bad bad[] = {
        BAD("too few fields", "\x90"),
        BAD("unknown verb", "\x93\x02\x01\x00"),
        BAD("unknown verb", "\x94\x1a\x01\x00\x80"),
        BAD("too many fields", "\x92\x06\x00"),
        BAD("too few fields", "\x92\x05\x00"),
        BAD("too many fields", "\x93\x04\x00\x00"),
        BAD("a text is not a text", "\x94\x19\x01\x00\x81\xa4text\x01"),
        BAD("a number is too large", "\x94\x19\x01\xce\x00\x01\x00\x00\x80"),
        BAD("more ids than items", "\x96\x0d\x01\x00\x01\x92\x01\x02\x80"),
        BAD("more ids than items", "\x96\x0d\x01\x00\x01\x92\x00\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x80"),
        BAD("a number is too large", "\x96\x0d\x01\x00\xce\x00\x01\x00\x01\x90\x80"),
        BAD(ITEM, "\x96\x0e\x01\x00\x00\x91\xc4\x00\x80"),
        BAD(ITEM, "\x96\x0e\x01\x00\x00\x91\xc0\x80"),
        BAD(ITEM, "\x96\x0e\x01\x00\x00\x91\x92\x01\x01\x80"),
        BAD(ITEM, "\x96\x0e\x01\x00\x00\x91\x93\xff\x01\xc4\x00\x80"),
        BAD(ITEM, "\x96\x0e\x01\x00\x00\x91\x93\x01\xc0\xc4\x00\x80"),
        BAD(ITEM, "\x96\x0e\x01\x00\x00\x91\x93\x01\xcf\0\0\0\1\0\0\0\0\xc4\x00\x80"),
        BAD(ITEM, "\x96\x0e\x01\x00\x00\x91\x93\x01\x01\xa0\x80"),
        BAD(ITEM, "\x96\x0e\x01\x00\x00\x91\x94\x01\x01\xc4\x00\xc4\x00\x80"),
        BAD(ITEM, "\x96\x0e\x01\x00\x00\x91\x94\x01\x01\xc4\x00\xa1k\x80"),
        BAD(ITEM, "\x96\x0e\x01\x00\x00\x91\x95\x01\x01\xc4\x00\xc4\x01k\xc0\x80"),
        BAD("too few fields", "\x95\x0f\x01\x00\x91\x01\x80"),
        BAD("a stat has neither name nor version", "\x95\x16\x01\x00\x81\x01\x02\x80"),
        BAD("a row is not a map", "\x95\x17\x01\x00\x91\xc0\x80"),
        BAD("a row is not a map", "\x95\x18\x01\x00\x91\x90\x80"),
        BAD("a field has the wrong type", "\x95\x18\x01\x00\x91\x81\xa5waits\x91\xc0\x80"),
        BAD("a list is too long",
            "\x95\x18\x01\x00\x91\x81\xa5waits\x99\x90\x90\x90\x90\x90\x90\x90\x90\x90\x80"),
        BAD("too few fields", "\x95\x18\x01\x00\x91\x81\xa5waits\x91\x90\x80"),
        BAD("a number is too large", "\x96\x01\x01\x00\x00\x81\xa8"
                                     "body_max\xcf\0\0\0\1\0\0\0\0\xa0"),
    };
    check_bad(false, bad, COUNT(bad));
}

static void a_hello_of_another_version_is_understood_as_far_as_its_version(void)
{
    struct client_frame f;
    const char *why;
    static const char *const hellos[] = {"\x92\x01\x02", "\x95\x01\x02\xc0\x81\x01\xca\1\1\1\1\xa1x"};
    static const size_t sizes[] = {3, 13};
    for (size_t i = 0; i < COUNT(hellos); i++) {
        CHECK_EQUAL(codec_decode_client(codec, at_page_end(hellos[i], sizes[i]), &f, &why), MQ_OK);
        CHECK_EQUAL(f.verb, MQ_VERB_HELLO);
        CHECK_EQUAL(f.hello.version, 2);
    }
}

static void a_welcome_of_another_version_says_that_we_are_not_supported(void)
{
    struct broker_frame f;
    const char *why;
    CHECK_EQUAL(codec_decode_broker(codec, at_page_end("\x93\x01\x07\x00", 4), &f, &why), MQ_OK);
    CHECK_EQUAL(f.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(f.welcome.version, 7);
    CHECK_EQUAL(f.welcome.status, MQ_UNSUPPORTED);
}

static void unknown_keys_of_maps_are_ignored(void)
{
    const char *why;
    struct broker_frame b;
    struct client_frame c;
    static const char answer[] = "\x94\x19\x01\x00\x83\x01\x02\xa4"
                                 "late\x91\xca\0\0\0\0\xa4text\xa2hi";
    CHECK_EQUAL(codec_decode_broker(codec, at_page_end(answer, sizeof answer - 1), &b, &why), MQ_OK);
    CHECK(b.answer.text.size == 2 && memcmp(b.answer.text.data, "hi", 2) == 0);
    static const char ping[] = "\x94\x19\x01\x90\x81\xa3new\xc3";
    CHECK_EQUAL(codec_decode_client(codec, at_page_end(ping, sizeof ping - 1), &c, &why), MQ_OK);
    static const char row[] = "\x95\x17\x01\x00\x91\x82\xa4name\xa1q\xa3new\x05\x80";
    CHECK_EQUAL(codec_decode_broker(codec, at_page_end(row, sizeof row - 1), &b, &why), MQ_OK);
    CHECK_EQUAL(b.answer.queue_count, 1);
}

static void a_request_of_an_unknown_verb_can_be_answered_whatever_its_fields(void)
{
    const char *why;
    struct client_frame f;
    static const char request[] = "\x95\xcc\xc8\x07\x92\x01\x02\xc0\xa1x";
    CHECK_EQUAL(codec_decode_client(codec, at_page_end(request, sizeof request - 1), &f, &why), MQ_OK);
    CHECK_EQUAL(f.request.verb, 200);
    CHECK_EQUAL(f.request.number, 7);
    CHECK_EQUAL(f.request.confirms.count, 1);
}

static void an_unknown_setting_is_marked_for_refusal(void)
{
    const char *why;
    struct client_frame f;
    static const char open[] = "\x97\x0a\x01\x90\xa1q\xc2\x82\xa7maxsize\x05\xa9max_bytes\x06\x80";
    CHECK_EQUAL(codec_decode_client(codec, at_page_end(open, sizeof open - 1), &f, &why), MQ_OK);
    CHECK_EQUAL(f.request.settings.given, MQ_SETTING_MAXSIZE | MQ_SETTING_UNKNOWN);
    CHECK_EQUAL(f.request.settings.maxsize, 5);
}

/* ---- bombs ---- */
static size_t peak_kib(void)
{
    struct rusage usage;
    CHECK_EQUAL(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_maxrss;
}

/* Refused, and without taking more memory than a full frame of items needs. */
static void check_bomb(const uint8_t *head, size_t head_size, uint8_t fill, const char *reason)
{
    const char *why;
    uint8_t *frame = malloc(MQ_FRAME_SIZE_MAX);
    CHECK(frame != NULL);
    memset(frame, fill, MQ_FRAME_SIZE_MAX);
    memcpy(frame, head, head_size);
    size_t before = peak_kib();
    CHECK_EQUAL(
        codec_decode_client(codec, (struct bytes){frame, MQ_FRAME_SIZE_MAX}, &(struct client_frame){0}, &why),
        MQ_INVALID);
    CHECK(strcmp(why, reason) == 0);
    CHECK(peak_kib() - before < 1024);
    free(frame);
}

static void bombs_of_objects_and_of_depth_are_refused_without_memory(void)
{
    enum { ELEMENTS = MQ_FRAME_SIZE_MAX - 5 };
    const uint8_t array[] = {0xdd, ELEMENTS >> 24, ELEMENTS >> 16 & 255, ELEMENTS >> 8 & 255, ELEMENTS & 255};
    const uint8_t map[] = {
        0x91, 0xdf, ELEMENTS >> 25, ELEMENTS >> 17 & 255, ELEMENTS >> 9 & 255, ELEMENTS >> 1 & 255};
    check_bomb(array, sizeof array, 0xc0, "frame has too many objects");
    check_bomb(map, sizeof map, 0xc0, "frame has too many objects");
    check_bomb((const uint8_t *)"\x91", 1, 0x91, "frame is nested too deeply");
    check_bomb((const uint8_t *)"\x81", 1, 0x81, "frame is not an array");
    check_bomb((const uint8_t *)"\xdc\xff\xff", 3, 0x9f, "frame is nested too deeply");
}

static void the_largest_number_of_objects_costs_a_bounded_amount_of_memory(void)
{
    enum { OBJECTS = 6 * MQ_ITEMS_MAX - 1 };
    static uint8_t frame[OBJECTS + 5] = {0xdd, OBJECTS >> 24, OBJECTS >> 16 & 255, OBJECTS >> 8 & 255,
                                         OBJECTS & 255};
    memset(frame + 5, 0xc0, OBJECTS);
    const char *why;
    size_t before = peak_kib();
    CHECK_EQUAL(decode(true, (struct bytes){frame, sizeof frame}, &why), MQ_INVALID);
    CHECK(strcmp(why, "a field has the wrong type") == 0);
    CHECK(peak_kib() - before < 32 << 10);
}

/* What malloc has handed out; a sanitizer's own malloc counts elsewhere, and then nothing is seen here. */
static size_t heap_size(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void memory_of_a_giant_frame_is_given_back(void)
{
    const char *why;
    struct request ping = {.verb = MQ_VERB_PING};
    struct bytes frame;
    size_t before = heap_size();
    struct put_item *items = calloc(MQ_ITEMS_MAX, sizeof *items);
    char *body = calloc(1, MQ_BODY_SIZE_MAX);
    CHECK(items && body);
    items[0].body = (struct bytes){body, MQ_BODY_SIZE_MAX};
    struct request put = {.verb = MQ_VERB_PUT, .puts = items, .put_count = MQ_ITEMS_MAX};
    CHECK_EQUAL(codec_encode_request(codec, &put, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_client(second, frame, &(struct client_frame){0}, &why), MQ_OK);
    free(items);
    free(body);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(codec_encode_request(codec, &ping, &frame), MQ_OK);
        CHECK_EQUAL(codec_decode_client(second, frame, &(struct client_frame){0}, &why), MQ_OK);
    }
    CHECK(heap_size() < before + (64 << 10));
}

static const struct unit_test tests[] = {
    UNIT(every_sample_is_accepted),
    UNIT(every_truncation_of_every_message_is_refused),
    UNIT(a_message_with_a_byte_behind_it_is_refused),
    UNIT(every_change_of_one_byte_is_survived),
    UNIT(a_message_of_one_side_sent_by_the_other_is_survived),
    UNIT(what_is_not_one_array_is_refused),
    UNIT(huge_lengths_are_refused_at_once),
    UNIT(requests_of_the_wrong_shape_are_refused_with_the_reason),
    UNIT(answers_of_the_wrong_shape_are_refused_with_the_reason),
    UNIT(a_hello_of_another_version_is_understood_as_far_as_its_version),
    UNIT(a_welcome_of_another_version_says_that_we_are_not_supported),
    UNIT(unknown_keys_of_maps_are_ignored),
    UNIT(a_request_of_an_unknown_verb_can_be_answered_whatever_its_fields),
    UNIT(an_unknown_setting_is_marked_for_refusal),
    UNIT(bombs_of_objects_and_of_depth_are_refused_without_memory),
    UNIT(the_largest_number_of_objects_costs_a_bounded_amount_of_memory),
    UNIT(memory_of_a_giant_frame_is_given_back),
};

int main(void)
{
    codec = codec_new();
    second = codec_new();
    page_end = page_before_nothing();
    if (!codec || !second || !page_end)
        return 1;
    int failed = unit_run("codec_hostile", tests, sizeof tests / sizeof *tests);
    codec_free(codec);
    codec_free(second);
    return failed;
}
