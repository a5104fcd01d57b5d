/* user.c - see user.h: connecting, sending, receiving, leaving. */
#include "user.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct user users[USERS_MAX];

size_t user_number(const struct user *u)
{
    return (size_t)(u - users);
}

static void fresh_id(uint8_t id[MQ_SESSION_ID_SIZE])
{
    for (size_t i = 0; i < MQ_SESSION_ID_SIZE; i++)
        id[i] = (uint8_t)chance();
}

static void begin(struct user *u)
{
    conversation_init(&u->c, mq_bytes("user"));
    u->retry_ms = sim.now_ms + chance_below(50);
    u->flush_ms = NEVER;
    u->held_count = 0;
    u->past_id = 0;
    u->leaves = false;
    memset(u->handles, 0, sizeof u->handles);
}

void users_open(void)
{
    for (size_t i = 0; i < sim.climate.user_count; i++) {
        users[i] = (struct user){.in = codec_new(), .out = codec_new()};
        SIM_REQUIRE(users[i].in && users[i].out, "out of memory");
        begin(&users[i]);
    }
}

/* The exchanges go, whatever has become of them. */
static void abandon(struct user *u)
{
    conversation_abandon(&u->c);
    while (conversation_next_lost(&u->c)) {
    }
    while (u->op_count)
        op_free(u, u->ops[0]);
}

void users_close(void)
{
    for (size_t i = 0; i < sim.climate.user_count; i++) {
        abandon(&users[i]);
        codec_free(users[i].in);
        codec_free(users[i].out);
    }
}

/* ---- the line ---- */

static void hang_up(struct user *u)
{
    struct connection *connection = net_of_user(user_number(u));
    if (connection)
        net_hang_up(connection);
    conversation_line_down(&u->c);
    u->retry_ms = sim.now_ms + (sim.quiet || chance_percent(80) ? chance_below(100)
                                                                : chance_below(sim.climate.away_max_ms));
}

static enum mq_status encode(struct user *u, const struct client_frame *frame, struct bytes *ret_bytes)
{
    switch (frame->verb) {
    case MQ_VERB_HELLO:
        return codec_encode_hello(u->out, &frame->hello, ret_bytes);
    case MQ_VERB_CONFIRM:
        return codec_encode_confirm(u->out, frame->confirms, ret_bytes);
    case MQ_VERB_BYE:
        return codec_encode_bye(u->out, frame->confirms, ret_bytes);
    default:
        return codec_encode_request(u->out, &frame->request, ret_bytes);
    }
}

void user_send(struct user *u)
{
    struct client_frame frame;
    struct bytes bytes;
    struct connection *connection = net_of_user(user_number(u));
    conversation_check(&u->c);
    while (connection && conversation_next(&u->c, sim.now_ms, &frame)) {
        enum mq_status status = encode(u, &frame, &bytes);
        SIM_REQUIRE(status == MQ_OK, "a user cannot encode %s: %s", mq_verb_name(frame.verb),
                    mq_status_name(status));
        net_send_up(connection, bytes);
        conversation_check(&u->c);
    }
    if (!conversation_has_confirms(&u->c))
        u->flush_ms = NEVER;
    else if (u->flush_ms == NEVER)
        u->flush_ms = sim.now_ms + 10;
}

static void connect_again(struct user *u)
{
    uint8_t id[MQ_SESSION_ID_SIZE];
    fresh_id(id);
    u->retry_ms = NEVER;
    net_connect(user_number(u));
    conversation_line_up(&u->c, id);
    user_send(u);
}

void user_line_down(size_t number)
{
    sim_say("user %zu finds its line cut", number);
    hang_up(&users[number]);
}

void user_kill(size_t number)
{
    struct user *u = &users[number];
    sim_say("user %zu is killed", number);
    hang_up(u);
    abandon(u);
    begin(u);
}

void user_collect_lost(struct user *u)
{
    for (struct exchange *x; (x = conversation_next_lost(&u->c));)
        judge_lost(u, x->owner);
}

static void left(struct user *u)
{
    sim_say("user %zu has left", user_number(u));
    hang_up(u);
    abandon(u);
    bool for_good = u->leaves_for_good;
    begin(u);
    if (!for_good)
        return;
    u->has_left = true;
    u->retry_ms = NEVER;
}

/* Has the broker any reason to have forgotten a session? */
static bool may_be_forgotten(void)
{
    const struct engine_options *o = &sim.climate.engine;
    bool is_on_disk = sim.climate.is_durable && sim.climate.sync_interval_ms == 0;
    return (sim.climate.crash_permille && !is_on_disk) || sim.may_forget || o->remember_ms < 600000 ||
           o->remembered_max < 100 || o->sessions_max < 200;
}

static void start_anew(struct user *u)
{
    uint8_t id[MQ_SESSION_ID_SIZE];
    SIM_REQUIRE(may_be_forgotten(), "user %zu has lost its session for no reason", user_number(u));
    sim_say("user %zu has lost its session", user_number(u));
    fresh_id(id);
    conversation_restart(&u->c, id);
    user_collect_lost(u);
    u->held_count = 0;
    u->past_id = 0;
    ask_reopen(u);
}

