/* unit_order.c - random steps in the order of each kind, beside a sorted array. */
#include "order.h"
#include "unit.h"

#include "key.h"

#include <stdlib.h>
#include <string.h>

/* An order beside a plain array that is sorted anew for every question. */
enum { STEPS = 3000, ITEMS_MAX = 64, KEYS = 5 };

struct pair {
    struct order order;
    struct item *waiting[STEPS], *taken[STEPS];
    size_t waiting_count, taken_count;
    uint64_t next_id, random;
};

static uint64_t next_random(struct pair *p, uint64_t below)
{
    p->random = p->random * 6364136223846793005u + 1442695040888963407u;
    return (p->random >> 33) % below;
}

static void pair_init(struct pair *p, enum mq_kind kind)
{
    memset(p, 0, sizeof *p);
    p->next_id = 1;
    p->random = 1 + (uint64_t)kind;
    order_init(&p->order, kind);
}

static void put(struct pair *p)
{
    uint8_t encoded[MQ_KEY_SIZE_MAX];
    struct bytes key = {0};
    if (p->order.kind == MQ_KIND_PRIORITY) {
        struct key value = {.type = MQ_KEY_INT, .integer = (int64_t)next_random(p, KEYS)};
        CHECK_EQUAL(key_encode(&value, encoded, &key.size), MQ_OK);
        key.data = encoded;
    }
    struct item *item = item_new(&(struct put_item){.body = {"x", 1}}, key);
    CHECK(item != NULL);
    item->id = p->next_id++;
    CHECK(order_reserve_store(&p->order, 1));
    order_add(&p->order, item);
    p->waiting[p->waiting_count++] = item;
}

static bool is_before(const struct order *order, const struct item *a, const struct item *b)
{
    int by_key = key_compare(item_key(a), item_key(b));
    if (order->kind == MQ_KIND_PRIORITY && by_key)
        return by_key < 0;
    return order->kind == MQ_KIND_LIFO ? a->id > b->id : a->id < b->id;
}

static void sort(struct pair *p)
{
    for (size_t i = 1; i < p->waiting_count; i++)
        for (size_t k = i; k > 0 && is_before(&p->order, p->waiting[k], p->waiting[k - 1]); k--) {
            struct item *item = p->waiting[k];
            p->waiting[k] = p->waiting[k - 1];
            p->waiting[k - 1] = item;
        }
}

static void take(struct pair *p)
{
    if (p->waiting_count == 0)
        return;
    sort(p);
    CHECK(order_first(&p->order) == p->waiting[0]);
    CHECK(order_reserve_take(&p->order, 1));
    CHECK(order_take(&p->order) == p->waiting[0]);
    p->taken[p->taken_count++] = p->waiting[0];
    memmove(p->waiting, p->waiting + 1, --p->waiting_count * sizeof *p->waiting);
}

static struct item *pick_taken(struct pair *p)
{
    size_t at = next_random(p, p->taken_count);
    struct item *item = p->taken[at];
    p->taken[at] = p->taken[--p->taken_count];
    return item;
}

static void give_back(struct pair *p)
{
    if (p->taken_count == 0)
        return;
    struct item *item = pick_taken(p);
    order_return(&p->order, item);
    p->waiting[p->waiting_count++] = item;
}

static void finish(struct pair *p)
{
    if (p->taken_count == 0)
        return;
    order_forget(&p->order);
    item_free(pick_taken(p));
}

static void peek(struct pair *p)
{
    const struct item *seen[ITEMS_MAX];
    size_t max = 1 + next_random(p, ITEMS_MAX), count;
    sort(p);
    size_t expected = max < p->waiting_count ? max : p->waiting_count;
    CHECK(order_peek(&p->order, false, max, seen, &count));
    CHECK_EQUAL(count, expected);
    CHECK(memcmp(seen, p->waiting, count * sizeof *seen) == 0);
    CHECK(order_peek(&p->order, true, max, seen, &count));
    CHECK_EQUAL(count, expected);
    CHECK(memcmp(seen, p->waiting + p->waiting_count - count, count * sizeof *seen) == 0);
}

static void pair_done(struct pair *p)
{
    while (p->taken_count > 0)
        finish(p);
    for (struct item *item; (item = order_discard(&p->order)); p->waiting_count--)
        item_free(item);
    CHECK_EQUAL(p->waiting_count, 0);
    order_done(&p->order);
}

static void compare_with_sorting(enum mq_kind kind)
{
    static struct pair p;
    pair_init(&p, kind);
    for (int i = 0; i < STEPS; i++) {
        switch (next_random(&p, 6)) {
        case 0:
        case 1:
            put(&p);
            break;
        case 2:
            take(&p);
            break;
        case 3:
            give_back(&p);
            break;
        case 4:
            finish(&p);
            break;
        default:
            peek(&p);
        }
        CHECK_EQUAL(p.order.count, p.waiting_count);
    }
    pair_done(&p);
}

static void a_fifo_takes_and_shows_the_same_as_sorting_by_id(void)
{
    compare_with_sorting(MQ_KIND_FIFO);
}

static void a_lifo_takes_and_shows_the_same_as_sorting_by_id_downwards(void)
{
    compare_with_sorting(MQ_KIND_LIFO);
}

static void a_priority_order_takes_and_shows_the_same_as_sorting_by_key_and_id(void)
{
    compare_with_sorting(MQ_KIND_PRIORITY);
}

/* An insertion into a sorted list for each item would take minutes. */
static void the_last_of_a_long_priority_order_are_found_in_one_walk(void)
{
    static struct pair p;
    enum { MANY = 200000, SHOWN = 1000 };
    static const struct item *seen[SHOWN];
    pair_init(&p, MQ_KIND_PRIORITY);
    CHECK(order_reserve_store(&p.order, MANY));
    for (int64_t i = MANY; i > 0; i--) {
        uint8_t encoded[MQ_KEY_SIZE_MAX];
        struct bytes key = {encoded, 0};
        CHECK_EQUAL(key_encode(&(struct key){.type = MQ_KEY_INT, .integer = i}, encoded, &key.size), MQ_OK);
        struct item *item = item_new(&(struct put_item){0}, key);
        CHECK(item != NULL);
        item->id = p.next_id++;
        order_add(&p.order, item);
    }
    size_t count;
    CHECK(order_peek(&p.order, true, SHOWN, seen, &count));
    CHECK_EQUAL(count, SHOWN);
    for (size_t i = 0; i < SHOWN; i++)
        CHECK_EQUAL(seen[i]->id, SHOWN - i);
    for (struct item *item; (item = order_discard(&p.order));)
        item_free(item);
    order_done(&p.order);
}

static const struct unit_test tests[] = {
    UNIT(a_fifo_takes_and_shows_the_same_as_sorting_by_id),
    UNIT(a_lifo_takes_and_shows_the_same_as_sorting_by_id_downwards),
    UNIT(a_priority_order_takes_and_shows_the_same_as_sorting_by_key_and_id),
    UNIT(the_last_of_a_long_priority_order_are_found_in_one_walk),
};

int main(void)
{
    return unit_run("order", tests, sizeof tests / sizeof *tests);
}
