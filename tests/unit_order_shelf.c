/* unit_order_shelf.c - orders of which most is away: random steps beside a sorted array, and every call of
 * the shelf and of malloc failing. */
#include "failing_malloc.h"
#include "fake_shelf.h"
#include "order.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS_MAX = 8192, SHOWN_MAX = 200, BODY_MAX = 70000, BATCH_MAX = 200 };

/* What the array knows of an item. Waiting ones are in the order of ids. */
struct known {
    uint64_t id, stored_ms;
    size_t size;
    uint8_t fill;
    struct item *item; /* once it was taken */
};

struct pair {
    struct fake_shelf fake;
    struct stock stock;
    struct order order;
    struct known waiting[ITEMS_MAX], taken[ITEMS_MAX];
    size_t waiting_count, taken_count;
    size_t body_max;
    uint64_t next_id, now_ms, random, away_most, returns;
    uint64_t left_out[ITEMS_MAX]; /* ids that were not given, ascending */
    size_t left_out_count;
};

static struct pair p;
static uint8_t bodies[256][BODY_MAX];

static uint64_t next_random(uint64_t below)
{
    p.random = p.random * 6364136223846793005u + 1442695040888963407u;
    return (p.random >> 33) % below;
}

static void begin(enum mq_kind kind, size_t body_max, uint64_t seed)
{
    memset(&p, 0, sizeof p);
    fake_shelf_init(&p.fake);
    p.next_id = p.now_ms = 1;
    p.random = seed;
    p.body_max = body_max;
    stock_init(&p.stock);
    p.stock.shelf = &p.fake.shelf;
    order_init(&p.order, kind, &p.stock);
    for (size_t i = 0; i < 256; i++)
        memset(bodies[i], (int)i, sizeof bodies[i]);
}

static size_t front(void)
{
    return p.order.kind == MQ_KIND_LIFO ? p.waiting_count - 1 : 0;
}

/* ---- steps ---- */

static void put(void)
{
    struct put_item puts[BATCH_MAX];
    struct known known[BATCH_MAX];
    size_t count = 1 + next_random(BATCH_MAX);
    if (p.waiting_count + p.taken_count + count > ITEMS_MAX)
        return;
    for (size_t i = 0; i < count; i++) {
        known[i] = (struct known){.size = next_random(p.body_max + 1), .fill = (uint8_t)next_random(256)};
        puts[i] = (struct put_item){.body = {bodies[known[i].fill], known[i].size}};
    }
    if (!order_put(&p.order, puts, count, p.next_id, p.now_ms)) {
        CHECK(malloc_failures > 0);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        known[i].id = p.next_id++;
        known[i].stored_ms = p.now_ms;
        p.waiting[p.waiting_count++] = known[i];
    }
    /* As if other queues had the next ones. */
    for (uint64_t n = next_random(3) ? 0 : next_random(100); n > 0 && p.left_out_count < ITEMS_MAX; n--)
        p.left_out[p.left_out_count++] = p.next_id++;
}

static void wait_again(struct known known)
{
    size_t at = p.waiting_count++;
    for (; at > 0 && p.waiting[at - 1].id > known.id; at--)
        p.waiting[at] = p.waiting[at - 1];
    p.waiting[at] = known;
}

/* Some of those that were left out come after all. */
static void put_older(void)
{
    size_t at = p.left_out_count ? next_random(p.left_out_count) : 0, from = at;
    for (uint64_t n = next_random(300); n > 0 && at < p.left_out_count; n--) {
        struct known known = {.id = p.left_out[at], .stored_ms = p.now_ms, .fill = (uint8_t)n};
        known.size = next_random(p.body_max + 1);
        struct put_item put = {.body = {bodies[known.fill], known.size}};
        if (p.waiting_count + p.taken_count == ITEMS_MAX || order_last_fresh_id(&p.order) < known.id)
            break;
        if (!order_put_older(&p.order, &put, known.id, p.now_ms)) {
            CHECK(malloc_failures > 0);
            break;
        }
        wait_again(known);
        at++;
    }
    p.left_out_count -= at - from;
    memmove(p.left_out + from, p.left_out + at, (p.left_out_count - from) * sizeof *p.left_out);
}

static void put_away(void)
{
    size_t wanted = next_random(2000000), before = p.stock.away_count;
    size_t saved = order_put_away(&p.order, wanted);
    CHECK((saved > 0) == (p.stock.away_count > before));
    if (p.stock.away_items > p.away_most)
        p.away_most = p.stock.away_items;
}

/* False: there is no memory. */
static bool fetch(void)
{
    if (!order_next_is_away(&p.order))
        return true;
    uint64_t before = p.stock.away_cost;
    size_t cost = order_next_cost(&p.order);
    if (!order_bring_back(&p.order, NULL)) {
        CHECK(malloc_failures > 0);
        CHECK_EQUAL(p.stock.away_cost, before);
        return false;
    }
    CHECK_EQUAL(p.stock.away_cost, before - cost);
    p.returns++;
    return true;
}

