/* broker.c - the broker of the simulated world: the engine, the model beside it, and the link's part: which
 * connection carries which session, what becomes of frames of connections that carry none, and which frames
 * wait until the disk is done. */
#include "data.h"
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct {
    struct engine *engine;
    struct model *model;
    struct codec *in, *out;
    uint64_t events;
    struct held **held; /* in the order in which they may leave */
    size_t held_count, held_room;
} broker;

/* A frame that may leave when all up to this group is safe, behind others for the same connection. */
struct held {
    struct connection *to;
    uint64_t needs;
    bool is_last; /* the answer to a bye: the broker has nothing to do with the connection any more */
    size_t size;
    uint8_t data[];
};

static void new_process(void)
{
    data_begin(&broker.engine, &broker.model);
    broker.model->on_stored = sim_item_stored;
    broker.model->on_done = sim_item_done;
}

void broker_open(void)
{
    broker.in = codec_new();
    broker.out = codec_new();
    SIM_REQUIRE(broker.in && broker.out, "out of memory");
    data_open();
    new_process();
}

/* ---- frames on their way out ---- */

static void drop_held(size_t at)
{
    free(broker.held[at]);
    memmove(&broker.held[at], &broker.held[at + 1], (--broker.held_count - at) * sizeof *broker.held);
}

static void drop_held_for(const struct connection *to, bool last_ones)
{
    for (size_t i = broker.held_count; i-- > 0;)
        if (broker.held[i]->to == to && (last_ones || !broker.held[i]->is_last))
            drop_held(i);
}

void broker_connection_gone(const struct connection *connection)
{
    drop_held_for(connection, true);
}

static void hold(struct connection *to, uint64_t needs, bool is_last, struct bytes frame)
{
    struct held *held = sim_alloc(sizeof *held + frame.size);
    *held = (struct held){.to = to, .needs = needs, .is_last = is_last, .size = frame.size};
    memcpy(held->data, frame.data, frame.size);
    if (broker.held_count == broker.held_room) {
        broker.held_room = 2 * broker.held_room + 16;
        broker.held = realloc(broker.held, broker.held_room * sizeof *broker.held);
        SIM_REQUIRE(broker.held, "out of memory");
    }
    broker.held[broker.held_count++] = held;
}

static void release(void)
{
    while (broker.held_count && broker.held[0]->needs <= broker.model->safe) {
        const struct held *held = broker.held[0];
        data_told(held->needs);
        net_send_down(held->to, (struct bytes){held->data, held->size});
        drop_held(0);
    }
}

static bool waits_behind(const struct connection *to)
{
    for (size_t i = 0; i < broker.held_count; i++)
        if (broker.held[i]->to == to)
            return true;
    return false;
}

static void send_when(struct connection *to, uint64_t needs, bool is_last, enum mq_status encoded,
                      struct bytes frame)
{
    SIM_REQUIRE(encoded == MQ_OK, "the broker cannot encode: %s", mq_status_name(encoded));
    if (needs > broker.model->safe || waits_behind(to)) {
        hold(to, needs, is_last, frame);
        return;
    }
    data_told(needs);
    net_send_down(to, frame);
}

static void send(struct connection *to, enum mq_status encoded, struct bytes frame)
{
    send_when(to, 0, false, encoded, frame);
}

/* What a frame must wait for that tells what was decided just now; the engine must agree. */
static uint64_t needs_now(void)
{
    uint64_t needs = broker.model->has_failed ? 0 : broker.model->needed;
    bool may_leave = engine_position(broker.engine) <= data_safe();
    SIM_REQUIRE(may_leave == (needs <= broker.model->safe), "a frame may%s leave", may_leave ? "" : " not");
    return needs;
}

/* ---- life ---- */

void broker_close(void)
{
    while (broker.held_count)
        drop_held(0);
    data_end(broker.engine, broker.model, false);
    data_close();
    codec_free(broker.in);
    codec_free(broker.out);
    free(broker.held);
    broker.held = NULL;
    broker.held_room = 0;
}

void broker_crash(bool power_fails)
{
    if (!sim.climate.is_durable) /* no id is given twice */
        sim.climate.engine.first_item = broker.model->next_item + chance_below(1000);
    while (broker.held_count)
        drop_held(0);
    data_end(broker.engine, broker.model, power_fails);
    new_process();
}

