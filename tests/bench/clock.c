/* clock.c - thin wrappers over the kernel's clocks. */
#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static double seconds(struct timespec time)
{
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double clock_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return seconds(now);
}

void clock_sleep_until_s(double when_s)
{
    struct timespec when = {.tv_sec = (time_t)when_s};
    when.tv_nsec = (long)((when_s - (double)when.tv_sec) * 1e9);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
        ;
}

struct timespec clock_realtime_in_ms(long ms)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += ms * 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

double clock_cpu_s(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (pid == 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
        return 0;
    return seconds(used);
}

size_t clock_rss_bytes(pid_t pid)
{
    char path[64];
    unsigned long pages = 0;
    snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
    FILE *statm = fopen(path, "r");
    if (!statm)
        return 0;
    if (fscanf(statm, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

uint64_t clock_written_bytes(pid_t pid)
{
    char path[64], line[128];
    unsigned long long bytes = 0;
    snprintf(path, sizeof path, "/proc/%ld/io", (long)pid);
    FILE *io = fopen(path, "r");
    if (!io)
        return 0;
    while (fgets(line, sizeof line, io))
        if (sscanf(line, "write_bytes: %llu", &bytes) == 1)
            break;
    fclose(io);
    return bytes;
}

static int compare_ns(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

double clock_quantile_us(uint32_t *ns, size_t count, double quantile)
{
    if (count == 0)
        return 0;
    qsort(ns, count, sizeof *ns, compare_ns);
    size_t at = (size_t)(quantile * (double)count);
    return ns[at < count ? at : count - 1] / 1e3;
}
