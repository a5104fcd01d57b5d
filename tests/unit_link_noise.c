/* unit_link_noise.c - whatever a handful of peers say, in whatever order, while lines break and time jumps:
 * the engine's invariants hold and the link forgets nobody it should know. The numbers come from a fixed
 * seed; with an argument, from that one. */
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "link.h"
#include "random.h"
#include "unit.h"

enum { PEERS = 6, QUEUES = 4, STEPS = 20000 };

static uint64_t seed = 1, state;
static struct engine *engine;
static struct link *rules;
static struct codec *codec, *ears;
static uint64_t now_ms;
static uint64_t last_id;                             /* the highest that was ever handed out */
static uint64_t answers[UINT8_MAX + 1][MQ_BUSY + 1]; /* seen, by verb and status */

/* What a peer believes; most of what it says follows from it. */
static struct talker {
    uint8_t route[5], id[MQ_SESSION_ID_SIZE];
    uint64_t next_number;
    uint64_t item;   /* the first of its last get */
    bool is_gone;    /* what is sent there cannot be sent */
    bool is_bound;   /* it has a session */
    bool starts_new; /* its next hello is for a new session */
} talkers[PEERS];

static uint64_t dice(uint64_t sides)
{
    return (random_next(&state) >> 16) % sides;
}

static void hear(struct talker *t, const struct broker_frame *frame)
{
    if (frame->verb == MQ_VERB_HELLO) {
        t->is_bound = frame->welcome.status == MQ_OK;
        t->starts_new = !t->is_bound;
    } else if (frame->verb == MQ_VERB_REFUSED || frame->verb == MQ_VERB_BYE) {
        t->is_bound = false;
        t->starts_new = frame->verb == MQ_VERB_BYE;
    } else if (frame->verb != MQ_VERB_PROBE) {
        answers[frame->verb][frame->answer.status]++;
        if (frame->verb == MQ_VERB_GET && frame->answer.item_count > 0)
            t->item = frame->answer.items[0].id;
        for (size_t i = 0; i < frame->answer.item_count; i++)
            if (frame->answer.items[i].id > last_id)
                last_id = frame->answer.items[i].id;
    }
}

static bool send_somewhere(void *context, struct bytes route, int fd, struct bytes frame)
{
    (void)context;
    CHECK(fd >= 0 && fd < PEERS && frame.size > 0 && route.size == 5);
    struct talker *t = &talkers[fd];
    if (t->is_gone || memcmp(t->route, route.data, route.size) != 0)
        return false;
    struct broker_frame heard;
    const char *why;
    CHECK_EQUAL(codec_decode_broker(ears, frame, &heard, &why), MQ_OK);
    hear(t, &heard);
    return true;
}

/* Never the same connection twice. */
static void reconnect(struct talker *t)
{
    static uint32_t routes;
    routes++;
    t->is_gone = t->is_bound = false;
    memcpy(t->route + 1, &routes, sizeof routes);
}

static int64_t any_number(void)
{
    static const int64_t numbers[] = {-2, -1, 0, 1, 2, 5, 100, INT32_MAX, INT64_MAX, INT64_MIN};
    return numbers[dice(sizeof numbers / sizeof *numbers)];
}

static void fill_items(struct request *request)
{
    bool has_keys = dice(8) == 0;
    static struct put_item items[8];
    static const uint8_t body[300] = {0}, key[] = {0};
    request->puts = items;
    request->put_count = 1 + dice(8);
    for (size_t i = 0; i < request->put_count; i++) {
        items[i] = (struct put_item){.body = {body, dice(sizeof body)}};
        if (has_keys)
            items[i].key = (struct bytes){key, sizeof key};
    }
}

static void fill_ids(struct request *request, const struct talker *t)
{
    static uint64_t ids[8];
    request->ids = ids;
    request->id_count = 1 + (dice(3) ? 0 : dice(8));
    ids[0] = t->item;
    for (size_t i = 1; i < request->id_count; i++)
        ids[i] = dice(20) ? last_id + 1 - dice(last_id < 20 ? last_id + 1 : 20) : UINT64_MAX - dice(3);
}

