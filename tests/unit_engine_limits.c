/* unit_engine_limits.c - every limit of the engine is reached, and says so. */
#include "rig.h"

#include <string.h>

enum { BODY_SIZE = 1000, KEPT = 64 << 10 /* a session's share */ };

/* Puts until the broker has no memory for more; returns how many were stored. */
static uint64_t fill_memory(struct rig *r)
{
    for (uint64_t stored = 0;; stored++) {
        CHECK(stored < 1000);
        rig_put(r, BULK(1, BODY_SIZE));
        enum mq_status status = rig_next(r)->answer.status;
        CHECK_REPLY(r, SESSION(1), status, "");
        if (status == MQ_OK)
            continue;
        CHECK_EQUAL(status, MQ_TEMPORARY);
        return stored;
    }
}

static void no_memory_for_a_put_is_temporary_and_says_why(void)
{
    struct rig r = rig_new((struct rig_options){.memory_limit = 10 * BODY_SIZE});
    uint64_t stored = fill_memory(&r);
    CHECK(stored >= 5);
    CHECK(stored <= 10);
    CHECK(strcmp(rig_last(&r)->text, "memory limit") == 0);
    CHECK_SIZES(&r, "q", stored, 0);
    rig_free(&r);
}

static void a_put_without_memory_waits_as_if_full(void)
{
    struct rig r = rig_new((struct rig_options){.memory_limit = 10 * BODY_SIZE});
    fill_memory(&r);
    rig_put(&r, SESSION(2), BULK(1, BODY_SIZE), TIMEOUT(500), WAITS);
    rig_run_to(&r, 499);
    CHECK_NO_REPLY(&r);
    rig_run_to(&r, 500);
    CHECK_REPLY(&r, SESSION(2), MQ_TEMPORARY, "");
    CHECK(strcmp(rig_last(&r)->text, "memory limit") == 0);
    rig_free(&r);
}

static void puts_whose_time_is_over_at_once_for_lack_of_memory_are_all_told_so(void)
{
    struct rig r = rig_new((struct rig_options){.memory_limit = 10 * BODY_SIZE});
    fill_memory(&r);
    rig_put(&r, SESSION(2), BULK(1, BODY_SIZE), TIMEOUT(500), WAITS);
    rig_put(&r, SESSION(3), BULK(1, BODY_SIZE), TIMEOUT(500), WAITS);
    rig_run_to(&r, 500);
    CHECK_REPLY(&r, SESSION(2), MQ_TEMPORARY, "");
    CHECK_REPLY(&r, SESSION(3), MQ_TEMPORARY, "");
    rig_free(&r);
}

static void a_put_larger_than_all_memory_is_stored_piece_by_piece(void)
{
    struct rig r = rig_new((struct rig_options){.memory_limit = 10 * BODY_SIZE});
    rig_put(&r, BULK(12, BODY_SIZE), FOREVER, WAITS);
    rig_open(&r, SESSION(2), QUEUE("r"), OK);
    rig_put(&r, SESSION(2), QUEUE("r"), BULK(1, 10), FOREVER, WAITS);
    while (!rig_next(&r) || rig_look(&r, "q").putters) {
        rig_get(&r, SESSION(3), OK);
        rig_done(&r, SESSION(3), IDS(rig_last(&r)->items[0].id), OK);
    }
    CHECK_REPLY(&r, SESSION(2), MQ_OK, NULL); /* in between */
    CHECK_REPLY(&r, SESSION(1), MQ_OK, NULL);
    CHECK_EQUAL(rig_last(&r)->answer.count, 12);
    CHECK(rig_last(&r)->answer.id_range_count > 1);
    rig_free(&r);
}

