/* codec.c - the codec's memory, and the frames about the session itself; requests and answers have their own
 * files. PROTOCOL.md describes every frame. */
#include "codec_parts.h"

#include <stdlib.h>
#include <string.h>

enum { OUT_SIZE_MIN = 4096 };
_Static_assert(MQ_FRAME_SIZE_MAX % OUT_SIZE_MIN == 0 && (MQ_FRAME_SIZE_MAX & (MQ_FRAME_SIZE_MAX - 1)) == 0,
               "a doubling buffer has the size of the largest frame one day, and never more");

/* Doubles the output buffer, at most to the largest frame, until it has room for `more` bytes. */
static bool make_room(struct codec *c, size_t more)
{
    size_t capacity = c->out_capacity ? c->out_capacity : OUT_SIZE_MIN;
    if (more > MQ_FRAME_SIZE_MAX - c->out_size) {
        write_fail(c, MQ_TOO_BIG);
        return false;
    }
    while (capacity < c->out_size + more)
        capacity *= 2;
    char *out = realloc(c->out, capacity);
    if (!out) {
        write_fail(c, MQ_NO_MEMORY);
        return false;
    }
    c->out = out;
    c->out_capacity = capacity;
    return true;
}

/* The packer's callback. After a failure it goes on in what room there is, to no effect. */
static int write_bytes(void *data, const char *bytes, size_t size)
{
    struct codec *c = data;
    if (size > c->out_capacity - c->out_size && !make_room(c, size))
        return -1;
    memcpy(c->out + c->out_size, bytes, size);
    c->out_size += size;
    return 0;
}

void write_fail(struct codec *c, enum mq_status status)
{
    if (c->out_status == MQ_OK)
        c->out_status = status;
}

void write_begin(struct codec *c)
{
    if (c->out_capacity > CODEC_KEEP_SIZE && c->out_size <= CODEC_KEEP_SIZE) {
        free(c->out);
        c->out = NULL;
        c->out_capacity = 0;
    }
    c->out_size = 0;
    c->out_status = MQ_OK;
}

enum mq_status write_end(struct codec *c, struct bytes *ret_frame)
{
    if (c->out_status == MQ_OK)
        *ret_frame = (struct bytes){c->out, c->out_size};
    return c->out_status;
}

struct codec *codec_new(void)
{
    struct codec *codec = calloc(1, sizeof *codec);
    if (!codec)
        return NULL;
    if (!msgpack_zone_init(&codec->zone, CODEC_CHUNK_SIZE)) {
        free(codec);
        return NULL;
    }
    msgpack_packer_init(&codec->packer, codec, write_bytes);
    return codec;
}

void codec_free(struct codec *codec)
{
    if (!codec)
        return;
    msgpack_zone_destroy(&codec->zone);
    free(codec->out);
    free(codec);
}

size_t codec_item_size(size_t body_size, size_t key_size)
{
    enum { ARRAY = 1, ID = 9, DELIVERIES = 5, BINARY = 5 };
    return ARRAY + ID + DELIVERIES + BINARY + body_size + (key_size ? BINARY + key_size : 0);
}

enum mq_status codec_encode_hello(struct codec *codec, const struct hello *hello, struct bytes *ret_frame)
{
    write_begin(codec);
    write_array(codec, 8);
    write_uint(codec, MQ_VERB_HELLO);
    write_uint(codec, hello->version);
    write_binary(codec, (struct bytes){hello->id, MQ_SESSION_ID_SIZE});
    write_bool(codec, hello->resume);
    write_uint(codec, hello->next_number);
    write_ranges(codec, hello->awaited.list, hello->awaited.count);
    write_text(codec, hello->name);
    write_map(codec, 0);
    return write_end(codec, ret_frame);
}

static void read_hello(struct fields *f, struct hello *hello)
{
    hello->version = (uint32_t)read_uint(f, UINT32_MAX);
    if (hello->version != MQ_PROTOCOL_VERSION)
        return;
    const msgpack_object *id = read_object(f, MSGPACK_OBJECT_BIN);
    if (id && id->via.bin.size == MQ_SESSION_ID_SIZE)
        memcpy(hello->id, id->via.bin.ptr, MQ_SESSION_ID_SIZE);
    else
        fields_fail(f, "a session id has 16 bytes");
    hello->resume = read_bool(f);
    hello->next_number = read_uint(f, UINT64_MAX);
    hello->awaited = read_numbers(f);
    hello->name = read_text(f);
    read_object(f, MSGPACK_OBJECT_MAP);
    fields_end(f);
}

enum mq_status codec_encode_welcome(struct codec *codec, const struct welcome *welcome,
                                    struct bytes *ret_frame)
{
    write_begin(codec);
    write_array(codec, 6);
    write_uint(codec, MQ_VERB_HELLO);
    write_uint(codec, welcome->version);
    write_uint(codec, welcome->status);
    write_uint(codec, welcome->session);
    write_row(codec, &limits_row, welcome);
    write_text(codec, welcome->text);
    return write_end(codec, ret_frame);
}

