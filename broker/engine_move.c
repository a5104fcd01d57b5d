/* engine_move.c - what still lives in the oldest segment is written again, further on, so that the segment
 * may go.
 *
 * An item's body comes from the facts that are gone through, what has become of it since from the engine: how
 * often it was handed out, and in whose hands it is. Who reads the log later has either read the older fact,
 * and the newer one tells nothing new; or not, and then has passed over all that was told of the item in
 * between. So it does no harm either if an item is written again twice, as after a restart in the middle. */
#include "engine_state.h"

/* The fact that is being gone through, and what all of them have cost. */
struct moving {
    struct engine *e;
    size_t budget;
    const uint8_t *begin; /* where reading has begun */
    struct fact_reader reader;
    struct fact fact;
    struct queue *queue;
    uint64_t written; /* bytes */
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
static struct fact fact_of(const struct moving *m, uint64_t id, bool is_keyed)
{
    struct item *item = item_find(&m->e->stock, id);
    const struct lease *lease = item ? item_holder(item) : NULL;
    struct fact fact = {.kind = FACT_MOVED,
                        .queue = m->queue->number,
                        .first_id = id,
                        .time_ms = m->fact.time_ms,
                        .deliveries = item ? item->deliveries : 0,
                        .flags = is_keyed ? FACT_KEYED : 0};
    if (lease)
        tell_lease(&fact, lease);
    return fact;
}

/* False: out of memory. */
static bool write_again(struct moving *m, uint64_t id, const struct put_item *put)
{
    struct engine *e = m->e;
    struct facts *facts = &e->facts;
    bool is_keyed = m->queue->settings.kind == MQ_KIND_PRIORITY;
    size_t size = facts_size(facts);
    if (!ledger_reserve(&e->ledger, id, 1, e->segment) ||
        !facts_reserve(facts, FACT_SIZE_MAX + FACT_ITEM_MAX + put->key.size + put->body.size))
        return false;
    struct fact fact = fact_of(m, id, is_keyed);
    facts_begin(facts, &fact);
    facts_item(facts, is_keyed, put->key, put->body);
    facts_end_lazily(facts);
    ledger_move(&e->ledger, id, e->segment);
    m->written += facts_size(facts) - size;
    return true;
}

/* Is the budget used up, having read all before this? */
static bool is_over(const struct moving *m, const void *here)
{
    size_t read = (size_t)((const uint8_t *)here - m->begin);
    return m->written + read / READ_SHARE >= m->budget;
}

/* How many items of this fact were gone through when it was stopped in. */
static uint64_t items_before(const struct moving *m)
{
    bool is_same = m->fact.kind == FACT_STORED && m->e->moved.first_id == m->fact.first_id;
    return is_same ? m->e->moved.items : 0;
}

static void note_items(const struct moving *m, uint64_t items)
{
    if (m->fact.kind != FACT_STORED)
        return;
    m->e->moved.first_id = m->fact.first_id;
    m->e->moved.items = items;
}

/* Goes through the items of the fact, behind those that were gone through when it stopped the last time.
 * False: it stops again. */
static bool move_items(struct moving *m)
{
    struct engine *e = m->e;
    struct put_item put;
    bool is_keyed = m->queue->settings.kind == MQ_KIND_PRIORITY;
    uint64_t id = m->fact.first_id, before = items_before(m);
    for (uint64_t i = 0; fact_next_item(&m->reader, &m->fact, is_keyed, &put); i++, id++) {
        if (i < before)
            continue;
        if (i > before && is_over(m, put.body.data))
            return false;
        if (ledger_is_live(&e->ledger, id) && !write_again(m, id, &put)) {
            m->has_failed = true;
            return false;
        }
        note_items(m, i + 1);
    }
    note_items(m, 0);
    return true;
}

/* What is not of an item that lives is passed over. */
static bool move_fact(struct moving *m)
{
    bool has_items = m->fact.kind == FACT_STORED || m->fact.kind == FACT_MOVED;
    m->queue = has_items ? queue_by_number(m->e, m->fact.queue) : NULL;
    return !m->queue || move_items(m);
}

bool engine_move(struct engine *e, struct bytes facts, size_t *at, size_t budget)
{
    struct moving m = {.e = e, .budget = budget, .begin = (const uint8_t *)facts.data + *at};
    assert(*at <= facts.size && budget > 0);
    fact_read(&m.reader, (struct bytes){m.begin, facts.size - *at});
    while (m.reader.left.size > 0 && !is_over(&m, m.reader.left.data)) {
        if (!fact_next(&m.reader, &m.fact))
            return false;
        if (!move_fact(&m) || m.reader.why)
            return !m.has_failed && !m.reader.why;
        *at = facts.size - m.reader.left.size;
    }
    return true;
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
