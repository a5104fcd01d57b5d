/* bench_options.c - see bench_options.h. */
#include "bench_options.h"
#include "bench_item.h"
#include "cli_parse.h"
#include "proto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    WORKERS_MAX = 256,
    BATCH_MAX = 65536,
    WINDOW_DEFAULT = 4096,
    WINDOW_MAX = 1 << 20,
    LANES_MAX = 64,
    DURATION_MS_MAX = 86400 * 1000,
    BUFFER_MAX = 1 << 30 /* bytes of the bodies of one batch */
};

const struct cli_option bench_option_list[] = {
    {CLI_LONG_PRODUCERS, "producers", "N", "processes that put (default 1)"},
    {CLI_LONG_CONSUMERS, "consumers", "N", "processes that get (default 1; 0: items are only put)"},
    {CLI_LONG_THREADS, "threads", NULL, "threads instead: producers over one handle, consumers over another"},
    {CLI_LONG_SIZE, "size", "B", "bytes of a body, at least 32 (default 100); 1k, 1M"},
    {CLI_LONG_COUNT, "count", "N", "items to be measured, of all producers together (default 1000000)"},
    {CLI_LONG_DURATION, "duration", "D", "put for so long instead of a number of items"},
    {CLI_LONG_WARM_UP, "warm-up", "D", "put and get for so long before, unmeasured (default 500ms; 0: not)"},
    {CLI_LONG_BATCH, "batch", "N|auto", "items a request; auto (default): the library gathers them"},
    {CLI_LONG_WINDOW, "window", "N", "items in flight of each with auto (default 4096); else requests, 1"},
    {CLI_LONG_SYNC, "sync", NULL, "one at a time: each put, get and task_done is waited for"},
    {CLI_LONG_HANDOFF, "handoff", NULL, "the same, and the next put comes when the get waits again"},
    {CLI_LONG_FILL, "fill", NULL, "all puts before the first get"},
    {CLI_LONG_RATE, "rate", "R", "R puts a second, timed from when each was due"},
    {CLI_LONG_KIND, "kind", "K", "of the queue: fifo (default), lifo, or priority: with random keys"},
    {CLI_LONG_MAXSIZE, "maxsize", "N", "of the queue; 0 (default): no bound"},
    {CLI_LONG_QUEUE, "queue", "Q", "an empty queue to use; default: one of its own, removed at the end"},
    {CLI_LONG_CSV, "csv", NULL, "a line of names and a line of figures"},
    {0, NULL, NULL, NULL},
};

const char *bench_mode_name(enum bench_mode mode)
{
    static const char *const names[] = {"auto", "batch", "sync", "handoff"};
    return names[mode];
}

static int read_size(const struct cli *cli, struct bench_options *o)
{
    const char *text = cli->values[CLI_LONG_SIZE];
    uint64_t size = o->size;
    if (text && !cli_parse_size(text, &size))
        return cli_usage(cli, "'%s' is not a size such as 100, 1k or 16M", text);
    if (size < BENCH_ITEM_SIZE_MIN || size > BUFFER_MAX)
        return cli_usage(cli, "--size is from %d to %d bytes", BENCH_ITEM_SIZE_MIN, BUFFER_MAX);
    o->size = (size_t)size;
    return CLI_OK;
}

static int read_rate(const struct cli *cli, struct bench_options *o)
{
    const char *text = cli->values[CLI_LONG_RATE];
    if (!text)
        return CLI_OK;
    if (!cli_parse_decimal(text, &o->rate) || o->rate < 0.001 || o->rate > 1e9)
        return cli_usage(cli, "'%s' is not a rate, 0.001 to 1e9 items a second", text);
    return CLI_OK;
}

static int read_window(const struct cli *cli, struct bench_options *o)
{
    bool is_auto = o->mode == BENCH_AUTO;
    int64_t window = is_auto ? WINDOW_DEFAULT : 1;
    if (cli_given(cli, CLI_LONG_WINDOW) && o->mode != BENCH_AUTO && o->mode != BENCH_BATCH)
        return cli_usage(cli, "--window excludes --sync and --handoff");
    int code = cli_integer_value(cli, CLI_LONG_WINDOW, 1, is_auto ? WINDOW_MAX : LANES_MAX, &window);
    o->window = is_auto ? (size_t)window : 0;
    o->lanes = is_auto ? 1 : (unsigned)window;
    return code;
}

