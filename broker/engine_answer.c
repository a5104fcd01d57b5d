/* engine_answer.c - answers on their way out: what a call knows, as the struct that the codec takes.
 *
 * A get's answer is made of the leases that are still held: what went back meanwhile is left out, each time
 * it is sent. */
#include "engine_state.h"

static void view_items(struct engine *e, const struct call *call, struct answer *answer)
{
    size_t count = 0;
    for (struct list_node *n = list_first(&call->leases); n; n = list_next(&call->leases, n)) {
        const struct item *item = CONTAINER_OF(n, struct lease, of_call)->item;
        item_fetch_body(item); /* the encoder comes for all of them soon */
        e->views[count++] = (struct item_view){
            .id = item->id, .deliveries = item->deliveries, .body = item_body(item), .key = item_key(item)};
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
        .newest = call->newest,
        .lease_ms = call->lease_ms,
        .refusals = call->refusals,
        .refusal_count = call->refusal_count,
    };
    if (call->verb == MQ_VERB_GET)
        view_items(e, call, answer);
    else if (call->rows)
        view_rows(call, answer);
}

static struct call *next_to_leave(struct engine *e, uint64_t safe)
{
    struct list_node *node = list_first(&e->urgent);
    e->safe = safe;
    if (node)
        return CONTAINER_OF(node, struct call, of_outbox);
    node = list_first(&e->outbox);
    if (!node)
        return NULL;
    struct call *call = CONTAINER_OF(node, struct call, of_outbox);
    return call->position <= safe ? call : NULL;
}

bool engine_next_reply(struct engine *e, uint64_t safe, void **ret_peer, struct answer *ret_answer)
{
    struct call *call = next_to_leave(e, safe);
    if (!call)
        return false;
    list_remove(&call->of_outbox);
    assert(call->session->peer);
    *ret_peer = call->session->peer;
    describe_answer(e, call, ret_answer);
    return true;
}
