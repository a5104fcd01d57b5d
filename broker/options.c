/* options.c - see options.h. Every option is a row of one table: its name, what it takes, a sentence of help,
 * and the function that stores its value. */
#include "options.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "amount.h"
#include "proto.h"
#include "segment.h"

enum { NAME_MAX_SIZE = 64 };

/* A parse under way. */
struct parse {
    struct options *options;
    char *error;
    char source[NAME_MAX_SIZE];    /* the option as the operator wrote it: "--bind" or "MQ_BIND" */
    char data_only[NAME_MAX_SIZE]; /* the first one that makes no sense without --data; empty: none */
};

struct option_row {
    const char *name;
    const char *takes; /* NULL: nothing on the command line, on|off in the environment */
    const char *help;
    bool (*store)(struct parse *p, const char *value);
    bool is_action; /* not in the environment */
};

static bool fail(struct parse *p, const char *value, const char *expected)
{
    snprintf(p->error, OPTIONS_ERROR_MAX, "%s: '%.200s' is not %s", p->source, value, expected);
    return false;
}

/* --- values --- */

/* Longest duration anywhere: what libzmq takes as an int of milliseconds, 24 days. */
static bool store_duration(struct parse *p, const char *value, uint64_t *ret_ms)
{
    uint64_t ms;
    if (!amount_duration(value, &ms) || ms > INT32_MAX)
        return fail(p, value, "a duration such as 250ms, 5s, 2m or 1h (at most 24 days)");
    *ret_ms = ms;
    return true;
}

static bool store_switch(struct parse *p, const char *value, bool *ret_on)
{
    bool on = strcmp(value, "on") == 0;
    if (!on && strcmp(value, "off") != 0)
        return fail(p, value, "on or off");
    *ret_on = on;
    return true;
}

/* --- endpoints --- */

static bool add_endpoint(struct parse *p, const char *value)
{
    struct options *o = p->options;
    if (o->bind_count == OPTIONS_BINDS_MAX)
        return fail(p, value, "possible: more than 16 endpoints");
    const char *expected = endpoint_parse(value, o->binds[o->bind_count]);
    if (expected)
        return fail(p, value, expected);
    o->bind_count++;
    return true;
}

static bool store_bind(struct parse *p, const char *value)
{
    char one[ENDPOINT_MAX + 1];
    size_t before = p->options->bind_count;
    for (const char *at = value; *at;) {
        size_t size = strcspn(at, " ,\t"), kept = size < sizeof one ? size : sizeof one - 1;
        memcpy(one, at, kept);
        one[kept] = '\0';
        if (size && !add_endpoint(p, one))
            return false;
        at += size + strspn(at + size, " ,\t");
    }
    return p->options->bind_count > before || fail(p, value, "an endpoint: tcp://ADDRESS:PORT or ipc://PATH");
}

/* --- the data directory --- */

enum { SEGMENT_SIZE_DEFAULT = 64 << 20 };

static bool store_path(struct parse *p, const char *value, char ret_path[OPTIONS_PATH_MAX])
{
    if (!*value || strlen(value) >= OPTIONS_PATH_MAX)
        return fail(p, value, "the path of a directory");
    strcpy(ret_path, value);
    return true;
}

static void needs_data(struct parse *p)
{
    if (!p->data_only[0])
        strcpy(p->data_only, p->source);
}

static bool store_data(struct parse *p, const char *value)
{
    return store_path(p, value, p->options->data);
}

static bool store_sync(struct parse *p, const char *value)
{
    static const char prefix[] = "interval=", expected[] = "always or interval=D, such as interval=100ms";
    uint64_t ms = 0;
    bool has_interval = strncmp(value, prefix, sizeof prefix - 1) == 0;
    if (!has_interval && strcmp(value, "always") != 0)
        return fail(p, value, expected);
    if (has_interval && (!amount_duration(value + sizeof prefix - 1, &ms) || ms == 0 || ms > INT32_MAX))
        return fail(p, value, expected);
    p->options->sync_interval_ms = ms;
    needs_data(p);
    return true;
}