/* Mostly what queues are for. */
static enum mq_verb any_verb(void)
{
    static const enum mq_verb common[] = {MQ_VERB_PUT,       MQ_VERB_PUT,     MQ_VERB_GET, MQ_VERB_GET,
                                          MQ_VERB_TASK_DONE, MQ_VERB_RELEASE, MQ_VERB_OPEN};
    if (dice(3))
        return common[dice(sizeof common / sizeof *common)];
    return dice(10) ? MQ_VERB_OPEN + (enum mq_verb)dice(16) : MQ_VERB_CANCEL;
}

static struct request any_request(struct talker *t)
{
    static const char *const queues[] = {"a", "b", "c", "d", "", "not a name"};
    static struct range confirms;
    struct request r = {.verb = any_verb()};
    uint64_t known = t->next_number - 1;
    confirms = (struct range){known < 20 ? 1 : known - 20, known - (known ? dice(known < 5 ? known : 5) : 0)};
    r.confirms = (struct ranges){&confirms, known > 0 && dice(3)};
    r.number = dice(300) ? t->next_number++ : dice(10) ? dice(t->next_number) : (uint64_t)any_number();
    if (r.verb == MQ_VERB_CANCEL && known > 5 && dice(2))
        r.number = known - dice(5);
    r.queue = mq_bytes(queues[dice(dice(20) ? QUEUES : 6)]);
    r.timeout_ms = dice(10) ? (int64_t)dice(50) : any_number();
    r.settings = (struct settings){(uint32_t)dice(16), (enum mq_kind)dice(3), (int64_t)dice(5),
                                   (int64_t)dice(100), dice(2) == 0};
    r.lease_ms = dice(4) ? (int64_t)dice(100) : any_number();
    r.max = (uint32_t)dice(5);
    r.after_number = dice(10);
    r.auto_done = dice(2);
    r.untouched = dice(2);
    r.immediate = dice(2);
    r.force = dice(2);
    r.last = dice(2);
    r.create = dice(2);
    fill_items(&r);
    fill_ids(&r, t);
    return r;
}

static struct bytes any_hello(struct talker *t)
{
    static struct range awaited[2];
    struct bytes frame;
    struct hello hello = {.version = dice(30) ? 1 : 2, .next_number = t->next_number};
    hello.resume = dice(20) ? !t->starts_new : dice(2);
    if (!hello.resume) {
        for (size_t i = 0; i < sizeof t->id; i++)
            t->id[i] = (uint8_t)dice(256);
        t->next_number = 1;
    }
    memcpy(hello.id, dice(30) ? t->id : talkers[dice(PEERS)].id, sizeof hello.id);
    for (size_t i = 0; i < 2; i++)
        awaited[i] = (struct range){dice(t->next_number + 1), dice(t->next_number + 1)};
    hello.awaited = (struct ranges){awaited, dice(4) ? 0 : dice(3)};
    CHECK_EQUAL(codec_encode_hello(codec, &hello, &frame), MQ_OK);
    return frame;
}

static struct bytes any_frame(struct talker *t)
{
    struct range confirms = {dice(t->next_number), dice(t->next_number + 1)};
    struct bytes frame;
    uint64_t what = dice(200);
    if (what < 3 || (!t->is_bound && dice(10)))
        return any_hello(t);
    if (what == 3) {
        CHECK_EQUAL(codec_encode_bye(codec, (struct ranges){&confirms, dice(2)}, &frame), MQ_OK);
    } else if (what < 10) {
        CHECK_EQUAL(codec_encode_confirm(codec, (struct ranges){&confirms, 1}, &frame), MQ_OK);
    } else {
        struct request request = any_request(t);
        CHECK_EQUAL(codec_encode_request(codec, &request, &frame), MQ_OK);
    }
    return frame;
}

static void say_something(size_t peer)
{
    struct talker *t = &talkers[peer];
    if (t->is_gone && dice(5) == 0)
        reconnect(t);
    struct bytes frame = any_frame(t);
    size_t size = dice(300) ? frame.size : dice(frame.size + 1);
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, frame.data, size);
    for (uint64_t flips = dice(100) ? 0 : dice(4); flips > 0 && size > 0; flips--)
        copy[dice(size)] ^= (uint8_t)(1 << dice(8));
    struct link_frame in = {.route = {t->route, sizeof t->route}, .fd = (int)peer, .bytes = {copy, size}};
    link_input(rules, now_ms, &in);
    free(copy);
}

