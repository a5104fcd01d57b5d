/* conversation.c - see conversation.h.
 *
 * Every exchange is in exactly one list: openings or pending (number 0), unanswered (numbered), or lost. What
 * the broker will have confirmed is never remembered across connections: a resuming hello names the numbers
 * that are still awaited, and that confirms all others. */
#include "conversation.h"

#include <string.h>

enum {
    CONFIRM_ANSWERS_MAX = 128, /* so many unconfirmed answers do not wait for a request to carry them */
    CONFIRM_PART = 4           /* nor does this part of the bytes that may be in flight: a quarter */
};

static struct exchange *exchange_of(struct list_node *node)
{
    return node ? CONTAINER_OF(node, struct exchange, node) : NULL;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

void conversation_init(struct conversation *c, struct bytes name)
{
    memset(c, 0, sizeof *c);
    c->line = LINE_DOWN;
    c->next_number = 1;
    c->name = name;
    c->window = CONVERSATION_WINDOW;
    c->in_flight_max = MQ_IN_FLIGHT_SIZE_MAX;
    list_init(&c->openings);
    list_init(&c->pending);
    list_init(&c->unanswered);
    list_init(&c->lost);
}

/* Nothing has been sent on the next connection. */
static void forget_connection(struct conversation *c)
{
    for (struct list_node *n = list_first(&c->unanswered); n; n = list_next(&c->unanswered, n))
        exchange_of(n)->sent = exchange_of(n)->cancel_sent = false;
    c->repeats_due = c->unanswered_count;
    c->cancels_due = 0;
    c->bye_sent = false;
}

void conversation_line_up(struct conversation *c, const uint8_t fresh_id[MQ_SESSION_ID_SIZE])
{
    forget_connection(c);
    c->line = LINE_SILENT;
    if (!c->established)
        memcpy(c->id, fresh_id, sizeof c->id);
}

void conversation_line_down(struct conversation *c)
{
    forget_connection(c);
    c->line = LINE_DOWN;
}

static size_t put_size(const struct request *request)
{
    size_t size = 0;
    for (size_t i = 0; i < request->put_count; i++)
        size += request->puts[i].body.size;
    return size;
}

static void exchange_init(struct exchange *x)
{
    assert(x->request.verb >= MQ_VERB_OPEN);
    x->request.number = 0;
    x->request.confirms = (struct ranges){0};
    x->node = (struct list_node){0};
    x->size = put_size(&x->request);
    x->sent = x->withdrawn = x->cancel_sent = x->again = x->reopens = x->lost = false;
}

void conversation_add(struct conversation *c, struct exchange *x)
{
    assert(!c->bye);
    exchange_init(x);
    list_append(&c->pending, &x->node);
}

void conversation_reopen(struct conversation *c, struct exchange *x)
{
    assert(x->request.verb == MQ_VERB_OPEN);
    exchange_init(x);
    x->reopens = true;
    list_append(&c->openings, &x->node);
}

bool conversation_withdraw(struct conversation *c, struct exchange *x)
{
    assert(list_has(&x->node));
    assert(!x->lost);
    if (!x->request.number) {
        list_remove(&x->node);
        return true;
    }
    if (x->withdrawn)
        return false;
    x->withdrawn = true;
    x->request = (struct request){.verb = x->request.verb,
                                  .number = x->request.number,
                                  .partial = x->request.partial,
                                  .auto_done = x->request.auto_done};
    c->cancels_due += x->sent;
    return false;
}

/* Confirmations that leave now. The list is emptied but stays readable until the next answer. */
static struct ranges take_confirms(struct conversation *c)
{
    struct ranges confirms = {.list = c->confirms, .count = c->confirm_count};
    c->confirm_count = c->confirm_answers = c->confirm_size = 0;
    c->confirm_now = false;
    return confirms;
}

static void range_append(struct range *list, size_t *count, uint64_t number)
{
    if (*count && list[*count - 1].last + 1 == number)
        list[*count - 1].last = number;
    else
        list[(*count)++] = (struct range){.first = number, .last = number};
}

static void say_hello(struct conversation *c, struct client_frame *ret)
{
    struct ranges awaited = {.list = c->awaited};
    for (struct list_node *n = list_first(&c->unanswered); n; n = list_next(&c->unanswered, n))
        range_append(c->awaited, &awaited.count, exchange_of(n)->request.number);
    (void)take_confirms(c); /* whatever is not awaited is confirmed */
    *ret = (struct client_frame){.verb = MQ_VERB_HELLO};
    ret->hello = (struct hello){.version = MQ_PROTOCOL_VERSION, .resume = c->established, .name = c->name};
    memcpy(ret->hello.id, c->id, sizeof ret->hello.id);
    if (c->established) {
        ret->hello.next_number = c->next_number;
        ret->hello.awaited = awaited;
    }
    c->line = LINE_GREETED;
}

static void send_request(struct conversation *c, struct exchange *x, struct client_frame *ret)
{
    *ret = (struct client_frame){.verb = x->request.verb, .request = x->request};
    ret->request.confirms = take_confirms(c);
    x->sent = true;
}

static void send_cancel(struct conversation *c, struct exchange *x, struct client_frame *ret)
{
    *ret = (struct client_frame){.verb = MQ_VERB_CANCEL};
    ret->request = (struct request){.verb = MQ_VERB_CANCEL, .number = x->request.number};
    ret->request.confirms = take_confirms(c);
    x->sent = x->cancel_sent = true;
}

static bool next_repeat(struct conversation *c, struct client_frame *ret)
{
    if (!c->repeats_due)
        return false;
    struct list_node *n = list_first(&c->unanswered);
    while (exchange_of(n)->sent)
        n = list_next(&c->unanswered, n);
    c->repeats_due--;
    if (exchange_of(n)->withdrawn)
        send_cancel(c, exchange_of(n), ret);
    else
        send_request(c, exchange_of(n), ret);
    return true;
}

static bool next_cancel(struct conversation *c, struct client_frame *ret)
{
    if (!c->cancels_due)
        return false;
    struct list_node *n = list_first(&c->unanswered);
    while (!exchange_of(n)->withdrawn || exchange_of(n)->cancel_sent)
        n = list_next(&c->unanswered, n);
    c->cancels_due--;
    send_cancel(c, exchange_of(n), ret);
    return true;
}

/* The first pending exchange that may go. A put without room in the window holds back later puts only. */
static struct exchange *first_to_go(const struct conversation *c)
{
    if (c->unanswered_count >= c->window)
        return NULL;
    if (!list_is_empty(&c->openings))
        return exchange_of(list_first(&c->openings));
    bool puts_are_held = false;
    for (struct list_node *n = list_first(&c->pending); n; n = list_next(&c->pending, n)) {
        struct exchange *x = exchange_of(n);
        if (x->request.verb != MQ_VERB_PUT)
            return x;
        bool fits = c->in_flight == 0 || c->in_flight + x->size <= c->in_flight_max;
        if (fits && !puts_are_held)
            return x;
        puts_are_held = true;
    }
    return NULL;
}

static int64_t time_left(uint64_t deadline_ms, uint64_t now_ms)
{
    if (deadline_ms == UINT64_MAX)
        return MQ_FOREVER_MS;
    uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    return left_ms < INT64_MAX ? (int64_t)left_ms : INT64_MAX;
}

static bool waits(enum mq_verb verb)
{
    return verb == MQ_VERB_PUT || verb == MQ_VERB_GET || verb == MQ_VERB_JOIN;
}

static bool next_new(struct conversation *c, uint64_t now_ms, struct client_frame *ret)
{
    struct exchange *x = first_to_go(c);
    if (!x)
        return false;
    list_remove(&x->node);
    list_append(&c->unanswered, &x->node);
    c->unanswered_count++;
    c->in_flight += x->size;
    x->request.number = c->next_number++;
    x->request.timeout_ms = waits(x->request.verb) ? time_left(x->deadline_ms, now_ms) : 0;
    send_request(c, x, ret);
    return true;
}

static bool next_confirm(struct conversation *c, struct client_frame *ret)
{
    if (!c->confirm_now)
        return false;
    *ret = (struct client_frame){.verb = MQ_VERB_CONFIRM, .confirms = take_confirms(c)};
    return true;
}

static bool next_bye(struct conversation *c, struct client_frame *ret)
{
    if (!c->bye || !list_is_empty(&c->openings) || !list_is_empty(&c->pending))
        return false;
    *ret = (struct client_frame){.verb = MQ_VERB_BYE, .confirms = take_confirms(c)};
    c->bye_sent = true;
    return true;
}

bool conversation_next(struct conversation *c, uint64_t now_ms, struct client_frame *ret)
{
    if (c->line == LINE_SILENT) {
        say_hello(c, ret);
        return true;
    }
    if (c->line != LINE_READY || c->bye_sent)
        return false;
    return next_repeat(c, ret) || next_cancel(c, ret) || next_new(c, now_ms, ret) || next_bye(c, ret) ||
           next_confirm(c, ret);
}

/* So that neither waiting requests nor unconfirmed answers can reach the broker's limit by themselves, and
 * half of the latter is left for requests that do not wait when waiting ones have used up their share. */
static size_t window_of(const struct welcome *welcome)
{
    size_t window = (size_t)welcome->waiting_max + welcome->unconfirmed_max / 2;
    return window ? min_size(window, CONVERSATION_WINDOW) : 1;
}

enum mq_status conversation_welcome(struct conversation *c, const struct welcome *welcome)
{
    if (c->line != LINE_GREETED)
        return MQ_INVALID;
    if (welcome->status == MQ_SESSION_LOST && !c->established)
        return MQ_INVALID;
    if (welcome->status == MQ_OK) {
        c->line = LINE_READY;
        c->established = true;
        c->window = window_of(welcome);
        c->in_flight_max = welcome->in_flight_max;
    }
    return welcome->status;
}

static void lose(struct conversation *c, struct exchange *x)
{
    list_remove(&x->node);
    list_append(&c->lost, &x->node);
    x->lost = true;
}

static bool is_about_items(enum mq_verb verb)
{
    return verb == MQ_VERB_TASK_DONE || verb == MQ_VERB_RELEASE || verb == MQ_VERB_EXTEND;
}

/* May it be asked again in another session, with nothing done twice? */
static bool may_be_asked_again(enum mq_verb verb)
{
    switch (verb) {
    case MQ_VERB_OPEN:
    case MQ_VERB_GET:
    case MQ_VERB_PEEK:
    case MQ_VERB_STAT:
    case MQ_VERB_LIST:
    case MQ_VERB_SESSIONS:
    case MQ_VERB_PING:
        return true;
    default:
        return false;
    }
}

/* A numbered exchange becomes pending again; the caller puts it into a list. */
static void unnumber(struct conversation *c, struct exchange *x)
{
    list_remove(&x->node);
    c->unanswered_count--;
    c->in_flight -= x->size;
    c->repeats_due -= !x->sent;
    c->cancels_due -= x->sent && x->withdrawn && !x->cancel_sent;
    x->request.number = 0;
    x->sent = x->cancel_sent = false;
}

void conversation_restart(struct conversation *c, const uint8_t fresh_id[MQ_SESSION_ID_SIZE])
{
    for (struct list_node *n = list_first(&c->pending), *next; n; n = next) {
        next = list_next(&c->pending, n);
        if (is_about_items(exchange_of(n)->request.verb))
            lose(c, exchange_of(n));
    }
    for (struct list_node *n = list_last(&c->unanswered), *next; n; n = next) { /* backwards, to the front */
        struct exchange *x = exchange_of(n);
        next = list_prev(&c->unanswered, n);
        if (x->withdrawn || !may_be_asked_again(x->request.verb))
            continue;
        unnumber(c, x);
        x->again = !x->reopens;
        list_prepend(x->reopens ? &c->openings : &c->pending, &x->node);
    }
    while (!list_is_empty(&c->unanswered))
        lose(c, exchange_of(list_first(&c->unanswered)));
    c->unanswered_count = c->in_flight = 0;
    (void)take_confirms(c);
    forget_connection(c);
    memcpy(c->id, fresh_id, sizeof c->id);
    c->established = false;
    c->next_number = 1;
    if (c->line != LINE_DOWN)
        c->line = LINE_SILENT;
}

struct exchange *conversation_next_lost(struct conversation *c)
{
    struct exchange *x = exchange_of(list_first(&c->lost));
    if (x)
        list_remove(&x->node);
    return x;
}

void conversation_abandon(struct conversation *c)
{
    struct list *lists[] = {&c->unanswered, &c->openings, &c->pending};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        while (!list_is_empty(lists[i]))
            lose(c, exchange_of(list_first(lists[i])));
    c->unanswered_count = c->in_flight = 0;
    forget_connection(c);
}

/* Numbers near either end are the usual case: the oldest, or the one sent last. */
struct exchange *conversation_find(const struct conversation *c, uint64_t number)
{
    struct exchange *first = exchange_of(list_first(&c->unanswered));
    struct exchange *last = exchange_of(list_last(&c->unanswered));
    if (!first || number < first->request.number || number > last->request.number)
        return NULL;
    bool forwards = number - first->request.number < last->request.number - number;
    struct list_node *n = forwards ? &first->node : &last->node;
    while (n && exchange_of(n)->request.number != number)
        n = forwards ? list_next(&c->unanswered, n) : list_prev(&c->unanswered, n);
    return exchange_of(n);
}

static void confirm(struct conversation *c, uint64_t number)
{
    size_t at = c->confirm_count; /* of the first range that begins after the number */
    while (at > 0 && c->confirms[at - 1].first > number)
        at--;
    assert(at == 0 || c->confirms[at - 1].last < number);
    bool joins_left = at > 0 && c->confirms[at - 1].last + 1 == number;
    bool joins_right = at < c->confirm_count && c->confirms[at].first == number + 1;
    size_t after = c->confirm_count - at;
    if (joins_left && joins_right) {
        c->confirms[at - 1].last = c->confirms[at].last;
        memmove(&c->confirms[at], &c->confirms[at + 1], (after - 1) * sizeof *c->confirms);
        c->confirm_count--;
    } else if (joins_left) {
        c->confirms[at - 1].last = number;
    } else if (joins_right) {
        c->confirms[at].first = number;
    } else {
        memmove(&c->confirms[at + 1], &c->confirms[at], after * sizeof *c->confirms);
        c->confirms[at] = (struct range){.first = number, .last = number};
        c->confirm_count++;
    }
    c->confirm_answers++;
}

static void confirm_answer(struct conversation *c, const struct answer *answer)
{
    confirm(c, answer->number);
    for (size_t i = 0; i < answer->item_count; i++)
        c->confirm_size += answer->items[i].body.size + answer->items[i].key.size;
    if (c->confirm_answers >= CONFIRM_ANSWERS_MAX || c->confirm_answers >= (c->window + 1) / 2 ||
        c->confirm_size >= c->in_flight_max / CONFIRM_PART)
        c->confirm_now = true;
}

/* Behind other gets that go on, before what was never sent. */
static void ask_again(struct conversation *c, struct exchange *x)
{
    struct list_node *place = list_first(&c->pending);
    while (place && exchange_of(place)->again)
        place = list_next(&c->pending, place);
    x->again = true;
    list_insert_before(place ? place : &c->pending.head, &x->node);
}

/* To confirm these items would make them done, and nobody has them. The cancel, which is sent or due, makes
 * them go back and brings another answer. */
static bool crosses_the_cancel(const struct exchange *x, const struct answer *answer)
{
    return x->withdrawn && x->request.auto_done && answer->item_count > 0;
}

struct exchange *conversation_answer(struct conversation *c, const struct answer *answer)
{
    struct exchange *x = c->line == LINE_READY ? conversation_find(c, answer->number) : NULL;
    if (!x || crosses_the_cancel(x, answer))
        return NULL;
    bool went_back =
        answer->status == MQ_SESSION_LOST || (answer->status == MQ_LEASE_LOST && answer->item_count == 0);
    confirm_answer(c, answer);
    unnumber(c, x);
    x->request.number = answer->number;
    if (x->request.verb != MQ_VERB_GET || x->withdrawn || !went_back)
        return x;
    x->request.number = 0;
    ask_again(c, x);
    return NULL;
}

bool conversation_has_confirms(const struct conversation *c)
{
    return c->confirm_count > 0;
}

void conversation_flush(struct conversation *c)
{
    c->confirm_now = c->confirm_count > 0;
}

void conversation_bye(struct conversation *c)
{
    c->bye = true;
}
