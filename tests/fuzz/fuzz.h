/* fuzz.h - what a fuzz target is: a function that takes any bytes and must survive them.
 *
 * Each fuzz_*.c is built twice: with replay.c into a test that needs no special compiler, and with
 * -DMQ_FUZZ=ON by clang into a libFuzzer program that looks for new inputs. tests/fuzz/corpus/NAME holds
 * where both begin. An input that was found to do harm becomes a file there, named after what it did. */
#ifndef MQ_FUZZ_H
#define MQ_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#endif
