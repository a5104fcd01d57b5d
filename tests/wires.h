/* wires.h - peers of a link without sockets: frames go in with a made-up routing id and descriptor, and what
 * the link sends is kept in a list. Engine and codec are the real ones. One per program: it has state. */
#ifndef MQ_WIRES_H
#define MQ_WIRES_H

#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "failing_malloc.h"
#include "link.h"
#include "unit.h"

enum { SENT_MAX = 64, FD_MAX = 100, GRACE_MS = 3000 };

/* A connection as the test sees it. */
struct wire {
    uint8_t route[8];
    size_t route_size;
    int fd;
    bool is_dead; /* what is sent there cannot be sent */
    bool takes;   /* the memory of frames, as sockets do */
};

struct sent {
    const struct wire *to;
    char *bytes;
    size_t size;
};

static struct engine *engine;
static struct link *rules;
static struct log quiet;
static struct codec *codec;
static struct wire *wires[8];
static size_t wire_count, sent_count, sent_read;
static struct sent sent[SENT_MAX];

static inline bool send_to_wire(void *context, struct bytes route, int fd, struct bytes frame)
{
    (void)context;
    for (size_t i = 0; i < wire_count; i++) {
        struct wire *w = wires[i];
        if (w->route_size != route.size || memcmp(w->route, route.data, route.size) != 0)
            continue;
        CHECK_EQUAL(fd, w->fd);
        if (w->is_dead)
            return false;
        CHECK(sent_count < SENT_MAX);
        char *copy = __real_malloc(frame.size);
        memcpy(copy, frame.data, frame.size);
        sent[sent_count++] = (struct sent){w, copy, frame.size};
        if (w->takes)
            free(link_take_frame(rules));
        return true;
    }
    CU_FAIL_FATAL("sent to nobody");
    return false;
}

static inline void begin_with(bool is_durable)
{
    struct engine_options options;
    engine_options_default(&options);
    options.resume_grace_ms = GRACE_MS;
    options.is_durable = is_durable;
    engine = engine_new(&options, 0);
    log_init(&quiet, -1, LOG_ERROR, LOG_FORMAT_TEXT);
    codec = codec_new();
    rules = link_new(engine, &quiet, (struct link_options){.fd_max = FD_MAX, .heartbeat_ms = 5000},
                     (struct link_door){.send = send_to_wire});
    CHECK(engine && codec && rules);
    wire_count = sent_count = sent_read = 0;
}

static inline void begin(void)
{
    begin_with(false);
}

static inline void end(void)
{
    engine_check(engine);
    for (size_t i = 0; i < sent_count; i++)
        free(sent[i].bytes);
    link_free(rules);
    engine_free(engine);
    codec_free(codec);
}

static inline void plug_in(struct wire *w, uint8_t number, int fd)
{
    *w = (struct wire){.route = {0, 1, 2, 3, number}, .route_size = 5, .fd = fd};
    wires[wire_count++] = w;
}

/* --- what peers say --- */

static inline void say_bytes(uint64_t now_ms, const struct wire *w, const void *bytes, size_t size)
{
    struct link_frame in = {.route = {w->route, w->route_size}, .fd = w->fd, .bytes = {bytes, size}};
    link_input(rules, now_ms, &in);
    engine_check(engine);
}

static inline void say(uint64_t now_ms, const struct wire *w, struct bytes frame)
{
    /* A copy of the right size, so that a sanitizer sees who reads too far. */
    char *copy = __real_malloc(frame.size);
    memcpy(copy, frame.data, frame.size);
    say_bytes(now_ms, w, copy, frame.size);
    free(copy);
}

static inline void say_hello(uint64_t now_ms, const struct wire *w, uint8_t id, bool resume,
                             uint64_t next_number)
{
    static const struct range awaited = {1, 1};
    struct hello hello = {.version = 1, .resume = resume, .id = {id}, .next_number = next_number};
    struct bytes frame;
    if (next_number > 1)
        hello.awaited = (struct ranges){&awaited, 1};
    CHECK_EQUAL(codec_encode_hello(codec, &hello, &frame), MQ_OK);
    say(now_ms, w, frame);
}

static inline void say_ping(uint64_t now_ms, const struct wire *w, uint64_t number)
{
    struct request ping = {.verb = MQ_VERB_PING, .number = number};
    struct bytes frame;
    CHECK_EQUAL(codec_encode_request(codec, &ping, &frame), MQ_OK);
    say(now_ms, w, frame);
}

static inline void say_bye(uint64_t now_ms, const struct wire *w)
{
    struct bytes frame;
    CHECK_EQUAL(codec_encode_bye(codec, (struct ranges){NULL, 0}, &frame), MQ_OK);
    say(now_ms, w, frame);
}

static inline void answer_all(uint64_t now_ms)
{
    void *peer;
    struct answer answer;
    while (engine_next_reply(engine, UINT64_MAX, &peer, &answer))
        link_output(rules, now_ms, peer, &answer);
}

/* --- what they hear --- */

static inline struct broker_frame hear(const struct wire *w)
{
    struct broker_frame frame = {0};
    const char *why;
    CHECK(sent_read < sent_count);
    const struct sent *s = &sent[sent_read++];
    CHECK(s->to == w);
    CHECK_EQUAL(codec_decode_broker(codec, (struct bytes){s->bytes, s->size}, &frame, &why), MQ_OK);
    return frame;
}

static inline void hear_welcome(const struct wire *w, enum mq_status status)
{
    struct broker_frame frame = hear(w);
    CHECK_EQUAL(frame.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(frame.welcome.status, status);
}

static inline void hear_refused(const struct wire *w, enum mq_status status)
{
    struct broker_frame frame = hear(w);
    CHECK_EQUAL(frame.verb, MQ_VERB_REFUSED);
    CHECK_EQUAL(frame.status, status);
    CHECK(frame.text.size > 0);
}

static inline void hear_pong(const struct wire *w, uint64_t number)
{
    answer_all(0);
    struct broker_frame frame = hear(w);
    CHECK_EQUAL(frame.verb, MQ_VERB_PING);
    CHECK_EQUAL(frame.answer.number, number);
}

static inline void hear_probe(const struct wire *w)
{
    CHECK_EQUAL(hear(w).verb, MQ_VERB_PROBE);
}

static inline void hear_nothing(void)
{
    answer_all(0);
    CHECK_EQUAL(sent_read, sent_count);
}

static inline void join(uint64_t now_ms, struct wire *w, uint8_t id)
{
    say_hello(now_ms, w, id, false, 1);
    hear_welcome(w, MQ_OK);
}

static inline uint64_t connected(void)
{
    struct broker_stat stat;
    engine_stat(engine, &stat);
    CHECK_EQUAL(stat.connected, link_stat(rules).bound);
    return stat.connected;
}

#endif
