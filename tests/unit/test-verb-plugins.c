/* SPDX-License-Identifier: MIT */
#include "plugin-fixtures.h"
#include "util.h"
#include "verb_plugins.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Status of `ciplug plugins WORDS...` and what it writes; the caller's. */
static int verb(struct plugins *plugins, char **words, char **output)
{
    AUTO_FREE char *path = in(fixtures_base, "output");
    int saved = dup(1), fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), argc = 0;
    assert_true(saved >= 0 && fd >= 0);
    while (words[argc])
        argc++;
    fflush(stdout);
    dup2(fd, 1);
    int status = verb_plugins(argc, words, plugins);
    dup2(saved, 1);
    close(saved);
    close(fd);
    size_t size;
    *output = slurp(path, &size);
    return status;
}

#define WORDS(...)                                                                                 \
    (char *[])                                                                                     \
    {                                                                                              \
        (char[]){"plugins"}, __VA_ARGS__                                                           \
    }

static void verb_lists_plugins(void **state)
{
    struct plugins *plugins = *state;
    AUTO_FREE char *text = NULL;
    assert_int_equal(verb(plugins, WORDS(NULL), &text), 0);
    AUTO_FREE char *first =
        xasprintf("good   1.2  %s/good.so   Nothing wrong with it\n", fixtures_dir);
    assert_true(str_starts(text, first));
    assert_non_null(strstr(text, "\nnewer "));
    assert_non_null(strstr(text, "\nolder  0.1 "));
    assert_string_equal(fixtures_lines, "");
}

static void verb_goes_on_after_a_bad_one(void **state)
{
    struct plugins *plugins = *state;
    AUTO_FREE char *path = in(fixtures_dir, "bad.so"), *text = NULL;
    spill(path, "", 0);
    assert_int_equal(verb(plugins, WORDS(NULL), &text), 2);
    assert_non_null(strstr(text, "good   1.2 "));
    assert_null(strstr(text, "bad"));
    assert_non_null(strstr(fixtures_lines, "plugin 'bad': the file is empty ("));
    unlink(path);
}

static void verb_shows_one(void **state)
{
    struct plugins *plugins = *state;
    AUTO_FREE char *text = NULL;
    assert_int_equal(verb(plugins, WORDS((char[]){"good"}, NULL), &text), 0);
    assert_true(str_starts(text, "good 1.2: Nothing wrong with it\n"));
    static const char *const wanted[] = {
        "\n  good      Plain.\n",
        "\n  good.far  Far away. (leaf, remote)\n",
        "\n  OPTION    TYPE              DEFAULT  MEANING\n",
        "\n  service   string            web      Which one.\n",
        "\n  unset     string            -        \n",
        "\n  port      integer 1..65535  22       Where.\n",
        "\n  color     red|green         green    Of the bike shed.\n",
        "reporter",
        "advisor",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        if (!strstr(text, wanted[i]))
            fail_msg("no \"%s\" in:\n%s", wanted[i], text);
    }
}

static void verb_prints_json(void **state)
{
    struct plugins *plugins = *state;
    AUTO_FREE char *text = NULL, *all = NULL;
    assert_int_equal(verb(plugins, WORDS((char[]){"good"}, (char[]){"--json"}, NULL), &text), 0);
    json_t *good = json_loads(text, 0, NULL);
    assert_non_null(good);
    const char *name, *path, *flag, *choice;
    int max = 0;
    json_t *options = json_object_get(good, "options");
    assert_int_equal(json_unpack(good, "{s:s, s:s, s:[*], s:[{}, {s:[s]}]}", "name", &name, "path",
                                 &path, "options", "builders", "flags", &flag),
                     0);
    assert_string_equal(name, "good");
    assert_string_equal(flag, "leaf");
    assert_int_equal(json_array_size(options), 8);
    assert_true(json_is_null(json_object_get(json_array_get(options, 1), "default")));
    assert_int_equal(json_unpack(json_array_get(options, 3), "{s:i}", "max", &max), 0);
    assert_int_equal(max, 65535);
    assert_int_equal(
        json_unpack(json_array_get(options, 6), "{s:[s], s:s}", "choices", &choice, "type", &name),
        0);
    assert_string_equal(choice, "red");
    assert_string_equal(name, "choice");

    assert_int_equal(verb(plugins, WORDS((char[]){"--json"}, NULL), &all), 0);
    json_t *list = json_loads(all, 0, NULL);
    assert_int_equal(json_array_size(list), 4);
    assert_true(json_equal(json_array_get(list, 0), good));
    json_decref(list);
    json_decref(good);
}

static void verb_refuses_nonsense(void **state)
{
    struct plugins *plugins = *state;
    AUTO_FREE char *a = NULL, *b = NULL, *c = NULL;
    assert_int_equal(verb(plugins, WORDS((char[]){"shel"}, NULL), &a), 2);
    assert_string_equal(a, "");
    assert_true(str_starts(fixtures_lines, "ciplug: plugin 'shel': not found; searched "));
    assert_non_null(strstr(fixtures_lines, "(did you mean 'shell'?)\n"));
    assert_int_equal(verb(plugins, WORDS((char[]){"--jason"}, NULL), &b), 2);
    assert_int_equal(verb(plugins, WORDS((char[]){"a"}, (char[]){"b"}, NULL), &c), 2);
}

static void verb_notices_a_full_disk(void **state)
{
    struct stat st;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0 || fstat(full, &st) || !S_ISCHR(st.st_mode)) {
        print_message("no device /dev/full\n");
        skip();
    }
    int saved = dup(1);
    dup2(full, 1);
    int status = verb_plugins(1, WORDS(NULL), *state);
    dup2(saved, 1);
    close(saved);
    close(full);
    assert_int_equal(status, 3);
    assert_non_null(strstr(fixtures_lines, "standard output: No space left on device"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(verb_lists_plugins),    TEST(verb_goes_on_after_a_bad_one),
        TEST(verb_shows_one),        TEST(verb_prints_json),
        TEST(verb_refuses_nonsense), TEST(verb_notices_a_full_disk),
    };
    return cmocka_run_group_tests(tests, fixtures_make, fixtures_remove);
}
