/* SPDX-License-Identifier: MIT
 *
 * What the tests of config share: a folder, one configuration, what was said about it.
 */
#ifndef CIPLUG_TESTS_CONFIG_PLACE_H
#define CIPLUG_TESTS_CONFIG_PLACE_H

#include "config.h"
#include "strbuf.h"
#include "util.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ciplug-test-XXXXXX";
static struct config config;
static struct problems problems;

static inline void put(const char *name, const void *data, size_t length)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, data, length), 0);
    close(fd);
}

/* What was wrong, one line each, in the order of finding. */
static inline const char *told(void)
{
    static struct strbuf text;
    strbuf_clear(&text);
    for (size_t i = 0; i < problems.n; i++)
        strbuf_addf(&text, "%s:%d: %s\n", problems.list[i].file, problems.list[i].line,
                    problems.list[i].text);
    return strbuf_text(&text);
}

static inline void forget(void)
{
    config_free(&config);
    problems_free(&problems);
}

static inline int before(void **state)
{
    (void)state;
    return chdir(folder);
}

static inline int after(void **state)
{
    (void)state;
    forget();
    return 0;
}

static inline const char *load_bytes(const void *data, size_t length)
{
    forget();
    put("ci.ini", data, length);
    assert_int_equal(config_load(&config, "ci.ini", &problems), 0);
    return told();
}

static inline const char *load(const char *text)
{
    return load_bytes(text, strlen(text));
}

/* All that was read, without line numbers. */
static inline const char *read_back(void)
{
    static struct strbuf text;
    strbuf_clear(&text);
    for (size_t i = 0; i < config.n; i++) {
        const struct config_section *section = &config.sections[i];
        strbuf_addf(&text, "[%s%s%s]", section->kind, section->name ? " " : "",
                    section->name ? section->name : "");
        for (size_t j = 0; j < section->n; j++)
            strbuf_addf(&text, "%s=<%s>", section->values[j].key, section->values[j].value);
    }
    return strbuf_text(&text);
}

static inline int remove_folder(void **state)
{
    (void)state;
    static const char *const left[] = {"ci.ini",   "folder",    "fifo", "big.ini",
                                       "link.ini", "sub/a.ini", "sub",  "."};
    for (size_t i = 0; i + 1 < ARRAY_SIZE(left); i++)
        (void)remove(left[i]);
    return chdir("/") < 0 || rmdir(folder) < 0;
}

static inline int make_folder(void **state)
{
    (void)state;
    return !mkdtemp(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, before, after)

#endif
