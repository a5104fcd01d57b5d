/* net.c - the bad network: connections that delay, repeat and lose frames, and break.
 *
 * Within a connection frames keep their order, as TCP does. A connection that has lost a frame is broken soon
 * after. When it breaks, each side finds out at some time of its own; what was under way may still arrive,
 * even long after its user has another connection. */
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS_MAX = 1024, STALE_MAX_MS = 6000 };

struct frame {
    struct frame *next;
    uint64_t due_ms;
    size_t size;
    uint8_t data[];
};

struct pipe {
    struct frame *first, *last;
    struct frame *again; /* a copy that comes later, out of turn */
    uint64_t last_due_ms;
};

struct connection {
    unsigned number;
    size_t user;
    bool of_user;   /* the user still uses it */
    bool is_told;   /* the broker has refused it */
    bool is_broken; /* what is sent from now on arrives nowhere */
    void *session;  /* the link's binding */
    struct pipe up, down;
    uint64_t breaks_ms, user_finds_ms, broker_finds_ms; /* NEVER */
};

static struct {
    struct connection *list[CONNECTIONS_MAX];
    size_t count;
    unsigned next_number;
} net;

static void pipe_cut(struct pipe *pipe)
{
    while (pipe->first) {
        struct frame *frame = pipe->first;
        pipe->first = frame->next;
        free(frame);
    }
    pipe->last = NULL;
    free(pipe->again);
    pipe->again = NULL;
}

/* Some of the last frames do not make it. */
static void pipe_lose_tail(struct pipe *pipe)
{
    struct frame *frame = pipe->first;
    if (!frame || chance_percent(30)) {
        pipe_cut(pipe);
        return;
    }
    while (frame->next && chance_percent(70))
        frame = frame->next;
    struct pipe tail = {.first = frame->next};
    pipe_cut(&tail);
    frame->next = NULL;
    pipe->last = frame;
}

static void pipe_delay(struct pipe *pipe, uint64_t by_ms)
{
    for (struct frame *frame = pipe->first; frame; frame = frame->next)
        frame->due_ms += by_ms;
}

static struct frame *frame_new(struct bytes bytes)
{
    struct frame *frame = sim_alloc(sizeof *frame + bytes.size);
    frame->size = bytes.size;
    memcpy(frame->data, bytes.data, bytes.size);
    return frame;
}

static void pipe_push(struct pipe *pipe, struct frame *frame)
{
    uint64_t delay_ms = sim.quiet ? chance_below(3) : chance_below(sim.climate.delay_max_ms + 1);
    frame->due_ms = sim.now_ms + delay_ms;
    if (frame->due_ms < pipe->last_due_ms)
        frame->due_ms = pipe->last_due_ms;
    pipe->last_due_ms = frame->due_ms;
    if (pipe->last)
        pipe->last->next = frame;
    else
        pipe->first = frame;
    pipe->last = frame;
}

/* A second time, at once or some frames later. */
static void pipe_repeat(struct pipe *pipe, struct bytes bytes)
{
    if (pipe->again || chance_percent(50))
        pipe_push(pipe, frame_new(bytes));
    else
        pipe->again = frame_new(bytes);
}

static void pipe_push_again(struct pipe *pipe)
{
    if (pipe->again)
        pipe_push(pipe, pipe->again);
    pipe->again = NULL;
}

static struct frame *pipe_pop(struct pipe *pipe)
{
    struct frame *frame = pipe->first;
    pipe->first = frame->next;
    if (!pipe->first)
        pipe->last = NULL;
    return frame;
}

static uint64_t pipe_due_ms(const struct pipe *pipe)
{
    return pipe->first ? pipe->first->due_ms : NEVER;
}

static void forget(size_t at)
{
    broker_connection_gone(net.list[at]);
    pipe_cut(&net.list[at]->up);
    pipe_cut(&net.list[at]->down);
    free(net.list[at]);
    net.list[at] = net.list[--net.count];
}

void net_open(void)
{
    net.count = 0;
    net.next_number = 1;
}

void net_close(void)
{
    while (net.count)
        forget(net.count - 1);
}

static void break_line(struct connection *c)
{
    if (c->is_broken)
        return;
    sim_say("%u breaks", c->number);
    c->is_broken = true;
    c->breaks_ms = NEVER;
    c->user_finds_ms = sim.now_ms + chance_below(chance_percent(80) ? 50 : 3000);
    c->broker_finds_ms = sim.now_ms + chance_below(chance_percent(60) ? 50 : 3000);
    pipe_lose_tail(&c->up);
    pipe_lose_tail(&c->down);
    if (chance_percent(50))
        pipe_delay(&c->up, chance_below(STALE_MAX_MS));
}

struct connection *net_connect(size_t user)
{
    SIM_REQUIRE(net.count < CONNECTIONS_MAX, "too many connections");
    struct connection *c = sim_alloc(sizeof *c);
    net.list[net.count++] = c;
    c->number = net.next_number++;
    c->user = user;
    c->of_user = true;
    c->breaks_ms = c->user_finds_ms = c->broker_finds_ms = NEVER;
    if (!sim.quiet && sim.climate.cut_permille && chance_percent(15))
        c->breaks_ms = sim.now_ms + chance_below(30);
    return c;
}

