/* loop.c - see loop.h. */
#include "loop.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
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
#include "trim.h"

/* What a turn reads and sends at most; the rest waits for the next one. ROUTER takes frames from its peers by
 * turns, so this is how long the answer to one of them waits for the others: about a millisecond. */
enum {
    TURN_FRAMES_MAX = 256,
    TURN_ITEMS_MAX = 4096, /* that requests read are about */
    TURN_READ_MAX = 1 << 20,
    TURN_ANSWERS_MAX = 1024,
    TURN_SENT_MAX = 4 << 20,
    TURN_EVENTS_MAX = 1024
};

enum {
    RECEIVE_FRAMES_MAX = 64, /* of each connection, read ahead by libzmq */
    BACKLOG = 4096,          /* connections that the kernel holds for us */
    LINGER_MS = 1000,
    DISK_POLL_MS = 100,
    DISK_PATIENCE_MS = 10000, /* at the end, for a disk that does nothing */
    ENDPOINTS_SIZE = OPTIONS_BINDS_MAX * (ENDPOINT_MAX + 1)
};

#define MONITOR_ENDPOINT "inproc://mq-broker-monitor"

enum { FD_ROUTER, FD_MONITOR, FD_SIGNALS, FD_DATA, FDS };

struct loop {
    struct engine *engine;
    struct data *data;
    struct log *log;
    const struct options *options;
    struct link *link;
    void *context, *router, *monitor;
    int signals;
    bool stopping;
    bool is_drained;     /* there was no frame to be read, and nothing has been sent since */
    bool has_slept;      /* before this turn */
    bool has_answers;    /* some are left over from the last turn */
    bool has_events;     /* the monitor has, too */
    uint64_t watched_ms; /* when monitor and signals were looked at */
    struct trim trim;
    struct pollfd fds[FDS];
    uint32_t descriptors;
    struct outbox outbox;
    struct guard guards[OPTIONS_BINDS_MAX];
    char endpoints[ENDPOINTS_SIZE];
};

/* --- sending --- */

/* The door of the link. Sending may eat the edge of the ROUTER's descriptor. */
static bool send_frame(void *context, struct bytes route, int fd, struct bytes frame)
{
    struct loop *l = context;
    l->is_drained = false;
    return outbox_send(&l->outbox, l->router, route, fd, link_take_frame(l->link), frame);
}

