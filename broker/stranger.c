/* stranger.c - see stranger.h. */
#include "stranger.h"

#include <errno.h>
#include <string.h>

#include "journal.h"

struct search {
    bool has_log;
    uint64_t spares; /* that are there: bit n - 1 */
    char *name;      /* of a stranger */
};

static void see(void *context, const char *name, uint64_t size)
{
    struct search *s = context;
    uint64_t spare = journal_spare_of_name(name);
    bool is_used = strcmp(name, "lock") == 0 || strcmp(name, "shelf") == 0;
    s->has_log |= segment_of_name(name) != 0;
    if (spare && spare <= JOURNAL_SPARES_MAX)
        s->spares |= (uint64_t)1 << (spare - 1);
    else if (spare || (is_used && size > 0))
        strcpy(s->name, name);
}

static bool is_spare(const uint8_t bytes[SEGMENT_HEAD_SIZE], size_t size)
{
    struct segment_head head;
    size_t zeros = 0;
    while (zeros < size && bytes[zeros] == 0)
        zeros++;
    return zeros == size || (size == SEGMENT_HEAD_SIZE && segment_read_head(bytes, &head) != SEGMENT_NOT_ONE);
}

static int look_into(struct disk *disk, const char *name, bool *ret_is_spare)
{
    uint8_t bytes[SEGMENT_HEAD_SIZE];
    int handle = disk->calls->open(disk->context, name, false);
    if (handle == -ENOENT) /* a broker that is beginning there has taken it: the lock will tell */
        return 0;
    if (handle < 0)
        return handle;
    int64_t size = disk->calls->read(disk->context, handle, 0, bytes, sizeof bytes);
    disk->calls->close(disk->context, handle);
    if (size < 0)
        return (int)size;
    *ret_is_spare = is_spare(bytes, (size_t)size);
    return 0;
}

int stranger_find(struct disk *disk, char ret_name[DISK_NAME_MAX])
{
    struct search s = {.name = ret_name};
    ret_name[0] = '\0';
    int error = disk->calls->list(disk->context, see, &s);
    if (s.has_log)
        ret_name[0] = '\0';
    for (uint64_t i = 0; i < JOURNAL_SPARES_MAX && !error && !s.has_log && !ret_name[0]; i++) {
        char name[DISK_NAME_MAX];
        bool is_ours = true;
        if (!(s.spares >> i & 1))
            continue;
        journal_spare_name(i + 1, name);
        error = look_into(disk, name, &is_ours);
        if (!is_ours)
            strcpy(ret_name, name);
    }
    return error;
}
