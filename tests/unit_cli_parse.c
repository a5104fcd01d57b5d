/* unit_cli_parse.c - words of the command line: durations, numbers, priorities. */
#include "cli_parse.h"
#include "unit.h"

#include <string.h>

static int64_t duration(const char *text)
{
    int64_t ms = -1;
    return cli_parse_duration(text, &ms) ? ms : -1;
}

static void a_duration_has_a_unit_or_is_seconds(void)
{
    CHECK_EQUAL(duration("250ms"), 250);
    CHECK_EQUAL(duration("5s"), 5000);
    CHECK_EQUAL(duration("2m"), 120000);
    CHECK_EQUAL(duration("1h"), 3600000);
    CHECK_EQUAL(duration("1d"), 86400000);
    CHECK_EQUAL(duration("3"), 3000);
    CHECK_EQUAL(duration("0"), 0);
    CHECK_EQUAL(duration("1.5"), 1500);
    CHECK_EQUAL(duration("0.25s"), 250);
}

static void a_short_duration_does_not_become_zero(void)
{
    CHECK_EQUAL(duration("0.1ms"), 1);
    CHECK_EQUAL(duration("0.0001"), 1);
}

static void what_is_not_a_duration_is_refused(void)
{
    const char *const wrong[] = {"",    "s",   "-1",  "+1",  " 1",  "1 s", "1x",   "1e3",
                                 "inf", "nan", "0x1", "1.s", ".5s", "1ss", "5sec", "9999999999h"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_EQUAL(duration(wrong[i]), -1);
}

static void a_whole_number_is_nothing_else(void)
{
    int64_t value = 0;
    CHECK(cli_parse_integer("-12", -100, 100, &value));
    CHECK_EQUAL(value, -12);
    CHECK(cli_parse_integer("9223372036854775807", INT64_MIN, INT64_MAX, &value));
    CHECK_EQUAL(value, INT64_MAX);
    const char *const wrong[] = {"", "-", "1 ", " 1", "1.0", "0x1", "1e2", "9223372036854775808"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(!cli_parse_integer(wrong[i], INT64_MIN, INT64_MAX, &value));
    CHECK(!cli_parse_integer("0", 1, 10, &value));
    CHECK(!cli_parse_integer("11", 1, 10, &value));
}

static long long size(const char *text)
{
    uint64_t value = 0;
    return cli_parse_size(text, &value) ? (long long)value : -1;
}

static void a_size_is_bytes_or_has_a_unit_of_1024(void)
{
    CHECK_EQUAL(size("0"), 0);
    CHECK_EQUAL(size("100"), 100);
    CHECK_EQUAL(size("1k"), 1024);
    CHECK_EQUAL(size("16M"), 16 << 20);
    CHECK_EQUAL(size("2G"), INT64_C(2) << 30);
    CHECK_EQUAL(size("9223372036854775807"), INT64_MAX);
    const char *const wrong[] = {"",   "k",   "-1", "+1",   " 1",          "1 k",
                                 "1K", "1kk", "1b", "1.5k", "8589934592G", "9223372036854775808"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_EQUAL(size(wrong[i]), -1);
}

static void a_decimal_is_nothing_else(void)
{
    double value = 0;
    CHECK(cli_parse_decimal("2.5e3", &value));
    CHECK(value == 2500);
    const char *const wrong[] = {"", " 1", "1 ", "0x1", "inf", "nan", "1e999", "."};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(!cli_parse_decimal(wrong[i], &value));
}

/* The key's type, if it is not a tuple. */
static enum mq_key_type type_of(const char *text)
{
    struct cli_key key;
    CHECK_EQUAL(cli_parse_key(text, &key), MQ_OK);
    enum mq_key_type type = key.key.type;
    cli_key_done(&key);
    return type;
}

static void a_priority_is_an_integer_else_a_decimal_else_a_string(void)
{
    CHECK_EQUAL(type_of("0"), MQ_KEY_INT);
    CHECK_EQUAL(type_of("-7"), MQ_KEY_INT);
    CHECK_EQUAL(type_of("+7"), MQ_KEY_INT);
    CHECK_EQUAL(type_of("9223372036854775808"), MQ_KEY_DOUBLE);
    CHECK_EQUAL(type_of("1.5"), MQ_KEY_DOUBLE);
    CHECK_EQUAL(type_of("-.5e-3"), MQ_KEY_DOUBLE);
    CHECK_EQUAL(type_of("1e3"), MQ_KEY_DOUBLE);
    const char *const strings[] = {"", "a", "inf", "nan", "0x10", "1e", "1.2.3", "-", ".", " 1", "1 "};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        CHECK_EQUAL(type_of(strings[i]), MQ_KEY_STRING);
}

static void a_decimal_beyond_the_largest_is_refused(void)
{
    struct cli_key key;
    CHECK_EQUAL(cli_parse_key("1e999", &key), MQ_INVALID);
    CHECK_EQUAL(cli_parse_key("1,-1e999", &key), MQ_INVALID);
}

static void a_comma_makes_a_tuple(void)
{
    struct cli_key key;
    CHECK_EQUAL(cli_parse_key("1,b,2.5,", &key), MQ_OK);
    CHECK_EQUAL(key.key.type, MQ_KEY_TUPLE);
    CHECK_EQUAL(key.key.count, 4);
    CHECK_EQUAL(key.key.elements[0].integer, 1);
    CHECK_EQUAL(key.key.elements[1].size, 1);
    CHECK(memcmp(key.key.elements[1].data, "b", 1) == 0);
    CHECK(key.key.elements[2].real == 2.5);
    CHECK_EQUAL(key.key.elements[3].type, MQ_KEY_STRING);
    CHECK_EQUAL(key.key.elements[3].size, 0);
    cli_key_done(&key);
}

static const struct unit_test tests[] = {
    UNIT(a_duration_has_a_unit_or_is_seconds),
    UNIT(a_short_duration_does_not_become_zero),
    UNIT(what_is_not_a_duration_is_refused),
    UNIT(a_whole_number_is_nothing_else),
    UNIT(a_size_is_bytes_or_has_a_unit_of_1024),
    UNIT(a_decimal_is_nothing_else),
    UNIT(a_priority_is_an_integer_else_a_decimal_else_a_string),
    UNIT(a_decimal_beyond_the_largest_is_refused),
    UNIT(a_comma_makes_a_tuple),
};

int main(void)
{
    return unit_run("cli_parse", tests, sizeof tests / sizeof *tests);
}
