/* conversation_check.c - every invariant of a conversation, walked and asserted. For tests and the simulator.
 */
#include "conversation.h"

static const struct exchange *exchange_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct exchange, node);
}

static void check_unnumbered(const struct list *list, bool openings)
{
    for (struct list_node *n = list_first(list); n; n = list_next(list, n)) {
        const struct exchange *x = exchange_of(n);
        assert(x->request.number == 0);
        assert(!x->withdrawn);
        assert(!x->lost);
        assert(!x->sent);
        assert(x->reopens == openings);
        assert(!openings || x->request.verb == MQ_VERB_OPEN);
    }
}

static bool is_confirmed(const struct conversation *c, uint64_t number)
{
    for (size_t i = 0; i < c->confirm_count; i++)
        if (number >= c->confirms[i].first && number <= c->confirms[i].last)
            return true;
    return false;
}

static void check_unanswered(const struct conversation *c)
{
    size_t count = 0, size = 0, repeats = 0, cancels = 0;
    uint64_t last = 0;
    for (struct list_node *n = list_first(&c->unanswered); n; n = list_next(&c->unanswered, n)) {
        const struct exchange *x = exchange_of(n);
        assert(x->request.number > last);
        assert(!x->lost);
        assert(!x->cancel_sent || x->withdrawn);
        assert(!is_confirmed(c, x->request.number));
        last = x->request.number;
        count++;
        size += x->size;
        repeats += !x->sent;
        cancels += x->sent && x->withdrawn && !x->cancel_sent;
    }
    assert(last < c->next_number);
    assert(count == c->unanswered_count);
    assert(count <= CONVERSATION_WINDOW);
    assert(size == c->in_flight);
    assert(repeats == c->repeats_due);
    assert(cancels == c->cancels_due);
}

static void check_confirms(const struct conversation *c)
{
    size_t answers = 0;
    for (size_t i = 0; i < c->confirm_count; i++) {
        assert(c->confirms[i].first <= c->confirms[i].last);
        assert(c->confirms[i].last < c->next_number);
        assert(i == 0 || c->confirms[i].first > c->confirms[i - 1].last + 1);
        answers += (size_t)(c->confirms[i].last - c->confirms[i].first + 1);
    }
    assert(answers == c->confirm_answers);
    assert(!c->confirm_now || c->confirm_count > 0);
}

void conversation_check(const struct conversation *c)
{
    check_unnumbered(&c->openings, true);
    check_unnumbered(&c->pending, false);
    check_unanswered(c);
    check_confirms(c);
    assert(c->line != LINE_READY || c->established);
    assert(c->established || (c->next_number == 1 && c->unanswered_count == 0));
    for (struct list_node *n = list_first(&c->lost); n; n = list_next(&c->lost, n))
        assert(exchange_of(n)->lost);
}
