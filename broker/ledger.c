/* ledger.c - see ledger.h. */
#include "ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"

enum { WORD_BITS = 64, WORDS = LEDGER_PAGE_IDS / WORD_BITS };

/* Where its live ids may lie: bit n stands for the segment n behind the lowest one; the last bit stands for
 * all that are further away, too. Only the lowest one is counted. */
struct ledger_page {
    struct table_node node;
    uint64_t number;
    uint64_t segment; /* the lowest; while anything is alive */
    uint64_t lies;    /* bit 0 is set */
    uint32_t live;
    uint64_t bits[WORDS];
};

void ledger_init(struct ledger *l)
{
    *l = (struct ledger){.last = NULL};
    table_init(&l->pages);
}

void ledger_done(struct ledger *l)
{
    struct table_node *node;
    while ((node = table_walk(&l->pages, NULL))) {
        table_remove(&l->pages, node);
        free(CONTAINER_OF(node, struct ledger_page, node));
    }
    table_done(&l->pages);
    free(l->counts);
    ledger_init(l);
}

static struct ledger_page *find_page(const struct ledger *l, uint64_t number)
{
    if (l->last && l->last->number == number)
        return l->last;
    uint64_t hash = table_hash_number(number);
    struct table_node *node = table_first(&l->pages, hash);
    for (; node; node = table_next(node, hash))
        if (CONTAINER_OF(node, struct ledger_page, node)->number == number)
            return CONTAINER_OF(node, struct ledger_page, node);
    return NULL;
}

static bool reserve_page(struct ledger *l, uint64_t number)
{
    if (find_page(l, number))
        return true;
    struct ledger_page *page = calloc(1, sizeof *page);
    if (!page)
        return false;
    page->number = number;
    table_add(&l->pages, &page->node, table_hash_number(number));
    return true;
}

static void free_page(struct ledger *l, struct ledger_page *page)
{
    if (l->last == page)
        l->last = NULL;
    if (l->open == page)
        l->open = NULL;
    table_remove(&l->pages, &page->node);
    free(page);
}

static bool reserve_counts(struct ledger *l, uint64_t segment)
{
    size_t count = l->live > 0 ? (size_t)(segment - l->oldest) + 1 : 1;
    if (count <= l->count_capacity)
        return true;
    size_t capacity = count < 2 * l->count_capacity ? 2 * l->count_capacity : count;
    uint64_t *counts = realloc(l->counts, capacity * sizeof *counts);
    if (!counts)
        return false;
    memset(counts + l->count_capacity, 0, (capacity - l->count_capacity) * sizeof *counts);
    l->counts = counts;
    l->count_capacity = capacity;
    return true;
}

/* Pages that were made before memory ran out stay: the same ids will be asked for again. */
bool ledger_reserve(struct ledger *l, uint64_t first, uint64_t count, uint64_t segment)
{
    assert(count > 0 && segment >= l->newest);
    if (!reserve_counts(l, segment))
        return false;
    uint64_t last = (first + count - 1) / LEDGER_PAGE_IDS;
    for (uint64_t number = first / LEDGER_PAGE_IDS; number <= last; number++)
        if (!reserve_page(l, number))
            return false;
    return true;
}

/* ---- what lies where ---- */

static uint64_t *count_of(const struct ledger *l, uint64_t segment)
{
    assert(segment >= l->oldest && segment - l->oldest < l->count_capacity);
    return &l->counts[segment - l->oldest];
}

/* The oldest one is one of which something is counted, or the newest. */
static void advance(struct ledger *l)
{
    uint64_t steps = 0;
    if (l->counts[0] > 0)
        return;
    while (l->oldest + steps < l->newest && l->counts[steps] == 0)
        steps++;
    l->oldest += steps;
    memmove(l->counts, l->counts + steps, (l->newest - l->oldest + 1) * sizeof *l->counts);
    memset(l->counts + (l->newest - l->oldest + 1), 0, steps * sizeof *l->counts);
}

/* Segments count up. */
static void reach(struct ledger *l, uint64_t segment)
{
    assert(segment >= l->newest);
    if (l->live == 0)
        l->oldest = segment;
    l->newest = segment;
    assert(l->newest - l->oldest < l->count_capacity);
}

/* Something in the page lies in this segment. */
static void lie(struct ledger_page *page, uint64_t segment)
{
    assert(segment >= page->segment);
    uint64_t far = segment - page->segment;
    page->lies |= (uint64_t)1 << (far < WORD_BITS - 1 ? far : WORD_BITS - 1);
}

/* From..to within the page come to life. */
static void set_bits(struct ledger_page *page, size_t from, size_t to)
{
    for (size_t at = from; at <= to;) {
        size_t bit = at % WORD_BITS, end = WORD_BITS - bit < to - at + 1 ? WORD_BITS - bit : to - at + 1;
        uint64_t mask = (end == WORD_BITS ? UINT64_MAX : ((uint64_t)1 << end) - 1) << bit;
        assert((page->bits[at / WORD_BITS] & mask) == 0);
        page->bits[at / WORD_BITS] |= mask;
        at += end;
    }
    page->live += (uint32_t)(to - from + 1);
}

