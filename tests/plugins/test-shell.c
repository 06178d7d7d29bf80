/* SPDX-License-Identifier: MIT */
#include "plugin-fixtures.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int build_shell(struct plugins *plugins, const struct ciplug_command *command,
                       const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    struct plugin *shell = must_load(plugins, "shell");
    struct problems problems = {0};
    assert_int_equal(plugins_open(plugins, &problems), 0);
    assert_string_equal(shell->table.version, "9");
    return shell->builders[0].build(shell->self, command, inner, out);
}

static void shell_runs_scripts_and_words(void **state)
{
    struct plugins *plugins = *state;
    const char *const sh[] = {"sh", "-ec", NULL}, *const words[] = {"a", "b c", NULL};
    struct ciplug_command command = {.size = sizeof command, .script = "x 'y'\nz", .shell = sh};
    struct ciplug_argv out = {ARGV_INIT};
    assert_int_equal(build_shell(plugins, &command, NULL, &out), 0);
    words_are(&out, (const char *const[]){"sh", "-ec", "x 'y'\nz", NULL});
    argv_free(&out.argv);

    command = (struct ciplug_command){.size = sizeof command, .words = words};
    assert_int_equal(build_shell(plugins, &command, NULL, &out), 0);
    words_are(&out, words);
    argv_free(&out.argv);
}

static void shell_refuses_what_it_cannot_run(void **state)
{
    struct plugins *plugins = *state;
    const char *const sh[] = {"sh", "-ec", NULL}, *const words[] = {NULL};
    struct ciplug_command command = {.size = sizeof command, .shell = sh, .words = words};
    struct ciplug_argv inner = {ARGV_INIT}, out = {ARGV_INIT};
    assert_int_equal(build_shell(plugins, &command, NULL, &out), -1);
    assert_string_equal(fixtures_lines, "ciplug: plugin shell: there is no command to run\n");
    command.script = "x";
    assert_int_equal(build_shell(plugins, &command, &inner, &out), -1);
    assert_non_null(strstr(fixtures_lines, "must stand last in `uses`"));
    argv_free(&out.argv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shell_runs_scripts_and_words),
        TEST(shell_refuses_what_it_cannot_run),
    };
    return cmocka_run_group_tests(tests, fixtures_make, fixtures_remove);
}
