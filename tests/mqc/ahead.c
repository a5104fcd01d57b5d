/* ahead.c - what a handle with prefetch asks of the broker, holds, and gives back. */
#include <sys/eventfd.h>

#include "ahead_rig.h"

/* ---- Fetching ------------------------------------------------------------------------------------------ */

static void fetch_in_halves(struct fake *f)
{
    welcome_and_give_8(f);
    take_get(f, 4, 0);
    give(f, 9, 4, 0);
    take_plain(f, MQ_VERB_PING);
    take_get(f, 4, 0);
    fake_answer(f, (struct answer){.status = MQ_EMPTY});
    take_plain(f, MQ_VERB_PING);
    take_get(f, 8, -1);
    give(f, 13, 1, 0);
    fake_goodbye(f);
}

static void gets_take_what_lies_ahead_while_more_is_fetched_and_wait_at_the_broker_at_the_end(void)
{
    begin(fetch_in_halves);
    for (uint64_t id = 1; id <= 13; id++) {
        free_one(id);
        if (id == 4 || id == 8)
            read_the_line();
    }
    end();
}

static void expect_one_then_two(struct fake *f)
{
    fake_welcome(f);
    take_get(f, 1, -1);
    give(f, 1, 1, 0);
    take_get(f, 2, -1);
    give(f, 2, 2, 0);
    take_back(f, 3, 1);
    fake_goodbye(f);
}

static void a_program_that_gets_one_item_has_one_item(void)
{
    begin(expect_one_then_two);
    queue->ahead.policy.window = 1;
    free_one(1);
    CHECK_EQUAL(queue->ahead.count, 0);
    free_one(2);
    end();
}

static void give_3_of_many(struct fake *f)
{
    welcome_and_give_8(f);
    take_get(f, 8, 0);
    give(f, 9, 8, 0);
    take_get(f, 8, 0);
    fake_answer(f, (struct answer){.status = MQ_EMPTY});
    take_get(f, 10, 0);
    fake_answer(f, (struct answer){.status = MQ_EMPTY});
    fake_goodbye(f);
}

static void a_get_of_many_takes_what_lies_ahead_and_asks_only_if_nothing_does(void)
{
    struct mqc_item *items[10];
    size_t count = 0;
    begin(give_3_of_many);
    CHECK_EQUAL(mqc_get_many(queue, 3, MQ_FOREVER, items, &count), MQ_OK);
    CHECK_EQUAL(count, 3);
    CHECK_EQUAL(mqc_get_many(queue, 10, MQ_FOREVER, items + 3, &count), MQ_OK);
    CHECK_EQUAL(count, 5);
    CHECK_EQUAL(mqc_item_id(items[7]), 8);
    for (size_t i = 0; i < 8; i++)
        mqc_item_free(items[i]);
    CHECK_EQUAL(mqc_get_many(queue, 10, MQ_NOWAIT, items, &count), MQ_OK);
    CHECK_EQUAL(count, 8);
    CHECK_EQUAL(mqc_item_id(items[0]), 9);
    for (size_t i = 0; i < 8; i++)
        mqc_item_free(items[i]);
    CHECK_EQUAL(mqc_get_many(queue, 10, MQ_NOWAIT, items, &count), MQ_EMPTY);
    end();
}

static void have_an_auto_done_get(struct fake *f)
{
    welcome_and_give_8(f);
    REQUIRE(fake_take_request(f, MQ_VERB_GET)->auto_done);
    REQUIRE(f->frame->request.max == 1);
    give(f, 9, 1, 0);
    take_back(f, 2, 7);
    fake_goodbye(f);
}

static void an_auto_done_get_goes_to_the_broker(void)
{
    struct mqc_get get = {.queues = &queue, .queue_count = 1, .max = 1, .auto_done = true};
    struct mqc_item *item;
    size_t count;
    begin(have_an_auto_done_get);
    free_one(1);
    CHECK_EQUAL(mqc_get_with(mqc, &get, &item, &count), MQ_OK);
    CHECK_EQUAL(mqc_item_id(item), 9);
    mqc_item_free(item);
    end();
}

