/* unit_key.c - keys: encoded bytes compare like the values, each value has one encoding, nothing else is
 * valid. How they are printed is in unit_key_print.c. */
#include "keys.h"
#include "random.h"

#include <float.h>
#include <math.h>
#include <string.h>

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static int encoded_order(struct key a, struct key b)
{
    struct encoded ea = encode(a), eb = encode(b);
    return sign(key_compare(view(&ea), view(&eb)));
}

/* ---- the plain comparison ---- */

/* A long double holds every int64 and every double exactly where mq runs; the first test makes sure. */
static long double number(const struct key *key)
{
    return key->type == MQ_KEY_INT ? (long double)key->integer : (long double)key->real;
}

static int type_rank(enum mq_key_type type)
{
    return type == MQ_KEY_INT || type == MQ_KEY_DOUBLE ? 0 : (int)type;
}

static int plain_bytes_order(struct bytes a, struct bytes b)
{
    const uint8_t *x = a.data, *y = b.data;
    for (size_t i = 0; i < a.size && i < b.size; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return (a.size > b.size) - (a.size < b.size);
}

static int plain_order(const struct key *a, const struct key *b)
{
    if (type_rank(a->type) != type_rank(b->type))
        return sign(type_rank(a->type) - type_rank(b->type));
    if (type_rank(a->type) == 0)
        return (number(a) > number(b)) - (number(a) < number(b));
    if (a->type != MQ_KEY_TUPLE)
        return plain_bytes_order(a->bytes, b->bytes);
    for (size_t i = 0; i < a->element_count && i < b->element_count; i++) {
        int order = plain_order(&a->elements[i], &b->elements[i]);
        if (order)
            return order;
    }
    return (a->element_count > b->element_count) - (a->element_count < b->element_count);
}

/* ---- random keys, made to be close to each other ---- */
enum { POOL = 4096 };
static struct key pool[POOL]; /* elements of the tuples of one random key */
static size_t pool_used;
static uint64_t seed;

static uint64_t random_bits(void)
{
    return random_next(&seed);
}

static size_t below(size_t limit)
{
    return (size_t)(random_bits() % limit);
}

/* The next double in one direction or the other. */
static double neighbour(double value)
{
    uint64_t bits, step = below(2) ? 1 : UINT64_MAX;
    memcpy(&bits, &value, sizeof bits);
    bits += step;
    double next;
    memcpy(&next, &bits, sizeof next);
    return isnan(next) ? value : next;
}

static double random_double(void)
{
    static const double some[] = {0.0,          -0.0,          0.5,     1.0,      -1.0,      0x1p52,
                                  0x1p53,       0x1p62,        0x1p63,  -0x1p63,  0x1p64,    DBL_MIN,
                                  DBL_TRUE_MIN, -DBL_TRUE_MIN, DBL_MAX, INFINITY, -INFINITY, 0.1};
    double value = some[below(sizeof some / sizeof *some)];
    switch (below(4)) {
    case 0:
        return value;
    case 1:
        return neighbour(value);
    case 2:
        return (double)(int64_t)random_bits() / (double)(UINT64_C(1) << below(60));
    default:
        do {
            uint64_t bits = random_bits();
            memcpy(&value, &bits, sizeof value);
        } while (isnan(value));
        return value;
    }
}

static int64_t random_int(void)
{
    static const int64_t some[] = {0,   1, -1, INT64_MAX, INT64_MIN, INT64_C(1) << 53, -(INT64_C(1) << 53),
                                   1000};
    if (below(2))
        return (int64_t)random_bits() >> below(64);
    int64_t value = some[below(sizeof some / sizeof *some)];
    return (int64_t)((uint64_t)value + (uint64_t)(int64_t)below(5) - 2);
}

static struct bytes random_text(void)
{
    static char letters[64][8];
    static size_t next;
    char *text = letters[next++ % 64];
    size_t size = below(6);
    for (size_t i = 0; i < size; i++)
        text[i] = "\0\0\1a\x7f"[below(5)];
    return (struct bytes){text, size};
}

static struct key random_key(int depth)
{
    size_t type = below(depth < MQ_KEY_DEPTH_MAX ? 5 : 4);
    if (type == 0)
        return integer(random_int());
    if (type == 1)
        return real(random_double());
    if (type < 4)
        return (struct key){.type = type == 2 ? MQ_KEY_STRING : MQ_KEY_BYTES, .bytes = random_text()};
    size_t count = below(4);
    struct key *elements = &pool[pool_used];
    pool_used += count;
    CHECK(pool_used <= POOL);
    for (size_t i = 0; i < count; i++)
        elements[i] = random_key(depth + 1);
    return tuple(elements, count);
}

/* ---- tests ---- */
static void a_long_double_can_judge(void)
{
    CHECK((long double)INT64_MAX != (long double)(INT64_MAX - 1));
    CHECK((long double)0x1p53 < (long double)((INT64_C(1) << 53) + 1));
}

static void integers_and_doubles_compare_exactly(void)
{
    CHECK_EQUAL(encoded_order(integer((INT64_C(1) << 53) + 1), real(0x1p53)), 1);
    CHECK_EQUAL(encoded_order(integer(-(INT64_C(1) << 53) - 1), real(-0x1p53)), -1);
    CHECK_EQUAL(encoded_order(integer(2), real(2.0)), 0);
    CHECK_EQUAL(encoded_order(integer(2), real(2.5)), -1);
    CHECK_EQUAL(encoded_order(integer(-2), real(-2.5)), 1);
    CHECK_EQUAL(encoded_order(integer(INT64_MAX), real(0x1p63)), -1);
    CHECK_EQUAL(encoded_order(integer(INT64_MIN), real(-0x1p63)), 0);
    CHECK_EQUAL(encoded_order(integer(0), real(DBL_TRUE_MIN)), -1);
    CHECK_EQUAL(encoded_order(integer(0), real(-DBL_TRUE_MIN)), 1);
}

static void the_three_zeros_are_one_key(void)
{
    CHECK_EQUAL(encoded_order(integer(0), real(0.0)), 0);
    CHECK_EQUAL(encoded_order(integer(0), real(-0.0)), 0);
    struct encoded zero = encode(integer(0));
    CHECK_EQUAL(key_compare(view(&zero), key_zero()), 0);
}

static void infinities_are_at_the_ends_of_the_numbers(void)
{
    CHECK_EQUAL(encoded_order(real(INFINITY), real(DBL_MAX)), 1);
    CHECK_EQUAL(encoded_order(real(-INFINITY), real(-DBL_MAX)), -1);
    CHECK_EQUAL(encoded_order(real(INFINITY), string("")), -1);
}

static void not_a_number_is_invalid(void)
{
    struct encoded e;
    struct key nan = real(NAN), inside = tuple(&nan, 1);
    CHECK_EQUAL(key_encode(&nan, e.data, &e.size), MQ_INVALID);
    CHECK_EQUAL(key_encode(&inside, e.data, &e.size), MQ_INVALID);
}

static void numbers_come_before_strings_before_bytes_before_tuples(void)
{
    CHECK_EQUAL(encoded_order(integer(INT64_MAX), string("")), -1);
    CHECK_EQUAL(encoded_order(string("\x7f\x7f"), binary("", 0)), -1);
    CHECK_EQUAL(encoded_order(binary("\xff\xff", 2), tuple(NULL, 0)), -1);
}

static void a_tuple_comes_before_a_longer_one_that_begins_like_it(void)
{
    const struct key two[] = {integer(1), string("a")};
    CHECK_EQUAL(encoded_order(tuple(two, 0), tuple(two, 1)), -1);
    CHECK_EQUAL(encoded_order(tuple(two, 1), tuple(two, 2)), -1);
    const struct key inner[] = {tuple(two, 1), integer(9)}, outer[] = {tuple(two, 2)};
    CHECK_EQUAL(encoded_order(tuple(inner, 2), tuple(outer, 1)), -1);
}

static void texts_with_zero_bytes_keep_their_order_alone_and_in_tuples(void)
{
    const struct key texts[] = {binary("", 0),       binary("\0", 1), binary("\0\0", 2), binary("\0\1", 2),
                                binary("\0\xff", 2), binary("\1", 1), binary("a", 1),    binary("a\0", 2)};
    for (size_t i = 0; i + 1 < sizeof texts / sizeof *texts; i++) {
        CHECK_EQUAL(encoded_order(texts[i], texts[i + 1]), -1);
        const struct key a[] = {texts[i], integer(9)}, b[] = {texts[i + 1], integer(-9)};
        CHECK_EQUAL(encoded_order(tuple(a, 2), tuple(b, 2)), -1);
    }
}

static void random_keys_are_ordered_like_their_values(void)
{
    seed = 20240601;
    for (int i = 0; i < 60000; i++) {
        pool_used = 0;
        struct key a = random_key(i % 3 ? MQ_KEY_DEPTH_MAX - 1 : 5),
                   b = random_key(i % 3 ? MQ_KEY_DEPTH_MAX - 1 : 5);
        CHECK_EQUAL(encoded_order(a, b), plain_order(&a, &b));
    }
}

static void random_numbers_are_ordered_like_their_values(void)
{
    seed = 7;
    for (int i = 0; i < 200000; i++) {
        struct key a = below(2) ? integer(random_int()) : real(random_double());
        struct key b = integer(random_int());
        if (below(2)) /* a neighbour of a */
            b = real(neighbour((double)number(&a)));
        CHECK_EQUAL(encoded_order(a, b), plain_order(&a, &b));
    }
}

static void a_decoded_key_has_the_value_that_was_encoded(void)
{
    struct key elements[64];
    uint8_t text[MQ_KEY_SIZE_MAX];
    seed = 99;
    for (int i = 0; i < 30000; i++) {
        pool_used = 0;
        struct key key = random_key(i % 2 ? 7 : 6);
        struct encoded e = encode(key);
        CHECK_EQUAL(key_decode(view(&e), elements, 64, text), MQ_OK);
        CHECK_EQUAL(plain_order(&elements[0], &key), 0);
        struct encoded again = encode(elements[0]);
        CHECK_EQUAL(key_compare(view(&e), view(&again)), 0);
    }
}

static void a_whole_double_comes_back_as_an_integer(void)
{
    struct key key;
    uint8_t text[MQ_KEY_SIZE_MAX];
    struct encoded e = encode(real(-3.0));
    CHECK_EQUAL(key_decode(view(&e), &key, 1, text), MQ_OK);
    CHECK_EQUAL(key.type, MQ_KEY_INT);
    CHECK_EQUAL(key.integer, -3);
    e = encode(real(0x1p63));
    CHECK_EQUAL(key_decode(view(&e), &key, 1, text), MQ_OK);
    CHECK(key.type == MQ_KEY_DOUBLE && key.real == 0x1p63);
}

static void decoding_says_when_there_is_no_room_for_the_elements(void)
{
    struct key elements[3];
    uint8_t text[MQ_KEY_SIZE_MAX];
    const struct key two[] = {integer(1), tuple(&two[0], 1)};
    struct encoded e = encode(tuple(two, 2));
    CHECK_EQUAL(key_decode(view(&e), elements, 0, text), MQ_LIMIT);
    CHECK_EQUAL(key_decode(view(&e), elements, 1, text), MQ_LIMIT);
    CHECK_EQUAL(key_decode(view(&e), elements, 3, text), MQ_LIMIT);
    CHECK_EQUAL(key_decode((struct bytes){"\x09", 1}, elements, 3, text), MQ_INVALID);
}

static void strings_must_be_utf8(void)
{
    struct encoded e;
    struct key bad = string("\xff");
    CHECK_EQUAL(key_encode(&bad, e.data, &e.size), MQ_INVALID);
    CHECK(!key_is_valid((struct bytes){"\2\xff\0", 3}));
    CHECK(key_is_valid((struct bytes){"\3\xff\0", 3}));
}

static void a_key_may_have_1024_bytes_and_no_more(void)
{
    char text[MQ_KEY_SIZE_MAX];
    memset(text, 'x', sizeof text);
    struct encoded e = encode(binary(text, MQ_KEY_SIZE_MAX - 2));
    CHECK_EQUAL(e.size, MQ_KEY_SIZE_MAX);
    struct key key = binary(text, MQ_KEY_SIZE_MAX - 1);
    CHECK_EQUAL(key_encode(&key, e.data, &e.size), MQ_TOO_BIG);
    static char big[1 << 20];
    key = binary(big, sizeof big);
    CHECK_EQUAL(key_encode(&key, e.data, &e.size), MQ_TOO_BIG);
    key.type = MQ_KEY_STRING;
    CHECK_EQUAL(key_encode(&key, e.data, &e.size), MQ_TOO_BIG);
    const struct key many[] = {key, integer(1)};
    key = tuple(many, 2);
    CHECK_EQUAL(key_encode(&key, e.data, &e.size), MQ_TOO_BIG);
    uint8_t long_one[MQ_KEY_SIZE_MAX + 1];
    memset(long_one, 'x', sizeof long_one);
    long_one[0] = 3;
    long_one[MQ_KEY_SIZE_MAX] = 0;
    CHECK(!key_is_valid((struct bytes){long_one, sizeof long_one}));
}

static void tuples_nest_eight_deep_and_no_deeper(void)
{
    struct key levels[MQ_KEY_DEPTH_MAX + 2];
    levels[0] = integer(1);
    for (int i = 1; i < MQ_KEY_DEPTH_MAX + 2; i++)
        levels[i] = tuple(&levels[i - 1], 1);
    struct encoded e = encode(levels[MQ_KEY_DEPTH_MAX]);
    CHECK_EQUAL(key_encode(&levels[MQ_KEY_DEPTH_MAX + 1], e.data, &e.size), MQ_INVALID);
    uint8_t deep[2 * (MQ_KEY_DEPTH_MAX + 1)] = {0};
    memset(deep, 4, MQ_KEY_DEPTH_MAX + 1);
    CHECK(!key_is_valid((struct bytes){deep, sizeof deep}));
    CHECK(key_is_valid((struct bytes){deep + 1, sizeof deep - 2}));
}

static void a_key_without_type_or_of_an_unknown_type_is_invalid(void)
{
    struct encoded e;
    struct key none = {.type = MQ_KEY_NONE}, other = {.type = (enum mq_key_type)77};
    CHECK_EQUAL(key_encode(&none, e.data, &e.size), MQ_INVALID);
    CHECK_EQUAL(key_encode(&other, e.data, &e.size), MQ_INVALID);
}

#define ENCODED(literal) ((struct bytes){literal, sizeof literal - 1})

static void other_encodings_than_the_one_are_invalid(void)
{
    CHECK(key_is_valid(ENCODED("\1\x80\0\0\0\0\0\0\0\0\0")));                    /* 0 */
    CHECK(!key_is_valid(ENCODED("\1\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff"))); /* -0 */
    CHECK(!key_is_valid(ENCODED("\1\x80\0\x80\0\0\0\0\0\0\0")));                 /* 0 with a mantissa */
    CHECK(key_is_valid(ENCODED("\1\xc0\0\x80\0\0\0\0\0\0\0")));                  /* 1 */
    CHECK(!key_is_valid(ENCODED("\1\xc0\1\x40\0\0\0\0\0\0\0")));                 /* 1, not normalised */
    CHECK(!key_is_valid(ENCODED("\1\xc0\0\x80\0\0\0\0\0\0\1")));                 /* 1 + 2^-63 */
    CHECK(key_is_valid(ENCODED("\1\xc0\x3e\xff\xff\xff\xff\xff\xff\xff\xfe")));  /* 2^63 - 1 */
    CHECK(!key_is_valid(ENCODED("\1\xc0\x3e\xff\xff\xff\xff\xff\xff\xff\xff"))); /* 2^63 - 1/2 */
    CHECK(!key_is_valid(ENCODED("\1\xc0\x3f\x80\0\0\0\0\0\0\1")));               /* 2^63 + 1 */
    CHECK(!key_is_valid(ENCODED("\1\xc4\0\x80\0\0\0\0\0\0\0")));                 /* 2^1024 */
    CHECK(key_is_valid(ENCODED("\1\xbb\xce\x80\0\0\0\0\0\0\0")));                /* 2^-1074 */
    CHECK(!key_is_valid(ENCODED("\1\xbb\xce\xc0\0\0\0\0\0\0\0")));               /* 1.5 * 2^-1074 */
    CHECK(!key_is_valid(ENCODED("\1\xbb\xcd\x80\0\0\0\0\0\0\0")));               /* 2^-1075 */
    CHECK(key_is_valid(ENCODED("\1\xff\xff\0\0\0\0\0\0\0\0")));                  /* infinity */
    CHECK(!key_is_valid(ENCODED("\1\xff\xff\x80\0\0\0\0\0\0\0")));               /* infinity's mantissa */
}

static void what_is_cut_short_or_has_bytes_behind_it_is_invalid(void)
{
    const struct key elements[] = {integer(-5), string("a"), binary("\0", 1), tuple(NULL, 0)};
    struct encoded e = encode(tuple(elements, 4));
    for (size_t size = 0; size < e.size; size++)
        CHECK(!key_is_valid((struct bytes){e.data, size}));
    e.data[e.size] = 0;
    CHECK(!key_is_valid((struct bytes){e.data, e.size + 1}));
    CHECK(!key_is_valid((struct bytes){NULL, 0}));
    CHECK(!key_is_valid(ENCODED("\0")) && !key_is_valid(ENCODED("\5")) && !key_is_valid(ENCODED("\xff")));
}

static void random_bytes_are_either_refused_or_the_encoding_of_what_they_decode_to(void)
{
    struct key elements[MQ_KEY_SIZE_MAX];
    uint8_t text[MQ_KEY_SIZE_MAX];
    seed = 5;
    for (int i = 0; i < 100000; i++) {
        pool_used = 0;
        struct encoded e = encode(random_key(6)), again;
        for (size_t changes = below(3); changes > 0; changes--)
            e.data[below(e.size)] = (uint8_t)random_bits();
        if (!key_is_valid(view(&e)))
            continue;
        CHECK_EQUAL(key_decode(view(&e), elements, MQ_KEY_SIZE_MAX, text), MQ_OK);
        CHECK_EQUAL(key_encode(&elements[0], again.data, &again.size), MQ_OK);
        CHECK_EQUAL(key_compare(view(&e), view(&again)), 0);
    }
}

static const struct unit_test tests[] = {
    UNIT(a_long_double_can_judge),
    UNIT(integers_and_doubles_compare_exactly),
    UNIT(the_three_zeros_are_one_key),
    UNIT(infinities_are_at_the_ends_of_the_numbers),
    UNIT(not_a_number_is_invalid),
    UNIT(numbers_come_before_strings_before_bytes_before_tuples),
    UNIT(a_tuple_comes_before_a_longer_one_that_begins_like_it),
    UNIT(texts_with_zero_bytes_keep_their_order_alone_and_in_tuples),
    UNIT(random_keys_are_ordered_like_their_values),
    UNIT(random_numbers_are_ordered_like_their_values),
    UNIT(a_decoded_key_has_the_value_that_was_encoded),
    UNIT(a_whole_double_comes_back_as_an_integer),
    UNIT(decoding_says_when_there_is_no_room_for_the_elements),
    UNIT(strings_must_be_utf8),
    UNIT(a_key_may_have_1024_bytes_and_no_more),
    UNIT(tuples_nest_eight_deep_and_no_deeper),
    UNIT(a_key_without_type_or_of_an_unknown_type_is_invalid),
    UNIT(other_encodings_than_the_one_are_invalid),
    UNIT(what_is_cut_short_or_has_bytes_behind_it_is_invalid),
    UNIT(random_bytes_are_either_refused_or_the_encoding_of_what_they_decode_to),
};

int main(void)
{
    return unit_run("key", tests, sizeof tests / sizeof *tests);
}
