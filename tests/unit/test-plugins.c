/* SPDX-License-Identifier: MIT */
#include "plugin-fixtures.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- search path and registry ---- */

static void path_has_its_order(void **state)
{
    (void)state;
    struct plugins plugins;
    AUTO_FREE char *option = xasprintf("%s:./here::%s", fixtures_other, fixtures_other);
    setenv("CIPLUG_PLUGIN_PATH", fixtures_dir, 1);
    plugins_init(&plugins, option);
    unsetenv("CIPLUG_PLUGIN_PATH");
    AUTO_FREE char *here = realpath(".", NULL);
    AUTO_FREE char *relative = in(here, "./here");
    assert_int_equal(plugins.path.n, 4);
    assert_string_equal(plugins.path.v[0], fixtures_other);
    assert_string_equal(plugins.path.v[1], relative);
    assert_string_equal(plugins.path.v[2], fixtures_dir);
    assert_true(str_starts(plugins.path.v[3], "/")); /* the installed one */
    plugins_close(&plugins);
}

/* A copy of this program stands where ./ciplug would; it is asked for its path. */
static void build_folder_comes_before_the_installed_one(void **state)
{
    (void)state;
    if (getenv("CIPLUG_TEST_VALGRIND")) {
        print_message("not under valgrind, which is what /proc/self/exe names then\n");
        return;
    }
    AUTO_FREE char *folder = in(fixtures_base, "build"), *libs = in(folder, "plugins/.libs");
    AUTO_FREE char *libtool = in(folder, "libtool"), *output = in(folder, "output");
    AUTO_FREE char *prepare = xasprintf("cp /proc/%d/exe %s/ciplug", (int)getpid(), folder);
    AUTO_FREE char *run = xasprintf("%s/ciplug --print-path >%s", folder, output);
    size_t size;
    assert_int_equal(mkdirs(libs, 0700), 0);
    assert_int_equal(system(prepare), 0);
    assert_int_equal(system(run), 0);
    AUTO_FREE char *installed = slurp(output, &size);
    assert_null(strstr(installed, folder));
    spill(libtool, "", 0);
    assert_int_equal(system(run), 0);
    AUTO_FREE char *both = slurp(output, &size), *wanted = xasprintf("%s\n%s", libs, installed);
    assert_string_equal(both, wanted);
}

static int print_path(void)
{
    struct plugins plugins;
    plugins_init(&plugins, NULL);
    for (size_t i = 0; i < plugins.path.n; i++)
        puts(plugins.path.v[i]);
    plugins_close(&plugins);
    return 0;
}

static void loads_each_once(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *good = must_load(plugins, "good");
    struct plugin *shell = must_load(plugins, "shell");
    AUTO_FREE char *path = in(fixtures_dir, "good.so"),
                   *detour = in(fixtures_dir, "../good/./good.so");
    assert_ptr_not_equal(good, shell);
    assert_ptr_equal(must_load(plugins, "good"), good);
    assert_ptr_equal(must_load(plugins, path), good);
    assert_ptr_equal(must_load(plugins, detour), good);
    assert_int_equal(plugins->n, 2);
    assert_string_equal(good->path, path);
    assert_string_equal(shell->table.name, "shell");
    assert_ptr_equal(plugins_find(plugins, "good"), good);
    assert_null(plugins_find(plugins, "goo"));
}

static void two_of_one_name_are_refused(void **state)
{
    struct plugins *plugins = *state;
    size_t size;
    AUTO_FREE char *from = in(fixtures_dir, "good.so"), *copy = in(fixtures_other, "good.so");
    AUTO_FREE char *data = slurp(from, &size);
    spill(copy, data, size);
    must_load(plugins, "good");
    refused(plugins, copy, "there is another plugin of that name", from);
    unlink(copy);
}

static void symbolic_links_are_followed(void **state)
{
    struct plugins *plugins = *state;
    AUTO_FREE char *target = in(fixtures_dir, "good.so"), *link = in(fixtures_other, "good.so");
    assert_int_equal(symlink(target, link), 0);
    assert_string_equal(must_load(plugins, link)->path, target);
    unlink(link);
}

static void builders_are_found(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *good = must_load(plugins, "good"), *owner = NULL;
    const struct ciplug_builder *far = plugins_builder(plugins, "good.far", &owner);
    assert_non_null(far);
    assert_ptr_equal(owner, good);
    assert_int_equal(far->flags, CIPLUG_BUILDER_LEAF | CIPLUG_BUILDER_REMOTE);
    assert_string_equal(plugins_builder(plugins, "good", NULL)->name, "");
    assert_null(plugins_builder(plugins, "good.", NULL));
    assert_null(plugins_builder(plugins, "good.fa", NULL));
    assert_null(plugins_builder(plugins, "goo", NULL));
    assert_null(plugins_builder(plugins, "shell", NULL));
    assert_null(plugins_builder(plugins, "", NULL));
}

static void list_is_sorted(void **state)
{
    struct plugins *plugins = *state;
    AUTO_FREE char *readme = in(fixtures_dir, "README"), *odd = in(fixtures_dir, "a b.so");
    spill(readme, "", 0);
    spill(odd, "", 0);
    AUTO_STRV struct strv names = STRV_INIT;
    plugins_list(plugins, &names);
    static const char *const wanted[] = {"good", "newer", "older", "shell"};
    assert_int_equal(names.n, ARRAY_SIZE(wanted));
    for (size_t i = 0; i < names.n; i++)
        assert_string_equal(names.v[i], wanted[i]);
    unlink(readme);
    unlink(odd);
}

/* ---- structs of other sizes ---- */

