/* link.c - see link.h. PROTOCOL.md 5 says what a frame does by the state of its connection. */
#include "link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "heap.h"
#include "held.h"
#include "list.h"
#include "table.h"

/* libzmq's own routing ids: a zero byte and four that count up. Peers may choose others; those could be
 * chosen again by somebody else, so they cannot carry a session. */
enum { ROUTE_SIZE = 5 };

struct connection {
    struct table_node by_route, by_fd;
    struct heap_entry suspicion; /* in link.suspects, ranked by when the next probe is due */
    unsigned probe;              /* which of probe_delays_ms comes next */
    uint8_t route[ROUTE_SIZE];
    int fd;
    struct session *session;
    struct list held; /* frames for it, in order */
};

struct link {
    struct engine *engine;
    struct codec *codec;
    struct log *log;
    struct link_options options;
    struct link_door door;
    struct table by_route, by_fd;
    struct heap suspects;
    struct list held; /* all held frames, in the order in which they may leave */
    uint64_t safe;    /* the position up to which facts are */
    void *leaving;    /* the memory of a held frame while it is being sent */
    uint64_t *told;   /* per descriptor: the last connection that was told to go, see stranger_mark() */
    struct link_stat stat;
};

static const uint64_t probe_delays_ms[] = {0, 5, 50, 500};
enum { PROBES = sizeof probe_delays_ms / sizeof *probe_delays_ms };

struct link *link_new(struct engine *engine, struct log *log, struct link_options options,
                      struct link_door door)
{
    struct link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct link){.engine = engine, .log = log, .options = options, .door = door};
    table_init(&l->by_route);
    table_init(&l->by_fd);
    heap_init(&l->suspects, NULL);
    list_init(&l->held);
    l->safe = UINT64_MAX;
    l->codec = codec_new();
    l->told = calloc(options.fd_max + 1, sizeof *l->told);
    if (!l->codec || !l->told) {
        link_free(l);
        return NULL;
    }
    return l;
}

void link_free(struct link *l)
{
    struct list_node *held;
    if (!l)
        return;
    while ((held = list_first(&l->held)))
        held_free(CONTAINER_OF(held, struct held, of_link));
    for (struct table_node *node = table_walk(&l->by_route, NULL), *next; node; node = next) {
        next = table_walk(&l->by_route, node);
        free(CONTAINER_OF(node, struct connection, by_route));
    }
    table_done(&l->by_route);
    table_done(&l->by_fd);
    heap_done(&l->suspects);
    codec_free(l->codec);
    free(l->told);
    free(l);
}

/* --- connections --- */

static bool route_is_ours(struct bytes route)
{
    return route.size == ROUTE_SIZE && ((const uint8_t *)route.data)[0] == 0;
}

static uint64_t route_number(const uint8_t route[ROUTE_SIZE])
{
    return (uint64_t)route[1] << 24 | (uint64_t)route[2] << 16 | (uint64_t)route[3] << 8 | route[4];
}

static struct connection *find_connection(const struct link *l, struct bytes route)
{
    if (!route_is_ours(route))
        return NULL;
    uint64_t hash = table_hash_number(route_number(route.data));
    for (struct table_node *node = table_first(&l->by_route, hash); node; node = table_next(node, hash)) {
        struct connection *c = CONTAINER_OF(node, struct connection, by_route);
        if (memcmp(c->route, route.data, ROUTE_SIZE) == 0)
            return c;
    }
    return NULL;
}

static struct connection *connection_new(struct link *l, const struct link_frame *in)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c || !heap_own(&l->suspects, 1)) {
        free(c);
        return NULL;
    }
    memcpy(c->route, in->route.data, ROUTE_SIZE);
    c->fd = in->fd;
    list_init(&c->held);
    heap_entry_init(&c->suspicion);
    table_add(&l->by_route, &c->by_route, table_hash_number(route_number(c->route)));
    table_add(&l->by_fd, &c->by_fd, table_hash_number((uint64_t)(int64_t)c->fd));
    return c;
}

static void connection_free(struct link *l, struct connection *c)
{
    struct list_node *held;
    while ((held = list_first(&c->held)))
        held_free(CONTAINER_OF(held, struct held, of_connection));
    table_remove(&l->by_route, &c->by_route);
    table_remove(&l->by_fd, &c->by_fd);
    if (heap_has(&c->suspicion))
        heap_remove(&l->suspects, &c->suspicion);
    heap_disown(&l->suspects, 1);
    free(c);
}