static void get_done_and_looking_go_on_without_memory_for_puts(void)
{
    struct rig r = rig_new((struct rig_options){.memory_limit = 10 * BODY_SIZE});
    fill_memory(&r);
    rig_peek(&r, OK);
    rig_stat(&r, OK);
    rig_list(&r, OK);
    rig_ping(&r, OK);
    rig_get(&r, OK);
    rig_release(&r, IDS(rig_last(&r)->items[0].id), OK);
    rig_get(&r, OK);
    rig_done(&r, IDS(rig_last(&r)->items[0].id), OK);
    rig_open(&r, QUEUE("another"), OK);
    rig_free(&r);
}

static void memory_that_is_freed_resumes_waiting_puts_in_arrival_order(void)
{
    struct rig r = rig_new((struct rig_options){.memory_limit = 10 * BODY_SIZE});
    rig_open(&r, QUEUE("p"), OK);
    fill_memory(&r);
    rig_put(&r, SESSION(2), QUEUE("p"), BULK(1, BODY_SIZE), FOREVER, WAITS);
    rig_put(&r, SESSION(3), BULK(1, BODY_SIZE), FOREVER, WAITS);
    rig_put(&r, SESSION(4), QUEUE("p"), BULK(1, BODY_SIZE), FOREVER, WAITS);
    int order[3] = {0}, served = 0;
    for (int i = 0; i < 20 && served < 3; i++) {
        rig_get(&r, SESSION(5), OK);
        rig_done(&r, SESSION(5), IDS(rig_last(&r)->items[0].id), OK);
        while (served < 3 && rig_next(&r)) {
            order[served++] = rig_next(&r)->session;
            CHECK_REPLY(&r, SESSION(order[served - 1]), MQ_OK, "");
        }
    }
    CHECK_EQUAL(served, 3);
    CHECK_EQUAL(order[0], 2);
    CHECK_EQUAL(order[1], 3);
    CHECK_EQUAL(order[2], 4);
    rig_free(&r);
}

