/* samples.h - at least one of every message of the protocol, with every field set to something of its own. */
#ifndef MQ_SAMPLES_H
#define MQ_SAMPLES_H

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "codec.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        literal, sizeof(literal) - 1                                                                         \
    }
#define NUMBERS(array)                                                                                       \
    {                                                                                                        \
        array, COUNT(array)                                                                                  \
    }

static const struct range sample_numbers[] = {{1, 1}, {3, 9}, {300, 70000}, {UINT64_MAX, UINT64_MAX}};
static const struct put_item sample_puts[] = {
    {.body = TEXT("first")},
    {.body = {NULL, 0}},
    {.body = TEXT("with\0key"), .key = TEXT("\1\x80\0\0\0\0\0\0\0\0\0")},
};
static const uint64_t sample_ids[] = {7, 8, 9, 3, 3, 4, 70000, UINT64_MAX - 1, UINT64_MAX, 0, 1};

static const struct request sample_requests[] = {
    {.verb = MQ_VERB_CANCEL, .number = 77, .confirms = NUMBERS(sample_numbers)},
    {.verb = MQ_VERB_OPEN, .number = 1, .queue = TEXT("jobs"), .create = true},
    {.verb = MQ_VERB_OPEN,
     .number = 2,
     .queue = TEXT("jobs"),
     .settings = {MQ_SETTINGS_ALL, MQ_KIND_PRIORITY, -5, 60000, true}},
    {.verb = MQ_VERB_SET,
     .number = 3,
     .queue = TEXT("jobs"),
     .settings = {.given = MQ_SETTING_MAXSIZE, .maxsize = 9}},
    {.verb = MQ_VERB_REMOVE, .number = 4, .queue = TEXT("jobs"), .force = true},
    {.verb = MQ_VERB_PUT,
     .number = 5,
     .confirms = NUMBERS(sample_numbers),
     .queue = TEXT("\xc3\xa4rger"),
     .timeout_ms = MQ_FOREVER_MS,
     .puts = sample_puts,
     .put_count = COUNT(sample_puts)},
    {.verb = MQ_VERB_PUT,
     .number = 6,
     .queue = TEXT("jobs"),
     .timeout_ms = MQ_FOREVER_MS,
     .puts = sample_puts,
     .put_count = 1,
     .partial = true},
    {.verb = MQ_VERB_GET,
     .number = 6,
     .queue = TEXT("jobs"),
     .timeout_ms = 1500,
     .max = 64,
     .auto_done = true},
    {.verb = MQ_VERB_TASK_DONE, .number = 7, .ids = sample_ids, .id_count = COUNT(sample_ids)},
    {.verb = MQ_VERB_RELEASE, .number = 8, .ids = sample_ids, .id_count = 3, .untouched = true},
    {.verb = MQ_VERB_EXTEND, .number = 9, .ids = sample_ids, .id_count = 1, .lease_ms = 30000},
    {.verb = MQ_VERB_JOIN, .number = 10, .queue = TEXT("jobs"), .timeout_ms = INT64_MAX},
    {.verb = MQ_VERB_SHUT_DOWN, .number = 11, .queue = TEXT("jobs"), .immediate = true},
    {.verb = MQ_VERB_PURGE, .number = 12, .queue = TEXT("jobs")},
    {.verb = MQ_VERB_PEEK, .number = 13, .queue = TEXT("jobs"), .max = 10, .last = true},
    {.verb = MQ_VERB_PEEK,
     .number = 13,
     .queue = TEXT("jobs"),
     .max = 10,
     .after_number = UINT64_MAX - 1,
     .by_id = true,
     .leased = true},
    {.verb = MQ_VERB_PEEK, .number = 13, .queue = TEXT("jobs"), .max = 1, .by_id = true},
    {.verb = MQ_VERB_STAT, .number = 14, .queue = TEXT("jobs")},
    {.verb = MQ_VERB_STAT, .number = 15},
    {.verb = MQ_VERB_LIST, .number = 16, .queue = TEXT("after this"), .max = MQ_ROWS_MAX},
    {.verb = MQ_VERB_SESSIONS, .number = 17, .after_number = 123456, .max = UINT32_MAX},
    {.verb = MQ_VERB_PING, .number = UINT64_MAX},
};

