/* unit_keeper_space.c - the log takes 2 x what lives in it and 3 segments at most, whatever is done; and
 * nothing that lives is lost with the segments that go. */
#include "keeper_bench.h"

/* ---- the bound ---- */

static uint64_t size_of(const struct bench *b)
{
    struct journal_stat stat = stat_of(b);
    return stat.size - stat.reserved;
}

/* After each step. */
static void look(struct bench *b)
{
    uint64_t live = engine_live_size(b->engine), size = size_of(b);
    uint64_t over = size > 2 * live ? size - 2 * live : 0;
    b->live = live > b->live ? live : b->live;
    b->over = over > b->over ? over : b->over;
    if (over > 3 * SEGMENT)
        printf("\n    live %llu, size %llu: %.2f x and %.2f segments more\n", (unsigned long long)live,
               (unsigned long long)size, (double)size / (double)live, (double)over / SEGMENT);
    CHECK(over <= 3 * SEGMENT);
    CHECK_EQUAL(stat_of(b).state, JOURNAL_OK);
}

static uint64_t count_waiting(struct bench *b, const char *queue)
{
    submit(b, &(struct request){.verb = MQ_VERB_STAT, .queue = mq_bytes(queue)});
    b->waiting = UINT64_MAX;
    wait_for_answer(b);
    return b->waiting;
}

/* The power fails, and a new broker finds this many items waiting in each of these queues. */
static void check_restart(struct bench *b, const char *const *queues, size_t count)
{
    uint64_t before[8], live = engine_live_size(b->engine);
    for (size_t i = 0; i < count; i++)
        before[i] = count_waiting(b, queues[i]);
    settle(b);
    engine_check(b->engine);
    bench_kill(b);
    fake_disk_crash(b->fake, &(struct fake_crash){.names = FAKE_LOST, .bytes = FAKE_LOST});
    bench_start(b);
    say_hello(b, true);
    engine_check(b->engine);
    for (size_t i = 0; i < count; i++)
        CHECK_EQUAL(count_waiting(b, queues[i]), before[i]);
    CHECK(engine_live_size(b->engine) < live + live / 8 + 4096);
    CHECK(live < engine_live_size(b->engine) * 9 / 8 + 4096);
}

