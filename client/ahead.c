/* ahead.c - see ahead.h. */
#include "ahead.h"

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

void ahead_init(struct ahead *a, uint32_t limit)
{
    *a = (struct ahead){.look_ms = AHEAD_LOOK_MS, .limit = limit};
    ahead_reset(a);
}

void ahead_reset(struct ahead *a)
{
    a->window = 1;
    a->is_judged = true;
    a->is_short = false;
}

/* A get of many says by itself how much is used up at once. */
static void judge(struct ahead *a, uint64_t now_ms)
{
    if (a->is_judged || !a->came_back)
        return;
    a->is_judged = true;
    if (now_ms - a->arrived_ms < a->look_ms / 2)
        a->window = (uint32_t)min_size(a->limit, 2 * max_size(a->window, min_size(a->wanted, a->limit)));
}

/* Large items are fetched in smaller numbers. */
static size_t window_of(const struct ahead *a)
{
    size_t most = a->item_size ? max_size(AHEAD_SIZE_MAX / a->item_size, 1) : a->limit;
    return min_size(a->window, most);
}

size_t ahead_ask(struct ahead *a, size_t wanted, size_t buffered, uint64_t now_ms)
{
    if (!a->limit)
        return wanted;
    a->came_back = a->came_back || wanted;
    judge(a, now_ms);
    if (wanted)
        a->wanted = wanted;
    size_t room = a->limit > buffered ? a->limit - buffered : 0;
    return max_size(wanted, min_size(window_of(a), room));
}

void ahead_arrived(struct ahead *a, size_t asked, size_t count, size_t size, uint64_t now_ms)
{
    a->is_short = count < asked && size < AHEAD_SIZE_MAX;
    if (!count)
        return;
    a->item_size = size / count;
    a->arrived_ms = now_ms;
    a->is_judged = a->came_back = false;
}

bool ahead_took(struct ahead *a, size_t count, size_t buffered)
{
    size_t window = window_of(a);
    a->taken += count;
    a->came_back = a->came_back || count;
    bool is_low = count ? buffered <= window / 2 : buffered < a->wanted;
    return is_low && !a->is_short && window > 1;
}

void ahead_watch(struct ahead *a, uint64_t now_ms)
{
    a->taken = 0;
    a->looked_ms = now_ms;
}

uint64_t ahead_look_ms(const struct ahead *a)
{
    return a->looked_ms + a->look_ms;
}

/* Twice of what it has used since the last look, so that a steady consumer does not run dry in between. */
size_t ahead_look(struct ahead *a, size_t buffered, uint64_t now_ms)
{
    uint64_t span_ms = now_ms - a->looked_ms;
    if (span_ms < a->look_ms)
        return buffered;
    size_t keep = (size_t)(2 * a->taken * a->look_ms / span_ms);
    ahead_watch(a, now_ms);
    if (keep >= buffered)
        return buffered;
    a->window = (uint32_t)max_size(min_size(keep, a->window), 1);
    a->is_judged = true;
    return keep;
}
