/* journal_files.c - spare files: how many there are, which is made and which goes; and segments that are
 * needed no more.
 *
 * In the long run a segment is dropped for each that is opened, early or late in the life of that one; so
 * what is dropped becomes the next spare, and nothing is made anew. Only a log that grows has its next spare
 * made beforehand; else segments are opened from the reserve, which then gets back what is dropped. */
#include "journal_state.h"

#include <assert.h>
#include <errno.h>

/* ---- spares ---- */

static uint64_t bit(uint64_t spare)
{
    assert(spare >= 1 && spare <= JOURNAL_SPARES_MAX);
    return (uint64_t)1 << (spare - 1);
}

static uint64_t lowest(uint64_t spares)
{
    return (uint64_t)__builtin_ctzll(spares) + 1;
}

static uint64_t highest(uint64_t spares)
{
    return JOURNAL_SPARES_MAX - (uint64_t)__builtin_clzll(spares);
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
    j->had_reserve |= journal_spare_count(j) >= j->options.reserve;
    if (has_more_than_reserve(j))
        j->full = 0;
}

/* ---- how many ---- */

void journal_limit(struct journal *j, uint64_t size)
{
    j->limit = size;
}

/* As many spares more than the reserve are within the limit beside a log of this size, with so much to spare.
 */
static uint32_t room_for_spares(const struct journal *j, uint64_t log, uint64_t margin)
{
    uint64_t segment = j->options.segment_size;
    uint64_t room = log + margin < j->limit ? (j->limit - log - margin) / segment : 0;
    return room < SPARES_MORE ? (uint32_t)room : SPARES_MORE;
}

/* The limit moves, so what is there stays a little longer than it would be made: it must not come and go. On
 * a full disk it must be found out when there is room again. */
static uint32_t kept_spares(const struct journal *j, uint64_t log, uint64_t margin)
{
    uint32_t more = room_for_spares(j, log, margin);
    return j->options.reserve + (j->full && more == 0 ? 1 : more);
}

/* ---- making one ---- */

/* Of the reserve, one may be missing for a while: the next segment that goes will be it. */
static bool is_spare_wanted(const struct journal *j)
{
    uint32_t count = journal_spare_count(j), reserve = j->options.reserve;
    uint64_t half = j->options.segment_size / 2;
    bool is_growing = !j->last || j->openings >= GROWING;
    if (j->full)
        return count <= reserve && j->now_ms >= j->retry_ms;
    if (count >= reserve)
        return count == reserve && is_growing && room_for_spares(j, j->log, half) > 0;
    return j->preparing || count + 1 < reserve || is_growing || !j->had_reserve || j->used > half;
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
    uint32_t kept = kept_spares(j, j->log, j->options.segment_size / 4), count = journal_spare_count(j);
    return count > kept || (j->preparing && count >= kept);
}

static bool is_discard_wanted(const struct journal *j)
{
    return is_room_wanted(j) || has_too_many(j);
}

static bool can_discard(const struct journal *j)
{
    return j->now_ms >= j->discard_retry_ms;
}

/* From now on nobody can take it. */
static void discard_job(struct journal *j, struct journal_job *job)
{
    uint64_t spare = dispensable(j);
    *job = (struct journal_job){.work = JOURNAL_DISCARD, .spare = spare};
    j->spares &= ~bit(spare);
}

/* What could not be removed for want of something is there as before. */
static void discard_done(struct journal *j, const struct journal_job *job)
{
    bool is_whole = job->spare != j->preparing;
    if (job->error) {
        j->spares |= is_whole ? bit(job->spare) : 0;
        j->discard_retry_ms = j->now_ms + RETRY_MS;
        return;
    }
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
    uint64_t segment = j->options.segment_size;
    return journal_spare_count(j) < kept_spares(j, j->log - segment, segment / 2);
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
    else if (is_room_wanted(j) && can_discard(j))
        discard_job(j, job);
    else if (journal_reader_job(j, job))
        return true;
    else if (is_spare_wanted(j))
        prepare_job(j, job);
    else if (has_too_many(j) && can_discard(j))
        discard_job(j, job);
    else
        return false;
    return true;
}

void journal_filer_done(struct journal *j, const struct journal_job *job)
{
    if (job->error && !journal_is_room_error(job->error))
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
    if (j->full && !has_more_than_reserve(j))
        deadline = j->retry_ms;
    if (j->reader.is_wanted && j->reader.retry_ms < deadline)
        deadline = j->reader.retry_ms;
    if (is_discard_wanted(j) && j->discard_retry_ms < deadline)
        deadline = j->discard_retry_ms;
    if (is_drop_due(j) && j->drop_retry_ms < deadline)
        deadline = j->drop_retry_ms;
    return deadline;
}
