/* ahead_leases.c - leases of what lies ahead of a program, and its task_dones, which are gathered. */
#include <string.h>

#include "ahead_rig.h"

/* The broker was away for longer than it waits for clients. */
static void come_back_late(struct fake *f)
{
    fake_vanish(f);
    fake_come_back(f);
    f->limits.lapses = 1;
    fake_take_hello(f, true);
    fake_say_welcome(f, MQ_OK);
    fake_tell(f, 2);
}

/* ---- Leases -------------------------------------------------------------------------------------------- */

static void take_it_all_back_by_a_lapse(struct fake *f)
{
    welcome_and_give_8(f);
    fake_await(f, 1);
    come_back_late(f);
    take_plain(f, MQ_VERB_PING);
    take_get(f, 1, -1);
    give(f, 21, 1, 0);
    fake_goodbye(f);
}

static void what_was_lost_while_the_client_was_away_is_not_handed_out(void)
{
    begin(take_it_all_back_by_a_lapse);
    struct mqc_item *item = get_one(1);
    fake_tell(&fake, 1);
    fake_await(&fake, 2);
    read_the_line();
    CHECK_EQUAL(queue->ahead.count, 0);
    free_one(21);
    CHECK_EQUAL(mqc_task_done(item), MQ_LEASE_LOST);
    end();
}

static void refuse_a_renewal(struct fake *f)
{
    static const struct refusal gone = {.id = 2, .status = MQ_LEASE_LOST};
    fake_welcome(f);
    take_get(f, PREFETCH, -1);
    give(f, 1, 8, 3000);
    check_ids(fake_take_request(f, MQ_VERB_EXTEND), 1, 8);
    fake_answer(f, (struct answer){.status = MQ_LEASE_LOST, .refusals = &gone, .refusal_count = 1});
    fake_tell(f, 1);
    take_plain(f, MQ_VERB_PING);
    take_back(f, 4, 5);
    fake_goodbye(f);
}

static void what_lies_ahead_is_renewed_and_not_handed_out_if_that_is_refused(void)
{
    begin(refuse_a_renewal);
    struct mqc_item *item = get_one(1);
    fake_await(&fake, 1);
    read_the_line();
    free_one(3);
    mqc_item_free(item);
    end();
}

static void give_7_twice(struct fake *f)
{
    static const struct item_view again[] = {{.id = 7, .deliveries = 2, .body = {"x", 1}},
                                             {.id = 9, .deliveries = 1, .body = {"x", 1}}};
    welcome_and_give_8(f);
    take_get(f, 4, 0);
    fake_answer(f, (struct answer){.items = again, .item_count = 2});
    take_plain(f, MQ_VERB_PING);
    fake_goodbye(f);
}

static void an_item_that_comes_again_while_it_lies_ahead_is_handed_out_once(void)
{
    begin(give_7_twice);
    for (uint64_t id = 1; id <= 4; id++)
        free_one(id);
    read_the_line();
    free_one(5);
    free_one(6);
    free_one(8);
    free_one(7);
    free_one(9);
    end();
}

static void take_8_back(struct fake *f)
{
    fake_welcome(f);
    take_get(f, PREFETCH, -1);
    give(f, 1, 8, 60000);
    take_back(f, 2, 7);
    take_get(f, 1, -1);
    give(f, 2, 1, 60000);
    fake_goodbye(f);
}

/* As if the process had been stopped for long. */
static void age_what_lies_ahead(void)
{
    pthread_mutex_lock(&mqc->lock);
    for (struct list_node *n = list_first(&queue->ahead.items); n; n = list_next(&queue->ahead.items, n)) {
        struct mqc_item *item = CONTAINER_OF(n, struct mqc_item, lease_node);
        item->batch->limits[item - item->batch->items].renew_at_ms = 0;
    }
    pthread_mutex_unlock(&mqc->lock);
}

static void what_may_have_lapsed_by_the_clock_is_not_handed_out(void)
{
    begin(take_8_back);
    free_one(1);
    age_what_lies_ahead();
    free_one(2);
    end();
}

static void give_back_what_is_not_renewed(struct fake *f)
{
    fake_welcome(f);
    take_get(f, PREFETCH, -1);
    give(f, 1, 8, 60000);
    take_back(f, 2, 7);
    take_get(f, 1, -1);
    give(f, 2, 1, 60000);
    fake_goodbye(f);
}

static void without_renewal_leases_with_a_limit_are_not_held_ahead(void)
{
    begin(give_back_what_is_not_renewed);
    mqc->no_renew = true;
    free_one(1);
    free_one(2);
    end();
}

/* ---- task_done ----------------------------------------------------------------------------------------- */

static void take_2_dones_and_a_ping(struct fake *f)
{
    welcome_and_give_8(f);
    take_dones(f, 1, 2);
    take_plain(f, MQ_VERB_PING);
    take_back(f, 3, 6);
    fake_goodbye(f);
}

static void done_one(uint64_t id)
{
    CHECK_EQUAL(mqc_task_done(get_one(id)), MQ_OK);
}

static void gathered_task_dones_leave_before_the_next_request(void)
{
    begin(take_2_dones_and_a_ping);
    struct mqc_item *items[2] = {get_one(1), get_one(2)};
    CHECK_EQUAL(mqc_task_done_many(items, 2, NULL), MQ_OK);
    CHECK_EQUAL(mqc_ping(mqc, NULL), MQ_OK);
    end();
}

