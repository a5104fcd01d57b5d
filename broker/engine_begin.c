/* engine_begin.c - the moment when an engine that was made again from facts begins to be one. */
#include "engine_state.h"

#include <stdlib.h>

bool engine_is_short(const struct engine *e)
{
    return e->is_short;
}

bool engine_may_start_at(const struct engine *e, uint64_t first)
{
    return first <= e->dropped + 1;
}

/* The items of a get's answer are in the order in which they were handed out, those that came in late, too.
 */
static void begin_get(struct engine *e, struct call *call)
{
    for (size_t i = 0; i < call->id_count; i++)
        for (uint64_t id = call->ids[i].first; id <= call->ids[i].last; id++) {
            struct lease *lease = lease_find(e, call->session, id);
            if (!lease || lease->call != call)
                continue;
            list_remove(&lease->of_call);
            list_append(&call->leases, &lease->of_call);
        }
    if (call->ids != call->only_ids)
        free(call->ids);
    call->ids = call->only_ids;
    call->id_capacity = 1;
    call->id_count = 0;
    call->count = 0;
}

/* Its connection is gone, and its time to come back begins. */
static void begin_session(struct engine *e, struct session *s)
{
    s->heard_ms = e->now_ms;
    for (struct list_node *n = list_first(&s->calls); n; n = list_next(&s->calls, n))
        if (CONTAINER_OF(n, struct call, of_session)->verb == MQ_VERB_GET)
            begin_get(e, CONTAINER_OF(n, struct call, of_session));
    for (struct list_node *n = list_first(&s->leases); n; n = list_next(&s->leases, n)) {
        struct lease *lease = CONTAINER_OF(n, struct lease, of_session);
        lease_last(e, lease, lease->lease_ms);
    }
    if (s->ended)
        s->forget_ms = engine_later_ms(e, e->options.remember_ms);
    else
        heap_add(&e->lives, &s->timer.entry, engine_later_ms(e, e->options.resume_grace_ms));
}

/* What became of unknown items was not told of their queue, but follows: each item that was stored is done,
 * discarded or still there; each that was handed out is done, came back, or is still out. */
static void begin_queue(struct queue *q)
{
    if (q->settings.is_transient) {
        q->totals = (struct totals){0}; /* it has seen no item */
        return;
    }
    uint64_t there = queue_unfinished(q);
    struct totals *t = &q->totals;
    if (t->puts < there || t->puts - there < t->discarded)
        t->puts = t->discarded + there; /* facts are missing */
    t->done = t->puts - t->discarded - there;
    if (t->gets < q->leased || t->gets - q->leased < t->done)
        t->gets = t->done + q->leased;
    t->returned = t->gets - t->done - q->leased;
}

void engine_open(struct engine *e, uint64_t now_ms)
{
    engine_clock(e, now_ms);
    session_postpone_all(e, now_ms - e->begun_ms - e->postponed_ms);
}

void engine_was_forgetful(struct engine *e, bool was_forgetful)
{
    e->was_forgetful = was_forgetful;
}

bool engine_begin(struct engine *e, uint64_t now_ms)
{
    assert(now_ms >= e->now_ms);
    e->now_ms = e->begun_ms = now_ms;
    e->postponed_ms = 0;
    for (struct list_node *n = list_first(&e->session_list); n; n = list_next(&e->session_list, n))
        begin_session(e, CONTAINER_OF(n, struct session, of_engine));
    for (size_t i = 0; i < e->queues.count; i++)
        begin_queue(e->queue_list[i]);
    chunk_end_restored(&e->stock);
    if (e->next_item < e->ids_until)
        e->next_item = e->ids_until;
    e->begun_item = e->next_item;
    e->totals = (struct totals){0};
    e->sessions_lost = e->forgotten = e->repeats = 0;
    e->is_replaying = e->is_postponed = false;
    e->facts.is_on = e->options.is_durable;
    engine_settle(e);
    return true;
}
