/* fact.c - see fact.h.
 *
 * What a kind of fact has is said once, by fields(), which writes or reads it; so both sides agree. */
#include "fact.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    FACT_HEAD = 5,   /* kind and size */
    TAIL = 8,        /* bytes behind the facts that are the journal's, too */
    NUMBER_MAX = 10, /* bytes of a number */
    LATER_SIZE = 5,  /* ... that is filled in later */
    LATER_BITS = 7 * LATER_SIZE
};

const char *fact_kind_name(enum fact_kind kind)
{
    static const char *const names[FACT_KINDS] = {
        [FACT_CHECKPOINT] = "CHECKPOINT", [FACT_IDS] = "IDS",           [FACT_QUEUE] = "QUEUE",
        [FACT_REMOVED] = "REMOVED",       [FACT_PURGED] = "PURGED",     [FACT_STORED] = "STORED",
        [FACT_MOVED] = "MOVED",           [FACT_TAKEN] = "TAKEN",       [FACT_DONE] = "DONE",
        [FACT_RETURNED] = "RETURNED",     [FACT_EXTENDED] = "EXTENDED", [FACT_REFUSED] = "REFUSED",
        [FACT_SESSION] = "SESSION",       [FACT_CALL] = "CALL",         [FACT_CONFIRMED] = "CONFIRMED",
        [FACT_LAPSED] = "LAPSED",         [FACT_GONE] = "GONE",         [FACT_DROPPED] = "DROPPED",
    };
    const char *name = (unsigned)kind < FACT_KINDS ? names[kind] : NULL;
    return name ? name : "?";
}

/* ---- numbers ---- */

static inline uint8_t *write_number(uint8_t *to, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        *to++ = (uint8_t)(number | 0x80);
    *to++ = (uint8_t)number;
    return to;
}

/* A number with zeros in front of it, so that it can be written over by another one. */
static void write_later(uint8_t *to, uint64_t number)
{
    assert(number >> LATER_BITS == 0);
    for (size_t i = 0; i < LATER_SIZE; i++, number >>= 7)
        to[i] = (uint8_t)((number & 0x7F) | (i + 1 < LATER_SIZE ? 0x80 : 0));
}

static bool read_long_number(struct bytes *from, uint64_t *ret)
{
    const uint8_t *data = from->data;
    uint64_t number = 0;
    for (size_t i = 0; i < NUMBER_MAX && i < from->size; i++) {
        if (i == NUMBER_MAX - 1 && data[i] > 1)
            return false;
        number |= (uint64_t)(data[i] & 0x7F) << (7 * i);
        if (data[i] & 0x80)
            continue;
        *ret = number;
        *from = (struct bytes){data + i + 1, from->size - i - 1};
        return true;
    }
    return false;
}

static inline bool read_number(struct bytes *from, uint64_t *ret)
{
    const uint8_t *data = from->data;
    if (from->size == 0 || (data[0] & 0x80))
        return read_long_number(from, ret);
    *ret = data[0];
    *from = (struct bytes){data + 1, from->size - 1};
    return true;
}

static inline bool read_bytes(struct bytes *from, struct bytes *ret)
{
    uint64_t size;
    struct bytes rest = *from;
    if (!read_number(&rest, &size) || size > rest.size)
        return false;
    *ret = (struct bytes){rest.data, (size_t)size};
    *from = (struct bytes){(const uint8_t *)rest.data + size, rest.size - (size_t)size};
    return true;
}

static inline uint64_t zigzag(uint64_t number)
{
    return number << 1 ^ (number >> 63 ? UINT64_MAX : 0);
}

static inline uint64_t unzigzag(uint64_t number)
{
    return number >> 1 ^ (number & 1 ? UINT64_MAX : 0);
}

/* ---- fields, written or read ---- */

struct pass {
    bool writes;
    uint8_t *to;
    struct bytes from;
    bool is_bad;
};

#define INLINE static inline __attribute__((always_inline))

