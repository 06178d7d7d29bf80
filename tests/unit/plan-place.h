/* SPDX-License-Identifier: MIT
 *
 * What the tests of the plan share: a folder, plugins that exist only here, and one plan.
 */
#ifndef CIPLUG_TESTS_PLAN_PLACE_H
#define CIPLUG_TESTS_PLAN_PLACE_H

#include "msg.h"
#include "plan.h"
#include "util.h"

#include <fcntl.h>
#include <ftw.h>
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
static struct plugins plugins;
static struct problems problems;
static struct plan plan;
static int made; /* what plan_make() said */
static struct strbuf lines;

static inline int build_nothing(void *self, const struct ciplug_command *command,
                                const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    (void)self;
    (void)command;
    (void)inner;
    (void)out;
    return 0;
}

/* a and c are slow: 90 s; b takes 10 s; nobody has seen the others. */
static inline int estimate(void *self, const char *step, const char *item, uint64_t *ns)
{
    (void)self;
    (void)step;
    if (strcmp(item, "a") != 0 && strcmp(item, "b") != 0 && strcmp(item, "c") != 0)
        return 0;
    *ns = (*item == 'b' ? 10 : 90) * NS_PER_S;
    return 1;
}

#define FAKE_BUILDER(variable, text, bits)                                                         \
    static const struct ciplug_builder variable = {.size = sizeof(struct ciplug_builder),          \
                                                   .name = text,                                   \
                                                   .flags = bits,                                  \
                                                   .build = build_nothing}
#define FAKE_OPTION(variable, text, kind)                                                          \
    static const struct ciplug_option variable = {                                                 \
        .size = sizeof(struct ciplug_option), .name = text, .type = kind, .min = 0, .max = 9}
#define FAKE_PLUGIN(variable, text, ...)                                                           \
    static const struct ciplug_plugin variable = {.size = sizeof(struct ciplug_plugin),            \
                                                  .abi_major = CIPLUG_ABI_MAJOR,                   \
                                                  .name = text,                                    \
                                                  .version = "1",                                  \
                                                  .summary = "",                                   \
                                                  __VA_ARGS__}

FAKE_BUILDER(fake_shell, "", 0);
FAKE_BUILDER(fake_exec, "exec", CIPLUG_BUILDER_REMOTE);
FAKE_BUILDER(fake_build, "build", CIPLUG_BUILDER_LEAF | CIPLUG_BUILDER_CREATES);
FAKE_BUILDER(fake_rm, "rm", CIPLUG_BUILDER_LEAF);
FAKE_BUILDER(fake_up, "up", CIPLUG_BUILDER_RAMPED);
FAKE_BUILDER(fake_ssh, "", CIPLUG_BUILDER_REMOTE);
FAKE_OPTION(fake_image, "image", CIPLUG_OPTION_STRING);
FAKE_OPTION(fake_level, "level", CIPLUG_OPTION_INTEGER);
FAKE_OPTION(fake_ramp, "ramp", CIPLUG_OPTION_INTEGER);
FAKE_OPTION(fake_address, "address", CIPLUG_OPTION_STRING);
static const struct ciplug_builder *const shell_builders[] = {&fake_shell, NULL};
static const struct ciplug_builder *const docker_builders[] = {&fake_exec, &fake_build, &fake_rm,
                                                               &fake_up, NULL};
static const struct ciplug_builder *const ssh_builders[] = {&fake_ssh, NULL};
static const struct ciplug_option *const docker_options[] = {&fake_image, &fake_level, &fake_ramp,
                                                             NULL};
static const struct ciplug_option *const ssh_options[] = {&fake_address, NULL};
static const struct ciplug_advisor fake_advisor = {.size = sizeof fake_advisor,
                                                   .estimate = estimate};
FAKE_PLUGIN(shell_plugin, "shell", .builders = shell_builders);
FAKE_PLUGIN(docker_plugin, "docker", .builders = docker_builders, .options = docker_options);
FAKE_PLUGIN(ssh_plugin, "ssh", .builders = ssh_builders, .options = ssh_options);
FAKE_PLUGIN(history_plugin, "history", .advisor = &fake_advisor);

static inline void keep_line(void *data, const char *line, size_t length)
{
    (void)data;
    strbuf_add(&lines, line, length);
}

static inline void put(const char *name, const char *text)
{
    AUTO_FREE char *copy = xstrdup(name);
    char *slash = strrchr(copy, '/');
    if (slash) {
        *slash = '\0';
        assert_int_equal(mkdirs(copy, 0700), 0);
    }
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write_all(fd, text, strlen(text)), 0);
    close(fd);
}

static inline void forget(void)
{
    plan_free(&plan);
    config_free(&config);
    problems_free(&problems);
    plugins_close(&plugins);
    strbuf_clear(&lines);
}

static inline void load(const char *ini)
{
    forget();
    plugins_init(&plugins, folder);
    plugins_add(&plugins, &shell_plugin, "built in");
    plugins_add(&plugins, &docker_plugin, "built in");
    plugins_add(&plugins, &ssh_plugin, "built in");
    put("ci.ini", ini);
    assert_int_equal(config_load(&config, "ci.ini", &problems), 0);
}

/* All that was said, sorted as people see it. */
static inline const char *told(void)
{
    problems_print(&problems);
    for (size_t i = 0; i < plan.notices.n; i++)
        strbuf_addf(&lines, "notice: %s\n", plan.notices.v[i]);
    return strbuf_text(&lines);
}

static inline const char *plan_request(const char *ini, const struct plan_request *request)
{
    load(ini);
    made = plan_make(&plan, &config, &plugins, request, &problems);
    return told();
}

/* A machine with four slots, unless the text says otherwise. */
static inline const char *plan_text(const char *ini)
{
    const struct plan_request request = {.workers = strstr(ini, "[ciplug]\nworkers") ? 0 : 4};
    return plan_request(ini, &request);
}

static inline const struct step *step_named(const char *name)
{
    const struct step *step = plan_find_step(&plan, name);
    assert_non_null(step);
    return step;
}

/* Labels of all units, "|" between. */
static inline const char *labels(const char *name)
{
    static struct strbuf text;
    const struct step *step = step_named(name);
    strbuf_clear(&text);
    for (size_t i = 0; i < step->n_units; i++)
        strbuf_addf(&text, "%s%s", i ? "|" : "", step->units[i].label);
    return strbuf_text(&text);
}

/* Numbers and labels of all commands: "1:a b|2:c". */
static inline const char *commands(const char *name)
{
    static struct strbuf text;
    const struct step *step = step_named(name);
    strbuf_clear(&text);
    for (size_t i = 0; i < step->n_commands; i++) {
        const struct planned *command = &step->commands[i];
        strbuf_addf(&text, "%s%u:", i ? "|" : "", command->number);
        for (size_t k = 0; k < command->n; k++)
            strbuf_addf(&text, "%s%s", k ? " " : "", step->units[command->units[k]].label);
    }
    return strbuf_text(&text);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline int make_folder(void **state)
{
    (void)state;
    msg_set_sink(keep_line, NULL);
    return !mkdtemp(folder) || chdir(folder);
}

static inline int remove_folder(void **state)
{
    (void)state;
    forget();
    strbuf_free(&lines);
    return chdir("/") < 0 || nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
