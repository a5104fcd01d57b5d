/* engine_put.c - put: items wait in their call until there is room, then they are stored in order, one by
 * one.
 *
 * A put that need not wait goes the same way; it just does not stay. Room is room below maxsize and below the
 * memory limit. Queues whose putters wait for memory take turns, and while any does, no other put gets
 * memory. */
#include "engine_state.h"

#include <stdlib.h>

#include "key.h"

static void starve(struct engine *e, struct queue *q)
{
    if (list_has(&q->starved))
        return;
    list_append(&e->starved, &q->starved);
    e->starved_size += q->unstored_size;
    e->memory_freed = true; /* what waits here counts no more: the first in line may fit now */
}

void put_unstarve(struct engine *e, struct queue *q)
{
    list_remove(&q->starved);
    e->starved_size -= q->unstored_size;
}

/* Back to the front of the line. */
void put_starve_first(struct engine *e, struct queue *q)
{
    list_remove(&q->starved);
    list_prepend(&e->starved, &q->starved);
}

/* May so much more be stored in q? It may if nothing else takes memory, whatever its size. */
bool put_memory_fits(const struct engine *e, const struct queue *q, size_t cost)
{
    if (!list_is_empty(&e->starved) && !e->feeding)
        return false;
    uint64_t own = list_has(&q->starved) ? 0 : q->unstored_size;
    uint64_t used = e->stored_size + e->unstored_size - e->starved_size - own;
    return used == 0 || used + cost <= e->options.memory_limit;
}

/* Why a put that may not wait any longer is refused: where there is room, memory is what it waits for. */
enum mq_status put_refusal(const struct queue *q, const char **ret_text)
{
    if (queue_room(q) == 0)
        return MQ_FULL;
    *ret_text = "memory limit";
    return MQ_TEMPORARY;
}

/* An item without a key has key 0 in a priority queue. */
static struct bytes effective_key(const struct queue *q, const struct put_item *put)
{
    return put->key.size || q->settings.kind != MQ_KIND_PRIORITY ? put->key : key_zero();
}

static enum mq_status check_items(const struct engine *e, const struct queue *q, const struct request *req,
                                  const char **ret_text)
{
    for (size_t i = 0; i < req->put_count; i++) {
        const struct put_item *put = &req->puts[i];
        if (put->body.size > e->options.body_max) {
            *ret_text = "body";
            return MQ_TOO_BIG;
        }
        if (put->key.size && q->settings.kind != MQ_KIND_PRIORITY) {
            *ret_text = "only priority queues take a key";
            return MQ_INVALID;
        }
        if (put->key.size && !key_is_valid(put->key)) {
            *ret_text = "key";
            return MQ_INVALID;
        }
    }
    return MQ_OK;
}

static size_t items_cost(const struct queue *q, const struct request *req, size_t *ret_size)
{
    size_t cost = 0;
    *ret_size = 0;
    for (size_t i = 0; i < req->put_count; i++) {
        cost += item_cost(req->puts[i].body.size, effective_key(q, &req->puts[i]).size);
        *ret_size += req->puts[i].body.size;
    }
    return cost;
}

/* Would all of them be stored at once? (A first item fits an empty memory whatever its size, more do not.) */
static bool fits_at_once(const struct engine *e, const struct queue *q, size_t count, size_t cost)
{
    return list_is_empty(&q->putters) && queue_room(q) >= count && put_memory_fits(e, q, cost) &&
           (count == 1 || cost <= e->options.memory_limit);
}

/* A put that must not wait is refused before anything is copied, if nothing at all can be stored. */
static enum mq_status check_room(const struct engine *e, const struct queue *q, const struct request *req,
                                 const char **ret_text)
{
    if (req->timeout_ms != 0)
        return MQ_OK;
    if (!list_is_empty(&q->putters) || queue_room(q) == 0)
        return MQ_FULL;
    if (put_memory_fits(e, q, item_cost(req->puts[0].body.size, effective_key(q, &req->puts[0]).size)))
        return MQ_OK;
    *ret_text = "memory limit";
    return MQ_TEMPORARY;
}

/* What waits takes memory too: a session's share is bounded, and so is everybody's. */
static enum mq_status check_waiting(const struct engine *e, const struct call *call, size_t size, size_t cost,
                                    const char **ret_text)
{
    const struct session *s = call->session;
    if (s->unstored_size > 0 && s->unstored_size + size > e->options.in_flight_max) {
        *ret_text = "bytes in flight";
        return MQ_LIMIT;
    }
    uint64_t limit = e->options.memory_limit;
    uint64_t most = limit + (limit / 2 < UINT64_MAX - limit ? limit / 2 : UINT64_MAX - limit);
    if (e->stored_size > 0 && e->stored_size + e->unstored_size + cost > most) {
        *ret_text = "memory limit";
        return MQ_TEMPORARY;
    }
    return MQ_OK;
}

static bool copy_items(struct engine *e, struct call *call, struct queue *q, const struct request *req)
{
    for (size_t i = 0; i < req->put_count; i++) {
        struct item *item = item_new(&req->puts[i], effective_key(q, &req->puts[i]));
        if (!item)
            return false;
        list_append(&call->unstored, &item->node);
        call->unstored_size += item->body_size;
        call->session->unstored_size += item->body_size;
        e->unstored_size += item_cost_of(item);
    }
    return true;
}

