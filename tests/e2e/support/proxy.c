/* proxy.c - see proxy.h. One thread, one poll loop; the other threads only set atomics and wake it. */
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wait.h"

enum { PAIRS_MAX = 64, BUFFER_SIZE = 65536, TICK_MS = 5 };

/* One direction of a connection: what was read from one end and has to be written to the other. */
struct flow {
    int from, to;
    size_t used, sent;
    uint64_t passed; /* bytes since started_ms, as far as the rate is concerned */
    uint64_t started_ms;
    char buffer[BUFFER_SIZE];
};

struct pair {
    struct flow up, down;
};

struct proxy {
    pthread_t thread;
    int listen_fd, wake_fd;
    struct sockaddr_in target;
    char endpoint[64];
    atomic_bool stop, down, cut;
    atomic_uint rate, cut_mean, cuts;
    uint64_t random;
    uint64_t until_cut; /* bytes */
    struct pair *pairs[PAIRS_MAX];
    size_t count;
};

static uint32_t next_random(struct proxy *p)
{
    p->random = p->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(p->random >> 33);
}

static void plan_cut(struct proxy *p)
{
    uint32_t mean = atomic_load(&p->cut_mean);
    p->until_cut = mean ? 1 + next_random(p) % (2 * mean) : UINT64_MAX;
}

static void close_pair(struct proxy *p, size_t index)
{
    struct linger reset = {.l_onoff = 1};
    int fds[2] = {p->pairs[index]->up.from, p->pairs[index]->up.to};
    for (int i = 0; i < 2; i++) {
        if (next_random(p) % 2)
            setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fds[i]);
    }
    free(p->pairs[index]);
    p->pairs[index] = p->pairs[--p->count];
}

static void cut_all(struct proxy *p)
{
    if (p->count)
        atomic_fetch_add(&p->cuts, 1);
    while (p->count)
        close_pair(p, p->count - 1);
    plan_cut(p);
}

static void prepare(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void welcome(struct proxy *p)
{
    int client = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0)
        return;
    int broker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pair *pair = calloc(1, sizeof *pair);
    if (atomic_load(&p->down) || p->count == PAIRS_MAX || !pair ||
        connect(broker, (struct sockaddr *)&p->target, sizeof p->target)) {
        free(pair);
        close(client);
        close(broker);
        return;
    }
    prepare(client);
    prepare(broker);
    pair->up = (struct flow){.from = client, .to = broker, .started_ms = clock_ms()};
    pair->down = (struct flow){.from = broker, .to = client, .started_ms = clock_ms()};
    p->pairs[p->count++] = pair;
}

/* How many bytes the rate lets pass now. What was not used a tenth of a second ago is forfeited. */
static size_t allowance(struct proxy *p, struct flow *f)
{
    uint64_t rate = atomic_load(&p->rate), burst = rate / 10;
    if (!rate)
        return BUFFER_SIZE;
    uint64_t earned = (clock_ms() - f->started_ms + TICK_MS) * rate / 1000;
    if (earned > f->passed + burst)
        f->passed = earned - burst;
    return earned > f->passed ? (size_t)(earned - f->passed) : 0;
}

/* Moves what can be moved now; false: the connection is over. */
static bool pass(struct proxy *p, struct flow *f)
{
    if (f->used == f->sent) {
        ssize_t got = read(f->from, f->buffer, sizeof f->buffer);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return false;
        f->used = got > 0 ? (size_t)got : 0;
        f->sent = 0;
    }
    size_t size = f->used - f->sent, allowed = allowance(p, f);
    if (size > allowed)
        size = allowed;
    if (size > p->until_cut)
        size = (size_t)p->until_cut;
    if (!size)
        return true;
    ssize_t put = send(f->to, f->buffer + f->sent, size, MSG_NOSIGNAL);
    if (put < 0)
        return errno == EAGAIN;
    f->sent += (size_t)put;
    f->passed += (uint64_t)put;
    if (p->until_cut != UINT64_MAX)
        p->until_cut -= (uint64_t)put;
    return true;
}

