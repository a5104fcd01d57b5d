/* main.c - mq-broker: options -> log -> engine -> loop -> exit code. */
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "engine.h"
#include "log.h"
#include "loop.h"
#include "machine.h"
#include "options.h"

extern char **environ;

enum { DESCRIPTORS_SPARE = 256 }; /* for the broker itself and for connections without a session */

static struct engine *make_engine(const struct options *options, uint32_t descriptors)
{
    struct engine_options engine;
    engine_options_default(&engine);
    engine.memory_limit = options->memory_limit;
    engine.body_max = (uint32_t)options->body_max;
    engine.resume_grace_ms = options->resume_grace_ms;
    engine.remember_ms = options->remember_ms;
    engine.auto_create = options->auto_create;
    engine.first_item = machine_first_item();
    engine.pid = (uint64_t)getpid();
    uint32_t sessions_max =
        descriptors > 2 * DESCRIPTORS_SPARE ? descriptors - DESCRIPTORS_SPARE : descriptors / 2;
    if (engine.sessions_max > sessions_max)
        engine.sessions_max = sessions_max;
    return machine_random(&engine.hash_seed) ? engine_new(&engine, machine_clock_ms()) : NULL;
}

static int run(const struct options *options)
{
    struct log log;
    struct loop *loop = NULL;
    char error[OPTIONS_ERROR_MAX] = "out of memory";
    enum loop_result result = LOOP_INTERNAL;
    log_init(&log, STDERR_FILENO, options->log_level, options->log_format);
    uint32_t descriptors = machine_raise_descriptors(MQ_SESSIONS_MAX + DESCRIPTORS_SPARE);
    struct engine *engine = make_engine(options, descriptors);
    if (engine)
        result = loop_new(options, descriptors, engine, &log, &loop, error);
    if (result == LOOP_OK) {
        printf("mq-broker ready %s\n", loop_endpoints(loop));
        fflush(stdout);
        log_event(&log, LOG_INFO, "ready",
                  LOG_FIELDS(log_text("version", MQ_VERSION), log_text("endpoints", loop_endpoints(loop)),
                             log_number("memory_limit", options->memory_limit),
                             log_number("descriptors", descriptors)));
        sd_notify(0, "READY=1");
        loop_run(loop);
        sd_notify(0, "STOPPING=1");
    } else {
        fprintf(stderr, "mq-broker: %s\n", error);
    }
    loop_free(loop);
    engine_free(engine);
    log_done(&log);
    return (int)result;
}

int main(int argc, char **argv)
{
    struct options options;
    char error[OPTIONS_ERROR_MAX];
    if (!options_parse(&options, argc, argv, environ, error)) {
        fprintf(stderr, "mq-broker: %s\n", error);
        return LOOP_BAD_CONFIGURATION;
    }
    if (options.action == OPTIONS_HELP) {
        fputs(options_help(), stdout);
        return 0;
    }
    if (options.action == OPTIONS_VERSION) {
        puts("mq-broker " MQ_VERSION);
        return 0;
    }
    if (options.action != OPTIONS_RUN || options.data[0]) {
        fprintf(stderr, "mq-broker: data directories are not there yet\n");
        return LOOP_BAD_CONFIGURATION;
    }
    if (!options.memory_limit)
        options.memory_limit = machine_memory() / 2;
    return run(&options);
}
