/* peer_mq.c - mq through libmqc, in the same race as the others.
 *
 * What is compared as mq's best is what `mq bench` measures; this is for the same yardstick one at a time and
 * for a hand-off, and as a check of the other. batch: `window` threads of mqc_put_many on one handle;
 * mqc_get_many and mqc_task_done_many. */
#include "race.h"

#include <mqc.h>
#include <pthread.h>
#include <string.h>

enum { WINDOW_MAX = 64 };

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

static void *enter(const struct race *race, bool is_producer)
{
    (void)is_producer;
    struct seat *seat = race_alloc(sizeof *seat);
    seat->race = race;
    seat->items = race_alloc((size_t)race->batch * sizeof *seat->items);
    seat->puts = race_alloc((size_t)race->batch * sizeof *seat->puts);
    for (int i = 0; i < race->batch; i++)
        seat->puts[i] = (struct mqc_put){.body = race->body, .size = race->size};
    pthread_mutex_init(&seat->lock, NULL);
    check(seat, mqc_open(race->endpoint, NULL, &seat->mqc));
    check(seat, mqc_queue_open(seat->mqc, "race", NULL, &seat->queue));
    return seat;
}

/* A queue that nobody waits at. The consumers of the race before were killed, and for the broker's grace
 * their blocked gets would still be served: so the old queue goes, and their gets with it. */
static void prepare(const struct race *race)
{
    struct seat *seat = enter(race, true);
    check(seat, mqc_queue_remove(seat->queue, true, NULL));
    mqc_close(seat->mqc);
    seat = enter(race, true);
    mqc_close(seat->mqc);
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

int main(int argc, char **argv)
{
    static const struct racer racer = {.name = "mq",
                                       .prepare = prepare,
                                       .enter = enter,
                                       .put = put,
                                       .get = get,
                                       .acknowledge = acknowledge,
                                       .produce = produce,
                                       .consume = consume};
    return race_main(argc, argv, &racer);
}
