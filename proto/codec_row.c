/* codec_row.c - rows as maps from a field's name to its value, so that rows can grow without a new version.
 *
 * One table per struct says which fields travel; their names are the same as in proto.h. */
#include "codec_parts.h"

#include <string.h>

#define U64(row, field)                                                                                      \
    {                                                                                                        \
#field, COLUMN_U64, offsetof(struct row, field), 0                                                   \
    }
#define U32(row, field)                                                                                      \
    {                                                                                                        \
#field, COLUMN_U32, offsetof(struct row, field), 0                                                   \
    }
#define BOOL(row, field)                                                                                     \
    {                                                                                                        \
#field, COLUMN_BOOL, offsetof(struct row, field), 0                                                  \
    }
#define TEXT(row, field)                                                                                     \
    {                                                                                                        \
#field, COLUMN_TEXT, offsetof(struct row, field), 0                                                  \
    }

static const struct column queue_columns[] = {
    TEXT(queue_stat, name),
    {"kind", COLUMN_KIND, offsetof(struct queue_stat, settings.kind), 0},
    {"maxsize", COLUMN_I64, offsetof(struct queue_stat, settings.maxsize), 0},
    {"lease_ms", COLUMN_I64, offsetof(struct queue_stat, settings.lease_ms), 0},
    {"transient", COLUMN_BOOL, offsetof(struct queue_stat, settings.is_transient), 0},
    U64(queue_stat, ready),
    U64(queue_stat, leased),
    U64(queue_stat, unfinished),
    U64(queue_stat, bytes),
    U64(queue_stat, getters),
    U64(queue_stat, putters),
    U64(queue_stat, joiners),
    U64(queue_stat, puts),
    U64(queue_stat, gets),
    U64(queue_stat, done),
    U64(queue_stat, redelivered),
    U64(queue_stat, returned),
    U64(queue_stat, discarded),
    U64(queue_stat, age_ms),
    U64(queue_stat, oldest_ms),
    BOOL(queue_stat, is_shut_down),
    BOOL(queue_stat, is_immediate),
};

/* A figure of the data directory. */
#define DATA(name, type)                                                                                     \
    {                                                                                                        \
#name, type, offsetof(struct broker_stat, data.name), 0                                              \
    }

static const struct column broker_columns[] = {
    TEXT(broker_stat, version),
    U64(broker_stat, uptime_ms),
    U64(broker_stat, queues),
    U64(broker_stat, sessions),
    U64(broker_stat, connected),
    U64(broker_stat, ready),
    U64(broker_stat, leased),
    U64(broker_stat, waiting),
    U64(broker_stat, puts),
    U64(broker_stat, gets),
    U64(broker_stat, done),
    U64(broker_stat, redelivered),
    U64(broker_stat, returned),
    U64(broker_stat, discarded),
    U64(broker_stat, repeats),
    U64(broker_stat, sessions_lost),
    U64(broker_stat, forgotten),
    U64(broker_stat, memory),
    U64(broker_stat, memory_limit),
    U64(broker_stat, body_max),
    U64(broker_stat, queues_max),
    U64(broker_stat, sessions_max),
    U64(broker_stat, items_max),
    U64(broker_stat, frame_max),
    U64(broker_stat, waiting_max),
    U64(broker_stat, unconfirmed_max),
    U64(broker_stat, in_flight_max),
    U64(broker_stat, resume_grace_ms),
    U64(broker_stat, remember_ms),
    U64(broker_stat, pid),
    DATA(sync, COLUMN_TEXT),
    {"data", COLUMN_TEXT, offsetof(struct broker_stat, data.state), 0},
    DATA(sync_interval_ms, COLUMN_U64),
    DATA(log_segments, COLUMN_U64),
    DATA(log_bytes, COLUMN_U64),
    DATA(unsafe_bytes, COLUMN_U64),
    U64(broker_stat, live_bytes),
    U64(broker_stat, shelved),
    U64(broker_stat, shelved_items),
};

static const struct column session_columns[] = {
    U64(session_row, number),
    TEXT(session_row, name),
    BOOL(session_row, connected),
    U64(session_row, age_ms),
    U64(session_row, idle_ms),
    U64(session_row, waiting),
    U64(session_row, leased),
    {"waits", COLUMN_WAITS, offsetof(struct session_row, waits), offsetof(struct session_row, wait_count)},
    {"holds", COLUMN_WAITS, offsetof(struct session_row, holds), offsetof(struct session_row, hold_count)},
};

