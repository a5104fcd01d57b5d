/* log_world.c - see log_world.h. */
#include "log_world.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"

uint64_t world_random(struct world *w, uint64_t below)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (w->random >> 33) % below;
}

static struct engine *new_engine(const struct world *w)
{
    struct engine *e = engine_new(&w->options, w->now_ms);
    CHECK(e != NULL);
    return e;
}

static void begin_segment(struct world *w)
{
    world_take(w);
    CHECK(engine_checkpoint(w->engine, w->segment + 1, w->oldest));
    w->segment++;
    world_take(w);
}

void world_init(struct world *w, uint64_t seed)
{
    *w = (struct world){.random = seed, .now_ms = 1000, .oldest = 1};
    engine_options_default(&w->options);
    w->options.is_durable = true;
    w->options.resume_grace_ms = 300;
    w->options.remember_ms = 3000;
    w->options.sessions_max = WORLD_CLIENTS + 2;
    w->options.unconfirmed_max = WORLD_SENT / 2;
    w->options.waiting_max = 8;
    w->engine = new_engine(w);
    begin_segment(w);
}

void world_done(struct world *w)
{
    for (size_t i = 0; i < w->group_count; i++)
        free(w->groups[i].block);
    free(w->groups);
    engine_free(w->engine);
}

/* ---- the log ---- */

void world_take(struct world *w)
{
    struct facts *facts = engine_facts(w->engine);
    uint8_t *block;
    size_t size, capacity;
    if (!facts_are_there(facts))
        return;
    facts_take(facts, NULL, 0, &block, &size, &capacity);
    w->groups = realloc(w->groups, (w->group_count + 1) * sizeof *w->groups);
    CHECK(w->groups != NULL);
    w->groups[w->group_count++] =
        (struct world_group){w->segment, block, {block + FACTS_HEAD, size - FACTS_HEAD}};
    engine_taken(w->engine, w->now_ms);
}

static void drop_oldest(struct world *w)
{
    size_t count = 0;
    engine_dropping(w->engine, w->oldest);
    world_take(w);
    while (w->groups[count].segment == w->oldest)
        free(w->groups[count++].block);
    w->group_count -= count;
    memmove(w->groups, w->groups + count, w->group_count * sizeof *w->groups);
    w->oldest++;
    w->passage_group = w->passage_at = 0;
    w->dropped++;
}

/* A piece of the oldest segment is gone through. */
static void compact(struct world *w)
{
    if (w->oldest == w->segment)
        return;
    if (!engine_needs(w->engine, w->oldest)) {
        drop_oldest(w);
        return;
    }
    uint64_t position = engine_position(w->engine);
    struct world_group *group = &w->groups[w->passage_group];
    size_t budget = world_random(w, 3) ? 1 + world_random(w, 300) : 100000;
    CHECK(engine_move(w->engine, group->facts, &w->passage_at, budget));
    CHECK_EQUAL(engine_position(w->engine), position);
    w->moved += facts_are_there(engine_facts(w->engine));
    if (w->passage_at < group->facts.size)
        return;
    w->passage_at = 0;
    if (w->groups[++w->passage_group].segment == w->oldest)
        return;
    engine_moved(w->engine, w->oldest);
    CHECK(!engine_needs(w->engine, w->oldest));
    drop_oldest(w);
}

struct engine *world_replay(struct world *w)
{
    struct engine *e = new_engine(w);
    for (size_t i = 0; i < w->group_count; i++) {
        const char *why;
        if (!engine_replay(e, w->groups[i].facts, w->groups[i].segment, false, &why)) {
            printf("\n    step %llu: %s\n", (unsigned long long)w->steps, why);
            CHECK(false);
        }
    }
    CHECK(engine_begin(e, w->now_ms));
    engine_check(e);
    w->replays++;
    return e;
}

void world_restart(struct world *w)
{
    struct engine *e = world_replay(w);
    engine_free(w->engine);
    w->engine = e;
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        w->clients[i].session = NULL;
    w->passage_group = w->passage_at = 0; /* what has been moved already will be moved again */
    w->restarts++;
    begin_segment(w);
}

/* ---- requests ---- */

struct frame {
    struct put_item puts[WORLD_ITEMS];
    uint8_t bodies[WORLD_ITEMS][WORLD_BODY], keys[WORLD_ITEMS][MQ_KEY_SIZE_MAX];
};

static const char *const queue_names[] = {"fifo", "lifo", "priority", "small", "leases", "transient"};

static uint64_t roll(uint64_t *seed, uint64_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % below;
}

