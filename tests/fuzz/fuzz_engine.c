/* fuzz_engine.c - a whole broker but its socket, with three connections that send anything at any time.
 *
 * The input is a list of steps: a byte that says who and when, two bytes of length, and a frame; without a
 * frame the connection is cut, or new. The engine's limits are tiny, so that they are reached. After each
 * step every invariant is checked, and every frame that the broker sends must be one of the protocol. */
#include "fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "codec.h"
#include "engine.h"
#include "link.h"
#include "log.h"

enum { CONNECTIONS = 3, ROUTE_SIZE = 5, FIRST_FD = 10, INPUT_SIZE_MAX = 1 << 16 };

/* The first byte of a step. */
enum { STEP_CONNECTION = 3, STEP_RENUMBER = 4, STEP_CONFIRM = 8, STEP_TIME_SHIFT = 4 };
static const uint64_t times_ms[16] = {0,   0,   0,   0,    1,    1,    10,    10,
                                      100, 500, 900, 1500, 3000, 5000, 20000, 700000};

struct connection {
    uint8_t route[ROUTE_SIZE];
    bool alive;
    uint64_t next_number; /* of a request that is to be taken */
    uint64_t hello_number;
    struct range answered; /* all that a confirmation may speak of */
};

struct world {
    struct engine *engine;
    struct link *link;
    struct codec *peer; /* the clients', to look at what is sent and to renumber requests */
    struct log log;
    uint64_t now_ms;
    uint32_t routes; /* given so far */
    struct connection connections[CONNECTIONS];
};

static void connect_anew(struct world *w, struct connection *c)
{
    *c = (struct connection){.alive = true, .next_number = 1};
    uint32_t route = ++w->routes;
    memcpy(c->route + 1, &route, sizeof route);
}

static void see_frame(struct connection *c, const struct broker_frame *f)
{
    if (f->verb == MQ_VERB_HELLO && f->welcome.status == MQ_OK)
        c->next_number = c->hello_number;
    if (f->verb >= MQ_VERB_OPEN && f->answer.number > c->answered.last)
        c->answered = (struct range){1, f->answer.number};
}

static bool send_frame(void *context, struct bytes route, int fd, struct bytes frame)
{
    struct world *w = context;
    (void)fd;
    for (struct connection *c = w->connections; c < w->connections + CONNECTIONS; c++) {
        if (!c->alive || route.size != ROUTE_SIZE || memcmp(c->route, route.data, ROUTE_SIZE) != 0)
            continue;
        struct broker_frame f;
        const char *why;
        FUZZ_CHECK(codec_decode_broker(w->peer, frame, &f, &why) == MQ_OK);
        see_frame(c, &f);
        return true;
    }
    return false;
}

static void world_init(struct world *w, int log_fd)
{
    struct engine_options options;
    engine_options_default(&options);
    options.memory_limit = 20000;
    options.remember_ms = 10000;
    options.queues_max = 4;
    options.sessions_max = 3;
    options.remembered_max = 2;
    options.waiting_max = 4;
    options.unconfirmed_max = 8;
    options.body_max = 4096;
    options.in_flight_max = 8192;
    *w = (struct world){.now_ms = 1000, .peer = codec_new(), .engine = engine_new(&options, 1000)};
    FUZZ_CHECK(w->peer && w->engine);
    log_init(&w->log, log_fd, LOG_ERROR, LOG_FORMAT_TEXT);
    struct link_options link_options = {.fd_max = FIRST_FD + CONNECTIONS, .heartbeat_ms = 5000};
    w->link = link_new(w->engine, &w->log, link_options, (struct link_door){send_frame, w});
    FUZZ_CHECK(w->link);
    for (size_t i = 0; i < CONNECTIONS; i++)
        connect_anew(w, &w->connections[i]);
}

static void world_done(struct world *w)
{
    link_free(w->link);
    engine_free(w->engine);
    codec_free(w->peer);
}

static void drain(struct world *w)
{
    void *peer;
    struct answer answer;
    while (engine_next_reply(w->engine, UINT64_MAX, &peer, &answer))
        link_output(w->link, w->now_ms, peer, &answer);
}

/* Time passes as it does for a broker that wakes up when it asked to. */
static void pass_time(struct world *w, uint64_t until_ms)
{
    for (;;) {
        uint64_t engine_due = engine_deadline_ms(w->engine), link_due = link_deadline_ms(w->link);
        uint64_t due = engine_due < link_due ? engine_due : link_due;
        if (due > until_ms)
            break;
        w->now_ms = due > w->now_ms ? due : w->now_ms;
        link_tick(w->link, w->now_ms);
        engine_tick(w->engine, w->now_ms);
        drain(w);
    }
    w->now_ms = until_ms;
}

/* Gives a request the number that the engine waits for, without which few mutated ones would get anywhere. */
static struct bytes prepare(struct world *w, struct connection *c, uint8_t how, struct bytes frame)
{
    struct client_frame f;
    const char *why;
    struct bytes again;
    if (codec_decode_client(w->peer, frame, &f, &why) != MQ_OK)
        return frame;
    if (f.verb == MQ_VERB_HELLO)
        c->hello_number = f.hello.resume ? f.hello.next_number : 1;
    if (f.verb < MQ_VERB_OPEN || strcmp(mq_verb_name(f.verb), "?") == 0 || !(how & STEP_RENUMBER))
        return frame;
    f.request.number = c->next_number++;
    if ((how & STEP_CONFIRM) && c->answered.last)
        f.request.confirms = (struct ranges){&c->answered, 1};
    return codec_encode_request(w->peer, &f.request, &again) == MQ_OK ? again : frame;
}

static void step(struct world *w, uint8_t how, struct bytes frame)
{
    unsigned who = (unsigned)(how & STEP_CONNECTION) % CONNECTIONS;
    struct connection *c = &w->connections[who];
    int fd = FIRST_FD + (int)who;
    pass_time(w, w->now_ms + times_ms[how >> STEP_TIME_SHIFT]);
    if (!frame.size && c->alive) {
        c->alive = false;
        link_closed(w->link, w->now_ms, fd);
    } else if (!c->alive) {
        connect_anew(w, c);
    }
    if (frame.size) {
        struct link_frame in = {.route = {c->route, ROUTE_SIZE}, .fd = fd};
        in.bytes = prepare(w, c, how, frame);
        link_input(w->link, w->now_ms, &in);
    }
    engine_tick(w->engine, w->now_ms);
    drain(w);
    engine_check(w->engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int nowhere = -1;
    nowhere = nowhere >= 0 ? nowhere : open("/dev/null", O_WRONLY | O_CLOEXEC);
    FUZZ_CHECK(nowhere >= 0);
    if (size > INPUT_SIZE_MAX)
        return 0;
    struct world w;
    world_init(&w, nowhere);
    for (size_t at = 0; at + 3 <= size;) {
        size_t frame_size = (size_t)(data[at + 1] << 8 | data[at + 2]);
        uint8_t how = data[at];
        at += 3;
        frame_size = frame_size < size - at ? frame_size : size - at;
        step(&w, how, (struct bytes){data + at, frame_size});
        at += frame_size;
    }
    world_done(&w);
    return 0;
}
