/* unit_amount.c - amounts as people write them. */
#include <string.h>

#include "amount.h"
#include "unit.h"

static void a_number_is_all_digits_there_are_and_at_most_what_63_bits_hold(void)
{
    const char *text = "65535/tcp", *none = "x1", *largest = "9223372036854775807";
    const char *larger = "9223372036854775808";
    uint64_t number = 7;
    CHECK(amount_number(&text, &number));
    CHECK_EQUAL(number, 65535);
    CHECK(strcmp(text, "/tcp") == 0);
    CHECK(!amount_number(&none, &number));
    CHECK(strcmp(none, "x1") == 0);
    CHECK_EQUAL(number, 65535);
    CHECK(amount_number(&largest, &number));
    CHECK_EQUAL(number, INT64_MAX);
    CHECK(!amount_number(&larger, &number));
}

static void durations_have_units(void)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"250ms", 250}, {"5s", 5000}, {"2m", 120000}, {"1h", 3600000}, {"7", 7000}, {"0", 0}};
    static const char *const bad[] = {
        "", "s", "-1", "1.5s", "1 s", "5S", "1d", "99999999999999999999", "9223372036854775807h"};
    uint64_t ms;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(amount_duration(good[i].text, &ms));
        CHECK_EQUAL(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!amount_duration(bad[i], &ms));
}

static void sizes_are_1024_based(void)
{
    static const struct {
        const char *text;
        uint64_t size;
    } good[] = {{"512", 512}, {"64k", 64 << 10}, {"64K", 64 << 10}, {"16M", 16 << 20}, {"3G", 3ull << 30}};
    static const char *const bad[] = {"", "k", "-1", "1.5M", "1kb", "1T", "9999999999999999999G"};
    uint64_t size;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(amount_size(good[i].text, &size));
        CHECK_EQUAL(size, good[i].size);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!amount_size(bad[i], &size));
}

static const struct unit_test tests[] = {
    UNIT(a_number_is_all_digits_there_are_and_at_most_what_63_bits_hold),
    UNIT(durations_have_units),
    UNIT(sizes_are_1024_based),
};

int main(void)
{
    return unit_run("amount", tests, sizeof tests / sizeof *tests);
}
