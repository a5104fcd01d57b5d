/* machine.h - what the broker asks of the computer that it runs on: memory, descriptors, time, chance. */
#ifndef MQ_MACHINE_H
#define MQ_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes of memory that this process may hope for: the RAM, or the limit of its control group if that is
 * lower. */
uint64_t machine_memory(void);

/* Gives what malloc has free back to the system. */
void machine_trim_memory(void);

/* Raises the number of descriptors that may be open, to `wanted` or as far as that is allowed. Returns how
 * many may be open now. */
uint32_t machine_raise_descriptors(uint32_t wanted);

/* Milliseconds of a clock that never goes back. It shows the Unix time at the first call, so that times mean
 * something to the next process, too; after that nobody can set it. For one thread. */
uint64_t machine_clock_ms(void);

/* A number that is larger each time the broker is started, and grows faster than a broker gives ids: a broker
 * that remembers nothing begins here, so that no id is given twice. Below 2^53 until the year 2043, for the
 * sake of those who keep numbers as doubles. */
uint64_t machine_first_item(void);

/* False: no randomness to be had. */
bool machine_random(uint64_t *ret_number);

/* This thread waits more than it works, and somebody waits for it: it asks the kernel for short turns, so
 * that it gets one as soon as it wakes even if all processors are busy. (Measured beside three busy processes
 * on two processors: a write and sync took 90 to 130 us nine times in ten; without, up to 5000.) Kernels
 * before 6.12 take no notice. */
void machine_ask_for_short_turns(void);

#endif
