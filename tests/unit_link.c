/* unit_link.c - how connections get sessions, and what they must not say. */
#include "failing_malloc.h"
#include "wires.h"

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

static struct bytes put_frame(uint64_t number, size_t count)
{
    static struct put_item items[2000];
    struct request put = {.verb = MQ_VERB_PUT, .number = number, .queue = mq_bytes("q"), .puts = items};
    struct bytes frame;
    put.put_count = count;
    CHECK_EQUAL(codec_encode_request(codec, &put, &frame), MQ_OK);
    return frame;
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
        struct bytes put = put_frame(1, 2000);
        malloc_fails_at = malloc_calls + fails_at;
        say(0, &a, put);
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
    CHECK(engine_next_reply(engine, UINT64_MAX, &peer, &answer));
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
};

int main(void)
{
    return unit_run("link", tests, sizeof tests / sizeof *tests);
}
