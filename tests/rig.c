/* rig.c - see rig.h. */
#include "rig.h"
#include "rig_facts.h"
#include "rig_replies.h"

#include "key.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { TICKS_MAX = 100000, NAME_SIZE = 32 };

/* What a request points to while it is submitted. */
struct loaded {
    struct put_item *puts;
    uint8_t *body; /* of a bulk */
    uint8_t keys[RIG_ITEMS][MQ_KEY_SIZE_MAX];
};

/* ---- sessions ---- */

static struct rig_session *session_of(struct rig *r, int number)
{
    assert(number >= 0 && number < RIG_SESSIONS);
    return &r->sessions[number];
}

static int session_number(const struct rig_step *step)
{
    return step->session ? step->session : 1;
}

static void *peer_of(int session, unsigned connection)
{
    return (void *)(uintptr_t)((unsigned)session * 1000 + connection);
}

static void fill_awaited(const struct rig_session *s, struct range *list, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < s->sent_count; i++)
        if (!s->sent[i].is_received && *count && list[*count - 1].last == i)
            list[*count - 1].last = i + 1;
        else if (!s->sent[i].is_received)
            list[(*count)++] = (struct range){i + 1, i + 1};
}

static size_t given_ranges(const struct rig_step *step)
{
    size_t count = 0;
    while (count < RIG_ITEMS && step->ranges[count].last)
        count++;
    return count;
}

static enum mq_status say_hello(struct rig *r, const struct rig_step *step)
{
    int number = session_number(step);
    struct rig_session *s = session_of(r, number);
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "client-%d", number);
    struct hello hello = {.version = step->version ? step->version : MQ_PROTOCOL_VERSION,
                          .resume = step->resume,
                          .name = mq_bytes(step->client_name ? step->client_name : name)};
    memset(hello.id, number, sizeof hello.id);
    struct range *awaited = calloc(s->sent_count + 1, sizeof *awaited);
    assert(awaited);
    if (step->resume) {
        hello.next_number = step->next_number ? step->next_number : s->sent_count + 1;
        hello.awaited.list = awaited;
        fill_awaited(s, awaited, &hello.awaited.count);
    }
    if (step->has_ranges)
        hello.awaited = (struct ranges){step->ranges, given_ranges(step)};
    struct session *handle = NULL;
    void *old_peer = NULL;
    enum mq_status status = engine_hello(r->engine, RIG_EPOCH_MS + r->now_ms, &hello,
                                         peer_of(number, s->connection + 1), &handle, &old_peer, &r->welcome);
    free(awaited);
    CHECK_EQUAL(r->welcome.status, status);
    if (status)
        return status;
    s->connection++;
    s->handle = handle;
    if (!step->resume)
        s->sent_count = 0;
    r->old_peer = (int)(uintptr_t)old_peer;
    return MQ_OK;
}

static struct session *connected(struct rig *r, int number)
{
    struct rig_session *s = session_of(r, number);
    if (!s->handle && !s->connection)
        CHECK_EQUAL(say_hello(r, &(struct rig_step){.session = number}), MQ_OK);
    assert(s->handle);
    return s->handle;
}

/* ---- requests ---- */

static struct rig_sent *remember_sent(struct rig_session *s, const struct rig_step *step)
{
    if (s->sent_count == s->sent_capacity) {
        s->sent_capacity = s->sent_capacity ? 2 * s->sent_capacity : 16;
        s->sent = realloc(s->sent, s->sent_capacity * sizeof *s->sent);
        assert(s->sent);
    }
    struct rig_sent *sent = &s->sent[s->sent_count++];
    *sent = (struct rig_sent){.step = *step, .replies_due = 1};
    sent->step.expects = RIG_ANYTHING;
    return sent;
}

static size_t body_count(const struct rig_step *step)
{
    size_t count = 0;
    while (count < RIG_ITEMS && step->bodies[count])
        count++;
    return count;
}

static void resolve_ids(const struct rig *r, struct rig_sent *sent)
{
    memcpy(sent->ids, sent->step.ids, sizeof sent->ids);
    if (sent->step.verb == MQ_VERB_PUT)
        return;
    for (size_t i = 0; i < body_count(&sent->step); i++)
        sent->ids[i] = rig_id(r, sent->step.bodies[i]);
}

