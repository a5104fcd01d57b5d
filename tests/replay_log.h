/* replay_log.h - a log that a test writes by hand, fact by fact, and the engine that reads it. */
#ifndef MQ_REPLAY_LOG_H
#define MQ_REPLAY_LOG_H

#include <string.h>

#include "engine.h"
#include "rig.h"

/* Session N of a log has the id of the rig's session OLD + N. */
enum { SEGMENT = 7, OLD = 40 };

/* A log that is being written, and the engine that is to read it. */
struct log_rig {
    struct facts facts;
    struct engine *engine;
    const char *why;
};

static inline struct fact checkpoint_of(uint64_t next_item, uint64_t next_session, uint64_t next_queue)
{
    return (struct fact){.kind = FACT_CHECKPOINT,
                         .first_id = next_item,
                         .next_session = next_session,
                         .next_queue = next_queue,
                         .segment = SEGMENT};
}

static inline struct fact session_of(uint64_t number)
{
    struct fact f = {
        .kind = FACT_SESSION, .cause.session = number, .name = mq_bytes("client"), .next_number = 1};
    memset(f.session_id, OLD + (int)number, sizeof f.session_id);
    return f;
}

static inline struct settings all_of(enum mq_kind kind)
{
    return (struct settings){.given = MQ_SETTINGS_ALL, .kind = kind};
}

static inline struct fact queue_of(uint64_t number, const char *name, enum mq_kind kind)
{
    return (struct fact){.kind = FACT_QUEUE,
                         .queue = number,
                         .name = mq_bytes(name),
                         .created = all_of(kind),
                         .settings = all_of(kind)};
}

static inline struct engine *new_engine(void)
{
    struct engine_options options;
    engine_options_default(&options);
    options.is_durable = true;
    struct engine *e = engine_new(&options, RIG_EPOCH_MS);
    CHECK(e != NULL);
    return e;
}

/* A log that begins with a checkpoint of nothing. */
static inline struct log_rig new_log(void)
{
    struct log_rig l = {.engine = new_engine()};
    facts_init(&l.facts, true);
    struct fact checkpoint = checkpoint_of(1, 1, 1);
    facts_add(&l.facts, &checkpoint);
    return l;
}

static inline void add(struct log_rig *l, struct fact fact)
{
    facts_add(&l->facts, &fact);
}

static inline void add_ids(struct log_rig *l, struct fact fact, const uint64_t *ids, size_t count)
{
    facts_begin(&l->facts, &fact);
    for (size_t i = 0; i < count; i++)
        facts_id(&l->facts, ids[i]);
    facts_end(&l->facts);
}
#define ADD_IDS(l, fact, ...)                                                                                \
    add_ids((l), (fact), (const uint64_t[]){__VA_ARGS__},                                                    \
            sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* A session, 1, and a queue, 1, called "q". */
static inline struct log_rig new_plain_log(enum mq_kind kind)
{
    struct log_rig l = new_log();
    add(&l, session_of(1));
    add(&l, queue_of(1, "q", kind));
    return l;
}

/* Bodies are one letter each. */
static inline void add_stored_of(struct log_rig *l, uint64_t call, uint64_t first_id, const char *bodies,
                                 uint64_t total)
{
    facts_begin(&l->facts, &(struct fact){.kind = FACT_STORED,
                                          .cause = {1, call},
                                          .queue = 1,
                                          .first_id = first_id,
                                          .time_ms = RIG_EPOCH_MS - 500,
                                          .total = total});
    for (; *bodies; bodies++)
        facts_item(&l->facts, false, (struct bytes){0}, (struct bytes){bodies, 1});
    facts_end(&l->facts);
}

static inline void add_stored(struct log_rig *l, uint64_t call, uint64_t first_id, const char *bodies)
{
    add_stored_of(l, call, first_id, bodies, strlen(bodies));
}

static inline struct fact taken_of(uint64_t call, uint64_t count)
{
    return (struct fact){.kind = FACT_TAKEN, .cause = {1, call}, .queue = 1, .count = count};
}

static inline struct fact about_items(enum fact_kind kind, uint64_t call)
{
    return (struct fact){.kind = kind, .cause = {1, call}};
}

static inline void add_moved(struct log_rig *l, uint64_t id, const char *body, uint32_t deliveries,
                             uint64_t session, uint64_t call)
{
    facts_begin(&l->facts, &(struct fact){.kind = FACT_MOVED,
                                          .queue = 1,
                                          .first_id = id,
                                          .time_ms = RIG_EPOCH_MS - 700,
                                          .deliveries = deliveries,
                                          .cause = {session, call}});
    facts_item(&l->facts, false, (struct bytes){0}, mq_bytes(body));
    facts_end(&l->facts);
}

/* Reads what has been written so far. NULL: it made sense. */
static inline const char *replay(struct log_rig *l, bool lenient)
{
    l->why = NULL;
    struct bytes bytes = facts_bytes(&l->facts);
    bool ok = engine_replay(l->engine, bytes, SEGMENT, lenient, &l->why);
    CHECK_EQUAL(ok, l->why == NULL);
    facts_done(&l->facts);
    facts_init(&l->facts, true);
    return l->why;
}

/* The log makes sense, and an engine begins with it. */
static inline struct rig begin(struct log_rig *l)
{
    const char *why = replay(l, false);
    if (why)
        printf("\n    %s\n", why);
    CHECK(!why);
    facts_done(&l->facts);
    CHECK(engine_begin(l->engine, RIG_EPOCH_MS));
    engine_check(l->engine);
    return rig_around(l->engine);
}

#endif
