/* mqc_queue.c - handles of queues, and the calls about a queue as a whole. */
#include "mqc_queue.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void queue_ref(struct mqc_queue *q)
{
    q->references++;
}

static struct mqc_item *oldest_lease(struct mqc_queue *q)
{
    struct list_node *node = list_first(&q->leases);
    return node ? CONTAINER_OF(node, struct mqc_item, lease_node) : NULL;
}

void queue_unref(struct mqc_queue *q)
{
    assert(q->references > 0);
    if (--q->references)
        return;
    for (struct mqc_item *item; (item = oldest_lease(q));)
        lease_end(item);
    if (list_has(&q->node))
        list_remove(&q->node);
    call_drop(q->open);
    puts_done(q);
    q->mqc->references--;
    free(q);
}

struct bytes queue_name(const struct mqc_queue *q)
{
    return mq_bytes(q->name);
}

enum mq_status queue_enter(struct mqc_queue *q)
{
    if (!q)
        return client_fail(NULL, MQ_INVALID, "no queue handle");
    enum mq_status status = client_enter(q->mqc);
    if (status != MQ_OK)
        return status;
    if (q->refusal != MQ_OK)
        return client_leave(q->mqc, client_fail(q->mqc, q->refusal, q->refusal_text));
    queue_ref(q);
    return MQ_OK;
}

enum mq_status queue_enter_timed(struct mqc_queue *q, int64_t timeout_ms)
{
    if (!is_timeout(timeout_ms))
        return client_fail(q ? q->mqc : NULL, MQ_INVALID, "a time-out is 0, positive, or MQ_FOREVER");
    return queue_enter(q);
}

enum mq_status queue_leave(struct mqc_queue *q, enum mq_status status)
{
    struct mqc *m = q->mqc;
    queue_unref(q);
    return client_leave(m, status);
}

/* ---- Opening ------------------------------------------------------------------------------------------- */

static void reopened(struct call *call, const struct answer *answer)
{
    struct mqc_queue *q = call->context;
    if (answer) {
        q->refusal = call->status;
        snprintf(q->refusal_text, sizeof q->refusal_text, "opening it again: %.200s",
                 *call->text ? call->text : mq_status_text(call->status));
    }
    queue_unref(q);
}

void queue_reopen_all(struct mqc *m)
{
    for (struct list_node *n = list_first(&m->queues); n; n = list_next(&m->queues, n)) {
        struct mqc_queue *q = CONTAINER_OF(n, struct mqc_queue, node);
        if (!q->open->ended)
            continue; /* the last new session did not come that far */
        queue_ref(q);
        q->open->on_end = reopened;
        q->open->context = q;
        call_reopen(q->open);
    }
}

static bool settings_are_valid(const struct mqc_queue_options *o)
{
    return !(o->given & ~(uint32_t)MQ_SETTINGS_ALL) && is_zero(o->reserved, sizeof o->reserved / 8) &&
           o->prefetch <= MQ_ITEMS_MAX && (unsigned)o->mode <= MQC_OPEN_NAME &&
           !(o->mode == MQC_OPEN_NAME && o->given);
}

static struct settings settings_of(const struct mqc_queue_options *o)
{
    return (struct settings){.given = o->given,
                             .kind = o->kind,
                             .maxsize = o->maxsize,
                             .lease_ms = o->lease_ms,
                             .is_transient = o->is_transient};
}

static struct mqc_queue *queue_new(struct mqc *m, const char *name)
{
    struct mqc_queue *q = calloc(1, sizeof *q);
    if (!q) {
        client_fail(m, MQ_NO_MEMORY, NULL);
        return NULL;
    }
    q->mqc = m;
    m->references++;
    q->references = 1;
    list_init(&q->leases);
    puts_init(q);
    snprintf(q->name, sizeof q->name, "%s", name);
    return q;
}

/* Asks the broker; the call is kept to ask again in a new session. */
static enum mq_status queue_ask(struct mqc_queue *q, const struct mqc_queue_options *options)
{
    struct call *call = call_new(q->mqc, MQ_VERB_OPEN, NULL);
    if (call) {
        call->exchange.request.queue = queue_name(q);
        call->exchange.request.settings = settings_of(options);
        call->exchange.request.create = options->mode == MQC_OPEN_CREATE;
    }
    enum mq_status status = call_run(call);
    if (status != MQ_OK) {
        call_drop(call);
        return status;
    }
    q->open = call;
    list_append(&q->mqc->queues, &q->node);
    return MQ_OK;
}

