/* engine_fact.c - what must survive is noted here when it happens, in the order of the rules: as facts, and
 * in the ledger of what is alive.
 *
 * An answer that depends on a fact is noted first and decided then: call_answer() takes over what must be
 * safe by then. Facts that nobody depends on are noted lazily: if they are lost, an item is ready again, or a
 * lease lasts longer. What a fact needs has been reserved, or is small and takes from the spare; were that
 * used up, the facts would be broken, and the broker has failed. */
#include "engine_state.h"

#include <string.h>

#include "key.h"

static uint64_t ids_block(const struct engine *e)
{
    return (uint64_t)1 << (e->options.is_forgetful ? 32 : 24);
}

struct fact note_of_call(enum fact_kind kind, const struct call *call)
{
    return (struct fact){.kind = kind, .cause = {call->session->number, call->number}};
}

static struct fact fact_of_session(enum fact_kind kind, const struct session *s)
{
    return (struct fact){.kind = kind, .cause.session = s->number};
}

/* The call's fact is written; its answer waits for that, and survives with it. */
static void end(struct engine *e, struct call *call)
{
    facts_end(&e->facts);
    call->position = e->facts.needed;
    call->is_noted = true;
}

static void add(struct engine *e, struct call *call, const struct fact *fact)
{
    facts_begin(&e->facts, fact);
    end(e, call);
}

/* ---- room ---- */

static size_t put_size(const struct request *req)
{
    size_t size = req->put_count * (FACT_ITEM_MAX + key_zero().size);
    for (size_t i = 0; i < req->put_count; i++)
        size += req->puts[i].key.size + req->puts[i].body.size;
    return size;
}

bool note_reserve_request(struct engine *e, const struct request *req)
{
    size_t size = 2 * FACT_SIZE_MAX + req->id_count * (FACT_RUN_MAX + FACT_REFUSAL_MAX);
    return facts_reserve(&e->facts, req->verb == MQ_VERB_PUT ? size + put_size(req) : size);
}

bool note_reserve_runs(struct engine *e, size_t count)
{
    return facts_reserve(&e->facts, 2 * FACT_SIZE_MAX + count * FACT_RUN_MAX);
}

bool note_reserve_ids(struct engine *e, const struct queue *q, size_t count)
{
    return !note_is_of(e, q) || ledger_reserve(&e->ledger, e->next_item, count, e->segment);
}

bool note_reserve_item(struct engine *e, const struct queue *q, const struct put_item *item)
{
    size_t size = 2 * FACT_SIZE_MAX + FACT_ITEM_MAX + item->key.size + item->body.size;
    return facts_reserve(&e->facts, size) && note_reserve_ids(e, q, 1);
}

void note_postponed(struct engine *e)
{
    e->is_postponed = true;
}

/* ---- items ---- */

/* In the log an item takes about as much more than key and body as it does in memory. */
static size_t live_size(size_t cost, size_t count)
{
    return cost - count * ITEM_COST;
}

void note_live(struct engine *e, const struct queue *q, uint64_t first, size_t count, size_t cost)
{
    if (!note_is_of(e, q))
        return;
    ledger_store(&e->ledger, first, count, e->segment);
    e->live_size += live_size(cost, count);
}

void note_end(struct engine *e, uint64_t id, size_t cost)
{
    ledger_end(&e->ledger, id);
    e->live_size -= live_size(cost, 1);
}

/* What cannot be had any more is not known by its ids: in the log it lives on until a restart. */
void note_gone_away(struct engine *e, const struct queue *q, const struct order_gone *gone)
{
    if (!note_is_of(e, q))
        return;
    bool is_known = gone->ids || gone->run.last - gone->run.first + 1 == gone->count;
    for (uint64_t i = 0; is_known && i < gone->count; i++)
        ledger_end(&e->ledger, gone->ids ? gone->ids[i] : gone->run.first + i);
    e->live_size -= live_size(gone->cost, gone->count);
}

/* Ids are taken from blocks, each of which is noted long before the first of its ids is given: what is given
 * meanwhile is less than half a block, also where that takes an interval and not a sync. */
static bool wants_ids(const struct engine *e)
{
    return e->ids_until <= e->next_item + ids_block(e) / 2;
}

static struct fact next_ids(struct engine *e)
{
    e->ids_until = e->next_item + ids_block(e);
    return (struct fact){.kind = FACT_IDS, .first_id = e->ids_until};
}

static void note_ids(struct engine *e)
{
    if (!wants_ids(e))
        return;
    struct fact fact = next_ids(e);
    facts_add(&e->facts, &fact);
}

