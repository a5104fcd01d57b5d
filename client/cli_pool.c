/* cli_pool.c - see cli_pool.h. */
#include "cli_pool.h"
#include "cli_output.h"
#include "cli_signals.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    PAUSE_FIRST_MS = 100, /* before a failed item's next try; doubles with its deliveries */
    PAUSE_LAST_MS = 10000,
    LOOK_FIRST_MS = 20, /* between looks at a queue whose last items others hold; doubles */
    LOOK_LAST_MS = 500,
    INTERRUPT_MS = 50,       /* at the end, between interrupts of slots that wait */
    HELD_COUNT_MAX = 1000,   /* more are not taken while so many wait for their next try */
    HELD_SIZE_MAX = 64 << 20 /* ... or so many bytes */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A run with an end gives failed items back there, and never runs one twice. */
static bool has_end(const struct cli_pool *pool)
{
    return pool->all || pool->wanted >= 0;
}

static void wake_main(struct cli_pool *pool)
{
    uint64_t one = 1;
    ssize_t written = write(pool->wake_fd, &one, sizeof one);
    assert(written == sizeof one);
}

/* Nothing more is taken; what runs is finished. The first reason counts. With the lock. */
static void end(struct cli_pool *pool, int code)
{
    if (pool->ending)
        return;
    pool->ending = true;
    pool->code = code;
    pthread_cond_broadcast(&pool->room);
    wake_main(pool);
}

static void end_with_error(struct cli_pool *pool, int code, const char *reason)
{
    pthread_mutex_lock(&pool->lock);
    if (!pool->ending)
        cli_error(pool->cli, "%s", reason);
    end(pool, code);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- What failed ---- */

static bool reserve_held(struct cli_pool *pool)
{
    if (pool->held_count < pool->held_capacity)
        return true;
    size_t capacity = pool->held_capacity ? 2 * pool->held_capacity : 16;
    struct cli_held *held = reallocarray(pool->held, capacity, sizeof *held);
    if (!held)
        return false;
    pool->held = held;
    pool->held_capacity = capacity;
    return true;
}

static int64_t retry_pause_ms(uint32_t deliveries)
{
    int64_t pause_ms = PAUSE_FIRST_MS;
    for (uint32_t i = 1; i < deliveries && pause_ms < PAUSE_LAST_MS; i++)
        pause_ms *= 2;
    return pause_ms < PAUSE_LAST_MS ? pause_ms : PAUSE_LAST_MS;
}

/* Takes the item. */
static void hold(struct cli_pool *pool, struct mqc_item *item)
{
    int64_t due_ms = INT64_MAX;
    if (!has_end(pool))
        due_ms = now_ms() + retry_pause_ms(mqc_item_deliveries(item));
    pthread_mutex_lock(&pool->lock);
    bool is_held = reserve_held(pool);
    if (is_held) {
        pool->held[pool->held_count++] = (struct cli_held){.item = item, .due_ms = due_ms};
        pool->held_size += mqc_item_size(item);
    }
    wake_main(pool);
    pthread_mutex_unlock(&pool->lock);
    if (!is_held)
        mqc_release(item, 0);
}

static bool is_room_to_hold(const struct cli_pool *pool)
{
    return has_end(pool) || (pool->held_count < HELD_COUNT_MAX && pool->held_size < HELD_SIZE_MAX);
}

/* One that is due, removed; NULL: none. With the lock. */
static struct mqc_item *take_due(struct cli_pool *pool, int64_t until_ms)
{
    for (size_t i = 0; i < pool->held_count; i++)
        if (pool->held[i].due_ms <= until_ms) {
            struct mqc_item *item = pool->held[i].item;
            pool->held[i] = pool->held[--pool->held_count];
            pool->held_size -= mqc_item_size(item);
            pthread_cond_broadcast(&pool->room);
            return item;
        }
    return NULL;
}

/* Gives back what is due by then: the delivery counts. Main thread only. */
static void give_back(struct cli_pool *pool, int64_t until_ms)
{
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        struct mqc_item *item = take_due(pool, until_ms);
        pthread_mutex_unlock(&pool->lock);
        if (!item)
            return;
        enum mq_status status = mqc_release(item, 0);
        /* An item that is not ours any more needs no giving back. */
        if (status != MQ_OK && status != MQ_LEASE_LOST) {
            end_with_error(pool, cli_exit_code(status), cli_reason(pool->cli, status));
            return;
        }
    }
}

