/* engine_replay.c - see engine_replay.h. Queues and sessions. */
#include "engine_replay.h"

#include <string.h>

bool replay_bad(struct replay *r, const char *why)
{
    if (!r->lenient && !r->why)
        r->why = why;
    return r->lenient;
}

void replay_no_memory(struct replay *r)
{
    r->e->is_short = true;
    r->why = r->e->stock.lost ? r->e->stock.lost : "out of memory";
}

/* ---- what a fact refers to ---- */

struct queue *replay_queue(struct replay *r)
{
    struct queue *q = queue_by_number(r->e, r->fact.queue);
    if (!q)
        replay_bad(r, "a fact tells of a queue that is not there");
    return q;
}

struct session *replay_known_session(struct replay *r)
{
    struct session *s = session_by_number(r->e, r->fact.cause.session);
    if (!s)
        replay_bad(r, "a fact tells of a session that is not there");
    return s;
}

struct session *replay_session(struct replay *r)
{
    struct session *s = replay_known_session(r);
    if (s)
        session_leave_ended(r->e, s);
    return s;
}

uint64_t replay_time(const struct replay *r)
{
    return r->fact.time_ms < r->e->now_ms ? r->fact.time_ms : r->e->now_ms;
}

bool replay_next_run(struct replay *r, uint64_t *count, struct range *ret)
{
    if (r->why || !fact_next_run(&r->reader, &r->fact, ret))
        return false;
    uint64_t more = ret->last - ret->first; /* and one */
    if (more >= MQ_ITEMS_MAX - *count) {
        replay_bad(r, "a fact tells of too many items");
        return false;
    }
    *count += more + 1;
    return true;
}

bool replay_is_in_checkpoint(const struct replay *r)
{
    return r->reader.left.size >= r->checkpoint_end;
}

/* Numbers of queues and sessions count up; a checkpoint tells of some that were given before. */
static bool is_number(struct replay *r, uint64_t number, uint64_t next)
{
    if (number == 0 || number >= REPLAY_NUMBER_MAX) {
        replay_bad(r, "a number makes no sense");
        return false;
    }
    return (number < next) == replay_is_in_checkpoint(r) || replay_bad(r, "a number is given out of turn");
}

/* ---- queues ---- */

static bool are_plausible(const struct fact *f)
{
    const struct settings *made = &f->created, *now = &f->settings;
    return made->given == MQ_SETTINGS_ALL && now->given == MQ_SETTINGS_ALL && !queue_bad_setting(made) &&
           !queue_bad_setting(now) && made->kind == now->kind && made->is_transient == now->is_transient &&
           (!(f->flags & FACT_IMMEDIATE) || (f->flags & FACT_SHUT_DOWN));
}

/* Of two queues of one name the later one is right: that the other was removed is in facts that are lost. */
static struct queue *make_queue(struct replay *r)
{
    const struct fact *f = &r->fact;
    struct engine *e = r->e;
    struct queue *other = queue_find(e, f->name);
    if (!is_number(r, f->queue, e->next_queue))
        return NULL;
    if (other && (!replay_bad(r, "a queue is made a second time") || f->queue < other->number))
        return NULL;
    if (other)
        queue_drop(e, other);
    if (f->queue >= e->next_queue)
        e->next_queue = f->queue + 1;
    struct queue *q = queue_make(e, f->name, &f->created, f->queue);
    if (!q)
        replay_no_memory(r);
    return q;
}

static void change_queue(struct replay *r, struct queue *q)
{
    const struct fact *f = &r->fact;
    struct settings now = f->settings;
    now.given &= ~(uint32_t)(MQ_SETTING_KIND | MQ_SETTING_TRANSIENT);
    queue_set(q, &now);
    q->made_ms = replay_time(r);
    q->is_shut_down = f->flags & FACT_SHUT_DOWN;
    q->is_immediate = f->flags & FACT_IMMEDIATE;
    if (q->is_immediate)
        queue_discard_ready(r->e, q);
    q->totals = (struct totals){.puts = f->totals.puts,
                                .gets = f->totals.gets,
                                .done = f->totals.done,
                                .redelivered = f->totals.redelivered,
                                .returned = f->totals.returned,
                                .discarded = f->totals.discarded};
}

