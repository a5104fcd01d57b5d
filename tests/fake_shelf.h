/* fake_shelf.h - a shelf in memory, whose calls fail when they are told to, and whose bytes may change. */
#ifndef MQ_FAKE_SHELF_H
#define MQ_FAKE_SHELF_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shelf.h"

enum { FAKE_PLACES = 8192 };

struct fake_shelf {
    struct shelf shelf;
    uint8_t *bytes[FAKE_PLACES]; /* NULL: nothing lies there */
    size_t sizes[FAKE_PLACES], next;
    size_t count, size, size_max; /* what lies there; puts beyond size_max fail */
    uint64_t puts, gets, expected;
    bool put_fails, get_fails, flips_bits;
};

static int fake_put(void *context, const void *data, size_t size, uint64_t *ret_place)
{
    struct fake_shelf *f = context;
    if (f->put_fails || f->size + size > f->size_max || f->count == FAKE_PLACES)
        return -ENOSPC;
    while (f->bytes[f->next])
        f->next = (f->next + 1) % FAKE_PLACES;
    /* Not by malloc, which may be one that fails. */
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        return -ENOMEM;
    memcpy(bytes, data, size);
    *ret_place = f->next;
    f->bytes[f->next] = bytes;
    f->sizes[f->next] = size;
    f->count++;
    f->puts++;
    f->size += size;
    return 0;
}

static int fake_get(void *context, uint64_t place, void *data, size_t size)
{
    struct fake_shelf *f = context;
    if (f->get_fails)
        return -EIO;
    if (place >= FAKE_PLACES || f->sizes[place] != size)
        return -EINVAL;
    memcpy(data, f->bytes[place], size);
    *((uint8_t *)data + size / 2) ^= (uint8_t)f->flips_bits;
    f->gets++;
    return 0;
}

static void fake_soon(void *context, uint64_t place, size_t size)
{
    struct fake_shelf *f = context;
    f->expected += f->sizes[place] == size;
}

static void fake_forget(void *context, uint64_t place, size_t size)
{
    struct fake_shelf *f = context;
    if (f->sizes[place] != size)
        abort();
    munmap(f->bytes[place], size);
    f->bytes[place] = NULL;
    f->sizes[place] = 0;
    f->count--;
    f->size -= size;
}

static const struct shelf_calls fake_calls = {fake_put, fake_get, fake_soon, fake_forget};

static void fake_shelf_init(struct fake_shelf *f)
{
    memset(f, 0, sizeof *f);
    f->shelf = (struct shelf){&fake_calls, f};
    f->size_max = SIZE_MAX;
}

#endif
