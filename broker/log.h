/* log.h - one line an event on stderr: key=value, or JSON.
 *
 * The log belongs to the loop's thread. Whoever can make the broker write a line could make it write
 * millions, so each kind of event (told apart by its word) is written at most LOG_BURST times a second; what
 * was left out is counted and told in a line of its own before the next one, or when the log is closed. Debug
 * lines are for those who asked for all of them, and are not limited. */
#ifndef MQ_LOG_H
#define MQ_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum {
    LOG_LINE_MAX = 2048, /* bytes, the newline included; longer ones lose their last fields or bytes */
    LOG_BURST = 10,      /* lines a second of one event */
    LOG_EVENTS_MAX = 32  /* events whose rates are watched; beyond that they share the last place */
};

/* One key and its value; the key is a plain word. */
struct log_field {
    const char *key;  /* NULL ends a list */
    const char *text; /* NULL: the value is `number` */
    uint64_t number;
};

static inline struct log_field log_text(const char *key, const char *text)
{
    return (struct log_field){.key = key, .text = text ? text : ""};
}

static inline struct log_field log_number(const char *key, uint64_t number)
{
    return (struct log_field){.key = key, .number = number};
}

/* log_event(log, LOG_WARN, "refused", LOG_FIELDS(log_number("session", 7), log_text("why", why))); */
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {.key = NULL}})

struct log_rate {
    const char *event; /* NULL: free */
    uint64_t since_ms; /* when this second began */
    uint32_t written;  /* in this second */
    uint64_t suppressed;
};

struct log {
    int fd;
    enum log_level level;
    enum log_format format;
    uint64_t now_ms; /* monotonic; set by the owner, once a turn */
    struct log_rate rates[LOG_EVENTS_MAX];
};

void log_init(struct log *log, int fd, enum log_level level, enum log_format format);

/* Tells what was suppressed and not told yet. The fd stays open. */
void log_done(struct log *log);

/* `event` must live as long as the log; fields may be NULL. */
void log_event(struct log *log, enum log_level level, const char *event, const struct log_field *fields);

/* The line itself, newline included; wall_ms is Unix time. Returns its length, at most LOG_LINE_MAX. */
size_t log_format_line(char line[LOG_LINE_MAX], enum log_format format, uint64_t wall_ms,
                       enum log_level level, const char *event, const struct log_field *fields);

const char *log_level_name(enum log_level level);
bool log_level_from_name(const char *name, enum log_level *ret_level);

#endif
