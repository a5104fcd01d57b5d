/* log_world.h - a durable engine under random requests, its log in memory as segments, compaction that drops
 * old ones, and kills: for tests that compare what is read back with what was. */
#ifndef MQ_LOG_WORLD_H
#define MQ_LOG_WORLD_H

#include "engine_state.h"
#include "unit.h"

enum {
    WORLD_CLIENTS = 4,
    WORLD_SENT = 64,  /* requests that a client remembers, to say them again */
    WORLD_IDS = 12,   /* of items, in one request */
    WORLD_SEEN = 48,  /* ids that clients have seen lately */
    WORLD_ITEMS = 20, /* in one put */
    WORLD_BODY = 300
};

/* Whatever it asks for follows from its seed, but for the ids. */
struct world_sent {
    uint64_t number, seed;
    uint64_t ids[WORLD_IDS];
    bool is_answered;
};

struct world_client {
    struct session *session; /* NULL: not connected */
    uint8_t id[MQ_SESSION_ID_SIZE];
    bool exists; /* has said hello, and not bye, as far as it knows */
    uint64_t next_number;
    struct world_sent sent[WORLD_SENT]; /* by number % WORLD_SENT */
};

struct world_group {
    uint64_t segment;
    uint8_t *block;
    struct bytes facts;
};

struct world {
    struct engine_options options;
    struct engine *engine;
    uint64_t random, now_ms, sessions_made;
    struct world_client clients[WORLD_CLIENTS];
    uint64_t seen[WORLD_SEEN];
    struct world_group *groups;
    size_t group_count;
    uint64_t segment, oldest; /* being written; the first that is there */
    /* The passage through the oldest: its group, and where in it. */
    size_t passage_group, passage_at;
    uint64_t steps, moved, dropped, restarts, replays; /* that happened */
};

void world_init(struct world *w, uint64_t seed);
void world_done(struct world *w);
uint64_t world_random(struct world *w, uint64_t below);

/* Any one thing happens. */
void world_step(struct world *w);

/* All facts are in the log now. */
void world_take(struct world *w);
/* A new engine, made from the log. */
struct engine *world_replay(struct world *w);
/* The broker is killed, and comes back with what was taken. */
void world_restart(struct world *w);

/* All of it that survives, as text to be freed. */
char *world_describe(const struct engine *e);

#endif
