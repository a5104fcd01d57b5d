/* unit_cli_json.c - values as JSON. */
#include "cli_json.h"
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Takes the value. */
static void check_json(json_t *value, const char *expected)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    CHECK(text != NULL);
    if (strcmp(text, expected) != 0)
        printf("\n    %s, expected %s\n", text, expected);
    CHECK(strcmp(text, expected) == 0);
    free(text);
    json_decref(value);
}

static void base64_is_padded_to_four(void)
{
    check_json(cli_json_base64("", 0), "\"\"");
    check_json(cli_json_base64("f", 1), "\"Zg==\"");
    check_json(cli_json_base64("fo", 2), "\"Zm8=\"");
    check_json(cli_json_base64("foo", 3), "\"Zm9v\"");
    check_json(cli_json_base64("foobar", 6), "\"Zm9vYmFy\"");
    check_json(cli_json_base64("\xff\xfe\x00\xfb\xef", 5), "\"//4A++8=\"");
}

static void a_key_keeps_its_type(void)
{
    check_json(cli_json_key((struct mqc_key){0}), "null");
    check_json(cli_json_key((struct mqc_key){.type = MQ_KEY_INT, .integer = -5}), "-5");
    check_json(cli_json_key((struct mqc_key){.type = MQ_KEY_DOUBLE, .real = 0.5}), "0.5");
    check_json(cli_json_key((struct mqc_key){.type = MQ_KEY_STRING, .data = "a\0b", .size = 3}),
               "\"a\\u0000b\"");
    check_json(cli_json_key((struct mqc_key){.type = MQ_KEY_BYTES, .data = "\xff", .size = 1}),
               "{\"base64\":\"/w==\"}");
}

static void a_tuple_is_an_array(void)
{
    const struct mqc_key inner[] = {{.type = MQ_KEY_INT, .integer = 1}};
    const struct mqc_key outer[] = {{.type = MQ_KEY_STRING, .data = "x", .size = 1},
                                    {.type = MQ_KEY_TUPLE, .elements = inner, .count = 1}};
    check_json(cli_json_key((struct mqc_key){.type = MQ_KEY_TUPLE, .elements = outer, .count = 2}),
               "[\"x\",[1]]");
}

static void infinity_is_a_word(void)
{
    check_json(cli_json_key((struct mqc_key){.type = MQ_KEY_DOUBLE, .real = -INFINITY}), "\"-Infinity\"");
}

static const struct unit_test tests[] = {
    UNIT(base64_is_padded_to_four),
    UNIT(a_key_keeps_its_type),
    UNIT(a_tuple_is_an_array),
    UNIT(infinity_is_a_word),
};

int main(void)
{
    return unit_run("cli_json", tests, sizeof tests / sizeof *tests);
}
