/* data_parts.h - what the simulated data directory is made of. Private to data*.c. */
#ifndef SIM_DATA_PARTS_H
#define SIM_DATA_PARTS_H

#include "data.h"
#include "engine_state.h"
#include "fake_disk.h"
#include "keeper.h"
#include "sim.h"

struct hand {
    bool is_busy;
    uint64_t done_ms;
    struct journal_job job;
    struct journal_handle open;
};

/* When the first and the last answer left that depends on a group; NEVER: none did. */
struct told {
    uint64_t first_ms, last_ms;
};

struct group {
    uint64_t number, position;
    struct told told;
    struct model *copy; /* what was true when it was taken */
};

struct data {
    struct fake_disk *fake;
    struct disk disk;
    struct engine *engine;
    struct model *model;
    struct journal *journal;
    struct keeper *keeper;
    struct hand hands[JOURNAL_HANDS];
    struct group *groups; /* those that a restart may end with, and the one that is safe */
    size_t group_count, group_room;
    uint64_t *checkpoints; /* by segment: when they were written, in the model's turns */
    uint64_t checkpoint_room;
    uint64_t written, synced; /* groups up to this one */
    uint64_t facts_max;       /* that may be gathered */
    bool is_short;            /* too many facts have not been taken away */
    bool is_hasty;            /* hands take no time */
    bool is_forgetful;        /* the end has taken what was not synced */
    bool is_broken;           /* calls of the disk fail */
    uint64_t dies_ms;         /* NEVER */
    struct told told;         /* of the group that is gathered */
};
extern struct data data;

struct group *data_group(uint64_t number); /* NULL: none */
void data_forget_before(uint64_t number);
void data_do(struct hand *hand);

/* data_restart.c */
struct engine *data_new_engine(void);
bool data_on_group(void *context, const struct recover_group *group, const char **ret_why); /* an engine's */

/* data_harm.c */
void data_try_harm(void);

#endif
