/* put.c - what is checked before a put, and how many items become frames. */
#include <math.h>
#include <string.h>

#include "fake.h"
#include "key.h"

static struct fake fake;
static struct mqc *mqc;
static struct mqc_queue *queue;

static void begin(void (*script)(struct fake *))
{
    fake_run(&fake, script);
    mqc = fake_client(&fake, LIMIT_MS);
    queue = fake_queue(mqc, "q");
}

static void end(void)
{
    mqc_queue_close(queue);
    mqc_close(mqc);
    fake_end(&fake);
}

/* Takes a put of so many items and stores `stored` of them. */
static void take_put(struct fake *f, size_t count, size_t stored, uint64_t first_id, enum mq_status status)
{
    const struct request *put = fake_take_request(f, MQ_VERB_PUT);
    struct range ids = {first_id, first_id + stored - 1};
    REQUIRE(put->put_count == count);
    fake_answer(
        f, (struct answer){.status = status, .count = stored, .ids = &ids, .id_range_count = stored > 0});
}

static void take_five_by_twos(struct fake *f)
{
    fake_welcome(f);
    take_put(f, 2, 2, 10, MQ_OK);
    take_put(f, 2, 2, 20, MQ_OK);
    take_put(f, 1, 1, 30, MQ_OK);
    fake_goodbye(f);
}

static void a_put_of_many_is_sent_in_frames_of_as_many_items_as_the_broker_takes(void)
{
    struct mqc_put puts[5] = {{0}};
    uint64_t ids[5];
    size_t stored;
    fake_init(&fake);
    fake.limits.items_max = 2;
    begin(take_five_by_twos);
    CHECK_EQUAL(mqc_put_many_ids(queue, puts, 5, MQ_FOREVER, &stored, ids), MQ_OK);
    CHECK_EQUAL(stored, 5);
    CHECK(ids[0] == 10 && ids[1] == 11 && ids[2] == 20 && ids[3] == 21 && ids[4] == 30);
    end();
}

static void be_full_in_the_second_frame(struct fake *f)
{
    fake_welcome(f);
    take_put(f, 2, 2, 10, MQ_OK);
    take_put(f, 2, 1, 20, MQ_FULL);
    fake_goodbye(f);
}

static void a_put_of_many_stops_at_the_first_refusal(void)
{
    struct mqc_put puts[5] = {{0}};
    size_t stored;
    fake_init(&fake);
    fake.limits.items_max = 2;
    begin(be_full_in_the_second_frame);
    CHECK_EQUAL(mqc_put_many(queue, puts, 5, MQ_NOWAIT, &stored), MQ_FULL);
    CHECK_EQUAL(stored, 3);
    end();
}

static void take_five_by_size(struct fake *f)
{
    fake_welcome(f);
    take_put(f, 2, 2, 1, MQ_OK);
    take_put(f, 1, 1, 3, MQ_OK);
    take_put(f, 2, 2, 4, MQ_OK);
    fake_goodbye(f);
}

static void frames_stay_well_below_what_the_broker_takes_but_have_one_item_at_least(void)
{
    static char body[400000];
    struct mqc_put puts[5];
    size_t sizes[5] = {20000, 20000, sizeof body, 1, 20000}, stored;
    fake_init(&fake);
    fake.limits.frame_max = 500000;
    begin(take_five_by_size);
    for (int i = 0; i < 5; i++)
        puts[i] = (struct mqc_put){.body = body, .size = sizes[i]};
    CHECK_EQUAL(mqc_put_many(queue, puts, 5, MQ_FOREVER, &stored), MQ_OK);
    CHECK_EQUAL(stored, 5);
    end();
}

static void store_fewer_than_it_says(struct fake *f)
{
    fake_welcome(f);
    take_put(f, 2, 1, 1, MQ_OK);
    fake_goodbye(f);
}

static void a_broker_that_stores_less_without_a_reason_is_not_asked_for_ever(void)
{
    struct mqc_put puts[2] = {{0}};
    size_t stored;
    fake_init(&fake);
    begin(store_fewer_than_it_says);
    CHECK_EQUAL(mqc_put_many(queue, puts, 2, MQ_FOREVER, &stored), MQ_TEMPORARY);
    CHECK_EQUAL(stored, 1);
    end();
}