/* ---- Taking ---- */

/* The queue is empty, for us or for ever: is anybody still at work on an item that could come back?
 * MQ_OK: nobody, it is over; MQ_TIMED_OUT: yes. */
static enum mq_status look(struct cli_slot *slot)
{
    struct cli_pool *pool = slot->pool;
    struct mqc_queue_stat stat;
    pthread_mutex_lock(&pool->lock);
    size_t held = has_end(pool) ? pool->held_count : 0;
    pthread_mutex_unlock(&pool->lock);
    enum mq_status status = mqc_stat(pool->cli->queue, &stat);
    if (status != MQ_OK)
        return status;
    return stat.size == 0 && stat.leased <= held ? MQ_OK : MQ_TIMED_OUT;
}

/* Waits for an item to come back. A queue that is shut down does not let anybody wait for items; there it
 * waits for the end of all work instead. */
static enum mq_status wait_for_item(struct cli_slot *slot, bool is_shut_down, struct mqc_item **ret_item)
{
    struct mqc_queue *queue = slot->pool->cli->queue;
    int64_t pause_ms = slot->pause_ms;
    slot->pause_ms = pause_ms * 2 < LOOK_LAST_MS ? pause_ms * 2 : LOOK_LAST_MS;
    if (!is_shut_down)
        return mqc_get(queue, pause_ms, ret_item);
    enum mq_status status = mqc_join(queue, pause_ms);
    return status == MQ_OK || status == MQ_TIMED_OUT ? MQ_EMPTY : status;
}

/* MQ_OK: an item. MQ_EMPTY: none, and it is over. MQ_SHUT_DOWN: the same, and it will stay so. */
static enum mq_status fetch(struct cli_slot *slot, struct mqc_item **ret_item)
{
    struct cli_pool *pool = slot->pool;
    slot->pause_ms = LOOK_FIRST_MS;
    for (;;) {
        enum mq_status got = mqc_get(pool->cli->queue, pool->all ? MQ_NOWAIT : MQ_FOREVER, ret_item);
        if (got != MQ_EMPTY && got != MQ_SHUT_DOWN)
            return got;
        enum mq_status looked = look(slot);
        if (looked == MQ_OK)
            return got;
        if (looked != MQ_TIMED_OUT)
            return looked;
        enum mq_status status = wait_for_item(slot, got == MQ_SHUT_DOWN, ret_item);
        if (status != MQ_EMPTY && status != MQ_SHUT_DOWN)
            return status;
    }
}

/* A get has brought nothing. With the lock. */
static void judge(struct cli_pool *pool, enum mq_status status)
{
    if (pool->ending)
        return;
    if (pool->all && (status == MQ_EMPTY || status == MQ_SHUT_DOWN)) {
        end(pool, CLI_OK);
    } else if (status != MQ_INTERRUPTED) {
        cli_error(pool->cli, "%s", cli_reason(pool->cli, status));
        end(pool, cli_exit_code(status));
    }
}

/* The slot's next item; false: it is to end. */
static bool take(struct cli_slot *slot, struct mqc_item **ret_item)
{
    struct cli_pool *pool = slot->pool;
    enum mq_status status = MQ_EMPTY;
    pthread_mutex_lock(&pool->lock);
    while (status != MQ_OK && !pool->ending && (pool->wanted < 0 || pool->taken < pool->wanted)) {
        if (!is_room_to_hold(pool)) {
            pthread_cond_wait(&pool->room, &pool->lock);
            continue;
        }
        pool->taken++;
        pool->fetching++;
        pthread_mutex_unlock(&pool->lock);
        status = fetch(slot, ret_item);
        pthread_mutex_lock(&pool->lock);
        pool->fetching--;
        if (status != MQ_OK) {
            pool->taken--;
            judge(pool, status);
        }
    }
    bool ending = pool->ending;
    pthread_mutex_unlock(&pool->lock);
    if (status == MQ_OK && ending)
        /* It came too late. If it cannot be given back, it will be when the session ends. */
        mqc_release_untouched(*ret_item);
    return status == MQ_OK && !ending;
}

/* ---- Finishing ---- */

