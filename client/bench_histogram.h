/* bench_histogram.h - how long things took, in the manner of HdrHistogram: log-linear buckets.
 *
 * Each power of two is cut into 128 buckets, so that a bucket is narrower than 1/128 of its values: what is
 * read from it, its middle, is off by less than 0.4 %. Values below 256 ns and the maximum are exact. It has
 * a fixed size and no pointers: it may lie in shared memory, and zero bytes are an empty one. */
#ifndef MQ_BENCH_HISTOGRAM_H
#define MQ_BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_PART_BITS = 7,
    HISTOGRAM_PARTS = 1 << HISTOGRAM_PART_BITS, /* buckets to a power of two */
    HISTOGRAM_VALUE_BITS = 44,                  /* larger values, nearly five hours, count as the largest */
    HISTOGRAM_BUCKETS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_PART_BITS + 1) * HISTOGRAM_PARTS
};

struct histogram {
    uint64_t count;
    uint64_t max_ns;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* `count` things took so long each. */
void histogram_add(struct histogram *h, uint64_t value_ns, uint64_t count);

/* Adds what `from` has counted. */
void histogram_merge(struct histogram *h, const struct histogram *from);

/* The least value that at least this share (0 to 1) of all does not exceed; 0 if nothing was counted. */
uint64_t histogram_quantile_ns(const struct histogram *h, double share);

#endif
