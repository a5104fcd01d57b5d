/* peer_mq.c - mq through libmqc, in the same race as the others.
 *
 *     peer_mq [fifo|lifo|priority] OPTIONS-OF-A-RACE
 *
 * batch: `window` threads of mqc_put_many on one handle; mqc_get_many and mqc_task_done_many on one that
 * fetches a batch ahead, and so does not wait for the answers to its task_dones. Priorities are random. The
 * items are not looked at, as in the other races; `mq bench` checks each. */
#include "race.h"

#include <mqc.h>
#include <pthread.h>
#include <string.h>

enum { WINDOW_MAX = 64 };

static enum mq_kind kind;

struct seat {
    struct mqc *mqc;
    struct mqc_queue *queue;
    const struct race *race;
    struct mqc_item **items;
    struct mqc_put *puts; /* a batch of the same body */
    long left;            /* to be put; guarded by lock */
    pthread_mutex_t lock;
};

static void check(struct seat *seat, enum mq_status status)
{
    if (status != MQ_OK)
        race_fail("%s: %s", mqc_strerror(status), mqc_error(seat->mqc));
}

/* The same for every batch, and in no order. */
static void make_puts(struct seat *seat)
{
    const struct race *race = seat->race;
    uint64_t random = 1;
    seat->puts = race_alloc((size_t)race->batch * sizeof *seat->puts);
    for (int i = 0; i < race->batch; i++) {
        seat->puts[i] = (struct mqc_put){.body = race->body, .size = race->size};
        random = random * 6364136223846793005u + 1442695040888963407u;
        if (kind == MQ_KIND_PRIORITY)
            seat->puts[i].priority = mqc_key_int((int64_t)(random >> 1));
    }
}

static void *enter(const struct race *race, bool is_producer)
{
    struct mqc_queue_options options = {.given = MQ_SETTING_KIND, .kind = kind};
    if (!is_producer && strcmp(race->mode, "batch") == 0)
        options.prefetch = (uint32_t)race->batch;
    struct seat *seat = race_alloc(sizeof *seat);
    seat->race = race;
    seat->items = race_alloc((size_t)race->batch * sizeof *seat->items);
    make_puts(seat);
    pthread_mutex_init(&seat->lock, NULL);
    check(seat, mqc_open(race->endpoint, NULL, &seat->mqc));
    check(seat, mqc_queue_open(seat->mqc, "race", &options, &seat->queue));
    return seat;
}

/* A queue that nobody waits at. The consumers of the race before were killed, and for the broker's grace
 * their blocked gets would still be served: so the old queue goes, and their gets with it. */
static void prepare(const struct race *race)
{
    struct seat seat = {0};
    check(&seat, mqc_open(race->endpoint, NULL, &seat.mqc));
    check(&seat,
          mqc_queue_open(seat.mqc, "race", &(struct mqc_queue_options){.mode = MQC_OPEN_NAME}, &seat.queue));
    enum mq_status status = mqc_queue_remove(seat.queue, true, NULL);
    if (status != MQ_NO_QUEUE)
        check(&seat, status);
    mqc_close(seat.mqc);
    mqc_close(((struct seat *)enter(race, true))->mqc);
}

static void put(void *at, const void *body, size_t size)
{
    struct seat *seat = at;
    check(seat, mqc_put(seat->queue, body, size, MQ_FOREVER));
}

static void get(void *at, void *ret_body)
{
    struct seat *seat = at;
    check(seat, mqc_get(seat->queue, MQ_FOREVER, &seat->items[0]));
    memcpy(ret_body, mqc_item_body(seat->items[0]), mqc_item_size(seat->items[0]));
}

static void acknowledge(void *at)
{
    struct seat *seat = at;
    check(seat, mqc_task_done(seat->items[0]));
}

static size_t next_batch(struct seat *seat)
{
    pthread_mutex_lock(&seat->lock);
    long count = seat->left < seat->race->batch ? seat->left : seat->race->batch;
    seat->left -= count;
    pthread_mutex_unlock(&seat->lock);
    return (size_t)count;
}

static void *produce_some(void *at)
{
    struct seat *seat = at;
    for (size_t count; (count = next_batch(seat)) > 0;)
        check(seat, mqc_put_many(seat->queue, seat->puts, count, 60000, NULL));
    return NULL;
}

static void produce(void *at, long count)
{
    struct seat *seat = at;
    pthread_t threads[WINDOW_MAX];
    int more = seat->race->window < WINDOW_MAX ? seat->race->window - 1 : WINDOW_MAX - 1;
    seat->left = count;
    for (int i = 0; i < more; i++)
        if (pthread_create(&threads[i], NULL, produce_some, seat))
            race_fail("no thread");
    produce_some(seat);
    for (int i = 0; i < more; i++)
        pthread_join(threads[i], NULL);
}

static long consume(void *at)
{
    struct seat *seat = at;
    size_t count;
    check(seat, mqc_get_many(seat->queue, (size_t)seat->race->batch, MQ_FOREVER, seat->items, &count));
    check(seat, mqc_task_done_many(seat->items, count, NULL));
    return (long)count;
}

/* task_dones leave in good time; here is asked whether they have all been taken. */
static void settle(void *at)
{
    struct seat *seat = at;
    check(seat, mqc_flush(seat->mqc, MQ_FOREVER));
}

/* The kind stands before the options. */
static bool take_kind(int argc, char **argv)
{
    static const char *const names[] = {"fifo", "lifo", "priority"};
    for (size_t i = 0; argc > 1 && i < sizeof names / sizeof *names; i++) {
        if (strcmp(argv[1], names[i]) != 0)
            continue;
        kind = (enum mq_kind)i;
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    static const struct racer racer = {.name = "mq",
                                       .prepare = prepare,
                                       .enter = enter,
                                       .put = put,
                                       .get = get,
                                       .acknowledge = acknowledge,
                                       .produce = produce,
                                       .consume = consume,
                                       .settle = settle};
    if (!take_kind(argc, argv))
        return race_main(argc, argv, &racer);
    argv[1] = argv[0];
    return race_main(argc - 1, argv + 1, &racer);
}
