/* data.c - see data.h. */
#include "data.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "crew.h"
#include "keeper.h"
#include "machine.h"
#include "stranger.h"

enum {
    RESERVE = 3,              /* spare segments kept for a full disk */
    STOP_AT_ONCE_MS = 100,    /* for a thread that has no job to end */
    STOP_PATIENCE_MS = 10000, /* for a job under way at the end */
    PROGRESS_MS = 1000,       /* while reading, systemd hears so often that it goes on */
    FIRST_WAIT_MS = 60000     /* for the first checkpoint to be on disk; beyond that it gets there later */
};

struct data {
    const struct options *options;
    struct log *log;
    struct engine *engine;
    struct disk disk;
    bool has_disk;
    struct shelf shelf;
    int shelf_error; /* as last logged */
    struct journal *journal;
    struct crew *crew;
    struct keeper *keeper;
    enum journal_state state; /* as last logged */
    uint64_t now_ms;          /* of the last turn */
};

/* --- opening --- */

static enum ending disk_failed(const struct data *d, const char *what, int error_number,
                               char error[OPTIONS_ERROR_MAX])
{
    snprintf(error, OPTIONS_ERROR_MAX, "cannot %s %.300s: %s", what, d->options->data,
             strerror(-error_number));
    return ENDING_DISK;
}

static enum ending in_use(const struct data *d, char error[OPTIONS_ERROR_MAX])
{
    snprintf(error, OPTIONS_ERROR_MAX, "%.300s is in use by another mq-broker", d->options->data);
    return ENDING_IN_USE;
}

/* It may be the wrong directory, or a broker is just beginning in it. */
static enum ending refuse_strangers(struct data *d, char error[OPTIONS_ERROR_MAX])
{
    char name[DISK_NAME_MAX];
    struct disk look;
    int rc = stranger_find(&d->disk, name);
    if (rc < 0)
        return disk_failed(d, "look into", rc, error);
    if (!name[0])
        return ENDING_OK;
    rc = disk_look(d->options->data, &look);
    if (rc == 0) {
        rc = disk_lock(&look);
        disk_close(&look);
    }
    if (rc == -EWOULDBLOCK)
        return in_use(d, error);
    snprintf(error, OPTIONS_ERROR_MAX,
             "%s in %.300s is no file of mq-broker's: --data needs a directory of its own", name,
             d->options->data);
    return ENDING_BAD;
}

static enum ending open_disk(struct data *d, char error[OPTIONS_ERROR_MAX])
{
    int rc = disk_open(d->options->data, &d->disk);
    if (rc < 0) {
        disk_failed(d, "open", rc, error);
        bool is_wrong = rc == -ENOENT || rc == -ENOTDIR || rc == -EACCES || rc == -EPERM;
        return is_wrong ? ENDING_BAD : ENDING_DISK;
    }
    d->has_disk = true;
    enum ending ending = refuse_strangers(d, error);
    if (ending != ENDING_OK)
        return ending;
    rc = disk_lock(&d->disk);
    if (rc == -EWOULDBLOCK)
        return in_use(d, error);
    if (rc < 0)
        return disk_failed(d, "lock", rc, error);
    rc = shelf_open(d->options->data, &(struct shelf_options){0}, &d->shelf);
    if (rc < 0)
        return disk_failed(d, "make a file in", rc, error);
    if (!shelf_stat(&d->shelf).has_holes)
        log_event(d->log, LOG_WARN, "shelf",
                  LOG_FIELDS(log_text("why", "no holes in files: its space comes back late")));
    return ENDING_OK;
}

enum ending data_open(const struct options *options, struct log *log, struct data **ret_data,
                      char error[OPTIONS_ERROR_MAX])
{
    struct data *d = calloc(1, sizeof *d);
    if (!d) {
        snprintf(error, OPTIONS_ERROR_MAX, "out of memory");
        return ENDING_INTERNAL;
    }
    d->options = options;
    d->log = log;
    enum ending ending = open_disk(d, error);
    if (ending == ENDING_OK)
        *ret_data = d;
    else
        data_free(d);
    return ending;
}

/* What the loop has waited for in vain is not waited for again. */
bool data_stop(struct data *d)
{
    bool has_waited = d->keeper && data_is_busy(d);
    if (!d->crew || crew_stop(d->crew, has_waited ? STOP_AT_ONCE_MS : STOP_PATIENCE_MS))
        return true;
    log_event(d->log, LOG_ERROR, "disk_hangs", NULL);
    return false;
}

void data_free(struct data *d)
{
    if (!d)
        return;
    crew_free(d->crew);
    if (d->keeper)
        keeper_free(d->keeper);
    if (d->journal)
        journal_free(d->journal);
    shelf_close(&d->shelf);
    if (d->has_disk)
        disk_close(&d->disk);
    free(d);
}

const struct shelf *data_shelf(const struct data *d)
{
    return &d->shelf;
}

/* --- reading back --- */

struct reading {
    struct data *data;
    uint64_t bytes, began_ms, told_ms;
};

