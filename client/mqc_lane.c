/* mqc_lane.c - see mqc_lane.h. */
#include "mqc_lane.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "mqc_put.h"
#include "mqc_queue.h"

/* What one request of a lane may carry: enough to make the cost of a request small for each item, and not so
 * much that it would hold up others on the line. */
enum { FLIGHT_ITEMS = 8192, FLIGHT_SIZE = 1 << 20 };

/* A put that waits for its turn. */
struct turn {
    struct call call;
    struct mqc_queue *queue;
    struct list_node node; /* in puts.turns */
    uint64_t after;        /* sequence of the async put before it */
    bool is_hurried;
};

struct mqc_queue *puts_queue(struct list_node *node)
{
    return CONTAINER_OF(node, struct mqc_queue, puts.node);
}

void puts_init(struct mqc_queue *q)
{
    lane_init(&q->puts.lane, &q->mqc->async.depot);
    list_init(&q->puts.turns);
}

void puts_done(struct mqc_queue *q)
{
    assert(lane_is_empty(&q->puts.lane));
    assert(list_is_empty(&q->puts.turns));
    call_drop(q->puts.flight);
}

static struct lane_limits limits_of(const struct mqc *m)
{
    size_t items_max = m->wire.welcome.items_max, room = put_frame_room(m);
    return (struct lane_limits){.items = items_max < FLIGHT_ITEMS ? items_max : FLIGHT_ITEMS,
                                .size = room < FLIGHT_SIZE ? room : FLIGHT_SIZE};
}

/* ---- Results ------------------------------------------------------------------------------------------- */

static void settle_item(struct mqc_queue *q, struct bundle *b, const struct bundle_item *item,
                        const char *text)
{
    struct call *rider = item->context;
    if (item->sequence) {
        q->puts.landed = item->sequence;
        async_landed(q->mqc, b, item, text);
    } else if (rider) {
        rider->one_id = item->id;
        call_end(rider, item->status, text);
    }
}

/* Those whose turn it is. */
static void call_turns(struct mqc_queue *q)
{
    for (struct list_node *n = list_first(&q->puts.turns), *next; n; n = next) {
        struct turn *turn = CONTAINER_OF(n, struct turn, node);
        next = list_next(&q->puts.turns, n);
        if (q->puts.landed < turn->after)
            return;
        list_remove(n);
        q->puts.hurried -= turn->is_hurried;
        call_end(&turn->call, MQ_OK, "");
    }
}

/* Takes notice of all results. The text is of those that are refused. */
static void settle(struct mqc_queue *q, const char *text)
{
    struct lane *lane = &q->puts.lane;
    struct bundle *b;
    bool any = false;
    while ((b = lane_first(lane))) {
        const struct bundle_item *item;
        for (; (item = bundle_next_result(b)); any = true)
            settle_item(q, b, item, text);
        if (!bundle_is_over(b))
            break;
        lane_retire(lane);
        if (!list_has(&b->telling))
            bundle_free(lane->depot, b);
    }
    if (!any)
        return;
    call_turns(q);
    async_changed(q->mqc);
}

/* The broker had no room at once, and has said so: that is for those who asked at once. */
static void refuse_hurried(struct mqc_queue *q, enum mq_status status, const char *text)
{
    for (struct list_node *n = list_first(&q->puts.turns), *next; n; n = next) {
        struct turn *turn = CONTAINER_OF(n, struct turn, node);
        next = list_next(&q->puts.turns, n);
        if (!turn->is_hurried)
            continue;
        list_remove(n);
        q->puts.hurried--;
        call_end(&turn->call, status, text);
    }
}

/* Riders that were interrupted while their items were away, and now know that those are not stored. */
static void end_interrupted(struct mqc_queue *q)
{
    struct mqc *m = q->mqc;
    for (struct list_node *n = list_first(&m->waiting); n; n = list_next(&m->waiting, n)) {
        struct call *c = CONTAINER_OF(n, struct call, waiting);
        if (!c->awaits_word || c->ended || lane_find(&q->puts.lane, c) != LANE_GATHERED)
            continue;
        lane_forget(&q->puts.lane, c);
        call_end(c, MQ_INTERRUPTED, "");
    }
}

/* Do the items that were not stored stay, to be sent again? A broker that says OK and stores none is not
 * asked again. */
static bool stay(struct mqc_queue *q, size_t sent, size_t stored)
{
    const struct call *flight = q->puts.flight;
    bool was_hurried = flight->exchange.deadline_ms == 0;
    enum mq_status status = flight->status;
    if ((status == MQ_OK && stored > 0) || (status == MQ_INTERRUPTED && flight->exchange.withdrawn))
        return true;
    if ((status == MQ_FULL || status == MQ_TEMPORARY) && was_hurried) {
        refuse_hurried(q, status, flight->text);
        return true;
    }
    if ((status == MQ_INVALID || status == MQ_TOO_BIG) && sent > 1) {
        lane_narrow(&q->puts.lane, sent);
        return true;
    }
    return false;
}

/* The request has ended; answer is NULL if there was none. */
static void landed(struct call *flight, const struct answer *answer)
{
    struct mqc_queue *q = flight->context;
    struct lane *lane = &q->puts.lane;
    size_t sent = lane->flown, stored = answer && answer->count < sent ? (size_t)answer->count : sent;
    list_remove(&q->puts.node);
    if (!answer)
        stored = 0;
    size_t left = lane_land(lane, stored, answer ? answer->ids : NULL, answer ? answer->id_range_count : 0);
    bool is_over = !answer || flight->stopped; /* what could not be encoded is not tried again */
    if (left > 0 && (is_over || !stay(q, sent, stored)))
        lane_refuse(lane, left, flight->status == MQ_OK ? MQ_TEMPORARY : flight->status);
    settle(q, flight->text);
    end_interrupted(q);
    puts_go(q);
    queue_unref(q);
}

