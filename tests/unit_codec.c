/* unit_codec.c - what is encoded comes back the same, and the limits of frames. */
#include "unit.h"

#include "codec.h"
#include "samples.h"

static struct codec *here, *there;

static const char *why;

static bool same(struct bytes a, struct bytes b)
{
    return a.size == b.size && (!a.size || memcmp(a.data, b.data, a.size) == 0);
}

static bool same_ranges(const struct range *a, size_t a_count, const struct range *b, size_t b_count)
{
    return same((struct bytes){a, a_count * sizeof *a}, (struct bytes){b, b_count * sizeof *b});
}

static void check_settings(const struct settings *seen, const struct settings *expected)
{
    CHECK_EQUAL(seen->given, expected->given);
    CHECK_EQUAL(seen->kind, expected->kind);
    CHECK_EQUAL(seen->maxsize, expected->maxsize);
    CHECK_EQUAL(seen->lease_ms, expected->lease_ms);
    CHECK_EQUAL(seen->is_transient, expected->is_transient);
}

static void check_request(const struct request *seen, const struct request *expected)
{
    CHECK_EQUAL(seen->verb, expected->verb);
    CHECK_EQUAL(seen->number, expected->number);
    CHECK(same_ranges(seen->confirms.list, seen->confirms.count, expected->confirms.list,
                      expected->confirms.count));
    CHECK(same(seen->queue, expected->queue));
    CHECK_EQUAL(seen->timeout_ms, expected->timeout_ms);
    CHECK_EQUAL(seen->put_count, expected->put_count);
    for (size_t i = 0; i < seen->put_count; i++)
        CHECK(same(seen->puts[i].body, expected->puts[i].body) &&
              same(seen->puts[i].key, expected->puts[i].key));
    CHECK(same((struct bytes){seen->ids, seen->id_count * sizeof(uint64_t)},
               (struct bytes){expected->ids, expected->id_count * sizeof(uint64_t)}));
    check_settings(&seen->settings, &expected->settings);
    CHECK_EQUAL(seen->lease_ms, expected->lease_ms);
    CHECK_EQUAL(seen->after_number, expected->after_number);
    CHECK_EQUAL(seen->max, expected->max);
    CHECK_EQUAL(seen->partial, expected->partial);
    CHECK_EQUAL(seen->auto_done, expected->auto_done);
    CHECK_EQUAL(seen->untouched, expected->untouched);
    CHECK_EQUAL(seen->immediate, expected->immediate);
    CHECK_EQUAL(seen->force, expected->force);
    CHECK_EQUAL(seen->last, expected->last);
    CHECK_EQUAL(seen->by_id, expected->by_id);
    CHECK_EQUAL(seen->leased, expected->leased);
    CHECK_EQUAL(seen->create, expected->create);
}

/* Rows are compared field by field in memory, which their texts are taken out of first. */
static void check_queue(struct queue_stat seen, struct queue_stat expected)
{
    CHECK(same(seen.name, expected.name));
    check_settings(&seen.settings, &expected.settings);
    const size_t numbers = offsetof(struct queue_stat, ready),
                 flags = offsetof(struct queue_stat, is_shut_down);
    CHECK(memcmp((char *)&seen + numbers, (char *)&expected + numbers, flags - numbers) == 0);
    CHECK_EQUAL(seen.is_shut_down, expected.is_shut_down);
    CHECK_EQUAL(seen.is_immediate, expected.is_immediate);
}

static void check_waits(const struct session_wait *seen, const struct session_wait *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(seen[i].verb, expected[i].verb);
        CHECK(same(seen[i].queue, expected[i].queue));
        CHECK_EQUAL(seen[i].count, expected[i].count);
    }
}

static void check_session(const struct session_row *seen, const struct session_row *expected)
{
    CHECK_EQUAL(seen->number, expected->number);
    CHECK(same(seen->name, expected->name));
    CHECK_EQUAL(seen->connected, expected->connected);
    CHECK_EQUAL(seen->age_ms, expected->age_ms);
    CHECK_EQUAL(seen->idle_ms, expected->idle_ms);
    CHECK_EQUAL(seen->waiting, expected->waiting);
    CHECK_EQUAL(seen->leased, expected->leased);
    CHECK_EQUAL(seen->wait_count, expected->wait_count);
    CHECK_EQUAL(seen->hold_count, expected->hold_count);
    check_waits(seen->waits, expected->waits, seen->wait_count);
    check_waits(seen->holds, expected->holds, seen->hold_count);
}