static void say_answer(const struct connection *to, const struct answer *answer)
{
    sim_say("    <- %u %s %" PRIu64 " %s count %" PRIu64 " items %zu", net_number(to),
            mq_verb_name(answer->verb), answer->number, mq_status_name(answer->status), answer->count,
            answer->item_count);
    for (size_t i = 0; i < answer->item_count; i++)
        sim_say("       item %" PRIu64, answer->items[i].id);
}

static bool is_small(void)
{
    return broker.model->item_count + broker.model->call_count < 300;
}

static void compare_memory(void)
{
    struct broker_stat stat;
    engine_stat(broker.engine, &stat);
    SIM_REQUIRE(!is_small() || stat.memory == model_memory(broker.model),
                "memory is %" PRIu64 ", not %" PRIu64, stat.memory, model_memory(broker.model));
}

/* After everything that was done to the engine: its replies, each compared with the model's. */
static void drain(void)
{
    void *peer;
    struct answer answer;
    struct bytes frame;
    compare_memory();
    data_event_ends();
    data_turn();
    uint64_t safe = data_safe();
    release();
    while (engine_next_reply(broker.engine, safe, &peer, &answer)) {
        struct connection *to = peer;
        say_answer(to, &answer);
        SIM_REQUIRE(net_session(to), "an answer for a connection without a session");
        data_told(model_reply(broker.model, peer, &answer));
        send(to, codec_encode_answer(broker.out, &answer, &frame), frame);
    }
    model_settled(broker.model);
    SIM_REQUIRE(engine_deadline_ms(broker.engine) == model_deadline_ms(broker.model),
                "the next deadline is %" PRIu64 ", not %" PRIu64, engine_deadline_ms(broker.engine),
                model_deadline_ms(broker.model));
    if (is_small() || ++broker.events % 16 == 0)
        engine_check(broker.engine);
}

static void refuse(struct connection *from, enum mq_status status, const char *why)
{
    struct bytes frame;
    if (!net_tell_once(from))
        return;
    sim_say("    <- %u refused: %s", net_number(from), why);
    send(from, codec_encode_refused(broker.out, status, why, &frame), frame);
}

static void unbind(struct connection *from)
{
    struct session *session = net_session(from);
    model_disconnect(broker.model, from);
    engine_disconnect(broker.engine, sim.now_ms, session);
    net_bind(from, NULL);
    drop_held_for(from, false);
}

static void on_hello(struct connection *from, const struct hello *hello)
{
    struct session *session = NULL;
    void *old_peer, *model_old_peer;
    const struct model_session *model_session = NULL;
    struct welcome welcome;
    struct bytes frame;
    if (net_session(from))
        unbind(from);
    enum mq_status expected = model_hello(broker.model, hello, from, &model_old_peer, &model_session);
    enum mq_status status =
        engine_hello(broker.engine, sim.now_ms, hello, from, &session, &old_peer, &welcome);
    SIM_REQUIRE(status == expected, "a hello is answered %s, not %s", mq_status_name(status),
                mq_status_name(expected));
    SIM_REQUIRE(welcome.status == status, "a welcome of another status than the hello's");
    sim_say("    <- %u welcome %s", net_number(from), mq_status_name(status));
    net_told(from, false);
    if (status == MQ_OK) {
        SIM_REQUIRE(old_peer == model_old_peer, "another connection is replaced");
        SIM_REQUIRE(welcome.session == model_session->number, "session %" PRIu64 ", not %" PRIu64,
                    welcome.session, model_session->number);
        SIM_REQUIRE(welcome.lapses == model_session->lapses, "%u lapses, not %u", welcome.lapses,
                    model_session->lapses);
        net_bind(from, session);
        net_suspect(from);
        if (old_peer) {
            net_bind(old_peer, NULL);
            drop_held_for(old_peer, false);
            refuse(old_peer, MQ_TEMPORARY, "the session has moved to another connection");
        }
    }
    send_when(from, status == MQ_OK ? needs_now() : 0, false,
              codec_encode_welcome(broker.out, &welcome, &frame), frame);
}

