/* cmd_purge.c - mq purge. */
#include "cli_output.h"

#include <inttypes.h>

static int run(struct cli *cli)
{
    int code = cli_connect_queue(cli, MQC_OPEN_NAME);
    if (code != CLI_OK)
        return code;
    uint64_t discarded;
    enum mq_status status = mqc_purge(cli->queue, &discarded);
    if (status != MQ_OK)
        return cli_fail(cli, status);
    if (!cli->json) {
        cli_notice(cli, "%" PRIu64 " discarded", discarded);
        return CLI_OK;
    }
    struct cli_output out = {0};
    cli_output_json(&out,
                    json_pack("{s:s, s:I}", "queue", cli->operands[0], "discarded", (json_int_t)discarded));
    return cli_output_finish(&out, cli);
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
