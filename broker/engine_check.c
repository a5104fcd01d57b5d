/* engine_check.c - every invariant of the engine, walked and asserted: each thing is in exactly one place,
 * each counter equals its list, and nobody waits whose condition holds. For tests and the simulator. */
#include "engine_state.h"

/* What is found by walking, to be compared with what is counted. */
struct census {
    uint64_t spares, ready, leased, lost, waiting, connected, calls, leases, ended;
    uint64_t stored_size, unstored_size, starved_size, kept_size;
    uint64_t away_count, away_items, away_cost;
    uint64_t live, live_size;
    size_t waits_owned, lives_owned;
};

static void check_put(const struct call *call, struct census *census)
{
    struct order_sum sum = {0};
    if (call->queue)
        sum = order_intake_sum(&call->queue->order, &call->unstored);
    assert(sum.body_size == call->unstored_size);
    census->unstored_size += sum.cost;
    uint64_t stored = 0;
    for (size_t i = 0; i < call->id_count; i++)
        stored += call->ids[i].last - call->ids[i].first + 1;
    assert(stored == (call->verb == MQ_VERB_PUT ? call->count : 0));
}

static void check_call(const struct call *call, const struct session *s, struct census *census)
{
    assert(call->session == s);
    assert(call->number > 0 && call->number < s->next_number);
    assert(call->waits == (call->queue != NULL));
    assert(call->waits == list_has(&call->of_queue));
    assert(call->owns_deadline == heap_has(&call->deadline));
    assert(call->waits || !call->owns_deadline);
    assert((call->waits && call->verb == MQ_VERB_GET) == call->has_spare);
    assert(call->waits || (!call->unstored.next && call->unstored.left == 0));
    assert(!call->waits || list_is_empty(&call->leases));
    assert(!list_has(&call->of_outbox) || (!call->waits && s->peer));
    for (struct list_node *n = list_first(&call->leases); n; n = list_next(&call->leases, n))
        assert(CONTAINER_OF(n, struct lease, of_call)->call == call);
    census->lives_owned += call->has_spare;
    census->spares += call->has_spare;
    check_put(call, census);
    census->calls++;
    census->waiting += call->waits;
    census->waits_owned += call->owns_deadline;
}

static void check_calls(const struct engine *e, const struct session *s, struct census *census)
{
    uint64_t waiting = 0, unconfirmed = 0, last = 0;
    size_t unstored = 0, unconfirmed_size = 0, kept_size = 0;
    for (struct list_node *n = list_first(&s->calls); n; n = list_next(&s->calls, n)) {
        const struct call *call = CONTAINER_OF(n, struct call, of_session);
        assert(call->number > last);
        assert(call_find(e, s, call->number) == call);
        last = call->number;
        check_call(call, s, census);
        waiting += call->waits;
        unconfirmed += !call->waits;
        unstored += call->unstored_size;
        unconfirmed_size += call->waits ? 0 : call->reply_size;
        kept_size += call->waits ? 0 : call_kept_size(call);
    }
    assert(waiting == s->waiting && unconfirmed == s->unconfirmed);
    assert(unstored == s->unstored_size && unconfirmed_size == s->unconfirmed_size);
    assert(kept_size == s->kept_size);
    census->kept_size += kept_size;
    assert(!s->ended || waiting == 0);
}

/* A session has each item once among its lost leases, and once among those it holds. */
static void check_only(const struct engine *e, const struct lease *lease)
{
    uint64_t hash = lease->by_item.hash;
    size_t count = 0;
    for (struct table_node *n = table_first(&e->leases, hash); n; n = table_next(n, hash)) {
        const struct lease *other = CONTAINER_OF(n, struct lease, by_item);
        count += other->session == lease->session && other->id == lease->id && !other->item == !lease->item;
    }
    assert(count == 1);
}

