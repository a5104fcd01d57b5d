/* trim.c - see trim.h. */
#include "trim.h"

void trim_init(struct trim *t)
{
    *t = (struct trim){.since_ms = UINT64_MAX};
}

static void see(struct trim *t, uint64_t now_ms, uint64_t used)
{
    if (used > t->peak)
        t->peak = used;
    if (t->peak - used < TRIM_DROP)
        t->since_ms = UINT64_MAX;
    else if (t->since_ms == UINT64_MAX)
        t->since_ms = now_ms;
}

uint64_t trim_deadline_ms(const struct trim *t)
{
    return t->since_ms == UINT64_MAX ? UINT64_MAX : t->since_ms + TRIM_CALM_MS;
}

bool trim_is_due(struct trim *t, uint64_t now_ms, uint64_t used)
{
    see(t, now_ms, used);
    if (now_ms < trim_deadline_ms(t))
        return false;
    *t = (struct trim){.peak = used, .since_ms = UINT64_MAX};
    return true;
}
