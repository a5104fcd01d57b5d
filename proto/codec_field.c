/* codec_field.c - single fields: reading them from msgpack's objects, writing them into the output buffer. */
#include "codec_parts.h"

#include <stdlib.h>
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

void fields_open(struct fields *f, struct codec *codec, struct bytes frame)
{
    *f = (struct fields){.codec = codec, .status = MQ_OK};
    const char *fault = shape_fault(frame);
    if (fault) {
        fields_fail(f, fault);
        return;
    }
    msgpack_object root;
    size_t offset = 0;
    msgpack_zone_clear(&codec->zone);
    switch (msgpack_unpack(frame.data, frame.size, &offset, &codec->zone, &root)) {
    case MSGPACK_UNPACK_SUCCESS:
        f->next = root.via.array.ptr;
        f->left = root.via.array.size;
        return;
    case MSGPACK_UNPACK_NOMEM_ERROR:
        fields_fail_memory(f);
        return;
    default: /* shape_fault() is the stricter one, so this is not to be expected; but these are a peer's bytes
              */
        fields_fail(f, "frame is not msgpack");
    }
}

void fields_end(struct fields *f)
{
    if (f->left)
        fields_fail(f, "too many fields");
}

static const msgpack_object *read_any(struct fields *f)
{
    if (f->status != MQ_OK)
        return NULL;
    if (!f->left) {
        fields_fail(f, "too few fields");
        return NULL;
    }
    f->left--;
    return f->next++;
}

const msgpack_object *read_object(struct fields *f, msgpack_object_type type)
{
    const msgpack_object *object = read_any(f);
    if (object && object->type != type) {
        fields_fail(f, "a field has the wrong type");
        return NULL;
    }
    return object;
}

uint64_t read_uint(struct fields *f, uint64_t max)
{
    const msgpack_object *object = read_object(f, MSGPACK_OBJECT_POSITIVE_INTEGER);
    if (object && object->via.u64 > max)
        fields_fail(f, "a number is too large");
    return f->status == MQ_OK ? object->via.u64 : 0;
}

int64_t read_int(struct fields *f)
{
    const msgpack_object *object = read_any(f);
    if (object && object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return object->via.i64;
    if (object && object->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        fields_fail(f, "a field has the wrong type");
    else if (object && object->via.u64 > INT64_MAX)
        fields_fail(f, "a number is too large");
    return f->status == MQ_OK ? object->via.i64 : 0;
}

bool read_bool(struct fields *f)
{
    const msgpack_object *object = read_object(f, MSGPACK_OBJECT_BOOLEAN);
    return object && object->via.boolean;
}

struct bytes read_text(struct fields *f)
{
    const msgpack_object *object = read_object(f, MSGPACK_OBJECT_STR);
    return object ? (struct bytes){object->via.str.ptr, object->via.str.size} : (struct bytes){NULL, 0};
}

/* Codes that a newer peer knows and we do not are let through. */
enum mq_status read_status(struct fields *f)
{
    return (enum mq_status)read_uint(f, UINT16_MAX);
}

size_t read_list(struct fields *f, size_t max, const msgpack_object **ret_list)
{
    const msgpack_object *object = read_object(f, MSGPACK_OBJECT_ARRAY);
    if (object && object->via.array.size > max)
        fields_fail(f, "a list is too long");
    if (f->status != MQ_OK)
        return 0;
    *ret_list = object->via.array.ptr;
    return object->via.array.size;
}

struct fields fields_of(struct fields *f, const msgpack_object *object)
{
    struct fields inner = {.codec = f->codec, .status = f->status, .why = f->why};
    if (object->type != MSGPACK_OBJECT_ARRAY) {
        fields_fail(&inner, "a field has the wrong type");
        return inner;
    }
    inner.next = object->via.array.ptr;
    inner.left = object->via.array.size;
    return inner;
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
    const msgpack_object *list = NULL;
    size_t count = read_list(f, 2 * max, &list);
    struct fields flat = {.codec = f->codec, .next = list, .left = count, .status = f->status, .why = f->why};
    if (count % 2)
        fields_fail(&flat, "a range has no end");
    struct range *ranges = fields_room(&flat, count / 2, sizeof *ranges);
    for (size_t i = 0; i < count / 2 && flat.status == MQ_OK; i++) {
        ranges[i].first = read_uint(&flat, UINT64_MAX);
        ranges[i].last = read_uint(&flat, UINT64_MAX);
        if (ranges[i].first > ranges[i].last)
            fields_fail(&flat, "a range ends before it begins");
    }
    f->status = flat.status;
    f->why = flat.why;
    *ret_count = f->status == MQ_OK ? count / 2 : 0;
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

const msgpack_object *map_find(const msgpack_object_map *map, const char *key)
{
    size_t size = strlen(key);
    for (uint32_t i = 0; i < map->size; i++) {
        const msgpack_object *name = &map->ptr[i].key;
        if (name->type == MSGPACK_OBJECT_STR && name->via.str.size == size &&
            memcmp(name->via.str.ptr, key, size) == 0)
            return &map->ptr[i].val;
    }
    return NULL;
}

/* The results of msgpack_pack_*() below are dropped because the packer's write callback, write_bytes() in
 * codec.c, keeps the first failure in the codec. */
void write_array(struct codec *c, size_t count)
{
    (void)msgpack_pack_array(&c->packer, count);
}

void write_map(struct codec *c, size_t count)
{
    (void)msgpack_pack_map(&c->packer, count);
}

void write_uint(struct codec *c, uint64_t value)
{
    (void)msgpack_pack_uint64(&c->packer, value);
}

void write_int(struct codec *c, int64_t value)
{
    (void)msgpack_pack_int64(&c->packer, value);
}

void write_bool(struct codec *c, bool value)
{
    (void)(value ? msgpack_pack_true(&c->packer) : msgpack_pack_false(&c->packer));
}

/* Larger than any frame: msgpack's lengths have 32 bits, so this must not reach the packer. */
static bool write_fits(struct codec *c, struct bytes bytes)
{
    if (bytes.size <= MQ_FRAME_SIZE_MAX)
        return true;
    write_fail(c, MQ_TOO_BIG);
    return false;
}

void write_text(struct codec *c, struct bytes text)
{
    if (!write_fits(c, text))
        return;
    (void)msgpack_pack_str(&c->packer, text.size);
    if (text.size)
        (void)msgpack_pack_str_body(&c->packer, text.data, text.size);
}

void write_word(struct codec *c, const char *word)
{
    write_text(c, mq_bytes(word));
}

void write_binary(struct codec *c, struct bytes bytes)
{
    if (!write_fits(c, bytes))
        return;
    (void)msgpack_pack_bin(&c->packer, bytes.size);
    if (bytes.size)
        (void)msgpack_pack_bin_body(&c->packer, bytes.data, bytes.size);
}

void write_ranges(struct codec *c, const struct range *list, size_t count)
{
    write_array(c, 2 * count);
    for (size_t i = 0; i < count; i++) {
        write_uint(c, list[i].first);
        write_uint(c, list[i].last);
    }
}
