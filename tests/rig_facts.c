/* rig_facts.c - see rig_facts.h. */
#include "rig_facts.h"
#include "rig_replies.h"
#include "text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 1 << 16, SHOWN_SIZE = 32 };

/* ---- taking ---- */

static void keep_group(struct rig *r, uint8_t *block, size_t size)
{
    r->groups = realloc(r->groups, (r->group_count + 1) * sizeof *r->groups);
    assert(r->groups);
    r->groups[r->group_count++] = (struct rig_group){.segment = r->segment,
                                                     .position = facts_position(engine_facts(r->engine)),
                                                     .facts = {block + FACTS_HEAD, size - FACTS_HEAD},
                                                     .block = block};
}

void rig_take(struct rig *r)
{
    struct facts *facts = engine_facts(r->engine);
    uint8_t *block;
    size_t size, capacity;
    if (!facts->is_on || !facts_are_there(facts))
        return;
    facts_take(facts, NULL, 0, &block, &size, &capacity);
    keep_group(r, block, size);
    engine_taken(r->engine, RIG_EPOCH_MS + r->now_ms);
    engine_check(r->engine);
}

void rig_sync(struct rig *r)
{
    rig_take(r);
    r->safe = r->group_count ? r->groups[r->group_count - 1].position : 0;
    rig_drain(r);
}

void rig_settle_facts(struct rig *r)
{
    if (!r->is_durable || r->is_slow)
        return;
    rig_take(r);
    r->safe = r->group_count ? r->groups[r->group_count - 1].position : 0;
}

void rig_free_facts(struct rig *r)
{
    for (size_t i = 0; i < r->group_count; i++)
        free(r->groups[i].block);
    free(r->groups);
    free(r->fact_text);
}

void rig_begin_segment(struct rig *r)
{
    rig_take(r);
    if (!engine_checkpoint(r->engine, r->segment + 1, 1))
        rig_fail(__FILE__, __LINE__, "there is no memory for a checkpoint");
    r->segment++;
    rig_take(r);
}

void rig_go_through(struct rig *r, uint64_t segment, size_t budget)
{
    size_t groups = r->group_count;
    for (size_t i = 0; i < groups; i++)
        for (size_t at = 0; r->groups[i].segment == segment && at < r->groups[i].facts.size;)
            if (!engine_move(r->engine, r->groups[i].facts, &at, budget))
                rig_fail(__FILE__, __LINE__, "facts cannot be gone through");
    engine_moved(r->engine, segment);
    rig_take(r);
}

void rig_drop_segment(struct rig *r, uint64_t segment)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->group_count; i++)
        if (r->groups[i].segment <= segment)
            free(r->groups[i].block);
        else
            r->groups[kept++] = r->groups[i];
    r->group_count = kept;
}

/* ---- as text ---- */

static void say_cause(struct text *t, const struct fact *fact)
{
    if (fact->cause.session)
        say(t, " %llu", (unsigned long long)fact->cause.session);
    if (fact->cause.call)
        say(t, "/%llu", (unsigned long long)fact->cause.call);
    if (fact->queue)
        say(t, " #%llu", (unsigned long long)fact->queue);
}

static void say_items(struct text *t, struct fact_reader *reader, struct fact *fact, bool is_keyed)
{
    struct put_item item;
    uint64_t count = 0;
    say(t, " %llu", (unsigned long long)fact->first_id);
    for (; fact_next_item(reader, fact, is_keyed, &item); count++)
        if (item.body.size < SHOWN_SIZE)
            say(t, " %.*s", (int)item.body.size, (const char *)item.body.data);
    if (fact->kind == FACT_STORED && count != fact->total)
        say(t, " of %llu", (unsigned long long)fact->total);
}

static void say_runs(struct text *t, struct fact_reader *reader, struct fact *fact)
{
    struct range run;
    while (fact_next_run(reader, fact, &run))
        if (run.first == run.last)
            say(t, " %llu", (unsigned long long)run.first);
        else
            say(t, " %llu-%llu", (unsigned long long)run.first, (unsigned long long)run.last);
}

static void say_refusals(struct text *t, struct fact_reader *reader, struct fact *fact)
{
    struct refusal refusal;
    say(t, " %s", mq_verb_name(fact->verb));
    while (fact_next_refusal(reader, fact, &refusal))
        say(t, " %llu %s", (unsigned long long)refusal.id, mq_status_name(refusal.status));
}

