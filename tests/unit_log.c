/* unit_log.c - lines of the log: their two formats, and how many of one kind are written. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "unit.h"

enum { WALL_MS = 1500 }; /* 1970-01-01T00:00:01.500Z */

static void check_line(enum log_format format, const struct log_field *fields, const char *expected)
{
    char line[LOG_LINE_MAX + 1];
    size_t size = log_format_line(line, format, WALL_MS, LOG_WARN, "refused", fields);
    line[size] = '\0';
    if (strcmp(line, expected) != 0)
        printf("\n    seen:     %s    expected: %s", line, expected);
    CHECK(strcmp(line, expected) == 0);
}

static void a_line_is_keys_and_values(void)
{
    check_line(LOG_FORMAT_TEXT, NULL, "time=1970-01-01T00:00:01.500Z level=warn event=refused\n");
    check_line(LOG_FORMAT_TEXT, LOG_FIELDS(log_number("session", UINT64_MAX), log_text("status", "INVALID")),
               "time=1970-01-01T00:00:01.500Z level=warn event=refused session=18446744073709551615 "
               "status=INVALID\n");
}

static void a_value_is_quoted_when_it_needs_it(void)
{
    check_line(LOG_FORMAT_TEXT,
               LOG_FIELDS(log_text("a", "two words"), log_text("b", "say \"hi\""), log_text("c", ""),
                          log_text("d", "x=y"), log_text("e", "line\nfeed"), log_text("f", "grün")),
               "time=1970-01-01T00:00:01.500Z level=warn event=refused a=\"two words\" b=\"say \\\"hi\\\"\" "
               "c=\"\" d=\"x=y\" e=\"line\\u000afeed\" f=grün\n");
}

static void a_line_can_be_json(void)
{
    check_line(
        LOG_FORMAT_JSON, LOG_FIELDS(log_number("session", 7), log_text("why", "a \\ and a \t")),
        "{\"time\":\"1970-01-01T00:00:01.500Z\",\"level\":\"warn\",\"event\":\"refused\",\"session\":7,"
        "\"why\":\"a \\\\ and a \\u0009\"}\n");
}

/* Whatever is too long, the line ends as it should, in each format. */
static void a_line_too_long_is_cut_without_losing_its_end(void)
{
    static char text[2 * LOG_LINE_MAX];
    for (size_t size = LOG_LINE_MAX - 200; size < LOG_LINE_MAX + 20; size++) {
        char line[LOG_LINE_MAX];
        memset(text, size % 2 ? 'x' : '\n', size);
        text[size] = '\0';
        const struct log_field *fields = LOG_FIELDS(log_text("long", text), log_text("last", "lost"));
        size_t json = log_format_line(line, LOG_FORMAT_JSON, WALL_MS, LOG_INFO, "event", fields);
        CHECK(json <= LOG_LINE_MAX);
        CHECK(memcmp(line + json - 3, "\"}\n", 3) == 0);
        size_t plain = log_format_line(line, LOG_FORMAT_TEXT, WALL_MS, LOG_INFO, "event", fields);
        CHECK(plain <= LOG_LINE_MAX);
        CHECK(line[plain - 1] == '\n');
    }
}

static void levels_have_names(void)
{
    enum log_level level = LOG_ERROR;
    CHECK(log_level_from_name("debug", &level) && level == LOG_DEBUG);
    CHECK(!log_level_from_name("loud", &level) && level == LOG_DEBUG);
    CHECK(strcmp(log_level_name(LOG_WARN), "warn") == 0);
}

/* --- what is written --- */

static int read_end;

static struct log log_new(enum log_level level)
{
    struct log log;
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    read_end = ends[0];
    log_init(&log, ends[1], level, LOG_FORMAT_TEXT);
    return log;
}

