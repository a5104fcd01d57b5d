/* scene_depth.c - what a put and a get cost in a priority queue with random keys that holds COUNT items,
 * beside one that holds SHALLOW: the steady state, a batch put, a batch taken, in turn, so that the size
 * stays.
 *
 * The queues stay filled in the broker, and the next run finds them so. Time is what the caller waits for a
 * request, by item; CPU is the broker's. */
#include "clock.h"
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SHALLOW = 10000,
    FILL = 1000, /* items a request when filling */
    FILLERS = 4,
    TURNS = 100, /* batches put and taken of each queue */
};

struct cost {
    double put_s, put_cpu_s, get_s, get_cpu_s;
};

struct depth {
    struct scene scene;
    struct mqc *mqc;
    struct mqc_queue *filled;
    size_t missing;
};

static _Thread_local uint64_t seed;

/* splitmix64 */
static int64_t random_number(void)
{
    uint64_t x = seed += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (int64_t)((x ^ (x >> 31)) >> 1);
}

static void put_random(struct depth *d, struct mqc_queue *queue, size_t count)
{
    struct mqc_key *keys = calloc(count, sizeof *keys);
    if (!keys)
        scene_fail("out of memory");
    for (size_t i = 0; i < count; i++)
        keys[i] = mqc_key_int(random_number());
    scene_put(d->mqc, queue, count, keys);
    free(keys);
}

static void fill_share(int index, void *context)
{
    struct depth *d = context;
    size_t first, left = scene_share(d->missing, FILLERS, index, &first);
    seed = (uint64_t)first + 1;
    while (left > 0) {
        size_t now = left < FILL ? left : FILL;
        put_random(d, d->filled, now);
        left -= now;
    }
}

static struct mqc_queue *filled_queue(struct depth *d, const char *name, size_t count)
{
    struct mqc_queue_stat stat;
    d->filled = scene_queue(d->mqc, name, MQ_KIND_PRIORITY);
    scene_check(d->mqc, mqc_stat(d->filled, &stat));
    d->missing = stat.size < count ? count - stat.size : 0;
    scene_threads(FILLERS, fill_share, d);
    return d->filled;
}

static void turn(struct depth *d, struct mqc_queue *queue, struct cost *cost)
{
    double now_s = clock_now_s(), cpu_s = clock_cpu_s(d->scene.broker);
    put_random(d, queue, d->scene.batch);
    double put_s = clock_now_s(), put_cpu_s = clock_cpu_s(d->scene.broker);
    if (scene_take(d->mqc, queue, d->scene.batch, MQ_NOWAIT) != d->scene.batch)
        scene_fail("a full queue gave less than a batch");
    cost->put_s += put_s - now_s;
    cost->put_cpu_s += put_cpu_s - cpu_s;
    cost->get_s += clock_now_s() - put_s;
    cost->get_cpu_s += clock_cpu_s(d->scene.broker) - put_cpu_s;
}

static void print(const char *name, const struct cost *cost, double items)
{
    printf("\"%s_put_us\":%.4f,\"%s_get_us\":%.4f,\"%s_put_cpu_us\":%.4f,\"%s_get_cpu_us\":%.4f", name,
           cost->put_s / items * 1e6, name, cost->get_s / items * 1e6, name, cost->put_cpu_s / items * 1e6,
           name, cost->get_cpu_s / items * 1e6);
}

int main(int argc, char **argv)
{
    struct depth d = {.scene = {.count = 10000000, .batch = 1000}};
    scene_options(argc, argv, &d.scene);
    d.mqc = scene_client(d.scene.endpoint);
    struct mqc_queue *deep_queue = filled_queue(&d, "deep", d.scene.count);
    struct mqc_queue *shallow_queue = filled_queue(&d, "shallow", SHALLOW);
    struct cost deep = {0}, shallow = {0};
    seed = (uint64_t)(clock_now_s() * 1e6);
    for (int i = 0; i < TURNS; i++) {
        turn(&d, deep_queue, &deep);
        turn(&d, shallow_queue, &shallow);
    }
    double items = (double)(TURNS * d.scene.batch);
    printf("{\"items\":%zu,\"batch\":%zu,\"mib\":%zu,", d.scene.count, d.scene.batch,
           clock_rss_bytes(d.scene.broker) >> 20);
    print("deep", &deep, items);
    putchar(',');
    print("shallow", &shallow, items);
    puts("}");
    mqc_queue_close(deep_queue);
    mqc_queue_close(shallow_queue);
    mqc_close(d.mqc);
    return 0;
}
