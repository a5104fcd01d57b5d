/* cli_input.c - see cli_input.h. */
#include "cli_input.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10 }; /* room for at least as much is made before each read */

static enum cli_input_found found(struct cli_input *in, size_t size, size_t step, size_t *ret_offset,
                                  size_t *ret_size)
{
    if (size > in->size_max)
        return CLI_INPUT_TOO_BIG;
    *ret_offset = in->next - in->kept;
    *ret_size = size;
    in->next += step;
    in->scanned = in->next;
    return CLI_INPUT_ITEM;
}

/* The last item needs no delimiter; without one there is an item even in an empty input. */
static enum cli_input_found last_item(struct cli_input *in, size_t *ret_offset, size_t *ret_size)
{
    size_t size = in->filled - in->next;
    if (in->is_finished || (size == 0 && in->delimiter != CLI_INPUT_WHOLE))
        return CLI_INPUT_END;
    in->is_finished = true;
    return found(in, size, size, ret_offset, ret_size);
}

enum cli_input_found cli_input_next(struct cli_input *in, size_t *ret_offset, size_t *ret_size)
{
    const char *end = NULL;
    if (in->delimiter != CLI_INPUT_WHOLE && in->filled > in->scanned)
        end = memchr(in->data + in->scanned, in->delimiter, in->filled - in->scanned);
    in->scanned = in->filled;
    if (end) {
        size_t size = (size_t)(end - in->data) - in->next;
        return found(in, size, size + 1, ret_offset, ret_size);
    }
    if (in->filled - in->next > in->size_max)
        return CLI_INPUT_TOO_BIG;
    return in->ended ? last_item(in, ret_offset, ret_size) : CLI_INPUT_MORE;
}

const void *cli_input_rest(const struct cli_input *in, size_t *ret_size)
{
    *ret_size = in->filled - in->next;
    return in->data ? in->data + in->next : "";
}

size_t cli_input_take(struct cli_input *in, size_t size)
{
    size_t offset = in->next - in->kept;
    assert(size <= in->filled - in->next);
    in->next += size;
    in->scanned = in->next;
    return offset;
}

const void *cli_input_at(const struct cli_input *in, size_t offset)
{
    assert(in->kept + offset <= in->filled);
    return in->data ? in->data + in->kept + offset : "";
}

void cli_input_forget(struct cli_input *in)
{
    in->kept = in->next;
}

/* Moves what is kept to the front when that makes room, else grows. */
static bool make_room(struct cli_input *in)
{
    if (in->capacity - in->filled >= READ_SIZE)
        return true;
    if (in->kept >= in->capacity / 2 && in->kept > 0) {
        memmove(in->data, in->data + in->kept, in->filled - in->kept);
        in->next -= in->kept;
        in->scanned -= in->kept;
        in->filled -= in->kept;
        in->kept = 0;
        if (in->capacity - in->filled >= READ_SIZE)
            return true;
    }
    size_t capacity = in->capacity ? in->capacity * 2 : 4 * READ_SIZE;
    char *data = realloc(in->data, capacity);
    if (!data) {
        errno = ENOMEM;
        return false;
    }
    in->data = data;
    in->capacity = capacity;
    return true;
}

static bool wait_readable(const struct cli_input *in, int stop_fd)
{
    struct pollfd fds[] = {{.fd = in->fd, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return false;
    if (fds[1].revents) {
        errno = EINTR;
        return false;
    }
    return true;
}

bool cli_input_fill(struct cli_input *in, int stop_fd)
{
    assert(!in->ended);
    if (!make_room(in))
        return false;
    for (;;) {
        if (!wait_readable(in, stop_fd))
            return false;
        ssize_t size = read(in->fd, in->data + in->filled, in->capacity - in->filled);
        if (size >= 0) {
            in->filled += (size_t)size;
            in->ended = size == 0;
            return true;
        }
        if (errno != EINTR && errno != EAGAIN)
            return false;
    }
}

bool cli_input_is_ready(const struct cli_input *in)
{
    struct pollfd p = {.fd = in->fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

void cli_input_done(struct cli_input *in)
{
    free(in->data);
    in->data = NULL;
}
