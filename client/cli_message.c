/* cli_message.c - what goes to stderr, and the exit code that says the same. */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One write a line: threads and children share stderr. */
static void say(const struct cli *cli, const char *format, va_list args, const char *tail)
{
    char line[1024];
    const char *name = cli->command ? cli->command->name : NULL;
    int head = snprintf(line, sizeof line, name ? "mq: %s: " : "mq: ", name);
    size_t length = (size_t)head;
    vsnprintf(line + length, sizeof line - length, format, args);
    length = strlen(line);
    snprintf(line + length, sizeof line - length, "%s", tail);
    length = strlen(line);
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < ' ')
            line[i] = '?';
    line[length++] = '\n';
    /* Nobody is left to tell when stderr is gone. */
    if (write(STDERR_FILENO, line, length) < 0)
        return;
}

void cli_error(const struct cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(cli, format, args, "");
    va_end(args);
}

void cli_notice(const struct cli *cli, const char *format, ...)
{
    if (cli->quiet)
        return;
    va_list args;
    va_start(args, format);
    say(cli, format, args, "");
    va_end(args);
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
    char tail[64];
    if (cli->command)
        snprintf(tail, sizeof tail, "; see 'mq %s --help'", cli->command->name);
    else
        snprintf(tail, sizeof tail, "; see 'mq help'");
    va_list args;
    va_start(args, format);
    say(cli, format, args, tail);
    va_end(args);
    return CLI_USAGE;
}

const char *cli_reason(const struct cli *cli, enum mq_status status)
{
    const char *text = mqc_error(cli->mqc);
    return text && *text ? text : mqc_strerror(status);
}

int cli_fail(const struct cli *cli, enum mq_status status)
{
    cli_error(cli, "%s", cli_reason(cli, status));
    return cli_exit_code(status);
}

int cli_exit_code(enum mq_status status)
{
    switch (status) {
    case MQ_OK:
        return CLI_OK;
    case MQ_EMPTY:
        return CLI_EMPTY;
    case MQ_FULL:
        return CLI_FULL;
    case MQ_SHUT_DOWN:
        return CLI_SHUT_DOWN;
    case MQ_TIMED_OUT:
        return CLI_TIMED_OUT;
    case MQ_TOO_MANY_DONE:
    case MQ_LEASE_LOST:
        return CLI_LEASE_LOST;
    case MQ_INVALID:
    case MQ_TOO_BIG:
        return CLI_BAD_INPUT;
    case MQ_NO_QUEUE:
        return CLI_NOT_FOUND;
    case MQ_DISCONNECTED:
    case MQ_SESSION_LOST:
    case MQ_UNSUPPORTED:
        return CLI_UNREACHABLE;
    case MQ_EXISTS:
        return CLI_EXISTS;
    case MQ_LIMIT:
    case MQ_TEMPORARY:
    case MQ_BUSY:
    case MQ_NO_MEMORY:
        return CLI_TEMPORARY;
    case MQ_DENIED:
        return CLI_DENIED;
    case MQ_INTERRUPTED:
        return CLI_INTERRUPTED;
    case MQ_CLOSED:
        break;
    }
    return CLI_INTERNAL;
}

bool cli_shows_progress(const struct cli *cli)
{
    return !cli->quiet && isatty(STDERR_FILENO);
}
