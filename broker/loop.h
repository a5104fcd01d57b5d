/* loop.h - the broker's one thread: waits, reads frames, lets the engine decide, sends what it answers.
 *
 * With its outbox the only door to ZeroMQ, signals and the clock. A turn reads and sends a bounded amount, so
 * that no peer starves the others, and reads the clock once.
 *
 * With a data directory what a turn has decided is handed over to be written as soon as the disk is free, and
 * told by the turn in which that is done; in between the loop goes on with what others ask for. */
#ifndef MQ_LOOP_H
#define MQ_LOOP_H

#include "data.h"
#include "ending.h"
#include "engine.h"
#include "log.h"
#include "options.h"

struct loop;

/* Listens at all endpoints of the options. Signals are blocked from here on. Borrows everything; `data` may
 * be NULL: nothing is written. Unless it is ENDING_OK, *ret_loop is NULL. */
enum ending loop_new(const struct options *options, uint32_t descriptors, struct engine *engine,
                     struct data *data, struct log *log, struct loop **ret_loop,
                     char error[OPTIONS_ERROR_MAX]);

/* Closes everything; peers get what was sent to them, if they read it within a second. NULL is fine. */
void loop_free(struct loop *l);

/* The endpoints with their real ports, separated by spaces. */
const char *loop_endpoints(const struct loop *l);

/* Runs until SIGTERM or SIGINT; then reads no more, and sends what is decided as soon as it may be told.
 * ENDING_DISK: not all of it could be written, or the disk does not answer any more. */
enum ending loop_run(struct loop *l);

#endif