/* Answers in the order of their decisions, as far as they may be told. */
static void send_answers(struct loop *l, uint64_t now_ms, size_t answers_max, size_t bytes_max)
{
    void *peer;
    struct answer answer;
    size_t bytes = 0;
    uint64_t safe = data_safe(l->data);
    link_release(l->link, now_ms, safe);
    l->has_answers = true;
    for (size_t n = 0; n < answers_max && bytes < bytes_max; n++) {
        if (!engine_next_reply(l->engine, safe, &peer, &answer)) {
            l->has_answers = false;
            return;
        }
        bytes += link_output(l->link, now_ms, peer, &answer);
    }
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

/* What a turn has read. */
struct reading {
    size_t frames, items, bytes;
};

/* One message to the link; false: there was none. */
static bool read_frame(struct loop *l, uint64_t now_ms, zmq_msg_t *route, zmq_msg_t *message,
                       struct reading *so_far)
{
    if (!receive_part(l->router, route) || !zmq_msg_more(route) || !receive_part(l->router, message))
        return false;
    struct link_frame in = {
        .route = {zmq_msg_data(route), zmq_msg_size(route)},
        .fd = descriptor_of(message),
        .bytes = {zmq_msg_data(message), zmq_msg_size(message)},
    };
    in.is_multipart = skip_parts(l->router, message);
    so_far->frames++;
    so_far->bytes += in.bytes.size;
    so_far->items += link_input(l->link, now_ms, &in);
    return true;
}

/* What has woken the loop is mostly one request whose client waits: it is answered before anything else. If
 * it has to wait for the disk anyway, it does so together with those behind it. */
static void read_frames(struct loop *l, uint64_t now_ms)
{
    struct reading so_far = {0};
    size_t frames_max = l->has_slept && !l->data ? 1 : TURN_FRAMES_MAX;
    zmq_msg_t route, message;
    zmq_msg_init(&route);
    zmq_msg_init(&message);
    l->is_drained = false;
    while (so_far.frames < frames_max && so_far.items < TURN_ITEMS_MAX && so_far.bytes < TURN_READ_MAX) {
        if (!read_frame(l, now_ms, &route, &message, &so_far)) {
            l->is_drained = true;
            break;
        }
    }
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
    l->has_events = true;
    for (int n = 0; n < TURN_EVENTS_MAX && l->has_events; n++)
        l->has_events = read_event(l, now_ms);
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

static void give_memory_back(struct loop *l, uint64_t now_ms)
{
    struct broker_stat stat;
    engine_stat(l->engine, &stat);
    if (trim_is_due(&l->trim, now_ms, stat.memory + outbox_unsent(&l->outbox)))
        machine_trim_memory();
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int timeout_ms(const struct loop *l, uint64_t now_ms)
{
    uint64_t deadline = earliest(engine_deadline_ms(l->engine), link_deadline_ms(l->link));
    deadline = earliest(deadline, trim_deadline_ms(&l->trim));
    deadline = earliest(deadline, data_deadline_ms(l->data));
    if (!l->is_drained || l->has_answers || l->has_events || deadline <= now_ms)
        return 0;
    if (deadline == UINT64_MAX)
        return -1;
    return deadline - now_ms > 1000000 ? 1000000 : (int)(deadline - now_ms);
}

/* Sleeps until something comes in, but no longer than the deadline. now_ms is the last turn's time: waking a
 * turn's length late is the price of one clock read a turn.
 *
 * The ROUTER's descriptor is edge-triggered and any call may eat the edge, so the loop sleeps on it only when
 * reading was the last thing done and there was nothing. Between turns that have something to do the others
 * are looked at once a millisecond. */
static void wait_for_work(struct loop *l, uint64_t now_ms)
{
    int timeout = timeout_ms(l, now_ms);
    for (size_t i = 0; i < FDS; i++)
        l->fds[i].revents = 0;
    l->has_slept = timeout != 0;
    if (timeout == 0 && l->watched_ms == now_ms)
        return;
    l->watched_ms = now_ms;
    int rc = poll(l->fds, FDS, timeout);
    assert(rc >= 0 || errno == EINTR);
    (void)rc;
}

/* If the disk is done with something, it gets the next thing before this turn makes more of it. */
static void turn(struct loop *l, uint64_t now_ms)
{
    l->log->now_ms = now_ms;
    data_turn(l->data, now_ms);
    if (!l->has_answers)
        read_frames(l, now_ms);
    if (l->fds[FD_MONITOR].revents || l->has_events)
        read_events(l, now_ms);
    if (l->fds[FD_SIGNALS].revents)
        read_signals(l);
    link_tick(l->link, now_ms);
    engine_tick(l->engine, now_ms);
    data_turn(l->data, now_ms);
    send_answers(l, now_ms, TURN_ANSWERS_MAX, TURN_SENT_MAX);
    give_memory_back(l, now_ms);
}

/* Waits until what is decided is written, and sends it. False: the disk does not answer. */
static bool finish(struct loop *l)
{
    uint64_t groups = data_groups(l->data), since_ms = machine_clock_ms(), now_ms = since_ms;
    send_answers(l, now_ms, SIZE_MAX, SIZE_MAX);
    data_hurry(l->data);
    while (data_is_busy(l->data) && now_ms - since_ms < DISK_PATIENCE_MS) {
        poll(&l->fds[FD_DATA], 1, DISK_POLL_MS);
        now_ms = machine_clock_ms();
        data_turn(l->data, now_ms);
        send_answers(l, now_ms, SIZE_MAX, SIZE_MAX);
        if (data_groups(l->data) != groups) {
            groups = data_groups(l->data);
            since_ms = now_ms;
        }
    }
    return !data_is_busy(l->data);
}

enum ending loop_run(struct loop *l)
{
    while (!l->stopping) {
        uint64_t now_ms = machine_clock_ms();
        turn(l, now_ms);
        if (!l->stopping)
            wait_for_work(l, now_ms);
    }
    bool is_finished = finish(l);
    struct link_stat stat = link_stat(l->link);
    log_event(l->log, LOG_INFO, "stopping",
              LOG_FIELDS(log_number("connections", stat.bound), log_number("refused", stat.refused),
                         log_number("dropped", stat.dropped), log_number("gone", stat.gone)));
    return is_finished && !data_has_failed(l->data) ? ENDING_OK : ENDING_DISK;
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

static struct pollfd watch(void *socket)
{
    struct pollfd watched = {.fd = -1, .events = POLLIN};
    size_t size = sizeof watched.fd;
    int rc = zmq_getsockopt(socket, ZMQ_FD, &watched.fd, &size);
    assert(rc == 0);
    (void)rc;
    return watched;
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

static enum ending bind_failed(const char *endpoint, int error_number, char error[OPTIONS_ERROR_MAX])
{
    const char *why = zmq_strerror(error_number);
    if (error_number == EADDRINUSE)
        why = "address in use";
    else if (error_number == ENODEV || error_number == EADDRNOTAVAIL)
        why = "this machine has no such address";
    snprintf(error, OPTIONS_ERROR_MAX, "cannot listen at %.200s: %s", endpoint, why);
    return error_number == EADDRINUSE ? ENDING_IN_USE : ENDING_BAD;
}

static enum ending bind_endpoint(struct loop *l, size_t i, char error[OPTIONS_ERROR_MAX])
{
    const char *endpoint = l->options->binds[i];
    if (strncmp(endpoint, "ipc://", 6) == 0) {
        enum guard_result taken = guard_take(&l->guards[i], endpoint + 6, error, OPTIONS_ERROR_MAX);
        if (taken != GUARD_OK)
            return taken == GUARD_IN_USE ? ENDING_IN_USE : ENDING_BAD;
    }
    /* An IPv4 address bound as IPv6 would be shown as [::ffff:127.0.0.1]. */
    set_option(l, ZMQ_IPV6, strncmp(endpoint, "tcp://", 6) == 0 && !isdigit((unsigned char)endpoint[6]));
    if (zmq_bind(l->router, endpoint) != 0)
        return bind_failed(endpoint, errno, error);
    char real[ENDPOINT_MAX];
    size_t size = sizeof real, used = strlen(l->endpoints);
    if (zmq_getsockopt(l->router, ZMQ_LAST_ENDPOINT, real, &size) != 0)
        return bind_failed(endpoint, errno, error);
    snprintf(l->endpoints + used, sizeof l->endpoints - used, "%s%s", used ? " " : "", real);
    return ENDING_OK;
}

static enum ending open_loop(struct loop *l, char error[OPTIONS_ERROR_MAX])
{
    struct link_options link = {.fd_max = l->descriptors, .heartbeat_ms = (uint32_t)l->options->heartbeat_ms};
    struct link_door door = {.send = send_frame, .context = l};
    l->link = link_new(l->engine, l->log, link, door);
    if (!l->link || !outbox_init(&l->outbox, l->log, l->descriptors, l->options->memory_limit) ||
        !open_signals(l) || !open_sockets(l)) {
        snprintf(error, OPTIONS_ERROR_MAX, "cannot start: %s", strerror(errno));
        return ENDING_INTERNAL;
    }
    set_options(l);
    l->has_events = true; /* maybe; binding may have eaten the edge */
    l->fds[FD_ROUTER] = watch(l->router);
    l->fds[FD_MONITOR] = watch(l->monitor);
    l->fds[FD_SIGNALS] = (struct pollfd){.fd = l->signals, .events = POLLIN};
    l->fds[FD_DATA] = (struct pollfd){.fd = data_descriptor(l->data), .events = POLLIN};
    link_release(l->link, 0, data_safe(l->data));
    enum ending result = ENDING_OK;
    for (size_t i = 0; i < l->options->bind_count && result == ENDING_OK; i++)
        result = bind_endpoint(l, i, error);
    return result;
}

enum ending loop_new(const struct options *options, uint32_t descriptors, struct engine *engine,
                     struct data *data, struct log *log, struct loop **ret_loop,
                     char error[OPTIONS_ERROR_MAX])
{
    *ret_loop = NULL;
    struct loop *l = calloc(1, sizeof *l);
    if (!l) {
        snprintf(error, OPTIONS_ERROR_MAX, "out of memory");
        return ENDING_INTERNAL;
    }
    *l = (struct loop){.engine = engine,
                       .data = data,
                       .log = log,
                       .options = options,
                       .descriptors = descriptors,
                       .signals = -1};
    trim_init(&l->trim);
    for (size_t i = 0; i < OPTIONS_BINDS_MAX; i++)
        l->guards[i].fd = -1;
    enum ending result = open_loop(l, error);
    if (result == ENDING_OK)
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
