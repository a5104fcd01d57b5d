/* model_look.c - what peek, stat, list and sessions tell: noted when they are asked, compared when they
 * answer. */
#include "model_parts.h"
#include "sim.h"

#include <inttypes.h>
#include <string.h>

static void describe(const struct model *m, const struct model_queue *q, struct queue_stat *stat)
{
    *stat = (struct queue_stat){.settings = q->settings,
                                .ready = model_ready(m, q),
                                .unfinished = model_unfinished(m, q),
                                .puts = q->puts,
                                .gets = q->gets,
                                .done = q->done,
                                .redelivered = q->redelivered,
                                .returned = q->returned,
                                .discarded = q->discarded,
                                .age_ms = m->now_ms - q->made_ms,
                                .is_shut_down = q->is_shut_down,
                                .is_immediate = q->is_immediate};
    stat->leased = stat->unfinished - stat->ready;
    for (size_t i = 0; i < m->item_count; i++)
        stat->bytes += m->items[i]->queue == q ? m->items[i]->size : 0;
    for (size_t i = 0; i < m->call_count; i++) {
        stat->getters += model_waits_in(m->calls[i], q, MQ_VERB_GET);
        stat->putters += model_waits_in(m->calls[i], q, MQ_VERB_PUT);
        stat->joiners += model_waits_in(m->calls[i], q, MQ_VERB_JOIN);
    }
}

static void add_queue(const struct model *m, struct model_look *look, const struct model_queue *q)
{
    look->queues[look->queue_count] = *q;
    describe(m, q, &look->stats[look->queue_count++]);
}

static enum mq_status look_at_queue(const struct model *m, struct model_look *look,
                                    const struct model_queue *q)
{
    if (!q)
        return MQ_NO_QUEUE;
    add_queue(m, look, q);
    return MQ_OK;
}

static void look_at_broker(const struct model *m, struct model_look *look)
{
    struct broker_stat *stat = &look->broker;
    look->is_of_broker = true;
    *stat = (struct broker_stat){.queues = m->queue_count,
                                 .sessions = m->session_count,
                                 .waiting = model_waiting(m, MQ_VERB_PUT) + model_waiting(m, MQ_VERB_GET) +
                                            model_waiting(m, MQ_VERB_JOIN),
                                 .puts = m->puts,
                                 .gets = m->gets,
                                 .done = m->done,
                                 .redelivered = m->redelivered,
                                 .returned = m->returned,
                                 .discarded = m->discarded,
                                 .repeats = m->repeats,
                                 .sessions_lost = m->sessions_lost,
                                 .forgotten = m->forgotten};
    for (size_t i = 0; i < m->session_count; i++)
        stat->connected += m->sessions[i]->peer != NULL;
    for (size_t i = 0; i < m->item_count; i++)
        stat->leased += m->items[i]->holder != NULL;
    stat->ready = m->item_count - stat->leased;
}

static void look_at_list(const struct model *m, struct model_look *look, struct bytes after, uint32_t max)
{
    char name[32] = "";
    if (after.size)
        memcpy(name, after.data, after.size);
    while (look->queue_count < max) {
        const struct model_queue *next = NULL;
        for (size_t i = 0; i < m->queue_count; i++)
            if (strcmp(m->queues[i]->name, name) > 0 && (!next || strcmp(m->queues[i]->name, next->name) < 0))
                next = m->queues[i];
        if (!next)
            return;
        add_queue(m, look, next);
        memcpy(name, next->name, sizeof name);
    }
}

/* What does not fit is left out, but for the first. */
static void cut_items(struct model_look *look, size_t room)
{
    size_t size = 0;
    for (size_t i = 0; i < look->item_count; i++) {
        size += look->items[i].size + look->items[i].key_size + MODEL_ITEM_MARGIN;
        if (i > 0 && size > room)
            look->item_count = i;
    }
}

static enum mq_status look_at_items(const struct model *m, struct model_look *look,
                                    const struct model_queue *q, const struct request *req)
{
    if (!q)
        return MQ_NO_QUEUE;
    SIM_REQUIRE(req->max <= MODEL_ROWS, "too many rows for the model");
    while (look->item_count < req->max) {
        const struct model_item *next = NULL, *last = NULL;
        if (look->item_count)
            last = &look->items[look->item_count - 1];
        for (size_t i = 0; i < m->item_count; i++) {
            const struct model_item *item = m->items[i];
            if (item->queue != q || item->holder || (last && item->id == last->id))
                continue;
            if (last && model_is_before(item, last) != req->last)
                continue;
            if (!next || model_is_before(item, next) != req->last)
                next = item;
        }
        if (!next)
            break;
        look->items[look->item_count++] = *next;
    }
    for (size_t i = 0; req->last && i < look->item_count / 2; i++) { /* the last ones, but in their order */
        struct model_item item = look->items[i];
        look->items[i] = look->items[look->item_count - 1 - i];
        look->items[look->item_count - 1 - i] = item;
    }
    cut_items(look, model_frame_room(m));
    return MQ_OK;
}

