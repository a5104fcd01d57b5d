/* codec_request.c - requests: [verb, number, confirms, fields of the verb..., {optional}], and the cancel,
 * which ends after its confirms. */
#include "codec_parts.h"

#include <string.h>

/* Settings travel as a map of those that are given. */
static void write_settings(struct codec *c, const struct settings *settings)
{
    write_map(c, (size_t)__builtin_popcount(settings->given & MQ_SETTINGS_ALL));
    if (settings->given & MQ_SETTING_KIND) {
        write_word(c, "kind");
        write_uint(c, settings->kind);
    }
    if (settings->given & MQ_SETTING_MAXSIZE) {
        write_word(c, "maxsize");
        write_int(c, settings->maxsize);
    }
    if (settings->given & MQ_SETTING_LEASE) {
        write_word(c, "lease_ms");
        write_int(c, settings->lease_ms);
    }
}

static bool is_word(const msgpack_object *object, const char *word)
{
    return object->type == MSGPACK_OBJECT_STR && object->via.str.size == strlen(word) &&
           memcmp(object->via.str.ptr, word, strlen(word)) == 0;
}

/* A setting that we do not know must not be ignored silently: it is marked for the engine to refuse. */
static void read_settings(struct fields *f, struct settings *settings)
{
    const msgpack_object *object = read_object(f, MSGPACK_OBJECT_MAP);
    const msgpack_object_map map = object ? object->via.map : (msgpack_object_map){0};
    for (uint32_t i = 0; i < map.size && f->status == MQ_OK; i++) {
        struct fields one = {.codec = f->codec, .next = &map.ptr[i].val, .left = 1, .status = MQ_OK};
        if (is_word(&map.ptr[i].key, "kind")) {
            settings->given |= MQ_SETTING_KIND;
            settings->kind = (enum mq_kind)read_uint(&one, UINT8_MAX);
        } else if (is_word(&map.ptr[i].key, "maxsize")) {
            settings->given |= MQ_SETTING_MAXSIZE;
            settings->maxsize = read_int(&one);
        } else if (is_word(&map.ptr[i].key, "lease_ms")) {
            settings->given |= MQ_SETTING_LEASE;
            settings->lease_ms = read_int(&one);
        } else {
            settings->given |= MQ_SETTING_UNKNOWN;
            one.left = 0;
        }
        fields_join(f, &one);
    }
}

static void write_open(struct codec *c, const struct request *r)
{
    write_text(c, r->queue);
    write_bool(c, r->create);
    write_settings(c, &r->settings);
}

static void read_open(struct fields *f, struct request *r)
{
    r->queue = read_text(f);
    r->create = read_bool(f);
    read_settings(f, &r->settings);
}

static void write_set(struct codec *c, const struct request *r)
{
    write_text(c, r->queue);
    write_settings(c, &r->settings);
}

static void read_set(struct fields *f, struct request *r)
{
    r->queue = read_text(f);
    read_settings(f, &r->settings);
}

static void write_remove(struct codec *c, const struct request *r)
{
    write_text(c, r->queue);
    write_bool(c, r->force);
}

static void read_remove(struct fields *f, struct request *r)
{
    r->queue = read_text(f);
    r->force = read_bool(f);
}

/* An item is its body, or [body, key]. */
static void write_put(struct codec *c, const struct request *r)
{
    write_text(c, r->queue);
    write_int(c, r->timeout_ms);
    write_array(c, r->put_count);
    for (size_t i = 0; i < r->put_count; i++) {
        if (r->puts[i].key.size)
            write_array(c, 2);
        write_binary(c, r->puts[i].body);
        if (r->puts[i].key.size)
            write_binary(c, r->puts[i].key);
    }
}

static void read_put_item(struct fields *f, const msgpack_object *object, struct put_item *item)
{
    const msgpack_object *body = object, *key = NULL;
    if (object->type == MSGPACK_OBJECT_ARRAY && object->via.array.size == 2) {
        body = &object->via.array.ptr[0];
        key = &object->via.array.ptr[1];
    }
    if (body->type != MSGPACK_OBJECT_BIN ||
        (key && (key->type != MSGPACK_OBJECT_BIN || !key->via.bin.size))) {
        fields_fail(f, "an item is a body, or a body and a key");
        return;
    }
    *item = (struct put_item){.body = {body->via.bin.ptr, body->via.bin.size}};
    if (key)
        item->key = (struct bytes){key->via.bin.ptr, key->via.bin.size};
}

