/* failing_malloc.h - malloc, calloc and realloc that fail when told to.
 *
 * A test that includes this is linked with --wrap for them (tests.cmake sees to it), so every call that
 * the code under test makes comes here; libraries that are loaded at run time keep their own. */
#ifndef MQ_FAILING_MALLOC_H
#define MQ_FAILING_MALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static uint64_t malloc_calls;    /* so far */
static uint64_t malloc_fails_at; /* this call fails, counted like malloc_calls from 1; 0: none */
static bool malloc_always_fails;
static uint64_t malloc_failures; /* calls that were made to fail */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool malloc_is_to_fail(void)
{
    bool fails = ++malloc_calls == malloc_fails_at || malloc_always_fails;
    malloc_failures += fails;
    return fails;
}

void *__wrap_malloc(size_t size)
{
    return malloc_is_to_fail() ? NULL : __real_malloc(size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return malloc_is_to_fail() ? NULL : __real_aligned_alloc(alignment, size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return malloc_is_to_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return malloc_is_to_fail() ? NULL : __real_realloc(old, size);
}

#endif
