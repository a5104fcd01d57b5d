/* cmd_ls.c - mq ls. Asks for the queues page by page, so that any number of them can be listed. */
#include "cli_facts.h"
#include "cli_output.h"
#include "cli_table.h"
#include "proto.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {CLI_LONG_NAMES, "names", NULL, "only the names, one a line"},
    {0, NULL, NULL, NULL},
};

static const char *const heads[] = {"NAME",        "KIND",     ">SIZE",    ">MAXSIZE", ">LEASED",
                                    ">UNFINISHED", ">GETTERS", ">PUTTERS", "STATE"};

static json_t *row_json(const struct mqc_queue_stat *row)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:b}", "name", row->name, "kind",
                     mq_kind_name(row->kind), "size", (json_int_t)row->size, "maxsize",
                     (json_int_t)row->maxsize, "leased", (json_int_t)row->leased, "unfinished",
                     (json_int_t)row->unfinished, "getters", (json_int_t)row->getters, "putters",
                     (json_int_t)row->putters, "state", cli_queue_state(row), "transient", row->is_transient);
}

static void add_row(struct cli_table *table, const struct mqc_queue_stat *row)
{
    cli_table_add(table, "%s", row->name);
    cli_table_add(table, "%s", mq_kind_name(row->kind));
    cli_table_add(table, "%" PRIu64, row->size);
    cli_table_add(table, "%" PRId64, row->maxsize > 0 ? row->maxsize : 0);
    cli_table_add(table, "%" PRIu64, row->leased);
    cli_table_add(table, "%" PRIu64, row->unfinished);
    cli_table_add(table, "%" PRIu64, row->getters);
    cli_table_add(table, "%" PRIu64, row->putters);
    cli_table_add(table, "%s", cli_queue_state(row));
}

static void show_page(const struct cli *cli, const struct mqc_queue_stat *rows, size_t count,
                      struct cli_table *table, struct cli_output *out)
{
    bool names = cli_given(cli, CLI_LONG_NAMES);
    for (size_t i = 0; i < count; i++)
        if (cli->json)
            cli_output_json(out, names ? json_pack("{s:s}", "name", rows[i].name) : row_json(&rows[i]));
        else if (names)
            cli_output_print(out, "%s\n", rows[i].name);
        else
            add_row(table, &rows[i]);
    if (!cli->json && !names)
        cli_table_show(table, out);
}

static enum mq_status list(struct cli *cli, void *room, struct cli_output *out)
{
    struct mqc_queue_stat *rows = room;
    struct cli_table table = {.columns = sizeof heads / sizeof *heads, .heads = heads};
    char after[sizeof rows->name] = "";
    size_t count;
    enum mq_status status;
    do {
        count = 0;
        status = mqc_queue_list(cli->mqc, after, rows, MQ_ROWS_MAX, &count);
        if (status != MQ_OK)
            break;
        show_page(cli, rows, count, &table, out);
        if (count > 0)
            memcpy(after, rows[count - 1].name, sizeof after);
    } while (count > 0 && !out->error);
    cli_table_done(&table);
    return status;
}

static int run(struct cli *cli)
{
    return cli_list(cli, sizeof(struct mqc_queue_stat), list);
}

const struct cli_command cmd_ls = {
    .name = "ls",
    .run = run,
    .line = "list the queues",
    .operands = "[--names]",
    .options = options,
    .details =
        "One row a queue: name, kind, size (items that wait), maxsize (0: no bound), leased, unfinished\n"
        "(size + leased), getters and putters that wait, state (open, shut_down, shut_down_immediate).",
    .example = "mq put jobs one\n"
               "mq ls",
};
