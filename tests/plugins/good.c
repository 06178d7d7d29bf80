/* SPDX-License-Identifier: MIT
 *
 * Nothing wrong with it: builders, every type of option, a reporter, an advisor.
 */
#include <ciplug/plugin.h>

#include <stdlib.h>

static const struct ciplug_api *good_api; /* a fixture is opened once */

static int good_open(const struct ciplug_api *api, void **self)
{
    good_api = api;
    *self = &good_api;
    const char *script = getenv("CIPLUG_TEST_OPEN");
    return script && *script == 'f' ? -1 : 0;
}

static void good_close(void *self)
{
    const struct ciplug_api *const *api = self;
    (*api)->message(*api, CIPLUG_LOG_WARNING, "good\nby\33e\n");
}

static int good_build(void *self, const struct ciplug_command *command,
                      const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    const struct ciplug_api *api = *(const struct ciplug_api *const *)self;
    if (api->argv_env(out, "GOOD", "old") || api->argv_env(out, "GOOD", "yes") ||
        api->argv_env(out, "BAD NAME", "x") == 0 || api->argv_env(out, "", "x") == 0 ||
        api->argv_env(out, "GOOD", NULL) == 0)
        return -1;
    if (api->argv_add(out, "go") || api->argv_add(out, api->option(api, command, "service")))
        return -1;
    if (api->argv_add(out, NULL) == 0 || api->argv_append(out, out) == 0)
        return -1;
    if (api->option(api, command, "undeclared") || api->option(api, command, "unset"))
        return -1;
    return inner ? api->argv_append(out, inner) : 0;
}

static const struct ciplug_builder good_plain = {sizeof good_plain, "", "Plain.", 0, good_build};
static const struct ciplug_builder good_far = {
    sizeof good_far, "far", "Far away.", CIPLUG_BUILDER_LEAF | CIPLUG_BUILDER_REMOTE, good_build};
static const struct ciplug_builder *const good_builders[] = {&good_plain, &good_far, NULL};

static const char *const colors[] = {"red", "green", NULL};

#define OPTION(type, name, def, help, ...)                                                         \
    &(const struct ciplug_option)                                                                  \
    {                                                                                              \
        sizeof(struct ciplug_option), name, CIPLUG_OPTION_##type, def, help, __VA_ARGS__           \
    }
static const struct ciplug_option *const good_options[] = {
    OPTION(STRING, "service", "web", "Which one.", NULL, 0, 0),
    OPTION(STRING, "unset", NULL, NULL, NULL, 0, 0),
    OPTION(BOOL, "tty", "no", "Ask for a terminal.", NULL, 0, 0),
    OPTION(INTEGER, "port", "22", "Where.", NULL, 1, 65535),
    OPTION(DURATION, "patience", "1m30s", "How long.", NULL, 0, 0),
    OPTION(WORDS, "args", "-a -b", "More.", NULL, 0, 0),
    OPTION(CHOICE, "color", "green", "Of the bike shed.", colors, 0, 0),
    OPTION(PATH, "file", "a/b", "What.", NULL, 0, 0),
    NULL,
};

static void good_event(void *self, const struct ciplug_event *event)
{
    (void)self;
    (void)event;
}

static const struct ciplug_reporter good_reporter = {sizeof good_reporter, CIPLUG_RUN_FINISHED,
                                                     good_event, NULL};

static int good_estimate(void *self, const char *step, const char *item, uint64_t *nanoseconds)
{
    (void)self;
    (void)step;
    (void)item;
    *nanoseconds = 5;
    return 1;
}

static const struct ciplug_advisor good_advisor = {sizeof good_advisor, good_estimate};

static const struct ciplug_plugin good_plugin = {
    .size = sizeof good_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "good",
    .version = "1.2",
    .summary = "Nothing wrong with it",
    .options = good_options,
    .builders = good_builders,
    .reporter = &good_reporter,
    .advisor = &good_advisor,
    .open = good_open,
    .close = good_close,
};

CIPLUG_PLUGIN(good_plugin);
