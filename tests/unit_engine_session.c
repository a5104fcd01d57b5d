/* unit_engine_session.c - the rules of sessions: hello, numbers, repeats, confirmations, cancels. */
#include "rig.h"

#include <string.h>

/* ---- hello ---- */

static void each_session_gets_a_public_number_of_its_own(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_hello(&r, SESSION(2), SAYS(MQ_OK));
    uint64_t number = r.welcome.session;
    CHECK(number > 0);
    CHECK_EQUAL(engine_session_number(r.sessions[2].handle), number);
    CHECK(engine_session_number(r.sessions[1].handle) != number);
    rig_drop(&r, SESSION(2));
    rig_hello(&r, SESSION(2), RESUME, SAYS(MQ_OK));
    CHECK_EQUAL(r.welcome.session, number);
    rig_free(&r);
}

static void a_hello_of_another_version_is_unsupported_and_is_told_ours(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_hello(&r, SESSION(2), VERSION(MQ_PROTOCOL_VERSION + 1), SAYS(MQ_UNSUPPORTED));
    CHECK_EQUAL(r.welcome.version, MQ_PROTOCOL_VERSION);
    CHECK_EQUAL(rig_look_at_broker(&r).sessions, 2);
    rig_free(&r);
}

static void a_client_name_that_is_no_text_is_invalid(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_hello(&r, SESSION(2), CLIENT_NAME("\xff"), SAYS(MQ_INVALID));
    rig_hello(&r, SESSION(2), CLIENT_NAME(""), SAYS(MQ_OK));
    rig_free(&r);
}

static void a_verb_that_the_engine_does_not_know_is_unsupported(void)
{
    struct rig r = rig_new((struct rig_options){0});
    RIG_STEP(&r, (enum mq_verb)200, SAYS(MQ_UNSUPPORTED));
    RIG_STEP(&r, MQ_VERB_PROBE, SAYS(MQ_UNSUPPORTED));
    rig_free(&r);
}

static void an_id_that_is_taken_cannot_be_opened_anew_and_its_owner_notices_nothing(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, GIVES("a"));
    rig_hello(&r, SAYS(MQ_EXISTS));
    rig_done(&r, ITEMS("a"), OK);
    rig_drop(&r, AT(10));
    rig_hello(&r, AT(20), SAYS(MQ_EXISTS));
    rig_hello(&r, AT(10000), SAYS(MQ_EXISTS));
    rig_hello(&r, RESUME, SAYS(MQ_OK));
    rig_free(&r);
}

static void a_session_that_is_unknown_cannot_be_resumed(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_hello(&r, SESSION(7), RESUME, SAYS(MQ_SESSION_LOST));
    rig_hello(&r, SESSION(7), SAYS(MQ_OK));
    rig_free(&r);
}

static void a_resuming_connection_replaces_the_old_one(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_get(&r, FOREVER, WAITS);
    rig_hello(&r, RESUME, SAYS(MQ_OK));
    CHECK_EQUAL(r.old_peer, 1001);
    CHECK_EQUAL(rig_look_at_broker(&r).connected, 2);
    rig_put(&r, SESSION(2), BODY("a"), OK);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "a");
    rig_drop(&r);
    rig_hello(&r, RESUME, SAYS(MQ_OK));
    CHECK_EQUAL(r.old_peer, 0);
    rig_free(&r);
}

static void a_resume_whose_numbers_contradict_the_sessions_is_invalid(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_ping(&r, OK);
    rig_ping(&r, OK);
    rig_drop(&r);
    rig_hello(&r, RESUME, NEXT_NUMBER(3), SAYS(MQ_INVALID));
    rig_hello(&r, RESUME, RANGES({2, 3}, {3, 3}), SAYS(MQ_INVALID));
    rig_hello(&r, RESUME, RANGES({3, 2}), SAYS(MQ_INVALID));
    rig_hello(&r, RESUME, RANGES({4, 4}), SAYS(MQ_INVALID));
    rig_hello(&r, RESUME, RANGES({2, 3}), SAYS(MQ_OK));
    rig_free(&r);
}

