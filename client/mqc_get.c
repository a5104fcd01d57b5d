/* mqc_get.c - taking items. */
#include <assert.h>

#include "mqc_queue.h"

/* Memory before leases: an answer for whose items there is none does not count, and they go back. */
static bool make_batch(struct call *call, const struct answer *answer, zmq_msg_t *frame)
{
    struct batch **ret_batch = call->context;
    assert(!*ret_batch);
    *ret_batch = batch_new(call->queue, answer, frame);
    return *ret_batch != NULL;
}

/* The confirmation is what makes them done; if no request carries it soon, the helper sends it. */
static void confirm_soon(struct mqc *m)
{
    if (m->flush_due_ms != NEVER)
        return;
    m->flush_due_ms = add_ms(monotonic_ms(), CONFIRM_WITHIN_MS);
    helper_wake_by(m, m->flush_due_ms);
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
    struct batch *batch = *(struct batch **)call->context;
    if (auto_done)
        confirm_soon(call->mqc);
    else
        lease_begin(batch, &batch->queue->leases, answer->lease_ms, answer->lease_ms ? monotonic_ms() : 0);
}

static enum mq_status hand_over(enum mq_status status, struct batch *batch, struct mqc_item **ret_items,
                                size_t *ret_count)
{
    assert(status != MQ_OK || batch);
    if (status != MQ_OK)
        return status;
    for (size_t i = 0; i < batch->count; i++)
        ret_items[i] = &batch->items[i];
    *ret_count = batch->count;
    return MQ_OK;
}

static enum mq_status get(struct mqc_queue *q, const struct mqc_get *get, struct mqc_item **ret_items,
                          size_t *ret_count)
{
    struct batch *batch = NULL;
    enum mq_status status = helper_need(q->mqc);
    if (status != MQ_OK)
        return status;
    uint32_t items_max = q->mqc->wire.welcome.items_max;
    struct call *call = call_new(q->mqc, MQ_VERB_GET, q);
    if (call) {
        call->exchange.request.max = get->max < items_max ? (uint32_t)get->max : items_max;
        call->exchange.request.auto_done = get->auto_done;
        call->prepare = make_batch;
        call->on_end = got;
        call->context = &batch;
        call_set_timeout(call, get->timeout_ms);
    }
    status = call_run(call);
    call_drop(call);
    return hand_over(status, batch, ret_items, ret_count);
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

enum mq_status mqc_peek(struct mqc_queue *q, size_t max, bool last, struct mqc_item **ret_items,
                        size_t *ret_count)
{
    struct batch *batch = NULL;
    enum mq_status status = queue_enter(q);
    if (status != MQ_OK)
        return status;
    if (max < 1 || !ret_items || !ret_count)
        return queue_leave(q, client_fail(q->mqc, MQ_INVALID, "a peek shows at least 1 item, to some place"));
    struct call *call = call_new(q->mqc, MQ_VERB_PEEK, q);
    if (call) {
        call->exchange.request.max = max < MQ_ROWS_MAX ? (uint32_t)max : MQ_ROWS_MAX;
        call->exchange.request.last = last;
        call->prepare = make_batch;
        call->context = &batch;
    }
    status = call_run(call);
    call_drop(call);
    if (status == MQ_OK && !batch)
        *ret_count = 0;
    else
        status = hand_over(status, batch, ret_items, ret_count);
    return queue_leave(q, status);
}
