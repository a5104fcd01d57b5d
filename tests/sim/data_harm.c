/* data_harm.c - what a wrong bit does to the directory, tried on a copy while the broker is down: no start
 * takes it for facts, and salvage makes something of it that a broker can begin with. */
#include "data_parts.h"

#include <inttypes.h>
#include <string.h>

struct harm {
    struct fake_disk *fake;
    struct disk disk;
    char name[DISK_NAME_MAX];
    uint64_t size, files;
};

static void pick_segment(void *context, const char *name, uint64_t size)
{
    struct harm *h = context;
    if (!segment_of_name(name) || size == 0 || chance_below(++h->files) > 0)
        return;
    strcpy(h->name, name);
    h->size = size;
}

static enum recover_result read_copy(struct harm *h, bool salvage, bool doubts, struct recover_found *ret)
{
    struct engine *e = data_new_engine();
    struct recover_options options = {.salvage = salvage,
                                      .doubts = doubts,
                                      .only_looks = !salvage,
                                      .on_group = data_on_group,
                                      .context = e};
    enum recover_result result = recover(&h->disk, &options, ret);
    if (result == RECOVER_OK) {
        SIM_REQUIRE(engine_begin(e, sim.now_ms), "out of memory");
        engine_check(e);
    }
    engine_free(e);
    return result;
}

/* A start finds damage, or nothing wrong but the end, which may be the last group's. */
static void start_with(struct harm *h, const struct recover_found *whole)
{
    struct recover_found found;
    enum recover_result result = read_copy(h, false, false, &found);
    sim_say("a wrong bit of %s: %s", h->name, result == RECOVER_OK ? "torn, or nothing" : found.text);
    bool may_be_torn = sim.climate.sync_interval_ms > 0 || found.sequence + 1 >= whole->sequence;
    SIM_REQUIRE(result == RECOVER_OK || result == RECOVER_DAMAGED || result == RECOVER_NEWER,
                "a wrong bit of %s: %s", h->name, found.text);
    SIM_REQUIRE(result != RECOVER_OK || (found.sequence <= whole->sequence && may_be_torn),
                "a wrong bit of %s: the log ends with group %" PRIu64 ", not %" PRIu64, h->name,
                found.sequence - 1, whole->sequence - 1);
}

/* What cannot be taken at its word is taken with doubts; a start then finds nothing wrong. Nothing can be
 * done for a head that is the only one. */
static void salvage(struct harm *h, const struct recover_found *whole)
{
    struct recover_found found;
    enum recover_result result = read_copy(h, true, false, &found);
    if (result == RECOVER_STOPPED)
        result = read_copy(h, true, true, &found);
    bool is_only_head = whole->first == whole->last && found.failed_offset == 0;
    if (result == RECOVER_NEWER || (result == RECOVER_DAMAGED && is_only_head))
        return;
    SIM_REQUIRE(result == RECOVER_OK, "salvage fails: %s", found.text);
    result = read_copy(h, false, false, &found);
    SIM_REQUIRE(result == RECOVER_OK, "what was salvaged cannot be read: %s", found.text);
}

void data_try_harm(void)
{
    struct harm h = {.fake = fake_disk_clone(data.fake)};
    struct recover_found whole;
    h.disk = fake_disk_calls(h.fake);
    h.disk.calls->list(h.disk.context, pick_segment, &h);
    if (h.files > 0) {
        SIM_REQUIRE(read_copy(&h, false, false, &whole) == RECOVER_OK, "the log cannot be read: %s",
                    whole.text);
        fake_disk_flip(h.fake, h.name, chance_below(h.size), 1u << chance_below(8));
        start_with(&h, &whole);
        salvage(&h, &whole);
    }
    fake_disk_free(h.fake);
}
