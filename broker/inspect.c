/* inspect.c - see inspect.h. */
#include "inspect.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "disk.h"
#include "engine.h"
#include "machine.h"
#include "recover.h"
#include "shelf.h"

struct inspection {
    const char *path;
    FILE *out, *err;
    struct disk disk;
    struct shelf shelf; /* for what memory has no room for; none if it cannot be made */
    struct engine *engine;
    struct recover_found found;
    struct broker_stat stat;
    const char *why; /* NULL, or why facts could not be taken */
    bool is_short;   /* ... which is not their fault */
    bool is_quiet;
    bool changes; /* what is damaged is to be mended */
    /* When facts make no sense all is read a second time, leniently: what was told is not told again. */
    uint64_t told_segment, told_offset;
};

static enum ending say(const struct inspection *i, enum ending code, const char *what, const char *why)
{
    fprintf(i->err, "mq-broker: %s: %s%s%s\n", i->path, what, why ? ": " : "", why ? why : "");
    return code;
}

/* ---- what is found ---- */

static void print_place(const struct inspection *i, uint64_t segment, uint64_t offset)
{
    char name[DISK_NAME_MAX];
    segment_name(segment, name);
    fprintf(i->out, "%s: offset %" PRIu64, name, offset);
}

static void on_event(void *context, const char *what, uint64_t segment, uint64_t offset, uint64_t bytes)
{
    const struct inspection *i = context;
    bool is_new = segment > i->told_segment || (segment == i->told_segment && offset > i->told_offset);
    if (i->is_quiet || !is_new)
        return;
    print_place(i, segment, offset);
    fprintf(i->out, ", %" PRIu64 " bytes: %s\n", bytes, what);
}

static bool on_group(void *context, const struct recover_group *group, const char **ret_why)
{
    struct inspection *i = context;
    bool is_taken = engine_replay(i->engine, group->facts, group->segment, group->is_doubtful, ret_why);
    i->why = is_taken ? NULL : *ret_why;
    i->is_short = engine_is_short(i->engine);
    return is_taken;
}

/* ---- reading ---- */

static bool make_engine(struct inspection *i)
{
    struct engine_options options;
    engine_options_default(&options);
    options.is_durable = true;
    options.first_item = 1;
    options.memory_limit = machine_memory() / 2;
    options.shelf = i->shelf.calls ? &i->shelf : NULL;
    i->engine = engine_new(&options, machine_clock_ms());
    i->is_short = !i->engine;
    i->why = i->engine ? NULL : "out of memory";
    return i->engine != NULL;
}

/* What a start would do when all groups are there. */
static bool begin(struct inspection *i, bool doubts)
{
    bool is_doubtful = doubts || i->found.is_salvaged || i->found.damages > 0;
    if (i->found.first > 0 && !is_doubtful && !engine_may_start_at(i->engine, i->found.first))
        i->why = "older segments are missing";
    i->is_short = !i->why && !engine_begin(i->engine, machine_clock_ms());
    if (i->is_short)
        i->why = "out of memory";
    if (!i->why)
        engine_stat(i->engine, &i->stat);
    return !i->why;
}

/* Reads as a start does. STOPPED: i->why says why facts could not be taken. */
static enum recover_result look(struct inspection *i, bool doubts)
{
    struct recover_options options = {.salvage = true,
                                      .only_looks = true,
                                      .doubts = doubts,
                                      .on_group = on_group,
                                      .on_event = on_event,
                                      .context = i};
    if (!make_engine(i))
        return RECOVER_STOPPED;
    enum recover_result result = recover(&i->disk, &options, &i->found);
    if (result == RECOVER_OK && !begin(i, doubts))
        result = RECOVER_STOPPED;
    engine_free(i->engine);
    i->engine = NULL;
    return result;
}

static void print_nonsense(const struct inspection *i, const char *why)
{
    if (i->told_segment > 0)
        print_place(i, i->told_segment, i->told_offset);
    fprintf(i->out, "%s%s\n", i->told_segment > 0 ? ": these facts make no sense: " : "", why);
}

/* All that is wrong. Facts that cannot be taken at their word can be, leniently. */
static enum recover_result look_at_all(struct inspection *i, bool *ret_makes_sense)
{
    enum recover_result result = look(i, false);
    const char *why = i->why;
    *ret_makes_sense = result != RECOVER_STOPPED || i->is_short;
    if (*ret_makes_sense)
        return result;
    i->told_segment = i->found.failed_segment;
    i->told_offset = i->found.failed_offset;
    result = look(i, true);
    if (result == RECOVER_OK)
        print_nonsense(i, why);
    i->told_segment = i->told_offset = 0;
    return result;
}

/* ---- the end ---- */

static void count(FILE *out, const char *before, uint64_t number, const char *one, const char *many)
{
    fprintf(out, "%s%" PRIu64 " %s", before, number, number == 1 ? one : many);
}