/* Everything a put will need until it is answered. */
static enum mq_status reserve(struct engine *e, struct call *call, struct queue *q, const struct request *req,
                              size_t cost, bool at_once)
{
    if (!at_once && req->put_count > 1) {
        call->ids = malloc(req->put_count * sizeof *call->ids);
        if (!call->ids) {
            call->ids = call->only_ids;
            return MQ_NO_MEMORY;
        }
        call->id_capacity = req->put_count;
        call->reply_size = req->put_count * sizeof *call->ids;
    }
    if (!copy_items(e, call, q, req))
        return MQ_NO_MEMORY;
    if (!order_reserve_store(&q->order, req->put_count))
        return MQ_NO_MEMORY;
    enum mq_status status = call_enter(e, call, q, req->timeout_ms);
    if (status != MQ_OK) {
        order_unreserve_store(&q->order, req->put_count);
        return status;
    }
    q->unstored_size += cost;
    if (list_has(&q->starved))
        e->starved_size += cost;
    return MQ_OK;
}

void put_submit(struct engine *e, struct call *call, const struct request *req)
{
    const char *text = NULL;
    struct queue *q = queue_or_answer(e, call, req);
    if (!q)
        return;
    call->partial = req->partial;
    enum mq_status status = check_items(e, q, req, &text);
    if (status == MQ_OK && q->is_shut_down)
        status = MQ_SHUT_DOWN;
    if (status == MQ_OK)
        status = check_room(e, q, req, &text);
    size_t size, cost = items_cost(q, req, &size);
    bool at_once = fits_at_once(e, q, req->put_count, cost);
    if (status == MQ_OK && !at_once)
        status = check_waiting(e, call, size, cost, &text);
    if (status == MQ_OK)
        status = reserve(e, call, q, req, cost, at_once);
    if (status != MQ_OK) {
        call_answer(e, call, status, text);
        return;
    }
    engine_serve(e, q);
    if (call->waits && req->timeout_ms == 0) {
        status = put_refusal(q, &text);
        call_answer(e, call, status, text);
    }
    call_stay(e, call);
}

static void note_id(struct call *call, uint64_t id)
{
    struct range *last = call->id_count ? &call->ids[call->id_count - 1] : NULL;
    if (last && last->last + 1 == id) {
        last->last = id;
        return;
    }
    assert(call->id_count < call->id_capacity);
    call->ids[call->id_count++] = (struct range){id, id};
}

/* Takes the first item out of the call's hands. */
static struct item *take_unstored(struct engine *e, struct call *call)
{
    struct list_node *node = list_first(&call->unstored);
    if (!node)
        return NULL;
    struct item *item = CONTAINER_OF(node, struct item, node);
    list_remove(node);
    call->unstored_size -= item->body_size;
    call->session->unstored_size -= item->body_size;
    e->unstored_size -= item_cost_of(item);
    struct queue *q = call->queue;
    if (q)
        q->unstored_size -= item_cost_of(item);
    if (q && list_has(&q->starved))
        e->starved_size -= item_cost_of(item);
    return item;
}

static void store(struct engine *e, struct queue *q, struct call *call)
{
    struct item *item = take_unstored(e, call);
    item->id = e->next_item++;
    item->stored_ms = e->now_ms;
    order_add(&q->order, item);
    q->bytes += item->body_size;
    q->totals.puts++;
    e->totals.puts++;
    e->ready++;
    e->stored_size += item_cost_of(item);
    call->count++;
    note_id(call, item->id);
}

/* A partial put is content with what could be stored so far, if that is anything. */
static bool is_content(const struct call *call)
{
    return call->partial && call->count > 0;
}

bool put_serve(struct engine *e, struct queue *q)
{
    bool moved = false;
    struct call *call;
    while ((call = call_first(&q->putters))) {
        struct item *item = CONTAINER_OF(list_first(&call->unstored), struct item, node);
        bool fits = queue_room(q) > 0 && put_memory_fits(e, q, item_cost_of(item));
        if (!fits && is_content(call)) {
            call_answer(e, call, MQ_OK, NULL);
            continue;
        }
        if (queue_room(q) == 0)
            return moved;
        if (!put_memory_fits(e, q, item_cost_of(item))) {
            starve(e, q);
            return moved;
        }
        store(e, q, call);
        moved = true;
        if (list_is_empty(&call->unstored))
            call_answer(e, call, MQ_OK, NULL);
    }
    return moved;
}

/* The call stops waiting. What it could not store is dropped, and whoever waited behind it may go on. */
void put_drop_unstored(struct engine *e, struct call *call)
{
    struct queue *q = call->queue;
    struct item *item;
    if (q && !list_is_empty(&call->unstored)) {
        engine_mark(e, q);
        e->memory_freed = true;
    }
    while ((item = take_unstored(e, call))) {
        item_free(item);
        if (q)
            order_unreserve_store(&q->order, 1);
    }
    /* Its queue gives up its turn for memory; if others still wait there, serving it asks for a new one. */
    if (q && list_has(&q->starved)) {
        put_unstarve(e, q);
        engine_mark(e, q);
        e->memory_freed = true;
    }
}
