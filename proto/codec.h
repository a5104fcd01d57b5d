/* codec.h - structs of proto.h <-> the bytes of one frame. The only door to msgpack.
 *
 * Decoding checks everything that can be wrong with the *shape* of a frame (types, counts, sizes, depth, what
 * is left over); whether the values make sense (names, keys, time-outs) is for the engine to judge. A frame
 * of n bytes never makes the codec take more than a small multiple of n, nor more than MQ_ITEMS_MAX items'
 * worth. A codec is one thread's scratch memory: a decoded frame lives until the next decode on the same
 * codec, an encoded one until the next encode. */
#ifndef MQ_CODEC_H
#define MQ_CODEC_H

#include "proto.h"

enum { CODEC_HEAD_SIZE = 64 };

struct codec;

struct codec *codec_new(void);        /* NULL: out of memory */
void codec_free(struct codec *codec); /* NULL is fine */

/* MQ_INVALID: not a frame of this protocol (*ret_why says in words, a static text); MQ_NO_MEMORY. *ret counts
 * with MQ_OK only. Codes of statuses and kinds that this version does not know are let through.
 * A hello of another version decodes to MQ_OK with only verb and hello.version set. */
enum mq_status codec_decode_client(struct codec *codec, struct bytes frame, struct client_frame *ret,
                                   const char **ret_why);
enum mq_status codec_decode_broker(struct codec *codec, struct bytes frame, struct broker_frame *ret,
                                   const char **ret_why);

/* Encoders. *ret_frame points into the codec. MQ_NO_MEMORY, MQ_TOO_BIG (over MQ_FRAME_SIZE_MAX), else MQ_OK.
 */
enum mq_status codec_encode_hello(struct codec *codec, const struct hello *hello, struct bytes *ret_frame);
enum mq_status codec_encode_welcome(struct codec *codec, const struct welcome *welcome,
                                    struct bytes *ret_frame);
enum mq_status codec_encode_confirm(struct codec *codec, struct ranges confirms, struct bytes *ret_frame);
enum mq_status codec_encode_bye(struct codec *codec, struct ranges confirms, struct bytes *ret_frame);
enum mq_status codec_encode_bye_answer(struct codec *codec, enum mq_status status, struct bytes *ret_frame);
enum mq_status codec_encode_refused(struct codec *codec, enum mq_status status, const char *text,
                                    struct bytes *ret_frame);
enum mq_status codec_encode_probe(struct codec *codec, struct bytes *ret_frame);
enum mq_status codec_encode_request(struct codec *codec, const struct request *request,
                                    struct bytes *ret_frame);
enum mq_status codec_encode_answer(struct codec *codec, const struct answer *answer, struct bytes *ret_frame);

/* The memory of the frame that has just been encoded without a failure becomes the caller's, who frees it
 * with free(); so a frame is written where it will be sent from. CODEC_HEAD_SIZE bytes before the frame are
 * the caller's, too; the memory begins there. */
void *codec_take_frame(struct codec *codec);

/* An upper bound of the bytes that one item adds to a frame, so that frames can be filled without trying. */
size_t codec_item_size(size_t body_size, size_t key_size);

#endif
