/* data_restart.c - the end of the broker's process, by itself or together with the power, and the beginning
 * of the next one. */
#include "data_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { RESERVE = 3, TURNS_MAX = 1000, RESTARTS_MAX = 100 };

/* ---- the end ---- */

/* What a hand was about when the end came has happened, or has not, or to some part. */
static void half_do(struct hand *hand, bool power_fails)
{
    /* A sync that was interrupted leaves what it has not written for the next one, unless the power is gone.
     */
    unsigned calls = power_fails ? FAKE_ANY : FAKE_ANY & ~(unsigned)FAKE_SYNC;
    if (!hand->is_busy || chance_percent(20))
        return;
    if (chance_percent(75))
        fake_disk_fail(data.fake, calls, chance_between(1, 8), EIO, true);
    data_do(hand);
    fake_disk_fail(data.fake, 0, 0, 0, false);
}

static void crash_disk(bool power_fails)
{
    if (power_fails)
        fake_disk_crash(data.fake, &(struct fake_crash){.names = (enum fake_fate)chance_below(3),
                                                        .bytes = (enum fake_fate)chance_below(3),
                                                        .seed = chance()});
    else
        fake_disk_kill(data.fake);
}

void data_end(struct engine *e, struct model *m, bool power_fails)
{
    if (sim.climate.is_durable) {
        data.is_forgetful = power_fails || data.is_broken;
        size_t first = chance_below(JOURNAL_HANDS);
        half_do(&data.hands[first], power_fails);
        half_do(&data.hands[1 - first], power_fails);
        if (data.is_broken && chance_percent(50))
            fake_disk_evict(data.fake);
        crash_disk(power_fails);
    }
    engine_free(e);
    model_free(m);
    if (data.keeper)
        keeper_free(data.keeper);
    if (data.journal)
        journal_free(data.journal);
    data.keeper = NULL;
    data.journal = NULL;
    data.engine = NULL;
    data.model = NULL;
}

/* ---- the beginning ---- */

static void say_facts(const struct recover_group *group)
{
    struct fact_reader reader;
    struct fact fact;
    fact_read(&reader, group->facts);
    sim_say("group %" PRIu64 " of segment %" PRIu64, group->sequence, group->segment);
    while (sim_is_verbose() && fact_next(&reader, &fact))
        sim_say("    %s of %" PRIu64 "/%" PRIu64 " queue %" PRIu64 " first %" PRIu64 " count %" PRIu64,
                fact_kind_name(fact.kind), fact.cause.session, fact.cause.call, fact.queue, fact.first_id,
                fact.count);
}

bool data_on_group(void *context, const struct recover_group *group, const char **ret_why)
{
    say_facts(group);
    return engine_replay(context, group->facts, group->segment, group->is_doubtful, ret_why);
}

struct engine *data_new_engine(void)
{
    struct engine *e = engine_new(&sim.climate.engine, sim.now_ms);
    SIM_REQUIRE(e, "out of memory");
    return e;
}

/* Sometimes another end comes in the middle of it. */
static struct engine *read_back(struct recover_found *found)
{
    for (int i = 0; i < RESTARTS_MAX; i++) {
        struct engine *e = data_new_engine();
        struct recover_options options = {.on_group = data_on_group, .context = e};
        bool is_fatal = i < 5 && chance_percent(10), power_fails = chance_percent(50);
        unsigned calls = power_fails ? FAKE_ANY : FAKE_ANY & ~(unsigned)FAKE_SYNC;
        if (is_fatal)
            fake_disk_fail(data.fake, calls, chance_between(1, 20), EIO, true);
        enum recover_result result = recover(&data.disk, &options, found);
        fake_disk_fail(data.fake, 0, 0, 0, false);
        if (!is_fatal) {
            SIM_REQUIRE(result == RECOVER_OK, "the log cannot be read back: %s", found->text);
            SIM_REQUIRE(!found->first || engine_may_start_at(e, found->first), "older segments are missing");
            return e;
        }
        sim_say("the broker crashes while it begins");
        engine_free(e);
        crash_disk(power_fails);
        data.is_forgetful = data.is_forgetful || power_fails;
    }
    SIM_FAIL("the broker never begins");
}

/* With an interval, what was told may be lost: but never answers that are further apart than two of it. */
static void check_lost(uint64_t number)
{
    struct told lost = data.told;
    for (size_t i = 0; i < data.group_count; i++) {
        const struct told *told = &data.groups[i].told;
        if (data.groups[i].number <= number || told->first_ms == NEVER)
            continue;
        lost.first_ms = told->first_ms < lost.first_ms ? told->first_ms : lost.first_ms;
        if (lost.last_ms == NEVER || told->last_ms > lost.last_ms)
            lost.last_ms = told->last_ms;
    }
    SIM_REQUIRE(lost.first_ms == NEVER || sim.climate.sync_interval_ms > 0, "what was told is lost");
    SIM_REQUIRE(lost.last_ms - lost.first_ms <= 2 * sim.climate.sync_interval_ms,
                "answers of %" PRIu64 " ms are lost", lost.last_ms - lost.first_ms);
}

