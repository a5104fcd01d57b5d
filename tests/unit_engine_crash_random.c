/* Random work on a durable engine that loses, again and again, all that was not safe: each item whose put was
 * answered is there once, until a task_done of it was answered.
 *
 *     unit_engine_crash_random [SEED [ROUNDS]] */
#include "random.h"
#include "rig.h"
#include "rig_facts.h"
#include "rig_restart.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 4, DRAINER = 40, STEPS = 500, ITEMS_MAX = 4096, HELD_MAX = 64, BODY_SIZE = 12, ROUNDS = 12 };

/* What became of the item with this body. */
struct fate {
    char body[BODY_SIZE];
    bool may_be, is_put, may_be_done, is_done;
    int queue, seen;
};

struct play {
    struct rig rig;
    uint64_t random;
    struct fate fates[ITEMS_MAX];
    int count;
    int held[WORKERS + 1][HELD_MAX]; /* fates that a client has got and not finished */
    int held_count[WORKERS + 1];
};

static const char *const queues[] = {"fifo", "lifo", "bounded"};
static uint64_t seed = 1, rounds = ROUNDS;

static uint64_t below(struct play *p, uint64_t limit)
{
    return random_next(&p->random) % limit;
}

static bool one_in(struct play *p, uint64_t n)
{
    return below(p, n) == 0;
}

static int fate_of(const char *body)
{
    return atoi(body);
}

/* ---- answers ---- */

static void put_was_answered(struct play *p, const struct rig_step *step, const struct answer *a)
{
    for (size_t i = 0; i < RIG_ITEMS && step->bodies[i]; i++) {
        struct fate *fate = &p->fates[fate_of(step->bodies[i])];
        CHECK(!fate->is_put);
        fate->is_put = i < a->count;
        fate->may_be = i < a->count;
    }
}

static bool is_refused(const struct answer *a, uint64_t id)
{
    for (size_t i = 0; i < a->refusal_count; i++)
        if (a->refusals[i].id == id)
            return true;
    return a->status == MQ_NO_MEMORY;
}

static void done_was_answered(struct play *p, const struct rig_sent *sent, const struct answer *a)
{
    for (size_t i = 0; i < RIG_ITEMS && sent->step.bodies[i]; i++)
        if (!is_refused(a, sent->ids[i]))
            p->fates[fate_of(sent->step.bodies[i])].is_done = true;
}

static void get_was_answered(struct play *p, int session, const struct rig_reply *reply)
{
    for (size_t i = 0; i < reply->answer.item_count; i++) {
        struct fate *fate = &p->fates[fate_of(reply->items[i].body)];
        CHECK(!fate->is_done); /* what is done never comes again */
        if (session == DRAINER)
            fate->seen++;
        else if (p->held_count[session] < HELD_MAX)
            p->held[session][p->held_count[session]++] = fate_of(reply->items[i].body);
    }
}

static void read_replies(struct play *p)
{
    struct rig *r = &p->rig;
    for (; r->reply_first < r->reply_count; r->reply_first++) {
        const struct rig_reply *reply = r->replies[r->reply_first];
        const struct rig_sent *sent = &r->sessions[reply->session].sent[reply->answer.number - 1];
        if (!sent->is_received) /* it was lost on its way */
            continue;
        if (reply->answer.verb == MQ_VERB_PUT)
            put_was_answered(p, &sent->step, &reply->answer);
        else if (reply->answer.verb == MQ_VERB_TASK_DONE)
            done_was_answered(p, sent, &reply->answer);
        else if (reply->answer.verb == MQ_VERB_GET)
            get_was_answered(p, reply->session, reply);
    }
}

/* ---- work ---- */

static void put(struct play *p, int session)
{
    int queue = (int)below(p, 3);
    struct rig_step step = {.verb = MQ_VERB_PUT, .session = session, .queue = queues[queue]};
    step.timeout_ms = (int64_t)below(p, 3) * 40;
    step.partial = one_in(p, 4);
    step.is_lost = one_in(p, 8);
    for (size_t i = 0, count = 1 + below(p, 6); i < count && p->count < ITEMS_MAX; i++) {
        struct fate *fate = &p->fates[p->count];
        *fate = (struct fate){.may_be = true, .queue = queue};
        snprintf(fate->body, sizeof fate->body, "%d", p->count++);
        step.bodies[i] = fate->body;
    }
    if (step.bodies[0])
        rig_step(&p->rig, &step);
}

static void finish(struct play *p, int session)
{
    struct rig_step step = {.verb = one_in(p, 4) ? MQ_VERB_RELEASE : MQ_VERB_TASK_DONE, .session = session};
    step.is_lost = one_in(p, 8);
    for (size_t i = 0, count = 1 + below(p, 4); i < count && p->held_count[session] > 0; i++) {
        int at = (int)below(p, (uint64_t)p->held_count[session]);
        struct fate *fate = &p->fates[p->held[session][at]];
        p->held[session][at] = p->held[session][--p->held_count[session]];
        fate->may_be_done |= step.verb == MQ_VERB_TASK_DONE;
        step.bodies[i] = fate->body;
    }
    if (step.bodies[0])
        rig_step(&p->rig, &step);
}

