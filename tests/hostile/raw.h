/* raw.h - a TCP connection to the broker, and just enough of ZMTP 3 to get past the handshake. */
#ifndef HOSTILE_RAW_H
#define HOSTILE_RAW_H

#include "broker.h"

int raw_connect(const struct broker *b);

/* Sends all of it, unless the broker has closed the connection. */
void raw_send(int fd, const void *bytes, size_t size);

/* A connection of a DEALER whose handshake is over. */
int raw_connect_dealer(const struct broker *b);

/* A frame's header with a length of 8 bytes. */
void raw_send_long_header(int fd, uint64_t size);

/* Reads and forgets until the broker closes the connection. */
void raw_wait_closed(int fd);

#endif