static void what_a_resuming_client_does_not_await_counts_as_confirmed(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    rig_put(&r, SESSION(2), BODIES("a", "b"), OK);
    rig_get(&r, AUTO_DONE, GIVES("a"));
    uint64_t lost = rig_get(&r, AUTO_DONE, GIVES("b"), LOST);
    rig_drop(&r);
    rig_hello(&r, RESUME, SAYS(MQ_OK));
    CHECK_SIZES(&r, "q", 0, 1);
    CHECK_EQUAL(rig_look(&r, "q").done, 1);
    rig_repeat(&r, NUMBER(lost), GIVES("b"));
    rig_free(&r);
}

/* ---- numbers ---- */

static void a_repeat_of_a_waiting_request_changes_nothing(void)
{
    struct rig r = rig_new((struct rig_options){0});
    uint64_t number = rig_get(&r, AT(1), TIMEOUT(500), WAITS);
    rig_repeat(&r, AT(400), NUMBER(number), WAITS);
    CHECK_EQUAL(rig_look(&r, "q").getters, 1);
    rig_run_to(&r, 501);
    CHECK_REPLY(&r, SESSION(1), MQ_EMPTY, "");
    rig_run_to(&r, 2000);
    rig_free(&r);
}

static void a_repeat_after_a_lost_line_keeps_the_first_deadline(void)
{
    struct rig r = rig_new((struct rig_options){0});
    uint64_t number = rig_get(&r, AT(1), TIMEOUT(500), WAITS);
    rig_drop(&r, AT(100));
    rig_hello(&r, AT(300), RESUME, SAYS(MQ_OK));
    rig_repeat(&r, NUMBER(number), WAITS);
    rig_run_to(&r, 500);
    CHECK_NO_REPLY(&r);
    rig_run_to(&r, 501);
    CHECK_REPLY(&r, SESSION(1), MQ_EMPTY, "");
    rig_free(&r);
}

static void a_repeated_put_is_answered_with_the_first_answer_and_stores_nothing(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    uint64_t number = rig_put(&r, BODIES("a", "b", "c"), SAYS(MQ_FULL), LOST);
    uint64_t first = rig_last(&r)->ids[0];
    rig_drop(&r);
    rig_hello(&r, RESUME, SAYS(MQ_OK));
    CHECK_NO_REPLY(&r);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_repeat(&r, NUMBER(number), SAYS(MQ_FULL), LOST);
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    CHECK_EQUAL(rig_last(&r)->ids[0], first);
    rig_repeat(&r, NUMBER(number), SAYS(MQ_FULL));
    CHECK_SIZES(&r, "q", 1, 1);
    CHECK_EQUAL(rig_look_at_broker(&r).repeats, 2);
    rig_free(&r);
}

static void every_verb_is_done_once_however_often_it_is_repeated(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    rig_put(&r, SESSION(2), BODIES("a", "b", "c"), OK);
    uint64_t get = rig_get(&r, MAX(2), GIVES("a b"));
    uint64_t done = rig_done(&r, ITEMS("a"), OK);
    uint64_t again = rig_done(&r, ITEMS("a"), SAYS(MQ_TOO_MANY_DONE));
    uint64_t release = rig_release(&r, ITEMS("b"), OK);
    uint64_t purge = rig_purge(&r, OK);
    uint64_t remove = rig_remove(&r, OK);
    rig_open(&r, OK);
    rig_put(&r, SESSION(2), BODIES("d"), OK);
    rig_repeat(&r, NUMBER(get), SAYS(MQ_LEASE_LOST));
    rig_repeat(&r, NUMBER(done), OK);
    rig_repeat(&r, NUMBER(again), SAYS(MQ_TOO_MANY_DONE));
    CHECK_EQUAL(rig_last(&r)->answer.refusal_count, 1);
    rig_repeat(&r, NUMBER(release), OK);
    rig_repeat(&r, NUMBER(purge), OK);
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    rig_repeat(&r, NUMBER(remove), OK);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void a_repeat_of_a_confirmed_request_is_ignored(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    uint64_t number = rig_put(&r, BODY("a"), OK);
    rig_confirm(&r, RANGES({number, number}));
    rig_repeat(&r, NUMBER(number), NOTHING_HAPPENS);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void a_gap_in_the_numbers_is_refused(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, NUMBER(3), BODY("a"), REFUSED(MQ_INVALID));
    rig_put(&r, NUMBER(UINT64_MAX), BODY("a"), REFUSED(MQ_INVALID));
    rig_cancel(&r, NUMBER(3), REFUSED(MQ_INVALID));
    CHECK_SIZES(&r, "q", 0, 0);
    rig_put(&r, NUMBER(2), BODY("a"), OK);
    rig_free(&r);
}

static void confirmations_are_ranges_so_that_a_long_wait_pins_nothing(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true, .unconfirmed_max = 4, .waiting_max = 1});
    uint64_t wait = rig_get(&r, FOREVER, WAITS);
    for (int i = 0; i < 100; i++) {
        uint64_t number = rig_ping(&r, OK);
        if (i % 4 == 3)
            rig_confirm(&r, RANGES({1, wait - 1}, {wait + 1, number}));
    }
    rig_repeat(&r, NUMBER(wait + 1), NOTHING_HAPPENS);
    rig_repeat(&r, NUMBER(wait + 100), NOTHING_HAPPENS);
    rig_put(&r, SESSION(2), BODY("a"), OK);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "a");
    rig_free(&r);
}

