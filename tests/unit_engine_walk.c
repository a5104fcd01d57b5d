/* unit_engine_walk.c - the rules of peek by id: a walk through all items of a queue, page by page. */
#include "rig.h"

#include <string.h>

/* Page by page; what is on them all, in the words of a reply's bodies. */
static const char *walk(struct rig *r, bool leased, uint32_t max)
{
    static char all[1024];
    uint64_t after = 0;
    size_t count;
    *all = '\0';
    do {
        rig_peek(r, AFTER_ID(after), .leased = leased, MAX(max), OK);
        const struct rig_reply *reply = rig_last(r);
        count = reply->answer.item_count;
        CHECK(count <= max);
        if (count > 0) {
            snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", *all ? " " : "", reply->bodies);
            CHECK(reply->items[0].id > after);
            after = reply->items[count - 1].id;
            CHECK(after <= reply->answer.newest);
        }
    } while (count > 0);
    return all;
}

static void peek_by_id_goes_on_behind_an_id_in_the_order_of_storing_whatever_the_kind(void)
{
    for (int kind = MQ_KIND_FIFO; kind <= MQ_KIND_PRIORITY; kind++) {
        struct rig r = rig_new((struct rig_options){.kind = (enum mq_kind)kind});
        if (kind == MQ_KIND_PRIORITY)
            rig_put(&r, BODIES("a", "b", "c", "d", "e"), KEYS(3, 1, 1, 2, 0), OK);
        else
            rig_put(&r, BODIES("a", "b", "c", "d", "e"), OK);
        for (uint32_t max = 1; max <= 6; max++)
            CHECK(strcmp(walk(&r, true, max), "a b c d e") == 0);
        rig_free(&r);
    }
}

/* LIFO: the first that is taken is the last that was put. */
static void peek_by_id_shows_what_came_back_in_its_place_and_leased_items_if_asked(void)
{
    static const char *waiting[] = {"b#1 d e", "a b d#1", "b#1 d e"};
    static const char *all[] = {"a#1 b#1 c#1 d e", "a b c#1 d#1 e#1", "a#1 b#1 c#1 d e"};
    static const char *leased[] = {"a c", "c e", "a c"};
    for (int kind = MQ_KIND_FIFO; kind <= MQ_KIND_PRIORITY; kind++) {
        struct rig r = rig_new((struct rig_options){.kind = (enum mq_kind)kind});
        rig_put(&r, BODIES("a", "b", "c", "d", "e"), OK);
        rig_get(&r, MAX(3), OK);
        rig_release(&r, IDS(rig_last(&r)->items[1].id), OK);
        for (uint32_t max = 1; max <= 6; max++) {
            CHECK(strcmp(walk(&r, false, max), waiting[kind]) == 0);
            CHECK(strcmp(walk(&r, true, max), all[kind]) == 0);
        }
        rig_peek(&r, AFTER_ID(0), LEASED, MAX(9), OK);
        const struct rig_reply *seen = rig_last(&r);
        for (size_t i = 0; i < 5; i++)
            CHECK_EQUAL(seen->items[i].is_leased, strchr(leased[kind], seen->items[i].body[0]) != NULL);
        rig_free(&r);
    }
}

static void a_walk_passes_each_item_once_that_is_there_all_the_time_wherever_it_was_meanwhile(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b", "c", "d"), OK);
    rig_peek(&r, AFTER_ID(0), LEASED, MAX(2), GIVES("a b"));
    uint64_t after = rig_last(&r)->items[1].id;
    rig_get(&r, MAX(3), GIVES("a b c"));
    rig_done(&r, ITEMS("b"), OK);
    rig_release(&r, ITEMS("a", "c"), OK);
    rig_get(&r, MAX(1), GIVES("a#2"));
    rig_put(&r, BODY("e"), OK);
    rig_peek(&r, AFTER_ID(after), LEASED, MAX(2), GIVES("c#1 d"));
    rig_peek(&r, AFTER_ID(after + 2), LEASED, MAX(2), GIVES("e"));
    rig_peek(&r, AFTER_ID(after + 3), LEASED, MAX(2), GIVES(""));
    rig_free(&r);
}

