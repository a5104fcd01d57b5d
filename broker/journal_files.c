/* journal_files.c - spare files: how many there are, which is made and which goes; and segments that are
 * needed no more.
 *
 * In the long run a segment is dropped for each that is opened, so what is dropped becomes the next spare and
 * nothing is made anew. If only one is wanting, it is made at once only if the log grows; else when half of
 * the last segment is used and still nothing has been dropped. */
#include "journal_state.h"

#include <assert.h>
#include <errno.h>

/* ---- spares ---- */

static uint64_t bit(uint64_t spare)
{
    assert(spare >= 1 && spare <= SPARES_MAX);
    return (uint64_t)1 << (spare - 1);
}

static uint64_t lowest(uint64_t spares)
{
    return (uint64_t)__builtin_ctzll(spares) + 1;
}

static uint64_t highest(uint64_t spares)
{
    return SPARES_MAX - (uint64_t)__builtin_clzll(spares);
}

uint32_t journal_spare_count(const struct journal *j)
{
    return (uint32_t)__builtin_popcountll(j->spares);
}

uint64_t journal_pick_spare(struct journal *j)
{
    uint64_t spare = lowest(j->spares);
    j->spares &= ~bit(spare);
    return spare;
}

/* A number that no file has. */
static uint64_t free_number(const struct journal *j)
{
    uint64_t taken = j->spares;
    if (j->preparing)
        taken |= bit(j->preparing);
    if (j->group.spare)
        taken |= bit(j->group.spare);
    assert(~taken != 0);
    return lowest(~taken);
}

static bool has_more_than_reserve(const struct journal *j)
{
    return journal_spare_count(j) > j->options.reserve;
}

static void spare_is_ready(struct journal *j, uint64_t spare)
{
    j->spares |= bit(spare);
    if (has_more_than_reserve(j))
        j->full = 0;
}

/* ---- how many ---- */

void journal_limit(struct journal *j, uint64_t size)
{
    j->limit = size;
}

/* Would the log and one spare more than the reserve be within the limit, with so much to spare? */
static bool fits(const struct journal *j, uint64_t log, uint64_t margin)
{
    uint64_t size = log + j->options.segment_size + margin;
    return size <= j->limit;
}

/* On a full disk it must be found out when there is room again. What is there stays a little longer than it
 * would be made, so that it does not come and go. */
static uint32_t wanted_spares(const struct journal *j)
{
    bool is_one_more = j->full || fits(j, j->log, j->options.segment_size / 2);
    return j->options.reserve + (is_one_more ? 1 : 0);
}

static uint32_t kept_spares(const struct journal *j)
{
    return j->options.reserve + (j->full || fits(j, j->log, 0) ? 1 : 0);
}

/* ---- making one ---- */

static bool is_growing(const struct journal *j)
{
    return j->openings >= 3;
}

static bool is_spare_wanted(const struct journal *j)
{
    uint32_t count = journal_spare_count(j), wanted = wanted_spares(j);
    if (count >= wanted || (j->full && j->now_ms < j->retry_ms))
        return false;
    bool is_soon = !j->last || is_growing(j) || j->used > j->options.segment_size / 2;
    return j->preparing || j->full || count + 1 < wanted || is_soon;
}

static void prepare_job(struct journal *j, struct journal_job *job)
{
    if (!j->preparing) {
        j->preparing = free_number(j);
        j->prepared = 0;
    }
    uint64_t left = j->options.segment_size - j->prepared;
    *job = (struct journal_job){
        .work = JOURNAL_PREPARE,
        .spare = j->preparing,
        .segment_size = j->options.segment_size,
        .offset = j->prepared,
        .size = left < PREPARE_PIECE ? left : PREPARE_PIECE,
    };
}

/* What there is of it when the disk is full stays: it is what there will be, and is what can be given away.
 */
static void prepare_done(struct journal *j, const struct journal_job *job)
{
    if (job->error) {
        journal_no_room(j, job->error);
        return;
    }
    j->prepared += job->size;
    j->size += job->size;
    if (j->prepared < j->options.segment_size)
        return;
    uint64_t spare = j->preparing;
    j->preparing = 0;
    spare_is_ready(j, spare);
}

/* ---- giving one away ---- */