static void work(struct play *p)
{
    int session = 1 + (int)below(p, WORKERS);
    struct rig_session *s = &p->rig.sessions[session];
    if (!s->connection) { /* a welcome, too, is only said when that is safe */
        rig_hello(&p->rig, SESSION(session), OK);
        rig_sync(&p->rig);
    }
    if (s->handle && one_in(p, 40))
        rig_drop(&p->rig, SESSION(session));
    if (!s->handle && s->connection)
        rig_resume(&p->rig, SESSION(session));
    else if (one_in(p, 3))
        put(p, session);
    else if (one_in(p, 2))
        finish(p, session);
    else
        rig_get(&p->rig, SESSION(session), QUEUE(queues[below(p, 3)]), MAX(1 + (uint32_t)below(p, 4)),
                TIMEOUT((int64_t)below(p, 2) * 30), .is_lost = one_in(p, 8));
}

static void step(struct play *p)
{
    struct rig *r = &p->rig;
    work(p);
    read_replies(p);
    if (one_in(p, 3))
        rig_run_to(r, r->now_ms + below(p, one_in(p, 30) ? 4000 : 20));
    read_replies(p);
    if (one_in(p, 3))
        rig_take(r);
    if (one_in(p, 4))
        rig_sync(r);
    if (one_in(p, 100))
        rig_begin_segment(r);
    read_replies(p);
    if (!one_in(p, 40))
        return;
    rig_restart(r);
    for (int s = 1; s <= WORKERS; s++)
        if (r->sessions[s].connection && !one_in(p, 3)) {
            rig_resume(r, SESSION(s));
            read_replies(p);
        }
}

/* Everybody comes back until all is answered, and leaves. */
static void end(struct play *p)
{
    struct rig *r = &p->rig;
    r->is_slow = false;
    for (int s = 1; s <= WORKERS; s++)
        if (r->sessions[s].connection && !r->sessions[s].handle)
            rig_resume(r, SESSION(s));
    rig_run_to(r, r->now_ms + 1000);
    read_replies(p);
    for (int s = 1; s <= WORKERS; s++) /* what was lost on its way is asked for again */
        if (r->sessions[s].handle) {
            rig_drop(r, SESSION(s));
            read_replies(p);
            rig_resume(r, SESSION(s));
            read_replies(p);
        }
    rig_run_to(r, r->now_ms + 1000);
    read_replies(p);
    for (int s = 1; s <= WORKERS; s++)
        if (r->sessions[s].handle)
            rig_bye(r, SESSION(s));
    for (int q = 0; q < 3; q++)
        while (rig_look(r, queues[q]).ready > 0) {
            rig_get(r, SESSION(DRAINER), QUEUE(queues[q]), MAX(8));
            read_replies(p);
        }
}

static void check_fates(const struct play *p)
{
    for (int i = 0; i < p->count; i++) {
        const struct fate *f = &p->fates[i];
        bool is_right = f->seen <= 1 && (f->seen == 0 || f->may_be) && !(f->seen && f->is_done) &&
                        (f->seen == 1 || !f->is_put || f->may_be_done);
        if (!is_right)
            printf("\n    item %d: put %d (maybe %d), done %d (maybe %d), seen %d\n", i, f->is_put, f->may_be,
                   f->is_done, f->may_be_done, f->seen);
        CHECK(is_right);
    }
}

static void what_was_answered_survives_and_nothing_comes_twice(void)
{
    for (uint64_t round = 0; round < rounds; round++) {
        struct play *p = calloc(1, sizeof *p);
        assert(p);
        p->random = (seed + round) * 0x9E3779B97F4A7C15u | 1;
        p->rig = rig_new((struct rig_options){.is_durable = true, .without_queue = true});
        rig_open(&p->rig, QUEUE("fifo"), OK);
        rig_open(&p->rig, QUEUE("lifo"), KIND(MQ_KIND_LIFO), OK);
        rig_open(&p->rig, QUEUE("bounded"), MAXSIZE(5), OK);
        p->rig.is_slow = true;
        for (int i = 0; i < STEPS; i++)
            step(p);
        end(p);
        check_fates(p);
        rig_free(&p->rig);
        free(p);
    }
}

int main(int argc, char **argv)
{
    static const struct unit_test tests[] = {UNIT(what_was_answered_survives_and_nothing_comes_twice)};
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : seed;
    rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : rounds;
    return unit_run("engine_crash_random", tests, sizeof tests / sizeof *tests);
}
