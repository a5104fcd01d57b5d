/* Random work on a durable engine that is killed again and again: after each restart all that can be seen is
 * as it was, and what is repeated is answered as it was the first time.
 *
 *     unit_engine_restart_random [SEED [ROUNDS [FILE]]]
 *
 * FILE gets the beginning of the last round's log, as an input for fuzz_replay. */
#include "random.h"
#include "rig.h"
#include "rig_facts.h"
#include "rig_restart.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 5, QUEUES = 5, STEPS = 400, HELD_MAX = 256, BODY_SIZE = 16, ROUNDS = 12, LOG_SIZE = 4000 };

static const char *const queue_names[QUEUES] = {"fifo", "lifo", "priority", "bounded", "leased"};

/* What a client has got and not finished, by its body. */
struct held {
    char bodies[HELD_MAX][BODY_SIZE];
    size_t count;
};

/* The rig remembers where texts are, so they live as long as it. */
struct text {
    struct text *next;
    char body[BODY_SIZE];
};

struct play {
    struct rig rig;
    uint64_t random;
    unsigned bodies; /* given so far */
    struct held held[WORKERS + 1];
    struct text *texts;
};

static uint64_t seed = 1, rounds = ROUNDS;
static const char *log_file;

static uint64_t below(struct play *p, uint64_t limit)
{
    return random_next(&p->random) % limit;
}

static bool one_in(struct play *p, uint64_t n)
{
    return below(p, n) == 0;
}

static char *new_text(struct play *p)
{
    struct text *text = calloc(1, sizeof *text);
    assert(text);
    text->next = p->texts;
    p->texts = text;
    return text->body;
}

/* ---- answers ---- */

static void keep_held(struct held *held, const struct rig_reply *reply)
{
    for (size_t i = 0; i < reply->answer.item_count && held->count < HELD_MAX; i++)
        snprintf(held->bodies[held->count++], BODY_SIZE, "%s", reply->items[i].body);
}

static void read_replies(struct play *p)
{
    struct rig *r = &p->rig;
    for (; r->reply_first < r->reply_count; r->reply_first++) {
        const struct rig_reply *reply = r->replies[r->reply_first];
        bool is_lost = r->sessions[reply->session].sent[reply->answer.number - 1].step.is_lost;
        if (reply->answer.verb == MQ_VERB_GET && reply->session <= WORKERS && !is_lost)
            keep_held(&p->held[reply->session], reply);
    }
}

/* The last reply to this request; NULL: none. */
static const struct rig_reply *reply_to(const struct rig *r, int session, uint64_t number)
{
    for (size_t i = r->reply_count; i > 0; i--)
        if (r->replies[i - 1]->session == session && r->replies[i - 1]->answer.number == number)
            return r->replies[i - 1];
    return NULL;
}

/* Do facts tell of this answer? */
static bool is_noted(const struct rig_reply *reply, const struct rig_sent *sent)
{
    const struct answer *a = &reply->answer;
    size_t total = 0;
    while (total < RIG_ITEMS && sent->step.bodies[total])
        total++;
    switch (a->verb) {
    case MQ_VERB_PUT:
        return a->status == MQ_OK && (a->count == total || sent->step.partial);
    case MQ_VERB_TASK_DONE:
    case MQ_VERB_RELEASE:
    case MQ_VERB_EXTEND:
        return true;
    case MQ_VERB_GET:
    case MQ_VERB_PURGE:
    case MQ_VERB_REMOVE:
    case MQ_VERB_SET:
    case MQ_VERB_SHUT_DOWN:
        return a->status == MQ_OK;
    default:
        return false;
    }
}

/* Items of a get may have gone back meanwhile. */
static void check_items(const struct rig_reply *first, const struct rig_reply *second)
{
    size_t at = 0;
    for (size_t i = 0; i < second->answer.item_count; i++, at++) {
        while (at < first->answer.item_count && first->items[at].id != second->items[i].id)
            at++;
        CHECK(at < first->answer.item_count);
        CHECK_EQUAL(first->items[at].deliveries, second->items[i].deliveries);
    }
}

