/* unit_conversation_restart.c - what becomes of a conversation whose session is lost, and how it ends. */
#include "desk.h"

#include <stdlib.h>
#include <string.h>

static void after_a_restart_gets_opens_and_looks_go_on_in_order(void)
{
    struct desk *d = desk_open();
    const enum mq_verb verbs[] = {MQ_VERB_GET,  MQ_VERB_OPEN,     MQ_VERB_PEEK, MQ_VERB_STAT,
                                  MQ_VERB_LIST, MQ_VERB_SESSIONS, MQ_VERB_PING};
    enum { COUNT = sizeof verbs / sizeof *verbs };
    for (size_t i = 0; i < COUNT; i++) {
        desk_add(d, verbs[i], 500);
        CHECK_SENDS(d, verbs[i], i + 1);
    }
    desk_add(d, MQ_VERB_PURGE, 0);
    d->now_ms += 100;
    desk_restart(d);
    CHECK(desk_lost(d) == NULL);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_EQUAL(d->frame.request.timeout_ms, 400);
    for (size_t i = 1; i < COUNT; i++)
        CHECK_SENDS(d, verbs[i], i + 1);
    CHECK_SENDS(d, MQ_VERB_PURGE, COUNT + 1);
    CHECK(!desk_next(d));
    free(d);
}

static void after_a_restart_what_was_sent_and_is_not_a_look_is_lost(void)
{
    struct desk *d = desk_open();
    const enum mq_verb verbs[] = {MQ_VERB_TASK_DONE, MQ_VERB_RELEASE, MQ_VERB_EXTEND,    MQ_VERB_JOIN,
                                  MQ_VERB_SET,       MQ_VERB_REMOVE,  MQ_VERB_SHUT_DOWN, MQ_VERB_PURGE};
    enum { COUNT = sizeof verbs / sizeof *verbs };
    struct exchange *put = desk_add_put(d, 100);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    for (size_t i = 0; i < COUNT; i++) {
        desk_add(d, verbs[i], 500);
        CHECK_SENDS(d, verbs[i], i + 2);
    }
    desk_restart(d);
    CHECK(desk_lost(d) == put);
    CHECK_EQUAL(put->request.number, 1);
    for (size_t i = 0; i < COUNT; i++)
        CHECK_EQUAL(desk_lost(d)->request.verb, verbs[i]);
    CHECK(desk_lost(d) == NULL);
    CHECK(!desk_next(d));
    CHECK_EQUAL(d->c.in_flight, 0);
    free(d);
}

static void after_a_restart_pending_requests_about_old_items_are_lost_unsent(void)
{
    struct desk *d = desk_open();
    conversation_line_down(&d->c);
    struct exchange *done = desk_add(d, MQ_VERB_TASK_DONE, 0);
    desk_add_put(d, 5);
    struct exchange *release = desk_add(d, MQ_VERB_RELEASE, 0);
    struct exchange *extend = desk_add(d, MQ_VERB_EXTEND, 0);
    desk_add(d, MQ_VERB_JOIN, 10);
    desk_restart(d);
    CHECK(desk_lost(d) == done);
    CHECK_EQUAL(done->request.number, 0);
    CHECK(desk_lost(d) == release);
    CHECK(desk_lost(d) == extend);
    CHECK(desk_lost(d) == NULL);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    CHECK(!desk_next(d));
    free(d);
}

static void after_a_restart_a_withdrawn_get_is_lost(void)
{
    struct desk *d = desk_open();
    struct exchange *x = desk_add(d, MQ_VERB_GET, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK(!conversation_withdraw(&d->c, x));
    desk_restart(d);
    CHECK(desk_lost(d) == x);
    CHECK(x->withdrawn);
    CHECK(desk_lost(d) == NULL);
    CHECK(!desk_next(d));
    free(d);
}

static void after_a_restart_handles_are_opened_before_anything_else(void)
{
    struct desk *d = desk_open();
    struct exchange *first = desk_reopen(d);
    CHECK_SENDS(d, MQ_VERB_OPEN, 1);
    desk_add(d, MQ_VERB_GET, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 2);
    desk_add_put(d, 1);
    conversation_line_down(&d->c);
    desk_line_up(d);
    CHECK(desk_next(d));
    CHECK_EQUAL(desk_welcome(d, MQ_SESSION_LOST), MQ_SESSION_LOST);
    uint8_t id[MQ_SESSION_ID_SIZE];
    desk_fresh_id(d, id);
    conversation_restart(&d->c, id);
    struct exchange *second = desk_reopen(d);
    CHECK(desk_next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(desk_welcome(d, MQ_OK), MQ_OK);
    CHECK_SENDS(d, MQ_VERB_OPEN, 1); /* one that was under way goes on, and is still first */
    CHECK_SENDS(d, MQ_VERB_OPEN, 2);
    CHECK_SENDS(d, MQ_VERB_GET, 3);
    CHECK_SENDS(d, MQ_VERB_PUT, 4);
    CHECK(desk_answer(d, MQ_VERB_OPEN, 1, MQ_OK) == first);
    CHECK(desk_answer(d, MQ_VERB_OPEN, 2, MQ_OK) == second);
    free(d);
}

static void after_a_restart_numbers_and_confirmations_begin_anew(void)
{
    struct desk *d = desk_open();
    desk_add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    desk_answer(d, MQ_VERB_PING, 1, MQ_OK);
    desk_restart(d);
    CHECK(!conversation_has_confirms(&d->c));
    CHECK(!d->frame.hello.resume);
    CHECK_EQUAL(d->frame.hello.awaited.count, 0);
    desk_add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_PING, 1);
    free(d);
}

static void a_get_that_the_broker_had_cancelled_is_asked_again(void)
{
    struct desk *d = desk_open();
    struct exchange *x = desk_add(d, MQ_VERB_GET, 5000);
    struct exchange *y = desk_add(d, MQ_VERB_GET, 5000);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_GET, 2);
    d->now_ms += 4000;
    desk_reconnect(d);
    desk_add(d, MQ_VERB_PING, 0);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_GET, 2);
    CHECK(desk_answer(d, MQ_VERB_GET, 1, MQ_SESSION_LOST) == NULL);
    CHECK(desk_answer(d, MQ_VERB_GET, 2, MQ_SESSION_LOST) == NULL);
    CHECK_SENDS(d, MQ_VERB_GET, 3); /* before what was never sent, in their old order */
    CHECK_EQUAL(d->frame.request.timeout_ms, 1000);
    CHECK_RANGES(d->frame.request.confirms, {1, 2});
    CHECK_SENDS(d, MQ_VERB_GET, 4);
    CHECK_SENDS(d, MQ_VERB_PING, 5);
    CHECK(desk_answer(d, MQ_VERB_GET, 3, MQ_OK) == x);
    CHECK(desk_answer(d, MQ_VERB_GET, 4, MQ_EMPTY) == y);
    free(d);
}

