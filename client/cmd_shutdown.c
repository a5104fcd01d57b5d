/* cmd_shutdown.c - mq shutdown. */
#include "cli.h"

static const struct cli_option options[] = {
    {CLI_LONG_IMMEDIATE, "immediate", NULL, "also discard the items that wait"},
    {0, NULL, NULL, NULL},
};

static int run(struct cli *cli)
{
    int code = cli_connect_queue(cli, MQC_OPEN_NAME);
    if (code != CLI_OK)
        return code;
    enum mq_status status = mqc_shutdown(cli->queue, cli_given(cli, CLI_LONG_IMMEDIATE));
    return status == MQ_OK ? CLI_OK : cli_fail(cli, status);
}

const struct cli_command cmd_shutdown = {
    .name = "shutdown",
    .run = run,
    .line = "shut a queue down: no more puts, and gets end when it is empty",
    .operands = "Q [--immediate]",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .details = "Never undone: remove the queue and create it again. Shutting down twice is fine.",
    .example = "mq put jobs last\n"
               "mq shutdown jobs\n"
               "mq get jobs --all",
};
