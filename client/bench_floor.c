/* bench_floor.c - see bench_floor.h. */
#include "bench_floor.h"
#include "bench_random.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* No producer puts as many a second: room in the tally of a phase whose items are not counted beforehand. The
 * pages of those that never come are never touched. */
enum { PUTS_PER_MS_MAX = 10000 };

enum { LINE_SIZE = 64 };

uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void add_phase(struct bench_floor *floor, enum bench_phase_kind kind, uint64_t quota,
                      int64_t duration_ms)
{
    const struct bench_options *o = &floor->options;
    struct bench_phase *phase = &floor->phases[floor->phase_count++];
    uint64_t state = bench_now_ns() + ((uint64_t)getpid() << 32) + floor->phase_count;
    uint64_t each = quota ? quota / bench_putters(o) + 1 : (uint64_t)duration_ms * PUTS_PER_MS_MAX + 1;
    phase->kind = kind;
    phase->quota = quota;
    phase->tally = (struct bench_tally){.run = (uint32_t)bench_random(&state),
                                        .size = o->size,
                                        .producers = bench_putters(o),
                                        .items_max = each};
    atomic_store(&phase->target, UINT64_MAX);
    atomic_store(&phase->putting, bench_putters(o));
}

static void plan_phases(struct bench_floor *floor)
{
    const struct bench_options *o = &floor->options;
    if (o->warm_up_ms && o->consumers)
        add_phase(floor, BENCH_WARM_UP, 0, o->warm_up_ms);
    if (!o->fill && o->consumers) {
        add_phase(floor, BENCH_RUN, o->count, o->duration_ms);
        return;
    }
    add_phase(floor, BENCH_PUTS, o->count, o->duration_ms);
    if (o->consumers)
        add_phase(floor, BENCH_GETS, o->count, o->duration_ms);
}

static size_t rounded(size_t size)
{
    return (size + LINE_SIZE - 1) / LINE_SIZE * LINE_SIZE;
}

static size_t tally_size(const struct bench_tally *tally)
{
    return rounded(tally->producers * bench_tally_words(tally->items_max) * sizeof *tally->seen);
}

/* The parts stand one behind the other. Returns where the next one begins. */
static size_t lay_out(struct bench_floor *floor, size_t *ret_workers, size_t *ret_crews)
{
    *ret_workers = rounded(sizeof *floor);
    *ret_crews = *ret_workers + rounded(floor->worker_count * sizeof(struct bench_worker));
    return *ret_crews + rounded(floor->crew_count * sizeof(struct bench_crew));
}

/* Returns how much memory there is from `at` on for the tallies; with `base` NULL that is all. Items that are
 * got in one phase and were put in the one before are judged by one tally. */
static size_t place_tallies(struct bench_floor *floor, char *base, size_t at)
{
    for (unsigned i = 0; i < floor->phase_count; i++) {
        struct bench_tally *tally = &floor->phases[i].tally;
        if (floor->phases[i].kind == BENCH_GETS) {
            *tally = floor->phases[i - 1].tally;
            continue;
        }
        if (base)
            tally->seen = (void *)(base + at);
        at += tally_size(tally);
    }
    return at;
}

static void name_workers(struct bench_floor *floor)
{
    const struct bench_options *o = &floor->options;
    unsigned putters = bench_putters(o), first = 0;
    for (unsigned i = 0; i < floor->worker_count; i++) {
        floor->workers[i].is_producer = i < putters;
        floor->workers[i].index = i < putters ? i : i - putters;
    }
    for (unsigned i = 0; i < floor->crew_count; i++) {
        struct bench_crew *crew = &floor->crews[i];
        crew->first = first;
        crew->is_producer = first < putters;
        crew->count = !o->threads ? o->lanes : crew->is_producer ? putters : bench_getters(o);
        first += crew->count;
    }
}

struct bench_floor *bench_floor_new(const struct bench_options *options)
{
    struct bench_floor plan = {.options = *options, .director = getpid()};
    plan.crew_count =
        options->threads ? 1 + (options->consumers > 0) : options->producers + options->consumers;
    plan.worker_count = bench_putters(options) + bench_getters(options);
    plan_phases(&plan);
    size_t workers_at, crews_at, tallies_at = lay_out(&plan, &workers_at, &crews_at);
    plan.size = place_tallies(&plan, NULL, tallies_at);
    char *base =
        mmap(NULL, plan.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    struct bench_floor *floor = (void *)base;
    *floor = plan;
    floor->workers = (void *)(base + workers_at);
    floor->crews = (void *)(base + crews_at);
    place_tallies(floor, base, tallies_at);
    name_workers(floor);
    bool is_bad = sem_init(&floor->reported, 1, 0) != 0;
    for (unsigned i = 0; i <= BENCH_PHASES_MAX; i++)
        is_bad |= sem_init(&floor->gates[i], 1, 0) != 0;
    if (!is_bad)
        return floor;
    munmap(base, plan.size);
    return NULL;
}

void bench_floor_free(struct bench_floor *floor)
{
    if (floor)
        munmap(floor, floor->size);
}

void bench_floor_fail(struct bench_floor *floor, enum mq_status status, const char *format, ...)
{
    if (!atomic_exchange(&floor->has_failed, true)) {
        va_list args;
        va_start(args, format);
        vsnprintf(floor->text, sizeof floor->text, format, args);
        va_end(args);
        floor->status = status;
        atomic_store(&floor->is_told, true);
    }
    atomic_store(&floor->stops, true);
}

bool bench_phase_has(const struct bench_phase *phase, bool is_producer)
{
    return is_producer ? phase->kind != BENCH_GETS : phase->kind != BENCH_PUTS;
}

/* The target is stored before `done` is read here, and `done` before the target there: of a consumer that
 * does the last item and the producer that ends last, one sees the other. */
bool bench_phase_put(struct bench_phase *phase, uint64_t count)
{
    uint64_t put = atomic_fetch_add(&phase->put, count) + count;
    if (atomic_fetch_sub(&phase->putting, 1) > 1)
        return false;
    put = atomic_load(&phase->put);
    atomic_store(&phase->target, put);
    bool is_last = phase->kind == BENCH_PUTS || atomic_load(&phase->done) >= put;
    return is_last && !atomic_exchange(&phase->is_complete, true);
}

bool bench_phase_done(struct bench_phase *phase, uint64_t count)
{
    uint64_t done = atomic_fetch_add(&phase->done, count) + count;
    return done >= atomic_load(&phase->target) && !atomic_exchange(&phase->is_complete, true);
}

void bench_phase_complete(struct bench_phase *phase)
{
    atomic_store(&phase->end_ns, bench_now_ns());
}

uint64_t bench_phase_quota(const struct bench_phase *phase, unsigned producer)
{
    const struct bench_tally *tally = &phase->tally;
    if (!phase->quota)
        return tally->items_max;
    return phase->quota / tally->producers + (producer < phase->quota % tally->producers);
}
