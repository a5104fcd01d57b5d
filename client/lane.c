/* lane.c - see lane.h. */
#include "lane.h"

static struct bundle *bundle_of(struct list_node *node)
{
    return node ? CONTAINER_OF(node, struct bundle, node) : NULL;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

void lane_init(struct lane *l, struct depot *d)
{
    *l = (struct lane){.depot = d};
    list_init(&l->bundles);
}

bool lane_is_empty(const struct lane *l)
{
    return list_is_empty(&l->bundles);
}

struct bundle *lane_first(const struct lane *l)
{
    return bundle_of(list_first(&l->bundles));
}

/* The bundle to append to. One that was sent, or is full, takes no more. */
static struct bundle *last_with_room(struct lane *l, size_t size, struct lane_limits limits)
{
    struct bundle *b = bundle_of(list_last(&l->bundles));
    bool has_room = b && !b->closed && b->count < limits.items && b->size + size <= limits.size;
    return has_room ? b : NULL;
}

bool lane_add(struct lane *l, const struct put_item *put, const struct bundle_item *item, bool copy,
              struct lane_limits limits)
{
    struct bundle *b = last_with_room(l, bundle_size_of(put), limits);
    if (b)
        return bundle_append(b, put, item, copy);
    b = bundle_new(l->depot);
    if (!b)
        return false;
    if (!bundle_append(b, put, item, copy)) {
        bundle_free(l->depot, b);
        return false;
    }
    list_append(&l->bundles, &b->node);
    return true;
}

/* The limits may be smaller than when the bundle was filled. */
static size_t count_fitting(const struct bundle *b, size_t items_max, size_t size_max)
{
    size_t count = 0, size = 0, left = b->count - b->landed;
    if (b->size <= size_max)
        return min_size(left, items_max);
    while (count < min_size(left, items_max)) {
        size += bundle_size_of(&b->puts[b->landed + count]);
        if (size > size_max && count > 0)
            break;
        count++;
    }
    return count;
}

size_t lane_depart(struct lane *l, struct lane_limits limits, const struct put_item **ret_puts)
{
    assert(!l->away);
    struct bundle *b = lane_first(l);
    if (!b)
        return 0;
    assert(b->landed < b->count);
    size_t items_max = limits.items ? limits.items : 1;
    if (l->narrow)
        items_max = min_size(items_max, l->narrow);
    b->closed = l->away = true;
    l->given = 0;
    l->flown = count_fitting(b, items_max, limits.size);
    *ret_puts = b->puts + b->landed;
    return l->flown;
}

void lane_return(struct lane *l)
{
    assert(l->away);
    l->away = false;
    l->flown = l->given = 0;
}

static void land_one(struct bundle *b, enum mq_status status, uint64_t id)
{
    assert(b->landed < b->count);
    struct bundle_item *item = &b->items[b->landed++];
    item->status = status;
    item->id = id;
}

/* Ids of items that were given up meanwhile are of no interest. */
static void land_stored(struct lane *l, size_t stored, const struct range *ids, size_t id_range_count)
{
    struct bundle *b = lane_first(l);
    size_t index = 0;
    for (size_t i = 0; i < id_range_count; i++)
        for (uint64_t id = ids[i].first; index < stored && id <= ids[i].last; id++)
            if (index++ >= l->given)
                land_one(b, MQ_OK, id);
    for (; index < stored; index++)
        if (index >= l->given)
            land_one(b, MQ_OK, 0);
}

static bool is_gone(const struct bundle_item *item)
{
    return item->sequence == 0 && !item->context;
}

/* Riders that left while their items were away. */
static void sweep(struct bundle *b, size_t count)
{
    for (size_t i = b->landed; count > 0; count--)
        if (is_gone(&b->items[i]))
            bundle_remove(b, i);
        else
            i++;
}

static void adapt(struct lane *l, size_t stored)
{
    if (stored == 0)
        return;
    if (stored < l->flown)
        l->narrow = 2 * stored;
    else
        l->narrow = l->narrow < MQ_ITEMS_MAX ? 2 * l->narrow : 0;
}

size_t lane_land(struct lane *l, size_t stored, const struct range *ids, size_t id_range_count)
{
    assert(l->away);
    assert(stored <= l->flown);
    size_t done = stored > l->given ? stored : l->given, left = l->flown - done;
    adapt(l, stored);
    land_stored(l, stored, ids, id_range_count);
    lane_return(l);
    struct bundle *b = lane_first(l);
    if (left == 0)
        return 0;
    size_t before = b->count;
    sweep(b, left);
    return left - (before - b->count);
}

void lane_narrow(struct lane *l, size_t count)
{
    l->narrow = count > 1 ? count / 2 : 1;
}

void lane_refuse(struct lane *l, size_t count, enum mq_status status)
{
    for (struct list_node *n = list_first(&l->bundles); n && count > 0; n = list_next(&l->bundles, n))
        for (struct bundle *b = bundle_of(n); b->landed < b->count && count > 0; count--) {
            b->closed = true; /* its results may be read without the lock, so it must not grow any more */
            land_one(b, status, 0);
            if (l->away && l->given < l->flown)
                l->given++;
        }
}

size_t lane_count_until(const struct lane *l, uint64_t started_ms)
{
    size_t count = 0;
    for (struct list_node *n = list_first(&l->bundles); n; n = list_next(&l->bundles, n)) {
        const struct bundle *b = bundle_of(n);
        for (size_t i = b->landed; i < b->count; i++, count++)
            if (b->items[i].started_ms > started_ms)
                return count;
    }
    return count;
}

const struct bundle_item *lane_front(const struct lane *l)
{
    for (struct list_node *n = list_first(&l->bundles); n; n = list_next(&l->bundles, n)) {
        const struct bundle *b = bundle_of(n);
        if (b->landed < b->count)
            return &b->items[b->landed];
    }
    return NULL;
}

static bool is_of(const struct bundle_item *item, const void *rider)
{
    return item->sequence == 0 && item->context == rider;
}

static struct bundle *find(const struct lane *l, const void *rider, size_t *ret_index)
{
    for (struct list_node *n = list_first(&l->bundles); n; n = list_next(&l->bundles, n)) {
        struct bundle *b = bundle_of(n);
        for (size_t i = b->landed; i < b->count; i++)
            if (is_of(&b->items[i], rider)) {
                *ret_index = i;
                return b;
            }
    }
    return NULL;
}

static enum lane_place place_of(const struct lane *l, const struct bundle *b, size_t index)
{
    if (!b)
        return LANE_NOWHERE;
    bool is_away = l->away && b == lane_first(l) && index < b->landed + (l->flown - l->given);
    return is_away ? LANE_AWAY : LANE_GATHERED;
}

enum lane_place lane_find(const struct lane *l, const void *rider)
{
    size_t index = 0;
    const struct bundle *b = find(l, rider, &index);
    return place_of(l, b, index);
}

void lane_forget(struct lane *l, const void *rider)
{
    size_t index = 0;
    struct bundle *b = find(l, rider, &index);
    if (place_of(l, b, index) == LANE_AWAY)
        b->items[index].context = NULL;
    else if (b)
        bundle_remove(b, index);
}

void lane_retire(struct lane *l)
{
    struct bundle *b = lane_first(l);
    assert(b && bundle_is_over(b));
    list_remove(&b->node);
}
