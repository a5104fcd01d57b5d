/* model.c - see model.h: sessions, numbers, time, and the comparison of replies. */
#include "model_parts.h"
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FROZEN_MS = 1000, FREEZE_WATCH_MS = 250 };

struct model *model_new(const struct engine_options *options, uint64_t now_ms)
{
    struct model *m = sim_alloc(sizeof *m);
    m->options = *options;
    m->now_ms = now_ms;
    m->next_session = 1;
    m->next_item = options->first_item;
    return m;
}

static void free_call(struct model_call *call)
{
    free(call->unstored);
    free(call->ids);
    free(call->refusals);
    free(call->look);
    free(call);
}

void model_free(struct model *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->queue_count; i++)
        free(m->queues[i]);
    for (size_t i = 0; i < m->session_count; i++) {
        free(m->sessions[i]->lost);
        free(m->sessions[i]);
    }
    for (size_t i = 0; i < m->call_count; i++)
        free_call(m->calls[i]);
    for (size_t i = 0; i < m->item_count; i++)
        free(m->items[i]);
    free(m);
}

/* ---- finding ---- */

size_t model_find_item(const struct model *m, uint64_t id)
{
    size_t i = 0;
    while (i < m->item_count && m->items[i]->id != id)
        i++;
    return i;
}

struct model_queue *model_queue(const struct model *m, struct bytes name)
{
    for (size_t i = 0; i < m->queue_count; i++)
        if (strlen(m->queues[i]->name) == name.size && memcmp(m->queues[i]->name, name.data, name.size) == 0)
            return m->queues[i];
    return NULL;
}

static struct model_session *session_of(const struct model *m, const void *peer)
{
    for (size_t i = 0; i < m->session_count; i++)
        if (m->sessions[i]->peer == peer)
            return m->sessions[i];
    SIM_FAIL("the model knows no session of this connection");
}

static struct model_session *session_by_id(const struct model *m, const uint8_t id[MQ_SESSION_ID_SIZE])
{
    for (size_t i = 0; i < m->session_count; i++)
        if (memcmp(m->sessions[i]->id, id, MQ_SESSION_ID_SIZE) == 0)
            return m->sessions[i];
    return NULL;
}

static size_t find_call(const struct model *m, const struct model_session *s, uint64_t number)
{
    size_t i = 0;
    while (i < m->call_count && (m->calls[i]->session != s || m->calls[i]->number != number))
        i++;
    return i;
}

uint64_t model_count_calls(const struct model *m, const struct model_session *s, bool waiting)
{
    uint64_t count = 0;
    for (size_t i = 0; i < m->call_count; i++)
        count += (!s || m->calls[i]->session == s) && m->calls[i]->waits == waiting;
    return count;
}

size_t model_waiting(const struct model *m, enum mq_verb verb)
{
    size_t count = 0;
    for (size_t i = 0; i < m->call_count; i++)
        count += m->calls[i]->waits && m->calls[i]->verb == verb;
    return count;
}

/* ---- calls ---- */

void model_answer(struct model *m, struct model_call *call, enum mq_status status)
{
    SIM_REQUIRE(call->waits, "the model answers %" PRIu64 " twice", call->number);
    struct model_queue *q = call->queue;
    bool drops = call->unstored_first < call->unstored_count;
    if (q && call->verb == MQ_VERB_PUT && (drops || q->waits_for_memory)) {
        q->waits_for_memory = 0;
        m->memory_freed = true;
        model_mark(m, q);
    }
    call->unstored_first = call->unstored_count;
    call->queue = NULL;
    call->waits = false;
    call->status = status;
    call->is_owed = call->session->peer != NULL;
}

static void remove_call(struct model *m, size_t at)
{
    for (size_t i = 0; i < m->item_count; i++)
        if (m->items[i]->call == m->calls[at])
            m->items[i]->call = NULL;
    free_call(m->calls[at]);
    memmove(&m->calls[at], &m->calls[at + 1], (--m->call_count - at) * sizeof(struct model_call *));
}