/* One run's output in whole. */
static bool pass_on(struct cli_pool *pool, const struct cli_run *run)
{
    pthread_mutex_lock(&pool->output);
    bool passed = cli_spool_copy(&run->out, STDOUT_FILENO) && cli_spool_copy(&run->err, STDERR_FILENO);
    int error = errno;
    pthread_mutex_unlock(&pool->output);
    if (passed)
        return true;
    char reason[128];
    snprintf(reason, sizeof reason, "cannot write: %s", strerror(error));
    end_with_error(pool, CLI_IO_ERROR, reason);
    return false;
}

static void count_run(struct cli_pool *pool, bool succeeded)
{
    pthread_mutex_lock(&pool->lock);
    pool->done += succeeded;
    pool->failed += !succeeded;
    pthread_mutex_unlock(&pool->lock);
}

/* Each is told of, if it is not done. Takes the items. */
static void end_leases(struct cli_pool *pool, struct mqc_item **items, size_t count)
{
    uint64_t ids[CLI_POOL_FINISHED_MAX];
    enum mq_status each[CLI_POOL_FINISHED_MAX];
    for (size_t i = 0; i < count; i++)
        ids[i] = mqc_item_id(items[i]);
    (void)mqc_task_done_many(items, count, each);
    for (size_t i = 0; i < count; i++) {
        count_run(pool, each[i] == MQ_OK);
        if (each[i] == MQ_OK)
            continue;
        const char *reason = cli_reason(pool->cli, each[i]);
        cli_notice(pool->cli, "item %" PRIu64 " was worked on, but is not done: %s", ids[i], reason);
        if (each[i] != MQ_LEASE_LOST && each[i] != MQ_SESSION_LOST)
            end_with_error(pool, cli_exit_code(each[i]), reason);
    }
}

/* What the slots have finished. Main thread only. */
static void end_finished(struct cli_pool *pool)
{
    struct mqc_item *items[CLI_POOL_FINISHED_MAX];
    pthread_mutex_lock(&pool->lock);
    size_t count = pool->finished_count;
    for (size_t i = 0; i < count; i++)
        items[i] = pool->finished[i];
    pool->finished_count = 0;
    pthread_mutex_unlock(&pool->lock);
    if (count)
        end_leases(pool, items, count);
}

/* The command did its work. Takes the item. */
static void finish_done(struct cli_pool *pool, struct mqc_item *item)
{
    pthread_mutex_lock(&pool->lock);
    bool has_room = pool->finished_count < CLI_POOL_FINISHED_MAX;
    if (has_room)
        pool->finished[pool->finished_count++] = item;
    wake_main(pool);
    pthread_mutex_unlock(&pool->lock);
    if (!has_room)
        end_leases(pool, &item, 1);
}

/* Is it hopeless to run the command again? */
static bool cannot_run(const struct cli_run *run)
{
    return run->end == CLI_RUN_NO_START &&
           (run->code == ENOENT || run->code == EACCES || run->code == ENOEXEC || run->code == ENOTDIR);
}

/* Takes the item. */
static void finish_failed(struct cli_pool *pool, const struct cli_run *run, struct mqc_item *item)
{
    char what[128];
    cli_run_describe(run, what, sizeof what);
    if (cannot_run(run)) {
        mqc_release_untouched(item);
        char reason[512];
        snprintf(reason, sizeof reason, "'%s' %s", pool->cli->run_argv[0], what);
        end_with_error(pool, CLI_NOT_FOUND, reason);
        return;
    }
    if (cli_run_succeeded(run))
        snprintf(what, sizeof what, "its output could not be passed on");
    count_run(pool, false);
    cli_notice(pool->cli, "item %" PRIu64 " failed: %s (delivery %" PRIu32 ")", mqc_item_id(item), what,
               mqc_item_deliveries(item));
    hold(pool, item);
}

static void finish(struct cli_pool *pool, struct cli_run *run, struct mqc_item *item)
{
    bool passed = pass_on(pool, run) && !run->out.error && !run->err.error;
    if (passed && cli_run_succeeded(run))
        finish_done(pool, item);
    else
        finish_failed(pool, run, item);
}

