/* mqc_wire.c - see mqc_wire.h. */
#include "mqc_wire.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <zmq.h>

#include "mqc_call.h"
#include "mqc_frame.h"
#include "mqc_lease.h"
#include "mqc_queue.h"

enum {
    BACKOFF_MIN_MS = 10,
    BACKOFF_MAX_MS = 250,
    STEADY_MS = 1000, /* a connection that lasted so long is made again at once */
    HELLO_MIN_MS = 250,
    HELLO_MAX_MS = 10000,
    HEARTBEAT_MS = 5000,  /* until a welcome tells otherwise */
    HEARTBEATS_MISSED = 6 /* then the broker is taken for dead */
};

#define NOT_AN_ENDPOINT "'%s' is not an endpoint: tcp://HOST:PORT or ipc://PATH"

static bool is_endpoint(const char *text)
{
    return (!strncmp(text, "tcp://", 6) && text[6]) || (!strncmp(text, "ipc://", 6) && text[6]);
}

enum mq_status wire_init(struct mqc *m)
{
    struct wire *w = &m->wire;
    w->hello_due_ms = NEVER;
    w->lost_since_ms = monotonic_ms();
    w->heartbeat_ms = HEARTBEAT_MS;
    w->refusal = MQ_DISCONNECTED;
    if (!is_endpoint(m->endpoint)) {
        snprintf(w->why, sizeof w->why, NOT_AN_ENDPOINT, m->endpoint);
        return MQ_INVALID;
    }
    snprintf(w->why, sizeof w->why, "no answer from %s", m->endpoint);
    w->context = zmq_ctx_new();
    w->encoder = codec_new();
    w->decoder = codec_new();
    return w->context && w->encoder && w->decoder ? MQ_OK : MQ_NO_MEMORY;
}

static void close_sockets(struct wire *w)
{
    if (w->dealer) {
        zmq_socket_monitor(w->dealer, NULL, 0);
        zmq_close(w->dealer);
    }
    if (w->monitor)
        zmq_close(w->monitor);
    w->dealer = w->monitor = NULL;
}

void wire_done(struct mqc *m)
{
    struct wire *w = &m->wire;
    close_sockets(w);
    if (w->context)
        while (zmq_ctx_term(w->context) && errno == EINTR)
            ;
    codec_free(w->encoder);
    codec_free(w->decoder);
    w->context = NULL;
    w->encoder = w->decoder = NULL;
}

bool wire_is_ready(const struct mqc *m)
{
    return m->conversation.line == LINE_READY;
}

static bool is_wanted(const struct mqc *m)
{
    return m->connecting || !list_is_empty(&m->waiting) || helper_wants_line(m);
}

uint64_t wire_due_ms(const struct mqc *m)
{
    if (m->wire.dealer)
        return m->wire.hello_due_ms;
    return is_wanted(m) ? m->wire.retry_at_ms : NEVER;
}

size_t wire_pollfds(const struct mqc *m, struct pollfd *fds, bool with_line)
{
    size_t count = 0;
    if (m->wire.dealer)
        fds[count++] = (struct pollfd){.fd = m->wire.monitor_fd, .events = POLLIN};
    if (m->wire.dealer && with_line)
        fds[count++] = (struct pollfd){.fd = m->wire.line_fd, .events = POLLIN};
    return count;
}

void wire_polled(struct mqc *m, const struct pollfd *fds)
{
    m->wire.has_events |= fds[0].revents != 0;
    m->wire.was_polled = true;
}

/* A connection that was good is made again soon, at once if it was good for long; other failures back off. */
static void plan_retry(struct wire *w, uint64_t now_ms, bool was_ready)
{
    if (was_ready && now_ms - w->ready_since_ms >= STEADY_MS) {
        w->backoff_ms = BACKOFF_MIN_MS;
        w->retry_at_ms = now_ms;
        return;
    }
    w->backoff_ms = was_ready && w->refusal == MQ_DISCONNECTED ? w->backoff_ms / 2 : w->backoff_ms * 2;
    if (w->backoff_ms > BACKOFF_MAX_MS)
        w->backoff_ms = BACKOFF_MAX_MS;
    if (w->backoff_ms < BACKOFF_MIN_MS)
        w->backoff_ms = BACKOFF_MIN_MS;
    w->retry_at_ms = now_ms + w->backoff_ms;
}

