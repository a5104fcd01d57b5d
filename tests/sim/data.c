/* data.c - see data.h: turns of keeper, journal and hands, groups and their copies of the model, faults. What
 * a restart is, is in data_restart.c. */
#include "data_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct data data;

/* ---- groups ---- */

static void add_group(struct model *m)
{
    if (data.group_count == data.group_room) {
        data.group_room = 2 * data.group_room + 16;
        data.groups = realloc(data.groups, data.group_room * sizeof *data.groups);
        SIM_REQUIRE(data.groups, "out of memory");
    }
    data.groups[data.group_count++] = (struct group){.number = m->group,
                                                     .position = facts_position(engine_facts(data.engine)),
                                                     .told = data.told,
                                                     .copy = model_copy(m)};
    data.told = (struct told){NEVER, NEVER};
}

struct group *data_group(uint64_t number)
{
    for (size_t i = 0; i < data.group_count; i++)
        if (data.groups[i].number == number)
            return &data.groups[i];
    return NULL;
}

/* No restart will end with one of those before this one. */
void data_forget_before(uint64_t number)
{
    size_t gone = 0;
    while (gone < data.group_count && data.groups[gone].number < number)
        model_free(data.groups[gone++].copy);
    data.group_count -= gone;
    memmove(data.groups, data.groups + gone, data.group_count * sizeof *data.groups);
}

uint64_t data_safe(void)
{
    if (!sim.climate.is_durable)
        return UINT64_MAX;
    uint64_t safe = keeper_safe(data.keeper, sim.now_ms);
    data.model->safe = safe == UINT64_MAX ? UINT64_MAX : data.groups[0].number;
    for (size_t i = 0; safe != UINT64_MAX && i < data.group_count && data.groups[i].position <= safe; i++)
        data.model->safe = data.groups[i].number;
    SIM_REQUIRE(safe == UINT64_MAX ? sim.climate.sync_interval_ms > 0 : data.model->safe <= data.synced,
                "group %" PRIu64 " is called safe, %" PRIu64 " is synced", data.model->safe, data.synced);
    return safe;
}

void data_told(uint64_t number)
{
    struct group *group = sim.climate.is_durable ? data_group(number) : NULL;
    struct told *told = group ? &group->told : &data.told;
    if (!sim.climate.is_durable || (!group && number != data.model->group))
        return;
    told->first_ms = told->first_ms == NEVER ? sim.now_ms : told->first_ms;
    told->last_ms = sim.now_ms;
}

/* ---- what keeper and engine say to each other ---- */

static bool is_short(void)
{
    size_t facts = facts_size(engine_facts(data.engine)),
           cost = item_cost(sim.climate.body_max, MODEL_KEY_SIZE);
    return facts > sim.climate.backlog_max || facts + cost + 2 * FACT_SIZE_MAX > data.facts_max;
}

void __real_engine_taken(struct engine *e, uint64_t now_ms);
void __wrap_engine_taken(struct engine *e, uint64_t now_ms);
void __wrap_engine_taken(struct engine *e, uint64_t now_ms)
{
    model_clock(data.model, now_ms);
    sim_say("group %" PRIu64 " is taken", data.model->group);
    add_group(data.model);
    data.is_short = is_short();
    model_taken(data.model, data.is_short);
    __real_engine_taken(e, now_ms);
}

bool __real_engine_checkpoint(struct engine *e, uint64_t segment, uint64_t first);
bool __wrap_engine_checkpoint(struct engine *e, uint64_t segment, uint64_t first);
bool __wrap_engine_checkpoint(struct engine *e, uint64_t segment, uint64_t first)
{
    if (segment >= data.checkpoint_room) {
        data.checkpoint_room = 2 * segment + 16;
        data.checkpoints = realloc(data.checkpoints, data.checkpoint_room * sizeof *data.checkpoints);
        SIM_REQUIRE(data.checkpoints, "out of memory");
    }
    sim_say("segment %" PRIu64 " begins, the first one is %" PRIu64, segment, first);
    model_checkpoint(data.model);
    data.checkpoints[segment] = data.model->turn;
    return __real_engine_checkpoint(e, segment, first);
}

void __real_engine_refuse_puts(struct engine *e, uint64_t now_ms, const char *why);
void __wrap_engine_refuse_puts(struct engine *e, uint64_t now_ms, const char *why);
void __wrap_engine_refuse_puts(struct engine *e, uint64_t now_ms, const char *why)
{
    model_clock(data.model, now_ms);
    sim_say("puts are %srefused: %s", why ? "" : "not ", why ? why : "");
    model_refuse_puts(data.model, why != NULL);
    __real_engine_refuse_puts(e, now_ms, why);
}

void __real_engine_fail(struct engine *e, uint64_t now_ms, const char *why);
void __wrap_engine_fail(struct engine *e, uint64_t now_ms, const char *why);
void __wrap_engine_fail(struct engine *e, uint64_t now_ms, const char *why)
{
    model_clock(data.model, now_ms);
    sim_say("%s", why);
    SIM_REQUIRE(data.is_broken, "%s, but the disk is well", why);
    data.dies_ms = sim.now_ms + chance_below(3000);
    model_fail(data.model);
    __real_engine_fail(e, now_ms, why);
}

/* How much has not been taken away is looked at between events only: what an event adds, no model can know.
 */
