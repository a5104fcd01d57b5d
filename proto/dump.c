/* dump.c - see dump.h. It reads and writes with the codec's own words. */
#include "dump.h"

#include <assert.h>
#include <string.h>

#include "codec_parts.h"
#include "key.h"

/* ---- writing ---- */

static void write_flag(struct codec *c, const char *word, bool is_true)
{
    if (!is_true)
        return;
    write_word(c, word);
    write_bool(c, true);
}

static void write_head(struct codec *c, const struct dump_record *r)
{
    write_array(c, 3);
    write_word(c, DUMP_NAME);
    write_uint(c, DUMP_VERSION);
    write_map(c, 0);
    assert(r->kind == DUMP_BEGIN);
}

static void write_queue(struct codec *c, const struct dump_record *r)
{
    write_array(c, 4);
    write_uint(c, DUMP_QUEUE);
    write_text(c, r->name);
    write_settings(c, &r->settings);
    write_map(c, (size_t)r->is_shut_down + r->is_immediate);
    write_flag(c, "shut_down", r->is_shut_down);
    write_flag(c, "immediate", r->is_immediate);
}

static void write_item(struct codec *c, const struct dump_record *r)
{
    write_array(c, 6);
    write_uint(c, DUMP_ITEM);
    write_uint(c, r->item.id);
    write_uint(c, r->item.deliveries);
    write_binary(c, r->item.body);
    write_binary(c, r->item.key);
    write_map(c, r->item.is_leased);
    write_flag(c, "leased", r->item.is_leased);
}

static void write_end_record(struct codec *c, const struct dump_record *r)
{
    write_array(c, 3);
    write_uint(c, r->kind);
    write_uint(c, r->count);
    write_map(c, 0);
}

enum mq_status dump_write(struct codec *codec, const struct dump_record *record, struct bytes *ret_bytes)
{
    enum { HEAD = 64 };
    write_begin(codec, HEAD + record->item.body.size + record->item.key.size);
    switch (record->kind) {
    case DUMP_BEGIN:
        write_head(codec, record);
        break;
    case DUMP_QUEUE:
        write_queue(codec, record);
        break;
    case DUMP_ITEM:
        write_item(codec, record);
        break;
    case DUMP_QUEUE_END:
    case DUMP_END:
        write_end_record(codec, record);
        break;
    }
    return write_end(codec, ret_bytes);
}

/* ---- reading ---- */

#define NOT_OURS "it is not an export of mq, or it is damaged"
#define NEWER    "it was made by a newer version of mq"

static void read_head(struct fields *f, struct bytes name)
{
    if (!is_word(name, DUMP_NAME))
        fields_fail(f, NOT_OURS);
    if (read_uint(f, UINT64_MAX) > DUMP_VERSION)
        fields_fail(f, NEWER);
    skip_map(f);
}

static void read_queue_flags(struct fields *f, struct dump_record *r)
{
    struct fields map = read_map(f);
    struct bytes name;
    while (read_key(&map, &name)) {
        if (is_word(name, "shut_down"))
            r->is_shut_down = read_bool(&map);
        else if (is_word(name, "immediate"))
            r->is_immediate = read_bool(&map);
        else
            fields_skip(&map, 1);
    }
    fields_join(f, &map);
}

static void read_queue(struct fields *f, struct dump_record *r)
{
    r->name = read_text(f);
    read_settings(f, &r->settings);
    read_queue_flags(f, r);
    if (f->status != MQ_OK)
        return;
    if (!mq_name_is_valid(r->name))
        fields_fail(f, "a queue's name is none");
    if (r->settings.given & MQ_SETTING_UNKNOWN)
        fields_fail(f, "a queue has a setting that this version of mq does not know");
    if ((unsigned)r->settings.kind > MQ_KIND_PRIORITY || r->settings.lease_ms < 0)
        fields_fail(f, "a queue's settings are out of range");
    r->settings.given |= MQ_SETTINGS_ALL; /* what is not told is as it is by default */
}

