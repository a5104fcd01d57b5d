/* fake_disk_parts.h - what a fake disk is made of: files and names, each as programs see it and as it is on
 * the platter. Private to fake_disk*.c. */
#ifndef MQ_FAKE_DISK_PARTS_H
#define MQ_FAKE_DISK_PARTS_H

#include <pthread.h>

#include "fake_disk.h"

enum { FILES_MAX = 1024, HANDLES_MAX = 256, OPS_MAX = 1024, KINDS = 10 };

struct file {
    uint8_t *data, *platter; /* `capacity` bytes each; zeros behind the sizes */
    uint8_t *dirty;          /* one a sector: it is to be written */
    uint64_t capacity, size, platter_size;
    bool is_reachable;
};

struct name {
    char text[DISK_NAME_MAX];
    struct file *file;
};

struct names {
    struct name list[FILES_MAX];
    size_t count;
};

struct op { /* on names, not yet synced */
    enum { OP_MAKE, OP_RENAME, OP_REMOVE } kind;
    char from[DISK_NAME_MAX], to[DISK_NAME_MAX];
    struct file *file;
};

struct fake_disk {
    pthread_mutex_t lock;
    struct file *files[FILES_MAX];
    size_t file_count;
    struct names names, platter;
    struct op ops[OPS_MAX];
    size_t op_count;
    struct file *handles[HANDLES_MAX];
    uint64_t limit, written, counts[KINDS];
    unsigned fault_calls;
    uint64_t fault_in, failures; /* the fault comes at this one of its calls; 0: none */
    int fault_error;
    bool fault_forever;
    uint64_t random;
};

void *fake_must_have(void *old, uint64_t size);
uint64_t fake_sectors(uint64_t size);
void fake_file_make_room(struct file *file, uint64_t size);
void fake_file_write(struct file *file, uint64_t offset, const void *data, uint64_t size);
void fake_file_resize(struct file *file, uint64_t size);
void fake_file_set_platter_size(struct file *file, uint64_t size);
void fake_file_keep(struct file *file, uint64_t sector);
void fake_file_sync(struct file *file);
void fake_file_forget(struct file *file);
void fake_file_free(struct file *file);
struct name *fake_names_find(struct names *names, const char *text);
void fake_names_drop(struct names *names, const char *text);
void fake_names_set(struct names *names, const char *text, struct file *file);

void fake_names_apply(struct names *names, const struct op *op);

uint64_t fake_chance(struct fake_disk *f);
void fake_collect(struct fake_disk *f); /* frees files that have neither a name nor a handle */
struct file *fake_add_file(struct fake_disk *f);
uint64_t fake_used(const struct fake_disk *f);

#endif