INLINE void number(struct pass *p, uint64_t *value)
{
    if (p->writes)
        p->to = write_number(p->to, *value);
    else
        p->is_bad |= !read_number(&p->from, value);
}

static void number_later(struct pass *p, uint64_t *value)
{
    if (!p->writes) {
        number(p, value);
        return;
    }
    write_later(p->to, *value);
    p->to += LATER_SIZE;
}

INLINE void small(struct pass *p, uint32_t *value)
{
    uint64_t wide = *value;
    number(p, &wide);
    p->is_bad |= wide > UINT32_MAX;
    *value = (uint32_t)wide;
}

INLINE void signed_number(struct pass *p, int64_t *value)
{
    uint64_t wide = zigzag((uint64_t)*value);
    number(p, &wide);
    *value = (int64_t)unzigzag(wide);
}

static void text(struct pass *p, struct bytes *value)
{
    if (!p->writes) {
        p->is_bad |= !read_bytes(&p->from, value) || value->size > MQ_NAME_SIZE_MAX;
        return;
    }
    assert(value->size <= MQ_NAME_SIZE_MAX);
    p->to = write_number(p->to, value->size);
    if (value->size)
        memcpy(p->to, value->data, value->size);
    p->to += value->size;
}

static void session_id(struct pass *p, uint8_t id[MQ_SESSION_ID_SIZE])
{
    if (p->writes) {
        memcpy(p->to, id, MQ_SESSION_ID_SIZE);
        p->to += MQ_SESSION_ID_SIZE;
    } else if (p->from.size < MQ_SESSION_ID_SIZE) {
        p->is_bad = true;
    } else {
        const uint8_t *data = p->from.data;
        memcpy(id, data, MQ_SESSION_ID_SIZE);
        p->from = (struct bytes){data + MQ_SESSION_ID_SIZE, p->from.size - MQ_SESSION_ID_SIZE};
    }
}

/* Only those that are given. */
static void settings(struct pass *p, struct settings *s)
{
    small(p, &s->given);
    uint32_t kind = (uint32_t)s->kind;
    if (s->given & MQ_SETTING_KIND)
        small(p, &kind);
    if (s->given & MQ_SETTING_MAXSIZE)
        signed_number(p, &s->maxsize);
    if (s->given & MQ_SETTING_LEASE)
        signed_number(p, &s->lease_ms);
    uint32_t is_transient = s->is_transient;
    if (s->given & MQ_SETTING_TRANSIENT)
        small(p, &is_transient);
    s->is_transient = is_transient;
    p->is_bad |= is_transient > 1 || kind > MQ_KIND_PRIORITY || (s->given & ~(uint32_t)MQ_SETTINGS_ALL);
    s->kind = (enum mq_kind)kind;
}

static void totals(struct pass *p, struct fact_totals *t)
{
    number(p, &t->puts);
    number(p, &t->gets);
    number(p, &t->done);
    number(p, &t->redelivered);
    number(p, &t->returned);
    number(p, &t->discarded);
}

INLINE void cause(struct pass *p, struct fact *f)
{
    number(p, &f->cause.session);
    number(p, &f->cause.call);
}

static void verb(struct pass *p, struct fact *f)
{
    uint32_t number_of_verb = (uint32_t)f->verb;
    small(p, &number_of_verb);
    f->verb = (enum mq_verb)number_of_verb;
}

static void fields_of_queue(struct pass *p, struct fact *f)
{
    cause(p, f);
    verb(p, f);
    number(p, &f->queue);
    text(p, &f->name);
    settings(p, &f->created);
    settings(p, &f->settings);
    small(p, &f->flags);
    number(p, &f->time_ms);
    totals(p, &f->totals);
}

static void fields_of_session(struct pass *p, struct fact *f)
{
    number(p, &f->cause.session);
    session_id(p, f->session_id);
    text(p, &f->name);
    number(p, &f->time_ms);
    number(p, &f->next_number);
    small(p, &f->lapses);
    small(p, &f->flags);
}

