/* order_check.c - an order walked from end to end: sums of what is found, and every invariant asserted. For
 * tests and the simulator; what is away stays there. */
#include "order_parts.h"

static void add(struct order_sum *sum, size_t body_size, size_t key_size)
{
    sum->items++;
    sum->body_size += body_size;
    sum->cost += item_cost(body_size, key_size);
}

static void add_chunk(struct order_sum *sum, struct chunk *chunk)
{
    if (!chunk->is_away) {
        for (struct record *r = chunk_first_fresh(chunk); r; r = record_next_fresh(r))
            add(sum, r->size, 0);
        return;
    }
    sum->items += chunk->fresh;
    sum->body_size += chunk_away(chunk)->body_size;
    sum->cost += chunk_cost(chunk);
    sum->away_count++;
    sum->away_items += chunk->fresh;
    sum->away_cost += chunk_cost(chunk);
}

struct order_sum order_sum(const struct order *order)
{
    struct order_sum sum = {0};
    for (struct list_node *n = list_first(&order->chunks); n; n = list_next(&order->chunks, n))
        add_chunk(&sum, chunk_at(n));
    for (size_t i = 0; i < order->pile.count; i++) {
        const struct item *item = order->pile.nodes[i].item;
        add(&sum, item_body(item).size, item->key_size);
    }
    return sum;
}

struct order_sum order_intake_sum(const struct order *order, const struct intake *intake)
{
    struct order_sum sum = {0};
    struct intake at = *intake;
    for (; at.next; at.next = order_intake_next(order, intake, at.next)) {
        struct size_pair size = order_intake_size(order, &at);
        add(&sum, size.body, size.key);
    }
    assert(sum.items == intake->left);
    return sum;
}

/* Of a FIFO the first fresh one is known, of all the last one; and what lies below each. */
static void check_fresh(const struct order *order, struct chunk *chunk, struct record *record, bool is_first,
                        uint32_t *last)
{
    assert(!is_first || order->kind == MQ_KIND_LIFO || chunk->first == record->offset);
    assert(is_first || record->below == *last);
    *last = record->offset;
}

/* Ids ascend, from chunk to chunk too. */
static void check_chunk(const struct order *order, struct chunk *chunk, uint64_t *last_id)
{
    uint32_t live = 0, live_size = 0, fresh = 0, last = 0;
    for (struct record *r = chunk_first(chunk); r; r = record_next(r)) {
        if (r->state == RECORD_DEAD)
            continue;
        live++;
        live_size += (uint32_t)record_bytes(r->size);
        assert(r->state != RECORD_HELD || record_item(r)->record == r);
        if (r->state != RECORD_FRESH)
            continue;
        check_fresh(order, chunk, r, fresh++ == 0, &last);
        assert(record_id(r) > *last_id);
        *last_id = record_id(r);
    }
    assert(live == chunk->live && live_size == chunk->live_size && fresh == chunk->fresh);
    assert(fresh == 0 || chunk->last == last);
    assert(live > 0);
    assert(fresh > 0 || chunk == order->tail);
}

static void check_away(struct chunk *chunk, uint64_t *last_id)
{
    const struct away *away = chunk_away(chunk);
    assert(chunk->fresh > 0 && chunk->fresh == chunk->live);
    assert(away->first_id > *last_id && away->last_id - away->first_id + 1 >= chunk->fresh);
    *last_id = away->last_id;
}

static void check_chunks(const struct order *order)
{
    uint64_t last_id = 0;
    size_t away_size = 0;
    struct chunk *first_away = NULL, *last_away = NULL;
    for (struct list_node *n = list_first(&order->chunks); n; n = list_next(&order->chunks, n)) {
        struct chunk *chunk = chunk_at(n);
        if (!chunk->is_away) {
            check_chunk(order, chunk, &last_id);
            continue;
        }
        check_away(chunk, &last_id);
        first_away = first_away ? first_away : chunk;
        last_away = chunk;
        away_size += chunk->live_size;
    }
    assert(away_size == order->away_size);
    assert(first_away == order->first_away && last_away == order->last_away);
    assert(!order->tail || chunk_at(list_last(&order->chunks)) == order->tail);
    assert(!order->tail || !order->tail->is_away);
}

static size_t fresh_size(struct chunk *chunk)
{
    size_t size = 0;
    for (struct record *r = chunk_first_fresh(chunk); r; r = record_next_fresh(r))
        size += record_bytes(r->size);
    return size;
}

void order_check(const struct order *order)
{
    size_t fresh = 0, size = 0;
    check_chunks(order);
    for (struct list_node *n = list_first(&order->chunks); n; n = list_next(&order->chunks, n)) {
        struct chunk *chunk = chunk_at(n);
        fresh += chunk->fresh;
        size += chunk->is_away ? chunk->live_size : fresh_size(chunk);
    }
    for (size_t i = 0; i < order->pile.count; i++) {
        const struct item *item = order->pile.nodes[i].item;
        assert(order->pile.nodes[i].rank == order_rank(order, item_key(item), item->id).number);
        assert(order->pile.nodes[i].id == item->id && item->size == item->record->size);
        assert(record_item(item->record) == item);
        size += record_bytes(item->record->size);
    }
    assert(order->kind != MQ_KIND_PRIORITY || fresh == 0);
    assert(!order->walked || list_has(&order->walked->node));
    assert(order->count == fresh + order->pile.count && size == order->size);
    pile_check(&order->pile);
}
