/* peer_redis.c - Redis through hiredis.
 *
 * list: LPUSH of a batch of values, `window` commands on their way; BLMPOP of a batch. The pop is the end of
 * the item: there is nothing to acknowledge, and what a consumer had popped is lost with it (at most once).
 * stream: a batch of XADDs a write; XREADGROUP of a batch, then XACK and XDEL of all of it (at least once).
 */
#include "race.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORDS_MORE = 16, /* words of a command besides a batch of values */
    ID_MAX = 64,
};

struct seat {
    redisContext *redis;
    const struct race *race;
    const char **words; /* room for a command with a batch of values */
    size_t *sizes;
    size_t word_count;
    char batch_text[16];
    char id[ID_MAX]; /* of the item got last */
};

static redisReply *answer(struct seat *seat)
{
    redisReply *reply;
    if (redisGetReply(seat->redis, (void **)&reply) != REDIS_OK)
        race_fail("%s", seat->redis->errstr);
    if (reply->type == REDIS_REPLY_ERROR)
        race_fail("%s", reply->str);
    return reply;
}

static void skip_answers(struct seat *seat, long count)
{
    while (count-- > 0)
        freeReplyObject(answer(seat));
}

static void word(struct seat *seat, const char *text, size_t size)
{
    if (seat->word_count == (size_t)seat->race->batch + WORDS_MORE)
        race_fail("a command of too many words");
    seat->words[seat->word_count] = text;
    seat->sizes[seat->word_count++] = size;
}

/* Begins a command with these words, separated by single spaces; string literals and other lasting text only.
 */
static void begin(struct seat *seat, const char *text)
{
    seat->word_count = 0;
    for (size_t size; *text; text += size + (text[size] == ' ')) {
        size = strcspn(text, " ");
        word(seat, text, size);
    }
}

static void append(struct seat *seat)
{
    if (redisAppendCommandArgv(seat->redis, (int)seat->word_count, seat->words, seat->sizes) != REDIS_OK)
        race_fail("%s", seat->redis->errstr);
}

static redisReply *ask(struct seat *seat)
{
    append(seat);
    return answer(seat);
}

static void flush(struct seat *seat)
{
    for (int is_written = 0; !is_written;)
        if (redisBufferWrite(seat->redis, &is_written) != REDIS_OK)
            race_fail("%s", seat->redis->errstr);
}

static void *enter(const struct race *race, bool is_producer)
{
    (void)is_producer;
    struct seat *seat = race_alloc(sizeof *seat);
    char host[RACE_ENDPOINT_MAX];
    int port;
    race_address(race, host, &port);
    seat->race = race;
    seat->words = race_alloc(((size_t)race->batch + WORDS_MORE) * sizeof *seat->words);
    seat->sizes = race_alloc(((size_t)race->batch + WORDS_MORE) * sizeof *seat->sizes);
    snprintf(seat->batch_text, sizeof seat->batch_text, "%d", race->batch);
    seat->redis = redisConnect(host, port);
    if (!seat->redis || seat->redis->err)
        race_fail("no Redis at %s", race->endpoint);
    return seat;
}

/* --- lists --- */

static void list_prepare(const struct race *race)
{
    struct seat *seat = enter(race, true);
    begin(seat, "DEL q");
    freeReplyObject(ask(seat));
}

static void list_put(void *at, const void *body, size_t size)
{
    struct seat *seat = at;
    begin(seat, "LPUSH q");
    word(seat, body, size);
    freeReplyObject(ask(seat));
}

static void list_get(void *at, void *ret_body)
{
    struct seat *seat = at;
    begin(seat, "BRPOP q 0");
    redisReply *reply = ask(seat);
    memcpy(ret_body, reply->element[1]->str, reply->element[1]->len);
    freeReplyObject(reply);
}

static void list_produce(void *at, long count)
{
    struct seat *seat = at;
    int under_way = 0;
    for (long left = count; left > 0;) {
        begin(seat, "LPUSH q");
        for (int i = 0; i < seat->race->batch && left > 0; i++, left--)
            word(seat, seat->race->body, seat->race->size);
        append(seat);
        flush(seat);
        if (++under_way == seat->race->window) {
            skip_answers(seat, 1);
            under_way--;
        }
    }
    skip_answers(seat, under_way);
}

