/* fuzz_fact.c - any bytes are read as facts within their bounds, and what is read is written and read to
 * itself. The first byte says whether items have keys. */
#include "fuzz.h"

#include <string.h>

#include "facts.h"

/* Reads the rest of the fact in each way that there is, and writes it; false: it makes no sense. */
static bool copy_rest(struct fact_reader *r, struct fact fact, bool is_keyed, struct facts *to)
{
    struct put_item item;
    struct range run;
    struct refusal refusal;
    facts_begin(to, &fact);
    switch (fact.kind) {
    case FACT_STORED:
    case FACT_MOVED:
        while (fact_next_item(r, &fact, is_keyed, &item))
            facts_item(to, is_keyed, item.key, item.body);
        break;
    case FACT_REFUSED:
        while (fact_next_refusal(r, &fact, &refusal))
            facts_refusal(to, refusal);
        break;
    default:
        while (fact_next_run(r, &fact, &run))
            facts_ids(to, run);
        break;
    }
    facts_end(to);
    return !r->why;
}

/* How many whole facts there are; they are written to `to`. */
static size_t copy(struct bytes facts, bool is_keyed, struct facts *to)
{
    struct fact_reader r;
    struct fact fact;
    size_t count = 0;
    fact_read(&r, facts);
    while (fact_next(&r, &fact)) {
        if (fact.kind == FACT_CHECKPOINT)
            fact.count = 0; /* it has room for as much as a group can be */
        struct facts_mark mark = facts_mark(to);
        if (!copy_rest(&r, fact, is_keyed, to)) {
            facts_undo(to, mark);
            break;
        }
        count++;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct facts once, twice;
    if (size == 0)
        return 0;
    bool is_keyed = data[0] & 1;
    facts_init(&once, true);
    facts_init(&twice, true);
    size_t count = copy((struct bytes){data + 1, size - 1}, is_keyed, &once);
    if (count > 0) {
        struct bytes first = facts_bytes(&once);
        FUZZ_CHECK(copy(first, is_keyed, &twice) == count);
        FUZZ_CHECK(facts_size(&twice) == first.size);
        FUZZ_CHECK(memcmp(facts_bytes(&twice).data, first.data, first.size) == 0);
    }
    facts_done(&once);
    facts_done(&twice);
    return 0;
}
