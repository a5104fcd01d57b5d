/* limit_router.c - brokers without a queue, written bare on libzmq: what the transport alone allows.
 *
 *     limit_router forward FRONT BACK    each frame that comes in at the front leaves at the back
 *     limit_router echo ENDPOINT         each frame goes back to its sender
 *     limit_router handoff ENDPOINT      an empty frame waits; a frame with a body goes to whoever waits, and
 *                                        then its sender has an empty answer
 *
 * Prints "ready" and runs until a signal ends it. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { ID_MAX = 256 };

struct frame {
    char id[ID_MAX]; /* the sender's, as ROUTER puts it in front */
    size_t id_size;
    zmq_msg_t body;
};

static void *context;

static void check(bool fine, const char *what)
{
    if (fine)
        return;
    fprintf(stderr, "limit_router: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static void *bound(int type, const char *endpoint)
{
    void *socket = zmq_socket(context, type);
    check(socket && zmq_bind(socket, endpoint) == 0, endpoint);
    return socket;
}

static void ready(void)
{
    puts("ready");
    fflush(stdout);
}

static void receive(void *socket, struct frame *frame)
{
    int size = zmq_recv(socket, frame->id, ID_MAX, 0);
    check(size > 0, "receive");
    frame->id_size = (size_t)size;
    zmq_msg_init(&frame->body);
    check(zmq_msg_recv(&frame->body, socket, 0) >= 0, "receive");
}

/* To the sender of `to`; takes the body. */
static void answer(void *socket, const struct frame *to, zmq_msg_t *body)
{
    check(zmq_send(socket, to->id, to->id_size, ZMQ_SNDMORE) >= 0, "send");
    check(zmq_msg_send(body, socket, 0) >= 0, "send");
}

static void forward(const char *front, const char *back)
{
    void *in = bound(ZMQ_ROUTER, front), *out = bound(ZMQ_DEALER, back);
    ready();
    zmq_proxy(in, out, NULL);
}

static void echo(const char *endpoint)
{
    void *socket = bound(ZMQ_ROUTER, endpoint);
    struct frame frame;
    for (ready();;) {
        receive(socket, &frame);
        answer(socket, &frame, &frame.body);
    }
}

static void handoff(const char *endpoint)
{
    void *socket = bound(ZMQ_ROUTER, endpoint);
    struct frame getter, putter;
    bool has_getter = false, has_putter = false;
    for (ready();;) {
        struct frame frame;
        receive(socket, &frame);
        bool is_get = zmq_msg_size(&frame.body) == 0;
        *(is_get ? &getter : &putter) = frame;
        *(is_get ? &has_getter : &has_putter) = true;
        if (!has_getter || !has_putter)
            continue;
        answer(socket, &getter, &putter.body);
        answer(socket, &putter, &getter.body);
        has_getter = has_putter = false;
    }
}

int main(int argc, char **argv)
{
    context = zmq_ctx_new();
    if (argc == 4 && strcmp(argv[1], "forward") == 0)
        forward(argv[2], argv[3]);
    else if (argc == 3 && strcmp(argv[1], "echo") == 0)
        echo(argv[2]);
    else if (argc == 3 && strcmp(argv[1], "handoff") == 0)
        handoff(argv[2]);
    fprintf(stderr, "limit_router: forward FRONT BACK, echo ENDPOINT or handoff ENDPOINT\n");
    return 64;
}
