/* engine_request.c - requests on their way in: numbers, what holds for all verbs, and which function each
 * verb has. */
#include "engine_state.h"

/* What a request of some verb has, and how it is to be checked before the verb's own function sees it. */
enum {
    HAS_QUEUE = 1 << 0,      /* a queue's name */
    MAY_HAVE_QUEUE = 1 << 1, /* ... or none */
    HAS_ITEMS = 1 << 2,      /* put */
    HAS_IDS = 1 << 3,        /* of leased items */
    HAS_MAX = 1 << 4,        /* a number of items or rows wanted */
    GIVES_ROWS = 1 << 5,     /* an answer that may be large and is no lease */
    NEEDS_LOG = 1 << 6       /* is refused when nothing can be written down any more */
};

struct verb_rule {
    void (*submit)(struct engine *e, struct call *call, const struct request *req);
    unsigned flags;
};

static const struct verb_rule verb_rules[] = {
    [MQ_VERB_OPEN] = {open_submit, HAS_QUEUE | NEEDS_LOG},
    [MQ_VERB_SET] = {set_submit, HAS_QUEUE | NEEDS_LOG},
    [MQ_VERB_REMOVE] = {remove_submit, HAS_QUEUE | NEEDS_LOG},
    [MQ_VERB_PUT] = {put_submit, HAS_QUEUE | HAS_ITEMS | NEEDS_LOG},
    [MQ_VERB_GET] = {get_submit, HAS_QUEUE | HAS_MAX | NEEDS_LOG},
    [MQ_VERB_TASK_DONE] = {lease_submit, HAS_IDS | NEEDS_LOG},
    [MQ_VERB_RELEASE] = {lease_submit, HAS_IDS | NEEDS_LOG},
    [MQ_VERB_EXTEND] = {lease_submit, HAS_IDS | NEEDS_LOG},
    [MQ_VERB_JOIN] = {join_submit, HAS_QUEUE | NEEDS_LOG},
    [MQ_VERB_SHUT_DOWN] = {shut_down_submit, HAS_QUEUE | NEEDS_LOG},
    [MQ_VERB_PURGE] = {purge_submit, HAS_QUEUE | NEEDS_LOG},
    [MQ_VERB_PEEK] = {peek_submit, HAS_QUEUE | HAS_MAX | GIVES_ROWS},
    [MQ_VERB_STAT] = {stat_submit, MAY_HAVE_QUEUE},
    [MQ_VERB_LIST] = {list_submit, MAY_HAVE_QUEUE | HAS_MAX | GIVES_ROWS},
    [MQ_VERB_SESSIONS] = {sessions_submit, HAS_MAX | GIVES_ROWS},
    [MQ_VERB_PING] = {ping_submit, 0},
};

/* NULL: no such verb. */
static const struct verb_rule *rule_of(enum mq_verb verb)
{
    size_t count = sizeof verb_rules / sizeof *verb_rules;
    return (size_t)verb < count && verb_rules[verb].submit ? &verb_rules[verb] : NULL;
}

static bool is_count(const struct engine *e, size_t count)
{
    return count > 0 && count <= e->options.items_max;
}

static bool has_bad_name(const struct request *req, unsigned flags)
{
    if ((flags & MAY_HAVE_QUEUE) && req->queue.size == 0)
        return false;
    return (flags & (HAS_QUEUE | MAY_HAVE_QUEUE)) && !mq_name_is_valid(req->queue);
}

/* What is wrong with the request whatever the state of things; NULL: nothing. */
static const char *bad_request(const struct engine *e, const struct request *req, unsigned flags)
{
    if (req->timeout_ms < MQ_FOREVER_MS)
        return "time-out";
    if (has_bad_name(req, flags))
        return "queue name";
    if ((flags & HAS_ITEMS) && !is_count(e, req->put_count))
        return "number of items";
    if ((flags & HAS_MAX) && req->max == 0)
        return "max";
    if (req->verb == MQ_VERB_GET && !is_count(e, req->max))
        return "number of items";
    if ((flags & HAS_IDS) && !is_count(e, req->id_count))
        return "number of ids";
    if (req->by_id && req->last)
        return "last";
    if (req->leased && !req->by_id)
        return "leased";
    if (req->verb == MQ_VERB_EXTEND && req->lease_ms < 0)
        return "lease";
    return NULL;
}

static void start(struct engine *e, struct call *call, const struct request *req)
{
    const struct verb_rule *rule = rule_of(req->verb);
    const char *bad = rule ? bad_request(e, req, rule->flags) : NULL;
    if (req->verb == MQ_VERB_CANCEL)
        call_answer(e, call, MQ_INTERRUPTED, NULL);
    else if (!rule)
        call_answer(e, call, MQ_UNSUPPORTED, "verb");
    else if (bad)
        call_answer(e, call, MQ_INVALID, bad);
    else if ((rule->flags & NEEDS_LOG) && e->failure)
        call_answer(e, call, MQ_TEMPORARY, e->failure);
    else if ((rule->flags & GIVES_ROWS) && !get_has_credit(e, call->session))
        call_answer(e, call, MQ_LIMIT, "bytes in flight");
    else
        rule->submit(e, call, req);
}

