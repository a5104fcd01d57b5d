/* unit_conversation_window.c - what a conversation holds back, and what was withdrawn. */
#include "desk.h"

#include <stdlib.h>
#include <string.h>

static void the_window_bounds_what_is_unanswered(void)
{
    struct desk *d = desk_open();
    for (size_t i = 0; i < CONVERSATION_WINDOW + 2; i++)
        desk_add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    for (uint64_t n = 1; n <= CONVERSATION_WINDOW; n++)
        CHECK_SENDS(d, MQ_VERB_GET, n);
    CHECK(!desk_next(d));
    CHECK(desk_answer(d, MQ_VERB_GET, 9, MQ_EMPTY) != NULL);
    CHECK_SENDS(d, MQ_VERB_GET, CONVERSATION_WINDOW + 1);
    CHECK(!desk_next(d));
    free(d);
}

static void a_small_broker_narrows_the_window(void)
{
    struct desk *d = desk_new();
    desk_line_up(d);
    CHECK(desk_next(d));
    struct welcome w = {.status = MQ_OK, .waiting_max = 2, .unconfirmed_max = 2, .in_flight_max = 10};
    CHECK_EQUAL(conversation_welcome(&d->c, &w), MQ_OK);
    for (size_t i = 0; i < 4; i++)
        desk_add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    for (uint64_t n = 1; n <= 3; n++)
        CHECK_SENDS(d, MQ_VERB_GET, n);
    CHECK(!desk_next(d));
    CHECK(desk_answer(d, MQ_VERB_GET, 1, MQ_EMPTY) != NULL);
    CHECK(desk_answer(d, MQ_VERB_GET, 2, MQ_EMPTY) != NULL);
    CHECK_SENDS(d, MQ_VERB_GET, 4);
    free(d);
}

static void a_put_beyond_the_bytes_in_flight_holds_back_later_puts_only(void)
{
    struct desk *d = desk_open(); /* 1000 bytes */
    desk_add_put(d, 600);
    desk_add_put(d, 500);
    desk_add_put(d, 1);
    desk_add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    CHECK_SENDS(d, MQ_VERB_PING, 2);
    CHECK(!desk_next(d));
    desk_add_put(d, 1);
    CHECK(!desk_next(d));
    CHECK(desk_answer(d, MQ_VERB_PUT, 1, MQ_OK) != NULL);
    CHECK_SENDS(d, MQ_VERB_PUT, 3);
    CHECK_EQUAL(d->frame.request.puts->body.size, 500);
    CHECK_SENDS(d, MQ_VERB_PUT, 4);
    CHECK_SENDS(d, MQ_VERB_PUT, 5);
    CHECK(!desk_next(d));
    free(d);
}

static void a_put_larger_than_the_window_goes_when_nothing_is_in_flight(void)
{
    struct desk *d = desk_open();
    desk_add_put(d, 1);
    desk_add_put(d, 5000);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    CHECK(!desk_next(d));
    CHECK(desk_answer(d, MQ_VERB_PUT, 1, MQ_OK) != NULL);
    CHECK_SENDS(d, MQ_VERB_PUT, 2);
    desk_add_put(d, 0);
    CHECK(!desk_next(d));
    free(d);
}

static void what_was_withdrawn_before_it_was_sent_is_the_owners_again(void)
{
    struct desk *d = desk_open();
    struct exchange *x = desk_add(d, MQ_VERB_GET, 500);
    CHECK(conversation_withdraw(&d->c, x));
    conversation_check(&d->c);
    CHECK(!desk_next(d));
    desk_add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    free(d);
}

static void what_was_withdrawn_after_it_was_sent_is_cancelled_once(void)
{
    struct desk *d = desk_open();
    struct exchange *x = desk_add(d, MQ_VERB_GET, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK(!conversation_withdraw(&d->c, x));
    conversation_check(&d->c);
    CHECK(!conversation_withdraw(&d->c, x));
    conversation_check(&d->c);
    desk_add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_CANCEL, 1);
    CHECK_SENDS(d, MQ_VERB_PING, 2);
    CHECK(!desk_next(d));
    CHECK(desk_answer(d, MQ_VERB_GET, 1, MQ_INTERRUPTED) == x);
    CHECK(x->withdrawn);
    CHECK(!desk_next(d));
    free(d);
}

static void an_answer_that_crosses_the_cancel_ends_the_exchange(void)
{
    struct desk *d = desk_open();
    struct exchange *x = desk_add(d, MQ_VERB_GET, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK(!conversation_withdraw(&d->c, x));
    CHECK(desk_answer_items(d, MQ_VERB_GET, 1, MQ_OK, 1, 1) == x);
    CHECK(!desk_next(d)); /* no cancel any more */
    free(d);
}

static void items_that_cross_the_cancel_of_an_auto_done_get_are_not_confirmed(void)
{
    struct desk *d = desk_open();
    struct exchange *x = desk_add(d, MQ_VERB_GET, 500);
    x->request.auto_done = true;
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK(!conversation_withdraw(&d->c, x));
    CHECK(desk_answer_items(d, MQ_VERB_GET, 1, MQ_OK, 1, 1) == NULL);
    CHECK(!conversation_has_confirms(&d->c));
    CHECK_SENDS(d, MQ_VERB_CANCEL, 1);
    CHECK(desk_answer_items(d, MQ_VERB_GET, 1, MQ_OK, 1, 1) == NULL);
    CHECK(desk_answer(d, MQ_VERB_GET, 1, MQ_LEASE_LOST) == x);
    CHECK(conversation_has_confirms(&d->c));
    free(d);
}

static void on_resume_a_cancel_is_sent_instead_of_the_request(void)
{
    struct desk *d = desk_open();
    struct exchange *before = desk_add(d, MQ_VERB_GET, 500);
    desk_add(d, MQ_VERB_JOIN, 500);
    struct exchange *while_down = desk_add_put(d, 10);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    CHECK_SENDS(d, MQ_VERB_PUT, 3);
    CHECK(!conversation_withdraw(&d->c, before));
    CHECK_SENDS(d, MQ_VERB_CANCEL, 1);
    conversation_line_down(&d->c);
    CHECK(!conversation_withdraw(&d->c, while_down));
    desk_reconnect(d);
    CHECK_RANGES(d->frame.hello.awaited, {1, 3});
    CHECK_SENDS(d, MQ_VERB_CANCEL, 1);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    CHECK_SENDS(d, MQ_VERB_CANCEL, 3);
    CHECK(!desk_next(d));
    CHECK(desk_answer(d, MQ_VERB_PUT, 3, MQ_INTERRUPTED) == while_down);
    CHECK_EQUAL(d->c.in_flight, 0);
    free(d);
}

static void a_withdrawn_put_counts_as_in_flight_until_it_is_answered(void)
{
    struct desk *d = desk_open();
    struct exchange *x = desk_add_put(d, 900);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    CHECK(!conversation_withdraw(&d->c, x));
    CHECK_SENDS(d, MQ_VERB_CANCEL, 1);
    desk_add_put(d, 200);
    CHECK(!desk_next(d));
    CHECK(desk_answer(d, MQ_VERB_PUT, 1, MQ_INTERRUPTED) == x);
    CHECK_SENDS(d, MQ_VERB_PUT, 2);
    free(d);
}

static const struct unit_test tests[] = {
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
};

int main(void)
{
    return unit_run("conversation: window", tests, sizeof tests / sizeof *tests);
}
