/* cmd_put.c - mq put: bodies from the arguments, or items read from a stream, sent in batches.
 *
 * A batch is sent when it is full or when the input has nothing more for the moment, so that a slow pipe is
 * stored as it comes and a fast one in few requests. */
#include "cli_input.h"
#include "cli_output.h"
#include "cli_parse.h"
#include "cli_progress.h"
#include "cli_signals.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH_ITEMS = 4096, BATCH_SIZE = 1 << 20 };

static const struct cli_option options[] = {
    {'l', NULL, NULL, "one item a line; an empty line is an empty item"},
    {'0', NULL, NULL, "items end in NUL"},
    {'f', NULL, "FILE", "read FILE instead of stdin"},
    {'p', NULL, "KEY", "priority: an integer, else a decimal, else a string; a,b: a tuple"},
    {'n', NULL, NULL, "do not wait for room"},
    {'t', NULL, "D", "wait at most D for room, each time there is none"},
    {'v', NULL, NULL, "print the id of each item once it is stored"},
    {0, NULL, NULL, NULL},
};

struct putter {
    struct cli *cli;
    struct mqc_key priority;
    int64_t timeout_ms;
    uint64_t stored;      /* items */
    uint64_t stored_size; /* their bytes */
    struct mqc_put *puts; /* the batch */
    uint64_t *ids;
    size_t *offsets; /* in the input, of the items of the batch */
    size_t count, size;
    size_t unknown; /* of the last batch, not stored for all that is known */
    struct cli_output out;
    struct cli_progress progress;
};

static void print_id(struct putter *p, uint64_t id)
{
    if (p->cli->json)
        cli_output_json(&p->out, json_pack("{s:I}", "id", (json_int_t)id));
    else
        cli_output_print(&p->out, "%" PRIu64 "\n", id);
}

static void show_progress(struct putter *p)
{
    if (cli_progress_is_due(&p->progress))
        cli_progress_show(&p->progress, "%" PRIu64 " stored, %.1f MiB", p->stored,
                          (double)p->stored_size / (1 << 20));
}

/* What is known to be stored, even if the rest failed. */
static void count_stored(struct putter *p, size_t stored)
{
    for (size_t i = 0; i < stored; i++)
        p->stored_size += p->puts[i].size;
    p->stored += stored;
    if (cli_given(p->cli, 'v'))
        for (size_t i = 0; i < stored; i++)
            print_id(p, p->ids[i]);
}

/* Says why it ends, and what is stored. */
static int fail(struct putter *p, int code, const char *reason)
{
    cli_progress_done(&p->progress);
    if (code == CLI_INTERRUPTED) {
        cli_error(p->cli, "interrupted; %" PRIu64 " stored", p->stored);
        return code;
    }
    if (code == CLI_UNREACHABLE)
        cli_error(p->cli, "%" PRIu64 " stored, perhaps up to %zu more: %s", p->stored, p->unknown, reason);
    else if (p->stored > 0)
        cli_error(p->cli, "%" PRIu64 " stored, then item %" PRIu64 ": %s", p->stored, p->stored + 1, reason);
    else
        cli_error(p->cli, "%s", reason);
    return p->stored > 0 ? CLI_PARTIAL : code;
}

/* The ids were asked for, and are lost. */
static int fail_to_print(struct putter *p)
{
    cli_progress_done(&p->progress);
    cli_error(p->cli, "%" PRIu64 " stored, but their ids cannot be written: %s", p->stored,
              strerror(p->out.error));
    return CLI_PARTIAL;
}

/* Stores the batch. CLI_OK, or the failure has been reported. */
static int send_batch(struct putter *p)
{
    size_t stored = 0;
    size_t count = p->count;
    p->count = p->size = 0;
    if (count == 0)
        return CLI_OK;
    enum mq_status status = mqc_put_many_ids(p->cli->queue, p->puts, count, p->timeout_ms, &stored, p->ids);
    count_stored(p, stored);
    show_progress(p);
    p->unknown = count - stored;
    bool is_printed = cli_output_flush(&p->out);
    if (status != MQ_OK)
        return fail(p, cli_exit_code(status), cli_reason(p->cli, status));
    return is_printed ? CLI_OK : fail_to_print(p);
}