static void on_bye(struct connection *from, struct ranges confirms)
{
    struct bytes frame;
    model_bye(broker.model, from, confirms);
    engine_bye(broker.engine, sim.now_ms, net_session(from), confirms);
    net_bind(from, NULL);
    drop_held_for(from, false);
    send_when(from, needs_now(), true, codec_encode_bye_answer(broker.out, MQ_OK, &frame), frame);
}

static void on_request(struct connection *from, const struct request *req)
{
    for (size_t i = 0; i < req->id_count; i++)
        sim_say("       item %" PRIu64, req->ids[i]);
    const char *why = "";
    enum mq_status expected = model_submit(broker.model, from, req);
    enum mq_status status = engine_submit(broker.engine, sim.now_ms, net_session(from), req, &why);
    SIM_REQUIRE(status == expected, "%s %" PRIu64 " is met with %s, not %s", mq_verb_name(req->verb),
                req->number, mq_status_name(status), mq_status_name(expected));
    if (status == MQ_OK)
        return;
    drain();
    data_event_begins();
    unbind(from);
    refuse(from, status, why);
}

void broker_input(struct connection *from, struct bytes bytes)
{
    struct client_frame frame;
    const char *why = "";
    enum mq_status status = codec_decode_client(broker.in, bytes, &frame, &why);
    SIM_REQUIRE(status == MQ_OK, "the broker cannot decode: %s", why);
    sim_say("-> %u %s %" PRIu64 "%s", net_number(from), mq_verb_name(frame.verb),
            frame.verb >= MQ_VERB_OPEN || frame.verb == MQ_VERB_CANCEL ? frame.request.number : 0,
            net_session(from) || frame.verb == MQ_VERB_HELLO ? "" : " (no session)");
    if (frame.verb != MQ_VERB_HELLO && !net_session(from)) {
        refuse(from, MQ_INVALID, "hello comes first");
        return;
    }
    data_turn();
    data_event_begins();
    model_clock(broker.model, sim.now_ms);
    if (frame.verb == MQ_VERB_HELLO) {
        on_hello(from, &frame.hello);
    } else if (frame.verb == MQ_VERB_CONFIRM) {
        model_confirm(broker.model, from, frame.confirms);
        engine_confirm(broker.engine, sim.now_ms, net_session(from), frame.confirms);
    } else if (frame.verb == MQ_VERB_BYE) {
        on_bye(from, frame.confirms);
    } else {
        on_request(from, &frame.request);
    }
    drain();
}

void broker_line_gone(struct connection *from)
{
    if (!net_session(from))
        return;
    sim_say("-> %u is gone", net_number(from));
    data_turn();
    data_event_begins();
    model_clock(broker.model, sim.now_ms);
    unbind(from);
    drain();
}

void broker_tick(void)
{
    data_turn();
    data_event_begins();
    model_clock(broker.model, sim.now_ms);
    model_tick(broker.model);
    engine_tick(broker.engine, sim.now_ms);
    drain();
}

uint64_t broker_deadline_ms(void)
{
    uint64_t engine = engine_deadline_ms(broker.engine), disk = data_deadline_ms();
    return engine < disk ? engine : disk;
}

bool broker_queue_has_items(size_t queue)
{
    const struct model_queue *q = model_queue(broker.model, mq_bytes(sim_queue_name(queue)));
    return q && model_ready(broker.model, q) > 0;
}

bool broker_queue_is_open(size_t queue)
{
    const struct model_queue *q = model_queue(broker.model, mq_bytes(sim_queue_name(queue)));
    return q && !q->is_shut_down;
}

bool broker_is_drained(void)
{
    return broker.model->item_count == 0 && model_waiting(broker.model, MQ_VERB_PUT) == 0;
}

void broker_check_gone(void)
{
    struct broker_stat stat;
    engine_stat(broker.engine, &stat);
    SIM_REQUIRE(stat.sessions == 0 && broker.model->session_count == 0, "a session is left");
    SIM_REQUIRE(stat.waiting == 0 && broker.model->call_count == 0, "a call is left");
    SIM_REQUIRE(stat.ready == 0 && stat.leased == 0 && stat.memory == 0, "items are left");
}
