/* codec_shape.c - is this one whole msgpack array, and a harmless one?
 *
 * The walk looks at headers only, allocates nothing and reads nothing outside the frame. It exists because
 * msgpack-c makes an object of 24 bytes from each byte of a hostile frame; after it, msgpack-c can fail for
 * want of memory only. */
#include "codec_parts.h"

#include <assert.h>

enum form { FORM_NONE, FORM_FIXED, FORM_SIZED, FORM_ARRAY, FORM_MAP };

/* What follows the type bytes 0xc0..0xdf: how many bytes of value, or of length. */
static const struct header {
    uint8_t form, size;
} headers[32] = {
    [0x00] = {FORM_FIXED, 0},                                                     /* nil */
    [0x02] = {FORM_FIXED, 0}, [0x03] = {FORM_FIXED, 0},                           /* bool */
    [0x04] = {FORM_SIZED, 1}, [0x05] = {FORM_SIZED, 2}, [0x06] = {FORM_SIZED, 4}, /* bin */
    [0x0a] = {FORM_FIXED, 4}, [0x0b] = {FORM_FIXED, 8},                           /* float */
    [0x0c] = {FORM_FIXED, 1}, [0x0d] = {FORM_FIXED, 2}, [0x0e] = {FORM_FIXED, 4}, [0x0f] = {FORM_FIXED, 8},
    [0x10] = {FORM_FIXED, 1}, [0x11] = {FORM_FIXED, 2}, [0x12] = {FORM_FIXED, 4}, [0x13] = {FORM_FIXED, 8},
    [0x19] = {FORM_SIZED, 1}, [0x1a] = {FORM_SIZED, 2}, [0x1b] = {FORM_SIZED, 4}, /* str */
    [0x1c] = {FORM_ARRAY, 2}, [0x1d] = {FORM_ARRAY, 4}, [0x1e] = {FORM_MAP, 2},   [0x1f] = {FORM_MAP, 4},
};

struct walk {
    const uint8_t *at, *end;
    size_t objects;               /* announced so far */
    size_t open[CODEC_DEPTH_MAX]; /* per level: elements still to come */
    size_t depth;
};

static uint32_t big_endian(const uint8_t *at, size_t size)
{
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static const char *walk_into(struct walk *w, size_t elements)
{
    if (elements > (size_t)(w->end - w->at))
        return "frame is cut short";
    if (elements > CODEC_OBJECTS_MAX - w->objects)
        return "frame has too many objects";
    if (w->depth == CODEC_DEPTH_MAX)
        return "frame is nested too deeply";
    w->objects += elements;
    w->open[w->depth++] = elements;
    return NULL;
}

static const char *walk_over(struct walk *w, size_t size)
{
    if (size > (size_t)(w->end - w->at))
        return "frame is cut short";
    w->at += size;
    return NULL;
}

static const char *walk_headed(struct walk *w, uint8_t type)
{
    struct header header = headers[type - 0xc0];
    if (header.form == FORM_NONE)
        return "frame has a type that is not part of the protocol";
    if (header.form == FORM_FIXED)
        return walk_over(w, header.size);
    if (header.size > w->end - w->at)
        return "frame is cut short";
    size_t length = big_endian(w->at, header.size);
    w->at += header.size;
    if (header.form == FORM_SIZED)
        return walk_over(w, length);
    return walk_into(w, header.form == FORM_MAP ? 2 * length : length);
}

static const char *walk_one(struct walk *w)
{
    if (w->at == w->end)
        return "frame is cut short";
    uint8_t type = *w->at++;
    if (type < 0x80 || type >= 0xe0) /* small integers */
        return NULL;
    if (type >= 0xc0)
        return walk_headed(w, type);
    if (type >= 0xa0) /* short str */
        return walk_over(w, type & 0x1f);
    return walk_into(w, type >= 0x90 ? type & 0x0f : 2u * (type & 0x0f));
}

const char *shape_fault(struct bytes frame)
{
    const uint8_t *data = frame.data;
    if (!frame.size || !((data[0] & 0xf0) == 0x90 || data[0] == 0xdc || data[0] == 0xdd))
        return "frame is not an array";
    struct walk w = {.at = data, .end = data + frame.size, .objects = 1};
    const char *fault = walk_one(&w);
    while (!fault && w.depth) {
        if (w.open[w.depth - 1] == 0) {
            w.depth--;
            continue;
        }
        w.open[w.depth - 1]--;
        fault = walk_one(&w);
    }
    if (!fault && w.at != w.end)
        return "frame has bytes left over";
    return fault;
}
