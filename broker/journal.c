/* journal.c - groups, the writer's jobs, and the doors of journal.h; spare and old files are in
 * journal_files.c and journal_read.c. */
#include "journal_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- life ---- */

struct journal *journal_new(const struct journal_options *options, const struct recover_found *found,
                            const struct journal_files *files, uint64_t now_ms)
{
    assert(options->segment_size >= SEGMENT_SIZE_MIN);
    assert(options->reserve <= JOURNAL_RESERVE_MAX);
    struct journal *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->options = *options;
    j->now_ms = now_ms;
    j->salt = found->salt ? found->salt : options->salt;
    j->first = found->last ? found->first : 1;
    j->last = found->last;
    j->used = found->used;
    j->length = files->length;
    j->is_named = true;
    j->begins_anew = options->sync_interval_ms > 0;
    j->sequence = found->last ? found->sequence : 1;
    j->written = j->synced = j->sequence;
    j->due_ms = UINT64_MAX;
    j->spares = files->spares;
    j->size = files->size;
    j->log = files->size - journal_spare_count(j) * options->segment_size;
    j->limit = UINT64_MAX;
    return j;
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    free(j->group.data);
    free(j->empty);
    free(j->reader.data);
    free(j);
}

/* ---- failures ---- */

void journal_fail(struct journal *j, int error)
{
    assert(error < 0);
    if (j->has_failed)
        return;
    j->has_failed = true;
    j->error = error;
}

