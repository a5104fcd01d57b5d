/* scene_queues.c - many queues with a few items each, beside one queue with as many items, BATCH a request
 * both times; and what an empty queue takes.
 *
 * Makes QUEUES queues, and reads the broker's memory before and after. Then every queue gets BATCH items, and
 * all are taken again; and the same number of the same requests goes to one of the queues. The threads keep
 * the broker busy enough that its work, and not the way to it, is what the time goes to. */
#include "clock.h"
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CLIENTS = 4, /* that the threads share; each opens the queues of its threads */
    NAME_MAX_SIZE = 32,
};

struct queues {
    struct scene scene;
    struct mqc *clients[CLIENTS];
    struct mqc_queue **handles; /* by queue */
    struct mqc_queue *one[CLIENTS];
    bool is_one;
};

struct cost {
    double seconds, cpu_s;
};

static void open_share(int index, void *context)
{
    struct queues *q = context;
    size_t first, count = scene_share(q->scene.queues, q->scene.threads, index, &first);
    for (size_t i = first; i < first + count; i++) {
        char name[NAME_MAX_SIZE];
        snprintf(name, sizeof name, "queue.%zu", i);
        q->handles[i] = scene_queue(q->clients[index % CLIENTS], name, MQ_KIND_FIFO);
    }
}

static void put_share(int index, void *context)
{
    struct queues *q = context;
    size_t first, count = scene_share(q->scene.queues, q->scene.threads, index, &first);
    int client = index % CLIENTS;
    for (size_t i = first; i < first + count; i++)
        scene_put(q->clients[client], q->is_one ? q->one[client] : q->handles[i], q->scene.batch, NULL);
}

static void take_share(int index, void *context)
{
    struct queues *q = context;
    size_t first, count = scene_share(q->scene.queues, q->scene.threads, index, &first);
    int client = index % CLIENTS;
    for (size_t i = first; i < first + count; i++)
        if (scene_take(q->clients[client], q->is_one ? q->one[client] : q->handles[i], q->scene.batch,
                       MQ_NOWAIT) != q->scene.batch)
            scene_fail("a queue had fewer items than it got");
}

static struct cost move(struct queues *q, bool is_one)
{
    double cpu_s = clock_cpu_s(q->scene.broker);
    q->is_one = is_one;
    double seconds = scene_threads(q->scene.threads, put_share, q);
    seconds += scene_threads(q->scene.threads, take_share, q);
    return (struct cost){.seconds = seconds, .cpu_s = clock_cpu_s(q->scene.broker) - cpu_s};
}

int main(int argc, char **argv)
{
    struct queues q = {.scene = {.queues = 100000, .batch = 10, .threads = 16}};
    scene_options(argc, argv, &q.scene);
    q.handles = calloc(q.scene.queues, sizeof *q.handles);
    if (!q.handles)
        scene_fail("out of memory");
    for (int i = 0; i < CLIENTS; i++) {
        q.clients[i] = scene_client(q.scene.endpoint);
        q.one[i] = scene_queue(q.clients[i], "queue.0", MQ_KIND_FIFO);
    }
    size_t before = clock_rss_bytes(q.scene.broker);
    scene_threads(q.scene.threads, open_share, &q);
    size_t after = clock_rss_bytes(q.scene.broker);
    struct cost one = move(&q, true), many = move(&q, false);
    double items = (double)(q.scene.queues * q.scene.batch);
    printf("{\"queues\":%zu,\"batch\":%zu,\"empty_queue_bytes\":%.0f,\"one_us\":%.3f,\"many_us\":%.3f,"
           "\"one_cpu_us\":%.3f,\"many_cpu_us\":%.3f}\n",
           q.scene.queues, q.scene.batch, (double)(after - before) / (double)q.scene.queues,
           one.seconds / items * 1e6, many.seconds / items * 1e6, one.cpu_s / items * 1e6,
           many.cpu_s / items * 1e6);
    for (size_t i = 0; i < q.scene.queues; i++)
        mqc_queue_close(q.handles[i]);
    free(q.handles);
    for (int i = 0; i < CLIENTS; i++) {
        mqc_queue_close(q.one[i]);
        mqc_close(q.clients[i]);
    }
    return 0;
}
