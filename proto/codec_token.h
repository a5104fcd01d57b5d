/* codec_token.h - one msgpack value's header: the only place that knows how they begin.
 *
 * A token is a whole scalar, or how many elements of an array or map follow. Nothing is read beyond the end,
 * and lengths are compared with what is left before they are believed. */
#ifndef MQ_CODEC_TOKEN_H
#define MQ_CODEC_TOKEN_H

#include <endian.h>
#include <string.h>

#include "proto.h"

enum token_type {
    TOKEN_NONE, /* not part of the protocol */
    TOKEN_NIL,
    TOKEN_BOOL,
    TOKEN_UINT,
    TOKEN_INT, /* as a token: a negative one */
    TOKEN_FLOAT,
    TOKEN_TEXT,
    TOKEN_BINARY,
    TOKEN_ARRAY,
    TOKEN_MAP
};

struct token {
    enum token_type type;
    uint64_t number;    /* its value (of a negative one: as two's complement), or how many elements follow */
    struct bytes bytes; /* of texts and binaries */
};

struct cursor {
    const uint8_t *at, *end;
};

#define TOKEN_CUT_SHORT "frame is cut short"
#define TOKEN_UNKNOWN   "frame has a type that is not part of the protocol"

/* What the type bytes 0xc0..0xdf mean, and how many bytes of value, or of length, follow them. */
static const struct token_header {
    uint8_t type, size;
} token_headers[32] = {
    [0x00] = {TOKEN_NIL, 0},    [0x02] = {TOKEN_BOOL, 0},   [0x03] = {TOKEN_BOOL, 0}, /* false, true */
    [0x04] = {TOKEN_BINARY, 1}, [0x05] = {TOKEN_BINARY, 2}, [0x06] = {TOKEN_BINARY, 4},
    [0x0a] = {TOKEN_FLOAT, 4},  [0x0b] = {TOKEN_FLOAT, 8},  [0x0c] = {TOKEN_UINT, 1},
    [0x0d] = {TOKEN_UINT, 2},   [0x0e] = {TOKEN_UINT, 4},   [0x0f] = {TOKEN_UINT, 8},
    [0x10] = {TOKEN_INT, 1},    [0x11] = {TOKEN_INT, 2},    [0x12] = {TOKEN_INT, 4},
    [0x13] = {TOKEN_INT, 8},    [0x19] = {TOKEN_TEXT, 1},   [0x1a] = {TOKEN_TEXT, 2},
    [0x1b] = {TOKEN_TEXT, 4},   [0x1c] = {TOKEN_ARRAY, 2},  [0x1d] = {TOKEN_ARRAY, 4},
    [0x1e] = {TOKEN_MAP, 2},    [0x1f] = {TOKEN_MAP, 4},
};

static inline uint64_t token_big_endian(const uint8_t *at, size_t size)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (size) {
    case 1:
        return *at;
    case 2:
        memcpy(&two, at, sizeof two);
        return be16toh(two);
    case 4:
        memcpy(&four, at, sizeof four);
        return be32toh(four);
    case 8:
        memcpy(&eight, at, sizeof eight);
        return be64toh(eight);
    default:
        return 0;
    }
}

/* Takes `size` bytes of a text or binary. */
static inline const char *token_sized(struct cursor *c, enum token_type type, size_t size, struct token *ret)
{
    if (size > (size_t)(c->end - c->at))
        return TOKEN_CUT_SHORT;
    *ret = (struct token){.type = type, .bytes = {c->at, size}};
    c->at += size;
    return NULL;
}

/* An integer with a sign is what it says: a positive one is like one without. */
static inline struct token token_signed(uint64_t bits, size_t size)
{
    unsigned shift = 64 - 8 * (unsigned)size;
    int64_t value = (int64_t)(bits << shift) >> shift;
    return (struct token){.type = value < 0 ? TOKEN_INT : TOKEN_UINT, .number = (uint64_t)value};
}

static inline const char *token_headed(struct cursor *c, uint8_t byte, struct token *ret)
{
    struct token_header header = token_headers[byte - 0xc0];
    if (header.type == TOKEN_NONE)
        return TOKEN_UNKNOWN;
    if (header.size > c->end - c->at)
        return TOKEN_CUT_SHORT;
    uint64_t number = token_big_endian(c->at, header.size);
    c->at += header.size;
    if (header.type == TOKEN_BINARY || header.type == TOKEN_TEXT)
        return token_sized(c, header.type, (size_t)number, ret);
    *ret = (struct token){.type = header.type, .number = number};
    if (header.type == TOKEN_BOOL)
        ret->number = byte & 1;
    if (header.type == TOKEN_INT)
        *ret = token_signed(number, header.size);
    return NULL;
}

/* The next token; or what is wrong with it. */
static inline const char *token_read(struct cursor *c, struct token *ret)
{
    if (c->at == c->end)
        return TOKEN_CUT_SHORT;
    uint8_t byte = *c->at++;
    if (byte >= 0xe0)
        *ret = token_signed(byte, 1);
    else if (byte >= 0xc0)
        return token_headed(c, byte, ret);
    else if (byte >= 0xa0)
        return token_sized(c, TOKEN_TEXT, byte & 0x1f, ret);
    else if (byte >= 0x90)
        *ret = (struct token){.type = TOKEN_ARRAY, .number = byte & 0x0f};
    else if (byte >= 0x80)
        *ret = (struct token){.type = TOKEN_MAP, .number = byte & 0x0f};
    else
        *ret = (struct token){.type = TOKEN_UINT, .number = byte};
    return NULL;
}

#endif
