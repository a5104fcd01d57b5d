/* random.h - numbers that look random, the same ones from the same seed on every machine (xorshift64). */
#ifndef MQ_RANDOM_H
#define MQ_RANDOM_H

#include <stdint.h>

/* The next one; *state is the seed at first, and not 0. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
