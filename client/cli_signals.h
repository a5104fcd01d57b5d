/* cli_signals.h - Ctrl-C, SIGTERM and SIGHUP.
 *
 * A command that holds nothing is ended at once, with exit code 130. One that does lets itself be
 * interrupted: the first signal makes its put, get or join return MQ_INTERRUPTED, and it puts things in
 * order; the second one ends the process, and what it held goes back when the broker misses the session.
 * Signals that were ignored when mq was started (nohup, background jobs) stay ignored. */
#ifndef MQ_CLI_SIGNALS_H
#define MQ_CLI_SIGNALS_H

#include "mqc.h"

/* From now on a signal ends the process at once. */
void cli_signals_end(void);

/* From now on the first one interrupts. */
void cli_signals_interrupt(struct mqc *mqc);

/* From now on signals are only written to cli_signals_fd(), each as one byte that is its number. */
void cli_signals_collect(void);

/* A signal has come. */
bool cli_interrupted(void);

/* Becomes readable when a signal comes. */
int cli_signals_fd(void);

#endif
