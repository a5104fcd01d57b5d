/* unit_conversation.c - the client's half of a session. Time is a number; the broker is the test. */
#include "conversation.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { EXCHANGES = 2000 };

struct desk {
    struct conversation c;
    struct exchange x[EXCHANGES];
    size_t count;
    uint64_t now_ms;
    struct client_frame frame; /* the last one sent */
    uint8_t ids;               /* fresh ids given */
};

static void fresh_id(struct desk *d, uint8_t id[MQ_SESSION_ID_SIZE])
{
    memset(id, ++d->ids, MQ_SESSION_ID_SIZE);
}

static void line_up(struct desk *d)
{
    uint8_t id[MQ_SESSION_ID_SIZE];
    fresh_id(d, id);
    conversation_line_up(&d->c, id);
    conversation_check(&d->c);
}

static bool next(struct desk *d)
{
    bool sent = conversation_next(&d->c, d->now_ms, &d->frame);
    conversation_check(&d->c);
    return sent;
}

static enum mq_status welcome(struct desk *d, enum mq_status status)
{
    struct welcome w = {.status = status,
                        .version = MQ_PROTOCOL_VERSION,
                        .waiting_max = MQ_WAITING_MAX,
                        .unconfirmed_max = MQ_UNCONFIRMED_MAX,
                        .in_flight_max = 1000};
    enum mq_status seen = conversation_welcome(&d->c, &w);
    conversation_check(&d->c);
    return seen;
}