static void end(struct bench *b, const char *const *queues, size_t count)
{
    check_restart(b, queues, count);
    settle(b);
    look(b);
    bench_free(b);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* ---- the mixes ---- */

static struct bench bench_with_queues(uint64_t interval_ms, enum mq_kind kind)
{
    struct bench b = bench_new(interval_ms);
    open_queue(&b, "q", kind);
    open_queue(&b, "old", MQ_KIND_FIFO);
    return b;
}

static const char *const one_queue[] = {"q"}, *const two_queues[] = {"q", "old"};

static void a_queue_that_is_kept_short_takes_three_segments(void)
{
    struct bench b = bench_with_queues(0, MQ_KIND_FIFO);
    for (int i = 0; i < 3000; i++) {
        put(&b, "q", 32, 100, 0);
        get_done(&b, "q", 32);
        look(&b);
    }
    CHECK(stat_of(&b).bytes > 30 * SEGMENT);
    CHECK(size_of(&b) <= 3 * SEGMENT);
    CHECK(stat_of(&b).bytes < 3000 * 32 * 100 * 3 / 2); /* nothing was written again */
    end(&b, one_queue, 1);
}

static void single_items_take_no_more_than_many_at_once(void)
{
    struct bench b = bench_with_queues(0, MQ_KIND_FIFO);
    for (int i = 0; i < 1000; i++)
        put(&b, "q", 1, 10, 0);
    for (int i = 0; i < 4000; i++) {
        put(&b, "q", 1, 10, 0);
        get_done(&b, "q", 1);
        look(&b);
    }
    end(&b, one_queue, 1);
}

/* The backlog lies in old segments and stays; what is put and got is at the other end. */
static void a_backlog_below_a_stack_is_kept(void)
{
    struct bench b = bench_with_queues(0, MQ_KIND_LIFO);
    for (int i = 0; i < 400; i++)
        put(&b, "q", 32, 200, 0);
    for (int i = 0; i < 3000; i++) {
        put(&b, "q", 32, 100, 0);
        get_done(&b, "q", 32);
        look(&b);
    }
    CHECK(b.live > 8 * SEGMENT);
    end(&b, one_queue, 1);
}

static void a_long_queue_from_which_old_items_go_is_hardly_written_again(void)
{
    struct bench b = bench_with_queues(0, MQ_KIND_FIFO);
    for (int i = 0; i < 400; i++)
        put(&b, "q", 32, 200, 0);
    uint64_t before = stat_of(&b).bytes;
    for (int i = 0; i < 2000; i++) {
        put(&b, "q", 32, 200, 0);
        get_done(&b, "q", 32);
        look(&b);
    }
    CHECK(stat_of(&b).bytes - before < 2000 * 32 * 200 * 3 / 2);
    end(&b, one_queue, 1);
}

static void keys_in_any_order_leave_holes_everywhere(void)
{
    struct bench b = bench_with_queues(0, MQ_KIND_PRIORITY);
    uint64_t random = 11;
    for (int i = 0; i < 4000; i++) {
        put(&b, "q", 8, 200, (int64_t)(next_random(&random) % 1000) + 1);
        if (i > 2000)
            get_done(&b, "q", 8);
        look(&b);
    }
    CHECK(b.live > 8 * SEGMENT);
    end(&b, one_queue, 1);
}

/* One item in fifty lives for ever: no segment is ever empty. */
static void a_few_items_that_stay_hold_no_segments(void)
{
    struct bench b = bench_with_queues(0, MQ_KIND_FIFO);
    for (int i = 0; i < 3000; i++) {
        put(&b, "q", 49, 100, 0);
        put(&b, "old", 1, 100, 0);
        get_done(&b, "q", 49);
        look(&b);
    }
    end(&b, two_queues, 2);
}

static void what_is_leased_for_long_is_written_again_as_leased(void)
{
    struct bench b = bench_with_queues(0, MQ_KIND_FIFO);
    uint64_t held[BENCH_ITEMS];
    put(&b, "old", 64, 100, 0);
    CHECK_EQUAL(get(&b, "old", 64), 64);
    memcpy(held, b.seen.ids, sizeof held);
    for (int i = 0; i < 1500; i++) {
        put(&b, "q", 32, 100, 0);
        get_done(&b, "q", 32);
        look(&b);
    }
    check_restart(&b, two_queues, 2);
    CHECK_EQUAL(count_waiting(&b, "old"), 0);
    task_done(&b, held, 64);
    end(&b, two_queues, 2);
}

/* All that lives lies in the oldest segments, and all else is garbage: the worst that can be. */
static void a_large_old_part_is_passed_in_time(void)
{
    struct bench b = bench_with_queues(0, MQ_KIND_FIFO);
    for (int i = 0; i < 1200; i++) {
        put(&b, "old", 32, 200, 0);
        look(&b);
    }
    for (int i = 0; i < 3000; i++) {
        put(&b, "q", 32, 100, 0);
        get_done(&b, "q", 32);
        look(&b);
    }
    CHECK(b.live > 30 * SEGMENT);
    end(&b, two_queues, 2);
}

static void what_is_got_in_any_order_is_followed(void)
{
    struct bench b = bench_with_queues(0, MQ_KIND_FIFO);
    uint64_t random = 3, held[20][BENCH_ITEMS];
    size_t counts[20] = {0};
    for (int i = 0; i < 2500; i++) {
        size_t slot = next_random(&random) % 20;
        put(&b, "q", 1 + next_random(&random) % 64, 1 + next_random(&random) % 300, 0);
        if (counts[slot])
            task_done(&b, held[slot], counts[slot]);
        counts[slot] = get(&b, "q", 1 + (uint32_t)(next_random(&random) % 64));
        memcpy(held[slot], b.seen.ids, sizeof held[slot]);
        look(&b);
    }
    end(&b, one_queue, 1);
}

static void a_drained_queue_gives_its_space_back(void)
{
    struct bench b = bench_with_queues(0, MQ_KIND_FIFO);
    for (int i = 0; i < 1000; i++)
        put(&b, "q", 64, 200, 0);
    CHECK(size_of(&b) > 40 * SEGMENT);
    for (int i = 0; i < 1000; i++)
        get_done(&b, "q", 64);
    settle(&b);
    CHECK(size_of(&b) <= 3 * SEGMENT);
    end(&b, one_queue, 1);
}

/* It has been over the limit since before it began, as after a purge and a restart. */
static void an_idle_broker_comes_below_the_limit_by_itself(void)
{
    struct bench b = bench_with_queues(0, MQ_KIND_FIFO);
    for (int i = 0; i < 1000; i++) {
        put(&b, "q", 63, 200, 0);
        put(&b, "old", 1, 200, 0);
    }
    submit(&b, &(struct request){.verb = MQ_VERB_PURGE, .queue = mq_bytes("q")});
    wait_for_answer(&b);
    CHECK(size_of(&b) > 20 * SEGMENT);
    settle(&b);
    look(&b);
    CHECK(size_of(&b) <= engine_live_size(b.engine) * 3 / 2 + 2 * SEGMENT);
    end(&b, two_queues, 2);
}

static void the_same_holds_with_an_interval(void)
{
    struct bench b = bench_with_queues(100, MQ_KIND_FIFO);
    for (int i = 0; i < 2000; i++) {
        put(&b, "q", 49, 100, 0);
        put(&b, "old", 1, 100, 0);
        get_done(&b, "q", 49);
        b.now_ms++;
        look(&b);
    }
    journal_hurry(b.journal);
    end(&b, two_queues, 2);
}

/* For a while the client puts and gets so many items of at most such a size, and keeps what it gets, or not.
 */
struct phase {
    size_t puts, size;
    uint32_t gets;
    bool keeps;
};

enum { SLOTS = 40, PHASES = 6, STEPS = 300 };

struct mix {
    struct bench bench;
    uint64_t random;
    bool is_keyed;
    size_t slots;
    uint64_t held[SLOTS][BENCH_ITEMS];
    size_t counts[SLOTS];
};

static void mix_step(struct mix *m, const struct phase *phase)
{
    struct bench *b = &m->bench;
    size_t slot = next_random(&m->random) % m->slots;
    int64_t key = m->is_keyed ? (int64_t)(next_random(&m->random) % 50) + 1 : 0;
    if (phase->puts)
        put(b, "q", phase->puts, 1 + next_random(&m->random) % phase->size, key);
    look(b);
    if (m->counts[slot])
        task_done(b, m->held[slot], m->counts[slot]);
    m->counts[slot] = 0;
    look(b);
    if (phase->gets && phase->keeps) {
        m->counts[slot] = get(b, "q", phase->gets);
        memcpy(m->held[slot], b->seen.ids, sizeof m->held[slot]);
    } else if (phase->gets) {
        get_done(b, "q", phase->gets);
    }
    look(b);
}

static void mix_run(uint64_t seed)
{
    static const enum mq_kind kinds[] = {MQ_KIND_FIFO, MQ_KIND_LIFO, MQ_KIND_PRIORITY};
    struct mix m = {.random = seed * 0x9e3779b97f4a7c15 + 1};
    for (int i = 0; i < 10; i++)
        next_random(&m.random);
    enum mq_kind kind = kinds[next_random(&m.random) % 3];
    m.is_keyed = kind == MQ_KIND_PRIORITY;
    m.slots = 1 + next_random(&m.random) % SLOTS;
    m.bench = bench_with_queues(0, kind);
    struct phase phase = {0};
    for (int i = 0; i < PHASES * STEPS; i++) {
        if (i % STEPS == 0)
            phase = (struct phase){.puts = next_random(&m.random) % BENCH_ITEMS,
                                   .gets = (uint32_t)(next_random(&m.random) % (BENCH_ITEMS + 1)),
                                   .size = next_random(&m.random) % 4 ? 200 : 400,
                                   .keeps = next_random(&m.random) % 2};
        mix_step(&m, &phase);
    }
    end(&m.bench, two_queues, 2);
}

/* A few here; MQ_KEEPER_SEEDS=1000 for as long as there is time. */
static void no_mix_takes_more(void)
{
    const char *seeds = getenv("MQ_KEEPER_SEEDS");
    uint64_t count = seeds ? strtoull(seeds, NULL, 10) : 5;
    for (uint64_t seed = 1; seed <= count; seed++)
        mix_run(seed);
}

static const struct unit_test tests[] = {

    UNIT(a_queue_that_is_kept_short_takes_three_segments),
    UNIT(single_items_take_no_more_than_many_at_once),
    UNIT(a_backlog_below_a_stack_is_kept),
    UNIT(a_long_queue_from_which_old_items_go_is_hardly_written_again),
    UNIT(keys_in_any_order_leave_holes_everywhere),
    UNIT(a_few_items_that_stay_hold_no_segments),
    UNIT(what_is_leased_for_long_is_written_again_as_leased),
    UNIT(a_large_old_part_is_passed_in_time),
    UNIT(what_is_got_in_any_order_is_followed),
    UNIT(a_drained_queue_gives_its_space_back),
    UNIT(an_idle_broker_comes_below_the_limit_by_itself),
    UNIT(the_same_holds_with_an_interval),
    UNIT(no_mix_takes_more),
};

int main(void)
{
    return unit_run("keeper_space", tests, sizeof tests / sizeof *tests);
}
