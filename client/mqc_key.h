/* mqc_key.h - keys of the public header <-> those of the protocol, encoded. */
#ifndef MQ_MQC_KEY_H
#define MQ_MQC_KEY_H

#include "mqc.h"
#include "proto.h"

/* MQ_INVALID, MQ_TOO_BIG, MQ_NO_MEMORY; a key of no type has no bytes. */
enum mq_status key_to_bytes(const struct mqc_key *key, uint8_t out[MQ_KEY_SIZE_MAX], size_t *ret_size);

/* *ret_parts is to be freed with the key. False: out of memory. A key that is none is MQ_KEY_NONE. */
bool key_from_bytes(struct bytes encoded, struct mqc_key *ret_key, void **ret_parts);

#endif
