/* race.h - one race for every broker: producers and consumers, each a process of its own, that move `count`
 * items from the first put to the last acknowledgement which the broker has taken.
 *
 * A peer's program fills in a struct racer and calls race_main(). The race forks, lets everybody connect,
 * starts all at one barrier, stops the clock when the last item is acknowledged, and prints one JSON object.
 * It fails unless exactly `count` items were acknowledged.
 *
 *     peer_NAME -m batch|sync|handoff -e ENDPOINT [-v VARIANT] [-n COUNT] [-s BYTES] [-p PRODUCERS] [-c
 * CONSUMERS]
 *               [-b BATCH] [-w WINDOW] [-r PUTS-A-SECOND] [-B BROKER-PID]
 *
 * batch: `produce` and `consume`, the peer at its best. sync: one item at a time, each answer awaited.
 * handoff: as sync, but each put waits until the consumer has long been blocked in its get. With -r a sync
 * put is due at its scheduled time, and all latencies count from there, so that a late start is not forgiven.
 */
#ifndef RACE_H
#define RACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    RACE_BODY_MAX = 1 << 20,  /* bytes */
    RACE_ENDPOINT_MAX = 256,  /* bytes */
    RACE_LATENCIES = 1 << 21, /* measured at most */
    RACE_ROLES_MAX = 64,      /* producers, and as many consumers */
    RACE_TIMEOUT_S = 90,      /* the longest race */
};

/* What is asked for. Racers only read it. */
struct race {
    const char *mode, *endpoint, *variant;
    long count;  /* items */
    size_t size; /* bytes of each body */
    int producers, consumers;
    int batch;   /* items a command, or however the peer groups them */
    int window;  /* batches on their way at a time, of each producer */
    double rate; /* puts a second; 0: as fast as answers come */
    pid_t broker;
    char *body; /* what producers put, RACE_BODY_MAX bytes */
};

/* One peer. A seat is what `enter` returns: the connection of one producer or consumer. */
struct racer {
    const char *name;
    void (*prepare)(const struct race *);                   /* make the queue, empty; may be NULL */
    void *(*enter)(const struct race *, bool is_producer);  /* connect */
    void (*put)(void *seat, const void *body, size_t size); /* one item, the answer awaited */
    void (*get)(void *seat, void *ret_body);                /* blocks for one item */
    void (*acknowledge)(void *seat);                        /* ... and says that it is done; may be NULL */
    void (*produce)(void *seat, long count);                /* returns when everything is answered */
    long (*consume)(void *seat);                            /* some items, acknowledged; how many */
    void (*settle)(void *seat); /* waits until acknowledgements are taken; may be NULL */
};

int race_main(int argc, char **argv, const struct racer *racer);

/* For racers: ends this process, and the race with it. And HOST:PORT taken apart. */
_Noreturn void race_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void race_address(const struct race *race, char ret_host[RACE_ENDPOINT_MAX], int *ret_port);
void *race_alloc(size_t size); /* zeroed, or the end */

#endif