/* The item that this get handed out first among those that are still held; NULL: none is. */
static struct model_item *first_taken(const struct model *m, const struct model_call *call, uint64_t after)
{
    struct model_item *first = NULL;
    for (size_t i = 0; i < m->item_count; i++) {
        struct model_item *item = m->items[i];
        if (item->call == call && item->taken > after && (!first || item->taken < first->taken))
            first = item;
    }
    return first;
}

static void confirm_call(struct model *m, size_t at)
{
    struct model_call *call = m->calls[at];
    for (struct model_item *item; call->auto_done && (item = first_taken(m, call, 0));)
        model_done(m, item);
    remove_call(m, at);
}

/* All of the session's answered calls whose numbers are in the ranges, ascending. */
static void confirm(struct model *m, struct model_session *s, struct ranges confirms)
{
    bool had_credit = model_has_credit(m, s);
    for (size_t i = 0; i < m->call_count;) {
        struct model_call *call = m->calls[i];
        bool is_meant = false;
        for (size_t k = 0; k < confirms.count; k++)
            is_meant |= call->number >= confirms.list[k].first && call->number <= confirms.list[k].last;
        if (call->session == s && !call->waits && is_meant)
            confirm_call(m, i);
        else
            i++;
    }
    for (size_t i = 0; !had_credit && model_has_credit(m, s) && i < m->call_count; i++)
        if (m->calls[i]->session == s && m->calls[i]->waits && m->calls[i]->verb == MQ_VERB_GET)
            model_mark(m, m->calls[i]->queue);
}

/* ---- sessions ---- */

static struct model_item *first_held(const struct model *m, const struct model_session *s)
{
    struct model_item *first = NULL;
    for (size_t i = 0; i < m->item_count; i++)
        if (m->items[i]->holder == s && (!first || m->items[i]->taken < first->taken))
            first = m->items[i];
    return first;
}

static void return_all(struct model *m, struct model_session *s, bool remember)
{
    for (struct model_item *item; (item = first_held(m, s));)
        model_return(m, item, false, remember);
}

static void free_session(struct model *m, struct model_session *s)
{
    for (size_t i = 0; i < m->call_count;) {
        struct model_call *call = m->calls[i];
        if (call->session != s) {
            i++;
            continue;
        }
        if (call->waits)
            model_answer(m, call, MQ_SESSION_LOST);
        remove_call(m, i);
    }
    size_t at = 0;
    while (m->sessions[at] != s)
        at++;
    memmove(&m->sessions[at], &m->sessions[at + 1], (--m->session_count - at) * sizeof *m->sessions);
    free(s->lost);
    free(s);
}

static struct model_session *first_ended(const struct model *m, size_t *ret_count)
{
    struct model_session *first = NULL;
    *ret_count = 0;
    for (size_t i = 0; i < m->session_count; i++) {
        struct model_session *s = m->sessions[i];
        if (s->ended && (!first || s->ended < first->ended))
            first = s;
        *ret_count += s->ended > 0;
    }
    return first;
}

static void forget_first_ended(struct model *m)
{
    size_t count;
    m->forgotten++;
    free_session(m, first_ended(m, &count));
}

static void end_session(struct model *m, struct model_session *s)
{
    size_t ended;
    for (size_t i = 0; i < m->call_count; i++)
        if (m->calls[i]->session == s && m->calls[i]->waits)
            model_answer(m, m->calls[i], MQ_SESSION_LOST);
    return_all(m, s, true);
    s->ended = ++m->turn;
    s->lapses++;
    s->due_ms = m->now_ms + m->options.remember_ms;
    m->sessions_lost++;
    first_ended(m, &ended);
    if (ended > m->options.remembered_max)
        forget_first_ended(m);
}

static enum mq_status open_session(struct model *m, const struct hello *hello,
                                   struct model_session **ret_session)
{
    size_t ended;
    if (session_by_id(m, hello->id))
        return MQ_EXISTS;
    if (m->session_count >= m->options.sessions_max && !first_ended(m, &ended))
        return MQ_LIMIT;
    if (m->session_count >= m->options.sessions_max)
        forget_first_ended(m);
    SIM_REQUIRE(m->session_count < MODEL_SESSIONS, "too many sessions for the model");
    struct model_session *s = sim_alloc(sizeof *s);
    memcpy(s->id, hello->id, sizeof s->id);
    s->number = m->next_session++;
    s->next_number = 1;
    s->since_ms = m->now_ms;
    m->sessions[m->session_count++] = s;
    *ret_session = s;
    return MQ_OK;
}

