/* engine_lease.c - leases: one item in the hands of one session, and the ways in which that ends.
 *
 * A lease is held or lost. A lost one only remembers that this session held this item until the item went
 * back, so that a late task_done is told LEASE_LOST and not TOO_MANY_DONE. */
#include "engine_state.h"

#include <stdlib.h>

enum { FETCH_AHEAD = 8 }; /* items whose memory is asked for before it is needed */

/* The block, and its places in the heap and in the table. */
static_assert(sizeof(struct lease) + 8 + sizeof(struct heap_node) + 2 * sizeof(void *) <= ITEM_LEASE_COST,
              "a lease takes more than is counted");

bool lease_own(struct engine *e, size_t count)
{
    if (!pool_own(&e->lease_pool, count))
        return false;
    if (heap_own(&e->lives, count))
        return true;
    pool_disown(&e->lease_pool, count);
    return false;
}

void lease_disown(struct engine *e, size_t count)
{
    pool_disown(&e->lease_pool, count);
    heap_disown(&e->lives, count);
}

bool lease_reserve(struct engine *e, struct queue *q, size_t count)
{
    if (!lease_own(e, count))
        return false;
    if (order_reserve_take(&q->order, count))
        return true;
    lease_disown(e, count);
    return false;
}

void lease_unreserve(struct engine *e, struct queue *q, size_t count)
{
    lease_disown(e, count);
    order_unreserve_take(&q->order, count);
}

static void free_lease(struct engine *e, struct lease *lease)
{
    heap_disown(&e->lives, 1);
    pool_give(&e->lease_pool, lease);
}

static void stop_timer(struct engine *e, struct lease *lease)
{
    if (heap_has(&lease->timer.entry))
        heap_remove(&e->lives, &lease->timer.entry);
}

/* It ends so many ms from now; 0: with the session. */
static inline void start_timer(struct engine *e, struct lease *lease, int64_t lease_ms)
{
    lease->lease_ms = lease_ms > 0 ? lease_ms : 0;
    if (lease_ms > 0)
        heap_add(&e->lives, &lease->timer.entry, engine_later_ms(e, (uint64_t)lease_ms));
}

void lease_last(struct engine *e, struct lease *lease, int64_t lease_ms)
{
    stop_timer(e, lease);
    start_timer(e, lease, lease_ms);
}

void lease_hold(struct engine *e, struct session *s, struct call *call, struct queue *q, struct item *item,
                int64_t lease_ms)
{
    struct lease *lease = pool_take(&e->lease_pool);
    *lease = (struct lease){
        .timer = {.kind = TIMER_LEASE}, .item = item, .id = item->id, .session = s, .queue = q, .call = call};
    heap_entry_init(&lease->timer.entry);
    item_hold(&e->stock, item, lease);
    table_add(&e->leases, &lease->by_item, table_hash_pair(s->number, item->id));
    list_append(&s->leases, &lease->of_session);
    list_append(&q->leases, &lease->of_queue);
    if (call)
        list_append(&call->leases, &lease->of_call);
    start_timer(e, lease, lease_ms);
    s->leased++;
    q->leased++;
    e->leased++;
    e->stored_size += ITEM_LEASE_COST;
}

/* The item was just taken from its queue's order. */
void lease_begin(struct engine *e, struct call *call, struct queue *q, struct item *item)
{
    lease_hold(e, call->session, call, q, item, call->lease_ms);
    e->ready--;
    if (item->deliveries++ > 0) {
        q->totals.redelivered++;
        e->totals.redelivered++;
    }
    q->totals.gets++;
    e->totals.gets++;
}

