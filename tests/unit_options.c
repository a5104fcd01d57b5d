/* unit_options.c - what the operator may ask for, and what is said when it cannot be. */
#include <string.h>

#include "options.h"
#include "proto.h"
#include "unit.h"

static struct options options;
static char error[OPTIONS_ERROR_MAX];

enum { WORDS_MAX = 40 };

/* Parses the words of `line`, in the environment of the words of `environment`; a word ends at a '|'. */
static bool parse(const char *line, const char *environment)
{
    static char words[2][2048];
    char *argv[WORDS_MAX] = {(char *)"mq-broker"}, *envp[WORDS_MAX] = {NULL};
    int argc = 1, envc = 0;
    CHECK(strlen(line) < sizeof words[0] && strlen(environment) < sizeof words[1]);
    strcpy(words[0], line);
    strcpy(words[1], environment);
    for (char *word = strtok(words[0], "|"); word; word = strtok(NULL, "|"))
        argv[argc++] = word;
    for (char *word = strtok(words[1], "|"); word; word = strtok(NULL, "|"))
        envp[envc++] = word;
    CHECK(argc < WORDS_MAX && envc < WORDS_MAX);
    error[0] = '\0';
    return options_parse(&options, argc, argv, envp, error);
}

static void check_error(const char *line, const char *environment, const char *expected)
{
    CHECK(!parse(line, environment));
    if (!strstr(error, expected))
        printf("\n    seen: %s\n    expected: %s\n", error, expected);
    CHECK(strstr(error, expected) != NULL);
    CHECK(strchr(error, '\n') == NULL);
}

static void without_options_there_are_defaults(void)
{
    CHECK(parse("", ""));
    CHECK_EQUAL(options.action, OPTIONS_RUN);
    CHECK_EQUAL(options.bind_count, 1);
    CHECK(strcmp(options.binds[0], MQ_DEFAULT_ENDPOINT) == 0);
    CHECK_EQUAL(options.memory_limit, 0);
    CHECK_EQUAL(options.body_max, 16 << 20);
    CHECK_EQUAL(options.resume_grace_ms, 3000);
    CHECK_EQUAL(options.remember_ms, 600000);
    CHECK_EQUAL(options.heartbeat_ms, 5000);
    CHECK_EQUAL(options.heartbeat_timeout_ms, 30000);
    CHECK(options.auto_create && !options.insecure_listen);
    CHECK(options.data[0] == '\0');
    CHECK_EQUAL(options.sync_interval_ms, 0);
    CHECK_EQUAL(options.segment_size, 64 << 20);
    CHECK_EQUAL(options.log_level, LOG_INFO);
    CHECK_EQUAL(options.log_format, LOG_FORMAT_TEXT);
}

static void every_option_is_understood(void)
{
    CHECK(parse(
        "--bind|tcp://127.0.0.1:1|--bind=ipc:///run/mq|--memory-limit|2G|--max-body=64k|--resume-grace|0|"
        "--remember|1h|--heartbeat|250ms|--heartbeat-timeout|2m|--auto-create|off|--log-level|debug|"
        "--log-format|json|--insecure-listen|--data|/var/lib/mq|--sync|interval=50ms|--segment-size|256k",
        ""));
    CHECK_EQUAL(options.bind_count, 2);
    CHECK(strcmp(options.binds[1], "ipc:///run/mq") == 0);
    CHECK_EQUAL(options.memory_limit, 2ull << 30);
    CHECK_EQUAL(options.body_max, 64 << 10);
    CHECK_EQUAL(options.resume_grace_ms, 0);
    CHECK_EQUAL(options.remember_ms, 3600000);
    CHECK_EQUAL(options.heartbeat_ms, 250);
    CHECK_EQUAL(options.heartbeat_timeout_ms, 120000);
    CHECK(!options.auto_create && options.insecure_listen);
    CHECK_EQUAL(options.log_level, LOG_DEBUG);
    CHECK_EQUAL(options.log_format, LOG_FORMAT_JSON);
    CHECK(strcmp(options.data, "/var/lib/mq") == 0);
    CHECK_EQUAL(options.sync_interval_ms, 50);
    CHECK_EQUAL(options.segment_size, 256 << 10);
}

