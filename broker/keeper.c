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

/* How far above the limit, and how near the bound, the log is. */
enum pressure { PRESSURE_NONE, PRESSURE_SOME, PRESSURE_HIGH };

enum {
    TURN_SHARE = 64, /* of a segment is written again in a turn, at most; */
    IDLE_SHARE = 4,  /* of that, in one in which there is nothing else to do; */
    HIGH_TURNS = 16  /* so many times as much under high pressure */
};

struct keeper {
    struct engine *engine;
    struct journal *journal;
    struct facts *facts;
    bool opens; /* the facts at hand begin with the next segment's checkpoint */
    bool has_failed;
    bool is_held;           /* facts are, though they are due: a job that is done comes first */
    int refused;            /* errno because of which puts are refused; 0: they are not */
    uint64_t lazy_since_ms; /* there are facts since then; UINT64_MAX: none */
    struct passage passage;
    enum pressure pressure;
    uint64_t debt;    /* bytes that may be written again, or 64 times as many read */
    uint64_t live;    /* what lived when the last group was made */
    uint64_t again;   /* bytes that were written again since the last group, */
    uint64_t own;     /* ... and that tell of segments */
    uint64_t stale;   /* the last segment in which there is more than what was written again */
    uint64_t passed;  /* segments up to it were gone through */
    uint64_t dropped; /* ... are not needed any more; */
    uint64_t dropping,
        dropping_at; /* ... up to this one they may go when all up to here was taken; 0: none */
    /* Positions: behind the last group, behind what was written again last, behind what is new. */
    uint64_t taken, moved, fresh;
    size_t group_size; /* of the largest of the last groups */
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
    k->stale = journal_next_segment(journal) - 1;
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

/* The text stays as it is as long as an answer may have it. */
static void refuse(struct keeper *k, uint64_t now_ms, int error)
{
    bool is_disk_full = error == -ENOSPC || error == -EDQUOT;
    if (error == k->refused)
        return;
    k->refused = error;
    engine_refuse_puts(k->engine, now_ms, is_disk_full ? "disk is full" : error ? strerror(-error) : NULL);
}

/* False: all is over. */
static bool tell_engine(struct keeper *k, uint64_t now_ms, const struct journal_stat *stat)
{
    k->has_failed |= engine_failure(k->engine) != NULL; /* it may have failed for a reason of its own */
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

/* The journal keeps a spare only within the bound. Small logs are few files, of which passing one may take
 * one more: they have to begin earlier, unless what lives is sure to fit into the segment that has just
 * begun. */
static enum pressure pressure_of(struct keeper *k, const struct journal_stat *stat)
{
    uint64_t live = engine_live_size(k->engine), segment = stat->segment_size;
    uint64_t bound = 2 * live + 3 * segment, limit = live + live / 2 + 2 * segment;
    if (live >= segment / 3 * 2 && live < 2 * segment)
        limit = 2 * live + segment;
    if (stat->state == JOURNAL_FULL) /* then all that is garbage counts */
        limit = live + live / 8 + 2 * segment;
    journal_limit(k->journal, bound);
    if (stat->log <= limit)
        return PRESSURE_NONE;
    return stat->log <= limit + (bound - limit) / 2 ? PRESSURE_SOME : PRESSURE_HIGH;
}

/* What made segments superfluous, ends of items and items written again, may still be in the engine's hands:
 * it must be on its way to the disk before they go. */
static void drop(struct keeper *k)
{
    if (k->dropping && k->taken >= k->dropping_at) {
        journal_drop(k->journal, k->dropping);
        k->dropping = 0;
    }
    uint64_t first = first_segment(k), segment = first, last = last_segment(k);
    while (segment < last && !engine_needs(k->engine, segment))
        segment++;
    if (segment == first || k->dropping)
        return;
    k->dropped = k->dropping = segment - 1;
    uint64_t position = facts_position(k->facts);
    engine_dropping(k->engine, k->dropping);
    k->dropping_at = facts_position(k->facts);
    k->own += k->dropping_at - position;
    if (k->passage.segment <= k->dropped)
        k->passage = (struct passage){0};
}

/* The segment that is to be gone through, or is being. */
static uint64_t next_passage(const struct keeper *k)
{
    uint64_t first = first_segment(k);
    return first > k->passed ? first : k->passed + 1;
}

/* Is there a group's worth of facts to go through? */
static bool reach_facts(struct keeper *k)
{
    struct passage *p = &k->passage;
    if (!p->segment) {
        if (next_passage(k) >= last_segment(k))
            return false;
        *p = (struct passage){.segment = next_passage(k)};
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
    assert(!engine_needs(k->engine, p->segment));
    k->passed = p->segment;
    *p = (struct passage){0};
}

/* New facts are there from the last position that is not known on. */
static void see_fresh(struct keeper *k)
{
    uint64_t position = facts_position(k->facts);
    if (position != k->moved)
        k->fresh = position;
}

static void compact(struct keeper *k, size_t left)
{
    see_fresh(k);
    while (k->debt > 0 && left > 0 && reach_facts(k)) {
        uint64_t before = k->debt;
        if (!move(k, k->debt < left ? k->debt : left))
            return;
        left -= before - k->debt < left ? before - k->debt : left;
        if (k->passage.at == k->passage.facts.size)
            end_of_group(k);
    }
}

/* An idle broker has nothing to write, and nothing being written. When it has gone through all segments that
 * have anything but what was written again, the log is as short as it can be, whatever that is. */
static void follow_live_data(struct keeper *k, const struct journal_stat *stat)
{
    size_t share = stat->segment_size / TURN_SHARE;
    drop(k);
    k->pressure = pressure_of(k, stat);
    if (k->pressure == PRESSURE_NONE) {
        k->debt = 0;
        return;
    }
    bool is_idle = stat->unsafe == 0 && !facts_are_there(k->facts);
    if (k->debt == 0 && is_idle && next_passage(k) <= k->stale)
        k->debt = share / IDLE_SHARE;
    compact(k, k->pressure == PRESSURE_HIGH ? HIGH_TURNS * share : share);
    drop(k);
}

/* Near the bound a group is made only when what the last one has brought about is made good, or much of it:
 * answers come as fast as space can follow. */
static bool is_held(const struct keeper *k, const struct journal_stat *stat)
{
    return k->pressure == PRESSURE_HIGH && k->debt > 0 && journal_is_reading(k->journal) &&
           facts_size(k->facts) < HIGH_TURNS * stat->segment_size / TURN_SHARE;
}

/* ---- room ---- */

/* A log of one segment has none that could go. */
static uint64_t kept_room(const struct keeper *k)
{
    struct journal_stat stat;
    journal_stat(k->journal, &stat);
    uint64_t segment = stat.segment_size - SEGMENT_HEAD_SIZE;
    return segment / 2 + (stat.segments > 1 ? segment : 0);
}

/* What is gathered next must find room in what is there. */
static void limit_facts(struct keeper *k, uint64_t now_ms)
{
    uint64_t room = journal_room(k->journal), kept = kept_room(k);
    engine_limit_facts(k->engine, now_ms, room > kept ? room - kept : 0);
}

/* ---- groups ---- */

/* A segment begins with its checkpoint, so this can be only when there are no other facts. */
static void open_segment(struct keeper *k)
{
    struct journal *j = k->journal;
    if (k->opens || facts_are_there(k->facts) || !journal_wants_segment(j) || !journal_has_spare(j))
        return;
    k->opens = engine_checkpoint(k->engine, journal_next_segment(j), first_segment(k));
    k->own += facts_size(k->facts);
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

static bool can_take(const struct keeper *k)
{
    return journal_is_ready(k->journal) && (!k->opens || journal_has_spare(k->journal));
}

/* Blocks go round between facts and journal; one that is much larger than groups are by now is not kept. */
static uint8_t *empty_block(struct keeper *k, size_t size, size_t *ret_capacity)
{
    uint8_t *block = journal_give_back(k->journal, ret_capacity);
    k->group_size = size > k->group_size ? size : k->group_size - k->group_size / 16;
    if (!block || *ret_capacity <= KEEPER_BLOCK_MIN || *ret_capacity / 4 <= k->group_size)
        return block;
    free(block);
    return NULL;
}

/* Bytes by which there are less of what lives than at the last group. */
static uint64_t decline(struct keeper *k)
{
    uint64_t before = k->live;
    k->live = engine_live_size(k->engine);
    return before > k->live ? before - k->live : 0;
}

static void take(struct keeper *k, uint64_t now_ms)
{
    uint8_t *data;
    size_t size, capacity, empty_capacity = 0;
    uint8_t *empty = empty_block(k, facts_size(k->facts), &empty_capacity);
    uint64_t position = facts_position(k->facts);
    see_fresh(k);
    facts_take(k->facts, empty, empty_capacity, &data, &size, &capacity);
    uint64_t fresh = position - k->taken - k->again;
    k->debt += KEEPER_PACE * (fresh + decline(k));
    if (fresh > k->own)
        k->stale = last_segment(k) + k->opens;
    k->taken = k->moved = position;
    k->again = k->own = 0;
    journal_take(k->journal, now_ms, k->lazy_since_ms, data, size, capacity, position, k->opens);
    k->lazy_since_ms = UINT64_MAX;
    k->opens = false;
    limit_facts(k, now_ms);
    engine_taken(k->engine, now_ms);
    if (facts_are_there(k->facts)) /* of puts that have waited */
        k->lazy_since_ms = now_ms;
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
    limit_facts(k, now_ms);
    k->is_held = is_held(k, &stat);
    if (is_due(k, now_ms) && can_take(k) && !k->is_held) {
        take(k, now_ms);
        open_segment(k);
    }
}

uint64_t keeper_safe(const struct keeper *k, uint64_t now_ms)
{
    struct journal_stat stat;
    journal_stat(k->journal, &stat);
    if (stat.sync_interval_ms == 0)
        return journal_safe(k->journal);
    uint64_t oldest_ms = stat.unsafe_since_ms < k->lazy_since_ms ? stat.unsafe_since_ms : k->lazy_since_ms;
    bool is_behind = oldest_ms < now_ms && now_ms - oldest_ms > 2 * stat.sync_interval_ms;
    return is_behind || !stat.has_opened ? stat.on_disk : UINT64_MAX;
}

uint64_t keeper_deadline_ms(const struct keeper *k)
{
    bool waits = !k->has_failed && k->lazy_since_ms != UINT64_MAX && can_take(k) && !k->is_held;
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
