/* wait.c - see wait.h. */
#include "wait.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

uint64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct wait wait_begin(int limit_ms)
{
    return (struct wait){.until_ms = clock_ms() + (uint64_t)limit_ms};
}

bool wait_again(struct wait *w)
{
    enum { MOMENT_MS = 1 };
    poll(NULL, 0, MOMENT_MS);
    return clock_ms() < w->until_ms;
}

void wait_until(bool (*holds)(void *context), void *context, const char *what)
{
    struct wait w = wait_begin(LIMIT_MS);
    while (!holds(context))
        if (!wait_again(&w))
            require_failed(__FILE__, __LINE__, what);
}

void let_pass(int ms)
{
    struct wait span = wait_begin(ms);
    while (wait_again(&span))
        ;
}

_Noreturn void require_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "\n    %s:%d: not true: %s\n", file, line, condition);
    _Exit(1);
}
