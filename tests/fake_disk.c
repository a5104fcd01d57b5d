/* fake_disk.c - see fake_disk.h. */
#include "fake_disk.h"
#include "fake_disk_parts.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void add_op(struct fake_disk *f, struct op op, const char *from, const char *to)
{
    assert(f->op_count < OPS_MAX);
    strcpy(op.from, from);
    strcpy(op.to, to);
    f->ops[f->op_count++] = op;
    fake_names_apply(&f->names, &op);
}

/* ---- the calls ---- */

static unsigned kind_index(unsigned call)
{
    unsigned i = 0;
    while (!(call >> i & 1))
        i++;
    return i;
}

/* Locks; 0, or what this call fails with. */
static int begin(struct fake_disk *f, unsigned call)
{
    pthread_mutex_lock(&f->lock);
    f->counts[kind_index(call)]++;
    if (!(f->fault_calls & call) || f->fault_in == 0 || --f->fault_in > 0)
        return 0;
    f->fault_in = f->fault_forever;
    f->failures++;
    return -f->fault_error;
}

static int64_t end(struct fake_disk *f, int64_t result)
{
    pthread_mutex_unlock(&f->lock);
    return result;
}

static int do_list(void *context, void (*each)(void *each_context, const char *name, uint64_t size),
                   void *each_context)
{
    struct fake_disk *f = context;
    int error = begin(f, FAKE_LIST);
    for (size_t i = 0; !error && i < f->names.count; i++)
        each(each_context, f->names.list[i].text, f->names.list[i].file->size);
    return (int)end(f, error);
}

static int open_file(struct fake_disk *f, const char *name, bool make)
{
    struct name *found = fake_names_find(&f->names, name);
    struct file *file = found ? found->file : NULL;
    int handle = 0;
    if (!file && !make)
        return -ENOENT;
    if (!file) {
        file = fake_add_file(f);
        add_op(f, (struct op){.kind = OP_MAKE, .file = file}, name, "");
    } else if (make) {
        fake_file_resize(file, 0);
    }
    while (handle < HANDLES_MAX && f->handles[handle])
        handle++;
    assert(handle < HANDLES_MAX);
    f->handles[handle] = file;
    return handle;
}

static int do_open(void *context, const char *name, int make)
{
    struct fake_disk *f = context;
    int error = begin(f, FAKE_OPEN);
    return (int)end(f, error ? error : open_file(f, name, make));
}

static struct file *file_of(struct fake_disk *f, int handle)
{
    assert(handle >= 0 && handle < HANDLES_MAX && f->handles[handle]);
    return f->handles[handle];
}

/* A handle is gone even if its close fails. */
static int do_close(void *context, int handle)
{
    struct fake_disk *f = context;
    int error = begin(f, FAKE_CLOSE);
    (void)file_of(f, handle);
    f->handles[handle] = NULL;
    fake_collect(f);
    return (int)end(f, error);
}

static int64_t do_read(void *context, int handle, uint64_t offset, void *data, size_t size)
{
    struct fake_disk *f = context;
    int64_t result = begin(f, FAKE_READ);
    const struct file *file = file_of(f, handle);
    if (result == 0 && offset < file->size) {
        uint64_t there = file->size - offset < size ? file->size - offset : size;
        memcpy(data, file->data + offset, there);
        result = (int64_t)there;
    }
    return end(f, result);
}

static int do_write(void *context, int handle, uint64_t offset, const void *data, size_t size)
{
    struct fake_disk *f = context;
    int error = begin(f, FAKE_WRITE);
    struct file *file = file_of(f, handle);
    uint64_t fits = error ? size / 2 : size;
    uint64_t end_size = fake_sectors(offset + fits) * FAKE_SECTOR,
             now_size = fake_sectors(file->size) * FAKE_SECTOR;
    if (f->limit > 0 && end_size > now_size && fake_used(f) + (end_size - now_size) > f->limit) {
        uint64_t most = fake_used(f) < f->limit ? now_size + (f->limit - fake_used(f)) : now_size;
        error = error ? error : -ENOSPC;
        fits = most > offset && most - offset < fits ? most - offset : most > offset ? fits : 0;
    }
    fake_file_write(file, offset, data, fits);
    f->written += fits;
    return (int)end(f, error);
}

