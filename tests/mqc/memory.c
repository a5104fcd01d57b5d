/* memory.c - the library without memory: a scenario is run once for each of its allocations, with that one
 * failing. Every call says MQ_NO_MEMORY or goes on, nothing stays leased, and (the sanitizer looks) nothing
 * leaks. Only the library's own allocations fail: libzmq ends the program when it gets no memory. */
#include <mqc.h>
#include <string.h>
#include <sys/resource.h>

#include "failing_malloc.h"
#include "server.h"
#include "wait.h"

static struct server server;

/* What may come of a call when one before it had no memory. */
static bool is_excused(enum mq_status status)
{
    return status == MQ_OK || status == MQ_NO_MEMORY || status == MQ_EMPTY || status == MQ_TOO_MANY_DONE;
}

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum mq_status try_status = (call);                                                                  \
        if (!is_excused(try_status))                                                                         \
            printf("\n    allocation %llu: %s is %s: %s", (unsigned long long)malloc_fails_at, #call,        \
                   mqc_strerror(try_status), mqc_error(NULL));                                               \
        CHECK(is_excused(try_status));                                                                       \
    } while (0)

static void put_all_ways(struct mqc_queue *queue)
{
    struct mqc_key parts[] = {mqc_key_string("part"), mqc_key_int(7)};
    struct mqc_put puts[5] = {{.body = "tuple", .size = 5, .priority = mqc_key_tuple(parts, 2)},
                              {.body = "bytes", .size = 5, .priority = mqc_key_bytes("k", 1)}};
    uint64_t ids[5], id;
    size_t stored;
    TRY(mqc_put(queue, "x", 1, MQ_FOREVER));
    TRY(mqc_put_item(queue, &puts[0], MQ_NOWAIT, &id));
    TRY(mqc_put_many_ids(queue, puts, 5, MQ_FOREVER, &stored, ids));
    CHECK(stored <= 5);
}

static void count_result(void *context, enum mq_status status, uint64_t id)
{
    (void)id;
    ++*(int *)context;
    REQUIRE(is_excused(status));
}

/* Each that was accepted has one result, whatever else fails. */
static void put_async(struct mqc *mqc, struct mqc_queue *queue)
{
    static char body[3000];
    struct mqc_put put = {.body = body, .size = sizeof body};
    int accepted = 0, told = 0;
    for (int i = 0; i < 40; i++) {
        enum mq_status status = mqc_put_async(queue, &put, count_result, &told);
        TRY(status);
        accepted += status == MQ_OK;
    }
    TRY(mqc_flush(mqc, MQ_FOREVER));
    CHECK_EQUAL(told, accepted);
}

static void get_all_ways(struct mqc *mqc, struct mqc_queue *queue)
{
    struct mqc_item *item, *items[3];
    struct mqc_get auto_done = {.queues = &queue, .queue_count = 1, .max = 1, .auto_done = true};
    size_t count = 0;
    enum mq_status status = mqc_get_many(queue, 3, MQ_NOWAIT, items, &count);
    TRY(status);
    if (status == MQ_OK)
        TRY(mqc_task_done_many(items, count, NULL));
    if (mqc_get_nowait(queue, &item) == MQ_OK) {
        TRY(mqc_extend(item, 60000));
        TRY(mqc_release(item, 0));
    }
    if (mqc_get_nowait(queue, &item) == MQ_OK) {
        mqc_item_free(item);
        TRY(mqc_queue_task_done(queue));
    }
    status = mqc_get_with(mqc, &auto_done, items, &count);
    TRY(status);
    if (status == MQ_OK)
        mqc_item_free(items[0]);
}

/* Large enough that the buffers of both directions must grow. */
static void put_and_get_much(struct mqc_queue *queue)
{
    enum { MUCH = 300 };
    static char body[20000];
    struct mqc_put puts[MUCH] = {{.body = body, .size = sizeof body}};
    struct mqc_item *items[MUCH];
    size_t stored, count = 0;
    for (size_t i = 1; i < MUCH; i++)
        puts[i] = (struct mqc_put){.body = body, .size = 100};
    TRY(mqc_put_many(queue, puts, MUCH, MQ_FOREVER, &stored));
    enum mq_status status = mqc_get_many(queue, MUCH, MQ_NOWAIT, items, &count);
    TRY(status);
    if (status == MQ_OK)
        TRY(mqc_task_done_many(items, count, NULL));
}

static void look_all_ways(struct mqc *mqc, struct mqc_queue *queue)
{
    struct mqc_queue_stat stats[2];
    struct mqc_session sessions[2];
    struct mqc_broker_stat broker;
    struct mqc_item *items[9];
    size_t count = 0;
    if (mqc_peek(queue, 9, false, items, &count) == MQ_OK)
        for (size_t i = 0; i < count; i++)
            mqc_item_free(items[i]);
    struct mqc_peek page = {.max = 9, .by_id = true, .leased = true};
    if (mqc_peek_with(queue, &page, items, &count, NULL) == MQ_OK)
        for (size_t i = 0; i < count; i++)
            mqc_item_free(items[i]);
    TRY(mqc_stat(queue, stats));
    TRY(mqc_queue_list(mqc, NULL, stats, 2, &count));
    TRY(mqc_sessions(mqc, 0, sessions, 2, &count));
    TRY(mqc_broker_stat(mqc, &broker));
    TRY(mqc_ping(mqc, NULL));
}

