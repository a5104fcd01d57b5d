/* unit_engine_log.c - whatever was asked of a durable engine: what is read back from its log, of which old
 * segments were gone through and dropped, is what was.
 *
 *     unit_engine_log [SEEDS [FIRST]] */
#include "log_world.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 600 };

static uint64_t seeds = 12, first_seed = 1;

/* The first line in which they differ. */
static void show_difference(const char *was, const char *is)
{
    size_t line = 1, begin = 0, at = 0;
    for (; was[at] && was[at] == is[at]; at++)
        if (was[at] == '\n') {
            line++;
            begin = at + 1;
        }
    printf("\n    line %zu was  %.*s\n    is now  %.*s\n", line, (int)strcspn(was + begin, "\n"), was + begin,
           (int)strcspn(is + begin, "\n"), is + begin);
}

static void compare_with_log(struct world *w, uint64_t seed)
{
    world_take(w);
    struct engine *e = world_replay(w);
    char *was = world_describe(w->engine), *is = world_describe(e);
    if (strcmp(was, is) != 0) {
        printf("\n    seed %llu step %llu", (unsigned long long)seed, (unsigned long long)w->steps);
        show_difference(was, is);
        CHECK(false);
    }
    free(was);
    free(is);
    engine_free(e);
}

static void what_is_read_back_is_what_was_whatever_happened_and_was_dropped(void)
{
    static struct world w;
    uint64_t moved = 0, dropped = 0, restarts = 0;
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++) {
        world_init(&w, seed);
        while (w.steps < STEPS) {
            world_step(&w);
            if (world_random(&w, 20) == 0)
                compare_with_log(&w, seed);
            if (world_random(&w, 100) == 0)
                world_restart(&w);
        }
        moved += w.moved;
        dropped += w.dropped;
        restarts += w.restarts;
        world_done(&w);
    }
    CHECK(moved > seeds && dropped > 5 * seeds && restarts > seeds);
}

static const struct unit_test tests[] = {
    UNIT(what_is_read_back_is_what_was_whatever_happened_and_was_dropped),
};

int main(int argc, char **argv)
{
    if (argc > 1)
        seeds = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return unit_run("engine_log", tests, sizeof tests / sizeof *tests);
}