static void take_a_tuple(struct fake *f)
{
    uint8_t expected[MQ_KEY_SIZE_MAX];
    size_t size;
    const struct key parts[] = {{.type = MQ_KEY_STRING, .bytes = {"a\0b", 3}},
                                {.type = MQ_KEY_DOUBLE, .real = 2.5}};
    const struct key tuple = {.type = MQ_KEY_TUPLE, .elements = parts, .element_count = 2};
    fake_welcome(f);
    const struct request *put = fake_take_request(f, MQ_VERB_PUT);
    REQUIRE(key_encode(&tuple, expected, &size) == MQ_OK);
    REQUIRE(put->puts[0].key.size == size);
    REQUIRE(memcmp(put->puts[0].key.data, expected, size) == 0);
    fake_answer(f, (struct answer){.count = 1});
    struct item_view item = {.id = 1, .deliveries = 1, .key = {expected, size}};
    fake_take(f, MQ_VERB_PEEK);
    fake_answer(f, (struct answer){.items = &item, .item_count = 1});
    fake_goodbye(f);
}

static void a_priority_goes_and_comes_with_all_its_parts(void)
{
    struct mqc_key parts[] = {{.type = MQ_KEY_STRING, .data = "a\0b", .size = 3}, mqc_key_double(2.5)};
    struct mqc_put put = {.priority = mqc_key_tuple(parts, 2)};
    struct mqc_item *item;
    size_t count;
    fake_init(&fake);
    begin(take_a_tuple);
    CHECK_EQUAL(mqc_put_item(queue, &put, MQ_FOREVER, NULL), MQ_OK);
    CHECK_EQUAL(mqc_peek(queue, 1, false, &item, &count), MQ_OK);
    struct mqc_key key = mqc_item_priority(item);
    CHECK_EQUAL(key.type, MQ_KEY_TUPLE);
    CHECK_EQUAL(key.count, 2);
    CHECK_EQUAL(key.elements[0].type, MQ_KEY_STRING);
    CHECK_EQUAL(key.elements[0].size, 3);
    CHECK(memcmp(key.elements[0].data, "a\0b", 3) == 0);
    CHECK(key.elements[1].real == 2.5);
    CHECK_EQUAL(mqc_item_size(item), 0);
    CHECK(mqc_item_body(item) != NULL);
    mqc_item_free(item);
    end();
}

static const struct item_view walked[] = {{.id = 8, .deliveries = 1, .is_leased = true, .body = {"x", 1}},
                                          {.id = 9, .body = {"y", 1}}};

static void be_walked_through(struct fake *f)
{
    fake_welcome(f);
    const struct request *peek = fake_take_request(f, MQ_VERB_PEEK);
    REQUIRE(peek->by_id && peek->leased && peek->after_number == 7 && peek->max == 5000);
    fake_answer(f, (struct answer){.items = walked, .item_count = 2, .newest = 12});
    peek = fake_take_request(f, MQ_VERB_PEEK);
    REQUIRE(peek->by_id && !peek->leased && peek->after_number == 9);
    fake_answer(f, (struct answer){.newest = 13});
    /* One that does not know of ids. */
    fake_take(f, MQ_VERB_PEEK);
    fake_answer(f, (struct answer){.items = walked, .item_count = 2});
    fake_goodbye(f);
}

static void a_walk_goes_on_behind_an_id_and_tells_who_is_leased_and_the_newest_id(void)
{
    struct mqc_item *items[2];
    size_t count;
    uint64_t newest;
    struct mqc_peek peek = {.max = 5000, .by_id = true, .leased = true, .after = 7};
    fake_init(&fake);
    begin(be_walked_through);
    CHECK_EQUAL(mqc_peek_with(queue, &peek, items, &count, &newest), MQ_OK);
    CHECK_EQUAL(count, 2);
    CHECK_EQUAL(newest, 12);
    CHECK_EQUAL(mqc_item_id(items[0]), 8);
    CHECK(mqc_item_is_leased(items[0]) && !mqc_item_is_leased(items[1]));
    CHECK_EQUAL(mqc_task_done(items[0]), MQ_INVALID);
    mqc_item_free(items[1]);
    peek = (struct mqc_peek){.max = 1, .by_id = true, .after = 9};
    CHECK_EQUAL(mqc_peek_with(queue, &peek, items, &count, NULL), MQ_OK);
    CHECK_EQUAL(count, 0);
    peek.max = 2;
    CHECK_EQUAL(mqc_peek_with(queue, &peek, items, &count, NULL), MQ_UNSUPPORTED);
    end();
}

