/* engine.c - what the rules alone cost: nanoseconds an item of putting, getting and finishing, without any
 * wire.
 *
 *     build/release/bench_engine [--durable] [BACKLOG [KIND [KEYS [PART [DIRECTORY]]]]]
 *
 * One session puts, another gets and finishes, over a queue that holds BACKLOG items (default 0) all the
 * time; priorities are random integers below KEYS. Durable: facts are made, too, and thrown away.
 *
 * With PART the queue is filled and emptied once instead, and real time counts; with DIRECTORY there is only
 * memory for one PARTth of it, and a shelf. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "key.h"

enum { BATCH_MAX = 8192, BODY_SIZE = 100, GROUP_SIZE = 1 << 20 };

struct side {
    struct session *session;
    uint64_t next_number;
    struct range confirm; /* the answer to the last request */
};

struct bench {
    struct engine *e;
    struct side producer, consumer;
    struct put_item puts[BATCH_MAX];
    uint8_t keys[BATCH_MAX][MQ_KEY_SIZE_MAX];
    uint64_t ids[BATCH_MAX], random, key_count;
    double put_ns, get_ns, done_ns;
    bool is_durable;
    uint8_t *spare; /* the block that facts were taken in before */
    size_t spare_capacity;
};

static clockid_t clock_id = CLOCK_PROCESS_CPUTIME_ID; /* whoever else is on the machine does not count */

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(clock_id, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench_engine: %s\n", what);
    exit(1);
}

static void begin(struct bench *b, struct side *side, uint8_t id)
{
    void *old;
    struct welcome welcome;
    struct hello hello = {.version = MQ_PROTOCOL_VERSION, .id = {id}};
    must(engine_hello(b->e, 0, &hello, side, &side->session, &old, &welcome) == MQ_OK, "no session");
    side->next_number = 1;
}

/* As a journal does it, but for writing them down. */
static void take_facts(struct bench *b)
{
    uint8_t *block;
    size_t size, capacity;
    if (!b->is_durable || facts_size(engine_facts(b->e)) < GROUP_SIZE)
        return;
    facts_take(engine_facts(b->e), b->spare, b->spare_capacity, &block, &size, &capacity);
    b->spare = block;
    b->spare_capacity = capacity;
    engine_taken(b->e, 0);
}

/* Asks, confirming the answer before; the answer must be there at once. */
static struct answer ask(struct bench *b, struct side *side, struct request *req)
{
    const char *why;
    void *peer;
    struct answer answer;
    req->number = side->next_number++;
    if (req->number > 1)
        req->confirms = (struct ranges){&side->confirm, 1};
    must(engine_submit(b->e, 0, side->session, req, &why) == MQ_OK, "refused");
    must(engine_next_reply(b->e, UINT64_MAX, &peer, &answer) && answer.status == MQ_OK,
         "no answer, or a bad one");
    side->confirm = (struct range){req->number, req->number};
    take_facts(b);
    return answer;
}

static void make_keys(struct bench *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        b->random = b->random * 6364136223846793005u + 1442695040888963407u;
        struct key key = {.type = MQ_KEY_INT, .integer = (int64_t)((b->random >> 24) % b->key_count)};
        must(key_encode(&key, b->keys[i], &b->puts[i].key.size) == MQ_OK, "no key");
        b->puts[i].key.data = b->keys[i];
    }
}

static void put(struct bench *b, enum mq_kind kind, size_t count)
{
    if (kind == MQ_KIND_PRIORITY)
        make_keys(b, count);
    double began = now_ns();
    struct request req = {
        .verb = MQ_VERB_PUT, .queue = mq_bytes("q"), .timeout_ms = -1, .puts = b->puts, .put_count = count};
    ask(b, &b->producer, &req);
    b->put_ns += now_ns() - began;
}

static void get_and_finish(struct bench *b, size_t count)
{
    double began = now_ns();
    struct request get = {
        .verb = MQ_VERB_GET, .queue = mq_bytes("q"), .timeout_ms = -1, .max = (uint32_t)count};
    struct answer answer = ask(b, &b->consumer, &get);
    must(answer.item_count == count, "too few items");
    for (size_t i = 0; i < count; i++)
        b->ids[i] = answer.items[i].id;
    double got = now_ns();
    struct request done = {.verb = MQ_VERB_TASK_DONE, .ids = b->ids, .id_count = count};
    ask(b, &b->consumer, &done);
    b->get_ns += got - began;
    b->done_ns += now_ns() - got;
}

static struct bench b;