static int read_mode(const struct cli *cli, struct bench_options *o)
{
    const char *batch = cli->values[CLI_LONG_BATCH];
    bool sync = cli_given(cli, CLI_LONG_SYNC), handoff = cli_given(cli, CLI_LONG_HANDOFF);
    if (sync + handoff + (batch != NULL) > 1)
        return cli_usage(cli, "--batch, --sync and --handoff exclude each other");
    o->mode = sync ? BENCH_SYNC : handoff ? BENCH_HANDOFF : BENCH_AUTO;
    int64_t items = 1;
    int code = CLI_OK;
    if (batch && strcmp(batch, "auto") != 0) {
        o->mode = BENCH_BATCH;
        code = cli_integer_value(cli, CLI_LONG_BATCH, 1, BATCH_MAX, &items);
    }
    o->batch = (size_t)items;
    if (code == CLI_OK && o->size > BUFFER_MAX / o->batch)
        return cli_usage(cli, "a batch of %zu bodies of %zu bytes is too much", o->batch, o->size);
    return code == CLI_OK ? read_window(cli, o) : code;
}

static int read_workers(const struct cli *cli, struct bench_options *o)
{
    int64_t producers = 1, consumers = 1;
    int code = cli_integer_value(cli, CLI_LONG_PRODUCERS, 1, WORKERS_MAX, &producers);
    if (code == CLI_OK)
        code = cli_integer_value(cli, CLI_LONG_CONSUMERS, 0, WORKERS_MAX, &consumers);
    o->producers = (unsigned)producers;
    o->consumers = (unsigned)consumers;
    o->threads = cli_given(cli, CLI_LONG_THREADS);
    o->fill = cli_given(cli, CLI_LONG_FILL);
    if (code != CLI_OK || o->mode != BENCH_HANDOFF)
        return code;
    if (producers != 1 || consumers != 1)
        return cli_usage(cli, "--handoff is between one producer and one consumer");
    if (o->rate > 0 || o->fill)
        return cli_usage(cli, "--handoff excludes --rate and --fill");
    return CLI_OK;
}

static int read_length(const struct cli *cli, struct bench_options *o)
{
    int64_t count = 1000000;
    if (cli_given(cli, CLI_LONG_COUNT) && cli_given(cli, CLI_LONG_DURATION))
        return cli_usage(cli, "--count and --duration exclude each other");
    int code = cli_integer_value(cli, CLI_LONG_COUNT, 1, INT64_MAX, &count);
    if (code == CLI_OK)
        code = cli_duration_value(cli, CLI_LONG_DURATION, &o->duration_ms);
    if (code == CLI_OK)
        code = cli_duration_value(cli, CLI_LONG_WARM_UP, &o->warm_up_ms);
    if (code != CLI_OK)
        return code;
    if (cli_given(cli, CLI_LONG_DURATION) && (o->duration_ms == 0 || o->duration_ms > DURATION_MS_MAX))
        return cli_usage(cli, "--duration is from 1ms to 1d");
    if (o->warm_up_ms > DURATION_MS_MAX)
        return cli_usage(cli, "--warm-up is at most 1d");
    o->count = cli_given(cli, CLI_LONG_DURATION) ? 0 : (uint64_t)count;
    return CLI_OK;
}

static int read_queue(const struct cli *cli, struct bench_options *o)
{
    const char *name = cli->values[CLI_LONG_QUEUE];
    struct mqc_queue_options settings = {0};
    int code = cli_settings_value(cli, &settings);
    o->kind = settings.kind;
    o->maxsize = settings.maxsize;
    if (name && !mq_name_is_valid(mq_bytes(name)))
        return cli_usage(cli, "'%s' is not a queue's name", name);
    if (name)
        snprintf(o->queue_name, sizeof o->queue_name, "%s", name);
    else
        snprintf(o->queue_name, sizeof o->queue_name, "bench.%ld", (long)getpid());
    if (code == CLI_OK && o->maxsize > 0 && (o->fill || o->consumers == 0))
        return cli_usage(cli, "--maxsize would stop puts that nobody gets");
    return code;
}

int bench_options_read(struct cli *cli, struct bench_options *ret_options)
{
    struct bench_options o = {.size = 100, .warm_up_ms = 500};
    static int (*const readers[])(const struct cli *, struct bench_options *) = {
        read_size, read_rate, read_mode, read_workers, read_length, read_queue};
    int code = CLI_OK;
    o.csv = cli_given(cli, CLI_LONG_CSV);
    if (o.csv && cli->json)
        code = cli_usage(cli, "--csv and --json exclude each other");
    for (size_t i = 0; i < sizeof readers / sizeof *readers && code == CLI_OK; i++)
        code = readers[i](cli, &o);
    *ret_options = o;
    return code;
}