/* This connection is of no use; the next one may be tried after a short while. */
__attribute__((format(printf, 3, 4))) static void lose(struct mqc *m, enum mq_status refusal,
                                                       const char *format, ...)
{
    struct wire *w = &m->wire;
    uint64_t now_ms = monotonic_ms();
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(w->why, sizeof w->why, format, arguments);
    va_end(arguments);
    w->refusal = refusal;
    bool was_ready = wire_is_ready(m);
    if (was_ready)
        w->lost_since_ms = now_ms;
    plan_retry(w, now_ms, was_ready);
    w->hello_due_ms = NEVER;
    close_sockets(w);
    conversation_line_down(&m->conversation);
    call_wake_all(m);
    helper_wake(m);
}

static void set_int(void *socket, int option, int value)
{
    int error = zmq_setsockopt(socket, option, &value, sizeof value);
    assert(error == 0);
}

/* libzmq tries only one address of a name: so the two families take turns. */
static int use_ipv6(const struct mqc *m)
{
    return strchr(m->endpoint, '[') || m->wire.attempts % 2 == 0;
}

static void set_options(struct mqc *m)
{
    void *dealer = m->wire.dealer;
    int64_t frame_max = MQ_FRAME_SIZE_MAX;
    set_int(dealer, ZMQ_LINGER, 0);
    set_int(dealer, ZMQ_RECONNECT_IVL, -1);
    set_int(dealer, ZMQ_SNDHWM, 0); /* the conversation bounds what is under way */
    set_int(dealer, ZMQ_RCVHWM, 0);
    set_int(dealer, ZMQ_IPV6, use_ipv6(m));
    set_int(dealer, ZMQ_HEARTBEAT_IVL, (int)m->wire.heartbeat_ms);
    set_int(dealer, ZMQ_HEARTBEAT_TIMEOUT, (int)m->wire.heartbeat_ms * HEARTBEATS_MISSED);
    int error = zmq_setsockopt(dealer, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max);
    assert(error == 0);
}

static int fd_of(void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    int error = zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    assert(error == 0);
    return fd;
}

/* The monitor's name must differ from that of the socket before, which may still be closing. */
static bool open_monitor(struct wire *w)
{
    char name[64];
    snprintf(name, sizeof name, "inproc://line-%u", w->attempts);
    int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED |
                 ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    if (zmq_socket_monitor(w->dealer, name, events))
        return false;
    w->monitor = zmq_socket(w->context, ZMQ_PAIR);
    if (!w->monitor)
        return false;
    set_int(w->monitor, ZMQ_LINGER, 0);
    return zmq_connect(w->monitor, name) == 0;
}

static bool is_wrong_endpoint(int error)
{
    return error == EINVAL || error == EPROTONOSUPPORT || error == ENOCOMPATPROTO || error == ENAMETOOLONG;
}

static bool random_id(uint8_t id[MQ_SESSION_ID_SIZE])
{
    return getrandom(id, MQ_SESSION_ID_SIZE, 0) == MQ_SESSION_ID_SIZE;
}

/* The hello must be answered within half the connect time-out, so that there is a second attempt. */
static int64_t hello_span_ms(const struct mqc *m)
{
    int64_t half_ms = m->connect_timeout_ms / 2;
    if (m->connect_timeout_ms == MQ_FOREVER || half_ms > HELLO_MAX_MS)
        return HELLO_MAX_MS;
    return half_ms > HELLO_MIN_MS ? half_ms : HELLO_MIN_MS;
}

static void connect_line(struct mqc *m)
{
    struct wire *w = &m->wire;
    uint8_t id[MQ_SESSION_ID_SIZE];
    w->attempts++;
    w->connected = w->said_bye = false;
    w->has_events = true;
    w->dealer = zmq_socket(w->context, ZMQ_DEALER);
    if (!w->dealer || !random_id(id)) {
        lose(m, MQ_DISCONNECTED, "cannot make a connection: %s", zmq_strerror(errno));
        return;
    }
    set_options(m);
    if (!open_monitor(w)) {
        lose(m, MQ_DISCONNECTED, "cannot watch a connection: %s", zmq_strerror(errno));
        return;
    }
    if (zmq_connect(w->dealer, m->endpoint)) {
        if (is_wrong_endpoint(errno))
            lose(m, MQ_INVALID, NOT_AN_ENDPOINT, m->endpoint);
        else
            lose(m, MQ_DISCONNECTED, "%s: %s", m->endpoint, zmq_strerror(errno));
        return;
    }
    w->line_fd = fd_of(w->dealer);
    w->monitor_fd = fd_of(w->monitor);
    w->hello_due_ms = add_ms(monotonic_ms(), hello_span_ms(m));
    conversation_line_up(&m->conversation, id);
    call_wake_all(m); /* whoever polls has the old fds */
    helper_wake(m);
}

/* ---- What happens to the connection -------------------------------------------------------------------- */