static void hear_nothing(struct fake *f)
{
    fake_welcome(f);
    fake_goodbye(f);
}

static enum mq_status put_with(struct mqc_key priority)
{
    struct mqc_put puts[2] = {{.body = "fine", .size = 4}, {.priority = priority}};
    size_t stored = 99;
    enum mq_status status = mqc_put_many(queue, puts, 2, MQ_FOREVER, &stored);
    CHECK_EQUAL(stored, 0);
    CHECK(strlen(mqc_error(mqc)) > 0);
    return status;
}

static void what_is_wrong_with_a_put_is_found_before_anything_is_sent(void)
{
    static char text[MQ_KEY_SIZE_MAX + 1];
    struct mqc_key deep[MQ_KEY_DEPTH_MAX + 2] = {mqc_key_int(1)}, reserved = mqc_key_int(1);
    struct mqc_put odd = {.reserved = {1}};
    fake_init(&fake);
    fake.limits.body_max = 10;
    begin(hear_nothing);
    CHECK_EQUAL(mqc_put(queue, "12345678901", 11, MQ_FOREVER), MQ_TOO_BIG);
    CHECK_EQUAL(mqc_put(queue, NULL, 1, MQ_FOREVER), MQ_INVALID);
    CHECK_EQUAL(mqc_put(queue, "x", 1, -2), MQ_INVALID);
    CHECK_EQUAL(mqc_put(NULL, "x", 1, MQ_FOREVER), MQ_INVALID);
    CHECK_EQUAL(mqc_put_item(queue, NULL, MQ_FOREVER, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_put_item(queue, &odd, MQ_FOREVER, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_put_many(queue, NULL, 0, MQ_FOREVER, NULL), MQ_OK);
    for (int i = 0; i <= MQ_KEY_DEPTH_MAX; i++)
        deep[i + 1] = mqc_key_tuple(&deep[i], 1);
    reserved.reserved[0] = 1;
    memset(text, 'x', sizeof text);
    CHECK_EQUAL(put_with(mqc_key_double(NAN)), MQ_INVALID);
    CHECK_EQUAL(put_with(mqc_key_string("\xff")), MQ_INVALID);
    CHECK_EQUAL(put_with(mqc_key_bytes(NULL, 1)), MQ_INVALID);
    CHECK_EQUAL(put_with(mqc_key_tuple(NULL, 1)), MQ_INVALID);
    CHECK_EQUAL(put_with(deep[MQ_KEY_DEPTH_MAX + 1]), MQ_INVALID);
    CHECK_EQUAL(put_with(reserved), MQ_INVALID);
    CHECK_EQUAL(put_with((struct mqc_key){.type = 77}), MQ_INVALID);
    CHECK_EQUAL(put_with(mqc_key_bytes(text, sizeof text)), MQ_TOO_BIG);
    CHECK_EQUAL(put_with(mqc_key_tuple(deep, MQ_KEY_SIZE_MAX + 1)), MQ_TOO_BIG);
    end();
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(a_put_of_many_is_sent_in_frames_of_as_many_items_as_the_broker_takes),
        UNIT(a_put_of_many_stops_at_the_first_refusal),
        UNIT(frames_stay_well_below_what_the_broker_takes_but_have_one_item_at_least),
        UNIT(a_broker_that_stores_less_without_a_reason_is_not_asked_for_ever),
        UNIT(a_priority_goes_and_comes_with_all_its_parts),
        UNIT(a_walk_goes_on_behind_an_id_and_tells_who_is_leased_and_the_newest_id),
        UNIT(what_is_wrong_with_a_put_is_found_before_anything_is_sent),
    };
    return unit_run("put", tests, sizeof tests / sizeof *tests);
}
