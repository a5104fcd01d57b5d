/* cmd_work.c - mq work: what is asked for, and what is said at the end. The work itself is in cli_pool.c. */
#include "cli_pool.h"

#include <inttypes.h>
#include <signal.h>

static const struct cli_option options[] = {
    {'j', NULL, "N", "N runs at a time (default 1)"},
    {'c', NULL, "N", "end after N items"},
    {CLI_LONG_ALL, "all", NULL, "end when the queue is empty or shut down, and nobody holds an item of it"},
    {0, NULL, NULL, NULL},
};

/* A worker without an end is meant to be stopped: SIGTERM is how that is done. */
static bool was_stopped(const struct cli_pool *pool)
{
    return pool->code == CLI_INTERRUPTED && pool->signal_count == 1 && pool->last_signal == SIGTERM &&
           !pool->all && pool->wanted < 0;
}

/* A run with an end that was not reached has done a part; one without has no parts. */
static int report(const struct cli_pool *pool)
{
    const struct cli *cli = pool->cli;
    int code = was_stopped(pool) ? CLI_OK : pool->code;
    bool has_end = pool->all || pool->wanted >= 0;
    if (code == CLI_INTERRUPTED) {
        cli_error(cli, "interrupted; %" PRIu64 " done, %" PRIu64 " failed", pool->done, pool->failed);
        return code;
    }
    bool is_partial = code == CLI_OK ? pool->failed > 0 : has_end && pool->done > 0;
    if (is_partial || pool->failed > 0)
        cli_error(cli, "%" PRIu64 " done, %" PRIu64 " failed", pool->done, pool->failed);
    return is_partial ? CLI_PARTIAL : code;
}

/* Two items ahead at most for each slot keep it busy, unless the run takes a certain number. A slow command
 * finds nothing ahead: see prefetch in mqc.h. */
static int open_queue(struct cli *cli, const struct cli_pool *pool)
{
    struct mqc_queue_options o = {.prefetch = pool->wanted < 0 ? (uint32_t)(2 * pool->slot_count) : 0};
    int code = cli_connect(cli);
    return code == CLI_OK ? cli_open_queue(cli, &o) : code;
}

static int run(struct cli *cli)
{
    int64_t slots = 1;
    struct cli_pool pool = {.cli = cli, .all = cli_given(cli, CLI_LONG_ALL), .wanted = -1};
    int code = cli_integer_value(cli, 'j', 1, CLI_POOL_SLOTS_MAX, &slots);
    if (code == CLI_OK)
        code = cli_integer_value(cli, 'c', 1, INT64_MAX, &pool.wanted);
    pool.slot_count = (size_t)slots;
    if (code == CLI_OK)
        code = open_queue(cli, &pool);
    if (code != CLI_OK)
        return code;
    pool.code = cli_pool_run(&pool);
    return report(&pool);
}

const struct cli_command cmd_work = {
    .name = "work",
    .run = run,
    .line = "run a command over each item",
    .operands = "Q [-j N] [-c N] [--all] -- CMD [ARG...]",
    .operands_min = 1,
    .operands_max = 1,
    .has_command = true,
    .options = options,
    .details =
        "CMD gets the body on stdin and MQ_ITEM_ID, MQ_DELIVERIES and MQ_QUEUE in its environment; {} in an\n"
        "ARG is replaced by the body. No shell is involved. Exit code 0 means that the item is done; with "
        "any\n"
        "other it goes back and is tried again after a pause, 100 ms at first and doubling to 10 s. With -c "
        "or\n"
        "--all it goes back at the end instead, and no item is run twice. The output of a run is passed on "
        "in\n"
        "whole when it ends.\n"
        "\n"
        "SIGTERM and Ctrl-C let finish what runs; a second one is passed on to the commands, a third kills\n"
        "them. Exit code 3 if some runs failed, 6 if the queue is shut down and finished before that was "
        "asked\n"
        "for, 66 if there is no such command. A worker without -c and --all that is stopped by SIGTERM has\n"
        "exit code 0, or 3 if some runs failed.",
    .example = "mq put jobs one two three\n"
               "mq work jobs -j 2 --all -- sh -c 'echo \"item $MQ_ITEM_ID: $(cat)\"'\n"
               "mq put jobs four\n"
               "mq work jobs -c 1 -- echo body: {}",
};
