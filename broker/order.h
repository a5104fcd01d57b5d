/* order.h - the waiting items of one queue, in the order in which they are to be handed out.
 *
 * FIFO: ascending id. LIFO: descending id. Priority: lowest key first, ties ascending id. An item that comes
 * back takes its old place again, whatever has happened meanwhile.
 *
 * FIFO and LIFO keep items that were never taken as fresh records in a list of chunks, where both ends are
 * cheap, and only those that came back in a pile; the next item is the better one of the two. Priority keeps
 * all in the pile.
 *
 * So that taking and coming back can never fail, what they need is reserved beforehand: order_reserve_take()
 * before taking; each order_take() uses one. The item owns that until order_forget(). */
#ifndef MQ_ORDER_H
#define MQ_ORDER_H

#include "key.h"
#include "pile.h"

struct order {
    struct stock *stock;
    enum mq_kind kind;
    size_t count;         /* waiting items */
    size_t size;          /* bytes of their records */
    struct list chunks;   /* those with fresh records, in the order of ids, and the tail */
    struct chunk *tail;   /* where new records go; NULL: none */
    struct chunk *walked; /* where order_fresh_after() found the last one; NULL: not in the list any more */
    struct chunk *first_away, *last_away; /* of the list: those on the shelf; NULL: none */
    size_t away_size;                     /* bytes of their records */
    bool has_gaps;                        /* maybe some between those two may go as well */
    struct pile pile;
};

void order_init(struct order *order, enum mq_kind kind, struct stock *stock);
void order_done(struct order *order); /* must be empty */

/* ---- coming in: order_put.c ---- */

/* The key that an item is stored with: key 0 where a priority queue was given none. */
static inline struct bytes order_key(const struct order *order, const struct put_item *put)
{
    return put->key.size || order->kind != MQ_KIND_PRIORITY ? put->key : key_zero();
}

/* Stores all of them, under the ids from first_id on, larger than all before. False: out of memory, nothing
 * changed. */
bool order_put(struct order *order, const struct put_item *puts, size_t count, uint64_t first_id,
               uint64_t now_ms);

/* Copies of items that wait for room, and all that storing them will need. */
struct intake {
    struct record *next; /* the first that is not stored yet; NULL: none are left */
    struct chunk *rest;  /* a chain of the chunks of which nothing is stored yet; NULL: none */
    size_t left;
};

/* False: out of memory, nothing changed. */
bool order_copy(struct order *order, const struct put_item *puts, size_t count, uint64_t now_ms,
                struct intake *ret_intake);
/* Of the next one; there must be one. */
struct size_pair order_intake_size(const struct order *order, const struct intake *intake);
struct put_item order_intake_item(const struct order *order, const struct intake *intake);
void order_store(struct order *order, struct intake *intake, uint64_t id, uint64_t now_ms); /* the next */
void order_drop(struct order *order, struct intake *intake); /* all that are left; nothing is fine */
struct record *order_intake_next(const struct order *order, const struct intake *intake,
                                 struct record *record); /* the one behind this; NULL: none */

/* ---- going out ---- */

/* False: out of memory, nothing changed. */
bool order_reserve_take(struct order *order, size_t count);
void order_unreserve_take(struct order *order, size_t count);

/* The chunk that the next fresh record is taken from; NULL: there is none. */
struct chunk *order_next_chunk(const struct order *order);

/* The first one: a fresh record, or (NULL) the first of the pile; `size` is that of its key and body. The
 * order must not be empty, the first one must be in memory (order_next_is_away), and nothing may change
 * before order_take(). */
struct order_first {
    struct record *record;
    size_t size;
};
struct order_first order_first(const struct order *order);
struct item *order_take(struct order *order, struct order_first first);
/* An item that was taken comes back. */
void order_return(struct order *order, struct item *item);
/* A taken item will never come back: it is freed. */
void order_forget(struct order *order, struct item *item);
/* Removes one for good, whichever is the least work. False: empty. Only after order_discard_away(). */
bool order_discard(struct order *order, struct size_pair *ret_size, uint64_t *ret_id);
/* All that waits goes, and nobody wants to know what it was. */
void order_clear(struct order *order);

/* ---- coming back after a restart: order_restore.c ---- */

