/* mqc_put.h - what is to be seen to before a put, whichever way it goes. */
#ifndef MQ_MQC_PUT_H
#define MQ_MQC_PUT_H

#include "mqc_client.h"

/* One item with its encoded key, or the failure, so that a mistake in the arguments stores nothing. The body
 * is borrowed; `key` holds MQ_KEY_SIZE_MAX. */
enum mq_status put_check(const struct mqc *m, const struct mqc_put *put, uint8_t *key,
                         struct put_item *ret_item);

/* Bytes of items that a frame should have at most: a larger one would hold up everybody else on the line, and
 * on a slow one outlast the heartbeat's patience. */
size_t put_frame_room(const struct mqc *m);

#endif
