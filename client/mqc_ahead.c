/* mqc_ahead.c - see mqc_ahead.h. */
#include "mqc_ahead.h"

#include <assert.h>
#include <string.h>

#include "mqc_queue.h"

static struct mqc_queue *queue_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct mqc_queue, ahead.node);
}

static struct mqc_item *item_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct mqc_item, lease_node);
}

void ahead_open(struct mqc_queue *q, uint32_t prefetch)
{
    q->ahead.prefetch = prefetch;
    ahead_init(&q->ahead.policy, prefetch);
    list_init(&q->ahead.items);
    list_init(&q->ahead.takers);
}

/* The helper looks after those handles that have something ahead. */
static void note(struct mqc_queue *q)
{
    struct lookahead *a = &q->ahead;
    bool has_any = a->count || a->fetch;
    if (has_any == list_has(&a->node))
        return;
    if (!has_any) {
        list_remove(&a->node);
        return;
    }
    ahead_watch(&a->policy, monotonic_ms());
    list_append(&q->mqc->aheads, &a->node);
    helper_wake_by(q->mqc, ahead_look_ms(&a->policy));
}

void ahead_set_fetch(struct mqc_queue *q, struct call *fetch)
{
    q->ahead.fetch = fetch;
    note(q);
}

/* ---- Going back ---------------------------------------------------------------------------------------- */

static void forget_item(struct mqc_item *item)
{
    struct mqc_queue *q = item->batch->queue;
    assert(item->ahead);
    item->ahead = false;
    q->ahead.count--;
    lease_end(item);
    item_forget(item);
}

static void forget_last(struct mqc_queue *q, size_t count)
{
    while (count--)
        forget_item(item_of(list_last(&q->ahead.items)));
}

/* The last `count` items. Without memory they stay for another look. After the bye nothing can be said any
 * more, and they go back with the end of the session. */
static void release(struct mqc_queue *q, size_t count)
{
    if (q->mqc->conversation.bye) {
        forget_last(q, count);
        return;
    }
    struct call *call = count ? call_new(q->mqc, MQ_VERB_RELEASE, NULL) : NULL;
    if (!call || !call_reserve_ids(call, count)) {
        call_drop(call);
        return;
    }
    call->exchange.request.untouched = true;
    call->id_count = count;
    while (count--) {
        struct mqc_item *item = item_of(list_last(&q->ahead.items));
        call->ids[count] = item->id;
        forget_item(item);
    }
    call_detach(call);
}

bool ahead_take_fetch(struct mqc_queue *q, int64_t timeout_ms, struct taker *taker,
                      enum mq_status *ret_status)
{
    struct lookahead *a = &q->ahead;
    if (!a->fetch || a->fetch->stopped)
        return false;
    taker->call = a->fetch;
    taker->call->context = taker;
    ahead_set_fetch(q, NULL);
    list_append(&a->takers, &taker->node);
    *ret_status = call_adopt(taker->call, timeout_ms);
    list_remove(&taker->node);
    bool is_over = taker->count || taker->call->stopped;
    call_drop(taker->call);
    return is_over;
}

/* What is on its way comes after what lies here: if that went back now, the program could get it in the wrong
 * order. So it is waited for; if there is another one then, the program is getting items. */
static void give_back(struct mqc_queue *q)
{
    struct taker nobody = {0};
    enum mq_status unused;
    if (wire_is_ready(q->mqc))
        (void)ahead_take_fetch(q, MQ_NOWAIT, &nobody, &unused);
    if (q->ahead.fetch)
        return;
    release(q, q->ahead.count);
    ahead_reset(&q->ahead.policy);
    note(q);
}

/* Waiting lets the list change, so each handle is marked. */
void ahead_give_back(struct mqc *m, const char *name)
{
    unsigned turn = ++m->ahead_turn;
    struct list_node *n = list_first(&m->aheads);
    while (n) {
        struct mqc_queue *q = queue_of(n);
        if (q->ahead.turn == turn || strcmp(q->name, name) != 0) {
            n = list_next(&m->aheads, n);
            continue;
        }
        q->ahead.turn = turn;
        queue_ref(q);
        give_back(q);
        queue_unref(q);
        n = list_first(&m->aheads);
    }
}

/* What cannot be released for want of memory goes back when the session ends; what is on its way, when it
 * comes. */
void ahead_end(struct mqc_queue *q)
{
    release(q, q->ahead.count);
    ahead_reset(&q->ahead.policy);
    q->ahead.policy.limit = 0;
    if (q->ahead.fetch)
        call_orphan(q->ahead.fetch);
    while (q->ahead.count)
        forget_item(item_of(list_first(&q->ahead.items)));
    note(q);
}

static bool any_fetch(const struct mqc *m)
{
    for (struct list_node *n = list_first(&m->aheads); n; n = list_next(&m->aheads, n))
        if (queue_of(n)->ahead.fetch)
            return true;
    return false;
}

