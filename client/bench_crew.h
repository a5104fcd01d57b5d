/* bench_crew.h - the processes of a run: each has a client of its own, and workers that share it. */
#ifndef MQ_BENCH_CREW_H
#define MQ_BENCH_CREW_H

#include "bench_floor.h"

/* Starts them all; to be called before this process has a client, whose connection they must not share. They
 * wait at the gate. False: errno says why, and those that were started are gone again. */
bool bench_crews_start(struct bench_floor *floor);

/* Ends the waits of their gets and puts: for the moment, so it is to be called until they have reported. */
void bench_crews_interrupt(const struct bench_floor *floor);

/* Looks for crews that have ended. One that did so in order has reported everything, or has left a failure on
 * the floor; any other end is a failure. Returns how many are there. */
unsigned bench_crews_look(struct bench_floor *floor);

/* Waits for the end of all, but not for ever. */
void bench_crews_end(struct bench_floor *floor);

#endif
