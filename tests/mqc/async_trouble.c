/* async_trouble.c - async puts when something comes in between: interrupts, a lost line or session, the end.
 */
#include "async_rig.h"

#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

static void cancel_for_the_rider(struct fake *f)
{
    take_first(f);
    store(f, 1, 1);
    uint64_t number = take(f, "b rider d")->number;
    fake_tell(f, 3);
    REQUIRE(fake_take_request(f, MQ_VERB_CANCEL)->number == number);
    fake_answer(f, (struct answer){.verb = MQ_VERB_PUT, .status = MQ_INTERRUPTED});
    take(f, "b d");
    store(f, 2, 2);
    fake_goodbye(f);
}

static struct call *gather_b_rider_d(void)
{
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_OK);
    struct call *rider = call_put(queue, "rider", MQ_FOREVER);
    WAIT_UNTIL(somebody_waits(), LIMIT_MS);
    CHECK_EQUAL(put_async("d"), MQ_OK);
    return rider;
}

static void an_interrupt_takes_back_the_put_that_waits_and_not_the_async_ones(void)
{
    begin(cancel_for_the_rider, LIMIT_MS);
    struct call *rider = gather_b_rider_d();
    fake_tell(&fake, 2);
    fake_await(&fake, 3);
    mqc_interrupt(mqc);
    CHECK_EQUAL(call_end(rider, NULL), MQ_INTERRUPTED);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK(results_are("a:OK1 b:OK2 d:OK3 "));
    end();
}

static void have_stored_it(struct fake *f)
{
    take_first(f);
    store(f, 1, 1);
    uint64_t number = take(f, "b rider d")->number;
    fake_tell(f, 3);
    REQUIRE(fake_take_request(f, MQ_VERB_CANCEL)->number == number);
    struct range ids = {2, 3};
    fake_answer(f, (struct answer){.verb = MQ_VERB_PUT, .count = 2, .ids = &ids, .id_range_count = 1});
    take(f, "d");
    store(f, 1, 4);
    fake_goodbye(f);
}

static void an_interrupted_put_that_was_stored_is_ok(void)
{
    begin(have_stored_it, LIMIT_MS);
    struct call *rider = gather_b_rider_d();
    fake_tell(&fake, 2);
    fake_await(&fake, 3);
    mqc_interrupt(mqc);
    CHECK_EQUAL(call_end(rider, NULL), MQ_OK);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK(results_are("a:OK1 b:OK2 d:OK4 "));
    end();
}

static void never_see_the_rider(struct fake *f)
{
    take_first(f);
    store(f, 1, 1);
    take(f, "b d");
    store(f, 2, 2);
    fake_goodbye(f);
}

static void an_interrupted_put_that_was_not_sent_yet_returns_at_once(void)
{
    begin(never_see_the_rider, LIMIT_MS);
    struct call *rider = gather_b_rider_d();
    mqc_interrupt(mqc);
    CHECK_EQUAL(call_end(rider, NULL), MQ_INTERRUPTED);
    fake_tell(&fake, 2);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK(results_are("a:OK1 b:OK2 d:OK3 "));
    end();
}

static void a_full_window_and_a_flush_can_be_interrupted(void)
{
    begin(let_time_pass, LIMIT_MS);
    mqc->async.items_max = 1;
    put_first();
    mqc_interrupt(mqc);
    CHECK_EQUAL(put_async("b"), MQ_INTERRUPTED);
    mqc_interrupt(mqc);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_INTERRUPTED);
    CHECK_EQUAL(mqc_flush(mqc, 5), MQ_TIMED_OUT);
    mqc_interrupt(mqc);
    CHECK_EQUAL(mqc_put(queue, "timed", 5, LIMIT_MS), MQ_INTERRUPTED);
    fake_tell(&fake, 2);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK(results_are("a:OK1 "));
    end();
}

/* ---- The line and the session -------------------------------------------------------------------------- */

static void lose_the_line(struct fake *f)
{
    fake_welcome(f);
    uint64_t number = take(f, "a")->number;
    fake_tell(f, 1);
    fake_await(f, 2);
    fake_refuse(f, MQ_TEMPORARY, "again, please");
    fake_take_hello(f, true);
    fake_say_welcome(f, MQ_OK);
    REQUIRE(take(f, "a")->number == number);
    store(f, 1, 1);
    take(f, "b");
    store(f, 1, 2);
    fake_goodbye(f);
}

