/* mqc_done.c - what becomes of a leased item: done, given back, or kept for longer. */
#include <assert.h>
#include <stdlib.h>

#include "mqc_queue.h"

/* More ids in one request would keep the broker from all others for too long. */
enum { DONE_ITEMS_MAX = 8192 };

static void judge_all(struct call *call, enum mq_status status)
{
    for (size_t i = 0; i < call->id_count; i++)
        call->each[i] = status;
}

/* The answer refuses some ids; or all of them, if it names none. Refusals come in the order of the request,
 * so the search goes on where the last one was found. */
static void judged(struct call *call, const struct answer *answer)
{
    size_t count = call->id_count, at = 0;
    if (call->stopped)
        return;
    if (!answer || !answer->refusal_count) {
        judge_all(call, call->status);
        return;
    }
    for (size_t r = 0; r < answer->refusal_count; r++)
        for (size_t step = 0; step < count; step++, at = (at + 1) % count)
            if (call->ids[at] == answer->refusals[r].id) {
                call->each[at] = answer->refusals[r].status;
                break;
            }
}

/* Asks; afterwards each id has its own status. */
static void run_judging(struct call *call)
{
    call->on_end = judged;
    enum mq_status status = call_run(call);
    if (call->stopped)
        judge_all(call, status);
}

/* What can be said of an item without asking; MQ_OK: ask. */
static enum mq_status verdict(const struct mqc *m, const struct mqc_item *item)
{
    if (!item)
        return client_fail(m, MQ_INVALID, "no item");
    if (item->batch->mqc != m)
        return client_fail(m, MQ_INVALID, "an item of another client");
    if (!item->batch->leases)
        return client_fail(m, MQ_INVALID, "the item was peeked at or auto-done, it is not leased");
    if (lease_is_lost(item))
        return client_fail(m, MQ_LEASE_LOST, NULL);
    return item->leased ? MQ_OK : client_fail(m, MQ_TOO_MANY_DONE, NULL);
}

/* The program has given up the item; its lease goes too if `ends`. */
static void take(struct mqc *m, struct mqc_item *item, bool ends)
{
    if (!item || item->batch->mqc != m)
        return;
    if (ends && item->leased)
        lease_end(item);
    item_forget(item);
}

struct ending {
    enum mq_verb verb; /* task_done, release */
    bool untouched;
};

static enum mq_status first_failure(const enum mq_status *each, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (each[i] != MQ_OK)
            return each[i];
    return MQ_OK;
}

/* At most DONE_ITEMS_MAX items, all taken. Fills in each[]. */
static void end_some(struct mqc *m, struct mqc_item **items, size_t count, struct ending how,
                     enum mq_status *each)
{
    struct call *call = call_new(m, how.verb, NULL);
    if (!call || !call_reserve_ids(call, count)) {
        for (size_t i = 0; i < count; i++) {
            each[i] = MQ_NO_MEMORY;
            take(m, items[i], false);
        }
        call_drop(call);
        return;
    }
    call->exchange.request.untouched = how.untouched;
    for (size_t i = 0; i < count; i++) {
        each[i] = verdict(m, items[i]);
        if (each[i] == MQ_OK)
            call->ids[call->id_count++] = items[i]->id;
        take(m, items[i], true);
    }
    if (call->id_count)
        run_judging(call);
    for (size_t i = 0, asked = 0; i < count; i++)
        if (each[i] == MQ_OK)
            each[i] = call->each[asked++];
    call_drop(call);
}

/* Items of a parent process, or after mqc_close: nothing may be asked, and in the latter case they are freed,
 * with the last of them perhaps the client. */
static enum mq_status refuse_all(struct mqc_item **items, size_t count, enum mq_status status,
                                 enum mq_status *each)
{
    for (size_t i = 0; i < count; i++) {
        mqc_item_free(items[i]);
        if (each)
            each[i] = status;
    }
    return status;
}

/* Takes items of handles with prefetch, up to the first that is not or for which there is no memory; returns
 * how many. What they are refused for is told by a flush, unless the library knows it now. */
static size_t gather_some(struct mqc *m, struct mqc_item **items, size_t count, enum mq_status *ret_status)
{
    size_t taken = 0;
    for (; taken < count; taken++) {
        enum mq_status status = verdict(m, items[taken]);
        if (status == MQ_OK && (!items[taken]->batch->queue->ahead.prefetch || !gather_reserve(m)))
            break;
        if (status == MQ_OK)
            gather_add(m, items[taken]->id);
        else if (*ret_status == MQ_OK)
            *ret_status = status;
        take(m, items[taken], true);
    }
    gather_added(m);
    return taken;
}

static enum mq_status end_rest(struct mqc *m, struct mqc_item **items, size_t count, struct ending how,
                               enum mq_status *ret_each)
{
    enum mq_status one, *each = ret_each ? ret_each : count == 1 ? &one : calloc(count, sizeof *each);
    if (!each) {
        for (size_t i = 0; i < count; i++)
            take(m, items[i], false);
        return client_fail(m, MQ_NO_MEMORY, NULL);
    }
    for (size_t at = 0; at < count; at += DONE_ITEMS_MAX)
        end_some(m, items + at, count - at < DONE_ITEMS_MAX ? count - at : DONE_ITEMS_MAX, how, each + at);
    enum mq_status status = first_failure(each, count);
    if (each != ret_each && each != &one)
        free(each);
    return status;
}

