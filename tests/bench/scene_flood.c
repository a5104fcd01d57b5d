/* scene_flood.c - how long one client's round trips take while another floods the broker: with batches of
 * BATCH items of 100 bytes, or with BATCH 1 bodies of 16 MiB.
 *
 * The measuring client puts, gets and finishes one item at a time for SECONDS, three times: alone; while the
 * other, a process of its own, floods the broker OTHER, which tells what the machine's cores are to blame
 * for; and while it floods this one. The flood is put by two threads and got by two. */
#include "clock.h"
#include "scene.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BIG_BODY = 16 << 20, /* bytes, the broker's limit */
    FLOODERS = 4,        /* threads, every other of which gets */
    BACKLOG = 1 << 20,   /* items of the flood that may wait, BIG_BACKLOG if they are big */
    BIG_BACKLOG = 8,
    SAMPLES_MAX = 1 << 20,
    SETTLE_US = 300000, /* until the flood flows */
};

struct flood {
    struct scene scene;
    struct mqc *mqc;
    struct mqc_queue *queue;
    char *big;            /* the body, or NULL: batches */
    atomic_ulong *gotten; /* items of the flood, in memory that the processes share */
};

static uint32_t samples[SAMPLES_MAX];

/* --- the other client --- */

static void flood_some(int index, void *context)
{
    struct flood *f = context;
    for (;;)
        if (index % 2)
            atomic_fetch_add(f->gotten, scene_take(f->mqc, f->queue, f->scene.batch, MQ_FOREVER));
        else if (f->big)
            scene_check(f->mqc, mqc_put(f->queue, f->big, BIG_BODY, MQ_FOREVER));
        else
            scene_put(f->mqc, f->queue, f->scene.batch, NULL);
}

static _Noreturn void flood(struct flood *f, const char *endpoint)
{
    struct mqc_queue_options bound = {.given = MQ_SETTING_MAXSIZE, .maxsize = f->big ? BIG_BACKLOG : BACKLOG};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    f->mqc = scene_client(endpoint);
    f->queue = scene_queue(f->mqc, "flood", MQ_KIND_FIFO);
    scene_check(f->mqc, mqc_queue_remove(f->queue, true, NULL)); /* with what a flood before has left */
    mqc_queue_close(f->queue);
    f->queue = scene_queue(f->mqc, "flood", MQ_KIND_FIFO);
    scene_check(f->mqc, mqc_queue_set(f->queue, &bound));
    scene_threads(FLOODERS, flood_some, f);
    exit(1); /* it does not end by itself */
}

static pid_t start_flood(struct flood *f, const char *endpoint)
{
    pid_t pid = fork();
    if (pid < 0)
        scene_fail("cannot fork");
    if (pid == 0)
        flood(f, endpoint);
    usleep(SETTLE_US);
    return pid;
}

static void end_flood(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, WNOHANG) != 0)
        scene_fail("the flood ended by itself");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* --- the measuring client --- */

static double sample(size_t *count, double since_s)
{
    double now_s = clock_now_s();
    if (*count < SAMPLES_MAX)
        samples[(*count)++] = (uint32_t)((now_s - since_s) * 1e9);
    return now_s;
}

struct trips {
    double p50_us, p99_us;
    double flood_per_second; /* items, meanwhile */
};

static struct trips round_trips(const struct scene *scene)
{
    struct mqc *mqc = scene_client(scene->endpoint);
    struct mqc_queue *queue = scene_queue(mqc, "measured", MQ_KIND_FIFO);
    char body[SCENE_BODY] = {0};
    size_t count = 0;
    double now_s = clock_now_s(), end_s = now_s + scene->seconds;
    while (now_s < end_s) {
        struct mqc_item *item;
        scene_check(mqc, mqc_put(queue, body, sizeof body, SCENE_WAIT_MS));
        now_s = sample(&count, now_s);
        scene_check(mqc, mqc_get(queue, MQ_FOREVER, &item));
        now_s = sample(&count, now_s);
        scene_check(mqc, mqc_task_done(item));
        now_s = sample(&count, now_s);
    }
    mqc_queue_close(queue);
    mqc_close(mqc);
    return (struct trips){.p50_us = clock_quantile_us(samples, count, .5),
                          .p99_us = clock_quantile_us(samples, count, .99)};
}

/* In a process of its own, so that nothing of the library is in this one when it forks. */
static struct trips measured(const struct scene *scene)
{
    int ends[2];
    struct trips trips;
    if (pipe(ends))
        scene_fail("cannot make a pipe");
    pid_t pid = fork();
    if (pid < 0)
        scene_fail("cannot fork");
    if (pid == 0) {
        trips = round_trips(scene);
        _exit(write(ends[1], &trips, sizeof trips) == sizeof trips ? 0 : 1);
    }
    close(ends[1]);
    if (read(ends[0], &trips, sizeof trips) != sizeof trips)
        scene_fail("the measuring process fell");
    close(ends[0]);
    waitpid(pid, NULL, 0);
    return trips;
}

static struct trips measured_beside(struct flood *f, const char *endpoint)
{
    pid_t pid = start_flood(f, endpoint);
    unsigned long before = atomic_load(f->gotten);
    double start_s = clock_now_s();
    struct trips trips = measured(&f->scene);
    trips.flood_per_second = (double)(atomic_load(f->gotten) - before) / (clock_now_s() - start_s);
    end_flood(pid);
    return trips;
}

int main(int argc, char **argv)
{
    struct flood f = {.scene = {.batch = 1000, .seconds = 1}};
    scene_options(argc, argv, &f.scene);
    if (!f.scene.other)
        scene_fail("-o OTHER-ENDPOINT is needed");
    f.gotten = mmap(NULL, sizeof *f.gotten, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (f.gotten == MAP_FAILED)
        scene_fail("no shared memory");
    if (f.scene.batch == 1)
        f.big = calloc(1, BIG_BODY);
    struct trips quiet = measured(&f.scene), elsewhere = measured_beside(&f, f.scene.other);
    struct trips flooded = measured_beside(&f, f.scene.endpoint);
    printf("{\"batch\":%zu,\"quiet_p50_us\":%.1f,\"quiet_p99_us\":%.1f,\"elsewhere_p50_us\":%.1f,"
           "\"elsewhere_p99_us\":%.1f,\"flooded_p50_us\":%.1f,\"flooded_p99_us\":%.1f,\"delay_p99_ms\":%.3f,"
           "\"elsewhere_delay_p99_ms\":%.3f,\"flood_per_second\":%.0f}\n",
           f.scene.batch, quiet.p50_us, quiet.p99_us, elsewhere.p50_us, elsewhere.p99_us, flooded.p50_us,
           flooded.p99_us, (flooded.p99_us - quiet.p99_us) / 1e3, (elsewhere.p99_us - quiet.p99_us) / 1e3,
           flooded.flood_per_second);
    free(f.big);
    return 0;
}