static bool store_segment_size(struct parse *p, const char *value)
{
    uint64_t size;
    if (!amount_size(value, &size) || size < SEGMENT_SIZE_LEAST || size > SEGMENT_SIZE_MAX)
        return fail(p, value, "a size such as 64M (256k to 1G)");
    p->options->segment_size = size;
    needs_data(p);
    return true;
}

static bool store_action(struct parse *p, const char *value, enum options_action action)
{
    if (p->options->action != OPTIONS_RUN) {
        snprintf(p->error, OPTIONS_ERROR_MAX, "%s: one of --check and --salvage, once", p->source);
        return false;
    }
    p->options->action = action;
    return store_path(p, value, p->options->inspected);
}

static bool store_check(struct parse *p, const char *value)
{
    return store_action(p, value, OPTIONS_CHECK);
}

static bool store_salvage(struct parse *p, const char *value)
{
    return store_action(p, value, OPTIONS_SALVAGE);
}

/* --- the table --- */

static bool store_insecure_listen(struct parse *p, const char *value)
{
    return store_switch(p, value, &p->options->insecure_listen);
}

static bool store_memory_limit(struct parse *p, const char *value)
{
    uint64_t size;
    if (!amount_size(value, &size) || size < 1 << 20)
        return fail(p, value, "a size such as 512M or 4G (at least 1M)");
    p->options->memory_limit = size;
    return true;
}

static bool store_max_body(struct parse *p, const char *value)
{
    uint64_t size;
    if (!amount_size(value, &size) || size < 1 || size > OPTIONS_BODY_MAX)
        return fail(p, value, "a size such as 64k or 16M (at most 60M)");
    p->options->body_max = size;
    return true;
}

static bool store_resume_grace(struct parse *p, const char *value)
{
    return store_duration(p, value, &p->options->resume_grace_ms);
}

static bool store_remember(struct parse *p, const char *value)
{
    return store_duration(p, value, &p->options->remember_ms);
}

static bool store_heartbeat(struct parse *p, const char *value)
{
    return store_duration(p, value, &p->options->heartbeat_ms);
}

static bool store_heartbeat_timeout(struct parse *p, const char *value)
{
    return store_duration(p, value, &p->options->heartbeat_timeout_ms);
}

static bool store_auto_create(struct parse *p, const char *value)
{
    return store_switch(p, value, &p->options->auto_create);
}

static bool store_log_level(struct parse *p, const char *value)
{
    return log_level_from_name(value, &p->options->log_level) || fail(p, value, "error, warn, info or debug");
}

static bool store_log_format(struct parse *p, const char *value)
{
    bool json = strcmp(value, "json") == 0;
    if (!json && strcmp(value, "text") != 0)
        return fail(p, value, "text or json");
    p->options->log_format = json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
    return true;
}