static void fields_of_call(struct pass *p, struct fact *f)
{
    uint32_t status = (uint32_t)f->status;
    cause(p, f);
    verb(p, f);
    small(p, &status);
    number(p, &f->count);
    number(p, &f->total);
    signed_number(p, &f->lease_ms);
    small(p, &f->flags);
    f->status = (enum mq_status)status;
}

static void fields_of_checkpoint(struct pass *p, struct fact *f)
{
    number_later(p, &f->count);
    number(p, &f->first_id);
    number(p, &f->next_session);
    number(p, &f->next_queue);
    number(p, &f->segment);
}

INLINE void fields_of_items(struct pass *p, struct fact *f)
{
    if (f->kind == FACT_STORED) {
        cause(p, f);
        number(p, &f->queue);
        number(p, &f->time_ms);
        number(p, &f->first_id);
        number(p, &f->total);
    } else {
        number(p, &f->queue);
        number(p, &f->first_id);
        number(p, &f->time_ms);
        small(p, &f->deliveries);
        cause(p, f);
        signed_number(p, &f->lease_ms);
    }
    small(p, &f->flags);
}

INLINE void fields(struct pass *p, struct fact *f)
{
    switch (f->kind) {
    case FACT_CHECKPOINT:
        fields_of_checkpoint(p, f);
        break;
    case FACT_IDS:
        number(p, &f->first_id);
        break;
    case FACT_QUEUE:
        fields_of_queue(p, f);
        break;
    case FACT_REMOVED:
    case FACT_PURGED:
        cause(p, f);
        number(p, &f->queue);
        number(p, &f->count);
        break;
    case FACT_STORED:
    case FACT_MOVED:
        fields_of_items(p, f);
        break;
    case FACT_TAKEN:
        cause(p, f);
        number(p, &f->queue);
        signed_number(p, &f->lease_ms);
        small(p, &f->flags);
        number(p, &f->count);
        number(p, &f->redelivered);
        break;
    case FACT_RETURNED:
        cause(p, f);
        small(p, &f->flags);
        break;
    case FACT_EXTENDED:
        cause(p, f);
        signed_number(p, &f->lease_ms);
        break;
    case FACT_DONE:
        cause(p, f);
        break;
    case FACT_REFUSED:
        cause(p, f);
        verb(p, f);
        break;
    case FACT_DROPPED:
        number(p, &f->segment);
        break;
    case FACT_SESSION:
        fields_of_session(p, f);
        break;
    case FACT_CALL:
        fields_of_call(p, f);
        break;
    case FACT_CONFIRMED:
    case FACT_LAPSED:
    case FACT_GONE:
        number(p, &f->cause.session);
        break;
    case FACT_KINDS:
        abort();
    }
}

static bool has_rest(enum fact_kind kind)
{
    switch (kind) {
    case FACT_STORED:
    case FACT_MOVED:
    case FACT_TAKEN:
    case FACT_DONE:
    case FACT_RETURNED:
    case FACT_EXTENDED:
    case FACT_REFUSED:
    case FACT_CALL:
    case FACT_CONFIRMED:
        return true;
    default:
        return false;
    }
}

/* ---- writing ---- */

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
    struct pass pass = {.writes = true, .to = f->data + f->size + FACT_HEAD};
    f->data[f->size] = (uint8_t)fact->kind;
    fields(&pass, (struct fact *)fact);
    assert(pass.to <= f->data + f->size + FACT_HEAD + FACT_SIZE_MAX);
    f->open = f->size;
    f->size = (size_t)(pass.to - f->data);
    f->run = (struct range){0};
    f->last_run = 0;
}

void facts_item(struct facts *f, bool is_keyed, struct bytes key, struct bytes body)
{
    if (!f->open || !make_room(f, FACT_ITEM_MAX + key.size + body.size))
        return;
    uint8_t *to = f->data + f->size;
    assert(is_keyed || key.size == 0);
    if (is_keyed) {
        to = write_number(to, key.size);
        if (key.size)
            memcpy(to, key.data, key.size);
        to += key.size;
    }
    to = write_number(to, body.size);
    if (body.size)
        memcpy(to, body.data, body.size);
    f->size = (size_t)(to + body.size - f->data);
}

