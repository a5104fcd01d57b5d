/* line.c - the client and its connection: hellos, refusals, new connections, new sessions. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "call.h"
#include "fake.h"
#include "mqc_client.h"

static const struct mqc_options short_patience = {.given = MQC_OPTION_CONNECT_TIMEOUT,
                                                  .connect_timeout_ms = 600};

static void hear_two_hellos(struct fake *f)
{
    uint8_t first[MQ_SESSION_ID_SIZE];
    memcpy(first, fake_take_hello(f, false)->id, sizeof first);
    REQUIRE(memcmp(first, fake_take_hello(f, false)->id, sizeof first) != 0);
}

static void a_hello_without_an_answer_is_said_once_more_and_then_given_up_in_words(void)
{
    struct fake f;
    struct mqc *mqc = NULL;
    fake_init(&f);
    fake_run(&f, hear_two_hellos);
    uint64_t before = clock_ms();
    CHECK_EQUAL(mqc_open(f.endpoint, &short_patience, &mqc), MQ_DISCONNECTED);
    CHECK(clock_ms() - before >= 600);
    CHECK(strstr(mqc_error(NULL), "does not answer") != NULL);
    fake_end(&f);
}

static void nobody_at_the_endpoint_is_said_in_words(void)
{
    struct mqc *mqc = NULL;
    CHECK_EQUAL(mqc_open("ipc:///nonexistent/mq", &short_patience, &mqc), MQ_DISCONNECTED);
    CHECK(strstr(mqc_error(NULL), "cannot connect to ipc:///nonexistent/mq") != NULL);
    CHECK_EQUAL(mqc_open("tcp://nowhere.invalid:7420", &short_patience, &mqc), MQ_DISCONNECTED);
    CHECK(strstr(mqc_error(NULL), "nowhere.invalid") != NULL);
}

static void what_is_no_endpoint_is_invalid(void)
{
    static const char *const wrong[] = {"",       "nonsense",   "tcp://",
                                        "ipc://", "tcp://host", "udp://127.0.0.1:1"};
    struct mqc *mqc = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_EQUAL(mqc_open(wrong[i], &short_patience, &mqc), MQ_INVALID);
        CHECK(strlen(mqc_error(NULL)) > 0);
    }
}

static void be_of_another_version(struct fake *f)
{
    fake_take_hello(f, false);
    fake_say_welcome(f, MQ_UNSUPPORTED);
}

static void a_broker_of_another_version_is_final(void)
{
    struct fake f;
    struct mqc *mqc = NULL;
    fake_init(&f);
    f.limits.version = MQ_PROTOCOL_VERSION + 1;
    fake_run(&f, be_of_another_version);
    CHECK_EQUAL(mqc_open(f.endpoint, NULL, &mqc), MQ_UNSUPPORTED);
    CHECK(strstr(mqc_error(NULL), "refuses") != NULL);
    fake_end(&f);
}

static void have_room_later(struct fake *f)
{
    fake_take_hello(f, false);
    fake_say_welcome(f, MQ_LIMIT);
    fake_take_hello(f, false);
    fake_say_welcome(f, MQ_EXISTS);
    fake_welcome(f);
    fake_goodbye(f);
}

static void a_broker_without_room_is_asked_again(void)
{
    struct fake f;
    fake_init(&f);
    fake_run(&f, have_room_later);
    mqc_close(fake_client(&f, LIMIT_MS));
    fake_end(&f);
}

static void send_away_once(struct fake *f)
{
    fake_welcome(f);
    uint64_t number = fake_take_request(f, MQ_VERB_PING)->number;
    fake_refuse(f, MQ_TEMPORARY, "not now");
    const struct hello *hello = fake_take_hello(f, true);
    REQUIRE(hello->next_number == number + 1);
    REQUIRE(hello->awaited.count == 1 && hello->awaited.list[0].first == number);
    fake_say_welcome(f, MQ_OK);
    REQUIRE(fake_take_request(f, MQ_VERB_PING)->number == number);
    fake_answer(f, (struct answer){0});
    fake_goodbye(f);
}

static void send_garbage_once(struct fake *f)
{
    static const unsigned char garbage[] = {0xc1, 0xff, 0x00};
    fake_welcome(f);
    fake_take(f, MQ_VERB_PING);
    fake_send(f, (struct bytes){garbage, sizeof garbage});
    fake_take_hello(f, true);
    fake_say_welcome(f, MQ_OK);
    fake_take(f, MQ_VERB_PING);
    fake_answer(f, (struct answer){0});
    fake_goodbye(f);
}

static void end_the_session_once(struct fake *f)
{
    struct bytes bytes;
    fake_welcome(f);
    fake_take(f, MQ_VERB_PING);
    REQUIRE(codec_encode_bye_answer(f->out, MQ_SESSION_LOST, &bytes) == MQ_OK);
    fake_send(f, bytes);
    fake_take_hello(f, true);
    fake_say_welcome(f, MQ_SESSION_LOST);
    fake_welcome(f);
    fake_take(f, MQ_VERB_PING);
    fake_answer(f, (struct answer){0});
    fake_goodbye(f);
}

static void ping_through(void (*script)(struct fake *))
{
    struct fake f;
    uint64_t us = 0;
    fake_init(&f);
    fake_run(&f, script);
    struct mqc *mqc = fake_client(&f, LIMIT_MS);
    CHECK_EQUAL(mqc_ping(mqc, &us), MQ_OK);
    CHECK(us > 0);
    mqc_close(mqc);
    fake_end(&f);
}

static void what_is_unanswered_is_repeated_under_its_number_on_the_next_connection(void)
{
    ping_through(send_away_once);
}

static void a_broker_that_cannot_be_read_is_left_and_tried_again(void)
{
    ping_through(send_garbage_once);
}

static void a_session_that_the_broker_ends_is_begun_anew(void)
{
    ping_through(end_the_session_once);
}

/* The client's session is unknown after the first request that is not an open. */
static void forget_the_session(struct fake *f)
{
    uint8_t id[MQ_SESSION_ID_SIZE];
    fake_refuse(f, MQ_TEMPORARY, "about to start again");
    memcpy(id, fake_take_hello(f, true)->id, sizeof id);
    fake_say_welcome(f, MQ_SESSION_LOST);
    REQUIRE(memcmp(id, fake_take_hello(f, false)->id, sizeof id) != 0);
    fake_say_welcome(f, MQ_OK);
}

