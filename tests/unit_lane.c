/* unit_lane.c - the lane of a queue handle: what leaves together, and what becomes of it. */
#include "lane.h"

#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "failing_malloc.h"
#include "unit.h"

static struct depot depot;
static struct lane lane;
static struct lane_limits limits;
static uint64_t sequence;
static char settled[512]; /* "a:OK1 b:FULL ": what settle_all() has seen since begin() */

static void begin(void)
{
    depot_init(&depot);
    lane_init(&lane, &depot);
    limits = (struct lane_limits){.items = 100, .size = 100000};
    sequence = 0;
    settled[0] = '\0';
}

/* Takes notice of all results, as the client does. */
static void settle_all(void)
{
    struct bundle *b;
    while ((b = lane_first(&lane))) {
        const struct bundle_item *item;
        while ((item = bundle_next_result(b))) {
            char id[24] = "";
            size_t length = strlen(settled);
            if (item->id)
                snprintf(id, sizeof id, "%d", (int)item->id);
            snprintf(settled + length, sizeof settled - length, "%s:%s%s ",
                     item->context ? (const char *)item->context : "-", mq_status_name(item->status), id);
        }
        if (!bundle_is_over(b))
            return;
        lane_retire(&lane);
        bundle_free(&depot, b);
    }
}

static void end(void)
{
    lane_refuse(&lane, SIZE_MAX, MQ_CLOSED);
    settle_all();
    CHECK(lane_is_empty(&lane));
    depot_done(&depot);
    CHECK_EQUAL(depot.count, 0);
}

static bool add_to(const char *text, uint64_t number, uint64_t started_ms, bool copy)
{
    struct put_item put = {.body = mq_bytes(text)};
    struct bundle_item item = {.context = (void *)text, .sequence = number, .started_ms = started_ms};
    return lane_add(&lane, &put, &item, copy, limits);
}

static void add(const char *text)
{
    CHECK(add_to(text, ++sequence, 0, true));
}

static void ride(const char *rider)
{
    CHECK(add_to(rider, 0, 0, false));
}

/* The bodies of what leaves now, separated by spaces. */
static const char *depart(void)
{
    static char text[512];
    const struct put_item *puts = NULL;
    size_t count = lane_depart(&lane, limits, &puts), length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%.*s ", (int)puts[i].body.size,
                                   (const char *)puts[i].body.data);
    return text;
}

#define CHECK_DEPARTS(expected) CHECK_TEXT(depart(), expected)
#define CHECK_SETTLED(expected) CHECK_TEXT(settled, expected)
#define CHECK_TEXT(seen, expected)                                                                           \
    do {                                                                                                     \
        const char *text_seen = (seen);                                                                      \
        if (strcmp(text_seen, expected) != 0)                                                                \
            printf("\n    %s:%d: '%s', expected '%s'\n", __FILE__, __LINE__, text_seen, expected);           \
        CHECK(strcmp(text_seen, expected) == 0);                                                             \
    } while (0)

static size_t land(size_t stored, uint64_t first_id)
{
    struct range ids = {first_id, first_id + stored - 1};
    size_t left = lane_land(&lane, stored, &ids, stored > 0);
    settle_all();
    return left;
}

static void an_item_leaves_at_once_and_those_after_it_together(void)
{
    begin();
    add("a");
    CHECK_DEPARTS("a ");
    add("b");
    add("c");
    CHECK_EQUAL(land(1, 7), 0);
    CHECK_SETTLED("a:OK7 ");
    CHECK_DEPARTS("b c ");
    CHECK_EQUAL(land(2, 8), 0);
    CHECK_SETTLED("a:OK7 b:OK8 c:OK9 ");
    CHECK(lane_is_empty(&lane));
    CHECK_DEPARTS("");
    end();
}

static void what_was_not_stored_stays_in_front(void)
{
    begin();
    add("a");
    add("b");
    add("c");
    CHECK_DEPARTS("a b c ");
    add("d");
    CHECK_EQUAL(land(1, 1), 2);
    CHECK_DEPARTS("b c ");
    CHECK_EQUAL(land(2, 2), 0);
    CHECK_DEPARTS("d ");
    CHECK_EQUAL(land(1, 4), 0);
    CHECK_SETTLED("a:OK1 b:OK2 c:OK3 d:OK4 ");
    end();
}

static void ids_come_in_ranges(void)
{
    struct range ids[] = {{3, 3}, {10, 11}};
    begin();
    add("a");
    add("b");
    add("c");
    (void)depart();
    CHECK_EQUAL(lane_land(&lane, 3, ids, 2), 0);
    settle_all();
    CHECK_SETTLED("a:OK3 b:OK10 c:OK11 ");
    end();
}

