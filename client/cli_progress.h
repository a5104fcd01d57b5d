/* cli_progress.h - one line on a terminal's stderr that changes in place; nothing anywhere else. */
#ifndef MQ_CLI_PROGRESS_H
#define MQ_CLI_PROGRESS_H

#include <stdint.h>

#include "cli.h"

struct cli_progress {
    bool on;
    bool is_shown;
    int64_t last_ms;
};

void cli_progress_init(struct cli_progress *progress, const struct cli *cli);

/* Is it time to show something new? At most ten times a second. */
bool cli_progress_is_due(struct cli_progress *progress);
void cli_progress_show(struct cli_progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Takes the line away. */
void cli_progress_done(struct cli_progress *progress);

#endif