static void tell_systemd(const char *what, uint64_t bytes)
{
    sd_notifyf(0, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=%s the data directory: %" PRIu64 " MiB", what,
               bytes >> 20);
}

static void tell_progress(struct reading *r)
{
    uint64_t now_ms = machine_clock_ms();
    if (now_ms - r->told_ms < PROGRESS_MS)
        return;
    r->told_ms = now_ms;
    tell_systemd("reading", r->bytes);
}

static bool on_group(void *context, const struct recover_group *group, const char **ret_why)
{
    struct reading *r = context;
    r->bytes += group->facts.size;
    tell_progress(r);
    return engine_replay(r->data->engine, group->facts, group->segment, group->is_doubtful, ret_why);
}

static void on_event(void *context, const char *what, uint64_t segment, uint64_t offset, uint64_t bytes)
{
    struct reading *r = context;
    log_event(r->data->log, LOG_WARN, "recover",
              LOG_FIELDS(log_text("what", what), log_number("segment", segment), log_number("offset", offset),
                         log_number("bytes", bytes)));
}

static enum ending no_memory(const struct data *d, char error[OPTIONS_ERROR_MAX])
{
    snprintf(error, OPTIONS_ERROR_MAX, "no memory for what is in %.300s", d->options->data);
    return ENDING_INTERNAL;
}

static enum ending not_read(const struct data *d, enum recover_result result,
                            const struct recover_found *found, char error[OPTIONS_ERROR_MAX])
{
    if (result == RECOVER_STOPPED && engine_is_short(d->engine))
        return no_memory(d, error);
    snprintf(error, OPTIONS_ERROR_MAX, "%.510s", found->text);
    return result == RECOVER_FAILED ? ENDING_DISK : ENDING_BAD;
}

/* All groups that are there fit together; but are there all that should be? */
static enum ending judge_beginning(const struct data *d, const struct recover_found *found,
                                   char error[OPTIONS_ERROR_MAX])
{
    if (found->first == 0 || found->is_salvaged || engine_may_start_at(d->engine, found->first))
        return ENDING_OK;
    snprintf(error, OPTIONS_ERROR_MAX,
             "segments before %" PRIu64
             " are missing in %.300s; mq-broker --salvage DIR goes on without them",
             found->first, d->options->data);
    return ENDING_BAD;
}

static enum ending read_back(struct data *d, struct recover_found *ret_found, char error[OPTIONS_ERROR_MAX])
{
    uint64_t now_ms = machine_clock_ms();
    struct reading r = {.data = d, .began_ms = now_ms, .told_ms = now_ms};
    struct recover_options options = {.on_group = on_group, .on_event = on_event, .context = &r};
    enum recover_result result = recover(&d->disk, &options, ret_found);
    if (result != RECOVER_OK)
        return not_read(d, result, ret_found, error);
    enum ending ending = judge_beginning(d, ret_found, error);
    if (ending != ENDING_OK)
        return ending;
    tell_systemd("reading", r.bytes);
    engine_was_forgetful(d->engine, ret_found->is_lazy);
    now_ms = machine_clock_ms();
    if (!engine_begin(d->engine, now_ms))
        return no_memory(d, error);
    struct broker_stat stat;
    engine_stat(d->engine, &stat);
    log_event(d->log, LOG_INFO, "replayed",
              LOG_FIELDS(log_number("first_segment", ret_found->first),
                         log_number("last_segment", ret_found->last), log_number("groups", ret_found->groups),
                         log_number("bytes", ret_found->bytes), log_number("cut", ret_found->cut),
                         log_number("queues", stat.queues), log_number("items", stat.ready + stat.leased),
                         log_number("sessions", stat.sessions), log_number("ms", now_ms - r.began_ms)));
    return ENDING_OK;
}

/* --- beginning --- */

static enum ending begin_writing(struct data *d, const struct recover_found *found,
                                 char error[OPTIONS_ERROR_MAX])
{
    struct journal_options options = {.segment_size = d->options->segment_size,
                                      .sync_interval_ms = d->options->sync_interval_ms,
                                      .reserve = RESERVE};
    struct journal_files files;
    int rc = journal_begin(&d->disk, found, d->options->segment_size, &files);
    if (rc < 0)
        return disk_failed(d, "write to", rc, error);
    while (!options.salt)
        if (!machine_random(&options.salt)) {
            snprintf(error, OPTIONS_ERROR_MAX, "no randomness to be had");
            return ENDING_INTERNAL;
        }
    d->journal = journal_new(&options, found, &files, machine_clock_ms());
    d->keeper = d->journal ? keeper_new(d->engine, d->journal) : NULL;
    d->crew = d->keeper ? crew_new(d->journal, &d->disk) : NULL;
    if (d->crew)
        return ENDING_OK;
    snprintf(error, OPTIONS_ERROR_MAX, "cannot start to write: %s", strerror(errno));
    return ENDING_INTERNAL;
}

