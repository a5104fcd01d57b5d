/* many_queues.c - makes the queues many.1, many.2 ... many.N at the broker $MQ_SERVER. */
#include "mqc.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct mqc *mq;
    int count = argc > 1 ? atoi(argv[1]) : 0;
    enum mq_status status = mqc_open(NULL, NULL, &mq);
    if (status != MQ_OK)
        return 1;
    for (int i = 1; i <= count && status == MQ_OK; i++) {
        char name[32];
        struct mqc_queue *queue = NULL;
        snprintf(name, sizeof name, "many.%d", i);
        status = mqc_queue_open(mq, name, NULL, &queue);
        mqc_queue_close(queue);
    }
    mqc_close(mq);
    return status == MQ_OK ? 0 : 1;
}
