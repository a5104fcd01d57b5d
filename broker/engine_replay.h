/* engine_replay.h - facts read back, one by one, into an engine that had none of what they tell. Private to
 * engine_replay*.c.
 *
 * A fact is done again by the same functions that did it the first time, so that what it implied then follows
 * now. Replay begins with the oldest segment that is there, hence with a checkpoint, which tells of all
 * queues, sessions and unconfirmed answers, but not of items: those that were stored in segments that are
 * gone come later, each in a MOVED fact with all that is to be known of it. Until then they are *unknown*,
 * and what is told of them is passed over.
 *
 * Facts come from a disk: each field and each reference is looked at. What makes no sense ends the replay, or
 * is passed over if it is lenient. */
#ifndef MQ_ENGINE_REPLAY_H
#define MQ_ENGINE_REPLAY_H

#include "engine_state.h"

/* Nothing counts up to here, and a bit further there is still room. */
#define REPLAY_NUMBER_MAX ((uint64_t)1 << 62)

struct replay {
    struct engine *e;
    uint64_t segment;
    bool lenient;
    struct fact_reader reader;
    size_t checkpoint_end; /* so many bytes are left behind the checkpoint being read; SIZE_MAX: none */
    struct fact fact;      /* the one that is being replayed */
    const char *why;       /* NULL, or why there is no going on */
};

/* This makes no sense. True: go on in spite of it. */
bool replay_bad(struct replay *r, const char *why);
void replay_no_memory(struct replay *r);

/* What the fact refers to; NULL: nothing, which has been seen to. */
struct queue *replay_queue(struct replay *r);
struct session *replay_known_session(struct replay *r);
struct session *replay_session(struct replay *r); /* it was active: if it had ended, it came back */

/* When something happened: never in the future. */
uint64_t replay_time(const struct replay *r);

/* Runs of ids, with no more ids in all than a request may have. *count adds them up. */
bool replay_next_run(struct replay *r, uint64_t *count, struct range *ret);

/* Is the fact one of those that belong to a checkpoint? */
bool replay_is_in_checkpoint(const struct replay *r);

/* engine_replay_calls.c */
/* The answer of the fact's request, made if it is not there yet. NULL: no request caused the fact, or there
 * is none, which has been seen to. */
struct call *replay_call(struct replay *r, struct session *s, enum mq_verb verb);
/* The request changed a queue, and that is its answer. */
void replay_answer(struct replay *r, enum mq_verb verb, uint64_t count);
/* The call's answer takes so much more. */
void replay_grow(struct engine *e, struct call *call, size_t bytes);
/* Adds ids to those that the call tells of, or (a get's, until the engine begins) is to tell of. */
void replay_note_ids(struct replay *r, struct call *call, struct range ids);
void replay_call_fact(struct replay *r);
void replay_refused(struct replay *r);

/* engine_replay_items.c */
void replay_stored(struct replay *r);
void replay_moved(struct replay *r);
void replay_taken(struct replay *r);
void replay_done(struct replay *r);
void replay_returned(struct replay *r);
void replay_extended(struct replay *r);

#endif