static void memory_freed_by_purge_and_by_remove_resumes_puts_of_other_queues(void)
{
    struct rig r = rig_new((struct rig_options){.memory_limit = 10 * BODY_SIZE});
    rig_open(&r, QUEUE("p"), OK);
    fill_memory(&r);
    rig_put(&r, SESSION(2), QUEUE("p"), BULK(1, BODY_SIZE), FOREVER, WAITS);
    rig_purge(&r, OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    fill_memory(&r);
    rig_put(&r, SESSION(2), QUEUE("p"), BULK(1, BODY_SIZE), FOREVER, WAITS);
    rig_remove(&r, FORCE, OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_free(&r);
}

static void leases_take_memory_too_and_free_it_when_they_end(void)
{
    struct rig r = rig_new((struct rig_options){.memory_limit = 20 * BODY_SIZE});
    uint64_t before = rig_look_at_broker(&r).memory;
    rig_put(&r, BULK(100, 0), OK);
    uint64_t waiting = rig_look_at_broker(&r).memory;
    rig_get(&r, MAX(100), OK);
    uint64_t first = rig_last(&r)->items[0].id;
    CHECK(rig_look_at_broker(&r).memory > 2 * waiting);
    rig_put(&r, SESSION(2), BULK(1, BODY_SIZE), FOREVER, WAITS);
    rig_release(&r, IDS(first, first + 1), OK);
    CHECK_NO_REPLY(&r);
    rig_bye(&r);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    CHECK_EQUAL(rig_look_at_broker(&r).memory, waiting + waiting / 100 + BODY_SIZE);
    rig_purge(&r, SESSION(2), OK);
    CHECK_EQUAL(rig_look_at_broker(&r).memory, before);
    rig_free(&r);
}

static void memory_freed_by_a_putter_that_gives_up_resumes_the_others(void)
{
    struct rig r = rig_new((struct rig_options){.memory_limit = 10 * BODY_SIZE, .maxsize = 1});
    rig_open(&r, QUEUE("p"), OK);
    rig_put(&r, BULK(1, BODY_SIZE), OK);
    rig_put(&r, SESSION(2), BULK(8, BODY_SIZE), TIMEOUT(100), WAITS);
    rig_put(&r, SESSION(3), QUEUE("p"), BULK(4, BODY_SIZE), FOREVER, WAITS);
    rig_run_to(&r, 99);
    CHECK_NO_REPLY(&r);
    rig_run_to(&r, 100);
    CHECK_REPLY(&r, SESSION(2), MQ_FULL, "");
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 4);
    rig_free(&r);
}

static void all_memory_comes_back_when_everything_is_done(void)
{
    struct rig r = rig_new((struct rig_options){.kind = MQ_KIND_PRIORITY, .maxsize = 3});
    uint64_t before = rig_look_at_broker(&r).memory;
    rig_put(&r, BULK(5, BODY_SIZE), TIMEOUT(50), WAITS);
    CHECK(rig_look_at_broker(&r).memory >= before + 5 * BODY_SIZE);
    rig_get(&r, MAX(3), OK);
    rig_release(&r, IDS(rig_last(&r)->items[1].id), OK);
    rig_purge(&r, OK);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_remove(&r, FORCE, OK);
    CHECK_EQUAL(rig_look_at_broker(&r).memory, before);
    rig_free(&r);
}

static void more_waiting_requests_than_allowed_are_refused_by_limit(void)
{
    struct rig r = rig_new((struct rig_options){.waiting_max = 3, .maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, BODY("b"), FOREVER, WAITS);
    rig_join(&r, FOREVER, WAITS);
    rig_open(&r, QUEUE("p"), OK);
    rig_get(&r, QUEUE("p"), FOREVER, WAITS);
    rig_get(&r, QUEUE("p"), FOREVER, SAYS(MQ_LIMIT));
    rig_put(&r, BODY("c"), TIMEOUT(100), SAYS(MQ_LIMIT));
    rig_join(&r, TIMEOUT(100), SAYS(MQ_LIMIT));
    rig_get(&r, QUEUE("p"), SAYS(MQ_EMPTY));
    rig_get(&r, SESSION(2), QUEUE("p"), FOREVER, WAITS);
    rig_put(&r, QUEUE("p"), BODY("d"), OK);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "d");
    rig_get(&r, QUEUE("p"), FOREVER, WAITS);
    rig_free(&r);
}

static void a_request_that_need_not_wait_is_served_however_many_others_wait(void)
{
    struct rig r = rig_new((struct rig_options){.waiting_max = 1});
    rig_open(&r, QUEUE("p"), OK);
    rig_get(&r, QUEUE("p"), FOREVER, WAITS);
    rig_put(&r, BODY("a"), FOREVER, OK);
    rig_get(&r, FOREVER, OK);
    rig_get(&r, FOREVER, SAYS(MQ_LIMIT));
    rig_put(&r, QUEUE("p"), BODY("b"), TIMEOUT(100), OK);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "b");
    rig_free(&r);
}

static void a_session_may_have_only_so_many_bytes_in_waiting_puts(void)
{
    struct rig r = rig_new((struct rig_options){.in_flight_max = 2500, .maxsize = 1});
    rig_put(&r, BULK(1, BODY_SIZE), OK);
    rig_put(&r, BULK(1, BODY_SIZE), FOREVER, WAITS);
    rig_put(&r, BULK(1, BODY_SIZE), FOREVER, WAITS);
    rig_put(&r, BULK(1, BODY_SIZE), FOREVER, SAYS(MQ_LIMIT));
    CHECK_EQUAL(rig_last(&r)->answer.count, 0);
    rig_put(&r, SESSION(2), BULK(1, BODY_SIZE), FOREVER, WAITS);
    rig_get(&r, OK);
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_put(&r, BULK(1, BODY_SIZE), FOREVER, WAITS);
    rig_free(&r);
}

/* A waiting request becomes an unconfirmed answer without its client's doing, so both are counted together.
 */
