/* order_away.c - chunks of an order that leave memory for the shelf, and come back when their turn nears.
 *
 * A FIFO keeps in memory what is taken next, and the end; what goes is what is taken last, and so that what
 * is away is one piece in the middle, whose bytes lie on the shelf in the order in which they will be wanted.
 * Of a stack the bottom goes. What was taken, and what came back, never goes. */
#include "order_parts.h"

enum {
    STEPS_MAX = 4096,     /* chunks that are looked at before the search is given up */
    GAPS_AHEAD = 64 << 20 /* bytes that go at a time from between others, since these are searched for long */
};

/* One of the two that are emptied next. */
static bool is_near(const struct order *order, const struct chunk *chunk)
{
    const struct list *chunks = &order->chunks;
    if (order->kind == MQ_KIND_LIFO)
        return &chunk->node == list_last(chunks) || chunk->node.next == list_last(chunks);
    return &chunk->node == list_first(chunks) || chunk->node.prev == list_first(chunks);
}

/* Not where somebody is at work: at the tail, or at a place in between. */
static bool may_go(const struct order *order, const struct chunk *chunk)
{
    enum { USED_MIN = 2048 }; /* a smaller one is not worth a page of a file */
    return !chunk->is_away && chunk != order->tail && chunk != order->walked && !chunk->is_open &&
           chunk->fresh > 0 && chunk->fresh == chunk->live && chunk->used >= USED_MIN &&
           !is_near(order, chunk);
}

static size_t saving(const struct chunk *chunk)
{
    size_t cost = chunk_cost(chunk);
    return cost > AWAY_COST ? cost - AWAY_COST : 0;
}

/* The chunk became this head: which are the first and the last ones that are away? */
static void include(struct order *order, struct chunk *chunk)
{
    struct away *away = chunk_away(chunk);
    if (!order->first_away || away->last_id < chunk_away(order->first_away)->first_id)
        order->first_away = chunk;
    if (!order->last_away || away->first_id > chunk_away(order->last_away)->last_id)
        order->last_away = chunk;
}

/* Puts away what may go among some neighbours, until so much is saved. */
static size_t put_away_some(struct order *order, struct list_node *node, size_t count, size_t wanted)
{
    size_t saved = 0;
    for (; node && saved < wanted && count > 0; count--) {
        struct chunk *chunk = chunk_at(node);
        size_t more = saving(chunk), size = chunk->live_size;
        node = list_next(&order->chunks, node);
        if (!may_go(order, chunk)) {
            order->has_gaps |= chunk->fresh > 0 && chunk->fresh < chunk->live; /* one day it may */
            continue;
        }
        struct chunk *away = chunk_put_away(order->stock, chunk);
        if (!away)
            break; /* has_failed */
        saved += more;
        order->away_size += size;
        include(order, away);
    }
    return saved;
}

/* The same among those right before one (NULL: up to the last one), those furthest back first, but no more of
 * them than needed: so neighbours lie together on the shelf. */
static size_t put_away_before(struct order *order, const struct chunk *end, size_t wanted)
{
    const struct list *chunks = &order->chunks;
    struct list_node *node = end ? list_prev(chunks, &end->node) : list_last(chunks), *start = node;
    size_t found = 0, count = 0;
    for (; node && !chunk_at(node)->is_away && found < wanted && count < STEPS_MAX; count++) {
        start = node;
        if (may_go(order, chunk_at(node)))
            found += saving(chunk_at(node));
        node = list_prev(chunks, node);
    }
    return put_away_some(order, start, count, wanted);
}

/* Older ones have come in between those that are away, or some of a stack were in hands when it was their
 * turn: first where somebody is at work now, then wherever they are. */
static size_t fill_gaps(struct order *order, size_t wanted)
{
    size_t saved = order->walked ? put_away_before(order, order->walked, wanted) : 0;
    if (saved >= wanted || !order->first_away)
        return saved;
    size_t most = wanted - saved + GAPS_AHEAD;
    order->has_gaps = false;
    size_t more = put_away_some(order, &order->first_away->node, SIZE_MAX, most);
    order->has_gaps |= more >= most || order->stock->has_failed;
    return saved + more;
}

