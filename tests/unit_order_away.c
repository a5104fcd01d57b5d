/* unit_order_away.c - what of an order goes to the shelf, when it comes back, and what is lost there. */
#include "fake_shelf.h"
#include "order.h"
#include "unit.h"

#include <string.h>

static struct fake_shelf fake;
static struct stock stock;
static struct order order;
static uint64_t next_id;
static uint8_t body[100];

static void begin(enum mq_kind kind)
{
    fake_shelf_init(&fake);
    stock_init(&stock);
    stock.shelf = &fake.shelf;
    order_init(&order, kind, &stock);
    next_id = 1;
    memset(body, 7, sizeof body);
}

/* What nobody wants is not read. */
static void done(void)
{
    uint64_t gets = fake.gets;
    order_clear(&order);
    CHECK_EQUAL(fake.gets, gets);
    CHECK_EQUAL(fake.count, 0);
    order_done(&order);
    stock_done(&stock);
}

/* So many items of 100 bytes. */
static void fill(size_t count)
{
    struct put_item put = {.body = {body, sizeof body}};
    for (size_t i = 0; i < count; i++)
        CHECK(order_put(&order, &put, 1, next_id++, 1));
}

static void everything_but_both_ends_can_be_away(void)
{
    const enum mq_kind kinds[] = {MQ_KIND_FIFO, MQ_KIND_LIFO};
    for (size_t i = 0; i < 2; i++) {
        begin(kinds[i]);
        fill(100000);
        CHECK(order_put_away(&order, SIZE_MAX) > 0);
        order_check(&order);
        CHECK(stock.away_items > 98000);
        CHECK_EQUAL(fake.size > 98000 * record_bytes(100), true);
        CHECK_EQUAL(order_put_away(&order, SIZE_MAX), 0);
        done();
    }
}

static void what_a_fifo_puts_away_lies_on_the_shelf_in_the_order_in_which_it_will_be_wanted(void)
{
    begin(MQ_KIND_FIFO);
    for (int i = 0; i < 50; i++) {
        fill(3000);
        order_put_away(&order, 300000);
    }
    uint64_t last = 0, count = 0;
    for (struct chunk *c = order.first_away;; c = CONTAINER_OF(c->node.next, struct chunk, node), count++) {
        CHECK(c->is_away);
        CHECK(count == 0 || chunk_away(c)->place > last);
        last = chunk_away(c)->place;
        if (c == order.last_away)
            break;
    }
    CHECK(count > 50);
    done();
}

static void a_chunk_that_comes_back_says_which_one_will_be_wanted_next(void)
{
    begin(MQ_KIND_LIFO);
    fill(20000);
    order_put_away(&order, SIZE_MAX);
    uint64_t away = stock.away_count;
    CHECK(order_reserve_take(&order, 3000));
    uint64_t returns = 0;
    for (int i = 0; i < 3000; i++) {
        if (order_next_is_away(&order)) {
            CHECK(order_bring_back(&order, NULL) != NULL);
            returns++;
        }
        order_forget(&order, order_take(&order, order_first(&order)));
    }
    CHECK(returns > 2);
    CHECK_EQUAL(fake.expected, returns);
    CHECK_EQUAL(stock.away_count, away - returns);
    done();
}

static void what_is_in_hands_is_not_put_away(void)
{
    struct item *taken[20];
    begin(MQ_KIND_LIFO);
    for (int i = 0; i < 20; i++) { /* one in each chunk is taken */
        fill(400);
        CHECK(order_reserve_take(&order, 1));
        taken[i] = order_take(&order, order_first(&order));
    }
    order_put_away(&order, SIZE_MAX);
    order_check(&order);
    for (int i = 0; i < 20; i++) {
        CHECK(item_body(taken[i]).size == sizeof body);
        CHECK(memcmp(item_body(taken[i]).data, body, sizeof body) == 0);
        order_forget(&order, taken[i]);
    }
    done();
}

