/* numbers.c - peers that speak the protocol, but repeat, skip and make up numbers, or vanish. */
#include <string.h>

#include "peer.h"
#include "wait.h"

static struct broker broker;
static struct peer peer, other;

static void begin(void)
{
    static const char *const arguments[] = {"--bind", "tcp://127.0.0.1:0", "--resume-grace", "200ms", NULL};
    broker = (struct broker){0};
    broker_start(&broker, arguments, NULL);
    peer_join(&peer, &broker);
    peer_join(&other, &broker);
}

static void end(void)
{
    peer_works(&other, "witness");
    peer_close(&other);
    peer_close(&peer);
    broker_stop(&broker);
}

static struct request request(enum mq_verb verb)
{
    return (struct request){.verb = verb, .queue = mq_bytes("q"), .max = 1, .create = true};
}

static struct request put_request(const char *body)
{
    static struct put_item item;
    struct request put = request(MQ_VERB_PUT);
    item = (struct put_item){.body = mq_bytes(body)};
    put.puts = &item;
    put.put_count = 1;
    return put;
}

static void a_repeated_put_is_answered_again_and_stored_once(void)
{
    begin();
    peer_ask(&peer, request(MQ_VERB_OPEN));
    struct request put = put_request("once");
    uint64_t id = peer_ask(&peer, put).ids[0].first;
    put.number = peer.next_number - 1;
    for (int i = 0; i < 3; i++) {
        peer_send_request(&peer, &put);
        struct broker_frame again = peer_receive(&peer);
        CHECK_EQUAL(again.answer.number, put.number);
        CHECK_EQUAL(again.answer.count, 1);
        CHECK_EQUAL(again.answer.ids[0].first, id);
    }
    CHECK_EQUAL(peer_ask(&peer, request(MQ_VERB_STAT)).queues[0].ready, 1);
    end();
}

static void a_repeat_of_what_is_confirmed_is_ignored(void)
{
    begin();
    peer_ask(&peer, request(MQ_VERB_OPEN));
    peer_ask(&peer, put_request("once"));
    peer_ask(&peer, request(MQ_VERB_PING)); /* confirms the put */
    struct request put = put_request("again");
    put.number = 2;
    peer_send_request(&peer, &put);
    CHECK_EQUAL(peer_ask(&peer, request(MQ_VERB_STAT)).queues[0].ready, 1);
    end();
}

static void a_repeat_of_what_waits_gets_the_one_answer(void)
{
    begin();
    peer_ask(&peer, request(MQ_VERB_OPEN));
    struct request get = request(MQ_VERB_GET);
    get.number = peer.next_number++;
    get.timeout_ms = MQ_FOREVER_MS;
    for (int i = 0; i < 5; i++)
        peer_send_request(&peer, &get);
    struct request put = put_request("body");
    put.number = peer.next_number++;
    peer_send_request(&peer, &put);
    enum mq_verb first = peer_receive(&peer).verb, second = peer_receive(&peer).verb;
    CHECK_EQUAL(first + second, MQ_VERB_PUT + MQ_VERB_GET);
    CHECK_EQUAL(peer_ask(&peer, request(MQ_VERB_PING)).status, MQ_OK);
    end();
}

static void a_skipped_number_is_refused(void)
{
    begin();
    peer_ask(&peer, request(MQ_VERB_OPEN));
    struct request ping = request(MQ_VERB_PING);
    ping.number = peer.next_number + 1;
    peer_send_request(&peer, &ping);
    peer_expect_refused(&peer, MQ_INVALID);
    end();
}

static void a_number_far_off_is_refused(void)
{
    static const uint64_t numbers[] = {0, 1000000, UINT64_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        begin();
        struct request ping = request(MQ_VERB_PING);
        ping.number = numbers[i];
        peer_send_request(&peer, &ping);
        if (numbers[i] != 0)
            peer_expect_refused(&peer, MQ_INVALID);
        end();
    }
}

/* Answers that are never confirmed may pile up to a limit only. */
static void who_confirms_nothing_is_refused(void)
{
    begin();
    struct request ping = request(MQ_VERB_PING);
    for (ping.number = 1; ping.number <= MQ_WAITING_MAX + MQ_UNCONFIRMED_MAX + 1; ping.number++)
        peer_send_request(&peer, &ping);
    struct broker_frame frame;
    uint64_t answered = 0;
    while ((frame = peer_receive(&peer)).verb == MQ_VERB_PING)
        CHECK_EQUAL(frame.answer.number, ++answered);
    CHECK_EQUAL(frame.verb, MQ_VERB_REFUSED);
    CHECK_EQUAL(frame.status, MQ_LIMIT);
    CHECK(answered >= MQ_UNCONFIRMED_MAX);
    end();
}

static void confirming_what_was_never_asked_is_harmless(void)
{
    static const struct range ranges[] = {{5, 2}, {1, UINT64_MAX}, {0, 0}, {UINT64_MAX, UINT64_MAX}};
    struct bytes frame;
    begin();
    if (codec_encode_confirm(peer.codec, (struct ranges){ranges, 4}, &frame) == MQ_OK)
        peer_send(&peer, frame.data, frame.size);
    struct broker_frame ignored;
    peer_receive_within(&peer, 50, &ignored); /* refused, or not: both will do */
    end();
}

