/* child.c - see child.h. */
#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wait.h"

void child_start(struct child *c, child_run *run, void *context)
{
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    c->pid = fork();
    REQUIRE(c->pid >= 0);
    if (c->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        run(context, ends[1]);
        exit(0);
    }
    close(ends[1]);
    c->report_fd = ends[0];
}

static int reap(struct child *c)
{
    int status = 0;
    REQUIRE(waitpid(c->pid, &status, 0) == c->pid);
    close(c->report_fd);
    c->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int child_wait(struct child *c, int limit_ms)
{
    int fd = pidfd_open(c->pid, 0);
    REQUIRE(fd >= 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int ready = poll(&p, 1, limit_ms);
    close(fd);
    if (ready != 1) {
        child_kill(c);
        require_failed(__FILE__, __LINE__, "a child process did not end in time");
    }
    return reap(c);
}

void child_kill(struct child *c)
{
    kill(c->pid, SIGKILL);
    reap(c);
}

void child_read(struct child *c, void *data, size_t size)
{
    struct pollfd p = {.fd = c->report_fd, .events = POLLIN};
    for (size_t used = 0; used < size;) {
        REQUIRE(poll(&p, 1, LIMIT_MS) == 1);
        ssize_t got = read(c->report_fd, (char *)data + used, size - used);
        REQUIRE(got > 0);
        used += (size_t)got;
    }
}

void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    return memory;
}

void allow_files(unsigned count)
{
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_cur < count) {
        limit.rlim_cur = count;
        if (limit.rlim_max < count)
            limit.rlim_max = count;
        REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    }
}