static int put_arguments(struct putter *p, char **bodies, int count)
{
    int code = CLI_OK;
    for (int i = 0; i < count && code == CLI_OK; i++) {
        size_t size = strlen(bodies[i]);
        p->puts[p->count++] = (struct mqc_put){.body = bodies[i], .size = size, .priority = p->priority};
        p->size += size;
        if (p->count == BATCH_ITEMS || p->size >= BATCH_SIZE)
            code = send_batch(p);
    }
    return code == CLI_OK ? send_batch(p) : code;
}

/* The items lie in the input's buffer, which may have moved while they were gathered. */
static int send_input(struct putter *p, struct cli_input *in)
{
    for (size_t i = 0; i < p->count; i++)
        p->puts[i].body = cli_input_at(in, p->offsets[i]);
    int code = send_batch(p);
    cli_input_forget(in);
    if (code == CLI_OK && cli_interrupted())
        code = fail(p, CLI_INTERRUPTED, NULL);
    return code;
}

/* Gathers what is in the buffer. Returns what ended that: nothing complete left, or an error's exit code. */
static int take_items(struct putter *p, struct cli_input *in, enum cli_input_found *ret_found)
{
    size_t offset, size;
    while ((*ret_found = cli_input_next(in, &offset, &size)) == CLI_INPUT_ITEM) {
        p->offsets[p->count] = offset;
        p->puts[p->count++] = (struct mqc_put){.size = size, .priority = p->priority};
        p->size += size;
        if (p->count == BATCH_ITEMS || p->size >= BATCH_SIZE) {
            int code = send_input(p, in);
            if (code != CLI_OK)
                return code;
        }
    }
    return CLI_OK;
}

static int too_big(struct putter *p, const struct cli_input *in)
{
    char reason[64];
    snprintf(reason, sizeof reason, "larger than %zu bytes", in->size_max);
    return fail(p, CLI_BAD_INPUT, reason);
}

static int put_input(struct putter *p, struct cli_input *in)
{
    for (;;) {
        enum cli_input_found found;
        int code = take_items(p, in, &found);
        bool is_over = found != CLI_INPUT_MORE;
        if (code == CLI_OK && p->count > 0 && (is_over || !cli_input_is_ready(in)))
            code = send_input(p, in);
        if (code != CLI_OK)
            return code;
        if (found == CLI_INPUT_TOO_BIG)
            return too_big(p, in);
        if (is_over)
            return CLI_OK;
        if (!cli_input_fill(in, cli_signals_fd()))
            return errno == EINTR ? fail(p, CLI_INTERRUPTED, NULL) : fail(p, CLI_IO_ERROR, strerror(errno));
    }
}

static int delimiter(const struct cli *cli)
{
    if (cli_given(cli, 'l'))
        return '\n';
    return cli_given(cli, '0') ? '\0' : CLI_INPUT_WHOLE;
}

/* The file is open already: a missing one is not to make a queue. */
static int put_stream(struct putter *p, int fd)
{
    struct mqc_broker_stat limits;
    enum mq_status status = mqc_broker_stat(p->cli->mqc, &limits);
    if (status != MQ_OK)
        return cli_fail(p->cli, status);
    struct cli_input in = {.fd = fd, .delimiter = delimiter(p->cli), .size_max = (size_t)limits.body_max};
    int code = put_input(p, &in);
    cli_input_done(&in);
    return code;
}

