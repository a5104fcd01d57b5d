/* threads.c - the classic: producers and consumers as threads over one queue handle; the sum shows no loss.
 */
#include <mqc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORKERS = 4 /* of each trade */, ITEMS = 250 /* of each producer */ };

static struct mqc *mq;
static struct mqc_queue *queue;
static atomic_long sum;

static void check(enum mq_status status, const char *what)
{
    if (status == MQ_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, mqc_error(mq));
    exit(1);
}

static void *produce(void *unused)
{
    for (unsigned char i = 1; i <= ITEMS; i++)
        check(mqc_put(queue, &i, sizeof i, MQ_FOREVER), "put");
    return unused;
}

static void *consume(void *unused)
{
    struct mqc_item *item;
    while (mqc_get(queue, MQ_FOREVER, &item) == MQ_OK) {
        atomic_fetch_add(&sum, *(const unsigned char *)mqc_item_body(item));
        check(mqc_task_done(item), "task_done");
    }
    return unused; /* MQ_SHUT_DOWN: nothing is left and nothing will come */
}

int main(void)
{
    pthread_t producers[WORKERS], consumers[WORKERS];
    check(mqc_open(NULL, NULL, &mq), "open");
    check(mqc_queue_open(mq, "example.threads", NULL, &queue), "open queue");
    for (int i = 0; i < WORKERS; i++) {
        pthread_create(&consumers[i], NULL, consume, NULL);
        pthread_create(&producers[i], NULL, produce, NULL);
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(producers[i], NULL);
    check(mqc_shutdown(queue, false), "shutdown");
    for (int i = 0; i < WORKERS; i++)
        pthread_join(consumers[i], NULL);
    printf("%d items, sum %ld\n", WORKERS * ITEMS, atomic_load(&sum));
    check(mqc_queue_remove(queue, false, NULL), "remove");
    mqc_queue_close(queue);
    mqc_close(mq);
    return 0;
}
