/* model_log.c - what must survive: which groups of facts an answer depends on, what a full or failed disk
 * means, and what is left of everything after a restart. */
#include "model_parts.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

/* Of a broker that answers before it is safe, blocks are larger than what can be given until then. */
static uint64_t ids_block(const struct model *m)
{
    return (uint64_t)1 << (m->options.is_forgetful ? 32 : 24);
}

/* ---- facts ---- */

bool model_is_noted(const struct model *m, const struct model_queue *q)
{
    return m->options.is_durable && !q->settings.is_transient;
}

void model_note_lazily(struct model *m)
{
    m->has_facts = m->has_facts || (m->options.is_durable && !m->has_failed);
}

void model_note(struct model *m, struct model_call *call)
{
    if (!m->options.is_durable || m->has_failed)
        return;
    m->has_facts = true;
    m->needed = m->group;
    if (!call)
        return;
    call->is_noted = true;
    call->needs = m->group;
}

/* Long before the first of a block of ids is given, all of it is noted as given. */
void model_note_ids(struct model *m)
{
    if (!m->options.is_durable || m->ids_until > m->next_item + ids_block(m) / 2)
        return;
    m->ids_until = m->next_item + ids_block(m);
    model_note(m, NULL);
}

void model_checkpoint(struct model *m)
{
    m->turn++;
    for (size_t i = 0; i < m->call_count; i++) {
        struct model_call *call = m->calls[i];
        bool is_cut = call->is_cut || call->waits;
        if (call->verb != MQ_VERB_PUT)
            continue;
        call->marks = realloc(call->marks, (call->mark_count + 1) * sizeof *call->marks);
        SIM_REQUIRE(call->marks, "out of memory");
        call->marks[call->mark_count++] = (struct model_mark){
            .turn = m->turn, .status = is_cut ? MQ_SESSION_LOST : call->status, .is_cut = is_cut};
    }
    if (m->ids_until <= m->next_item + ids_block(m) / 2)
        m->ids_until = m->next_item + ids_block(m);
}

void model_need_all(struct model *m)
{
    uint64_t last = m->has_facts ? m->group : m->group - 1;
    if (m->options.is_durable && !m->has_failed && last > m->needed)
        m->needed = last;
}

bool model_refuses(const struct model *m, const struct model_queue *q)
{
    return model_is_noted(m, q) && (m->is_short || m->refuses_puts);
}

/* ---- the disk ---- */

void model_taken(struct model *m, bool is_short)
{
    m->group++;
    m->has_facts = false;
    m->is_short = is_short;
    m->memory_freed = true;
    model_settle(m);
}

void model_limit_facts(struct model *m, bool is_short)
{
    m->is_short = is_short;
    m->memory_freed = true;
    model_settle(m);
}

void model_refuse_puts(struct model *m, bool refuses)
{
    m->refuses_puts = refuses;
    m->memory_freed = true;
    model_settle(m);
}

void model_fail(struct model *m)
{
    m->has_failed = true;
    for (size_t i = 0; i < m->queue_count; i++) {
        model_answer_line(m, m->queues[i], MQ_VERB_PUT, MQ_TEMPORARY);
        model_answer_line(m, m->queues[i], MQ_VERB_GET, MQ_TEMPORARY);
        model_answer_line(m, m->queues[i], MQ_VERB_JOIN, MQ_TEMPORARY);
    }
    model_settle(m);
}

/* ---- a copy ---- */

static void *copy_of(const void *block, size_t size)
{
    void *copy = sim_alloc(size);
    if (size)
        memcpy(copy, block, size);
    return copy;
}

static void copy_call(struct model *copy, struct model_call *call)
{
    struct model_call *c = call->copy = copy_of(call, sizeof *call);
    c->session = call->session->copy;
    size_t ids_size = call->verb == MQ_VERB_PUT ? call->count * sizeof *call->ids : 0;
    c->ids = copy_of(call->ids, ids_size);
    c->untold = copy_of(call->untold, ids_size);
    c->marks = copy_of(call->marks, call->mark_count * sizeof *call->marks);
    c->refusals = copy_of(call->refusals, call->refusal_count * sizeof *call->refusals);
    c->unstored = NULL;
    c->look = NULL;
    c->queue = NULL;
    c->unstored_first = c->unstored_count = 0;
    c->is_owed = false;
    model_add_call(copy, c);
}

static void copy_item(struct model *copy, const struct model_item *item)
{
    struct model_item *c = copy_of(item, sizeof *item);
    c->queue = item->queue->copy;
    c->holder = item->holder ? item->holder->copy : NULL;
    c->call = item->call ? item->call->copy : NULL;
    model_add_item(copy, c);
}

