/* engine_checkpoint.c - what a segment begins with: all that is to be known beside the items, so that older
 * segments may go.
 *
 * Queues, sessions in the order of their numbers, and of each session the answers that are not confirmed.
 * Items are not in it, nor in whose hands they are: they lie in segments that are still there, or are written
 * again (engine_move.c) before theirs goes. */
#include "engine_state.h"

#include <string.h>

static void write_queues(struct engine *e)
{
    for (size_t i = 0; i < e->queues.count; i++) {
        struct fact fact = note_of_queue(e->queue_list[i]);
        facts_add_lazily(&e->facts, &fact);
    }
}

/* The ids that the answer tells of: those stored by a put; those of a get that are still held, in order. */
static void write_ids(struct engine *e, const struct call *call)
{
    if (call->verb == MQ_VERB_PUT)
        for (size_t i = 0; i < call->id_count; i++)
            facts_ids(&e->facts, call->ids[i]);
    note_leased_ids(e, call);
}

/* A put that waits and has stored some of its items would be cut off by a restart now. */
static void write_call(struct engine *e, const struct call *call)
{
    bool is_cut = call->is_cut || call->waits;
    assert(!call->waits || call->verb == MQ_VERB_PUT);
    struct fact fact = note_of_call(FACT_CALL, call);
    fact.verb = call->verb;
    fact.status = is_cut ? MQ_SESSION_LOST : call->status;
    fact.count = call->count;
    fact.total = call->total;
    fact.lease_ms = call->lease_ms;
    fact.flags =
        (call->auto_done ? FACT_AUTO_DONE : 0) | (call->partial ? FACT_PARTIAL : 0) | (is_cut ? FACT_CUT : 0);
    facts_begin(&e->facts, &fact);
    write_ids(e, call);
    facts_end_lazily(&e->facts);
    if (note_refusals_begin(e, call))
        facts_end_lazily(&e->facts);
}

static void write_sessions(struct engine *e)
{
    for (struct list_node *n = list_first(&e->session_list); n; n = list_next(&e->session_list, n)) {
        const struct session *s = CONTAINER_OF(n, struct session, of_engine);
        struct fact fact = note_of_session(s);
        facts_add_lazily(&e->facts, &fact);
        for (struct list_node *c = list_first(&s->calls); c; c = list_next(&s->calls, c)) {
            const struct call *call = CONTAINER_OF(c, struct call, of_session);
            if (call->is_noted)
                write_call(e, call);
        }
    }
}

bool engine_checkpoint(struct engine *e, uint64_t segment, uint64_t first)
{
    struct facts *facts = &e->facts;
    assert(!facts_are_there(facts));
    assert(segment > e->segment && first <= segment);
    struct facts_mark mark = facts_mark(facts);
    facts_add_lazily(facts, &(struct fact){.kind = FACT_CHECKPOINT,
                                           .first_id = e->next_item,
                                           .next_session = e->next_session,
                                           .next_queue = e->next_queue,
                                           .segment = first});
    uint64_t ids_until = e->ids_until > e->next_item ? e->ids_until : e->next_item;
    facts_add_lazily(facts, &(struct fact){.kind = FACT_IDS, .first_id = ids_until});
    write_queues(e);
    write_sessions(e);
    if (facts->is_broken || !facts_reserve(facts, FACT_SIZE_MAX)) {
        facts_undo(facts, mark);
        return false;
    }
    facts_count(facts, 0);
    e->checkpoint_size = facts_size(facts);
    e->segment = segment;
    note_next_ids(e);
    return true;
}

/* Each segment begins with a checkpoint, but one is enough for all that lives. */
uint64_t engine_live_size(const struct engine *e)
{
    return e->live_size + e->checkpoint_size;
}
