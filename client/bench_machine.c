/* bench_machine.c - see bench_machine.h. */
#include "bench_machine.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char broker_name[] = "mq-broker";

enum { AGE_DIFFERENCE_S = 2 }; /* it counts from when it is ready, the system from its start */

/* The beginning of /proc/PID/NAME as a string. */
static bool read_file(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t length = fread(text, 1, size - 1, file);
    fclose(file);
    text[length] = '\0';
    return length > 0;
}

/* When the process was started, in ticks since boot: the 22nd field of its stat, the second of which is a
 * name in parentheses that may have blanks in it. */
static bool read_start(pid_t pid, unsigned long long *ret_ticks)
{
    char text[1024];
    if (!read_file(pid, "stat", text, sizeof text))
        return false;
    const char *field = strrchr(text, ')');
    for (int number = 2; field && number < 22; number++)
        field = strchr(field + 1, ' ');
    if (!field)
        return false;
    *ret_ticks = strtoull(field, NULL, 10);
    return true;
}

static double clock_s(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The broker does not count the time in which the machine was asleep, the system does. */
static bool is_broker(pid_t pid, uint64_t uptime_ms)
{
    char name[64];
    unsigned long long start_ticks;
    if (!read_file(pid, "comm", name, sizeof name) || !read_start(pid, &start_ticks))
        return false;
    if (strcspn(name, "\n") != strlen(broker_name) || strncmp(name, broker_name, strlen(broker_name)) != 0)
        return false;
    double boot_s = clock_s(CLOCK_BOOTTIME), asleep_s = boot_s - clock_s(CLOCK_MONOTONIC);
    double age_s = boot_s - (double)start_ticks / (double)sysconf(_SC_CLK_TCK);
    double difference_s = age_s - (double)uptime_ms / 1000;
    return difference_s > -AGE_DIFFERENCE_S && difference_s < AGE_DIFFERENCE_S + asleep_s;
}

void bench_machine_init(struct bench_machine *machine, const struct mqc_broker_stat *stat)
{
    bool is_known = stat->pid > 0 && stat->pid <= INT_MAX && is_broker((pid_t)stat->pid, stat->uptime_ms);
    machine->pid = is_known ? (pid_t)stat->pid : 0;
}

bool bench_machine_cpu_ns(const struct bench_machine *machine, uint64_t *ret_ns)
{
    clockid_t clock;
    struct timespec spent;
    if (!machine->pid || clock_getcpuclockid(machine->pid, &clock) != 0 || clock_gettime(clock, &spent) != 0)
        return false;
    *ret_ns = (uint64_t)spent.tv_sec * 1000000000 + (uint64_t)spent.tv_nsec;
    return true;
}

uint64_t bench_machine_rss(const struct bench_machine *machine)
{
    char text[4096];
    uint64_t kib = 0;
    if (!machine->pid || !read_file(machine->pid, "status", text, sizeof text))
        return 0;
    const char *line = strstr(text, "\nVmRSS:");
    if (line)
        kib = strtoull(line + strlen("\nVmRSS:"), NULL, 10);
    return kib * 1024;
}