static void *slot_main(void *argument)
{
    struct cli_slot *slot = argument;
    struct cli_pool *pool = slot->pool;
    struct mqc_item *item;
    while (take(slot, &item)) {
        cli_run(&slot->run, pool->cli->run_argv, item);
        finish(pool, &slot->run, item);
        cli_run_done(&slot->run);
    }
    pthread_mutex_lock(&pool->lock);
    pool->alive--;
    wake_main(pool);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* ---- The main thread ---- */

/* The first signal lets finish what runs, the second asks the commands to end, the third makes them. */
static void on_signals(struct cli_pool *pool)
{
    unsigned char numbers[64];
    ssize_t count = read(cli_signals_fd(), numbers, sizeof numbers);
    for (ssize_t i = 0; i < count; i++) {
        pool->last_signal = numbers[i];
        pool->signal_count++;
        pthread_mutex_lock(&pool->lock);
        end(pool, CLI_INTERRUPTED);
        for (size_t s = 0; pool->signal_count > 1 && s < pool->slot_count; s++)
            cli_run_kill(&pool->slots[s].run, pool->signal_count == 2 ? SIGTERM : SIGKILL);
        pthread_mutex_unlock(&pool->lock);
    }
}

/* How long the main thread may sleep. With the lock. */
static int sleep_ms(const struct cli_pool *pool)
{
    if (pool->ending)
        return pool->fetching ? INTERRUPT_MS : -1;
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; i < pool->held_count; i++)
        if (pool->held[i].due_ms < due_ms)
            due_ms = pool->held[i].due_ms;
    int64_t now = now_ms();
    if (due_ms == INT64_MAX)
        return -1;
    return due_ms > now ? (int)(due_ms - now) : 0;
}

static void wait_for_something(struct cli_pool *pool, int timeout_ms)
{
    uint64_t wakes;
    struct pollfd fds[] = {{.fd = cli_signals_fd(), .events = POLLIN},
                           {.fd = pool->wake_fd, .events = POLLIN}};
    poll(fds, 2, timeout_ms);
    if (fds[1].revents) {
        ssize_t size = read(pool->wake_fd, &wakes, sizeof wakes);
        assert(size == sizeof wakes);
    }
    if (fds[0].revents)
        on_signals(pool);
}

static void supervise(struct cli_pool *pool)
{
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        size_t alive = pool->alive;
        bool waits = pool->ending && pool->fetching > 0;
        int timeout_ms = sleep_ms(pool);
        pthread_mutex_unlock(&pool->lock);
        if (alive == 0)
            return;
        /* Again and again, because each works only on calls that are blocked at that moment. */
        if (waits)
            mqc_interrupt(pool->cli->mqc);
        wait_for_something(pool, timeout_ms);
        end_finished(pool);
        give_back(pool, now_ms());
    }
}

/* Signals are the main thread's. */
static void start_slots(struct cli_pool *pool)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (size_t i = 0; i < pool->slot_count; i++) {
        struct cli_slot *slot = &pool->slots[i];
        slot->pool = pool;
        cli_run_init(&slot->run, &pool->lock);
        pthread_mutex_lock(&pool->lock);
        pool->alive++;
        pthread_mutex_unlock(&pool->lock);
        int error = pthread_create(&slot->thread, NULL, slot_main, slot);
        if (error) {
            pthread_mutex_lock(&pool->lock);
            pool->alive--;
            pthread_mutex_unlock(&pool->lock);
            pool->slot_count = i;
            end_with_error(pool, CLI_TEMPORARY, strerror(error));
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void join_slots(struct cli_pool *pool)
{
    for (size_t i = 0; i < pool->slot_count; i++)
        pthread_join(pool->slots[i].thread, NULL);
}

int cli_pool_run(struct cli_pool *pool)
{
    pthread_mutex_init(&pool->lock, NULL);
    pthread_mutex_init(&pool->output, NULL);
    pthread_cond_init(&pool->room, NULL);
    pool->slots = calloc(pool->slot_count, sizeof *pool->slots);
    pool->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (!pool->slots || pool->wake_fd < 0) {
        cli_error(pool->cli, "%s", strerror(errno));
        return CLI_TEMPORARY;
    }
    cli_signals_collect();
    start_slots(pool);
    supervise(pool);
    join_slots(pool);
    end_finished(pool);
    give_back(pool, INT64_MAX);
    for (size_t i = 0; i < pool->held_count; i++)
        mqc_item_free(pool->held[i].item); /* given back when the session ends */
    close(pool->wake_fd);
    free(pool->slots);
    free(pool->held);
    return pool->code;
}
