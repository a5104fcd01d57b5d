/* outbox.c - see outbox.h. */
#include "outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

#include "codec.h"

/* What libzmq may have to send by one descriptor: more than the engine ever has unconfirmed of one session,
 * so that only those who do not read get there. When all together have more than the memory limit (or
 * UNSENT_ALL_MIN), each may have UNSENT_FAIR_BYTES. */
enum {
    UNSENT_FRAMES_MAX = 3 * MQ_UNCONFIRMED_MAX,
    UNSENT_BYTES_MAX = 5 * MQ_IN_FLIGHT_SIZE_MAX,
    UNSENT_ALL_MIN = 2 * UNSENT_BYTES_MAX,
    UNSENT_FAIR_BYTES = 1 << 20
};

/* The head of a frame's memory. Its size is stored last and read first, so that whichever thread frees it
 * sees all of it. */
struct parcel {
    struct unsent *unsent, *all;
    atomic_size_t size;
};
_Static_assert(sizeof(struct parcel) <= CODEC_HEAD_SIZE, "a parcel fits into the room before the frame");

bool outbox_init(struct outbox *o, struct log *log, uint32_t descriptors, uint64_t memory_limit)
{
    *o = (struct outbox){.log = log, .descriptors = descriptors};
    o->bytes_max = memory_limit > UNSENT_ALL_MIN ? memory_limit : UNSENT_ALL_MIN;
    o->by_fd = calloc(descriptors + 1, sizeof *o->by_fd);
    return o->by_fd != NULL;
}

void outbox_done(struct outbox *o)
{
    free(o->by_fd);
    o->by_fd = NULL;
}

size_t outbox_unsent(const struct outbox *o)
{
    return atomic_load_explicit(&o->all.bytes, memory_order_relaxed);
}

static void count_unsent(struct unsent *unsent, size_t size)
{
    atomic_fetch_add_explicit(&unsent->frames, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&unsent->bytes, size, memory_order_relaxed);
}

static void count_sent(struct unsent *unsent, size_t size)
{
    atomic_fetch_sub_explicit(&unsent->frames, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&unsent->bytes, size, memory_order_relaxed);
}

/* libzmq calls this when it needs the frame no more, sent or not; on any thread. */
static void parcel_free(void *bytes, void *hint)
{
    (void)bytes;
    struct parcel *parcel = hint;
    size_t size = atomic_load_explicit(&parcel->size, memory_order_acquire);
    count_sent(parcel->unsent, size);
    count_sent(parcel->all, size);
    free(parcel);
}

static bool wrap(struct outbox *o, struct unsent *unsent, void *memory, struct bytes frame,
                 zmq_msg_t *ret_message)
{
    struct parcel *parcel = memory;
    char *bytes = (char *)memory + CODEC_HEAD_SIZE;
    parcel->unsent = unsent;
    parcel->all = &o->all;
    atomic_init(&parcel->size, 0);
    atomic_store_explicit(&parcel->size, frame.size, memory_order_release);
    if (zmq_msg_init_data(ret_message, bytes, frame.size, parcel_free, parcel) != 0) {
        free(parcel);
        return false;
    }
    count_unsent(unsent, frame.size);
    count_unsent(&o->all, frame.size);
    return true;
}

static bool reads_too_little(const struct outbox *o, const struct unsent *unsent)
{
    size_t bytes = atomic_load_explicit(&unsent->bytes, memory_order_relaxed);
    return bytes > UNSENT_BYTES_MAX ||
           atomic_load_explicit(&unsent->frames, memory_order_relaxed) > UNSENT_FRAMES_MAX ||
           (bytes > UNSENT_FAIR_BYTES && outbox_unsent(o) > o->bytes_max);
}

static int send_part(void *router, zmq_msg_t *part, int flags)
{
    int rc;
    do
        rc = zmq_msg_send(part, router, ZMQ_DONTWAIT | flags);
    while (rc < 0 && errno == EINTR);
    return rc;
}

/* ROUTER_MANDATORY makes the first part fail if the connection is gone; nothing else can fail, since there is
 * no high-water mark. */
static bool send_parts(void *router, struct bytes route, zmq_msg_t *message)
{
    zmq_msg_t address;
    if (zmq_msg_init_size(&address, route.size) != 0)
        return false;
    memcpy(zmq_msg_data(&address), route.data, route.size);
    bool sent = send_part(router, &address, ZMQ_SNDMORE) >= 0 && send_part(router, message, 0) >= 0;
    zmq_msg_close(&address);
    return sent;
}

bool outbox_send(struct outbox *o, void *router, struct bytes route, int fd, void *memory, struct bytes frame)
{
    bool known = fd >= 0 && (uint32_t)fd < o->descriptors;
    struct unsent *unsent = &o->by_fd[known ? (uint32_t)fd : o->descriptors];
    if (reads_too_little(o, unsent)) {
        log_event(o->log, LOG_WARN, "cut_off", LOG_FIELDS(log_text("why", "does not read what it gets")));
        if (known)
            shutdown(fd, SHUT_RDWR);
        free(memory);
        return false;
    }
    zmq_msg_t message;
    if (!wrap(o, unsent, memory, frame, &message))
        return false;
    bool sent = send_parts(router, route, &message);
    zmq_msg_close(&message);
    return sent;
}
