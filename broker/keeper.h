/* keeper.h - between engine and journal: facts become groups, what is safe becomes known, segments follow one
 * another, and old ones are gone through until space follows live data. Pure, hence the same in the loop and
 * in the simulator.
 *
 * Groups: what an answer waits for is taken as soon as the journal is ready; what nobody waits for waits a
 * few milliseconds for company. The first thing that is written is a checkpoint, so the first turn must find
 * no facts.
 *
 * A full disk: nobody knows that it is full before a write fails, and then nothing of what the engine has
 * done can be taken back. So a put is let in only if what is there already holds it and all that was done
 * before it, and leaves what the rest needs to go on: half a segment for gets, task_dones and sessions, and
 * one for what lives in the oldest segment, so that this can go. The journal's reserve has two and a half for
 * sure: beside that there is room for a put of a segment, when its turn comes.
 *
 * Space: the log may take 2 x what lives in it and 3 segments, the reserve not counted. Above 1.5 x and 2
 * segments the oldest segment is gone through, piece by piece: what lives in it is written again by the
 * engine, KEEPER_PACE bytes at most for each byte of new facts, and for each by which there is less that
 * lives (to read 64 counts as to write one). That is enough: should all live bytes L lie in the oldest part,
 * then they have been written again, and all before that is garbage, when L / 4 are added, or L / 5 have
 * gone; the bound has L / 2 to spare. When nobody asks for anything it goes on by itself. */
#ifndef MQ_KEEPER_H
#define MQ_KEEPER_H

#include "engine.h"
#include "journal.h"

struct keeper;

enum {
    KEEPER_PACE = 4,
    KEEPER_LAZY_MS = 5,                 /* what nobody waits for is taken after that, */
    KEEPER_LAZY_SIZE = 64 << 10,        /* ... or when it is so much */
    KEEPER_BLOCK_MIN = 4 * FACTS_SPARE, /* a block of memory so large is kept whatever groups are like */
    KEEPER_REASON_MAX = 200
};

/* Borrows both; the engine keeps a text of the keeper's, so it goes first. NULL: out of memory. */
struct keeper *keeper_new(struct engine *engine, struct journal *journal);
void keeper_free(struct keeper *k);

/* After each turn of the loop, and after jobs are done: makes a group of the facts if the journal is ready,
 * goes on with the oldest segment, and tells the engine whether puts are to be refused, and whether all is
 * over. */
void keeper_turn(struct keeper *k, uint64_t now_ms);

/* The position up to which all may be told. With an interval that is everything, unless the disk is behind:
 * when something has not been on disk for two intervals, answers wait until it is. So of what a crash takes
 * away no two answers are further apart than that. */
uint64_t keeper_safe(const struct keeper *k, uint64_t now_ms);

/* When keeper_turn() should be called though nothing has happened; UINT64_MAX: never. */
uint64_t keeper_deadline_ms(const struct keeper *k);

/* Is there anything that is not yet on disk, or still to be written? (A clean end waits for that, and so does
 * the beginning: for the first checkpoint.) Old things that are being written again do not count. Not after a
 * failure. */
bool keeper_is_busy(const struct keeper *k);

#endif
