/* main.c - mq-broker: options -> log -> data -> engine -> loop -> exit code. */
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "data.h"
#include "engine.h"
#include "inspect.h"
#include "log.h"
#include "loop.h"
#include "machine.h"
#include "options.h"

extern char **environ;

enum { DESCRIPTORS_SPARE = 256 }; /* for the broker itself and for connections without a session */

/* All that is made at the start, in this order. */
struct broker {
    const struct options *options;
    struct log log;
    uint32_t descriptors;
    struct data *data; /* NULL: in memory only */
    struct engine *engine;
    struct loop *loop;
    char error[OPTIONS_ERROR_MAX];
};

static struct engine *make_engine(const struct options *options, uint32_t descriptors,
                                  const struct data *data)
{
    struct engine_options engine;
    engine_options_default(&engine);
    engine.memory_limit = options->memory_limit;
    engine.body_max = (uint32_t)options->body_max;
    engine.resume_grace_ms = options->resume_grace_ms;
    engine.remember_ms = options->remember_ms;
    engine.auto_create = options->auto_create;
    engine.is_durable = data != NULL;
    engine.is_forgetful = options->sync_interval_ms > 0;
    engine.shelf = data ? data_shelf(data) : NULL;
    engine.first_item = engine.is_durable ? 1 : machine_first_item();
    engine.pid = (uint64_t)getpid();
    uint32_t sessions_max =
        descriptors > 2 * DESCRIPTORS_SPARE ? descriptors - DESCRIPTORS_SPARE : descriptors / 2;
    if (engine.sessions_max > sessions_max)
        engine.sessions_max = sessions_max;
    return machine_random(&engine.hash_seed) ? engine_new(&engine, machine_clock_ms()) : NULL;
}

static enum ending start(struct broker *b)
{
    enum ending ending = ENDING_OK;
    b->log.now_ms = machine_clock_ms();
    b->descriptors = machine_raise_descriptors(MQ_SESSIONS_MAX + DESCRIPTORS_SPARE);
    if (b->options->data[0])
        ending = data_open(b->options, &b->log, &b->data, b->error);
    if (ending != ENDING_OK)
        return ending;
    b->engine = make_engine(b->options, b->descriptors, b->data);
    if (!b->engine)
        return ENDING_INTERNAL;
    if (b->data)
        ending = data_begin(b->data, b->engine, b->error);
    if (ending != ENDING_OK)
        return ending;
    ending = loop_new(b->options, b->descriptors, b->engine, b->data, &b->log, &b->loop, b->error);
    if (ending == ENDING_OK && b->data)
        engine_open(b->engine, machine_clock_ms());
    return ending;
}

static enum ending serve(struct broker *b)
{
    printf("mq-broker ready %s\n", loop_endpoints(b->loop));
    fflush(stdout);
    log_event(&b->log, LOG_INFO, "ready",
              LOG_FIELDS(log_text("version", MQ_VERSION), log_text("endpoints", loop_endpoints(b->loop)),
                         log_text("data", b->options->data),
                         log_number("memory_limit", b->options->memory_limit),
                         log_number("descriptors", b->descriptors)));
    sd_notify(0, b->data ? "READY=1\nSTATUS=" : "READY=1");
    enum ending ending = loop_run(b->loop);
    sd_notify(0, "STOPPING=1");
    return ending;
}

static enum ending run(const struct options *options)
{
    struct broker b = {.options = options, .error = "out of memory"};
    log_init(&b.log, STDERR_FILENO, options->log_level, options->log_format);
    enum ending ending = start(&b);
    if (ending == ENDING_OK)
        ending = serve(&b);
    else
        fprintf(stderr, "mq-broker: %s\n", b.error);
    loop_free(b.loop);
    if (b.data && !data_stop(b.data))
        _exit((int)(ending == ENDING_OK ? ENDING_DISK : ending));
    engine_free(b.engine);
    data_free(b.data);
    log_done(&b.log);
    return ending;
}

int main(int argc, char **argv)
{
    struct options options;
    char error[OPTIONS_ERROR_MAX];
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error like a full disk */
    if (!options_parse(&options, argc, argv, environ, error)) {
        fprintf(stderr, "mq-broker: %s\n", error);
        return ENDING_BAD;
    }
    if (!options.memory_limit)
        options.memory_limit = machine_memory() / 2;
    switch (options.action) {
    case OPTIONS_HELP:
        fputs(options_help(), stdout);
        return ENDING_OK;
    case OPTIONS_VERSION:
        puts("mq-broker " MQ_VERSION);
        return ENDING_OK;
    case OPTIONS_CHECK:
        return (int)inspect_check(options.inspected, stdout, stderr);
    case OPTIONS_SALVAGE:
        return (int)inspect_salvage(options.inspected, stdout, stderr);
    case OPTIONS_RUN:
        break;
    }
    return (int)run(&options);
}