static void every_option_is_an_environment_variable(void)
{
    CHECK(parse("",
                "HOME=/|MQ_BIND=tcp://127.0.0.1:1, ipc:///run/mq|MQ_MEMORY_LIMIT=2G|MQ_MAX_BODY=64k|"
                "MQ_RESUME_GRACE=1|MQ_REMEMBER=2|MQ_HEARTBEAT=3|MQ_HEARTBEAT_TIMEOUT=4|MQ_AUTO_CREATE=off|"
                "MQ_LOG_LEVEL=error|MQ_LOG_FORMAT=json|MQ_INSECURE_LISTEN=on|MQ_SERVER=tcp://127.0.0.1:9|"
                "MQ_DATA=/var/lib/mq|MQ_SYNC=interval=50ms|MQ_SEGMENT_SIZE=256k"));
    CHECK_EQUAL(options.bind_count, 2);
    CHECK(strcmp(options.binds[0], "tcp://127.0.0.1:1") == 0);
    CHECK(strcmp(options.binds[1], "ipc:///run/mq") == 0);
    CHECK_EQUAL(options.memory_limit, 2ull << 30);
    CHECK_EQUAL(options.body_max, 64 << 10);
    CHECK_EQUAL(options.resume_grace_ms, 1000);
    CHECK_EQUAL(options.remember_ms, 2000);
    CHECK_EQUAL(options.heartbeat_ms, 3000);
    CHECK_EQUAL(options.heartbeat_timeout_ms, 4000);
    CHECK(!options.auto_create && options.insecure_listen);
    CHECK_EQUAL(options.log_level, LOG_ERROR);
    CHECK_EQUAL(options.log_format, LOG_FORMAT_JSON);
    CHECK(strcmp(options.data, "/var/lib/mq") == 0);
    CHECK_EQUAL(options.sync_interval_ms, 50);
    CHECK_EQUAL(options.segment_size, 256 << 10);
}

static void the_command_line_wins_over_the_environment(void)
{
    CHECK(parse("--remember|5s|--bind|tcp://127.0.0.1:2", "MQ_REMEMBER=9s|MQ_BIND=tcp://127.0.0.1:1"));
    CHECK_EQUAL(options.remember_ms, 5000);
    CHECK_EQUAL(options.bind_count, 1);
    CHECK(strcmp(options.binds[0], "tcp://127.0.0.1:2") == 0);
}

static void an_empty_variable_is_none(void)
{
    CHECK(parse("", "MQ_REMEMBER=|MQ_BIND="));
    CHECK_EQUAL(options.remember_ms, 600000);
    CHECK(strcmp(options.binds[0], MQ_DEFAULT_ENDPOINT) == 0);
}

static void what_is_wrong_is_named(void)
{
    check_error("--memmory|1G", "", "unknown option '--memmory'");
    check_error("--bindd=x", "", "unknown option '--bindd=x'");
    check_error("-b|x", "", "unknown option '-b'");
    check_error("serve", "", "unexpected argument 'serve'");
    check_error("--remember", "", "--remember needs a value: --remember D");
    check_error("--remember|soon", "", "--remember: 'soon' is not a duration");
    check_error("", "MQ_REMEMBER=soon", "MQ_REMEMBER: 'soon' is not a duration");
    check_error("--memory-limit|lots", "", "--memory-limit: 'lots' is not a size");
    check_error("--memory-limit|1000", "", "at least 1M");
    check_error("--max-body|61M", "", "at most 60M");
    check_error("--max-body|0", "", "--max-body: '0' is not a size");
    check_error("--auto-create|yes", "", "--auto-create: 'yes' is not on or off");
    check_error("", "MQ_INSECURE_LISTEN=1", "MQ_INSECURE_LISTEN: '1' is not on or off");
    check_error("--insecure-listen=on", "", "takes no value");
    check_error("--log-level|loud", "", "--log-level: 'loud' is not error, warn, info or debug");
    check_error("--log-format|xml", "", "--log-format: 'xml' is not text or json");
}

