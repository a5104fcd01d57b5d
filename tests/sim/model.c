/* model.c - see model.h: numbers, time. */
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
    m->next_item = m->begun_item = options->first_item;
    m->group = 1;
    m->safe = options->is_durable ? 0 : UINT64_MAX;
    return m;
}

void model_free_call(struct model_call *call)
{
    free(call->unstored);
    free(call->ids);
    free(call->untold);
    free(call->marks);
    free(call->refusals);
    free(call->look);
    free(call);
}

static void *grow(void *list, size_t count, size_t *room)
{
    if (count < *room)
        return list;
    *room = 2 * *room + 64;
    list = realloc(list, *room * sizeof(void *));
    SIM_REQUIRE(list, "out of memory");
    return list;
}

void model_add_call(struct model *m, struct model_call *call)
{
    m->calls = grow(m->calls, m->call_count, &m->call_room);
    m->calls[m->call_count++] = call;
}

void model_add_item(struct model *m, struct model_item *item)
{
    m->items = grow(m->items, m->item_count, &m->item_room);
    m->items[m->item_count++] = item;
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
        model_free_call(m->calls[i]);
    for (size_t i = 0; i < m->item_count; i++)
        free(m->items[i]);
    free(m->calls);
    free(m->items);
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

struct model_session *model_session_of(const struct model *m, const void *peer)
{
    for (size_t i = 0; i < m->session_count; i++)
        if (m->sessions[i]->peer == peer)
            return m->sessions[i];
    SIM_FAIL("the model knows no session of this connection");
}

struct model_call *model_call(const struct model *m, const struct model_session *s, uint64_t number)
{
    for (size_t i = 0; i < m->call_count; i++)
        if (m->calls[i]->session == s && m->calls[i]->number == number)
            return m->calls[i];
    return NULL;
}

struct model_call *model_next_call(const struct model *m, const struct model_session *s, uint64_t after)
{
    struct model_call *next = NULL;
    for (size_t i = 0; i < m->call_count; i++)
        if (m->calls[i]->session == s && m->calls[i]->number > after &&
            (!next || m->calls[i]->number < next->number))
            next = m->calls[i];
    return next;
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

/* To its session, if that can be reached. */
static void owe(struct model *m, struct model_call *call)
{
    if (!call->session->peer || call->is_owed)
        return;
    call->is_owed = true;
    call->owed = m->event;
    call->is_urgent = call->verb == MQ_VERB_PING || (m->has_failed && call->needs <= m->safe);
}

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
    call->answered = ++m->turn;
    if (!m->has_failed)
        call->needs = m->needed;
    owe(m, call);
}

/* Nobody is there to be told. */
void model_owe_nothing(struct model *m, const struct model_session *s)
{
    for (size_t i = 0; i < m->call_count; i++)
        if (m->calls[i]->session == s)
            m->calls[i]->is_owed = false;
}

void model_remove_call(struct model *m, struct model_call *call)
{
    size_t at = 0;
    for (size_t i = 0; i < m->item_count; i++)
        if (m->items[i]->call == call)
            m->items[i]->call = NULL;
    while (m->calls[at] != call)
        at++;
    model_free_call(call);
    memmove(&m->calls[at], &m->calls[at + 1], (--m->call_count - at) * sizeof(struct model_call *));
}

struct model_item *model_next_taken(const struct model *m, const struct model_call *call, uint64_t after)
{
    struct model_item *first = NULL;
    for (size_t i = 0; i < m->item_count; i++) {
        struct model_item *item = m->items[i];
        if (item->call == call && item->taken > after && (!first || item->taken < first->taken))
            first = item;
    }
    return first;
}

static void confirm_call(struct model *m, struct model_call *call)
{
    if (call->is_noted)
        model_note_lazily(m);
    for (struct model_item *item; call->auto_done && (item = model_next_taken(m, call, 0));)
        model_done(m, item);
    model_remove_call(m, call);
}

/* All of the session's answered calls whose numbers are in the ranges, ascending. */
void model_confirm_numbers(struct model *m, struct model_session *s, struct ranges confirms)
{
    bool had_credit = model_has_credit(m, s);
    uint64_t number = 0;
    for (struct model_call *call; (call = model_next_call(m, s, number));) {
        bool is_meant = false;
        number = call->number;
        for (size_t k = 0; k < confirms.count; k++)
            is_meant |= number >= confirms.list[k].first && number <= confirms.list[k].last;
        if (!call->waits && is_meant)
            confirm_call(m, call);
    }
    if (had_credit || !model_has_credit(m, s))
        return;
    for (struct model_call *call = NULL; (call = model_next_call(m, s, call ? call->number : 0));)
        if (call->waits && call->verb == MQ_VERB_GET)
            model_mark(m, call->queue);
}

/* ---- requests ---- */

/* It arrives once more. */
static void put_last(struct model *m, struct model_call *call)
{
    size_t at = 0;
    while (m->calls[at] != call)
        at++;
    memmove(&m->calls[at], &m->calls[at + 1], (m->call_count - 1 - at) * sizeof *m->calls);
    m->calls[m->call_count - 1] = call;
}

/* What a restart has cut off goes on. */
static void go_on(struct model *m, struct model_call *call, const struct request *req)
{
    struct request rest = *req;
    rest.puts += call->count;
    rest.put_count -= call->count;
    call->waits = true;
    call->is_cut = false;
    put_last(m, call);
    model_start(m, call, &rest);
}

/* The client of this auto-done get does not want its items any more. */
static void take_back(struct model *m, struct model_call *call)
{
    if (call->is_noted)
        model_note(m, call);
    for (struct model_item *item; (item = model_next_taken(m, call, 0));)
        model_return(m, item, true, false);
}

static bool is_its_queue_there(const struct model *m, const struct model_call *call,
                               const struct request *req)
{
    const struct model_queue *q = model_queue(m, req->queue);
    return call->cut_queue == 0 || (q && q->number == call->cut_queue);
}

static void repeat(struct model *m, struct model_call *call, const struct request *req)
{
    bool cancel = req->verb == MQ_VERB_CANCEL;
    if (call->waits && cancel)
        model_answer(m, call, MQ_INTERRUPTED);
    if (call->waits)
        return;
    if (call->is_cut && !cancel && is_its_queue_there(m, call, req)) {
        go_on(m, call, req);
        return;
    }
    if (call->is_cut) {
        call->status = cancel ? MQ_INTERRUPTED : MQ_NO_QUEUE;
        call->answered = ++m->turn;
    }
    call->is_cut = false;
    if (cancel && call->auto_done && model_next_taken(m, call, 0)) {
        if (m->has_failed)
            return;
        take_back(m, call);
    }
    m->repeats += !cancel;
    owe(m, call);
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
    struct model_call *call = model_call(m, s, req->number);
    if (req->number > s->next_number && req->number > s->unsure_until)
        return MQ_INVALID;
    bool is_unsure = req->number >= s->unsure_from && req->number < s->unsure_until;
    if (is_unsure)
        s->unsure_from = req->number + 1;
    if (call)
        repeat(m, call, req);
    if (call || (req->number < s->next_number && !is_unsure))
        return MQ_OK;
    if (is_overdrawn(m, s))
        return MQ_LIMIT;
    call = sim_alloc(sizeof *call);
    call->session = s;
    call->number = req->number;
    call->range_capacity = 1;
    if (req->number >= s->next_number)
        s->next_number = req->number + 1;
    if (s->next_number > s->given)
        s->given = s->next_number;
    call->verb = req->verb;
    call->waits = true;
    call->due_ms = NEVER;
    model_add_call(m, call);
    model_start(m, call, req);
    return MQ_OK;
}

enum mq_status model_submit(struct model *m, const void *peer, const struct request *req)
{
    struct model_session *s = model_session_of(m, peer);
    s->heard_ms = m->now_ms;
    model_confirm_numbers(m, s, req->confirms);
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
    const struct model_session *ended = model_first_ended(m, &count);
    if (m->has_failed)
        return NEVER;
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
    m->event++;
}

/* The answer that gave it, if it is still to be told, waits until that is safe. */
static void lease_is_over(struct model *m, struct model_item *item)
{
    if (model_is_noted(m, item->queue)) {
        model_note_lazily(m);
        if (item->call)
            item->call->needs = m->group;
    }
    model_return(m, item, false, true);
}

void model_tick(struct model *m)
{
    struct model_item *item;
    struct model_session *s;
    struct model_call *call;
    size_t count;
    if (m->has_failed)
        return;
    while (first_life(m, &item, &s) <= m->now_ms) {
        if (s)
            model_end_session(m, s);
        else
            lease_is_over(m, item);
    }
    while ((s = model_first_ended(m, &count)) && s->due_ms <= m->now_ms) {
        model_note_lazily(m);
        model_free_session(m, s);
    }
    model_settle(m);
    while ((call = first_deadline(m)) && call->due_ms <= m->now_ms)
        model_expire(m, call);
    model_settle(m);
}
