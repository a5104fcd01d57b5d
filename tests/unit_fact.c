/* unit_fact.c - facts are read as they were written, whatever else the bytes are. */
#include "facts.h"
#include "random.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static uint64_t random_state = 1;

static uint64_t next_random(void)
{
    return random_next(&random_state);
}

/* Of any size, small ones and the largest included. */
static uint64_t any_number(void)
{
    return next_random() >> next_random() % 64;
}

static bool is_same_bytes(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static void check_same_settings(const struct settings *a, const struct settings *b)
{
    CHECK_EQUAL(a->given, b->given);
    CHECK_EQUAL(a->kind, b->kind);
    CHECK_EQUAL(a->maxsize, b->maxsize);
    CHECK_EQUAL(a->lease_ms, b->lease_ms);
    CHECK_EQUAL(a->is_transient, b->is_transient);
}

static void check_same_numbers(const struct fact *a, const struct fact *b)
{
    CHECK_EQUAL(a->kind, b->kind);
    CHECK_EQUAL(a->cause.session, b->cause.session);
    CHECK_EQUAL(a->cause.call, b->cause.call);
    CHECK_EQUAL(a->queue, b->queue);
    CHECK_EQUAL(a->first_id, b->first_id);
    CHECK_EQUAL(a->time_ms, b->time_ms);
    CHECK_EQUAL(a->count, b->count);
    CHECK_EQUAL(a->total, b->total);
    CHECK_EQUAL(a->redelivered, b->redelivered);
    CHECK_EQUAL(a->next_session, b->next_session);
    CHECK_EQUAL(a->next_queue, b->next_queue);
    CHECK_EQUAL(a->segment, b->segment);
    CHECK_EQUAL(a->next_number, b->next_number);
    CHECK_EQUAL(a->flags, b->flags);
    CHECK_EQUAL(a->deliveries, b->deliveries);
    CHECK_EQUAL(a->lapses, b->lapses);
    CHECK_EQUAL(a->lease_ms, b->lease_ms);
    CHECK_EQUAL(a->verb, b->verb);
    CHECK_EQUAL(a->status, b->status);
}

static void check_same(const struct fact *a, const struct fact *b)
{
    check_same_numbers(a, b);
    CHECK(is_same_bytes(a->name, b->name));
    check_same_settings(&a->created, &b->created);
    check_same_settings(&a->settings, &b->settings);
    CHECK(memcmp(&a->totals, &b->totals, sizeof a->totals) == 0);
    CHECK(memcmp(a->session_id, b->session_id, sizeof a->session_id) == 0);
}

static struct settings any_settings(void)
{
    struct settings s = {.given = next_random() & MQ_SETTINGS_ALL};
    if (s.given & MQ_SETTING_KIND)
        s.kind = (enum mq_kind)(next_random() % 3);
    if (s.given & MQ_SETTING_MAXSIZE)
        s.maxsize = (int64_t)any_number();
    if (s.given & MQ_SETTING_LEASE)
        s.lease_ms = (int64_t)any_number();
    s.is_transient = s.given & MQ_SETTING_TRANSIENT && next_random() % 2;
    return s;
}

static char any_name[MQ_NAME_SIZE_MAX];

static struct fact any_fact_of_place(enum fact_kind kind)
{
    struct fact fact = {.kind = kind, .name = {any_name, next_random() % (sizeof any_name + 1)}};
    fact.cause.session = any_number();
    fact.created = any_settings();
    fact.settings = any_settings();
    fact.time_ms = any_number();
    fact.flags = (uint32_t)any_number();
    if (kind == FACT_SESSION) {
        for (size_t i = 0; i < sizeof fact.session_id; i++)
            fact.session_id[i] = (uint8_t)next_random();
        fact.next_number = any_number();
        fact.lapses = (uint32_t)any_number();
        fact.created = fact.settings = (struct settings){0};
        return fact;
    }
    fact.cause.call = any_number();
    fact.verb = MQ_VERB_SET;
    fact.queue = any_number();
    fact.totals = (struct fact_totals){any_number(), any_number(), any_number(),
                                       any_number(), any_number(), any_number()};
    return fact;
}

/* Whatever a kind has is any number; whatever it has not is zero. */
static struct fact any_fact(enum fact_kind kind)
{
    uint64_t session = any_number(), call = any_number(), queue = any_number(), count = any_number();
    int64_t lease_ms = (int64_t)any_number();
    uint32_t flags = (uint32_t)any_number();
    switch (kind) {
    case FACT_CHECKPOINT:
        return (struct fact){.kind = kind,
                             .count = count >> 29,
                             .first_id = any_number(),
                             .next_session = any_number(),
                             .next_queue = queue,
                             .segment = any_number()};
    case FACT_IDS:
        return (struct fact){.kind = kind, .first_id = any_number()};
    case FACT_QUEUE:
    case FACT_SESSION:
        return any_fact_of_place(kind);
    case FACT_REMOVED:
    case FACT_PURGED:
        return (struct fact){.kind = kind, .cause = {session, call}, .queue = queue, .count = count};
    case FACT_STORED:
        return (struct fact){.kind = kind,
                             .cause = {session, call},
                             .queue = queue,
                             .time_ms = any_number(),
                             .first_id = any_number(),
                             .total = count,
                             .flags = flags};
    case FACT_MOVED:
        return (struct fact){.kind = kind,
                             .queue = queue,
                             .first_id = any_number(),
                             .time_ms = any_number(),
                             .deliveries = (uint32_t)any_number(),
                             .cause = {session, call},
                             .lease_ms = lease_ms,
                             .flags = flags};
    case FACT_TAKEN:
        return (struct fact){.kind = kind,
                             .cause = {session, call},
                             .queue = queue,
                             .lease_ms = lease_ms,
                             .flags = flags,
                             .count = count,
                             .redelivered = any_number()};
    case FACT_DONE:
        return (struct fact){.kind = kind, .cause = {session, call}};
    case FACT_REFUSED:
        return (struct fact){.kind = kind, .cause = {session, call}, .verb = MQ_VERB_EXTEND};
    case FACT_DROPPED:
        return (struct fact){.kind = kind, .segment = any_number()};
    case FACT_RETURNED:
        return (struct fact){.kind = kind, .cause = {session, call}, .flags = flags};
    case FACT_EXTENDED:
        return (struct fact){.kind = kind, .cause = {session, call}, .lease_ms = lease_ms};
    case FACT_CALL:
        return (struct fact){.kind = kind,
                             .cause = {session, call},
                             .verb = MQ_VERB_PURGE,
                             .status = MQ_BUSY,
                             .count = count,
                             .total = any_number(),
                             .lease_ms = lease_ms,
                             .flags = flags};
    default:
        return (struct fact){.kind = kind, .cause.session = session};
    }
}

/* What follows the fields of a kind. */
enum rest { REST_NONE, REST_ITEMS, REST_RUNS, REST_REFUSALS };

static enum rest rest_of(enum fact_kind kind)
{
    switch (kind) {
    case FACT_STORED:
    case FACT_MOVED:
        return REST_ITEMS;
    case FACT_TAKEN:
    case FACT_DONE:
    case FACT_RETURNED:
    case FACT_EXTENDED:
    case FACT_CALL:
    case FACT_CONFIRMED:
        return REST_RUNS;
    case FACT_REFUSED:
        return REST_REFUSALS;
    default:
        return REST_NONE;
    }
}

static const struct put_item three_items[] = {
    {.body = {"first", 5}, .key = {"k", 1}},
    {.body = {NULL, 0}, .key = {NULL, 0}},
    {.body = {"a body of more than a hundred and twenty-seven bytes, so that its size takes two bytes: "
              "it goes on and on, and nobody knows why it does that.",
              141},
     .key = {"another key", 11}},
};
static const struct range three_runs[] = {{7, 7}, {9, 500}, {1, 3}};
static const struct refusal two_refusals[] = {{12, MQ_TOO_MANY_DONE}, {1u << 31, MQ_LEASE_LOST}};

/* One with all that may follow it. */
static void write_fact(struct facts *f, const struct fact *fact, bool is_keyed)
{
    facts_begin(f, fact);
    for (size_t i = 0; i < 3 && rest_of(fact->kind) == REST_ITEMS; i++)
        facts_item(f, is_keyed, is_keyed ? three_items[i].key : (struct bytes){0}, three_items[i].body);
    for (size_t i = 0; i < 3 && rest_of(fact->kind) == REST_RUNS; i++)
        for (uint64_t id = three_runs[i].first; id <= three_runs[i].last; id++)
            facts_id(f, id);
    for (size_t i = 0; i < 2 && rest_of(fact->kind) == REST_REFUSALS; i++)
        facts_refusal(f, two_refusals[i]);
    facts_end(f);
}

static void check_rest(struct fact_reader *r, struct fact *fact, bool is_keyed)
{
    struct put_item item;
    struct range run;
    struct refusal refusal;
    for (size_t i = 0; i < 3 && rest_of(fact->kind) == REST_ITEMS; i++) {
        CHECK(fact_next_item(r, fact, is_keyed, &item));
        CHECK(is_same_bytes(item.body, three_items[i].body));
        CHECK(is_same_bytes(item.key, is_keyed ? three_items[i].key : (struct bytes){0}));
    }
    for (size_t i = 0; i < 3 && rest_of(fact->kind) == REST_RUNS; i++) {
        CHECK(fact_next_run(r, fact, &run));
        CHECK_EQUAL(run.first, three_runs[i].first);
        CHECK_EQUAL(run.last, three_runs[i].last);
    }
    for (size_t i = 0; i < 2 && rest_of(fact->kind) == REST_REFUSALS; i++) {
        CHECK(fact_next_refusal(r, fact, &refusal));
        CHECK_EQUAL(refusal.id, two_refusals[i].id);
        CHECK_EQUAL(refusal.status, two_refusals[i].status);
    }
    CHECK(!fact_next_item(r, fact, is_keyed, &item));
    CHECK(!fact_next_run(r, fact, &run));
    CHECK(!fact_next_refusal(r, fact, &refusal));
    CHECK(!r->why);
}

static void every_kind_is_read_as_it_was_written(void)
{
    enum { ROUNDS = 200 };
    static struct fact written[ROUNDS * FACT_KINDS];
    struct facts f;
    facts_init(&f, true);
    memset(any_name, 'n', sizeof any_name);
    size_t count = 0;
    for (size_t round = 0; round < ROUNDS; round++)
        for (unsigned kind = 1; kind < FACT_KINDS; kind++) {
            written[count] = any_fact((enum fact_kind)kind);
            write_fact(&f, &written[count++], round % 2);
            CHECK_EQUAL(f.needed, facts_position(&f));
        }
    struct fact_reader r;
    struct fact fact;
    fact_read(&r, facts_bytes(&f));
    for (size_t i = 0; i < count; i++) {
        CHECK(fact_next(&r, &fact));
        check_same(&fact, &written[i]);
        check_rest(&r, &fact, i / (FACT_KINDS - 1) % 2);
    }
    CHECK(!fact_next(&r, &fact));
    CHECK(!r.why);
    facts_done(&f);
}

/* Reads all there is, and says how many facts that was. */
static size_t read_all(struct bytes bytes, bool is_keyed, const char **ret_why)
{
    struct fact_reader r;
    struct fact fact;
    size_t count = 0;
    fact_read(&r, bytes);
    while (fact_next(&r, &fact)) {
        struct put_item item;
        struct range run;
        struct refusal refusal;
        enum rest rest = rest_of(fact.kind);
        while (rest == REST_ITEMS && fact_next_item(&r, &fact, is_keyed, &item))
            CHECK(item.body.size + item.key.size < bytes.size);
        while (rest == REST_RUNS && fact_next_run(&r, &fact, &run))
            CHECK(run.first > 0 && run.first <= run.last);
        while (rest == REST_REFUSALS && fact_next_refusal(&r, &fact, &refusal))
            CHECK(refusal.status <= UINT8_MAX);
        count += !r.why;
    }
    *ret_why = r.why;
    return count;
}

/* In a block of just this size, so that a sanitizer sees who reads behind it. */
static size_t read_copy(struct bytes bytes, bool is_keyed, const char **ret_why)
{
    uint8_t *copy = malloc(bytes.size ? bytes.size : 1);
    CHECK(copy != NULL);
    if (bytes.size)
        memcpy(copy, bytes.data, bytes.size);
    size_t count = read_all((struct bytes){copy, bytes.size}, is_keyed, ret_why);
    free(copy);
    return count;
}

/* One fact of each kind; *ends: where each of them ends. */
static void write_each(struct facts *f, size_t ends[FACT_KINDS])
{
    facts_init(f, true);
    ends[0] = 0;
    for (unsigned kind = 1; kind < FACT_KINDS; kind++) {
        struct fact fact = any_fact((enum fact_kind)kind);
        write_fact(f, &fact, true);
        ends[kind] = facts_size(f);
    }
}

static void every_truncation_is_noticed(void)
{
    struct facts f;
    size_t ends[FACT_KINDS], whole = 0;
    write_each(&f, ends);
    for (size_t size = 0; size <= facts_size(&f); size++) {
        const char *why;
        while (whole + 1 < FACT_KINDS && ends[whole + 1] <= size)
            whole++;
        CHECK_EQUAL(read_copy((struct bytes){f.data + FACTS_HEAD, size}, true, &why), whole);
        CHECK((why == NULL) == (ends[whole] == size));
    }
    facts_done(&f);
}

/* A fact whose size says less than it has: what is read of it is too little for its fields or its rest. */
static void fields_that_are_cut_off_are_noticed(void)
{
    struct facts f;
    size_t ends[FACT_KINDS];
    write_each(&f, ends);
    for (unsigned kind = 1; kind < FACT_KINDS; kind++) {
        uint8_t *fact = f.data + FACTS_HEAD + ends[kind - 1];
        size_t size = ends[kind] - ends[kind - 1] - 5;
        for (size_t less = 0; less < size; less++) {
            const char *why;
            for (size_t i = 0; i < 4; i++)
                fact[1 + i] = (uint8_t)(less >> (8 * i));
            size_t count = read_copy((struct bytes){fact, 5 + less}, true, &why);
            CHECK(count == 1 || why);
            CHECK(rest_of((enum fact_kind)kind) != REST_NONE || why);
        }
    }
    facts_done(&f);
}

static void hostile_bytes_are_read_within_their_bounds(void)
{
    struct facts f;
    size_t ends[FACT_KINDS];
    for (size_t round = 0; round < 3000; round++) {
        const char *why;
        write_each(&f, ends);
        for (size_t flips = next_random() % 4; flips > 0; flips--)
            f.data[FACTS_HEAD + next_random() % facts_size(&f)] = (uint8_t)next_random();
        read_copy(facts_bytes(&f), round % 2, &why);
        facts_done(&f);
    }
    for (size_t round = 0; round < 3000; round++) {
        uint8_t noise[64];
        const char *why;
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)next_random();
        noise[0] = (uint8_t)(round % (FACT_KINDS + 1));
        noise[1] = (uint8_t)(next_random() % sizeof noise);
        noise[2] = noise[3] = noise[4] = 0;
        read_copy((struct bytes){noise, 5 + (size_t)next_random() % (sizeof noise - 4)}, true, &why);
    }
}