static enum mq_status look_by_id(const struct model *m, struct model_look *look, const struct model_queue *q,
                                 const struct request *req)
{
    if (!q)
        return MQ_NO_QUEUE;
    SIM_REQUIRE(req->max <= MODEL_ROWS, "too many rows for the model");
    for (uint64_t after = req->after_number; look->item_count < req->max;) {
        const struct model_item *next = NULL;
        for (size_t i = 0; i < m->item_count; i++) {
            const struct model_item *item = m->items[i];
            if (item->queue == q && item->id > after && (!item->holder || req->leased) &&
                (!next || item->id < next->id))
                next = item;
        }
        if (!next)
            break;
        look->items[look->item_count++] = *next;
        after = next->id;
    }
    cut_items(look, model_frame_room(m));
    look->newest = m->next_item - 1;
    return MQ_OK;
}

static void count_wait(struct session_wait *waits, size_t *count, enum mq_verb verb,
                       const struct model_queue *q)
{
    size_t i = 0;
    while (i < *count && (waits[i].verb != verb || waits[i].queue.data != q->name))
        i++;
    if (i == MQ_WAITS_MAX)
        return;
    if (i == *count)
        waits[(*count)++] = (struct session_wait){verb, mq_bytes(q->name), 0};
    waits[i].count++;
}

static void describe_waits(const struct model *m, const struct model_session *s, struct session_row *row)
{
    row->name = mq_bytes("user");
    for (size_t i = 0; i < m->call_count; i++) {
        const struct model_call *call = m->calls[i];
        if (call->session != s || !call->waits || !call->queue)
            continue;
        row->waiting++;
        count_wait(row->waits, &row->wait_count, call->verb, call->queue);
    }
    for (size_t i = 0; i < m->item_count; i++) {
        if (m->items[i]->holder != s)
            continue;
        row->leased++;
        count_wait(row->holds, &row->hold_count, MQ_VERB_TASK_DONE, m->items[i]->queue);
    }
}

static void look_at_sessions(const struct model *m, struct model_look *look, const struct request *req)
{
    for (size_t i = 0; i < m->session_count && look->session_count < req->max; i++) {
        const struct model_session *s = m->sessions[i]; /* in the order of their numbers */
        if (s->number <= req->after_number)
            continue;
        struct session_row *row = &look->sessions[look->session_count++];
        *row = (struct session_row){.number = s->number,
                                    .connected = s->peer != NULL,
                                    .age_ms = m->now_ms - s->since_ms,
                                    .idle_ms = m->now_ms - s->heard_ms};
        describe_waits(m, s, row);
    }
}

static size_t names_size(const struct session_wait *waits, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += waits[i].queue.size;
    return size;
}

/* What the engine keeps for it: rows and texts. */
static size_t look_size(const struct model_look *look)
{
    size_t size = look->is_of_broker ? sizeof(struct broker_stat) : 0;
    for (size_t i = 0; i < look->queue_count; i++)
        size += sizeof(struct queue_stat) + strlen(look->queues[i].name);
    for (size_t i = 0; i < look->item_count; i++)
        size += sizeof(struct item_view) + look->items[i].size + look->items[i].key_size;
    for (size_t i = 0; i < look->session_count; i++) {
        const struct session_row *row = &look->sessions[i];
        size += sizeof *row + row->name.size + names_size(row->waits, row->wait_count) +
                names_size(row->holds, row->hold_count);
    }
    return size;
}

void model_look(struct model *m, struct model_call *call, const struct request *req)
{
    const struct model_queue *q = model_queue(m, req->queue);
    struct model_look *look = call->look = sim_alloc(sizeof *look);
    enum mq_status status = MQ_OK;
    if (req->verb == MQ_VERB_PEEK)
        status = req->by_id ? look_by_id(m, look, q, req) : look_at_items(m, look, q, req);
    else if (req->verb == MQ_VERB_SESSIONS)
        look_at_sessions(m, look, req);
    else if (req->verb == MQ_VERB_LIST)
        look_at_list(m, look, req->queue, req->max);
    else if (req->queue.size)
        status = look_at_queue(m, look, q);
    else
        look_at_broker(m, look);
    call->reply_size = look_size(look);
    model_answer(m, call, status);
}

