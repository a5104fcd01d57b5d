/* mqc_frame.c - see mqc_frame.h. */
#include "mqc_frame.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* Below it libzmq gets a copy: that costs less than the bookkeeping of memory that is not its own. */
enum { COPIED_SIZE_MAX = 1024 };

/* What was written to a frame comes before libzmq's thread frees it. libzmq sees to that by itself, but the
 * thread sanitizer does not see how. */
static atomic_uint frames_handed_over;

static void free_frame(void *bytes, void *memory)
{
    (void)bytes;
    (void)atomic_load_explicit(&frames_handed_over, memory_order_acquire);
    free(memory);
}

static bool make_copy(struct bytes frame, zmq_msg_t *ret)
{
    if (zmq_msg_init_size(ret, frame.size))
        return false;
    memcpy(zmq_msg_data(ret), frame.data, frame.size);
    return true;
}

static bool hand_over(struct codec *encoder, struct bytes frame, zmq_msg_t *ret)
{
    void *memory = codec_take_frame(encoder);
    atomic_fetch_add_explicit(&frames_handed_over, 1, memory_order_release);
    if (!zmq_msg_init_data(ret, (char *)memory + CODEC_HEAD_SIZE, frame.size, free_frame, memory))
        return true;
    free(memory);
    return false;
}

bool frame_send(void *socket, struct codec *encoder, struct bytes frame)
{
    zmq_msg_t message;
    if (!(frame.size <= COPIED_SIZE_MAX ? make_copy(frame, &message) : hand_over(encoder, frame, &message)))
        return false;
    int rc;
    do
        rc = zmq_msg_send(&message, socket, ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    int error = errno;
    zmq_msg_close(&message);
    errno = error;
    return rc >= 0;
}
