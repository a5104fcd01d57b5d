/* fake.c - see fake.h. */
#include "fake.h"
#include "mqc_client.h"

static void open_router(struct fake *f)
{
    int limit_ms = LIMIT_MS, zero = 0;
    f->router = zmq_socket(f->context, ZMQ_ROUTER);
    REQUIRE(zmq_setsockopt(f->router, ZMQ_RCVTIMEO, &limit_ms, sizeof limit_ms) == 0);
    REQUIRE(zmq_setsockopt(f->router, ZMQ_LINGER, &zero, sizeof zero) == 0);
}

void fake_init(struct fake *f)
{
    size_t size = sizeof f->endpoint;
    *f = (struct fake){.limits = {.version = MQ_PROTOCOL_VERSION,
                                  .session = 1,
                                  .body_max = MQ_BODY_SIZE_MAX,
                                  .frame_max = MQ_FRAME_SIZE_MAX,
                                  .items_max = MQ_ITEMS_MAX,
                                  .waiting_max = MQ_WAITING_MAX,
                                  .unconfirmed_max = MQ_UNCONFIRMED_MAX,
                                  .in_flight_max = MQ_IN_FLIGHT_SIZE_MAX,
                                  .resume_grace_ms = 3000,
                                  .heartbeat_ms = 5000}};
    f->in = codec_new();
    f->out = codec_new();
    f->context = zmq_ctx_new();
    open_router(f);
    REQUIRE(zmq_bind(f->router, "tcp://127.0.0.1:*") == 0);
    REQUIRE(zmq_getsockopt(f->router, ZMQ_LAST_ENDPOINT, f->endpoint, &size) == 0);
    zmq_msg_init(&f->peer);
    zmq_msg_init(&f->message);
}

static void *run(void *context)
{
    struct fake *f = context;
    f->script(f);
    return NULL;
}

void fake_run(struct fake *f, void (*script)(struct fake *))
{
    f->script = script;
    REQUIRE(pthread_create(&f->thread, NULL, run, f) == 0);
}

void fake_end(struct fake *f)
{
    REQUIRE(pthread_join(f->thread, NULL) == 0);
    zmq_msg_close(&f->peer);
    zmq_msg_close(&f->message);
    if (f->router)
        zmq_close(f->router);
    zmq_ctx_term(f->context);
    codec_free(f->in);
    codec_free(f->out);
}

static void take_frame(struct fake *f)
{
    const char *why = "";
    REQUIRE(zmq_msg_recv(&f->peer, f->router, 0) >= 0);
    REQUIRE(zmq_msg_more(&f->peer));
    REQUIRE(zmq_msg_recv(&f->message, f->router, 0) >= 0);
    REQUIRE(!zmq_msg_more(&f->message));
    struct bytes bytes = {.data = zmq_msg_data(&f->message), .size = zmq_msg_size(&f->message)};
    REQUIRE(codec_decode_client(f->in, bytes, &f->decoded, &why) == MQ_OK);
    f->frame = &f->decoded;
}

const struct client_frame *fake_take(struct fake *f, enum mq_verb verb)
{
    take_frame(f);
    if (f->frame->verb != verb)
        fprintf(stderr, "\n    the client says %s, expected %s", mq_verb_name(f->frame->verb),
                mq_verb_name(verb));
    REQUIRE(f->frame->verb == verb);
    return f->frame;
}

const struct request *fake_take_request(struct fake *f, enum mq_verb verb)
{
    return &fake_take(f, verb)->request;
}

void fake_send(struct fake *f, struct bytes bytes)
{
    zmq_msg_t peer;
    zmq_msg_init(&peer);
    zmq_msg_copy(&peer, &f->peer);
    REQUIRE(zmq_msg_send(&peer, f->router, ZMQ_SNDMORE) >= 0);
    REQUIRE(zmq_send(f->router, bytes.data, bytes.size, 0) >= 0);
}

void fake_answer(struct fake *f, struct answer answer)
{
    struct bytes bytes;
    if (!answer.verb)
        answer.verb = f->frame->verb;
    if (!answer.number)
        answer.number = f->frame->request.number;
    REQUIRE(codec_encode_answer(f->out, &answer, &bytes) == MQ_OK);
    fake_send(f, bytes);
}

const struct hello *fake_take_hello(struct fake *f, bool resume)
{
    const struct hello *hello = &fake_take(f, MQ_VERB_HELLO)->hello;
    REQUIRE(hello->resume == resume);
    return hello;
}

void fake_say_welcome(struct fake *f, enum mq_status status)
{
    struct bytes bytes;
    f->limits.status = status;
    REQUIRE(codec_encode_welcome(f->out, &f->limits, &bytes) == MQ_OK);
    fake_send(f, bytes);
}

void fake_welcome(struct fake *f)
{
    fake_take_hello(f, false);
    fake_say_welcome(f, MQ_OK);
}

void fake_refuse(struct fake *f, enum mq_status status, const char *text)
{
    struct bytes bytes;
    REQUIRE(codec_encode_refused(f->out, status, text, &bytes) == MQ_OK);
    fake_send(f, bytes);
}

void fake_vanish(struct fake *f)
{
    zmq_close(f->router);
    f->router = NULL;
}

/* Its former self may still be closing. */
void fake_come_back(struct fake *f)
{
    open_router(f);
    WAIT_UNTIL(zmq_bind(f->router, f->endpoint) == 0, LIMIT_MS);
}

void fake_goodbye(struct fake *f)
{
    struct bytes bytes;
    fake_take(f, MQ_VERB_BYE);
    REQUIRE(codec_encode_bye_answer(f->out, MQ_OK, &bytes) == MQ_OK);
    fake_send(f, bytes);
}

void fake_tell(struct fake *f, int stage)
{
    atomic_store(&f->stage, stage);
}

void fake_await(struct fake *f, int stage)
{
    WAIT_UNTIL(atomic_load(&f->stage) >= stage, LIMIT_MS);
}

struct mqc *fake_client(struct fake *f, int64_t connect_timeout_ms)
{
    struct mqc *mqc = NULL;
    struct mqc_options options = {.given = MQC_OPTION_CONNECT_TIMEOUT | MQC_OPTION_CLIENT_NAME,
                                  .client_name = "tester",
                                  .connect_timeout_ms = LIMIT_MS};
    REQUIRE(mqc_open(f->endpoint, &options, &mqc) == MQ_OK);
    mqc->connect_timeout_ms = connect_timeout_ms; /* now, because a slow machine needs more to connect */
    return mqc;
}

struct mqc_queue *fake_queue(struct mqc *mqc, const char *name)
{
    struct mqc_queue *queue = NULL;
    struct mqc_queue_options options = {.mode = MQC_OPEN_NAME};
    REQUIRE(mqc_queue_open(mqc, name, &options, &queue) == MQ_OK);
    return queue;
}
