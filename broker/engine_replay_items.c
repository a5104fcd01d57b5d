/* engine_replay_items.c - see engine_replay.h. Items: stored, moved, taken, done, given back. */
#include "engine_replay.h"

#include "key.h"

enum { BATCH = 512 }; /* items that are stored together */

/* ---- coming in ---- */

static bool is_item(const struct queue *q, const struct put_item *put)
{
    if (put->body.size > MQ_FRAME_SIZE_MAX)
        return false;
    return put->key.size == 0 || (q->settings.kind == MQ_KIND_PRIORITY && key_is_valid(put->key));
}

static struct size_pair size_of(const struct queue *q, const struct put_item *put)
{
    return (struct size_pair){.body = put->body.size, .key = order_key(&q->order, put).size};
}

/* In a chunk times do not go back. */
static uint64_t time_in(const struct replay *r, const struct queue *q)
{
    uint64_t time_ms = replay_time(r);
    const struct chunk *tail = q->order.tail;
    return tail && time_ms < tail->first_ms ? tail->first_ms : time_ms;
}

/* They become fresh records, as by a put. */
static bool store(struct replay *r, struct queue *q, const struct put_item *puts, size_t count,
                  uint64_t first_id)
{
    struct engine *e = r->e;
    size_t size = 0, cost = 0;
    for (size_t i = 0; i < count; i++) {
        struct size_pair one = size_of(q, &puts[i]);
        size += one.body;
        cost += item_cost(one.body, one.key);
    }
    room_make(e, q, cost);
    if (!ledger_reserve(&e->ledger, first_id, count, e->segment) ||
        !order_put(&q->order, puts, count, first_id, time_in(r, q))) {
        replay_no_memory(r);
        return false;
    }
    e->next_item = first_id;
    put_count_stored(e, q, count, size, cost);
    return true;
}

/* The put's answer tells of them. As long as there are more to come, it was cut off. */
static void tell_stored(struct replay *r, struct call *call, struct range ids)
{
    replay_note_ids(r, call, ids);
    call->partial = r->fact.flags & FACT_PARTIAL;
    call->total = r->fact.total;
    call->is_cut = call->count < call->total && !call->partial;
    call->cut_queue = r->fact.queue;
    call->status = call->is_cut ? MQ_SESSION_LOST : MQ_OK;
}

/* Where the items of this fact are to go, and whether their ids can be. */
static struct queue *queue_for(struct replay *r)
{
    const struct fact *f = &r->fact;
    struct queue *q = replay_queue(r);
    bool is_place = q && !q->is_shut_down && !q->settings.is_transient;
    bool are_ids = f->first_id >= r->e->next_item && f->first_id < REPLAY_NUMBER_MAX;
    if (q && is_place && are_ids && f->total > 0 && f->total <= MQ_ITEMS_MAX)
        return q;
    if (q)
        replay_bad(r, "items are stored where they cannot be");
    return NULL;
}

/* Its items, a batch at a time. Returns how many have been stored. */
static uint64_t store_all(struct replay *r, struct queue *q)
{
    struct put_item puts[BATCH];
    uint64_t first_id = r->fact.first_id, stored = 0;
    bool is_keyed = q->settings.kind == MQ_KIND_PRIORITY;
    for (size_t count = 0;;) {
        bool is_there = stored + count < MQ_ITEMS_MAX &&
                        fact_next_item(&r->reader, &r->fact, is_keyed, &puts[count]) &&
                        is_item(q, &puts[count]);
        count += is_there;
        if (count > 0 && (count == BATCH || !is_there)) {
            if (!store(r, q, puts, count, first_id + stored))
                return stored;
            stored += count;
            count = 0;
        }
        if (!is_there)
            return stored;
    }
}

