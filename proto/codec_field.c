/* codec_field.c - single fields: reading them with the cursor, packing them into the output buffer. */
#include "codec_pack.h"

#include <string.h>

void fields_fail(struct fields *f, const char *why)
{
    if (f->status != MQ_OK)
        return;
    f->status = MQ_INVALID;
    f->why = why;
}

static void fields_fail_memory(struct fields *f)
{
    fields_fail(f, "out of memory");
    f->status = MQ_NO_MEMORY;
}

static void fields_fault(struct fields *f, const char *fault)
{
    if (fault)
        fields_fail(f, fault);
}

void fields_open(struct fields *f, struct codec *codec, struct bytes frame)
{
    struct cursor whole = {.at = frame.data, .end = (const uint8_t *)frame.data + frame.size};
    struct fields outside = {.codec = codec, .cursor = whole, .left = 1, .objects = 1, .status = MQ_OK};
    msgpack_zone_clear(&codec->zone);
    *f = fields_of(&outside, TOKEN_ARRAY, SIZE_MAX, WRONG_TYPE);
}

/* What is wrong with the bytes counts before what is wrong with their meaning. */
enum mq_status fields_close(struct fields *f, struct bytes frame, const char **ret_why)
{
    fields_end(f);
    if (f->cursor.at != f->cursor.end)
        fields_fail(f, SHAPE_LEFT_OVER);
    if (f->status == MQ_OK)
        return MQ_OK;
    const char *fault = shape_fault(frame);
    *ret_why = fault ? fault : f->why;
    return fault ? MQ_INVALID : f->status;
}

void fields_end(struct fields *f)
{
    if (f->left)
        fields_fail(f, "too many fields");
}

bool fields_next(struct fields *f, struct token *ret)
{
    if (f->status != MQ_OK)
        return false;
    if (!f->left) {
        fields_fail(f, "too few fields");
        return false;
    }
    f->left--;
    fields_fault(f, token_read(&f->cursor, ret));
    return f->status == MQ_OK;
}

void fields_skip(struct fields *f, size_t count)
{
    for (size_t i = 0; i < count && f->status == MQ_OK; i++) {
        f->left--;
        fields_fault(f, shape_skip(&f->cursor, f->depth, &f->objects));
    }
}

static bool read_token(struct fields *f, enum token_type type, struct token *ret)
{
    if (!fields_next(f, ret))
        return false;
    if (ret->type == type)
        return true;
    fields_fail(f, WRONG_TYPE);
    return false;
}

uint64_t read_uint(struct fields *f, uint64_t max)
{
    struct token token;
    if (!read_token(f, TOKEN_UINT, &token))
        return 0;
    if (token.number <= max)
        return token.number;
    fields_fail(f, "a number is too large");
    return 0;
}

int64_t read_int(struct fields *f)
{
    struct token token;
    if (!fields_next(f, &token))
        return 0;
    if (token.type != TOKEN_INT && token.type != TOKEN_UINT)
        fields_fail(f, WRONG_TYPE);
    else if (token.type == TOKEN_UINT && token.number > INT64_MAX)
        fields_fail(f, "a number is too large");
    return f->status == MQ_OK ? (int64_t)token.number : 0;
}

bool read_bool(struct fields *f)
{
    struct token token;
    return read_token(f, TOKEN_BOOL, &token) && token.number;
}

struct bytes read_text(struct fields *f)
{
    struct token token;
    return read_token(f, TOKEN_TEXT, &token) ? token.bytes : (struct bytes){NULL, 0};
}

struct bytes read_binary(struct fields *f)
{
    struct token token;
    return read_token(f, TOKEN_BINARY, &token) ? token.bytes : (struct bytes){NULL, 0};
}

/* Codes that a newer peer knows and we do not are let through. */
enum mq_status read_status(struct fields *f)
{
    return (enum mq_status)read_uint(f, UINT16_MAX);
}

