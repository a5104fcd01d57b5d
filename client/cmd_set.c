/* cmd_set.c - mq set. */
#include "cli.h"

static const struct cli_option options[] = {
    {CLI_LONG_MAXSIZE, "maxsize", "N", "at most N items wait; what is beyond stays; 0: no bound"},
    {CLI_LONG_LEASE, "lease", "D", "how long leases last from now on; 0: as the session"},
    {0, NULL, NULL, NULL},
};

static int run(struct cli *cli)
{
    struct mqc_queue_options settings = {0};
    int code = cli_settings_value(cli, &settings);
    if (code == CLI_OK && !settings.given)
        return cli_usage(cli, "nothing to set");
    if (code == CLI_OK)
        code = cli_connect_queue(cli, MQC_OPEN_NAME);
    if (code != CLI_OK)
        return code;
    enum mq_status status = mqc_queue_set(cli->queue, &settings);
    return status == MQ_OK ? CLI_OK : cli_fail(cli, status);
}

const struct cli_command cmd_set = {
    .name = "set",
    .run = run,
    .line = "change the settings of a queue while it runs",
    .operands = "Q [--maxsize N] [--lease D]",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .example = "mq create jobs --maxsize 10\n"
               "mq set jobs --maxsize 100",
};
