/* unit_order.c - random steps in the order of each kind, beside a sorted array. */
#include "order.h"
#include "unit.h"

#include "key.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS_MAX = 4096, SHOWN_MAX = 64, KEYS = 5, BODY_MAX = 3000, BATCH_MAX = 40 };

/* What the array knows of an item. */
struct known {
    uint64_t id, stored_ms;
    int64_t key;
    size_t size;
    uint8_t fill;
    struct item *item; /* while it is taken */
};

struct pair {
    struct stock stock;
    struct order order;
    struct known waiting[ITEMS_MAX], taken[ITEMS_MAX];
    size_t waiting_count, taken_count, body_max;
    struct intake intake; /* a put that waits */
    struct known coming[BATCH_MAX];
    size_t coming_first, coming_count;
    uint64_t next_id, now_ms, random;
};

static uint64_t next_random(struct pair *p, uint64_t below)
{
    p->random = p->random * 6364136223846793005u + 1442695040888963407u;
    return (p->random >> 33) % below;
}

static void pair_init(struct pair *p, enum mq_kind kind, size_t body_max)
{
    memset(p, 0, sizeof *p);
    p->next_id = p->now_ms = 1;
    p->random = 1 + (uint64_t)kind;
    p->body_max = body_max;
    stock_init(&p->stock);
    order_init(&p->order, kind, &p->stock);
}

/* Bodies and keys of a put, which lie here only as long as it lasts. */
struct frame {
    struct put_item puts[BATCH_MAX];
    uint8_t bodies[BATCH_MAX][BODY_MAX], keys[BATCH_MAX][MQ_KEY_SIZE_MAX];
};
static struct frame frame;

static struct known invent(struct pair *p, size_t i)
{
    struct known known = {.size = next_random(p, p->body_max + 1), .fill = (uint8_t)next_random(p, 256)};
    memset(frame.bodies[i], known.fill, known.size);
    frame.puts[i] = (struct put_item){.body = {frame.bodies[i], known.size}};
    if (p->order.kind == MQ_KIND_PRIORITY && next_random(p, 4)) {
        known.key = (int64_t)next_random(p, KEYS) - 2;
        struct key key = {.type = MQ_KEY_INT, .integer = known.key};
        CHECK_EQUAL(key_encode(&key, frame.keys[i], &frame.puts[i].key.size), MQ_OK);
        frame.puts[i].key.data = frame.keys[i];
    }
    return known;
}

static void is_stored(struct pair *p, struct known known)
{
    known.id = p->next_id++;
    known.stored_ms = p->now_ms;
    p->waiting[p->waiting_count++] = known;
}

static void put(struct pair *p)
{
    struct known known[BATCH_MAX];
    size_t count = 1 + next_random(p, BATCH_MAX);
    if (p->waiting_count + p->taken_count + 2 * BATCH_MAX > ITEMS_MAX || p->coming_count)
        return;
    for (size_t i = 0; i < count; i++)
        known[i] = invent(p, i);
    CHECK(order_put(&p->order, frame.puts, count, p->next_id, p->now_ms));
    for (size_t i = 0; i < count; i++)
        is_stored(p, known[i]);
}

/* A put that waits, is stored bit by bit, and perhaps given up. */
static void put_slowly(struct pair *p)
{
    if (p->coming_count == 0) {
        p->coming_count = 1 + next_random(p, BATCH_MAX);
        p->coming_first = 0;
        for (size_t i = 0; i < p->coming_count; i++)
            p->coming[i] = invent(p, i);
        CHECK(order_copy(&p->order, frame.puts, p->coming_count, p->now_ms, &p->intake));
    }
    for (uint64_t n = next_random(p, 9); n > 0 && p->coming_first < p->coming_count; n--) {
        struct known known = p->coming[p->coming_first++];
        CHECK_EQUAL(order_intake_size(&p->order, &p->intake).body, known.size);
        struct put_item next = order_intake_item(&p->order, &p->intake);
        CHECK_EQUAL(next.body.size, known.size);
        CHECK(known.size == 0 || ((const uint8_t *)next.body.data)[known.size - 1] == known.fill);
        order_store(&p->order, &p->intake, p->next_id, p->now_ms);
        is_stored(p, known);
    }
    CHECK_EQUAL(p->intake.left, p->coming_count - p->coming_first);
    CHECK_EQUAL(order_intake_sum(&p->order, &p->intake).items, p->intake.left);
    if (p->coming_first == p->coming_count || next_random(p, 4) == 0) {
        order_drop(&p->order, &p->intake);
        p->coming_count = 0;
    }
}

static bool is_before(const struct order *order, const struct known *a, const struct known *b)
{
    if (order->kind == MQ_KIND_PRIORITY && a->key != b->key)
        return a->key < b->key;
    return order->kind == MQ_KIND_LIFO ? a->id > b->id : a->id < b->id;
}

static const struct order *sorted_order;

static int compare(const void *a, const void *b)
{
    return is_before(sorted_order, a, b) ? -1 : 1;
}

