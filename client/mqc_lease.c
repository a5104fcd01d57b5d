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

bool lease_is_lost(const struct mqc_item *item)
{
    return item->lost || item->batch->generation != item->batch->mqc->generation;
}

static struct mqc_item *find_lease(const struct mqc *m, uint64_t id)
{
    uint64_t hash = table_hash_number(id);
    for (struct table_node *n = table_first(&m->leases, hash); n; n = table_next(n, hash)) {
        struct mqc_item *item = CONTAINER_OF(n, struct mqc_item, id_node);
        if (item->id == id)
            return item;
    }
    return NULL;
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

static void lose(struct mqc_item *item)
{
    item->lost = true;
    lease_stop_renewing(item);
    table_remove(&item->batch->mqc->leases, &item->id_node);
}

/* An item that comes while it is held had gone back: who had it first must not end the new lease. */
static void begin_one(struct mqc_item *item, int64_t lease_ms, uint64_t now_ms)
{
    struct mqc *m = item->batch->mqc;
    struct mqc_item *before = find_lease(m, item->id);
    if (before)
        lose(before);
    item->leased = true;
    list_append(&item->batch->queue->leases, &item->lease_node);
    table_add(&m->leases, &item->id_node, table_hash_number(item->id));
    lease_set(item, lease_ms, now_ms);
}

void lease_begin(struct batch *batch, int64_t lease_ms, uint64_t now_ms)
{
    batch->leases = true;
    batch->references += batch->count;
    for (size_t i = 0; i < batch->count; i++)
        begin_one(&batch->items[i], lease_ms, now_ms);
}

void lease_end(struct mqc_item *item)
{
    assert(item->leased);
    if (!lease_is_lost(item))
        table_remove(&item->batch->mqc->leases, &item->id_node);
    item->leased = false;
    lease_stop_renewing(item);
    list_remove(&item->lease_node);
    batch_unref(item->batch);
}

void lease_lose_all(struct mqc *m)
{
    m->generation++;
    table_done(&m->leases); /* which leaves it empty */
    while (!list_is_empty(&m->renewals))
        list_remove(list_first(&m->renewals));
    m->renew_due_ms = NEVER;
}

/* ---- Renewal ------------------------------------------------------------------------------------------- */

/* What went back is not renewed any more; the program learns it from its own call. */
static void renewed(struct call *call, const struct answer *answer)
{
    for (size_t i = 0; answer && i < answer->refusal_count; i++) {
        struct mqc_item *item = find_lease(call->mqc, answer->refusals[i].id);
        if (item)
            lease_stop_renewing(item);
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
    call->exchange.request.lease_ms = lease_ms;
    for (struct list_node *n = list_first(&m->renewals); n; n = list_next(&m->renewals, n)) {
        struct mqc_item *item = renewed_item(n);
        if (call->id_count == count || !is_due_like(item, now_ms, lease_ms))
            continue;
        call->ids[call->id_count++] = item->id;
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
    call->exchange.request.untouched = true;
    for (size_t i = 0; i < answer->item_count; i++)
        call->ids[call->id_count++] = answer->items[i].id;
    call_detach(call);
}
