/* mqc_async.c - see mqc_async.h. */
#include "mqc_async.h"

#include <stdio.h>

#include "mqc_put.h"
#include "mqc_queue.h"

enum {
    WINDOW_ITEMS = 65536,
    WINDOW_BYTES = 16 << 20,
    PASS_ITEM = 1024,      /* an item counts like so many bytes, */
    PASS_BYTES = 64 * 1024 /* ... and after so many a putting thread looks at the line */
};

/* A call of mqc_flush. */
struct flush {
    struct call call;
    struct list_node node;
    uint64_t upto; /* sequence */
    size_t left;   /* still to come of these */
    bool by_helper;
};

/* A call of mqc_put_async before a full window. */
struct blocked {
    struct call call;
    struct list_node node;
};

void async_init(struct async *a, const struct mqc_options *o)
{
    depot_init(&a->depot);
    list_init(&a->flights);
    list_init(&a->telling);
    list_init(&a->blocked);
    list_init(&a->flushes);
    a->items_max = o->given & MQC_OPTION_ASYNC_ITEMS ? o->async_items : WINDOW_ITEMS;
    a->bytes_max = o->given & MQC_OPTION_ASYNC_BYTES ? o->async_bytes : WINDOW_BYTES;
    a->refuses = o->given & MQC_OPTION_ASYNC_REFUSES && o->async_refuses;
}

void async_done(struct async *a)
{
    assert(a->items == 0);
    depot_done(&a->depot);
}

/* ---- Counting down ------------------------------------------------------------------------------------- */

/* A flush by the helper, out of an on_done, cannot wait for on_dones: for it a result is enough. */
enum step { STEP_RESULT, STEP_TOLD, STEP_BOTH };

static bool counts(const struct flush *f, enum step step)
{
    return step == STEP_BOTH || (step == STEP_RESULT) == f->by_helper;
}

static void count_down(struct mqc *m, uint64_t sequence, enum step step)
{
    struct list *flushes = &m->async.flushes;
    for (struct list_node *n = list_first(flushes), *next; n; n = next) {
        struct flush *f = CONTAINER_OF(n, struct flush, node);
        next = list_next(flushes, n);
        if (sequence > f->upto || !counts(f, step) || --f->left)
            continue;
        list_remove(n);
        call_end(&f->call, MQ_OK, "");
    }
}

static void note_refusal(struct async *a, enum mq_status status, const char *text)
{
    if (status == MQ_OK || a->refusal != MQ_OK)
        return;
    a->refusal = status;
    snprintf(a->refusal_text, sizeof a->refusal_text, "%.*s", (int)sizeof a->refusal_text - 1, text);
}

uint64_t async_begin(struct mqc *m)
{
    m->async.others++;
    return ++m->async.sequence;
}

void async_end(struct mqc *m, uint64_t sequence, enum mq_status status, const char *text)
{
    assert(m->async.others > 0);
    m->async.others--;
    note_refusal(&m->async, status, text);
    count_down(m, sequence, STEP_BOTH);
}

void async_landed(struct mqc *m, struct bundle *b, const struct bundle_item *item, const char *text)
{
    struct async *a = &m->async;
    size_t size = b->puts[item - b->items].body.size;
    note_refusal(a, item->status, text);
    if (!item->on_done) {
        a->items--;
        a->bytes -= size;
        count_down(m, item->sequence, STEP_BOTH);
        return;
    }
    a->untold_items++;
    a->untold_bytes += size;
    count_down(m, item->sequence, STEP_RESULT);
    if (list_has(&b->telling))
        return;
    list_append(&a->telling, &b->telling);
    helper_wake(m);
}

void async_changed(struct mqc *m)
{
    struct list_node *n;
    while ((n = list_first(&m->async.blocked))) {
        list_remove(n);
        call_end(&CONTAINER_OF(n, struct blocked, node)->call, MQ_OK, "");
    }
    if (m->closing)
        call_wake_all(m);
}

/* ---- For the helper ------------------------------------------------------------------------------------ */

bool async_has_to_tell(const struct mqc *m)
{
    return !list_is_empty(&m->async.telling);
}

/* These items have settled, so the lock is not needed to read them. */
static void call_on_dones(const struct bundle_item *items, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (items[i].on_done)
            items[i].on_done(items[i].context, items[i].status, items[i].id);
}

