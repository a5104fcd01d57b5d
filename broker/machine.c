/* machine.c - see machine.h. */
#include "machine.h"

#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SHORT_TURN_NS = 100000 };

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The number in a file; UINT64_MAX if there is none ("max", or no such file). */
static uint64_t read_limit(const char *path)
{
    uint64_t limit = UINT64_MAX;
    FILE *file = fopen(path, "re");
    if (!file)
        return UINT64_MAX;
    if (fscanf(file, "%" SCNu64, &limit) != 1)
        limit = UINT64_MAX;
    fclose(file);
    return limit;
}

/* The lowest limit of a control group and all above it. */
static uint64_t group_limit(const char *root, const char *group, const char *file)
{
    char path[PATH_MAX], name[PATH_MAX / 2];
    uint64_t limit = UINT64_MAX;
    snprintf(name, sizeof name, "%s", strcmp(group, "/") == 0 ? "" : group);
    for (;;) {
        snprintf(path, sizeof path, "%s%s/%s", root, name, file);
        limit = smaller(limit, read_limit(path));
        char *slash = strrchr(name, '/');
        if (!slash)
            return limit;
        *slash = '\0';
    }
}

/* /proc/self/cgroup has lines "0::/group" (version 2) and "5:memory:/group" (version 1). */
static uint64_t control_group_memory(void)
{
    uint64_t limit = UINT64_MAX;
    char line[PATH_MAX / 2];
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file)
        return limit;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *group = strchr(line, '/');
        if (!group)
            continue;
        if (strncmp(line, "0::", 3) == 0)
            limit = smaller(limit, group_limit("/sys/fs/cgroup", group, "memory.max"));
        else if (strstr(line, ":memory:"))
            limit = smaller(limit, group_limit("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
    }
    fclose(file);
    return limit;
}

uint64_t machine_memory(void)
{
    uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return smaller(ram, control_group_memory());
}

void machine_trim_memory(void)
{
    malloc_trim(0);
}

uint32_t machine_raise_descriptors(uint32_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 256;
    if (limit.rlim_cur < wanted) {
        struct rlimit raised = {.rlim_cur = smaller(wanted, limit.rlim_max), .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    return (uint32_t)smaller(limit.rlim_cur, wanted);
}

uint64_t machine_first_item(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec) / 256; /* 3.9 million a second */
}

static uint64_t clock_read_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t machine_clock_ms(void)
{
    static uint64_t ahead; /* Unix time at zero of the monotonic clock, as it was at the first call */
    uint64_t monotonic = clock_read_ms(CLOCK_MONOTONIC);
    if (!ahead)
        ahead = clock_read_ms(CLOCK_REALTIME) - monotonic;
    return monotonic + ahead;
}

bool machine_random(uint64_t *ret_number)
{
    return getrandom(ret_number, sizeof *ret_number, 0) == sizeof *ret_number;
}

/* As sched_setattr(2) has it; the C library does not know the call. */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

void machine_ask_for_short_turns(void)
{
    struct scheduling now = {.size = 0};
    if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0 || now.policy != SCHED_OTHER)
        return; /* somebody has chosen something else for this process */
    struct scheduling wanted = {
        .size = sizeof wanted, .policy = SCHED_OTHER, .nice = now.nice, .runtime = SHORT_TURN_NS};
    syscall(SYS_sched_setattr, 0, &wanted, 0);
}
