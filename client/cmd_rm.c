/* cmd_rm.c - mq rm. */
#include "cli_output.h"

static const struct cli_option options[] = {
    {CLI_LONG_FORCE, "force", NULL, "even if it has unfinished items; they are discarded"},
    {0, NULL, NULL, NULL},
};

static int remove_queue(struct cli *cli, uint64_t *ret_discarded)
{
    enum mq_status status = mqc_queue_remove(cli->queue, cli_given(cli, CLI_LONG_FORCE), ret_discarded);
    if (status == MQ_BUSY) {
        cli_error(cli, "%s; --force discards them", cli_reason(cli, status));
        return cli_exit_code(status);
    }
    return status == MQ_OK ? CLI_OK : cli_fail(cli, status);
}

static int run(struct cli *cli)
{
    uint64_t discarded;
    int code = cli_connect_queue(cli, MQC_OPEN_NAME);
    if (code == CLI_OK)
        code = remove_queue(cli, &discarded);
    if (code != CLI_OK)
        return code;
    return discarded || cli->json ? cli_tell_discarded(cli, discarded) : CLI_OK;
}

const struct cli_command cmd_rm = {
    .name = "rm",
    .run = run,
    .line = "remove a queue",
    .operands = "Q [--force]",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .details =
        "Refused (exit code 75) while the queue has unfinished items. Who waits for it is told that there\n"
        "is no such queue; whoever holds an item of it has lost the lease.",
    .example = "mq create jobs\n"
               "mq rm jobs --force",
};
