/* server.h - a real mq-broker in a process of its own, with a temporary directory, on loopback and ipc only.
 *
 * It dies with the thread of the test program that started it. Its log is shown when it did not stop as it
 * should. */
#ifndef E2E_SERVER_H
#define E2E_SERVER_H

#include <stdint.h>
#include <sys/types.h>

struct server {
    pid_t pid; /* 0: not running */
    char directory[64];
    char tcp[64], ipc[108];       /* the real endpoints, once it is ready */
    const char *const *arguments; /* more options, ended by NULL; borrowed; may be NULL */
};

/* Returns when the broker has said that it is ready. */
void server_start(struct server *s, const char *const *arguments);

/* Starts it once more on the same endpoints, after server_stop() or server_kill(). */
void server_restart(struct server *s);

void server_stop(struct server *s); /* SIGTERM; it must exit with 0 */
void server_kill(struct server *s); /* kill -9 */
void server_freeze(struct server *s);
void server_thaw(struct server *s);

/* Stops it, if it runs, and removes its directory. */
void server_end(struct server *s);

struct server_cost {
    uint64_t voluntary_switches; /* of all its threads */
    uint64_t cpu_ms;
    uint64_t memory_kib; /* resident */
};
struct server_cost server_cost(const struct server *s);

#endif
