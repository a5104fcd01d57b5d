/* rig_shelf.h - an engine whose memory is small, with a shelf for what waits. For unit_engine_shelf*. */
#ifndef MQ_RIG_SHELF_H
#define MQ_RIG_SHELF_H

#include "fake_shelf.h"
#include "rig.h"

enum { LIMIT = 1 << 20, BODY = 100, BATCH = 256, FOLD = 20, MEMORY = LIMIT / 200 /* items, about */ };

static struct fake_shelf fake;
static bool may_exceed;

static inline struct rig begin(enum mq_kind kind, bool is_durable)
{
    fake_shelf_init(&fake);
    may_exceed = false;
    return rig_new((struct rig_options){.kind = kind,
                                        .memory_limit = LIMIT,
                                        .is_durable = is_durable,
                                        .shelf = &fake.shelf,
                                        .in_flight_max = UINT32_MAX});
}

static inline struct broker_stat look(const struct rig *r)
{
    struct broker_stat stat;
    engine_stat(r->engine, &stat);
    return stat;
}

/* Where nothing can go, leases take memory above the limit. */
static inline void check_memory(const struct rig *r)
{
    struct broker_stat stat = look(r);
    CHECK(stat.memory <= LIMIT || (may_exceed && stat.leased > 0));
    CHECK((stat.shelved > 0) == (stat.shelved_items > 0));
}

static inline void put(struct rig *r, const char *queue, size_t count)
{
    for (; count > 0; count -= count < BATCH ? count : BATCH) {
        rig_put(r, QUEUE(queue), BULK(count < BATCH ? count : BATCH, BODY), OK);
        check_memory(r);
    }
}

/* Gets and finishes so many; ids go up, or down. *id: the last one. */
static inline void get(struct rig *r, const char *queue, size_t count, bool is_down, uint64_t *id)
{
    while (count > 0) {
        rig_get(r, SESSION(2), QUEUE(queue), MAX((uint32_t)(count < BATCH ? count : BATCH)), AUTO_DONE, OK);
        const struct rig_reply *reply = rig_last(r);
        CHECK(reply->answer.item_count > 0);
        for (size_t i = 0; i < reply->answer.item_count; i++) {
            CHECK(is_down ? reply->items[i].id < *id : reply->items[i].id > *id);
            CHECK_EQUAL(reply->items[i].size, BODY);
            *id = reply->items[i].id;
        }
        count -= reply->answer.item_count;
        check_memory(r);
    }
}

#endif
