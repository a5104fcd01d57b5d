/* arguments.c - what a call refuses before it asks the broker, which here hears nothing but hello and bye. */
#include <string.h>

#include "fake.h"

static struct fake fake;
static struct mqc *mqc;
static struct mqc_queue *queue;

static void hear_nothing(struct fake *f)
{
    fake_welcome(f);
    fake_goodbye(f);
}

static void begin(void)
{
    fake_init(&fake);
    fake_run(&fake, hear_nothing);
    mqc = fake_client(&fake, LIMIT_MS);
    queue = fake_queue(mqc, "q");
}

static void end(void)
{
    mqc_queue_close(queue);
    mqc_close(mqc);
    fake_end(&fake);
}

static enum mq_status open_with(struct mqc_options options)
{
    struct mqc *none = NULL;
    enum mq_status status = mqc_open("ipc:///nonexistent/mq", &options, &none);
    CHECK(none == NULL);
    return status;
}

static void options_out_of_range_open_nothing(void)
{
    static char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    CHECK_EQUAL(mqc_open(NULL, NULL, NULL), MQ_INVALID);
    CHECK_EQUAL(open_with((struct mqc_options){.given = 1 << 7}), MQ_INVALID);
    CHECK_EQUAL(open_with((struct mqc_options){.reserved = {[9] = 1}}), MQ_INVALID);
    struct mqc_options o = {.given = MQC_OPTION_CLIENT_NAME};
    CHECK_EQUAL(open_with(o), MQ_INVALID);
    o.client_name = long_name;
    CHECK_EQUAL(open_with(o), MQ_INVALID);
    o.client_name = "\xff";
    CHECK_EQUAL(open_with(o), MQ_INVALID);
    o = (struct mqc_options){.given = MQC_OPTION_CONNECT_TIMEOUT};
    CHECK_EQUAL(open_with(o), MQ_INVALID);
    o.connect_timeout_ms = -2;
    CHECK_EQUAL(open_with(o), MQ_INVALID);
    o = (struct mqc_options){.given = MQC_OPTION_CLOSE_TIMEOUT, .close_timeout_ms = -2};
    CHECK_EQUAL(open_with(o), MQ_INVALID);
    CHECK_EQUAL(open_with((struct mqc_options){.given = MQC_OPTION_ASYNC_ITEMS}), MQ_INVALID);
    CHECK_EQUAL(open_with((struct mqc_options){.given = MQC_OPTION_ASYNC_BYTES}), MQ_INVALID);
}

static enum mq_status queue_with(const char *name, struct mqc_queue_options options)
{
    struct mqc_queue *none = NULL;
    enum mq_status status = mqc_queue_open(mqc, name, &options, &none);
    CHECK(none == NULL);
    return status;
}

