/* engine_room.c - room in memory: what waits at the end of queues goes to the shelf when a put would not fit
 * below the memory limit, and comes back before it is handed out.
 *
 * Some more than is needed goes at a time, so that not every put has to see to it; but not so much that
 * everybody waits for it. When nothing could go, that is not tried again at once. */
#include "engine_state.h"

enum {
    AHEAD_PART = 8,      /* such a part of the limit is put away beyond what is needed, */
    AHEAD_MAX = 4 << 20, /* ... but no more */
    WORTH_PART = 16,     /* of what is wanted: queues that have so much are asked first */
    LOOK_MAX = 8192,     /* queues that are looked at in one go */
    RETRY_MS = 100
};

uint64_t engine_memory(const struct engine *e)
{
    const struct stock *stock = &e->stock;
    return e->stored_size + e->unstored_size - stock->away_cost + stock->away_count * AWAY_COST +
           stock->index.count * ITEM_INDEX_COST;
}

/* What waits behind others counts when its turn comes, and so does what waits in q itself. */
uint64_t room_used(const struct engine *e, const struct queue *q)
{
    uint64_t own = !q || list_has(&q->starved) ? 0 : q->unstored_size;
    return engine_memory(e) - e->starved_size - own;
}

/* Queues in turn, as long as one after the other has at least so much in memory. */
static size_t put_away_others(struct engine *e, size_t wanted, size_t least)
{
    size_t saved = 0;
    for (size_t i = 0; i < e->queues.count && i < LOOK_MAX && saved < wanted; i++) {
        struct order *order = &e->queue_list[e->room_turn++ % e->queues.count]->order;
        if (order->size - order->away_size >= least)
            saved += order_put_away(order, wanted - saved);
    }
    return saved;
}

static bool may_put_away(const struct engine *e)
{
    return e->stock.shelf && !e->stock.lost && (e->now_ms >= e->room_retry_ms || e->is_replaying);
}

void room_make(struct engine *e, struct queue *q, size_t cost)
{
    uint64_t limit = e->options.memory_limit, used = room_used(e, q);
    if (cost > limit || used + cost <= limit || !may_put_away(e))
        return;
    size_t ahead = limit / AHEAD_PART < AHEAD_MAX ? (size_t)(limit / AHEAD_PART) : AHEAD_MAX;
    size_t needed = (size_t)(used + cost - limit), wanted = needed + ahead;
    size_t saved = order_put_away(&q->order, wanted);
    if (saved < needed)
        saved += put_away_others(e, wanted - saved, wanted / WORTH_PART);
    if (saved < needed)
        saved += put_away_others(e, wanted - saved, 1);
    if (saved < needed)
        e->room_retry_ms = engine_later_ms(e, RETRY_MS);
    if (saved > 0)
        e->memory_freed = true;
}

bool room_bring_back(struct engine *e, struct queue *q)
{
    if (!order_next_is_away(&q->order))
        return true;
    room_make(e, q, order_next_cost(&q->order));
    if (order_bring_back(&q->order, NULL))
        return true;
    if (!e->stock.lost)
        note_postponed(e);
    return false;
}

/* Puts wait for memory: maybe something can be put away now. */
uint64_t room_deadline_ms(const struct engine *e)
{
    bool is_waited_for = !list_is_empty(&e->starved) && e->stock.shelf && !e->stock.lost;
    return is_waited_for ? e->room_look_ms : UINT64_MAX;
}

void room_tick(struct engine *e)
{
    if (room_deadline_ms(e) > e->now_ms)
        return;
    e->memory_freed = true;
    e->room_look_ms = engine_later_ms(e, RETRY_MS);
}
