/* bundle.h - items of puts that travel together, and what is to be told of each of them.
 *
 * Pure, like the lane that it is a part of. Items are appended until the bundle is closed, which it is before
 * it is first sent or refused, and get their results from the front: `landed` of them have one, of `settled`
 * the client has taken notice, and `told` are those whose program knows. So what lies before `settled`
 * changes no more, and may be read without the client's lock. */
#ifndef MQ_BUNDLE_H
#define MQ_BUNDLE_H

#include "list.h"
#include "proto.h"

enum { BUNDLE_ITEM_HEAD = 32 }; /* bytes that an item takes in a frame besides body and key, at most */

struct bundle_item {
    void (*on_done)(void *context, enum mq_status status, uint64_t id); /* or NULL */
    void *context;       /* on_done's; of a rider the rider, or NULL: it does not wait any more */
    uint64_t sequence;   /* when it was accepted, from 1; 0: a rider, whose thread waits for it */
    uint64_t started_ms; /* when, if there was no line then; else 0 */
    uint64_t id;         /* counts with MQ_OK */
    enum mq_status status;
};

struct bundle {
    struct list_node node;     /* in a lane, or in the depot */
    struct list_node telling;  /* in the client's list of bundles with something to tell */
    struct put_item *puts;     /* what is sent */
    struct bundle_item *items; /* as many */
    size_t count, room;
    uint8_t *bytes; /* copied bodies and keys */
    size_t used, byte_room;
    size_t size; /* in a frame, at most */
    size_t landed, settled, told;
    bool closed;
};

/* Spare bundles, so that in the steady state nothing is allocated. */
struct depot {
    struct list spares;
    size_t count;
};

void depot_init(struct depot *d);
void depot_done(struct depot *d);
void depot_trim(struct depot *d); /* gives large spares back */

struct bundle *bundle_new(struct depot *d); /* NULL: out of memory */
void bundle_free(struct depot *d, struct bundle *b);

/* What the put adds to `size`. */
size_t bundle_size_of(const struct put_item *put);

/* Appends; `copy`: body and key are copied, else they must stay where they are. False: out of memory, and
 * nothing has changed. */
bool bundle_append(struct bundle *b, const struct put_item *put, const struct bundle_item *item, bool copy);
/* Removes one that has not landed. */
void bundle_remove(struct bundle *b, size_t index);

/* The next item that has landed, which is settled with that; NULL: none. */
struct bundle_item *bundle_next_result(struct bundle *b);
bool bundle_is_over(const struct bundle *b); /* all are settled */

#endif
