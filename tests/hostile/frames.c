/* frames.c - peers that speak ZMTP, but say what nobody may say: the sender is told why, once, and nobody
 * else notices. */
#include <string.h>

#include "peer.h"
#include "unit.h"

static struct broker broker;
static struct peer witness, peer;

static void begin(void)
{
    broker_start_tcp(&broker);
    peer_join(&witness, &broker);
}

static void end(void)
{
    peer_works(&witness, "witness");
    peer_close(&witness);
    broker_stop(&broker);
}

/* Sends the frame from a session of its own; it must be refused, and the session must be able to resume. */
static void check_frame_refused(const void *bytes, size_t size)
{
    peer_join(&peer, &broker);
    peer_send(&peer, bytes, size);
    peer_expect_refused(&peer, MQ_INVALID);
    struct hello hello = {.version = MQ_PROTOCOL_VERSION, .resume = true, .next_number = 1};
    memcpy(hello.id, peer.id, sizeof hello.id);
    peer_send_hello(&peer, &hello);
    CHECK_EQUAL(peer_receive(&peer).welcome.status, MQ_OK);
    peer_close(&peer);
}

static void garbage_is_refused_with_a_reason(void)
{
    static uint8_t noise[100];
    begin();
    for (int i = 0; i < 100; i++) {
        random_bytes(noise, sizeof noise);
        noise[0] |= 0x80; /* a hello, even a garbled one, would be answered as such */
        check_frame_refused(noise, sizeof noise);
    }
    check_frame_refused("", 0);
    end();
}

/* A put with two items and a key: has every kind of field. */
static struct bytes a_put(struct codec *codec)
{
    static const uint8_t key[] = {0};
    static const struct range confirms = {7, 9};
    const struct put_item items[] = {{.body = mq_bytes("one")}, {mq_bytes("two"), {key, sizeof key}}};
    struct request put = {.verb = MQ_VERB_PUT,
                          .number = 1,
                          .confirms = {&confirms, 1},
                          .queue = mq_bytes("q"),
                          .timeout_ms = 0,
                          .puts = items,
                          .put_count = 2};
    struct bytes frame;
    CHECK_EQUAL(codec_encode_request(codec, &put, &frame), MQ_OK);
    return frame;
}

static void a_request_cut_off_anywhere_is_refused(void)
{
    struct codec *codec = codec_new();
    begin();
    struct bytes frame = a_put(codec);
    for (size_t size = 0; size < frame.size; size++)
        check_frame_refused(frame.data, size);
    codec_free(codec);
    end();
}

/* Wherever a put has a field, some other thing is put there. */
static void a_field_of_a_wrong_type_is_refused(void)
{
    static const uint8_t wrong[] = {0xc0 /* nil */, 0xc3 /* true */, 0xff /* -1 */, 0xcb /* a double */};
    begin();
    for (size_t field = 1; field < 6; field++)
        for (size_t i = 0; i < sizeof wrong; i++) {
            /* put: [13, number, confirms, queue, timeout_ms, items, {}] */
            uint8_t fields[][6] = {{13}, {1}, {0x90}, {0xa1, 'q'}, {0}, {0x91, 0xc4, 1, 'x'}, {0x80}};
            size_t sizes[] = {1, 1, 1, 2, 1, 4, 1}, size = 1;
            uint8_t frame[32] = {0x97};
            if (field == 4 && wrong[i] == 0xff)
                continue; /* a time-out of -1 is right: for ever */
            for (size_t at = 0; at < 7; at++) {
                memcpy(frame + size, fields[at], sizes[at]);
                if (at == field)
                    memset(frame + size, 0, 9), frame[size] = wrong[i];
                size += at != field ? sizes[at] : wrong[i] == 0xcb ? 9 : 1;
            }
            check_frame_refused(frame, size);
        }
    end();
}

static void a_verb_of_later_days_is_answered_unsupported(void)
{
    static const uint8_t frame[] = {0x95, 99, 1, 0x90, 0xc0, 0x80};
    begin();
    peer_join(&peer, &broker);
    peer_send(&peer, frame, sizeof frame);
    struct answer answer = peer_receive(&peer).answer;
    CHECK_EQUAL(answer.verb, 99);
    CHECK_EQUAL(answer.number, 1);
    CHECK_EQUAL(answer.status, MQ_UNSUPPORTED);
    peer.next_number = 2;
    peer_works(&peer, "q");
    peer_close(&peer);
    end();
}

static void verbs_of_the_broker_are_refused(void)
{
    static const uint8_t verbs[] = {0, MQ_VERB_REFUSED, MQ_VERB_PROBE, 7, 9};
    begin();
    for (size_t i = 0; i < sizeof verbs; i++) {
        const uint8_t frame[] = {0x94, verbs[i], 1, 0x90, 0x80};
        check_frame_refused(frame, sizeof frame);
    }
    end();
}

static void announced_giants_are_refused(void)
{
    static const uint8_t array[] = {0xdd, 0xff, 0xff, 0xff, 0xff}, map[] = {0xdf, 0xff, 0xff, 0xff, 0xff},
                         binary[] = {0xc6, 0xff, 0xff, 0xff, 0xff};
    static uint8_t deep[100000];
    memset(deep, 0x91, sizeof deep);
    begin();
    check_frame_refused(array, sizeof array);
    check_frame_refused(map, sizeof map);
    check_frame_refused(binary, sizeof binary);
    check_frame_refused(deep, sizeof deep);
    end();
}