static void print_found(const struct inspection *i)
{
    const struct recover_found *f = &i->found;
    count(i->out, "", f->first > 0 ? f->last - f->first + 1 : 0, "segment", "segments");
    count(i->out, ", ", f->groups, "group", "groups");
    count(i->out, ", ", f->bytes, "byte of facts\n", "bytes of facts\n");
    count(i->out, "", i->stat.queues, "queue", "queues");
    count(i->out, ", ", i->stat.ready, "item waiting", "items waiting");
    count(i->out, ", ", i->stat.leased, "item leased", "items leased");
    count(i->out, ", ", i->stat.sessions, "session\n", "sessions\n");
}

static void print_lost(const struct inspection *i)
{
    const struct recover_found *f = &i->found;
    if (f->damages == 0 && f->lost_groups == 0)
        return;
    count(i->out, "lost: ", f->lost_groups, "group, ", "groups, ");
    count(i->out, "", f->lost, "byte in ", "bytes in ");
    count(i->out, "", f->damages, "place\n", "places\n");
}

static enum ending give_up(const struct inspection *i, enum recover_result result)
{
    if (result == RECOVER_STOPPED)
        return say(i, ENDING_INTERNAL, i->why, NULL);
    return say(i, result == RECOVER_FAILED ? ENDING_DISK : ENDING_BAD, i->found.text, NULL);
}

static enum ending check(struct inspection *i)
{
    bool makes_sense;
    enum recover_result result = look_at_all(i, &makes_sense);
    if (result != RECOVER_OK)
        return give_up(i, result);
    print_found(i);
    print_lost(i);
    bool is_whole = makes_sense && i->found.damages == 0;
    if (is_whole)
        fputs("whole\n", i->out);
    else
        fprintf(i->out, "damaged: mq-broker --salvage %s keeps what can be read\n", i->path);
    return is_whole ? ENDING_OK : ENDING_BAD;
}

/* Nobody need take these groups: that was tried. */
static enum recover_result mend(struct inspection *i, bool doubts)
{
    struct recover_options options = {.salvage = true, .doubts = doubts, .on_event = on_event, .context = i};
    enum recover_result result = recover(&i->disk, &options, &i->found);
    if (result == RECOVER_OK)
        print_lost(i);
    return result;
}

/* First a look, so that what is whole is not touched, nor what is hopeless; at the end, what a start finds.
 */
static enum ending salvage(struct inspection *i)
{
    bool makes_sense, is_mended;
    i->is_quiet = true;
    enum recover_result result = look_at_all(i, &makes_sense);
    bool is_whole = result == RECOVER_OK && makes_sense && i->found.damages == 0;
    i->is_quiet = false;
    if (result == RECOVER_OK && !is_whole)
        result = mend(i, !makes_sense);
    is_mended = result == RECOVER_OK && !is_whole;
    if (is_mended)
        result = look(i, false);
    if (result != RECOVER_OK)
        return give_up(i, result);
    print_found(i);
    fputs(
        is_whole
            ? "whole: nothing was changed\n"
            : "whole again; files that were changed are kept as they were, as *.damaged, if there was room\n",
        i->out);
    return ENDING_OK;
}

/* ---- the directory ---- */

static enum ending open_directory(struct inspection *i)
{
    struct stat stat_buffer;
    if (stat(i->path, &stat_buffer) != 0 || !S_ISDIR(stat_buffer.st_mode))
        return say(i, ENDING_NO_DIRECTORY, "there is no such directory", NULL);
    int error = (i->changes ? disk_open : disk_look)(i->path, &i->disk);
    if (error)
        return say(i, ENDING_DISK, "cannot be opened", strerror(-error));
    error = disk_lock(&i->disk);
    if (error == -EWOULDBLOCK)
        return say(i, ENDING_IN_USE, "it is in use by another mq-broker", NULL);
    if (error && error != -EROFS) /* on a disk that cannot be written nobody serves */
        return say(i, ENDING_DISK, "cannot be locked", strerror(-error));
    return ENDING_OK;
}

static enum ending inspect(const char *path, FILE *out, FILE *err, bool changes)
{
    struct inspection i = {.path = path, .out = out, .err = err, .changes = changes};
    enum ending code = open_directory(&i);
    if (code == ENDING_OK) {
        if (shelf_open(path, &(struct shelf_options){.without_name = true}, &i.shelf) != 0)
            i.shelf = (struct shelf){0}; /* then memory has to do */
        code = changes ? salvage(&i) : check(&i);
        shelf_close(&i.shelf);
    }
    if (i.disk.calls)
        disk_close(&i.disk);
    if (fflush(out) != 0 && code == ENDING_OK)
        code = say(&i, ENDING_DISK, "what was found cannot be written", strerror(errno));
    return code;
}

enum ending inspect_check(const char *path, FILE *out, FILE *err)
{
    return inspect(path, out, err, false);
}

enum ending inspect_salvage(const char *path, FILE *out, FILE *err)
{
    return inspect(path, out, err, true);
}