static void what_was_under_way_when_the_line_was_lost_is_repeated(void)
{
    begin(lose_the_line, LIMIT_MS);
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_OK);
    fake_tell(&fake, 2);
    WAIT_UNTIL(count_results() == 2, LIMIT_MS);
    CHECK(results_are("a:OK1 b:OK2 "));
    end();
}

static void lose_the_session(struct fake *f)
{
    take_first(f);
    fake_refuse(f, MQ_TEMPORARY, "again, please");
    fake_take_hello(f, true);
    fake_say_welcome(f, MQ_SESSION_LOST);
    fake_take_hello(f, false);
    fake_say_welcome(f, MQ_OK);
    take(f, "b");
    store(f, 1, 2);
    fake_goodbye(f);
}

static void of_a_lost_session_only_what_was_under_way_is_lost(void)
{
    begin(lose_the_session, LIMIT_MS);
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_OK);
    fake_tell(&fake, 2);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_SESSION_LOST);
    CHECK(results_are("a:SESSION_LOST b:OK2 "));
    end();
}

static void go_away(struct fake *f)
{
    take_first(f);
    fake_vanish(f);
}

static void without_a_broker_async_puts_are_given_up_after_the_connect_time_out(void)
{
    begin(go_away, 300);
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_OK);
    struct call *rider = call_put(queue, "rider", MQ_FOREVER);
    fake_tell(&fake, 2);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_DISCONNECTED);
    CHECK(results_are("a:DISCONNECTED b:DISCONNECTED "));
    CHECK_EQUAL(call_end(rider, NULL), MQ_DISCONNECTED);
    uint64_t before = clock_ms();
    CHECK_EQUAL(put_async("late"), MQ_OK);
    WAIT_UNTIL(count_results() == 3, LIMIT_MS);
    CHECK(clock_ms() - before >= 300);
    CHECK_EQUAL(put_async("later"), MQ_OK);
    CHECK_EQUAL(mqc_put_nowait(queue, "x", 1), MQ_DISCONNECTED);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_DISCONNECTED);
    end();
}

static void come_back_for_the_rider(struct fake *f)
{
    take_first(f);
    store(f, 1, 1);
    fake_await(f, 3);
    fake_vanish(f);
    fake_await(f, 4);
    fake_come_back(f);
    fake_take_hello(f, true);
    fake_say_welcome(f, MQ_OK);
    take(f, "rider");
    store(f, 1, 2);
    fake_goodbye(f);
}

static bool is_line_lost(void)
{
    CHECK_EQUAL(mqc_flush(mqc, MQ_NOWAIT), MQ_OK); /* which looks at the line */
    pthread_mutex_lock(&mqc->lock);
    bool is_lost = mqc->conversation.line != LINE_READY;
    mqc->wire.lost_since_ms = 0; /* long ago */
    pthread_mutex_unlock(&mqc->lock);
    return is_lost;
}

static bool has_seen_the_bell(void)
{
    struct pollfd bell = {.fd = mqc->helper.wake_fd, .events = POLLIN};
    return poll(&bell, 1, 0) == 0;
}

static void let_the_helper_look(void)
{
    uint64_t one = 1;
    CHECK_EQUAL(write(mqc->helper.wake_fd, &one, sizeof one), sizeof one);
    WAIT_UNTIL(has_seen_the_bell(), LIMIT_MS);
    pthread_mutex_lock(&mqc->lock); /* which it holds from there until it has looked at everything */
    pthread_mutex_unlock(&mqc->lock);
}

static void a_put_after_a_long_outage_is_not_as_old_as_that(void)
{
    begin(come_back_for_the_rider, LIMIT_MS);
    put_first();
    fake_tell(&fake, 2);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    fake_tell(&fake, 3);
    WAIT_UNTIL(is_line_lost(), LIMIT_MS);
    struct call *rider = call_put(queue, "rider", MQ_FOREVER);
    WAIT_UNTIL(somebody_waits(), LIMIT_MS);
    let_the_helper_look();
    fake_tell(&fake, 4);
    CHECK_EQUAL(call_end(rider, NULL), MQ_OK);
    end();
}

static void store_and_go_away(struct fake *f)
{
    fake_welcome(f);
    take(f, "a");
    store(f, 1, 1);
    take(f, "b");
    fake_vanish(f);
}

static enum mq_status flushed;

