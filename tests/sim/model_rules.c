/* model_rules.c - what requests do to queues and items. */
#include "item.h"
#include "key.h"
#include "model_parts.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

static struct bytes effective_key(const struct model_queue *q, const struct put_item *put)
{
    return put->key.size || q->settings.kind != MQ_KIND_PRIORITY ? put->key : key_zero();
}

static enum mq_status check_put(const struct model *m, const struct model_call *call,
                                const struct model_queue *q, const struct request *req, bool *ret_at_once)
{
    bool line_is_empty = !model_first_in_line(m, q, MQ_VERB_PUT);
    size_t size = 0, cost = 0, waiting = model_unstored_size(m, call->session), first_cost = 0;
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
    if (m->refuses_puts && model_is_noted(m, q))
        return MQ_TEMPORARY;
    if (req->timeout_ms == 0 && (!line_is_empty || model_room(m, q) == 0))
        return MQ_FULL;
    if (req->timeout_ms == 0 && !model_memory_fits(m, q, first_cost))
        return MQ_TEMPORARY;
    *ret_at_once = line_is_empty && model_room(m, q) >= req->put_count && model_memory_fits(m, q, cost) &&
                   (req->put_count == 1 || cost <= m->options.memory_limit);
    if (*ret_at_once)
        return MQ_OK;
    if (waiting > 0 && waiting + size > m->options.in_flight_max)
        return MQ_LIMIT;
    uint64_t most = m->options.memory_limit + m->options.memory_limit / 2, stored = model_stored_cost(m);
    return stored > 0 && model_memory(m) + cost > most ? MQ_TEMPORARY : MQ_OK;
}

static uint64_t *longer(uint64_t *list, uint64_t count, size_t more)
{
    uint64_t *grown = sim_alloc((count + more) * sizeof *grown);
    if (count)
        memcpy(grown, list, count * sizeof *grown);
    free(list);
    return grown;
}

/* Some may have been stored before a restart. */
static void copy_puts(struct model_call *call, const struct model_queue *q, const struct request *req)
{
    free(call->unstored);
    call->unstored = sim_alloc(req->put_count * sizeof *call->unstored);
    call->ids = longer(call->ids, call->count, req->put_count);
    call->untold = longer(call->untold, call->count, req->put_count);
    call->unstored_first = 0;
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

/* Into the line. */
static void enter(const struct model *m, struct model_call *call, struct model_queue *q, int64_t timeout_ms)
{
    call->queue = q;
    call->due_ms = timeout_ms > 0 ? m->now_ms + (uint64_t)timeout_ms : NEVER;
}

/* What was not answered at once waits, unless its session has too many waiting. */
static void stay(struct model *m, struct model_call *call)
{
    if (call->waits && model_count_calls(m, call->session, true) > m->options.waiting_max)
        model_answer(m, call, MQ_LIMIT);
}

static enum mq_status put_refusal(const struct model *m, const struct model_queue *q)
{
    return model_room(m, q) == 0 ? MQ_FULL : MQ_TEMPORARY;
}

static void reserve_ranges(struct model_call *call, size_t count)
{
    if (call->ranges + count <= call->range_capacity)
        return;
    call->range_capacity = call->ranges + count;
    call->reply_size = call->range_capacity * sizeof(struct range);
}

static void start_put(struct model *m, struct model_call *call, struct model_queue *q,
                      const struct request *req)
{
    bool at_once = false;
    call->partial = req->partial;
    call->total = call->total ? call->total : req->put_count;
    enum mq_status status = check_put(m, call, q, req, &at_once);
    call->at_once = at_once;
    if (status == MQ_OK)
        reserve_ranges(call, at_once ? 1 : req->put_count);
    if (status != MQ_OK) {
        model_answer(m, call, status);
        return;
    }
    enter(m, call, q, req->timeout_ms);
    copy_puts(call, q, req);
    model_serve(m, q);
    if (call->waits && req->timeout_ms == 0)
        model_answer(m, call, put_refusal(m, q));
    stay(m, call);
}

static void start_get(struct model *m, struct model_call *call, struct model_queue *q,
                      const struct request *req)
{
    enum mq_status status = MQ_OK;
    call->max = req->max;
    call->auto_done = req->auto_done;
    if (q->is_shut_down && !model_first(m, q))
        status = MQ_SHUT_DOWN;
    else if (req->timeout_ms == 0 && !model_first(m, q))
        status = MQ_EMPTY;
    else if (req->timeout_ms == 0 && !model_has_credit(m, call->session))
        status = MQ_LIMIT;
    if (status != MQ_OK) {
        model_answer(m, call, status);
        return;
    }
    enter(m, call, q, req->timeout_ms);
    model_serve(m, q);
    stay(m, call);
}

static void start_join(struct model *m, struct model_call *call, struct model_queue *q,
                       const struct request *req)
{
    if (model_unfinished(m, q) == 0)
        model_need_all(m);
    if (model_unfinished(m, q) == 0 || req->timeout_ms == 0) {
        model_answer(m, call, model_unfinished(m, q) == 0 ? MQ_OK : MQ_TIMED_OUT);
        return;
    }
    enter(m, call, q, req->timeout_ms);
    stay(m, call);
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
        if (item && model_is_noted(m, item->queue))
            model_note(m, call);
        if (!item) {
            bool lost = take_lost(call->session, req->ids[i], req->verb == MQ_VERB_EXTEND) ||
                        (call->session->is_replayed && req->ids[i] < m->begun_item);
            call->refusals[call->refusal_count++] =
                (struct refusal){req->ids[i], lost ? MQ_LEASE_LOST : MQ_TOO_MANY_DONE};
        } else if (req->verb == MQ_VERB_TASK_DONE) {
            model_done(m, item);
        } else if (req->verb == MQ_VERB_RELEASE) {
            model_return(m, item, req->untouched, false);
        } else {
            item->lease_ms = req->lease_ms;
            item->due_ms = req->lease_ms > 0 ? m->now_ms + (uint64_t)req->lease_ms : NEVER;
        }
    }
    if (call->refusal_count)
        model_note(m, call);
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
    if (wanted->given & MQ_SETTING_TRANSIENT)
        settings->is_transient = wanted->is_transient;
}

