/* cli_signals.c - see cli_signals.h. A signal just before a blocking call is not lost: mqc_interrupt() then
 * works on that call. */
#include "cli_signals.h"
#include "cli.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum mode { MODE_END, MODE_INTERRUPT, MODE_COLLECT };

static volatile sig_atomic_t mode;
static volatile sig_atomic_t interrupted;
static struct mqc *volatile client;
static int pipe_fds[2] = {-1, -1};

static void end_at_once(void)
{
    static const char line[] = "mq: interrupted\n";
    /* There is nobody to tell if this fails. */
    ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);
    (void)written;
    _exit(CLI_INTERRUPTED);
}

static void on_signal(int number)
{
    int saved = errno;
    if (mode == MODE_END || (mode == MODE_INTERRUPT && interrupted))
        end_at_once();
    interrupted = 1;
    /* The pipe is only full if thousands of signals wait to be read: one more says nothing new. */
    unsigned char byte = (unsigned char)number;
    ssize_t written = write(pipe_fds[1], &byte, 1);
    (void)written;
    if (mode == MODE_INTERRUPT)
        mqc_interrupt(client);
    errno = saved;
}

static void handle(int number)
{
    struct sigaction old, action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaddset(&action.sa_mask, SIGHUP);
    int result = sigaction(number, NULL, &old);
    assert(result == 0);
    if (old.sa_handler == SIG_IGN)
        return;
    result = sigaction(number, &action, NULL);
    assert(result == 0);
}

void cli_signals_end(void)
{
    mode = MODE_END;
    handle(SIGINT);
    handle(SIGTERM);
    handle(SIGHUP);
}

/* Before the first signal can be written to it. */
static void make_pipe(void)
{
    int result = pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK);
    assert(result == 0);
}

void cli_signals_interrupt(struct mqc *mqc)
{
    make_pipe();
    client = mqc;
    mode = MODE_INTERRUPT;
}

void cli_signals_collect(void)
{
    make_pipe();
    mode = MODE_COLLECT;
}

bool cli_interrupted(void)
{
    return interrupted;
}

int cli_signals_fd(void)
{
    return pipe_fds[0];
}