static void a_session_with_too_many_open_requests_is_refused(void)
{
    struct rig r = rig_new((struct rig_options){.unconfirmed_max = 2, .waiting_max = 1, .silent = true});
    rig_put(&r, BODY("a"), OK);
    rig_put(&r, BODY("b"), OK);
    rig_join(&r, FOREVER, WAITS);
    rig_put(&r, BODY("d"), REFUSED(MQ_LIMIT));
    CHECK_SIZES(&r, "q", 2, 0);
    rig_confirm(&r, RANGES({2, 3}));
    rig_put(&r, BODY("d"), OK);
    rig_free(&r);
}

static void a_session_that_does_not_confirm_what_it_looks_at_is_shown_no_more(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true, .in_flight_max = 2500});
    rig_put(&r, SESSION(2), BULK(3, BODY_SIZE), OK);
    uint64_t number = rig_peek(&r, MAX(3), OK);
    rig_peek(&r, MAX(3), SAYS(MQ_LIMIT));
    rig_list(&r, SAYS(MQ_LIMIT));
    rig_sessions(&r, SAYS(MQ_LIMIT));
    rig_get(&r, SAYS(MQ_LIMIT));
    rig_stat(&r, OK);
    rig_confirm(&r, RANGES({number, number}));
    rig_peek(&r, MAX(1), OK);
    rig_free(&r);
}

static void answers_that_are_never_confirmed_are_bounded_in_bytes(void)
{
    struct rig r = rig_new((struct rig_options){.silent = true, .in_flight_max = 500, .frame_max = 500});
    for (int i = 0; i < 13; i++)
        rig_done(&r, IDS(91, 92, 93, 94, 95, 96, 97, 98, 99, 100), SAYS(MQ_TOO_MANY_DONE));
    rig_done(&r, IDS(91), REFUSED(MQ_LIMIT));
    rig_confirm(&r, RANGES({1, 13}));
    rig_done(&r, IDS(91), SAYS(MQ_TOO_MANY_DONE));
    rig_free(&r);
}

static void answers_that_nobody_confirms_are_bounded_in_the_memory_of_all(void)
{
    enum { BIG = 4 << 20 };
    struct rig r = rig_new((struct rig_options){.silent = true, .memory_limit = 5 * BIG});
    rig_put(&r, BULK(4, BIG), OK);
    rig_open(&r, QUEUE("p"), OK);
    rig_put(&r, QUEUE("p"), BULK(10, KEPT / 5), OK);
    for (int session = 2; session <= 3; session++)
        rig_peek(&r, SESSION(session), MAX(4), OK);
    rig_peek(&r, SESSION(2), REFUSED(MQ_LIMIT));
    rig_peek(&r, SESSION(4), QUEUE("p"), MAX(10), OK);
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 4);
    rig_ping(&r, SESSION(4), OK);
    rig_drop(&r, SESSION(4));
    rig_drop(&r, SESSION(2));
    rig_run_to(&r, 5000);
    CHECK_EQUAL(rig_look_at_broker(&r).forgotten, 1);
    rig_hello(&r, SESSION(2), RESUME, SAYS(MQ_SESSION_LOST));
    rig_hello(&r, SESSION(4), RESUME, SAYS(MQ_OK));
    rig_peek(&r, SESSION(4), QUEUE("p"), MAX(10), OK);
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 10);
    rig_free(&r);
}

static void what_all_waiting_puts_take_together_is_bounded(void)
{
    struct rig r = rig_new((struct rig_options){.memory_limit = 20 * BODY_SIZE, .maxsize = 1});
    rig_put(&r, BULK(1, BODY_SIZE), OK);
    int session = 2;
    while (!rig_next(&r))
        rig_put(&r, SESSION(session++), BULK(4, BODY_SIZE), FOREVER);
    CHECK(session > 5);
    CHECK_REPLY(&r, SESSION(session - 1), MQ_TEMPORARY, "");
    CHECK(strcmp(rig_last(&r)->text, "memory limit") == 0);
    CHECK(rig_look_at_broker(&r).memory < 40 * BODY_SIZE);
    rig_free(&r);
}

