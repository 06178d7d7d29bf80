/* SPDX-License-Identifier: MIT */
#include "plugin-fixtures.h"
#include "msg.h"
#include "util.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

char *fixtures_base;
char *fixtures_dir;
char *fixtures_other;
char *fixtures_lines;

char *in(const char *folder, const char *name)
{
    return xasprintf("%s/%s", folder, name);
}

const char *source_dir(void)
{
    const char *srcdir = getenv("srcdir");
    return srcdir ? srcdir : ".";
}

int run_compiler(const char *compiler, const char *source, const char *output, const char *flags)
{
    AUTO_FREE char *include = in(source_dir(), "../include");
    setenv("T_FLAGS", flags, 1);
    setenv("T_INCLUDE", include, 1);
    setenv("T_SOURCE", source, 1);
    setenv("T_OUTPUT", output, 1);
    AUTO_FREE char *script = xasprintf("%s -shared -fPIC -fvisibility=hidden -I\"$T_INCLUDE\" "
                                       "$T_FLAGS -o \"$T_OUTPUT\" \"$T_SOURCE\"",
                                       compiler);
    return system(script);
}

void compile(const char *folder, const char *name, const char *source, const char *flags)
{
    AUTO_FREE char *from = in(source_dir(), source);
    AUTO_FREE char *to = xasprintf("%s/%s.so", folder, name);
    if (run_compiler("${CC:-cc}", from, to, flags))
        fail_msg("cannot compile %s", from);
}

static void sink(void *data, const char *line, size_t length)
{
    (void)data;
    char *more = xasprintf("%s%.*s", fixtures_lines, (int)length, line);
    free(fixtures_lines);
    fixtures_lines = more;
}

int fixtures_make(void **state)
{
    (void)state;
    umask(022); /* else what is made here may be written by others */
    fixtures_base = xstrdup("/tmp/ciplug-test-plugins.XXXXXX");
    if (!mkdtemp(fixtures_base))
        return -1;
    fixtures_dir = in(fixtures_base, "good");
    fixtures_other = in(fixtures_base, "other");
    fixtures_lines = xstrdup("");
    if (mkdirs(fixtures_dir, 0700) || mkdirs(fixtures_other, 0700))
        return -1;
    compile(fixtures_dir, "good", "plugins/good.c", "");
    compile(fixtures_dir, "older", "plugins/older.c", "");
    compile(fixtures_dir, "newer", "plugins/newer.c", "");
    compile(fixtures_dir, "shell", "../plugins/shell.c", "-DCIPLUG_VERSION=\"9\"");
    return 0;
}

int fixtures_remove(void **state)
{
    (void)state;
    setenv("T_OUTPUT", fixtures_base, 1);
    int result = system("rm -rf \"$T_OUTPUT\"");
    free(fixtures_base);
    free(fixtures_dir);
    free(fixtures_other);
    free(fixtures_lines);
    return result;
}

int fixtures_begin(void **state)
{
    struct plugins *plugins = xmalloc(sizeof *plugins);
    unsetenv("CIPLUG_PLUGIN_PATH");
    plugins_init(plugins, fixtures_dir);
    *state = plugins;
    fixtures_lines[0] = '\0';
    msg_set_sink(sink, NULL);
    return 0;
}

int fixtures_end(void **state)
{
    plugins_close(*state);
    free(*state);
    msg_set_sink(NULL, NULL);
    return 0;
}

struct plugin *must_load(struct plugins *plugins, const char *name)
{
    struct problems problems = {0};
    struct plugin *plugin = plugins_load(plugins, name, "ci.ini", 3, &problems);
    if (!plugin)
        fail_msg("%s", problems.n ? problems.list[0].text : "no problem said");
    assert_int_equal(problems.n, 0);
    return plugin;
}

void refused(struct plugins *plugins, const char *name, const char *first, const char *second)
{
    struct problems problems = {0};
    assert_null(plugins_load(plugins, name, "ci.ini", 3, &problems));
    assert_int_equal(problems.n, 1);
    const struct problem *problem = &problems.list[0];
    assert_string_equal(problem->file, "ci.ini");
    assert_int_equal(problem->line, 3);
    AUTO_FREE char *start = xasprintf("plugin '%s': ", name);
    if (!str_starts(problem->text, start) || !strstr(problem->text, first) ||
        !strstr(problem->text, second) || strchr(problem->text, '\n'))
        fail_msg("not \"%s\" and \"%s\": %s", first, second, problem->text);
    problems_free(&problems);
}

void words_are(const struct ciplug_argv *out, const char *const *words)
{
    size_t n = 0;
    for (; words[n]; n++) {
        assert_true(n < out->argv.words.n);
        assert_string_equal(out->argv.words.v[n], words[n]);
    }
    assert_int_equal(out->argv.words.n, n);
}

char *slurp(const char *path, size_t *size)
{
    char *data;
    assert_int_equal(read_file(path, 16U << 20, &data, size), 0);
    return data;
}

void spill(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, data, size), 0);
    close(fd);
}
