/* cmd_get.c - mq get: items to stdout, and only then done.
 *
 * Batches are written and flushed whole. If that fails, the batch is given back untouched: what a reader has
 * not seen for certain will come again. While one is written, --all fetches the next; what is done is told to
 * the broker together with the next request, and at the end everything must have been confirmed. */
#include "cli_json.h"
#include "cli_output.h"
#include "cli_signals.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_ITEMS = 1024,
    AHEAD_ITEMS = 2 * BATCH_ITEMS, /* with --all */
    AHEAD_NONE = 1 /* -c N takes no more than N, but gathers task_dones: nothing lies ahead of gets that want
                      as many */
};

static const struct cli_option options[] = {
    {'c', NULL, "N", "get N items (default 1), waiting for each"},
    {CLI_LONG_ALL, "all", NULL, "get items until the queue is empty"},
    {'n', NULL, NULL, "do not wait"},
    {'t', NULL, "D", "wait at most D, each time the queue is empty"},
    {CLI_LONG_RAW, "raw", NULL, "bodies only, nothing behind them"},
    {'0', NULL, NULL, "NUL behind each body, instead of a newline"},
    {CLI_LONG_NO_DONE, "no-done", NULL, "give the items back at exit, as if they had not been taken"},
    {0, NULL, NULL, NULL},
};

struct getter {
    struct cli *cli;
    bool all;
    uint64_t wanted; /* unless all */
    int64_t timeout_ms;
    uint64_t got;           /* written */
    struct mqc_item **held; /* with --no-done */
    size_t held_count, held_capacity;
    struct cli_output out;
};

/* Takes the items. After a failure the rest goes back when the session ends. */
static int give_back(struct getter *g, struct mqc_item **items, size_t count)
{
    int code = CLI_OK;
    for (size_t i = 0; i < count; i++) {
        if (code != CLI_OK) {
            mqc_item_free(items[i]);
            continue;
        }
        enum mq_status status = mqc_release_untouched(items[i]);
        if (status != MQ_OK)
            code = cli_fail(g->cli, status);
    }
    return code;
}

static void render(struct getter *g, const struct mqc_item *item)
{
    if (g->cli->json) {
        cli_output_json(&g->out, cli_json_item(item));
        return;
    }
    cli_output_add(&g->out, mqc_item_body(item), mqc_item_size(item));
    if (!cli_given(g->cli, CLI_LONG_RAW))
        cli_output_add(&g->out, cli_given(g->cli, '0') ? "" : "\n", 1);
}

static bool reserve_held(struct getter *g, size_t count)
{
    if (!cli_given(g->cli, CLI_LONG_NO_DONE) || g->held_capacity - g->held_count >= count)
        return true;
    size_t capacity = 2 * g->held_capacity + count;
    struct mqc_item **held = reallocarray(g->held, capacity, sizeof(struct mqc_item *));
    if (!held)
        return false;
    g->held = held;
    g->held_capacity = capacity;
    return true;
}

/* Whatever has not been confirmed may not be done. */
static int judge(struct getter *g, enum mq_status status)
{
    if (status == MQ_OK)
        return CLI_OK;
    cli_error(g->cli, "%" PRIu64 " written, but not all of the last %" PRIu64 " are done: %s", g->got, g->got,
              cli_reason(g->cli, status));
    return cli_exit_code(status);
}

/* Ends the batch's leases, or keeps them for later. */
static int finish(struct getter *g, struct mqc_item **items, size_t count)
{
    g->got += count;
    if (cli_given(g->cli, CLI_LONG_NO_DONE)) {
        memcpy(g->held + g->held_count, items, count * sizeof(struct mqc_item *));
        g->held_count += count;
        return CLI_OK;
    }
    return judge(g, mqc_task_done_many(items, count, NULL));
}

/* All that was written must be done. Nobody waits for a broker that is away for longer than for a connection.
 */
static int confirm(struct getter *g)
{
    int64_t patience_ms = 5000;
    int code = cli_duration_value(g->cli, CLI_LONG_CONNECT_TIMEOUT, &patience_ms);
    if (code != CLI_OK || !g->got)
        return code;
    enum mq_status status = mqc_flush(g->cli->mqc, patience_ms);
    while (status == MQ_INTERRUPTED)
        status = mqc_flush(g->cli->mqc, patience_ms);
    return judge(g, status == MQ_TIMED_OUT ? MQ_DISCONNECTED : status);
}