static void read_put(struct fields *f, struct request *r)
{
    r->queue = read_text(f);
    r->timeout_ms = read_int(f);
    const msgpack_object *list = NULL;
    size_t count = read_list(f, MQ_ITEMS_MAX, &list);
    struct put_item *puts = fields_room(f, count, sizeof *puts);
    for (size_t i = 0; i < count && f->status == MQ_OK; i++)
        read_put_item(f, &list[i], &puts[i]);
    r->puts = puts;
    r->put_count = count;
}

/* What is optional stands in the map at the end. Keys of later versions are ignored. */
static void write_options(struct codec *c, const struct request *r)
{
    write_map(c, r->partial);
    if (!r->partial)
        return;
    write_word(c, "partial");
    write_bool(c, true);
}

static void read_options(struct fields *f, struct request *r)
{
    const msgpack_object *object = read_object(f, MSGPACK_OBJECT_MAP);
    const msgpack_object *value = object ? map_find(&object->via.map, "partial") : NULL;
    struct fields one = {.codec = f->codec, .next = value, .left = 1, .status = f->status, .why = f->why};
    if (!value || r->verb != MQ_VERB_PUT)
        return;
    r->partial = read_bool(&one);
    fields_join(f, &one);
}

static void write_get(struct codec *c, const struct request *r)
{
    write_text(c, r->queue);
    write_uint(c, r->max);
    write_int(c, r->timeout_ms);
    write_bool(c, r->auto_done);
}

static void read_get(struct fields *f, struct request *r)
{
    r->queue = read_text(f);
    r->max = (uint32_t)read_uint(f, UINT32_MAX);
    r->timeout_ms = read_int(f);
    r->auto_done = read_bool(f);
}

/* Where the run of consecutive ids that begins at `at` ends. */
static size_t run_end(const uint64_t *ids, size_t at, size_t count)
{
    while (at + 1 < count && ids[at + 1] == ids[at] + 1 && ids[at] != UINT64_MAX)
        at++;
    return at;
}

/* Ids travel as ranges, like numbers; items taken together mostly have consecutive ids. */
static void write_ids(struct codec *c, const struct request *r)
{
    size_t runs = 0;
    for (size_t i = 0; i < r->id_count; i = run_end(r->ids, i, r->id_count) + 1)
        runs++;
    write_array(c, 2 * runs);
    for (size_t i = 0, end; i < r->id_count; i = end + 1) {
        end = run_end(r->ids, i, r->id_count);
        write_uint(c, r->ids[i]);
        write_uint(c, r->ids[end]);
    }
}

static size_t count_ids(struct fields *f, const struct range *ranges, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t more = ranges[i].last - ranges[i].first; /* and one */
        if (more >= MQ_ITEMS_MAX - total) {
            fields_fail(f, "too many ids");
            return 0;
        }
        total += (size_t)more + 1;
    }
    return total;
}

static void read_ids(struct fields *f, struct request *r)
{
    size_t range_count = 0, at = 0;
    const struct range *ranges = read_ranges(f, MQ_ITEMS_MAX, &range_count);
    size_t count = count_ids(f, ranges, range_count);
    uint64_t *ids = fields_room(f, count, sizeof *ids);
    if (f->status != MQ_OK)
        return;
    for (size_t i = 0; i < range_count; i++)
        for (uint64_t n = 0; n <= ranges[i].last - ranges[i].first; n++)
            ids[at++] = ranges[i].first + n;
    r->ids = ids;
    r->id_count = count;
}

static void write_release(struct codec *c, const struct request *r)
{
    write_ids(c, r);
    write_bool(c, r->untouched);
}

static void read_release(struct fields *f, struct request *r)
{
    read_ids(f, r);
    r->untouched = read_bool(f);
}

static void write_extend(struct codec *c, const struct request *r)
{
    write_ids(c, r);
    write_int(c, r->lease_ms);
}

static void read_extend(struct fields *f, struct request *r)
{
    read_ids(f, r);
    r->lease_ms = read_int(f);
}

static void write_join(struct codec *c, const struct request *r)
{
    write_text(c, r->queue);
    write_int(c, r->timeout_ms);
}

static void read_join(struct fields *f, struct request *r)
{
    r->queue = read_text(f);
    r->timeout_ms = read_int(f);
}

