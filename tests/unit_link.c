/* unit_link.c - connections and their sessions, without sockets: frames go in with a made-up routing id and
 * descriptor, and what the link sends is kept in a list. Engine and codec are the real ones. */
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

static bool send_to_wire(void *context, struct bytes route, int fd, struct bytes frame)
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
        return true;
    }
    CU_FAIL_FATAL("sent to nobody");
    return false;
}

static void begin(void)
{
    struct engine_options options;
    engine_options_default(&options);
    options.resume_grace_ms = GRACE_MS;
    engine = engine_new(&options, 0);
    log_init(&quiet, -1, LOG_ERROR, LOG_FORMAT_TEXT);
    codec = codec_new();
    rules = link_new(engine, &quiet, (struct link_options){.fd_max = FD_MAX, .heartbeat_ms = 5000},
                     (struct link_door){.send = send_to_wire});
    CHECK(engine && codec && rules);
    wire_count = sent_count = sent_read = 0;
}

static void end(void)
{
    engine_check(engine);
    for (size_t i = 0; i < sent_count; i++)
        free(sent[i].bytes);
    link_free(rules);
    engine_free(engine);
    codec_free(codec);
}

static void plug_in(struct wire *w, uint8_t number, int fd)
{
    *w = (struct wire){.route = {0, 1, 2, 3, number}, .route_size = 5, .fd = fd};
    wires[wire_count++] = w;
}

/* --- what peers say --- */

static void say_bytes(uint64_t now_ms, const struct wire *w, const void *bytes, size_t size)
{
    struct link_frame in = {.route = {w->route, w->route_size}, .fd = w->fd, .bytes = {bytes, size}};
    link_input(rules, now_ms, &in);
    engine_check(engine);
}

static void say(uint64_t now_ms, const struct wire *w, struct bytes frame)
{
    /* A copy of the right size, so that a sanitizer sees who reads too far. */
    char *copy = __real_malloc(frame.size);
    memcpy(copy, frame.data, frame.size);
    say_bytes(now_ms, w, copy, frame.size);
    free(copy);
}

static void say_hello(uint64_t now_ms, const struct wire *w, uint8_t id, bool resume, uint64_t next_number)
{
    static const struct range awaited = {1, 1};
    struct hello hello = {.version = 1, .resume = resume, .id = {id}, .next_number = next_number};
    struct bytes frame;
    if (next_number > 1)
        hello.awaited = (struct ranges){&awaited, 1};
    CHECK_EQUAL(codec_encode_hello(codec, &hello, &frame), MQ_OK);
    say(now_ms, w, frame);
}

static void say_ping(uint64_t now_ms, const struct wire *w, uint64_t number)
{
    struct request ping = {.verb = MQ_VERB_PING, .number = number};
    struct bytes frame;
    CHECK_EQUAL(codec_encode_request(codec, &ping, &frame), MQ_OK);
    say(now_ms, w, frame);
}

static void say_bye(uint64_t now_ms, const struct wire *w)
{
    struct bytes frame;
    CHECK_EQUAL(codec_encode_bye(codec, (struct ranges){NULL, 0}, &frame), MQ_OK);
    say(now_ms, w, frame);
}

static void answer_all(uint64_t now_ms)
{
    void *peer;
    struct answer answer;
    while (engine_next_reply(engine, &peer, &answer))
        link_output(rules, now_ms, peer, &answer);
}

/* --- what they hear --- */

static struct broker_frame hear(const struct wire *w)
{
    struct broker_frame frame = {0};
    const char *why;
    CHECK(sent_read < sent_count);
    const struct sent *s = &sent[sent_read++];
    CHECK(s->to == w);
    CHECK_EQUAL(codec_decode_broker(codec, (struct bytes){s->bytes, s->size}, &frame, &why), MQ_OK);
    return frame;
}