static int put(struct putter *p, int fd)
{
    struct cli *cli = p->cli;
    p->puts = calloc(BATCH_ITEMS, sizeof *p->puts);
    p->ids = calloc(BATCH_ITEMS, sizeof *p->ids);
    p->offsets = calloc(BATCH_ITEMS, sizeof *p->offsets);
    if (!p->puts || !p->ids || !p->offsets) {
        cli_error(cli, "%s", mqc_strerror(MQ_NO_MEMORY));
        return CLI_TEMPORARY;
    }
    cli_signals_interrupt(cli->mqc);
    cli_progress_init(&p->progress, cli);
    int code = cli->operand_count > 1 ? put_arguments(p, cli->operands + 1, cli->operand_count - 1)
                                      : put_stream(p, fd);
    if (p->progress.is_shown) {
        cli_progress_done(&p->progress);
        cli_notice(cli, "%" PRIu64 " stored, %.1f MiB", p->stored, (double)p->stored_size / (1 << 20));
    }
    return code;
}

static int check(struct cli *cli, struct putter *p)
{
    bool reads = cli_given(cli, 'l') || cli_given(cli, '0') || cli_given(cli, 'f');
    if (cli->operand_count > 1 && reads)
        return cli_usage(cli, "bodies are given, so -l, -0 and -f have nothing to read");
    if (cli_given(cli, 'l') && cli_given(cli, '0'))
        return cli_usage(cli, "-l and -0 exclude each other");
    return cli_timeout_value(cli, &p->timeout_ms);
}

static int open_input(const struct cli *cli, int *ret_fd)
{
    const char *path = cli->values['f'];
    if (!path || strcmp(path, "-") == 0)
        return CLI_OK;
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*ret_fd >= 0)
        return CLI_OK;
    cli_error(cli, "%s: %s", path, strerror(errno));
    return CLI_NOT_FOUND;
}

static int parse_priority(const struct cli *cli, struct cli_key *ret_key)
{
    const char *text = cli->values['p'];
    if (!text)
        return CLI_OK;
    enum mq_status status = cli_parse_key(text, ret_key);
    if (status == MQ_INVALID)
        return cli_usage(cli, "'%s' is beyond the largest number", text);
    if (status != MQ_OK)
        cli_error(cli, "%s", mqc_strerror(status));
    return cli_exit_code(status);
}

static int run(struct cli *cli)
{
    struct putter p = {.cli = cli, .timeout_ms = MQ_FOREVER};
    struct cli_key key = {0};
    int fd = STDIN_FILENO;
    int code = check(cli, &p);
    if (code == CLI_OK)
        code = parse_priority(cli, &key);
    if (code == CLI_OK)
        code = open_input(cli, &fd);
    p.priority = key.key;
    if (code == CLI_OK)
        code = cli_connect_queue(cli, MQC_OPEN_AUTO);
    if (code == CLI_OK)
        code = put(&p, fd);
    cli_output_done(&p.out);
    free(p.puts);
    free(p.ids);
    free(p.offsets);
    cli_key_done(&key);
    if (fd > STDERR_FILENO)
        close(fd);
    return code;
}

const struct cli_command cmd_put = {
    .name = "put",
    .run = run,
    .line = "store items",
    .operands = "Q [BODY...] [-l|-0] [-f FILE] [-p KEY] [-n|-t D] [-v]",
    .operands_min = 1,
    .operands_max = INT32_MAX,
    .options = options,
    .details =
        "Each BODY is an item; without any, all of stdin is one. With -l and -0 input of any length is "
        "stored\n"
        "as it comes, in batches, and a carriage return is kept; the last newline or NUL may be missing.\n"
        "Exit code 5 if there was no room, 6 if the queue is shut down, 3 if some were stored before that.\n"
        "After Ctrl-C it says how many are stored.",
    .example = "mq put jobs one two three\n"
               "printf 'one\\ntwo\\n' | mq put jobs -l\n"
               "mq create urgent --kind priority\n"
               "echo hello | mq put urgent -p 1,now -v",
};