/* An engine with one queue of this kind, and both sessions. */
static void set_up(bool is_durable, enum mq_kind kind, uint64_t key_count, uint64_t memory_limit,
                   const struct shelf *shelf)
{
    static const uint8_t body[BODY_SIZE];
    struct engine_options options;
    memset(&b, 0, sizeof b);
    engine_options_default(&options);
    options.memory_limit = memory_limit;
    options.shelf = shelf;
    options.is_durable = b.is_durable = is_durable;
    b.e = engine_new(&options, 0);
    must(b.e, "no engine");
    begin(&b, &b.producer, 1);
    begin(&b, &b.consumer, 2);
    b.key_count = key_count;
    for (size_t i = 0; i < BATCH_MAX; i++)
        b.puts[i].body = (struct bytes){body, sizeof body};
    struct request open = {
        .verb = MQ_VERB_OPEN, .queue = mq_bytes("q"), .settings = {.given = MQ_SETTING_KIND, .kind = kind}};
    ask(&b, &b.producer, &open);
}

static void run(bool is_durable, enum mq_kind kind, size_t batch, size_t backlog, uint64_t key_count)
{
    set_up(is_durable, kind, key_count, UINT64_MAX / 4, NULL);
    for (size_t i = 0; i < backlog / BATCH_MAX; i++)
        put(&b, kind, BATCH_MAX);
    size_t rounds = 2000000 / batch;
    for (size_t i = 0; i < rounds; i++) {
        if (i == rounds / 10)
            b.put_ns = b.get_ns = b.done_ns = 0;
        put(&b, kind, batch);
        get_and_finish(&b, batch);
    }
    double items = (double)(rounds - rounds / 10) * (double)batch;
    printf("%-9s batch %4zu backlog %8zu   put %6.1f   get %6.1f   done %6.1f   ns an item\n",
           mq_kind_name(kind), batch, backlog, b.put_ns / items, b.get_ns / items, b.done_ns / items);
    engine_free(b.e);
    free(b.spare);
}

/* ---- filled and emptied ---- */

/* MiB of memory that the process has now. */
static double resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    must(file && fscanf(file, "%*s %ld", &pages) == 1, "no /proc");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void see_most(double *resident_most, double *memory_most, double *shelved_most)
{
    struct broker_stat stat;
    engine_stat(b.e, &stat);
    double now = resident(), memory = (double)stat.memory / (1 << 20),
           shelved = (double)stat.shelved / (1 << 20);
    *resident_most = now > *resident_most ? now : *resident_most;
    *memory_most = memory > *memory_most ? memory : *memory_most;
    *shelved_most = shelved > *shelved_most ? shelved : *shelved_most;
}

static void fill_and_empty(bool is_durable, enum mq_kind kind, size_t count, uint64_t limit,
                           const struct shelf *shelf)
{
    enum { BATCH = 256, LOOK = 64 };
    double resident_most = 0, memory_most = 0, shelved_most = 0, before = resident();
    set_up(is_durable, kind, 1000003, limit, shelf);
    for (size_t i = 0; i < count / BATCH; i++) {
        put(&b, kind, BATCH);
        if (i % LOOK == 0)
            see_most(&resident_most, &memory_most, &shelved_most);
    }
    for (size_t i = 0; i < count / BATCH; i++) {
        get_and_finish(&b, BATCH);
        if (i % LOOK == 0)
            see_most(&resident_most, &memory_most, &shelved_most);
    }
    double items = (double)(count / BATCH * BATCH);
    printf("%-9s batch %d, %zu filled and emptied: put %.1f, get %.1f, done %.1f ns an item; "
           "at most: resident %.0f MiB more, counted %.1f of %.1f MiB, on the shelf %.0f\n",
           mq_kind_name(kind), BATCH, count, b.put_ns / items, b.get_ns / items, b.done_ns / items,
           resident_most - before, memory_most, (double)limit / (1 << 20), shelved_most);
    engine_free(b.e);
    free(b.spare);
}

static int compare_with_shelf(bool is_durable, enum mq_kind kind, size_t count, uint64_t part,
                              const char *directory)
{
    enum { COST = 200 }; /* of an item, about, as it is counted */
    struct shelf shelf = {NULL, NULL};
    clock_id = CLOCK_MONOTONIC;
    if (directory)
        must(shelf_open(directory, &(struct shelf_options){.region_size = 0}, &shelf) == 0, "no shelf");
    fill_and_empty(is_durable, kind, count, directory ? count * COST / part : UINT64_MAX / 4,
                   directory ? &shelf : NULL);
    shelf_close(&shelf);
    return 0;
}

int main(int argc, char **argv)
{
    const size_t batches[] = {1, 16, 64, 256, 1024, 8000};
    bool is_durable = argc > 1 && !strcmp(argv[1], "--durable");
    argc -= is_durable;
    argv += is_durable;
    size_t backlog = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    uint64_t key_count = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000003;
    enum mq_kind kind = MQ_KIND_FIFO;
    must(argc < 3 || mq_kind_from_name(argv[2], &kind), "no such kind");
    must(key_count > 0, "no keys");
    if (argc > 4)
        return compare_with_shelf(is_durable, kind, backlog, strtoull(argv[4], NULL, 10),
                                  argc > 5 ? argv[5] : NULL);
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
        run(is_durable, kind, batches[i], backlog, key_count);
    return 0;
}
