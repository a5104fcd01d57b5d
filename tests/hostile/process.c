/* process.c - mq-broker as a process: what it says, how it ends, and that it sleeps when nothing happens. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "peer.h"
#include "wait.h"

static void help_and_version_are_printed(void)
{
    static const char *const help[] = {"--help", NULL}, *const version[] = {"--version", NULL};
    struct broker b = {0};
    broker_start(&b, help, NULL);
    CHECK(strcmp(b.ready, "usage: mq-broker [OPTION]...") == 0);
    CHECK_EQUAL(broker_wait(&b), 0);
    broker_start(&b, version, NULL);
    CHECK(strcmp(b.ready, "mq-broker " MQ_VERSION) == 0);
    CHECK_EQUAL(broker_wait(&b), 0);
    broker_remove(&b);
}

/* Starts a broker that must not become ready; its exit code. What it said is in *b until broker_remove(). */
static int start_failing(struct broker *b, const char *const *arguments, const char *const *more)
{
    *b = (struct broker){0};
    broker_start(b, arguments, more);
    CHECK(b->ready[0] == '\0');
    return broker_wait(b);
}

static void check_refused(int code, const char *option, const char *value, const char *said)
{
    struct broker b;
    const char *const arguments[] = {option, value, NULL};
    CHECK_EQUAL(start_failing(&b, arguments, NULL), code);
    CHECK(broker_said(&b, said));
    broker_remove(&b);
}

static void the_ready_line_names_the_real_ports(void)
{
    struct broker b = {0};
    static const char *const arguments[] = {"--bind", "tcp://127.0.0.1:0", "--bind", "tcp://127.0.0.1:*",
                                            NULL};
    broker_start(&b, arguments, NULL);
    unsigned first = 0, second = 0;
    CHECK_EQUAL(sscanf(b.ready, "mq-broker ready tcp://127.0.0.1:%u tcp://127.0.0.1:%u", &first, &second), 2);
    CHECK(first > 0 && second > 0 && first != second);
    broker_stop(&b);
}

static void sigterm_and_sigint_end_it_with_0(void)
{
    struct broker b;
    broker_start_tcp(&b);
    broker_stop(&b);
    broker_start_tcp(&b);
    CHECK(kill(b.pid, SIGINT) == 0);
    CHECK_EQUAL(broker_wait(&b), 0);
    broker_remove(&b);
}

static void sighup_changes_nothing(void)
{
    struct broker b;
    struct peer p;
    broker_start_tcp(&b);
    CHECK(kill(b.pid, SIGHUP) == 0);
    broker_wait_said(&b, "Hangup");
    peer_join(&p, &b);
    peer_works(&p, "q");
    peer_close(&p);
    broker_stop(&b);
}

static void what_is_decided_is_answered_before_it_ends(void)
{
    struct broker b;
    struct peer p;
    broker_start_tcp(&b);
    peer_join(&p, &b);
    struct request ping = {.verb = MQ_VERB_PING};
    for (ping.number = 1; ping.number <= 500; ping.number++)
        peer_send_request(&p, &ping);
    CHECK_EQUAL(peer_receive(&p).answer.number, 1);
    CHECK(kill(b.pid, SIGTERM) == 0);
    CHECK_EQUAL(broker_wait(&b), 0);
    struct broker_frame frame;
    uint64_t answered = 1;
    while (peer_receive_within(&p, 200, &frame))
        CHECK_EQUAL(frame.answer.number, ++answered);
    CHECK(answered <= 500);
    peer_close(&p);
    broker_remove(&b);
}

static void an_address_in_use_is_exit_75(void)
{
    struct broker b;
    broker_start_tcp(&b);
    check_refused(75, "--bind", b.endpoint, "address in use");
    broker_stop(&b);
}

static void ipc_endpoint(const struct broker *b, const char *name, char endpoint[160])
{
    char path[128];
    broker_path(b, name, path, sizeof path);
    snprintf(endpoint, 160, "ipc://%s", path);
}

/* A broker at ipc://DIRECTORY/socket. */
static void start_ipc(struct broker *b)
{
    char endpoint[160];
    *b = (struct broker){0};
    strcpy(b->directory, "/tmp/mq-hostile-XXXXXX");
    CHECK(mkdtemp(b->directory) != NULL);
    ipc_endpoint(b, "socket", endpoint);
    const char *const arguments[] = {"--bind", endpoint, NULL};
    broker_start(b, arguments, NULL);
    CHECK(strcmp(b->endpoint, endpoint) == 0);
}

