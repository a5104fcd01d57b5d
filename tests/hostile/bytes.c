/* bytes.c - peers that do not even speak ZMTP, or stop in the middle of it. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"
#include "raw.h"
#include "wait.h"

static struct broker broker;
static struct peer witness;

enum { GROWTH_KB = 8 << 10 }; /* noise of allocators; an attack would leave much more */

static size_t descriptors_before;

static bool connections_are_gone(void *context)
{
    (void)context;
    return broker_descriptors(&broker) <= descriptors_before;
}

/* Runs an attack twice, the first time for what is allocated once and kept. Afterwards nothing of it is left,
 * and another client has not been disturbed. */
static void withstand(void (*attack)(void))
{
    broker_start_tcp(&broker);
    peer_join(&witness, &broker);
    peer_works(&witness, "witness");
    descriptors_before = broker_descriptors(&broker);
    attack();
    wait_until(connections_are_gone, NULL, "the attackers' connections to be closed");
    size_t before = broker_memory_kb(&broker);
    attack();
    peer_works(&witness, "witness");
    wait_until(connections_are_gone, NULL, "the attackers' connections to be closed");
    size_t after = broker_memory_kb(&broker);
    CHECK(after < before + GROWTH_KB);
    peer_close(&witness);
    broker_stop(&broker);
}

static void send_noise(void)
{
    static uint8_t noise[4096];
    for (int i = 0; i < 200; i++) {
        int fd = raw_connect(&broker);
        uint16_t size;
        random_bytes(&size, sizeof size);
        random_bytes(noise, sizeof noise);
        raw_send(fd, noise, size % sizeof noise);
        if (i % 20 == 0)
            peer_works(&witness, "witness");
        close(fd);
    }
}

static void random_bytes_to_the_port_do_no_harm(void)
{
    withstand(send_noise);
}

static void send_noise_after_handshake(void)
{
    static uint8_t noise[4096];
    for (int i = 0; i < 200; i++) {
        int fd = raw_connect_dealer(&broker);
        random_bytes(noise, sizeof noise);
        raw_send(fd, noise, sizeof noise);
        close(fd);
    }
}

static void random_bytes_after_the_handshake_do_no_harm(void)
{
    withstand(send_noise_after_handshake);
}

static void announce_16_gib(void)
{
    for (int i = 0; i < 20; i++) {
        int fd = raw_connect_dealer(&broker);
        raw_send_long_header(fd, (uint64_t)16 << 30);
        raw_wait_closed(fd);
        close(fd);
    }
}

static void a_length_of_16_gib_ends_the_connection(void)
{
    withstand(announce_16_gib);
}

/* 50 frames of 64 MiB, none of which ever comes: if memory were touched for them, it would be 3 GiB. */
static void announce_and_keep_quiet(void)
{
    int fds[50];
    size_t before = broker_memory_kb(&broker);
    for (int i = 0; i < 50; i++) {
        fds[i] = raw_connect_dealer(&broker);
        raw_send_long_header(fds[i], MQ_FRAME_SIZE_MAX - 1);
        raw_send(fds[i], "x", 1);
    }
    peer_works(&witness, "witness");
    CHECK(broker_memory_kb(&broker) < before + 10 * GROWTH_KB);
    for (int i = 0; i < 50; i++)
        close(fds[i]);
}

static void announced_frames_take_no_memory_before_they_come(void)
{
    withstand(announce_and_keep_quiet);
}

static void cut_frames(void)
{
    static const uint8_t begun[] = {0, 200, 0x98, 1, 1};
    for (int i = 0; i < 200; i++) {
        int fd = raw_connect_dealer(&broker);
        raw_send(fd, begun, sizeof begun);
        close(fd);
    }
}

static void a_frame_cut_short_is_no_frame(void)
{
    withstand(cut_frames);
}

static void cut_handshakes(void)
{
    static const uint8_t greeting[64] = {0xff, [9] = 0x7f, [10] = 3, [12] = 'N', 'U', 'L', 'L'};
    for (size_t size = 0; size <= sizeof greeting; size++) {
        int fd = raw_connect(&broker);
        raw_send(fd, greeting, size);
        close(fd);
    }
}

static void a_handshake_cut_short_leaves_nothing(void)
{
    withstand(cut_handshakes);
}

/* Half of them are closed with a reset, the rest in order. */
static void open_and_close(void)
{
    struct linger reset = {.l_onoff = 1};
    for (int i = 0; i < 3000; i++) {
        int fd = raw_connect(&broker);
        if (i % 2)
            CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
        if (i % 500 == 0)
            peer_works(&witness, "witness");
        close(fd);
    }
}

static void connections_opened_and_closed_by_thousands_leave_nothing(void)
{
    withstand(open_and_close);
}

static void speak_http(void)
{
    static const char get[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int fd = raw_connect(&broker);
    raw_send(fd, get, sizeof get - 1);
    peer_works(&witness, "witness");
    close(fd);
}

static void an_http_request_does_no_harm(void)
{
    withstand(speak_http);
}

static const struct unit_test tests[] = {
    UNIT(random_bytes_to_the_port_do_no_harm),
    UNIT(random_bytes_after_the_handshake_do_no_harm),
    UNIT(a_length_of_16_gib_ends_the_connection),
    UNIT(announced_frames_take_no_memory_before_they_come),
    UNIT(a_frame_cut_short_is_no_frame),
    UNIT(a_handshake_cut_short_leaves_nothing),
    UNIT(connections_opened_and_closed_by_thousands_leave_nothing),
    UNIT(an_http_request_does_no_harm),
};

int main(void)
{
    return unit_run("bytes", tests, sizeof tests / sizeof *tests);
}