static void load_puts(struct loaded *l, const struct rig_step *step, struct request *req)
{
    req->put_count = step->bulk_count ? step->bulk_count : body_count(step);
    l->puts = calloc(req->put_count + 1, sizeof *l->puts);
    l->body = malloc(step->bulk_size + 1);
    assert(l->puts && l->body);
    memset(l->body, 'x', step->bulk_size);
    for (size_t i = 0; i < req->put_count; i++) {
        struct put_item *put = &l->puts[i];
        put->body = step->bulk_count ? (struct bytes){l->body, step->bulk_size} : mq_bytes(step->bodies[i]);
        if (step->is_keyed && i < RIG_ITEMS) {
            struct key key = {.type = MQ_KEY_INT, .integer = step->keys[i]};
            CHECK_EQUAL(key_encode(&key, l->keys[i], &put->key.size), MQ_OK);
            put->key.data = l->keys[i];
        }
    }
    if (step->raw_key.size)
        l->puts[0].key = step->raw_key;
    req->puts = l->puts;
}

static bool names_a_queue(enum mq_verb verb)
{
    return verb != MQ_VERB_TASK_DONE && verb != MQ_VERB_RELEASE && verb != MQ_VERB_EXTEND &&
           verb != MQ_VERB_SESSIONS && verb != MQ_VERB_PING && verb != MQ_VERB_CANCEL && verb != MQ_VERB_LIST;
}

static struct request request_of(const struct rig_step *step, const uint64_t *ids, struct loaded *l)
{
    struct request req = {
        .verb = step->verb,
        .number = step->number,
        .timeout_ms = step->timeout_ms,
        .ids = ids,
        .settings = {step->given, step->kind, step->maxsize, step->queue_lease_ms, step->is_transient},
        .lease_ms = step->lease_ms,
        .after_number = step->after_number,
        .max = step->max == RIG_ZERO ? 0
               : step->max           ? step->max
                                     : 1,
        .partial = step->partial,
        .auto_done = step->auto_done,
        .untouched = step->untouched,
        .immediate = step->immediate,
        .force = step->force,
        .last = step->last,
        .by_id = step->by_id,
        .leased = step->leased,
        .create = step->create,
    };
    if (step->queue || names_a_queue(step->verb))
        req.queue = mq_bytes(step->queue ? step->queue : "q");
    while (req.id_count < RIG_ITEMS && ids[req.id_count])
        req.id_count++;
    load_puts(l, step, &req);
    return req;
}

/* What a faithful client confirms along with its next request. */
static struct ranges confirm_received(struct rig *r, struct rig_session *s, struct range **ret_list)
{
    struct ranges ranges = {0};
    struct range *list = *ret_list = calloc(s->sent_count + 1, sizeof *list);
    assert(list);
    for (size_t i = 0; !r->silent && i < s->sent_count; i++) {
        if (!s->sent[i].is_received || s->sent[i].is_confirmed)
            continue;
        s->sent[i].is_confirmed = true;
        if (ranges.count && list[ranges.count - 1].last == i)
            list[ranges.count - 1].last = i + 1;
        else
            list[ranges.count++] = (struct range){i + 1, i + 1};
    }
    ranges.list = list;
    return ranges;
}

static enum mq_status submit(struct rig *r, const struct rig_step *step, const uint64_t *ids, uint64_t number)
{
    int session = session_number(step);
    struct session *handle = connected(r, session);
    struct loaded *l = calloc(1, sizeof *l);
    assert(l);
    struct request req = request_of(step, ids, l);
    struct range *confirms;
    req.number = number;
    req.confirms = confirm_received(r, session_of(r, session), &confirms);
    r->why = "";
    enum mq_status status = engine_submit(r->engine, RIG_EPOCH_MS + r->now_ms, handle, &req, &r->why);
    free(confirms);
    free(l->body);
    free(l->puts);
    free(l);
    return status;
}

/* ---- steps ---- */

