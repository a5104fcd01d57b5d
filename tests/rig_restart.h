/* rig_restart.h - a durable rig's broker is killed, and comes back with what is safe. */
#ifndef MQ_RIG_RESTART_H
#define MQ_RIG_RESTART_H

#include "rig.h"

static inline struct rig rig_durable(void)
{
    return rig_new((struct rig_options){.is_durable = true});
}

static inline struct rig rig_durable_of(enum mq_kind kind, int64_t maxsize, int64_t lease_ms)
{
    return rig_new(
        (struct rig_options){.is_durable = true, .kind = kind, .maxsize = maxsize, .lease_ms = lease_ms});
}

/* A new engine is given all facts that were safe, from the first on. Every connection is gone. */
void rig_restart(struct rig *r);

/* A session comes back and repeats, in order, all that has no answer yet, as a faithful client does. */
void rig_resume_step(struct rig *r, const struct rig_step *step);
#define rig_resume(r, ...)                                                                                   \
    rig_resume_step((r), &(struct rig_step){.file = __FILE__, .line = __LINE__, __VA_ARGS__})

/* All that can be seen of items, queues and sessions and does not change by a restart, as text to be freed.
 */
char *rig_describe(struct rig *r);

#endif