void replay_stored(struct replay *r)
{
    struct queue *q = queue_for(r);
    struct session *s = q ? replay_session(r) : NULL;
    if (!q || (!s && !r->lenient))
        return;
    uint64_t first_id = r->fact.first_id, count = store_all(r, q);
    if (r->why || r->reader.why)
        return;
    if ((count == 0 || r->fact.rest.size > 0 || count > r->fact.total) &&
        !replay_bad(r, "the items of a put make no sense"))
        return;
    struct call *call = s && count > 0 ? replay_call(r, s, MQ_VERB_PUT) : NULL;
    if (call && call->verb == MQ_VERB_PUT && call->count + count <= r->fact.total)
        tell_stored(r, call, (struct range){first_id, first_id + count - 1});
    else if (!r->why)
        replay_bad(r, "a put stores more than it has, or is none");
}

/* ---- moved ---- */

/* It was never taken: it becomes a fresh record, behind all others or between them. */
static bool put_fresh(struct replay *r, struct queue *q, const struct put_item *put)
{
    uint64_t id = r->fact.first_id;
    if (order_last_fresh_id(&q->order) < id)
        return order_put(&q->order, put, 1, id, time_in(r, q));
    return order_put_older(&q->order, put, id, replay_time(r));
}

/* All but the place of the item is as if it were stored now. */
static void count_in(struct engine *e, struct queue *q, uint64_t id, struct size_pair size)
{
    uint64_t next = e->next_item, puts = q->totals.puts;
    e->next_item = id;
    put_count_stored(e, q, 1, size.body, item_cost(size.body, size.key));
    e->next_item = next;
    q->totals.puts = puts;
}

/* It is in the hands of this session, maybe by a get whose answer is not confirmed. */
static void hold(struct replay *r, struct session *s, struct queue *q, struct item *item)
{
    struct engine *e = r->e;
    struct call *call = r->fact.cause.call ? call_find(e, s, r->fact.cause.call) : NULL;
    if (call && call->verb != MQ_VERB_GET)
        call = NULL;
    if (call)
        replay_grow(e, call, item->size + ITEM_MARGIN);
    e->ready--;
    lease_hold(e, s, call, q, item, r->fact.lease_ms);
}

/* *ret_item NULL: it is fresh. False: out of memory. */
static bool put_back(struct replay *r, struct queue *q, bool is_held, const struct put_item *put,
                     struct item **ret_item)
{
    const struct fact *f = &r->fact;
    *ret_item = NULL;
    if (!is_held && f->deliveries == 0 && q->settings.kind != MQ_KIND_PRIORITY)
        return put_fresh(r, q, put);
    *ret_item = order_restore(&q->order, put, f->first_id, replay_time(r), f->deliveries);
    return *ret_item != NULL;
}

static void move_in(struct replay *r, struct queue *q, struct session *s, const struct put_item *put)
{
    struct engine *e = r->e;
    uint64_t id = r->fact.first_id;
    struct size_pair size = size_of(q, put);
    struct item *item;
    room_make(e, q, item_cost(size.body, size.key));
    if (!ledger_reserve(&e->ledger, id, 1, e->segment) || (s && !lease_own(e, 1))) {
        replay_no_memory(r);
        return;
    }
    if (!put_back(r, q, s, put, &item)) {
        if (s)
            lease_disown(e, 1);
        replay_no_memory(r);
        return;
    }
    count_in(e, q, id, size);
    if (s)
        hold(r, s, q, item);
    else if (item)
        order_return(&q->order, item);
}

static bool is_movable(struct replay *r, const struct queue *q, const struct session *s)
{
    const struct fact *f = &r->fact;
    bool is_keyed = q->settings.kind == MQ_KIND_PRIORITY;
    return f->first_id > 0 && f->first_id < r->e->next_item && !(f->flags & FACT_KEYED) == !is_keyed &&
           f->lease_ms >= 0 && !q->settings.is_transient && (s ? f->deliveries > 0 : !q->is_immediate);
}