static void an_ipc_path_in_use_is_exit_75_and_its_owner_goes_on(void)
{
    struct broker b;
    struct peer p;
    start_ipc(&b);
    check_refused(75, "--bind", b.endpoint, "in use by another mq-broker");
    peer_join(&p, &b);
    peer_works(&p, "q");
    peer_close(&p);
    broker_stop(&b);
}

static void an_ipc_path_of_another_program_is_left_alone(void)
{
    struct broker b;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    start_ipc(&b);
    broker_path(&b, "other", address.sun_path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0);
    char endpoint[160];
    ipc_endpoint(&b, "other", endpoint);
    check_refused(75, "--bind", endpoint, "in use by another program");
    CHECK(access(address.sun_path, F_OK) == 0);
    close(fd);
    broker_stop(&b);
}

static void a_file_at_an_ipc_path_is_left_alone(void)
{
    struct broker b;
    char endpoint[160];
    start_ipc(&b);
    ipc_endpoint(&b, "stderr", endpoint);
    check_refused(78, "--bind", endpoint, "not a socket");
    CHECK(access(endpoint + strlen("ipc://"), F_OK) == 0);
    broker_stop(&b);
}

static void the_ipc_files_are_removed_at_the_end(void)
{
    struct broker b;
    char path[128];
    start_ipc(&b);
    CHECK(kill(b.pid, SIGTERM) == 0);
    CHECK_EQUAL(broker_wait(&b), 0);
    broker_path(&b, "socket", path, sizeof path);
    CHECK(access(path, F_OK) != 0);
    broker_path(&b, "socket.lock", path, sizeof path);
    CHECK(access(path, F_OK) != 0);
    broker_remove(&b);
}

static void what_a_killed_broker_left_is_no_hindrance(void)
{
    struct broker b;
    struct peer p;
    char path[128];
    start_ipc(&b);
    CHECK(kill(b.pid, SIGKILL) == 0);
    CHECK_EQUAL(broker_wait(&b), 128 + SIGKILL);
    broker_path(&b, "socket", path, sizeof path);
    CHECK(access(path, F_OK) == 0);
    char endpoint[160];
    ipc_endpoint(&b, "socket", endpoint);
    const char *const arguments[] = {"--bind", endpoint, NULL};
    broker_start(&b, arguments, NULL);
    peer_join(&p, &b);
    peer_works(&p, "q");
    peer_close(&p);
    broker_stop(&b);
}

static void a_bad_endpoint_is_exit_78(void)
{
    check_refused(78, "--bind", "nonsense", "'nonsense' is not an endpoint");
    check_refused(78, "--bind", "tcp://127.0.0.1:99999", "port");
    check_refused(78, "--bind", "tcp://127.1.2.300:0", "cannot listen at tcp://127.1.2.300:0");
    check_refused(78, "--bind", "ipc:///no/such/directory/socket", "cannot lock");
    check_refused(78, "--bind", "inproc://broker", "not an endpoint");
}

static void an_unknown_option_is_exit_78(void)
{
    check_refused(78, "--memmory-limit", "1G", "unknown option '--memmory-limit'");
}

static void a_bad_environment_is_exit_78_and_names_the_variable(void)
{
    struct broker b;
    static const char *const more[] = {"MQ_RESUME_GRACE=soon", NULL};
    CHECK_EQUAL(start_failing(&b, NULL, more), 78);
    CHECK(broker_said(&b, "MQ_RESUME_GRACE: 'soon' is not a duration"));
    broker_remove(&b);
}

static void listening_to_the_world_must_be_asked_for_by_name(void)
{
    check_refused(78, "--bind", "tcp://0.0.0.0:0", "--insecure-listen");
    check_refused(78, "--bind", "tcp://*:0", "--insecure-listen");
}

static void ipv6_works(void)
{
    struct broker b = {0};
    struct peer p;
    static const char *const arguments[] = {"--bind", "tcp://[::1]:0", NULL};
    if (access("/proc/net/if_inet6", F_OK) != 0)
        return;
    broker_start(&b, arguments, NULL);
    CHECK(strncmp(b.endpoint, "tcp://[::1]:", 12) == 0);
    peer_join(&p, &b);
    peer_works(&p, "q");
    peer_close(&p);
    broker_stop(&b);
}

