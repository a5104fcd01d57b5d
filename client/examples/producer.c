/* producer.c - puts numbered lines for consumer.c, which is another process: producer [COUNT].
 *
 * The queue outlives both: start them in any order, as many consumers as you like. The last line is empty and
 * tells whoever gets it to stop; give as many as there are consumers: producer [COUNT] [CONSUMERS]. */
#include <mqc.h>
#include <stdio.h>
#include <stdlib.h>

static struct mqc *mq;

static void check(enum mq_status status, const char *what)
{
    if (status == MQ_OK)
        return;
    fprintf(stderr, "producer: %s: %s\n", what, mqc_error(mq));
    exit(1);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 10, consumers = argc > 2 ? atoi(argv[2]) : 1;
    struct mqc_queue *queue;
    check(mqc_open(NULL, NULL, &mq), "open");
    check(mqc_queue_open(mq, "example.processes", NULL, &queue), "open queue");
    for (int i = 1; i <= count; i++) {
        char line[32];
        int size = snprintf(line, sizeof line, "item %d", i);
        check(mqc_put(queue, line, (size_t)size, MQ_FOREVER), "put");
    }
    for (int i = 0; i < consumers; i++)
        check(mqc_put(queue, NULL, 0, MQ_FOREVER), "put");
    check(mqc_join(queue, MQ_FOREVER), "join"); /* every item was got, and its work is done */
    printf("%d items put and done\n", count);
    mqc_queue_close(queue);
    mqc_close(mq);
    return 0;
}
