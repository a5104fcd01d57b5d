/* faulty_disk.c - a library to be preloaded: syncs of files fail with EIO from when the file named by
 * FAULTY_WHEN is there. With FAULTY_ONCE set that file is removed by the first one that fails, and all later
 * ones work: what fsync does on a system that has thrown the pages away. With FAULTY_HANGS set they do not
 * fail but wait until it is gone. Directories are never refused. */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

static bool is_faulty(int fd)
{
    struct stat stat;
    const char *when = getenv("FAULTY_WHEN");
    if (!when || access(when, F_OK) != 0 || fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
        return false;
    return !getenv("FAULTY_ONCE") || unlink(when) == 0;
}

static int call(const char *name, int fd)
{
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    while (getenv("FAULTY_HANGS") && is_faulty(fd))
        usleep(10000);
    if (is_faulty(fd)) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}

EXPORTED int fdatasync(int fd)
{
    return call("fdatasync", fd);
}

EXPORTED int fsync(int fd)
{
    return call("fsync", fd);
}
