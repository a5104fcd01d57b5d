/* codec_request.c - requests: [verb, number, confirms, fields of the verb..., {optional}], and the cancel,
 * which ends after its confirms. */
#include "codec_parts.h"

#include <assert.h>

/* Settings travel as a map of those that are given. */
void write_settings(struct codec *c, const struct settings *settings)
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
    if (settings->given & MQ_SETTING_TRANSIENT) {
        write_word(c, "transient");
        write_bool(c, settings->is_transient);
    }
}

/* A setting that we do not know must not be ignored silently: it is marked for the engine to refuse. */
void read_settings(struct fields *f, struct settings *settings)
{
    struct fields map = read_map(f);
    struct bytes name;
    while (read_key(&map, &name)) {
        if (is_word(name, "kind")) {
            settings->given |= MQ_SETTING_KIND;
            settings->kind = (enum mq_kind)read_uint(&map, UINT8_MAX);
        } else if (is_word(name, "maxsize")) {
            settings->given |= MQ_SETTING_MAXSIZE;
            settings->maxsize = read_int(&map);
        } else if (is_word(name, "lease_ms")) {
            settings->given |= MQ_SETTING_LEASE;
            settings->lease_ms = read_int(&map);
        } else if (is_word(name, "transient")) {
            settings->given |= MQ_SETTING_TRANSIENT;
            settings->is_transient = read_bool(&map);
        } else {
            settings->given |= MQ_SETTING_UNKNOWN;
            fields_skip(&map, 1);
        }
    }
    fields_join(f, &map);
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

static void write_put(struct codec *c, const struct request *r)
{
    write_text(c, r->queue);
    write_int(c, r->timeout_ms);
    write_put_items(c, r->puts, r->put_count);
}

static void read_put(struct fields *f, struct request *r)
{
    r->queue = read_text(f);
    r->timeout_ms = read_int(f);
    r->puts = read_put_items(f, &r->put_count);
}

static void write_true(struct codec *c, const char *word)
{
    write_word(c, word);
    write_bool(c, true);
}

/* What is optional stands in the map at the end. Keys of later versions are ignored. */
static void write_options(struct codec *c, const struct request *r)
{
    write_map(c, (size_t)r->partial + r->by_id + r->leased);
    if (r->partial)
        write_true(c, "partial");
    if (r->by_id) {
        write_word(c, "after");
        write_uint(c, r->after_number);
    }
    if (r->leased)
        write_true(c, "leased");
}

static void read_after(struct fields *map, struct request *r)
{
    r->by_id = true;
    r->after_number = read_uint(map, UINT64_MAX);
}

static void read_options(struct fields *f, struct request *r)
{
    struct fields map = read_map(f);
    struct bytes name;
    while (read_key(&map, &name)) {
        if (r->verb == MQ_VERB_PUT && is_word(name, "partial"))
            r->partial = read_bool(&map);
        else if (r->verb == MQ_VERB_PEEK && is_word(name, "after"))
            read_after(&map, r);
        else if (r->verb == MQ_VERB_PEEK && is_word(name, "leased"))
            r->leased = read_bool(&map);
        else
            fields_skip(&map, 1);
    }
    fields_join(f, &map);
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
    } else if (!is_cancel) {
        fields_skip(f, f->left);
    }
}

size_t request_size(const struct request *request)
{
    enum { HEAD = 64, RANGE = 18 };
    return HEAD + request->queue.size + RANGE * request->confirms.count +
           put_items_size(request->puts, request->put_count);
}
