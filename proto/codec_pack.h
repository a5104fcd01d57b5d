/* codec_pack.h - msgpack-c's packer, made to write into the codec's buffer without a callback.
 *
 * What pack_...() returns may be dropped: the first failure stays in the codec. */
#ifndef MQ_CODEC_PACK_H
#define MQ_CODEC_PACK_H

#include "codec_parts.h"

/* More room in the output buffer; false: none, which is then the codec's failure. */
bool pack_make_room(struct codec *c, size_t more);

static inline int pack_bytes(struct codec *c, const void *bytes, size_t size)
{
    if (size > c->out_capacity - c->out_size && !pack_make_room(c, size))
        return -1;
    memcpy(c->out + c->out_size, bytes, size);
    c->out_size += size;
    return 0;
}

#define msgpack_pack_inline_func(name)             static inline int pack##name
#define msgpack_pack_inline_func_cint(name)        static inline int pack##name
#define msgpack_pack_inline_func_fixint(name)      static inline int pack_fix##name
#define msgpack_pack_user                          struct codec *
#define msgpack_pack_append_buffer(c, bytes, size) return pack_bytes(c, bytes, size)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <msgpack/pack_template.h>
#pragma GCC diagnostic pop

/* Lengths of msgpack have 32 bits: what is larger than any frame must not reach the packer. */
static inline bool write_fits(struct codec *c, struct bytes bytes)
{
    if (bytes.size <= MQ_FRAME_SIZE_MAX)
        return true;
    write_fail(c, MQ_TOO_BIG);
    return false;
}

#endif