static void ask_to_put(uint64_t seed, bool has_keys, struct frame *frame, struct request *req)
{
    static const int64_t timeouts[] = {0, 0, 50, MQ_FOREVER_MS};
    req->put_count = roll(&seed, 3) ? 1 + roll(&seed, WORLD_ITEMS) : 1;
    req->puts = frame->puts;
    req->timeout_ms = timeouts[roll(&seed, 4)];
    req->partial = roll(&seed, 4) == 0;
    for (size_t i = 0; i < req->put_count; i++) {
        struct put_item *put = &frame->puts[i];
        size_t size = roll(&seed, 9) ? roll(&seed, 30) : roll(&seed, WORLD_BODY);
        memset(frame->bodies[i], (int)roll(&seed, 256), size);
        *put = (struct put_item){.body = {frame->bodies[i], size}};
        if (!has_keys || roll(&seed, 5) == 0)
            continue;
        struct key key = {.type = MQ_KEY_INT, .integer = (int64_t)roll(&seed, 7) - 3};
        CHECK_EQUAL(key_encode(&key, frame->keys[i], &put->key.size), MQ_OK);
        put->key.data = frame->keys[i];
    }
}

static void ask_to_open(size_t queue, uint64_t seed, struct request *req)
{
    struct settings *s = &req->settings;
    s->given = MQ_SETTINGS_ALL;
    s->kind = queue == 1 ? MQ_KIND_LIFO : queue == 2 ? MQ_KIND_PRIORITY : MQ_KIND_FIFO;
    s->maxsize = queue == 3 ? 10 : 0;
    s->lease_ms = queue == 4 ? 200 : 0;
    s->is_transient = queue == 5;
    if (req->verb != MQ_VERB_SET)
        return;
    s->given = roll(&seed, 2) ? MQ_SETTING_MAXSIZE : MQ_SETTING_LEASE;
    s->maxsize = (int64_t)roll(&seed, 30);
    s->lease_ms = (int64_t)roll(&seed, 2) * 500;
}

static void ask_about_ids(const struct world_sent *sent, uint64_t seed, struct request *req)
{
    req->ids = sent->ids;
    req->id_count = 1 + roll(&seed, WORLD_IDS);
    req->untouched = roll(&seed, 2);
    req->lease_ms = (int64_t)roll(&seed, 3) * 400;
}

static enum mq_verb any_verb(uint64_t *seed)
{
    static const enum mq_verb usual[] = {
        MQ_VERB_PUT, MQ_VERB_PUT,       MQ_VERB_PUT,       MQ_VERB_PUT,     MQ_VERB_GET,    MQ_VERB_GET,
        MQ_VERB_GET, MQ_VERB_TASK_DONE, MQ_VERB_TASK_DONE, MQ_VERB_RELEASE, MQ_VERB_EXTEND, MQ_VERB_OPEN};
    static const enum mq_verb rare[] = {MQ_VERB_SET,  MQ_VERB_PURGE, MQ_VERB_REMOVE, MQ_VERB_SHUT_DOWN,
                                        MQ_VERB_PING, MQ_VERB_JOIN,  MQ_VERB_STAT,   MQ_VERB_PURGE};
    return roll(seed, 16) ? usual[roll(seed, sizeof usual / sizeof *usual)]
                          : rare[roll(seed, sizeof rare / sizeof *rare)];
}

/* What follows from the seed; everything but confirmations. */
static struct request ask(const struct world_sent *sent, struct frame *frame)
{
    uint64_t seed = sent->seed;
    size_t queue = roll(&seed, sizeof queue_names / sizeof *queue_names);
    struct request req = {.number = sent->number, .verb = any_verb(&seed), .max = 1};
    req.max += (uint32_t)roll(&seed, 15);
    req.queue = mq_bytes(queue_names[queue]);
    req.auto_done = roll(&seed, 3) == 0;
    req.immediate = roll(&seed, 3) == 0;
    req.force = roll(&seed, 2);
    req.timeout_ms = roll(&seed, 2) ? 0 : 80;
    if (req.verb == MQ_VERB_PUT)
        ask_to_put(seed, queue == 2, frame, &req);
    else if (req.verb == MQ_VERB_OPEN || req.verb == MQ_VERB_SET)
        ask_to_open(queue, seed, &req);
    else
        ask_about_ids(sent, seed, &req);
    return req;
}

/* ---- clients ---- */

static struct world_sent *sent_of(struct world_client *c, uint64_t number)
{
    struct world_sent *sent = &c->sent[number % WORLD_SENT];
    return number > 0 && sent->number == number ? sent : NULL;
}

static void read_replies(struct world *w)
{
    void *peer;
    struct answer answer;
    while (engine_next_reply(w->engine, UINT64_MAX, &peer, &answer)) {
        struct world_client *c = peer;
        struct world_sent *sent = sent_of(c, answer.number);
        if (sent && world_random(w, 10)) /* else it is lost on the way */
            sent->is_answered = true;
        for (size_t i = 0; i < answer.item_count && answer.verb == MQ_VERB_GET; i++)
            w->seen[world_random(w, WORLD_SEEN)] = answer.items[i].id;
    }
    engine_check(w->engine);
}

