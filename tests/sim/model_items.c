/* model_items.c - the order of items, room and memory for them, who is served, and how they end. */
#include "item.h"
#include "model_parts.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_MARGIN = 1024 };

size_t model_ready(const struct model *m, const struct model_queue *q)
{
    size_t count = 0;
    for (size_t i = 0; i < m->item_count; i++)
        count += m->items[i]->queue == q && !m->items[i]->holder;
    return count;
}

size_t model_unfinished(const struct model *m, const struct model_queue *q)
{
    size_t count = 0;
    for (size_t i = 0; i < m->item_count; i++)
        count += m->items[i]->queue == q;
    return count;
}

uint64_t model_room(const struct model *m, const struct model_queue *q)
{
    uint64_t ready = model_ready(m, q), maxsize = (uint64_t)q->settings.maxsize;
    if (q->settings.maxsize <= 0)
        return UINT64_MAX;
    return maxsize > ready ? maxsize - ready : 0;
}

/* ---- order ---- */

static int compare_keys(const struct model_item *a, const struct model_item *b)
{
    for (size_t i = 0; i < a->key_size && i < b->key_size; i++)
        if (a->key[i] != b->key[i])
            return a->key[i] < b->key[i] ? -1 : 1;
    return a->key_size < b->key_size ? -1 : a->key_size > b->key_size;
}

bool model_is_before(const struct model_item *a, const struct model_item *b)
{
    if (a->queue->settings.kind == MQ_KIND_LIFO)
        return a->id > b->id;
    if (a->queue->settings.kind == MQ_KIND_PRIORITY && compare_keys(a, b) != 0)
        return compare_keys(a, b) < 0;
    return a->id < b->id;
}

struct model_item *model_first(const struct model *m, const struct model_queue *q)
{
    struct model_item *first = NULL;
    for (size_t i = 0; i < m->item_count; i++) {
        struct model_item *item = m->items[i];
        if (item->queue == q && !item->holder && (!first || model_is_before(item, first)))
            first = item;
    }
    return first;
}

/* ---- memory ---- */

static size_t cost_of(const struct model_item *item)
{
    return item_cost(item->size, item->key_size);
}

static size_t unstored_cost(const struct model_call *call)
{
    size_t cost = 0;
    for (size_t i = call->unstored_first; i < call->unstored_count; i++)
        cost += cost_of(&call->unstored[i]);
    return cost;
}

size_t model_unstored_size(const struct model *m, const struct model_session *s)
{
    size_t size = 0;
    for (size_t i = 0; i < m->call_count; i++)
        for (size_t k = m->calls[i]->unstored_first;
             m->calls[i]->session == s && k < m->calls[i]->unstored_count; k++)
            size += m->calls[i]->unstored[k].size;
    return size;
}

size_t model_stored_cost(const struct model *m)
{
    size_t cost = 0;
    for (size_t i = 0; i < m->item_count; i++)
        cost += cost_of(m->items[i]) + (m->items[i]->holder ? ITEM_LEASE_COST : 0);
    return cost;
}

/* Of all puts that wait. */
size_t model_unstored_cost(const struct model *m)
{
    size_t cost = 0;
    for (size_t i = 0; i < m->call_count; i++)
        cost += unstored_cost(m->calls[i]);
    return cost;
}

static struct model_queue *first_starved(const struct model *m)
{
    struct model_queue *first = NULL;
    for (size_t i = 0; i < m->queue_count; i++) {
        struct model_queue *q = m->queues[i];
        if (q->waits_for_memory && (!first || q->waits_for_memory < first->waits_for_memory))
            first = q;
    }
    return first;
}

/* Where items are found by their ids, that takes some, too. */
static size_t index_cost(const struct model *m)
{
    size_t cost = 0;
    for (size_t i = 0; i < m->item_count; i++)
        cost += m->options.is_durable && m->items[i]->is_known ? ITEM_INDEX_COST : 0;
    return cost;
}

uint64_t model_memory(const struct model *m)
{
    return model_stored_cost(m) + model_unstored_cost(m) + index_cost(m);
}

/* What is stored counts, and puts that wait for room elsewhere; not those that wait for memory. */
bool model_memory_fits(const struct model *m, const struct model_queue *q, size_t cost)
{
    size_t used = model_stored_cost(m) + index_cost(m);
    const struct model_queue *first = first_starved(m);
    bool is_first_refused = first && model_refuses(m, first);
    bool is_in_line = first && !m->feeding && (model_is_noted(m, q) || !is_first_refused);
    if (model_refuses(m, q) || is_in_line)
        return false;
    for (size_t i = 0; i < m->call_count; i++) {
        const struct model_call *call = m->calls[i];
        if (call->waits && call->verb == MQ_VERB_PUT && call->queue && call->queue != q &&
            !call->queue->waits_for_memory)
            used += unstored_cost(call);
    }
    return used == 0 || used + cost <= m->options.memory_limit;
}

