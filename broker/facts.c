/* facts.c - see facts.h. */
#include "facts.h"

#include <assert.h>
#include <stdlib.h>

#include "fact_fields.h"
#include "varint.h"

enum { TAIL = 8 }; /* bytes behind the facts that are the journal's, too */

void facts_init(struct facts *f, bool is_on)
{
    *f = (struct facts){.is_on = is_on, .size = FACTS_HEAD};
}

void facts_done(struct facts *f)
{
    free(f->data);
    facts_init(f, false);
}

/* Room for so many bytes behind those that are there. */
static bool grow(struct facts *f, size_t bytes)
{
    size_t least = f->size + bytes + TAIL, capacity = 2 * f->capacity;
    if (capacity < least)
        capacity = least;
    uint8_t *data = realloc(f->data, capacity);
    if (!data && capacity > least) {
        capacity = least;
        data = realloc(f->data, capacity);
    }
    if (!data)
        return false;
    f->data = data;
    f->capacity = capacity;
    return true;
}

static inline bool has_room(const struct facts *f, size_t bytes)
{
    return f->capacity >= f->size + bytes + TAIL;
}

bool facts_reserve(struct facts *f, size_t bytes)
{
    if (!f->is_on)
        return true;
    return !f->is_broken && (has_room(f, bytes + FACTS_SPARE) || grow(f, bytes + FACTS_SPARE));
}

/* What cannot be written down whole is not written at all, and neither is anything behind it. */
static void break_off(struct facts *f)
{
    if (f->open)
        f->size = f->open;
    f->open = 0;
    f->is_broken = true;
    f->needed = UINT64_MAX;
}

static inline bool make_room(struct facts *f, size_t bytes)
{
    if (has_room(f, bytes) || grow(f, bytes))
        return true;
    break_off(f);
    return false;
}

void facts_begin(struct facts *f, const struct fact *fact)
{
    assert(!f->open);
    assert(fact->kind > 0 && fact->kind < FACT_KINDS);
    if (!f->is_on || f->is_broken || !make_room(f, FACT_HEAD + FACT_SIZE_MAX))
        return;
    uint8_t *head = f->data + f->size, *end = fact_fields_write(fact, head + FACT_HEAD);
    assert(end <= head + FACT_HEAD + FACT_SIZE_MAX);
    head[0] = (uint8_t)fact->kind;
    f->open = f->size;
    f->size = (size_t)(end - f->data);
    f->run = (struct range){0};
    f->last_run = 0;
}

void facts_item(struct facts *f, bool is_keyed, struct bytes key, struct bytes body)
{
    if (!f->open || !make_room(f, FACT_ITEM_MAX + key.size + body.size))
        return;
    uint8_t *to = f->data + f->size;
    assert(is_keyed || key.size == 0);
    if (is_keyed)
        to = varint_write_bytes(to, key);
    f->size = (size_t)(varint_write_bytes(to, body) - f->data);
}

/* The run that ids were gathered in: how far it is from the last one, and how many more than one. */
static void write_run(struct facts *f)
{
    struct range run = f->run;
    f->run = (struct range){0};
    if (!f->open || run.first == 0 || !make_room(f, FACT_RUN_MAX))
        return;
    uint8_t *to = varint_write(f->data + f->size, varint_fold(run.first - f->last_run));
    to = varint_write(to, run.last - run.first);
    f->size = (size_t)(to - f->data);
    f->last_run = run.last;
}

void facts_ids(struct facts *f, struct range ids)
{
    assert(ids.first > 0 && ids.first <= ids.last);
    if (f->run.first && ids.first == f->run.last + 1) {
        f->run.last = ids.last;
        return;
    }
    write_run(f);
    f->run = ids;
}

void facts_refusal(struct facts *f, struct refusal refusal)
{
    if (!f->open || !make_room(f, FACT_REFUSAL_MAX))
        return;
    uint8_t *to = varint_write(f->data + f->size, refusal.id);
    to = varint_write(to, (uint64_t)refusal.status);
    f->size = (size_t)(to - f->data);
}

void facts_end_lazily(struct facts *f)
{
    write_run(f);
    if (!f->open)
        return;
    size_t size = f->size - f->open - FACT_HEAD;
    assert(size <= UINT32_MAX);
    for (size_t i = 0; i < 4; i++)
        f->data[f->open + 1 + i] = (uint8_t)(size >> (8 * i));
    f->open = 0;
}

void facts_end(struct facts *f)
{
    facts_end_lazily(f);
    if (!f->is_broken)
        f->needed = facts_position(f);
}

void facts_add(struct facts *f, const struct fact *fact)
{
    facts_begin(f, fact);
    facts_end(f);
}

void facts_add_lazily(struct facts *f, const struct fact *fact)
{
    facts_begin(f, fact);
    facts_end_lazily(f);
}

void facts_count(struct facts *f, size_t at)
{
    assert(!f->open && at < facts_size(f));
    uint8_t *fact = f->data + FACTS_HEAD + at;
    assert(fact[0] == FACT_CHECKPOINT);
    size_t size = FACT_HEAD + (size_t)fact[1] + ((size_t)fact[2] << 8);
    varint_write_wide(fact + FACT_HEAD, facts_size(f) - at - size);
}

struct facts_mark facts_mark(const struct facts *f)
{
    assert(!f->open);
    return (struct facts_mark){.size = f->size, .needed = f->needed, .is_broken = f->is_broken};
}

void facts_undo(struct facts *f, struct facts_mark mark)
{
    assert(mark.size <= f->size);
    f->open = 0;
    f->run = (struct range){0};
    f->size = mark.size;
    f->needed = mark.needed;
    f->is_broken = mark.is_broken;
}

bool facts_are_there(const struct facts *f)
{
    return f->size > FACTS_HEAD;
}

struct bytes facts_bytes(const struct facts *f)
{
    return facts_are_there(f) ? (struct bytes){f->data + FACTS_HEAD, facts_size(f)} : (struct bytes){0};
}

size_t facts_size(const struct facts *f)
{
    return f->size - FACTS_HEAD;
}

uint64_t facts_position(const struct facts *f)
{
    return f->taken + facts_size(f);
}

void facts_take(struct facts *f, uint8_t *empty, size_t capacity, uint8_t **ret_data, size_t *ret_size,
                size_t *ret_capacity)
{
    assert(!f->open && facts_are_there(f));
    assert(!empty || capacity >= FACTS_HEAD + TAIL);
    *ret_data = f->data;
    *ret_size = f->size;
    *ret_capacity = f->capacity;
    f->taken += facts_size(f);
    f->data = empty;
    f->capacity = empty ? capacity : 0;
    f->size = FACTS_HEAD;
}
