/* engine_safe.c - what may be told when, and what goes on when facts cannot be written down: for a while
 * (too many of them, no memory for more, a full disk), or never again. */
#include "engine_state.h"

struct facts *engine_facts(struct engine *e)
{
    return &e->facts;
}

uint64_t engine_position(const struct engine *e)
{
    return e->failure ? 0 : e->facts.needed;
}

/* Pings wait for nothing. After a failure nothing that is decided does; but what had been said before and was
 * not safe may never be told, however often it is asked for. */
struct list *safe_outbox(struct engine *e, const struct call *call)
{
    bool is_urgent = call->verb == MQ_VERB_PING || (e->failure && call->position <= e->safe);
    return is_urgent ? &e->urgent : &e->outbox;
}

/* What a put of this cost makes of facts takes no more than that, but for what its fact begins with, and what
 * reserves ids. */
static bool is_too_much(const struct engine *e, size_t cost)
{
    uint64_t size = facts_size(&e->facts);
    return size > e->options.backlog_max || size + cost + 2 * FACT_SIZE_MAX > e->facts_max;
}

const char *safe_put_refusal(const struct engine *e, const struct queue *q, size_t cost)
{
    if (!note_is_of(e, q))
        return NULL;
    if (e->refuses_puts)
        return e->refuses_puts;
    return is_too_much(e, cost) ? "too much is not yet on disk" : NULL;
}

void engine_limit_facts(struct engine *e, uint64_t now_ms, uint64_t size)
{
    bool is_more = size > e->facts_max;
    e->facts_max = size;
    if (!is_more || list_is_empty(&e->starved))
        return;
    engine_clock(e, now_ms);
    e->memory_freed = true;
    engine_settle(e);
}

/* Steps that were postponed, as there was no room for their facts, may find some now. */
void safe_go_on(struct engine *e)
{
    if (e->is_postponed)
        for (size_t i = 0; i < e->queues.count; i++)
            engine_mark(e, e->queue_list[i]);
    e->is_postponed = false;
    e->memory_freed = true;
}

void engine_taken(struct engine *e, uint64_t now_ms)
{
    engine_clock(e, now_ms);
    safe_go_on(e);
    engine_settle(e);
}

void engine_refuse_puts(struct engine *e, uint64_t now_ms, const char *why)
{
    engine_clock(e, now_ms);
    e->refuses_puts = why;
    e->memory_freed = true;
    engine_settle(e);
}

static void refuse_all(struct engine *e, struct list *line)
{
    struct call *call;
    while ((call = call_first(line)))
        call_answer(e, call, MQ_TEMPORARY, e->failure);
}

/* From now on nothing changes but what is known of connections: no session ends, no lease. Whatever else
 * happened here would be undone by the restart, behind the back of those who have seen it. */
void safe_fail(struct engine *e, const char *why)
{
    e->failure = why;
    e->facts.is_on = false;
    for (size_t i = 0; i < e->queues.count; i++) {
        struct queue *q = e->queue_list[i];
        refuse_all(e, &q->putters);
        refuse_all(e, &q->getters);
        refuse_all(e, &q->joiners);
    }
}

void engine_fail(struct engine *e, uint64_t now_ms, const char *why)
{
    engine_clock(e, now_ms);
    if (!e->failure)
        safe_fail(e, why);
    engine_settle(e);
}

const char *engine_failure(const struct engine *e)
{
    return e->failure;
}