/* The ready line shall mean that answers come: a directory that cannot be written to is found here. Without a
 * segment nobody can be answered, however slow the disk makes it. */
static enum ending write_first(struct data *d, char error[OPTIONS_ERROR_MAX])
{
    uint64_t now_ms = machine_clock_ms(), until_ms = now_ms + FIRST_WAIT_MS, told_ms = now_ms;
    struct journal_stat stat;
    data_turn(d, now_ms);
    journal_stat(d->journal, &stat);
    while (d->state == JOURNAL_OK && data_is_busy(d) && (now_ms < until_ms || !stat.is_open)) {
        struct pollfd item = {.fd = data_descriptor(d), .events = POLLIN};
        poll(&item, 1, PROGRESS_MS);
        now_ms = machine_clock_ms();
        if (now_ms - told_ms >= PROGRESS_MS) {
            tell_systemd("preparing", stat.size);
            told_ms = now_ms;
        }
        data_turn(d, now_ms);
        journal_stat(d->journal, &stat);
    }
    bool is_useless = stat.state == JOURNAL_FAILED || (stat.state == JOURNAL_FULL && !stat.is_open);
    return is_useless ? disk_failed(d, "write to", stat.error, error) : ENDING_OK;
}

enum ending data_begin(struct data *d, struct engine *engine, char error[OPTIONS_ERROR_MAX])
{
    struct recover_found found;
    d->engine = engine;
    enum ending ending = read_back(d, &found, error);
    if (ending == ENDING_OK)
        ending = begin_writing(d, &found, error);
    return ending == ENDING_OK ? write_first(d, error) : ending;
}

/* --- turns --- */

int data_descriptor(const struct data *d)
{
    return d ? crew_descriptor(d->crew) : -1;
}

static const char *state_name(enum journal_state state)
{
    switch (state) {
    case JOURNAL_OK:
        return "ok";
    case JOURNAL_FULL:
        return "full";
    case JOURNAL_FAILED:
        return "failed";
    }
    return "?";
}

static void log_state(struct data *d, const struct journal_stat *stat)
{
    static const enum log_level levels[] = {LOG_INFO, LOG_WARN, LOG_ERROR};
    const char *why = stat->error ? strerror(-stat->error) : "";
    enum journal_state state = stat->state;
    if (state != JOURNAL_FAILED && engine_failure(d->engine)) { /* for another reason than the log's */
        state = JOURNAL_FAILED;
        why = engine_failure(d->engine);
    }
    if (state == d->state)
        return;
    d->state = state;
    log_event(d->log, levels[state], "data",
              LOG_FIELDS(log_text("state", state_name(state)), log_text("why", why)));
}

/* What cannot be put away stays in memory, and puts wait. */
static void log_shelf(struct data *d)
{
    int error = shelf_stat(&d->shelf).error;
    if (error == d->shelf_error)
        return;
    d->shelf_error = error;
    log_event(
        d->log, error ? LOG_WARN : LOG_INFO, "shelf",
        LOG_FIELDS(log_text("state", error ? "full" : "ok"), log_text("why", error ? strerror(-error) : "")));
}

static void tell_engine(struct data *d, const struct journal_stat *stat)
{
    bool has_interval = d->options->sync_interval_ms > 0;
    struct data_stat told = {.sync = mq_bytes(has_interval ? "interval" : "always"),
                             .state = mq_bytes(state_name(d->state)),
                             .sync_interval_ms = d->options->sync_interval_ms,
                             .log_segments = stat->segments,
                             .log_bytes = stat->size,
                             .unsafe_bytes = stat->unsafe + facts_size(engine_facts(d->engine))};
    engine_tell_data(d->engine, &told);
}

void data_turn(struct data *d, uint64_t now_ms)
{
    struct journal_stat stat;
    if (!d)
        return;
    d->now_ms = now_ms;
    crew_turn(d->crew, now_ms);
    keeper_turn(d->keeper, now_ms);
    crew_turn(d->crew, now_ms);
    journal_stat(d->journal, &stat);
    log_state(d, &stat);
    log_shelf(d);
    tell_engine(d, &stat);
}

uint64_t data_safe(const struct data *d)
{
    return d ? keeper_safe(d->keeper, d->now_ms) : UINT64_MAX;
}

uint64_t data_deadline_ms(const struct data *d)
{
    if (!d)
        return UINT64_MAX;
    uint64_t journal = journal_deadline_ms(d->journal), keeper = keeper_deadline_ms(d->keeper);
    return journal < keeper ? journal : keeper;
}

void data_hurry(struct data *d)
{
    if (d)
        journal_hurry(d->journal);
}

bool data_is_busy(const struct data *d)
{
    return d && keeper_is_busy(d->keeper);
}

bool data_has_failed(const struct data *d)
{
    return d && d->state == JOURNAL_FAILED;
}

uint64_t data_groups(const struct data *d)
{
    struct journal_stat stat = {.groups = 0};
    if (d)
        journal_stat(d->journal, &stat);
    return stat.groups;
}
