/* cmd_ping.c - mq ping. */
#include "cli_output.h"

static const struct cli_option options[] = {
    {'c', NULL, "N", "N times (default 4)"},
    {0, NULL, NULL, NULL},
};

static int ping(struct cli *cli, struct cli_output *out)
{
    uint64_t round_trip_us;
    enum mq_status status = mqc_ping(cli->mqc, &round_trip_us);
    if (status != MQ_OK)
        return cli_fail(cli, status);
    if (cli->json)
        cli_output_json(out, json_pack("{s:I}", "round_trip_us", (json_int_t)round_trip_us));
    else
        cli_output_print(out, "%.3f ms\n", (double)round_trip_us / 1000);
    /* A failed write is kept in `out` and reported at the end. */
    cli_output_flush(out);
    return CLI_OK;
}

static int run(struct cli *cli)
{
    int64_t count = 4;
    int code = cli_integer_value(cli, 'c', 1, INT64_MAX, &count);
    if (code == CLI_OK)
        code = cli_connect(cli);
    struct cli_output out = {0};
    for (int64_t i = 0; i < count && code == CLI_OK && !out.error; i++)
        code = ping(cli, &out);
    int written = cli_output_finish(&out, cli);
    return code != CLI_OK ? code : written;
}

const struct cli_command cmd_ping = {
    .name = "ping",
    .run = run,
    .line = "time the way to the broker and back",
    .operands = "[-c N]",
    .options = options,
    .example = "mq ping -c 1",
};
