/* codec_answer.c - answers: [verb, number, status, fields of the verb..., {"text": ...}]. An answer has all
 * its fields whatever its status is, empty where they mean nothing. */
#include "codec_parts.h"

static void write_ranged_count(struct codec *c, const struct answer *a)
{
    write_uint(c, a->count);
    write_ranges(c, a->ids, a->id_range_count);
}

static void read_ranged_count(struct fields *f, struct answer *a)
{
    a->count = read_uint(f, MQ_ITEMS_MAX);
    a->ids = read_ranges(f, MQ_ITEMS_MAX, &a->id_range_count);
    uint64_t total = 0;
    for (size_t i = 0; i < a->id_range_count && total <= a->count; i++) {
        uint64_t more = a->ids[i].last - a->ids[i].first;
        total = more < MQ_ITEMS_MAX ? total + more + 1 : UINT64_MAX;
    }
    if (total > a->count)
        fields_fail(f, "more ids than items");
}

static void write_count(struct codec *c, const struct answer *a)
{
    write_uint(c, a->count);
}

static void read_count(struct fields *f, struct answer *a)
{
    a->count = read_uint(f, UINT64_MAX);
}

/* An item is [id, deliveries, body], in a priority queue [id, deliveries, body, key]. */
static void write_items(struct codec *c, const struct answer *a)
{
    write_array(c, a->item_count);
    for (size_t i = 0; i < a->item_count; i++) {
        const struct item_view *item = &a->items[i];
        write_array(c, item->key.size ? 4 : 3);
        write_uint(c, item->id);
        write_uint(c, item->deliveries);
        write_binary(c, item->body);
        if (item->key.size)
            write_binary(c, item->key);
    }
}

