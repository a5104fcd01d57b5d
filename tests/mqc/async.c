/* async.c - async puts and the flush, and puts that wait beside them, against a broker that follows a script.
 */
#include "async_rig.h"

#include <string.h>

#include "call.h"

/* ---- Results ------------------------------------------------------------------------------------------- */

static void store_all(struct fake *f)
{
    struct range ids[] = {{20, 20}, {30, 31}};
    take_first(f);
    store(f, 1, 10);
    take(f, "b c d");
    fake_answer(f, (struct answer){.count = 3, .ids = ids, .id_range_count = 2});
    fake_goodbye(f);
}

static void async_puts_share_a_request_while_one_is_under_way_and_each_gets_its_id(void)
{
    begin(store_all, LIMIT_MS);
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_OK);
    CHECK_EQUAL(put_async("c"), MQ_OK);
    CHECK_EQUAL(put_async("d"), MQ_OK);
    CHECK_EQUAL(mqc_flush(mqc, MQ_NOWAIT), MQ_TIMED_OUT);
    fake_tell(&fake, 2);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK(results_are("a:OK10 b:OK20 c:OK30 d:OK31 "));
    CHECK(!pthread_equal(told_by, pthread_self()));
    CHECK_EQUAL(mqc_flush(mqc, MQ_NOWAIT), MQ_OK);
    end();
}

static void store_some(struct fake *f)
{
    take_first(f);
    store(f, 1, 1);
    take(f, "b c d");
    store(f, 1, 2);
    take(f, "c d");
    store(f, 2, 3);
    fake_goodbye(f);
}

static void what_found_no_room_goes_with_the_next_request(void)
{
    begin(store_some, LIMIT_MS);
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_OK);
    CHECK_EQUAL(put_async("c"), MQ_OK);
    CHECK_EQUAL(put_async("d"), MQ_OK);
    fake_tell(&fake, 2);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK(results_are("a:OK1 b:OK2 c:OK3 d:OK4 "));
    end();
}

static void nobody_calls_the_library(struct fake *f)
{
    fake_welcome(f);
    take(f, "a");
    store(f, 1, 1);
    fake_goodbye(f);
}

static void a_result_comes_although_nobody_calls_the_library(void)
{
    begin(nobody_calls_the_library, LIMIT_MS);
    CHECK_EQUAL(put_async("a"), MQ_OK);
    WAIT_UNTIL(count_results() == 1, LIMIT_MS);
    CHECK(results_are("a:OK1 "));
    end();
}

static void shut_down_half_way(struct fake *f)
{
    take_first(f);
    store(f, 1, 1);
    take(f, "b c");
    fake_tell(f, 3);
    fake_await(f, 4);
    fake_answer(f, (struct answer){.status = MQ_SHUT_DOWN, .text = mq_bytes("q")});
    take(f, "d");
    refuse(f, MQ_NO_QUEUE);
    fake_goodbye(f);
}

static void a_refusal_is_for_all_of_its_request_and_the_flush_tells_the_first_once(void)
{
    begin(shut_down_half_way, LIMIT_MS);
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_OK);
    CHECK_EQUAL(put_quietly("c"), MQ_OK);
    fake_tell(&fake, 2);
    fake_await(&fake, 3);
    CHECK_EQUAL(put_async("d"), MQ_OK);
    fake_tell(&fake, 4);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_SHUT_DOWN);
    CHECK(strcmp(mqc_error(mqc), "queue is shut down: q") == 0);
    CHECK(results_are("a:OK1 b:SHUT_DOWN d:NO_QUEUE "));
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    end();
}

static void refuse_the_one_at_fault(struct fake *f)
{
    take_first(f);
    store(f, 1, 1);
    take(f, "b bad d");
    refuse(f, MQ_INVALID);
    take(f, "b");
    store(f, 1, 2);
    take(f, "bad d");
    refuse(f, MQ_INVALID);
    take(f, "bad");
    refuse(f, MQ_INVALID);
    take(f, "d");
    store(f, 1, 3);
    fake_goodbye(f);
}

