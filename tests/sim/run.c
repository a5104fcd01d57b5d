/* run.c - one run: a climate from the seed, steps until they are used up, then the quiet end in which
 * everything must finish. */
#include "data.h"
#include "segment.h"
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { QUIET_EVENTS_MAX = 200000, QUIET_MS_MAX = 3600 * 1000 };

struct sim sim;

const char *sim_queue_name(size_t queue)
{
    static const char *const names[QUEUES] = {"fifo", "lifo", "priority", "a", "b", "c"};
    return names[queue];
}

/* ---- the climate ---- */

static void choose_limits(struct climate *climate)
{
    struct engine_options *o = &climate->engine;
    engine_options_default(o);
    o->hash_seed = chance();
    o->resume_grace_ms = chance_between(100, 4000);
    o->remember_ms = chance_percent(50) ? 600000 : chance_between(0, 20000);
    o->auto_create = chance_percent(80);
    o->sessions_max = chance_percent(80) ? 200 : (uint32_t)climate->user_count + 1;
    o->remembered_max = chance_percent(80) ? 100 : (uint32_t)chance_below(4);
    o->queues_max = chance_percent(80) ? QUEUES : (uint32_t)climate->queue_count;
    if (chance_percent(30))
        o->waiting_max = (uint32_t)chance_between(1, 8);
    if (chance_percent(30))
        o->unconfirmed_max = (uint32_t)chance_between(2, 8);
    if (chance_percent(30))
        o->in_flight_max = (uint32_t)chance_between(200, 4000);
    if (chance_percent(20))
        o->frame_max = (uint32_t)chance_between(1100, 4000);
    if (chance_percent(20))
        o->items_max = (uint32_t)chance_between(4, 60);
    if (chance_percent(20))
        o->body_max = (uint32_t)climate->body_max - 1;
    if (chance_percent(25))
        o->memory_limit = chance_between(500, 10000);
}

/* Each run asks for some things often and for some never. */
static void choose_weights(unsigned weights[MQ_VERB_PING + 1])
{
    static const unsigned usual[MQ_VERB_PING + 1] = {
        [MQ_VERB_CANCEL] = 3,   [MQ_VERB_BYE] = 2,    [MQ_VERB_OPEN] = 8, [MQ_VERB_SET] = 3,
        [MQ_VERB_REMOVE] = 2,   [MQ_VERB_PUT] = 60,   [MQ_VERB_GET] = 50, [MQ_VERB_TASK_DONE] = 50,
        [MQ_VERB_RELEASE] = 8,  [MQ_VERB_EXTEND] = 5, [MQ_VERB_JOIN] = 6, [MQ_VERB_SHUT_DOWN] = 1,
        [MQ_VERB_PURGE] = 2,    [MQ_VERB_PEEK] = 3,   [MQ_VERB_STAT] = 3, [MQ_VERB_LIST] = 1,
        [MQ_VERB_SESSIONS] = 1, [MQ_VERB_PING] = 2};
    for (enum mq_verb verb = MQ_VERB_HELLO; verb <= MQ_VERB_PING; verb++) {
        weights[verb] = usual[verb];
        if (chance_percent(15))
            weights[verb] *= 3;
        else if (chance_percent(15) && verb != MQ_VERB_PUT && verb != MQ_VERB_GET && verb != MQ_VERB_OPEN)
            weights[verb] = 0;
    }
}

static void choose_weather(struct climate *climate)
{
    climate->delay_max_ms = chance_percent(50) ? chance_below(5) : chance_below(200);
    climate->away_max_ms = chance_percent(50) ? 500 : 30000;
    if (chance_percent(80))
        climate->cut_permille = (unsigned)chance_below(20);
    if (chance_percent(60))
        climate->lose_permille = (unsigned)chance_below(10);
    if (chance_percent(60))
        climate->repeat_permille = (unsigned)chance_below(30);
    if (chance_percent(50))
        climate->kill_permille = (unsigned)chance_below(3);
    if (chance_percent(30))
        climate->crash_permille = 1;
    if (chance_percent(40))
        climate->freeze_permille = (unsigned)chance_below(3);
}

static void choose_data(struct climate *climate)
{
    climate->is_durable = climate->engine.is_durable = chance_percent(60);
    climate->segment_size = (uint64_t)SEGMENT_SIZE_MIN << chance_below(4);
    climate->sync_interval_ms = chance_percent(30) ? chance_between(1, 200) : 0;
    climate->engine.is_forgetful = climate->is_durable && climate->sync_interval_ms > 0;
    climate->backlog_max = chance_percent(70) ? 64 << 20 : chance_below(3000);
    climate->disk_max_ms = chance_percent(50) ? 2 : chance_below(60);
    if (climate->is_durable && chance_percent(70))
        climate->crash_permille = (unsigned)chance_between(1, 15);
    climate->power_percent = chance_percent(50) ? 50 : 0;
    climate->break_per_10000 = chance_percent(20) ? 2 : 0;
    climate->fill_per_10000 = chance_percent(20) ? 5 : 0;
}

static void choose_climate(struct climate *climate)
{
    memset(climate, 0, sizeof *climate);
    climate->user_count = (size_t)chance_between(1, USERS_MAX);
    climate->queue_count = (size_t)chance_between(1, QUEUES);
    climate->ops_max = (size_t)(chance_percent(80) ? chance_between(1, 12) : chance_between(12, 60));
    climate->items_max = (size_t)(chance_percent(70) ? 10 : 64);
    climate->body_max = (size_t)(chance_percent(80) ? chance_between(20, 100) : chance_between(100, 1500));
    choose_limits(climate);
    choose_weights(climate->weights);
    choose_weather(climate);
    choose_data(climate);
}

/* ---- steps ---- */

