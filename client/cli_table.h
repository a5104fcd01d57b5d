/* cli_table.h - rows of words, shown in aligned columns. The first row is the head. */
#ifndef MQ_CLI_TABLE_H
#define MQ_CLI_TABLE_H

#include "cli_output.h"

enum { CLI_COLUMNS_MAX = 16 };

struct cli_table {
    size_t columns;
    const char *const *heads; /* of each column; one that begins with '>' is aligned to the right */
    size_t widths[CLI_COLUMNS_MAX];
    char **cells; /* row by row; NULL: out of memory */
    size_t count, capacity;
    bool is_headed;
};

/* Adds the next cell. Control characters become '?': names come from elsewhere. */
void cli_table_add(struct cli_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Shows the rows and forgets them. Columns never get narrower, so that pages of one list fit together. */
void cli_table_show(struct cli_table *table, struct cli_output *out);

void cli_table_done(struct cli_table *table);

/* Connects and runs a command that lists: `list` asks for rows page by page, into room for MQ_ROWS_MAX of
 * row_size bytes, and adds them to `out`. Returns the exit code. */
typedef enum mq_status cli_list_function(struct cli *cli, void *rows, struct cli_output *out);
int cli_list(struct cli *cli, size_t row_size, cli_list_function *list);

#endif