static void check_same(const struct rig_reply *first, const struct rig_reply *second)
{
    const struct answer *a = &first->answer, *b = &second->answer;
    CHECK_EQUAL(b->verb, a->verb);
    if (a->verb == MQ_VERB_GET) {
        CHECK(b->status == MQ_OK || b->status == MQ_LEASE_LOST);
        check_items(first, second);
        return;
    }
    CHECK_EQUAL(b->status, a->status);
    CHECK_EQUAL(b->count, a->count);
    for (size_t i = 0; a->verb == MQ_VERB_PUT && i < a->count; i++)
        CHECK_EQUAL(second->ids[i], first->ids[i]);
    CHECK_EQUAL(b->refusal_count, a->refusal_count);
    for (size_t i = 0; i < a->refusal_count; i++) {
        CHECK_EQUAL(b->refusals[i].id, a->refusals[i].id);
        CHECK_EQUAL(b->refusals[i].status, a->refusals[i].status);
    }
}

/* The session comes back and repeats what has no answer. */
static void resume(struct play *p, int session)
{
    struct rig *r = &p->rig;
    struct rig_session *s = &r->sessions[session];
    size_t count = s->sent_count;
    const struct rig_reply **firsts = calloc(count + 1, sizeof *firsts);
    assert(firsts);
    for (size_t i = 0; i < count; i++)
        if (!s->sent[i].is_received)
            firsts[i] = reply_to(r, session, i + 1);
    rig_resume(r, SESSION(session));
    for (size_t i = 0; i < count; i++) {
        const struct rig_reply *second = firsts[i] ? reply_to(r, session, i + 1) : NULL;
        if (second && is_noted(firsts[i], &s->sent[i])) {
            CHECK(second != firsts[i]);
            check_same(firsts[i], second);
        }
    }
    free(firsts);
    read_replies(p);
}

/* ---- work ---- */

static void make_bodies(struct play *p, struct rig_step *step, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *text = new_text(p);
        snprintf(text, BODY_SIZE, "i%u", p->bodies++);
        step->bodies[i] = text;
        step->keys[i] = (int64_t)below(p, 4);
    }
}

/* Some of what the session has got; maybe what it has lost meanwhile, or finished before. */
static bool choose_held(struct play *p, struct rig_step *step)
{
    struct held *held = &p->held[step->session];
    size_t count = 1 + (size_t)below(p, 4);
    for (size_t i = 0; i < count && held->count > 0; i++) {
        size_t at = (size_t)below(p, held->count);
        char *text = new_text(p);
        memcpy(text, held->bodies[at], BODY_SIZE);
        step->bodies[i] = text;
        if (step->verb != MQ_VERB_EXTEND && !one_in(p, 10))
            memcpy(held->bodies[at], held->bodies[--held->count], BODY_SIZE);
    }
    return step->bodies[0] != NULL;
}

static int64_t some_timeout(struct play *p)
{
    const int64_t timeouts[] = {0, 0, 50, 400, MQ_FOREVER_MS};
    return timeouts[below(p, 5)];
}

static void work_on_queue(struct play *p, struct rig_step *step)
{
    size_t queue = (size_t)below(p, QUEUES);
    const enum mq_verb rare[] = {MQ_VERB_PURGE, MQ_VERB_SET,  MQ_VERB_JOIN, MQ_VERB_STAT,
                                 MQ_VERB_OPEN,  MQ_VERB_PEEK, MQ_VERB_PING};
    step->queue = queue_names[queue];
    step->max = 1 + (uint32_t)below(p, 5);
    step->timeout_ms = some_timeout(p);
    if (one_in(p, 12)) {
        step->verb = rare[below(p, sizeof rare / sizeof *rare)];
        step->maxsize = queue == 3 ? 1 + (int64_t)below(p, 8) : 0;
        step->given = step->verb == MQ_VERB_SET ? MQ_SETTING_MAXSIZE : 0;
    } else if (one_in(p, 2)) {
        step->verb = MQ_VERB_PUT;
        step->is_keyed = queue == 2;
        step->partial = one_in(p, 4);
        make_bodies(p, step, 1 + (size_t)below(p, one_in(p, 4) ? 12 : 3));
    } else {
        step->verb = MQ_VERB_GET;
        step->auto_done = one_in(p, 5);
    }
}

