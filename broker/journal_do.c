/* journal_do.c - the journal's jobs, done on a disk. Nothing here decides anything: the order in which things
 * are written, synced and named is the whole of it. */
#include "journal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

void journal_spare_name(uint64_t spare, char ret_name[DISK_NAME_MAX])
{
    snprintf(ret_name, DISK_NAME_MAX, "%" PRIu64 ".spare", spare);
}

uint64_t journal_spare_of_name(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    char again[DISK_NAME_MAX];
    if (digits == 0 || digits > 20 || strcmp(name + digits, ".spare") != 0)
        return 0;
    uint64_t spare = strtoull(name, NULL, 10);
    journal_spare_name(spare, again);
    return strcmp(name, again) == 0 ? spare : 0;
}

/* ---- calls ---- */

static int open_file(struct disk *disk, const char *name, bool make)
{
    return disk->calls->open(disk->context, name, make);
}

static void close_file(struct disk *disk, int handle)
{
    disk->calls->close(disk->context, handle);
}

/* After a sync that failed nobody knows what is on disk: that can never be put right by trying again. */
static int after_sync(int error)
{
    return error ? -EIO : 0;
}

static int sync_file(struct disk *disk, int handle)
{
    return after_sync(disk->calls->sync(disk->context, handle));
}

static int sync_names(struct disk *disk)
{
    return after_sync(disk->calls->sync_names(disk->context));
}

static int write_bytes(struct disk *disk, int handle, uint64_t offset, const void *data, size_t size)
{
    return disk->calls->write(disk->context, handle, offset, data, size);
}

void journal_close(struct disk *disk, struct journal_handle *open)
{
    if (open->handle >= 0)
        close_file(disk, open->handle);
    open->handle = -1;
}

/* ---- the writer's ---- */

static int reach_segment(struct disk *disk, struct journal_handle *open, uint64_t segment)
{
    char name[DISK_NAME_MAX];
    if (open->handle >= 0 && open->segment == segment)
        return 0;
    journal_close(disk, open);
    segment_name(segment, name);
    int handle = open_file(disk, name, false);
    if (handle < 0)
        return handle;
    *open = (struct journal_handle){handle, segment};
    return 0;
}

/* Head and group are on disk before the file has the segment's name. */
static int write_opening(struct disk *disk, int handle, const struct journal_job *job)
{
    uint8_t head[SEGMENT_HEAD_SIZE];
    struct segment_head fields = {
        .version = SEGMENT_VERSION,
        .segment = job->segment,
        .salt = job->salt,
        .sequence = job->group.sequence,
        .flags = job->is_lazy ? SEGMENT_LAZY : 0,
    };
    segment_write_head(&fields, head);
    int error = write_bytes(disk, handle, 0, head, sizeof head);
    if (!error)
        error = write_bytes(disk, handle, job->offset, job->data, job->size);
    return error ? error : sync_file(disk, handle);
}

static int open_segment(struct disk *disk, struct journal_handle *open, const struct journal_job *job)
{
    char from[DISK_NAME_MAX], to[DISK_NAME_MAX];
    journal_close(disk, open);
    journal_spare_name(job->spare, from);
    segment_name(job->segment, to);
    int handle = open_file(disk, from, false);
    if (handle < 0)
        return handle;
    *open = (struct journal_handle){handle, job->segment};
    int error = write_opening(disk, handle, job);
    if (!error)
        error = disk->calls->rename(disk->context, from, to);
    if (!error)
        error = sync_names(disk);
    if (error)
        journal_close(disk, open);
    return error;
}

static int write_group(struct disk *disk, struct journal_handle *open, const struct journal_job *job)
{
    if (job->seals)
        group_seal(job->data, &job->group, job->salt);
    if (job->opens)
        return open_segment(disk, open, job);
    int error = reach_segment(disk, open, job->segment);
    if (!error)
        error = write_bytes(disk, open->handle, job->offset, job->data, job->size);
    if (!error && job->sync)
        error = sync_file(disk, open->handle);
    return error;
}

static int sync_segment(struct disk *disk, struct journal_handle *open, const struct journal_job *job)
{
    int error = reach_segment(disk, open, job->segment);
    return error ? error : sync_file(disk, open->handle);
}

/* ---- the other hand's ---- */

/* Bytes go to the disk as they are written, not all at once at the end, when syncs of groups would have to
 * wait behind them. And page by page: what a write brings into the page cache in one piece is dirtied in one
 * piece later, however little of it a group touches (measured at 256 items a group: 1.3 bytes written a byte
 * of body, and 4.8 with pieces of 64 KiB). */
static int write_zeros(struct disk *disk, int handle, uint64_t offset, size_t size)
{
    static const uint8_t zeros[4096];
    enum { FLUSHED = 1 << 20 };
    int error = 0;
    for (size_t done = 0; done < size && !error;) {
        size_t piece = size - done < sizeof zeros ? size - done : sizeof zeros;
        error = write_bytes(disk, handle, offset + done, zeros, piece);
        done += piece;
        if (!error && disk->calls->flush && done % FLUSHED == 0)
            disk->calls->flush(disk->context, handle, offset + done - FLUSHED, FLUSHED);
    }
    return error;
}

