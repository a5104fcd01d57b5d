/* engine_call.c - calls: one request and its answer, from its acceptance until the client confirms.
 *
 * A call waits in one line of one queue, or is answered. It is in its session's list and in the table of
 * numbers all its life, which is what makes a repeat answerable. */
#include "engine_state.h"

#include <stdlib.h>
#include <string.h>

/* Behind all lower numbers. Only after a restart there may be larger ones already. */
static struct list_node *place_of(struct session *s, uint64_t number)
{
    struct list_node *place = &s->calls.head;
    while (place->prev != &s->calls.head &&
           CONTAINER_OF(place->prev, struct call, of_session)->number > number)
        place = place->prev;
    return place;
}

struct call *call_new(struct engine *e, struct session *s, const struct request *req)
{
    if (!pool_own(&e->call_pool, 1))
        return NULL;
    struct call *call = pool_take(&e->call_pool);
    *call = (struct call){
        .session = s, .number = req->number, .verb = req->verb, .waits = true, .id_capacity = 1};
    call->ids = call->only_ids;
    heap_entry_init(&call->deadline);
    list_init(&call->leases);
    table_add(&e->calls, &call->by_number, table_hash_pair(s->number, call->number));
    list_insert_before(place_of(s, call->number), &call->of_session);
    return call;
}

struct call *call_find(const struct engine *e, const struct session *s, uint64_t number)
{
    uint64_t hash = table_hash_pair(s->number, number);
    for (struct table_node *n = table_first(&e->calls, hash); n; n = table_next(n, hash)) {
        struct call *call = CONTAINER_OF(n, struct call, by_number);
        if (call->session == s && call->number == number)
            return call;
    }
    return NULL;
}

struct call *call_first(const struct list *line)
{
    struct list_node *node = list_first(line);
    return node ? CONTAINER_OF(node, struct call, of_queue) : NULL;
}

/* The line in which a call of this verb waits, and the count that goes with it. */
struct list *call_line(const struct call *call, uint64_t **ret_count)
{
    struct queue *q = call->queue;
    switch (call->verb) {
    case MQ_VERB_PUT:
        *ret_count = &q->putter_count;
        return &q->putters;
    case MQ_VERB_GET:
        *ret_count = &q->getter_count;
        return &q->getters;
    default:
        assert(call->verb == MQ_VERB_JOIN);
        *ret_count = &q->joiner_count;
        return &q->joiners;
    }
}

/* Puts the call into its line, with its deadline if it has one. The caller has validated the time-out, serves
 * the queue next, and lets the call stay if it must. MQ_OK; MQ_NO_MEMORY. */
enum mq_status call_enter(struct engine *e, struct call *call, struct queue *q, int64_t timeout_ms)
{
    assert(call->waits && !call->queue);
    if (timeout_ms > 0) {
        if (!heap_own(&e->waits, 1))
            return MQ_NO_MEMORY;
        call->owns_deadline = true;
        heap_add(&e->waits, &call->deadline, engine_later_ms(e, (uint64_t)timeout_ms));
    }
    call->queue = q;
    uint64_t *count;
    list_append(call_line(call, &count), &call->of_queue);
    ++*count;
    call->session->waiting++;
    e->waiting++;
    return MQ_OK;
}

/* A call that could not be answered at once waits on, unless its session has too many waiting already. */
void call_stay(struct engine *e, struct call *call)
{
    if (call->waits && call->session->waiting > e->options.waiting_max)
        call_answer(e, call, MQ_LIMIT, "waiting requests");
}

static void leave_line(struct engine *e, struct call *call)
{
    if (call->owns_deadline) {
        heap_remove(&e->waits, &call->deadline);
        heap_disown(&e->waits, 1);
        call->owns_deadline = false;
    }
    if (!call->queue)
        return;
    uint64_t *count;
    call_line(call, &count);
    list_remove(&call->of_queue);
    --*count;
    call->queue = NULL;
    call->session->waiting--;
    e->waiting--;
}

/* From waiting to answered: whatever it had reserved for the wait is given back. */
static void stop_waiting(struct engine *e, struct call *call)
{
    assert(call->waits);
    if (call->verb == MQ_VERB_PUT)
        put_drop_unstored(e, call);
    if (call->has_spare)
        lease_unreserve(e, call->queue, 1);
    call->has_spare = false;
    leave_line(e, call);
    call->waits = false;
}

void call_send(struct engine *e, struct call *call)
{
    assert(!call->waits);
    if (call->session->peer && !list_has(&call->of_outbox))
        list_append(safe_outbox(e, call), &call->of_outbox);
}

/* What a get hands out is leased, and counted where it is stored. */
size_t call_kept_size(const struct call *call)
{
    return call->verb == MQ_VERB_GET ? 0 : call->reply_size;
}

/* Do the unconfirmed answers of all sessions take too much memory? */
bool call_is_crowded(const struct engine *e)
{
    return e->kept_size > (e->options.memory_limit > KEPT_MIN ? e->options.memory_limit : KEPT_MIN);
}

/* ... and this session's more than its share of it? */
bool call_crowds_out(const struct engine *e, const struct session *s)
{
    return call_is_crowded(e) && s->kept_size > KEPT_FAIR;
}