static void sort(struct pair *p)
{
    sorted_order = &p->order;
    if (p->waiting_count)
        qsort(p->waiting, p->waiting_count, sizeof *p->waiting, compare);
}

static bool has_body(struct bytes body, const struct known *known)
{
    const uint8_t *data = body.data;
    for (size_t i = 0; i < body.size; i++)
        if (data[i] != known->fill)
            return false;
    return body.size == known->size;
}

static void take(struct pair *p)
{
    for (uint64_t n = next_random(p, BATCH_MAX); n > 0 && p->waiting_count > 0; n--) {
        sort(p);
        struct known known = p->waiting[0];
        CHECK(order_reserve_take(&p->order, 1));
        struct order_first first = order_first(&p->order);
        known.item = order_take(&p->order, first);
        CHECK_EQUAL(known.item->id, known.id);
        CHECK_EQUAL(known.item->stored_ms, known.stored_ms);
        CHECK_EQUAL(first.size, known.size + known.item->key_size);
        p->taken[p->taken_count++] = known;
        memmove(p->waiting, p->waiting + 1, --p->waiting_count * sizeof *p->waiting);
    }
}

/* Bodies stay as they are, wherever they have moved. */
static struct known pick_taken(struct pair *p)
{
    size_t at = next_random(p, p->taken_count);
    struct known known = p->taken[at];
    CHECK(has_body(item_body(known.item), &known));
    p->taken[at] = p->taken[--p->taken_count];
    return known;
}

static void give_back(struct pair *p)
{
    for (uint64_t n = next_random(p, BATCH_MAX / 4); n > 0 && p->taken_count > 0; n--) {
        struct known known = pick_taken(p);
        order_return(&p->order, known.item);
        p->waiting[p->waiting_count++] = known;
    }
}

static void finish(struct pair *p)
{
    for (uint64_t n = next_random(p, BATCH_MAX); n > 0 && p->taken_count > 0; n--)
        order_forget(&p->order, pick_taken(p).item);
}

static void check_seen(const struct item_view *seen, const struct known *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(seen[i].id, expected[i].id);
        CHECK(has_body(seen[i].body, &expected[i]));
    }
}

static void peek(struct pair *p)
{
    struct item_view seen[SHOWN_MAX];
    size_t max = 1 + next_random(p, SHOWN_MAX), count;
    sort(p);
    size_t expected = max < p->waiting_count ? max : p->waiting_count;
    struct order_copies copies = {.size_max = SIZE_MAX};
    CHECK(order_peek(&p->order, false, max, seen, &count, &copies));
    CHECK_EQUAL(count, expected);
    check_seen(seen, p->waiting, count);
    CHECK(order_peek(&p->order, true, max, seen, &count, &copies));
    CHECK_EQUAL(count, expected);
    check_seen(seen, p->waiting + p->waiting_count - count, count);
}

static int compare_ids(const void *a, const void *b)
{
    return ((const struct known *)a)->id < ((const struct known *)b)->id ? -1 : 1;
}

/* Those that were never taken, from some id on, upwards: what the pile does not have. */
static void walk(struct pair *p)
{
    uint64_t after = next_random(p, 3) ? next_random(p, p->next_id + 1) : 0;
    size_t steps = next_random(p, 2 * SHOWN_MAX);
    struct order_walk walk;
    struct order_copies copies = {.size_max = SIZE_MAX};
    struct record *record = order_fresh_after(&p->order, after, &copies, &walk);
    if (p->waiting_count)
        qsort(p->waiting, p->waiting_count, sizeof *p->waiting, compare_ids);
    for (size_t i = 0; i < p->waiting_count; i++) {
        if (p->waiting[i].id <= after || p->waiting[i].item || p->order.kind == MQ_KIND_PRIORITY)
            continue;
        if (steps-- == 0)
            return;
        CHECK(record != NULL);
        CHECK_EQUAL(record_id(record), p->waiting[i].id);
        record = steps % 3 ? order_fresh_next(&walk, record)
                           : order_fresh_after(&p->order, p->waiting[i].id, &copies, &walk);
    }
    CHECK(record == NULL);
}

/* In any order, each of them once. */
static void discard(struct pair *p)
{
    struct size_pair size;
    uint64_t id;
    while (order_discard(&p->order, &size, &id)) {
        size_t i = 0;
        while (i < p->waiting_count && p->waiting[i].id != id)
            i++;
        CHECK(i < p->waiting_count);
        CHECK_EQUAL(size.body, p->waiting[i].size);
        p->waiting[i] = p->waiting[--p->waiting_count];
    }
    CHECK_EQUAL(p->waiting_count, 0);
}

static void pair_done(struct pair *p)
{
    order_drop(&p->order, &p->intake);
    while (p->taken_count > 0)
        finish(p);
    discard(p);
    order_done(&p->order);
    stock_done(&p->stock);
}