static void one_item_at_fault_does_not_spoil_the_others(void)
{
    begin(refuse_the_one_at_fault, LIMIT_MS);
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_OK);
    CHECK_EQUAL(put_async("bad"), MQ_OK);
    CHECK_EQUAL(put_async("d"), MQ_OK);
    fake_tell(&fake, 2);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_INVALID);
    CHECK(results_are("a:OK1 b:OK2 bad:INVALID d:OK3 "));
    end();
}

static void store_none(struct fake *f)
{
    fake_welcome(f);
    take(f, "a");
    fake_answer(f, (struct answer){.status = MQ_OK});
    take(f, "b");
    fake_answer(f, (struct answer){.status = MQ_OK, .count = 99});
    take(f, "c");
    refuse(f, MQ_INTERRUPTED);
    fake_goodbye(f);
}

static void a_broker_that_makes_no_sense_is_not_asked_for_ever(void)
{
    begin(store_none, LIMIT_MS);
    CHECK_EQUAL(put_async("a"), MQ_OK);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_TEMPORARY);
    CHECK_EQUAL(put_async("b"), MQ_OK);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK_EQUAL(put_async("c"), MQ_OK);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_INTERRUPTED);
    CHECK(results_are("a:TEMPORARY b:OK0 c:INTERRUPTED "));
    end();
}

static void hear_nothing(struct fake *f)
{
    fake_welcome(f);
    fake_goodbye(f);
}

static void what_is_wrong_with_an_async_put_is_found_at_once(void)
{
    struct mqc_put odd = {.reserved = {1}}, plain = {.size = 0};
    begin(hear_nothing, LIMIT_MS);
    mqc->wire.welcome.body_max = 10;
    CHECK_EQUAL(mqc_put_async(NULL, &plain, note, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_put_async(queue, NULL, note, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_put_async(queue, &odd, note, NULL), MQ_INVALID);
    CHECK_EQUAL(put_async("12345678901"), MQ_TOO_BIG);
    CHECK_EQUAL(mqc_flush(NULL, MQ_FOREVER), MQ_INVALID);
    CHECK_EQUAL(mqc_flush(mqc, -2), MQ_INVALID);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK_EQUAL(count_results(), 0);
    end();
}

/* ---- The window ---------------------------------------------------------------------------------------- */

static void store_three(struct fake *f)
{
    take_first(f);
    store(f, 1, 1);
    take(f, "b");
    fake_await(f, 3);
    store(f, 1, 2);
    take(f, "c");
    store(f, 1, 3);
    fake_goodbye(f);
}

static atomic_int put_c_status; /* -1: it has not returned */

static void *put_c(void *context)
{
    (void)context;
    atomic_store(&put_c_status, (int)put_async("c"));
    return NULL;
}

static void a_full_window_blocks_until_there_is_a_result(void)
{
    pthread_t thread;
    atomic_store(&put_c_status, -1);
    begin(store_three, LIMIT_MS);
    mqc->async.items_max = 2;
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_OK);
    CHECK(pthread_create(&thread, NULL, put_c, NULL) == 0);
    WAIT_UNTIL(somebody_waits(), LIMIT_MS);
    CHECK_EQUAL(atomic_load(&put_c_status), -1);
    fake_tell(&fake, 2);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    CHECK_EQUAL(atomic_load(&put_c_status), MQ_OK);
    fake_tell(&fake, 3);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK(results_are("a:OK1 b:OK2 c:OK3 "));
    end();
}

static void a_full_window_refuses_if_that_was_asked_for(void)
{
    begin(let_time_pass, LIMIT_MS);
    mqc->async.items_max = 1;
    mqc->async.refuses = true;
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_FULL);
    CHECK(strstr(mqc_error(mqc), "window") != NULL);
    fake_tell(&fake, 2);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK(results_are("a:OK1 "));
    end();
}

static void store_a_large_one(struct fake *f)
{
    fake_welcome(f);
    take(f, "a large body");
    fake_tell(f, 1);
    fake_await(f, 2);
    store(f, 1, 1);
    take(f, "1234");
    fake_await(f, 3);
    store(f, 1, 2);
    fake_goodbye(f);
}