static bool is_same(const struct queue *q, const struct fact *f)
{
    struct bytes name = queue_name(q);
    return name.size == f->name.size && memcmp(name.data, f->name.data, name.size) == 0 &&
           q->settings.kind == f->settings.kind && q->settings.is_transient == f->settings.is_transient &&
           (!q->is_shut_down || (f->flags & FACT_SHUT_DOWN)) &&
           (!q->is_immediate || (f->flags & FACT_IMMEDIATE));
}

static void replay_queue_fact(struct replay *r)
{
    const struct fact *f = &r->fact;
    struct queue *q = queue_by_number(r->e, f->queue);
    if (!are_plausible(f) || !mq_name_is_valid(f->name) || (q && !is_same(q, f))) {
        replay_bad(r, "a queue's settings make no sense");
        return;
    }
    q = q ? q : make_queue(r);
    if (!q)
        return;
    change_queue(r, q);
    if (f->verb == MQ_VERB_OPEN || f->verb == MQ_VERB_SET || f->verb == MQ_VERB_SHUT_DOWN)
        replay_answer(r, f->verb, 0);
    else if (f->cause.call)
        replay_bad(r, "a queue was changed by no known request");
}

static void replay_removed(struct replay *r)
{
    struct queue *q = replay_queue(r);
    if (!q)
        return;
    queue_drop(r->e, q);
    replay_answer(r, MQ_VERB_REMOVE, r->fact.count);
}

/* Unknown items were discarded, too. */
static void replay_purged(struct replay *r)
{
    struct queue *q = replay_queue(r);
    if (!q || (r->fact.count < q->order.count && !replay_bad(r, "more was waiting than was discarded")))
        return;
    uint64_t discarded = q->totals.discarded + r->fact.count;
    queue_discard_ready(r->e, q);
    q->totals.discarded = discarded;
    replay_answer(r, MQ_VERB_PURGE, r->fact.count);
}

/* ---- sessions ---- */

static struct session *make_session(struct replay *r)
{
    const struct fact *f = &r->fact;
    struct engine *e = r->e;
    uint64_t number = f->cause.session;
    if (!is_number(r, number, e->next_session))
        return NULL;
    const struct list_node *last = list_last(&e->session_list);
    if ((last && CONTAINER_OF(last, struct session, of_engine)->number >= number) ||
        session_find(e, f->session_id)) {
        replay_bad(r, "a session is told of a second time, or too late");
        return NULL;
    }
    if (number >= e->next_session)
        e->next_session = number + 1;
    struct session *s = session_make(e, f->session_id, f->name, number);
    if (!s)
        replay_no_memory(r);
    return s;
}

static void replay_session_fact(struct replay *r)
{
    const struct fact *f = &r->fact;
    struct session *s = session_by_number(r->e, f->cause.session);
    if (f->name.size > MQ_CLIENT_NAME_SIZE_MAX || !mq_utf8_is_valid(f->name) || f->next_number == 0 ||
        (s && memcmp(s->id, f->session_id, sizeof s->id) != 0)) {
        replay_bad(r, "a session's fields make no sense");
        return;
    }
    bool is_new = !s;
    s = s ? s : make_session(r);
    if (!s)
        return;
    s->is_replayed = true;
    if (f->next_number > s->next_number)
        s->next_number = f->next_number;
    if (is_new && (f->flags & FACT_ENDED))
        session_end(r->e, s);
    else if (!(f->flags & FACT_ENDED))
        session_leave_ended(r->e, s); /* it has come back */
    if (is_new)
        s->since_ms = replay_time(r);
    s->lapses = f->lapses;
}

/* It may have come back since it lapsed before, and done nothing that facts tell of. */
static void replay_lapsed(struct replay *r)
{
    struct session *s = replay_session(r);
    if (s)
        session_end(r->e, s);
}

