/* loop.h - the broker's one thread: waits, reads frames, lets the engine decide, sends what it answers.
 *
 * With its outbox the only door to ZeroMQ, signals and the clock. A turn reads and sends a bounded amount, so
 * that no peer starves the others, and reads the clock once. */
#ifndef MQ_LOOP_H
#define MQ_LOOP_H

#include "engine.h"
#include "log.h"
#include "options.h"

struct loop;

/* Which exit code the process is to end with. */
enum loop_result { LOOP_OK = 0, LOOP_INTERNAL = 70, LOOP_IN_USE = 75, LOOP_BAD_CONFIGURATION = 78 };

/* Listens at all endpoints of the options. Signals are blocked from here on. Borrows everything. Other
 * results than LOOP_OK come with one line that says why; *ret_loop is then NULL. */
enum loop_result loop_new(const struct options *options, uint32_t descriptors, struct engine *engine,
                          struct log *log, struct loop **ret_loop, char error[OPTIONS_ERROR_MAX]);

/* Closes everything; peers get what was sent to them, if they read it within a second. NULL is fine. */
void loop_free(struct loop *l);

/* The endpoints with their real ports, separated by spaces. */
const char *loop_endpoints(const struct loop *l);

/* Runs until SIGTERM or SIGINT; then reads no more and sends what is decided. */
void loop_run(struct loop *l);

#endif
