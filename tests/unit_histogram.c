/* unit_histogram.c - the log-linear histogram of `mq bench`. */
#include "bench_histogram.h"
#include "bench_random.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static struct histogram h, other;

static void begin(void)
{
    memset(&h, 0, sizeof h);
    memset(&other, 0, sizeof other);
}

static void nothing_counted_has_no_quantiles(void)
{
    begin();
    CHECK_EQUAL(histogram_quantile_ns(&h, 0.5), 0);
    CHECK_EQUAL(histogram_quantile_ns(&h, 1), 0);
    histogram_add(&h, 5, 0);
    CHECK_EQUAL(h.count, 0);
    CHECK_EQUAL(h.max_ns, 0);
}

static void small_values_are_exact(void)
{
    for (uint64_t value = 0; value < 256; value++) {
        begin();
        histogram_add(&h, value, 1);
        CHECK_EQUAL(histogram_quantile_ns(&h, 0.5), value);
    }
}

/* The second, larger value keeps the maximum from making the first one exact. */
static void check_error(uint64_t value)
{
    begin();
    histogram_add(&h, value, 1);
    histogram_add(&h, value * 2, 1);
    uint64_t seen = histogram_quantile_ns(&h, 0.5);
    uint64_t error = seen > value ? seen - value : value - seen;
    CHECK(error * 250 <= value);
}

static void no_value_is_off_by_more_than_four_in_a_thousand(void)
{
    for (unsigned bit = 8; bit < HISTOGRAM_VALUE_BITS - 1; bit++)
        for (uint64_t part = 0; part < 512; part++) {
            uint64_t low = (uint64_t)1 << bit;
            check_error(low + low * part / 512);
            check_error(low + low * (part + 1) / 512 - 1);
        }
}

static void buckets_of_neighbours_are_neighbours(void)
{
    uint64_t last = 0;
    for (uint64_t value = 1; value < 100000; value++) {
        begin();
        histogram_add(&h, value, 1);
        histogram_add(&h, UINT64_MAX, 1);
        uint64_t seen = histogram_quantile_ns(&h, 0.5);
        CHECK(seen >= last);
        last = seen;
    }
}

static void the_maximum_is_exact(void)
{
    begin();
    histogram_add(&h, 123456789, 3);
    histogram_add(&h, 1, 1);
    CHECK_EQUAL(h.max_ns, 123456789);
    CHECK_EQUAL(histogram_quantile_ns(&h, 1), 123456789);
    CHECK(histogram_quantile_ns(&h, 0.999) <= 123456789);
}

static void values_beyond_the_range_count_as_the_largest(void)
{
    begin();
    histogram_add(&h, UINT64_MAX, 1);
    CHECK_EQUAL(h.count, 1);
    CHECK_EQUAL(h.max_ns, ((uint64_t)1 << HISTOGRAM_VALUE_BITS) - 1);
}

static void a_quantile_is_the_least_value_that_the_share_does_not_exceed(void)
{
    begin();
    for (uint64_t value = 1; value <= 100; value++)
        histogram_add(&h, value, 1);
    CHECK_EQUAL(histogram_quantile_ns(&h, 0), 1);
    CHECK_EQUAL(histogram_quantile_ns(&h, 0.5), 50);
    CHECK_EQUAL(histogram_quantile_ns(&h, 0.501), 51);
    CHECK_EQUAL(histogram_quantile_ns(&h, 0.99), 99);
    CHECK_EQUAL(histogram_quantile_ns(&h, 0.999), 100);
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void quantiles_are_those_of_the_sorted_values(void)
{
    enum { COUNT = 10000 };
    static uint64_t values[COUNT];
    uint64_t state = 1;
    begin();
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = bench_random(&state) >> (24 + bench_random(&state) % 32);
        histogram_add(&h, values[i], 1);
    }
    qsort(values, COUNT, sizeof *values, compare);
    for (size_t rank = 1; rank < COUNT; rank += 37) {
        uint64_t seen = histogram_quantile_ns(&h, ((double)rank - 0.5) / COUNT), value = values[rank - 1];
        uint64_t error = seen > value ? seen - value : value - seen;
        CHECK(error * 250 <= value);
    }
}

static void merged_histograms_have_counted_what_both_have(void)
{
    begin();
    histogram_add(&h, 10, 2);
    histogram_add(&other, 20, 3);
    histogram_add(&other, 5000, 1);
    histogram_merge(&h, &other);
    CHECK_EQUAL(h.count, 6);
    CHECK_EQUAL(h.max_ns, 5000);
    CHECK_EQUAL(histogram_quantile_ns(&h, 0.3), 10);
    CHECK_EQUAL(histogram_quantile_ns(&h, 0.8), 20);
}

static const struct unit_test tests[] = {
    UNIT(nothing_counted_has_no_quantiles),
    UNIT(small_values_are_exact),
    UNIT(no_value_is_off_by_more_than_four_in_a_thousand),
    UNIT(buckets_of_neighbours_are_neighbours),
    UNIT(the_maximum_is_exact),
    UNIT(values_beyond_the_range_count_as_the_largest),
    UNIT(a_quantile_is_the_least_value_that_the_share_does_not_exceed),
    UNIT(quantiles_are_those_of_the_sorted_values),
    UNIT(merged_histograms_have_counted_what_both_have),
};

int main(void)
{
    return unit_run("histogram", tests, sizeof tests / sizeof *tests);
}
