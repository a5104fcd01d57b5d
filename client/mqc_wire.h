/* mqc_wire.h - the line to the broker: a DEALER, its monitor, the hello. With
 * mqc_frame the only zmq calls of the library.
 *
 * Every connection is a fresh socket, closed without lingering as soon as its end is known: libzmq must never
 * reconnect by itself, because what it had queued would arrive before the hello. Nothing here waits.
 *
 * ZMQ_FD is edge-triggered and any zmq call may eat the edge. Hence the rule: wire_turn() always ends by
 * receiving until there is nothing, so whoever sleeps on the fd after it misses nothing. */
#ifndef MQ_MQC_WIRE_H
#define MQ_MQC_WIRE_H

#include "codec.h"

enum { WIRE_TEXT_SIZE = 512, WIRE_FDS_MAX = 2 };

struct mqc;
struct pollfd;

struct wire {
    void *context;
    void *dealer, *monitor; /* NULL: not connected, nor trying to */
    int line_fd, monitor_fd;
    struct codec *encoder, *decoder;
    unsigned attempts;     /* connections begun */
    bool connected;        /* the transport is there */
    bool has_events;       /* the monitor may have some */
    bool was_polled;       /* just now, so has_events is certain */
    bool said_bye;         /* the broker has answered the bye */
    uint64_t hello_due_ms; /* the attempt is given up then */
    uint64_t retry_at_ms;  /* the next one may begin then */
    uint64_t backoff_ms;
    uint64_t ready_since_ms;
    uint64_t lost_since_ms; /* since when there is no broker */
    uint64_t received;      /* frames */
    uint32_t heartbeat_ms;
    enum mq_status refusal;   /* why the last attempt failed: the broker's word, or MQ_DISCONNECTED */
    char why[WIRE_TEXT_SIZE]; /* ... in words */
    struct welcome welcome;   /* the last: its limits */
};

/* MQ_INVALID: not an endpoint; MQ_NO_MEMORY. Undone by wire_done() in any case. */
enum mq_status wire_init(struct mqc *m);
void wire_done(struct mqc *m);

bool wire_is_ready(const struct mqc *m);

/* All that can be done without waiting: sees what happened to the connection, makes another if somebody wants
 * it, sends what the conversation has to say, and receives all there is. */
void wire_turn(struct mqc *m);

/* When wire_turn() has something to do even if nothing arrives; NEVER. */
uint64_t wire_due_ms(const struct mqc *m);

/* What to poll for besides; returns how many. */
size_t wire_pollfds(const struct mqc *m, struct pollfd *fds, bool with_line);
/* What poll() said of them; to be told before the next wire_turn(). fds[0] says nothing if there was none. */
void wire_polled(struct mqc *m, const struct pollfd *fds);

#endif
