/* engine_manage.c - queues: opened, changed, shut down, purged, removed; and join, which waits for one to be
 * done. */
#include "engine_state.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static uint64_t hash_name(const struct engine *e, struct bytes name)
{
    return XXH3_64bits_withSeed(name.data, name.size, e->options.hash_seed);
}

struct queue *queue_find(const struct engine *e, struct bytes name)
{
    uint64_t hash = hash_name(e, name);
    for (struct table_node *n = table_first(&e->queues, hash); n; n = table_next(n, hash)) {
        struct queue *q = CONTAINER_OF(n, struct queue, by_name);
        if (q->name_size == name.size && memcmp(q->name, name.data, name.size) == 0)
            return q;
    }
    return NULL;
}

struct queue *queue_by_number(const struct engine *e, uint64_t number)
{
    uint64_t hash = table_hash_number(number);
    for (struct table_node *n = table_first(&e->queue_numbers, hash); n; n = table_next(n, hash)) {
        struct queue *q = CONTAINER_OF(n, struct queue, by_number);
        if (q->number == number)
            return q;
    }
    return NULL;
}

static int compare_names(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

size_t queue_list_after(const struct engine *e, struct bytes name)
{
    size_t low = 0, high = e->queues.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_names(queue_name(e->queue_list[middle]), name) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool grow_queue_list(struct engine *e)
{
    if (e->queues.count < e->queue_list_capacity)
        return true;
    size_t capacity = e->queue_list_capacity ? 2 * e->queue_list_capacity : 16;
    struct queue **list = realloc(e->queue_list, capacity * sizeof *list);
    if (!list)
        return false;
    e->queue_list = list;
    e->queue_list_capacity = capacity;
    return true;
}

static void enlist(struct engine *e, struct queue *q)
{
    size_t at = queue_list_after(e, queue_name(q));
    memmove(e->queue_list + at + 1, e->queue_list + at, (e->queues.count - at) * sizeof *e->queue_list);
    e->queue_list[at] = q;
    table_add(&e->queues, &q->by_name, hash_name(e, queue_name(q)));
    table_add(&e->queue_numbers, &q->by_number, table_hash_number(q->number));
}

static void delist(struct engine *e, struct queue *q)
{
    size_t at = queue_list_after(e, queue_name(q)) - 1;
    assert(e->queue_list[at] == q);
    table_remove(&e->queues, &q->by_name);
    table_remove(&e->queue_numbers, &q->by_number);
    memmove(e->queue_list + at, e->queue_list + at + 1, (e->queues.count - at) * sizeof *e->queue_list);
}

const char *queue_bad_setting(const struct settings *settings)
{
    if (settings->given & ~(uint32_t)MQ_SETTINGS_ALL)
        return "unknown setting";
    if ((settings->given & MQ_SETTING_KIND) && (unsigned)settings->kind > MQ_KIND_PRIORITY)
        return "kind";
    if ((settings->given & MQ_SETTING_LEASE) && settings->lease_ms < 0)
        return "lease";
    return NULL;
}

static const char *setting_name(enum mq_setting setting)
{
    switch (setting) {
    case MQ_SETTING_KIND:
        return "kind";
    case MQ_SETTING_MAXSIZE:
        return "maxsize";
    case MQ_SETTING_LEASE:
        return "lease";
    case MQ_SETTING_TRANSIENT:
        return "transient";
    default:
        abort();
    }
}

struct queue *queue_make(struct engine *e, struct bytes name, const struct settings *settings,
                         uint64_t number)
{
    struct queue *q = grow_queue_list(e) ? queue_new(name, settings, &e->stock, e->now_ms) : NULL;
    if (!q)
        return NULL;
    q->number = number;
    enlist(e, q);
    return q;
}

static enum mq_status make_queue(struct engine *e, struct call *call, const struct request *req,
                                 const char **ret_text)
{
    if (!req->create && !e->options.auto_create)
        return MQ_NO_QUEUE;
    if (e->queues.count >= e->options.queues_max) {
        *ret_text = "queues";
        return MQ_LIMIT;
    }
    const struct queue *q = queue_make(e, req->queue, &req->settings, e->next_queue);
    if (!q)
        return MQ_NO_MEMORY;
    e->next_queue++;
    note_queue(e, call, q);
    return MQ_OK;
}

void open_submit(struct engine *e, struct call *call, const struct request *req)
{
    enum mq_status status = MQ_OK;
    const char *text = queue_bad_setting(&req->settings);
    const struct queue *q = queue_find(e, req->queue);
    if (text) {
        status = MQ_INVALID;
    } else if (!q) {
        status = make_queue(e, call, req, &text);
    } else if (queue_difference(q, &req->settings)) {
        status = MQ_EXISTS;
        text = setting_name(queue_difference(q, &req->settings));
    }
    call_answer(e, call, status, text);
}

/* The queue that a request is about; if there is none, the request has been answered. */
struct queue *queue_or_answer(struct engine *e, struct call *call, const struct request *req)
{
    struct queue *q = queue_find(e, req->queue);
    if (!q)
        call_answer(e, call, MQ_NO_QUEUE, NULL);
    return q;
}

void set_submit(struct engine *e, struct call *call, const struct request *req)
{
    struct queue *q = queue_or_answer(e, call, req);
    if (!q)
        return;
    const char *text = queue_bad_setting(&req->settings);
    if (!text && (req->settings.given & MQ_SETTING_KIND))
        text = "kind is fixed";
    if (!text && (req->settings.given & MQ_SETTING_TRANSIENT))
        text = "transient is fixed";
    if (text) {
        call_answer(e, call, MQ_INVALID, text);
        return;
    }
    queue_set(q, &req->settings);
    note_queue(e, call, q);
    engine_mark(e, q);
    call_answer(e, call, MQ_OK, NULL);
}

static void items_discarded(struct engine *e, struct queue *q, uint64_t count, size_t body_size, size_t cost)
{
    q->bytes -= body_size;
    q->totals.discarded += count;
    e->totals.discarded += count;
    e->stored_size -= cost;
    e->memory_freed = true;
}

/* An item of this size has left for good. */
void item_discarded(struct engine *e, struct queue *q, uint64_t id, struct size_pair size)
{
    size_t cost = item_cost(size.body, size.key);
    note_gone(e, q, id, cost);
    items_discarded(e, q, 1, size.body, cost);
}

/* What is away goes as it lies. */
static void discard_away(struct engine *e, struct queue *q)
{
    struct order_gone gone;
    while (order_discard_away(&q->order, &gone)) {
        e->ready -= gone.count;
        note_gone_away(e, q, &gone);
        items_discarded(e, q, gone.count, gone.body_size, gone.cost);
    }
}

void queue_discard_ready(struct engine *e, struct queue *q)
{
    struct size_pair size;
    uint64_t id;
    for (;;) {
        discard_away(e, q);
        if (!order_discard(&q->order, &size, &id))
            break;
        e->ready--;
        item_discarded(e, q, id, size);
    }
    engine_mark(e, q);
}

void purge_submit(struct engine *e, struct call *call, const struct request *req)
{
    struct queue *q = queue_or_answer(e, call, req);
    if (!q)
        return;
    call->count = q->order.count;
    note_emptied(e, call, q);
    queue_discard_ready(e, q);
    call_answer(e, call, MQ_OK, NULL);
}

void shut_down_submit(struct engine *e, struct call *call, const struct request *req)
{
    struct queue *q = queue_or_answer(e, call, req);
    if (!q)
        return;
    q->is_shut_down = true;
    q->is_immediate |= req->immediate;
    if (q->is_immediate)
        queue_discard_ready(e, q);
    note_queue(e, call, q);
    call_answer_all(e, &q->putters, MQ_SHUT_DOWN);
    engine_mark(e, q);
    call_answer(e, call, MQ_OK, NULL);
}

void queue_drop(struct engine *e, struct queue *q)
{
    struct list_node *node;
    queue_discard_ready(e, q);
    while ((node = list_first(&q->leases)))
        lease_revoke(e, CONTAINER_OF(node, struct lease, of_queue));
    if (list_has(&q->marked))
        list_remove(&q->marked);
    delist(e, q);
    queue_free(q);
}

void remove_submit(struct engine *e, struct call *call, const struct request *req)
{
    struct queue *q = queue_or_answer(e, call, req);
    if (!q)
        return;
    if (queue_unfinished(q) > 0 && !req->force) {
        call_answer(e, call, MQ_BUSY, NULL);
        return;
    }
    call->count = queue_unfinished(q);
    note_emptied(e, call, q);
    call_answer_all(e, &q->putters, MQ_NO_QUEUE);
    call_answer_all(e, &q->getters, MQ_NO_QUEUE);
    call_answer_all(e, &q->joiners, MQ_NO_QUEUE);
    queue_drop(e, q);
    call_answer(e, call, MQ_OK, NULL);
}

void join_submit(struct engine *e, struct call *call, const struct request *req)
{
    struct queue *q = queue_or_answer(e, call, req);
    if (!q)
        return;
    enum mq_status status = MQ_OK;
    if (queue_unfinished(q) > 0)
        status = req->timeout_ms == 0 ? MQ_TIMED_OUT : call_enter(e, call, q, req->timeout_ms);
    else
        note_all_needed(e);
    if (!call->queue)
        call_answer(e, call, status, NULL);
    call_stay(e, call);
}
