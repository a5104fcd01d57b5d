/* unit_engine_look.c - the rules of looking: peek, stat, list, sessions; nothing changes by it. */
#include "rig.h"

#include <string.h>

/* ---- peek ---- */

static void peek_shows_the_first_and_the_last_in_the_order_of_every_kind(void)
{
    static const char *first[] = {"a b", "e d", "a b"}, *last[] = {"d e", "b a", "d e"};
    for (int kind = MQ_KIND_FIFO; kind <= MQ_KIND_PRIORITY; kind++) {
        struct rig r = rig_new((struct rig_options){.kind = (enum mq_kind)kind});
        rig_put(&r, BODIES("a", "b", "c", "d", "e"), OK);
        rig_peek(&r, MAX(2), GIVES(first[kind]));
        rig_peek(&r, MAX(2), LAST, GIVES(last[kind]));
        rig_free(&r);
    }
}

static void peek_goes_by_key_in_a_priority_queue(void)
{
    struct rig r = rig_new((struct rig_options){.kind = MQ_KIND_PRIORITY});
    rig_put(&r, BODIES("3", "1a", "2", "1b", "0"), KEYS(3, 1, 2, 1, 0), OK);
    rig_peek(&r, MAX(3), GIVES("0 1a 1b"));
    rig_peek(&r, MAX(3), LAST, GIVES("1b 2 3"));
    rig_peek(&r, MAX(100), GIVES("0 1a 1b 2 3"));
    rig_peek(&r, MAX(100), LAST, GIVES("0 1a 1b 2 3"));
    CHECK(rig_last(&r)->items[0].key.size > 0);
    rig_free(&r);
}

static void peek_shows_what_came_back_in_its_old_place(void)
{
    static const char *all[] = {"a#1 b c#1 d e", "e#1 d c#1 b a", "a#1 b c#1 d e"};
    static const char *last[] = {"d e", "b a", "d e"};
    for (int kind = MQ_KIND_FIFO; kind <= MQ_KIND_PRIORITY; kind++) {
        struct rig r = rig_new((struct rig_options){.kind = (enum mq_kind)kind});
        rig_put(&r, BODIES("a", "b", "c", "d", "e"), OK);
        rig_get(&r, MAX(3), OK);
        rig_release(&r, IDS(rig_last(&r)->items[1].id), UNTOUCHED, OK);
        rig_release(&r, IDS(r.replies[r.reply_count - 2]->items[0].id), OK);
        rig_release(&r, ITEMS("c"), OK);
        rig_peek(&r, MAX(9), GIVES(all[kind]));
        rig_peek(&r, MAX(9), LAST, GIVES(all[kind]));
        rig_peek(&r, MAX(2), LAST, GIVES(last[kind]));
        rig_free(&r);
    }
}

static void peek_never_changes_anything(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_put(&r, BODIES("a", "b", "c"), FOREVER, WAITS);
    struct queue_stat before = rig_look(&r, "q");
    for (int i = 0; i < 3; i++) {
        rig_peek(&r, SESSION(2), MAX(5), GIVES("a b"));
        rig_peek(&r, SESSION(2), MAX(5), LAST, GIVES("a b"));
        rig_peek(&r, SESSION(2), MAX(5), AFTER_ID(0), LEASED, GIVES("a b"));
    }
    struct queue_stat after = rig_look(&r, "q");
    before.name = after.name;
    CHECK(memcmp(&before, &after, sizeof before) == 0);
    rig_done(&r, SESSION(2), ITEMS("a"), SAYS(MQ_TOO_MANY_DONE));
    rig_get(&r, MAX(2), GIVES("a b"));
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_free(&r);
}

static void peek_shows_waiting_items_only(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_peek(&r, OK);
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 0);
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, GIVES("a"));
    rig_peek(&r, MAX(9), GIVES("b"));
    rig_peek(&r, QUEUE("missing"), SAYS(MQ_NO_QUEUE));
    rig_free(&r);
}