static void hear_welcome(const struct wire *w, enum mq_status status)
{
    struct broker_frame frame = hear(w);
    CHECK_EQUAL(frame.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(frame.welcome.status, status);
}

static void hear_refused(const struct wire *w, enum mq_status status)
{
    struct broker_frame frame = hear(w);
    CHECK_EQUAL(frame.verb, MQ_VERB_REFUSED);
    CHECK_EQUAL(frame.status, status);
    CHECK(frame.text.size > 0);
}

static void hear_pong(const struct wire *w, uint64_t number)
{
    answer_all(0);
    struct broker_frame frame = hear(w);
    CHECK_EQUAL(frame.verb, MQ_VERB_PING);
    CHECK_EQUAL(frame.answer.number, number);
}

static void hear_probe(const struct wire *w)
{
    CHECK_EQUAL(hear(w).verb, MQ_VERB_PROBE);
}

static void hear_nothing(void)
{
    answer_all(0);
    CHECK_EQUAL(sent_read, sent_count);
}

static void join(uint64_t now_ms, struct wire *w, uint8_t id)
{
    say_hello(now_ms, w, id, false, 1);
    hear_welcome(w, MQ_OK);
}

static uint64_t connected(void)
{
    struct broker_stat stat;
    engine_stat(engine, &stat);
    CHECK_EQUAL(stat.connected, link_stat(rules).bound);
    return stat.connected;
}

/* --- hello --- */

static void a_hello_is_welcomed_and_told_the_heartbeat(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    say_hello(0, &a, 1, false, 1);
    struct welcome welcome = hear(&a).welcome;
    CHECK_EQUAL(welcome.status, MQ_OK);
    CHECK_EQUAL(welcome.heartbeat_ms, 5000);
    CHECK_EQUAL(welcome.resume_grace_ms, GRACE_MS);
    say_ping(0, &a, 1);
    hear_pong(&a, 1);
    CHECK_EQUAL(connected(), 1);
    end();
}

static void a_hello_of_another_version_is_answered_unsupported(void)
{
    static const uint8_t future[] = {0x93, MQ_VERB_HELLO, 99, 0xc0};
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    say_bytes(0, &a, future, sizeof future);
    hear_welcome(&a, MQ_UNSUPPORTED);
    CHECK_EQUAL(connected(), 0);
    end();
}

static void a_new_session_on_a_connection_ends_the_one_before(void)
{
    struct wire a, b;
    begin();
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 11);
    join(0, &a, 1);
    join(0, &a, 2);
    CHECK_EQUAL(connected(), 1);
    say_hello(0, &b, 1, true, 1);
    hear_welcome(&b, MQ_SESSION_LOST);
    CHECK_EQUAL(connected(), 1);
    end();
}

static void a_session_resumed_on_a_connection_leaves_the_one_before(void)
{
    struct wire a, b, c;
    begin();
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 11);
    plug_in(&c, 3, 12);
    join(0, &a, 1);
    join(0, &b, 2);
    say_hello(0, &a, 2, true, 1);
    hear_refused(&b, MQ_TEMPORARY);
    hear_welcome(&a, MQ_OK);
    CHECK_EQUAL(connected(), 1);
    say_hello(0, &c, 1, true, 1);
    hear_welcome(&c, MQ_OK);
    CHECK_EQUAL(connected(), 2);
    end();
}

static void a_connection_whose_routing_id_it_chose_itself_gets_no_session(void)
{
    struct wire a, b;
    begin();
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 11);
    memcpy(a.route, "mine", a.route_size = 4);
    memcpy(b.route, "yours", b.route_size = 5);
    say_hello(0, &a, 1, false, 1);
    hear_welcome(&a, MQ_INVALID);
    say_hello(0, &b, 1, false, 1);
    hear_welcome(&b, MQ_INVALID);
    say_ping(0, &b, 1);
    hear_refused(&b, MQ_INVALID);
    CHECK_EQUAL(connected(), 0);
    end();
}

static void a_welcome_that_cannot_be_sent_leaves_no_connection(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    a.is_dead = true;
    say_hello(0, &a, 1, false, 1);
    CHECK_EQUAL(connected(), 0);
    CHECK_EQUAL(link_stat(rules).gone, 1);
    CHECK_EQUAL(link_deadline_ms(rules), UINT64_MAX);
    end();
}

static void a_hello_without_memory_for_it_is_answered_temporary(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 9); /* buffers have grown */
    bool welcome = false;
    for (uint64_t fails_at = 1; !welcome; fails_at++) {
        malloc_fails_at = malloc_calls + fails_at;
        say_hello(0, &a, 1, false, 1);
        malloc_fails_at = 0;
        struct broker_frame frame = hear(&a);
        CHECK_EQUAL(frame.verb, MQ_VERB_HELLO);
        welcome = frame.welcome.status == MQ_OK;
        CHECK(welcome || frame.welcome.status == MQ_TEMPORARY);
        CHECK_EQUAL(connected(), welcome);
        CHECK(fails_at < 20);
    }
    end();
}