/* The connection is gone, or no good; its session may come back by another one. */
static void leave(struct link *l, uint64_t now_ms, struct connection *c)
{
    l->stat.bound--;
    engine_disconnect(l->engine, now_ms, c->session);
    connection_free(l, c);
}

/* leave(), of a connection that did not say why. */
static void lose(struct link *l, uint64_t now_ms, struct connection *c)
{
    l->stat.gone++;
    log_event(l->log, LOG_DEBUG, "connection_gone",
              LOG_FIELDS(log_number("session", engine_session_number(c->session))));
    leave(l, now_ms, c);
}

static bool connection_send(struct link *l, const struct connection *c, struct bytes frame)
{
    return l->door.send(l->door.context, (struct bytes){c->route, ROUTE_SIZE}, c->fd, frame);
}

/* --- frames that wait --- */

static bool held_send(struct link *l, struct held *h)
{
    struct bytes frame = held_frame(h);
    l->leaving = h->memory;
    h->memory = NULL;
    bool sent = l->door.send(l->door.context, held_route(h), h->fd, frame);
    free(l->leaving); /* unless the door has taken it */
    l->leaving = NULL;
    return sent;
}

/* Sends the frame once all up to `position` is safe, behind what waits for the same connection. False: that
 * cannot be. */
static bool post(struct link *l, struct connection *c, uint64_t position, struct bytes frame)
{
    if (position <= l->safe && list_is_empty(&c->held))
        return connection_send(l, c, frame);
    struct held *h = held_new(position, (struct bytes){c->route, ROUTE_SIZE}, c->fd, frame);
    if (!h)
        return false;
    list_append(&l->held, &h->of_link);
    list_append(&c->held, &h->of_connection);
    return true;
}

/* To a connection that has said bye. One that cannot be told knows soon enough. */
static void post_last(struct link *l, const struct link_frame *in, uint64_t position, struct bytes frame)
{
    struct held *h;
    if (position <= l->safe)
        l->door.send(l->door.context, in->route, in->fd, frame);
    else if ((h = held_new(position, in->route, in->fd, frame)))
        list_append(&l->held, &h->of_link);
}

void link_release(struct link *l, uint64_t now_ms, uint64_t safe)
{
    struct list_node *node;
    l->safe = safe;
    while ((node = list_first(&l->held))) {
        struct held *h = CONTAINER_OF(node, struct held, of_link);
        if (h->position > safe)
            return;
        struct connection *c = find_connection(l, held_route(h));
        bool sent = held_send(l, h);
        held_free(h);
        if (!sent && c)
            lose(l, now_ms, c);
    }
}

/* --- strangers: connections without a session --- */

/* What is noted of a connection by its descriptor; never 0. */
static uint64_t stranger_mark(const uint8_t route[ROUTE_SIZE])
{
    return route_number(route) + 1;
}

static uint64_t *stranger_place(struct link *l, int fd)
{
    return fd >= 0 && (uint32_t)fd < l->options.fd_max ? &l->told[fd] : NULL;
}

/* From now on the connection's frames are dropped without a word, until it says hello. */
static void stop_listening(struct link *l, const uint8_t route[ROUTE_SIZE], int fd)
{
    uint64_t *place = stranger_place(l, fd);
    if (place)
        *place = stranger_mark(route);
}

static bool was_told(struct link *l, const struct link_frame *in)
{
    uint64_t *place = stranger_place(l, in->fd);
    return place && route_is_ours(in->route) && *place == stranger_mark(in->route.data);
}

/* A refusal that cannot be sent needs no second try: its receiver is gone, or does not read. */
static void tell_refused(struct link *l, const struct link_frame *in, enum mq_status status, const char *why)
{
    struct bytes frame;
    l->stat.refused++;
    if (route_is_ours(in->route))
        stop_listening(l, in->route.data, in->fd);
    if (codec_encode_refused(l->codec, status, why, &frame) == MQ_OK)
        l->door.send(l->door.context, in->route, in->fd, frame);
}

static void refuse_stranger(struct link *l, const struct link_frame *in, enum mq_status status,
                            const char *why)
{
    if (was_told(l, in)) {
        l->stat.dropped++;
        return;
    }
    log_event(l->log, LOG_INFO, "stranger_refused", LOG_FIELDS(log_text("why", why)));
    tell_refused(l, in, status, why);
}

/* --- what clients send --- */

