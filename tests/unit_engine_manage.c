/* unit_engine_manage.c - the rules of queues: open, set, purge, remove. */
#include "rig.h"

#include <string.h>

/* ---- open ---- */

static void opening_a_missing_queue_without_settings_makes_a_plain_fifo(void)
{
    struct rig r = rig_new((struct rig_options){.without_queue = true});
    rig_open(&r, OK);
    struct queue_stat q = rig_look(&r, "q");
    CHECK_EQUAL(q.settings.kind, MQ_KIND_FIFO);
    CHECK_EQUAL(q.settings.maxsize, 0);
    CHECK_EQUAL(q.settings.lease_ms, 0);
    CHECK_EQUAL(q.settings.given, MQ_SETTINGS_ALL);
    rig_free(&r);
}

static void opening_a_missing_queue_makes_it_with_the_settings_given(void)
{
    struct rig r = rig_new((struct rig_options){.without_queue = true});
    rig_open(&r, SETTINGS(MQ_KIND_LIFO, 7, 5000), OK);
    struct queue_stat q = rig_look(&r, "q");
    CHECK_EQUAL(q.settings.kind, MQ_KIND_LIFO);
    CHECK_EQUAL(q.settings.maxsize, 7);
    CHECK_EQUAL(q.settings.lease_ms, 5000);
    rig_free(&r);
}

static void opening_compares_only_the_settings_it_gives(void)
{
    struct rig r = rig_new((struct rig_options){.kind = MQ_KIND_PRIORITY, .maxsize = 5, .lease_ms = 100});
    rig_open(&r, OK);
    rig_open(&r, KIND(MQ_KIND_PRIORITY), OK);
    rig_open(&r, MAXSIZE(5), CREATE, OK);
    rig_open(&r, LEASE(100), OK);
    rig_open(&r, SETTINGS(MQ_KIND_PRIORITY, 5, 100), OK);
    rig_free(&r);
}

static void opening_with_another_setting_says_exists_and_names_it(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 5, .lease_ms = 100});
    rig_open(&r, KIND(MQ_KIND_LIFO), SAYS(MQ_EXISTS));
    CHECK(strcmp(rig_last(&r)->text, "kind") == 0);
    rig_open(&r, MAXSIZE(0), SAYS(MQ_EXISTS));
    CHECK(strcmp(rig_last(&r)->text, "maxsize") == 0);
    rig_open(&r, LEASE(0), SAYS(MQ_EXISTS));
    CHECK(strncmp(rig_last(&r)->text, "lease", 5) == 0);
    rig_open(&r, TRANSIENT(true), SAYS(MQ_EXISTS));
    CHECK(strcmp(rig_last(&r)->text, "transient") == 0);
    rig_open(&r, SETTINGS(MQ_KIND_FIFO, 6, 100), SAYS(MQ_EXISTS));
    CHECK(strcmp(rig_last(&r)->text, "maxsize") == 0);
    CHECK_EQUAL(rig_look(&r, "q").settings.maxsize, 5);
    rig_free(&r);
}

static void opening_compares_with_what_the_queue_was_created_with_not_with_what_is_in_force(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 5});
    rig_set(&r, MAXSIZE(9), OK);
    rig_open(&r, MAXSIZE(5), OK);
    rig_open(&r, MAXSIZE(9), SAYS(MQ_EXISTS));
    CHECK_EQUAL(rig_look(&r, "q").settings.maxsize, 9);
    rig_free(&r);
}

static void without_auto_create_only_an_explicit_create_makes_a_queue(void)
{
    struct rig r = rig_new((struct rig_options){.without_queue = true, .no_auto_create = true});
    rig_open(&r, SAYS(MQ_NO_QUEUE));
    rig_open(&r, MAXSIZE(5), SAYS(MQ_NO_QUEUE));
    rig_open(&r, MAXSIZE(5), CREATE, OK);
    rig_open(&r, OK);
    rig_open(&r, MAXSIZE(6), SAYS(MQ_EXISTS));
    rig_free(&r);
}

static void a_bad_name_is_invalid(void)
{
    char longest[257];
    memset(longest, 'n', sizeof longest);
    longest[256] = '\0';
    const char *bad[] = {"", " ", "a b", "tab\t", "\x7f", "\xff\xfe", "nl\n", longest};
    struct rig r = rig_new((struct rig_options){.without_queue = true});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        rig_open(&r, QUEUE(bad[i]), SAYS(MQ_INVALID));
    longest[255] = '\0';
    rig_open(&r, QUEUE(longest), OK);
    rig_open(&r,
             QUEUE("gr\xc3\xbc\xc3\x9f"
                   "e"),
             OK);
    rig_free(&r);
}

static void an_unknown_kind_is_invalid(void)
{
    struct rig r = rig_new((struct rig_options){.without_queue = true});
    rig_open(&r, KIND((enum mq_kind)3), SAYS(MQ_INVALID));
    rig_stat(&r, SAYS(MQ_NO_QUEUE));
    rig_free(&r);
}

