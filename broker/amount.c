/* amount.c - see amount.h. */
#include "amount.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

bool amount_number(const char **text, uint64_t *ret_number)
{
    const char *at = *text;
    uint64_t number = 0;
    if (!isdigit((unsigned char)*at))
        return false;
    for (; isdigit((unsigned char)*at); at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (number > (INT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *text = at;
    *ret_number = number;
    return true;
}

static bool scale(uint64_t number, uint64_t factor, uint64_t *ret)
{
    if (number > INT64_MAX / factor)
        return false;
    *ret = number * factor;
    return true;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static bool parse_scaled(const char *text, const struct unit *units, size_t unit_count, uint64_t *ret)
{
    uint64_t number;
    if (!amount_number(&text, &number))
        return false;
    for (size_t i = 0; i < unit_count; i++)
        if (strcmp(text, units[i].name) == 0)
            return scale(number, units[i].factor, ret);
    return false;
}

bool amount_duration(const char *text, uint64_t *ret_ms)
{
    static const struct unit units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    return parse_scaled(text, units, sizeof units / sizeof *units, ret_ms);
}

bool amount_size(const char *text, uint64_t *ret_size)
{
    static const struct unit units[] = {{"", 1},        {"k", 1 << 10}, {"K", 1 << 10}, {"M", 1 << 20},
                                        {"m", 1 << 20}, {"G", 1 << 30}, {"g", 1 << 30}};
    return parse_scaled(text, units, sizeof units / sizeof *units, ret_size);
}
