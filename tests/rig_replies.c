/* rig_replies.c - see rig_replies.h. */
#include "rig_replies.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_SIZE = 48 /* bytes of a body in rig_reply.bodies */, FAILURE_SIZE = 1024 };

struct rig_chunk {
    struct rig_chunk *next;
    max_align_t data[];
};

struct rig_known {
    struct rig_known *next;
    const char *body;
    uint64_t id;
};

void rig_fail(const char *file, unsigned line, const char *format, ...)
{
    char text[FAILURE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printf("\n    %s:%u: %s\n", file, line, text);
    CU_assertImplementation(CU_FALSE, line, text, file, "", CU_TRUE);
}

/* ---- copying ---- */

static void *keep(struct rig *r, const void *data, size_t size)
{
    struct rig_chunk *chunk = malloc(sizeof *chunk + size + 1);
    assert(chunk);
    chunk->next = r->chunks;
    r->chunks = chunk;
    if (size)
        memcpy(chunk->data, data, size);
    ((char *)chunk->data)[size] = '\0';
    return chunk->data;
}

static struct bytes keep_bytes(struct rig *r, struct bytes b)
{
    return (struct bytes){keep(r, b.data, b.size), b.size};
}

static void know(struct rig *r, const char *body, uint64_t id)
{
    struct rig_known *known = keep(r, &(struct rig_known){r->known, body, id}, sizeof *known);
    r->known = known;
}

uint64_t rig_id(const struct rig *r, const char *body)
{
    for (const struct rig_known *known = r->known; known; known = known->next)
        if (!strcmp(known->body, body))
            return known->id;
    rig_fail(__FILE__, __LINE__, "no reply has told the id of \"%s\"", body);
    return 0;
}

static void copy_items(struct rig *r, struct rig_reply *reply, const struct answer *a)
{
    struct rig_item *items = calloc(a->item_count + 1, sizeof *items);
    assert(items);
    char *joined = malloc(a->item_count * (SHOWN_SIZE + 16) + 1), *end = joined;
    assert(joined);
    *joined = '\0';
    for (size_t i = 0; i < a->item_count; i++) {
        const struct item_view *view = &a->items[i];
        items[i] = (struct rig_item){view->id,
                                     view->deliveries,
                                     view->is_leased,
                                     view->body.size,
                                     keep(r, view->body.data, view->body.size),
                                     keep_bytes(r, view->key)};
        know(r, items[i].body, view->id);
        end += sprintf(end, "%s%.*s", i ? " " : "", SHOWN_SIZE, items[i].body);
        if (view->deliveries > (a->verb == MQ_VERB_GET))
            end += sprintf(end, "#%u", view->deliveries);
    }
    reply->bodies = keep(r, joined, (size_t)(end - joined));
    reply->items = keep(r, items, a->item_count * sizeof *items);
    free(items);
    free(joined);
}

static void copy_ids(struct rig *r, struct rig_reply *reply, const struct answer *a)
{
    uint64_t *ids = calloc(a->count + 1, sizeof *ids);
    assert(ids);
    size_t count = 0;
    for (size_t i = 0; i < a->id_range_count; i++)
        for (uint64_t id = a->ids[i].first; id <= a->ids[i].last; id++) {
            CHECK(count < a->count);
            ids[count++] = id;
        }
    if (a->verb == MQ_VERB_PUT)
        CHECK_EQUAL(count, a->count);
    for (size_t i = 1; i < count; i++)
        CHECK(ids[i] > ids[i - 1]);
    reply->ids = keep(r, ids, (count + 1) * sizeof *ids);
    free(ids);
}

static void copy_rows(struct rig *r, struct answer *to, const struct answer *a)
{
    struct queue_stat *queues = keep(r, a->queues, a->queue_count * sizeof *queues);
    for (size_t i = 0; i < a->queue_count; i++)
        queues[i].name = keep_bytes(r, a->queues[i].name);
    struct session_row *rows = keep(r, a->sessions, a->session_count * sizeof *rows);
    for (size_t i = 0; i < a->session_count; i++) {
        rows[i].name = keep_bytes(r, rows[i].name);
        for (size_t k = 0; k < rows[i].wait_count; k++)
            rows[i].waits[k].queue = keep_bytes(r, rows[i].waits[k].queue);
        for (size_t k = 0; k < rows[i].hold_count; k++)
            rows[i].holds[k].queue = keep_bytes(r, rows[i].holds[k].queue);
    }
    to->queues = queues;
    to->sessions = rows;
    to->broker = a->broker ? keep(r, a->broker, sizeof *a->broker) : NULL;
    to->refusals = keep(r, a->refusals, a->refusal_count * sizeof *a->refusals);
}

static struct rig_reply copy_reply(struct rig *r, int session, const struct answer *a)
{
    struct rig_reply reply = {.session = session, .answer = *a};
    reply.answer.items = NULL;
    reply.answer.ids = NULL;
    reply.text = keep(r, a->text.data, a->text.size);
    reply.answer.text = (struct bytes){reply.text, a->text.size};
    copy_ids(r, &reply, a);
    copy_items(r, &reply, a);
    copy_rows(r, &reply.answer, a);
    return reply;
}

static void add_reply(struct rig *r, struct rig_reply reply)
{
    if (r->reply_count == r->reply_capacity) {
        r->reply_capacity = r->reply_capacity ? 2 * r->reply_capacity : 64;
        r->replies = realloc(r->replies, r->reply_capacity * sizeof *r->replies);
        assert(r->replies);
    }
    r->replies[r->reply_count++] = keep(r, &reply, sizeof reply);
}

/* ---- what is true of each reply ---- */

/* A request is answered once, and once more for each repeat; by its own verb; to the current connection. */
static void match(struct rig *r, void *peer, const struct rig_reply *reply)
{
    const struct answer *a = &reply->answer;
    struct rig_session *s = &r->sessions[reply->session];
    CHECK(s->handle != NULL);
    CHECK_EQUAL((uintptr_t)peer % 1000, s->connection);
    CHECK(a->number >= 1 && a->number <= s->sent_count);
    struct rig_sent *sent = &s->sent[a->number - 1];
    CHECK_EQUAL(a->verb, sent->step.verb);
    CHECK(sent->replies_due > 0);
    sent->replies_due = 0;
    if (!sent->step.is_lost)
        sent->is_received = true;
    if (a->verb == MQ_VERB_PUT && !sent->step.bulk_count)
        for (size_t i = 0; i < a->count; i++)
            know(r, sent->step.bodies[i], reply->ids[i]);
}

/* The status of a request about ids is its first refusal's. */
static void check_refusals(const struct answer *a)
{
    bool about_ids = a->verb == MQ_VERB_TASK_DONE || a->verb == MQ_VERB_RELEASE || a->verb == MQ_VERB_EXTEND;
    if (a->refusal_count) {
        CHECK(about_ids);
        CHECK_EQUAL(a->status, a->refusals[0].status);
    }
    if (about_ids && !a->refusal_count)
        CHECK(a->status != MQ_TOO_MANY_DONE && a->status != MQ_LEASE_LOST);
}

void rig_drain(struct rig *r)
{
    void *peer;
    struct answer answer;
    while (engine_next_reply(r->engine, r->is_durable ? r->safe : UINT64_MAX, &peer, &answer)) {
        int session = (int)((uintptr_t)peer / 1000);
        CHECK(session > 0 && session < RIG_SESSIONS);
        add_reply(r, copy_reply(r, session, &answer));
        match(r, peer, r->replies[r->reply_count - 1]);
        check_refusals(&answer);
    }
}

/* ---- checking ---- */

static struct rig_reply *take(struct rig *r, size_t index)
{
    r->replies[index]->is_taken = true;
    r->reply_last = index;
    while (r->reply_first < r->reply_count && r->replies[r->reply_first]->is_taken)
        r->reply_first++;
    return r->replies[index];
}

static void check_reply(const struct rig_step *step, const struct rig_reply *reply)
{
    RIG_CHECK(step, reply->answer.status == step->status, "%s says %s \"%s\" (%s), not %s",
              mq_verb_name(reply->answer.verb), mq_status_name(reply->answer.status), reply->text,
              reply->bodies, mq_status_name(step->status));
    if (step->gives)
        RIG_CHECK(step, !strcmp(reply->bodies, step->gives), "%s gives \"%s\", not \"%s\"",
                  mq_verb_name(reply->answer.verb), reply->bodies, step->gives);
}

void rig_expect(struct rig *r, const struct rig_step *step, int session, uint64_t number)
{
    if (step->expects == RIG_ANYTHING || step->expects == RIG_REFUSAL)
        return;
    size_t i = r->reply_first;
    while (i < r->reply_count && (r->replies[i]->is_taken || r->replies[i]->session != session ||
                                  r->replies[i]->answer.number != number))
        i++;
    if (step->expects == RIG_SILENCE) {
        RIG_CHECK(step, i == r->reply_count, "is answered with %s at once",
                  mq_status_name(r->replies[i]->answer.status));
        return;
    }
    RIG_CHECK(step, i < r->reply_count, "is not answered at once");
    check_reply(step, take(r, i));
}

const struct rig_reply *rig_next(const struct rig *r)
{
    return r->reply_first < r->reply_count ? r->replies[r->reply_first] : NULL;
}

const struct rig_reply *rig_read(struct rig *r, const struct rig_step *who)
{
    const struct rig_reply *reply = rig_next(r);
    RIG_CHECK(who, reply != NULL, "there is no reply");
    RIG_CHECK(who, reply->session == (who->session ? who->session : 1),
              "the next reply is for session %d: %s says %s \"%s\"", reply->session,
              mq_verb_name(reply->answer.verb), mq_status_name(reply->answer.status), reply->bodies);
    check_reply(who, reply);
    return take(r, r->reply_first);
}

void rig_check_none(struct rig *r, const char *file, unsigned line)
{
    const struct rig_reply *reply = rig_next(r);
    if (!reply)
        return;
    rig_fail(file, line, "unread reply to session %d: %s says %s \"%s\"", reply->session,
             mq_verb_name(reply->answer.verb), mq_status_name(reply->answer.status), reply->bodies);
}

const struct rig_reply *rig_last(const struct rig *r)
{
    assert(r->reply_count > 0);
    return r->replies[r->reply_last];
}

void rig_forget_replies(struct rig *r)
{
    while (r->chunks) {
        struct rig_chunk *next = r->chunks->next;
        free(r->chunks);
        r->chunks = next;
    }
    free(r->replies);
}
