/* unit_order_memory.c - what becomes of the memory that bodies lie in, and what happens without any. */
#include "failing_malloc.h"
#include "order.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

struct rack {
    struct stock stock;
    struct order order;
    uint64_t next_id;
};

static uint8_t body[4096];

struct known {
    struct item *item;
};

enum { ITEMS_MAX = 4096 };

static void rack_init(struct rack *p, enum mq_kind kind)
{
    memset(p, 0, sizeof *p);
    p->next_id = 1;
    stock_init(&p->stock);
    order_init(&p->order, kind, &p->stock);
}

static void rack_done(struct rack *p)
{
    struct size_pair size;
    uint64_t id;
    while (order_discard(&p->order, &size, &id))
        continue;
    order_done(&p->order);
    stock_done(&p->stock);
}

/* What the chunks take that the order has in its list. */
static size_t listed_bytes(const struct order *order)
{
    size_t bytes = 0;
    for (struct list_node *n = list_first(&order->chunks); n; n = list_next(&order->chunks, n))
        bytes += CONTAINER_OF(n, struct chunk, node)->capacity;
    return bytes;
}

/* What the chunks of all these items take. */
static size_t memory_of(const struct known *known, size_t count)
{
    struct chunk *seen[ITEMS_MAX];
    size_t chunks = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        struct chunk *chunk = record_chunk(known[i].item->record);
        size_t at = 0;
        while (at < chunks && seen[at] != chunk)
            at++;
        if (at == chunks) {
            seen[chunks++] = chunk;
            bytes += chunk->capacity;
        }
    }
    return bytes;
}

static const size_t waiting_sparse = 33 * (64 << 10); /* chunks that may wait for the end of few items */

/* One large put of which one small item is left, waiting or taken. */
static void leave_one_small_item(enum mq_kind kind, bool is_first, bool is_taken)
{
    static struct rack p;
    static uint8_t large[1 << 20];
    struct put_item puts[5];
    struct item *items[5];
    rack_init(&p, kind);
    for (size_t i = 0; i < 5; i++)
        puts[i] = (struct put_item){.body = {large, i == (is_first ? 0 : 4) ? 1 : sizeof large}};
    CHECK(order_put(&p.order, puts, 5, 1, 1));
    size_t count = (is_first == (kind == MQ_KIND_LIFO)) && !is_taken ? 4 : 5;
    CHECK(order_reserve_take(&p.order, count));
    for (size_t i = 0; i < count; i++)
        items[i] = order_take(&p.order, order_first(&p.order));
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        if (items[i]->size > 1)
            order_forget(&p.order, items[i]);
        else
            bytes += record_chunk(items[i]->record)->capacity;
    bytes += listed_bytes(&p.order);
    CHECK(bytes <= 2 * (64 << 10));
    order_check(&p.order);
    for (size_t i = 0; i < count; i++)
        if (items[i]->size == 1)
            order_forget(&p.order, items[i]);
    rack_done(&p);
}

static void a_small_item_does_not_keep_the_memory_of_large_ones_put_with_it(void)
{
    for (int i = 0; i < 4; i++) {
        leave_one_small_item(MQ_KIND_FIFO, i & 1, true);
        leave_one_small_item(MQ_KIND_LIFO, i & 1, true);
    }
    leave_one_small_item(MQ_KIND_FIFO, false, false);
    leave_one_small_item(MQ_KIND_LIFO, true, false);
}

static void the_last_item_of_a_queue_does_not_keep_a_whole_chunk(void)
{
    static struct rack p;
    enum { COUNT = 520, BODY = 100 };
    struct put_item put = {.body = {body, BODY}};
    rack_init(&p, MQ_KIND_FIFO);
    for (size_t i = 0; i < COUNT; i++)
        CHECK(order_put(&p.order, &put, 1, p.next_id++, 1));
    for (size_t i = 1; i < COUNT; i++) {
        CHECK(order_reserve_take(&p.order, 1));
        order_forget(&p.order, order_take(&p.order, order_first(&p.order)));
    }
    CHECK_EQUAL(p.order.count, 1);
    CHECK(record_chunk(order_first(&p.order).record)->capacity < 4096);
    rack_done(&p);
}

/* Workers hold what they took from a stack while it grows, and finish later. */
static void what_was_held_when_a_stack_grew_does_not_keep_its_memory_afterwards(void)
{
    static struct rack p;
    static struct item *held[400];
    enum { ROUNDS = 100, HEIGHT = 500, HELD = 400, BODY = 100 };
    struct put_item put = {.body = {body, BODY}};
    rack_init(&p, MQ_KIND_LIFO);
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < HEIGHT; i++)
            CHECK(order_put(&p.order, &put, 1, p.next_id++, 1));
        CHECK(order_reserve_take(&p.order, HEIGHT - 1));
        for (size_t i = 1; i < HEIGHT; i++) {
            struct item *item = order_take(&p.order, order_first(&p.order));
            if (i <= HELD)
                held[i - 1] = item;
            else
                order_forget(&p.order, item);
        }
        for (size_t i = 0; i < HEIGHT; i++)
            CHECK(order_put(&p.order, &put, 1, p.next_id++, 1));
        for (size_t i = 0; i < HELD; i++)
            order_forget(&p.order, held[i]);
        CHECK(order_reserve_take(&p.order, HEIGHT));
        for (size_t i = 0; i < HEIGHT; i++)
            order_forget(&p.order, order_take(&p.order, order_first(&p.order)));
    }
    order_check(&p.order);
    size_t bytes = listed_bytes(&p.order);
    CHECK_EQUAL(p.order.count, ROUNDS);
    CHECK(bytes < 8 * ROUNDS * record_bytes(BODY) + 4 * (64 << 10));
    rack_done(&p);
}

