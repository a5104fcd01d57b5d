/* cmd_ps.c - mq ps. Page by page, like ls. */
#include "cli_output.h"
#include "cli_table.h"
#include "proto.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const heads[] = {">SESSION", "CLIENT", "LINE", "SINCE", ">IDLE", "DOES"};

static json_t *waits_json(const struct mqc_session_wait *waits, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *wait = json_pack("{s:s, s:s, s:I}", "what", waits[i].what, "queue", waits[i].queue, "count",
                                 (json_int_t)waits[i].count);
        if (json_array_append_new(array, wait) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* A client's name is whatever the client said; what is not a text is left out. */
static json_t *row_json(const struct mqc_session *row)
{
    const char *name = mq_utf8_is_valid(mq_bytes(row->name)) ? row->name : "";
    return json_pack("{s:I, s:s, s:b, s:I, s:I, s:I, s:I, s:o, s:o}", "session", (json_int_t)row->number,
                     "client", name, "connected", row->connected, "age_ms", (json_int_t)row->age_ms,
                     "idle_ms", (json_int_t)row->idle_ms, "waiting", (json_int_t)row->waiting, "leased",
                     (json_int_t)row->leased, "waits", waits_json(row->waits, row->wait_count), "holds",
                     waits_json(row->holds, row->hold_count));
}

static void print_waits(FILE *to, const struct mqc_session_wait *waits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(to, "%s%s %s (%" PRIu64 ")", ftell(to) > 0 ? ", " : "", waits[i].what, waits[i].queue,
                waits[i].count);
}

/* "get jobs (1), lease jobs (3)", or nothing. */
static void add_doing(struct cli_table *table, const struct mqc_session *row)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (to) {
        print_waits(to, row->waits, row->wait_count);
        print_waits(to, row->holds, row->hold_count);
        fclose(to);
    }
    cli_table_add(table, "%s", text ? text : "?");
    free(text);
}

static void add_row(struct cli_table *table, const struct mqc_session *row)
{
    char since[32];
    time_t begin = time(NULL) - (time_t)(row->age_ms / 1000);
    struct tm parts;
    localtime_r(&begin, &parts);
    strftime(since, sizeof since, "%Y-%m-%d %H:%M:%S", &parts);
    cli_table_add(table, "%" PRIu64, row->number);
    cli_table_add(table, "%s", row->name);
    cli_table_add(table, "%s", row->connected ? "up" : "down");
    cli_table_add(table, "%s", since);
    cli_table_add(table, "%.1fs", (double)row->idle_ms / 1000);
    add_doing(table, row);
}

static enum mq_status list(struct cli *cli, void *room, struct cli_output *out)
{
    struct mqc_session *rows = room;
    struct cli_table table = {.columns = sizeof heads / sizeof *heads, .heads = heads};
    uint64_t after = 0;
    size_t count;
    enum mq_status status;
    do {
        count = 0;
        status = mqc_sessions(cli->mqc, after, rows, MQ_ROWS_MAX, &count);
        if (status != MQ_OK)
            break;
        for (size_t i = 0; i < count; i++)
            if (cli->json)
                cli_output_json(out, row_json(&rows[i]));
            else
                add_row(&table, &rows[i]);
        if (!cli->json)
            cli_table_show(&table, out);
        if (count > 0)
            after = rows[count - 1].number;
    } while (count > 0 && !out->error);
    cli_table_done(&table);
    return status;
}

static int run(struct cli *cli)
{
    return cli_list(cli, sizeof(struct mqc_session), list);
}

const struct cli_command cmd_ps = {
    .name = "ps",
    .run = run,
    .line = "list the sessions: who waits for what, who holds what",
    .operands = "",
    .details =
        "One row a session: its number, the client's name, whether its connection is up, since when it is\n"
        "there, how long ago it was last heard, and what it waits for (put, get, join) or holds (lease),\n"
        "with counts.",
    .example = "mq ps",
};
