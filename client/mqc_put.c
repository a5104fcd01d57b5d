/* mqc_put.c - storing items: checked first, then sent frame by frame; one that may wait for ever shares its
 * frame with others. */
#include "mqc_put.h"

#include <stdlib.h>
#include <string.h>

#include "mqc_queue.h"

/* A frame is at most this part of what may be in flight, and no larger than what the broker does in one go
 * without others noticing. */
enum { FRAME_PART = 4, FRAME_HEAD_SIZE = 64 << 10, FRAME_SIZE_FAIR = 1 << 20 };

/* The puts of one call of the program. */
struct batch_of_puts {
    struct mqc_queue *queue;
    const struct mqc_put *puts;
    size_t count;
    int64_t timeout_ms;
    uint64_t deadline_ms;
    size_t stored;
    uint64_t *ids; /* or NULL */
};

/* What one frame carries, owned by the thread that waits for its answer. */
struct frame_of_puts {
    struct put_item *items;
    uint8_t *keys;
    size_t count;
    struct batch_of_puts *batch;
};

enum mq_status put_check(const struct mqc *m, const struct mqc_put *put, uint8_t *key,
                         struct put_item *ret_item)
{
    size_t size = 0;
    if (!put)
        return client_fail(m, MQ_INVALID, "no item");
    if ((put->size && !put->body) || !is_zero(put->reserved, sizeof put->reserved / 8))
        return client_fail(m, MQ_INVALID, "a body is missing, or something reserved is not zero");
    if (put->size > m->wire.welcome.body_max)
        return client_fail(m, MQ_TOO_BIG, "the body is larger than the broker takes");
    enum mq_status status = key_to_bytes(&put->priority, key, &size);
    if (status == MQ_INVALID)
        return client_fail(m, status, "the priority is no valid key");
    if (status != MQ_OK)
        return client_fail(m, status, NULL);
    *ret_item = (struct put_item){.body = {put->body, put->size}, .key = {key, size}};
    return MQ_OK;
}