void call_answer(struct engine *e, struct call *call, enum mq_status status, const char *text)
{
    stop_waiting(e, call);
    call->status = status;
    call->text = text;
    if (!e->failure) /* after it, only what the call has changed before counts */
        call->position = e->facts.needed;
    call->session->unconfirmed++;
    call->session->unconfirmed_size += call->reply_size;
    call->session->kept_size += call_kept_size(call);
    e->kept_size += call_kept_size(call);
    call_send(e, call);
}

void call_go_on(struct engine *e, struct call *call)
{
    assert(!call->waits && !list_has(&call->of_outbox));
    call->session->unconfirmed--;
    call->session->unconfirmed_size -= call->reply_size;
    call->session->kept_size -= call_kept_size(call);
    e->kept_size -= call_kept_size(call);
    call->waits = true;
    call->is_cut = false;
    call->status = MQ_OK;
    call->text = NULL;
}

void call_answer_all(struct engine *e, struct list *line, enum mq_status status)
{
    struct call *call;
    while ((call = call_first(line)))
        call_answer(e, call, status, NULL);
}

void call_expire(struct engine *e, struct call *call)
{
    const char *text = NULL;
    enum mq_status status = MQ_TIMED_OUT;
    if (call->verb == MQ_VERB_GET)
        status = MQ_EMPTY;
    else if (call->verb == MQ_VERB_PUT)
        status = put_refusal(e, call->queue, put_next_cost(call->queue, call), &text);
    call_answer(e, call, status, text);
}

void call_free(struct engine *e, struct call *call)
{
    struct session *s = call->session;
    if (call->waits) {
        stop_waiting(e, call);
    } else {
        s->unconfirmed--;
        s->unconfirmed_size -= call->reply_size;
        s->kept_size -= call_kept_size(call);
        e->kept_size -= call_kept_size(call);
    }
    struct list_node *node;
    while ((node = list_first(&call->leases))) {
        struct lease *lease = CONTAINER_OF(node, struct lease, of_call);
        list_remove(node);
        lease->call = NULL;
    }
    if (list_has(&call->of_outbox))
        list_remove(&call->of_outbox);
    list_remove(&call->of_session);
    table_remove(&e->calls, &call->by_number);
    if (call->ids != call->only_ids)
        free(call->ids);
    free(call->refusals);
    free(call->rows);
    pool_give(&e->call_pool, call);
}

/* The client does not want the items of this auto-done get any more. Were it to get them in spite of that,
 * its confirmation would make them done, so they go back first. */
void call_take_back(struct engine *e, struct call *call)
{
    struct list_node *node;
    note_taken_back(e, call);
    while ((node = list_first(&call->leases)))
        lease_return(e, CONTAINER_OF(node, struct lease, of_call), true, false);
}

/* The client has the answer: items it asked for as auto-done are done now, not before. */
static void confirm_one(struct engine *e, struct call *call)
{
    struct list_node *node;
    note_confirmed(e, call);
    while (call->auto_done && (node = list_first(&call->leases)))
        lease_done(e, CONTAINER_OF(node, struct lease, of_call));
    call_free(e, call);
}

/* How many numbers these are; `most` if there are more. */
static uint64_t count_numbers(struct ranges ranges, uint64_t most)
{
    uint64_t count = 0;
    for (size_t i = 0; i < ranges.count; i++) {
        uint64_t more = ranges.list[i].last - ranges.list[i].first; /* and one */
        if (more >= most - count)
            return most;
        count += more + 1;
    }
    return count;
}

static void confirm_each(struct engine *e, struct session *s, struct range range)
{
    for (uint64_t n = range.last - range.first + 1, number = range.first; n > 0; n--, number++) {
        struct call *call = call_find(e, s, number);
        if (call && !call->waits)
            confirm_one(e, call);
    }
}

/* Confirms what is in the ranges, or what is not: calls and ranges both ascend. */
static void confirm_by_walk(struct engine *e, struct session *s, struct ranges ranges, bool wanted)
{
    size_t i = 0;
    struct list_node *node = list_first(&s->calls);
    while (node) {
        struct call *call = CONTAINER_OF(node, struct call, of_session);
        node = list_next(&s->calls, node);
        while (i < ranges.count && ranges.list[i].last < call->number)
            i++;
        bool is_in = i < ranges.count && ranges.list[i].first <= call->number;
        if (is_in == wanted && !call->waits)
            confirm_one(e, call);
    }
}

/* Few numbers are looked up; many, which a client can name at no cost to itself, are met on one walk over the
 * session's calls. */
void call_confirm(struct engine *e, struct session *s, struct ranges confirms)
{
    uint64_t live = (uint64_t)s->waiting + s->unconfirmed;
    bool had_credit = get_has_credit(e, s);
    if (count_numbers(confirms, live) < live)
        for (size_t i = 0; i < confirms.count; i++)
            confirm_each(e, s, confirms.list[i]);
    else
        confirm_by_walk(e, s, confirms, true);
    note_confirmed_end(e);
    if (!had_credit && get_has_credit(e, s))
        get_credit_grown(e, s);
}

void call_confirm_others(struct engine *e, struct session *s, struct ranges awaited)
{
    bool had_credit = get_has_credit(e, s);
    confirm_by_walk(e, s, awaited, false);
    note_confirmed_end(e);
    if (!had_credit && get_has_credit(e, s))
        get_credit_grown(e, s);
}