/* Down, up, hello, welcome. */
static void reconnect(struct desk *d)
{
    conversation_line_down(&d->c);
    conversation_check(&d->c);
    line_up(d);
    CHECK(next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(welcome(d, MQ_OK), MQ_OK);
}

/* The broker has forgotten everything. */
static void restart(struct desk *d)
{
    uint8_t id[MQ_SESSION_ID_SIZE];
    conversation_line_down(&d->c);
    line_up(d);
    CHECK(next(d));
    CHECK(d->frame.hello.resume);
    CHECK_EQUAL(welcome(d, MQ_SESSION_LOST), MQ_SESSION_LOST);
    fresh_id(d, id);
    conversation_restart(&d->c, id);
    conversation_check(&d->c);
    CHECK(next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_HELLO);
    CHECK(!d->frame.hello.resume);
    CHECK_EQUAL(welcome(d, MQ_OK), MQ_OK);
}

/* A conversation without a line. Too large for the stack. */
static struct desk *desk_new(void)
{
    struct desk *d = calloc(1, sizeof *d);
    CHECK(d != NULL);
    conversation_init(&d->c, mq_bytes("test"));
    d->now_ms = 1000;
    return d;
}

static struct desk *desk_open(void)
{
    struct desk *d = desk_new();
    reconnect(d);
    return d;
}

/* The next exchange of this verb, not yet added. Deadlines are relative; MQ_FOREVER_MS: none. */
static struct exchange *prepare(struct desk *d, enum mq_verb verb, int64_t timeout_ms)
{
    CHECK(d->count < EXCHANGES);
    struct exchange *x = &d->x[d->count++];
    x->request.verb = verb;
    x->deadline_ms = timeout_ms < 0 ? UINT64_MAX : d->now_ms + (uint64_t)timeout_ms;
    return x;
}

static struct exchange *add(struct desk *d, enum mq_verb verb, int64_t timeout_ms)
{
    struct exchange *x = prepare(d, verb, timeout_ms);
    conversation_add(&d->c, x);
    conversation_check(&d->c);
    return x;
}

static struct exchange *reopen(struct desk *d)
{
    struct exchange *x = prepare(d, MQ_VERB_OPEN, 0);
    conversation_reopen(&d->c, x);
    conversation_check(&d->c);
    return x;
}

static struct exchange *add_put(struct desk *d, size_t size)
{
    static const char body[5000];
    static struct put_item items[EXCHANGES];
    struct exchange *x = prepare(d, MQ_VERB_PUT, MQ_FOREVER_MS);
    items[d->count - 1] = (struct put_item){.body = {body, size}};
    x->request.puts = &items[d->count - 1];
    x->request.put_count = 1;
    conversation_add(&d->c, x);
    conversation_check(&d->c);
    return x;
}

/* The next frame is this verb with this number. */
#define CHECK_SENDS(d, wanted, n)                                                                            \
    do {                                                                                                     \
        CHECK(next(d));                                                                                      \
        CHECK_EQUAL((d)->frame.verb, wanted);                                                                \
        CHECK_EQUAL((d)->frame.request.verb, wanted);                                                        \
        CHECK_EQUAL((d)->frame.request.number, n);                                                           \
    } while (0)

#define CHECK_RANGES(ranges, ...)                                                                            \
    do {                                                                                                     \
        const struct range wanted_ranges[] = {__VA_ARGS__};                                                  \
        CHECK_EQUAL((ranges).count, sizeof wanted_ranges / sizeof *wanted_ranges);                           \
        for (size_t range_i = 0; range_i < (ranges).count; range_i++) {                                      \
            CHECK_EQUAL((ranges).list[range_i].first, wanted_ranges[range_i].first);                         \
            CHECK_EQUAL((ranges).list[range_i].last, wanted_ranges[range_i].last);                           \
        }                                                                                                    \
    } while (0)

static struct exchange *answer_items(struct desk *d, enum mq_verb verb, uint64_t number,
                                     enum mq_status status, size_t item_count, size_t item_size)
{
    struct item_view items[8] = {{0}};
    for (size_t i = 0; i < item_count; i++)
        items[i].body.size = item_size;
    struct answer answer = {
        .verb = verb, .number = number, .status = status, .items = items, .item_count = item_count};
    struct exchange *x = conversation_answer(&d->c, &answer);
    conversation_check(&d->c);
    return x;
}

static struct exchange *answer(struct desk *d, enum mq_verb verb, uint64_t number, enum mq_status status)
{
    return answer_items(d, verb, number, status, 0, 0);
}

static struct exchange *lost(struct desk *d)
{
    struct exchange *x = conversation_next_lost(&d->c);
    conversation_check(&d->c);
    return x;
}

static void the_first_frame_of_a_connection_is_a_hello(void)
{
    struct desk *d = desk_new();
    add(d, MQ_VERB_PING, 0);
    CHECK(!next(d));
    line_up(d);
    CHECK(next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(d->frame.hello.version, MQ_PROTOCOL_VERSION);
    CHECK(!d->frame.hello.resume);
    CHECK_EQUAL(d->frame.hello.id[0], 1);
    CHECK_EQUAL(d->frame.hello.name.size, 4);
    free(d);
}

static void nothing_is_sent_between_hello_and_welcome(void)
{
    struct desk *d = desk_new();
    add(d, MQ_VERB_PING, 0);
    line_up(d);
    CHECK(next(d));
    CHECK(!next(d));
    CHECK_EQUAL(welcome(d, MQ_OK), MQ_OK);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    CHECK(!next(d));
    free(d);
}

static void each_attempt_without_a_welcome_has_its_own_id(void)
{
    struct desk *d = desk_new();
    line_up(d);
    CHECK(next(d));
    CHECK_EQUAL(d->frame.hello.id[0], 1);
    conversation_line_down(&d->c);
    line_up(d);
    CHECK(next(d));
    CHECK(!d->frame.hello.resume);
    CHECK_EQUAL(d->frame.hello.id[0], 2);
    CHECK_EQUAL(welcome(d, MQ_OK), MQ_OK);
    reconnect(d);
    CHECK(d->frame.hello.resume);
    CHECK_EQUAL(d->frame.hello.id[0], 2);
    free(d);
}

static void a_refused_hello_establishes_nothing(void)
{
    struct desk *d = desk_new();
    line_up(d);
    CHECK(next(d));
    CHECK_EQUAL(welcome(d, MQ_LIMIT), MQ_LIMIT);
    CHECK(!d->c.established);
    conversation_line_down(&d->c);
    line_up(d);
    CHECK(next(d));
    CHECK(!d->frame.hello.resume);
    CHECK_EQUAL(welcome(d, MQ_SESSION_LOST), MQ_INVALID); /* of a new session, that is nonsense */
    free(d);
}

static void a_welcome_that_nobody_asked_for_is_invalid(void)
{
    struct desk *d = desk_new();
    CHECK_EQUAL(welcome(d, MQ_OK), MQ_INVALID);
    line_up(d);
    CHECK_EQUAL(welcome(d, MQ_OK), MQ_INVALID);
    CHECK(next(d));
    CHECK_EQUAL(welcome(d, MQ_OK), MQ_OK);
    CHECK_EQUAL(welcome(d, MQ_OK), MQ_INVALID);
    free(d);
}

static void numbers_are_given_at_the_first_send_in_order(void)
{
    struct desk *d = desk_open();
    struct exchange *ping = add(d, MQ_VERB_PING, 0);
    struct exchange *get = add(d, MQ_VERB_GET, 500);
    struct exchange *put = add_put(d, 3);
    CHECK_EQUAL(ping->request.number, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    CHECK_SENDS(d, MQ_VERB_GET, 2);
    CHECK_SENDS(d, MQ_VERB_PUT, 3);
    CHECK(!next(d));
    CHECK(answer(d, MQ_VERB_PUT, 3, MQ_OK) == put);
    CHECK(answer(d, MQ_VERB_PING, 1, MQ_OK) == ping);
    CHECK(answer(d, MQ_VERB_GET, 2, MQ_EMPTY) == get);
    CHECK_EQUAL(get->request.number, 2);
    free(d);
}

static void a_request_carries_the_time_that_is_left(void)
{
    struct desk *d = desk_open();
    add(d, MQ_VERB_GET, 500);
    add(d, MQ_VERB_JOIN, 50);
    add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    add(d, MQ_VERB_STAT, 500);
    d->now_ms += 100;
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_EQUAL(d->frame.request.timeout_ms, 400);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    CHECK_EQUAL(d->frame.request.timeout_ms, 0);
    CHECK_SENDS(d, MQ_VERB_GET, 3);
    CHECK_EQUAL(d->frame.request.timeout_ms, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_STAT, 4);
    CHECK_EQUAL(d->frame.request.timeout_ms, 0);
    struct exchange *late = add(d, MQ_VERB_GET, 0);
    late->deadline_ms = UINT64_MAX - 1;
    CHECK_SENDS(d, MQ_VERB_GET, 5);
    CHECK(d->frame.request.timeout_ms == INT64_MAX);
    free(d);
}

static void an_answer_ends_its_exchange_once(void)
{
    struct desk *d = desk_open();
    struct exchange *x = add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    CHECK(answer(d, MQ_VERB_PING, 7, MQ_OK) == NULL);
    CHECK(answer(d, MQ_VERB_PING, 0, MQ_OK) == NULL);
    CHECK(answer(d, MQ_VERB_PING, 1, MQ_OK) == x);
    CHECK(answer(d, MQ_VERB_PING, 1, MQ_OK) == NULL);
    free(d);
}

static void an_answer_before_the_welcome_is_ignored(void)
{
    struct desk *d = desk_open();
    struct exchange *x = add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    conversation_line_down(&d->c);
    CHECK(answer(d, MQ_VERB_PING, 1, MQ_OK) == NULL);
    reconnect(d);
    CHECK(answer(d, MQ_VERB_PING, 1, MQ_OK) == x);
    free(d);
}

static void a_resuming_hello_lists_what_is_awaited(void)
{
    struct desk *d = desk_open();
    for (uint64_t n = 1; n <= 8; n++) {
        add(d, MQ_VERB_PING, 0);
        CHECK_SENDS(d, MQ_VERB_PING, n);
    }
    answer(d, MQ_VERB_PING, 3, MQ_OK);
    answer(d, MQ_VERB_PING, 7, MQ_OK);
    answer(d, MQ_VERB_PING, 4, MQ_OK);
    reconnect(d);
    CHECK(d->frame.hello.resume);
    CHECK_EQUAL(d->frame.hello.next_number, 9);
    CHECK_RANGES(d->frame.hello.awaited, {1, 2}, {5, 6}, {8, 8});
    free(d);
}

static void repeats_go_first_with_the_same_numbers_and_time_outs(void)
{
    struct desk *d = desk_open();
    add(d, MQ_VERB_GET, 500);
    add(d, MQ_VERB_PING, 0);
    add(d, MQ_VERB_JOIN, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_PING, 2);
    CHECK_SENDS(d, MQ_VERB_JOIN, 3);
    answer(d, MQ_VERB_PING, 2, MQ_OK);
    add(d, MQ_VERB_STAT, 0);
    d->now_ms += 300;
    reconnect(d);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_EQUAL(d->frame.request.timeout_ms, 500);
    CHECK_EQUAL(d->frame.request.confirms.count, 0);
    CHECK_SENDS(d, MQ_VERB_JOIN, 3);
    CHECK_EQUAL(d->frame.request.timeout_ms, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_STAT, 4);
    CHECK(!next(d));
    free(d);
}

static void an_answer_may_come_before_its_repeat_was_sent(void)
{
    struct desk *d = desk_open();
    struct exchange *get = add(d, MQ_VERB_GET, 500);
    add(d, MQ_VERB_JOIN, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    reconnect(d);
    CHECK(answer(d, MQ_VERB_GET, 1, MQ_OK) == get);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    CHECK_RANGES(d->frame.request.confirms, {1, 1});
    CHECK(!next(d));
    free(d);
}

static void a_request_carries_the_confirmations(void)
{
    struct desk *d = desk_open();
    for (uint64_t n = 1; n <= 6; n++) {
        add(d, MQ_VERB_PING, 0);
        CHECK_SENDS(d, MQ_VERB_PING, n);
        CHECK_EQUAL(d->frame.request.confirms.count, 0);
    }
    CHECK(!conversation_has_confirms(&d->c));
    answer(d, MQ_VERB_PING, 5, MQ_OK);
    answer(d, MQ_VERB_PING, 2, MQ_OK);
    CHECK(conversation_has_confirms(&d->c));
    CHECK(!next(d));
    add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 7);
    CHECK_RANGES(d->frame.request.confirms, {2, 2}, {5, 5});
    CHECK(!conversation_has_confirms(&d->c));
    add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 8);
    CHECK_EQUAL(d->frame.request.confirms.count, 0);
    free(d);
}

static void confirmations_of_neighbours_are_one_range(void)
{
    struct desk *d = desk_open();
    for (uint64_t n = 1; n <= 9; n++) {
        add(d, MQ_VERB_PING, 0);
        CHECK_SENDS(d, MQ_VERB_PING, n);
    }
    const uint64_t order[] = {4, 2, 8, 3, 9, 6, 7};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        CHECK(answer(d, MQ_VERB_PING, order[i], MQ_OK) != NULL);
    conversation_flush(&d->c);
    CHECK(next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_CONFIRM);
    CHECK_RANGES(d->frame.confirms, {2, 4}, {6, 9});
    CHECK(!next(d));
    free(d);
}

static void a_flush_without_confirmations_sends_nothing(void)
{
    struct desk *d = desk_open();
    conversation_flush(&d->c);
    CHECK(!next(d));
    free(d);
}

static void many_unconfirmed_answers_do_not_wait_for_a_request(void)
{
    struct desk *d = desk_open();
    for (uint64_t n = 1; n <= 200; n++) {
        add(d, MQ_VERB_PING, 0);
        CHECK_SENDS(d, MQ_VERB_PING, n);
    }
    uint64_t n = 1;
    for (; !next(d); n++)
        CHECK(answer(d, MQ_VERB_PING, n, MQ_OK) != NULL);
    CHECK_EQUAL(d->frame.verb, MQ_VERB_CONFIRM);
    CHECK_RANGES(d->frame.confirms, {1, n - 1});
    CHECK(n - 1 >= 100);
    free(d);
}

static void many_unconfirmed_bytes_do_not_wait_for_a_request(void)
{
    struct desk *d = desk_open();
    add(d, MQ_VERB_GET, 500);
    add(d, MQ_VERB_GET, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_GET, 2);
    CHECK(answer_items(d, MQ_VERB_GET, 1, MQ_OK, 2, 100) != NULL);
    CHECK(!next(d));
    CHECK(answer_items(d, MQ_VERB_GET, 2, MQ_OK, 1, 50) != NULL);
    CHECK(next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_CONFIRM);
    CHECK_RANGES(d->frame.confirms, {1, 2});
    free(d);
}

static void a_lost_confirmation_is_implied_by_the_resume(void)
{
    struct desk *d = desk_open();
    add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    answer(d, MQ_VERB_PING, 1, MQ_OK);
    reconnect(d);
    CHECK_EQUAL(d->frame.hello.next_number, 2);
    CHECK_EQUAL(d->frame.hello.awaited.count, 0);
    CHECK(!conversation_has_confirms(&d->c));
    free(d);
}

static void the_window_bounds_what_is_unanswered(void)
{
    struct desk *d = desk_open();
    for (size_t i = 0; i < CONVERSATION_WINDOW + 2; i++)
        add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    for (uint64_t n = 1; n <= CONVERSATION_WINDOW; n++)
        CHECK_SENDS(d, MQ_VERB_GET, n);
    CHECK(!next(d));
    CHECK(answer(d, MQ_VERB_GET, 9, MQ_EMPTY) != NULL);
    CHECK_SENDS(d, MQ_VERB_GET, CONVERSATION_WINDOW + 1);
    CHECK(!next(d));
    free(d);
}

static void a_small_broker_narrows_the_window(void)
{
    struct desk *d = desk_new();
    line_up(d);
    CHECK(next(d));
    struct welcome w = {.status = MQ_OK, .waiting_max = 2, .unconfirmed_max = 2, .in_flight_max = 10};
    CHECK_EQUAL(conversation_welcome(&d->c, &w), MQ_OK);
    for (size_t i = 0; i < 4; i++)
        add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    for (uint64_t n = 1; n <= 3; n++)
        CHECK_SENDS(d, MQ_VERB_GET, n);
    CHECK(!next(d));
    CHECK(answer(d, MQ_VERB_GET, 1, MQ_EMPTY) != NULL);
    CHECK(answer(d, MQ_VERB_GET, 2, MQ_EMPTY) != NULL);
    CHECK_SENDS(d, MQ_VERB_GET, 4);
    free(d);
}

static void a_put_beyond_the_bytes_in_flight_holds_back_later_puts_only(void)
{
    struct desk *d = desk_open(); /* 1000 bytes */
    add_put(d, 600);
    add_put(d, 500);
    add_put(d, 1);
    add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    CHECK_SENDS(d, MQ_VERB_PING, 2);
    CHECK(!next(d));
    add_put(d, 1);
    CHECK(!next(d));
    CHECK(answer(d, MQ_VERB_PUT, 1, MQ_OK) != NULL);
    CHECK_SENDS(d, MQ_VERB_PUT, 3);
    CHECK_EQUAL(d->frame.request.puts->body.size, 500);
    CHECK_SENDS(d, MQ_VERB_PUT, 4);
    CHECK_SENDS(d, MQ_VERB_PUT, 5);
    CHECK(!next(d));
    free(d);
}

static void a_put_larger_than_the_window_goes_when_nothing_is_in_flight(void)
{
    struct desk *d = desk_open();
    add_put(d, 1);
    add_put(d, 5000);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    CHECK(!next(d));
    CHECK(answer(d, MQ_VERB_PUT, 1, MQ_OK) != NULL);
    CHECK_SENDS(d, MQ_VERB_PUT, 2);
    add_put(d, 0);
    CHECK(!next(d));
    free(d);
}

static void what_was_withdrawn_before_it_was_sent_is_the_owners_again(void)
{
    struct desk *d = desk_open();
    struct exchange *x = add(d, MQ_VERB_GET, 500);
    CHECK(conversation_withdraw(&d->c, x));
    conversation_check(&d->c);
    CHECK(!next(d));
    add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    free(d);
}

static void what_was_withdrawn_after_it_was_sent_is_cancelled_once(void)
{
    struct desk *d = desk_open();
    struct exchange *x = add(d, MQ_VERB_GET, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK(!conversation_withdraw(&d->c, x));
    conversation_check(&d->c);
    CHECK(!conversation_withdraw(&d->c, x));
    conversation_check(&d->c);
    add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_CANCEL, 1);
    CHECK_SENDS(d, MQ_VERB_PING, 2);
    CHECK(!next(d));
    CHECK(answer(d, MQ_VERB_GET, 1, MQ_INTERRUPTED) == x);
    CHECK(x->withdrawn);
    CHECK(!next(d));
    free(d);
}

static void an_answer_that_crosses_the_cancel_ends_the_exchange(void)
{
    struct desk *d = desk_open();
    struct exchange *x = add(d, MQ_VERB_GET, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK(!conversation_withdraw(&d->c, x));
    CHECK(answer_items(d, MQ_VERB_GET, 1, MQ_OK, 1, 1) == x);
    CHECK(!next(d)); /* no cancel any more */
    free(d);
}

static void items_that_cross_the_cancel_of_an_auto_done_get_are_not_confirmed(void)
{
    struct desk *d = desk_open();
    struct exchange *x = add(d, MQ_VERB_GET, 500);
    x->request.auto_done = true;
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK(!conversation_withdraw(&d->c, x));
    CHECK(answer_items(d, MQ_VERB_GET, 1, MQ_OK, 1, 1) == NULL);
    CHECK(!conversation_has_confirms(&d->c));
    CHECK_SENDS(d, MQ_VERB_CANCEL, 1);
    CHECK(answer_items(d, MQ_VERB_GET, 1, MQ_OK, 1, 1) == NULL);
    CHECK(answer(d, MQ_VERB_GET, 1, MQ_LEASE_LOST) == x);
    CHECK(conversation_has_confirms(&d->c));
    free(d);
}

static void on_resume_a_cancel_is_sent_instead_of_the_request(void)
{
    struct desk *d = desk_open();
    struct exchange *before = add(d, MQ_VERB_GET, 500);
    add(d, MQ_VERB_JOIN, 500);
    struct exchange *while_down = add_put(d, 10);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    CHECK_SENDS(d, MQ_VERB_PUT, 3);
    CHECK(!conversation_withdraw(&d->c, before));
    CHECK_SENDS(d, MQ_VERB_CANCEL, 1);
    conversation_line_down(&d->c);
    CHECK(!conversation_withdraw(&d->c, while_down));
    reconnect(d);
    CHECK_RANGES(d->frame.hello.awaited, {1, 3});
    CHECK_SENDS(d, MQ_VERB_CANCEL, 1);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    CHECK_SENDS(d, MQ_VERB_CANCEL, 3);
    CHECK(!next(d));
    CHECK(answer(d, MQ_VERB_PUT, 3, MQ_INTERRUPTED) == while_down);
    CHECK_EQUAL(d->c.in_flight, 0);
    free(d);
}

static void a_withdrawn_put_counts_as_in_flight_until_it_is_answered(void)
{
    struct desk *d = desk_open();
    struct exchange *x = add_put(d, 900);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    CHECK(!conversation_withdraw(&d->c, x));
    CHECK_SENDS(d, MQ_VERB_CANCEL, 1);
    add_put(d, 200);
    CHECK(!next(d));
    CHECK(answer(d, MQ_VERB_PUT, 1, MQ_INTERRUPTED) == x);
    CHECK_SENDS(d, MQ_VERB_PUT, 2);
    free(d);
}

static void after_a_restart_gets_opens_and_looks_go_on_in_order(void)
{
    struct desk *d = desk_open();
    const enum mq_verb verbs[] = {MQ_VERB_GET,  MQ_VERB_OPEN,     MQ_VERB_PEEK, MQ_VERB_STAT,
                                  MQ_VERB_LIST, MQ_VERB_SESSIONS, MQ_VERB_PING};
    enum { COUNT = sizeof verbs / sizeof *verbs };
    for (size_t i = 0; i < COUNT; i++) {
        add(d, verbs[i], 500);
        CHECK_SENDS(d, verbs[i], i + 1);
    }
    add(d, MQ_VERB_PURGE, 0);
    d->now_ms += 100;
    restart(d);
    CHECK(lost(d) == NULL);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_EQUAL(d->frame.request.timeout_ms, 400);
    for (size_t i = 1; i < COUNT; i++)
        CHECK_SENDS(d, verbs[i], i + 1);
    CHECK_SENDS(d, MQ_VERB_PURGE, COUNT + 1);
    CHECK(!next(d));
    free(d);
}

static void after_a_restart_what_was_sent_and_is_not_a_look_is_lost(void)
{
    struct desk *d = desk_open();
    const enum mq_verb verbs[] = {MQ_VERB_TASK_DONE, MQ_VERB_RELEASE, MQ_VERB_EXTEND,    MQ_VERB_JOIN,
                                  MQ_VERB_SET,       MQ_VERB_REMOVE,  MQ_VERB_SHUT_DOWN, MQ_VERB_PURGE};
    enum { COUNT = sizeof verbs / sizeof *verbs };
    struct exchange *put = add_put(d, 100);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    for (size_t i = 0; i < COUNT; i++) {
        add(d, verbs[i], 500);
        CHECK_SENDS(d, verbs[i], i + 2);
    }
    restart(d);
    CHECK(lost(d) == put);
    CHECK_EQUAL(put->request.number, 1);
    for (size_t i = 0; i < COUNT; i++)
        CHECK_EQUAL(lost(d)->request.verb, verbs[i]);
    CHECK(lost(d) == NULL);
    CHECK(!next(d));
    CHECK_EQUAL(d->c.in_flight, 0);
    free(d);
}

static void after_a_restart_pending_requests_about_old_items_are_lost_unsent(void)
{
    struct desk *d = desk_open();
    conversation_line_down(&d->c);
    struct exchange *done = add(d, MQ_VERB_TASK_DONE, 0);
    add_put(d, 5);
    struct exchange *release = add(d, MQ_VERB_RELEASE, 0);
    struct exchange *extend = add(d, MQ_VERB_EXTEND, 0);
    add(d, MQ_VERB_JOIN, 10);
    restart(d);
    CHECK(lost(d) == done);
    CHECK_EQUAL(done->request.number, 0);
    CHECK(lost(d) == release);
    CHECK(lost(d) == extend);
    CHECK(lost(d) == NULL);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    CHECK(!next(d));
    free(d);
}

static void after_a_restart_a_withdrawn_get_is_lost(void)
{
    struct desk *d = desk_open();
    struct exchange *x = add(d, MQ_VERB_GET, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK(!conversation_withdraw(&d->c, x));
    restart(d);
    CHECK(lost(d) == x);
    CHECK(x->withdrawn);
    CHECK(lost(d) == NULL);
    CHECK(!next(d));
    free(d);
}

static void after_a_restart_handles_are_opened_before_anything_else(void)
{
    struct desk *d = desk_open();
    struct exchange *first = reopen(d);
    CHECK_SENDS(d, MQ_VERB_OPEN, 1);
    add(d, MQ_VERB_GET, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 2);
    add_put(d, 1);
    conversation_line_down(&d->c);
    line_up(d);
    CHECK(next(d));
    CHECK_EQUAL(welcome(d, MQ_SESSION_LOST), MQ_SESSION_LOST);
    uint8_t id[MQ_SESSION_ID_SIZE];
    fresh_id(d, id);
    conversation_restart(&d->c, id);
    struct exchange *second = reopen(d);
    CHECK(next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(welcome(d, MQ_OK), MQ_OK);
    CHECK_SENDS(d, MQ_VERB_OPEN, 1); /* one that was under way goes on, and is still first */
    CHECK_SENDS(d, MQ_VERB_OPEN, 2);
    CHECK_SENDS(d, MQ_VERB_GET, 3);
    CHECK_SENDS(d, MQ_VERB_PUT, 4);
    CHECK(answer(d, MQ_VERB_OPEN, 1, MQ_OK) == first);
    CHECK(answer(d, MQ_VERB_OPEN, 2, MQ_OK) == second);
    free(d);
}

static void after_a_restart_numbers_and_confirmations_begin_anew(void)
{
    struct desk *d = desk_open();
    add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    answer(d, MQ_VERB_PING, 1, MQ_OK);
    restart(d);
    CHECK(!conversation_has_confirms(&d->c));
    CHECK(!d->frame.hello.resume);
    CHECK_EQUAL(d->frame.hello.awaited.count, 0);
    add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    free(d);
}

static void a_get_that_the_broker_had_cancelled_is_asked_again(void)
{
    struct desk *d = desk_open();
    struct exchange *x = add(d, MQ_VERB_GET, 5000);
    struct exchange *y = add(d, MQ_VERB_GET, 5000);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_GET, 2);
    d->now_ms += 4000;
    reconnect(d);
    add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_GET, 2);
    CHECK(answer(d, MQ_VERB_GET, 1, MQ_SESSION_LOST) == NULL);
    CHECK(answer(d, MQ_VERB_GET, 2, MQ_SESSION_LOST) == NULL);
    CHECK_SENDS(d, MQ_VERB_GET, 3); /* before what was never sent, in their old order */
    CHECK_EQUAL(d->frame.request.timeout_ms, 1000);
    CHECK_RANGES(d->frame.request.confirms, {1, 2});
    CHECK_SENDS(d, MQ_VERB_GET, 4);
    CHECK_SENDS(d, MQ_VERB_PING, 5);
    CHECK(answer(d, MQ_VERB_GET, 3, MQ_OK) == x);
    CHECK(answer(d, MQ_VERB_GET, 4, MQ_EMPTY) == y);
    free(d);
}

static void a_get_whose_items_all_went_back_is_asked_again(void)
{
    struct desk *d = desk_open();
    struct exchange *x = add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    struct exchange *y = add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_GET, 2);
    reconnect(d);
    CHECK(answer(d, MQ_VERB_GET, 1, MQ_LEASE_LOST) == NULL);
    CHECK(answer_items(d, MQ_VERB_GET, 2, MQ_LEASE_LOST, 1, 5) == y); /* some are still ours */
    CHECK_SENDS(d, MQ_VERB_GET, 3);
    CHECK(!next(d));
    CHECK(answer(d, MQ_VERB_GET, 3, MQ_OK) == x);
    free(d);
}

static void a_withdrawn_get_is_not_asked_again(void)
{
    struct desk *d = desk_open();
    struct exchange *x = add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK(!conversation_withdraw(&d->c, x));
    CHECK_SENDS(d, MQ_VERB_CANCEL, 1);
    CHECK(answer(d, MQ_VERB_GET, 1, MQ_SESSION_LOST) == x);
    CHECK(!next(d));
    free(d);
}

static void a_get_that_goes_on_may_be_withdrawn(void)
{
    struct desk *d = desk_open();
    struct exchange *x = add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    reconnect(d);
    CHECK(answer(d, MQ_VERB_GET, 1, MQ_SESSION_LOST) == NULL);
    CHECK(conversation_withdraw(&d->c, x));
    CHECK(!next(d));
    free(d);
}

static void other_requests_that_were_cancelled_are_the_users_to_judge(void)
{
    struct desk *d = desk_open();
    struct exchange *put = add_put(d, 1);
    struct exchange *join = add(d, MQ_VERB_JOIN, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    reconnect(d);
    CHECK(answer(d, MQ_VERB_PUT, 1, MQ_SESSION_LOST) == put);
    CHECK(answer(d, MQ_VERB_JOIN, 2, MQ_SESSION_LOST) == join);
    free(d);
}

static void the_bye_comes_after_all_that_is_pending_and_nothing_after_it(void)
{
    struct desk *d = desk_open();
    add_put(d, 600);
    add_put(d, 600);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    conversation_bye(&d->c);
    CHECK(!next(d));
    CHECK(answer(d, MQ_VERB_PUT, 1, MQ_OK) != NULL);
    CHECK_SENDS(d, MQ_VERB_PUT, 2);
    CHECK(answer(d, MQ_VERB_PUT, 2, MQ_OK) != NULL);
    CHECK(next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_BYE);
    CHECK_RANGES(d->frame.confirms, {2, 2});
    CHECK(!next(d));
    free(d);
}

static void a_bye_that_may_be_lost_is_said_again(void)
{
    struct desk *d = desk_open();
    conversation_bye(&d->c);
    CHECK(next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_BYE);
    reconnect(d);
    CHECK(next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_BYE);
    CHECK(!next(d));
    free(d);
}

static void an_abandoned_conversation_gives_all_exchanges_back(void)
{
    struct desk *d = desk_open();
    struct exchange *get = add(d, MQ_VERB_GET, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    struct exchange *put = add_put(d, 5);
    struct exchange *open = reopen(d);
    conversation_abandon(&d->c);
    conversation_check(&d->c);
    CHECK(lost(d) == get);
    CHECK(lost(d) == open);
    CHECK(lost(d) == put);
    CHECK(lost(d) == NULL);
    CHECK(!next(d));
    free(d);
}

static const struct unit_test tests[] = {
    UNIT(the_first_frame_of_a_connection_is_a_hello),
    UNIT(nothing_is_sent_between_hello_and_welcome),
    UNIT(each_attempt_without_a_welcome_has_its_own_id),
    UNIT(a_refused_hello_establishes_nothing),
    UNIT(a_welcome_that_nobody_asked_for_is_invalid),
    UNIT(numbers_are_given_at_the_first_send_in_order),
    UNIT(a_request_carries_the_time_that_is_left),
    UNIT(an_answer_ends_its_exchange_once),
    UNIT(an_answer_before_the_welcome_is_ignored),
    UNIT(a_resuming_hello_lists_what_is_awaited),
    UNIT(repeats_go_first_with_the_same_numbers_and_time_outs),
    UNIT(an_answer_may_come_before_its_repeat_was_sent),
    UNIT(a_request_carries_the_confirmations),
    UNIT(confirmations_of_neighbours_are_one_range),
    UNIT(a_flush_without_confirmations_sends_nothing),
    UNIT(many_unconfirmed_answers_do_not_wait_for_a_request),
    UNIT(many_unconfirmed_bytes_do_not_wait_for_a_request),
    UNIT(a_lost_confirmation_is_implied_by_the_resume),
    UNIT(the_window_bounds_what_is_unanswered),
    UNIT(a_small_broker_narrows_the_window),
    UNIT(a_put_beyond_the_bytes_in_flight_holds_back_later_puts_only),
    UNIT(a_put_larger_than_the_window_goes_when_nothing_is_in_flight),
    UNIT(what_was_withdrawn_before_it_was_sent_is_the_owners_again),
    UNIT(what_was_withdrawn_after_it_was_sent_is_cancelled_once),
    UNIT(an_answer_that_crosses_the_cancel_ends_the_exchange),
    UNIT(items_that_cross_the_cancel_of_an_auto_done_get_are_not_confirmed),
    UNIT(on_resume_a_cancel_is_sent_instead_of_the_request),
    UNIT(a_withdrawn_put_counts_as_in_flight_until_it_is_answered),
    UNIT(after_a_restart_gets_opens_and_looks_go_on_in_order),
    UNIT(after_a_restart_what_was_sent_and_is_not_a_look_is_lost),
    UNIT(after_a_restart_pending_requests_about_old_items_are_lost_unsent),
    UNIT(after_a_restart_a_withdrawn_get_is_lost),
    UNIT(after_a_restart_handles_are_opened_before_anything_else),
    UNIT(after_a_restart_numbers_and_confirmations_begin_anew),
    UNIT(a_get_that_the_broker_had_cancelled_is_asked_again),
    UNIT(a_get_whose_items_all_went_back_is_asked_again),
    UNIT(a_withdrawn_get_is_not_asked_again),
    UNIT(a_get_that_goes_on_may_be_withdrawn),
    UNIT(other_requests_that_were_cancelled_are_the_users_to_judge),
    UNIT(the_bye_comes_after_all_that_is_pending_and_nothing_after_it),
    UNIT(a_bye_that_may_be_lost_is_said_again),
    UNIT(an_abandoned_conversation_gives_all_exchanges_back),
};

int main(void)
{
    return unit_run("conversation", tests, sizeof tests / sizeof *tests);
}
