/* crew.h - the hands of the journal as threads: they do its jobs on the disk, one at a time each, and wake
 * the loop by a descriptor when one is done. The journal itself stays with the loop's thread. */
#ifndef MQ_CREW_H
#define MQ_CREW_H

#include "journal.h"

struct crew;

/* Borrows both. NULL: cannot start (errno). Signals are blocked in the threads. */
struct crew *crew_new(struct journal *journal, struct disk *disk);
/* The hands end after the job that they are at. False: one has not after so long, for its disk hangs; then it
 * may be waited for again, or the process ends as it is: nothing that the hand may use can be freed. */
bool crew_stop(struct crew *c, uint64_t patience_ms);
void crew_free(struct crew *c); /* waits for the jobs under way; NULL is fine */

/* Becomes readable when a job is done. */
int crew_descriptor(const struct crew *c);

/* Tells the journal of the jobs that are done and takes new ones from it. To be called when the descriptor is
 * readable, and after anything that may have made a job. */
void crew_turn(struct crew *c, uint64_t now_ms);

#endif
