/* Facts, written by hand, become an engine again. */
#include "replay_log.h"

#include "key.h"

/* ---- what waits ---- */

static void what_was_stored_waits_in_its_order(void)
{
    const char *const orders[] = {[MQ_KIND_FIFO] = "a b c d e", [MQ_KIND_LIFO] = "e d c b a"};
    for (enum mq_kind kind = MQ_KIND_FIFO; kind <= MQ_KIND_LIFO; kind++) {
        struct log_rig l = new_plain_log(kind);
        add_stored(&l, 1, 1, "ab");
        add_stored(&l, 2, 3, "cde");
        struct rig r = begin(&l);
        CHECK_SIZES(&r, "q", 5, 0);
        rig_peek(&r, MAX(9), GIVES(orders[kind]));
        rig_get(&r, MAX(9), GIVES(orders[kind]));
        rig_free(&r);
    }
}

static void in_a_priority_queue_keys_decide(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_PRIORITY);
    int64_t keys[] = {5, -1, 5, 0};
    facts_begin(&l.facts,
                &(struct fact){.kind = FACT_STORED, .cause = {1, 1}, .queue = 1, .first_id = 1, .total = 4});
    for (size_t i = 0; i < 4; i++) {
        uint8_t encoded[MQ_KEY_SIZE_MAX];
        struct key key = {.type = MQ_KEY_INT, .integer = keys[i]};
        size_t size;
        CHECK_EQUAL(key_encode(&key, encoded, &size), MQ_OK);
        facts_item(&l.facts, true, (struct bytes){encoded, size}, (struct bytes){&"abcd"[i], 1});
    }
    facts_end(&l.facts);
    struct rig r = begin(&l);
    rig_get(&r, MAX(9), GIVES("b d a c"));
    rig_free(&r);
}

static void ids_go_on_where_none_has_been_given(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add(&l, (struct fact){.kind = FACT_IDS, .first_id = 1000});
    add_stored(&l, 1, 1, "a");
    struct rig r = begin(&l);
    rig_put(&r, BODY("b"), OK);
    CHECK(rig_id(&r, "b") >= 1000);
    rig_free(&r);
    l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 40, "ab");
    r = begin(&l);
    rig_put(&r, BODY("c"), OK);
    CHECK(rig_id(&r, "c") >= 42);
    rig_free(&r);
}

static void times_are_kept_and_never_in_the_future(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "a");
    struct fact queue = queue_of(2, "later", MQ_KIND_FIFO);
    queue.time_ms = RIG_EPOCH_MS + 100000;
    add(&l, queue);
    facts_begin(&l.facts, &(struct fact){.kind = FACT_STORED,
                                         .cause = {1, 2},
                                         .queue = 2,
                                         .first_id = 2,
                                         .time_ms = RIG_EPOCH_MS + 100000,
                                         .total = 1});
    facts_item(&l.facts, false, (struct bytes){0}, mq_bytes("b"));
    facts_end(&l.facts);
    struct rig r = begin(&l);
    CHECK_EQUAL(rig_look(&r, "q").oldest_ms, 500);
    CHECK_EQUAL(rig_look(&r, "later").oldest_ms, 0);
    CHECK_EQUAL(rig_look(&r, "later").age_ms, 0);
    rig_free(&r);
}

static void times_that_go_back_do_no_harm(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    for (uint64_t i = 1; i <= 20; i++) {
        facts_begin(&l.facts, &(struct fact){.kind = FACT_STORED,
                                             .cause = {1, i},
                                             .queue = 1,
                                             .first_id = i,
                                             .time_ms = RIG_EPOCH_MS - 100 * i,
                                             .total = 1});
        facts_item(&l.facts, false, (struct bytes){0}, mq_bytes("x"));
        facts_end(&l.facts);
    }
    struct rig r = begin(&l);
    CHECK_SIZES(&r, "q", 20, 0);
    rig_free(&r);
}

/* ---- what is held ---- */

