/* engine_session.c - sessions: opened, resumed, left by their connection, ended in two steps, forgotten.
 *
 *     hello new ──> connected <──────────── hello resume ───────────┐
 *                       │ connection gone                            │
 *                       v                                            │
 *                  disconnected ── resume_grace ──> ended ───────────┤
 *                                  waiters cancelled │ remember      │
 *                                  leases go back    v               │
 *                                                 forgotten ──> SESSION_LOST
 */
#include "engine_state.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct session *session_of_timer(struct timer *timer)
{
    assert(timer->kind == TIMER_SESSION);
    return CONTAINER_OF(timer, struct session, timer);
}

uint64_t engine_session_number(const struct session *session)
{
    return session->number;
}

static uint64_t hash_id(const struct engine *e, const uint8_t id[MQ_SESSION_ID_SIZE])
{
    return XXH3_64bits_withSeed(id, MQ_SESSION_ID_SIZE, e->options.hash_seed);
}

struct session *session_find(const struct engine *e, const uint8_t id[MQ_SESSION_ID_SIZE])
{
    uint64_t hash = hash_id(e, id);
    for (struct table_node *n = table_first(&e->sessions, hash); n; n = table_next(n, hash)) {
        struct session *s = CONTAINER_OF(n, struct session, by_id);
        if (memcmp(s->id, id, MQ_SESSION_ID_SIZE) == 0)
            return s;
    }
    return NULL;
}

struct session *session_by_number(const struct engine *e, uint64_t number)
{
    uint64_t hash = table_hash_number(number);
    for (struct table_node *n = table_first(&e->session_numbers, hash); n; n = table_next(n, hash)) {
        struct session *s = CONTAINER_OF(n, struct session, by_number);
        if (s->number == number)
            return s;
    }
    return NULL;
}

struct session *session_make(struct engine *e, const uint8_t id[MQ_SESSION_ID_SIZE], struct bytes name,
                             uint64_t number)
{
    struct session *s = calloc(1, sizeof *s + name.size);
    if (!s)
        return NULL;
    if (!heap_own(&e->lives, 1)) {
        free(s);
        return NULL;
    }
    memcpy(s->id, id, sizeof s->id);
    if (name.size)
        memcpy(s->name, name.data, name.size);
    s->name_size = name.size;
    s->number = number;
    s->next_number = 1;
    s->since_ms = s->heard_ms = e->now_ms;
    s->timer.kind = TIMER_SESSION;
    heap_entry_init(&s->timer.entry);
    list_init(&s->calls);
    list_init(&s->leases);
    list_init(&s->lost);
    table_add(&e->sessions, &s->by_id, hash_id(e, s->id));
    table_add(&e->session_numbers, &s->by_number, table_hash_number(s->number));
    list_append(&e->session_list, &s->of_engine);
    return s;
}

static void stop_timer(struct engine *e, struct session *s)
{
    if (heap_has(&s->timer.entry))
        heap_remove(&e->lives, &s->timer.entry);
}

void session_leave_ended(struct engine *e, struct session *s)
{
    if (!s->ended)
        return;
    s->ended = false;
    list_remove(&s->of_ended);
    e->ended_count--;
}

static void unbind(struct engine *e, struct session *s)
{
    if (!s->peer)
        return;
    s->peer = NULL;
    e->connected--;
    for (struct list_node *n = list_first(&s->calls); n; n = list_next(&s->calls, n)) {
        struct call *call = CONTAINER_OF(n, struct call, of_session);
        if (list_has(&call->of_outbox))
            list_remove(&call->of_outbox);
    }
}

void session_return_leases(struct engine *e, struct session *s, bool remember)
{
    struct list_node *node;
    while ((node = list_first(&s->leases)))
        lease_return(e, CONTAINER_OF(node, struct lease, of_session), false, remember);
}

/* Everything of the session goes; its items must have gone back. */
void session_free(struct engine *e, struct session *s)
{
    struct list_node *node;
    assert(list_is_empty(&s->leases));
    unbind(e, s);
    while ((node = list_first(&s->calls)))
        call_free(e, CONTAINER_OF(node, struct call, of_session));
    while ((node = list_first(&s->lost)))
        lease_forget(e, CONTAINER_OF(node, struct lease, of_session));
    stop_timer(e, s);
    session_leave_ended(e, s);
    heap_disown(&e->lives, 1);
    table_remove(&e->sessions, &s->by_id);
    table_remove(&e->session_numbers, &s->by_number);
    list_remove(&s->of_engine);
    free(s);
}

struct session *session_first_ended(const struct engine *e)
{
    struct list_node *node = list_first(&e->ended);
    return node ? CONTAINER_OF(node, struct session, of_ended) : NULL;
}

