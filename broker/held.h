/* held.h - a frame that waits: until what it tells of is safe, or behind another one of its connection. */
#ifndef MQ_HELD_H
#define MQ_HELD_H

#include "list.h"
#include "proto.h"

enum { HELD_ROUTE_MAX = 8 };

struct held {
    struct list_node of_link;
    struct list_node of_connection; /* in none: the connection has said bye */
    uint64_t position;              /* what must be safe before */
    int fd;
    uint8_t route[HELD_ROUTE_MAX];
    size_t route_size;
    void *memory; /* as of codec_take_frame(); NULL: it has been given away */
    size_t size;  /* of the frame */
};

/* Copies route and frame. NULL: out of memory. */
struct held *held_new(uint64_t position, struct bytes route, int fd, struct bytes frame);
void held_free(struct held *h); /* takes it out of its lists */

struct bytes held_route(const struct held *h);
struct bytes held_frame(const struct held *h);

#endif
