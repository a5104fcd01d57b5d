/* fuzz_codec_client.c - what clients send, as the broker decodes it: refused with a reason, or sound, and
 * then encoding it gives a frame that is decoded and encoded to itself. */
#include "fuzz.h"

#include <string.h>

#include "codec.h"

static enum mq_status encode(struct codec *codec, const struct client_frame *f, struct bytes *ret_frame)
{
    switch (f->verb) {
    case MQ_VERB_HELLO:
        return codec_encode_hello(codec, &f->hello, ret_frame);
    case MQ_VERB_CONFIRM:
        return codec_encode_confirm(codec, f->confirms, ret_frame);
    case MQ_VERB_BYE:
        return codec_encode_bye(codec, f->confirms, ret_frame);
    default:
        return codec_encode_request(codec, &f->request, ret_frame);
    }
}

/* Of frames from other versions not enough is understood to encode them. */
static bool is_understood(const struct client_frame *f)
{
    if (f->verb == MQ_VERB_HELLO)
        return f->hello.version == MQ_PROTOCOL_VERSION;
    return strcmp(mq_verb_name(f->verb), "?") != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct codec *first, *second;
    first = first ? first : codec_new();
    second = second ? second : codec_new();
    FUZZ_CHECK(first && second);
    struct client_frame f;
    struct bytes once, twice;
    const char *why = NULL;
    enum mq_status status = codec_decode_client(first, (struct bytes){data, size}, &f, &why);
    FUZZ_CHECK(status == MQ_OK || (status == MQ_INVALID && why));
    if (status != MQ_OK || !is_understood(&f))
        return 0;
    FUZZ_CHECK(encode(first, &f, &once) == MQ_OK);
    FUZZ_CHECK(codec_decode_client(second, once, &f, &why) == MQ_OK);
    FUZZ_CHECK(encode(second, &f, &twice) == MQ_OK);
    FUZZ_CHECK(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
    return 0;
}
