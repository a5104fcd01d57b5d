/* bench_queue.c - see bench_queue.h. */
#include "bench_queue.h"

#include <inttypes.h>

/* Is there a queue of this name, and is it fit? */
static int look(struct cli *cli, struct bench_options *options, bool *ret_exists)
{
    struct mqc_queue *queue;
    struct mqc_queue_stat stat;
    enum mq_status status = mqc_queue_open(cli->mqc, options->queue_name,
                                           &(struct mqc_queue_options){.mode = MQC_OPEN_NAME}, &queue);
    if (status != MQ_OK)
        return cli_fail(cli, status);
    status = mqc_stat(queue, &stat);
    int code = status == MQ_OK || status == MQ_NO_QUEUE ? CLI_OK : cli_fail(cli, status);
    mqc_queue_close(queue);
    *ret_exists = status == MQ_OK;
    if (status != MQ_OK)
        return code;
    options->kind = stat.kind;
    if (stat.unfinished || stat.getters || stat.putters || stat.is_shut_down) {
        cli_error(cli,
                  "queue %s is in use: %" PRIu64 " unfinished items, %" PRIu64 " waiting gets%s; it must be "
                  "empty, open and nobody else's",
                  options->queue_name, stat.unfinished, stat.getters, stat.is_shut_down ? ", shut down" : "");
        return CLI_TEMPORARY;
    }
    return CLI_OK;
}

int bench_queue_open(struct cli *cli, struct bench_options *options, bool *ret_is_ours)
{
    enum mq_kind kind = options->kind;
    bool exists = false;
    *ret_is_ours = false;
    int code = look(cli, options, &exists);
    if (code != CLI_OK)
        return code;
    struct mqc_queue_options settings = {.mode = MQC_OPEN_CREATE, .kind = kind, .maxsize = options->maxsize};
    if (!exists || cli_given(cli, CLI_LONG_KIND))
        settings.given |= MQ_SETTING_KIND;
    if (!exists || cli_given(cli, CLI_LONG_MAXSIZE))
        settings.given |= MQ_SETTING_MAXSIZE;
    enum mq_status status = mqc_queue_open(cli->mqc, options->queue_name, &settings, &cli->queue);
    if (status != MQ_OK)
        return cli_fail(cli, status);
    *ret_is_ours = !exists;
    return CLI_OK;
}

int bench_queue_leave(struct cli *cli, const struct bench_options *options, bool is_ours, int code)
{
    struct mqc_queue_stat stat;
    if (!cli->queue || code == CLI_UNREACHABLE)
        return code;
    if (is_ours) {
        enum mq_status status = mqc_queue_remove(cli->queue, true, NULL);
        if (status != MQ_OK && code == CLI_OK)
            code = cli_fail(cli, status);
        else if (status != MQ_OK)
            cli_notice(cli, "queue %s is left behind: %s", options->queue_name, cli_reason(cli, status));
    } else if (mqc_stat(cli->queue, &stat) == MQ_OK && stat.unfinished) {
        cli_notice(cli, "%" PRIu64 " items are left in queue %s", stat.unfinished, options->queue_name);
    }
    return code;
}