/* A put that a restart has cut off goes on behind the items that it has stored. */
static enum mq_status go_on(struct engine *e, struct call *call, const struct request *req,
                            const char **ret_why)
{
    struct request rest = *req;
    rest.puts += call->count;
    rest.put_count -= call->count;
    if (!note_reserve(e, &rest)) {
        *ret_why = "out of memory";
        return MQ_TEMPORARY;
    }
    call_go_on(e, call);
    start(e, call, &rest);
    return MQ_OK;
}

static bool is_unwanted(const struct call *call, const struct request *req)
{
    return req->verb == MQ_VERB_CANCEL && call->auto_done && !list_is_empty(&call->leases);
}

/* The answer is given again; one that was withdrawn, without its items. */
static enum mq_status answer_again(struct engine *e, struct call *call, const struct request *req,
                                   const char **ret_why)
{
    if (call->is_cut && req->verb == MQ_VERB_CANCEL)
        call->status = MQ_INTERRUPTED;
    call->is_cut = false;
    if (is_unwanted(call, req)) {
        if (e->failure)
            return MQ_OK; /* that they went back could not be written down: nothing can be said */
        if (!note_reserve_runs(e, call->max)) {
            *ret_why = "out of memory";
            return MQ_TEMPORARY;
        }
        call_take_back(e, call);
    }
    e->repeats += req->verb != MQ_VERB_CANCEL;
    call_send(e, call);
    return MQ_OK;
}

/* A queue that was made again under the name is another one. */
static bool is_its_queue_there(const struct engine *e, const struct call *call, const struct request *req)
{
    const struct queue *q = queue_find(e, req->queue);
    return call->cut_queue == 0 || (q && q->number == call->cut_queue);
}

/* A number seen before changes nothing: its answer is given again, or is still to come. A cancel ends the
 * wait. */
static enum mq_status repeat(struct engine *e, struct call *call, const struct request *req,
                             const char **ret_why)
{
    if (call->waits && req->verb == MQ_VERB_CANCEL)
        call_answer(e, call, MQ_INTERRUPTED, NULL);
    if (call->waits)
        return MQ_OK;
    bool is_again = call->is_cut && req->verb == MQ_VERB_PUT && req->put_count == call->total;
    if (is_again && is_its_queue_there(e, call, req))
        return go_on(e, call, req, ret_why);
    if (is_again)
        call->status = MQ_NO_QUEUE;
    return answer_again(e, call, req, ret_why);
}

/* A client that reads what it is sent and confirms it comes nowhere near these bounds. */
static bool is_overdrawn(const struct engine *e, const struct session *s)
{
    uint64_t most = (uint64_t)e->options.waiting_max + e->options.unconfirmed_max;
    uint64_t most_size = 2 * ((uint64_t)e->options.in_flight_max + e->options.frame_max);
    return (uint64_t)s->waiting + s->unconfirmed >= most || s->unconfirmed_size >= most_size ||
           call_crowds_out(e, s);
}

/* Numbers count up by one. After a restart, some may be left out: they had been answered. */
static bool is_out_of_turn(const struct session *s, uint64_t number)
{
    return number == 0 || number == UINT64_MAX || (number > s->next_number && number > s->unsure_until);
}

/* After a restart: does this number ask again for what nothing is known of? */
static bool is_unsure(const struct session *s, uint64_t number)
{
    return number >= s->unsure_from && number < s->unsure_until;
}

static enum mq_status accept_new(struct engine *e, struct session *s, const struct request *req,
                                 const char **ret_why)
{
    if (is_overdrawn(e, s)) {
        *ret_why = "too many unconfirmed answers";
        return MQ_LIMIT;
    }
    struct call *call = note_reserve(e, req) ? call_new(e, s, req) : NULL;
    if (!call) {
        *ret_why = "out of memory";
        return MQ_TEMPORARY;
    }
    if (req->number >= s->next_number)
        s->next_number = req->number + 1;
    start(e, call, req);
    return MQ_OK;
}

static enum mq_status accept(struct engine *e, struct session *s, const struct request *req,
                             const char **ret_why)
{
    if (is_out_of_turn(s, req->number)) {
        *ret_why = "request number out of turn";
        return MQ_INVALID;
    }
    bool is_new = req->number >= s->next_number, may_start = is_new || is_unsure(s, req->number);
    struct call *call = is_new ? NULL : call_find(e, s, req->number);
    if (is_unsure(s, req->number))
        s->unsure_from = req->number + 1;
    if (call)
        return repeat(e, call, req, ret_why);
    return may_start ? accept_new(e, s, req, ret_why) : MQ_OK; /* OK: its answer has arrived */
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
