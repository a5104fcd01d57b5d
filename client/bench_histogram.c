/* bench_histogram.c - see bench_histogram.h.
 *
 * Values below 128 have a bucket each. A larger one is shifted right until 8 bits are left: these are its
 * place among the 128 buckets of its power of two, and how far it was shifted is the power. */
#include "bench_histogram.h"

#include <math.h>
#include <stddef.h>

static const uint64_t value_max = ((uint64_t)1 << HISTOGRAM_VALUE_BITS) - 1;

static size_t bucket_of(uint64_t value)
{
    if (value < HISTOGRAM_PARTS)
        return value;
    unsigned shift = 63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_PART_BITS;
    return shift * (size_t)HISTOGRAM_PARTS + (value >> shift);
}

static uint64_t middle_of(size_t bucket)
{
    if (bucket < 2 * (size_t)HISTOGRAM_PARTS)
        return bucket;
    size_t shift = bucket / HISTOGRAM_PARTS - 1;
    uint64_t low = (bucket - shift * HISTOGRAM_PARTS) << shift;
    return low + ((uint64_t)1 << shift) / 2;
}

void histogram_add(struct histogram *h, uint64_t value_ns, uint64_t count)
{
    uint64_t value = value_ns < value_max ? value_ns : value_max;
    h->buckets[bucket_of(value)] += count;
    h->count += count;
    if (count && value > h->max_ns)
        h->max_ns = value;
}

void histogram_merge(struct histogram *h, const struct histogram *from)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        h->buckets[i] += from->buckets[i];
    h->count += from->count;
    if (from->max_ns > h->max_ns)
        h->max_ns = from->max_ns;
}

uint64_t histogram_quantile_ns(const struct histogram *h, double share)
{
    if (share >= 1)
        return h->max_ns;
    uint64_t rank = (uint64_t)ceil(share * (double)h->count), seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= rank && seen > 0)
            return middle_of(i) < h->max_ns ? middle_of(i) : h->max_ns;
    }
    return h->max_ns;
}
