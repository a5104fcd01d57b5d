/* bench_item.h - the body of an item of `mq bench`: who put it as which, when, and bytes that can be checked.
 *
 * A stamp, then a pattern that differs from producer to producer. The checksum covers all of it; it is made
 * of the pattern's, which is computed once, so that a producer hashes only the stamp. Pure. */
#ifndef MQ_BENCH_ITEM_H
#define MQ_BENCH_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the byte order of this machine: producers and consumers are of one family. */
struct bench_stamp {
    uint32_t run;      /* random: an item of another run or phase is none of ours */
    uint16_t producer; /* index */
    uint16_t is_timed; /* the clock was read for this very item */
    uint64_t sequence; /* of the producer's items, from 0 */
    uint64_t time_ns;  /* of the put, or when it was scheduled */
    uint64_t checksum; /* of everything */
};

enum { BENCH_ITEM_SIZE_MIN = sizeof(struct bench_stamp) };

/* Writes the pattern behind the stamp's place. Returns what the stamps of such bodies need. */
uint64_t bench_item_fill(void *body, size_t size, uint64_t seed);

/* Writes the stamp, whose checksum need not be set, in front of the pattern. */
void bench_item_stamp(void *body, struct bench_stamp stamp, uint64_t pattern);

/* Is it whole, and of this size? Then *ret_stamp is its stamp. */
bool bench_item_read(const void *body, size_t size, size_t expected_size, struct bench_stamp *ret_stamp);

#endif
