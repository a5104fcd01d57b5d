/* unit_python_shutdown.c - the rules of shutdown of Python's queue, said to the engine. */
#include "rig.h"

/* What CPython's own tests check of Queue.shutdown (3.14: Lib/test/test_queue.py), said of one engine in
 * virtual time, as in unit_python_contract.c. */

static struct rig bounded(int64_t maxsize)
{
    return rig_new((struct rig_options){.maxsize = maxsize});
}

/* Everything taken by a session is done. */
static void done_last(struct rig *r, int session)
{
    const struct rig_reply *got = rig_last(r);
    for (size_t i = 0; i < got->answer.item_count; i++)
        rig_done(r, SESSION(session), IDS(got->items[i].id), OK);
}

static void an_empty_queue_that_is_shut_down_refuses_put_and_get(void)
{
    for (int kind = MQ_KIND_FIFO; kind <= MQ_KIND_PRIORITY; kind++) {
        struct rig r = rig_new((struct rig_options){.kind = (enum mq_kind)kind});
        rig_shut_down(&r, OK);
        rig_put(&r, BODY("data"), FOREVER, SAYS(MQ_SHUT_DOWN));
        rig_get(&r, FOREVER, SAYS(MQ_SHUT_DOWN));
        rig_free(&r);
    }
}

static void a_shutdown_still_delivers_what_is_left(void)
{
    struct rig r = bounded(0);
    rig_put(&r, BODY("data"), OK);
    rig_shut_down(&r, OK);
    rig_get(&r, GIVES("data"));
    rig_get(&r, SAYS(MQ_SHUT_DOWN));
    rig_free(&r);
}

static void an_immediate_shutdown_delivers_nothing(void)
{
    struct rig r = bounded(0);
    rig_put(&r, BODY("data"), OK);
    rig_shut_down(&r, IMMEDIATE, OK);
    rig_get(&r, SAYS(MQ_SHUT_DOWN));
    rig_free(&r);
}

static void all_transitions_are_allowed_and_none_opens_again(void)
{
    struct rig r = bounded(0);
    CHECK(!rig_look(&r, "q").is_shut_down);
    rig_shut_down(&r, OK);
    CHECK(rig_look(&r, "q").is_shut_down);
    rig_shut_down(&r, IMMEDIATE, OK);
    CHECK(rig_look(&r, "q").is_shut_down);
    rig_shut_down(&r, OK);
    CHECK(rig_look(&r, "q").is_shut_down);
    rig_free(&r);
}

static void all_methods_in_one_thread_after_a_graceful_shutdown(void)
{
    struct rig r = bounded(2);
    rig_put(&r, BODIES("L", "Y"), OK);
    rig_shut_down(&r, OK);
    rig_put(&r, BODY("E"), FOREVER, SAYS(MQ_SHUT_DOWN));
    rig_put(&r, BODY("W"), SAYS(MQ_SHUT_DOWN));
    rig_get(&r, FOREVER, GIVES("L"));
    done_last(&r, 1);
    rig_get(&r, GIVES("Y"));
    done_last(&r, 1);
    rig_join(&r, FOREVER, OK);
    rig_get(&r, FOREVER, SAYS(MQ_SHUT_DOWN));
    rig_get(&r, SAYS(MQ_SHUT_DOWN));
    rig_get(&r, TIMEOUT(1000), SAYS(MQ_SHUT_DOWN));
    rig_free(&r);
}

static void all_methods_in_one_thread_after_an_immediate_shutdown(void)
{
    struct rig r = bounded(2);
    rig_put(&r, BODIES("L", "Y"), OK);
    rig_shut_down(&r, IMMEDIATE, OK);
    rig_put(&r, BODY("E"), FOREVER, SAYS(MQ_SHUT_DOWN));
    rig_put(&r, BODY("W"), SAYS(MQ_SHUT_DOWN));
    rig_get(&r, FOREVER, SAYS(MQ_SHUT_DOWN));
    rig_get(&r, SAYS(MQ_SHUT_DOWN));
    rig_done(&r, ITEMS("L"), SAYS(MQ_TOO_MANY_DONE));
    rig_join(&r, FOREVER, OK);
    rig_free(&r);
}

/* What all the replies that nobody has read yet say together; items in them are done. */
struct tally {
    int answered[RIG_SESSIONS];
    uint64_t stored, received;
};

static void read_all(struct rig *r, struct tally *tally)
{
    const struct rig_reply *reply;
    while ((reply = rig_next(r))) {
        CHECK_REPLY(r, SESSION(reply->session), reply->answer.status, NULL);
        tally->answered[reply->session]++;
        tally->stored += reply->answer.verb == MQ_VERB_PUT ? reply->answer.count : 0;
        tally->received += reply->answer.item_count;
        done_last(r, reply->session);
    }
}

