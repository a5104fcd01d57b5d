/* user_ask.c - what users ask: a random request, made of random parts. */
#include "user.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"

static struct op *op_new(struct user *u, enum mq_verb verb, size_t queue)
{
    SIM_REQUIRE(u->op_count < OPS_MAX, "too many requests of one user");
    struct op *op = sim_alloc(sizeof *op);
    op->queue = queue;
    op->x.owner = op;
    op->x.request.verb = verb;
    op->x.request.queue = mq_bytes(sim_queue_name(queue));
    op->x.deadline_ms = sim.now_ms;
    u->ops[u->op_count++] = op;
    return op;
}

void op_free(struct user *u, struct op *op)
{
    size_t at = 0;
    while (u->ops[at] != op)
        at++;
    memmove(&u->ops[at], &u->ops[at + 1], (--u->op_count - at) * sizeof(struct op *));
    free(op->tags);
    free(op->puts);
    free(op->bytes);
    free(op->ids);
    free(op->gone);
    free(op);
}

static void ask(struct user *u, struct op *op)
{
    sim_say("user %zu asks %s %s", user_number(u), mq_verb_name(op->x.request.verb),
            sim_queue_name(op->queue));
    conversation_add(&u->c, &op->x);
}

/* Some do not wait, some a little, some long, some for ever. */
static uint64_t some_deadline(void)
{
    switch (chance_below(5)) {
    case 0:
        return sim.now_ms;
    case 1:
        return sim.now_ms + chance_between(1, 50);
    case 2:
        return sim.now_ms + chance_between(1, 2000);
    case 3:
        return sim.now_ms + chance_between(1000, 20000);
    default:
        return UINT64_MAX;
    }
}

/* Mostly few, seldom up to max. */
static size_t some_count(size_t max)
{
    size_t most = chance_percent(60) ? 1 : chance_percent(70) ? 8 : max;
    return 1 + chance_below(most < max ? most : max);
}

static size_t some_key(uint8_t out[MQ_KEY_SIZE_MAX])
{
    static const char *const texts[] = {"", "a", "ab", "b"};
    struct key key = {.type = MQ_KEY_INT, .integer = (int64_t)chance_below(5) - 2};
    if (chance_percent(20))
        key = (struct key){.type = MQ_KEY_DOUBLE, .real = (double)chance_below(9) / 2 - 2};
    else if (chance_percent(20))
        key = (struct key){.type = MQ_KEY_STRING, .bytes = mq_bytes(texts[chance_below(4)])};
    size_t size;
    SIM_REQUIRE(key_encode(&key, out, &size) == MQ_OK, "a key cannot be encoded");
    return size;
}

/* Queues 2 and 5 are of priorities, mostly. */
static enum mq_kind kind_of(size_t queue)
{
    return (enum mq_kind)(queue % 3);
}

/* Queue 3, mostly: what is in it may be forgotten. */
static bool is_transient(size_t queue)
{
    return queue == 3;
}

static struct settings usual_settings(size_t queue)
{
    return (struct settings){.kind = kind_of(queue),
                             .is_transient = is_transient(queue),
                             .given = MQ_SETTING_KIND | MQ_SETTING_TRANSIENT};
}

static void ask_put(struct user *u, size_t queue)
{
    enum { KEY_SIZE = 32 };
    struct op *op = op_new(u, MQ_VERB_PUT, queue);
    size_t count = some_count(sim.climate.items_max), body_max = sim.climate.body_max;
    op->item_count = count;
    op->tags = sim_alloc(count * sizeof *op->tags);
    op->puts = sim_alloc(count * sizeof *op->puts);
    op->bytes = sim_alloc(count * (body_max + KEY_SIZE));
    for (size_t i = 0; i < count; i++) {
        uint8_t *body = op->bytes + i * (body_max + KEY_SIZE), key[MQ_KEY_SIZE_MAX];
        size_t size = chance_between(sizeof *op->tags, chance_percent(90) ? body_max / 4 + 8 : body_max);
        op->tags[i] = sim_new_tag(queue);
        body_fill(body, size, op->tags[i]);
        op->puts[i].body = (struct bytes){body, size};
        if (kind_of(queue) != MQ_KIND_PRIORITY ? !chance_permille(5) : chance_percent(10))
            continue;
        op->puts[i].key = (struct bytes){body + body_max, some_key(key)};
        memcpy(body + body_max, key, op->puts[i].key.size);
    }
    op->x.request.puts = op->puts;
    op->x.request.put_count = count;
    op->x.request.partial = chance_percent(30);
    op->x.deadline_ms = some_deadline();
    ask(u, op);
}