static long list_consume(void *at)
{
    struct seat *seat = at;
    begin(seat, "BLMPOP 0 1 q RIGHT COUNT");
    word(seat, seat->batch_text, strlen(seat->batch_text));
    redisReply *reply = ask(seat);
    long count = (long)reply->element[1]->elements;
    freeReplyObject(reply);
    return count;
}

/* --- streams --- */

static void stream_prepare(const struct race *race)
{
    list_prepare(race);
    struct seat *seat = enter(race, true);
    begin(seat, "XGROUP CREATE q group $ MKSTREAM");
    freeReplyObject(ask(seat));
}

static void stream_add(struct seat *seat, const void *body, size_t size)
{
    begin(seat, "XADD q * b");
    word(seat, body, size);
    append(seat);
}

static void stream_put(void *at, const void *body, size_t size)
{
    stream_add(at, body, size);
    skip_answers(at, 1);
}

/* The entries are element[0]->element[1] of the reply: each an id and its fields. */
static redisReply *stream_read(struct seat *seat, const char *count)
{
    begin(seat, "XREADGROUP GROUP group one BLOCK 0 COUNT");
    word(seat, count, strlen(count));
    word(seat, "STREAMS", 7);
    word(seat, "q", 1);
    word(seat, ">", 1);
    return ask(seat);
}

static void stream_get(void *at, void *ret_body)
{
    struct seat *seat = at;
    redisReply *reply = stream_read(seat, "1");
    redisReply *entry = reply->element[0]->element[1]->element[0], *body = entry->element[1]->element[1];
    snprintf(seat->id, sizeof seat->id, "%s", entry->element[0]->str);
    memcpy(ret_body, body->str, body->len);
    freeReplyObject(reply);
}

static void stream_acknowledge(void *at)
{
    struct seat *seat = at;
    begin(seat, "XACK q group");
    word(seat, seat->id, strlen(seat->id));
    append(seat);
    begin(seat, "XDEL q");
    word(seat, seat->id, strlen(seat->id));
    append(seat);
    skip_answers(seat, 2);
}

static void stream_produce(void *at, long count)
{
    struct seat *seat = at;
    long sent = 0, answered = 0, most = (long)seat->race->batch * (seat->race->window - 1);
    while (sent < count) {
        for (int i = 0; i < seat->race->batch && sent < count; i++, sent++)
            stream_add(seat, seat->race->body, seat->race->size);
        flush(seat);
        for (; sent - answered > most; answered++)
            skip_answers(seat, 1);
    }
    skip_answers(seat, count - answered);
}

static void words_of_ids(struct seat *seat, const redisReply *entries)
{
    for (size_t i = 0; i < entries->elements; i++)
        word(seat, entries->element[i]->element[0]->str, entries->element[i]->element[0]->len);
}

static long stream_consume(void *at)
{
    struct seat *seat = at;
    redisReply *reply = stream_read(seat, seat->batch_text), *entries = reply->element[0]->element[1];
    long count = (long)entries->elements;
    begin(seat, "XACK q group");
    words_of_ids(seat, entries);
    append(seat);
    begin(seat, "XDEL q");
    words_of_ids(seat, entries);
    append(seat);
    skip_answers(seat, 2);
    freeReplyObject(reply);
    return count;
}

static const struct racer racers[] = {
    {.name = "redis-list",
     .prepare = list_prepare,
     .enter = enter,
     .put = list_put,
     .get = list_get,
     .produce = list_produce,
     .consume = list_consume},
    {.name = "redis-stream",
     .prepare = stream_prepare,
     .enter = enter,
     .put = stream_put,
     .get = stream_get,
     .acknowledge = stream_acknowledge,
     .produce = stream_produce,
     .consume = stream_consume},
};

int main(int argc, char **argv)
{
    bool is_stream = argc > 1 && strcmp(argv[1], "stream") == 0;
    if (argc < 2 || (!is_stream && strcmp(argv[1], "list") != 0)) {
        fprintf(stderr, "peer_redis: list or stream, then the options of a race\n");
        return 64;
    }
    return race_main(argc - 1, argv + 1, &racers[is_stream]);
}
