/* proxy.h - a bad network: a TCP proxy on a thread, between clients and a broker.
 *
 * It can cut all its connections after random numbers of bytes, in the middle of a frame as likely as not; be
 * down, when every connection is closed at once; and pass only so many bytes a second. */
#ifndef E2E_PROXY_H
#define E2E_PROXY_H

#include <stdbool.h>
#include <stdint.h>

struct proxy;

/* `target` is a broker's tcp endpoint. `seed` decides when it cuts. */
struct proxy *proxy_start(const char *target, uint32_t seed);
void proxy_stop(struct proxy *p);

const char *proxy_endpoint(const struct proxy *p); /* lives as long as the proxy */

void proxy_cut_every(struct proxy *p, uint32_t mean_bytes); /* 0: never; at first */
void proxy_set_down(struct proxy *p, bool down);
void proxy_set_rate(struct proxy *p,
                    uint32_t bytes_per_s); /* each direction of each connection; 0: no limit */
void proxy_cut_now(struct proxy *p);

uint32_t proxy_cuts(const struct proxy *p); /* how often connections were cut */

#endif
