/* unit_link_alive.c - how conversations end, and how the link learns that a connection is gone. */
#include "failing_malloc.h"
#include "wires.h"

/* --- the end of a conversation --- */

static void a_bye_is_answered_and_what_follows_is_dropped(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    say_bye(0, &a);
    CHECK_EQUAL(hear(&a).verb, MQ_VERB_BYE);
    CHECK_EQUAL(connected(), 0);
    say_ping(0, &a, 1);
    hear_nothing();
    say_hello(0, &a, 1, true, 1);
    hear_welcome(&a, MQ_SESSION_LOST);
    CHECK_EQUAL(link_stat(rules).gone, 0);
    end();
}

static void the_connection_that_its_session_left_is_told_so_and_then_neither_heard_nor_answered(void)
{
    struct wire a, b;
    begin();
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 11);
    join(0, &a, 1);
    say_ping(0, &a, 1); /* its answer is not on its way yet */
    say_hello(0, &b, 1, true, 2);
    hear_refused(&a, MQ_TEMPORARY); /* should it be the one that the client uses, it resumes */
    hear_welcome(&b, MQ_OK);
    say_ping(0, &a, 2);
    hear_nothing();
    CHECK_EQUAL(link_stat(rules).dropped, 1);
    CHECK_EQUAL(connected(), 1);
    say_ping(0, &b, 1);
    hear_pong(&b, 1);
    say_ping(0, &b, 2);
    hear_pong(&b, 2);
    end();
}

static void an_answer_that_cannot_be_sent_is_there_for_who_resumes(void)
{
    struct wire a, b;
    begin();
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 11);
    join(0, &a, 1);
    say_ping(0, &a, 1);
    a.is_dead = true;
    answer_all(0);
    CHECK_EQUAL(connected(), 0);
    CHECK_EQUAL(link_stat(rules).gone, 1);
    say_hello(1, &b, 1, true, 2);
    hear_welcome(&b, MQ_OK);
    say_ping(1, &b, 1);
    hear_pong(&b, 1);
    end();
}

/* --- who is alive --- */

static void a_new_connection_is_probed_once(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(1000, &a, 1);
    CHECK_EQUAL(link_deadline_ms(rules), 1500);
    link_tick(rules, 1499);
    hear_nothing();
    link_tick(rules, 1500);
    hear_probe(&a);
    CHECK_EQUAL(link_deadline_ms(rules), UINT64_MAX);
    end();
}

static void a_closed_descriptor_ends_its_connection_at_once(void)
{
    struct wire a, b;
    begin();
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 11);
    join(0, &a, 1);
    join(0, &b, 2);
    a.is_dead = true;
    link_closed(rules, 7, 10);
    CHECK_EQUAL(link_deadline_ms(rules), 7);
    link_tick(rules, 7);
    CHECK_EQUAL(connected(), 1);
    say_ping(7, &b, 1);
    hear_pong(&b, 1);
    end();
}

static void a_connection_under_suspicion_is_probed_four_times(void)
{
    static const uint64_t probes_ms[] = {100, 105, 155, 655};
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    link_closed(rules, 100, 10);
    for (size_t i = 0; i < 4; i++) {
        CHECK_EQUAL(link_deadline_ms(rules), probes_ms[i]);
        link_tick(rules, probes_ms[i]);
        hear_probe(&a);
    }
    CHECK_EQUAL(link_deadline_ms(rules), UINT64_MAX);
    CHECK_EQUAL(connected(), 1);
    end();
}

static void a_connection_that_libzmq_gives_up_late_is_noticed_all_the_same(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    link_closed(rules, 100, 10);
    link_tick(rules, 100);
    link_tick(rules, 105);
    a.is_dead = true;
    link_tick(rules, 155);
    CHECK_EQUAL(connected(), 0);
    CHECK_EQUAL(link_deadline_ms(rules), UINT64_MAX);
    end();
}

/* The event of the first one's end comes when the second already has its number. */
static void of_two_connections_with_one_descriptor_only_the_dead_one_goes(void)
{
    struct wire a, b;
    begin();
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 10);
    join(0, &a, 1);
    join(0, &b, 2);
    a.is_dead = true;
    link_closed(rules, 0, 10);
    link_tick(rules, 0);
    hear_probe(&b);
    CHECK_EQUAL(connected(), 1);
    say_ping(0, &b, 1);
    hear_pong(&b, 1);
    end();
}

static void a_descriptor_of_nobody_closes_nothing(void)
{
    struct wire a;
    begin();
    plug_in(&a, 1, 10);
    join(0, &a, 1);
    link_closed(rules, 0, 11);
    link_closed(rules, 0, -1);
    CHECK_EQUAL(link_deadline_ms(rules), 500);
    CHECK_EQUAL(connected(), 1);
    end();
}

static void a_link_without_memory_is_none(void)
{
    begin();
    for (uint64_t fails_at = 1;; fails_at++) {
        malloc_fails_at = malloc_calls + fails_at;
        struct link *l = link_new(engine, &quiet, (struct link_options){.fd_max = FD_MAX},
                                  (struct link_door){.send = send_to_wire});
        malloc_fails_at = 0;
        if (l) {
            link_free(l);
            CHECK(fails_at > 2);
            break;
        }
    }
    end();
}

static const struct unit_test tests[] = {
    UNIT(a_bye_is_answered_and_what_follows_is_dropped),
    UNIT(the_connection_that_its_session_left_is_told_so_and_then_neither_heard_nor_answered),
    UNIT(an_answer_that_cannot_be_sent_is_there_for_who_resumes),
    UNIT(a_new_connection_is_probed_once),
    UNIT(a_closed_descriptor_ends_its_connection_at_once),
    UNIT(a_connection_under_suspicion_is_probed_four_times),
    UNIT(a_connection_that_libzmq_gives_up_late_is_noticed_all_the_same),
    UNIT(of_two_connections_with_one_descriptor_only_the_dead_one_goes),
    UNIT(a_descriptor_of_nobody_closes_nothing),
    UNIT(a_link_without_memory_is_none),
};

int main(void)
{
    return unit_run("link: alive", tests, sizeof tests / sizeof *tests);
}
