/* engine_get.c - get: hands items out as leases, oldest waiting getter first.
 *
 * A getter whose session has too many bytes unconfirmed keeps its place but is passed over until
 * confirmations come: that bounds what one client that does not read can pile up in the broker. */
#include "engine_state.h"

size_t get_frame_room(const struct engine *e)
{
    return e->options.frame_max > ANSWER_MARGIN ? e->options.frame_max - ANSWER_MARGIN : 0;
}

bool get_has_credit(const struct engine *e, const struct session *s)
{
    return s->unconfirmed_size < e->options.in_flight_max;
}

void get_credit_grown(struct engine *e, struct session *s)
{
    for (struct list_node *n = list_first(&s->calls); n; n = list_next(&s->calls, n)) {
        struct call *call = CONTAINER_OF(n, struct call, of_session);
        if (call->waits && call->verb == MQ_VERB_GET && call->queue)
            engine_mark(e, call->queue);
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many bytes of items this answer may carry; the first item goes in any case. */
static size_t answer_room(const struct engine *e, const struct session *s)
{
    return smaller(get_frame_room(e), e->options.in_flight_max - s->unconfirmed_size);
}

/* Leases for as many items as can be handed out: the one that the call has reserved, and more if there is
 * memory for more. */
static uint32_t reserve_leases(struct engine *e, struct call *call, struct queue *q)
{
    uint32_t count = (uint32_t)smaller(smaller(call->max, q->order.count), FAIR_SIZE / FAIR_MARGIN);
    assert(call->has_spare && count > 0);
    call->has_spare = false;
    return count == 1 || (note_reserve_runs(e, count) && lease_reserve(e, q, count - 1)) ? count : 1;
}

/* Hands out what is there, up to what was asked for and what fits the frame. That happens in one go, while
 * all others wait: hence another bound. */
static void grant(struct engine *e, struct call *call, struct queue *q)
{
    size_t room = answer_room(e, call->session), moved = 0;
    uint32_t count = 0, most = reserve_leases(e, call, q);
    uint64_t redelivered = q->totals.redelivered;
    call->lease_ms = q->settings.lease_ms;
    while (count < most && room_fetch(e, q)) {
        struct order_first first = order_first(&q->order);
        size_t size = first.size + ITEM_MARGIN;
        moved += first.size + FAIR_MARGIN;
        if (count > 0 && (call->reply_size + size > room || moved > FAIR_SIZE))
            break;
        lease_begin(e, call, q, order_take(&q->order, first));
        call->reply_size += size;
        count++;
    }
    if (count < most)
        lease_unreserve(e, q, most - count);
    note_taken(e, call, q, count, q->totals.redelivered - redelivered);
    call_answer(e, call, MQ_OK, NULL);
}

/* What is handed out must be noted. */
static bool may_grant(struct engine *e)
{
    if (note_reserve_runs(e, 1))
        return true;
    note_postponed(e);
    return false;
}

bool get_serve(struct engine *e, struct queue *q)
{
    bool moved = false;
    struct list_node *node = list_first(&q->getters);
    while (node && q->order.count > 0) {
        struct call *call = CONTAINER_OF(node, struct call, of_queue);
        node = list_next(&q->getters, node);
        if (!get_has_credit(e, call->session))
            continue;
        if (!room_fetch(e, q) || !may_grant(e))
            break;
        grant(e, call, q);
        room_make(e, q, 0); /* leases take memory, too */
        moved = true;
    }
    return moved;
}

/* What a get that has to be decided without waiting is told; MQ_OK: let it enter. */
static enum mq_status check_now(const struct engine *e, const struct call *call, const struct queue *q,
                                const struct request *req, const char **ret_text)
{
    if (q->is_shut_down && q->order.count == 0)
        return MQ_SHUT_DOWN;
    if (req->timeout_ms != 0)
        return MQ_OK;
    if (q->order.count == 0)
        return MQ_EMPTY;
    if (get_has_credit(e, call->session))
        return MQ_OK;
    *ret_text = "bytes in flight";
    return MQ_LIMIT;
}

void get_submit(struct engine *e, struct call *call, const struct request *req)
{
    const char *text = NULL;
    struct queue *q = queue_or_answer(e, call, req);
    if (!q)
        return;
    call->max = req->max;
    call->auto_done = req->auto_done;
    enum mq_status status = check_now(e, call, q, req, &text);
    if (status == MQ_OK) /* one lease, so that the get can be served whatever happens */
        status = lease_reserve(e, q, 1) ? MQ_OK : MQ_NO_MEMORY;
    if (status == MQ_OK) {
        status = call_enter(e, call, q, req->timeout_ms);
        call->has_spare = status == MQ_OK;
        if (status != MQ_OK)
            lease_unreserve(e, q, 1);
    }
    if (status != MQ_OK) {
        call_answer(e, call, status, text);
        return;
    }
    engine_serve(e, q);
    if (call->waits && req->timeout_ms == 0) /* there is no memory for what is next, or to note it */
        call_answer(e, call, e->stock.lost ? MQ_TEMPORARY : MQ_NO_MEMORY, e->stock.lost);
    call_stay(e, call);
}