uint64_t session_first_forget_ms(const struct engine *e)
{
    const struct session *s = session_first_ended(e);
    return s ? s->forget_ms : UINT64_MAX;
}

/* The broker did not run for so long: all deadlines of sessions and leases move. */
void session_postpone_all(struct engine *e, uint64_t by_ms)
{
    e->postponed_ms += by_ms;
    heap_shift(&e->lives, by_ms);
    for (struct list_node *n = list_first(&e->ended); n; n = list_next(&e->ended, n)) {
        struct session *s = CONTAINER_OF(n, struct session, of_ended);
        s->forget_ms += by_ms < UINT64_MAX - 1 - s->forget_ms ? by_ms : UINT64_MAX - 1 - s->forget_ms;
    }
}

static void forget(struct engine *e, struct session *s)
{
    note_forgotten(e, s);
    e->forgotten++;
    session_free(e, s);
}

/* Nobody waits for it any more and nothing is held by it. */
static void lapse(struct engine *e, struct session *s)
{
    note_lapsed(e, s);
    struct list_node *node = list_first(&s->calls);
    while (node) {
        struct call *call = CONTAINER_OF(node, struct call, of_session);
        node = list_next(&s->calls, node);
        if (call->waits)
            call_answer(e, call, MQ_SESSION_LOST, "cancelled while the client was away");
        call->is_cut = false;
    }
    session_return_leases(e, s, true);
    s->lapses++;
    e->sessions_lost++;
}

/* The first step of the end: what it was answered, and that its waiting requests were cancelled, can still be
 * asked for. */
void session_end(struct engine *e, struct session *s)
{
    assert(!s->peer && !s->ended);
    lapse(e, s);
    stop_timer(e, s);
    s->ended = true;
    s->forget_ms = engine_later_ms(e, e->options.remember_ms);
    list_append(&e->ended, &s->of_ended);
    e->ended_count++;
    if (e->is_replaying)
        return; /* what was forgotten then, facts tell */
    if (call_crowds_out(e, s))
        forget(e, s);
    else if (e->ended_count > e->options.remembered_max)
        forget(e, session_first_ended(e));
}

void engine_disconnect(struct engine *e, uint64_t now_ms, struct session *s)
{
    engine_clock(e, now_ms);
    assert(s->peer);
    unbind(e, s);
    heap_add(&e->lives, &s->timer.entry, engine_later_ms(e, e->options.resume_grace_ms));
    engine_settle(e);
}

void engine_bye(struct engine *e, uint64_t now_ms, struct session *s, struct ranges confirms)
{
    engine_clock(e, now_ms);
    call_confirm(e, s, confirms);
    note_bye(e, s);
    session_return_leases(e, s, false);
    session_free(e, s);
    engine_settle(e);
}

void engine_confirm(struct engine *e, uint64_t now_ms, struct session *s, struct ranges confirms)
{
    engine_clock(e, now_ms);
    s->heard_ms = now_ms;
    call_confirm(e, s, confirms);
    engine_settle(e);
}

static enum mq_status refuse(struct welcome *welcome, enum mq_status status, const char *text)
{
    welcome->status = status;
    welcome->text = mq_bytes(text);
    return status;
}

static enum mq_status open_new(struct engine *e, const struct hello *hello, struct session **ret_session,
                               struct welcome *welcome)
{
    if (session_find(e, hello->id))
        return refuse(welcome, MQ_EXISTS, "session id");
    bool is_full = e->sessions.count >= e->options.sessions_max;
    if (is_full && list_is_empty(&e->ended))
        return refuse(welcome, MQ_LIMIT, "sessions");
    struct session *s = NULL;
    if (note_reserve_runs(e, 1))
        s = session_make(e, hello->id, hello->name, e->next_session);
    if (!s)
        return refuse(welcome, MQ_TEMPORARY, "out of memory");
    if (is_full)
        forget(e, session_first_ended(e));
    e->next_session++;
    note_session(e, s);
    *ret_session = s;
    return MQ_OK;
}

static bool ascend(struct ranges ranges)
{
    for (size_t i = 0; i < ranges.count; i++)
        if (ranges.list[i].first > ranges.list[i].last ||
            (i > 0 && ranges.list[i].first <= ranges.list[i - 1].last))
            return false;
    return true;
}

/* It has answers of which nothing is known here. */
static bool knows_more(const struct session *s, const struct hello *hello)
{
    uint64_t unknown = hello->next_number - s->next_number;
    for (size_t i = 0; i < hello->awaited.count; i++) {
        struct range range = hello->awaited.list[i];
        if (range.last >= s->next_number)
            unknown -= range.last - (range.first > s->next_number ? range.first : s->next_number) + 1;
    }
    return unknown > 0;
}

