/* mqc_key.c - see mqc_key.h. */
#include "mqc_key.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "mqc_item.h"

struct mqc_key mqc_key_int(int64_t value)
{
    return (struct mqc_key){.type = MQ_KEY_INT, .integer = value};
}

struct mqc_key mqc_key_double(double value)
{
    return (struct mqc_key){.type = MQ_KEY_DOUBLE, .real = value};
}

struct mqc_key mqc_key_string(const char *text)
{
    return (struct mqc_key){.type = MQ_KEY_STRING, .data = text, .size = text ? strlen(text) : 0};
}

struct mqc_key mqc_key_bytes(const void *data, size_t size)
{
    return (struct mqc_key){.type = MQ_KEY_BYTES, .data = data, .size = size};
}

struct mqc_key mqc_key_tuple(const struct mqc_key *elements, size_t count)
{
    return (struct mqc_key){.type = MQ_KEY_TUPLE, .elements = elements, .count = count};
}

/* Is all that it points to there, and how many keys are in it? No more are counted than could ever fit. */
static enum mq_status count_keys(const struct mqc_key *key, unsigned depth, size_t *count)
{
    bool has_data = key->type == MQ_KEY_STRING || key->type == MQ_KEY_BYTES;
    if (!is_zero(key->reserved, sizeof key->reserved / sizeof *key->reserved) || depth > MQ_KEY_DEPTH_MAX ||
        (has_data && key->size && !key->data))
        return MQ_INVALID;
    if (key->type != MQ_KEY_TUPLE)
        return MQ_OK;
    if (key->count && !key->elements)
        return MQ_INVALID;
    if (key->count > MQ_KEY_SIZE_MAX - *count)
        return MQ_TOO_BIG;
    *count += key->count;
    for (size_t i = 0; i < key->count; i++) {
        enum mq_status status = count_keys(&key->elements[i], depth + 1, count);
        if (status != MQ_OK)
            return status;
    }
    return MQ_OK;
}

/* Elements of tuples are taken from the pool, which has room for all of them. */
static struct key convert(const struct mqc_key *in, struct key **pool)
{
    struct key out = {.type = in->type,
                      .integer = in->integer,
                      .real = in->real,
                      .bytes = {.data = in->data, .size = in->size}};
    if (in->type != MQ_KEY_TUPLE)
        return out;
    struct key *elements = *pool;
    *pool += in->count;
    for (size_t i = 0; i < in->count; i++)
        elements[i] = convert(&in->elements[i], pool);
    out.elements = elements;
    out.element_count = in->count;
    return out;
}

enum mq_status key_to_bytes(const struct mqc_key *in, uint8_t out[MQ_KEY_SIZE_MAX], size_t *ret_size)
{
    size_t count = 0;
    enum mq_status status = count_keys(in, 0, &count);
    if (status != MQ_OK)
        return status;
    if (in->type == MQ_KEY_NONE) {
        *ret_size = 0;
        return MQ_OK;
    }
    struct key *elements = count ? malloc(count * sizeof *elements) : NULL;
    if (count && !elements)
        return MQ_NO_MEMORY;
    struct key *pool = elements;
    struct key key = convert(in, &pool);
    status = key_encode(&key, out, ret_size);
    free(elements);
    return status;
}

/* What a decoded tuple needs, in one piece of memory. */
struct key_parts {
    struct key elements[MQ_KEY_SIZE_MAX]; /* a key takes a byte at least */
    uint8_t text[MQ_KEY_SIZE_MAX];
};

static struct mqc_key to_public(const struct key *key, const struct key *from, struct mqc_key *to)
{
    struct mqc_key out = {.type = key->type, .integer = key->integer, .real = key->real};
    if (key->type == MQ_KEY_STRING || key->type == MQ_KEY_BYTES) {
        out.data = key->bytes.data;
        out.size = key->bytes.size;
    }
    if (key->type == MQ_KEY_TUPLE) {
        out.elements = to + (key->elements - from);
        out.count = key->element_count;
    }
    return out;
}

static size_t keys_in(const struct key *key)
{
    size_t count = 1;
    for (size_t i = 0; key->type == MQ_KEY_TUPLE && i < key->element_count; i++)
        count += keys_in(&key->elements[i]);
    return count;
}

/* The texts move from one place to the other, and the keys that point to them with them. */
static void move_texts(struct mqc_key *keys, size_t count, const uint8_t *from, uint8_t *to)
{
    for (size_t i = 0; i < count; i++)
        if (keys[i].size)
            keys[i].data = to + ((const uint8_t *)keys[i].data - from);
}

static bool key_from_parts(struct bytes encoded, struct mqc_key *ret_key, void **ret_parts)
{
    struct key_parts *parts = malloc(sizeof *parts);
    if (!parts)
        return false;
    if (key_decode(encoded, parts->elements, MQ_KEY_SIZE_MAX, parts->text) != MQ_OK) {
        free(parts);
        return true;
    }
    size_t count = keys_in(&parts->elements[0]);
    struct mqc_key *keys = malloc(count * sizeof *keys + encoded.size);
    if (keys) {
        uint8_t *text = (uint8_t *)(keys + count);
        memcpy(text, parts->text, encoded.size); /* un-escaped is never longer than escaped */
        for (size_t i = 0; i < count; i++)
            keys[i] = to_public(&parts->elements[i], parts->elements, keys);
        move_texts(keys, count, parts->text, text);
        *ret_key = keys[0];
        *ret_parts = keys;
    }
    free(parts);
    return keys != NULL;
}

bool key_from_bytes(struct bytes encoded, struct mqc_key *ret_key, void **ret_parts)
{
    struct key number;
    uint8_t text[MQ_KEY_SIZE_MAX];
    *ret_key = (struct mqc_key){.type = MQ_KEY_NONE};
    *ret_parts = NULL;
    if (!encoded.size)
        return true;
    if (encoded.size > MQ_KEY_SIZE_MAX)
        return true;
    enum mq_status status = key_decode(encoded, &number, 1, text);
    if (status == MQ_OK && (number.type == MQ_KEY_INT || number.type == MQ_KEY_DOUBLE)) {
        *ret_key = to_public(&number, &number, ret_key);
        return true;
    }
    return key_from_parts(encoded, ret_key, ret_parts);
}