static void require_bounded(const struct request *open)
{
    REQUIRE(open->settings.given == MQ_SETTING_MAXSIZE);
    REQUIRE(open->settings.maxsize == 3);
    REQUIRE(open->create);
}

static void open_before_all_else(struct fake *f)
{
    static const struct item_view item = {.id = 1, .deliveries = 1, .body = {"x", 1}};
    fake_welcome(f);
    require_bounded(fake_take_request(f, MQ_VERB_OPEN));
    fake_answer(f, (struct answer){0});
    fake_take(f, MQ_VERB_GET);
    forget_the_session(f);
    require_bounded(fake_take_request(f, MQ_VERB_OPEN));
    fake_answer(f, (struct answer){0});
    fake_take(f, MQ_VERB_GET);
    fake_answer(f, (struct answer){.items = &item, .item_count = 1});
    fake_goodbye(f);
}

static struct mqc_queue *open_bounded(struct mqc *mqc)
{
    struct mqc_queue *queue = NULL;
    struct mqc_queue_options options = {.given = MQ_SETTING_MAXSIZE, .mode = MQC_OPEN_CREATE, .maxsize = 3};
    CHECK_EQUAL(mqc_queue_open(mqc, "bounded", &options, &queue), MQ_OK);
    return queue;
}

static void in_a_new_session_queues_are_opened_before_a_blocked_get_goes_on(void)
{
    struct fake f;
    struct mqc_item *item;
    fake_init(&f);
    fake_run(&f, open_before_all_else);
    struct mqc *mqc = fake_client(&f, LIMIT_MS);
    struct mqc_queue *queue = open_bounded(mqc);
    CHECK_EQUAL(mqc_get(queue, MQ_FOREVER, &item), MQ_OK);
    mqc_item_free(item);
    mqc_queue_close(queue);
    mqc_close(mqc);
    fake_end(&f);
}

