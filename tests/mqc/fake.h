/* fake.h - a broker that does what a test tells it, to see what the client library makes of it.
 *
 *     static void script(struct fake *f)
 *     {
 *         fake_welcome(f);
 *         fake_take(f, MQ_VERB_PING);
 *         fake_answer(f, (struct answer){.status = MQ_DENIED});
 *         fake_goodbye(f);
 *     }
 *
 * The script runs on a thread of its own, so that the test can call the library meanwhile. What the client
 * sends must be what the script takes, in order, within the usual limit: anything else ends the program. */
#ifndef MQC_FAKE_H
#define MQC_FAKE_H

#include <mqc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <zmq.h>

#include "codec.h"
#include "wait.h"

struct fake {
    void (*script)(struct fake *);
    pthread_t thread;
    void *context, *router;
    struct codec *in, *out;
    char endpoint[64];
    struct welcome limits;      /* what its welcomes say; a test may change it before the start */
    zmq_msg_t peer, message;    /* of the last frame */
    struct client_frame *frame; /* the last one taken, until the next */
    struct client_frame decoded;
    atomic_int stage; /* how far the script has come */
};

/* Sane limits, and an endpoint that is bound; no script runs yet. */
void fake_init(struct fake *f);
void fake_run(struct fake *f, void (*script)(struct fake *));
void fake_end(struct fake *f); /* waits for the script's end */

/* ---- For scripts ----- */

/* The next frame, which must be of this verb. */
const struct client_frame *fake_take(struct fake *f, enum mq_verb verb);
const struct request *fake_take_request(struct fake *f, enum mq_verb verb);

void fake_send(struct fake *f, struct bytes bytes);
/* Answers the request taken last: verb and number are filled in if they are zero. */
void fake_answer(struct fake *f, struct answer answer);

/* Takes a hello and answers it. */
const struct hello *fake_take_hello(struct fake *f, bool resume);
void fake_say_welcome(struct fake *f, enum mq_status status);
void fake_welcome(struct fake *f); /* ... a new one, with MQ_OK */
/* Tells the client that its connection is of no use, which makes it come back on another. */
void fake_refuse(struct fake *f, enum mq_status status, const char *text);
void fake_vanish(struct fake *f);    /* as if it were killed; the script's last step, but for: */
void fake_come_back(struct fake *f); /* it listens again */
/* Takes the bye and answers it. */
void fake_goodbye(struct fake *f);
void fake_tell(struct fake *f, int stage);

/* ---- For tests ----- */

void fake_await(struct fake *f, int stage); /* until the script has told it */

/* A client of the fake with this connect time-out. */
struct mqc *fake_client(struct fake *f, int64_t connect_timeout_ms);
/* A handle that is only a name, which needs no request. */
struct mqc_queue *fake_queue(struct mqc *mqc, const char *name);

#endif