static enum mq_status end_all(struct mqc *m, struct mqc_item **items, size_t count, struct ending how,
                              enum mq_status *ret_each)
{
    enum mq_status status = client_enter(m);
    if (status != MQ_OK)
        return refuse_all(items, count, status, ret_each);
    if (how.verb == MQ_VERB_TASK_DONE && !ret_each) {
        size_t gathered = gather_some(m, items, count, &status);
        items += gathered;
        count -= gathered;
    }
    if (count) {
        enum mq_status rest = end_rest(m, items, count, how, ret_each);
        status = status != MQ_OK ? status : rest;
    }
    return client_leave(m, status);
}

static enum mq_status end_one(struct mqc_item *item, struct ending how)
{
    if (!item)
        return client_fail(NULL, MQ_INVALID, "no item");
    return end_all(item->batch->mqc, &item, 1, how, NULL);
}

enum mq_status mqc_task_done(struct mqc_item *item)
{
    return end_one(item, (struct ending){.verb = MQ_VERB_TASK_DONE});
}

enum mq_status mqc_task_done_many(struct mqc_item **items, size_t count, enum mq_status *ret_each)
{
    struct mqc *m = NULL;
    if (!count)
        return MQ_OK;
    for (size_t i = 0; items && i < count && !m; i++)
        m = items[i] ? items[i]->batch->mqc : NULL;
    if (m)
        return end_all(m, items, count, (struct ending){.verb = MQ_VERB_TASK_DONE}, ret_each);
    for (size_t i = 0; ret_each && i < count; i++)
        ret_each[i] = MQ_INVALID;
    return client_fail(NULL, MQ_INVALID, "no items");
}

enum mq_status mqc_release(struct mqc_item *item, int64_t delay_ms)
{
    if (!delay_ms)
        return end_one(item, (struct ending){.verb = MQ_VERB_RELEASE});
    if (!item)
        return client_fail(NULL, MQ_INVALID, "no item");
    struct mqc *m = item->batch->mqc;
    mqc_item_free(item);
    if (delay_ms < 0)
        return client_fail(m, MQ_INVALID, "a delay is not negative");
    return client_fail(m, MQ_UNSUPPORTED, "an item goes back without a delay");
}

enum mq_status mqc_release_untouched(struct mqc_item *item)
{
    return end_one(item, (struct ending){.verb = MQ_VERB_RELEASE, .untouched = true});
}

static enum mq_status ask_about(struct mqc *m, enum mq_verb verb, uint64_t id, int64_t lease_ms)
{
    struct call *call = call_new(m, verb, NULL);
    if (!call)
        return MQ_NO_MEMORY;
    call_reserve_ids(call, 1);
    call->ids[0] = id;
    call->id_count = 1;
    call->exchange.request.lease_ms = lease_ms;
    enum mq_status status = call_run(call);
    call_drop(call);
    return status;
}

/* The lease is taken from the list first, so that two threads never end the same one. */
enum mq_status mqc_queue_task_done(struct mqc_queue *q)
{
    enum mq_status status = queue_enter(q);
    if (status != MQ_OK)
        return status;
    struct mqc *m = q->mqc;
    struct list_node *node = list_first(&q->leases);
    if (!node)
        return queue_leave(q, client_fail(m, MQ_TOO_MANY_DONE, NULL));
    struct mqc_item *item = CONTAINER_OF(node, struct mqc_item, lease_node);
    bool is_lost = lease_is_lost(item);
    if (!is_lost && q->ahead.prefetch && gather_reserve(m)) {
        gather_add(m, item->id);
        lease_end(item);
        gather_added(m);
        return queue_leave(q, MQ_OK);
    }
    struct call *call = call_new(m, MQ_VERB_TASK_DONE, NULL);
    if (!call)
        return queue_leave(q, MQ_NO_MEMORY);
    call_reserve_ids(call, 1);
    call->ids[0] = item->id;
    call->id_count = 1;
    lease_end(item);
    status = is_lost ? client_fail(m, MQ_LEASE_LOST, NULL) : call_run(call);
    call_drop(call);
    return queue_leave(q, status);
}

enum mq_status mqc_extend(struct mqc_item *item, int64_t lease_ms)
{
    if (!item)
        return client_fail(NULL, MQ_INVALID, "no item");
    struct mqc *m = item->batch->mqc;
    enum mq_status status = client_enter(m);
    if (status != MQ_OK)
        return status;
    if (lease_ms < 0)
        return client_leave(m, client_fail(m, MQ_INVALID, "a lease is not negative"));
    status = verdict(m, item);
    if (status == MQ_OK && !lease_may_end(item))
        status = MQ_NO_MEMORY;
    if (status == MQ_OK)
        status = ask_about(m, MQ_VERB_EXTEND, item->id, lease_ms);
    if (status == MQ_OK && item->leased)
        lease_set(item, lease_ms, monotonic_ms());
    return client_leave(m, status);
}
