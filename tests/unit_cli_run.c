/* unit_cli_run.c - what mq work does around a command: arguments filled in, output kept. */
#include "cli_run.h"
#include "cli_spool.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check_filled(const char *argument, const char *body, const char *expected)
{
    char *text = cli_run_fill_in(argument, body, strlen(body));
    CHECK(text != NULL);
    CHECK(strcmp(text, expected) == 0);
    free(text);
}

static void each_mark_is_replaced_by_the_body(void)
{
    check_filled("{}", "body", "body");
    check_filled("--name={}", "body", "--name=body");
    check_filled("{}{}", "ab", "abab");
    check_filled("{} {", "x", "x {");
    check_filled("{{}}", "x", "{x}");
    check_filled("none", "x", "none");
    check_filled("", "x", "");
    check_filled("a{}b", "", "ab");
}

static void what_is_replaced_is_not_looked_at_again(void)
{
    check_filled("{}", "{}", "{}");
}

/* What the spool gives back, through a file. */
static void check_spooled(const struct cli_spool *spool, const char *expected, size_t size)
{
    FILE *file = tmpfile();
    CHECK(file != NULL);
    CHECK(cli_spool_copy(spool, fileno(file)));
    char *seen = malloc(size + 1);
    CHECK(seen != NULL);
    CHECK_EQUAL(pread(fileno(file), seen, size + 1, 0), (ssize_t)size);
    CHECK(memcmp(seen, expected, size) == 0);
    free(seen);
    fclose(file);
}

static void a_little_output_stays_in_memory(void)
{
    struct cli_spool spool;
    cli_spool_init(&spool);
    cli_spool_add(&spool, "one ", 4);
    cli_spool_add(&spool, "two", 3);
    CHECK(spool.fd < 0);
    check_spooled(&spool, "one two", 7);
    cli_spool_done(&spool);
}

static void much_output_goes_to_a_file_in_order(void)
{
    enum { PIECES = 100, SIZE = 40000 };
    struct cli_spool spool;
    char *all = malloc((size_t)PIECES * SIZE);
    CHECK(all != NULL);
    cli_spool_init(&spool);
    for (size_t i = 0; i < PIECES; i++) {
        memset(all + i * SIZE, 'a' + (int)(i % 26), SIZE);
        cli_spool_add(&spool, all + i * SIZE, SIZE);
    }
    CHECK(spool.fd >= 0);
    CHECK(spool.capacity <= CLI_SPOOL_MEMORY);
    CHECK_EQUAL(spool.error, 0);
    check_spooled(&spool, all, (size_t)PIECES * SIZE);
    cli_spool_done(&spool);
    free(all);
}

static void a_spool_without_a_place_says_so(void)
{
    struct cli_spool spool;
    char *old = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
    char *data = calloc(1, CLI_SPOOL_MEMORY + 1);
    CHECK(data != NULL);
    setenv("TMPDIR", "/nowhere/at/all", 1);
    cli_spool_init(&spool);
    cli_spool_add(&spool, data, CLI_SPOOL_MEMORY);
    CHECK_EQUAL(spool.error, 0);
    cli_spool_add(&spool, data, 1);
    CHECK_EQUAL(spool.error, ENOENT);
    cli_spool_done(&spool);
    free(data);
    if (old)
        setenv("TMPDIR", old, 1);
    else
        unsetenv("TMPDIR");
    free(old);
}

static void the_end_of_a_run_is_told_in_words(void)
{
    char text[128];
    struct cli_run run = {.end = CLI_RUN_EXITED, .code = 3};
    cli_run_describe(&run, text, sizeof text);
    CHECK(strcmp(text, "exit code 3") == 0);
    CHECK(!cli_run_succeeded(&run));
    run = (struct cli_run){.end = CLI_RUN_KILLED, .code = 9};
    cli_run_describe(&run, text, sizeof text);
    CHECK(strcmp(text, "killed by signal 9 (Killed)") == 0);
    run = (struct cli_run){.end = CLI_RUN_NO_START, .code = ENOENT};
    cli_run_describe(&run, text, sizeof text);
    CHECK(strcmp(text, "cannot be run: No such file or directory") == 0);
}

static const struct unit_test tests[] = {
    UNIT(each_mark_is_replaced_by_the_body), UNIT(what_is_replaced_is_not_looked_at_again),
    UNIT(a_little_output_stays_in_memory),   UNIT(much_output_goes_to_a_file_in_order),
    UNIT(a_spool_without_a_place_says_so),   UNIT(the_end_of_a_run_is_told_in_words),
};

int main(void)
{
    return unit_run("cli_run", tests, sizeof tests / sizeof *tests);
}