void ahead_close(struct mqc *m, uint64_t due_ms)
{
    wire_turn(m);
    while (wire_is_ready(m) && any_fetch(m) && monotonic_ms() < due_ms) {
        call_poll(m, NULL, due_ms);
        wire_turn(m);
    }
    for (struct list_node *n = list_first(&m->aheads), *next; n; n = next) {
        struct mqc_queue *q = queue_of(n);
        next = list_next(&m->aheads, n);
        release(q, q->ahead.count);
        note(q);
    }
}

void ahead_drop(struct mqc_item *item)
{
    struct mqc_queue *q = item->batch->queue;
    queue_ref(q);
    forget_item(item);
    note(q);
    queue_unref(q);
}

void ahead_lose_all(struct mqc *m)
{
    for (struct list_node *n = list_first(&m->aheads), *next; n; n = next) {
        struct mqc_queue *q = queue_of(n);
        next = list_next(&m->aheads, n);
        queue_ref(q);
        while (q->ahead.count)
            forget_item(item_of(list_first(&q->ahead.items)));
        ahead_reset(&q->ahead.policy);
        note(q);
        queue_unref(q);
    }
}

/* ---- Giving and taking --------------------------------------------------------------------------------- */

/* A process that was stopped for long cannot know what has become of its leases. */
static bool give(struct mqc_queue *q, struct taker *taker)
{
    struct lookahead *a = &q->ahead;
    size_t before = taker->count;
    while (a->count && taker->count < taker->max) {
        struct mqc_item *item = item_of(list_first(&a->items));
        if (lease_may_be_over(item))
            break;
        list_remove(&item->lease_node);
        list_append(&q->leases, &item->lease_node);
        item->ahead = false;
        a->count--;
        taker->items[taker->count++] = item;
    }
    return taker->count > before;
}

/* Those who wait at the broker would wait there for what lies here. */
static void serve(struct mqc_queue *q)
{
    for (struct list_node *n = list_first(&q->ahead.takers); n; n = list_next(&q->ahead.takers, n)) {
        struct taker *taker = CONTAINER_OF(n, struct taker, node);
        if (call_is_blocked(taker->call) && give(q, taker))
            call_withdraw(taker->call, MQ_OK);
    }
}

void ahead_add(struct mqc_queue *q, struct batch *batch, size_t from, int64_t lease_ms)
{
    for (size_t i = from; i < batch->count; i++) {
        struct mqc_item *item = &batch->items[i];
        list_remove(&item->lease_node);
        list_append(&q->ahead.items, &item->lease_node);
        item->ahead = true;
    }
    q->ahead.count += batch->count - from;
    serve(q);
    if (lease_ms > 0 && q->mqc->no_renew)
        ahead_end(q); /* its leases would run out here */
    else if (!q->ahead.policy.limit || q->mqc->conversation.bye)
        release(q, q->ahead.count);
    note(q);
}

bool ahead_take(struct mqc_queue *q, struct taker *taker)
{
    if (q->ahead.count && lease_may_be_over(item_of(list_first(&q->ahead.items)))) {
        release(q, q->ahead.count);
        ahead_reset(&q->ahead.policy);
    }
    if (!give(q, taker))
        return false;
    note(q);
    return true;
}

/* ---- Looking after it ---------------------------------------------------------------------------------- */

uint64_t ahead_due_ms(const struct mqc *m)
{
    uint64_t due_ms = NEVER;
    for (struct list_node *n = list_first(&m->aheads); n; n = list_next(&m->aheads, n)) {
        uint64_t look_ms = ahead_look_ms(&queue_of(n)->ahead.policy);
        due_ms = look_ms < due_ms ? look_ms : due_ms;
    }
    return due_ms;
}

/* Nothing goes back before what is on its way is here, see give_back(). */
static void look(struct mqc_queue *q, uint64_t now_ms)
{
    struct lookahead *a = &q->ahead;
    if (a->fetch) {
        call_orphan(a->fetch);
        ahead_watch(&a->policy, now_ms);
        return;
    }
    size_t keep = ahead_look(&a->policy, a->count, now_ms);
    if (keep < a->count)
        release(q, a->count - keep);
    note(q);
}

void ahead_work(struct mqc *m, uint64_t now_ms)
{
    if (now_ms < ahead_due_ms(m))
        return;
    wire_turn(m); /* what has been fetched may not have been read */
    for (struct list_node *n = list_first(&m->aheads), *next; n; n = next) {
        struct mqc_queue *q = queue_of(n);
        next = list_next(&m->aheads, n);
        if (now_ms < ahead_look_ms(&q->ahead.policy))
            continue;
        queue_ref(q);
        look(q, now_ms);
        queue_unref(q);
    }
}
