/* server.c - see server.h. */
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "wait.h"

static void launch(struct server *s)
{
    const char *arguments[BROKER_ARGUMENTS_MAX] = {"--bind", s->tcp, "--bind", s->ipc};
    for (int i = 0; s->arguments && s->arguments[i]; i++) {
        REQUIRE(i + 5 < BROKER_ARGUMENTS_MAX);
        arguments[4 + i] = s->arguments[i];
    }
    broker_start(&s->broker, arguments, NULL);
    REQUIRE(sscanf(s->broker.ready, "mq-broker ready %63s %107s", s->tcp, s->ipc) == 2);
}

void server_start(struct server *s, const char *const *arguments)
{
    *s = (struct server){.arguments = arguments, .tcp = "tcp://127.0.0.1:0"};
    broker_make_directory(&s->broker);
    snprintf(s->ipc, sizeof s->ipc, "ipc://%s/broker", s->broker.directory);
    launch(s);
}

void server_restart(struct server *s)
{
    REQUIRE(s->broker.pid == 0);
    launch(s);
}

void server_stop(struct server *s)
{
    broker_end(&s->broker);
}

void server_kill(struct server *s)
{
    REQUIRE(kill(s->broker.pid, SIGKILL) == 0);
    REQUIRE(broker_wait(&s->broker) == 128 + SIGKILL);
}

void server_freeze(struct server *s)
{
    int status;
    REQUIRE(kill(s->broker.pid, SIGSTOP) == 0);
    REQUIRE(waitpid(s->broker.pid, &status, WUNTRACED) == s->broker.pid);
}

void server_thaw(struct server *s)
{
    REQUIRE(kill(s->broker.pid, SIGCONT) == 0);
}

void server_end(struct server *s)
{
    if (s->broker.pid)
        server_stop(s);
    broker_remove(&s->broker);
}
