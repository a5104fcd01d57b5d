/* varint.c - see varint.h. */
#include "varint.h"

#include <assert.h>

uint8_t *varint_write_wide(uint8_t *to, uint64_t number)
{
    assert(number >> (7 * VARINT_WIDE) == 0);
    for (size_t i = 0; i < VARINT_WIDE; i++, number >>= 7)
        *to++ = (uint8_t)((number & 0x7F) | (i + 1 < VARINT_WIDE ? 0x80 : 0));
    return to;
}

bool varint_read_long(struct bytes *from, uint64_t *ret)
{
    const uint8_t *data = from->data;
    uint64_t number = 0;
    for (size_t i = 0; i < VARINT_MAX && i < from->size; i++) {
        if (i == VARINT_MAX - 1 && data[i] > 1)
            return false;
        number |= (uint64_t)(data[i] & 0x7F) << (7 * i);
        if (data[i] & 0x80)
            continue;
        *ret = number;
        *from = (struct bytes){data + i + 1, from->size - i - 1};
        return true;
    }
    return false;
}
