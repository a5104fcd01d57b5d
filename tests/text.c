/* text.c - see text.h. */
#include "text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

void say(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(t->at, t->left, format, args);
    va_end(args);
    assert(size >= 0 && (size_t)size < t->left);
    t->at += size;
    t->left -= (size_t)size;
}
