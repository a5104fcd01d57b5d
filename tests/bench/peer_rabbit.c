/* peer_rabbit.c - RabbitMQ through librabbitmq: a transient classic queue, transient messages, every publish
 * confirmed by the broker, every message acknowledged.
 *
 * batch: at most `batch` publishes without a confirm; a prefetch of two batches, one multiple acknowledgement
 * for a batch, or as soon as nothing more has arrived. An acknowledgement has no answer; `settle` makes sure
 * of the last. */
#include "race.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <string.h>

enum {
    CHANNEL = 1,
    FRAME_MAX = 131072, /* bytes, the broker's default */
};

struct seat {
    const struct race *race;
    amqp_connection_state_t connection;
    uint64_t published, confirmed; /* how many */
    uint64_t below;                /* every publish with a tag under this is confirmed */
    bool *is_confirmed;            /* by tag */
    uint64_t tag;                  /* of the message got last */
};

static amqp_bytes_t queue_name(void)
{
    return amqp_cstring_bytes("race");
}

static void check_reply(struct seat *seat, const char *what)
{
    if (amqp_get_rpc_reply(seat->connection).reply_type != AMQP_RESPONSE_NORMAL)
        race_fail("%s was refused", what);
}

static void check(int status, const char *what)
{
    if (status != AMQP_STATUS_OK)
        race_fail("%s: %s", what, amqp_error_string2(status));
}

static struct seat *connected(const struct race *race)
{
    struct seat *seat = race_alloc(sizeof *seat);
    char host[RACE_ENDPOINT_MAX];
    int port;
    race_address(race, host, &port);
    seat->race = race;
    seat->connection = amqp_new_connection();
    check(amqp_socket_open(amqp_tcp_socket_new(seat->connection), host, port), "connect");
    amqp_login(seat->connection, "/", 0, FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
    amqp_channel_open(seat->connection, CHANNEL);
    check_reply(seat, "the channel");
    return seat;
}

/* Variant "durable": the queue and its messages survive, and a confirm means that they do. */
static bool is_durable(const struct race *race)
{
    return race->variant && strcmp(race->variant, "durable") == 0;
}

static void prepare(const struct race *race)
{
    struct seat *seat = connected(race);
    amqp_queue_delete(seat->connection, CHANNEL, queue_name(), 0, 0);
    amqp_queue_declare(seat->connection, CHANNEL, queue_name(), 0, is_durable(race), 0, 0, amqp_empty_table);
    check_reply(seat, "the queue");
}

static void *enter(const struct race *race, bool is_producer)
{
    struct seat *seat = connected(race);
    bool is_batch = strcmp(race->mode, "batch") == 0;
    if (is_producer) {
        seat->below = 1;
        seat->is_confirmed = race_alloc((size_t)race->count + 2);
        amqp_confirm_select(seat->connection, CHANNEL);
    } else {
        amqp_basic_qos(seat->connection, CHANNEL, 0, (uint16_t)(is_batch ? 2 * race->batch : 1), 0);
        amqp_basic_consume(seat->connection, CHANNEL, queue_name(), amqp_empty_bytes, 0, 0, 0,
                           amqp_empty_table);
    }
    check_reply(seat, "entering");
    return seat;
}

static void publish(struct seat *seat, const void *body, size_t size)
{
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
        .delivery_mode = is_durable(seat->race) ? AMQP_DELIVERY_PERSISTENT : AMQP_DELIVERY_NONPERSISTENT};
    amqp_bytes_t bytes = {.len = size, .bytes = (void *)(uintptr_t)body};
    check(amqp_basic_publish(seat->connection, CHANNEL, amqp_empty_bytes, queue_name(), 0, 0, &properties,
                             bytes),
          "publish");
    seat->published++;
}

static void count_confirmed(struct seat *seat, uint64_t tag)
{
    if (!seat->is_confirmed[tag])
        seat->confirmed++;
    seat->is_confirmed[tag] = true;
}

/* One confirm from the broker: of one publish, in any order, or of all up to it. */
static void read_confirm(struct seat *seat)
{
    amqp_frame_t frame;
    amqp_maybe_release_buffers(seat->connection);
    check(amqp_simple_wait_frame(seat->connection, &frame), "confirm");
    if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
        race_fail("something else than a confirm");
    const amqp_basic_ack_t *ack = frame.payload.method.decoded;
    if (ack->delivery_tag > seat->published)
        race_fail("a confirm of nothing");
    if (!ack->multiple)
        count_confirmed(seat, ack->delivery_tag);
    else
        for (; seat->below <= ack->delivery_tag; seat->below++)
            count_confirmed(seat, seat->below);
}

static void put(void *at, const void *body, size_t size)
{
    publish(at, body, size);
    read_confirm(at);
}

static size_t receive(struct seat *seat, void *ret_body)
{
    amqp_envelope_t envelope;
    amqp_maybe_release_buffers(seat->connection);
    if (amqp_consume_message(seat->connection, &envelope, NULL, 0).reply_type != AMQP_RESPONSE_NORMAL)
        race_fail("no message");
    size_t size = envelope.message.body.len;
    seat->tag = envelope.delivery_tag;
    if (ret_body)
        memcpy(ret_body, envelope.message.body.bytes, size);
    amqp_destroy_envelope(&envelope);
    return size;
}

static void get(void *at, void *ret_body)
{
    receive(at, ret_body);
}

static void acknowledge(void *at)
{
    struct seat *seat = at;
    check(amqp_basic_ack(seat->connection, CHANNEL, seat->tag, 0), "acknowledge");
}

static void produce(void *at, long count)
{
    struct seat *seat = at;
    uint64_t all = (uint64_t)count, most = (uint64_t)seat->race->batch * (uint64_t)seat->race->window;
    while (seat->confirmed < all) {
        while (seat->published < all && seat->published - seat->confirmed < most)
            publish(seat, seat->race->body, seat->race->size);
        read_confirm(seat);
    }
}

static bool has_more(struct seat *seat)
{
    return amqp_frames_enqueued(seat->connection) || amqp_data_in_buffer(seat->connection);
}

static long consume(void *at)
{
    struct seat *seat = at;
    long count = 0;
    do {
        receive(seat, NULL);
        count++;
    } while (count < seat->race->batch && has_more(seat));
    check(amqp_basic_ack(seat->connection, CHANNEL, seat->tag, 1), "acknowledge");
    return count;
}

/* A method with an answer, behind the last acknowledgement on the same channel. */
static void settle(void *at)
{
    struct seat *seat = at;
    amqp_basic_qos(seat->connection, CHANNEL, 0, 1, 0);
    check_reply(seat, "the last word");
}

int main(int argc, char **argv)
{
    static const struct racer racer = {.name = "rabbitmq",
                                       .prepare = prepare,
                                       .enter = enter,
                                       .put = put,
                                       .get = get,
                                       .acknowledge = acknowledge,
                                       .produce = produce,
                                       .consume = consume,
                                       .settle = settle};
    return race_main(argc, argv, &racer);
}
