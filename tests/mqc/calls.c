/* calls.c - calls that give up, are interrupted, or come too late; and what the library does by itself. */
#include <string.h>

#include "call.h"
#include "fake.h"

static struct fake fake;
static struct mqc *mqc;
static struct mqc_queue *queue;

static const struct item_view item_1 = {.id = 1, .deliveries = 1, .body = {"x", 1}};

static void begin(void (*script)(struct fake *), int64_t connect_timeout_ms)
{
    fake_init(&fake);
    fake_run(&fake, script);
    mqc = fake_client(&fake, connect_timeout_ms);
    queue = fake_queue(mqc, "q");
}

static void end(void)
{
    mqc_queue_close(queue);
    mqc_close(mqc);
    fake_end(&fake);
}

static struct mqc_item *get_one(void)
{
    struct mqc_item *item = NULL;
    REQUIRE(mqc_get(queue, MQ_FOREVER, &item) == MQ_OK);
    return item;
}

static void give_item_1(struct fake *f, int64_t lease_ms)
{
    fake_take(f, MQ_VERB_GET);
    fake_answer(f, (struct answer){.items = &item_1, .item_count = 1, .lease_ms = lease_ms});
}

/* ---- Giving up ----------------------------------------------------------------------------------------- */

static void leave_a_ping_alone(struct fake *f)
{
    fake_welcome(f);
    uint64_t number = fake_take_request(f, MQ_VERB_PING)->number;
    REQUIRE(fake_take_request(f, MQ_VERB_CANCEL)->number == number);
    fake_answer(f, (struct answer){.verb = MQ_VERB_PING, .status = MQ_OK});
    fake_goodbye(f);
}

static void a_call_without_an_answer_gives_up_after_the_connect_time_out_and_is_cancelled(void)
{
    begin(leave_a_ping_alone, 200);
    uint64_t before = clock_ms();
    CHECK_EQUAL(mqc_ping(mqc, NULL), MQ_DISCONNECTED);
    CHECK(clock_ms() - before >= 200);
    CHECK(strstr(mqc_error(mqc), "does not answer") != NULL);
    end();
}

static void leave_a_task_done_alone(struct fake *f)
{
    fake_welcome(f);
    give_item_1(f, 0);
    uint64_t number = fake_take_request(f, MQ_VERB_TASK_DONE)->number;
    fake_await(f, 1);
    fake_refuse(f, MQ_TEMPORARY, "again, please");
    fake_take_hello(f, true);
    fake_say_welcome(f, MQ_OK);
    const struct request *again = fake_take_request(f, MQ_VERB_TASK_DONE);
    REQUIRE(again->number == number);
    REQUIRE(again->id_count == 1 && again->ids[0] == 1);
    fake_answer(f, (struct answer){0});
    fake_tell(f, 2);
    fake_goodbye(f);
}

static void a_task_done_without_an_answer_still_reaches_a_broker_that_comes_back(void)
{
    begin(leave_a_task_done_alone, 200);
    CHECK_EQUAL(mqc_task_done(get_one()), MQ_DISCONNECTED);
    fake_tell(&fake, 1);
    fake_await(&fake, 2);
    end();
}

static void vanish_after_a_get(struct fake *f)
{
    fake_welcome(f);
    fake_take(f, MQ_VERB_GET);
    fake_vanish(f);
}

static void a_get_for_ever_gives_up_when_there_is_no_broker_for_the_connect_time_out(void)
{
    struct mqc_item *item;
    begin(vanish_after_a_get, 300);
    CHECK_EQUAL(mqc_get(queue, MQ_FOREVER, &item), MQ_DISCONNECTED);
    CHECK(strlen(mqc_error(mqc)) > 0);
    CHECK_EQUAL(mqc_put(queue, "x", 1, MQ_FOREVER), MQ_DISCONNECTED);
    end();
}

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