static void say_flags(struct text *t, const struct fact *fact)
{
    static const char *const names[] = {"shut_down", "immediate", "partial", "auto_done", "untouched",
                                        "lost",      "ended",     "cut",     "keyed"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (fact->flags & (1u << i))
            say(t, " %s", names[i]);
    if (fact->lease_ms)
        say(t, " lease %lld", (long long)fact->lease_ms);
    if (fact->redelivered)
        say(t, " again %llu", (unsigned long long)fact->redelivered);
}

/* Queues of priorities are told from others by what was noted of them. */
static bool is_keyed(const struct rig *r, const struct fact *fact)
{
    for (size_t i = 0; i <= r->group_count; i++) {
        struct fact_reader reader;
        struct fact queue;
        fact_read(&reader, i < r->group_count ? r->groups[i].facts : facts_bytes(engine_facts(r->engine)));
        while (fact_next(&reader, &queue))
            if (queue.kind == FACT_QUEUE && queue.queue == fact->queue)
                return queue.settings.kind == MQ_KIND_PRIORITY;
    }
    return false;
}

static void say_fact(const struct rig *r, struct text *t, struct fact_reader *reader, struct fact *fact)
{
    say(t, "%s", fact_kind_name(fact->kind));
    say_cause(t, fact);
    switch (fact->kind) {
    case FACT_STORED:
    case FACT_MOVED:
        say_items(t, reader, fact, is_keyed(r, fact));
        break;
    case FACT_QUEUE:
        say(t, " %s %.*s", fact->verb ? mq_verb_name(fact->verb) : "-", (int)fact->name.size,
            (const char *)fact->name.data);
        break;
    case FACT_SESSION:
        say(t, " %.*s", (int)fact->name.size, (const char *)fact->name.data);
        break;
    case FACT_REFUSED:
        say_refusals(t, reader, fact);
        break;
    case FACT_PURGED:
    case FACT_REMOVED:
        say(t, " %llu", (unsigned long long)fact->count);
        break;
    default:
        say_runs(t, reader, fact);
    }
    say_flags(t, fact);
}

/* All that were not read before; `position` is behind them. */
static void say_facts(struct rig *r, struct text *t, struct bytes facts, uint64_t position)
{
    struct fact_reader reader;
    struct fact fact;
    uint64_t begin = position - facts.size, read = r->facts_read > begin ? r->facts_read - begin : 0;
    if (read >= facts.size)
        return;
    facts = (struct bytes){(const uint8_t *)facts.data + read, facts.size - (size_t)read};
    fact_read(&reader, facts);
    while (fact_next(&reader, &fact)) {
        if (fact.kind == FACT_IDS)
            continue;
        if (t->at != r->fact_text)
            say(t, "; ");
        say_fact(r, t, &reader, &fact);
    }
    if (reader.why)
        rig_fail(__FILE__, __LINE__, "facts that make no sense: %s", reader.why);
}

const char *rig_facts(struct rig *r)
{
    uint64_t position = facts_position(engine_facts(r->engine));
    if (!r->fact_text)
        r->fact_text = malloc(TEXT_SIZE);
    assert(r->fact_text);
    struct text t = {r->fact_text, TEXT_SIZE};
    *r->fact_text = '\0';
    for (size_t i = 0; i < r->group_count; i++)
        say_facts(r, &t, r->groups[i].facts, r->groups[i].position);
    say_facts(r, &t, facts_bytes(engine_facts(r->engine)), position);
    r->facts_read = position;
    return r->fact_text;
}

void rig_check_facts(struct rig *r, const char *text, const char *file, unsigned line)
{
    const char *seen = rig_facts(r);
    if (strcmp(seen, text))
        rig_fail(file, line, "facts are\n        \"%s\",\n    not \"%s\"", seen, text);
}

struct fact rig_fact(const struct rig *r, enum fact_kind kind)
{
    struct fact fact, last = {0};
    for (size_t i = 0; i < r->group_count; i++) {
        struct fact_reader reader;
        fact_read(&reader, r->groups[i].facts);
        while (fact_next(&reader, &fact))
            if (fact.kind == kind)
                last = fact;
    }
    if (last.kind != kind)
        rig_fail(__FILE__, __LINE__, "there is no %s", fact_kind_name(kind));
    return last;
}