/* --- strangers --- */

static void a_stranger_is_refused_once_until_it_says_hello(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    say_ping(0, &a, 1);
    hear_refused(&a, MQ_INVALID);
    say_ping(0, &a, 1);
    say_bytes(0, &a, "garbage", 7);
    say_bye(0, &a);
    hear_nothing();
    CHECK_EQUAL(link_stat(rules).dropped, 3);
    CHECK_EQUAL(link_stat(rules).refused, 1);
    join(0, &a, 1);
    say_ping(0, &a, 1);
    hear_pong(&a, 1);
    end();
}

static void another_stranger_with_a_used_descriptor_is_told_too(void)
{
    struct wire a, b;
    begin();
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 10);
    say_bytes(0, &a, "garbage", 7);
    hear_refused(&a, MQ_INVALID);
    say_bytes(0, &b, "garbage", 7);
    hear_refused(&b, MQ_INVALID);
    end();
}

static void a_stranger_of_an_unknown_descriptor_is_told_each_time(void)
{
    static const int fds[] = {-1, FD_MAX, FD_MAX + 1};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        struct wire a;
        begin();
        plug_in(&a, 1, fds[i]);
        say_bytes(0, &a, "garbage", 7);
        hear_refused(&a, MQ_INVALID);
        say_bytes(0, &a, "garbage", 7);
        hear_refused(&a, MQ_INVALID);
        join(0, &a, 1);
        end();
    }
}

static void strangers_take_no_memory(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    say_bytes(0, &a, "garbage", 7);
    hear_refused(&a, MQ_INVALID);
    uint64_t before = malloc_calls;
    for (int i = 0; i < 1000; i++)
        say_bytes(0, &a, "garbage", 7);
    CHECK_EQUAL(malloc_calls, before);
    CHECK_EQUAL(link_stat(rules).dropped, 1000);
    end();
}

/* --- what sessions must not say --- */

static void garbage_of_a_session_is_refused_and_the_session_can_resume(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    say_bytes(0, &a, "garbage", 7);
    hear_refused(&a, MQ_INVALID);
    CHECK_EQUAL(connected(), 0);
    say_ping(0, &a, 1);
    hear_nothing();
    say_hello(0, &a, 1, true, 1);
    hear_welcome(&a, MQ_OK);
    say_ping(0, &a, 1);
    hear_pong(&a, 1);
    end();
}

static void a_gap_in_the_numbers_is_refused(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    say_ping(0, &a, 2);
    hear_refused(&a, MQ_INVALID);
    CHECK_EQUAL(connected(), 0);
    end();
}

static void a_message_of_several_parts_is_refused(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    struct link_frame in = {.route = {a.route, 5}, .fd = 10, .bytes = {"\x93", 1}, .is_multipart = true};
    link_input(rules, 0, &in);
    hear_refused(&a, MQ_INVALID);
    end();
}

static void a_request_without_memory_for_it_is_refused_temporary(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    malloc_always_fails = true;
    say_ping(0, &a, 1);
    malloc_always_fails = false;
    hear_refused(&a, MQ_TEMPORARY);
    say_hello(0, &a, 1, true, 1);
    hear_welcome(&a, MQ_OK);
    say_ping(0, &a, 1);
    hear_pong(&a, 1);
    end();
}

static void say_put(const struct wire *w, uint64_t number, size_t count)
{
    static struct put_item items[2000];
    struct request put = {.verb = MQ_VERB_PUT, .number = number, .queue = mq_bytes("q"), .puts = items};
    struct bytes frame;
    put.put_count = count;
    CHECK_EQUAL(codec_encode_request(codec, &put, &frame), MQ_OK);
    say(0, w, frame);
}

