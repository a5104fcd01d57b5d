/* link.h - connections and the sessions that they carry: bytes of a peer -> checked request -> engine, and
 * the engine's answers -> bytes for a peer.
 *
 * A connection is known by the routing id that the ROUTER gave it. From a hello that the engine welcomes it
 * is bound to one session, until the session moves to another connection, the peer says bye, sends something
 * that it must not (it is told why, once), or is gone. Only bound connections are remembered, so strangers
 * cannot make the link grow: of them it keeps one number per file descriptor.
 *
 * Who is alive: that a descriptor was closed is a hint, for descriptors are reused and events come late. The
 * connections that came by it are probed; a probe that cannot be sent says that the connection is gone.
 * libzmq may notice a little later than it tells, so a probe is repeated a few times before the suspicion
 * is dropped. A new connection may have died before its hello was read, so it is probed once, too.
 *
 * A welcome to a new session, and the answer to a bye, tell of facts: they wait until these are safe, and
 * what else is for the same connection waits behind them.
 *
 * Nothing here knows ZeroMQ: frames leave by a function that the owner gives. */
#ifndef MQ_LINK_H
#define MQ_LINK_H

#include "engine.h"
#include "log.h"

struct link;

/* A frame that came in. */
struct link_frame {
    struct bytes route; /* the routing id */
    int fd;             /* the descriptor it came by; -1: unknown */
    struct bytes bytes;
    bool is_multipart; /* more parts came with it: not of this protocol */
};

/* How frames leave. False: the connection is gone, or of no use any more. The frame is valid during the call;
 * who wants to keep it does so without a copy by link_take_frame(). */
struct link_door {
    bool (*send)(void *context, struct bytes route, int fd, struct bytes frame);
    void *context;
};

struct link_options {
    uint32_t fd_max;       /* descriptors are below it; others count as unknown */
    uint32_t heartbeat_ms; /* told to clients */
};

struct link_stat {
    uint64_t bound;   /* connections with a session, now */
    uint64_t refused; /* connections that were told so */
    uint64_t dropped; /* frames of connections without a session, after they were told */
    uint64_t gone;    /* bound connections that went away without a bye */
};

/* Borrows engine, log and the door's context. NULL: out of memory. */
struct link *link_new(struct engine *engine, struct log *log, struct link_options options,
                      struct link_door door);
void link_free(struct link *l); /* NULL is fine; says nothing to the engine */

/* Returns how many items the frame is about, as a measure of the work that it has made. */
size_t link_input(struct link *l, uint64_t now_ms, const struct link_frame *in);

/* `peer` and `answer` as they came from engine_next_reply(). Returns the bytes of the frame that was sent. */
size_t link_output(struct link *l, uint64_t now_ms, void *peer, const struct answer *answer);

/* Facts are safe up to this position, see engine_position(): sends what has waited for that. To be called
 * whenever the position has grown, before any answer that depends on it. Until the first call everything is
 * safe. */
void link_release(struct link *l, uint64_t now_ms, uint64_t safe);

/* To be called by the door's send() only: the memory of the frame that it was given, see codec_take_frame().
 */
void *link_take_frame(struct link *l);

/* A descriptor was closed. */
void link_closed(struct link *l, uint64_t now_ms, int fd);

/* Sends the probes that are due; when to call it at the latest (UINT64_MAX: nothing to do). */
void link_tick(struct link *l, uint64_t now_ms);
uint64_t link_deadline_ms(const struct link *l);

struct link_stat link_stat(const struct link *l);

#endif