/* The largest id among fresh ones; 0: there are none. */
uint64_t order_last_fresh_id(const struct order *order);
/* Takes the item of this id, though it may not be the first one: what is before it comes to be known by
 * itself. Items must be found by their ids, and one more take is reserved. NULL: it does not wait here, or
 * *ret_no_memory. */
struct item *order_take_out(struct order *order, uint64_t id, bool *ret_no_memory);
/* An item that was known by itself is there again as if it had been taken: order_return() makes it wait. Its
 * id is whatever it was. NULL: out of memory, nothing changed. */
struct item *order_restore(struct order *order, const struct put_item *put, uint64_t id, uint64_t stored_ms,
                           uint32_t deliveries);
/* Stores one that was never taken in its place before others, in a FIFO or a stack: the id is lower than the
 * largest. Quick as long as ids count up. False: out of memory, or (stock->lost) what has to be split cannot
 * be had; nothing changed but where items lie. */
bool order_put_older(struct order *order, const struct put_item *put, uint64_t id, uint64_t now_ms);

/* ---- away: order_away.c ---- */

/* Puts chunks away until so many bytes (of cost) are saved, or no more can. Returns how many were. */
size_t order_put_away(struct order *order, size_t wanted);

/* Is the one that order_first() would say in a chunk that is away? What does that cost when it is back? */
bool order_next_is_away(const struct order *order);
size_t order_next_cost(const struct order *order);
/* Brings this chunk, or (NULL) the next one, back. NULL: out of memory, or (stock->lost) it cannot be had;
 * nothing changed. */
struct chunk *order_bring_back(struct order *order, struct chunk *away);

/* Removes all items of a chunk that is away for good. False: those that go next are in memory. */
struct order_gone {
    uint64_t count;
    size_t body_size, cost;
    struct range run;    /* their ids, if these count up by one, */
    const uint64_t *ids; /* ... else this is all of them, valid until the next call of any order; NULL, and
                            `run` too long: they cannot be had (stock->lost) */
};
bool order_discard_away(struct order *order, struct order_gone *ret);

/* ---- looking: order_peek.c ---- */

/* When the item that has waited longest was stored, as far as can be told without walking: FIFO the first
 * one, LIFO the oldest of those never taken (else the first), priority the first. UINT64_MAX: empty. */
uint64_t order_oldest_ms(const struct order *order);

/* Copies of what is away, made to be looked at. */
struct order_copies {
    struct chunk **list;
    size_t count, capacity;
    size_t size, size_max; /* bytes; the caller says how many there may be, but one there may be always */
};

void order_free_copies(const struct order *order, struct order_copies *copies);

/* Up to max items from the front, or from the end, best first; fewer if more would have to be copied than may
 * be. Changes nothing. The end of a pile takes a walk over it. False: out of memory, or (stock->lost) what is
 * away cannot be had. Items may lie in copies, which are to be given back in any case. */
bool order_peek(const struct order *order, bool last, size_t max, struct item_view *ret_items,
                size_t *ret_count, struct order_copies *copies);

/* One step after another over the fresh records, in the order of ids. Those that are away lie in copies. */
struct order_walk {
    const struct order *order;
    struct order_copies *copies;
    bool goes_up; /* towards larger ids */
    bool is_cut;  /* there is more, but no more may be copied, */
    bool failed;  /* ... or there is no memory, or (stock->lost) it cannot be had */
};

/* Begins a walk upwards at the smallest id above this one, whatever the kind; NULL: none, or it is cut. Going
 * on where the last one ended is quick, anything else takes a look at each chunk before. */
struct record *order_fresh_after(struct order *order, uint64_t id, struct order_copies *copies,
                                 struct order_walk *ret_walk);
/* The chunk in which that record lies; NULL: there is none. And the first id in a chunk that has fresh ones.
 */
struct chunk *order_chunk_above(struct order *order, uint64_t id);
uint64_t order_first_id(const struct order *order, struct chunk *chunk);
/* The next one, or with NULL the first; NULL: no more, or it is cut. */
struct record *order_fresh_next(struct order_walk *walk, struct record *record);

struct pile_rank order_rank(const struct order *order, struct bytes key, uint64_t id);

/* What is found by walking. */
struct order_sum {
    size_t items, body_size, cost;
    size_t away_count, away_items, away_cost; /* of these */
};
struct order_sum order_sum(const struct order *order);
struct order_sum order_intake_sum(const struct order *order, const struct intake *intake);
void order_check(const struct order *order);

#endif
