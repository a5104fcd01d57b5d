/* varint.h - numbers as few bytes: seven bits a byte, the lowest first, the eighth bit set where more follow
 * (LEB128). Numbers that may be negative, or differences, are folded first (zigzag), so that those near zero
 * are short. */
#ifndef MQ_VARINT_H
#define MQ_VARINT_H

#include <string.h>

#include "proto.h"

enum {
    VARINT_MAX = 10, /* bytes of a number */
    VARINT_WIDE = 5  /* ... that is written wide */
};

static inline uint64_t varint_fold(uint64_t number)
{
    return number << 1 ^ (number >> 63 ? UINT64_MAX : 0);
}

static inline uint64_t varint_unfold(uint64_t number)
{
    return number >> 1 ^ (number & 1 ? UINT64_MAX : 0);
}

/* ---- writing: returns where to go on; there must be room ---- */

static inline uint8_t *varint_write(uint8_t *to, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        *to++ = (uint8_t)(number | 0x80);
    *to++ = (uint8_t)number;
    return to;
}

/* With zeros in front, so that it can be written over by any other number below 2^35. */
uint8_t *varint_write_wide(uint8_t *to, uint64_t number);

/* Their size, then the bytes. */
static inline uint8_t *varint_write_bytes(uint8_t *to, struct bytes bytes)
{
    to = varint_write(to, bytes.size);
    if (bytes.size)
        memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

/* ---- reading: moves `from` on; false: cut off or too large, then nothing is changed ---- */

bool varint_read_long(struct bytes *from, uint64_t *ret);

static inline bool varint_read(struct bytes *from, uint64_t *ret)
{
    const uint8_t *data = from->data;
    if (from->size == 0 || (data[0] & 0x80))
        return varint_read_long(from, ret);
    *ret = data[0];
    *from = (struct bytes){data + 1, from->size - 1};
    return true;
}

static inline bool varint_read_bytes(struct bytes *from, struct bytes *ret)
{
    uint64_t size;
    struct bytes rest = *from;
    if (!varint_read(&rest, &size) || size > rest.size)
        return false;
    *ret = (struct bytes){rest.data, (size_t)size};
    *from = (struct bytes){(const uint8_t *)rest.data + size, rest.size - (size_t)size};
    return true;
}

#endif
