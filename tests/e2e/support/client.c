/* client.c - see client.h. */
#include "client.h"

#include <stdio.h>
#include <string.h>

struct mqc *client_open(const char *endpoint)
{
    struct mqc *mqc = NULL;
    OK(mqc_open(endpoint, NULL, &mqc));
    return mqc;
}

struct mqc *client_with_patience(const char *endpoint)
{
    struct mqc_options options = {.given = MQC_OPTION_CONNECT_TIMEOUT, .connect_timeout_ms = 60000};
    struct mqc *mqc = NULL;
    OK(mqc_open(endpoint, &options, &mqc));
    return mqc;
}

struct mqc_queue *queue_open(struct mqc *mqc, const char *name)
{
    struct mqc_queue *queue = NULL;
    OK(mqc_queue_open(mqc, name, NULL, &queue));
    return queue;
}

struct mqc_queue *queue_of_kind(struct mqc *mqc, const char *name, enum mq_kind kind, int64_t maxsize)
{
    struct mqc_queue_options options = {
        .given = MQ_SETTING_KIND | MQ_SETTING_MAXSIZE, .kind = kind, .maxsize = maxsize};
    struct mqc_queue *queue = NULL;
    OK(mqc_queue_open(mqc, name, &options, &queue));
    return queue;
}

struct mqc_queue *queue_bounded(struct mqc *mqc, const char *name, int64_t maxsize)
{
    return queue_of_kind(mqc, name, MQ_KIND_FIFO, maxsize);
}

void put_text(struct mqc_queue *queue, const char *text)
{
    OK(mqc_put(queue, text, strlen(text), LIMIT_MS));
}

uint64_t put_for_id(struct mqc_queue *queue)
{
    uint64_t id = 0;
    struct mqc_put put = {.body = "x", .size = 1};
    OK(mqc_put_item(queue, &put, MQ_NOWAIT, &id));
    return id;
}

void put_texts(struct mqc_queue *queue, int count)
{
    char text[16];
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof text, "%d", i);
        put_text(queue, text);
    }
}

struct mqc_item *get_item(struct mqc_queue *queue)
{
    struct mqc_item *item = NULL;
    OK(mqc_get(queue, LIMIT_MS, &item));
    return item;
}

bool item_is(const struct mqc_item *item, const char *text)
{
    return mqc_item_size(item) == strlen(text) && !memcmp(mqc_item_body(item), text, strlen(text));
}

void take_text(struct mqc_queue *queue, const char *text)
{
    struct mqc_item *item = get_item(queue);
    if (!item_is(item, text))
        fprintf(stderr, "\n    got '%.*s', expected '%s'\n", (int)mqc_item_size(item),
                (const char *)mqc_item_body(item), text);
    REQUIRE(item_is(item, text));
    OK(mqc_task_done(item));
}

struct mqc_queue_stat stat_of(struct mqc_queue *queue)
{
    struct mqc_queue_stat stat;
    OK(mqc_stat(queue, &stat));
    return stat;
}

struct mqc_broker_stat broker_stat_of(struct mqc *mqc)
{
    struct mqc_broker_stat stat;
    OK(mqc_broker_stat(mqc, &stat));
    return stat;
}

enum mq_status try_get(struct mqc_queue *queue, int64_t timeout_ms)
{
    struct mqc_item *item = NULL;
    enum mq_status status = mqc_get(queue, timeout_ms, &item);
    REQUIRE(status != MQ_OK);
    return status;
}

enum mq_status try_put(struct mqc_queue *queue, int64_t timeout_ms)
{
    return mqc_put(queue, "x", 1, timeout_ms);
}
