/* wait.h - waiting for something to become true, never longer than a limit; and the clock of the tests.
 *
 *     WAIT_UNTIL(stat_of(queue).getters == 1, 5000);
 *
 * A test waits for what it wants to see, and only a failing test waits for as long as the limit. */
#ifndef E2E_WAIT_H
#define E2E_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "unit.h"

enum { LIMIT_MS = 20000 }; /* for what should happen at once: far beyond what the slowest machine needs */

uint64_t clock_ms(void);

struct wait {
    uint64_t until_ms;
};

struct wait wait_begin(int limit_ms);

/* Lets a moment pass. False: the limit is reached. */
bool wait_again(struct wait *w);

#define WAIT_UNTIL(condition, limit_ms)                                                                      \
    do {                                                                                                     \
        struct wait wait_here = wait_begin(limit_ms);                                                        \
        bool wait_goes_on = true;                                                                            \
        while (!(condition) && wait_goes_on)                                                                 \
            wait_goes_on = wait_again(&wait_here);                                                           \
        if (!wait_goes_on)                                                                                   \
            require_failed(__FILE__, __LINE__, "in time: " #condition);                                      \
    } while (0)

/* The same with a function, for conditions that are no expression. `what` is told if the limit is reached. */
void wait_until(bool (*holds)(void *context), void *context, const char *what);

/* For the few tests that are about what happens, or does not, in a span of time. */
void let_pass(int ms);

/* For the support library, threads and processes, where CUnit cannot end the test: ends the process with a
 * message. */
#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            require_failed(__FILE__, __LINE__, #condition);                                                  \
    } while (0)

_Noreturn void require_failed(const char *file, int line, const char *condition);

#endif