static void write_shut_down(struct codec *c, const struct request *r)
{
    write_text(c, r->queue);
    write_bool(c, r->immediate);
}

static void read_shut_down(struct fields *f, struct request *r)
{
    r->queue = read_text(f);
    r->immediate = read_bool(f);
}

static void write_queue(struct codec *c, const struct request *r)
{
    write_text(c, r->queue);
}

static void read_queue(struct fields *f, struct request *r)
{
    r->queue = read_text(f);
}

static void write_peek(struct codec *c, const struct request *r)
{
    write_text(c, r->queue);
    write_uint(c, r->max);
    write_bool(c, r->last);
}

static void read_peek(struct fields *f, struct request *r)
{
    r->queue = read_text(f);
    r->max = (uint32_t)read_uint(f, UINT32_MAX);
    r->last = read_bool(f);
}

static void write_list(struct codec *c, const struct request *r)
{
    write_text(c, r->queue);
    write_uint(c, r->max);
}

static void read_names(struct fields *f, struct request *r)
{
    r->queue = read_text(f);
    r->max = (uint32_t)read_uint(f, UINT32_MAX);
}

static void write_sessions(struct codec *c, const struct request *r)
{
    write_uint(c, r->after_number);
    write_uint(c, r->max);
}

static void read_sessions(struct fields *f, struct request *r)
{
    r->after_number = read_uint(f, UINT64_MAX);
    r->max = (uint32_t)read_uint(f, UINT32_MAX);
}

static void write_nothing(struct codec *c, const struct request *r)
{
    (void)c, (void)r;
}

static void read_nothing(struct fields *f, struct request *r)
{
    (void)f, (void)r;
}

static const struct request_form {
    size_t field_count; /* those of the verb alone */
    void (*write)(struct codec *c, const struct request *r);
    void (*read)(struct fields *f, struct request *r);
} forms[] = {
    [MQ_VERB_OPEN] = {3, write_open, read_open},
    [MQ_VERB_SET] = {2, write_set, read_set},
    [MQ_VERB_REMOVE] = {2, write_remove, read_remove},
    [MQ_VERB_PUT] = {3, write_put, read_put},
    [MQ_VERB_GET] = {4, write_get, read_get},
    [MQ_VERB_TASK_DONE] = {1, write_ids, read_ids},
    [MQ_VERB_RELEASE] = {2, write_release, read_release},
    [MQ_VERB_EXTEND] = {2, write_extend, read_extend},
    [MQ_VERB_JOIN] = {2, write_join, read_join},
    [MQ_VERB_SHUT_DOWN] = {2, write_shut_down, read_shut_down},
    [MQ_VERB_PURGE] = {1, write_queue, read_queue},
    [MQ_VERB_PEEK] = {3, write_peek, read_peek},
    [MQ_VERB_STAT] = {1, write_queue, read_queue},
    [MQ_VERB_LIST] = {2, write_list, read_names},
    [MQ_VERB_SESSIONS] = {2, write_sessions, read_sessions},
    [MQ_VERB_PING] = {0, write_nothing, read_nothing},
};

static const struct request_form *form_of(enum mq_verb verb)
{
    return (size_t)verb < sizeof forms / sizeof *forms && forms[verb].read ? &forms[verb] : NULL;
}

void write_request(struct codec *c, const struct request *request)
{
    const struct request_form *form = form_of(request->verb);
    bool is_cancel = request->verb == MQ_VERB_CANCEL;
    assert(form || is_cancel);
    write_array(c, is_cancel ? 3 : 4 + form->field_count);
    write_uint(c, request->verb);
    write_uint(c, request->number);
    write_ranges(c, request->confirms.list, request->confirms.count);
    if (is_cancel)
        return;
    form->write(c, request);
    write_options(c, request);
}

/* A verb from later days is let through without its fields, so that it can be answered with UNSUPPORTED. */
void read_request(struct fields *f, struct request *request)
{
    const struct request_form *form = form_of(request->verb);
    bool is_cancel = request->verb == MQ_VERB_CANCEL;
    if (request->verb < MQ_VERB_OPEN && !is_cancel) {
        fields_fail(f, "unknown verb");
        return;
    }
    request->number = read_uint(f, UINT64_MAX);
    request->confirms = read_numbers(f);
    if (form) {
        form->read(f, request);
        read_options(f, request);
    }
    if (form || is_cancel)
        fields_end(f);
}
