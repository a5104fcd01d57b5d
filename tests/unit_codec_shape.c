/* unit_codec_shape.c - readers check the shape of a frame as they go, so it is walked only when they refuse
 * it; here both are held against each other. */
#include "unit.h"

#include "codec_parts.h"
#include "samples.h"

static struct codec *codec;
static struct sample samples[SAMPLE_COUNT];

static bool is_accepted(bool from_client, struct bytes frame)
{
    const char *why;
    struct client_frame c;
    struct broker_frame b;
    return (from_client ? codec_decode_client(codec, frame, &c, &why)
                        : codec_decode_broker(codec, frame, &b, &why)) == MQ_OK;
}

static void what_is_accepted_has_a_sound_shape(void)
{
    size_t accepted = 0, misshapen = 0;
    samples_encode(codec, samples);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        uint8_t *data = malloc(samples[i].size);
        memcpy(data, samples[i].data, samples[i].size);
        for (size_t at = 0; at < samples[i].size; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                data[at] = (uint8_t)byte;
                struct bytes frame = {data, samples[i].size};
                bool is_sound = shape_fault(frame) == NULL;
                CHECK(is_sound || !is_accepted(samples[i].from_client, frame));
                accepted += is_sound && is_accepted(samples[i].from_client, frame);
                misshapen += !is_sound;
            }
            data[at] = samples[i].data[at];
        }
        free(data);
    }
    CHECK(accepted > 1000 && misshapen > 1000);
}

static const struct unit_test tests[] = {
    UNIT(what_is_accepted_has_a_sound_shape),
};

int main(void)
{
    codec = codec_new();
    if (!codec)
        return 1;
    int failed = unit_run("codec_shape", tests, sizeof tests / sizeof *tests);
    codec_free(codec);
    return failed;
}