/* The next event of the monitor; 0: none. An event is two frames, of which the first says all. */
static unsigned next_event(struct wire *w)
{
    uint8_t frame[6];
    uint16_t event = 0;
    int size;
    do
        size = zmq_recv(w->monitor, frame, sizeof frame, ZMQ_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EAGAIN)
        w->has_events = false;
    if (size != sizeof frame)
        return 0;
    memcpy(&event, frame, sizeof event);
    char address[1];
    (void)zmq_recv(w->monitor, address, sizeof address, ZMQ_DONTWAIT);
    return event;
}

static void watch(struct mqc *m)
{
    struct wire *w = &m->wire;
    unsigned event;
    while (w->monitor && w->has_events && (event = next_event(w))) {
        if (event == ZMQ_EVENT_CONNECTED)
            w->connected = true;
        else if (event == ZMQ_EVENT_CLOSED)
            lose(m, MQ_DISCONNECTED, "cannot connect to %s", m->endpoint);
        else if (event == ZMQ_EVENT_DISCONNECTED)
            lose(m, MQ_DISCONNECTED, "the connection to %s was lost", m->endpoint);
        else
            lose(m, MQ_DISCONNECTED, "what listens at %s is no mq-broker", m->endpoint);
    }
    if (w->dealer && w->hello_due_ms != NEVER && monotonic_ms() >= w->hello_due_ms)
        lose(m, MQ_DISCONNECTED, w->connected ? "%s does not answer" : "cannot reach %s", m->endpoint);
}

/* ---- Sending ------------------------------------------------------------------------------------------- */

static enum mq_status encode(struct wire *w, const struct client_frame *frame, struct bytes *ret_bytes)
{
    switch (frame->verb) {
    case MQ_VERB_HELLO:
        return codec_encode_hello(w->encoder, &frame->hello, ret_bytes);
    case MQ_VERB_CONFIRM:
        return codec_encode_confirm(w->encoder, frame->confirms, ret_bytes);
    case MQ_VERB_BYE:
        return codec_encode_bye(w->encoder, frame->confirms, ret_bytes);
    default:
        return codec_encode_request(w->encoder, &frame->request, ret_bytes);
    }
}

/* A request that has its number but cannot be put into bytes is cancelled; without hello, confirmation,
 * cancel or bye nothing goes on, and the line is made again a little later. */
static void cannot_encode(struct mqc *m, const struct client_frame *frame, enum mq_status status)
{
    if (frame->verb >= MQ_VERB_OPEN)
        call_fail(conversation_find(&m->conversation, frame->request.number), status);
    else
        lose(m, MQ_DISCONNECTED, "%s", mq_status_text(status));
}

/* Was there anything to say? */
static bool send_all(struct mqc *m)
{
    struct wire *w = &m->wire;
    struct client_frame frame;
    bool any = false;
    uint64_t now_ms = monotonic_ms();
    while (w->dealer && conversation_next(&m->conversation, now_ms, &frame)) {
        struct bytes bytes;
        any = true;
        enum mq_status status = encode(w, &frame, &bytes);
        if (status != MQ_OK) {
            cannot_encode(m, &frame, status);
            continue;
        }
        if (!frame_send(w->dealer, w->encoder, bytes))
            lose(m, MQ_DISCONNECTED, "cannot send to %s: %s", m->endpoint, zmq_strerror(errno));
    }
    return any;
}

/* ---- Receiving ----------------------------------------------------------------------------------------- */

static void lose_by_word(struct mqc *m, enum mq_status status, struct bytes text)
{
    if (!text.size)
        text = mq_bytes(mq_status_text(status));
    lose(m, status == MQ_OK ? MQ_DISCONNECTED : status, "the broker at %s refuses: %.*s", m->endpoint,
         (int)text.size, (const char *)text.data);
}

/* The broker does not know the session any more: all that belonged to it is over. */
static void restart(struct mqc *m)
{
    uint8_t id[MQ_SESSION_ID_SIZE];
    if (!random_id(id)) {
        lose(m, MQ_DISCONNECTED, "no random numbers for a new session");
        return;
    }
    conversation_restart(&m->conversation, id);
    lease_lose_all(m);
    m->wire.welcome.lapses = 0;
    for (struct exchange *x; (x = conversation_next_lost(&m->conversation));)
        call_lost(x);
    queue_reopen_all(m);
    m->wire.hello_due_ms = add_ms(monotonic_ms(), hello_span_ms(m));
}