static void a_peek_stops_at_the_frame_limit_but_shows_at_least_one(void)
{
    struct rig r = rig_new((struct rig_options){.frame_max = 20000});
    rig_put(&r, BULK(5, 4000), OK);
    rig_put(&r, BULK(1, 30000), OK);
    rig_peek(&r, MAX(9), OK);
    CHECK(rig_last(&r)->answer.item_count >= 2);
    CHECK(rig_last(&r)->answer.item_count <= 4);
    rig_peek(&r, MAX(1), LAST, OK);
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 1);
    rig_free(&r);
}

static void looking_at_no_rows_at_all_is_invalid(void)
{
    struct rig r = rig_new((struct rig_options){.kind = MQ_KIND_PRIORITY});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, MAX_OF_0, SAYS(MQ_INVALID));
    rig_peek(&r, MAX_OF_0, SAYS(MQ_INVALID));
    rig_peek(&r, MAX_OF_0, LAST, SAYS(MQ_INVALID));
    rig_list(&r, MAX_OF_0, SAYS(MQ_INVALID));
    rig_sessions(&r, MAX_OF_0, SAYS(MQ_INVALID));
    rig_free(&r);
}

/* ---- stat ---- */

static void stat_adds_up_what_happened_to_a_queue(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 4});
    rig_put(&r, AT(10), BODIES("aa", "bbb", "c", "d", "e"), FOREVER, WAITS);
    rig_get(&r, AT(20), MAX(3), GIVES("aa bbb c"));
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_done(&r, AT(30), ITEMS("aa"), OK);
    rig_release(&r, AT(40), ITEMS("bbb"), OK);
    rig_get(&r, AT(50), GIVES("bbb#2"));
    rig_run_to(&r, 60);
    struct queue_stat q = rig_look(&r, "q");
    CHECK_EQUAL(q.ready, 2);
    CHECK_EQUAL(q.leased, 2);
    CHECK_EQUAL(q.unfinished, 4);
    CHECK_EQUAL(q.bytes, 6);
    CHECK_EQUAL(q.puts, 5);
    CHECK_EQUAL(q.gets, 4);
    CHECK_EQUAL(q.done, 1);
    CHECK_EQUAL(q.returned, 1);
    CHECK_EQUAL(q.redelivered, 1);
    CHECK_EQUAL(q.discarded, 0);
    CHECK_EQUAL(q.age_ms, 60);
    CHECK_EQUAL(q.oldest_ms, 50);
    CHECK_EQUAL(q.puts, q.unfinished + q.done + q.discarded);
    rig_free(&r);
}

static void the_oldest_waiting_item_may_be_one_that_came_back(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, AT(10), BODY("a"), OK);
    rig_put(&r, AT(40), BODY("b"), OK);
    rig_get(&r, GIVES("a"));
    rig_run_to(&r, 100);
    CHECK_EQUAL(rig_look(&r, "q").oldest_ms, 60);
    rig_release(&r, ITEMS("a"), OK);
    CHECK_EQUAL(rig_look(&r, "q").oldest_ms, 90);
    rig_purge(&r, OK);
    CHECK_EQUAL(rig_look(&r, "q").oldest_ms, 0);
    rig_free(&r);
}

static void stat_counts_who_waits(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_open(&r, QUEUE("empty"), OK);
    rig_get(&r, SESSION(2), QUEUE("empty"), FOREVER, WAITS);
    rig_get(&r, SESSION(2), QUEUE("empty"), FOREVER, WAITS);
    rig_put(&r, SESSION(2), BODIES("a", "b"), FOREVER, WAITS);
    rig_join(&r, SESSION(3), FOREVER, WAITS);
    CHECK_EQUAL(rig_look(&r, "empty").getters, 2);
    CHECK_EQUAL(rig_look(&r, "q").putters, 1);
    CHECK_EQUAL(rig_look(&r, "q").joiners, 1);
    CHECK_EQUAL(rig_look_at_broker(&r).waiting, 4);
    rig_bye(&r, SESSION(2));
    CHECK_EQUAL(rig_look(&r, "empty").getters, 0);
    CHECK_EQUAL(rig_look(&r, "q").putters, 0);
    CHECK_EQUAL(rig_look_at_broker(&r).waiting, 1);
    rig_free(&r);
}

