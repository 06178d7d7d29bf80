/* SPDX-License-Identifier: MIT
 *
 * What the tests of the ssh plugin share: the plugin that was built, options of the current test, a
 * command on a host.
 */
#ifndef CIPLUG_TESTS_SSH_PLACE_H
#define CIPLUG_TESTS_SSH_PLACE_H

#include "argv.h"
#include "plugin-fixtures.h"
#include "util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of the current test: NAME, VALUE, ..., NULL. */
static const char *settings[32];
static struct strbuf said; /* intents */

static inline const char *option_value(void *data, const struct plugin *plugin,
                                       const struct ciplug_command *command, const char *name)
{
    (void)data;
    (void)command;
    for (const char **at = settings; *at; at += 2) {
        if (strcmp(*at, name) == 0)
            return at[1];
    }
    return option_find(plugin->options, name)->def;
}

static inline const char *section_value(void *data, const struct plugin *plugin,
                                        const struct ciplug_option *option)
{
    return option_value(data, plugin, NULL, option->name);
}

static inline int note_intent(void *data, const struct plugin *plugin, const char *what,
                              const char *const *names)
{
    (void)data;
    (void)plugin;
    assert_null(names);
    strbuf_addf(&said, "%s\n", what);
    return 0;
}

static inline struct plugin *ssh(struct plugins *plugins)
{
    const char *built = getenv("CIPLUG_BUILDDIR");
    AUTO_FREE char *path = in(built ? built : "..", "plugins/.libs/ssh.so");
    AUTO_FREE char *absolute = realpath(path, NULL);
    assert_non_null(absolute);
    struct problems problems = {0};
    struct plugin *plugin = plugins_find(plugins, "ssh");
    if (!plugin)
        plugin = must_load(plugins, absolute);
    assert_int_equal(plugins_open(plugins, &problems), 0);
    plugins->option = option_value;
    plugins->run_option = section_value;
    plugins->intent = note_intent;
    return plugin;
}

static inline const struct ciplug_builder *builder(struct plugins *plugins)
{
    struct plugin *plugin;
    (void)ssh(plugins);
    const struct ciplug_builder *found = plugins_builder(plugins, "ssh", &plugin);
    assert_non_null(found);
    return found;
}

static const char *const variables[] = {"CI", "TOKEN", NULL};
static const struct ciplug_command plain = {
    .size = sizeof plain,
    .step = "unit",
    .number = 7,
    .count = 9,
    .attempt = 2,
    .worker = 4,
    .project = "ciabcd1234w4",
    .run = "abcd1234",
    .run_dir = "/home/me/My App/.ciplug/runs/abcd1234",
    .owner = "boot.1.2",
    .config_dir = "/home/me/My App",
    .paths_from = "/home/me/My App",
    .env = variables,
    .host = "big",
    .host_slot = 3,
    .host_slots = 8,
};

static inline void set(const char *const *pairs)
{
    size_t n = 0;
    do
        settings[n] = pairs[n];
    while (pairs[n++]);
    fixtures_lines[0] = '\0';
    strbuf_clear(&said);
}

#define SET(...) set((const char *const[]){__VA_ARGS__, NULL})

#define FORCED                                                                                     \
    "-o|BatchMode=yes|-o|ConnectTimeout=10|-o|ServerAliveInterval=4|-o|ServerAliveCountMax=3"
#define ALONE  "-o|ControlMaster=no|-o|ControlPath=none"
#define SHARED "-o|ControlMaster=no|-S|/run/h/2.0|-o|ProxyCommand=*"

/* The words, "|" between; a * for scripts of our own. */
static inline void join(struct strbuf *out, const struct ciplug_argv *argv)
{
    for (size_t i = 0; i < argv->argv.words.n; i++) {
        const char *word = argv->argv.words.v[i];
        bool script = strchr(word, '\n') && i + 1 < argv->argv.words.n;
        bool proxy = str_starts(word, "ProxyCommand=");
        strbuf_addf(out, "%s%s", i ? "|" : "", script ? "*" : proxy ? "ProxyCommand=*" : word);
    }
}

static inline void are(struct ciplug_argv *out, const char *expected)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT;
    join(&text, out);
    assert_string_equal(strbuf_text(&text), expected);
    assert_int_equal(out->argv.env.n, 0);
    assert_string_equal(fixtures_lines, "");
    argv_free(&out->argv);
    *out = (struct ciplug_argv){ARGV_INIT};
}

static inline void inner_words(struct ciplug_argv *inner, const char *variable)
{
    *inner = (struct ciplug_argv){ARGV_INIT};
    strv_push(&inner->argv.words, "in");
    strv_push(&inner->argv.words, "it's ner");
    if (variable)
        strv_push(&inner->argv.env, variable);
}

#define INNER "'in' 'it'\\''s ner'"

static inline int remove_all(void **state)
{
    strbuf_free(&said);
    return fixtures_remove(state);
}

#endif
