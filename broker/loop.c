/* loop.c - see loop.h. */
#include "loop.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

#include "guard.h"
#include "link.h"
#include "machine.h"
#include "outbox.h"

/* What a turn reads and sends at most; the rest waits for the next one. */
enum { TURN_FRAMES_MAX = 256, TURN_ANSWERS_MAX = 1024, TURN_BYTES_MAX = 16 << 20, TURN_EVENTS_MAX = 1024 };

enum {
    RECEIVE_FRAMES_MAX = 64, /* of each connection, read ahead by libzmq */
    BACKLOG = 4096,          /* connections that the kernel holds for us */
    LINGER_MS = 1000,
    ENDPOINTS_SIZE = OPTIONS_BINDS_MAX * (OPTIONS_ENDPOINT_MAX + 1)
};

#define MONITOR_ENDPOINT "inproc://mq-broker-monitor"

struct loop {
    struct engine *engine;
    struct log *log;
    const struct options *options;
    struct link *link;
    void *context, *router, *monitor;
    int signals;
    bool stopping, busy; /* busy: answers are left over from the last turn */
    uint32_t descriptors;
    struct outbox outbox;
    struct guard guards[OPTIONS_BINDS_MAX];
    char endpoints[ENDPOINTS_SIZE];
};

/* --- sending --- */

/* The door of the link. */
static bool send_frame(void *context, struct bytes route, int fd, struct bytes frame)
{
    struct loop *l = context;
    return outbox_send(&l->outbox, l->router, route, fd, link_take_frame(l->link), frame);
}

/* Answers in the order of their decisions; true: there are more. */
static bool send_answers(struct loop *l, uint64_t now_ms, size_t answers_max, size_t bytes_max)
{
    void *peer;
    struct answer answer;
    size_t bytes = 0;
    for (size_t n = 0; n < answers_max && bytes < bytes_max; n++) {
        if (!engine_next_reply(l->engine, &peer, &answer))
            return false;
        bytes += link_output(l->link, now_ms, peer, &answer);
    }
    return true;
}

/* --- reading --- */

static bool receive_part(void *socket, zmq_msg_t *part)
{
    int rc;
    do
        rc = zmq_msg_recv(part, socket, ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    return rc >= 0;
}

/* Takes the parts that nobody wants; a message arrives whole, so they are all there. */
static bool skip_parts(void *socket, zmq_msg_t *last)
{
    bool skipped = false;
    zmq_msg_t part;
    zmq_msg_init(&part);
    for (bool more = zmq_msg_more(last); more && receive_part(socket, &part); skipped = true)
        more = zmq_msg_more(&part);
    zmq_msg_close(&part);
    return skipped;
}

static int descriptor_of(zmq_msg_t *message)
{
    return zmq_msg_get(message, ZMQ_SRCFD);
}

/* One message to the link; false: there was none. Adds its size to *bytes. */
static bool read_frame(struct loop *l, uint64_t now_ms, zmq_msg_t *route, zmq_msg_t *message, size_t *bytes)
{
    if (!receive_part(l->router, route) || !zmq_msg_more(route) || !receive_part(l->router, message))
        return false;
    struct link_frame in = {
        .route = {zmq_msg_data(route), zmq_msg_size(route)},
        .fd = descriptor_of(message),
        .bytes = {zmq_msg_data(message), zmq_msg_size(message)},
    };
    in.is_multipart = skip_parts(l->router, message);
    link_input(l->link, now_ms, &in);
    *bytes += in.bytes.size;
    return true;
}

static void read_frames(struct loop *l, uint64_t now_ms)
{
    size_t bytes = 0;
    zmq_msg_t route, message;
    zmq_msg_init(&route);
    zmq_msg_init(&message);
    for (int n = 0; n < TURN_FRAMES_MAX && bytes < TURN_BYTES_MAX; n++)
        if (!read_frame(l, now_ms, &route, &message, &bytes))
            break;
    zmq_msg_close(&route);
    zmq_msg_close(&message);
}

/* The kernel gives the lowest free number, so a high one tells how many are open. */
static void watch_descriptors(struct loop *l, int fd)
{
    if ((uint32_t)fd >= l->descriptors - l->descriptors / 10)
        log_event(l->log, LOG_WARN, "connections_near_limit",
                  LOG_FIELDS(log_number("descriptor", (uint64_t)fd), log_number("limit", l->descriptors)));
}

/* What the monitor tells: 16 bits of event and 32 of value, a descriptor; then the endpoint. */
static bool read_event(struct loop *l, uint64_t now_ms)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    bool received = receive_part(l->monitor, &message);
    if (received && zmq_msg_size(&message) >= 6) {
        uint16_t event;
        int32_t fd;
        memcpy(&event, zmq_msg_data(&message), sizeof event);
        memcpy(&fd, (char *)zmq_msg_data(&message) + sizeof event, sizeof fd);
        if (event == ZMQ_EVENT_DISCONNECTED)
            link_closed(l->link, now_ms, fd);
        else
            watch_descriptors(l, fd);
        skip_parts(l->monitor, &message);
    }
    zmq_msg_close(&message);
    return received;
}