static void check_broker(const struct broker_stat *seen, const struct broker_stat *expected)
{
    CHECK(same(seen->version, expected->version));
    CHECK(same(seen->data.sync, expected->data.sync));
    CHECK(same(seen->data.state, expected->data.state));
    const size_t numbers = offsetof(struct broker_stat, data.sync_interval_ms);
    CHECK(memcmp((const char *)seen + numbers, (const char *)expected + numbers, sizeof *seen - numbers) ==
          0);
}

static void check_answer_lists(const struct answer *seen, const struct answer *expected)
{
    CHECK_EQUAL(seen->item_count, expected->item_count);
    for (size_t i = 0; i < seen->item_count; i++) {
        CHECK_EQUAL(seen->items[i].id, expected->items[i].id);
        CHECK_EQUAL(seen->items[i].deliveries, expected->items[i].deliveries);
        CHECK_EQUAL(seen->items[i].is_leased, expected->items[i].is_leased);
        CHECK(same(seen->items[i].body, expected->items[i].body));
        CHECK(same(seen->items[i].key, expected->items[i].key));
    }
    CHECK_EQUAL(seen->refusal_count, expected->refusal_count);
    for (size_t i = 0; i < seen->refusal_count; i++) {
        CHECK_EQUAL(seen->refusals[i].id, expected->refusals[i].id);
        CHECK_EQUAL(seen->refusals[i].status, expected->refusals[i].status);
    }
    CHECK_EQUAL(seen->queue_count, expected->queue_count);
    for (size_t i = 0; i < seen->queue_count; i++)
        check_queue(seen->queues[i], expected->queues[i]);
    CHECK_EQUAL(seen->session_count, expected->session_count);
    for (size_t i = 0; i < seen->session_count; i++)
        check_session(&seen->sessions[i], &expected->sessions[i]);
}

static void check_answer(const struct answer *seen, const struct answer *expected)
{
    CHECK_EQUAL(seen->verb, expected->verb);
    CHECK_EQUAL(seen->number, expected->number);
    CHECK_EQUAL(seen->status, expected->status);
    CHECK(same(seen->text, expected->text));
    CHECK_EQUAL(seen->count, expected->count);
    CHECK(same_ranges(seen->ids, seen->id_range_count, expected->ids, expected->id_range_count));
    CHECK_EQUAL(seen->newest, expected->newest);
    CHECK_EQUAL(seen->lease_ms, expected->lease_ms);
    CHECK_EQUAL(seen->broker != NULL, expected->broker != NULL);
    if (seen->broker)
        check_broker(seen->broker, expected->broker);
    check_answer_lists(seen, expected);
}

