/* inspect.h - `mq-broker --check DIR` and `mq-broker --salvage DIR`: a data directory is looked at, or made
 * whole again, while no broker has it.
 *
 * Both go through the log as a start does: groups are read and put into an engine. So a log whose bytes are
 * right but which makes no sense is found, too. What is found is written to `out`, one line each; why nothing
 * could be done, to `err`. */
#ifndef MQ_INSPECT_H
#define MQ_INSPECT_H

#include <stdio.h>

#include "ending.h"

/* Changes nothing. OK: it is whole; BAD: it is not, or a newer broker has written it; NO_DIRECTORY, IN_USE,
 * DISK, INTERNAL (no memory). */
enum ending inspect_check(const char *path, FILE *out, FILE *err);

/* OK: it is whole now. What was not damaged is not touched; else see recover.h. BAD: nothing can be done. */
enum ending inspect_salvage(const char *path, FILE *out, FILE *err);

#endif
