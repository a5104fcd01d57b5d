/* mqc_async.c - see mqc_async.h. */
#include "mqc_async.h"

#include <sched.h>
#include <stdlib.h>

#include "mqc_queue.h"

struct result {
    struct list_node node;
    mqc_put_done *on_done;
    void *context;
    enum mq_status status;
    uint64_t id;
};

void async_init(struct async *a)
{
    list_init(&a->results);
}

void async_work(struct mqc *m)
{
    struct list_node *node;
    while ((node = list_first(&m->async.results))) {
        struct result *r = CONTAINER_OF(node, struct result, node);
        m->async.calling = true;
        list_remove(node);
        pthread_mutex_unlock(&m->lock);
        r->on_done(r->context, r->status, r->id);
        free(r);
        client_lock(m);
        m->async.calling = false;
        call_wake_all(m);
    }
}

enum mq_status mqc_put_async(struct mqc_queue *q, const struct mqc_put *put, mqc_put_done *on_done,
                             void *context)
{
    uint64_t id = 0;
    struct result *r = calloc(1, sizeof *r);
    if (!r)
        return client_fail(q ? q->mqc : NULL, MQ_NO_MEMORY, NULL);
    enum mq_status status = mqc_put_item(q, put, MQ_FOREVER, &id);
    if (status != MQ_OK || !on_done) {
        free(r);
        return status;
    }
    *r = (struct result){.on_done = on_done, .context = context, .id = id};
    client_lock(q->mqc);
    list_append(&q->mqc->async.results, &r->node);
    status = helper_need(q->mqc);
    helper_wake(q->mqc);
    client_unlock(q->mqc);
    return status;
}

enum mq_status mqc_flush(struct mqc *m, int64_t timeout_ms)
{
    if (!is_timeout(timeout_ms))
        return client_fail(m, MQ_INVALID, "a time-out is 0, positive, or MQ_FOREVER");
    enum mq_status status = client_enter(m);
    if (status != MQ_OK)
        return status;
    uint64_t due_ms = add_ms(monotonic_ms(), timeout_ms);
    while ((m->async.calling || !list_is_empty(&m->async.results)) && monotonic_ms() < due_ms) {
        pthread_mutex_unlock(&m->lock);
        sched_yield();
        client_lock(m);
    }
    return client_leave(m, MQ_OK);
}
