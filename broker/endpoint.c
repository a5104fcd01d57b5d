/* endpoint.c - see endpoint.h. */
#include "endpoint.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "amount.h"

static bool port_is_valid(const char *port)
{
    uint64_t number;
    if (strcmp(port, "*") == 0)
        return true;
    return amount_number(&port, &number) && !*port && number <= 65535;
}

/* libzmq binds addresses and interfaces, not names; the one name that everybody types is put right here. */
static const char *parse_tcp(const char *text, char *ret)
{
    const char *host = text + strlen("tcp://");
    const char *colon = strrchr(host, ':');
    if (!colon || colon == host || !port_is_valid(colon + 1))
        return "an endpoint: tcp://ADDRESS:PORT, the port being 0..65535 or *";
    int host_size = (int)(colon - host);
    if (host_size == 9 && strncmp(host, "localhost", 9) == 0)
        snprintf(ret, ENDPOINT_MAX, "tcp://127.0.0.1%s", colon);
    else
        snprintf(ret, ENDPOINT_MAX, "%s", text);
    return NULL;
}

static const char *parse_ipc(const char *text, char *ret)
{
    const char *path = text + strlen("ipc://");
    if (!*path || *path == '*' || *path == '@' || path[strlen(path) - 1] == '/')
        return "an endpoint: ipc://PATH, the path being that of a socket file";
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return "an endpoint: the path of a socket has at most 107 bytes";
    snprintf(ret, ENDPOINT_MAX, "%s", text);
    return NULL;
}

const char *endpoint_parse(const char *text, char ret[ENDPOINT_MAX])
{
    if (strlen(text) >= ENDPOINT_MAX)
        return "an endpoint: it is longer than 255 bytes";
    if (strncmp(text, "tcp://", 6) == 0)
        return parse_tcp(text, ret);
    if (strncmp(text, "ipc://", 6) == 0)
        return parse_ipc(text, ret);
    return "an endpoint: tcp://ADDRESS:PORT or ipc://PATH";
}

/* Without a look at the network, this machine alone is 127.*, ::1 and the interface lo. */
bool endpoint_is_open(const char *endpoint)
{
    const char *host = endpoint + strlen("tcp://");
    if (strncmp(endpoint, "tcp://", 6) != 0)
        return false;
    return strncmp(host, "127.", 4) != 0 && strncmp(host, "[::1]:", 6) != 0 && strncmp(host, "lo:", 3) != 0;
}