static void refuse_to_open_again(struct fake *f)
{
    fake_welcome(f);
    fake_take(f, MQ_VERB_OPEN);
    fake_answer(f, (struct answer){0});
    fake_take(f, MQ_VERB_PING);
    forget_the_session(f);
    fake_take(f, MQ_VERB_OPEN);
    fake_answer(f, (struct answer){.status = MQ_EXISTS, .text = mq_bytes("maxsize")});
    fake_take(f, MQ_VERB_PING);
    fake_answer(f, (struct answer){0});
    fake_goodbye(f);
}

static void a_handle_that_cannot_be_opened_again_returns_the_refusal(void)
{
    struct fake f;
    fake_init(&f);
    fake_run(&f, refuse_to_open_again);
    struct mqc *mqc = fake_client(&f, LIMIT_MS);
    struct mqc_queue *queue = open_bounded(mqc);
    CHECK_EQUAL(mqc_ping(mqc, NULL), MQ_OK);
    CHECK_EQUAL(mqc_put(queue, "x", 1, MQ_FOREVER), MQ_EXISTS);
    CHECK(strstr(mqc_error(mqc), "maxsize") != NULL);
    mqc_queue_close(queue);
    mqc_close(mqc);
    fake_end(&f);
}

static void lose_a_put_and_a_task_done(struct fake *f)
{
    static const struct item_view item = {.id = 1, .deliveries = 1, .body = {"x", 1}};
    fake_welcome(f);
    fake_take(f, MQ_VERB_GET);
    fake_answer(f, (struct answer){.items = &item, .item_count = 1});
    fake_take(f, MQ_VERB_PUT);
    forget_the_session(f);
    fake_tell(f, 1);
    fake_goodbye(f);
}

static void a_put_under_way_is_unknown_and_held_items_are_lost_with_the_session(void)
{
    struct fake f;
    struct mqc_item *item;
    fake_init(&f);
    fake_run(&f, lose_a_put_and_a_task_done);
    struct mqc *mqc = fake_client(&f, LIMIT_MS);
    struct mqc_queue *queue = fake_queue(mqc, "q");
    CHECK_EQUAL(mqc_get(queue, MQ_FOREVER, &item), MQ_OK);
    CHECK_EQUAL(mqc_put(queue, "y", 1, MQ_FOREVER), MQ_SESSION_LOST);
    fake_await(&f, 1);
    CHECK(memcmp(mqc_item_body(item), "x", 1) == 0);
    CHECK_EQUAL(mqc_extend(item, 10), MQ_LEASE_LOST);
    CHECK_EQUAL(mqc_task_done(item), MQ_LEASE_LOST);
    CHECK_EQUAL(mqc_queue_task_done(queue), MQ_TOO_MANY_DONE);
    mqc_queue_close(queue);
    mqc_close(mqc);
    fake_end(&f);
}

static void lapse(struct fake *f)
{
    static const struct item_view items[] = {{.id = 1, .deliveries = 1, .body = {"x", 1}},
                                             {.id = 2, .deliveries = 1, .body = {"y", 1}}};
    fake_welcome(f);
    fake_take(f, MQ_VERB_GET);
    fake_answer(f, (struct answer){.items = items, .item_count = 2});
    uint64_t number = fake_take_request(f, MQ_VERB_TASK_DONE)->number;
    fake_refuse(f, MQ_TEMPORARY, "go away for a while");
    fake_take_hello(f, true);
    f->limits.lapses = 1;
    fake_say_welcome(f, MQ_OK);
    REQUIRE(fake_take_request(f, MQ_VERB_CANCEL)->number == number);
    fake_answer(f, (struct answer){.status = MQ_INTERRUPTED});
    fake_goodbye(f);
}

