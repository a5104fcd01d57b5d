/* cli_run.c - see cli_run.h. */
#include "cli_run.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { READ_SIZE = 64 << 10, REST_SIZE = 1 << 20 /* the largest pipe there is */ };

/* Our ends of the pipes, and what tells that the command has ended; -1: closed. */
struct lines {
    int in, out, err, ended;
};

void cli_run_init(struct cli_run *run, pthread_mutex_t *lock)
{
    *run = (struct cli_run){.lock = lock};
    cli_spool_init(&run->out);
    cli_spool_init(&run->err);
}

void cli_run_done(struct cli_run *run)
{
    cli_spool_done(&run->out);
    cli_spool_done(&run->err);
}

bool cli_run_succeeded(const struct cli_run *run)
{
    return run->end == CLI_RUN_EXITED && run->code == 0;
}

void cli_run_describe(const struct cli_run *run, char *text, size_t size)
{
    switch (run->end) {
    case CLI_RUN_EXITED:
        snprintf(text, size, "exit code %d", run->code);
        break;
    case CLI_RUN_KILLED:
        snprintf(text, size, "killed by signal %d (%s)", run->code, strsignal(run->code));
        break;
    case CLI_RUN_UNFIT:
        snprintf(text, size, "the body has a NUL or is too long for an argument");
        break;
    case CLI_RUN_NO_START:
        snprintf(text, size, "cannot be run: %s", strerror(run->code));
        break;
    }
}

/* ---- Arguments and environment ---- */

static size_t count_marks(const char *argument)
{
    size_t count = 0;
    while ((argument = strstr(argument, "{}")) != NULL) {
        count++;
        argument += 2;
    }
    return count;
}

char *cli_run_fill_in(const char *argument, const void *body, size_t size)
{
    char *text = malloc(strlen(argument) + count_marks(argument) * size + 1);
    char *end = text;
    while (text && *argument) {
        if (strncmp(argument, "{}", 2) == 0) {
            end = mempcpy(end, body, size);
            argument += 2;
        } else {
            *end++ = *argument++;
        }
    }
    if (text)
        *end = '\0';
    return text;
}

static void free_words(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}

static size_t count_words(char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return count;
}

/* The command itself is not filled in, only its arguments. */
static char **fill_in_all(char *const *argv, const struct mqc_item *item)
{
    size_t count = count_words(argv);
    char **words = calloc(count + 1, sizeof(char *));
    for (size_t i = 0; words && i < count; i++) {
        words[i] =
            i == 0 ? strdup(argv[0]) : cli_run_fill_in(argv[i], mqc_item_body(item), mqc_item_size(item));
        if (!words[i]) {
            free_words(words);
            return NULL;
        }
    }
    return words;
}

static bool is_ours(const char *variable)
{
    return strncmp(variable, "MQ_ITEM_ID=", 11) == 0 || strncmp(variable, "MQ_DELIVERIES=", 14) == 0 ||
           strncmp(variable, "MQ_QUEUE=", 9) == 0;
}

/* The item's variables in own[], then what we were given ourselves. Not to be freed deeply. */
static char **make_environment(char *own[3])
{
    char **variables = calloc(count_words(environ) + 4, sizeof(char *));
    size_t count = 0;
    for (size_t i = 0; variables && i < 3; i++)
        variables[count++] = own[i];
    for (size_t i = 0; variables && environ[i]; i++)
        if (!is_ours(environ[i]))
            variables[count++] = environ[i];
    return variables;
}

/* ---- Starting ---- */

static bool make_pipes(int pipes[3][2])
{
    for (int i = 0; i < 3; i++)
        if (pipe2(pipes[i], O_CLOEXEC) != 0)
            return false;
    return fcntl(pipes[0][1], F_SETFL, O_NONBLOCK) == 0 && fcntl(pipes[1][0], F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(pipes[2][0], F_SETFL, O_NONBLOCK) == 0;
}

/* Standard streams from the pipes, an own process group, signals as if we had not touched them. */
static int prepare(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions, int pipes[3][2])
{
    sigset_t none, handled;
    sigemptyset(&none);
    sigemptyset(&handled);
    sigaddset(&handled, SIGPIPE);
    int error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                         POSIX_SPAWN_SETSIGDEF);
    if (!error)
        error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &handled);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, pipes[0][0], STDIN_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, pipes[1][1], STDOUT_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, pipes[2][1], STDERR_FILENO);
    return error;
}

/* Returns 0 or errno. */
static int spawn(char *const *argv, char *const *environment, int pipes[3][2], pid_t *ret_pid)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int error = posix_spawnattr_init(&attributes);
    if (error)
        return error;
    error = posix_spawn_file_actions_init(&actions);
    if (!error) {
        error = prepare(&attributes, &actions, pipes);
        if (!error)
            error = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environment);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attributes);
    return error;
}

