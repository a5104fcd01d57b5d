/* held.c - see held.h. */
#include "held.h"

#include <stdlib.h>
#include <string.h>

#include "codec.h"

struct held *held_new(uint64_t position, struct bytes route, int fd, struct bytes frame)
{
    assert(route.size <= HELD_ROUTE_MAX);
    struct held *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    *h = (struct held){.position = position, .fd = fd, .route_size = route.size, .size = frame.size};
    memcpy(h->route, route.data, route.size);
    h->memory = malloc(CODEC_HEAD_SIZE + frame.size);
    if (!h->memory) {
        free(h);
        return NULL;
    }
    memcpy((char *)h->memory + CODEC_HEAD_SIZE, frame.data, frame.size);
    return h;
}

void held_free(struct held *h)
{
    if (list_has(&h->of_link))
        list_remove(&h->of_link);
    if (list_has(&h->of_connection))
        list_remove(&h->of_connection);
    free(h->memory);
    free(h);
}

struct bytes held_route(const struct held *h)
{
    return (struct bytes){h->route, h->route_size};
}

struct bytes held_frame(const struct held *h)
{
    return (struct bytes){(char *)h->memory + CODEC_HEAD_SIZE, h->size};
}
