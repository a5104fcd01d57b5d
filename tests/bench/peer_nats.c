/* peer_nats.c - NATS JetStream through libnats: a work-queue stream in memory, every publish acknowledged by
 * the server, pulled by one durable consumer with explicit acknowledgements.
 *
 * batch: at most `batch` publishes without an acknowledgement; fetches of `batch`, each message acknowledged
 * (the library gathers the writes). One at a time every write goes out at once, and the acknowledgement is
 * answered. */
#include "race.h"

#include <nats/nats.h>
#include <stdio.h>
#include <string.h>

enum {
    WAIT_MS = 60000,
    FETCH_MS = 2000,       /* and asked again */
    UNACKED_MAX = 1 << 16, /* of the consumer */
};

struct seat {
    const struct race *race;
    natsConnection *connection;
    jsCtx *stream;
    natsSubscription *subscription;
    natsMsg *message; /* got last */
};

static void check(natsStatus status, const char *what)
{
    if (status != NATS_OK)
        race_fail("%s: %s", what, natsStatus_GetText(status));
}

static struct seat *connected(const struct race *race)
{
    struct seat *seat = race_alloc(sizeof *seat);
    natsOptions *options;
    jsOptions of_stream;
    char url[RACE_ENDPOINT_MAX + 16];
    seat->race = race;
    snprintf(url, sizeof url, "nats://%s", race->endpoint);
    check(natsOptions_Create(&options), "options");
    check(natsOptions_SetURL(options, url), "address");
    check(natsOptions_SetSendAsap(options, strcmp(race->mode, "batch") != 0), "options");
    check(natsConnection_Connect(&seat->connection, options), "connect");
    natsOptions_Destroy(options);
    check(jsOptions_Init(&of_stream), "options");
    of_stream.Wait = WAIT_MS;
    of_stream.PublishAsync.MaxPending = (int64_t)race->batch * race->window;
    of_stream.PublishAsync.StallWait = WAIT_MS;
    check(natsConnection_JetStream(&seat->stream, seat->connection, &of_stream), "JetStream");
    return seat;
}

static void prepare(const struct race *race)
{
    struct seat *seat = connected(race);
    const char *subjects[] = {"items"};
    jsStreamConfig stream;
    jsConsumerConfig consumer;
    jsErrCode code;
    check(jsStreamConfig_Init(&stream), "stream");
    stream.Name = "RACE";
    stream.Subjects = subjects;
    stream.SubjectsLen = 1;
    stream.Storage = js_MemoryStorage;
    stream.Retention = js_WorkQueuePolicy;
    (void)js_DeleteStream(seat->stream, "RACE", NULL, &code); /* there may be none */
    check(js_AddStream(NULL, seat->stream, &stream, NULL, &code), "add the stream");
    check(jsConsumerConfig_Init(&consumer), "consumer");
    consumer.Durable = "racer";
    consumer.AckPolicy = js_AckExplicit;
    consumer.MaxAckPending = UNACKED_MAX;
    check(js_AddConsumer(NULL, seat->stream, "RACE", &consumer, NULL, &code), "add the consumer");
}

static void *enter(const struct race *race, bool is_producer)
{
    struct seat *seat = connected(race);
    jsErrCode code;
    if (!is_producer)
        check(js_PullSubscribe(&seat->subscription, seat->stream, "items", "racer", NULL, NULL, &code),
              "subscribe");
    return seat;
}

static void put(void *at, const void *body, size_t size)
{
    struct seat *seat = at;
    jsErrCode code;
    check(js_Publish(NULL, seat->stream, "items", body, (int)size, NULL, &code), "publish");
}

/* At least one message; the list is to be destroyed. */
static natsMsgList fetched(struct seat *seat, int most)
{
    natsMsgList list;
    jsErrCode code;
    natsStatus status;
    while ((status = natsSubscription_Fetch(&list, seat->subscription, most, FETCH_MS, &code)) ==
           NATS_TIMEOUT)
        ;
    check(status, "fetch");
    return list;
}

static void get(void *at, void *ret_body)
{
    struct seat *seat = at;
    natsMsgList list = fetched(seat, 1);
    seat->message = list.Msgs[0];
    list.Msgs[0] = NULL; /* ours now */
    natsMsgList_Destroy(&list);
    memcpy(ret_body, natsMsg_GetData(seat->message), (size_t)natsMsg_GetDataLength(seat->message));
}

static void acknowledge(void *at)
{
    struct seat *seat = at;
    jsErrCode code;
    check(natsMsg_AckSync(seat->message, NULL, &code), "acknowledge");
    natsMsg_Destroy(seat->message);
}

static void produce(void *at, long count)
{
    struct seat *seat = at;
    jsPubOptions options;
    for (long i = 0; i < count; i++)
        check(js_PublishAsync(seat->stream, "items", seat->race->body, (int)seat->race->size, NULL),
              "publish");
    check(jsPubOptions_Init(&options), "options");
    options.MaxWait = WAIT_MS;
    check(js_PublishAsyncComplete(seat->stream, &options), "publish");
}

static long consume(void *at)
{
    struct seat *seat = at;
    natsMsgList list = fetched(seat, seat->race->batch);
    for (int i = 0; i < list.Count; i++)
        check(natsMsg_Ack(list.Msgs[i], NULL), "acknowledge");
    long count = list.Count;
    natsMsgList_Destroy(&list);
    return count;
}

/* The answer to a ping comes after everything sent before it. */
static void settle(void *at)
{
    struct seat *seat = at;
    check(natsConnection_Flush(seat->connection), "flush");
}

int main(int argc, char **argv)
{
    static const struct racer racer = {.name = "nats-jetstream",
                                       .prepare = prepare,
                                       .enter = enter,
                                       .put = put,
                                       .get = get,
                                       .acknowledge = acknowledge,
                                       .produce = produce,
                                       .consume = consume,
                                       .settle = settle};
    return race_main(argc, argv, &racer);
}
