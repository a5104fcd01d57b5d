/* priorities.c - a priority queue gives the lowest key first, whatever the order of the puts.
 *
 * Keys are numbers, strings, bytes, or tuples of these; equal ones are got in the order they were put. */
#include <mqc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mqc *mq;

static void check(enum mq_status status, const char *what)
{
    if (status == MQ_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, mqc_error(mq));
    exit(1);
}

static void put(struct mqc_queue *queue, const char *body, struct mqc_key priority)
{
    struct mqc_put item = {.body = body, .size = strlen(body), .priority = priority};
    check(mqc_put_item(queue, &item, MQ_FOREVER, NULL), "put");
}

int main(void)
{
    struct mqc_queue_options options = {.given = MQ_SETTING_KIND, .kind = MQ_KIND_PRIORITY};
    struct mqc_key monday[] = {mqc_key_string("monday"), mqc_key_int(9)};
    struct mqc_queue *queue;
    struct mqc_item *item;
    enum mq_status status;
    check(mqc_open(NULL, NULL, &mq), "open");
    check(mqc_queue_open(mq, "example.priorities", &options, &queue), "open queue");
    put(queue, "tuples come last", mqc_key_tuple(monday, 2));
    put(queue, "ten", mqc_key_int(10));
    put(queue, "two and a half", mqc_key_double(2.5));
    put(queue, "ten, but later", mqc_key_double(10.0));
    put(queue, "strings come after numbers", mqc_key_string("a"));
    put(queue, "minus one", mqc_key_int(-1));
    while ((status = mqc_get_nowait(queue, &item)) == MQ_OK) {
        printf("%.*s\n", (int)mqc_item_size(item), (const char *)mqc_item_body(item));
        check(mqc_task_done(item), "task_done");
    }
    check(status == MQ_EMPTY ? MQ_OK : status, "get");
    check(mqc_queue_remove(queue, false, NULL), "remove");
    mqc_queue_close(queue);
    mqc_close(mq);
    return 0;
}
