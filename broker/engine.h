/* engine.h - every rule of the broker. No I/O, no clock, no randomness, no globals, no logging.
 *
 * Requests and session events go in with the time; out come replies and the next deadline. Each request that
 * engine_submit() accepts gets exactly one reply: at once, or later, when an item, room or its deadline
 * arrives. A request that has to wait is a request whose reply comes later; there is no second mechanism for
 * waiting. Replies are drained by the caller, never pushed through a callback.
 *
 * A session is one client's conversation; it outlives connections. The caller knows a session by its pointer,
 * which is valid from engine_hello() until engine_disconnect() or engine_bye() for that connection, and
 * hands in a `peer` of its own (not NULL, never looked into) that comes back with each reply.
 *
 * Time is in milliseconds of any monotonic clock and never goes back (asserted). When the time jumps by more
 * than a second beyond the deadline that was asked for, the broker itself was frozen, and the deadlines of
 * sessions and leases move by as much. PROTOCOL.md says what the rules are; files named engine_*.c implement
 * them. */
#ifndef MQ_ENGINE_H
#define MQ_ENGINE_H

#include "facts.h"
#include "shelf.h"

struct engine;
struct session;

/* All sizes in bytes, all times in ms; engine_options_default() fills in what 2-semantics promises. */
struct engine_options {
    uint64_t memory_limit;    /* items, waiting puts included; above it puts wait as if full */
    uint64_t resume_grace_ms; /* without a connection for so long: waiters cancelled, leases go back */
    uint64_t remember_ms;     /* numbers and unconfirmed answers are kept so long after that */
    uint64_t first_item;      /* the first item's id; the next ones count on from there */
    uint64_t pid;             /* of this process, told by stat; 0: not told */
    uint64_t hash_seed;       /* random, so that nobody can choose colliding names */
    uint32_t body_max, frame_max, items_max, queues_max, sessions_max, remembered_max;
    uint32_t waiting_max, unconfirmed_max, in_flight_max; /* per session */
    bool auto_create;                                     /* opening a missing queue makes it */
    const struct shelf *shelf; /* for what waits long and has no room in memory; borrowed; NULL: none */
    uint64_t backlog_max;      /* bytes of facts that were not taken away yet; above it puts wait */
    bool is_durable;           /* facts are made, for a journal: see "what must survive" below */
    bool is_forgetful;         /* replies may leave before they are safe */
};

void engine_options_default(struct engine_options *options);

struct engine *engine_new(const struct engine_options *options, uint64_t now_ms); /* NULL: out of memory */
void engine_free(struct engine *e);

/* A connection says hello. MQ_OK: *ret_session is bound to `peer`; if it was bound to another peer, that one
 * is returned in *ret_old_peer (else NULL): its frames are to be dropped from now on. *ret_welcome is filled
 * in always, its status being the return value: OK, SESSION_LOST, EXISTS, UNSUPPORTED, INVALID, LIMIT,
 * TEMPORARY (no memory). */
enum mq_status engine_hello(struct engine *e, uint64_t now_ms, const struct hello *hello, void *peer,
                            struct session **ret_session, void **ret_old_peer, struct welcome *ret_welcome);

/* The session's connection is gone: it has resume_grace to come back. */
void engine_disconnect(struct engine *e, uint64_t now_ms, struct session *session);

/* The client ends its session: waiters are cancelled, leases go back, nothing is remembered. */
void engine_bye(struct engine *e, uint64_t now_ms, struct session *session, struct ranges confirms);

/* The client has received these answers (a request's own confirms are seen to by engine_submit). Ranges of
 * numbers ascend and do not overlap, here as everywhere. */
void engine_confirm(struct engine *e, uint64_t now_ms, struct session *session, struct ranges confirms);

/* A request, copied as far as needed. MQ_OK: it has been or will be replied to, or it is a repeat that needs
 * no reply. Otherwise it has not happened and the connection is to be refused with this reason: MQ_INVALID (a
 * gap in the numbers), MQ_LIMIT (waiting requests and unconfirmed answers together exceed waiting_max +
 * unconfirmed_max), MQ_TEMPORARY (no memory; a repeat may succeed). */
enum mq_status engine_submit(struct engine *e, uint64_t now_ms, struct session *session,
                             const struct request *req, const char **ret_why);

/* Fires what is due. */
void engine_tick(struct engine *e, uint64_t now_ms);

/* When engine_tick() should be called at the latest; UINT64_MAX: nothing to do. */
uint64_t engine_deadline_ms(const struct engine *e);

/* The next reply, in the order in which they were decided; false: there is none that may leave yet. `safe` is
 * the position up to which facts are safe (UINT64_MAX: whatever they are); what was decided when more than
 * that had been written down stays here. Pings, and what is said after a failure, do not wait. *ret_peer is
 * the session's connection; everything in *ret_answer is valid until the next call of any engine function. */