static void ids_that_are_missing_or_too_many_harm_nothing(void)
{
    struct range many = {1, UINT64_MAX - 1};
    begin();
    add("a");
    add("b");
    (void)depart();
    CHECK_EQUAL(lane_land(&lane, 2, NULL, 0), 0);
    add("c");
    settle_all();
    (void)depart();
    CHECK_EQUAL(lane_land(&lane, 1, &many, 1), 0);
    settle_all();
    CHECK_SETTLED("a:OK b:OK c:OK1 ");
    end();
}

static void a_request_has_as_many_items_and_bytes_as_the_limits_allow_and_one_at_least(void)
{
    begin();
    limits = (struct lane_limits){.items = 2, .size = 2 * BUNDLE_ITEM_HEAD + 10};
    add("a");
    add("b");
    add("c");
    add("a body that is too long");
    add("12345");
    add("123456");
    CHECK_DEPARTS("a b ");
    CHECK_EQUAL(land(2, 1), 0);
    CHECK_DEPARTS("c ");
    CHECK_EQUAL(land(1, 3), 0);
    CHECK_DEPARTS("a body that is too long ");
    CHECK_EQUAL(land(1, 4), 0);
    CHECK_DEPARTS("12345 ");
    CHECK_EQUAL(land(1, 5), 0);
    end();
}

static void limits_that_have_become_smaller_count(void)
{
    begin();
    for (int i = 0; i < 6; i++)
        add("123");
    limits = (struct lane_limits){.items = 5, .size = 3 * (BUNDLE_ITEM_HEAD + 3)};
    CHECK_DEPARTS("123 123 123 ");
    CHECK_EQUAL(land(3, 1), 0);
    limits = (struct lane_limits){0};
    CHECK_DEPARTS("123 ");
    end();
}

static void a_request_after_one_that_found_little_room_is_small_and_grows_again(void)
{
    begin();
    for (int i = 0; i < 9; i++)
        add("x");
    CHECK_DEPARTS("x x x x x x x x x ");
    CHECK_EQUAL(land(1, 1), 8);
    CHECK_DEPARTS("x x ");
    CHECK_EQUAL(land(2, 2), 0);
    CHECK_DEPARTS("x x x x ");
    CHECK_EQUAL(land(4, 4), 0);
    CHECK_DEPARTS("x x ");
    CHECK_EQUAL(land(2, 8), 0);
    for (lane.narrow = MQ_ITEMS_MAX / 2; lane.narrow;) {
        add("x");
        (void)depart();
        (void)land(1, 1);
    }
    end();
}

static void a_request_in_which_an_item_is_at_fault_is_halved_until_that_is_alone(void)
{
    begin();
    add("a");
    add("b");
    add("bad");
    CHECK_DEPARTS("a b bad ");
    CHECK_EQUAL(land(0, 0), 3);
    lane_narrow(&lane, 3);
    CHECK_DEPARTS("a ");
    CHECK_EQUAL(land(1, 1), 0);
    CHECK_DEPARTS("b bad ");
    CHECK_EQUAL(land(0, 0), 2);
    lane_narrow(&lane, 2);
    CHECK_DEPARTS("b ");
    CHECK_EQUAL(land(1, 2), 0);
    CHECK_DEPARTS("bad ");
    CHECK_EQUAL(land(0, 0), 1);
    lane_refuse(&lane, 1, MQ_INVALID);
    settle_all();
    CHECK_SETTLED("a:OK1 b:OK2 bad:INVALID ");
    end();
}

static void a_refusal_is_for_the_items_in_front(void)
{
    begin();
    limits.items = 2;
    add("a");
    add("b");
    add("c");
    CHECK_DEPARTS("a b ");
    size_t left = land(0, 0);
    lane_refuse(&lane, left, MQ_SHUT_DOWN);
    settle_all();
    CHECK_SETTLED("a:SHUT_DOWN b:SHUT_DOWN ");
    CHECK_DEPARTS("c ");
    end();
}

static void items_that_are_given_up_while_they_are_away_get_no_second_result(void)
{
    begin();
    limits.items = 3;
    for (const char *const *text = (const char *const[]){"a", "b", "c", "d", NULL}; *text; text++)
        add(*text);
    CHECK_DEPARTS("a b c ");
    lane_refuse(&lane, 1, MQ_DISCONNECTED);
    settle_all();
    CHECK_EQUAL(land(2, 5), 1);
    CHECK_SETTLED("a:DISCONNECTED b:OK6 ");
    CHECK_DEPARTS("c ");
    lane_refuse(&lane, 2, MQ_CLOSED);
    settle_all();
    CHECK(lane_is_empty(&lane));
    CHECK(lane.away);
    CHECK_EQUAL(land(1, 9), 0);
    CHECK_SETTLED("a:DISCONNECTED b:OK6 c:CLOSED d:CLOSED ");
    end();
}

