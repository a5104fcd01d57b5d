/* ledger.h - which ids of items are alive in the log, and from which segment on each of them lies.
 *
 * One bit an id, in pages of a few thousand ids; a page knows the lowest segment in which any of its live
 * items may lie. That is never more than the truth, so a segment of which nothing is counted is not needed by
 * any item. When the oldest segment has been gone through and what lived there was written again further on,
 * ledger_moved() lets pages follow.
 *
 * Pure; the engine tells it of every item that is stored and of every end of one. */
#ifndef MQ_LEDGER_H
#define MQ_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"

struct ledger_page;

struct ledger {
    struct table pages;       /* by number: id / LEDGER_PAGE_IDS */
    struct ledger_page *last; /* in which an id ended last; NULL: none */
    struct ledger_page *open; /* in which ids came to life last; NULL: none */
    uint64_t *counts;         /* live ids by segment, from `oldest` on */
    size_t count_capacity;
    uint64_t oldest, newest; /* segments */
    uint64_t live;           /* ids, of all segments */
};

enum { LEDGER_PAGE_IDS = 4096 };

void ledger_init(struct ledger *l);
void ledger_done(struct ledger *l);

/* Makes room for these ids in any segment up to `segment`; segments count up. False: out of memory, nothing
 * changed. */
bool ledger_reserve(struct ledger *l, uint64_t first, uint64_t count, uint64_t segment);

/* Ids that were not alive come to life in this segment; there must be room. */
void ledger_store(struct ledger *l, uint64_t first, uint64_t count, uint64_t segment);
void ledger_end(struct ledger *l, uint64_t id); /* it must be alive */
bool ledger_is_live(const struct ledger *l, uint64_t id);

/* May anything alive lie in this segment or an older one? */
bool ledger_is_needed(const struct ledger *l, uint64_t segment);

/* A live item of the oldest segments was written again, in this segment; there must be room (reserve it). */
void ledger_move(struct ledger *l, uint64_t id, uint64_t segment);
/* All that lived in segments up to this one has been written again, in later ones. */
void ledger_moved(struct ledger *l, uint64_t segment);

void ledger_check(const struct ledger *l); /* asserts that counts are what a walk finds */

#endif
