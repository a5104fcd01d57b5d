/* codec_answer.c - answers: [verb, number, status, fields of the verb..., {optional}]. An answer has all
 * its fields whatever its status is, empty where they mean nothing. */
#include "codec_parts.h"

#include <assert.h>

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

static void write_items(struct codec *c, const struct answer *a)
{
    write_item_views(c, a->items, a->item_count);
}

static void read_items(struct fields *f, struct answer *a)
{
    a->items = read_item_views(f, &a->item_count);
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
    struct fields flat = read_list(f, 2 * MQ_ITEMS_MAX);
    size_t count = (flat.left + 1) / 2;
    struct refusal *refusals = fields_room(&flat, count, sizeof *refusals);
    for (size_t i = 0; i < count && flat.status == MQ_OK; i++) {
        refusals[i].id = read_uint(&flat, UINT64_MAX);
        refusals[i].status = read_status(&flat);
    }
    fields_join(f, &flat);
    a->refusals = refusals;
    a->refusal_count = count;
}

/* One of a list of rows. */
static void read_listed_row(struct fields *list, const struct row_form *form, void *row)
{
    struct fields map = fields_of(list, TOKEN_MAP, SIZE_MAX, "a row is not a map");
    read_row(&map, form, row);
    fields_join(list, &map);
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

/* Looks ahead: nothing is read. */
static bool has_key(struct fields map, const char *word)
{
    struct bytes name;
    for (; read_key(&map, &name); fields_skip(&map, 1))
        if (is_word(name, word))
            return true;
    return false;
}

static void read_one_queue(struct fields *map, struct answer *a)
{
    struct queue_stat *queue = fields_room(map, 1, sizeof *queue);
    if (!queue)
        return;
    *queue = (struct queue_stat){.settings.given = MQ_SETTINGS_ALL};
    read_row(map, &queue_row, queue);
    a->queues = queue;
    a->queue_count = 1;
}

static void read_broker(struct fields *map, struct answer *a)
{
    struct broker_stat *broker = fields_room(map, 1, sizeof *broker);
    if (!broker)
        return;
    *broker = (struct broker_stat){0};
    read_row(map, &broker_row, broker);
    a->broker = broker;
}

static void read_stat(struct fields *f, struct answer *a)
{
    struct fields map = read_map(f);
    if (has_key(map, "name"))
        read_one_queue(&map, a);
    else if (has_key(map, "version"))
        read_broker(&map, a);
    else if (map.left)
        fields_fail(&map, "a stat has neither name nor version");
    fields_join(f, &map);
}

static void write_list(struct codec *c, const struct answer *a)
{
    write_array(c, a->queue_count);
    for (size_t i = 0; i < a->queue_count; i++)
        write_row(c, &queue_row, &a->queues[i]);
}

static void read_queues(struct fields *f, struct answer *a)
{
    struct fields list = read_list(f, MQ_ROWS_MAX);
    size_t count = list.left;
    struct queue_stat *queues = fields_room(&list, count, sizeof *queues);
    for (size_t i = 0; i < count && list.status == MQ_OK; i++) {
        queues[i] = (struct queue_stat){.settings.given = MQ_SETTINGS_ALL};
        read_listed_row(&list, &queue_row, &queues[i]);
    }
    fields_join(f, &list);
    a->queues = queues;
    a->queue_count = count;
}

static void write_sessions(struct codec *c, const struct answer *a)
{
    write_array(c, a->session_count);
    for (size_t i = 0; i < a->session_count; i++)
        write_row(c, &session_row, &a->sessions[i]);
}

static void read_sessions(struct fields *f, struct answer *a)
{
    struct fields list = read_list(f, MQ_ROWS_MAX);
    size_t count = list.left;
    struct session_row *sessions = fields_room(&list, count, sizeof *sessions);
    for (size_t i = 0; i < count && list.status == MQ_OK; i++) {
        sessions[i] = (struct session_row){0};
        read_listed_row(&list, &session_row, &sessions[i]);
    }
    fields_join(f, &list);
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

/* Where the run of leased items that begins at `at` ends, in `*ret_end`; false: no such item is left. */
static bool leased_run(const struct answer *a, size_t *at, size_t *ret_end)
{
    while (*at < a->item_count && !a->items[*at].is_leased)
        ++*at;
    size_t end = *at;
    while (end < a->item_count && a->items[end].is_leased &&
           (end == *at || a->items[end].id == a->items[end - 1].id + 1))
        end++;
    *ret_end = end;
    return *at < a->item_count;
}

static size_t count_leased_runs(const struct answer *a)
{
    size_t runs = 0;
    for (size_t at = 0, end; leased_run(a, &at, &end); at = end)
        runs++;
    return runs;
}

static void write_leased(struct codec *c, const struct answer *a, size_t runs)
{
    write_word(c, "leased");
    write_array(c, 2 * runs);
    for (size_t at = 0, end; leased_run(a, &at, &end); at = end) {
        write_uint(c, a->items[at].id);
        write_uint(c, a->items[end - 1].id);
    }
}

/* What is optional stands in the map at the end. */
static void write_options(struct codec *c, const struct answer *a)
{
    size_t runs = a->verb == MQ_VERB_PEEK ? count_leased_runs(a) : 0;
    write_map(c, (size_t)(a->text.size > 0) + (a->newest > 0) + (runs > 0));
    if (a->text.size) {
        write_word(c, "text");
        write_text(c, a->text);
    }
    if (a->newest) {
        write_word(c, "newest");
        write_uint(c, a->newest);
    }
    if (runs)
        write_leased(c, a, runs);
}

static void read_text_option(struct fields *map, struct answer *answer)
{
    struct token token;
    if (fields_next(map, &token) && token.type == TOKEN_TEXT)
        answer->text = token.bytes;
    else
        fields_fail(map, "a text is not a text");
}

/* Items ascend, and so do ranges. */
static void read_leased(struct fields *map, struct answer *a)
{
    size_t count, range = 0;
    const struct range *ranges = read_ranges(map, MQ_ITEMS_MAX, &count);
    struct item_view *items = (struct item_view *)a->items; /* in our zone */
    for (size_t i = 0; i < a->item_count; i++) {
        if (i > 0 && items[i].id <= items[i - 1].id)
            fields_fail(map, "items are not in order");
        while (range < count && ranges[range].last < items[i].id)
            range++;
        items[i].is_leased = range < count && ranges[range].first <= items[i].id;
    }
}

static void read_options(struct fields *f, struct answer *answer)
{
    struct fields map = read_map(f);
    struct bytes name;
    while (read_key(&map, &name)) {
        if (is_word(name, "text"))
            read_text_option(&map, answer);
        else if (answer->verb == MQ_VERB_PEEK && is_word(name, "newest"))
            answer->newest = read_uint(&map, UINT64_MAX);
        else if (answer->verb == MQ_VERB_PEEK && is_word(name, "leased"))
            read_leased(&map, answer);
        else
            fields_skip(&map, 1);
    }
    fields_join(f, &map);
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
    write_options(c, answer);
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
    read_options(f, answer);
}

size_t answer_size(const struct answer *answer)
{
    enum { HEAD = 64, RANGE = 18, REFUSAL = 12 };
    return HEAD + answer->text.size + RANGE * answer->id_range_count + REFUSAL * answer->refusal_count +
           item_views_size(answer->items, answer->item_count);
}