static int prepare(struct disk *disk, const struct journal_job *job)
{
    char name[DISK_NAME_MAX];
    journal_spare_name(job->spare, name);
    int handle = open_file(disk, name, job->offset == 0);
    if (handle < 0)
        return handle;
    int error = write_zeros(disk, handle, job->offset, job->size);
    if (!error && job->offset + job->size == job->segment_size)
        error = sync_file(disk, handle);
    close_file(disk, handle);
    return error;
}

struct looked_for {
    const char *name;
    uint64_t size;
    bool is_there;
};

static void look_at(void *context, const char *name, uint64_t size)
{
    struct looked_for *file = context;
    if (strcmp(name, file->name) == 0) {
        file->is_there = true;
        file->size = size;
    }
}

static int cut_spare(struct disk *disk, const char *name, uint64_t size)
{
    int handle = open_file(disk, name, false);
    if (handle < 0)
        return handle;
    int error = disk->calls->cut(disk->context, handle, size);
    close_file(disk, handle);
    return error;
}

/* A spare that cannot be cut is none. It has its name: now there is no way back. */
static int shorten(struct disk *disk, struct journal_job *job, const char *name)
{
    int error = cut_spare(disk, name, job->segment_size);
    if (!error)
        return 0;
    job->spare = 0;
    return disk->calls->remove(disk->context, name) ? -EIO : 0;
}

/* Without room for it nothing has happened.
 *
 * Its new name is on disk before anything may be written into it; else it could come back under the old one,
 * with bytes of another segment. Cut it is only then: until then it must be whole. */
static int drop(struct disk *disk, struct journal_job *job)
{
    char name[DISK_NAME_MAX], spare[DISK_NAME_MAX];
    segment_name(job->segment, name);
    struct looked_for file = {.name = name};
    int error = disk->calls->list(disk->context, look_at, &file);
    if (error || !file.is_there)
        return error ? error : -ENOENT;
    job->ret_size = file.size;
    if (file.size < job->segment_size)
        job->spare = 0;
    journal_spare_name(job->spare, spare);
    if (job->spare)
        error = disk->calls->rename(disk->context, name, spare);
    if (error == -ENOSPC || error == -EDQUOT) /* a name can take room */
        job->spare = 0;
    if (!job->spare)
        error = disk->calls->remove(disk->context, name);
    if (!error)
        error = sync_names(disk);
    if (!error && job->spare && file.size > job->segment_size)
        error = shorten(disk, job, spare);
    return error;
}

/* Only when that is on disk has its room surely become free. */
static int discard(struct disk *disk, const struct journal_job *job)
{
    char name[DISK_NAME_MAX];
    journal_spare_name(job->spare, name);
    int error = disk->calls->remove(disk->context, name);
    if (error == -ENOENT) /* one that could not even be made */
        return 0;
    return error ? error : sync_names(disk);
}

static int read_segment(struct disk *disk, struct journal_job *job)
{
    char name[DISK_NAME_MAX];
    segment_name(job->segment, name);
    int handle = open_file(disk, name, false);
    if (handle < 0)
        return handle;
    int64_t size = disk->calls->read(disk->context, handle, job->offset, job->data, job->size);
    close_file(disk, handle);
    if (size < 0)
        return (int)size;
    job->ret_size = (size_t)size;
    return 0;
}

void journal_do(struct disk *disk, struct journal_handle *open, struct journal_job *job)
{
    switch (job->work) {
    case JOURNAL_WRITE:
        job->error = write_group(disk, open, job);
        break;
    case JOURNAL_SYNC:
        job->error = sync_segment(disk, open, job);
        break;
    case JOURNAL_PREPARE:
        job->error = prepare(disk, job);
        break;
    case JOURNAL_DROP:
        job->error = drop(disk, job);
        break;
    case JOURNAL_DISCARD:
        job->error = discard(disk, job);
        break;
    case JOURNAL_READ:
        job->error = read_segment(disk, job);
        break;
    }
}

/* ---- beginning ---- */

struct found_files {
    struct journal_files files;
    uint64_t segment_size, last;
    char useless[DISK_NAME_MAX]; /* a spare to be removed; "": none */
};

static void find_file(void *context, const char *name, uint64_t size)
{
    struct found_files *found = context;
    uint64_t spare = journal_spare_of_name(name), segment = segment_of_name(name);
    if (segment && segment == found->last)
        found->files.length = size;
    if (spare && (spare > 64 || size != found->segment_size))
        strcpy(found->useless, name);
    else if (spare)
        found->files.spares |= (uint64_t)1 << (spare - 1);
    if (spare || segment)
        found->files.size += size;
}

static int sync_last(struct disk *disk, uint64_t segment)
{
    struct journal_handle open = {.handle = -1};
    int error = reach_segment(disk, &open, segment);
    if (!error)
        error = sync_file(disk, open.handle);
    journal_close(disk, &open);
    return error;
}

int journal_begin(struct disk *disk, const struct recover_found *found, uint64_t segment_size,
                  struct journal_files *ret_files)
{
    struct found_files here;
    int error;
    do {
        here = (struct found_files){.segment_size = segment_size, .last = found->last};
        error = disk->calls->list(disk->context, find_file, &here);
        if (!error && here.useless[0])
            error = disk->calls->remove(disk->context, here.useless);
    } while (!error && here.useless[0]);
    if (!error && found->last)
        error = sync_last(disk, found->last);
    if (!error)
        error = sync_names(disk);
    if (!error)
        *ret_files = here.files;
    return error;
}
