/* lane.h - the items of one queue handle on their way to the broker, in the order they came.
 *
 * Pure: no sockets, no locks, no clock. Whoever owns it asks what to send (lane_depart), sends that as one
 * partial put, and tells what became of it (lane_land). Of all that the lane holds, one request is away at
 * most; meanwhile further items gather behind it. So a line that is idle takes each item at once, and a busy
 * one takes many with each request. What a request found no room for stays in front and goes with the next.
 *
 * How many items the next request may have adapts: after one that found room for few it is twice as many as
 * it found room for, and doubles with each that stored all. */
#ifndef MQ_LANE_H
#define MQ_LANE_H

#include "bundle.h"

struct lane {
    struct list bundles; /* the front one is sent, items are added to the last */
    struct depot *depot; /* where bundles come from */
    bool away;           /* a request is under way */
    size_t flown;        /* its items; they lie in the front bundle, from `landed` on, */
    size_t given;        /* ... but these many of them, which got a result without it */
    size_t narrow;       /* the most that the next request may have; 0: as many as fit */
};

/* What a request may carry: items, and bytes of a frame. One item is always fine. */
struct lane_limits {
    size_t items, size;
};

void lane_init(struct lane *l, struct depot *d);
bool lane_is_empty(const struct lane *l);

/* False: out of memory, and nothing has changed. See bundle_append() for `copy`. */
bool lane_add(struct lane *l, const struct put_item *put, const struct bundle_item *item, bool copy,
              struct lane_limits limits);

/* What to send now: the count of *ret_puts, which stay where they are until the request has ended. 0: nothing
 * is there. No request may be away. */
size_t lane_depart(struct lane *l, struct lane_limits limits, const struct put_item **ret_puts);

/* The request was not sent after all. */
void lane_return(struct lane *l);
/* The request has ended, and stored so many of its items. Returns how many of the others are in front now. */
size_t lane_land(struct lane *l, size_t stored, const struct range *ids, size_t id_range_count);
/* One of so many items was at fault: the next requests carry fewer, until it is alone. */
void lane_narrow(struct lane *l, size_t count);

/* The first `count` items get this result, even if they are away. */
void lane_refuse(struct lane *l, size_t count, enum mq_status status);
/* How many items from the front on began by then, or what is older. */
size_t lane_count_until(const struct lane *l, uint64_t started_ms);
/* The first that has no result; NULL: none. */
const struct bundle_item *lane_front(const struct lane *l);

enum lane_place { LANE_NOWHERE, LANE_GATHERED, LANE_AWAY };
/* Where the item of this rider is, if it has no result yet. */
enum lane_place lane_find(const struct lane *l, const void *rider);
/* The rider does not wait any more. Its item is removed: at once, or if it is away, and comes back. */
void lane_forget(struct lane *l, const void *rider);

/* The front bundle, to be settled; NULL: none. It has left the lane if bundle_is_over() then and
 * lane_retire() was called, and is the caller's. */
struct bundle *lane_first(const struct lane *l);
void lane_retire(struct lane *l);

#endif
