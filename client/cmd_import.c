/* cmd_import.c - mq import: what mq export wrote, from stdin into a broker. dump.h is the format.
 *
 * Items are put in the order of the stream, in batches: when one is full, when the input has nothing more for
 * the moment, and at each queue's end. Input is not to be trusted: see dump_read(). */
#include "cli_input.h"
#include "cli_output.h"
#include "cli_progress.h"
#include "cli_signals.h"
#include "dump.h"
#include "mqc_key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH_ITEMS = 4096, BATCH_SIZE = 1 << 20 };

static const struct cli_option options[] = {
    {CLI_LONG_INTO, "into", "Q2", "put all items into Q2, whatever their queues were called"},
    {CLI_LONG_SKIP, "skip", "N", "pass over the first N items: those that an import before this one stored"},
    {'n', NULL, NULL, "do not wait for room"},
    {'t', NULL, "D", "wait at most D for room, each time there is none"},
    {0, NULL, NULL, NULL},
};

struct importer {
    struct cli *cli;
    struct codec *codec;
    struct cli_input in;
    struct dump_course course;
    uint64_t at; /* bytes of the stream, before the record that is looked at */
    int64_t timeout_ms;
    uint64_t to_skip, skipped;
    uint64_t queues, stored, stored_size; /* all */
    struct mqc_queue *queue;              /* NULL: between two */
    char name[MQ_NAME_SIZE_MAX + 1];      /* its name here */
    bool is_shut_down;                    /* when it was exported */
    uint64_t queue_stored, queue_size;
    struct mqc_put puts[BATCH_ITEMS];
    size_t offsets[BATCH_ITEMS];  /* of their bodies in the input */
    void *key_parts[BATCH_ITEMS]; /* what their keys point to */
    size_t count, size, unknown;  /* unknown: of the last batch, not stored for all that is known */
    struct cli_output out;
    struct cli_progress progress;
};

/* ---- what is told ---- */

static void show_progress(struct importer *im)
{
    if (cli_progress_is_due(&im->progress))
        cli_progress_show(&im->progress, "%" PRIu64 " stored, %.1f MiB", im->stored,
                          (double)im->stored_size / (1 << 20));
}

static void tell_queue(struct importer *im)
{
    if (im->cli->json)
        cli_output_json(&im->out,
                        json_pack("{s:s, s:I, s:I}", "queue", im->name, "stored",
                                  (json_int_t)im->queue_stored, "bytes", (json_int_t)im->queue_size));
}

/* Why it ends, what is stored, and how to go on. */
static int fail(struct importer *im, int code, const char *reason)
{
    cli_progress_done(&im->progress);
    if (code == CLI_UNREACHABLE && im->unknown)
        cli_error(im->cli, "%" PRIu64 " stored, perhaps up to %zu more: %s", im->stored, im->unknown, reason);
    else if (im->stored)
        cli_error(im->cli, "%" PRIu64 " stored, then: %s; --skip %" PRIu64 " goes on there", im->stored,
                  reason, im->skipped + im->stored);
    else
        cli_error(im->cli, "%s", reason);
    return im->stored && code != CLI_BAD_INPUT && code != CLI_INTERRUPTED ? CLI_PARTIAL : code;
}

static int fail_status(struct importer *im, enum mq_status status)
{
    char reason[512];
    snprintf(reason, sizeof reason, "%s: %s", im->name, cli_reason(im->cli, status));
    return fail(im, cli_exit_code(status), reason);
}

/* ---- storing ---- */

static void forget_batch(struct importer *im)
{
    for (size_t i = 0; i < im->count; i++)
        free(im->key_parts[i]);
    im->count = im->size = 0;
    cli_input_forget(&im->in);
}

/* Items lie in the input's buffer, which may have moved while they were gathered. */
static int send_batch(struct importer *im)
{
    size_t stored = 0, count = im->count;
    if (cli_interrupted())
        return fail(im, CLI_INTERRUPTED, mqc_strerror(MQ_INTERRUPTED));
    if (count == 0)
        return CLI_OK;
    for (size_t i = 0; i < count; i++)
        im->puts[i].body = cli_input_at(&im->in, im->offsets[i]);
    enum mq_status status = mqc_put_many(im->queue, im->puts, count, im->timeout_ms, &stored);
    for (size_t i = 0; i < stored; i++)
        im->queue_size += im->puts[i].size;
    im->queue_stored += stored;
    im->stored += stored;
    im->unknown = count - stored;
    show_progress(im);
    forget_batch(im);
    return status == MQ_OK ? CLI_OK : fail_status(im, status);
}