/* All that was promised is in the log: what was synced, and if only the process was lost, what was written.
 */
static struct model *model_of(uint64_t number, const struct recover_found *found)
{
    data_forget_before(data.is_forgetful ? data.synced : data.written);
    SIM_REQUIRE(data.group_count > 0 && number >= data.groups[0].number,
                "the log ends with group %" PRIu64 ", but %" PRIu64 " was safe", number,
                data.groups[0].number);
    struct group *group = data_group(number);
    SIM_REQUIRE(group, "the log ends with group %" PRIu64 ", which was never taken", number);
    check_lost(number);
    struct model *m = model_copy(group->copy);
    model_restart(m, sim.now_ms, found->first ? data.checkpoints[found->first] : 0);
    m->group = number + 1;
    m->safe = sim.climate.sync_interval_ms ? UINT64_MAX : number;
    return m;
}

static void keep_only(uint64_t number)
{
    data_forget_before(number);
    while (data.group_count > 1)
        model_free(data.groups[--data.group_count].copy);
    data.groups[0].position = 0; /* positions begin anew */
    data.groups[0].told = data.told = (struct told){NEVER, NEVER};
    data.written = data.synced = number;
}

static void begin_writing(const struct recover_found *found)
{
    struct journal_options options = {.segment_size = sim.climate.segment_size,
                                      .sync_interval_ms = sim.climate.sync_interval_ms,
                                      .reserve = RESERVE,
                                      .salt = 1 + chance_below(UINT64_MAX - 1)};
    struct journal_files files;
    int error = journal_begin(&data.disk, found, options.segment_size, &files);
    SIM_REQUIRE(error == 0, "the broker cannot begin to write: %s", strerror(-error));
    data.journal = journal_new(&options, found, &files, sim.now_ms);
    data.keeper = data.journal ? keeper_new(data.engine, data.journal) : NULL;
    SIM_REQUIRE(data.keeper, "out of memory");
    for (enum journal_hand i = JOURNAL_WRITER; i < JOURNAL_HANDS; i++)
        data.hands[i] = (struct hand){.open = {.handle = -1}};
}

/* Nobody is let in before the first checkpoint is on disk, unless the disk is full. */
static void write_first(void)
{
    struct journal_stat stat;
    int turns = 0;
    data.is_hasty = true;
    data_turn();
    journal_stat(data.journal, &stat);
    while (keeper_is_busy(data.keeper) && stat.state == JOURNAL_OK) {
        SIM_REQUIRE(++turns < TURNS_MAX, "the broker is never ready");
        if (data_deadline_ms() != NEVER && data_deadline_ms() > sim.now_ms)
            sim.now_ms = data_deadline_ms();
        data_turn();
        journal_stat(data.journal, &stat);
    }
    data.is_hasty = false;
}

void data_begin(struct engine **ret_engine, struct model **ret_model)
{
    struct recover_found found;
    if (!sim.climate.is_durable) {
        *ret_engine = data_new_engine();
        *ret_model = model_new(&sim.climate.engine, sim.now_ms);
        return;
    }
    data.is_broken = false;
    data.dies_ms = NEVER;
    data.facts_max = UINT64_MAX;
    if (chance_percent(5))
        data_try_harm();
    data.engine = *ret_engine = read_back(&found);
    uint64_t number = found.sequence - 1;
    sim_say("the log is read back: segments %" PRIu64 " to %" PRIu64 ", up to group %" PRIu64, found.first,
            found.last, number);
    data.model = *ret_model = model_of(number, &found);
    SIM_REQUIRE(engine_begin(data.engine, sim.now_ms), "out of memory");
    engine_check(data.engine);
    model_adopt(data.model, data.engine);
    sim_restore_tags(number);
    keep_only(number);
    begin_writing(&found);
    write_first();
}

void data_open(void)
{
    if (!sim.climate.is_durable)
        return;
    data = (struct data){
        .fake = fake_disk_new(), .facts_max = UINT64_MAX, .dies_ms = NEVER, .told = {NEVER, NEVER}};
    data.disk = fake_disk_calls(data.fake);
    struct model *m = model_new(&sim.climate.engine, sim.now_ms);
    m->on_stored = sim_item_stored;
    m->on_done = sim_item_done;
    data.groups = sim_alloc(sizeof *data.groups);
    data.groups[0] = (struct group){.number = 0, .copy = m};
    data.group_count = data.group_room = 1;
}

void data_close(void)
{
    if (!sim.climate.is_durable)
        return;
    data_forget_before(UINT64_MAX);
    free(data.groups);
    free(data.checkpoints);
    fake_disk_free(data.fake);
    data = (struct data){.fake = NULL};
}
