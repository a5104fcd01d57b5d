/* endpoint.h - where a broker can listen: tcp://ADDRESS:PORT or ipc://PATH. Pure: nothing is looked up. */
#ifndef MQ_ENDPOINT_H
#define MQ_ENDPOINT_H

#include <stdbool.h>

enum { ENDPOINT_MAX = 256 }; /* bytes, the NUL included */

/* NULL: *ret is what libzmq can bind, "localhost" made an address. Else what the text is not ("an endpoint:
 * ..."). */
const char *endpoint_parse(const char *text, char ret[ENDPOINT_MAX]);

/* Can other machines reach it? As far as its address tells; it was parsed. */
bool endpoint_is_open(const char *endpoint);

#endif