static void ask_get(struct user *u, size_t queue)
{
    struct op *op = op_new(u, MQ_VERB_GET, queue);
    op->x.request.max = (uint32_t)some_count(sim.climate.items_max);
    op->x.request.auto_done = chance_percent(15);
    op->x.deadline_ms = some_deadline();
    ask(u, op);
}

void user_hold(struct user *u, struct held held)
{
    SIM_REQUIRE(u->held_count < HELD_MAX, "a user holds too many items");
    u->held[u->held_count++] = held;
}

/* For this request the user lets the item go; should nothing come of the request, it has it again. */
static void let_go(struct user *u, size_t at, struct op *op)
{
    op->gone[op->gone_count++] = u->held[at];
    u->past_id = u->held[at].id;
    u->held[at] = u->held[--u->held_count];
}

static void take_ids(struct op *op, size_t count)
{
    op->ids = sim_alloc(count * sizeof *op->ids);
    op->gone = sim_alloc(count * sizeof *op->gone);
    op->x.request.queue = (struct bytes){0};
    op->x.request.ids = op->ids;
    op->x.request.id_count = count;
}

/* The one before, once more; one that was let go; somebody else's; one that never was. */
static uint64_t wrong_id(const struct user *u, uint64_t last)
{
    const struct user *other = &users[chance_below(sim.climate.user_count)];
    if (last && chance_percent(30))
        return last;
    if (u->past_id && chance_percent(50))
        return u->past_id;
    return other != u && other->held_count ? other->held[0].id : UINT64_MAX - chance_below(2);
}

/* Some of what the user holds, and sometimes what it does not. An extended item is still held. */
static void ask_ids(struct user *u, enum mq_verb verb)
{
    size_t count = some_count(u->held_count < 60 ? u->held_count + 1 : 60);
    struct op *op = op_new(u, verb, 0);
    take_ids(op, count);
    for (size_t i = 0; i < count; i++) {
        if (u->held_count == 0 || chance_percent(3)) {
            op->ids[i] = wrong_id(u, i > 0 ? op->ids[i - 1] : 0);
            continue;
        }
        size_t at = chance_below(u->held_count);
        op->ids[i] = u->held[at].id;
        if (verb != MQ_VERB_EXTEND)
            let_go(u, at, op);
    }
    op->x.request.untouched = verb == MQ_VERB_RELEASE && chance_percent(50);
    if (verb == MQ_VERB_EXTEND)
        op->x.request.lease_ms = chance_percent(20) ? 0 : (int64_t)chance_between(1, 5000);
    ask(u, op);
}

static struct settings some_settings(size_t queue)
{
    struct settings settings = usual_settings(queue);
    if (chance_percent(5))
        settings.is_transient = !settings.is_transient;
    if (chance_percent(10))
        settings.given &= ~(uint32_t)MQ_SETTING_TRANSIENT;
    if (chance_percent(70)) {
        settings.given |= MQ_SETTING_MAXSIZE;
        settings.maxsize = chance_percent(20) ? 0 : (int64_t)chance_below(10);
    }
    if (chance_percent(20)) {
        settings.given |= MQ_SETTING_LEASE;
        settings.lease_ms = (int64_t)chance_between(0, 3000);
    }
    return settings;
}

static void ask_manage(struct user *u, enum mq_verb verb, size_t queue)
{
    struct op *op = op_new(u, verb, queue);
    struct request *req = &op->x.request;
    if (verb == MQ_VERB_OPEN || verb == MQ_VERB_SET)
        req->settings = some_settings(queue);
    if (verb == MQ_VERB_OPEN && chance_percent(70)) /* as the others do */
        req->settings = usual_settings(queue);
    if (verb == MQ_VERB_SET && chance_percent(95))
        req->settings.given &= ~(uint32_t)(MQ_SETTING_KIND | MQ_SETTING_TRANSIENT);
    req->create = verb == MQ_VERB_OPEN && chance_percent(50);
    req->force = verb == MQ_VERB_REMOVE && chance_percent(70);
    req->immediate = verb == MQ_VERB_SHUT_DOWN && chance_percent(40);
    if (verb == MQ_VERB_JOIN)
        op->x.deadline_ms = some_deadline();
    ask(u, op);
}

static void ask_look(struct user *u, enum mq_verb verb, size_t queue)
{
    struct op *op = op_new(u, verb, queue);
    struct request *req = &op->x.request;
    req->max = 1 + (uint32_t)chance_below(10);
    req->last = verb == MQ_VERB_PEEK && chance_percent(50);
    req->by_id = verb == MQ_VERB_PEEK && chance_percent(40);
    req->last &= !req->by_id || chance_percent(3);
    req->leased = req->by_id && chance_percent(60);
    if (req->by_id && u->held_count && chance_percent(60))
        req->after_number = u->held[chance_below(u->held_count)].id - chance_below(5);
    else if (req->by_id && chance_percent(40))
        req->after_number = u->past_id;
    if (verb == MQ_VERB_STAT && chance_percent(30))
        req->queue = (struct bytes){0};
    if (verb == MQ_VERB_SESSIONS || verb == MQ_VERB_PING)
        req->queue = (struct bytes){0};
    if (verb == MQ_VERB_SESSIONS)
        req->after_number = chance_below(5);
    if (verb != MQ_VERB_PEEK && verb != MQ_VERB_LIST && verb != MQ_VERB_SESSIONS)
        req->max = 0;
    ask(u, op);
}

