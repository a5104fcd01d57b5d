/* cmd_stat.c - mq stat. */
#include "cli_facts.h"
#include "cli_output.h"

#include <errno.h>

/* Flat `key: value` lines. Takes the facts. */
static void show_facts(struct cli_output *out, json_t *facts)
{
    const char *key;
    json_t *value;
    if (!facts)
        out->error = ENOMEM;
    json_object_foreach(facts, key, value)
    {
        if (json_is_string(value))
            cli_output_print(out, "%s: %s\n", key, json_string_value(value));
        else if (json_is_integer(value))
            cli_output_print(out, "%s: %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
        else if (json_is_boolean(value))
            cli_output_print(out, "%s: %s\n", key, json_is_true(value) ? "true" : "false");
        else
            cli_output_print(out, "%s: %.1f\n", key, json_real_value(value));
    }
    json_decref(facts);
}

static int look(struct cli *cli, json_t **ret_facts)
{
    enum mq_status status;
    if (cli->operand_count == 0) {
        struct mqc_broker_stat stat;
        status = mqc_broker_stat(cli->mqc, &stat);
        if (status == MQ_OK)
            *ret_facts = cli_broker_facts(&stat);
        return status == MQ_OK ? CLI_OK : cli_fail(cli, status);
    }
    int code = cli_open_queue(cli, &(struct mqc_queue_options){.mode = MQC_OPEN_NAME});
    if (code != CLI_OK)
        return code;
    struct mqc_queue_stat stat;
    status = mqc_stat(cli->queue, &stat);
    if (status == MQ_OK)
        *ret_facts = cli_queue_facts(&stat);
    return status == MQ_OK ? CLI_OK : cli_fail(cli, status);
}

static int run(struct cli *cli)
{
    json_t *facts;
    int code = cli_connect(cli);
    if (code == CLI_OK)
        code = look(cli, &facts);
    if (code != CLI_OK)
        return code;
    struct cli_output out = {0};
    if (cli->json)
        cli_output_json(&out, facts);
    else
        show_facts(&out, facts);
    return cli_output_finish(&out, cli);
}

const struct cli_command cmd_stat = {
    .name = "stat",
    .run = run,
    .line = "tell all about a queue, or about the broker",
    .operands = "[Q]",
    .operands_max = 1,
    .details =
        "Lines `key: value`. Counts are kept as work happens: looking costs nothing. puts, gets, done and "
        "so\n"
        "on are totals since the queue was made or the broker was started, per_second their averages;\n"
        "oldest_ms is the age of the item that has waited longest. The broker's sync tells what an answer\n"
        "promises (none, always, interval), data how its disk is (none, ok, full, failed).",
    .example = "mq put jobs one\n"
               "mq stat jobs\n"
               "mq stat",
};