/* The one with the fact's first id; one that is known is only found further on in the log than before. */
static void move_one(struct replay *r, struct queue *q, struct session *s, const struct put_item *put)
{
    struct engine *e = r->e;
    uint64_t id = r->fact.first_id;
    if (r->lenient && id >= e->next_item && id < REPLAY_NUMBER_MAX)
        e->next_item = id + 1;
    if (!is_movable(r, q, s) || !is_item(q, put))
        replay_bad(r, "an item was moved that makes no sense");
    else if (!ledger_is_live(&e->ledger, id))
        move_in(r, q, s, put);
    else if (ledger_reserve(&e->ledger, id, 1, e->segment))
        ledger_move(&e->ledger, id, e->segment);
    else
        replay_no_memory(r);
}

void replay_moved(struct replay *r)
{
    struct queue *q = replay_queue(r);
    struct session *s = q && r->fact.cause.session ? replay_session(r) : NULL;
    struct put_item put;
    uint64_t first_id = r->fact.first_id;
    if (!q)
        return;
    bool is_keyed = q->settings.kind == MQ_KIND_PRIORITY;
    for (; !r->why && fact_next_item(&r->reader, &r->fact, is_keyed, &put); r->fact.first_id++)
        move_one(r, q, s, &put);
    if (!r->why && r->fact.first_id == first_id)
        replay_bad(r, "nothing was moved");
}

/* ---- taken ---- */

static uint64_t id_of(const struct order *order, struct order_first first)
{
    return first.record ? record_id(first.record) : pile_first(&order->pile)->id;
}

/* What was taken is what was to be taken next: of those that are known it is the first, as it was of all.
 * Unless facts are missing that tell what became of others. */
static struct item *take_item(struct replay *r, struct queue *q, uint64_t id)
{
    bool no_memory = false;
    if (q->order.count > 0) {
        struct order_first first = order_first(&q->order);
        if (id_of(&q->order, first) == id)
            return order_take(&q->order, first);
    }
    struct item *item = r->lenient ? order_take_out(&q->order, id, &no_memory) : NULL;
    if (no_memory)
        replay_no_memory(r);
    else if (!item)
        replay_bad(r, "an item was taken out of turn");
    return item;
}

static void take(struct replay *r, struct call *call, struct queue *q, uint64_t id)
{
    struct engine *e = r->e;
    if (!room_fetch(e, q) || !lease_reserve(e, q, 1)) {
        replay_no_memory(r);
        return;
    }
    struct item *item = take_item(r, q, id);
    if (!item) {
        lease_unreserve(e, q, 1);
        return;
    }
    replay_grow(e, call, item->size + ITEM_MARGIN);
    lease_begin(e, call, q, item);
}

/* Takes those that are known. If some are not, which may come later, the answer's order is to be kept. */
static void take_run(struct replay *r, struct call *call, struct queue *q, struct range ids)
{
    bool are_known = call->id_count == 0;
    for (uint64_t id = ids.first; id <= ids.last && !r->why; id++) {
        bool is_known = ledger_is_live(&r->e->ledger, id);
        if (is_known)
            take(r, call, q, id);
        are_known &= is_known;
    }
    if (!are_known && !r->why)
        replay_note_ids(r, call, ids);
}

static bool is_taken(const struct fact *f)
{
    return f->count > 0 && f->count <= MQ_ITEMS_MAX && f->redelivered <= f->count && f->lease_ms >= 0 &&
           f->cause.call > 0;
}

/* Totals count unknown ones, too. */
void replay_taken(struct replay *r)
{
    struct queue *q = replay_queue(r);
    struct session *s = q ? replay_session(r) : NULL;
    if (s && !is_taken(&r->fact))
        replay_bad(r, "a get's items make no sense");
    struct call *call = s && is_taken(&r->fact) ? replay_call(r, s, MQ_VERB_GET) : NULL;
    if (!call)
        return;
    if (call->verb != MQ_VERB_GET) {
        replay_bad(r, "items were handed out by a request that is no get");
        return;
    }
    struct range ids;
    struct totals totals = q->totals;
    uint64_t count = 0;
    call->lease_ms = r->fact.lease_ms;
    call->auto_done = r->fact.flags & FACT_AUTO_DONE;
    call->max = (uint32_t)r->fact.count;
    while (replay_next_run(r, &count, &ids))
        take_run(r, call, q, ids);
    if (count != r->fact.count)
        replay_bad(r, "a get has not as many items as it says");
    q->totals.gets = totals.gets + r->fact.count;
    q->totals.redelivered = totals.redelivered + r->fact.redelivered;
}

