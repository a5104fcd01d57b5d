/* desk.h - a conversation on a desk: the test is its line, its clock and its broker.
 *
 * Every step checks the conversation's invariants. */
#ifndef MQ_DESK_H
#define MQ_DESK_H

#include "conversation.h"
#include "unit.h"

enum { DESK_EXCHANGES = 2000 };

struct desk {
    struct conversation c;
    struct exchange x[DESK_EXCHANGES];
    size_t count;
    uint64_t now_ms;
    struct client_frame frame; /* the last one sent */
    uint8_t ids;               /* fresh ids given */
};

void desk_fresh_id(struct desk *d, uint8_t id[MQ_SESSION_ID_SIZE]);
void desk_line_up(struct desk *d);
bool desk_next(struct desk *d);
enum mq_status desk_welcome(struct desk *d, enum mq_status status);
/* Down, up, hello, welcome. */
void desk_reconnect(struct desk *d);
/* The broker has forgotten everything. */
void desk_restart(struct desk *d);
/* A conversation without a line. Too large for the stack. */
struct desk *desk_new(void);
struct desk *desk_open(void);
/* The next exchange of this verb, not yet added. Deadlines are relative; MQ_FOREVER_MS: none. */
struct exchange *desk_prepare(struct desk *d, enum mq_verb verb, int64_t timeout_ms);
struct exchange *desk_add(struct desk *d, enum mq_verb verb, int64_t timeout_ms);
struct exchange *desk_reopen(struct desk *d);
struct exchange *desk_add_put(struct desk *d, size_t size);
struct exchange *desk_answer_items(struct desk *d, enum mq_verb verb, uint64_t number, enum mq_status status,
                                   size_t item_count, size_t item_size);
struct exchange *desk_answer(struct desk *d, enum mq_verb verb, uint64_t number, enum mq_status status);
struct exchange *desk_lost(struct desk *d);

/* The next frame is this verb with this number. */
#define CHECK_SENDS(d, wanted, n)                                                                            \
    do {                                                                                                     \
        CHECK(desk_next(d));                                                                                 \
        CHECK_EQUAL((d)->frame.verb, wanted);                                                                \
        CHECK_EQUAL((d)->frame.request.verb, wanted);                                                        \
        CHECK_EQUAL((d)->frame.request.number, n);                                                           \
    } while (0)

#define CHECK_RANGES(ranges, ...)                                                                            \
    do {                                                                                                     \
        const struct range wanted_ranges[] = {__VA_ARGS__};                                                  \
        CHECK_EQUAL((ranges).count, sizeof wanted_ranges / sizeof *wanted_ranges);                           \
        for (size_t range_i = 0; range_i < (ranges).count; range_i++) {                                      \
            CHECK_EQUAL((ranges).list[range_i].first, wanted_ranges[range_i].first);                         \
            CHECK_EQUAL((ranges).list[range_i].last, wanted_ranges[range_i].last);                           \
        }                                                                                                    \
    } while (0)

#endif