static const struct option_row rows[] = {
    {"bind", "ENDPOINT", "listen here: tcp://ADDRESS:PORT (port 0: any) or ipc://PATH; may be repeated",
     store_bind, false},
    {"insecure-listen", NULL,
     "allow endpoints that other machines can reach, though anyone may then use them", store_insecure_listen,
     false},
    {"data", "DIR", "keep everything in this directory (without: in memory only)", store_data, false},
    {"sync", "MODE", "always: every answer is on disk; interval=D: a sync every D (always)", store_sync,
     false},
    {"segment-size", "SIZE", "of the files in DIR; smaller for tests and small disks (64M)",
     store_segment_size, false},
    {"check", "DIR", "only look whether all in DIR can be read, and say what cannot", store_check, true},
    {"salvage", "DIR", "only make DIR readable again, and say what is lost", store_salvage, true},
    {"memory-limit", "SIZE", "items take at most so much; then puts wait (half of the memory)",
     store_memory_limit, false},
    {"max-body", "SIZE", "largest body of an item (16M, or half a segment)", store_max_body, false},
    {"resume-grace", "D", "a session without a connection keeps its items so long (3s)", store_resume_grace,
     false},
    {"remember", "D", "... and after that its answers so long, for repeats (10m)", store_remember, false},
    {"heartbeat", "D", "ask silent connections so often whether they live; 0: never (5s)", store_heartbeat,
     false},
    {"heartbeat-timeout", "D", "a connection that does not answer so long is closed (30s)",
     store_heartbeat_timeout, false},
    {"auto-create", "on|off", "opening a queue that is not there makes it (on)", store_auto_create, false},
    {"log-level", "LEVEL", "error, warn, info or debug (info)", store_log_level, false},
    {"log-format", "FORMAT", "text (key=value) or json (text)", store_log_format, false},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void environment_name(const struct option_row *row, char name[NAME_MAX_SIZE])
{
    snprintf(name, NAME_MAX_SIZE, "MQ_%s", row->name);
    for (char *at = name; *at; at++)
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
}

const char *options_help(void)
{
    static char help[4096];
    int size = snprintf(help, sizeof help,
                        "usage: mq-broker [OPTION]...\n"
                        "Runs a message broker until it gets SIGTERM or SIGINT.\n\n");
    for (size_t i = 0; i < ROWS; i++) {
        char left[NAME_MAX_SIZE];
        snprintf(left, sizeof left, "--%s %s", rows[i].name, rows[i].takes ? rows[i].takes : "");
        size += snprintf(help + size, sizeof help - (size_t)size, "  %-24s %s\n", left, rows[i].help);
    }
    size += snprintf(
        help + size, sizeof help - (size_t)size,
        "  --version, --help\n\n"
        "Without --bind it listens on " MQ_DEFAULT_ENDPOINT ".\n"
        "D is a duration (250ms, 5s, 2m, 1h; a bare number is seconds), SIZE takes k, M and G.\n"
        "Each option is also an environment variable, --memory-limit being MQ_MEMORY_LIMIT (but not\n"
        "--check and --salvage); MQ_BIND may hold several endpoints. The command line wins.\n"
        "Exit codes: 0 stopped, 70 internal error, 74 the disk failed, 75 endpoint or directory in\n"
        "use, 78 configuration error or damaged data.\n");
    assert((size_t)size < sizeof help);
    return help;
}

/* --- the two sources --- */

static bool read_environment(struct parse *p, char *const *environment)
{
    for (size_t i = 0; i < ROWS; i++) {
        char name[NAME_MAX_SIZE];
        if (rows[i].is_action)
            continue;
        environment_name(&rows[i], name);
        size_t size = strlen(name);
        for (char *const *entry = environment; *entry; entry++) {
            if (strncmp(*entry, name, size) != 0 || (*entry)[size] != '=' || !(*entry)[size + 1])
                continue;
            strcpy(p->source, name);
            if (!rows[i].store(p, *entry + size + 1))
                return false;
        }
    }
    return true;
}

static const struct option_row *find_row(const char *name, size_t size)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strlen(rows[i].name) == size && strncmp(rows[i].name, name, size) == 0)
            return &rows[i];
    return NULL;
}

/* One option at argv[*at]; *at is moved onto its value if that is an argument of its own. */
static bool read_argument(struct parse *p, int argc, char *const *argv, int *at)
{
    const char *argument = argv[*at];
    size_t size = strcspn(argument, "=");
    const struct option_row *row = strncmp(argument, "--", 2) == 0 ? find_row(argument + 2, size - 2) : NULL;
    if (!row) {
        snprintf(p->error, OPTIONS_ERROR_MAX, "%s '%.200s' (see mq-broker --help)",
                 *argument == '-' ? "unknown option" : "unexpected argument", argument);
        return false;
    }
    snprintf(p->source, sizeof p->source, "--%s", row->name);
    const char *value = argument[size] == '=' ? argument + size + 1 : NULL;
    if (value && !row->takes)
        return fail(p, value, "expected: the option takes no value");
    if (!row->takes)
        value = "on";
    if (!value && *at + 1 < argc)
        value = argv[++*at];
    if (!value) {
        snprintf(p->error, OPTIONS_ERROR_MAX, "%s needs a value: %s %s", p->source, p->source, row->takes);
        return false;
    }
    return row->store(p, value);
}

