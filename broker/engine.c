/* engine.c - the engine's door and its heartbeat: requests dispatched, time passed on, queues served, replies
 * drained. */
#include "engine_state.h"

#include <stdlib.h>
#include <string.h>

enum { REMEMBERED_MAX = 10000 };

void engine_options_default(struct engine_options *options)
{
    *options = (struct engine_options){
        .memory_limit = (uint64_t)1 << 30,
        .resume_grace_ms = 3000,
        .remember_ms = 600000,
        .body_max = MQ_BODY_SIZE_MAX,
        .frame_max = MQ_FRAME_SIZE_MAX,
        .items_max = MQ_ITEMS_MAX,
        .queues_max = MQ_QUEUES_MAX,
        .sessions_max = MQ_SESSIONS_MAX,
        .remembered_max = REMEMBERED_MAX,
        .waiting_max = MQ_WAITING_MAX,
        .unconfirmed_max = MQ_UNCONFIRMED_MAX,
        .in_flight_max = MQ_IN_FLIGHT_SIZE_MAX,
        .auto_create = true,
    };
}

struct engine *engine_new(const struct engine_options *options, uint64_t now_ms)
{
    assert(options->items_max <= MQ_ITEMS_MAX && options->items_max > 0);
    struct engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->views = malloc(MQ_ITEMS_MAX * sizeof *e->views);
    if (!e->views) {
        free(e);
        return NULL;
    }
    e->options = *options;
    e->now_ms = e->started_ms = now_ms;
    e->next_session = e->next_item = 1;
    table_init(&e->queues);
    table_init(&e->sessions);
    table_init(&e->calls);
    table_init(&e->leases);
    heap_init(&e->waits, NULL);
    heap_init(&e->lives, NULL);
    list_init(&e->session_list);
    list_init(&e->ended);
    list_init(&e->marked);
    list_init(&e->starved);
    list_init(&e->outbox);
    return e;
}