/* Of another version's welcome only the version is certain: we are not understood. */
static void read_welcome(struct fields *f, struct welcome *welcome)
{
    welcome->version = (uint32_t)read_uint(f, UINT32_MAX);
    if (welcome->version != MQ_PROTOCOL_VERSION) {
        welcome->status = MQ_UNSUPPORTED;
        return;
    }
    welcome->status = read_status(f);
    welcome->session = read_uint(f, UINT64_MAX);
    const msgpack_object *limits = read_object(f, MSGPACK_OBJECT_MAP);
    if (limits)
        read_row(f, &limits_row, &limits->via.map, welcome);
    welcome->text = read_text(f);
    fields_end(f);
}

static enum mq_status encode_confirms(struct codec *codec, enum mq_verb verb, struct ranges confirms,
                                      struct bytes *ret_frame)
{
    write_begin(codec);
    write_array(codec, 2);
    write_uint(codec, verb);
    write_ranges(codec, confirms.list, confirms.count);
    return write_end(codec, ret_frame);
}

enum mq_status codec_encode_confirm(struct codec *codec, struct ranges confirms, struct bytes *ret_frame)
{
    return encode_confirms(codec, MQ_VERB_CONFIRM, confirms, ret_frame);
}

enum mq_status codec_encode_bye(struct codec *codec, struct ranges confirms, struct bytes *ret_frame)
{
    return encode_confirms(codec, MQ_VERB_BYE, confirms, ret_frame);
}

enum mq_status codec_encode_bye_answer(struct codec *codec, enum mq_status status, struct bytes *ret_frame)
{
    write_begin(codec);
    write_array(codec, 2);
    write_uint(codec, MQ_VERB_BYE);
    write_uint(codec, status);
    return write_end(codec, ret_frame);
}

enum mq_status codec_encode_refused(struct codec *codec, enum mq_status status, const char *text,
                                    struct bytes *ret_frame)
{
    write_begin(codec);
    write_array(codec, 3);
    write_uint(codec, MQ_VERB_REFUSED);
    write_uint(codec, status);
    write_word(codec, text);
    return write_end(codec, ret_frame);
}

enum mq_status codec_encode_probe(struct codec *codec, struct bytes *ret_frame)
{
    write_begin(codec);
    write_array(codec, 1);
    write_uint(codec, MQ_VERB_PROBE);
    return write_end(codec, ret_frame);
}

enum mq_status codec_encode_request(struct codec *codec, const struct request *request,
                                    struct bytes *ret_frame)
{
    write_begin(codec);
    write_request(codec, request);
    return write_end(codec, ret_frame);
}

enum mq_status codec_encode_answer(struct codec *codec, const struct answer *answer, struct bytes *ret_frame)
{
    write_begin(codec);
    write_answer(codec, answer);
    return write_end(codec, ret_frame);
}

enum mq_status codec_decode_client(struct codec *codec, struct bytes frame, struct client_frame *ret,
                                   const char **ret_why)
{
    struct fields f;
    fields_open(&f, codec, frame);
    *ret = (struct client_frame){.verb = (enum mq_verb)read_uint(&f, UINT8_MAX)};
    switch (ret->verb) {
    case MQ_VERB_HELLO:
        read_hello(&f, &ret->hello);
        break;
    case MQ_VERB_CONFIRM:
    case MQ_VERB_BYE:
        ret->confirms = read_numbers(&f);
        fields_end(&f);
        break;
    default:
        ret->request.verb = ret->verb;
        read_request(&f, &ret->request);
    }
    if (f.status != MQ_OK)
        *ret_why = f.why;
    return f.status;
}

enum mq_status codec_decode_broker(struct codec *codec, struct bytes frame, struct broker_frame *ret,
                                   const char **ret_why)
{
    struct fields f;
    fields_open(&f, codec, frame);
    *ret = (struct broker_frame){.verb = (enum mq_verb)read_uint(&f, UINT8_MAX)};
    switch (ret->verb) {
    case MQ_VERB_HELLO:
        read_welcome(&f, &ret->welcome);
        break;
    case MQ_VERB_BYE:
        ret->status = read_status(&f);
        fields_end(&f);
        break;
    case MQ_VERB_REFUSED:
        ret->status = read_status(&f);
        ret->text = read_text(&f);
        fields_end(&f);
        break;
    case MQ_VERB_PROBE:
        fields_end(&f);
        break;
    default:
        ret->answer.verb = ret->verb;
        read_answer(&f, &ret->answer);
    }
    if (f.status != MQ_OK)
        *ret_why = f.why;
    return f.status;
}