static void the_window_counts_bytes_too_but_one_large_body_alone_is_fine(void)
{
    begin(store_a_large_one, LIMIT_MS);
    mqc->async.bytes_max = 4;
    mqc->async.refuses = true;
    CHECK_EQUAL(put_async("a large body"), MQ_OK);
    fake_await(&fake, 1);
    CHECK_EQUAL(put_async("1234"), MQ_FULL);
    CHECK(strstr(mqc_error(mqc), "window") != NULL);
    fake_tell(&fake, 2);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK_EQUAL(put_async("1234"), MQ_OK);
    CHECK_EQUAL(put_async("1"), MQ_FULL);
    fake_tell(&fake, 3);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    end();
}

/* ---- on_done ------------------------------------------------------------------------------------------- */

static void store_a_chain(struct fake *f)
{
    fake_welcome(f);
    take(f, "a");
    store(f, 1, 1);
    take(f, "b");
    store(f, 1, 2);
    take(f, "c");
    store(f, 1, 3);
    fake_take(f, MQ_VERB_PING);
    fake_answer(f, (struct answer){.status = MQ_OK});
    fake_goodbye(f);
}

static void put_more(void *context, enum mq_status status, uint64_t id)
{
    struct mqc_put put = {.body = "c", .size = 1};
    note(context, status, id);
    REQUIRE(put_async("b") == MQ_OK);
    REQUIRE(mqc_flush(mqc, MQ_FOREVER) == MQ_OK);
    REQUIRE(mqc_put_item(queue, &put, MQ_FOREVER, NULL) == MQ_OK);
    REQUIRE(mqc_ping(mqc, NULL) == MQ_OK);
    fake_tell(&fake, 5);
}

static void an_on_done_may_put_and_flush_even_if_the_window_is_full_of_those_after_it(void)
{
    struct mqc_put put = {.body = "a", .size = 1};
    begin(store_a_chain, LIMIT_MS);
    mqc->async.items_max = 1;
    CHECK_EQUAL(mqc_put_async(queue, &put, put_more, "a"), MQ_OK);
    fake_await(&fake, 5);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK(results_are("a:OK1 b:OK2 "));
    end();
}

/* ---- Puts that wait, beside them ----------------------------------------------------------------------- */

static void store_with_a_rider(struct fake *f)
{
    take_first(f);
    store(f, 1, 1);
    take(f, "b rider");
    store(f, 2, 2);
    take(f, "last");
    store(f, 1, 4);
    fake_goodbye(f);
}

static void a_put_without_a_time_out_shares_the_request_and_comes_after_the_async_puts_before_it(void)
{
    uint64_t id = 0;
    struct mqc_put put = {.body = "last", .size = 4};
    begin(store_with_a_rider, LIMIT_MS);
    put_first();
    CHECK_EQUAL(put_async("b"), MQ_OK);
    struct call *rider = call_put(queue, "rider", MQ_FOREVER);
    WAIT_UNTIL(somebody_waits(), LIMIT_MS);
    fake_tell(&fake, 2);
    CHECK_EQUAL(call_end(rider, NULL), MQ_OK);
    CHECK_EQUAL(mqc_put_item(queue, &put, MQ_FOREVER, &id), MQ_OK);
    CHECK_EQUAL(id, 4);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK(results_are("a:OK1 b:OK2 "));
    end();
}

static void take_own(struct fake *f, const char *text, int64_t timeout_ms)
{
    const struct request *put = fake_take_request(f, MQ_VERB_PUT);
    REQUIRE(!put->partial);
    REQUIRE(put->put_count == 1);
    REQUIRE(put->puts[0].body.size == strlen(text) && !memcmp(put->puts[0].body.data, text, strlen(text)));
    REQUIRE(put->timeout_ms == timeout_ms || (timeout_ms > 0 && put->timeout_ms > 0));
    store(f, 1, 99);
}