static void what_was_taken_is_held_until_the_grace_is_over(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "abc");
    ADD_IDS(&l, taken_of(2, 2), 1, 2);
    struct rig r = begin(&l);
    CHECK_SIZES(&r, "q", 1, 2);
    rig_get(&r, SESSION(2), MAX(9), GIVES("c"));
    rig_get(&r, SESSION(2), MAX(9), FOREVER, WAITS);
    rig_run_to(&r, 2999);
    CHECK_NO_REPLY(&r);
    rig_run_to(&r, 3000);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "a#2 b#2");
    rig_free(&r);
}

static void what_is_done_is_gone_and_what_came_back_waits_in_its_place(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "abcde");
    ADD_IDS(&l, taken_of(2, 4), 1, 2, 3, 4);
    ADD_IDS(&l, about_items(FACT_DONE, 3), 1, 3);
    struct fact untouched = about_items(FACT_RETURNED, 4);
    untouched.flags = FACT_UNTOUCHED;
    ADD_IDS(&l, untouched, 2);
    ADD_IDS(&l, about_items(FACT_RETURNED, 0), 4);
    struct rig r = begin(&l);
    CHECK_SIZES(&r, "q", 3, 0);
    rig_get(&r, SESSION(2), MAX(9), GIVES("b d#2 e"));
    rig_free(&r);
}

static void a_lease_with_a_time_out_has_all_of_it_again(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    struct fact taken = taken_of(2, 2);
    taken.lease_ms = 500;
    ADD_IDS(&l, taken, 1, 2);
    struct fact extended = about_items(FACT_EXTENDED, 3);
    extended.lease_ms = 900;
    ADD_IDS(&l, extended, 2);
    struct rig r = begin(&l);
    rig_run_to(&r, 499);
    CHECK_SIZES(&r, "q", 0, 2);
    rig_run_to(&r, 500);
    CHECK_SIZES(&r, "q", 1, 1);
    rig_run_to(&r, 900);
    CHECK_SIZES(&r, "q", 2, 0);
    rig_free(&r);
}

static void what_a_confirmed_get_was_to_make_done_is_gone(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    struct fact taken = taken_of(2, 1);
    taken.flags = FACT_AUTO_DONE;
    ADD_IDS(&l, taken, 1);
    ADD_IDS(&l, ((struct fact){.kind = FACT_CONFIRMED, .cause.session = 1}), 1, 2);
    struct rig r = begin(&l);
    CHECK_SIZES(&r, "q", 1, 0);
    CHECK_EQUAL(rig_look(&r, "q").done, 1);
    rig_free(&r);
}

static void a_session_that_lapsed_or_has_gone_holds_nothing(void)
{
    for (enum fact_kind kind = FACT_LAPSED; kind <= FACT_GONE; kind++) {
        struct log_rig l = new_plain_log(MQ_KIND_FIFO);
        add_stored(&l, 1, 1, "ab");
        ADD_IDS(&l, taken_of(2, 2), 1, 2);
        add(&l, (struct fact){.kind = kind, .cause.session = 1});
        struct rig r = begin(&l);
        CHECK_SIZES(&r, "q", 2, 0);
        CHECK_EQUAL(rig_look_at_broker(&r).sessions, 1 + (kind == FACT_LAPSED)); /* the looker's, too */
        rig_run_to(&r, 599999);
        CHECK_EQUAL(rig_look_at_broker(&r).sessions, 1 + (kind == FACT_LAPSED));
        rig_run_to(&r, 600000);
        CHECK_EQUAL(rig_look_at_broker(&r).sessions, 1);
        rig_free(&r);
    }
}

static void a_session_that_lapsed_and_came_back_may_lapse_again(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    add(&l, (struct fact){.kind = FACT_LAPSED, .cause.session = 1});
    add(&l, (struct fact){.kind = FACT_LAPSED, .cause.session = 1});
    ADD_IDS(&l, taken_of(2, 1), 1);
    struct rig r = begin(&l);
    CHECK_SIZES(&r, "q", 1, 1);
    rig_hello(&r, SESSION(OLD + 1), RESUME, NEXT_NUMBER(3), OK);
    CHECK_EQUAL(r.welcome.lapses, 2);
    rig_free(&r);
}

/* ---- queues ---- */