/* ---- Requests ------------------------------------------------------------------------------------------ */

bool puts_go(struct mqc_queue *q)
{
    struct puts *p = &q->puts;
    const struct put_item *puts;
    settle(q, "");
    if (p->lane.away)
        return false;
    size_t count = lane_depart(&p->lane, limits_of(q->mqc), &puts);
    if (count == 0)
        return false;
    p->flight->exchange.request = (struct request){
        .verb = MQ_VERB_PUT, .queue = queue_name(q), .partial = true, .puts = puts, .put_count = count};
    p->flight->exchange.deadline_ms = p->hurried ? 0 : NEVER;
    queue_ref(q);
    list_append(&q->mqc->async.flights, &p->node);
    call_send(p->flight);
    return true;
}

/* The request is not to be carried out any more, and its items come back: at once, or with its answer. */
static void turn_back(struct mqc_queue *q)
{
    struct puts *p = &q->puts;
    if (!call_unsend(p->flight))
        return;
    list_remove(&p->node);
    lane_return(&p->lane);
    queue_unref(q);
}

static enum mq_status add(struct mqc_queue *q, const struct put_item *put, const struct bundle_item *item,
                          bool copy)
{
    struct puts *p = &q->puts;
    if (!p->flight) {
        p->flight = call_new(q->mqc, MQ_VERB_PUT, NULL);
        if (!p->flight)
            return MQ_NO_MEMORY;
        p->flight->on_end = landed;
        p->flight->context = q;
    }
    if (lane_add(&p->lane, put, item, copy, limits_of(q->mqc)))
        return MQ_OK;
    return client_fail(q->mqc, MQ_NO_MEMORY, NULL);
}

enum mq_status puts_add(struct mqc_queue *q, const struct put_item *put, const struct bundle_item *item)
{
    enum mq_status status = add(q, put, item, true);
    if (status == MQ_OK)
        q->puts.accepted = item->sequence;
    return status;
}

void puts_refuse(struct mqc_queue *q, size_t count, enum mq_status status)
{
    queue_ref(q);
    if (q->puts.lane.away)
        turn_back(q);
    lane_refuse(&q->puts.lane, count, status);
    settle(q, mq_status_text(status));
    queue_unref(q);
}

/* ---- Threads that wait --------------------------------------------------------------------------------- */

static bool take_back_ride(struct call *rider, bool for_good)
{
    struct mqc_queue *q = rider->queue;
    struct lane *lane = &q->puts.lane;
    if (lane_find(lane, rider) == LANE_AWAY)
        turn_back(q);
    bool is_away = lane_find(lane, rider) == LANE_AWAY;
    if (for_good || !is_away)
        lane_forget(lane, rider);
    if (!is_away)
        puts_go(q);
    return !is_away;
}

enum mq_status puts_ride(struct mqc_queue *q, const struct put_item *put, uint64_t *ret_id)
{
    struct call rider;
    struct bundle_item item = {.context = &rider, .started_ms = wire_is_ready(q->mqc) ? 0 : monotonic_ms()};
    call_init_local(&rider, q->mqc, take_back_ride);
    rider.queue = q;
    rider.may_be_interrupted = true;
    enum mq_status status = add(q, put, &item, false);
    if (status == MQ_OK) {
        if (puts_go(q))
            wire_turn(q->mqc);
        status = call_wait(&rider);
    }
    call_done_local(&rider);
    if (status == MQ_OK && ret_id)
        *ret_id = rider.one_id;
    return status;
}

static bool take_back_turn(struct call *call, bool for_good)
{
    struct turn *turn = call->context;
    (void)for_good;
    if (!list_has(&turn->node))
        return true;
    list_remove(&turn->node);
    turn->queue->puts.hurried -= turn->is_hurried;
    return true;
}

/* The request under way asks at once, or comes back to ask again. */
static void hurry(struct mqc_queue *q)
{
    struct puts *p = &q->puts;
    if (p->hurried++ || p->flight->exchange.deadline_ms == 0)
        return;
    if (p->lane.away)
        turn_back(q);
    puts_go(q);
    wire_turn(q->mqc);
}

enum mq_status puts_await_turn(struct mqc_queue *q, int64_t timeout_ms)
{
    if (q->puts.landed >= q->puts.accepted)
        return MQ_OK;
    struct turn turn = {.queue = q, .after = q->puts.accepted, .is_hurried = timeout_ms == MQ_NOWAIT};
    struct mqc *m = q->mqc;
    call_init_local(&turn.call, m, take_back_turn);
    turn.call.context = &turn;
    turn.call.may_be_interrupted = timeout_ms != MQ_NOWAIT;
    turn.call.over_ms = add_ms(monotonic_ms(), turn.is_hurried ? m->connect_timeout_ms : timeout_ms);
    turn.call.over = turn.is_hurried ? MQ_DISCONNECTED : MQ_FULL;
    list_append(&q->puts.turns, &turn.node);
    if (turn.is_hurried)
        hurry(q);
    enum mq_status status = call_wait(&turn.call);
    call_done_local(&turn.call);
    return status;
}