static void a_large_request_fails_for_memory_as_a_whole(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    bool refused = true;
    uint64_t fails_at = 1;
    for (; refused; fails_at++) {
        malloc_fails_at = malloc_calls + fails_at;
        say_put(&a, 1, 2000);
        malloc_fails_at = 0;
        refused = connected() == 0;
        if (refused) {
            hear_refused(&a, MQ_TEMPORARY);
            say_hello(0, &a, 1, true, 1);
            hear_welcome(&a, MQ_OK);
        }
        CHECK(fails_at < 50);
    }
    CHECK(fails_at > 2);
    answer_all(0);
    CHECK_EQUAL(hear(&a).answer.status, MQ_NO_QUEUE);
    end();
}

static void an_answer_too_big_for_a_frame_is_said_to_be(void)
{
    struct wire a;
    void *peer;
    struct answer answer;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    say_ping(0, &a, 1);
    CHECK(engine_next_reply(engine, &peer, &answer));
    struct item_view item = {.id = 1, .body = {__real_calloc(1, MQ_FRAME_SIZE_MAX), MQ_FRAME_SIZE_MAX}};
    struct answer giant = {.verb = MQ_VERB_GET, .number = 1, .items = &item, .item_count = 1};
    link_output(rules, 0, peer, &giant);
    free((void *)(uintptr_t)item.body.data);
    answer = hear(&a).answer;
    CHECK_EQUAL(answer.verb, MQ_VERB_GET);
    CHECK_EQUAL(answer.number, 1);
    CHECK_EQUAL(answer.status, MQ_TOO_BIG);
    CHECK_EQUAL(answer.item_count, 0);
    end();
}

/* --- the end of a conversation --- */

static void a_bye_is_answered_and_what_follows_is_dropped(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    say_bye(0, &a);
    CHECK_EQUAL(hear(&a).verb, MQ_VERB_BYE);
    CHECK_EQUAL(connected(), 0);
    say_ping(0, &a, 1);
    hear_nothing();
    say_hello(0, &a, 1, true, 1);
    hear_welcome(&a, MQ_SESSION_LOST);
    CHECK_EQUAL(link_stat(rules).gone, 0);
    end();
}

static void the_connection_that_its_session_left_is_told_so_and_then_neither_heard_nor_answered(void)
{
    struct wire a, b;
    begin();
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 11);
    join(0, &a, 1);
    say_ping(0, &a, 1); /* its answer is not on its way yet */
    say_hello(0, &b, 1, true, 2);
    hear_refused(&a, MQ_TEMPORARY); /* should it be the one that the client uses, it resumes */
    hear_welcome(&b, MQ_OK);
    say_ping(0, &a, 2);
    hear_nothing();
    CHECK_EQUAL(link_stat(rules).dropped, 1);
    CHECK_EQUAL(connected(), 1);
    say_ping(0, &b, 1);
    hear_pong(&b, 1);
    say_ping(0, &b, 2);
    hear_pong(&b, 2);
    end();
}

static void an_answer_that_cannot_be_sent_is_there_for_who_resumes(void)
{
    struct wire a, b;
    begin();
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 11);
    join(0, &a, 1);
    say_ping(0, &a, 1);
    a.is_dead = true;
    answer_all(0);
    CHECK_EQUAL(connected(), 0);
    CHECK_EQUAL(link_stat(rules).gone, 1);
    say_hello(1, &b, 1, true, 2);
    hear_welcome(&b, MQ_OK);
    say_ping(1, &b, 1);
    hear_pong(&b, 1);
    end();
}

/* --- who is alive --- */

static void a_new_connection_is_probed_once(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(1000, &a, 1);
    CHECK_EQUAL(link_deadline_ms(rules), 1500);
    link_tick(rules, 1499);
    hear_nothing();
    link_tick(rules, 1500);
    hear_probe(&a);
    CHECK_EQUAL(link_deadline_ms(rules), UINT64_MAX);
    end();
}

static void a_closed_descriptor_ends_its_connection_at_once(void)
{
    struct wire a, b;
    begin();
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 11);
    join(0, &a, 1);
    join(0, &b, 2);
    a.is_dead = true;
    link_closed(rules, 7, 10);
    CHECK_EQUAL(link_deadline_ms(rules), 7);
    link_tick(rules, 7);
    CHECK_EQUAL(connected(), 1);
    say_ping(7, &b, 1);
    hear_pong(&b, 1);
    end();
}