static bool has_body(struct bytes body, const struct known *known)
{
    return body.size == known->size && memcmp(body.data, bodies[known->fill], body.size) == 0;
}

static void take(void)
{
    for (uint64_t n = next_random(2 * BATCH_MAX); n > 0 && p.waiting_count > 0 && fetch(); n--) {
        if (!order_reserve_take(&p.order, 1))
            return;
        size_t at = front();
        struct known known = p.waiting[at];
        struct order_first first = order_first(&p.order);
        known.item = order_take(&p.order, first);
        CHECK_EQUAL(known.item->id, known.id);
        CHECK_EQUAL(known.item->stored_ms, known.stored_ms);
        CHECK_EQUAL(first.size, known.size);
        CHECK(has_body(item_body(known.item), &known));
        memmove(p.waiting + at, p.waiting + at + 1, (--p.waiting_count - at) * sizeof *p.waiting);
        p.taken[p.taken_count++] = known;
    }
}

static struct known pick_taken(void)
{
    size_t at = next_random(p.taken_count);
    struct known known = p.taken[at];
    CHECK(has_body(item_body(known.item), &known));
    p.taken[at] = p.taken[--p.taken_count];
    return known;
}

static void give_back(void)
{
    for (uint64_t n = next_random(20); n > 0 && p.taken_count > 0; n--) {
        struct known known = pick_taken();
        order_return(&p.order, known.item);
        wait_again(known);
    }
}

static void finish(void)
{
    for (uint64_t n = next_random(2 * BATCH_MAX); n > 0 && p.taken_count > 0; n--)
        order_forget(&p.order, pick_taken().item);
}

/* Of a stack, the first shown is the last waiting. */
static const struct known *shown(bool last, size_t count, size_t i)
{
    bool is_stack = p.order.kind == MQ_KIND_LIFO;
    size_t place = last ? p.waiting_count - count + i : i;
    return &p.waiting[is_stack ? p.waiting_count - 1 - place : place];
}

static void peek_at(bool last, size_t size_max)
{
    struct item_view seen[SHOWN_MAX];
    struct order_copies copies = {.size_max = size_max};
    size_t max = 1 + next_random(SHOWN_MAX), count;
    size_t expected = max < p.waiting_count ? max : p.waiting_count;
    if (!order_peek(&p.order, last, max, seen, &count, &copies)) {
        CHECK(malloc_failures > 0);
    } else {
        CHECK(count <= expected && (count > 0 || expected == 0));
        CHECK(count == expected || copies.size > 0);
        CHECK(count == expected || size_max < SIZE_MAX);
        for (size_t i = 0; i < count; i++) {
            CHECK_EQUAL(seen[i].id, shown(last, count, i)->id);
            CHECK(has_body(seen[i].body, shown(last, count, i)));
        }
    }
    order_free_copies(&p.order, &copies);
}

static void peek(void)
{
    uint64_t away = p.stock.away_count;
    peek_at(false, SIZE_MAX);
    peek_at(true, SIZE_MAX);
    peek_at(false, 100000);
    peek_at(true, 100000);
    CHECK_EQUAL(p.stock.away_count, away);
}

/* Upwards, from any id on. */
static void walk(void)
{
    struct order_copies copies = {.size_max = SIZE_MAX};
    struct order_walk walk;
    uint64_t after = next_random(p.next_id);
    struct record *record = order_fresh_after(&p.order, after, &copies, &walk);
    for (size_t i = 0, steps = 0; i < p.waiting_count && steps < SHOWN_MAX && !walk.is_cut; i++) {
        if (p.waiting[i].id <= after || p.waiting[i].item)
            continue;
        CHECK(record != NULL);
        CHECK_EQUAL(record_id(record), p.waiting[i].id);
        CHECK(has_body((struct bytes){record->data, record->size}, &p.waiting[i]));
        record = order_fresh_next(&walk, record);
        steps++;
    }
    CHECK(!walk.is_cut || (walk.failed && malloc_failures > 0));
    order_free_copies(&p.order, &copies);
}

static void oldest(void)
{
    uint64_t ms = order_oldest_ms(&p.order), expected = UINT64_MAX;
    for (size_t i = 0; i < p.waiting_count && expected == UINT64_MAX; i++)
        if (p.order.kind == MQ_KIND_FIFO || !p.waiting[i].item)
            expected = p.waiting[i].stored_ms;
    if (expected == UINT64_MAX && p.waiting_count > 0)
        expected = p.waiting[front()].stored_ms;
    CHECK_EQUAL(ms, expected);
}

static size_t find(uint64_t id)
{
    size_t at = 0;
    while (at < p.waiting_count && p.waiting[at].id != id)
        at++;
    CHECK(at < p.waiting_count);
    return at;
}

