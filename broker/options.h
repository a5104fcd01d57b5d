/* options.h - what the operator asked for: flags and environment -> one struct, or one specific line.
 *
 * Pure: reads nothing but its arguments, prints nothing. The command line wins over the environment. One
 * table in options.c makes the flags, their environment variables (--memory-limit, MQ_MEMORY_LIMIT) and the
 * help. Actions (--check DIR) are flags only: they are wanted once, by somebody who is there. */
#ifndef MQ_OPTIONS_H
#define MQ_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint.h"
#include "log.h"

enum {
    OPTIONS_BINDS_MAX = 16,
    OPTIONS_ERROR_MAX = 512,
    OPTIONS_PATH_MAX = 4096,    /* bytes, the NUL included */
    OPTIONS_BODY_MAX = 60 << 20 /* what --max-body may be at most: a frame has to hold it */
};

enum options_action { OPTIONS_RUN, OPTIONS_CHECK, OPTIONS_SALVAGE, OPTIONS_HELP, OPTIONS_VERSION };

struct options {
    enum options_action action;
    char binds[OPTIONS_BINDS_MAX][ENDPOINT_MAX]; /* checked, "localhost" made an address */
    size_t bind_count;                           /* at least 1 */
    char data[OPTIONS_PATH_MAX];                 /* the data directory; empty: none */
    char inspected[OPTIONS_PATH_MAX];            /* the one that is to be checked or salvaged */
    uint64_t sync_interval_ms;                   /* 0: every answer is on disk */
    uint64_t segment_size;                       /* bytes */
    uint64_t memory_limit;                       /* bytes; 0: not given */
    uint64_t body_max;                           /* bytes */
    uint64_t resume_grace_ms, remember_ms;
    uint64_t heartbeat_ms; /* 0: none */
    uint64_t heartbeat_timeout_ms;
    bool auto_create;
    bool insecure_listen;
    enum log_level log_level;
    enum log_format log_format;
};

/* True: *ret is complete. False: error holds one line that names the option, what was given, and what is
 * right. */
bool options_parse(struct options *ret, int argc, char *const *argv, char *const *environment,
                   char error[OPTIONS_ERROR_MAX]);

/* The help, a static text made at the first call. */
const char *options_help(void);

#endif