/* The run that ids were gathered in: how far it is from the last one, and how many more than one. */
static void write_run(struct facts *f)
{
    struct range run = f->run;
    f->run = (struct range){0};
    if (!f->open || run.first == 0 || !make_room(f, FACT_RUN_MAX))
        return;
    uint8_t *to = write_number(f->data + f->size, zigzag(run.first - f->last_run));
    to = write_number(to, run.last - run.first);
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
    uint8_t *to = write_number(f->data + f->size, refusal.id);
    to = write_number(to, (uint64_t)refusal.status);
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
    write_later(fact + FACT_HEAD, facts_size(f) - at - size);
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

/* ---- reading ---- */

void fact_read(struct fact_reader *r, struct bytes facts)
{
    *r = (struct fact_reader){.left = facts};
}

static bool is_bad(struct fact_reader *r, const char *why)
{
    r->why = why;
    return false;
}

/* The kind, and the bytes behind its head; moves on. */
static bool next_head(struct fact_reader *r, enum fact_kind *ret_kind, struct bytes *ret_fact)
{
    const uint8_t *data = r->left.data;
    if (r->left.size < FACT_HEAD)
        return is_bad(r, "a fact is cut off");
    size_t size = 0;
    for (size_t i = 0; i < 4; i++)
        size |= (size_t)data[1 + i] << (8 * i);
    if (size > r->left.size - FACT_HEAD)
        return is_bad(r, "a fact is larger than what is left");
    if (data[0] == 0 || data[0] >= FACT_KINDS)
        return is_bad(r, "a fact of a kind that this version does not know");
    *ret_kind = (enum fact_kind)data[0];
    *ret_fact = (struct bytes){data + FACT_HEAD, size};
    r->left = (struct bytes){data + FACT_HEAD + size, r->left.size - FACT_HEAD - size};
    return true;
}

bool fact_next(struct fact_reader *r, struct fact *ret)
{
    struct pass pass = {.writes = false};
    enum fact_kind kind;
    if (r->why || r->left.size == 0 || !next_head(r, &kind, &pass.from))
        return false;
    *ret = (struct fact){.kind = kind};
    fields(&pass, ret);
    ret->rest = pass.from;
    if (pass.is_bad)
        return is_bad(r, "a field of a fact makes no sense");
    if (!has_rest(kind) && ret->rest.size > 0)
        return is_bad(r, "a fact has more than its fields");
    return true;
}

bool fact_next_item(struct fact_reader *r, struct fact *fact, bool is_keyed, struct put_item *ret)
{
    *ret = (struct put_item){.key = {0}};
    if (r->why || fact->rest.size == 0)
        return false;
    if ((is_keyed && !read_bytes(&fact->rest, &ret->key)) || !read_bytes(&fact->rest, &ret->body))
        return is_bad(r, "an item is cut off");
    return true;
}

bool fact_next_run(struct fact_reader *r, struct fact *fact, struct range *ret)
{
    uint64_t step, more;
    if (r->why || fact->rest.size == 0)
        return false;
    if (!read_number(&fact->rest, &step) || !read_number(&fact->rest, &more))
        return is_bad(r, "a run of ids is cut off");
    uint64_t first = fact->last_run + unzigzag(step);
    if (first == 0 || more >= UINT64_MAX - first)
        return is_bad(r, "a run of ids makes no sense");
    *ret = (struct range){first, first + more};
    fact->last_run = ret->last;
    return true;
}

bool fact_next_refusal(struct fact_reader *r, struct fact *fact, struct refusal *ret)
{
    uint64_t id, status;
    if (r->why || fact->rest.size == 0)
        return false;
    if (!read_number(&fact->rest, &id) || !read_number(&fact->rest, &status))
        return is_bad(r, "a refusal is cut off");
    if (status > UINT8_MAX)
        return is_bad(r, "a refusal makes no sense");
    *ret = (struct refusal){id, (enum mq_status)status};
    return true;
}
