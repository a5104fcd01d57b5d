/* cmd_purge.c - mq purge. */
#include "cli_output.h"

static int run(struct cli *cli)
{
    int code = cli_connect_queue(cli, MQC_OPEN_NAME);
    if (code != CLI_OK)
        return code;
    uint64_t discarded;
    enum mq_status status = mqc_purge(cli->queue, &discarded);
    if (status != MQ_OK)
        return cli_fail(cli, status);
    return cli_tell_discarded(cli, discarded);
}

const struct cli_command cmd_purge = {
    .name = "purge",
    .run = run,
    .line = "discard all items that wait",
    .operands = "Q",
    .operands_min = 1,
    .operands_max = 1,
    .details = "Items that somebody holds stay.",
    .example = "mq put jobs one two\n"
               "mq purge jobs",
};