static void expect_note(int fd, const char *expected)
{
    char note[256] = "";
    struct pollfd item = {.fd = fd, .events = POLLIN};
    CHECK(poll(&item, 1, LIMIT_MS) == 1);
    CHECK(recv(fd, note, sizeof note - 1, 0) > 0);
    CHECK(strcmp(note, expected) == 0);
}

static void systemd_is_told_of_ready_and_stopping(void)
{
    struct broker b = {0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char variable[160];
    strcpy(b.directory, "/tmp/mq-hostile-XXXXXX");
    CHECK(mkdtemp(b.directory) != NULL);
    broker_path(&b, "notify", address.sun_path, sizeof address.sun_path);
    snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", address.sun_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    const char *const arguments[] = {"--bind", "tcp://127.0.0.1:0", NULL}, *const more[] = {variable, NULL};
    broker_start(&b, arguments, more);
    expect_note(fd, "READY=1");
    CHECK(kill(b.pid, SIGTERM) == 0);
    expect_note(fd, "STOPPING=1");
    close(fd);
    CHECK_EQUAL(broker_wait(&b), 0);
    broker_remove(&b);
}

static void the_log_can_be_json(void)
{
    struct broker b = {0};
    static const char *const arguments[] = {"--bind", "tcp://127.0.0.1:0", "--log-format", "json", NULL};
    broker_start(&b, arguments, NULL);
    broker_wait_said(&b, "\"level\":\"info\",\"event\":\"ready\",\"version\":");
    broker_stop(&b);
}

/* Two seconds are looked at; the sleep is what is measured. */
static uint64_t switches_in_two_seconds(const struct broker *b)
{
    uint64_t before = broker_switches(b);
    poll(NULL, 0, 2000);
    return broker_switches(b) - before;
}

/* It may take a moment to go to bed. */
static void check_it_sleeps(const struct broker *b)
{
    uint64_t deadline = clock_ms() + LIMIT_MS;
    while (switches_in_two_seconds(b) > 0)
        CHECK(clock_ms() < deadline);
}

static void an_idle_broker_sleeps(void)
{
    struct broker b;
    broker_start_tcp(&b);
    check_it_sleeps(&b);
    broker_stop(&b);
}

static void a_broker_whose_clients_said_bye_sleeps(void)
{
    struct broker b;
    struct peer p;
    broker_start_tcp(&b);
    peer_join(&p, &b);
    peer_works(&p, "q");
    struct bytes bye;
    CHECK_EQUAL(codec_encode_bye(p.codec, (struct ranges){NULL, 0}, &bye), MQ_OK);
    peer_send(&p, bye.data, bye.size);
    CHECK_EQUAL(peer_receive(&p).verb, MQ_VERB_BYE);
    peer_close(&p);
    check_it_sleeps(&b);
    broker_stop(&b);
}

static const struct unit_test tests[] = {
    UNIT(help_and_version_are_printed),
    UNIT(the_ready_line_names_the_real_ports),
    UNIT(sigterm_and_sigint_end_it_with_0),
    UNIT(sighup_changes_nothing),
    UNIT(what_is_decided_is_answered_before_it_ends),
    UNIT(an_address_in_use_is_exit_75),
    UNIT(an_ipc_path_in_use_is_exit_75_and_its_owner_goes_on),
    UNIT(an_ipc_path_of_another_program_is_left_alone),
    UNIT(a_file_at_an_ipc_path_is_left_alone),
    UNIT(the_ipc_files_are_removed_at_the_end),
    UNIT(what_a_killed_broker_left_is_no_hindrance),
    UNIT(a_bad_endpoint_is_exit_78),
    UNIT(an_unknown_option_is_exit_78),
    UNIT(a_bad_environment_is_exit_78_and_names_the_variable),
    UNIT(listening_to_the_world_must_be_asked_for_by_name),
    UNIT(ipv6_works),
    UNIT(systemd_is_told_of_ready_and_stopping),
    UNIT(the_log_can_be_json),
    UNIT(an_idle_broker_sleeps),
    UNIT(a_broker_whose_clients_said_bye_sleeps),
};

int main(void)
{
    return unit_run("process", tests, sizeof tests / sizeof *tests);
}
