/* torture_book.c - see torture_book.h. */
#include "torture_book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wait.h"

struct book *book;

static _Noreturn void broken(const char *promise, const struct slip *slip, uint64_t a, uint64_t b)
{
    fprintf(stderr, "\ntorture: %s: item %llu of producer %u in queue %u (%llu, %llu)\n", promise,
            (unsigned long long)slip->index, slip->producer, slip->queue, (unsigned long long)a,
            (unsigned long long)b);
    exit(1);
}

static struct entry *entry_of(const struct slip *slip)
{
    if (slip->producer >= BOOK_PRODUCERS || slip->index >= BOOK_ITEMS)
        broken("nobody has put this", slip, 0, 0);
    return &book->entries[slip->producer][slip->index];
}

bool book_next(uint32_t producer, uint32_t queue, struct slip *ret)
{
    uint64_t index = atomic_fetch_add(&book->next[producer], 1);
    if (index >= BOOK_ITEMS)
        return false;
    *ret = (struct slip){producer, queue, index};
    atomic_store(&entry_of(ret)->queue, (uint_fast8_t)(queue + 1));
    return true;
}

/* One item has one id, whoever tells it. */
static void note_id(struct entry *entry, const struct slip *slip, uint64_t id)
{
    uint_fast64_t known = 0;
    if (id && !atomic_compare_exchange_strong(&entry->id, &known, id) && known != id)
        broken("it is there twice, with two ids", slip, known, id);
}

void book_stored(const struct slip *slip, uint64_t id)
{
    struct entry *entry = entry_of(slip);
    note_id(entry, slip, id);
    atomic_store(&entry->is_stored, true);
    atomic_fetch_add(&book->stored, 1);
}

/* Somebody else has it in hand, alive: that may be only if the broker's word was lost with the broker. */
static void check_holder(struct entry *entry, const struct slip *slip)
{
    uint64_t told_ms = atomic_load(&entry->taken_ms), kill_ms = atomic_load(&book->kill_ms);
    if (told_ms + BOOK_LOST_HANDOUT_MS < kill_ms || kill_ms == 0)
        broken("it was handed out while somebody held it", slip, told_ms, kill_ms);
    atomic_fetch_add(&book->forgotten, 1);
}

struct slip book_taken(const struct mqc_item *item, uint32_t consumer, uint32_t queue)
{
    struct slip slip = {0};
    if (mqc_item_size(item) != sizeof slip)
        broken("a body that nobody has put", &slip, mqc_item_size(item), 0);
    memcpy(&slip, mqc_item_body(item), sizeof slip);
    struct entry *entry = entry_of(&slip);
    if (atomic_load(&entry->queue) != queue + 1 || slip.queue != queue)
        broken("it is in another queue than it was put into", &slip, queue, 0);
    note_id(entry, &slip, mqc_item_id(item));
    if (atomic_load(&entry->is_done))
        broken("it was handed out after its task_done was acknowledged", &slip, mqc_item_id(item), 0);
    if (atomic_load(&entry->holder) != 0)
        check_holder(entry, &slip);
    atomic_store(&entry->holder, (uint_fast16_t)(consumer + 1));
    atomic_store(&entry->taken_ms, clock_ms());
    if (atomic_fetch_add(&entry->taken, 1) > 0)
        atomic_fetch_add(&book->again, 1);
    return slip;
}

void book_finishing(const struct slip *slip)
{
    atomic_store(&entry_of(slip)->is_finishing, true);
}

/* A lease that the broker knows nothing of must have been told shortly before it was killed. */
void book_done(const struct slip *slip, enum mq_status status)
{
    struct entry *entry = entry_of(slip);
    if (status == MQ_OK) {
        if (atomic_exchange(&entry->is_done, true))
            broken("its task_done was acknowledged twice", slip, 0, 0);
        atomic_store(&entry->holder, 0);
        atomic_fetch_add(&book->done, 1);
        return;
    }
    if (status != MQ_LEASE_LOST)
        broken("task_done was refused", slip, (uint64_t)status, 0);
    atomic_store(&entry->is_finishing, false);
    check_holder(entry, slip);
}

void book_given_back(const struct slip *slip)
{
    atomic_store(&entry_of(slip)->holder, 0);
}

static void each_entry(void (*see)(struct entry *entry, const struct slip *slip, void *context),
                       void *context)
{
    for (uint32_t p = 0; p < BOOK_PRODUCERS; p++) {
        uint64_t count = atomic_load(&book->next[p]) < BOOK_ITEMS ? atomic_load(&book->next[p]) : BOOK_ITEMS;
        for (uint64_t i = 0; i < count; i++) {
            struct entry *entry = &book->entries[p][i];
            struct slip slip = {p, (uint32_t)atomic_load(&entry->queue) - 1, i};
            see(entry, &slip, context);
        }
    }
}

static void drop_hold(struct entry *entry, const struct slip *slip, void *context)
{
    const uint32_t *consumer = context;
    (void)slip;
    if (atomic_load(&entry->holder) == *consumer + 1)
        atomic_store(&entry->holder, 0);
}

void book_died(uint32_t consumer)
{
    each_entry(drop_hold, &consumer);
}

struct judged {
    uint64_t last_id[BOOK_PRODUCERS][BOOK_QUEUES];
};

static void judge(struct entry *entry, const struct slip *slip, void *context)
{
    struct judged *judged = context;
    if (atomic_load(&entry->is_stored) && !atomic_load(&entry->is_done) && !atomic_load(&entry->is_finishing))
        broken("it was acknowledged, and is gone", slip, atomic_load(&entry->id), atomic_load(&entry->taken));
    uint64_t id = atomic_load(&entry->id), *last = &judged->last_id[slip->producer][slip->queue];
    if (id == 0)
        return; /* never stored */
    if (id <= *last)
        broken("it was put later and has a lower id", slip, id, *last);
    *last = id;
}

void book_judge(void)
{
    struct judged judged = {0};
    each_entry(judge, &judged);
    REQUIRE(atomic_load(&book->stored) > 0);
}