static void on_welcome(struct user *u, const struct welcome *welcome)
{
    enum mq_status status = conversation_welcome(&u->c, welcome);
    if (status == MQ_SESSION_LOST && u->leaves)
        left(u);
    else if (status == MQ_SESSION_LOST)
        start_anew(u);
    else if (status != MQ_OK)
        hang_up(u);
}

static void on_answer(struct user *u, const struct answer *answer)
{
    struct exchange *x = conversation_answer(&u->c, answer);
    if (x)
        judge_answer(u, x->owner, answer);
}

void user_input(size_t number, struct bytes bytes)
{
    struct user *u = &users[number];
    struct broker_frame frame;
    const char *why = "";
    enum mq_status status = codec_decode_broker(u->in, bytes, &frame, &why);
    SIM_REQUIRE(status == MQ_OK, "a user cannot decode: %s", why);
    sim_say("user %zu gets %s %" PRIu64, number, mq_verb_name(frame.verb), frame.answer.number);
    if (frame.verb == MQ_VERB_HELLO)
        on_welcome(u, &frame.welcome);
    else if (frame.verb == MQ_VERB_REFUSED)
        hang_up(u);
    else if (frame.verb == MQ_VERB_BYE)
        left(u);
    else if (frame.verb != MQ_VERB_PROBE)
        on_answer(u, &frame.answer);
    user_send(u);
}

/* ---- its own will ---- */

static void withdraw_one(struct user *u)
{
    struct op *op = u->ops[chance_below(u->op_count)];
    sim_say("user %zu withdraws %s %" PRIu64, user_number(u), mq_verb_name(op->x.request.verb),
            op->x.request.number);
    if (conversation_withdraw(&u->c, &op->x)) {
        judge_unsent(u, op);
        op_free(u, op);
    }
}

void user_act(size_t number)
{
    struct user *u = &users[number];
    if (u->leaves)
        return;
    if (u->op_count > 0 && chance_below(100) < sim.climate.weights[MQ_VERB_CANCEL])
        withdraw_one(u);
    else if (chance_below(1000) < sim.climate.weights[MQ_VERB_BYE]) {
        sim_say("user %zu leaves", number);
        u->leaves = true;
        conversation_bye(&u->c);
    } else if (u->op_count < sim.climate.ops_max) {
        ask_something(u);
    }
    user_send(u);
}

uint64_t users_next_ms(void)
{
    uint64_t next = NEVER;
    for (size_t i = 0; i < sim.climate.user_count; i++) {
        if (users[i].retry_ms < next)
            next = users[i].retry_ms;
        if (users[i].flush_ms < next && net_of_user(i))
            next = users[i].flush_ms;
    }
    return next;
}

void users_fire(void)
{
    for (size_t i = 0; i < sim.climate.user_count; i++) {
        struct user *u = &users[i];
        if (u->retry_ms <= sim.now_ms) {
            connect_again(u);
            return;
        }
        if (u->flush_ms <= sim.now_ms && net_of_user(i)) {
            conversation_flush(&u->c);
            u->flush_ms = sim.now_ms + 10;
            user_send(u);
            return;
        }
    }
    SIM_FAIL("nothing is due");
}

/* ---- the quiet end ---- */

/* Who is leaving may wait to say bye until its last puts have gone, which may need the drain: it is not
 * awaited. */
void users_stay(void)
{
    for (size_t i = 0; i < sim.climate.user_count; i++)
        if (users[i].leaves)
            user_kill(i);
}

void user_drain(size_t number)
{
    struct user *u = &users[number];
    if (u->leaves)
        return;
    ask_finish_held(u);
    for (size_t queue = 0; number == 0 && queue < sim.climate.queue_count; queue++)
        if (broker_queue_has_items(queue))
            ask_get_all(u, queue);
    user_send(u);
}

void users_shut_down(void)
{
    for (size_t queue = 0; queue < sim.climate.queue_count && !users[0].leaves; queue++)
        if (broker_queue_is_open(queue))
            ask_shut_down(&users[0], queue);
    user_send(&users[0]);
}

void users_leave(void)
{
    for (size_t i = 0; i < sim.climate.user_count; i++) {
        struct user *u = &users[i];
        if (u->leaves_for_good)
            continue;
        u->leaves = u->leaves_for_good = true;
        conversation_bye(&u->c);
        user_send(u);
    }
}

bool users_are_idle(void)
{
    for (size_t i = 0; i < sim.climate.user_count; i++)
        if (users[i].op_count > 0 || users[i].held_count > 0 || users[i].leaves)
            return false;
    return true;
}

bool users_have_left(void)
{
    for (size_t i = 0; i < sim.climate.user_count; i++)
        if (!users[i].has_left)
            return false;
    return true;
}
