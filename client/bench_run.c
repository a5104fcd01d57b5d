/* bench_run.c - see bench_run.h. The director does no work while it is measured: every few milliseconds it
 * looks how far the others are. */
#include "bench_run.h"
#include "bench_crew.h"
#include "bench_machine.h"
#include "bench_queue.h"
#include "cli_progress.h"
#include "cli_signals.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

enum { LOOK_MS = 5, SAMPLE_EVERY = 10, STALL_MS = 1000 };

struct director {
    struct cli *cli;
    struct bench_floor *floor;
    struct bench_outcome *outcome;
    struct bench_machine broker;
    struct cli_progress progress;
    unsigned looks;
    uint64_t last_done, moved_ns; /* when `done` was seen to change */
    uint64_t shown_done, shown_ns;
    bool is_interrupted;
};

static void sample_memory(struct director *d)
{
    uint64_t rss = bench_machine_rss(&d->broker);
    if (rss > d->outcome->rss_peak)
        d->outcome->rss_peak = rss;
}

static const char *phase_word(const struct bench_phase *phase)
{
    static const char *const words[] = {"warming up", "measuring", "filling", "draining"};
    return words[phase->kind];
}

static void show_progress(struct director *d, const struct bench_phase *phase)
{
    if (!cli_progress_is_due(&d->progress))
        return;
    uint64_t now_ns = bench_now_ns();
    uint64_t put = 0, done = phase->done;
    for (unsigned i = 0; i < bench_putters(&d->floor->options); i++)
        put += d->floor->workers[i].items;
    uint64_t moving = phase->kind == BENCH_PUTS ? put : done;
    double seconds = (double)(now_ns - d->shown_ns) / 1e9;
    double rate = moving > d->shown_done && seconds > 0 ? (double)(moving - d->shown_done) / seconds : 0;
    cli_progress_show(&d->progress, "%s %.1f s: %" PRIu64 " put, %" PRIu64 " done, %.0f items/s",
                      phase_word(phase), (double)(now_ns - phase->start_ns) / 1e9, put, done, rate);
    d->shown_done = moving;
    d->shown_ns = now_ns;
}

/* Nothing is being done, and the broker has nothing left: what is missing will not come. */
static void look_for_loss(struct director *d, struct bench_phase *phase)
{
    uint64_t done = phase->done, target = phase->target, now_ns = bench_now_ns();
    if (done != d->last_done || target == UINT64_MAX || phase->kind == BENCH_PUTS || done >= target) {
        d->last_done = done;
        d->moved_ns = now_ns;
        return;
    }
    if (now_ns - d->moved_ns < (uint64_t)STALL_MS * 1000000)
        return;
    d->moved_ns = now_ns;
    struct mqc_queue_stat stat;
    enum mq_status status = mqc_stat(d->cli->queue, &stat);
    if (status != MQ_OK)
        bench_floor_fail(d->floor, status, "%s", cli_reason(d->cli, status));
    else if (stat.unfinished == 0 && phase->done < target)
        bench_floor_fail(d->floor, MQ_CLOSED, "%" PRIu64 " of %" PRIu64 " items were lost",
                         target - phase->done, target);
}

static void look(struct director *d, struct bench_phase *phase)
{
    struct pollfd signals = {.fd = cli_signals_fd(), .events = POLLIN};
    poll(&signals, 1, LOOK_MS);
    if (cli_interrupted()) {
        d->is_interrupted = true;
        d->floor->stops = true;
    }
    bench_crews_look(d->floor);
    if (!phase)
        return;
    if (d->looks++ % SAMPLE_EVERY == 0)
        sample_memory(d);
    show_progress(d, phase);
    look_for_loss(d, phase);
    if (phase->end_ns) {
        d->floor->is_over = true;
        bench_crews_interrupt(d->floor);
    }
}