static const struct range sample_stored[] = {{1000, 1001}, {1005, 1005}};
static const struct item_view sample_items[] = {
    {.id = 1000, .deliveries = 1, .body = TEXT("first")},
    {.id = UINT64_MAX, .deliveries = UINT32_MAX, .body = {NULL, 0}},
    {.id = 0, .deliveries = 0, .body = TEXT("keyed"), .key = TEXT("\2a\0")},
};
static const struct item_view sample_walked[] = {
    {.id = 1, .body = TEXT("a")},
    {.id = 3, .deliveries = 1, .is_leased = true},
    {.id = 4, .deliveries = 2, .is_leased = true},
    {.id = 5, .deliveries = 1},
    {.id = 7, .deliveries = 1, .is_leased = true},
    {.id = 9, .deliveries = 1, .is_leased = true},
};
static const struct refusal sample_refusals[] = {{9, MQ_TOO_MANY_DONE}, {UINT64_MAX, MQ_LEASE_LOST}};
static const struct queue_stat sample_queues[] = {
    {.name = TEXT("jobs"),
     .settings = {MQ_SETTINGS_ALL, MQ_KIND_LIFO, 100, 60000, true},
     .ready = 1,
     .leased = 2,
     .unfinished = 3,
     .bytes = 4,
     .getters = 5,
     .putters = 6,
     .joiners = 7,
     .puts = 8,
     .gets = 9,
     .done = 10,
     .redelivered = 11,
     .returned = 12,
     .discarded = 13,
     .age_ms = 14,
     .oldest_ms = 15,
     .is_shut_down = true,
     .is_immediate = true},
    {.name = TEXT("other"),
     .settings = {MQ_SETTINGS_ALL, MQ_KIND_FIFO, INT64_MIN, INT64_MAX, false},
     .puts = UINT64_MAX},
};
static const struct broker_stat sample_broker = {.version = TEXT("1.2.3"),
                                                 .data = {.sync = TEXT("interval"),
                                                          .state = TEXT("full"),
                                                          .sync_interval_ms = 29,
                                                          .log_segments = 30,
                                                          .log_bytes = 31,
                                                          .unsafe_bytes = 32},
                                                 .live_bytes = 33,
                                                 .shelved = 34,
                                                 .shelved_items = 35,
                                                 .uptime_ms = 1,
                                                 .pid = 28,
                                                 .queues = 2,
                                                 .sessions = 3,
                                                 .connected = 4,
                                                 .ready = 5,
                                                 .leased = 6,
                                                 .waiting = 7,
                                                 .puts = 8,
                                                 .gets = 9,
                                                 .done = 10,
                                                 .redelivered = 11,
                                                 .returned = 12,
                                                 .discarded = 13,
                                                 .repeats = 14,
                                                 .sessions_lost = 15,
                                                 .forgotten = 16,
                                                 .memory = 17,
                                                 .memory_limit = 18,
                                                 .body_max = 19,
                                                 .queues_max = 20,
                                                 .sessions_max = 21,
                                                 .items_max = 22,
                                                 .frame_max = 23,
                                                 .waiting_max = 24,
                                                 .unconfirmed_max = 25,
                                                 .in_flight_max = 26,
                                                 .resume_grace_ms = 27,
                                                 .remember_ms = UINT64_MAX};
static const struct session_row sample_sessions[] = {
    {.number = 12,
     .name = TEXT("worker 4711"),
     .connected = true,
     .age_ms = 1,
     .idle_ms = 2,
     .waiting = 3,
     .leased = 4,
     .waits = {{MQ_VERB_GET, TEXT("jobs"), 5}, {MQ_VERB_PUT, TEXT("full"), 6}},
     .holds = {{MQ_VERB_TASK_DONE, TEXT("jobs"), 7}},
     .wait_count = 2,
     .hold_count = 1},
    {.number = 13},
};

static const struct answer sample_answers[] = {
    {.verb = MQ_VERB_CANCEL, .number = 77, .status = MQ_INTERRUPTED},
    {.verb = MQ_VERB_OPEN, .number = 1, .status = MQ_EXISTS, .text = TEXT("kind")},
    {.verb = MQ_VERB_SET, .number = 2, .status = MQ_OK},
    {.verb = MQ_VERB_REMOVE, .number = 3, .status = MQ_OK, .count = UINT64_MAX},
    {.verb = MQ_VERB_PUT,
     .number = 4,
     .status = MQ_FULL,
     .count = 3,
     .ids = sample_stored,
     .id_range_count = COUNT(sample_stored)},
    {.verb = MQ_VERB_GET,
     .number = 5,
     .status = MQ_OK,
     .lease_ms = 60000,
     .items = sample_items,
     .item_count = COUNT(sample_items)},
    {.verb = MQ_VERB_GET, .number = 6, .status = MQ_EMPTY},
    {.verb = MQ_VERB_TASK_DONE,
     .number = 7,
     .status = MQ_TOO_MANY_DONE,
     .refusals = sample_refusals,
     .refusal_count = COUNT(sample_refusals)},
    {.verb = MQ_VERB_RELEASE, .number = 8, .status = MQ_OK},
    {.verb = MQ_VERB_EXTEND,
     .number = 9,
     .status = MQ_LEASE_LOST,
     .refusals = sample_refusals + 1,
     .refusal_count = 1},
    {.verb = MQ_VERB_JOIN, .number = 10, .status = MQ_TIMED_OUT},
    {.verb = MQ_VERB_SHUT_DOWN, .number = 11, .status = MQ_NO_QUEUE, .text = TEXT("no queue \"jobs\"")},
    {.verb = MQ_VERB_PURGE, .number = 12, .status = MQ_OK, .count = 5},
    {.verb = MQ_VERB_PEEK, .number = 13, .status = MQ_OK, .items = sample_items, .item_count = 2},
    {.verb = MQ_VERB_PEEK,
     .number = 13,
     .status = MQ_OK,
     .newest = UINT64_MAX,
     .text = TEXT("and more"),
     .items = sample_walked,
     .item_count = COUNT(sample_walked)},
    {.verb = MQ_VERB_STAT, .number = 14, .status = MQ_OK, .queues = sample_queues, .queue_count = 1},
    {.verb = MQ_VERB_STAT, .number = 15, .status = MQ_OK, .broker = &sample_broker},
    {.verb = MQ_VERB_STAT, .number = 16, .status = MQ_NO_QUEUE},
    {.verb = MQ_VERB_LIST, .number = 17, .queues = sample_queues, .queue_count = COUNT(sample_queues)},
    {.verb = MQ_VERB_SESSIONS,
     .number = 18,
     .sessions = sample_sessions,
     .session_count = COUNT(sample_sessions)},
    {.verb = MQ_VERB_PING, .number = UINT64_MAX, .status = (enum mq_status)999},
    {.verb = (enum mq_verb)200, .number = 19, .status = MQ_UNSUPPORTED, .text = TEXT("verb")},
};