static void refuse(struct link *l, uint64_t now_ms, struct connection *c, const struct link_frame *in,
                   enum mq_status status, const char *why)
{
    log_event(l->log, LOG_WARN, "refused",
              LOG_FIELDS(log_number("session", engine_session_number(c->session)),
                         log_text("status", mq_status_name(status)), log_text("why", why)));
    leave(l, now_ms, c);
    tell_refused(l, in, status, why);
}

/* Probes at once, or (of a connection that is only new) once, later. */
static void suspect(struct link *l, uint64_t now_ms, struct connection *c, unsigned probe)
{
    if (heap_has(&c->suspicion))
        heap_remove(&l->suspects, &c->suspicion);
    c->probe = probe;
    heap_add(&l->suspects, &c->suspicion, now_ms + probe_delays_ms[probe]);
}

/* Its session has moved to another connection. It is told, because it may be the one that its client uses: a
 * hello that was sent before by a connection given up meanwhile can be read after a later one. */
static void move_away(struct link *l, struct connection *old)
{
    struct link_frame from = {.route = {old->route, ROUTE_SIZE}, .fd = old->fd};
    tell_refused(l, &from, MQ_TEMPORARY, "the session has moved to another connection");
    connection_free(l, old);
    l->stat.bound--;
}

static enum mq_status bind_session(struct link *l, uint64_t now_ms, const struct link_frame *in,
                                   const struct hello *hello, struct welcome *ret_welcome)
{
    static const char no_memory[] = "out of memory", own_route[] = "routing ids are given by the broker";
    *ret_welcome =
        (struct welcome){.status = MQ_INVALID, .version = MQ_PROTOCOL_VERSION, .text = mq_bytes(own_route)};
    if (!route_is_ours(in->route))
        return MQ_INVALID;
    struct connection *c = connection_new(l, in);
    if (!c) {
        ret_welcome->status = MQ_TEMPORARY;
        ret_welcome->text = mq_bytes(no_memory);
        return MQ_TEMPORARY;
    }
    void *old_peer = NULL;
    enum mq_status status = engine_hello(l->engine, now_ms, hello, c, &c->session, &old_peer, ret_welcome);
    ret_welcome->heartbeat_ms = l->options.heartbeat_ms;
    if (status != MQ_OK) {
        connection_free(l, c);
        return status;
    }
    struct connection *old = old_peer;
    if (old)
        move_away(l, old);
    l->stat.bound++;
    suspect(l, now_ms, c, PROBES - 1);
    return MQ_OK;
}

/* The client ends its session. */
static void part(struct link *l, uint64_t now_ms, struct connection *c, struct ranges confirms)
{
    engine_bye(l->engine, now_ms, c->session, confirms);
    l->stat.bound--;
    connection_free(l, c);
}

/* A refusal tells of nothing that could be lost, so it does not wait. */
static void tell_welcome(struct link *l, uint64_t now_ms, struct connection *c, const struct link_frame *in,
                         const struct welcome *welcome)
{
    struct bytes frame;
    bool encoded = codec_encode_welcome(l->codec, welcome, &frame) == MQ_OK;
    if (!c && encoded)
        l->door.send(l->door.context, in->route, in->fd, frame);
    else if (c && !(encoded && post(l, c, engine_position(l->engine), frame)))
        lose(l, now_ms, c);
}

/* A client that begins anew on the same connection is done with what it had before; so a connection that says
 * nothing but hello has one session, not thousands. */
static void on_hello(struct link *l, uint64_t now_ms, const struct link_frame *in, const struct hello *hello)
{
    struct connection *c = find_connection(l, in->route);
    if (c && hello->resume)
        leave(l, now_ms, c);
    else if (c)
        part(l, now_ms, c, (struct ranges){0});
    struct welcome welcome;
    enum mq_status status = bind_session(l, now_ms, in, hello, &welcome);
    c = find_connection(l, in->route);
    log_event(l->log, LOG_DEBUG, "hello",
              LOG_FIELDS(log_number("session", welcome.session), log_text("status", mq_status_name(status)),
                         log_text("resume", hello->resume ? "yes" : "no")));
    tell_welcome(l, now_ms, c, in, &welcome);
}

static void on_bye(struct link *l, uint64_t now_ms, struct connection *c, const struct link_frame *in,
                   struct ranges confirms)
{
    struct bytes frame;
    log_event(l->log, LOG_DEBUG, "bye", LOG_FIELDS(log_number("session", engine_session_number(c->session))));
    stop_listening(l, c->route, c->fd);
    part(l, now_ms, c, confirms);
    if (codec_encode_bye_answer(l->codec, MQ_OK, &frame) == MQ_OK)
        post_last(l, in, engine_position(l->engine), frame);
}