/* Takes the item out of the lease, which is then in no list but the table. */
static struct item *let_go(struct engine *e, struct lease *lease)
{
    struct item *item = lease->item;
    assert(item);
    lease->item = NULL;
    item_hold(&e->stock, item, NULL);
    stop_timer(e, lease);
    list_remove(&lease->of_session);
    list_remove(&lease->of_queue);
    if (lease->call)
        list_remove(&lease->of_call);
    lease->call = NULL;
    lease->session->leased--;
    lease->queue->leased--;
    e->leased--;
    e->stored_size -= ITEM_LEASE_COST;
    e->memory_freed = true;
    engine_mark(e, lease->queue);
    return item;
}

static void end_lease(struct engine *e, struct lease *lease)
{
    table_remove(&e->leases, &lease->by_item);
    free_lease(e, lease);
}

void lease_forget(struct engine *e, struct lease *lease)
{
    assert(!lease->item);
    list_remove(&lease->of_session);
    lease->session->lost_count--;
    e->lost--;
    end_lease(e, lease);
}

/* What this session has of the item: the lease it holds and the one it lost, NULL where there is none. */
static void find_both(const struct engine *e, const struct session *s, uint64_t id, struct lease **ret_held,
                      struct lease **ret_lost)
{
    uint64_t hash = table_hash_pair(s->number, id);
    *ret_held = *ret_lost = NULL;
    for (struct table_node *n = table_first(&e->leases, hash); n; n = table_next(n, hash)) {
        struct lease *lease = CONTAINER_OF(n, struct lease, by_item);
        if (lease->session == s && lease->id == id)
            *(lease->losses ? ret_lost : ret_held) = lease;
    }
}

struct lease *lease_find(const struct engine *e, const struct session *s, uint64_t id)
{
    struct lease *held, *lost;
    find_both(e, s, id, &held, &lost);
    return held;
}

/* An item may be lost again and again: one lost lease of it counts how often. What was lost before a restart
 * needs no lost lease. */
static void keep_as_lost(struct engine *e, struct lease *lease)
{
    struct session *s = lease->session;
    struct lease *ended, *lost;
    find_both(e, s, lease->id, &ended, &lost);
    assert(ended == lease);
    if (lost)
        lost->losses++;
    if (lost || e->is_replaying) {
        end_lease(e, lease);
        return;
    }
    lease->losses = 1;
    lease->queue = NULL;
    list_append(&s->lost, &lease->of_session);
    s->lost_count++;
    e->lost++;
    if (s->lost_count > LOST_LEASES_MAX || (e->lost > LOST_ALL_MAX && s->lost_count > LOST_FAIR))
        lease_forget(e, CONTAINER_OF(list_first(&s->lost), struct lease, of_session));
}

void lease_done(struct engine *e, struct lease *lease)
{
    struct queue *q = lease->queue;
    struct item *item = let_go(e, lease);
    struct size_pair size = item_size(item);
    size_t cost = item_cost(size.body, size.key);
    order_forget(&q->order, item);
    note_gone(e, q, lease->id, cost);
    q->bytes -= size.body;
    q->totals.done++;
    e->totals.done++;
    e->stored_size -= cost;
    e->memory_freed = true;
    end_lease(e, lease);
}

/* The item goes back to its old place; if the queue was shut down immediately, it is discarded instead. */
void lease_return(struct engine *e, struct lease *lease, bool untouched, bool remember)
{
    struct queue *q = lease->queue;
    struct item *item = let_go(e, lease);
    if (untouched)
        item->deliveries--;
    q->totals.returned++;
    e->totals.returned++;
    order_return(&q->order, item);
    e->ready++;
    if (q->is_immediate) {
        queue_discard_ready(e, q);
        q->owes_totals = note_is_on(e) && note_is_of(e, q);
    }
    if (remember)
        keep_as_lost(e, lease);
    else
        end_lease(e, lease);
}

/* Its queue is being removed, and the item with it. The answer that gave the item, if it is still to be told,
 * tells that much: see note_lease_over(). */
