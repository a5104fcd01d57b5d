/* disk.c - a directory of the file system, by its descriptor: it may be renamed or moved meanwhile. Handles
 * are descriptors. */
#include "disk.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct directory {
    int fd, lock; /* lock -1: not yet */
    bool only_looks;
};

static int directory_of(void *context)
{
    return ((const struct directory *)context)->fd;
}

static int failure(void)
{
    assert(errno > 0);
    return -errno;
}

/* ---- files ---- */

static int open_at(int directory, const char *name, int flags)
{
    int fd;
    do
        fd = openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? failure() : fd;
}

/* What cannot be written can still be looked at. */
static int real_open(void *context, const char *name, int make)
{
    int directory = directory_of(context);
    if (((const struct directory *)context)->only_looks)
        return make ? -EROFS : open_at(directory, name, O_RDONLY);
    int fd = open_at(directory, name, make ? O_RDWR | O_CREAT | O_TRUNC : O_RDWR);
    return fd == -EROFS && !make ? open_at(directory, name, O_RDONLY) : fd;
}

/* On Linux the descriptor is free whatever close says; what was written has been synced or is not relied on.
 */
static int real_close(void *context, int handle)
{
    (void)context;
    return close(handle) == 0 || errno == EINTR ? 0 : failure();
}

static int64_t real_read(void *context, int handle, uint64_t offset, void *data, size_t size)
{
    (void)context;
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(handle, (char *)data + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return failure();
        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
    }
    return (int64_t)done;
}

static int real_write(void *context, int handle, uint64_t offset, const void *data, size_t size)
{
    (void)context;
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(handle, (const char *)data + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return failure();
        if (n == 0)
            return -EIO; /* POSIX allows it, nothing does it; trying for ever is no answer */
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}

static void real_flush(void *context, int handle, uint64_t offset, size_t size)
{
    (void)context;
    sync_file_range(handle, (off_t)offset, (off_t)size,
                    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

/* fdatasync brings a size that has changed to the disk, too; times it leaves alone. */
static int real_sync(void *context, int handle)
{
    (void)context;
    int rc;
    do
        rc = fdatasync(handle);
    while (rc != 0 && errno == EINTR);
    return rc == 0 ? 0 : failure();
}

static int real_cut(void *context, int handle, uint64_t size)
{
    (void)context;
    int rc;
    do
        rc = ftruncate(handle, (off_t)size);
    while (rc != 0 && errno == EINTR);
    return rc == 0 ? 0 : failure();
}

/* ---- names ---- */

static int real_rename(void *context, const char *from, const char *to)
{
    int fd = directory_of(context);
    return renameat(fd, from, fd, to) == 0 ? 0 : failure();
}

static int real_remove(void *context, const char *name)
{
    return unlinkat(directory_of(context), name, 0) == 0 ? 0 : failure();
}

static int real_sync_names(void *context)
{
    int rc;
    do
        rc = fsync(directory_of(context));
    while (rc != 0 && errno == EINTR);
    return rc == 0 ? 0 : failure();
}

static int list_entries(DIR *dir, void (*each)(void *each_context, const char *name, uint64_t size),
                        void *each_context)
{
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(dir)) != NULL) {
        struct stat stat;
        if (fstatat(dirfd(dir), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT)
                continue;
            return failure();
        }
        if (S_ISREG(stat.st_mode))
            each(each_context, entry->d_name, (uint64_t)stat.st_size);
    }
    return errno == 0 ? 0 : failure();
}

static int real_list(void *context, void (*each)(void *each_context, const char *name, uint64_t size),
                     void *each_context)
{
    int fd = open_at(directory_of(context), ".", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int error = failure();
        close(fd);
        return error;
    }
    int error = list_entries(dir, each, each_context);
    closedir(dir);
    return error;
}

static const struct disk_calls real_calls = {
    .list = real_list,
    .open = real_open,
    .close = real_close,
    .read = real_read,
    .write = real_write,
    .flush = real_flush,
    .sync = real_sync,
    .cut = real_cut,
    .rename = real_rename,
    .remove = real_remove,
    .sync_names = real_sync_names,
};

/* ---- the directory ---- */

/* A directory that was just made must itself be found again. */
static int sync_parent(int fd)
{
    int parent = open_at(fd, "..", O_RDONLY | O_DIRECTORY);
    if (parent < 0)
        return parent == -EACCES ? 0 : parent; /* somebody else's: made and kept by them */
    int error = fsync(parent) == 0 ? 0 : failure();
    close(parent);
    return error == -EINVAL ? 0
                            : error; /* a file system that has no such thing, on which another is mounted */
}

static int open_directory(const char *path, bool only_looks, struct disk *ret_disk)
{
    struct directory *directory = malloc(sizeof *directory);
    if (!directory)
        return -ENOMEM;
    *directory = (struct directory){.lock = -1, .only_looks = only_looks};
    directory->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = directory->fd < 0 ? failure() : only_looks ? 0 : sync_parent(directory->fd);
    if (error == 0) {
        *ret_disk = (struct disk){&real_calls, directory};
        return 0;
    }
    if (directory->fd >= 0)
        close(directory->fd);
    free(directory);
    return error;
}

int disk_open(const char *path, struct disk *ret_disk)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return failure();
    return open_directory(path, false, ret_disk);
}

int disk_look(const char *path, struct disk *ret_disk)
{
    return open_directory(path, true, ret_disk);
}

void disk_close(struct disk *disk)
{
    struct directory *directory = disk->context;
    assert(disk->calls == &real_calls);
    if (directory->lock >= 0)
        close(directory->lock);
    close(directory->fd);
    free(directory);
    *disk = (struct disk){0};
}

int disk_lock(struct disk *disk)
{
    struct directory *directory = disk->context;
    assert(disk->calls == &real_calls && directory->lock < 0);
    int fd = open_at(directory->fd, "lock", directory->only_looks ? O_RDONLY : O_RDWR | O_CREAT), rc;
    if (fd == -ENOENT && directory->only_looks)
        return 0;
    if (fd < 0)
        return fd;
    do
        rc = flock(fd, LOCK_EX | LOCK_NB);
    while (rc != 0 && errno == EINTR);
    if (rc == 0) {
        directory->lock = fd;
        return 0;
    }
    int error = failure();
    close(fd);
    return error;
}
