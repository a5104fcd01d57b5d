/* text.h - a text that grows in room that is there; asserts that it fits. */
#ifndef MQ_TEXT_H
#define MQ_TEXT_H

#include <stddef.h>

struct text {
    char *at; /* where it goes on */
    size_t left;
};

void say(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
