/* SPDX-License-Identifier: MIT
 *
 * The public header under strict compilers, and the example in docs/writing-a-plugin.md.
 */
#include "plugin-fixtures.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
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

static void the_documented_plugin_works(void **state)
{
    struct plugins *plugins = *state;
    size_t size;
    AUTO_FREE char *page = in(source_dir(), "../docs/writing-a-plugin.md");
    AUTO_FREE char *text = slurp(page, &size), *source = in(fixtures_other, "nice.c");
    AUTO_FREE char *path = in(fixtures_other, "nice.so");
    char *start = strstr(text, "```c\n");
    assert_non_null(start);
    start += strlen("```c\n");
    char *stop = strstr(start, "```\n");
    assert_non_null(stop);
    spill(source, start, (size_t)(stop - start));
    assert_int_equal(run_compiler("${CC:-cc}", source, path, "-pedantic -Wall -Wextra -Werror"), 0);

    struct plugin *nice = must_load(plugins, path);
    struct problems problems = {0};
    assert_int_equal(plugins_open(plugins, &problems), 0);
    const struct ciplug_command command = {.size = sizeof command};
    struct ciplug_argv inner = {ARGV_INIT}, out = {ARGV_INIT};
    strv_push(&inner.argv.words, "make");
    assert_int_equal(nice->builders[0].build(nice->self, &command, &inner, &out), 0);
    words_are(&out, (const char *const[]){"nice", "-n", "10", "make", NULL});
    argv_free(&inner.argv);
    argv_free(&out.argv);
    unlink(source);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(header_is_clean_c11),
        TEST(header_is_clean_cxx17),
        TEST(the_documented_plugin_works),
    };
    return cmocka_run_group_tests(tests, fixtures_make, fixtures_remove);
}
