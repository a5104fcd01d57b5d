/* mqc_call.c - see mqc_call.h. */
#include "mqc_call.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mqc_call_parts.h"
#include "mqc_queue.h"

static void call_init(struct call *c, struct mqc *m)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    c->mqc = m;
    c->ended = true;
}

struct call *call_new(struct mqc *m, enum mq_verb verb, struct mqc_queue *queue)
{
    struct call *c = calloc(1, sizeof *c);
    if (!c) {
        client_fail(m, MQ_NO_MEMORY, NULL);
        return NULL;
    }
    call_init(c, m);
    c->exchange.owner = c;
    c->exchange.deadline_ms = NEVER;
    c->exchange.request.verb = verb;
    if (queue) {
        queue_ref(queue);
        c->queue = queue;
        c->exchange.request.queue = queue_name(queue);
    }
    return c;
}

void call_free(struct call *c)
{
    assert(!list_has(&c->exchange.node));
    assert(!list_has(&c->waiting));
    pthread_cond_destroy(&c->wake);
    if (c->ids != &c->one_id)
        free(c->ids);
    if (c->each != &c->one_each)
        free(c->each);
    if (c->queue)
        queue_unref(c->queue);
    free(c);
}

void call_init_local(struct call *c, struct mqc *m, bool (*take_back)(struct call *call, bool for_good))
{
    memset(c, 0, sizeof *c);
    call_init(c, m);
    c->ended = false;
    c->take_back = take_back;
    c->timeout_ms = MQ_FOREVER;
    c->over_ms = NEVER;
}

void call_done_local(struct call *c)
{
    pthread_cond_destroy(&c->wake);
}

bool call_reserve_ids(struct call *c, size_t count)
{
    assert(!c->ids && !c->each);
    c->ids = count > 1 ? calloc(count, sizeof *c->ids) : &c->one_id;
    c->each = count > 1 ? calloc(count, sizeof *c->each) : &c->one_each;
    c->exchange.request.ids = c->ids;
    if (c->ids && c->each)
        return true;
    client_fail(c->mqc, MQ_NO_MEMORY, NULL);
    return false;
}

void call_set_timeout(struct call *c, int64_t timeout_ms)
{
    c->timeout_ms = timeout_ms;
    c->exchange.deadline_ms = add_ms(monotonic_ms(), timeout_ms);
    c->may_be_interrupted = timeout_ms != 0;
}

/* ---- Waking -------------------------------------------------------------------------------------------- */

static void wake_poll(struct mqc *m)
{
    uint64_t one = 1;
    if (m->polling && write(m->wake_fd, &one, sizeof one) < 0)
        assert(errno == EAGAIN);
}

void call_wake(struct call *c)
{
    if (c->mqc->leader == c)
        wake_poll(c->mqc);
    else
        pthread_cond_signal(&c->wake);
}

void call_wake_all(struct mqc *m)
{
    for (struct list_node *n = list_first(&m->waiting); n; n = list_next(&m->waiting, n))
        pthread_cond_signal(&CONTAINER_OF(n, struct call, waiting)->wake);
    wake_poll(m);
}

void call_poll(struct mqc *m, struct call *leader, uint64_t until_ms)
{
    struct pollfd fds[1 + WIRE_FDS_MAX] = {{.fd = m->wake_fd, .events = POLLIN}};
    size_t count = 1 + wire_pollfds(m, fds + 1, true);
    uint64_t now_ms = monotonic_ms(), due_ms = wire_due_ms(m) < until_ms ? wire_due_ms(m) : until_ms;
    uint64_t span_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    bool is_capped = span_ms > SAFETY_POLL_MS;
    assert(!m->polling);
    m->leader = leader;
    m->polling = true;
    pthread_mutex_unlock(&m->lock);
    int ready = poll(fds, count, is_capped ? SAFETY_POLL_MS : (int)span_ms);
    client_lock(m);
    m->leader = NULL;
    m->polling = false;
    wire_polled(m, fds + 1);
    uint64_t rung;
    if (fds[0].revents && read(m->wake_fd, &rung, sizeof rung) < 0)
        assert(errno == EAGAIN);
    if (ready == 0 && is_capped) {
        uint64_t received = m->wire.received;
        wire_turn(m);
        m->safety_polls += m->wire.received != received;
    }
}

static void wait_as_follower(struct call *c, uint64_t until_ms)
{
    if (until_ms == NEVER) {
        pthread_cond_wait(&c->wake, &c->mqc->lock);
        return;
    }
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    pthread_cond_timedwait(&c->wake, &c->mqc->lock, &until);
}