/* Waiting requests do not survive, nor what no fact tells of. */
struct model *model_copy(const struct model *m)
{
    struct model *copy = copy_of(m, sizeof *m);
    copy->calls = NULL;
    copy->items = NULL;
    copy->call_count = copy->item_count = copy->call_room = copy->item_room = copy->marked_count = 0;
    for (size_t i = 0; i < m->queue_count; i++)
        copy->queues[i] = m->queues[i]->copy = copy_of(m->queues[i], sizeof *m->queues[i]);
    for (size_t i = 0; i < m->session_count; i++) {
        struct model_session *s = m->sessions[i]->copy = copy_of(m->sessions[i], sizeof *s);
        s->peer = s->lost = NULL;
        s->lost_count = s->lost_capacity = 0;
        copy->sessions[i] = s;
    }
    for (size_t i = 0; i < m->call_count; i++) {
        m->calls[i]->copy = NULL;
        if (m->calls[i]->is_noted)
            copy_call(copy, m->calls[i]);
    }
    for (size_t i = 0; i < m->item_count; i++)
        if (!m->items[i]->queue->settings.is_transient)
            copy_item(copy, m->items[i]);
    return copy;
}

/* ---- a restart ---- */

/* A put that was cut off may have gone on in a queue of the same name that is transient. */
static void forget_untold(struct model_call *call, uint64_t checkpoint)
{
    size_t kept = 0;
    for (size_t i = 0; i < call->count; i++)
        if (call->untold[i] <= checkpoint) {
            call->untold[kept] = call->untold[i];
            call->ids[kept++] = call->ids[i];
        }
    call->count = kept;
}

/* Facts tell what a put has stored, not how it ended, unless the checkpoint does that the log begins with. */
static void restart_put(struct model_call *call, uint64_t checkpoint)
{
    forget_untold(call, checkpoint);
    call->is_cut = call->count < call->total && !call->partial;
    call->status = call->is_cut ? MQ_SESSION_LOST : MQ_OK;
    for (size_t i = 0; call->stored < checkpoint && i < call->mark_count; i++)
        if (call->marks[i].turn == checkpoint) {
            call->is_cut = call->marks[i].is_cut;
            call->status = call->marks[i].status;
        }
    call->cut_queue = call->stored > checkpoint ? call->stored_in : 0;
    if (call->session->lapsed > call->stored && call->session->lapsed > checkpoint)
        call->is_cut = false;
}

static void restart_call(struct model_call *call, uint64_t checkpoint)
{
    if (call->verb == MQ_VERB_PUT)
        restart_put(call, checkpoint);
    call->waits = false;
    call->due_ms = NEVER;
    call->needs = 0;
}

/* Those that had ended when the checkpoint was written come first, by their numbers. */
static bool ended_before(const struct model_session *a, const struct model_session *b, uint64_t checkpoint)
{
    if (a->lapsed < checkpoint && b->lapsed < checkpoint)
        return a->number < b->number;
    return a->lapsed < b->lapsed;
}

static void order_ended(struct model *m, uint64_t checkpoint)
{
    uint64_t turns[MODEL_SESSIONS];
    for (size_t i = 0; i < m->session_count; i++) {
        turns[i] = m->turn + 1;
        for (size_t k = 0; k < m->session_count; k++)
            turns[i] += m->sessions[k]->ended && ended_before(m->sessions[k], m->sessions[i], checkpoint);
    }
    for (size_t i = 0; i < m->session_count; i++)
        if (m->sessions[i]->ended)
            m->sessions[i]->ended = turns[i];
    m->turn += m->session_count + 1;
}

static void restart_session(const struct model *m, struct model_session *s)
{
    uint64_t wait_ms = s->ended ? m->options.remember_ms : m->options.resume_grace_ms;
    s->due_ms = m->now_ms + wait_ms;
    s->heard_ms = m->now_ms;
    s->is_replayed = true;
    s->unsure_until = 0;
}

static void restart_queue(struct model_queue *q)
{
    q->waits_for_memory = 0;
    if (q->settings.is_transient)
        q->puts = q->gets = q->done = q->redelivered = q->returned = q->discarded = 0;
}

void model_restart(struct model *m, uint64_t now_ms, uint64_t checkpoint)
{
    m->now_ms = now_ms;
    m->turn++;
    for (size_t i = 0; i < m->call_count; i++)
        restart_call(m->calls[i], checkpoint);
    order_ended(m, checkpoint);
    for (size_t i = 0; i < m->session_count; i++)
        restart_session(m, m->sessions[i]);
    for (size_t i = 0; i < m->queue_count; i++)
        restart_queue(m->queues[i]);
    for (size_t i = 0; i < m->item_count; i++) {
        struct model_item *item = m->items[i];
        item->due_ms = item->holder && item->lease_ms > 0 ? now_ms + (uint64_t)item->lease_ms : NEVER;
    }
    if (m->next_item < m->ids_until)
        m->next_item = m->ids_until;
    m->begun_item = m->next_item;
    m->puts = m->gets = m->done = m->redelivered = m->returned = m->discarded = 0;
    m->repeats = m->sessions_lost = m->forgotten = 0;
    m->needed = 0;
    m->has_facts = m->is_short = m->refuses_puts = m->has_failed = m->memory_freed = false;
}
