/* mqc_item.c - see mqc_item.h. */
#include "mqc_item.h"

#include <assert.h>
#include <stdlib.h>

#include "mqc_queue.h"

static bool item_init(struct mqc_item *item, const struct item_view *view)
{
    item->id = view->id;
    item->deliveries = view->deliveries;
    item->size = view->body.size;
    item->body = view->body.data;
    return key_from_bytes(view->key, &item->priority, &item->priority_parts);
}

static void free_parts(struct batch *batch, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(batch->items[i].priority_parts);
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
    struct batch *batch = calloc(1, sizeof *batch + count * sizeof *batch->items);
    if (!batch)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        batch->items[i].batch = batch;
        if (item_init(&batch->items[i], &answer->items[i]))
            continue;
        free_parts(batch, i);
        free(batch);
        return NULL;
    }
    batch->mqc = queue->mqc;
    batch->queue = queue;
    queue_ref(queue);
    batch->generation = queue->mqc->generation;
    batch->count = batch->items_left = batch->references = count;
    take_frame(batch, frame);
    return batch;
}

void batch_unref(struct batch *batch)
{
    assert(batch->references > 0);
    if (--batch->references == 0)
        free(batch);
}

/* With the last item of its batch the frame goes. */
void item_forget(struct mqc_item *item)
{
    struct batch *batch = item->batch;
    assert(!item->freed);
    item->freed = true;
    lease_stop_renewing(item);
    free(item->priority_parts);
    item->priority_parts = NULL;
    if (--batch->items_left == 0) {
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
    return item->priority;
}

const char *mqc_item_queue_name(const struct mqc_item *item)
{
    return item->batch->queue->name;
}
