/* engine.c - the engine's birth and heartbeat: time passed on, what is due fired, queues served until nothing
 * moves. */
#include "engine_state.h"

#include <stdlib.h>
#include <string.h>

enum { REMEMBERED_MAX = 10000, BACKLOG_MAX = 64 << 20 };

void engine_options_default(struct engine_options *options)
{
    *options = (struct engine_options){
        .first_item = 1,
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
        .backlog_max = BACKLOG_MAX,
        .auto_create = true,
    };
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* What is due at the same moment has an order, too, so that the same events always have the same outcome:
 * calls by session and number; sessions by number, then leases by item. */
static int compare_calls(const struct heap_entry *a, const struct heap_entry *b)
{
    const struct call *x = CONTAINER_OF(a, struct call, deadline),
                      *y = CONTAINER_OF(b, struct call, deadline);
    if (x->session != y->session)
        return compare_numbers(x->session->number, y->session->number);
    return compare_numbers(x->number, y->number);
}

static int compare_timers(const struct heap_entry *a, const struct heap_entry *b)
{
    struct timer *x = CONTAINER_OF(a, struct timer, entry), *y = CONTAINER_OF(b, struct timer, entry);
    if (x->kind != y->kind)
        return x->kind == TIMER_SESSION ? -1 : 1;
    if (x->kind == TIMER_SESSION)
        return compare_numbers(session_of_timer(x)->number, session_of_timer(y)->number);
    return compare_numbers(CONTAINER_OF(x, struct lease, timer)->id,
                           CONTAINER_OF(y, struct lease, timer)->id);
}

/* All that holds things, none of which is there yet. */
static void init_empty(struct engine *e)
{
    stock_init(&e->stock);
    pool_init(&e->call_pool, sizeof(struct call));
    pool_init(&e->lease_pool, sizeof(struct lease));
    table_init(&e->queues);
    table_init(&e->queue_numbers);
    table_init(&e->sessions);
    table_init(&e->session_numbers);
    table_init(&e->calls);
    table_init(&e->leases);
    heap_init(&e->waits, compare_calls);
    heap_init(&e->lives, compare_timers);
    list_init(&e->session_list);
    list_init(&e->ended);
    list_init(&e->marked);
    list_init(&e->starved);
    list_init(&e->outbox);
    list_init(&e->urgent);
    ledger_init(&e->ledger);
}

struct engine *engine_new(const struct engine_options *options, uint64_t now_ms)
{
    assert(options->items_max <= MQ_ITEMS_MAX && options->items_max > 0);
    assert(options->first_item > 0);
    struct engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->views = malloc(MQ_ITEMS_MAX * sizeof *e->views);
    e->found = malloc(MQ_ITEMS_MAX * sizeof *e->found);
    if (!e->views || !e->found) {
        free(e->views);
        free(e->found);
        free(e);
        return NULL;
    }
    e->options = *options;
    e->now_ms = e->started_ms = now_ms;
    e->data = (struct data_stat){.sync = mq_bytes("none"), .state = mq_bytes("none")};
    e->next_session = e->next_queue = 1;
    e->next_item = options->first_item;
    init_empty(e);
    e->stock.shelf = options->shelf;
    if (options->is_durable)
        stock_index(&e->stock);
    facts_init(&e->facts, options->is_durable);
    e->facts_max = UINT64_MAX;
    e->was_forgetful = options->is_forgetful;
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
        order_clear(&q->order);
        q->bytes = 0;
        if (list_has(&q->marked))
            list_remove(&q->marked);
        queue_free(q);
    }
    free(e->queue_list);
    table_done(&e->queues);
    table_done(&e->queue_numbers);
    table_done(&e->sessions);
    table_done(&e->session_numbers);
    table_done(&e->calls);
    table_done(&e->leases);
    heap_done(&e->waits);
    heap_done(&e->lives);
    stock_done(&e->stock);
    pool_done(&e->call_pool);
    pool_done(&e->lease_pool);
    facts_done(&e->facts);
    ledger_done(&e->ledger);
    free(e->views);
    free(e->found);
    free(e);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t engine_deadline_ms(const struct engine *e)
{
    if (e->failure)
        return UINT64_MAX;
    if (e->is_postponed)
        return earlier(heap_first_rank(&e->waits), e->now_ms + SHORT_MS);
    uint64_t due = earlier(heap_first_rank(&e->waits), session_first_forget_ms(e));
    due = earlier(due, room_deadline_ms(e));
    if (e->lives.count == 0)
        return due;
    due = earlier(due, e->now_ms + FREEZE_WATCH_MS);
    return earlier(due, heap_first_rank(&e->lives));
}

uint64_t engine_later_ms(const struct engine *e, uint64_t wait_ms)
{
    uint64_t most = UINT64_MAX - 1 - e->now_ms;
    return e->now_ms + earlier(wait_ms, most);
}

/* Time has passed. If far more than was asked for, the broker itself did not run, and those who could not
 * reach it meanwhile get that time back; what users asked for as a time-out stays. */
void engine_clock(struct engine *e, uint64_t now_ms)
{
    assert(now_ms >= e->now_ms);
    uint64_t wanted = engine_deadline_ms(e);
    uint64_t slept_since = wanted > e->now_ms ? wanted : e->now_ms; /* what is overdue already counts once */
    if (now_ms > slept_since && now_ms - slept_since > FROZEN_MS)
        session_postpone_all(e, now_ms - slept_since);
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
    if (queue_unfinished(q) == 0 && !list_is_empty(&q->joiners)) {
        note_all_needed(e);
        call_answer_all(e, &q->joiners, MQ_OK);
    }
    return moved;
}

static void serve_marked(struct engine *e)
{
    struct list_node *node;
    while ((node = list_first(&e->marked))) {
        struct queue *q = CONTAINER_OF(node, struct queue, marked);
        list_remove(node);
        note_totals(e, q);
        engine_serve(e, q);
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

static void settle(struct engine *e)
{
    serve_marked(e);
    while (e->memory_freed) {
        serve_starved(e);
        serve_marked(e);
    }
}

/* What was to be handed out may turn out to be lost. */
void engine_settle(struct engine *e)
{
    settle(e);
    if (!e->stock.lost || e->failure)
        return;
    safe_fail(e, e->stock.lost);
    settle(e);
}

static void fire(struct engine *e, struct timer *timer)
{
    if (timer->kind == TIMER_SESSION) {
        session_end(e, session_of_timer(timer));
        return;
    }
    struct lease *lease = CONTAINER_OF(timer, struct lease, timer);
    note_lease_over(e, lease);
    lease_return(e, lease, false, true);
}

/* What is due by itself waits while there is no memory to note it. */
static bool may_fire(struct engine *e)
{
    if (note_reserve_runs(e, 1))
        return true;
    note_postponed(e);
    return false;
}

/* Leases and sessions first, so that an item that comes back in time still reaches a getter whose time is
 * over at the same moment. Nothing that fires sets a deadline that is already due. */
void engine_tick(struct engine *e, uint64_t now_ms)
{
    engine_clock(e, now_ms);
    if (e->failure)
        return;
    if (e->is_postponed)
        safe_go_on(e);
    room_tick(e);
    while (heap_first_rank(&e->lives) <= now_ms && may_fire(e))
        fire(e, CONTAINER_OF(heap_first(&e->lives), struct timer, entry));
    while (session_first_forget_ms(e) <= now_ms && may_fire(e)) {
        note_forgotten(e, session_first_ended(e));
        session_free(e, session_first_ended(e));
    }
    engine_settle(e);
    while (heap_first_rank(&e->waits) <= now_ms)
        call_expire(e, CONTAINER_OF(heap_first(&e->waits), struct call, deadline));
    engine_settle(e);
}

void engine_tell_data(struct engine *e, const struct data_stat *data)
{
    e->data = *data;
}

void engine_stat(const struct engine *e, struct broker_stat *ret_stat)
{
    const struct engine_options *o = &e->options;
    *ret_stat = (struct broker_stat){
        .version = mq_bytes(MQ_VERSION),
        .data = e->data,
        .live_bytes = engine_live_size(e),
        .uptime_ms = e->now_ms - e->started_ms,
        .pid = o->pid,
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
        .memory = engine_memory(e),
        .shelved = e->stock.away_cost,
        .shelved_items = e->stock.away_items,
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