static bool names_bind(const char *argument)
{
    return strcmp(argument, "--bind") == 0 || strncmp(argument, "--bind=", 7) == 0;
}

static bool read_arguments(struct parse *p, int argc, char *const *argv)
{
    bool bound = false;
    for (int at = 1; at < argc; at++) {
        /* The first --bind replaces what the environment said; the others add to it. */
        if (names_bind(argv[at]) && !bound) {
            p->options->bind_count = 0;
            bound = true;
        }
        if (!read_argument(p, argc, argv, &at))
            return false;
    }
    return true;
}

/* Help is given whatever else is wrong. */
static enum options_action wanted_action(int argc, char *const *argv)
{
    for (int at = 1; at < argc; at++) {
        if (strcmp(argv[at], "--help") == 0)
            return OPTIONS_HELP;
        if (strcmp(argv[at], "--version") == 0)
            return OPTIONS_VERSION;
    }
    return OPTIONS_RUN;
}

/* What the log is given room for is a segment: a body takes half of one at most. */
static bool fit_body(struct parse *p)
{
    struct options *o = p->options;
    uint64_t most = o->data[0] ? o->segment_size / 2 : UINT64_MAX;
    if (o->body_max == 0)
        o->body_max = MQ_BODY_SIZE_MAX < most ? MQ_BODY_SIZE_MAX : most;
    if (o->body_max <= most)
        return true;
    snprintf(p->error, OPTIONS_ERROR_MAX,
             "--max-body (%" PRIu64 " bytes) must not be more than half of --segment-size (%" PRIu64
             " bytes)",
             o->body_max, o->segment_size);
    return false;
}

/* What is right in each option may be wrong together. */
static bool check_together(struct parse *p)
{
    const struct options *o = p->options;
    if (p->data_only[0] && !o->data[0]) {
        snprintf(p->error, OPTIONS_ERROR_MAX, "%s needs --data DIR: without it nothing is written down",
                 p->data_only);
        return false;
    }
    if (o->heartbeat_timeout_ms < o->heartbeat_ms) {
        snprintf(p->error, OPTIONS_ERROR_MAX,
                 "--heartbeat-timeout (%" PRIu64 " ms) must not be shorter than --heartbeat (%" PRIu64 " ms)",
                 o->heartbeat_timeout_ms, o->heartbeat_ms);
        return false;
    }
    for (size_t i = 0; i < o->bind_count && !o->insecure_listen; i++)
        if (endpoint_is_open(o->binds[i])) {
            snprintf(p->error, OPTIONS_ERROR_MAX,
                     "%.200s is not a loopback address and anyone who reaches it could use the broker; "
                     "add --insecure-listen if that is what you want",
                     o->binds[i]);
            return false;
        }
    return true;
}

static struct options defaults(void)
{
    return (struct options){
        .resume_grace_ms = 3000,
        .remember_ms = 600000,
        .heartbeat_ms = 5000,
        .heartbeat_timeout_ms = 30000,
        .segment_size = SEGMENT_SIZE_DEFAULT,
        .auto_create = true,
        .log_level = LOG_INFO,
        .log_format = LOG_FORMAT_TEXT,
    };
}

bool options_parse(struct options *ret, int argc, char *const *argv, char *const *environment,
                   char error[OPTIONS_ERROR_MAX])
{
    struct options options = defaults();
    struct parse p = {.options = &options, .error = error};
    options.action = wanted_action(argc, argv);
    if (options.action == OPTIONS_RUN) {
        if (!read_environment(&p, environment) || !read_arguments(&p, argc, argv))
            return false;
        if (options.action == OPTIONS_RUN && (!fit_body(&p) || !check_together(&p)))
            return false;
        if (options.bind_count == 0)
            strcpy(options.binds[options.bind_count++], MQ_DEFAULT_ENDPOINT);
    }
    *ret = options;
    return true;
}
