/* segment.c - see segment.h. */
#include "segment.h"

#include <assert.h>
#include <inttypes.h>
#include <isa-l/crc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char segment_magic[8] = "MQSEGMNT";
enum { NAME_DIGITS = 16 };

static void write_32(uint8_t *to, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(number >> 8 * i);
}

static void write_64(uint8_t *to, uint64_t number)
{
    write_32(to, (uint32_t)number);
    write_32(to + 4, (uint32_t)(number >> 32));
}

static uint32_t read_32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static uint64_t read_64(const uint8_t *from)
{
    return read_32(from) | (uint64_t)read_32(from + 4) << 32;
}

/* The library takes an int of bytes, and does not change them. */
static uint32_t crc_of(uint32_t crc, const uint8_t *data, size_t size)
{
    enum { PIECE = 1 << 30 };
    for (; size > PIECE; data += PIECE, size -= PIECE)
        crc = crc32_iscsi((unsigned char *)data, PIECE, crc);
    return crc32_iscsi((unsigned char *)data, (int)size, crc);
}

/* Over the salt, `head_size` bytes of a head whose crc is at `crc_at`, and what is behind them. */
static uint32_t sealed_crc(uint64_t salt, const uint8_t *bytes, size_t size, size_t crc_at)
{
    static const uint8_t none[4];
    uint8_t salted[8];
    write_64(salted, salt);
    uint32_t crc = crc_of(UINT32_MAX, salted, sizeof salted);
    crc = crc_of(crc, bytes, crc_at);
    crc = crc_of(crc, none, sizeof none);
    return ~crc_of(crc, bytes + crc_at + 4, size - crc_at - 4);
}

/* ---- names ---- */

void segment_name(uint64_t segment, char ret_name[DISK_NAME_MAX])
{
    snprintf(ret_name, DISK_NAME_MAX, "%0*" PRIu64 ".segment", NAME_DIGITS, segment);
}

uint64_t segment_of_name(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    char again[DISK_NAME_MAX];
    if (digits < NAME_DIGITS || digits > 20 || strcmp(name + digits, ".segment") != 0)
        return 0;
    uint64_t segment = strtoull(name, NULL, 10);
    segment_name(segment, again);
    return strcmp(name, again) == 0 ? segment : 0;
}

/* ---- heads of segments ---- */

enum {
    HEAD_VERSION = 8,
    HEAD_CRC = 12,
    HEAD_SEGMENT = 16,
    HEAD_SALT = 24,
    HEAD_SEQUENCE = 32,
    HEAD_FLAGS = 40
};

void segment_write_head(const struct segment_head *head, uint8_t ret[SEGMENT_HEAD_SIZE])
{
    memset(ret, 0, SEGMENT_HEAD_SIZE);
    memcpy(ret, segment_magic, sizeof segment_magic);
    write_32(ret + HEAD_VERSION, head->version);
    write_64(ret + HEAD_SEGMENT, head->segment);
    write_64(ret + HEAD_SALT, head->salt);
    write_64(ret + HEAD_SEQUENCE, head->sequence);
    write_32(ret + HEAD_FLAGS, head->flags);
    write_32(ret + HEAD_CRC, sealed_crc(head->salt, ret, SEGMENT_HEAD_SIZE, HEAD_CRC));
}

enum segment_verdict segment_read_head(const uint8_t bytes[SEGMENT_HEAD_SIZE], struct segment_head *ret_head)
{
    if (memcmp(bytes, segment_magic, sizeof segment_magic) != 0)
        return SEGMENT_NOT_ONE;
    ret_head->version = read_32(bytes + HEAD_VERSION);
    ret_head->segment = read_64(bytes + HEAD_SEGMENT);
    ret_head->salt = read_64(bytes + HEAD_SALT);
    ret_head->sequence = read_64(bytes + HEAD_SEQUENCE);
    ret_head->flags = read_32(bytes + HEAD_FLAGS);
    uint32_t crc = sealed_crc(ret_head->salt, bytes, SEGMENT_HEAD_SIZE, HEAD_CRC);
    if (crc != read_32(bytes + HEAD_CRC) || ret_head->version == 0)
        return SEGMENT_DAMAGED;
    return ret_head->version > SEGMENT_VERSION ? SEGMENT_NEWER : SEGMENT_OK;
}

