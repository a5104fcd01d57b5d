/* cli_values.c - option values that several commands take. */
#include "cli.h"
#include "cli_parse.h"
#include "proto.h"

#include <inttypes.h>

int cli_duration_value(const struct cli *cli, int code, int64_t *ret_ms)
{
    const char *text = cli->values[code];
    if (text && !cli_parse_duration(text, ret_ms))
        return cli_usage(cli, "'%s' is not a duration such as 250ms, 5s, 2m or 1h", text);
    return CLI_OK;
}

int cli_integer_value(const struct cli *cli, int code, int64_t min, int64_t max, int64_t *ret)
{
    const char *text = cli->values[code];
    if (!text || cli_parse_integer(text, min, max, ret))
        return CLI_OK;
    if (min == INT64_MIN)
        return cli_usage(cli, "'%s' is not a whole number", text);
    if (max == INT64_MAX)
        return cli_usage(cli, "'%s' is not a whole number, at least %" PRId64, text, min);
    return cli_usage(cli, "'%s' is not a whole number from %" PRId64 " to %" PRId64, text, min, max);
}

int cli_timeout_value(const struct cli *cli, int64_t *ret_timeout_ms)
{
    if (cli_given(cli, 'n') && cli_given(cli, 't'))
        return cli_usage(cli, "-n and -t exclude each other");
    if (cli_given(cli, 'n'))
        *ret_timeout_ms = MQ_NOWAIT;
    return cli_duration_value(cli, 't', ret_timeout_ms);
}

int cli_settings_value(const struct cli *cli, struct mqc_queue_options *ret_options)
{
    const char *kind = cli->values[CLI_LONG_KIND];
    if (kind && !mq_kind_from_name(kind, &ret_options->kind))
        return cli_usage(cli, "'%s' is not a kind of queue: fifo, lifo or priority", kind);
    int code = cli_integer_value(cli, CLI_LONG_MAXSIZE, INT64_MIN, INT64_MAX, &ret_options->maxsize);
    if (code == CLI_OK)
        code = cli_duration_value(cli, CLI_LONG_LEASE, &ret_options->lease_ms);
    ret_options->given |= kind ? MQ_SETTING_KIND : 0;
    ret_options->given |= cli_given(cli, CLI_LONG_MAXSIZE) ? MQ_SETTING_MAXSIZE : 0;
    ret_options->given |= cli_given(cli, CLI_LONG_LEASE) ? MQ_SETTING_LEASE : 0;
    ret_options->given |= cli_given(cli, CLI_LONG_TRANSIENT) ? MQ_SETTING_TRANSIENT : 0;
    ret_options->is_transient = cli_given(cli, CLI_LONG_TRANSIENT);
    return code;
}
