/* mqc_lease.c - see mqc_lease.h. */
#include "mqc_lease.h"

#include <assert.h>
#include <string.h>

#include "mqc_queue.h"

enum { RENEW_PART = 3, RENEW_AGAIN_MS = 100 /* when there was no memory to do it */ };

static struct limit *limit_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct limit, renew_node);
}

bool lease_is_lost(const struct mqc_item *item)
{
    return item->lost || item->batch->generation != item->batch->mqc->generation;
}

bool lease_may_be_over(const struct mqc_item *item)
{
    const struct limit *limit = item_limit(item);
    if (!limit || limit->lease_ms <= 0)
        return false;
    return monotonic_ms() >= add_ms(limit->renew_at_ms, limit->lease_ms - limit->lease_ms / RENEW_PART);
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
    struct limit *limit = item_limit(item);
    if (limit && list_has(&limit->renew_node))
        list_remove(&limit->renew_node);
}

static void plan_renewal(struct mqc *m, struct limit *limit, uint64_t now_ms)
{
    int64_t part_ms = limit->lease_ms / RENEW_PART;
    limit->renew_at_ms = add_ms(now_ms, part_ms > 0 ? part_ms : 1);
    if (limit->renew_at_ms < m->renew_due_ms)
        m->renew_due_ms = limit->renew_at_ms;
}

bool lease_may_end(struct mqc_item *item)
{
    return batch_reserve_limits(item->batch) || client_fail(item->batch->mqc, MQ_NO_MEMORY, NULL) == MQ_OK;
}

void lease_set(struct mqc_item *item, int64_t lease_ms, uint64_t now_ms)
{
    struct mqc *m = item->batch->mqc;
    struct limit *limit = item_limit(item);
    assert(limit);
    lease_stop_renewing(item);
    limit->item = item;
    limit->lease_ms = lease_ms;
    if (lease_ms <= 0 || m->no_renew)
        return;
    list_append(&m->renewals, &limit->renew_node);
    plan_renewal(m, limit, now_ms);
    helper_wake_by(m, m->renew_due_ms);
}

/* It is no longer among those that this session holds. */
static void unlist(struct mqc_item *item)
{
    lease_stop_renewing(item);
    table_remove(&item->batch->mqc->leases, &item->id_node);
}

static void lose(struct mqc_item *item)
{
    unlist(item);
    item->lost = true;
    if (item->ahead)
        ahead_drop(item);
}

/* An item that comes while it is held had gone back: who had it first must not end the new lease. */
static void begin_one(struct mqc_item *item, struct list *place)
{
    struct mqc *m = item->batch->mqc;
    struct mqc_item *before = find_lease(m, item->id);
    if (before)
        lose(before);
    item->leased = true;
    list_append(place, &item->lease_node);
    table_add(&m->leases, &item->id_node, table_hash_number(item->id));
}

void lease_begin(struct batch *batch, struct list *place, int64_t lease_ms, uint64_t now_ms)
{
    batch->leases = true;
    batch->references += batch->count;
    for (size_t i = 0; i < batch->count; i++) {
        begin_one(&batch->items[i], place);
        if (lease_ms > 0)
            lease_set(&batch->items[i], lease_ms, now_ms);
    }
}

void lease_end(struct mqc_item *item)
{
    assert(item->leased);
    if (!lease_is_lost(item))
        unlist(item);
    item->leased = false;
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
    ahead_lose_all(m);
    gather_lose(m);
}

/* ---- Renewal ------------------------------------------------------------------------------------------- */

/* What went back is not renewed any more; the program learns it from its own call, if it has the item. */
static void renewed(struct call *call, const struct answer *answer)
{
    for (size_t i = 0; answer && i < answer->refusal_count; i++) {
        struct mqc_item *item = find_lease(call->mqc, answer->refusals[i].id);
        if (item && item->ahead)
            lose(item);
        else if (item)
            lease_stop_renewing(item);
    }
}

static bool is_due_like(const struct limit *limit, uint64_t now_ms, int64_t lease_ms)
{
    return limit->renew_at_ms <= now_ms && limit->lease_ms == lease_ms;
}

static size_t count_due(const struct mqc *m, uint64_t now_ms, int64_t lease_ms)
{
    size_t count = 0;
    for (struct list_node *n = list_first(&m->renewals); n; n = list_next(&m->renewals, n))
        count += is_due_like(limit_of(n), now_ms, lease_ms);
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
        struct limit *limit = limit_of(n);
        if (call->id_count == count || !is_due_like(limit, now_ms, lease_ms))
            continue;
        call->ids[call->id_count++] = limit->item->id;
        plan_renewal(m, limit, now_ms);
    }
    call->on_end = renewed;
    call_detach(call);
    return true;
}

static struct limit *first_due(const struct mqc *m, uint64_t now_ms)
{
    for (struct list_node *n = list_first(&m->renewals); n; n = list_next(&m->renewals, n))
        if (limit_of(n)->renew_at_ms <= now_ms)
            return limit_of(n);
    return NULL;
}

void lease_renew(struct mqc *m, uint64_t now_ms)
{
    bool has_memory = true;
    struct limit *limit;
    if (now_ms < m->renew_due_ms)
        return;
    while (has_memory && (limit = first_due(m, now_ms)))
        has_memory = renew_like(m, now_ms, limit->lease_ms);
    m->renew_due_ms = has_memory ? NEVER : now_ms + RENEW_AGAIN_MS;
    for (struct list_node *n = list_first(&m->renewals); n && has_memory; n = list_next(&m->renewals, n))
        if (limit_of(n)->renew_at_ms < m->renew_due_ms)
            m->renew_due_ms = limit_of(n)->renew_at_ms;
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
