/* unit.h - the main of a CUnit program. Test names are the sentences of the rules.
 *
 *     static const struct unit_test tests[] = {UNIT(a_full_queue_refuses_a_put), ...};
 *     int main(void) { return unit_run("queue", tests, sizeof tests / sizeof *tests); }
 *
 * CU_basic_run_tests() returns 0 even when asserts failed, so the exit code is made here: it is 0 only if
 * every suite started, at least one test ran, and nothing failed. */
#ifndef MQ_UNIT_H
#define MQ_UNIT_H

#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stdio.h>

struct unit_test {
    const char *name;
    CU_TestFunc run;
};

#define UNIT(function)                                                                                       \
    {                                                                                                        \
#function, function                                                                                  \
    }

/* Asserts that end the test and print what was expected and what was seen. */
#define CHECK(condition) CU_ASSERT_FATAL(condition)
#define CHECK_EQUAL(seen, expected)                                                                          \
    do {                                                                                                     \
        long long unit_seen = (long long)(seen), unit_expected = (long long)(expected);                      \
        if (unit_seen != unit_expected)                                                                      \
            printf("\n    %s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #seen, unit_seen,         \
                   unit_expected);                                                                           \
        CU_ASSERT_FATAL(unit_seen == unit_expected);                                                         \
    } while (0)

static inline int unit_run(const char *module, const struct unit_test *tests, size_t count)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite(module, NULL, NULL);
    for (size_t i = 0; suite && i < count; i++)
        if (!CU_add_test(suite, tests[i].name, tests[i].run))
            return 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned bad =
        CU_get_number_of_failures() + CU_get_number_of_suites_failed() + CU_get_number_of_tests_failed();
    bool ok = suite && !bad && CU_get_number_of_tests_run() == count && count > 0;
    CU_cleanup_registry();
    return ok ? 0 : 1;
}

#endif
