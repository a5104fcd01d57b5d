/* cli_options.c - see cli_options.h. getopt_long() does the reading; each complaint is one line of our own.
 * Operands are gathered by us ("-" in front of the letters), so that options may stand behind them whatever
 * POSIXLY_CORRECT says. */
#include "cli_options.h"

#include <getopt.h>
#include <string.h>

const struct cli_option cli_global_options[] = {
    {'s', "server", "ENDPOINT", "the broker; default: $MQ_SERVER, else tcp://127.0.0.1:7420"},
    {'q', "quiet", NULL, "no notices and no progress; errors are still told"},
    {CLI_LONG_JSON, "json", NULL, "one JSON object a line on stdout"},
    {CLI_LONG_CONNECT_TIMEOUT, "connect-timeout", "D", "give up on the broker after D (default 5s)"},
    {'h', "help", NULL, "this text"},
    {0, NULL, NULL, NULL},
};

enum { OPTIONS_MAX = 32 };

/* What getopt_long wants, for both lists. */
struct getopt_tables {
    char letters[2 * OPTIONS_MAX + 3];
    struct option longs[OPTIONS_MAX + 1];
};

static void add_options(struct getopt_tables *t, const struct cli_option *options)
{
    size_t count = 0;
    while (t->longs[count].name)
        count++;
    for (const struct cli_option *o = options; o && o->code; o++) {
        if (o->code < CLI_LONG_FIRST) {
            size_t length = strlen(t->letters);
            t->letters[length] = (char)o->code;
            t->letters[length + 1] = o->value ? ':' : '\0';
        }
        if (o->name)
            t->longs[count++] =
                (struct option){o->name, o->value ? required_argument : no_argument, NULL, o->code};
    }
}

static bool is_long_code(const struct getopt_tables *t, int code)
{
    for (size_t i = 0; t->longs[i].name; i++)
        if (t->longs[i].val == code)
            return true;
    return false;
}

/* What the user typed that getopt_long has just refused. */
static int refuse(const struct cli *cli, const struct getopt_tables *tables, int result, char **argv)
{
    const char *word = argv[optind - 1];
    int name_size = (int)strcspn(word, "=");
    if (result == ':')
        return optopt >= CLI_LONG_FIRST ? cli_usage(cli, "option '%s' needs a value", word)
                                        : cli_usage(cli, "option '-%c' needs a value", optopt);
    if (optopt == 0)
        return cli_usage(cli, "unknown option '%.*s'", name_size, word);
    if (is_long_code(tables, optopt))
        return cli_usage(cli, "option '%.*s' takes no value", name_size, word);
    return cli_usage(cli, "unknown option '-%c'", optopt);
}

static int parse(struct cli *cli, struct getopt_tables *tables, int argc, char **argv)
{
    opterr = 0;
    optind = 0;
    for (;;) {
        int code = getopt_long(argc, argv, tables->letters, tables->longs, NULL);
        if (code == -1)
            break;
        if (code == 1)
            cli->operands[cli->operand_count++] = optarg;
        else if (code == '?' || code == ':')
            return refuse(cli, tables, code, argv);
        else
            cli->values[code] = optarg ? optarg : "";
    }
    cli->quiet = cli_given(cli, 'q');
    cli->json = cli_given(cli, CLI_LONG_JSON);
    return CLI_OK;
}

int cli_parse_globals(struct cli *cli, int argc, char **argv, int *ret_next)
{
    static const struct cli_option version[] = {{CLI_LONG_VERSION, "version", NULL, NULL},
                                                {0, NULL, NULL, NULL}};
    struct getopt_tables tables = {.letters = "+:"};
    add_options(&tables, cli_global_options);
    add_options(&tables, version);
    int code = parse(cli, &tables, argc, argv);
    *ret_next = optind;
    return code;
}

/* Cuts argv at the first "--": what is behind it belongs to the command to be run, options included. */
static int cut_command(struct cli *cli, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--") == 0) {
            cli->run_argv = argv + i + 1;
            return i;
        }
    return argc;
}

static int check_operands(const struct cli *cli)
{
    const struct cli_command *command = cli->command;
    if (cli->operand_count < command->operands_min)
        return cli_usage(cli, "no queue given");
    if (cli->operand_count > command->operands_max)
        return cli_usage(cli, "unexpected argument '%s'", cli->operands[command->operands_max]);
    if (command->has_command && (!cli->run_argv || !cli->run_argv[0]))
        return cli_usage(cli, "no command given; it stands behind '--'");
    return CLI_OK;
}

int cli_parse_command(struct cli *cli, int argc, char **argv)
{
    struct getopt_tables tables = {.letters = "-:"};
    add_options(&tables, cli_global_options);
    add_options(&tables, cli->command->options);
    if (cli->command->has_command)
        argc = cut_command(cli, argc, argv);
    /* Operands never outnumber the words read so far, so they are gathered in argv itself. getopt_long does
     * not move words in this mode, and has read those that are written over. */
    cli->operands = argv;
    cli->operand_count = 0;
    int code = parse(cli, &tables, argc, argv);
    if (code != CLI_OK || cli_given(cli, 'h'))
        return code;
    for (int i = optind; i < argc; i++)
        cli->operands[cli->operand_count++] = argv[i];
    return check_operands(cli);
}

void cli_print_options(FILE *to, const struct cli_option *options)
{
    for (const struct cli_option *o = options; o && o->code; o++) {
        char left[64] = "  ";
        if (o->code < CLI_LONG_FIRST)
            snprintf(left, sizeof left, "  -%c%s%s", o->code, o->name ? ", --" : "", o->name ? o->name : "");
        else
            snprintf(left, sizeof left, "  --%s", o->name);
        if (o->value)
            snprintf(left + strlen(left), sizeof left - strlen(left), " %s", o->value);
        fprintf(to, "%-24s %s\n", left, o->help);
    }
}

/* Each line of the example is set in, so that it can be told from prose. */
static void print_example(FILE *to, const char *example)
{
    fprintf(to, "\nExample:\n");
    while (*example) {
        int length = (int)strcspn(example, "\n");
        fprintf(to, "    %.*s\n", length, example);
        example += length + (example[length] == '\n');
    }
}

void cli_print_help(FILE *to, const struct cli_command *command)
{
    fprintf(to, "mq %s - %s\n\nUsage: mq %s%s%s\n", command->name, command->line, command->name,
            *command->operands ? " " : "", command->operands);
    if (command->details)
        fprintf(to, "\n%s\n", command->details);
    if (command->options) {
        fprintf(to, "\nOptions:\n");
        cli_print_options(to, command->options);
    }
    fprintf(to, "\nOptions of every command:\n");
    cli_print_options(to, cli_global_options);
    print_example(to, command->example);
}