static void serve_two_by_one_answer(struct fake *f)
{
    fake_welcome(f);
    take_get(f, 8, -1);
    uint64_t first = f->frame->request.number;
    fake_tell(f, 1);
    take_get(f, 1, -1);
    uint64_t second = f->frame->request.number;
    f->frame->request.number = first;
    give(f, 1, 3, 0);
    REQUIRE(fake_take_request(f, MQ_VERB_CANCEL)->number == second);
    fake_answer(f, (struct answer){.verb = MQ_VERB_GET, .status = MQ_INTERRUPTED});
    take_back(f, 3, 1);
    fake_goodbye(f);
}

/* A get on a thread of its own. */
static void *get_on_thread(void *context)
{
    struct mqc_item **ret_item = context;
    REQUIRE(mqc_get(queue, MQ_FOREVER, ret_item) == MQ_OK);
    return NULL;
}

static void what_comes_for_one_thread_serves_others_that_wait_on_the_same_handle(void)
{
    struct mqc_item *items[2] = {NULL, NULL};
    pthread_t threads[2];
    begin(serve_two_by_one_answer);
    CHECK(pthread_create(&threads[0], NULL, get_on_thread, &items[0]) == 0);
    fake_await(&fake, 1);
    CHECK(pthread_create(&threads[1], NULL, get_on_thread, &items[1]) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
        CHECK_EQUAL(mqc_item_id(items[i]), i + 1);
        mqc_item_free(items[i]);
    }
    end();
}

static void interrupt_between(struct fake *f)
{
    welcome_and_give_8(f);
    take_back(f, 3, 6);
    fake_goodbye(f);
}

static void an_interrupt_ends_the_next_get_even_if_items_lie_ahead(void)
{
    struct mqc_item *none;
    begin(interrupt_between);
    free_one(1);
    mqc_interrupt(mqc);
    CHECK_EQUAL(mqc_get(queue, MQ_FOREVER, &none), MQ_INTERRUPTED);
    free_one(2);
    end();
}

static void leave_a_fetch_alone(struct fake *f)
{
    welcome_and_give_8(f);
    take_get(f, 4, 0);
    uint64_t number = f->frame->request.number;
    fake_tell(f, 1);
    REQUIRE(fake_take_request(f, MQ_VERB_CANCEL)->number == number);
    f->frame->verb = MQ_VERB_GET;
    give(f, 9, 4, 0);
    take_back(f, 9, 4);
    fake_tell(f, 2);
    fake_goodbye(f);
}

static bool somebody_waits(void)
{
    pthread_mutex_lock(&mqc->lock);
    bool waits = !list_is_empty(&mqc->waiting);
    pthread_mutex_unlock(&mqc->lock);
    return waits;
}

static void *interrupt_the_get(void *context)
{
    (void)context;
    WAIT_UNTIL(somebody_waits(), LIMIT_MS);
    mqc_interrupt(mqc);
    return NULL;
}

static void a_get_that_waits_for_a_fetch_can_be_interrupted_and_its_items_go_back(void)
{
    struct mqc_item *none;
    pthread_t thread;
    begin(leave_a_fetch_alone);
    for (uint64_t id = 1; id <= 8; id++)
        free_one(id);
    fake_await(&fake, 1);
    CHECK(pthread_create(&thread, NULL, interrupt_the_get, NULL) == 0);
    CHECK_EQUAL(mqc_get(queue, MQ_FOREVER, &none), MQ_INTERRUPTED);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    fake_await(&fake, 2);
    end();
}

/* ---- Going back ---------------------------------------------------------------------------------------- */

static void take_7_back(struct fake *f)
{
    welcome_and_give_8(f);
    take_back(f, 2, 7);
    fake_tell(f, 1);
    take_get(f, 1, -1);
    give(f, 2, 1, 0);
    fake_goodbye(f);
}

static void set_look_ms(uint32_t look_ms)
{
    pthread_mutex_lock(&mqc->lock);
    queue->ahead.policy.look_ms = look_ms;
    pthread_mutex_unlock(&mqc->lock);
    REQUIRE(eventfd_write(mqc->helper.wake_fd, 1) == 0); /* it may sleep for longer */
}

static void what_nobody_asks_for_goes_back_untouched_and_the_window_is_1_again(void)
{
    begin(take_7_back);
    set_look_ms(AHEAD_LOOK_MS);
    free_one(1);
    fake_await(&fake, 1);
    set_look_ms(0); /* then nothing is quick */
    free_one(2);
    end();
}

