/* bounded.c - a bounded queue slows a fast producer down to its consumer's pace.
 *
 * The producer could put thousands of items in the time that the consumer takes for one. With maxsize 3 its
 * put waits for room, so it is never more than 3 items and the one in work ahead. */
#include <mqc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAXSIZE = 3, ITEMS = 10, WORK_MS = 20 };

static struct mqc *mq;
static struct mqc_queue *queue;

static void check(enum mq_status status, const char *what)
{
    if (status == MQ_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, mqc_error(mq));
    exit(1);
}

static void *produce(void *unused)
{
    for (int i = 0; i < ITEMS; i++)
        check(mqc_put(queue, &i, sizeof i, MQ_FOREVER), "put"); /* waits while the queue is full */
    return unused;
}

int main(void)
{
    struct mqc_queue_options options = {.given = MQ_SETTING_MAXSIZE, .maxsize = MAXSIZE};
    struct mqc_queue_stat stat;
    uint64_t most = 0;
    pthread_t producer;
    check(mqc_open(NULL, NULL, &mq), "open");
    check(mqc_queue_open(mq, "example.bounded", &options, &queue), "open queue");
    pthread_create(&producer, NULL, produce, NULL);
    do /* until the producer waits: the queue is full */
        check(mqc_stat(queue, &stat), "stat");
    while (!stat.putters);
    printf("after %d puts the producer waits\n", (int)stat.puts);
    for (int i = 0; i < ITEMS; i++) {
        struct mqc_item *item;
        check(mqc_get(queue, MQ_FOREVER, &item), "get");
        usleep(WORK_MS * 1000); /* the work */
        check(mqc_stat(queue, &stat), "stat");
        most = stat.size > most ? stat.size : most;
        check(mqc_task_done(item), "task_done");
    }
    pthread_join(producer, NULL);
    printf("%d items done, never more than %d waiting\n", ITEMS, (int)most);
    check(mqc_queue_remove(queue, false, NULL), "remove");
    mqc_queue_close(queue);
    mqc_close(mq);
    return 0;
}