static const char *why_not(const uint8_t *data, size_t size)
{
    const char *why;
    read_copy((struct bytes){data, size}, true, &why);
    return why;
}

static void what_makes_no_sense_is_refused_with_a_reason(void)
{
    static const uint8_t unknown[] = {FACT_KINDS, 0, 0, 0, 0}, none[] = {0, 0, 0, 0, 0},
                         too_large[] = {FACT_GONE, 0xFF, 0xFF, 0xFF, 0xFF, 1},
                         more[] = {FACT_GONE, 2, 0, 0, 0, 1, 1},
                         long_number[] = {FACT_GONE, 10,   0,    0,    0,    0xFF, 0xFF, 0xFF,
                                          0xFF,      0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2},
                         id_zero[] = {FACT_DONE, 4, 0, 0, 0, 1, 1, 0, 0},
                         id_over[] = {FACT_DONE, 5, 0, 0, 0, 1, 1, 1, 1, 0},
                         odd_setting[] = {FACT_QUEUE, 14,   0,    0, 0, 1, 1, 0, 1, 1,
                                          'q',        0x80, 0x80, 2, 0, 0, 0, 0, 0},
                         odd_kind[] = {FACT_QUEUE, 13, 0, 0, 0, 1, 1, 0, 1, 1, 'q', 1, 3, 0, 0, 0, 0, 0},
                         odd_transient[] = {FACT_QUEUE, 13, 0, 0, 0, 1, 1, 0, 1, 1, 'q', 8, 2, 0, 0, 0, 0, 0},
                         odd_flags[] = {FACT_RETURNED, 7, 0, 0, 0, 1, 1, 0x80, 0x80, 0x80, 0x80, 0x10};
    CHECK(why_not(unknown, sizeof unknown) != NULL);
    CHECK(why_not(none, sizeof none) != NULL);
    CHECK(why_not(too_large, sizeof too_large) != NULL);
    CHECK(why_not(more, sizeof more) != NULL);
    CHECK(why_not(long_number, sizeof long_number) != NULL);
    CHECK(why_not(id_zero, sizeof id_zero) != NULL);
    CHECK(why_not(id_over, sizeof id_over) != NULL);
    CHECK(why_not(odd_setting, sizeof odd_setting) != NULL);
    CHECK(why_not(odd_kind, sizeof odd_kind) != NULL);
    CHECK(why_not(odd_transient, sizeof odd_transient) != NULL);
    CHECK(why_not(odd_flags, sizeof odd_flags) != NULL);
}

static void kinds_have_names(void)
{
    for (unsigned kind = 1; kind < FACT_KINDS; kind++)
        CHECK(strcmp(fact_kind_name((enum fact_kind)kind), "?") != 0);
    CHECK(strcmp(fact_kind_name(FACT_STORED), "STORED") == 0);
    CHECK(strcmp(fact_kind_name((enum fact_kind)0), "?") == 0);
    CHECK(strcmp(fact_kind_name(FACT_KINDS), "?") == 0);
}

static const struct unit_test tests[] = {
    UNIT(every_kind_is_read_as_it_was_written),         UNIT(every_truncation_is_noticed),
    UNIT(fields_that_are_cut_off_are_noticed),          UNIT(hostile_bytes_are_read_within_their_bounds),
    UNIT(what_makes_no_sense_is_refused_with_a_reason), UNIT(kinds_have_names),
};

int main(void)
{
    return unit_run("fact", tests, sizeof tests / sizeof *tests);
}
