/* scene_threads.c - how many mqc_put a second come from one thread, and how many from THREADS threads on one
 * handle.
 *
 * Nobody gets: what is measured is the putting. The queue is purged in between. */
#include "clock.h"
#include "scene.h"

#include <stdatomic.h>
#include <stdio.h>

struct putting {
    struct scene scene;
    struct mqc *mqc;
    struct mqc_queue *queue;
    double end_s;
    atomic_size_t count;
};

static void put_until_the_end(int index, void *context)
{
    (void)index;
    struct putting *p = context;
    static const char body[SCENE_BODY];
    size_t count = 0;
    for (; clock_now_s() < p->end_s; count++)
        scene_check(p->mqc, mqc_put(p->queue, body, sizeof body, MQ_FOREVER));
    atomic_fetch_add(&p->count, count);
}

static double puts_per_second(struct putting *p, int threads)
{
    atomic_store(&p->count, 0);
    p->end_s = clock_now_s() + p->scene.seconds;
    double seconds = scene_threads(threads, put_until_the_end, p);
    scene_check(p->mqc, mqc_purge(p->queue, NULL));
    return (double)atomic_load(&p->count) / seconds;
}

int main(int argc, char **argv)
{
    struct putting p = {.scene = {.threads = 16, .seconds = 0.5}};
    scene_options(argc, argv, &p.scene);
    p.mqc = scene_client(p.scene.endpoint);
    p.queue = scene_queue(p.mqc, "threads", MQ_KIND_FIFO);
    double one = puts_per_second(&p, 1), many = puts_per_second(&p, p.scene.threads);
    printf("{\"threads\":%d,\"one_per_second\":%.0f,\"many_per_second\":%.0f}\n", p.scene.threads, one, many);
    mqc_queue_close(p.queue);
    mqc_close(p.mqc);
    return 0;
}
