/* engine_look.c - inspection: peek, stat, list, sessions, ping. Nothing here changes anything.
 *
 * An answer is a copy made when the request is started, rows and texts in one block that the call owns; what
 * it tells stays true to that moment, however late it is sent. */
#include "engine_state.h"

#include <stdlib.h>
#include <string.h>

bool look_take_rows(struct call *call, size_t count, size_t row_size, size_t text_size, char **ret_text)
{
    call->reply_size = count * row_size + text_size;
    call->rows = calloc(1, call->reply_size + 1);
    call->row_count = call->rows ? count : 0;
    *ret_text = (char *)call->rows + count * row_size;
    return call->rows != NULL;
}

/* Copies the bytes to where the texts grow, and points there. */
static void keep_text(struct bytes *text, char **next)
{
    if (text->size)
        memcpy(*next, text->data, text->size);
    text->data = *next;
    *next += text->size;
}

static uint32_t at_most_rows(uint32_t max)
{
    return max < MQ_ROWS_MAX ? max : MQ_ROWS_MAX;
}

/* As much as fits a frame, or the session's share of memory. */
size_t look_room(const struct engine *e)
{
    size_t frame = get_frame_room(e);
    return call_is_crowded(e) && frame > KEPT_FAIR ? KEPT_FAIR : frame;
}

/* Cuts the list where the answer would be full; says how many bytes of text that takes. */
static size_t fit_frame(const struct engine *e, const struct item_view *items, size_t *count)
{
    size_t text_size = 0, room = look_room(e);
    for (size_t i = 0; i < *count; i++) {
        size_t size = items[i].body.size + items[i].key.size;
        if (i > 0 && text_size + size + (i + 1) * ITEM_MARGIN > room)
            *count = i;
        else
            text_size += size;
    }
    return text_size;
}

static enum mq_status peek(struct engine *e, struct call *call, const struct queue *q,
                           const struct request *req)
{
    size_t count, max = at_most_rows(req->max);
    struct item_view *items = malloc(max * sizeof *items);
    struct order_copies copies = {.size_max = get_frame_room(e)};
    enum mq_status status = MQ_NO_MEMORY;
    char *text;
    if (!items || !order_peek(&q->order, req->last, max, items, &count, &copies))
        goto cleanup;
    size_t text_size = fit_frame(e, items, &count);
    if (!look_take_rows(call, count, sizeof(struct item_view), text_size, &text))
        goto cleanup;
    struct item_view *views = call->rows;
    for (size_t i = 0; i < count; i++) {
        views[i] = items[i];
        keep_text(&views[i].body, &text);
        keep_text(&views[i].key, &text);
    }
    status = MQ_OK;
cleanup:
    order_free_copies(&q->order, &copies);
    free(items);
    return status;
}

void peek_submit(struct engine *e, struct call *call, const struct request *req)
{
    struct queue *q = queue_find(e, req->queue);
    enum mq_status status = MQ_NO_QUEUE;
    if (q)
        status = req->by_id ? walk_page(e, call, q, req) : peek(e, call, q, req);
    bool is_lost = status == MQ_NO_MEMORY && e->stock.lost;
    call_answer(e, call, is_lost ? MQ_TEMPORARY : status, is_lost ? e->stock.lost : NULL);
}

static enum mq_status describe_queues(const struct engine *e, struct call *call, struct queue *const *queues,
                                      size_t count)
{
    size_t text_size = 0;
    char *text;
    for (size_t i = 0; i < count; i++)
        text_size += queues[i]->name_size;
    if (!look_take_rows(call, count, sizeof(struct queue_stat), text_size, &text))
        return MQ_NO_MEMORY;
    struct queue_stat *rows = call->rows;
    for (size_t i = 0; i < count; i++) {
        queue_describe(queues[i], e->now_ms, &rows[i]);
        keep_text(&rows[i].name, &text);
    }
    return MQ_OK;
}

static enum mq_status describe_broker(const struct engine *e, struct call *call)
{
    char *text;
    if (!look_take_rows(call, 1, sizeof(struct broker_stat), 0, &text))
        return MQ_NO_MEMORY;
    call->of_broker = true;
    engine_stat(e, call->rows);
    return MQ_OK;
}

void stat_submit(struct engine *e, struct call *call, const struct request *req)
{
    if (req->queue.size == 0) {
        call_answer(e, call, describe_broker(e, call), NULL);
        return;
    }
    struct queue *q = queue_find(e, req->queue);
    call_answer(e, call, q ? describe_queues(e, call, &q, 1) : MQ_NO_QUEUE, NULL);
}