static void a_confirmation_of_what_waits_or_never_was_does_nothing(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    rig_get(&r, FOREVER, WAITS);
    rig_confirm(&r, RANGES({1, UINT64_MAX}));
    rig_confirm(&r, RANGES({UINT64_MAX - 5, UINT64_MAX}, {7, 2}));
    CHECK_EQUAL(rig_look(&r, "q").getters, 1);
    rig_put(&r, SESSION(2), BODY("a"), OK);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "a");
    rig_free(&r);
}

static void many_numbers_in_many_ranges_confirm_the_same_as_one_by_one(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    uint64_t wait = rig_get(&r, FOREVER, WAITS), first = wait + 1;
    for (int i = 0; i < 10; i++)
        rig_ping(&r, OK);
    rig_confirm(&r, RANGES({1, first + 1}, {first + 4, first + 4}, {first + 8, 999}, {5000, UINT64_MAX}));
    const bool is_kept[10] = {[2] = true, [3] = true, [5] = true, [6] = true, [7] = true};
    for (uint64_t i = 0; i < 10; i++)
        if (is_kept[i])
            rig_repeat(&r, NUMBER(first + i), OK);
        else
            rig_repeat(&r, NUMBER(first + i), NOTHING_HAPPENS);
    rig_hello(&r, RESUME, RANGES({wait, first + 2}, {first + 4, first + 4}, {first + 7, first + 7}),
              SAYS(MQ_OK));
    rig_repeat(&r, NUMBER(first + 2), OK);
    rig_repeat(&r, NUMBER(first + 3), NOTHING_HAPPENS);
    rig_repeat(&r, NUMBER(first + 6), NOTHING_HAPPENS);
    rig_repeat(&r, NUMBER(first + 7), OK);
    rig_put(&r, SESSION(2), BODY("a"), OK);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "a");
    rig_free(&r);
}

static void sessions_have_numbers_and_answers_of_their_own(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    uint64_t one = rig_put(&r, SESSION(2), BODY("a"), OK), two = rig_put(&r, SESSION(3), BODY("b"), OK);
    CHECK_EQUAL(one, two);
    rig_confirm(&r, SESSION(2), RANGES({1, 9}));
    rig_repeat(&r, SESSION(2), NUMBER(one), NOTHING_HAPPENS);
    rig_repeat(&r, SESSION(3), NUMBER(two), OK);
    CHECK_EQUAL(rig_last(&r)->ids[0], rig_id(&r, "b"));
    rig_free(&r);
}

/* ---- cached gets ---- */

static void a_repeated_get_gives_the_same_items_and_takes_no_others(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 700});
    rig_put(&r, SESSION(2), BODIES("a", "b", "c"), OK);
    uint64_t number = rig_get(&r, MAX(2), GIVES("a b"), LOST);
    rig_drop(&r);
    rig_hello(&r, RESUME, SAYS(MQ_OK));
    rig_repeat(&r, NUMBER(number), GIVES("a b"));
    CHECK_EQUAL(rig_last(&r)->answer.lease_ms, 700);
    CHECK_EQUAL(rig_look(&r, "q").gets, 2);
    rig_done(&r, ITEMS("a", "b"), OK);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void an_item_that_went_back_is_left_out_of_a_repeated_get(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 100});
    rig_put(&r, SESSION(2), BODIES("a", "b", "c"), OK);
    uint64_t number = rig_get(&r, AT(1), MAX(3), GIVES("a b c"), LOST);
    rig_extend(&r, AT(50), ITEMS("b"), LEASE_OF(500), OK);
    rig_run_to(&r, 200);
    rig_repeat(&r, NUMBER(number), GIVES("b"));
    rig_get(&r, SESSION(2), MAX(9), GIVES("a#2 c#2"));
    rig_free(&r);
}

