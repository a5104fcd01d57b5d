/* codec.c - the codec's memory, and the frames about the session itself; requests and answers have their own
 * files. PROTOCOL.md describes every frame. */
#include "codec_pack.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_SIZE_MIN = 192 };

/* Memory for a frame, whose first out_size bytes are kept. The frame begins behind the head. */
static bool reserve(struct codec *c, size_t capacity)
{
    char *memory = realloc(c->memory, CODEC_HEAD_SIZE + capacity);
    if (!memory) {
        write_fail(c, MQ_NO_MEMORY);
        return false;
    }
    c->memory = memory;
    c->out = memory + CODEC_HEAD_SIZE;
    c->out_capacity = capacity;
    return true;
}

static void release(struct codec *c)
{
    free(c->memory);
    c->memory = c->out = NULL;
    c->out_size = c->out_capacity = 0;
}

/* Doubles the output buffer, at most to the largest frame, until it has room for `more` bytes. After a
 * failure packing goes on in what room there is, to no effect. */
bool pack_make_room(struct codec *c, size_t more)
{
    size_t capacity = c->out_capacity ? c->out_capacity : OUT_SIZE_MIN;
    if (more > MQ_FRAME_SIZE_MAX - c->out_size) {
        write_fail(c, MQ_TOO_BIG);
        return false;
    }
    while (capacity < c->out_size + more)
        capacity *= 2;
    return reserve(c, capacity < MQ_FRAME_SIZE_MAX ? capacity : MQ_FRAME_SIZE_MAX);
}

void write_fail(struct codec *c, enum mq_status status)
{
    if (c->out_status == MQ_OK)
        c->out_status = status;
}

void write_begin(struct codec *c, size_t size)
{
    c->out_status = MQ_OK;
    if (size < OUT_SIZE_MIN)
        size = OUT_SIZE_MIN;
    if (size > MQ_FRAME_SIZE_MAX)
        size = MQ_FRAME_SIZE_MAX;
    if (c->out_capacity < size || (c->out_capacity > CODEC_KEEP_SIZE && size <= CODEC_KEEP_SIZE)) {
        release(c);
        reserve(c, size);
    }
    c->out_size = 0;
}

enum mq_status write_end(struct codec *c, struct bytes *ret_frame)
{
    if (c->out_status == MQ_OK)
        *ret_frame = (struct bytes){c->out, c->out_size};
    return c->out_status;
}

/* An estimate was too high, or the memory is left from a larger frame: much more than needed is given back.
 */
void *codec_take_frame(struct codec *c)
{
    assert(c->memory && c->out_status == MQ_OK);
    if (c->out_capacity / 2 > c->out_size + OUT_SIZE_MIN)
        reserve(c, c->out_size);
    void *memory = c->memory;
    c->memory = c->out = NULL;
    c->out_size = c->out_capacity = 0;
    return memory;
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
    return codec;
}

void codec_free(struct codec *codec)
{
    if (!codec)
        return;
    msgpack_zone_destroy(&codec->zone);
    release(codec);
    free(codec);
}

enum mq_status codec_encode_hello(struct codec *codec, const struct hello *hello, struct bytes *ret_frame)
{
    write_begin(codec, 0);
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
    if (hello->version != MQ_PROTOCOL_VERSION) {
        fields_skip(f, f->left);
        return;
    }
    struct bytes id = read_binary(f);
    if (id.size == MQ_SESSION_ID_SIZE)
        memcpy(hello->id, id.data, MQ_SESSION_ID_SIZE);
    else
        fields_fail(f, "a session id has 16 bytes");
    hello->resume = read_bool(f);
    hello->next_number = read_uint(f, UINT64_MAX);
    hello->awaited = read_numbers(f);
    hello->name = read_text(f);
    skip_map(f);
}

enum mq_status codec_encode_welcome(struct codec *codec, const struct welcome *welcome,
                                    struct bytes *ret_frame)
{
    write_begin(codec, 0);
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
        fields_skip(f, f->left);
        return;
    }
    welcome->status = read_status(f);
    welcome->session = read_uint(f, UINT64_MAX);
    struct fields limits = read_map(f);
    read_row(&limits, &limits_row, welcome);
    fields_join(f, &limits);
    welcome->text = read_text(f);
}

static enum mq_status encode_confirms(struct codec *codec, enum mq_verb verb, struct ranges confirms,
                                      struct bytes *ret_frame)
{
    write_begin(codec, 0);
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
    write_begin(codec, 0);
    write_array(codec, 2);
    write_uint(codec, MQ_VERB_BYE);
    write_uint(codec, status);
    return write_end(codec, ret_frame);
}

enum mq_status codec_encode_refused(struct codec *codec, enum mq_status status, const char *text,
                                    struct bytes *ret_frame)
{
    write_begin(codec, 0);
    write_array(codec, 3);
    write_uint(codec, MQ_VERB_REFUSED);
    write_uint(codec, status);
    write_word(codec, text);
    return write_end(codec, ret_frame);
}

enum mq_status codec_encode_probe(struct codec *codec, struct bytes *ret_frame)
{
    write_begin(codec, 0);
    write_array(codec, 1);
    write_uint(codec, MQ_VERB_PROBE);
    return write_end(codec, ret_frame);
}

enum mq_status codec_encode_request(struct codec *codec, const struct request *request,
                                    struct bytes *ret_frame)
{
    write_begin(codec, request_size(request));
    write_request(codec, request);
    return write_end(codec, ret_frame);
}

enum mq_status codec_encode_answer(struct codec *codec, const struct answer *answer, struct bytes *ret_frame)
{
    write_begin(codec, answer_size(answer));
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
        break;
    default:
        ret->request.verb = ret->verb;
        read_request(&f, &ret->request);
    }
    return fields_close(&f, frame, ret_why);
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
        break;
    case MQ_VERB_REFUSED:
        ret->status = read_status(&f);
        ret->text = read_text(&f);
        break;
    case MQ_VERB_PROBE:
        break;
    default:
        ret->answer.verb = ret->verb;
        read_answer(&f, &ret->answer);
    }
    return fields_close(&f, frame, ret_why);
}