static void a_connection_under_suspicion_is_probed_four_times(void)
{
    static const uint64_t probes_ms[] = {100, 105, 155, 655};
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    link_closed(rules, 100, 10);
    for (size_t i = 0; i < 4; i++) {
        CHECK_EQUAL(link_deadline_ms(rules), probes_ms[i]);
        link_tick(rules, probes_ms[i]);
        hear_probe(&a);
    }
    CHECK_EQUAL(link_deadline_ms(rules), UINT64_MAX);
    CHECK_EQUAL(connected(), 1);
    end();
}

static void a_connection_that_libzmq_gives_up_late_is_noticed_all_the_same(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    link_closed(rules, 100, 10);
    link_tick(rules, 100);
    link_tick(rules, 105);
    a.is_dead = true;
    link_tick(rules, 155);
    CHECK_EQUAL(connected(), 0);
    CHECK_EQUAL(link_deadline_ms(rules), UINT64_MAX);
    end();
}

/* The event of the first one's end comes when the second already has its number. */
static void of_two_connections_with_one_descriptor_only_the_dead_one_goes(void)
{
    struct wire a, b;
    begin();
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 10);
    join(0, &a, 1);
    join(0, &b, 2);
    a.is_dead = true;
    link_closed(rules, 0, 10);
    link_tick(rules, 0);
    hear_probe(&b);
    CHECK_EQUAL(connected(), 1);
    say_ping(0, &b, 1);
    hear_pong(&b, 1);
    end();
}

static void a_descriptor_of_nobody_closes_nothing(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    link_closed(rules, 0, 11);
    link_closed(rules, 0, -1);
    CHECK_EQUAL(link_deadline_ms(rules), 500);
    CHECK_EQUAL(connected(), 1);
    end();
}

static void a_link_without_memory_is_none(void)
{
    begin();
    for (uint64_t fails_at = 1;; fails_at++) {
        malloc_fails_at = malloc_calls + fails_at;
        struct link *l = link_new(engine, &quiet, (struct link_options){.fd_max = FD_MAX},
                                  (struct link_door){.send = send_to_wire});
        malloc_fails_at = 0;
        if (l) {
            link_free(l);
            CHECK(fails_at > 2);
            break;
        }
    }
    end();
}

static const struct unit_test tests[] = {
    UNIT(a_hello_is_welcomed_and_told_the_heartbeat),
    UNIT(a_hello_of_another_version_is_answered_unsupported),
    UNIT(a_new_session_on_a_connection_ends_the_one_before),
    UNIT(a_session_resumed_on_a_connection_leaves_the_one_before),
    UNIT(a_connection_whose_routing_id_it_chose_itself_gets_no_session),
    UNIT(a_welcome_that_cannot_be_sent_leaves_no_connection),
    UNIT(a_hello_without_memory_for_it_is_answered_temporary),
    UNIT(a_stranger_is_refused_once_until_it_says_hello),
    UNIT(another_stranger_with_a_used_descriptor_is_told_too),
    UNIT(a_stranger_of_an_unknown_descriptor_is_told_each_time),
    UNIT(strangers_take_no_memory),
    UNIT(garbage_of_a_session_is_refused_and_the_session_can_resume),
    UNIT(a_gap_in_the_numbers_is_refused),
    UNIT(a_message_of_several_parts_is_refused),
    UNIT(a_request_without_memory_for_it_is_refused_temporary),
    UNIT(a_large_request_fails_for_memory_as_a_whole),
    UNIT(an_answer_too_big_for_a_frame_is_said_to_be),
    UNIT(a_bye_is_answered_and_what_follows_is_dropped),
    UNIT(the_connection_that_its_session_left_is_told_so_and_then_neither_heard_nor_answered),
    UNIT(an_answer_that_cannot_be_sent_is_there_for_who_resumes),
    UNIT(a_new_connection_is_probed_once),
    UNIT(a_closed_descriptor_ends_its_connection_at_once),
    UNIT(a_connection_under_suspicion_is_probed_four_times),
    UNIT(a_connection_that_libzmq_gives_up_late_is_noticed_all_the_same),
    UNIT(of_two_connections_with_one_descriptor_only_the_dead_one_goes),
    UNIT(a_descriptor_of_nobody_closes_nothing),
    UNIT(a_link_without_memory_is_none),
};

int main(void)
{
    return unit_run("link", tests, sizeof tests / sizeof *tests);
}
