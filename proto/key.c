/* key.c - see key.h; PROTOCOL.md "Keys" has the encoding in words and examples.
 *
 * Everything that reads an encoded key goes through scan(), which takes one token at a time (a plain value,
 * the beginning or the end of a tuple) and refuses whatever key_encode() would not have written. So each
 * value has exactly one encoding, and equal keys are equal bytes. */
#include "key.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* First bytes. END is below all others, so that a tuple comes before a longer one that begins like it. */
enum { TAG_END = 0, TAG_NUMBER = 1, TAG_STRING = 2, TAG_BYTES = 3, TAG_TUPLE = 4 };

enum {
    NUMBER_SIZE = 11, /* tag, sign and exponent, mantissa */
    ESCAPE = 0xff,    /* after a 0x00 that is part of a text; a text's end is a 0x00 before anything else */
    EXPONENT_BIAS = 0x4000,
    EXPONENT_INFINITE = 0x7fff,
    SUBNORMAL_EXPONENT = -1074, /* of the smallest double */
};

/* ---- numbers ----
 * |value| = mantissa * 2^(exponent - 63), mantissa's highest bit set; zero and infinities have mantissa 0. */
struct number {
    bool negative;
    uint32_t biased; /* 0 for zero, EXPONENT_INFINITE, or exponent + EXPONENT_BIAS */
    uint64_t mantissa;
};

static struct number number_of(bool negative, uint64_t magnitude, int unit_exponent)
{
    if (!magnitude)
        return (struct number){false, 0, 0};
    int shift = __builtin_clzll(magnitude);
    return (struct number){negative, (uint32_t)(unit_exponent + 63 - shift + EXPONENT_BIAS),
                           magnitude << shift};
}

static struct number number_from_int(int64_t value)
{
    return number_of(value < 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 0);
}

static struct number number_from_double(double value)
{
    assert(!isnan(value));
    if (isinf(value))
        return (struct number){value < 0, EXPONENT_INFINITE, 0};
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7ff);
    if (exponent)
        return number_of(bits >> 63, fraction | UINT64_C(1) << 52, exponent - 1 + SUBNORMAL_EXPONENT);
    return number_of(bits >> 63, fraction, SUBNORMAL_EXPONENT);
}

/* Are the mantissa's lowest `count` bits zero? */
static bool ends_in_zeros(uint64_t mantissa, int count)
{
    return count <= 0 || (count < 64 && !(mantissa << (64 - count)));
}

static bool number_is_int(struct number n)
{
    int exponent = (int)n.biased - EXPONENT_BIAS;
    if (!n.biased)
        return true;
    if (exponent == 63)
        return n.negative && n.mantissa == UINT64_C(1) << 63;
    return exponent >= 0 && exponent < 63 && ends_in_zeros(n.mantissa, 63 - exponent);
}

static bool number_is_double(struct number n)
{
    int exponent = (int)n.biased - EXPONENT_BIAS;
    int bits = exponent >= -1022 ? 53 : exponent - SUBNORMAL_EXPONENT + 1;
    return exponent >= SUBNORMAL_EXPONENT && exponent <= 1023 && ends_in_zeros(n.mantissa, 64 - bits);
}

static bool number_is_valid(struct number n)
{
    if (n.biased == 0)
        return !n.negative && n.mantissa == 0;
    if (n.biased == EXPONENT_INFINITE)
        return n.mantissa == 0;
    return n.mantissa >> 63 && (number_is_int(n) || number_is_double(n));
}

