/* mqc_helper.c - see mqc_helper.h. */
#include "mqc_helper.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "mqc_ahead.h"
#include "mqc_lease.h"

enum {
    LONGEST_SLEEP_MS = 3600 * 1000,
    BUSY_PUTS = 64,  /* async puts during one rest: their threads read the line as they pass by, */
    BUSY_REST_MS = 2 /* ... and the helper looks only after so long whether they still do */
};

bool helper_wants_line(const struct mqc *m)
{
    return m->helper.running && !m->helper.stopping && (m->leases.count || m->detached);
}

static void flush_confirms(struct mqc *m, uint64_t now_ms)
{
    if (now_ms < m->flush_due_ms)
        return;
    m->flush_due_ms = NEVER;
    if (conversation_has_confirms(&m->conversation))
        conversation_flush(&m->conversation);
}

static void work(struct mqc *m)
{
    uint64_t now_ms = monotonic_ms();
    if (wire_is_ready(m))
        lease_renew(m, now_ms);
    gather_work(m, now_ms);
    ahead_work(m, now_ms);
    call_end_quiet(m, now_ms);
    flush_confirms(m, now_ms);
    wire_turn(m);
    async_give_up(m, now_ms);
    if (m->async.items == 0)
        depot_trim(&m->async.depot);
}

static uint64_t earlier(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static uint64_t next_work_ms(const struct mqc *m)
{
    uint64_t due_ms = earlier(wire_due_ms(m), m->flush_due_ms);
    due_ms = earlier(due_ms, gather_due_ms(m));
    due_ms = earlier(due_ms, ahead_due_ms(m));
    due_ms = earlier(due_ms, call_quiet_due_ms(m));
    if (wire_is_ready(m) && m->renew_due_ms < due_ms)
        due_ms = m->renew_due_ms;
    if (async_due_ms(m) < due_ms)
        due_ms = async_due_ms(m);
    return due_ms;
}

/* The line is a caller's to read as long as one waits. */
static bool reads_line(const struct mqc *m)
{
    return list_is_empty(&m->waiting) && (call_is_awaited_by_helper(m) || !wire_is_ready(m));
}

/* To wake up for each answer while others read it anyway would cost them more than it helps. */
static bool leaves_line_to_puts(struct mqc *m)
{
    uint64_t puts = m->async.sequence - m->helper.puts_seen;
    m->helper.puts_seen = m->async.sequence;
    return puts >= BUSY_PUTS && wire_is_ready(m);
}

static void rest(struct mqc *m)
{
    struct helper *h = &m->helper;
    bool is_short = leaves_line_to_puts(m), with_line = !is_short && reads_line(m);
    struct pollfd fds[1 + WIRE_FDS_MAX] = {{.fd = h->wake_fd, .events = POLLIN}};
    size_t count = 1 + wire_pollfds(m, fds + 1, with_line);
    uint64_t now_ms = monotonic_ms(), due_ms = next_work_ms(m);
    if (is_short && due_ms > now_ms + BUSY_REST_MS)
        due_ms = now_ms + BUSY_REST_MS;
    h->reads = is_short || with_line;
    uint64_t span_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    int timeout_ms = due_ms == NEVER ? -1 : span_ms < LONGEST_SLEEP_MS ? (int)span_ms : LONGEST_SLEEP_MS;
    h->sleeps_until_ms = due_ms;
    pthread_mutex_unlock(&m->lock);
    (void)poll(fds, count, timeout_ms); /* whatever it says, the next turn looks at everything */
    client_lock(m);
    wire_polled(m, fds + 1);
    h->sleeps_until_ms = 0;
    h->reads = false;
    uint64_t rung;
    if (fds[0].revents && read(h->wake_fd, &rung, sizeof rung) < 0)
        assert(errno == EAGAIN);
}

static void *run(void *argument)
{
    struct mqc *m = argument;
    client_lock(m);
    while (!m->helper.stopping) {
        work(m);
        if (async_has_to_tell(m))
            async_tell(m);
        else
            rest(m);
    }
    while (async_has_to_tell(m))
        async_tell(m);
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

enum mq_status helper_need(struct mqc *m)
{
    sigset_t all, before;
    if (m->helper.running)
        return MQ_OK;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&m->helper.thread, NULL, run, m);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return client_fail(m, MQ_NO_MEMORY, strerror(error));
    m->helper.running = true;
    return MQ_OK;
}

void helper_take_over(struct mqc *m)
{
    if (m->leader || !list_is_empty(&m->waiting))
        return;
    if (!wire_is_ready(m) || (call_is_awaited_by_helper(m) && !m->helper.reads))
        helper_wake(m);
}

bool helper_is_self(const struct mqc *m)
{
    return m->helper.running && pthread_equal(m->helper.thread, pthread_self());
}

void helper_wake_by(struct mqc *m, uint64_t due_ms)
{
    uint64_t one = 1;
    if (!m->helper.running || due_ms >= m->helper.sleeps_until_ms)
        return;
    m->helper.sleeps_until_ms = 0; /* once is enough */
    if (write(m->helper.wake_fd, &one, sizeof one) < 0)
        assert(errno == EAGAIN);
}

void helper_wake(struct mqc *m)
{
    helper_wake_by(m, 0);
}

void helper_stop(struct mqc *m)
{
    if (!m->helper.running)
        return;
    m->helper.stopping = true;
    helper_wake(m);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->helper.thread, NULL);
    client_lock(m);
    m->helper.running = false;
}