/* Somebody must lead as long as anybody waits; if nobody does, the helper may have something to read. */
static void pass_on(struct mqc *m)
{
    if (m->leader)
        return;
    for (struct list_node *n = list_first(&m->waiting); n; n = list_next(&m->waiting, n)) {
        struct call *c = CONTAINER_OF(n, struct call, waiting);
        if (!c->ended && !c->stopped) {
            pthread_cond_signal(&c->wake);
            return;
        }
    }
    helper_take_over(m);
}

/* ---- Giving up ----------------------------------------------------------------------------------------- */

bool call_is_about_leases(enum mq_verb verb)
{
    return verb == MQ_VERB_TASK_DONE || verb == MQ_VERB_RELEASE || verb == MQ_VERB_EXTEND;
}

/* The thread goes on without an answer. What was said about items is still to reach the broker; anything else
 * is withdrawn. */
static void stop(struct call *c, enum mq_status status, const char *text)
{
    struct mqc *m = c->mqc;
    c->status = status;
    snprintf(c->text, sizeof c->text, "%.*s", (int)sizeof c->text - 1, text);
    c->stopped = true;
    if (c->take_back) {
        c->take_back(c, true);
        c->ended = true;
        return;
    }
    if (!call_is_about_leases(c->exchange.request.verb) &&
        conversation_withdraw(&m->conversation, &c->exchange)) {
        call_end_orphan(c);
        c->ended = true;
        return;
    }
    c->left = true;
    m->detached++;
}

/* Is it certain now that nothing comes of it? A put under way is cancelled, and its answer tells. */
static bool turn_back(struct call *c)
{
    if (c->take_back)
        return c->take_back(c, false);
    if (c->exchange.request.verb != MQ_VERB_PUT || !c->exchange.request.number)
        return true;
    conversation_withdraw(&c->mqc->conversation, &c->exchange);
    return false;
}

static void interrupt(struct call *c)
{
    struct mqc *m = c->mqc;
    if (turn_back(c)) {
        stop(c, MQ_INTERRUPTED, "");
    } else {
        c->awaits_word = true;
        c->word_due_ms = add_ms(monotonic_ms(), m->connect_timeout_ms);
    }
    wire_turn(m);
}

/* An interrupt that meets no call that could be interrupted waits for the next one. */
static void deliver_interrupts(struct mqc *m)
{
    unsigned interrupts = atomic_load(&m->interrupts);
    if (interrupts == m->interrupts_seen)
        return;
    for (struct list_node *n = list_first(&m->waiting); n; n = list_next(&m->waiting, n)) {
        struct call *c = CONTAINER_OF(n, struct call, waiting);
        if (!c->may_be_interrupted || c->interrupted || c->ended || c->stopped)
            continue;
        c->interrupted = true;
        m->interrupts_seen = interrupts;
        call_wake(c);
    }
}

bool call_take_interrupt(struct mqc *m)
{
    deliver_interrupts(m);
    unsigned interrupts = atomic_load(&m->interrupts);
    bool is_one_left = interrupts != m->interrupts_seen;
    m->interrupts_seen = interrupts;
    return is_one_left;
}

/* Calls that wait for ever do so as long as there is a broker. */
static uint64_t gives_up_at_ms(const struct call *c)
{
    const struct mqc *m = c->mqc;
    if (c->awaits_word)
        return c->word_due_ms;
    if (c->timeout_ms != MQ_FOREVER)
        return add_ms(add_ms(c->started_ms, c->timeout_ms), m->connect_timeout_ms);
    uint64_t at_ms = c->take_back ? c->over_ms : NEVER;
    if (wire_is_ready(m) || c->is_patient)
        return at_ms;
    uint64_t since_ms = c->started_ms > m->wire.lost_since_ms ? c->started_ms : m->wire.lost_since_ms;
    uint64_t alone_ms = add_ms(since_ms, m->connect_timeout_ms);
    return alone_ms < at_ms ? alone_ms : at_ms;
}

static void give_up(struct call *c, uint64_t now_ms)
{
    struct mqc *m = c->mqc;
    if (c->take_back && !c->awaits_word && now_ms >= c->over_ms)
        stop(c, c->over, "");
    else
        stop(c, MQ_DISCONNECTED, wire_is_ready(m) ? "the broker does not answer in time" : m->wire.why);
    wire_turn(m);
}

static bool is_over(const struct call *c)
{
    return c->ended || c->stopped;
}

/* The helper, in an on_done, does meanwhile what nobody else would: it gives up what has no broker. */
static uint64_t looks_at_ms(const struct call *c)
{
    uint64_t at_ms = gives_up_at_ms(c);
    if (!helper_is_self(c->mqc))
        return at_ms;
    uint64_t due_ms = async_due_ms(c->mqc);
    return due_ms < at_ms ? due_ms : at_ms;
}