static void lose(bool get_fails, bool flips_bits)
{
    struct item_view seen[5000];
    struct order_copies copies = {.size_max = SIZE_MAX};
    size_t count;
    begin(MQ_KIND_FIFO);
    fill(20000);
    order_put_away(&order, SIZE_MAX);
    fake.get_fails = get_fails;
    fake.flips_bits = flips_bits;
    CHECK(!order_peek(&order, false, 5000, seen, &count, &copies));
    order_free_copies(&order, &copies);
    CHECK(stock.lost != NULL);
    fake.get_fails = fake.flips_bits = false;
    CHECK_EQUAL(order_put_away(&order, SIZE_MAX), 0);
    CHECK(order_reserve_take(&order, 20000));
    size_t taken = 0;
    for (; !order_next_is_away(&order); taken++)
        order_forget(&order, order_take(&order, order_first(&order)));
    CHECK(taken > 0);
    CHECK(!order_bring_back(&order, NULL));
    order_check(&order);
    order_unreserve_take(&order, 20000 - taken);
    done();
}

static void what_cannot_be_read_back_is_lost_and_nothing_comes_back_any_more(void)
{
    lose(true, false);
}

static void what_is_read_back_and_is_not_what_was_put_away_is_never_shown(void)
{
    lose(false, true);
}

/* Ids that do not count up by one have to be read. */
static void what_is_discarded_unread_still_tells_how_much_it_was(void)
{
    struct order_gone gone;
    uint64_t count = 0;
    begin(MQ_KIND_FIFO);
    for (int i = 0; i < 5000; i++) {
        fill(1);
        next_id++;
    }
    order_put_away(&order, SIZE_MAX);
    fake.get_fails = true;
    uint64_t away = stock.away_items;
    struct size_pair size;
    uint64_t id;
    while (order.count > 0) {
        if (!order_discard_away(&order, &gone)) {
            CHECK(order_discard(&order, &size, &id));
            continue;
        }
        CHECK(!gone.ids && stock.lost);
        CHECK_EQUAL(gone.body_size, 100 * gone.count);
        count += gone.count;
    }
    CHECK_EQUAL(count, away);
    done();
}

/* One by one, each of them having waited for room. */
static void what_had_waited_for_room_lies_close_together_and_can_be_put_away(void)
{
    const enum mq_kind kinds[] = {MQ_KIND_FIFO, MQ_KIND_LIFO};
    struct put_item put = {.body = {body, sizeof body}};
    for (size_t i = 0; i < 2; i++) {
        begin(kinds[i]);
        for (size_t n = 0; n < 20000; n++) {
            struct intake intake;
            CHECK(order_copy(&order, &put, 1, 1, &intake));
            order_store(&order, &intake, next_id++, 1);
            CHECK(!intake.next && intake.left == 0);
        }
        order_check(&order);
        order_put_away(&order, SIZE_MAX);
        CHECK(stock.away_items > 17000);
        CHECK(stock.away_count < 50);
        done();
    }
}

static void a_priority_order_puts_nothing_away(void)
{
    begin(MQ_KIND_PRIORITY);
    fill(5000);
    CHECK_EQUAL(order_put_away(&order, SIZE_MAX), 0);
    done();
}

static const struct unit_test tests[] = {
    UNIT(everything_but_both_ends_can_be_away),
    UNIT(what_a_fifo_puts_away_lies_on_the_shelf_in_the_order_in_which_it_will_be_wanted),
    UNIT(a_chunk_that_comes_back_says_which_one_will_be_wanted_next),
    UNIT(what_is_in_hands_is_not_put_away),
    UNIT(what_cannot_be_read_back_is_lost_and_nothing_comes_back_any_more),
    UNIT(what_is_read_back_and_is_not_what_was_put_away_is_never_shown),
    UNIT(what_is_discarded_unread_still_tells_how_much_it_was),
    UNIT(what_had_waited_for_room_lies_close_together_and_can_be_put_away),
    UNIT(a_priority_order_puts_nothing_away),
};

int main(void)
{
    return unit_run("order: away", tests, sizeof tests / sizeof *tests);
}
