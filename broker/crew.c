/* crew.c - two threads with one place for a job each. A job belongs to the loop's thread while the place is
 * free or done, to the hand's thread while it is posted; no lock is held while a hand works. */
#include "crew.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"

enum place { PLACE_FREE, PLACE_POSTED, PLACE_DONE };

struct hand {
    struct crew *crew;
    pthread_t thread;
    bool has_started;
    pthread_mutex_t mutex;
    pthread_cond_t posted;
    enum place place; /* this and `stops` are guarded by the mutex */
    bool stops;
    struct journal_job job;
    struct journal_handle open;
};

struct crew {
    struct journal *journal;
    struct disk *disk;
    int event;
    uint64_t owed; /* writes of the hands to `event`, made or about to be made, that were not read yet */
    struct hand hands[JOURNAL_HANDS];
};

/* ---- a hand's thread ---- */

/* False: the end. */
static bool wait_for_job(struct hand *hand)
{
    pthread_mutex_lock(&hand->mutex);
    while (hand->place != PLACE_POSTED && !hand->stops)
        pthread_cond_wait(&hand->posted, &hand->mutex);
    bool has_job = hand->place == PLACE_POSTED;
    pthread_mutex_unlock(&hand->mutex);
    return has_job;
}

static void job_is_done(struct hand *hand)
{
    pthread_mutex_lock(&hand->mutex);
    hand->place = PLACE_DONE;
    pthread_mutex_unlock(&hand->mutex);
    ssize_t n;
    do
        n = write(hand->crew->event, &(uint64_t){1}, sizeof(uint64_t));
    while (n < 0 && errno == EINTR);
    assert(n == sizeof(uint64_t));
}

static void *work(void *context)
{
    struct hand *hand = context;
    struct disk *disk = hand->crew->disk;
    if (hand == &hand->crew->hands[JOURNAL_WRITER])
        machine_ask_for_short_turns(); /* answers wait for it */
    while (wait_for_job(hand)) {
        journal_do(disk, &hand->open, &hand->job);
        job_is_done(hand);
    }
    journal_close(disk, &hand->open);
    return NULL;
}

/* ---- life ---- */

static bool start_hand(struct crew *c, struct hand *hand)
{
    hand->crew = c;
    hand->open.handle = -1;
    pthread_mutex_init(&hand->mutex, NULL);
    pthread_cond_init(&hand->posted, NULL);
    int error = pthread_create(&hand->thread, NULL, work, hand);
    hand->has_started = error == 0;
    errno = error;
    return hand->has_started;
}

static void tell_to_stop(struct hand *hand)
{
    pthread_mutex_lock(&hand->mutex);
    hand->stops = true;
    pthread_cond_signal(&hand->posted);
    pthread_mutex_unlock(&hand->mutex);
}

static void hand_is_gone(struct hand *hand)
{
    hand->has_started = false;
    pthread_mutex_destroy(&hand->mutex);
    pthread_cond_destroy(&hand->posted);
}

static struct timespec time_in(uint64_t ms)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    uint64_t ns = (uint64_t)time.tv_nsec + ms % 1000 * 1000000;
    time.tv_sec += (time_t)(ms / 1000 + ns / 1000000000);
    time.tv_nsec = (long)(ns % 1000000000);
    return time;
}

static bool start_hands(struct crew *c)
{
    sigset_t all, old;
    bool have_started = true;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    for (int i = 0; i < JOURNAL_HANDS && have_started; i++)
        have_started = start_hand(c, &c->hands[i]);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return have_started;
}

struct crew *crew_new(struct journal *journal, struct disk *disk)
{
    struct crew *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->journal = journal;
    c->disk = disk;
    c->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->event >= 0 && start_hands(c))
        return c;
    int error = errno;
    crew_free(c);
    errno = error;
    return NULL;
}

bool crew_stop(struct crew *c, uint64_t patience_ms)
{
    struct timespec until = time_in(patience_ms);
    bool have_stopped = true;
    for (int i = 0; i < JOURNAL_HANDS; i++)
        if (c->hands[i].has_started)
            tell_to_stop(&c->hands[i]);
    for (int i = 0; i < JOURNAL_HANDS; i++) {
        struct hand *hand = &c->hands[i];
        if (!hand->has_started)
            continue;
        if (pthread_timedjoin_np(hand->thread, NULL, &until) == 0)
            hand_is_gone(hand);
        else
            have_stopped = false;
    }
    return have_stopped;
}

void crew_free(struct crew *c)
{
    if (!c)
        return;
    for (int i = 0; i < JOURNAL_HANDS; i++) {
        struct hand *hand = &c->hands[i];
        if (!hand->has_started)
            continue;
        tell_to_stop(hand);
        pthread_join(hand->thread, NULL);
        hand_is_gone(hand);
    }
    if (c->event >= 0)
        close(c->event);
    free(c);
}

int crew_descriptor(const struct crew *c)
{
    return c->event;
}

/* ---- the loop's thread ---- */

static enum place look(struct hand *hand)
{
    pthread_mutex_lock(&hand->mutex);
    enum place place = hand->place;
    pthread_mutex_unlock(&hand->mutex);
    return place;
}

static void clear(struct hand *hand)
{
    pthread_mutex_lock(&hand->mutex);
    hand->place = PLACE_FREE;
    pthread_mutex_unlock(&hand->mutex);
}

static void post(struct hand *hand)
{
    pthread_mutex_lock(&hand->mutex);
    hand->place = PLACE_POSTED;
    pthread_mutex_unlock(&hand->mutex);
    pthread_cond_signal(&hand->posted);
}

/* 0: nothing is there. */
static uint64_t read_event(struct crew *c)
{
    uint64_t count;
    ssize_t n;
    do
        n = read(c->event, &count, sizeof count);
    while (n < 0 && errno == EINTR);
    return n == sizeof count ? count : 0;
}

static bool is_any_done(struct crew *c)
{
    for (int i = 0; i < JOURNAL_HANDS; i++)
        if (look(&c->hands[i]) == PLACE_DONE)
            return true;
    return false;
}

/* What was read of the event is read before the places are looked at: then each job that it told of is seen.
 * A hand writes a moment after its job is done; what is not there yet wakes the loop once more. */
void crew_turn(struct crew *c, uint64_t now_ms)
{
    uint64_t told = c->owed > 0 || is_any_done(c) ? read_event(c) : 0;
    bool is_free[JOURNAL_HANDS];
    for (int i = 0; i < JOURNAL_HANDS; i++) {
        struct hand *hand = &c->hands[i];
        enum place place = look(hand);
        is_free[i] = place != PLACE_POSTED;
        if (place == PLACE_DONE) {
            c->owed++;
            clear(hand);
            journal_job_done(c->journal, now_ms, (enum journal_hand)i, &hand->job);
        }
    }
    assert(told <= c->owed);
    c->owed -= told;
    journal_tick(c->journal, now_ms);
    for (int i = 0; i < JOURNAL_HANDS; i++)
        if (is_free[i] && journal_next_job(c->journal, (enum journal_hand)i, &c->hands[i].job))
            post(&c->hands[i]);
}
