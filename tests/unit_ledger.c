/* unit_ledger.c - ledger.h against plain arrays. */
#include "failing_malloc.h"
#include "ledger.h"
#include "random.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { IDS = 6 * LEDGER_PAGE_IDS, SEGMENTS = 400 };

static uint64_t random_state;

static uint64_t next_random(void)
{
    return random_next(&random_state);
}

/* What is alive, and where it lies: exactly. */
struct model {
    bool live[IDS];
    uint64_t lies[IDS];
    uint64_t next, segment, oldest;
};

static void compare(const struct ledger *l, const struct model *m)
{
    uint64_t live = 0, wrong = 0, lowest = UINT64_MAX;
    ledger_check(l);
    for (uint64_t id = 0; id < IDS; id++) {
        wrong += ledger_is_live(l, id) != m->live[id];
        live += m->live[id];
        if (m->live[id] && m->lies[id] < lowest)
            lowest = m->lies[id];
    }
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(l->live, live);
    for (uint64_t segment = m->oldest; segment <= m->segment; segment++)
        CHECK(ledger_is_needed(l, segment) || segment < lowest);
}

static void store(struct ledger *l, struct model *m, uint64_t count)
{
    if (m->next + count > IDS)
        count = IDS - m->next;
    if (count == 0)
        return;
    CHECK(ledger_reserve(l, m->next, count, m->segment));
    ledger_store(l, m->next, count, m->segment);
    for (uint64_t i = 0; i < count; i++, m->next++) {
        m->live[m->next] = true;
        m->lies[m->next] = m->segment;
    }
}

static void end_some(struct ledger *l, struct model *m, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t id = next_random() % m->next;
        if (!m->live[id])
            continue;
        ledger_end(l, id);
        m->live[id] = false;
    }
}

/* The oldest segment is gone through, in two pieces with a new segment between them. */
static void move_oldest(struct ledger *l, struct model *m)
{
    uint64_t from = m->oldest;
    for (uint64_t id = 1; id < m->next; id++) {
        if (m->segment < SEGMENTS && next_random() % m->next == 0)
            m->segment++;
        if (!m->live[id] || m->lies[id] > from)
            continue;
        CHECK(ledger_reserve(l, id, 1, m->segment));
        ledger_move(l, id, m->segment);
        m->lies[id] = m->segment;
    }
    ledger_moved(l, from);
    CHECK(!ledger_is_needed(l, from));
    m->oldest++;
}

static void step(struct ledger *l, struct model *m)
{
    switch (next_random() % 8) {
    case 0:
    case 1:
        store(l, m, 1 + next_random() % 700);
        break;
    case 2:
        store(l, m, 1);
        break;
    case 3:
    case 4:
        end_some(l, m, next_random() % 1000);
        break;
    case 5:
        m->segment++;
        break;
    default:
        if (m->oldest < m->segment)
            move_oldest(l, m);
        break;
    }
}

static void it_knows_what_an_array_of_all_ids_knows(void)
{
    static struct model m;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct ledger l;
        ledger_init(&l);
        random_state = seed * 0x9E3779B97F4A7C15u;
        m = (struct model){.next = 1, .segment = 1 + seed % 3 * 100, .oldest = 1};
        for (size_t i = 0; i < 150; i++) {
            step(&l, &m);
            if (i % 5 == 0)
                compare(&l, &m);
        }
        compare(&l, &m);
        ledger_done(&l);
    }
}

