/* mqc_get.c - taking items. */
#include <assert.h>

#include "mqc_queue.h"

/* Memory before leases: an answer for whose items there is none does not count, and they go back. */
static bool make_batch(struct call *call, const struct answer *answer, zmq_msg_t *frame)
{
    struct taker *taker = call->context;
    assert(!taker->batch);
    taker->batch = batch_new(call->queue, answer, frame);
    return taker->batch != NULL;
}

/* The confirmation is what makes them done; if no request carries it soon, the helper sends it. */
static void confirm_soon(struct mqc *m)
{
    if (m->flush_due_ms != NEVER)
        return;
    m->flush_due_ms = add_ms(monotonic_ms(), CONFIRM_WITHIN_MS);
    helper_wake_by(m, m->flush_due_ms);
}

static void hand_over(struct taker *taker)
{
    struct batch *batch = taker->batch;
    size_t count = batch->count < taker->max ? batch->count : taker->max;
    for (size_t i = 0; i < count; i++)
        taker->items[i] = &batch->items[i];
    taker->count = count;
}

/* Nobody waits any more: leased items go back. Those of a withdrawn auto-done get have gone back already. */
static void got(struct call *call, const struct answer *answer)
{
    bool auto_done = call->exchange.request.auto_done;
    if (!answer || !answer->item_count)
        return;
    if (call->left && !auto_done)
        lease_return(call->mqc, answer);
    if (call->left)
        return;
    struct taker *taker = call->context;
    struct batch *batch = taker->batch;
    hand_over(taker);
    if (auto_done) {
        confirm_soon(call->mqc);
        return;
    }
    lease_begin(batch, &call->queue->leases, answer->lease_ms, answer->lease_ms ? monotonic_ms() : 0);
    if (batch->count > taker->count)
        ahead_add(call->queue, batch, taker->count, answer->lease_ms);
}

/* As the broker counts. */
static size_t size_of(const struct answer *answer)
{
    size_t size = 0;
    for (size_t i = 0; i < answer->item_count; i++)
        size += answer->items[i].body.size + answer->items[i].key.size + AHEAD_ITEM_HEAD;
    return size;
}

/* A get of a handle with prefetch has its answer. */
static void fetched(struct call *call, const struct answer *answer)
{
    struct lookahead *a = &call->queue->ahead;
    if (answer && !call->left)
        ahead_arrived(&a->policy, call->exchange.request.max, answer->item_count, size_of(answer),
                      monotonic_ms());
    if (a->fetch == call)
        ahead_set_fetch(call->queue, NULL);
    got(call, answer);
}

/* ---- Asking -------------------------------------------------------------------------------------------- */

/* NULL: out of memory, which is then this thread's failure. */
static struct call *get_new(struct mqc_queue *q, struct taker *taker, size_t max, int64_t timeout_ms)
{
    uint32_t items_max = q->mqc->wire.welcome.items_max;
    struct call *call = call_new(q->mqc, MQ_VERB_GET, q);
    if (!call)
        return NULL;
    call->exchange.request.max = max < items_max ? (uint32_t)max : items_max;
    call->prepare = make_batch;
    call->on_end = got;
    call->context = taker;
    call_set_timeout(call, timeout_ms);
    return call;
}

static enum mq_status ask(struct mqc_queue *q, const struct mqc_get *get, struct taker *taker)
{
    struct call *call = get_new(q, taker, get->max, get->timeout_ms);
    if (call)
        call->exchange.request.auto_done = get->auto_done;
    enum mq_status status = call_run(call);
    call_drop(call);
    return status;
}

/* How many items beyond what is waited for may come by what is under way. */
static size_t coming(const struct lookahead *a)
{
    size_t count = a->fetch && !a->fetch->stopped ? a->fetch->exchange.request.max : 0;
    for (struct list_node *n = list_first(&a->takers); n; n = list_next(&a->takers, n)) {
        const struct taker *taker = CONTAINER_OF(n, struct taker, node);
        const struct call *call = taker->call;
        if (!call->ended && !call->stopped && call->exchange.request.max > taker->max)
            count += call->exchange.request.max - taker->max;
    }
    return count;
}

