/* proto.c - the words of the protocol: names of statuses, verbs and kinds, and what a valid name is. */
#include "proto.h"

#include <string.h>

#define STATUS_NAME(name, code, text)                                                                        \
    case code:                                                                                               \
        return #name;
#define STATUS_TEXT(name, code, text)                                                                        \
    case code:                                                                                               \
        return text;
#define VERB_WORD(name, code, word)                                                                          \
    case code:                                                                                               \
        return word;

/* The parameters are cast to int because a newer peer may send codes that are not in our enum. */
const char *mq_status_name(enum mq_status status)
{
    switch ((int)status) {
        MQ_STATUS_MAP(STATUS_NAME)
    default:
        return "?";
    }
}

const char *mq_status_text(enum mq_status status)
{
    switch ((int)status) {
        MQ_STATUS_MAP(STATUS_TEXT)
    default:
        return "unknown status";
    }
}

const char *mq_verb_name(enum mq_verb verb)
{
    switch ((int)verb) {
        MQ_VERB_MAP(VERB_WORD)
    default:
        return "?";
    }
}

static const char *const kind_names[] = {
    [MQ_KIND_FIFO] = "fifo", [MQ_KIND_LIFO] = "lifo", [MQ_KIND_PRIORITY] = "priority"};
enum { KIND_COUNT = sizeof kind_names / sizeof *kind_names };

const char *mq_kind_name(enum mq_kind kind)
{
    return (unsigned)kind < KIND_COUNT ? kind_names[kind] : "?";
}

bool mq_kind_from_name(const char *name, enum mq_kind *ret_kind)
{
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        if (strcmp(name, kind_names[kind]) == 0) {
            *ret_kind = (enum mq_kind)kind;
            return true;
        }
    }
    return false;
}

/* Reads one code point; returns its length, 0 if the bytes are not well-formed UTF-8 (overlong forms,
 * surrogates and code points above U+10FFFF are not). */
static size_t utf8_next(const uint8_t *at, size_t left, uint32_t *ret_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = at[0];
    if (lead < 0x80) {
        *ret_point = lead;
        return 1;
    }
    size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || size > left)
        return 0;
    uint32_t point = lead & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (at[i] & 0x3fu);
    }
    if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *ret_point = point;
    return size;
}

bool mq_utf8_is_valid(struct bytes text)
{
    const uint8_t *data = text.data;
    uint32_t point;
    for (size_t at = 0, size; at < text.size; at += size) {
        size = utf8_next(data + at, text.size - at, &point);
        if (!size)
            return false;
    }
    return true;
}

/* Unicode's White_Space and Cc. */
static bool is_space_or_control(uint32_t point)
{
    return point <= 0x20 || (point >= 0x7f && point <= 0xa0) || point == 0x1680 ||
           (point >= 0x2000 && point <= 0x200a) || point == 0x2028 || point == 0x2029 || point == 0x202f ||
           point == 0x205f || point == 0x3000;
}

bool mq_name_is_valid(struct bytes name)
{
    if (name.size < 1 || name.size > MQ_NAME_SIZE_MAX)
        return false;
    const uint8_t *data = name.data;
    uint32_t point;
    for (size_t at = 0, size; at < name.size; at += size) {
        size = utf8_next(data + at, name.size - at, &point);
        if (!size || is_space_or_control(point))
            return false;
    }
    return true;
}

struct bytes mq_bytes(const char *text)
{
    return text ? (struct bytes){text, strlen(text)} : (struct bytes){NULL, 0};
}