static bool is_awaited(const struct hello *hello, uint64_t number)
{
    for (size_t i = 0; i < hello->awaited.count; i++)
        if (number >= hello->awaited.list[i].first && number <= hello->awaited.list[i].last)
            return true;
    return false;
}

static void confirm_not_awaited(struct model *m, struct model_session *s, const struct hello *hello)
{
    struct range *others = sim_alloc(hello->next_number * sizeof *others);
    size_t count = 0;
    for (uint64_t number = 1; number < hello->next_number; number++)
        if (!is_awaited(hello, number))
            others[count++] = (struct range){number, number};
    confirm(m, s, (struct ranges){others, count});
    free(others);
}

enum mq_status model_hello(struct model *m, const struct hello *hello, void *peer, void **ret_old_peer,
                           const struct model_session **ret_session)
{
    struct model_session *s = session_by_id(m, hello->id);
    enum mq_status status = MQ_OK;
    *ret_old_peer = NULL;
    if (!hello->resume)
        status = open_session(m, hello, &s);
    else if (!s)
        status = MQ_SESSION_LOST;
    else if (hello->next_number < s->next_number)
        status = MQ_INVALID;
    if (status == MQ_OK) {
        *ret_old_peer = s->peer;
        s->peer = peer;
        s->due_ms = NEVER;
        s->ended = 0;
        s->heard_ms = m->now_ms;
        *ret_session = s;
        if (hello->resume)
            confirm_not_awaited(m, s, hello);
    }
    model_settle(m);
    return status;
}

void model_disconnect(struct model *m, const void *peer)
{
    struct model_session *s = session_of(m, peer);
    s->peer = NULL;
    s->due_ms = m->now_ms + m->options.resume_grace_ms;
    model_settle(m);
}

void model_bye(struct model *m, const void *peer, struct ranges confirms)
{
    struct model_session *s = session_of(m, peer);
    confirm(m, s, confirms);
    return_all(m, s, false);
    free_session(m, s);
    model_settle(m);
}

void model_confirm(struct model *m, const void *peer, struct ranges confirms)
{
    struct model_session *s = session_of(m, peer);
    s->heard_ms = m->now_ms;
    confirm(m, s, confirms);
    model_settle(m);
}

/* ---- requests ---- */

static void repeat(struct model *m, struct model_call *call, bool cancel)
{
    if (call->waits && cancel)
        model_answer(m, call, MQ_INTERRUPTED);
    for (struct model_item *item; cancel && call->auto_done && (item = first_taken(m, call, 0));)
        model_return(m, item, true, false);
    if (call->waits)
        return;
    m->repeats += !cancel;
    call->is_owed = true;
}

static bool is_overdrawn(const struct model *m, const struct model_session *s)
{
    const struct engine_options *o = &m->options;
    uint64_t calls = model_count_calls(m, s, true) + model_count_calls(m, s, false);
    return calls >= (uint64_t)o->waiting_max + o->unconfirmed_max ||
           model_unconfirmed_size(m, s) >= 2 * ((uint64_t)o->in_flight_max + o->frame_max);
}

static enum mq_status accept(struct model *m, struct model_session *s, const struct request *req)
{
    if (req->number > s->next_number)
        return MQ_INVALID;
    if (req->number < s->next_number) {
        size_t at = find_call(m, s, req->number);
        if (at < m->call_count)
            repeat(m, m->calls[at], req->verb == MQ_VERB_CANCEL);
        return MQ_OK;
    }
    if (is_overdrawn(m, s))
        return MQ_LIMIT;
    SIM_REQUIRE(m->call_count < MODEL_CALLS, "too many calls for the model");
    struct model_call *call = sim_alloc(sizeof *call);
    call->session = s;
    call->number = s->next_number++;
    call->verb = req->verb;
    call->waits = true;
    call->due_ms = NEVER;
    m->calls[m->call_count++] = call;
    model_start(m, call, req);
    return MQ_OK;
}

