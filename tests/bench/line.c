/* line.c - reads and writes as much at a time as there is. */
#include "line.h"
#include "race.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    IN_SIZE = 2 << 20, /* bytes; no text or body is longer */
    OUT_SIZE = 1 << 20,
};

struct line {
    int fd;
    size_t begin, end; /* of what is read and not taken */
    size_t said;
    char in[IN_SIZE], out[OUT_SIZE];
};

struct line *line_open(const char *host, int port)
{
    struct line *line = race_alloc(sizeof *line);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line->fd < 0 || inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        connect(line->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        return NULL;
    return line;
}

void line_flush(struct line *line)
{
    for (size_t written = 0; written < line->said;) {
        ssize_t now = write(line->fd, line->out + written, line->said - written);
        if (now <= 0)
            race_fail("the connection is lost");
        written += (size_t)now;
    }
    line->said = 0;
}

void line_say(struct line *line, const void *bytes, size_t size)
{
    if (size > OUT_SIZE)
        race_fail("%zu bytes at once are too many", size);
    if (size > OUT_SIZE - line->said)
        line_flush(line);
    memcpy(line->out + line->said, bytes, size);
    line->said += size;
}

static void read_more(struct line *line)
{
    if (line->begin > 0) {
        memmove(line->in, line->in + line->begin, line->end - line->begin);
        line->end -= line->begin;
        line->begin = 0;
    }
    ssize_t now = read(line->fd, line->in + line->end, IN_SIZE - line->end);
    if (now <= 0)
        race_fail("the connection is lost");
    line->end += (size_t)now;
}

char *line_take(struct line *line, size_t size)
{
    while (line->end - line->begin < size)
        read_more(line);
    line->begin += size;
    return line->in + line->begin - size;
}

char *line_read(struct line *line)
{
    for (size_t looked = 0;;) {
        char *from = line->in + line->begin;
        size_t size = line->end - line->begin;
        char *last = memchr(from + looked, '\n', size - looked);
        if (last && last > from) {
            last[-1] = '\0';
            return line_take(line, (size_t)(last - from) + 1);
        }
        looked = size;
        read_more(line);
    }
}
