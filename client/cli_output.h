/* cli_output.h - bytes on their way to stdout: gathered, then written exactly, or reported.
 *
 * Everything that is data goes through here. The first failure (memory, EPIPE, disk full) sticks: what is
 * added later is dropped, and cli_output_flush() says no from then on. */
#ifndef MQ_CLI_OUTPUT_H
#define MQ_CLI_OUTPUT_H

#include <jansson.h>

#include "cli.h"

struct cli_output {
    char *data;
    size_t size, capacity;
    int error; /* errno of the first failure; 0: none */
};

void cli_output_add(struct cli_output *out, const void *data, size_t size);
void cli_output_print(struct cli_output *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line of JSON. Takes the object; NULL (it could not be made) counts as out of memory. */
void cli_output_json(struct cli_output *out, json_t *object);

/* Has everything added so far been written? */
bool cli_output_flush(struct cli_output *out);

/* Flushes and frees. CLI_OK; CLI_IO_ERROR, reported. */
int cli_output_finish(struct cli_output *out, const struct cli *cli);
void cli_output_done(struct cli_output *out);

/* What is left to say of items that were discarded: a notice, or the object {"queue","discarded"}. */
int cli_tell_discarded(const struct cli *cli, uint64_t discarded);

/* Writes all of it, also to a descriptor that is in non-blocking mode. False: errno says why. */
bool cli_write_all(int fd, const void *data, size_t size);

#endif