static void replay_gone(struct replay *r)
{
    struct session *s = replay_known_session(r);
    if (!s)
        return;
    session_return_leases(r->e, s, false);
    session_free(r->e, s);
}

static void replay_confirmed(struct replay *r)
{
    struct session *s = replay_session(r);
    struct range numbers;
    while (s && fact_next_run(&r->reader, &r->fact, &numbers))
        call_confirm(r->e, s, (struct ranges){&numbers, 1});
}

/* ---- one fact after the other ---- */

static bool is_next(uint64_t number)
{
    return number > 0 && number <= REPLAY_NUMBER_MAX;
}

/* Of what a later checkpoint tells everything is known, unless facts are missing. */
static void replay_checkpoint(struct replay *r, bool is_first)
{
    struct engine *e = r->e;
    const struct fact *f = &r->fact;
    struct bytes *left = &r->reader.left;
    if (f->count > left->size || !is_next(f->first_id) || !is_next(f->next_session) ||
        !is_next(f->next_queue)) {
        replay_bad(r, "a checkpoint makes no sense");
        return;
    }
    if (f->segment > 0 && f->segment - 1 > e->dropped)
        e->dropped = f->segment - 1;
    if (!is_first && !r->lenient) {
        *left = (struct bytes){(const uint8_t *)left->data + f->count, left->size - f->count};
        return;
    }
    r->checkpoint_end = left->size - f->count;
    e->next_item = f->first_id > e->next_item ? f->first_id : e->next_item;
    e->next_session = f->next_session > e->next_session ? f->next_session : e->next_session;
    e->next_queue = f->next_queue > e->next_queue ? f->next_queue : e->next_queue;
}

static void replay_ids(struct replay *r)
{
    if (!is_next(r->fact.first_id))
        replay_bad(r, "an id makes no sense");
    else if (r->fact.first_id > r->e->ids_until)
        r->e->ids_until = r->fact.first_id;
}

static void replay_dropped(struct replay *r)
{
    if (r->fact.segment > r->e->dropped)
        r->e->dropped = r->fact.segment;
}

static void replay_fact(struct replay *r)
{
    static void (*const replays[FACT_KINDS])(struct replay * r) = {
        [FACT_IDS] = replay_ids,           [FACT_QUEUE] = replay_queue_fact,
        [FACT_REMOVED] = replay_removed,   [FACT_PURGED] = replay_purged,
        [FACT_STORED] = replay_stored,     [FACT_MOVED] = replay_moved,
        [FACT_TAKEN] = replay_taken,       [FACT_DONE] = replay_done,
        [FACT_RETURNED] = replay_returned, [FACT_EXTENDED] = replay_extended,
        [FACT_REFUSED] = replay_refused,   [FACT_SESSION] = replay_session_fact,
        [FACT_CALL] = replay_call_fact,    [FACT_CONFIRMED] = replay_confirmed,
        [FACT_LAPSED] = replay_lapsed,     [FACT_GONE] = replay_gone,
        [FACT_DROPPED] = replay_dropped,
    };
    bool is_first = !r->e->is_replaying;
    r->e->is_replaying = true;
    if (is_first && r->fact.kind != FACT_CHECKPOINT)
        replay_bad(r, "the log does not begin with a checkpoint");
    if (r->fact.kind == FACT_CHECKPOINT)
        replay_checkpoint(r, is_first);
    else if (!r->why)
        replays[r->fact.kind](r);
}

bool engine_replay(struct engine *e, struct bytes facts, uint64_t segment, bool lenient, const char **ret_why)
{
    struct replay r = {.e = e, .segment = segment, .lenient = lenient, .checkpoint_end = SIZE_MAX};
    assert(e->options.is_durable);
    e->facts.is_on = false; /* they are there already */
    e->segment = segment > e->segment ? segment : e->segment;
    fact_read(&r.reader, facts);
    while (!r.why && fact_next(&r.reader, &r.fact)) {
        replay_fact(&r);
        if (r.reader.why)
            break;
    }
    if (!r.why && r.reader.why)
        replay_bad(&r, r.reader.why);
    *ret_why = r.why;
    return !r.why;
}
