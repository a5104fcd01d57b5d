/* cli.h - what the commands of `mq` share: the command line as parsed, the connection, exit codes, messages.
 *
 * Data goes to stdout (cli_output.h), everything else to stderr. A command returns its exit code and has said
 * why on stderr in one line if it is not 0. Only main() exits, but for the second Ctrl-C (cli_signals.h). */
#ifndef MQ_CLI_H
#define MQ_CLI_H

#include "mqc.h"

/* What scripts see. Those beyond 8 are sysexits(3)'s numbers, where it has one. */
enum cli_exit {
    CLI_OK = 0,
    CLI_PARTIAL = 3, /* something was done before the failure */
    CLI_EMPTY = 4,
    CLI_FULL = 5,
    CLI_SHUT_DOWN = 6,
    CLI_TIMED_OUT = 7,
    CLI_LEASE_LOST = 8, /* ... or too many task_done */
    CLI_USAGE = 64,
    CLI_BAD_INPUT = 65,
    CLI_NOT_FOUND = 66, /* no such queue or file */
    CLI_UNREACHABLE = 69,
    CLI_INTERNAL = 70,
    CLI_EXISTS = 73,
    CLI_IO_ERROR = 74, /* input could not be read, or output not be written */
    CLI_TEMPORARY = 75,
    CLI_DENIED = 77,
    CLI_INTERRUPTED = 130
};

/* An option of a command. A list of them ends with code 0. */
struct cli_option {
    int code;          /* its letter, or one of CLI_LONG_* for one that has only a long name */
    const char *name;  /* the long name without dashes, or NULL */
    const char *value; /* what stands for its value in the help; NULL: it has none */
    const char *help;
};

enum {
    CLI_LONG_FIRST = 128, /* letters stand for themselves */
    CLI_LONG_VERSION = CLI_LONG_FIRST,
    CLI_LONG_JSON,
    CLI_LONG_CONNECT_TIMEOUT,
    CLI_LONG_ALL,
    CLI_LONG_BATCH,
    CLI_LONG_CONSUMERS,
    CLI_LONG_COUNT,
    CLI_LONG_CSV,
    CLI_LONG_DURATION,
    CLI_LONG_FILL,
    CLI_LONG_FORCE,
    CLI_LONG_HANDOFF,
    CLI_LONG_IMMEDIATE,
    CLI_LONG_INTO,
    CLI_LONG_KIND,
    CLI_LONG_LAST,
    CLI_LONG_LEASE,
    CLI_LONG_MAXSIZE,
    CLI_LONG_NAMES,
    CLI_LONG_NO_DONE,
    CLI_LONG_PRODUCERS,
    CLI_LONG_QUEUE,
    CLI_LONG_RATE,
    CLI_LONG_RAW,
    CLI_LONG_SIZE,
    CLI_LONG_SKIP,
    CLI_LONG_SYNC,
    CLI_LONG_THREADS,
    CLI_LONG_TRANSIENT,
    CLI_LONG_WAITING,
    CLI_LONG_WARM_UP,
    CLI_LONG_WINDOW,
    CLI_CODES
};

struct cli;

struct cli_command {
    const char *name;
    int (*run)(struct cli *cli);
    const char *line;     /* what it does, in one line */
    const char *operands; /* as in the usage: "Q [BODY...]" */
    int operands_min, operands_max;
    bool has_command;                 /* `-- CMD [ARG...]` follows, and is required */
    const struct cli_option *options; /* its own, besides the global ones; NULL: none */
    const char *details;              /* paragraphs for its help, or NULL */
    const char *example;              /* shell lines, run by a test */
};

struct cli {
    const struct cli_command *command; /* NULL before it is known */
    const char *values[CLI_CODES];     /* of each option given, "" for one without a value; NULL: not given */
    char **operands;                   /* of the command; operands[0] is the queue of most */
    int operand_count;
    char **run_argv; /* what stands behind `--`, if the command has that; ends with NULL */
    bool quiet, json;
    struct mqc *mqc;         /* after cli_connect() */
    struct mqc_queue *queue; /* after cli_open_queue(); main closes both */
};

/* Was the option given? */
static inline bool cli_given(const struct cli *cli, int code)
{
    return cli->values[code] != NULL;
}

/* Connects to the server that was asked for. CLI_OK, or the failure has been reported. */
int cli_connect(struct cli *cli);

/* Opens the queue in operands[0]. CLI_OK, or the failure has been reported. */
int cli_open_queue(struct cli *cli, const struct mqc_queue_options *options);

/* Both, for a queue as any client would open it (AUTO), or that must be there already (NAME). */
int cli_connect_queue(struct cli *cli, enum mqc_open_mode mode);

/* One line on stderr: "mq: COMMAND: ...". Notices are left out with -q, errors are not. */
void cli_error(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_notice(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for a wrong command line. Returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A call of this thread has failed: says why. Returns the exit code of the status. */
int cli_fail(const struct cli *cli, enum mq_status status);

/* Why the last call of this thread failed, in words. */
const char *cli_reason(const struct cli *cli, enum mq_status status);

int cli_exit_code(enum mq_status status);

/* "1 item", "2 items". */
static inline const char *cli_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* Progress may be shown: stderr is a terminal and nobody asked for quiet. */
bool cli_shows_progress(const struct cli *cli);

/* The value of an option: left as it is if not given. CLI_OK, or the failure has been reported. */
int cli_duration_value(const struct cli *cli, int code, int64_t *ret_ms);
int cli_integer_value(const struct cli *cli, int code, int64_t min, int64_t max, int64_t *ret);

/* -n and -t of put and get. `ret_timeout_ms` keeps its value if neither is given. */
int cli_timeout_value(const struct cli *cli, int64_t *ret_timeout_ms);

/* --kind, --maxsize, --lease, --transient of create and set. */
int cli_settings_value(const struct cli *cli, struct mqc_queue_options *ret_options);

extern const struct cli_command cmd_create, cmd_set, cmd_put, cmd_get, cmd_work, cmd_join, cmd_ls, cmd_stat,
    cmd_peek, cmd_purge, cmd_rm, cmd_shutdown, cmd_export, cmd_import, cmd_ps, cmd_ping, cmd_bench;

#endif
