/* bench_floor.h - the memory that all processes of a run share: what is to be done, how far it is, and what
 * has been measured.
 *
 * One process directs (bench_run.c); the others are crews, each a process with a client of its own and one or
 * more workers, its threads. A run is a row of phases. The director opens the gate of a phase for every crew,
 * each crew works and reports at the end, and the director goes on when all have reported. So nothing of the
 * warm-up, not even an unfinished task_done, reaches into what is measured. */
#ifndef MQ_BENCH_FLOOR_H
#define MQ_BENCH_FLOOR_H

#include <semaphore.h>
#include <sys/types.h>

#include "bench_histogram.h"
#include "bench_options.h"
#include "bench_tally.h"

enum { BENCH_PHASES_MAX = 3, BENCH_TEXT_SIZE = 512 };

enum bench_phase_kind {
    BENCH_WARM_UP, /* all work, nothing is kept */
    BENCH_RUN,     /* all work */
    BENCH_PUTS,    /* producers alone */
    BENCH_GETS     /* consumers alone: what the phase before has put */
};

struct bench_phase {
    enum bench_phase_kind kind;
    struct bench_tally tally;
    uint64_t quota;       /* items of all producers together; 0: until the deadline */
    uint64_t start_ns;    /* the schedule of --rate begins here */
    uint64_t deadline_ns; /* of puts without a quota */
    _Alignas(64) _Atomic uint64_t done;
    _Alignas(64) _Atomic uint64_t put; /* by producers that have ended */
    _Atomic uint64_t target; /* as many items there are to get: known when all producers have ended */
    atomic_uint putting;     /* producers that have not ended */
    atomic_bool is_complete; /* everything has been put and done */
    _Atomic uint64_t end_ns; /* ... since then */
};

/* A thread, and what it has measured in its last phase but the warm-up. Cache lines are its own. */
struct bench_worker {
    _Alignas(64) bool is_producer;
    unsigned index;         /* among its kind */
    _Atomic uint64_t items; /* so far */
    uint64_t requests;
    uint64_t first_ns, last_ns;    /* beginning of the first request, end of the last */
    struct histogram latency;      /* of puts; from put to get */
    struct histogram done_latency; /* consumer: of task_done */
    struct bench_findings findings;
};

struct bench_crew {
    pid_t pid; /* 0: it has ended */
    bool is_producer;
    unsigned first, count; /* its workers */
    uint64_t cpu_ns;       /* of the measured phases */
};

struct bench_floor {
    struct bench_options options;
    const char *endpoint; /* or NULL, and the time-out: as given to every client */
    int64_t connect_timeout_ms;
    pid_t director;
    size_t size; /* of all this */

    sem_t gates[BENCH_PHASES_MAX +
                1];      /* the first: the queue is there, clients may be opened; then a phase each.
                            Opened once for each crew, which may be at the next one already */
    sem_t reported;      /* by each crew after each */
    atomic_bool is_over; /* of the phase: gets that wait for more need not wait any longer */
    atomic_bool stops;   /* the run is given up */

    atomic_bool has_failed; /* the first failure is kept: */
    atomic_bool is_told;    /* ... its text is complete */
    enum mq_status status;
    char text[BENCH_TEXT_SIZE];

    unsigned phase_count, crew_count;
    struct bench_phase phases[BENCH_PHASES_MAX];
    unsigned worker_count;
    struct bench_worker *workers; /* producers, then consumers */
    struct bench_crew *crews;
};

/* Plans the phases and gets the memory, which children share. NULL: there is none; errno says why. */
struct bench_floor *bench_floor_new(const struct bench_options *options);
void bench_floor_free(struct bench_floor *floor);

/* A worker could not go on: the run is given up. Only the first failure is kept. */
void bench_floor_fail(struct bench_floor *floor, enum mq_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Does this kind of worker take part in the phase? */
bool bench_phase_has(const struct bench_phase *phase, bool is_producer);

/* A producer has ended, having put so many; a consumer has done so many more. True for one caller only: it is
 * the one who completes the phase, and is to call bench_phase_complete(). */
bool bench_phase_put(struct bench_phase *phase, uint64_t count);
bool bench_phase_done(struct bench_phase *phase, uint64_t count);
void bench_phase_complete(struct bench_phase *phase);

/* How many items this producer is to put at most. */
uint64_t bench_phase_quota(const struct bench_phase *phase, unsigned producer);

uint64_t bench_now_ns(void);

#endif