/* Interrupts the calls of the thread that starts it, once the script is at stage 1. */
static void *interrupt(void *context)
{
    fake_await(&fake, 1);
    mqc_interrupt(context);
    return NULL;
}

static void have_a_put_stored_after_all(struct fake *f)
{
    static const struct range id = {9, 9};
    fake_welcome(f);
    uint64_t number = fake_take_request(f, MQ_VERB_PUT)->number;
    fake_tell(f, 1);
    REQUIRE(fake_take_request(f, MQ_VERB_CANCEL)->number == number);
    fake_answer(f, (struct answer){.verb = MQ_VERB_PUT, .count = 1, .ids = &id, .id_range_count = 1});
    fake_goodbye(f);
}

static void an_interrupted_put_that_was_stored_is_ok(void)
{
    begin(have_a_put_stored_after_all, LIMIT_MS);
    struct call *put = call_put(queue, "x", MQ_FOREVER);
    fake_await(&fake, 1);
    mqc_interrupt(mqc);
    CHECK_EQUAL(call_end(put, NULL), MQ_OK);
    end();
}

static void have_a_put_half_stored(struct fake *f)
{
    static const struct range ids = {4, 5};
    fake_welcome(f);
    fake_take(f, MQ_VERB_PUT);
    fake_tell(f, 1);
    fake_take(f, MQ_VERB_CANCEL);
    fake_answer(
        f, (struct answer){
               .verb = MQ_VERB_PUT, .status = MQ_INTERRUPTED, .count = 2, .ids = &ids, .id_range_count = 1});
    fake_goodbye(f);
}

static void an_interrupted_put_of_many_says_how_many_are_stored(void)
{
    struct mqc_put puts[3] = {{0}};
    uint64_t ids[3] = {0};
    size_t stored = 99;
    pthread_t interrupter;
    begin(have_a_put_half_stored, LIMIT_MS);
    CHECK(pthread_create(&interrupter, NULL, interrupt, mqc) == 0);
    CHECK_EQUAL(mqc_put_many_ids(queue, puts, 3, MQ_FOREVER, &stored, ids), MQ_INTERRUPTED);
    CHECK_EQUAL(pthread_join(interrupter, NULL), 0);
    CHECK_EQUAL(stored, 2);
    CHECK(ids[0] == 4 && ids[1] == 5 && ids[2] == 0);
    end();
}

static void say_nothing_of_a_put(struct fake *f)
{
    fake_welcome(f);
    fake_take(f, MQ_VERB_PUT);
    fake_tell(f, 1);
    fake_take(f, MQ_VERB_CANCEL);
    fake_goodbye(f);
}

static void an_interrupted_put_waits_for_the_word_no_longer_than_the_connect_time_out(void)
{
    begin(say_nothing_of_a_put, 200);
    struct call *put = call_put(queue, "x", MQ_FOREVER);
    fake_await(&fake, 1);
    mqc_interrupt(mqc);
    CHECK_EQUAL(call_end(put, NULL), MQ_DISCONNECTED);
    end();
}

static void have_an_item_too_late(struct fake *f)
{
    fake_welcome(f);
    uint64_t number = fake_take_request(f, MQ_VERB_GET)->number;
    fake_tell(f, 1);
    REQUIRE(fake_take_request(f, MQ_VERB_CANCEL)->number == number);
    fake_answer(f, (struct answer){.verb = MQ_VERB_GET, .items = &item_1, .item_count = 1});
    const struct request *release = fake_take_request(f, MQ_VERB_RELEASE);
    REQUIRE(release->untouched);
    REQUIRE(release->id_count == 1 && release->ids[0] == 1);
    fake_answer(f, (struct answer){0});
    fake_tell(f, 2);
    fake_goodbye(f);
}

