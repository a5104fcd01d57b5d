/* cmd_export.c - mq export: queues with their items to stdout, for mq import. dump.h is the format.
 *
 * Takes nothing and changes nothing: it looks at each queue page by page, in the order in which its items
 * were stored. */
#include "cli_output.h"
#include "cli_progress.h"
#include "dump.h"
#include "mqc_key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAGE_ITEMS = 32768 }; /* the broker gives 1 MiB at most, and counts an item as 32 bytes more */

static const struct cli_option options[] = {
    {CLI_LONG_ALL, "all", NULL, "every queue"},
    {CLI_LONG_WAITING, "waiting", NULL, "only what waits, not what somebody has taken and not finished"},
    {0, NULL, NULL, NULL},
};

/* How much of what was written. */
struct tally {
    uint64_t items, leased, bytes;
};

struct exporter {
    struct cli *cli;
    struct codec *codec;
    struct mqc_item **items; /* of a page */
    struct tally queue, all;
    uint64_t queues;
    struct cli_output out;
    struct cli_progress progress;
};

static int fail(struct exporter *x, enum mq_status status)
{
    cli_progress_done(&x->progress);
    return cli_fail(x->cli, status);
}

/* What cannot be written is seen by cli_output_finish(). */
static int write_record(struct exporter *x, const struct dump_record *record)
{
    struct bytes bytes;
    enum mq_status status = dump_write(x->codec, record, &bytes);
    if (status != MQ_OK) {
        cli_progress_done(&x->progress);
        cli_error(x->cli, "%s", mqc_strerror(status));
        return cli_exit_code(status);
    }
    cli_output_add(&x->out, bytes.data, bytes.size);
    return x->out.error ? CLI_IO_ERROR : CLI_OK;
}

static int write_queue(struct exporter *x, const struct mqc_queue_stat *stat)
{
    return write_record(x, &(struct dump_record){.kind = DUMP_QUEUE,
                                                 .name = mq_bytes(stat->name),
                                                 .settings = {.given = MQ_SETTINGS_ALL,
                                                              .kind = stat->kind,
                                                              .maxsize = stat->maxsize,
                                                              .lease_ms = stat->lease_ms,
                                                              .is_transient = stat->is_transient},
                                                 .is_shut_down = stat->is_shut_down,
                                                 .is_immediate = stat->is_immediate});
}

static int write_item(struct exporter *x, const struct mqc_item *item)
{
    uint8_t key[MQ_KEY_SIZE_MAX];
    struct dump_record record = {.kind = DUMP_ITEM,
                                 .item = {.id = mqc_item_id(item),
                                          .deliveries = mqc_item_deliveries(item),
                                          .is_leased = mqc_item_is_leased(item),
                                          .body = {mqc_item_body(item), mqc_item_size(item)},
                                          .key.data = key}};
    struct mqc_key priority = mqc_item_priority(item);
    enum mq_status status = key_to_bytes(&priority, key, &record.item.key.size);
    if (status != MQ_OK)
        return fail(x, status);
    x->queue.items++;
    x->queue.leased += record.item.is_leased;
    x->queue.bytes += record.item.body.size;
    return write_record(x, &record);
}

static void show_progress(struct exporter *x)
{
    if (cli_progress_is_due(&x->progress))
        cli_progress_show(&x->progress, "%" PRIu64 " items, %.1f MiB", x->all.items + x->queue.items,
                          (double)(x->all.bytes + x->queue.bytes) / (1 << 20));
}

/* Writes those up to this id. */
static int write_page(struct exporter *x, size_t count, uint64_t newest)
{
    int code = CLI_OK;
    for (size_t i = 0; i < count; i++) {
        if (code == CLI_OK && mqc_item_id(x->items[i]) <= newest)
            code = write_item(x, x->items[i]);
        mqc_item_free(x->items[i]);
    }
    show_progress(x);
    return code;
}

/* All items that were stored before now. If the queue is removed meanwhile, they are gone: that is its end.
 */
static int write_items(struct exporter *x, struct mqc_queue *queue)
{
    struct mqc_peek page = {.max = PAGE_ITEMS, .by_id = true, .leased = !cli_given(x->cli, CLI_LONG_WAITING)};
    uint64_t newest = UINT64_MAX, newer;
    int code;
    do {
        size_t count = 0;
        enum mq_status status = mqc_peek_with(queue, &page, x->items, &count, &newer);
        if (status == MQ_NO_QUEUE)
            return CLI_OK;
        if (status != MQ_OK)
            return fail(x, status);
        if (newest == UINT64_MAX)
            newest = newer;
        page.after = count > 0 ? mqc_item_id(x->items[count - 1]) : newest;
        code = write_page(x, count, newest);
    } while (code == CLI_OK && page.after < newest);
    return code;
}

/* One object a queue. Stdout has the export itself. */
static void tell_queue(struct exporter *x, const char *name)
{
    json_t *facts = json_pack("{s:s, s:I, s:I, s:I}", "queue", name, "items", (json_int_t)x->queue.items,
                              "leased", (json_int_t)x->queue.leased, "bytes", (json_int_t)x->queue.bytes);
    char *text = facts ? json_dumps(facts, JSON_COMPACT) : NULL;
    if (text)
        fprintf(stderr, "%s\n", text);
    free(text);
    json_decref(facts);
}

static int write_whole_queue(struct exporter *x, const struct mqc_queue_stat *stat, struct mqc_queue *queue)
{
    x->queue = (struct tally){0};
    int code = write_queue(x, stat);
    if (code == CLI_OK)
        code = write_items(x, queue);
    if (code == CLI_OK)
        code = write_record(x, &(struct dump_record){.kind = DUMP_QUEUE_END, .count = x->queue.items});
    if (code != CLI_OK)
        return code;
    x->all.items += x->queue.items;
    x->all.leased += x->queue.leased;
    x->all.bytes += x->queue.bytes;
    x->queues++;
    if (x->cli->json)
        tell_queue(x, stat->name);
    return CLI_OK;
}

