/* shelf.h - where bytes go that memory has no room for, and come back from: a table of functions, so that the
 * engine knows no files and tests can let any call fail.
 *
 * A shelf is memory of a slower kind: nothing on it outlives the process, and nothing is synced. What was put
 * there is got back once, or more often, and then forgotten.
 *
 * The real one is a file of the data directory, DIR/shelf, emptied when it is opened. Places are given
 * upwards, so that what was put away in order is read in order; what is forgotten is given back to the file
 * system by punching holes, and an empty file begins anew. The file is divided into regions: since a file
 * cannot grow for ever, the next one is begun where nothing lies any more. */
#ifndef MQ_SHELF_H
#define MQ_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shelf_calls {
    /* Keeps these bytes. 0, and *ret_place tells where; else a negative errno, nothing was kept. */
    int (*put)(void *context, const void *data, size_t size, uint64_t *ret_place);
    /* All of them, as they were put. 0; a negative errno: they cannot be had. */
    int (*get)(void *context, uint64_t place, void *data, size_t size);
    /* They will be wanted soon. */
    void (*soon)(void *context, uint64_t place, size_t size);
    void (*forget)(void *context, uint64_t place, size_t size);
};

struct shelf {
    const struct shelf_calls *calls;
    void *context;
};

struct shelf_options {
    uint64_t region_size; /* 0: as large as is sensible */
    bool without_holes;   /* as on a file system that has none */
    bool without_name;    /* nothing is to be seen of it, and no file that is there is touched */
};

struct shelf_stat {
    uint64_t live;  /* bytes that lie there */
    int error;      /* negative errno of the last put that failed; 0: it went well */
    bool has_holes; /* else space is only given back when all is forgotten, and there is less of it */
};

/* The file "shelf" in this directory, which must be there. Negative errno. */
int shelf_open(const char *directory, const struct shelf_options *options, struct shelf *ret_shelf);
void shelf_close(struct shelf *shelf); /* removes the file's bytes; a zeroed shelf is fine */
struct shelf_stat shelf_stat(const struct shelf *shelf);

#endif