/* The engine itself hears only that it is more. */
void __real_engine_limit_facts(struct engine *e, uint64_t now_ms, uint64_t size);
void __wrap_engine_limit_facts(struct engine *e, uint64_t now_ms, uint64_t size);
void __wrap_engine_limit_facts(struct engine *e, uint64_t now_ms, uint64_t size)
{
    bool is_more = size > data.facts_max;
    data.facts_max = size;
    if (is_more) {
        data.is_short = is_short();
        model_clock(data.model, now_ms);
        model_limit_facts(data.model, data.is_short);
    }
    __real_engine_limit_facts(e, now_ms, size + UINT32_MAX);
}

const char *__real_safe_put_refusal(const struct engine *e, const struct queue *q, size_t cost);
const char *__wrap_safe_put_refusal(const struct engine *e, const struct queue *q, size_t cost);
const char *__wrap_safe_put_refusal(const struct engine *e, const struct queue *q, size_t cost)
{
    const char *why = __real_safe_put_refusal(e, q, cost);
    return !why && data.is_short && note_is_of(e, q) ? "too much is not yet on disk" : why;
}

/* ---- hands ---- */

/* After a failure nothing becomes safe any more, whatever reaches the disk. */
static void note_written(const struct journal_job *job)
{
    struct journal_stat stat;
    if (job->error)
        return;
    if (job->work == JOURNAL_WRITE)
        data.written = job->group.sequence;
    if (job->work == JOURNAL_SYNC || (job->work == JOURNAL_WRITE && job->sync))
        data.synced = data.written;
    journal_stat(data.journal, &stat);
    if (stat.state != JOURNAL_FAILED)
        data_forget_before(data.synced);
}

void data_do(struct hand *hand)
{
    journal_do(&data.disk, &hand->open, &hand->job);
}

static void finish_job(enum journal_hand which)
{
    struct hand *hand = &data.hands[which];
    data_do(hand);
    hand->is_busy = false;
    if (hand->job.error)
        sim_say("job %d fails: %s", hand->job.work, strerror(-hand->job.error));
    note_written(&hand->job);
    journal_job_done(data.journal, sim.now_ms, which, &hand->job);
}

static void hands_turn(void)
{
    journal_tick(data.journal, sim.now_ms);
    for (enum journal_hand i = JOURNAL_WRITER; i < JOURNAL_HANDS; i++)
        if (data.hands[i].is_busy && data.hands[i].done_ms <= sim.now_ms)
            finish_job(i);
    for (enum journal_hand i = JOURNAL_WRITER; i < JOURNAL_HANDS; i++) {
        struct hand *hand = &data.hands[i];
        if (hand->is_busy || !journal_next_job(data.journal, i, &hand->job))
            continue;
        sim_say("job %d begins", hand->job.work);
        hand->is_busy = true;
        hand->done_ms = sim.now_ms + (data.is_hasty ? 0 : chance_below(sim.climate.disk_max_ms + 1));
    }
    journal_check(data.journal);
}

/* ---- turns ---- */

void data_turn(void)
{
    if (!sim.climate.is_durable)
        return;
    hands_turn();
    keeper_turn(data.keeper, sim.now_ms);
    hands_turn();
}

void data_event_begins(void)
{
    if (!sim.climate.is_durable)
        return;
    const struct facts *facts = engine_facts(data.engine);
    data.is_short = is_short();
    data.model->is_short = data.is_short;
    data.model->has_facts = facts->is_on && facts_are_there(facts);
}

void data_event_ends(void)
{
    if (!sim.climate.is_durable || data.model->has_failed)
        return;
    bool has_facts = facts_are_there(engine_facts(data.engine));
    SIM_REQUIRE(has_facts == data.model->has_facts, "there are %sfacts", has_facts ? "" : "no ");
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t data_deadline_ms(void)
{
    if (!sim.climate.is_durable)
        return NEVER;
    uint64_t due = earlier(journal_deadline_ms(data.journal), keeper_deadline_ms(data.keeper));
    for (enum journal_hand i = JOURNAL_WRITER; i < JOURNAL_HANDS; i++)
        if (data.hands[i].is_busy)
            due = earlier(due, data.hands[i].done_ms);
    return earlier(due, data.dies_ms);
}

bool data_is_dying(void)
{
    return sim.climate.is_durable && data.dies_ms <= sim.now_ms;
}

/* ---- faults ---- */

bool data_is_broken(void)
{
    return sim.climate.is_durable && data.is_broken;
}

void data_break_disk(void)
{
    static const unsigned calls[] = {
        FAKE_ANY,  FAKE_SYNC,   FAKE_WRITE, FAKE_SYNC | FAKE_WRITE | FAKE_SYNC_NAMES,
        FAKE_OPEN, FAKE_READ,   FAKE_CUT,   FAKE_RENAME,
        FAKE_LIST, FAKE_REMOVE, FAKE_CLOSE, FAKE_SYNC_NAMES};
    if (!sim.climate.is_durable)
        return;
    unsigned failing = calls[chance_below(sizeof calls / sizeof *calls)];
    sim_say("the disk breaks: calls %x", failing);
    data.is_broken = sim.may_forget = true;
    fake_disk_fail(data.fake, failing, chance_between(1, 10), EIO, chance_percent(50));
}

void data_fill_disk(void)
{
    uint64_t segment = sim.climate.segment_size;
    if (!sim.climate.is_durable)
        return;
    uint64_t limit = fake_disk_used(data.fake) + chance_below(3 * segment);
    sim_say("the disk is full with %" PRIu64 " bytes", limit);
    fake_disk_limit(data.fake, limit);
}

void data_make_room(void)
{
    if (!sim.climate.is_durable)
        return;
    sim_say("there is room on the disk");
    fake_disk_limit(data.fake, 0);
}
