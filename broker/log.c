/* log.c - see log.h. A line is built in a fixed buffer and written with one write(2), so that lines of
 * several processes on one terminal or pipe do not mix. */
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

bool log_level_from_name(const char *name, enum log_level *ret_level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    return false;
}

/* A line that is being written; what does not fit is left out. */
struct line {
    char *text;
    size_t size, capacity;
};

static bool line_has_room(const struct line *line, size_t size)
{
    return line->capacity - line->size >= size;
}

static void line_add(struct line *line, const char *text, size_t size)
{
    if (!line_has_room(line, size))
        size = line->capacity - line->size;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void line_add_string(struct line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

/* Quoted in the way of JSON; bytes that are not plain ASCII text are taken for UTF-8 and passed on. An escape
 * is never cut in two, and room is kept for the closing quote. */
static void line_add_quoted(struct line *line, const char *text)
{
    line_add_string(line, "\"");
    for (; *text && line_has_room(line, 8); text++) {
        char escape[8];
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            snprintf(escape, sizeof escape, "\\%c", byte);
        else if (byte < ' ' || byte == 0x7f)
            snprintf(escape, sizeof escape, "\\u%04x", byte);
        else
            snprintf(escape, sizeof escape, "%c", byte);
        line_add_string(line, escape);
    }
    line_add_string(line, "\"");
}

static bool is_plain(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == '"' || *text == '\\' || *text == '=' || *text == 0x7f)
            return false;
    return true;
}

static void line_add_field(struct line *line, enum log_format format, struct log_field field)
{
    bool json = format == LOG_FORMAT_JSON;
    /* Half a field would lie, or not be JSON: one that may not fit is left out altogether. */
    if (!line_has_room(line, strlen(field.key) + 32))
        return;
    if (json) {
        line_add_string(line, line->size > 1 ? "," : "");
        line_add_quoted(line, field.key);
        line_add_string(line, ":");
    } else {
        line_add_string(line, line->size > 0 ? " " : "");
        line_add_string(line, field.key);
        line_add_string(line, "=");
    }
    if (!field.text) {
        char digits[24];
        snprintf(digits, sizeof digits, "%" PRIu64, field.number);
        line_add_string(line, digits);
    } else if (json || !is_plain(field.text) || !line_has_room(line, strlen(field.text))) {
        line_add_quoted(line, field.text);
    } else {
        line_add_string(line, field.text);
    }
}

static void format_time(char out[32], uint64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    char day[24];
    gmtime_r(&seconds, &tm);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, 32, "%s.%03uZ", day, (unsigned)(wall_ms % 1000));
}

size_t log_format_line(char text[LOG_LINE_MAX], enum log_format format, uint64_t wall_ms,
                       enum log_level level, const char *event, const struct log_field *fields)
{
    struct line line = {.text = text, .capacity = LOG_LINE_MAX - 2};
    bool json = format == LOG_FORMAT_JSON;
    char time[32];
    format_time(time, wall_ms);
    line_add_string(&line, json ? "{" : "");
    line_add_field(&line, format, log_text("time", time));
    line_add_field(&line, format, log_text("level", log_level_name(level)));
    line_add_field(&line, format, log_text("event", event));
    for (; fields && fields->key; fields++)
        line_add_field(&line, format, *fields);
    line.capacity = LOG_LINE_MAX;
    line_add_string(&line, json ? "}\n" : "\n");
    return line.size;
}

static void write_line(struct log *log, enum log_level level, const char *event,
                       const struct log_field *fields)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    char line[LOG_LINE_MAX];
    uint64_t wall_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
    size_t size = log_format_line(line, log->format, wall_ms, level, event, fields);
    /* Nobody can be told that telling failed; a closed stderr does not stop the broker. */
    for (size_t done = 0; done < size;) {
        ssize_t written = write(log->fd, line + done, size - done);
        if (written < 0 && errno != EINTR)
            return;
        done += written > 0 ? (size_t)written : 0;
    }
}

static struct log_rate *rate_of(struct log *log, const char *event)
{
    size_t i = 0;
    while (i < LOG_EVENTS_MAX - 1 && log->rates[i].event && strcmp(log->rates[i].event, event) != 0)
        i++;
    log->rates[i].event = event;
    return &log->rates[i];
}

static void tell_suppressed(struct log *log, struct log_rate *rate)
{
    if (!rate->suppressed)
        return;
    write_line(log, LOG_WARN, "suppressed",
               LOG_FIELDS(log_text("of", rate->event), log_number("suppressed", rate->suppressed)));
    rate->suppressed = 0;
}

void log_init(struct log *log, int fd, enum log_level level, enum log_format format)
{
    *log = (struct log){.fd = fd, .level = level, .format = format};
}

void log_done(struct log *log)
{
    for (size_t i = 0; i < LOG_EVENTS_MAX; i++)
        tell_suppressed(log, &log->rates[i]);
}

void log_event(struct log *log, enum log_level level, const char *event, const struct log_field *fields)
{
    if (level > log->level)
        return;
    if (level == LOG_DEBUG) {
        write_line(log, level, event, fields);
        return;
    }
    struct log_rate *rate = rate_of(log, event);
    if (log->now_ms - rate->since_ms >= 1000) {
        tell_suppressed(log, rate);
        rate->since_ms = log->now_ms;
        rate->written = 0;
    }
    if (rate->written == LOG_BURST) {
        rate->suppressed++;
        return;
    }
    rate->written++;
    write_line(log, level, event, fields);
}
