/* SPDX-License-Identifier: MIT
 *
 * A place that is not here, as a test describes it: every command is handed to the program
 * `far.client`, with a word that says what for.
 *
 *     run [NAME...] -- WORD...   stop   alive   evidence   fetch PATTERN...   check   enter
 */
#include <ciplug/plugin.h>

#include <string.h>

static const struct ciplug_api *api; /* a fixture is opened once */

static int far_open(const struct ciplug_api *given, void **self)
{
    api = given;
    *self = &api;
    return 0;
}

static int start(const struct ciplug_command *command, const char *what, struct ciplug_argv *out)
{
    return api->argv_add(out, api->option(api, command, "client")) || api->argv_add(out, what);
}

static int add_all(struct ciplug_argv *out, const char *const *words)
{
    for (; words && *words; words++) {
        if (api->argv_add(out, *words))
            return -1;
    }
    return 0;
}

static int far_build(void *self, const struct ciplug_command *command,
                     const struct ciplug_argv *inner, struct ciplug_argv *out)
{
    static const char *const names[] = {"FAR_ENGINE", "FAR_SECRET", "FAR_UNSET", NULL};
    const char *intent = api->option(api, command, "intent");
    (void)self;
    if (intent &&
        (api->intent(api, command, intent, names) || api->intent(api, command, intent, names)))
        return -1;
    if (start(command, "run", out) || (!command->guarded && add_all(out, command->env)))
        return -1;
    if (!command->guarded && command->cwd && api->argv_add(out, command->cwd))
        return -1;
    return api->argv_add(out, "--") || api->argv_append(out, inner);
}

static int wants(const struct ciplug_command *command, const char *what)
{
    const char *asked = api->option(api, command, "callbacks");
    return asked && strstr(asked, what);
}

#define CALLBACK(what)                                                                             \
    static int far_##what(void *self, const struct ciplug_command *command,                        \
                          struct ciplug_argv *out)                                                 \
    {                                                                                              \
        (void)self;                                                                                \
        return wants(command, #what) ? start(command, #what, out) : 0;                             \
    }
CALLBACK(stop)
CALLBACK(alive)
CALLBACK(check)
CALLBACK(enter)

static int far_evidence(void *self, const struct ciplug_command *command,
                        const struct ciplug_result *result, struct ciplug_argv *out)
{
    (void)self;
    (void)result;
    if (!wants(command, "evidence"))
        return 0;
    return start(command, "evidence", out) || api->argv_add(out, command->started);
}

static int far_fetch(void *self, const struct ciplug_command *command, const char *const *patterns,
                     struct ciplug_argv *out)
{
    (void)self;
    if (!wants(command, "fetch"))
        return 0;
    return start(command, "fetch", out) || add_all(out, patterns);
}

static int far_reap(void *self, const struct ciplug_intent *intent, struct ciplug_argv *out)
{
    (void)self;
    return api->argv_add(out, "false") || api->argv_add(out, intent->what);
}

static const struct ciplug_builder far_builder = {
    .size = sizeof far_builder,
    .name = "",
    .flags = CIPLUG_BUILDER_REMOTE,
    .build = far_build,
    .stop = far_stop,
    .alive = far_alive,
    .evidence = far_evidence,
    .fetch = far_fetch,
    .check = far_check,
    .enter = far_enter,
};
static const struct ciplug_builder *const far_builders[] = {&far_builder, NULL};

static const char *const guards[] = {"auto", "yes", "no", NULL};
static const struct ciplug_option far_client = {
    .size = sizeof far_client, .name = "client", .type = CIPLUG_OPTION_PATH, .def = "client"};
static const struct ciplug_option far_guard = {.size = sizeof far_guard,
                                               .name = "guard",
                                               .type = CIPLUG_OPTION_CHOICE,
                                               .def = "auto",
                                               .choices = guards};
static const struct ciplug_option far_callbacks = {
    .size = sizeof far_callbacks, .name = "callbacks", .type = CIPLUG_OPTION_WORDS};
static const struct ciplug_option far_intent = {
    .size = sizeof far_intent, .name = "intent", .type = CIPLUG_OPTION_STRING};
static const struct ciplug_option *const far_options[] = {&far_client, &far_guard, &far_callbacks,
                                                          &far_intent, NULL};

static const struct ciplug_plugin far_plugin = {
    .size = sizeof far_plugin,
    .abi_major = CIPLUG_ABI_MAJOR,
    .abi_minor = CIPLUG_ABI_MINOR,
    .name = "far",
    .version = "1",
    .summary = "Elsewhere, for tests",
    .options = far_options,
    .builders = far_builders,
    .open = far_open,
    .reap = far_reap,
};

CIPLUG_PLUGIN(far_plugin);