static void read_events(struct loop *l, uint64_t now_ms)
{
    for (int n = 0; n < TURN_EVENTS_MAX && read_event(l, now_ms); n++)
        ;
}

static void read_signals(struct loop *l)
{
    struct signalfd_siginfo info;
    while (read(l->signals, &info, sizeof info) == sizeof info) {
        log_event(l->log, LOG_INFO, "signal", LOG_FIELDS(log_text("name", strsignal((int)info.ssi_signo))));
        if (info.ssi_signo != SIGHUP)
            l->stopping = true;
    }
}

/* --- the turn --- */

enum { ITEM_ROUTER, ITEM_MONITOR, ITEM_SIGNALS, ITEMS };

/* Sleeps until something comes in, but no longer than the deadline. now_ms is the last turn's time: waking a
 * turn's length late is the price of one clock read a turn. */
static void wait_for_work(struct loop *l, uint64_t now_ms, zmq_pollitem_t items[ITEMS])
{
    uint64_t engine = engine_deadline_ms(l->engine), link = link_deadline_ms(l->link);
    uint64_t deadline = engine < link ? engine : link;
    long timeout_ms = -1;
    if (l->busy || deadline <= now_ms)
        timeout_ms = 0;
    else if (deadline != UINT64_MAX)
        timeout_ms = deadline - now_ms > 1000000 ? 1000000 : (long)(deadline - now_ms);
    items[ITEM_ROUTER] = (zmq_pollitem_t){.socket = l->router, .events = ZMQ_POLLIN};
    items[ITEM_MONITOR] = (zmq_pollitem_t){.socket = l->monitor, .events = ZMQ_POLLIN};
    items[ITEM_SIGNALS] = (zmq_pollitem_t){.fd = l->signals, .events = ZMQ_POLLIN};
    int rc = zmq_poll(items, ITEMS, timeout_ms);
    assert(rc >= 0 || errno == EINTR);
    (void)rc;
}

static void turn(struct loop *l, uint64_t now_ms, const zmq_pollitem_t items[ITEMS])
{
    l->log->now_ms = now_ms;
    if (items[ITEM_ROUTER].revents)
        read_frames(l, now_ms);
    if (items[ITEM_MONITOR].revents)
        read_events(l, now_ms);
    if (items[ITEM_SIGNALS].revents)
        read_signals(l);
    link_tick(l->link, now_ms);
    engine_tick(l->engine, now_ms);
    l->busy = send_answers(l, now_ms, TURN_ANSWERS_MAX, TURN_BYTES_MAX);
}

void loop_run(struct loop *l)
{
    uint64_t now_ms = machine_clock_ms();
    while (!l->stopping) {
        zmq_pollitem_t items[ITEMS];
        wait_for_work(l, now_ms, items);
        now_ms = machine_clock_ms();
        turn(l, now_ms, items);
    }
    send_answers(l, now_ms, SIZE_MAX, SIZE_MAX);
    struct link_stat stat = link_stat(l->link);
    log_event(l->log, LOG_INFO, "stopping",
              LOG_FIELDS(log_number("connections", stat.bound), log_number("refused", stat.refused),
                         log_number("dropped", stat.dropped), log_number("gone", stat.gone)));
}

/* --- beginning and end --- */

static void set_option(struct loop *l, int option, int value)
{
    int rc = zmq_setsockopt(l->router, option, &value, sizeof value);
    assert(rc == 0);
    (void)rc;
}

static void set_options(struct loop *l)
{
    int64_t frame_max = MQ_FRAME_SIZE_MAX;
    int rc = zmq_setsockopt(l->router, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max);
    assert(rc == 0);
    (void)rc;
    set_option(l, ZMQ_ROUTER_MANDATORY, 1);
    set_option(l, ZMQ_SNDHWM, 0);
    set_option(l, ZMQ_RCVHWM, RECEIVE_FRAMES_MAX);
    set_option(l, ZMQ_LINGER, LINGER_MS);
    set_option(l, ZMQ_BACKLOG, BACKLOG);
    set_option(l, ZMQ_HEARTBEAT_IVL, (int)l->options->heartbeat_ms);
    set_option(l, ZMQ_HEARTBEAT_TIMEOUT, (int)l->options->heartbeat_timeout_ms);
    /* The heartbeat does not see a peer that lets its window stay shut; TCP does. */
    set_option(l, ZMQ_TCP_MAXRT, (int)l->options->heartbeat_timeout_ms);
}