static bool is_item(const msgpack_object *object)
{
    const msgpack_object_array *parts = &object->via.array;
    return object->type == MSGPACK_OBJECT_ARRAY && (parts->size == 3 || parts->size == 4) &&
           parts->ptr[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
           parts->ptr[1].type == MSGPACK_OBJECT_POSITIVE_INTEGER && parts->ptr[1].via.u64 <= UINT32_MAX &&
           parts->ptr[2].type == MSGPACK_OBJECT_BIN &&
           (parts->size == 3 || (parts->ptr[3].type == MSGPACK_OBJECT_BIN && parts->ptr[3].via.bin.size));
}

static void read_item(struct fields *f, const msgpack_object *object, struct item_view *item)
{
    if (!is_item(object)) {
        fields_fail(f, "an item is its id, deliveries and body, and maybe a key");
        return;
    }
    const msgpack_object *part = object->via.array.ptr;
    *item = (struct item_view){.id = part[0].via.u64,
                               .deliveries = (uint32_t)part[1].via.u64,
                               .body = {part[2].via.bin.ptr, part[2].via.bin.size}};
    if (object->via.array.size == 4)
        item->key = (struct bytes){part[3].via.bin.ptr, part[3].via.bin.size};
}

static void read_items(struct fields *f, struct answer *a)
{
    const msgpack_object *list = NULL;
    size_t count = read_list(f, MQ_ITEMS_MAX, &list);
    struct item_view *items = fields_room(f, count, sizeof *items);
    for (size_t i = 0; i < count && f->status == MQ_OK; i++)
        read_item(f, &list[i], &items[i]);
    a->items = items;
    a->item_count = count;
}

static void write_leased_items(struct codec *c, const struct answer *a)
{
    write_int(c, a->lease_ms);
    write_items(c, a);
}

static void read_leased_items(struct fields *f, struct answer *a)
{
    a->lease_ms = read_int(f);
    read_items(f, a);
}

/* Refusals travel as one flat list: id, status, id, status, ... */
static void write_refusals(struct codec *c, const struct answer *a)
{
    write_array(c, 2 * a->refusal_count);
    for (size_t i = 0; i < a->refusal_count; i++) {
        write_uint(c, a->refusals[i].id);
        write_uint(c, a->refusals[i].status);
    }
}

static void read_refusals(struct fields *f, struct answer *a)
{
    const msgpack_object *list = NULL;
    size_t count = read_list(f, 2 * MQ_ITEMS_MAX, &list);
    struct fields flat = {.codec = f->codec, .next = list, .left = count, .status = f->status, .why = f->why};
    struct refusal *refusals = fields_room(&flat, (count + 1) / 2, sizeof *refusals);
    for (size_t i = 0; i < (count + 1) / 2 && flat.status == MQ_OK; i++) {
        refusals[i].id = read_uint(&flat, UINT64_MAX);
        refusals[i].status = read_status(&flat);
    }
    fields_join(f, &flat);
    a->refusals = refusals;
    a->refusal_count = count / 2;
}

static void read_queue_stat(struct fields *f, const msgpack_object *object, struct queue_stat *stat)
{
    *stat = (struct queue_stat){.settings.given = MQ_SETTINGS_ALL};
    if (object->type != MSGPACK_OBJECT_MAP)
        fields_fail(f, "a row is not a map");
    else
        read_row(f, &queue_row, &object->via.map, stat);
}

/* What is told is a queue's if it has a name, the broker's if it has a version; empty if there is nothing. */
static void write_stat(struct codec *c, const struct answer *a)
{
    if (a->broker)
        write_row(c, &broker_row, a->broker);
    else if (a->queue_count)
        write_row(c, &queue_row, &a->queues[0]);
    else
        write_map(c, 0);
}

static void read_stat(struct fields *f, struct answer *a)
{
    const msgpack_object *object = read_object(f, MSGPACK_OBJECT_MAP);
    if (!object || !object->via.map.size)
        return;
    if (map_find(&object->via.map, "name")) {
        struct queue_stat *queue = fields_room(f, 1, sizeof *queue);
        if (!queue)
            return;
        read_queue_stat(f, object, queue);
        a->queues = queue;
        a->queue_count = 1;
    } else if (map_find(&object->via.map, "version")) {
        struct broker_stat *broker = fields_room(f, 1, sizeof *broker);
        if (!broker)
            return;
        *broker = (struct broker_stat){0};
        read_row(f, &broker_row, &object->via.map, broker);
        a->broker = broker;
    } else {
        fields_fail(f, "a stat has neither name nor version");
    }
}

static void write_list(struct codec *c, const struct answer *a)
{
    write_array(c, a->queue_count);
    for (size_t i = 0; i < a->queue_count; i++)
        write_row(c, &queue_row, &a->queues[i]);
}

static void read_queues(struct fields *f, struct answer *a)
{
    const msgpack_object *list = NULL;
    size_t count = read_list(f, MQ_ROWS_MAX, &list);
    struct queue_stat *queues = fields_room(f, count, sizeof *queues);
    for (size_t i = 0; i < count && f->status == MQ_OK; i++)
        read_queue_stat(f, &list[i], &queues[i]);
    a->queues = queues;
    a->queue_count = count;
}

static void write_sessions(struct codec *c, const struct answer *a)
{
    write_array(c, a->session_count);
    for (size_t i = 0; i < a->session_count; i++)
        write_row(c, &session_row, &a->sessions[i]);
}

static void read_session(struct fields *f, const msgpack_object *object, struct session_row *session)
{
    *session = (struct session_row){0};
    if (object->type != MSGPACK_OBJECT_MAP)
        fields_fail(f, "a row is not a map");
    else
        read_row(f, &session_row, &object->via.map, session);
}

static void read_sessions(struct fields *f, struct answer *a)
{
    const msgpack_object *list = NULL;
    size_t count = read_list(f, MQ_ROWS_MAX, &list);
    struct session_row *sessions = fields_room(f, count, sizeof *sessions);
    for (size_t i = 0; i < count && f->status == MQ_OK; i++)
        read_session(f, &list[i], &sessions[i]);
    a->sessions = sessions;
    a->session_count = count;
}

static void write_nothing(struct codec *c, const struct answer *a)
{
    (void)c, (void)a;
}

static void read_nothing(struct fields *f, struct answer *a)
{
    (void)f, (void)a;
}

static const struct answer_form {
    size_t field_count; /* those of the verb alone */
    void (*write)(struct codec *c, const struct answer *a);
    void (*read)(struct fields *f, struct answer *a);
} forms[] = {
    [MQ_VERB_CANCEL] = {0, write_nothing, read_nothing},
    [MQ_VERB_OPEN] = {0, write_nothing, read_nothing},
    [MQ_VERB_SET] = {0, write_nothing, read_nothing},
    [MQ_VERB_REMOVE] = {1, write_count, read_count},
    [MQ_VERB_PUT] = {2, write_ranged_count, read_ranged_count},
    [MQ_VERB_GET] = {2, write_leased_items, read_leased_items},
    [MQ_VERB_TASK_DONE] = {1, write_refusals, read_refusals},
    [MQ_VERB_RELEASE] = {1, write_refusals, read_refusals},
    [MQ_VERB_EXTEND] = {1, write_refusals, read_refusals},
    [MQ_VERB_JOIN] = {0, write_nothing, read_nothing},
    [MQ_VERB_SHUT_DOWN] = {0, write_nothing, read_nothing},
    [MQ_VERB_PURGE] = {1, write_count, read_count},
    [MQ_VERB_PEEK] = {1, write_items, read_items},
    [MQ_VERB_STAT] = {1, write_stat, read_stat},
    [MQ_VERB_LIST] = {1, write_list, read_queues},
    [MQ_VERB_SESSIONS] = {1, write_sessions, read_sessions},
    [MQ_VERB_PING] = {0, write_nothing, read_nothing},
};

static const struct answer_form *form_of(enum mq_verb verb, enum mq_status status)
{
    if (status == MQ_UNSUPPORTED)
        return &forms[MQ_VERB_PING];
    return (size_t)verb < sizeof forms / sizeof *forms && forms[verb].read ? &forms[verb] : NULL;
}

void write_answer(struct codec *c, const struct answer *answer)
{
    const struct answer_form *form = form_of(answer->verb, answer->status);
    assert(form);
    write_array(c, 4 + form->field_count);
    write_uint(c, answer->verb);
    write_uint(c, answer->number);
    write_uint(c, answer->status);
    form->write(c, answer);
    write_map(c, answer->text.size ? 1 : 0);
    if (!answer->text.size)
        return;
    write_word(c, "text");
    write_text(c, answer->text);
}

static void read_text_option(struct fields *f, struct answer *answer)
{
    const msgpack_object *options = read_object(f, MSGPACK_OBJECT_MAP);
    const msgpack_object *text = options ? map_find(&options->via.map, "text") : NULL;
    if (!text)
        return;
    if (text->type == MSGPACK_OBJECT_STR)
        answer->text = (struct bytes){text->via.str.ptr, text->via.str.size};
    else
        fields_fail(f, "a text is not a text");
}

void read_answer(struct fields *f, struct answer *answer)
{
    answer->number = read_uint(f, UINT64_MAX);
    answer->status = read_status(f);
    const struct answer_form *form = form_of(answer->verb, answer->status);
    if (!form) {
        fields_fail(f, "unknown verb");
        return;
    }
    form->read(f, answer);
    read_text_option(f, answer);
    fields_end(f);
}
