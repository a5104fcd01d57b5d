/* peer_zmq.c - the clients of limit_router: DEALERs that send and receive frames, and nothing else.
 *
 * batch: frames of `batch` bodies to the first of the two endpoints (FRONT,BACK), received at the second.
 * What is on its way is bounded by libzmq's high-water marks alone. sync without a consumer (-c 0): one frame
 * to and fro. handoff: the consumer's empty frame asks, the next body comes back. */
#include "race.h"

#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { CONNECT_US = 200000 }; /* a DEALER does not say when it has connected */

struct seat {
    void *context, *socket;
    const struct race *race;
    char *answer;
};

/* The part of "FRONT,BACK" before or after the comma; all of it, if there is none. */
static void part(const char *endpoints, bool is_front, char ret_part[RACE_ENDPOINT_MAX])
{
    const char *comma = strchr(endpoints, ',');
    const char *begin = is_front || !comma ? endpoints : comma + 1;
    size_t size = strcspn(begin, ",");
    memcpy(ret_part, begin, size);
    ret_part[size] = '\0';
}

static void *enter(const struct race *race, bool is_producer)
{
    struct seat *seat = race_alloc(sizeof *seat);
    char endpoint[RACE_ENDPOINT_MAX];
    part(race->endpoint, is_producer, endpoint);
    seat->race = race;
    seat->answer = race_alloc(RACE_BODY_MAX);
    seat->context = zmq_ctx_new();
    seat->socket = zmq_socket(seat->context, ZMQ_DEALER);
    if (!seat->socket || zmq_connect(seat->socket, endpoint))
        race_fail("%s: %s", endpoint, zmq_strerror(zmq_errno()));
    usleep(CONNECT_US);
    return seat;
}

static void send_bytes(struct seat *seat, const void *bytes, size_t size)
{
    if (zmq_send(seat->socket, bytes, size, 0) < 0)
        race_fail("send: %s", zmq_strerror(zmq_errno()));
}

static size_t receive(struct seat *seat, void *ret_bytes)
{
    int size = zmq_recv(seat->socket, ret_bytes, RACE_BODY_MAX, 0);
    if (size < 0)
        race_fail("receive: %s", zmq_strerror(zmq_errno()));
    return (size_t)size;
}

static void put(void *at, const void *body, size_t size)
{
    struct seat *seat = at;
    send_bytes(seat, body, size);
    receive(seat, seat->answer);
}

static void get(void *at, void *ret_body)
{
    send_bytes(at, "", 0);
    receive(at, ret_body);
}

static void produce(void *at, long count)
{
    struct seat *seat = at;
    for (long left = count; left > 0;) {
        long now = left < seat->race->batch ? left : seat->race->batch;
        send_bytes(seat, seat->race->body, (size_t)now * seat->race->size);
        left -= now;
    }
    zmq_close(seat->socket);
    zmq_ctx_term(seat->context); /* what is not sent yet goes out */
}

/* What the ROUTER put in front, the sender's id, and then the frame. */
static long consume(void *at)
{
    struct seat *seat = at;
    size_t size = 0;
    for (int more = 1; more;) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, seat->socket, 0) < 0)
            race_fail("receive: %s", zmq_strerror(zmq_errno()));
        size = zmq_msg_size(&message);
        more = zmq_msg_more(&message);
        zmq_msg_close(&message);
    }
    return (long)(size / seat->race->size);
}

int main(int argc, char **argv)
{
    static const struct racer racer = {
        .name = "zmq", .enter = enter, .put = put, .get = get, .produce = produce, .consume = consume};
    return race_main(argc, argv, &racer);
}
