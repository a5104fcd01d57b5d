/* bench_item.c - see bench_item.h. */
#include "bench_item.h"
#include "bench_random.h"

#include <string.h>
#define XXH_INLINE_ALL /* a call for 24 bytes would cost more than their hash */
#include <xxhash.h>

enum { CHECKED_SIZE = offsetof(struct bench_stamp, checksum) };

uint64_t bench_item_fill(void *body, size_t size, uint64_t seed)
{
    unsigned char *to = (unsigned char *)body + sizeof(struct bench_stamp);
    size_t left = size - sizeof(struct bench_stamp);
    uint64_t state = seed;
    for (size_t i = 0; i < left; i++)
        to[i] = (unsigned char)(bench_random(&state) >> 56);
    return XXH3_64bits(to, left);
}

void bench_item_stamp(void *body, struct bench_stamp stamp, uint64_t pattern)
{
    stamp.checksum = XXH3_64bits_withSeed(&stamp, CHECKED_SIZE, pattern);
    memcpy(body, &stamp, sizeof stamp);
}

bool bench_item_read(const void *body, size_t size, size_t expected_size, struct bench_stamp *ret_stamp)
{
    if (size != expected_size || size < sizeof *ret_stamp)
        return false;
    const unsigned char *bytes = body;
    struct bench_stamp stamp;
    memcpy(&stamp, bytes, sizeof stamp);
    uint64_t pattern = XXH3_64bits(bytes + sizeof stamp, size - sizeof stamp);
    if (stamp.checksum != XXH3_64bits_withSeed(&stamp, CHECKED_SIZE, pattern))
        return false;
    *ret_stamp = stamp;
    return true;
}
