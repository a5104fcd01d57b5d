/* raw.c - see raw.h. */
#include "raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wait.h"

int raw_connect(const struct broker *b)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(b->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

void raw_send(int fd, const void *bytes, size_t size)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t n = send(fd, (const char *)bytes + sent, size - sent, MSG_NOSIGNAL);
        if (n < 0) {
            CHECK(errno == EPIPE || errno == ECONNRESET);
            return;
        }
        sent += (size_t)n;
    }
}

static void receive_exactly(int fd, void *bytes, size_t size)
{
    struct timeval limit = {.tv_sec = LIMIT_MS / 1000};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    CHECK_EQUAL(recv(fd, bytes, size, MSG_WAITALL), size);
}

/* https://rfc.zeromq.org/spec/23: greetings, then a READY command each way. */
int raw_connect_dealer(const struct broker *b)
{
    static const char ready[] = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
                                "DEALER";
    uint8_t greeting[64] = {0xff, [9] = 0x7f, [10] = 3, [12] = 'N', 'U', 'L', 'L'}, header[2], body[255];
    int fd = raw_connect(b);
    raw_send(fd, greeting, sizeof greeting);
    receive_exactly(fd, greeting, sizeof greeting);
    raw_send(fd, ready, sizeof ready - 1);
    receive_exactly(fd, header, sizeof header);
    CHECK_EQUAL(header[0], 4);
    receive_exactly(fd, body, header[1]);
    CHECK(memcmp(body, "\x05READY", 6) == 0);
    return fd;
}

void raw_send_long_header(int fd, uint64_t size)
{
    uint8_t header[9] = {2};
    for (int i = 0; i < 8; i++)
        header[1 + i] = (uint8_t)(size >> (56 - 8 * i));
    raw_send(fd, header, sizeof header);
}

void raw_wait_closed(int fd)
{
    char bytes[4096];
    for (;;) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        CHECK(poll(&item, 1, LIMIT_MS) == 1);
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0) {
            CHECK(n == 0 || errno == ECONNRESET);
            return;
        }
    }
}