static void items_on_their_way_to_an_interrupted_get_go_back_untouched(void)
{
    begin(have_an_item_too_late, LIMIT_MS);
    struct call *get = call_get(queue, MQ_FOREVER);
    fake_await(&fake, 1);
    mqc_interrupt(mqc);
    CHECK_EQUAL(call_end(get, NULL), MQ_INTERRUPTED);
    fake_await(&fake, 2);
    end();
}

static void answer_one_ping(struct fake *f)
{
    fake_welcome(f);
    fake_take(f, MQ_VERB_PING);
    fake_answer(f, (struct answer){0});
    fake_take(f, MQ_VERB_GET);
    fake_answer(f, (struct answer){.status = MQ_EMPTY});
    fake_goodbye(f);
}

static void an_interrupt_before_the_call_is_kept_for_the_next_that_may_block_once(void)
{
    struct mqc_item *item;
    begin(answer_one_ping, LIMIT_MS);
    mqc_interrupt(mqc);
    mqc_interrupt(mqc);
    CHECK_EQUAL(mqc_ping(mqc, NULL), MQ_OK);
    CHECK_EQUAL(mqc_join(queue, MQ_FOREVER), MQ_INTERRUPTED);
    CHECK_EQUAL(mqc_get_nowait(queue, &item), MQ_EMPTY);
    end();
}

/* ---- Items --------------------------------------------------------------------------------------------- */

static void take_a_confirmation(struct fake *f)
{
    fake_welcome(f);
    REQUIRE(fake_take_request(f, MQ_VERB_GET)->auto_done);
    uint64_t number = f->frame->request.number;
    fake_answer(f, (struct answer){.items = &item_1, .item_count = 1});
    const struct ranges confirms = fake_take(f, MQ_VERB_CONFIRM)->confirms;
    REQUIRE(confirms.count == 1 && confirms.list[0].last == number);
    fake_tell(f, 1);
    fake_goodbye(f);
}

static void an_auto_done_answer_is_confirmed_although_nothing_else_is_asked(void)
{
    struct mqc_item *item;
    size_t count;
    begin(take_a_confirmation, LIMIT_MS);
    struct mqc_get get = {
        .queues = &queue, .queue_count = 1, .max = 1, .timeout_ms = MQ_FOREVER, .auto_done = true};
    CHECK_EQUAL(mqc_get_with(mqc, &get, &item, &count), MQ_OK);
    fake_await(&fake, 1);
    CHECK_EQUAL(mqc_task_done(item), MQ_INVALID);
    end();
}

enum { LEASE_MS = 300 };

static void take_two_renewals(struct fake *f)
{
    static const struct refusal gone = {.id = 1, .status = MQ_LEASE_LOST};
    fake_welcome(f);
    give_item_1(f, LEASE_MS);
    uint64_t given_at_ms = clock_ms();
    for (int i = 0; i < 2; i++) {
        const struct request *extend = fake_take_request(f, MQ_VERB_EXTEND);
        REQUIRE(clock_ms() - given_at_ms >= LEASE_MS / 3 - 1);
        REQUIRE(extend->lease_ms == LEASE_MS);
        REQUIRE(extend->id_count == 1 && extend->ids[0] == 1);
        if (i == 0)
            fake_answer(f, (struct answer){0});
        else
            fake_answer(f, (struct answer){.status = MQ_LEASE_LOST, .refusals = &gone, .refusal_count = 1});
    }
    fake_tell(f, 1);
    fake_take(f, MQ_VERB_TASK_DONE);
    fake_answer(f, (struct answer){.status = MQ_LEASE_LOST, .refusals = &gone, .refusal_count = 1});
    fake_goodbye(f);
}

static void a_lease_is_renewed_at_a_third_of_its_time_until_it_is_lost(void)
{
    begin(take_two_renewals, LIMIT_MS);
    struct mqc_item *item = get_one();
    fake_await(&fake, 1);
    let_pass(LEASE_MS);
    CHECK_EQUAL(mqc_task_done(item), MQ_LEASE_LOST);
    end();
}