static void welcomed(struct mqc *m, const struct welcome *welcome)
{
    struct wire *w = &m->wire;
    enum mq_status status = conversation_welcome(&m->conversation, welcome);
    if (status == MQ_SESSION_LOST) {
        restart(m);
        return;
    }
    if (status != MQ_OK) {
        lose_by_word(m, status, welcome->text);
        return;
    }
    if (welcome->lapses != w->welcome.lapses) {
        lease_lose_all(m);
        call_lose_leases(m);
    }
    w->welcome = *welcome;
    w->welcome.text = (struct bytes){0};
    if (welcome->heartbeat_ms && welcome->heartbeat_ms <= INT32_MAX / HEARTBEATS_MISSED)
        w->heartbeat_ms = welcome->heartbeat_ms;
    w->hello_due_ms = NEVER;
    w->ready_since_ms = monotonic_ms();
    w->refusal = MQ_DISCONNECTED;
    helper_wake(m); /* renewals may be overdue */
}

/* An answer must be to what was asked: of its verb, and with items as many as may be. */
static bool makes_sense(const struct exchange *x, const struct answer *answer)
{
    const struct request *asked = &x->request;
    if (answer->verb != asked->verb)
        return x->withdrawn && answer->verb == MQ_VERB_CANCEL;
    if (x->withdrawn)
        return true;
    if (asked->verb == MQ_VERB_GET && answer->status == MQ_OK && !answer->item_count)
        return false;
    return !answer->item_count || (answer->status == MQ_OK && answer->item_count <= asked->max);
}

static void answered(struct mqc *m, const struct answer *answer, zmq_msg_t *frame)
{
    struct exchange *x = wire_is_ready(m) ? conversation_find(&m->conversation, answer->number) : NULL;
    if (x && !makes_sense(x, answer)) {
        lose(m, MQ_DISCONNECTED, "the broker at %s answers what was not asked", m->endpoint);
        return;
    }
    if (x && answer->item_count && !call_prepare(x, answer, frame)) {
        call_fail(x, MQ_NO_MEMORY); /* the answer was never seen: the broker takes its items back */
        return;
    }
    x = conversation_answer(&m->conversation, answer);
    if (x)
        call_answered(x, answer);
}

static void said_bye(struct mqc *m, const struct broker_frame *in)
{
    if (m->conversation.bye_sent)
        m->wire.said_bye = true;
    else
        lose_by_word(m, in->status, mq_bytes("it has ended the session"));
}

static void take_frame(struct mqc *m, zmq_msg_t *frame)
{
    struct broker_frame in;
    const char *why = "it sends frames of several parts";
    struct bytes bytes = {.data = zmq_msg_data(frame), .size = zmq_msg_size(frame)};
    enum mq_status status = MQ_INVALID;
    if (!zmq_msg_more(frame))
        status = codec_decode_broker(m->wire.decoder, bytes, &in, &why);
    if (status != MQ_OK) {
        lose(m, MQ_DISCONNECTED, "cannot read what comes from %s: %s", m->endpoint,
             status == MQ_INVALID ? why : mq_status_text(status));
        return;
    }
    switch (in.verb) {
    case MQ_VERB_HELLO:
        welcomed(m, &in.welcome);
        break;
    case MQ_VERB_REFUSED:
        lose_by_word(m, in.status, in.text);
        break;
    case MQ_VERB_BYE:
        said_bye(m, &in);
        break;
    case MQ_VERB_PROBE:
        break;
    default:
        answered(m, &in.answer, frame);
    }
}

/* All there is. */
static void receive_all(struct mqc *m)
{
    struct wire *w = &m->wire;
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    while (w->dealer) {
        int rc = zmq_msg_recv(&frame, w->dealer, ZMQ_DONTWAIT);
        if (rc < 0 && errno == EINTR)
            continue;
        if (rc < 0)
            break;
        w->received++;
        take_frame(m, &frame);
    }
    zmq_msg_close(&frame);
}

static bool connect_if_wanted(struct mqc *m)
{
    if (m->wire.dealer || !is_wanted(m) || monotonic_ms() < m->wire.retry_at_ms)
        return false;
    connect_line(m);
    return m->wire.dealer;
}

/* What has arrived counts even if the connection ended after it, hence it is read first. That it has ended
 * must be known before anything is sent, or a request would have left for a broker that is gone: so only a
 * turn that follows a poll may do without asking the monitor. Nobody may sleep on a new monitor that was
 * never asked: libzmq signals only to readers who have found nothing. A whole conversation may have taken
 * place in the turn that has made the connection, and its end, too. */
void wire_turn(struct mqc *m)
{
    receive_all(m);
    m->wire.has_events |= !m->wire.was_polled;
    m->wire.was_polled = false;
    watch(m);
    while (connect_if_wanted(m) || send_all(m)) {
        receive_all(m);
        watch(m);
    }
}
