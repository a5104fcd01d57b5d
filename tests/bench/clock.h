/* clock.h - the clocks that the measuring programs read, and quantiles of what they read. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

double clock_now_s(void); /* monotonic, the same in all processes */
void clock_sleep_until_s(double when_s);
struct timespec clock_realtime_in_ms(long ms);

/* CPU seconds that a process has used, all its threads, to the nanosecond; 0 for pid 0. */
double clock_cpu_s(pid_t pid);

/* Resident memory of a process in bytes; 0 if there is no such process. */
size_t clock_rss_bytes(pid_t pid);

/* Bytes that a process has caused to be written to disks so far; 0 if that is not told. */
uint64_t clock_written_bytes(pid_t pid);

/* Sorts `ns` and returns its quantile in microseconds; 0 if it is empty. */
double clock_quantile_us(uint32_t *ns, size_t count, double quantile);

#endif