/* Why it ended although more was wanted. */
static int fail(struct getter *g, int code, const char *reason)
{
    if (code != CLI_INTERRUPTED && g->got > 0)
        code = CLI_PARTIAL;
    if (g->got > 0)
        cli_error(g->cli, "%" PRIu64 " written, then: %s", g->got, reason);
    else
        cli_error(g->cli, "%s", reason);
    return code;
}

static int write_batch(struct getter *g, struct mqc_item **items, size_t count)
{
    if (!reserve_held(g, count))
        g->out.error = ENOMEM;
    for (size_t i = 0; i < count; i++)
        render(g, items[i]);
    if (cli_output_flush(&g->out))
        return finish(g, items, count);
    give_back(g, items, count);
    char reason[128];
    snprintf(reason, sizeof reason, "cannot write: %s", strerror(g->out.error));
    return fail(g, CLI_IO_ERROR, reason);
}

static int get_batch(struct getter *g, bool *ret_ended)
{
    struct mqc_item *items[BATCH_ITEMS];
    size_t count = 0;
    size_t max = BATCH_ITEMS;
    if (!g->all && g->wanted - g->got < max)
        max = g->wanted - g->got;
    enum mq_status status = mqc_get_many(g->cli->queue, max, g->timeout_ms, items, &count);
    if (status == MQ_OK)
        return write_batch(g, items, count);
    *ret_ended = true;
    if (g->all && (status == MQ_EMPTY || status == MQ_SHUT_DOWN))
        return CLI_OK;
    return fail(g, cli_exit_code(status), cli_reason(g->cli, status));
}

static int get(struct getter *g)
{
    int code = CLI_OK;
    bool ended = false;
    cli_signals_interrupt(g->cli->mqc);
    while (code == CLI_OK && !ended && (g->all || g->got < g->wanted)) {
        if (cli_interrupted())
            return fail(g, CLI_INTERRUPTED, mqc_strerror(MQ_INTERRUPTED));
        code = get_batch(g, &ended);
    }
    return code;
}

static int check(struct getter *g)
{
    struct cli *cli = g->cli;
    int64_t wanted = 1;
    g->all = cli_given(cli, CLI_LONG_ALL);
    if (g->all && cli_given(cli, 'c'))
        return cli_usage(cli, "-c and --all exclude each other");
    if (cli_given(cli, CLI_LONG_RAW) && cli_given(cli, '0'))
        return cli_usage(cli, "--raw and -0 exclude each other");
    if (cli->json && (cli_given(cli, CLI_LONG_RAW) || cli_given(cli, '0')))
        return cli_usage(cli, "--json excludes --raw and -0");
    g->timeout_ms = g->all ? MQ_NOWAIT : MQ_FOREVER;
    int code = cli_integer_value(cli, 'c', 1, INT64_MAX, &wanted);
    g->wanted = (uint64_t)wanted;
    return code == CLI_OK ? cli_timeout_value(cli, &g->timeout_ms) : code;
}

static int open_queue(const struct getter *g)
{
    struct mqc_queue_options o = {.prefetch = g->all ? AHEAD_ITEMS : AHEAD_NONE};
    if (cli_given(g->cli, CLI_LONG_NO_DONE))
        o.prefetch = 0;
    int code = cli_connect(g->cli);
    return code == CLI_OK ? cli_open_queue(g->cli, &o) : code;
}

static int run(struct cli *cli)
{
    struct getter g = {.cli = cli};
    int code = check(&g);
    if (code == CLI_OK)
        code = open_queue(&g);
    if (code != CLI_OK)
        return code;
    code = get(&g);
    int confirmed = confirm(&g);
    code = code != CLI_OK ? code : confirmed;
    int given_back = give_back(&g, g.held, g.held_count);
    free(g.held);
    cli_output_done(&g.out);
    return code != CLI_OK ? code : given_back;
}

const struct cli_command cmd_get = {
    .name = "get",
    .run = run,
    .line = "take items and print them",
    .operands = "Q [-c N | --all] [-n | -t D] [--raw | -0] [--no-done]",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .details =
        "An item is done only after it has been written; if that fails it goes back, as if it had not been\n"
        "taken. Exit code 4 if the queue stayed empty, 6 if it is shut down and nothing is left, 3 if there\n"
        "were fewer than asked for. With --all, nothing at all is a success too.",
    .example = "mq put jobs one two three\n"
               "mq get jobs\n"
               "mq get jobs --all",
};
