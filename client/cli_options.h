/* cli_options.h - the command line -> struct cli, and help made from the same tables. */
#ifndef MQ_CLI_OPTIONS_H
#define MQ_CLI_OPTIONS_H

#include <stdio.h>

#include "cli.h"

extern const struct cli_option cli_global_options[];

/* The global options in front of the command. *ret_next is the index of what follows them. */
int cli_parse_globals(struct cli *cli, int argc, char **argv, int *ret_next);

/* The options, global ones included, and operands of cli->command; argv[0] is its name. The operands point
 * into argv, which is reordered. CLI_OK, or the failure has been reported. */
int cli_parse_command(struct cli *cli, int argc, char **argv);

/* The help of one command. */
void cli_print_help(FILE *to, const struct cli_command *command);
void cli_print_options(FILE *to, const struct cli_option *options);

#endif