/* A page is kept while it is stored in, even if all in it have ended. */
static void open_page(struct ledger *l, struct ledger_page *page)
{
    struct ledger_page *before = l->open;
    if (before == page)
        return;
    l->open = page;
    if (before && before->live == 0)
        free_page(l, before);
}

void ledger_store(struct ledger *l, uint64_t first, uint64_t count, uint64_t segment)
{
    reach(l, segment);
    for (uint64_t id = first, end = first + count; id < end;) {
        uint64_t page_end = (id / LEDGER_PAGE_IDS + 1) * LEDGER_PAGE_IDS;
        uint64_t some = (end < page_end ? end : page_end) - id;
        struct ledger_page *page = find_page(l, id / LEDGER_PAGE_IDS);
        assert(page);
        open_page(l, page);
        if (page->live == 0) {
            page->segment = segment;
            page->lies = 0;
        }
        lie(page, segment);
        set_bits(page, id % LEDGER_PAGE_IDS, id % LEDGER_PAGE_IDS + some - 1);
        *count_of(l, page->segment) += some;
        l->live += some;
        id += some;
    }
    advance(l);
}

void ledger_end(struct ledger *l, uint64_t id)
{
    struct ledger_page *page = find_page(l, id / LEDGER_PAGE_IDS);
    size_t at = id % LEDGER_PAGE_IDS;
    uint64_t mask = (uint64_t)1 << (at % WORD_BITS);
    assert(page && (page->bits[at / WORD_BITS] & mask));
    l->last = page;
    page->bits[at / WORD_BITS] &= ~mask;
    page->live--;
    l->live--;
    if (--*count_of(l, page->segment) == 0 && page->segment == l->oldest)
        advance(l);
    if (page->live == 0 && page != l->open)
        free_page(l, page);
}

bool ledger_is_live(const struct ledger *l, uint64_t id)
{
    const struct ledger_page *page = find_page(l, id / LEDGER_PAGE_IDS);
    size_t at = id % LEDGER_PAGE_IDS;
    return page && (page->bits[at / WORD_BITS] >> (at % WORD_BITS) & 1);
}

bool ledger_is_needed(const struct ledger *l, uint64_t segment)
{
    return l->live > 0 && segment >= l->oldest;
}

/* ---- what is written again ---- */

void ledger_move(struct ledger *l, uint64_t id, uint64_t segment)
{
    struct ledger_page *page = find_page(l, id / LEDGER_PAGE_IDS);
    assert(ledger_is_live(l, id));
    reach(l, segment);
    lie(page, segment);
}

/* Nothing in the page lies in this segment or an older one any more. Where it is not known where the rest
 * lies (too far away), it is taken to lie in the next one. */
static void follow(struct ledger *l, struct ledger_page *page, uint64_t segment)
{
    uint64_t steps = segment + 1 - page->segment;
    assert(l->newest > segment);
    *count_of(l, page->segment) -= page->live;
    page->lies = steps < WORD_BITS ? page->lies >> steps : 0;
    page->segment = segment + 1;
    if (page->lies == 0)
        page->lies = 1;
    for (; !(page->lies & 1); page->lies >>= 1)
        page->segment++;
    assert(page->segment <= l->newest);
    *count_of(l, page->segment) += page->live;
}

void ledger_moved(struct ledger *l, uint64_t segment)
{
    if (!ledger_is_needed(l, segment))
        return;
    for (struct table_node *n = table_walk(&l->pages, NULL); n; n = table_walk(&l->pages, n)) {
        struct ledger_page *page = CONTAINER_OF(n, struct ledger_page, node);
        if (page->live > 0 && page->segment <= segment)
            follow(l, page, segment);
    }
    advance(l);
}

static void check_page(const struct ledger *l, const struct ledger_page *page)
{
    size_t live = 0;
    for (size_t i = 0; i < WORDS; i++)
        live += (size_t)__builtin_popcountll(page->bits[i]);
    assert(live == page->live);
    if (live == 0)
        return;
    assert(page->lies & 1);
    assert(page->segment >= l->oldest && page->segment <= l->newest);
}

void ledger_check(const struct ledger *l)
{
    uint64_t live = 0, counted = 0;
    for (struct table_node *n = table_walk(&l->pages, NULL); n; n = table_walk(&l->pages, n)) {
        const struct ledger_page *page = CONTAINER_OF(n, struct ledger_page, node);
        check_page(l, page);
        live += page->live;
    }
    assert(live == l->live);
    for (size_t i = 0; i < l->count_capacity; i++) {
        assert(l->counts[i] == 0 || i <= l->newest - l->oldest);
        counted += l->counts[i];
    }
    assert(counted == l->live);
    assert(l->live == 0 || l->oldest == l->newest || l->counts[0] > 0);
}
