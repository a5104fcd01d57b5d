/* mqc_helper.h - the library's one thread: what must happen although no caller waits.
 *
 * It renews leases, gives back what was fetched ahead and is not asked for, calls on_done of async puts,
 * confirms auto-done answers that no request confirmed, makes a lost connection again while items are held,
 * and reads the answers to requests that no thread waits for. It never leads while a caller does. Signals are
 * blocked in it. */
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
    bool reads;               /* it sees what arrives, or soon looks: nobody need wake it for that */
    uint64_t puts_seen;       /* sequence of async puts, at its last rest */
};

enum mq_status helper_need(struct mqc *m); /* starts it if need be; MQ_NO_MEMORY: no thread to be had */
void helper_stop(struct mqc *m);           /* waits for its end, giving up the lock meanwhile */
void helper_wake(struct mqc *m);           /* to look at what has changed */
void helper_wake_by(struct mqc *m, uint64_t due_ms);

/* The caller goes, or has sent something that it does not wait for: if nobody reads the line any more, and
 * there is something to read, the helper is woken to do so. */
void helper_take_over(struct mqc *m);
bool helper_is_self(const struct mqc *m); /* the calling thread is the helper */

/* Is there work that wants a connection although nobody waits? */
bool helper_wants_line(const struct mqc *m);

#endif
