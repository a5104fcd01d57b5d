/* ahead_rig.h - one program with one handle with prefetch, against a fake broker that sees what it asks. */
#ifndef MQC_AHEAD_RIG_H
#define MQC_AHEAD_RIG_H

#include "fake.h"
#include "mqc_queue.h"

enum { PREFETCH = 8, LONG_MS = 3600 * 1000 };

extern struct fake fake;
extern struct mqc *mqc;
extern struct mqc_queue *queue;

/* A program whose gets have found the largest window, and which is never too slow for it. */
void begin(void (*script)(struct fake *));
void end(void);

struct mqc_queue *queue_ahead(const char *name);
struct mqc_item *get_one(uint64_t id); /* which it must be */
void free_one(uint64_t id);
/* Whatever was asked in the background has its answer then. */
void read_the_line(void);

/* ---- For scripts ----- */

void give(struct fake *f, uint64_t first, size_t count, int64_t lease_ms);
void take_get(struct fake *f, size_t max, int64_t timeout_ms);
void check_ids(const struct request *request, uint64_t first, size_t count);
/* A release of these items, untouched. */
void take_back(struct fake *f, uint64_t first, size_t count);
void take_dones(struct fake *f, uint64_t first, size_t count);
/* Something that is answered with MQ_OK. */
void take_plain(struct fake *f, enum mq_verb verb);
/* The usual beginning: a get that brings items 1 to 8. */
void welcome_and_give_8(struct fake *f);

#endif
