/* unit_bundle.c - results that a program is being told while its lane goes on. */
#include "lane.h"
#include "unit.h"

static const struct put_item put = {.body = {"x", 1}};
static const struct lane_limits limits = {.items = 100, .size = 100000};

static void add(struct lane *lane, uint64_t sequence)
{
    struct bundle_item item = {.sequence = sequence};
    CHECK(lane_add(lane, &put, &item, true, limits));
}

static void free_first(struct lane *lane)
{
    struct bundle *b = lane_first(lane);
    while (bundle_next_result(b))
        ;
    lane_retire(lane);
    bundle_free(lane->depot, b);
}

static void what_comes_after_a_refusal_does_not_move_the_results_of_before(void)
{
    struct depot depot;
    struct lane lane;
    const struct put_item *puts;
    depot_init(&depot);
    lane_init(&lane, &depot);
    add(&lane, 1);
    add(&lane, 2);
    lane_refuse(&lane, 1, MQ_DISCONNECTED);
    struct bundle *b = lane_first(&lane);
    const struct bundle_item *told = bundle_next_result(b);
    for (uint64_t i = 3; i < 50; i++)
        add(&lane, i);
    CHECK(b->items == told);
    CHECK_EQUAL(told->status, MQ_DISCONNECTED);
    CHECK_EQUAL(lane_depart(&lane, limits, &puts), 1);
    CHECK_EQUAL(lane_land(&lane, 1, NULL, 0), 0);
    free_first(&lane);
    CHECK_EQUAL(lane_depart(&lane, limits, &puts), 47);
    CHECK_EQUAL(lane_land(&lane, 47, NULL, 0), 0);
    free_first(&lane);
    CHECK(lane_is_empty(&lane));
    depot_done(&depot);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(what_comes_after_a_refusal_does_not_move_the_results_of_before),
    };
    return unit_run("bundle", tests, sizeof tests / sizeof *tests);
}