/* Opens a gate; returns when every crew has reported, or the run is given up. */
static void let_crews(struct director *d, unsigned gate, struct bench_phase *phase)
{
    struct bench_floor *floor = d->floor;
    unsigned reported = 0;
    for (unsigned i = 0; i < floor->crew_count; i++)
        sem_post(&floor->gates[gate]);
    while (reported < floor->crew_count && !floor->stops)
        if (sem_trywait(&floor->reported) == 0)
            reported++;
        else
            look(d, phase);
}

static void run_phase(struct director *d, unsigned index)
{
    struct bench_floor *floor = d->floor;
    struct bench_phase *phase = &floor->phases[index];
    const struct bench_options *o = &floor->options;
    uint64_t before_ns = 0, after_ns = 0;
    int64_t duration_ms = phase->kind == BENCH_WARM_UP ? o->warm_up_ms : o->duration_ms;
    floor->is_over = false;
    bool knows = bench_machine_cpu_ns(&d->broker, &before_ns);
    phase->start_ns = d->shown_ns = d->moved_ns = bench_now_ns();
    phase->deadline_ns = phase->start_ns + (uint64_t)duration_ms * 1000000;
    d->shown_done = d->last_done = 0;
    if (phase->kind == BENCH_GETS)
        phase->target = floor->phases[index - 1].target;
    let_crews(d, index + 1, phase);
    if (phase->kind == BENCH_WARM_UP)
        return;
    knows = knows && bench_machine_cpu_ns(&d->broker, &after_ns);
    d->outcome->knows_broker_cpu = knows;
    d->outcome->broker_cpu_ns += knows ? after_ns - before_ns : 0;
    sample_memory(d);
    d->outcome->rss_end = bench_machine_rss(&d->broker);
    if (phase->kind == BENCH_PUTS)
        d->outcome->rss_full = d->outcome->rss_end;
}

static void run_phases(struct director *d)
{
    let_crews(d, 0, NULL); /* the queue is there: they open their clients */
    for (unsigned i = 0; i < d->floor->phase_count && !d->floor->stops; i++) {
        if (d->floor->phases[i].kind != BENCH_WARM_UP && d->outcome->rss_before == 0)
            d->outcome->rss_before = bench_machine_rss(&d->broker);
        run_phase(d, i);
    }
    cli_progress_done(&d->progress);
}

/* Why the run was given up. */
static int give_up(const struct director *d)
{
    uint64_t done = 0;
    for (unsigned i = 0; i < d->floor->phase_count; i++)
        done += d->floor->phases[i].done;
    if (d->is_interrupted) {
        cli_error(d->cli, "interrupted; %" PRIu64 " items were put, got and done", done);
        return CLI_INTERRUPTED;
    }
    cli_error(d->cli, "%s", d->floor->is_told ? d->floor->text : "given up");
    return cli_exit_code(d->floor->status);
}

static int direct(struct director *d)
{
    struct mqc_broker_stat stat;
    enum mq_status status = mqc_broker_stat(d->cli->mqc, &stat);
    if (status != MQ_OK)
        return cli_fail(d->cli, status);
    snprintf(d->outcome->version, sizeof d->outcome->version, "%s", stat.version);
    bench_machine_init(&d->broker, &stat);
    cli_progress_init(&d->progress, d->cli);
    cli_signals_collect();
    run_phases(d);
    bench_crews_end(d->floor);
    if (d->floor->stops)
        return give_up(d);
    bench_outcome_gather(d->floor, d->outcome);
    return bench_outcome_judge(d->cli, d->floor, d->outcome);
}

int bench_run(struct cli *cli, struct bench_floor *floor, struct bench_outcome *ret_outcome)
{
    struct director d = {.cli = cli, .floor = floor, .outcome = ret_outcome};
    bool is_ours = false;
    *ret_outcome = (struct bench_outcome){0};
    int code = cli_connect(cli);
    if (code == CLI_OK)
        code = bench_queue_open(cli, &floor->options, &is_ours);
    if (code == CLI_OK)
        code = direct(&d);
    floor->stops = true;
    bench_crews_end(floor);
    return bench_queue_leave(cli, &floor->options, is_ours, code);
}
