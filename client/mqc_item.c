/* mqc_item.c - see mqc_item.h. */
#include "mqc_item.h"

#include <assert.h>
#include <stdlib.h>

#include "mqc_queue.h"

static void item_init(struct mqc_item *item, struct batch *batch, const struct item_view *view)
{
    *item = (struct mqc_item){.batch = batch,
                              .body = view->body.data,
                              .id = view->id,
                              .size = (uint32_t)view->body.size,
                              .deliveries = view->deliveries,
                              .held = view->is_leased};
}

static void free_keys(struct batch *batch)
{
    for (size_t i = 0; batch->keys && i < batch->count; i++)
        free(batch->keys[i].parts);
    free(batch->keys);
    batch->keys = NULL;
}

/* Only items of priority queues have keys. */
static bool take_keys(struct batch *batch, const struct item_view *views)
{
    if (!batch->count || !views[0].key.size)
        return true;
    batch->keys = calloc(batch->count, sizeof *batch->keys);
    bool is_done = batch->keys != NULL;
    for (size_t i = 0; is_done && i < batch->count; i++)
        is_done = key_from_bytes(views[i].key, &batch->keys[i].key, &batch->keys[i].parts);
    if (!is_done)
        free_keys(batch);
    return is_done;
}

bool batch_reserve_limits(struct batch *batch)
{
    if (!batch->limits)
        batch->limits = calloc(batch->count, sizeof *batch->limits);
    return batch->limits != NULL;
}

struct limit *item_limit(const struct mqc_item *item)
{
    struct limit *limits = item->batch->limits;
    return limits ? &limits[item - item->batch->items] : NULL;
}

/* A small frame lives in its zmq_msg_t, so bodies move with it. */
static void take_frame(struct batch *batch, zmq_msg_t *frame)
{
    const char *from = zmq_msg_data(frame);
    size_t size = zmq_msg_size(frame);
    size_t offset;
    zmq_msg_init(&batch->frame);
    zmq_msg_move(&batch->frame, frame);
    const char *to = zmq_msg_data(&batch->frame);
    for (size_t i = 0; i < batch->count; i++) {
        struct mqc_item *item = &batch->items[i];
        if (!item->size) {
            item->body = "";
            continue;
        }
        offset = (size_t)((const char *)item->body - from);
        assert(offset + item->size <= size);
        item->body = to + offset;
    }
}

struct batch *batch_new(struct mqc_queue *queue, const struct answer *answer, zmq_msg_t *frame)
{
    size_t count = answer->item_count;
    struct batch *batch = malloc(sizeof *batch + count * sizeof *batch->items);
    if (!batch)
        return NULL;
    *batch = (struct batch){.mqc = queue->mqc, .generation = queue->mqc->generation, .count = count};
    if (!take_keys(batch, answer->items) || (answer->lease_ms > 0 && !batch_reserve_limits(batch))) {
        free_keys(batch);
        free(batch);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        item_init(&batch->items[i], batch, &answer->items[i]);
    batch->queue = queue;
    queue_ref(queue);
    batch->items_left = batch->references = count;
    take_frame(batch, frame);
    return batch;
}

void batch_unref(struct batch *batch)
{
    assert(batch->references > 0);
    if (--batch->references)
        return;
    free(batch->limits);
    free(batch);
}

/* With the last item of its batch the frame goes. */
void item_forget(struct mqc_item *item)
{
    struct batch *batch = item->batch;
    assert(!item->freed);
    item->freed = true;
    lease_stop_renewing(item);
    if (--batch->items_left == 0) {
        free_keys(batch);
        zmq_msg_close(&batch->frame);
        queue_unref(batch->queue);
        batch->queue = NULL;
    }
    batch_unref(batch);
}

void mqc_item_free(struct mqc_item *item)
{
    if (!item || client_is_foreign(item->batch->mqc))
        return;
    struct mqc *m = item->batch->mqc;
    client_lock(m);
    item_forget(item);
    client_unlock(m);
}

const void *mqc_item_body(const struct mqc_item *item)
{
    return item->body;
}

size_t mqc_item_size(const struct mqc_item *item)
{
    return item->size;
}

uint64_t mqc_item_id(const struct mqc_item *item)
{
    return item->id;
}

uint32_t mqc_item_deliveries(const struct mqc_item *item)
{
    return item->deliveries;
}

struct mqc_key mqc_item_priority(const struct mqc_item *item)
{
    const struct batch *batch = item->batch;
    return batch->keys ? batch->keys[item - batch->items].key : (struct mqc_key){.type = MQ_KEY_NONE};
}

bool mqc_item_is_leased(const struct mqc_item *item)
{
    return item->held;
}

const char *mqc_item_queue_name(const struct mqc_item *item)
{
    return item->batch->queue->name;
}