static void settings_and_shut_down_are_as_they_were_last(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_LIFO);
    struct fact changed = queue_of(1, "q", MQ_KIND_LIFO);
    changed.settings.maxsize = 3;
    changed.settings.lease_ms = 70;
    changed.flags = FACT_SHUT_DOWN;
    add(&l, changed);
    struct rig r = begin(&l);
    struct queue_stat stat = rig_look(&r, "q");
    CHECK_EQUAL(stat.settings.kind, MQ_KIND_LIFO);
    CHECK_EQUAL(stat.settings.maxsize, 3);
    CHECK_EQUAL(stat.settings.lease_ms, 70);
    CHECK(stat.is_shut_down && !stat.is_immediate);
    rig_open(&r, SETTINGS(MQ_KIND_LIFO, 0, 0), OK); /* as it was made */
    rig_free(&r);
}

static void an_immediate_shut_down_discards_what_waits(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "abc");
    ADD_IDS(&l, taken_of(2, 1), 1);
    struct fact changed = queue_of(1, "q", MQ_KIND_FIFO);
    changed.flags = FACT_SHUT_DOWN | FACT_IMMEDIATE;
    changed.totals = (struct fact_totals){.puts = 3, .gets = 1, .discarded = 2};
    add(&l, changed);
    struct rig r = begin(&l);
    CHECK_SIZES(&r, "q", 0, 1);
    CHECK_EQUAL(rig_look(&r, "q").discarded, 2);
    rig_run_to(&r, 3000);
    CHECK_SIZES(&r, "q", 0, 0);
    CHECK_EQUAL(rig_look(&r, "q").discarded, 3);
    rig_free(&r);
}

static void a_purged_queue_keeps_what_is_leased_and_a_removed_one_is_gone(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "abc");
    ADD_IDS(&l, taken_of(2, 1), 1);
    add(&l, (struct fact){.kind = FACT_PURGED, .cause = {1, 3}, .queue = 1, .count = 2});
    struct rig r = begin(&l);
    CHECK_SIZES(&r, "q", 0, 1);
    CHECK_EQUAL(rig_look(&r, "q").discarded, 2);
    rig_free(&r);
    l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "abc");
    ADD_IDS(&l, taken_of(2, 1), 1);
    add(&l, (struct fact){.kind = FACT_REMOVED, .cause = {1, 3}, .queue = 1, .count = 3});
    add(&l, queue_of(2, "q", MQ_KIND_LIFO));
    r = begin(&l);
    CHECK_SIZES(&r, "q", 0, 0);
    CHECK_EQUAL(rig_look_at_broker(&r).leased, 0);
    rig_free(&r);
}

/* ---- a log whose beginning is gone ---- */

/* As plain as the other, but ids 1 to 99 were given in segments that are gone. */
static struct log_rig new_later_log(struct fact_totals totals)
{
    struct log_rig l = {.engine = new_engine()};
    facts_init(&l.facts, true);
    struct fact checkpoint = checkpoint_of(100, 2, 2), queue = queue_of(1, "q", MQ_KIND_FIFO);
    facts_add(&l.facts, &checkpoint);
    add(&l, (struct fact){.kind = FACT_IDS, .first_id = 200});
    queue.totals = totals;
    add(&l, queue);
    add(&l, session_of(1));
    facts_count(&l.facts, 0);
    return l;
}

static void what_is_told_of_unknown_items_is_passed_over(void)
{
    struct log_rig l = new_later_log((struct fact_totals){.puts = 99, .gets = 59, .done = 50});
    ADD_IDS(&l, about_items(FACT_DONE, 5), 51, 52);
    ADD_IDS(&l, about_items(FACT_RETURNED, 6), 53);
    ADD_IDS(&l, about_items(FACT_EXTENDED, 7), 54, 55);
    struct fact taken = taken_of(8, 3);
    taken.redelivered = 1;
    ADD_IDS(&l, taken, 53, 60, 61);
    struct rig r = begin(&l);
    CHECK_SIZES(&r, "q", 0, 0);
    rig_free(&r);
}

