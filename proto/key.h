/* key.h - ordered keys: values <-> bytes that compare like the values.
 *
 * A key is a number (int64 or double), a string, bytes, or a tuple of keys. Encoded keys are compared with
 * memcmp over the shorter length, the shorter one first on a tie; that order is the order of the values, and
 * the broker knows no other. The encoding is part of the protocol, see PROTOCOL.md "Keys". The idea of
 * escaping zero bytes so that tuples nest is FoundationDB's tuple layer's; numbers are our own, because
 * integers and doubles here compare exactly with each other. */
#ifndef MQ_KEY_H
#define MQ_KEY_H

#include "proto.h"

/* A key's value. All pointers are borrowed. */
struct key {
    enum mq_key_type type;
    int64_t integer;
    double real;
    struct bytes bytes;         /* string, bytes */
    const struct key *elements; /* tuple */
    size_t element_count;
};

/* Encodes into out[0..MQ_KEY_SIZE_MAX).
 * MQ_INVALID: NaN, a string that is not UTF-8, an unknown type (NONE too), deeper than MQ_KEY_DEPTH_MAX;
 * MQ_TOO_BIG: more than MQ_KEY_SIZE_MAX bytes. A plain value has depth 0, a tuple of plain values 1. */
enum mq_status key_encode(const struct key *key, uint8_t out[MQ_KEY_SIZE_MAX], size_t *ret_size);

/* Is this the encoding of some key, and the only one it has? Says no to everything else, whatever the bytes.
 */
bool key_is_valid(struct bytes encoded);

/* The compare that encodings are made for: < 0, 0, > 0. */
int key_compare(struct bytes a, struct bytes b);

/* Writes a valid key for people: 5, -0.5, "text", b"6869", (1, "x"). A number that is a whole int64 is shown
 * as an integer. Always NUL-terminated within size (cut off if too long); size >= 1. */
void key_print(struct bytes encoded, char *out, size_t size);

/* Decodes a valid key, elements[0] being the key itself and tuples' elements following somewhere in the
 * array; texts are un-escaped into `text`, which must hold MQ_KEY_SIZE_MAX bytes. A number that is a whole
 * int64 comes back as an integer. MQ_INVALID: not a valid key; MQ_LIMIT: more than element_max values. */
enum mq_status key_decode(struct bytes encoded, struct key *elements, size_t element_max, uint8_t *text);

/* The key of an item put into a priority queue without one: integer 0. */
struct bytes key_zero(void);

#endif
