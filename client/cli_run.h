/* cli_run.h - one run of a command over one item: body in, output kept, exit status out.
 *
 * Any number of threads may run commands at once. The command gets a process group of its own, so that a
 * Ctrl-C on the terminal does not hit it, and cli_run_kill() reaches all it has started. */
#ifndef MQ_CLI_RUN_H
#define MQ_CLI_RUN_H

#include <pthread.h>
#include <signal.h>
#include <sys/types.h>

#include "cli_spool.h"
#include "mqc.h"

enum cli_run_end {
    CLI_RUN_EXITED,  /* with `code` */
    CLI_RUN_KILLED,  /* by signal `code` */
    CLI_RUN_UNFIT,   /* the body cannot be an argument: it has a NUL or is too long */
    CLI_RUN_NO_START /* errno `code` */
};

struct cli_run {
    pthread_mutex_t *lock; /* guards pid */
    pid_t pid;             /* while it runs, else 0 */
    struct cli_spool out, err;
    enum cli_run_end end;
    int code;
};

void cli_run_init(struct cli_run *run, pthread_mutex_t *lock);

/* Runs argv, {} in its arguments replaced by the body, and waits for its end. What a process that it left
 * behind writes later is lost. The lock must not be held. */
void cli_run(struct cli_run *run, char *const *argv, const struct mqc_item *item);

/* Signals the command and all its processes, if it runs. The lock must be held. */
void cli_run_kill(struct cli_run *run, int number);

void cli_run_done(struct cli_run *run);

/* Exit code 0. */
bool cli_run_succeeded(const struct cli_run *run);

/* "exit code 3", "killed by signal 9", ... */
void cli_run_describe(const struct cli_run *run, char *text, size_t size);

/* An argument with each {} replaced; owned. NULL: out of memory. Pure. */
char *cli_run_fill_in(const char *argument, const void *body, size_t size);

#endif
