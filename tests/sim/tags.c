/* tags.c - what is known of each item ever put, by whoever told it: the model, or the users. */
#include "model.h"
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>

uint64_t sim_new_tag(size_t queue)
{
    if (sim.tag_count == sim.tag_capacity) {
        sim.tag_capacity = 2 * sim.tag_capacity + 1024;
        sim.tags = realloc(sim.tags, sim.tag_capacity * sizeof *sim.tags);
        SIM_REQUIRE(sim.tags, "out of memory");
    }
    sim.tags[sim.tag_count] = (struct tag){.queue = (uint8_t)queue};
    return sim.tag_count++;
}

struct tag *sim_tag(uint64_t tag)
{
    SIM_REQUIRE(tag < sim.tag_count, "an item %" PRIu64 " that nobody has put", tag);
    return &sim.tags[tag];
}

void sim_item_stored(const struct model_item *item, uint64_t group)
{
    struct tag *tag = sim_tag(item->tag);
    SIM_REQUIRE(!tag->is_stored, "item %" PRIu64 " is stored twice", item->tag);
    SIM_REQUIRE(!tag->is_final, "item %" PRIu64 " is stored after its put was answered", item->tag);
    tag->is_stored = true;
    tag->is_transient = item->queue->settings.is_transient;
    tag->stored_in = group;
}

void sim_item_done(const struct model_item *item, uint64_t group)
{
    struct tag *tag = sim_tag(item->tag);
    SIM_REQUIRE(!tag->is_done, "item %" PRIu64 " is done twice", item->tag);
    SIM_REQUIRE(tag->is_received, "item %" PRIu64 " is done, but no user has received it", item->tag);
    tag->is_done = true;
    tag->done_in = group;
}

/* Items of transient queues are gone; what is not yet on disk may be told with an interval only. */
void sim_restore_tags(uint64_t group)
{
    for (size_t i = 0; i < sim.tag_count; i++) {
        struct tag *tag = &sim.tags[i];
        bool is_undone = tag->is_done && tag->done_in > group;
        bool is_unstored = tag->is_stored && (tag->is_transient || tag->stored_in > group);
        if (!is_undone && !is_unstored)
            continue;
        tag->is_lost = tag->is_lost || tag->is_transient || sim.climate.sync_interval_ms > 0;
        tag->is_stored = !is_unstored;
        tag->is_done = tag->is_done && !is_undone && !is_unstored;
    }
}