static int spawn_with_words(struct cli_run *run, char *const *argv, const struct mqc_item *item,
                            int pipes[3][2])
{
    char id[40], deliveries[32], queue[280];
    snprintf(id, sizeof id, "MQ_ITEM_ID=%" PRIu64, mqc_item_id(item));
    snprintf(deliveries, sizeof deliveries, "MQ_DELIVERIES=%" PRIu32, mqc_item_deliveries(item));
    snprintf(queue, sizeof queue, "MQ_QUEUE=%s", mqc_item_queue_name(item));
    char **words = fill_in_all(argv, item);
    char **environment = make_environment((char *[3]){id, deliveries, queue});
    int error = ENOMEM;
    pid_t pid = 0;
    if (words && environment)
        error = spawn(words, environment, pipes, &pid);
    free_words(words);
    free(environment);
    if (error)
        return error;
    pthread_mutex_lock(run->lock);
    run->pid = pid;
    pthread_mutex_unlock(run->lock);
    return 0;
}

static bool has_mark(char *const *argv)
{
    for (size_t i = 1; argv[i]; i++)
        if (strstr(argv[i], "{}"))
            return true;
    return false;
}

static void close_line(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool start(struct cli_run *run, char *const *argv, const struct mqc_item *item, struct lines *lines)
{
    int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    int error = make_pipes(pipes) ? spawn_with_words(run, argv, item, pipes) : errno;
    close_line(&pipes[0][0]);
    close_line(&pipes[1][1]);
    close_line(&pipes[2][1]);
    *lines = (struct lines){.in = pipes[0][1], .out = pipes[1][0], .err = pipes[2][0], .ended = -1};
    if (!error)
        return true;
    run->end = error == E2BIG && has_mark(argv) ? CLI_RUN_UNFIT : CLI_RUN_NO_START;
    run->code = error;
    return false;
}

/* ---- While it runs ---- */

/* Gives the command what it takes; it may close its stdin without reading it all. */
static void feed(struct lines *lines, const char *body, size_t size, size_t *at)
{
    while (*at < size) {
        ssize_t written = write(lines->in, body + *at, size - *at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN)
            return;
        if (written < 0)
            break;
        *at += (size_t)written;
    }
    close_line(&lines->in);
}

/* Reads what is there, at most `max`; closes the line at its end. */
static void drain(int *fd, struct cli_spool *spool, size_t max)
{
    char buffer[READ_SIZE];
    for (size_t total = 0; *fd >= 0 && total < max;) {
        ssize_t size = read(*fd, buffer, sizeof buffer);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == EAGAIN)
            return;
        if (size <= 0) {
            close_line(fd);
            return;
        }
        cli_spool_add(spool, buffer, (size_t)size);
        total += (size_t)size;
    }
}

/* Until the command itself has ended, whatever it leaves behind. Where the kernel cannot tell (no descriptors
 * left, or an old one) the end of all that it reads and writes has to do. */
static void attend(struct cli_run *run, struct lines *lines, const struct mqc_item *item)
{
    size_t fed = 0;
    for (bool ended = false; !ended;) {
        if (fed == mqc_item_size(item))
            close_line(&lines->in);
        if (lines->ended < 0 && lines->in < 0 && lines->out < 0 && lines->err < 0)
            return;
        struct pollfd fds[] = {{.fd = lines->in, .events = POLLOUT},
                               {.fd = lines->out, .events = POLLIN},
                               {.fd = lines->err, .events = POLLIN},
                               {.fd = lines->ended, .events = POLLIN}};
        if (poll(fds, 4, -1) < 0)
            continue; /* EINTR, or too little memory in the kernel for the moment */
        ended = fds[3].revents != 0;
        if (fds[0].revents)
            feed(lines, mqc_item_body(item), mqc_item_size(item), &fed);
        drain(&lines->out, &run->out, ended ? REST_SIZE : READ_SIZE);
        drain(&lines->err, &run->err, ended ? REST_SIZE : READ_SIZE);
    }
}

/* The pid is given up when the command has ended and before it is reaped: so it can be killed until its end,
 * and nobody kills its successor. */
static void reap(struct cli_run *run)
{
    siginfo_t ended;
    int status = 0;
    while (waitid(P_PID, (id_t)run->pid, &ended, WEXITED | WNOWAIT) != 0)
        assert(errno == EINTR);
    pthread_mutex_lock(run->lock);
    pid_t pid = run->pid;
    run->pid = 0;
    pthread_mutex_unlock(run->lock);
    pid_t reaped = waitpid(pid, &status, 0);
    assert(reaped == pid);
    run->end = WIFSIGNALED(status) ? CLI_RUN_KILLED : CLI_RUN_EXITED;
    run->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

void cli_run_kill(struct cli_run *run, int number)
{
    if (run->pid > 0)
        kill(-run->pid, number);
}

void cli_run(struct cli_run *run, char *const *argv, const struct mqc_item *item)
{
    if (has_mark(argv) && memchr(mqc_item_body(item), '\0', mqc_item_size(item))) {
        run->end = CLI_RUN_UNFIT;
        return;
    }
    struct lines lines;
    if (start(run, argv, item, &lines)) {
        lines.ended = pidfd_open(run->pid, 0);
        attend(run, &lines, item);
        reap(run);
    }
    close_line(&lines.in);
    close_line(&lines.out);
    close_line(&lines.err);
    close_line(&lines.ended);
}
