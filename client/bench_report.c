/* bench_report.c - see bench_report.h. The facts are listed once, as a JSON object in the order to be shown.
 */
#include "bench_report.h"
#include "cli_output.h"
#include "proto.h"

#include <inttypes.h>
#include <errno.h>
#include <stdlib.h>

enum { MEBI = 1 << 20, FIGURES = 9 };

static json_t *known(bool is_known, double value)
{
    return is_known ? json_real(value) : json_null();
}

static json_t *whole(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static double per_second(uint64_t count, uint64_t time_ns)
{
    return time_ns ? (double)count * 1e9 / (double)time_ns : 0;
}

struct facts {
    json_t *object;
    bool is_bad; /* out of memory */
};

static void add(struct facts *facts, const char *name, json_t *value)
{
    facts->is_bad |= json_object_set_new(facts->object, name, value) != 0;
}

static void add_setting(struct facts *facts, const struct bench_options *o, const char *endpoint)
{
    bool is_auto = o->mode == BENCH_AUTO;
    unsigned clients = o->threads ? 1 : o->producers;
    add(facts, "server", endpoint ? json_string(endpoint) : json_null());
    add(facts, "mode", json_string(bench_mode_name(o->mode)));
    add(facts, "producers", whole(o->producers));
    add(facts, "consumers", whole(o->consumers));
    add(facts, "workers", json_string(o->threads ? "threads" : "processes"));
    add(facts, "kind", json_string(mq_kind_name(o->kind)));
    add(facts, "size", whole(o->size));
    add(facts, "batch", is_auto ? json_string("auto") : whole(o->batch));
    add(facts, "in_flight", whole(is_auto ? clients * o->window : bench_putters(o) * o->batch));
    add(facts, "fetched_ahead", whole(is_auto ? o->window : 0));
    add(facts, "rate", o->rate > 0 ? json_real(o->rate) : json_null());
    add(facts, "fill", json_boolean(o->fill));
    add(facts, "maxsize", whole((uint64_t)(o->maxsize > 0 ? o->maxsize : 0)));
    add(facts, "warm_up_s", json_real((double)o->warm_up_ms / 1e3));
}

static void add_latency(struct facts *facts, const char *name, const struct histogram *h)
{
    static const struct {
        const char *name;
        double share;
    } points[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s_%s_us", name, points[i].name);
        add(facts, key, known(h->count > 0, (double)histogram_quantile_ns(h, points[i].share) / 1e3));
    }
}

/* Seconds of CPU per million items are microseconds per item. */
static json_t *cpu(bool is_known, uint64_t cpu_ns, uint64_t items)
{
    return known(is_known, (double)cpu_ns / 1e3 / (double)items);
}

static json_t *memory(uint64_t size)
{
    return known(size > 0, (double)size / MEBI);
}

static void add_costs(struct facts *facts, const struct bench_outcome *out)
{
    add(facts, "broker_cpu_s_per_million", cpu(out->knows_broker_cpu, out->broker_cpu_ns, out->items));
    add(facts, "clients_cpu_s_per_million",
        cpu(true, out->producers_cpu_ns + out->consumers_cpu_ns, out->items));
    add(facts, "producers_cpu_s_per_million", cpu(true, out->producers_cpu_ns, out->items));
    add(facts, "consumers_cpu_s_per_million", cpu(out->get_ns > 0, out->consumers_cpu_ns, out->items));
    add(facts, "broker_rss_mb", memory(out->rss_end));
    add(facts, "broker_rss_peak_mb", memory(out->rss_peak));
    add(facts, "broker_rss_before_mb", memory(out->rss_before));
    add(facts, "broker_rss_full_mb", memory(out->rss_full));
}

static json_t *make_facts(const struct bench_floor *floor, const struct bench_outcome *out)
{
    const struct bench_options *o = &floor->options;
    struct facts facts = {.object = json_object()};
    bool gets = out->get_ns > 0, shows_requests = o->mode != BENCH_AUTO;
    add(&facts, "items_per_second", json_real(per_second(out->items, out->run_ns)));
    add(&facts, "puts_per_second", json_real(per_second(out->items, out->put_ns)));
    add(&facts, "gets_per_second", known(gets, per_second(out->items, out->get_ns)));
    add(&facts, "items", whole(out->items));
    add(&facts, "seconds", json_real((double)out->run_ns / 1e9));
    add_latency(&facts, "put", &out->put);
    add_latency(&facts, "handoff", &out->handoff);
    add_latency(&facts, "done", &out->done);
    add_costs(&facts, out);
    add(&facts, "items_per_put",
        known(shows_requests && out->put_requests, (double)out->items / (double)out->put_requests));
    add(&facts, "items_per_get",
        known(shows_requests && out->get_requests, (double)out->items / (double)out->get_requests));
    add_setting(&facts, o, floor->endpoint);
    add(&facts, "broker_version", json_string(out->version));
    add(&facts, "verified", json_true());
    if (!facts.is_bad)
        return facts.object;
    json_decref(facts.object);
    return NULL;
}

static void print_value(struct cli_output *out, const json_t *value)
{
    if (json_is_string(value))
        cli_output_print(out, "%s", json_string_value(value));
    else if (json_is_integer(value))
        cli_output_print(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        cli_output_print(out, "%.*g", FIGURES, json_real_value(value));
    else if (json_is_boolean(value))
        cli_output_print(out, "%s", json_is_true(value) ? "true" : "false");
}

/* cli_output_json() would show doubles in full. */
static void show_json(struct cli_output *out, json_t *facts)
{
    char *text = facts ? json_dumps(facts, JSON_COMPACT | JSON_REAL_PRECISION(FIGURES)) : NULL;
    cli_output_print(out, "%s\n", text ? text : "");
    if (!text)
        out->error = ENOMEM;
    free(text);
}

/* No name and no value has a comma in it, but perhaps the server's. What is not known is empty. */
static void show_csv(struct cli_output *out, json_t *facts)
{
    const char *key, *comma = "";
    json_t *value;
    json_object_foreach(facts, key, value)
    {
        cli_output_print(out, "%s%s", comma, key);
        comma = ",";
    }
    comma = "\n";
    json_object_foreach(facts, key, value)
    {
        cli_output_print(out, "%s", comma);
        print_value(out, value);
        comma = ",";
    }
    cli_output_print(out, "\n");
}

static void show_latency(struct cli_output *out, const char *name, const struct histogram *h)
{
    static const double shares[] = {0.5, 0.99, 0.999, 1};
    if (h->count == 0)
        return;
    cli_output_print(out, "%-12s", name);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        cli_output_print(out, " %11.1f", (double)histogram_quantile_ns(h, shares[i]) / 1e3);
    cli_output_print(out, "\n");
}

static void show_workload(struct cli_output *out, const struct bench_options *o)
{
    cli_output_print(out, "%u producer%s, %u consumer%s (%s), %s queue, bodies of %zu bytes, ", o->producers,
                     o->producers == 1 ? "" : "s", o->consumers, o->consumers == 1 ? "" : "s",
                     o->threads ? "threads" : "processes", mq_kind_name(o->kind), o->size);
    if (o->mode == BENCH_AUTO)
        cli_output_print(out, "batched by the library, window %zu", o->window);
    else if (o->mode == BENCH_BATCH)
        cli_output_print(out, "%zu a request, %u request%s in flight", o->batch, o->lanes,
                         o->lanes == 1 ? "" : "s");
    else
        cli_output_print(out, "one at a time%s", o->mode == BENCH_HANDOFF ? ", to a waiting get" : "");
    if (o->rate > 0)
        cli_output_print(out, ", %g a second", o->rate);
    cli_output_print(out, "%s\n", o->fill ? ", all puts first" : "");
}

static void show_costs(struct cli_output *out, const struct bench_outcome *o)
{
    double per_item = 1e3 * (double)o->items;
    cli_output_print(out, "CPU seconds per million items: ");
    if (o->knows_broker_cpu)
        cli_output_print(out, "broker %.3f, ", (double)o->broker_cpu_ns / per_item);
    else
        cli_output_print(out, "broker not known, ");
    cli_output_print(out, "producers %.3f", (double)o->producers_cpu_ns / per_item);
    if (o->get_ns)
        cli_output_print(out, ", consumers %.3f", (double)o->consumers_cpu_ns / per_item);
    if (!o->rss_end) {
        cli_output_print(out, "\nbroker memory: not known\n");
        return;
    }
    cli_output_print(out, "\nbroker memory: %.1f MiB, at most %.1f MiB, before %.1f MiB",
                     (double)o->rss_end / MEBI, (double)o->rss_peak / MEBI, (double)o->rss_before / MEBI);
    if (o->rss_full)
        cli_output_print(out, ", when full %.1f MiB", (double)o->rss_full / MEBI);
    cli_output_print(out, "\n");
}

static void show_text(struct cli_output *out, const struct bench_floor *floor, const struct bench_outcome *o)
{
    const struct bench_options *options = &floor->options;
    double rate = per_second(o->items, o->run_ns);
    show_workload(out, options);
    cli_output_print(out, "%.0f items/s, %.1f MiB/s: %" PRIu64 " items in %.3f s", rate,
                     rate * (double)options->size / MEBI, o->items, (double)o->run_ns / 1e9);
    if (options->consumers)
        cli_output_print(out, "; each was got once, whole%s",
                         options->kind == MQ_KIND_FIFO && bench_getters(options) == 1 ? ", in order" : "");
    cli_output_print(out, "\n");
    if (options->fill)
        cli_output_print(out, "%.0f puts/s, %.0f gets/s\n", per_second(o->items, o->put_ns),
                         per_second(o->items, o->get_ns));
    cli_output_print(out, "%-12s %11s %11s %11s %11s\n", "microseconds", "p50", "p99", "p99.9", "max");
    show_latency(out, "put", &o->put);
    show_latency(out, "hand-off", &o->handoff);
    show_latency(out, "task_done", &o->done);
    show_costs(out, o);
}

int bench_report(const struct cli *cli, const struct bench_floor *floor, const struct bench_outcome *out)
{
    struct cli_output output = {0};
    json_t *facts = make_facts(floor, out);
    if (cli->json) {
        show_json(&output, facts);
    } else if (floor->options.csv) {
        show_csv(&output, facts);
    } else {
        show_text(&output, floor, out);
    }
    json_decref(facts);
    return cli_output_finish(&output, cli);
}