static void answer_a_fetch_late(struct fake *f)
{
    welcome_and_give_8(f);
    take_get(f, 4, 0);
    fake_await(f, 1);
    let_pass(3 * AHEAD_LOOK_MS);
    give(f, 9, 4, 0);
    take_back(f, 5, 8);
    fake_tell(f, 2);
    fake_goodbye(f);
}

static void nothing_goes_back_before_what_is_on_its_way_has_come(void)
{
    begin(answer_a_fetch_late);
    for (uint64_t id = 1; id <= 4; id++)
        free_one(id);
    set_look_ms(AHEAD_LOOK_MS);
    fake_tell(&fake, 1);
    fake_await(&fake, 2);
    end();
}

static void fetch_and_then_join(struct fake *f)
{
    welcome_and_give_8(f);
    take_get(f, 4, 0);
    give(f, 9, 4, 0);
    take_back(f, 5, 8);
    take_plain(f, MQ_VERB_JOIN);
    fake_goodbye(f);
}

static void what_is_on_its_way_goes_back_along_with_the_rest(void)
{
    begin(fetch_and_then_join);
    for (uint64_t id = 1; id <= 4; id++)
        free_one(id);
    CHECK_EQUAL(mqc_join(queue, MQ_FOREVER), MQ_OK);
    end();
}

static void take_7_back_and_then(struct fake *f, enum mq_verb verb)
{
    welcome_and_give_8(f);
    take_back(f, 2, 7);
    take_plain(f, verb);
    fake_goodbye(f);
}

static void take_7_back_and_a_join(struct fake *f)
{
    take_7_back_and_then(f, MQ_VERB_JOIN);
}

static void before_a_join_all_goes_back(void)
{
    begin(take_7_back_and_a_join);
    struct mqc_queue *same = queue_ahead("q");
    free_one(1);
    CHECK_EQUAL(mqc_join(same, MQ_FOREVER), MQ_OK);
    mqc_queue_close(same);
    end();
}

static void take_7_back_and_a_purge(struct fake *f)
{
    take_7_back_and_then(f, MQ_VERB_PURGE);
}

static void before_a_purge_all_goes_back(void)
{
    begin(take_7_back_and_a_purge);
    free_one(1);
    CHECK_EQUAL(mqc_purge(queue, NULL), MQ_OK);
    end();
}

static void take_7_back_and_a_remove(struct fake *f)
{
    take_7_back_and_then(f, MQ_VERB_REMOVE);
}

static void before_a_remove_all_goes_back(void)
{
    begin(take_7_back_and_a_remove);
    free_one(1);
    CHECK_EQUAL(mqc_queue_remove(queue, true, NULL), MQ_OK);
    end();
}

static void take_a_shutdown_then_7_back_and_another(struct fake *f)
{
    welcome_and_give_8(f);
    take_plain(f, MQ_VERB_SHUT_DOWN);
    take_back(f, 2, 7);
    take_plain(f, MQ_VERB_SHUT_DOWN);
    fake_goodbye(f);
}

static void before_an_immediate_shutdown_all_goes_back_before_another_nothing(void)
{
    begin(take_a_shutdown_then_7_back_and_another);
    free_one(1);
    CHECK_EQUAL(mqc_shutdown(queue, false), MQ_OK);
    CHECK_EQUAL(mqc_shutdown(queue, true), MQ_OK);
    end();
}

static void take_7_back_at_the_end(struct fake *f)
{
    welcome_and_give_8(f);
    take_back(f, 2, 7);
    fake_goodbye(f);
}

static void at_the_close_of_the_handle_all_goes_back(void)
{
    begin(take_7_back_at_the_end);
    free_one(1);
    end();
}

static void at_the_close_of_the_client_all_goes_back(void)
{
    begin(take_7_back_at_the_end);
    free_one(1);
    mqc_close(mqc);
    mqc_queue_close(queue);
    fake_end(&fake);
}

static void take_a_fetch_back(struct fake *f)
{
    welcome_and_give_8(f);
    take_get(f, 4, 0);
    struct client_frame get = *f->frame;
    take_back(f, 5, 4);
    *f->frame = get;
    give(f, 9, 4, 0);
    take_back(f, 9, 4);
    fake_goodbye(f);
}

static void at_the_close_of_the_handle_what_it_still_fetches_goes_back_too(void)
{
    begin(take_a_fetch_back);
    for (uint64_t id = 1; id <= 4; id++)
        free_one(id);
    end();
}