static void a_message_of_several_parts_is_refused(void)
{
    begin();
    peer_join(&peer, &broker);
    peer_send_part(&peer, "", 0);
    peer_send_part(&peer, "two", 3);
    peer_send(&peer, "three", 5);
    peer_expect_refused(&peer, MQ_INVALID);
    peer_close(&peer);
    end();
}

static void a_hello_of_another_version_is_told_the_brokers(void)
{
    begin();
    peer_open(&peer, &broker);
    /* Only the first two elements are certain in a hello of another version. */
    static const uint8_t future[] = {0x93, MQ_VERB_HELLO, 99, 0xc3};
    peer_send(&peer, future, sizeof future);
    struct broker_frame frame = peer_receive(&peer);
    CHECK_EQUAL(frame.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(frame.welcome.status, MQ_UNSUPPORTED);
    CHECK_EQUAL(frame.welcome.version, MQ_PROTOCOL_VERSION);
    peer_close(&peer);
    end();
}

static void a_request_before_hello_is_refused_once(void)
{
    begin();
    peer_open(&peer, &broker);
    struct request ping = {.verb = MQ_VERB_PING, .number = 1};
    for (int i = 0; i < 10; i++)
        peer_send_request(&peer, &ping);
    peer_expect_refused(&peer, MQ_INVALID);
    /* The next thing that is said to it is the welcome. */
    struct hello hello = peer_hello_new(&peer);
    peer_send_hello(&peer, &hello);
    struct broker_frame frame = peer_receive(&peer);
    CHECK_EQUAL(frame.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(frame.welcome.status, MQ_OK);
    peer_works(&peer, "q");
    peer_close(&peer);
    end();
}

static void a_guessed_session_id_gets_nothing(void)
{
    begin();
    peer_open(&peer, &broker);
    struct hello hello = peer_hello_new(&peer);
    hello.resume = true;
    hello.next_number = 1;
    peer_send_hello(&peer, &hello);
    CHECK_EQUAL(peer_receive(&peer).welcome.status, MQ_SESSION_LOST);
    /* Not even somebody who knows the id of a living session gets it as a new one. */
    memcpy(hello.id, witness.id, sizeof hello.id);
    hello.resume = false;
    peer_send_hello(&peer, &hello);
    CHECK_EQUAL(peer_receive(&peer).welcome.status, MQ_EXISTS);
    peer_close(&peer);
    end();
}

static void a_routing_id_of_ones_own_choice_is_refused(void)
{
    begin();
    peer_open_with(&peer, &broker, "mine", 0);
    struct hello hello = peer_hello_new(&peer);
    peer_send_hello(&peer, &hello);
    CHECK_EQUAL(peer_receive(&peer).welcome.status, MQ_INVALID);
    struct request ping = {.verb = MQ_VERB_PING, .number = 1};
    peer_send_request(&peer, &ping);
    peer_expect_refused(&peer, MQ_INVALID);
    peer_close(&peer);
    end();
}

static void frames_of_a_connection_that_its_session_left_are_dropped(void)
{
    struct peer old;
    begin();
    peer_join(&old, &broker);
    peer_open(&peer, &broker);
    struct hello hello = {.version = MQ_PROTOCOL_VERSION, .resume = true, .next_number = 1};
    memcpy(hello.id, old.id, sizeof hello.id);
    peer_send_hello(&peer, &hello);
    CHECK_EQUAL(peer_receive(&peer).welcome.status, MQ_OK);
    peer.next_number = 1;
    struct request open = {.verb = MQ_VERB_OPEN, .number = 1, .queue = mq_bytes("stale"), .create = true};
    peer_send_request(&old, &open);
    struct hello again = {.version = 99};
    peer_send_hello(&old, &again);
    /* It is told that the session has moved; nothing is said about the open. */
    peer_expect_refused(&old, MQ_TEMPORARY);
    CHECK_EQUAL(peer_receive(&old).verb, MQ_VERB_HELLO);
    struct request stat = {.verb = MQ_VERB_STAT, .queue = mq_bytes("stale")};
    CHECK_EQUAL(peer_ask(&peer, stat).status, MQ_NO_QUEUE);
    peer_close(&old);
    peer_close(&peer);
    end();
}

static const struct unit_test tests[] = {
    UNIT(garbage_is_refused_with_a_reason),
    UNIT(a_request_cut_off_anywhere_is_refused),
    UNIT(a_field_of_a_wrong_type_is_refused),
    UNIT(a_verb_of_later_days_is_answered_unsupported),
    UNIT(verbs_of_the_broker_are_refused),
    UNIT(announced_giants_are_refused),
    UNIT(a_message_of_several_parts_is_refused),
    UNIT(a_hello_of_another_version_is_told_the_brokers),
    UNIT(a_request_before_hello_is_refused_once),
    UNIT(a_guessed_session_id_gets_nothing),
    UNIT(a_routing_id_of_ones_own_choice_is_refused),
    UNIT(frames_of_a_connection_that_its_session_left_are_dropped),
};

int main(void)
{
    return unit_run("frames", tests, sizeof tests / sizeof *tests);
}
