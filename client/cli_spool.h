/* cli_spool.h - what a command writes, kept until its run ends: in memory, beyond 1 MiB in a temporary file.
 *
 * The first failure (no memory, no room for the file) sticks: later output is dropped, and the spool says so.
 */
#ifndef MQ_CLI_SPOOL_H
#define MQ_CLI_SPOOL_H

#include <stdbool.h>
#include <stddef.h>

enum { CLI_SPOOL_MEMORY = 1 << 20 };

struct cli_spool {
    char *data; /* what has come last, or all */
    size_t size, capacity;
    int fd;    /* what came before, in a file without a name; -1: none */
    int error; /* errno of the first failure; 0: none */
};

void cli_spool_init(struct cli_spool *spool);
void cli_spool_add(struct cli_spool *spool, const void *data, size_t size);

/* Writes all of it. False: errno says why. */
bool cli_spool_copy(const struct cli_spool *spool, int fd);
void cli_spool_done(struct cli_spool *spool);

#endif
