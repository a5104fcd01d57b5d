/* rig_restart.c - see rig_restart.h. */
#include "rig_restart.h"
#include "rig_facts.h"
#include "rig_replies.h"
#include "text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { DESCRIBED_SIZE = 1 << 20 };

/* A rig's log need not have segments, but every log begins with a checkpoint. */
static void replay_checkpoint(const struct rig *r, struct engine *e)
{
    if (r->group_count && *(const uint8_t *)r->groups[0].facts.data == FACT_CHECKPOINT)
        return;
    struct facts facts;
    const char *why;
    facts_init(&facts, true);
    facts_add(&facts,
              &(struct fact){.kind = FACT_CHECKPOINT, .first_id = 1, .next_session = 1, .next_queue = 1});
    CHECK(engine_replay(e, facts_bytes(&facts), 0, false, &why));
    facts_done(&facts);
}

static struct engine *replay(const struct rig *r)
{
    const char *why = NULL;
    struct engine *e = engine_new(&r->options, RIG_EPOCH_MS + r->now_ms);
    CHECK(e != NULL);
    replay_checkpoint(r, e);
    for (size_t i = 0; i < r->group_count; i++)
        if (!engine_replay(e, r->groups[i].facts, r->groups[i].segment, false, &why))
            rig_fail(__FILE__, __LINE__, "facts are refused: %s", why);
    if (r->has_changed_mode)
        engine_was_forgetful(e, !r->options.is_forgetful);
    CHECK(engine_begin(e, RIG_EPOCH_MS + r->now_ms));
    engine_check(e);
    return e;
}

/* What was not safe is lost. */
static void lose_unsafe(struct rig *r)
{
    while (r->is_slow && r->group_count && r->groups[r->group_count - 1].position > r->safe)
        free(r->groups[--r->group_count].block);
}

void rig_restart(struct rig *r)
{
    lose_unsafe(r);
    engine_free(r->engine);
    r->engine = replay(r);
    uint64_t position = r->group_count ? r->groups[r->group_count - 1].position : 0;
    engine_facts(r->engine)->taken = position; /* positions count on */
    if (r->facts_read > position)
        r->facts_read = position;
    for (int i = 0; i < RIG_SESSIONS; i++)
        r->sessions[i].handle = NULL;
    if (r->sessions[RIG_LOOKER].connection)
        rig_resume(r, SESSION(RIG_LOOKER));
}

void rig_resume_step(struct rig *r, const struct rig_step *step)
{
    struct rig_step hello = *step;
    struct rig_session *s = &r->sessions[step->session ? step->session : 1];
    hello.verb = MQ_VERB_HELLO;
    hello.resume = true;
    hello.expects = RIG_ANSWER;
    hello.status = MQ_OK;
    rig_step(r, &hello);
    for (size_t i = 0; i < s->sent_count; i++)
        if (!s->sent[i].is_received)
            rig_repeat_step(
                r, &(struct rig_step){
                       .session = step->session, .number = i + 1, .file = step->file, .line = step->line});
}

/* ---- looking ---- */

#define LL(number) ((unsigned long long)(number))

static void describe_queue(struct rig *r, struct text *t, const struct queue_stat *q)
{
    char name[MQ_NAME_SIZE_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)q->name.size, (const char *)q->name.data);
    say(t, "%s: kind %d maxsize %lld lease %lld transient %d\n", name, q->settings.kind,
        (long long)q->settings.maxsize, (long long)q->settings.lease_ms, q->settings.is_transient);
    say(t, "  ready %llu leased %llu bytes %llu shut down %d %d age %llu oldest %llu\n", LL(q->ready),
        LL(q->leased), LL(q->bytes), q->is_shut_down, q->is_immediate, LL(q->age_ms), LL(q->oldest_ms));
    say(t, "  puts %llu gets %llu done %llu redelivered %llu returned %llu discarded %llu\n", LL(q->puts),
        LL(q->gets), LL(q->done), LL(q->redelivered), LL(q->returned), LL(q->discarded));
    rig_peek(r, SESSION(RIG_LOOKER), QUEUE(name), MAX(1000), OK);
    say(t, "  first %s\n", rig_last(r)->bodies);
    for (size_t i = 0; i < rig_last(r)->answer.item_count; i++)
        say(t, " %llu", LL(rig_last(r)->items[i].id));
    rig_peek(r, SESSION(RIG_LOOKER), QUEUE(name), LAST, MAX(3), OK);
    say(t, "\n  last %s\n", rig_last(r)->bodies);
}

static void describe_session(struct text *t, const struct session_row *row)
{
    say(t, "session %llu %.*s: age %llu leased %llu", LL(row->number), (int)row->name.size,
        (const char *)row->name.data, LL(row->age_ms), LL(row->leased));
    for (size_t i = 0; i < row->hold_count; i++)
        say(t, " %.*s %llu", (int)row->holds[i].queue.size, (const char *)row->holds[i].queue.data,
            LL(row->holds[i].count));
    say(t, "\n");
}

char *rig_describe(struct rig *r)
{
    struct text t = {malloc(DESCRIBED_SIZE), DESCRIBED_SIZE};
    char *described = t.at;
    assert(described);
    rig_list(r, SESSION(RIG_LOOKER), QUEUE(NULL), MAX(1000), OK);
    const struct rig_reply *list = rig_last(r);
    for (size_t i = 0; i < list->answer.queue_count; i++)
        describe_queue(r, &t, &list->answer.queues[i]);
    rig_sessions(r, SESSION(RIG_LOOKER), MAX(1000), OK);
    for (size_t i = 0; i < rig_last(r)->answer.session_count; i++)
        describe_session(&t, &rig_last(r)->answer.sessions[i]);
    struct broker_stat broker = rig_look_at_broker(r);
    say(&t, "ready %llu leased %llu\n", LL(broker.ready), LL(broker.leased));
    return described;
}
