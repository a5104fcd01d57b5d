/* desk.c - see desk.h. */
#include "desk.h"

#include <stdlib.h>
#include <string.h>

void desk_fresh_id(struct desk *d, uint8_t id[MQ_SESSION_ID_SIZE])
{
    memset(id, ++d->ids, MQ_SESSION_ID_SIZE);
}

void desk_line_up(struct desk *d)
{
    uint8_t id[MQ_SESSION_ID_SIZE];
    desk_fresh_id(d, id);
    conversation_line_up(&d->c, id);
    conversation_check(&d->c);
}

bool desk_next(struct desk *d)
{
    bool sent = conversation_next(&d->c, d->now_ms, &d->frame);
    conversation_check(&d->c);
    return sent;
}

enum mq_status desk_welcome(struct desk *d, enum mq_status status)
{
    struct welcome w = {.status = status,
                        .version = MQ_PROTOCOL_VERSION,
                        .waiting_max = MQ_WAITING_MAX,
                        .unconfirmed_max = MQ_UNCONFIRMED_MAX,
                        .in_flight_max = 1000};
    enum mq_status seen = conversation_welcome(&d->c, &w);
    conversation_check(&d->c);
    return seen;
}

void desk_reconnect(struct desk *d)
{
    conversation_line_down(&d->c);
    conversation_check(&d->c);
    desk_line_up(d);
    CHECK(desk_next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(desk_welcome(d, MQ_OK), MQ_OK);
}

void desk_restart(struct desk *d)
{
    uint8_t id[MQ_SESSION_ID_SIZE];
    conversation_line_down(&d->c);
    desk_line_up(d);
    CHECK(desk_next(d));
    CHECK(d->frame.hello.resume);
    CHECK_EQUAL(desk_welcome(d, MQ_SESSION_LOST), MQ_SESSION_LOST);
    desk_fresh_id(d, id);
    conversation_restart(&d->c, id);
    conversation_check(&d->c);
    CHECK(desk_next(d));
    CHECK_EQUAL(d->frame.verb, MQ_VERB_HELLO);
    CHECK(!d->frame.hello.resume);
    CHECK_EQUAL(desk_welcome(d, MQ_OK), MQ_OK);
}

struct desk *desk_new(void)
{
    struct desk *d = calloc(1, sizeof *d);
    CHECK(d != NULL);
    conversation_init(&d->c, mq_bytes("test"));
    d->now_ms = 1000;
    return d;
}

struct desk *desk_open(void)
{
    struct desk *d = desk_new();
    desk_reconnect(d);
    return d;
}

struct exchange *desk_prepare(struct desk *d, enum mq_verb verb, int64_t timeout_ms)
{
    CHECK(d->count < DESK_EXCHANGES);
    struct exchange *x = &d->x[d->count++];
    x->request.verb = verb;
    x->deadline_ms = timeout_ms < 0 ? UINT64_MAX : d->now_ms + (uint64_t)timeout_ms;
    return x;
}

struct exchange *desk_add(struct desk *d, enum mq_verb verb, int64_t timeout_ms)
{
    struct exchange *x = desk_prepare(d, verb, timeout_ms);
    conversation_add(&d->c, x);
    conversation_check(&d->c);
    return x;
}

struct exchange *desk_reopen(struct desk *d)
{
    struct exchange *x = desk_prepare(d, MQ_VERB_OPEN, 0);
    conversation_reopen(&d->c, x);
    conversation_check(&d->c);
    return x;
}

struct exchange *desk_add_put(struct desk *d, size_t size)
{
    static const char body[5000];
    static struct put_item items[DESK_EXCHANGES];
    struct exchange *x = desk_prepare(d, MQ_VERB_PUT, MQ_FOREVER_MS);
    items[d->count - 1] = (struct put_item){.body = {body, size}};
    x->request.puts = &items[d->count - 1];
    x->request.put_count = 1;
    conversation_add(&d->c, x);
    conversation_check(&d->c);
    return x;
}

struct exchange *desk_answer_items(struct desk *d, enum mq_verb verb, uint64_t number, enum mq_status status,
                                   size_t item_count, size_t item_size)
{
    struct item_view items[8] = {{0}};
    for (size_t i = 0; i < item_count; i++)
        items[i].body.size = item_size;
    struct answer answer = {
        .verb = verb, .number = number, .status = status, .items = items, .item_count = item_count};
    struct exchange *x = conversation_answer(&d->c, &answer);
    conversation_check(&d->c);
    return x;
}

struct exchange *desk_answer(struct desk *d, enum mq_verb verb, uint64_t number, enum mq_status status)
{
    return desk_answer_items(d, verb, number, status, 0, 0);
}

struct exchange *desk_lost(struct desk *d)
{
    struct exchange *x = conversation_next_lost(&d->c);
    conversation_check(&d->c);
    return x;
}
