/* fuzz_key.c - any bytes are no key, or the one encoding of the key that they decode to. */
#include "fuzz.h"

#include <string.h>

#include "key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct key elements[MQ_KEY_SIZE_MAX];
    uint8_t text[MQ_KEY_SIZE_MAX], again[MQ_KEY_SIZE_MAX];
    char printed[256];
    size_t again_size;
    struct bytes encoded = {data, size};
    key_print(encoded, printed, sizeof printed);
    FUZZ_CHECK(strlen(printed) < sizeof printed);
    enum mq_status status = key_decode(encoded, elements, MQ_KEY_SIZE_MAX, text);
    FUZZ_CHECK(status == (key_is_valid(encoded) ? MQ_OK : MQ_INVALID));
    if (status != MQ_OK)
        return 0;
    FUZZ_CHECK(key_encode(&elements[0], again, &again_size) == MQ_OK);
    FUZZ_CHECK(key_compare(encoded, (struct bytes){again, again_size}) == 0);
    return 0;
}
