/* mqc_look.c - looking at queues, sessions and the broker. */
#include <stdio.h>
#include <time.h>

#include "mqc_queue.h"

static void copy_text(char *to, size_t size, struct bytes text)
{
    snprintf(to, size, "%.*s", (int)text.size, text.size ? (const char *)text.data : "");
}

/* Where the rows of an answer go. */
struct rows {
    void *place;
    size_t max, count;
};

static void copy_queue(struct mqc_queue_stat *to, const struct queue_stat *from)
{
    *to = (struct mqc_queue_stat){.kind = from->settings.kind,
                                  .is_shut_down = from->is_shut_down,
                                  .is_immediate = from->is_immediate,
                                  .is_transient = from->settings.is_transient,
                                  .maxsize = from->settings.maxsize,
                                  .lease_ms = from->settings.lease_ms,
                                  .size = from->ready,
                                  .leased = from->leased,
                                  .unfinished = from->unfinished,
                                  .bytes = from->bytes,
                                  .getters = from->getters,
                                  .putters = from->putters,
                                  .joiners = from->joiners,
                                  .puts = from->puts,
                                  .gets = from->gets,
                                  .done = from->done,
                                  .redelivered = from->redelivered,
                                  .returned = from->returned,
                                  .discarded = from->discarded,
                                  .age_ms = from->age_ms,
                                  .oldest_ms = from->oldest_ms};
    copy_text(to->name, sizeof to->name, from->name);
}

static void copy_broker(struct mqc_broker_stat *to, const struct broker_stat *from)
{
    *to = (struct mqc_broker_stat){.uptime_ms = from->uptime_ms,
                                   .pid = from->pid,
                                   .queues = from->queues,
                                   .sessions = from->sessions,
                                   .connected = from->connected,
                                   .ready = from->ready,
                                   .leased = from->leased,
                                   .waiting = from->waiting,
                                   .puts = from->puts,
                                   .gets = from->gets,
                                   .done = from->done,
                                   .redelivered = from->redelivered,
                                   .returned = from->returned,
                                   .discarded = from->discarded,
                                   .repeats = from->repeats,
                                   .sessions_lost = from->sessions_lost,
                                   .forgotten = from->forgotten,
                                   .memory = from->memory,
                                   .memory_limit = from->memory_limit,
                                   .body_max = from->body_max,
                                   .queues_max = from->queues_max,
                                   .sessions_max = from->sessions_max,
                                   .items_max = from->items_max,
                                   .frame_max = from->frame_max,
                                   .waiting_max = from->waiting_max,
                                   .unconfirmed_max = from->unconfirmed_max,
                                   .in_flight_max = from->in_flight_max,
                                   .resume_grace_ms = from->resume_grace_ms,
                                   .remember_ms = from->remember_ms,
                                   .sync_interval_ms = from->data.sync_interval_ms,
                                   .log_segments = from->data.log_segments,
                                   .log_bytes = from->data.log_bytes,
                                   .unsafe_bytes = from->data.unsafe_bytes,
                                   .live_bytes = from->live_bytes,
                                   .shelved = from->shelved,
                                   .shelved_items = from->shelved_items};
    copy_text(to->version, sizeof to->version, from->version);
    copy_text(to->sync, sizeof to->sync, from->data.sync);
    copy_text(to->data, sizeof to->data, from->data.state);
}

static void copy_wait(struct mqc_session_wait *to, const struct session_wait *from)
{
    bool is_lease = from->verb == MQ_VERB_TASK_DONE;
    copy_text(to->what, sizeof to->what, mq_bytes(is_lease ? "lease" : mq_verb_name(from->verb)));
    copy_text(to->queue, sizeof to->queue, from->queue);
    to->count = from->count;
}

static void copy_session(struct mqc_session *to, const struct session_row *from)
{
    *to = (struct mqc_session){.number = from->number,
                               .connected = from->connected,
                               .age_ms = from->age_ms,
                               .idle_ms = from->idle_ms,
                               .waiting = from->waiting,
                               .leased = from->leased,
                               .wait_count = from->wait_count,
                               .hold_count = from->hold_count};
    copy_text(to->name, sizeof to->name, from->name);
    for (size_t i = 0; i < from->wait_count; i++)
        copy_wait(&to->waits[i], &from->waits[i]);
    for (size_t i = 0; i < from->hold_count; i++)
        copy_wait(&to->holds[i], &from->holds[i]);
}

static void saw_queues(struct call *call, const struct answer *answer)
{
    struct rows *rows = call->context;
    for (size_t i = 0; answer && !call->left && i < answer->queue_count && rows->count < rows->max; i++)
        copy_queue((struct mqc_queue_stat *)rows->place + rows->count++, &answer->queues[i]);
}

