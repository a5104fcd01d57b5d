/* child.h - a client in a process of its own: a function, run in a fork of the test program.
 *
 * The function uses REQUIRE, not CUnit; its process dies with the test program. What it finds out it writes
 * to memory shared with the test, or to the report pipe. Fork before making threads. */
#ifndef E2E_CHILD_H
#define E2E_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    int report_fd; /* what the child writes to its report_fd can be read here */
};

typedef void child_run(void *context, int report_fd);

void child_start(struct child *c, child_run *run, void *context);

/* Waits until it ends; its exit code, or -signal. It is killed, and the test fails, when the limit is
 * reached. */
int child_wait(struct child *c, int limit_ms);

void child_kill(struct child *c); /* kill -9 and reap */

/* Reads so many bytes of the report, within the usual limit. */
void child_read(struct child *c, void *data, size_t size);

/* Zeroed memory that children and test share, for as long as the test program lives. */
void *shared_memory(size_t size);

/* Lets this process and its children open so many files. */
void allow_files(unsigned count);

#endif