static void on_request(struct link *l, uint64_t now_ms, struct connection *c, const struct link_frame *in,
                       const struct request *request)
{
    const char *why = "";
    enum mq_status status = engine_submit(l->engine, now_ms, c->session, request, &why);
    if (status != MQ_OK)
        refuse(l, now_ms, c, in, status, why);
}

static enum mq_status decode(struct link *l, const struct link_frame *in, struct client_frame *ret_frame,
                             const char **ret_why)
{
    if (in->is_multipart) {
        *ret_why = "a message has one part";
        return MQ_INVALID;
    }
    *ret_why = "not a frame of this protocol";
    enum mq_status status = codec_decode_client(l->codec, in->bytes, ret_frame, ret_why);
    if (status != MQ_NO_MEMORY)
        return status;
    *ret_why = "out of memory";
    return MQ_TEMPORARY;
}

static void on_frame(struct link *l, uint64_t now_ms, struct connection *c, const struct link_frame *in,
                     const struct client_frame *frame)
{
    if (frame->verb == MQ_VERB_CONFIRM)
        engine_confirm(l->engine, now_ms, c->session, frame->confirms);
    else if (frame->verb == MQ_VERB_BYE)
        on_bye(l, now_ms, c, in, frame->confirms);
    else
        on_request(l, now_ms, c, in, &frame->request);
}

size_t link_input(struct link *l, uint64_t now_ms, const struct link_frame *in)
{
    struct client_frame frame;
    const char *why;
    enum mq_status status = decode(l, in, &frame, &why);
    if (status == MQ_OK && frame.verb == MQ_VERB_HELLO) {
        on_hello(l, now_ms, in, &frame.hello);
        return 0;
    }
    struct connection *c = find_connection(l, in->route);
    if (c && status == MQ_OK) {
        on_frame(l, now_ms, c, in, &frame);
        return frame.request.put_count + frame.request.id_count + frame.request.max;
    }
    if (c)
        refuse(l, now_ms, c, in, status, why);
    else
        refuse_stranger(l, in, MQ_INVALID, status == MQ_OK ? "hello comes first" : why);
    return 0;
}

/* --- what clients get --- */

size_t link_output(struct link *l, uint64_t now_ms, void *peer, const struct answer *answer)
{
    struct connection *c = peer;
    struct bytes frame;
    enum mq_status status = codec_encode_answer(l->codec, answer, &frame);
    if (status == MQ_TOO_BIG) {
        struct answer bare = {.verb = answer->verb, .number = answer->number, .status = MQ_TOO_BIG};
        status = codec_encode_answer(l->codec, &bare, &frame);
    }
    /* What could not be sent stays with the engine, until the client resumes and asks again. */
    if (status != MQ_OK || !post(l, c, 0, frame)) {
        lose(l, now_ms, c);
        return 0;
    }
    return frame.size;
}

void *link_take_frame(struct link *l)
{
    void *memory = l->leaving;
    l->leaving = NULL;
    return memory ? memory : codec_take_frame(l->codec);
}

/* --- who is alive --- */

void link_closed(struct link *l, uint64_t now_ms, int fd)
{
    uint64_t hash = table_hash_number((uint64_t)(int64_t)fd);
    for (struct table_node *node = table_first(&l->by_fd, hash); node; node = table_next(node, hash)) {
        struct connection *c = CONTAINER_OF(node, struct connection, by_fd);
        if (c->fd == fd)
            suspect(l, now_ms, c, 0);
    }
}

static void probe(struct link *l, uint64_t now_ms, struct connection *c)
{
    struct bytes frame;
    if (codec_encode_probe(l->codec, &frame) == MQ_OK && !connection_send(l, c, frame)) {
        lose(l, now_ms, c);
        return;
    }
    heap_remove(&l->suspects, &c->suspicion);
    if (c->probe + 1 < PROBES)
        suspect(l, now_ms, c, c->probe + 1);
}

void link_tick(struct link *l, uint64_t now_ms)
{
    while (heap_first_rank(&l->suspects) <= now_ms)
        probe(l, now_ms, CONTAINER_OF(heap_first(&l->suspects), struct connection, suspicion));
}

uint64_t link_deadline_ms(const struct link *l)
{
    return heap_first_rank(&l->suspects);
}

struct link_stat link_stat(const struct link *l)
{
    return l->stat;
}
