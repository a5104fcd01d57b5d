/* bench_outcome.c - what all workers together have measured, and whether every item was as it should be. */
#include "bench_run.h"

#include <inttypes.h>

static uint64_t least(uint64_t a, uint64_t b)
{
    return a && a < b ? a : b;
}

static uint64_t span(uint64_t first_ns, uint64_t last_ns)
{
    return last_ns > first_ns ? last_ns - first_ns : 0;
}

static void gather_times(const struct bench_floor *floor, struct bench_outcome *out)
{
    const struct bench_phase *last = &floor->phases[floor->phase_count - 1];
    uint64_t put_ns = UINT64_MAX, got_ns = UINT64_MAX, stored_ns = 0;
    for (unsigned i = 0; i < floor->worker_count; i++) {
        const struct bench_worker *w = &floor->workers[i];
        uint64_t *first = w->is_producer ? &put_ns : &got_ns;
        *first = least(w->first_ns, *first);
        if (w->is_producer && w->last_ns > stored_ns)
            stored_ns = w->last_ns;
    }
    out->put_ns = span(put_ns, stored_ns);
    if (last->kind == BENCH_GETS) {
        out->get_ns = span(last->start_ns, last->end_ns);
        out->run_ns = out->put_ns + out->get_ns;
    } else if (last->kind == BENCH_PUTS) {
        out->run_ns = out->put_ns;
    } else {
        out->get_ns = span(got_ns, last->end_ns);
        out->run_ns = span(put_ns, last->end_ns);
    }
}

void bench_outcome_gather(const struct bench_floor *floor, struct bench_outcome *out)
{
    const struct bench_phase *last = &floor->phases[floor->phase_count - 1];
    out->items = last->target;
    gather_times(floor, out);
    for (unsigned i = 0; i < floor->worker_count; i++) {
        const struct bench_worker *w = &floor->workers[i];
        histogram_merge(w->is_producer ? &out->put : &out->handoff, &w->latency);
        histogram_merge(&out->done, &w->done_latency);
        bench_findings_add(&out->findings, &w->findings);
        *(w->is_producer ? &out->put_requests : &out->get_requests) += w->requests;
        if (w->is_producer && floor->options.consumers)
            out->lost += bench_tally_lost(&last->tally, w->index, w->items);
    }
    for (unsigned i = 0; i < floor->crew_count; i++) {
        const struct bench_crew *crew = &floor->crews[i];
        *(crew->is_producer ? &out->producers_cpu_ns : &out->consumers_cpu_ns) += crew->cpu_ns;
    }
}

/* The broker's own count is asked, too: what is left there was put and not got, or came back. */
int bench_outcome_judge(struct cli *cli, const struct bench_floor *floor, const struct bench_outcome *out)
{
    const struct bench_findings *f = &out->findings;
    struct mqc_queue_stat stat;
    enum mq_status status = mqc_stat(cli->queue, &stat);
    if (status != MQ_OK)
        return cli_fail(cli, status);
    uint64_t left = floor->options.consumers ? 0 : out->items;
    if (out->items == 0) {
        cli_error(cli, "no item was put in that time");
        return CLI_INTERNAL;
    }
    if (out->lost || f->doubled || f->corrupt || f->foreign || f->misordered || stat.unfinished != left) {
        cli_error(
            cli,
            "wrong: of %" PRIu64 " items %" PRIu64 " lost, %" PRIu64 " doubled, %" PRIu64 " corrupt, %" PRIu64
            " of another run, %" PRIu64 " out of order; %" PRIu64 " in the queue, not %" PRIu64,
            out->items, out->lost, f->doubled, f->corrupt, f->foreign, f->misordered, stat.unfinished, left);
        return CLI_INTERNAL;
    }
    return CLI_OK;
}