static bool is_awaited(const struct hello *hello, uint64_t number)
{
    size_t i = 0;
    while (i < hello->awaited.count && hello->awaited.list[i].last < number)
        i++;
    return i < hello->awaited.count && hello->awaited.list[i].first <= number;
}

/* What this get gave is done when it is confirmed, as it is about to be. */
static bool is_doubtful(const struct call *call, const struct hello *hello)
{
    return call->auto_done && !list_is_empty(&call->leases) && !is_awaited(hello, call->number);
}

/* Facts of what it was told may be lost. Then it may have given back what it holds here, and would hold it
 * for ever; or it was told that it had lost what a get was to give it, and what it confirms is that. */
static bool may_hold_less(const struct session *s, const struct hello *hello)
{
    if (list_is_empty(&s->leases))
        return false;
    if (knows_more(s, hello))
        return true;
    for (struct list_node *n = list_first(&s->calls); n; n = list_next(&s->calls, n))
        if (is_doubtful(CONTAINER_OF(n, struct call, of_session), hello))
            return true;
    return false;
}

/* It comes back after a restart. */
static void come_back(struct engine *e, struct session *s, const struct hello *hello)
{
    if (e->was_forgetful && may_hold_less(s, hello)) {
        lapse(e, s);
        if (note_is_on(e))
            note_session(e, s); /* it is back already */
    }
    s->unsure_until = hello->next_number;
}

static enum mq_status resume(struct engine *e, const struct hello *hello, struct session **ret_session,
                             void **ret_old_peer, struct welcome *welcome)
{
    struct session *s = session_find(e, hello->id);
    if (!s)
        return refuse(welcome, MQ_SESSION_LOST, "unknown session");
    const struct ranges *awaited = &hello->awaited;
    if (hello->next_number < s->next_number || !ascend(*awaited) ||
        (awaited->count > 0 &&
         (awaited->list[0].first == 0 || awaited->list[awaited->count - 1].last >= hello->next_number)))
        return refuse(welcome, MQ_INVALID, "numbers do not match the session's");
    if (s->ended && e->failure) /* maybe the log does not know that it has ended */
        return refuse(welcome, MQ_TEMPORARY, e->failure);
    bool was_ended = s->ended;
    *ret_old_peer = s->peer;
    unbind(e, s);
    stop_timer(e, s);
    session_leave_ended(e, s);
    if (was_ended && note_is_on(e))
        note_session(e, s);
    note_all_needed(e); /* how it ended, and which leases of it did, is told now */
    if (s->is_replayed && s->unsure_until == 0)
        come_back(e, s, hello);
    call_confirm_others(e, s, *awaited); /* it has received all others */
    s->unsure_from = 0;
    *ret_session = s;
    return MQ_OK;
}

static void describe_limits(const struct engine *e, struct welcome *welcome)
{
    const struct engine_options *o = &e->options;
    welcome->version = MQ_PROTOCOL_VERSION;
    welcome->body_max = o->body_max;
    welcome->frame_max = o->frame_max;
    welcome->items_max = o->items_max;
    welcome->waiting_max = o->waiting_max;
    welcome->unconfirmed_max = o->unconfirmed_max;
    welcome->in_flight_max = o->in_flight_max;
    welcome->resume_grace_ms = (uint32_t)(o->resume_grace_ms < UINT32_MAX ? o->resume_grace_ms : UINT32_MAX);
}

static enum mq_status greet(struct engine *e, const struct hello *hello, struct session **ret_session,
                            void **ret_old_peer, struct welcome *welcome)
{
    if (hello->version != MQ_PROTOCOL_VERSION)
        return refuse(welcome, MQ_UNSUPPORTED, "protocol version");
    if (hello->name.size > MQ_CLIENT_NAME_SIZE_MAX || !mq_utf8_is_valid(hello->name))
        return refuse(welcome, MQ_INVALID, "client name");
    if (hello->resume)
        return resume(e, hello, ret_session, ret_old_peer, welcome);
    return open_new(e, hello, ret_session, welcome);
}

enum mq_status engine_hello(struct engine *e, uint64_t now_ms, const struct hello *hello, void *peer,
                            struct session **ret_session, void **ret_old_peer, struct welcome *ret_welcome)
{
    engine_clock(e, now_ms);
    assert(peer);
    *ret_welcome = (struct welcome){.status = MQ_OK};
    *ret_old_peer = NULL;
    describe_limits(e, ret_welcome);
    enum mq_status status = greet(e, hello, ret_session, ret_old_peer, ret_welcome);
    if (status == MQ_OK) {
        struct session *s = *ret_session;
        s->peer = peer;
        s->heard_ms = now_ms;
        e->connected++;
        ret_welcome->session = s->number;
        ret_welcome->lapses = s->lapses;
    }
    engine_settle(e);
    return status;
}