static void what_a_session_held_before_it_lapsed_is_not_spoken_of_any_more(void)
{
    struct fake f;
    struct mqc_item *items[2];
    size_t count;
    fake_init(&f);
    fake_run(&f, lapse);
    struct mqc *mqc = fake_client(&f, LIMIT_MS);
    struct mqc_queue *queue = fake_queue(mqc, "q");
    CHECK_EQUAL(mqc_get_many(queue, 2, MQ_FOREVER, items, &count), MQ_OK);
    CHECK_EQUAL(mqc_task_done(items[0]), MQ_LEASE_LOST);
    CHECK_EQUAL(mqc_task_done(items[1]), MQ_LEASE_LOST);
    mqc_queue_close(queue);
    mqc_close(mqc);
    fake_end(&f);
}

static void lapse_while_nobody_asks(struct fake *f)
{
    static const struct item_view items[] = {{.id = 1, .deliveries = 1, .body = {"x", 1}},
                                             {.id = 2, .deliveries = 1, .body = {"y", 1}}};
    fake_welcome(f);
    fake_take(f, MQ_VERB_GET);
    fake_answer(f, (struct answer){.items = items, .item_count = 2, .lease_ms = 60000});
    fake_refuse(f, MQ_TEMPORARY, "go away for a while");
    fake_take_hello(f, true); /* by itself, because it holds items */
    fake_await(f, 1);
    f->limits.lapses = 1;
    fake_say_welcome(f, MQ_OK);
    fake_goodbye(f);
}

struct ending {
    struct mqc_item *item;
    enum mq_status status;
};

static void *end_item(void *context)
{
    struct ending *ending = context;
    ending->status = mqc_task_done(ending->item);
    return NULL;
}

static bool somebody_waits(struct mqc *mqc)
{
    pthread_mutex_lock(&mqc->lock);
    bool waits = !list_is_empty(&mqc->waiting);
    pthread_mutex_unlock(&mqc->lock);
    return waits;
}

/* A flush of nothing reads what has arrived. */
static bool is_away(struct mqc *mqc)
{
    CHECK_EQUAL(mqc_flush(mqc, MQ_NOWAIT), MQ_OK);
    pthread_mutex_lock(&mqc->lock);
    bool is_ready = mqc->conversation.line == LINE_READY;
    pthread_mutex_unlock(&mqc->lock);
    return !is_ready;
}

static void a_task_done_that_waits_for_the_line_is_not_sent_after_a_lapse(void)
{
    struct fake f;
    struct mqc_item *items[2];
    size_t count;
    fake_init(&f);
    fake_run(&f, lapse_while_nobody_asks);
    struct mqc *mqc = fake_client(&f, LIMIT_MS);
    struct mqc_queue *queue = fake_queue(mqc, "q");
    CHECK_EQUAL(mqc_get_many(queue, 2, MQ_FOREVER, items, &count), MQ_OK);
    WAIT_UNTIL(is_away(mqc), LIMIT_MS);
    pthread_t thread;
    struct ending ending = {.item = items[0]};
    CHECK(pthread_create(&thread, NULL, end_item, &ending) == 0);
    WAIT_UNTIL(somebody_waits(mqc), LIMIT_MS);
    fake_tell(&f, 1);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    CHECK_EQUAL(ending.status, MQ_LEASE_LOST);
    mqc_item_free(items[1]);
    CHECK_EQUAL(mqc_queue_task_done(queue), MQ_LEASE_LOST);
    CHECK_EQUAL(mqc_queue_task_done(queue), MQ_TOO_MANY_DONE);
    mqc_queue_close(queue);
    mqc_close(mqc);
    fake_end(&f);
}