static const struct column limits_columns[] = {
    U32(welcome, body_max),        U32(welcome, frame_max),       U32(welcome, items_max),
    U32(welcome, waiting_max),     U32(welcome, unconfirmed_max), U32(welcome, in_flight_max),
    U32(welcome, resume_grace_ms), U32(welcome, heartbeat_ms),    U32(welcome, lapses),
};

#define ROW_FORM(columns)                                                                                    \
    {                                                                                                        \
        columns, sizeof columns / sizeof *columns                                                            \
    }
const struct row_form queue_row = ROW_FORM(queue_columns);
const struct row_form broker_row = ROW_FORM(broker_columns);
const struct row_form session_row = ROW_FORM(session_columns);
const struct row_form limits_row = ROW_FORM(limits_columns);

static void write_waits(struct codec *c, const struct session_wait *waits, size_t count)
{
    write_array(c, count);
    for (size_t i = 0; i < count; i++) {
        write_array(c, 3);
        write_uint(c, waits[i].verb);
        write_text(c, waits[i].queue);
        write_uint(c, waits[i].count);
    }
}

static void write_column(struct codec *c, const struct column *column, const char *row)
{
    const void *at = row + column->offset;
    switch (column->type) {
    case COLUMN_U64:
        write_uint(c, *(const uint64_t *)at);
        break;
    case COLUMN_U32:
        write_uint(c, *(const uint32_t *)at);
        break;
    case COLUMN_I64:
        write_int(c, *(const int64_t *)at);
        break;
    case COLUMN_BOOL:
        write_bool(c, *(const bool *)at);
        break;
    case COLUMN_TEXT:
        write_text(c, *(const struct bytes *)at);
        break;
    case COLUMN_KIND:
        write_uint(c, *(const enum mq_kind *)at);
        break;
    case COLUMN_WAITS:
        write_waits(c, at, *(const size_t *)(const void *)(row + column->count_offset));
        break;
    }
}

void write_row(struct codec *c, const struct row_form *form, const void *row)
{
    write_map(c, form->count);
    for (size_t i = 0; i < form->count; i++) {
        write_word(c, form->columns[i].name);
        write_column(c, &form->columns[i], row);
    }
}

static size_t read_waits(struct fields *f, struct session_wait *waits)
{
    struct fields list = read_list(f, MQ_WAITS_MAX);
    size_t count = list.left;
    for (size_t i = 0; i < count && list.status == MQ_OK; i++) {
        struct fields wait = read_list(&list, SIZE_MAX);
        waits[i].verb = (enum mq_verb)read_uint(&wait, UINT8_MAX);
        waits[i].queue = read_text(&wait);
        waits[i].count = read_uint(&wait, UINT64_MAX);
        fields_join(&list, &wait);
    }
    fields_join(f, &list);
    return count;
}

static void read_column(struct fields *f, const struct column *column, char *row)
{
    void *at = row + column->offset;
    switch (column->type) {
    case COLUMN_U64:
        *(uint64_t *)at = read_uint(f, UINT64_MAX);
        break;
    case COLUMN_U32:
        *(uint32_t *)at = (uint32_t)read_uint(f, UINT32_MAX);
        break;
    case COLUMN_I64:
        *(int64_t *)at = read_int(f);
        break;
    case COLUMN_BOOL:
        *(bool *)at = read_bool(f);
        break;
    case COLUMN_TEXT:
        *(struct bytes *)at = read_text(f);
        break;
    case COLUMN_KIND:
        *(enum mq_kind *)at = (enum mq_kind)read_uint(f, UINT8_MAX);
        break;
    case COLUMN_WAITS:
        *(size_t *)(void *)(row + column->count_offset) = read_waits(f, at);
        break;
    }
}

/* Columns come in our own order, mostly: the search begins behind the last one. */
static const struct column *find_column(const struct row_form *form, size_t from, struct bytes name)
{
    for (size_t i = 0; i < form->count; i++) {
        const struct column *column = &form->columns[(from + i) % form->count];
        if (is_word(name, column->name))
            return column;
    }
    return NULL;
}

void read_row(struct fields *f, const struct row_form *form, void *row)
{
    struct bytes name;
    size_t from = 0;
    while (read_key(f, &name)) {
        const struct column *column = find_column(form, from, name);
        if (column) {
            read_column(f, column, row);
            from = (size_t)(column - form->columns) + 1;
        } else {
            fields_skip(f, 1);
        }
    }
}
