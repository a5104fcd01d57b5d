/* codec.c - what the codec costs: nanoseconds an item for encoding and decoding the frames that carry items.
 *
 *   bench_codec [ITEMS a frame, 256] [BYTES a body, 100] [ROUNDS, 20000]
 *
 * Prints one line a frame: the best of five runs, so that a busy machine disturbs it less. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codec.h"

enum { RUNS = 5 };

static struct codec *codec;
static struct client_frame from_client;
static struct broker_frame from_broker;
static struct bytes frame;

static void must(enum mq_status status)
{
    if (status == MQ_OK)
        return;
    fprintf(stderr, "bench_codec: %s\n", mq_status_text(status));
    exit(1);
}

static void encode_put(const void *put)
{
    must(codec_encode_request(codec, put, &frame));
}

static void encode_answer(const void *answer)
{
    must(codec_encode_answer(codec, answer, &frame));
}

static void decode_client(const void *nothing)
{
    const char *why;
    (void)nothing;
    must(codec_decode_client(codec, frame, &from_client, &why));
}

static void decode_broker(const void *nothing)
{
    const char *why;
    (void)nothing;
    must(codec_decode_broker(codec, frame, &from_broker, &why));
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void measure(const char *what, void (*step)(const void *), const void *argument, size_t items,
                    long rounds)
{
    double best = 1e18;
    step(argument);
    for (int run = 0; run < RUNS; run++) {
        double began = now_ns();
        for (long i = 0; i < rounds; i++)
            step(argument);
        double each = (now_ns() - began) / (double)rounds / (double)items;
        best = each < best ? each : best;
    }
    printf("%-18s %6.1f ns an item\n", what, best);
}

int main(int argc, char **argv)
{
    size_t items = argc > 1 ? strtoul(argv[1], NULL, 10) : 256;
    size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 100;
    long rounds = argc > 3 ? strtol(argv[3], NULL, 10) : 20000;
    char *body = calloc(1, size + 1);
    struct put_item *puts = calloc(items, sizeof *puts);
    struct item_view *views = calloc(items, sizeof *views);
    codec = codec_new();
    if (!body || !puts || !views || !codec)
        must(MQ_NO_MEMORY);
    for (size_t i = 0; i < items; i++) {
        puts[i].body = (struct bytes){body, size};
        views[i] = (struct item_view){.id = (1ull << 52) + i, .deliveries = 1, .body = puts[i].body};
    }
    struct request put = {.verb = MQ_VERB_PUT, .queue = mq_bytes("jobs"), .puts = puts, .put_count = items};
    struct answer got = {.verb = MQ_VERB_GET, .items = views, .item_count = items};
    measure("put, encode", encode_put, &put, items, rounds);
    measure("put, decode", decode_client, NULL, items, rounds);
    measure("get answer, encode", encode_answer, &got, items, rounds);
    measure("get answer, decode", decode_broker, NULL, items, rounds);
    codec_free(codec);
    free(views);
    free(puts);
    free(body);
    return 0;
}