static void few_items_that_stay_long_do_not_keep_the_memory_of_many(enum mq_kind kind)
{
    static struct rack p;
    static struct known kept[ITEMS_MAX];
    enum { ROUNDS = 300000, EACH = 100, BODY = 100 };
    size_t count = 0;
    rack_init(&p, kind);
    for (size_t i = 0; i < ROUNDS; i++) {
        struct put_item put = {.body = {body, BODY}};
        CHECK(order_put(&p.order, &put, 1, p.next_id++, 1));
        CHECK(order_reserve_take(&p.order, 1));
        struct item *item = order_take(&p.order, order_first(&p.order));
        if (i % EACH == 0)
            kept[count++].item = item;
        else
            order_forget(&p.order, item);
    }
    order_check(&p.order);
    CHECK_EQUAL(count, ROUNDS / EACH);
    CHECK(memory_of(kept, count) < 8 * count * record_bytes(BODY) + waiting_sparse);
    for (size_t i = 0; i < count; i++)
        order_forget(&p.order, kept[i].item);
    rack_done(&p);
}

static void items_that_stay_long_do_not_keep_the_memory_of_many_others(void)
{
    few_items_that_stay_long_do_not_keep_the_memory_of_many(MQ_KIND_FIFO);
    few_items_that_stay_long_do_not_keep_the_memory_of_many(MQ_KIND_LIFO);
    few_items_that_stay_long_do_not_keep_the_memory_of_many(MQ_KIND_PRIORITY);
}

static void the_bottom_of_a_stack_does_not_keep_the_memory_of_what_lay_above(void)
{
    static struct rack p;
    enum { ROUNDS = 100, HEIGHT = 600, BODY = 100 };
    rack_init(&p, MQ_KIND_LIFO);
    struct put_item put = {.body = {body, BODY}};
    for (size_t i = 0; i < ROUNDS; i++) {
        for (size_t k = 0; k < HEIGHT; k++)
            CHECK(order_put(&p.order, &put, 1, p.next_id++, 1));
        for (size_t k = 1; k < HEIGHT; k++) {
            CHECK(order_reserve_take(&p.order, 1));
            order_forget(&p.order, order_take(&p.order, order_first(&p.order)));
        }
    }
    order_check(&p.order);
    size_t bytes = listed_bytes(&p.order);
    CHECK_EQUAL(p.order.count, ROUNDS);
    CHECK(bytes < 8 * ROUNDS * record_bytes(BODY) + 2 * (64 << 10));
    rack_done(&p);
}

/* More chunks become sparse than may wait, and none can move. */
static void without_memory_nothing_moves_and_nothing_is_lost(void)
{
    static struct rack p;
    static struct item *taken[60 * 600], *kept[600];
    enum { COUNT = sizeof taken / sizeof *taken, EACH = 60, BODY = 100 };
    rack_init(&p, MQ_KIND_FIFO);
    struct put_item put = {.body = {body, BODY}};
    memset(body, 7, BODY);
    for (size_t i = 0; i < COUNT; i++)
        CHECK(order_put(&p.order, &put, 1, p.next_id++, 1));
    CHECK(order_reserve_take(&p.order, COUNT));
    for (size_t i = 0; i < COUNT; i++)
        taken[i] = order_take(&p.order, order_first(&p.order));
    malloc_always_fails = true;
    for (size_t i = 0; i < COUNT; i++)
        if (i % EACH == 0)
            kept[i / EACH] = taken[i];
        else
            order_forget(&p.order, taken[i]);
    malloc_always_fails = false;
    CHECK(malloc_failures > 0);
    order_check(&p.order);
    for (size_t i = 0; i < COUNT / EACH; i++) {
        CHECK_EQUAL(kept[i]->id, 1 + i * EACH);
        CHECK_EQUAL(item_body(kept[i]).size, BODY);
        CHECK(memcmp(item_body(kept[i]).data, body, BODY) == 0);
        order_forget(&p.order, kept[i]);
    }
    rack_done(&p);
}

static void an_order_that_has_no_memory_stores_nothing(void)
{
    static struct rack p;
    const enum mq_kind kinds[] = {MQ_KIND_FIFO, MQ_KIND_LIFO, MQ_KIND_PRIORITY};
    struct put_item put = {.body = {"x", 1}};
    struct intake intake = {0};
    for (size_t i = 0; i < 3; i++) {
        rack_init(&p, kinds[i]);
        malloc_always_fails = true;
        CHECK(!order_put(&p.order, &put, 1, 1, 1));
        CHECK(!order_copy(&p.order, &put, 1, 1, &intake));
        CHECK(!intake.next);
        malloc_always_fails = false;
        CHECK_EQUAL(p.order.count, 0);
        order_check(&p.order);
        rack_done(&p);
    }
}

static const struct unit_test tests[] = {
    UNIT(items_that_stay_long_do_not_keep_the_memory_of_many_others),
    UNIT(the_bottom_of_a_stack_does_not_keep_the_memory_of_what_lay_above),
    UNIT(a_small_item_does_not_keep_the_memory_of_large_ones_put_with_it),
    UNIT(the_last_item_of_a_queue_does_not_keep_a_whole_chunk),
    UNIT(what_was_held_when_a_stack_grew_does_not_keep_its_memory_afterwards),
    UNIT(without_memory_nothing_moves_and_nothing_is_lost),
    UNIT(an_order_that_has_no_memory_stores_nothing),
};

int main(void)
{
    return unit_run("order memory", tests, sizeof tests / sizeof *tests);
}