static int add_item(struct importer *im, const struct item_view *item, size_t offset)
{
    struct mqc_put put = {.size = item->body.size};
    if (im->skipped < im->to_skip) {
        im->skipped++;
        return CLI_OK;
    }
    if (!key_from_bytes(item->key, &put.priority, &im->key_parts[im->count]))
        return fail(im, CLI_TEMPORARY, mqc_strerror(MQ_NO_MEMORY));
    im->offsets[im->count] = offset;
    im->puts[im->count++] = put;
    im->size += put.size;
    return im->count == BATCH_ITEMS || im->size >= BATCH_SIZE ? send_batch(im) : CLI_OK;
}

/* What came before it is stored. Going on there would come to the same place. */
static int bad_input(struct importer *im, const char *why)
{
    int code = send_batch(im);
    if (code != CLI_OK)
        return code;
    cli_progress_done(&im->progress);
    if (im->stored)
        cli_error(im->cli, "%" PRIu64 " stored, then, at byte %" PRIu64 " of the input: %s", im->stored,
                  im->at, why);
    else
        cli_error(im->cli, "at byte %" PRIu64 " of the input: %s", im->at, why);
    return CLI_BAD_INPUT;
}

/* ---- queues ---- */

static struct mqc_queue_options options_of(const struct settings *s)
{
    return (struct mqc_queue_options){.given = MQ_SETTINGS_ALL,
                                      .mode = MQC_OPEN_CREATE,
                                      .kind = s->kind,
                                      .maxsize = s->maxsize,
                                      .lease_ms = s->lease_ms,
                                      .is_transient = s->is_transient};
}

/* The export has what was in force, and so has a queue that is there: what it was created with is another
 * matter. */
static bool is_in_force(struct importer *im, const struct settings *s)
{
    struct mqc_queue_stat stat;
    if (mqc_stat(im->queue, &stat) != MQ_OK)
        return false;
    int64_t maxsize = s->maxsize > 0 ? s->maxsize : 0;
    return stat.kind == s->kind && (stat.maxsize > 0 ? stat.maxsize : 0) == maxsize &&
           stat.lease_ms == s->lease_ms && stat.is_transient == s->is_transient;
}

static int open_queue(struct importer *im, const struct dump_record *record)
{
    const char *into = im->cli->values[CLI_LONG_INTO];
    const struct mqc_queue_options by_name = {.mode = MQC_OPEN_NAME}, all = options_of(&record->settings);
    snprintf(im->name, sizeof im->name, "%.*s", (int)record->name.size, (const char *)record->name.data);
    if (into)
        snprintf(im->name, sizeof im->name, "%s", into);
    im->is_shut_down = record->is_shut_down;
    im->queue_stored = im->queue_size = 0;
    enum mq_status status = mqc_queue_open(im->cli->mqc, im->name, &all, &im->queue);
    if (status == MQ_OK)
        return CLI_OK;
    char reason[512];
    snprintf(reason, sizeof reason, "%s: %s", im->name, cli_reason(im->cli, status));
    if (status == MQ_EXISTS && mqc_queue_open(im->cli->mqc, im->name, &by_name, &im->queue) == MQ_OK &&
        is_in_force(im, &record->settings))
        return CLI_OK;
    return fail(im, cli_exit_code(status), reason);
}

static int end_queue(struct importer *im)
{
    int code = send_batch(im);
    if (code != CLI_OK)
        return code;
    if (im->is_shut_down)
        cli_notice(im->cli, "%s was shut down when it was exported; 'mq shutdown' does it here", im->name);
    tell_queue(im);
    im->queues++;
    mqc_queue_close(im->queue);
    im->queue = NULL;
    return CLI_OK;
}

/* ---- the stream ---- */

static int take_record(struct importer *im, const struct dump_record *record, size_t offset)
{
    const char *why = dump_follow(&im->course, record);
    if (why)
        return bad_input(im, why);
    switch (record->kind) {
    case DUMP_QUEUE:
        return open_queue(im, record);
    case DUMP_ITEM:
        return add_item(im, &record->item, offset);
    case DUMP_QUEUE_END:
        return end_queue(im);
    default:
        return CLI_OK;
    }
}

static int end_of_input(struct importer *im, size_t left)
{
    if (left == 0 && im->course.is_whole)
        return CLI_OK;
    return bad_input(im, left == 0 && im->at == 0 ? "there is none"
                                                  : "it ends too early: the export was cut short");
}

