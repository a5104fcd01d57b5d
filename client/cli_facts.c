/* cli_facts.c - see cli_facts.h. */
#include "cli_facts.h"
#include "proto.h"

#include <math.h>

const char *cli_queue_state(const struct mqc_queue_stat *stat)
{
    if (stat->is_immediate)
        return "shut_down_immediate";
    return stat->is_shut_down ? "shut_down" : "open";
}

struct number {
    const char *name;
    uint64_t value;
};

static int add_numbers(json_t *facts, const struct number *numbers, size_t count)
{
    int bad = 0;
    for (size_t i = 0; i < count; i++)
        bad |= json_object_set_new(facts, numbers[i].name, json_integer((json_int_t)numbers[i].value));
    return bad;
}

/* An average since the beginning, with one decimal. */
static int add_rate(json_t *facts, const char *name, uint64_t count, uint64_t time_ms)
{
    double rate = time_ms ? (double)count * 1000 / (double)time_ms : 0;
    return json_object_set_new(facts, name, json_real(round(rate * 10) / 10));
}

static json_t *checked(json_t *facts, int bad)
{
    if (!bad)
        return facts;
    json_decref(facts);
    return NULL;
}

json_t *cli_queue_facts(const struct mqc_queue_stat *s)
{
    json_t *facts =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "name", s->name, "kind", mq_kind_name(s->kind), "state",
                  cli_queue_state(s), "maxsize", (json_int_t)s->maxsize, "lease_ms", (json_int_t)s->lease_ms,
                  "transient", s->is_transient);
    const struct number numbers[] = {
        {"size", s->size},
        {"leased", s->leased},
        {"unfinished", s->unfinished},
        {"bytes", s->bytes},
        {"getters", s->getters},
        {"putters", s->putters},
        {"joiners", s->joiners},
        {"puts", s->puts},
        {"gets", s->gets},
        {"done", s->done},
        {"redelivered", s->redelivered},
        {"returned", s->returned},
        {"discarded", s->discarded},
        {"age_ms", s->age_ms},
        {"oldest_ms", s->oldest_ms},
    };
    int bad = add_numbers(facts, numbers, sizeof numbers / sizeof *numbers);
    bad |= add_rate(facts, "puts_per_second", s->puts, s->age_ms);
    bad |= add_rate(facts, "gets_per_second", s->gets, s->age_ms);
    bad |= add_rate(facts, "done_per_second", s->done, s->age_ms);
    return checked(facts, bad);
}

json_t *cli_broker_facts(const struct mqc_broker_stat *s)
{
    json_t *facts = json_pack("{s:s, s:s, s:s}", "version", s->version, "sync", s->sync, "data", s->data);
    const struct number numbers[] = {
        {"uptime_ms", s->uptime_ms},
        {"pid", s->pid},
        {"queues", s->queues},
        {"sessions", s->sessions},
        {"connected", s->connected},
        {"size", s->ready},
        {"leased", s->leased},
        {"waiting", s->waiting},
        {"puts", s->puts},
        {"gets", s->gets},
        {"done", s->done},
        {"redelivered", s->redelivered},
        {"returned", s->returned},
        {"discarded", s->discarded},
        {"repeats", s->repeats},
        {"sessions_lost", s->sessions_lost},
        {"forgotten", s->forgotten},
        {"memory", s->memory},
        {"memory_limit", s->memory_limit},
        {"body_max", s->body_max},
        {"queues_max", s->queues_max},
        {"sessions_max", s->sessions_max},
        {"items_max", s->items_max},
        {"frame_max", s->frame_max},
        {"waiting_max", s->waiting_max},
        {"unconfirmed_max", s->unconfirmed_max},
        {"in_flight_max", s->in_flight_max},
        {"resume_grace_ms", s->resume_grace_ms},
        {"remember_ms", s->remember_ms},
        {"sync_interval_ms", s->sync_interval_ms},
        {"log_segments", s->log_segments},
        {"log_bytes", s->log_bytes},
        {"unsafe_bytes", s->unsafe_bytes},
        {"live_bytes", s->live_bytes},
        {"shelved", s->shelved},
        {"shelved_items", s->shelved_items},
    };
    int bad = add_numbers(facts, numbers, sizeof numbers / sizeof *numbers);
    bad |= add_rate(facts, "puts_per_second", s->puts, s->uptime_ms);
    bad |= add_rate(facts, "gets_per_second", s->gets, s->uptime_ms);
    bad |= add_rate(facts, "done_per_second", s->done, s->uptime_ms);
    return checked(facts, bad);
}
