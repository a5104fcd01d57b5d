/* server.h - a broker that listens at tcp and ipc, for clients that expect no evil. */
#ifndef E2E_SERVER_H
#define E2E_SERVER_H

#include "broker.h"

struct server {
    struct broker broker;
    char tcp[64], ipc[108];       /* the real endpoints */
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

#endif