static void smaller_structs_are_filled_with_zero(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *older = must_load(plugins, "older");
    struct problems problems = {0};
    assert_int_equal(older->n_builders, 1);
    assert_null(older->table.open);
    assert_null(older->table.close);
    assert_null(older->table.reporter);
    assert_null(older->reporter.event);
    assert_null(older->advisor.estimate);
    assert_string_equal(older->options[0]->name, "old");
    assert_string_equal(older->options[0]->def, "x");
    assert_string_equal(older->options[0]->help, "");
    assert_null(older->options[0]->choices);
    assert_true(older->options[0]->min == 0);
    assert_null(older->options[1]);
    assert_int_equal(plugins_open(plugins, &problems), 0);
}

static void larger_structs_are_cut(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *newer = must_load(plugins, "newer");
    assert_true(newer->table.size == sizeof newer->table);
    assert_string_equal(newer->table.version, "");
    assert_string_equal(newer->table.summary, "");
    assert_int_equal(newer->n_builders, 1);
    assert_true(newer->builders[0].size == sizeof newer->builders[0]);
    assert_string_equal(newer->builders[0].help, "New.");
    assert_null(newer->options[0]);
}

/* ---- calls ---- */

static void api_builds_commands(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *good = must_load(plugins, "good");
    struct problems problems = {0};
    assert_int_equal(plugins_open(plugins, &problems), 0);
    assert_true(good->opened);
    const struct ciplug_command command = {.size = sizeof command};
    struct ciplug_argv inner = {ARGV_INIT}, out = {ARGV_INIT};
    strv_push(&inner.argv.words, "in ner");
    strv_setenv(&inner.argv.env, "GOOD=inner");
    strv_setenv(&inner.argv.env, "MORE=1");
    inner.argv.cwd = xstrdup("/in");
    assert_int_equal(good->builders[0].build(good->self, &command, &inner, &out), 0);
    words_are(&out, (const char *const[]){"go", "web", "in ner", NULL});
    assert_int_equal(out.argv.env.n, 2);
    assert_string_equal(strv_getenv(&out.argv.env, "GOOD"), "inner");
    assert_string_equal(out.argv.cwd, "/in");
    assert_non_null(strstr(fixtures_lines, "not in its table: undeclared"));
    argv_free(&inner.argv);
    argv_free(&out.argv);
}

static const char *some_option(void *data, const struct plugin *plugin,
                               const struct ciplug_command *command, const char *name)
{
    (void)command;
    assert_string_equal(plugin->table.name, "good");
    return strcmp(name, "service") == 0 ? data : NULL;
}

static void api_asks_the_run_for_options(void **state)
{
    struct plugins *plugins = *state;
    struct plugin *good = must_load(plugins, "good");
    struct problems problems = {0};
    char value[] = "db";
    plugins->option = some_option;
    plugins->option_data = value;
    assert_int_equal(plugins_open(plugins, &problems), 0);
    const struct ciplug_command command = {.size = sizeof command};
    struct ciplug_argv out = {ARGV_INIT};
    assert_int_equal(good->builders[0].build(good->self, &command, NULL, &out), 0);
    words_are(&out, (const char *const[]){"go", "db", NULL});
    argv_free(&out.argv);
}

static void open_and_close_are_called_once(void **state)
{
    (void)state;
    struct plugins plugins;
    struct problems problems = {0};
    plugins_init(&plugins, fixtures_dir);
    must_load(&plugins, "good");
    setenv("CIPLUG_TEST_OPEN", "fail", 1);
    assert_int_equal(plugins_open(&plugins, &problems), -1);
    unsetenv("CIPLUG_TEST_OPEN");
    assert_int_equal(problems.n, 1);
    assert_non_null(strstr(problems.list[0].text, "plugin 'good': cannot be used"));
    problems_free(&problems);
    plugins_close(&plugins);
    assert_string_equal(fixtures_lines, ""); /* close() was not called */

    plugins_init(&plugins, fixtures_dir);
    struct plugin *good = must_load(&plugins, "good");
    assert_int_equal(plugins_open(&plugins, &problems), 0);
    good->table.open = NULL; /* a second call would be seen by self */
    assert_int_equal(plugins_open(&plugins, &problems), 0);
    plugins_close(&plugins);
    assert_string_equal(fixtures_lines, "ciplug: warning: plugin good: good by?e\n");
    assert_int_equal(plugins.n, 0);
}

static void built_in_plugins_are_like_others(void **state)
{
    struct plugins *plugins = *state;
    const struct ciplug_plugin table = {
        .size = sizeof table, .abi_major = CIPLUG_ABI_MAJOR, .name = "console"};
    struct plugin *console = plugins_add(plugins, &table, "built in");
    assert_non_null(console);
    assert_string_equal(console->path, "built in");
    assert_ptr_equal(must_load(plugins, "console"), console);
    const struct ciplug_plugin wrong = {.size = sizeof wrong, .abi_major = 9, .name = "wrong"};
    assert_null(plugins_add(plugins, &wrong, "built in"));
    assert_non_null(strstr(fixtures_lines, "plugin 'wrong': its table says ABI 9"));
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--print-path") == 0)
        return print_path();
    const struct CMUnitTest tests[] = {
        TEST(path_has_its_order),
        TEST(build_folder_comes_before_the_installed_one),
        TEST(loads_each_once),
        TEST(two_of_one_name_are_refused),
        TEST(symbolic_links_are_followed),
        TEST(builders_are_found),
        TEST(list_is_sorted),
        TEST(smaller_structs_are_filled_with_zero),
        TEST(larger_structs_are_cut),
        TEST(api_builds_commands),
        TEST(api_asks_the_run_for_options),
        TEST(open_and_close_are_called_once),
        TEST(built_in_plugins_are_like_others),
    };
    return cmocka_run_group_tests(tests, fixtures_make, fixtures_remove);
}
