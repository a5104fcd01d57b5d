/* fuzz_replay.c - any bytes are a log that is refused with a reason, or one with which an engine begins that
 * keeps every invariant, whatever is asked of it then.
 *
 * An input is one byte (its lowest bit: lenient) and the facts of one group. */
#include "fuzz.h"

#include <string.h>

#include "engine.h"

enum { START_MS = 1000000, SEGMENT = 3, ITEMS = 64, QUEUES = 16 };

struct world {
    struct engine *engine;
    struct session *session;
    uint64_t now_ms, next_number;
    uint64_t ids[ITEMS]; /* that the last answer gave */
    size_t id_count;
    char names[QUEUES][MQ_NAME_SIZE_MAX];
    struct bytes queues[QUEUES];
    size_t queue_count;
};

static void see(struct world *w, const struct answer *a)
{
    w->id_count = 0;
    for (size_t i = 0; i < a->item_count && i < ITEMS; i++)
        w->ids[w->id_count++] = a->items[i].id;
    for (size_t i = 0; i < a->queue_count && w->queue_count < QUEUES; i++) {
        char *name = w->names[w->queue_count];
        memcpy(name, a->queues[i].name.data, a->queues[i].name.size);
        w->queues[w->queue_count++] = (struct bytes){name, a->queues[i].name.size};
    }
}

static void ask(struct world *w, struct request req)
{
    const char *why;
    void *peer;
    struct answer answer;
    struct range before = {1, w->next_number};
    req.number = ++w->next_number;
    if (before.last > 0)
        req.confirms = (struct ranges){&before, 1};
    FUZZ_CHECK(engine_submit(w->engine, w->now_ms, w->session, &req, &why) == MQ_OK);
    engine_check(w->engine);
    while (engine_next_reply(w->engine, UINT64_MAX, &peer, &answer))
        see(w, &answer);
}

static void use_queue(struct world *w, struct bytes name)
{
    const struct put_item item = {.body = mq_bytes("body")};
    ask(w, (struct request){.verb = MQ_VERB_PUT, .queue = name, .puts = &item, .put_count = 1});
    ask(w, (struct request){.verb = MQ_VERB_PEEK, .queue = name, .max = ITEMS, .last = true});
    ask(w, (struct request){.verb = MQ_VERB_GET, .queue = name, .max = ITEMS});
    if (w->id_count > 0)
        ask(w, (struct request){.verb = MQ_VERB_TASK_DONE, .ids = w->ids, .id_count = w->id_count / 2 + 1});
}

static void pass_time(struct world *w, uint64_t by_ms)
{
    for (uint64_t until_ms = w->now_ms + by_ms; w->now_ms < until_ms;) {
        uint64_t due_ms = engine_deadline_ms(w->engine);
        due_ms = due_ms > w->now_ms ? due_ms : w->now_ms;
        w->now_ms = due_ms < until_ms ? due_ms : until_ms;
        engine_tick(w->engine, w->now_ms);
    }
    engine_check(w->engine);
}

static void use(struct world *w)
{
    void *old;
    struct welcome welcome;
    struct hello hello = {.version = MQ_PROTOCOL_VERSION, .id = "a fuzzy client"};
    if (engine_hello(w->engine, w->now_ms, &hello, w, &w->session, &old, &welcome) != MQ_OK)
        return;
    ask(w, (struct request){.verb = MQ_VERB_SESSIONS, .max = ITEMS});
    ask(w, (struct request){.verb = MQ_VERB_LIST, .max = QUEUES});
    for (size_t i = 0; i < w->queue_count; i++)
        use_queue(w, w->queues[i]);
    pass_time(w, 5000);
    for (size_t i = 0; i < w->queue_count; i++)
        use_queue(w, w->queues[i]);
    for (size_t i = 0; i < w->queue_count; i++)
        ask(w, (struct request){.verb = MQ_VERB_REMOVE, .queue = w->queues[i], .force = true});
    engine_disconnect(w->engine, w->now_ms, w->session);
    pass_time(w, 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct engine_options options;
    const char *why = NULL;
    if (size == 0)
        return 0;
    engine_options_default(&options);
    options.is_durable = true;
    options.remember_ms = 500;
    struct world w = {.engine = engine_new(&options, START_MS), .now_ms = START_MS};
    FUZZ_CHECK(w.engine);
    bool lenient = data[0] & 1;
    bool ok = engine_replay(w.engine, (struct bytes){data + 1, size - 1}, SEGMENT, lenient, &why);
    FUZZ_CHECK(ok == !why);
    if (ok && engine_begin(w.engine, START_MS)) {
        engine_check(w.engine);
        use(&w);
    }
    engine_free(w.engine);
    return 0;
}
