/* mqc_lease.c - see mqc_lease.h. */
#include "mqc_lease.h"

#include <assert.h>
#include <string.h>

#include "mqc_queue.h"

enum { RENEW_PART = 3, RENEW_AGAIN_MS = 100 /* when there was no memory to do it */ };

static struct mqc_item *renewed_item(struct list_node *node)
{
    return node ? CONTAINER_OF(node, struct mqc_item, renew_node) : NULL;
}

bool lease_is_old(const struct mqc_item *item)
{
    return item->lost || item->batch->generation != item->batch->mqc->generation;
}

void lease_stop_renewing(struct mqc_item *item)
{
    if (list_has(&item->renew_node))
        list_remove(&item->renew_node);
}

static void plan_renewal(struct mqc_item *item, uint64_t now_ms)
{
    struct mqc *m = item->batch->mqc;
    int64_t part_ms = item->lease_ms / RENEW_PART;
    item->renew_at_ms = add_ms(now_ms, part_ms > 0 ? part_ms : 1);
    if (item->renew_at_ms < m->renew_due_ms)
        m->renew_due_ms = item->renew_at_ms;
}

void lease_set(struct mqc_item *item, int64_t lease_ms, uint64_t now_ms)
{
    struct mqc *m = item->batch->mqc;
    lease_stop_renewing(item);
    item->lease_ms = lease_ms;
    if (lease_ms <= 0 || m->no_renew)
        return;
    list_append(&m->renewals, &item->renew_node);
    plan_renewal(item, now_ms);
    helper_wake_by(m, m->renew_due_ms);
}

static void lose_older(struct mqc_queue *queue, uint64_t id)
{
    for (struct list_node *n = list_first(&queue->leases); n; n = list_next(&queue->leases, n)) {
        struct mqc_item *item = CONTAINER_OF(n, struct mqc_item, lease_node);
        if (item->id != id || lease_is_old(item))
            continue;
        lease_stop_renewing(item);
        item->lost = true;
        item->batch->mqc->held--;
    }
}

/* An item that was taken before may be one whose lease this client has lost without knowing. Requests name
 * items by their id alone, so it has to be seen to here that who had it first does not end the new lease. */
static void lose_older_of(struct batch *batch)
{
    struct mqc *m = batch->mqc;
    for (size_t i = 0; i < batch->count && m->held > 0; i++) {
        uint64_t id = batch->items[i].id;
        if (batch->items[i].deliveries == 1)
            continue;
        lose_older(batch->queue, id);
        for (struct list_node *n = list_first(&m->queues); n; n = list_next(&m->queues, n))
            lose_older(CONTAINER_OF(n, struct mqc_queue, node), id);
    }
}

void lease_begin(struct batch *batch, int64_t lease_ms, uint64_t now_ms)
{
    lose_older_of(batch);
    batch->leases = true;
    batch->references += batch->count;
    batch->mqc->held += batch->count;
    for (size_t i = 0; i < batch->count; i++) {
        batch->items[i].leased = true;
        list_append(&batch->queue->leases, &batch->items[i].lease_node);
        lease_set(&batch->items[i], lease_ms, now_ms);
    }
}

void lease_end(struct mqc_item *item)
{
    assert(item->leased);
    item->leased = false;
    lease_stop_renewing(item);
    list_remove(&item->lease_node);
    if (!lease_is_old(item))
        item->batch->mqc->held--;
    batch_unref(item->batch);
}

void lease_forget_session(struct mqc *m)
{
    m->generation++;
    m->held = 0;
    while (!list_is_empty(&m->renewals))
        list_remove(list_first(&m->renewals));
    m->renew_due_ms = NEVER;
}

/* ---- Renewal --------------------------------------------------------------------------------------------
 */

/* What the broker does not hold for us any more is not renewed; the program learns it from its own call. */
static void renewed(struct call *call, const struct answer *answer)
{
    struct mqc *m = call->mqc;
    for (size_t i = 0; answer && i < answer->refusal_count; i++)
        for (struct list_node *n = list_first(&m->renewals), *next; n; n = next) {
            next = list_next(&m->renewals, n);
            if (renewed_item(n)->id == answer->refusals[i].id)
                list_remove(n);
        }
}

static bool is_due_like(const struct mqc_item *item, uint64_t now_ms, int64_t lease_ms)
{
    return item->renew_at_ms <= now_ms && item->lease_ms == lease_ms;
}

static size_t count_due(const struct mqc *m, uint64_t now_ms, int64_t lease_ms)
{
    size_t count = 0;
    for (struct list_node *n = list_first(&m->renewals); n; n = list_next(&m->renewals, n))
        count += is_due_like(renewed_item(n), now_ms, lease_ms);
    return count < MQ_ITEMS_MAX ? count : MQ_ITEMS_MAX;
}

/* One request for all that are due and last equally long. False: out of memory. */
static bool renew_like(struct mqc *m, uint64_t now_ms, int64_t lease_ms)
{
    size_t count = count_due(m, now_ms, lease_ms);
    struct call *call = call_new(m, MQ_VERB_EXTEND, NULL);
    if (!call || !call_reserve_ids(call, count)) {
        call_drop(call);
        return false;
    }
    struct request *request = &call->exchange.request;
    request->lease_ms = lease_ms;
    for (struct list_node *n = list_first(&m->renewals); n; n = list_next(&m->renewals, n)) {
        struct mqc_item *item = renewed_item(n);
        if (request->id_count == count || !is_due_like(item, now_ms, lease_ms))
            continue;
        call->ids[request->id_count++] = item->id;
        plan_renewal(item, now_ms);
    }
    call->on_end = renewed;
    call_detach(call);
    return true;
}

static struct mqc_item *first_due(const struct mqc *m, uint64_t now_ms)
{
    for (struct list_node *n = list_first(&m->renewals); n; n = list_next(&m->renewals, n))
        if (renewed_item(n)->renew_at_ms <= now_ms)
            return renewed_item(n);
    return NULL;
}

void lease_renew(struct mqc *m, uint64_t now_ms)
{
    bool has_memory = true;
    struct mqc_item *item;
    if (now_ms < m->renew_due_ms)
        return;
    while (has_memory && (item = first_due(m, now_ms)))
        has_memory = renew_like(m, now_ms, item->lease_ms);
    m->renew_due_ms = has_memory ? NEVER : now_ms + RENEW_AGAIN_MS;
    for (struct list_node *n = list_first(&m->renewals); n && has_memory; n = list_next(&m->renewals, n))
        if (renewed_item(n)->renew_at_ms < m->renew_due_ms)
            m->renew_due_ms = renewed_item(n)->renew_at_ms;
}

/* Without memory they stay leased to nobody until the session ends: still not lost. */
void lease_return(struct mqc *m, const struct answer *answer)
{
    if (m->closing || !answer->item_count)
        return;
    struct call *call = call_new(m, MQ_VERB_RELEASE, NULL);
    if (!call || !call_reserve_ids(call, answer->item_count)) {
        call_drop(call);
        return;
    }
    struct request *request = &call->exchange.request;
    request->untouched = true;
    for (size_t i = 0; i < answer->item_count; i++)
        call->ids[request->id_count++] = answer->items[i].id;
    call_detach(call);
}