static double number_to_double(struct number n)
{
    if (n.biased == EXPONENT_INFINITE)
        return n.negative ? -INFINITY : INFINITY;
    int exponent = (int)n.biased - EXPONENT_BIAS;
    uint64_t bits;
    if (exponent >= -1022)
        bits = (uint64_t)(exponent + 1023) << 52 | (n.mantissa >> 11 & ((UINT64_C(1) << 52) - 1));
    else
        bits = n.mantissa >> (63 - (exponent - SUBNORMAL_EXPONENT));
    bits |= (uint64_t)n.negative << 63;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static struct key number_to_key(struct number n)
{
    if (!number_is_int(n))
        return (struct key){.type = MQ_KEY_DOUBLE, .real = number_to_double(n)};
    uint64_t magnitude = n.biased ? n.mantissa >> (63 - ((int)n.biased - EXPONENT_BIAS)) : 0;
    int64_t value = n.negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return (struct key){.type = MQ_KEY_INT, .integer = value};
}

/* ---- encoding ---- */
struct sink {
    uint8_t *out;
    size_t size; /* may grow past MQ_KEY_SIZE_MAX; what is past it is not written */
};

static void sink_byte(struct sink *s, uint8_t byte)
{
    if (s->size < MQ_KEY_SIZE_MAX)
        s->out[s->size] = byte;
    s->size++;
}

static void sink_big_endian(struct sink *s, uint64_t value, int size)
{
    while (size-- > 0)
        sink_byte(s, (uint8_t)(value >> (8 * size)));
}

static void encode_number(struct sink *s, struct number n)
{
    uint64_t complement = n.negative ? UINT64_MAX : 0;
    sink_byte(s, TAG_NUMBER);
    sink_big_endian(s, (0x8000u | n.biased) ^ complement, 2);
    sink_big_endian(s, n.mantissa ^ complement, 8);
}

static void encode_text(struct sink *s, uint8_t tag, struct bytes text)
{
    const uint8_t *data = text.data;
    sink_byte(s, tag);
    for (size_t i = 0; i < text.size && s->size <= MQ_KEY_SIZE_MAX; i++) {
        sink_byte(s, data[i]);
        if (data[i] == 0)
            sink_byte(s, ESCAPE);
    }
    sink_byte(s, 0);
}

static bool encode_value(struct sink *s, const struct key *key, int depth);

static bool encode_tuple(struct sink *s, const struct key *key, int depth)
{
    if (depth == MQ_KEY_DEPTH_MAX)
        return false;
    sink_byte(s, TAG_TUPLE);
    for (size_t i = 0; i < key->element_count && s->size <= MQ_KEY_SIZE_MAX; i++)
        if (!encode_value(s, &key->elements[i], depth + 1))
            return false;
    sink_byte(s, TAG_END);
    return true;
}

/* The recursion is as deep as MQ_KEY_DEPTH_MAX lets it be. */
static bool encode_value(struct sink *s, const struct key *key, int depth)
{
    switch (key->type) {
    case MQ_KEY_INT:
        encode_number(s, number_from_int(key->integer));
        return true;
    case MQ_KEY_DOUBLE:
        if (isnan(key->real))
            return false;
        encode_number(s, number_from_double(key->real));
        return true;
    case MQ_KEY_STRING:
        encode_text(s, TAG_STRING, key->bytes);
        return s->size > MQ_KEY_SIZE_MAX || mq_utf8_is_valid(key->bytes);
    case MQ_KEY_BYTES:
        encode_text(s, TAG_BYTES, key->bytes);
        return true;
    case MQ_KEY_TUPLE:
        return encode_tuple(s, key, depth);
    case MQ_KEY_NONE:
    default:
        return false;
    }
}

enum mq_status key_encode(const struct key *key, uint8_t out[MQ_KEY_SIZE_MAX], size_t *ret_size)
{
    struct sink s = {.out = out};
    if (!encode_value(&s, key, 0))
        return MQ_INVALID;
    if (s.size > MQ_KEY_SIZE_MAX)
        return MQ_TOO_BIG;
    *ret_size = s.size;
    return MQ_OK;
}

/* ---- scanning ---- */
struct scan {
    const uint8_t *at, *end;
    int depth;     /* tuples open */
    uint8_t *text; /* where texts are un-escaped to, advancing; MQ_KEY_SIZE_MAX bytes do for a whole key */
};

static struct scan scan_begin(struct bytes encoded, uint8_t *text)
{
    const uint8_t *data = encoded.data;
    return (struct scan){.at = data, .end = encoded.size ? data + encoded.size : data, .text = text};
}

static uint64_t big_endian(const uint8_t *at, int size)
{
    uint64_t value = 0;
    for (int i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static bool scan_number(struct scan *s, struct key *ret)
{
    if (s->end - s->at < NUMBER_SIZE - 1)
        return false;
    bool negative = !(s->at[0] & 0x80);
    uint64_t complement = negative ? UINT64_MAX : 0;
    struct number n = {negative, (uint32_t)((big_endian(s->at, 2) ^ complement) & 0x7fff),
                       big_endian(s->at + 2, 8) ^ complement};
    s->at += NUMBER_SIZE - 1;
    if (!number_is_valid(n))
        return false;
    *ret = number_to_key(n);
    return true;
}

static bool scan_text(struct scan *s, struct key *ret)
{
    uint8_t *begin = s->text;
    while (s->at < s->end) {
        uint8_t byte = *s->at++;
        if (byte == 0 && (s->at == s->end || *s->at != ESCAPE)) {
            ret->bytes = (struct bytes){begin, (size_t)(s->text - begin)};
            return true;
        }
        s->at += byte == 0;
        *s->text++ = byte;
    }
    return false;
}

/* One token: a value, MQ_KEY_TUPLE for the beginning of a tuple, MQ_KEY_NONE for the end of one. */
static bool scan(struct scan *s, struct key *ret)
{
    *ret = (struct key){.type = MQ_KEY_NONE};
    if (s->at == s->end)
        return false;
    switch (*s->at++) {
    case TAG_END:
        return s->depth-- > 0;
    case TAG_NUMBER:
        return scan_number(s, ret);
    case TAG_STRING:
        ret->type = MQ_KEY_STRING;
        return scan_text(s, ret) && mq_utf8_is_valid(ret->bytes);
    case TAG_BYTES:
        ret->type = MQ_KEY_BYTES;
        return scan_text(s, ret);
    case TAG_TUPLE:
        ret->type = MQ_KEY_TUPLE;
        return s->depth++ < MQ_KEY_DEPTH_MAX;
    default:
        return false;
    }
}

bool key_is_valid(struct bytes encoded)
{
    uint8_t text[MQ_KEY_SIZE_MAX];
    struct key token;
    if (encoded.size > MQ_KEY_SIZE_MAX)
        return false;
    struct scan s = scan_begin(encoded, text);
    do {
        if (!scan(&s, &token))
            return false;
    } while (s.depth > 0);
    return s.at == s.end;
}

int key_compare(struct bytes a, struct bytes b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* ---- decoding ---- */
struct decoder {
    struct scan scan;
    struct key *elements;
    size_t used, max;
};

/* How many elements has the tuple that `s` has just entered? */
static size_t count_elements(struct scan s)
{
    int outside = s.depth - 1;
    size_t count = 0;
    struct key token;
    uint8_t text[MQ_KEY_SIZE_MAX]; /* not the caller's: this only looks ahead */
    s.text = text;
    while (s.depth > outside) {
        bool direct = s.depth == outside + 1;
        bool valid = scan(&s, &token);
        assert(valid);
        count += direct && token.type != MQ_KEY_NONE;
    }
    return count;
}

static enum mq_status decode_value(struct decoder *d, struct key *ret)
{
    bool valid = scan(&d->scan, ret);
    assert(valid);
    if (ret->type != MQ_KEY_TUPLE)
        return MQ_OK;
    size_t count = count_elements(d->scan);
    if (count > d->max - d->used)
        return MQ_LIMIT;
    struct key *elements = &d->elements[d->used], end;
    d->used += count;
    ret->elements = elements;
    ret->element_count = count;
    for (size_t i = 0; i < count; i++) {
        enum mq_status status = decode_value(d, &elements[i]);
        if (status != MQ_OK)
            return status;
    }
    valid = scan(&d->scan, &end);
    assert(valid && end.type == MQ_KEY_NONE);
    return MQ_OK;
}

enum mq_status key_decode(struct bytes encoded, struct key *elements, size_t element_max, uint8_t *text)
{
    if (!key_is_valid(encoded))
        return MQ_INVALID;
    if (!element_max)
        return MQ_LIMIT;
    struct decoder d = {scan_begin(encoded, text), elements, 1, element_max};
    return decode_value(&d, &elements[0]);
}

/* ---- printing ---- */
struct printer {
    char *out;
    size_t left; /* the final NUL included */
};

static void print_text(struct printer *p, const char *text)
{
    for (; *text && p->left > 1; p->left--)
        *p->out++ = *text++;
    *p->out = '\0';
}

static void print_double(struct printer *p, double value)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) { /* the shortest that reads back as the same */
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    print_text(p, text);
}

static void print_string(struct printer *p, struct bytes string)
{
    const char *data = string.data;
    print_text(p, "\"");
    for (size_t i = 0; i < string.size; i++) {
        char text[8] = {data[i]};
        if (data[i] == '"' || data[i] == '\\')
            snprintf(text, sizeof text, "\\%c", data[i]);
        else if ((uint8_t)data[i] < 0x20)
            snprintf(text, sizeof text, "\\u%04x", (unsigned)data[i]);
        print_text(p, text);
    }
    print_text(p, "\"");
}

static void print_bytes(struct printer *p, struct bytes bytes)
{
    const uint8_t *data = bytes.data;
    char hex[3];
    print_text(p, "b\"");
    for (size_t i = 0; i < bytes.size; i++) {
        snprintf(hex, sizeof hex, "%02x", data[i]);
        print_text(p, hex);
    }
    print_text(p, "\"");
}

static void print_token(struct printer *p, const struct key *token)
{
    char integer[24];
    switch (token->type) {
    case MQ_KEY_INT:
        snprintf(integer, sizeof integer, "%" PRId64, token->integer);
        print_text(p, integer);
        break;
    case MQ_KEY_DOUBLE:
        print_double(p, token->real);
        break;
    case MQ_KEY_STRING:
        print_string(p, token->bytes);
        break;
    case MQ_KEY_BYTES:
        print_bytes(p, token->bytes);
        break;
    case MQ_KEY_TUPLE:
        print_text(p, "(");
        break;
    case MQ_KEY_NONE:
        print_text(p, ")");
        break;
    }
}

void key_print(struct bytes encoded, char *out, size_t size)
{
    assert(size >= 1);
    struct printer p = {out, size};
    bool is_valid = key_is_valid(encoded);
    print_text(&p, is_valid ? "" : "?");
    if (!is_valid)
        return;
    uint8_t text[MQ_KEY_SIZE_MAX];
    struct scan s = scan_begin(encoded, text);
    bool first = true; /* of its tuple */
    do {
        struct key token;
        bool valid = scan(&s, &token);
        assert(valid);
        if (!first && token.type != MQ_KEY_NONE)
            print_text(&p, ", ");
        print_token(&p, &token);
        first = token.type == MQ_KEY_TUPLE;
    } while (s.depth > 0);
}

struct bytes key_zero(void)
{
    static const uint8_t zero[NUMBER_SIZE] = {TAG_NUMBER, 0x80};
    return (struct bytes){zero, sizeof zero};
}
