/* unit_heap.c - heap.h against a sorted array. */
#include "failing_malloc.h"
#include "heap.h"
#include "list.h"
#include "random.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { THINGS = 200 };

struct thing {
    uint64_t rank;
    int id;
    struct heap_entry entry;
};

static int by_id(const struct heap_entry *a, const struct heap_entry *b)
{
    int x = CONTAINER_OF(a, struct thing, entry)->id, y = CONTAINER_OF(b, struct thing, entry)->id;
    return (x > y) - (x < y);
}

/* The model: the things in the heap, in order. */
struct model {
    struct thing *sorted[THINGS];
    size_t count;
};

static bool is_after(const struct thing *a, const struct thing *b)
{
    return a->rank != b->rank ? a->rank > b->rank : a->id > b->id;
}

static void model_add(struct model *model, struct thing *thing)
{
    size_t i = model->count++;
    for (; i > 0 && is_after(model->sorted[i - 1], thing); i--)
        model->sorted[i] = model->sorted[i - 1];
    model->sorted[i] = thing;
}

static void model_remove(struct model *model, const struct thing *thing)
{
    size_t i = 0;
    while (model->sorted[i] != thing)
        i++;
    model->count--;
    memmove(&model->sorted[i], &model->sorted[i + 1], (model->count - i) * sizeof *model->sorted);
}

static void compare(const struct heap *heap, const struct model *model)
{
    heap_check(heap);
    CHECK_EQUAL(heap->count, model->count);
    CHECK(heap_first(heap) == (model->count ? &model->sorted[0]->entry : NULL));
    CHECK(heap_first_rank(heap) == (model->count ? model->sorted[0]->rank : UINT64_MAX));
}

static void things_init(struct thing things[THINGS])
{
    for (int i = 0; i < THINGS; i++) {
        things[i] = (struct thing){.id = i};
        heap_entry_init(&things[i].entry);
    }
}

/* 100 ranks for 200 things: ties are common. */
static void random_step(struct heap *heap, struct model *model, struct thing things[THINGS], uint64_t *random)
{
    struct thing *thing = &things[random_next(random) % THINGS];
    if (heap_has(&thing->entry)) {
        CHECK(heap_rank(heap, &thing->entry) == thing->rank);
        heap_remove(heap, &thing->entry);
        heap_disown(heap, 1);
        model_remove(model, thing);
    } else {
        thing->rank = random_next(random) % 100;
        CHECK(heap_own(heap, 1));
        heap_add(heap, &thing->entry, thing->rank);
        model_add(model, thing);
    }
}

static void whatever_is_added_and_taken_out_the_first_is_the_lowest(void)
{
    static struct thing things[THINGS];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t random = seed;
        struct model model = {.count = 0};
        struct heap heap;
        heap_init(&heap, by_id);
        things_init(things);
        for (int step = 0; step < 2000; step++) {
            random_step(&heap, &model, things, &random);
            compare(&heap, &model);
        }
        while (model.count) {
            struct thing *first = model.sorted[0];
            heap_remove(&heap, heap_first(&heap));
            CHECK(!heap_has(&first->entry));
            model_remove(&model, first);
            compare(&heap, &model);
        }
        heap_done(&heap);
    }
}

static void equal_ranks_leave_in_the_order_of_their_ties(void)
{
    static struct thing things[THINGS];
    struct heap heap;
    heap_init(&heap, by_id);
    things_init(things);
    CHECK(heap_own(&heap, THINGS));
    for (size_t i = 0; i < THINGS; i++)
        heap_add(&heap, &things[(i * 77) % THINGS].entry, 5);
    for (size_t i = 0; i < THINGS; i++) {
        CHECK(heap_first(&heap) == &things[i].entry);
        heap_remove(&heap, heap_first(&heap));
        heap_check(&heap);
    }
    heap_done(&heap);
}

static void a_heap_without_a_tie_function_is_ordered_by_rank_alone(void)
{
    static struct thing things[THINGS];
    struct heap heap;
    heap_init(&heap, NULL);
    things_init(things);
    CHECK(heap_own(&heap, THINGS));
    for (size_t i = 0; i < THINGS; i++)
        heap_add(&heap, &things[i].entry, (i * 31) % 7);
    for (uint64_t last = 0; heap.count; heap_remove(&heap, heap_first(&heap))) {
        CHECK(heap_first_rank(&heap) >= last);
        last = heap_first_rank(&heap);
        heap_check(&heap);
    }
    heap_shift(&heap, 3);
    CHECK(heap_first(&heap) == NULL);
    heap_done(&heap);
}

