/* cli_spool.c - see cli_spool.h. */
#include "cli_spool.h"
#include "cli_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_SIZE = 64 << 10 };

void cli_spool_init(struct cli_spool *spool)
{
    *spool = (struct cli_spool){.fd = -1};
}

static int open_file(void)
{
    char path[4096];
    const char *directory = getenv("TMPDIR");
    int length =
        snprintf(path, sizeof path, "%s/mq-work-XXXXXX", directory && *directory ? directory : "/tmp");
    if (length >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

/* Moves what is in memory to the file. */
static void spill(struct cli_spool *spool)
{
    if (spool->fd < 0)
        spool->fd = open_file();
    if (spool->fd < 0 || !cli_write_all(spool->fd, spool->data, spool->size))
        spool->error = errno;
    spool->size = 0;
}

static bool reserve(struct cli_spool *spool, size_t size)
{
    if (spool->capacity - spool->size >= size)
        return true;
    size_t capacity = spool->capacity ? spool->capacity : 4096;
    while (capacity - spool->size < size)
        capacity *= 2;
    char *data = realloc(spool->data, capacity);
    if (!data) {
        spool->error = ENOMEM;
        return false;
    }
    spool->data = data;
    spool->capacity = capacity;
    return true;
}

void cli_spool_add(struct cli_spool *spool, const void *data, size_t size)
{
    if (!spool->error && spool->size + size > CLI_SPOOL_MEMORY)
        spill(spool);
    if (spool->error || size == 0 || !reserve(spool, size))
        return;
    memcpy(spool->data + spool->size, data, size);
    spool->size += size;
}

static bool copy_file(int from, int to)
{
    char buffer[COPY_SIZE];
    off_t offset = 0;
    for (;;) {
        ssize_t size = pread(from, buffer, sizeof buffer, offset);
        if (size <= 0)
            return size == 0;
        if (!cli_write_all(to, buffer, (size_t)size))
            return false;
        offset += size;
    }
}

bool cli_spool_copy(const struct cli_spool *spool, int fd)
{
    if (spool->fd >= 0 && !copy_file(spool->fd, fd))
        return false;
    return cli_write_all(fd, spool->data, spool->size);
}

void cli_spool_done(struct cli_spool *spool)
{
    free(spool->data);
    if (spool->fd >= 0)
        close(spool->fd);
    cli_spool_init(spool);
}
