/* engine_move.c - what still lives in the oldest segment is written again, further on, so that the segment
 * may go.
 *
 * An item's body comes from the facts that are gone through, what has become of it since from the engine: how
 * often it was handed out, and in whose hands it is. Who reads the log later has either read the older fact,
 * and the newer one tells nothing new; or not, and then has passed over all that was told of the item in
 * between. So it does no harm either if an item is written again twice, as after a restart in the middle. */
#include "engine_state.h"

/* The fact that is being gone through, what is being written, and what all of that has cost. */
struct moving {
    struct engine *e;
    size_t budget;
    const uint8_t *begin; /* where reading has begun */
    struct fact_reader reader;
    struct fact fact;
    struct queue *queue;
    struct fact moved; /* being written, if facts are open */
    uint64_t next_id;  /* of its next item */
    size_t written;    /* bytes */
    bool has_failed;
};

enum { READ_SHARE = 64 }; /* so many bytes read count as one written */

/* In whose hands it is, or nobody's. */
static void tell_lease(struct fact *fact, const struct lease *lease)
{
    fact->cause.session = lease->session->number;
    fact->cause.call = lease->call ? lease->call->number : 0;
    fact->lease_ms = lease->lease_ms;
    fact->flags |= lease->call && lease->call->auto_done ? FACT_AUTO_DONE : 0;
}

/* An item that is not known by itself waits and was never taken. */
static struct fact fact_of(const struct moving *m, uint64_t id)
{
    struct item *item = item_find(&m->e->stock, id);
    const struct lease *lease = item ? item_holder(item) : NULL;
    struct fact fact = {.kind = FACT_MOVED,
                        .queue = m->queue->number,
                        .first_id = id,
                        .time_ms = m->fact.time_ms,
                        .deliveries = item ? item->deliveries : 0,
                        .flags = m->queue->settings.kind == MQ_KIND_PRIORITY ? FACT_KEYED : 0};
    if (lease)
        tell_lease(&fact, lease);
    return fact;
}

/* Are items of the same state? */
static bool is_alike(const struct fact *a, const struct fact *b)
{
    return a->queue == b->queue && a->time_ms == b->time_ms && a->deliveries == b->deliveries &&
           a->cause.session == b->cause.session && a->cause.call == b->cause.call &&
           a->lease_ms == b->lease_ms && a->flags == b->flags;
}

/* Neighbours of the same state are written as one fact. False: out of memory. */
static bool write_again(struct moving *m, uint64_t id, const struct put_item *put)
{
    struct engine *e = m->e;
    struct facts *facts = &e->facts;
    size_t size = facts_size(facts);
    if (!ledger_reserve(&e->ledger, id, 1, e->segment) ||
        !facts_reserve(facts, FACT_SIZE_MAX + FACT_ITEM_MAX + put->key.size + put->body.size))
        return false;
    struct fact fact = fact_of(m, id);
    if (facts->open && (id != m->next_id || !is_alike(&fact, &m->moved)))
        facts_end_lazily(facts);
    if (!facts->open) {
        facts_begin(facts, &fact);
        m->moved = fact;
    }
    facts_item(facts, fact.flags & FACT_KEYED, put->key, put->body);
    ledger_move(&e->ledger, id, e->segment);
    m->next_id = id + 1;
    m->written += facts_size(facts) - size;
    return true;
}

/* Is the budget used up, having read all before this? */
static bool is_over(const struct moving *m, const void *here)
{
    size_t read = (size_t)((const uint8_t *)here - m->begin);
    return m->written + read / READ_SHARE >= m->budget;
}

/* Goes through what is left of the fact's items, of which so many are before. False: it stops in front of an
 * item, which `rest` begins with then. The first one that is read is never too much. */
static bool move_items(struct moving *m, uint64_t *items)
{
    struct put_item put;
    bool is_keyed = m->queue->settings.kind == MQ_KIND_PRIORITY;
    for (struct bytes rest = m->fact.rest; fact_next_item(&m->reader, &m->fact, is_keyed, &put); ++*items) {
        uint64_t id = m->fact.first_id + *items;
        bool is_too_much = rest.data != m->begin && is_over(m, rest.data);
        m->has_failed = !is_too_much && ledger_is_live(&m->e->ledger, id) && !write_again(m, id, &put);
        if (is_too_much || m->has_failed) {
            m->fact.rest = rest;
            return false;
        }
        rest = m->fact.rest;
    }
    return true;
}

/* What is not of an item that lives is passed over. */
static bool move_fact(struct moving *m, uint64_t *items)
{
    bool has_items = m->fact.kind == FACT_STORED || m->fact.kind == FACT_MOVED;
    m->queue = has_items ? queue_by_number(m->e, m->fact.queue) : NULL;
    return !m->queue || move_items(m, items);
}

/* Where it stopped in a fact, it goes on with the item there. */
static void resume(struct moving *m, const uint8_t *at)
{
    const uint8_t *rest = m->fact.rest.data;
    m->fact.rest = (struct bytes){at, m->fact.rest.size - (size_t)(at - rest)};
}

/* One fact after the other, until it stops, or has failed. */
static void move_facts(struct moving *m, struct bytes facts, size_t *at)
{
    struct engine *e = m->e;
    const uint8_t *data = facts.data;
    bool resumes = *at > 0 && *at == e->moving.at;
    size_t from = resumes ? e->moving.fact_at : *at;
    uint64_t items = resumes ? e->moving.items : 0;
    e->moving.at = 0;
    fact_read(&m->reader, (struct bytes){data + from, facts.size - from});
    while (resumes || (m->reader.left.size > 0 && !is_over(m, m->reader.left.data))) {
        size_t fact_at = facts.size - m->reader.left.size;
        if (!fact_next(&m->reader, &m->fact))
            return;
        if (resumes)
            resume(m, data + *at);
        resumes = false;
        if (!move_fact(m, &items)) {
            *at = (size_t)((const uint8_t *)m->fact.rest.data - data);
            e->moving.at = *at;
            e->moving.fact_at = fact_at;
            e->moving.items = items;
            return;
        }
        if (m->reader.why)
            return;
        items = 0;
        *at = facts.size - m->reader.left.size;
    }
}

bool engine_move(struct engine *e, struct bytes facts, size_t *at, size_t budget)
{
    struct moving m = {.e = e, .budget = budget, .begin = (const uint8_t *)facts.data + *at};
    assert(*at <= facts.size && budget > 0);
    move_facts(&m, facts, at);
    if (e->facts.open)
        facts_end_lazily(&e->facts);
    return !m.has_failed && !m.reader.why;
}

void engine_moved(struct engine *e, uint64_t segment)
{
    assert(segment < e->segment);
    ledger_moved(&e->ledger, segment);
}

bool engine_needs(const struct engine *e, uint64_t segment)
{
    return ledger_is_needed(&e->ledger, segment);
}

void engine_dropping(struct engine *e, uint64_t segment)
{
    facts_add_lazily(&e->facts, &(struct fact){.kind = FACT_DROPPED, .segment = segment});
}