static void items_that_are_given_up_count_although_fewer_were_stored(void)
{
    begin();
    add("a");
    add("b");
    add("c");
    (void)depart();
    lane_refuse(&lane, 2, MQ_DISCONNECTED);
    settle_all();
    CHECK_EQUAL(land(1, 5), 1);
    CHECK_SETTLED("a:DISCONNECTED b:DISCONNECTED ");
    CHECK_DEPARTS("c ");
    end();
}

static void what_was_not_sent_after_all_leaves_again(void)
{
    begin();
    add("a");
    CHECK_DEPARTS("a ");
    lane_return(&lane);
    add("b");
    CHECK_DEPARTS("a ");
    end();
}

static void the_age_of_items_is_counted_from_the_front(void)
{
    begin();
    CHECK(lane_front(&lane) == NULL);
    CHECK(add_to("a", 1, 0, true));
    CHECK(add_to("b", 2, 10, true));
    CHECK_EQUAL(lane_count_until(&lane, 9), 1);
    (void)depart();
    CHECK(add_to("c", 3, 20, true));
    CHECK(add_to("d", 4, 30, true));
    CHECK_EQUAL(lane_count_until(&lane, 0), 1);
    CHECK_EQUAL(lane_count_until(&lane, 20), 3);
    CHECK_EQUAL(lane_count_until(&lane, UINT64_MAX), 4);
    CHECK_EQUAL(land(2, 1), 0);
    CHECK_EQUAL(lane_front(&lane)->started_ms, 20);
    end();
}

static void a_rider_leaves_at_once_or_when_its_item_comes_back(void)
{
    static const char one[] = "1", two[] = "2", three[] = "3", four[] = "4";
    begin();
    ride(one);
    ride(two);
    add("a");
    ride(three);
    CHECK_DEPARTS("1 2 a 3 ");
    ride(four);
    CHECK_EQUAL(lane_find(&lane, two), LANE_AWAY);
    CHECK_EQUAL(lane_find(&lane, four), LANE_GATHERED);
    CHECK_EQUAL(lane_find(&lane, settled), LANE_NOWHERE);
    lane_forget(&lane, four);
    lane_forget(&lane, four);
    CHECK_EQUAL(lane_find(&lane, four), LANE_NOWHERE);
    lane_forget(&lane, one);
    lane_forget(&lane, three);
    CHECK_EQUAL(land(0, 0), 2);
    CHECK_EQUAL(lane_find(&lane, two), LANE_GATHERED);
    CHECK_DEPARTS("2 a ");
    CHECK_EQUAL(land(2, 1), 0);
    CHECK_SETTLED("2:OK1 a:OK2 ");
    end();
}

static void the_item_of_a_rider_that_left_may_be_stored(void)
{
    begin();
    ride("1");
    add("a");
    CHECK_DEPARTS("1 a ");
    lane_forget(&lane, (const char *)lane_front(&lane)->context);
    CHECK_EQUAL(land(2, 1), 0);
    CHECK_SETTLED("-:OK1 a:OK2 ");
    end();
}

static void when_all_riders_have_left_nothing_comes_back(void)
{
    static const char one[] = "1";
    begin();
    ride(one);
    CHECK_DEPARTS("1 ");
    lane_forget(&lane, one);
    CHECK_EQUAL(land(0, 0), 0);
    CHECK(lane_is_empty(&lane));
    end();
}

static void bodies_are_copied_and_stay_where_they_are_once_they_are_sent(void)
{
    const struct put_item *puts, *more;
    char body[] = "body", key[] = "key";
    struct put_item put = {.body = {body, 4}, .key = {key, 3}};
    struct bundle_item item = {.sequence = 1};
    begin();
    limits.items = 1000;
    for (int i = 0; i < 700; i++) /* the memory for them moves several times */
        CHECK(lane_add(&lane, &put, &item, true, limits));
    memset(body, 'x', 4);
    memset(key, 'x', 3);
    CHECK_EQUAL(lane_depart(&lane, limits, &puts), 700);
    const void *first = puts[0].body.data;
    for (int i = 0; i < 700; i++)
        CHECK(lane_add(&lane, &put, &item, true, limits));
    CHECK(puts[0].body.data == first);
    for (int i = 0; i < 700; i++)
        CHECK(memcmp(puts[i].body.data, "body", 4) == 0 && memcmp(puts[i].key.data, "key", 3) == 0);
    (void)land(700, 1);
    CHECK_EQUAL(lane_depart(&lane, limits, &more), 700);
    CHECK(memcmp(more[699].body.data, "xxxx", 4) == 0);
    end();
}