/* The monitor's pipe must never be full: libzmq's thread would stop until there is room. */
static bool open_sockets(struct loop *l)
{
    int no_limit = 0;
    l->context = zmq_ctx_new();
    l->router = l->context ? zmq_socket(l->context, ZMQ_ROUTER) : NULL;
    l->monitor = l->router ? zmq_socket(l->context, ZMQ_PAIR) : NULL;
    return l->monitor &&
           zmq_socket_monitor(l->router, MONITOR_ENDPOINT, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED) ==
               0 &&
           zmq_setsockopt(l->monitor, ZMQ_RCVHWM, &no_limit, sizeof no_limit) == 0 &&
           zmq_setsockopt(l->monitor, ZMQ_LINGER, &no_limit, sizeof no_limit) == 0 &&
           zmq_connect(l->monitor, MONITOR_ENDPOINT) == 0;
}

static bool open_signals(struct loop *l)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    l->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return l->signals >= 0;
}

static enum loop_result bind_failed(const char *endpoint, int error_number, char error[OPTIONS_ERROR_MAX])
{
    const char *why = zmq_strerror(error_number);
    if (error_number == EADDRINUSE)
        why = "address in use";
    else if (error_number == ENODEV || error_number == EADDRNOTAVAIL)
        why = "this machine has no such address";
    snprintf(error, OPTIONS_ERROR_MAX, "cannot listen at %.200s: %s", endpoint, why);
    return error_number == EADDRINUSE ? LOOP_IN_USE : LOOP_BAD_CONFIGURATION;
}

static enum loop_result bind_endpoint(struct loop *l, size_t i, char error[OPTIONS_ERROR_MAX])
{
    const char *endpoint = l->options->binds[i];
    if (strncmp(endpoint, "ipc://", 6) == 0) {
        enum guard_result taken = guard_take(&l->guards[i], endpoint + 6, error, OPTIONS_ERROR_MAX);
        if (taken != GUARD_OK)
            return taken == GUARD_IN_USE ? LOOP_IN_USE : LOOP_BAD_CONFIGURATION;
    }
    /* An IPv4 address bound as IPv6 would be shown as [::ffff:127.0.0.1]. */
    set_option(l, ZMQ_IPV6, strncmp(endpoint, "tcp://", 6) == 0 && !isdigit((unsigned char)endpoint[6]));
    if (zmq_bind(l->router, endpoint) != 0)
        return bind_failed(endpoint, errno, error);
    char real[OPTIONS_ENDPOINT_MAX];
    size_t size = sizeof real, used = strlen(l->endpoints);
    if (zmq_getsockopt(l->router, ZMQ_LAST_ENDPOINT, real, &size) != 0)
        return bind_failed(endpoint, errno, error);
    snprintf(l->endpoints + used, sizeof l->endpoints - used, "%s%s", used ? " " : "", real);
    return LOOP_OK;
}

static enum loop_result open_loop(struct loop *l, char error[OPTIONS_ERROR_MAX])
{
    struct link_options link = {.fd_max = l->descriptors, .heartbeat_ms = (uint32_t)l->options->heartbeat_ms};
    struct link_door door = {.send = send_frame, .context = l};
    l->link = link_new(l->engine, l->log, link, door);
    if (!l->link || !outbox_init(&l->outbox, l->log, l->descriptors, l->options->memory_limit) ||
        !open_signals(l) || !open_sockets(l)) {
        snprintf(error, OPTIONS_ERROR_MAX, "cannot start: %s", strerror(errno));
        return LOOP_INTERNAL;
    }
    set_options(l);
    enum loop_result result = LOOP_OK;
    for (size_t i = 0; i < l->options->bind_count && result == LOOP_OK; i++)
        result = bind_endpoint(l, i, error);
    return result;
}

enum loop_result loop_new(const struct options *options, uint32_t descriptors, struct engine *engine,
                          struct log *log, struct loop **ret_loop, char error[OPTIONS_ERROR_MAX])
{
    *ret_loop = NULL;
    struct loop *l = calloc(1, sizeof *l);
    if (!l) {
        snprintf(error, OPTIONS_ERROR_MAX, "out of memory");
        return LOOP_INTERNAL;
    }
    *l = (struct loop){
        .engine = engine, .log = log, .options = options, .descriptors = descriptors, .signals = -1};
    for (size_t i = 0; i < OPTIONS_BINDS_MAX; i++)
        l->guards[i].fd = -1;
    enum loop_result result = open_loop(l, error);
    if (result == LOOP_OK)
        *ret_loop = l;
    else
        loop_free(l);
    return result;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    /* While the monitor can still be read, its thread cannot hang; then it is told to be quiet. */
    if (l->router)
        zmq_socket_monitor(l->router, NULL, 0);
    if (l->monitor)
        zmq_close(l->monitor);
    if (l->router)
        zmq_close(l->router);
    if (l->context)
        while (zmq_ctx_term(l->context) != 0 && errno == EINTR)
            ;
    outbox_done(&l->outbox); /* now the last frame is freed */
    for (size_t i = 0; i < OPTIONS_BINDS_MAX; i++)
        guard_release(&l->guards[i]);
    if (l->signals >= 0)
        close(l->signals);
    link_free(l->link);
    free(l);
}

const char *loop_endpoints(const struct loop *l)
{
    return l->endpoints;
}