static bool choose(struct play *p, struct rig_step *step)
{
    const enum mq_verb about_items[] = {MQ_VERB_TASK_DONE, MQ_VERB_TASK_DONE, MQ_VERB_RELEASE,
                                        MQ_VERB_EXTEND};
    step->session = 1 + (int)below(p, WORKERS);
    step->is_lost = one_in(p, 6);
    step->untouched = one_in(p, 2);
    step->lease_ms = (int64_t)below(p, 3) * 200;
    if (one_in(p, 2)) {
        work_on_queue(p, step);
        return true;
    }
    step->verb = about_items[below(p, 4)];
    return choose_held(p, step);
}

static void restart(struct play *p)
{
    struct rig *r = &p->rig;
    char *before = rig_describe(r);
    rig_restart(r);
    char *after = rig_describe(r);
    if (strcmp(before, after))
        printf("\n---- before\n%s---- after\n%s", before, after);
    CHECK(!strcmp(before, after));
    free(before);
    free(after);
    for (int s = 1; s <= WORKERS; s++)
        if (r->sessions[s].connection && !one_in(p, 4))
            resume(p, s);
}

static void step(struct play *p)
{
    struct rig *r = &p->rig;
    struct rig_step next = {.file = __FILE__, .line = __LINE__};
    if (one_in(p, 40))
        restart(p);
    if (one_in(p, 80))
        rig_begin_segment(r);
    if (one_in(p, 5))
        rig_run_to(r, r->now_ms + below(p, one_in(p, 10) ? 4000 : 60));
    read_replies(p);
    if (!choose(p, &next))
        return;
    struct rig_session *s = &r->sessions[next.session];
    if (s->handle && one_in(p, 30))
        rig_drop(r, SESSION(next.session));
    if (!s->handle && s->connection)
        resume(p, next.session);
    else
        rig_step(r, &next);
    read_replies(p);
}

/* A group of about so many bytes that is all that happened first. */
static void write_log(const struct rig *r)
{
    struct facts facts;
    FILE *file = fopen(log_file, "wb");
    assert(file);
    facts_init(&facts, true);
    facts_add(&facts,
              &(struct fact){.kind = FACT_CHECKPOINT, .first_id = 1, .next_session = 1, .next_queue = 1});
    fputc(0, file);
    fwrite(facts.data + FACTS_HEAD, 1, facts_size(&facts), file);
    for (size_t i = 0, size = 0; i < r->group_count && size < LOG_SIZE; size += r->groups[i++].facts.size)
        fwrite(r->groups[i].facts.data, 1, r->groups[i].facts.size, file);
    fclose(file);
    facts_done(&facts);
}

static void random_work_survives_random_restarts(void)
{
    for (uint64_t round = 0; round < rounds; round++) {
        struct play *p = calloc(1, sizeof *p);
        assert(p);
        p->rig =
            rig_new((struct rig_options){.is_durable = true, .without_queue = true, .in_flight_max = 4000});
        p->random = (seed + round) * 0x9E3779B97F4A7C15u | 1;
        rig_open(&p->rig, QUEUE("fifo"), OK);
        rig_open(&p->rig, QUEUE("lifo"), KIND(MQ_KIND_LIFO), OK);
        rig_open(&p->rig, QUEUE("priority"), KIND(MQ_KIND_PRIORITY), OK);
        rig_open(&p->rig, QUEUE("bounded"), MAXSIZE(4), OK);
        rig_open(&p->rig, QUEUE("leased"), LEASE(300), OK);
        for (int i = 0; i < STEPS; i++)
            step(p);
        restart(p);
        read_replies(p);
        if (log_file)
            write_log(&p->rig);
        rig_free(&p->rig);
        for (struct text *text = p->texts, *after; text; text = after) {
            after = text->next;
            free(text);
        }
        free(p);
    }
}

int main(int argc, char **argv)
{
    static const struct unit_test tests[] = {UNIT(random_work_survives_random_restarts)};
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : seed;
    rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : rounds;
    log_file = argc > 3 ? argv[3] : NULL;
    return unit_run("engine_restart_random", tests, sizeof tests / sizeof *tests);
}