static void check_leases(const struct engine *e, const struct session *s, struct census *census)
{
    uint64_t held = 0, lost = 0;
    for (struct list_node *n = list_first(&s->leases); n; n = list_next(&s->leases, n)) {
        const struct lease *lease = CONTAINER_OF(n, struct lease, of_session);
        assert(lease->item && lease->item->id == lease->id && lease->session == s);
        assert(record_item(lease->item->record) == lease->item);
        assert(lease->item->deliveries > 0 && lease->losses == 0);
        check_only(e, lease);
        assert(list_has(&lease->of_queue) && (lease->call != NULL) == list_has(&lease->of_call));
        held++;
    }
    for (struct list_node *n = list_first(&s->lost); n; n = list_next(&s->lost, n)) {
        const struct lease *lease = CONTAINER_OF(n, struct lease, of_session);
        assert(!lease->item && !lease->queue && !lease->call && lease->losses > 0);
        assert(!heap_has(&lease->timer.entry));
        check_only(e, lease);
        lost++;
    }
    assert(held == s->leased && lost == s->lost_count && lost <= LOST_LEASES_MAX);
    assert(!s->ended || held == 0);
    census->leases += held + lost;
    census->lost += lost;
    census->lives_owned += held + lost + 1;
}

static void check_sessions(const struct engine *e, struct census *census)
{
    uint64_t last = 0, count = 0;
    for (struct list_node *n = list_first(&e->session_list); n; n = list_next(&e->session_list, n), count++) {
        const struct session *s = CONTAINER_OF(n, struct session, of_engine);
        assert(s->number > last);
        last = s->number;
        assert(s->number < e->next_session && session_by_number(e, s->number) == s);
        check_calls(e, s, census);
        check_leases(e, s, census);
        assert(heap_has(&s->timer.entry) == (!s->peer && !s->ended));
        assert(s->ended == list_has(&s->of_ended));
        assert(!s->ended || !s->peer);
        census->connected += s->peer != NULL;
        census->ended += s->ended;
    }
    assert(count == e->sessions.count);
}

static uint64_t check_line(const struct list *line, enum mq_verb verb, const struct queue *q)
{
    uint64_t count = 0;
    for (struct list_node *n = list_first(line); n; n = list_next(line, n), count++) {
        const struct call *call = CONTAINER_OF(n, struct call, of_queue);
        assert(call->waits && call->verb == verb && call->queue == q);
    }
    return count;
}

/* Nobody waits whose condition holds. */
static void check_waiters(const struct engine *e, const struct queue *q)
{
    assert(check_line(&q->getters, MQ_VERB_GET, q) == q->getter_count);
    assert(check_line(&q->putters, MQ_VERB_PUT, q) == q->putter_count);
    assert(check_line(&q->joiners, MQ_VERB_JOIN, q) == q->joiner_count);
    for (struct list_node *n = list_first(&q->getters); n; n = list_next(&q->getters, n))
        assert(q->order.count == 0 || !get_has_credit(e, CONTAINER_OF(n, struct call, of_queue)->session) ||
               e->is_postponed);
    assert(q->putter_count == 0 || queue_room(q) == 0 || list_has(&q->starved));
    assert(q->joiner_count == 0 || queue_unfinished(q) > 0);
    assert(!q->is_shut_down || q->putter_count == 0);
    assert(!q->is_shut_down || q->order.count > 0 || q->getter_count == 0);
    assert(!q->is_immediate || q->order.count == 0);
    assert(!list_has(&q->starved) || q->putter_count > 0);
}

/* All room in the pile is owned by somebody: items waiting in it, leases, spares, and (priority) unstored
 * items. */
static void check_room(const struct queue *q)
{
    size_t owned = q->leased + q->order.pile.count;
    bool priority = q->settings.kind == MQ_KIND_PRIORITY;
    if (!priority)
        owned += q->getter_count; /* each has a spare */
    for (struct list_node *n = list_first(&q->putters); n && priority; n = list_next(&q->putters, n))
        owned += CONTAINER_OF(n, struct call, of_queue)->unstored.left;
    assert(owned == q->order.pile.owned);
}

static void check_unstored(const struct queue *q, struct census *census)
{
    uint64_t size = 0;
    for (struct list_node *n = list_first(&q->putters); n; n = list_next(&q->putters, n))
        size += order_intake_sum(&q->order, &CONTAINER_OF(n, struct call, of_queue)->unstored).cost;
    assert(size == q->unstored_size);
    census->starved_size += list_has(&q->starved) ? size : 0;
}