static void an_unknown_setting_is_invalid(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_open(&r, QUEUE("p"), .given = 1 << 9, SAYS(MQ_INVALID));
    rig_set(&r, .given = 1 << 9, SAYS(MQ_INVALID));
    rig_free(&r);
}

/* ---- set ---- */

static void set_changes_only_what_is_given(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 5, .lease_ms = 100});
    rig_set(&r, MAXSIZE(-7), OK);
    CHECK(rig_look(&r, "q").settings.maxsize <= 0);
    CHECK_EQUAL(rig_look(&r, "q").settings.lease_ms, 100);
    rig_set(&r, LEASE(200), OK);
    CHECK_EQUAL(rig_look(&r, "q").settings.lease_ms, 200);
    rig_set(&r, OK);
    rig_free(&r);
}

static void the_kind_is_fixed_for_the_queues_life(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 5});
    rig_set(&r, SETTINGS(MQ_KIND_LIFO, 9, 9), SAYS(MQ_INVALID));
    CHECK_EQUAL(rig_look(&r, "q").settings.kind, MQ_KIND_FIFO);
    CHECK_EQUAL(rig_look(&r, "q").settings.maxsize, 5);
    rig_free(&r);
}

static void whether_it_is_transient_is_fixed_for_the_queues_life(void)
{
    struct rig r = rig_new((struct rig_options){.without_queue = true});
    rig_open(&r, TRANSIENT(true), OK);
    rig_open(&r, TRANSIENT(true), OK);
    rig_open(&r, OK);
    rig_open(&r, TRANSIENT(false), SAYS(MQ_EXISTS));
    rig_set(&r, TRANSIENT(true), SAYS(MQ_INVALID));
    rig_set(&r, TRANSIENT(false), SAYS(MQ_INVALID));
    rig_set(&r, MAXSIZE(3), OK);
    CHECK(rig_look(&r, "q").settings.is_transient);
    rig_open(&r, QUEUE("kept"), TRANSIENT(false), OK);
    CHECK(!rig_look(&r, "kept").settings.is_transient);
    rig_free(&r);
}

static void setting_a_missing_queue_says_so(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_set(&r, QUEUE("missing"), MAXSIZE(1), SAYS(MQ_NO_QUEUE));
    rig_free(&r);
}

/* ---- purge ---- */

static void a_purge_discards_what_waits_and_not_what_is_leased(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, GIVES("a"));
    rig_purge(&r, OK);
    CHECK_EQUAL(rig_last(&r)->answer.count, 2);
    CHECK_SIZES(&r, "q", 0, 1);
    CHECK_EQUAL(rig_look(&r, "q").discarded, 2);
    rig_release(&r, ITEMS("a"), OK);
    rig_get(&r, MAX(9), GIVES("a#2"));
    rig_purge(&r, OK);
    CHECK_EQUAL(rig_last(&r)->answer.count, 0);
    rig_purge(&r, QUEUE("missing"), SAYS(MQ_NO_QUEUE));
    rig_free(&r);
}

static void a_purge_discards_what_came_back_too_in_all_kinds(void)
{
    for (int kind = MQ_KIND_FIFO; kind <= MQ_KIND_PRIORITY; kind++) {
        struct rig r = rig_new((struct rig_options){.kind = (enum mq_kind)kind});
        rig_put(&r, BODIES("a", "b", "c", "d"), OK);
        rig_get(&r, MAX(3), OK);
        rig_release(&r, IDS(rig_last(&r)->items[1].id, rig_last(&r)->items[0].id), OK);
        rig_purge(&r, OK);
        CHECK_EQUAL(rig_last(&r)->answer.count, 3);
        CHECK_SIZES(&r, "q", 0, 1);
        rig_free(&r);
    }
}

static void after_a_purge_putters_are_served_and_then_joiners_looked_at(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_put(&r, BODY("a"), OK);
    rig_join(&r, SESSION(2), FOREVER, WAITS);
    rig_put(&r, SESSION(3), BODY("b"), FOREVER, WAITS);
    rig_purge(&r, OK);
    CHECK_EQUAL(rig_last(&r)->answer.count, 1);
    CHECK_REPLY(&r, SESSION(3), MQ_OK, "");
    CHECK_NO_REPLY(&r);
    rig_purge(&r, OK);
    CHECK_REPLY(&r, SESSION(2), MQ_OK, "");
    rig_free(&r);
}

/* ---- remove ---- */

static void an_unused_queue_can_be_removed(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_remove(&r, OK);
    rig_stat(&r, SAYS(MQ_NO_QUEUE));
    rig_remove(&r, SAYS(MQ_NO_QUEUE));
    rig_free(&r);
}

