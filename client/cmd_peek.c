/* cmd_peek.c - mq peek. */
#include "cli_json.h"
#include "cli_output.h"
#include "proto.h"

static const struct cli_option options[] = {
    {'c', NULL, "N", "the first N items (default 1, at most 1000)"},
    {CLI_LONG_LAST, "last", NULL, "the last N instead"},
    {0, NULL, NULL, NULL},
};

static void show(const struct cli *cli, struct cli_output *out, const struct mqc_item *item)
{
    if (cli->json) {
        cli_output_json(out, cli_json_item(item));
        return;
    }
    cli_output_add(out, mqc_item_body(item), mqc_item_size(item));
    cli_output_add(out, "\n", 1);
}

static int peek(struct cli *cli, size_t max)
{
    struct mqc_item *items[MQ_ROWS_MAX];
    size_t count = 0;
    enum mq_status status = mqc_peek(cli->queue, max, cli_given(cli, CLI_LONG_LAST), items, &count);
    int code = status == MQ_OK ? CLI_OK : cli_fail(cli, status);
    if (status == MQ_OK && count == 0) {
        cli_error(cli, "%s", mqc_strerror(MQ_EMPTY));
        code = CLI_EMPTY;
    }
    struct cli_output out = {0};
    for (size_t i = 0; i < count; i++) {
        show(cli, &out, items[i]);
        mqc_item_free(items[i]);
    }
    int written = cli_output_finish(&out, cli);
    return code != CLI_OK ? code : written;
}

static int run(struct cli *cli)
{
    int64_t max = 1;
    int code = cli_integer_value(cli, 'c', 1, MQ_ROWS_MAX, &max);
    if (code == CLI_OK)
        code = cli_connect_queue(cli, MQC_OPEN_NAME);
    return code == CLI_OK ? peek(cli, (size_t)max) : code;
}

const struct cli_command cmd_peek = {
    .name = "peek",
    .run = run,
    .line = "show items that wait without taking them",
    .operands = "Q [-c N] [--last]",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .details = "Bodies, each with a newline behind it. Exit code 4 if none waits.",
    .example = "mq put jobs one two\n"
               "mq peek jobs -c 2\n"
               "mq --json peek jobs --last",
};