enum mq_status mqc_queue_open(struct mqc *m, const char *name, const struct mqc_queue_options *options,
                              struct mqc_queue **ret_queue)
{
    static const struct mqc_queue_options defaults;
    enum mq_status status = client_enter(m);
    if (status != MQ_OK)
        return status;
    if (!name || !mq_name_is_valid(mq_bytes(name)))
        return client_leave(m, client_fail(m, MQ_INVALID,
                                           "a queue's name is 1 to 255 bytes of UTF-8 without "
                                           "spaces and control characters"));
    if (!options)
        options = &defaults;
    if (!ret_queue || !settings_are_valid(options))
        return client_leave(m, client_fail(m, MQ_INVALID, "an option is out of range, or reserved"));
    struct mqc_queue *q = queue_new(m, name);
    if (!q)
        return client_leave(m, MQ_NO_MEMORY);
    ahead_open(q, options->prefetch);
    if (options->mode != MQC_OPEN_NAME)
        status = queue_ask(q, options);
    if (status == MQ_OK)
        *ret_queue = q;
    else
        queue_unref(q);
    return client_leave(m, status);
}

void mqc_queue_close(struct mqc_queue *q)
{
    if (!q || client_is_foreign(q->mqc))
        return;
    struct mqc *m = q->mqc;
    client_lock(m);
    ahead_end(q);
    queue_unref(q);
    client_unlock(m);
}

/* ---- The whole queue ----------------------------------------------------------------------------------- */

static void counted(struct call *call, const struct answer *answer)
{
    if (answer && !call->left)
        *(uint64_t *)call->context = answer->count;
}

/* Runs and drops the call; its count goes to *ret_count, which may be NULL. */
static enum mq_status run_counting(struct call *call, uint64_t *ret_count)
{
    uint64_t count = 0;
    if (call) {
        call->on_end = counted;
        call->context = &count;
    }
    enum mq_status status = call_run(call);
    call_drop(call);
    if (status == MQ_OK && ret_count)
        *ret_count = count;
    return status;
}

enum mq_status mqc_queue_set(struct mqc_queue *q, const struct mqc_queue_options *options)
{
    enum mq_status status = queue_enter(q);
    if (status != MQ_OK)
        return status;
    if (!options || options->given & ~(uint32_t)(MQ_SETTING_MAXSIZE | MQ_SETTING_LEASE) ||
        options->prefetch || !is_zero(options->reserved, sizeof options->reserved / 8))
        return queue_leave(q, client_fail(q->mqc, MQ_INVALID, "only maxsize and lease can be set"));
    struct call *call = call_new(q->mqc, MQ_VERB_SET, q);
    if (call)
        call->exchange.request.settings = settings_of(options);
    return queue_leave(q, run_counting(call, NULL));
}

enum mq_status mqc_queue_remove(struct mqc_queue *q, bool force, uint64_t *ret_discarded)
{
    enum mq_status status = queue_enter(q);
    if (status != MQ_OK)
        return status;
    ahead_give_back(q->mqc, q->name);
    struct call *call = call_new(q->mqc, MQ_VERB_REMOVE, q);
    if (call)
        call->exchange.request.force = force;
    return queue_leave(q, run_counting(call, ret_discarded));
}

enum mq_status mqc_purge(struct mqc_queue *q, uint64_t *ret_discarded)
{
    enum mq_status status = queue_enter(q);
    if (status != MQ_OK)
        return status;
    ahead_give_back(q->mqc, q->name); /* these wait, too */
    return queue_leave(q, run_counting(call_new(q->mqc, MQ_VERB_PURGE, q), ret_discarded));
}

enum mq_status mqc_shutdown(struct mqc_queue *q, bool immediate)
{
    enum mq_status status = queue_enter(q);
    if (status != MQ_OK)
        return status;
    if (immediate)
        ahead_give_back(q->mqc, q->name);
    struct call *call = call_new(q->mqc, MQ_VERB_SHUT_DOWN, q);
    if (call)
        call->exchange.request.immediate = immediate;
    return queue_leave(q, run_counting(call, NULL));
}

enum mq_status mqc_join(struct mqc_queue *q, int64_t timeout_ms)
{
    enum mq_status status = queue_enter_timed(q, timeout_ms);
    if (status != MQ_OK)
        return status;
    ahead_give_back(q->mqc, q->name);
    struct call *call = call_new(q->mqc, MQ_VERB_JOIN, q);
    if (call)
        call_set_timeout(call, timeout_ms);
    return queue_leave(q, run_counting(call, NULL));
}