static void a_way_to_sync_is_always_or_an_interval(void)
{
    static const char *const bad[] = {
        "never", "interval", "interval=", "interval=0", "interval=soon", "interval=25000h"};
    char line[128];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(line, sizeof line, "--data|/d|--sync|%s", bad[i]);
        check_error(line, "", "is not always or interval=D");
    }
    CHECK(parse("--data|/d|--sync|always", "MQ_SYNC=interval=1"));
    CHECK_EQUAL(options.sync_interval_ms, 0);
}

static void a_segment_has_256k_to_1g(void)
{
    check_error("--data|/d|--segment-size|255k", "", "(256k to 1G)");
    check_error("--data|/d|--segment-size|1025M", "", "(256k to 1G)");
    CHECK(parse("--data|/d|--segment-size|1G", ""));
}

static void how_to_write_needs_a_directory_to_write_to(void)
{
    check_error("--sync|always", "", "--sync needs --data DIR");
    check_error("", "MQ_SEGMENT_SIZE=1M", "MQ_SEGMENT_SIZE needs --data DIR");
    CHECK(parse("--sync|always", "MQ_DATA=/d"));
    CHECK(parse("--data|/d", "MQ_SYNC=always"));
    check_error("--data=", "", "--data: '' is not the path of a directory");
}

static void a_directory_is_checked_or_salvaged_instead_of_being_served(void)
{
    CHECK(parse("--check|/d", "MQ_DATA=/e"));
    CHECK_EQUAL(options.action, OPTIONS_CHECK);
    CHECK(strcmp(options.inspected, "/d") == 0);
    CHECK(parse("--salvage=/d", "MQ_CHECK=/e"));
    CHECK_EQUAL(options.action, OPTIONS_SALVAGE);
    CHECK(strcmp(options.inspected, "/d") == 0);
    CHECK(parse("", "MQ_CHECK=/e"));
    CHECK_EQUAL(options.action, OPTIONS_RUN);
    check_error("--check|/d|--salvage|/d", "", "--salvage: one of --check and --salvage");
    check_error("--check", "", "--check needs a value: --check DIR");
}

static void a_heartbeat_must_fit_into_its_time_out(void)
{
    check_error("--heartbeat|40s", "",
                "--heartbeat-timeout (30000 ms) must not be shorter than --heartbeat (40000");
    CHECK(parse("--heartbeat|0", ""));
}

static void endpoints_are_checked(void)
{
    static const char *const bad[] = {"x",
                                      "tcp://",
                                      "tcp://127.0.0.1",
                                      "tcp://:1",
                                      "tcp://127.0.0.1:",
                                      "tcp://127.0.0.1:65536",
                                      "tcp://127.0.0.1:1x",
                                      "udp://127.0.0.1:1",
                                      "ipc://",
                                      "ipc://*",
                                      "ipc://@abstract",
                                      "ipc:///run/",
                                      " ,"};
    char line[512], path[200];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(line, sizeof line, "--bind|%s", bad[i]);
        check_error(line, "", "is not an endpoint");
    }
    memset(path, 'x', sizeof path);
    snprintf(line, sizeof line, "--bind|ipc:///%.107s", path);
    check_error(line, "", "at most 107 bytes");
    snprintf(line, sizeof line, "--bind|tcp://%.200s%.60s:1", path, path);
    check_error(line, "", "longer than 255 bytes");
    snprintf(line, sizeof line, "--bind|ipc:///%.106s", path);
    CHECK(parse(line, ""));
}

static void there_are_at_most_16_endpoints(void)
{
    char line[600] = "";
    for (int i = 0; i < 16; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), "--bind=tcp://127.0.0.1:0|");
    CHECK(parse(line, ""));
    strcat(line, "--bind=tcp://127.0.0.1:0");
    check_error(line, "", "more than 16 endpoints");
}

static void localhost_is_an_address(void)
{
    CHECK(parse("--bind|tcp://localhost:7420", ""));
    CHECK(strcmp(options.binds[0], "tcp://127.0.0.1:7420") == 0);
}