static void spare_bundles_are_used_again_and_large_ones_can_be_given_back(void)
{
    static char large[100000];
    struct put_item put = {.body = {large, sizeof large}};
    struct bundle_item item = {.sequence = 1};
    const struct put_item *puts;
    begin();
    add("small");
    (void)depart();
    CHECK(lane_add(&lane, &put, &item, true, limits));
    (void)land(1, 1);
    CHECK_EQUAL(lane_depart(&lane, limits, &puts), 1);
    (void)land(1, 2);
    CHECK_EQUAL(depot.count, 2);
    uint64_t before = malloc_calls;
    add("small");
    CHECK_EQUAL(malloc_calls, before);
    CHECK_EQUAL(depot.count, 1);
    lane_refuse(&lane, 1, MQ_CLOSED);
    settle_all();
    depot_trim(&depot);
    CHECK_EQUAL(depot.count, 1);
    end();
}

static void no_more_spares_are_kept_than_are_of_use(void)
{
    begin();
    limits.items = 1;
    for (int i = 0; i < 10; i++)
        add("x");
    lane_refuse(&lane, 10, MQ_CLOSED);
    settle_all();
    CHECK_EQUAL(depot.count, 4);
    end();
}

static void without_memory_an_item_is_not_added_and_the_others_stay(void)
{
    enum { ITEMS = 40 };
    static char body[1000];
    uint64_t failures = 0;
    for (uint64_t at = 1; malloc_failures > failures || at == 1; at++) {
        struct put_item put = {.body = {body, sizeof body}};
        struct bundle_item item = {.sequence = 1};
        size_t added = 0;
        begin();
        failures = malloc_failures;
        malloc_calls = 0;
        malloc_fails_at = at;
        for (int i = 0; i < ITEMS; i++)
            added += lane_add(&lane, &put, &item, true, limits);
        malloc_fails_at = 0;
        CHECK_EQUAL(added, ITEMS - (malloc_failures - failures));
        CHECK_EQUAL(lane_count_until(&lane, UINT64_MAX), added);
        end();
    }
}

static void the_room_of_an_item_in_a_frame_is_not_underrated(void)
{
    struct put_item put = {.body = {NULL, 1000}, .key = {NULL, 100}};
    CHECK(bundle_size_of(&put) >= codec_item_size(1000, 100));
    put.key.size = 0;
    CHECK(bundle_size_of(&put) >= codec_item_size(1000, 0));
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(an_item_leaves_at_once_and_those_after_it_together),
        UNIT(what_was_not_stored_stays_in_front),
        UNIT(ids_come_in_ranges),
        UNIT(ids_that_are_missing_or_too_many_harm_nothing),
        UNIT(a_request_has_as_many_items_and_bytes_as_the_limits_allow_and_one_at_least),
        UNIT(limits_that_have_become_smaller_count),
        UNIT(a_request_after_one_that_found_little_room_is_small_and_grows_again),
        UNIT(a_request_in_which_an_item_is_at_fault_is_halved_until_that_is_alone),
        UNIT(a_refusal_is_for_the_items_in_front),
        UNIT(items_that_are_given_up_while_they_are_away_get_no_second_result),
        UNIT(items_that_are_given_up_count_although_fewer_were_stored),
        UNIT(what_was_not_sent_after_all_leaves_again),
        UNIT(the_age_of_items_is_counted_from_the_front),
        UNIT(a_rider_leaves_at_once_or_when_its_item_comes_back),
        UNIT(the_item_of_a_rider_that_left_may_be_stored),
        UNIT(when_all_riders_have_left_nothing_comes_back),
        UNIT(bodies_are_copied_and_stay_where_they_are_once_they_are_sent),
        UNIT(spare_bundles_are_used_again_and_large_ones_can_be_given_back),
        UNIT(no_more_spares_are_kept_than_are_of_use),
        UNIT(without_memory_an_item_is_not_added_and_the_others_stay),
        UNIT(the_room_of_an_item_in_a_frame_is_not_underrated),
    };
    return unit_run("lane", tests, sizeof tests / sizeof *tests);
}