/* How many lines were written since the last call, and whether one of them has this text. */
static int lines_written(const char *text, bool *ret_has_text)
{
    static char bytes[1 << 17];
    size_t size = 0;
    for (ssize_t n; (n = read(read_end, bytes + size, sizeof bytes - 1 - size)) > 0;)
        size += (size_t)n;
    bytes[size] = '\0';
    int lines = 0;
    for (const char *at = bytes; (at = strchr(at, '\n')); at++)
        lines++;
    *ret_has_text = strstr(bytes, text) != NULL;
    return lines;
}

static void log_close(struct log *log)
{
    close(log->fd);
    close(read_end);
}

static void lines_above_the_level_are_not_written(void)
{
    struct log log = log_new(LOG_WARN);
    bool has;
    log_event(&log, LOG_INFO, "quiet", NULL);
    log_event(&log, LOG_DEBUG, "quieter", NULL);
    log_event(&log, LOG_WARN, "loud", NULL);
    log_event(&log, LOG_ERROR, "louder", NULL);
    CHECK_EQUAL(lines_written("event=louder", &has), 2);
    CHECK(has);
    log_done(&log);
    log_close(&log);
}

static void one_event_is_written_ten_times_a_second(void)
{
    struct log log = log_new(LOG_INFO);
    bool has;
    log.now_ms = 5000;
    for (int i = 0; i < 1000; i++)
        log_event(&log, LOG_WARN, "refused", NULL);
    CHECK_EQUAL(lines_written("", &has), LOG_BURST);
    log_event(&log, LOG_WARN, "other", NULL);
    CHECK_EQUAL(lines_written("event=other", &has), 1);
    CHECK(has);
    log.now_ms = 6000;
    log_event(&log, LOG_WARN, "refused", NULL);
    CHECK_EQUAL(lines_written("event=suppressed of=refused suppressed=990", &has), 2);
    CHECK(has);
    log_close(&log);
}

static void what_was_suppressed_is_told_at_the_end(void)
{
    struct log log = log_new(LOG_INFO);
    bool has;
    for (int i = 0; i < LOG_BURST + 3; i++)
        log_event(&log, LOG_INFO, "refused", NULL);
    log_done(&log);
    CHECK_EQUAL(lines_written("of=refused suppressed=3", &has), LOG_BURST + 1);
    CHECK(has);
    log_done(&log);
    CHECK_EQUAL(lines_written("", &has), 0);
    log_close(&log);
}

static void debug_lines_are_not_limited(void)
{
    struct log log = log_new(LOG_DEBUG);
    bool has;
    for (int i = 0; i < 100; i++)
        log_event(&log, LOG_DEBUG, "frame", NULL);
    CHECK_EQUAL(lines_written("", &has), 100);
    log_close(&log);
}

static void more_events_than_are_watched_share_a_limit(void)
{
    static char names[2 * LOG_EVENTS_MAX][24];
    struct log log = log_new(LOG_INFO);
    bool has;
    for (int i = 0; i < 2 * LOG_EVENTS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "event%d", i);
        log_event(&log, LOG_INFO, names[i], NULL);
    }
    CHECK_EQUAL(lines_written("", &has), LOG_EVENTS_MAX - 1 + LOG_BURST);
    log_close(&log);
}

static void a_log_that_nobody_reads_any_more_stops_nothing(void)
{
    struct log log = log_new(LOG_INFO);
    close(log.fd);
    log_event(&log, LOG_INFO, "unheard", NULL);
    log_done(&log);
    close(read_end);
}

static const struct unit_test tests[] = {
    UNIT(a_line_is_keys_and_values),
    UNIT(a_value_is_quoted_when_it_needs_it),
    UNIT(a_line_can_be_json),
    UNIT(a_line_too_long_is_cut_without_losing_its_end),
    UNIT(levels_have_names),
    UNIT(lines_above_the_level_are_not_written),
    UNIT(one_event_is_written_ten_times_a_second),
    UNIT(what_was_suppressed_is_told_at_the_end),
    UNIT(debug_lines_are_not_limited),
    UNIT(more_events_than_are_watched_share_a_limit),
    UNIT(a_log_that_nobody_reads_any_more_stops_nothing),
};

int main(void)
{
    return unit_run("log", tests, sizeof tests / sizeof *tests);
}