static void a_segment_is_not_needed_once_all_in_it_have_ended(void)
{
    struct ledger l;
    ledger_init(&l);
    CHECK(!ledger_is_needed(&l, UINT64_MAX));
    for (uint64_t segment = 7; segment < 10; segment++) {
        uint64_t first = segment * LEDGER_PAGE_IDS;
        CHECK(ledger_reserve(&l, first, 100, segment));
        ledger_store(&l, first, 100, segment);
    }
    CHECK(!ledger_is_needed(&l, 6) && ledger_is_needed(&l, 7));
    for (uint64_t i = 0; i < 100; i++)
        ledger_end(&l, (uint64_t)8 * LEDGER_PAGE_IDS + i);
    CHECK(ledger_is_needed(&l, 7)); /* not the oldest */
    for (uint64_t i = 0; i < 100; i++)
        ledger_end(&l, (uint64_t)7 * LEDGER_PAGE_IDS + i);
    CHECK(!ledger_is_needed(&l, 8) && ledger_is_needed(&l, 9));
    for (uint64_t i = 0; i < 100; i++)
        ledger_end(&l, (uint64_t)9 * LEDGER_PAGE_IDS + i);
    CHECK(!ledger_is_needed(&l, UINT64_MAX));
    ledger_check(&l);
    ledger_done(&l);
}

/* One page has something in many segments: they go one by one, each as soon as it was gone through. */
static void the_segments_of_one_page_are_known_one_by_one(void)
{
    enum { APART = 3, COUNT = 60 };
    struct ledger l;
    ledger_init(&l);
    for (uint64_t i = 0; i < COUNT; i++) {
        CHECK(ledger_reserve(&l, 1 + i, 1, 1 + i * APART));
        ledger_store(&l, 1 + i, 1, 1 + i * APART);
    }
    uint64_t last = 1 + COUNT * APART;
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t segment = 1 + i * APART;
        CHECK(ledger_is_needed(&l, segment));
        CHECK(!ledger_is_needed(&l, segment - 1));
        CHECK(ledger_reserve(&l, 1 + i, 1, last));
        ledger_move(&l, 1 + i, last);
        ledger_moved(&l, segment);
        ledger_check(&l);
        /* Those far away are known only roughly; never as later than they are. */
        for (uint64_t s = segment + 1; s < segment + APART && ledger_is_needed(&l, s); s++)
            ledger_moved(&l, s);
    }
    CHECK(!ledger_is_needed(&l, last - 1) && ledger_is_needed(&l, last));
    ledger_done(&l);
}

static void a_page_of_which_all_has_ended_is_given_back(void)
{
    struct ledger l;
    ledger_init(&l);
    for (uint64_t id = 1; id < 100 * LEDGER_PAGE_IDS; id += 64) {
        CHECK(ledger_reserve(&l, id, 64, 1));
        ledger_store(&l, id, 64, 1);
        for (uint64_t i = id; i < id + 64; i++)
            ledger_end(&l, i);
        CHECK(l.pages.count <= 2);
    }
    ledger_check(&l);
    ledger_done(&l);
}

static void without_memory_nothing_is_reserved_and_nothing_is_lost(void)
{
    for (uint64_t fails_at = 1;; fails_at++) {
        struct ledger l;
        ledger_init(&l);
        malloc_fails_at = malloc_calls + fails_at;
        bool ok = ledger_reserve(&l, 1, 5 * LEDGER_PAGE_IDS, 3);
        malloc_fails_at = 0;
        if (!ok) {
            ledger_check(&l);
            CHECK_EQUAL(l.live, 0);
            CHECK(ledger_reserve(&l, 1, 5 * LEDGER_PAGE_IDS, 3));
        }
        malloc_always_fails = true;
        ledger_store(&l, 1, 5 * LEDGER_PAGE_IDS, 3);
        CHECK(!ledger_reserve(&l, 1, 1, 1000));
        malloc_always_fails = false;
        CHECK(ledger_reserve(&l, 1, 1, 1000));
        ledger_move(&l, 1, 1000);
        ledger_check(&l);
        ledger_done(&l);
        if (ok)
            break;
    }
}

static const struct unit_test tests[] = {
    UNIT(it_knows_what_an_array_of_all_ids_knows),
    UNIT(a_segment_is_not_needed_once_all_in_it_have_ended),
    UNIT(the_segments_of_one_page_are_known_one_by_one),
    UNIT(a_page_of_which_all_has_ended_is_given_back),
    UNIT(without_memory_nothing_is_reserved_and_nothing_is_lost),
};

int main(void)
{
    return unit_run("ledger", tests, sizeof tests / sizeof *tests);
}