static const struct hello sample_hello = {.version = MQ_PROTOCOL_VERSION,
                                          .resume = true,
                                          .id = "0123456789abcde",
                                          .next_number = 70001,
                                          .awaited = NUMBERS(sample_numbers),
                                          .name = TEXT("worker 4711")};
static const struct welcome sample_welcome = {.status = MQ_LIMIT,
                                              .version = MQ_PROTOCOL_VERSION,
                                              .session = 12,
                                              .body_max = 1,
                                              .frame_max = 2,
                                              .items_max = 3,
                                              .waiting_max = 4,
                                              .unconfirmed_max = 5,
                                              .in_flight_max = 6,
                                              .resume_grace_ms = 7,
                                              .heartbeat_ms = UINT32_MAX,
                                              .lapses = 8,
                                              .text = TEXT("too many sessions")};

/* One encoded message. */
struct sample {
    bool from_client;
    size_t size;
    uint8_t data[1024];
};

enum { SAMPLE_COUNT = COUNT(sample_requests) + COUNT(sample_answers) + 7 };

static inline void sample_set(struct sample *sample, bool from_client, enum mq_status status,
                              struct bytes frame)
{
    CHECK_EQUAL(status, MQ_OK);
    CHECK(frame.size <= sizeof sample->data);
    sample->from_client = from_client;
    sample->size = frame.size;
    memcpy(sample->data, frame.data, frame.size);
}

static inline void samples_encode(struct codec *codec, struct sample samples[SAMPLE_COUNT])
{
    struct bytes frame = {NULL, 0};
    struct ranges numbers = NUMBERS(sample_numbers), none = {NULL, 0};
    for (size_t i = 0; i < COUNT(sample_requests); i++)
        sample_set(samples++, true, codec_encode_request(codec, &sample_requests[i], &frame), frame);
    for (size_t i = 0; i < COUNT(sample_answers); i++)
        sample_set(samples++, false, codec_encode_answer(codec, &sample_answers[i], &frame), frame);
    sample_set(samples++, true, codec_encode_hello(codec, &sample_hello, &frame), frame);
    sample_set(samples++, true, codec_encode_confirm(codec, numbers, &frame), frame);
    sample_set(samples++, true, codec_encode_bye(codec, none, &frame), frame);
    sample_set(samples++, false, codec_encode_welcome(codec, &sample_welcome, &frame), frame);
    sample_set(samples++, false, codec_encode_refused(codec, MQ_INVALID, "why", &frame), frame);
    sample_set(samples++, false, codec_encode_probe(codec, &frame), frame);
    sample_set(samples++, false, codec_encode_bye_answer(codec, MQ_OK, &frame), frame);
}

/* Encodes what was decoded; it reads all that the structs point to on the way. */
static inline enum mq_status encode_client_frame(struct codec *codec, const struct client_frame *f,
                                                 struct bytes *ret_frame)
{
    if (f->verb == MQ_VERB_HELLO)
        return codec_encode_hello(codec, &f->hello, ret_frame);
    if (f->verb == MQ_VERB_CONFIRM)
        return codec_encode_confirm(codec, f->confirms, ret_frame);
    if (f->verb == MQ_VERB_BYE)
        return codec_encode_bye(codec, f->confirms, ret_frame);
    return codec_encode_request(codec, &f->request, ret_frame);
}

static inline enum mq_status encode_broker_frame(struct codec *codec, const struct broker_frame *f,
                                                 struct bytes *ret_frame)
{
    if (f->verb == MQ_VERB_HELLO)
        return codec_encode_welcome(codec, &f->welcome, ret_frame);
    if (f->verb == MQ_VERB_BYE)
        return codec_encode_bye_answer(codec, f->status, ret_frame);
    if (f->verb == MQ_VERB_REFUSED) {
        char text[1024] = "";
        size_t size = f->text.size < sizeof text ? f->text.size : sizeof text - 1;
        if (size)
            memcpy(text, f->text.data, size);
        return codec_encode_refused(codec, f->status, text, ret_frame);
    }
    if (f->verb == MQ_VERB_PROBE)
        return codec_encode_probe(codec, ret_frame);
    return codec_encode_answer(codec, &f->answer, ret_frame);
}

#endif