static void saw_sessions(struct call *call, const struct answer *answer)
{
    struct rows *rows = call->context;
    for (size_t i = 0; answer && !call->left && i < answer->session_count && rows->count < rows->max; i++)
        copy_session((struct mqc_session *)rows->place + rows->count++, &answer->sessions[i]);
}

static void saw_broker(struct call *call, const struct answer *answer)
{
    struct rows *rows = call->context;
    if (answer && !call->left && answer->broker) {
        copy_broker(rows->place, answer->broker);
        rows->count = 1;
    }
}

/* Runs and drops the call. */
static enum mq_status run_looking(struct call *call, void (*on_end)(struct call *, const struct answer *),
                                  struct rows *rows)
{
    if (call) {
        call->on_end = on_end;
        call->context = rows;
        call->exchange.request.max = rows->max < MQ_ROWS_MAX ? (uint32_t)rows->max : MQ_ROWS_MAX;
    }
    enum mq_status status = call_run(call);
    call_drop(call);
    return status;
}

enum mq_status mqc_stat(struct mqc_queue *q, struct mqc_queue_stat *ret_stat)
{
    struct mqc_queue_stat stat;
    struct rows rows = {.place = &stat, .max = 1};
    enum mq_status status = queue_enter(q);
    if (status != MQ_OK)
        return status;
    if (!ret_stat)
        return queue_leave(q, client_fail(q->mqc, MQ_INVALID, "no place for the result"));
    status = run_looking(call_new(q->mqc, MQ_VERB_STAT, q), saw_queues, &rows);
    if (status == MQ_OK && rows.count)
        *ret_stat = stat;
    else if (status == MQ_OK)
        status = client_fail(q->mqc, MQ_UNSUPPORTED, NULL);
    return queue_leave(q, status);
}

enum mq_status mqc_broker_stat(struct mqc *m, struct mqc_broker_stat *ret_stat)
{
    struct mqc_broker_stat stat;
    struct rows rows = {.place = &stat, .max = 1};
    enum mq_status status = client_enter(m);
    if (status != MQ_OK)
        return status;
    if (!ret_stat)
        return client_leave(m, client_fail(m, MQ_INVALID, "no place for the result"));
    status = run_looking(call_new(m, MQ_VERB_STAT, NULL), saw_broker, &rows);
    if (status == MQ_OK && rows.count)
        *ret_stat = stat;
    else if (status == MQ_OK)
        status = client_fail(m, MQ_UNSUPPORTED, NULL);
    return client_leave(m, status);
}

enum mq_status mqc_queue_list(struct mqc *m, const char *after, struct mqc_queue_stat *ret_rows, size_t max,
                              size_t *ret_count)
{
    struct rows rows = {.place = ret_rows, .max = max};
    enum mq_status status = client_enter(m);
    if (status != MQ_OK)
        return status;
    if (!ret_rows || !max || !ret_count)
        return client_leave(m, client_fail(m, MQ_INVALID, "no place for the result"));
    struct call *call = call_new(m, MQ_VERB_LIST, NULL);
    char name[MQ_NAME_SIZE_MAX + 1];
    snprintf(name, sizeof name, "%s", after ? after : "");
    if (call)
        call->exchange.request.queue = mq_bytes(name);
    status = run_looking(call, saw_queues, &rows);
    if (status == MQ_OK)
        *ret_count = rows.count;
    return client_leave(m, status);
}

enum mq_status mqc_sessions(struct mqc *m, uint64_t after, struct mqc_session *ret_rows, size_t max,
                            size_t *ret_count)
{
    struct rows rows = {.place = ret_rows, .max = max};
    enum mq_status status = client_enter(m);
    if (status != MQ_OK)
        return status;
    if (!ret_rows || !max || !ret_count)
        return client_leave(m, client_fail(m, MQ_INVALID, "no place for the result"));
    struct call *call = call_new(m, MQ_VERB_SESSIONS, NULL);
    if (call)
        call->exchange.request.after_number = after;
    status = run_looking(call, saw_sessions, &rows);
    if (status == MQ_OK)
        *ret_count = rows.count;
    return client_leave(m, status);
}

static uint64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

enum mq_status mqc_ping(struct mqc *m, uint64_t *ret_round_trip_us)
{
    enum mq_status status = client_enter(m);
    if (status != MQ_OK)
        return status;
    uint64_t began_us = clock_us();
    struct call *call = call_new(m, MQ_VERB_PING, NULL);
    status = call_run(call);
    call_drop(call);
    if (status == MQ_OK && ret_round_trip_us)
        *ret_round_trip_us = clock_us() - began_us;
    return client_leave(m, status);
}
