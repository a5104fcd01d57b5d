/* unit_conversation.c - the client's half of a session: hello, numbers, repeats, confirmations. Time is a
 * number; the broker is the test. */
#include "desk.h"

#include <stdlib.h>
#include <string.h>

static void the_first_frame_of_a_connection_is_a_hello(void)
{
    struct desk *d = desk_new();
    desk_add(d, MQ_VERB_PING, 0);
    CHECK(!desk_next(d));
    desk_line_up(d);
    CHECK(desk_next(d));
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
    desk_add(d, MQ_VERB_PING, 0);
    desk_line_up(d);
    CHECK(desk_next(d));
    CHECK(!desk_next(d));
    CHECK_EQUAL(desk_welcome(d, MQ_OK), MQ_OK);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    CHECK(!desk_next(d));
    free(d);
}

static void each_attempt_without_a_welcome_has_its_own_id(void)
{
    struct desk *d = desk_new();
    desk_line_up(d);
    CHECK(desk_next(d));
    CHECK_EQUAL(d->frame.hello.id[0], 1);
    conversation_line_down(&d->c);
    desk_line_up(d);
    CHECK(desk_next(d));
    CHECK(!d->frame.hello.resume);
    CHECK_EQUAL(d->frame.hello.id[0], 2);
    CHECK_EQUAL(desk_welcome(d, MQ_OK), MQ_OK);
    desk_reconnect(d);
    CHECK(d->frame.hello.resume);
    CHECK_EQUAL(d->frame.hello.id[0], 2);
    free(d);
}

static void a_refused_hello_establishes_nothing(void)
{
    struct desk *d = desk_new();
    desk_line_up(d);
    CHECK(desk_next(d));
    CHECK_EQUAL(desk_welcome(d, MQ_LIMIT), MQ_LIMIT);
    CHECK(!d->c.established);
    conversation_line_down(&d->c);
    desk_line_up(d);
    CHECK(desk_next(d));
    CHECK(!d->frame.hello.resume);
    CHECK_EQUAL(desk_welcome(d, MQ_SESSION_LOST), MQ_INVALID); /* of a new session, that is nonsense */
    free(d);
}

static void a_welcome_that_nobody_asked_for_is_invalid(void)
{
    struct desk *d = desk_new();
    CHECK_EQUAL(desk_welcome(d, MQ_OK), MQ_INVALID);
    desk_line_up(d);
    CHECK_EQUAL(desk_welcome(d, MQ_OK), MQ_INVALID);
    CHECK(desk_next(d));
    CHECK_EQUAL(desk_welcome(d, MQ_OK), MQ_OK);
    CHECK_EQUAL(desk_welcome(d, MQ_OK), MQ_INVALID);
    free(d);
}

