/* cli_progress.c - see cli_progress.h. */
#include "cli_progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { INTERVAL_MS = 100 };

static const char clear_line[] = "\r\033[K";

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void cli_progress_init(struct cli_progress *progress, const struct cli *cli)
{
    *progress = (struct cli_progress){.on = cli_shows_progress(cli), .last_ms = now_ms()};
}

bool cli_progress_is_due(struct cli_progress *progress)
{
    if (!progress->on)
        return false;
    int64_t now = now_ms();
    if (now - progress->last_ms < INTERVAL_MS)
        return false;
    progress->last_ms = now;
    return true;
}

void cli_progress_show(struct cli_progress *progress, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs(clear_line, stderr);
    vfprintf(stderr, format, args);
    fflush(stderr);
    va_end(args);
    progress->is_shown = true;
}

void cli_progress_done(struct cli_progress *progress)
{
    if (progress->is_shown)
        fputs(clear_line, stderr);
    progress->is_shown = false;
}