bool journal_is_room_error(int error)
{
    return error == -ENOSPC || error == -EDQUOT || error == -EFBIG || /* of the disk, and of limits on it */
           error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

void journal_no_room(struct journal *j, int error)
{
    j->full = error;
    j->retry_ms = j->now_ms + RETRY_MS;
}

/* ---- groups ---- */

bool journal_has_spare(const struct journal *j)
{
    return j->spares != 0;
}

bool journal_is_ready(const struct journal *j)
{
    return !j->has_failed && !j->group.data && (j->last || journal_has_spare(j));
}

/* A checkpoint that takes most of a segment must not make every group open another one. */
static bool is_full_enough(const struct journal *j)
{
    uint64_t enough = j->options.segment_size / 8 * 7;
    return j->used >= enough && j->used / 3 >= j->opened;
}

bool journal_wants_segment(const struct journal *j)
{
    return j->last == 0 || j->begins_anew || is_full_enough(j);
}

uint64_t journal_room(const struct journal *j)
{
    uint64_t room = journal_spare_count(j) * (j->options.segment_size - SEGMENT_HEAD_SIZE) + j->length;
    return j->last == 0 ? room - j->length : room > j->used ? room - j->used : 0;
}

uint64_t journal_next_segment(const struct journal *j)
{
    return j->last + 1;
}

uint64_t journal_first_segment(const struct journal *j)
{
    return j->first;
}

static void open_next(struct journal *j)
{
    assert(journal_has_spare(j));
    j->group.spare = journal_pick_spare(j);
    j->last++;
    j->used = SEGMENT_HEAD_SIZE;
    j->length = j->options.segment_size;
    j->log += j->length;
    j->is_named = false;
    j->openings++;
}

void journal_take(struct journal *j, uint64_t now_ms, uint64_t since_ms, uint8_t *data, size_t size,
                  size_t capacity, uint64_t position, bool opens)
{
    assert(journal_is_ready(j));
    assert(opens || j->last != 0);
    assert(size > GROUP_HEAD_SIZE && size - GROUP_HEAD_SIZE <= UINT32_MAX);
    assert(capacity >= size + GROUP_ALIGNMENT);
    assert(position >= j->safe);
    journal_tick(j, now_ms);
    j->group = (struct taken){.data = data,
                              .size = size,
                              .capacity = capacity,
                              .position = position,
                              .sequence = j->sequence++,
                              .since_ms = since_ms};
    if (opens)
        open_next(j);
    j->begins_anew = j->begins_anew && !opens;
    j->group.offset = j->used;
    j->used += group_bytes(size - GROUP_HEAD_SIZE);
    if (opens)
        j->opened = j->used;
    j->unsafe += size;
    if (j->options.sync_interval_ms)
        j->safe = position;
}

uint8_t *journal_give_back(struct journal *j, size_t *ret_capacity)
{
    uint8_t *block = j->empty;
    if (block)
        *ret_capacity = j->empty_capacity;
    j->empty = NULL;
    return block;
}

uint64_t journal_safe(const struct journal *j)
{
    return j->safe;
}

/* ---- the writer ---- */

static bool is_synced_at_once(const struct journal *j)
{
    return j->options.sync_interval_ms == 0 || j->group.spare || j->hurries;
}

static void write_job(const struct journal *j, struct journal_job *job)
{
    const struct taken *group = &j->group;
    *job = (struct journal_job){
        .work = JOURNAL_WRITE,
        .segment = j->last,
        .segment_size = j->options.segment_size,
        .offset = group->offset,
        .spare = group->spare,
        .data = group->data,
        .size = group_bytes(group->size - GROUP_HEAD_SIZE),
        .opens = group->spare != 0,
        .is_lazy = j->options.sync_interval_ms > 0,
        .sync = is_synced_at_once(j),
        .seals = true,
        .salt = j->salt,
        .group =
            {
                .segment = j->last,
                .sequence = group->sequence,
                .unsynced = group->sequence - j->synced,
                .size = (uint32_t)(group->size - GROUP_HEAD_SIZE),
            },
    };
}

/* The segment that was written last; a group that has been taken since may be about to open the next one. */
static void sync_job(struct journal *j, struct journal_job *job)
{
    bool opens = j->group.data && j->group.spare;
    j->syncing = j->written;
    *job = (struct journal_job){.work = JOURNAL_SYNC, .segment = opens ? j->last - 1 : j->last};
}

/* A segment is on disk before the next one gets its name. */
static bool writer_job(struct journal *j, struct journal_job *job)
{
    bool has_group = j->group.data && !j->group.is_blocked;
    bool opens = has_group && j->group.spare;
    if (j->synced < j->written && (opens || j->now_ms >= j->due_ms))
        sync_job(j, job);
    else if (has_group)
        write_job(j, job);
    else
        return false;
    return true;
}

static void synced_until(struct journal *j, uint64_t sequence)
{
    j->synced = sequence;
    j->on_disk = j->written_position;
    j->unsafe -= j->unsynced;
    j->unsynced = 0;
    j->due_ms = UINT64_MAX;
    j->sync_count++;
}

static void give_back(struct journal *j)
{
    free(j->empty);
    j->empty = j->group.data;
    j->empty_capacity = j->group.capacity;
    j->group = (struct taken){0};
}

static void group_written(struct journal *j, const struct journal_job *job)
{
    uint64_t end = job->offset + job->size;
    if (end > j->length) {
        j->size += end - j->length;
        j->log += end - j->length;
        j->length = end;
    }
    j->has_opened = j->has_opened || job->opens;
    j->is_named = true;
    j->written = j->group.sequence + 1;
    j->safe = j->written_position = j->group.position;
    j->unsynced += j->group.size;
    j->groups++;
    j->bytes += job->size;
    if (job->sync)
        synced_until(j, j->written);
    else if (j->due_ms == UINT64_MAX) {
        j->due_ms = j->now_ms + (j->hurries ? 0 : j->options.sync_interval_ms);
        j->unsynced_ms = j->group.since_ms;
    }
    if (journal_spare_count(j) > j->options.reserve)
        j->full = 0; /* there was room without one of them */
    give_back(j);
}

static void writer_done(struct journal *j, const struct journal_job *job)
{
    if (job->error && job->work == JOURNAL_WRITE && journal_is_room_error(job->error)) {
        j->group.is_blocked = j->group.has_waited = true;
        journal_no_room(j, job->error);
    } else if (job->error) {
        journal_fail(j, job->error);
    } else if (job->work == JOURNAL_WRITE) {
        group_written(j, job);
    } else {
        synced_until(j, j->syncing);
    }
}

/* ---- work ---- */

bool journal_next_job(struct journal *j, enum journal_hand hand, struct journal_job *ret_job)
{
    assert(!j->is_busy[hand]);
    if (j->has_failed)
        return false;
    j->is_busy[hand] = hand == JOURNAL_WRITER ? writer_job(j, ret_job) : journal_filer_job(j, ret_job);
    return j->is_busy[hand];
}

void journal_job_done(struct journal *j, uint64_t now_ms, enum journal_hand hand,
                      const struct journal_job *job)
{
    assert(j->is_busy[hand]);
    j->is_busy[hand] = false;
    journal_tick(j, now_ms);
    if (j->has_failed)
        return; /* whatever came of it: it is never safe */
    if (hand == JOURNAL_WRITER)
        writer_done(j, job);
    else
        journal_filer_done(j, job);
}

void journal_tick(struct journal *j, uint64_t now_ms)
{
    assert(now_ms >= j->now_ms);
    j->now_ms = now_ms;
    if (j->group.is_blocked && now_ms >= j->retry_ms)
        j->group.is_blocked = false;
}

uint64_t journal_deadline_ms(const struct journal *j)
{
    uint64_t deadline = UINT64_MAX;
    if (j->has_failed)
        return deadline;
    if (j->due_ms != UINT64_MAX && !j->is_busy[JOURNAL_WRITER])
        deadline = j->due_ms;
    if (j->group.is_blocked)
        deadline = smaller(deadline, j->retry_ms);
    return smaller(deadline, journal_filer_deadline_ms(j));
}

void journal_hurry(struct journal *j)
{
    j->hurries = true;
    if (j->due_ms != UINT64_MAX)
        j->due_ms = j->now_ms;
}

/* ---- looking ---- */

static enum journal_state state_of(const struct journal *j)
{
    if (j->has_failed)
        return JOURNAL_FAILED;
    bool is_short = j->group.has_waited || journal_spare_count(j) <= j->options.reserve;
    return j->full && is_short ? JOURNAL_FULL : JOURNAL_OK;
}

static uint64_t unsafe_since_ms(const struct journal *j)
{
    if (j->synced < j->written)
        return j->unsynced_ms;
    return j->group.data ? j->group.since_ms : UINT64_MAX;
}

void journal_stat(const struct journal *j, struct journal_stat *ret_stat)
{
    enum journal_state state = state_of(j);
    *ret_stat = (struct journal_stat){
        .state = state,
        .error = state == JOURNAL_FAILED ? j->error
                 : state == JOURNAL_FULL ? j->full
                                         : 0,
        .segments = j->last ? j->last - j->first + 1 : 0,
        .spares = journal_spare_count(j),
        .segment_size = j->options.segment_size,
        .size = j->size,
        .log = j->log,
        .reserved = smaller(j->size - j->log, j->options.reserve * j->options.segment_size),
        .used = j->used,
        .groups = j->groups,
        .bytes = j->bytes,
        .synced = j->sync_count,
        .unsafe = j->unsafe,
        .has_opened = j->has_opened,
        .sync_interval_ms = j->options.sync_interval_ms,
        .unsafe_since_ms = unsafe_since_ms(j),
        .on_disk = j->on_disk,
        .is_open = j->last != 0,
    };
}

void journal_check(const struct journal *j)
{
    assert(j->first >= 1);
    assert(j->last == 0 || j->first <= j->last);
    assert(j->synced <= j->written);
    assert(j->written <= j->sequence);
    assert(j->sequence - j->written == (j->group.data ? 1 : 0));
    assert(!j->group.is_blocked || j->group.data);
    assert((j->due_ms == UINT64_MAX) == (j->synced == j->written));
    assert(j->options.sync_interval_ms || j->synced == j->written);
    assert(j->unsafe >= j->unsynced);
    assert(!j->preparing || !(j->spares >> (j->preparing - 1) & 1));
    assert(!j->group.spare || !(j->spares >> (j->group.spare - 1) & 1));
    assert(j->drop_to < j->last || j->drop_to == 0);
    assert(j->log <= j->size);
    assert(j->reader.segment == 0 || j->reader.segment >= j->first);
}
