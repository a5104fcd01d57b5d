/* unit_key_print.c - keys as they are printed for people. */
#include "keys.h"

#include <float.h>
#include <math.h>
#include <string.h>

static void check_print(struct key key, const char *expected)
{
    char out[128];
    struct encoded e = encode(key);
    key_print(view(&e), out, sizeof out);
    if (strcmp(out, expected) != 0)
        printf("\n    printed %s, expected %s\n", out, expected);
    CHECK(strcmp(out, expected) == 0);
}

static void keys_are_printed_for_people(void)
{
    const struct key pair[] = {integer(1), string("x")},
                     nested[] = {tuple(pair, 2), tuple(NULL, 0), integer(2)};
    check_print(integer(5), "5");
    check_print(integer(INT64_MIN), "-9223372036854775808");
    check_print(integer(INT64_MAX), "9223372036854775807");
    check_print(real(-0.5), "-0.5");
    check_print(real(0.1), "0.1");
    check_print(real(0x1p63), "9.223372036854776e+18");
    check_print(real(DBL_TRUE_MIN), "4.94065645841247e-324");
    check_print(real(-0.0), "0");
    check_print(real(INFINITY), "inf");
    check_print(real(-INFINITY), "-inf");
    check_print(string("text"), "\"text\"");
    check_print(string("a\"\\\n"), "\"a\\\"\\\\\\u000a\"");
    check_print(binary("hi", 2), "b\"6869\"");
    check_print(tuple(NULL, 0), "()");
    check_print(tuple(pair, 2), "(1, \"x\")");
    check_print(tuple(nested, 3), "((1, \"x\"), (), 2)");
}

static void printing_stays_within_the_size_given(void)
{
    char out[8];
    const struct key pair[] = {integer(12345), string("long enough")};
    struct encoded e = encode(tuple(pair, 2));
    for (size_t size = 1; size <= sizeof out; size++) {
        memset(out, '#', sizeof out);
        key_print(view(&e), out, size);
        CHECK_EQUAL(strlen(out), size - 1);
        CHECK(strncmp(out, "(12345,", size - 1) == 0);
    }
    key_print((struct bytes){"\x09", 1}, out, sizeof out);
    CHECK(strcmp(out, "?") == 0);
}

static const struct unit_test tests[] = {
    UNIT(keys_are_printed_for_people),
    UNIT(printing_stays_within_the_size_given),
};

int main(void)
{
    return unit_run("key_print", tests, sizeof tests / sizeof *tests);
}