/* Fetches in the background; without memory, not. */
static void refill(struct mqc_queue *q)
{
    struct lookahead *a = &q->ahead;
    if (a->fetch || !wire_is_ready(q->mqc))
        return;
    size_t count = ahead_ask(&a->policy, 0, a->count + coming(a), monotonic_ms());
    a->nobody = (struct taker){0};
    struct call *call = count ? get_new(q, &a->nobody, count, MQ_NOWAIT) : NULL;
    if (!call)
        return;
    call->on_end = fetched;
    ahead_set_fetch(q, call);
    call_begin(call);
}

/* Asks for as much as is to lie ahead, too. */
static enum mq_status ask_ahead(struct mqc_queue *q, int64_t timeout_ms, struct taker *taker)
{
    struct lookahead *a = &q->ahead;
    size_t count = ahead_ask(&a->policy, taker->max, a->count + coming(a), monotonic_ms());
    taker->call = get_new(q, taker, count, timeout_ms);
    if (!taker->call)
        return MQ_NO_MEMORY;
    taker->call->on_end = fetched;
    list_append(&a->takers, &taker->node);
    enum mq_status status = call_run(taker->call);
    list_remove(&taker->node);
    call_drop(taker->call);
    return status;
}

static int64_t time_left(uint64_t due_ms)
{
    uint64_t now_ms = monotonic_ms();
    return due_ms == NEVER ? MQ_FOREVER : due_ms > now_ms ? (int64_t)(due_ms - now_ms) : MQ_NOWAIT;
}

/* From what lies ahead, or is on its way, or the broker: who waits there may bring more for later. */
static enum mq_status get_ahead(struct mqc_queue *q, int64_t timeout_ms, struct taker *taker)
{
    struct lookahead *a = &q->ahead;
    enum mq_status status = MQ_OK;
    if (timeout_ms && call_take_interrupt(q->mqc))
        return client_fail(q->mqc, MQ_INTERRUPTED, NULL);
    bool was_ahead = ahead_take(q, taker);
    uint64_t due_ms = !was_ahead && timeout_ms > 0 ? add_ms(monotonic_ms(), timeout_ms) : NEVER;
    was_ahead = was_ahead || ahead_take_fetch(q, timeout_ms, taker, &status) || ahead_take(q, taker);
    if (!was_ahead)
        status = ask_ahead(q, timeout_ms > 0 ? time_left(due_ms) : timeout_ms, taker);
    if (taker->count && ahead_took(&a->policy, was_ahead ? taker->count : 0, a->count))
        refill(q);
    return status;
}

static enum mq_status get(struct mqc_queue *q, const struct mqc_get *get, struct mqc_item **ret_items,
                          size_t *ret_count)
{
    struct lookahead *a = &q->ahead;
    struct taker taker = {.items = ret_items, .max = get->max};
    enum mq_status status = helper_need(q->mqc);
    if (status != MQ_OK)
        return status;
    if (get->auto_done || !a->prefetch)
        status = ask(q, get, &taker);
    else
        status = get_ahead(q, get->timeout_ms, &taker);
    assert(taker.count || status != MQ_OK);
    if (!taker.count)
        return status;
    *ret_count = taker.count;
    return MQ_OK;
}

static enum mq_status enter_and_get(struct mqc_queue *q, const struct mqc_get *choices,
                                    struct mqc_item **ret_items, size_t *ret_count)
{
    enum mq_status status = queue_enter_timed(q, choices->timeout_ms);
    if (status != MQ_OK)
        return status;
    if (choices->max < 1 || choices->max > MQ_ITEMS_MAX || !ret_items || !ret_count)
        return queue_leave(q, client_fail(q->mqc, MQ_INVALID, "a get takes 1 to 65536 items, to some place"));
    return queue_leave(q, get(q, choices, ret_items, ret_count));
}

enum mq_status mqc_get(struct mqc_queue *q, int64_t timeout_ms, struct mqc_item **ret_item)
{
    size_t count;
    return mqc_get_many(q, 1, timeout_ms, ret_item, &count);
}

