/* join.c - join as a barrier: a stage of work begins when every item of the stage before is done.
 *
 * Workers take whatever is in the queue. The main thread puts a stage, joins the queue, and only then looks
 * at what the workers have made of it. */
#include <mqc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 4, STAGES = 3, ITEMS = 100 /* of each stage */ };

static struct mqc *mq;
static struct mqc_queue *queue;
static atomic_int results[STAGES];

static void check(enum mq_status status, const char *what)
{
    if (status == MQ_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, mqc_error(mq));
    exit(1);
}

static void *work(void *unused)
{
    struct mqc_item *item;
    int stage; /* copied: a body is not aligned */
    while (mqc_get(queue, MQ_FOREVER, &item) == MQ_OK) {
        memcpy(&stage, mqc_item_body(item), sizeof stage);
        atomic_fetch_add(&results[stage], 1);
        check(mqc_task_done(item), "task_done");
    }
    return unused;
}

int main(void)
{
    pthread_t workers[WORKERS];
    check(mqc_open(NULL, NULL, &mq), "open");
    check(mqc_queue_open(mq, "example.join", NULL, &queue), "open queue");
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&workers[i], NULL, work, NULL);
    for (int stage = 0; stage < STAGES; stage++) {
        for (int i = 0; i < ITEMS; i++)
            check(mqc_put(queue, &stage, sizeof stage, MQ_FOREVER), "put");
        check(mqc_join(queue, MQ_FOREVER), "join");
        printf("stage %d: %d items done\n", stage + 1, atomic_load(&results[stage]));
    }
    check(mqc_shutdown(queue, false), "shutdown");
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
    check(mqc_queue_remove(queue, false, NULL), "remove");
    mqc_queue_close(queue);
    mqc_close(mq);
    return 0;
}
