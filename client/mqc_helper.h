/* mqc_helper.h - the library's one thread: what must happen although no caller waits.
 *
 * It renews leases, confirms auto-done answers that no request confirmed, makes a lost connection again while
 * items are held, and reads the answers to requests that no thread waits for. It never leads while a caller
 * does. Signals are blocked in it. */
#ifndef MQ_MQC_HELPER_H
#define MQ_MQC_HELPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "mq_types.h"

struct mqc;

struct helper {
    pthread_t thread;
    bool running, stopping;
    int wake_fd;
    uint64_t sleeps_until_ms; /* 0: it is awake */
};

enum mq_status helper_need(struct mqc *m); /* starts it if need be; MQ_NO_MEMORY: no thread to be had */
void helper_stop(struct mqc *m);           /* waits for its end, giving up the lock meanwhile */
void helper_wake(struct mqc *m);           /* to look at what has changed */
void helper_wake_by(struct mqc *m, uint64_t due_ms);

/* Is there work that wants a connection although nobody waits? */
bool helper_wants_line(const struct mqc *m);

#endif
