/* model_session.c - the model's sessions: they come, are lost, come back and end. */
#include "model_parts.h"
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct model_session *session_by_id(const struct model *m, const uint8_t id[MQ_SESSION_ID_SIZE])
{
    for (size_t i = 0; i < m->session_count; i++)
        if (memcmp(m->sessions[i]->id, id, MQ_SESSION_ID_SIZE) == 0)
            return m->sessions[i];
    return NULL;
}

static struct model_item *first_held(const struct model *m, const struct model_session *s)
{
    struct model_item *first = NULL;
    for (size_t i = 0; i < m->item_count; i++)
        if (m->items[i]->holder == s && (!first || m->items[i]->place < first->place))
            first = m->items[i];
    return first;
}

static void return_all(struct model *m, struct model_session *s, bool remember)
{
    for (struct model_item *item; (item = first_held(m, s));)
        model_return(m, item, false, remember);
}

void model_free_session(struct model *m, struct model_session *s)
{
    s->peer = NULL;
    for (struct model_call *call; (call = model_next_call(m, s, 0));) {
        if (call->waits)
            model_answer(m, call, MQ_SESSION_LOST);
        model_remove_call(m, call);
    }
    size_t at = 0;
    while (m->sessions[at] != s)
        at++;
    memmove(&m->sessions[at], &m->sessions[at + 1], (--m->session_count - at) * sizeof *m->sessions);
    free(s->lost);
    free(s);
}

struct model_session *model_first_ended(const struct model *m, size_t *ret_count)
{
    struct model_session *first = NULL;
    *ret_count = 0;
    for (size_t i = 0; i < m->session_count; i++) {
        struct model_session *s = m->sessions[i];
        if (s->ended && (!first || s->ended < first->ended))
            first = s;
        *ret_count += s->ended > 0;
    }
    return first;
}

static void forget_first_ended(struct model *m)
{
    size_t count;
    m->forgotten++;
    model_note_lazily(m);
    model_free_session(m, model_first_ended(m, &count));
}

static void lapse(struct model *m, struct model_session *s)
{
    model_note_lazily(m);
    for (struct model_call *call = NULL; (call = model_next_call(m, s, call ? call->number : 0));) {
        if (call->waits)
            model_answer(m, call, MQ_SESSION_LOST);
        call->is_cut = false;
    }
    return_all(m, s, true);
    s->lapsed = ++m->turn;
    s->lapses++;
    m->sessions_lost++;
}

void model_end_session(struct model *m, struct model_session *s)
{
    size_t ended;
    lapse(m, s);
    s->ended = ++m->turn;
    s->due_ms = m->now_ms + m->options.remember_ms;
    model_first_ended(m, &ended);
    if (ended > m->options.remembered_max)
        forget_first_ended(m);
}

static enum mq_status open_session(struct model *m, const struct hello *hello,
                                   struct model_session **ret_session)
{
    size_t ended;
    if (session_by_id(m, hello->id))
        return MQ_EXISTS;
    if (m->session_count >= m->options.sessions_max && !model_first_ended(m, &ended))
        return MQ_LIMIT;
    if (m->session_count >= m->options.sessions_max)
        forget_first_ended(m);
    SIM_REQUIRE(m->session_count < MODEL_SESSIONS, "too many sessions for the model");
    struct model_session *s = sim_alloc(sizeof *s);
    memcpy(s->id, hello->id, sizeof s->id);
    s->number = m->next_session++;
    s->next_number = s->given = 1;
    s->since_ms = m->now_ms;
    m->sessions[m->session_count++] = s;
    model_note(m, NULL);
    *ret_session = s;
    return MQ_OK;
}

static bool is_awaited(const struct hello *hello, uint64_t number)
{
    for (size_t i = 0; i < hello->awaited.count; i++)
        if (number >= hello->awaited.list[i].first && number <= hello->awaited.list[i].last)
            return true;
    return false;
}

static void confirm_not_awaited(struct model *m, struct model_session *s, const struct hello *hello)
{
    struct range *others = sim_alloc(hello->next_number * sizeof *others);
    size_t count = 0;
    for (uint64_t number = 1; number < hello->next_number; number++)
        if (!is_awaited(hello, number))
            others[count++] = (struct range){number, number};
    model_confirm_numbers(m, s, (struct ranges){others, count});
    free(others);
}

/* It has answers of which the log knows nothing. */
static bool knows_more(const struct model_session *s, const struct hello *hello)
{
    for (uint64_t number = s->next_number; number < hello->next_number; number++)
        if (!is_awaited(hello, number))
            return true;
    return false;
}

/* It confirms by not awaiting it that it has what an auto-done get gave, or that it has lost it. */
static bool has_doubtful(const struct model *m, const struct model_session *s, const struct hello *hello)
{
    for (struct model_call *call = NULL; (call = model_next_call(m, s, call ? call->number : 0));)
        if (call->auto_done && model_next_taken(m, call, 0) && !is_awaited(hello, call->number))
            return true;
    return false;
}

static void come_back(struct model *m, struct model_session *s, const struct hello *hello)
{
    if (s->ended)
        model_note(m, NULL);
    model_need_all(m);
    if (s->is_replayed && s->unsure_until == 0) {
        if (m->options.is_forgetful && first_held(m, s) &&
            (knows_more(s, hello) || has_doubtful(m, s, hello))) {
            lapse(m, s);
            model_note(m, NULL);
        }
        s->unsure_until = hello->next_number;
    }
    confirm_not_awaited(m, s, hello);
    s->unsure_from = 0;
}

enum mq_status model_hello(struct model *m, const struct hello *hello, void *peer, void **ret_old_peer,
                           const struct model_session **ret_session)
{
    struct model_session *s = session_by_id(m, hello->id);
    enum mq_status status = MQ_OK;
    *ret_old_peer = NULL;
    if (!hello->resume)
        status = open_session(m, hello, &s);
    else if (!s)
        status = MQ_SESSION_LOST;
    else if (hello->next_number < s->next_number)
        status = MQ_INVALID;
    else if (s->ended && m->has_failed)
        status = MQ_TEMPORARY;
    if (status == MQ_OK) {
        *ret_old_peer = s->peer;
        model_owe_nothing(m, s);
        s->peer = NULL;
        if (hello->resume)
            come_back(m, s, hello);
        s->peer = peer;
        s->due_ms = NEVER;
        s->ended = 0;
        s->heard_ms = m->now_ms;
        *ret_session = s;
    }
    model_settle(m);
    return status;
}

void model_disconnect(struct model *m, const void *peer)
{
    struct model_session *s = model_session_of(m, peer);
    s->peer = NULL;
    model_owe_nothing(m, s);
    s->due_ms = m->now_ms + m->options.resume_grace_ms;
    model_settle(m);
}

void model_bye(struct model *m, const void *peer, struct ranges confirms)
{
    struct model_session *s = model_session_of(m, peer);
    model_confirm_numbers(m, s, confirms);
    model_note(m, NULL);
    return_all(m, s, false);
    model_free_session(m, s);
    model_settle(m);
}

void model_confirm(struct model *m, const void *peer, struct ranges confirms)
{
    struct model_session *s = model_session_of(m, peer);
    s->heard_ms = m->now_ms;
    model_confirm_numbers(m, s, confirms);
    model_settle(m);
}
