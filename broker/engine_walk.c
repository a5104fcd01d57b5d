/* engine_walk.c - a page of a walk through a queue: its items in the order of their ids, from one id on.
 *
 * That is the order in which they were stored, and the one in which to store them again, whatever the kind.
 * An item keeps its id when it is handed out and comes back, so a walk from page to page passes each item
 * that is there all the time exactly once.
 *
 * A page takes time for what is on it; for a look at each item that is known by itself, which are those that
 * were taken at least once, and all in a priority queue; and for finding where the last page ended, see
 * order_fresh_after(). Where there is much to look at, pages are larger, so that there are fewer. */
#include "engine_state.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAGE_ITEMS_MAX = FAIR_SIZE / ITEM_MARGIN,
    PAGE_SIZE_MAX = 4 * FAIR_SIZE,
    FINDS_MIN = 1024, /* so many are looked for, however large they seem to be */
    /* A look at one of the pile, or at a lease, takes as long as copying so many bytes, nearly. */
    LOOK_PILE = 8,
    LOOK_LEASE = 128
};

/* An item that is known by itself. */
struct find {
    uint64_t id;
    const struct item *item;
    bool is_leased;
};

/* Those with the smallest ids above `after`, at most `max` of them: a heap, the largest on top. */
struct finds {
    struct find *list;
    size_t count, max, next;
    uint64_t after;
    uint64_t below; /* only smaller ids are of interest */
    bool is_cut;    /* there are more */
};

/* What is on the page. Bodies and keys are copied as they come; views say how far from `text` they are. */
struct page {
    struct item_view *views;
    size_t count, capacity, max;
    char *text;
    size_t text_size, text_capacity;
    size_t room;
    bool is_full;
};

/* ---- what is known by itself ---- */

static void sift_down(struct finds *f, size_t count, struct find find)
{
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && f->list[child + 1].id > f->list[child].id)
            child++;
        if (f->list[child].id <= find.id)
            break;
        f->list[at] = f->list[child];
    }
    f->list[at] = find;
}

static void add_find(struct finds *f, struct find find)
{
    if (f->count == f->max) {
        sift_down(f, f->count, find);
        f->below = f->list[0].id;
        return;
    }
    size_t at = f->count++;
    for (; at > 0 && f->list[(at - 1) / 2].id < find.id; at = (at - 1) / 2)
        f->list[at] = f->list[(at - 1) / 2];
    f->list[at] = find;
    if (f->count == f->max)
        f->below = f->list[0].id;
}

/* Most are not of interest. */
static inline bool is_wanted(const struct finds *f, uint64_t id)
{
    return id > f->after && id < f->below;
}

/* From now on a list, ascending. */
static void sort(struct finds *f)
{
    for (size_t left = f->count; left > 1;) {
        struct find largest = f->list[0], last = f->list[--left];
        sift_down(f, left, last);
        f->list[left] = largest;
    }
}

/* A stack's pile has its largest ids in front, and the smallest are wanted first: then most others need only
 * a look. */
static void offer_pile(struct finds *f, const struct order *order)
{
    const struct pile *pile = &order->pile;
    for (size_t i = 0; i < pile->count; i++) {
        const struct pile_node *node = &pile->nodes[order->kind == MQ_KIND_LIFO ? pile->count - 1 - i : i];
        if (is_wanted(f, node->id))
            add_find(f, (struct find){.id = node->id, .item = node->item});
    }
}

static void offer_leased(struct finds *f, const struct queue *q)
{
    for (struct list_node *n = list_first(&q->leases); n; n = list_next(&q->leases, n)) {
        const struct lease *lease = CONTAINER_OF(n, struct lease, of_queue);
        if (is_wanted(f, lease->id))
            add_find(f, (struct find){.id = lease->id, .item = lease->item, .is_leased = true});
    }
}

/* About how many fit; if there are fewer, the page ends where these end. */
static size_t count_fitting(const struct queue *q, const struct page *p)
{
    size_t average = ITEM_MARGIN + (size_t)(q->bytes / (queue_unfinished(q) + 1));
    return FINDS_MIN + 2 * (p->room / average);
}

static bool find_all(struct finds *f, const struct queue *q, bool leased, const struct page *p)
{
    size_t most = q->order.pile.count + (leased ? q->leased : 0), fitting = count_fitting(q, p);
    f->max = fitting < p->max ? fitting : p->max;
    f->max = f->max < most ? f->max : most;
    f->below = UINT64_MAX;
    f->list = malloc((f->max + 1) * sizeof *f->list);
    if (!f->list)
        return false;
    if (f->max == 0)
        return true;
    offer_pile(f, &q->order);
    if (leased)
        offer_leased(f, q);
    f->is_cut = f->count == f->max && f->max < most;
    sort(f);
    return true;
}