static void forget(size_t at)
{
    memmove(p.waiting + at, p.waiting + at + 1, (--p.waiting_count - at) * sizeof *p.waiting);
}

/* A chunk that goes unseen: all its ids are told. Others between them may have been taken and come back. */
static void check_gone(const struct order_gone *gone)
{
    size_t at = find(gone->run.first), size = 0, cost = 0;
    CHECK(gone->ids || gone->run.last - gone->run.first + 1 == gone->count);
    for (uint64_t i = 0; i < gone->count; i++) {
        while (p.waiting[at].item)
            at++;
        CHECK_EQUAL(p.waiting[at].id, gone->ids ? gone->ids[i] : gone->run.first + i);
        CHECK(i + 1 < gone->count || p.waiting[at].id == gone->run.last);
        size += p.waiting[at].size;
        cost += item_cost(p.waiting[at].size, 0);
        forget(at);
    }
    CHECK_EQUAL(size, gone->body_size);
    CHECK_EQUAL(cost, gone->cost);
}

/* The array forgets whatever it was: which one that is, is nobody's business. */
static void discard(void)
{
    struct order_gone gone;
    struct size_pair size;
    for (;;) {
        size_t count = p.order.count;
        if (order_discard_away(&p.order, &gone)) {
            check_gone(&gone);
            CHECK_EQUAL(count - p.order.count, gone.count);
            continue;
        }
        struct chunk *chunk = order_next_chunk(&p.order);
        uint64_t id = 0;
        if (chunk)
            id = record_id(record_at(chunk, p.order.kind == MQ_KIND_LIFO ? chunk->last : chunk->first));
        else if (p.order.pile.count > 0)
            id = p.order.pile.nodes[p.order.pile.count - 1].id;
        uint64_t gone_id;
        if (!order_discard(&p.order, &size, &gone_id))
            break;
        CHECK_EQUAL(gone_id, id);
        size_t at = find(id);
        CHECK_EQUAL(size.body, p.waiting[at].size);
        forget(at);
    }
    CHECK_EQUAL(p.waiting_count, 0);
    CHECK_EQUAL(p.stock.away_count, 0);
}

static void done(void)
{
    while (p.taken_count > 0)
        order_forget(&p.order, pick_taken().item);
    uint64_t gets = p.fake.gets;
    order_clear(&p.order);
    CHECK_EQUAL(p.fake.gets, gets);
    CHECK_EQUAL(p.fake.count, 0);
    order_done(&p.order);
    stock_done(&p.stock);
}

static void run(enum mq_kind kind, size_t body_max, uint64_t seed, bool fails)
{
    void (*const steps[])(void) = {put,  put,  put,       put_older, put_away, put_away, take,
                                   take, take, give_back, finish,    peek,     walk,     oldest};
    begin(kind, body_max, seed);
    malloc_failures = 0;
    for (int i = 0; i < 1500; i++) {
        malloc_fails_at = fails && next_random(3) == 0 ? malloc_calls + 1 + next_random(4) : 0;
        p.fake.put_fails = fails && next_random(4) == 0;
        steps[next_random(sizeof steps / sizeof *steps)]();
        malloc_fails_at = 0;
        p.now_ms += next_random(3);
        if (next_random(300) == 0)
            discard();
        CHECK_EQUAL(p.order.count, p.waiting_count);
        CHECK_EQUAL(p.fake.count, p.stock.away_count);
        order_check(&p.order);
    }
    CHECK(p.away_most > 0 && p.returns > 0);
    CHECK_EQUAL(malloc_failures > 0, fails);
    done();
}

static void a_fifo_of_which_most_is_away_is_the_same_as_a_sorted_array(void)
{
    run(MQ_KIND_FIFO, 500, 1, false);
    run(MQ_KIND_FIFO, 3000, 2, false);
    run(MQ_KIND_FIFO, BODY_MAX, 3, false);
}

static void a_stack_of_which_most_is_away_is_the_same_as_a_sorted_array(void)
{
    run(MQ_KIND_LIFO, 500, 1, false);
    run(MQ_KIND_LIFO, 3000, 2, false);
    run(MQ_KIND_LIFO, BODY_MAX, 3, false);
}

static void whatever_cannot_be_put_away_or_has_no_memory_to_come_back_stays_where_it_is(void)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run(MQ_KIND_FIFO, 3000, seed, true);
        run(MQ_KIND_LIFO, 3000, seed, true);
    }
}

static const struct unit_test tests[] = {
    UNIT(a_fifo_of_which_most_is_away_is_the_same_as_a_sorted_array),
    UNIT(a_stack_of_which_most_is_away_is_the_same_as_a_sorted_array),
    UNIT(whatever_cannot_be_put_away_or_has_no_memory_to_come_back_stays_where_it_is),
};

int main(void)
{
    return unit_run("order: shelf", tests, sizeof tests / sizeof *tests);
}