bool engine_next_reply(struct engine *e, uint64_t safe, void **ret_peer, struct answer *ret_answer);

/* The public number, for logs. */
uint64_t engine_session_number(const struct session *session);

void engine_stat(const struct engine *e, struct broker_stat *ret_stat);

/* What stat is to tell of the data directory from now on; texts are static. Until then: none. */
void engine_tell_data(struct engine *e, const struct data_stat *data);

/* ---- what must survive: an engine that is durable ----
 *
 * Every change makes facts (fact.h), which the caller takes away and writes down in order. What is said by
 * replies depends on facts: see engine_next_reply(). After a restart a new engine is given all groups of
 * facts in their order, and then begins: every session has lost its connection and has resume_grace to come
 * back, its numbers, unconfirmed answers and leases are as they were. A lease that had a time-out has all of
 * it again. What waited is forgotten, as its client asks again; a put that was cut off goes on behind the
 * last item that it stored. */

/* To be taken away with facts_take() at any time between two calls of engine functions. */
struct facts *engine_facts(struct engine *e);

/* What must be safe before something that is decided now may be told. For frames that are not answers. */
uint64_t engine_position(const struct engine *e);

/* One group's facts, from the first segment's checkpoint on. False: they make no sense, and *ret_why says why
 * (static); the engine is then only good for being freed. `lenient`: what refers to something unknown is
 * passed over, and checkpoints count wherever they are, because facts are missing (--salvage). */
bool engine_replay(struct engine *e, struct bytes facts, uint64_t segment, bool lenient,
                   const char **ret_why);

/* It was false for want of memory, or because the shelf failed: the facts are not to blame. */
bool engine_is_short(const struct engine *e);

/* After the last group: may this be the oldest segment that is there? False: some that are still needed are
 * missing. */
bool engine_may_start_at(const struct engine *e, uint64_t first);

/* Before it begins: had replies left before they were safe when these groups were written? Until this is
 * called it is taken that they had if they do now. */
void engine_was_forgetful(struct engine *e, bool was_forgetful);

/* Begins, after the last group. To be called once, before anything else but engine_replay(); in an engine
 * that is not durable it need not be. False: out of memory. */
bool engine_begin(struct engine *e, uint64_t now_ms);

/* From now on the broker can be reached: who could not come back before has all the time that it was to have
 * then. */
void engine_open(struct engine *e, uint64_t now_ms);

/* From now on facts go to this segment. Writes the checkpoint that it begins with; no facts may be there.
 * False: out of memory, nothing happened. `first`: the oldest segment that is still needed. */
bool engine_checkpoint(struct engine *e, uint64_t segment, uint64_t first);

/* Goes through facts of the oldest segment, from *at on, and writes what lives again, until `budget` bytes
 * have been written or read (64 of these count as one of those), or the end is reached: *at is then
 * facts.size, else where to go on with the same facts. False: out of memory, or they make no sense. */
bool engine_move(struct engine *e, struct bytes facts, size_t *at, size_t budget);
/* All of this segment and of older ones has been gone through. */
void engine_moved(struct engine *e, uint64_t segment);
/* May anything alive lie in this segment or an older one? */
bool engine_needs(const struct engine *e, uint64_t segment);
/* Segments up to this one are going to be dropped. To be called once what was moved out of them is written
 * down, and long enough before that this is, too. */
void engine_dropping(struct engine *e, uint64_t segment);
/* About how many bytes a log would take that had only what lives. */
uint64_t engine_live_size(const struct engine *e);

/* The facts were taken away: puts that waited for that may go on. */
void engine_taken(struct engine *e, uint64_t now_ms);

/* So many bytes of facts may be gathered: a put that would make them more waits, or is refused. At first
 * there is no limit. */
void engine_limit_facts(struct engine *e, uint64_t now_ms, uint64_t size);

/* Puts are refused (MQ_TEMPORARY, with this reason, a static text) or wait; NULL: not any more. */
void engine_refuse_puts(struct engine *e, uint64_t now_ms, const char *why);

/* Nothing can be written down any more. What has not been told yet is never told; whatever changes something
 * is refused (MQ_TEMPORARY, with this reason, a static text), looking goes on. For good. */
void engine_fail(struct engine *e, uint64_t now_ms, const char *why);

/* Why it has failed (static); NULL: it has not. Besides engine_fail() there is one more reason: what was put
 * away on the shelf cannot be had. */
const char *engine_failure(const struct engine *e);

/* Walks everything and asserts every invariant. For tests and the simulator. */
void engine_check(const struct engine *e);

#endif
