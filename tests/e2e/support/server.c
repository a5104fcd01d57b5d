/* server.c - see server.h. */
#include "server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wait.h"

enum { ARGUMENTS_MAX = 32 };

static void path_in(const struct server *s, const char *name, char ret_path[static 128])
{
    snprintf(ret_path, 128, "%.63s/%s", s->directory, name);
}

static void show_log(const struct server *s)
{
    char path[128], line[512];
    path_in(s, "log", path);
    FILE *log = fopen(path, "r");
    while (log && fgets(line, sizeof line, log))
        fprintf(stderr, "    broker: %s", line);
    if (log)
        fclose(log);
}

static _Noreturn void become_broker(const struct server *s, int ready_fd)
{
    char path[128];
    path_in(s, "log", path);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The broker has no threads but libzmq's, whose locking the thread sanitizer does not see. */
    setenv("TSAN_OPTIONS", "report_bugs=0", 1);
    dup2(ready_fd, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    const char *argv[ARGUMENTS_MAX + 6] = {MQ_BROKER_PATH, "--bind", s->tcp, "--bind", s->ipc};
    for (int i = 0; s->arguments && s->arguments[i]; i++) {
        REQUIRE(i < ARGUMENTS_MAX);
        argv[5 + i] = s->arguments[i];
    }
    execv(MQ_BROKER_PATH, (char *const *)argv);
    fprintf(stderr, "cannot run %s: %s\n", MQ_BROKER_PATH, strerror(errno));
    _Exit(127);
}

/* One line with a deadline; false: none came. */
static bool read_line(int fd, char *line, size_t size)
{
    size_t used = 0;
    uint64_t until = clock_ms() + LIMIT_MS;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (used + 1 < size && clock_ms() < until) {
        if (poll(&p, 1, 100) == 1) {
            if (read(fd, line + used, 1) != 1)
                return false;
            if (line[used] == '\n') {
                line[used] = 0;
                return true;
            }
            used++;
        }
    }
    return false;
}

static void launch(struct server *s)
{
    int ready[2];
    REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
    s->pid = fork();
    REQUIRE(s->pid >= 0);
    if (s->pid == 0)
        become_broker(s, ready[1]);
    close(ready[1]);
    char line[512] = "";
    bool is_ready = read_line(ready[0], line, sizeof line);
    close(ready[0]);
    if (!is_ready || sscanf(line, "mq-broker ready %63s %107s", s->tcp, s->ipc) != 2) {
        fprintf(stderr, "    not a ready line: '%s'\n", line);
        show_log(s);
        server_kill(s);
        require_failed(__FILE__, __LINE__, "the broker is not ready");
    }
}

void server_start(struct server *s, const char *const *arguments)
{
    memset(s, 0, sizeof *s);
    s->arguments = arguments;
    snprintf(s->directory, sizeof s->directory, "/tmp/mq-e2e-XXXXXX");
    REQUIRE(mkdtemp(s->directory) != NULL);
    snprintf(s->tcp, sizeof s->tcp, "tcp://127.0.0.1:0");
    snprintf(s->ipc, sizeof s->ipc, "ipc://%s/broker", s->directory);
    launch(s);
}

void server_restart(struct server *s)
{
    REQUIRE(s->pid == 0);
    launch(s);
}

/* The exit status as waitpid() tells it. */
static int reap(struct server *s)
{
    int status = -1, fd = pidfd_open(s->pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, LIMIT_MS) != 1) {
        fprintf(stderr, "    the broker does not stop\n");
        kill(s->pid, SIGKILL);
    }
    close(fd);
    waitpid(s->pid, &status, 0);
    s->pid = 0;
    return status;
}

void server_stop(struct server *s)
{
    kill(s->pid, SIGTERM);
    int status = reap(s);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "    the broker's status is %#x\n", (unsigned)status);
        show_log(s);
        require_failed(__FILE__, __LINE__, "the broker did not stop cleanly");
    }
}

void server_kill(struct server *s)
{
    kill(s->pid, SIGKILL);
    reap(s);
}

void server_freeze(struct server *s)
{
    kill(s->pid, SIGSTOP);
    int status;
    REQUIRE(waitpid(s->pid, &status, WUNTRACED) == s->pid);
}

void server_thaw(struct server *s)
{
    kill(s->pid, SIGCONT);
}

void server_end(struct server *s)
{
    if (s->pid)
        server_stop(s);
    DIR *directory = opendir(s->directory);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2)
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
    rmdir(s->directory);
}

/* The number after `key` in a file of /proc, summed over the matches. */
static uint64_t number_in(const char *path, const char *key)
{
    char line[512];
    unsigned long long value = 0, sum = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, key, strlen(key)) && sscanf(line + strlen(key), "%llu", &value) == 1)
            sum += value;
    if (file)
        fclose(file);
    return sum;
}

static uint64_t switches(const struct server *s)
{
    char path[320];
    uint64_t sum = 0;
    struct dirent *entry;
    snprintf(path, sizeof path, "/proc/%d/task", s->pid);
    DIR *threads = opendir(path);
    while (threads && (entry = readdir(threads)))
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "/proc/%d/task/%s/status", s->pid, entry->d_name);
            sum += number_in(path, "voluntary_ctxt_switches:");
        }
    if (threads)
        closedir(threads);
    return sum;
}

struct server_cost server_cost(const struct server *s)
{
    char path[64];
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", s->pid);
    FILE *stat = fopen(path, "r");
    REQUIRE(stat != NULL);
    int got =
        fscanf(stat, "%*d (mq-broker) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
    fclose(stat);
    REQUIRE(got == 2);
    snprintf(path, sizeof path, "/proc/%d/status", s->pid);
    return (struct server_cost){.voluntary_switches = switches(s),
                                .cpu_ms = (user + kernel) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK),
                                .memory_kib = number_in(path, "VmRSS:")};
}
