/* cmd_join.c - mq join. On a terminal the wait is cut into pieces, to look at what remains in between. */
#include "cli_progress.h"
#include "cli_signals.h"

#include <inttypes.h>

enum { LOOK_MS = 500 };

static const struct cli_option options[] = {
    {'t', NULL, "D", "wait at most D, else exit code 7; 0: only look"},
    {0, NULL, NULL, NULL},
};

static enum mq_status show(struct cli_progress *progress, struct mqc_queue *queue)
{
    struct mqc_queue_stat stat;
    enum mq_status status = mqc_stat(queue, &stat);
    if (status == MQ_OK)
        cli_progress_show(progress, "%" PRIu64 " unfinished: %" PRIu64 " waiting, %" PRIu64 " leased",
                          stat.unfinished, stat.size, stat.leased);
    return status;
}

/* Waits `timeout_ms`, which may be forever, showing what remains. */
static enum mq_status join_and_show(struct cli_progress *progress, struct mqc_queue *queue,
                                    int64_t timeout_ms)
{
    for (;;) {
        int64_t piece_ms = timeout_ms < 0 || timeout_ms > LOOK_MS ? LOOK_MS : timeout_ms;
        enum mq_status status = mqc_join(queue, piece_ms);
        if (status != MQ_TIMED_OUT || timeout_ms == piece_ms)
            return status;
        timeout_ms -= timeout_ms < 0 ? 0 : piece_ms;
        status = show(progress, queue);
        if (status != MQ_OK)
            return status;
    }
}

static int run(struct cli *cli)
{
    int64_t timeout_ms = MQ_FOREVER;
    int code = cli_duration_value(cli, 't', &timeout_ms);
    if (code == CLI_OK)
        code = cli_connect_queue(cli, MQC_OPEN_NAME);
    if (code != CLI_OK)
        return code;
    cli_signals_interrupt(cli->mqc);
    struct cli_progress progress;
    cli_progress_init(&progress, cli);
    enum mq_status status =
        progress.on ? join_and_show(&progress, cli->queue, timeout_ms) : mqc_join(cli->queue, timeout_ms);
    cli_progress_done(&progress);
    return status == MQ_OK ? CLI_OK : cli_fail(cli, status);
}

const struct cli_command cmd_join = {
    .name = "join",
    .run = run,
    .line = "wait until every item that was put is done",
    .operands = "Q [-t D]",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .details = "Shows what remains when stderr is a terminal.",
    .example = "mq put jobs one two\n"
               "mq work jobs --all -- cat\n"
               "mq join jobs -t 10s",
};