static void forget_the_session_twice(struct fake *f)
{
    fake_welcome(f);
    require_bounded(fake_take_request(f, MQ_VERB_OPEN));
    fake_answer(f, (struct answer){0});
    fake_take(f, MQ_VERB_PING);
    forget_the_session(f);
    require_bounded(fake_take_request(f, MQ_VERB_OPEN));
    fake_take(f, MQ_VERB_PING);
    forget_the_session(f); /* before either is answered */
    require_bounded(fake_take_request(f, MQ_VERB_OPEN));
    fake_answer(f, (struct answer){0});
    fake_take(f, MQ_VERB_PING);
    fake_answer(f, (struct answer){0});
    fake_goodbye(f);
}

static void a_queue_is_opened_once_in_each_new_session(void)
{
    struct fake f;
    fake_init(&f);
    fake_run(&f, forget_the_session_twice);
    struct mqc *mqc = fake_client(&f, LIMIT_MS);
    struct mqc_queue *queue = open_bounded(mqc);
    CHECK_EQUAL(mqc_ping(mqc, NULL), MQ_OK);
    mqc_queue_close(queue);
    mqc_close(mqc);
    fake_end(&f);
}

static void refuse_after_a_while(struct fake *f)
{
    fake_welcome(f);
    fake_take(f, MQ_VERB_PING);
    let_pass(1100); /* long enough to count as a steady connection */
    fake_refuse(f, MQ_TEMPORARY, "done for today");
    fake_take_hello(f, true);
    fake_say_welcome(f, MQ_OK);
    fake_take(f, MQ_VERB_PING);
    fake_answer(f, (struct answer){0});
    fake_goodbye(f);
}

static void a_connection_that_was_steady_is_made_again_at_once(void)
{
    ping_through(refuse_after_a_while);
}

/* Something else entirely listens there. */
static void *greet_like_a_mail_server(void *context)
{
    static const char greeting[] =
        "220 mail.example ESMTP, and a line that is long enough for a signature\r\n";
    int fd;
    while ((fd = accept(*(int *)context, NULL, NULL)) >= 0) {
        char rest[256];
        if (write(fd, greeting, sizeof greeting - 1) > 0)
            while (read(fd, rest, sizeof rest) > 0)
                ;
        close(fd);
    }
    return NULL;
}

static void what_is_no_broker_is_said_in_words(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    char endpoint[64];
    pthread_t thread;
    struct mqc *mqc = NULL;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 5) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    CHECK(pthread_create(&thread, NULL, greet_like_a_mail_server, &fd) == 0);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    CHECK_EQUAL(mqc_open(endpoint, &short_patience, &mqc), MQ_DISCONNECTED);
    CHECK(strstr(mqc_error(NULL), endpoint) != NULL);
    CHECK(shutdown(fd, SHUT_RDWR) == 0);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    close(fd);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(a_hello_without_an_answer_is_said_once_more_and_then_given_up_in_words),
        UNIT(nobody_at_the_endpoint_is_said_in_words),
        UNIT(what_is_no_endpoint_is_invalid),
        UNIT(a_broker_of_another_version_is_final),
        UNIT(a_broker_without_room_is_asked_again),
        UNIT(what_is_unanswered_is_repeated_under_its_number_on_the_next_connection),
        UNIT(a_broker_that_cannot_be_read_is_left_and_tried_again),
        UNIT(a_session_that_the_broker_ends_is_begun_anew),
        UNIT(in_a_new_session_queues_are_opened_before_a_blocked_get_goes_on),
        UNIT(a_handle_that_cannot_be_opened_again_returns_the_refusal),
        UNIT(a_put_under_way_is_unknown_and_held_items_are_lost_with_the_session),
        UNIT(what_a_session_held_before_it_lapsed_is_not_spoken_of_any_more),
        UNIT(a_task_done_that_waits_for_the_line_is_not_sent_after_a_lapse),
        UNIT(a_queue_is_opened_once_in_each_new_session),
        UNIT(a_connection_that_was_steady_is_made_again_at_once),
        UNIT(what_is_no_broker_is_said_in_words),
    };
    return unit_run("line", tests, sizeof tests / sizeof *tests);
}
