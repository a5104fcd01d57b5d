/* cli_parse.c - see cli_parse.h. Numbers are checked by their characters first, because strtod and strtoll
 * also take what nobody means: blanks in front, hexadecimal, "inf", "nan". */
#include "cli_parse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t DURATION_MS_MAX = INT64_C(100) * 366 * 86400 * 1000;

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

static bool is_integer(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t count = digits(text);
    return count > 0 && text[count] == '\0';
}

/* [+-] digits [. digits] [e [+-] digits], at least one digit in front of the e. */
static bool is_decimal(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t whole = digits(text), fraction = 0;
    text += whole;
    if (*text == '.') {
        fraction = digits(text + 1);
        text += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        return is_integer(text);
    }
    return *text == '\0';
}

bool cli_parse_integer(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    if (!is_integer(text))
        return false;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

static double unit_ms(const char *unit)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"", 1e3}, {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(unit, units[i].name) == 0)
            return units[i].ms;
    return -1;
}

bool cli_parse_duration(const char *text, int64_t *ret_ms)
{
    size_t whole = digits(text), fraction = 0;
    if (text[whole] == '.')
        fraction = 1 + digits(text + whole + 1);
    if (whole == 0 || fraction == 1)
        return false;
    double factor = unit_ms(text + whole + fraction);
    double ms = strtod(text, NULL) * factor;
    if (factor < 0 || ms > (double)DURATION_MS_MAX)
        return false;
    /* Rounded up: a time-out that somebody gave is not to become "do not wait". */
    *ret_ms = (int64_t)ceil(ms);
    return true;
}

bool cli_parse_size(const char *text, uint64_t *ret_size)
{
    static const char units[] = "kMG";
    size_t count = digits(text);
    const char *unit = text + count;
    const char *known = *unit ? strchr(units, *unit) : units;
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (count == 0 || errno || !known || (*unit && unit[1]))
        return false;
    int shift = *unit ? 10 * (int)(known - units + 1) : 0;
    if (number > INT64_MAX >> shift)
        return false;
    *ret_size = (uint64_t)number << shift;
    return true;
}

bool cli_parse_decimal(const char *text, double *ret)
{
    double value = strtod(text, NULL);
    if (!is_decimal(text) || isinf(value))
        return false;
    *ret = value;
    return true;
}

static enum mq_status parse_plain(const char *text, struct mqc_key *ret)
{
    int64_t integer;
    if (cli_parse_integer(text, INT64_MIN, INT64_MAX, &integer)) {
        *ret = mqc_key_int(integer);
        return MQ_OK;
    }
    if (!is_decimal(text)) {
        *ret = mqc_key_string(text);
        return MQ_OK;
    }
    double real = strtod(text, NULL);
    if (isinf(real))
        return MQ_INVALID;
    *ret = mqc_key_double(real);
    return MQ_OK;
}

static size_t count_elements(const char *text)
{
    size_t count = 1;
    for (; *text; text++)
        count += *text == ',';
    return count;
}

static enum mq_status parse_tuple(struct cli_key *key, size_t count)
{
    char *next = key->text;
    for (size_t i = 0; i < count; i++) {
        char *text = next;
        next = strchrnul(text, ',');
        if (*next)
            *next++ = '\0';
        enum mq_status status = parse_plain(text, &key->elements[i]);
        if (status != MQ_OK)
            return status;
    }
    key->key = mqc_key_tuple(key->elements, count);
    return MQ_OK;
}

enum mq_status cli_parse_key(const char *text, struct cli_key *ret)
{
    size_t count = count_elements(text);
    struct cli_key key = {.text = strdup(text), .elements = calloc(count, sizeof *key.elements)};
    enum mq_status status = MQ_NO_MEMORY;
    if (key.text && key.elements)
        status = count > 1 ? parse_tuple(&key, count) : parse_plain(key.text, &key.key);
    if (status == MQ_OK)
        *ret = key;
    else
        cli_key_done(&key);
    return status;
}

void cli_key_done(struct cli_key *key)
{
    free(key->text);
    free(key->elements);
    *key = (struct cli_key){0};
}
