/* unit_crew.c - the journal's threads, on a real directory and on a fake disk. */
#include "crew.h"
#include "fake_disk.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SEGMENT = 256 << 10, DEADLINE_MS = 30000 };

struct bench {
    char path[64];
    struct disk disk;
    struct journal *journal;
    struct crew *crew;
    uint64_t position;
};

static void bench_begin(struct bench *b)
{
    struct journal_options options = {.segment_size = SEGMENT, .reserve = 2, .salt = 5};
    struct recover_found found = {0};
    struct journal_files files;
    *b = (struct bench){.path = "/tmp/unit_crew_XXXXXX"};
    CHECK(mkdtemp(b->path) != NULL);
    CHECK_EQUAL(disk_open(b->path, &b->disk), 0);
    CHECK_EQUAL(disk_lock(&b->disk), 0);
    CHECK_EQUAL(journal_begin(&b->disk, &found, SEGMENT, &files), 0);
    b->journal = journal_new(&options, &found, &files, 0);
    b->crew = crew_new(b->journal, &b->disk);
    CHECK(b->journal && b->crew);
}

static bool is_ready(const struct bench *b)
{
    return journal_is_ready(b->journal);
}

static bool is_safe(const struct bench *b)
{
    return journal_safe(b->journal) == b->position;
}

/* As the loop does it: waits for the descriptor only when there is nothing else to do. */
static void turn_until(struct bench *b, bool (*is_so)(const struct bench *b))
{
    struct pollfd event = {.fd = crew_descriptor(b->crew), .events = POLLIN};
    for (;;) {
        crew_turn(b->crew, 0);
        if (is_so(b))
            return;
        CHECK_EQUAL(poll(&event, 1, DEADLINE_MS), 1);
    }
}

static void put_group(struct bench *b, size_t size)
{
    turn_until(b, is_ready);
    size_t capacity = GROUP_HEAD_SIZE + size + GROUP_ALIGNMENT;
    uint8_t *data = malloc(capacity);
    memset(data, 1, capacity);
    b->position += size;
    bool opens = journal_wants_segment(b->journal) && journal_has_spare(b->journal);
    journal_take(b->journal, 0, 0, data, GROUP_HEAD_SIZE + size, capacity, b->position, opens);
    crew_turn(b->crew, 0);
    free(journal_give_back(b->journal, &capacity));
}

static void remove_file(void *context, const char *name, uint64_t size)
{
    struct bench *b = context;
    (void)size;
    CHECK_EQUAL(b->disk.calls->remove(b->disk.context, name), 0);
}

static void bench_end(struct bench *b)
{
    crew_free(b->crew);
    journal_free(b->journal);
    CHECK_EQUAL(b->disk.calls->list(b->disk.context, remove_file, b), 0);
    disk_close(&b->disk);
    CHECK_EQUAL(rmdir(b->path), 0);
}

static void groups_become_safe_and_the_descriptor_tells(void)
{
    struct bench b;
    bench_begin(&b);
    for (int i = 0; i < 500; i++)
        put_group(&b, 5000);
    turn_until(&b, is_safe);
    struct journal_stat stat;
    journal_stat(b.journal, &stat);
    CHECK_EQUAL(stat.state, JOURNAL_OK);
    CHECK_EQUAL(stat.groups, 500);
    CHECK(stat.segments > 5);
    bench_end(&b);
}

static void it_ends_while_a_job_is_under_way(void)
{
    struct bench b;
    bench_begin(&b);
    put_group(&b, 5000);
    bench_end(&b);
}

static void a_second_broker_does_not_get_the_directory(void)
{
    struct bench b;
    struct disk other;
    bench_begin(&b);
    CHECK_EQUAL(disk_open(b.path, &other), 0);
    CHECK_EQUAL(disk_lock(&other), -EWOULDBLOCK);
    disk_close(&other);
    bench_end(&b);
}

static bool has_dropped(const struct bench *b)
{
    return journal_first_segment(b->journal) == journal_next_segment(b->journal) - 2;
}

/* Reads all of the oldest segment while groups are written. */
static void read_oldest(struct bench *b)
{
    uint64_t offset = 0, segment = journal_first_segment(b->journal);
    struct bytes facts;
    while (offset != UINT64_MAX)
        if (!journal_read(b->journal, segment, offset, &facts, &offset))
            put_group(b, 3000);
        else if (facts.size)
            CHECK_EQUAL(((const uint8_t *)facts.data)[facts.size - 1], 1);
}