/* 4 writers and 6 readers; the shutdown comes in the middle. Every reader and every writer ends, once. */
static void many_threads(bool immediate)
{
    struct rig r = bounded(16);
    struct tally tally = {0};
    for (int reader = 10; reader < 16; reader++)
        rig_get(&r, SESSION(reader), MAX(8), FOREVER, WAITS);
    for (int writer = 2; writer < 6; writer++) {
        rig_put(&r, SESSION(writer), BULK(40, 8), FOREVER);
        rig_put(&r, SESSION(writer), BULK(40, 8), FOREVER);
    }
    rig_join(&r, SESSION(20), FOREVER, WAITS);
    rig_join(&r, SESSION(21), FOREVER, WAITS);
    rig_shut_down(&r, .immediate = immediate, OK);
    CHECK_EQUAL(rig_look(&r, "q").ready, immediate ? 0 : 16);
    for (int i = 0; i < 2 && !immediate; i++) {
        rig_get(&r, SESSION(30), MAX(8), OK);
        done_last(&r, 30);
    }
    rig_get(&r, SESSION(30), MAX(8), FOREVER, SAYS(MQ_SHUT_DOWN));
    read_all(&r, &tally);
    for (int reader = 10; reader < 16; reader++)
        CHECK_EQUAL(tally.answered[reader], 1);
    for (int writer = 2; writer < 6; writer++)
        CHECK_EQUAL(tally.answered[writer], 2);
    CHECK_EQUAL(tally.answered[20] + tally.answered[21], 2);
    CHECK_EQUAL(tally.stored, tally.received + 16);
    CHECK_EQUAL(rig_look(&r, "q").puts, tally.stored);
    CHECK_EQUAL(rig_look(&r, "q").unfinished, 0);
    rig_free(&r);
}

static void many_threads_all_end_when_the_queue_is_shut_down_in_the_middle(void)
{
    many_threads(false);
}

static void many_threads_all_end_when_the_queue_is_shut_down_immediately(void)
{
    many_threads(true);
}

static void three_getters_on_two_items_two_succeed_and_one_is_shut_down(void)
{
    struct rig r = bounded(2);
    rig_put(&r, BODIES("Y", "D"), OK);
    rig_get(&r, SESSION(2), FOREVER, GIVES("Y"));
    rig_shut_down(&r, OK);
    rig_get(&r, SESSION(3), FOREVER, GIVES("D"));
    rig_get(&r, SESSION(4), FOREVER, SAYS(MQ_SHUT_DOWN));
    rig_free(&r);
}

static void two_getters_after_an_immediate_shutdown_of_a_full_queue_get_nothing(void)
{
    struct rig r = bounded(2);
    rig_put(&r, BODIES("Y", "D"), OK);
    rig_shut_down(&r, IMMEDIATE, OK);
    rig_get(&r, SESSION(2), FOREVER, SAYS(MQ_SHUT_DOWN));
    rig_get(&r, SESSION(3), FOREVER, SAYS(MQ_SHUT_DOWN));
    rig_free(&r);
}

static void putters_on_a_full_queue_are_ended_by_either_shutdown(void)
{
    for (int immediate = 0; immediate < 2; immediate++) {
        struct rig r = bounded(2);
        rig_put(&r, BODIES("Y", "D"), OK);
        rig_put(&r, SESSION(2), BODY("E"), FOREVER, WAITS);
        rig_put(&r, SESSION(3), BODY("W"), FOREVER, WAITS);
        rig_shut_down(&r, .immediate = immediate != 0, OK);
        CHECK_REPLY(&r, SESSION(2), MQ_SHUT_DOWN, "");
        CHECK_REPLY(&r, SESSION(3), MQ_SHUT_DOWN, "");
        rig_free(&r);
    }
}

