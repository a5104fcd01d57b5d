/* facts.h - facts that are being written down, one behind the other, until they are taken away.
 *
 * Room: facts_reserve() may fail, appending may not. What is appended without having been reserved (small
 * facts, from ticks and confirmations) takes from a spare that is kept for it; if that is used up and there
 * is no memory, the facts are *broken*: they can never become safe again. */
#ifndef MQ_FACTS_H
#define MQ_FACTS_H

#include "fact.h"

enum {
    FACTS_HEAD = 40,       /* bytes before the first fact that are nobody's: the journal's, for its group */
    FACTS_SPARE = 1 << 20, /* room for what was not reserved */
    FACT_SIZE_MAX = 1024,  /* of any fact without items, runs and refusals: names, ids, all fields */
    FACT_RUN_MAX = 20,     /* a run of ids */
    FACT_REFUSAL_MAX = 12,
    FACT_ITEM_MAX = 10 /* an item, beside its key and body */
};

struct facts {
    bool is_on;     /* else nothing is written, and all is safe */
    bool is_broken; /* something could not be written down, and nothing is any more */
    uint8_t *data;  /* FACTS_HEAD bytes, then facts */
    size_t size, capacity;
    size_t open;       /* offset of the fact being written; 0: none */
    uint64_t taken;    /* bytes of facts that were taken away before these */
    uint64_t needed;   /* the position up to which all must be safe before what is decided now may be told */
    struct range run;  /* of the fact being written: not yet written; first 0: none */
    uint64_t last_run; /* ... the last id that was written */
};

void facts_init(struct facts *f, bool is_on);
void facts_done(struct facts *f);

/* Room for so many bytes of facts. False: out of memory, or broken; nothing changed. Always true if they are
 * off. */
bool facts_reserve(struct facts *f, size_t bytes);

/* A whole fact without items, runs and refusals (`rest` is not looked at). The first form is for facts that
 * an answer depends on: from now on `needed` is the position behind it. */
void facts_add(struct facts *f, const struct fact *fact);
void facts_add_lazily(struct facts *f, const struct fact *fact);

/* The same in pieces: fields first, then items, runs or refusals, one by one. Ids in any order; those that
 * count up by one become one run. */
void facts_begin(struct facts *f, const struct fact *fact);
void facts_item(struct facts *f, bool is_keyed, struct bytes key, struct bytes body);
void facts_ids(struct facts *f, struct range ids); /* first..last */
static inline void facts_id(struct facts *f, uint64_t id)
{
    if (f->run.first && id == f->run.last + 1)
        f->run.last = id;
    else
        facts_ids(f, (struct range){id, id});
}
void facts_refusal(struct facts *f, struct refusal refusal);
void facts_end(struct facts *f);
void facts_end_lazily(struct facts *f); /* nobody waits for it */

/* All facts behind the CHECKPOINT at `at` (what facts_size() was before it) belong to it. */
void facts_count(struct facts *f, size_t at);

/* Forgets all that was written since the mark, as if it had never been; nothing may have been taken since. */
struct facts_mark {
    size_t size;
    uint64_t needed;
    bool is_broken;
};
struct facts_mark facts_mark(const struct facts *f);
void facts_undo(struct facts *f, struct facts_mark mark);

/* Are there any? All of them, valid until there are more or less. And the position behind the last one,
 * counted in bytes of facts since the beginning. */
bool facts_are_there(const struct facts *f);
struct bytes facts_bytes(const struct facts *f);
size_t facts_size(const struct facts *f); /* without the head */
uint64_t facts_position(const struct facts *f);

/* Takes them away (there must be some): *ret_data (FACTS_HEAD bytes, then facts; `*ret_size` in all) is the
 * caller's, to be freed or given as `empty` later. `empty` of `capacity` bytes becomes the new buffer; NULL
 * is fine, then memory is got when it is needed. */
void facts_take(struct facts *f, uint8_t *empty, size_t capacity, uint8_t **ret_data, size_t *ret_size,
                size_t *ret_capacity);

#endif
