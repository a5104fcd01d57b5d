/* cli_table.c - see cli_table.h. */
#include "cli_table.h"

#include "proto.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Columns on a terminal, nearly: code points. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void make_harmless(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

static void widen(struct cli_table *table, size_t column, const char *text)
{
    size_t width = text_width(text);
    if (width > table->widths[column])
        table->widths[column] = width;
}

static bool reserve(struct cli_table *table)
{
    if (table->count < table->capacity)
        return true;
    size_t capacity = table->capacity ? table->capacity * 2 : 64;
    char **cells = reallocarray(table->cells, capacity, sizeof *cells);
    if (!cells)
        return false;
    table->cells = cells;
    table->capacity = capacity;
    return true;
}

void cli_table_add(struct cli_table *table, const char *format, ...)
{
    assert(table->columns <= CLI_COLUMNS_MAX);
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    if (!reserve(table)) {
        free(text);
        return;
    }
    if (text) {
        make_harmless(text);
        widen(table, table->count % table->columns, text);
    }
    table->cells[table->count++] = text;
}

static void show_cell(const struct cli_table *table, size_t column, const char *text, struct cli_output *out)
{
    bool is_last = column + 1 == table->columns;
    int gap = (int)(table->widths[column] - text_width(text));
    if (table->heads[column][0] == '>')
        cli_output_print(out, "%*s%s", gap, "", text);
    else
        cli_output_print(out, "%s%*s", text, is_last ? 0 : gap, "");
    cli_output_add(out, is_last ? "\n" : "  ", is_last ? 1 : 2);
}

static void show_heads(struct cli_table *table, struct cli_output *out)
{
    for (size_t i = 0; i < table->columns; i++)
        widen(table, i, table->heads[i] + (table->heads[i][0] == '>'));
    for (size_t i = 0; i < table->columns; i++)
        show_cell(table, i, table->heads[i] + (table->heads[i][0] == '>'), out);
    table->is_headed = true;
}

void cli_table_show(struct cli_table *table, struct cli_output *out)
{
    if (!table->is_headed)
        show_heads(table, out);
    for (size_t i = 0; i < table->count; i++) {
        if (!table->cells[i])
            out->error = ENOMEM;
        show_cell(table, i % table->columns, table->cells[i] ? table->cells[i] : "", out);
        free(table->cells[i]);
    }
    if (table->count % table->columns)
        out->error = ENOMEM;
    table->count = 0;
}

void cli_table_done(struct cli_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct cli_table){0};
}

int cli_list(struct cli *cli, size_t row_size, cli_list_function *list)
{
    int code = cli_connect(cli);
    if (code != CLI_OK)
        return code;
    void *rows = calloc(MQ_ROWS_MAX, row_size);
    struct cli_output out = {0};
    enum mq_status status = rows ? list(cli, rows, &out) : MQ_NO_MEMORY;
    free(rows);
    if (status != MQ_OK)
        code = cli_fail(cli, status);
    int written = cli_output_finish(&out, cli);
    return code != CLI_OK ? code : written;
}
