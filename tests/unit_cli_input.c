/* unit_cli_input.c - items out of a stream, whatever the pieces it comes in. */
#include "cli_input.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pipe to write to, and a reader at its other end. */
struct bench {
    int to, stop[2];
    struct cli_input in;
};

static void open_bench(struct bench *b, int delimiter, size_t size_max)
{
    int fds[2];
    CHECK(pipe(fds) == 0);
    CHECK(pipe(b->stop) == 0);
    b->to = fds[1];
    b->in = (struct cli_input){.fd = fds[0], .delimiter = delimiter, .size_max = size_max};
}

static void close_bench(struct bench *b)
{
    if (b->to >= 0)
        close(b->to);
    close(b->in.fd);
    close(b->stop[0]);
    close(b->stop[1]);
    cli_input_done(&b->in);
}

static void feed(struct bench *b, const char *text, size_t size)
{
    CHECK_EQUAL(write(b->to, text, size), (ssize_t)size);
}

static void finish(struct bench *b)
{
    close(b->to);
    b->to = -1;
}

/* The next item is this one, filling as needed. */
static void expect(struct bench *b, const char *item, size_t size)
{
    size_t offset, found_size;
    enum cli_input_found found;
    while ((found = cli_input_next(&b->in, &offset, &found_size)) == CLI_INPUT_MORE)
        CHECK(cli_input_fill(&b->in, b->stop[0]));
    CHECK_EQUAL(found, CLI_INPUT_ITEM);
    CHECK_EQUAL(found_size, size);
    CHECK(memcmp(cli_input_at(&b->in, offset), item, size) == 0);
}

static void expect_end(struct bench *b, enum cli_input_found end)
{
    size_t offset, size;
    enum cli_input_found found;
    while ((found = cli_input_next(&b->in, &offset, &size)) == CLI_INPUT_MORE)
        CHECK(cli_input_fill(&b->in, b->stop[0]));
    CHECK_EQUAL(found, end);
}

static void a_line_is_an_item_and_an_empty_line_an_empty_one(void)
{
    struct bench b;
    open_bench(&b, '\n', 100);
    feed(&b, "one\n\n\r\nlast", 11);
    finish(&b);
    expect(&b, "one", 3);
    expect(&b, "", 0);
    expect(&b, "\r", 1);
    expect(&b, "last", 4);
    expect_end(&b, CLI_INPUT_END);
    close_bench(&b);
}

static void the_last_delimiter_makes_no_item(void)
{
    struct bench b;
    open_bench(&b, '\0', 100);
    feed(&b, "a\nb\0\0", 5);
    finish(&b);
    expect(&b, "a\nb", 3);
    expect(&b, "", 0);
    expect_end(&b, CLI_INPUT_END);
    close_bench(&b);
}

static void an_empty_stream_has_no_lines_but_is_one_whole(void)
{
    struct bench b;
    open_bench(&b, '\n', 100);
    finish(&b);
    expect_end(&b, CLI_INPUT_END);
    close_bench(&b);
    open_bench(&b, CLI_INPUT_WHOLE, 100);
    finish(&b);
    expect(&b, "", 0);
    expect_end(&b, CLI_INPUT_END);
    close_bench(&b);
}

static void an_item_may_come_in_any_pieces(void)
{
    struct bench b;
    open_bench(&b, '\n', 100);
    size_t offset, size;
    feed(&b, "ab", 2);
    CHECK(cli_input_fill(&b.in, b.stop[0]));
    CHECK_EQUAL(cli_input_next(&b.in, &offset, &size), CLI_INPUT_MORE);
    CHECK(!cli_input_is_ready(&b.in));
    feed(&b, "c\nd", 3);
    CHECK(cli_input_is_ready(&b.in));
    expect(&b, "abc", 3);
    finish(&b);
    expect(&b, "d", 1);
    expect_end(&b, CLI_INPUT_END);
    close_bench(&b);
}

static void a_largest_item_fits_and_one_byte_more_is_too_big(void)
{
    struct bench b;
    open_bench(&b, '\n', 4);
    feed(&b, "1234\n12345\n", 11);
    expect(&b, "1234", 4);
    expect_end(&b, CLI_INPUT_TOO_BIG);
    close_bench(&b);
    open_bench(&b, CLI_INPUT_WHOLE, 4);
    feed(&b, "12345", 5);
    expect_end(&b, CLI_INPUT_TOO_BIG); /* before its end is seen */
    close_bench(&b);
}

static void items_stay_where_they_are_until_they_are_forgotten(void)
{
    struct bench b;
    open_bench(&b, '\n', 1 << 20);
    size_t first, last, size, next = 0;
    char line[32];
    feed(&b, "first\n", 6);
    CHECK(cli_input_fill(&b.in, b.stop[0]));
    CHECK_EQUAL(cli_input_next(&b.in, &first, &size), CLI_INPUT_ITEM);
    /* The buffer grows and moves meanwhile. */
    for (int i = 0; i < 100; i++) {
        char block[10000];
        memset(block, 'x', sizeof block);
        block[sizeof block - 1] = '\n';
        feed(&b, block, sizeof block);
        CHECK(cli_input_fill(&b.in, b.stop[0]));
        CHECK_EQUAL(cli_input_next(&b.in, &last, &size), CLI_INPUT_ITEM);
        CHECK_EQUAL(size, sizeof block - 1);
    }
    CHECK(memcmp(cli_input_at(&b.in, first), "first", 5) == 0);
    CHECK(*(const char *)cli_input_at(&b.in, last) == 'x');
    /* Forgotten items make room: what is held does not grow with the stream. */
    size_t capacity = b.in.capacity;
    for (int i = 0; i < 100000; i++) {
        cli_input_forget(&b.in);
        next = (size_t)snprintf(line, sizeof line, "line %d\n", i);
        feed(&b, line, next);
        expect(&b, line, next - 1);
    }
    CHECK_EQUAL(b.in.capacity, capacity);
    close_bench(&b);
}

static void a_stop_ends_the_wait_for_input(void)
{
    struct bench b;
    open_bench(&b, '\n', 100);
    CHECK(write(b.stop[1], "x", 1) == 1);
    CHECK(!cli_input_fill(&b.in, b.stop[0]));
    CHECK_EQUAL(errno, EINTR);
    close_bench(&b);
}

static void an_error_of_the_stream_is_told(void)
{
    struct bench b;
    open_bench(&b, '\n', 100);
    close(b.in.fd);
    CHECK(!cli_input_fill(&b.in, b.stop[0]));
    CHECK_EQUAL(errno, EBADF);
    close_bench(&b);
}

static const struct unit_test tests[] = {
    UNIT(a_line_is_an_item_and_an_empty_line_an_empty_one),
    UNIT(the_last_delimiter_makes_no_item),
    UNIT(an_empty_stream_has_no_lines_but_is_one_whole),
    UNIT(an_item_may_come_in_any_pieces),
    UNIT(a_largest_item_fits_and_one_byte_more_is_too_big),
    UNIT(items_stay_where_they_are_until_they_are_forgotten),
    UNIT(a_stop_ends_the_wait_for_input),
    UNIT(an_error_of_the_stream_is_told),
};

int main(void)
{
    return unit_run("cli_input", tests, sizeof tests / sizeof *tests);
}
