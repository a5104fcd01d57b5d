/* bench_report.h - what came of a run, for people, as JSON and as CSV. */
#ifndef MQ_BENCH_REPORT_H
#define MQ_BENCH_REPORT_H

#include "bench_run.h"

/* Writes it to stdout as was asked for. CLI_OK; CLI_IO_ERROR, reported. */
int bench_report(const struct cli *cli, const struct bench_floor *floor, const struct bench_outcome *out);

#endif
