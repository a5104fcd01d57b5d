/* unit_trim.c - when freed memory goes back to the system. */
#include "unit.h"

#include "trim.h"

enum { MIB = 1 << 20 };

static bool at(struct trim *t, uint64_t now_ms, uint64_t used_mib)
{
    return trim_is_due(t, now_ms, used_mib * MIB);
}

static struct trim begin(void)
{
    struct trim t;
    trim_init(&t);
    CHECK_EQUAL(trim_deadline_ms(&t), UINT64_MAX);
    return t;
}

static void it_is_time_a_second_after_a_large_queue_was_drained(void)
{
    struct trim t = begin();
    CHECK(!at(&t, 0, 200));
    CHECK(!at(&t, 100, 10));
    CHECK_EQUAL(trim_deadline_ms(&t), 1100);
    CHECK(!at(&t, 1099, 1));
    CHECK(at(&t, 1100, 0));
}

static void once_done_there_is_nothing_to_do(void)
{
    struct trim t = begin();
    at(&t, 0, 200);
    at(&t, 0, 100);
    CHECK(at(&t, 5000, 100));
    CHECK_EQUAL(trim_deadline_ms(&t), UINT64_MAX);
    CHECK(!at(&t, 10000, 90));
    CHECK_EQUAL(trim_deadline_ms(&t), UINT64_MAX);
}

static void a_long_drain_gives_back_about_once_a_second(void)
{
    struct trim t = begin();
    int times = 0;
    for (uint64_t now_ms = 0; now_ms < 10000; now_ms += 10)
        times += at(&t, now_ms, 1000 - now_ms / 10);
    CHECK(times > 5 && times <= 10);
}

static void a_little_is_not_worth_it(void)
{
    struct trim t = begin();
    CHECK(!at(&t, 0, 15));
    CHECK(!at(&t, 10, 0));
    CHECK(!at(&t, 100000, 0));
    CHECK_EQUAL(trim_deadline_ms(&t), UINT64_MAX);
}

static void use_that_goes_up_and_down_is_left_alone(void)
{
    struct trim t = begin();
    for (uint64_t now_ms = 0; now_ms < 100000; now_ms += 500)
        CHECK(!at(&t, now_ms, now_ms / 500 % 2 ? 0 : 100));
}

static const struct unit_test tests[] = {
    UNIT(it_is_time_a_second_after_a_large_queue_was_drained),
    UNIT(once_done_there_is_nothing_to_do),
    UNIT(a_long_drain_gives_back_about_once_a_second),
    UNIT(a_little_is_not_worth_it),
    UNIT(use_that_goes_up_and_down_is_left_alone),
};

int main(void)
{
    return unit_run("trim", tests, sizeof tests / sizeof *tests);
}
