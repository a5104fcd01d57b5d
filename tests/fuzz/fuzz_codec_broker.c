/* fuzz_codec_broker.c - what brokers send, as clients decode it: refused with a reason, or sound, and then
 * encoding it gives a frame that is decoded and encoded to itself. */
#include "fuzz.h"

#include <string.h>

#include "codec.h"

/* The encoder of refused takes a C string. */
static enum mq_status encode_refused(struct codec *codec, const struct broker_frame *f,
                                     struct bytes *ret_frame)
{
    char *text = calloc(1, f->text.size + 1);
    FUZZ_CHECK(text);
    if (f->text.size)
        memcpy(text, f->text.data, f->text.size);
    enum mq_status status = codec_encode_refused(codec, f->status, text, ret_frame);
    free(text);
    return status;
}

static enum mq_status encode(struct codec *codec, const struct broker_frame *f, struct bytes *ret_frame)
{
    switch (f->verb) {
    case MQ_VERB_HELLO:
        return codec_encode_welcome(codec, &f->welcome, ret_frame);
    case MQ_VERB_BYE:
        return codec_encode_bye_answer(codec, f->status, ret_frame);
    case MQ_VERB_REFUSED:
        return encode_refused(codec, f, ret_frame);
    case MQ_VERB_PROBE:
        return codec_encode_probe(codec, ret_frame);
    default:
        return codec_encode_answer(codec, &f->answer, ret_frame);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct codec *first, *second;
    first = first ? first : codec_new();
    second = second ? second : codec_new();
    FUZZ_CHECK(first && second);
    struct broker_frame f;
    struct bytes once, twice;
    const char *why = NULL;
    enum mq_status status = codec_decode_broker(first, (struct bytes){data, size}, &f, &why);
    FUZZ_CHECK(status == MQ_OK || (status == MQ_INVALID && why));
    if (status != MQ_OK || (f.verb == MQ_VERB_HELLO && f.welcome.version != MQ_PROTOCOL_VERSION))
        return 0;
    FUZZ_CHECK(encode(first, &f, &once) == MQ_OK);
    FUZZ_CHECK(codec_decode_broker(second, once, &f, &why) == MQ_OK);
    FUZZ_CHECK(encode(second, &f, &twice) == MQ_OK);
    FUZZ_CHECK(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
    return 0;
}
