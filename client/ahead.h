/* ahead.h - how far the gets of one queue handle run ahead of their program: when to fetch, how much, and
 * when what was fetched goes back.
 *
 * Pure: numbers and times in, decisions out. What lies ahead is leased, so nobody else can have it: a
 * consumer shall hold about as much as it uses up in AHEAD_LOOK_MS. The window says how many items a fetch
 * brings. It is 1 at first, so that who gets one item has one item; it doubles each time that the last ones
 * were used up in AHEAD_QUICK_MS. A look every AHEAD_LOOK_MS sends back what was too much. */
#ifndef MQ_AHEAD_H
#define MQ_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AHEAD_LOOK_MS = 20,
    /* bytes of items that a fetch should bring, judged by those that came last. The broker gives 1 MiB at
     * most and may have more then: well below that, fewer than asked for are all there are */
    AHEAD_SIZE_MAX = 512 << 10,
    AHEAD_ITEM_HEAD = 16 /* bytes that an item counts there besides body and key */
};

struct ahead {
    uint32_t look_ms;    /* AHEAD_LOOK_MS; quick is half of it */
    uint32_t limit;      /* items that may lie ahead; 0: nothing is fetched ahead */
    uint32_t window;     /* items that the next fetch should bring, from 1 */
    size_t wanted;       /* by the get that asked last */
    size_t item_size;    /* the mean of those that came last */
    uint64_t arrived_ms; /* when they came */
    bool is_judged;      /* how soon they were used up has been looked at */
    bool came_back;      /* the program has asked again since they came */
    bool is_short;       /* there were no more for now */
    size_t taken;        /* from what lies ahead, since the last look */
    uint64_t looked_ms;  /* when that was */
};

void ahead_init(struct ahead *a, uint32_t limit);

/* How many items to ask for now, if a get wants so many at once (0: none waits for them) and so many lie
 * ahead: what is wanted, and beyond that up to the window. */
size_t ahead_ask(struct ahead *a, size_t wanted, size_t buffered, uint64_t now_ms);

/* `asked` items could have come, `count` have, of `size` bytes. */
void ahead_arrived(struct ahead *a, size_t asked, size_t count, size_t size, uint64_t now_ms);

/* A get has taken `count` of what lay ahead or was fetched in the background (0: it has asked for its items
 * itself), and `buffered` are left: is it time to fetch more? Not when the last fetch has found the end of
 * the queue: then the next get waits at the broker. */
bool ahead_took(struct ahead *a, size_t count, size_t buffered);

/* Something lies ahead where nothing did: looks begin. */
void ahead_watch(struct ahead *a, uint64_t now_ms);
/* When to look the next time. The look itself: how many of those that lie ahead may stay there. */
uint64_t ahead_look_ms(const struct ahead *a);
size_t ahead_look(struct ahead *a, size_t buffered, uint64_t now_ms);

/* All that lay ahead has gone: the program begins anew. */
void ahead_reset(struct ahead *a);

#endif
