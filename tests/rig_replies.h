/* rig_replies.h - the rig's other half: replies copied out of the engine, matched with requests, and checked.
 */
#ifndef MQ_RIG_REPLIES_H
#define MQ_RIG_REPLIES_H

#include "rig.h"

/* Fails the test at the step's own line. */
void rig_fail(const char *file, unsigned line, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define RIG_CHECK(step, condition, ...)                                                                      \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            rig_fail((step)->file, (step)->line, __VA_ARGS__);                                               \
    } while (0)

/* Copies all replies that the engine has, and asserts what is true of each reply whatever the test. */
void rig_drain(struct rig *r);

/* Checks what the step expects of this request, taking its reply. */
void rig_expect(struct rig *r, const struct rig_step *step, int session, uint64_t number);

void rig_forget_replies(struct rig *r);

#endif
