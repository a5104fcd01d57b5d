/* queue.c - see queue.h. */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

/* Every bound that bounds nothing is the same one. */
static int64_t normal_maxsize(int64_t maxsize)
{
    return maxsize > 0 ? maxsize : 0;
}

struct queue *queue_new(struct bytes name, const struct settings *settings, struct stock *stock,
                        uint64_t now_ms)
{
    struct queue *q = calloc(1, sizeof *q + name.size);
    if (!q)
        return NULL;
    q->created.given = MQ_SETTINGS_ALL;
    if (settings->given & MQ_SETTING_KIND)
        q->created.kind = settings->kind;
    if (settings->given & MQ_SETTING_MAXSIZE)
        q->created.maxsize = normal_maxsize(settings->maxsize);
    if (settings->given & MQ_SETTING_LEASE)
        q->created.lease_ms = settings->lease_ms;
    if (settings->given & MQ_SETTING_TRANSIENT)
        q->created.is_transient = settings->is_transient;
    q->settings = q->created;
    q->made_ms = now_ms;
    q->name_size = name.size;
    memcpy(q->name, name.data, name.size);
    order_init(&q->order, q->settings.kind, stock);
    list_init(&q->leases);
    list_init(&q->getters);
    list_init(&q->putters);
    list_init(&q->joiners);
    return q;
}

void queue_free(struct queue *q)
{
    assert(q->leased == 0 && list_is_empty(&q->leases));
    assert(list_is_empty(&q->getters) && list_is_empty(&q->putters) && list_is_empty(&q->joiners));
    assert(!list_has(&q->marked) && !list_has(&q->starved));
    assert(q->bytes == 0);
    order_done(&q->order);
    free(q);
}

struct bytes queue_name(const struct queue *q)
{
    return (struct bytes){q->name, q->name_size};
}

uint64_t queue_unfinished(const struct queue *q)
{
    return q->order.count + q->leased;
}

uint64_t queue_room(const struct queue *q)
{
    if (q->settings.maxsize <= 0)
        return UINT64_MAX;
    uint64_t bound = (uint64_t)q->settings.maxsize;
    return bound > q->order.count ? bound - q->order.count : 0;
}

enum mq_setting queue_difference(const struct queue *q, const struct settings *wanted)
{
    if ((wanted->given & MQ_SETTING_KIND) && wanted->kind != q->created.kind)
        return MQ_SETTING_KIND;
    if ((wanted->given & MQ_SETTING_MAXSIZE) && normal_maxsize(wanted->maxsize) != q->created.maxsize)
        return MQ_SETTING_MAXSIZE;
    if ((wanted->given & MQ_SETTING_LEASE) && wanted->lease_ms != q->created.lease_ms)
        return MQ_SETTING_LEASE;
    if ((wanted->given & MQ_SETTING_TRANSIENT) && wanted->is_transient != q->created.is_transient)
        return MQ_SETTING_TRANSIENT;
    return 0;
}

void queue_set(struct queue *q, const struct settings *wanted)
{
    assert(!(wanted->given & (MQ_SETTING_KIND | MQ_SETTING_TRANSIENT)));
    if (wanted->given & MQ_SETTING_MAXSIZE)
        q->settings.maxsize = normal_maxsize(wanted->maxsize);
    if (wanted->given & MQ_SETTING_LEASE)
        q->settings.lease_ms = wanted->lease_ms;
}

void queue_describe(const struct queue *q, uint64_t now_ms, struct queue_stat *ret_stat)
{
    uint64_t oldest_ms = order_oldest_ms(&q->order);
    *ret_stat = (struct queue_stat){
        .name = queue_name(q),
        .settings = q->settings,
        .ready = q->order.count,
        .leased = q->leased,
        .unfinished = queue_unfinished(q),
        .bytes = q->bytes,
        .getters = q->getter_count,
        .putters = q->putter_count,
        .joiners = q->joiner_count,
        .puts = q->totals.puts,
        .gets = q->totals.gets,
        .done = q->totals.done,
        .redelivered = q->totals.redelivered,
        .returned = q->totals.returned,
        .discarded = q->totals.discarded,
        .age_ms = now_ms - q->made_ms,
        .oldest_ms = oldest_ms < now_ms ? now_ms - oldest_ms : 0,
        .is_shut_down = q->is_shut_down,
        .is_immediate = q->is_immediate,
    };
}

void queue_check(const struct queue *q)
{
    assert(q->settings.kind == q->created.kind && q->order.kind == q->settings.kind);
    assert(q->settings.is_transient == q->created.is_transient);
    order_check(&q->order);
    assert(!q->is_immediate || q->is_shut_down);
}
