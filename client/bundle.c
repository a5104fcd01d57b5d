/* bundle.c - see bundle.h. */
#include "bundle.h"

#include <stdlib.h>
#include <string.h>

enum {
    SPARES_MAX = 4,
    FIRST_ITEMS = 16,
    FIRST_BYTES = 4096,
    SMALL_ITEMS = 256, /* a spare of that size, and so many bytes, is worth no memory */
    SMALL_BYTES = 32 << 10
};

void depot_init(struct depot *d)
{
    list_init(&d->spares);
    d->count = 0;
}

static void release(struct bundle *b)
{
    free(b->puts);
    free(b->items);
    free(b->bytes);
    free(b);
}

static void depot_thin(struct depot *d, bool all)
{
    for (struct list_node *n = list_first(&d->spares), *next; n; n = next) {
        struct bundle *b = CONTAINER_OF(n, struct bundle, node);
        next = list_next(&d->spares, n);
        if (!all && b->room <= SMALL_ITEMS && b->byte_room <= SMALL_BYTES)
            continue;
        list_remove(n);
        d->count--;
        release(b);
    }
}

void depot_done(struct depot *d)
{
    depot_thin(d, true);
}

void depot_trim(struct depot *d)
{
    depot_thin(d, false);
}

struct bundle *bundle_new(struct depot *d)
{
    struct list_node *spare = list_first(&d->spares);
    if (!spare)
        return calloc(1, sizeof(struct bundle));
    list_remove(spare);
    d->count--;
    return CONTAINER_OF(spare, struct bundle, node);
}

void bundle_free(struct depot *d, struct bundle *b)
{
    assert(!list_has(&b->node));
    assert(!list_has(&b->telling));
    if (d->count == SPARES_MAX) {
        release(b);
        return;
    }
    b->count = b->used = b->size = b->landed = b->settled = b->told = 0;
    b->closed = false;
    list_prepend(&d->spares, &b->node);
    d->count++;
}

size_t bundle_size_of(const struct put_item *put)
{
    return put->body.size + put->key.size + BUNDLE_ITEM_HEAD;
}

static bool grow_items(struct bundle *b)
{
    size_t room = b->room ? 2 * b->room : FIRST_ITEMS;
    struct put_item *puts = realloc(b->puts, room * sizeof *puts);
    if (!puts)
        return false;
    b->puts = puts;
    struct bundle_item *items = realloc(b->items, room * sizeof *items);
    if (!items)
        return false;
    b->items = items;
    b->room = room;
    return true;
}

static bool is_own(const struct bundle *b, const void *data)
{
    uintptr_t at = (uintptr_t)data, from = (uintptr_t)b->bytes;
    return b->bytes && at >= from && at < from + b->used;
}

static const void *moved(const struct bundle *b, const void *data, uint8_t *to)
{
    return is_own(b, data) ? to + ((const uint8_t *)data - b->bytes) : data;
}

/* The copies move; what is not the bundle's own stays. */
static bool grow_bytes(struct bundle *b, size_t size)
{
    size_t room = b->byte_room ? b->byte_room : FIRST_BYTES;
    while (room - b->used < size)
        room *= 2;
    uint8_t *bytes = malloc(room);
    if (!bytes)
        return false;
    if (b->used)
        memcpy(bytes, b->bytes, b->used);
    for (size_t i = 0; i < b->count; i++) {
        b->puts[i].body.data = moved(b, b->puts[i].body.data, bytes);
        b->puts[i].key.data = moved(b, b->puts[i].key.data, bytes);
    }
    free(b->bytes);
    b->bytes = bytes;
    b->byte_room = room;
    return true;
}

static void copy_bytes(struct bundle *b, struct bytes *bytes)
{
    if (bytes->size)
        memcpy(b->bytes + b->used, bytes->data, bytes->size);
    bytes->data = bytes->size ? b->bytes + b->used : NULL;
    b->used += bytes->size;
}

bool bundle_append(struct bundle *b, const struct put_item *put, const struct bundle_item *item, bool copy)
{
    assert(!b->closed);
    size_t size = put->body.size + put->key.size;
    if (b->count == b->room && !grow_items(b))
        return false;
    if (copy && b->byte_room - b->used < size && !grow_bytes(b, size))
        return false;
    struct put_item *place = &b->puts[b->count];
    *place = *put;
    if (copy) {
        copy_bytes(b, &place->body);
        copy_bytes(b, &place->key);
    }
    b->items[b->count++] = *item;
    b->size += bundle_size_of(put);
    return true;
}

void bundle_remove(struct bundle *b, size_t index)
{
    assert(index >= b->landed && index < b->count);
    size_t after = b->count - index - 1;
    b->size -= bundle_size_of(&b->puts[index]);
    memmove(&b->puts[index], &b->puts[index + 1], after * sizeof *b->puts);
    memmove(&b->items[index], &b->items[index + 1], after * sizeof *b->items);
    b->count--;
}

struct bundle_item *bundle_next_result(struct bundle *b)
{
    return b->settled < b->landed ? &b->items[b->settled++] : NULL;
}

bool bundle_is_over(const struct bundle *b)
{
    return b->settled == b->count;
}