static void take_no_renewal(struct fake *f)
{
    fake_welcome(f);
    give_item_1(f, LEASE_MS);
    REQUIRE(fake_take_request(f, MQ_VERB_EXTEND)->lease_ms == 0);
    fake_answer(f, (struct answer){0});
    fake_take(f, MQ_VERB_TASK_DONE);
    fake_answer(f, (struct answer){0});
    fake_goodbye(f);
}

static void a_lease_that_was_made_endless_is_not_renewed(void)
{
    begin(take_no_renewal, LIMIT_MS);
    struct mqc_item *item = get_one();
    CHECK_EQUAL(mqc_extend(item, -1), MQ_INVALID);
    CHECK_EQUAL(mqc_extend(item, 0), MQ_OK);
    let_pass(LEASE_MS);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    end();
}

static void give_item_1_twice(struct fake *f)
{
    struct item_view again = item_1;
    again.deliveries = 2;
    fake_welcome(f);
    give_item_1(f, 0);
    fake_take(f, MQ_VERB_GET);
    fake_answer(f, (struct answer){.items = &again, .item_count = 1});
    fake_take(f, MQ_VERB_TASK_DONE);
    fake_answer(f, (struct answer){0});
    fake_goodbye(f);
}

static void an_item_that_comes_again_is_lost_to_who_had_it_first(void)
{
    begin(give_item_1_twice, LIMIT_MS);
    struct mqc_item *first = get_one(), *second = get_one();
    CHECK_EQUAL(mqc_queue_task_done(queue), MQ_LEASE_LOST); /* the oldest */
    CHECK_EQUAL(mqc_item_deliveries(second), 2);
    CHECK_EQUAL(mqc_task_done(second), MQ_OK);
    CHECK_EQUAL(mqc_task_done(first), MQ_LEASE_LOST);
    end();
}

/* Each of these answers costs the broker its connection; the request stays. */
static void answer_what_was_not_asked(struct fake *f)
{
    const struct item_view two[] = {item_1, item_1};
    const struct answer nonsense[] = {
        {.items = two, .item_count = 2},
        {.items = two, .item_count = 1, .status = MQ_SESSION_LOST},
        {.status = MQ_OK},
        {.verb = MQ_VERB_PING},
        {.verb = MQ_VERB_CANCEL, .status = MQ_INTERRUPTED},
    };
    fake_welcome(f);
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        fake_take(f, MQ_VERB_GET);
        fake_answer(f, nonsense[i]);
        fake_take_hello(f, true);
        fake_say_welcome(f, MQ_OK);
    }
    give_item_1(f, 0);
    fake_goodbye(f);
}

static void a_broker_that_answers_what_was_not_asked_is_left_and_tried_again(void)
{
    begin(answer_what_was_not_asked, LIMIT_MS);
    mqc_item_free(get_one());
    end();
}

static void judge_each(struct fake *f)
{
    struct item_view items[4] = {item_1, item_1, item_1, item_1};
    static const struct refusal refused[] = {{2, MQ_LEASE_LOST}, {4, MQ_TOO_MANY_DONE}};
    for (uint64_t i = 0; i < 4; i++)
        items[i].id = i + 1;
    fake_welcome(f);
    fake_take(f, MQ_VERB_GET);
    fake_answer(f, (struct answer){.items = items, .item_count = 4});
    const struct request *done = fake_take_request(f, MQ_VERB_TASK_DONE);
    REQUIRE(done->id_count == 4);
    fake_answer(f, (struct answer){.status = MQ_LEASE_LOST, .refusals = refused, .refusal_count = 2});
    fake_goodbye(f);
}