static void stat_of_the_broker_adds_up_all_queues_even_removed_ones(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_open(&r, QUEUE("p"), OK);
    rig_put(&r, BODIES("a", "b"), OK);
    rig_put(&r, QUEUE("p"), BODIES("c", "d", "e"), OK);
    rig_get(&r, MAX(2), GIVES("a b"));
    rig_done(&r, ITEMS("a"), OK);
    rig_remove(&r, QUEUE("p"), FORCE, OK);
    rig_run_to(&r, 5000);
    struct broker_stat stat = rig_look_at_broker(&r);
    CHECK_EQUAL(stat.queues, 1);
    CHECK_EQUAL(stat.sessions, 2);
    CHECK_EQUAL(stat.connected, 2);
    CHECK_EQUAL(stat.puts, 5);
    CHECK_EQUAL(stat.gets, 2);
    CHECK_EQUAL(stat.done, 1);
    CHECK_EQUAL(stat.discarded, 3);
    CHECK_EQUAL(stat.ready, 0);
    CHECK_EQUAL(stat.leased, 1);
    CHECK_EQUAL(stat.uptime_ms, 5000);
    CHECK(stat.version.size > 0);
    CHECK(stat.memory > 0);
    CHECK(stat.memory_limit > stat.memory);
    rig_free(&r);
}

/* ---- list ---- */

static void list_pages_through_all_queues_by_name(void)
{
    struct rig r = rig_new((struct rig_options){.without_queue = true});
    static const char *names[] = {"m", "a", "z", "ab", "B", "\xc3\xa9"};
    static const char *sorted[] = {"B", "a", "ab", "m", "z", "\xc3\xa9"};
    for (int i = 0; i < 6; i++)
        rig_open(&r, QUEUE(names[i]), OK);
    char after[8] = "";
    for (int i = 0; i < 6; i += 2) {
        rig_list(&r, QUEUE(after), MAX(2), OK);
        CHECK_EQUAL(rig_last(&r)->answer.queue_count, 2);
        for (int k = 0; k < 2; k++) {
            struct bytes name = rig_last(&r)->answer.queues[k].name;
            CHECK(strcmp(name.data, sorted[i + k]) == 0);
            strcpy(after, name.data);
        }
    }
    rig_list(&r, QUEUE(after), MAX(2), OK);
    CHECK_EQUAL(rig_last(&r)->answer.queue_count, 0);
    rig_list(&r, QUEUE("aa"), MAX(1), OK);
    CHECK(strcmp(rig_last(&r)->answer.queues[0].name.data, "ab") == 0);
    rig_free(&r);
}

static void list_rows_tell_the_same_as_stat(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 3, .lease_ms = 9});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_get(&r, GIVES("a"));
    rig_shut_down(&r, OK);
    struct queue_stat stat = rig_look(&r, "q");
    rig_list(&r, MAX(9), OK);
    CHECK_EQUAL(rig_last(&r)->answer.queue_count, 1);
    struct queue_stat row = rig_last(&r)->answer.queues[0];
    stat.name = row.name;
    CHECK(memcmp(&row, &stat, sizeof row) == 0);
    rig_free(&r);
}

/* ---- sessions ---- */

static const struct session_row *row_of(struct rig *r, uint64_t after)
{
    rig_sessions(r, SESSION(RIG_LOOKER), AFTER(after), MAX(1), OK);
    CHECK_EQUAL(rig_last(r)->answer.session_count, 1);
    return &rig_last(r)->answer.sessions[0];
}

static void sessions_tell_by_public_number_who_waits_for_and_holds_what(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 2});
    rig_open(&r, QUEUE("p"), OK);
    uint64_t number = engine_session_number(r.sessions[1].handle);
    rig_put(&r, AT(100), BODIES("a", "b", "c"), FOREVER, WAITS);
    rig_get(&r, QUEUE("p"), FOREVER, WAITS);
    rig_get(&r, QUEUE("p"), FOREVER, WAITS);
    rig_join(&r, FOREVER, WAITS);
    rig_get(&r, MAX(2), GIVES("a b"));
    CHECK_REPLY(&r, SESSION(1), MQ_OK, "");
    rig_run_to(&r, 150);
    const struct session_row *row = row_of(&r, number - 1);
    CHECK_EQUAL(row->number, number);
    CHECK(strcmp(row->name.data, "client-1") == 0);
    CHECK(row->connected);
    CHECK_EQUAL(row->age_ms, 150);
    CHECK_EQUAL(row->idle_ms, 50);
    CHECK_EQUAL(row->waiting, 3);
    CHECK_EQUAL(row->leased, 2);
    CHECK_EQUAL(row->wait_count, 2);
    CHECK_EQUAL(row->waits[0].verb, MQ_VERB_GET);
    CHECK(strcmp(row->waits[0].queue.data, "p") == 0);
    CHECK_EQUAL(row->waits[0].count, 2);
    CHECK_EQUAL(row->waits[1].verb, MQ_VERB_JOIN);
    CHECK_EQUAL(row->waits[1].count, 1);
    CHECK_EQUAL(row->hold_count, 1);
    CHECK(strcmp(row->holds[0].queue.data, "q") == 0);
    CHECK_EQUAL(row->holds[0].count, 2);
    rig_free(&r);
}

