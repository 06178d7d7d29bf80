/* SPDX-License-Identifier: MIT
 *
 * What is refused, and with which words.
 */
#include "plugin-fixtures.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void names_are_checked(void **state)
{
    struct plugins *plugins = *state;
    refused(plugins, "", "letters, digits", "");
    refused(plugins, "a.b", "letters, digits", "");
    refused(plugins, "..", "letters, digits", "");
    refused(plugins, "./x", "ends in .so", "");
    refused(plugins, "/.so", "letters, digits", "");
    refused(plugins, "env", "meaning of its own", "");
    refused(plugins, "/nowhere/foo.so", "No such file", "/nowhere/foo.so");
    refused(plugins, "shel", "not found; searched ", "did you mean 'shell'?");
    AUTO_FREE char *searched = xasprintf("searched %s, %s", fixtures_dir, plugins->path.v[1]);
    refused(plugins, "shel", searched, "");
    refused(plugins, "sqlalchemy", searched, "");
}

static void other_abi_is_refused_before_any_code_runs(void **state)
{
    struct plugins *plugins = *state;
    AUTO_FREE char *mark = in(fixtures_base, "touched"),
                   *path = in(fixtures_other, "constructor.so");
    setenv("CIPLUG_TEST_TOUCH", mark, 1);
    compile(fixtures_other, "constructor", "plugins/constructor.c", "-DFIXTURE_MAJOR=2");
    refused(plugins, path, "built for ABI 2, this ciplug has 0", path);
    assert_int_equal(access(mark, F_OK), -1);
    /* The proof that the constructor works: of this ABI it runs. */
    unlink(path);
    compile(fixtures_other, "constructor", "plugins/constructor.c", "");
    must_load(plugins, path);
    assert_int_equal(access(mark, F_OK), 0);
    unlink(path);
    unsetenv("CIPLUG_TEST_TOUCH");
}

static void refuse_fixture(struct plugins *plugins, const char *name, const char *first)
{
    AUTO_FREE char *source = xasprintf("plugins/%s.c", name);
    AUTO_FREE char *path = xasprintf("%s/%s.so", fixtures_other, name);
    compile(fixtures_other, name, source, "");
    refused(plugins, path, first, path);
    unlink(path);
}

static void fixtures_are_refused(void **state)
{
    struct plugins *plugins = *state;
    refuse_fixture(plugins, "abi-minor", "built for ABI 0.1000, this ciplug has 0.");
    refuse_fixture(plugins, "no-entry", "no entry ciplug_plugin()");
    refuse_fixture(plugins, "no-note", "no ABI note");
    refuse_fixture(plugins, "undefined", ": undefined symbol: missing_function (");
    assert_int_equal(plugins->n, 0);
}

static void wrong_tables_are_refused(void **state)
{
    struct plugins *plugins = *state;
    static const char *const cases[][2] = {
        {"NAME", "its table says 'other', its file 'broken'"},
        {"SIZE", "the size of its table is 8"},
        {"MAJOR", "its table says ABI 9, this ciplug has 0"},
        {"NULL_TABLE", "returned nothing"},
        {"OPTION_SIZE", "the size of its options is 4"},
        {"OPTION_NAME", "its option 'a.b' has no valid name"},
        {"OPTION_NAMELESS", "its option '' has no valid name"},
        {"OPTION_TYPE", "its option 'port' is of unknown type 99"},
        {"OPTION_CHOICES", "its option 'port' has no choices"},
        {"OPTION_RANGE", "minimum above its maximum"},
        {"OPTION_DEFAULT", "the default of its option 'port': "},
        {"OPTION_TWICE", "two options 'port'"},
        {"BUILDER_NAME", "its builder 'a b' has no valid name"},
        {"BUILDER_BUILD", "its builder 'run' has no build()"},
        {"BUILDER_TWICE", "two builders 'run'"},
        {"REPORTER", "its reporter has no event()"},
        {"ADVISOR", "its advisor has no estimate()"},
    };
    AUTO_FREE char *path = in(fixtures_other, "broken.so");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO_FREE char *flags = xasprintf("-O0 -w -DFIXTURE_%s", cases[i][0]);
        unlink(path); /* what is mapped stays as it is */
        compile(fixtures_other, "broken", "plugins/broken.c", flags);
        refused(plugins, path, cases[i][1], path);
    }
    unlink(path);
    compile(fixtures_other, "broken", "plugins/broken.c", "");
    must_load(plugins, path);
    unlink(path);
}

static void no_shared_objects_are_refused(void **state)
{
    struct plugins *plugins = *state;
    AUTO_FREE char *path = in(fixtures_other, "foo.so");
    spill(path, "", 0);
    refused(plugins, path, "the file is empty", path);
    spill(path, "#!/bin/sh\n", 10);
    refused(plugins, path, "not a shared object (", path);
    spill(path, "\177ELF", 4);
    refused(plugins, path, "truncated: 4 bytes", path);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused(plugins, path, "not a regular file", path);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    refused(plugins, path, "it is a folder", path);
    rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_checked),
        TEST(other_abi_is_refused_before_any_code_runs),
        TEST(fixtures_are_refused),
        TEST(wrong_tables_are_refused),
        TEST(no_shared_objects_are_refused),
    };
    return cmocka_run_group_tests(tests, fixtures_make, fixtures_remove);
}
