/* fake_disk_parts.c - see fake_disk_parts.h. */
#include "fake_disk_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Not one of those that failing_malloc.h wraps. */
void *fake_must_have(void *old, uint64_t size)
{
    void *block = reallocarray(old, size ? size : 1, 1);
    if (!block)
        abort();
    return block;
}

uint64_t fake_sectors(uint64_t size)
{
    return (size + FAKE_SECTOR - 1) / FAKE_SECTOR;
}

/* ---- files ---- */

static void *longer(void *block, uint64_t from, uint64_t to)
{
    uint8_t *bytes = fake_must_have(block, to);
    memset(bytes + from, 0, to - from);
    return bytes;
}

void fake_file_make_room(struct file *file, uint64_t size)
{
    uint64_t room = file->capacity;
    if (size <= room)
        return;
    uint64_t capacity = fake_sectors(size > 4 * room ? size : 4 * room) * FAKE_SECTOR;
    file->data = longer(file->data, room, capacity);
    file->platter = longer(file->platter, room, capacity);
    file->dirty = longer(file->dirty, room / FAKE_SECTOR, capacity / FAKE_SECTOR);
    file->capacity = capacity;
}

static void file_touch(struct file *file, uint64_t offset, uint64_t size)
{
    if (size > 0)
        memset(file->dirty + offset / FAKE_SECTOR, 1, fake_sectors(offset + size) - offset / FAKE_SECTOR);
}

void fake_file_write(struct file *file, uint64_t offset, const void *data, uint64_t size)
{
    fake_file_make_room(file, offset + size);
    if (size > 0)
        memcpy(file->data + offset, data, size);
    file_touch(file, offset, size);
    if (size > 0 && offset + size > file->size)
        file->size = offset + size;
}

void fake_file_resize(struct file *file, uint64_t size)
{
    fake_file_make_room(file, size);
    if (size < file->size) {
        memset(file->data + size, 0, file->size - size);
        file_touch(file, size, file->size - size);
    }
    file->size = size;
}

void fake_file_set_platter_size(struct file *file, uint64_t size)
{
    if (size < file->platter_size)
        memset(file->platter + size, 0, file->platter_size - size);
    file->platter_size = size;
}

void fake_file_keep(struct file *file, uint64_t sector)
{
    memcpy(file->platter + sector * FAKE_SECTOR, file->data + sector * FAKE_SECTOR, FAKE_SECTOR);
    file->dirty[sector] = 0;
}

void fake_file_sync(struct file *file)
{
    for (uint64_t i = 0; i < file->capacity / FAKE_SECTOR; i++)
        if (file->dirty[i])
            fake_file_keep(file, i);
    fake_file_set_platter_size(file, file->size);
}

/* All that is not on the platter is gone. */
void fake_file_forget(struct file *file)
{
    file->size = file->platter_size;
    if (file->capacity > 0) {
        memset(file->platter + file->size, 0, file->capacity - file->size);
        memcpy(file->data, file->platter, file->capacity);
        memset(file->dirty, 0, file->capacity / FAKE_SECTOR);
    }
}

void fake_file_free(struct file *file)
{
    free(file->data);
    free(file->platter);
    free(file->dirty);
    free(file);
}

/* ---- names ---- */

struct name *fake_names_find(struct names *names, const char *text)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->list[i].text, text) == 0)
            return &names->list[i];
    return NULL;
}

void fake_names_drop(struct names *names, const char *text)
{
    struct name *name = fake_names_find(names, text);
    if (name)
        *name = names->list[--names->count];
}

void fake_names_set(struct names *names, const char *text, struct file *file)
{
    struct name *name = fake_names_find(names, text);
    if (!name) {
        assert(names->count < FILES_MAX && strlen(text) < DISK_NAME_MAX);
        name = &names->list[names->count++];
        strcpy(name->text, text);
    }
    name->file = file;
}

void fake_names_apply(struct names *names, const struct op *op)
{
    const struct name *from = fake_names_find(names, op->from);
    if (op->kind == OP_MAKE)
        fake_names_set(names, op->from, op->file);
    if (op->kind == OP_MAKE || !from || from->file != op->file)
        return;
    fake_names_drop(names, op->from);
    if (op->kind == OP_RENAME)
        fake_names_set(names, op->to, op->file);
}

/* ---- a disk ---- */

uint64_t fake_chance(struct fake_disk *f)
{
    uint64_t z = f->random += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void reach(const struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        names->list[i].file->is_reachable = true;
}

void fake_collect(struct fake_disk *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->file_count; i++)
        f->files[i]->is_reachable = false;
    reach(&f->names);
    reach(&f->platter);
    for (size_t i = 0; i < f->op_count; i++)
        f->ops[i].file->is_reachable = true;
    for (size_t i = 0; i < HANDLES_MAX; i++)
        if (f->handles[i])
            f->handles[i]->is_reachable = true;
    for (size_t i = 0; i < f->file_count; i++)
        if (f->files[i]->is_reachable)
            f->files[kept++] = f->files[i];
        else
            fake_file_free(f->files[i]);
    f->file_count = kept;
}

struct file *fake_add_file(struct fake_disk *f)
{
    assert(f->file_count < FILES_MAX);
    struct file *file = fake_must_have(NULL, sizeof *file);
    memset(file, 0, sizeof *file);
    f->files[f->file_count++] = file;
    return file;
}

uint64_t fake_used(const struct fake_disk *f)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < f->file_count; i++)
        sum += fake_sectors(f->files[i]->size) * FAKE_SECTOR;
    return sum;
}
