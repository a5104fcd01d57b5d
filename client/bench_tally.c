/* bench_tally.c - see bench_tally.h. */
#include "bench_tally.h"

enum { WORD_BITS = 64 };

size_t bench_tally_words(uint64_t items_max)
{
    return (size_t)((items_max + WORD_BITS - 1) / WORD_BITS);
}

static _Atomic uint64_t *words_of(const struct bench_tally *tally, unsigned producer)
{
    return tally->seen + producer * bench_tally_words(tally->items_max);
}

bool bench_tally_see(struct bench_tally *tally, struct bench_findings *findings, uint64_t *next,
                     const void *body, size_t size, struct bench_stamp *ret_stamp)
{
    struct bench_stamp stamp;
    if (!bench_item_read(body, size, tally->size, &stamp)) {
        findings->corrupt++;
        return false;
    }
    if (stamp.run != tally->run || stamp.producer >= tally->producers || stamp.sequence >= tally->items_max) {
        findings->foreign++;
        return false;
    }
    _Atomic uint64_t *word = words_of(tally, stamp.producer) + stamp.sequence / WORD_BITS;
    uint64_t bit = (uint64_t)1 << stamp.sequence % WORD_BITS;
    if (atomic_fetch_or_explicit(word, bit, memory_order_relaxed) & bit)
        findings->doubled++;
    else
        findings->seen++;
    if (next && stamp.sequence < next[stamp.producer])
        findings->misordered++;
    else if (next)
        next[stamp.producer] = stamp.sequence + 1;
    *ret_stamp = stamp;
    return true;
}

uint64_t bench_tally_lost(const struct bench_tally *tally, unsigned producer, uint64_t count)
{
    uint64_t lost = 0;
    for (uint64_t first = 0; first < count; first += WORD_BITS) {
        uint64_t seen = words_of(tally, producer)[first / WORD_BITS];
        uint64_t left = count - first;
        uint64_t wanted = left >= WORD_BITS ? UINT64_MAX : ((uint64_t)1 << left) - 1;
        lost += (uint64_t)__builtin_popcountll(wanted & ~seen);
    }
    return lost;
}

void bench_findings_add(struct bench_findings *to, const struct bench_findings *from)
{
    to->seen += from->seen;
    to->corrupt += from->corrupt;
    to->foreign += from->foreign;
    to->doubled += from->doubled;
    to->misordered += from->misordered;
}