static uint64_t next_event_ms(void)
{
    uint64_t next = net_next_ms();
    if (users_next_ms() < next)
        next = users_next_ms();
    return broker_deadline_ms() < next ? broker_deadline_ms() : next;
}

static void crash(bool power_fails)
{
    sim_say("the %s", power_fails ? "power fails" : "broker crashes");
    net_cut_all();
    broker_crash(power_fails);
}

/* One of the things that are due; time goes on until something is. False: nothing will ever be. */
static bool pass_time(void)
{
    uint64_t next = next_event_ms();
    if (next == NEVER)
        return false;
    if (next > sim.now_ms)
        sim.now_ms = next;
    bool net = net_next_ms() <= sim.now_ms, user = users_next_ms() <= sim.now_ms,
         broker = broker_deadline_ms() <= sim.now_ms;
    unsigned choices = (unsigned)net + user + broker, choice = (unsigned)chance_below(choices);
    if (net && choice-- == 0)
        net_deliver();
    else if (user && choice-- == 0)
        users_fire();
    else if (data_is_dying())
        crash(chance_below(100) < sim.climate.power_percent);
    else
        broker_tick();
    return true;
}

static void freeze(void)
{
    sim.now_ms += chance_between(1, 10000);
    sim_say("everything stands still until %" PRIu64, sim.now_ms);
}

static void cut_some_line(void)
{
    struct connection *connection = net_of_user(chance_below(sim.climate.user_count));
    if (connection)
        net_cut(connection);
}

/* Half of the steps are the users', half are time's; some bring a fault. */
static void step(void)
{
    const struct climate *climate = &sim.climate;
    sim.steps++;
    if (chance_permille(climate->cut_permille))
        cut_some_line();
    else if (chance_permille(climate->kill_permille))
        user_kill(chance_below(climate->user_count));
    else if (climate->crash_permille && chance_below(3000) < climate->crash_permille)
        crash(chance_below(100) < climate->power_percent);
    else if (chance_below(10000) < climate->break_per_10000)
        data_break_disk();
    else if (chance_below(10000) < climate->fill_per_10000)
        data_fill_disk();
    else if (chance_below(10000) < 4 * climate->fill_per_10000)
        data_make_room();
    else if (chance_permille(climate->freeze_permille))
        freeze();
    else if (chance_percent(35))
        user_act(chance_below(climate->user_count));
    else
        pass_time();
}

/* ---- the quiet end ---- */

static void quiet_step(const char *what, uint64_t *events, uint64_t began_ms)
{
    SIM_REQUIRE(pass_time(), "%s: nothing happens any more", what);
    SIM_REQUIRE(++*events < QUIET_EVENTS_MAX && sim.now_ms - began_ms < QUIET_MS_MAX, "%s: it never ends",
                what);
    sim.steps++;
}

/* The consumers empty the queues, of what those who were killed had sent, too; then the queues are shut down,
 * then everybody leaves: all that waits must be answered on the way, and nothing may be left behind. */
static void end_quietly(void)
{
    uint64_t events = 0, began_ms = sim.now_ms;
    sim_say("quiet");
    sim.quiet = true;
    data_make_room();
    if (data_is_broken())
        crash(chance_below(100) < sim.climate.power_percent);
    users_stay();
    while (!broker_is_drained() || !net_is_calm()) {
        for (size_t i = 0; i < sim.climate.user_count; i++)
            user_drain(i);
        quiet_step("draining", &events, began_ms);
    }
    while (!users_are_idle() || !broker_is_drained()) {
        for (size_t i = 0; i < sim.climate.user_count; i++)
            user_drain(i);
        users_shut_down();
        quiet_step("shutting down", &events, began_ms);
    }
    users_leave();
    while (!users_have_left())
        quiet_step("leaving", &events, began_ms);
    while (next_event_ms() != NEVER)
        quiet_step("forgetting", &events, began_ms);
    broker_check_gone();
}

static void say_climate(const struct climate *climate)
{
    const struct engine_options *o = &climate->engine;
    sim_say("%zu users, %zu queues, up to %zu requests each, %zu items, %zu bytes", climate->user_count,
            climate->queue_count, climate->ops_max, climate->items_max, climate->body_max);
    sim_say("memory %" PRIu64 ", frame %u, in flight %u, items %u, waiting %u, unconfirmed %u",
            o->memory_limit, o->frame_max, o->in_flight_max, o->items_max, o->waiting_max,
            o->unconfirmed_max);
    sim_say("grace %" PRIu64 ", remember %" PRIu64 ", sessions %u, remembered %u, queues %u",
            o->resume_grace_ms, o->remember_ms, o->sessions_max, o->remembered_max, o->queues_max);
    sim_say("permille: %u lost, %u repeated, %u cut, %u killed, %u crashed, %u frozen",
            climate->lose_permille, climate->repeat_permille, climate->cut_permille, climate->kill_permille,
            climate->crash_permille, climate->freeze_permille);
    if (climate->is_durable)
        sim_say("segments of %" PRIu64 ", interval %" PRIu64 ", backlog %" PRIu64 ", disk %" PRIu64
                " ms, power %u, %u broken, %u full",
                climate->segment_size, climate->sync_interval_ms, climate->backlog_max, climate->disk_max_ms,
                climate->power_percent, climate->break_per_10000, climate->fill_per_10000);
}

void sim_run(uint64_t steps)
{
    free(sim.tags);
    sim = (struct sim){.now_ms = 1000000};
    choose_climate(&sim.climate);
    say_climate(&sim.climate);
    net_open();
    broker_open();
    users_open();
    while (sim.steps < steps)
        step();
    end_quietly();
    users_close();
    net_close();
    broker_close();
    free(sim.tags);
    sim.tags = NULL;
}
