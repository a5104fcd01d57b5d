/* cli_output.c - see cli_output.h. */
#include "cli_output.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_FULL = 1 << 20 }; /* written when it holds as much */

bool cli_write_all(int fd, const void *data, size_t size)
{
    const char *next = data;
    while (size > 0) {
        ssize_t written = write(fd, next, size);
        if (written < 0 && errno == EAGAIN) {
            /* Somebody who shares our terminal or pipe has set it non-blocking. */
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, -1);
        } else if (written < 0 && errno != EINTR) {
            return false;
        } else if (written > 0) {
            next += written;
            size -= (size_t)written;
        }
    }
    return true;
}

static bool reserve(struct cli_output *out, size_t size)
{
    if (out->capacity - out->size >= size)
        return true;
    size_t capacity = out->capacity ? out->capacity : 4096;
    while (capacity - out->size < size)
        capacity *= 2;
    char *data = realloc(out->data, capacity);
    if (!data) {
        out->error = ENOMEM;
        return false;
    }
    out->data = data;
    out->capacity = capacity;
    return true;
}

void cli_output_add(struct cli_output *out, const void *data, size_t size)
{
    if (out->size + size > OUTPUT_FULL)
        cli_output_flush(out);
    if (size > OUTPUT_FULL) {
        /* Big bodies need not be copied. */
        if (!out->error && !cli_write_all(STDOUT_FILENO, data, size))
            out->error = errno;
        return;
    }
    if (size == 0 || out->error || !reserve(out, size))
        return;
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

void cli_output_print(struct cli_output *out, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        out->error = ENOMEM;
        return;
    }
    cli_output_add(out, text, (size_t)length);
    free(text);
}

void cli_output_json(struct cli_output *out, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    if (text) {
        cli_output_add(out, text, strlen(text));
        cli_output_add(out, "\n", 1);
    } else {
        out->error = ENOMEM;
    }
    free(text);
    json_decref(object);
}

bool cli_output_flush(struct cli_output *out)
{
    if (!out->error && !cli_write_all(STDOUT_FILENO, out->data, out->size))
        out->error = errno;
    out->size = 0;
    return !out->error;
}

int cli_output_finish(struct cli_output *out, const struct cli *cli)
{
    bool written = cli_output_flush(out);
    if (!written)
        cli_error(cli, "cannot write: %s", strerror(out->error));
    cli_output_done(out);
    return written ? CLI_OK : CLI_IO_ERROR;
}

void cli_output_done(struct cli_output *out)
{
    free(out->data);
    *out = (struct cli_output){0};
}

int cli_tell_discarded(const struct cli *cli, uint64_t discarded)
{
    if (!cli->json) {
        cli_notice(cli, "%" PRIu64 " discarded", discarded);
        return CLI_OK;
    }
    struct cli_output out = {0};
    cli_output_json(&out,
                    json_pack("{s:s, s:I}", "queue", cli->operands[0], "discarded", (json_int_t)discarded));
    return cli_output_finish(&out, cli);
}
