/* mqc_async.h - puts that nobody waits for: their results, and waiting for all of them. */
#ifndef MQ_MQC_ASYNC_H
#define MQ_MQC_ASYNC_H

#include <stdbool.h>

#include "list.h"
#include "mq_types.h"

struct mqc;

struct async {
    struct list results;    /* whose on_done is still to be called */
    bool calling;           /* one is being called */
    enum mq_status refusal; /* the first since the last flush */
};

void async_init(struct async *a);
/* For the helper: calls what is to be called, giving up the lock meanwhile. */
void async_work(struct mqc *m);

#endif