static void check_queue(const struct engine *e, const struct queue *q, struct census *census)
{
    uint64_t leased = 0, bytes = 0;
    queue_check(q);
    assert(!list_has(&q->marked));
    struct order_sum waiting = order_sum(&q->order);
    size_t cost = waiting.cost;
    bytes += waiting.body_size;
    census->away_count += waiting.away_count;
    census->away_items += waiting.away_items;
    census->away_cost += waiting.away_cost;
    for (struct list_node *n = list_first(&q->leases); n; n = list_next(&q->leases, n), leased++) {
        const struct lease *lease = CONTAINER_OF(n, struct lease, of_queue);
        assert(lease->queue == q);
        bytes += item_size(lease->item).body;
        cost += item_cost(item_size(lease->item).body, lease->item->key_size);
        assert(!note_is_of(e, q) || ledger_is_live(&e->ledger, lease->id));
    }
    assert(leased == q->leased && bytes == q->bytes);
    assert(q->totals.puts == q->totals.done + q->totals.discarded + queue_unfinished(q));
    assert(q->totals.gets == q->totals.done + q->totals.returned + q->leased || q->totals.discarded > 0);
    check_waiters(e, q);
    check_room(q);
    check_unstored(q, census);
    census->stored_size += cost + leased * ITEM_LEASE_COST;
    census->live += note_is_of(e, q) ? queue_unfinished(q) : 0;
    census->live_size += note_is_of(e, q) ? cost - queue_unfinished(q) * ITEM_COST : 0;
    census->ready += q->order.count;
    census->leased += leased;
}

static void check_queues(const struct engine *e, struct census *census)
{
    for (size_t i = 0; i < e->queues.count; i++) {
        assert(queue_find(e, queue_name(e->queue_list[i])) == e->queue_list[i]);
        assert(queue_by_number(e, e->queue_list[i]->number) == e->queue_list[i]);
        assert(e->queue_list[i]->number < e->next_queue);
        assert(queue_list_after(e, queue_name(e->queue_list[i])) == i + 1);
        check_queue(e, e->queue_list[i], census);
    }
}

/* Who is first in line for memory does not fit, or waits for the disk. */
static void check_starved(const struct engine *e)
{
    const struct list_node *node = list_first(&e->starved);
    if (!node)
        return;
    const struct call *call = call_first(&CONTAINER_OF(node, struct queue, starved)->putters);
    uint64_t used = room_used(e, NULL), cost = put_next_cost(call->queue, call);
    if (e->is_postponed || safe_put_refusal(e, call->queue, cost))
        return;
    assert(used > 0);
    assert(used + cost > e->options.memory_limit);
}

void engine_check(const struct engine *e)
{
    struct census census = {0};
    check_sessions(e, &census);
    check_queues(e, &census);
    check_starved(e);
    heap_check(&e->waits);
    heap_check(&e->lives);
    ledger_check(&e->ledger);
    assert(list_is_empty(&e->marked) && !e->memory_freed && !e->feeding && !e->facts.open);
    assert(census.ready == e->ready && census.leased == e->leased && census.waiting == e->waiting);
    assert(census.connected == e->connected && census.ended == e->ended_count);
    assert(census.lost == e->lost);
    assert(census.calls == e->calls.count && census.leases == e->leases.count);
    assert(census.stored_size == e->stored_size && census.unstored_size == e->unstored_size);
    assert(census.away_count == e->stock.away_count && census.away_items == e->stock.away_items);
    assert(census.away_cost == e->stock.away_cost);
    assert(census.starved_size == e->starved_size && census.kept_size == e->kept_size);
    assert(census.spares == e->lease_pool.owned && census.leases == e->lease_pool.taken);
    assert(census.calls == e->call_pool.taken && e->call_pool.owned == 0);
    assert(census.live == e->ledger.live || e->stock.lost); /* what is lost was not ended */
    assert(census.live_size == e->live_size);
    assert(census.waits_owned == e->waits.owned && census.lives_owned == e->lives.owned);
}