static void a_repeated_get_whose_items_all_went_back_says_lease_lost(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 100});
    rig_put(&r, SESSION(2), BODY("a"), OK);
    uint64_t number = rig_get(&r, AT(1), GIVES("a"), LOST);
    rig_get(&r, AT(200), SESSION(2), GIVES("a#2"));
    rig_repeat(&r, NUMBER(number), SAYS(MQ_LEASE_LOST));
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 0);
    rig_free(&r);
}

static void an_answer_decided_while_the_line_is_down_is_given_to_the_repeat(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    uint64_t get = rig_get(&r, FOREVER, WAITS);
    rig_drop(&r);
    rig_put(&r, SESSION(2), BODY("a"), OK);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_hello(&r, RESUME, SAYS(MQ_OK));
    CHECK_NO_REPLY(&r);
    rig_repeat(&r, NUMBER(get), GIVES("a"));
    rig_free(&r);
}

static void an_answer_that_was_not_yet_sent_when_the_line_broke_is_given_to_the_repeat(void)
{
    struct rig r = rig_new((struct rig_options){0});
    uint64_t put = rig_put(&r, BODY("a"), UNSENT);
    rig_drop(&r);
    CHECK_NO_REPLY(&r);
    rig_hello(&r, RESUME, SAYS(MQ_OK));
    CHECK_NO_REPLY(&r);
    rig_repeat(&r, NUMBER(put), OK);
    CHECK_SIZES(&r, "q", 1, 0);
    rig_free(&r);
}

static void an_answer_that_a_bye_overtakes_is_not_sent(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, SESSION(2), UNSENT);
    rig_bye(&r, SESSION(2));
    CHECK_NO_REPLY(&r);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_get(&r, UNSENT);
    rig_confirm(&r, RANGES({1, 99}));
    CHECK_NO_REPLY(&r);
    rig_free(&r);
}

static void an_item_that_went_back_before_its_answer_was_sent_is_left_out_of_it(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, SESSION(2), UNSENT);
    rig_remove(&r, FORCE, OK);
    CHECK_REPLY(&r, SESSION(2), MQ_LEASE_LOST, "");
    rig_free(&r);
}

/* ---- cancel ---- */

static void a_cancelled_put_is_interrupted_and_tells_what_was_stored(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    uint64_t number = rig_put(&r, BODIES("a", "b", "c"), FOREVER, WAITS);
    rig_put(&r, SESSION(2), BODY("d"), FOREVER, WAITS);
    rig_cancel(&r, NUMBER(number), SAYS(MQ_INTERRUPTED));
    CHECK_EQUAL(rig_last(&r)->answer.verb, MQ_VERB_PUT);
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    rig_get(&r, SESSION(3), GIVES("a"));
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_get(&r, SESSION(3), MAX(9), GIVES("b d"));
    rig_free(&r);
}

static void a_cancelled_get_takes_nothing_and_a_cancelled_join_waits_no_more(void)
{
    struct rig r = rig_new((struct rig_options){0});
    uint64_t get = rig_get(&r, TIMEOUT(500), WAITS);
    rig_cancel(&r, AT(10), NUMBER(get), SAYS(MQ_INTERRUPTED));
    rig_put(&r, BODY("a"), OK);
    CHECK_SIZES(&r, "q", 1, 0);
    uint64_t join = rig_join(&r, FOREVER, WAITS);
    rig_cancel(&r, NUMBER(join), SAYS(MQ_INTERRUPTED));
    CHECK_EQUAL(rig_look(&r, "q").joiners, 0);
    rig_run_to(&r, 1000);
    rig_free(&r);
}

