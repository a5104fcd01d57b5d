/* cli_parse.h - words of the command line -> values. Pure. */
#ifndef MQ_CLI_PARSE_H
#define MQ_CLI_PARSE_H

#include "mqc.h"

/* "250ms", "5s", "2m", "1h", "1d", "1.5h"; a bare number is seconds. False: not a duration, negative, or
 * beyond a hundred years. */
bool cli_parse_duration(const char *text, int64_t *ret_ms);

/* "100", "4k", "1M", "2G": bytes, the units 1024 of those before. False: not a size, or beyond 2^63 - 1. */
bool cli_parse_size(const char *text, uint64_t *ret_size);

/* "2", "0.5", "1e6", and nothing else. */
bool cli_parse_decimal(const char *text, double *ret);

/* A whole decimal number from min to max, and nothing else. */
bool cli_parse_integer(const char *text, int64_t min, int64_t max, int64_t *ret);

/* A priority: an integer, else a decimal, else a string; with commas, a tuple of these. */
struct cli_key {
    struct mqc_key key;       /* points to the rest */
    struct mqc_key *elements; /* of a tuple */
    char *text;
};

/* MQ_OK; MQ_INVALID: a decimal beyond the largest double; MQ_NO_MEMORY. Done with cli_key_done() after MQ_OK.
 */
enum mq_status cli_parse_key(const char *text, struct cli_key *ret);
void cli_key_done(struct cli_key *key);

#endif
