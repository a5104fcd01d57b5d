/* engine_put.c - put: stored at once, or waiting in its call until there is room, and then stored in order,
 * one by one.
 *
 * Room is room below maxsize and below the memory limit. Nobody overtakes: while a put waits in a queue,
 * later ones wait behind it. Queues whose putters wait for memory take turns, and while any does, no other
 * put gets memory. */
#include "engine_state.h"

#include <stdlib.h>
#include <string.h>

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

size_t put_next_cost(const struct queue *q, const struct call *call)
{
    struct size_pair size = order_intake_size(&q->order, &call->unstored);
    return item_cost(size.body, size.key);
}

/* What the disk has against the first put of those that wait in line; NULL: nothing, or none waits. */
static const char *first_refusal(const struct engine *e)
{
    const struct list_node *node = list_first(&e->starved);
    if (!node)
        return NULL;
    const struct queue *q = CONTAINER_OF(node, struct queue, starved);
    return safe_put_refusal(e, q, put_next_cost(q, call_first(&q->putters)));
}

/* Does it have to wait its turn? What is in memory only does not stand behind what waits for the disk. */
static bool stands_in_line(const struct engine *e, const struct queue *q)
{
    if (list_is_empty(&e->starved) || e->feeding)
        return false;
    return note_is_of(e, q) || !first_refusal(e);
}

/* May so much more be stored in q? It may if nothing else takes memory, whatever its size. */
bool put_memory_fits(const struct engine *e, const struct queue *q, size_t cost)
{
    if (safe_put_refusal(e, q, cost) || stands_in_line(e, q))
        return false;
    uint64_t used = room_used(e, q);
    return used == 0 || used + cost <= e->options.memory_limit;
}

/* ... or does it if other items leave memory? */
static bool make_fit(struct engine *e, struct queue *q, size_t cost)
{
    if (put_memory_fits(e, q, cost))
        return true;
    if (stands_in_line(e, q))
        return false;
    room_make(e, q, cost);
    return put_memory_fits(e, q, cost);
}

/* Why a put that may not wait any longer is refused: where there is room, memory is what it waits for, or the
 * disk. */
