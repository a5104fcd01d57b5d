/* mqc_lease.h - what this session holds: leases, oldest first in each queue handle, and their renewal.
 *
 * A lease is an mqc_item in its handle's list, whether or not the program has freed the item. Lost leases
 * stay listed, so that each task_done in the manner of queue.Queue meets its own.
 *
 * Ids alone do not fence a client from itself: an item that went back may come to it again, on another lease.
 * So the client forgets what it held when the broker says that it lapsed, or sends an item that is held. */
#ifndef MQ_MQC_LEASE_H
#define MQ_MQC_LEASE_H

#include "mqc_item.h"

/* The items of a batch are now leased, for lease_ms each (which counts from now_ms; 0: no limit), and at the
 * end of `place`. */
void lease_begin(struct batch *batch, struct list *place, int64_t lease_ms, uint64_t now_ms);
/* It is over: done, given back, or lost. The item may be gone afterwards. */
void lease_end(struct mqc_item *item);
/* Is it known to be lost? */
bool lease_is_lost(const struct mqc_item *item);
/* It has a limit, and by this process's clock that has passed: so it may be lost. */
bool lease_may_be_over(const struct mqc_item *item);
/* All that was held has gone back: a new session, or one that was away for too long. */
void lease_lose_all(struct mqc *m);

/* The program will set another lease, which may end by itself. False: out of memory, which is then this
 * thread's failure. */
bool lease_may_end(struct mqc_item *item);
/* The program has set it, or does not want it renewed any more. */
void lease_set(struct mqc_item *item, int64_t lease_ms, uint64_t now_ms);
void lease_stop_renewing(struct mqc_item *item);

/* Asks for the renewals that are due; for the helper. */
void lease_renew(struct mqc *m, uint64_t now_ms);

/* Gives back, untouched, what an answer brought and nobody wants. */
void lease_return(struct mqc *m, const struct answer *answer);

#endif
