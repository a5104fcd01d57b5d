/* cmd_create.c - mq create. */
#include "cli.h"

static const struct cli_option options[] = {
    {CLI_LONG_KIND, "kind", "K", "fifo (default), lifo, or priority: lowest key first"},
    {CLI_LONG_MAXSIZE, "maxsize", "N", "at most N items wait; puts beyond wait; 0 (default): no bound"},
    {CLI_LONG_LEASE, "lease", "D", "how long a lease lasts unless renewed; 0 (default): as the session"},
    {CLI_LONG_TRANSIENT, "transient", NULL, "keep its items in memory only, even if the broker has --data"},
    {0, NULL, NULL, NULL},
};

static int run(struct cli *cli)
{
    struct mqc_queue_options settings = {.mode = MQC_OPEN_CREATE};
    int code = cli_settings_value(cli, &settings);
    if (code == CLI_OK)
        code = cli_connect(cli);
    if (code != CLI_OK)
        return code;
    return cli_open_queue(cli, &settings);
}

const struct cli_command cmd_create = {
    .name = "create",
    .run = run,
    .line = "make a queue",
    .operands = "Q [--kind K] [--maxsize N] [--lease D] [--transient]",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .details =
        "Creating a queue again with the same settings is fine; with others it is exit code 73. Only the\n"
        "settings that are given are compared.",
    .example = "mq create jobs --kind priority --maxsize 1000\n"
               "mq stat jobs",
};