static void read_item_flags(struct fields *f, struct dump_record *r)
{
    struct fields map = read_map(f);
    struct bytes name;
    while (read_key(&map, &name))
        if (is_word(name, "leased"))
            r->item.is_leased = read_bool(&map);
        else
            fields_skip(&map, 1);
    fields_join(f, &map);
}

static void read_item(struct fields *f, struct dump_record *r)
{
    r->item.id = read_uint(f, UINT64_MAX);
    r->item.deliveries = (uint32_t)read_uint(f, UINT32_MAX);
    r->item.body = read_binary(f);
    r->item.key = read_binary(f);
    read_item_flags(f, r);
    if (r->item.key.size && !key_is_valid(r->item.key))
        fields_fail(f, "an item's key is none");
}

static void read_count(struct fields *f, struct dump_record *r)
{
    r->count = read_uint(f, UINT64_MAX);
    skip_map(f);
}

static void read_record(struct fields *f, struct dump_record *r)
{
    struct token code;
    if (!fields_next(f, &code))
        return;
    if (code.type == TOKEN_TEXT) {
        read_head(f, code.bytes);
        return;
    }
    r->kind = code.type == TOKEN_UINT && code.number <= DUMP_END ? (enum dump_kind)code.number : DUMP_BEGIN;
    switch (r->kind) {
    case DUMP_QUEUE:
        read_queue(f, r);
        break;
    case DUMP_ITEM:
        read_item(f, r);
        break;
    case DUMP_QUEUE_END:
    case DUMP_END:
        read_count(f, r);
        break;
    case DUMP_BEGIN:
        fields_fail(f, code.type == TOKEN_UINT && code.number > DUMP_END ? NEWER : NOT_OURS);
        break;
    }
}

enum dump_found dump_read(struct codec *codec, struct bytes bytes, struct dump_record *ret_record,
                          size_t *ret_size, const char **ret_why)
{
    struct fields f;
    if (!bytes.size)
        return DUMP_MORE;
    *ret_record = (struct dump_record){.kind = DUMP_BEGIN};
    fields_open(&f, codec, bytes);
    if (f.status != MQ_OK && strcmp(f.why, WRONG_TYPE) == 0)
        f.why = NOT_OURS;
    read_record(&f, ret_record);
    fields_end(&f);
    *ret_size = (size_t)(f.cursor.at - (const uint8_t *)bytes.data);
    if (f.status == MQ_OK)
        return DUMP_RECORD;
    bool is_cut = strcmp(f.why, TOKEN_CUT_SHORT) == 0;
    *ret_why = is_cut ? "a record is too long" : f.why;
    return is_cut && bytes.size < DUMP_RECORD_MAX ? DUMP_MORE : DUMP_BAD;
}

/* ---- the course of a stream ---- */

static const char *follow_end(struct dump_course *course, const struct dump_record *record)
{
    if (record->count != course->queues)
        return "queues are missing";
    *course = (struct dump_course){.is_whole = true};
    return NULL;
}

static const char *follow_queue_end(struct dump_course *course, const struct dump_record *record)
{
    if (record->count != course->items)
        return "items of a queue are missing";
    course->is_in_queue = false;
    course->queues++;
    return NULL;
}

const char *dump_follow(struct dump_course *course, const struct dump_record *record)
{
    bool is_of_queue = record->kind == DUMP_ITEM || record->kind == DUMP_QUEUE_END;
    if (course->has_begun != (record->kind != DUMP_BEGIN) || course->is_in_queue != is_of_queue)
        return course->has_begun || course->is_whole ? "its records are out of order" : NOT_OURS;
    switch (record->kind) {
    case DUMP_BEGIN:
        *course = (struct dump_course){.has_begun = true};
        break;
    case DUMP_QUEUE:
        course->is_in_queue = true;
        course->items = 0;
        break;
    case DUMP_ITEM:
        course->items++;
        break;
    case DUMP_QUEUE_END:
        return follow_queue_end(course, record);
    case DUMP_END:
        return follow_end(course, record);
    }
    return NULL;
}