static void peek_by_id_tells_the_newest_id_so_that_a_walk_has_an_end(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BODIES("a", "b"), OK);
    uint64_t newest = rig_last(&r)->ids[1];
    rig_peek(&r, AFTER_ID(0), MAX(1), GIVES("a"));
    CHECK_EQUAL(rig_last(&r)->answer.newest, newest);
    rig_put(&r, QUEUE("other"), BODY("c"), SAYS(MQ_NO_QUEUE));
    rig_peek(&r, AFTER_ID(UINT64_MAX), MAX(1), GIVES(""));
    CHECK_EQUAL(rig_last(&r)->answer.newest, newest);
    rig_peek(&r, MAX(1), GIVES("a"));
    CHECK_EQUAL(rig_last(&r)->answer.newest, 0);
    rig_free(&r);
}

static void a_page_has_one_mebibyte_or_one_item(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_put(&r, BULK(5, 400 << 10), OK);
    rig_put(&r, BULK(1, 3 << 20), OK);
    rig_put(&r, BULK(3, 1), OK);
    rig_peek(&r, AFTER_ID(0), MAX(9), OK);
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 2);
    uint64_t after = rig_last(&r)->items[1].id;
    rig_peek(&r, AFTER_ID(after + 3), MAX(9), OK);
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 1);
    CHECK_EQUAL(rig_last(&r)->items[0].size, 3 << 20);
    rig_peek(&r, AFTER_ID(after + 4), MAX(9), OK);
    CHECK_EQUAL(rig_last(&r)->answer.item_count, 3);
    rig_free(&r);
}

/* 3000 small items and 1000 large ones have come back, 500 were never taken, and some are leased: only some
 * of them are looked for at once, and none is passed over. */
static void a_walk_through_many_items_that_came_back_misses_none(void)
{
    enum { SMALL = 6000, LARGE = 1000, FRESH = 500, ALL = SMALL + LARGE + FRESH };
    for (int kind = MQ_KIND_FIFO; kind <= MQ_KIND_PRIORITY; kind++) {
        struct rig r = rig_new((struct rig_options){.kind = (enum mq_kind)kind, .silent = true});
        rig_put(&r, BULK(SMALL, 1), OK);
        uint64_t next = rig_last(&r)->ids[0], pages = 0;
        rig_put(&r, BULK(LARGE, 4000), OK);
        while (rig_look(&r, "q").ready > 0)
            rig_get(&r, SESSION(2), MAX(4000), OK);
        rig_bye(&r, SESSION(2));
        rig_put(&r, BULK(FRESH, 10), OK);
        rig_get(&r, SESSION(3), MAX(7), OK);
        for (const uint64_t end = next + ALL; next < end; pages++) {
            rig_peek(&r, AFTER_ID(next - 1), LEASED, MAX(65536), OK);
            const struct rig_reply *page = rig_last(&r);
            CHECK(page->answer.item_count > 0 && page->answer.item_count < SMALL);
            for (size_t i = 0; i < page->answer.item_count; i++)
                CHECK_EQUAL(page->items[i].id, next++);
        }
        CHECK(pages >= 5 && pages < 10);
        rig_free(&r);
    }
}

static void peek_by_id_from_the_end_and_leased_items_without_ids_are_invalid(void)
{
    struct rig r = rig_new((struct rig_options){0});
    rig_peek(&r, AFTER_ID(0), LAST, SAYS(MQ_INVALID));
    rig_peek(&r, LEASED, SAYS(MQ_INVALID));
    rig_peek(&r, AFTER_ID(0), MAX_OF_0, SAYS(MQ_INVALID));
    rig_peek(&r, AFTER_ID(0), QUEUE("missing"), SAYS(MQ_NO_QUEUE));
    rig_free(&r);
}

static const struct unit_test tests[] = {
    UNIT(peek_by_id_goes_on_behind_an_id_in_the_order_of_storing_whatever_the_kind),
    UNIT(peek_by_id_shows_what_came_back_in_its_place_and_leased_items_if_asked),
    UNIT(a_walk_passes_each_item_once_that_is_there_all_the_time_wherever_it_was_meanwhile),
    UNIT(peek_by_id_tells_the_newest_id_so_that_a_walk_has_an_end),
    UNIT(a_page_has_one_mebibyte_or_one_item),
    UNIT(a_walk_through_many_items_that_came_back_misses_none),
    UNIT(peek_by_id_from_the_end_and_leased_items_without_ids_are_invalid),
};

int main(void)
{
    return unit_run("engine: walking", tests, sizeof tests / sizeof *tests);
}
