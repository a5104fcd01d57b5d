/* peer.c - see peer.h. */
#include "peer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zmq.h>

#include "wait.h"

void random_bytes(void *bytes, size_t size)
{
    static uint64_t state = 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((uint8_t *)bytes)[i] = (uint8_t)(state >> 32);
    }
}

void peer_open_with(struct peer *p, const struct broker *b, const char *route, int receive_max)
{
    int never = -1, linger = 1000, no_limit = 0, small = 4096, on = 1;
    *p = (struct peer){.next_number = 1};
    p->context = zmq_ctx_new();
    p->socket = zmq_socket(p->context, ZMQ_DEALER);
    p->codec = codec_new();
    CHECK(p->socket && p->codec);
    CHECK(zmq_setsockopt(p->socket, ZMQ_RECONNECT_IVL, &never, sizeof never) == 0);
    CHECK(zmq_setsockopt(p->socket, ZMQ_IPV6, &on, sizeof on) == 0);
    CHECK(zmq_setsockopt(p->socket, ZMQ_LINGER, &linger, sizeof linger) == 0);
    CHECK(zmq_setsockopt(p->socket, ZMQ_SNDHWM, &no_limit, sizeof no_limit) == 0);
    CHECK(zmq_setsockopt(p->socket, ZMQ_RCVHWM, &receive_max, sizeof receive_max) == 0);
    if (receive_max)
        CHECK(zmq_setsockopt(p->socket, ZMQ_RCVBUF, &small, sizeof small) == 0);
    if (route)
        CHECK(zmq_setsockopt(p->socket, ZMQ_ROUTING_ID, route, strlen(route)) == 0);
    CHECK(zmq_connect(p->socket, b->endpoint) == 0);
}

void peer_open(struct peer *p, const struct broker *b)
{
    peer_open_with(p, b, NULL, 0);
}

void peer_close(struct peer *p)
{
    zmq_close(p->socket);
    zmq_ctx_term(p->context);
    codec_free(p->codec);
    *p = (struct peer){0};
}

static void send_bytes(struct peer *p, const void *bytes, size_t size, int flags)
{
    CHECK_EQUAL(zmq_send(p->socket, bytes, size, flags | ZMQ_DONTWAIT), size);
}

void peer_send(struct peer *p, const void *bytes, size_t size)
{
    send_bytes(p, bytes, size, 0);
}

void peer_send_part(struct peer *p, const void *bytes, size_t size)
{
    send_bytes(p, bytes, size, ZMQ_SNDMORE);
}

void peer_send_hello(struct peer *p, const struct hello *hello)
{
    struct bytes frame;
    CHECK_EQUAL(codec_encode_hello(p->codec, hello, &frame), MQ_OK);
    peer_send(p, frame.data, frame.size);
}

void peer_send_request(struct peer *p, const struct request *request)
{
    struct bytes frame;
    CHECK_EQUAL(codec_encode_request(p->codec, request, &frame), MQ_OK);
    peer_send(p, frame.data, frame.size);
}

struct hello peer_hello_new(struct peer *p)
{
    struct hello hello = {.version = MQ_PROTOCOL_VERSION, .name = mq_bytes("peer")};
    CHECK(getrandom(p->id, sizeof p->id, 0) == sizeof p->id);
    memcpy(hello.id, p->id, sizeof p->id);
    return hello;
}

/* The bytes are kept until the next call, since the frame points into them. */
bool peer_receive_within(struct peer *p, int timeout_ms, struct broker_frame *ret_frame)
{
    static zmq_msg_t message;
    static bool used;
    const char *why = "";
    do {
        if (used)
            zmq_msg_close(&message);
        used = true;
        zmq_msg_init(&message);
        CHECK(zmq_setsockopt(p->socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms) == 0);
        if (zmq_msg_recv(&message, p->socket, 0) < 0)
            return false;
        struct bytes bytes = {zmq_msg_data(&message), zmq_msg_size(&message)};
        CHECK_EQUAL(codec_decode_broker(p->codec, bytes, ret_frame, &why), MQ_OK);
    } while (ret_frame->verb == MQ_VERB_PROBE);
    return true;
}

struct broker_frame peer_receive(struct peer *p)
{
    struct broker_frame frame;
    CHECK(peer_receive_within(p, LIMIT_MS, &frame));
    return frame;
}

void peer_expect_refused(struct peer *p, enum mq_status status)
{
    struct broker_frame frame = peer_receive(p);
    CHECK_EQUAL(frame.verb, MQ_VERB_REFUSED);
    CHECK_EQUAL(frame.status, status);
    CHECK(frame.text.size > 0);
}

void peer_join(struct peer *p, const struct broker *b)
{
    peer_open(p, b);
    struct hello hello = peer_hello_new(p);
    peer_send_hello(p, &hello);
    struct broker_frame frame = peer_receive(p);
    CHECK_EQUAL(frame.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(frame.welcome.status, MQ_OK);
}

struct answer peer_ask(struct peer *p, struct request request)
{
    struct range received = {p->next_number - 1, p->next_number - 1};
    request.number = p->next_number++;
    if (received.first > 0)
        request.confirms = (struct ranges){&received, 1};
    peer_send_request(p, &request);
    struct broker_frame frame = peer_receive(p);
    CHECK_EQUAL(frame.verb, request.verb);
    CHECK_EQUAL(frame.answer.number, request.number);
    return frame.answer;
}

void peer_works(struct peer *p, const char *queue)
{
    struct bytes name = mq_bytes(queue);
    struct put_item item = {.body = mq_bytes("witness")};
    struct request open = {.verb = MQ_VERB_OPEN, .queue = name, .create = true};
    struct request put = {.verb = MQ_VERB_PUT, .queue = name, .puts = &item, .put_count = 1};
    struct request get = {.verb = MQ_VERB_GET, .queue = name, .max = 1, .timeout_ms = MQ_FOREVER_MS};
    CHECK_EQUAL(peer_ask(p, open).status, MQ_OK);
    CHECK_EQUAL(peer_ask(p, put).count, 1);
    struct answer got = peer_ask(p, get);
    CHECK_EQUAL(got.status, MQ_OK);
    CHECK_EQUAL(got.item_count, 1);
    CHECK(got.items[0].body.size == 7 && memcmp(got.items[0].body.data, "witness", 7) == 0);
    struct request done = {.verb = MQ_VERB_TASK_DONE, .ids = &got.items[0].id, .id_count = 1};
    uint64_t id = got.items[0].id;
    done.ids = &id;
    CHECK_EQUAL(peer_ask(p, done).status, MQ_OK);
}