static void a_queue_with_unfinished_items_is_not_removed_unless_forced(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    rig_remove(&r, SAYS(MQ_BUSY));
    rig_get(&r, MAX(2), GIVES("a b"));
    rig_remove(&r, SAYS(MQ_BUSY));
    rig_done(&r, ITEMS("a", "b"), OK);
    rig_remove(&r, OK);
    CHECK_EQUAL(rig_last(&r)->answer.count, 0);
    rig_free(&r);
}

static void a_forced_remove_discards_waiting_and_leased_items(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b", "c"), OK);
    rig_get(&r, SESSION(2), GIVES("a"));
    rig_remove(&r, FORCE, OK);
    CHECK_EQUAL(rig_last(&r)->answer.count, 3);
    struct broker_stat stat = rig_look_at_broker(&r);
    CHECK_EQUAL(stat.queues, 0);
    CHECK_EQUAL(stat.ready, 0);
    CHECK_EQUAL(stat.leased, 0);
    CHECK_EQUAL(stat.discarded, 3);
    rig_done(&r, SESSION(2), ITEMS("a"), SAYS(MQ_LEASE_LOST));
    rig_free(&r);
}

static void removing_a_queue_ends_its_waiters_with_no_queue(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 1});
    rig_open(&r, QUEUE("empty"), OK);
    rig_get(&r, SESSION(2), QUEUE("empty"), TIMEOUT(500), WAITS);
    rig_remove(&r, QUEUE("empty"), OK);
    CHECK_REPLY(&r, SESSION(2), MQ_NO_QUEUE, "");
    rig_put(&r, SESSION(2), BODIES("a", "b"), TIMEOUT(500), WAITS);
    rig_join(&r, SESSION(3), FOREVER, WAITS);
    rig_remove(&r, FORCE, OK);
    CHECK_REPLY(&r, SESSION(2), MQ_NO_QUEUE, "");
    CHECK_EQUAL(rig_last(&r)->answer.count, 1);
    CHECK_REPLY(&r, SESSION(3), MQ_NO_QUEUE, "");
    rig_run_to(&r, 1000);
    rig_free(&r);
}

static void a_queue_made_again_is_another_queue(void)
{
    struct rig r = rig_new((struct rig_options){.maxsize = 5, .lease_ms = 100});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(1), GIVES("a"));
    rig_remove(&r, FORCE, OK);
    rig_open(&r, AT(50), KIND(MQ_KIND_LIFO), OK);
    rig_put(&r, BODY("b"), OK);
    rig_done(&r, ITEMS("a"), SAYS(MQ_LEASE_LOST));
    rig_run_to(&r, 500);
    rig_get(&r, MAX(9), GIVES("b"));
    struct queue_stat q = rig_look(&r, "q");
    CHECK_EQUAL(q.puts, 1);
    CHECK_EQUAL(q.age_ms, 450);
    CHECK_EQUAL(q.settings.maxsize, 0);
    rig_free(&r);
}

static void a_queue_is_not_kept_by_getters_or_lost_leases(void)
{
    struct rig r = rig_new((struct rig_options){.lease_ms = 100});
    rig_put(&r, BODY("a"), OK);
    rig_get(&r, AT(1), GIVES("a"));
    rig_get(&r, AT(200), SESSION(2), GIVES("a#2"));
    rig_done(&r, SESSION(2), ITEMS("a"), OK);
    rig_remove(&r, OK);
    rig_done(&r, ITEMS("a"), SAYS(MQ_LEASE_LOST));
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(opening_a_missing_queue_without_settings_makes_a_plain_fifo),
    UNIT(opening_a_missing_queue_makes_it_with_the_settings_given),
    UNIT(opening_compares_only_the_settings_it_gives),
    UNIT(opening_with_another_setting_says_exists_and_names_it),
    UNIT(opening_compares_with_what_the_queue_was_created_with_not_with_what_is_in_force),
    UNIT(without_auto_create_only_an_explicit_create_makes_a_queue),
    UNIT(a_bad_name_is_invalid),
    UNIT(an_unknown_kind_is_invalid),
    UNIT(an_unknown_setting_is_invalid),
    UNIT(set_changes_only_what_is_given),
    UNIT(the_kind_is_fixed_for_the_queues_life),
    UNIT(whether_it_is_transient_is_fixed_for_the_queues_life),
    UNIT(setting_a_missing_queue_says_so),
    UNIT(a_purge_discards_what_waits_and_not_what_is_leased),
    UNIT(a_purge_discards_what_came_back_too_in_all_kinds),
    UNIT(after_a_purge_putters_are_served_and_then_joiners_looked_at),
    UNIT(an_unused_queue_can_be_removed),
    UNIT(a_queue_with_unfinished_items_is_not_removed_unless_forced),
    UNIT(a_forced_remove_discards_waiting_and_leased_items),
    UNIT(removing_a_queue_ends_its_waiters_with_no_queue),
    UNIT(a_queue_made_again_is_another_queue),
    UNIT(a_queue_is_not_kept_by_getters_or_lost_leases),
};

int main(void)
{
    return unit_run("engine: manage", tests, sizeof tests / sizeof *tests);
}
