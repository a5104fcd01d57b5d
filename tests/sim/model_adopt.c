/* model_adopt.c - what a restarted engine may decide by itself, as it is a matter of how it keeps things in
 * memory: the model takes it over, if it is within bounds. */
#include "engine_state.h"
#include "model_parts.h"
#include "sim.h"

#include <inttypes.h>

/* Items that came back may be known by themselves or not; one that is held is. */
static void adopt_item(const struct engine *e, struct model_item *item)
{
    item->is_known = item_find(&e->stock, item->id) != NULL;
    SIM_REQUIRE(item->is_known || !item->holder, "item %" PRIu64 " is held, but not known", item->id);
}

/* How much of its session's credit an answer takes: of a get, at least what is still held. */
static size_t least_size(const struct model *m, const struct model_call *call)
{
    size_t size = 0;
    for (size_t i = 0; i < m->item_count; i++)
        if (m->items[i]->call == call)
            size += m->items[i]->size + m->items[i]->key_size + MODEL_ITEM_MARGIN;
    return size;
}

static void adopt_call(const struct model *m, const struct engine *e, struct model_call *call)
{
    const struct session *s = session_by_number(e, call->session->number);
    const struct call *known = s ? call_find(e, s, call->number) : NULL;
    SIM_REQUIRE(known, "%s %" PRIu64 " of session %" PRIu64 " is forgotten", mq_verb_name(call->verb),
                call->number, call->session->number);
    SIM_REQUIRE(known->verb == call->verb && known->is_cut == call->is_cut, "%s %" PRIu64 " is%s cut off",
                mq_verb_name(call->verb), call->number, known->is_cut ? "" : " not");
    SIM_REQUIRE(known->reply_size >= least_size(m, call), "an answer takes less than its items");
    SIM_REQUIRE(call->verb != MQ_VERB_GET || known->reply_size <= call->reply_size,
                "an answer takes more than before");
    call->reply_size = known->reply_size;
    call->range_capacity = known->id_capacity;
}

/* Numbers may be left out after a restart, so they need not all be known. */
static void adopt_session(struct model *m, const struct engine *e, struct model_session *s)
{
    const struct session *known = session_by_number(e, s->number);
    SIM_REQUIRE(known, "session %" PRIu64 " is forgotten", s->number);
    SIM_REQUIRE(known->next_number <= s->given, "a session's numbers are known before they are given");
    for (struct model_call *call = NULL; (call = model_next_call(m, s, call ? call->number : 0));)
        SIM_REQUIRE(call->number < known->next_number, "a session's number may be given twice");
    s->next_number = known->next_number;
    SIM_REQUIRE(known->ended == (s->ended > 0), "session %" PRIu64 " has%s ended", s->number,
                known->ended ? "" : " not");
    for (struct list_node *n = list_first(&known->leases); n; n = list_next(&known->leases, n)) {
        size_t at = model_find_item(m, CONTAINER_OF(n, struct lease, of_session)->id);
        SIM_REQUIRE(at < m->item_count && m->items[at]->holder == s, "a lease that nobody gave");
        m->items[at]->place = ++m->turn;
    }
}

void model_adopt(struct model *m, const struct engine *e)
{
    struct broker_stat stat;
    engine_stat(e, &stat);
    SIM_REQUIRE(e->calls.count == m->call_count, "%zu calls, not %zu", e->calls.count, m->call_count);
    SIM_REQUIRE(stat.sessions == m->session_count, "%" PRIu64 " sessions, not %zu", stat.sessions,
                m->session_count);
    SIM_REQUIRE(stat.ready + stat.leased == m->item_count, "%" PRIu64 " items, not %zu",
                stat.ready + stat.leased, m->item_count);
    SIM_REQUIRE(e->next_item == m->next_item, "the next item is %" PRIu64 ", not %" PRIu64, e->next_item,
                m->next_item);
    for (size_t i = 0; i < m->item_count; i++)
        adopt_item(e, m->items[i]);
    for (size_t i = 0; i < m->call_count; i++)
        adopt_call(m, e, m->calls[i]);
    for (size_t i = 0; i < m->session_count; i++)
        adopt_session(m, e, m->sessions[i]);
}