static void an_item_that_is_moved_brings_its_state(void)
{
    struct log_rig l = new_later_log((struct fact_totals){.puts = 99, .gets = 97, .done = 90});
    add_stored(&l, 9, 100, "z");
    add_moved(&l, 92, "b", 0, 0, 0);
    add_moved(&l, 91, "a", 2, 0, 0);
    add_moved(&l, 93, "c", 0, 0, 0);
    add_moved(&l, 94, "held", 3, 1, 0);
    add_moved(&l, 94, "held", 1, 0, 0); /* known already */
    struct rig r = begin(&l);
    CHECK_SIZES(&r, "q", 4, 1);
    rig_get(&r, SESSION(2), MAX(9), GIVES("a#3 b c z"));
    rig_run_to(&r, 3000);
    rig_get(&r, SESSION(2), GIVES("held#4"));
    rig_free(&r);
}

static void totals_count_what_is_unknown(void)
{
    struct log_rig l =
        new_later_log((struct fact_totals){.puts = 99, .gets = 60, .done = 50, .discarded = 9});
    ADD_IDS(&l, about_items(FACT_DONE, 5), 51, 52); /* done 52 */
    ADD_IDS(&l, about_items(FACT_RETURNED, 6), 53); /* returned 1 */
    struct fact taken = taken_of(8, 3);
    taken.redelivered = 1;
    ADD_IDS(&l, taken, 53, 60, 61); /* gets 63, redelivered 1 */
    for (uint64_t id = 53; id < 91; id++)
        add_moved(&l, id, "x", id < 62, id < 62, 0); /* 38 are there, of which 9 are held */
    struct rig r = begin(&l);
    struct queue_stat stat = rig_look(&r, "q");
    CHECK_SIZES(&r, "q", 29, 9);
    CHECK_EQUAL(stat.puts, 99);
    CHECK_EQUAL(stat.gets, 63);
    CHECK_EQUAL(stat.done, 52);
    CHECK_EQUAL(stat.redelivered, 1);
    CHECK_EQUAL(stat.returned, 2);
    CHECK_EQUAL(stat.discarded, 9);
    CHECK_EQUAL(rig_look_at_broker(&r).puts, 0);
    rig_free(&r);
}

static void a_later_checkpoint_tells_what_is_known(void)
{
    struct log_rig l = new_plain_log(MQ_KIND_FIFO);
    add_stored(&l, 1, 1, "ab");
    size_t at = facts_size(&l.facts);
    add(&l, checkpoint_of(3, 2, 2));
    add(&l, queue_of(1, "q", MQ_KIND_FIFO));
    add(&l, session_of(1));
    facts_count(&l.facts, at);
    add_stored(&l, 2, 3, "c");
    struct rig r = begin(&l);
    CHECK_EQUAL(rig_look(&r, "q").puts, 3);
    rig_get(&r, SESSION(2), MAX(9), GIVES("a b c"));
    rig_free(&r);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(what_was_stored_waits_in_its_order),
        UNIT(in_a_priority_queue_keys_decide),
        UNIT(ids_go_on_where_none_has_been_given),
        UNIT(times_are_kept_and_never_in_the_future),
        UNIT(times_that_go_back_do_no_harm),
        UNIT(what_was_taken_is_held_until_the_grace_is_over),
        UNIT(what_is_done_is_gone_and_what_came_back_waits_in_its_place),
        UNIT(a_lease_with_a_time_out_has_all_of_it_again),
        UNIT(what_a_confirmed_get_was_to_make_done_is_gone),
        UNIT(a_session_that_lapsed_or_has_gone_holds_nothing),
        UNIT(a_session_that_lapsed_and_came_back_may_lapse_again),
        UNIT(settings_and_shut_down_are_as_they_were_last),
        UNIT(an_immediate_shut_down_discards_what_waits),
        UNIT(a_purged_queue_keeps_what_is_leased_and_a_removed_one_is_gone),
        UNIT(what_is_told_of_unknown_items_is_passed_over),
        UNIT(an_item_that_is_moved_brings_its_state),
        UNIT(totals_count_what_is_unknown),
        UNIT(a_later_checkpoint_tells_what_is_known),
    };
    return unit_run("engine_replay", tests, sizeof tests / sizeof *tests);
}
