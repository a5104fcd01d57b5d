/* async_rig.h - what tests of async puts have in common: a client and a queue of a fake broker, on_dones that
 * write down what they are told, and the scripts' half. */
#ifndef MQC_ASYNC_RIG_H
#define MQC_ASYNC_RIG_H

#include <pthread.h>

#include "fake.h"
#include "mqc_client.h"

extern struct fake fake;
extern struct mqc *mqc;
extern struct mqc_queue *queue;
extern pthread_t told_by; /* the thread of the last on_done */

void begin(void (*script)(struct fake *), int64_t connect_timeout_ms);
void end(void);

/* Async puts whose on_done notes the text with what has come of it: "a:OK10 b:FULL ", in that order. */
enum mq_status put_async(const char *text);
enum mq_status put_quietly(const char *text); /* without an on_done */
void note(void *context, enum mq_status status, uint64_t id);
bool results_are(const char *expected);
size_t count_results(void);
bool somebody_waits(void); /* in a call of the library */

/* ---- For scripts ----- */

/* Takes a partial put of these items: their bodies, separated by spaces. */
const struct request *take(struct fake *f, const char *texts);
void store(struct fake *f, size_t count, uint64_t first_id);
void refuse(struct fake *f, enum mq_status status);

/* Takes "a" alone, and what the test puts meanwhile gathers until it lets the script go on (stage 2). */
void take_first(struct fake *f);
void put_first(void);               /* ... the test's half */
void let_time_pass(struct fake *f); /* ... and a whole script: no other item comes */

#endif
