/* keeper.h - between engine and journal: facts become groups, what is safe becomes known, segments follow one
 * another, and old ones are gone through until space follows live data. Pure, hence the same in the loop and
 * in the simulator.
 *
 * Space: the log may take 2 x what lives in it and 3 segments. Above 1.5 x and 2 segments the oldest segment
 * is gone through, piece by piece, each time a group is made: what lives in it is written again by the
 * engine. A piece is as large as the group that the engine made, at least; so the log cannot outrun that. */
#ifndef MQ_KEEPER_H
#define MQ_KEEPER_H

#include "engine.h"
#include "journal.h"

struct keeper;

/* Borrows both. NULL: out of memory. */
struct keeper *keeper_new(struct engine *engine, struct journal *journal);
void keeper_free(struct keeper *k);

/* After each turn of the loop, and after jobs are done: makes a group of the facts if the journal is ready,
 * goes on with the oldest segment, and tells the engine whether puts are to be refused, and whether all is
 * over. */
void keeper_turn(struct keeper *k, uint64_t now_ms);

/* Is there anything that is not yet safe, or still to be written? (A clean end waits for that.) */
bool keeper_is_busy(const struct keeper *k);

#endif