void note_next_ids(struct engine *e)
{
    if (!wants_ids(e))
        return;
    struct fact fact = next_ids(e);
    facts_add_lazily(&e->facts, &fact);
}

void note_stored_begin(struct engine *e, const struct call *call, const struct queue *q)
{
    if (!note_is_on(e))
        return;
    note_ids(e);
    if (!note_is_of(e, q))
        return;
    struct fact fact = note_of_call(FACT_STORED, call);
    fact.queue = q->number;
    fact.time_ms = e->now_ms;
    fact.first_id = e->next_item;
    fact.total = call->total;
    fact.flags = call->partial ? FACT_PARTIAL : 0;
    facts_begin(&e->facts, &fact);
}

void note_stored_item(struct engine *e, const struct queue *q, const struct put_item *item)
{
    bool is_keyed = q->settings.kind == MQ_KIND_PRIORITY;
    if (note_is_on(e) && note_is_of(e, q))
        facts_item(&e->facts, is_keyed, order_key(&q->order, item), item->body);
}

void note_stored_end(struct engine *e, struct call *call, const struct queue *q)
{
    if (note_is_on(e) && note_is_of(e, q))
        end(e, call);
}

void note_stored(struct engine *e, struct call *call, const struct queue *q, const struct request *req)
{
    if (!note_is_on(e))
        return;
    note_stored_begin(e, call, q);
    for (size_t i = 0; i < req->put_count; i++)
        note_stored_item(e, q, &req->puts[i]);
    note_stored_end(e, call, q);
}

/* ---- leases ---- */

void note_leased_ids(struct engine *e, const struct call *call)
{
    for (struct list_node *n = list_first(&call->leases); n; n = list_next(&call->leases, n))
        facts_id(&e->facts, CONTAINER_OF(n, struct lease, of_call)->id);
}

void note_taken(struct engine *e, struct call *call, const struct queue *q, size_t count,
                uint64_t redelivered)
{
    if (!note_is_on(e) || !note_is_of(e, q))
        return;
    struct fact fact = note_of_call(FACT_TAKEN, call);
    fact.queue = q->number;
    fact.lease_ms = call->lease_ms;
    fact.flags = call->auto_done ? FACT_AUTO_DONE : 0;
    fact.count = count;
    fact.redelivered = redelivered;
    facts_begin(&e->facts, &fact);
    note_leased_ids(e, call);
    facts_end_lazily(&e->facts);
    call->is_noted = true;
}

static void lease_fact_begin(struct engine *e, const struct call *call, const struct request *req)
{
    struct fact fact = note_of_call(FACT_DONE, call);
    if (req->verb == MQ_VERB_RELEASE)
        fact.kind = FACT_RETURNED;
    else if (req->verb == MQ_VERB_EXTEND)
        fact.kind = FACT_EXTENDED;
    fact.flags = req->verb == MQ_VERB_RELEASE && req->untouched ? FACT_UNTOUCHED : 0;
    fact.lease_ms = req->lease_ms;
    facts_begin(&e->facts, &fact);
}

void note_lease(struct engine *e, const struct call *call, const struct request *req,
                const struct lease *lease)
{
    if (!note_is_on(e) || !note_is_of(e, lease->queue))
        return;
    if (!e->facts.open)
        lease_fact_begin(e, call, req);
    facts_id(&e->facts, lease->id);
}

bool note_refusals_begin(struct engine *e, const struct call *call)
{
    struct fact fact = note_of_call(FACT_REFUSED, call);
    if (call->refusal_count == 0)
        return false;
    fact.verb = call->verb;
    facts_begin(&e->facts, &fact);
    for (size_t i = 0; i < call->refusal_count; i++)
        facts_refusal(&e->facts, call->refusals[i]);
    return true;
}

void note_leases_end(struct engine *e, struct call *call)
{
    if (!note_is_on(e))
        return;
    if (e->facts.open)
        end(e, call);
    if (note_refusals_begin(e, call))
        end(e, call);
}

/* Its time is over. The answer that gave the item, if it is still to be told, will not give it any more; it
 * must not be confirmed by somebody who has not seen the item before the log knows that, too. */
void note_lease_over(struct engine *e, const struct lease *lease)
{
    if (!note_is_on(e) || !note_is_of(e, lease->queue))
        return;
    struct fact fact = fact_of_session(FACT_RETURNED, lease->session);
    fact.flags = FACT_LOST;
    facts_begin(&e->facts, &fact);
    facts_id(&e->facts, lease->id);
    facts_end_lazily(&e->facts);
    if (lease->call)
        lease->call->position = facts_position(&e->facts);
}

