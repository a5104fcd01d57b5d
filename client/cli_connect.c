/* cli_connect.c - from the options to a client and a queue handle. */
#include "cli.h"
#include "cli_signals.h"

#include <stdio.h>
#include <unistd.h>

int cli_connect(struct cli *cli)
{
    char name[64];
    snprintf(name, sizeof name, "mq %s [%ld]", cli->command->name, (long)getpid());
    struct mqc_options options = {
        .given = MQC_OPTION_CLIENT_NAME | MQC_OPTION_CONNECT_TIMEOUT | MQC_OPTION_CLOSE_TIMEOUT,
        .client_name = name,
        .connect_timeout_ms = 5000,
        .close_timeout_ms = 1000,
    };
    int code = cli_duration_value(cli, CLI_LONG_CONNECT_TIMEOUT, &options.connect_timeout_ms);
    if (code != CLI_OK)
        return code;
    if (options.connect_timeout_ms < 1)
        return cli_usage(cli, "--connect-timeout is at least 1ms");
    cli_signals_end();
    enum mq_status status = mqc_open(cli->values['s'], &options, &cli->mqc);
    if (status == MQ_INVALID)
        return cli_usage(cli, "%s", cli_reason(cli, status));
    return status == MQ_OK ? CLI_OK : cli_fail(cli, status);
}

int cli_open_queue(struct cli *cli, const struct mqc_queue_options *options)
{
    enum mq_status status = mqc_queue_open(cli->mqc, cli->operands[0], options, &cli->queue);
    return status == MQ_OK ? CLI_OK : cli_fail(cli, status);
}

int cli_connect_queue(struct cli *cli, enum mqc_open_mode mode)
{
    int code = cli_connect(cli);
    if (code != CLI_OK)
        return code;
    return cli_open_queue(cli, &(struct mqc_queue_options){.mode = mode});
}
