/* broker.h - a real mq-broker in a process of its own, for a test to ill-treat.
 *
 * It listens in a directory made for it, or on a port that it picks; what it writes to stderr goes to a file
 * there. It dies with the thread of the test program that started it.
 *
 * With E2E_DATA=always (or interval=D) in the environment every broker has a data directory, "data" in its
 * own one; a restarted one finds it again. */
#ifndef E2E_BROKER_H
#define E2E_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { BROKER_ARGUMENTS_MAX = 24 };

struct broker {
    pid_t pid;
    unsigned descriptors_max; /* how many it may open; 0: the usual */
    char directory[64];
    char ready[512];    /* its line on stdout, without the newline; empty if it ended without one */
    char endpoint[256]; /* the first */
    uint16_t port;      /* of the first, if it is tcp */
};

/* Otherwise broker_start() does. */
void broker_make_directory(struct broker *b);

/* Starts it with these arguments (NULL at the end) and the environment `more`, "A=b" each, before the usual
 * one; either may be NULL. Returns when it is ready, or has ended. */
void broker_start(struct broker *b, const char *const *arguments, const char *const *more);

/* The same, listening at tcp://127.0.0.1:0. */
void broker_start_tcp(struct broker *b);

/* Waits for its end; the exit code, or 128 + the signal. */
int broker_wait(struct broker *b);

/* SIGTERM, broker_wait(). Checks that the exit code is 0 and that it had nothing to say about errors. */
void broker_end(struct broker *b);

/* broker_end(), broker_remove(). */
void broker_stop(struct broker *b);

/* Removes the directory, after broker_wait(). */
void broker_remove(struct broker *b);

void broker_path(const struct broker *b, const char *name, char *ret_path, size_t size);
bool broker_said(const struct broker *b, const char *text); /* on stderr, so far */
void broker_wait_said(const struct broker *b, const char *text);

size_t broker_memory_kb(const struct broker *b);   /* VmRSS */
size_t broker_descriptors(const struct broker *b); /* open ones */
uint64_t broker_cpu_ms(const struct broker *b);    /* user and kernel */
uint64_t broker_switches(const struct broker *b);  /* voluntary context switches of all its threads */

#endif