static void both_hands_work_at_the_same_time(void)
{
    struct bench b;
    bench_begin(&b);
    while (journal_next_segment(b.journal) < 5)
        put_group(&b, 5000);
    for (int i = 0; i < 10; i++) {
        read_oldest(&b);
        journal_drop(b.journal, journal_next_segment(b.journal) - 3);
        turn_until(&b, has_dropped);
        while (journal_next_segment(b.journal) - journal_first_segment(b.journal) < 5)
            put_group(&b, 5000);
    }
    turn_until(&b, is_safe);
    bench_end(&b);
}

static bool has_failed(const struct bench *b)
{
    struct journal_stat stat;
    journal_stat(b->journal, &stat);
    return stat.state == JOURNAL_FAILED;
}

static void a_failure_wakes_the_loop_too(void)
{
    struct fake_disk *fake = fake_disk_new();
    struct recover_found found = {0};
    struct journal_files files = {0};
    struct journal_options options = {.segment_size = SEGMENT, .reserve = 2, .salt = 5};
    struct bench b = {.disk = fake_disk_calls(fake)};
    b.journal = journal_new(&options, &found, &files, 0);
    b.crew = crew_new(b.journal, &b.disk);
    put_group(&b, 5000);
    turn_until(&b, is_safe);
    fake_disk_fail(fake, FAKE_SYNC, 1, EIO, true);
    turn_until(&b, is_ready);
    put_group(&b, 5000);
    turn_until(&b, has_failed);
    CHECK_EQUAL(journal_safe(b.journal), 5000);
    crew_free(b.crew);
    journal_free(b.journal);
    CHECK_EQUAL(fake_disk_handles(fake), 0);
    fake_disk_free(fake);
}

/* A disk that hangs when a spare is to be synced, until it is let go on. */
static pthread_mutex_t hanging = PTHREAD_MUTEX_INITIALIZER;
static const struct disk_calls *real_calls;

static int hanging_sync(void *context, int handle)
{
    pthread_mutex_lock(&hanging);
    pthread_mutex_unlock(&hanging);
    return real_calls->sync(context, handle);
}

static void a_disk_that_hangs_is_not_waited_for_without_end(void)
{
    struct fake_disk *fake = fake_disk_new();
    struct recover_found found = {0};
    struct journal_files files = {0};
    struct journal_options options = {.segment_size = SEGMENT, .reserve = 2, .salt = 5};
    struct bench b = {.disk = fake_disk_calls(fake)};
    struct disk_calls calls = *b.disk.calls;
    real_calls = b.disk.calls;
    calls.sync = hanging_sync;
    b.disk.calls = &calls;
    pthread_mutex_lock(&hanging);
    b.journal = journal_new(&options, &found, &files, 0);
    b.crew = crew_new(b.journal, &b.disk);
    crew_turn(b.crew, 0);
    CHECK(!crew_stop(b.crew, 0));
    CHECK(!crew_stop(b.crew, 20));
    pthread_mutex_unlock(&hanging);
    CHECK(crew_stop(b.crew, DEADLINE_MS));
    CHECK(crew_stop(b.crew, 0)); /* it has */
    crew_free(b.crew);
    journal_free(b.journal);
    fake_disk_free(fake);
}

static void without_descriptors_it_does_not_start(void)
{
    struct bench b;
    struct rlimit old, low;
    bench_begin(&b);
    CHECK_EQUAL(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &low);
    struct crew *crew = crew_new(b.journal, &b.disk);
    int error = errno;
    setrlimit(RLIMIT_NOFILE, &old);
    CHECK(crew == NULL);
    CHECK_EQUAL(error, EMFILE);
    crew_free(NULL);
    bench_end(&b);
}

static const struct unit_test tests[] = {
    UNIT(groups_become_safe_and_the_descriptor_tells),
    UNIT(both_hands_work_at_the_same_time),
    UNIT(a_failure_wakes_the_loop_too),
    UNIT(a_disk_that_hangs_is_not_waited_for_without_end),
    UNIT(without_descriptors_it_does_not_start),
    UNIT(it_ends_while_a_job_is_under_way),
    UNIT(a_second_broker_does_not_get_the_directory),
};

int main(void)
{
    return unit_run("crew", tests, sizeof tests / sizeof *tests);
}