/* ---- groups ---- */

enum {
    GROUP_CRC = 4,
    GROUP_SEGMENT = 8,
    GROUP_SEQUENCE = 16,
    GROUP_SIZE = 24,
    GROUP_FLAGS = 28,
    GROUP_OTHER = 32
};

size_t group_bytes(size_t size)
{
    return (GROUP_HEAD_SIZE + size + GROUP_ALIGNMENT - 1) / GROUP_ALIGNMENT * GROUP_ALIGNMENT;
}

/* Never 0, which is what lies about most. */
static uint32_t mark_of(uint64_t salt)
{
    return (uint32_t)(salt ^ salt >> 32) | 1;
}

static void write_group_head(uint8_t *to, const struct group_head *head, uint64_t other, uint64_t salt)
{
    write_32(to, mark_of(salt));
    write_64(to + GROUP_SEGMENT, head->segment);
    write_64(to + GROUP_SEQUENCE, head->sequence);
    write_32(to + GROUP_SIZE, head->size);
    write_32(to + GROUP_FLAGS, head->flags);
    write_64(to + GROUP_OTHER, other);
}

void group_seal(uint8_t *group, const struct group_head *head, uint64_t salt)
{
    size_t end = GROUP_HEAD_SIZE + (size_t)head->size;
    assert(!(head->flags & GROUP_GAP));
    write_group_head(group, head, head->unsynced, salt);
    memset(group + end, 0, group_bytes(head->size) - end);
    write_32(group + GROUP_CRC, sealed_crc(salt, group, group_bytes(head->size), GROUP_CRC));
}

void group_write_gap(uint8_t ret[GROUP_HEAD_SIZE], const struct group_head *head, uint64_t salt)
{
    assert(head->flags & GROUP_GAP);
    write_group_head(ret, head, head->next, salt);
    write_32(ret + GROUP_CRC, sealed_crc(salt, ret, GROUP_HEAD_SIZE, GROUP_CRC));
}

bool group_peek(struct bytes bytes, uint64_t segment, uint64_t salt, struct group_head *ret_head)
{
    const uint8_t *data = bytes.data;
    if (bytes.size < GROUP_HEAD_SIZE || read_32(data) != mark_of(salt))
        return false;
    uint64_t other = read_64(data + GROUP_OTHER);
    struct group_head head = {
        .segment = read_64(data + GROUP_SEGMENT),
        .sequence = read_64(data + GROUP_SEQUENCE),
        .size = read_32(data + GROUP_SIZE),
        .flags = read_32(data + GROUP_FLAGS),
    };
    if (head.flags & GROUP_GAP)
        head.next = other;
    else
        head.unsynced = other;
    *ret_head = head;
    return head.segment == segment;
}

size_t group_find(struct bytes bytes, uint64_t salt)
{
    const uint8_t *data = bytes.data;
    uint32_t mark = mark_of(salt);
    for (size_t at = 0; at + 4 <= bytes.size; at += GROUP_ALIGNMENT)
        if (read_32(data + at) == mark)
            return at;
    return bytes.size;
}

bool group_read(struct bytes bytes, uint64_t segment, uint64_t salt, struct group_head *ret_head)
{
    struct group_head head;
    if (!group_peek(bytes, segment, salt, &head))
        return false;
    size_t size = head.flags & GROUP_GAP ? GROUP_HEAD_SIZE : group_bytes(head.size);
    const uint8_t *data = bytes.data;
    if (size > bytes.size || sealed_crc(salt, data, size, GROUP_CRC) != read_32(data + GROUP_CRC))
        return false;
    *ret_head = head;
    return true;
}