size_t order_put_away(struct order *order, size_t wanted)
{
    size_t saved = 0;
    struct list *chunks = &order->chunks;
    if (order->kind == MQ_KIND_PRIORITY || !order->stock->shelf || order->stock->lost)
        return 0;
    if (order->last_away)
        saved = put_away_some(order, list_next(chunks, &order->last_away->node), STEPS_MAX, wanted);
    else if (order->kind == MQ_KIND_LIFO)
        saved = put_away_some(order, list_first(chunks), STEPS_MAX, wanted);
    if (order->kind == MQ_KIND_FIFO && saved < wanted)
        saved += put_away_before(order, order->first_away, wanted - saved);
    if (order->has_gaps && saved < wanted)
        saved += fill_gaps(order, wanted - saved);
    return saved;
}

/* This one is not away any more, or will not be: if it is the first or the last of those, another is. */
static void exclude(struct order *order, struct chunk *away)
{
    struct list *chunks = &order->chunks;
    struct list_node *node = &away->node;
    if (order->first_away == order->last_away) {
        order->first_away = order->last_away = NULL;
    } else if (away == order->first_away) {
        while (!chunk_at(node = list_next(chunks, node))->is_away)
            continue;
        order->first_away = chunk_at(node);
    } else if (away == order->last_away) {
        while (!chunk_at(node = list_prev(chunks, node))->is_away)
            continue;
        order->last_away = chunk_at(node);
    }
}

bool order_next_is_away(const struct order *order)
{
    struct chunk *chunk = order->first_away ? order_next_chunk(order) : NULL;
    if (!chunk || !chunk->is_away)
        return false;
    const struct away *away = chunk_away(chunk);
    uint64_t id = order->kind == MQ_KIND_LIFO ? away->last_id : away->first_id;
    return order->pile.count == 0 ||
           order_rank(order, (struct bytes){0}, id).number < order->pile.nodes[0].rank;
}

size_t order_next_cost(const struct order *order)
{
    assert(order_next_is_away(order));
    return chunk_cost(order_next_chunk(order));
}

struct chunk *order_bring_back(struct order *order, struct chunk *away)
{
    if (!away)
        away = order_next_chunk(order);
    size_t size = away->live_size;
    struct chunk *first = order->first_away, *last = order->last_away;
    assert(away->is_away);
    exclude(order, away);
    struct chunk *chunk = chunk_bring_back(order->stock, away);
    if (!chunk) {
        order->first_away = first;
        order->last_away = last;
        return NULL;
    }
    if (order->walked == away)
        order->walked = chunk;
    order->away_size -= size;
    struct chunk *next = order->kind == MQ_KIND_LIFO ? order->last_away : order->first_away;
    if (next)
        chunk_expect_away(order->stock, next);
    return chunk;
}

/* All of it leaves the order, unseen. */
static void drop(struct order *order, struct chunk *chunk)
{
    order->count -= chunk->fresh;
    order->size -= chunk->live_size;
    order->away_size -= chunk->live_size;
    exclude(order, chunk);
    if (order->walked == chunk)
        order->walked = NULL;
    list_remove(&chunk->node);
    chunk_forget_away(order->stock, chunk);
}

bool order_discard_away(struct order *order, struct order_gone *ret)
{
    struct chunk *chunk = order->first_away ? order_next_chunk(order) : NULL;
    if (!chunk || !chunk->is_away)
        return false;
    const struct away *away = chunk_away(chunk);
    *ret = (struct order_gone){.count = chunk->fresh,
                               .body_size = away->body_size,
                               .cost = chunk_cost(chunk),
                               .run = {away->first_id, away->last_id}};
    if (away->last_id - away->first_id + 1 != chunk->fresh)
        ret->ids = chunk_ids_away(order->stock, chunk);
    drop(order, chunk);
    return true;
}

void order_clear(struct order *order)
{
    struct size_pair size;
    uint64_t id;
    while (order->first_away)
        drop(order, order->first_away);
    while (order_discard(order, &size, &id))
        continue;
}
