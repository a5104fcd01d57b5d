/* fake_disk_crash.c - what becomes of a fake disk when power or process end, and meddling with it; see
 * fake_disk.h. */
#include "fake_disk_parts.h"

#include <assert.h>
#include <string.h>

enum { PAGE = 4096 };

/* ---- crashes ---- */

/* What chance has decided about a crash as a whole. */
struct luck {
    uint64_t unit;           /* sectors that share a fate */
    uint64_t bytes, names;   /* so many of 8 are kept */
    bool names_are_in_order; /* none is kept behind one that is lost */
};

static struct luck draw(struct fake_disk *f)
{
    return (struct luck){.unit = fake_chance(f) % 2 ? 1 : PAGE / FAKE_SECTOR,
                         .bytes = fake_chance(f) % 9,
                         .names = fake_chance(f) % 9,
                         .names_are_in_order = fake_chance(f) % 2};
}

static bool is_kept(struct fake_disk *f, enum fake_fate fate, uint64_t of_8)
{
    return fate == FAKE_KEPT || (fate == FAKE_CHANCE && fake_chance(f) % 8 < of_8);
}

static void crash_names(struct fake_disk *f, const struct fake_crash *crash, const struct luck *luck)
{
    bool stops = false;
    for (size_t i = 0; i < f->op_count; i++) {
        bool kept = is_kept(f, crash->names, luck->names);
        stops = stops || (!kept && luck->names_are_in_order);
        if (kept && !stops)
            fake_names_apply(&f->platter, &f->ops[i]);
    }
    f->names = f->platter;
    f->op_count = 0;
}

/* One sector, in which either the beginning or the end is new. */
static void tear_sector(struct fake_disk *f, struct file *file, uint64_t sector)
{
    uint64_t at = sector * FAKE_SECTOR, cut = fake_chance(f) % FAKE_SECTOR;
    if (fake_chance(f) % 4)
        memcpy(file->platter + at, file->data + at, cut);
    else
        memcpy(file->platter + at + cut, file->data + at + cut, FAKE_SECTOR - cut);
}

static void crash_bytes(struct fake_disk *f, struct file *file, enum fake_fate fate, const struct luck *luck)
{
    bool kept = false;
    uint64_t count = file->capacity / FAKE_SECTOR;
    if (is_kept(f, fate, luck->bytes))
        fake_file_set_platter_size(file, file->size);
    for (uint64_t i = 0; i < count; i++) {
        if (i % luck->unit == 0)
            kept = is_kept(f, fate, luck->bytes);
        if (file->dirty[i] && kept)
            fake_file_keep(file, i);
        else if (file->dirty[i] && fate == FAKE_CHANCE && fake_chance(f) % 16 == 0)
            tear_sector(f, file, i);
    }
}

static void crash_torn(struct file *file, uint64_t at)
{
    uint64_t size = at < file->size ? at : file->size;
    if (file->size < file->platter_size)
        fake_file_set_platter_size(file, file->size);
    else if (size > file->platter_size)
        fake_file_set_platter_size(file, size);
    for (uint64_t i = 0; i < file->capacity / FAKE_SECTOR && i * FAKE_SECTOR < at; i++) {
        uint64_t from = i * FAKE_SECTOR, there = at - from < FAKE_SECTOR ? at - from : FAKE_SECTOR;
        if (file->dirty[i])
            memcpy(file->platter + from, file->data + from, there);
    }
}

static void crash_picked(struct file *file, uint64_t pages)
{
    uint64_t n = 0;
    fake_file_set_platter_size(file, file->size);
    for (uint64_t at = 0; at < file->capacity / FAKE_SECTOR; at += PAGE / FAKE_SECTOR) {
        bool counted = false, kept = n < 64 && pages >> n & 1;
        for (uint64_t i = at; i < at + PAGE / FAKE_SECTOR && i < file->capacity / FAKE_SECTOR; i++) {
            counted = counted || file->dirty[i];
            if (file->dirty[i] && kept)
                fake_file_keep(file, i);
        }
        n += counted;
    }
}

static void lose_process(struct fake_disk *f)
{
    memset(f->handles, 0, sizeof f->handles);
    f->fault_calls = 0;
    fake_collect(f);
}

void fake_disk_crash(struct fake_disk *f, const struct fake_crash *crash)
{
    pthread_mutex_lock(&f->lock);
    f->random = crash->seed;
    struct luck luck = draw(f);
    struct name *torn = crash->torn ? fake_names_find(&f->names, crash->torn) : NULL;
    struct name *picked = crash->picked ? fake_names_find(&f->names, crash->picked) : NULL;
    const struct file *torn_file = torn ? torn->file : NULL, *picked_file = picked ? picked->file : NULL;
    crash_names(f, crash, &luck);
    for (size_t i = 0; i < f->file_count; i++) {
        struct file *file = f->files[i];
        if (file == torn_file)
            crash_torn(file, crash->torn_at);
        else if (file == picked_file)
            crash_picked(file, crash->picked_pages);
        else
            crash_bytes(f, file, crash->bytes, &luck);
        fake_file_forget(file);
    }
    lose_process(f);
    pthread_mutex_unlock(&f->lock);
}