static enum mq_verb some_verb(void)
{
    unsigned sum = 0, at;
    for (enum mq_verb verb = MQ_VERB_OPEN; verb <= MQ_VERB_PING; verb++)
        sum += sim.climate.weights[verb];
    at = (unsigned)chance_below(sum);
    enum mq_verb verb = MQ_VERB_OPEN;
    for (; at >= sim.climate.weights[verb]; verb++)
        at -= sim.climate.weights[verb];
    return verb;
}

void ask_something(struct user *u)
{
    size_t queue = chance_below(sim.climate.queue_count);
    enum mq_verb verb = some_verb();
    switch (verb) {
    case MQ_VERB_PUT:
        ask_put(u, queue);
        break;
    case MQ_VERB_GET:
        ask_get(u, queue);
        break;
    case MQ_VERB_TASK_DONE:
    case MQ_VERB_RELEASE:
    case MQ_VERB_EXTEND:
        if (u->held_count || chance_percent(5))
            ask_ids(u, verb);
        break;
    case MQ_VERB_PEEK:
    case MQ_VERB_STAT:
    case MQ_VERB_LIST:
    case MQ_VERB_SESSIONS:
    case MQ_VERB_PING:
        ask_look(u, verb, queue);
        break;
    default:
        ask_manage(u, verb, queue);
        break;
    }
}

/* A queue that is missing is opened, one that is shut down is removed, soon: else nothing would happen any
 * more. */
void ask_repair(struct user *u, size_t queue, enum mq_status status)
{
    bool is_missing = status == MQ_NO_QUEUE, is_shut_down = status == MQ_SHUT_DOWN;
    if (sim.quiet || u->leaves || u->op_count >= sim.climate.ops_max || !chance_percent(20))
        return;
    if (is_missing || is_shut_down)
        ask_manage(u, is_missing ? MQ_VERB_OPEN : MQ_VERB_REMOVE, queue);
}

/* In a new session: the queues that it had opened, as it had opened them. */
void ask_reopen(struct user *u)
{
    for (size_t queue = 0; queue < sim.climate.queue_count; queue++) {
        if (!u->handles[queue].is_open)
            continue;
        struct op *op = op_new(u, MQ_VERB_OPEN, queue);
        op->x.request.settings = u->handles[queue].settings;
        conversation_reopen(&u->c, &op->x);
    }
}

void ask_give_back(struct user *u, const struct held *held, size_t count)
{
    if (u->leaves)
        return;
    struct op *op = op_new(u, MQ_VERB_RELEASE, 0);
    take_ids(op, count);
    op->x.request.untouched = true;
    for (size_t i = 0; i < count; i++) {
        op->ids[i] = held[i].id;
        op->gone[op->gone_count++] = held[i];
    }
    ask(u, op);
}

/* ---- the quiet end ---- */

static bool is_asking(const struct user *u, enum mq_verb verb, size_t queue)
{
    for (size_t i = 0; i < u->op_count; i++)
        if (u->ops[i]->x.request.verb == verb && u->ops[i]->queue == queue &&
            u->ops[i]->x.deadline_ms != UINT64_MAX)
            return true;
    return false;
}

void ask_finish_held(struct user *u)
{
    size_t most = sim.climate.engine.items_max, count = u->held_count < most ? u->held_count : most;
    if (!count)
        return;
    struct op *op = op_new(u, MQ_VERB_TASK_DONE, 0);
    take_ids(op, count);
    for (size_t i = 0; i < count; i++) {
        op->ids[i] = u->held[0].id;
        let_go(u, 0, op);
    }
    ask(u, op);
}

void ask_get_all(struct user *u, size_t queue)
{
    if (is_asking(u, MQ_VERB_GET, queue))
        return;
    struct op *op = op_new(u, MQ_VERB_GET, queue);
    op->x.request.max = sim.climate.engine.items_max < 32 ? sim.climate.engine.items_max : 32;
    ask(u, op);
}

void ask_shut_down(struct user *u, size_t queue)
{
    if (!is_asking(u, MQ_VERB_SHUT_DOWN, queue))
        ask(u, op_new(u, MQ_VERB_SHUT_DOWN, queue));
}