static void queues_have_names_and_known_settings(void)
{
    static char long_name[257];
    memset(long_name, 'x', sizeof long_name - 1);
    begin();
    CHECK_EQUAL(mqc_queue_open(mqc, "q", NULL, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_queue_open(NULL, "q", NULL, &queue), MQ_INVALID);
    CHECK_EQUAL(queue_with(NULL, (struct mqc_queue_options){0}), MQ_INVALID);
    CHECK_EQUAL(queue_with("", (struct mqc_queue_options){0}), MQ_INVALID);
    CHECK_EQUAL(queue_with("two words", (struct mqc_queue_options){0}), MQ_INVALID);
    CHECK_EQUAL(queue_with(long_name, (struct mqc_queue_options){0}), MQ_INVALID);
    CHECK_EQUAL(queue_with("q", (struct mqc_queue_options){.given = 1 << 4}), MQ_INVALID);
    CHECK_EQUAL(queue_with("q", (struct mqc_queue_options){.reserved = {1}}), MQ_INVALID);
    CHECK_EQUAL(queue_with("q", (struct mqc_queue_options){.mode = MQC_OPEN_NAME + 1}), MQ_INVALID);
    CHECK_EQUAL(
        queue_with("q", (struct mqc_queue_options){.mode = MQC_OPEN_NAME, .given = MQ_SETTING_MAXSIZE}),
        MQ_INVALID);
    struct mqc_queue_options kind = {.given = MQ_SETTING_KIND}, odd = {.reserved = {1}};
    struct mqc_queue_options transient = {.given = MQ_SETTING_TRANSIENT};
    CHECK_EQUAL(mqc_queue_set(queue, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_queue_set(queue, &kind), MQ_INVALID);
    CHECK_EQUAL(mqc_queue_set(queue, &transient), MQ_INVALID);
    CHECK_EQUAL(mqc_queue_set(queue, &odd), MQ_INVALID);
    CHECK(strlen(mqc_error(mqc)) > 0);
    end();
}

static void gets_have_a_queue_a_number_and_a_place(void)
{
    struct mqc_item *items[1];
    struct mqc_queue *queues[2];
    size_t count;
    begin();
    queues[0] = queues[1] = queue;
    struct mqc_get two = {.queues = queues, .queue_count = 2, .max = 1}, none = {.queues = queues, .max = 1};
    struct mqc_get odd = {.queues = queues, .queue_count = 1, .max = 1, .reserved = {1}};
    CHECK_EQUAL(mqc_get(queue, -2, items), MQ_INVALID);
    CHECK_EQUAL(mqc_get(queue, MQ_NOWAIT, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_get(NULL, MQ_NOWAIT, items), MQ_INVALID);
    CHECK_EQUAL(mqc_get_many(queue, 0, MQ_NOWAIT, items, &count), MQ_INVALID);
    CHECK_EQUAL(mqc_get_many(queue, 65537, MQ_NOWAIT, items, &count), MQ_INVALID);
    CHECK_EQUAL(mqc_get_many(queue, 1, MQ_NOWAIT, items, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_get_with(mqc, &two, items, &count), MQ_UNSUPPORTED);
    CHECK_EQUAL(mqc_get_with(mqc, &none, items, &count), MQ_INVALID);
    CHECK_EQUAL(mqc_get_with(mqc, &odd, items, &count), MQ_INVALID);
    CHECK_EQUAL(mqc_get_with(mqc, NULL, items, &count), MQ_INVALID);
    CHECK_EQUAL(mqc_get_with(NULL, &odd, items, &count), MQ_INVALID);
    CHECK_EQUAL(mqc_peek(queue, 0, false, items, &count), MQ_INVALID);
    CHECK_EQUAL(mqc_peek(queue, 1, false, NULL, &count), MQ_INVALID);
    static const struct mqc_peek bad_peeks[] = {
        {.max = 0},
        {.max = 0, .by_id = true},
        {.max = 1, .by_id = true, .last = true},
        {.max = 1, .leased = true},
        {.max = 1, .after = 1},
        {.max = 1, .reserved = {1}},
    };
    for (size_t i = 0; i < sizeof bad_peeks / sizeof *bad_peeks; i++)
        CHECK_EQUAL(mqc_peek_with(queue, &bad_peeks[i], items, &count, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_peek_with(queue, NULL, items, &count, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_join(queue, -2), MQ_INVALID);
    end();
}

static void a_queue_handle_of_another_client_is_refused(void)
{
    struct mqc_item *item;
    size_t count;
    begin();
    struct fake other = {0};
    fake_init(&other);
    fake_run(&other, hear_nothing);
    struct mqc *stranger = fake_client(&other, LIMIT_MS);
    struct mqc_get get = {.queues = &queue, .queue_count = 1, .max = 1};
    CHECK_EQUAL(mqc_get_with(stranger, &get, &item, &count), MQ_INVALID);
    mqc_close(stranger);
    fake_end(&other);
    end();
}

static void no_item_and_no_place_are_refused(void)
{
    struct mqc_item *none = NULL;
    enum mq_status each = MQ_OK;
    begin();
    CHECK_EQUAL(mqc_task_done(NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_release(NULL, 0), MQ_INVALID);
    CHECK_EQUAL(mqc_release(NULL, 5), MQ_INVALID);
    CHECK_EQUAL(mqc_release_untouched(NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_extend(NULL, 5), MQ_INVALID);
    CHECK_EQUAL(mqc_task_done_many(NULL, 0, NULL), MQ_OK);
    CHECK_EQUAL(mqc_task_done_many(&none, 1, &each), MQ_INVALID);
    CHECK_EQUAL(each, MQ_INVALID);
    CHECK_EQUAL(mqc_queue_task_done(queue), MQ_TOO_MANY_DONE);
    CHECK_EQUAL(mqc_stat(queue, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_broker_stat(mqc, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_queue_list(mqc, NULL, NULL, 1, NULL), MQ_INVALID);
    CHECK_EQUAL(mqc_sessions(mqc, 0, NULL, 1, NULL), MQ_INVALID);
    mqc_item_free(NULL);
    mqc_queue_close(NULL);
    mqc_close(NULL);
    mqc_interrupt(NULL);
    end();
}

static void statuses_and_the_version_have_words(void)
{
    CHECK(strcmp(mqc_strerror(MQ_FULL), "queue is full") == 0);
    CHECK(strlen(mqc_version()) > 0);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT(options_out_of_range_open_nothing),      UNIT(queues_have_names_and_known_settings),
        UNIT(gets_have_a_queue_a_number_and_a_place), UNIT(a_queue_handle_of_another_client_is_refused),
        UNIT(no_item_and_no_place_are_refused),       UNIT(statuses_and_the_version_have_words),
    };
    return unit_run("arguments", tests, sizeof tests / sizeof *tests);
}