static void numbers_are_given_at_the_first_send_in_order(void)
{
    struct desk *d = desk_open();
    struct exchange *ping = desk_add(d, MQ_VERB_PING, 0);
    struct exchange *get = desk_add(d, MQ_VERB_GET, 500);
    struct exchange *put = desk_add_put(d, 3);
    CHECK_EQUAL(ping->request.number, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    CHECK_SENDS(d, MQ_VERB_GET, 2);
    CHECK_SENDS(d, MQ_VERB_PUT, 3);
    CHECK(!desk_next(d));
    CHECK(desk_answer(d, MQ_VERB_PUT, 3, MQ_OK) == put);
    CHECK(desk_answer(d, MQ_VERB_PING, 1, MQ_OK) == ping);
    CHECK(desk_answer(d, MQ_VERB_GET, 2, MQ_EMPTY) == get);
    CHECK_EQUAL(get->request.number, 2);
    free(d);
}

static void a_request_carries_the_time_that_is_left(void)
{
    struct desk *d = desk_open();
    desk_add(d, MQ_VERB_GET, 500);
    desk_add(d, MQ_VERB_JOIN, 50);
    desk_add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    desk_add(d, MQ_VERB_STAT, 500);
    d->now_ms += 100;
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_EQUAL(d->frame.request.timeout_ms, 400);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    CHECK_EQUAL(d->frame.request.timeout_ms, 0);
    CHECK_SENDS(d, MQ_VERB_GET, 3);
    CHECK_EQUAL(d->frame.request.timeout_ms, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_STAT, 4);
    CHECK_EQUAL(d->frame.request.timeout_ms, 0);
    struct exchange *late = desk_add(d, MQ_VERB_GET, 0);
    late->deadline_ms = UINT64_MAX - 1;
    CHECK_SENDS(d, MQ_VERB_GET, 5);
    CHECK(d->frame.request.timeout_ms == INT64_MAX);
    free(d);
}

static void an_answer_ends_its_exchange_once(void)
{
    struct desk *d = desk_open();
    struct exchange *x = desk_add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    CHECK(desk_answer(d, MQ_VERB_PING, 7, MQ_OK) == NULL);
    CHECK(desk_answer(d, MQ_VERB_PING, 0, MQ_OK) == NULL);
    CHECK(desk_answer(d, MQ_VERB_PING, 1, MQ_OK) == x);
    CHECK(desk_answer(d, MQ_VERB_PING, 1, MQ_OK) == NULL);
    free(d);
}

static void an_answer_before_the_welcome_is_ignored(void)
{
    struct desk *d = desk_open();
    struct exchange *x = desk_add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    conversation_line_down(&d->c);
    CHECK(desk_answer(d, MQ_VERB_PING, 1, MQ_OK) == NULL);
    desk_reconnect(d);
    CHECK(desk_answer(d, MQ_VERB_PING, 1, MQ_OK) == x);
    free(d);
}

static void a_resuming_hello_lists_what_is_awaited(void)
{
    struct desk *d = desk_open();
    for (uint64_t n = 1; n <= 8; n++) {
        desk_add(d, MQ_VERB_PING, 0);
        CHECK_SENDS(d, MQ_VERB_PING, n);
    }
    desk_answer(d, MQ_VERB_PING, 3, MQ_OK);
    desk_answer(d, MQ_VERB_PING, 7, MQ_OK);
    desk_answer(d, MQ_VERB_PING, 4, MQ_OK);
    desk_reconnect(d);
    CHECK(d->frame.hello.resume);
    CHECK_EQUAL(d->frame.hello.next_number, 9);
    CHECK_RANGES(d->frame.hello.awaited, {1, 2}, {5, 6}, {8, 8});
    free(d);
}

static void repeats_go_first_with_the_same_numbers_and_time_outs(void)
{
    struct desk *d = desk_open();
    desk_add(d, MQ_VERB_GET, 500);
    desk_add(d, MQ_VERB_PING, 0);
    desk_add(d, MQ_VERB_JOIN, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_PING, 2);
    CHECK_SENDS(d, MQ_VERB_JOIN, 3);
    desk_answer(d, MQ_VERB_PING, 2, MQ_OK);
    desk_add(d, MQ_VERB_STAT, 0);
    d->now_ms += 300;
    desk_reconnect(d);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_EQUAL(d->frame.request.timeout_ms, 500);
    CHECK_EQUAL(d->frame.request.confirms.count, 0);
    CHECK_SENDS(d, MQ_VERB_JOIN, 3);
    CHECK_EQUAL(d->frame.request.timeout_ms, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_STAT, 4);
    CHECK(!desk_next(d));
    free(d);
}

static void an_answer_may_come_before_its_repeat_was_sent(void)
{
    struct desk *d = desk_open();
    struct exchange *get = desk_add(d, MQ_VERB_GET, 500);
    desk_add(d, MQ_VERB_JOIN, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    desk_reconnect(d);
    CHECK(desk_answer(d, MQ_VERB_GET, 1, MQ_OK) == get);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    CHECK_RANGES(d->frame.request.confirms, {1, 1});
    CHECK(!desk_next(d));
    free(d);
}

static void a_request_carries_the_confirmations(void)
{
    struct desk *d = desk_open();
    for (uint64_t n = 1; n <= 6; n++) {
        desk_add(d, MQ_VERB_PING, 0);
        CHECK_SENDS(d, MQ_VERB_PING, n);
        CHECK_EQUAL(d->frame.request.confirms.count, 0);
    }
    CHECK(!conversation_has_confirms(&d->c));
    desk_answer(d, MQ_VERB_PING, 5, MQ_OK);
    desk_answer(d, MQ_VERB_PING, 2, MQ_OK);
    CHECK(conversation_has_confirms(&d->c));
    CHECK(!desk_next(d));
    desk_add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 7);
    CHECK_RANGES(d->frame.request.confirms, {2, 2}, {5, 5});
    CHECK(!conversation_has_confirms(&d->c));
    desk_add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 8);
    CHECK_EQUAL(d->frame.request.confirms.count, 0);
    free(d);
}