void list_submit(struct engine *e, struct call *call, const struct request *req)
{
    size_t first = queue_list_after(e, req->queue), count = at_most_rows(req->max);
    if (count > e->queues.count - first)
        count = e->queues.count - first;
    /* Before the first queue there is no list. */
    struct queue *const *rows = e->queue_list ? e->queue_list + first : NULL;
    call_answer(e, call, describe_queues(e, call, rows, count), NULL);
}

/* Counts one more wait or hold, in the row of its verb and queue if there is one or still room for one. */
static size_t count_wait(struct session_wait *waits, size_t count, enum mq_verb verb, const struct queue *q)
{
    size_t i = 0;
    while (i < count && (waits[i].verb != verb || waits[i].queue.data != q->name))
        i++;
    if (i == MQ_WAITS_MAX)
        return count;
    if (i == count)
        waits[count++] = (struct session_wait){verb, queue_name(q), 0};
    waits[i].count++;
    return count;
}

static void describe_waits(const struct session *s, struct session_row *row)
{
    uint32_t seen = 0;
    for (struct list_node *n = list_first(&s->calls); n && seen < MQ_ROWS_MAX;
         n = list_next(&s->calls, n), seen++) {
        const struct call *call = CONTAINER_OF(n, struct call, of_session);
        if (call->waits && call->queue)
            row->wait_count = count_wait(row->waits, row->wait_count, call->verb, call->queue);
    }
    seen = 0;
    for (struct list_node *n = list_first(&s->leases); n && seen < MQ_ROWS_MAX;
         n = list_next(&s->leases, n), seen++) {
        const struct lease *lease = CONTAINER_OF(n, struct lease, of_session);
        row->hold_count = count_wait(row->holds, row->hold_count, MQ_VERB_TASK_DONE, lease->queue);
    }
}

static void describe_session(const struct engine *e, const struct session *s, struct session_row *row)
{
    *row = (struct session_row){
        .number = s->number,
        .name = {s->name, s->name_size},
        .connected = s->peer != NULL,
        .age_ms = e->now_ms - s->since_ms,
        .idle_ms = e->now_ms - s->heard_ms,
        .waiting = s->waiting,
        .leased = s->leased,
    };
    describe_waits(s, row);
}

static size_t row_text_size(const struct session_row *row)
{
    size_t size = row->name.size;
    for (size_t i = 0; i < row->wait_count; i++)
        size += row->waits[i].queue.size;
    for (size_t i = 0; i < row->hold_count; i++)
        size += row->holds[i].queue.size;
    return size;
}

static void keep_row_texts(struct session_row *row, char **next)
{
    keep_text(&row->name, next);
    for (size_t i = 0; i < row->wait_count; i++)
        keep_text(&row->waits[i].queue, next);
    for (size_t i = 0; i < row->hold_count; i++)
        keep_text(&row->holds[i].queue, next);
}

/* The first rows after a public number. Returns how many; their texts have text_size bytes in all. */
static size_t describe_sessions(const struct engine *e, uint64_t after, struct session_row *rows, size_t max,
                                size_t *ret_text_size)
{
    size_t count = 0;
    *ret_text_size = 0;
    for (struct list_node *n = list_first(&e->session_list); n && count < max;
         n = list_next(&e->session_list, n)) {
        const struct session *s = CONTAINER_OF(n, struct session, of_engine);
        if (s->number <= after)
            continue;
        describe_session(e, s, &rows[count]);
        *ret_text_size += row_text_size(&rows[count++]);
    }
    return count;
}

void sessions_submit(struct engine *e, struct call *call, const struct request *req)
{
    enum mq_status status = MQ_NO_MEMORY;
    size_t text_size, max = at_most_rows(req->max);
    struct session_row *rows = malloc((max + 1) * sizeof *rows);
    char *text;
    if (rows) {
        size_t count = describe_sessions(e, req->after_number, rows, max, &text_size);
        if (look_take_rows(call, count, sizeof *rows, text_size, &text)) {
            memcpy(call->rows, rows, count * sizeof *rows);
            for (size_t i = 0; i < count; i++)
                keep_row_texts((struct session_row *)call->rows + i, &text);
            status = MQ_OK;
        }
    }
    free(rows);
    call_answer(e, call, status, NULL);
}

void ping_submit(struct engine *e, struct call *call, const struct request *req)
{
    (void)req;
    call_answer(e, call, MQ_OK, NULL);
}
