/* bench_machine.h - what the broker's process costs, if it is on this machine.
 *
 * Its pid is what the broker itself has said. It is believed only if a process of that number is there that
 * has the broker's name and its age; otherwise nothing is known, and nothing is invented. */
#ifndef MQ_BENCH_MACHINE_H
#define MQ_BENCH_MACHINE_H

#include "mqc.h"

#include <sys/types.h>

struct bench_machine {
    pid_t pid; /* 0: not known */
};

void bench_machine_init(struct bench_machine *machine, const struct mqc_broker_stat *stat);

/* CPU time that it has used; false: not known. */
bool bench_machine_cpu_ns(const struct bench_machine *machine, uint64_t *ret_ns);

/* Its resident memory; 0: not known. */
uint64_t bench_machine_rss(const struct bench_machine *machine);

#endif
