/* main.c - the simulator's command line.
 *
 *     sim                     seeds 1 to 20
 *     sim --seed N --verbose  one run, and what happens in it
 *     sim --seed N --seeds COUNT --steps N
 *     sim --minutes M         random seeds until the time is over
 *
 * A run that fails prints the command that replays it. */
#include "sim.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    uint64_t state; /* of chance() */
    uint64_t seed, steps;
    bool is_verbose;
    char replay[160];
} run;

/* Sanitizers end a bad program as an assert does, so that the replay line is printed for them, too. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "abort_on_error=1";
}
__attribute__((visibility("default"))) const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}

uint64_t chance(void)
{
    uint64_t z = run.state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t chance_below(uint64_t count)
{
    return chance() % count;
}

uint64_t chance_between(uint64_t low, uint64_t high)
{
    return low + chance_below(high - low + 1);
}

bool chance_percent(unsigned percent)
{
    return chance_below(100) < percent;
}

bool chance_permille(unsigned permille)
{
    return chance_below(1000) < permille;
}

void *sim_alloc(size_t size)
{
    void *block = calloc(1, size + 1);
    SIM_REQUIRE(block, "out of memory");
    return block;
}

void sim_say(const char *format, ...)
{
    if (!run.is_verbose)
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("%" PRIu64 " ", sim.now_ms);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

bool sim_is_verbose(void)
{
    return run.is_verbose;
}

void sim_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "%s:%d: step %" PRIu64 ", time %" PRIu64 ": ", file, line, sim.steps, sim.now_ms);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    abort();
}

static void on_abort(int signal_number)
{
    (void)signal_number;
    ssize_t written = write(STDERR_FILENO, run.replay, strlen(run.replay));
    _exit(written < 0 ? 2 : 1);
}

static void one(const char *program, uint64_t seed)
{
    run.seed = run.state = seed;
    snprintf(run.replay, sizeof run.replay, "replay: %s --seed %" PRIu64 " --steps %" PRIu64 " --verbose\n",
             program, seed, run.steps);
    sim_run(run.steps);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int usage(void)
{
    fprintf(stderr, "usage: sim [--seed N] [--seeds COUNT] [--steps N] [--minutes M] [--verbose]\n");
    return 64;
}

struct arguments {
    uint64_t seed, seeds;
    double minutes;
};

static bool read_arguments(int argc, char **argv, struct arguments *ret)
{
    bool has_seeds = false, has_seed = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0) {
            run.is_verbose = true;
            continue;
        }
        char *end;
        if (i + 1 == argc)
            return false;
        const char *name = argv[i++];
        double value = strtod(argv[i], &end);
        if (*end || end == argv[i] || value < 0)
            return false;
        if (strcmp(name, "--seed") == 0)
            has_seed = true, ret->seed = strtoull(argv[i], NULL, 10);
        else if (strcmp(name, "--seeds") == 0)
            has_seeds = true, ret->seeds = (uint64_t)value;
        else if (strcmp(name, "--steps") == 0)
            run.steps = (uint64_t)value;
        else if (strcmp(name, "--minutes") == 0)
            ret->minutes = value;
        else
            return false;
    }
    if (has_seed && !has_seeds)
        ret->seeds = 1;
    return true;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.seed = 1, .seeds = 20};
    uint64_t runs = 0, steps = 0;
    run.steps = 10000;
    if (!read_arguments(argc, argv, &arguments))
        return usage();
    signal(SIGABRT, on_abort);
    double began = seconds_now(), until = began + arguments.minutes * 60;
    if (arguments.minutes > 0)
        arguments.seed = (uint64_t)time(NULL) * 1000;
    for (; arguments.minutes > 0 ? seconds_now() < until : runs < arguments.seeds; runs++) {
        one(argv[0], arguments.seed + runs);
        steps += sim.steps;
    }
    printf("%" PRIu64 " runs from seed %" PRIu64 ", %" PRIu64 " steps, %.1f s\n", runs, arguments.seed, steps,
           seconds_now() - began);
    return 0;
}
