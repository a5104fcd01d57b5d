/* unit_link_held.c - what a connection is told only when it is safe, and what that holds up. */
#include "failing_malloc.h"
#include "wires.h"

static struct wire a, b;

/* A durable engine whose facts are safe up to here, and no further. */
static void begin_durable(void)
{
    begin_with(true);
    CHECK(engine_begin(engine, 0));
    plug_in(&a, 1, 10);
    plug_in(&b, 2, 11);
    link_release(rules, 0, engine_position(engine));
}

static void all_is_safe(void)
{
    link_release(rules, 0, engine_position(engine));
}

static void a_welcome_waits_until_its_session_is_safe(void)
{
    begin_durable();
    say_hello(0, &a, 1, false, 1);
    hear_nothing();
    CHECK_EQUAL(connected(), 1);
    all_is_safe();
    hear_welcome(&a, MQ_OK);
    say_ping(0, &a, 1);
    hear_pong(&a, 1);
    end();
}

static void welcomes_leave_in_order_as_far_as_it_is_safe(void)
{
    begin_durable();
    say_hello(0, &a, 1, false, 1);
    uint64_t first = engine_position(engine);
    say_hello(0, &b, 2, false, 1);
    link_release(rules, 0, first);
    hear_welcome(&a, MQ_OK);
    hear_nothing();
    all_is_safe();
    hear_welcome(&b, MQ_OK);
    end();
}

static void a_hello_that_is_refused_is_told_at_once(void)
{
    begin_durable();
    say_hello(0, &a, 1, false, 1);
    say_hello(0, &b, 2, true, 1);
    hear_welcome(&b, MQ_SESSION_LOST);
    hear_nothing();
    end();
}

static void the_answer_to_a_bye_waits_until_it_is_safe(void)
{
    begin_durable();
    say_hello(0, &a, 1, false, 1);
    all_is_safe();
    hear_welcome(&a, MQ_OK);
    say_bye(0, &a);
    CHECK_EQUAL(connected(), 0);
    hear_nothing();
    all_is_safe();
    CHECK_EQUAL(hear(&a).verb, MQ_VERB_BYE);
    hear_nothing();
    end();
}

static void an_answer_does_not_overtake_the_welcome_of_its_connection(void)
{
    begin_durable();
    a.takes = true;
    say_hello(0, &a, 1, false, 1);
    say_ping(0, &a, 1);
    hear_nothing();
    all_is_safe();
    hear_welcome(&a, MQ_OK);
    hear_pong(&a, 1);
    end();
}

static void a_session_resumed_before_it_is_safe_waits_too(void)
{
    begin_durable();
    say_hello(0, &a, 1, false, 1);
    say_hello(0, &b, 1, true, 1);
    hear_refused(&a, MQ_TEMPORARY);
    hear_nothing();
    all_is_safe();
    hear_welcome(&b, MQ_OK);
    hear_nothing();
    end();
}

static void what_waits_for_a_connection_that_is_gone_is_forgotten(void)
{
    begin_durable();
    say_hello(0, &a, 1, false, 1);
    a.is_dead = true;
    link_closed(rules, 0, a.fd);
    link_tick(rules, 0);
    CHECK_EQUAL(connected(), 0);
    all_is_safe();
    hear_nothing();
    end();
}

static void a_connection_that_is_gone_when_it_is_to_be_told_is_noticed(void)
{
    begin_durable();
    say_hello(0, &a, 1, false, 1);
    say_hello(0, &b, 2, false, 1);
    a.is_dead = true;
    all_is_safe();
    hear_welcome(&b, MQ_OK);
    CHECK_EQUAL(connected(), 1);
    CHECK_EQUAL(link_stat(rules).gone, 1);
    end();
}

static void without_memory_to_wait_with_the_connection_is_given_up(void)
{
    bool welcome = false;
    for (uint64_t fails_at = 1; !welcome; fails_at++) {
        begin_durable();
        say_hello(0, &b, 2, false, 1); /* buffers have grown */
        all_is_safe();
        hear_welcome(&b, MQ_OK);
        malloc_fails_at = malloc_calls + fails_at;
        say_hello(0, &a, 1, false, 1);
        malloc_fails_at = 0;
        uint64_t bound = connected();
        all_is_safe();
        while (sent_read < sent_count)
            welcome |= hear(&a).welcome.status == MQ_OK;
        CHECK_EQUAL(welcome, bound == 2);
        CHECK(fails_at < 30);
        end();
    }
}

static const struct unit_test tests[] = {
    UNIT(a_welcome_waits_until_its_session_is_safe),
    UNIT(welcomes_leave_in_order_as_far_as_it_is_safe),
    UNIT(a_hello_that_is_refused_is_told_at_once),
    UNIT(the_answer_to_a_bye_waits_until_it_is_safe),
    UNIT(an_answer_does_not_overtake_the_welcome_of_its_connection),
    UNIT(a_session_resumed_before_it_is_safe_waits_too),
    UNIT(what_waits_for_a_connection_that_is_gone_is_forgotten),
    UNIT(a_connection_that_is_gone_when_it_is_to_be_told_is_noticed),
    UNIT(without_memory_to_wait_with_the_connection_is_given_up),
};

int main(void)
{
    return unit_run("link_held", tests, sizeof tests / sizeof *tests);
}