enum mq_status put_refusal(const struct engine *e, const struct queue *q, size_t cost, const char **ret_text)
{
    if (queue_room(q) == 0)
        return MQ_FULL;
    *ret_text = safe_put_refusal(e, q, cost);
    if (!*ret_text && stands_in_line(e, q))
        *ret_text = first_refusal(e);
    if (!*ret_text)
        *ret_text = "memory limit";
    return MQ_TEMPORARY;
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

static size_t cost_of(const struct queue *q, const struct put_item *put)
{
    return item_cost(put->body.size, order_key(&q->order, put).size);
}

/* All of it must be known before anything is stored; *ret_size: of their bodies. */
static size_t items_cost(const struct queue *q, const struct request *req, size_t *ret_size)
{
    size_t cost = 0;
    *ret_size = 0;
    for (size_t i = 0; i < req->put_count; i++) {
        cost += cost_of(q, &req->puts[i]);
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
static enum mq_status check_room(struct engine *e, struct queue *q, const struct request *req, size_t cost,
                                 const char **ret_text)
{
    bool has_room = list_is_empty(&q->putters) && queue_room(q) > 0;
    if ((has_room && make_fit(e, q, cost)) || req->timeout_ms != 0)
        return MQ_OK;
    if (!has_room)
        return MQ_FULL;
    size_t first = cost_of(q, &req->puts[0]);
    if (make_fit(e, q, first))
        return MQ_OK;
    return put_refusal(e, q, first, ret_text);
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
    if (e->stored_size > 0 && engine_memory(e) + cost > most) {
        *ret_text = "memory limit";
        return MQ_TEMPORARY;
    }
    return MQ_OK;
}

bool put_reserve_ids(struct call *call, size_t count)
{
    size_t capacity = call->id_count + count;
    if (capacity <= call->id_capacity)
        return true;
    struct range *ids = malloc(capacity * sizeof *ids);
    if (!ids)
        return false;
    memcpy(ids, call->ids, call->id_count * sizeof *ids);
    if (call->ids != call->only_ids)
        free(call->ids);
    call->ids = ids;
    call->id_capacity = capacity;
    call->reply_size = capacity * sizeof *ids;
    return true;
}

/* Everything that a put which has to wait will need until it is answered. */
static enum mq_status enter(struct engine *e, struct call *call, struct queue *q, const struct request *req,
                            size_t size, size_t cost)
{
    if (!put_reserve_ids(call, req->put_count))
        return MQ_NO_MEMORY;
    if (!order_copy(&q->order, req->puts, req->put_count, e->now_ms, &call->unstored))
        return MQ_NO_MEMORY;
    enum mq_status status = call_enter(e, call, q, req->timeout_ms);
    if (status != MQ_OK) {
        order_drop(&q->order, &call->unstored);
        return status;
    }
    call->unstored_size = size;
    call->session->unstored_size += size;
    e->unstored_size += cost;
    q->unstored_size += cost;
    if (list_has(&q->starved))
        e->starved_size += cost;
    return MQ_OK;
}

/* These of its items have been stored. */
void put_note_ids(struct call *call, struct range ids)
{
    struct range *last = call->id_count ? &call->ids[call->id_count - 1] : NULL;
    call->count += ids.last - ids.first + 1;
    if (last && last->last + 1 == ids.first) {
        last->last = ids.last;
        return;
    }
    assert(call->id_count < call->id_capacity);
    call->ids[call->id_count++] = ids;
}

void put_count_stored(struct engine *e, struct queue *q, size_t count, size_t size, size_t cost)
{
    note_live(e, q, e->next_item, count, cost);
    e->next_item += count;
    q->bytes += size;
    q->totals.puts += count;
    e->totals.puts += count;
    e->ready += count;
    e->stored_size += cost;
}

/* The usual put: there is room for all, and nobody waits for it. */
static void put_at_once(struct engine *e, struct call *call, struct queue *q, const struct request *req,
                        size_t size, size_t cost)
{
    if (!put_reserve_ids(call, 1) || !note_reserve_ids(e, q, req->put_count) ||
        !order_put(&q->order, req->puts, req->put_count, e->next_item, e->now_ms)) {
        call_answer(e, call, MQ_NO_MEMORY, NULL);
        return;
    }
    note_stored(e, call, q, req);
    put_note_ids(call, (struct range){e->next_item, e->next_item + req->put_count - 1});
    put_count_stored(e, q, req->put_count, size, cost);
    engine_serve(e, q); /* whoever waits for an item hears of it first */
    call_answer(e, call, MQ_OK, NULL);
}

static void put_and_wait(struct engine *e, struct call *call, struct queue *q, const struct request *req,
                         size_t size, size_t cost)
{
    const char *text = NULL;
    enum mq_status status = check_waiting(e, call, size, cost, &text);
    if (status == MQ_OK)
        status = enter(e, call, q, req, size, cost);
    if (status != MQ_OK) {
        call_answer(e, call, status, text);
        return;
    }
    engine_serve(e, q);
    if (call->waits && req->timeout_ms == 0) {
        status = put_refusal(e, q, put_next_cost(q, call), &text);
        call_answer(e, call, status, text);
    }
    call_stay(e, call);
}

void put_submit(struct engine *e, struct call *call, const struct request *req)
{
    const char *text = NULL;
    struct queue *q = queue_or_answer(e, call, req);
    if (!q)
        return;
    call->partial = req->partial;
    if (call->total == 0) /* else it goes on after a restart, and these are the rest of its items */
        call->total = req->put_count;
    enum mq_status status = check_items(e, q, req, &text);
    if (status == MQ_OK && q->is_shut_down)
        status = MQ_SHUT_DOWN;
    if (status == MQ_OK && e->refuses_puts && note_is_of(e, q)) {
        status = MQ_TEMPORARY;
        text = e->refuses_puts;
    }
    size_t size, cost = items_cost(q, req, &size);
    if (status == MQ_OK)
        status = check_room(e, q, req, cost, &text);
    if (status != MQ_OK) {
        call_answer(e, call, status, text);
        return;
    }
    if (fits_at_once(e, q, req->put_count, cost))
        put_at_once(e, call, q, req, size, cost);
    else
        put_and_wait(e, call, q, req, size, cost);
}

/* So much of what the call wants to store does not wait any more. */
static void count_out(struct engine *e, struct call *call, size_t size, size_t cost)
{
    struct queue *q = call->queue;
    call->unstored_size -= size;
    call->session->unstored_size -= size;
    e->unstored_size -= cost;
    q->unstored_size -= cost;
    if (list_has(&q->starved))
        e->starved_size -= cost;
}

static void store(struct engine *e, struct queue *q, struct call *call)
{
    struct put_item item = order_intake_item(&q->order, &call->unstored);
    note_stored_item(e, q, &item);
    size_t size = order_intake_size(&q->order, &call->unstored).body, cost = put_next_cost(q, call);
    count_out(e, call, size, cost);
    put_note_ids(call, (struct range){e->next_item, e->next_item});
    order_store(&q->order, &call->unstored, e->next_item, e->now_ms);
    put_count_stored(e, q, 1, size, cost);
}

/* A partial put is content with what could be stored so far, if that is anything. */
static bool is_content(const struct call *call)
{
    return call->partial && call->count > 0;
}

/* May the next item of this put be stored? */
static bool next_fits(struct engine *e, struct queue *q, const struct call *call)
{
    if (queue_room(q) == 0 || !make_fit(e, q, put_next_cost(q, call)))
        return false;
    struct put_item item = order_intake_item(&q->order, &call->unstored);
    if (note_reserve_item(e, q, &item))
        return true;
    note_postponed(e);
    return false;
}

/* Stores what there is room for; true: that was anything. */
static bool store_some(struct engine *e, struct queue *q, struct call *call)
{
    if (!next_fits(e, q, call))
        return false;
    note_stored_begin(e, call, q);
    do
        store(e, q, call);
    while (call->unstored.left > 0 && next_fits(e, q, call));
    note_stored_end(e, call, q);
    return true;
}

bool put_serve(struct engine *e, struct queue *q)
{
    bool moved = false;
    struct call *call;
    while ((call = call_first(&q->putters))) {
        moved |= store_some(e, q, call);
        if (call->unstored.left == 0 || is_content(call)) {
            call_answer(e, call, MQ_OK, NULL);
            continue;
        }
        if (queue_room(q) > 0)
            starve(e, q);
        return moved;
    }
    return moved;
}

/* The call stops waiting. What it could not store is dropped, and whoever waited behind it may go on. */
void put_drop_unstored(struct engine *e, struct call *call)
{
    struct queue *q = call->queue;
    if (!q)
        return;
    if (call->unstored.left > 0) {
        struct order_sum rest = order_intake_sum(&q->order, &call->unstored);
        count_out(e, call, rest.body_size, rest.cost);
        order_drop(&q->order, &call->unstored);
        engine_mark(e, q);
        e->memory_freed = true;
    }
    /* Its queue gives up its turn for memory; if others still wait there, serving it asks for a new one. */
    if (list_has(&q->starved)) {
        put_unstarve(e, q);
        engine_mark(e, q);
        e->memory_freed = true;
    }
}