void lease_revoke(struct engine *e, struct lease *lease)
{
    struct queue *q = lease->queue;
    if (lease->call)
        lease->call->position = e->facts.needed;
    struct item *item = let_go(e, lease);
    struct size_pair size = item_size(item);
    order_forget(&q->order, item);
    item_discarded(e, q, lease->id, size);
    keep_as_lost(e, lease);
}

/* What this session has of the item: the lease it holds, else the one it lost, else NULL. If it lost the item
 * and has it again by a get whose answer it has not confirmed, it does not know yet: who is done with the
 * item then means the lease that was lost. */
static struct lease *find(const struct engine *e, const struct session *s, uint64_t id, enum mq_verb verb)
{
    struct lease *held, *lost;
    find_both(e, s, id, &held, &lost);
    bool knows_both = !held || !held->call || verb == MQ_VERB_EXTEND;
    return held && (knows_both || !lost) ? held : lost;
}

static void apply(struct engine *e, struct lease *lease, const struct request *req)
{
    if (req->verb == MQ_VERB_TASK_DONE)
        lease_done(e, lease);
    else if (req->verb == MQ_VERB_RELEASE)
        lease_return(e, lease, req->untouched, false);
    else
        lease_last(e, lease, req->lease_ms);
}

/* Can none of these ids be refused? True only if that is certain: all held, none named twice. Leaves the
 * leases in e->found. */
static bool all_held(struct engine *e, const struct session *s, const struct request *req)
{
    for (size_t i = 0; i < req->id_count; i++) {
        struct lease *lease = find(e, s, req->ids[i], req->verb);
        if (!lease || !lease->item || (i > 0 && req->ids[i] <= req->ids[i - 1]))
            return false;
        e->found[i] = lease;
        __builtin_prefetch(lease->item->record);
    }
    return true;
}

/* A restart may have forgotten that an item was handed out, and forgets what was lost before. */
static bool may_have_held(const struct engine *e, const struct session *s, uint64_t id)
{
    return s->is_replayed && id < e->begun_item;
}

/* Each id is judged alone. */
static void judge(struct engine *e, struct call *call, const struct request *req)
{
    for (size_t i = 0; i < req->id_count; i++) {
        struct lease *lease = find(e, call->session, req->ids[i], req->verb);
        if (lease && lease->item) {
            note_lease(e, call, req, lease);
            apply(e, lease, req);
            continue;
        }
        bool is_lost = lease || may_have_held(e, call->session, req->ids[i]);
        enum mq_status why = is_lost ? MQ_LEASE_LOST : MQ_TOO_MANY_DONE;
        call->refusals[call->refusal_count++] = (struct refusal){req->ids[i], why};
        if (lease && req->verb != MQ_VERB_EXTEND && --lease->losses == 0)
            lease_forget(e, lease);
    }
    note_leases_end(e, call);
    call_answer(e, call, call->refusal_count ? call->refusals[0].status : MQ_OK, NULL);
}

/* Before anything changes: what follows may end leases. */
static void note_all_held(struct engine *e, struct call *call, const struct request *req)
{
    if (!note_is_on(e))
        return;
    for (size_t i = 0; i < req->id_count; i++)
        note_lease(e, call, req, e->found[i]);
    note_leases_end(e, call);
}

/* task_done, release, extend. */
void lease_submit(struct engine *e, struct call *call, const struct request *req)
{
    if (all_held(e, call->session, req)) {
        note_all_held(e, call, req);
        for (size_t i = 0; i < req->id_count; i++) {
            if (i + FETCH_AHEAD < req->id_count)
                item_fetch(e->found[i + FETCH_AHEAD]->item);
            apply(e, e->found[i], req);
        }
        call_answer(e, call, MQ_OK, NULL);
        return;
    }
    call->refusals = malloc(req->id_count * sizeof *call->refusals);
    if (!call->refusals) {
        call_answer(e, call, MQ_NO_MEMORY, NULL);
        return;
    }
    call->reply_size = req->id_count * sizeof *call->refusals;
    judge(e, call, req);
}