/* Whoever is known by itself is found by its id, and nobody else. */
static void check_index(const struct pair *p)
{
    size_t found = 0;
    for (size_t i = 0; i < p->taken_count; i++, found++)
        CHECK(item_find(&p->stock, p->taken[i].id) == p->taken[i].item);
    for (size_t i = 0; i < p->waiting_count; i++) {
        const struct known *known = &p->waiting[i];
        struct item *item = item_find(&p->stock, known->id);
        bool has_key = p->order.kind == MQ_KIND_PRIORITY && !known->item;
        CHECK(has_key ? item && item->id == known->id : item == known->item);
        found += item != NULL;
    }
    CHECK_EQUAL(p->stock.index.count, found);
}

static void compare_with_sorting(enum mq_kind kind, size_t body_max, bool is_indexed)
{
    static struct pair p;
    void (*const steps[])(struct pair * p) = {put,       put,    put_slowly, take, take,
                                              give_back, finish, peek,       walk};
    pair_init(&p, kind, body_max);
    if (is_indexed)
        stock_index(&p.stock);
    for (int i = 0; i < 2000; i++) {
        steps[next_random(&p, sizeof steps / sizeof *steps)](&p);
        p.now_ms += next_random(&p, 3);
        if (next_random(&p, 200) == 0)
            discard(&p);
        CHECK_EQUAL(p.order.count, p.waiting_count);
        order_check(&p.order);
        if (is_indexed && i % 10 == 0)
            check_index(&p);
    }
    CHECK(is_indexed || p.stock.index.count == 0);
    pair_done(&p);
}

static void a_fifo_takes_and_shows_the_same_as_sorting_by_id(void)
{
    compare_with_sorting(MQ_KIND_FIFO, 20, false);
    compare_with_sorting(MQ_KIND_FIFO, BODY_MAX, false);
}

static void a_lifo_takes_and_shows_the_same_as_sorting_by_id_downwards(void)
{
    compare_with_sorting(MQ_KIND_LIFO, 20, false);
    compare_with_sorting(MQ_KIND_LIFO, BODY_MAX, false);
}

static void a_priority_order_takes_and_shows_the_same_as_sorting_by_key_and_id(void)
{
    compare_with_sorting(MQ_KIND_PRIORITY, 20, false);
    compare_with_sorting(MQ_KIND_PRIORITY, BODY_MAX, false);
}

static void an_index_finds_those_that_were_taken_and_all_with_keys(void)
{
    compare_with_sorting(MQ_KIND_FIFO, 20, true);
    compare_with_sorting(MQ_KIND_LIFO, BODY_MAX, true);
    compare_with_sorting(MQ_KIND_PRIORITY, 20, true);
}

/* An insertion into a sorted list for each item would take minutes. */
static void the_last_of_a_long_priority_order_are_found_in_one_walk(void)
{
    static struct pair p;
    enum { MANY = 200000, SHOWN = 1000 };
    static struct item_view seen[SHOWN];
    pair_init(&p, MQ_KIND_PRIORITY, 0);
    for (int64_t i = MANY; i > 0; i--) {
        uint8_t encoded[MQ_KEY_SIZE_MAX];
        struct put_item put = {.key = {encoded, 0}};
        CHECK_EQUAL(key_encode(&(struct key){.type = MQ_KEY_INT, .integer = i}, encoded, &put.key.size),
                    MQ_OK);
        CHECK(order_put(&p.order, &put, 1, p.next_id++, 1));
    }
    size_t count;
    struct order_copies copies = {.size_max = SIZE_MAX};
    CHECK(order_peek(&p.order, true, SHOWN, seen, &count, &copies));
    CHECK_EQUAL(count, SHOWN);
    for (size_t i = 0; i < SHOWN; i++)
        CHECK_EQUAL(seen[i].id, SHOWN - i);
    struct size_pair size;
    uint64_t id;
    while (order_discard(&p.order, &size, &id))
        count++;
    CHECK_EQUAL(count, SHOWN + MANY);
    pair_done(&p);
}

static void an_empty_order_has_no_chunks(void)
{
    static struct pair p;
    const enum mq_kind kinds[] = {MQ_KIND_FIFO, MQ_KIND_LIFO, MQ_KIND_PRIORITY};
    for (size_t i = 0; i < 3; i++) {
        pair_init(&p, kinds[i], 100);
        for (int n = 0; n < 500; n++)
            put(&p);
        while (p.waiting_count)
            take(&p);
        while (p.taken_count)
            finish(&p);
        CHECK(list_is_empty(&p.order.chunks));
        CHECK(p.order.tail == NULL);
        CHECK(p.stock.spare_count <= 16);
        pair_done(&p);
    }
}

static const struct unit_test tests[] = {
    UNIT(a_fifo_takes_and_shows_the_same_as_sorting_by_id),
    UNIT(a_lifo_takes_and_shows_the_same_as_sorting_by_id_downwards),
    UNIT(a_priority_order_takes_and_shows_the_same_as_sorting_by_key_and_id),
    UNIT(an_index_finds_those_that_were_taken_and_all_with_keys),
    UNIT(the_last_of_a_long_priority_order_are_found_in_one_walk),
    UNIT(an_empty_order_has_no_chunks),
};

int main(void)
{
    return unit_run("order", tests, sizeof tests / sizeof *tests);
}