/* Is there a reason not to wait any longer? */
static void look(struct call *c)
{
    struct mqc *m = c->mqc;
    deliver_interrupts(m);
    if (is_over(c))
        return;
    uint64_t now_ms = monotonic_ms();
    if (helper_is_self(m))
        async_give_up(m, now_ms);
    if (is_over(c))
        return;
    if (m->closing)
        stop(c, MQ_CLOSED, "");
    else if (c->interrupted && !c->awaits_word)
        interrupt(c);
    else if (now_ms >= gives_up_at_ms(c))
        give_up(c, now_ms);
}

/* ---- A call's life ------------------------------------------------------------------------------------- */

/* What has been gathered goes first. */
static void add(struct call *c)
{
    assert(c->ended);
    gather_send(c->mqc);
    c->ended = c->stopped = false;
    c->status = MQ_OK;
    c->text[0] = '\0';
    c->exchange.request.id_count = c->id_count;
    conversation_add(&c->mqc->conversation, &c->exchange);
}

static void wait_for_end(struct call *c)
{
    struct mqc *m = c->mqc;
    look(c);
    if (!is_over(c) && !c->take_back) /* a local call has nothing to send */
        wire_turn(m);
    for (;;) {
        look(c);
        if (is_over(c))
            return;
        if (m->leader) {
            wait_as_follower(c, looks_at_ms(c));
        } else {
            call_poll(m, c, looks_at_ms(c));
            wire_turn(m);
        }
    }
}

enum mq_status call_run(struct call *c)
{
    if (!c)
        return MQ_NO_MEMORY;
    add(c);
    return call_wait(c);
}

enum mq_status call_wait(struct call *c)
{
    struct mqc *m = c->mqc;
    c->started_ms = monotonic_ms();
    list_append(&m->waiting, &c->waiting);
    wait_for_end(c);
    list_remove(&c->waiting);
    pass_on(m);
    if (c->status != MQ_OK)
        client_fail(m, c->status, c->text);
    return c->status;
}

void call_begin(struct call *c)
{
    add(c);
    c->dropped = true;
    wire_turn(c->mqc);
}

enum mq_status call_adopt(struct call *c, int64_t timeout_ms)
{
    assert(!c->ended);
    c->dropped = false;
    c->timeout_ms = timeout_ms;
    c->may_be_interrupted = timeout_ms != 0;
    return call_wait(c);
}

bool call_is_blocked(const struct call *c)
{
    return !is_over(c) && c->may_be_interrupted;
}

void call_end_orphan(struct call *c)
{
    c->mqc->detached -= c->orphan;
    c->orphan = false;
}

void call_orphan(struct call *c)
{
    if (c->orphan || c->left)
        return;
    c->orphan = true;
    c->mqc->detached++;
    helper_wake(c->mqc);
}

void call_withdraw(struct call *c, enum mq_status status)
{
    assert(!c->ended);
    call_end_orphan(c);
    if (!c->stopped)
        stop(c, status, "");
    if (list_has(&c->waiting))
        call_wake(c);
    else if (c->ended)
        call_free(c);
}

void call_detach(struct call *c)
{
    call_send(c);
    c->dropped = true;
    helper_wake(c->mqc);
}

void call_detach_quietly(struct call *c)
{
    struct mqc *m = c->mqc;
    call_send(c);
    c->dropped = true;
    c->quiet = m->quiet_turn;
    if (m->quiet++)
        return;
    m->quiet_due_ms = add_ms(monotonic_ms(), QUIET_MS);
    helper_wake_by(m, m->quiet_due_ms);
}

bool call_is_awaited_by_helper(const struct mqc *m)
{
    return m->detached > m->quiet;
}

uint64_t call_quiet_due_ms(const struct mqc *m)
{
    return m->quiet ? m->quiet_due_ms : NEVER;
}

void call_end_quiet(struct mqc *m, uint64_t now_ms)
{
    if (now_ms < call_quiet_due_ms(m))
        return;
    m->quiet = 0;
    m->quiet_turn++;
}

void call_reopen(struct call *c)
{
    assert(c->ended);
    c->ended = c->stopped = false;
    c->left = true;
    c->mqc->detached++;
    conversation_reopen(&c->mqc->conversation, &c->exchange);
}

void call_send(struct call *c)
{
    add(c);
    c->left = true;
    c->mqc->detached++;
}

bool call_unsend(struct call *c)
{
    if (!conversation_withdraw(&c->mqc->conversation, &c->exchange))
        return false;
    c->ended = true;
    c->left = false;
    c->mqc->detached--;
    return true;
}

void call_drop(struct call *c)
{
    if (!c)
        return;
    assert(c->ended || c->left);
    c->dropped = true;
    if (c->ended)
        call_free(c);
}