void note_taken_back(struct engine *e, struct call *call)
{
    if (!note_is_on(e) || !call->is_noted || list_is_empty(&call->leases))
        return;
    struct fact fact = note_of_call(FACT_RETURNED, call);
    fact.flags = FACT_UNTOUCHED;
    facts_begin(&e->facts, &fact);
    note_leased_ids(e, call);
    end(e, call);
}

/* ---- queues ---- */

struct fact note_of_queue(const struct queue *q)
{
    struct fact fact = {.kind = FACT_QUEUE,
                        .queue = q->number,
                        .name = queue_name(q),
                        .created = q->created,
                        .settings = q->settings,
                        .time_ms = q->made_ms};
    fact.flags = (q->is_shut_down ? FACT_SHUT_DOWN : 0) | (q->is_immediate ? FACT_IMMEDIATE : 0);
    const struct totals *t = &q->totals;
    if (!q->settings.is_transient) /* after a restart it has seen no item */
        fact.totals = (struct fact_totals){.puts = t->puts,
                                           .gets = t->gets,
                                           .done = t->done,
                                           .redelivered = t->redelivered,
                                           .returned = t->returned,
                                           .discarded = t->discarded};
    return fact;
}

void note_queue(struct engine *e, struct call *call, const struct queue *q)
{
    if (!note_is_on(e))
        return;
    struct fact fact = note_of_queue(q);
    fact.cause.session = call->session->number;
    fact.cause.call = call->number;
    fact.verb = call->verb;
    add(e, call, &fact);
}

/* Facts that say that items come back do not say where to: after a restart, when their segment has gone,
 * those that were discarded for it would be taken for done. */
void note_totals(struct engine *e, struct queue *q)
{
    if (!q->owes_totals || !note_is_on(e))
        return;
    if (!note_reserve_runs(e, 0)) {
        note_postponed(e);
        return;
    }
    struct fact fact = note_of_queue(q);
    facts_add_lazily(&e->facts, &fact);
    q->owes_totals = false;
}

/* Purged or removed. */
void note_emptied(struct engine *e, struct call *call, const struct queue *q)
{
    if (!note_is_on(e))
        return;
    struct fact fact = note_of_call(call->verb == MQ_VERB_PURGE ? FACT_PURGED : FACT_REMOVED, call);
    fact.queue = q->number;
    fact.count = call->count;
    add(e, call, &fact);
}

/* ---- sessions ---- */

struct fact note_of_session(const struct session *s)
{
    struct fact fact = fact_of_session(FACT_SESSION, s);
    memcpy(fact.session_id, s->id, sizeof fact.session_id);
    fact.name = (struct bytes){s->name, s->name_size};
    fact.time_ms = s->since_ms;
    fact.next_number = s->next_number;
    fact.lapses = s->lapses;
    fact.flags = s->ended ? FACT_ENDED : 0;
    return fact;
}

void note_session(struct engine *e, const struct session *s)
{
    struct fact fact = note_of_session(s);
    facts_add(&e->facts, &fact);
}

void note_lapsed(struct engine *e, const struct session *s)
{
    if (note_is_on(e))
        facts_add_lazily(&e->facts, &(struct fact){.kind = FACT_LAPSED, .cause.session = s->number});
}

void note_bye(struct engine *e, const struct session *s)
{
    if (note_is_on(e))
        facts_add(&e->facts, &(struct fact){.kind = FACT_GONE, .cause.session = s->number});
}

void note_forgotten(struct engine *e, const struct session *s)
{
    if (note_is_on(e))
        facts_add_lazily(&e->facts, &(struct fact){.kind = FACT_GONE, .cause.session = s->number});
}

/* Numbers of answers that have arrived; those of which facts tell nothing are forgotten without. */
void note_confirmation(struct engine *e, const struct call *call)
{
    if (!e->facts.open) {
        struct fact fact = fact_of_session(FACT_CONFIRMED, call->session);
        facts_begin(&e->facts, &fact);
    }
    facts_id(&e->facts, call->number);
}

void note_confirmed_end(struct engine *e)
{
    if (note_is_on(e) && e->facts.open)
        facts_end_lazily(&e->facts);
}

/* What is decided next tells of all that has happened, however small. */
void note_all_needed(struct engine *e)
{
    if (note_is_on(e) && !e->facts.is_broken)
        e->facts.needed = facts_position(&e->facts);
}
