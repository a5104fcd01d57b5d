/* torture_book.h - what everybody was told in the torture, and whether it can all be true.
 *
 * Producers and consumers write here, in memory that they share with the judge and that outlives them; each
 * note is made right after the broker's word. Notes check themselves against what is there already, and end
 * the process with the reason when a promise was broken. */
#ifndef TORTURE_BOOK_H
#define TORTURE_BOOK_H

#include <mqc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BOOK_PRODUCERS = 4,
    BOOK_CONSUMERS = 5,
    BOOK_QUEUES = 4,            /* as many as producers: each has one of its own, and feeds all others, too */
    BOOK_ITEMS = 1 << 19,       /* of each producer, at most */
    BOOK_LOST_HANDOUT_MS = 1000 /* a hand-out told so shortly before a kill may be forgotten */
};

/* What an item's body is. */
struct slip {
    uint32_t producer, queue;
    uint64_t index;
};

struct entry {
    atomic_uint_fast8_t queue;   /* where it was put, and 1 */
    atomic_bool is_stored;       /* its producer was told so */
    atomic_bool is_finishing;    /* its consumer has said task_done, and may have died before the answer */
    atomic_bool is_done;         /* its consumer was told so */
    atomic_uint_fast16_t taken;  /* how often somebody got it */
    atomic_uint_fast16_t holder; /* 1 + consumer who has it in hand; 0: nobody */
    atomic_uint_fast64_t taken_ms;
    atomic_uint_fast64_t id; /* 0: not known */
};

struct book {
    atomic_bool is_over;                       /* producers: no more */
    atomic_bool is_drained;                    /* consumers: no more */
    atomic_uint_fast64_t kill_ms;              /* the broker's last */
    atomic_uint_fast64_t next[BOOK_PRODUCERS]; /* index */
    atomic_uint_fast64_t stored, done, again, forgotten;
    atomic_uint_fast32_t life[BOOK_CONSUMERS]; /* grows when a consumer is killed */
    struct entry entries[BOOK_PRODUCERS][BOOK_ITEMS];
};

extern struct book *book;

/* The next slip of this producer, for this queue; false: the book is full. */
bool book_next(uint32_t producer, uint32_t queue, struct slip *ret);
void book_stored(const struct slip *slip, uint64_t id); /* id 0: not told */

/* The slip of an item that was just got. */
struct slip book_taken(const struct mqc_item *item, uint32_t consumer, uint32_t queue);
void book_finishing(const struct slip *slip);
void book_done(const struct slip *slip, enum mq_status status);
void book_given_back(const struct slip *slip);

/* A consumer was killed: it holds nothing any more. */
void book_died(uint32_t consumer);

/* Everybody has ended and the queues are empty: is all that was stored done, and in the order of ids? */
void book_judge(void);

#endif
