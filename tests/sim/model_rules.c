/* model_rules.c - what requests do to queues and items. */
#include "model.h"
#include "item.h"
#include "key.h"
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

static uint64_t room(const struct model *m, const struct model_queue *q)
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

static struct model_item *first_item(const struct model *m, const struct model_queue *q)
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

static size_t unstored_size(const struct model *m, const struct model_session *s)
{
    size_t size = 0;
    for (size_t i = 0; i < m->call_count; i++)
        for (size_t k = m->calls[i]->unstored_first;
             m->calls[i]->session == s && k < m->calls[i]->unstored_count; k++)
            size += m->calls[i]->unstored[k].size;
    return size;
}

static size_t stored_cost(const struct model *m)
{
    size_t cost = 0;
    for (size_t i = 0; i < m->item_count; i++)
        cost += cost_of(m->items[i]);
    return cost;
}

/* Of all puts that wait. */
static size_t all_unstored_cost(const struct model *m)
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

/* What is stored counts, and puts that wait for room elsewhere; not those that wait for memory. */
static bool memory_fits(const struct model *m, const struct model_queue *q, size_t cost)
{
    size_t used = stored_cost(m);
    if (first_starved(m) && !m->feeding)
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

static struct model_call *first_in_line(const struct model *m, const struct model_queue *q, enum mq_verb verb)
{
    for (size_t i = 0; i < m->call_count; i++)
        if (model_waits_in(m->calls[i], q, verb))
            return m->calls[i];
    return NULL;
}

static void answer_line(struct model *m, const struct model_queue *q, enum mq_verb verb,
                        enum mq_status status)
{
    for (struct model_call *call; (call = first_in_line(m, q, verb));)
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

static void unmark(struct model *m, const struct model_queue *q)
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
    *item = call->unstored[call->unstored_first++];
    item->id = m->next_item++;
    item->queue = q;
    item->stored_ms = m->now_ms;
    item->due_ms = NEVER;
    SIM_REQUIRE(m->item_count < MODEL_ITEMS, "too many items for the model");
    m->items[m->item_count++] = item;
    call->ids[call->count++] = item->id;
    q->puts++;
    m->puts++;
    m->on_stored(m->context, item->tag);
}

static bool serve_putters(struct model *m, struct model_queue *q)
{
    bool moved = false;
    for (struct model_call *call; (call = first_in_line(m, q, MQ_VERB_PUT)) && room(m, q) > 0;) {
        if (!memory_fits(m, q, cost_of(&call->unstored[call->unstored_first]))) {
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
    item->taken = ++m->turn;
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
    for (uint32_t count = 0; count < call->max && (item = first_item(m, q)); count++) {
        size_t size = item->size + item->key_size + MODEL_ITEM_MARGIN;
        if (count > 0 && (call->reply_size + size > frame || call->reply_size + size > credit))
            break;
        hand_out(m, call, item);
        call->reply_size += size;
    }
    model_answer(m, call, MQ_OK);
}

static bool serve_getters(struct model *m, struct model_queue *q)
{
    bool moved = false;
    for (size_t i = 0; i < m->call_count && first_item(m, q); i++) {
        if (!model_waits_in(m->calls[i], q, MQ_VERB_GET) || !model_has_credit(m, m->calls[i]->session))
            continue;
        grant(m, m->calls[i]);
        moved = true;
    }
    return moved;
}

static bool serve(struct model *m, struct model_queue *q)
{
    bool moved = false;
    for (;;) {
        bool got = serve_getters(m, q), put = serve_putters(m, q);
        if (!got && !put)
            break;
        moved = true;
    }
    if (q->is_shut_down && !first_item(m, q))
        answer_line(m, q, MQ_VERB_GET, MQ_SHUT_DOWN);
    if (model_unfinished(m, q) == 0)
        answer_line(m, q, MQ_VERB_JOIN, MQ_OK);
    return moved;
}

static void serve_marked(struct model *m)
{
    while (m->marked_count) {
        struct model_queue *q = m->marked[0];
        unmark(m, q);
        serve(m, q);
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
        bool moved = serve(m, q);
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
    m->on_done(m->context, item->tag);
    model_mark(m, item->queue);
    forget_item(m, item);
}

static void discard(struct model *m, struct model_item *item)
{
    item->queue->discarded++;
    m->discarded++;
    forget_item(m, item);
}

static size_t discard_ready(struct model *m, struct model_queue *q)
{
    size_t count = 0;
    for (struct model_item *item; (item = first_item(m, q)); count++)
        discard(m, item);
    model_mark(m, q);
    return count;
}

static void remember_lost(struct model_session *s, uint64_t id)
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
        remember_lost(item->holder, item->id);
    item->holder = NULL;
    item->call = NULL;
    item->due_ms = NEVER;
    item->deliveries -= untouched;
    q->returned++;
    m->returned++;
    model_mark(m, q);
    if (q->is_immediate)
        discard_ready(m, q);
}

/* ---- requests ---- */

static struct bytes effective_key(const struct model_queue *q, const struct put_item *put)
{
    return put->key.size || q->settings.kind != MQ_KIND_PRIORITY ? put->key : key_zero();
}

static enum mq_status check_put(const struct model *m, const struct model_call *call,
                                const struct model_queue *q, const struct request *req, bool *ret_at_once)
{
    bool line_is_empty = !first_in_line(m, q, MQ_VERB_PUT);
    size_t size = 0, cost = 0, waiting = unstored_size(m, call->session), first_cost = 0;
    bool too_big = false, bad_key = false;
    for (size_t i = req->put_count; i-- > 0;) { /* the first item that is wrong decides */
        struct bytes key = effective_key(q, &req->puts[i]);
        bool bad = key.size && q->settings.kind != MQ_KIND_PRIORITY;
        bool big = req->puts[i].body.size > m->options.body_max;
        first_cost = item_cost(req->puts[i].body.size, key.size);
        size += req->puts[i].body.size;
        cost += first_cost;
        too_big = big || (too_big && !bad);
        bad_key = !big && (bad || bad_key);
    }
    if (too_big || bad_key)
        return too_big ? MQ_TOO_BIG : MQ_INVALID;
    if (q->is_shut_down)
        return MQ_SHUT_DOWN;
    if (req->timeout_ms == 0 && (!line_is_empty || room(m, q) == 0))
        return MQ_FULL;
    if (req->timeout_ms == 0 && !memory_fits(m, q, first_cost))
        return MQ_TEMPORARY;
    *ret_at_once = line_is_empty && room(m, q) >= req->put_count && memory_fits(m, q, cost) &&
                   (req->put_count == 1 || cost <= m->options.memory_limit);
    if (*ret_at_once)
        return MQ_OK;
    if (waiting > 0 && waiting + size > m->options.in_flight_max)
        return MQ_LIMIT;
    uint64_t most = m->options.memory_limit + m->options.memory_limit / 2, stored = stored_cost(m);
    return stored > 0 && stored + all_unstored_cost(m) + cost > most ? MQ_TEMPORARY : MQ_OK;
}

static void copy_puts(struct model_call *call, const struct model_queue *q, const struct request *req)
{
    call->unstored = sim_alloc(req->put_count * sizeof *call->unstored);
    call->ids = sim_alloc(req->put_count * sizeof *call->ids);
    call->unstored_count = req->put_count;
    for (size_t i = 0; i < req->put_count; i++) {
        struct model_item *item = &call->unstored[i];
        struct bytes key = effective_key(q, &req->puts[i]);
        SIM_REQUIRE(req->puts[i].body.size >= TAG_SIZE && key.size <= MODEL_KEY_SIZE,
                    "an item not for the model");
        memcpy(&item->tag, req->puts[i].body.data, TAG_SIZE);
        item->size = req->puts[i].body.size;
        item->key_size = key.size;
        if (key.size)
            memcpy(item->key, key.data, key.size);
    }
}

/* Into the line; MQ_LIMIT if the session has too many waiting. */
static enum mq_status enter(const struct model *m, struct model_call *call, struct model_queue *q,
                            int64_t timeout_ms)
{
    if (timeout_ms != 0 && model_count_calls(m, call->session, true) > m->options.waiting_max)
        return MQ_LIMIT;
    call->queue = q;
    call->due_ms = timeout_ms > 0 ? m->now_ms + (uint64_t)timeout_ms : NEVER;
    return MQ_OK;
}

static enum mq_status put_refusal(const struct model *m, const struct model_queue *q)
{
    return room(m, q) == 0 ? MQ_FULL : MQ_TEMPORARY;
}

static void start_put(struct model *m, struct model_call *call, struct model_queue *q,
                      const struct request *req)
{
    bool at_once = false;
    enum mq_status status = check_put(m, call, q, req, &at_once);
    if (status == MQ_OK)
        status = enter(m, call, q, req->timeout_ms);
    if (status != MQ_OK) {
        model_answer(m, call, status);
        return;
    }
    if (!at_once && req->put_count > 1)
        call->reply_size = req->put_count * sizeof(struct range);
    copy_puts(call, q, req);
    serve(m, q);
    if (call->waits && req->timeout_ms == 0)
        model_answer(m, call, put_refusal(m, q));
}

static void start_get(struct model *m, struct model_call *call, struct model_queue *q,
                      const struct request *req)
{
    enum mq_status status = MQ_OK;
    call->max = req->max;
    call->auto_done = req->auto_done;
    if (q->is_shut_down && !first_item(m, q))
        status = MQ_SHUT_DOWN;
    else if (req->timeout_ms == 0 && !first_item(m, q))
        status = MQ_EMPTY;
    else if (req->timeout_ms == 0 && !model_has_credit(m, call->session))
        status = MQ_LIMIT;
    if (status == MQ_OK)
        status = enter(m, call, q, req->timeout_ms);
    if (status != MQ_OK)
        model_answer(m, call, status);
    else
        serve(m, q);
}

static void start_join(struct model *m, struct model_call *call, struct model_queue *q,
                       const struct request *req)
{
    enum mq_status status = MQ_OK;
    if (model_unfinished(m, q) > 0) {
        status = req->timeout_ms == 0 ? MQ_TIMED_OUT : enter(m, call, q, req->timeout_ms);
        if (status == MQ_OK)
            return;
    }
    model_answer(m, call, status);
}

void model_expire(struct model *m, struct model_call *call)
{
    enum mq_status status = MQ_TIMED_OUT;
    if (call->verb == MQ_VERB_GET)
        status = MQ_EMPTY;
    else if (call->verb == MQ_VERB_PUT)
        status = put_refusal(m, call->queue);
    model_answer(m, call, status);
}

static size_t find_lost(const struct model_session *s, uint64_t id)
{
    size_t i = 0;
    while (i < s->lost_count && s->lost[i] != id)
        i++;
    return i;
}

/* Did this session lose the item? Telling it once is enough, but for extend. */
static bool take_lost(struct model_session *s, uint64_t id, bool keep)
{
    size_t i = find_lost(s, id);
    if (i == s->lost_count)
        return false;
    if (!keep)
        memmove(&s->lost[i], &s->lost[i + 1], (--s->lost_count - i) * sizeof *s->lost);
    return true;
}

/* The item, if the session holds it. One that it lost, and has again by a get whose answer it has not
 * confirmed, it does not know to hold: its task_done means the lease that was lost. */
static struct model_item *held_item(const struct model *m, const struct model_session *s, uint64_t id,
                                    enum mq_verb verb)
{
    size_t at = model_find_item(m, id);
    struct model_item *item = at < m->item_count && m->items[at]->holder == s ? m->items[at] : NULL;
    bool knows_all = !item || !item->call || verb == MQ_VERB_EXTEND;
    return knows_all || find_lost(s, id) == s->lost_count ? item : NULL;
}

/* Is it plain at first sight that none will be refused? */
static bool all_held(const struct model *m, const struct model_session *s, const struct request *req)
{
    for (size_t i = 0; i < req->id_count; i++)
        if (!held_item(m, s, req->ids[i], req->verb) || (i > 0 && req->ids[i] <= req->ids[i - 1]))
            return false;
    return true;
}

static void start_ids(struct model *m, struct model_call *call, const struct request *req)
{
    call->refusals = sim_alloc(req->id_count * sizeof *call->refusals);
    if (!all_held(m, call->session, req))
        call->reply_size = req->id_count * sizeof *call->refusals;
    for (size_t i = 0; i < req->id_count; i++) {
        struct model_item *item = held_item(m, call->session, req->ids[i], req->verb);
        if (!item) {
            bool lost = take_lost(call->session, req->ids[i], req->verb == MQ_VERB_EXTEND);
            call->refusals[call->refusal_count++] =
                (struct refusal){req->ids[i], lost ? MQ_LEASE_LOST : MQ_TOO_MANY_DONE};
        } else if (req->verb == MQ_VERB_TASK_DONE) {
            model_done(m, item);
        } else if (req->verb == MQ_VERB_RELEASE) {
            model_return(m, item, req->untouched, false);
        } else {
            item->due_ms = req->lease_ms > 0 ? m->now_ms + (uint64_t)req->lease_ms : NEVER;
        }
    }
    model_answer(m, call, call->refusal_count ? call->refusals[0].status : MQ_OK);
}

/* ---- queues ---- */

static int64_t normal(int64_t maxsize)
{
    return maxsize > 0 ? maxsize : 0;
}

static void apply_settings(struct settings *settings, const struct settings *wanted)
{
    if (wanted->given & MQ_SETTING_KIND)
        settings->kind = wanted->kind;
    if (wanted->given & MQ_SETTING_MAXSIZE)
        settings->maxsize = normal(wanted->maxsize);
    if (wanted->given & MQ_SETTING_LEASE)
        settings->lease_ms = wanted->lease_ms;
}

static bool differ(const struct settings *created, const struct settings *wanted)
{
    return ((wanted->given & MQ_SETTING_KIND) && wanted->kind != created->kind) ||
           ((wanted->given & MQ_SETTING_MAXSIZE) && normal(wanted->maxsize) != created->maxsize) ||
           ((wanted->given & MQ_SETTING_LEASE) && wanted->lease_ms != created->lease_ms);
}

static enum mq_status open_queue(struct model *m, struct model_queue *q, const struct request *req)
{
    if ((req->settings.given & MQ_SETTING_LEASE) && req->settings.lease_ms < 0)
        return MQ_INVALID;
    if (q)
        return differ(&q->created, &req->settings) ? MQ_EXISTS : MQ_OK;
    if (!req->create && !m->options.auto_create)
        return MQ_NO_QUEUE;
    if (m->queue_count >= m->options.queues_max)
        return MQ_LIMIT;
    SIM_REQUIRE(m->queue_count < MODEL_QUEUES, "too many queues for the model");
    q = sim_alloc(sizeof *q);
    memcpy(q->name, req->queue.data, req->queue.size);
    q->created.given = MQ_SETTINGS_ALL;
    apply_settings(&q->created, &req->settings);
    q->settings = q->created;
    q->made_ms = m->now_ms;
    m->queues[m->queue_count++] = q;
    return MQ_OK;
}

static enum mq_status set_queue(struct model *m, struct model_queue *q, const struct request *req)
{
    if ((req->settings.given & MQ_SETTING_KIND) ||
        ((req->settings.given & MQ_SETTING_LEASE) && req->settings.lease_ms < 0))
        return MQ_INVALID;
    apply_settings(&q->settings, &req->settings);
    model_mark(m, q);
    return MQ_OK;
}

static enum mq_status shut_down(struct model *m, struct model_queue *q, const struct request *req)
{
    q->is_shut_down = true;
    q->is_immediate |= req->immediate;
    answer_line(m, q, MQ_VERB_PUT, MQ_SHUT_DOWN);
    if (q->is_immediate)
        discard_ready(m, q);
    model_mark(m, q);
    return MQ_OK;
}

static enum mq_status remove_queue(struct model *m, struct model_call *call, struct model_queue *q,
                                   bool force)
{
    if (model_unfinished(m, q) > 0 && !force)
        return MQ_BUSY;
    call->count = model_unfinished(m, q);
    answer_line(m, q, MQ_VERB_PUT, MQ_NO_QUEUE);
    answer_line(m, q, MQ_VERB_GET, MQ_NO_QUEUE);
    answer_line(m, q, MQ_VERB_JOIN, MQ_NO_QUEUE);
    for (size_t i = m->item_count; i-- > 0;) {
        if (m->items[i]->queue != q)
            continue;
        if (m->items[i]->holder)
            remember_lost(m->items[i]->holder, m->items[i]->id);
        discard(m, m->items[i]);
    }
    unmark(m, q);
    size_t at = 0;
    while (m->queues[at] != q)
        at++;
    memmove(&m->queues[at], &m->queues[at + 1], (--m->queue_count - at) * sizeof *m->queues);
    free(q);
    return MQ_OK;
}

static void start_about_queue(struct model *m, struct model_call *call, struct model_queue *q,
                              const struct request *req)
{
    switch (req->verb) {
    case MQ_VERB_PUT:
        start_put(m, call, q, req);
        break;
    case MQ_VERB_GET:
        start_get(m, call, q, req);
        break;
    case MQ_VERB_JOIN:
        start_join(m, call, q, req);
        break;
    case MQ_VERB_SET:
        model_answer(m, call, set_queue(m, q, req));
        break;
    case MQ_VERB_SHUT_DOWN:
        model_answer(m, call, shut_down(m, q, req));
        break;
    case MQ_VERB_PURGE:
        call->count = discard_ready(m, q);
        model_answer(m, call, MQ_OK);
        break;
    case MQ_VERB_REMOVE:
        model_answer(m, call, remove_queue(m, call, q, req->force));
        break;
    default:
        SIM_FAIL("the model does not know verb %d", req->verb);
    }
}

static bool is_invalid(const struct model *m, const struct request *req)
{
    if (req->verb == MQ_VERB_PUT)
        return req->put_count == 0 || req->put_count > m->options.items_max;
    if (req->verb == MQ_VERB_GET)
        return req->max == 0 || req->max > m->options.items_max;
    if (req->verb == MQ_VERB_TASK_DONE || req->verb == MQ_VERB_RELEASE || req->verb == MQ_VERB_EXTEND)
        return req->id_count == 0 || req->id_count > m->options.items_max || req->lease_ms < 0;
    return req->queue.size && memchr(req->queue.data, ' ', req->queue.size);
}

void model_start(struct model *m, struct model_call *call, const struct request *req)
{
    struct model_queue *q = model_queue(m, req->queue);
    bool is_look = req->verb == MQ_VERB_PEEK || req->verb == MQ_VERB_STAT || req->verb == MQ_VERB_LIST ||
                   req->verb == MQ_VERB_SESSIONS;
    if (req->verb == MQ_VERB_CANCEL)
        model_answer(m, call, MQ_INTERRUPTED);
    else if (is_invalid(m, req))
        model_answer(m, call, MQ_INVALID);
    else if (req->verb == MQ_VERB_TASK_DONE || req->verb == MQ_VERB_RELEASE || req->verb == MQ_VERB_EXTEND)
        start_ids(m, call, req);
    else if (req->verb == MQ_VERB_PING)
        model_answer(m, call, MQ_OK);
    else if (is_look && req->verb != MQ_VERB_STAT && !model_has_credit(m, call->session))
        model_answer(m, call, MQ_LIMIT);
    else if (is_look)
        model_look(m, call, req);
    else if (req->verb == MQ_VERB_OPEN)
        model_answer(m, call, open_queue(m, q, req));
    else if (!q)
        model_answer(m, call, MQ_NO_QUEUE);
    else
        start_about_queue(m, call, q, req);
}