static void let_the_turn_come(struct fake *f)
{
    take_first(f);
    store(f, 1, 1);
    take_own(f, "timed", LIMIT_MS);
    fake_goodbye(f);
}

static void a_put_with_a_time_out_is_sent_when_the_async_puts_before_it_have_their_results(void)
{
    begin(let_the_turn_come, LIMIT_MS);
    put_first();
    struct call *timed = call_put(queue, "timed", LIMIT_MS);
    WAIT_UNTIL(somebody_waits(), LIMIT_MS);
    fake_tell(&fake, 2);
    CHECK_EQUAL(call_end(timed, NULL), MQ_OK);
    CHECK(results_are("a:OK1 ") || mqc_flush(mqc, MQ_FOREVER) == MQ_OK);
    end();
}

static void a_put_whose_turn_does_not_come_in_time_is_full(void)
{
    begin(let_time_pass, LIMIT_MS);
    put_first();
    CHECK_EQUAL(mqc_put(queue, "timed", 5, 10), MQ_FULL);
    fake_tell(&fake, 2);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    end();
}

/* A put under way is cancelled, and asked again without waiting. */
static void hurry(struct fake *f)
{
    fake_welcome(f);
    uint64_t number = take(f, "a")->number;
    fake_tell(f, 1);
    REQUIRE(fake_take_request(f, MQ_VERB_CANCEL)->number == number);
    fake_answer(f, (struct answer){.verb = MQ_VERB_PUT, .status = MQ_INTERRUPTED});
    REQUIRE(take(f, "a")->timeout_ms == MQ_NOWAIT);
}

static void be_full(struct fake *f)
{
    hurry(f);
    refuse(f, MQ_FULL);
    REQUIRE(take(f, "a")->timeout_ms == MQ_FOREVER);
    store(f, 1, 1);
    fake_goodbye(f);
}

static void a_put_that_does_not_wait_is_full_if_there_is_no_room_for_those_before_it(void)
{
    begin(be_full, LIMIT_MS);
    put_first();
    CHECK_EQUAL(mqc_put_nowait(queue, "x", 1), MQ_FULL);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK(results_are("a:OK1 "));
    end();
}

static void have_room(struct fake *f)
{
    hurry(f);
    store(f, 1, 1);
    take_own(f, "x", MQ_NOWAIT);
    fake_goodbye(f);
}

static void a_put_that_does_not_wait_is_asked_when_there_is_room_for_those_before_it(void)
{
    begin(have_room, LIMIT_MS);
    put_first();
    CHECK_EQUAL(mqc_put_nowait(queue, "x", 1), MQ_OK);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    CHECK(results_are("a:OK1 "));
    end();
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(async_puts_share_a_request_while_one_is_under_way_and_each_gets_its_id),
        UNIT(what_found_no_room_goes_with_the_next_request),
        UNIT(a_result_comes_although_nobody_calls_the_library),
        UNIT(a_refusal_is_for_all_of_its_request_and_the_flush_tells_the_first_once),
        UNIT(one_item_at_fault_does_not_spoil_the_others),
        UNIT(a_broker_that_makes_no_sense_is_not_asked_for_ever),
        UNIT(what_is_wrong_with_an_async_put_is_found_at_once),
        UNIT(a_full_window_blocks_until_there_is_a_result),
        UNIT(a_full_window_refuses_if_that_was_asked_for),
        UNIT(the_window_counts_bytes_too_but_one_large_body_alone_is_fine),
        UNIT(an_on_done_may_put_and_flush_even_if_the_window_is_full_of_those_after_it),
        UNIT(a_put_without_a_time_out_shares_the_request_and_comes_after_the_async_puts_before_it),
        UNIT(a_put_with_a_time_out_is_sent_when_the_async_puts_before_it_have_their_results),
        UNIT(a_put_whose_turn_does_not_come_in_time_is_full),
        UNIT(a_put_that_does_not_wait_is_full_if_there_is_no_room_for_those_before_it),
        UNIT(a_put_that_does_not_wait_is_asked_when_there_is_room_for_those_before_it),
    };
    return unit_run("async", tests, sizeof tests / sizeof *tests);
}
