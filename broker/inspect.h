/* inspect.h - `mq-broker --check DIR` and `mq-broker --salvage DIR`: a data directory is looked at, or made
 * whole again, while no broker has it.
 *
 * Both go through the log as a start does: groups are read and put into an engine. So a log whose bytes are
 * right but which makes no sense is found, too. What is found is written to `out`, one line each; why nothing
 * could be done, to `err`. */
#ifndef MQ_INSPECT_H
#define MQ_INSPECT_H

#include <stdio.h>

enum inspect_exit {
    INSPECT_OK = 0,            /* whole; salvage: it is now */
    INSPECT_NO_DIRECTORY = 66, /* it is not there */
    INSPECT_NO_MEMORY = 70,
    INSPECT_FAILED = 74, /* a call of the disk failed */
    INSPECT_LOCKED = 75, /* a broker has it */
    INSPECT_DAMAGED = 78 /* or written by a newer broker */
};

/* Changes nothing. */
int inspect_check(const char *path, FILE *out, FILE *err);

/* Changes nothing if nothing is damaged. Else see recover.h. */
int inspect_salvage(const char *path, FILE *out, FILE *err);

#endif
