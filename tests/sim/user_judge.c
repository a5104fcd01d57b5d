/* user_judge.c - what a user makes of an answer: is it one that it may get, and does it fit what it knows? */
#include "user.h"

#include <inttypes.h>
#include <string.h>

static uint8_t body_byte(uint64_t tag, size_t i)
{
    return (uint8_t)(tag * 31 + i * 7 + 1);
}

void body_fill(uint8_t *body, size_t size, uint64_t tag)
{
    memcpy(body, &tag, sizeof tag);
    for (size_t i = sizeof tag; i < size; i++)
        body[i] = body_byte(tag, i);
}

static uint64_t body_read(struct bytes body)
{
    uint64_t tag;
    SIM_REQUIRE(body.size >= sizeof tag, "a body of %zu bytes", body.size);
    memcpy(&tag, body.data, sizeof tag);
    for (size_t i = sizeof tag; i < body.size; i++)
        SIM_REQUIRE(((const uint8_t *)body.data)[i] == body_byte(tag, i), "item %" PRIu64 " came out changed",
                    tag);
    return tag;
}

/* EMPTY, FULL and TIMED_OUT are never early. */
static void judge_time(const struct op *op, enum mq_status status)
{
    bool is_timeout = status == MQ_EMPTY || status == MQ_FULL || status == MQ_TIMED_OUT;
    SIM_REQUIRE(!is_timeout || op->x.deadline_ms <= sim.now_ms, "%s %" PRIu64 " ms early",
                mq_status_name(status), op->x.deadline_ms - sim.now_ms);
}

static void judge_put(const struct op *op, const struct answer *answer)
{
    size_t item_count = op->item_count;
    SIM_REQUIRE(answer->count <= item_count, "more is stored than was put");
    SIM_REQUIRE(answer->status != MQ_OK || answer->count == item_count ||
                    (op->x.request.partial && answer->count > 0),
                "a put is OK, but not whole");
    for (size_t i = 0; i < item_count; i++) {
        struct tag *tag = sim_tag(op->tags[i]);
        bool is_stored = i < answer->count;
        SIM_REQUIRE(tag->is_stored == is_stored || tag->is_lost, "item %" PRIu64 " is %s", op->tags[i],
                    is_stored ? "said to be stored" : "stored, but nobody is told");
        tag->is_final = true;
    }
}

static void judge_item(struct user *u, const struct op *op, const struct item_view *item, bool is_kept)
{
    uint64_t number = body_read(item->body);
    struct tag *tag = sim_tag(number);
    SIM_REQUIRE(tag->is_stored || tag->is_lost, "item %" PRIu64 " comes out, but never went in", number);
    SIM_REQUIRE(tag->queue == op->queue, "item %" PRIu64 " comes out of another queue", number);
    SIM_REQUIRE(item->deliveries >= 1, "an item never delivered is here");
    tag->is_received = true;
    if (!is_kept)
        return;
    for (size_t i = 0; i < u->held_count; i++)
        SIM_REQUIRE(u->held[i].id != item->id || u->held[i].tag == number, "two items have one id");
    user_hold(u, (struct held){item->id, number, op->queue});
}

static void judge_get(struct user *u, const struct op *op, const struct answer *answer, bool withdrawn)
{
    struct held unwanted[256];
    size_t count = 0;
    SIM_REQUIRE(answer->status == MQ_OK || answer->item_count == 0 || answer->status == MQ_LEASE_LOST,
                "a get brings items and %s", mq_status_name(answer->status));
    SIM_REQUIRE(answer->status != MQ_OK || answer->item_count > 0, "a get is OK, but brings nothing");
    SIM_REQUIRE(withdrawn || answer->status != MQ_SESSION_LOST, "a get is told that its session is lost");
    for (size_t i = 0; i < answer->item_count; i++) {
        bool auto_done = op->x.request.auto_done;
        SIM_REQUIRE(!withdrawn || !auto_done, "a withdrawn get brings items that count as received");
        judge_item(u, op, &answer->items[i], !withdrawn && !auto_done);
        if (withdrawn && count < sizeof unwanted / sizeof *unwanted)
            unwanted[count++] =
                (struct held){answer->items[i].id, body_read(answer->items[i].body), op->queue};
    }
    if (count)
        ask_give_back(u, unwanted, count);
}

static bool is_refused(const struct answer *answer, uint64_t id)
{
    for (size_t i = 0; i < answer->refusal_count; i++)
        if (answer->refusals[i].id == id)
            return true;
    return false;
}

/* From now on nobody may see these items again. */
static void judge_done(const struct op *op, const struct answer *answer)
{
    bool is_done = answer->status == MQ_OK || answer->refusal_count > 0;
    for (size_t i = 0; is_done && i < op->gone_count; i++)
        if (!is_refused(answer, op->gone[i].id))
            sim_tag(op->gone[i].tag)->is_told_done = true;
}

static void keep_holding(struct user *u, const struct op *op)
{
    for (size_t i = 0; i < op->gone_count; i++)
        user_hold(u, op->gone[i]);
}

void judge_answer(struct user *u, struct op *op, const struct answer *answer)
{
    const struct request *req = &op->x.request;
    sim_say("user %zu: %s %" PRIu64 " ends %s", user_number(u), mq_verb_name(req->verb), answer->number,
            mq_status_name(answer->status));
    SIM_REQUIRE(answer->verb == req->verb || (op->x.withdrawn && answer->verb == MQ_VERB_CANCEL),
                "%s is answered as %s", mq_verb_name(req->verb), mq_verb_name(answer->verb));
    SIM_REQUIRE(answer->status != MQ_INTERRUPTED || op->x.withdrawn, "interrupted by nobody");
    judge_time(op, answer->status);
    if (req->verb == MQ_VERB_PUT)
        judge_put(op, answer);
    if (req->verb == MQ_VERB_GET)
        judge_get(u, op, answer, op->x.withdrawn);
    if (answer->verb == MQ_VERB_TASK_DONE)
        judge_done(op, answer);
    if (req->verb == MQ_VERB_OPEN && answer->status == MQ_OK && !op->x.withdrawn && !op->x.reopens)
        u->handles[op->queue] = (struct handle){true, req->settings};
    if (answer->status == MQ_INTERRUPTED || answer->status == MQ_INVALID || answer->status == MQ_TEMPORARY)
        keep_holding(u, op);
    size_t queue = op->queue;
    op_free(u, op);
    ask_repair(u, queue, answer->status);
}

/* Nothing of it happened, and nothing ever will. */
void judge_unsent(struct user *u, struct op *op)
{
    keep_holding(u, op);
    for (size_t i = 0; i < op->item_count; i++) {
        SIM_REQUIRE(!sim_tag(op->tags[i])->is_stored, "item %" PRIu64 " was stored, but never sent",
                    op->tags[i]);
        sim_tag(op->tags[i])->is_final = true;
    }
}

/* Its session is lost: perhaps it happened, but it will not happen any more. */
void judge_lost(struct user *u, struct op *op)
{
    sim_say("user %zu: %s %" PRIu64 " is lost", user_number(u), mq_verb_name(op->x.request.verb),
            op->x.request.number);
    if (op->x.request.number == 0)
        judge_unsent(u, op);
    for (size_t i = 0; i < op->item_count; i++)
        sim_tag(op->tags[i])->is_final = true;
    op_free(u, op);
}
