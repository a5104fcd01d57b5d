/* mqc_gather.c - see mqc_gather.h. */
#include "mqc_gather.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "mqc_call.h"

static void tell(struct call *call, enum mq_status status, size_t refused)
{
    char text[CALL_TEXT_SIZE] = "";
    if (status != MQ_OK)
        snprintf(text, sizeof text, "%zu of %zu gathered task_dones refused, the first: %s", refused,
                 call->id_count, mq_status_text(status));
    async_end(call->mqc, call->sequence, status, text);
}

static void judged(struct call *call, const struct answer *answer)
{
    tell(call, call->status, answer && answer->refusal_count ? answer->refusal_count : call->id_count);
}

bool gather_reserve(struct mqc *m)
{
    struct gather *g = &m->gather;
    if (g->call && g->call->id_count == GATHER_MAX)
        gather_send(m);
    if (g->call)
        return true;
    struct call *call = call_new(m, MQ_VERB_TASK_DONE, NULL);
    if (!call)
        return false;
    call->ids = malloc(GATHER_MAX * sizeof *call->ids);
    if (!call->ids) {
        call_drop(call);
        return false;
    }
    call->exchange.request.ids = call->ids;
    call->on_end = judged;
    g->call = call;
    g->due_ms = add_ms(monotonic_ms(), g->span_ms);
    helper_wake_by(m, g->due_ms);
    return true;
}

void gather_add(struct mqc *m, uint64_t id)
{
    struct call *call = m->gather.call;
    assert(call->id_count < GATHER_MAX);
    if (!call->id_count)
        call->sequence = async_begin(m);
    call->ids[call->id_count++] = id;
}

void gather_send(struct mqc *m)
{
    struct call *call = m->gather.call;
    if (!call)
        return;
    assert(call->id_count > 0);
    m->gather.call = NULL;
    call_detach_quietly(call);
}

void gather_added(struct mqc *m)
{
    if (!m->gather.call || m->gather.call->id_count < GATHER_ENOUGH)
        return;
    gather_send(m);
    wire_turn(m);
}

void gather_lose(struct mqc *m)
{
    struct call *call = m->gather.call;
    if (!call)
        return;
    m->gather.call = NULL;
    tell(call, MQ_LEASE_LOST, call->id_count);
    call_drop(call);
}

uint64_t gather_due_ms(const struct mqc *m)
{
    return m->gather.call ? m->gather.due_ms : NEVER;
}

void gather_work(struct mqc *m, uint64_t now_ms)
{
    if (now_ms >= gather_due_ms(m))
        gather_send(m);
}