static void sessions_are_listed_by_ascending_number_in_pages(void)
{
    struct rig r = rig_new((struct rig_options){0});
    for (int i = 2; i < 9; i++)
        rig_hello(&r, SESSION(i), SAYS(MQ_OK));
    uint64_t last = 0, seen = 0;
    for (;;) {
        rig_sessions(&r, SESSION(8), AFTER(last), MAX(3), OK);
        size_t count = rig_last(&r)->answer.session_count;
        for (size_t i = 0; i < count; i++) {
            CHECK(rig_last(&r)->answer.sessions[i].number > last);
            last = rig_last(&r)->answer.sessions[i].number;
        }
        seen += count;
        if (count < 3)
            break;
    }
    CHECK_EQUAL(seen, 8);
    rig_free(&r);
}

static void a_session_without_a_connection_is_shown_as_such(void)
{
    struct rig r = rig_new((struct rig_options){0});
    uint64_t number = engine_session_number(r.sessions[1].handle);
    rig_drop(&r, AT(10));
    const struct session_row *row = row_of(&r, number - 1);
    CHECK_EQUAL(row->number, number);
    CHECK(!row->connected);
    CHECK_EQUAL(rig_look_at_broker(&r).connected, 1);
    rig_free(&r);
}

static void a_session_that_waits_at_many_queues_shows_the_first_of_them(void)
{
    struct rig r = rig_new((struct rig_options){0});
    char name[16];
    for (int i = 0; i < MQ_WAITS_MAX + 5; i++) {
        snprintf(name, sizeof name, "q%d", i);
        rig_open(&r, SESSION(2), QUEUE(name), OK);
        rig_get(&r, QUEUE(name), FOREVER, WAITS);
    }
    const struct session_row *row = row_of(&r, 0);
    CHECK_EQUAL(row->waiting, MQ_WAITS_MAX + 5);
    CHECK_EQUAL(row->wait_count, MQ_WAITS_MAX);
    rig_free(&r);
}

static void a_ping_is_answered(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_ping(&r, OK);
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(peek_shows_the_first_and_the_last_in_the_order_of_every_kind),
    UNIT(peek_goes_by_key_in_a_priority_queue),
    UNIT(peek_shows_what_came_back_in_its_old_place),
    UNIT(peek_never_changes_anything),
    UNIT(peek_shows_waiting_items_only),
    UNIT(a_peek_stops_at_the_frame_limit_but_shows_at_least_one),
    UNIT(looking_at_no_rows_at_all_is_invalid),
    UNIT(stat_adds_up_what_happened_to_a_queue),
    UNIT(the_oldest_waiting_item_may_be_one_that_came_back),
    UNIT(stat_counts_who_waits),
    UNIT(stat_of_the_broker_adds_up_all_queues_even_removed_ones),
    UNIT(list_pages_through_all_queues_by_name),
    UNIT(list_rows_tell_the_same_as_stat),
    UNIT(sessions_tell_by_public_number_who_waits_for_and_holds_what),
    UNIT(sessions_are_listed_by_ascending_number_in_pages),
    UNIT(a_session_without_a_connection_is_shown_as_such),
    UNIT(a_session_that_waits_at_many_queues_shows_the_first_of_them),
    UNIT(a_ping_is_answered),
};

int main(void)
{
    return unit_run("engine: looking", tests, sizeof tests / sizeof *tests);
}
