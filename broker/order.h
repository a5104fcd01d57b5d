/* order.h - the waiting items of one queue, in the order in which they are to be handed out.
 *
 * FIFO: ascending id. LIFO: descending id. Priority: lowest key first, ties ascending id. An item that comes
 * back takes its old place again, whatever has happened meanwhile.
 *
 * FIFO and LIFO keep items that were never taken in a list, where both ends are cheap, and only those that
 * came back in a heap; the next item is the better one of the two. Priority keeps all in the heap.
 *
 * So that coming back can never fail, room in the heap is reserved beforehand: order_reserve_store() before
 * storing, order_reserve_take() before taking. Each order_add() uses one of the former, each order_take() one
 * of the latter; the item owns that room until order_forget() or order_discard(). */
#ifndef MQ_ORDER_H
#define MQ_ORDER_H

#include "item.h"

struct order {
    enum mq_kind kind;
    size_t count;      /* waiting items */
    struct list fresh; /* ascending id; empty in priority queues */
    struct heap places;
};

void order_init(struct order *order, enum mq_kind kind);
void order_done(struct order *order); /* must be empty */

/* False: out of memory, nothing changed. */
bool order_reserve_store(struct order *order, size_t count);
void order_unreserve_store(struct order *order, size_t count);
bool order_reserve_take(struct order *order, size_t count);
void order_unreserve_take(struct order *order, size_t count);

/* A new item, whose id is larger than all before. The order borrows it until it is taken or discarded. */
void order_add(struct order *order, struct item *item);
/* An item that was taken comes back. */
void order_return(struct order *order, struct item *item);
struct item *order_first(const struct order *order); /* NULL: empty */
struct item *order_take(struct order *order);        /* the first; the order must not be empty */
/* A taken item will never come back. */
void order_forget(struct order *order);
/* Removes one for good, whichever is the least work; NULL: empty. */
struct item *order_discard(struct order *order);

/* The item that has waited longest, as far as can be told without walking: FIFO the first one, LIFO the
 * oldest of those never taken (else the first), priority the first. NULL: empty. */
struct item *order_oldest(const struct order *order);

/* Up to max items from the front, or from the end, best first. Changes nothing. The end of a heap takes a
 * walk over it. False: out of memory. */
bool order_peek(const struct order *order, bool last, size_t max, const struct item **ret_items,
                size_t *ret_count);

/* < 0: a is handed out before b. */
int order_compare(const struct order *order, const struct item *a, const struct item *b);

#endif