enum mq_status model_submit(struct model *m, const void *peer, const struct request *req)
{
    struct model_session *s = session_of(m, peer);
    s->heard_ms = m->now_ms;
    confirm(m, s, req->confirms);
    model_settle(m);
    enum mq_status status = accept(m, s, req);
    model_settle(m);
    return status;
}

/* ---- time ---- */

/* The earliest end of a session's grace, or else of a lease; sessions are in the order of their numbers,
 * items in the order of their ids. */
static uint64_t first_life(const struct model *m, struct model_item **ret_item,
                           struct model_session **ret_session)
{
    uint64_t first = NEVER;
    *ret_item = NULL;
    *ret_session = NULL;
    for (size_t i = 0; i < m->session_count; i++)
        if (!m->sessions[i]->ended && m->sessions[i]->due_ms < first) {
            *ret_session = m->sessions[i];
            first = m->sessions[i]->due_ms;
        }
    for (size_t i = 0; i < m->item_count; i++)
        if (m->items[i]->due_ms < first) {
            *ret_item = m->items[i];
            *ret_session = NULL;
            first = m->items[i]->due_ms;
        }
    return first;
}

static bool is_due_before(const struct model_call *a, const struct model_call *b)
{
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms;
    return a->session->number < b->session->number || (a->session == b->session && a->number < b->number);
}

