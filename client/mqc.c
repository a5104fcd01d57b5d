/* mqc.c - opening and closing a client, its lock, and failures in words. */
#include "mqc_client.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "mqc_call.h"
#include "mqc_queue.h"

static _Thread_local struct {
    const struct mqc *mqc;
    char text[WIRE_TEXT_SIZE];
} failure;

uint64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t add_ms(uint64_t time_ms, int64_t span_ms)
{
    if (span_ms < 0 || (uint64_t)span_ms > NEVER - time_ms)
        return NEVER;
    return time_ms + (uint64_t)span_ms;
}

bool is_timeout(int64_t timeout_ms)
{
    return timeout_ms >= 0 || timeout_ms == MQ_FOREVER;
}

bool is_zero(const uint64_t *reserved, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (reserved[i])
            return false;
    return true;
}

enum mq_status client_fail(const struct mqc *m, enum mq_status status, const char *text)
{
    failure.mqc = m;
    snprintf(failure.text, sizeof failure.text, "%s", text && *text ? text : mq_status_text(status));
    return status;
}

const char *mqc_error(const struct mqc *m)
{
    return failure.mqc == m ? failure.text : "";
}

const char *mqc_strerror(enum mq_status status)
{
    return mq_status_text(status);
}

const char *mqc_version(void)
{
    return MQ_VERSION;
}

/* Asking the system for the process id with every call would cost more than the call. */
static atomic_uint forks; /* of this process since its first ancestor with a client */
static int fork_watch_error;

static void note_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void watch_forks(void)
{
    fork_watch_error = pthread_atfork(NULL, NULL, note_fork);
}

bool client_is_foreign(const struct mqc *m)
{
    return m->forks != atomic_load_explicit(&forks, memory_order_relaxed);
}

void client_lock(struct mqc *m)
{
    int error = pthread_mutex_lock(&m->lock);
    assert(error == 0);
}

static void client_free(struct mqc *m)
{
    close(m->wake_fd);
    close(m->helper.wake_fd);
    pthread_cond_destroy(&m->unused);
    pthread_mutex_destroy(&m->lock);
    table_done(&m->leases);
    async_done(&m->async);
    free(m->endpoint);
    free(m);
}

void client_unlock(struct mqc *m)
{
    bool is_last = m->references == 0;
    pthread_mutex_unlock(&m->lock);
    if (is_last)
        client_free(m);
}

enum mq_status client_enter(struct mqc *m)
{
    if (!m)
        return client_fail(NULL, MQ_INVALID, "no client handle");
    if (client_is_foreign(m))
        return client_fail(m, MQ_INVALID, "a handle cannot be used in a child after fork()");
    client_lock(m);
    if (m->closing) {
        client_unlock(m);
        return client_fail(m, MQ_CLOSED, NULL);
    }
    m->users++;
    return MQ_OK;
}

enum mq_status client_leave(struct mqc *m, enum mq_status status)
{
    assert(m->users > 0);
    if (--m->users == 0 && m->closing)
        pthread_cond_signal(&m->unused);
    client_unlock(m);
    return status;
}

static bool options_are_valid(const struct mqc_options *o)
{
    if (o->given & ~(uint32_t)(MQC_OPTION_CLIENT_NAME | MQC_OPTION_CONNECT_TIMEOUT |
                               MQC_OPTION_CLOSE_TIMEOUT | MQC_OPTION_NO_RENEW | MQC_OPTION_ASYNC_ITEMS |
                               MQC_OPTION_ASYNC_BYTES | MQC_OPTION_ASYNC_REFUSES))
        return false;
    if (o->given & MQC_OPTION_CLIENT_NAME) {
        struct bytes name = mq_bytes(o->client_name);
        if (!o->client_name || name.size > MQ_CLIENT_NAME_SIZE_MAX || !mq_utf8_is_valid(name))
            return false;
    }
    if (o->given & MQC_OPTION_CONNECT_TIMEOUT &&
        (!is_timeout(o->connect_timeout_ms) || !o->connect_timeout_ms))
        return false;
    if (o->given & MQC_OPTION_CLOSE_TIMEOUT && !is_timeout(o->close_timeout_ms))
        return false;
    if ((o->given & MQC_OPTION_ASYNC_ITEMS && !o->async_items) ||
        (o->given & MQC_OPTION_ASYNC_BYTES && !o->async_bytes))
        return false;
    return is_zero(o->reserved, sizeof o->reserved / sizeof *o->reserved);
}

static void client_set_options(struct mqc *m, const struct mqc_options *o)
{
    m->connect_timeout_ms = m->close_timeout_ms = CLIENT_TIMEOUT_MS;
    snprintf(m->name, sizeof m->name, "%.200s[%ld]", program_invocation_short_name, (long)getpid());
    if (!mq_utf8_is_valid(mq_bytes(m->name)))
        snprintf(m->name, sizeof m->name, "[%ld]", (long)getpid());
    if (o->given & MQC_OPTION_CLIENT_NAME)
        snprintf(m->name, sizeof m->name, "%s", o->client_name);
    if (o->given & MQC_OPTION_CONNECT_TIMEOUT)
        m->connect_timeout_ms = o->connect_timeout_ms;
    if (o->given & MQC_OPTION_CLOSE_TIMEOUT)
        m->close_timeout_ms = o->close_timeout_ms;
    m->no_renew = o->given & MQC_OPTION_NO_RENEW && o->no_renew;
}