static void take_a_done_by_itself(struct fake *f)
{
    welcome_and_give_8(f);
    take_dones(f, 1, 1);
    fake_tell(f, 1);
    take_back(f, 2, 7);
    fake_goodbye(f);
}

static void gathered_task_dones_leave_by_themselves(void)
{
    begin(take_a_done_by_itself);
    done_one(1);
    fake_await(&fake, 1);
    end();
}

static void take_a_done_and_the_bye(struct fake *f)
{
    welcome_and_give_8(f);
    take_dones(f, 1, 1);
    take_back(f, 2, 7);
    fake_goodbye(f);
}

static void gathered_task_dones_leave_before_the_bye(void)
{
    begin(take_a_done_and_the_bye);
    mqc->gather.span_ms = LONG_MS;
    done_one(1);
    mqc_close(mqc);
    mqc_queue_close(queue);
    fake_end(&fake);
}

static void refuse_one_of_two(struct fake *f)
{
    static const struct refusal gone = {.id = 2, .status = MQ_LEASE_LOST};
    welcome_and_give_8(f);
    check_ids(fake_take_request(f, MQ_VERB_TASK_DONE), 1, 2);
    fake_answer(f, (struct answer){.status = MQ_LEASE_LOST, .refusals = &gone, .refusal_count = 1});
    take_back(f, 3, 6);
    fake_goodbye(f);
}

static void a_flush_tells_which_gathered_task_done_was_refused_first(void)
{
    begin(refuse_one_of_two);
    struct mqc_item *items[2] = {get_one(1), get_one(2)};
    CHECK_EQUAL(mqc_task_done_many(items, 2, NULL), MQ_OK);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_LEASE_LOST);
    CHECK(strstr(mqc_error(mqc), "1 of 2 gathered task_dones refused") != NULL);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    end();
}

static void refuse_one_at_once(struct fake *f)
{
    static const struct refusal gone = {.id = 2, .status = MQ_LEASE_LOST};
    welcome_and_give_8(f);
    check_ids(fake_take_request(f, MQ_VERB_TASK_DONE), 1, 2);
    fake_answer(f, (struct answer){.status = MQ_LEASE_LOST, .refusals = &gone, .refusal_count = 1});
    take_back(f, 3, 6);
    fake_goodbye(f);
}

static void who_wants_the_verdicts_waits_for_them(void)
{
    enum mq_status each[2];
    begin(refuse_one_at_once);
    struct mqc_item *items[2] = {get_one(1), get_one(2)};
    CHECK_EQUAL(mqc_task_done_many(items, 2, each), MQ_LEASE_LOST);
    CHECK_EQUAL(each[0], MQ_OK);
    CHECK_EQUAL(each[1], MQ_LEASE_LOST);
    end();
}

static void lose_what_was_gathered(struct fake *f)
{
    welcome_and_give_8(f);
    fake_await(f, 1);
    come_back_late(f);
    fake_goodbye(f);
}

static bool is_gathering(void)
{
    pthread_mutex_lock(&mqc->lock);
    bool is_gathered = mqc->gather.call != NULL;
    pthread_mutex_unlock(&mqc->lock);
    return is_gathered;
}

static void task_dones_gathered_before_the_leases_were_lost_are_refused(void)
{
    begin(lose_what_was_gathered);
    mqc->gather.span_ms = LONG_MS;
    done_one(1);
    struct mqc_item *late = get_one(2);
    fake_tell(&fake, 1);
    WAIT_UNTIL(!is_gathering(), LIMIT_MS);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_LEASE_LOST);
    CHECK(strstr(mqc_error(mqc), "1 of 1") != NULL);
    CHECK_EQUAL(mqc_task_done(late), MQ_LEASE_LOST);
    CHECK_EQUAL(mqc_flush(mqc, MQ_FOREVER), MQ_OK);
    end();
}

static void take_one_done_of_two(struct fake *f)
{
    welcome_and_give_8(f);
    take_dones(f, 1, 1);
    take_back(f, 2, 7);
    fake_goodbye(f);
}

static void the_anonymous_task_done_ends_what_the_program_has_and_not_what_lies_ahead(void)
{
    begin(take_one_done_of_two);
    free_one(1);
    CHECK_EQUAL(mqc_queue_task_done(queue), MQ_OK);
    CHECK_EQUAL(mqc_queue_task_done(queue), MQ_TOO_MANY_DONE);
    end();
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(what_was_lost_while_the_client_was_away_is_not_handed_out),
        UNIT(what_lies_ahead_is_renewed_and_not_handed_out_if_that_is_refused),
        UNIT(an_item_that_comes_again_while_it_lies_ahead_is_handed_out_once),
        UNIT(what_may_have_lapsed_by_the_clock_is_not_handed_out),
        UNIT(without_renewal_leases_with_a_limit_are_not_held_ahead),
        UNIT(gathered_task_dones_leave_before_the_next_request),
        UNIT(gathered_task_dones_leave_by_themselves),
        UNIT(gathered_task_dones_leave_before_the_bye),
        UNIT(a_flush_tells_which_gathered_task_done_was_refused_first),
        UNIT(who_wants_the_verdicts_waits_for_them),
        UNIT(task_dones_gathered_before_the_leases_were_lost_are_refused),
        UNIT(the_anonymous_task_done_ends_what_the_program_has_and_not_what_lies_ahead),
    };
    return unit_run("ahead_leases", tests, sizeof tests / sizeof *tests);
}