/* The user closes its end: what it has sent may still arrive. */
void net_hang_up(struct connection *c)
{
    c->of_user = false;
    pipe_cut(&c->down);
    c->user_finds_ms = c->breaks_ms = NEVER;
    if (!c->is_broken) {
        c->is_broken = true;
        c->broker_finds_ms = sim.now_ms + chance_below(chance_percent(60) ? 20 : 3000);
    }
}

void net_cut(struct connection *c)
{
    break_line(c);
}

void net_cut_all(void)
{
    for (size_t i = 0; i < net.count; i++) {
        struct connection *c = net.list[i];
        break_line(c);
        pipe_cut(&c->up); /* the broker that would read it is no more */
        c->session = NULL;
        c->broker_finds_ms = NEVER;
    }
}

static void push(struct connection *c, struct pipe *pipe, struct bytes frame)
{
    if (c->is_broken)
        return;
    if (!sim.quiet && chance_permille(sim.climate.lose_permille)) {
        sim_say("%u loses a frame", c->number);
        c->breaks_ms = sim.now_ms + chance_below(500);
        return;
    }
    pipe_push(pipe, frame_new(frame));
    if (chance_percent(20))
        pipe_push_again(pipe);
    if (!sim.quiet && chance_permille(sim.climate.repeat_permille))
        pipe_repeat(pipe, frame);
}

void net_send_up(struct connection *c, struct bytes frame)
{
    push(c, &c->up, frame);
}

void net_send_down(struct connection *c, struct bytes frame)
{
    if (c->of_user)
        push(c, &c->down, frame);
}

/* A session is bound to it. If it is dead the broker finds out, now that it asks. */
void net_suspect(struct connection *c)
{
    if (c->is_broken && c->broker_finds_ms == NEVER)
        c->broker_finds_ms = sim.now_ms + chance_below(1000);
}

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_of(const struct connection *c)
{
    uint64_t frames = min(pipe_due_ms(&c->up), pipe_due_ms(&c->down));
    return min(min(frames, c->breaks_ms), min(c->user_finds_ms, c->broker_finds_ms));
}

uint64_t net_next_ms(void)
{
    uint64_t next = NEVER;
    for (size_t i = 0; i < net.count; i++)
        next = min(next, next_of(net.list[i]));
    return next;
}

static void deliver_up(struct connection *c)
{
    struct frame *frame = pipe_pop(&c->up);
    broker_input(c, (struct bytes){frame->data, frame->size});
    free(frame);
}

static void deliver_down(struct connection *c)
{
    struct frame *frame = pipe_pop(&c->down);
    user_input(c->user, (struct bytes){frame->data, frame->size});
    free(frame);
}

static void fire(struct connection *c)
{
    bool up = pipe_due_ms(&c->up) <= sim.now_ms, down = pipe_due_ms(&c->down) <= sim.now_ms;
    if (up && (!down || chance_percent(50))) {
        deliver_up(c);
    } else if (down) {
        deliver_down(c);
    } else if (c->breaks_ms <= sim.now_ms) {
        break_line(c);
    } else if (c->user_finds_ms <= sim.now_ms) {
        c->user_finds_ms = NEVER;
        c->of_user = false;
        pipe_cut(&c->down);
        user_line_down(c->user);
    } else {
        c->broker_finds_ms = NEVER;
        broker_line_gone(c);
    }
}

/* Nobody has any business with it any more. */
static bool is_over(const struct connection *c)
{
    return !c->of_user && !c->session && !c->up.first && c->broker_finds_ms == NEVER;
}

void net_deliver(void)
{
    size_t due = 0, chosen;
    for (size_t i = 0; i < net.count; i++)
        due += next_of(net.list[i]) <= sim.now_ms;
    SIM_REQUIRE(due > 0, "nothing to deliver");
    chosen = chance_below(due);
    for (size_t i = 0; i < net.count; i++) {
        if (next_of(net.list[i]) > sim.now_ms || chosen-- > 0)
            continue;
        fire(net.list[i]);
        break;
    }
    for (size_t i = net.count; i-- > 0;)
        if (is_over(net.list[i]))
            forget(i);
}

bool net_is_calm(void)
{
    for (size_t i = 0; i < net.count; i++)
        if (!net.list[i]->of_user && net.list[i]->up.first)
            return false;
    return true;
}

struct connection *net_of_user(size_t user)
{
    for (size_t i = 0; i < net.count; i++)
        if (net.list[i]->of_user && net.list[i]->user == user)
            return net.list[i];
    return NULL;
}

void *net_session(const struct connection *c)
{
    return c->session;
}

void net_bind(struct connection *c, void *session)
{
    c->session = session;
}

bool net_tell_once(struct connection *c)
{
    bool first = !c->is_told;
    c->is_told = true;
    return first;
}

void net_told(struct connection *c, bool told)
{
    c->is_told = told;
}

unsigned net_number(const struct connection *c)
{
    return c->number;
}
