/* keeper.c - see keeper.h. */
#include "keeper.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The oldest segment, while it is gone through. */
struct passage {
    uint64_t segment; /* 0: none */
    uint64_t offset;  /* of its next group; UINT64_MAX: there is none */
    bool has_facts;
    struct bytes facts; /* the journal's; of the group before that */
    size_t at;
};

struct keeper {
    struct engine *engine;
    struct journal *journal;
    struct facts *facts;
    bool opens; /* the facts at hand begin with the next segment's checkpoint */
    bool has_failed;
    int refused;            /* errno because of which puts are refused; 0: they are not */
    uint64_t lazy_since_ms; /* there are facts since then; UINT64_MAX: none */
    struct passage passage;
    uint64_t debt;    /* bytes that may be written again, or 64 times as many read */
    uint64_t again;   /* bytes that were written again since the last group */
    uint64_t dropped; /* segments up to it are not needed any more */
    /* Positions: behind the last group, behind what was written again last, behind what is new. */
    uint64_t taken, moved, fresh;
    char reason[KEEPER_REASON_MAX];
};

struct keeper *keeper_new(struct engine *engine, struct journal *journal)
{
    struct keeper *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    k->engine = engine;
    k->journal = journal;
    k->facts = engine_facts(engine);
    k->lazy_since_ms = UINT64_MAX;
    k->taken = k->moved = k->fresh = facts_position(k->facts);
    return k;
}

void keeper_free(struct keeper *k)
{
    free(k);
}

/* ---- what the engine is told ---- */

static void fail(struct keeper *k, uint64_t now_ms, const char *what)
{
    snprintf(k->reason, sizeof k->reason, "the data directory failed: %s", what);
    engine_fail(k->engine, now_ms, k->reason);
    k->has_failed = true;
}

static void refuse(struct keeper *k, uint64_t now_ms, int error)
{
    if (error == k->refused)
        return;
    k->refused = error;
    snprintf(k->reason, sizeof k->reason, "%s",
             error == -ENOSPC ? "disk is full"
             : error          ? strerror(-error)
                              : "");
    engine_refuse_puts(k->engine, now_ms, error ? k->reason : NULL);
}

/* False: all is over. */
static bool tell_engine(struct keeper *k, uint64_t now_ms, const struct journal_stat *stat)
{
    k->has_failed |=
        engine_failure(k->engine) != NULL; /* for a reason of its own: nothing may be written again */
    if (k->has_failed)
        return false;
    if (k->facts->is_broken)
        fail(k, now_ms, "out of memory");
    else if (stat->state == JOURNAL_FAILED)
        fail(k, now_ms, strerror(-stat->error));
    else
        refuse(k, now_ms, stat->state == JOURNAL_FULL ? stat->error : 0);
    return !k->has_failed;
}

/* ---- space ---- */

static uint64_t last_segment(const struct keeper *k)
{
    return journal_next_segment(k->journal) - 1;
}

/* The oldest segment that is not given up yet. */
static uint64_t first_segment(const struct keeper *k)
{
    uint64_t first = journal_first_segment(k->journal);
    return first > k->dropped ? first : k->dropped + 1;
}

static bool takes_too_much(const struct keeper *k, const struct journal_stat *stat)
{
    uint64_t live = engine_live_size(k->engine);
    return stat->size - stat->reserved > live + live / 2 + 2 * stat->segment_size;
}

static void drop(struct keeper *k)
{
    uint64_t first = first_segment(k), segment = first, last = last_segment(k);
    while (segment < last && !engine_needs(k->engine, segment))
        segment++;
    if (segment == first)
        return;
    k->dropped = segment - 1;
    journal_drop(k->journal, k->dropped);
    if (k->passage.segment <= k->dropped)
        k->passage = (struct passage){0};
}

/* Is there a group's worth of facts to go through? */
static bool reach_facts(struct keeper *k)
{
    struct passage *p = &k->passage;
    if (!p->segment) {
        if (first_segment(k) >= last_segment(k))
            return false;
        *p = (struct passage){.segment = first_segment(k)};
    }
    if (!p->has_facts)
        p->has_facts = journal_read(k->journal, p->segment, p->offset, &p->facts, &p->offset);
    return p->has_facts;
}

/* False: no memory. */
static bool move(struct keeper *k, size_t budget)
{
    struct passage *p = &k->passage;
    size_t at = p->at;
    uint64_t position = facts_position(k->facts);
    bool has_moved = engine_move(k->engine, p->facts, &p->at, budget);
    k->moved = facts_position(k->facts);
    k->again += k->moved - position;
    uint64_t cost = k->moved - position + (p->at - at) / 64 + 1;
    k->debt -= cost < k->debt ? cost : k->debt;
    return has_moved;
}

