/* cli_input.h - items read from a file descriptor: all of it as one, lines, or pieces that end in NUL.
 *
 * Reads ahead, but holds no more than one batch and one item of the largest size. An item that was found
 * stays where it is, counted from the last cli_input_forget(). */
#ifndef MQ_CLI_INPUT_H
#define MQ_CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>

enum { CLI_INPUT_WHOLE = -1 }; /* a delimiter: none, all of the input is one item */

struct cli_input {
    int fd;
    int delimiter;   /* '\n', '\0' or CLI_INPUT_WHOLE */
    size_t size_max; /* of one item */
    char *data;
    size_t capacity;
    size_t kept;    /* where the items found since the last forget begin */
    size_t next;    /* where the next item begins */
    size_t scanned; /* no delimiter between next and here */
    size_t filled;
    bool ended; /* end of file was seen */
    bool is_finished;
};

enum cli_input_found {
    CLI_INPUT_ITEM,
    CLI_INPUT_MORE,   /* nothing complete: fill */
    CLI_INPUT_END,    /* everything has been found */
    CLI_INPUT_TOO_BIG /* the next item is larger than size_max */
};
enum cli_input_found cli_input_next(struct cli_input *in, size_t *ret_offset, size_t *ret_size);

/* For a reader that finds items by itself: what is there behind all that was found or taken, and taking so
 * much of it. Returns where that is, as an offset like that of an item. */
const void *cli_input_rest(const struct cli_input *in, size_t *ret_size);
size_t cli_input_take(struct cli_input *in, size_t size);

/* The bytes of an item found; valid until the next fill. */
const void *cli_input_at(const struct cli_input *in, size_t offset);

/* The items found so far are not needed any more. */
void cli_input_forget(struct cli_input *in);

/* Reads what is there, waiting for it if there is nothing; false: errno says why. EINTR: `stop_fd` became
 * readable first. */
bool cli_input_fill(struct cli_input *in, int stop_fd);

/* Would a fill return at once? */
bool cli_input_is_ready(const struct cli_input *in);

void cli_input_done(struct cli_input *in);

#endif