/* ---- done, given back, extended ---- */

/* The item is in the hands of this session, for all that is known of it. NULL: it does not wait here, or
 * there is no memory. */
static struct lease *lease_out(struct replay *r, struct session *s, struct queue *q, uint64_t id)
{
    struct engine *e = r->e;
    bool no_memory;
    if (!room_fetch(e, q) || !lease_reserve(e, q, 1)) {
        replay_no_memory(r);
        return NULL;
    }
    struct item *item = order_take_out(&q->order, id, &no_memory);
    if (!item) {
        lease_unreserve(e, q, 1);
        if (no_memory)
            replay_no_memory(r);
        return NULL;
    }
    e->ready--;
    q->totals.gets++;
    item->deliveries++;
    lease_hold(e, s, NULL, q, item, 0);
    return lease_find(e, s, id);
}

/* Facts are missing that tell how the session came to hold this item, but it says that the item is done. */
static struct lease *claim(struct replay *r, struct session *s, uint64_t id)
{
    struct engine *e = r->e;
    const struct item *item = item_find(&e->stock, id);
    struct lease *lease = item ? item_holder(item) : NULL;
    if (lease)
        lease_return(e, lease, false, false);
    lease = NULL;
    for (size_t i = 0; i < e->queues.count && !lease && !r->why; i++)
        lease = lease_out(r, s, e->queue_list[i], id);
    return lease;
}

/* The lease of this item; NULL: it is unknown, or it makes no sense. */
static struct lease *lease_of(struct replay *r, struct session *s, uint64_t id)
{
    struct lease *lease = lease_find(r->e, s, id);
    if (lease || !ledger_is_live(&r->e->ledger, id))
        return lease;
    if (replay_bad(r, "an item is not held by the session that speaks of it") && r->fact.kind == FACT_DONE)
        return claim(r, s, id);
    return NULL;
}

static void apply(struct replay *r, struct lease *lease)
{
    const struct fact *f = &r->fact;
    if (f->kind == FACT_DONE)
        lease_done(r->e, lease);
    else if (f->kind == FACT_RETURNED)
        lease_return(r->e, lease, f->flags & FACT_UNTOUCHED, false);
    else
        lease_last(r->e, lease, f->lease_ms);
}

static void replay_leases(struct replay *r, enum mq_verb verb)
{
    struct session *s = replay_session(r);
    struct call *call = s ? replay_call(r, s, verb) : NULL;
    bool is_taken_back = call && call->verb == MQ_VERB_GET && r->fact.kind == FACT_RETURNED;
    if (!s || (call && call->verb != verb && !is_taken_back)) {
        replay_bad(r, "a request about items is told to be another one");
        return;
    }
    struct range ids;
    uint64_t count = 0;
    while (replay_next_run(r, &count, &ids))
        for (uint64_t id = ids.first; id <= ids.last && !r->why; id++) {
            struct lease *lease = lease_of(r, s, id);
            if (lease)
                apply(r, lease);
        }
}

void replay_done(struct replay *r)
{
    replay_leases(r, MQ_VERB_TASK_DONE);
}

void replay_returned(struct replay *r)
{
    replay_leases(r, MQ_VERB_RELEASE);
}

void replay_extended(struct replay *r)
{
    if (r->fact.lease_ms >= 0)
        replay_leases(r, MQ_VERB_EXTEND);
    else
        replay_bad(r, "a lease makes no sense");
}
