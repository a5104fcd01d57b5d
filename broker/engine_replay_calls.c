/* engine_replay_calls.c - see engine_replay.h. Answers that are not confirmed: of which calls, and what they
 * say. */
#include "engine_replay.h"

#include <stdlib.h>
#include <string.h>

void replay_grow(struct engine *e, struct call *call, size_t bytes)
{
    size_t kept = call_kept_size(call);
    assert(!call->waits);
    call->reply_size += bytes;
    call->session->unconfirmed_size += bytes;
    call->session->kept_size += call_kept_size(call) - kept;
    e->kept_size += call_kept_size(call) - kept;
}

struct call *replay_call(struct replay *r, struct session *s, enum mq_verb verb)
{
    uint64_t number = r->fact.cause.call;
    struct call *call = number ? call_find(r->e, s, number) : NULL;
    if (number == 0 || call)
        return call;
    if (number == UINT64_MAX) {
        replay_bad(r, "a request's number makes no sense");
        return NULL;
    }
    call = call_new(r->e, s, &(struct request){.verb = verb, .number = number});
    if (!call) {
        replay_no_memory(r);
        return NULL;
    }
    call_answer(r->e, call, MQ_OK, NULL);
    call->is_noted = true;
    if (number >= s->next_number)
        s->next_number = number + 1;
    return call;
}

/* What is kept of a get is not counted: it is gone when the engine begins. */
void replay_note_ids(struct replay *r, struct call *call, struct range ids)
{
    size_t size = call->reply_size;
    bool is_full = call->id_count == call->id_capacity;
    if (is_full && !put_reserve_ids(call, call->id_count)) {
        replay_no_memory(r);
        return;
    }
    size_t grown = call->reply_size - size;
    call->reply_size = size;
    if (call->verb == MQ_VERB_PUT)
        replay_grow(r->e, call, grown);
    put_note_ids(call, ids);
}

void replay_answer(struct replay *r, enum mq_verb verb, uint64_t count)
{
    if (r->fact.cause.call == 0)
        return;
    struct session *s = replay_session(r);
    struct call *call = s ? replay_call(r, s, verb) : NULL;
    if (call && call->verb == verb)
        call->count = count;
    else if (call)
        replay_bad(r, "one request is told to be two");
}

static bool is_answer(const struct fact *f)
{
    switch (f->verb) {
    case MQ_VERB_OPEN:
    case MQ_VERB_SET:
    case MQ_VERB_REMOVE:
    case MQ_VERB_PUT:
    case MQ_VERB_GET:
    case MQ_VERB_TASK_DONE:
    case MQ_VERB_RELEASE:
    case MQ_VERB_EXTEND:
    case MQ_VERB_SHUT_DOWN:
    case MQ_VERB_PURGE:
        return f->cause.call > 0 && strcmp(mq_status_name(f->status), "?") != 0 && f->lease_ms >= 0;
    default:
        return false;
    }
}

static void fill_answer(struct replay *r, struct call *call)
{
    const struct fact *f = &r->fact;
    struct range ids;
    uint64_t count = 0;
    call->status = f->status;
    call->total = f->total;
    call->lease_ms = f->lease_ms;
    call->auto_done = f->verb == MQ_VERB_GET && (f->flags & FACT_AUTO_DONE);
    call->partial = f->flags & FACT_PARTIAL;
    call->is_cut = f->verb == MQ_VERB_PUT && (f->flags & FACT_CUT);
    while (replay_next_run(r, &count, &ids))
        replay_note_ids(r, call, ids);
    if (f->verb == MQ_VERB_GET)
        call->max = (uint32_t)count;
    if (f->verb == MQ_VERB_REMOVE || f->verb == MQ_VERB_PURGE)
        call->count = f->count;
    else if (f->verb == MQ_VERB_PUT &&
             (count != f->count || count > f->total || (call->is_cut && count == f->total))) {
        replay_bad(r, "a put's answer makes no sense");
        call->is_cut = false;
    }
    if (call->is_cut)
        call->status = MQ_SESSION_LOST;
}

/* If facts are missing it may be known already, and of a put this is the latest. */
void replay_call_fact(struct replay *r)
{
    struct session *s = replay_known_session(r);
    if (!s)
        return;
    if (!is_answer(&r->fact) || !replay_is_in_checkpoint(r)) {
        replay_bad(r, "an answer makes no sense");
        return;
    }
    struct call *call = call_find(r->e, s, r->fact.cause.call);
    if (call && (!replay_bad(r, "a request has two answers") || call->verb == MQ_VERB_GET))
        return;
    if (call)
        call_free(r->e, call);
    call = replay_call(r, s, r->fact.verb);
    if (call)
        fill_answer(r, call);
}

static bool is_about_items(enum mq_verb verb)
{
    return verb == MQ_VERB_TASK_DONE || verb == MQ_VERB_RELEASE || verb == MQ_VERB_EXTEND;
}

static bool add_refusal(struct replay *r, struct call *call, struct refusal refusal)
{
    size_t count = call->refusal_count;
    bool is_full = (count & (count - 1)) == 0; /* a power of 2, or nothing */
    if (count == MQ_ITEMS_MAX || (refusal.status != MQ_TOO_MANY_DONE && refusal.status != MQ_LEASE_LOST))
        return replay_bad(r, "a refusal makes no sense");
    if (is_full) {
        size_t capacity = count ? 2 * count : 1;
        struct refusal *refusals = realloc(call->refusals, capacity * sizeof *refusals);
        if (!refusals) {
            replay_no_memory(r);
            return false;
        }
        call->refusals = refusals;
        replay_grow(r->e, call, (capacity - count) * sizeof *refusals);
    }
    call->refusals[call->refusal_count++] = refusal;
    call->status = call->refusals[0].status;
    return true;
}

void replay_refused(struct replay *r)
{
    struct session *s = replay_is_in_checkpoint(r) ? replay_known_session(r) : replay_session(r);
    struct call *call = s ? call_find(r->e, s, r->fact.cause.call) : NULL;
    if (s && !call && is_about_items(r->fact.verb))
        call = replay_call(r, s, r->fact.verb);
    if (!call || !is_about_items(call->verb)) {
        replay_bad(r, "a refusal of no known request");
        return;
    }
    struct refusal refusal;
    while (fact_next_refusal(&r->reader, &r->fact, &refusal))
        if (!add_refusal(r, call, refusal))
            return;
}