/* `optional`: it may be gone. */
static int export_queue(struct exporter *x, const char *name, bool optional)
{
    struct mqc_queue *queue;
    struct mqc_queue_stat stat;
    enum mq_status status =
        mqc_queue_open(x->cli->mqc, name, &(struct mqc_queue_options){.mode = MQC_OPEN_NAME}, &queue);
    if (status != MQ_OK)
        return fail(x, status);
    int code = CLI_OK;
    status = mqc_stat(queue, &stat);
    if (status == MQ_OK)
        code = write_whole_queue(x, &stat, queue);
    else if (status != MQ_NO_QUEUE || !optional)
        code = fail(x, status);
    mqc_queue_close(queue);
    return code;
}

static int export_all(struct exporter *x)
{
    struct mqc_queue_stat *rows = calloc(MQ_ROWS_MAX, sizeof *rows);
    char after[sizeof rows->name] = "";
    size_t count = rows ? MQ_ROWS_MAX : 0;
    int code = rows ? CLI_OK : fail(x, MQ_NO_MEMORY);
    while (code == CLI_OK && count > 0) {
        enum mq_status status = mqc_queue_list(x->cli->mqc, after, rows, MQ_ROWS_MAX, &count);
        if (status != MQ_OK)
            code = fail(x, status);
        for (size_t i = 0; i < count && code == CLI_OK; i++)
            code = export_queue(x, rows[i].name, true);
        if (count > 0)
            snprintf(after, sizeof after, "%s", rows[count - 1].name);
    }
    free(rows);
    return code;
}

/* Before anything is written, each must be there. */
static int look_at_all(struct exporter *x)
{
    struct mqc_queue_stat stat;
    for (int i = 0; i < x->cli->operand_count; i++) {
        const char *name = x->cli->operands[i];
        struct mqc_queue *queue;
        enum mq_status status =
            mqc_queue_open(x->cli->mqc, name, &(struct mqc_queue_options){.mode = MQC_OPEN_NAME}, &queue);
        if (status != MQ_OK)
            return fail(x, status);
        status = mqc_stat(queue, &stat);
        if (status != MQ_OK)
            cli_error(x->cli, "%s: %s", name, cli_reason(x->cli, status));
        mqc_queue_close(queue);
        if (status != MQ_OK)
            return cli_exit_code(status);
    }
    return CLI_OK;
}

static int export(struct exporter *x)
{
    int code = look_at_all(x);
    if (code == CLI_OK)
        code = write_record(x, &(struct dump_record){.kind = DUMP_BEGIN});
    if (code == CLI_OK && cli_given(x->cli, CLI_LONG_ALL))
        return export_all(x);
    for (int i = 0; i < x->cli->operand_count && code == CLI_OK; i++)
        code = export_queue(x, x->cli->operands[i], false);
    return code;
}

static void tell_all(const struct exporter *x)
{
    const struct tally *all = &x->all;
    char leased[64] = "";
    if (all->leased)
        snprintf(leased, sizeof leased, ", %" PRIu64 " of them leased", all->leased);
    if (!x->cli->json)
        cli_notice(x->cli, "%" PRIu64 " item%s of %" PRIu64 " queue%s%s", all->items, cli_plural(all->items),
                   x->queues, cli_plural(x->queues), leased);
}

static int export_to_stdout(struct exporter *x)
{
    x->items = calloc(PAGE_ITEMS, sizeof *x->items);
    x->codec = codec_new();
    cli_progress_init(&x->progress, x->cli);
    int code = x->items && x->codec ? export(x) : fail(x, MQ_NO_MEMORY);
    if (code == CLI_OK)
        code = write_record(x, &(struct dump_record){.kind = DUMP_END, .count = x->queues});
    cli_progress_done(&x->progress);
    int written = cli_output_finish(&x->out, x->cli);
    if (code == CLI_OK && written == CLI_OK)
        tell_all(x);
    codec_free(x->codec);
    free(x->items);
    return code != CLI_OK ? code : written;
}

static int run(struct cli *cli)
{
    bool all = cli_given(cli, CLI_LONG_ALL);
    if (all == (cli->operand_count > 0))
        return cli_usage(cli, all ? "--all and names exclude each other" : "which queues? or --all");
    if (isatty(STDOUT_FILENO))
        return cli_usage(cli, "an export is not for terminals: send it to a file or a pipe");
    int code = cli_connect(cli);
    return code == CLI_OK ? export_to_stdout(&(struct exporter){.cli = cli}) : code;
}

const struct cli_command cmd_export = {
    .name = "export",
    .run = run,
    .line = "write queues with their items to stdout, for import",
    .operands = "Q...|--all [--waiting]",
    .operands_max = INT32_MAX,
    .options = options,
    .details =
        "For backups, and to move queues to another broker. Nothing is taken or changed. Of each queue the\n"
        "export has its settings, and each item that was stored before and that is not finished when it "
        "ends,\n"
        "once; items that somebody has taken are among them, unless --waiting is given: after a restore "
        "they\n"
        "are there again, even if they were finished meanwhile. Of what is finished or discarded meanwhile,\n"
        "the export may have something or not; what is stored meanwhile is not in it.",
    .example = "mq put jobs one two\n"
               "mq export jobs >jobs.mq\n"
               "mq rm jobs --force\n"
               "mq import <jobs.mq\n"
               "mq export --all | gzip >all.mq.gz",
};
