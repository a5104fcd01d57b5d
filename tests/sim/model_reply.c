/* model_reply.c - each of the engine's replies is compared with the one that is due. */
#include "model_parts.h"
#include "sim.h"

#include <inttypes.h>
#include <string.h>

static void compare_items(const struct model *m, const struct model_call *call, const struct answer *answer)
{
    const struct model_item *item = NULL;
    for (size_t i = 0; i < answer->item_count; i++) {
        const struct item_view *view = &answer->items[i];
        item = model_next_taken(m, call, item ? item->taken : 0);
        SIM_REQUIRE(item, "a get gives more than there is");
        const struct tag *tag = sim_tag(item->tag);
        SIM_REQUIRE(!tag->is_told_done || tag->is_lost, "item %" PRIu64 " is handed out, but was done",
                    item->id);
        SIM_REQUIRE(call->is_urgent || item->group <= m->safe, "item %" PRIu64 " is told of, but not safe",
                    item->id);
        SIM_REQUIRE(view->id == item->id, "a get gives item %" PRIu64 ", not %" PRIu64, view->id, item->id);
        SIM_REQUIRE(view->deliveries == item->deliveries, "item %" PRIu64 " has deliveries %u, not %u",
                    item->id, view->deliveries, item->deliveries);
        SIM_REQUIRE(view->body.size == item->size && memcmp(view->body.data, &item->tag, TAG_SIZE) == 0,
                    "item %" PRIu64 " has another body", item->id);
        SIM_REQUIRE(view->key.size == item->key_size &&
                        (!item->key_size || memcmp(view->key.data, item->key, item->key_size) == 0),
                    "item %" PRIu64 " has another key", item->id);
    }
    item = model_next_taken(m, call, item ? item->taken : 0);
    SIM_REQUIRE(!item, "a get does not give item %" PRIu64, item->id);
    SIM_REQUIRE(answer->lease_ms == call->lease_ms, "a lease of %" PRId64 " ms", answer->lease_ms);
}

static void compare_ids(const struct model_call *call, const struct answer *answer)
{
    uint64_t count = 0;
    for (size_t i = 0; i < answer->id_range_count; i++)
        for (uint64_t id = answer->ids[i].first; id <= answer->ids[i].last; id++, count++)
            SIM_REQUIRE(count < call->count && id == call->ids[count], "a put has id %" PRIu64 " stored", id);
    SIM_REQUIRE(count == call->count, "a put gives %" PRIu64 " ids, not %" PRIu64, count, call->count);
}

static void compare_refusals(const struct model_call *call, const struct answer *answer)
{
    SIM_REQUIRE(answer->refusal_count == call->refusal_count, "%zu refusals, not %zu", answer->refusal_count,
                call->refusal_count);
    for (size_t i = 0; i < call->refusal_count; i++)
        SIM_REQUIRE(answer->refusals[i].id == call->refusals[i].id &&
                        answer->refusals[i].status == call->refusals[i].status,
                    "refusal of %" PRIu64 ": %s", answer->refusals[i].id,
                    mq_status_name(answer->refusals[i].status));
}

/* Answers leave in the order of their decisions, when all that they depend on is safe. */
static void require_its_turn(const struct model *m, const struct model_call *call)
{
    const char *verb = mq_verb_name(call->verb);
    if (call->is_urgent)
        return;
    SIM_REQUIRE(call->needs <= m->safe,
                "%s %" PRIu64 " is answered before group %" PRIu64 " is safe, up to %" PRIu64 " are", verb,
                call->number, call->needs, m->safe);
    for (size_t i = 0; i < m->call_count; i++)
        SIM_REQUIRE(!m->calls[i]->is_owed || m->calls[i]->is_urgent || m->calls[i]->owed >= call->owed,
                    "%s %" PRIu64 " overtakes %" PRIu64, verb, call->number, m->calls[i]->number);
}

uint64_t model_reply(struct model *m, const void *peer, const struct answer *answer)
{
    const struct model_session *s = model_session_of(m, peer);
    struct model_call *call = model_call(m, s, answer->number);
    SIM_REQUIRE(call, "an answer to %" PRIu64 ", which nobody asked", answer->number);
    const char *verb = mq_verb_name(call->verb);
    SIM_REQUIRE(call->is_owed, "%s %" PRIu64 " of session %" PRIu64 " is answered %s, out of turn", verb,
                call->number, s->number, mq_status_name(answer->status));
    require_its_turn(m, call);
    enum mq_status status = call->status;
    if (call->verb == MQ_VERB_GET && status == MQ_OK && !model_next_taken(m, call, 0))
        status = MQ_LEASE_LOST;
    SIM_REQUIRE(answer->status == status && answer->verb == call->verb,
                "%s %" PRIu64 " is answered %s, not %s", verb, call->number, mq_status_name(answer->status),
                mq_status_name(status));
    SIM_REQUIRE(answer->count == call->count, "%s %" PRIu64 " has count %" PRIu64 ", not %" PRIu64, verb,
                call->number, answer->count, call->count);
    if (call->verb == MQ_VERB_GET)
        compare_items(m, call, answer);
    if (call->verb == MQ_VERB_PUT)
        compare_ids(call, answer);
    compare_refusals(call, answer);
    if (call->look)
        model_compare_look(call, answer);
    call->is_owed = false;
    return call->is_urgent ? 0 : call->needs;
}

/* Nothing may leave behind an answer that must wait. */
static uint64_t first_unsafe(const struct model *m)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < m->call_count; i++) {
        const struct model_call *call = m->calls[i];
        if (call->is_owed && !call->is_urgent && call->needs > m->safe && call->owed < first)
            first = call->owed;
    }
    return first;
}

void model_settled(const struct model *m)
{
    uint64_t first = first_unsafe(m);
    for (size_t i = 0; i < m->call_count; i++) {
        const struct model_call *call = m->calls[i];
        bool may_wait = !call->is_urgent && call->owed >= first;
        SIM_REQUIRE(!call->is_owed || may_wait, "%s %" PRIu64 " of session %" PRIu64 " should be answered %s",
                    mq_verb_name(call->verb), call->number, call->session->number,
                    mq_status_name(call->status));
    }
}
