/* fact.c - see fact.h. */
#include "fact.h"

#include "fact_fields.h"
#include "varint.h"

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
    enum fact_kind kind;
    struct bytes rest;
    if (r->why || r->left.size == 0 || !next_head(r, &kind, &rest))
        return false;
    *ret = (struct fact){.kind = kind};
    bool is_good = fact_fields_read(ret, &rest);
    ret->rest = rest;
    if (!is_good)
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
    if ((is_keyed && !varint_read_bytes(&fact->rest, &ret->key)) ||
        !varint_read_bytes(&fact->rest, &ret->body))
        return is_bad(r, "an item is cut off");
    return true;
}

bool fact_next_run(struct fact_reader *r, struct fact *fact, struct range *ret)
{
    uint64_t step, more;
    if (r->why || fact->rest.size == 0)
        return false;
    if (!varint_read(&fact->rest, &step) || !varint_read(&fact->rest, &more))
        return is_bad(r, "a run of ids is cut off");
    uint64_t first = fact->last_run + varint_unfold(step);
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
    if (!varint_read(&fact->rest, &id) || !varint_read(&fact->rest, &status))
        return is_bad(r, "a refusal is cut off");
    if (status > UINT8_MAX)
        return is_bad(r, "a refusal makes no sense");
    *ret = (struct refusal){id, (enum mq_status)status};
    return true;
}
