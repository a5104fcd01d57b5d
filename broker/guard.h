/* guard.h - keeps the path of an ipc endpoint for one broker at a time.
 *
 * libzmq silently takes over the socket file of a living broker. So a broker holds a lock on PATH.lock for as
 * long as it listens at PATH; the lock dies with its process, however that ends. What a dead broker left
 * behind is removed, what anybody else listens at is left alone. */
#ifndef MQ_GUARD_H
#define MQ_GUARD_H

#include <stddef.h>

struct guard {
    char path[128]; /* of the socket file */
    int fd;         /* of the lock file; -1: nothing is guarded */
};

enum guard_result { GUARD_OK, GUARD_IN_USE, GUARD_BAD_PATH };

/* Other results than GUARD_OK leave nothing behind and say why in one line. */
enum guard_result guard_take(struct guard *guard, const char *path, char *ret_error, size_t error_size);

/* Removes the socket file and the lock file, if this guard was taken. */
void guard_release(struct guard *guard);

#endif