/* The file that is best removed: one that is not finished, or one that is. 0: none. */
static uint64_t dispensable(const struct journal *j)
{
    if (j->preparing)
        return j->preparing;
    return j->spares ? highest(j->spares) : 0;
}

static bool is_room_wanted(const struct journal *j)
{
    bool is_disk_full = j->full == -ENOSPC || j->full == -EDQUOT;
    return j->group.is_blocked && is_disk_full && dispensable(j);
}

static bool has_too_many(const struct journal *j)
{
    uint32_t kept = kept_spares(j), count = journal_spare_count(j);
    return count > kept || (j->preparing && count >= kept);
}

/* From now on nobody can take it. */
static void discard_job(struct journal *j, struct journal_job *job)
{
    uint64_t spare = dispensable(j);
    *job = (struct journal_job){.work = JOURNAL_DISCARD, .spare = spare};
    j->spares &= ~bit(spare);
}

static void discard_done(struct journal *j, const struct journal_job *job)
{
    bool is_whole = job->spare != j->preparing;
    j->size -= is_whole ? j->options.segment_size : j->prepared;
    if (!is_whole)
        j->preparing = 0;
    j->group.is_blocked = false;
}

/* ---- segments that are needed no more ---- */

void journal_drop(struct journal *j, uint64_t segment)
{
    assert(segment < j->last);
    if (segment <= j->drop_to)
        return;
    j->drop_to = segment;
    j->drop_after = j->sequence;
}

static bool is_drop_due(const struct journal *j)
{
    return j->first <= j->drop_to && j->synced >= j->drop_after;
}

static bool can_drop(const struct journal *j)
{
    return is_drop_due(j) && j->now_ms >= j->drop_retry_ms;
}

/* It is as long as it was made, or longer; then it takes less as a spare. */
static bool is_spare_kept(const struct journal *j)
{
    uint32_t count = journal_spare_count(j), reserve = j->options.reserve;
    bool is_one_more = j->full || fits(j, j->log - j->options.segment_size, 0);
    return count < reserve || (count == reserve && is_one_more);
}

static void drop_job(const struct journal *j, struct journal_job *job)
{
    *job = (struct journal_job){
        .work = JOURNAL_DROP,
        .segment = j->first,
        .segment_size = j->options.segment_size,
        .spare = is_spare_kept(j) ? free_number(j) : 0,
    };
}

static void drop_done(struct journal *j, const struct journal_job *job)
{
    if (job->error) {
        j->drop_retry_ms = j->now_ms + RETRY_MS;
        return;
    }
    j->first++;
    j->openings = 0;
    j->size -= job->ret_size;
    j->log -= job->ret_size;
    if (job->spare) {
        j->size += j->options.segment_size;
        spare_is_ready(j, job->spare);
    }
    journal_reader_forget(j, job->segment);
    j->retry_ms = j->now_ms; /* there may be room now */
    j->group.is_blocked = false;
}

/* ---- the hand ---- */

bool journal_filer_job(struct journal *j, struct journal_job *job)
{
    if (can_drop(j))
        drop_job(j, job);
    else if (is_room_wanted(j))
        discard_job(j, job);
    else if (journal_reader_job(j, job))
        return true;
    else if (is_spare_wanted(j))
        prepare_job(j, job);
    else if (has_too_many(j))
        discard_job(j, job);
    else
        return false;
    return true;
}

void journal_filer_done(struct journal *j, const struct journal_job *job)
{
    bool may_fail = job->work != JOURNAL_DISCARD;
    if (job->error && !(may_fail && journal_is_room_error(job->error)))
        journal_fail(j, job->error);
    else if (job->work == JOURNAL_DROP)
        drop_done(j, job);
    else if (job->work == JOURNAL_DISCARD)
        discard_done(j, job);
    else if (job->work == JOURNAL_READ)
        journal_reader_done(j, job);
    else
        prepare_done(j, job);
}

uint64_t journal_filer_deadline_ms(const struct journal *j)
{
    uint64_t deadline = UINT64_MAX;
    if (j->is_busy[JOURNAL_FILER])
        return deadline;
    if (j->full)
        deadline = j->retry_ms;
    if (j->reader.is_wanted && j->reader.retry_ms < deadline)
        deadline = j->reader.retry_ms;
    if (is_drop_due(j) && j->drop_retry_ms < deadline)
        deadline = j->drop_retry_ms;
    return deadline;
}