/* Numbers that have an answer (or not); each a range of its own. */
static struct ranges numbers(struct world_client *c, bool are_answered, struct range list[WORLD_SENT])
{
    struct ranges ranges = {list, 0};
    uint64_t first = c->next_number > WORLD_SENT ? c->next_number - WORLD_SENT : 1;
    for (uint64_t n = first; n < c->next_number; n++) {
        struct world_sent *sent = sent_of(c, n);
        if (sent && sent->is_answered == are_answered)
            list[ranges.count++] = (struct range){n, n};
    }
    return ranges;
}

static void say(struct world *w, struct world_client *c, const struct world_sent *sent, bool confirms)
{
    static struct frame frame;
    struct range list[WORLD_SENT];
    struct request req = ask(sent, &frame);
    const char *why = NULL;
    if (confirms)
        req.confirms = numbers(c, true, list);
    enum mq_status status = engine_submit(w->engine, w->now_ms, c->session, &req, &why);
    if (status != MQ_OK)
        CHECK_EQUAL(status, MQ_LIMIT);
}

/* A client that comes back says again what has no answer. */
static void resume(struct world *w, struct world_client *c, struct hello *hello)
{
    struct range list[WORLD_SENT];
    void *old_peer;
    struct welcome welcome;
    hello->resume = true;
    hello->next_number = c->next_number;
    hello->awaited = numbers(c, false, list);
    if (engine_hello(w->engine, w->now_ms, hello, c, &c->session, &old_peer, &welcome) != MQ_OK) {
        CHECK_EQUAL(welcome.status, MQ_SESSION_LOST);
        c->session = NULL;
        c->exists = false;
        return;
    }
    for (size_t i = 0; i < hello->awaited.count && world_random(w, 20); i++)
        say(w, c, sent_of(c, list[i].first), false);
}

static void connect_to(struct world *w, struct world_client *c)
{
    void *old_peer;
    struct welcome welcome;
    struct hello hello = {.version = MQ_PROTOCOL_VERSION, .name = mq_bytes("somebody")};
    memcpy(hello.id, c->id, sizeof hello.id);
    if (c->exists) {
        resume(w, c, &hello);
        return;
    }
    memset(c, 0, sizeof *c);
    w->sessions_made++;
    memcpy(c->id, &w->sessions_made, sizeof w->sessions_made);
    memcpy(hello.id, c->id, sizeof hello.id);
    c->next_number = 1;
    c->exists = engine_hello(w->engine, w->now_ms, &hello, c, &c->session, &old_peer, &welcome) == MQ_OK;
    if (!c->exists)
        c->session = NULL;
}

static void ask_anything(struct world *w, struct world_client *c)
{
    struct world_sent *sent = &c->sent[c->next_number % WORLD_SENT];
    if (sent->number && !sent->is_answered) { /* it has too much under way */
        engine_disconnect(w->engine, w->now_ms, c->session);
        c->session = NULL;
        return;
    }
    *sent = (struct world_sent){.number = c->next_number++, .seed = w->random + world_random(w, 1000)};
    for (size_t i = 0; i < WORLD_IDS; i++)
        sent->ids[i] = w->seen[world_random(w, WORLD_SEEN)] + (world_random(w, 30) == 0);
    for (size_t i = 0; i < WORLD_IDS; i++)
        sent->ids[i] += sent->ids[i] == 0;
    say(w, c, sent, world_random(w, 3) == 0);
}

static void something_rare(struct world *w, struct world_client *c)
{
    struct range list[WORLD_SENT];
    switch (world_random(w, 5)) {
    case 0:
    case 1:
        engine_disconnect(w->engine, w->now_ms, c->session);
        c->session = NULL;
        break;
    case 2:
        engine_bye(w->engine, w->now_ms, c->session, numbers(c, true, list));
        c->session = NULL;
        c->exists = false;
        break;
    case 3: {
        const char *why;
        struct request req = {.verb = MQ_VERB_CANCEL, .number = 1 + world_random(w, c->next_number)};
        if (sent_of(c, req.number))
            engine_submit(w->engine, w->now_ms, c->session, &req, &why);
        break;
    }
    default:
        engine_confirm(w->engine, w->now_ms, c->session, numbers(c, true, list));
    }
}

void world_step(struct world *w)
{
    static const uint64_t times[] = {0, 0, 0, 1, 1, 10, 30, 100};
    struct world_client *c = &w->clients[world_random(w, WORLD_CLIENTS)];
    w->steps++;
    w->now_ms += times[world_random(w, sizeof times / sizeof *times)];
    if (world_random(w, 200) == 0)
        w->now_ms += 2000;
    engine_tick(w->engine, w->now_ms);
    read_replies(w);
    if (!c->session)
        connect_to(w, c);
    else if (world_random(w, 25) == 0)
        something_rare(w, c);
    else
        ask_anything(w, c);
    read_replies(w);
    if (world_random(w, 3) == 0)
        world_take(w);
    if (world_random(w, 30) == 0)
        begin_segment(w);
    if (world_random(w, 3) == 0)
        compact(w);
}