/* ---- tests ---- */
static struct request through(const struct request *request)
{
    struct bytes frame;
    struct client_frame decoded;
    CHECK_EQUAL(codec_encode_request(here, request, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_client(there, frame, &decoded, &why), MQ_OK);
    CHECK_EQUAL(decoded.verb, request->verb);
    return decoded.request;
}

static struct answer answer_through(const struct answer *answer)
{
    struct bytes frame;
    struct broker_frame decoded;
    CHECK_EQUAL(codec_encode_answer(here, answer, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_broker(there, frame, &decoded, &why), MQ_OK);
    CHECK_EQUAL(decoded.verb, answer->verb);
    return decoded.answer;
}

static void every_request_comes_back_as_it_was(void)
{
    for (size_t i = 0; i < COUNT(sample_requests); i++) {
        struct request seen = through(&sample_requests[i]);
        check_request(&seen, &sample_requests[i]);
    }
}

static void every_answer_comes_back_as_it_was(void)
{
    for (size_t i = 0; i < COUNT(sample_answers); i++) {
        struct answer seen = answer_through(&sample_answers[i]);
        check_answer(&seen, &sample_answers[i]);
    }
}

static void every_verb_of_requests_has_a_request_and_an_answer_among_the_samples(void)
{
#define CODE(name, code, word) code,
    static const int verbs[] = {MQ_VERB_MAP(CODE)};
#undef CODE
    for (size_t v = 0; v < COUNT(verbs); v++) {
        bool request = verbs[v] < MQ_VERB_OPEN, answer = request;
        for (size_t i = 0; i < COUNT(sample_requests); i++)
            request |= (int)sample_requests[i].verb == verbs[v];
        for (size_t i = 0; i < COUNT(sample_answers); i++)
            answer |= (int)sample_answers[i].verb == verbs[v];
        CHECK(request && answer);
    }
}

static void a_hello_comes_back_as_it_was(void)
{
    struct bytes frame;
    struct client_frame seen;
    CHECK_EQUAL(codec_encode_hello(here, &sample_hello, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_client(there, frame, &seen, &why), MQ_OK);
    CHECK_EQUAL(seen.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(seen.hello.version, sample_hello.version);
    CHECK_EQUAL(seen.hello.resume, true);
    CHECK(memcmp(seen.hello.id, sample_hello.id, MQ_SESSION_ID_SIZE) == 0);
    CHECK_EQUAL(seen.hello.next_number, sample_hello.next_number);
    CHECK(same_ranges(seen.hello.awaited.list, seen.hello.awaited.count, sample_numbers,
                      COUNT(sample_numbers)));
    CHECK(same(seen.hello.name, sample_hello.name));
}

static void a_welcome_comes_back_as_it_was(void)
{
    struct bytes frame;
    struct broker_frame seen;
    CHECK_EQUAL(codec_encode_welcome(here, &sample_welcome, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_broker(there, frame, &seen, &why), MQ_OK);
    CHECK_EQUAL(seen.verb, MQ_VERB_HELLO);
    CHECK_EQUAL(seen.welcome.status, sample_welcome.status);
    CHECK_EQUAL(seen.welcome.version, sample_welcome.version);
    CHECK_EQUAL(seen.welcome.session, sample_welcome.session);
    const size_t limits = offsetof(struct welcome, body_max);
    const size_t size = offsetof(struct welcome, lapses) + sizeof seen.welcome.lapses - limits;
    CHECK(memcmp(&seen.welcome.body_max, &sample_welcome.body_max, size) == 0);
    CHECK(same(seen.welcome.text, sample_welcome.text));
}

static void confirmations_and_byes_come_back_as_they_were(void)
{
    struct bytes frame;
    struct client_frame seen;
    struct ranges numbers = NUMBERS(sample_numbers);
    CHECK_EQUAL(codec_encode_confirm(here, numbers, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_client(there, frame, &seen, &why), MQ_OK);
    CHECK_EQUAL(seen.verb, MQ_VERB_CONFIRM);
    CHECK(same_ranges(seen.confirms.list, seen.confirms.count, sample_numbers, COUNT(sample_numbers)));
    CHECK_EQUAL(codec_encode_bye(here, numbers, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_client(there, frame, &seen, &why), MQ_OK);
    CHECK_EQUAL(seen.verb, MQ_VERB_BYE);
    CHECK(same_ranges(seen.confirms.list, seen.confirms.count, sample_numbers, COUNT(sample_numbers)));
}

static void refusals_probes_and_byes_of_the_broker_come_back_as_they_were(void)
{
    struct bytes frame;
    struct broker_frame seen;
    CHECK_EQUAL(codec_encode_refused(here, MQ_LIMIT, "too many", &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_broker(there, frame, &seen, &why), MQ_OK);
    CHECK(seen.verb == MQ_VERB_REFUSED && seen.status == MQ_LIMIT && same(seen.text, mq_bytes("too many")));
    CHECK_EQUAL(codec_encode_refused(here, MQ_INVALID, NULL, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_broker(there, frame, &seen, &why), MQ_OK);
    CHECK(seen.verb == MQ_VERB_REFUSED && seen.text.size == 0);
    CHECK_EQUAL(codec_encode_probe(here, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_broker(there, frame, &seen, &why), MQ_OK);
    CHECK_EQUAL(seen.verb, MQ_VERB_PROBE);
    CHECK_EQUAL(codec_encode_bye_answer(here, MQ_TEMPORARY, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_broker(there, frame, &seen, &why), MQ_OK);
    CHECK(seen.verb == MQ_VERB_BYE && seen.status == MQ_TEMPORARY);
}

static void bodies_of_a_put_point_into_the_frame(void)
{
    struct bytes frame;
    struct client_frame seen;
    struct request put = {.verb = MQ_VERB_PUT, .number = 1, .puts = sample_puts, .put_count = 1};
    CHECK_EQUAL(codec_encode_request(here, &put, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_client(there, frame, &seen, &why), MQ_OK);
    const char *body = seen.request.puts[0].body.data;
    CHECK(body > (const char *)frame.data && body < (const char *)frame.data + frame.size);
}

static void bodies_of_all_header_sizes_come_through(void)
{
    static const size_t sizes[] = {0, 1, 255, 256, 65535, 65536, MQ_BODY_SIZE_MAX};
    char *data = calloc(1, MQ_BODY_SIZE_MAX);
    CHECK(data != NULL);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct put_item item = {.body = {data, sizes[i]}};
        struct request put = {.verb = MQ_VERB_PUT, .number = 1, .puts = &item, .put_count = 1}, seen;
        seen = through(&put);
        CHECK_EQUAL(seen.put_count, 1);
        CHECK(same(seen.puts[0].body, item.body));
    }
    free(data);
}

static void a_request_carries_as_many_items_and_ids_as_the_limit_says(void)
{
    struct put_item *items = calloc(MQ_ITEMS_MAX + 1, sizeof *items);
    uint64_t *ids = calloc(MQ_ITEMS_MAX + 1, sizeof *ids);
    CHECK(items && ids);
    for (size_t i = 0; i <= MQ_ITEMS_MAX; i++) {
        items[i] = sample_puts[2];
        ids[i] = 2 * i;
    }
    struct request put = {.verb = MQ_VERB_PUT, .number = 1, .puts = items, .put_count = MQ_ITEMS_MAX};
    struct request done = {.verb = MQ_VERB_TASK_DONE, .number = 1, .ids = ids, .id_count = MQ_ITEMS_MAX};
    CHECK_EQUAL(through(&put).put_count, MQ_ITEMS_MAX);
    CHECK_EQUAL(through(&done).id_count, MQ_ITEMS_MAX);
    struct bytes frame;
    struct client_frame seen;
    put.put_count++;
    CHECK_EQUAL(codec_encode_request(here, &put, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_client(there, frame, &seen, &why), MQ_INVALID);
    CHECK(strcmp(why, "a list is too long") == 0);
    done.id_count++;
    CHECK_EQUAL(codec_encode_request(here, &done, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_client(there, frame, &seen, &why), MQ_INVALID);
    for (size_t i = 0; i <= MQ_ITEMS_MAX; i++)
        ids[i] = i;
    CHECK_EQUAL(codec_encode_request(here, &done, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_client(there, frame, &seen, &why), MQ_INVALID);
    CHECK(strcmp(why, "too many ids") == 0);
    free(items);
    free(ids);
}

static void an_answer_carries_as_many_items_with_keys_as_the_limit_says(void)
{
    struct item_view *items = calloc(MQ_ITEMS_MAX, sizeof *items);
    CHECK(items != NULL);
    for (size_t i = 0; i < MQ_ITEMS_MAX; i++)
        items[i] = sample_items[2];
    struct answer get = {.verb = MQ_VERB_GET, .number = 1, .items = items, .item_count = MQ_ITEMS_MAX};
    CHECK_EQUAL(answer_through(&get).item_count, MQ_ITEMS_MAX);
    free(items);
}

static void lists_carry_as_many_rows_as_the_limit_says(void)
{
    struct queue_stat *queues = calloc(MQ_ROWS_MAX + 1, sizeof *queues);
    struct session_row *sessions = calloc(MQ_ROWS_MAX + 1, sizeof *sessions);
    CHECK(queues && sessions);
    for (size_t i = 0; i <= MQ_ROWS_MAX; i++) {
        queues[i] = sample_queues[0];
        sessions[i] = sample_sessions[0];
        sessions[i].wait_count = sessions[i].hold_count = MQ_WAITS_MAX;
    }
    struct answer list = {.verb = MQ_VERB_LIST, .queues = queues, .queue_count = MQ_ROWS_MAX};
    struct answer ps = {.verb = MQ_VERB_SESSIONS, .sessions = sessions, .session_count = MQ_ROWS_MAX};
    CHECK_EQUAL(answer_through(&list).queue_count, MQ_ROWS_MAX);
    CHECK_EQUAL(answer_through(&ps).session_count, MQ_ROWS_MAX);
    struct bytes frame;
    struct broker_frame seen;
    list.queue_count++;
    CHECK_EQUAL(codec_encode_answer(here, &list, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_broker(there, frame, &seen, &why), MQ_INVALID);
    ps.session_count++;
    CHECK_EQUAL(codec_encode_answer(here, &ps, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_broker(there, frame, &seen, &why), MQ_INVALID);
    free(queues);
    free(sessions);
}

static void confirmations_carry_as_many_ranges_as_the_limit_says(void)
{
    struct range numbers[MQ_RANGES_MAX + 1];
    struct bytes frame;
    struct client_frame seen;
    for (size_t i = 0; i <= MQ_RANGES_MAX; i++)
        numbers[i] = (struct range){2 * i, 2 * i};
    CHECK_EQUAL(codec_encode_confirm(here, (struct ranges){numbers, MQ_RANGES_MAX}, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_client(there, frame, &seen, &why), MQ_OK);
    CHECK_EQUAL(seen.confirms.count, MQ_RANGES_MAX);
    CHECK_EQUAL(codec_encode_confirm(here, (struct ranges){numbers, MQ_RANGES_MAX + 1}, &frame), MQ_OK);
    CHECK_EQUAL(codec_decode_client(there, frame, &seen, &why), MQ_INVALID);
}

static void a_frame_over_the_limit_is_not_encoded(void)
{
    char *data = calloc(1, MQ_BODY_SIZE_MAX);
    CHECK(data != NULL);
    struct put_item items[5];
    for (size_t i = 0; i < COUNT(items); i++)
        items[i] = (struct put_item){.body = {data, MQ_BODY_SIZE_MAX}};
    struct request put = {.verb = MQ_VERB_PUT, .number = 1, .puts = items, .put_count = 3};
    CHECK_EQUAL(through(&put).put_count, 3);
    struct bytes frame = {NULL, 0};
    put.put_count = 4;
    CHECK_EQUAL(codec_encode_request(here, &put, &frame), MQ_TOO_BIG);
    put.put_count = 5;
    CHECK_EQUAL(codec_encode_request(here, &put, &frame), MQ_TOO_BIG);
    CHECK(frame.data == NULL);
    items[0].body.size = SIZE_MAX;
    CHECK_EQUAL(codec_encode_request(here, &put, &frame), MQ_TOO_BIG);
    struct request stat = {.verb = MQ_VERB_STAT, .number = 1, .queue = {data, SIZE_MAX}};
    CHECK_EQUAL(codec_encode_request(here, &stat, &frame), MQ_TOO_BIG);
    struct request small = {.verb = MQ_VERB_PING, .number = 1};
    CHECK_EQUAL(through(&small).number, 1);
    free(data);
}

static void a_frame_may_have_exactly_the_largest_size(void)
{
    char *data = calloc(1, MQ_FRAME_SIZE_MAX);
    CHECK(data != NULL);
    struct put_item item = {.body = {data, MQ_FRAME_SIZE_MAX - 14}};
    struct request put = {
        .verb = MQ_VERB_PUT, .number = 1, .queue = TEXT("q"), .puts = &item, .put_count = 1};
    struct bytes frame;
    CHECK_EQUAL(codec_encode_request(here, &put, &frame), MQ_OK);
    CHECK_EQUAL(frame.size, MQ_FRAME_SIZE_MAX);
    item.body.size++;
    CHECK_EQUAL(codec_encode_request(here, &put, &frame), MQ_TOO_BIG);
    free(data);
}

static void the_size_of_an_item_is_an_upper_bound_of_what_it_adds(void)
{
    static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536, 100000};
    static char data[100000];
    struct bytes empty, full;
    for (size_t b = 0; b < COUNT(sizes); b++) {
        for (size_t k = 0; k < 6; k++) {
            struct item_view item = {UINT64_MAX, UINT32_MAX, false, {data, sizes[b]}, {data, sizes[k]}};
            struct answer get = {.verb = MQ_VERB_GET, .number = 1, .items = &item};
            CHECK_EQUAL(codec_encode_answer(here, &get, &empty), MQ_OK);
            get.item_count = 1;
            CHECK_EQUAL(codec_encode_answer(here, &get, &full), MQ_OK);
            CHECK(full.size - empty.size <= codec_item_size(sizes[b], sizes[k]));
        }
    }
}

static int start(void)
{
    here = codec_new();
    there = codec_new();
    return here && there ? 0 : 1;
}

static const struct unit_test tests[] = {
    UNIT(every_request_comes_back_as_it_was),
    UNIT(every_answer_comes_back_as_it_was),
    UNIT(every_verb_of_requests_has_a_request_and_an_answer_among_the_samples),
    UNIT(a_hello_comes_back_as_it_was),
    UNIT(a_welcome_comes_back_as_it_was),
    UNIT(confirmations_and_byes_come_back_as_they_were),
    UNIT(refusals_probes_and_byes_of_the_broker_come_back_as_they_were),
    UNIT(bodies_of_a_put_point_into_the_frame),
    UNIT(bodies_of_all_header_sizes_come_through),
    UNIT(a_request_carries_as_many_items_and_ids_as_the_limit_says),
    UNIT(an_answer_carries_as_many_items_with_keys_as_the_limit_says),
    UNIT(lists_carry_as_many_rows_as_the_limit_says),
    UNIT(confirmations_carry_as_many_ranges_as_the_limit_says),
    UNIT(a_frame_over_the_limit_is_not_encoded),
    UNIT(a_frame_may_have_exactly_the_largest_size),
    UNIT(the_size_of_an_item_is_an_upper_bound_of_what_it_adds),
};

int main(void)
{
    if (start() != 0)
        return 1;
    int failed = unit_run("codec", tests, sizeof tests / sizeof *tests);
    codec_free(here);
    codec_free(there);
    return failed;
}
