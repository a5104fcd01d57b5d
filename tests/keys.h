/* keys.h - keys as a test writes them, and their encoded bytes. */
#ifndef MQ_KEYS_H
#define MQ_KEYS_H

#include "key.h"
#include "unit.h"

static inline struct key integer(int64_t value)
{
    return (struct key){.type = MQ_KEY_INT, .integer = value};
}

static inline struct key real(double value)
{
    return (struct key){.type = MQ_KEY_DOUBLE, .real = value};
}

static inline struct key string(const char *text)
{
    return (struct key){.type = MQ_KEY_STRING, .bytes = mq_bytes(text)};
}

static inline struct key binary(const void *data, size_t size)
{
    return (struct key){.type = MQ_KEY_BYTES, .bytes = {data, size}};
}

static inline struct key tuple(const struct key *elements, size_t count)
{
    return (struct key){.type = MQ_KEY_TUPLE, .elements = elements, .element_count = count};
}

struct encoded {
    uint8_t data[MQ_KEY_SIZE_MAX];
    size_t size;
};

static inline struct bytes view(const struct encoded *e)
{
    return (struct bytes){e->data, e->size};
}

static inline struct encoded encode(struct key key)
{
    struct encoded e;
    CHECK_EQUAL(key_encode(&key, e.data, &e.size), MQ_OK);
    CHECK(key_is_valid(view(&e)));
    return e;
}

#endif
