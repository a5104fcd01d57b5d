/* keeper_bench.h - engine, keeper and journal over a fake disk, with one client that asks, and has its
 * answers when they are safe. Jobs of the journal are done by hand, or all at once. */
#ifndef MQ_KEEPER_BENCH_H
#define MQ_KEEPER_BENCH_H

#include "fake_disk.h"
#include "key.h"
#include "keeper.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENT = 256 << 10, SALT = 99, RESERVE = 3, BENCH_ITEMS = 64, BENCH_BODY = 4096 };

/* What an answer said. */
struct seen {
    enum mq_status status;
    char text[200];
    uint64_t ids[BENCH_ITEMS];
    size_t id_count;
};

struct bench {
    struct fake_disk *fake;
    struct disk disk;
    struct journal_options options;
    struct journal *journal;
    struct engine *engine;
    struct keeper *keeper;
    struct journal_handle open[JOURNAL_HANDS];
    uint64_t now_ms;
    int client; /* which one it is */
    struct session *session;
    uint64_t number;     /* of the last request */
    uint64_t answered;   /* answers that were read */
    struct seen seen;    /* the last */
    uint64_t waiting;    /* in the queue that was asked about last */
    uint64_t live, over; /* most of both at any time: live bytes; bytes above twice that, in segments */
};

/* ---- beginning ---- */

static inline bool bench_replay(void *context, const struct recover_group *group, const char **ret_why)
{
    return engine_replay(context, group->facts, group->segment, false, ret_why);
}

/* One job of a hand; false: there was none. */
static inline bool step(struct bench *b, enum journal_hand hand)
{
    struct journal_job job;
    if (!journal_next_job(b->journal, hand, &job))
        return false;
    journal_do(&b->disk, &b->open[hand], &job);
    journal_job_done(b->journal, b->now_ms, hand, &job);
    journal_check(b->journal);
    return true;
}

static inline void turn(struct bench *b)
{
    journal_tick(b->journal, b->now_ms);
    keeper_turn(b->keeper, b->now_ms);
}

static inline struct journal_stat stat_of(const struct bench *b)
{
    struct journal_stat stat;
    journal_stat(b->journal, &stat);
    return stat;
}

/* Until nothing moves any more; time passes only if it must. */
static inline void settle(struct bench *b)
{
    for (;;) {
        turn(b);
        if (step(b, JOURNAL_WRITER) || step(b, JOURNAL_FILER))
            continue;
        uint64_t due = keeper_deadline_ms(b->keeper);
        if (due == UINT64_MAX)
            return;
        b->now_ms = due > b->now_ms ? due : b->now_ms;
    }
}

static inline struct engine *bench_engine(void)
{
    struct engine_options options;
    engine_options_default(&options);
    options.is_durable = true;
    options.first_item = 1;
    options.hash_seed = 5;
    return engine_new(&options, 1000);
}

/* A broker on what lies on the disk. */
static inline void bench_start(struct bench *b)
{
    struct recover_options options = {.on_group = bench_replay};
    struct recover_found found;
    struct journal_files files;
    b->disk = fake_disk_calls(b->fake);
    b->now_ms = 1000;
    options.context = b->engine = bench_engine();
    CHECK_EQUAL(recover(&b->disk, &options, &found), RECOVER_OK);
    CHECK_EQUAL(journal_begin(&b->disk, &found, b->options.segment_size, &files), 0);
    CHECK(engine_begin(b->engine, b->now_ms));
    b->journal = journal_new(&b->options, &found, &files, b->now_ms);
    b->keeper = keeper_new(b->engine, b->journal);
    CHECK(b->journal && b->keeper);
    for (int i = 0; i < JOURNAL_HANDS; i++)
        b->open[i].handle = -1;
    while (keeper_is_busy(b->keeper)) {
        turn(b);
        CHECK(step(b, JOURNAL_WRITER) || step(b, JOURNAL_FILER) || keeper_deadline_ms(b->keeper) > b->now_ms);
        b->now_ms += 5;
    }
}

static inline struct bench bench_new(uint64_t interval_ms)
{
    struct bench b = {
        .fake = fake_disk_new(),
        .options = {
            .segment_size = SEGMENT, .sync_interval_ms = interval_ms, .reserve = RESERVE, .salt = SALT}};
    bench_start(&b);
    return b;
}

/* The process ends as after kill -9. */
static inline void bench_kill(struct bench *b)
{
    engine_free(b->engine);
    keeper_free(b->keeper);
    journal_free(b->journal);
    fake_disk_kill(b->fake);
    b->session = NULL;
}

