/* What every cmocka test file ends with: TEST_MAIN(tests) runs the group twice in one process, so
 * that state which the first run left behind fails the second. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEST_MAIN(tests)                                                                           \
    int main(void)                                                                                 \
    {                                                                                              \
        int r = cmocka_run_group_tests_name(#tests, tests, NULL, NULL);                            \
        return r ? r : cmocka_run_group_tests_name(#tests " again", tests, NULL, NULL);            \
    }