static void confirmations_of_neighbours_are_one_range(void)
{
    struct desk *d = desk_open();
    for (uint64_t n = 1; n <= 9; n++) {
        desk_add(d, MQ_VERB_PING, 0);
        CHECK_SENDS(d, MQ_VERB_PING, n);
    }
    const uint64_t order[] = {4, 2, 8, 3, 9, 6, 7};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        CHECK(desk_answer(d, MQ_VERB_PING, order[i], MQ_OK) != NULL);
    conversation_flush(&d->c);
    CHECK(desk_next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_CONFIRM);
    CHECK_RANGES(d->frame.confirms, {2, 4}, {6, 9});
    CHECK(!desk_next(d));
    free(d);
}

static void a_flush_without_confirmations_sends_nothing(void)
{
    struct desk *d = desk_open();
    conversation_flush(&d->c);
    CHECK(!desk_next(d));
    free(d);
}

static void many_unconfirmed_answers_do_not_wait_for_a_request(void)
{
    struct desk *d = desk_open();
    for (uint64_t n = 1; n <= 200; n++) {
        desk_add(d, MQ_VERB_PING, 0);
        CHECK_SENDS(d, MQ_VERB_PING, n);
    }
    uint64_t n = 1;
    for (; !desk_next(d); n++)
        CHECK(desk_answer(d, MQ_VERB_PING, n, MQ_OK) != NULL);
    CHECK_EQUAL(d->frame.verb, MQ_VERB_CONFIRM);
    CHECK_RANGES(d->frame.confirms, {1, n - 1});
    CHECK(n - 1 >= 100);
    free(d);
}

static void many_unconfirmed_bytes_do_not_wait_for_a_request(void)
{
    struct desk *d = desk_open();
    desk_add(d, MQ_VERB_GET, 500);
    desk_add(d, MQ_VERB_GET, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_GET, 2);
    CHECK(desk_answer_items(d, MQ_VERB_GET, 1, MQ_OK, 2, 100) != NULL);
    CHECK(!desk_next(d));
    CHECK(desk_answer_items(d, MQ_VERB_GET, 2, MQ_OK, 1, 50) != NULL);
    CHECK(desk_next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_CONFIRM);
    CHECK_RANGES(d->frame.confirms, {1, 2});
    free(d);
}

static void a_lost_confirmation_is_implied_by_the_resume(void)
{
    struct desk *d = desk_open();
    desk_add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    desk_answer(d, MQ_VERB_PING, 1, MQ_OK);
    desk_reconnect(d);
    CHECK_EQUAL(d->frame.hello.next_number, 2);
    CHECK_EQUAL(d->frame.hello.awaited.count, 0);
    CHECK(!conversation_has_confirms(&d->c));
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
};

int main(void)
{
    return unit_run("conversation", tests, sizeof tests / sizeof *tests);
}
