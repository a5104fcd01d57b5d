/* mqc_call_end.c - the ends of calls: answers, lost sessions, and what could not be sent. See mqc_call.h. */
#include <assert.h>
#include <stdio.h>

#include "mqc_call_parts.h"

static struct call *call_of(struct exchange *x)
{
    return x->owner;
}

/* on_end may free a call that is left, so nothing of it is read afterwards. */
static void end(struct call *c, const struct answer *answer)
{
    bool is_left = c->left, is_dropped = c->dropped;
    c->ended = true;
    call_end_orphan(c);
    if (is_left)
        c->mqc->detached--;
    if (is_left && c->quiet == c->mqc->quiet_turn)
        c->mqc->quiet--;
    if (c->on_end)
        c->on_end(c, answer);
    if (is_dropped)
        call_free(c);
    else if (!is_left)
        call_wake(c);
}

void call_end(struct call *c, enum mq_status status, const char *text)
{
    assert(c->take_back);
    assert(!c->ended);
    c->status = status;
    if (*text)
        snprintf(c->text, sizeof c->text, "%s", text);
    c->ended = true;
    call_wake(c);
}

bool call_prepare(struct exchange *x, const struct answer *answer, zmq_msg_t *frame)
{
    struct call *c = call_of(x);
    return c->left || !c->prepare || c->prepare(c, answer, frame);
}

/* What was withdrawn because the leases were lost has not happened; but it may have happened before. */
static enum mq_status meaning(const struct exchange *x, enum mq_status status)
{
    bool was_in_vain = status == MQ_INTERRUPTED && x->withdrawn && call_is_about_leases(x->request.verb);
    return was_in_vain ? MQ_LEASE_LOST : status;
}

/* The broker's words say what it is about: what exists with which other setting, say. */
void call_answered(struct exchange *x, const struct answer *answer)
{
    struct call *c = call_of(x);
    if (!c->stopped) {
        c->status = meaning(x, answer->status);
        if (answer->text.size)
            snprintf(c->text, sizeof c->text, "%s: %.*s", mq_status_text(c->status), (int)answer->text.size,
                     (const char *)answer->text.data);
    }
    end(c, answer);
}

void call_lost(struct exchange *x)
{
    struct call *c = call_of(x);
    if (!c->stopped)
        c->status =
            call_is_about_leases(x->request.verb) && !x->request.number ? MQ_LEASE_LOST : MQ_SESSION_LOST;
    end(c, NULL);
}

void call_lose_leases(struct mqc *m)
{
    struct conversation *conversation = &m->conversation;
    for (struct list_node *n = list_first(&conversation->unanswered); n;
         n = list_next(&conversation->unanswered, n)) {
        struct exchange *x = CONTAINER_OF(n, struct exchange, node);
        if (call_is_about_leases(x->request.verb))
            conversation_withdraw(conversation, x);
    }
    for (struct list_node *n = list_first(&conversation->pending), *next; n; n = next) {
        struct exchange *x = CONTAINER_OF(n, struct exchange, node);
        next = list_next(&conversation->pending, n);
        if (call_is_about_leases(x->request.verb) && conversation_withdraw(conversation, x))
            call_lost(x);
    }
}

void call_fail(struct exchange *x, enum mq_status status)
{
    struct call *c = call_of(x);
    bool is_withdrawn = !conversation_withdraw(&c->mqc->conversation, x);
    assert(is_withdrawn);
    if (!c->stopped)
        c->status = status;
    c->stopped = true;
    if (c->left)
        return;
    call_end_orphan(c);
    c->left = true;
    c->mqc->detached++;
    call_wake(c);
}
