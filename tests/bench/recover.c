/* recover.c - how fast a data directory is read back: the bytes alone; with each fact looked at; into an
 * engine.
 *
 *     build/release/bench_recover DIR [ITEMS [BODY [BATCH]]]
 *
 * Writes a log of ITEMS items of BODY bytes, BATCH in each group, into DIR, which is made and must be empty,
 * and reads it. Its files are still in the page cache then. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "disk.h"
#include "engine.h"
#include "machine.h"
#include "recover.h"

enum { SALT = 77, FILE_SIZE = 64 << 20, BODY_MAX = 1 << 20 };

struct writer {
    struct disk disk;
    struct facts facts;
    uint64_t segment, offset, sequence, item;
    int handle;
    uint8_t *spare;
    size_t spare_capacity;
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_recover: %s\n", what);
        exit(1);
    }
}

static void open_segment(struct writer *w)
{
    char name[DISK_NAME_MAX];
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    if (w->segment > 0)
        w->disk.calls->close(w->disk.context, w->handle);
    struct segment_head head = {
        .version = SEGMENT_VERSION, .segment = ++w->segment, .salt = SALT, .sequence = w->sequence};
    struct fact checkpoint = {
        .kind = FACT_CHECKPOINT, .first_id = 1, .next_session = 1, .next_queue = 1, .segment = 1};
    segment_name(w->segment, name);
    w->handle = w->disk.calls->open(w->disk.context, name, 1);
    segment_write_head(&head, bytes);
    must(w->handle >= 0 && w->disk.calls->write(w->disk.context, w->handle, 0, bytes, sizeof bytes) == 0,
         "cannot write");
    w->offset = SEGMENT_HEAD_SIZE;
    facts_add(&w->facts, &checkpoint);
}

static void write_group(struct writer *w)
{
    uint8_t *data;
    size_t size, capacity;
    must(facts_reserve(&w->facts, 8), "out of memory");
    facts_take(&w->facts, w->spare, w->spare_capacity, &data, &size, &capacity);
    struct group_head head = {
        .segment = w->segment, .sequence = w->sequence++, .size = (uint32_t)(size - GROUP_HEAD_SIZE)};
    group_seal(data, &head, SALT);
    must(w->disk.calls->write(w->disk.context, w->handle, w->offset, data, group_bytes(head.size)) == 0,
         "cannot write");
    w->offset += group_bytes(head.size);
    w->spare = data;
    w->spare_capacity = capacity;
}

static void begin_log(struct writer *w)
{
    struct settings settings = {.given = MQ_SETTINGS_ALL, .kind = MQ_KIND_FIFO};
    struct fact session = {.kind = FACT_SESSION, .cause.session = 1, .name = {"bench", 5}, .next_number = 1};
    struct fact queue = {
        .kind = FACT_QUEUE, .queue = 1, .name = {"q", 1}, .created = settings, .settings = settings};
    facts_add(&w->facts, &session);
    facts_add(&w->facts, &queue);
}

static void add_items(struct writer *w, size_t body, uint64_t batch)
{
    static uint8_t bytes[BODY_MAX];
    struct fact stored = {.kind = FACT_STORED,
                          .cause = {1, w->sequence},
                          .queue = 1,
                          .time_ms = 1,
                          .first_id = w->item,
                          .total = batch};
    struct fact confirmed = {.kind = FACT_CONFIRMED, .cause.session = 1};
    must(facts_reserve(&w->facts, batch * (body + FACT_ITEM_MAX) + 4096), "out of memory");
    facts_begin(&w->facts, &stored);
    for (uint64_t i = 0; i < batch; i++)
        facts_item(&w->facts, false, (struct bytes){"", 0}, (struct bytes){bytes, body});
    facts_end(&w->facts);
    facts_begin(&w->facts, &confirmed);
    facts_id(&w->facts, w->sequence);
    facts_end_lazily(&w->facts);
    w->item += batch;
}

static void write_log(struct disk disk, uint64_t items, size_t body, uint64_t batch)
{
    struct writer w = {.disk = disk, .sequence = 1, .item = 1};
    facts_init(&w.facts, true);
    for (uint64_t left = items; left > 0;) {
        bool opens = w.segment == 0 || w.offset + batch * (body + FACT_ITEM_MAX) > FILE_SIZE;
        uint64_t count = left < batch ? left : batch;
        if (opens)
            open_segment(&w);
        if (w.sequence == 1)
            begin_log(&w);
        add_items(&w, body, count);
        write_group(&w);
        left -= count;
    }
    disk.calls->close(disk.context, w.handle);
    facts_done(&w.facts);
    free(w.spare);
}

/* ---- reading ---- */

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool walk(void *context, const struct recover_group *group, const char **ret_why)
{
    struct fact_reader reader;
    struct fact fact;
    struct put_item put;
    uint64_t *sum = context;
    fact_read(&reader, group->facts);
    while (fact_next(&reader, &fact))
        while (fact.kind == FACT_STORED && fact_next_item(&reader, &fact, false, &put))
            *sum += put.body.size;
    *ret_why = reader.why;
    return !reader.why;
}

static bool replay(void *context, const struct recover_group *group, const char **ret_why)
{
    return engine_replay(context, group->facts, group->segment, false, ret_why);
}

static void read_log(struct disk disk, const char *what, uint64_t items, void *context,
                     bool (*on_group)(void *, const struct recover_group *, const char **))
{
    struct recover_found found;
    struct recover_options options = {.only_looks = true, .on_group = on_group, .context = context};
    double began = now_s();
    enum recover_result result = recover(&disk, &options, &found);
    double took = now_s() - began;
    must(result == RECOVER_OK, found.text);
    printf("%-8s %6.2f s  %6.2f GB/s  %6.2f M items/s\n", what, took, (double)found.bytes / took / 1e9,
           (double)items / took / 1e6);
}

int main(int argc, char **argv)
{
    uint64_t items = argc > 2 ? strtoull(argv[2], NULL, 10) : 5000000, sum = 0;
    size_t body = argc > 3 ? strtoull(argv[3], NULL, 10) : 100;
    uint64_t batch = argc > 4 ? strtoull(argv[4], NULL, 10) : 256;
    struct engine_options options;
    struct recover_found found;
    struct disk disk;
    must(argc > 1 && body <= BODY_MAX && batch > 0 && batch <= MQ_ITEMS_MAX,
         "usage: bench_recover DIR [ITEMS [BODY [BATCH]]]");
    must(disk_open(argv[1], &disk) == 0, "cannot open the directory");
    must(recover(&disk, &(struct recover_options){.only_looks = true}, &found) == RECOVER_OK, found.text);
    if (found.groups == 0)
        write_log(disk, items, body, batch);
    for (int i = 0; i < 3; i++) {
        read_log(disk, "bytes", items, NULL, NULL);
        read_log(disk, "facts", items, &sum, walk);
    }
    engine_options_default(&options);
    options.is_durable = true;
    options.first_item = 1;
    options.memory_limit = machine_memory();
    struct engine *e = engine_new(&options, machine_clock_ms());
    must(e != NULL, "out of memory");
    read_log(disk, "engine", items, e, replay);
    engine_free(e);
    disk_close(&disk);
    return 0;
}