static void each_item_of_a_task_done_of_many_has_its_own_status(void)
{
    struct mqc_item *items[5];
    enum mq_status each[5];
    size_t count;
    begin(judge_each, LIMIT_MS);
    CHECK_EQUAL(mqc_get_many(queue, 4, MQ_FOREVER, items, &count), MQ_OK);
    CHECK_EQUAL(count, 4);
    items[4] = NULL;
    CHECK_EQUAL(mqc_task_done_many(items, 5, each), MQ_LEASE_LOST);
    CHECK_EQUAL(each[0], MQ_OK);
    CHECK_EQUAL(each[1], MQ_LEASE_LOST);
    CHECK_EQUAL(each[2], MQ_OK);
    CHECK_EQUAL(each[3], MQ_TOO_MANY_DONE);
    CHECK_EQUAL(each[4], MQ_INVALID);
    end();
}

static void refuse_a_whole_release(struct fake *f)
{
    fake_welcome(f);
    give_item_1(f, 0);
    fake_take(f, MQ_VERB_RELEASE);
    fake_answer(f, (struct answer){.status = MQ_LIMIT, .text = mq_bytes("unconfirmed_max")});
    give_item_1(f, 0);
    give_item_1(f, 0);
    fake_goodbye(f);
}

static void a_release_that_is_refused_as_a_whole_says_why_and_takes_the_item(void)
{
    begin(refuse_a_whole_release, LIMIT_MS);
    CHECK_EQUAL(mqc_release(get_one(), 0), MQ_LIMIT);
    CHECK(strstr(mqc_error(mqc), "unconfirmed_max") != NULL);
    CHECK_EQUAL(mqc_release(get_one(), 1), MQ_UNSUPPORTED);
    CHECK_EQUAL(mqc_release(get_one(), -1), MQ_INVALID);
    end();
}

static void hear_nothing_more(struct fake *f)
{
    fake_welcome(f);
    fake_tell(f, 1);
}

static void a_close_waits_for_a_silent_broker_no_longer_than_the_close_time_out(void)
{
    struct mqc_options options = {.given = MQC_OPTION_CLOSE_TIMEOUT, .close_timeout_ms = 200};
    struct mqc *hasty = NULL;
    fake_init(&fake);
    fake_run(&fake, hear_nothing_more);
    CHECK_EQUAL(mqc_open(fake.endpoint, &options, &hasty), MQ_OK);
    uint64_t before = clock_ms();
    mqc_close(hasty);
    CHECK(clock_ms() - before >= 200);
    CHECK(clock_ms() - before < LIMIT_MS / 2);
    fake_end(&fake);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(a_call_without_an_answer_gives_up_after_the_connect_time_out_and_is_cancelled),
        UNIT(a_task_done_without_an_answer_still_reaches_a_broker_that_comes_back),
        UNIT(a_get_for_ever_gives_up_when_there_is_no_broker_for_the_connect_time_out),
        UNIT(an_interrupted_put_that_was_stored_is_ok),
        UNIT(an_interrupted_put_of_many_says_how_many_are_stored),
        UNIT(an_interrupted_put_waits_for_the_word_no_longer_than_the_connect_time_out),
        UNIT(items_on_their_way_to_an_interrupted_get_go_back_untouched),
        UNIT(an_interrupt_before_the_call_is_kept_for_the_next_that_may_block_once),
        UNIT(an_auto_done_answer_is_confirmed_although_nothing_else_is_asked),
        UNIT(a_lease_is_renewed_at_a_third_of_its_time_until_it_is_lost),
        UNIT(a_lease_that_was_made_endless_is_not_renewed),
        UNIT(an_item_that_comes_again_is_lost_to_who_had_it_first),
        UNIT(a_broker_that_answers_what_was_not_asked_is_left_and_tried_again),
        UNIT(each_item_of_a_task_done_of_many_has_its_own_status),
        UNIT(a_close_waits_for_a_silent_broker_no_longer_than_the_close_time_out),
        UNIT(a_release_that_is_refused_as_a_whole_says_why_and_takes_the_item),
    };
    return unit_run("calls", tests, sizeof tests / sizeof *tests);
}