/* ---- waiting and being served ---- */

bool model_waits_in(const struct model_call *call, const struct model_queue *q, enum mq_verb verb)
{
    return call->waits && call->queue == q && call->verb == verb;
}

struct model_call *model_first_in_line(const struct model *m, const struct model_queue *q, enum mq_verb verb)
{
    for (size_t i = 0; i < m->call_count; i++)
        if (model_waits_in(m->calls[i], q, verb))
            return m->calls[i];
    return NULL;
}

void model_answer_line(struct model *m, const struct model_queue *q, enum mq_verb verb, enum mq_status status)
{
    for (struct model_call *call; (call = model_first_in_line(m, q, verb));)
        model_answer(m, call, status);
}

uint64_t model_unconfirmed_size(const struct model *m, const struct model_session *s)
{
    uint64_t size = 0;
    for (size_t i = 0; i < m->call_count; i++)
        if (m->calls[i]->session == s && !m->calls[i]->waits)
            size += m->calls[i]->reply_size;
    return size;
}

bool model_has_credit(const struct model *m, const struct model_session *s)
{
    return model_unconfirmed_size(m, s) < m->options.in_flight_max;
}

void model_mark(struct model *m, struct model_queue *q)
{
    for (size_t i = 0; i < m->marked_count; i++)
        if (m->marked[i] == q)
            return;
    m->marked[m->marked_count++] = q;
}

void model_unmark(struct model *m, const struct model_queue *q)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->marked_count; i++)
        if (m->marked[i] != q)
            m->marked[kept++] = m->marked[i];
    m->marked_count = kept;
}

static void store(struct model *m, struct model_queue *q, struct model_call *call)
{
    struct model_item *item = sim_alloc(sizeof *item);
    model_note_ids(m);
    m->turn++;
    if (model_is_noted(m, q)) {
        model_note(m, call);
        call->stored = m->turn;
        call->stored_in = q->number;
    }
    *item = call->unstored[call->unstored_first++];
    item->id = m->next_item++;
    item->queue = q;
    item->group = model_is_noted(m, q) ? m->group : 0;
    item->is_known = q->settings.kind == MQ_KIND_PRIORITY;
    item->stored_ms = m->now_ms;
    item->due_ms = NEVER;
    model_add_item(m, item);
    call->ranges += call->count == 0 || call->ids[call->count - 1] + 1 != item->id;
    call->untold[call->count] = model_is_noted(m, q) ? 0 : m->turn;
    call->ids[call->count++] = item->id;
    q->puts++;
    m->puts++;
    m->on_stored(item, m->group);
}

static bool serve_putters(struct model *m, struct model_queue *q)
{
    bool moved = false;
    for (struct model_call *call; (call = model_first_in_line(m, q, MQ_VERB_PUT));) {
        bool fits = call->at_once || model_memory_fits(m, q, cost_of(&call->unstored[call->unstored_first]));
        if (call->partial && call->count > 0 && (!fits || model_room(m, q) == 0)) {
            model_answer(m, call, MQ_OK);
            continue;
        }
        if (model_room(m, q) == 0)
            return moved;
        if (!fits) {
            if (!q->waits_for_memory) {
                q->waits_for_memory = ++m->turn;
                m->memory_freed = true; /* what waits here counts no more */
            }
            return moved;
        }
        store(m, q, call);
        moved = true;
        if (call->unstored_first == call->unstored_count)
            model_answer(m, call, MQ_OK);
    }
    return moved;
}

static void hand_out(struct model *m, struct model_call *call, struct model_item *item)
{
    item->holder = call->session;
    item->call = call;
    item->taken = item->place = ++m->turn;
    item->is_known = true;
    item->lease_ms = call->lease_ms;
    item->due_ms = call->lease_ms > 0 ? m->now_ms + (uint64_t)call->lease_ms : NEVER;
    item->queue->redelivered += item->deliveries > 0;
    m->redelivered += item->deliveries > 0;
    item->deliveries++;
    item->queue->gets++;
    m->gets++;
}

uint64_t model_frame_room(const struct model *m)
{
    return m->options.frame_max > ANSWER_MARGIN ? m->options.frame_max - ANSWER_MARGIN : 0;
}

