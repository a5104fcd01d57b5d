/* rig_facts.h - what a durable rig knows of its engine's facts: all that were ever taken away, and which of
 * them are safe.
 *
 * A durable rig takes facts after each step, and they are safe at once. One that is slow does nothing by
 * itself: rig_take() takes them, rig_sync() also makes them safe and reads the replies that may then leave.
 *
 * Facts are checked as text, one by one separated by "; ", those since the last check:
 *
 *     CHECK_FACTS(&r, "STORED 1/2 #1 1 a b; TAKEN 2/1 #1 1-2 auto_done");
 *
 * which is: kind, session/call (or only the session), #queue, then what the kind has. IDS are left out. */
#ifndef MQ_RIG_FACTS_H
#define MQ_RIG_FACTS_H

#include "rig.h"

/* What was taken at one time. */
struct rig_group {
    uint64_t segment;
    uint64_t position; /* behind it */
    struct bytes facts;
    uint8_t *block;
};

void rig_take(struct rig *r);
void rig_sync(struct rig *r);

/* The engine begins a new segment, which the rig's next groups belong to. */
void rig_begin_segment(struct rig *r);
/* All groups of this segment are gone through, a budget at a time, and what they have made is taken. */
void rig_go_through(struct rig *r, uint64_t segment, size_t budget);
void rig_drop_segment(struct rig *r, uint64_t segment); /* and all before: their facts are gone */

const char *rig_facts(struct rig *r); /* as text; they count as checked then */
#define CHECK_FACTS(r, text) rig_check_facts((r), (text), __FILE__, __LINE__)
void rig_check_facts(struct rig *r, const char *text, const char *file, unsigned line);

/* The last one of this kind that was taken away, which there must be. */
struct fact rig_fact(const struct rig *r, enum fact_kind kind);

void rig_settle_facts(struct rig *r); /* the rig's own, after each step */
void rig_free_facts(struct rig *r);

#endif