static enum mq_status check_puts(const struct mqc *m, const struct mqc_put *puts, size_t count)
{
    uint8_t key[MQ_KEY_SIZE_MAX];
    struct put_item checked;
    enum mq_status status = MQ_OK;
    for (size_t i = 0; i < count && status == MQ_OK; i++)
        status = put_check(m, &puts[i], key, &checked);
    return status;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t put_frame_room(const struct mqc *m)
{
    const struct welcome *w = &m->wire.welcome;
    size_t room = min_size(min_size(w->frame_max, w->in_flight_max) / FRAME_PART, FRAME_SIZE_FAIR);
    return room > 2 * (size_t)FRAME_HEAD_SIZE ? room - FRAME_HEAD_SIZE : room / 2;
}

/* Keys have been checked: only for memory can this fail, and then it says 0. */
static size_t key_size(const struct mqc_put *put)
{
    uint8_t key[MQ_KEY_SIZE_MAX];
    size_t size = 0;
    if (put->priority.type != MQ_KEY_NONE)
        (void)key_to_bytes(&put->priority, key, &size);
    return size;
}

/* How many of the puts go into the next frame, one at least, and the size of their keys. */
static size_t count_fitting(const struct mqc *m, const struct mqc_put *puts, size_t count,
                            size_t *ret_key_size)
{
    size_t items_max = m->wire.welcome.items_max ? m->wire.welcome.items_max : 1;
    size_t room = put_frame_room(m), used = 0, fitting = 0, keys = 0;
    while (fitting < min_size(count, items_max)) {
        size_t key = key_size(&puts[fitting]);
        used += codec_item_size(puts[fitting].size, key);
        if (used > room && fitting)
            break;
        fitting++;
        keys += key;
    }
    *ret_key_size = keys;
    return fitting;
}

static void frame_done(struct frame_of_puts *frame)
{
    free(frame->items);
    free(frame->keys);
}

static enum mq_status frame_fill(struct frame_of_puts *frame, const struct mqc_put *puts, size_t room)
{
    uint8_t key[MQ_KEY_SIZE_MAX], *to = frame->keys;
    for (size_t i = 0; i < frame->count; i++) {
        size_t size = 0;
        enum mq_status status = key_to_bytes(&puts[i].priority, key, &size);
        if (status != MQ_OK)
            return status;
        if (size > room)
            return MQ_NO_MEMORY; /* there was none to measure it */
        frame->items[i].body = (struct bytes){.data = puts[i].body, .size = puts[i].size};
        frame->items[i].key = (struct bytes){.data = to, .size = size};
        if (size)
            memcpy(to, key, size);
        to += size;
        room -= size;
    }
    return MQ_OK;
}

static enum mq_status frame_init(struct frame_of_puts *frame, struct batch_of_puts *batch)
{
    const struct mqc_put *puts = batch->puts + batch->stored;
    size_t room, count = count_fitting(batch->queue->mqc, puts, batch->count - batch->stored, &room);
    *frame = (struct frame_of_puts){.count = count, .batch = batch};
    frame->items = calloc(count, sizeof *frame->items);
    frame->keys = malloc(room + 1);
    enum mq_status status = MQ_NO_MEMORY;
    if (frame->items && frame->keys)
        status = frame_fill(frame, puts, room);
    if (status != MQ_OK)
        client_fail(batch->queue->mqc, status, NULL);
    return status;
}

/* However the put ended, the answer tells how many items of the frame are stored, the first ones. */
static void put_answered(struct call *call, const struct answer *answer)
{
    if (!answer || call->left)
        return;
    struct frame_of_puts *frame = call->context;
    struct batch_of_puts *batch = frame->batch;
    size_t count = min_size(answer->count, frame->count), written = 0;
    for (size_t i = 0; batch->ids && i < answer->id_range_count; i++)
        for (uint64_t id = answer->ids[i].first; id <= answer->ids[i].last && written < count; id++)
            batch->ids[batch->stored + written++] = id;
    batch->stored += count;
    if (call->status == MQ_OK && count < frame->count)
        call->status = MQ_TEMPORARY; /* never: but a broker that says so must not be asked for ever */
    if (call->status == MQ_INTERRUPTED && count == frame->count)
        call->status = MQ_OK;
}

static int64_t time_left_ms(const struct batch_of_puts *batch)
{
    if (batch->timeout_ms <= 0)
        return batch->timeout_ms;
    uint64_t now_ms = monotonic_ms();
    return batch->deadline_ms > now_ms ? (int64_t)(batch->deadline_ms - now_ms) : 0;
}

static enum mq_status put_frame(struct batch_of_puts *batch)
{
    struct frame_of_puts frame;
    enum mq_status status = frame_init(&frame, batch);
    if (status == MQ_OK) {
        struct call *call = call_new(batch->queue->mqc, MQ_VERB_PUT, batch->queue);
        if (call) {
            call->exchange.request.puts = frame.items;
            call->exchange.request.put_count = frame.count;
            call->on_end = put_answered;
            call->context = &frame;
            call_set_timeout(call, time_left_ms(batch));
        }
        status = call_run(call);
        call_drop(call);
    }
    frame_done(&frame);
    return status;
}

static enum mq_status put_all(struct mqc_queue *q, const struct mqc_put *puts, size_t count,
                              int64_t timeout_ms, size_t *stored, uint64_t *ids)
{
    *stored = 0;
    enum mq_status status = queue_enter_timed(q, timeout_ms);
    if (status != MQ_OK)
        return status;
    struct batch_of_puts batch = {.queue = q,
                                  .puts = puts,
                                  .count = count,
                                  .timeout_ms = timeout_ms,
                                  .deadline_ms = add_ms(monotonic_ms(), timeout_ms),
                                  .ids = ids};
    if (count && !puts)
        status = client_fail(q->mqc, MQ_INVALID, "no items");
    else
        status = check_puts(q->mqc, puts, count);
    if (status == MQ_OK && count > 0)
        status = puts_await_turn(q, timeout_ms);
    while (status == MQ_OK && batch.stored < count)
        status = put_frame(&batch);
    *stored = batch.stored;
    return queue_leave(q, status);
}

/* Shares requests with others that put through this handle. */
static enum mq_status put_for_ever(struct mqc_queue *q, const struct mqc_put *put, uint64_t *ret_id)
{
    uint8_t key[MQ_KEY_SIZE_MAX];
    struct put_item item;
    enum mq_status status = queue_enter(q);
    if (status != MQ_OK)
        return status;
    status = put_check(q->mqc, put, key, &item);
    if (status == MQ_OK)
        status = puts_ride(q, &item, ret_id);
    return queue_leave(q, status);
}

enum mq_status mqc_put(struct mqc_queue *q, const void *body, size_t size, int64_t timeout_ms)
{
    struct mqc_put put = {.body = body, .size = size};
    size_t stored;
    if (timeout_ms == MQ_FOREVER)
        return put_for_ever(q, &put, NULL);
    return put_all(q, &put, 1, timeout_ms, &stored, NULL);
}

enum mq_status mqc_put_nowait(struct mqc_queue *q, const void *body, size_t size)
{
    return mqc_put(q, body, size, MQ_NOWAIT);
}

enum mq_status mqc_put_item(struct mqc_queue *q, const struct mqc_put *put, int64_t timeout_ms,
                            uint64_t *ret_id)
{
    size_t stored;
    uint64_t id;
    if (timeout_ms == MQ_FOREVER)
        return put_for_ever(q, put, ret_id);
    enum mq_status status = put_all(q, put, 1, timeout_ms, &stored, &id);
    if (status == MQ_OK && ret_id)
        *ret_id = id;
    return status;
}

enum mq_status mqc_put_many(struct mqc_queue *q, const struct mqc_put *puts, size_t count, int64_t timeout_ms,
                            size_t *ret_stored)
{
    size_t stored;
    return put_all(q, puts, count, timeout_ms, ret_stored ? ret_stored : &stored, NULL);
}

enum mq_status mqc_put_many_ids(struct mqc_queue *q, const struct mqc_put *puts, size_t count,
                                int64_t timeout_ms, size_t *ret_stored, uint64_t *ret_ids)
{
    size_t stored;
    return put_all(q, puts, count, timeout_ms, ret_stored ? ret_stored : &stored, ret_ids);
}