static void a_joiner_never_sees_the_shutdown(void)
{
    struct rig r = bounded(0);
    rig_put(&r, BODY("D"), OK);
    rig_join(&r, SESSION(2), FOREVER, WAITS);
    rig_join(&r, SESSION(3), FOREVER, WAITS);
    rig_shut_down(&r, IMMEDIATE, OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_free(&r);
}

static void joiners_of_a_graceful_shutdown_return_when_the_item_is_done(void)
{
    struct rig r = bounded(0);
    rig_put(&r, BODY("D"), OK);
    rig_join(&r, SESSION(2), FOREVER, WAITS);
    rig_shut_down(&r, OK);
    rig_join(&r, SESSION(3), FOREVER, WAITS);
    rig_get(&r, GIVES("D"));
    CHECK_NO_REPLY(&r);
    done_last(&r, 1);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    rig_free(&r);
}

static void put_and_join_around_a_shutdown(void)
{
    for (int immediate = 0; immediate < 2; immediate++) {
        struct rig r = bounded(0);
        rig_put(&r, BODY("D"), OK);
        CHECK_EQUAL(rig_look(&r, "q").unfinished, 1);
        rig_join(&r, SESSION(2), FOREVER, WAITS);
        rig_shut_down(&r, .immediate = immediate != 0, OK);
        rig_put(&r, BODY("E"), FOREVER, SAYS(MQ_SHUT_DOWN));
        if (immediate) {
            rig_get(&r, SAYS(MQ_SHUT_DOWN));
        } else {
            rig_get(&r, GIVES("D"));
            done_last(&r, 1);
        }
        CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
        rig_free(&r);
    }
}

static void getters_that_do_task_done_and_joiners_all_succeed_with_a_shutdown_between(void)
{
    struct rig r = bounded(2);
    rig_put(&r, BODIES("Y", "D"), OK);
    CHECK_EQUAL(rig_look(&r, "q").unfinished, rig_look(&r, "q").ready);
    rig_join(&r, SESSION(4), FOREVER, WAITS);
    rig_get(&r, SESSION(2), GIVES("Y"));
    rig_shut_down(&r, OK);
    rig_get(&r, SESSION(3), GIVES("D"));
    rig_join(&r, SESSION(5), FOREVER, WAITS);
    rig_done(&r, SESSION(3), ITEMS("D"), OK);
    rig_done(&r, SESSION(2), ITEMS("Y"), OK);
    CHECK_REPLY(&r, SESSION(4), MQ_OK, "");
    CHECK_REPLY(&r, SESSION(5), MQ_OK, "");
    rig_free(&r);
}

static void a_getter_blocked_on_an_empty_queue_is_woken_by_a_shutdown(void)
{
    struct rig r = bounded(0);
    rig_get(&r, SESSION(2), FOREVER, WAITS);
    rig_shut_down(&r, OK);
    CHECK_REPLY(&r, SESSION(2), MQ_SHUT_DOWN, "");
    rig_free(&r);
}

static void a_blocked_put_is_shut_down_even_if_room_appears_with_the_shutdown(void)
{
    struct rig r = bounded(1);
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, SESSION(2), BODY("b"), FOREVER, WAITS);
    rig_shut_down(&r, IMMEDIATE, OK);
    CHECK_REPLY(&r, SESSION(2), MQ_SHUT_DOWN, "");
    CHECK_EQUAL(rig_look(&r, "q").unfinished, 0);
    rig_free(&r);
}

static void after_an_immediate_shutdown_what_was_taken_is_waited_for_and_may_be_done(void)
{
    struct rig r = bounded(0);
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, GIVES("a"));
    rig_shut_down(&r, IMMEDIATE, OK);
    rig_join(&r, SESSION(2), FOREVER, WAITS);
    rig_done(&r, ITEMS("a"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(an_empty_queue_that_is_shut_down_refuses_put_and_get),
    UNIT(a_shutdown_still_delivers_what_is_left),
    UNIT(an_immediate_shutdown_delivers_nothing),
    UNIT(all_transitions_are_allowed_and_none_opens_again),
    UNIT(all_methods_in_one_thread_after_a_graceful_shutdown),
    UNIT(all_methods_in_one_thread_after_an_immediate_shutdown),
    UNIT(many_threads_all_end_when_the_queue_is_shut_down_in_the_middle),
    UNIT(many_threads_all_end_when_the_queue_is_shut_down_immediately),
    UNIT(three_getters_on_two_items_two_succeed_and_one_is_shut_down),
    UNIT(two_getters_after_an_immediate_shutdown_of_a_full_queue_get_nothing),
    UNIT(putters_on_a_full_queue_are_ended_by_either_shutdown),
    UNIT(a_joiner_never_sees_the_shutdown),
    UNIT(joiners_of_a_graceful_shutdown_return_when_the_item_is_done),
    UNIT(put_and_join_around_a_shutdown),
    UNIT(getters_that_do_task_done_and_joiners_all_succeed_with_a_shutdown_between),
    UNIT(a_getter_blocked_on_an_empty_queue_is_woken_by_a_shutdown),
    UNIT(a_blocked_put_is_shut_down_even_if_room_appears_with_the_shutdown),
    UNIT(after_an_immediate_shutdown_what_was_taken_is_waited_for_and_may_be_done),
};

int main(void)
{
    return unit_run("Python's shutdown", tests, sizeof tests / sizeof *tests);
}
