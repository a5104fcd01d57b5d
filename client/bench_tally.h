/* bench_tally.h - which items of a run have been seen: nothing may be lost, doubled, changed or, where that
 * is promised, out of order.
 *
 * A tally has a bit for every item of every producer. It lies in memory that all consumers share, and they
 * set bits atomically; what each has found wrong it counts by itself. */
#ifndef MQ_BENCH_TALLY_H
#define MQ_BENCH_TALLY_H

#include "bench_item.h"

#include <stdatomic.h>

struct bench_tally {
    uint32_t run; /* of the stamps */
    size_t size;  /* of a body */
    unsigned producers;
    uint64_t items_max;     /* of one producer */
    _Atomic uint64_t *seen; /* bench_tally_words() for each producer */
};

/* What one consumer has counted. */
struct bench_findings {
    uint64_t seen;       /* items that are as they should be */
    uint64_t corrupt;    /* not what was put */
    uint64_t foreign;    /* whole, but not of this run */
    uint64_t doubled;    /* seen before */
    uint64_t misordered; /* after a later one of the same producer */
};

/* How many uint64_t one producer of so many items takes. */
size_t bench_tally_words(uint64_t items_max);

/* Judges an item. `next` has for each producer what this consumer expects at least; NULL: any order is fine.
 * True: it is one of ours, and *ret_stamp its stamp. */
bool bench_tally_see(struct bench_tally *tally, struct bench_findings *findings, uint64_t *next,
                     const void *body, size_t size, struct bench_stamp *ret_stamp);

/* How many of the first `count` items of a producer nobody has seen. */
uint64_t bench_tally_lost(const struct bench_tally *tally, unsigned producer, uint64_t count);

void bench_findings_add(struct bench_findings *to, const struct bench_findings *from);

#endif
