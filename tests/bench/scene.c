/* scene.c - see scene.h. */
#include "scene.h"
#include "clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void scene_fail(const char *why)
{
    fprintf(stderr, "scene: %s\n", why);
    exit(1);
}

void scene_check(struct mqc *mqc, enum mq_status status)
{
    if (status == MQ_OK)
        return;
    fprintf(stderr, "scene: %s: %s\n", mqc_strerror(status), mqc_error(mqc));
    exit(1);
}

static bool read_option(struct scene *scene, int option, const char *value)
{
    switch (option) {
    case 'e':
        scene->endpoint = value;
        return true;
    case 'o':
        scene->other = value;
        return true;
    case 'f':
        scene->file = value;
        return true;
    case 'B':
        return (scene->broker = (pid_t)atol(value)) > 0;
    case 'n':
        return (scene->count = strtoul(value, NULL, 10)) > 0;
    case 'b':
        scene->batch = strtoul(value, NULL, 10);
        return scene->batch > 0 && scene->batch <= SCENE_BATCH_MAX;
    case 't':
        return (scene->threads = atoi(value)) > 0 && scene->threads <= SCENE_THREADS_MAX;
    case 'q':
        return (scene->queues = strtoul(value, NULL, 10)) > 0;
    case 'd':
        return (scene->seconds = atof(value)) > 0;
    default:
        return false;
    }
}

void scene_options(int argc, char **argv, struct scene *scene)
{
    int option;
    while ((option = getopt(argc, argv, "e:o:f:B:n:b:t:q:d:")) != -1)
        if (!read_option(scene, option, optarg))
            scene_fail("not an option of a scene; scene.h tells them");
    if (optind != argc || !scene->endpoint || !scene->broker)
        scene_fail("-e ENDPOINT and -B BROKER-PID are needed, and options only");
}

struct mqc *scene_client(const char *endpoint)
{
    struct mqc *mqc = NULL;
    scene_check(NULL, mqc_open(endpoint, NULL, &mqc));
    return mqc;
}

struct mqc_queue *scene_queue(struct mqc *mqc, const char *name, enum mq_kind kind)
{
    struct mqc_queue *queue = NULL;
    struct mqc_queue_options options = {.given = MQ_SETTING_KIND, .kind = kind};
    scene_check(mqc, mqc_queue_open(mqc, name, &options, &queue));
    return queue;
}

static void *room_for(size_t count, size_t size)
{
    void *room = calloc(count, size);
    if (!room)
        scene_fail("out of memory");
    return room;
}

void scene_put(struct mqc *mqc, struct mqc_queue *queue, size_t count, const struct mqc_key *keys)
{
    static const char body[SCENE_BODY];
    struct mqc_put *puts = room_for(count, sizeof *puts);
    for (size_t i = 0; i < count; i++) {
        puts[i].body = body;
        puts[i].size = SCENE_BODY;
        if (keys)
            puts[i].priority = keys[i];
    }
    scene_check(mqc, mqc_put_many(queue, puts, count, SCENE_WAIT_MS, NULL));
    free(puts);
}

size_t scene_take(struct mqc *mqc, struct mqc_queue *queue, size_t most, int64_t timeout_ms)
{
    struct mqc_item **items = room_for(most, sizeof(struct mqc_item *));
    size_t count = 0;
    enum mq_status status = mqc_get_many(queue, most, timeout_ms, items, &count);
    if (status != MQ_EMPTY)
        scene_check(mqc, status);
    if (count > 0)
        scene_check(mqc, mqc_task_done_many(items, count, NULL));
    free(items);
    return count;
}

struct worker {
    void (*work)(int index, void *context);
    void *context;
    int index;
};

static void *run_worker(void *context)
{
    struct worker *worker = context;
    worker->work(worker->index, worker->context);
    return NULL;
}

double scene_threads(int count, void (*work)(int index, void *context), void *context)
{
    pthread_t threads[SCENE_THREADS_MAX];
    struct worker workers[SCENE_THREADS_MAX];
    double start_s = clock_now_s();
    for (int i = 0; i < count; i++) {
        workers[i] = (struct worker){.work = work, .context = context, .index = i};
        if (pthread_create(&threads[i], NULL, run_worker, &workers[i]))
            scene_fail("cannot make a thread");
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return clock_now_s() - start_s;
}

size_t scene_share(size_t count, int parts, int index, size_t *ret_first)
{
    size_t first = count * (size_t)index / (size_t)parts, end = count * (size_t)(index + 1) / (size_t)parts;
    *ret_first = first;
    return end - first;
}
