/* mqc_frame.h - a frame on its way out: given to libzmq in the memory that it was written in. */
#ifndef MQ_MQC_FRAME_H
#define MQ_MQC_FRAME_H

#include "codec.h"

/* Sends what the encoder has just encoded, never waiting. False: it cannot be sent, see errno. */
bool frame_send(void *socket, struct codec *encoder, struct bytes frame);

#endif
