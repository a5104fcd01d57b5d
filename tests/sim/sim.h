/* sim.h - what all parts of the simulator share: chance, failure, and the world.
 *
 *     users (real conversations) <-> net (bad) <-> broker (the link's part, the real engine, and the model)
 *
 * Everything that happens follows from one seed. Time is a number; an event is a frame that arrives, a line
 * that is found cut, a deadline, or something that a user does. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec.h"
#include "engine.h"

#define NEVER UINT64_MAX

/* Ends the program with a message and the command that replays the run. */
#define SIM_FAIL(...) sim_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SIM_REQUIRE(condition, ...)                                                                          \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            SIM_FAIL(__VA_ARGS__);                                                                           \
    } while (0)
_Noreturn void sim_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* With --verbose, one line an event. */
void sim_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

bool sim_is_verbose(void);

/* Chance. */
uint64_t chance(void);
uint64_t chance_below(uint64_t count); /* 0..count-1 */
uint64_t chance_between(uint64_t low, uint64_t high);
bool chance_percent(unsigned percent);
bool chance_permille(unsigned permille);

void *sim_alloc(size_t size); /* zeroed; never NULL */

enum { USERS_MAX = 8, QUEUES = 6 };

/* How this run is: chosen from the seed. */
struct climate {
    struct engine_options engine;
    size_t user_count, queue_count, ops_max, items_max, body_max;
    unsigned lose_permille, repeat_permille, cut_permille, kill_permille, crash_permille, freeze_permille;
    uint64_t delay_max_ms, away_max_ms;
    unsigned weights[MQ_VERB_PING + 1]; /* how often users ask what */
    /* The data directory, and how often what happens to it. */
    bool is_durable;
    uint64_t segment_size, sync_interval_ms, backlog_max, disk_max_ms;
    unsigned power_percent; /* of crashes */
    unsigned break_per_10000, fill_per_10000;
};

/* What is known of each item ever put. */
struct tag {
    uint8_t queue;
    bool is_stored, is_final, is_received, is_done;
    bool is_transient;           /* its queue */
    bool is_told_done;           /* its user was told so */
    bool is_lost;                /* what its user was told of it may have been undone: it had been warned */
    uint64_t stored_in, done_in; /* groups */
};

struct sim {
    struct climate climate;
    uint64_t now_ms, steps;
    bool quiet;      /* the end: no faults, nothing new */
    bool may_forget; /* sessions, for something happened that allows it */
    struct tag *tags;
    size_t tag_count, tag_capacity;
};
extern struct sim sim;

uint64_t sim_new_tag(size_t queue);
struct tag *sim_tag(uint64_t tag);
const char *sim_queue_name(size_t queue);

/* tags.c: what has become of each item. */
struct model_item;
void sim_item_stored(const struct model_item *item, uint64_t group);
void sim_item_done(const struct model_item *item, uint64_t group);
/* A restart: what happened after this group has not happened. */
void sim_restore_tags(uint64_t group);

/* run.c */
void sim_run(uint64_t steps);

/* broker.c: the engine with the model beside it, and the link's part. */
struct connection;
void broker_open(void);
void broker_close(void);
void broker_crash(bool power_fails); /* a new one, which knows nothing, or what is on disk */
void broker_connection_gone(const struct connection *connection); /* it is freed */
void broker_input(struct connection *connection, struct bytes frame);
void broker_line_gone(struct connection *connection); /* found out */
void broker_tick(void);
uint64_t broker_deadline_ms(void);
bool broker_is_drained(void); /* no items, no waiting puts */
bool broker_queue_has_items(size_t queue);
bool broker_queue_is_open(size_t queue); /* there, and not shut down */
void broker_check_gone(void);            /* no sessions, nothing waits */

/* net.c */
void net_open(void);
void net_close(void);
struct connection *net_connect(size_t user); /* a user's new connection; it may be dead already */
void net_hang_up(struct connection *connection);
void net_cut(struct connection *connection);
void net_cut_all(void);
void net_send_up(struct connection *connection, struct bytes frame);
void net_send_down(struct connection *connection, struct bytes frame);
void net_suspect(struct connection *connection); /* somebody bound a session to it: is it there? */
uint64_t net_next_ms(void);
void net_deliver(void);                      /* one event that is due */
struct connection *net_of_user(size_t user); /* NULL: none */
void *net_session(const struct connection *connection);
void net_bind(struct connection *connection, void *session);
bool net_tell_once(struct connection *connection); /* true: it has not been told to go */
void net_told(struct connection *connection, bool told);
unsigned net_number(const struct connection *connection);
bool net_is_calm(void); /* nothing is under way from who has hung up */

/* user.c */
void users_open(void);
void users_close(void);
void user_input(size_t user, struct bytes frame);
void user_line_down(size_t user);
void user_kill(size_t user);
void user_act(size_t user);   /* something of its own will */
void users_stay(void);        /* quiet: who is leaving is replaced */
void user_drain(size_t user); /* quiet: finish what it holds; user 0 empties the queues */
void users_shut_down(void);   /* quiet: user 0 shuts all queues down that are not */
void users_leave(void);       /* quiet: everybody says bye */
uint64_t users_next_ms(void);
void users_fire(void); /* one thing that is due: a reconnect, a flush */
bool users_are_idle(void);
bool users_have_left(void);

#endif
