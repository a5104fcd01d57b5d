/* call.c - see call.h. */
#include "call.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "wait.h"

struct call {
    enum mq_status (*run)(struct call *c);
    struct mqc_queue *queue;
    const char *text;
    int64_t timeout_ms;
    enum mq_status status;
    struct mqc_item *item;
    atomic_bool is_over;
    pthread_t thread;
};

static enum mq_status run_put(struct call *c)
{
    return mqc_put(c->queue, c->text, strlen(c->text), c->timeout_ms);
}

static enum mq_status run_get(struct call *c)
{
    return mqc_get(c->queue, c->timeout_ms, &c->item);
}

static enum mq_status run_join(struct call *c)
{
    return mqc_join(c->queue, c->timeout_ms);
}

static enum mq_status run_get_done(struct call *c)
{
    struct mqc_item *item;
    enum mq_status status = mqc_get(c->queue, c->timeout_ms, &item);
    return status == MQ_OK ? mqc_task_done(item) : status;
}

static void *run(void *context)
{
    struct call *c = context;
    c->status = c->run(c);
    atomic_store(&c->is_over, true);
    return NULL;
}

static struct call *start(enum mq_status (*what)(struct call *), struct mqc_queue *queue, const char *text,
                          int64_t timeout_ms)
{
    struct call *c = calloc(1, sizeof *c);
    REQUIRE(c);
    c->run = what;
    c->queue = queue;
    c->text = text;
    c->timeout_ms = timeout_ms;
    REQUIRE(pthread_create(&c->thread, NULL, run, c) == 0);
    return c;
}

struct call *call_put(struct mqc_queue *queue, const char *text, int64_t timeout_ms)
{
    return start(run_put, queue, text, timeout_ms);
}

struct call *call_get(struct mqc_queue *queue, int64_t timeout_ms)
{
    return start(run_get, queue, NULL, timeout_ms);
}

struct call *call_join(struct mqc_queue *queue, int64_t timeout_ms)
{
    return start(run_join, queue, NULL, timeout_ms);
}

struct call *call_get_done(struct mqc_queue *queue, int64_t timeout_ms)
{
    return start(run_get_done, queue, NULL, timeout_ms);
}

bool call_is_over(struct call *c)
{
    return atomic_load(&c->is_over);
}

enum mq_status call_end(struct call *c, struct mqc_item **ret_item)
{
    WAIT_UNTIL(call_is_over(c), LIMIT_MS);
    REQUIRE(pthread_join(c->thread, NULL) == 0);
    enum mq_status status = c->status;
    if (ret_item)
        *ret_item = c->item;
    else
        mqc_item_free(c->item);
    free(c);
    return status;
}