/* Several fetches, what they leave ahead, and gathered task_dones. */
static void get_ahead(struct mqc *mqc)
{
    enum { MANY = 40 };
    struct mqc_queue_options options = {.given = MQ_SETTING_LEASE, .lease_ms = 30000, .prefetch = 16};
    struct mqc_queue *queue = NULL;
    struct mqc_item *item;
    enum mq_status status = mqc_queue_open(mqc, "scarce-ahead", &options, &queue);
    TRY(status);
    if (status != MQ_OK)
        return;
    for (int i = 0; i < MANY; i++)
        TRY(mqc_put(queue, "x", 1, MQ_FOREVER));
    for (int i = 0; i < MANY - 5; i++)
        if (mqc_get_nowait(queue, &item) == MQ_OK)
            TRY(mqc_task_done(item));
    if (mqc_get_nowait(queue, &item) == MQ_OK) {
        mqc_item_free(item);
        TRY(mqc_queue_task_done(queue));
    }
    TRY(mqc_flush(mqc, MQ_FOREVER));
    TRY(mqc_purge(queue, NULL));
    mqc_queue_close(queue);
}

static void use_everything(void)
{
    struct mqc_queue_options options = {
        .given = MQ_SETTING_KIND | MQ_SETTING_LEASE, .kind = MQ_KIND_PRIORITY, .lease_ms = 30000};
    struct mqc *mqc = NULL;
    struct mqc_queue *queue = NULL;
    enum mq_status status = mqc_open(server.ipc, NULL, &mqc);
    TRY(status);
    if (status != MQ_OK)
        return;
    status = mqc_queue_open(mqc, "scarce", &options, &queue);
    TRY(status);
    if (status == MQ_OK) {
        put_all_ways(queue);
        put_async(mqc, queue);
        get_all_ways(mqc, queue);
        look_all_ways(mqc, queue);
        put_and_get_much(queue);
        get_ahead(mqc);
        TRY(mqc_purge(queue, NULL));
    }
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void without_memory_calls_say_so_and_nothing_leaks_or_stays_leased(void)
{
    struct mqc *observer = NULL;
    struct mqc_queue *queue = NULL;
    struct mqc_queue_options only_a_name = {.mode = MQC_OPEN_NAME};
    REQUIRE(mqc_open(server.ipc, NULL, &observer) == MQ_OK);
    REQUIRE(mqc_queue_open(observer, "scarce", &only_a_name, &queue) == MQ_OK);
    uint64_t runs = 0, failures;
    do {
        struct mqc_queue_stat stat = {.leased = 1};
        failures = malloc_failures;
        malloc_calls = 0;
        malloc_fails_at = ++runs;
        use_everything();
        malloc_fails_at = 0;
        enum mq_status status = mqc_stat(queue, &stat);
        CHECK(status == MQ_NO_QUEUE || (status == MQ_OK && stat.leased == 0));
        CHECK(status == MQ_NO_QUEUE || mqc_purge(queue, NULL) == MQ_OK);
    } while (malloc_failures > failures);
    printf("\n    %llu allocations ", (unsigned long long)runs - 1);
    CHECK(runs > 50);
    mqc_queue_close(queue);
    mqc_close(observer);
}

static void without_any_memory_there_is_no_client(void)
{
    struct mqc *mqc = NULL;
    malloc_always_fails = true;
    enum mq_status status = mqc_open(server.ipc, NULL, &mqc);
    malloc_always_fails = false;
    CHECK_EQUAL(status, MQ_NO_MEMORY);
    CHECK(strlen(mqc_error(NULL)) > 0);
}

static void a_renewal_without_memory_is_tried_again(void)
{
    enum { LEASE_MS = 600 };
    struct mqc_queue_options options = {.given = MQ_SETTING_LEASE, .lease_ms = LEASE_MS};
    struct mqc *mqc = NULL;
    struct mqc_queue *queue = NULL;
    struct mqc_item *item = NULL;
    REQUIRE(mqc_open(server.ipc, NULL, &mqc) == MQ_OK);
    REQUIRE(mqc_queue_open(mqc, "renewed", &options, &queue) == MQ_OK);
    REQUIRE(mqc_put(queue, "x", 1, MQ_FOREVER) == MQ_OK);
    REQUIRE(mqc_get(queue, MQ_FOREVER, &item) == MQ_OK);
    uint64_t failures = malloc_failures;
    malloc_always_fails = true;
    WAIT_UNTIL(malloc_failures > failures, LIMIT_MS);
    malloc_always_fails = false;
    let_pass(2 * LEASE_MS);
    CHECK_EQUAL(mqc_task_done(item), MQ_OK);
    mqc_queue_close(queue);
    mqc_close(mqc);
}

static void without_file_descriptors_there_is_no_client(void)
{
    struct rlimit before, none;
    struct mqc *mqc = NULL;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = before;
    none.rlim_cur = 0;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    enum mq_status status = mqc_open(server.ipc, NULL, &mqc);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_EQUAL(status, MQ_NO_MEMORY);
    CHECK(strlen(mqc_error(NULL)) > 0);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(without_memory_calls_say_so_and_nothing_leaks_or_stays_leased),
        UNIT(without_any_memory_there_is_no_client),
        UNIT(without_file_descriptors_there_is_no_client),
        UNIT(a_renewal_without_memory_is_tried_again),
    };
    server_start(&server, NULL);
    int failed = unit_run("memory", tests, sizeof tests / sizeof *tests);
    server_end(&server);
    return failed;
}