#define SAME(seen, expected, field)                                                                          \
    SIM_REQUIRE((seen)->field == (expected)->field, #field " is %lld, not %lld", (long long)(seen)->field,   \
                (long long)(expected)->field)

static void compare_queue(const struct queue_stat *seen, const struct queue_stat *expected, const char *name)
{
    SIM_REQUIRE(seen->name.size == strlen(name) && memcmp(seen->name.data, name, seen->name.size) == 0,
                "a row of queue %.*s, not %s", (int)seen->name.size, (const char *)seen->name.data, name);
    SAME(seen, expected, settings.kind);
    SAME(seen, expected, settings.maxsize);
    SAME(seen, expected, settings.lease_ms);
    SAME(seen, expected, settings.is_transient);
    SAME(seen, expected, ready);
    SAME(seen, expected, leased);
    SAME(seen, expected, unfinished);
    SAME(seen, expected, bytes);
    SAME(seen, expected, getters);
    SAME(seen, expected, putters);
    SAME(seen, expected, joiners);
    SAME(seen, expected, puts);
    SAME(seen, expected, gets);
    SAME(seen, expected, done);
    SAME(seen, expected, returned);
    SAME(seen, expected, discarded);
    SAME(seen, expected, redelivered);
    SAME(seen, expected, age_ms);
    SAME(seen, expected, is_shut_down);
    SAME(seen, expected, is_immediate);
}

static void compare_broker(const struct broker_stat *seen, const struct broker_stat *expected)
{
    SIM_REQUIRE(seen, "a stat of the broker without one");
    SAME(seen, expected, queues);
    SAME(seen, expected, sessions);
    SAME(seen, expected, connected);
    SAME(seen, expected, ready);
    SAME(seen, expected, leased);
    SAME(seen, expected, waiting);
    SAME(seen, expected, puts);
    SAME(seen, expected, gets);
    SAME(seen, expected, done);
    SAME(seen, expected, redelivered);
    SAME(seen, expected, returned);
    SAME(seen, expected, discarded);
    SAME(seen, expected, repeats);
    SAME(seen, expected, sessions_lost);
    SAME(seen, expected, forgotten);
}

static void compare_session(const struct session_row *seen, const struct session_row *expected)
{
    SAME(seen, expected, number);
    SAME(seen, expected, connected);
    SAME(seen, expected, age_ms);
    SAME(seen, expected, idle_ms);
    SAME(seen, expected, waiting);
    SAME(seen, expected, leased);
    SAME(seen, expected, wait_count);
    SAME(seen, expected, hold_count);
}

void model_compare_look(const struct model_call *call, const struct answer *answer)
{
    const struct model_look *look = call->look;
    if (look->is_of_broker)
        compare_broker(answer->broker, &look->broker);
    SIM_REQUIRE(answer->queue_count == look->queue_count, "%zu queues, not %zu", answer->queue_count,
                look->queue_count);
    for (size_t i = 0; i < look->queue_count; i++)
        compare_queue(&answer->queues[i], &look->stats[i], look->queues[i].name);
    SIM_REQUIRE(answer->session_count == look->session_count, "%zu sessions, not %zu", answer->session_count,
                look->session_count);
    for (size_t i = 0; i < look->session_count; i++)
        compare_session(&answer->sessions[i], &look->sessions[i]);
    if (call->verb != MQ_VERB_PEEK)
        return;
    SAME(answer, look, newest);
    SIM_REQUIRE(answer->item_count == look->item_count, "a peek shows %zu items, not %zu", answer->item_count,
                look->item_count);
    for (size_t i = 0; i < look->item_count; i++) {
        const struct item_view *seen = &answer->items[i];
        SIM_REQUIRE(seen->id == look->items[i].id, "a peek shows item %" PRIu64 ", not %" PRIu64, seen->id,
                    look->items[i].id);
        SAME(seen, &look->items[i], deliveries);
        SIM_REQUIRE(seen->is_leased == (look->items[i].holder != NULL), "an item is%s leased",
                    seen->is_leased ? " not" : "");
        SIM_REQUIRE(seen->body.size == look->items[i].size, "a peek shows another body");
    }
}
