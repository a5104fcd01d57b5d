/* contract.c - see contract.h. */
#include "contract.h"

#include <stdio.h>
#include <string.h>

#include "server.h"

static struct server server;
static struct mqc *clients[2];

struct mqc *contract_client(int index)
{
    return clients[index];
}

struct ends queue_new(enum mq_kind kind, int64_t maxsize)
{
    static int count;
    char name[32];
    snprintf(name, sizeof name, "queue-%d", ++count);
    struct ends q = {.mine = queue_of_kind(clients[0], name, kind, maxsize), .kind = kind};
    q.theirs = clients[1] == clients[0] ? q.mine : queue_of_kind(clients[1], name, kind, maxsize);
    return q;
}

void queue_drop(struct ends q)
{
    if (q.theirs != q.mine)
        mqc_queue_close(q.theirs);
    mqc_queue_close(q.mine);
}

bool is_full(struct mqc_queue *queue)
{
    struct mqc_queue_stat stat = stat_of(queue);
    return stat.maxsize > 0 && stat.size >= (uint64_t)stat.maxsize;
}

enum mq_status put_number(struct ends q, int number, int64_t timeout_ms)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    struct mqc_put put = {.body = text, .size = strlen(text)};
    if (q.kind == MQ_KIND_PRIORITY)
        put.priority = mqc_key_int(number);
    return mqc_put_item(q.mine, &put, timeout_ms, NULL);
}

void fill(struct ends q)
{
    for (int i = 0; i < CAPACITY; i++)
        REQUIRE(put_number(q, i, MQ_NOWAIT) == MQ_OK);
}

void take_number(struct mqc_queue *queue, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    take_text(queue, text);
}

void drain(struct ends q)
{
    for (int i = 0; i < CAPACITY; i++)
        take_number(q.mine, q.kind == MQ_KIND_LIFO ? CAPACITY - 1 - i : i);
}

void for_each_kind(void (*rule)(enum mq_kind kind))
{
    rule(MQ_KIND_FIFO);
    rule(MQ_KIND_LIFO);
    rule(MQ_KIND_PRIORITY);
}

int contract_run(int argc, char **argv, const struct unit_test *tests, size_t count)
{
    bool is_one = argc == 2 && !strcmp(argv[1], "one");
    if (!is_one && (argc != 2 || strcmp(argv[1], "two") != 0)) {
        fprintf(stderr, "usage: %s one|two\n", argv[0]);
        return 64;
    }
    server_start(&server, NULL);
    clients[0] = client_open(server.ipc);
    clients[1] = is_one ? clients[0] : client_open(server.ipc);
    int status = unit_run(argv[0], tests, count);
    if (!is_one)
        mqc_close(clients[1]);
    mqc_close(clients[0]);
    server_end(&server);
    return status;
}