static inline void bench_free(struct bench *b)
{
    bench_kill(b);
    fake_disk_free(b->fake);
}

/* ---- the client ---- */

static inline void say_hello(struct bench *b, bool resume)
{
    struct hello hello = {.version = MQ_PROTOCOL_VERSION,
                          .resume = resume,
                          .name = mq_bytes("bench"),
                          .next_number = resume ? b->number + 1 : 0};
    struct welcome welcome;
    void *old_peer;
    memset(hello.id, b->client + 1, sizeof hello.id);
    CHECK_EQUAL(engine_hello(b->engine, b->now_ms, &hello, b, &b->session, &old_peer, &welcome), MQ_OK);
}

/* Answers that may leave. */
static inline void read_answers(struct bench *b)
{
    void *peer;
    struct answer answer;
    while (engine_next_reply(b->engine, journal_safe(b->journal), &peer, &answer)) {
        b->answered++;
        b->seen.status = answer.status;
        snprintf(b->seen.text, sizeof b->seen.text, "%.*s", (int)answer.text.size,
                 answer.text.data ? (const char *)answer.text.data : "");
        b->seen.id_count = answer.item_count;
        if (answer.queue_count)
            b->waiting = answer.queues[0].ready;
        for (size_t i = 0; i < answer.item_count; i++)
            b->seen.ids[i] = answer.items[i].id;
    }
}

/* Sends a request that confirms all before it. */
static inline void submit(struct bench *b, struct request *request)
{
    const char *why = NULL;
    struct range all = {1, b->answered}; /* in order */
    if (!b->session)
        say_hello(b, b->number > 0);
    request->number = ++b->number;
    if (all.last)
        request->confirms = (struct ranges){&all, 1};
    CHECK_EQUAL(engine_submit(b->engine, b->now_ms, b->session, request, &why), MQ_OK);
}

/* Each of these waits for its answer. */
static inline void wait_for_answer(struct bench *b)
{
    for (int i = 0; b->answered < b->number; i++) {
        CHECK(i < 10000);
        turn(b);
        step(b, JOURNAL_WRITER);
        step(b, JOURNAL_FILER);
        read_answers(b);
    }
}

static inline void open_queue(struct bench *b, const char *queue, enum mq_kind kind)
{
    submit(b, &(struct request){.verb = MQ_VERB_OPEN,
                                .queue = mq_bytes(queue),
                                .settings = {.given = MQ_SETTING_KIND, .kind = kind}});
    wait_for_answer(b);
    CHECK_EQUAL(b->seen.status, MQ_OK);
}

static inline void submit_put(struct bench *b, const char *queue, size_t count, size_t size, int64_t key)
{
    static uint8_t body[BENCH_BODY];
    uint8_t bytes[MQ_KEY_SIZE_MAX];
    struct put_item puts[BENCH_ITEMS];
    struct bytes encoded = {0};
    CHECK(count <= BENCH_ITEMS && size <= BENCH_BODY);
    if (key && key_encode(&(struct key){.type = MQ_KEY_INT, .integer = key}, bytes, &encoded.size) == MQ_OK)
        encoded.data = bytes;
    for (size_t i = 0; i < count; i++)
        puts[i] = (struct put_item){.body = {body, size}, .key = encoded};
    submit(b, &(struct request){
                  .verb = MQ_VERB_PUT, .queue = mq_bytes(queue), .puts = puts, .put_count = count});
}

static inline void put(struct bench *b, const char *queue, size_t count, size_t size, int64_t key)
{
    submit_put(b, queue, count, size, key);
    wait_for_answer(b);
    CHECK_EQUAL(b->seen.status, MQ_OK);
}

/* The ids are in b->seen. */
static inline size_t get(struct bench *b, const char *queue, uint32_t max)
{
    submit(b, &(struct request){.verb = MQ_VERB_GET, .queue = mq_bytes(queue), .max = max});
    wait_for_answer(b);
    return b->seen.id_count;
}

static inline void task_done(struct bench *b, const uint64_t *ids, size_t count)
{
    submit(b, &(struct request){.verb = MQ_VERB_TASK_DONE, .ids = ids, .id_count = count});
    wait_for_answer(b);
    CHECK_EQUAL(b->seen.status, MQ_OK);
}

static inline void get_done(struct bench *b, const char *queue, uint32_t max)
{
    uint64_t ids[BENCH_ITEMS];
    size_t count = get(b, queue, max);
    memcpy(ids, b->seen.ids, sizeof ids);
    if (count > 0)
        task_done(b, ids, count);
}

#endif