enum mq_status mqc_get_nowait(struct mqc_queue *q, struct mqc_item **ret_item)
{
    return mqc_get(q, MQ_NOWAIT, ret_item);
}

enum mq_status mqc_get_many(struct mqc_queue *q, size_t max, int64_t timeout_ms, struct mqc_item **ret_items,
                            size_t *ret_count)
{
    struct mqc_get choices = {.max = max, .timeout_ms = timeout_ms};
    return enter_and_get(q, &choices, ret_items, ret_count);
}

enum mq_status mqc_get_with(struct mqc *m, const struct mqc_get *choices, struct mqc_item **ret_items,
                            size_t *ret_count)
{
    if (!m || !choices || !choices->queues || !choices->queue_count ||
        !is_zero(choices->reserved, sizeof choices->reserved / 8))
        return client_fail(m, MQ_INVALID, "no client, no queue, or something reserved is not zero");
    if (choices->queue_count > 1)
        return client_fail(m, MQ_UNSUPPORTED, "a get names one queue");
    struct mqc_queue *q = choices->queues[0];
    if (q && q->mqc != m)
        return client_fail(m, MQ_INVALID, "the queue handle is of another client");
    return enter_and_get(q, choices, ret_items, ret_count);
}

/* Where a peek's results go. */
struct peeker {
    struct taker taker; /* first: make_batch() takes the one for the other */
    uint64_t newest;
};

static void peeked(struct call *call, const struct answer *answer)
{
    struct peeker *p = call->context;
    if (answer && !call->left)
        p->newest = answer->newest;
}

static bool peek_is_valid(const struct mqc_peek *peek)
{
    return peek && peek->max >= 1 && is_zero(peek->reserved, sizeof peek->reserved / 8) &&
           (peek->by_id ? !peek->last : !peek->leased && !peek->after);
}

static enum mq_status peek_ask(struct mqc_queue *q, const struct mqc_peek *peek, struct peeker *p)
{
    const size_t most = peek->by_id ? MQ_ITEMS_MAX : MQ_ROWS_MAX;
    struct call *call = call_new(q->mqc, MQ_VERB_PEEK, q);
    if (call) {
        struct request *request = &call->exchange.request;
        request->max = (uint32_t)(peek->max < most ? peek->max : most);
        request->last = peek->last;
        request->by_id = peek->by_id;
        request->leased = peek->leased;
        request->after_number = peek->after;
        call->prepare = make_batch;
        call->on_end = peeked;
        call->context = p;
    }
    enum mq_status status = call_run(call);
    call_drop(call);
    return status;
}

enum mq_status mqc_peek_with(struct mqc_queue *q, const struct mqc_peek *peek, struct mqc_item **ret_items,
                             size_t *ret_count, uint64_t *ret_newest)
{
    struct peeker p = {.taker = {.items = ret_items}};
    enum mq_status status = queue_enter(q);
    if (status != MQ_OK)
        return status;
    if (!peek_is_valid(peek) || !ret_items || !ret_count)
        return queue_leave(q, client_fail(q->mqc, MQ_INVALID,
                                          "a peek shows at least 1 item, to some place; `last` and `by_id` "
                                          "exclude each other; `leased` and `after` need `by_id`"));
    p.taker.max = peek->max;
    status = peek_ask(q, peek, &p);
    if (status == MQ_OK && p.taker.batch)
        hand_over(&p.taker);
    /* One that does not know of ids shows the first ones again and again. */
    if (status == MQ_OK && peek->by_id && p.taker.count > 0 && !p.newest) {
        for (size_t i = 0; i < p.taker.count; i++)
            item_forget(ret_items[i]);
        status = client_fail(q->mqc, MQ_UNSUPPORTED, NULL);
    }
    if (status == MQ_OK)
        *ret_count = p.taker.count;
    if (status == MQ_OK && ret_newest)
        *ret_newest = p.newest;
    return queue_leave(q, status);
}

enum mq_status mqc_peek(struct mqc_queue *q, size_t max, bool last, struct mqc_item **ret_items,
                        size_t *ret_count)
{
    return mqc_peek_with(q, &(struct mqc_peek){.max = max, .last = last}, ret_items, ret_count, NULL);
}
