/* replay.c - how long an engine takes to be made again from facts, without reading them from a disk.
 *
 *     build/release/bench_replay [ITEMS [BATCH [KIND [DONE]]]]
 *
 * ITEMS (5 million) of 100 bytes, BATCH (256) a put, in a queue of this KIND; of each hundred, DONE (0) were
 * taken and finished, a batch at a time. Facts are made on the way, a MiB at a time; only replay counts. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "engine.h"
#include "key.h"

enum { BODY_SIZE = 100, GROUP_SIZE = 1 << 20, SESSION = 1, QUEUE = 1 };

struct bench {
    struct engine *engine;
    struct facts facts;
    enum mq_kind kind;
    uint64_t next_id, next_call, next_done, random;
    double seconds;
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench_replay: %s\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void add_beginning(struct bench *b)
{
    struct settings settings = {.given = MQ_SETTINGS_ALL, .kind = b->kind};
    facts_add(&b->facts,
              &(struct fact){.kind = FACT_CHECKPOINT, .first_id = 1, .next_session = 1, .next_queue = 1});
    facts_add(&b->facts, &(struct fact){.kind = FACT_SESSION, .cause.session = SESSION, .next_number = 1});
    facts_add(&b->facts, &(struct fact){.kind = FACT_QUEUE,
                                        .queue = QUEUE,
                                        .name = mq_bytes("q"),
                                        .created = settings,
                                        .settings = settings});
}

static void add_item(struct bench *b)
{
    static const uint8_t body[BODY_SIZE];
    uint8_t encoded[MQ_KEY_SIZE_MAX];
    struct bytes key = {encoded, 0};
    if (b->kind == MQ_KIND_PRIORITY) {
        b->random = b->random * 6364136223846793005u + 1442695040888963407u;
        struct key number = {.type = MQ_KEY_INT, .integer = (int64_t)(b->random >> 44)};
        must(key_encode(&number, encoded, &key.size) == MQ_OK, "no key");
    }
    facts_item(&b->facts, b->kind == MQ_KIND_PRIORITY, key, (struct bytes){body, sizeof body});
}

static void add_confirmed(struct bench *b)
{
    facts_begin(&b->facts, &(struct fact){.kind = FACT_CONFIRMED, .cause.session = SESSION});
    facts_id(&b->facts, b->next_call++);
    facts_end(&b->facts);
}

static void add_put(struct bench *b, uint64_t count)
{
    struct fact fact = {
        .kind = FACT_STORED, .cause = {SESSION, b->next_call}, .queue = QUEUE, .total = count};
    fact.first_id = b->next_id;
    facts_begin(&b->facts, &fact);
    for (uint64_t i = 0; i < count; i++)
        add_item(b);
    facts_end(&b->facts);
    b->next_id += count;
    add_confirmed(b);
}

/* FIFO only, where it is known which ones are taken. */
static void add_done(struct bench *b, uint64_t count)
{
    struct range ids = {b->next_done, b->next_done + count - 1};
    struct fact taken = {
        .kind = FACT_TAKEN, .cause = {SESSION, b->next_call}, .queue = QUEUE, .count = count};
    facts_begin(&b->facts, &taken);
    facts_ids(&b->facts, ids);
    facts_end(&b->facts);
    add_confirmed(b);
    facts_begin(&b->facts, &(struct fact){.kind = FACT_DONE, .cause = {SESSION, b->next_call}});
    facts_ids(&b->facts, ids);
    facts_end(&b->facts);
    add_confirmed(b);
    b->next_done += count;
}

static void replay_group(struct bench *b)
{
    const char *why = NULL;
    uint8_t *data;
    size_t size, capacity;
    facts_take(&b->facts, NULL, 0, &data, &size, &capacity);
    double began = now();
    bool ok = engine_replay(b->engine, (struct bytes){data + FACTS_HEAD, size - FACTS_HEAD}, 1, false, &why);
    b->seconds += now() - began;
    must(ok, why);
    free(data);
}

static void run(struct bench *b, uint64_t items, uint64_t batch, uint64_t done)
{
    uint64_t due = 0;
    add_beginning(b);
    while (b->next_id <= items) {
        add_put(b, batch);
        for (due += batch * done; due >= 100 * batch; due -= 100 * batch)
            add_done(b, batch);
        if (facts_size(&b->facts) >= GROUP_SIZE || b->next_id > items)
            replay_group(b);
    }
    double began = now();
    must(engine_begin(b->engine, 0), "no memory");
    b->seconds += now() - began;
}

int main(int argc, char **argv)
{
    static struct bench b = {.next_id = 1, .next_call = 1, .next_done = 1};
    uint64_t items = argc > 1 ? strtoull(argv[1], NULL, 10) : 5000000;
    uint64_t batch = argc > 2 ? strtoull(argv[2], NULL, 10) : 256;
    uint64_t done = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    must(argc <= 3 || mq_kind_from_name(argv[3], &b.kind), "no such kind");
    must(items > 0 && batch > 0 && batch <= MQ_ITEMS_MAX && done <= 100, "no such numbers");
    must(done == 0 || b.kind == MQ_KIND_FIFO, "only of a FIFO it is known what was taken");
    struct engine_options options;
    engine_options_default(&options);
    options.is_durable = true;
    options.memory_limit = UINT64_MAX / 4;
    b.engine = engine_new(&options, 0);
    must(b.engine, "no engine");
    facts_init(&b.facts, true);
    run(&b, items, batch, done);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%-9s items %9" PRIu64 " batch %5" PRIu64 " done %3" PRIu64
           " %%   %6.2f s   %6.1f ns an item   %5ld MiB\n",
           mq_kind_name(b.kind), items, batch, done, b.seconds, b.seconds * 1e9 / (double)items,
           usage.ru_maxrss / 1024);
    engine_free(b.engine);
    facts_done(&b.facts);
    return 0;
}