static bool differ(const struct settings *created, const struct settings *wanted)
{
    return ((wanted->given & MQ_SETTING_KIND) && wanted->kind != created->kind) ||
           ((wanted->given & MQ_SETTING_MAXSIZE) && normal(wanted->maxsize) != created->maxsize) ||
           ((wanted->given & MQ_SETTING_LEASE) && wanted->lease_ms != created->lease_ms) ||
           ((wanted->given & MQ_SETTING_TRANSIENT) && wanted->is_transient != created->is_transient);
}

static enum mq_status open_queue(struct model *m, struct model_call *call, struct model_queue *q,
                                 const struct request *req)
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
    q->number = ++m->next_queue;
    m->queues[m->queue_count++] = q;
    model_note(m, call);
    return MQ_OK;
}

static enum mq_status set_queue(struct model *m, struct model_call *call, struct model_queue *q,
                                const struct request *req)
{
    if ((req->settings.given & (MQ_SETTING_KIND | MQ_SETTING_TRANSIENT)) ||
        ((req->settings.given & MQ_SETTING_LEASE) && req->settings.lease_ms < 0))
        return MQ_INVALID;
    apply_settings(&q->settings, &req->settings);
    model_note(m, call);
    model_mark(m, q);
    return MQ_OK;
}

static enum mq_status shut_down(struct model *m, struct model_call *call, struct model_queue *q,
                                const struct request *req)
{
    model_note(m, call);
    q->is_shut_down = true;
    q->is_immediate |= req->immediate;
    model_answer_line(m, q, MQ_VERB_PUT, MQ_SHUT_DOWN);
    if (q->is_immediate)
        model_discard_ready(m, q);
    model_mark(m, q);
    return MQ_OK;
}

static enum mq_status remove_queue(struct model *m, struct model_call *call, struct model_queue *q,
                                   bool force)
{
    if (model_unfinished(m, q) > 0 && !force)
        return MQ_BUSY;
    call->count = model_unfinished(m, q);
    model_note(m, call);
    model_answer_line(m, q, MQ_VERB_PUT, MQ_NO_QUEUE);
    model_answer_line(m, q, MQ_VERB_GET, MQ_NO_QUEUE);
    model_answer_line(m, q, MQ_VERB_JOIN, MQ_NO_QUEUE);
    for (size_t i = m->item_count; i-- > 0;) {
        if (m->items[i]->queue != q)
            continue;
        if (m->items[i]->call) /* it must not be taken for received before that is safe */
            m->items[i]->call->needs = m->needed;
        if (m->items[i]->holder)
            model_remember_lost(m->items[i]->holder, m->items[i]->id);
        model_discard(m, m->items[i]);
    }
    model_unmark(m, q);
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
        model_answer(m, call, set_queue(m, call, q, req));
        break;
    case MQ_VERB_SHUT_DOWN:
        model_answer(m, call, shut_down(m, call, q, req));
        break;
    case MQ_VERB_PURGE:
        model_note(m, call);
        call->count = model_discard_ready(m, q);
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
    if (req->verb == MQ_VERB_PEEK && req->by_id && req->last)
        return true;
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
    else if (m->has_failed && !is_look && req->verb != MQ_VERB_PING)
        model_answer(m, call, MQ_TEMPORARY);
    else if (req->verb == MQ_VERB_TASK_DONE || req->verb == MQ_VERB_RELEASE || req->verb == MQ_VERB_EXTEND)
        start_ids(m, call, req);
    else if (req->verb == MQ_VERB_PING)
        model_answer(m, call, MQ_OK);
    else if (is_look && req->verb != MQ_VERB_STAT && !model_has_credit(m, call->session))
        model_answer(m, call, MQ_LIMIT);
    else if (is_look)
        model_look(m, call, req);
    else if (req->verb == MQ_VERB_OPEN)
        model_answer(m, call, open_queue(m, call, q, req));
    else if (!q)
        model_answer(m, call, MQ_NO_QUEUE);
    else
        start_about_queue(m, call, q, req);
}
