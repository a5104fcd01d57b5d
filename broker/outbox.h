/* outbox.h - frames on their way out: given to libzmq with the memory they were written in, and counted until
 * libzmq is rid of them.
 *
 * What peers do not read libzmq would keep without end, so who lets too many frames pile up is cut off. */
#ifndef MQ_OUTBOX_H
#define MQ_OUTBOX_H

#include <stdatomic.h>

#include "log.h"
#include "proto.h"

/* What libzmq still has to send by one descriptor. Its own thread counts down. */
struct unsent {
    atomic_size_t frames, bytes;
};

struct outbox {
    struct log *log;
    uint32_t descriptors;
    uint64_t bytes_max;        /* of all descriptors together */
    struct unsent all, *by_fd; /* the last place is for unknown ones */
};

/* Borrows log. False: out of memory. */
bool outbox_init(struct outbox *o, struct log *log, uint32_t descriptors, uint64_t memory_limit);
/* Only when libzmq's context has ended: its frames point here. */
void outbox_done(struct outbox *o);

/* Bytes that libzmq still has to send. */
size_t outbox_unsent(const struct outbox *o);

/* Sends by the ROUTER, never waiting. Takes `memory`, which holds CODEC_HEAD_SIZE bytes and then the frame.
 * False: the connection is gone, or of no use any more, or there is no memory. */
bool outbox_send(struct outbox *o, void *router, struct bytes route, int fd, void *memory,
                 struct bytes frame);

#endif
