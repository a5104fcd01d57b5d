/* fuzz_dump.c - any bytes as an export: each record is refused with a reason, waits for more, or is sound,
 * and then written it is read again as the same; whatever comes, the course has something to say. */
#include "fuzz.h"

#include <string.h>

#include "dump.h"

static struct codec *first, *second;

static void check_again(const struct dump_record *record)
{
    struct dump_record seen;
    struct bytes once, twice;
    size_t size;
    const char *why;
    FUZZ_CHECK(dump_write(first, record, &once) == MQ_OK);
    FUZZ_CHECK(dump_read(second, once, &seen, &size, &why) == DUMP_RECORD && size == once.size);
    FUZZ_CHECK(dump_write(second, &seen, &twice) == MQ_OK);
    FUZZ_CHECK(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dump_course course = {0};
    first = first ? first : codec_new();
    second = second ? second : codec_new();
    FUZZ_CHECK(first && second);
    while (true) {
        struct dump_record record;
        const char *why = NULL;
        size_t taken = 0;
        enum dump_found found = dump_read(first, (struct bytes){data, size}, &record, &taken, &why);
        FUZZ_CHECK(found != DUMP_BAD || why);
        if (found != DUMP_RECORD)
            return 0;
        FUZZ_CHECK(taken > 0 && taken <= size);
        check_again(&record);
        (void)dump_follow(&course, &record);
        data += taken;
        size -= taken;
    }
}