static void impossible_resumes_are_refused(void)
{
    static const struct range backwards[] = {{5, 9}, {2, 3}}, beyond[] = {{1, 99}}, zero[] = {{0, 1}};
    const struct ranges awaited[] = {{backwards, 2}, {beyond, 1}, {zero, 1}};
    begin();
    peer_ask(&peer, request(MQ_VERB_OPEN));
    for (size_t i = 0; i < sizeof awaited / sizeof *awaited; i++) {
        struct hello hello = {.version = 1, .resume = true, .next_number = 10, .awaited = awaited[i]};
        memcpy(hello.id, peer.id, sizeof hello.id);
        peer_send_hello(&peer, &hello);
        struct broker_frame frame = peer_receive(&peer);
        CHECK_EQUAL(frame.verb == MQ_VERB_HELLO ? frame.welcome.status : frame.status, MQ_INVALID);
    }
    end();
}

static void a_cancel_of_what_was_never_seen_uses_up_its_number(void)
{
    begin();
    peer_ask(&peer, request(MQ_VERB_OPEN));
    CHECK_EQUAL(peer_ask(&peer, request(MQ_VERB_CANCEL)).status, MQ_INTERRUPTED);
    struct request put = put_request("late");
    put.number = peer.next_number - 1;
    peer_send_request(&peer, &put);
    CHECK_EQUAL(peer_receive(&peer).answer.status, MQ_INTERRUPTED);
    CHECK_EQUAL(peer_ask(&peer, request(MQ_VERB_STAT)).queues[0].ready, 0);
    end();
}

static void nobody_finishes_anothers_items(void)
{
    begin();
    peer_ask(&peer, request(MQ_VERB_OPEN));
    peer_ask(&peer, put_request("mine"));
    uint64_t id = peer_ask(&peer, request(MQ_VERB_GET)).items[0].id;
    static const enum mq_verb verbs[] = {MQ_VERB_TASK_DONE, MQ_VERB_RELEASE, MQ_VERB_EXTEND};
    for (size_t i = 0; i < 3; i++) {
        struct request done = {.verb = verbs[i], .ids = &id, .id_count = 1};
        CHECK_EQUAL(peer_ask(&other, done).status, MQ_TOO_MANY_DONE);
    }
    struct request done = {.verb = MQ_VERB_TASK_DONE, .ids = &id, .id_count = 1};
    CHECK_EQUAL(peer_ask(&peer, done).status, MQ_OK);
    end();
}

/* Well-formed requests with values that make no sense are answered, not punished. */
static void senseless_values_are_answered_invalid(void)
{
    begin();
    peer_ask(&peer, request(MQ_VERB_OPEN));
    struct request get = request(MQ_VERB_GET), open = request(MQ_VERB_OPEN), put = put_request("x");
    get.timeout_ms = -2;
    CHECK_EQUAL(peer_ask(&peer, get).status, MQ_INVALID);
    open.queue = mq_bytes("a name with spaces");
    CHECK_EQUAL(peer_ask(&peer, open).status, MQ_INVALID);
    open.queue = mq_bytes("");
    CHECK_EQUAL(peer_ask(&peer, open).status, MQ_INVALID);
    put.timeout_ms = INT64_MIN;
    CHECK_EQUAL(peer_ask(&peer, put).status, MQ_INVALID);
    end();
}

/* Closes without a bye, as a killed process does. */
static void what_a_vanished_peer_held_is_soon_there_for_others(void)
{
    begin();
    peer_ask(&peer, request(MQ_VERB_OPEN));
    peer_ask(&peer, put_request("work"));
    CHECK_EQUAL(peer_ask(&peer, request(MQ_VERB_GET)).item_count, 1);
    peer_close(&peer);
    uint64_t before = clock_ms();
    struct request get = request(MQ_VERB_GET);
    get.timeout_ms = 10000;
    struct answer answer = peer_ask(&other, get);
    CHECK_EQUAL(answer.status, MQ_OK);
    CHECK_EQUAL(answer.items[0].deliveries, 2);
    CHECK(clock_ms() - before < 4000);
    peer_join(&peer, &broker);
    end();
}

/* The event of its end may overtake its hello; it must not stay connected for ever. */
static void who_vanishes_right_after_its_hello_is_noticed(void)
{
    begin();
    for (int i = 0; i < 50; i++) {
        struct peer hasty;
        peer_open(&hasty, &broker);
        struct hello hello = peer_hello_new(&hasty);
        peer_send_hello(&hasty, &hello);
        peer_close(&hasty);
    }
    uint64_t deadline = clock_ms() + LIMIT_MS;
    struct request stat = {.verb = MQ_VERB_STAT};
    while (peer_ask(&peer, stat).broker->connected > 2)
        CHECK(clock_ms() < deadline);
    end();
}

static const struct unit_test tests[] = {
    UNIT(a_repeated_put_is_answered_again_and_stored_once),
    UNIT(a_repeat_of_what_is_confirmed_is_ignored),
    UNIT(a_repeat_of_what_waits_gets_the_one_answer),
    UNIT(a_skipped_number_is_refused),
    UNIT(a_number_far_off_is_refused),
    UNIT(who_confirms_nothing_is_refused),
    UNIT(confirming_what_was_never_asked_is_harmless),
    UNIT(impossible_resumes_are_refused),
    UNIT(a_cancel_of_what_was_never_seen_uses_up_its_number),
    UNIT(nobody_finishes_anothers_items),
    UNIT(senseless_values_are_answered_invalid),
    UNIT(what_a_vanished_peer_held_is_soon_there_for_others),
    UNIT(who_vanishes_right_after_its_hello_is_noticed),
};

int main(void)
{
    return unit_run("numbers", tests, sizeof tests / sizeof *tests);
}
