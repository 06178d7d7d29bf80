/* SPDX-License-Identifier: MIT
 *
 * The public header under strict compilers.
 */
#include "plugin-fixtures.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void header_is_clean_c11(void **state)
{
    struct plugins *plugins = *state;
    AUTO_FREE char *path = in(fixtures_other, "header.so");
    compile(fixtures_other, "header", "plugins/header.c",
            "-std=c11 -pedantic -Wall -Wextra -Werror");
    must_load(plugins, path);
    unlink(path);
}

static void header_is_clean_cxx17(void **state)
{
    struct plugins *plugins = *state;
    if (system("command -v ${CXX:-c++} >/dev/null")) {
        print_message("no C++ compiler\n");
        skip();
    }
    AUTO_FREE char *path = in(fixtures_other, "header.so");
    AUTO_FREE char *source = in(source_dir(), "plugins/header.cc");
    assert_int_equal(
        run_compiler("${CXX:-c++}", source, path, "-std=c++17 -pedantic -Wall -Wextra -Werror"), 0);
    assert_string_equal(must_load(plugins, path)->table.summary, "C++");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(header_is_clean_c11),
        TEST(header_is_clean_cxx17),
    };
    return cmocka_run_group_tests(tests, fixtures_make, fixtures_remove);
}