static void listening_to_others_must_be_asked_for_by_name(void)
{
    static const char *const open[] = {"tcp://0.0.0.0:1", "tcp://*:1",        "tcp://[::]:1",
                                       "tcp://eth0:1",    "tcp://10.0.0.1:1", "tcp://loop:1"};
    static const char *const closed[] = {"tcp://127.0.0.1:1", "tcp://127.9.9.9:1", "tcp://[::1]:1",
                                         "tcp://lo:1", "ipc:///run/mq"};
    char line[128];
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        snprintf(line, sizeof line, "--bind|%s", open[i]);
        check_error(line, "", "add --insecure-listen");
        snprintf(line, sizeof line, "--insecure-listen|--bind|%s", open[i]);
        CHECK(parse(line, ""));
    }
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        snprintf(line, sizeof line, "--bind|%s", closed[i]);
        CHECK(parse(line, ""));
    }
}

static void help_and_version_are_given_whatever_else_is_wrong(void)
{
    CHECK(parse("--nonsense|--help", "MQ_BIND=x"));
    CHECK_EQUAL(options.action, OPTIONS_HELP);
    CHECK(parse("--version", ""));
    CHECK_EQUAL(options.action, OPTIONS_VERSION);
}

static void the_help_names_every_option(void)
{
    static const char *const names[] = {"--bind ENDPOINT",
                                        "--insecure-listen",
                                        "--data DIR",
                                        "--sync MODE",
                                        "--segment-size SIZE",
                                        "--check DIR",
                                        "--salvage DIR",
                                        "--memory-limit SIZE",
                                        "--max-body SIZE",
                                        "--resume-grace D",
                                        "--remember D",
                                        "--heartbeat D",
                                        "--heartbeat-timeout D",
                                        "--auto-create on|off",
                                        "--log-level LEVEL",
                                        "--log-format FORMAT",
                                        "--version",
                                        "--help"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(strstr(options_help(), names[i]) != NULL);
}

static void a_duration_is_24_days_at_most(void)
{
    check_error("--remember|25000h", "", "at most 24 days");
}

static void a_body_is_half_a_segment_at_most(void)
{
    CHECK(parse("--data|/d|--segment-size|1M", ""));
    CHECK_EQUAL(options.body_max, 512 << 10);
    CHECK(parse("--data|/d|--segment-size|1M|--max-body|512k", ""));
    check_error("--data|/d|--segment-size|1M|--max-body|513k", "",
                "--max-body (525312 bytes) must not be more than half of --segment-size (1048576 bytes)");
    CHECK(parse("--data|/d|--max-body|32M", ""));
    check_error("--data|/d|--max-body|33M", "", "--max-body");
    CHECK(parse("--max-body|60M", "")); /* in memory only */
}

static const struct unit_test tests[] = {
    UNIT(a_body_is_half_a_segment_at_most),
    UNIT(without_options_there_are_defaults),
    UNIT(every_option_is_understood),
    UNIT(every_option_is_an_environment_variable),
    UNIT(the_command_line_wins_over_the_environment),
    UNIT(an_empty_variable_is_none),
    UNIT(what_is_wrong_is_named),
    UNIT(a_way_to_sync_is_always_or_an_interval),
    UNIT(a_segment_has_256k_to_1g),
    UNIT(how_to_write_needs_a_directory_to_write_to),
    UNIT(a_directory_is_checked_or_salvaged_instead_of_being_served),
    UNIT(a_heartbeat_must_fit_into_its_time_out),
    UNIT(endpoints_are_checked),
    UNIT(there_are_at_most_16_endpoints),
    UNIT(localhost_is_an_address),
    UNIT(listening_to_others_must_be_asked_for_by_name),
    UNIT(help_and_version_are_given_whatever_else_is_wrong),
    UNIT(the_help_names_every_option),
    UNIT(a_duration_is_24_days_at_most),
};

int main(void)
{
    return unit_run("options", tests, sizeof tests / sizeof *tests);
}
