/* peer.h - a client of the broker that is nothing but a DEALER and the codec: it can say anything.
 *
 * It never reconnects. Waits end the test program after LIMIT_MS. */
#ifndef HOSTILE_PEER_H
#define HOSTILE_PEER_H

#include "broker.h"
#include "codec.h"

struct peer {
    void *context, *socket;
    struct codec *codec;
    uint8_t id[MQ_SESSION_ID_SIZE];
    uint64_t next_number;
};

/* Connects; says nothing. */
void peer_open(struct peer *p, const struct broker *b);

/* The same, choosing its own routing id (NULL: none), and reading no more than `receive_max` frames ahead
 * (0: no limit). */
void peer_open_with(struct peer *p, const struct broker *b, const char *route, int receive_max);

/* Closes the connection without a bye. */
void peer_close(struct peer *p);

/* Opens, says hello for a new session, and checks that it is welcome. */
void peer_join(struct peer *p, const struct broker *b);

void peer_send(struct peer *p, const void *bytes, size_t size);
void peer_send_part(struct peer *p, const void *bytes, size_t size); /* more parts follow */
void peer_send_hello(struct peer *p, const struct hello *hello);
void peer_send_request(struct peer *p, const struct request *request);

/* Makes a new session's hello, with a random id that the peer keeps. */
struct hello peer_hello_new(struct peer *p);

/* The next frame that is not a probe; it lives until the next call. */
struct broker_frame peer_receive(struct peer *p);
bool peer_receive_within(struct peer *p, int timeout_ms, struct broker_frame *ret_frame);

/* The next frame is `refused` with this status. */
void peer_expect_refused(struct peer *p, enum mq_status status);

/* The request, with the peer's next number, and the answer to it. */
struct answer peer_ask(struct peer *p, struct request request);

/* An open, put, get and task_done on a queue; checks that each does what it should. */
void peer_works(struct peer *p, const char *queue);

void random_bytes(void *bytes, size_t size); /* the same ones in every run */

#endif
