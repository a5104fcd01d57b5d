/* disk.h - the few things that are done to the files of a data directory, as a table of functions, so that
 * the same code runs on a real disk, and in tests on one that loses, tears and mixes up what was not synced.
 *
 * Every call returns a negative errno when it fails, else what is said. Names are those of files in the
 * directory, without a slash. The real one (disk_open) may be used by several threads at a time, each with
 * its own files. */
#ifndef MQ_DISK_H
#define MQ_DISK_H

#include <stddef.h>
#include <stdint.h>

enum { DISK_NAME_MAX = 64 }; /* bytes, the NUL included */

struct disk_calls {
    /* 0; calls each(each_context, name, size) for every regular file, in no order. */
    int (*list)(void *context, void (*each)(void *each_context, const char *name, uint64_t size),
                void *each_context);
    int (*open)(void *context, const char *name, int make); /* a handle >= 0; make: a new, empty file */
    int (*close)(void *context, int handle);
    int64_t (*read)(void *context, int handle, uint64_t offset, void *data,
                    size_t size); /* bytes; less: the end */
    int (*write)(void *context, int handle, uint64_t offset, const void *data,
                 size_t size); /* 0: all of it */
    /* Begins to bring these bytes to the disk, so that the next sync has less to do, and waits for that; a
     * hint that promises nothing. NULL: there is nothing to be gained by it. */
    void (*flush)(void *context, int handle, uint64_t offset, size_t size);
    int (*sync)(void *context, int handle); /* 0: all bytes of the file, and its size, are on disk */
    int (*cut)(void *context, int handle, uint64_t size);           /* 0: the file has this size */
    int (*rename)(void *context, const char *from, const char *to); /* replaces `to` */
    int (*remove)(void *context, const char *name);
    int (*sync_names)(void *context); /* 0: what was made, renamed and removed is on disk */
};

struct disk {
    const struct disk_calls *calls;
    void *context;
};

/* The real one: a directory, which is made if it is missing (its parent must be there). Negative errno. */
int disk_open(const char *path, struct disk *ret_disk);
/* One that is there is only looked at: nothing can be made in it, or changed. */
int disk_look(const char *path, struct disk *ret_disk);
void disk_close(struct disk *disk);

/* Keeps the directory for one process, as long as that lives. 0; -EWOULDBLOCK: another one has it. One that
 * is only looked at and has no file by which it could be kept is nobody's. */
int disk_lock(struct disk *disk);

#endif