static void a_get_whose_items_all_went_back_is_asked_again(void)
{
    struct desk *d = desk_open();
    struct exchange *x = desk_add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    struct exchange *y = desk_add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK_SENDS(d, MQ_VERB_GET, 2);
    desk_reconnect(d);
    CHECK(desk_answer(d, MQ_VERB_GET, 1, MQ_LEASE_LOST) == NULL);
    CHECK(desk_answer_items(d, MQ_VERB_GET, 2, MQ_LEASE_LOST, 1, 5) == y); /* some are still ours */
    CHECK_SENDS(d, MQ_VERB_GET, 3);
    CHECK(!desk_next(d));
    CHECK(desk_answer(d, MQ_VERB_GET, 3, MQ_OK) == x);
    free(d);
}

static void a_withdrawn_get_is_not_asked_again(void)
{
    struct desk *d = desk_open();
    struct exchange *x = desk_add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    CHECK(!conversation_withdraw(&d->c, x));
    CHECK_SENDS(d, MQ_VERB_CANCEL, 1);
    CHECK(desk_answer(d, MQ_VERB_GET, 1, MQ_SESSION_LOST) == x);
    CHECK(!desk_next(d));
    free(d);
}

static void a_get_that_goes_on_may_be_withdrawn(void)
{
    struct desk *d = desk_open();
    struct exchange *x = desk_add(d, MQ_VERB_GET, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    desk_reconnect(d);
    CHECK(desk_answer(d, MQ_VERB_GET, 1, MQ_SESSION_LOST) == NULL);
    CHECK(conversation_withdraw(&d->c, x));
    CHECK(!desk_next(d));
    free(d);
}

static void other_requests_that_were_cancelled_are_the_users_to_judge(void)
{
    struct desk *d = desk_open();
    struct exchange *put = desk_add_put(d, 1);
    struct exchange *join = desk_add(d, MQ_VERB_JOIN, MQ_FOREVER_MS);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    CHECK_SENDS(d, MQ_VERB_JOIN, 2);
    desk_reconnect(d);
    CHECK(desk_answer(d, MQ_VERB_PUT, 1, MQ_SESSION_LOST) == put);
    CHECK(desk_answer(d, MQ_VERB_JOIN, 2, MQ_SESSION_LOST) == join);
    free(d);
}

static void the_bye_comes_after_all_that_is_pending_and_nothing_after_it(void)
{
    struct desk *d = desk_open();
    desk_add_put(d, 600);
    desk_add_put(d, 600);
    CHECK_SENDS(d, MQ_VERB_PUT, 1);
    conversation_bye(&d->c);
    CHECK(!desk_next(d));
    CHECK(desk_answer(d, MQ_VERB_PUT, 1, MQ_OK) != NULL);
    CHECK_SENDS(d, MQ_VERB_PUT, 2);
    CHECK(desk_answer(d, MQ_VERB_PUT, 2, MQ_OK) != NULL);
    CHECK(desk_next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_BYE);
    CHECK_RANGES(d->frame.confirms, {2, 2});
    CHECK(!desk_next(d));
    free(d);
}

static void a_bye_that_may_be_lost_is_said_again(void)
{
    struct desk *d = desk_open();
    conversation_bye(&d->c);
    CHECK(desk_next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_BYE);
    desk_reconnect(d);
    CHECK(desk_next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_BYE);
    CHECK(!desk_next(d));
    free(d);
}

static void an_abandoned_conversation_gives_all_exchanges_back(void)
{
    struct desk *d = desk_open();
    struct exchange *get = desk_add(d, MQ_VERB_GET, 500);
    CHECK_SENDS(d, MQ_VERB_GET, 1);
    struct exchange *put = desk_add_put(d, 5);
    struct exchange *open = desk_reopen(d);
    conversation_abandon(&d->c);
    conversation_check(&d->c);
    CHECK(desk_lost(d) == get);
    CHECK(desk_lost(d) == open);
    CHECK(desk_lost(d) == put);
    CHECK(desk_lost(d) == NULL);
    CHECK(!desk_next(d));
    free(d);
}

static const struct unit_test tests[] = {
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
    return unit_run("conversation: restart", tests, sizeof tests / sizeof *tests);
}
