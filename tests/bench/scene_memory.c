/* scene_memory.c - the broker's memory with many waiting items, and after they are gone.
 *
 * Fills a FIFO queue with COUNT items, BATCH a request, from THREADS threads at once; reads the broker's
 * resident memory; takes and finishes all; and then watches it for ten seconds. */
#include "clock.h"
#include "scene.h"

#include <stdio.h>
#include <unistd.h>

enum {
    TAKE = 256,  /* items a request when draining */
    CLIENTS = 4, /* that the threads share */
    PATIENCE_S = 10,
    LOOK_US = 100000,
};

struct memory {
    struct scene scene;
    struct mqc *clients[CLIENTS];
    struct mqc_queue *queues[CLIENTS];
};

static void fill(int index, void *context)
{
    struct memory *memory = context;
    int client = index % CLIENTS;
    size_t first, left = scene_share(memory->scene.count, memory->scene.threads, index, &first);
    while (left > 0) {
        size_t now = left < memory->scene.batch ? left : memory->scene.batch;
        scene_put(memory->clients[client], memory->queues[client], now, NULL);
        left -= now;
    }
}

static void drain(int index, void *context)
{
    struct memory *memory = context;
    int client = index % CLIENTS;
    while (scene_take(memory->clients[client], memory->queues[client], TAKE, MQ_NOWAIT) > 0)
        ;
}

static double mib(size_t bytes)
{
    return (double)bytes / (1 << 20);
}

/* The least that was seen. */
static size_t watched(pid_t broker)
{
    size_t least = clock_rss_bytes(broker);
    for (double end_s = clock_now_s() + PATIENCE_S; clock_now_s() < end_s; usleep(LOOK_US)) {
        size_t now = clock_rss_bytes(broker);
        least = now < least ? now : least;
    }
    return least;
}

int main(int argc, char **argv)
{
    struct memory memory = {.scene = {.count = 1000000, .batch = 1, .threads = 16}};
    scene_options(argc, argv, &memory.scene);
    for (int i = 0; i < CLIENTS; i++) {
        memory.clients[i] = scene_client(memory.scene.endpoint);
        memory.queues[i] = scene_queue(memory.clients[i], "memory", MQ_KIND_FIFO);
    }
    size_t before = clock_rss_bytes(memory.scene.broker);
    double fill_s = scene_threads(memory.scene.threads, fill, &memory);
    size_t full = clock_rss_bytes(memory.scene.broker);
    double drain_s = scene_threads(CLIENTS, drain, &memory);
    size_t after = clock_rss_bytes(memory.scene.broker), least = watched(memory.scene.broker);
    double count = (double)memory.scene.count;
    printf("{\"items\":%zu,\"batch\":%zu,\"idle_mib\":%.2f,\"full_mib\":%.2f,\"emptied_mib\":%.2f,"
           "\"drained_mib\":%.2f,\"item_bytes\":%.1f,\"puts_per_second\":%.0f,\"gets_per_second\":%.0f}\n",
           memory.scene.count, memory.scene.batch, mib(before), mib(full), mib(after), mib(least),
           (double)(full - before) / count, count / fill_s, count / drain_s);
    for (int i = 0; i < CLIENTS; i++) {
        mqc_queue_close(memory.queues[i]);
        mqc_close(memory.clients[i]);
    }
    return 0;
}