/* A session's items must be back before it can be freed. */
static void free_sessions(struct engine *e)
{
    struct list_node *node;
    while ((node = list_first(&e->session_list))) {
        struct session *s = CONTAINER_OF(node, struct session, of_engine);
        struct list_node *lease;
        while ((lease = list_first(&s->leases)))
            lease_return(e, CONTAINER_OF(lease, struct lease, of_session), false, false);
        session_free(e, s);
    }
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    free_sessions(e);
    for (size_t i = 0; i < e->queues.count; i++) {
        struct queue *q = e->queue_list[i];
        queue_discard_ready(e, q);
        list_remove(&q->marked);
        queue_free(q);
    }
    free(e->queue_list);
    table_done(&e->queues);
    table_done(&e->sessions);
    table_done(&e->calls);
    table_done(&e->leases);
    heap_done(&e->waits);
    heap_done(&e->lives);
    free(e->views);
    free(e);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t engine_deadline_ms(const struct engine *e)
{
    uint64_t due = earlier(heap_first_rank(&e->waits), session_first_forget_ms(e));
    if (e->lives.count == 0)
        return due;
    due = earlier(due, e->now_ms + FREEZE_WATCH_MS);
    return earlier(due, heap_first_rank(&e->lives));
}

/* Time has passed. If far more than was asked for, the broker itself did not run, and those who could not
 * reach it meanwhile get that time back; what users asked for as a time-out stays. */
void engine_clock(struct engine *e, uint64_t now_ms)
{
    assert(now_ms >= e->now_ms);
    uint64_t wanted = engine_deadline_ms(e);
    if (now_ms > wanted && now_ms - wanted > FROZEN_MS)
        session_postpone_all(e, now_ms - wanted);
    e->now_ms = now_ms;
}

void engine_mark(struct engine *e, struct queue *q)
{
    if (!list_has(&q->marked))
        list_append(&e->marked, &q->marked);
}

bool engine_serve(struct engine *e, struct queue *q)
{
    bool moved = false;
    for (;;) {
        bool got = get_serve(e, q), put = put_serve(e, q);
        if (!got && !put)
            break;
        moved = true;
    }
    if (q->is_shut_down && q->order.count == 0)
        call_answer_all(e, &q->getters, MQ_SHUT_DOWN);
    if (queue_unfinished(q) == 0)
        call_answer_all(e, &q->joiners, MQ_OK);
    return moved;
}

static void serve_marked(struct engine *e)
{
    struct list_node *node;
    while ((node = list_first(&e->marked))) {
        list_remove(node);
        engine_serve(e, CONTAINER_OF(node, struct queue, marked));
    }
}

/* Memory was freed: the queues that wait for it go on in turn, until the next one in line does not fit. */
static void serve_starved(struct engine *e)
{
    while (e->memory_freed && !list_is_empty(&e->starved)) {
        struct queue *q = CONTAINER_OF(list_first(&e->starved), struct queue, starved);
        put_unstarve(e, q);
        e->feeding = true;
        bool moved = engine_serve(e, q);
        e->feeding = false;
        if (moved || !list_has(&q->starved))
            continue;
        put_starve_first(e, q);
        break;
    }
    e->memory_freed = false;
}

void engine_settle(struct engine *e)
{
    serve_marked(e);
    while (e->memory_freed) {
        serve_starved(e);
        serve_marked(e);
    }
}

static bool has_queue(enum mq_verb verb)
{
    return verb != MQ_VERB_TASK_DONE && verb != MQ_VERB_RELEASE && verb != MQ_VERB_EXTEND &&
           verb != MQ_VERB_SESSIONS && verb != MQ_VERB_PING;
}

static bool has_max(enum mq_verb verb)
{
    return verb == MQ_VERB_GET || verb == MQ_VERB_PEEK || verb == MQ_VERB_LIST || verb == MQ_VERB_SESSIONS;
}

static bool gives_rows(enum mq_verb verb)
{
    return has_max(verb) && verb != MQ_VERB_GET;
}

/* What no verb allows; NULL: nothing is wrong. */
static const char *bad_request(const struct engine *e, const struct request *req)
{
    bool name_is_optional = req->verb == MQ_VERB_STAT || req->verb == MQ_VERB_LIST;
    if (req->timeout_ms < MQ_FOREVER_MS)
        return "time-out";
    if (has_queue(req->verb) && !(name_is_optional && req->queue.size == 0) && !mq_name_is_valid(req->queue))
        return "queue name";
    if (req->verb == MQ_VERB_PUT && (req->put_count == 0 || req->put_count > e->options.items_max))
        return "number of items";
    if (req->verb == MQ_VERB_GET && req->max > e->options.items_max)
        return "number of items";
    if (has_max(req->verb) && req->max == 0)
        return "max";
    if (!has_queue(req->verb) && req->verb != MQ_VERB_SESSIONS && req->verb != MQ_VERB_PING &&
        (req->id_count == 0 || req->id_count > e->options.items_max))
        return "number of ids";
    if (req->verb == MQ_VERB_EXTEND && req->lease_ms < 0)
        return "lease";
    return NULL;
}

typedef void submit_function(struct engine *e, struct call *call, const struct request *req);

static submit_function *const submit_functions[] = {
    [MQ_VERB_OPEN] = open_submit,         [MQ_VERB_SET] = set_submit,
    [MQ_VERB_REMOVE] = remove_submit,     [MQ_VERB_PUT] = put_submit,
    [MQ_VERB_GET] = get_submit,           [MQ_VERB_TASK_DONE] = lease_submit,
    [MQ_VERB_RELEASE] = lease_submit,     [MQ_VERB_EXTEND] = lease_submit,
    [MQ_VERB_JOIN] = join_submit,         [MQ_VERB_SHUT_DOWN] = shut_down_submit,
    [MQ_VERB_PURGE] = purge_submit,       [MQ_VERB_PEEK] = peek_submit,
    [MQ_VERB_STAT] = stat_submit,         [MQ_VERB_LIST] = list_submit,
    [MQ_VERB_SESSIONS] = sessions_submit, [MQ_VERB_PING] = ping_submit,
};

static submit_function *function_of(enum mq_verb verb)
{
    size_t count = sizeof submit_functions / sizeof *submit_functions;
    return (size_t)verb < count ? submit_functions[verb] : NULL;
}

static void start(struct engine *e, struct call *call, const struct request *req)
{
    submit_function *submit = function_of(req->verb);
    const char *bad = submit ? bad_request(e, req) : NULL;
    if (req->verb == MQ_VERB_CANCEL)
        call_answer(e, call, MQ_INTERRUPTED, NULL);
    else if (!submit)
        call_answer(e, call, MQ_UNSUPPORTED, "verb");
    else if (bad)
        call_answer(e, call, MQ_INVALID, bad);
    else if (gives_rows(req->verb) && !get_has_credit(e, call->session))
        call_answer(e, call, MQ_LIMIT, "bytes in flight");
    else
        submit(e, call, req);
}

/* A number seen before changes nothing: its answer is given again, or is still to come. A cancel ends the
 * wait. */
static void repeat(struct engine *e, struct session *s, const struct request *req)
{
    struct call *call = call_find(e, s, req->number);
    if (!call)
        return;
    if (call->waits && req->verb == MQ_VERB_CANCEL)
        call_answer(e, call, MQ_INTERRUPTED, NULL);
    if (call->waits)
        return;
    if (call->auto_done && req->verb == MQ_VERB_CANCEL)
        call_take_back(e, call);
    e->repeats += req->verb != MQ_VERB_CANCEL;
    call_send(e, call);
}

/* A client that reads what it is sent and confirms it comes nowhere near either bound. */
static bool is_overdrawn(const struct engine *e, const struct session *s)
{
    uint64_t most = (uint64_t)e->options.waiting_max + e->options.unconfirmed_max;
    uint64_t most_size = 2 * ((uint64_t)e->options.in_flight_max + e->options.frame_max);
    return (uint64_t)s->waiting + s->unconfirmed >= most || s->unconfirmed_size >= most_size;
}

static enum mq_status accept(struct engine *e, struct session *s, const struct request *req,
                             const char **ret_why)
{
    if (req->number > s->next_number || req->number == 0) {
        *ret_why = "request number out of turn";
        return MQ_INVALID;
    }
    if (req->number < s->next_number) {
        repeat(e, s, req);
        return MQ_OK;
    }
    if (is_overdrawn(e, s)) {
        *ret_why = "too many unconfirmed answers";
        return MQ_LIMIT;
    }
    struct call *call = call_new(e, s, req);
    if (!call) {
        *ret_why = "out of memory";
        return MQ_TEMPORARY;
    }
    s->next_number++;
    start(e, call, req);
    return MQ_OK;
}

enum mq_status engine_submit(struct engine *e, uint64_t now_ms, struct session *s, const struct request *req,
                             const char **ret_why)
{
    engine_clock(e, now_ms);
    assert(s->peer);
    s->heard_ms = now_ms;
    call_confirm(e, s, req->confirms);
    engine_settle(e); /* whoever waited for what this gives goes first */
    enum mq_status status = accept(e, s, req, ret_why);
    engine_settle(e);
    return status;
}

static void fire(struct engine *e, struct timer *timer)
{
    if (timer->kind == TIMER_SESSION)
        session_end(e, session_of_timer(timer));
    else
        lease_return(e, CONTAINER_OF(timer, struct lease, timer), false, true);
}

/* Leases and sessions first, so that an item that comes back in time still reaches a getter whose time is
 * over at the same moment. Nothing that fires sets a deadline that is already due. */
void engine_tick(struct engine *e, uint64_t now_ms)
{
    engine_clock(e, now_ms);
    while (heap_first_rank(&e->lives) <= now_ms)
        fire(e, CONTAINER_OF(heap_first(&e->lives), struct timer, entry));
    while (session_first_forget_ms(e) <= now_ms)
        session_free(e, session_first_ended(e));
    engine_settle(e);
    while (heap_first_rank(&e->waits) <= now_ms)
        call_expire(e, CONTAINER_OF(heap_first(&e->waits), struct call, deadline));
    engine_settle(e);
}

static void view_items(struct engine *e, const struct call *call, struct answer *answer)
{
    size_t count = 0;
    for (struct list_node *n = list_first(&call->leases); n; n = list_next(&call->leases, n)) {
        const struct item *item = CONTAINER_OF(n, struct lease, of_call)->item;
        e->views[count++] = (struct item_view){item->id, item->deliveries, item_body(item), item_key(item)};
    }
    answer->items = e->views;
    answer->item_count = count;
    /* Everything handed out went back before this answer left: the client asks anew. */
    if (count == 0 && answer->status == MQ_OK)
        answer->status = MQ_LEASE_LOST;
}

static void view_rows(const struct call *call, struct answer *answer)
{
    switch (call->verb) {
    case MQ_VERB_PEEK:
        answer->items = call->rows;
        answer->item_count = call->row_count;
        break;
    case MQ_VERB_SESSIONS:
        answer->sessions = call->rows;
        answer->session_count = call->row_count;
        break;
    default:
        if (call->of_broker) {
            answer->broker = call->rows;
            break;
        }
        answer->queues = call->rows;
        answer->queue_count = call->row_count;
        break;
    }
}

static void describe_answer(struct engine *e, const struct call *call, struct answer *answer)
{
    *answer = (struct answer){
        .verb = call->verb,
        .number = call->number,
        .status = call->status,
        .text = mq_bytes(call->text),
        .count = call->count,
        .ids = call->ids,
        .id_range_count = call->id_count,
        .lease_ms = call->lease_ms,
        .refusals = call->refusals,
        .refusal_count = call->refusal_count,
    };
    if (call->verb == MQ_VERB_GET)
        view_items(e, call, answer);
    else if (call->rows)
        view_rows(call, answer);
}

bool engine_next_reply(struct engine *e, void **ret_peer, struct answer *ret_answer)
{
    struct list_node *node = list_first(&e->outbox);
    if (!node)
        return false;
    struct call *call = CONTAINER_OF(node, struct call, of_outbox);
    list_remove(node);
    assert(call->session->peer);
    *ret_peer = call->session->peer;
    describe_answer(e, call, ret_answer);
    return true;
}

void engine_stat(const struct engine *e, struct broker_stat *ret_stat)
{
    const struct engine_options *o = &e->options;
    *ret_stat = (struct broker_stat){
        .version = mq_bytes(MQ_VERSION),
        .uptime_ms = e->now_ms - e->started_ms,
        .queues = e->queues.count,
        .sessions = e->sessions.count,
        .connected = e->connected,
        .ready = e->ready,
        .leased = e->leased,
        .waiting = e->waiting,
        .puts = e->totals.puts,
        .gets = e->totals.gets,
        .done = e->totals.done,
        .redelivered = e->totals.redelivered,
        .returned = e->totals.returned,
        .discarded = e->totals.discarded,
        .repeats = e->repeats,
        .sessions_lost = e->sessions_lost,
        .forgotten = e->forgotten,
        .memory = e->stored_size + e->unstored_size,
        .memory_limit = o->memory_limit,
        .body_max = o->body_max,
        .queues_max = o->queues_max,
        .sessions_max = o->sessions_max,
        .items_max = o->items_max,
        .frame_max = o->frame_max,
        .waiting_max = o->waiting_max,
        .unconfirmed_max = o->unconfirmed_max,
        .in_flight_max = o->in_flight_max,
        .resume_grace_ms = o->resume_grace_ms,
        .remember_ms = o->remember_ms,
    };
}