static void told(struct mqc *m, const struct bundle *b, size_t index)
{
    struct async *a = &m->async;
    if (!b->items[index].on_done)
        return;
    a->untold_items--;
    a->untold_bytes -= b->puts[index].body.size;
    a->items--;
    a->bytes -= b->puts[index].body.size;
    count_down(m, b->items[index].sequence, STEP_TOLD);
}

void async_tell(struct mqc *m)
{
    struct async *a = &m->async;
    struct list_node *n = list_first(&a->telling);
    if (!n)
        return;
    struct bundle *b = CONTAINER_OF(n, struct bundle, telling);
    const struct bundle_item *items = b->items;
    size_t from = b->told, to = b->settled;
    pthread_mutex_unlock(&m->lock);
    call_on_dones(items, from, to);
    client_lock(m);
    for (size_t i = from; i < to; i++)
        told(m, b, i);
    b->told = to;
    if (b->settled == to)
        list_remove(n); /* else more has come */
    if (!list_has(n) && !list_has(&b->node))
        bundle_free(&a->depot, b);
    async_changed(m);
}

/* Items that began by then have waited too long for a broker. */
static uint64_t too_old_ms(const struct mqc *m, uint64_t now_ms)
{
    uint64_t patience_ms = add_ms(0, m->connect_timeout_ms);
    return patience_ms <= now_ms ? now_ms - patience_ms : 0;
}

/* Queues whose items go in a new request come again at the end of the list, and then have none that old. */
static void refuse_all_until(struct mqc *m, uint64_t started_ms, enum mq_status status)
{
    struct list *flights = &m->async.flights;
    for (struct list_node *n = list_first(flights), *next; n; n = next) {
        struct mqc_queue *q = puts_queue(n);
        next = list_next(flights, n);
        size_t count = lane_count_until(&q->puts.lane, started_ms);
        if (count == 0)
            continue;
        queue_ref(q);
        puts_refuse(q, count, status);
        if (status != MQ_CLOSED)
            puts_go(q);
        queue_unref(q);
    }
}

void async_give_up(struct mqc *m, uint64_t now_ms)
{
    uint64_t until_ms = too_old_ms(m, now_ms);
    if (!wire_is_ready(m) && until_ms > 0 && m->wire.lost_since_ms <= until_ms)
        refuse_all_until(m, until_ms, MQ_DISCONNECTED);
}

uint64_t async_due_ms(const struct mqc *m)
{
    uint64_t first_ms = NEVER;
    if (wire_is_ready(m))
        return NEVER;
    const struct list *flights = &m->async.flights;
    for (struct list_node *n = list_first(flights); n; n = list_next(flights, n)) {
        const struct bundle_item *front = lane_front(&puts_queue(n)->puts.lane);
        if (front && front->started_ms < first_ms)
            first_ms = front->started_ms;
    }
    if (first_ms == NEVER)
        return NEVER;
    if (first_ms < m->wire.lost_since_ms)
        first_ms = m->wire.lost_since_ms;
    return add_ms(first_ms, m->connect_timeout_ms);
}

/* ---- Closing ------------------------------------------------------------------------------------------- */

void async_close(struct mqc *m, uint64_t due_ms)
{
    struct async *a = &m->async;
    wire_turn(m);
    while ((a->items > a->untold_items || a->others) && monotonic_ms() < due_ms) {
        call_poll(m, NULL, due_ms);
        wire_turn(m);
    }
    refuse_all_until(m, NEVER, MQ_CLOSED);
}

/* ---- The calls ----------------------------------------------------------------------------------------- */

static bool window_has_room(const struct mqc *m, size_t size)
{
    const struct async *a = &m->async;
    size_t items = a->items, bytes = a->bytes;
    if (items < a->items_max && (bytes == 0 || (bytes < a->bytes_max && size <= a->bytes_max - bytes)))
        return true;
    if (!helper_is_self(m))
        return false;
    items -= a->untold_items;
    bytes -= a->untold_bytes;
    return items < a->items_max && (bytes == 0 || (bytes < a->bytes_max && size <= a->bytes_max - bytes));
}