/* Waits for more; what has come so far is stored first. */
static int read_more(struct importer *im)
{
    if (im->count > 0 && !cli_input_is_ready(&im->in)) {
        int code = send_batch(im);
        if (code != CLI_OK)
            return code;
    }
    if (cli_input_fill(&im->in, cli_signals_fd()))
        return CLI_OK;
    return errno == EINTR ? fail(im, CLI_INTERRUPTED, mqc_strerror(MQ_INTERRUPTED))
                          : fail(im, CLI_IO_ERROR, strerror(errno));
}

static int take_next(struct importer *im, const struct dump_record *record, const char *bytes, size_t size)
{
    size_t offset = cli_input_take(&im->in, size);
    if (record->item.body.size)
        offset += (size_t)((const char *)record->item.body.data - bytes);
    int code = take_record(im, record, offset);
    im->at += size;
    if (im->count == 0)
        cli_input_forget(&im->in);
    return code;
}

static int import_stream(struct importer *im)
{
    for (int code = CLI_OK; code == CLI_OK;) {
        struct dump_record record;
        size_t left, size = 0;
        const char *why = "", *bytes = cli_input_rest(&im->in, &left);
        enum dump_found found = dump_read(im->codec, (struct bytes){bytes, left}, &record, &size, &why);
        if (found == DUMP_BAD)
            return bad_input(im, why);
        if (found == DUMP_RECORD)
            code = take_next(im, &record, bytes, size);
        else if (im->in.ended)
            return end_of_input(im, left);
        else
            code = read_more(im);
        if (code != CLI_OK)
            return code;
    }
    return CLI_OK;
}

static int import(struct importer *im)
{
    int code = cli_connect(im->cli);
    if (code != CLI_OK)
        return code;
    cli_signals_interrupt(im->cli->mqc);
    cli_progress_init(&im->progress, im->cli);
    code = import_stream(im);
    cli_progress_done(&im->progress);
    if (im->queue)
        tell_queue(im); /* of what was stored before it failed */
    if (code == CLI_OK && !im->cli->json)
        cli_notice(im->cli, "%" PRIu64 " item%s stored in %" PRIu64 " queue%s", im->stored,
                   cli_plural(im->stored), im->queues, cli_plural(im->queues));
    int written = cli_output_finish(&im->out, im->cli);
    return code != CLI_OK ? code : written;
}

static int check(struct importer *im)
{
    const char *into = im->cli->values[CLI_LONG_INTO];
    int64_t to_skip = 0;
    if (into && !mq_name_is_valid(mq_bytes(into)))
        return cli_usage(im->cli, "'%s' cannot be a queue's name", into);
    int code = cli_integer_value(im->cli, CLI_LONG_SKIP, 0, INT64_MAX, &to_skip);
    if (code == CLI_OK)
        code = cli_timeout_value(im->cli, &im->timeout_ms);
    if (code == CLI_OK && isatty(STDIN_FILENO))
        code = cli_usage(im->cli, "an export is read from stdin, and that is a terminal");
    im->to_skip = (uint64_t)to_skip;
    return code;
}

static int run(struct cli *cli)
{
    struct importer *im = calloc(1, sizeof *im);
    struct codec *codec = codec_new();
    int code = CLI_TEMPORARY;
    if (im && codec) {
        im->cli = cli;
        im->codec = codec;
        im->timeout_ms = MQ_FOREVER;
        im->in.fd = STDIN_FILENO;
        code = check(im);
        if (code == CLI_OK)
            code = import(im);
        forget_batch(im);
        mqc_queue_close(im->queue);
        cli_input_done(&im->in);
    } else {
        cli_error(cli, "%s", mqc_strerror(MQ_NO_MEMORY));
    }
    codec_free(codec);
    free(im);
    return code;
}

const struct cli_command cmd_import = {
    .name = "import",
    .run = run,
    .line = "store what export wrote, read from stdin",
    .operands = "[--into Q2] [--skip N] [-n|-t D]",
    .options = options,
    .details =
        "Makes each queue with its settings, and puts its items in their order, behind what is there. If "
        "the\n"
        "queue is there with other settings it is exit code 73. Each item is stored once; importing the "
        "same\n"
        "again stores all of it again. An input that is cut short or no export is exit code 65, and what "
        "came\n"
        "before is stored. An import that ended early says how many it stored, and --skip goes on there.",
    .example = "mq create urgent --kind priority\n"
               "mq put urgent now -p 1\n"
               "mq export urgent | mq import --into jobs\n"
               "mq get jobs",
};
