/* unit_codec_memory.c - a codec without memory says so, and goes on when there is some again.
 *
 * Large allocations are made to fail: by the address-space limit, or where a sanitizer has its own malloc, by
 * that one's options. */
#include "unit.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "codec.h"
#include "failing_malloc.h"

enum { MIB = 1 << 20 };

static bool sanitized;

/* Called by the sanitizers' runtimes, before they are ready to watch anything; by nobody otherwise. */
#define RUNTIME_HOOK __attribute__((visibility("default"), no_sanitize("address", "thread")))
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

RUNTIME_HOOK const char *__asan_default_options(void)
{
    sanitized = true;
    return "allocator_may_return_null=1:max_allocation_size_mb=4";
}

RUNTIME_HOOK const char *__tsan_default_options(void)
{
    sanitized = true;
    return "allocator_may_return_null=1:max_allocation_size_mb=4";
}

static struct codec *codec;

static size_t size_in_use(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    CHECK_EQUAL(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Lets the program take `more` bytes, and no more; 0: as much as before. */
static void limit_memory(size_t more)
{
    static rlim_t before;
    struct rlimit limit;
    if (sanitized)
        return;
    CHECK_EQUAL(getrlimit(RLIMIT_AS, &limit), 0);
    if (more)
        before = limit.rlim_cur;
    limit.rlim_cur = more ? size_in_use() + more : before;
    CHECK_EQUAL(setrlimit(RLIMIT_AS, &limit), 0);
}

/* Bytes that neither malloc nor its limit know of. */
static uint8_t *map(size_t size)
{
    uint8_t *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(data != MAP_FAILED);
    return data;
}

static void check_ping_works(void)
{
    struct request ping = {.verb = MQ_VERB_PING, .number = 7};
    struct client_frame seen;
    struct bytes frame;
    const char *why;
    CHECK_EQUAL(codec_encode_request(codec, &ping, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_client(codec, frame, &seen, &why), MQ_OK);
    CHECK_EQUAL(seen.request.number, 7);
}

static void without_memory_for_a_frame_it_is_not_encoded(void)
{
    enum { SIZE = 8 << 20 };
    struct put_item item = {.body = {map(SIZE), SIZE}};
    struct request put = {.verb = MQ_VERB_PUT, .number = 1, .puts = &item, .put_count = 1};
    struct bytes frame = {NULL, 0};
    limit_memory(4 * MIB);
    enum mq_status status = codec_encode_request(codec, &put, &frame);
    limit_memory(0);
    CHECK_EQUAL(status, MQ_NO_MEMORY);
    CHECK(frame.data == NULL);
    check_ping_works();
    munmap((void *)(uintptr_t)item.body.data, SIZE);
}

/* `count` times the same item between head and tail. */
static struct bytes list_frame(struct bytes head, struct bytes item, struct bytes tail, size_t count)
{
    size_t size = head.size + count * item.size + tail.size;
    uint8_t *data = map(size);
    memcpy(data, head.data, head.size);
    for (size_t i = 0; i < count; i++)
        memcpy(data + head.size + i * item.size, item.data, item.size);
    memcpy(data + head.size + count * item.size, tail.data, tail.size);
    return (struct bytes){data, size};
}

static void without_memory_for_its_items_a_put_is_not_decoded(void)
{
    struct bytes frame = list_frame((struct bytes){"\x97\x0d\x01\x90\xa1q\x00\xdd\x00\x01\x00\x00", 12},
                                    (struct bytes){"\xc4\x00", 2}, (struct bytes){"\x80", 1}, MQ_ITEMS_MAX);
    struct client_frame seen;
    const char *why = NULL;
    limit_memory(1 * MIB);
    enum mq_status status = codec_decode_client(codec, frame, &seen, &why);
    limit_memory(0);
    CHECK_EQUAL(status, MQ_NO_MEMORY);
    CHECK(strcmp(why, "out of memory") == 0);
    check_ping_works();
    munmap((void *)(uintptr_t)frame.data, frame.size);
}

static void without_memory_for_its_items_an_answer_is_not_decoded(void)
{
    struct bytes frame =
        list_frame((struct bytes){"\x96\x0e\x01\x00\x00\xdd\x00\x01\x00\x00", 10},
                   (struct bytes){"\x93\x01\x01\xc4\x00", 5}, (struct bytes){"\x80", 1}, MQ_ITEMS_MAX);
    struct broker_frame seen;
    const char *why = NULL;
    limit_memory(1 * MIB);
    enum mq_status status = codec_decode_broker(codec, frame, &seen, &why);
    limit_memory(0);
    CHECK_EQUAL(status, MQ_NO_MEMORY);
    CHECK(strcmp(why, "out of memory") == 0);
    check_ping_works();
    munmap((void *)(uintptr_t)frame.data, frame.size);
}

static void without_memory_there_is_no_codec(void)
{
    malloc_always_fails = true;
    struct codec *none = codec_new();
    malloc_always_fails = false;
    CHECK(none == NULL);
    codec_free(NULL);
}

static const struct unit_test tests[] = {
    UNIT(without_memory_for_a_frame_it_is_not_encoded),
    UNIT(without_memory_for_its_items_a_put_is_not_decoded),
    UNIT(without_memory_for_its_items_an_answer_is_not_decoded),
    UNIT(without_memory_there_is_no_codec),
};

int main(void)
{
    codec = codec_new();
    if (!codec)
        return 1;
    int failed = unit_run("codec_memory", tests, sizeof tests / sizeof *tests);
    codec_free(codec);
    return failed;
}