static bool take_back_blocked(struct call *call, bool for_good)
{
    struct blocked *b = call->context;
    (void)for_good;
    if (list_has(&b->node))
        list_remove(&b->node);
    return true;
}

static enum mq_status await_change(struct mqc *m)
{
    struct blocked b = {0};
    call_init_local(&b.call, m, take_back_blocked);
    b.call.context = &b;
    b.call.may_be_interrupted = true;
    list_append(&m->async.blocked, &b.node);
    enum mq_status status = call_wait(&b.call);
    call_done_local(&b.call);
    return status;
}

static enum mq_status await_room(struct mqc *m, size_t size)
{
    enum mq_status status = MQ_OK;
    while (status == MQ_OK && !window_has_room(m, size)) {
        if (m->async.refuses)
            return client_fail(m, MQ_FULL, "the window of async puts is full");
        status = await_change(m);
    }
    return status;
}

/* Sends if the line is idle, and reads now and then. */
static void pass_by(struct mqc_queue *q, size_t size)
{
    struct mqc *m = q->mqc;
    m->async.passed += PASS_ITEM + size;
    if (q->puts.lane.away && m->async.passed < PASS_BYTES)
        return;
    m->async.passed = 0;
    puts_go(q);
    wire_turn(m);
    helper_take_over(m);
}

static enum mq_status put_async(struct mqc_queue *q, const struct mqc_put *put, struct bundle_item *item)
{
    uint8_t key[MQ_KEY_SIZE_MAX];
    struct put_item checked;
    struct mqc *m = q->mqc;
    enum mq_status status = put_check(m, put, key, &checked);
    if (status == MQ_OK)
        status = helper_need(m);
    if (status == MQ_OK)
        status = await_room(m, checked.body.size);
    if (status != MQ_OK)
        return status;
    item->sequence = m->async.sequence + 1;
    item->started_ms = wire_is_ready(m) ? 0 : monotonic_ms();
    status = puts_add(q, &checked, item);
    if (status != MQ_OK)
        return status;
    m->async.sequence++;
    m->async.items++;
    m->async.bytes += checked.body.size;
    pass_by(q, checked.body.size);
    return MQ_OK;
}

enum mq_status mqc_put_async(struct mqc_queue *q, const struct mqc_put *put, mqc_put_done *on_done,
                             void *context)
{
    struct bundle_item item = {.on_done = on_done, .context = context};
    enum mq_status status = queue_enter(q);
    return status == MQ_OK ? queue_leave(q, put_async(q, put, &item)) : status;
}

static bool take_back_flush(struct call *call, bool for_good)
{
    struct flush *f = call->context;
    (void)for_good;
    if (list_has(&f->node))
        list_remove(&f->node);
    return true;
}

/* Waits for all that was begun before. */
static enum mq_status await_results(struct mqc *m, int64_t timeout_ms)
{
    struct async *a = &m->async;
    struct flush f = {.upto = a->sequence, .by_helper = helper_is_self(m)};
    gather_send(m);
    wire_turn(m); /* with MQ_NOWAIT, what has arrived counts */
    f.left = a->others + a->items - (f.by_helper ? a->untold_items : 0);
    if (f.left == 0)
        return MQ_OK;
    call_init_local(&f.call, m, take_back_flush);
    f.call.context = &f;
    f.call.is_patient = true;
    f.call.may_be_interrupted = timeout_ms != MQ_NOWAIT;
    f.call.over_ms = add_ms(monotonic_ms(), timeout_ms);
    f.call.over = MQ_TIMED_OUT;
    list_append(&a->flushes, &f.node);
    enum mq_status status = call_wait(&f.call);
    call_done_local(&f.call);
    return status;
}

enum mq_status mqc_flush(struct mqc *m, int64_t timeout_ms)
{
    if (!is_timeout(timeout_ms))
        return client_fail(m, MQ_INVALID, "a time-out is 0, positive, or MQ_FOREVER");
    enum mq_status status = client_enter(m);
    if (status != MQ_OK)
        return status;
    status = await_results(m, timeout_ms);
    if (status == MQ_OK && m->async.refusal != MQ_OK) {
        status = client_fail(m, m->async.refusal, m->async.refusal_text);
        m->async.refusal = MQ_OK;
    }
    return client_leave(m, status);
}
