/* guard.c - see guard.h. */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void lock_path(const struct guard *guard, char path[sizeof guard->path + 8])
{
    snprintf(path, sizeof guard->path + 8, "%s.lock", guard->path);
}

/* Is the open lock file still the one at the path? Its last owner removes it while it holds the lock. */
static bool is_current(int fd, const char *path)
{
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

/* The locked file, or -1 and errno; EWOULDBLOCK: somebody else has it. */
static int lock_file(const char *path)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int error = errno;
            close(fd);
            errno = error;
            return -1;
        }
        if (is_current(fd, path))
            return fd;
        close(fd);
    }
}

/* Does anybody accept connections at the path? */
static bool is_alive(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool refused = connect(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno == ECONNREFUSED;
    close(fd);
    return !refused;
}

/* Removes what a dead broker left; anything else at the path is in the way. */
static enum guard_result clear_path(const char *path, char *ret_error, size_t error_size)
{
    struct stat found;
    if (lstat(path, &found) != 0)
        return GUARD_OK;
    if (!S_ISSOCK(found.st_mode)) {
        snprintf(ret_error, error_size, "ipc://%s: there is a file that is not a socket", path);
        return GUARD_BAD_PATH;
    }
    if (is_alive(path)) {
        snprintf(ret_error, error_size, "ipc://%s: in use by another program", path);
        return GUARD_IN_USE;
    }
    if (unlink(path) != 0) {
        snprintf(ret_error, error_size, "ipc://%s: cannot remove the old socket: %s", path, strerror(errno));
        return GUARD_BAD_PATH;
    }
    return GUARD_OK;
}

enum guard_result guard_take(struct guard *guard, const char *path, char *ret_error, size_t error_size)
{
    char lock[sizeof guard->path + 8];
    snprintf(guard->path, sizeof guard->path, "%s", path);
    lock_path(guard, lock);
    guard->fd = lock_file(lock);
    if (guard->fd < 0 && errno == EWOULDBLOCK) {
        snprintf(ret_error, error_size, "ipc://%s: in use by another mq-broker", path);
        return GUARD_IN_USE;
    }
    if (guard->fd < 0) {
        snprintf(ret_error, error_size, "ipc://%s: cannot lock %s: %s", path, lock, strerror(errno));
        return GUARD_BAD_PATH;
    }
    enum guard_result result = clear_path(path, ret_error, error_size);
    if (result != GUARD_OK) {
        unlink(lock);
        close(guard->fd);
        guard->fd = -1;
    }
    return result;
}

void guard_release(struct guard *guard)
{
    if (guard->fd < 0)
        return;
    char lock[sizeof guard->path + 8];
    lock_path(guard, lock);
    unlink(guard->path);
    unlink(lock);
    close(guard->fd);
    guard->fd = -1;
}