/* ---- the page ---- */

static bool grow(struct page *p, size_t more)
{
    size_t capacity = p->text_capacity ? p->text_capacity : 1024;
    while (capacity < p->text_size + more)
        capacity *= 2;
    char *text = capacity > p->text_capacity ? realloc(p->text, capacity) : p->text;
    if (!text)
        return false;
    p->text = text;
    p->text_capacity = capacity;
    if (p->count < p->capacity)
        return true;
    size_t view_capacity = p->capacity ? 2 * p->capacity : 16;
    struct item_view *views = realloc(p->views, view_capacity * sizeof *views);
    if (!views)
        return false;
    p->views = views;
    p->capacity = view_capacity;
    return true;
}

static void copy(struct page *p, struct bytes bytes)
{
    if (bytes.size)
        memcpy(p->text + p->text_size, bytes.data, bytes.size);
    p->text_size += bytes.size;
}

/* One more, if there is room. False: out of memory. */
static bool add(struct page *p, const struct item_view *view)
{
    size_t size = view->body.size + view->key.size;
    if (p->count > 0 && p->text_size + size + (p->count + 1) * ITEM_MARGIN > p->room) {
        p->is_full = true;
        return true;
    }
    if (!grow(p, size))
        return false;
    p->views[p->count++] = *view;
    copy(p, view->body);
    copy(p, view->key);
    p->is_full = p->count == p->max;
    return true;
}

static bool add_found(struct page *p, const struct find *find)
{
    const struct item *item = find->item;
    return add(p, &(struct item_view){.id = find->id,
                                      .deliveries = item->deliveries,
                                      .is_leased = find->is_leased,
                                      .body = item_body(item),
                                      .key = item_key(item)});
}

/* Merges what was never taken with what is known by itself. */
static bool fill(struct page *p, struct queue *q, struct finds *f, struct order_copies *copies)
{
    struct order_walk walk;
    struct record *record = order_fresh_after(&q->order, f->after, copies, &walk);
    while (!p->is_full && !walk.is_cut && (record || f->next < f->count)) {
        bool is_fresh = record && (f->next == f->count || record_id(record) < f->list[f->next].id);
        if (!is_fresh) {
            if (!add_found(p, &f->list[f->next++]))
                return false;
            p->is_full |= f->is_cut && f->next == f->count;
            continue;
        }
        if (!add(p, &(struct item_view){.id = record_id(record), .body = {record->data, record->size}}))
            return false;
        record = p->is_full ? NULL : order_fresh_next(&walk, record);
    }
    return !walk.failed;
}

/* The page becomes the call's. */
static bool hand_over(struct call *call, const struct page *p)
{
    char *text;
    if (!look_take_rows(call, p->count, sizeof *p->views, p->text_size, &text))
        return false;
    if (p->count > 0)
        memcpy(call->rows, p->views, p->count * sizeof *p->views);
    if (p->text_size > 0)
        memcpy(text, p->text, p->text_size);
    struct item_view *views = call->rows;
    for (size_t i = 0; i < p->count; i++) {
        views[i].body.data = text;
        text += views[i].body.size;
        views[i].key.data = text;
        text += views[i].key.size;
    }
    return true;
}

static struct page page_for(const struct engine *e, const struct queue *q, const struct request *req)
{
    uint64_t room = FAIR_SIZE + LOOK_PILE * (uint64_t)q->order.pile.count;
    room += req->leased ? LOOK_LEASE * q->leased : 0;
    room = room < PAGE_SIZE_MAX ? room : PAGE_SIZE_MAX;
    size_t most = look_room(e);
    return (struct page){.max = req->max < PAGE_ITEMS_MAX ? req->max : PAGE_ITEMS_MAX,
                         .room = room < most ? (size_t)room : most};
}

enum mq_status walk_page(struct engine *e, struct call *call, struct queue *q, const struct request *req)
{
    struct page page = page_for(e, q, req);
    struct finds finds = {.after = req->after_number};
    struct order_copies copies = {.size_max = page.room + FAIR_SIZE};
    bool ok =
        find_all(&finds, q, req->leased, &page) && fill(&page, q, &finds, &copies) && hand_over(call, &page);
    order_free_copies(&q->order, &copies);
    free(finds.list);
    free(page.views);
    free(page.text);
    call->newest = e->next_item - 1;
    return ok ? MQ_OK : MQ_NO_MEMORY;
}
