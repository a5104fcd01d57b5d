/* amount.h - how much of something, as people write it. */
#ifndef MQ_AMOUNT_H
#define MQ_AMOUNT_H

#include <stdbool.h>
#include <stdint.h>

/* The digits that *text begins with; moves it behind them. False: there are none, or it is too large. */
bool amount_number(const char **text, uint64_t *ret_number);

/* "250ms", "5s", "2m", "1h"; a bare number is seconds. */
bool amount_duration(const char *text, uint64_t *ret_ms);

/* "512", "64k", "16M", "2G", 1024-based. */
bool amount_size(const char *text, uint64_t *ret_size);

#endif