static void grant(struct model *m, struct model_call *call)
{
    struct model_queue *q = call->queue;
    uint64_t frame = model_frame_room(m);
    uint64_t credit = m->options.in_flight_max - model_unconfirmed_size(m, call->session);
    call->lease_ms = q->settings.lease_ms;
    struct model_item *item;
    for (uint32_t count = 0; count < call->max && (item = model_first(m, q)); count++) {
        size_t size = item->size + item->key_size + MODEL_ITEM_MARGIN;
        if (count > 0 && (call->reply_size + size > frame || call->reply_size + size > credit))
            break;
        hand_out(m, call, item);
        call->reply_size += size;
    }
    if (model_is_noted(m, q)) {
        model_note_lazily(m);
        call->is_noted = true;
    }
    model_answer(m, call, MQ_OK);
}

static bool serve_getters(struct model *m, struct model_queue *q)
{
    bool moved = false;
    for (size_t i = 0; i < m->call_count && model_first(m, q); i++) {
        if (!model_waits_in(m->calls[i], q, MQ_VERB_GET) || !model_has_credit(m, m->calls[i]->session))
            continue;
        grant(m, m->calls[i]);
        moved = true;
    }
    return moved;
}

bool model_serve(struct model *m, struct model_queue *q)
{
    bool moved = false;
    for (;;) {
        bool got = serve_getters(m, q), put = serve_putters(m, q);
        if (!got && !put)
            break;
        moved = true;
    }
    if (q->is_shut_down && !model_first(m, q))
        model_answer_line(m, q, MQ_VERB_GET, MQ_SHUT_DOWN);
    if (model_unfinished(m, q) == 0 && model_first_in_line(m, q, MQ_VERB_JOIN)) {
        model_need_all(m);
        model_answer_line(m, q, MQ_VERB_JOIN, MQ_OK);
    }
    return moved;
}

static void serve_marked(struct model *m)
{
    while (m->marked_count) {
        struct model_queue *q = m->marked[0];
        model_unmark(m, q);
        model_serve(m, q);
    }
}

/* Queues that wait for memory take turns; the first one that still does not fit keeps its turn. */
static void serve_starved(struct model *m)
{
    struct model_queue *q;
    while (m->memory_freed && (q = first_starved(m))) {
        uint64_t turn = q->waits_for_memory;
        m->feeding = true;
        q->waits_for_memory = 0;
        bool moved = model_serve(m, q);
        m->feeding = false;
        if (moved || !q->waits_for_memory)
            continue;
        q->waits_for_memory = turn;
        break;
    }
    m->memory_freed = false;
}

void model_settle(struct model *m)
{
    serve_marked(m);
    while (m->memory_freed) {
        serve_starved(m);
        serve_marked(m);
    }
}

/* ---- the ends of items ---- */

static void forget_item(struct model *m, struct model_item *item)
{
    size_t at = model_find_item(m, item->id);
    m->memory_freed = true;
    memmove(&m->items[at], &m->items[at + 1], (--m->item_count - at) * sizeof *m->items);
    free(item);
}

void model_done(struct model *m, struct model_item *item)
{
    item->queue->done++;
    m->done++;
    m->on_done(item, m->group);
    model_mark(m, item->queue);
    forget_item(m, item);
}

void model_discard(struct model *m, struct model_item *item)
{
    item->queue->discarded++;
    m->discarded++;
    forget_item(m, item);
}

size_t model_discard_ready(struct model *m, struct model_queue *q)
{
    size_t count = 0;
    for (struct model_item *item; (item = model_first(m, q)); count++)
        model_discard(m, item);
    model_mark(m, q);
    return count;
}

void model_remember_lost(struct model_session *s, uint64_t id)
{
    if (s->lost_count == s->lost_capacity) {
        s->lost_capacity = 2 * s->lost_capacity + 8;
        s->lost = realloc(s->lost, s->lost_capacity * sizeof *s->lost);
        SIM_REQUIRE(s->lost, "out of memory");
    }
    s->lost[s->lost_count++] = id;
}

void model_return(struct model *m, struct model_item *item, bool untouched, bool remember)
{
    struct model_queue *q = item->queue;
    if (remember)
        model_remember_lost(item->holder, item->id);
    item->holder = NULL;
    item->call = NULL;
    item->due_ms = NEVER;
    item->deliveries -= untouched;
    q->returned++;
    m->returned++;
    m->memory_freed = true;
    model_mark(m, q);
    if (q->is_immediate)
        model_discard_ready(m, q);
}