static void something_happens(void)
{
    size_t peer = dice(PEERS);
    switch (dice(300)) {
    case 0:
        talkers[peer].is_gone = true;
        break;
    case 1:
        link_closed(rules, now_ms, (int)peer);
        reconnect(&talkers[peer]);
        break;
    case 2:
    case 3:
    case 4:
        now_ms += dice(dice(10) ? 100 : 20000);
        break;
    default:
        say_something(peer);
    }
}

static void answer_all(void)
{
    void *peer;
    struct answer answer;
    while (engine_next_reply(engine, UINT64_MAX, &peer, &answer))
        link_output(rules, now_ms, peer, &answer);
}

static void check_everything(void)
{
    struct broker_stat stat;
    engine_check(engine);
    engine_stat(engine, &stat);
    CHECK_EQUAL(stat.connected, link_stat(rules).bound);
    CHECK(stat.connected <= 2 * PEERS);
}

static void whatever_peers_say_the_rules_hold(void)
{
    struct engine_options options;
    struct log quiet;
    engine_options_default(&options);
    options.remember_ms = 5000;
    options.sessions_max = options.remembered_max = 8;
    options.waiting_max = options.unconfirmed_max = 16;
    options.queues_max = 3;
    options.memory_limit = 3000;
    state = seed * 0x9e3779b97f4a7c15 + 1;
    now_ms = 0;
    engine = engine_new(&options, 0);
    codec = codec_new();
    ears = codec_new();
    log_init(&quiet, -1, LOG_ERROR, LOG_FORMAT_TEXT);
    rules = link_new(engine, &quiet, (struct link_options){.fd_max = PEERS},
                     (struct link_door){.send = send_somewhere});
    CHECK(engine && codec && ears && rules);
    for (size_t i = 0; i < PEERS; i++) {
        talkers[i] = (struct talker){.next_number = 1};
        reconnect(&talkers[i]);
    }
    for (int step = 0; step < STEPS; step++) {
        something_happens();
        link_tick(rules, now_ms);
        engine_tick(engine, now_ms);
        answer_all();
        check_everything();
    }
    link_free(rules);
    engine_free(engine);
    codec_free(codec);
    codec_free(ears);
}

static void whatever_they_say_with_other_seeds_too(void)
{
    for (int i = 0; i < 10; i++) {
        seed++;
        whatever_peers_say_the_rules_hold();
    }
}

/* Noise that is only ever refused would test nothing. */
static void the_noise_had_every_kind_of_answer(void)
{
    static const struct {
        enum mq_verb verb;
        enum mq_status status;
    } expected[] = {{MQ_VERB_PUT, MQ_OK},        {MQ_VERB_PUT, MQ_FULL},       {MQ_VERB_PUT, MQ_SHUT_DOWN},
                    {MQ_VERB_PUT, MQ_TEMPORARY}, {MQ_VERB_GET, MQ_OK},         {MQ_VERB_GET, MQ_EMPTY},
                    {MQ_VERB_GET, MQ_SHUT_DOWN}, {MQ_VERB_TASK_DONE, MQ_OK},   {MQ_VERB_RELEASE, MQ_OK},
                    {MQ_VERB_EXTEND, MQ_OK},     {MQ_VERB_JOIN, MQ_TIMED_OUT}, {MQ_VERB_REMOVE, MQ_BUSY},
                    {MQ_VERB_OPEN, MQ_EXISTS},   {MQ_VERB_OPEN, MQ_LIMIT},     {MQ_VERB_SET, MQ_OK},
                    {MQ_VERB_PURGE, MQ_OK},      {MQ_VERB_PEEK, MQ_OK}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        uint64_t seen = answers[expected[i].verb][expected[i].status];
        if (seen == 0)
            printf("\n    no %s was answered %s\n", mq_verb_name(expected[i].verb),
                   mq_status_name(expected[i].status));
        CHECK(seen > 0);
    }
}

static const struct unit_test tests[] = {
    UNIT(whatever_peers_say_the_rules_hold),
    UNIT(whatever_they_say_with_other_seeds_too),
    UNIT(the_noise_had_every_kind_of_answer),
};

int main(int argc, char **argv)
{
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 10);
    printf("seed %llu\n", (unsigned long long)seed);
    return unit_run("link_noise", tests, sizeof tests / sizeof *tests);
}
