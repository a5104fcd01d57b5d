/* fact_fields.c - see fact_fields.h. */
#include "fact_fields.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "varint.h"

/* Over the fields of a fact, in their order: writes each, or reads it. */
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
        p->to = varint_write(p->to, *value);
    else
        p->is_bad |= !varint_read(&p->from, value);
}

static void wide_number(struct pass *p, uint64_t *value)
{
    if (p->writes)
        p->to = varint_write_wide(p->to, *value);
    else
        number(p, value);
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
    uint64_t wide = varint_fold((uint64_t)*value);
    number(p, &wide);
    *value = (int64_t)varint_unfold(wide);
}

static void text(struct pass *p, struct bytes *value)
{
    assert(!p->writes || value->size <= MQ_NAME_SIZE_MAX);
    if (p->writes)
        p->to = varint_write_bytes(p->to, *value);
    else
        p->is_bad |= !varint_read_bytes(&p->from, value) || value->size > MQ_NAME_SIZE_MAX;
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
    wide_number(p, &f->count);
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

uint8_t *fact_fields_write(const struct fact *f, uint8_t *to)
{
    struct pass pass = {.writes = true, .to = to};
    fields(&pass, (struct fact *)f);
    return pass.to;
}

bool fact_fields_read(struct fact *f, struct bytes *from)
{
    struct pass pass = {.from = *from};
    fields(&pass, f);
    *from = pass.from;
    return !pass.is_bad;
}
