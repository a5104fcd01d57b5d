/* cmd_bench.c - mq bench. Reading order: bench_options.h, bench_floor.h, bench_run.c, bench_crew.c,
 * bench_producer.c and bench_consumer.c, bench_report.c. */
#include "bench_crew.h"
#include "bench_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int run_and_report(struct cli *cli, struct bench_floor *floor)
{
    struct bench_outcome *outcome = malloc(sizeof *outcome);
    if (!outcome)
        return cli_fail(cli, MQ_NO_MEMORY);
    int code = bench_run(cli, floor, outcome);
    if (code == CLI_OK)
        code = bench_report(cli, floor, outcome);
    free(outcome);
    return code;
}

static int run(struct cli *cli)
{
    struct bench_options options;
    int64_t connect_timeout_ms = 5000;
    int code = bench_options_read(cli, &options);
    if (code == CLI_OK)
        code = cli_duration_value(cli, CLI_LONG_CONNECT_TIMEOUT, &connect_timeout_ms);
    if (code != CLI_OK)
        return code;
    struct bench_floor *floor = bench_floor_new(&options);
    if (!floor) {
        cli_error(cli, "cannot get shared memory: %s", strerror(errno));
        return CLI_TEMPORARY;
    }
    floor->endpoint = cli->values['s'] ? cli->values['s'] : getenv("MQ_SERVER");
    floor->connect_timeout_ms = connect_timeout_ms;
    if (bench_crews_start(floor)) {
        code = run_and_report(cli, floor);
    } else {
        cli_error(cli, "cannot start a process: %s", strerror(errno));
        code = CLI_TEMPORARY;
    }
    bench_floor_free(floor);
    return code;
}

const struct cli_command cmd_bench = {
    .name = "bench",
    .run = run,
    .line = "measure how fast items go through the broker, and check each",
    .operands = "[OPTION...]",
    .options = bench_option_list,
    .details =
        "Each body says who put it as which and when, and has a checksum. It is an error if one is lost,\n"
        "comes twice, has changed, or, from a FIFO to one consumer, is out of order. Latencies: of a put\n"
        "until its answer; hand-off, from the beginning of the put until the get has it; of a task_done\n"
        "until its answer. With --rate they begin when the put was due. They are sorted into buckets\n"
        "narrower than 1 %. What the broker costs is known only on its own machine.",
    .example = "mq bench --count 10000 --warm-up 50ms\n"
               "mq bench --count 1000 --sync --json",
};
