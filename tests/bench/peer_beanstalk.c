/* peer_beanstalk.c - beanstalkd, its text protocol spoken directly: put, reserve, delete.
 *
 * batch: `batch` puts a write, `window` writes on their way; one write has the deletes of the last batch and
 * the reserves of the next. Only the first reserve blocks, so that a short batch does not wait for more. */
#include "line.h"
#include "race.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { COMMAND_MAX = 64 };

struct seat {
    struct line *line;
    const struct race *race;
    uint64_t *ids; /* of the reserved jobs */
    int reserved;
};

static void *enter(const struct race *race, bool is_producer)
{
    (void)is_producer;
    struct seat *seat = race_alloc(sizeof *seat);
    char host[RACE_ENDPOINT_MAX];
    int port;
    race_address(race, host, &port);
    seat->race = race;
    seat->ids = race_alloc((size_t)race->batch * sizeof *seat->ids);
    seat->line = line_open(host, port);
    if (!seat->line)
        race_fail("no beanstalkd at %s", race->endpoint);
    return seat;
}

static void say(struct seat *seat, const char *text)
{
    line_say(seat->line, text, strlen(text));
}

static void expect(struct seat *seat, const char *wanted)
{
    const char *answer = line_read(seat->line);
    if (strncmp(answer, wanted, strlen(wanted)) != 0)
        race_fail("not %s: %s", wanted, answer);
}

static void say_put(struct seat *seat, const void *body, size_t size)
{
    char command[COMMAND_MAX];
    snprintf(command, sizeof command, "put 0 0 600 %zu\r\n", size);
    say(seat, command);
    line_say(seat->line, body, size);
    say(seat, "\r\n");
}

static void say_deletes(struct seat *seat)
{
    for (int i = 0; i < seat->reserved; i++) {
        char command[COMMAND_MAX];
        snprintf(command, sizeof command, "delete %" PRIu64 "\r\n", seat->ids[i]);
        say(seat, command);
    }
}

static int expect_deletes(struct seat *seat)
{
    int count = seat->reserved;
    for (; seat->reserved > 0; seat->reserved--)
        expect(seat, "DELETED");
    return count;
}

/* The answer to a reserve: remembers the job. Nothing was there: NULL. */
static const char *read_reserved(struct seat *seat, size_t *ret_size)
{
    uint64_t id;
    const char *answer = line_read(seat->line);
    if (strcmp(answer, "TIMED_OUT") == 0)
        return NULL;
    if (sscanf(answer, "RESERVED %" SCNu64 " %zu", &id, ret_size) != 2)
        race_fail("not RESERVED: %s", answer);
    seat->ids[seat->reserved++] = id;
    return line_take(seat->line, *ret_size + 2);
}

static void put(void *at, const void *body, size_t size)
{
    struct seat *seat = at;
    say_put(seat, body, size);
    line_flush(seat->line);
    expect(seat, "INSERTED");
}

static void get(void *at, void *ret_body)
{
    struct seat *seat = at;
    size_t size = 0;
    say(seat, "reserve\r\n");
    line_flush(seat->line);
    const char *body = read_reserved(seat, &size);
    if (!body)
        race_fail("a reserve without a time-out timed out");
    memcpy(ret_body, body, size);
}

static void acknowledge(void *at)
{
    struct seat *seat = at;
    say_deletes(seat);
    line_flush(seat->line);
    expect_deletes(seat);
}

static void produce(void *at, long count)
{
    struct seat *seat = at;
    long sent = 0, answered = 0, most = (long)seat->race->batch * (seat->race->window - 1);
    while (answered < count) {
        for (int i = 0; i < seat->race->batch && sent < count; i++, sent++)
            say_put(seat, seat->race->body, seat->race->size);
        line_flush(seat->line);
        for (; answered < count && (sent == count || sent - answered > most); answered++)
            expect(seat, "INSERTED");
    }
}

static long consume(void *at)
{
    struct seat *seat = at;
    bool is_hungry = seat->reserved == 0; /* the last reserves found nothing: block for the first now */
    say_deletes(seat);
    for (int i = 0; i < seat->race->batch; i++)
        say(seat, i == 0 && is_hungry ? "reserve\r\n" : "reserve-with-timeout 0\r\n");
    line_flush(seat->line);
    int deleted = expect_deletes(seat);
    for (int i = 0; i < seat->race->batch; i++) {
        size_t size;
        read_reserved(seat, &size);
    }
    return deleted;
}

int main(int argc, char **argv)
{
    static const struct racer racer = {.name = "beanstalkd",
                                       .enter = enter,
                                       .put = put,
                                       .get = get,
                                       .acknowledge = acknowledge,
                                       .produce = produce,
                                       .consume = consume};
    return race_main(argc, argv, &racer);
}