static void init_lists(struct mqc *m)
{
    list_init(&m->waiting);
    list_init(&m->renewals);
    list_init(&m->queues);
    table_init(&m->leases);
    list_init(&m->aheads);
    m->quiet_turn = 1;
    m->gather.span_ms = GATHER_MS;
    m->renew_due_ms = m->flush_due_ms = NEVER;
}

/* Everything but the wire. NULL: no memory, or no file descriptors, which errno tells. */
static struct mqc *client_new(const char *endpoint, const struct mqc_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    errno = fork_watch_error;
    struct mqc *m = fork_watch_error ? NULL : calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->forks = atomic_load(&forks);
    m->references = 1;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->unused, NULL);
    init_lists(m);
    client_set_options(m, options);
    async_init(&m->async, options);
    conversation_init(&m->conversation, mq_bytes(m->name));
    m->endpoint = strdup(endpoint);
    m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    m->helper.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->endpoint && m->wake_fd >= 0 && m->helper.wake_fd >= 0)
        return m;
    client_free(m);
    return NULL;
}

/* A broker that refuses us for good will not be asked again. */
static bool is_final(enum mq_status refusal)
{
    return refusal == MQ_INVALID || refusal == MQ_UNSUPPORTED || refusal == MQ_DENIED;
}

static enum mq_status client_connect(struct mqc *m)
{
    uint64_t due_ms = add_ms(monotonic_ms(), m->connect_timeout_ms);
    m->connecting = true;
    wire_turn(m);
    while (!wire_is_ready(m) && !is_final(m->wire.refusal) && monotonic_ms() < due_ms) {
        call_poll(m, NULL, due_ms);
        wire_turn(m);
    }
    m->connecting = false;
    return wire_is_ready(m) ? MQ_OK : m->wire.refusal;
}

/* Nobody uses it any more: what is left goes. Gives up the lock. */
static void client_discard(struct mqc *m)
{
    m->closing = true;
    conversation_abandon(&m->conversation);
    for (struct exchange *x; (x = conversation_next_lost(&m->conversation));)
        call_lost(x);
    wire_done(m);
    m->references--;
    client_unlock(m);
}

static const char *default_endpoint(void)
{
    const char *server = getenv("MQ_SERVER");
    return server && *server ? server : MQ_DEFAULT_ENDPOINT;
}

enum mq_status mqc_open(const char *endpoint, const struct mqc_options *options, struct mqc **ret_mqc)
{
    static const struct mqc_options defaults;
    if (!ret_mqc)
        return client_fail(NULL, MQ_INVALID, "no place for the result");
    if (options && !options_are_valid(options))
        return client_fail(NULL, MQ_INVALID, "an option of mqc_open is out of range, or reserved");
    struct mqc *m = client_new(endpoint ? endpoint : default_endpoint(), options ? options : &defaults);
    if (!m)
        return client_fail(NULL, MQ_NO_MEMORY, strerror(errno));
    client_lock(m);
    enum mq_status status = wire_init(m);
    if (status == MQ_OK)
        status = client_connect(m);
    if (status != MQ_OK) {
        client_fail(NULL, status, m->wire.why);
        client_discard(m);
        return status;
    }
    client_unlock(m);
    *ret_mqc = m;
    return MQ_OK;
}

/* Only on a line that is there: else the session ends by the broker's grace. */
static void say_bye(struct mqc *m, uint64_t due_ms)
{
    conversation_bye(&m->conversation);
    wire_turn(m);
    while (wire_is_ready(m) && !m->wire.said_bye && monotonic_ms() < due_ms) {
        call_poll(m, NULL, due_ms);
        wire_turn(m);
    }
}

void mqc_close(struct mqc *m)
{
    if (!m || client_is_foreign(m))
        return;
    client_lock(m);
    m->closing = true;
    call_wake_all(m);
    while (m->users)
        pthread_cond_wait(&m->unused, &m->lock);
    uint64_t due_ms = add_ms(monotonic_ms(), m->close_timeout_ms);
    gather_send(m);
    ahead_close(m, due_ms);
    async_close(m, due_ms);
    helper_stop(m);
    say_bye(m, due_ms);
    ahead_lose_all(m);
    client_discard(m);
}

/* Async-signal-safe: no lock, and errno is kept. */
void mqc_interrupt(struct mqc *m)
{
    if (!m || client_is_foreign(m))
        return;
    int saved = errno;
    uint64_t one = 1;
    atomic_fetch_add(&m->interrupts, 1);
    if (write(m->wake_fd, &one, sizeof one) < 0)
        assert(errno == EAGAIN);
    errno = saved;
}
