/* mqc_gather.h - task_dones that nobody waits for: those of handles with prefetch.
 *
 * They are gathered in a request that leaves before the client's next one, or when it has GATHER_ENOUGH, or
 * after GATHER_MS. What the broker refuses is told by the next
 * flush, for which a request counts as begun when its first task_done is gathered. */
#ifndef MQ_MQC_GATHER_H
#define MQ_MQC_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "mq_types.h"

struct mqc;
struct call;

enum {
    GATHER_ENOUGH = 256, /* no longer gathered when a call has made it so many */
    GATHER_MAX = 1024,   /* in one request */
    GATHER_MS = 10
};

struct gather {
    struct call *call; /* the request to be; NULL: nothing is gathered */
    int64_t span_ms;   /* GATHER_MS */
    uint64_t due_ms;   /* it leaves by then */
};

/* Makes room for one more; false: out of memory. */
bool gather_reserve(struct mqc *m);
void gather_add(struct mqc *m, uint64_t id);
/* After some were added: sends them, if they are enough. */
void gather_added(struct mqc *m);

/* What is gathered leaves before what the caller is about to ask. */
void gather_send(struct mqc *m);
/* The leases are lost, so what is gathered is refused. */
void gather_lose(struct mqc *m);

/* For the helper. */
uint64_t gather_due_ms(const struct mqc *m); /* NEVER: nothing to do */
void gather_work(struct mqc *m, uint64_t now_ms);

#endif
