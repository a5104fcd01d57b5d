/* mqc_async.h - puts that nobody waits for: the window that bounds them, their results, and the flush.
 *
 * Whatever is still to come counts down to a flush: async puts, and what else was begun with async_begin().
 * Everything gets a sequence when it is accepted, and a flush waits for all up to its own.
 *
 * Who sends and reads: the putting thread, as it passes by, once in so many puts; a thread that waits; else
 * the helper, which sleeps over short spans without looking at the line while puts come thick and fast. */
#ifndef MQ_MQC_ASYNC_H
#define MQ_MQC_ASYNC_H

#include "bundle.h"
#include "mq_types.h"

enum { ASYNC_TEXT_SIZE = 256 };

struct mqc;
struct mqc_options;

struct async {
    struct depot depot;
    size_t items_max, bytes_max;
    bool refuses;                      /* when the window is full */
    size_t items, bytes;               /* in the window: without a result, or on_done has not returned */
    size_t untold_items, untold_bytes; /* of those, the ones with a result */
    size_t others;                     /* things begun by async_begin() */
    uint64_t sequence;                 /* the last */
    size_t passed;          /* bytes since a putting thread has looked at the line, items counting too */
    struct list flights;    /* puts whose request is under way */
    struct list telling;    /* bundles with an on_done to be called */
    struct list blocked;    /* calls that wait for room in the window */
    struct list flushes;    /* calls of mqc_flush */
    enum mq_status refusal; /* the first since one was told */
    char refusal_text[ASYNC_TEXT_SIZE];
};

void async_init(struct async *a, const struct mqc_options *options);
void async_done(struct async *a);

/* Something begins, or has ended, that a flush must wait for. A refusal (status other than MQ_OK) is what the
 * flush will tell, if it is the first. */
uint64_t async_begin(struct mqc *m);
void async_end(struct mqc *m, uint64_t sequence, enum mq_status status, const char *text);

/* This item has its result. */
void async_landed(struct mqc *m, struct bundle *b, const struct bundle_item *item, const char *text);
/* There may be room in the window now. */
void async_changed(struct mqc *m);

/* For the helper. Calls on_done of one bundle, giving up the lock meanwhile. */
void async_tell(struct mqc *m);
bool async_has_to_tell(const struct mqc *m);
/* Gives up what has had no broker for too long; when that will be. */
void async_give_up(struct mqc *m, uint64_t now_ms);
uint64_t async_due_ms(const struct mqc *m);

/* For mqc_close(): waits for results; then the rest is MQ_CLOSED. */
void async_close(struct mqc *m, uint64_t due_ms);

#endif