static void end_of_group(struct keeper *k)
{
    struct passage *p = &k->passage;
    p->has_facts = false;
    p->at = 0;
    if (p->offset != UINT64_MAX)
        return;
    engine_moved(k->engine, p->segment);
    *p = (struct passage){0};
    drop(k);
}

/* New facts are there from the last position that is not known on. */
static void see_fresh(struct keeper *k)
{
    uint64_t position = facts_position(k->facts);
    if (position != k->moved)
        k->fresh = position;
}

static void compact(struct keeper *k)
{
    see_fresh(k);
    size_t left = KEEPER_TURN_SIZE;
    while (k->debt > 0 && left > 0 && reach_facts(k)) {
        uint64_t before = k->debt;
        if (!move(k, k->debt < left ? k->debt : left))
            return;
        left -= before - k->debt < left ? before - k->debt : left;
        if (k->passage.at == k->passage.facts.size)
            end_of_group(k);
    }
}

/* An idle broker has nothing to write, and nothing being written. */
static void follow_live_data(struct keeper *k, const struct journal_stat *stat)
{
    drop(k);
    if (!takes_too_much(k, stat)) {
        k->debt = 0;
        return;
    }
    if (k->debt == 0 && stat->unsafe == 0 && !facts_are_there(k->facts))
        k->debt = KEEPER_IDLE_SIZE;
    compact(k);
}

/* ---- groups ---- */

/* A segment begins with its checkpoint, so this can be only when there are no other facts. */
static void open_segment(struct keeper *k)
{
    struct journal *j = k->journal;
    if (k->opens || facts_are_there(k->facts) || !journal_wants_segment(j) || !journal_has_spare(j))
        return;
    k->opens = engine_checkpoint(k->engine, journal_next_segment(j), first_segment(k));
    see_fresh(k);
}

static bool is_due(struct keeper *k, uint64_t now_ms)
{
    if (!facts_are_there(k->facts))
        return false;
    if (k->lazy_since_ms == UINT64_MAX)
        k->lazy_since_ms = now_ms;
    return k->opens || k->facts->needed > k->taken || facts_size(k->facts) >= KEEPER_LAZY_SIZE ||
           now_ms >= k->lazy_since_ms + KEEPER_LAZY_MS;
}

/* Blocks go round between facts and journal; a very large one was needed once. */
static uint8_t *empty_block(struct keeper *k, size_t *ret_capacity)
{
    uint8_t *block = journal_give_back(k->journal, ret_capacity);
    if (!block || *ret_capacity <= KEEPER_BLOCK_MAX)
        return block;
    free(block);
    return NULL;
}

static void take(struct keeper *k, uint64_t now_ms)
{
    uint8_t *data;
    size_t size, capacity, empty_capacity = 0;
    uint8_t *empty = empty_block(k, &empty_capacity);
    uint64_t position = facts_position(k->facts);
    see_fresh(k);
    facts_take(k->facts, empty, empty_capacity, &data, &size, &capacity);
    k->debt += KEEPER_PACE * (position - k->taken - k->again);
    k->taken = k->moved = position;
    k->again = 0;
    k->lazy_since_ms = UINT64_MAX;
    journal_take(k->journal, now_ms, data, size, capacity, position, k->opens);
    k->opens = false;
    engine_taken(k->engine, now_ms);
}

void keeper_turn(struct keeper *k, uint64_t now_ms)
{
    struct journal_stat stat;
    journal_stat(k->journal, &stat);
    if (!tell_engine(k, now_ms, &stat))
        return;
    open_segment(k);
    if (!stat.is_open && !k->opens && facts_are_there(k->facts)) {
        fail(k, now_ms, "there was no memory for its first checkpoint");
        return;
    }
    follow_live_data(k, &stat);
    if (!is_due(k, now_ms) || !journal_is_ready(k->journal) || (k->opens && !journal_has_spare(k->journal)))
        return;
    take(k, now_ms);
    open_segment(k);
}

uint64_t keeper_deadline_ms(const struct keeper *k)
{
    bool waits = !k->has_failed && k->lazy_since_ms != UINT64_MAX && journal_is_ready(k->journal);
    return waits ? k->lazy_since_ms + KEEPER_LAZY_MS : UINT64_MAX;
}

bool keeper_is_busy(const struct keeper *k)
{
    struct journal_stat stat;
    uint64_t position = facts_position(k->facts);
    uint64_t fresh = position != k->moved ? position : k->fresh;
    journal_stat(k->journal, &stat);
    bool has_failed = k->has_failed || stat.state == JOURNAL_FAILED;
    return !has_failed && (fresh > stat.on_disk || !stat.is_open);
}