void rig_settle(struct rig *r)
{
    engine_check(r->engine);
    rig_settle_facts(r);
    if (!r->is_holding)
        rig_drain(r);
}

static uint64_t send_step(struct rig *r, const struct rig_step *step)
{
    struct rig_session *s = session_of(r, session_number(step));
    connected(r, session_number(step));
    if (step->expects == RIG_REFUSAL) {
        uint64_t number = step->number ? step->number : s->sent_count + 1;
        enum mq_status status = submit(r, step, step->ids, number);
        RIG_CHECK(step, status == step->status, "refused with %s, not with %s", mq_status_name(status),
                  mq_status_name(step->status));
        RIG_CHECK(step, r->why && *r->why, "refused without a reason");
        rig_settle(r);
        return number;
    }
    if (step->number && step->number <= s->sent_count) {
        s->sent[step->number - 1].replies_due++;
        RIG_CHECK(step, submit(r, step, step->ids, step->number) == MQ_OK, "refused: %s", r->why);
        rig_settle(r);
        return step->number;
    }
    struct rig_sent *sent = remember_sent(s, step);
    resolve_ids(r, sent);
    uint64_t ids[RIG_ITEMS];
    memcpy(ids, sent->ids, sizeof ids);
    enum mq_status status = submit(r, step, ids, s->sent_count);
    RIG_CHECK(step, status == MQ_OK, "refused with %s: %s", mq_status_name(status), r->why);
    rig_settle(r);
    return s->sent_count;
}

static void session_step(struct rig *r, const struct rig_step *step)
{
    struct rig_session *s = session_of(r, session_number(step));
    struct ranges ranges = {step->ranges, given_ranges(step)};
    if (step->verb == MQ_VERB_HELLO) {
        enum mq_status status = say_hello(r, step);
        RIG_CHECK(step, step->expects == RIG_ANYTHING || status == step->status, "welcome says %s, not %s",
                  mq_status_name(status), mq_status_name(step->status));
    } else if (step->verb == MQ_VERB_BYE) {
        engine_bye(r->engine, RIG_EPOCH_MS + r->now_ms, s->handle, ranges);
        s->handle = NULL;
    } else {
        engine_confirm(r->engine, RIG_EPOCH_MS + r->now_ms, connected(r, session_number(step)), ranges);
    }
    rig_settle(r);
}

static void arrive_at(struct rig *r, const struct rig_step *step)
{
    if (!step->at_ms)
        return;
    RIG_CHECK(step, step->at_ms >= r->now_ms, "time goes back from %llu", (unsigned long long)r->now_ms);
    rig_run_to(r, step->at_ms);
}

uint64_t rig_step(struct rig *r, const struct rig_step *step)
{
    arrive_at(r, step);
    r->is_holding = step->is_unsent;
    if (step->verb == MQ_VERB_HELLO || step->verb == MQ_VERB_BYE || step->verb == MQ_VERB_CONFIRM) {
        session_step(r, step);
        return 0;
    }
    uint64_t number = send_step(r, step);
    rig_expect(r, step, session_number(step), number);
    return number;
}

uint64_t rig_repeat_step(struct rig *r, const struct rig_step *step)
{
    arrive_at(r, step);
    struct rig_session *s = session_of(r, session_number(step));
    RIG_CHECK(step, step->number && step->number <= s->sent_count, "was never sent");
    struct rig_sent *sent = &s->sent[step->number - 1];
    struct rig_step again = sent->step;
    uint64_t ids[RIG_ITEMS];
    memcpy(ids, sent->ids, sizeof ids);
    again.session = step->session;
    sent->step.is_lost = step->is_lost;
    sent->replies_due++;
    enum mq_status status = submit(r, &again, ids, step->number);
    RIG_CHECK(step, status == MQ_OK, "refused with %s: %s", mq_status_name(status), r->why);
    rig_settle(r);
    rig_expect(r, step, session_number(step), step->number);
    return step->number;
}

