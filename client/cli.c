/* cli.c - `mq`: the table of commands, what they have in common, and the only exit.
 *
 * Reading order: cli.h, here, cli_options.c, then any cmd_*.c. */
#include "cli.h"
#include "cli_options.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct cli_command *const commands[] = {
    &cmd_create, &cmd_set,    &cmd_put,  &cmd_get,   &cmd_work,  &cmd_join,
    &cmd_ls,     &cmd_stat,   &cmd_peek, &cmd_purge, &cmd_rm,    &cmd_shutdown,
    &cmd_export, &cmd_import, &cmd_ps,   &cmd_ping,  &cmd_bench,
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static const struct cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static void print_usage(FILE *to)
{
    fprintf(to, "mq - put items into queues, get them out, work on them, and look at them\n\n"
                "Usage: mq [OPTION...] COMMAND [ARG...]\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->line);
    fprintf(to, "  %-10s %s\n", "help", "show the help of a command");
    fprintf(to, "\nOptions, in front of the command or behind it:\n");
    cli_print_options(to, cli_global_options);
    fprintf(to, "  %-22s %s\n", "--version", "say which version this is; without a command");
    fprintf(
        to,
        "\nA queue Q is made when it is first used. D is a duration: 250ms, 5s, 2m, 1h; a bare number is\n"
        "seconds. Exit codes: 0 done, 4 empty, 5 full, 6 shut down, 7 timed out, 8 lease lost,\n"
        "3 done in part, 64 usage, 65 bad input, 66 no such queue or file, 69 broker unreachable,\n"
        "70 internal error, 73 exists with other settings, 74 input or output error, 75 refused for\n"
        "now, 77 denied, 130 interrupted. 'mq help COMMAND' says more about each.\n");
}

/* Help goes to stdout, and is a success only if it got there. */
static int finish_stdout(const struct cli *cli)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return CLI_OK;
    cli_error(cli, "cannot write: %s", strerror(errno));
    return CLI_IO_ERROR;
}

static int help(struct cli *cli, int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stdout);
        return finish_stdout(cli);
    }
    const struct cli_command *command = find_command(argv[1]);
    if (!command)
        return cli_usage(cli, "unknown command '%s'", argv[1]);
    cli_print_help(stdout, command);
    return finish_stdout(cli);
}

static int run_command(struct cli *cli, int argc, char **argv)
{
    if (strcmp(argv[0], "help") == 0)
        return help(cli, argc, argv);
    cli->command = find_command(argv[0]);
    if (!cli->command)
        return cli_usage(cli, "unknown command '%s'", argv[0]);
    int code = cli_parse_command(cli, argc, argv);
    if (code != CLI_OK)
        return code;
    if (cli_given(cli, 'h')) {
        cli_print_help(stdout, cli->command);
        return finish_stdout(cli);
    }
    return cli->command->run(cli);
}

static int run(struct cli *cli, int argc, char **argv)
{
    int next;
    int code = cli_parse_globals(cli, argc, argv, &next);
    if (code != CLI_OK)
        return code;
    if (cli_given(cli, CLI_LONG_VERSION)) {
        printf("mq %s\n", mqc_version());
        return finish_stdout(cli);
    }
    if (cli_given(cli, 'h'))
        return help(cli, argc - next + 1, argv + next - 1);
    if (next < argc)
        return run_command(cli, argc - next, argv + next);
    print_usage(stderr);
    return CLI_USAGE;
}

/* A pipe or socket that takes the number of a closed standard stream would be written to by mistake. What
 * stands in for it is open the wrong way round: using it is an error, as if it were closed. */
static bool occupy_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    if (!occupy_standard_streams())
        return CLI_INTERNAL;
    signal(SIGPIPE, SIG_IGN);
    int code = run(&cli, argc, argv);
    mqc_queue_close(cli.queue);
    mqc_close(cli.mqc);
    return code;
}