static void put_and_flush(void *context, enum mq_status status, uint64_t id)
{
    CHECK_EQUAL(put_quietly("b"), MQ_OK);
    flushed = mqc_flush(mqc, MQ_FOREVER);
    note(context, status, id);
}

static void a_flush_by_an_on_done_does_not_wait_for_a_broker_that_is_gone(void)
{
    struct mqc_put put = {.body = "a", .size = 1};
    begin(store_and_go_away, 300);
    CHECK_EQUAL(mqc_put_async(queue, &put, put_and_flush, "a"), MQ_OK);
    WAIT_UNTIL(count_results() == 1, LIMIT_MS);
    CHECK_EQUAL(flushed, MQ_DISCONNECTED);
    CHECK(results_are("a:OK1 "));
    end();
}

/* ---- The end ------------------------------------------------------------------------------------------- */

static void answer_late(struct fake *f)
{
    take_first(f);
    store(f, 1, 1);
    take(f, "b c");
    store(f, 2, 2);
    fake_goodbye(f);
}

static void *let_go(void *context)
{
    (void)context;
    let_pass(20);
    fake_tell(&fake, 2);
    return NULL;
}

static void closing_waits_for_results_and_tells_them(void)
{
    pthread_t thread;
    begin(answer_late, LIMIT_MS);
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_OK);
    CHECK_EQUAL(put_async("c"), MQ_OK);
    mqc_queue_close(queue);
    CHECK(pthread_create(&thread, NULL, let_go, NULL) == 0);
    mqc_close(mqc);
    CHECK(results_are("a:OK1 b:OK2 c:OK3 "));
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    fake_end(&fake);
}

static void never_answer(struct fake *f)
{
    fake_welcome(f);
    take(f, "a");
    fake_tell(f, 1);
    fake_await(f, 2);
}

static void what_has_no_result_when_closing_takes_too_long_is_closed(void)
{
    begin(never_answer, LIMIT_MS);
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_OK);
    CHECK_EQUAL(put_quietly("c"), MQ_OK);
    mqc->close_timeout_ms = 50;
    mqc_close(mqc);
    CHECK(results_are("a:CLOSED b:CLOSED "));
    CHECK_EQUAL(put_async("d"), MQ_CLOSED);
    mqc_queue_close(queue);
    fake_tell(&fake, 2);
    fake_end(&fake);
}

static void closing_ends_puts_that_wait_and_carries_out_the_async_ones(void)
{
    begin(cancel_for_the_rider, LIMIT_MS);
    struct call *rider = gather_b_rider_d();
    fake_tell(&fake, 2);
    fake_await(&fake, 3);
    mqc_close(mqc);
    CHECK_EQUAL(call_end(rider, NULL), MQ_CLOSED);
    CHECK(results_are("a:OK1 b:OK2 d:OK3 "));
    mqc_queue_close(queue);
    fake_end(&fake);
}

static void hear_nothing(struct fake *f)
{
    fake_welcome(f);
    fake_goodbye(f);
}

static void in_a_forked_child_async_puts_are_invalid(void)
{
    int status;
    begin(hear_nothing, LIMIT_MS);
    pid_t child = fork();
    if (child == 0)
        _exit(put_async("x") == MQ_INVALID && mqc_flush(mqc, MQ_FOREVER) == MQ_INVALID ? 0 : 1);
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK_EQUAL(status, 0);
    end();
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(an_interrupt_takes_back_the_put_that_waits_and_not_the_async_ones),
        UNIT(an_interrupted_put_that_was_stored_is_ok),
        UNIT(an_interrupted_put_that_was_not_sent_yet_returns_at_once),
        UNIT(a_full_window_and_a_flush_can_be_interrupted),
        UNIT(what_was_under_way_when_the_line_was_lost_is_repeated),
        UNIT(of_a_lost_session_only_what_was_under_way_is_lost),
        UNIT(without_a_broker_async_puts_are_given_up_after_the_connect_time_out),
        UNIT(a_put_after_a_long_outage_is_not_as_old_as_that),
        UNIT(a_flush_by_an_on_done_does_not_wait_for_a_broker_that_is_gone),
        UNIT(closing_waits_for_results_and_tells_them),
        UNIT(what_has_no_result_when_closing_takes_too_long_is_closed),
        UNIT(closing_ends_puts_that_wait_and_carries_out_the_async_ones),
        UNIT(in_a_forked_child_async_puts_are_invalid),
    };
    return unit_run("async_trouble", tests, sizeof tests / sizeof *tests);
}
