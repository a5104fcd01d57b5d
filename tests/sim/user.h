/* user.h - one user: a program that asks at random, over a real conversation. Between user.c (the line),
 * user_ask.c (what it asks) and user_judge.c (what it makes of the answers). */
#ifndef SIM_USER_H
#define SIM_USER_H

#include "conversation.h"
#include "sim.h"

enum { HELD_MAX = 8192, OPS_MAX = 256 };

/* An item that the user holds, as far as it knows. */
struct held {
    uint64_t id, tag;
    size_t queue;
};

/* One request and all that it points to. */
struct op {
    struct exchange x;
    size_t queue;
    uint64_t *tags; /* put */
    size_t item_count;
    struct put_item *puts;
    uint8_t *bytes;    /* bodies and keys */
    uint64_t *ids;     /* task_done, release, extend */
    struct held *gone; /* those of the ids that the user let go for it */
    size_t gone_count;
};

struct handle {
    bool is_open;
    struct settings settings;
};

struct user {
    struct conversation c;
    struct codec *in, *out;
    uint64_t retry_ms; /* NEVER: connected */
    uint64_t flush_ms; /* NEVER: nothing to confirm */
    struct op *ops[OPS_MAX];
    size_t op_count;
    struct held held[HELD_MAX];
    size_t held_count;
    uint64_t past_id; /* of an item that it has let go */
    struct handle handles[QUEUES];
    bool leaves; /* has asked to say bye */
    bool leaves_for_good;
    bool has_left;
};

extern struct user users[USERS_MAX];

size_t user_number(const struct user *u);

/* user.c */
void user_send(struct user *u); /* all that may go */
void user_collect_lost(struct user *u);

/* user_ask.c */
void ask_something(struct user *u);
void ask_reopen(struct user *u);
void ask_repair(struct user *u, size_t queue, enum mq_status status);
void ask_give_back(struct user *u, const struct held *held, size_t count);
void ask_finish_held(struct user *u);
void ask_get_all(struct user *u, size_t queue);
void ask_shut_down(struct user *u, size_t queue);
void op_free(struct user *u, struct op *op);
void user_hold(struct user *u, struct held held);

/* user_judge.c */
void judge_answer(struct user *u, struct op *op, const struct answer *answer);
void judge_lost(struct user *u, struct op *op);
void judge_unsent(struct user *u, struct op *op); /* nothing of it may ever happen */
void body_fill(uint8_t *body, size_t size, uint64_t tag);

#endif
