/* codec_shape.c - is this one whole msgpack array, and a harmless one? And: stepping over values.
 *
 * The walk looks at headers only, allocates nothing and reads nothing outside the frame. Readers check the
 * same as they go (codec_field.c), so a good frame is walked only where nobody reads it: values of keys from
 * later days. A bad one is walked whole, to say what is wrong with it before what is wrong with its fields.
 */
#include "codec_parts.h"

/* Elements still to come, per level of nesting. */
struct walk {
    struct cursor *cursor;
    size_t open[CODEC_DEPTH_MAX], depth;
};

const char *shape_enter(const struct cursor *c, const struct token *container, size_t depth, size_t *objects)
{
    size_t elements = container->type == TOKEN_MAP ? 2 * container->number : container->number;
    if (elements > (size_t)(c->end - c->at))
        return TOKEN_CUT_SHORT;
    if (elements > CODEC_OBJECTS_MAX - *objects)
        return "frame has too many objects";
    if (depth == CODEC_DEPTH_MAX)
        return "frame is nested too deeply";
    *objects += elements;
    return NULL;
}

static const char *walk_one(struct walk *w, size_t *objects)
{
    struct token token;
    const char *fault = token_read(w->cursor, &token);
    if (fault || (token.type != TOKEN_ARRAY && token.type != TOKEN_MAP))
        return fault;
    fault = shape_enter(w->cursor, &token, w->depth, objects);
    if (!fault)
        w->open[w->depth++] = token.type == TOKEN_MAP ? 2 * token.number : token.number;
    return fault;
}

const char *shape_skip(struct cursor *c, size_t depth, size_t *objects)
{
    struct walk w = {.cursor = c, .depth = depth};
    const char *fault = walk_one(&w, objects);
    while (!fault && w.depth > depth) {
        if (w.open[w.depth - 1] == 0) {
            w.depth--;
            continue;
        }
        w.open[w.depth - 1]--;
        fault = walk_one(&w, objects);
    }
    return fault;
}

const char *shape_fault(struct bytes frame)
{
    const uint8_t *data = frame.data;
    if (!frame.size || !((data[0] & 0xf0) == 0x90 || data[0] == 0xdc || data[0] == 0xdd))
        return "frame is not an array";
    struct cursor c = {.at = data, .end = data + frame.size};
    size_t objects = 1;
    const char *fault = shape_skip(&c, 0, &objects);
    if (!fault && c.at != c.end)
        return SHAPE_LEFT_OVER;
    return fault;
}
