/* log_describe.c - see log_world.h: all of an engine that survives a restart. */
#include "log_world.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 4 << 20 };

static void say_bytes(struct text *t, const char *what, struct bytes bytes)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes.size; i++)
        sum = sum * 31 + ((const uint8_t *)bytes.data)[i];
    say(t, " %s %zu:%x", what, bytes.size, sum);
}

static void say_settings(struct text *t, const struct settings *s)
{
    say(t, " (%x %d %" PRId64 " %" PRId64 " %d)", s->given, s->kind, s->maxsize, s->lease_ms,
        s->is_transient);
}

static void say_items(struct text *t, const struct order *order)
{
    struct item_view *views = malloc((order->count + 1) * sizeof *views);
    struct order_copies copies = {.size_max = SIZE_MAX / 2};
    size_t count;
    CHECK(views != NULL);
    CHECK(order_peek(order, false, order->count + 1, views, &count, &copies));
    CHECK_EQUAL(count, order->count);
    for (size_t i = 0; i < count; i++) {
        say(t, "  %" PRIu64 " deliveries %u", views[i].id, views[i].deliveries);
        say_bytes(t, "key", views[i].key);
        say_bytes(t, "body", views[i].body);
        say(t, "\n");
    }
    order_free_copies(order, &copies);
    free(views);
}

/* Of a transient queue its definition survives. */
static void say_queue(struct text *t, const struct queue *q)
{
    const struct totals *n = &q->totals;
    say(t, "queue %" PRIu64 " %.*s made %" PRIu64, q->number, (int)q->name_size, q->name, q->made_ms);
    say_settings(t, &q->created);
    say_settings(t, &q->settings);
    say(t, " shut down %d %d\n", q->is_shut_down, q->is_immediate);
    if (q->settings.is_transient)
        return;
    say(t, "  waiting %zu leased %" PRIu64 " bytes %" PRIu64, q->order.count, q->leased, q->bytes);
    say(t, " puts %" PRIu64 " gets %" PRIu64 " again %" PRIu64, n->puts, n->gets, n->redelivered);
    say(t, " done %" PRIu64 " returned %" PRIu64 " discarded %" PRIu64 "\n", n->done, n->returned,
        n->discarded);
    say_items(t, &q->order);
}

static int compare_leases(const void *a, const void *b)
{
    const struct lease *x = *(struct lease *const *)a, *y = *(struct lease *const *)b;
    return x->id < y->id ? -1 : 1;
}

static void say_leases(struct text *t, const struct session *s)
{
    struct lease **leases = malloc((s->leased + 1) * sizeof *leases);
    size_t count = 0;
    CHECK(leases != NULL);
    for (struct list_node *n = list_first(&s->leases); n; n = list_next(&s->leases, n))
        leases[count++] = CONTAINER_OF(n, struct lease, of_session);
    qsort(leases, count, sizeof *leases, compare_leases);
    for (size_t i = 0; i < count; i++) {
        const struct lease *lease = leases[i];
        if (lease->queue->settings.is_transient)
            continue;
        say(t, "  holds %" PRIu64 " of %" PRIu64 " deliveries %u lease %" PRId64 " call %" PRIu64, lease->id,
            lease->queue->number, lease->item->deliveries, lease->lease_ms,
            lease->call ? lease->call->number : 0);
        say_bytes(t, "key", item_key(lease->item));
        say_bytes(t, "body", item_body(lease->item));
        say(t, "\n");
    }
    free(leases);
}

/* A put that has not stored all, and may go on, was cut off if it was not told otherwise. */
static void say_call(struct text *t, const struct call *call)
{
    bool may_go_on = call->verb == MQ_VERB_PUT && !call->partial && call->count < call->total;
    say(t, "  %" PRIu64 " %s %s", call->number, mq_verb_name(call->verb),
        may_go_on ? "cut" : mq_status_name(call->status));
    if (call->verb == MQ_VERB_PUT)
        for (size_t i = 0; i < call->id_count; i++)
            say(t, " %" PRIu64 "-%" PRIu64, call->ids[i].first, call->ids[i].last);
    if (call->verb == MQ_VERB_PUT)
        say(t, " %" PRIu64 " of %" PRIu64 " partial %d", call->count, call->total, call->partial);
    if (call->verb == MQ_VERB_PURGE || call->verb == MQ_VERB_REMOVE)
        say(t, " %" PRIu64, call->count);
    if (call->verb == MQ_VERB_GET)
        say(t, " lease %" PRId64 " auto done %d", call->lease_ms, call->auto_done);
    for (struct list_node *n = list_first(&call->leases); n; n = list_next(&call->leases, n))
        say(t, " %" PRIu64, CONTAINER_OF(n, struct lease, of_call)->id);
    for (size_t i = 0; i < call->refusal_count; i++)
        say(t, " %" PRIu64 " %s", call->refusals[i].id, mq_status_name(call->refusals[i].status));
    say(t, "\n");
}

static void say_session(struct text *t, const struct session *s)
{
    say(t, "session %" PRIu64 " %.*s since %" PRIu64 " lapses %u", s->number, (int)s->name_size, s->name,
        s->since_ms, s->lapses);
    say_bytes(t, "id", (struct bytes){s->id, sizeof s->id});
    say(t, "\n");
    say_leases(t, s);
    for (struct list_node *n = list_first(&s->calls); n; n = list_next(&s->calls, n))
        if (CONTAINER_OF(n, struct call, of_session)->is_noted)
            say_call(t, CONTAINER_OF(n, struct call, of_session));
}

char *world_describe(const struct engine *e)
{
    struct text t = {malloc(TEXT_SIZE), TEXT_SIZE};
    char *described = t.at;
    CHECK(described != NULL);
    say(&t, "live %" PRIu64 " in %" PRIu64 " bytes\n", e->ledger.live, e->live_size);
    for (size_t i = 0; i < e->queues.count; i++)
        say_queue(&t, e->queue_list[i]);
    for (struct list_node *n = list_first(&e->session_list); n; n = list_next(&e->session_list, n))
        say_session(&t, CONTAINER_OF(n, struct session, of_engine));
    return described;
}
