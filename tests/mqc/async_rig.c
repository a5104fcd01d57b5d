/* async_rig.c - see async_rig.h. */
#include "async_rig.h"

#include <string.h>

struct fake fake;
struct mqc *mqc;
struct mqc_queue *queue;

/* What the on_dones have said: "a:OK10 b:FULL ". */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char results[512];
static size_t result_count;
pthread_t told_by;

void begin(void (*script)(struct fake *), int64_t connect_timeout_ms)
{
    results[0] = '\0';
    result_count = 0;
    fake_init(&fake);
    atomic_store(&fake.stage, 0);
    fake_run(&fake, script);
    mqc = fake_client(&fake, connect_timeout_ms);
    queue = fake_queue(mqc, "q");
}

void end(void)
{
    mqc_queue_close(queue);
    mqc_close(mqc);
    fake_end(&fake);
}

void note(void *context, enum mq_status status, uint64_t id)
{
    char number[24] = "";
    pthread_mutex_lock(&lock);
    size_t length = strlen(results);
    if (status == MQ_OK)
        snprintf(number, sizeof number, "%d", (int)id);
    snprintf(results + length, sizeof results - length, "%s:%s%s ", (const char *)context,
             mq_status_name(status), number);
    result_count++;
    told_by = pthread_self();
    pthread_mutex_unlock(&lock);
}

bool results_are(const char *expected)
{
    pthread_mutex_lock(&lock);
    bool same = strcmp(results, expected) == 0;
    if (!same)
        printf("\n    '%s', expected '%s'", results, expected);
    pthread_mutex_unlock(&lock);
    return same;
}

size_t count_results(void)
{
    pthread_mutex_lock(&lock);
    size_t count = result_count;
    pthread_mutex_unlock(&lock);
    return count;
}

bool somebody_waits(void)
{
    pthread_mutex_lock(&mqc->lock);
    bool waits = !list_is_empty(&mqc->waiting);
    pthread_mutex_unlock(&mqc->lock);
    return waits;
}

enum mq_status put_async(const char *text)
{
    struct mqc_put put = {.body = text, .size = strlen(text)};
    return mqc_put_async(queue, &put, note, (void *)text);
}

enum mq_status put_quietly(const char *text)
{
    struct mqc_put put = {.body = text, .size = strlen(text)};
    return mqc_put_async(queue, &put, NULL, NULL);
}

/* ---- For scripts ----- */

/* Takes a partial put of these items: their bodies, separated by spaces. */
const struct request *take(struct fake *f, const char *texts)
{
    char seen[512] = "";
    size_t length = 0;
    const struct request *put = fake_take_request(f, MQ_VERB_PUT);
    for (size_t i = 0; i < put->put_count; i++)
        length += (size_t)snprintf(seen + length, sizeof seen - length, "%s%.*s", i ? " " : "",
                                   (int)put->puts[i].body.size, (const char *)put->puts[i].body.data);
    if (strcmp(seen, texts) != 0)
        fprintf(stderr, "\n    the client puts '%s', expected '%s'", seen, texts);
    REQUIRE(strcmp(seen, texts) == 0);
    REQUIRE(put->partial);
    return put;
}

void store(struct fake *f, size_t count, uint64_t first_id)
{
    struct range ids = {first_id, first_id + count - 1};
    fake_answer(f, (struct answer){.count = count, .ids = &ids, .id_range_count = 1});
}

void refuse(struct fake *f, enum mq_status status)
{
    fake_answer(f, (struct answer){.status = status});
}

/* The first item alone, and what the test puts meanwhile gathers until it lets the script go on. */
void take_first(struct fake *f)
{
    fake_welcome(f);
    take(f, "a");
    fake_tell(f, 1);
    fake_await(f, 2);
}

/* ... and its other half. */
void put_first(void)
{
    CHECK_EQUAL(put_async("a"), MQ_OK);
    fake_await(&fake, 1);
}

void let_time_pass(struct fake *f)
{
    take_first(f);
    store(f, 1, 1);
    fake_goodbye(f);
}
