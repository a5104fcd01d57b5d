/* broker.c - see broker.h. */
#include "broker.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wait.h"

extern char **environ;

/* --- starting --- */

/* A data directory for a test that says nothing of one, if that is wanted of all: see broker.h. Segments are
 * small, so that there are many. */
static void give_data(const struct broker *b)
{
    const char *sync = getenv("E2E_DATA");
    char path[128];
    if (!sync)
        return;
    broker_path(b, "data", path, sizeof path);
    setenv("MQ_DATA", path, 1);
    setenv("MQ_SYNC", sync, 1);
    setenv("MQ_SEGMENT_SIZE", "1M", 1);
}

/* Becomes the broker, and ends with the test if that ends before. The sanitizer's quarantine would look like
 * growth. */
static void become_broker(const struct broker *b, int out, const char *const *arguments,
                          const char *const *more)
{
    char *argv[BROKER_ARGUMENTS_MAX] = {(char *)(uintptr_t)MQ_BROKER_PATH}, path[128];
    for (int i = 0; arguments && arguments[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    struct rlimit limit = {b->descriptors_max, b->descriptors_max};
    if (b->descriptors_max && setrlimit(RLIMIT_NOFILE, &limit) != 0)
        _exit(125);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("ASAN_OPTIONS", "quarantine_size_mb=1:thread_local_quarantine_size_kb=64", 1);
    give_data(b);
    for (; more && *more; more++)
        putenv((char *)(uintptr_t)*more);
    broker_path(b, "stderr", path, sizeof path);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        _exit(126);
    execv(MQ_BROKER_PATH, argv);
    _exit(127);
}

/* One line, or nothing if the other end is closed before. */
static void read_line(int fd, char *line, size_t size)
{
    uint64_t deadline = clock_ms() + LIMIT_MS;
    size_t used = 0;
    while (used + 1 < size) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        uint64_t now = clock_ms();
        if (now > deadline || poll(&item, 1, (int)(deadline - now)) <= 0)
            require_failed(__FILE__, __LINE__, "the ready line came in time");
        if (read(fd, line + used, 1) != 1 || line[used] == '\n')
            break;
        used++;
    }
    line[used] = '\0';
}

static void read_ready(struct broker *b, int fd)
{
    static const char begin[] = "mq-broker ready ";
    read_line(fd, b->ready, sizeof b->ready);
    b->endpoint[0] = '\0';
    b->port = 0;
    if (strncmp(b->ready, begin, sizeof begin - 1) != 0)
        return;
    sscanf(b->ready + sizeof begin - 1, "%255s", b->endpoint);
    if (strncmp(b->endpoint, "tcp://", 6) == 0)
        b->port = (uint16_t)atoi(strrchr(b->endpoint, ':') + 1);
}

void broker_make_directory(struct broker *b)
{
    strcpy(b->directory, "/tmp/mq-test-XXXXXX");
    REQUIRE(mkdtemp(b->directory) != NULL);
}

void broker_start(struct broker *b, const char *const *arguments, const char *const *more)
{
    int out[2];
    if (!b->directory[0])
        broker_make_directory(b);
    REQUIRE(pipe2(out, O_CLOEXEC) == 0);
    b->pid = fork();
    REQUIRE(b->pid >= 0);
    if (b->pid == 0)
        become_broker(b, out[1], arguments, more);
    close(out[1]);
    read_ready(b, out[0]);
    close(out[0]);
}

void broker_start_tcp(struct broker *b)
{
    static const char *const arguments[] = {"--bind", "tcp://127.0.0.1:0", NULL};
    *b = (struct broker){0};
    broker_start(b, arguments, NULL);
    REQUIRE(b->port != 0);
}

/* --- ending --- */

struct ending {
    pid_t pid;
    int status;
};

static bool has_ended(void *context)
{
    struct ending *ending = context;
    return waitpid(ending->pid, &ending->status, WNOHANG) == ending->pid;
}

int broker_wait(struct broker *b)
{
    struct ending ending = {.pid = b->pid};
    wait_until(has_ended, &ending, "the broker's end");
    b->pid = 0;
    return WIFEXITED(ending.status) ? WEXITSTATUS(ending.status) : 128 + WTERMSIG(ending.status);
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *at)
{
    (void)stat;
    (void)type;
    (void)at;
    return remove(path);
}

void broker_remove(struct broker *b)
{
    REQUIRE(nftw(b->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
    b->directory[0] = '\0';
}

/* What the broker said, for people who look for the reason of a failure. */
static void show_log(const struct broker *b)
{
    char path[128], line[512];
    broker_path(b, "stderr", path, sizeof path);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        fprintf(stderr, "    broker: %s", line);
    if (file)
        fclose(file);
}

void broker_end(struct broker *b)
{
    REQUIRE(kill(b->pid, SIGTERM) == 0);
    bool is_clean = broker_wait(b) == 0 && !broker_said(b, "level=error") && !broker_said(b, "Sanitizer");
    if (!is_clean)
        show_log(b);
    REQUIRE(is_clean);
}

void broker_stop(struct broker *b)
{
    broker_end(b);
    broker_remove(b);
}

/* --- looking at it --- */

void broker_path(const struct broker *b, const char *name, char *ret_path, size_t size)
{
    snprintf(ret_path, size, "%s/%s", b->directory, name);
}

bool broker_said(const struct broker *b, const char *text)
{
    char path[128], line[4096];
    broker_path(b, "stderr", path, sizeof path);
    FILE *file = fopen(path, "re");
    REQUIRE(file != NULL);
    bool found = false;
    while (!found && fgets(line, sizeof line, file))
        found = strstr(line, text) != NULL;
    fclose(file);
    return found;
}

struct saying {
    const struct broker *broker;
    const char *text;
};

static bool has_said(void *context)
{
    const struct saying *saying = context;
    return broker_said(saying->broker, saying->text);
}

void broker_wait_said(const struct broker *b, const char *text)
{
    struct saying saying = {b, text};
    wait_until(has_said, &saying, text);
}

/* The number behind a word in a file of /proc. */
static uint64_t proc_number(const char *path, const char *word)
{
    char line[256];
    uint64_t number = 0;
    FILE *file = fopen(path, "re");
    REQUIRE(file != NULL);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, word, strlen(word)) == 0)
            number = strtoull(line + strlen(word), NULL, 10);
    fclose(file);
    return number;
}

size_t broker_memory_kb(const struct broker *b)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)b->pid);
    return proc_number(path, "VmRSS:");
}

size_t broker_descriptors(const struct broker *b)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)b->pid);
    DIR *directory = opendir(path);
    REQUIRE(directory != NULL);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2;
}

uint64_t broker_cpu_ms(const struct broker *b)
{
    char path[64];
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)b->pid);
    FILE *file = fopen(path, "re");
    REQUIRE(file != NULL);
    int got =
        fscanf(file, "%*d (mq-broker) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
    fclose(file);
    REQUIRE(got == 2);
    return (user + kernel) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
}

uint64_t broker_switches(const struct broker *b)
{
    char path[64];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)b->pid);
    DIR *directory = opendir(path);
    REQUIRE(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        char status[400];
        snprintf(status, sizeof status, "%s/%s/status", path, entry->d_name);
        sum += proc_number(status, "voluntary_ctxt_switches:");
    }
    closedir(directory);
    return sum;
}
