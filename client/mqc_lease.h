/* mqc_lease.h - what this session holds: leases, oldest first in each queue handle, and their renewal.
 *
 * A lease is an mqc_item in its handle's list, whether or not the program has freed the item. Leases of an
 * old session stay listed, so that each queue.Queue-like task_done meets its own; `held` counts the others.
 */
#ifndef MQ_MQC_LEASE_H
#define MQ_MQC_LEASE_H

#include "mqc_item.h"

/* The items of a batch are now leased, for lease_ms each. */
void lease_begin(struct batch *batch, int64_t lease_ms, uint64_t now_ms);
/* It is over: done, given back, or lost. The item may be gone afterwards. */
void lease_end(struct mqc_item *item);
/* Is it of a session that is lost, or in other hands of this client? */
bool lease_is_old(const struct mqc_item *item);
/* A new session has begun. */
void lease_forget_session(struct mqc *m);

/* The program has set another lease, or does not want it renewed any more. */
void lease_set(struct mqc_item *item, int64_t lease_ms, uint64_t now_ms);
void lease_stop_renewing(struct mqc_item *item);

/* Asks for the renewals that are due; for the helper. */
void lease_renew(struct mqc *m, uint64_t now_ms);

/* Gives back, untouched, what an answer brought and nobody wants. */
void lease_return(struct mqc *m, const struct answer *answer);

#endif