struct fields fields_of(struct fields *f, enum token_type type, size_t max, const char *why_not)
{
    struct token token;
    if (!fields_next(f, &token))
        token = (struct token){.type = type};
    else if (token.type != type)
        fields_fail(f, why_not);
    else if (token.number > max)
        fields_fail(f, "a list is too long");
    else
        fields_fault(f, shape_enter(&f->cursor, &token, f->depth, &f->objects));
    struct fields inner = *f;
    inner.depth++;
    inner.left = 0;
    if (f->status == MQ_OK)
        inner.left = type == TOKEN_MAP ? 2 * token.number : token.number;
    return inner;
}

struct fields read_list(struct fields *f, size_t max)
{
    return fields_of(f, TOKEN_ARRAY, max, WRONG_TYPE);
}

struct fields read_map(struct fields *f)
{
    return fields_of(f, TOKEN_MAP, SIZE_MAX, WRONG_TYPE);
}

bool read_key(struct fields *map, struct bytes *ret)
{
    if (!map->left || map->status != MQ_OK)
        return false;
    struct fields ahead = *map;
    struct token token;
    *ret = (struct bytes){NULL, 0};
    if (fields_next(&ahead, &token) && token.type == TOKEN_TEXT) {
        *map = ahead;
        *ret = token.bytes;
    } else {
        fields_skip(map, 1);
    }
    return map->status == MQ_OK;
}

void skip_map(struct fields *f)
{
    struct fields map = read_map(f);
    fields_skip(&map, map.left);
    fields_join(f, &map);
}

bool is_word(struct bytes text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

void *fields_room(struct fields *f, size_t count, size_t size)
{
    if (!count || f->status != MQ_OK)
        return NULL;
    void *room = msgpack_zone_malloc(&f->codec->zone, count * size);
    if (!room)
        fields_fail_memory(f);
    return room;
}

/* Ranges travel as one flat list: first, last, first, last, ... */
const struct range *read_ranges(struct fields *f, size_t max, size_t *ret_count)
{
    struct fields flat = read_list(f, 2 * max);
    size_t count = flat.left / 2;
    if (flat.left % 2)
        fields_fail(&flat, "a range has no end");
    struct range *ranges = fields_room(&flat, count, sizeof *ranges);
    for (size_t i = 0; i < count && flat.status == MQ_OK; i++) {
        ranges[i].first = read_uint(&flat, UINT64_MAX);
        ranges[i].last = read_uint(&flat, UINT64_MAX);
        if (ranges[i].first > ranges[i].last)
            fields_fail(&flat, "a range ends before it begins");
    }
    fields_join(f, &flat);
    *ret_count = f->status == MQ_OK ? count : 0;
    return ranges;
}

struct ranges read_numbers(struct fields *f)
{
    struct ranges numbers;
    numbers.list = read_ranges(f, MQ_RANGES_MAX, &numbers.count);
    for (size_t i = 1; i < numbers.count; i++)
        if (numbers.list[i].first <= numbers.list[i - 1].last)
            fields_fail(f, "ranges are not in order");
    return numbers;
}

void write_array(struct codec *c, size_t count)
{
    pack_array(c, count);
}

void write_map(struct codec *c, size_t count)
{
    pack_map(c, count);
}

void write_uint(struct codec *c, uint64_t value)
{
    pack_uint64(c, value);
}

void write_int(struct codec *c, int64_t value)
{
    pack_int64(c, value);
}

void write_bool(struct codec *c, bool value)
{
    if (value)
        pack_true(c);
    else
        pack_false(c);
}

void write_text(struct codec *c, struct bytes text)
{
    if (!write_fits(c, text))
        return;
    pack_str(c, text.size);
    if (text.size)
        pack_bytes(c, text.data, text.size);
}

void write_word(struct codec *c, const char *word)
{
    write_text(c, mq_bytes(word));
}

void write_binary(struct codec *c, struct bytes bytes)
{
    if (!write_fits(c, bytes))
        return;
    pack_bin(c, bytes.size);
    if (bytes.size)
        pack_bytes(c, bytes.data, bytes.size);
}

void write_ranges(struct codec *c, const struct range *list, size_t count)
{
    write_array(c, 2 * count);
    for (size_t i = 0; i < count; i++) {
        write_uint(c, list[i].first);
        write_uint(c, list[i].last);
    }
}