/* An empty flow waits for its reader, a full one for its writer or for the rate. */
static void watch(struct proxy *p, struct flow *f, struct pollfd *from, struct pollfd *to, int *timeout)
{
    if (f->used == f->sent)
        from->events |= POLLIN;
    else if (allowance(p, f))
        to->events |= POLLOUT;
    else
        *timeout = TICK_MS;
}

static void wait_for_work(struct proxy *p)
{
    struct pollfd fds[2 + 2 * PAIRS_MAX] = {{.fd = p->listen_fd, .events = POLLIN},
                                            {.fd = p->wake_fd, .events = POLLIN}};
    int timeout = -1;
    for (size_t i = 0; i < p->count; i++) {
        struct flow *up = &p->pairs[i]->up, *down = &p->pairs[i]->down;
        struct pollfd *client = &fds[2 + 2 * i], *broker = client + 1;
        *client = (struct pollfd){.fd = up->from};
        *broker = (struct pollfd){.fd = up->to};
        watch(p, up, client, broker, &timeout);
        watch(p, down, broker, client, &timeout);
    }
    poll(fds, 2 + 2 * p->count, timeout);
    uint64_t ignored;
    REQUIRE(read(p->wake_fd, &ignored, sizeof ignored) > 0 || errno == EAGAIN);
}

static void *run(void *context)
{
    struct proxy *p = context;
    while (!atomic_load(&p->stop)) {
        wait_for_work(p);
        welcome(p);
        if (atomic_exchange(&p->cut, false) || (atomic_load(&p->down) && p->count))
            cut_all(p);
        for (size_t i = 0; i < p->count;)
            if (pass(p, &p->pairs[i]->up) && pass(p, &p->pairs[i]->down))
                i++;
            else
                close_pair(p, i);
        if (p->until_cut == 0)
            cut_all(p);
    }
    cut_all(p);
    return NULL;
}

struct proxy *proxy_start(const char *target, uint32_t seed)
{
    struct proxy *p = calloc(1, sizeof *p);
    unsigned port;
    REQUIRE(p != NULL);
    REQUIRE(sscanf(target, "tcp://127.0.0.1:%u", &port) == 1);
    p->random = seed;
    p->target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    p->target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = p->target.sin_addr};
    socklen_t size = sizeof own;
    p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(bind(p->listen_fd, (struct sockaddr *)&own, sizeof own) == 0);
    REQUIRE(listen(p->listen_fd, PAIRS_MAX) == 0);
    REQUIRE(getsockname(p->listen_fd, (struct sockaddr *)&own, &size) == 0);
    snprintf(p->endpoint, sizeof p->endpoint, "tcp://127.0.0.1:%u", ntohs(own.sin_port));
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    plan_cut(p);
    REQUIRE(pthread_create(&p->thread, NULL, run, p) == 0);
    return p;
}

static void wake(struct proxy *p)
{
    uint64_t one = 1;
    REQUIRE(write(p->wake_fd, &one, sizeof one) == sizeof one);
}

void proxy_stop(struct proxy *p)
{
    atomic_store(&p->stop, true);
    wake(p);
    pthread_join(p->thread, NULL);
    close(p->listen_fd);
    close(p->wake_fd);
    free(p);
}

const char *proxy_endpoint(const struct proxy *p)
{
    return p->endpoint;
}

void proxy_cut_every(struct proxy *p, uint32_t mean_bytes)
{
    atomic_store(&p->cut_mean, mean_bytes);
    proxy_cut_now(p);
}

void proxy_set_down(struct proxy *p, bool down)
{
    atomic_store(&p->down, down);
    wake(p);
}

void proxy_set_rate(struct proxy *p, uint32_t bytes_per_s)
{
    atomic_store(&p->rate, bytes_per_s);
    wake(p);
}

void proxy_cut_now(struct proxy *p)
{
    atomic_store(&p->cut, true);
    wake(p);
}

uint32_t proxy_cuts(const struct proxy *p)
{
    return atomic_load(&p->cuts);
}
