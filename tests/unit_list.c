/* unit_list.c - list.h against a plain array. */
#include "list.h"
#include "unit.h"

#include <stdint.h>
#include <string.h>

enum { THINGS = 20 };

struct thing {
    struct list_node node;
};

/* Both ways along the list are the model's order. */
static void compare(const struct list *list, struct thing *const *model, size_t count)
{
    size_t i = 0;
    for (struct list_node *n = list_first(list); n; n = list_next(list, n), i++)
        CHECK(i < count && n == &model[i]->node);
    CHECK_EQUAL(i, count);
    for (struct list_node *n = list_last(list); n; n = list_prev(list, n))
        CHECK(i-- > 0 && n == &model[i]->node);
    CHECK_EQUAL(i, 0);
    CHECK(list_is_empty(list) == (count == 0));
}

static size_t index_of(struct thing *const *model, size_t count, const struct thing *thing)
{
    size_t i = 0;
    while (i < count && model[i] != thing)
        i++;
    return i;
}

static void insert_somewhere(struct list *list, struct thing **model, size_t *count, struct thing *thing,
                             uint64_t random)
{
    size_t place = random % 4 == 0 ? 0 : random % 4 == 1 ? *count : (size_t)(random / 4 % (*count + 1));
    if (random % 4 == 0)
        list_prepend(list, &thing->node);
    else if (place == *count)
        list_append(list, &thing->node);
    else
        list_insert_before(&model[place]->node, &thing->node);
    memmove(&model[place + 1], &model[place], (*count - place) * sizeof *model);
    model[place] = thing;
    ++*count;
}

static void a_list_keeps_the_order_it_was_told(void)
{
    struct thing things[THINGS] = {0}, *model[THINGS];
    size_t count = 0;
    struct list list;
    list_init(&list);
    uint64_t random = 1;
    for (int step = 0; step < 10000; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        struct thing *thing = &things[(random >> 40) % THINGS];
        size_t at = index_of(model, count, thing);
        CHECK(list_has(&thing->node) == (at < count));
        if (at == count) {
            insert_somewhere(&list, model, &count, thing, random >> 33);
        } else {
            list_remove(&thing->node);
            memmove(&model[at], &model[at + 1], (--count - at) * sizeof *model);
        }
        compare(&list, model, count);
    }
}

static void an_empty_list_has_no_first_and_no_last(void)
{
    struct list list;
    list_init(&list);
    CHECK(list_is_empty(&list));
    CHECK(list_first(&list) == NULL);
    CHECK(list_last(&list) == NULL);
}

static const struct unit_test tests[] = {
    UNIT(a_list_keeps_the_order_it_was_told),
    UNIT(an_empty_list_has_no_first_and_no_last),
};

int main(void)
{
    return unit_run("list", tests, sizeof tests / sizeof *tests);
}