/* One that fails has written some sectors, and takes all for written. */
static int do_sync(void *context, int handle)
{
    struct fake_disk *f = context;
    int error = begin(f, FAKE_SYNC);
    struct file *file = file_of(f, handle);
    if (!error)
        fake_file_sync(file);
    for (uint64_t i = 0; error && i < file->capacity / FAKE_SECTOR; i++) {
        if (file->dirty[i] && fake_chance(f) % 2)
            fake_file_keep(file, i);
        file->dirty[i] = 0;
    }
    return (int)end(f, error);
}

static int do_cut(void *context, int handle, uint64_t size)
{
    struct fake_disk *f = context;
    int error = begin(f, FAKE_CUT);
    struct file *file = file_of(f, handle);
    if (!error && f->limit > 0 && size > file->size && fake_used(f) - file->size + size > f->limit)
        error = -ENOSPC;
    if (!error)
        fake_file_resize(file, size);
    return (int)end(f, error);
}

static int do_rename(void *context, const char *from, const char *to)
{
    struct fake_disk *f = context;
    int error = begin(f, FAKE_RENAME);
    const struct name *name = fake_names_find(&f->names, from);
    if (!error && !name)
        error = -ENOENT;
    if (!error && strcmp(from, to) != 0)
        add_op(f, (struct op){.kind = OP_RENAME, .file = name->file}, from, to);
    return (int)end(f, error);
}

static int do_remove(void *context, const char *text)
{
    struct fake_disk *f = context;
    int error = begin(f, FAKE_REMOVE);
    const struct name *name = fake_names_find(&f->names, text);
    if (!error && !name)
        error = -ENOENT;
    if (!error)
        add_op(f, (struct op){.kind = OP_REMOVE, .file = name->file}, text, "");
    fake_collect(f);
    return (int)end(f, error);
}

static void sync_names(struct fake_disk *f)
{
    f->platter = f->names;
    f->op_count = 0;
    fake_collect(f);
}

static int do_sync_names(void *context)
{
    struct fake_disk *f = context;
    int error = begin(f, FAKE_SYNC_NAMES);
    if (!error)
        sync_names(f);
    return (int)end(f, error);
}

static const struct disk_calls calls = {
    .list = do_list,
    .open = do_open,
    .close = do_close,
    .read = do_read,
    .write = do_write,
    .sync = do_sync,
    .cut = do_cut,
    .rename = do_rename,
    .remove = do_remove,
    .sync_names = do_sync_names,
};

struct fake_disk *fake_disk_new(void)
{
    struct fake_disk *f = fake_must_have(NULL, sizeof *f);
    memset(f, 0, sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

void fake_disk_free(struct fake_disk *f)
{
    for (size_t i = 0; f && i < f->file_count; i++)
        fake_file_free(f->files[i]);
    if (f)
        pthread_mutex_destroy(&f->lock);
    free(f);
}

struct disk fake_disk_calls(struct fake_disk *f)
{
    return (struct disk){.calls = &calls, .context = f};
}

static struct file *copy_of(struct fake_disk *copy, const struct fake_disk *f, const struct file *file)
{
    for (size_t i = 0; i < f->file_count; i++)
        if (f->files[i] == file)
            return copy->files[i];
    abort();
}

static void copy_names(struct fake_disk *copy, const struct fake_disk *f, const struct names *from,
                       struct names *to)
{
    *to = *from;
    for (size_t i = 0; i < to->count; i++)
        to->list[i].file = copy_of(copy, f, from->list[i].file);
}

struct fake_disk *fake_disk_clone(struct fake_disk *f)
{
    struct fake_disk *copy = fake_disk_new();
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->file_count; i++) {
        const struct file *from = f->files[i];
        struct file *to = fake_add_file(copy);
        fake_file_make_room(to, from->capacity);
        to->size = from->size;
        to->platter_size = from->platter_size;
        if (from->capacity > 0) {
            memcpy(to->data, from->data, from->capacity);
            memcpy(to->platter, from->platter, from->capacity);
            memcpy(to->dirty, from->dirty, from->capacity / FAKE_SECTOR);
        }
    }
    copy_names(copy, f, &f->names, &copy->names);
    copy_names(copy, f, &f->platter, &copy->platter);
    for (copy->op_count = 0; copy->op_count < f->op_count; copy->op_count++) {
        copy->ops[copy->op_count] = f->ops[copy->op_count];
        copy->ops[copy->op_count].file = copy_of(copy, f, f->ops[copy->op_count].file);
    }
    copy->random = f->random;
    pthread_mutex_unlock(&f->lock);
    fake_collect(copy);
    return copy;
}