static void an_owned_slot_needs_no_memory(void)
{
    static struct thing things[THINGS];
    struct heap heap;
    heap_init(&heap, by_id);
    things_init(things);
    CHECK(heap_own(&heap, THINGS));
    malloc_always_fails = true;
    for (size_t i = 0; i < THINGS; i++)
        heap_add(&heap, &things[i].entry, THINGS - i);
    malloc_always_fails = false;
    CHECK_EQUAL(heap.count, THINGS);
    heap_check(&heap);
    heap_done(&heap);
}

static void without_memory_owning_fails_and_nothing_has_changed(void)
{
    static struct thing things[THINGS];
    struct heap heap;
    heap_init(&heap, by_id);
    things_init(things);
    malloc_always_fails = true;
    CHECK(!heap_own(&heap, 1));
    CHECK_EQUAL(heap.owned, 0);
    malloc_always_fails = false;
    CHECK(heap_own(&heap, 3));
    for (size_t i = 0; i < 3; i++)
        heap_add(&heap, &things[i].entry, i);
    malloc_always_fails = true;
    CHECK(!heap_own(&heap, THINGS));
    malloc_always_fails = false;
    CHECK(!heap_own(&heap, SIZE_MAX));
    CHECK(!heap_own(&heap, SIZE_MAX / 2 / sizeof(struct heap_node)));
    CHECK_EQUAL(heap.owned, 3);
    CHECK_EQUAL(heap.count, 3);
    CHECK(heap_first(&heap) == &things[0].entry);
    heap_check(&heap);
    heap_done(&heap);
}

static void a_heap_that_is_far_too_large_gives_memory_back(void)
{
    struct heap heap;
    heap_init(&heap, NULL);
    CHECK(heap_own(&heap, 100000));
    size_t large = heap.capacity;
    malloc_always_fails = true;
    heap_disown(&heap, 50000);
    heap_disown(&heap, 49000);
    CHECK_EQUAL(heap.capacity, large);
    malloc_always_fails = false;
    heap_disown(&heap, 900);
    CHECK(heap.capacity < 500);
    CHECK(heap.capacity >= 100);
    heap_disown(&heap, 100);
    CHECK_EQUAL(heap.owned, 0);
    heap_check(&heap);
    heap_done(&heap);
}

static void a_shift_keeps_the_order(void)
{
    static struct thing things[THINGS];
    struct model model = {.count = 0};
    struct heap heap;
    heap_init(&heap, by_id);
    things_init(things);
    CHECK(heap_own(&heap, THINGS));
    for (int i = 0; i < THINGS; i++) {
        things[i].rank = (uint64_t)((i * 131) % THINGS);
        heap_add(&heap, &things[i].entry, things[i].rank);
        things[i].rank += 1000;
        model_add(&model, &things[i]);
    }
    heap_shift(&heap, 1000);
    for (; model.count; model_remove(&model, model.sorted[0])) {
        compare(&heap, &model);
        heap_remove(&heap, heap_first(&heap));
    }
    heap_done(&heap);
}

static void ranks_that_meet_at_the_end_of_time_are_ordered_by_their_ties(void)
{
    static struct thing things[THINGS];
    struct heap heap;
    heap_init(&heap, by_id);
    things_init(things);
    CHECK(heap_own(&heap, 4));
    for (size_t i = 0; i < 4; i++) /* the highest ids come first */
        heap_add(&heap, &things[i].entry, UINT64_MAX - i - 1);
    heap_shift(&heap, 100);
    heap_check(&heap);
    for (size_t i = 0; i < 4; i++) {
        CHECK(heap_first(&heap) == &things[i].entry);
        CHECK(heap_first_rank(&heap) == UINT64_MAX - 1);
        heap_remove(&heap, heap_first(&heap));
    }
    heap_done(&heap);
}

static const struct unit_test tests[] = {
    UNIT(whatever_is_added_and_taken_out_the_first_is_the_lowest),
    UNIT(equal_ranks_leave_in_the_order_of_their_ties),
    UNIT(a_heap_without_a_tie_function_is_ordered_by_rank_alone),
    UNIT(an_owned_slot_needs_no_memory),
    UNIT(without_memory_owning_fails_and_nothing_has_changed),
    UNIT(a_heap_that_is_far_too_large_gives_memory_back),
    UNIT(a_shift_keeps_the_order),
    UNIT(ranks_that_meet_at_the_end_of_time_are_ordered_by_their_ties),
};

int main(void)
{
    return unit_run("heap", tests, sizeof tests / sizeof *tests);
}
