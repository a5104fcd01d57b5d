/* consumer.c - prints what producer.c puts, until it gets an empty item.
 *
 * task_done comes after the work: if this process is killed in between, another consumer gets the item, with
 * a delivery count of 2. The handle may fetch ahead, so most gets need no round trip, and task_dones share
 * requests; whether the broker has accepted them all, mqc_flush tells at the end. */
#include <mqc.h>
#include <stdio.h>
#include <stdlib.h>

static struct mqc *mq;

static void check(enum mq_status status, const char *what)
{
    if (status == MQ_OK)
        return;
    fprintf(stderr, "consumer: %s: %s\n", what, mqc_error(mq));
    exit(1);
}

int main(void)
{
    struct mqc_queue_options options = {.prefetch = 512};
    struct mqc_queue *queue;
    bool is_last = false;
    check(mqc_open(NULL, NULL, &mq), "open");
    check(mqc_queue_open(mq, "example.processes", &options, &queue), "open queue");
    while (!is_last) {
        struct mqc_item *item;
        check(mqc_get(queue, MQ_FOREVER, &item), "get");
        is_last = mqc_item_size(item) == 0;
        if (!is_last)
            printf("%.*s\n", (int)mqc_item_size(item), (const char *)mqc_item_body(item));
        if (fflush(stdout))
            return 1;
        check(mqc_task_done(item), "task_done");
    }
    check(mqc_flush(mq, MQ_FOREVER), "flush");
    mqc_queue_close(queue);
    mqc_close(mq);
    return 0;
}
