/* ahead_rig.c - see ahead_rig.h. */
#include "ahead_rig.h"

struct fake fake;
struct mqc *mqc;
struct mqc_queue *queue;

struct mqc_queue *queue_ahead(const char *name)
{
    struct mqc_queue *q = NULL;
    struct mqc_queue_options options = {.mode = MQC_OPEN_NAME, .prefetch = PREFETCH};
    REQUIRE(mqc_queue_open(mqc, name, &options, &q) == MQ_OK);
    return q;
}

/* A program whose gets have found the largest window, and which is never too slow for it. */
void begin(void (*script)(struct fake *))
{
    fake_init(&fake);
    fake_run(&fake, script);
    mqc = fake_client(&fake, LIMIT_MS);
    queue = queue_ahead("q");
    queue->ahead.policy.window = PREFETCH;
    queue->ahead.policy.look_ms = LONG_MS;
}

void end(void)
{
    mqc_queue_close(queue);
    mqc_close(mqc);
    fake_end(&fake);
}

struct mqc_item *get_one(uint64_t id)
{
    struct mqc_item *item = NULL;
    REQUIRE(mqc_get(queue, MQ_FOREVER, &item) == MQ_OK);
    CHECK_EQUAL(mqc_item_id(item), id);
    return item;
}

void free_one(uint64_t id)
{
    mqc_item_free(get_one(id));
}

void give(struct fake *f, uint64_t first, size_t count, int64_t lease_ms)
{
    struct item_view items[PREFETCH];
    for (size_t i = 0; i < count; i++)
        items[i] = (struct item_view){.id = first + i, .deliveries = 1, .body = {"x", 1}};
    fake_answer(f, (struct answer){.items = items, .item_count = count, .lease_ms = lease_ms});
}

void take_get(struct fake *f, size_t max, int64_t timeout_ms)
{
    const struct request *get = fake_take_request(f, MQ_VERB_GET);
    REQUIRE(get->max == max);
    REQUIRE(get->timeout_ms == timeout_ms);
}

void check_ids(const struct request *request, uint64_t first, size_t count)
{
    REQUIRE(request->id_count == count);
    for (size_t i = 0; i < count; i++)
        REQUIRE(request->ids[i] == first + i);
}

/* A release of these items, untouched. */
void take_back(struct fake *f, uint64_t first, size_t count)
{
    const struct request *release = fake_take_request(f, MQ_VERB_RELEASE);
    REQUIRE(release->untouched);
    check_ids(release, first, count);
    fake_answer(f, (struct answer){0});
}

void take_dones(struct fake *f, uint64_t first, size_t count)
{
    check_ids(fake_take_request(f, MQ_VERB_TASK_DONE), first, count);
    fake_answer(f, (struct answer){0});
}

void take_plain(struct fake *f, enum mq_verb verb)
{
    fake_take(f, verb);
    fake_answer(f, (struct answer){0});
}

/* The usual beginning: a get that brings items 1 to 8. */
void welcome_and_give_8(struct fake *f)
{
    fake_welcome(f);
    take_get(f, PREFETCH, -1);
    give(f, 1, 8, 0);
}

/* Whatever was asked in the background has its answer then. */
void read_the_line(void)
{
    CHECK_EQUAL(mqc_ping(mqc, NULL), MQ_OK);
}