static struct model_call *first_deadline(const struct model *m)
{
    struct model_call *first = NULL;
    for (size_t i = 0; i < m->call_count; i++)
        if (m->calls[i]->waits && m->calls[i]->due_ms != NEVER &&
            (!first || is_due_before(m->calls[i], first)))
            first = m->calls[i];
    return first;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t model_deadline_ms(const struct model *m)
{
    struct model_item *item;
    struct model_session *s;
    size_t count;
    const struct model_call *call = first_deadline(m);
    const struct model_session *ended = first_ended(m, &count);
    uint64_t life = first_life(m, &item, &s), due = call ? call->due_ms : NEVER;
    if (ended)
        due = earlier(due, ended->due_ms);
    if (life != NEVER)
        due = earlier(due, m->now_ms + FREEZE_WATCH_MS);
    return earlier(due, life);
}

/* A broker that slept gives sessions and leases the time that it slept. */
void model_clock(struct model *m, uint64_t now_ms)
{
    uint64_t wanted = model_deadline_ms(m), since = wanted > m->now_ms ? wanted : m->now_ms;
    bool frozen = now_ms > since && now_ms - since > FROZEN_MS;
    uint64_t slept = now_ms - since;
    for (size_t i = 0; frozen && i < m->item_count; i++)
        if (m->items[i]->due_ms != NEVER)
            m->items[i]->due_ms += slept;
    for (size_t i = 0; frozen && i < m->session_count; i++)
        if (m->sessions[i]->due_ms != NEVER)
            m->sessions[i]->due_ms += slept;
    m->now_ms = now_ms;
}

void model_tick(struct model *m)
{
    struct model_item *item;
    struct model_session *s;
    struct model_call *call;
    size_t count;
    while (first_life(m, &item, &s) <= m->now_ms) {
        if (s)
            end_session(m, s);
        else
            model_return(m, item, false, true);
    }
    while ((s = first_ended(m, &count)) && s->due_ms <= m->now_ms)
        free_session(m, s);
    model_settle(m);
    while ((call = first_deadline(m)) && call->due_ms <= m->now_ms)
        model_expire(m, call);
    model_settle(m);
}

/* ---- replies ---- */

static void compare_items(const struct model *m, const struct model_call *call, const struct answer *answer)
{
    const struct model_item *item = NULL;
    for (size_t i = 0; i < answer->item_count; i++) {
        const struct item_view *view = &answer->items[i];
        item = first_taken(m, call, item ? item->taken : 0);
        SIM_REQUIRE(item, "a get gives more than there is");
        SIM_REQUIRE(view->id == item->id, "a get gives item %" PRIu64 ", not %" PRIu64, view->id, item->id);
        SIM_REQUIRE(view->deliveries == item->deliveries, "item %" PRIu64 " has deliveries %u, not %u",
                    item->id, view->deliveries, item->deliveries);
        SIM_REQUIRE(view->body.size == item->size && memcmp(view->body.data, &item->tag, TAG_SIZE) == 0,
                    "item %" PRIu64 " has another body", item->id);
        SIM_REQUIRE(view->key.size == item->key_size &&
                        (!item->key_size || memcmp(view->key.data, item->key, item->key_size) == 0),
                    "item %" PRIu64 " has another key", item->id);
    }
    item = first_taken(m, call, item ? item->taken : 0);
    SIM_REQUIRE(!item, "a get does not give item %" PRIu64, item->id);
    SIM_REQUIRE(answer->lease_ms == call->lease_ms, "a lease of %" PRId64 " ms", answer->lease_ms);
}

static void compare_ids(const struct model_call *call, const struct answer *answer)
{
    uint64_t count = 0;
    for (size_t i = 0; i < answer->id_range_count; i++)
        for (uint64_t id = answer->ids[i].first; id <= answer->ids[i].last; id++, count++)
            SIM_REQUIRE(count < call->count && id == call->ids[count], "a put has id %" PRIu64 " stored", id);
    SIM_REQUIRE(count == call->count, "a put gives %" PRIu64 " ids, not %" PRIu64, count, call->count);
}

static void compare_refusals(const struct model_call *call, const struct answer *answer)
{
    SIM_REQUIRE(answer->refusal_count == call->refusal_count, "%zu refusals, not %zu", answer->refusal_count,
                call->refusal_count);
    for (size_t i = 0; i < call->refusal_count; i++)
        SIM_REQUIRE(answer->refusals[i].id == call->refusals[i].id &&
                        answer->refusals[i].status == call->refusals[i].status,
                    "refusal of %" PRIu64 ": %s", answer->refusals[i].id,
                    mq_status_name(answer->refusals[i].status));
}

void model_reply(struct model *m, const void *peer, const struct answer *answer)
{
    const struct model_session *s = session_of(m, peer);
    size_t at = find_call(m, s, answer->number);
    SIM_REQUIRE(at < m->call_count, "an answer to %" PRIu64 ", which nobody asked", answer->number);
    struct model_call *call = m->calls[at];
    const char *verb = mq_verb_name(call->verb);
    SIM_REQUIRE(call->is_owed, "%s %" PRIu64 " of session %" PRIu64 " is answered %s, out of turn", verb,
                call->number, s->number, mq_status_name(answer->status));
    enum mq_status status = call->status;
    if (call->verb == MQ_VERB_GET && status == MQ_OK && !first_taken(m, call, 0))
        status = MQ_LEASE_LOST;
    SIM_REQUIRE(answer->status == status && answer->verb == call->verb,
                "%s %" PRIu64 " is answered %s, not %s", verb, call->number, mq_status_name(answer->status),
                mq_status_name(status));
    SIM_REQUIRE(answer->count == call->count, "%s %" PRIu64 " has count %" PRIu64 ", not %" PRIu64, verb,
                call->number, answer->count, call->count);
    if (call->verb == MQ_VERB_GET)
        compare_items(m, call, answer);
    if (call->verb == MQ_VERB_PUT)
        compare_ids(call, answer);
    compare_refusals(call, answer);
    if (call->look)
        model_compare_look(call, answer);
    call->is_owed = false;
}

void model_settled(const struct model *m)
{
    for (size_t i = 0; i < m->call_count; i++)
        SIM_REQUIRE(!m->calls[i]->is_owed, "%s %" PRIu64 " of session %" PRIu64 " should be answered %s",
                    mq_verb_name(m->calls[i]->verb), m->calls[i]->number, m->calls[i]->session->number,
                    mq_status_name(m->calls[i]->status));
}
