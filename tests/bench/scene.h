/* scene.h - what the measurements of mq alone share: options, clients, threads that work at once, and checks.
 *
 *     scene_NAME -e ENDPOINT -B BROKER-PID [-n COUNT] [-b BATCH] [-t THREADS] [-q QUEUES] [-d SECONDS] [-o
 * OTHER-ENDPOINT] [-f FILE]
 *
 * Each prints one JSON object, and fails at the first call that does not return MQ_OK. */
#ifndef SCENE_H
#define SCENE_H

#include <mqc.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    SCENE_BODY = 100,        /* bytes of an item's body */
    SCENE_BATCH_MAX = 65536, /* items a request */
    SCENE_THREADS_MAX = 64,
    SCENE_WAIT_MS = 60000, /* a time-out that is not MQ_FOREVER, so that a put is a request of its own */
};

struct scene {
    const char *endpoint, *other;
    const char *file; /* one that may be made */
    pid_t broker;
    size_t count, batch, queues;
    int threads;
    double seconds;
};

/* From the command line over these defaults; ends the program with a word if they are wrong. */
void scene_options(int argc, char **argv, struct scene *scene);

/* Ends the program unless `status` is MQ_OK. */
void scene_check(struct mqc *mqc, enum mq_status status);
_Noreturn void scene_fail(const char *why);

struct mqc *scene_client(const char *endpoint);
struct mqc_queue *scene_queue(struct mqc *mqc, const char *name, enum mq_kind kind);

/* Puts `count` items in one request, priorities as given or none; takes and finishes some, and says how many.
 */
void scene_put(struct mqc *mqc, struct mqc_queue *queue, size_t count, const struct mqc_key *keys);
size_t scene_take(struct mqc *mqc, struct mqc_queue *queue, size_t most, int64_t timeout_ms);

/* Runs `work` in so many threads at once, each with its index, and returns when all have; the seconds it
 * took. */
double scene_threads(int count, void (*work)(int index, void *context), void *context);

/* The index-th of `parts` shares of `count` things: begins at *ret_first. */
size_t scene_share(size_t count, int parts, int index, size_t *ret_first);

#endif