static void a_cancel_of_an_answered_request_brings_its_answer_again(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    rig_put(&r, SESSION(2), BODY("a"), OK);
    uint64_t number = rig_get(&r, GIVES("a"), LOST);
    rig_cancel(&r, NUMBER(number), GIVES("a"));
    rig_confirm(&r, RANGES({number, number}));
    rig_cancel(&r, NUMBER(number), NOTHING_HAPPENS);
    CHECK_SIZES(&r, "q", 0, 1);
    rig_free(&r);
}

static void a_cancel_of_an_answered_auto_done_get_gives_its_items_back_untouched(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    rig_put(&r, SESSION(2), BODIES("a", "b"), OK);
    uint64_t number = rig_get(&r, MAX(2), AUTO_DONE, GIVES("a b"), LOST);
    rig_cancel(&r, NUMBER(number), SAYS(MQ_LEASE_LOST));
    rig_confirm(&r, RANGES({number, number}));
    CHECK_EQUAL(rig_look(&r, "q").done, 0);
    rig_get(&r, SESSION(2), MAX(2), GIVES("a b"));
    rig_free(&r);
}

static void a_cancel_of_a_request_never_seen_takes_its_number(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true});
    uint64_t number = rig_cancel(&r, SAYS(MQ_INTERRUPTED));
    CHECK_EQUAL(rig_last(&r)->answer.verb, MQ_VERB_CANCEL);
    rig_put(&r, NUMBER(number), BODY("a"), SAYS(MQ_INTERRUPTED));
    CHECK_SIZES(&r, "q", 0, 0);
    rig_put(&r, BODY("b"), OK);
    CHECK_EQUAL(rig_last(&r)->answer.number, number + 1);
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(each_session_gets_a_public_number_of_its_own),
    UNIT(a_hello_of_another_version_is_unsupported_and_is_told_ours),
    UNIT(a_client_name_that_is_no_text_is_invalid),
    UNIT(a_verb_that_the_engine_does_not_know_is_unsupported),
    UNIT(an_id_that_is_taken_cannot_be_opened_anew_and_its_owner_notices_nothing),
    UNIT(a_session_that_is_unknown_cannot_be_resumed),
    UNIT(a_resuming_connection_replaces_the_old_one),
    UNIT(a_resume_whose_numbers_contradict_the_sessions_is_invalid),
    UNIT(what_a_resuming_client_does_not_await_counts_as_confirmed),
    UNIT(a_repeat_of_a_waiting_request_changes_nothing),
    UNIT(a_repeat_after_a_lost_line_keeps_the_first_deadline),
    UNIT(a_repeated_put_is_answered_with_the_first_answer_and_stores_nothing),
    UNIT(every_verb_is_done_once_however_often_it_is_repeated),
    UNIT(a_repeat_of_a_confirmed_request_is_ignored),
    UNIT(a_gap_in_the_numbers_is_refused),
    UNIT(confirmations_are_ranges_so_that_a_long_wait_pins_nothing),
    UNIT(a_confirmation_of_what_waits_or_never_was_does_nothing),
    UNIT(many_numbers_in_many_ranges_confirm_the_same_as_one_by_one),
    UNIT(sessions_have_numbers_and_answers_of_their_own),
    UNIT(a_repeated_get_gives_the_same_items_and_takes_no_others),
    UNIT(an_item_that_went_back_is_left_out_of_a_repeated_get),
    UNIT(a_repeated_get_whose_items_all_went_back_says_lease_lost),
    UNIT(an_answer_decided_while_the_line_is_down_is_given_to_the_repeat),
    UNIT(an_answer_that_was_not_yet_sent_when_the_line_broke_is_given_to_the_repeat),
    UNIT(an_answer_that_a_bye_overtakes_is_not_sent),
    UNIT(an_item_that_went_back_before_its_answer_was_sent_is_left_out_of_it),
    UNIT(a_cancelled_put_is_interrupted_and_tells_what_was_stored),
    UNIT(a_cancelled_get_takes_nothing_and_a_cancelled_join_waits_no_more),
    UNIT(a_cancel_of_an_answered_request_brings_its_answer_again),
    UNIT(a_cancel_of_an_answered_auto_done_get_gives_its_items_back_untouched),
    UNIT(a_cancel_of_a_request_never_seen_takes_its_number),
};

int main(void)
{
    return unit_run("engine: sessions", tests, sizeof tests / sizeof *tests);
}