static void more_queues_than_allowed_are_refused_by_limit(void)
{
    struct rig r = rig_new((struct rig_options){.queues_max = 3});
    rig_open(&r, QUEUE("b"), OK);
    rig_open(&r, QUEUE("c"), OK);
    rig_open(&r, QUEUE("d"), SAYS(MQ_LIMIT));
    rig_open(&r, QUEUE("c"), OK);
    rig_remove(&r, QUEUE("b"), OK);
    rig_open(&r, QUEUE("d"), OK);
    rig_free(&r);
}

static void more_sessions_than_allowed_are_refused_by_limit(void)
{
    struct rig r = rig_new((struct rig_options){.sessions_max = 2});
    rig_hello(&r, SESSION(2), SAYS(MQ_OK));
    rig_hello(&r, SESSION(3), SAYS(MQ_LIMIT));
    rig_bye(&r, SESSION(2));
    rig_hello(&r, SESSION(3), SAYS(MQ_OK));
    rig_free(&r);
}

static void the_limits_are_told_in_the_welcome_and_in_stat(void)
{
    struct rig r = rig_new((struct rig_options){.waiting_max = 7, .body_max = 99, .in_flight_max = 1234567});
    rig_hello(&r, SESSION(2), SAYS(MQ_OK));
    CHECK_EQUAL(r.welcome.waiting_max, 7);
    CHECK_EQUAL(r.welcome.body_max, 99);
    CHECK_EQUAL(r.welcome.in_flight_max, 1234567);
    CHECK_EQUAL(r.welcome.resume_grace_ms, 3000);
    CHECK_EQUAL(r.welcome.unconfirmed_max, MQ_UNCONFIRMED_MAX);
    struct broker_stat stat = rig_look_at_broker(&r);
    CHECK_EQUAL(stat.waiting_max, 7);
    CHECK_EQUAL(stat.body_max, 99);
    CHECK_EQUAL(stat.remember_ms, 600000);
    CHECK_EQUAL(stat.queues_max, MQ_QUEUES_MAX);
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(no_memory_for_a_put_is_temporary_and_says_why),
    UNIT(a_put_without_memory_waits_as_if_full),
    UNIT(puts_whose_time_is_over_at_once_for_lack_of_memory_are_all_told_so),
    UNIT(a_put_larger_than_all_memory_is_stored_piece_by_piece),
    UNIT(get_done_and_looking_go_on_without_memory_for_puts),
    UNIT(memory_that_is_freed_resumes_waiting_puts_in_arrival_order),
    UNIT(memory_freed_by_purge_and_by_remove_resumes_puts_of_other_queues),
    UNIT(leases_take_memory_too_and_free_it_when_they_end),
    UNIT(memory_freed_by_a_putter_that_gives_up_resumes_the_others),
    UNIT(all_memory_comes_back_when_everything_is_done),
    UNIT(more_waiting_requests_than_allowed_are_refused_by_limit),
    UNIT(a_request_that_need_not_wait_is_served_however_many_others_wait),
    UNIT(a_session_may_have_only_so_many_bytes_in_waiting_puts),
    UNIT(a_session_with_too_many_open_requests_is_refused),
    UNIT(a_session_that_does_not_confirm_what_it_looks_at_is_shown_no_more),
    UNIT(answers_that_are_never_confirmed_are_bounded_in_bytes),
    UNIT(answers_that_nobody_confirms_are_bounded_in_the_memory_of_all),
    UNIT(what_all_waiting_puts_take_together_is_bounded),
    UNIT(more_queues_than_allowed_are_refused_by_limit),
    UNIT(more_sessions_than_allowed_are_refused_by_limit),
    UNIT(the_limits_are_told_in_the_welcome_and_in_stat),
};

int main(void)
{
    return unit_run("engine: limits", tests, sizeof tests / sizeof *tests);
}