void fake_disk_kill(struct fake_disk *f)
{
    pthread_mutex_lock(&f->lock);
    lose_process(f);
    pthread_mutex_unlock(&f->lock);
}

void fake_disk_evict(struct fake_disk *f)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->file_count; i++)
        for (uint64_t n = 0; n < f->files[i]->capacity / FAKE_SECTOR; n++)
            if (!f->files[i]->dirty[n])
                memcpy(f->files[i]->data + n * FAKE_SECTOR, f->files[i]->platter + n * FAKE_SECTOR,
                       FAKE_SECTOR);
    pthread_mutex_unlock(&f->lock);
}

/* ---- faults ---- */

void fake_disk_fail(struct fake_disk *f, unsigned calls, uint64_t nth, int error, bool forever)
{
    pthread_mutex_lock(&f->lock);
    f->fault_calls = calls;
    f->fault_in = nth;
    f->fault_error = error;
    f->fault_forever = forever;
    pthread_mutex_unlock(&f->lock);
}

void fake_disk_limit(struct fake_disk *f, uint64_t bytes)
{
    pthread_mutex_lock(&f->lock);
    f->limit = bytes;
    pthread_mutex_unlock(&f->lock);
}

/* ---- looking ---- */

static uint64_t look(struct fake_disk *f, const uint64_t *number)
{
    pthread_mutex_lock(&f->lock);
    uint64_t seen = *number;
    pthread_mutex_unlock(&f->lock);
    return seen;
}

uint64_t fake_disk_failures(struct fake_disk *f)
{
    return look(f, &f->failures);
}

uint64_t fake_disk_written(struct fake_disk *f)
{
    return look(f, &f->written);
}

uint64_t fake_disk_count(struct fake_disk *f, unsigned calls)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < KINDS; i++)
        if (calls >> i & 1)
            sum += look(f, &f->counts[i]);
    return sum;
}

uint64_t fake_disk_used(struct fake_disk *f)
{
    pthread_mutex_lock(&f->lock);
    uint64_t sum = fake_used(f);
    pthread_mutex_unlock(&f->lock);
    return sum;
}

unsigned fake_disk_handles(struct fake_disk *f)
{
    unsigned count = 0;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < HANDLES_MAX; i++)
        count += f->handles[i] != NULL;
    pthread_mutex_unlock(&f->lock);
    return count;
}

const uint8_t *fake_disk_bytes(struct fake_disk *f, const char *name, uint64_t *ret_size)
{
    const uint8_t *bytes = NULL;
    pthread_mutex_lock(&f->lock);
    const struct name *found = fake_names_find(&f->names, name);
    if (found) {
        fake_file_make_room(found->file, 1);
        bytes = found->file->data;
        *ret_size = found->file->size;
    }
    pthread_mutex_unlock(&f->lock);
    return bytes;
}

/* ---- meddling ---- */

/* A file by its name, made if there is none and `make` says so; locks. */
static struct file *meddle_begin(struct fake_disk *f, const char *name, bool make)
{
    pthread_mutex_lock(&f->lock);
    const struct name *found = fake_names_find(&f->names, name);
    if (found)
        return found->file;
    assert(make);
    struct file *file = fake_add_file(f);
    fake_names_set(&f->names, name, file);
    return file;
}

static void meddle_end(struct fake_disk *f, struct file *file)
{
    if (file)
        fake_file_sync(file);
    f->platter = f->names;
    f->op_count = 0;
    fake_collect(f);
    pthread_mutex_unlock(&f->lock);
}

void fake_disk_put(struct fake_disk *f, const char *name, const void *bytes, uint64_t size)
{
    struct file *file = meddle_begin(f, name, true);
    fake_file_resize(file, 0);
    fake_file_write(file, 0, bytes, size);
    meddle_end(f, file);
}

void fake_disk_flip(struct fake_disk *f, const char *name, uint64_t offset, unsigned bits)
{
    struct file *file = meddle_begin(f, name, false);
    assert(offset < file->size);
    uint8_t byte = (uint8_t)(file->data[offset] ^ bits);
    fake_file_write(file, offset, &byte, 1);
    meddle_end(f, file);
}

void fake_disk_cut(struct fake_disk *f, const char *name, uint64_t size)
{
    struct file *file = meddle_begin(f, name, false);
    fake_file_resize(file, size);
    meddle_end(f, file);
}

void fake_disk_rename(struct fake_disk *f, const char *from, const char *to)
{
    struct file *file = meddle_begin(f, from, false);
    fake_names_drop(&f->names, from);
    fake_names_set(&f->names, to, file);
    meddle_end(f, NULL);
}

void fake_disk_remove(struct fake_disk *f, const char *name)
{
    (void)meddle_begin(f, name, false);
    fake_names_drop(&f->names, name);
    meddle_end(f, NULL);
}
