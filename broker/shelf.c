/* shelf.c - see shelf.h. */
#include "shelf.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAGE = 4096, REGIONS = 16, HOLE_SIZE = 1 << 20 };

static const uint64_t region_with_holes = (uint64_t)1 << 39, region_without = (uint64_t)1 << 30;

/* What was forgotten and is not yet given back: neighbours are given back together. */
struct hole {
    uint64_t from, to;
};

struct file {
    int fd, error;
    bool has_holes;
    uint64_t region_size;
    uint64_t live[REGIONS]; /* bytes, of each region */
    uint64_t live_size;
    size_t region; /* where places are given */
    uint64_t end;  /* the next place */
    struct hole hole;
};

static uint64_t whole_pages(size_t size)
{
    return ((uint64_t)size + PAGE - 1) / PAGE * PAGE;
}

static void punch(struct file *f)
{
    struct hole hole = f->hole;
    f->hole = (struct hole){0, 0};
    if (f->has_holes && hole.to > hole.from)
        (void)fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)hole.from,
                        (off_t)(hole.to - hole.from)); /* what cannot be given back stays until the end */
}

/* Is there room for so much behind the last place, or in a region where nothing lies? */
static bool find_room(struct file *f, uint64_t bytes)
{
    if (bytes > f->region_size)
        return false;
    if (f->end + bytes <= (f->region + 1) * f->region_size)
        return true;
    for (size_t i = 0; i < REGIONS; i++) {
        if (f->live[i] > 0)
            continue;
        punch(f); /* the hole may lie where places are given next */
        f->region = i;
        f->end = i * f->region_size;
        return true;
    }
    return false;
}

static int write_all(int fd, const uint8_t *data, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t written = pwrite(fd, data, size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        data += written;
        size -= (size_t)written;
        offset += (uint64_t)written;
    }
    return 0;
}

static int file_put(void *context, const void *data, size_t size, uint64_t *ret_place)
{
    struct file *f = context;
    uint64_t bytes = whole_pages(size);
    f->error = find_room(f, bytes) ? write_all(f->fd, data, size, f->end) : -ENOSPC;
    if (f->error)
        return f->error;
    *ret_place = f->end;
    f->end += bytes;
    f->live[f->region] += bytes;
    f->live_size += bytes;
    return 0;
}

static int file_get(void *context, uint64_t place, void *data, size_t size)
{
    const struct file *f = context;
    for (uint8_t *to = data; size > 0;) {
        ssize_t got = pread(f->fd, to, size, (off_t)place);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        to += got;
        size -= (size_t)got;
        place += (uint64_t)got;
    }
    return 0;
}

static void file_soon(void *context, uint64_t place, size_t size)
{
    const struct file *f = context;
    (void)posix_fadvise(f->fd, (off_t)place, (off_t)size, POSIX_FADV_WILLNEED);
}

/* Nothing lies there any more: the file is as it was in the beginning. */
static void empty(struct file *f)
{
    f->hole = (struct hole){0, 0};
    f->region = 0;
    f->end = 0;
    (void)ftruncate(f->fd, 0);
}

static void file_forget(void *context, uint64_t place, size_t size)
{
    struct file *f = context;
    uint64_t bytes = whole_pages(size);
    assert(f->live[place / f->region_size] >= bytes);
    f->live[place / f->region_size] -= bytes;
    f->live_size -= bytes;
    if (f->live_size == 0) {
        empty(f);
        return;
    }
    if (place == f->hole.to) {
        f->hole.to += bytes;
    } else if (place + bytes == f->hole.from) {
        f->hole.from = place;
    } else {
        punch(f);
        f->hole = (struct hole){place, place + bytes};
    }
    if (f->hole.to - f->hole.from >= HOLE_SIZE)
        punch(f);
}

static const struct shelf_calls file_calls = {file_put, file_get, file_soon, file_forget};

static int open_unnamed(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

static int open_file(const char *directory)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/shelf", directory);
    if (length < 0 || (size_t)length >= sizeof path)
        return -ENAMETOOLONG;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

int shelf_open(const char *directory, const struct shelf_options *options, struct shelf *ret_shelf)
{
    int fd = options->without_name ? open_unnamed(directory) : open_file(directory);
    if (fd < 0)
        return fd;
    struct file *f = calloc(1, sizeof *f);
    if (!f) {
        close(fd);
        return -ENOMEM;
    }
    f->fd = fd;
    f->has_holes =
        !options->without_holes && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE) == 0;
    f->region_size = f->has_holes ? region_with_holes : region_without;
    if (options->region_size)
        f->region_size = options->region_size;
    *ret_shelf = (struct shelf){&file_calls, f};
    return 0;
}

void shelf_close(struct shelf *shelf)
{
    struct file *f = shelf->context;
    if (!f)
        return;
    (void)ftruncate(f->fd, 0);
    close(f->fd);
    free(f);
    *shelf = (struct shelf){NULL, NULL};
}

struct shelf_stat shelf_stat(const struct shelf *shelf)
{
    const struct file *f = shelf->context;
    return (struct shelf_stat){.live = f->live_size, .error = f->error, .has_holes = f->has_holes};
}