static void take_a_fetch_back_before_the_bye(struct fake *f)
{
    welcome_and_give_8(f);
    take_get(f, 4, 0);
    give(f, 9, 4, 0);
    take_back(f, 5, 8);
    fake_goodbye(f);
}

static void at_the_close_of_the_client_what_it_still_fetches_goes_back_too(void)
{
    begin(take_a_fetch_back_before_the_bye);
    for (uint64_t id = 1; id <= 4; id++)
        free_one(id);
    mqc_close(mqc);
    mqc_queue_close(queue);
    fake_end(&fake);
}

static void give_after_the_bye(struct fake *f)
{
    welcome_and_give_8(f);
    take_get(f, 4, 0);
    uint64_t number = f->frame->request.number;
    fake_take(f, MQ_VERB_BYE);
    struct item_view item = {.id = 9, .deliveries = 1, .body = {"x", 1}};
    fake_answer(f, (struct answer){.verb = MQ_VERB_GET, .number = number, .items = &item, .item_count = 1});
}

/* As if the time to close had been over before all that was under way had come. */
static void say_bye(void)
{
    pthread_mutex_lock(&mqc->lock);
    mqc->conversation.bye = true;
    pthread_mutex_unlock(&mqc->lock);
}

static bool has_fetched(void)
{
    CHECK_EQUAL(mqc_flush(mqc, MQ_NOWAIT), MQ_OK); /* which reads the line */
    pthread_mutex_lock(&mqc->lock);
    bool has = !queue->ahead.fetch;
    pthread_mutex_unlock(&mqc->lock);
    return has;
}

static void after_the_bye_what_lies_ahead_and_what_still_comes_is_only_forgotten(void)
{
    begin(give_after_the_bye);
    for (uint64_t id = 1; id <= 4; id++)
        free_one(id);
    say_bye();
    WAIT_UNTIL(has_fetched(), LIMIT_MS);
    mqc->close_timeout_ms = 0;
    CHECK_EQUAL(queue->ahead.count, 0);
    mqc_close(mqc);
    mqc_queue_close(queue);
    fake_end(&fake);
}

static void give_8_and_see_no_more(struct fake *f)
{
    welcome_and_give_8(f);
    fake_goodbye(f);
}

static void a_handle_can_be_closed_after_the_bye_with_items_ahead(void)
{
    begin(give_8_and_see_no_more);
    free_one(1);
    say_bye();
    mqc_queue_close(queue);
    mqc_close(mqc);
    fake_end(&fake);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(gets_take_what_lies_ahead_while_more_is_fetched_and_wait_at_the_broker_at_the_end),
        UNIT(a_program_that_gets_one_item_has_one_item),
        UNIT(a_get_of_many_takes_what_lies_ahead_and_asks_only_if_nothing_does),
        UNIT(an_auto_done_get_goes_to_the_broker),
        UNIT(what_comes_for_one_thread_serves_others_that_wait_on_the_same_handle),
        UNIT(an_interrupt_ends_the_next_get_even_if_items_lie_ahead),
        UNIT(a_get_that_waits_for_a_fetch_can_be_interrupted_and_its_items_go_back),
        UNIT(what_nobody_asks_for_goes_back_untouched_and_the_window_is_1_again),
        UNIT(nothing_goes_back_before_what_is_on_its_way_has_come),
        UNIT(before_a_join_all_goes_back),
        UNIT(what_is_on_its_way_goes_back_along_with_the_rest),
        UNIT(before_a_purge_all_goes_back),
        UNIT(before_a_remove_all_goes_back),
        UNIT(before_an_immediate_shutdown_all_goes_back_before_another_nothing),
        UNIT(at_the_close_of_the_handle_all_goes_back),
        UNIT(at_the_close_of_the_client_all_goes_back),
        UNIT(at_the_close_of_the_handle_what_it_still_fetches_goes_back_too),
        UNIT(at_the_close_of_the_client_what_it_still_fetches_goes_back_too),
        UNIT(after_the_bye_what_lies_ahead_and_what_still_comes_is_only_forgotten),
        UNIT(a_handle_can_be_closed_after_the_bye_with_items_ahead),
    };
    return unit_run("ahead", tests, sizeof tests / sizeof *tests);
}