void rig_drop_step(struct rig *r, const struct rig_step *step)
{
    arrive_at(r, step);
    r->is_holding = step->is_unsent;
    struct rig_session *s = session_of(r, session_number(step));
    assert(s->handle);
    engine_disconnect(r->engine, RIG_EPOCH_MS + r->now_ms, s->handle);
    s->handle = NULL;
    rig_settle(r);
}

void rig_run_to(struct rig *r, uint64_t at_ms)
{
    uint64_t goal_ms = RIG_EPOCH_MS + at_ms;
    for (int ticks = 0; engine_deadline_ms(r->engine) <= goal_ms; ticks++) {
        CHECK(ticks < TICKS_MAX); /* else the engine asks to be woken for nothing, for ever */
        if (engine_deadline_ms(r->engine) > RIG_EPOCH_MS + r->now_ms)
            r->now_ms = engine_deadline_ms(r->engine) - RIG_EPOCH_MS;
        engine_tick(r->engine, RIG_EPOCH_MS + r->now_ms);
        rig_settle(r);
    }
    r->now_ms = at_ms;
}

void rig_sleep_to(struct rig *r, uint64_t at_ms)
{
    assert(at_ms >= r->now_ms);
    r->now_ms = at_ms;
}

/* ---- making and looking ---- */

static void apply_options(struct engine_options *engine, const struct rig_options *rig)
{
#define RIG_TAKE(name)                                                                                       \
    if (rig->name)                                                                                           \
    engine->name = rig->name
    RIG_TAKE(memory_limit);
    RIG_TAKE(resume_grace_ms);
    RIG_TAKE(remember_ms);
    RIG_TAKE(body_max);
    RIG_TAKE(frame_max);
    RIG_TAKE(items_max);
    RIG_TAKE(queues_max);
    RIG_TAKE(sessions_max);
    RIG_TAKE(remembered_max);
    RIG_TAKE(waiting_max);
    RIG_TAKE(unconfirmed_max);
    RIG_TAKE(in_flight_max);
    RIG_TAKE(backlog_max);
    RIG_TAKE(first_item);
    RIG_TAKE(is_durable);
    RIG_TAKE(is_forgetful);
    RIG_TAKE(shelf);
#undef RIG_TAKE
    if (rig->no_auto_create)
        engine->auto_create = false;
}

/* Queue "q", and nothing unconfirmed; what that took is safe and counts as checked. */
static void open_plain_queue(struct rig *r, const struct rig_options *options)
{
    rig_open(r, SETTINGS(options->kind, options->maxsize, options->lease_ms), CREATE, OK);
    rig_confirm(r, RANGES({1, 1}));
    r->sessions[1].sent[0].is_confirmed = true;
    rig_facts(r);
}

struct rig rig_new(struct rig_options options)
{
    struct engine_options engine_options;
    engine_options_default(&engine_options);
    apply_options(&engine_options, &options);
    struct rig r = {.engine = engine_new(&engine_options, RIG_EPOCH_MS),
                    .silent = options.silent,
                    .options = engine_options,
                    .is_durable = options.is_durable,
                    .why = ""};
    CHECK(r.engine != NULL);
    if (!options.without_queue)
        open_plain_queue(&r, &options);
    r.is_slow = options.is_slow;
    return r;
}

struct rig rig_around(struct engine *engine)
{
    return (struct rig){.engine = engine, .why = ""};
}

void rig_free(struct rig *r)
{
    CHECK_NO_REPLY(r);
    engine_free(r->engine);
    for (int i = 0; i < RIG_SESSIONS; i++)
        free(r->sessions[i].sent);
    rig_forget_replies(r);
    rig_free_facts(r);
}

struct queue_stat rig_look(struct rig *r, const char *queue)
{
    rig_stat(r, SESSION(RIG_LOOKER), QUEUE(queue), OK);
    CHECK_EQUAL(rig_last(r)->answer.queue_count, 1);
    return rig_last(r)->answer.queues[0];
}

struct broker_stat rig_look_at_broker(struct rig *r)
{
    rig_stat(r, SESSION(RIG_LOOKER), QUEUE(""), OK);
    CHECK(rig_last(r)->answer.broker != NULL);
    return *rig_last(r)->answer.broker;
}
